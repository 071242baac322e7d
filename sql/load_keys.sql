-- load_ods with more keys than it may keep in memory: the others wait in
-- temporary files, and what comes of the file is the same.

\getenv abs_srcdir PG_ABS_SRCDIR
\set SHOW_CONTEXT never
\set clear_history :abs_srcdir '/test/data/clear_history.sql'
\i :clear_history
SET datestyle = iso;
SET calpads.today = '2025-10-15';
SET calpads.sis_schema = 'load_keys_sis';
CREATE SCHEMA load_keys_test;
SET search_path = load_keys_test;

SELECT count(*) > 0 AS made FROM calpads.create_sis_schema('load_keys_sis');
INSERT INTO load_keys_sis.loc (cd, nm, cc, dc, sc, dnr) VALUES
	(0, 'Harbor Unified', '56', '99990', '0000000', false),
	(1, 'Pier Middle', '56', '99990', '5600001', false),
	(2, 'Quay High', '56', '99990', '5600002', false),
	(3, 'Dock Adult', '56', '99990', '5600003', true);

-- A record of an extract; some values are replaced.
CREATE FUNCTION record_of(of_layout text, changes jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(coalesce(('{"reporting_lea": "5699990", "school_of_attendance": "5600001",
		"academic_year_id": "2025-2026", "student_legal_first_name": "Zoë", "student_legal_last_name": "Alder",
		"student_birth_date": "20100203", "student_gender_code": "F"}'::jsonb || changes) ->> name, ''), '^' ORDER BY ordinal)
	FROM calpads.layout_field
	WHERE layout = of_layout AND coalesce(last_year, '2025-2026') >= '2025-2026'
$$;
-- The record of student number n: local student ID, school and exit date may be others.
CREATE TABLE pattern AS
SELECT record_of('senr_ods', '{"record_type_code": "SENR-R", "ssid": "<ssid>", "local_student_id": "<local>",
	"school_of_attendance": "<school>", "enrollment_start_date": "20250811", "enrollment_exit_date": "<exit>",
	"enrollment_status_code": "10", "grade_level_code": "09", "upload_date": "20250901", "last_date_updated": "20250901"}') AS senr,
	record_of('sela_ods', '{"record_type_code": "SELA-R", "ssid": "<ssid>", "local_student_id": "<local>",
	"english_language_acquisition_status_code": "EL", "english_language_acquisition_status_start_date": "20180815",
	"primary_language_code": "01", "upload_date": "09/01/2025", "last_date_updated": "20250901 10:15"}') AS sela;
CREATE FUNCTION fill(pattern text, n bigint, local bigint, school text DEFAULT '5600001', exit text DEFAULT '')
RETURNS text LANGUAGE sql AS $$
	SELECT replace(replace(replace(replace(pattern,
		'<ssid>', (1000000000 + n)::text), '<local>', local::text), '<school>', school), '<exit>', exit)
$$;

-- 40,000 lines of as many students, but for these.  With the smallest memory
-- 1,792 keys stay there, and those that wait fill their tables once more.
CREATE TABLE line AS SELECT n AS line_no, n AS student, '5600001' AS school, '20250910' AS exit FROM generate_series(1, 40000) n;
CREATE FUNCTION repeat(first integer, last integer, by integer) RETURNS void LANGUAGE sql AS $$
	UPDATE line SET student = line_no - by WHERE line_no BETWEEN first AND last
$$;
SELECT repeat(1502, 1502, 1), repeat(12001, 12001, 1), repeat(20002, 20002, 1);	-- one beside the other
SELECT repeat(14000, 14000, 13999), repeat(39000, 39000, 38999);				-- three times
SELECT repeat(39001, 39001, 27001), repeat(39002, 39002, 19001);				-- three times, and again
SELECT repeat(30001, 30100, 30000);												-- the first in memory
SELECT repeat(35001, 35100, 25000), repeat(36001, 38000, 6000);					-- both in a file
UPDATE line SET school = '5600003' WHERE line_no IN (33000, 33001, 33002);
UPDATE line SET student = 33000 WHERE line_no BETWEEN 33001 AND 33002;
UPDATE line SET exit = '20250231' WHERE line_no IN (16000, 25000, 35100);		-- a bad field
CREATE TABLE file AS
SELECT 'SENR' AS process, convert_to(string_agg(fill(senr, student, line_no, school, exit), E'\r\n' ORDER BY line_no), 'UTF8') AS content
FROM line, pattern;

-- Rows that a load takes out of the table again: what it found at the end.
CREATE FUNCTION taken_back(baseline text) RETURNS bigint LANGUAGE sql AS $$
	SELECT pg_stat_get_xact_tuples_deleted(('calpads.' || baseline)::regclass)
$$;
SHOW calpads.comparison_memory;
BEGIN;
SELECT load_id, rows_read, rows_loaded, rows_rejected FROM file, calpads.load_ods(process, 'file.txt', content);
SELECT taken_back('senr_baseline');
COMMIT;
SET calpads.comparison_memory = 64;
BEGIN;
SELECT load_id, rows_read, rows_loaded, rows_rejected FROM file, calpads.load_ods(process, 'file.txt', content);
SELECT taken_back('senr_baseline');
COMMIT;

-- The same row in calpads.load, the same rows in the baseline, the same errors.
SELECT count(*), count(DISTINCT (lea, sha256, bytes, rows_read, rows_loaded, rows_rejected)) AS different FROM calpads.load;
SELECT count(*) AS rows, count(*) FILTER (WHERE load_id = 2 AND rule = 'IVR0034') AS duplicates,
	count(DISTINCT to_jsonb(e) - 'load_id') AS different
FROM calpads.load_error e;
SELECT string_agg(attname, ', ') AS columns FROM pg_attribute
WHERE attrelid = 'calpads.senr_baseline'::regclass AND attnum > 0 AND attname <> 'load_id' \gset
SELECT (SELECT count(*) FROM calpads.senr_baseline) AS rows, count(*) AS different
FROM (SELECT :columns FROM calpads.senr_baseline WHERE load_id = 1
	UNION SELECT :columns FROM calpads.senr_baseline WHERE load_id = 2) b;
SELECT count(*) AS rows, count(DISTINCT (school_of_attendance, ssid, enrollment_start_date)) AS keys
FROM calpads.senr_baseline WHERE load_id = 2;
-- It is the later lines that were set aside, each as it stands in the file.
SET enable_nestloop = off;
SELECT count(*) AS later_lines, count(*) FILTER (WHERE e.rule = 'IVR0034' AND e.field IS NULL
	AND e.line = fill(senr, student, line_no, school, exit)
	AND e.ssid = (1000000000 + student)::text AND e.local_student_id = line_no::text) AS set_aside
FROM pattern, (SELECT *, row_number() OVER (PARTITION BY student ORDER BY line_no) AS nth FROM line WHERE exit = '20250910') l
	LEFT JOIN (SELECT * FROM calpads.load_error WHERE load_id = 2) e USING (line_no)
WHERE nth > 1;
RESET enable_nestloop;
SELECT line_no, field, rule, message, ssid, local_student_id FROM calpads.load_error
WHERE load_id = 2 AND line_no NOT BETWEEN 30002 AND 30099 AND line_no NOT BETWEEN 35002 AND 35099
	AND line_no NOT BETWEEN 36002 AND 37999 ORDER BY line_no, field;

-- More than half of the records: refused, whenever that is known.
CREATE FUNCTION load_repeated(rows integer, times integer) RETURNS TABLE (rows_loaded bigint, rows_rejected bigint) LANGUAGE sql AS $$
	SELECT l.rows_loaded, l.rows_rejected
	FROM (SELECT string_agg(fill(senr, least(n, rows), n), E'\n' ORDER BY n) AS lines
		FROM pattern, generate_series(1, rows + times) n) AS file,
		calpads.load_ods('SENR', 'half.txt', convert_to(lines, 'UTF8')) l
$$;
SELECT * FROM load_repeated(2000, 2000);
SELECT * FROM load_repeated(2000, 2001);
\echo :LAST_ERROR_SQLSTATE

-- An exit date that only a duplicate has does not make the extract a whole one.
INSERT INTO load_keys_sis.stu (sc, sn, id, cid, ln, fn, bd, gn, bcu, gr, tg) VALUES
	(1, 2, 102, '1000009999', 'Birch', 'Ben', '2010-03-04', 'M', 'US', 9, 'I');
INSERT INTO load_keys_sis.enr (id, sc, sn, yr, ed, ld, er, gr) VALUES (102, 1, 2, '2025', '2025-08-11', '2025-09-12', 'T160', 9);
SELECT rows_loaded, rows_rejected FROM pattern, calpads.load_ods('SENR', 'active.txt', convert_to(
	(SELECT string_agg(fill(senr, n, n), E'\n' ORDER BY n) FROM generate_series(1, 2000) n) || E'\n'
	|| fill(senr, 2000, 2001, exit => '20250910'), 'UTF8'));
\echo :LAST_ERROR_SQLSTATE
TRUNCATE load_keys_sis.stu, load_keys_sis.enr;

-- What waits are temporary files, which the server may limit; in memory there are none.
SET temp_file_limit = '1kB';
\set VERBOSITY sqlstate
SELECT * FROM load_repeated(12000, 1);
\set VERBOSITY default
RESET calpads.comparison_memory;
SELECT * FROM load_repeated(12000, 1);
RESET temp_file_limit;
SET calpads.comparison_memory = 64;

-- A process without schools and exits.
BEGIN;
SELECT rows_read, rows_loaded, rows_rejected FROM calpads.load_ods('SELA', 'sela.txt', (
	SELECT convert_to(string_agg(fill(sela, least(n, 2999), n), E'\n' ORDER BY n), 'UTF8') FROM pattern, generate_series(1, 3000) n));
SELECT taken_back('sela_baseline');
COMMIT;
SELECT line_no, rule, ssid, local_student_id FROM calpads.load_error WHERE load_id = (SELECT max(load_id) FROM calpads.load);
SELECT count(*), max(line_no) FROM calpads.sela_baseline;

-- A role that only loads.
CREATE ROLE load_keys_operator;
SET client_min_messages = error;
SELECT calpads.grant_access('load_keys_operator', 'operator');
RESET client_min_messages;
GRANT USAGE ON SCHEMA load_keys_test TO load_keys_operator;
GRANT SELECT ON ALL TABLES IN SCHEMA load_keys_test TO load_keys_operator;
SET ROLE load_keys_operator;
SELECT * FROM load_repeated(2000, 2);
RESET ROLE;
DROP OWNED BY load_keys_operator;
DROP ROLE load_keys_operator;

\i :clear_history
SET client_min_messages = warning;
DROP SCHEMA load_keys_test, load_keys_sis CASCADE;
