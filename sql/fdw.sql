-- calpads_fdw: options, columns, reading, planning, ANALYZE, IMPORT FOREIGN
-- SCHEMA, partitions; every error.

\getenv abs_srcdir PG_ABS_SRCDIR
\getenv abs_builddir PG_ABS_BUILDDIR
\set folder :abs_srcdir '/test/data'
\set senr_ods :abs_srcdir '/test/data/senr_ods.txt'
\set windows_1252 :abs_srcdir '/test/data/senr_ods_windows_1252.txt'
\set faulty :abs_srcdir '/test/data/senr_ods_faulty.txt'
\set old_file :abs_srcdir '/test/data/senr_ods_2021.txt'
\set match_result :abs_srcdir '/test/data/ssid_match_result.csv'
\set programs :abs_srcdir '/test/data/isi_programs.txt'
\set empty :abs_srcdir '/test/data/empty.txt'
\set fifo :abs_builddir '/results/fdw.fifo'
SET datestyle = iso;
SET calpads.today = '2025-10-15';
CREATE SCHEMA fdw_test;
SET search_path = fdw_test;

-- Folders differ from machine to machine.
CREATE FUNCTION without_folder(message text) RETURNS text LANGUAGE sql AS $$
	SELECT regexp_replace(message, '/[^ ",'']*/', '.../', 'g')
$$;

-- What EXPLAIN says.
CREATE FUNCTION plan_of(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN ' || statement LOOP
		RETURN NEXT without_folder(line);
	END LOOP;
END;
$$;

-- The error of a statement, part by part.
CREATE FUNCTION error_of(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	sqlstate_value text;
	message text;
	detail text;
	hint text;
	context text;
BEGIN
	EXECUTE statement;
	RETURN NEXT 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS sqlstate_value = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
	RETURN NEXT sqlstate_value || ': ' || without_folder(message);
	RETURN QUERY SELECT part FROM (VALUES
		('DETAIL: ' || without_folder(nullif(detail, ''))),
		('HINT: ' || without_folder(nullif(hint, ''))),
		('CONTEXT: ' || without_folder(substring(context FROM '^file[^\n]*')))) parts (part)
	WHERE part IS NOT NULL;
END;
$$;

-- A table of all fields.
IMPORT FOREIGN SCHEMA senr_ods FROM SERVER calpads_files INTO fdw_test OPTIONS (filename :'senr_ods');
SELECT attname, format_type(atttypid, atttypmod) AS type,
	(SELECT collname FROM pg_collation c WHERE c.oid = attcollation) AS collation
FROM pg_attribute WHERE attrelid = 'senr_ods'::regclass AND attnum > 0 ORDER BY attnum;
SELECT reporting_lea, school_of_attendance, school_of_attendance_nps, ssid, student_legal_first_name,
	student_legal_last_name, student_birth_date, enrollment_start_date, enrollment_exit_date,
	student_exit_reason_code, last_date_updated
FROM senr_ods;
SELECT count(*) FROM senr_ods;
SELECT ssid FROM senr_ods WHERE enrollment_exit_date < '2025-07-01';
SELECT senr_ods FROM senr_ods LIMIT 1;
SELECT tableoid::regclass, ssid FROM senr_ods LIMIT 1;

-- LIMIT TO and EXCEPT are about the one table there is.
IMPORT FOREIGN SCHEMA senr_ods LIMIT TO (senr_ods) FROM SERVER calpads_files INTO fdw_test OPTIONS (filename :'senr_ods');
IMPORT FOREIGN SCHEMA senr_ods LIMIT TO (sprg_ods) FROM SERVER calpads_files INTO fdw_test OPTIONS (filename :'senr_ods');
IMPORT FOREIGN SCHEMA senr_ods EXCEPT (senr_ods) FROM SERVER calpads_files INTO fdw_test OPTIONS (filename :'senr_ods');
\set VERBOSITY terse
IMPORT FOREIGN SCHEMA no_layout FROM SERVER calpads_files INTO fdw_test OPTIONS (filename :'senr_ods');
\set VERBOSITY default
IMPORT FOREIGN SCHEMA senr_ods FROM SERVER calpads_files INTO fdw_test;
IMPORT FOREIGN SCHEMA senr_ods FROM SERVER calpads_files INTO fdw_test OPTIONS (filename :'senr_ods', layout 'senr_ods');
IMPORT FOREIGN SCHEMA senr_ods FROM SERVER calpads_files INTO fdw_test OPTIONS (filename :'senr_ods', delimiter '^');
IMPORT FOREIGN SCHEMA senr_ods FROM SERVER calpads_files INTO fdw_test OPTIONS (filename :'senr_ods', layout_year '2025');

-- Other formats: CSV with quotes, tabs without, dates of both forms.
IMPORT FOREIGN SCHEMA ssid_match_result FROM SERVER calpads_files INTO fdw_test OPTIONS (filename :'match_result');
SELECT submitted_senr_local_id, submitted_senr_student_legal_last_name, submitted_senr_student_legal_first_name,
	result_senr_ssid, result_senr_ssid_create_date, result_match_category, submitted_senr_birth_date
FROM ssid_match_result;
IMPORT FOREIGN SCHEMA isi_programs FROM SERVER calpads_files INTO fdw_test OPTIONS (filename :'programs');
SELECT import_student_id, student_first_name, birth_date, program_id, program_start_date, program_end_date, site_id
FROM isi_programs;

-- Some columns in any order; varchar; dates as text; blanks are null.
CREATE FOREIGN TABLE enrollments (last_date_updated text, enrollment_start_date text, ssid varchar, enrollment_exit_date date)
	SERVER calpads_files OPTIONS (layout 'senr_ods', filename :'senr_ods');
SELECT * FROM enrollments ORDER BY ssid;
ALTER FOREIGN TABLE enrollments DROP COLUMN enrollment_start_date;
SELECT * FROM enrollments WHERE ssid = '1000000002';

-- Encodings.
CREATE FOREIGN TABLE names (ssid text, student_legal_first_name text, student_legal_last_name text)
	SERVER calpads_files OPTIONS (layout 'senr_ods', filename :'windows_1252');
SELECT * FROM names;
ALTER FOREIGN TABLE names OPTIONS (ADD encoding 'windows-1252');
SELECT * FROM names;
ALTER FOREIGN TABLE names OPTIONS (SET encoding 'utf8');
SELECT * FROM error_of('SELECT * FROM names');
ALTER FOREIGN TABLE names OPTIONS (SET filename :'senr_ods');
SELECT * FROM names WHERE ssid = '1000000004';

-- A file of an older year.
CREATE FOREIGN TABLE old (ssid text, adult_age_students_with_disabilities_in_transition_status text, upload_date text)
	SERVER calpads_files OPTIONS (layout 'senr_ods', filename :'old_file');
SELECT * FROM error_of('SELECT * FROM old');
ALTER FOREIGN TABLE old OPTIONS (ADD layout_year '2021-2022');
SELECT * FROM old;
ALTER FOREIGN TABLE old ADD COLUMN graduation_exemption_indicator text;
SELECT * FROM error_of('SELECT count(*) FROM old');

-- A layout of the district's own, which came in 2024.
INSERT INTO calpads.layout (name, format, header, optional_trailing_fields, title)
VALUES ('fdw_test', 'tab', 'never', 0, 'two columns');
INSERT INTO calpads.layout_field (layout, ordinal, name, label, type, required, key, first_year)
VALUES ('fdw_test', 1, 'id', 'ID', 'integer', true, true, '2024-2025'),
	('fdw_test', 2, 'day', 'Day', 'date_mdy', false, false, '2024-2025');
\! printf '1\t8/9/2025\n2\t\n' >results/fdw_own.txt
\set own :abs_builddir '/results/fdw_own.txt'
IMPORT FOREIGN SCHEMA fdw_test FROM SERVER calpads_files INTO fdw_test OPTIONS (filename :'own', layout_year '2024-2025');
SELECT * FROM fdw_test;
ALTER FOREIGN TABLE fdw_test OPTIONS (SET layout_year '2023-2024');
SELECT * FROM fdw_test;
\echo :LAST_ERROR_SQLSTATE
DELETE FROM calpads.layout_field WHERE layout = 'fdw_test';
DELETE FROM calpads.layout WHERE name = 'fdw_test';

-- Bad lines: stop or skip.  Only what is asked for is converted.
CREATE FOREIGN TABLE faulty (ssid text, enrollment_start_date date, student_birth_date date)
	SERVER calpads_files OPTIONS (layout 'senr_ods', filename :'faulty');
SELECT * FROM error_of('SELECT ssid, enrollment_start_date FROM faulty');
SELECT * FROM error_of('SELECT ssid FROM faulty');
ALTER FOREIGN TABLE faulty OPTIONS (ADD on_error 'skip');
SELECT ssid, enrollment_start_date FROM faulty;
SELECT ssid, student_birth_date FROM faulty;
SELECT ssid FROM faulty;
SELECT count(*) FROM faulty;
ALTER FOREIGN TABLE faulty OPTIONS (DROP on_error);
ALTER SERVER calpads_files OPTIONS (ADD on_error 'skip');
SELECT count(*) FROM faulty;
ALTER FOREIGN TABLE faulty OPTIONS (ADD on_error 'stop');
SELECT * FROM error_of('SELECT count(*) FROM faulty');
ALTER SERVER calpads_files OPTIONS (DROP on_error);

-- Columns that cannot be.
CREATE FOREIGN TABLE unknown (ssid text, social_security_number text)
	SERVER calpads_files OPTIONS (layout 'senr_ods', filename :'senr_ods');
SELECT * FROM error_of('SELECT ssid FROM unknown');
CREATE FOREIGN TABLE mistyped (ssid bigint)
	SERVER calpads_files OPTIONS (layout 'senr_ods', filename :'senr_ods');
SELECT * FROM error_of('SELECT ssid FROM mistyped');
ALTER FOREIGN TABLE mistyped ALTER COLUMN ssid TYPE date;
SELECT * FROM error_of('SELECT ssid FROM mistyped');
ALTER FOREIGN TABLE mistyped ALTER COLUMN ssid TYPE varchar(10), ADD COLUMN enrollment_start_date timestamp;
SELECT * FROM error_of('SELECT ssid FROM mistyped');
ALTER FOREIGN TABLE mistyped ALTER COLUMN ssid TYPE varchar;
SELECT * FROM error_of('SELECT ssid FROM mistyped');

-- Files that cannot be.
\! rm -f results/fdw.fifo && mkfifo results/fdw.fifo && chmod a+r results/fdw.fifo
CREATE FOREIGN TABLE wrong (ssid text)
	SERVER calpads_files OPTIONS (layout 'senr_ods', filename '/nowhere/senr_ods.txt');
SELECT * FROM error_of('SELECT ssid FROM wrong');
SELECT * FROM error_of('ANALYZE wrong');
EXPLAIN SELECT ssid FROM wrong;
ALTER FOREIGN TABLE wrong OPTIONS (SET filename :'folder');
SELECT * FROM error_of('SELECT ssid FROM wrong');
ALTER FOREIGN TABLE wrong OPTIONS (SET filename :'fifo');
SELECT * FROM error_of('SELECT ssid FROM wrong');
ALTER FOREIGN TABLE wrong OPTIONS (SET filename :'empty');
SELECT * FROM error_of('SELECT ssid FROM wrong');
ALTER FOREIGN TABLE wrong OPTIONS (SET filename :'match_result');
SELECT * FROM error_of('SELECT ssid FROM wrong');
ALTER FOREIGN TABLE wrong OPTIONS (SET filename :'senr_ods', SET layout 'sprg_ods');
SELECT * FROM error_of('SELECT ssid FROM wrong');
ALTER FOREIGN TABLE wrong OPTIONS (SET layout 'no_layout');
SELECT * FROM error_of('SELECT ssid FROM wrong');
\! rm -f results/fdw.fifo

-- Options.
CREATE FOREIGN TABLE optionless (ssid text) SERVER calpads_files;
CREATE FOREIGN TABLE optionless (ssid text) SERVER calpads_files OPTIONS (layout 'senr_ods');
CREATE FOREIGN TABLE optionless (ssid text) SERVER calpads_files OPTIONS (filename '/file');
ALTER FOREIGN TABLE enrollments OPTIONS (DROP filename);
ALTER FOREIGN TABLE enrollments OPTIONS (ADD header 'true');
ALTER FOREIGN TABLE enrollments OPTIONS (SET filename 'senr_ods.txt');
\echo :LAST_ERROR_SQLSTATE
ALTER FOREIGN TABLE enrollments OPTIONS (ADD on_error 'ignore');
ALTER FOREIGN TABLE enrollments OPTIONS (ADD encoding 'latin1');
ALTER FOREIGN TABLE enrollments OPTIONS (ADD layout_year '2025-2027');
ALTER FOREIGN TABLE enrollments ALTER COLUMN ssid OPTIONS (ADD name 'x');
ALTER SERVER calpads_files OPTIONS (ADD filename '/file');
\echo :LAST_ERROR_SQLSTATE
ALTER FOREIGN DATA WRAPPER calpads_fdw OPTIONS (ADD layout 'senr_ods');
CREATE USER MAPPING FOR CURRENT_USER SERVER calpads_files OPTIONS (password 'x');

-- Who may set the file name decides who reads the file.
CREATE ROLE calpads_test_clerk;
GRANT USAGE ON FOREIGN SERVER calpads_files TO calpads_test_clerk;
GRANT ALL ON SCHEMA fdw_test TO calpads_test_clerk;
GRANT SELECT ON enrollments TO calpads_test_clerk;
SELECT calpads.grant_access('calpads_test_clerk', 'reader');
SET ROLE calpads_test_clerk;
SELECT count(*) FROM enrollments;
CREATE FOREIGN TABLE clerk (ssid text)
	SERVER calpads_files OPTIONS (layout 'senr_ods', filename '/etc/passwd');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM error_of(format('IMPORT FOREIGN SCHEMA senr_ods FROM SERVER calpads_files INTO fdw_test OPTIONS (filename %L)', :'senr_ods'));
RESET ROLE;
GRANT pg_read_server_files TO calpads_test_clerk;
SET ROLE calpads_test_clerk;
CREATE FOREIGN TABLE clerk (ssid text)
	SERVER calpads_files OPTIONS (layout 'senr_ods', filename :'senr_ods');
SELECT count(*) FROM clerk;
RESET ROLE;

-- Plans.
SELECT plan_of('(COSTS OFF) SELECT ssid FROM enrollments WHERE ssid = ''1000000002''');
SELECT line FROM plan_of('SELECT ssid FROM enrollments') AS line WHERE line LIKE '%Foreign File Size%';
SELECT count(*) FROM enrollments AS a, LATERAL (SELECT FROM enrollments AS b WHERE b.ssid > a.ssid LIMIT 10) AS c;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SELECT count(*) FROM enrollments AS a JOIN enrollments AS b USING (ssid);
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_material;
-- The setting has another name since version 16.
SELECT set_config(name, 'on', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT count(*), max(ssid) FROM enrollments;
SELECT set_config(name, 'off', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');

-- Statistics.
ANALYZE enrollments;
SELECT reltuples FROM pg_class WHERE oid = 'enrollments'::regclass;
SELECT attname, null_frac, n_distinct FROM pg_stats
WHERE schemaname = 'fdw_test' AND tablename = 'enrollments' ORDER BY attname;
-- More lines than the sample takes.
\copy (SELECT concat('SENR-R^^^5699990^5600001^^2025-2026^', 1000000000 + i, '^', i, '^Ana^^Alder^^^^^20100203^F^^^US^20250811^10^09', repeat('^', 11)) FROM generate_series(1, 1000) i) TO 'results/fdw_many.txt'
\set many :abs_builddir '/results/fdw_many.txt'
ALTER FOREIGN TABLE enrollments OPTIONS (SET filename :'many');
SET default_statistics_target = 1;
ANALYZE enrollments (ssid);
RESET default_statistics_target;
SELECT reltuples FROM pg_class WHERE oid = 'enrollments'::regclass;
SELECT n_distinct FROM pg_stats WHERE schemaname = 'fdw_test' AND tablename = 'enrollments' AND attname = 'ssid';
ALTER FOREIGN TABLE enrollments OPTIONS (SET filename :'senr_ods');

-- As a partition.
CREATE TABLE enrollment (reporting_lea text, enrollment_start_date date, ssid text) PARTITION BY LIST (reporting_lea);
CREATE TABLE enrollment_here PARTITION OF enrollment FOR VALUES IN ('0000000');
CREATE FOREIGN TABLE enrollment_file (ssid text, reporting_lea text, enrollment_start_date date)
	SERVER calpads_files OPTIONS (layout 'senr_ods', filename :'senr_ods');
ALTER TABLE enrollment ATTACH PARTITION enrollment_file FOR VALUES IN ('5699990');
INSERT INTO enrollment VALUES ('0000000', '2025-08-11', '1000000009');
SELECT tableoid::regclass, * FROM enrollment ORDER BY ssid;
SELECT enrollment FROM enrollment WHERE ssid = '1000000002';
SELECT count(*) FROM enrollment WHERE reporting_lea = '0000000';
ANALYZE enrollment;

-- Files are for reading.
INSERT INTO enrollment VALUES ('5699990', '2025-08-11', '1000000009');
INSERT INTO enrollments (ssid) VALUES ('1');
UPDATE enrollment SET ssid = '1' WHERE reporting_lea = '5699990';
DELETE FROM enrollment WHERE reporting_lea = '5699990';
COPY enrollments FROM stdin;
\.
TRUNCATE enrollments;

SET client_min_messages = warning;
DROP SCHEMA fdw_test CASCADE;
DROP OWNED BY calpads_test_clerk;
DROP ROLE calpads_test_clerk;
