-- The benchmark of one size inside its cluster.  Variables: programs, the folder
-- of this file where the server may read; directory, one that it may write; rows;
-- pairs; duckdb, which is not set where that is not to be had.  Run by
-- test/bench/run.

\pset pager off
\pset footer off
-- There will be more than one session.
ALTER DATABASE :"DBNAME" SET client_min_messages = warning;
ALTER DATABASE :"DBNAME" SET calpads.today = '2025-11-14';
ALTER DATABASE :"DBNAME" SET bench.directory = :'directory';
\connect

CREATE EXTENSION calpads;
CREATE EXTENSION file_fdw;
CREATE SCHEMA bench;

\ir district.sql
\ir jobs.sql
\if :{?duckdb}
\ir duckdb/sides.sql
\endif

-- A job's sides run in turn: the extension (place 0), each other side, and
-- again.  The first time is not counted: it fills the caches of the server.
-- What a side came to is compared with what the extension came to.
CREATE TABLE bench.measurement (job text, place integer, pair integer, seconds double precision, evidence text);

CREATE PROCEDURE bench.run_in_server(side bench.side, INOUT seconds double precision, INOUT evidence text)
LANGUAGE plpgsql AS $$
DECLARE
	started timestamptz;
BEGIN
	EXECUTE side.prepare;
	COMMIT;
	CHECKPOINT;
	started := clock_timestamp();
	EXECUTE side.work;
	COMMIT;
	seconds := extract(epoch FROM clock_timestamp() - started);
	EXECUTE side.evidence INTO evidence;
END;
$$;

CREATE TABLE bench.answer_of_program (seconds double precision, evidence text);

-- The server only waits for the program.  What is in hexadecimal digits passes
-- through COPY as it is.
CREATE PROCEDURE bench.run_program(side bench.side, INOUT seconds double precision, INOUT evidence text)
LANGUAGE plpgsql AS $$
DECLARE
	answer text := bench.path('answer');
BEGIN
	CHECKPOINT;
	EXECUTE format('COPY (SELECT encode(convert_to(json_build_array(s.prepare, s.work, s.evidence)::text, ''UTF8''), ''hex'') '
		'FROM bench.side s WHERE s.job = %L AND s.place = %L) TO PROGRAM %L',
		side.job, side.place, format('%s >%s', side.program, answer));
	TRUNCATE bench.answer_of_program;
	EXECUTE format('COPY bench.answer_of_program FROM %L', answer);
	SELECT a.seconds, a.evidence INTO seconds, evidence FROM bench.answer_of_program a;
END;
$$;

CREATE PROCEDURE bench.measure(side bench.side, pair integer)
LANGUAGE plpgsql AS $$
DECLARE
	seconds double precision;
	evidence text;
	expected text;
BEGIN
	IF side.program IS NULL THEN
		CALL bench.run_in_server(side, seconds, evidence);
	ELSE
		CALL bench.run_program(side, seconds, evidence);
	END IF;
	INSERT INTO bench.measurement VALUES (side.job, side.place, pair, seconds, evidence);
	SELECT m.evidence INTO expected FROM bench.measurement m WHERE m.job = side.job LIMIT 1;
	IF evidence IS DISTINCT FROM expected THEN
		RAISE EXCEPTION '%: "%" came to %, the extension to %', side.job, side.name, evidence, expected;
	END IF;
END;
$$;

CREATE PROCEDURE bench.measure_all(pairs integer)
LANGUAGE plpgsql AS $$
DECLARE
	one_job text;
	side bench.side;
BEGIN
	FOR one_job IN SELECT s.job FROM bench.side s WHERE s.place = 0 ORDER BY s.ordinal LOOP
		FOR pair IN 0 .. pairs LOOP
			FOR side IN SELECT s.* FROM bench.side s WHERE s.job = one_job ORDER BY s.place LOOP
				CALL bench.measure(side, pair);
			END LOOP;
		END LOOP;
	END LOOP;
END;
$$;
CALL bench.measure_all(:pairs);

CREATE TABLE bench.memory (job text PRIMARY KEY, before bigint, most bigint);
\set job LOAD
\ir memory.sql
\set job DELTA
\ir memory.sql
\set job NIGHT
\ir memory.sql

\t on
\a
SELECT version();
SELECT string_agg(format('%s = %s', s.name, current_setting(s.name)), ', ' ORDER BY s.name)
FROM pg_settings s
WHERE s.name IN ('autovacuum', 'fsync', 'jit', 'lc_collate', 'max_parallel_workers_per_gather', 'max_wal_size',
	'server_encoding', 'shared_buffers', 'synchronous_commit', 'wal_level', 'work_mem');
SELECT format('file: %s bytes a row', (s.size / :rows)) FROM pg_stat_file(bench.path('ods.txt')) s;
\t off
\a
\echo
\echo 'Median seconds of both sides; how many times faster the extension is: median, least and most of the pairs.'

CREATE VIEW bench.pair AS
SELECT o.job, o.place, e.seconds AS extension, o.seconds AS other, o.seconds / e.seconds AS ratio,
	split_part(o.evidence, ',', 1) AS result
FROM bench.measurement e JOIN bench.measurement o ON o.job = e.job AND o.pair = e.pair
WHERE e.place = 0 AND o.place > 0 AND e.pair > 0;

SELECT s.job, s.name AS "compared with",
	round(percentile_cont(0.5) WITHIN GROUP (ORDER BY p.extension)::numeric, 3) AS extension,
	round(percentile_cont(0.5) WITHIN GROUP (ORDER BY p.other)::numeric, 3) AS other,
	round(percentile_cont(0.5) WITHIN GROUP (ORDER BY p.ratio)::numeric, 2) AS ratio,
	round(min(p.ratio)::numeric, 2) AS least,
	round(max(p.ratio)::numeric, 2) AS most,
	max(p.result) AS "both came to"
FROM bench.side s JOIN bench.pair p USING (job, place)
GROUP BY s.job, s.place, s.name
ORDER BY (SELECT e.ordinal FROM bench.side e WHERE e.job = s.job AND e.place = 0), s.place;
\if :{?duckdb}
\echo 'DuckDB is no server and keeps no history: it is there for reference. Its time is taken inside its process, around'
\echo 'the one statement; for DELTA both tables are in its memory before.'
\else
\echo 'DuckDB is left out: npm, or the package, is not to be had here.'
\endif
\echo
\echo 'Private memory of a session of the extension and its parallel workers, in MB: before the job, and the most there'
\echo 'was during it. Shared buffers are not in it; a new session has the first of these.'

SELECT m.job,
	round(m.before / 1048576.0, 1) AS before,
	round(m.most / 1048576.0, 1) AS most,
	p.promised AS "promised at most"
FROM bench.memory m LEFT JOIN (VALUES
	('LOAD', 32),
	('DELTA', pg_size_bytes(current_setting('work_mem')) / 1048576 + 96)
) AS p (job, promised) USING (job)
ORDER BY (SELECT e.ordinal FROM bench.side e WHERE e.job = m.job AND e.place = 0);

-- For growth.sql, which sees all sizes of the run.
SELECT format('COPY (SELECT %s, s.ordinal, s.job, s.place, s.name, percentile_cont(0.5) WITHIN GROUP (ORDER BY m.seconds) '
	'FROM bench.side s JOIN bench.measurement m USING (job, place) WHERE m.pair > 0 GROUP BY s.job, s.place) TO PROGRAM %L',
	:rows, format('cat >>%s', bench.path('medians'))) \gexec
