-- load_ods: what is loaded, what is set aside, what is refused, and that a
-- refusal changes nothing.

\getenv abs_srcdir PG_ABS_SRCDIR
\getenv abs_builddir PG_ABS_BUILDDIR
\set folder :abs_srcdir '/test/data'
\set senr_ods :abs_srcdir '/test/data/senr_ods.txt'
\set fifo :abs_builddir '/results/load.fifo'
\set SHOW_CONTEXT never
\set clear_history :abs_srcdir '/test/data/clear_history.sql'
\i :clear_history
SET datestyle = iso;
SET calpads.today = '2025-10-15';
SET calpads.sis_schema = 'load_sis';
CREATE SCHEMA load_test;
SET search_path = load_test;

-- A record of the extract in an academic year; some values are replaced.
CREATE FUNCTION senr_of(year text, changes jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(coalesce(changes ->> name,
		'{"record_type_code": "SENR-R", "reporting_lea": "5699990", "school_of_attendance": "5600001",
		  "academic_year_id": "2025-2026", "ssid": "1000000001", "local_student_id": "101",
		  "student_legal_first_name": "Ana", "student_legal_last_name": "Alder",
		  "student_birth_date": "20100203", "student_gender_code": "F", "enrollment_start_date": "20250811",
		  "enrollment_status_code": "10", "grade_level_code": "09", "upload_date": "20250901",
		  "last_date_updated": "20250901"}'::jsonb ->> name, ''), '^' ORDER BY ordinal)
	FROM calpads.layout_field
	WHERE layout = 'senr_ods' AND coalesce(first_year, year) <= year AND coalesce(last_year, year) >= year
$$;
-- The record of student number n in the current year.
CREATE FUNCTION senr(n integer, changes jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
	SELECT senr_of('2025-2026',
		jsonb_build_object('ssid', (1000000000 + n)::text, 'local_student_id', (100 + n)::text) || changes)
$$;
CREATE FUNCTION file(VARIADIC lines text[]) RETURNS bytea LANGUAGE sql AS $$
	SELECT convert_to(array_to_string(lines, E'\r\n') || E'\r\n', 'UTF8')
$$;
-- n good records of different students, from number first on.
CREATE FUNCTION students(first integer, n integer, changes jsonb DEFAULT '{}') RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(senr(i, changes) ORDER BY i) FROM generate_series(first, first + n - 1) i
$$;

-- Without the SIS nothing is known about schools.
SELECT calpads.load_ods('SENR', 'file.txt', file(senr(1)));

-- The SIS: a district with two schools and one that is not reported.
SELECT count(*) > 0 AS made FROM calpads.create_sis_schema('load_sis');
SELECT calpads.load_ods('SENR', 'file.txt', file(senr(1)));
INSERT INTO load_sis.loc (cd, nm, cc, dc, sc, dnr) VALUES
	(0, 'Harbor Unified', '56', '99990', '0000000', false),
	(1, 'Pier Middle', '56', '99990', '5600001', false),
	(2, 'Quay High', '56', '99990', '5600002', false),
	(3, 'Dock Adult', '56', '99990', '5600003', true);

-- A good file of the server: quotes and letters, blanks, closed enrollments.
SELECT load_id, process, lea, file_name, bytes, layout, layout_year, rows_read, rows_loaded, rows_rejected,
	loaded_by = session_user AS by_me, closed_at
FROM calpads.load_ods('SENR', :'senr_ods');
SELECT sha256 = encode(sha256(pg_read_binary_file(:'senr_ods')), 'hex') AS digest_is_right FROM calpads.load;
SELECT line_no, record_type_code, transaction_type_code, local_record_id, reporting_lea, school_of_attendance,
	school_of_attendance_nps, academic_year_id, ssid, local_student_id, student_legal_first_name,
	student_legal_last_name, student_birth_date, student_gender_code
FROM calpads.senr_baseline ORDER BY line_no;
SELECT line_no, student_birth_state_province_code, student_birth_country_code, enrollment_start_date,
	enrollment_status_code, grade_level_code, enrollment_exit_date, student_exit_reason_code, upload_date,
	last_date_updated, graduation_exemption_indicator
FROM calpads.senr_baseline ORDER BY line_no;

-- The next load closes the one before, and only that.
SELECT load_id, lea, rows_loaded FROM calpads.load_ods('SENR', 'folder/second.txt', file(senr(1), senr(2)));
SELECT l.load_id, file_name, closed_at IS NULL AS open, closed_at = lead(loaded_at) OVER w AS closed_by_next,
	c.load_id IS NOT NULL AS current
FROM calpads.load l LEFT JOIN calpads.current_load c USING (load_id) WINDOW w AS (ORDER BY load_id) ORDER BY l.load_id;
SELECT load_id, count(*) FROM calpads.senr_baseline GROUP BY load_id ORDER BY load_id;

-- Forms of the same file: byte order mark, LF, no last line end, blank lines,
-- Windows-1252, the input's record type, no appended fields.
SELECT rows_loaded FROM calpads.load_ods('SENR', 'mark.txt', '\xEFBBBF' || file(senr(1), senr(2)));
SELECT rows_loaded FROM calpads.load_ods('SENR', 'lf.txt', convert_to(senr(1) || E'\n\n' || senr(2), 'UTF8'));
SELECT rows_loaded FROM calpads.load_ods('SENR', 'windows.txt',
	convert_to(senr(1) || E'\r\n' || senr(2, '{"student_legal_first_name": "Zoë"}'), 'WIN1252'));
SELECT student_legal_first_name FROM calpads.senr_baseline WHERE load_id = (SELECT max(load_id) FROM calpads.load)
ORDER BY line_no;
SELECT rows_loaded FROM calpads.load_ods('SENR', 'input.txt',
	file(replace(regexp_replace(senr(1), '\^[^^]*\^[^^]*$', ''), 'SENR-R', 'SENR')));
SELECT record_type_code, last_date_updated FROM calpads.senr_baseline
WHERE load_id = (SELECT max(load_id) FROM calpads.load);

-- What is blank in CALPADS stays blank; outer blanks are no part of codes.
SELECT rows_loaded FROM calpads.load_ods('SENR', 'blank.txt', file(senr(1, '{"academic_year_id": "", "local_student_id": " ",
	"student_legal_first_name": " ", "student_legal_last_name": "", "student_birth_date": "        ",
	"student_gender_code": " ", "grade_level_code": "", "ssid": " 1000000001", "enrollment_start_date": "20250811 "}')));
SELECT academic_year_id, local_student_id, student_legal_first_name, student_legal_last_name, student_birth_date,
	student_gender_code, grade_level_code, ssid, enrollment_start_date
FROM calpads.senr_baseline WHERE load_id = (SELECT max(load_id) FROM calpads.load);

-- A file of an old year: its own fields are read, those of later years are null.
SELECT layout_year, rows_loaded FROM calpads.load_ods('SENR', 'old.txt',
	file(senr_of('2017-2018', '{"primary_language_code": "01", "student_seal_of_biliteracy_indicator": "Y"}')), '2017-2018');
SELECT enrollment_start_date, student_seal_of_biliteracy_indicator, graduation_exemption_indicator, upload_date
FROM calpads.senr_baseline WHERE load_id = (SELECT max(load_id) FROM calpads.load);
SELECT calpads.load_ods('SENR', 'old.txt', file(senr_of('2017-2018')), '2021-2022');

-- Bad rows are set aside, with every bad field; the load goes on.
SELECT load_id, rows_read, rows_loaded, rows_rejected FROM calpads.load_ods('SENR', 'bad.txt', file(VARIADIC ARRAY[
	senr(1),
	senr(2, '{"enrollment_start_date": "20250231", "student_gender_code": "FF", "student_legal_first_name": "A\u0007na"}'),
	senr(3, '{"enrollment_exit_date": "2025-09-30"}'),
	senr(4, '{"student_seal_of_biliteracy_indicator": "1"}'),
	senr(5, '{"ssid": ""}'),
	senr(6, '{"ssid": "100000000A"}'),
	senr(7, '{"school_of_attendance": "560001"}'),
	senr(8, '{"reporting_lea": "5699991"}'),
	senr(9, '{"reporting_lea": "", "enrollment_status_code": " "}'),
	senr(1, '{"grade_level_code": "10"}'),
	senr(10) || '^',
	'SENR-R^^x^' || substr(senr(11), 9),
	senr(12, '{"record_type_code": "SPRG-R"}'),
	'no record at all'] || students(21, 15)));
SELECT line_no, field, rule, message, ssid, local_student_id FROM calpads.load_error
WHERE load_id = (SELECT max(load_id) FROM calpads.load) ORDER BY line_no;
SELECT line = senr(3, '{"enrollment_exit_date": "2025-09-30"}') AS line_is_whole FROM calpads.load_error WHERE line_no = 3;
SELECT line_no, ssid, enrollment_start_date FROM calpads.senr_baseline
WHERE load_id = (SELECT max(load_id) FROM calpads.load) AND line_no < 16;

-- Half of the rows may be bad, more may not.
SELECT rows_loaded, rows_rejected FROM calpads.load_ods('SENR', 'half.txt', file(senr(1), senr(1, '{"ssid": ""}')));
SELECT calpads.load_ods('SENR', 'half.txt',
	file(senr(1), senr(2, '{"student_birth_date": "20100231", "student_gender_code": "FF"}'), senr(1, '{"ssid": ""}')));
\echo :LAST_ERROR_SQLSTATE

-- Schools that are not selected: some beside others are told, none else is refused.
SELECT rows_loaded, rows_rejected FROM calpads.load_ods('SENR', 'schools.txt', file(senr(1),
	senr(2, '{"school_of_attendance": "5600003"}'), senr(3, '{"school_of_attendance": "5600009"}'),
	senr(4, '{"school_of_attendance": "5600003"}')));
SELECT calpads.load_ods('SENR', 'schools.txt', file(senr(2, '{"school_of_attendance": "5600003"}')));
\echo :LAST_ERROR_SQLSTATE
INSERT INTO calpads.school_selection (sc, selected) VALUES (3, true);
SELECT rows_loaded FROM calpads.load_ods('SENR', 'schools.txt', file(senr(2, '{"school_of_attendance": "5600003"}')));
DELETE FROM calpads.school_selection WHERE sc = 3;

-- Another LEA, by the majority of rows.
SELECT calpads.load_ods('SENR', 'lea.txt', file(senr(1, '{"reporting_lea": "5699991"}'), senr(2, '{"reporting_lea": "5699991"}'), senr(3)));
\echo :LAST_ERROR_SQLSTATE
SELECT calpads.load_ods('SENR', 'lea.txt', file(senr(1, '{"reporting_lea": ""}'), senr(2, '{"reporting_lea": "569999"}')));

-- A charter that is its own LEA has a baseline of its own.
SET calpads.independent_charter_schools = '2';
SELECT lea, rows_loaded FROM calpads.load_ods('SENR', 'charter.txt',
	file(senr(1, '{"reporting_lea": "5600002", "school_of_attendance": "5600002"}')));
RESET calpads.independent_charter_schools;
SELECT process, lea FROM calpads.current_load ORDER BY lea;
SELECT lea, count(*) FROM calpads.load WHERE closed_at IS NULL GROUP BY lea ORDER BY lea;

-- Files that are refused, which changes nothing.
CREATE TABLE before_load AS TABLE calpads.load;
CREATE TABLE before_current AS TABLE calpads.current_load;
CREATE TABLE before_rows AS SELECT load_id, line_no FROM calpads.senr_baseline UNION ALL SELECT load_id, line_no FROM calpads.load_error;
SELECT calpads.load_ods('SENR', 'empty.txt', '');
\echo :LAST_ERROR_SQLSTATE
SELECT calpads.load_ods('SENR', 'blank.txt', E'\\x0D0A0D0A');
SELECT calpads.load_ods('SENR', 'nul.txt', file(senr(1)) || '\x00');
\echo :LAST_ERROR_SQLSTATE
SELECT calpads.load_ods('SENR', 'long.txt', file(senr(1), senr(2), senr(3, jsonb_build_object('local_record_id', repeat('x', 70000)))));
\echo :LAST_ERROR_SQLSTATE
SELECT calpads.load_ods('SENR', 'cr.txt', convert_to(senr(1) || E'\r' || senr(2) || E'\r', 'UTF8'));
SELECT calpads.load_ods('SENR', 'cut.txt', convert_to(senr(1) || E'\r\n' || senr(2) || E'\r\n' || left(senr(3), 60), 'UTF8'));
SELECT calpads.load_ods('SENR', 'comma.csv', file(replace(senr(1), '^', ','), replace(senr(2), '^', ',')));
SELECT calpads.load_ods('SENR', 'header.txt', file(
	(SELECT string_agg(label, '^' ORDER BY ordinal) FROM calpads.layout_field WHERE layout = 'senr_ods' AND last_year IS NULL), senr(1)));
SELECT calpads.load_ods('SENR', 'sprg.txt', file(replace(senr(1), 'SENR-R', 'SPRG-R'), replace(senr(2), 'SENR-R', 'SPRG-R')));
SELECT calpads.load_ods('SENR', 'other.txt', file(replace(senr(1), 'SENR-R', 'names'), replace(senr(2), 'SENR-R', 'names')));
SELECT calpads.load_ods('SENR', 'year.txt', file(senr_of('2021-2022')));
\echo :LAST_ERROR_SQLSTATE
SELECT calpads.load_ods('SENR', 'year.txt', file(senr_of('2019-2020')));
SELECT calpads.load_ods('SENR', 'year.txt', file('SENR-R^1^2'));
SELECT calpads.load_ods('SENR', 'year.txt', file(senr(1), 'SENR-R^' || left(senr(2), 40)), '2025');
-- Headers in another spelling, a title, and a file that was made for CALPADS.
SELECT calpads.load_ods('SENR', 'names.txt', file('RecordType^Transaction^SSID', senr(1), senr(2)));
SELECT calpads.load_ods('SENR', 'title.txt', file('SSID Enrollment', senr(1), senr(2)));
SELECT calpads.load_ods('SENR', '001_Removals.txt', file(regexp_replace(senr(1), '^SENR-R\^[^^]*', 'SENR^D')));
SELECT calpads.load_ods('STAS', 'file.txt', file(senr(1)));
\echo :LAST_ERROR_SQLSTATE
SELECT calpads.load_ods(NULL, 'file.txt', file(senr(1)));
SELECT calpads.load_ods('SENR', NULL);

-- Files of the server that are refused; folders differ from machine to machine.
CREATE FUNCTION error_of_file(path text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	hint text;
BEGIN
	PERFORM calpads.load_ods('SENR', path);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN regexp_replace(concat_ws(' | ', SQLSTATE, message, hint), '"/[^"]*/', '".../');
END;
$$;
SELECT error_of_file('senr.txt');
SELECT error_of_file('/nowhere/senr.txt');
SELECT error_of_file(:'folder');
\! rm -f results/load.fifo && mkfifo results/load.fifo && chmod a+r results/load.fifo
SELECT error_of_file(:'fifo');
\! rm -f results/load.fifo
SELECT (SELECT count(*) FROM before_load) = (SELECT count(*) FROM calpads.load)
	AND NOT EXISTS (TABLE before_load EXCEPT TABLE calpads.load)
	AND NOT EXISTS (TABLE before_current EXCEPT TABLE calpads.current_load)
	AND (SELECT count(*) FROM before_rows) = (SELECT count(*) FROM calpads.senr_baseline) + (SELECT count(*) FROM calpads.load_error)
	AS nothing_changed;

-- An extract of active students only: it lacks what the SIS closed.
INSERT INTO load_sis.stu (sc, sn, id, cid, ln, fn, bd, gn, bcu, gr, tg) VALUES
	(1, 1, 101, '1000000001', 'Alder', 'Ana', '2010-02-03', 'F', 'US', 9, ''),
	(1, 2, 102, '1000000002', 'Birch', 'Ben', '2010-03-04', 'M', 'US', 9, 'I');
INSERT INTO load_sis.enr (id, sc, sn, yr, ed, ld, er, gr) VALUES
	(101, 1, 1, '2025', '2025-08-11', NULL, NULL, 9),
	(102, 1, 2, '2025', '2025-08-11', '2025-09-12', 'T160', 9);
SELECT ssid, school_of_attendance, enrollment_start_date, enrollment_exit_date FROM load_sis.senr ORDER BY ssid;
SELECT calpads.load_ods('SENR', 'active.txt', file(VARIADIC students(21, 20)));
\echo :LAST_ERROR_SQLSTATE
-- Too few rows to tell; the closed one is there, still open; another exit is there; no closed one in the SIS.
SELECT rows_loaded FROM calpads.load_ods('SENR', 'active.txt', file(VARIADIC students(21, 19)));
SELECT rows_loaded FROM calpads.load_ods('SENR', 'active.txt', file(VARIADIC students(21, 20) || senr(2)));
SELECT rows_loaded FROM calpads.load_ods('SENR', 'active.txt', file(VARIADIC students(21, 20) ||
	senr(41, '{"enrollment_exit_date": "20250903", "student_exit_reason_code": "T160"}')));
UPDATE load_sis.enr SET ld = NULL, er = NULL;
SELECT rows_loaded FROM calpads.load_ods('SENR', 'active.txt', file(VARIADIC students(21, 20)));

-- Privileges: a file of the server needs more than its bytes.
CREATE ROLE calpads_test_clerk;
GRANT USAGE ON SCHEMA load_test, load_sis TO calpads_test_clerk;
GRANT SELECT ON ALL TABLES IN SCHEMA load_sis TO calpads_test_clerk;
SET ROLE calpads_test_clerk;
SELECT calpads.load_ods('SENR', 'clerk.txt', file(senr(1)));
RESET ROLE;
SELECT calpads.grant_access('calpads_test_clerk', 'reader');
SET ROLE calpads_test_clerk;
SELECT calpads.load_ods('SENR', 'clerk.txt', file(senr(1)));
RESET ROLE;
SELECT calpads.grant_access('calpads_test_clerk', 'operator');
SET ROLE calpads_test_clerk;
SELECT rows_loaded, loaded_by = session_user AS by_session_user FROM calpads.load_ods('SENR', 'clerk.txt', file(senr(1)));
SELECT rows_loaded FROM calpads.load_ods('SENR', :'senr_ods');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
GRANT pg_read_server_files TO calpads_test_clerk;
SET ROLE calpads_test_clerk;
SELECT rows_loaded FROM calpads.load_ods('SENR', :'senr_ods');
RESET ROLE;
REVOKE INSERT ON calpads.senr_baseline FROM calpads_test_clerk;
SET ROLE calpads_test_clerk;
SELECT rows_loaded FROM calpads.load_ods('SENR', 'clerk.txt', file(senr(1)));
RESET ROLE;

-- What would be passed by when the baseline is written.
CREATE INDEX extra ON calpads.senr_baseline (ssid);
SELECT calpads.load_ods('SENR', 'file.txt', file(senr(1)));
\echo :LAST_ERROR_SQLSTATE
DROP INDEX calpads.extra;
CREATE TRIGGER extra BEFORE INSERT ON calpads.senr_baseline FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
SELECT calpads.load_ods('SENR', 'file.txt', file(senr(1)));
DROP TRIGGER extra ON calpads.senr_baseline;
ALTER TABLE calpads.load_error ADD CONSTRAINT extra CHECK (line_no > 0);
SELECT calpads.load_ods('SENR', 'file.txt', file(senr(1)));
ALTER TABLE calpads.load_error DROP CONSTRAINT extra;

-- A file of many batches, values too long for a page, and a line of 64 kB in
-- load_error: all of it comes out again.
SELECT rows_read, rows_loaded, rows_rejected FROM calpads.load_ods('SENR', 'many.txt', file(VARIADIC
	students(1, 2500, '{"enrollment_exit_date": "20250903", "student_exit_reason_code": "T160"}') ||
	senr(2501, jsonb_build_object('local_record_id', repeat('x', 60000))) ||
	senr(2502, jsonb_build_object('local_record_id', repeat('y', 60000), 'student_gender_code', 'FF'))));
SELECT count(*), count(DISTINCT ssid), min(line_no), max(line_no), max(length(local_record_id)),
	count(enrollment_exit_date)
FROM calpads.senr_baseline WHERE load_id = (SELECT max(load_id) FROM calpads.load);
SELECT line_no, length(line), right(line, 18) FROM calpads.load_error WHERE load_id = (SELECT max(load_id) FROM calpads.load);
CREATE EXTENSION amcheck;
SELECT * FROM verify_heapam('calpads.senr_baseline', check_toast => true);
SELECT * FROM verify_heapam('calpads.load_error', check_toast => true);
DROP EXTENSION amcheck;

SET client_min_messages = warning;
DROP SCHEMA load_test CASCADE;
DROP SCHEMA load_sis CASCADE;
DROP OWNED BY calpads_test_clerk;
DROP ROLE calpads_test_clerk;
