-- The index by load: it leads past the loads of other nights, and never past a
-- row of the one that is asked for.

\getenv abs_srcdir PG_ABS_SRCDIR
\set SHOW_CONTEXT never
\set clear_history :abs_srcdir '/test/data/clear_history.sql'
\i :clear_history
SET datestyle = iso;
SET calpads.today = '2025-10-15';
SET calpads.sis_schema = 'load_index_sis';
SET client_min_messages = warning;
CREATE SCHEMA load_index_test;
SET search_path = load_index_test;

SELECT count(*) > 0 AS made FROM calpads.create_sis_schema('load_index_sis');
INSERT INTO load_index_sis.loc (cd, nm, cc, dc, sc, dnr) VALUES
	(0, 'Harbor Unified', '56', '99990', '0000000', false),
	(1, 'Pier Middle', '56', '99990', '5600001', false);

-- Some 160 pages a load: five ranges, and a part of one that it shares.
CREATE TABLE file AS
SELECT convert_to(string_agg(r.record, E'\r\n' ORDER BY n), 'UTF8') AS content
FROM generate_series(1, 6000) n, LATERAL (
	SELECT string_agg(coalesce((jsonb_build_object('record_type_code', 'SENR-R', 'reporting_lea', '5699990',
		'school_of_attendance', '5600001', 'academic_year_id', '2025-2026', 'ssid', 1000000000 + n, 'local_student_id', n,
		'student_legal_first_name', 'Zoë', 'student_legal_last_name', 'Alder', 'student_birth_date', '20100203',
		'student_gender_code', 'F', 'enrollment_start_date', '20250811', 'enrollment_status_code', '10',
		'grade_level_code', '09')) ->> f.name, ''), '^' ORDER BY f.ordinal) AS record
	FROM calpads.layout_field f
	WHERE f.layout = 'senr_ods' AND coalesce(f.last_year, '2025-2026') >= '2025-2026') AS r;

-- The rows of each load, with and without the index.
CREATE FUNCTION count_rows(use_index boolean) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	load_id bigint;
	found bigint;
BEGIN
	PERFORM set_config('enable_seqscan', CASE WHEN use_index THEN 'off' ELSE 'on' END, true),
		set_config('enable_bitmapscan', CASE WHEN use_index THEN 'on' ELSE 'off' END, true);
	FOR load_id IN SELECT l.load_id FROM calpads.load l ORDER BY l.load_id LOOP
		EXECUTE 'SELECT count(*) FROM calpads.senr_baseline b WHERE b.load_id = ' || load_id INTO found;
		RETURN NEXT load_id || ': ' || found;
	END LOOP;
END;
$$;
CREATE FUNCTION pages_read(load_id bigint) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	SET LOCAL enable_seqscan = off;
	EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, FORMAT json) SELECT FROM calpads.senr_baseline b WHERE b.load_id = ' || load_id INTO plan;
	RETURN plan #> '{0,Plan,Lossy Heap Blocks}';
END;
$$;
CREATE VIEW same AS
SELECT NOT EXISTS (SELECT count_rows(true) EXCEPT ALL SELECT count_rows(false)) AS same, count(*) AS loads,
	bool_and(l.rows_loaded = (SELECT count(*) FROM calpads.senr_baseline b WHERE b.load_id + 0 = l.load_id)) AS as_loaded
FROM calpads.load l;

-- Nothing is summarized yet: the index leads everywhere.
SELECT (calpads.load_ods('SENR', 'ods.txt', content)).rows_loaded FROM file;
SELECT (calpads.load_ods('SENR', 'ods.txt', content)).rows_loaded FROM file;
SELECT same FROM same;

-- After a vacuum it leads past the other load.
VACUUM calpads.senr_baseline;
SELECT (calpads.load_ods('SENR', 'ods.txt', content)).rows_loaded FROM file;
VACUUM calpads.senr_baseline;
SELECT same FROM same;
SELECT bool_and(pages_read(l.load_id) BETWEEN 1 AND p.pages / 2) AS reads_its_own
FROM calpads.load l, LATERAL (SELECT pg_relation_size('calpads.senr_baseline') / current_setting('block_size')::integer AS pages) p;

-- Into pages that another load has left, and that are summarized; into the range
-- that an earlier load shares; and after a load that was taken back.
DELETE FROM calpads.senr_baseline b WHERE b.load_id = (SELECT l.load_id FROM calpads.load l ORDER BY l.load_id OFFSET 1 LIMIT 1);
VACUUM calpads.senr_baseline;
SELECT min(pg_relation_size('calpads.senr_baseline')) AS size_before FROM file \gset
SELECT (calpads.load_ods('SENR', 'ods.txt', content)).rows_loaded FROM file;
SELECT count(*) FILTER (WHERE b.ctid < format('(%s,0)', :size_before / current_setting('block_size')::integer)::tid) > 1000 AS into_old_pages
FROM calpads.senr_baseline b WHERE b.load_id = (SELECT max(l.load_id) FROM calpads.load l);
SELECT count_rows(true) EXCEPT ALL SELECT count_rows(false);
SELECT count_rows(false) EXCEPT ALL SELECT count_rows(true);
BEGIN;
SELECT (calpads.load_ods('SENR', 'ods.txt', content)).rows_loaded FROM file;
ROLLBACK;
VACUUM calpads.senr_baseline;
SELECT (calpads.load_ods('SENR', 'ods.txt', content)).rows_loaded FROM file;
SELECT count_rows(true) EXCEPT ALL SELECT count_rows(false);
SELECT count_rows(false) EXCEPT ALL SELECT count_rows(true);

-- The comparison asks by the index as soon as most of the table is of other loads.
SELECT calpads.load_condition('SENR', ARRAY[max(l.load_id)]) ~ '^p.load_id = ' AS by_index FROM calpads.load l;
SELECT calpads.load_condition('SENR', array_agg(l.load_id)) ~ '^p.load_id \+ 0 = ANY ' AS by_table FROM calpads.load l;
SELECT count(*) FROM calpads.reconcile_senr(NULL) r WHERE r.kind = 'school' AND r.value = '6000';

-- Another index would not be told of the rows.
CREATE INDEX own ON calpads.senr_baseline USING brin (line_no);
SELECT calpads.load_ods('SENR', 'ods.txt', content) FROM file;
DROP INDEX calpads.own;

SET search_path = public;
\i :clear_history
DROP SCHEMA load_index_test, load_index_sis CASCADE;
