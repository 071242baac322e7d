-- Special education: a dry run, a run with its six reports, the same files
-- again the day after, a run that fails, and what a wrong call says.

\set SHOW_CONTEXT never
TRUNCATE calpads.casemis_profile, calpads.casemis_import, calpads.casemis_import_file, calpads.casemis_record,
	calpads.casemis_message, calpads.casemis_not_in_file, calpads.casemis_change RESTART IDENTITY;
SET datestyle = iso;
SET calpads.today = '2018-10-15';
SET calpads.sis_schema = 'casemis_sis';
SELECT count(*) > 20 AS made FROM calpads.create_sis_schema('casemis_sis');

INSERT INTO casemis_sis.stu (sc, sn, id, cid, ln, fn, bd, gr) VALUES
	(1, 1, 201, '2000000201', 'Alder', 'Ana', '2009-03-01', 4),
	(3, 7, 201, '2000000201', 'Alder', 'Ana', '2009-03-01', 4),
	(1, 2, 202, '2000000202', 'Birch', 'Ben', '2009-04-01', 4),
	(1, 3, 203, NULL, 'Castellanos-Villareal', 'Dolores', '2009-05-01', 3),
	(1, 4, 204, '2000000204', 'Dogwood', 'Di, the 2nd', '2009-06-01', 3),
	(1, 5, 205, '2000000205', 'Elm', 'Eve', '2009-07-01', -1);
INSERT INTO casemis_sis.cse (id, di, pt, xd, lu) VALUES
	(201, '290', '10', NULL, '2018-10-14'), (202, '240', '10', NULL, '2018-10-14'),
	(204, '320', '10', '2018-10-16', NULL), (205, '210', '10', '2018-10-15', NULL);
INSERT INTO casemis_sis.csv (id, sq, cd, dt, yr) VALUES
	(201, 1, '330', '2017-08-21', '2017'), (201, 2, '330', '2018-08-20', '2018'), (201, 3, '510', '2018-08-20', '2018'),
	(202, 1, '415', '2018-08-20', '2018');
INSERT INTO casemis_sis.day (sc, dy, dt, ho) VALUES (0, NULL, '2018-08-17', '#'), (0, 1, '2018-08-20', ' '), (0, 2, '2018-08-21', '');

INSERT INTO calpads.casemis_profile (name, services) VALUES ('nightly', true);
SELECT convert_to(array_to_string(ARRAY[
	'SELPA_CODE,STUDENT_ID,LAST_NAME,FIRST_NAME,SSID,BIRTHDATE,GRADE,PLAN_TYPE,DISABILIT1,IN_REGCLS,ROOM',
	'0601,900001,Alder,Ana,2000000201,20090301,04,10,290,85,7',
	'0601,900002,Birch,Ben,2000000202,20090401,04,10,240,50,7',
	'0601,900003,Castellanos-Vil,Dolores,,5/1/2009,03,10,210,30,7',
	'0601,900004,Nobody,"Nora ""No""",2000000299,20090601,03,10,240,,7',
	'0601,900005,Birch,Ben,,20090401,04,10,240,50,7',
	'0601,900006,Fir,Flo,2000000206,20091301,04,10,240,50,7',
	'0601,900007,Fir,Flo', ''], E'\r\n'), 'UTF8') AS students,
	convert_to(array_to_string(ARRAY[
	'SELPA_CODE,STUDENT_ID,SERVICE,PROVIDER,DURATION',
	'0601,900001,330,100,60',
	'0601,900001,330,100,30',
	'0601,900003,415 - Language and Speech,100,30',
	'0601,900002,415,100,30',
	'0601,900009,415,100,30',
	'0601,900001,,100,30', ''], E'\r\n'), 'UTF8') AS services \gset

SELECT * FROM calpads.casemis_preview('nightly', :'students', :'services');
SELECT count(*) FROM calpads.casemis_record;

SELECT import_id, profile, status, students_read, students_matched, students_unmatched, students_duplicate, students_error,
	services_read, services_matched, services_unmatched, services_error, finished_at >= started_at AS took_time
FROM calpads.casemis_run('nightly', :'students', :'services') \gx
SELECT file, record_no, line_no, column_name, reason FROM calpads.casemis_error WHERE import_id = 1 ORDER BY file DESC, record_no;
SELECT file, record_no, message, detail FROM calpads.casemis_message WHERE import_id = 1 ORDER BY message_no;
SELECT original_line_number, reason FROM calpads.casemis_type_a_unmatched WHERE import_id = 1
UNION ALL
SELECT original_line_number, reason FROM calpads.casemis_type_a_duplicates WHERE import_id = 1 ORDER BY 1;

-- The six reports, byte for byte.
\pset format unaligned
\pset tuples_only on
SELECT f.name, calpads.casemis_report(1, f.name) FROM calpads.casemis_report_form() f;
SELECT encode(convert_to(calpads.casemis_report(1, 'CASEMIS_TypeA_NotInFile.csv'), 'UTF8'), 'escape');
\pset format aligned
\pset tuples_only off

SELECT id, di, pt, se, sei, irc, lu FROM casemis_sis.cse ORDER BY id;
SELECT id, sq, cd, dt, pv, du, yr FROM casemis_sis.csv ORDER BY id, sq;

-- The same files the day after: a warning, CSE.LU moves on, the services are
-- made anew.
SET calpads.today = '2018-10-16';
SELECT * FROM calpads.casemis_preview('nightly', :'students', :'services');
SELECT import_id, status, students_matched, services_matched FROM calpads.casemis_run('nightly', :'students', :'services');
SELECT file, message FROM calpads.casemis_message WHERE import_id = 2 AND message LIKE 'same file%' ORDER BY message_no;
SELECT id, sq, cd, dt, pv, du, yr FROM casemis_sis.csv WHERE id = 201 ORDER BY sq;
SELECT student_id FROM calpads.casemis_type_a_not_in_file WHERE import_id = 2 ORDER BY student_id;

-- A run that fails says so, and is recorded.
SELECT import_id, status, students_read FROM calpads.casemis_run('nightly', convert_to(E'SSID,LASTNAM,FIRST_NAME\n', 'UTF8'));
SELECT severity, file, message, detail, hint, sqlstate FROM calpads.casemis_message WHERE import_id = 3 \gx
SELECT import_id, status, students_read FROM calpads.casemis_run('nightly', convert_to(E'one,two\n1,2\n', 'UTF8'));
SELECT max(lu) FROM casemis_sis.cse;

SELECT calpads.casemis_run('weekly');
SELECT calpads.casemis_run('nightly');
SELECT calpads.casemis_run('nightly', NULL, 'x');
SELECT calpads.casemis_report(3, 'CASEMIS_TypeA_NotInFile.csv');
SELECT calpads.casemis_report(1, 'NotInFile');
SELECT calpads.casemis_report(99, 'CASEMIS_TypeA_NotInFile.csv');

DELETE FROM calpads.casemis_profile;
SET client_min_messages = warning;
DROP SCHEMA casemis_sis CASCADE;
