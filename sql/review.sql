-- Looking back: earlier states, drift after a fresh load, the story of a
-- student.

\set SHOW_CONTEXT never
\getenv abs_srcdir PG_ABS_SRCDIR
\set clear_history :abs_srcdir '/test/data/clear_history.sql'
\i :clear_history
SET datestyle = iso;
SET calpads.today = '2025-11-01';
SET calpads.sis_schema = 'extract_sis';
SET calpads.removal_limit_percent = 100;
\set fixture :abs_srcdir '/test/data/meadow_unified.sql'
\i :fixture

SELECT clock_timestamp() AS before_all \gset
SELECT rows_loaded FROM calpads.load_ods('SENR', 'ods.txt', convert_to(:'ods', 'UTF8'));

-- The story: a row moved, a row that never was, nothing but agreement.
SELECT no, what, school_of_attendance AS school, enrollment_start_date AS start, calpads, sis, rule
FROM calpads.explain('1000000102');
SELECT no, what, explanation FROM calpads.explain('1000000102');
SELECT no, what, calpads, sis, explanation FROM calpads.explain('1000000104');
SELECT * FROM calpads.explain('9999999999');
SELECT * FROM calpads.explain(NULL);
-- What is held and why is part of it.
UPDATE extract_sis.enr SET gr = 99 WHERE id = 103;
SELECT no, what, rule, explanation FROM calpads.explain('1000000103');
UPDATE extract_sis.enr SET gr = 5 WHERE id = 103;

-- Files are part of it too.
SELECT count(*) AS files FROM calpads.create_extract('SENR');
SELECT status FROM calpads.post_file(1);
SELECT clock_timestamp() AS one_posted \gset
SELECT no, what, explanation FROM calpads.explain('1000000102') WHERE what LIKE '% in %';

-- What CALPADS held at a moment, whatever was done since.
SELECT status FROM calpads.post_file(2);
SELECT clock_timestamp() AS two_posted \gset
SELECT status FROM calpads.unpost_file(2);
SELECT count(*) AS rows, count(enrollment_exit_date) AS exits FROM calpads.ods_senr;
SELECT count(*) AS rows FROM calpads.ods_senr_as_of(timestamptz :'before_all');
SELECT count(*) AS rows, count(enrollment_exit_date) AS exits FROM calpads.ods_senr_as_of(timestamptz :'one_posted');
SELECT count(*) AS rows, count(enrollment_exit_date) AS exits FROM calpads.ods_senr_as_of(timestamptz :'two_posted');
SELECT count(*) AS rows, count(enrollment_exit_date) AS exits FROM calpads.ods_senr_as_of(1);

-- A fresh ODS: the deletion of file 1 was not kept; a record of file 3 was
-- posted but not marked; somebody edited 104 in CALPADS.
SELECT replace(replace(:'ods', E'^04^^^', E'^05^^^'), '^1000000104^104^Una^^Quiet^^^^^20140601^F^^^US^20250820^10^',
	'^1000000104^104^Una^^Quiet^^^^^20140601^F^^^US^20250820^50^') AS fresh \gset
SELECT rows_loaded FROM calpads.load_ods('SENR', 'fresh.txt', convert_to(:'fresh', 'UTF8'));
SELECT lea, kind, ssid, enrollment_start_date AS start, changed, file_id, sis_agrees FROM calpads.drift('SENR');
SELECT kind, regexp_replace(explanation, '\d\d/\d\d/\d{4}', '<day>') AS explanation FROM calpads.drift('SENR');
-- The old history still answers.
SELECT count(*) AS rows FROM calpads.ods_senr_as_of(1);
SELECT count(*) AS rows FROM calpads.ods_senr_as_of(timestamptz :'two_posted');
SELECT * FROM calpads.drift('SINF');

DROP FUNCTION ods_line;
SET client_min_messages = warning;
DROP SCHEMA extract_sis CASCADE;
