-- sis.senr: the person, translated codes, and the problems that go with them.

BEGIN;
SELECT plan(63);
\ir fixture/district.sql

-- The person: STU, and LSI where it is filled -------------------------------------

SELECT pg_temp.student('{"id": 1, "ln": " De la Cruz ", "fn": "María", "mn": "Ana", "sf": "JR", "lna": "Cruz", "fna": " Mia", "mna": "A",
	"bd": "2016-02-29", "gn": "X", "sx": "F", "bcy": "San José ", "bst": "us-ca", "bcu": "us"}'), pg_temp.enrollment('{"id": 1}') \g /dev/null
SELECT is(pg_temp.field(1, 'student_legal_last_name'), 'De la Cruz', 'names lose outer blanks and keep their letters');
SELECT is(pg_temp.field(1, 'student_legal_first_name') || '/' || pg_temp.field(1, 'student_legal_middle_name'), 'María/Ana', 'first and middle name');
SELECT is(pg_temp.field(1, 'student_legal_name_suffix_code'), 'JR', 'suffix');
SELECT is(concat_ws('/', pg_temp.field(1, 'student_alias_first_name'), pg_temp.field(1, 'student_alias_middle_name'),
	pg_temp.field(1, 'student_alias_last_name')), 'Mia/A/Cruz', 'alias names');
SELECT is(pg_temp.field(1, 'student_birth_date'), '2016-02-29', 'birth date');
SELECT is(pg_temp.field(1, 'student_gender_code'), 'X', 'the gender is STU.GN');
SELECT is(concat_ws('/', pg_temp.field(1, 'student_birth_city'), pg_temp.field(1, 'student_birth_state_province_code'),
	pg_temp.field(1, 'student_birth_country_code')), 'San José/US-CA/US', 'birth place; codes are in capitals');

SELECT pg_temp.student('{"id": 2, "gn": " ", "sx": "M", "mn": " ", "sf": "", "fna": " "}'), pg_temp.enrollment('{"id": 2}') \g /dev/null
SELECT is(pg_temp.field(2, 'student_gender_code'), 'M', 'without STU.GN the gender is STU.SX');
SELECT is(concat(pg_temp.field(2, 'student_legal_middle_name'), pg_temp.field(2, 'student_legal_name_suffix_code'),
	pg_temp.field(2, 'student_alias_first_name')), '', 'a blank is nothing');

SELECT pg_temp.student('{"id": 3, "ln": "Old", "fn": "Name", "mn": "Kept", "sf": "II", "gn": "F"}'), pg_temp.enrollment('{"id": 3}') \g /dev/null
INSERT INTO sis.lsi (id, lln, lfn, lmn, lsf, gn) VALUES (3, 'New', 'Legal', ' ', 'III', 'm');
SELECT is(concat_ws('/', pg_temp.field(3, 'student_legal_first_name'), pg_temp.field(3, 'student_legal_middle_name'),
	pg_temp.field(3, 'student_legal_last_name'), pg_temp.field(3, 'student_legal_name_suffix_code'), pg_temp.field(3, 'student_gender_code')),
	'Legal/Kept/New/III/M', 'each filled field of LSI beats its field of STU');

-- Enrollment fields: ENR, and STU of the same school where ENR is blank --------------

SELECT pg_temp.student('{"id": 4, "gr": 3, "sp": "20", "it": "4", "itd": "01100250000000"}'),
	pg_temp.enrollment('{"id": 4, "gr": 4, "pr": "30", "it": "1", "itd": "01611190000000"}') \g /dev/null
SELECT is(concat_ws('/', pg_temp.field(4, 'grade_level_code'), pg_temp.field(4, 'enrollment_status_code'),
	pg_temp.field(4, 'student_school_transfer_code'), pg_temp.field(4, 'district_of_geographic_residence_code')),
	'04/30/1/0161119', 'ENR describes the enrollment');
SELECT pg_temp.student('{"id": 5, "gr": 3, "sp": "20", "it": "4", "itd": "01100250000000"}'),
	pg_temp.enrollment('{"id": 5, "gr": null, "pr": " ", "it": "", "itd": " "}') \g /dev/null
SELECT is(concat_ws('/', pg_temp.field(5, 'grade_level_code'), pg_temp.field(5, 'enrollment_status_code'),
	pg_temp.field(5, 'student_school_transfer_code'), pg_temp.field(5, 'district_of_geographic_residence_code')),
	'03/20/4/0110025', 'STU stands in where ENR is blank');
SELECT pg_temp.student('{"id": 6, "itd": "00000000000000"}'), pg_temp.enrollment('{"id": 6}') \g /dev/null
SELECT is(pg_temp.field(6, 'enrollment_status_code'), '10', 'no program at all is a primary enrollment [proposal]');
SELECT is(pg_temp.field(6, 'district_of_geographic_residence_code'), NULL, 'a district of only zeros is none');

-- Without a translation table values pass as they are ----------------------------------

SELECT pg_temp.student('{"id": 7, "bst": "CA", "bcu": "USA", "sf": "XX", "gn": "Q"}'),
	pg_temp.enrollment('{"id": 7, "pr": "p", "it": "z", "ld": "2026-09-04", "er": "tr"}') \g /dev/null
SELECT is(pg_temp.picture(7), '6000010 2026-08-10 P 05 -> 2026-09-04 TR', 'status and exit reason');
SELECT is(concat_ws('/', pg_temp.field(7, 'student_school_transfer_code'), pg_temp.field(7, 'student_birth_state_province_code'),
	pg_temp.field(7, 'student_birth_country_code'), pg_temp.field(7, 'student_legal_name_suffix_code'), pg_temp.field(7, 'student_gender_code')),
	'Z/CA/USA/XX/Q', 'transfer, birth state and country, suffix, gender');
SELECT is(pg_temp.problems(7), NULL, 'they are no problem here: the record is checked against the code sets later');

-- Grades: numbers with a meaning only from -1 to 12 --------------------------------------

SELECT pg_temp.student('{"id": 8}'), pg_temp.enrollment('{"id": 8, "gr": -1}'), pg_temp.student('{"id": 9}'), pg_temp.enrollment('{"id": 9, "gr": 0}'),
	pg_temp.student('{"id": 10}'), pg_temp.enrollment('{"id": 10, "gr": 12}'), pg_temp.student('{"id": 11}'), pg_temp.enrollment('{"id": 11, "gr": 15}'),
	pg_temp.student('{"id": 12, "gr": null}'), pg_temp.enrollment('{"id": 12, "gr": null}') \g /dev/null
SELECT is(pg_temp.field(8, 'grade_level_code'), 'TK', '-1 is transitional kindergarten');
SELECT is(pg_temp.field(9, 'grade_level_code'), 'KN', '0 is kindergarten');
SELECT is(pg_temp.field(1, 'grade_level_code') || pg_temp.field(10, 'grade_level_code'), '0512', '1 to 12 have two digits');
SELECT is(pg_temp.field(11, 'grade_level_code'), '15', 'a local grade stays as it is');
SELECT is(pg_temp.problems(11), 'GERR0002 grade_level_code 15 (XRF: code translations STU.GR, or ENR.GR)', 'and is a problem');
SELECT is(pg_temp.field(12, 'grade_level_code'), NULL, 'a blank grade stays blank');
SELECT is(pg_temp.problems(12), NULL, 'which is found with the record, as a missing field');
SET LOCAL calpads.today = '2024-10-01';
SELECT pg_temp.student('{"id": 13}'), pg_temp.enrollment('{"id": 13, "ed": "2022-08-10", "ld": "2023-06-02", "er": "E155", "gr": -1}'),
	pg_temp.enrollment('{"id": 13, "ed": "2023-08-10", "ld": "2024-06-02", "er": "E155", "gr": -1}') \g /dev/null
SELECT is(pg_temp.picture(13), '6000010 2022-08-10 10 KN -> 2023-06-02 E155, 6000010 2023-08-10 10 TK -> 2024-06-02 E155',
	'before 2023-24 transitional kindergarten was reported as kindergarten');
SET LOCAL calpads.today = '2026-10-01';

-- With translations ------------------------------------------------------------------------

SELECT pg_temp.translate('STU.GR', '15', 'AD'), pg_temp.translate('STU.GR', ' 16 ', ' ps '), pg_temp.translate('STU.GR', '07', '8'),
	pg_temp.translate('STU.SP', 'P', '10'), pg_temp.translate('STU.SP', 's', '20'),
	pg_temp.translate('ATT.RS', 'TR', 'T160'), pg_temp.translate('ATT.RS', 'XX', ' '),
	pg_temp.translate('STU.IT', 'Z', '6'), pg_temp.translate('STU.SF', 'XX', 'SR'), pg_temp.translate('STU.GN', 'Q', 'X'),
	pg_temp.translate('STU.BST', 'CA', 'US-CA'), pg_temp.translate('STU.BCU', 'USA', 'US'),
	pg_temp.translate('STU.HSG', 'D', '100') \g /dev/null
SELECT is(pg_temp.picture(7), '6000010 2026-08-10 10 05 -> 2026-09-04 T160', 'status and exit reason are translated, small letters too');
SELECT is(concat_ws('/', pg_temp.field(7, 'student_school_transfer_code'), pg_temp.field(7, 'student_birth_state_province_code'),
	pg_temp.field(7, 'student_birth_country_code'), pg_temp.field(7, 'student_legal_name_suffix_code'), pg_temp.field(7, 'student_gender_code')),
	'6/US-CA/US/SR/X', 'so are transfer, birth state and country, suffix, gender');
SELECT is(pg_temp.problems(7), NULL, 'then nothing is wrong');
SELECT is(pg_temp.field(11, 'grade_level_code'), 'AD', 'a local grade is translated');
SELECT is(pg_temp.field(4, 'grade_level_code') || pg_temp.field(8, 'grade_level_code'), '04TK', 'grades of their own meaning need no translation');
SELECT pg_temp.student('{"id": 14}'), pg_temp.enrollment('{"id": 14, "gr": 16}'), pg_temp.student('{"id": 15}'), pg_temp.enrollment('{"id": 15, "gr": 7}') \g /dev/null
SELECT is(pg_temp.field(14, 'grade_level_code'), 'PS', 'blanks in the translation table do not matter');
SELECT is(pg_temp.field(15, 'grade_level_code'), '08', 'a grade is a number on the one side and has two digits on the other');
SELECT is(pg_temp.field(1, 'student_birth_state_province_code') || pg_temp.field(1, 'student_birth_country_code') || pg_temp.field(1, 'student_gender_code'),
	'US-CAUSX', 'a value that is a CALPADS code passes although the set is translated');
SELECT is(pg_temp.field(4, 'enrollment_status_code') || pg_temp.field(4, 'student_school_transfer_code'), '301', 'status and transfer too');
SELECT is(pg_temp.field(6, 'enrollment_status_code'), '10', 'a blank program is primary although programs are translated');
SELECT pg_temp.translate('STU.SP', ' ', '50') \g /dev/null
SELECT is(pg_temp.field(6, 'enrollment_status_code'), '50', 'unless the blank itself is translated');
DELETE FROM sis.xrf WHERE cd1 = ' ';

-- Codes that mean nothing --------------------------------------------------------------------

SELECT pg_temp.student('{"id": 16, "sf": "QQ", "gn": "W", "bst": "QQ", "bcu": "QQ"}'), pg_temp.enrollment('{"id": 16, "pr": "q", "gr": 18, "it": "Q"}') \g /dev/null
SELECT is(pg_temp.problems(16),
	'GERR0002 student_legal_name_suffix_code QQ (XRF: code translations STU.SF, or STU.SF, LSI.LSF), '
	'GERR0002 student_gender_code W (XRF: code translations STU.GN, or STU.GN, LSI.GN), '
	'GERR0002 student_birth_state_province_code QQ (XRF: code translations STU.BST, or STU.BST), '
	'GERR0002 student_birth_country_code QQ (XRF: code translations STU.BCU, or STU.BCU), '
	'GERR0002 enrollment_status_code Q (XRF: code translations STU.SP, or ENR.PR, STU.SP), '
	'GERR0002 grade_level_code 18 (XRF: code translations STU.GR, or ENR.GR), '
	'GERR0002 student_school_transfer_code Q (XRF: code translations STU.IT, or ENR.IT)',
	'each local code without translation is a problem');
SELECT is(concat_ws('/', pg_temp.field(16, 'student_legal_name_suffix_code'), pg_temp.field(16, 'student_gender_code'),
	pg_temp.field(16, 'student_birth_state_province_code'), pg_temp.field(16, 'student_birth_country_code'),
	pg_temp.field(16, 'enrollment_status_code'), pg_temp.field(16, 'grade_level_code'), pg_temp.field(16, 'student_school_transfer_code')),
	'QQ/W/QQ/QQ/Q/18/Q', 'and stays in the field as it is');
SELECT is((SELECT problems #>> '{0,explanation}' FROM sis.senr WHERE student_id = 11), NULL, 'a translated code is none');
SELECT is((SELECT problems #>> '{5,explanation}' FROM sis.senr WHERE student_id = 16), 'The grade 18 has no CALPADS translation.',
	'the problem is explained in a sentence');
SELECT pg_temp.student('{"id": 17}'), pg_temp.enrollment('{"id": 17, "ld": "2026-09-04", "er": "ZZ"}'),
	pg_temp.student('{"id": 18}'), pg_temp.enrollment('{"id": 18, "ld": "2026-09-04", "er": "XX"}'),
	pg_temp.student('{"id": 19}'), pg_temp.enrollment('{"id": 19, "ld": "2026-09-04", "er": "t200"}') \g /dev/null
SELECT is(pg_temp.picture(17), '6000010 2026-08-10 10 05 -> 2026-09-04 ZZ', 'an exit reason without translation stays');
SELECT is(pg_temp.problems(17), 'GERR0002 student_exit_reason_code ZZ (XRF: code translations ATT.RS, or ENR.ER)', 'and is a problem');
SELECT is(pg_temp.problems(18), 'GERR0002 student_exit_reason_code XX (XRF: code translations ATT.RS, or ENR.ER)',
	'a translation to a blank is none');
SELECT is(pg_temp.picture(19), '6000010 2026-08-10 10 05 -> 2026-09-04 T200', 'a CALPADS exit reason passes');

-- Only rows of the translation table that are meant -------------------------------------------

UPDATE sis.xrf SET del = true WHERE fc1 = 'RS';
SELECT is(pg_temp.picture(7), '6000010 2026-08-10 10 05 -> 2026-09-04 TR', 'a deleted translation is none');
UPDATE sis.xrf SET del = false, sc = 10 WHERE fc1 = 'RS';
SELECT is(pg_temp.picture(7), '6000010 2026-08-10 10 05 -> 2026-09-04 TR', 'translations are those of the district');
UPDATE sis.xrf SET sc = 0, tc = 'OTHR' WHERE fc1 = 'RS';
SELECT is(pg_temp.picture(7), '6000010 2026-08-10 10 05 -> 2026-09-04 TR', 'and those for CALPADS');
UPDATE sis.xrf SET tc = 'CLPD' WHERE fc1 = 'RS';

-- Option Short Term Enrollment field ------------------------------------------------------------

SELECT pg_temp.student('{"id": 20, "sp": "20", "u2": "30"}'), pg_temp.enrollment('{"id": 20, "pr": "10"}'),
	pg_temp.student('{"id": 21, "sp": "20"}'), pg_temp.enrollment('{"id": 21, "pr": "20"}') \g /dev/null
SET LOCAL calpads.status_field = 'u2';
SELECT is(pg_temp.field(20, 'enrollment_status_code'), '30', 'the status is in the column that the setting names');
SELECT is(pg_temp.field(21, 'enrollment_status_code'), '10', 'and in no other');
SELECT pg_temp.translate('STU.U2', '30', '10') \g /dev/null
SELECT is(pg_temp.field(20, 'enrollment_status_code'), '10', 'with the translations of that column');
RESET calpads.status_field;
SELECT is(pg_temp.field(20, 'enrollment_status_code'), '10', 'ordinarily it is ENR.PR');

-- Adult-age transition status: a column of CSE that a setting names -------------------------------

INSERT INTO sis.cse (id, u1) VALUES (1, 'y');
SELECT is(pg_temp.field(1, 'adult_age_students_with_disabilities_in_transition_status'), NULL, 'without the setting there is none');
SET LOCAL calpads.transition_status_field = 'U1';
SELECT is(pg_temp.field(1, 'adult_age_students_with_disabilities_in_transition_status'), 'Y', 'else it is the value of that column');
SELECT is(pg_temp.field(2, 'adult_age_students_with_disabilities_in_transition_status'), NULL, 'of students with a CSE row');
UPDATE sis.cse SET del = true;
SELECT is(pg_temp.field(1, 'adult_age_students_with_disabilities_in_transition_status'), NULL, 'that is not deleted');

-- Reporting LEA ----------------------------------------------------------------------------------------

UPDATE sis.loc SET cc = '02', dc = '20020' WHERE cd = 10;
SELECT is(pg_temp.field(1, 'reporting_lea'), '0110017', 'the LEA is that of school 0');
SET LOCAL calpads.lea_from_school = on;
SELECT is(pg_temp.field(1, 'reporting_lea'), '0220020', 'or of the school, by setting');
SET LOCAL calpads.independent_charter_schools = '7, 10';
SELECT is(pg_temp.field(1, 'reporting_lea'), '6000010', 'an independent charter school is its own LEA');
RESET calpads.independent_charter_schools;
UPDATE sis.loc SET cc = ' ' WHERE cd = 10;
SELECT is(pg_temp.field(1, 'reporting_lea'), NULL, 'a blank county code makes no LEA');
SELECT is(pg_temp.problems(1), 'GERR0001 reporting_lea (LOC.CC and LOC.DC)', 'which is a problem, not a lost row');
UPDATE sis.loc SET cc = '00', dc = '00000' WHERE cd = 10;
SELECT is(pg_temp.problems(1), 'GERR0001 reporting_lea (LOC.CC and LOC.DC)', 'so is one of only zeros');
SELECT pg_temp.student('{"id": 22, "sc": 50}'), pg_temp.enrollment('{"id": 22, "sc": 50, "hs": 20}') \g /dev/null
SELECT is(pg_temp.field(22, 'reporting_lea'), '0110017', 'with a home school it is the LEA of that school');

SELECT is((SELECT count(*) FROM sis.senr WHERE problems = '[]'), 0::bigint, 'no problem is null, not an empty list');

SELECT * FROM finish();
ROLLBACK;
