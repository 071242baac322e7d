-- sis.sprg: what CALPADS should hold of the student programs.

BEGIN;
SELECT plan(129);

SELECT is(calpads.setting('sprg_504_eligibility'), 'on', '504 plans are eligibility, as the code set has them');
-- Most of these cases are of a SIS that keeps them as participation.
SET LOCAL calpads.sprg_504_eligibility = off;
\ir fixture/district.sql

-- A row of one of the program tables; of a PGM row the school is 0 unless said.
CREATE FUNCTION pg_temp.pgm(said jsonb) RETURNS void LANGUAGE sql AS $$
	INSERT INTO sis.pgm SELECT * FROM jsonb_populate_record(NULL::sis.pgm, '{"scl": 0, "del": false}'::jsonb || said) $$;
CREATE FUNCTION pg_temp.fre(said jsonb) RETURNS void LANGUAGE sql AS $$
	INSERT INTO sis.fre SELECT * FROM jsonb_populate_record(NULL::sis.fre, '{"del": false}'::jsonb || said) $$;
CREATE FUNCTION pg_temp.fof(said jsonb) RETURNS void LANGUAGE sql AS $$
	INSERT INTO sis.fof SELECT * FROM jsonb_populate_record(NULL::sis.fof, '{"del": false}'::jsonb || said) $$;
CREATE FUNCTION pg_temp.gte(said jsonb) RETURNS void LANGUAGE sql AS $$
	INSERT INTO sis.gte SELECT * FROM jsonb_populate_record(NULL::sis.gte, said) $$;

-- The program records of a student, as "school program start -> end", oldest first.
CREATE FUNCTION pg_temp.programs(student integer) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(
		concat_ws(' ', school_of_attendance, education_program_code, education_program_membership_start_date,
			'-> ' || education_program_membership_end_date),
		', ' ORDER BY education_program_code, education_program_membership_start_date, school_of_attendance,
			education_program_membership_end_date)
	FROM sis.sprg WHERE student_id = student $$;
-- One column of the student's records, in the same order.
CREATE FUNCTION pg_temp.value(student integer, field text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(coalesce(to_jsonb(sprg) ->> field, '-'), ', ' ORDER BY education_program_code,
		education_program_membership_start_date, school_of_attendance, education_program_membership_end_date)
	FROM sis.sprg WHERE student_id = student $$;
-- The problems of a student's program records, as "rule field value (fix)".
CREATE FUNCTION pg_temp.program_problems(student integer) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(
		concat_ws(' ', problem ->> 'rule', problem ->> 'field', problem ->> 'value', '(' || (problem ->> 'fix') || ')'),
		', ' ORDER BY education_program_code, education_program_membership_start_date, school_of_attendance,
			education_program_membership_end_date, number)
	FROM sis.sprg CROSS JOIN jsonb_array_elements(problems) WITH ORDINALITY AS problem (problem, number)
	WHERE student_id = student $$;

-- An enrollment of this year, of which nothing is to be said.
CREATE FUNCTION pg_temp.pupil(VARIADIC ids integer[]) RETURNS void LANGUAGE sql AS $$
	SELECT pg_temp.student(jsonb_build_object('id', id)), pg_temp.enrollment(jsonb_build_object('id', id)) FROM unnest(ids) AS id $$;

-- Columns ---------------------------------------------------------------------------

SELECT results_eq(
	$$SELECT attname::text COLLATE "default" FROM pg_attribute WHERE attrelid = 'sis.sprg'::regclass AND attnum BETWEEN 1 AND 26 ORDER BY attnum$$,
	$$SELECT name::text COLLATE "default" FROM calpads.layout_field WHERE layout = 'sprg' AND last_year IS NULL ORDER BY ordinal$$,
	'the first columns are the fields of the layout');
SELECT results_eq(
	$$SELECT attname::text COLLATE "default", atttypid::regtype::text FROM pg_attribute WHERE attrelid = 'sis.sprg'::regclass AND attnum > 26 ORDER BY attnum$$,
	$$VALUES ('student_id', 'integer'), ('sc', 'integer'), ('source', 'text'), ('source_id', 'bigint'), ('entered_start', 'date'), ('entered_end', 'date'),
		('date_rule', 'text'), ('problems', 'jsonb')$$, 'then come eight of its own');
SELECT is_empty(
	$$SELECT a.attname FROM pg_attribute a JOIN calpads.layout_field f ON f.layout = 'sprg' AND f.name = a.attname
	WHERE a.attrelid = 'sis.sprg'::regclass AND NOT CASE f.type WHEN 'date8' THEN a.atttypid = 'date'::regtype
		ELSE a.atttypid = 'text'::regtype AND a.attcollation = '"C"'::regcollation END$$,
	'dates are dates, all else is text in collation C');
SELECT is_empty('SELECT * FROM sis.sprg', 'without records there is nothing to report');

SELECT pg_temp.pupil(1), pg_temp.pgm('{"pid": 1, "cd": "127", "esd": "2023-10-02"}') \g /dev/null
SELECT is((SELECT jsonb_strip_nulls(to_jsonb(sprg)) FROM sis.sprg), '{"record_type_code": "SPRG", "transaction_type_code": "A",
	"local_record_id": "1-6000010-127-20231002", "reporting_lea": "0110017", "school_of_attendance": "6000010", "academic_year_id": "2026-2027",
	"ssid": "1000000001", "local_student_id": "1", "student_legal_first_name": "First", "student_legal_last_name": "Last",
	"student_birth_date": "2016-01-31", "student_gender_code": "F", "education_program_code": "127",
	"education_program_membership_start_date": "2023-10-02", "student_id": 1, "sc": 10, "source": "PGM", "entered_start": "2023-10-02"}',
	'a whole record; the membership code and the fillers stay blank');
UPDATE sis.pgm SET del = true;
SELECT is_empty('SELECT * FROM sis.sprg', 'a deleted record is not reported');

-- Sources ------------------------------------------------------------------------------

SELECT pg_temp.pupil(2, 3, 4, 5),
	pg_temp.fof('{"id": 2, "sq": 1, "sd": "2026-09-01"}'), pg_temp.pgm('{"pid": 2, "cd": "101", "psd": "2026-08-20"}'),
	pg_temp.fof('{"id": 3, "sd": "2026-09-01", "del": true}'), pg_temp.pgm('{"pid": 3, "cd": "101", "psd": "2026-08-20"}'),
	pg_temp.gte('{"id": 4, "esd": "2024-11-01"}'), pg_temp.pgm('{"pid": 4, "cd": "127", "esd": "2023-10-02"}'),
	pg_temp.gte('{"id": 5, "esd": null}'), pg_temp.pgm('{"pid": 5, "cd": "127", "esd": "2023-10-02"}') \g /dev/null
SELECT is(pg_temp.programs(2), '6000010 101 2026-09-01', '504 plans: FOF wins over PGM');
SELECT is(pg_temp.value(2, 'source'), 'FOF', 'and is the source');
SELECT is(pg_temp.programs(3), '6000010 101 2026-08-20', 'a deleted plan does not');
SELECT is(pg_temp.programs(4), '6000010 127 2024-11-01', 'GATE: GTE or PGM, not both');
SELECT is(pg_temp.value(5, 'source'), 'PGM', 'a GTE row without a date is none');

SELECT pg_temp.pupil(6, 7, 8, 9), pg_temp.fre('{"id": 6, "cd": "F", "esd": "2026-08-10"}'), pg_temp.fre('{"id": 7, "cd": "r", "esd": "2026-08-10"}'),
	pg_temp.fre('{"id": 8, "cd": "N", "esd": "2026-08-10"}'), pg_temp.fre('{"id": 9, "cd": "F", "esd": "2026-08-10", "del": true}'),
	pg_temp.pgm('{"pid": 8, "cd": "181", "esd": "2026-08-10"}'), pg_temp.pgm('{"pid": 8, "cd": "182", "esd": "2026-08-10"}') \g /dev/null
SELECT is(pg_temp.programs(6), '6000010 181 2026-08-10', 'FRE F is program 181');
SELECT is(pg_temp.programs(7), '6000010 182 2026-08-10', 'R is program 182');
SELECT is(pg_temp.programs(8), NULL, 'other values are not reported, and meals never come from PGM');
SELECT is(pg_temp.programs(9), NULL, 'nor are deleted rows');
SELECT pg_temp.translate('FRE.CD', 'N', 'R'), pg_temp.translate('FRE.CD', 'D', '181'), pg_temp.pupil(10), pg_temp.fre('{"id": 10, "cd": "D", "esd": "2026-08-10"}') \g /dev/null
SELECT is(pg_temp.programs(8), '6000010 182 2026-08-10', 'a local code is translated');
SELECT is(pg_temp.programs(10), '6000010 181 2026-08-10', 'also to the number of the program');

SET LOCAL calpads.sprg_exclude_meal_sources = 'dc, X';
UPDATE sis.fre SET src = 'DC' WHERE id = 6;
UPDATE sis.fre SET src = 'A' WHERE id = 7;
SELECT is(concat_ws('/', pg_temp.programs(6), pg_temp.programs(7), pg_temp.programs(10)), '6000010 182 2026-08-10/6000010 181 2026-08-10',
	'sources of meals can be left out');
RESET calpads.sprg_exclude_meal_sources;
UPDATE sis.fre SET src = ' ' WHERE id = 6;
SELECT is(pg_temp.programs(6), '6000010 181 2026-08-10', 'a blank source is not left out');
SET LOCAL calpads.sprg_exclude = '181, 182';
SELECT is(concat(pg_temp.programs(6), pg_temp.programs(7)), '', 'so can programs: files without meals');
SELECT is(pg_temp.programs(4), '6000010 127 2024-11-01', 'of which the others are not touched');
RESET calpads.sprg_exclude;

-- Programs ---------------------------------------------------------------------------------

SELECT pg_temp.pupil(11), pg_temp.pgm(jsonb_build_object('pid', 11, 'cd', code, 'esd', '2026-08-20', 'psd', '2026-08-20'))
	FROM unnest(ARRAY['100', '131', '135', '144', '175', '185', '190', '200', 'XX', '307']) AS code \g /dev/null
SELECT is(pg_temp.programs(11), '6000010 307 2026-08-20', 'retired programs, foster youth and local codes never; 307, which is hardly known, is accepted');
SET LOCAL calpads.today = '2025-03-01';
SELECT is((SELECT string_agg(program, ' ' ORDER BY program) FROM calpads.offered_programs() WHERE program IN ('135', '144', '185')), '135', 'a program is offered until its last year');
SET LOCAL calpads.today = '2020-06-30';
SELECT is((SELECT string_agg(program, ' ' ORDER BY program) FROM calpads.offered_programs() WHERE program IN ('135', '185', '193')), '135 185', 'and from its first year');
SET LOCAL calpads.today = '2026-10-01';
SELECT is((SELECT string_agg(program, ' ' ORDER BY program) FROM calpads.offered_programs() WHERE membership = '3'), '101 108 113 122 174', 'programs in which one participates');
SELECT is(calpads.program_membership('101', '2026-2027'), '3', '504 plans are participation');
SET LOCAL calpads.sprg_504_eligibility = on;
SELECT is(calpads.program_membership('101', '2026-2027'), '1', 'or eligibility, by setting');
SELECT is(calpads.program_membership('101', '2015-2016'), '3', 'as far as the state allowed it');
SET LOCAL calpads.sprg_504_eligibility = off;
SELECT is(calpads.program_membership('162', '2026-2027'), '1', 'pregnant or parenting is eligibility');
SELECT is(calpads.program_membership('162', '2017-2018'), '1', 'also where the state allowed both');
SELECT is(calpads.program_membership('162', '2016-2017'), '3', 'before that it was participation');
SELECT is(calpads.program_membership('307', '2026-2027'), '1', 'so is what is not known');

-- Eligibility: the record's own dates -----------------------------------------------------------

SELECT pg_temp.student('{"id": 20}'), pg_temp.enrollment('{"id": 20, "ed": "2026-08-24"}'), pg_temp.pgm('{"pid": 20, "cd": "192", "esd": "2019-03-04"}') \g /dev/null
SELECT is(pg_temp.programs(20), '6000010 192 2019-03-04', 'the start may precede the enrollment');
SELECT is(pg_temp.value(20, 'date_rule'), '-', 'no rule changed a date');

-- Three schools one after the other, and an open record.
SELECT pg_temp.student('{"id": 21, "tg": "I"}'), pg_temp.enrollment('{"id": 21, "ed": "2025-08-11", "ld": "2026-06-04", "er": "E155"}'),
	pg_temp.student('{"id": 21, "sc": 20, "tg": "I"}'), pg_temp.enrollment('{"id": 21, "sc": 20, "ld": "2026-09-11", "er": "T160"}'),
	pg_temp.student('{"id": 21, "sc": 30}'), pg_temp.enrollment('{"id": 21, "sc": 30, "ed": "2026-09-14"}'),
	pg_temp.pgm('{"pid": 21, "cd": "191", "esd": "2026-03-02", "hdt": "120", "uy": "N"}') \g /dev/null
SELECT is(pg_temp.programs(21), '0130030 191 2026-03-02, 6000010 191 2026-03-02, 6000020 191 2026-03-02',
	'school 0: a record at every school, with the original start; the old ones stay open');
SELECT is(pg_temp.value(21, 'academic_year_id'), '2026-2027, 2025-2026, 2026-2027', 'of the year in which the student was there last');
UPDATE sis.pgm SET eed = '2026-09-21' WHERE pid = 21;
SELECT is(pg_temp.programs(21), '0130030 191 2026-03-02 -> 2026-09-21, 6000010 191 2026-03-02 -> 2026-06-04, 6000020 191 2026-03-02 -> 2026-09-11',
	'an end is not after the exit from the school');
SELECT is(pg_temp.value(21, 'date_rule'), '-, Eligibility ends with the enrollment., Eligibility ends with the enrollment.', 'which is said');
SELECT is(pg_temp.value(21, 'entered_end'), '2026-09-21, 2026-09-21, 2026-09-21', 'beside the date as entered');
UPDATE sis.pgm SET eed = '2026-07-15' WHERE pid = 21;
SELECT is(pg_temp.programs(21), '6000010 191 2026-03-02 -> 2026-06-04', 'schools that came after the end have no record');
UPDATE sis.pgm SET esd = '2026-06-15', eed = NULL WHERE pid = 21;
SELECT is(pg_temp.programs(21), '0130030 191 2026-06-15, 6000020 191 2026-06-15', 'nor have those that came before the start');

-- The same school in several years.
SELECT pg_temp.student('{"id": 22}'), pg_temp.enrollment('{"id": 22, "ed": "2024-08-12", "ld": "2025-06-05", "er": "E155"}'),
	pg_temp.enrollment('{"id": 22, "ed": "2025-08-11", "ld": "2026-06-04", "er": "E155"}'), pg_temp.enrollment('{"id": 22}'),
	pg_temp.pgm('{"pid": 22, "cd": "301", "esd": "2024-08-12"}') \g /dev/null
SELECT is(pg_temp.programs(22), '6000010 301 2024-08-12', 'one record for all years at a school');
UPDATE sis.pgm SET eed = '2026-06-30' WHERE pid = 22;
SELECT is(pg_temp.programs(22), '6000010 301 2024-08-12 -> 2026-06-04', 'which ends inside the last enrollment before its end');

-- Ten years, of which sis.senr reports the last ones.
SELECT pg_temp.student('{"id": 23}'), pg_temp.enrollment('{"id": 23}'),
	pg_temp.enrollment('{"id": 23, "sc": 20, "ed": "2016-07-01", "ld": "2017-06-08"}'),
	pg_temp.enrollment('{"id": 23, "sc": 30, "ed": "2016-06-30", "ld": "2016-06-30"}'),
	pg_temp.enrollment('{"id": 23, "sc": 60, "ed": "2020-08-10"}'), pg_temp.enrollment('{"id": 23, "sc": 30, "ed": "2020-08-10", "del": true}'),
	pg_temp.enrollment('{"id": 23, "sc": 30, "ed": "2021-08-10", "ld": "2021-08-10", "er": "N470"}'),
	pg_temp.pgm('{"pid": 23, "cd": "127", "esd": "2015-10-01"}') \g /dev/null
SELECT is(pg_temp.programs(23), '6000010 127 2015-10-01, 6000020 127 2015-10-01', 'enrollments of ten years count, of selected schools, no-shows not');
SELECT is(pg_temp.value(23, 'academic_year_id'), '2026-2027, 2016-2017', 'each with its year');
UPDATE sis.pgm SET eed = '2018-01-31' WHERE pid = 23;
SELECT is(pg_temp.programs(23), '6000020 127 2015-10-01 -> 2017-06-08', 'with its end');
SELECT pg_temp.student('{"id": 25}'), pg_temp.enrollment('{"id": 25}'), pg_temp.translate('ATT.RS', 'NS', 'N470'), pg_temp.translate('STU.SP', 'S', '20'), pg_temp.translate('STU.SP', 'P', '10'),
	pg_temp.enrollment('{"id": 25, "sc": 50, "hs": 20, "ed": "2019-08-12", "ld": "2020-06-04", "pr": "P"}'),
	pg_temp.enrollment('{"id": 25, "sc": 60, "hs": 30, "ed": "2019-08-12", "ld": "2020-06-04", "pr": "P"}'),
	pg_temp.enrollment('{"id": 25, "sc": 30, "ed": "2020-08-10", "ld": "2021-06-03", "pr": "s"}'),
	pg_temp.enrollment('{"id": 25, "sc": 30, "ed": "2021-08-10", "ld": "2021-08-10", "er": "ns", "pr": "P"}'),
	pg_temp.pgm('{"pid": 25, "cd": "127", "esd": "2019-10-01"}') \g /dev/null
SELECT is(pg_temp.programs(25), '6000010 127 2019-10-01, 6000020 127 2019-10-01', 'with reporting schools, statuses and reasons as SENR has them');
SET LOCAL calpads.status_field = 'u1';
SELECT is(pg_temp.programs(25), '0130030 127 2019-10-01, 6000010 127 2019-10-01, 6000020 127 2019-10-01', 'the status of ENR only where it is the one that counts');
RESET calpads.status_field;
DELETE FROM sis.xrf WHERE tc1 || fc1 IN ('STUSP', 'ATTRS');
SELECT pg_temp.student('{"id": 26}'), pg_temp.enrollment('{"id": 26}'), pg_temp.enrollment('{"id": 26, "ed": "2020-08-10", "ld": "2020-10-01", "er": "440"}'),
	pg_temp.enrollment('{"id": 26, "ed": "2020-10-02"}'), pg_temp.pgm('{"pid": 26, "cd": "108", "psd": "2020-09-01", "ped": "2021-02-01"}') \g /dev/null
SELECT is(pg_temp.programs(26), '6000010 108 2020-09-01 -> 2021-02-01', 'and program changes; a year without leave date ends on June 30');
UPDATE sis.pgm SET ped = '2021-07-31' WHERE pid = 26;
SELECT is(pg_temp.programs(26), '6000010 108 2020-09-01 -> 2021-06-30', 'as its programs do');
SELECT pg_temp.student('{"id": 24}'), pg_temp.enrollment('{"id": 24, "ed": "2019-08-12", "ld": "2020-06-04"}'), pg_temp.pgm('{"pid": 24, "cd": "127", "esd": "2019-10-01"}') \g /dev/null
UPDATE sis.stu SET tg = 'I' WHERE id = 24;
SELECT is(pg_temp.programs(24), NULL, 'students of whom SENR has nothing are left out');

-- Participation: inside the enrollment ---------------------------------------------------------------

SELECT pg_temp.pupil(30, 31, 32), pg_temp.pgm('{"pid": 30, "cd": "108", "psd": "2026-08-20", "ped": "2026-09-18", "esd": "2020-01-01"}'),
	pg_temp.pgm('{"pid": 31, "cd": "108", "psd": "2026-08-03"}'),
	pg_temp.pgm('{"pid": 32, "cd": "108", "psd": "2024-01-15"}') \g /dev/null
SELECT is(pg_temp.programs(30), '6000010 108 2026-08-20 -> 2026-09-18', 'the participation dates, where they are inside');
SELECT is(pg_temp.value(30, 'date_rule'), '-', 'as they are');
SELECT is(pg_temp.programs(31), '6000010 108 2026-08-10', 'an earlier start becomes that of the enrollment');
SELECT is(pg_temp.value(31, 'date_rule'), 'Participation starts with the enrollment.', 'and it is said');
SELECT is(pg_temp.programs(32), '6000010 108 2026-08-10', 'a record of an earlier year takes this year''s enrollment start');
SELECT is(pg_temp.value(32, 'date_rule'), 'Participation of an earlier school year starts with the enrollment of this one.', 'and it is said');
SELECT is(pg_temp.value(32, 'entered_start'), '2024-01-15', 'beside the date as entered');

SELECT pg_temp.student('{"id": 33}'), pg_temp.enrollment('{"id": 33, "ed": "2025-08-11"}'), pg_temp.enrollment('{"id": 33, "ld": "2026-09-11", "er": "T160"}'),
	pg_temp.student('{"id": 33, "sc": 20}'), pg_temp.enrollment('{"id": 33, "sc": 20, "ed": "2026-09-14"}'), pg_temp.pgm('{"pid": 33, "cd": "174", "psd": "2025-09-02"}') \g /dev/null
SELECT is(pg_temp.programs(33), '6000010 174 2025-09-02 -> 2026-06-04, 6000010 174 2026-08-10 -> 2026-09-11, 6000020 174 2026-09-14',
	'a record for each enrollment, also of each year, that ends with it');
SELECT is(pg_temp.value(33, 'date_rule'), 'Participation ends with the enrollment., '
	|| 'Participation of an earlier school year starts with the enrollment of this one. Participation ends with the enrollment., '
	|| 'Participation of an earlier school year starts with the enrollment of this one.', 'start and end each have their rule');
UPDATE sis.pgm SET ped = '2026-09-12' WHERE pid = 33;
SELECT is(pg_temp.programs(33), '6000010 174 2025-09-02 -> 2026-06-04, 6000010 174 2026-08-10 -> 2026-09-11', 'a later end becomes the exit');

-- An E150 leaves programs alone.
SELECT pg_temp.student('{"id": 34}'), pg_temp.enrollment('{"id": 34, "ld": "2026-09-04", "er": "440"}'),
	pg_temp.enrollment('{"id": 34, "ed": "2026-09-08", "itd": "0199999"}'), pg_temp.pgm('{"pid": 34, "cd": "108", "psd": "2026-08-20"}') \g /dev/null
SELECT is(pg_temp.picture(34), '6000010 2026-08-10 10 05 -> 2026-09-04 E150, 6000010 2026-09-05 10 05', 'two enrollments with E150 between them');
SELECT is(pg_temp.programs(34), '6000010 108 2026-08-20', 'are one for a program');

-- Another exit ends them, also when the student comes back.
SELECT pg_temp.student('{"id": 36}'), pg_temp.enrollment('{"id": 36, "ld": "2026-09-04", "er": "T160"}'), pg_temp.enrollment('{"id": 36, "ed": "2026-09-05"}'),
	pg_temp.pgm('{"pid": 36, "cd": "108", "psd": "2026-08-20"}'), pg_temp.fre('{"id": 36, "cd": "F", "esd": "2026-08-20"}') \g /dev/null
SELECT is(pg_temp.value(36, 'education_program_membership_start_date'), '2026-08-20, 2026-09-05, 2026-08-20', 'participation begins anew');
SELECT is(pg_temp.programs(36), '6000010 108 2026-08-20 -> 2026-09-04, 6000010 108 2026-09-05, 6000010 181 2026-08-20', 'eligibility is open again');

-- 504 plans by setting.
SELECT pg_temp.pupil(35), pg_temp.fof('{"id": 35, "sd": "2024-01-15"}') \g /dev/null
SELECT is(pg_temp.programs(35), '6000010 101 2026-08-10', '504 plan as participation');
SET LOCAL calpads.sprg_504_eligibility = on;
SELECT is(pg_temp.programs(35), '6000010 101 2024-01-15', 'and as eligibility');
SELECT is(pg_temp.program_problems(3), 'GERR0001 education_program_membership_start_date (PGM.ESD)', 'for which a PGM record needs its eligibility dates');
SET LOCAL calpads.sprg_504_eligibility = off;

-- Schools ----------------------------------------------------------------------------------------------

SELECT pg_temp.student('{"id": 40}'), pg_temp.enrollment('{"id": 40}'), pg_temp.student('{"id": 40, "sc": 20}'), pg_temp.enrollment('{"id": 40, "sc": 20, "pr": "20"}'),
	pg_temp.pgm('{"pid": 40, "cd": "127", "esd": "2026-08-10"}'), pg_temp.pgm('{"pid": 40, "cd": "192", "esd": "2026-08-10", "scl": 20}') \g /dev/null
SELECT is(pg_temp.programs(40), '6000010 127 2026-08-10, 6000020 192 2026-08-10', 'school 0 follows no secondary enrollment; a number may name its school');
-- Of years before those of the view senr too; where ENR is silent, STU says it.
SELECT pg_temp.pupil(140), pg_temp.student('{"id": 140, "sc": 20, "sp": "20", "tg": "I"}'),
	pg_temp.enrollment('{"id": 140, "sc": 20, "ed": "2022-08-15", "ld": "2023-06-02", "er": "E170"}'),
	pg_temp.pgm('{"pid": 140, "cd": "127", "esd": "2022-09-01"}') \g /dev/null
SELECT is(pg_temp.programs(140), '6000010 127 2022-09-01', 'a secondary enrollment of a far year is one by its STU row');
SELECT pg_temp.pupil(141), pg_temp.pgm('{"pid": 141, "cd": "301", "esd": "2019-06-30"}'), pg_temp.pgm('{"pid": 141, "cd": "305", "esd": "2019-07-01"}') \g /dev/null
SELECT is(pg_temp.program_problems(141), 'GERR0007 education_program_membership_start_date 2019-06-30 (PGM.ESD)',
	'a program cannot start before there was its code');
SELECT is(pg_temp.value(40, 'sc'), '10, 20', 'with the school of the SIS');
SELECT pg_temp.pupil(41, 42, 43), pg_temp.pgm('{"pid": 41, "cd": "127", "esd": "2026-08-10", "scl": 20}'),
	pg_temp.pgm('{"pid": 42, "cd": "127", "esd": "2026-08-10", "scl": 99}'), pg_temp.pgm('{"pid": 43, "cd": "127", "esd": "2026-08-10", "scl": 60}') \g /dev/null
SELECT is(pg_temp.program_problems(41), 'GERR0005 school_of_attendance 20 (PGM.SCL, or ENR)', 'a school where the student is not enrolled is a problem');
SELECT is(pg_temp.programs(41), '6000020 127 2026-08-10', 'and the record stays with it');
SELECT is(pg_temp.program_problems(42), 'IVR0002 school_of_attendance 99 (PGM.SCL)', 'so is a school that does not exist');
SELECT is(pg_temp.programs(43), NULL, 'a school that is not selected is not reported');
UPDATE sis.pgm SET esd = NULL WHERE pid = 41;
SELECT is(pg_temp.program_problems(41), 'GERR0005 school_of_attendance 20 (PGM.SCL, or ENR), GERR0001 education_program_membership_start_date (PGM.ESD)',
	'also beside a missing start');
UPDATE sis.pgm SET esd = '2025-01-10', eed = '2025-05-30' WHERE pid = 41;
SELECT is(pg_temp.programs(41), NULL, 'of an earlier year there is nothing to mend');
UPDATE sis.pgm SET scl = NULL WHERE pid = 42;
SELECT is(pg_temp.programs(42), '6000010 127 2026-08-10', 'no school is as school 0');
UPDATE sis.pgm SET scl = 50 WHERE pid = 42;
SELECT is(pg_temp.programs(42), '6000010 127 2026-08-10', 'so is a virtual school');
UPDATE sis.pgm SET scl = 0, esd = '2026-07-06', eed = '2026-07-31' WHERE pid = 42;
SELECT is(pg_temp.programs(42), NULL, 'a record between enrollments is not reported');
SELECT pg_temp.student('{"id": 44}'), pg_temp.enrollment('{"id": 44, "ld": "2026-08-10", "er": "N470"}'), pg_temp.pgm('{"pid": 44, "cd": "127", "esd": "2026-08-10"}') \g /dev/null
SELECT is(pg_temp.programs(44), NULL, 'a no-show is no enrollment');
SELECT pg_temp.student('{"id": 46}'), pg_temp.enrollment('{"id": 46, "ld": "2026-08-01", "er": "T160"}'), pg_temp.pgm('{"pid": 46, "cd": "127", "esd": "2026-07-20"}'),
	pg_temp.student('{"id": 47}'), pg_temp.enrollment('{"id": 47, "ed": "2027-08-09"}'), pg_temp.pgm('{"pid": 47, "cd": "108", "psd": "2026-09-01"}'),
	pg_temp.student('{"id": 48}'), pg_temp.enrollment('{"id": 48, "pr": "20"}'), pg_temp.pgm('{"pid": 48, "cd": "127", "esd": "2026-09-01"}') \g /dev/null
SELECT is(pg_temp.picture(46) || pg_temp.picture(47), '6000010 2026-08-10 10 05 -> 2026-08-01 T1606000010 2027-08-09 10 05', 'an enrollment that ends before it starts, and one of next year');
SELECT is(pg_temp.programs(46), NULL, 'the first is none');
SELECT is(pg_temp.programs(47), NULL, 'the other comes with its year');
SELECT is(pg_temp.programs(48), NULL, 'a student with secondary enrollments only has no school of school 0');
SELECT pg_temp.student('{"id": 49, "tg": "I", "fn": "Old"}'), pg_temp.enrollment('{"id": 49, "ed": "2025-08-11", "ld": "2026-06-04", "er": "E155"}'),
	pg_temp.pgm('{"pid": 49, "cd": "127", "esd": "2026-01-12", "scl": 20}') \g /dev/null
SELECT is(pg_temp.programs(49), NULL, 'who left before this year has no misplaced record');
SELECT pg_temp.student('{"id": 49, "sc": 30, "fn": "New"}'), pg_temp.enrollment('{"id": 49, "sc": 30, "ld": "2026-09-11", "er": "T160"}') \g /dev/null
SELECT is(pg_temp.programs(49), '6000020 127 2026-01-12', 'who came this year has');
UPDATE sis.pgm SET esd = '2026-09-12' WHERE pid = 49;
SELECT is(pg_temp.programs(49), NULL, 'but not after leaving');
UPDATE sis.pgm SET esd = '2025-10-01', scl = 0 WHERE pid = 49;
SELECT is(pg_temp.value(49, 'student_legal_first_name'), 'New, New', 'all records of a student have the newest name');
SELECT pg_temp.student('{"id": 45, "cid": ""}'), pg_temp.enrollment('{"id": 45}'), pg_temp.pgm('{"pid": 45, "cd": "127", "esd": "2026-08-10"}') \g /dev/null
SELECT is(pg_temp.programs(45), NULL, 'a student without SSID is not reported');

-- The end of the year --------------------------------------------------------------------------------------

SELECT pg_temp.pupil(50), pg_temp.pgm('{"pid": 50, "cd": "127", "esd": "2026-08-20", "psd": "2026-08-20"}'), pg_temp.pgm('{"pid": 50, "cd": "122", "psd": "2026-08-20", "ty": "11"}'),
	pg_temp.pgm('{"pid": 50, "cd": "174", "psd": "2026-08-20", "ped": "2027-06-30"}'), pg_temp.fof('{"id": 50, "sd": "2026-08-20"}') \g /dev/null
SET LOCAL calpads.today = '2027-05-03';
SELECT is(pg_temp.programs(50), '6000010 101 2026-08-20, 6000010 122 2026-08-20, 6000010 127 2026-08-20, 6000010 174 2026-08-20 -> 2027-06-30', '31 days before the last school day');
SET LOCAL calpads.today = '2027-05-04';
SELECT is(pg_temp.programs(50), '6000010 101 2026-08-20 -> 2027-06-03, 6000010 122 2026-08-20 -> 2027-06-03, 6000010 127 2026-08-20, 6000010 174 2026-08-20 -> 2027-06-30',
	'in the last 30 days open participation ends with the last school day');
SELECT is(pg_temp.value(50, 'date_rule'), 'Participation ends with the last school day., Participation ends with the last school day., -, -', 'which is said');
SET LOCAL calpads.sprg_year_end_window_days = 14;
SELECT is(pg_temp.programs(50), '6000010 101 2026-08-20, 6000010 122 2026-08-20, 6000010 127 2026-08-20, 6000010 174 2026-08-20 -> 2027-06-30', 'the window is a setting');
RESET calpads.sprg_year_end_window_days;
SET LOCAL calpads.sprg_504_eligibility = on;
SELECT is(pg_temp.value(50, 'education_program_membership_end_date'), '-, 2027-06-03, -, 2027-06-30', 'a 504 plan as eligibility is not closed');
SET LOCAL calpads.sprg_504_eligibility = off;
INSERT INTO sis.day (sc, dt, ho, del) VALUES (10, '2027-05-28', '', false), (10, '2027-06-01', '', true), (10, '2027-06-02', '#', false);
SELECT is(pg_temp.value(50, 'education_program_membership_end_date'), '2027-05-28, 2027-05-28, -, 2027-06-30', 'a school''s own calendar counts');
SET LOCAL calpads.year_end_exits = auto;
SET LOCAL calpads.today = '2027-05-25';
SELECT is(pg_temp.value(50, 'education_program_membership_end_date'), '2027-05-28, 2027-05-28, -, 2027-05-28', 'and the exit with E155');
RESET calpads.year_end_exits;
UPDATE sis.pgm SET psd = '2027-05-29' WHERE pid = 50 AND cd = '122';
SELECT is(pg_temp.value(50, 'education_program_membership_end_date'), '2027-05-28, -, -, 2027-06-30', 'participation that starts after the last school day stays open');
SELECT pg_temp.student('{"id": 51, "gr": 12}'), pg_temp.enrollment('{"id": 51, "gr": 12, "ed": "2025-08-11"}'), pg_temp.pgm('{"pid": 51, "cd": "108", "psd": "2025-09-01"}') \g /dev/null
SELECT is(pg_temp.picture(51), '6000010 2025-08-11 10 12', 'an enrollment of an earlier year that waits for its completion');
SELECT is(pg_temp.programs(51), '6000010 108 2025-09-01 -> 2026-06-04', 'does not keep participation open');
DELETE FROM sis.day WHERE sc = 10;
SET LOCAL calpads.today = '2026-10-01';

-- Meals: one academic year ------------------------------------------------------------------------------------

SELECT pg_temp.student('{"id": 60}'), pg_temp.enrollment('{"id": 60, "ed": "2025-08-11", "ld": "2026-06-04", "er": "E155"}'), pg_temp.enrollment('{"id": 60}'),
	pg_temp.fre('{"id": 60, "cd": "F", "esd": "2025-07-21", "eed": "2026-09-21"}'), pg_temp.fre('{"id": 60, "cd": "R", "esd": "2026-09-22"}') \g /dev/null
SELECT is(pg_temp.programs(60), '6000010 181 2025-07-21 -> 2026-06-04, 6000010 182 2026-09-22', 'carry-over is not reported; the record ends with the year''s enrollment');
UPDATE sis.fre SET eed = NULL WHERE id = 60;
SELECT is(pg_temp.programs(60), '6000010 181 2025-07-21 -> 2026-06-04, 6000010 182 2026-09-22', 'also without an end');
SELECT is(pg_temp.value(60, 'date_rule'), 'Eligibility ends with the enrollment., -', 'which is said');
UPDATE sis.fre SET eed = '2027-09-30' WHERE id = 60 AND cd = 'R';
SELECT is(pg_temp.programs(60), '6000010 181 2025-07-21 -> 2026-06-04, 6000010 182 2026-09-22 -> 2027-06-30', 'an end in the next year becomes June 30 (SPRG0645F1)');
SELECT is(pg_temp.value(60, 'date_rule'), 'Eligibility ends with the enrollment., Eligibility for meals ends with the school year.', 'which is said too');
SELECT pg_temp.student('{"id": 61}'), pg_temp.enrollment('{"id": 61, "ld": "2026-09-11", "er": "T160"}'), pg_temp.student('{"id": 61, "sc": 20}'),
	pg_temp.enrollment('{"id": 61, "sc": 20, "ed": "2026-09-14"}'), pg_temp.fre('{"id": 61, "cd": "F", "esd": "2026-08-03"}') \g /dev/null
SELECT is(pg_temp.programs(61), '6000010 181 2026-08-03 -> 2026-09-11, 6000020 181 2026-08-03', 'CALPADS ends meals with the exit; the new school has the same start');

-- Details of single programs --------------------------------------------------------------------------------------

SELECT pg_temp.pupil(70, 71, 72, 73, 74, 75),
	pg_temp.pgm('{"pid": 70, "cd": "191", "esd": "2026-08-10", "eed": "2026-08-31", "hdt": "100", "uy": "N", "ry": "Y"}'),
	pg_temp.pgm('{"pid": 70, "cd": "191", "esd": "2026-09-10", "hdt": "110", "uy": "n"}'),
	pg_temp.pgm('{"pid": 71, "cd": "191", "esd": "2026-06-30", "eed": "2026-08-31", "hdt": "100", "uy": "Y", "ry": " "}'),
	pg_temp.pgm('{"pid": 71, "cd": "191", "esd": "2026-09-10", "hdt": "130", "uy": "N", "ry": "N"}'),
	pg_temp.pgm('{"pid": 72, "cd": "191", "esd": "2026-08-10", "hdt": "X"}'), pg_temp.pgm('{"pid": 73, "cd": "191", "esd": "2026-08-10", "hdt": " ", "ry": "Y"}'),
	pg_temp.pgm('{"pid": 74, "cd": "122", "psd": "2026-09-01", "ty": "11"}'), pg_temp.pgm('{"pid": 74, "cd": "122", "psd": "2026-09-01", "ty": "12"}'),
	pg_temp.pgm('{"pid": 74, "cd": "113", "psd": "2026-09-01", "ty": "A0001"}'),
	pg_temp.pgm('{"pid": 75, "cd": "122", "psd": "2026-09-01"}'), pg_temp.pgm('{"pid": 75, "cd": "113", "psd": "2026-09-01"}'),
	pg_temp.pgm('{"pid": 75, "cd": "192", "esd": "2026-09-01", "hdt": "100", "uy": "Y", "ry": "Y", "ty": "1"}') \g /dev/null
SELECT is(pg_temp.value(70, 'homeless_dwelling_type_code') || ' / ' || pg_temp.value(70, 'unaccompanied_youth_indicator') || ' / ' || pg_temp.value(70, 'runaway_youth_indicator'),
	'100, 110 / Y, Y / Y, Y', 'a runaway is unaccompanied, and both last until the school year ends');
SELECT is(pg_temp.value(71, 'homeless_dwelling_type_code') || ' / ' || pg_temp.value(71, 'unaccompanied_youth_indicator') || ' / ' || pg_temp.value(71, 'runaway_youth_indicator'),
	'100, 130 / Y, N / N, N', 'not longer; a blank runaway indicator is no');
SELECT is(pg_temp.program_problems(72), 'GERR0002 homeless_dwelling_type_code X (PGM.HDT), GERR0001 unaccompanied_youth_indicator (PGM.UY)',
	'dwelling types are those of CALPADS, and the unaccompanied indicator is required');
SELECT is(pg_temp.program_problems(73), 'GERR0001 homeless_dwelling_type_code (PGM.HDT)', 'so is the dwelling type; a runaway''s indicator is known');
SELECT is(pg_temp.value(74, 'education_service_academic_year') || ' / ' || pg_temp.value(74, 'education_service_code') || ' / ' || pg_temp.value(74, 'california_partnership_academy_id'),
	'-, 2026-2027, 2026-2027 / -, 11, 12 / A0001, -, -', 'service year and service of program 122, academy of 113');
SELECT is(pg_temp.program_problems(74), NULL, 'several services may start on one day');
SELECT is(pg_temp.program_problems(75), 'GERR0001 california_partnership_academy_id (PGM.TY), SPRG0081 education_service_code (PGM.TY)', 'both are required');
SELECT is((SELECT concat(education_service_code, california_partnership_academy_id, homeless_dwelling_type_code, unaccompanied_youth_indicator, runaway_youth_indicator)
	FROM sis.sprg WHERE student_id = 75 AND education_program_code = '192'), '', 'other programs have none of them');

-- Dates that cannot be ------------------------------------------------------------------------------------------------

SELECT pg_temp.pupil(80, 81, 82, 83, 84, 85, 86), pg_temp.pgm('{"pid": 80, "cd": "127"}'), pg_temp.pgm('{"pid": 81, "cd": "127", "eed": "2026-06-30"}'),
	pg_temp.pgm('{"pid": 82, "cd": "127", "esd": "2026-09-10", "eed": "2026-08-01"}'),
	pg_temp.pgm('{"pid": 83, "cd": "108", "psd": "2024-09-02"}'), pg_temp.pgm('{"pid": 83, "cd": "108", "psd": "2025-09-01", "ped": "2026-09-01"}'),
	pg_temp.pgm('{"pid": 84, "cd": "108", "psd": "2026-08-10"}'), pg_temp.pgm('{"pid": 84, "cd": "108", "psd": "2026-09-01"}'),
	pg_temp.pgm('{"pid": 85, "cd": "127", "esd": "2024-08-10"}'), pg_temp.pgm('{"pid": 85, "cd": "127", "esd": "2025-09-01"}'),
	pg_temp.pgm('{"pid": 86, "cd": "127", "esd": "2024-08-10"}'), pg_temp.pgm('{"pid": 86, "cd": "127", "esd": "2024-08-10", "scl": 10}') \g /dev/null
SELECT is(pg_temp.program_problems(80), 'GERR0001 education_program_membership_start_date (PGM.ESD)', 'a record without a start');
SELECT pg_temp.enrollment('{"id": 80, "sc": 20, "ed": "2026-09-01", "pr": "20"}') \g /dev/null
SELECT is(pg_temp.value(80, 'school_of_attendance'), '6000010', 'is shown with the newest enrollment');
SELECT is(pg_temp.programs(81), NULL, 'which ended in an earlier year is not reported');
SELECT is(pg_temp.programs(82), '6000010 127 2026-09-10 -> 2026-08-01', 'an end before the start is reported as it is');
SELECT is(pg_temp.program_problems(82), 'PROGRAM_END_BEFORE_START education_program_membership_end_date 2026-08-01 (PGM.ESD, PGM.EED)', 'and a problem');
SELECT is(pg_temp.program_problems(83), 'SPRG0249 education_program_membership_start_date 2026-08-10 (PGM.PSD, PGM.PED), '
	|| 'SPRG0249 education_program_membership_start_date 2026-08-10 (PGM.PSD, PGM.PED)', 'two records that would have one key');
SELECT is(pg_temp.program_problems(84), 'SPRG0070 education_program_membership_start_date 2026-08-10 (PGM.PSD, PGM.PED), '
	|| 'SPRG0070 education_program_membership_start_date 2026-09-01 (PGM.PSD, PGM.PED)', 'participation that overlaps');
SELECT is(pg_temp.program_problems(85), 'PROGRAM_OPEN_TWICE education_program_membership_end_date (PGM.EED), '
	|| 'PROGRAM_OPEN_TWICE education_program_membership_end_date (PGM.EED)', 'two open records of one program');
SELECT is(pg_temp.programs(86) || coalesce(pg_temp.program_problems(86), ''), '6000010 127 2024-08-10', 'records that say the same are one');
UPDATE sis.pgm SET eed = '2025-08-31' WHERE pid = 85 AND esd = '2024-08-10';
SELECT is(pg_temp.program_problems(85), NULL, 'eligibility that was closed before is none');
UPDATE sis.loc SET cc = '' WHERE cd = 0;
SELECT is(pg_temp.program_problems(1), NULL, 'a record that is deleted has no problem');
SELECT is(pg_temp.program_problems(5), 'GERR0001 reporting_lea (LOC.CC and LOC.DC)', 'a district without a code');
UPDATE sis.loc SET cc = '01' WHERE cd = 0;

-- The district's own enrollment mapping --------------------------------------------------------------------------------

DO $$
DECLARE
	columns text := (SELECT string_agg(name, ', ' ORDER BY ordinal) FROM calpads.layout_field WHERE layout = 'senr' AND last_year IS NULL);
BEGIN
	ALTER VIEW sis.senr RENAME TO shipped;
	EXECUTE format('CREATE VIEW sis.senr AS SELECT %s FROM sis.shipped WHERE student_id = 32', columns);
	EXECUTE 'CREATE OR REPLACE VIEW sis.senr AS ' || regexp_replace(pg_get_viewdef('sis.senr'), '(shipped\.)?enrollment_start_date', 'enrollment_start_date + 7 AS enrollment_start_date');
END
$$;
SELECT is((SELECT string_agg(student_id || ' ' || education_program_membership_start_date, ', ') FROM sis.sprg), '32 2026-08-17',
	'program dates follow the enrollments that are reported, whoever maps them');

SELECT * FROM finish();
ROLLBACK;
