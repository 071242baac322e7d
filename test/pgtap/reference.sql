-- Reference data: what is shipped, how it is refreshed, and how a district's own rows are kept.

BEGIN;
SELECT plan(54);

-- Layouts: the record of a year ---------------------------------------------------------

CREATE FUNCTION pg_temp.field_count(layout_name text, year text) RETURNS bigint
	LANGUAGE sql AS $$
	SELECT count(*)
	FROM calpads.layout_field
	WHERE layout = layout_name AND (first_year IS NULL OR first_year <= year) AND (last_year IS NULL OR last_year >= year)
	$$;

CREATE FUNCTION pg_temp.position(layout_name text, year text, field text) RETURNS bigint
	LANGUAGE sql AS $$
	SELECT place
	FROM (
		SELECT name, row_number() OVER (ORDER BY ordinal) AS place
		FROM calpads.layout_field
		WHERE layout = layout_name AND (first_year IS NULL OR first_year <= year) AND (last_year IS NULL OR last_year >= year)) AS record
	WHERE name = field
	$$;

SELECT is((SELECT count(*) FROM calpads.layout), 21::bigint, 'layouts');
SELECT results_eq(
	$$SELECT year, pg_temp.field_count('senr', year), pg_temp.field_count('senr_ods', year)
	FROM unnest(ARRAY['2014-2015', '2015-2016', '2016-2017', '2018-2019', '2019-2020', '2020-2021', '2022-2023', '2023-2024', '2026-2027']) AS year$$,
	$$VALUES ('2014-2015', 32::bigint, 34::bigint), ('2015-2016', 32, 34), ('2016-2017', 34, 36), ('2018-2019', 34, 36), ('2019-2020', 39, 41),
		('2020-2021', 34, 36), ('2022-2023', 34, 36), ('2023-2024', 35, 37), ('2026-2027', 35, 37)$$,
	'SENR has a record for each era, the ODS extract two fields more');
SELECT is(pg_temp.position('senr_ods', '2018-2019', 'primary_language_code'), 22::bigint, 'until 2018-19 field 22 was the language');
SELECT is(pg_temp.position('senr_ods', '2018-2019', 'enrollment_start_date'), 23::bigint, 'so the start date was field 23');
SELECT is(pg_temp.position('senr_ods', '2019-2020', 'enrollment_start_date'), 22::bigint, 'since then it is field 22');
SELECT is(pg_temp.position('senr_ods', '2019-2020', 'state_federal_job_program_completion_indicator'), 39::bigint, 'work-based learning ended the record of 2019-20');
SELECT is(pg_temp.position('senr_ods', '2026-2027', 'graduation_exemption_indicator'), 35::bigint, 'the graduation exemption is field 35');
SELECT is(pg_temp.position('senr_ods', '2026-2027', 'upload_date'), 36::bigint, 'then comes the upload date');
SELECT results_eq(
	$$SELECT name COLLATE "default", pg_temp.field_count(name, '2022-2023'), pg_temp.field_count(name, '2026-2027')
	FROM calpads.layout WHERE name LIKE 's___' OR name LIKE 's___\_ods' ORDER BY name$$,
	$$VALUES ('sela', 16::bigint, 16::bigint), ('sela_ods', 18, 18), ('senr', 34, 35), ('senr_ods', 36, 37), ('serv', 17, 17),
		('sinf', 42, 43), ('sinf_ods', 44, 45), ('sped', 59, 59), ('sprg', 26, 26), ('sprg_ods', 28, 28), ('ssrv', 20, 20), ('swds', 11, 11)$$,
	'records of the other files');
SELECT is((SELECT (record_type, other_record_type, format, header, optional_trailing_fields)::text FROM calpads.layout WHERE name = 'senr_ods'),
	'(SENR-R,SENR,caret,never,2)', 'the ODS extract of SENR');
SELECT results_eq('SELECT name COLLATE "default" FROM calpads.layout_field WHERE layout = ''senr'' AND key ORDER BY ordinal',
	$$VALUES ('school_of_attendance'), ('ssid'), ('enrollment_start_date')$$, 'the operational key of SENR');
SELECT is_empty('SELECT layout, name FROM calpads.layout_field WHERE layout LIKE ''%\_ods'' AND max_length IS NOT NULL AND note LIKE ''%length%not confirmed%''',
	'no ODS field is refused for a length that is not confirmed');
SELECT is_empty('SELECT layout, name FROM calpads.layout_field WHERE layout NOT IN (SELECT name FROM calpads.layout)', 'each field has a layout');
SELECT is_empty('SELECT layout, name FROM calpads.layout_field WHERE codeset NOT IN (SELECT name FROM calpads.codeset)', 'each code set of a field exists');
SELECT is_empty('SELECT layout, name FROM calpads.layout_field WHERE length(name) > 63', 'each field can be a column');
SELECT is_empty('SELECT layout, name FROM calpads.layout_field GROUP BY layout, name HAVING count(*) > 1', 'no field stands twice in a layout');
SELECT results_eq(
	$$SELECT f.name COLLATE "default" FROM calpads.layout_field f WHERE f.layout = 'senr'
		AND f.last_year IS NULL ORDER BY f.ordinal$$,
	$$SELECT f.name COLLATE "default" FROM calpads.layout_field f WHERE f.layout = 'senr_ods'
		AND f.last_year IS NULL AND f.name NOT IN ('upload_date', 'last_date_updated') ORDER BY f.ordinal$$,
	'the ODS extract has the fields of the input record');

-- Code sets ---------------------------------------------------------------------------------

SELECT is((SELECT count(*) FROM calpads.codeset), 64::bigint, 'code sets');
SELECT is((SELECT count(*) FROM calpads.code), 931::bigint, 'codes');
SELECT is_empty('SELECT * FROM calpads.code WHERE codeset NOT IN (SELECT name FROM calpads.codeset)', 'each code has a set');
SELECT results_eq(
	$$SELECT s.name COLLATE "default", count(c.code) FROM calpads.codeset s LEFT JOIN calpads.code c ON c.codeset = s.name
	WHERE s.complete AND s.name NOT LIKE 'sped\_%' GROUP BY s.name ORDER BY s.name$$,
	$$VALUES ('completion_status', 11::bigint), ('ela_correction_reason', 5), ('elas', 6), ('enrollment_status', 5), ('ethnicity_hispanic', 2),
		('exit_reason', 29), ('gender', 3), ('grade_level', 21), ('homeless_dwelling_type', 4), ('parent_education_level', 6),
		('program_membership', 2), ('state_province', 107), ('student_school_transfer', 6), ('transaction_type', 3), ('yn', 2)$$,
	'complete sets, whose other values are refused');
SELECT is((SELECT bool_or(complete) FROM calpads.codeset WHERE name IN ('suffix', 'country', 'language', 'race', 'education_program', 'education_service')),
	false, 'sets that are not known in full only warn');
SELECT is((SELECT (first_year, last_year, active)::text FROM calpads.code WHERE codeset = 'exit_reason' AND code = 'T270'),
	'(1990-1991,2017-2018,N)', 'a retired code keeps its years');
SELECT is((SELECT first_year FROM calpads.code WHERE codeset = 'grade_level' AND code = 'TK') COLLATE "default", '2023-2024', 'grade TK is new in 2023-24');
SELECT is((SELECT name FROM calpads.code WHERE codeset = 'country' AND code = 'AX'), 'Åland Islands', 'names are UTF-8');
SELECT is_empty('SELECT * FROM calpads.code WHERE code <> btrim(code) OR code = ''''', 'no code is blank');

-- Valid combinations --------------------------------------------------------------------------

SELECT results_eq(
	$$SELECT name COLLATE "default", count(*) FROM calpads.valid_combination WHERE name NOT LIKE 'sped\_%' GROUP BY name ORDER BY name$$,
	$$VALUES ('completion_grade', 76::bigint), ('elas_transition', 19), ('exit_completion', 11), ('exit_grade', 503), ('language_successor', 37), ('program_membership', 34), ('state_country', 107)$$,
	'valid combinations');
SELECT is_empty($$SELECT * FROM calpads.valid_combination WHERE name IN ('exit_grade', 'completion_grade')
	AND code2 NOT IN (SELECT code FROM calpads.code WHERE codeset = 'grade_level')$$, 'grades are written as CALPADS writes them');
SELECT is_empty($$SELECT * FROM calpads.valid_combination WHERE name IN ('exit_grade', 'exit_completion')
	AND code1 NOT IN (SELECT code FROM calpads.code WHERE codeset = 'exit_reason')$$, 'so are exit reasons');
SELECT is((SELECT count(*) FROM calpads.valid_combination WHERE name = 'exit_completion' AND code1 <> 'E230'), 0::bigint, 'only E230 has a completion status (SENR0022)');
SELECT is((SELECT first_year FROM calpads.valid_combination WHERE (name, code1, code2) = ('exit_grade', 'E155', 'TK')) COLLATE "default",
	'2023-2024', 'transitional kindergarten as kindergarten, since it is a grade [proposal]');
SELECT is((SELECT count(*) FROM calpads.valid_combination WHERE (name, code1, code2) = ('exit_grade', 'E450', 'TK')), 0::bigint,
	'not where kindergarten has ended');
SELECT is((SELECT code2 FROM calpads.valid_combination WHERE (name, code1) = ('state_country', 'MX-BCN')) COLLATE "default", 'MX', 'a birth state has its country');

-- SIS tables --------------------------------------------------------------------------------------

SELECT is((SELECT count(DISTINCT table_name) FROM calpads.sis_table), 24::bigint, 'SIS tables');
SELECT is((SELECT count(*) FROM calpads.sis_table WHERE column_name IS NOT NULL), 296::bigint, 'SIS columns');
SELECT is((SELECT column_type FROM calpads.sis_table WHERE (table_name, column_name) = ('stu', 'itd')), 'char(14)', 'fixed widths stay');
SELECT is((SELECT count(*) FROM calpads.sis_table WHERE table_name = 'xrp'), 0::bigint, 'XRP is the extension''s own');

-- Rows of a district ---------------------------------------------------------------------------------

INSERT INTO calpads.code (codeset, code, name) VALUES ('suffix', 'ESQ', 'Esquire'), ('exit_reason', 'T160', 'Our own name');
SELECT is((SELECT (name, builtin)::text FROM calpads.code WHERE (codeset, code) = ('exit_reason', 'T160')), '("Our own name",f)',
	'a row of the district takes the place of the shipped row with the same key');
UPDATE calpads.layout_field SET max_length = 15 WHERE (layout, name) = ('senr', 'local_student_id');
SELECT is((SELECT builtin FROM calpads.layout_field WHERE (layout, name) = ('senr', 'local_student_id')), false, 'a shipped row that is changed is the district''s');
INSERT INTO calpads.valid_combination (name, code1, code2) VALUES ('exit_grade', 'E156', '12');
SELECT is((SELECT count(*) FROM calpads.valid_combination WHERE (name, code1, code2) = ('exit_grade', 'E156', '12')), 1::bigint, 'keys may hold nulls');
INSERT INTO calpads.layout (name, format, header, optional_trailing_fields, title) VALUES ('our_own', 'csv', 'required', 0, 'Our own file');
DELETE FROM calpads.code WHERE (codeset, code) = ('exit_reason', 'E155');
UPDATE calpads.codeset SET complete = true WHERE name = 'suffix';
INSERT INTO calpads.sis_table (table_name, ordinal, column_name, column_type) VALUES ('stu', 900, 'our_own', 'text');

SELECT results_eq('SELECT table_name, shipped_rows FROM calpads.refresh_reference_data()',
	$$VALUES ('layout', 21::bigint), ('layout_field', 537), ('codeset', 63), ('code', 930), ('valid_combination', 902), ('sis_table', 297), ('rule', 209), ('rejection_column', 110),
		('logged_field', 50), ('casemis_header', 183), ('casemis_target', 100), ('ssid_column', 109)$$,
	'a refresh reads all files again and leaves out what the district has its own row for');
SELECT is((SELECT (name, builtin)::text FROM calpads.code WHERE (codeset, code) = ('exit_reason', 'T160')), '("Our own name",f)', 'the district''s row is kept');
SELECT is((SELECT name FROM calpads.code WHERE (codeset, code) = ('suffix', 'ESQ')), 'Esquire', 'so is a row that only the district has');
SELECT is((SELECT max_length FROM calpads.layout_field WHERE (layout, name) = ('senr', 'local_student_id')), 15, 'and one that it changed');
SELECT is((SELECT complete FROM calpads.codeset WHERE name = 'suffix'), true, 'in every table');
SELECT is((SELECT count(*) FROM calpads.layout), 22::bigint, 'a layout of its own too');
SELECT is((SELECT count(*) FROM calpads.sis_table WHERE column_name = 'our_own'), 1::bigint, 'and a column of its own');
SELECT is((SELECT count(*) FROM calpads.code WHERE (codeset, code) = ('exit_reason', 'E155')), 1::bigint, 'a shipped row that was deleted comes back');

DELETE FROM calpads.code WHERE NOT builtin;
SELECT count(*) FROM calpads.refresh_reference_data() \g /dev/null
SELECT is((SELECT name FROM calpads.code WHERE (codeset, code) = ('exit_reason', 'T160')), 'TransCASchlRegular', 'without its own row the district gets the shipped one again');

-- What is refused ---------------------------------------------------------------------------------------

SELECT throws_ok($$INSERT INTO calpads.code (codeset, code, first_year) VALUES ('suffix', 'X', '2023')$$, '23514', NULL, 'a year is written 2023-2024');
SELECT throws_ok($$INSERT INTO calpads.layout_field (layout, ordinal, name, label, type, required, key) VALUES ('senr', 999, 'x', 'X', 'number', false, false)$$,
	'23514', NULL, 'a field has one of the known types');
SELECT throws_ok($$INSERT INTO calpads.code (codeset, code) VALUES ('suffix', 'ESQ'), ('suffix', 'ESQ')$$, '23505', NULL, 'a code stands once');
CREATE ROLE calpads_test_clerk;
GRANT USAGE ON SCHEMA calpads TO calpads_test_clerk;
GRANT EXECUTE ON FUNCTION calpads.refresh_reference_data() TO calpads_test_clerk;
SET LOCAL ROLE calpads_test_clerk;
SELECT throws_ok('SELECT calpads.refresh_reference_data()', '42501', 'permission denied to refresh the reference data', 'only a superuser refreshes');
RESET ROLE;
SELECT is_empty($$SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	WHERE c.relnamespace = 'calpads'::regnamespace
		AND c.relname IN ('layout', 'layout_field', 'codeset', 'code', 'valid_combination', 'sis_table', 'school_selection', 'sis_view', 'school')
		AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)$$, 'each table and column says what it is');

SELECT * FROM finish();
ROLLBACK;
