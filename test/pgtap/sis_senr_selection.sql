-- sis.senr: which students and enrollments are reported, and at which school.

BEGIN;
SELECT plan(50);
\ir fixture/district.sql

-- The ordinary case -------------------------------------------------------

SELECT pg_temp.student('{"id": 1}'), pg_temp.enrollment('{"id": 1}') \g /dev/null
SELECT is(pg_temp.picture(1), '6000010 2026-08-10 10 05', 'an open enrollment of this year');
SELECT is(pg_temp.field(1, 'reporting_lea'), '0110017', 'the reporting LEA is county and district code of school 0');
SELECT is(pg_temp.field(1, 'academic_year_id'), '2026-2027', 'the academic year holds the start date');
SELECT is(pg_temp.field(1, 'ssid'), '1000000001', 'the SSID is STU.CID');
SELECT is(pg_temp.field(1, 'local_student_id'), '1', 'the local student id is STU.ID');
SELECT is(pg_temp.field(1, 'record_type_code') || pg_temp.field(1, 'transaction_type_code'), 'SENRA', 'record type and transaction type');
SELECT is(pg_temp.field(1, 'local_record_id'), '1-10-20260810', 'the local record id names student, school and start');
SELECT is(pg_temp.field(1, 'sc'), '10', 'the school number of the SIS is beside the record');
SELECT is(pg_temp.field(1, 'problems'), NULL, 'nothing is wrong with it');

-- Rows that are not there -------------------------------------------------

SELECT pg_temp.student('{"id": 2}'), pg_temp.enrollment('{"id": 2, "del": true}') \g /dev/null
SELECT is(pg_temp.picture(2), NULL, 'a deleted ENR row is none');

SELECT pg_temp.student('{"id": 3, "del": true}'), pg_temp.enrollment('{"id": 3}') \g /dev/null
SELECT is(pg_temp.picture(3), NULL, 'a student whose STU rows are all deleted is not reported');

SELECT pg_temp.student('{"id": 4, "cid": " "}'), pg_temp.enrollment('{"id": 4}') \g /dev/null
SELECT is(pg_temp.picture(4), NULL, 'a student without SSID is not reported');

SELECT pg_temp.student('{"id": 5, "cid": null}'), pg_temp.enrollment('{"id": 5}') \g /dev/null
SELECT is(pg_temp.picture(5), NULL, 'neither with a null SSID');

SELECT pg_temp.student('{"id": 6, "cid": " 1000000006 "}'), pg_temp.enrollment('{"id": 6}') \g /dev/null
SELECT is(pg_temp.field(6, 'ssid'), '1000000006', 'blanks around an SSID are not part of it');

-- Years: from July 1 two years before the current school year -------------

SELECT pg_temp.student('{"id": 7}'),
	pg_temp.enrollment('{"id": 7, "ed": "2024-06-30", "ld": "2024-06-30", "er": "E155", "gr": 2}'),
	pg_temp.enrollment('{"id": 7, "ed": "2024-07-01", "ld": "2025-06-05", "er": "E155", "gr": 3}'),
	pg_temp.enrollment('{"id": 7, "ed": "2025-08-11", "ld": "2026-06-04", "er": "E155", "gr": 4}'),
	pg_temp.enrollment('{"id": 7, "ed": "2026-08-10", "ld": "2027-06-03", "er": "E155", "gr": 5}'),
	pg_temp.enrollment('{"id": 7, "ed": "2027-08-09", "gr": 6}') \g /dev/null
SELECT is(pg_temp.picture(7),
	'6000010 2024-07-01 10 03 -> 2025-06-05 E155, 6000010 2025-08-11 10 04 -> 2026-06-04 E155, '
	'6000010 2026-08-10 10 05 -> 2027-06-03 E155, 6000010 2027-08-09 10 06',
	'two years before this one, and future years too');
SELECT results_eq('SELECT academic_year_id FROM sis.senr WHERE student_id = 7 ORDER BY 1',
	ARRAY['2024-2025', '2025-2026', '2026-2027', '2027-2028'] COLLATE "C", 'each row has the year of its start');

SELECT pg_temp.student('{"id": 8}'), pg_temp.enrollment('{"id": 8, "ed": "2026-07-01"}') \g /dev/null
SELECT is(pg_temp.field(8, 'academic_year_id'), '2026-2027', 'a school year begins on July 1');
SELECT pg_temp.student('{"id": 9}'), pg_temp.enrollment('{"id": 9, "ed": "2026-06-30", "ld": "2026-06-30", "er": "T160"}') \g /dev/null
SELECT is(pg_temp.field(9, 'academic_year_id'), '2025-2026', 'and ends on June 30');

-- Schools -----------------------------------------------------------------

SELECT pg_temp.student('{"id": 20, "sc": 60}'), pg_temp.enrollment('{"id": 20, "sc": 60}') \g /dev/null
SELECT is(pg_temp.picture(20), NULL, 'a school that is not selected is not reported');
INSERT INTO calpads.school_selection VALUES (60, true), (20, false);
SELECT is(pg_temp.picture(20), '6000060 2026-08-10 10 05', 'unless it is selected');
SELECT pg_temp.student('{"id": 21, "sc": 20}'), pg_temp.enrollment('{"id": 21, "sc": 20}') \g /dev/null
SELECT is(pg_temp.picture(21), NULL, 'a school that is taken out is not reported');
DELETE FROM calpads.school_selection;

SELECT pg_temp.student('{"id": 22, "sc": 77}'), pg_temp.enrollment('{"id": 22, "sc": 77}') \g /dev/null
SELECT is(pg_temp.picture(22), NULL, 'a school that LOC does not know is not reported');

-- Reporting home school -----------------------------------------------------

SELECT pg_temp.student('{"id": 23, "sc": 50}'), pg_temp.enrollment('{"id": 23, "sc": 50, "hs": 20}') \g /dev/null
SELECT is(pg_temp.picture(23), '6000020 2026-08-10 10 05', 'a pupil of a virtual school is reported at the home school');
SELECT is(pg_temp.field(23, 'sc'), '50', 'the school number stays that of the enrollment');
SELECT pg_temp.student('{"id": 24, "sc": 50}'), pg_temp.enrollment('{"id": 24, "sc": 50, "hs": 0}') \g /dev/null
SELECT is(pg_temp.picture(24), NULL, 'a virtual school itself is never reported');
SELECT pg_temp.student('{"id": 25, "sc": 50, "hs": 20}'), pg_temp.enrollment('{"id": 25, "sc": 50}') \g /dev/null
SELECT is(pg_temp.picture(25), '6000020 2026-08-10 10 05', 'a null in ENR.HS asks STU.HS');
SELECT pg_temp.student('{"id": 26, "hs": 20}'), pg_temp.enrollment('{"id": 26, "hs": 0}') \g /dev/null
SELECT is(pg_temp.picture(26), '6000010 2026-08-10 10 05', 'a zero in ENR.HS says that there is no home school');
SELECT pg_temp.student('{"id": 27, "sc": 50}'), pg_temp.enrollment('{"id": 27, "sc": 50, "hs": 60}') \g /dev/null
SELECT is(pg_temp.picture(27), NULL, 'both schools have to be selected');

-- Nonpublic schools -----------------------------------------------------------

SELECT pg_temp.student('{"id": 28, "sc": 40}'), pg_temp.enrollment('{"id": 28, "sc": 40, "nps": "7000001"}') \g /dev/null
SELECT is(pg_temp.field(28, 'school_of_attendance') || pg_temp.field(28, 'school_of_attendance_nps'), '00000017000001',
	'the nonpublic school is in a field of its own');
SELECT pg_temp.student('{"id": 29, "sc": 40}'), pg_temp.enrollment('{"id": 29, "sc": 40}') \g /dev/null
INSERT INTO sis.cse (id, ss) VALUES (29, '7000002'), (1, '7000002');
SELECT is(pg_temp.field(29, 'school_of_attendance_nps'), '7000002', 'it is in CSE.SS when ENR does not have it');
SELECT is(pg_temp.field(1, 'school_of_attendance_nps'), NULL, 'other schools have none (SENR0003)');

-- The STU row of an enrollment ------------------------------------------------

SELECT pg_temp.student('{"id": 30, "sn": 301, "tg": "I", "it": "1"}'), pg_temp.student('{"id": 30, "sn": 302, "it": "4"}'),
	pg_temp.enrollment('{"id": 30, "sn": 301}') \g /dev/null
SELECT is(pg_temp.field(30, 'student_school_transfer_code'), '1', 'ENR.SN tells which of two STU rows at the school is meant');
SELECT pg_temp.student('{"id": 31, "sn": 311, "tg": "I", "it": "1"}'), pg_temp.student('{"id": 31, "sn": 312, "it": "4"}'),
	pg_temp.enrollment('{"id": 31, "sn": 399}') \g /dev/null
SELECT is(pg_temp.field(31, 'student_school_transfer_code'), '4', 'without such a number the active row is taken');
SELECT is((SELECT count(*) FROM sis.senr WHERE student_id IN (30, 31)), 2::bigint, 'two STU rows do not make two enrollments');
SELECT pg_temp.student('{"id": 32, "sc": 20, "fn": "Elsewhere", "it": "4", "gr": 6}'),
	pg_temp.enrollment('{"id": 32, "gr": null, "ld": "2026-09-01", "er": "T160"}') \g /dev/null
SELECT is(pg_temp.field(32, 'student_legal_first_name'), 'Elsewhere', 'a STU row of another school serves for the person');
SELECT is(concat(pg_temp.field(32, 'student_school_transfer_code'), pg_temp.field(32, 'grade_level_code')), '',
	'but not for the enrollment');
SELECT pg_temp.student('{"id": 33, "del": true}'), pg_temp.student('{"id": 33, "sc": 20}'), pg_temp.enrollment('{"id": 33}') \g /dev/null
SELECT is(pg_temp.picture(33), '6000010 2026-08-10 10 05', 'a deleted STU row at the school does not hide the enrollment');

-- STU.TG values to skip -----------------------------------------------------------

SELECT pg_temp.student('{"id": 34, "tg": "*"}'), pg_temp.enrollment('{"id": 34}'),
	pg_temp.student('{"id": 35, "tg": "I"}'), pg_temp.enrollment('{"id": 35}') \g /dev/null
SELECT is(pg_temp.picture(34), '6000010 2026-08-10 10 05', 'pre-enrolled students are reported');
SET LOCAL calpads.skip_student_tags = '*, x';
SELECT is(pg_temp.picture(34), NULL, 'unless their tag is to be skipped');
SELECT is(pg_temp.picture(35), '6000010 2026-08-10 10 05', 'other tags are not affected');
SELECT is(pg_temp.picture(1), '6000010 2026-08-10 10 05', 'nor are active students');
RESET calpads.skip_student_tags;

-- Active students without an ENR row: STU.ED [proposal] -----------------------------

SELECT pg_temp.student('{"id": 36, "ed": "2026-09-01", "sp": "20", "gr": 4}') \g /dev/null
SELECT is(pg_temp.picture(36), '6000010 2026-09-01 20 04', 'the stay starts with STU.ED');
SELECT pg_temp.student('{"id": 37, "tg": "I", "ed": "2026-09-01"}'), pg_temp.student('{"id": 38}'),
	pg_temp.student('{"id": 39, "ed": "2020-09-01"}'), pg_temp.student('{"id": 40, "sc": 60, "ed": "2026-09-01"}') \g /dev/null
SELECT is(pg_temp.picture(37), NULL, 'not for a student who is not active');
SELECT is(pg_temp.picture(38), NULL, 'not without STU.ED');
SELECT is(pg_temp.picture(39), NULL, 'not for a stay that began before the window');
SELECT is(pg_temp.picture(40), NULL, 'not at a school that is not selected');
SELECT pg_temp.student('{"id": 41, "ed": "2025-08-11"}'), pg_temp.enrollment('{"id": 41}') \g /dev/null
SELECT is(pg_temp.picture(41), '6000010 2026-08-10 10 05', 'not beside an ENR row of the stay');

-- Option STU.ED Use Date ---------------------------------------------------------------

SELECT pg_temp.student('{"id": 42, "ed": "2026-08-03"}'),
	pg_temp.enrollment('{"id": 42, "ld": "2026-09-04", "er": "T160"}'), pg_temp.enrollment('{"id": 42, "ed": "2026-09-14"}'),
	pg_temp.student('{"id": 43, "ed": "2025-08-11"}'), pg_temp.enrollment('{"id": 43}') \g /dev/null
SET LOCAL calpads.stu_ed_use_date = '2026-09-20';
SELECT is(pg_temp.picture(42), '6000010 2026-08-03 10 05 -> 2026-09-04 T160, 6000010 2026-09-14 10 05',
	'before the date STU.ED is the start of the first enrollment of the year');
SELECT is(pg_temp.picture(43), '6000010 2026-08-10 10 05', 'not a date of another school year');
SET LOCAL calpads.stu_ed_use_date = '2026-08-10';
SELECT is(pg_temp.picture(42), '6000010 2026-08-10 10 05 -> 2026-09-04 T160, 6000010 2026-09-14 10 05',
	'from the date on ENR.ED is the start');

SELECT * FROM finish();
ROLLBACK;
