-- SINF: the picture, the guardians, which records the log asks for, and from when they count.

BEGIN;
SELECT no_plan();
\ir fixture/district.sql

-- A pupil of whom SINF has all it needs, but for what is said; an enrollment of this year.
CREATE FUNCTION pg_temp.pupil(id integer, said jsonb DEFAULT '{}', enrolled jsonb DEFAULT '{}') RETURNS void LANGUAGE sql AS $$
	SELECT pg_temp.student(jsonb_build_object('id', id, 'eth', 'N', 'rc1', '700', 'bcu', 'US', 'ad', '1 Elm St', 'cy', 'Almond', 'st', 'CA', 'zc', '95001') || said),
		pg_temp.enrollment(jsonb_build_object('id', id) || enrolled);
	INSERT INTO sis.lac (id, uss) VALUES (id, '2021-08-09');
	INSERT INTO sis.con (pid, sq, "or", fn, ln, elv, lw) VALUES (id, 1, 1, 'Ana', 'Last', '10', 'Y');
$$;
CREATE FUNCTION pg_temp.value(student integer, field text) RETURNS text LANGUAGE sql AS $$
	SELECT to_jsonb(sinf) ->> field FROM sis.sinf WHERE student_id = student $$;
CREATE FUNCTION pg_temp.found(student integer) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', p ->> 'rule', p ->> 'field', p ->> 'value', '(' || (p ->> 'fix') || ')'), ', ' ORDER BY n)
	FROM sis.sinf CROSS JOIN jsonb_array_elements(problems) WITH ORDINALITY AS e (p, n) WHERE student_id = student $$;
-- The records of a student, as "date reason, last name, street", oldest first.
CREATE FUNCTION pg_temp.records(student integer) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', effective_start_date, reason), ', ' ORDER BY effective_start_date)
	FROM calpads.sinf_delta() WHERE local_student_id = student::text $$;
CREATE FUNCTION pg_temp.sent(student integer, field text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(coalesce(to_jsonb(rec) ->> field, '-'), ', ' ORDER BY effective_start_date)
	FROM calpads.sinf_delta() WHERE local_student_id = student::text $$;
CREATE FUNCTION pg_temp.held(student integer) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', rule, field, value), ', ' ORDER BY field, rule) FROM calpads.sinf_held() WHERE local_student_id = student::text $$;

-- Columns ---------------------------------------------------------------------------

SELECT results_eq(
	$$SELECT attname::text COLLATE "default" FROM pg_attribute WHERE attrelid = 'sis.sinf'::regclass AND attnum BETWEEN 1 AND 43 ORDER BY attnum$$,
	$$SELECT name::text COLLATE "default" FROM calpads.layout_field WHERE layout = 'sinf' AND last_year IS NULL ORDER BY ordinal$$,
	'the first columns of sis.sinf are the fields of the layout');
SELECT results_eq(
	$$SELECT attname::text COLLATE "default", atttypid::regtype::text FROM pg_attribute WHERE attrelid = 'sis.sinf'::regclass AND attnum > 43 ORDER BY attnum$$,
	$$VALUES ('student_id', 'integer'), ('sc', 'integer'), ('problems', 'jsonb')$$, 'then come three of its own');
SELECT is_empty(
	$$SELECT a.attname FROM pg_attribute a JOIN calpads.layout_field f ON f.layout = 'sinf' AND f.name = a.attname
	WHERE a.attrelid = 'sis.sinf'::regclass AND NOT CASE f.type WHEN 'date8' THEN a.atttypid = 'date'::regtype
		ELSE a.atttypid = 'text'::regtype AND a.attcollation = '"C"'::regcollation END$$,
	'dates are dates, all else is text in collation C');

-- The picture -------------------------------------------------------------------------

SELECT pg_temp.pupil(1) \g /dev/null
SELECT is(pg_temp.value(1, 'effective_start_date'), '2026-08-10', 'a student is shown from the start of the enrollment');
SELECT is(pg_temp.value(1, 'school_of_attendance') || pg_temp.value(1, 'academic_year_id') || pg_temp.value(1, 'reporting_lea'), '60000102026-20270110017', 'at its school');
SELECT is(concat_ws('|', pg_temp.value(1, 'address_line_1'), pg_temp.value(1, 'address_city_name'), pg_temp.value(1, 'address_state_province_code'),
	pg_temp.value(1, 'address_zip_code')), '1 Elm St|Almond|US-CA|95001', 'with the mailing address');
SELECT is(pg_temp.found(1), NULL, 'nothing is wrong with it');
SELECT is((SELECT count(*) FROM sis.sinf), 1::bigint, 'each student once');

-- Which enrollment.
SELECT pg_temp.pupil(2, enrolled => '{"ld": "2026-09-11", "er": "T160"}'), pg_temp.enrollment('{"id": 2, "sc": 20, "ed": "2026-09-14"}') \g /dev/null
SELECT is(pg_temp.value(2, 'effective_start_date') || ' ' || pg_temp.value(2, 'school_of_attendance'), '2026-09-14 6000020', 'the open enrollment');
SELECT pg_temp.pupil(3), pg_temp.enrollment('{"id": 3, "sc": 20, "ed": "2026-09-14", "pr": "20"}') \g /dev/null
SELECT is(pg_temp.value(3, 'effective_start_date') || ' ' || pg_temp.value(3, 'school_of_attendance'), '2026-08-10 6000010', 'the primary one of two');
SELECT pg_temp.pupil(4, enrolled => '{"ld": "2026-09-11", "er": "T160"}') \g /dev/null
SELECT is(pg_temp.value(4, 'effective_start_date'), '2026-08-10', 'the last one of a student who left');
SELECT pg_temp.pupil(5, enrolled => '{"ld": "2026-08-10", "er": "N470"}') \g /dev/null
SELECT is(pg_temp.value(5, 'ssid'), NULL, 'a no-show has none');

-- Race and ethnicity.
SELECT pg_temp.pupil(10, '{"rc1": "", "rc2": "700", "rc3": "400", "rc4": "700", "eth": "Z"}') \g /dev/null
SELECT is(concat_ws(' ', pg_temp.value(10, 'student_race_1_code'), pg_temp.value(10, 'student_race_2_code'), pg_temp.value(10, 'student_race_3_code'),
	pg_temp.value(10, 'student_race_missing_indicator')), '700 400', 'races without gap and repetition');
SELECT is(concat_ws(' ', coalesce(pg_temp.value(10, 'student_hispanic_ethnicity_indicator'), '-'), pg_temp.value(10, 'student_ethnicity_missing_indicator')), '- Y',
	'a declined ethnicity is missing');
SELECT pg_temp.pupil(11, '{"rc1": " ", "eth": "Y"}') \g /dev/null
SELECT is(concat_ws(' ', coalesce(pg_temp.value(11, 'student_race_1_code'), '-'), pg_temp.value(11, 'student_race_missing_indicator')), '- Y', 'no race at all is missing');
SELECT is(concat_ws(' ', pg_temp.value(11, 'student_hispanic_ethnicity_indicator'), pg_temp.value(11, 'student_ethnicity_missing_indicator')), 'Y', 'an ethnicity is not');
SET LOCAL calpads.race_blank_codes = 'X';
SELECT is(pg_temp.found(11), 'SINF0046 student_race_1_code (STU.RC1)', 'unless the district has a code for it');
UPDATE sis.stu SET rc1 = 'x' WHERE id = 11;
SELECT is(pg_temp.found(11) IS NULL AND pg_temp.value(11, 'student_race_missing_indicator') = 'Y', true, 'which then says so');
RESET calpads.race_blank_codes;
SELECT is(pg_temp.found(11), 'GERR0002 student_race_1_code X (XRF: code translations STU.RC1, or STU.RC1 to STU.RC5)', 'a race without translation is a problem');
SELECT pg_temp.translate('STU.RC1', 'x', '201') \g /dev/null
SELECT is(pg_temp.value(11, 'student_race_1_code'), '201', 'until it has one');
SELECT pg_temp.pupil(12, '{"eth": "Q"}') \g /dev/null
SELECT is(pg_temp.found(12), 'GERR0002 student_hispanic_ethnicity_indicator Q (STU.ETH)', 'an unknown ethnicity is a problem');

-- Fields that go together.
SELECT pg_temp.pupil(20, '{"zc": ""}'), pg_temp.pupil(21, '{"ad": "", "cy": "", "st": "", "zc": ""}'), pg_temp.pupil(22, '{"cy": null}') \g /dev/null
SELECT is(pg_temp.found(20), 'SINF0053 address_zip_code (STU.AD, STU.CY, STU.ST, STU.ZC)', 'an address needs its ZIP code');
SELECT is(pg_temp.found(21), NULL, 'no address is fine');
SELECT is(pg_temp.found(22), 'ADDRESS_INCOMPLETE address_city_name (STU.AD, STU.CY, STU.ST, STU.ZC)', 'an address needs its other parts too');
SELECT pg_temp.pupil(23, '{"bcu": "MX"}'), pg_temp.pupil(24, '{"bcu": "MX"}') \g /dev/null
SELECT is(pg_temp.value(23, 'us_school_less_than_three_years_indicator'), 'N', 'born abroad: five years in US schools are not less than three');
UPDATE sis.lac SET uss = '2025-08-11' WHERE id = 23;
SELECT is(pg_temp.value(23, 'us_school_less_than_three_years_indicator'), 'Y', 'one year is');
INSERT INTO sis.ssd (id, sus) VALUES (23, 'N');
SELECT is(pg_temp.value(23, 'us_school_less_than_three_years_indicator'), 'N', 'SSD.SUS says it');
DELETE FROM sis.lac WHERE id = 24;
SELECT is(pg_temp.found(24), 'SINF0061 us_school_less_than_three_years_indicator (SSD.SUS, or LAC.USS)', 'without either it is missing');
SELECT is(pg_temp.value(1, 'us_school_less_than_three_years_indicator'), NULL, 'born in the US: nothing is asked');
SELECT pg_temp.pupil(25, '{"bd": "2026-08-10"}'), pg_temp.pupil(26, '{"bd": "2018-01-01"}') \g /dev/null
SELECT matches(pg_temp.found(25), 'BIRTH_AFTER_ENROLLMENT student_birth_date 2026-08-10 \(STU.BD\)', 'born on the first school day');
SELECT is(pg_temp.found(26), 'SINF0059 student_initial_us_school_enrollment_date_k12 2021-08-09 (LAC.USS, or STU.BD)', 'in school before the age of four');
SELECT pg_temp.pupil(27, '{"cid": "1000000028"}'), pg_temp.pupil(28) \g /dev/null
SELECT is(pg_temp.found(27) || pg_temp.found(28), repeat('IVR0034 ssid 1000000028 (STU.CID)', 2), 'two students with one SSID');
UPDATE sis.stu SET cid = '1000000027' WHERE id = 27;
SELECT pg_temp.pupil(29, '{"ln": "O''Hara-Lé Jr."}') \g /dev/null
SELECT is(pg_temp.found(29), NULL, 'a name may have letters of other languages, apostrophe, hyphen, period and blank');
SELECT pg_temp.pupil(34, '{"cid": "12345"}'), pg_temp.pupil(35, '{"bst": "US-CA", "bcu": "MX", "mn": "\"Bill\""}'), pg_temp.pupil(36, '{"bst": "MX-SON", "bcu": "MX"}') \g /dev/null
INSERT INTO sis.ssd (id, sus) VALUES (35, 'N'), (36, 'N');
SELECT is(pg_temp.found(34), 'IVR0007 ssid 12345 (STU.CID)', 'an SSID has ten digits');
SELECT is(pg_temp.found(35), 'BIRTH_STATE_COUNTRY student_birth_state_province_code US-CA (STU.BST, or STU.BCU), '
	'IVR0009 student_legal_last_name First "Bill" Last (STU.LN, STU.FN, STU.MN, or LSI)', 'a state of another country, and a name with quotes');
SELECT is(pg_temp.found(36), NULL, 'a state of its country is fine');

-- Guardians ------------------------------------------------------------------------------------------

SELECT pg_temp.pupil(30) \g /dev/null
INSERT INTO sis.con (pid, sq, "or", fn, ln, elv, cd, pc, erh, lw, ap, del) VALUES
	(30, 2, 0, 'Neighbor', 'None', '11', 'N1', 'N', NULL, '', NULL, false),
	(30, 3, 2, 'Bo', 'Second', '12', NULL, NULL, 'Y', NULL, NULL, false),
	(30, 4, 3, 'Cy', 'Third', '13', NULL, 'Y', NULL, NULL, NULL, false),
	(30, 5, 0, 'Gone', 'Gone', '13', NULL, 'Y', NULL, NULL, NULL, true);
SELECT results_eq('SELECT guardian, first_name COLLATE "default", why COLLATE "default" FROM sis.guardian WHERE student_id = 30 ORDER BY contact_order, sq',
	$$VALUES (NULL, 'Neighbor', 'No: no flag and no record type marks the contact as parent or guardian.'),
		(1, 'Ana', 'Guardian 1: lives with the student, number 1 in the order of CON.OR.'),
		(2, 'Bo', 'Guardian 2: educational rights holder, number 2 in the order of CON.OR.'),
		(NULL, 'Cy', 'No: number 3 of the marked contacts in the order of CON.OR; two are reported.')$$,
	'which contact is which guardian, and why');
SELECT is(concat_ws(' ', pg_temp.value(30, 'parent_guardian_1_first_name'), pg_temp.value(30, 'parent_guardian_1_highest_education_level_code'),
	pg_temp.value(30, 'parent_guardian_2_last_name'), pg_temp.value(30, 'parent_guardian_2_highest_education_level_code')), 'Ana 10 Second 12', 'two are in SINF');
SET LOCAL calpads.guardian_codes = 'N1';
SELECT is(pg_temp.value(30, 'parent_guardian_1_first_name'), 'Neighbor', 'record types can mark guardians');
SET LOCAL calpads.guardian_flags = 'pc';
SELECT is(pg_temp.value(30, 'parent_guardian_2_first_name'), 'Cy', 'the flags are a setting');
RESET calpads.guardian_codes;
RESET calpads.guardian_flags;
UPDATE sis.con SET fn = ' ' WHERE pid = 30 AND sq = 3;
SELECT is(pg_temp.found(30), 'SINF0635 parent_guardian_2_first_name (CON.FN)', 'a guardian 2 without first name');
UPDATE sis.con SET fn = '' WHERE pid = 30 AND sq = 1;
SELECT matches(pg_temp.found(30), '^SINF0453 parent_guardian_1_first_name \(CON.FN\)', 'a guardian 1 without first name');
SELECT pg_temp.pupil(31), pg_temp.pupil(32), pg_temp.pupil(33) \g /dev/null
UPDATE sis.con SET elv = NULL WHERE pid = 31;
SELECT is(pg_temp.found(31), 'SINF0453 parent_guardian_1_highest_education_level_code (CON.ELV)', 'a guardian 1 without education level');
DELETE FROM sis.con WHERE pid = 32;
SELECT is(pg_temp.found(32), NULL, 'no guardian is fine');
SELECT pg_temp.translate('CON.ELV', 'HS', '13') \g /dev/null
UPDATE sis.con SET elv = 'hs' WHERE pid = 33;
SELECT is(pg_temp.value(33, 'parent_guardian_1_highest_education_level_code'), '13', 'education levels are translated');
UPDATE sis.con SET elv = 'ZZ' WHERE pid = 33;
SELECT matches(pg_temp.found(33), '^GERR0002 parent_guardian_1_highest_education_level_code ZZ', 'one without translation is a problem');

-- The log -----------------------------------------------------------------------------------------------

TRUNCATE sis.lgd, sis.adh;
SELECT is_empty('SELECT * FROM calpads.sinf_delta()', 'no entry, no record');
SELECT pg_temp.pupil(40), pg_temp.pupil(41), pg_temp.pupil(42), pg_temp.pupil(43) \g /dev/null

UPDATE sis.stu SET ln = 'New' WHERE id = 40;
SELECT is(pg_temp.records(40), '2026-10-01 change_date', 'a name counts from the day of the change');
SELECT is(pg_temp.sent(40, 'student_legal_last_name'), 'New', 'the record has the new value');
SELECT is(pg_temp.sent(40, 'student_race_1_code') || pg_temp.sent(40, 'address_line_1') || pg_temp.sent(40, 'parent_guardian_1_first_name'), '7001 Elm StAna', 'and all others');
SELECT is((SELECT changed FROM calpads.sinf_delta() WHERE local_student_id = '40'), '{"student_legal_last_name": ["Last", "New"]}', 'what changed');
SELECT is((SELECT causes #- '{0,logged_at}' FROM calpads.sinf_delta() WHERE local_student_id = '40'), jsonb_build_array(jsonb_build_object('log', 'LGD', 'table', 'STU',
	'field', 'LN', 'old', 'Last', 'new', 'New', 'effective_date', '2026-10-01', 'user', session_user)), 'which entries caused it');
SELECT is((SELECT explanation FROM calpads.sinf_delta() WHERE local_student_id = '40'), 'STU.LN changed with effect from 10/01/2026; the record starts that day.', 'and why it has its date');
UPDATE sis.lgd SET dt = '2026-09-15' WHERE id = 40;
SELECT is(pg_temp.records(40), '2026-09-15 change_date', 'the user can move the date');
DELETE FROM sis.lgd WHERE id = 40;
SELECT is(pg_temp.records(40), NULL, 'or remove the entry');

UPDATE sis.stu SET bd = '2016-02-02', rc1 = '400', eth = 'Y', bcy = 'Almond', bcu = 'CA' WHERE id = 41;
UPDATE sis.lac SET uss = '2022-08-08' WHERE id = 41;
SELECT is(pg_temp.records(41), '2026-08-10 enrollment_start', 'birth, race, ethnicity and the first school day count from the enrollment start, and make one record');
SELECT matches((SELECT explanation FROM calpads.sinf_delta() WHERE local_student_id = '41'), 'counts from the start of the enrollment, on 08/10/2026\.$', 'which it says');

UPDATE sis.stu SET ad = '2 Oak St' WHERE id = 42;
SELECT is(pg_temp.records(42), '2026-10-01 change_date', 'an address counts from its day in ADH');
SELECT is((SELECT changed FROM calpads.sinf_delta() WHERE local_student_id = '42'), '{"address_line_1": ["1 Elm St", "2 Oak St"]}', 'LGD tells what it was before');
UPDATE sis.adh SET dt = '2026-09-20' WHERE id = 42;
SELECT is(pg_temp.records(42), '2026-09-20 change_date', 'which the user can move');
DELETE FROM sis.adh WHERE id = 42;
SELECT is(pg_temp.records(42), NULL, 'an address that is in LGD only makes no record');
UPDATE sis.stu SET rad = '9 Far Rd', gr = 6, ped = '11' WHERE id = 42;
SELECT is(pg_temp.records(42), NULL, 'neither do the residence, the grade and the former education level');

UPDATE sis.con SET elv = '14' WHERE pid = 43;
UPDATE sis.con SET elv = '12' WHERE pid = 43;
UPDATE sis.lgd SET nv = '10' WHERE id = 43;
SELECT is(pg_temp.sent(43, 'parent_guardian_1_highest_education_level_code'), '12', 'CON.ELV in the log selects the student; the level is that of CON');

-- By hand, as people do: without values, with the table in the name of the field.
SELECT pg_temp.pupil(44) \g /dev/null
INSERT INTO sis.lgd (id, fc, dt) VALUES (44, 'CON.ELV', '2026-09-01'), (44, 'LN', '2026-09-08'), (9999, 'LN', '2026-09-08'), (44, 'NOSUCH', '2026-09-09');
SELECT is(pg_temp.records(44), '2026-09-01 change_date, 2026-09-08 change_date', 'entries made by hand select too');
SELECT is(pg_temp.sent(44, 'student_legal_last_name'), 'Last, Last', 'and change no value');
SELECT is(pg_temp.held(9999), 'GERR0005 effective_start_date', 'of a student who is not reported nothing is sent');

-- Dates inside the enrollment --------------------------------------------------------------------------

SELECT pg_temp.pupil(50, '{"tg": "I"}', '{"ld": "2026-09-11", "er": "T160"}') \g /dev/null
INSERT INTO sis.lgd (id, tc, fc, ov, nv, dt) VALUES (50, 'STU', 'LN', 'Was', 'Last', '2026-09-25');
SELECT is(pg_temp.records(50), '2026-09-11 after_exit', 'a change after the student left takes the exit date');
UPDATE sis.lgd SET dt = '2026-09-01' WHERE id = 50;
SELECT is(pg_temp.records(50), '2026-09-01 change_date', 'one before keeps its day');
UPDATE sis.lgd SET dt = '2024-01-01' WHERE id = 50;
SELECT is(pg_temp.records(50), '2026-08-10 before_start', 'an older one takes the start of the enrollment');
UPDATE sis.lgd SET fc = 'BD', dt = '2026-09-25' WHERE id = 50;
SELECT is(pg_temp.records(50), '2026-08-10 enrollment_start', 'a birth date its start');
SELECT pg_temp.pupil(51) \g /dev/null
INSERT INTO sis.lgd (id, tc, fc, dt) VALUES (51, 'STU', 'LN', '2026-12-01');
SELECT is(pg_temp.records(51), '2026-10-01 change_date', 'a day to come is today');
-- Left, and back at another school.
SELECT pg_temp.pupil(52, enrolled => '{"ld": "2026-08-28", "er": "T160"}'), pg_temp.enrollment('{"id": 52, "sc": 20, "ed": "2026-09-14"}') \g /dev/null
INSERT INTO sis.lgd (id, tc, fc, dt) VALUES (52, 'STU', 'LN', '2026-08-20'), (52, 'STU', 'FN', '2026-09-05'), (52, 'STU', 'MN', '2026-09-20');
SELECT is(pg_temp.records(52), '2026-08-20 change_date, 2026-09-14 before_start, 2026-09-20 change_date', 'each change in the enrollment of its day, or the next one');
SELECT is(pg_temp.sent(52, 'school_of_attendance'), '6000010, 6000020, 6000020', 'at its school');
SELECT is_empty($$SELECT d.* FROM calpads.sinf_delta() d WHERE NOT EXISTS (SELECT FROM sis.senr e WHERE e.ssid = d.ssid
	AND e.school_of_attendance = d.school_of_attendance AND d.effective_start_date BETWEEN e.enrollment_start_date AND coalesce(e.enrollment_exit_date, 'infinity'))$$,
	'no record is dated outside of an enrollment');
SELECT is_empty($$SELECT school_of_attendance, ssid, effective_start_date FROM calpads.sinf_delta(false) GROUP BY 1, 2, 3 HAVING count(*) > 1$$, 'no key is there twice');

-- Several changes ---------------------------------------------------------------------------------------

SELECT pg_temp.pupil(60) \g /dev/null
UPDATE sis.stu SET ln = 'Second', ad = '2 Oak St' WHERE id = 60;
UPDATE sis.con SET ln = 'Second' WHERE pid = 60;
SELECT is(pg_temp.records(60), '2026-10-01 change_date', 'several changes on one day are one record');
UPDATE sis.lgd SET dt = '2026-09-01' WHERE id = 60 AND tc = 'STU' AND fc = 'LN';
UPDATE sis.stu SET ln = 'Third' WHERE id = 60;
UPDATE sis.stu SET sf = 'JR' WHERE id = 60;
UPDATE sis.lgd SET dt = '2026-09-10' WHERE id = 60 AND fc = 'SF';
SELECT is(pg_temp.records(60), '2026-09-01 change_date, 2026-09-10 change_date, 2026-10-01 change_date', 'on several days several');
SELECT is(pg_temp.sent(60, 'student_legal_last_name'), 'Second, Second, Third', 'each with the name as it was then');
SELECT is(pg_temp.sent(60, 'student_legal_name_suffix_code'), '-, JR, JR', 'the suffix');
SELECT is(pg_temp.sent(60, 'address_line_1'), '1 Elm St, 1 Elm St, 2 Oak St', 'and the address');
SELECT is(pg_temp.sent(60, 'parent_guardian_1_last_name'), 'Second, Second, Second', 'guardians are not read from the log');
UPDATE sis.stu SET bd = '2016-03-03' WHERE id = 60;
SELECT is(pg_temp.sent(60, 'student_birth_date'), '2016-03-03, 2016-03-03, 2016-03-03, 2016-03-03', 'a birth date is right in all of them');
SELECT is(pg_temp.sent(60, 'student_legal_last_name'), 'Last, Second, Second, Third', 'and the record at the enrollment start is as it was then');
-- Legal names.
SELECT pg_temp.pupil(61) \g /dev/null
INSERT INTO sis.lsi (id, lln) VALUES (61, 'Legal');
UPDATE sis.stu SET ln = 'Hidden' WHERE id = 61;
UPDATE sis.lsi SET lln = 'Lawful' WHERE id = 61;
UPDATE sis.lgd SET dt = '2026-09-01' WHERE id = 61 AND tc = 'STU';
SELECT is(pg_temp.sent(61, 'student_legal_last_name'), 'Legal, Lawful', 'what LSI holds is the name, now and then');

-- Bad input ------------------------------------------------------------------------------------------------

SELECT pg_temp.pupil(70), pg_temp.pupil(71), pg_temp.pupil(72), pg_temp.pupil(73), pg_temp.pupil(74) \g /dev/null
UPDATE sis.con SET fn = '' WHERE pid = 70;
UPDATE sis.stu SET bd = '2026-09-01' WHERE id = 71;
UPDATE sis.stu SET rc1 = '9Q' WHERE id = 72;
UPDATE sis.stu SET ad = '1^2', cy = E'Al\tmond' WHERE id = 73;
UPDATE sis.stu SET ln = repeat('x', 51) WHERE id = 74;
SELECT is(pg_temp.held(70), 'SINF0453 parent_guardian_1_first_name', 'a guardian without a first name is held');
SELECT matches(pg_temp.held(71), 'BIRTH_AFTER_ENROLLMENT student_birth_date 2026-09-01', 'so is a birth after the enrollment');
SELECT is(pg_temp.held(72), 'GERR0002 student_race_1_code 9Q', 'an untranslated race');
SELECT is(pg_temp.held(73), E'FRMT0004 address_city_name Al\tmond, FRMT0004 address_line_1 1^2', 'a caret or a tab in a value');
SELECT matches(pg_temp.held(74), '^FRMT0001 student_legal_last_name', 'a name that is too long');
SELECT is(concat(pg_temp.records(70), pg_temp.records(71), pg_temp.records(72), pg_temp.records(73), pg_temp.records(74)), '', 'of them there is no record');
SELECT is_empty('SELECT * FROM calpads.sinf_held() WHERE explanation IS NULL OR explanation !~ ''^[A-Z].*\.$'' OR fix IS NULL', 'each has a sentence and a place');

-- Rules that are data.
UPDATE sis.stu SET mn = '"Bill"' WHERE id = 40;
UPDATE sis.stu SET lna = 'O''Hara/Lee' WHERE id = 44;
SELECT is(pg_temp.held(40), 'IVR0009 student_legal_last_name First "Bill" New', 'a legal name with quotes is held');
SELECT is(pg_temp.records(44) IS NOT NULL, true, 'an alias with a slash is not');
UPDATE calpads.rule SET severity = 'warning' WHERE process = 'SINF' AND number = 'IVR0009';
SELECT is(pg_temp.records(40), '2026-10-01 change_date', 'a rule that only warns holds nothing');
SAVEPOINT warned;
SELECT count(*) FROM calpads.create_extract('SINF') \g /dev/null
SELECT bag_eq('SELECT rule || local_student_id FROM calpads.batch_warning', $$VALUES ('IVR000940'), ('IVR0009_OTHER_NAMES44'), ('IVR0009_OTHER_NAMES44'), ('IVR0009_OTHER_NAMES44')$$,
	'of which the batch warns');
ROLLBACK TO warned;
UPDATE calpads.rule SET severity = 'fatal' WHERE process = 'SINF' AND number = 'IVR0009';
UPDATE sis.stu SET mn = '' WHERE id = 40;
UPDATE sis.stu SET lna = '' WHERE id = 44;

-- All students -----------------------------------------------------------------------------------------

SELECT pg_temp.pupil(80, enrolled => '{"ed": "2025-08-11", "ld": "2026-06-04", "er": "E155"}') \g /dev/null
SELECT set_eq($$SELECT local_student_id FROM calpads.sinf_delta(true)$$,
	$$SELECT local_student_id FROM sis.sinf WHERE effective_start_date >= '2026-07-01' AND problems IS NULL AND student_id NOT IN (73, 74)$$,
	'all students of the school year that are not held');
SELECT is_empty('SELECT ssid FROM calpads.sinf_delta(true) GROUP BY ssid HAVING count(*) > 1', 'each once');
SELECT is((SELECT count(*) FROM calpads.sinf_delta(true) d JOIN sis.sinf s ON s.ssid = d.ssid AND s.effective_start_date = d.effective_start_date),
	(SELECT count(*) FROM calpads.sinf_delta(true)), 'from the start of the enrollment');

-- Files -----------------------------------------------------------------------------------------------

DELETE FROM sis.lgd;
DELETE FROM sis.adh;
SELECT is_empty($$SELECT * FROM calpads.create_extract('SINF')$$, 'no entry, no file');
SELECT is((SELECT count(*) FROM calpads.batch), 0::bigint, 'and no batch');
UPDATE sis.stu SET ln = 'Posted' WHERE id IN (1, 2, 73);
CREATE TEMPORARY TABLE made AS SELECT * FROM calpads.create_extract('SINF');
SELECT is((SELECT concat_ws(' ', seq, category, file_name, records, status) FROM made), '1 SINF 001_SINF.txt 2 Post', 'one file');
SELECT is((SELECT array_to_string(array_agg(ssid ORDER BY line_no), ' ') FROM calpads.extract_record), '1000000001 1000000002', 'of the changed students');
SELECT is((SELECT count(*) FROM calpads.batch_held WHERE ssid = '1000000073'), 2::bigint, 'what is held is noted');
SELECT is((SELECT min(array_length(string_to_array(line, '^'), 1)) || ' ' || max(array_length(string_to_array(line, '^'), 1)) FROM calpads.extract_record), '43 43', 'of 43 fields');
SELECT is((SELECT count(*) FROM calpads.sinf_delta()), 2::bigint, 'a file that is not posted answers nothing');
UPDATE sis.stu SET fn = 'Later' WHERE id = 3;
SELECT is((SELECT f.status FROM made m, calpads.post_file(m.file_id) f), 'Posted', 'posted');
SELECT results_eq('SELECT local_student_id FROM calpads.sinf_delta()', $$VALUES ('3')$$, 'what it answered is done, what came later is not');
SELECT is((SELECT count(*) FROM calpads.sinf_held() WHERE ssid = '1000000073' AND effective_start_date = '2026-10-01'), 2::bigint, 'what was held is not done either');
UPDATE sis.stu SET ad = '5 New St', cy = 'Almond' WHERE id = 73;
SELECT is(pg_temp.records(73), '2026-10-01 change_date', 'and is sent when it is mended');
UPDATE sis.lgd SET dt = '2026-09-02' WHERE id = 1 AND fc = 'LN';
SELECT is(pg_temp.records(1), '2026-09-02 change_date', 'an entry whose date is edited afterwards is a new one');
UPDATE sis.lgd SET dt = '2026-10-01' WHERE id = 1 AND fc = 'LN';
SELECT is(pg_temp.records(1), NULL, 'edited back it is the one that was sent');
SELECT is((SELECT f.status FROM made m, calpads.unpost_file(m.file_id) f), 'Post', 'taken back');
SELECT is((SELECT count(*) FROM calpads.sinf_delta() WHERE local_student_id IN ('1', '2')), 2::bigint, 'the entries are to be sent again');
SELECT count(*) FROM made m, calpads.post_file(m.file_id) \g /dev/null

-- A birth date after that: the record that CALPADS has is corrected under its own date.
UPDATE sis.stu SET bd = '2016-05-05' WHERE id = 1;
SELECT is(pg_temp.records(1), '2026-08-10 enrollment_start, 2026-10-01 later_record', 'a correction from the enrollment start reaches the later record');
SELECT is(pg_temp.sent(1, 'student_birth_date'), '2016-05-05, 2016-05-05', 'with the corrected field');
SELECT is(pg_temp.sent(1, 'student_legal_last_name'), 'Last, Posted', 'and otherwise as it is');

-- All students at once answer the log.
SELECT is((SELECT sum(records) > 20 FROM calpads.create_extract('SINF', all_students => true)), true, 'all students');
SELECT count(*) FROM calpads.extract_file f, calpads.post_file(f.file_id) WHERE f.status = 'Post' AND f.file_id = (SELECT max(file_id) FROM calpads.extract_file) \g /dev/null
SELECT results_eq('SELECT DISTINCT local_student_id FROM calpads.sinf_delta() ORDER BY 1', $$VALUES ('1')$$,
	'answers every entry but where CALPADS has a later record');
SELECT is(pg_temp.sent(1, 'student_birth_date'), '2016-05-05, 2016-05-05', 'which is corrected next');

-- No LEA.
SELECT throws_ok($$SELECT * FROM calpads.create_extract('SINF', lea => '9999999')$$, '55000', 'no selected school of LEA 9999999 is known', 'an LEA without schools');

-- Drift -------------------------------------------------------------------------------------------------

SELECT throws_ok('SELECT * FROM calpads.sinf_drift()', '55000', 'there is no SINF history', 'without an ODS extract there is no drift');
CREATE FUNCTION pg_temp.ods_line(student integer, said jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
	SELECT replace(calpads.sinf_line(jsonb_populate_record(NULL::calpads.sinf, to_jsonb(s) || '{"transaction_type_code": null}' || said)), 'SINF^', 'SINF-R^') || '^20260930^20260930'
	FROM sis.sinf s WHERE student_id = student $$;
SELECT is((SELECT rows_loaded || ' ' || rows_rejected FROM calpads.load_ods('SINF', 'SINF.txt', convert_to(string_agg(l, E'\r\n') || E'\r\n', 'UTF8'))), '9 1', 'an ODS extract is loaded')
FROM (SELECT pg_temp.ods_line(id) AS l FROM unnest(ARRAY[2, 4, 29, 32]) AS id
	UNION ALL SELECT pg_temp.ods_line(10, '{"student_alias_first_name": "Ali", "student_race_missing_indicator": "N"}')
	UNION ALL SELECT pg_temp.ods_line(40, '{"student_birth_date": "2015-01-01", "effective_end_date": "2026-08-31"}')
	UNION ALL SELECT pg_temp.ods_line(40, '{"student_birth_date": "2015-01-01", "effective_start_date": "2026-09-01", "student_legal_last_name": "Old"}')
	UNION ALL SELECT pg_temp.ods_line(41, '{"effective_end_date": "2026-08-01", "effective_start_date": "2026-01-08"}')
	UNION ALL SELECT pg_temp.ods_line(42, '{"address_line_1": null, "address_city_name": null, "address_state_province_code": null, "address_zip_code": null}')
	UNION ALL SELECT replace(pg_temp.ods_line(43), '2026-2027', '2026-2027-2028-2029')) AS lines;
SELECT results_eq($$SELECT local_student_id, difference, field, in_calpads, in_sis FROM calpads.sinf_drift()
		WHERE local_student_id IN ('2', '4', '10', '29', '32', '40', '41', '42', '43') ORDER BY local_student_id::integer, field COLLATE "C"$$,
	$$VALUES ('10', 'different', 'student_alias_first_name', 'Ali', NULL),
		('40', 'different', 'student_birth_date', '2015-01-01', '2016-01-31'), ('40', 'different', 'student_legal_last_name', 'Old', 'New'),
		('41', 'missing', NULL, NULL, NULL),
		('42', 'different', 'address_city_name', NULL, 'Almond'), ('42', 'different', 'address_line_1', NULL, '2 Oak St'),
		('42', 'different', 'address_state_province_code', NULL, 'US-CA'), ('42', 'different', 'address_zip_code', NULL, '95001'),
		('43', 'in doubt', NULL, NULL, NULL)$$, 'the newest overlapping record is compared, blank is equal to nothing');
DELETE FROM sis.lgd;
DELETE FROM sis.adh;
SELECT throws_ok($$SELECT calpads.select_for_sinf(ARRAY['1000000010', 'nobody'])$$, '22023', '1 of the SSIDs are of no student whom SINF reports', 'whom nobody knows cannot be selected');
SELECT is(calpads.select_for_sinf(ARRAY['1000000010', '1000000040', '1000000041', '1000000002']), 4::bigint, 'students can be selected');
SELECT is(pg_temp.records(10), '2026-10-01 selected', 'what differs from the day of the change is sent from today');
SELECT is(pg_temp.records(40), '2026-08-10 selected, 2026-09-01 later_record, 2026-10-01 selected', 'what differs from the enrollment start from there');
SELECT is(pg_temp.sent(40, 'student_birth_date') || ' ' || pg_temp.sent(40, 'student_legal_last_name'), '2016-01-31, 2016-01-31, 2016-01-31 Old, Old, New', 'and through all records');
SELECT is(pg_temp.records(41) || ' ' || pg_temp.records(2), '2026-08-10 selected 2026-09-14 selected', 'a missing record, and one that is just wanted, from the enrollment start');
SELECT count(*) FROM calpads.create_extract('SINF') f, calpads.post_file(f.file_id) \g /dev/null
SELECT is_empty($$SELECT * FROM calpads.sinf_drift() WHERE local_student_id IN ('10', '40', '41')$$, 'once posted there is no drift');
SELECT is_empty('SELECT * FROM calpads.sinf_delta()', 'and nothing to send');
SELECT is((SELECT count(*) > 0 AND calpads.select_for_sinf() = count(DISTINCT ssid) FROM calpads.sinf_drift() WHERE difference <> 'in doubt'), true, 'all who drift can be selected');

-- Contacts who are no guardians, after that.
SELECT calpads.post_file(f.file_id) FROM calpads.create_extract('SINF', all_students => true) f \g /dev/null
DELETE FROM sis.lgd;
DELETE FROM sis.adh;
UPDATE sis.con SET ap = 'Y' WHERE pid IN (1, 2);
INSERT INTO sis.con (pid, sq, "or", fn, ln) VALUES (2, 8, 8, 'Neighbor', 'Near');
UPDATE sis.con SET fn = 'Neighborly' WHERE pid = 2 AND sq = 8;
SELECT is((SELECT count(*) FROM sis.lgd WHERE tc = 'CON'), 6::bigint, 'what changes of contacts is logged');
SELECT is_empty('SELECT * FROM calpads.sinf_delta()', 'and makes no record while CALPADS has guardians 1 and 2 as they are');
UPDATE sis.con SET lw = 'Y' WHERE pid = 2 AND sq = 8;
SELECT is(pg_temp.records(2) || ' ' || pg_temp.sent(2, 'parent_guardian_2_first_name'), '2026-10-01 change_date Neighborly', 'a second guardian is a change');
UPDATE sis.con SET lw = '' WHERE pid = 2 AND sq = 8;
UPDATE sis.con SET fn = 'Anna' WHERE pid = 2 AND sq = 1;
SELECT is(pg_temp.sent(2, 'parent_guardian_1_first_name'), 'Anna', 'another name of one is too');
SELECT calpads.post_file(f.file_id) FROM calpads.create_extract('SINF') f \g /dev/null
UPDATE sis.lgd SET dt = '2026-09-20' WHERE id = 2 AND tc = 'CON' AND nv = 'Anna';
SELECT is(pg_temp.records(2), '2026-09-20 change_date', 'an earlier day of it too');
INSERT INTO sis.lgd (id, fc, dt) VALUES (1, 'CON.ELV', '2026-09-20');
SELECT is(pg_temp.records(1), '2026-09-20 change_date', 'CON.ELV in the log selects whatever CALPADS has');
DELETE FROM sis.lgd;

-- New students, after that.
SELECT pg_temp.pupil(90) \g /dev/null
SELECT is(pg_temp.records(90) ~ '^2026-08-10 (new_student|enrollment_start)', true, 'a new student is sent from the enrollment start');

-- What was posted before a load is past --------------------------------------------------------------

SELECT calpads.post_file(f.file_id) FROM calpads.create_extract('SINF') f \g /dev/null
UPDATE sis.stu SET fn = 'Once' WHERE id = 2;
SELECT count(*) FROM calpads.create_extract('SINF') \g /dev/null
SELECT count(*) FROM calpads.load_ods('SINF', 'SINF.txt', convert_to(pg_temp.ods_line(2) || E'\r\n', 'UTF8')) \g /dev/null
SELECT throws_ok(format('SELECT calpads.unpost_file(%s)', (SELECT file_id FROM calpads.extract_file WHERE status = 'Posted' ORDER BY post_order DESC LIMIT 1)),
	'55000', NULL, 'a posting before a newer load cannot be taken back');
SELECT is((SELECT status FROM calpads.extract_file ORDER BY file_id DESC LIMIT 1), 'Obsolete', 'a file that was made before it cannot be posted');
SELECT is(pg_temp.records(2), '2026-10-01 change_date', 'its entries are sent with the next one');

-- Several LEAs: a charter school that reports for itself -------------------------------------------------

SET LOCAL calpads.independent_charter_schools = '30';
SELECT pg_temp.pupil(100, enrolled => '{"ld": "2026-09-11", "er": "T160"}'), pg_temp.enrollment('{"id": 100, "sc": 30, "ed": "2026-09-14"}'),
	pg_temp.pupil(101, '{"sc": 30}', '{"sc": 30}') \g /dev/null
DELETE FROM sis.lgd;
DELETE FROM sis.adh;
INSERT INTO sis.lgd (id, tc, fc, dt) VALUES (100, 'STU', 'LN', '2026-09-01'), (100, 'STU', 'BD', '2026-09-01'), (101, 'STU', 'LN', '2026-09-01'), (9999, 'STU', 'LN', '2026-09-01');
SELECT results_eq('SELECT lea COLLATE "default", local_student_id COLLATE "default", effective_start_date FROM calpads.sinf_delta()',
	$$VALUES ('0110017', '100', '2026-09-01'::date), ('0130030', '100', '2026-09-14'), ('0130030', '101', '2026-09-01')$$,
	'each record is of the LEA that had the student on its day');
CREATE TEMPORARY TABLE of_leas AS SELECT * FROM calpads.create_extract('SINF');
SELECT results_eq('SELECT lea COLLATE "default", file_name COLLATE "default", records FROM of_leas ORDER BY lea', $$VALUES ('0110017', '001_SINF.txt', 1::bigint), ('0130030', '001_SINF.txt', 2)$$, 'a batch for each');
SELECT is((SELECT count(*) FROM calpads.batch_held h JOIN of_leas USING (batch_id) WHERE h.local_student_id = '9999'), 2::bigint, 'whom nobody reports is noted in each');
SELECT count(*) FROM of_leas m, calpads.post_file(m.file_id) WHERE m.lea = '0130030' \g /dev/null
SELECT results_eq('SELECT lea COLLATE "default", local_student_id COLLATE "default" FROM calpads.sinf_delta()', $$VALUES ('0110017', '100')$$, 'what one LEA posts is done for that one');
SELECT is_empty($$SELECT * FROM calpads.create_extract('SINF', lea => '0130030')$$, 'and has no second batch');

SELECT * FROM finish();
ROLLBACK;
