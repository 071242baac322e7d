-- Special education: who is imported, what is written, what is reported.

BEGIN;
SELECT no_plan();
SELECT count(*) FROM calpads.create_sis_schema() \g /dev/null
SET LOCAL calpads.today = '2017-12-05';
-- A run that fails warns of it.
SET LOCAL client_min_messages = error;

CREATE FUNCTION pg_temp.bytes(VARIADIC lines text[]) RETURNS bytea LANGUAGE sql AS
	$$SELECT convert_to(array_to_string(lines, E'\r\n') || E'\r\n', 'UTF8')$$;
-- A student of the SIS in special education, but for what is said.
CREATE FUNCTION pg_temp.student(student integer, said jsonb DEFAULT '{}', cse jsonb DEFAULT '{}') RETURNS void LANGUAGE sql AS $$
	INSERT INTO sis.stu SELECT * FROM jsonb_populate_record(NULL::sis.stu, jsonb_build_object('sc', 10, 'sn', student, 'id', student,
		'cid', 1000000000 + student, 'ln', 'Last' || student, 'fn', 'First' || student, 'bd', '2010-01-31', 'gr', 2, 'del', false) || said);
	INSERT INTO sis.cse SELECT * FROM jsonb_populate_record(NULL::sis.cse, jsonb_build_object('id', student, 'del', false) || cse)
	WHERE cse IS NOT NULL
$$;
-- Everything is as at first, but for the students that are named.
CREATE FUNCTION pg_temp.clear() RETURNS void LANGUAGE sql AS $$
	DELETE FROM sis.stu; DELETE FROM sis.cse; DELETE FROM sis.csv; DELETE FROM sis.day;
	DELETE FROM calpads.casemis_message
$$;
CREATE FUNCTION pg_temp.last_import() RETURNS bigint LANGUAGE sql AS 'SELECT max(import_id) FROM calpads.casemis_import';
-- What became of the records: "1 imported, 2 duplicate".
CREATE FUNCTION pg_temp.outcomes(of_file text DEFAULT 'students') RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(record_no || ' ' || outcome, ', ' ORDER BY record_no) FROM calpads.casemis_record
	WHERE import_id = pg_temp.last_import() AND file = of_file
$$;
CREATE FUNCTION pg_temp.reasons(of_file text DEFAULT 'students') RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', record_no, wrong_column, reason), '; ' ORDER BY record_no) FROM calpads.casemis_record
	WHERE import_id = pg_temp.last_import() AND file = of_file AND reason IS NOT NULL
$$;
CREATE FUNCTION pg_temp.warnings() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', record_no, message), '; ' ORDER BY message_no) FROM calpads.casemis_message
	WHERE import_id = pg_temp.last_import() AND message !~ '^columns are missing'
$$;
CREATE FUNCTION pg_temp.counts() RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', status, students_read, students_matched, students_unmatched, students_duplicate, students_error, '/',
		services_read, services_matched, services_unmatched, services_error)
	FROM calpads.casemis_import WHERE import_id = pg_temp.last_import()
$$;
CREATE FUNCTION pg_temp.report(name text) RETURNS text LANGUAGE sql AS
	$$SELECT calpads.casemis_report(pg_temp.last_import(), 'CASEMIS_' || name || '.csv')$$;
CREATE FUNCTION pg_temp.services(student integer) RETURNS text LANGUAGE sql AS
	$$SELECT string_agg(concat_ws(' ', cd, dt), ', ' ORDER BY dt, cd, sq) FROM sis.csv WHERE id = student$$;
-- Runs with records below the usual columns of Table A.
CREATE FUNCTION pg_temp.run_a(VARIADIC records text[]) RETURNS text LANGUAGE sql AS $$
	SELECT (calpads.casemis_run('students', pg_temp.bytes(VARIADIC
		ARRAY['SELPA_CODE,STUDENT_ID,LAST_NAME,FIRST_NAME,SSID,BIRTHDATE,PLAN_TYPE,DISABILIT1'] || records))).status
$$;
INSERT INTO calpads.casemis_profile (name, services) VALUES ('both', true), ('students', false);

-- The worked example of the specification ---------------------------------------------

SELECT pg_temp.student(101, '{}', '{"di": "290", "lu": "2017-01-01"}'), pg_temp.student(102, '{}', '{"di": "240"}'),
	pg_temp.student(103, '{"cid": null, "ln": "GARCIA-HERNANDEZ-LOPEZ", "fn": "ANA", "bd": "2010-05-04"}'),
	pg_temp.student(104, '{}', '{"di": "320", "xd": "2017-12-05"}') \g /dev/null
-- STU has a row for each school.
SELECT pg_temp.student(101, '{"sc": 20}', NULL) \g /dev/null
INSERT INTO sis.day (sc, dy, dt, ho) VALUES (0, NULL, '2017-08-10', '@'), (0, 1, '2017-08-14', ''), (10, 1, '2017-08-01', ''), (0, 1, '2016-08-15', '');
INSERT INTO sis.csv (id, sq, cd, dt) VALUES (101, 1, '450', '2016-09-01'), (101, 2, '460', '2017-09-01'), (102, 1, '415', '2017-08-20');
CREATE TABLE pg_temp.example AS SELECT
	pg_temp.bytes('SELPA_CODE,STUDENT_ID,LAST_NAME,FIRST_NAME,SSID,BIRTHDATE,GRADE,PLAN_TYPE,DISABILIT1',
		'3601,S1,Last101,First101,1000000101,20100131,02,10,210',
		'3601,S2,Last102,First102,1000000102,20100131,02,10,210',
		'3601,S2,Last102,First102,1000000102,20100131,02,10,210',
		'3601,S4,GARCIA-HERNANDE,ANA,,5/4/2010,02,10,220',
		'3601,S5,"New, the",Student,1000000999,01/31/2010,02,10,220') AS students,
	pg_temp.bytes('SELPA_CODE,STUDENT_ID,SERVICE', '3601,S1,330', '3601,S1,415', '3601,S2,415', '3601,S5,330') AS services;

SELECT set_eq($$SELECT student_id, table_name, service, column_name, before, after FROM pg_temp.example e, calpads.casemis_preview('both', e.students, e.services)$$,
	$$VALUES (101, 'cse', NULL, 'di', '290', '210'), (101, 'cse', NULL, 'lu', '2017-01-01', '2017-12-05'), (101, 'cse', NULL, 'pt', NULL, '10'),
		(101, 'cse', NULL, 'se', NULL, '3601'), (101, 'cse', NULL, 'sei', NULL, 'S1'),
		(103, 'cse', NULL, 'di', NULL, '220'), (103, 'cse', NULL, 'lu', NULL, '2017-12-05'), (103, 'cse', NULL, 'pt', NULL, '10'),
		(103, 'cse', NULL, 'se', NULL, '3601'), (103, 'cse', NULL, 'sei', NULL, 'S4'),
		(101, 'csv', '460', 'cd', '460', NULL), (101, 'csv', '460', 'dt', '2017-09-01', NULL),
		(101, 'csv', '330', 'cd', NULL, '330'), (101, 'csv', '330', 'dt', NULL, '2017-08-14'), (101, 'csv', '330', 'yr', NULL, '2017'),
		(101, 'csv', '415', 'cd', NULL, '415'), (101, 'csv', '415', 'dt', NULL, '2017-08-14'), (101, 'csv', '415', 'yr', NULL, '2017')$$,
	'a dry run tells every column that would change');
SELECT is((SELECT count(*) FROM calpads.casemis_record) + (SELECT count(*) FROM calpads.casemis_import) + (SELECT count(*) FROM calpads.casemis_change), 0::bigint,
	'and leaves nothing');
SELECT is((SELECT di FROM sis.cse WHERE id = 101), '290', 'not in the SIS either');
CREATE TABLE pg_temp.before AS SELECT * FROM sis.cse;
SELECT is((SELECT status FROM pg_temp.example e, calpads.casemis_run('both', e.students, e.services)), 'succeeded', 'the run');
SELECT is(pg_temp.counts(), 'succeeded 5 2 1 2 0 / 4 2 2 0', 'its counts');
SELECT is(pg_temp.outcomes(), '1 imported, 2 duplicate, 3 duplicate, 4 imported, 5 unmatched', 'what became of the students');
SELECT is(pg_temp.report('TypeA_ImportedRecords'),
	E'OriginalLineNumber,SSID,StudentID,FirstName,LastName,Birthdate,Grade\n1,1000000101,101,First101,Last101,20100131,02\n'
	'4,,103,ANA,GARCIA-HERNANDE,5/4/2010,02\n', 'imported: StudentID is that of the SIS, all else is the file''s');
SELECT is(pg_temp.report('TypeA_UnmatchedRecords'),
	E'OriginalLineNumber,SSID,StudentID,FirstName,LastName,Birthdate,Grade\n5,1000000999,S5,Student,"New, the",01/31/2010,02\n',
	'unmatched: StudentID is that of the file');
SELECT is(pg_temp.report('TypeA_Duplicates'),
	E'OriginalLineNumber,SSID,FirstName,LastName,Birthdate,Grade\n2,1000000102,First102,Last102,20100131,02\n3,1000000102,First102,Last102,20100131,02\n',
	'duplicates: all of them');
SELECT is(pg_temp.report('TypeA_NotInFile'), E'SSID,FirstName,LastName,Birthdate,Grade\n1000000102,First102,Last102,2010-01-31,2\n',
	'not in file: the duplicate one, but not the one who leaves today');
SELECT is(pg_temp.report('TypeB_ImportedRecords'), E'OriginalLineNumber,SSID,StudentID,Service\n1,1000000101,S1,330\n2,1000000101,S1,415\n', 'services imported');
SELECT is(pg_temp.report('TypeB_UnmatchedRecords'), E'OriginalLineNumber,SSID,StudentID,Service\n3,1000000102,S2,415\n4,1000000999,S5,330\n', 'services unmatched');
SELECT is(pg_temp.services(101), '450 2016-09-01, 330 2017-08-14, 415 2017-08-14',
	'the services of the year are replaced once, from the first school day of the district; earlier ones stay');
SELECT is(pg_temp.services(102), '415 2017-08-20', 'those of a duplicate student are not touched');
SELECT is((SELECT string_agg(id || ' ' || lu, ', ' ORDER BY id) FROM sis.cse WHERE lu IS NOT NULL), '101 2017-12-05, 103 2017-12-05', 'CSE.LU is today');
SELECT set_eq($$SELECT c.id, v.key, b.value AS before, v.value AS after FROM sis.cse c JOIN pg_temp.before o USING (id), jsonb_each_text(to_jsonb(c)) v, jsonb_each_text(to_jsonb(o)) b
		WHERE b.key = v.key AND b.value IS DISTINCT FROM v.value$$,
	$$SELECT student_id, column_name, before, after FROM calpads.casemis_change_log WHERE import_id = pg_temp.last_import() AND table_name = 'cse'$$,
	'the log of changes is what changed');
SELECT is_empty($$SELECT p.* FROM pg_temp.example e, calpads.casemis_preview('both', e.students, e.services) p$$, 'after that nothing would change');
SELECT throws_ok('SELECT pg_temp.report(''TypeC'')', '22023', NULL, 'there are six reports');
SELECT throws_ok('SELECT calpads.casemis_report(0, ''CASEMIS_TypeA_NotInFile.csv'')', '42704', NULL, 'of imports that are');

-- Section 9: matching -------------------------------------------------------------------

SELECT pg_temp.clear(), pg_temp.student(1), pg_temp.student(2), pg_temp.run_a('1,a,Other,Name,1000000001,20100131,10,210', '1,b,LAST2,first2,1000000002,20100131,10,210') \g /dev/null
SELECT is(pg_temp.outcomes(), '1 imported, 2 imported', 'the SSID wins over another name');
SELECT is(pg_temp.warnings(), '1 matched by its number, but the SIS has another name or birth date', 'which is logged, but not for another case');

SELECT pg_temp.clear(), pg_temp.student(1, '{"cid": null}'), pg_temp.student(2, '{"cid": " "}'), pg_temp.run_a('1,a,Last1,First1,1000000009,20100131,10,210',
	'1,b,Last2,First2,100000002,20100131,10,210', '1,c,Last2,First2,1E+09,20100131,10,210') \g /dev/null
SELECT is(pg_temp.outcomes(), '1 unmatched, 2 error, 3 error', 'an unknown SSID does not fall back to the name, a malformed one is an error');
SELECT is(pg_temp.reasons(), '1 no student of the SIS has the SSID; 2 SSID the SSID does not have ten digits; 3 SSID the SSID does not have ten digits', 'with reasons');
SELECT is(pg_temp.counts(), 'succeeded 3 0 1 0 2 / 0 0 0 0', 'errors are counted');
SELECT is(pg_temp.report('TypeA_UnmatchedRecords'), E'OriginalLineNumber,SSID,StudentID,FirstName,LastName,Birthdate,Grade\n1,1000000009,a,First1,Last1,20100131,\n',
	'but in no report');

SELECT pg_temp.clear(), pg_temp.student(1, '{"cid": null, "ln": "Twin", "fn": "One"}'), pg_temp.student(2, '{"cid": null, "ln": "TWIN", "fn": "one"}'),
	pg_temp.student(3, '{"cid": "1000000007"}'), pg_temp.student(4, '{"cid": "1000000007"}'),
	pg_temp.student(5, '{"cid": null, "ln": "ABCDEFGHIJKLMNOPQ", "fn": "Ada"}'), pg_temp.student(6, '{"cid": null, "ln": "ABCDEFGHIJKLMNOXX", "fn": "Ada"}'),
	pg_temp.run_a('1,a,Twin,One,,20100131,10,210', '1,b,x,y,1000000007,20100131,10,210', '1,c,ABCDEFGHIJKLMNO,Ada,,20100131,10,210') \g /dev/null
SELECT is(pg_temp.outcomes(), '1 unmatched, 2 unmatched, 3 unmatched', 'of several students none is picked');
SELECT is(pg_temp.reasons(), '1 ambiguous: several students of the SIS fit; 2 ambiguous: several students of the SIS fit; 3 ambiguous: several students of the SIS fit', 'and it is said');

SELECT pg_temp.clear(), pg_temp.student(1, '{"cid": null}'), pg_temp.student(2), pg_temp.student(3, '{"cid": null}'), pg_temp.student(4, '{"cid": null, "ln": "O''Neil-Abcdefghijk"}'),
	pg_temp.run_a('1,a,Last1,First1,,20100131,10,210', '1,b,last1,FIRST1,,1/31/2010,10,210', '1,c,Last2,First2,1000000002,20100131,10,210', '1,d,Last2,First2,,20100131,10,210',
		'1,e,Last3,First3,,20100131,10,210', '1,f,Last9,First9,,20100131,10,210', '1,g,O''Neil-Abcdefghijk,First4,,20100131,10,210', '1,h,ONeil-Abcdefghi,First4,,20100131,10,210') \g /dev/null
SELECT is(pg_temp.outcomes(), '1 duplicate, 2 duplicate, 3 duplicate, 4 duplicate, 5 imported, 6 unmatched, 7 imported, 8 unmatched',
	'duplicates by name, and by SSID and name of one student; blank SSIDs are none; 15 characters on both sides, no folding of punctuation');
SELECT pg_temp.clear(), pg_temp.student(1), pg_temp.student(2), pg_temp.run_a('1,a,x,y,1000000001,20100131,10,210', '2,b,x,y,1000000001,20100131,10,210',
	'3,c,x,y,1000000001,20100131,10,210', '1,d,x,y,1000000008,20100131,10,210', '1,d,x,y,1000000008,20100131,10,210',
	'1,e,x,y,1000000002,20109999,10,210', '1,f,x,y,1000000002,20100131,10,210') \g /dev/null
SELECT is(pg_temp.outcomes(), '1 duplicate, 2 duplicate, 3 duplicate, 4 duplicate, 5 duplicate, 6 error, 7 duplicate',
	'duplicates whatever the SELPA, though nobody has the SSID, and beside a record in error');
SELECT pg_temp.clear(), pg_temp.student(1, '{"cid": null, "del": true}'), pg_temp.student(2, '{"bd": null, "cid": null}'),
	pg_temp.run_a('1,a,Last1,First1,,20100131,10,210', '1,b,Last2,First2,,,10,210', '1,b,,First2,,20100131,10,210', '1,c,Last2,First2,,2010-01-31,10,210', '1,c,Last2,First2,,13/31/2010,10,210') \g /dev/null
SELECT is(pg_temp.outcomes(), '1 unmatched, 2 error, 3 error, 4 error, 5 error', 'deleted students are none; without SSID name and birth date are needed');
SELECT is((SELECT string_agg(concat_ws(' ', record_no, line_no, column_name), ', ' ORDER BY record_no) FROM calpads.casemis_error WHERE import_id = pg_temp.last_import()),
	'2 3, 3 4, 4 5 BIRTHDATE, 5 6 BIRTHDATE', 'records in error are kept with line and column');

-- Section 9: what is written ------------------------------------------------------------

SELECT pg_temp.clear(), pg_temp.student(1, '{}', NULL), pg_temp.student(2, '{}', '{"di": "210", "xr": "70", "ad": "2018-01-01", "ta": "2019-01-01", "pa2": "A", "pa3": "B"}'), pg_temp.student(3, '{}', '{"di": "210"}'),
	pg_temp.student(4, '{}', '{"di": "210", "xd": "2017-12-06"}'), pg_temp.student(5, '{}', '{"di": "210", "lu": "2017-12-05"}'), pg_temp.student(6, '{}', '{"di": " "}') \g /dev/null
SELECT calpads.casemis_run('students', pg_temp.bytes(
	'SELPA_CODE,STUDENT_ID,LAST_NAME,FIRST_NAME,SSID,BIRTHDATE,PLAN_TYPE,DISABILIT1,EXIT_DATE,EXIT_RESON,FILLER1,FILLER2,FILLER3,FILLER4,FILLER5,FILLER6,IN_REGCLS,GRADE',
	'3601,a,Changed,First1,1000000001,20100131,90,,20171101,70,,,,,,,80,05', '3601,b,Last2,First2,1000000002,20100131,10,,,,1,  ,3,,,6,39,05')) \g /dev/null
SELECT is((SELECT concat_ws(' ', pt, di, xd, xr, lu, irc) FROM sis.cse WHERE id = 1), '90 2017-11-01 70 2017-12-05 1', 'a record of plan type 90 makes a row of CSE; an exit is written');
SELECT is((SELECT jsonb_strip_nulls(to_jsonb(c)) FROM sis.cse c WHERE id = 2),
	'{"id": 2, "pt": "10", "se": "3601", "sei": "b", "ad": "2018-01-01", "ta": "2019-01-01", "lu": "2017-12-05", "del": false, "irc": "3", "pa1": "1", "pa2": "A", "pa3": "3", "pa6": "6"}',
	'a blank clears a column, but not a participation; next reviews, which CASEMIS does not have, stay; percentages become range codes');
SELECT is((SELECT concat_ws(' ', ln, fn, gr) FROM sis.stu WHERE id = 1), 'Last1 First1 2', 'STU is never changed');
SELECT is((SELECT string_agg(student_id::text, ' ' ORDER BY student_id) FROM calpads.casemis_type_a_not_in_file WHERE import_id = pg_temp.last_import()), '3 4',
	'not in file: not exited until today, not touched today, with a disability');
SELECT matches(pg_temp.warnings(), 'IN_REGCLS is a percentage', 'the conversion is logged');

SELECT pg_temp.clear(), pg_temp.student(1, '{}', '{"di": "210", "del": true}'), pg_temp.student(2, '{}', '{"di": "210", "del": true}'), pg_temp.student(2, '{"sc": 30}', '{"di": "220"}'),
	pg_temp.run_a('1,a,Last1,First1,1000000001,20100131,10,290', '1,b,Last2,First2,1000000002,20100131,10,290') \g /dev/null
SELECT is((SELECT string_agg(concat_ws(' ', id, di, del), ', ' ORDER BY id, di) FROM sis.cse), '1 290 f, 2 210 t, 2 290 f',
	'a deleted row of CSE comes back when the student has no other');

SELECT pg_temp.clear(), pg_temp.student(1), pg_temp.student(2), pg_temp.run_a('1,a,x,y,1000000001,20100131,100,210', '1,b,x,y,1000000001') \g /dev/null
SELECT is(pg_temp.reasons(), '1 PLAN_TYPE the value is longer than the field; 2 the record has 5 instead of 8 columns', 'values too long, and columns too few');
SELECT pg_temp.clear(), pg_temp.student(1), pg_temp.run_a('1,a,x,y,1000000001,20100131,11,210') \g /dev/null
SELECT is(pg_temp.outcomes(), '1 imported', 'an incomplete code set does not refuse');
SELECT matches(pg_temp.warnings(), 'value "11" of column PLAN_TYPE is not in code set casemis_plan_type', 'but warns');
UPDATE calpads.casemis_profile SET skip_unserved = true WHERE name = 'students';
SELECT pg_temp.clear(), pg_temp.student(1), pg_temp.student(2), pg_temp.run_a('1,a,Last1,First1,1000000001,20100131,90,', '1,b,Last2,First2,1000000002,20100131,10,210') \g /dev/null
SELECT is(pg_temp.outcomes(), '1 skipped, 2 imported', 'records without services can be passed over');
SELECT is(pg_temp.counts(), 'succeeded 1 1 0 0 0 / 0 0 0 0', 'and are not counted');
UPDATE calpads.casemis_profile SET skip_unserved = false WHERE name = 'students';

-- Services ------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.run_b(columns text, VARIADIC records text[]) RETURNS text LANGUAGE sql AS $$
	SELECT (calpads.casemis_run('both', pg_temp.bytes('SELPA_CODE,STUDENT_ID,LAST_NAME,FIRST_NAME,SSID,BIRTHDATE', '1,a,Last1,First1,1000000001,20100131',
		'1,b,Last2,First2,1000000002,20100131', '1,b,Last2,First2,1000000002,20100131', '1,c,No,One,1000000009,20100131', '1,d,Last4,First4,,20109999'), pg_temp.bytes(VARIADIC ARRAY[columns] || records))).status
$$;
SELECT pg_temp.clear(), pg_temp.student(1), pg_temp.student(2), pg_temp.student(3), pg_temp.student(4) \g /dev/null
INSERT INTO sis.csv (id, cd, dt, yr) VALUES (2, '415', '2017-09-01', '2017'), (3, '415', '2017-09-01', '2017'), (1, '450', '2017-09-01', '2017'), (1, '460', NULL, '2017'), (1, '425', NULL, '2016'), (1, '435', NULL, NULL);
SELECT pg_temp.run_b('selpa,Student ID,Serv_Code,Provider,Location,Frequency,Duration', '1,a,330,100,520,20,30', '1,a,330,100,520,20,30', '1,a,415 - Language and Speech,,,20 - Weekly (one or more times a week),',
	'1,b,330,,,,', '1,c,330,,,,', '1,d,330,,,,', '1,e,330,,,,', '2,a,330,,,,', '1,a,,,,,', '1,a,33000,,,,', '1,a,330,,,,x', ',,330,,,,') \g /dev/null
SELECT is(pg_temp.outcomes('services'), '1 imported, 2 imported, 3 imported, 4 unmatched, 5 unmatched, 6 unmatched, 7 unmatched, 8 unmatched, 9 error, 10 error, 11 error, 12 error',
	'a service needs an imported student; two of one code are two services');
SELECT is(pg_temp.reasons('services'), '4 the student''s record in the students file was not imported; 5 the student''s record in the students file was not imported; '
	'6 the student''s record in the students file was not imported; 7 no record of the students file has its student ID; 8 no record of the students file has its student ID; '
	'9 the service is missing; 10 SERVICE the value is longer than the field; 11 DURATION the value is not a whole number; 12 both the SSID and the student''s ID are missing', 'with reasons');
SELECT is((SELECT string_agg(concat_ws(' ', sq, cd, dt, pv, lo, fr, du, yr), ', ' ORDER BY sq, cd) FROM sis.csv WHERE id = 1),
	'1 330 2017-07-01 100 520 20 30 2017, 2 330 2017-07-01 100 520 20 30 2017, 3 415 2017-07-01 20 2017, 425 2016, 435', 'July 1 without a calendar; rows without a date are of their year; codes lose their names');
SELECT is(pg_temp.services(2) || ' ' || pg_temp.services(3), '415 2017-09-01 415 2017-09-01', 'the services of others stay');
SELECT is(pg_temp.counts(), 'succeeded 5 1 1 2 1 / 12 3 5 4', 'the counts add up');
SELECT pg_temp.clear(), pg_temp.student(1), pg_temp.student(2), pg_temp.student(3), pg_temp.student(4), pg_temp.run_b('STUDENT_ID,SSID,SERVICE', 'a,1000000001,330', ',1000000003,330', ',1000000002,330', 'a,1000000003,330',
	',1000000008,330', 'a,,415', 'zz,1000000003,415') \g /dev/null
SELECT is(pg_temp.outcomes('services'), '1 imported, 2 imported, 3 unmatched, 4 unmatched, 5 unmatched, 6 imported, 7 imported',
	'with its own SSID a service finds its student by it, but not one who is a duplicate, nor two students');
SELECT is((SELECT max(services_read) FROM calpads.casemis_import i WHERE profile = 'students'), 0::bigint, 'without the option services are not read');
UPDATE calpads.casemis_profile SET academic_year = '2016-2017' WHERE name = 'both';
SELECT pg_temp.clear(), pg_temp.student(1) \g /dev/null
INSERT INTO sis.csv (id, cd, dt) VALUES (1, '415', '2016-09-01'), (1, '425', '2017-09-01');
SELECT pg_temp.run_b('STUDENT_ID,SERVICE', 'a,330') \g /dev/null
SELECT is(pg_temp.services(1) || ' ' || (SELECT lu FROM sis.cse), '330 2016-07-01, 425 2017-09-01 2017-12-05', 'a database of an earlier year: the services of that year, but CSE.LU is today');
UPDATE calpads.casemis_profile SET academic_year = NULL WHERE name = 'both';

-- Forms of files ------------------------------------------------------------------------

-- All 67 columns, with or without a header, fillers by place, the case of names free.
CREATE FUNCTION pg_temp.table_a(VARIADIC said text[]) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(coalesce((SELECT split_part(s, '=', 2) FROM unnest(said) s WHERE split_part(s, '=', 1) = f.field), ''), ',' ORDER BY f.ordinal)
	FROM calpads.casemis_fields('casemis_a') f
$$;
SELECT pg_temp.clear(), pg_temp.student(1, '{}', '{"pa1": "x", "pa2": "x"}') \g /dev/null
SELECT is((SELECT status FROM calpads.casemis_run('students', pg_temp.bytes(pg_temp.table_a('ssid=1000000001', 'last_name=Last1', 'filler=0', 'filler2=2', 'filler6=6', 'disabilit1=210', 'grade=01')))),
	'succeeded', 'Table A without a header has 67 columns');
SELECT is((SELECT concat_ws(' ', di, pa1, pa2, pa6) FROM sis.cse), '210 x 2 6', 'in their order');
SELECT is((SELECT status FROM calpads.casemis_run('students', pg_temp.bytes((SELECT string_agg(CASE WHEN field LIKE 'filler%' THEN 'FILLER' ELSE initcap(field) END, ',' ORDER BY ordinal)
	FROM calpads.casemis_fields('casemis_a')), pg_temp.table_a('ssid=1000000001', 'last_name=Last1', 'filler=0', 'filler1=1', 'filler3=3', 'disabilit1=220', 'grade=01')))), 'succeeded', 'a header may name all fillers alike');
SELECT is((SELECT concat_ws(' ', di, pa1, pa2, pa3, pa6) FROM sis.cse), '220 1 2 3 6', 'they are known by their places');
SELECT is((SELECT status FROM calpads.casemis_run('students', convert_to(E'\uFEFFSSID;x', 'UTF8'))), 'failed', 'a file that is none fails');
SELECT is((SELECT status FROM calpads.casemis_run('students', ''::bytea)), 'failed', 'and so does an empty one');
SELECT is((SELECT status FROM calpads.casemis_run('students', pg_temp.bytes('SELPA_CODE,STUDENT_ID,LAST_NAM,FIRST_NAME,SSID,BIRTH,PLAN_TYPE'))), 'failed', 'and one without a key header');
SELECT is((SELECT message FROM calpads.casemis_message WHERE import_id = pg_temp.last_import() AND severity = 'error'), 'the header lacks LAST_NAME, BIRTHDATE', 'which names the headers that are wrong');
SELECT is((SELECT status FROM calpads.casemis_run('both', pg_temp.bytes('SSID,LAST_NAME,FIRST_NAME,STUDENT_ID,BIRTHDATE', '1000000001,a,b,c,20100131'), pg_temp.bytes('1,a,330'))), 'failed',
	'Table B without a header is refused');
SELECT is((SELECT count(*) FROM calpads.casemis_record WHERE import_id = pg_temp.last_import()), 0::bigint, 'and so the students are not imported either');
SELECT throws_ok($$SELECT calpads.casemis_report(pg_temp.last_import(), 'CASEMIS_TypeA_NotInFile.csv')$$, '55000', NULL, 'a run that failed has no reports');
SELECT is(pg_temp.run_a(VARIADIC '{}'), 'succeeded', 'a header alone is a file of no records');
SELECT is(pg_temp.counts() || ' ' || pg_temp.warnings(), 'succeeded 0 0 0 0 0 / 0 0 0 0 the students file has no records', 'with a warning');
SELECT is(pg_temp.report('TypeB_ImportedRecords'), E'OriginalLineNumber,SSID,StudentID,Service\n', 'its reports are headers');
SELECT pg_temp.clear(), pg_temp.student(1, '{"cid": null, "ln": "Peña"}'), pg_temp.student(2, '{"cid": null, "ln": "PeÃ±a", "fn": "First1"}') \g /dev/null
SELECT calpads.casemis_run('students', convert_to(E'SSID,LAST_NAME,FIRST_NAME,STUDENT_ID,BIRTHDATE\r,Peña,First1,a,20100131\r', 'UTF8')) \g /dev/null
SELECT is((SELECT student_id FROM calpads.casemis_record WHERE import_id = pg_temp.last_import()), 1, 'UTF-8, and carriage returns alone');
SELECT calpads.casemis_run('students', convert_to(E'SSID,LAST_NAME,FIRST_NAME,STUDENT_ID,BIRTHDATE\n,Peña,First1,a,20100131\n', 'WIN1252')) \g /dev/null
SELECT is((SELECT student_id FROM calpads.casemis_record WHERE import_id = pg_temp.last_import()), 1, 'Windows-1252');
SELECT calpads.casemis_run('students', convert_to(E'SSID,LAST_NAME,FIRST_NAME,STUDENT_ID,BIRTHDATE\n,Peña,First1,a,20100131\n', 'UTF8') || convert_to(',Ñu,x,b,20100131', 'WIN1252') || '\x0a2c8f'::bytea || ',x,c,20100131') \g /dev/null
SELECT is((SELECT student_id FROM calpads.casemis_record WHERE import_id = pg_temp.last_import() AND record_no = 1), 2, 'mixed encodings: Windows-1252 for all');
SELECT is((SELECT encoding FROM calpads.casemis_import_file WHERE import_id = pg_temp.last_import()), 'WIN1252', 'which is recorded');
SELECT is(pg_temp.reasons(), '2 there is no SSID, and no student of the SIS has the name and birth date; 3 the line is not valid Windows-1252', 'what has no meaning there is an error of its record');
SELECT is(calpads.casemis_columns('casemis_b', '{SELPA,Student Id,Service Code,Nonsense,SERV_CODE,NULL,Provider}'), '{selpa_code,student_id,service,nonsense,NULL,NULL,provider}', 'headers by alias, unknown ones, and one that comes twice');

-- The files of CALPADS -------------------------------------------------------------------

SELECT pg_temp.clear(), pg_temp.student(1), pg_temp.student(2, '{"cid": null}'), pg_temp.student(3), pg_temp.student(4, '{"bd": "2015-06-01"}'), pg_temp.student(5),
	pg_temp.student(6, '{"cid": null}', '{"li": "2017-01-01", "ird": "2012-01-01", "di": "240"}') \g /dev/null
SELECT calpads.casemis_run('both', pg_temp.bytes(
	'Transaction Type Code,ssid,LocStudID,Local Special Education Student ID,student_legal_last_name,Student_Birth_Date,Education Plan Type Code,Special Education Meeting Type Code,SpecialEducationMeetingDate,Special Education Referral Date,Disability 1 Code,Special Education Program Setting Code,School of Attendance,School of Attendance NPS,Own Column',
	'A,1000000001,,S1,Wrong,20100131,100,20,20170901,20150101,210,400,6000010,,x',
	',1000000999,2,S2,,20100131,100,40,20170902,,220,,0000001,1234567,x',
	'D,1000000003,3,S3,,20100131,100,20,20170901,,210,,,,x',
	'A,1000000004,4,S4,,20150601,150,20,20170903,20160101,240,,,,x',
	'A,1000000005,5,S5,,20100131,100,20,20170901,,210,,,,x', 'a,1000000005,5,S5,,20100131,100,10,20170501,,210,,,,x',
	'A,1000000998,77,S7,,20100131,100,20,20170901,,210,,,,x', 'A,,6,S6,,20100131,100,10,,,,,,,x', 'A,,,S9,,20100131,100,10,,,,,,,x',
	'A,1000000003,,S3,,20100131,101,20,20170901,,210,,,,x'), pg_temp.bytes(
	'Transaction Type Code,SSID,Local Special Education Student ID,Special Education Service Code,Special Education Service Provider Code,Service Duration',
	'A,1000000001,,330,100,30', 'R,1000000001,,415,,', 'D,1000000001,,425,,', ',1000000999,,330,,', 'A,1000000003,,330,,', 'A,1000000005,,330,,', 'A,,S6,330,,', 'A,1000000997,,330,,')) \g /dev/null
SELECT is(pg_temp.outcomes(), '1 imported, 2 imported, 3 skipped, 4 imported, 5 duplicate, 6 duplicate, 7 unmatched, 8 imported, 9 error, 10 error',
	'CALPADS students: by SSID, else by local ID; A and blank; duplicates here too');
SELECT is(pg_temp.reasons(), '3 its transaction type is not imported; 5 other records have the same SSID; 6 other records have the same SSID; 7 no student of the SIS has the SSID; '
	'9 both the SSID and the local student ID are missing; 10 EDUCATION_PLAN_TYPE_CODE the code is not in its code set', 'a complete code set refuses');
SELECT is((SELECT jsonb_strip_nulls(to_jsonb(c)) FROM sis.cse c WHERE id = 1), '{"id": 1, "di": "210", "pt": "100", "li": "2017-09-01", "rd": "2015-01-01", "fs": "400", "ss": "6000010", "sei": "S1", "lu": "2017-12-05", "del": false}',
	'an annual meeting goes to LI, the referral to RD, the setting by age');
SELECT is((SELECT concat_ws(' ', la, li, ss) FROM sis.cse c WHERE id = 2), '2017-09-02 1234567', 'a reevaluation goes to LA, a nonpublic school is its own code');
SELECT is((SELECT concat_ws(' ', lif, ird, rd) FROM sis.cse c WHERE id = 4), '2017-09-03 2016-01-01', 'infants have their own columns');
SELECT is((SELECT concat_ws(' ', li, ird, di) FROM sis.cse c WHERE id = 6), '2017-01-01 2012-01-01', 'blanks of dates that depend on the meeting keep, others clear');
SELECT is(pg_temp.outcomes('services'), '1 imported, 2 imported, 3 skipped, 4 imported, 5 unmatched, 6 unmatched, 7 imported, 8 unmatched', 'services: A, R and blank; by SSID, by the students file');
SELECT matches(pg_temp.warnings(), 'columns are unknown or there twice and were not imported', 'an unknown header only warns');
SELECT is((SELECT layout FROM calpads.casemis_import_file WHERE import_id = pg_temp.last_import() AND file = 'services'), 'ssrv', 'the layouts are recognised');
SELECT is((SELECT status FROM calpads.casemis_run('students', pg_temp.bytes('Disability 1 Code,Education Plan Type Code,Something', '210,100,x'))), 'failed', 'without SSID, LocStudID and EIDtifier the import is refused');
SELECT pg_temp.clear(), pg_temp.student(1), pg_temp.student(2) \g /dev/null
INSERT INTO calpads.casemis_target (layout, field, sis_table, sis_column) VALUES ('sped', 'owncolumn', 'cse', 'u1');
SELECT calpads.casemis_run('students', pg_temp.bytes('SSID,Own Column,Disability 1 Code', '1000000001,Q,210')) \g /dev/null
SELECT is((SELECT concat_ws(' ', u1, di) FROM sis.cse WHERE id = 1), 'Q 210', 'extended fields: a column of the district''s own');

INSERT INTO calpads.casemis_target (layout, field, sis_table, sis_column) VALUES ('sped', 'nextreview', 'cse', 'ad');
SELECT calpads.casemis_run('students', pg_temp.bytes('SSID,Next Review,Disability 1 Code', '1000000001,5/1/2018,210', '1000000002,soon,210')) \g /dev/null
SELECT is((SELECT ad FROM sis.cse WHERE id = 1), '2018-05-01', 'also one with dates');
SELECT is(pg_temp.reasons(), '2 NEXTREVIEW the value is no date written CCYYMMDD or MM/DD/CCYY', 'which is checked');

SELECT pg_temp.clear(), pg_temp.student(1, '{"bd": "2010-01-31"}', '{"xd": "2016-01-01", "ed": "2014-01-01"}'), pg_temp.student(2) \g /dev/null
SELECT calpads.casemis_run('both', pg_temp.bytes('SSID,Special Education Plan Type Code,Special Education Plan Effective Start Date,Disability 1 Code', '1000000001,100,20160901,210', '1000000001,100,20170901,220',
	'1000000001,100,20180901,230', '1000000002,100,20170901,210', '1000000002,200,20170901,210'),
	pg_temp.bytes('SSID,Special Education Service Code,Plan Effective Start Date', '1000000001,330,20170901', '1000000001,415,20160901')) \g /dev/null
SELECT is(pg_temp.outcomes(), '1 skipped, 2 imported, 3 skipped, 4 duplicate, 5 duplicate', 'of several plans the newest that has begun counts');
SELECT is((SELECT concat_ws(' ', di, ed, pt) FROM sis.cse WHERE id = 1), '220 2014-01-01 100', 'and is written');
SELECT is(pg_temp.services(1), '415 2017-07-01, 330 2017-09-01', 'services start with their plan, but not before the year');
SELECT calpads.casemis_run('students', pg_temp.bytes('SSID,Special Education Status Effective Start Date,Special Education Status Code,Non-Participation Reason Code', '1000000001,20170901,1,', '1000000002,20171001,4,70')) \g /dev/null
SELECT is((SELECT string_agg(concat_ws(' ', id, xd, xr), ', ' ORDER BY id) FROM sis.cse), '1, 2 2017-10-01 70', 'a status other than 1 is the exit');
SELECT calpads.casemis_run('students', pg_temp.bytes('SSID,Meeting Date,Evaluation Type Code,Plan Review Indicator', '1000000001,20170901,,Y', '1000000002,20171001,40,N')) \g /dev/null
SELECT is((SELECT string_agg(concat_ws(' ', id, li, la), ', ' ORDER BY id) FROM sis.cse), '1 2017-09-01, 2 2017-10-01', 'a review goes to LI, a reevaluation to LA');

-- What CALPADS would refuse: only a warning.
SELECT pg_temp.clear(), pg_temp.student(1), pg_temp.student(2), pg_temp.student(3) \g /dev/null
SELECT calpads.casemis_run('both', pg_temp.bytes('Reporting LEA,SSID,School of Attendance,School of Attendance NPS,Meeting Identifier,Education Plan Type Code,Education Plan Amendment Date,Special Education Meeting Type Code,Special Education Program Setting Code',
	'1975713,1000000001,0000001,,M1,100,20170901,20,400', '1975713,1000000002,6000001,1234567,M2,700,20170901,10,400', '1975713,1000000003,6000001,,M3,100,,40,'),
	pg_temp.bytes('Reporting LEA,SSID,Meeting Identifier,Service Code,Provider,Nonpublic Agency Identifier (NPA),Frequency,Duration',
	'1975713,1000000001,M1,330,400,7654321,20,30', '1975713,1000000001,M9,330,100,7654321,20,', '1975713,1000000002,M2,415,400,,20,5')) \g /dev/null
SELECT is((SELECT string_agg(concat_ws(' ', file, record_no, message, '-', detail), E'\n' ORDER BY message_no) FROM calpads.casemis_message
		WHERE import_id = pg_temp.last_import() AND message ~ '^(SPED|SSRV|valid|SSID|a meeting)'),
	E'students 1 SPED0003, SPED0004: the code of a nonpublic school goes with school 0000001, and only with it - 2 records.\n'
	'students 2 SPED0331: an amendment date goes with plan types 100, 150 and 200 - 1 records.\n'
	'students 2 valid combinations: EDUCATION_PLAN_TYPE_CODE and SPECIAL_EDUCATION_PROGRAM_SETTING_CODE do not go together - 1 records.\n'
	'services 2 SSRV0327, SSRV0328: the identifier of a nonpublic agency goes with provider 400, and only with it - 2 records.\n'
	'services 2 SSRV0329: frequency and duration go together - 1 records.\n'
	'services 3 SSRV0330: the duration is less than 10 minutes - 1 records.\n'
	'services 2 SSID, reporting LEA and meeting are those of no record of the students file - 1 records.', 'rules of CALPADS');
SELECT is(pg_temp.counts(), 'succeeded 3 3 0 0 0 / 3 3 0 0', 'and all are imported');
SELECT calpads.casemis_run('both', pg_temp.bytes('Reporting LEA,SSID,Meeting Identifier,Education Plan Type Code,Special Education Meeting Type Code', '1975713,1000000001,M1,100,20', '1975713,1000000002,M2,100,40'),
	pg_temp.bytes('Reporting LEA,SSID,Meeting Identifier,Service Code', '1975713,1000000002,M2,330')) \g /dev/null
SELECT matches(pg_temp.warnings(), '1 a meeting of type 10, 15 or 20 with plan type 100, 150 or 200 has no services', 'a served meeting without services');
SELECT calpads.casemis_run('students', pg_temp.bytes('SSID,DISABILITY1', '1000000001,290')) \g /dev/null
SELECT is((SELECT layout FROM calpads.casemis_import_file WHERE import_id = pg_temp.last_import()), 'sped', 'a short header without a name is no Table A');
SELECT is((SELECT di FROM sis.cse WHERE id = 1), '290', 'and is imported');

-- Stale files, mail, failures --------------------------------------------------------------

SELECT pg_temp.clear(), pg_temp.student(1) \g /dev/null
SELECT pg_temp.run_a('7,a,Last1,First1,1000000001,20100131,10,210') \g /dev/null
SELECT set_config('test.first', pg_temp.last_import()::text, true) \g /dev/null
UPDATE sis.cse SET di = '999', lu = '2017-12-01';
SELECT pg_temp.run_a('7,a,Last1,First1,1000000001,20100131,10,210') \g /dev/null
SELECT is(pg_temp.warnings(), 'same file as import ' || current_setting('test.first'), 'a file that was imported before is noticed');
SELECT is((SELECT di FROM sis.cse), '210', 'and imported all the same');
UPDATE calpads.casemis_profile SET skip_unchanged = true WHERE name = 'students';
UPDATE sis.cse SET di = '999';
SELECT is(pg_temp.run_a('7,a,Last1,First1,1000000001,20100131,10,210'), 'skipped', 'unless the profile says otherwise');
SELECT is((SELECT di FROM sis.cse), '999', 'then nothing changes');
SELECT is(pg_temp.run_a('7,a,Last1,First1,1000000001,20100131,10,220'), 'succeeded', 'until the file does');

INSERT INTO calpads.casemis_profile (name, services, recipients, location) VALUES ('mail', true, '{a@example.org,b@example.org}', 'folder:nowhere');
SELECT is((SELECT status FROM calpads.casemis_run('mail')), 'failed', 'a file that cannot be fetched: the run is recorded as failed');
SELECT is((SELECT concat_ws(' ', recipients::text, attachments::text) FROM calpads.mail ORDER BY mail_id DESC LIMIT 1), '{a@example.org,b@example.org} []', 'and mailed');
SELECT matches((SELECT body FROM calpads.mail ORDER BY mail_id DESC LIMIT 1), 'Nothing was changed: ', 'with the reason');
SELECT pg_temp.clear(), pg_temp.student(1), pg_temp.student(2) \g /dev/null
SELECT (SELECT status FROM calpads.casemis_run('mail', e.students, e.services)) FROM pg_temp.example e \g /dev/null
SELECT matches((SELECT body FROM calpads.mail ORDER BY mail_id DESC LIMIT 1),
	E'Completed \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d \\(California time\\)\n\nStudents matched: 0\nStudents unmatched: 3\nStudents duplicate: 2\nStudents with errors: 0\nServices matched: 0\nServices unmatched: 4\nServices with errors: 0\n',
	'the mail has date and time, and the counts');
SELECT doesnt_match((SELECT string_agg(subject || body, ' ') FROM calpads.mail), '10000000|Last1', 'and nobody''s name or SSID');
UPDATE calpads.casemis_profile SET attach_reports = true WHERE name = 'mail';
SELECT (SELECT status FROM calpads.casemis_run('mail', e.students, e.services)) FROM pg_temp.example e \g /dev/null
SELECT is((SELECT jsonb_array_length(attachments) FROM calpads.mail ORDER BY mail_id DESC LIMIT 1), 6, 'six reports can go with it');
SELECT is((SELECT convert_from(decode(a ->> 'content', 'base64'), 'UTF8') FROM calpads.mail, jsonb_array_elements(attachments) a WHERE mail_id = (SELECT max(mail_id) FROM calpads.mail) AND a ->> 'name' = 'CASEMIS_TypeB_UnmatchedRecords.csv'),
	pg_temp.report('TypeB_UnmatchedRecords'), 'whole');
UPDATE calpads.casemis_profile SET services = false WHERE name = 'mail';
SELECT (SELECT status FROM calpads.casemis_run('mail', e.students, e.services)) FROM pg_temp.example e \g /dev/null
SELECT is((SELECT jsonb_array_length(attachments) FROM calpads.mail ORDER BY mail_id DESC LIMIT 1), 4, 'two less without services');
SELECT matches(pg_temp.warnings(), 'the services were not imported, because the profile does not say so', 'which is said');

UPDATE calpads.casemis_profile SET recipients = ARRAY[E'a@example.org\r\nBcc: b@example.org'] WHERE name = 'mail';
SELECT is((SELECT status FROM pg_temp.example e, calpads.casemis_run('mail', e.students, e.services)), 'succeeded', 'a mail that is refused does not stop the import');
SELECT matches(pg_temp.warnings(), 'the mail was not queued', 'but is logged');

-- Rights: one sentence, before anything is read, in the mail too.
CREATE ROLE casemis_operator;
SELECT count(*) FROM calpads.grant_access('casemis_operator', 'operator') \g /dev/null
REVOKE ALL ON sis.cse, sis.csv FROM casemis_operator;
GRANT USAGE ON SCHEMA sis TO casemis_operator;
GRANT SELECT ON ALL TABLES IN SCHEMA sis TO casemis_operator;
UPDATE calpads.casemis_profile SET recipients = '{a@example.org}', services = true WHERE name = 'mail';
SELECT students AS a, services AS b FROM pg_temp.example \gset
SET LOCAL ROLE casemis_operator;
SELECT status AS operator_status FROM calpads.casemis_run('mail', :'a', :'b') \gset
RESET ROLE;
SELECT is(:'operator_status'::text, 'failed', 'an operator without rights on CSE');
SELECT is((SELECT concat_ws('; ', sqlstate, message, detail, hint) FROM calpads.casemis_message WHERE import_id = pg_temp.last_import()),
	'42501; permission denied for table sis.cse; Role "casemis_operator" needs SELECT, INSERT, UPDATE on it.; GRANT SELECT, INSERT, UPDATE ON sis.cse TO casemis_operator', 'is told what is needed');
SELECT matches((SELECT body FROM calpads.mail ORDER BY mail_id DESC LIMIT 1), 'Nothing was changed: permission denied for table sis.cse', 'the mail says so');
GRANT SELECT, INSERT, UPDATE ON sis.cse TO casemis_operator;
GRANT SELECT, INSERT, DELETE ON sis.csv TO casemis_operator;
SET LOCAL ROLE casemis_operator;
SELECT status AS operator_status FROM calpads.casemis_run('mail', :'a', :'b') \gset
RESET ROLE;
SELECT is(:'operator_status'::text, 'succeeded', 'and those rights are enough');

SELECT throws_ok('SELECT calpads.casemis_run(''nobody'')', '42704', NULL, 'a profile has to be there');
SELECT throws_ok('SELECT calpads.casemis_run(NULL)', '42704', NULL, 'also not null');
SELECT throws_ok('SELECT calpads.casemis_run(''both'')', '55000', NULL, 'without content a location is needed');
SELECT throws_ok('SELECT calpads.casemis_run(''both'', NULL, ''x'')', '22004', NULL, 'services come with students');

UPDATE calpads.casemis_profile SET keep_imports = 1, skip_unchanged = false WHERE name = 'students';
SELECT pg_temp.run_a('8,a,Last1,First1,1000000001,20100131,10,210') \g /dev/null
SELECT is((SELECT count(DISTINCT import_id) FROM calpads.casemis_record JOIN calpads.casemis_import USING (import_id) WHERE profile = 'students'), 1::bigint, 'the records of older runs go');
SELECT throws_ok(format($$SELECT calpads.casemis_report(%s, 'CASEMIS_TypeA_NotInFile.csv')$$, current_setting('test.first')), '55000', NULL, 'and their reports');

-- A district's own tables: other types, columns that are missing, views ---------------------------

CREATE SCHEMA "own ""sis""";
SET LOCAL calpads.sis_schema = 'own "sis"';
CREATE TABLE "own ""sis""".stu (id bigint, sc smallint, cid numeric(10), ln varchar(50), fn char(20), bd text, gr varchar(2), del smallint);
CREATE TABLE "own ""sis""".day (sc smallint, dt timestamp, ho text);
CREATE TABLE "own ""sis""".cse (id bigint PRIMARY KEY, lu timestamp, di smallint, xd timestamp, pt varchar(2) NOT NULL DEFAULT '', se varchar(3), st boolean, ed timestamptz);
CREATE TABLE "own ""sis""".csv (id bigint, cd smallint, dt timestamp);
INSERT INTO "own ""sis""".stu VALUES (1, 10, 1000000001, 'Last1', 'First1', '', '2', 0), (1, 20, 1000000002, 'Last1', 'First1', '', '2', 1), (2, 10, NULL, 'Last2', 'First2', '2010-01-31', '2', 0),
	(3, 10, 1000000003, 'Last3', 'First3', '2010-01-31', '2', NULL);
INSERT INTO "own ""sis""".day VALUES (0, '2017-08-14 00:00', NULL);
INSERT INTO "own ""sis""".cse VALUES (1, '2017-01-01 08:00', 290), (3, NULL, 290);
INSERT INTO "own ""sis""".csv VALUES (1, 425, '2017-09-01 08:00'), (1, 425, '2016-09-01');
SELECT is((SELECT status FROM calpads.casemis_run('both', pg_temp.bytes('SELPA_CODE,STUDENT_ID,LAST_NAME,FIRST_NAME,SSID,BIRTHDATE,PLAN_TYPE,DISABILIT1,SPEC_TRANS,ENTRY_DATE',
	'360,a,Last1,First1,1000000001,20100131,,210,Y,20150101', '360,b,Last2,First2,,20100131,10,240,N,', '3601,c,x,y,1000000003,20100131,10,240,N,', '360,d,x,y,1000000003,20100131,10,24x,N,'),
	pg_temp.bytes('STUDENT_ID,SERVICE', 'a,330', 'b,3x0'))), 'succeeded', 'tables of other types');
SELECT is(pg_temp.reasons(), '3 SELPA_CODE the value is longer than the field; 4 DISABILIT1 the value is not a whole number', 'what a column cannot take is an error of the record');
SELECT is(pg_temp.reasons('services'), '2 SERVICE the value is not a whole number', 'also of a service');
SELECT is((SELECT jsonb_agg(to_jsonb(c) - 'ed' ORDER BY id) FROM "own ""sis""".cse c), '[{"id": 1, "lu": "2017-12-05T00:00:00", "di": 210, "xd": null, "pt": "", "se": "360", "st": true},
	{"id": 2, "lu": "2017-12-05T00:00:00", "di": 240, "xd": null, "pt": "10", "se": "360", "st": false}, {"id": 3, "lu": null, "di": 290, "xd": null, "pt": "", "se": null, "st": null}]', 'values in their types; a blank in a column that is never null');
SELECT is((SELECT string_agg(cd || ' ' || dt::date, ', ' ORDER BY cd, dt) FROM "own ""sis""".csv), '330 2017-08-14, 425 2016-09-01', 'services too');
SELECT is_empty($$SELECT * FROM calpads.casemis_preview('both', pg_temp.bytes('SELPA_CODE,STUDENT_ID,LAST_NAME,FIRST_NAME,SSID,BIRTHDATE,PLAN_TYPE,DISABILIT1,SPEC_TRANS,ENTRY_DATE',
	'360,a,Last1,First1,1000000001,20100131,,210,Y,20150101'), pg_temp.bytes('STUDENT_ID,SERVICE', 'a,330'))$$, 'a second time nothing would change');
SELECT matches((SELECT detail FROM calpads.casemis_message WHERE import_id = pg_temp.last_import() AND message LIKE 'columns of %'), 'SEI \(STUDENT_ID\)', 'columns that are missing are logged');
ALTER TABLE "own ""sis""".cse RENAME TO cse_table;
CREATE VIEW "own ""sis""".cse AS SELECT DISTINCT * FROM "own ""sis""".cse_table;
SELECT is(pg_temp.run_a('1,a,x,y,1000000001,20100131,10,210'), 'failed', 'a view that cannot be written fails');
SELECT is((SELECT message FROM calpads.casemis_message WHERE import_id = pg_temp.last_import()), '"own ""sis""".cse of the student information system cannot be written', 'with a clear message');
DROP VIEW "own ""sis""".cse;
CREATE VIEW "own ""sis""".cse AS SELECT * FROM "own ""sis""".cse_table;
SELECT is(pg_temp.run_a('1,a,x,y,1000000001,20100131,10,220'), 'succeeded', 'one that can be does not');
SELECT is((SELECT di FROM "own ""sis""".cse_table WHERE id = 1), 220::smallint, 'and is written through');
ALTER TABLE "own ""sis""".cse_table ADD CHECK (di <> 230);
SELECT is(pg_temp.run_a('1,a,x,y,1000000001,20100131,10,230', '1,b,Last2,First2,,20100131,10,250'), 'failed', 'when the SIS refuses a row');
SELECT is((SELECT string_agg(id || ' ' || di, ', ' ORDER BY id) FROM "own ""sis""".cse_table), '1 220, 2 240, 3 290', 'nothing is half imported');
DROP TABLE "own ""sis""".cse_table CASCADE;
SELECT is(pg_temp.run_a('1,a,x,y,1000000001,20100131,10,230'), 'failed', 'a table that is not there fails');

SELECT * FROM finish();
ROLLBACK;
