-- The rehearsal: batches that CALPADS would take, batches that were altered by
-- hand, and what is left to be done afterwards.

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

-- Beside the others: an exit that cannot be, which is held, and a new student.
UPDATE extract_sis.enr SET ld = '2025-08-10', er = 'T160' WHERE id = 104;
INSERT INTO extract_sis.stu (sc, sn, id, cid, ln, fn, bd, gn, bcu, gr, tg) VALUES
	(1, 5, 105, '1000000105', 'Newman', 'Nan', '2014-07-01', 'F', 'US', 5, '');
INSERT INTO extract_sis.enr (id, sc, sn, yr, ed, ld, er, gr, pr) VALUES
	(105, 1, 5, '2025', '2025-09-02', NULL, NULL, 5, '');
SELECT rows_loaded, rows_rejected FROM calpads.load_ods('SENR', 'ods.txt', convert_to(:'ods', 'UTF8'));

-- Nothing to rehearse.
SELECT * FROM calpads.rehearse(99);
SELECT * FROM calpads.rehearse(NULL);

-- An honest batch.
SELECT seq, file_name, records FROM calpads.create_extract('SENR');
SELECT r.key, r.transaction_type FROM calpads.extract_record r ORDER BY r.file_id, r.line_no;
SELECT verdict, verdict_detail FROM calpads.batch;
SELECT position, step, seq, file_name, records, refused, explanation FROM calpads.batch_rehearsal;
SELECT step, seq, file_name, records, refused, explanation FROM calpads.rehearse(1);
SELECT ssid, rule FROM calpads.batch_held;

CREATE VIEW refusal AS
	SELECT r.seq, r.line_no AS line, r.rule, r.ssid, r.school_of_attendance AS school, r.enrollment_start_date AS started,
		r.field, r.explanation
	FROM calpads.rehearse(1) r WHERE r.step = 'refused';

-- The same batch, altered by hand.  Records by file: 1: 102 loses its wrong
-- start; 2: 101 leaves Oak, 102 is a no-show at Elm; 3: 101 at Elm, 102 at Oak,
-- 103 in another grade, 105 new.
\set alter 'UPDATE calpads.extract_record SET line ='

BEGIN;
-- One caret too many, one too few, another record type.
:alter line || '^' WHERE line_no = 1 AND file_id = 2;
:alter substr(line, 1, length(line) - 1) WHERE line_no = 2 AND file_id = 2;
:alter replace(line, 'SENR^', 'SPRG^') WHERE file_id = 1;
SELECT * FROM refusal WHERE seq < 3;
SELECT step, seq, records, refused, explanation FROM calpads.rehearse(1) WHERE step = 'file';
ROLLBACK;

BEGIN;
-- Characters that end a field or a record.
:alter replace(line, 'Zoë', E'Zo\të') WHERE line_no = 1 AND file_id = 2;
:alter line || E'\r' WHERE file_id = 1;
SELECT * FROM refusal WHERE seq < 3;
ROLLBACK;

BEGIN;
-- Another LEA, transaction types, dates.
:alter replace(line, '^0761234^', '^0761235^') WHERE line_no = 1 AND file_id = 2;
:alter replace(line, 'SENR^A', 'SENR^R') WHERE line_no = 2 AND file_id = 2;
:alter replace(line, '^20250820^', '^20250832^') WHERE file_id = 1;
SELECT * FROM refusal WHERE seq < 3;
ROLLBACK;

BEGIN;
-- A deletion without SSID, without row, of the last row.
:alter replace(line, '^1000000102^', '^^') WHERE file_id = 1;
SELECT * FROM refusal WHERE seq = 1;
ROLLBACK;
BEGIN;
:alter replace(line, '^20250820^', '^20250822^') WHERE file_id = 1;
SELECT * FROM refusal WHERE seq = 1;
ROLLBACK;
BEGIN;
:alter replace(line, 'SENR^A', 'SENR^D') WHERE file_id = 2;
SELECT * FROM refusal WHERE seq < 3;
ROLLBACK;
BEGIN;
-- Both deletions in one file.
UPDATE calpads.extract_record SET file_id = 1, line_no = 2, line = replace(line, 'SENR^A', 'SENR^D')
WHERE file_id = 2 AND line_no = 2;
SELECT * FROM refusal WHERE seq = 1;
SELECT step, seq, records, refused, explanation FROM calpads.rehearse(1) WHERE step = 'file';
ROLLBACK;

BEGIN;
-- One key twice.
INSERT INTO calpads.extract_record SELECT file_id, 9, ssid, key, transaction_type, reason, explanation, changed, line
FROM calpads.extract_record WHERE file_id = 3 AND line_no = 1;
SELECT * FROM refusal;
ROLLBACK;

BEGIN;
-- The exit is missing, or comes in the same file.
DELETE FROM calpads.extract_record WHERE file_id = 2 AND line_no = 1;
SELECT * FROM refusal;
SELECT step, seq, records, refused, explanation FROM calpads.rehearse(1) WHERE step = 'file';
ROLLBACK;
BEGIN;
UPDATE calpads.extract_record SET file_id = 3, line_no = 9 WHERE file_id = 2 AND line_no = 1;
SELECT * FROM refusal;
ROLLBACK;

BEGIN;
-- The deletion is missing: the new start overlaps the old one.
DELETE FROM calpads.extract_record WHERE file_id = 1;
SELECT * FROM refusal;
ROLLBACK;

BEGIN;
-- A graduate goes on.
:alter replace(line, '^20251003^T160^^^^^^^^^', '^20251003^E230^100^^^^^^^^N') WHERE file_id = 2 AND line_no = 1;
SELECT * FROM refusal WHERE rule LIKE 'SENR058%';
:alter replace(line, '^20251006^10^05^^^', '^20251006^10^05^20251010^T160^') WHERE file_id = 3 AND line_no = 1;
SELECT * FROM refusal WHERE rule LIKE 'SENR058%';
-- The rule is switched off.
UPDATE calpads.rule SET active = false WHERE process = 'SENR' AND number = 'SENR0586';
SELECT * FROM refusal WHERE rule LIKE 'SENR058%';
ROLLBACK;

BEGIN;
-- Other demographics than those of CALPADS, a code that there is not, an exit before the start.
:alter replace(line, '^F^', '^M^') WHERE file_id = 3 AND line_no = 3;
:alter replace(line, '^10^05^', '^10^99^') WHERE file_id = 3 AND line_no = 2;
:alter replace(line, '^20251003^', '^20250803^') WHERE file_id = 2 AND line_no = 1;
SELECT seq, line, rule, ssid, field, explanation FROM refusal;
ROLLBACK;

-- What would be left to do: the SIS has changed since.
BEGIN;
UPDATE extract_sis.enr SET gr = 4 WHERE id = 105;
UPDATE extract_sis.enr SET ed = '2025-10-07' WHERE id = 101 AND sc = 2;
SELECT step, ssid, school_of_attendance, enrollment_start_date, field, explanation
FROM calpads.rehearse(1) WHERE step <> 'file';
-- A school that is not selected is nobody's.
INSERT INTO calpads.school_selection (sc, selected) VALUES (2, false);
SELECT step, ssid, school_of_attendance, enrollment_start_date, field, explanation
FROM calpads.rehearse(1) WHERE step <> 'file';
ROLLBACK;

-- With some files posted, the others are replayed on what CALPADS holds now.
SELECT status FROM calpads.post_file(1);
SELECT status FROM calpads.post_file(2);
SELECT step, seq, file_name, records, refused, explanation FROM calpads.rehearse(1);
BEGIN;
:alter replace(line, 'SENR^A', 'SENR^D') WHERE file_id = 3 AND line_no = 3;
SELECT * FROM refusal;
ROLLBACK;

-- A new batch starts from there; the older one, untouched, is judged by what
-- CALPADS held when it was made.
BEGIN;
SELECT seq, file_name, records FROM calpads.create_extract('SENR');
SELECT batch_id, verdict, verdict_detail FROM calpads.batch ORDER BY 1;
SELECT status FROM calpads.post_file((SELECT max(file_id) FROM calpads.extract_file));
SELECT step, seq, file_name, records, refused, explanation FROM calpads.rehearse(2);
ROLLBACK;
SELECT status FROM calpads.unpost_file(2);
SELECT status FROM calpads.unpost_file(1);
SELECT count(*) AS made FROM calpads.create_extract('SENR');
SELECT status FROM calpads.post_file(1);
SELECT DISTINCT status FROM calpads.extract_file WHERE batch_id = (SELECT max(batch_id) FROM calpads.batch);
SELECT step, seq, file_name, records, refused, explanation
FROM calpads.rehearse((SELECT max(batch_id) FROM calpads.batch));

-- A batch that CALPADS would refuse is not made; forced, it carries its verdict.
CREATE FUNCTION spoil_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.line := replace(NEW.line, 'SENR^A^', 'SENR^X^');
	RETURN NEW;
END;
$$;
CREATE TRIGGER spoil BEFORE INSERT ON calpads.extract_record FOR EACH ROW EXECUTE FUNCTION spoil_record();
SELECT count(*) AS batches FROM calpads.batch;
SELECT count(*) FROM calpads.create_extract('SENR');
SELECT count(*) AS batches FROM calpads.batch;
SELECT count(*) AS files FROM calpads.create_extract('SENR', force => true);
SELECT forced, verdict, verdict_detail FROM calpads.batch ORDER BY batch_id DESC LIMIT 1;
SELECT step, seq, file_name, records, refused, line_no, rule, explanation FROM calpads.batch_rehearsal
WHERE batch_id = (SELECT max(batch_id) FROM calpads.batch) AND step <> 'difference' ORDER BY position;
DROP TRIGGER spoil ON calpads.extract_record;

-- A record that was taken out of a file is missed.
BEGIN;
DELETE FROM calpads.extract_record WHERE file_id = (SELECT min(file_id) FROM calpads.extract_file
	WHERE batch_id = (SELECT max(batch_id) FROM calpads.batch)) AND line_no = 1;
SELECT step, seq, file_name, line_no, rule, explanation
FROM calpads.rehearse((SELECT max(batch_id) FROM calpads.batch)) WHERE line_no IS NULL AND step = 'refused';
ROLLBACK;

-- There is no rehearsal of other processes.
UPDATE calpads.batch SET process = 'SINF' WHERE batch_id = 1;
SELECT * FROM calpads.rehearse(1);

DROP VIEW refusal;
DROP FUNCTION ods_line, spoil_record;
SET client_min_messages = warning;
DROP SCHEMA extract_sis CASCADE;
