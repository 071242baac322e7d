-- A district's own table is read by the session while a parallel worker reads
-- what CALPADS holds; here the table counts as large.

\getenv abs_srcdir PG_ABS_SRCDIR
\set SHOW_CONTEXT never
\set clear_history :abs_srcdir '/test/data/clear_history.sql'
\i :clear_history
SET calpads.today = '2025-11-14';
SET calpads.sis_schema = 'two_processes_sis';
SET calpads.removal_limit_percent = 100;
SET client_min_messages = warning;
CREATE SCHEMA two_processes_test;
SET search_path = two_processes_test;

CREATE TABLE file AS SELECT calpads.create_sample_district(400) AS content;
SELECT count(*) > 0 AS loaded FROM file, calpads.load_ods('SENR', 'ods.txt', content);
ALTER VIEW two_processes_sis.senr RENAME TO senr_mapping;
CREATE TABLE two_processes_sis.senr OF calpads.senr;
SELECT format('INSERT INTO two_processes_sis.senr SELECT %s FROM two_processes_sis.senr_mapping',
	string_agg(quote_ident(t.attname), ', ' ORDER BY t.attnum))
FROM pg_attribute t WHERE t.attrelid = 'calpads.senr'::regclass AND t.attnum > 0 \gexec
SELECT calpads.is_plain_picture('SENR', 'two_processes_sis.senr') AS read_as_it_is;

CREATE FUNCTION difference() RETURNS text LANGUAGE sql AS $$
	SELECT count(*) || ' ' || md5(string_agg(concat_ws('^', r.kind, r.lea, r.file_no, r.key, r.reason, r.line, r.rule, r.value,
		r.school_of_attendance), E'\n' ORDER BY r.kind, r.key, r.reason, r.line, r.rule, r.school_of_attendance))
	FROM calpads.reconcile_senr(NULL) r
$$;
CREATE TABLE expected AS SELECT difference() AS difference;
SELECT split_part(difference, ' ', 1)::integer > 10 AS is_different FROM expected;

SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT difference() = difference AS two_processes FROM expected;
SET calpads.comparison_memory = '64kB';
SELECT difference() = difference AS with_little_memory FROM expected;
RESET calpads.comparison_memory;

-- No worker is to be had.
SET max_parallel_workers = 0;
SELECT difference() = difference AS one_process FROM expected;
RESET max_parallel_workers;

-- What this transaction has done is seen, and a worker's error is the caller's.
BEGIN;
DELETE FROM calpads.senr_baseline;
SELECT array_agg(DISTINCT r.reason) AS reasons, count(*) > 400 AS everybody FROM calpads.reconcile_senr(NULL) r WHERE r.kind = 'operation';
ROLLBACK;
BEGIN;
UPDATE calpads.senr_baseline SET reporting_lea = '' WHERE line_no = 1;
SELECT difference();
ROLLBACK;
SELECT difference() = difference AS afterwards FROM expected;

-- A policy may run anything, also what a process beside another may not do: one process.
ALTER TABLE two_processes_sis.senr ENABLE ROW LEVEL SECURITY;
BEGIN;
UPDATE calpads.senr_baseline SET reporting_lea = '' WHERE line_no = 1;
\set SHOW_CONTEXT errors
SELECT difference();
ROLLBACK;
ALTER TABLE two_processes_sis.senr DISABLE ROW LEVEL SECURITY;
BEGIN;
ALTER TABLE calpads.senr_baseline ENABLE ROW LEVEL SECURITY;
UPDATE calpads.senr_baseline SET reporting_lea = '' WHERE line_no = 1;
SELECT difference();
ROLLBACK;
BEGIN;
UPDATE calpads.senr_baseline SET reporting_lea = '' WHERE line_no = 1;
SELECT difference();
ROLLBACK;
\set SHOW_CONTEXT never

-- Files and rehearsal, and the second difference, that is empty.
SELECT count(*) > 0 AS files, min(f.status) AS first FROM calpads.create_extract('SENR', force => true) f;
SELECT count(*) FILTER (WHERE r.refused > 0) AS refused FROM calpads.batch b, calpads.rehearse(b.batch_id) r;
SELECT count(calpads.post_file(f.file_id)) > 0 AS posted FROM (SELECT file_id FROM calpads.extract_file ORDER BY file_id) AS f;
SELECT count(*) AS left_over FROM calpads.reconcile_senr(NULL) r WHERE r.kind = 'operation';

SET search_path = public;
\i :clear_history
DROP SCHEMA two_processes_test, two_processes_sis CASCADE;
