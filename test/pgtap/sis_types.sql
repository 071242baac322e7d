-- A district's own tables: SQL Server's types through tds_fdw, or everything as
-- text.  The mapping views give the same records over them as over the tables
-- of create_sis_schema().

BEGIN;
SET client_min_messages = warning;
SET calpads.today = '2025-11-01';
SELECT plan(17);

SELECT calpads.create_sample_district(200, 7) IS NOT NULL AS made \gset

INSERT INTO sis.pgm (pid, cd, esd, eed, psd, ped)
SELECT s.id, c.code, '2025-08-20', NULL, '2025-08-20', NULL
FROM sis.stu s, (VALUES ('127'), ('108')) AS c (code) WHERE s.id % 5 = 0 AND s.tg = '';

-- Copies the tables of schema sis into another schema, each column in the type
-- that the rows of wanted say, others as they are.
CREATE FUNCTION pg_temp.copy_tables(target text, wanted jsonb) RETURNS void
	LANGUAGE plpgsql
AS $$
DECLARE
	source record;
BEGIN
	EXECUTE format('CREATE SCHEMA %I', target);
	FOR source IN
		SELECT t.table_name AS name,
			string_agg(format(coalesce(wanted ->> split_part(t.column_type, ' ', 1), '%1$I'), t.column_name),
				', ' ORDER BY t.ordinal) AS column_list
		FROM calpads.sis_table t
		WHERE t.column_name IS NOT NULL
		GROUP BY t.table_name
	LOOP
		EXECUTE format('CREATE TABLE %I.%I AS SELECT %s FROM sis.%2$I', target, source.name, source.column_list);
		EXECUTE format('ANALYZE %I.%I', target, source.name);
	END LOOP;
END;
$$;

SELECT pg_temp.copy_tables('sql_server', '{"date": "%1$I::timestamp AS %1$I", "boolean": "%1$I::integer AS %1$I",
	"integer": "%1$I::bigint AS %1$I", "smallint": "%1$I::numeric AS %1$I"}');
SELECT pg_temp.copy_tables('all text', '{"date": "%1$I::text AS %1$I", "boolean": "CASE WHEN %1$I THEN ''Y'' ELSE ''N'' END AS %1$I",
	"integer": "%1$I::text AS %1$I", "smallint": "'' '' || %1$I::text AS %1$I"}');
SELECT count(*) FROM calpads.create_sis_schema('sql_server') \gset sql_server_
SELECT count(*) FROM calpads.create_sis_schema('all text') \gset all_text_

SELECT ok((SELECT count(*) > 200 FROM sis.senr), 'the district has enrollments to compare');
SELECT ok((SELECT count(*) > 20 FROM sis.sprg), 'and programs');
SELECT is(pg_typeof(s.enrollment_start_date)::text, 'date', 'timestamps arrive as dates')
	FROM sql_server.senr s LIMIT 1;
SELECT set_eq('SELECT s::text FROM sql_server.senr s', 'SELECT s::text FROM sis.senr s',
	'enrollments over timestamps, numbers and integer flags');
SELECT set_eq('SELECT s::text FROM "all text".senr s', 'SELECT s::text FROM sis.senr s', 'enrollments over text');
SELECT set_eq('SELECT s::text FROM sql_server.sprg s', 'SELECT s::text FROM sis.sprg s',
	'programs over timestamps, numbers and integer flags');
SELECT set_eq('SELECT s::text FROM "all text".sprg s', 'SELECT s::text FROM sis.sprg s', 'programs over text');

SELECT set_eq('SELECT s::text FROM sql_server.sela s', 'SELECT s::text FROM sis.sela s',
	'language statuses over timestamps, numbers and integer flags');
SELECT set_eq('SELECT s::text FROM "all text".sela s', 'SELECT s::text FROM sis.sela s', 'language statuses over text');

-- A SELA extract is written into tables of such types too, and read back from them.
CREATE TABLE public.language_extract AS
SELECT convert_to(string_agg(concat_ws('^', 'SELA-R', '', '', reporting_lea, school_of_attendance, academic_year_id, ssid, 'First', 'Last',
	'20120101', 'F', local_student_id, 'TBD', '20230815', 'spa', '', '', '') || E'\r\n', ''), 'UTF8') AS content
FROM (SELECT DISTINCT ON (ssid) * FROM sis.sela WHERE ssid ~ '^[0-9]{10}$') AS sela;
SET LOCAL calpads.sis_schema = 'sql_server';
SELECT lives_ok('SELECT calpads.load_ods(''SELA'', ''sela.txt'', content) FROM public.language_extract', 'a SELA extract over timestamps');
SELECT ok((SELECT count(*) > 20 FROM sql_server.lac WHERE eac = 'TBD' AND ead = '2023-08-15'), 'is written');
SET LOCAL calpads.sis_schema = 'all text';
SELECT lives_ok('SELECT calpads.load_ods(''SELA'', ''sela.txt'', content) FROM public.language_extract', 'a SELA extract over text');
SELECT ok((SELECT count(*) > 20 FROM "all text".lac WHERE eac = 'TBD' AND ead = '2023-08-15'), 'is written');
SELECT lives_ok('SELECT calpads.load_ods(''SELA'', ''sela.txt'', content) FROM public.language_extract', 'and compared again');
SELECT ok((SELECT count(*) > 20 FROM calpads.known_language_status()), 'and read');

SET LOCAL calpads.sis_schema = 'all text';
SELECT set_eq('SELECT s::text FROM calpads.doubtful_students() s',
	$$SELECT s::text FROM calpads.doubtful_students() s, set_config('calpads.sis_schema', 'sis', true)$$,
	'students in doubt are the same');
SET LOCAL calpads.sis_schema = 'all text';
SELECT set_eq('SELECT s::text FROM calpads.school s', 'SELECT s::text FROM calpads.school_list(''sis'') s',
	'schools over text');

SELECT * FROM finish();
ROLLBACK;
