-- SELA from the extract to the file: load_ods('SELA', ...), LAC.EAC and
-- LAC.EAD, the difference, conflicts, the numbered file and its life.  Each
-- rule by itself is in test/pgtap/sela.sql.

\set SHOW_CONTEXT never
SET client_min_messages = warning;
TRUNCATE calpads.load, calpads.current_load, calpads.sela_baseline, calpads.load_error RESTART IDENTITY;
TRUNCATE calpads.batch, calpads.extract_file, calpads.extract_record, calpads.batch_held, calpads.file_event RESTART IDENTITY;
RESET client_min_messages;
SET datestyle = iso;
SET calpads.today = '2025-10-15';
SET calpads.sis_schema = 'Sela "SIS"';
CREATE SCHEMA sela_test;
SET search_path = sela_test;

-- A record of the extract; some values are replaced.
CREATE FUNCTION sela(n integer, status text, start_date text, language text, changes jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(coalesce(
		('{"record_type_code": "SELA-R", "reporting_lea": "5699990", "school_of_attendance": "5600001",
		  "academic_year_id": "2025-2026", "student_legal_first_name": "Ana", "student_legal_last_name": "Alder",
		  "student_birth_date": "20120203", "student_gender_code": "F", "upload_date": "09/01/2025",
		  "last_date_updated": "20250901 10:15"}'::jsonb || jsonb_build_object('ssid', (1000000000 + n)::text,
			'local_student_id', n::text, 'english_language_acquisition_status_code', status,
			'english_language_acquisition_status_start_date', start_date, 'primary_language_code', language) || changes) ->> name, ''), '^' ORDER BY ordinal)
	FROM calpads.layout_field
	WHERE layout = 'sela_ods'
$$;
CREATE FUNCTION file(VARIADIC lines text[]) RETURNS bytea LANGUAGE sql AS $$
	SELECT convert_to(array_to_string(lines, E'\r\n') || E'\r\n', 'UTF8')
$$;

SELECT count(*) > 20 AS made FROM calpads.create_sis_schema();
SET search_path = sela_test, "Sela ""SIS""";
INSERT INTO loc (cd, nm, cc, dc, sc, dnr) VALUES
	(0, 'Harbor Unified', '56', '99990', '0000000', false),
	(1, 'Pier School', '56', '99990', '5600001', false),
	(2, 'Lagoon Charter', '56', '99990', '5600002', false);
SET calpads.independent_charter_schools = '2';
INSERT INTO xrf (tc, sc, tc1, fc1, cd1, cd)
SELECT 'CLPD', 0, 'STU', code[1], code[2], code[3]
FROM (VALUES (ARRAY['LF', 'E', 'EO']), (ARRAY['LF', 'L', 'EL']), (ARRAY['LF', 'R', 'RFEP']), (ARRAY['LF', 'T', 'TBD']),
	(ARRAY['HL', '00', 'eng']), (ARRAY['HL', '01', 'spa'])) AS t (code);
INSERT INTO stu (sc, sn, id, cid, ln, fn, bd, gn, gr, tg, lf, hl, ed) VALUES
	(1, 1, 101, '1000000101', 'Alder', 'Ana', '2012-02-03', 'F', 8, '', 'R', '01', '2025-08-13'),
	(1, 2, 102, '1000000102', 'Birch', 'Ben', '2020-02-03', 'M', 0, '', 'T', '01', '2025-08-13'),
	(1, 3, 103, '1000000103', 'Cedar', 'Cy', '2012-02-03', 'X', 8, '', 'E', '00', '2025-08-13'),
	(1, 4, 104, '1000000104', 'Dogwood', 'Di', '2012-02-03', 'F', 8, '', 'E', '00', '2025-08-13'),
	(1, 5, 105, '1000000105', 'Elm', 'Ed', '2012-02-03', 'M', 8, '', 'R', '01', '2025-08-13'),
	(1, 6, 106, '1000000106', 'Fir', 'Fay', '2012-02-03', 'F', 8, '', 'L', '01', '2025-08-13'),
	(2, 1, 107, '1000000107', 'Ginkgo', 'Gus', '2020-02-03', 'M', 0, '', 'E', '00', '2025-08-13');
INSERT INTO enr (id, sc, sn, yr, ed, gr) SELECT id, sc, sn, '2025', '2025-08-13', gr FROM stu;
INSERT INTO lac (id, rd1, co) VALUES (101, '2025-09-20', 'kept'), (105, NULL, 'kept');

-- The extract: of a student who came, the other LEA's record stands in it too.
SELECT load_id, process, lea, layout, layout_year, rows_read, rows_loaded, rows_rejected
FROM calpads.load_ods('SELA', 'SELA.txt', file(
	sela(101, 'TBD', '20170816', '01'), sela(101, 'EL', '20171002', '01'), sela(104, 'EL', '20190814', 'spa', '{"reporting_lea": "1999999"}'),
	sela(105, 'EL', '20180815', '01'), sela(106, 'EL', '20180815', '01'), sela(900, 'EO', '20180815', 'eng')));
SELECT * FROM calpads.sela_baseline WHERE line_no = 3 \gx
SELECT id, eac, ead, rd1, co FROM lac ORDER BY id;

-- The difference.
SELECT ssid, local_student_id, transaction_type, reason, explanation, changed FROM calpads.sela_delta();
SELECT (rec).* FROM calpads.sela_delta() LIMIT 1 \gx
SELECT local_student_id, rule, field, value, explanation, fix FROM calpads.sela_held();
SELECT local_student_id, reason, explanation, fix, sis_status, calpads_status, calpads_start_date, calpads_lea FROM calpads.sela_conflict \gx

-- One file for each LEA.
SELECT file_id, batch_id, process, lea, seq, category, file_name, records, status FROM calpads.create_extract('SELA');
SELECT replace(convert_from(calpads.file_content(file_id), 'UTF8'), E'\r\n', '<CR LF>') FROM calpads.history_open ORDER BY file_id;
SELECT file_id, line_no, key, transaction_type, reason FROM calpads.extract_record ORDER BY 1, 2;
SELECT local_student_id, rule, field FROM calpads.batch_held;
SELECT lea, load_id FROM calpads.batch ORDER BY batch_id;

-- Posted, also over nothing (the charter has no extract yet), it is what CALPADS holds.
SELECT status FROM calpads.post_file(1);
SELECT status FROM calpads.post_file(2);
SELECT reporting_lea, ssid, english_language_acquisition_status_code AS status, english_language_acquisition_status_start_date AS start_date,
	primary_language_code AS language, load_id
FROM calpads.ods_sela ORDER BY ssid, start_date;
SELECT count(*) FROM calpads.sela_delta();
SELECT count(*) FROM calpads.create_extract('SELA');
SELECT status FROM calpads.unpost_file(2);
SELECT lea, local_student_id, reason FROM calpads.sela_delta();
SELECT process, lea, file_name, records, status FROM calpads.history ORDER BY load_id, file_id;

-- One LEA; a file that is made again takes the place of the one before.
SELECT count(*) FROM calpads.create_extract('SELA', lea => '5600002');
SELECT file_id, lea, records FROM calpads.create_extract('SELA', lea => '5699990');
SELECT status FROM calpads.post_file(3);
SELECT file_id, status FROM calpads.extract_file ORDER BY 1;

-- A new load closes the history.
SELECT rows_loaded FROM calpads.load_ods('SELA', 'charter.txt', file(
	sela(107, 'EO', '20250813', 'eng', '{"reporting_lea": "5600002", "school_of_attendance": "5600002"}')));
SELECT ssid, english_language_acquisition_status_code AS status, load_id FROM calpads.ods_sela WHERE reporting_lea = '5600002';
SELECT count(*) FROM calpads.sela_delta();

-- Files of 16 columns without the dates, and of 15 columns with them.
SELECT rows_loaded, layout_year FROM calpads.load_ods('SELA', 'input.txt',
	file(regexp_replace(sela(101, 'EL', '20171002', '01'), '\^[^^]*\^[^^]*$', '')));
SELECT rows_loaded, layout_year FROM calpads.load_ods('SELA', 'old.txt',
	file(replace(sela(101, 'EL', '20171002', '01'), '^01^^', '^01^'), replace(sela(102, 'TBD', '20171002', '02'), '^02^^', '^02^')));
SELECT ssid, primary_language_code, correction_reason_code, upload_date, last_date_updated FROM calpads.sela_baseline
WHERE load_id = (SELECT max(load_id) FROM calpads.load) ORDER BY 1;

-- Bad rows are set aside, and their students held.
SELECT rows_loaded, rows_rejected FROM calpads.load_ods('SELA', 'bad.txt', file(
	sela(101, 'EL', '20171002', '01'), sela(101, 'EL', '20171002', '01'), sela(102, 'TBD', '20171302', '02'), sela(103, '', '20171002', '02'),
	sela(104, 'EL', '20171002', '01', '{"ssid": "12"}'), sela(105, 'EL', '20171002', '01'), sela(106, 'EL', '20171002', '01'),
	sela(107, 'EL', '20171002', '01'), sela(108, 'EL', '20171002', '01')));
SELECT line_no, field, rule, message, ssid FROM calpads.load_error WHERE load_id = (SELECT max(load_id) FROM calpads.load) ORDER BY line_no;
SELECT local_student_id, rule, explanation FROM calpads.sela_held() WHERE rule = 'LOAD_ERROR';

-- Wrong files, wrong calls.
SELECT calpads.load_ods('SELA', 'empty.txt', '');
SELECT calpads.load_ods('SELA', 'fields.txt', file(sela(1, 'EL', '20171002', '01') || '^', sela(2, 'EL', '20171002', '01') || '^'));
SELECT calpads.load_ods('SELA', 'sprg.txt', file(replace(sela(1, 'EL', '20171002', '01'), 'SELA-R', 'SPRG-R')));
SELECT calpads.load_ods('SELA', 'other.txt', file(sela(1, 'EL', '20171002', '01', '{"reporting_lea": "1999999"}')));
SELECT calpads.load_ods('SELA', 'upload.txt', calpads.file_content(1));
SELECT calpads.create_extract('SELA', all_students => true);
SELECT calpads.create_extract('SELA', lea => '1234567');
UPDATE lac SET co = '' WHERE co IS NULL;
ALTER TABLE lac ALTER COLUMN co SET NOT NULL;
DELETE FROM lac WHERE id = 103;
SELECT calpads.load_ods('SELA', 'SELA.txt', file(sela(103, 'EO', '20250813', 'eng')));
ALTER TABLE lac RENAME TO lac_elsewhere;
SELECT calpads.load_ods('SELA', 'SELA.txt', file(sela(101, 'EL', '20171002', '01')));

SET client_min_messages = warning;
TRUNCATE calpads.load, calpads.current_load, calpads.sela_baseline, calpads.load_error RESTART IDENTITY;
TRUNCATE calpads.batch, calpads.extract_file, calpads.extract_record, calpads.batch_held, calpads.file_event RESTART IDENTITY;
DROP SCHEMA sela_test CASCADE;
DROP SCHEMA "Sela ""SIS""" CASCADE;
