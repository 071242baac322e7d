-- SELA: what CALPADS should hold of the language status (sis.sela), what is
-- sent, what is held, and what differs without being sent.

BEGIN;
SELECT plan(92);
SET LOCAL client_min_messages = warning;
\ir fixture/district.sql

-- A pupil of this year with a row in LAC; what is said goes to STU, LAC or ENR.
CREATE FUNCTION pg_temp.pupil(student integer, stu jsonb DEFAULT '{}', lac jsonb DEFAULT '{}', enr jsonb DEFAULT '{}')
	RETURNS void LANGUAGE sql AS $$
	SELECT pg_temp.student(jsonb_build_object('id', student, 'lf', 'T', 'hl', 'spa', 'ed', '2026-08-10') || stu),
		pg_temp.enrollment(jsonb_build_object('id', student) || enr);
	INSERT INTO sis.lac SELECT * FROM jsonb_populate_record(NULL::sis.lac, jsonb_build_object('id', student, 'del', false) || lac);
$$;
-- The record of a student, as "status start language (source)".
CREATE FUNCTION pg_temp.status(student integer) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', coalesce(english_language_acquisition_status_code, '-'),
		english_language_acquisition_status_start_date, primary_language_code, '(' || date_source || ')')
	FROM sis.sela WHERE student_id = student $$;
CREATE FUNCTION pg_temp.status_problems(student integer) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', p ->> 'rule', p ->> 'field', p ->> 'value', '(' || (p ->> 'fix') || ')'), ', ')
	FROM sis.sela, jsonb_array_elements(problems) AS p WHERE student_id = student $$;
-- A SELA extract; each row is student, status, start, language and what else is said.
CREATE FUNCTION pg_temp.ods(VARIADIC records jsonb[]) RETURNS bytea LANGUAGE sql AS $$
	SELECT convert_to(string_agg(line, E'\r\n') || E'\r\n', 'UTF8')
	FROM (
		SELECT (SELECT string_agg(coalesce(('{"record_type_code": "SELA-R", "reporting_lea": "0110017", "school_of_attendance": "6000010",
				"academic_year_id": "2026-2027", "student_legal_first_name": "First", "student_legal_last_name": "Last",
				"student_birth_date": "20160131", "student_gender_code": "F"}'::jsonb
				|| jsonb_build_object('ssid', 1000000000 + (r ->> 0)::integer, 'local_student_id', r -> 0,
					'english_language_acquisition_status_code', r -> 1, 'english_language_acquisition_status_start_date', r -> 2,
					'primary_language_code', r -> 3) || coalesce(r -> 4, '{}')) ->> f.name, ''), '^' ORDER BY f.ordinal)
			FROM calpads.layout_field f WHERE f.layout = 'sela_ods') AS line
		FROM unnest(records) AS r) AS record $$;
-- What becomes of a student: the reason of the record that is sent, "held rule …" or "conflict reason".
CREATE FUNCTION pg_temp.outcome(student integer) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(what, ', '), 'equal')
	FROM (
		SELECT concat_ws(' ', reason, (rec).english_language_acquisition_status_code, (rec).english_language_acquisition_status_start_date,
			(rec).primary_language_code) AS what
		FROM calpads.sela_delta() WHERE local_student_id = student::text
		UNION ALL
		SELECT concat_ws(' ', 'held', rule, field) FROM calpads.sela_held() WHERE local_student_id = student::text
		UNION ALL
		SELECT concat_ws(' ', 'conflict', reason) FROM calpads.sela_conflict WHERE local_student_id = student::text) AS outcome $$;

SELECT pg_temp.translate('STU.LF', code[1], code[2]), pg_temp.translate('STU.GR', '-2', 'PS'), pg_temp.translate('STU.GR', '14', 'AD'),
	pg_temp.translate('STU.SP', 'SEC', '20'), pg_temp.translate('STU.SP', 'SHORT', '30'), pg_temp.translate('STU.SP', 'NOADA', '50')
FROM (VALUES (ARRAY['E', 'EO']), (ARRAY['L', 'EL']), (ARRAY['I', 'IFEP']), (ARRAY['R', 'RFEP']), (ARRAY['T', 'TBD']), (ARRAY['A', 'ADEL'])) AS t (code)
\g /dev/null
DELETE FROM sis.xrf x USING sis.xrf y WHERE (x.tc1, x.fc1, x.cd1) = (y.tc1, y.fc1, y.cd1) AND x.ctid > y.ctid;
INSERT INTO sis.loc (cd, nm, cc, dc, sc, dnr) VALUES (70, 'Private pupils', '01', '10017', '0000002', false);

-- The view ------------------------------------------------------------------------------

SELECT results_eq(
	$$SELECT attname::text COLLATE "default" FROM pg_attribute WHERE attrelid = 'sis.sela'::regclass AND attnum BETWEEN 1 AND 16 ORDER BY attnum$$,
	$$SELECT name::text COLLATE "default" FROM calpads.layout_field WHERE layout = 'sela' AND last_year IS NULL ORDER BY ordinal$$,
	'the first columns are the fields of the layout');
SELECT results_eq(
	$$SELECT attname::text COLLATE "default", atttypid::regtype::text FROM pg_attribute WHERE attrelid = 'sis.sela'::regclass AND attnum > 16 ORDER BY attnum$$,
	$$VALUES ('student_id', 'integer'), ('sc', 'integer'), ('local_status', 'text'), ('local_language', 'text'), ('date_source', 'text'),
		('date_rule', 'text'), ('enrolled_days', 'datemultirange'), ('problems', 'jsonb')$$, 'then come eight of its own');
SELECT is_empty(
	$$SELECT a.attname FROM pg_attribute a JOIN calpads.layout_field f ON f.layout = 'sela' AND f.name = a.attname
	WHERE a.attrelid = 'sis.sela'::regclass AND NOT CASE f.type WHEN 'date8' THEN a.atttypid = 'date'::regtype
		ELSE a.atttypid = 'text'::regtype AND a.attcollation = '"C"'::regcollation END$$,
	'dates are dates, all else is text in collation C');
SELECT is_empty(
	$$SELECT t.attname FROM pg_attribute t LEFT JOIN pg_attribute a ON a.attrelid = 'calpads.ods_sela'::regclass
		AND (t.attnum, t.attname, t.atttypid, t.attcollation) = (a.attnum, a.attname, a.atttypid, a.attcollation)
	WHERE t.attrelid = (SELECT typrelid FROM pg_type WHERE oid = 'calpads.sela'::regtype) AND a.attname IS NULL$$,
	'ods_sela begins with the columns of the type');

SELECT pg_temp.pupil(1, '{"lf": "E", "hl": "00", "dd": "2024-08-12"}') \g /dev/null
SELECT is((SELECT jsonb_strip_nulls(to_jsonb(sela)) FROM sis.sela), '{"record_type_code": "SELA", "transaction_type_code": "A",
	"local_record_id": "1-EO", "reporting_lea": "0110017", "school_of_attendance": "6000010", "academic_year_id": "2026-2027",
	"ssid": "1000000001", "student_legal_first_name": "First", "student_legal_last_name": "Last", "student_birth_date": "2016-01-31",
	"student_gender_code": "F", "local_student_id": "1", "english_language_acquisition_status_code": "EO",
	"english_language_acquisition_status_start_date": "2024-08-12", "primary_language_code": "eng", "student_id": 1, "sc": 10,
	"local_status": "E", "local_language": "00", "date_source": "STU.DD",
	"date_rule": "The first of LAC.STS, LAC.USS, STU.DD and STU.ED that is filled.", "enrolled_days": "{[2026-08-10,)}"}',
	'a whole record, with the reason of its date; an old language code becomes three letters');

-- Dates by the status.
SELECT pg_temp.pupil(2, '{"lf": "R"}', '{"rd1": "2026-09-10", "sd": "2019-01-01", "sts": "2018-01-01"}'),
	pg_temp.pupil(3, '{"lf": "L"}', '{"rd1": "2026-09-10", "sd": "2019-01-01", "sts": "2018-01-01"}'),
	pg_temp.pupil(4, '{"lf": "I"}', '{"ifd": "2019-02-02", "sts": "2018-01-01"}'),
	pg_temp.pupil(5, '{"lf": "A"}', '{"aes": "2026-09-11", "sts": "2018-01-01"}'),
	pg_temp.pupil(6, '{"dd": "2020-03-03"}', '{"sts": "2018-01-01", "uss": "2017-01-01"}'),
	pg_temp.pupil(7, '{"dd": "2020-03-03"}', '{"uss": "2017-01-01"}'),
	pg_temp.pupil(8), pg_temp.pupil(9, '{"ed": null}') \g /dev/null
SELECT is(pg_temp.status(2), 'RFEP 2026-09-10 spa (LAC.RD1)', 'RFEP: redesignation');
SELECT is(pg_temp.status(3), 'EL 2019-01-01 spa (LAC.SD)', 'EL: start as an English learner');
SELECT is(pg_temp.status(4), 'IFEP 2019-02-02 spa (LAC.IFD)', 'IFEP: initially fluent');
SELECT is(pg_temp.status(5), 'ADEL 2026-09-11 spa (LAC.AES)', 'ADEL: adult English learner');
SELECT is(pg_temp.status(6), 'TBD 2018-01-01 spa (LAC.STS)', 'TBD and EO: start in California');
SELECT is(pg_temp.status(7), 'TBD 2017-01-01 spa (LAC.USS)', 'else in the United States');
SELECT is(pg_temp.status(8), 'TBD 2026-08-10 spa (STU.ED)', 'else the school enter date, without a district enter date');
SELECT is(pg_temp.status(9), 'TBD 2026-08-10 spa (ENR.ED)', 'else the first day of the enrollment');
SELECT pg_temp.pupil(10, '{"ed": "2026-11-02"}', '{}', '{"ed": "2026-11-02"}') \g /dev/null
SELECT is(pg_temp.status(10), 'TBD 2026-10-01 spa (STU.ED)', 'TBD is never in the future');

-- Languages.
SELECT pg_temp.translate('STU.HL', '77', 'KOR'), pg_temp.pupil(11, '{"hl": "77"}'), pg_temp.pupil(12, '{"hl": "VIE"}'),
	pg_temp.pupil(13, '{"hl": "78"}'), pg_temp.pupil(14, '{"hl": " "}'), pg_temp.pupil(15, '{"hl": "01"}'),
	pg_temp.pupil(16, '{"hl": "eng"}'), pg_temp.pupil(17, '{"lf": "E", "hl": "spa"}'), pg_temp.pupil(18, '{"lf": "L", "hl": "eng"}'),
	pg_temp.pupil(19, '{"lf": "E", "hl": "37"}') \g /dev/null
SELECT is(pg_temp.status(11), 'TBD 2026-08-10 kor (STU.ED)', 'a language is translated');
SELECT is(pg_temp.status(12), 'TBD 2026-08-10 vie (STU.ED)', 'or a code of CALPADS');
SELECT is(pg_temp.status(15), 'TBD 2026-08-10 spa (STU.ED)', 'or an old code with a successor');
SELECT is(pg_temp.status_problems(13), 'GERR0002 primary_language_code 78 (XRF: code translations STU.HL, or STU.HL)', 'none of it: a problem');
SELECT is(pg_temp.status_problems(14), 'GERR0001 primary_language_code (STU.HL)', 'without a language');
SELECT is(pg_temp.status_problems(16), 'SELA0280 primary_language_code eng (STU.LF or STU.HL)', 'English is for EO');
SELECT is(pg_temp.status_problems(17), 'SELA0322 primary_language_code spa (STU.LF or STU.HL)', 'and EO is English');
SELECT is(pg_temp.status_problems(18), NULL, 'of EL nothing is sent, so nothing is wrong');
SELECT is(pg_temp.status(19), 'EO 2026-08-10 ase (STU.ED)', 'or sign language');
SELECT is(pg_temp.status_problems(19), NULL, 'which is no problem');

-- What is wrong.
SELECT pg_temp.pupil(20, '{"lf": "R"}'), pg_temp.pupil(21, '{"lf": " "}'), pg_temp.pupil(22, '{"lf": "X"}'),
	pg_temp.pupil(23, '{"lf": "L"}'), pg_temp.pupil(24, '{"cid": "12345"}') \g /dev/null
SELECT is(pg_temp.status_problems(20), 'GERR0001 english_language_acquisition_status_start_date (LAC.RD1)', 'RFEP without a date');
SELECT is((SELECT explanation FROM calpads.sela_held() WHERE local_student_id = '20'), 'The student is RFEP, but the date of it is blank.',
	'is held with a sentence');
SELECT is(pg_temp.status_problems(21), 'GERR0001 english_language_acquisition_status_code (STU.LF)', 'no language fluency');
SELECT is(pg_temp.status_problems(22), 'GERR0002 english_language_acquisition_status_code X (XRF: code translations STU.LF, or STU.LF)', 'an unknown one');
SELECT is(pg_temp.status_problems(23), NULL, 'the date of EL may be missing');
SELECT is(pg_temp.status_problems(24), 'IVR0007 ssid 12345 (STU.CID)', 'an SSID without ten digits');

-- Who is in the picture.
SELECT pg_temp.pupil(30, '{"gr": -2}', '{}', '{"gr": -2}'), pg_temp.pupil(31, '{"gr": 14}', '{}', '{"gr": 14}'),
	pg_temp.pupil(32, '{}', '{}', '{"pr": "SEC"}'), pg_temp.pupil(33, '{}', '{}', '{"pr": "SHORT"}'), pg_temp.pupil(34, '{}', '{}', '{"pr": "NOADA"}'),
	pg_temp.pupil(35, '{"sc": 70}', '{}', '{"sc": 70}'), pg_temp.pupil(36, '{"tg": "I", "ed": "2025-08-11"}', '{}', '{"ed": "2025-08-11", "ld": "2026-06-04"}'),
	pg_temp.pupil(37, '{"gr": -1}', '{}', '{"gr": -1}'), pg_temp.pupil(38, '{"tg": "I"}', '{}', '{"ld": "2026-09-20", "er": "T160"}'),
	pg_temp.pupil(39, '{"del": true}'), pg_temp.pupil(40, '{"cid": null}') \g /dev/null
SELECT results_eq('SELECT student_id FROM sis.sela WHERE student_id BETWEEN 30 AND 40 ORDER BY 1', ARRAY[33, 37, 38],
	'TK to 12, primary and short-term, of this year, also those who left; not preschool, adults, secondary, private schools');
SELECT is(pg_temp.outcome(30), 'conflict not_expected', 'a preschool child''s status is not sent, and the conflicts tell');
SELECT is((SELECT explanation FROM calpads.sela_conflict WHERE local_student_id = '35'),
	'The SIS has TBD, but of a student with a private school (0000002) CALPADS takes no status.', 'so of pupils of private schools');

-- The newest enrollment, and the STU row of its school.
SELECT pg_temp.pupil(41, '{"lf": "L"}', '{"sd": "2020-01-01"}', '{"ld": "2026-09-10", "er": "T160"}'),
	pg_temp.student('{"id": 41, "sc": 20, "lf": "R", "hl": "vie", "ed": "2026-09-11"}'), pg_temp.enrollment('{"id": 41, "sc": 20, "ed": "2026-09-11"}') \g /dev/null
UPDATE sis.lac SET rd1 = '2026-09-15' WHERE id = 41;
SELECT results_eq($$SELECT school_of_attendance COLLATE "default", english_language_acquisition_status_code COLLATE "default", enrolled_days::text FROM sis.sela WHERE student_id = 41$$,
	$$VALUES ('6000020', 'RFEP', '{[2026-08-10,)}')$$, 'one record, of the newest enrollment, with all days enrolled');

-- Without an ODS extract, LAC.EAC is what CALPADS has ---------------------------------------

SELECT is(pg_temp.outcome(8), 'new_status TBD 2026-08-10 spa', 'a first status is sent');
SELECT is(pg_temp.outcome(2), 'conflict transition', 'RFEP is no first status');
SELECT is(pg_temp.outcome(3), 'conflict test_vendor', 'EL comes from the test vendor');
SELECT is(pg_temp.outcome(10), 'conflict outside_enrollment', 'TBD before the enrollment');
SELECT is(pg_temp.outcome(6), 'conflict outside_enrollment', 'a start in California before the enrollment');
SELECT is(pg_temp.outcome(24), 'held IVR0007 ssid', 'a bad SSID is held');
UPDATE sis.lac SET eac = 'EL', ead = '2019-01-01' WHERE id IN (2, 3);
SELECT is(pg_temp.outcome(2), 'status_changed RFEP 2026-09-10 spa', 'after EL in LAC.EAC it is sent');
SELECT is(pg_temp.outcome(3), 'equal', 'LAC.EAC and LAC.EAD are what the SIS has');
UPDATE sis.lac SET ead = NULL WHERE id = 2;
SELECT is(pg_temp.outcome(2), 'conflict not_later', 'without LAC.EAD it is not certain that the start is later');
UPDATE sis.lac SET eac = 'TBD', ead = '2026-08-10' WHERE id = 8;
SELECT is(pg_temp.outcome(8), 'equal', 'LAC knows no language');

-- Two students with one SSID.
SELECT pg_temp.pupil(42, '{"cid": "1000000043"}'), pg_temp.pupil(43) \g /dev/null
SELECT results_eq($$SELECT local_student_id COLLATE "default", rule COLLATE "default" FROM calpads.sela_held() WHERE local_student_id IN ('42', '43')$$,
	$$VALUES ('42', 'IVR0034'), ('43', 'IVR0034')$$, 'two students with one SSID are held');

-- The form of a record.
SELECT pg_temp.pupil(44, '{"fn": "a^b"}'), pg_temp.pupil(45, jsonb_build_object('fn', repeat('x', 31))), pg_temp.pupil(46, '{"bd": null}'),
	pg_temp.pupil(47, '{"gn": "Q"}'), pg_temp.pupil(48, '{"ln": "Łaska"}') \g /dev/null
SELECT is(pg_temp.outcome(44), 'held FRMT0004 student_legal_first_name', 'a caret in a name');
SELECT is(pg_temp.outcome(45), 'held FRMT0001 student_legal_first_name', 'a long name');
SELECT is(pg_temp.outcome(46), 'held GERR0001 student_birth_date', 'no birth date');
SELECT is(pg_temp.outcome(47), 'held GERR0002 student_gender_code', 'no gender of CALPADS');
SELECT is(pg_temp.outcome(48), 'new_status TBD 2026-08-10 spa', 'a name in UTF-8');
SET LOCAL calpads.file_encoding = 'windows-1252';
SELECT is(pg_temp.outcome(48), 'held FRMT0004 student_legal_last_name', 'that Windows-1252 does not have');
RESET calpads.file_encoding;
UPDATE calpads.rule SET active = false WHERE (process, number) = ('SELA', 'SELA0322');
SELECT is(pg_temp.outcome(17), 'new_status EO 2026-08-10 spa', 'a rule that is switched off holds nothing');
UPDATE calpads.rule SET active = true WHERE (process, number) = ('SELA', 'SELA0322');

-- A load fills LAC.EAC and LAC.EAD ---------------------------------------------------------------

UPDATE sis.lac SET eac = NULL, ead = NULL, co = 'kept';
DELETE FROM sis.lac WHERE id = 9;
CREATE TEMPORARY TABLE lac_before AS SELECT id, to_jsonb(lac) - 'eac' - 'ead' AS rest FROM sis.lac;
SELECT is((SELECT (rows_read, rows_loaded, rows_rejected)::text FROM calpads.load_ods('SELA', 'sela.txt', pg_temp.ods(
	'[2, "EL", "20190101", "01"]', '[3, "TBD", "20180901", "01"]', '[3, "EL", "20190101", "spa"]',
	'[4, "EL", "20190101", "spa", {"reporting_lea": "1999999"}]', '[9, "TBD", "20260810", "spa"]',
	'[999, "EO", "20260810", "eng"]'))), '(6,6,0)', 'a file with records of another LEA');
SELECT results_eq('SELECT id, eac, ead FROM sis.lac WHERE eac IS NOT NULL ORDER BY id',
	$$VALUES (2, 'EL', '2019-01-01'::date), (3, 'EL', '2019-01-01'), (4, 'EL', '2019-01-01'), (9, 'TBD', '2026-08-10')$$,
	'the newest status of each student of the SIS; a missing row is made');
SELECT is_empty('SELECT id FROM lac_before b FULL JOIN sis.lac l USING (id) WHERE id <> 9 AND rest IS DISTINCT FROM to_jsonb(l) - ''eac'' - ''ead''',
	'nothing else in LAC is changed');
SELECT is((SELECT (reporting_lea, primary_language_code)::text FROM calpads.ods_sela WHERE ssid = '1000000004'), '(1999999,spa)', 'ods_sela has the other LEA''s');
SELECT lives_ok($$SELECT calpads.load_ods('SELA', 'old.txt', convert_to(replace(convert_from(
	pg_temp.ods('[2, "EL", "20190101", "01", {"upload_date": "20180101", "last_date_updated": "01/31/2018"}]'), 'UTF8'),
	'^01^^20180101', '^01^20180101'), 'UTF8'))$$,
	'a file of 15 and 2 columns, as before the correction reason');
SELECT is((SELECT (correction_reason_code, upload_date, last_date_updated)::text FROM calpads.sela_baseline
	WHERE load_id = (SELECT max(load_id) FROM calpads.load)), '(,20180101,01/31/2018)', 'its last two are the dates');
SELECT throws_like($$SELECT calpads.load_ods('SELA', 'x.txt', pg_temp.ods('[2, "EL", "20190101", "01", {"reporting_lea": "1999999"}]'))$$,
	'the file is of LEA "1999999", which has no school here', 'a file of another LEA alone is refused');

-- The rights are checked before anything is changed.
CREATE ROLE sela_operator;
SELECT calpads.grant_access('sela_operator', 'operator') \g /dev/null
-- A district may take back what grant_access gives.
REVOKE UPDATE (eac, ead), INSERT (id, eac, ead) ON sis.lac FROM sela_operator;
CREATE FUNCTION pg_temp.load_as_operator() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said text;
BEGIN
	SET LOCAL ROLE sela_operator;
	PERFORM calpads.load_ods('SELA', 'x.txt', pg_temp.ods('[2, "RFEP", "20260910", "spa"]'));
	RETURN 'loaded';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS said = PG_EXCEPTION_HINT;
	RETURN concat_ws(': ', SQLSTATE, SQLERRM, said);
END;
$$;
SELECT format('GRANT USAGE ON SCHEMA %I TO sela_operator', nspname) FROM pg_namespace WHERE oid = pg_my_temp_schema() \gexec
SELECT is(pg_temp.load_as_operator(), '42501: permission denied to write CALPADS'' language status into sis.lac: '
	'GRANT UPDATE (eac, ead), INSERT (id, eac, ead) ON sis.lac TO sela_operator; or set calpads.sela_fill_lac to off.',
	'somebody who cannot write LAC cannot load');
RESET ROLE;
SELECT is((SELECT eac FROM sis.lac WHERE id = 2), 'EL', 'and nothing is changed');
SET LOCAL calpads.sela_fill_lac = off;
SELECT is(pg_temp.load_as_operator(), 'loaded', 'unless LAC is left alone');
RESET ROLE;
SELECT is((SELECT eac FROM sis.lac WHERE id = 2), 'EL', 'as it is then');
RESET calpads.sela_fill_lac;
GRANT UPDATE (eac, ead), INSERT (id, eac, ead) ON sis.lac TO sela_operator;
SELECT is(pg_temp.load_as_operator(), 'loaded', 'or the right is given');
RESET ROLE;
ALTER TABLE sis.lac RENAME TO lac_table;
CREATE VIEW sis.lac AS SELECT * FROM sis.lac_table UNION ALL SELECT * FROM sis.lac_table WHERE false;
SELECT throws_ok($$SELECT calpads.load_ods('SELA', 'x.txt', pg_temp.ods('[2, "EL", "20190101", "01"]'))$$, '55000',
	'sis.lac cannot be written, so CALPADS'' language status has no place there', 'a view that cannot be written');
DROP VIEW sis.lac;
ALTER TABLE sis.lac_table RENAME TO lac;

-- With an ODS extract ----------------------------------------------------------------------------------

DELETE FROM sis.lac;
DELETE FROM sis.stu;
DELETE FROM sis.enr;
-- This year's enrollment follows one of last year, 2025-08-11 to 2026-06-04.
SELECT pg_temp.pupil(n), pg_temp.enrollment(jsonb_build_object('id', n, 'ed', '2025-08-11', 'ld', '2026-06-04', 'er', 'E155'))
FROM generate_series(101, 126) AS n \g /dev/null
UPDATE sis.stu SET lf = 'R' WHERE id IN (101, 102, 103, 104, 105, 106, 107, 125);
UPDATE sis.lac SET rd1 = '2026-09-10', aes = '2026-09-10', sts = '2026-08-10';
UPDATE sis.lac SET rd1 = '2026-07-20' WHERE id = 102;
UPDATE sis.lac SET rd1 = '2026-05-20' WHERE id = 103;
UPDATE sis.lac SET rd1 = '2026-11-20' WHERE id = 104;
UPDATE sis.stu SET lf = 'E', hl = 'eng' WHERE id IN (109, 110, 111, 112, 113, 114, 115, 126);
UPDATE sis.lac SET sts = '2026-07-20' WHERE id = 109;
UPDATE sis.stu SET hl = 'ase' WHERE id IN (113, 115, 126);
UPDATE sis.stu SET lf = 'A', bd = '2002-01-01' WHERE id IN (116, 117);
UPDATE sis.stu SET bd = '2010-01-01' WHERE id = 117;
UPDATE sis.stu SET lf = 'L' WHERE id = 122;
UPDATE sis.lac SET sd = '2024-09-01' WHERE id = 122;
UPDATE sis.lac SET eac = 'EO', ead = '2023-09-01' WHERE id = 119;
SELECT rows_loaded FROM calpads.load_ods('SELA', 'sela.txt', pg_temp.ods(
	'[101, "EL", "20240901", "01"]', '[102, "EL", "20240901", "01"]', '[103, "EL", "20240901", "01"]', '[104, "EL", "20240901", "01"]',
	'[105, "EL", "20240901", "spa", {"reporting_lea": "1999999"}]', '[106, "RFEP", "20260910", "vie"]',
	'[107, "EL", "20260910", "spa"]', '[108, "EO", "20250811", "eng"]', '[110, "TBD", "20250811", "vie"]',
	'[111, "EL", "20240901", "spa"]', '[112, "RFEP", "20240901", "spa"]', '[113, "EO", "20260810", "eng"]',
	'[114, "EO", "20240812", "eng"]', '[115, "EO", "20230814", "eng"]', '[126, "EO", "20240812", "eng"]', '[116, "EL", "20150901", "spa"]', '[117, "EL", "20150901", "spa"]',
	'[118, "TBD", "20260810", "vie"]', '[120, "TBD", "20260810", "03"]', '[121, "TBD", "20260810", "01"]',
	'[122, "EL", "20240901", "vie"]', '[123, "TBD", "20260810", "spa"]', '[123, "EO", "20260901", "eng"]',
	'[124, "TBD", "20260810", "spa"]', '[124, "EL", "2026", "spa"]',
	'[125, "RFEP", "20260910", "vie", {"reporting_lea": "1999999"}]')) \g /dev/null
SELECT is(pg_temp.outcome(101), 'status_changed RFEP 2026-09-10 spa', 'EL becomes RFEP');
SELECT is(pg_temp.outcome(102), 'conflict outside_enrollment', 'RFEP in the summer is outside the enrollment');
SELECT is(pg_temp.outcome(103), 'conflict earlier_year', 'RFEP of last year is not sent');
SELECT is(pg_temp.outcome(104), 'conflict future', 'nor one to come');
SELECT is(pg_temp.outcome(105), 'status_changed RFEP 2026-09-10 spa', 'EL of another LEA becomes RFEP here');
SELECT is(pg_temp.outcome(106), 'language_changed RFEP 2026-09-10 spa', 'a language is corrected');
SELECT is(pg_temp.outcome(125), 'conflict language_differs', 'but not in a record of another LEA');
SELECT is(pg_temp.outcome(107), 'conflict not_later', 'RFEP on the day of EL');
SELECT is(pg_temp.outcome(108), 'status_changed TBD 2026-10-01 spa', 'after EO, TBD starts today');
SELECT is(pg_temp.outcome(109), 'new_status EO 2026-07-20 eng', 'EO in the summer is tolerated');
SELECT is(pg_temp.outcome(110), 'status_changed EO 2026-08-10 eng', 'TBD becomes EO');
SELECT is(pg_temp.outcome(111), 'conflict transition', 'EL never becomes EO');
SELECT is(pg_temp.outcome(112), 'conflict transition', 'nor RFEP');
SELECT is(pg_temp.outcome(113), 'language_changed EO 2026-08-10 ase', 'English becomes sign language');
SELECT is(pg_temp.outcome(114), 'conflict date_differs', 'another date is not sent');
SELECT is(pg_temp.outcome(115), 'language_changed EO 2023-08-14 ase', 'another language is, with the date of CALPADS');
SELECT is(pg_temp.outcome(126), 'conflict outside_enrollment', 'unless that lies outside the enrollments that are known');
SELECT is(pg_temp.outcome(116), 'status_changed ADEL 2026-09-10 spa', 'EL becomes ADEL');
SELECT is(pg_temp.outcome(117), 'conflict age', 'at 22');
SELECT is(pg_temp.outcome(118), 'conflict language_differs', 'TBD takes no change of the language');
SELECT is(pg_temp.outcome(119), 'conflict other_lea', 'EO in LAC alone is of another LEA');
SELECT is(pg_temp.outcome(120), 'equal', 'an old language without a known successor is no difference');
SELECT is(pg_temp.outcome(121), 'equal', 'nor is one whose successor the SIS has');
SELECT is(pg_temp.outcome(122), 'conflict language_differs', 'the language of EL is not sent');
SELECT is(pg_temp.outcome(123), 'conflict newer_status', 'CALPADS is ahead of the SIS');
SELECT is(pg_temp.outcome(124), 'held LOAD_ERROR', 'a student with a bad row in the file is held');

-- A view of the district's own, with the fields of the layout alone.
CREATE TEMPORARY TABLE said AS SELECT reason, ssid, rec FROM calpads.sela_delta();
SELECT set_config('test.fields', string_agg(quote_ident(name), ', ' ORDER BY ordinal), true) FROM calpads.layout_field WHERE layout = 'sela' \g /dev/null
ALTER VIEW sis.sela RENAME TO sela_of_extension;
SELECT format('CREATE VIEW sis.sela AS SELECT %s FROM sis.sela_of_extension', current_setting('test.fields')) \gexec
SELECT set_eq('SELECT reason, ssid, rec FROM calpads.sela_delta()', 'SELECT reason, ssid, rec FROM said', 'gives the same records');

SELECT * FROM finish();
ROLLBACK;
