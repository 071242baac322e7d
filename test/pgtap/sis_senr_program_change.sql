-- sis.senr: the local reason 440, a change of program within the year (E150).

BEGIN;
SELECT plan(40);
\ir fixture/district.sql
SELECT pg_temp.translate('ATT.RS', 'TR', 'T160') \g /dev/null

-- Nothing changed that CALPADS knows: one enrollment ---------------------------------

SELECT pg_temp.student('{"id": 1}'),
	pg_temp.enrollment('{"id": 1, "ld": "2026-09-04", "er": "440"}'), pg_temp.enrollment('{"id": 1, "ed": "2026-09-08"}') \g /dev/null
SELECT is(pg_temp.picture(1), '6000010 2026-08-10 10 05', 'the next row continues the enrollment');
SELECT is(pg_temp.field(1, 'local_record_id'), '1-10-20260810', 'whose start is the first');

SELECT pg_temp.student('{"id": 2}'),
	pg_temp.enrollment('{"id": 2, "ld": "2026-09-04", "er": "440"}'), pg_temp.enrollment('{"id": 2, "ed": "2026-09-05", "ld": "2026-09-11", "er": "440"}'),
	pg_temp.enrollment('{"id": 2, "ed": "2026-09-12", "ld": "2026-09-25", "er": "TR", "ns": "20"}') \g /dev/null
SELECT is(pg_temp.picture(2), '6000010 2026-08-10 10 05 -> 2026-09-25 T160', 'a chain of three has the first start and the last exit');
SELECT is(pg_temp.field(2, 'expected_receiver_school_of_attendance'), '6000020', 'and the values of its last row');

SELECT pg_temp.student('{"id": 3}'),
	pg_temp.enrollment('{"id": 3, "ld": "2026-09-04", "er": "TR"}'), pg_temp.enrollment('{"id": 3, "ed": "2026-09-05"}') \g /dev/null
SELECT is(pg_temp.picture(3), '6000010 2026-08-10 10 05 -> 2026-09-04 T160, 6000010 2026-09-05 10 05', 'other reasons end an enrollment');

-- What makes a difference: E150, and the next row starts on the next calendar day ------

SELECT pg_temp.student('{"id": 10}'),
	pg_temp.enrollment('{"id": 10, "ld": "2026-09-04", "er": "440"}'), pg_temp.enrollment('{"id": 10, "ed": "2026-09-08", "gr": 6}'),
	pg_temp.student('{"id": 11}'),
	pg_temp.enrollment('{"id": 11, "ld": "2026-09-04", "er": "440"}'), pg_temp.enrollment('{"id": 11, "ed": "2026-09-05", "it": "1"}'),
	pg_temp.student('{"id": 12}'),
	pg_temp.enrollment('{"id": 12, "ld": "2026-09-04", "er": "440", "itd": "01100170000000"}'), pg_temp.enrollment('{"id": 12, "ed": "2026-09-05", "itd": "01611190000000"}'),
	pg_temp.student('{"id": 13, "sc": 40}'),
	pg_temp.enrollment('{"id": 13, "sc": 40, "ld": "2026-09-04", "er": "440", "nps": "7000001"}'), pg_temp.enrollment('{"id": 13, "sc": 40, "ed": "2026-09-05", "nps": "7000002"}'),
	pg_temp.student('{"id": 14}'),
	pg_temp.enrollment('{"id": 14, "ld": "2026-09-04", "er": "440", "pr": "10"}'), pg_temp.enrollment('{"id": 14, "ed": "2026-09-05", "pr": "50"}'),
	pg_temp.student('{"id": 15}'),
	pg_temp.enrollment('{"id": 15, "ld": "2026-09-04", "er": "440", "tr": "A", "ap1": "X"}'), pg_temp.enrollment('{"id": 15, "ed": "2026-09-05", "tr": "B", "ap1": "Y"}'),
	pg_temp.student('{"id": 16}'),
	pg_temp.enrollment('{"id": 16, "ld": "2026-09-04", "er": "440", "itd": "01100170123456"}'), pg_temp.enrollment('{"id": 16, "ed": "2026-09-05", "itd": "01100170000000"}') \g /dev/null
SELECT is(pg_temp.picture(10), '6000010 2026-08-10 10 05 -> 2026-09-04 E150, 6000010 2026-09-05 10 06', 'the grade; the next row starts on the Saturday');
SELECT is(pg_temp.field(10, 'local_record_id'), '10-10-20260905', 'its record id has that start too');
SELECT is(pg_temp.picture(11), '6000010 2026-08-10 10 05 -> 2026-09-04 E150, 6000010 2026-09-05 10 05', 'the transfer code');
SELECT is(pg_temp.picture(12), '6000010 2026-08-10 10 05 -> 2026-09-04 E150, 6000010 2026-09-05 10 05', 'the district of residence');
SELECT is(pg_temp.picture(13), '0000001 2026-08-10 10 05 -> 2026-09-04 E150, 0000001 2026-09-05 10 05', 'the nonpublic school');
SELECT is(pg_temp.picture(14), '6000010 2026-08-10 10 05 -> 2026-09-04 E150, 6000010 2026-09-05 50 05', 'the status');
SELECT is(pg_temp.picture(15), '6000010 2026-08-10 10 05', 'track and additional programs make none');
SELECT is(pg_temp.picture(16), '6000010 2026-08-10 10 05', 'nor does the school of residence inside one district');
SELECT is(pg_temp.problems(10), NULL, 'a change that is followed is no problem');

SELECT pg_temp.translate('STU.SP', 'A', '10'), pg_temp.translate('STU.SP', 'B', '10'), pg_temp.translate('STU.SP', 'S', '20') \g /dev/null
SELECT pg_temp.student('{"id": 17}'),
	pg_temp.enrollment('{"id": 17, "ld": "2026-09-04", "er": "440", "pr": "A"}'), pg_temp.enrollment('{"id": 17, "ed": "2026-09-05", "pr": "B"}') \g /dev/null
SELECT is(pg_temp.picture(17), '6000010 2026-08-10 10 05', 'two programs with one status are no difference');

-- Secondary enrollments never exit with E150 ---------------------------------------------

SELECT pg_temp.student('{"id": 18}'),
	pg_temp.enrollment('{"id": 18, "ld": "2026-09-04", "er": "440", "pr": "S"}'), pg_temp.enrollment('{"id": 18, "ed": "2026-09-08", "pr": "A"}'),
	pg_temp.student('{"id": 19}'),
	pg_temp.enrollment('{"id": 19, "ld": "2026-09-04", "er": "440", "pr": "S"}'), pg_temp.enrollment('{"id": 19, "ed": "2026-09-08", "pr": "S"}'),
	pg_temp.student('{"id": 20}'),
	pg_temp.enrollment('{"id": 20, "ld": "2026-09-04", "er": "440", "pr": "A"}'), pg_temp.enrollment('{"id": 20, "ed": "2026-09-08", "pr": "S"}') \g /dev/null
SELECT is(pg_temp.picture(18), '6000010 2026-08-10 20 05 -> 2026-09-04 E170, 6000010 2026-09-05 10 05', 'they exit with E170');
SELECT is(pg_temp.picture(19), '6000010 2026-08-10 20 05', 'unchanged they go on');
SELECT is(pg_temp.picture(20), '6000010 2026-08-10 10 05 -> 2026-09-04 E150, 6000010 2026-09-05 20 05', 'a primary one that becomes secondary exits with E150');

-- A grade change in the last 14 days of the year is none -----------------------------------

SELECT pg_temp.student('{"id": 21}'),
	pg_temp.enrollment('{"id": 21, "ld": "2027-05-20", "er": "440"}'), pg_temp.enrollment('{"id": 21, "ed": "2027-05-21", "gr": 6}'),
	pg_temp.student('{"id": 22}'),
	pg_temp.enrollment('{"id": 22, "ld": "2027-05-19", "er": "440"}'), pg_temp.enrollment('{"id": 22, "ed": "2027-05-20", "gr": 6}'),
	pg_temp.student('{"id": 23}'),
	pg_temp.enrollment('{"id": 23, "ld": "2027-05-20", "er": "440"}'), pg_temp.enrollment('{"id": 23, "ed": "2027-05-21", "it": "1"}') \g /dev/null
SELECT is(pg_temp.picture(21), '6000010 2026-08-10 10 06', '14 days before the last school day: one enrollment, with the last grade');
SELECT is(pg_temp.picture(22), '6000010 2026-08-10 10 05 -> 2027-05-19 E150, 6000010 2027-05-20 10 06', '15 days before: two');
SELECT is(pg_temp.picture(23), '6000010 2026-08-10 10 05 -> 2027-05-20 E150, 6000010 2027-05-21 10 05', 'other values always count');
SAVEPOINT no_calendar;
DELETE FROM sis.day;
SELECT is(pg_temp.picture(21), '6000010 2026-08-10 10 05 -> 2027-05-20 E150, 6000010 2027-05-21 10 06', 'without a calendar a grade change always counts');
ROLLBACK TO no_calendar;

-- Mixed chains ---------------------------------------------------------------------------------

SELECT pg_temp.student('{"id": 24}'),
	pg_temp.enrollment('{"id": 24, "ld": "2026-08-21", "er": "440"}'), pg_temp.enrollment('{"id": 24, "ed": "2026-08-24", "ld": "2026-09-04", "er": "440"}'),
	pg_temp.enrollment('{"id": 24, "ed": "2026-09-08", "ld": "2026-09-18", "er": "440", "gr": 6}'), pg_temp.enrollment('{"id": 24, "ed": "2026-09-21", "gr": 6}') \g /dev/null
SELECT is(pg_temp.picture(24), '6000010 2026-08-10 10 05 -> 2026-09-04 E150, 6000010 2026-09-05 10 06', 'rows without a difference join, the others split');
SELECT pg_temp.student('{"id": 25}'),
	pg_temp.enrollment('{"id": 25, "ld": "2026-08-21", "er": "440"}'), pg_temp.enrollment('{"id": 25, "ed": "2026-08-24", "ld": "2026-09-04", "er": "440", "gr": 6}'),
	pg_temp.enrollment('{"id": 25, "ed": "2026-09-08", "ld": "2026-09-18", "er": "TR", "gr": 7}'), pg_temp.enrollment('{"id": 25, "ed": "2026-09-21", "gr": 7}') \g /dev/null
SELECT is(pg_temp.picture(25),
	'6000010 2026-08-10 10 05 -> 2026-08-21 E150, 6000010 2026-08-22 10 06 -> 2026-09-04 E150, '
	'6000010 2026-09-05 10 07 -> 2026-09-18 T160, 6000010 2026-09-21 10 07', 'each change makes an enrollment; a real exit ends the chain');

-- Which row is the next ---------------------------------------------------------------------------

SELECT pg_temp.student('{"id": 30}'), pg_temp.enrollment('{"id": 30, "ld": "2026-09-04", "er": "440"}') \g /dev/null
SELECT is(pg_temp.picture(30), '6000010 2026-08-10 10 05 -> 2026-09-04 E150', 'a change without a following row');
SELECT is(pg_temp.problems(30), 'CERT114 student_exit_reason_code 440 (ENR.ER)', 'is a problem');
SELECT pg_temp.student('{"id": 31}'), pg_temp.enrollment('{"id": 31, "ld": "2026-09-04", "er": "440"}'),
	pg_temp.student('{"id": 31, "sc": 20}'), pg_temp.enrollment('{"id": 31, "sc": 20, "ed": "2026-09-08"}') \g /dev/null
SELECT is(pg_temp.problems(31), 'CERT114 student_exit_reason_code 440 (ENR.ER)', 'a row at another school does not continue it');
SELECT pg_temp.student('{"id": 32}'), pg_temp.enrollment('{"id": 32, "ed": "2025-08-11", "ld": "2026-05-01", "er": "440"}'), pg_temp.enrollment('{"id": 32}') \g /dev/null
SELECT is(pg_temp.problems(32), 'CERT114 student_exit_reason_code 440 (ENR.ER)', 'nor does one of another school year');
SELECT pg_temp.student('{"id": 33}'), pg_temp.enrollment('{"id": 33, "ld": "2026-09-04", "er": "440"}'), pg_temp.enrollment('{"id": 33, "ed": "2026-09-08", "del": true}') \g /dev/null
SELECT is(pg_temp.problems(33), 'CERT114 student_exit_reason_code 440 (ENR.ER)', 'nor does a deleted one');
SELECT pg_temp.student('{"id": 34, "sc": 20}'), pg_temp.enrollment('{"id": 34, "sc": 20, "ld": "2026-09-04", "er": "440"}'),
	pg_temp.student('{"id": 34, "sc": 50}'), pg_temp.enrollment('{"id": 34, "sc": 50, "hs": 20, "ed": "2026-09-08"}') \g /dev/null
SELECT is(pg_temp.picture(34), '6000020 2026-08-10 10 05', 'a row that is reported at the same school does');
SELECT is(pg_temp.field(34, 'sc'), '50', 'the school number is that of the last row');
SELECT pg_temp.student('{"id": 35}'), pg_temp.enrollment('{"id": 35, "er": "440"}') \g /dev/null
SELECT is(pg_temp.picture(35), '6000010 2026-08-10 10 05', 'without a leave date nothing has changed');
SELECT is(pg_temp.problems(35), NULL, 'so nothing is wrong');
SELECT pg_temp.student('{"id": 36}'), pg_temp.enrollment('{"id": 36, "ld": "2026-09-04", "er": "440", "pr": "S"}') \g /dev/null
SELECT is(pg_temp.picture(36), '6000010 2026-08-10 20 05 -> 2026-09-04 E170', 'a secondary enrollment exits with E170');
SELECT is(pg_temp.problems(36), NULL, 'which needs no following row');

-- Another local code ---------------------------------------------------------------------------------

SET LOCAL calpads.program_change_code = 'pc';
SELECT pg_temp.student('{"id": 37}'),
	pg_temp.enrollment('{"id": 37, "ld": "2026-09-04", "er": "PC"}'), pg_temp.enrollment('{"id": 37, "ed": "2026-09-08"}') \g /dev/null
SELECT is(pg_temp.picture(37), '6000010 2026-08-10 10 05', 'the code of a program change is a setting');
SELECT is(pg_temp.problems(1), 'GERR0002 student_exit_reason_code 440 (XRF: code translations ATT.RS, or ENR.ER)', 'then 440 is a code like others');
SET LOCAL calpads.program_change_code = '';
SELECT pg_temp.student('{"id": 40}'),
	pg_temp.enrollment('{"id": 40, "ld": "2026-09-04"}'), pg_temp.enrollment('{"id": 40, "ed": "2026-09-08"}') \g /dev/null
SELECT is(pg_temp.picture(40), '6000010 2026-08-10 10 05 -> 2026-09-04, 6000010 2026-09-08 10 05', 'without a code nothing is a program change');
RESET calpads.program_change_code;

-- Together with Do Not Extract Dates in the Future ------------------------------------------------------

SELECT pg_temp.student('{"id": 38}'),
	pg_temp.enrollment('{"id": 38, "ld": "2026-10-01", "er": "440"}'), pg_temp.enrollment('{"id": 38, "ed": "2026-10-02", "gr": 6}'),
	pg_temp.student('{"id": 39}'),
	pg_temp.enrollment('{"id": 39, "ld": "2026-10-01", "er": "440"}'), pg_temp.enrollment('{"id": 39, "ed": "2026-10-05"}') \g /dev/null
SET LOCAL calpads.no_future_dates = on;
SELECT is(pg_temp.picture(38), '6000010 2026-08-10 10 05 -> 2026-10-01 E150', 'the row of tomorrow is left out, but it counts as following');
SELECT is(pg_temp.picture(39), '6000010 2026-08-10 10 05', 'a continued enrollment goes on');

SELECT * FROM finish();
ROLLBACK;
