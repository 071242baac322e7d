-- The rehearsal: batches that CALPADS would take, batches that were altered by
-- hand, and what is left to be done afterwards.

\set SHOW_CONTEXT never
TRUNCATE calpads.load, calpads.current_load, calpads.senr_baseline, calpads.load_error, calpads.batch,
	calpads.extract_file, calpads.extract_record, calpads.file_event, calpads.batch_held,
	calpads.batch_rehearsal RESTART IDENTITY;
SET datestyle = iso;
SET calpads.today = '2025-11-01';
SET calpads.sis_schema = 'rehearse_sis';
SET calpads.removal_limit_percent = 100;
SELECT count(*) > 20 AS made FROM calpads.create_sis_schema('rehearse_sis');

INSERT INTO rehearse_sis.loc (cd, nm, cc, dc, sc) VALUES
	(0, 'Meadow Unified', '07', '61234', '0000000'),
	(1, 'Oak Elementary', '07', '61234', '6101010'),
	(2, 'Elm Elementary', '07', '61234', '6101011');
INSERT INTO rehearse_sis.stu (sc, sn, id, cid, ln, fn, bd, gn, bcu, gr, tg) VALUES
	(1, 1, 201, '2000000201', 'Mover', 'Mia', '2014-03-01', 'F', 'US', 5, ''),
	(2, 1, 201, '2000000201', 'Mover', 'Mia', '2014-03-01', 'F', 'US', 5, ''),
	(1, 2, 202, '2000000202', 'Starter', 'Sam', '2014-04-01', 'M', 'US', 5, ''),
	(1, 3, 203, '2000000203', 'Grader', 'Gus', '2014-05-01', 'M', 'US', 5, ''),
	(1, 4, 204, '2000000204', 'Holder', 'Hal', '2014-06-01', 'M', 'US', 5, ''),
	(1, 5, 205, '2000000205', 'Newman', 'Nan', '2014-07-01', 'F', 'US', 5, '');
INSERT INTO rehearse_sis.enr (id, sc, sn, yr, ed, ld, er, gr, pr) VALUES
	(201, 1, 1, '2025', '2025-08-20', '2025-10-03', 'T160', 5, ''),
	(201, 2, 1, '2025', '2025-10-06', NULL, NULL, 5, ''),
	(202, 1, 2, '2025', '2025-08-21', NULL, NULL, 5, ''),
	(203, 1, 3, '2025', '2025-08-20', NULL, NULL, 5, ''),
	(204, 1, 4, '2025', '2025-08-20', '2025-08-10', 'T160', 5, ''),
	(205, 1, 5, '2025', '2025-09-02', NULL, NULL, 5, '');

-- CALPADS: 201 still at Oak, 202 with a wrong start and a row at Elm that never
-- was, 203 in another grade, 204 without its (impossible) exit, 205 not at all.
CREATE FUNCTION rehearse_line(school text, ssid text, last_name text, first_name text, birth text, gender text,
	started text, grade text, left_on text DEFAULT '', reason text DEFAULT '') RETURNS text LANGUAGE sql AS $$
	SELECT concat('SENR-R^^^0761234^', school, '^^2025-2026^', ssid, '^', substr(ssid, 8), '^', first_name, '^^',
		last_name, '^^^^^', birth, '^', gender, '^^^US^', started, '^10^', grade, '^', left_on, '^', reason,
		'^^^^^^^^^^20251031^20251031', E'\r\n')
$$;
SELECT string_agg(line, '' ORDER BY n) AS ods FROM (VALUES
	(1, rehearse_line('6101010', '2000000201', 'Mover', 'Mia', '20140301', 'F', '20250820', '05')),
	(2, rehearse_line('6101010', '2000000202', 'Starter', 'Sam', '20140401', 'M', '20250820', '05')),
	(3, rehearse_line('6101011', '2000000202', 'Starter', 'Sam', '20140401', 'M', '20250701', '05', '20250715', 'T160')),
	(4, rehearse_line('6101010', '2000000203', 'Grader', 'Gus', '20140501', 'M', '20250820', '04')),
	(5, rehearse_line('6101010', '2000000204', 'Holder', 'Hal', '20140601', 'M', '20250820', '05'))
) AS rows (n, line) \gset
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

-- The same batch, altered by hand.  Records by file: 1: 202 leaves out its wrong
-- start; 2: 201 leaves Oak, 202 is a no-show at Elm; 3: 201 at Elm, 202 at Oak,
-- 203 in another grade, 205 new.
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
:alter replace(line, 'Mia', E'Mi\ta') WHERE line_no = 1 AND file_id = 2;
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
:alter replace(line, '^2000000202^', '^^') WHERE file_id = 1;
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
:alter replace(line, '^M^', '^F^') WHERE file_id = 3 AND line_no = 3;
:alter replace(line, '^10^05^', '^10^99^') WHERE file_id = 3 AND line_no = 2;
:alter replace(line, '^20251003^', '^20250803^') WHERE file_id = 2 AND line_no = 1;
SELECT seq, line, rule, ssid, field, explanation FROM refusal;
ROLLBACK;

-- What would be left to do: the SIS has changed since.
BEGIN;
UPDATE rehearse_sis.enr SET gr = 4 WHERE id = 205;
UPDATE rehearse_sis.enr SET ed = '2025-10-07' WHERE id = 201 AND sc = 2;
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

-- There is no rehearsal of other processes.
UPDATE calpads.batch SET process = 'SPRG' WHERE batch_id = 1;
SELECT * FROM calpads.rehearse(1);

DROP VIEW refusal;
DROP FUNCTION rehearse_line, spoil_record;
SET client_min_messages = warning;
DROP SCHEMA rehearse_sis CASCADE;
