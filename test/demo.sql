-- One real case from beginning to end, on a fictitious district.  Run by
-- test/demo, which sets the variable directory: a folder the server may write.

\set ON_ERROR_STOP on
\pset pager off
\pset footer off
\pset null ''
SET client_min_messages = warning;

CREATE EXTENSION calpads;
SET calpads.today = '2025-11-14';

\echo 'A district of 500 students on November 14, 2025. Its student information system has'
\echo
SELECT calpads.create_sample_district(500) AS ods_file \gset
SELECT s.sc, s.name, s.cds_school, s.selected AS reported,
	(SELECT count(*) FROM sis.stu AS t WHERE t.sc = s.sc AND t.tg = '') AS students
FROM calpads.school AS s
WHERE s.sc BETWEEN 1 AND 998
ORDER BY s.sc;

\echo 'CALPADS hands out what it holds: the ODS extracts of enrollments and of student programs.'
\echo
SELECT l.process, l.file_name, l.lea, l.rows_read, l.rows_loaded, l.rows_rejected
FROM calpads.load_ods('SENR', 'SENR_ODS.txt', :'ods_file') AS l
UNION ALL
SELECT l.process, l.file_name, l.lea, l.rows_read, l.rows_loaded, l.rows_rejected
FROM calpads.load_ods('SPRG', 'SPRG_ODS.txt', calpads.sample_programs_file()) AS l;

\echo 'The difference between enrollments there and here, as CALPADS will accept it:'
\echo
SELECT d.file_no, d.category, d.reason, count(*) AS records
FROM calpads.senr_delta() AS d
GROUP BY d.file_no, d.category, d.reason
ORDER BY d.file_no, d.reason;

\echo 'Every record says why it is there. Four of them:'
\echo
SELECT DISTINCT ON (d.reason)
	format(E'%s, SSID %s (file %s, %s):\n%s\n', d.reason, d.ssid, d.file_no, d.category, d.explanation)
FROM calpads.senr_delta() AS d
WHERE d.reason IN ('exit_changed', 'fields_changed', 'start_moved') AND d.category <> 'Removals'
	OR d.reason = 'not_in_sis' AND d.category = 'Removals'
ORDER BY d.reason, d.file_no, d.ssid
\g (format=unaligned tuples_only=on) |fold -s -w 96

\echo 'Somebody enters an exit reason that has no translation. The record is held, the others go on:'
\echo
UPDATE sis.enr SET er = '999'
WHERE (id, ed) = (SELECT e.id, e.ed FROM sis.enr AS e WHERE e.er = '240' ORDER BY e.ed DESC, e.id LIMIT 1);
SELECT format(E'%s, SSID %s:\n%s\nTo be mended in: %s\n', h.rule, h.ssid, h.explanation, h.fix)
FROM calpads.senr_held() AS h
\g (format=unaligned tuples_only=on) |fold -s -w 96
UPDATE sis.enr SET er = '240' WHERE er = '999';

\echo 'It is mended in the SIS. The numbered files:'
\echo
SELECT f.batch_id, f.file_id, f.file_name, f.records, f.status
FROM calpads.create_extract('SENR') AS f ORDER BY f.seq;
SELECT max(f.batch_id) AS batch_id FROM calpads.extract_file AS f \gset
SELECT count(*) AS written FROM calpads.write_extract(:batch_id, :'directory') \gset

\echo 'The first record of 001_Removals.txt:'
\echo
SELECT split_part(convert_from(calpads.file_content(f.file_id), 'UTF8'), E'\r\n', 1)
FROM calpads.extract_file AS f WHERE f.batch_id = :batch_id AND f.seq = 1
\g (format=unaligned tuples_only=on)
\echo
\echo 'Files of student programs can be made as well. Those with records of enrollments that are not posted yet wait for them:'
\echo
SELECT f.batch_id, f.file_id, f.file_name, f.records, f.status
FROM calpads.create_extract('SPRG') AS f ORDER BY f.seq;
SELECT w.file_name, count(*) AS waiting_records FROM calpads.file_waits_for AS w GROUP BY w.file_name ORDER BY w.file_name;
SELECT format(E'SSID %s, line %s of %s:\n%s\n', w.ssid, w.line_no, w.file_name, w.explanation)
FROM calpads.file_waits_for AS w ORDER BY w.seq, w.line_no LIMIT 1
\g (format=unaligned tuples_only=on) |fold -s -w 96

\echo 'Each file is uploaded and posted in CALPADS, and then marked here, one by one:'
\echo
\pset tuples_only on
\pset format unaligned
SELECT format($$SELECT (calpads.post_file(%s)).file_name || ' is posted'$$, f.file_id)
FROM calpads.extract_file AS f WHERE f.batch_id = :batch_id ORDER BY f.seq \gexec
\pset tuples_only off
\pset format aligned
\echo
\echo 'The history:'
\echo
SELECT h.load_id, h.batch_id, h.file_name, h.records, h.status, h.posted_by
FROM calpads.history AS h ORDER BY h.created_at, h.seq NULLS FIRST;

\echo 'And a second difference:'
\echo
SELECT count(*) AS operations FROM calpads.senr_delta();

\echo 'Where an enrollment has ended, CALPADS has ended meals and participation by itself, and the history knows:'
\echo
SELECT o.education_program_code AS program, c.name, count(*) AS ended_by_calpads
FROM calpads.ods_sprg AS o
	JOIN calpads.sprg_baseline AS b USING (load_id, ssid, school_of_attendance, education_program_code,
		education_program_membership_start_date)
	JOIN calpads.code AS c ON c.codeset = 'education_program' AND c.code = o.education_program_code
WHERE b.education_program_membership_end_date IS NULL AND o.education_program_membership_end_date IS NOT NULL
GROUP BY o.education_program_code, c.name ORDER BY o.education_program_code;

\echo 'The files made before would still be right. New ones leave out what CALPADS has done; the difference is now:'
\echo
SELECT d.file_no, d.category, d.reason, count(*) AS records
FROM calpads.sprg_delta() AS d
GROUP BY d.file_no, d.category, d.reason
ORDER BY d.file_no, d.reason;
SELECT DISTINCT ON (d.reason)
	format(E'%s, SSID %s (file %s, %s):\n%s\n', d.reason, d.ssid, d.file_no, d.category, d.explanation)
FROM calpads.sprg_delta() AS d
ORDER BY d.reason, d.file_no, d.ssid
\g (format=unaligned tuples_only=on) |fold -s -w 96

\echo 'A homeless student without a dwelling type is held:'
\echo
UPDATE sis.pgm SET hdt = NULL WHERE (pid, cd) = (SELECT p.pid, p.cd FROM sis.pgm AS p WHERE p.cd = '191' ORDER BY p.pid LIMIT 1);
SELECT format(E'%s, SSID %s:\n%s\nTo be mended in: %s\n', h.rule, h.ssid, h.explanation, h.fix)
FROM calpads.sprg_held() AS h
\g (format=unaligned tuples_only=on) |fold -s -w 96
UPDATE sis.pgm SET hdt = '120' WHERE cd = '191' AND hdt IS NULL;

SELECT f.batch_id, f.file_id, f.file_name, f.records, f.status
FROM calpads.create_extract('SPRG') AS f ORDER BY f.seq;
SELECT max(f.batch_id) AS batch_id FROM calpads.extract_file AS f \gset
\echo 'The rehearsal replays them under the rules of CALPADS:'
\echo
SELECT r.step, r.seq, r.file_name, r.records, r.refused, r.explanation FROM calpads.rehearse(:batch_id) AS r;
\pset tuples_only on
\pset format unaligned
SELECT format($$SELECT (calpads.post_file(%s)).file_name || ' is posted'$$, f.file_id)
FROM calpads.extract_file AS f WHERE f.batch_id = :batch_id ORDER BY f.seq \gexec
\pset tuples_only off
\pset format aligned
\echo
SELECT count(*) AS operations FROM calpads.sprg_delta();
