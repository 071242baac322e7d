-- A student who left and came back, and the SPRG file that was made before the
-- exit is posted: CALPADS closes meals with the exit by itself, so the record
-- that opens them again waits for it.  And what ended in an earlier year.

\set SHOW_CONTEXT never
\getenv abs_srcdir PG_ABS_SRCDIR
\set clear_history :abs_srcdir '/test/data/clear_history.sql'
\i :clear_history
SET datestyle = iso;
SET calpads.today = '2025-11-01';
SET calpads.sis_schema = 'exits_sis';
SET calpads.removal_limit_percent = 100;
SELECT count(*) > 20 AS made FROM calpads.create_sis_schema('exits_sis');
INSERT INTO exits_sis.loc (cd, nm, cc, dc, sc) VALUES (0, 'Cove Unified', '56', '99990', '0000000'), (1, 'Pier Middle', '56', '99990', '5600001');
INSERT INTO exits_sis.stu (sc, sn, id, cid, ln, fn, bd, gn, bcu, gr, tg)
SELECT 1, n, n, 1000000000 + n, 'Alder', 'Ana', '2014-03-01', 'F', 'US', 6, '' FROM generate_series(1, 3) n;
INSERT INTO exits_sis.enr (id, sc, sn, yr, ed, gr, pr)
SELECT n, 1, n, '2025', '2025-08-20', 6, '' FROM generate_series(1, 3) n;
INSERT INTO exits_sis.fre (id, cd, esd, del) SELECT n, 'F', '2025-08-25', false FROM generate_series(1, 3) n;
SELECT rows_loaded FROM calpads.load_ods('SENR', 'senr.txt', (SELECT convert_to(string_agg(concat('SENR-R^^^5699990^5600001^^2025-2026^',
	1000000000 + n, '^', n, '^Ana^^Alder^^^^^20140301^F^^^US^20250820^10^06^^^^^^^^^^^^20251001^20251001', E'\r\n'), '' ORDER BY n), 'UTF8')
	FROM generate_series(1, 3) n));
SELECT rows_loaded FROM calpads.load_ods('SPRG', 'sprg.txt', (SELECT convert_to(string_agg(concat('SPRG-R^^^5699990^5600001^2025-2026^',
	1000000000 + n, '^', n, '^Ana^Alder^20140301^F^181^1^20250825^^^^^^^^^^^^20251001^20251001', E'\r\n'), '' ORDER BY n), 'UTF8')
	FROM generate_series(1, 3) n));
SELECT count(*) FROM calpads.sprg_delta();

-- Student 1 left and came back, student 2 left; CALPADS knows of neither.
UPDATE exits_sis.enr SET ld = '2025-10-03', er = 'E140' WHERE id IN (1, 2);
UPDATE exits_sis.stu SET tg = 'I', ld = '2025-10-03' WHERE id = 2;
INSERT INTO exits_sis.enr (id, sc, sn, yr, ed, gr, pr) VALUES (1, 1, 1, '2025', '2025-10-20', 6, '');
SELECT file_no, category, reason, ssid, education_program_code AS program, changed, explanation FROM calpads.sprg_delta();
SELECT file_id, file_name, records, status FROM calpads.create_extract('SPRG');
SELECT file_id, ssid, after_exit FROM calpads.extract_record ORDER BY file_id, line_no;
SELECT step, file_name, records, refused, rule, explanation FROM calpads.rehearse(1);
-- Without the record the rehearsal sees what the exit will have closed.
BEGIN;
UPDATE calpads.extract_record SET line = replace(line, '^181^', '^127^') WHERE file_id = 2;
SELECT step, refused, ssid, education_program_code AS program, field, explanation FROM calpads.rehearse(1);
ROLLBACK;
SELECT file_id, file_name, records, status FROM calpads.create_extract('SENR');
SELECT file_id, ssid, senr_file_id, explanation FROM calpads.file_waits_for;
SELECT status FROM calpads.post_file(1);
SELECT status FROM calpads.post_file(2);

-- The exit is posted: CALPADS has closed both, and takes the record.
SELECT status FROM calpads.post_file(3);
SELECT ssid, education_program_membership_end_date AS ended FROM calpads.ods_sprg ORDER BY ssid;
SELECT file_id, status FROM calpads.extract_file ORDER BY file_id;
SELECT count(*) AS records, bool_and(reason = 'end_removed') AS opened_again FROM calpads.sprg_delta();
-- It needs the new enrollment too.
SELECT status FROM calpads.post_file(4);
SELECT status FROM calpads.post_file(2);
SELECT ssid, education_program_membership_end_date AS ended FROM calpads.ods_sprg ORDER BY ssid;
SELECT count(*) FROM calpads.sprg_delta();

-- Rows that only the SIS has: one that ended last year is held by name; one that
-- ended this year, and an open one that began long ago, are added.
INSERT INTO exits_sis.pgm (pid, cd, scl, esd, eed, del) VALUES
	(3, '127', 0, '2023-10-02', '2025-06-30', false),
	(3, '192', 0, '2023-10-02', '2025-09-01', false),
	(3, '301', 0, '2023-10-02', NULL, false);
INSERT INTO exits_sis.enr (id, sc, sn, yr, ed, ld, er, gr, pr) VALUES (3, 1, 3, '2024', '2024-08-12', '2025-06-05', 'E155', 5, '');
SELECT category, ssid, education_program_code AS program, membership_start_date AS start, reason FROM calpads.sprg_delta();
SELECT ssid, education_program_code AS program, membership_start_date AS start, rule, field, value, explanation, fix FROM calpads.sprg_held();
\i :clear_history
SET client_min_messages = warning;
DROP SCHEMA exits_sis CASCADE;
