-- sis.senr: exits, completion, and the fields that depend on them.

BEGIN;
SELECT plan(67);
\ir fixture/district.sql
SELECT pg_temp.translate('ATT.RS', 'TR', 'T160'), pg_temp.translate('ATT.RS', 'GRAD', 'E230'), pg_temp.translate('ATT.RS', 'NS', 'N470') \g /dev/null

-- ENR.LD and ENR.ER -----------------------------------------------------------------

SELECT pg_temp.student('{"id": 1}'), pg_temp.enrollment('{"id": 1, "ld": "2026-09-04", "er": "TR"}') \g /dev/null
SELECT is(pg_temp.picture(1), '6000010 2026-08-10 10 05 -> 2026-09-04 T160', 'leave date and translated reason');
SELECT pg_temp.student('{"id": 2}'), pg_temp.enrollment('{"id": 2, "er": "TR"}') \g /dev/null
SELECT is(pg_temp.picture(2), '6000010 2026-08-10 10 05', 'a reason without a date is no exit');
SELECT pg_temp.student('{"id": 3}'), pg_temp.enrollment('{"id": 3, "ld": "2027-01-15", "er": "TR"}') \g /dev/null
SELECT is(pg_temp.picture(3), '6000010 2026-08-10 10 05 -> 2027-01-15 T160', 'an exit in the future is reported');
SELECT pg_temp.student('{"id": 4}'), pg_temp.enrollment('{"id": 4, "ld": "2026-09-04", "er": "E150"}') \g /dev/null
SELECT is(pg_temp.picture(4), '6000010 2026-08-10 10 05 -> 2026-09-04 E150', 'E150 written as a reason passes as it is');
SELECT is(pg_temp.problems(4), NULL, 'without being taken for a program change');

-- Secondary enrollments always exit with E170 (SENR0302) --------------------------------

SELECT pg_temp.student('{"id": 5}'), pg_temp.enrollment('{"id": 5, "pr": "20", "ld": "2026-09-04", "er": "TR"}'),
	pg_temp.student('{"id": 6}'), pg_temp.enrollment('{"id": 6, "pr": "20", "ld": "2026-08-10", "er": "NS"}'),
	pg_temp.student('{"id": 7}'), pg_temp.enrollment('{"id": 7, "pr": "20", "ld": "2026-09-04", "er": "??"}'),
	pg_temp.student('{"id": 8, "hsg": "100", "gr": 12}'), pg_temp.enrollment('{"id": 8, "pr": "20", "gr": 12, "ld": "2026-09-04", "er": "GRAD"}') \g /dev/null
SELECT is(pg_temp.picture(5), '6000010 2026-08-10 20 05 -> 2026-09-04 E170', 'instead of a transfer');
SELECT is(pg_temp.picture(6), '6000010 2026-08-10 20 05 -> 2026-08-10 E170', 'instead of a no-show');
SELECT is(pg_temp.picture(7), '6000010 2026-08-10 20 05 -> 2026-09-04 E170', 'instead of an unknown code');
SELECT is(pg_temp.problems(7), NULL, 'which then is no problem');
SELECT is(pg_temp.picture(8), '6000010 2026-08-10 20 12 -> 2026-09-04 E170', 'instead of a completion, which goes too');

-- Non-ADA enrollments: E170, N470 or E150 (SENR0522) ----------------------------------------

SELECT pg_temp.student('{"id": 9}'), pg_temp.enrollment('{"id": 9, "pr": "50", "ld": "2026-09-04", "er": "TR"}'),
	pg_temp.student('{"id": 10}'), pg_temp.enrollment('{"id": 10, "pr": "50", "ld": "2026-08-10", "er": "NS"}'),
	pg_temp.student('{"id": 11}'), pg_temp.enrollment('{"id": 11, "pr": "50", "ld": "2026-09-04", "er": "E150"}') \g /dev/null
SELECT is(pg_temp.picture(9), '6000010 2026-08-10 50 05 -> 2026-09-04 E170', 'E170 instead of a transfer');
SELECT is(pg_temp.picture(10), '6000010 2026-08-10 50 05 -> 2026-08-10 N470', 'a no-show stays');
SELECT is(pg_temp.picture(11), '6000010 2026-08-10 50 05 -> 2026-09-04 E150', 'a change stays');

-- Preschool and lower exit with E450 -----------------------------------------------------------

SELECT pg_temp.translate('STU.GR', '-2', 'PS'), pg_temp.translate('STU.GR', '16', 'IN'), pg_temp.translate('STU.GR', '17', 'TD') \g /dev/null
SELECT pg_temp.student('{"id": 12}'), pg_temp.enrollment('{"id": 12, "gr": -2, "ld": "2026-09-04", "er": "TR"}'),
	pg_temp.student('{"id": 13}'), pg_temp.enrollment('{"id": 13, "gr": 16, "ld": "2026-09-04", "er": "TR"}'),
	pg_temp.student('{"id": 14}'), pg_temp.enrollment('{"id": 14, "gr": 17, "ld": "2026-09-04", "er": "??"}'),
	pg_temp.student('{"id": 15}'), pg_temp.enrollment('{"id": 15, "gr": -2, "ld": "2026-08-09", "er": "NS"}'),
	pg_temp.student('{"id": 16}'), pg_temp.enrollment('{"id": 16, "gr": -2, "ld": "2026-09-04", "er": "E150"}'),
	pg_temp.student('{"id": 17}'), pg_temp.enrollment('{"id": 17, "gr": -2, "pr": "50", "ld": "2026-09-04", "er": "TR"}'),
	pg_temp.student('{"id": 18}'), pg_temp.enrollment('{"id": 18, "gr": -1, "ld": "2026-09-04", "er": "TR"}') \g /dev/null
SELECT is(pg_temp.picture(12), '6000010 2026-08-10 10 PS -> 2026-09-04 E450', 'preschool');
SELECT is(pg_temp.picture(13), '6000010 2026-08-10 10 IN -> 2026-09-04 E450', 'infants');
SELECT is(pg_temp.picture(14), '6000010 2026-08-10 10 TD -> 2026-09-04 E450', 'toddlers, whatever the local code');
SELECT is(pg_temp.picture(15), '6000010 2026-08-10 10 PS -> 2026-08-09 N470', 'a no-show stays');
SELECT is(pg_temp.picture(16), '6000010 2026-08-10 10 PS -> 2026-09-04 E150', 'a change stays');
SELECT is(pg_temp.picture(17), '6000010 2026-08-10 50 PS -> 2026-09-04 E170', 'a non-ADA enrollment exits with E170');
SELECT is(pg_temp.picture(18), '6000010 2026-08-10 10 TK -> 2026-09-04 T160', 'transitional kindergarten is no preschool');
SET LOCAL calpads.keep_preschool_exit_reasons = on;
SELECT is(pg_temp.picture(12), '6000010 2026-08-10 10 PS -> 2026-09-04 T160', 'the reason stays by setting');
RESET calpads.keep_preschool_exit_reasons;

-- Completers: STU.HSG of the newest enrollment ------------------------------------------------

SELECT pg_temp.translate('STU.HSG', 'D', '100'), pg_temp.translate('STU.HSG', 'P', '480') \g /dev/null
SELECT pg_temp.student('{"id": 20, "sc": 30, "gr": 12, "hsg": "D"}'),
	pg_temp.enrollment('{"id": 20, "sc": 30, "gr": 12, "ld": "2026-09-18", "er": "GRAD"}'),
	pg_temp.student('{"id": 21, "sc": 30, "gr": 12, "hsg": "D"}'), pg_temp.enrollment('{"id": 21, "sc": 30, "gr": 12, "ld": "2026-09-18"}'),
	pg_temp.student('{"id": 22, "sc": 30, "gr": 12, "hsg": "d", "dg": "2026-09-17"}'), pg_temp.enrollment('{"id": 22, "sc": 30, "gr": 12}'),
	pg_temp.student('{"id": 23, "sc": 30, "gr": 12, "hsg": "D", "dg": "2026-09-17"}'),
	pg_temp.enrollment('{"id": 23, "sc": 30, "gr": 12, "ld": "2026-09-18", "er": "TR"}'),
	pg_temp.student('{"id": 24, "sc": 30, "gr": 12, "hsg": "D"}'), pg_temp.enrollment('{"id": 24, "sc": 30, "gr": 12}'),
	pg_temp.student('{"id": 25, "sc": 30, "gr": 12}'), pg_temp.enrollment('{"id": 25, "sc": 30, "gr": 12, "ld": "2026-09-18", "er": "GRAD"}'),
	pg_temp.student('{"id": 26, "sc": 30, "gr": 12, "hsg": "D", "dg": "2026-09-17"}'), pg_temp.enrollment('{"id": 26, "sc": 30, "gr": 12, "er": "GRAD"}'),
	pg_temp.student('{"id": 27, "sc": 30, "gr": 12, "hsg": "Q"}'), pg_temp.enrollment('{"id": 27, "sc": 30, "gr": 12, "ld": "2026-09-18", "er": "GRAD"}'),
	pg_temp.student('{"id": 28, "sc": 30, "gr": 12, "hsg": "Q"}'), pg_temp.enrollment('{"id": 28, "sc": 30, "gr": 12}') \g /dev/null
SELECT is(pg_temp.picture(20), '0130030 2026-08-10 10 12 -> 2026-09-18 E230 100', 'E230 has its completion status');
SELECT is(pg_temp.picture(21), '0130030 2026-08-10 10 12 -> 2026-09-18 E230 100', 'the status makes a blank reason E230');
SELECT is(pg_temp.picture(22), '0130030 2026-08-10 10 12 -> 2026-09-17 E230 100', 'without a leave date STU.DG is the exit date');
SELECT is(pg_temp.picture(23), '0130030 2026-08-10 10 12 -> 2026-09-18 T160', 'another reason stays, without completion status');
SELECT is(pg_temp.picture(24), '0130030 2026-08-10 10 12', 'without any date the enrollment stays open');
SELECT is(pg_temp.picture(25), '0130030 2026-08-10 10 12 -> 2026-09-18 E230', 'E230 without STU.HSG is reported without status');
SELECT is(pg_temp.picture(26), '0130030 2026-08-10 10 12 -> 2026-09-17 E230 100', 'a reason E230 without leave date takes STU.DG');
SELECT is(pg_temp.picture(27), '0130030 2026-08-10 10 12 -> 2026-09-18 E230 Q', 'an unknown status stays as it is');
SELECT is(pg_temp.problems(27), 'GERR0002 student_school_completion_status Q (XRF: code translations STU.HSG, or STU.HSG)', 'and is a problem');
SELECT is(pg_temp.problems(28), NULL, 'only where it is reported');

SELECT pg_temp.student('{"id": 29, "sc": 30, "gr": 12, "hsg": "D"}'),
	pg_temp.enrollment('{"id": 29, "sc": 30, "gr": 12, "ld": "2026-08-28", "er": "GRAD"}'),
	pg_temp.enrollment('{"id": 29, "sc": 30, "gr": 12, "ed": "2026-09-01", "ld": "2026-09-18", "er": "GRAD"}') \g /dev/null
SELECT is(pg_temp.picture(29),
	'0130030 2026-08-10 10 12 -> 2026-08-28 E230, 0130030 2026-09-01 10 12 -> 2026-09-18 E230 100',
	'the status belongs to the newest enrollment of the student');
SELECT pg_temp.student('{"id": 30, "gr": 5, "hsg": "P", "tg": "I"}'),
	pg_temp.enrollment('{"id": 30, "ed": "2025-08-11", "ld": "2026-06-04", "er": "GRAD"}'),
	pg_temp.student('{"id": 30, "sc": 20, "gr": 6}'), pg_temp.enrollment('{"id": 30, "sc": 20, "gr": 6}') \g /dev/null
SELECT is(pg_temp.picture(30), '6000010 2025-08-11 10 05 -> 2026-06-04 E230 480, 6000020 2026-08-10 10 06', 'at that school');

-- Fields of graduates: 1.29, 1.32, 1.33, 1.35 -------------------------------------------------------

UPDATE sis.stu SET cco = 'y', gex = 'n' WHERE id IN (20, 23, 30);
SELECT is(pg_temp.field(20, 'student_met_all_uc_csu_requirements_indicator'), 'Y', 'UC and CSU requirements of a graduate');
SELECT is(pg_temp.field(20, 'graduation_exemption_indicator'), 'N', 'graduation exemption of a graduate');
SELECT is(concat(pg_temp.field(23, 'student_met_all_uc_csu_requirements_indicator'), pg_temp.field(23, 'graduation_exemption_indicator')), '',
	'neither for others');
SELECT is((SELECT concat(student_met_all_uc_csu_requirements_indicator, graduation_exemption_indicator) FROM sis.senr
	WHERE student_id = 30 AND student_school_completion_status = '480'), '', 'nor for those who were promoted');

INSERT INTO sis.act (pid, cd, dt) VALUES (20, 'GS', '2026-07-01'), (20, 'bl', '2027-06-30'), (21, 'GS', '2026-06-30'), (23, 'GS', '2026-09-01'), (25, 'GS', '2026-09-01');
SELECT is(concat(pg_temp.field(20, 'student_golden_state_seal_merit_diploma_indicator'), pg_temp.field(20, 'student_seal_of_biliteracy_indicator')), '',
	'no seal without its activity code in the settings');
SET LOCAL calpads.golden_state_seal_code = 'GS';
SET LOCAL calpads.biliteracy_seal_code = 'BL';
SELECT is(pg_temp.field(20, 'student_golden_state_seal_merit_diploma_indicator'), 'Y', 'Golden State Seal: an activity of the school year of the exit');
SELECT is(pg_temp.field(20, 'student_seal_of_biliteracy_indicator'), 'Y', 'Seal of Biliteracy likewise');
SELECT is(pg_temp.field(22, 'student_golden_state_seal_merit_diploma_indicator'), NULL, 'no activity, no seal');
SELECT is(pg_temp.field(21, 'student_golden_state_seal_merit_diploma_indicator'), NULL, 'an activity of another year does not count');
SELECT is(concat(pg_temp.field(23, 'student_golden_state_seal_merit_diploma_indicator'),
	pg_temp.field(25, 'student_golden_state_seal_merit_diploma_indicator')), '', 'only with completion status 100');

SET LOCAL calpads.today = '2023-10-01';
SELECT pg_temp.student('{"id": 31, "sc": 30, "gr": 12, "hsg": "D", "cco": "N", "gex": "Y"}'),
	pg_temp.enrollment('{"id": 31, "sc": 30, "gr": 12, "ed": "2022-08-10", "ld": "2023-06-30", "er": "GRAD"}'),
	pg_temp.student('{"id": 32, "sc": 30, "gr": 12, "hsg": "D", "cco": "N", "gex": "Y"}'),
	pg_temp.enrollment('{"id": 32, "sc": 30, "gr": 12, "ed": "2022-08-10", "ld": "2023-07-01", "er": "GRAD"}') \g /dev/null
SELECT is(pg_temp.field(31, 'graduation_exemption_indicator'), NULL, 'the graduation exemption came after June 30, 2023 (SENR0632)');
SELECT is(pg_temp.field(32, 'graduation_exemption_indicator'), 'Y', 'since then it is reported');
SET LOCAL calpads.today = '2026-10-01';

-- Expected receiver school: 1.28 ------------------------------------------------------------------------

INSERT INTO sis.chi (id, ty, cds) VALUES ('1234', '1', '01611190130999'), ('2345', '1', '01611190000000'), ('99', '1', '34674390109999'), ('3456', '2', NULL);
SELECT pg_temp.student('{"id": 40}'), pg_temp.enrollment('{"id": 40, "ld": "2026-09-04", "er": "TR", "ns": " 1234 "}'),
	pg_temp.student('{"id": 41}'), pg_temp.enrollment('{"id": 41, "ld": "2026-09-04", "er": "TR", "ns": "20"}'),
	pg_temp.student('{"id": 42}'), pg_temp.enrollment('{"id": 42, "ld": "2026-09-04", "er": "TR", "ns": "0131313"}'),
	pg_temp.student('{"id": 43}'), pg_temp.enrollment('{"id": 43, "ld": "2026-09-04", "er": "TR", "ns": "99"}'),
	pg_temp.student('{"id": 44}'), pg_temp.enrollment('{"id": 44, "ld": "2026-09-04", "er": "TR", "ns": "2345"}'),
	pg_temp.student('{"id": 45}'), pg_temp.enrollment('{"id": 45, "ld": "2026-09-04", "er": "TR", "ns": "3456"}'),
	pg_temp.student('{"id": 46}'), pg_temp.enrollment('{"id": 46, "ld": "2026-09-04", "er": "TR", "ns": "8888"}'),
	pg_temp.student('{"id": 47}'), pg_temp.enrollment('{"id": 47, "ns": "1234"}'),
	pg_temp.student('{"id": 48}'), pg_temp.enrollment('{"id": 48, "ld": "2026-09-04", "er": "TR", "ns": "0"}'),
	pg_temp.student('{"id": 49}'), pg_temp.enrollment('{"id": 49, "ld": "2026-09-04", "er": "TR", "ns": "50"}') \g /dev/null
SELECT is(pg_temp.field(40, 'expected_receiver_school_of_attendance'), '0130999', 'the institution''s school part');
SELECT is(pg_temp.field(41, 'expected_receiver_school_of_attendance'), '6000020', 'a number below 1000 is a school of the district');
SELECT is(pg_temp.field(42, 'expected_receiver_school_of_attendance'), '0131313', 'seven digits are a school already');
SELECT is(pg_temp.field(43, 'expected_receiver_school_of_attendance'), '0109999', 'an institution goes before a school of the same number');
SELECT is(pg_temp.field(44, 'expected_receiver_school_of_attendance'), NULL, 'a district is no school');
SELECT is(pg_temp.field(45, 'expected_receiver_school_of_attendance'), NULL, 'nor is an institution without a code');
SELECT is(pg_temp.field(46, 'expected_receiver_school_of_attendance'), NULL, 'nor an unknown institution');
SELECT is(pg_temp.field(47, 'expected_receiver_school_of_attendance'), NULL, 'nobody is expected anywhere without an exit');
SELECT is(pg_temp.field(48, 'expected_receiver_school_of_attendance'), NULL, 'the district record is no school');
SELECT is(pg_temp.field(49, 'expected_receiver_school_of_attendance'), NULL, 'a virtual school has no code');

SELECT pg_temp.student('{"id": 50}'), pg_temp.enrollment('{"id": 50, "sn": 50, "ld": "2026-09-04", "er": "TR"}'),
	pg_temp.student('{"id": 51}'), pg_temp.enrollment('{"id": 51, "ld": "2026-09-04", "er": "TR", "ns": "20"}'),
	pg_temp.student('{"id": 52, "ens": "1234"}'), pg_temp.enrollment('{"id": 52, "ld": "2026-09-04", "er": "TR"}') \g /dev/null
INSERT INTO sis.att (sc, sn, dt, cd, ns, del) VALUES (10, 50, '2026-08-10', 'E', '20', false), (10, 50, '2026-09-04', 'L', '1234', false),
	(10, 51, '2026-09-04', 'L', '1234', false), (10, 52, '2026-09-04', 'L', '20', true), (10, 1, '2026-09-04', '', '20', false);
SELECT is(pg_temp.field(50, 'expected_receiver_school_of_attendance'), '0130999', 'the next school may be in the leave row of ATT');
SELECT is(pg_temp.field(51, 'expected_receiver_school_of_attendance'), '6000020', 'ENR.NS goes before it');
SELECT is(pg_temp.field(52, 'expected_receiver_school_of_attendance'), NULL, 'STU.ENS is for year-end exits; a deleted ATT row is none');
SELECT is(pg_temp.field(1, 'expected_receiver_school_of_attendance'), NULL, 'an ATT row that is no leave row is none');

SELECT pg_temp.student(jsonb_build_object('id', 60 + number)),
	pg_temp.enrollment(jsonb_build_object('id', 60 + number, 'ld', '2026-09-04', 'er', reason, 'ns', '20'))
FROM unnest(ARRAY['E150', 'E155', 'E156', 'E170', 'E450', 'N470', 'T165', 'E230']) WITH ORDINALITY AS reason (reason, number) \g /dev/null
SELECT results_eq('SELECT student_exit_reason_code, expected_receiver_school_of_attendance FROM sis.senr WHERE student_id > 60 ORDER BY student_id',
	$$VALUES ('E150' COLLATE "C", NULL COLLATE "C"), ('E155', NULL), ('E156', NULL), ('E170', NULL), ('E450', NULL), ('N470', NULL), ('T165', '6000020'), ('E230', '6000020')$$,
	'reasons after which nobody is expected elsewhere have no receiver school');

-- Option Do Not Extract Dates in the Future ---------------------------------------------------------------

SELECT pg_temp.student('{"id": 80, "sc": 30, "gr": 12, "hsg": "D", "cco": "Y", "gex": "N"}'),
	pg_temp.enrollment('{"id": 80, "sc": 30, "gr": 12, "ld": "2026-10-02", "er": "GRAD", "ns": "20"}'),
	pg_temp.student('{"id": 81}'), pg_temp.enrollment('{"id": 81, "ed": "2026-10-02"}'),
	pg_temp.student('{"id": 82}'), pg_temp.enrollment('{"id": 82, "ed": "2026-10-01", "ld": "2026-10-01", "er": "TR"}'),
	pg_temp.student('{"id": 83}'), pg_temp.enrollment('{"id": 83, "ld": "2026-10-02", "er": "??"}') \g /dev/null
INSERT INTO sis.act (pid, cd, dt) VALUES (80, 'GS', '2026-09-01');
SELECT is(pg_temp.picture(80), '0130030 2026-08-10 10 12 -> 2026-10-02 E230 100', 'a graduation tomorrow');
SET LOCAL calpads.no_future_dates = on;
SELECT is(pg_temp.picture(80), '0130030 2026-08-10 10 12', 'is not reported yet');
SELECT is(concat(pg_temp.field(80, 'student_met_all_uc_csu_requirements_indicator'), pg_temp.field(80, 'graduation_exemption_indicator'),
	pg_temp.field(80, 'student_golden_state_seal_merit_diploma_indicator'), pg_temp.field(80, 'expected_receiver_school_of_attendance')), '',
	'nor is anything that depends on it');
SELECT is(pg_temp.picture(81), NULL, 'an enrollment that starts tomorrow is left out');
SELECT is(pg_temp.picture(82), '6000010 2026-10-01 10 05 -> 2026-10-01 T160', 'today is not the future');
SELECT is(pg_temp.problems(83), NULL, 'a problem of an exit that is left out is none yet');
RESET calpads.no_future_dates;
SELECT is(pg_temp.picture(81), '6000010 2026-10-02 10 05', 'ordinarily future dates are reported');

SELECT * FROM finish();
ROLLBACK;
