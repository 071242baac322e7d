-- The SIS schema: its tables, its mapping views, the schools.

BEGIN;
SELECT plan(55);

-- create_sis_schema() --------------------------------------------------------------------

SELECT results_eq(
	'SELECT what, count(*) FROM calpads.create_sis_schema() GROUP BY what ORDER BY what COLLATE "C"',
	$$VALUES ('schema created', 1::bigint), ('table created', 24), ('view created', (SELECT count(*) FROM calpads.mapping_view()))$$,
	'makes the schema, the tables and the mapping views');
SELECT results_eq(
	$$SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
	WHERE c.relnamespace = 'sis'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 ORDER BY 1, 2$$,
	$$SELECT table_name::text, column_name::text, format_type(to_regtype(regexp_replace(column_type, ' not null.*$', '')),
			CASE column_type WHEN 'char(1)' THEN 5 WHEN 'char(2)' THEN 6 WHEN 'char(5)' THEN 9 WHEN 'char(7)' THEN 11 WHEN 'char(14)' THEN 18 END)
	FROM calpads.sis_table WHERE column_name IS NOT NULL ORDER BY 1, 2$$,
	'with the columns of the list');
SELECT has_column('sis', 'con', 'or', 'con.or keeps its name, a reserved word');
SELECT has_table('sis', 'opt', 'a table of which no column is known is there');
SELECT hasnt_table('sis', 'xrp', 'XRP is the extension''s own');
SELECT col_not_null('sis', 'stu', 'id', 'key columns are not null');
SELECT col_default_is('sis', 'enr', 'del', 'false', 'a row is not deleted by default');
SELECT is((SELECT bool_or(indisunique) FROM pg_index WHERE indrelid IN ('sis.stu'::regclass, 'sis.enr'::regclass)), false,
	'indexes are for joins, not unique');
SELECT is((SELECT count(*) FROM pg_index WHERE indrelid IN ('sis.stu'::regclass, 'sis.enr'::regclass)), 4::bigint, 'there are such indexes');
SELECT is((SELECT count(*) FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND objid IN ('sis.stu'::regclass, 'sis.senr'::regclass) AND deptype = 'e'),
	0::bigint, 'all of it are ordinary objects, not members of the extension');
SELECT is((SELECT relowner::regrole::text FROM pg_class WHERE oid = 'sis.senr'::regclass), current_user::text, 'of the caller');

SELECT results_eq('SELECT DISTINCT what FROM calpads.create_sis_schema()', ARRAY['left alone'], 'a second call changes nothing');
DROP TABLE sis.dpt;
SELECT results_eq($$SELECT object, what FROM calpads.create_sis_schema() WHERE what <> 'left alone'$$, $$VALUES ('sis.dpt', 'table created')$$,
	'but makes what is missing');

-- sis.senr ----------------------------------------------------------------------------------

SELECT results_eq(
	$$SELECT attname::text COLLATE "default" FROM pg_attribute WHERE attrelid = 'sis.senr'::regclass AND attnum BETWEEN 1 AND 35 ORDER BY attnum$$,
	$$SELECT name::text COLLATE "default" FROM calpads.layout_field WHERE layout = 'senr' AND last_year IS NULL ORDER BY ordinal$$,
	'the first columns of sis.senr are the fields of the layout');
SELECT results_eq(
	$$SELECT attname::text COLLATE "default", atttypid::regtype::text FROM pg_attribute WHERE attrelid = 'sis.senr'::regclass AND attnum > 35 ORDER BY attnum$$,
	$$VALUES ('student_id', 'integer'), ('sc', 'integer'), ('problems', 'jsonb')$$, 'then come three of its own');
SELECT is_empty(
	$$SELECT a.attname FROM pg_attribute a JOIN calpads.layout_field f ON f.layout = 'senr' AND f.name = a.attname
	WHERE a.attrelid = 'sis.senr'::regclass AND NOT CASE f.type WHEN 'date8' THEN a.atttypid = 'date'::regtype
		ELSE a.atttypid = 'text'::regtype AND a.attcollation = '"C"'::regcollation END$$,
	'dates are dates, all else is text in collation C');
SELECT is_empty('SELECT * FROM sis.senr', 'without data there is nothing to report');

-- A district's own tables and views -------------------------------------------------------------

CREATE SCHEMA own;
CREATE TABLE own.enr (LIKE sis.enr);
CREATE VIEW own.stu AS SELECT * FROM sis.stu;
CREATE FOREIGN DATA WRAPPER calpads_test_wrapper;
CREATE SERVER calpads_test_server FOREIGN DATA WRAPPER calpads_test_wrapper;
CREATE FOREIGN TABLE own.cse (id integer, ss text, del boolean) SERVER calpads_test_server;
SELECT results_eq($$SELECT object, what FROM calpads.create_sis_schema('own') WHERE object IN ('own.enr', 'own.stu', 'own.cse', 'own.loc', 'own.senr') ORDER BY 1$$,
	$$VALUES ('own.cse', 'left alone'), ('own.enr', 'left alone'), ('own.loc', 'table created'), ('own.senr', 'view created'), ('own.stu', 'left alone')$$,
	'tables, views and foreign tables that are there are left alone, in any schema');
SELECT is((SELECT string_agg(relkind::text, '' ORDER BY relname) FROM pg_class WHERE relnamespace = 'own'::regnamespace AND relname IN ('cse', 'enr', 'stu')), 'frv', 'they are what they were');
SELECT is((SELECT count(*) FROM pg_index WHERE indrelid = 'own.enr'::regclass), 0::bigint, 'and get no indexes');

CREATE SCHEMA "Own Views";
CREATE TABLE "Own Views".senr (ssid text);
SELECT results_eq($$SELECT what FROM calpads.create_sis_schema('Own Views') WHERE object = '"Own Views".senr'$$, ARRAY['left alone'], 'a mapping of the district is left alone');
SELECT results_eq($$SELECT what FROM calpads.refresh_sis_views('Own Views') WHERE object = '"Own Views".senr'$$, ARRAY['left alone'], 'also by a refresh');
SELECT is((SELECT relkind::text FROM pg_class WHERE oid = '"Own Views".senr'::regclass), 'r', 'whatever it is');

CREATE SCHEMA narrow;
CREATE TABLE narrow.enr (id integer, sc integer);
SELECT throws_ok($$SELECT * FROM calpads.create_sis_schema('narrow')$$, '42703', 'mapping view narrow.senr does not fit the tables of the student information system',
	'a table that lacks a column is named');

-- Each schema has its own mapping, whatever the setting -----------------------------------------------

INSERT INTO own.loc (cd, cc, dc, sc) VALUES (0, '02', '20020', '0000000'), (10, '02', '20020', '6000099');
INSERT INTO sis.loc (cd, cc, dc, sc) VALUES (0, '01', '10017', '0000000'), (10, '01', '10017', '6000010');
INSERT INTO sis.stu (id, sc, sn, cid, gr) VALUES (1, 10, 1, '1000000001', 5);
INSERT INTO own.enr (id, sc, ed, gr, del) VALUES (1, 10, current_date, 5, false);
DROP VIEW own.senr, own.senr_without_ssid;
DROP FOREIGN TABLE own.cse;
SELECT count(*) FROM calpads.create_sis_schema('own') \g /dev/null
SELECT results_eq('SELECT reporting_lea COLLATE "default", school_of_attendance COLLATE "default" FROM own.senr', $$VALUES ('0220020', '6000099')$$,
	'the mapping of a schema reads the schools of that schema');
SELECT is_empty('SELECT * FROM sis.senr', 'the other one its own');

-- refresh_sis_views() -------------------------------------------------------------------------------------

SELECT results_eq($$SELECT what FROM calpads.refresh_sis_views() WHERE object = 'sis.senr'$$, ARRAY['view renewed'], 'a view as it was made is renewed');
GRANT SELECT ON sis.senr TO pg_monitor;
SELECT count(*) FROM calpads.refresh_sis_views() \g /dev/null
SELECT ok(has_table_privilege('pg_monitor', 'sis.senr', 'SELECT'), 'and keeps its grants');
DO $$
DECLARE
	definition text := pg_get_viewdef('sis.senr');
BEGIN
	DROP VIEW sis.senr;
	EXECUTE 'CREATE VIEW sis.senr AS ' || definition;
END
$$;
SELECT results_eq($$SELECT what FROM calpads.refresh_sis_views() WHERE object = 'sis.senr'$$, ARRAY['view renewed'], 'so is a view that was dumped and restored');
UPDATE calpads.sis_view SET definition = replace(definition, E'\n', E'\n  ') WHERE schema_name = 'sis' AND view_name = 'senr';
SELECT results_eq($$SELECT what FROM calpads.refresh_sis_views() WHERE object = 'sis.senr'$$, ARRAY['view renewed'], 'and one that another server spelled otherwise');
DO $$BEGIN EXECUTE 'CREATE OR REPLACE VIEW sis.senr AS ' || replace(pg_get_viewdef('sis.senr'), '''SENR''', '''SENR-X'''); END$$;
SELECT results_eq($$SELECT what FROM calpads.refresh_sis_views() WHERE object = 'sis.senr'$$, ARRAY['left alone: changed by hand'], 'a view that was changed by hand is left alone');
SELECT matches(pg_get_viewdef('sis.senr'), 'SENR-X', 'as it is');
DROP VIEW sis.senr;
SELECT results_eq($$SELECT what FROM calpads.refresh_sis_views() WHERE object = 'sis.senr'$$, ARRAY['view created'], 'a view that is missing is made');
DROP VIEW sis.senr;
CREATE VIEW sis.senr AS SELECT 'own'::text AS ssid;
SELECT results_eq($$SELECT what FROM calpads.refresh_sis_views() WHERE object = 'sis.senr'$$, ARRAY['left alone: changed by hand'], 'a view of the district in its place is left alone');
UPDATE calpads.sis_view SET definition = pg_get_viewdef('sis.senr') WHERE schema_name = 'sis' AND view_name = 'senr';
SELECT results_eq($$SELECT what FROM calpads.refresh_sis_views() WHERE object = 'sis.senr'$$, ARRAY['view renewed'], 'a view with other columns, as an older version made it, is renewed');
SELECT has_column('sis', 'senr', 'problems', 'with the new columns');
SELECT is(obj_description('sis.senr'::regclass), 'what CALPADS should hold of the enrollments (SENR), according to the student information system', 'a mapping view says what it is');

-- calpads.school ----------------------------------------------------------------------------------------------

INSERT INTO sis.loc (cd, nm, cc, dc, sc, tg, dnr, u) VALUES
	(20, 'Inactive', '01', '10017', '6000020', 'I', false, NULL), (30, 'Do not report', '01', '10017', '6000030', ' ', true, NULL),
	(40, 'Summer', '01', '10017', '6000040', '', NULL, 1), (50, 'Virtual', ' ', '', ' ', '', false, 0), (60, 'Charter', '02', '20020', '6000060', NULL, NULL, 2);
SELECT results_eq('SELECT sc, cds_school COLLATE "default", lea COLLATE "default", name, selected FROM calpads.school ORDER BY sc',
	$$VALUES (0, '0000000', '0110017', NULL, true), (10, '6000010', '0110017', NULL, true), (20, '6000020', '0110017', 'Inactive', false),
		(30, '6000030', '0110017', 'Do not report', false), (40, '6000040', '0110017', 'Summer', false), (50, NULL, '0110017', 'Virtual', true),
		(60, '6000060', '0110017', 'Charter', true)$$,
	'by default all schools but inactive, do-not-report and summer schools are selected');
INSERT INTO calpads.school_selection VALUES (10, false), (30, true);
SELECT results_eq('SELECT sc FROM calpads.school WHERE selected ORDER BY sc', ARRAY[0, 30, 50, 60], 'the selection has the last word');
SET LOCAL calpads.lea_from_school = on;
SELECT results_eq('SELECT sc, lea COLLATE "default" FROM calpads.school WHERE sc IN (0, 10, 50, 60) ORDER BY sc',
	$$VALUES (0, '0110017'), (10, '0110017'), (50, NULL), (60, '0220020')$$, 'the LEA may be that of each school');
SET LOCAL calpads.independent_charter_schools = ' 60 ,61';
SELECT is((SELECT lea COLLATE "default" FROM calpads.school WHERE sc = 60), '6000060', 'an independent charter school reports under its own code');
RESET calpads.lea_from_school;
SELECT results_eq('SELECT sc FROM calpads.school WHERE lea <> ''0110017''', ARRAY[60], 'also beside a district');
RESET calpads.independent_charter_schools;
UPDATE sis.loc SET dc = '' WHERE cd = 0;
SELECT is((SELECT lea FROM calpads.school WHERE sc = 10), NULL, 'a district record without its code gives no LEA');
SET LOCAL calpads.sis_schema = 'own';
SELECT results_eq('SELECT sc, lea COLLATE "default" FROM calpads.school ORDER BY sc', $$VALUES (0, '0220020'), (10, '0220020')$$, 'the schools are those of the schema that is set');

-- Schema or table missing ------------------------------------------------------------------------------------------

SET LOCAL calpads.sis_schema = 'nowhere';
SELECT throws_ok('SELECT * FROM calpads.school', '3F000', 'schema "nowhere" of the student information system does not exist', 'a missing schema is named');
SET LOCAL calpads.sis_schema = 'narrow';
SELECT throws_ok('SELECT * FROM calpads.school', '42P01', 'table narrow.loc of the student information system does not exist', 'so is a missing table');
SET LOCAL calpads.sis_schema = 'made by setting';
SELECT is((SELECT object FROM calpads.create_sis_schema() LIMIT 1), '"made by setting"', 'create_sis_schema() makes the schema that is set');
RESET calpads.sis_schema;

-- calpads.code_translation() -----------------------------------------------------------------------------------------

INSERT INTO sis.xrf (tc, sc, tc1, fc1, cd1, cd) VALUES ('CLPD', 0, 'STU', 'GR', '14', '12'), ('CLPD', 0, 'STU', 'IT', '1', '4'),
	('CLPD', 0, 'STU', 'IT', 'b', '6'), ('CLPD', 0, 'STU', 'IT', 'b', '5');
SELECT is((SELECT code FROM calpads.code_translation(NULL) WHERE (local_set, local_code) = ('STU.GR', '14')), '12', 'a translation');
SELECT is((SELECT (code, is_translation)::text FROM calpads.code_translation(NULL) WHERE (local_set, local_code) = ('STU.IT', '1')), '(4,t)', 'a translation beats the CALPADS code of the same name');
SELECT is((SELECT (code, is_translation)::text FROM calpads.code_translation(NULL) WHERE (local_set, local_code) = ('STU.IT', '2')), '(2,f)', 'a CALPADS code stands for itself');
SELECT results_eq($$SELECT code FROM calpads.code_translation('sis') WHERE (local_set, local_code) = ('STU.IT', 'B')$$, ARRAY['5'], 'a local code has one meaning');
SELECT is_empty($$SELECT * FROM calpads.code_translation(NULL) WHERE (local_set, local_code) = ('ATT.RS', 'N430')$$, 'a code that is retired for good is none');
SELECT is((SELECT count(*) FROM calpads.code_translation(NULL) WHERE (local_set, local_code) = ('ATT.RS', 'T270')), 1::bigint, 'a code that was valid once is checked with the record');
SELECT is_empty($$SELECT * FROM calpads.code_translation('own') WHERE is_translation$$, 'translations are those of the schema');
SELECT is((SELECT count(*) FROM calpads.code_translation(NULL) WHERE local_set = 'STU.GR' AND NOT is_translation), 14::bigint, 'grades -1 to 12 have a meaning of their own');

SELECT * FROM finish();
ROLLBACK;
