-- CALPADS' errors: the forms of the file, what is joined to what, what stays
-- unmatched, and what is no such file.

\getenv abs_srcdir PG_ABS_SRCDIR
\set server_file :abs_srcdir '/test/data/rejected.csv'
\set SHOW_CONTEXT never
TRUNCATE calpads.load, calpads.current_load, calpads.senr_baseline, calpads.load_error, calpads.batch,
	calpads.extract_file, calpads.extract_record, calpads.file_event, calpads.batch_held, calpads.batch_warning,
	calpads.batch_rehearsal, calpads.unseen_posting, calpads.rejection_load, calpads.rejection_row RESTART IDENTITY;
SET datestyle = iso;
SET calpads.today = '2025-11-01';
SET calpads.sis_schema = 'rejection_sis';
SET calpads.removal_limit_percent = 100;
SELECT count(*) > 20 AS made FROM calpads.create_sis_schema('rejection_sis');

INSERT INTO rejection_sis.loc (cd, nm, cc, dc, sc) VALUES
	(0, 'Meadow Unified', '07', '61234', '0000000'),
	(1, 'Oak Elementary', '07', '61234', '6101010'),
	(2, 'Elm Elementary', '07', '61234', '0101011');
INSERT INTO rejection_sis.stu (sc, sn, id, cid, ln, fn, bd, gn, bcu, gr, tg) VALUES
	(1, 1, 101, '1000000101', 'Alder', 'Ana', '2014-03-01', 'F', 'US', 5, ''),
	(1, 2, 102, '1000000102', 'Birch', 'Ben', '2014-04-01', 'M', 'US', 5, ''),
	(2, 3, 103, '1000000103', 'Cedar', 'Cy', '2014-05-01', 'M', 'US', 5, ''),
	(1, 4, 104, '1000000104', 'Dogwood', 'Di', '2014-06-01', 'F', 'US', 5, '');
INSERT INTO rejection_sis.enr (id, sc, sn, yr, ed, gr, pr) VALUES
	(101, 1, 1, '2025', '2025-08-20', 5, ''), (102, 1, 2, '2025', '2025-08-20', 5, ''),
	(103, 2, 3, '2025', '2025-08-20', 5, ''), (104, 1, 4, '2025', '2025-08-20', 5, '');

-- CALPADS holds only 104, in another grade, and a row of 102 at Elm that never was.
CREATE FUNCTION ods_line(school text, ssid text, started text, grade text, exited text) RETURNS text LANGUAGE sql AS $$
	SELECT concat('SENR-R^^^0761234^', school, '^^2025-2026^', ssid, '^', right(ssid, 3), '^First^^Last^^^^^20140601^M^^^US^',
		started, '^10^', grade, '^', exited, '^^^^^^^^^^20251031^20251031', E'\r\n')
$$;
SELECT rows_loaded FROM calpads.load_ods('SENR', 'ods.txt', convert_to(
	ods_line('6101010', '1000000104', '20250820', '04', '^') ||
	ods_line('0101011', '1000000102', '20250701', '05', '20250715^T160'), 'UTF8'));
SELECT file_id, file_name, records, status FROM calpads.create_extract('SENR');
SELECT file_id, line_no, key, reason FROM calpads.extract_record ORDER BY file_id, line_no;

-- CSV with a header: names by alias, any case, blanks and underscores; columns
-- that nobody knows are passed over; dates and codes as a spreadsheet writes
-- them; two rules in a cell; a rule that only the message names; quotes.
CREATE FUNCTION bytes(VARIADIC lines text[]) RETURNS bytea LANGUAGE sql AS $$
	SELECT convert_to(array_to_string(lines, E'\r\n') || E'\r\n', 'UTF8')
$$;
SELECT rejection_load_id, file_name, rows, matched, loaded_by = session_user AS by_me
FROM calpads.load_rejected('folder/errors.csv', bytes(
	'Job ID,SSID,school_of_attendance,Enrollment Start Date,ERROR #,Error Description,Severity,Field Name,Submitted Value',
	'77,1000000101,6101010,8/20/2025,SENR0027,"Overlap, in ""one"" LEA",Fatal,,',
	'77,1000000103,101011,20250820,senr0178; SENR0027,Two at once,Fatal,Enrollment Start Date,20250820',
	'77,1000000102,07612346101010,2025-08-20 00:00:00,,Rule GERR0002: invalid code,Warning,1.24,5',
	'77,1000000199,6101010,20250820,SENR0007,Nobody we sent,Fatal,SSID,1000000199',
	'77,1000000104,6101010,20250231,SENR0018,No such day,Fatal,,',
	'77,1000000104,6101010,20250820,,,,,',
	'one cell'));
SELECT row_no, rule, severity, message, field, value, ssid, school_of_attendance, enrollment_start_date
FROM calpads.rejection ORDER BY row_no;
SELECT row_no, rule_name, file_id, line_no, transaction_type, reason, fix, student_id, sc FROM calpads.rejection ORDER BY row_no;
SELECT row_no, explanation FROM calpads.rejection WHERE file_id IS NOT NULL ORDER BY row_no;
SELECT source_line, line FROM calpads.rejection_row WHERE message LIKE '%fields%';

-- The same bytes again; another name does not matter.
BEGIN;
SELECT rows, matched FROM calpads.load_rejected('once.csv', bytes('SSID,Error', '1000000101,SENR0027'));
SELECT calpads.load_rejected('again.csv', bytes('SSID,Error', '1000000101,SENR0027'));
ROLLBACK;

-- By local record ID, also when all else is missing; the record fills the gaps.
SELECT rows, matched FROM calpads.load_rejected('by id.txt', bytes(
	E'Local Record ID\tError Code\tError Message',
	E'103-2-20250820\tSENR0002\tInvalid school',
	E'999-2-20250820\tSENR0002\tInvalid school'));
SELECT rule, ssid, local_student_id, school_of_attendance, enrollment_start_date, file_id, line_no, student_id, sc
FROM calpads.rejection WHERE rejection_load_id = (SELECT max(rejection_load_id) FROM calpads.rejection_load) ORDER BY row_no;

-- By line alone: nobody knows of which file, unless one is marked as rejected
-- or named.  A line of another student is no match.
SELECT max(file_id) AS updates, min(file_id) AS removals FROM calpads.extract_file \gset
SELECT rows, matched FROM calpads.load_rejected('lines.csv', bytes('Record Number,Error', '2,SENR0035'));
SELECT status FROM calpads.post_file(:removals);
SELECT status FROM calpads.reject_file(:updates, 'refused');
SELECT rows, matched FROM calpads.load_rejected('lines 2.csv', bytes('Record Number,SSID,Error',
	'2,,SENR0035', '2,1000000101,SENR0035', '99,,SENR0035'));
SELECT row_no, ssid, file_id, line_no FROM calpads.rejection
WHERE rejection_load_id = (SELECT max(rejection_load_id) FROM calpads.rejection_load) ORDER BY row_no;
SELECT rows, matched FROM calpads.load_rejected('lines 3.csv', bytes('Line,Error', '1,SENR0180'), :removals);
SELECT rule, rule_name, ssid, file_id, line_no, transaction_type, reason, student_id, sc FROM calpads.rejection
WHERE rejection_load_id = (SELECT max(rejection_load_id) FROM calpads.rejection_load);
SELECT calpads.load_rejected('lines 4.csv', bytes('Line,Error', '1,SENR0001'), 4711);

-- A key that stands in several files is that of the rejected one; without
-- one, of the newest.
SELECT count(*) AS files FROM calpads.create_extract('SENR');
SELECT matched FROM calpads.load_rejected('keys.csv', bytes('SSID,School,Start Date,Error', '1000000101,6101010,20250820,SENR0033'));
SELECT file_id = :updates AS of_rejected FROM calpads.rejection
WHERE rejection_load_id = (SELECT max(rejection_load_id) FROM calpads.rejection_load);
UPDATE calpads.extract_file SET status = 'Obsolete' WHERE file_id = :updates;
SELECT matched FROM calpads.load_rejected('keys 2.csv', bytes('SSID,School,Start Date,Error', '1000000101,6101010,20250820,SENR0034'));
SELECT file_id = (SELECT max(file_id) FROM calpads.extract_file) AS of_newest FROM calpads.rejection
WHERE rejection_load_id = (SELECT max(rejection_load_id) FROM calpads.rejection_load);

-- The rejected record itself with errors behind it, no header: carets and CSV.
SELECT line FROM calpads.extract_record WHERE file_id = :updates AND line_no = 1 \gset
SELECT rows, matched FROM calpads.load_rejected('records.txt', bytes(
	:'line' || '^SENR0018^Fatal^Exit date before^the start^SENR0022^no pair', :'line', :'line' || '^^'));
SELECT rule, severity, message, ssid, enrollment_start_date, line_no, student_id FROM calpads.rejection
WHERE rejection_load_id = (SELECT max(rejection_load_id) FROM calpads.rejection_load) ORDER BY row_no;
SELECT rows, matched FROM calpads.load_rejected('records.csv', bytes(replace(:'line', '^', ',') || ',"Overlap, again",SENR0178'));
SELECT rule, message, fix, line_no FROM calpads.rejection
WHERE rejection_load_id = (SELECT max(rejection_load_id) FROM calpads.rejection_load);

-- Which rules hit most.
SELECT rule, rule_name, rejections, students, last_seen >= first_seen AS seen FROM calpads.rejection_count LIMIT 4;

-- A district's own name for a column.
SELECT calpads.load_rejected('own.csv', bytes('SSID,Verdict', '1000000101,SENR0027'));
INSERT INTO calpads.rejection_column (name, alias) VALUES ('rule', 'verdict');
SELECT rows FROM calpads.load_rejected('own.csv', bytes('SSID,Verdict', '1000000101,SENR0027'));
DELETE FROM calpads.rejection_column WHERE NOT builtin;

-- What is no such file.
SELECT calpads.load_rejected('empty.csv', ''::bytea);
SELECT calpads.load_rejected('letter.txt', bytes('Dear district,', 'your file was refused.'));
SELECT calpads.load_rejected('semicolon.csv', bytes('SSID;Error', '1000000101;SENR0027'));
SELECT calpads.load_rejected('extract.txt', bytes(:'line'));
SELECT calpads.load_rejected('header.csv', bytes('SSID,Error'));
SELECT calpads.load_rejected('nul.csv', '\x535349442c4572726f720d0a00'::bytea);
SELECT calpads.load_rejected(NULL, bytes('SSID,Error', '1,SENR0027'));
SELECT count(*) AS left_behind FROM calpads.rejection_load WHERE rows = 0;

-- Files of the server, under the rules of COPY.
SELECT file_name, rows, matched, sha256 = encode(sha256(pg_read_binary_file(:'server_file')), 'hex') AS digest_is_right
FROM calpads.load_rejected(:'server_file');
SELECT calpads.load_rejected('relative.csv');
SELECT calpads.load_rejected('/no/such/file.csv');
CREATE ROLE rejection_clerk;
GRANT USAGE ON SCHEMA calpads TO rejection_clerk;
GRANT EXECUTE ON FUNCTION calpads.server_file(text) TO rejection_clerk;
SET ROLE rejection_clerk;
SELECT calpads.server_file('/etc/hostname');
RESET ROLE;
REVOKE ALL ON FUNCTION calpads.server_file(text) FROM rejection_clerk;
REVOKE ALL ON SCHEMA calpads FROM rejection_clerk;
DROP ROLE rejection_clerk;

-- The parts: rows of any form, dates, rule numbers.
SELECT * FROM calpads.read_rows('x', bytes('a^b "c"^', '', ' d^e'));
SELECT v, calpads.file_date(v) FROM unnest(ARRAY['20240229', '20230229', '20251301', '2/29/2024', '2024-2-9', '18991231',
	'2024022', 'now', '', NULL]) v;
SELECT calpads.rule_numbers('SENR0269F1, CERT112 and GERR-2 of 2025'), calpads.rule_numbers('nothing');

DROP FUNCTION ods_line, bytes;
TRUNCATE calpads.load, calpads.current_load, calpads.senr_baseline, calpads.load_error, calpads.batch,
	calpads.extract_file, calpads.extract_record, calpads.file_event, calpads.batch_held, calpads.batch_warning,
	calpads.batch_rehearsal, calpads.unseen_posting, calpads.rejection_load, calpads.rejection_row RESTART IDENTITY;
SET client_min_messages = warning;
DROP SCHEMA rejection_sis CASCADE;
