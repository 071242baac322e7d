-- Student programs from two pictures to numbered files: the table of
-- spec/sinf_sela_sprg.md section 4.4, case by case; waiting for SENR; what
-- CALPADS closes by itself; guards, rehearsal, the story of one student.

\set SHOW_CONTEXT never
\getenv abs_srcdir PG_ABS_SRCDIR
\set clear_history :abs_srcdir '/test/data/clear_history.sql'
\i :clear_history
TRUNCATE calpads.sprg_baseline;
SET datestyle = iso;
SET calpads.today = '2025-11-01';
SET calpads.sis_schema = 'programs_sis';
SET calpads.removal_limit_percent = 100;
SET calpads.sprg_year_end_window_days = 30;
SELECT count(*) > 20 AS made FROM calpads.create_sis_schema('programs_sis');

INSERT INTO programs_sis.loc (cd, nm, cc, dc, sc) VALUES
	(0, 'Meadow Unified', '07', '61234', '0000000'),
	(1, 'Oak Elementary', '07', '61234', '6101010'),
	(2, 'Elm Middle', '07', '61234', '6202020');
-- Students 1 to 20 have been at Oak since August.
INSERT INTO programs_sis.stu (sc, sn, id, cid, ln, fn, bd, gn, bcu, gr, tg)
SELECT 1, n, n, 1000000000 + n, 'Alder', 'Ana', '2014-03-01', 'F', 'US', 5, '' FROM generate_series(1, 20) n;
INSERT INTO programs_sis.enr (id, sc, sn, yr, ed, gr, pr)
SELECT n, 1, n, '2025', '2025-08-20', 5, '' FROM generate_series(1, 20) n;

-- The two ODS files: SENR of some students, SPRG as said.
CREATE FUNCTION enrolled(VARIADIC students int[]) RETURNS bytea LANGUAGE sql AS $$
	SELECT convert_to(string_agg(concat('SENR-R^^^0761234^6101010^^2025-2026^', 1000000000 + n, '^', n,
		'^Ana^^Alder^^^^^20140301^F^^^US^20250820^10^05^^^^^^^^^^^^20251001^20251001', E'\r\n'), '' ORDER BY n), 'UTF8')
	FROM unnest(students) n
$$;
CREATE TABLE held_by_calpads (student int, program text, started text, ended text, changes jsonb DEFAULT '{}');
CREATE FUNCTION programs() RETURNS bytea LANGUAGE sql AS $$
	SELECT convert_to(string_agg(line, E'\r\n' ORDER BY line) || E'\r\n', 'UTF8')
	FROM (SELECT string_agg(coalesce((jsonb_build_object('ssid', (1000000000 + h.student)::text,
			'local_student_id', h.student::text, 'education_program_code', h.program,
			'education_program_membership_start_date', h.started, 'education_program_membership_end_date', h.ended)
			|| h.changes) ->> f.name,
			'{"record_type_code": "SPRG-R", "reporting_lea": "0761234", "school_of_attendance": "6101010",
			  "academic_year_id": "2025-2026", "student_legal_first_name": "Ana", "student_legal_last_name": "Alder",
			  "student_birth_date": "20140301", "student_gender_code": "F"}'::jsonb ->> f.name, ''), '^' ORDER BY f.ordinal) AS line
		FROM held_by_calpads h, calpads.layout_field f
		WHERE f.layout = 'sprg_ods'
		GROUP BY h.ctid) AS lines
$$;
-- A program record of the SIS, open unless an end is said.
CREATE FUNCTION pgm(student int, program text, started date, ended date DEFAULT NULL, more jsonb DEFAULT '{}') RETURNS void
	LANGUAGE sql AS $$
	INSERT INTO programs_sis.pgm
	SELECT * FROM jsonb_populate_record(NULL::programs_sis.pgm, jsonb_build_object('pid', student, 'cd', program, 'scl', 0,
		'del', false) || CASE WHEN program IN ('108', '113', '122', '174')
			THEN jsonb_build_object('psd', started, 'ped', ended) ELSE jsonb_build_object('esd', started, 'eed', ended) END || more) $$;

-- Nothing loaded yet; then no SENR history.
SELECT * FROM calpads.sprg_delta();
INSERT INTO held_by_calpads VALUES
	(1, '127', '20231002', NULL, '{}'),				-- both agree
	(2, '127', '20231002', NULL, '{}'),				-- ends in the SIS
	(3, '127', '20231002', '20251001', '{}'),			-- open again in the SIS
	(4, '191', '20250825', NULL, '{"homeless_dwelling_type_code": "100", "unaccompanied_youth_indicator": "Y",
		"runaway_youth_indicator": "N"}'),		-- another dwelling, and once Y stays Y
	(6, '127', '20240901', NULL, '{}'),				-- start corrected
	(7, '122', '20250901', NULL, '{"education_service_academic_year": "2025-2026", "education_service_code": "05",
		"filler_1": "XXX", "education_program_membership_code": "3"}'),	-- service corrected
	(8, '192', '20250820', NULL, '{}'),				-- the SIS has no such record
	(9, '127', '20180901', '20190601', '{}'),			-- ended long ago
	(10, '185', '20210901', NULL, '{}'),				-- a retired program
	(11, '127', '20221001', NULL, '{"school_of_attendance": "6303030"}'),	-- a school that is not ours
	(12, '108', '20250901', NULL, '{}');				-- older open row, and a new one in the SIS
SELECT rows_loaded, rows_rejected FROM calpads.load_ods('SPRG', 'sprg.txt', programs());
SELECT * FROM calpads.sprg_delta();
SELECT rows_loaded FROM calpads.load_ods('SENR', 'senr.txt', enrolled(VARIADIC ARRAY(SELECT generate_series(1, 14))));

SELECT pgm(1, '127', '2023-10-02') \g /dev/null
SELECT pgm(2, '127', '2023-10-02', '2025-10-15') \g /dev/null
SELECT pgm(3, '127', '2023-10-02') \g /dev/null
SELECT pgm(4, '191', '2025-08-25', more => '{"hdt": "120", "uy": "N", "ry": "N"}') \g /dev/null
SELECT pgm(5, '127', '2023-10-02') \g /dev/null
SELECT pgm(6, '127', '2024-09-05') \g /dev/null
SELECT pgm(7, '122', '2025-09-01', more => '{"ty": "06"}') \g /dev/null
SELECT pgm(12, '108', '2025-09-01', '2025-10-10') \g /dev/null
SELECT pgm(12, '108', '2025-10-11') \g /dev/null
SELECT pgm(13, '191', '2025-09-01') \g /dev/null
SELECT pgm(15, '127', '2025-09-01') \g /dev/null
SELECT pgm(16, '192', '2025-09-01') \g /dev/null
UPDATE programs_sis.enr SET gr = 99 WHERE id = 16;

SELECT file_no, category, transaction_type AS t, reason, ssid, education_program_code AS program, membership_start_date AS start,
	changed FROM calpads.sprg_delta();
SELECT ssid, explanation FROM calpads.sprg_delta();
SELECT ssid, education_program_code, membership_start_date, rule, field, explanation, fix FROM calpads.sprg_held();

-- Files; the last one waits for the enrollment of student 15.
SELECT seq, category, file_name, records, status FROM calpads.create_extract('SPRG');
SELECT verdict, verdict_detail FROM calpads.batch;
SELECT step, seq, file_name, records, refused, rule, ssid, education_program_code, membership_start_date, explanation
FROM calpads.rehearse(1);
-- Altered by hand, the files do not pass.
BEGIN;
UPDATE calpads.extract_record SET line = replace(line, '^127^^20240901', '^127^^20240902') WHERE file_id = 1 AND line_no = 1;
UPDATE calpads.extract_record SET line = replace(line, '^0761234^', '^0799999^') WHERE file_id = 1 AND line_no = 2;
UPDATE calpads.extract_record SET line = replace(line, 'SPRG^A^', 'SPRG^R^') WHERE file_id = 2 AND line_no = 1;
UPDATE calpads.extract_record SET line = replace(line, '^20251010^', '^20261010^') WHERE file_id = 2 AND line_no = 2;
UPDATE calpads.extract_record SET line = (SELECT e.line FROM calpads.extract_record e WHERE e.file_id = 3 AND e.line_no = 1)
WHERE file_id = 3 AND line_no = 2;
UPDATE calpads.extract_record SET line = replace(line, '^6101010^', '^6202020^') WHERE file_id = 3 AND line_no = 3;
UPDATE calpads.extract_record SET line = 'SPRG^A^no record' WHERE file_id = 3 AND line_no = 4;
SELECT step, seq, line_no, refused, rule, ssid, education_program_code AS program, membership_start_date AS start, field, explanation
FROM calpads.rehearse(1) WHERE step <> 'difference';
SELECT ssid, education_program_code AS program, membership_start_date AS start, field, explanation
FROM calpads.rehearse(1) WHERE step = 'difference' LIMIT 4;
ROLLBACK;
SELECT seq, r.key, r.line FROM calpads.extract_record r JOIN calpads.extract_file USING (file_id) ORDER BY seq, line_no;
SELECT status FROM calpads.post_file(1);
SELECT status FROM calpads.post_file(2);
SELECT seq, file_name, status FROM calpads.history WHERE process = 'SPRG' AND file_id IS NOT NULL ORDER BY seq;
SELECT file_id, line_no, ssid, education_program_code, senr_file_id, explanation FROM calpads.file_waits_for;
SELECT * FROM calpads.post_file(3);
SELECT seq, category, file_id, records, status FROM calpads.create_extract('SENR');
SELECT file_id, line_no, ssid, senr_file_id, senr_file_name, explanation FROM calpads.file_waits_for;
SELECT status FROM calpads.post_file(4);
SELECT seq, file_name, status FROM calpads.history WHERE process = 'SPRG' AND file_id IS NOT NULL ORDER BY seq;
SELECT f.seq, e.status, e.note FROM calpads.file_event e JOIN calpads.extract_file f USING (file_id)
WHERE f.process = 'SPRG' ORDER BY e.event_id;
-- Taking the SENR posting back takes the file back to waiting.
SELECT status FROM calpads.unpost_file(4);
SELECT file_name, status FROM calpads.extract_file WHERE file_id = 3;
SELECT status FROM calpads.post_file(4);
SELECT status FROM calpads.post_file(3);
SELECT * FROM calpads.sprg_delta();
SELECT count(*) AS files FROM calpads.create_extract('SPRG');
SELECT ssid, education_program_code AS program, education_program_membership_start_date AS started,
	education_program_membership_end_date AS ended, homeless_dwelling_type_code AS dwelling, education_service_code AS service
FROM calpads.ods_sprg ORDER BY 1, 2, 3;

-- Students leave: CALPADS closes participation and meals, and the SIS agrees.
UPDATE programs_sis.enr SET ld = '2025-10-20', er = 'E140' WHERE id IN (12, 1);
SELECT file_no, category, reason, ssid, education_program_code, membership_start_date, changed FROM calpads.sprg_delta();
SELECT category, file_id FROM calpads.create_extract('SENR');
SELECT status FROM calpads.post_file(5);
SELECT ssid, education_program_code, education_program_membership_end_date AS ended FROM calpads.ods_sprg
WHERE ssid IN ('1000000012', '1000000001') ORDER BY 1, 2, education_program_membership_start_date;
SELECT * FROM calpads.sprg_delta();
SELECT status FROM calpads.unpost_file(5);
SELECT ssid, education_program_code, education_program_membership_end_date AS ended FROM calpads.ods_sprg
WHERE ssid = '1000000012' ORDER BY education_program_membership_start_date;

-- The story of a student, earlier states, and a fresh extract that does not show all.
SELECT no, what, school_of_attendance, calpads, sis, rule, explanation FROM calpads.explain('1000000006');
SELECT no, what, calpads, sis, rule FROM calpads.explain('1000000012') WHERE what LIKE 'program%';
SELECT count(*) AS at_first FROM calpads.ods_sprg_as_of((SELECT loaded_at FROM calpads.load WHERE process = 'SPRG'));
SELECT count(*) AS now FROM calpads.ods_sprg_as_of(now() + interval '1 day');
SELECT count(*) AS of_load FROM calpads.ods_sprg_as_of((SELECT load_id FROM calpads.load WHERE process = 'SPRG'));
UPDATE held_by_calpads SET ended = '20251015' WHERE student = 2;
DELETE FROM held_by_calpads WHERE student = 8;
INSERT INTO held_by_calpads VALUES (14, '192', '20250901', NULL);
SELECT rows_loaded FROM calpads.load_ods('SPRG', 'sprg2.txt', programs());
SELECT kind, ssid, education_program_code AS program, membership_start_date AS start, changed, sis_agrees
FROM calpads.drift('SPRG');

-- The full extract, as it was before 2022.
SELECT process, category, file_name, records, status FROM calpads.create_extract('SPRG_LEGACY');
SELECT r.line_no, r.key, r.explanation FROM calpads.extract_record r JOIN calpads.extract_file f USING (file_id)
WHERE f.process = 'SPRG_LEGACY' AND r.line_no < 4 ORDER BY 1;
SELECT ssid, education_program_code, membership_start_date, rule, field FROM calpads.batch_held h
	JOIN calpads.batch b USING (batch_id) WHERE b.process = 'SPRG_LEGACY' ORDER BY 1, 5;

-- What CALPADS refused, by the name of the program and by the record itself.
SELECT rows, matched FROM calpads.load_rejected('errors.csv', convert_to(E'Error Code,SSID,School of Attendance,Education Program Code,'
	'Education Program Membership Start Date,Error Description\r\n'
	'SPRG0070,1000000012,6101010,108,10/11/2025,Overlap\r\n', 'UTF8'));
SELECT rows, matched FROM calpads.load_rejected('errors.txt', convert_to((SELECT r.line FROM calpads.extract_record r
	WHERE r.file_id = 3 AND r.line_no = 1) || E'^GERR0005^Fatal^No enrollment\r\n', 'UTF8'));
SELECT rule, rule_name, ssid, local_student_id, education_program_code AS program, membership_start_date AS start, enrollment_start_date,
	file_id, line_no, reason, field, fix, student_id FROM calpads.rejection ORDER BY rule;
\i :clear_history
