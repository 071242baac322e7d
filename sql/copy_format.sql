-- COPY … WITH (FORMAT calpads): records to the client, and a client's file
-- into calpads.upload; what is refused.  Files of the server are in the TAP
-- test.

\set SHOW_CONTEXT never
\getenv abs_srcdir PG_ABS_SRCDIR
\set clear_history :abs_srcdir '/test/data/clear_history.sql'
\i :clear_history
SET datestyle = 'SQL, DMY';

INSERT INTO calpads.batch (process, lea, load_id, today, encoding, forced) VALUES
	('SENR', '0761234', 1, '2025-11-01', 'UTF8', false);
INSERT INTO calpads.extract_file (batch_id, process, lea, seq, category, file_name, records) VALUES
	(1, 'SENR', '0761234', 1, 'Removals', '001_Removals.txt', 3),
	(1, 'SENR', '0761234', 2, 'Updates', '002_Updates.txt', 0);
INSERT INTO calpads.extract_record (file_id, line_no, key, transaction_type, reason, explanation, changed, line) VALUES
	(1, 10, '', 'D', '', '', '{}', 'SENR-D^^^0761234^6101010^^2025-2026^1000000103^103^Ana^^Smith, Lee\n^^'),
	(1, 2, '', 'D', '', '', '{}', 'SENR-D^^^0761234^6101010^^2025-2026^1000000102^102^Ian^^O''Hara^^'),
	(1, 1, '', 'D', '', '', '{}', 'SENR-D^^^0761234^6101010^^2025-2026^1000000101^101^Zoë "Zo"^^Núñez^^');

-- The library brings the format.  Nothing has called it over this connection yet.
COPY (SELECT * FROM calpads.extract_lines(1)) TO STDOUT WITH (FORMAT calpads);
SELECT length(calpads.file_content(1));

-- The bytes of file_content.
SELECT * FROM calpads.extract_lines(1);
\copy (SELECT * FROM calpads.extract_lines(1)) to program 'sed "s/\r/<CR>/"' with (format calpads)
\copy (SELECT * FROM calpads.extract_lines(1)) to program 'md5sum' with (format calpads)
SELECT md5(calpads.file_content(1));
\copy (SELECT * FROM calpads.extract_lines(2)) to program 'wc -c' with (format calpads)
SELECT * FROM calpads.extract_lines(-1);
SELECT * FROM calpads.extract_lines(NULL);
\copy (SELECT * FROM calpads.extract_lines(-1)) to program 'wc -c' with (format calpads)

-- The encoding: the setting, or what the command says.
\copy (SELECT * FROM calpads.extract_lines(1)) to program 'md5sum' with (format calpads, encoding 'windows-1252')
\copy (SELECT * FROM calpads.extract_lines(1)) to program 'md5sum' with (format calpads, encoding 'WIN1252')
SET calpads.file_encoding = 'windows-1252';
\copy (SELECT * FROM calpads.extract_lines(1)) to program 'md5sum' with (format calpads)
\copy (SELECT * FROM calpads.extract_lines(1)) to program 'md5sum' with (format calpads, encoding 'utf8')
RESET calpads.file_encoding;
SELECT md5(convert_to(string_agg(line || E'\r\n', ''), 'WIN1252')) FROM calpads.extract_lines(1) line;
-- The client's encoding has no say.
SET client_encoding = 'latin1';
\copy (SELECT * FROM calpads.extract_lines(1)) to program 'md5sum' with (format calpads)
RESET client_encoding;
\set SHOW_CONTEXT always
\copy (SELECT n || '^Łódź' FROM generate_series(1, 2) n) to program 'wc -c' with (format calpads, encoding 'windows-1252')
\set SHOW_CONTEXT never
COPY (SELECT 'a') TO STDOUT WITH (FORMAT calpads, ENCODING 'latin1');
COPY (SELECT 'a') TO STDOUT WITH (FORMAT calpads, ENCODING 'nonsense');

-- Several columns make a record: carets between them, nothing for null.
CREATE DOMAIN start_date AS date;
\copy (SELECT 'SENR-A', NULL, '2025-08-20'::date, 7, '', '0999-01-02'::start_date, 'a "quoted", \x', NULL) to program 'sed "s/\r/<CR>/"' with (format calpads)
\copy (SELECT NULL::text UNION ALL SELECT '') to program 'od -An -c' with (format calpads)
\copy (VALUES ('2025-08-20'::date)) to program 'od -An -c' with (format calpads)
CREATE TABLE person (name text, born date);
INSERT INTO person VALUES ('Ana', '2015-01-02');
COPY (SELECT * FROM person) TO STDOUT WITH (FORMAT calpads, FORMAT calpads);
BEGIN;
INSERT INTO person VALUES ('Ben', NULL);
\copy (SELECT * FROM person ORDER BY name) to program 'sed "s/\r/<CR>/"' with (format calpads)
ROLLBACK;
\copy (WITH gone AS (DELETE FROM person RETURNING *) SELECT * FROM gone) to program 'sed "s/\r/<CR>/"' with (format calpads)
SELECT count(*) FROM person;

-- A value that would break its file.
\copy (SELECT 1, 'a' UNION ALL SELECT 2, 'b^c' ORDER BY 1) to program 'sed "s/\r/<CR>/"' with (format calpads)
COPY (SELECT 'a' AS one, E'b\tc' AS two) TO STDOUT WITH (FORMAT calpads);
COPY (SELECT E'b\nc' AS one, 'x' AS two) TO STDOUT WITH (FORMAT calpads);
COPY (SELECT E'a^b\r' AS line) TO STDOUT WITH (FORMAT calpads);
COPY (SELECT 'infinity'::date AS day) TO STDOUT WITH (FORMAT calpads);
COPY (SELECT '0044-03-15 BC'::date AS day) TO STDOUT WITH (FORMAT calpads);
COPY (SELECT '10000-01-01'::date AS day) TO STDOUT WITH (FORMAT calpads);

-- What is not a list of records.
COPY person TO STDOUT WITH (FORMAT calpads);
COPY (INSERT INTO person VALUES ('Cy') RETURNING *) TO STDOUT WITH (FORMAT calpads);
COPY (SELECT 1 AS one INTO more) TO STDOUT WITH (FORMAT calpads);
COPY (SELECT nothing FROM person) TO STDOUT WITH (FORMAT calpads);
COPY (SELECT $1) TO STDOUT WITH (FORMAT calpads);
COPY (SELECT 1) TO PROGRAM 'cat' WITH (FORMAT calpads);
COPY (SELECT 1) TO STDOUT WITH (FORMAT calpads, HEADER);
COPY (SELECT 1) TO STDOUT WITH (FORMAT calpads, NAME 'a.txt');
COPY (SELECT 1) TO STDOUT WITH (FORMAT calpads, ENCODING 'utf8', ENCODING 'utf8');
COPY (SELECT 1) TO 'relative.txt' WITH (FORMAT calpads);
COPY (SELECT 1) TO '/' WITH (FORMAT calpads);
COPY (SELECT 1) TO '/dev/null' WITH (FORMAT calpads);
COPY (SELECT 1) TO '/no/such/folder/file.txt' WITH (FORMAT calpads);
COPY (SELECT 1) TO STDOUT WITH (FORMAT "CALPADS");
DO $$ BEGIN COPY (SELECT 1) TO STDOUT WITH (FORMAT calpads); END $$;

-- Other formats are none of its business.
COPY (SELECT 'a', 'b^c') TO STDOUT;
COPY (SELECT 'a', 'b^c') TO STDOUT WITH (FORMAT csv, DELIMITER '^', HEADER);
COPY (SELECT 'a' AS calpads) TO STDOUT WITH (FORMAT csv, HEADER, FORCE_QUOTE (calpads));
COPY person FROM STDIN WITH (FORMAT csv);
Dee,02/01/2016
\.
SELECT * FROM person;

-- A file of the client, byte for byte.
\copy calpads.upload from program 'printf "a^b\r\n\\\\.\nc\000\377"' with (format calpads, name 'SENR.txt')
SELECT upload_id, name, content, uploaded_by = session_user AS by_me FROM calpads.upload;
SELECT lastval();
-- More than one message.
\copy calpads.upload from program 'yes 0123456789 | head -n 100000' with (format calpads, name 'lines.txt')
SELECT upload_id, length(content), md5(content) = md5(repeat(E'0123456789\n', 100000)) AS same FROM calpads.upload ORDER BY upload_id;
SET search_path = calpads;
\copy upload from program 'true' with (format calpads, name 'nothing.txt')
RESET search_path;
SELECT upload_id, name, length(content) FROM calpads.upload ORDER BY upload_id DESC LIMIT 1;

\copy calpads.upload from program 'true' with (format calpads)
\copy calpads.upload from program 'true' with (format calpads, name '')
\copy calpads.upload from program 'true' with (format calpads, name 'a', encoding 'utf8')
\copy calpads.upload (content) from program 'true' with (format calpads, name 'a')
\copy calpads.upload from program 'true' with (format calpads, name 'a') where upload_id > 1
COPY calpads.upload FROM '/tmp/a' WITH (FORMAT calpads, NAME 'a');
COPY calpads.upload FROM PROGRAM 'cat' WITH (FORMAT calpads, NAME 'a');
\copy person from program 'true' with (format calpads, name 'a')
\copy nothing from program 'true' with (format calpads, name 'a')

-- From the upload into the history.
SELECT calpads.load_upload(1, 'SENR');
SELECT calpads.load_upload(1, 'STAS');
SELECT calpads.load_upload(99, 'SENR');
SELECT calpads.load_upload(NULL, 'SENR');
SELECT count(*) AS still_there FROM calpads.upload;
SET client_min_messages = warning;
TRUNCATE calpads.load, calpads.current_load, calpads.senr_baseline, calpads.load_error RESTART IDENTITY;
SET calpads.today = '2025-11-01';
INSERT INTO calpads.upload (name, content) VALUES ('ODS.txt', calpads.create_sample_district(60, 1));
SELECT encode(sha256(content), 'hex') AS digest FROM calpads.upload WHERE upload_id = lastval() \gset
SELECT load_id, process, file_name, rows_read > 60 AS read, sha256 = :'digest' AS same
FROM calpads.load_upload(lastval(), 'SENR');
RESET client_min_messages;
SELECT upload_id FROM calpads.upload ORDER BY upload_id;

-- Rights: those of COPY.
CREATE ROLE regress_calpads_copy;
GRANT USAGE ON SCHEMA calpads TO regress_calpads_copy;
CREATE TABLE note (owner text, line text);
INSERT INTO note VALUES ('regress_calpads_copy', 'mine'), ('somebody', 'not mine');
ALTER TABLE note ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_notes ON note USING (owner = current_user);
SET ROLE regress_calpads_copy;
COPY (SELECT line FROM note) TO STDOUT WITH (FORMAT calpads);
COPY (SELECT * FROM calpads.extract_lines(1)) TO STDOUT WITH (FORMAT calpads);
COPY (SELECT 1) TO '/tmp/regress_calpads.txt' WITH (FORMAT calpads);
COPY (SELECT 1) TO PROGRAM 'cat' WITH (FORMAT calpads);
\copy calpads.upload from program 'true' with (format calpads, name 'a')
RESET ROLE;
GRANT SELECT ON note TO regress_calpads_copy;
GRANT INSERT ON calpads.upload TO regress_calpads_copy;
SET ROLE regress_calpads_copy;
\copy (SELECT line FROM note) to program 'sed "s/\r/<CR>/"' with (format calpads)
SET row_security = off;
COPY (SELECT line FROM note) TO STDOUT WITH (FORMAT calpads);
RESET row_security;
RESET ROLE;
-- An upload is an insert that tells its number.
SET ROLE regress_calpads_copy;
\copy calpads.upload from program 'true' with (format calpads, name 'a.txt')
RESET ROLE;
GRANT SELECT ON calpads.upload TO regress_calpads_copy;
SET ROLE regress_calpads_copy;
\copy calpads.upload from program 'echo a' with (format calpads, name 'a.txt')
RESET ROLE;
ALTER TABLE calpads.upload ENABLE ROW LEVEL SECURITY;
SET ROLE regress_calpads_copy;
\copy calpads.upload from program 'echo a' with (format calpads, name 'a.txt')
RESET ROLE;
ALTER TABLE calpads.upload DISABLE ROW LEVEL SECURITY;

-- Reading is allowed in a read-only transaction, an upload is not.
BEGIN READ ONLY;
\copy (SELECT 'a', 'b') to program 'sed "s/\r/<CR>/"' with (format calpads)
\copy calpads.upload from program 'true' with (format calpads, name 'a')
ROLLBACK;

DROP TABLE person, note;
DROP DOMAIN start_date;
DROP OWNED BY regress_calpads_copy;
DROP ROLE regress_calpads_copy;
SET client_min_messages = warning;
DROP SCHEMA sis CASCADE;
