-- The legacy full extract: whole year or changes since a date, its own status,
-- what is held, and that the real batches do not see it.

\set SHOW_CONTEXT never
TRUNCATE calpads.load, calpads.current_load, calpads.senr_baseline, calpads.load_error, calpads.batch,
	calpads.extract_file, calpads.extract_record, calpads.file_event, calpads.batch_held, calpads.batch_warning,
	calpads.batch_rehearsal, calpads.unseen_posting RESTART IDENTITY;
SET datestyle = iso;
SET calpads.today = '2025-11-01';
SET calpads.sis_schema = 'legacy_sis';
SELECT count(*) > 20 AS made FROM calpads.create_sis_schema('legacy_sis');

-- No school, no extract.
SELECT * FROM calpads.create_extract('SENR_LEGACY');

-- 101 changed schools, 102 stays, 103 has a caret in the name, 104 a grade
-- without translation, 105 left last year; the charter is a LEA of its own.
INSERT INTO legacy_sis.loc (cd, nm, cc, dc, sc) VALUES
	(0, 'Meadow Unified', '07', '61234', '0000000'),
	(1, 'Oak Elementary', '07', '61234', '6101010'),
	(2, 'Elm Elementary', '07', '61234', '6101011'),
	(3, 'Ash Charter', '07', '61234', '6101012');
SET calpads.independent_charter_schools = '3';
INSERT INTO legacy_sis.stu (sc, sn, id, cid, ln, fn, bd, gn, bcu, gr, tg, dts) VALUES
	(1, 1, 101, '1000000101', 'Alder', 'Ana', '2014-03-01', 'F', 'US', 5, '', '2025-08-01 08:00+00'),
	(2, 1, 101, '1000000101', 'Alder', 'Ana', '2014-03-01', 'F', 'US', 5, '', '2025-10-20 08:00+00'),
	(1, 2, 102, '1000000102', 'Birch', 'Ben', '2014-04-01', 'M', 'US', 5, '', '2025-08-01 08:00+00'),
	(1, 3, 103, '1000000103', 'Ce^dar', 'Cy', '2014-05-01', 'M', 'US', 5, '', '2025-08-01 08:00+00'),
	(1, 4, 104, '1000000104', 'Dogwood', 'Di', '2014-06-01', 'F', 'US', 77, '', '2025-08-01 08:00+00'),
	(1, 5, 105, '1000000105', 'Elder', 'Ed', '2014-06-01', 'M', 'US', 5, 'I', '2025-08-01 08:00+00'),
	(3, 6, 106, '1000000106', 'Fir', 'Flo', '2014-06-01', 'F', 'US', 5, '', '2025-08-01 08:00+00');
INSERT INTO legacy_sis.enr (id, sc, sn, yr, ed, ld, er, gr, pr) VALUES
	(101, 1, 1, '2025', '2025-08-20', '2025-10-03', 'T160', 5, ''), (101, 2, 1, '2025', '2025-10-06', NULL, NULL, 5, ''),
	(102, 1, 2, '2025', '2025-08-20', NULL, NULL, 5, ''), (103, 1, 3, '2025', '2025-08-20', NULL, NULL, 5, ''),
	(104, 1, 4, '2025', '2025-08-20', NULL, NULL, 77, ''), (105, 1, 5, '2024', '2024-08-20', '2025-05-01', 'T160', 4, ''),
	(106, 3, 6, '2025', '2025-08-20', NULL, NULL, 5, '');

-- A whole year; one file for each LEA, and no ODS load is needed.
SELECT process, lea, seq, category, file_name, records, status FROM calpads.create_extract('SENR_LEGACY') ORDER BY lea;
SELECT replace(convert_from(calpads.file_content(file_id), 'UTF8'), E'\r\n', '<CRLF>') AS content
FROM calpads.extract_file ORDER BY lea;
SELECT f.lea, r.line_no, r.key, r.transaction_type, r.reason, r.explanation, r.changed
FROM calpads.extract_file f JOIN calpads.extract_record r USING (file_id) ORDER BY f.lea, r.line_no;
SELECT ssid, enrollment_start_date, rule, field, value, fix FROM calpads.batch_held ORDER BY ssid, field, rule;
SELECT process, lea, load_id, encoding, forced FROM calpads.batch ORDER BY lea;

-- One LEA; a LEA that is not there.
SELECT lea, records FROM calpads.create_extract('SENR_LEGACY', lea => '6101012');
SELECT * FROM calpads.create_extract('SENR_LEGACY', lea => '0199999');

-- Changes since a date: all records of the students with a later date.
SET calpads.legacy_changes_since = '10/19/2025';
SET calpads.legacy_changes_since = '2025-10-19';
SELECT lea, records FROM calpads.create_extract('SENR_LEGACY');
SELECT r.key, r.explanation FROM calpads.extract_record r
WHERE r.file_id = (SELECT max(file_id) FROM calpads.extract_file) ORDER BY r.line_no;
SET calpads.legacy_changes_since = '2025-10-20';
SELECT count(*) AS files FROM calpads.create_extract('SENR_LEGACY');
-- Each of the tables counts, and so does a date to come.
INSERT INTO legacy_sis.pgm (pid, psd) VALUES (102, '2026-01-07');
SELECT lea, records FROM calpads.create_extract('SENR_LEGACY');
DELETE FROM legacy_sis.pgm;
INSERT INTO legacy_sis.fre (id, eed) VALUES (106, '2026-06-30');
SELECT lea, records FROM calpads.create_extract('SENR_LEGACY');
SELECT count(*) AS files FROM calpads.create_extract('SENR_LEGACY', all_students => true);
SELECT calpads.changed_students('2025-10-19') ORDER BY 1;
RESET calpads.legacy_changes_since;

-- No future dates.
INSERT INTO legacy_sis.enr (id, sc, sn, yr, ed, gr, pr) VALUES (102, 2, 2, '2025', '2025-12-01', 5, '');
SET calpads.no_future_dates = on;
SELECT records FROM calpads.create_extract('SENR_LEGACY', lea => '0761234');
RESET calpads.no_future_dates;
SELECT records FROM calpads.create_extract('SENR_LEGACY', lea => '0761234');
DELETE FROM legacy_sis.enr WHERE ed = '2025-12-01';

-- It is no batch to post, and the history of the real ones does not see it.
SELECT min(file_id) AS legacy FROM calpads.extract_file \gset
SELECT calpads.post_file(:legacy);
SELECT calpads.unpost_file(:legacy);
SELECT calpads.reject_file(:legacy, 'IVR0034');
SELECT convert_to(concat('SENR-R^^^0761234^6101010^^2025-2026^1000000102^102^Ben^^Birch^^^^^20140401^M^^^US^20250820^10^04',
	'^^^^^^^^^^^^20251031^20251031', E'\r\n'), 'UTF8') AS ods \gset
SELECT rows_loaded FROM calpads.load_ods('SENR', 'ods.txt', :'ods');
SELECT seq, file_name, records, status FROM calpads.create_extract('SENR');
SELECT file_name, status FROM calpads.history_open;
SELECT status FROM calpads.post_file((SELECT file_id FROM calpads.history_open));
SELECT rows_loaded FROM calpads.load_ods('SENR', 'ods 2.txt', :'ods');
SELECT DISTINCT process, status FROM calpads.history WHERE file_id IS NOT NULL ORDER BY process, status;
SELECT kind, count(*) FROM calpads.drift('SENR') GROUP BY kind ORDER BY kind;
SELECT DISTINCT e.status FROM calpads.file_event e JOIN calpads.extract_file f USING (file_id) WHERE f.process = 'SENR_LEGACY';

-- Windows-1252, by the setting.
UPDATE legacy_sis.stu SET fn = 'Zoë' WHERE id = 106;
SET calpads.file_encoding = 'windows-1252';
SELECT file_id AS windows FROM calpads.create_extract('SENR_LEGACY', lea => '6101012') \gset
SELECT position('\x5a6feb'::bytea IN calpads.file_content(:windows)) > 0 AS encoded;
RESET calpads.file_encoding;

-- Single records: the rules they break, their line, the places of their fields.
SELECT line FROM calpads.extract_record WHERE file_id = :legacy AND line_no = 1 \gset
SELECT c.* FROM calpads.senr_record(:'line') s, calpads.check_senr(s) c;
SELECT n, c.rule, c.field, c.value, c.explanation, c.fix
FROM generate_series(1, 2) n, calpads.senr_record(replace(replace(:'line', '^10^05^', '^99^5^'), 'Ana', repeat('Ana', 11))) s,
	calpads.check_senr(s) c ORDER BY n, c.field, c.rule;
SELECT calpads.senr_line(s) = :'line' AS same FROM calpads.senr_record(:'line') s;
SELECT calpads.senr_line(NULL) IS NULL AS none, (SELECT count(*) FROM calpads.check_senr(NULL)) AS findings;
SELECT * FROM calpads.senr_places() WHERE field IN ('ssid', 'enrollment_exit_date');

SET client_min_messages = warning;
DROP SCHEMA legacy_sis CASCADE;
TRUNCATE calpads.load, calpads.current_load, calpads.senr_baseline, calpads.load_error, calpads.batch,
	calpads.extract_file, calpads.extract_record, calpads.file_event, calpads.batch_held, calpads.batch_warning,
	calpads.batch_rehearsal, calpads.unseen_posting RESTART IDENTITY;
