-- sis.senr: exits at the end of the school year (E155, E156).

BEGIN;
SELECT plan(60);
\ir fixture/district.sql
SELECT pg_temp.translate('ATT.RS', 'TR', 'T160'), pg_temp.translate('ATT.RS', 'GRAD', 'E230'), pg_temp.translate('STU.HSG', 'D', '100'),
	pg_temp.translate('STU.GR', '-2', 'PS') \g /dev/null
INSERT INTO sis.chi (id, ty, cds) VALUES ('1234', '1', '01611190130999');

SELECT pg_temp.student('{"id": 1, "ng": 6}'), pg_temp.enrollment('{"id": 1}'),
	pg_temp.student('{"id": 2}'), pg_temp.enrollment('{"id": 2, "pr": "20"}'),
	pg_temp.student('{"id": 3}'), pg_temp.enrollment('{"id": 3, "pr": "50"}'),
	pg_temp.student('{"id": 4}'), pg_temp.enrollment('{"id": 4, "gr": -2}'),
	pg_temp.student('{"id": 5, "eoy": "tr", "ens": "1234"}'), pg_temp.enrollment('{"id": 5}'),
	pg_temp.student('{"id": 6, "eoy": "T200"}'), pg_temp.enrollment('{"id": 6}'),
	pg_temp.student('{"id": 7, "eoy": "QQ"}'), pg_temp.enrollment('{"id": 7}'),
	pg_temp.student('{"id": 8, "sc": 30, "hsg": "D", "ng": 13}'), pg_temp.enrollment('{"id": 8, "sc": 30, "gr": 12}'),
	pg_temp.student('{"id": 9, "sc": 30, "ng": 13}'), pg_temp.enrollment('{"id": 9, "sc": 30, "gr": 12}'),
	pg_temp.student('{"id": 10, "sc": 30, "ng": 12}'), pg_temp.enrollment('{"id": 10, "sc": 30, "gr": 12}'),
	pg_temp.student('{"id": 11, "sc": 30, "ng": 12}'), pg_temp.enrollment('{"id": 11, "sc": 30, "gr": 11}'),
	pg_temp.student('{"id": 12, "sc": 30, "ng": 12}'), pg_temp.enrollment('{"id": 12, "sc": 30, "gr": 12, "pr": "20"}'),
	pg_temp.student('{"id": 13, "sc": 30, "eoy": "GRAD", "hsg": "D", "ng": 13}'), pg_temp.enrollment('{"id": 13, "sc": 30, "gr": 12}'),
	pg_temp.student('{"id": 14, "sc": 30, "eoy": "TR", "hsg": "D", "ng": 13}'), pg_temp.enrollment('{"id": 14, "sc": 30, "gr": 12}'),
	pg_temp.student('{"id": 15, "eoy": "TR"}'), pg_temp.enrollment('{"id": 15, "pr": "50"}'),
	pg_temp.student('{"id": 16}'), pg_temp.enrollment('{"id": 16, "ld": "2026-09-04", "er": "TR"}'),
	pg_temp.student('{"id": 17, "sc": 30, "ng": 12}'), pg_temp.enrollment('{"id": 17, "sc": 30, "gr": 15}'),
	pg_temp.student('{"id": 18, "eoy": "TR"}'), pg_temp.enrollment('{"id": 18, "pr": "20"}'),
	pg_temp.student('{"id": 19}'), pg_temp.enrollment('{"id": 19, "ed": "2027-08-09"}'),
	pg_temp.translate('STU.GR', '15', '12') \g /dev/null

-- The window: the last school day is 2027-06-03 ------------------------------------------

SET LOCAL calpads.today = '2027-05-20';
SELECT is(pg_temp.picture(1), '6000010 2026-08-10 10 05', 'ordinarily open enrollments of this year stay open');
SET LOCAL calpads.year_end_exits = auto;
SELECT is(pg_temp.picture(1), '6000010 2026-08-10 10 05 -> 2027-06-03 E155', '14 days before the last school day they exit on that day');
SET LOCAL calpads.today = '2027-05-19';
SELECT is(pg_temp.picture(1), '6000010 2026-08-10 10 05', '15 days before they are still open');
SET LOCAL calpads.year_end_window_days = 15;
SELECT is(pg_temp.picture(1), '6000010 2026-08-10 10 05 -> 2027-06-03 E155', 'the number of days is a setting');
RESET calpads.year_end_window_days;
SET LOCAL calpads.today = '2027-06-30';
SELECT is(pg_temp.picture(1), '6000010 2026-08-10 10 05 -> 2027-06-03 E155', 'after the last school day too');

-- The reason ----------------------------------------------------------------------------------

SELECT is(pg_temp.picture(2), '6000010 2026-08-10 20 05 -> 2027-06-03 E170', 'secondary enrollments: E170');
SELECT is(pg_temp.picture(3), '6000010 2026-08-10 50 05 -> 2027-06-03 E170', 'non-ADA enrollments: E170');
SELECT is(pg_temp.picture(4), '6000010 2026-08-10 10 PS -> 2027-06-03 E450', 'preschool: E450');
SELECT is(pg_temp.picture(5), '6000010 2026-08-10 10 05 -> 2027-06-03 T160', 'STU.EOY, translated');
SELECT is(pg_temp.field(5, 'expected_receiver_school_of_attendance'), '0130999', 'with STU.ENS as receiver school');
SELECT is(pg_temp.picture(6), '6000010 2026-08-10 10 05 -> 2027-06-03 T200', 'STU.EOY that is a CALPADS code');
SELECT is(pg_temp.problems(7), 'GERR0002 student_exit_reason_code QQ (XRF: code translations ATT.RS, or STU.EOY)', 'STU.EOY without translation is a problem');
SELECT is(pg_temp.picture(8), '0130030 2026-08-10 10 12 -> 2027-06-03 E230 100', 'STU.HSG: a completer');
SELECT is(pg_temp.picture(9), '0130030 2026-08-10 10 12', 'next grade 13 without STU.EOY and STU.HSG stays open');
SELECT is(pg_temp.picture(10), '0130030 2026-08-10 10 12 -> 2027-06-03 E156', 'grade 12 again next year: E156');
SELECT is(pg_temp.picture(11), '0130030 2026-08-10 10 11 -> 2027-06-03 E155', 'grade 11: E155');
SELECT is(pg_temp.picture(12), '0130030 2026-08-10 20 12 -> 2027-06-03 E170', 'a secondary enrollment in grade 12: E170');
SELECT is(pg_temp.picture(13), '0130030 2026-08-10 10 12 -> 2027-06-03 E230 100', 'STU.EOY E230 has the completion status');
SELECT is(pg_temp.picture(14), '0130030 2026-08-10 10 12 -> 2027-06-03 T160', 'STU.EOY goes before STU.HSG');
SELECT is(pg_temp.picture(15), '6000010 2026-08-10 50 05 -> 2027-06-03 E170', 'a non-ADA enrollment exits with E170 in spite of STU.EOY');
SELECT is(pg_temp.picture(16), '6000010 2026-08-10 10 05 -> 2026-09-04 T160', 'what has an exit keeps it');
SELECT is(pg_temp.picture(17), '0130030 2026-08-10 10 12 -> 2027-06-03 E156', 'grade 12 is the translated one');
SELECT is(pg_temp.picture(18), '6000010 2026-08-10 20 05 -> 2027-06-03 E170', 'a secondary enrollment exits with E170 in spite of STU.EOY');
SELECT is(pg_temp.picture(19), '6000010 2027-08-09 10 05', 'next year''s enrollments stay open');
SET LOCAL calpads.keep_preschool_exit_reasons = on;
SELECT is(pg_temp.picture(4), '6000010 2026-08-10 10 PS -> 2027-06-03 E155', 'preschool keeps E155 by setting');
RESET calpads.keep_preschool_exit_reasons;
SET LOCAL calpads.today = '2027-05-25';
SET LOCAL calpads.no_future_dates = on;
SELECT is(pg_temp.picture(1), '6000010 2026-08-10 10 05', 'dates in the future may be left out, for state testing');
RESET calpads.no_future_dates;

-- The calendar: school and track, else school, else district ---------------------------------------

INSERT INTO sis.day (sc, dt, ho, tr, del) VALUES
	(10, '2027-06-01', '', '', false), (10, '2027-06-02', '', '', true), (10, '2027-06-10', 'H', '', false),
	(10, '2027-05-28', ' ', 'B', false), (0, '2027-06-05', '', 'B', false), (20, '2027-05-27', '', 'C', false);
SELECT pg_temp.student('{"id": 20}'), pg_temp.enrollment('{"id": 20, "tr": "B"}'),
	pg_temp.student('{"id": 21, "tr": "B"}'), pg_temp.enrollment('{"id": 21}'),
	pg_temp.student('{"id": 22}'), pg_temp.enrollment('{"id": 22, "tr": "Z"}'),
	pg_temp.student('{"id": 23, "sc": 20}'), pg_temp.enrollment('{"id": 23, "sc": 20, "tr": "B"}') \g /dev/null
SELECT is(pg_temp.picture(1), '6000010 2026-08-10 10 05 -> 2027-06-01 E155', 'the school''s calendar; deleted days and holidays do not count');
SELECT is(pg_temp.picture(20), '6000010 2026-08-10 10 05 -> 2027-05-28 E155', 'the calendar of the track');
SELECT is(pg_temp.picture(21), '6000010 2026-08-10 10 05 -> 2027-05-28 E155', 'the track may be in STU');
SELECT is(pg_temp.picture(22), '6000010 2026-08-10 10 05 -> 2027-06-01 E155', 'an unknown track has the calendar of the school');
SELECT is(pg_temp.picture(23), '6000020 2026-08-10 10 05 -> 2027-06-03 E155', 'else it is the district''s calendar, without track');
DELETE FROM sis.day WHERE sc = 10;

-- Rows of earlier years are always closed -------------------------------------------------------------

RESET calpads.year_end_exits;
SET LOCAL calpads.today = '2026-10-01';
SELECT pg_temp.student('{"id": 30}'), pg_temp.enrollment('{"id": 30, "ed": "2024-08-12", "gr": 3}'),
	pg_temp.enrollment('{"id": 30, "ed": "2025-08-11", "gr": 4}'), pg_temp.enrollment('{"id": 30}') \g /dev/null
SELECT is(pg_temp.picture(30),
	'6000010 2024-08-12 10 03 -> 2025-06-05 E155, 6000010 2025-08-11 10 04 -> 2026-06-04 E155, 6000010 2026-08-10 10 05',
	'with the last school day of their year, also when year-end exits are off');
SELECT pg_temp.student('{"id": 31, "sc": 30, "ng": 13}'), pg_temp.enrollment('{"id": 31, "sc": 30, "ed": "2025-08-11", "gr": 12}'), pg_temp.enrollment('{"id": 31, "sc": 30, "gr": 12}'),
	pg_temp.student('{"id": 32, "sc": 30, "ng": 12, "tg": "I"}'), pg_temp.enrollment('{"id": 32, "sc": 30, "ed": "2025-08-11", "gr": 12}'),
	pg_temp.student('{"id": 33, "sc": 30, "hsg": "D", "tg": "I"}'), pg_temp.enrollment('{"id": 33, "sc": 30, "ed": "2025-08-11", "gr": 12}'),
	pg_temp.student('{"id": 34, "eoy": "TR", "tg": "I"}'), pg_temp.enrollment('{"id": 34, "ed": "2025-08-11"}'),
	pg_temp.student('{"id": 35, "eoy": "TR"}'), pg_temp.enrollment('{"id": 35, "ed": "2025-08-11", "gr": 4}'), pg_temp.enrollment('{"id": 35}'),
	pg_temp.student('{"id": 36}'), pg_temp.enrollment('{"id": 36, "ed": "2025-08-11", "gr": 4, "pr": "20"}'),
	pg_temp.student('{"id": 37}'), pg_temp.enrollment('{"id": 37, "ed": "2025-08-11", "gr": -2}'),
	pg_temp.student('{"id": 38}'), pg_temp.enrollment('{"id": 38, "ed": "2025-08-11", "gr": 4, "pr": "50"}'),
	pg_temp.student('{"id": 39, "sc": 30, "ng": 12, "tg": "I"}'), pg_temp.enrollment('{"id": 39, "sc": 30, "ed": "2025-08-11", "gr": 11}') \g /dev/null
SELECT is(pg_temp.picture(31), '0130030 2025-08-11 10 12 -> 2026-06-04 E156, 0130030 2026-08-10 10 12', 'grade 12 that comes again: E156');
SELECT is(pg_temp.picture(32), '0130030 2025-08-11 10 12', 'grade 12 that does not stays open, whatever the next grade was');
SELECT is(pg_temp.problems(32), NULL, 'which is for a person to decide');
SELECT is(pg_temp.picture(33), '0130030 2025-08-11 10 12 -> 2026-06-04 E230 100', 'STU.HSG closes it');
SELECT is(pg_temp.picture(34), '6000010 2025-08-11 10 05 -> 2026-06-04 T160', 'STU.EOY is the reason of the newest enrollment');
SELECT is(pg_temp.picture(35), '6000010 2025-08-11 10 04 -> 2026-06-04 E155, 6000010 2026-08-10 10 05', 'not of an older one');
SELECT is(pg_temp.picture(36), '6000010 2025-08-11 20 04 -> 2026-06-04 E170', 'secondary enrollments: E170');
SELECT is(pg_temp.picture(37), '6000010 2025-08-11 10 PS -> 2026-06-04 E450', 'preschool: E450');
SELECT is(pg_temp.picture(38), '6000010 2025-08-11 50 04 -> 2026-06-04 E170', 'non-ADA enrollments: E170');
SELECT is(pg_temp.picture(39), '0130030 2025-08-11 10 11 -> 2026-06-04 E155', 'grade 11: E155');
SET LOCAL calpads.today = '2026-07-01';
SELECT is(pg_temp.picture(34), '6000010 2025-08-11 10 05 -> 2026-06-04 T160', 'a year is an earlier one from July 1 on');
SET LOCAL calpads.today = '2026-06-30';
SELECT is(pg_temp.picture(34), '6000010 2025-08-11 10 05', 'until June 30 it is this year');
SET LOCAL calpads.today = '2026-10-01';

-- No calendar ---------------------------------------------------------------------------------------------

SAVEPOINT no_calendar;
DELETE FROM sis.day WHERE dt < '2026-07-01';
SELECT is(pg_temp.picture(30), '6000010 2024-08-12 10 03, 6000010 2025-08-11 10 04, 6000010 2026-08-10 10 05', 'without a calendar they stay open');
SELECT is(pg_temp.problems(30), 'CERT112 enrollment_exit_date (ENR.LD, or DAY), CERT112 enrollment_exit_date (ENR.LD, or DAY)', 'and are problems');
SELECT is(pg_temp.problems(36), 'CERT112 enrollment_exit_date (ENR.LD, or DAY)', 'secondary ones too');
SELECT is(pg_temp.problems(32), NULL, 'not those that stay open anyhow');
DELETE FROM sis.day;
SET LOCAL calpads.year_end_exits = auto;
SET LOCAL calpads.today = '2027-05-25';
SELECT is(pg_temp.picture(1), '6000010 2026-08-10 10 05', 'this year''s enrollments stay open without a calendar');
SELECT is(pg_temp.problems(1), NULL, 'which is no problem yet');
ROLLBACK TO no_calendar;

-- A leave date without a reason: the same table -------------------------------------------------------------

SELECT pg_temp.student('{"id": 40}'), pg_temp.enrollment('{"id": 40, "ld": "2027-06-03"}'),
	pg_temp.student('{"id": 46}'), pg_temp.enrollment('{"id": 46, "ld": "2026-09-04"}'),
	pg_temp.student('{"id": 41, "eoy": "TR", "ens": "1234"}'), pg_temp.enrollment('{"id": 41, "ld": "2026-09-04", "er": " "}'),
	pg_temp.student('{"id": 42}'), pg_temp.enrollment('{"id": 42, "ld": "2026-09-04", "pr": "20"}'),
	pg_temp.student('{"id": 43, "sc": 30, "ng": 12}'), pg_temp.enrollment('{"id": 43, "sc": 30, "gr": 12, "ld": "2027-06-03"}'),
	pg_temp.student('{"id": 44, "sc": 30, "ng": 13}'), pg_temp.enrollment('{"id": 44, "sc": 30, "gr": 12, "ld": "2027-06-03"}'),
	pg_temp.student('{"id": 45}'), pg_temp.enrollment('{"id": 45, "ed": "2025-08-11", "ld": "2026-06-03", "gr": 4}') \g /dev/null
SELECT is(pg_temp.picture(40), '6000010 2026-08-10 10 05 -> 2027-06-03 E155', 'E155, also when year-end exits are off');
SELECT is(pg_temp.picture(46), '6000010 2026-08-10 10 05 -> 2026-09-04', 'none in the middle of the year');
SELECT is(pg_temp.problems(46), 'GERR0001 student_exit_reason_code (ENR.ER, or STU.HSG)', 'which is a problem');
SELECT is(pg_temp.picture(41), '6000010 2026-08-10 10 05 -> 2026-09-04 T160', 'STU.EOY');
SELECT is(pg_temp.field(41, 'expected_receiver_school_of_attendance'), '0130999', 'with STU.ENS');
SELECT is(pg_temp.picture(42), '6000010 2026-08-10 20 05 -> 2026-09-04 E170', 'E170 for a secondary enrollment');
SELECT is(pg_temp.picture(43), '0130030 2026-08-10 10 12 -> 2027-06-03 E156', 'E156 for grade 12 again');
SELECT is(pg_temp.picture(44), '0130030 2026-08-10 10 12 -> 2027-06-03', 'none for a student who finishes grade 12');
SELECT is(pg_temp.problems(44), 'GERR0001 student_exit_reason_code (ENR.ER, or STU.HSG)', 'which is a problem');
SELECT is(pg_temp.picture(45), '6000010 2025-08-11 10 04 -> 2026-06-03 E155', 'an earlier year keeps its leave date');

SELECT * FROM finish();
ROLLBACK;
