-- sis.senr: no-shows and summer withdrawals.

BEGIN;
SELECT plan(22);
\ir fixture/district.sql
SELECT pg_temp.translate('ATT.RS', 'TR', 'T160'), pg_temp.translate('ATT.RS', 'PRIV', 'T180'), pg_temp.translate('ATT.RS', 'NS', 'N470'),
	pg_temp.translate('STU.GR', '-2', 'PS') \g /dev/null

-- Last year's students who did not come back ---------------------------------------------

SELECT pg_temp.student('{"id": 1, "tg": "N", "swr": "PRIV"}'), pg_temp.enrollment('{"id": 1, "ed": "2025-08-11", "ld": "2026-06-04", "er": "E155", "gr": 4}'),
	pg_temp.student('{"id": 2, "tg": "N", "swr": "t200", "swd": "2026-07-15"}'), pg_temp.enrollment('{"id": 2, "ed": "2025-08-11", "gr": 4}'),
	pg_temp.student('{"id": 3, "tg": "N", "swr": "NS"}'), pg_temp.enrollment('{"id": 3, "ed": "2025-08-11", "ld": "2026-06-04", "er": "E155", "gr": 4}'),
	pg_temp.student('{"id": 4, "tg": "N", "swr": " "}'), pg_temp.enrollment('{"id": 4, "ed": "2025-08-11", "ld": "2026-06-04", "er": "E155", "gr": 4}'),
	pg_temp.student('{"id": 5, "swr": "PRIV"}'), pg_temp.enrollment('{"id": 5, "ed": "2025-08-11", "ld": "2026-06-04", "er": "E155", "gr": 4}'),
	pg_temp.student('{"id": 6, "tg": "N", "swr": "QQ"}'), pg_temp.enrollment('{"id": 6, "ed": "2025-08-11", "ld": "2026-06-04", "er": "E155", "gr": 4}'),
	pg_temp.student('{"id": 7, "tg": "N", "swr": "N470"}'), pg_temp.enrollment('{"id": 7, "ed": "2025-08-11", "ld": "2026-06-04", "er": "E155", "gr": 4}') \g /dev/null
SELECT is(pg_temp.picture(1), '6000010 2025-08-11 10 04 -> 2026-06-04 T180', 'STU.SWR takes the place of last year''s reason; the date stays');
SELECT is(pg_temp.picture(2), '6000010 2025-08-11 10 04 -> 2026-06-04 T200', 'an enrollment without leave date exits on the last school day');
SELECT is(pg_temp.picture(3), '6000010 2025-08-11 10 04 -> 2026-06-04 E155', 'N470 changes nothing: it is for first enrollments');
SELECT is(pg_temp.picture(7), '6000010 2025-08-11 10 04 -> 2026-06-04 E155', 'nor does N470 that is no local code');
SELECT is(pg_temp.picture(4), '6000010 2025-08-11 10 04 -> 2026-06-04 E155', 'nor does a no-show without STU.SWR');
SELECT is(pg_temp.picture(5), '6000010 2025-08-11 10 04 -> 2026-06-04 E155', 'STU.SWR of a student who came back is an old story');
SELECT is(pg_temp.picture(6), '6000010 2025-08-11 10 04 -> 2026-06-04 QQ', 'a reason without translation stays as it is');
SELECT is(pg_temp.problems(6), 'GERR0002 student_exit_reason_code QQ (XRF: code translations ATT.RS, or STU.SWR)', 'and is a problem');
SELECT is(pg_temp.problems(1), NULL, 'a translated one is none');

SAVEPOINT no_calendar;
DELETE FROM sis.day;
SELECT is(pg_temp.picture(2), '6000010 2025-08-11 10 04 -> 2026-07-15 T200', 'without a calendar the exit date is STU.SWD');
UPDATE sis.stu SET swd = NULL;
SELECT is(pg_temp.picture(2), '6000010 2025-08-11 10 04', 'without either there is no exit');
SELECT is(pg_temp.problems(2), 'CERT112 enrollment_exit_date (ENR.LD, or DAY)', 'which is a problem');
ROLLBACK TO no_calendar;

-- Which enrollment -----------------------------------------------------------------------------

SELECT pg_temp.student('{"id": 10, "tg": "N", "swr": "PRIV"}'),
	pg_temp.enrollment('{"id": 10, "ed": "2024-08-12", "ld": "2025-06-05", "er": "E155", "gr": 3}'),
	pg_temp.enrollment('{"id": 10, "ed": "2025-08-11", "ld": "2025-10-10", "er": "TR", "gr": 4}'),
	pg_temp.enrollment('{"id": 10, "ed": "2026-01-12", "ld": "2026-06-04", "er": "E155", "gr": 4}'),
	pg_temp.student('{"id": 11, "sc": 20, "tg": "N", "swr": "PRIV"}'), pg_temp.student('{"id": 11, "tg": "I"}'),
	pg_temp.enrollment('{"id": 11, "ed": "2025-08-11", "ld": "2026-06-04", "er": "E155", "gr": 4}') \g /dev/null
SELECT is(pg_temp.picture(10),
	'6000010 2024-08-12 10 03 -> 2025-06-05 E155, 6000010 2025-08-11 10 04 -> 2025-10-10 T160, 6000010 2026-01-12 10 04 -> 2026-06-04 T180',
	'the newest of the earlier years');
SELECT is(pg_temp.picture(11), '6000010 2025-08-11 10 04 -> 2026-06-04 E155', 'at the school of the no-show only');

-- A no-show has no enrollment this year --------------------------------------------------------------

SELECT pg_temp.student('{"id": 12, "tg": "N", "swr": "PRIV", "ed": "2026-08-10"}'),
	pg_temp.student('{"id": 13, "tg": "N", "swr": "NS"}'), pg_temp.enrollment('{"id": 13}'),
	pg_temp.student('{"id": 14, "tg": "n", "swr": "PRIV"}'), pg_temp.enrollment('{"id": 14, "ed": "2025-08-11", "ld": "2026-06-04", "er": "E155", "gr": 4}'), pg_temp.enrollment('{"id": 14}') \g /dev/null
SELECT is(pg_temp.picture(12), NULL, 'STU.ED of a no-show is no start');
SELECT is(pg_temp.picture(13), NULL, 'an ENR row of this year is left out');
SELECT is(pg_temp.picture(14), '6000010 2025-08-11 10 04 -> 2026-06-04 T180', 'and does not hide the one of last year');

-- The rules of section 4.6 hold here too ----------------------------------------------------------------

SELECT pg_temp.student('{"id": 15, "tg": "N", "swr": "PRIV"}'), pg_temp.enrollment('{"id": 15, "ed": "2025-08-11", "ld": "2026-06-04", "er": "E155", "pr": "20"}'),
	pg_temp.student('{"id": 16, "tg": "N", "swr": "PRIV"}'), pg_temp.enrollment('{"id": 16, "ed": "2025-08-11", "ld": "2026-06-04", "er": "E155", "pr": "50"}'),
	pg_temp.student('{"id": 17, "tg": "N", "swr": "PRIV"}'), pg_temp.enrollment('{"id": 17, "ed": "2025-08-11", "ld": "2026-06-04", "er": "E155", "gr": -2}'),
	pg_temp.student('{"id": 18, "tg": "N", "swr": "PRIV", "hsg": "480"}'), pg_temp.enrollment('{"id": 18, "ed": "2025-08-11", "ld": "2026-06-04", "er": "E230"}'),
	pg_temp.student('{"id": 19, "tg": "N", "swr": "PRIV"}'), pg_temp.enrollment('{"id": 19, "ed": "2025-08-11", "ld": "2026-05-29", "er": "440"}') \g /dev/null
SELECT is(pg_temp.picture(15), '6000010 2025-08-11 20 05 -> 2026-06-04 E170', 'a secondary enrollment exits with E170');
SELECT is(pg_temp.picture(16), '6000010 2025-08-11 50 05 -> 2026-06-04 E170', 'a non-ADA enrollment too');
SELECT is(pg_temp.picture(17), '6000010 2025-08-11 10 PS -> 2026-06-04 E450', 'preschool exits with E450');
SELECT is(pg_temp.picture(18), '6000010 2025-08-11 10 05 -> 2026-06-04 T180', 'a completion goes with its reason');
SELECT is(pg_temp.problems(19), NULL, 'a program change at the end was none');

SELECT * FROM finish();
ROLLBACK;
