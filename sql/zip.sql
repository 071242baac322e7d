-- All files of a batch in one zip: names, times, bytes; the errors.

\set SHOW_CONTEXT never
\getenv abs_srcdir PG_ABS_SRCDIR
\set clear_history :abs_srcdir '/test/data/clear_history.sql'
\i :clear_history

-- Two batches, the second in the other encoding, made in the last second
-- before the clocks of California went forward.
INSERT INTO calpads.batch (process, lea, load_id, today, encoding, forced, created_at) VALUES
	('SENR', '0761234', 1, '2025-11-01', 'UTF8', false, '2025-11-02 03:04:06+00'),
	('SENR', '0761234', 1, '2026-03-08', 'WIN1252', false, '2026-03-08 09:59:58+00');
INSERT INTO calpads.extract_file (batch_id, process, lea, seq, category, file_name, records) VALUES
	(1, 'SENR', '0761234', 1, 'Removals', '001_Removals.txt', 1),
	(1, 'SENR', '0761234', 2, 'Exits', '002_Exits.txt', 2),
	(1, 'SENR', '0761234', 3, 'Updates', '003_Updates.txt', 20000),
	(2, 'SENR', '0761234', 1, 'Updates', '001_Updates.txt', 1);
INSERT INTO calpads.extract_record (file_id, line_no, key, transaction_type, reason, explanation, changed, line) VALUES
	(1, 1, '', 'D', '', '', '{}', 'SENR-D^^^0761234^6101010^^2025-2026^1000000101^101^Zoë "Zo"^^Núñez^^'),
	(2, 1, '', 'R', '', '', '{}', 'SENR-R^^^0761234^6101010^^2025-2026^1000000102^102^Ian^^O''Hara^^'),
	(2, 2, '', 'R', '', '', '{}', 'SENR-R^^^0761234^6101010^^2025-2026^1000000103^103^Ana^^Smith-Lee^^'),
	(4, 1, '', 'A', '', '', '{}', 'SENR-A^^^0761234^6101010^^2025-2026^1000000101^101^Zoë "Zo"^^Núñez^^');
-- A file that does not fit into any one buffer, and hardly shrinks.
INSERT INTO calpads.extract_record (file_id, line_no, key, transaction_type, reason, explanation, changed, line)
SELECT 3, n, '', 'A', '', '', '{}', concat_ws('^', 'SENR-A', md5(n::text), md5((2 * n)::text))
FROM generate_series(1, 20000) n;

-- The name tells the time of the batch in California, wherever the session is.
SELECT batch_id, calpads.zip_name(batch_id) FROM calpads.batch ORDER BY batch_id;
SET timezone = 'Asia/Kolkata';
SELECT batch_id, calpads.zip_name(batch_id) FROM calpads.batch ORDER BY batch_id;

-- The members are the files, byte for byte.
\pset tuples_only on
\pset format unaligned
SELECT encode(calpads.extract_zip(1), 'hex') \g |"$PG_ABS_SRCDIR"/test/list_zip
SELECT file_name, length(calpads.file_content(file_id)), md5(calpads.file_content(file_id))
FROM calpads.extract_file WHERE batch_id = 1 ORDER BY seq;
SELECT encode(calpads.extract_zip(2), 'hex') \g |"$PG_ABS_SRCDIR"/test/list_zip
SELECT file_name, length(calpads.file_content(file_id)), md5(calpads.file_content(file_id))
FROM calpads.extract_file WHERE batch_id = 2 ORDER BY seq;
\pset tuples_only off
\pset format aligned

-- Deflated, and the same batch gives the same bytes at any time and place.
SELECT length(calpads.extract_zip(1)) < (SELECT sum(length(calpads.file_content(file_id)))
	FROM calpads.extract_file WHERE batch_id = 1) AS smaller;
SELECT md5(calpads.extract_zip(1)) AS zip \gset
SET timezone = 'UTC';
SET calpads.file_encoding = 'windows-1252';
SET calpads.today = '2030-01-01';
SELECT md5(calpads.extract_zip(1)) = :'zip' AS same;

-- Errors.  After one of them in the middle of a member all works as before.
SELECT calpads.extract_zip(-1);
SELECT calpads.zip_name(-1);
SELECT calpads.extract_zip(NULL) IS NULL AS nothing;
INSERT INTO calpads.extract_record (file_id, line_no, key, transaction_type, reason, explanation, changed, line)
VALUES (4, 2, '', 'A', '', '', '{}', 'SENR-A^^^0761234^Łódź');
\set SHOW_CONTEXT always
SELECT calpads.extract_zip(2);
SELECT calpads.file_content(4);
\set SHOW_CONTEXT never
SELECT md5(calpads.extract_zip(1)) = :'zip' AS same;
-- It can be cancelled, here in the middle of 30 MB.
INSERT INTO calpads.extract_record (file_id, line_no, key, transaction_type, reason, explanation, changed, line)
SELECT 2, n, '', 'A', '', '', '{}', repeat(md5(n::text), 300) FROM generate_series(3, 3000) n;
SET statement_timeout = '100ms';
SELECT length(calpads.extract_zip(1));
RESET statement_timeout;

-- Whoever may not read the records gets no zip.
CREATE ROLE regress_calpads_zip;
GRANT USAGE ON SCHEMA calpads TO regress_calpads_zip;
GRANT EXECUTE ON FUNCTION calpads.extract_zip(bigint), calpads.find_batch(bigint),
	calpads.california_time(timestamptz) TO regress_calpads_zip;
SET ROLE regress_calpads_zip;
SELECT calpads.extract_zip(1);
RESET ROLE;
DROP OWNED BY regress_calpads_zip;
DROP ROLE regress_calpads_zip;
