/*
 * time.mjs: how long DuckDB takes for a statement.
 *
 * Reads three pieces of SQL for a new database in memory with two threads, as
 * a JSON array in hexadecimal digits: what to do before, what is measured, and
 * a query for what that came to.  The time is taken in this process, so that
 * neither the start of node nor that of DuckDB counts.  The work is done once
 * before and taken back, as the server's sides run once uncounted.  Prints the
 * seconds and what the work came to, with a tab between, for COPY.
 */
import { readFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';

const input = Buffer.from(readFileSync(0, 'latin1'), 'hex').toString();
const [prepare, work, evidence] = JSON.parse(input);

const database = await DuckDBInstance.create(':memory:', { threads: '2' });
const session = await database.connect();

await session.run(prepare);
await session.run(`BEGIN; ${work}; ROLLBACK`);
const start = process.hrtime.bigint();
await session.run(work);
const seconds = Number(process.hrtime.bigint() - start) / 1e9;
const [[value]] = (await session.runAndReadAll(evidence)).getRowsJson();
console.log(`${seconds}\t${value}`);
