-- The cycle of a whole state in one database: each LEA's history is loaded, its
-- files are made and written, all of them are posted, and then there must be no
-- difference.  One session does it all, as a night does.  Variables: programs,
-- the folder of this file where the server may read; directory, one that it may
-- write; students; leas.  Run by test/bench/run.

\pset pager off
\pset footer off
ALTER DATABASE :"DBNAME" SET client_min_messages = warning;
ALTER DATABASE :"DBNAME" SET calpads.today = '2025-11-14';
ALTER DATABASE :"DBNAME" SET calpads.lea_from_school = on;
ALTER DATABASE :"DBNAME" SET bench.directory = :'directory';
ALTER DATABASE :"DBNAME" SET bench.programs = :'programs';
\connect

CREATE EXTENSION calpads;
CREATE SCHEMA bench;
\ir enrollments.sql

-- ---- the LEAs: of forty, the largest has a fifteenth of all students, and none
-- is so small that its few removals would be more than a twentieth of it --------

WITH weight AS (
	SELECT i, power(:leas + 1 - i, 1.75) AS weight FROM generate_series(1, :leas) i
), share AS (
	SELECT i, greatest(500, round(:students * weight / sum(weight) OVER ()))::integer AS students FROM weight
), place AS (
	SELECT i, students, 1 + students / 600 AS schools,
		sum(students) OVER (ORDER BY i) - students AS students_before,
		sum(1 + students / 600) OVER (ORDER BY i) - (1 + students / 600) AS schools_before
	FROM share
)
INSERT INTO bench.lea
SELECT 1910000 + i, students_before + 1, students_before + students, 2000000 + schools_before, schools, true
FROM place;

SELECT count(*) AS objects FROM calpads.create_sis_schema() \gset
INSERT INTO sis.loc (cd, nm, cc, dc, sc) VALUES (0, 'State', '19', '10000', '0000000');
INSERT INTO sis.loc (cd, nm, cc, dc, sc)
SELECT row_number() OVER (ORDER BY l.lea, n), 'School ' || n, left(l.lea, 2), substr(l.lea, 3), l.first_school + n
FROM bench.lea l, generate_series(0, l.schools - 1) n;

-- The SIS gives the rows of an LEA in an order of its own.  To compile the query
-- for each LEA would take longer than to run it.
SET jit = off;
DROP VIEW sis.senr CASCADE;
CREATE TABLE sis.senr OF calpads.senr;
SELECT format('INSERT INTO sis.senr SELECT %s FROM bench.held_by_calpads WHERE reporting_lea = %L AND story <> ''gone'' '
	'ORDER BY hashint8(n)', :'sis_values', l.lea)
FROM bench.lea l ORDER BY l.lea \gexec
SELECT format('COPY (SELECT %s FROM bench.held_by_calpads, generate_series(0, (n %% 1000 = 0)::integer) AS bad '
	'WHERE reporting_lea = %L AND story <> ''new'' ORDER BY ssid, n, bad) TO PROGRAM %L (DELIMITER ''^'', NULL '''')',
	:'file_values', l.lea, format($$mkdir '%1$s' && sed 's/$/\r/' >'%1$s.txt'$$, bench.path(l.lea)))
FROM bench.lea l ORDER BY l.lea \gexec
VACUUM ANALYZE sis.senr;
CHECKPOINT;

-- ---- the steps ------------------------------------------------------------------

CREATE TABLE bench.step (
	ordinal integer GENERATED ALWAYS AS IDENTITY,
	name text,
	lea text,
	seconds double precision,
	before bigint,
	most bigint
);
CREATE TABLE bench.peak (before bigint, most bigint);

CREATE PROCEDURE bench.run_step(name text, lea text, work text) LANGUAGE plpgsql AS $$
DECLARE
	started timestamptz;
	seconds double precision;
BEGIN
	EXECUTE format('COPY (SELECT pg_backend_pid()) TO PROGRAM %L',
		format('%s/peak_memory %s', current_setting('bench.programs'), bench.path('peak')));
	started := clock_timestamp();
	EXECUTE work;
	COMMIT;
	seconds := extract(epoch FROM clock_timestamp() - started);
	TRUNCATE bench.peak;
	EXECUTE format('COPY bench.peak FROM PROGRAM %L', 'cat ' || bench.path('peak'));
	INSERT INTO bench.step (name, lea, seconds, before, most) SELECT name, lea, seconds, p.before, p.most FROM bench.peak p;
	COMMIT;
END;
$$;

-- work: a format of the LEA's code and of its file without the ending.
CREATE PROCEDURE bench.run_step_of_all(name text, work text) LANGUAGE plpgsql AS $$
DECLARE
	one_lea text;
BEGIN
	FOR one_lea IN SELECT l.lea FROM bench.lea l ORDER BY l.lea LOOP
		CALL bench.run_step(name, one_lea, format(work, one_lea, bench.path(one_lea)));
	END LOOP;
END;
$$;

\connect
CALL bench.run_step_of_all('load_ods', 'SELECT calpads.load_ods(''SENR'', ''%2$s.txt'')');
CALL bench.run_step_of_all('create_extract', 'SELECT calpads.create_extract(''SENR'', lea => %1$L)');
CALL bench.run_step_of_all('write_extract', 'SELECT calpads.write_extract(b.batch_id, %2$L) FROM calpads.batch b WHERE b.lea = %1$L');
CALL bench.run_step_of_all('post_file, all files',
	'SELECT calpads.post_file(f.file_id) FROM (SELECT e.file_id FROM calpads.extract_file e WHERE e.lea = %1$L ORDER BY e.seq) f');
CREATE TABLE bench.left_over (operations bigint);
CALL bench.run_step('second difference of all', NULL,
	'INSERT INTO bench.left_over SELECT count(*) FROM calpads.reconcile_senr(NULL) r WHERE r.kind = ''operation''');
SELECT min(l.lea) AS largest FROM bench.lea l \gset
CALL bench.run_step('second create_extract of the largest', :'largest',
	format('SELECT calpads.create_extract(''SENR'', lea => %L)', :'largest'));

-- ---- what it came to ---------------------------------------------------------------

\echo
SELECT (SELECT count(*) FROM bench.lea) AS "LEAs",
	(SELECT sum(last_student - first_student + 1) FROM bench.lea) AS students,
	sum(l.rows_loaded) AS "rows loaded", sum(l.rows_rejected) AS "set aside",
	(SELECT count(*) FROM sis.senr) AS "rows in the SIS",
	(SELECT sum(f.records) FROM calpads.extract_file f) AS records,
	(SELECT count(*) FROM calpads.extract_file f) AS files,
	pg_size_pretty(pg_database_size(current_database())) AS database
FROM calpads.load l;

\echo 'Private memory of the session and its parallel workers in MB; microseconds a row of the baseline that the step is of.'
WITH sized AS (
	SELECT s.*, CASE WHEN s.lea IS NULL THEN (SELECT sum(l.rows_read) FROM calpads.load l)
		ELSE (SELECT l.rows_read FROM calpads.load l WHERE l.lea = s.lea) END AS rows
	FROM bench.step s
)
SELECT s.name AS step, count(*) AS runs, round(sum(s.seconds)::numeric, 1) AS seconds,
	round(max(s.seconds)::numeric, 2) AS longest,
	round((1e6 * sum(s.seconds) / sum(s.rows))::numeric, 2) AS "microseconds a row",
	round((array_agg(s.before ORDER BY s.ordinal))[1] / 1048576.0, 1) AS "MB before",
	round(max(s.most) / 1048576.0, 1) AS "MB at most"
FROM sized s
GROUP BY s.name
UNION ALL
SELECT 'all steps', count(*), round(sum(s.seconds)::numeric, 1), round(max(s.seconds)::numeric, 2), NULL, NULL,
	round(max(s.most) / 1048576.0, 1)
FROM sized s
ORDER BY runs DESC, step;

\echo 'Microseconds a row in LEAs of different sizes: what does not depend on the LEA but on all rows of the state is dear in'
\echo 'a small one.'
WITH ranked AS (
	SELECT l.lea, l.rows_read, row_number() OVER (ORDER BY l.rows_read DESC) AS rank, count(*) OVER () AS leas
	FROM calpads.load l
)
SELECT r.lea, r.rows_read AS rows,
	round((1e6 * max(s.seconds) FILTER (WHERE s.name = 'load_ods') / r.rows_read)::numeric, 2) AS load_ods,
	round((1e6 * max(s.seconds) FILTER (WHERE s.name = 'create_extract') / r.rows_read)::numeric, 2) AS create_extract,
	round(max(s.seconds) FILTER (WHERE s.name = 'create_extract')::numeric, 2) AS "its seconds"
FROM ranked r JOIN bench.step s USING (lea)
WHERE r.rank IN (1, 1 + leas / 4, 1 + leas / 2, 1 + 3 * leas / 4, leas)
GROUP BY r.lea, r.rows_read
ORDER BY r.rows_read DESC;

DO $$
BEGIN
	IF (SELECT l.operations FROM bench.left_over l) <> 0 THEN
		RAISE EXCEPTION '% operations after all files were posted', (SELECT l.operations FROM bench.left_over l);
	END IF;
	IF EXISTS (SELECT FROM calpads.extract_file f WHERE f.status <> 'Posted') THEN
		RAISE EXCEPTION 'files are not posted';
	END IF;
	IF (SELECT array_agg(b.lea ORDER BY b.lea) FROM calpads.batch b) IS DISTINCT FROM (
			SELECT array_agg(l.lea ORDER BY l.lea) FROM bench.lea l) THEN
		RAISE EXCEPTION 'there is not just one batch for each LEA';
	END IF;
END;
$$;
\echo 'After all files were posted there is no difference.'
