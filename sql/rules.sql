-- The rules: the table and its coverage, one record for each rule that holds
-- or warns, what a district can change, and what is stored with a batch.

\set SHOW_CONTEXT never
\getenv abs_srcdir PG_ABS_SRCDIR
\set clear_history :abs_srcdir '/test/data/clear_history.sql'
\i :clear_history
SET datestyle = iso;
SET client_min_messages = warning;
SET calpads.today = '2025-11-01';
SET calpads.sis_schema = 'rules_sis';
SET calpads.removal_limit_percent = 100;

-- The table: the list of CALPADS' rules and our own.
SELECT official, severity, count(*), count(*) FILTER (WHERE confirmed) AS confirmed,
	count(*) FILTER (WHERE certification) AS certification
FROM calpads.rule WHERE process = 'SENR' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT coverage, count(*) FROM calpads.rule_coverage WHERE process = 'SENR' GROUP BY coverage ORDER BY coverage;
SELECT number, severity, confirmed, coverage, reason FROM calpads.rule_coverage
WHERE process = 'SENR' AND coverage <> 'implemented' ORDER BY coverage, number;
SELECT number, severity, coverage, reason FROM calpads.rule_coverage
WHERE process = 'SENR' AND number IN (SELECT r.number FROM calpads.rule r WHERE NOT r.official) ORDER BY number;
-- Each one has a reason where it is not implemented, and a name that is no number where it has no number.
SELECT count(*) FROM calpads.rule WHERE coverage <> 'implemented' AND coverage_reason IS NULL;
SELECT count(*) FROM calpads.rule WHERE official <> (number ~ '^[A-Z]+[0-9]+([A-Z][0-9])?$');

-- A district with a school of each kind; nothing in CALPADS but one student.
SELECT count(*) > 20 AS made FROM calpads.create_sis_schema('rules_sis');
INSERT INTO rules_sis.loc (cd, nm, cc, dc, sc, lo, hi) VALUES
	(0, 'Meadow Unified', '19', '61234', '0000000', -1, 12),
	(1, 'Oak Elementary', '19', '61234', '6101010', 0, 5),
	(2, 'Elm Elementary', '19', '61234', '6101011', NULL, NULL),
	(3, 'Meadow High', '19', '61234', '1930000', 9, 12),
	(4, 'Meadow Adult', '19', '61234', '1990000', 14, 14),
	(5, 'Nonpublic schools', '19', '61234', '0000001', 0, 0),
	(6, 'Wrong Code', '19', '61234', '61010', NULL, NULL),
	(7, 'Oak Annex', '19', '61234', '6101010', 0, 6);
SELECT * FROM calpads.school_grade_span() ORDER BY 1;

-- A student, one enrollment, and what differs from a fifth grader at Oak.
CREATE FUNCTION add_student(student integer, person text, enrollment text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO rules_sis.stu (sc, sn, id, cid, ln, fn, bd, gn, bcu, gr, tg)
	VALUES (1, student, student, (1000000000 + student)::text, 'Smith', 'Ana', '2015-02-03', 'F', 'US', 5, '');
	INSERT INTO rules_sis.enr (id, sc, sn, yr, ed, gr, pr) VALUES (student, 1, student, '2025', '2025-08-20', 5, '10');
	EXECUTE format('UPDATE rules_sis.stu SET %s WHERE id = %s', coalesce(nullif(person, ''), 'id = id'), student);
	EXECUTE format('UPDATE rules_sis.enr SET %s WHERE id = %s', coalesce(nullif(enrollment, ''), 'id = id'), student);
	UPDATE rules_sis.stu s SET sc = e.sc FROM rules_sis.enr e WHERE e.id = s.id AND s.id = student;
END;
$$;
CREATE TABLE broken (student integer PRIMARY KEY, rule text, person text, enrollment text);
INSERT INTO broken VALUES
	(101, 'FRMT0001', $$fn = repeat('a', 31)$$, ''),
	(102, 'FRMT0002', $$bd = '1015-02-03'$$, ''),
	(103, 'FRMT0004', $$ln = 'Smi^th'$$, ''),
	(104, 'GERR0001', $$gn = ''$$, ''),
	(105, 'GERR0001', $$ln = ''$$, ''),
	(106, 'GERR0002', $$gn = 'Q'$$, ''),
	(107, 'GERR0002', '', $$it = 'Z', itd = '1965432'$$),
	(108, 'GERR0007', '', $$pr = '40'$$),
	(109, 'GERR0007', '', $$ld = '2025-10-01', er = 'N430'$$),
	(110, 'SENR0002', '', 'sc = 6'),
	(111, 'SENR0004', '', 'sc = 5'),
	(112, 'SENR0005', '', $$sc = 5, nps = '71'$$),
	(113, 'SENR0007', $$cid = '10000'$$, ''),
	(114, 'SENR0018', '', $$ld = '2025-08-10', er = 'T160'$$),
	(115, 'SENR0018', '', $$ld = '2025-09-10', er = 'N470'$$),
	(116, 'SENR0022', '', $$ld = '2025-10-01', er = 'E230'$$),
	(117, 'SENR0187', '', $$pr = '30'$$),
	(118, 'SENR0192', '', $$it = '1', itd = '19'$$),
	(119, 'SENR0262', $$bd = '2016-02-03'$$, 'gr = 0'),
	(120, 'SENR0269', $$bd = '2010-02-03'$$, 'gr = 9'),
	(121, 'SENR0269', '', 'sc = 3'),
	(122, 'SENR0523', '', $$ld = '2025-10-01', er = 'E170'$$),
	(123, 'SENR0622', $$bd = '2021-09-15'$$, 'gr = -1'),
	(124, 'SENR0632', $$bd = '2008-02-03', hsg = '100', cco = 'Y'$$, $$sc = 3, gr = 12, ld = '2025-10-01', er = 'E230'$$);
SELECT count(add_student(student, person, enrollment)) AS broken FROM broken;
-- A neighbour for each, at whom nothing is wrong, and good records of every kind.
SELECT count(add_student(student + 100, '', '')) AS neighbours FROM broken;
SELECT count(add_student(300 + n::integer, person, enrollment)) AS good FROM (VALUES
	(1, $$bd = '2020-09-03'$$, 'gr = 0'),
	(2, $$bd = '2021-07-15'$$, 'gr = -1'),
	(3, $$bd = '2020-01-15'$$, $$gr = -1, ld = '2025-10-01', er = 'T160'$$),
	(4, $$bd = '2008-02-03'$$, 'sc = 3, gr = 12'),
	(5, $$bd = '2008-02-03', hsg = '100', cco = 'Y', gex = 'N'$$, $$sc = 3, gr = 12, ld = '2025-10-01', er = 'E230'$$),
	(6, $$hsg = '480'$$, $$ld = '2025-10-01', er = 'E230'$$),
	(7, '', $$sc = 5, nps = '7100001'$$),
	(8, '', $$sc = 5, nps = '9999999', gr = 11$$),
	(9, '', $$pr = '20', ld = '2025-10-01', er = 'E170'$$),
	(10, $$bcu = ''$$, $$pr = '50', ld = '2025-10-01', er = 'E150'$$),
	(11, '', $$ld = '2025-08-20', er = 'T160'$$),
	(12, '', $$pr = '30', ld = '2025-09-18', er = 'T160'$$),
	(13, '', $$ld = '2025-10-01', er = 'T180'$$),
	(14, '', $$it = '1', itd = '1965432'$$),
	(15, '', $$it = '5'$$),
	(16, $$bst = 'US-CA', fn = 'Zoë "Zo"', ln = 'D''Ángelo-Núñez'$$, ''),
	(17, $$bd = '2009-02-03', bcu = 'MX', gn = 'X'$$, 'sc = 3, gr = 10'),
	(18, $$bd = '2012-02-03'$$, 'sc = 2, gr = 8'),
	(19, $$bd = '2014-02-03'$$, 'gr = 6')
) AS good (n, person, enrollment);
-- Rows of one student against each other.
SELECT count(add_student(student, '', '')) AS pairs FROM unnest(ARRAY[401, 402, 403]) AS student;
INSERT INTO rules_sis.enr (id, sc, sn, yr, ed, gr, pr) VALUES
	(401, 1, 401, '2025', '2025-09-01', 5, '20'),
	(402, 2, 402, '2025', '2025-09-01', 5, '10'),
	(403, 2, 403, '2025', '2025-09-01', 5, '20');

SELECT rows_loaded FROM calpads.load_ods('SENR', 'ods.txt', convert_to(concat('SENR-R^^^1961234^6101010^^2025-2026^1000000999^',
	'999^Una^^Quiet^^^^^20140601^F^^^US^20250820^10^05^^^^^^^^^^^^20251031^20251031', E'\r\n'), 'UTF8'));

-- What is held, and why; then: nobody else, and everybody who breaks a rule.
SELECT b.student, h.rule, h.field, h.value, h.fix, h.explanation
FROM calpads.senr_held() h LEFT JOIN broken b ON b.student::text = h.local_student_id ORDER BY h.local_student_id, h.rule;
SELECT b.* FROM broken b WHERE NOT EXISTS (
	SELECT FROM calpads.senr_held() h WHERE h.local_student_id = b.student::text AND h.rule = b.rule);
SELECT count(*) AS sent, count(*) FILTER (WHERE local_student_id IN (SELECT student::text FROM broken)) AS sent_though_broken,
	count(*) FILTER (WHERE local_student_id::integer BETWEEN 201 AND 224) AS neighbours,
	count(*) FILTER (WHERE local_student_id::integer BETWEEN 301 AND 319) AS good
FROM calpads.senr_delta() WHERE reason = 'new_student';

-- The same by a picture of the district's own, for what the mapping never
-- makes: one row, one field altered.
DELETE FROM rules_sis.stu WHERE id <> 201;
CREATE TABLE picture AS SELECT * FROM rules_sis.senr;
DROP VIEW rules_sis.senr;
CREATE TABLE rules_sis.senr AS SELECT * FROM picture;
CREATE FUNCTION break_rules(alteration text) RETURNS TABLE (rule text, field text, value text, fix text, warns boolean)
	LANGUAGE plpgsql AS $$
BEGIN
	TRUNCATE rules_sis.senr;
	INSERT INTO rules_sis.senr SELECT * FROM picture;
	EXECUTE 'UPDATE rules_sis.senr SET ' || alteration;
	RETURN QUERY
		SELECT h.rule, h.field, h.value, h.fix, false FROM calpads.senr_held() h WHERE h.local_student_id = '201'
		UNION ALL
		SELECT w.rule, w.field, w.value, w.fix, true FROM calpads.warning w WHERE w.local_student_id = '201';
END;
$$;
\set high 'school_of_attendance = ''1930000'', grade_level_code = ''12'', student_birth_date = ''2008-02-03'''
\set adult 'school_of_attendance = ''1930000'', grade_level_code = ''AD'', student_birth_date = ''1990-02-03'''
\set exit 'enrollment_exit_date = ''2025-10-01'', student_exit_reason_code'
\set graduate :high ', student_school_completion_status = ''100'', ' :exit
SELECT n, found.* FROM (VALUES
	(1, $$school_of_attendance_nps = '7100001'$$),
	(2, $$academic_year_id = '2024-2025'$$),
	(3, $$academic_year_id = '2025-26'$$),
	(4, $$enrollment_exit_date = '2025-10-01'$$),
	(5, $$student_exit_reason_code = 'T160'$$),
	(6, :'exit' || $$ = 'T160', student_school_completion_status = '480'$$),
	(7, :'graduate' || $$ = 'T160', graduation_exemption_indicator = 'N',
		student_met_all_uc_csu_requirements_indicator = 'Y'$$),
	(8, $$enrollment_status_code = '20', $$ || :'exit' || $$ = 'T160'$$),
	(9, $$enrollment_status_code = '50', $$ || :'exit' || $$ = 'T160'$$),
	(10, :'high' || $$, student_golden_state_seal_merit_diploma_indicator = 'Y'$$),
	(11, :'high' || $$, student_seal_of_biliteracy_indicator = 'Y'$$),
	(12, :'high' || $$, graduation_exemption_indicator = 'Y'$$),
	(13, $$student_gender_code = NULL, student_birth_date = NULL, grade_level_code = NULL$$),
	(14, $$enrollment_start_date = NULL$$),
	(15, $$ssid = '12345678901'$$),
	-- what follows only warns
	(21, :'graduate' || $$ = 'E230', graduation_exemption_indicator = 'N'$$),
	(22, $$student_birth_country_code = NULL$$),
	(23, $$student_birth_state_province_code = 'MX-BCN'$$),
	(24, $$student_birth_date = '2002-02-03'$$),
	(25, $$student_legal_name_suffix_code = 'XIX'$$),
	(26, $$local_student_id = '201', enrollment_start_date = '2026-05-02'$$),
	(27, :'exit' || $$ = 'E150'$$),
	(28, :'exit' || $$ = 'E155'$$),
	(29, :'exit' || $$ = 'E450'$$),
	(30, :'exit' || $$ = 'T165'$$),
	(31, $$enrollment_exit_date = '2025-12-15', student_exit_reason_code = 'T160'$$),
	(32, :'exit' || $$ = 'E230', student_school_completion_status = '360'$$),
	(33, $$student_school_transfer_code = '1'$$),
	(34, $$enrollment_status_code = '30', enrollment_start_date = '2025-10-20'$$),
	(35, $$grade_level_code = 'PS', enrollment_status_code = '50', student_birth_date = '2023-02-03'$$)
) AS alterations (n, alteration), LATERAL break_rules(alteration) AS found ORDER BY n, rule;

-- A warning, whole, and stored with the batch.
SELECT break_rules($$student_birth_country_code = NULL$$);
SELECT * FROM calpads.warning;
SELECT count(*) AS files FROM calpads.create_extract('SENR');
SELECT batch_id, local_student_id, ssid, rule, field, value, fix FROM calpads.batch_warning;

-- Gender and birth year are sent as CALPADS has them, and a warning tells.
SELECT break_rules($$ssid = '1000000999', student_gender_code = 'M', grade_level_code = '04'$$);
SELECT rule, field, value, explanation, fix FROM calpads.warning;

-- What a district can change: the severity, and whether a rule is in force.
SELECT break_rules($$student_birth_country_code = NULL$$);
UPDATE calpads.rule SET severity = 'fatal' WHERE number = 'SENR-BIRTH-COUNTRY';
SELECT rule, field FROM calpads.senr_held();
SELECT count(*) AS warnings FROM calpads.warning;
SELECT break_rules($$grade_level_code = 'KN'$$);
UPDATE calpads.rule SET last_year = '2024-2025' WHERE number = 'SENR0262';
SELECT break_rules($$grade_level_code = 'KN'$$);
UPDATE calpads.rule SET last_year = NULL, active = false WHERE number = 'SENR0262';
SELECT break_rules($$grade_level_code = 'KN'$$);
UPDATE calpads.rule SET active = true, severity = 'warning' WHERE number = 'SENR0262';
SELECT break_rules($$grade_level_code = 'KN'$$);
-- The files are read again: rows of the district stay.
SELECT shipped_rows FROM calpads.refresh_reference_data() WHERE table_name = 'rule';
SELECT number, severity, builtin FROM calpads.rule WHERE NOT builtin ORDER BY number;
DELETE FROM calpads.rule WHERE NOT builtin;
SELECT shipped_rows FROM calpads.refresh_reference_data() WHERE table_name = 'rule';
SELECT break_rules($$grade_level_code = 'KN'$$);
-- In 2024-25 SENR0742 was not in force yet.
SET calpads.today = '2025-05-01';
SELECT break_rules($$academic_year_id = '2024-2025'$$);
SET calpads.today = '2025-11-01';

-- With a table of institutions more rules can be decided.
INSERT INTO calpads.institution (cds_code, kind, school_type, opened, closed) VALUES
	('1961234', 'district', NULL, NULL, NULL),
	('1969999', 'district', NULL, NULL, '2025-09-15'),
	('7100001', 'nonpublic school', NULL, NULL, NULL),
	('6101010', 'school', 'REG', NULL, NULL),
	('1930000', 'county school', 'adult', '2025-09-01', '2026-01-31');
SELECT number, coverage FROM calpads.rule_coverage
WHERE number IN (SELECT r.number FROM calpads.rule r WHERE r.institution_kinds IS NOT NULL) ORDER BY number;
SELECT n, found.* FROM (VALUES
	(1, $$district_of_geographic_residence_code = '1961234'$$),
	(2, $$district_of_geographic_residence_code = '1965432'$$),
	(3, $$district_of_geographic_residence_code = '1969999'$$),
	(4, $$school_of_attendance = '0000001', school_of_attendance_nps = '7100001'$$),
	(5, $$school_of_attendance = '0000001', school_of_attendance_nps = '7100002'$$),
	(6, $$school_of_attendance = '0000001', school_of_attendance_nps = '9999999'$$),
	(7, :'high'),
	(8, $$grade_level_code = 'AD', student_birth_date = '1990-02-03'$$),
	(9, :'adult'),
	(10, :'adult' || $$, enrollment_start_date = '2026-02-01', student_school_transfer_code = '6'$$),
	(11, $$enrollment_status_code = '30', enrollment_start_date = '2025-10-20'$$)
) AS alterations (n, alteration) LEFT JOIN LATERAL break_rules(alteration) AS found ON true ORDER BY n, rule;
INSERT INTO calpads.institution (cds_code, kind) VALUES ('19', 'district');
INSERT INTO calpads.institution (cds_code, kind) VALUES ('1965432', 'university');

-- Dates that eight digits cannot say: none of them becomes another date.
SELECT field, value, rule FROM calpads.check_senr(jsonb_populate_record(NULL::calpads.senr,
	'{"student_birth_date": "12008-02-03", "enrollment_start_date": "infinity", "enrollment_exit_date": "0044-03-15 BC"}'))
WHERE field LIKE '%date';

DELETE FROM calpads.institution;
DROP FUNCTION add_student, break_rules;
DROP TABLE broken, picture;
DROP SCHEMA rules_sis CASCADE;
