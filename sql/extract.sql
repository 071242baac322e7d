-- Files and their life: create_extract, content, posting, taking back,
-- rejection, obsolescence, history; every error of these functions.

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

-- Nothing loaded yet.
SELECT * FROM calpads.senr_delta();
SELECT * FROM calpads.create_extract('SENR');
SELECT * FROM calpads.create_extract('STAS');
SELECT * FROM calpads.create_extract(NULL);
SELECT * FROM calpads.create_extract('SENR', all_students => true);
SELECT * FROM calpads.create_extract('SENR', lea => '0199999');

SELECT process, lea, rows_read, rows_loaded, rows_rejected
FROM calpads.load_ods('SENR', 'ods.txt', convert_to(:'ods', 'UTF8'));

-- The operations, each with its sentence.
SELECT file_no, category, transaction_type, reason, ssid, school_of_attendance, enrollment_start_date, changed
FROM calpads.senr_delta();
SELECT explanation FROM calpads.senr_delta();
SELECT (rec).local_student_id, (rec).student_legal_first_name, (rec).enrollment_exit_date, (rec).student_exit_reason_code
FROM calpads.senr_delta();
SELECT * FROM calpads.senr_held();

-- The removal limit.
SET calpads.removal_limit_percent = 5;
SELECT * FROM calpads.create_extract('SENR');
SELECT count(*) AS batches FROM calpads.batch;
SELECT count(*) AS files FROM calpads.create_extract('SENR', force => true);
SELECT forced, process, lea, today, encoding FROM calpads.batch;
SET calpads.removal_limit_percent = 100;
SELECT seq, category, file_name, records, status FROM calpads.create_extract('SENR');

-- The bytes: carets, no quotes, CR LF, blanks empty.
SELECT f.file_name, replace(convert_from(calpads.file_content(f.file_id), 'UTF8'), E'\r\n', '<CRLF>') AS content
FROM calpads.extract_file f WHERE f.batch_id = (SELECT max(batch_id) FROM calpads.batch) ORDER BY f.seq;
-- Made and read by one statement.
BEGIN;
SELECT file_name, length(calpads.file_content(file_id)) > 100 AS content FROM calpads.create_extract('SENR');
ROLLBACK;
-- The same input gives the same bytes.
SELECT count(DISTINCT calpads.file_content(f.file_id)) AS different, count(*) AS made
FROM calpads.extract_file f WHERE f.seq = 2;
SELECT r.line_no, r.ssid, r.key, r.transaction_type, r.reason FROM calpads.extract_record r
JOIN calpads.extract_file f USING (file_id)
WHERE f.batch_id = (SELECT max(batch_id) FROM calpads.batch) ORDER BY f.seq, r.line_no;

-- Two batches wait; only the lowest number of each can be posted.
SELECT batch_id - min(batch_id) OVER () AS batch, seq, category, file_name, records, status
FROM calpads.history WHERE file_id IS NOT NULL ORDER BY batch_id, seq;
SELECT seq, file_name, status FROM calpads.history_open ORDER BY batch_id;

SELECT max(batch_id) AS batch, min(batch_id) AS first_batch FROM calpads.batch \gset
SELECT max(file_id) FILTER (WHERE seq = 1) AS first, max(file_id) FILTER (WHERE seq = 2) AS second,
	max(file_id) FILTER (WHERE seq = 3) AS third FROM calpads.extract_file WHERE batch_id = :batch \gset
SELECT calpads.post_file(:second);
SELECT status, posted_by = session_user AS by_me, posted_at IS NOT NULL AS at FROM calpads.post_file(:first);
-- The detail tells the time.
\set VERBOSITY terse
SELECT calpads.post_file(:first);
\set VERBOSITY default
SELECT batch_id - :first_batch AS batch, seq, status FROM calpads.history WHERE file_id IS NOT NULL
ORDER BY batch_id, seq;
SELECT calpads.post_file(file_id) FROM calpads.extract_file WHERE status = 'Obsolete' AND seq = 2;

-- What was posted counts as what CALPADS holds.
SELECT ssid, school_of_attendance, enrollment_start_date, enrollment_exit_date
FROM calpads.ods_senr ORDER BY ssid, enrollment_start_date;
SELECT file_no, category, ssid FROM calpads.senr_delta();

-- Rejected: the later file stays locked; the next batch begins with what is left.
SELECT calpads.reject_file(:third, 'not yet');
SELECT status, note FROM calpads.reject_file(:second, 'SENR0178 in line 1');
SELECT seq, status FROM calpads.extract_file WHERE batch_id = :batch ORDER BY seq;
SELECT count(*) AS open_files FROM calpads.history_open;
SELECT seq, category, file_name, records, status FROM calpads.create_extract('SENR');
-- CALPADS took it in the end: a rejected file can still be posted.
SELECT status FROM calpads.post_file(:second);
SELECT status FROM calpads.post_file(:third);
SELECT count(*) AS operations FROM calpads.senr_delta();
SELECT count(*) AS files FROM calpads.create_extract('SENR');

-- Taken back in reverse order.
SELECT calpads.unpost_file(:first);
SELECT status, posted_at, posted_by FROM calpads.unpost_file(:third);
SELECT calpads.unpost_file(:third);
SELECT seq, status FROM calpads.extract_file WHERE batch_id = :batch ORDER BY seq;
SELECT file_no, category, ssid FROM calpads.senr_delta();
SELECT status FROM calpads.unpost_file(:second);
SELECT status FROM calpads.unpost_file(:first);
-- What its posting had made obsolete can be posted again; what was made on top
-- of it is obsolete.
SELECT batch_id - :first_batch AS batch, seq, status FROM calpads.history WHERE file_id IS NOT NULL
ORDER BY batch_id, seq;

-- Every change is an event.
SELECT e.status, e.note, e.happened_by = session_user AS by_me
FROM calpads.file_event e WHERE e.file_id = :first ORDER BY e.event_id;

-- A new load closes the history: what was not posted is obsolete.
SELECT status FROM calpads.post_file(:first);
SELECT rows_loaded FROM calpads.load_ods('SENR', 'ods 2.txt', convert_to(:'ods', 'UTF8'));
SELECT DISTINCT status FROM calpads.extract_file WHERE file_id <> :first;
SELECT calpads.unpost_file(:first);
SELECT process, file_name, records, status FROM calpads.history WHERE file_id IS NULL ORDER BY load_id;
SELECT count(*) AS operations FROM calpads.senr_delta();

-- Files that are not there.
SELECT calpads.post_file(-1);
SELECT calpads.unpost_file(NULL);
SELECT calpads.reject_file(-1, NULL);
SELECT calpads.file_content(-1);
SELECT calpads.write_extract(-1, '/');
SELECT calpads.write_extract(1, 'relative');
SELECT calpads.write_extract(1, '/no/such/folder');

-- A school whose LEA is not known.
SET calpads.lea_from_school = on;
UPDATE extract_sis.loc SET dc = '' WHERE cd = 2;
SELECT * FROM calpads.create_extract('SENR');
UPDATE extract_sis.loc SET dc = '61234' WHERE cd = 2;
RESET calpads.lea_from_school;

-- An older layout.
UPDATE calpads.load SET layout_year = '2021-2022' WHERE closed_at IS NULL;
SELECT * FROM calpads.create_extract('SENR');
SELECT count(*) FROM calpads.senr_delta();
SELECT count(*) > 0 AS forced FROM calpads.senr_delta(force => true);
UPDATE calpads.load SET layout_year = '2025-2026' WHERE closed_at IS NULL;

-- Windows-1252: the file is encoded so, and what it cannot hold is held.
SET calpads.file_encoding = 'windows-1252';
UPDATE extract_sis.stu SET fn = 'Žofie Đ' WHERE id = 103;
SELECT ssid, rule, field, value, explanation FROM calpads.senr_held();
SELECT seq, records FROM calpads.create_extract('SENR');
SELECT position('\xd1'::bytea in calpads.file_content(max(file_id))) = 0 AND
	position(convert_to('Núñez', 'WIN1252') in calpads.file_content(max(file_id))) > 0 AS encoded
FROM calpads.extract_file WHERE seq = 3;
RESET calpads.file_encoding;

-- A caret or a line end in a value would break the record apart.
UPDATE extract_sis.stu SET fn = 'An^a' WHERE id = 103;
UPDATE extract_sis.stu SET ln = E'Nú\nñez' WHERE id = 101 AND sc = 2;
SELECT ssid, school_of_attendance, rule, field, explanation, fix FROM calpads.senr_held() ORDER BY ssid;

-- A student whom the SIS has without an SSID, or at a school that nobody
-- knows, loses no row.
BEGIN;
UPDATE extract_sis.stu SET cid = '10000103' WHERE id = 103;
UPDATE extract_sis.enr SET sc = 99 WHERE id = 104;
SELECT ssid, school_of_attendance, rule, explanation, fix FROM calpads.senr_held()
WHERE local_student_id IN ('103', '104') ORDER BY ssid, rule, field;
SELECT count(*) AS operations FROM calpads.senr_delta() WHERE local_student_id IN ('103', '104');
ROLLBACK;

-- Protected students lose no row.
INSERT INTO calpads.protected_ssid (ssid, note) VALUES ('1000000102', 'placed by the county');
SELECT ssid, enrollment_start_date, rule FROM calpads.senr_held() WHERE ssid = '1000000102' ORDER BY 2;

DROP FUNCTION ods_line;
DELETE FROM calpads.protected_ssid;
SET client_min_messages = warning;
DROP SCHEMA extract_sis CASCADE;
