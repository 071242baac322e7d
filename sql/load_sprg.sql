-- calpads.load_ods('SPRG', ...): student programs into the baseline, and
-- calpads.ods_sprg: the baseline under the files that were posted since.  What
-- all processes share is tested with SENR.

\set SHOW_CONTEXT never
TRUNCATE calpads.load, calpads.current_load, calpads.senr_baseline, calpads.sprg_baseline, calpads.load_error RESTART IDENTITY;
TRUNCATE calpads.batch, calpads.extract_file, calpads.extract_record RESTART IDENTITY;
SET datestyle = iso;
SET calpads.today = '2025-10-15';
SET calpads.sis_schema = 'sprg_sis';
CREATE SCHEMA sprg_test;
SET search_path = sprg_test;

-- A record of the extract, of student number n; some values are replaced.
CREATE FUNCTION sprg(n integer, changes jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(coalesce(
		(jsonb_build_object('ssid', (1000000000 + n)::text, 'local_student_id', (100 + n)::text) || changes) ->> name,
		'{"record_type_code": "SPRG-R", "reporting_lea": "5699990", "school_of_attendance": "5600001",
		  "academic_year_id": "2025-2026", "student_legal_first_name": "Ana", "student_legal_last_name": "Alder",
		  "student_birth_date": "20100203", "student_gender_code": "F", "education_program_code": "127",
		  "education_program_membership_code": "1", "education_program_membership_start_date": "20231002",
		  "upload_date": "09/01/2025", "last_date_updated": "20250901 10:15"}'::jsonb ->> name, ''), '^' ORDER BY ordinal)
	FROM calpads.layout_field
	WHERE layout = 'sprg_ods'
$$;
CREATE FUNCTION file(VARIADIC lines text[]) RETURNS bytea LANGUAGE sql AS $$
	SELECT convert_to(array_to_string(lines, E'\r\n') || E'\r\n', 'UTF8')
$$;
CREATE FUNCTION students(first integer, n integer, changes jsonb DEFAULT '{}') RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(sprg(i, changes) ORDER BY i) FROM generate_series(first, first + n - 1) i
$$;

SELECT count(*) > 0 AS made FROM calpads.create_sis_schema('sprg_sis');
INSERT INTO sprg_sis.loc (cd, nm, cc, dc, sc, dnr) VALUES
	(0, 'Harbor Unified', '56', '99990', '0000000', false),
	(1, 'Pier Middle', '56', '99990', '5600001', false),
	(2, 'Quay High', '56', '99990', '5600002', false),
	(3, 'Dock Adult', '56', '99990', '5600003', true);

-- A good file: every field in its column.
SELECT load_id, process, lea, file_name, layout, layout_year, rows_read, rows_loaded, rows_rejected
FROM calpads.load_ods('SPRG', 'SPRG.txt', file(
	sprg(1, '{"education_program_code": "191", "homeless_dwelling_type_code": "120", "unaccompanied_youth_indicator": "Y", "runaway_youth_indicator": "N"}'),
	sprg(1, '{"education_program_code": "122", "education_program_membership_code": "3", "education_program_membership_end_date": "20240605",
		"education_service_academic_year": "2023-2024", "education_service_code": "11"}'),
	sprg(2, '{"education_program_code": "113", "california_partnership_academy_id": "A0001", "local_record_id": "x"}'),
	sprg(2, '{"education_program_code": "144", "filler_1": "210", "filler_2": "5699990", "filler_3": "y", "migrant_student_id": "06123456789"}')));
SELECT * FROM calpads.sprg_baseline ORDER BY line_no \gx
SELECT process, lea, load_id FROM calpads.current_load;

-- The input's record type, without the two appended fields.
SELECT rows_loaded FROM calpads.load_ods('SPRG', 'input.txt',
	file(replace(regexp_replace(sprg(1), '\^[^^]*\^[^^]*$', ''), 'SPRG-R', 'SPRG')));

-- Service year and service may be blank, and are parts of the key.
SELECT rows_loaded, rows_rejected FROM calpads.load_ods('SPRG', 'keys.txt', file(
	sprg(1), sprg(2), sprg(1, '{"school_of_attendance": "5600002"}'), sprg(1, '{"education_program_code": "192"}'),
	sprg(1, '{"education_program_membership_start_date": "20231003"}'),
	sprg(1, '{"education_service_academic_year": "2023-2024"}'), sprg(1, '{"education_service_code": "11"}'),
	sprg(1, '{"education_service_academic_year": "2023-2024", "education_service_code": "11"}'),
	sprg(1, '{"education_program_membership_end_date": "20240605"}'),
	sprg(1, '{"education_service_academic_year": "2023-2024", "education_service_code": "11 ", "academic_year_id": "2024-2025"}')));
SELECT line_no, field, rule, message FROM calpads.load_error WHERE load_id = (SELECT max(load_id) FROM calpads.load) ORDER BY line_no;

-- Bad rows are set aside.
SELECT rows_read, rows_loaded, rows_rejected FROM calpads.load_ods('SPRG', 'bad.txt', file(VARIADIC ARRAY[
	sprg(1, '{"ssid": "100000000A"}'),
	sprg(2, '{"school_of_attendance": "560001"}'),
	sprg(3, '{"education_program_code": "1270"}'),
	sprg(4, '{"education_program_code": "27"}'),
	sprg(5, '{"education_program_code": ""}'),
	sprg(6, '{"education_program_membership_start_date": ""}'),
	sprg(7, '{"education_program_membership_start_date": "20230230"}'),
	sprg(8, '{"reporting_lea": "5699991"}'),
	sprg(9, '{"runaway_youth_indicator": "X"}'),
	sprg(10) || '^'] || students(21, 12)));
SELECT line_no, field, rule, message, ssid, local_student_id FROM calpads.load_error
WHERE load_id = (SELECT max(load_id) FROM calpads.load) ORDER BY line_no;

-- Wrong files.
SELECT calpads.load_ods('SPRG', 'empty.txt', '');
SELECT calpads.load_ods('SPRG', 'senr.txt', file(replace(sprg(1), 'SPRG-R', 'SENR-R'), replace(sprg(2), 'SPRG-R', 'SENR-R')));
SELECT calpads.load_ods('SPRG', 'comma.csv', file(replace(sprg(1), '^', ','), replace(sprg(2), '^', ',')));
SELECT calpads.load_ods('SPRG', 'header.txt', file(
	(SELECT string_agg(label, '^' ORDER BY ordinal) FROM calpads.layout_field WHERE layout = 'sprg_ods'), sprg(1)));
SELECT calpads.load_ods('SPRG', 'lea.txt', file(sprg(1, '{"reporting_lea": "5699991"}')));
SELECT calpads.load_ods('SPRG', 'school.txt', file(sprg(1, '{"school_of_attendance": "5600003"}')));
\echo :LAST_ERROR_SQLSTATE

-- An extract of active students only: it lacks what the SIS closed.  The
-- records of the SIS have no service, which is equal to none.
INSERT INTO sprg_sis.stu (sc, sn, id, cid, ln, fn, bd, gn, gr, tg) VALUES
	(1, 1, 101, '1000000001', 'Alder', 'Ana', '2010-02-03', 'F', 9, '');
INSERT INTO sprg_sis.enr (id, sc, sn, yr, ed, gr) VALUES (101, 1, 1, '2025', '2025-08-11', 9);
INSERT INTO sprg_sis.pgm (pid, cd, esd, eed, scl) VALUES (101, '127', '2025-09-01', '2025-09-30', 0);
SELECT ssid, education_program_code, education_program_membership_start_date, education_program_membership_end_date FROM sprg_sis.sprg;
SELECT calpads.load_ods('SPRG', 'active.txt', file(VARIADIC students(21, 20)));
\echo :LAST_ERROR_SQLSTATE
SELECT rows_loaded FROM calpads.load_ods('SPRG', 'active.txt', file(VARIADIC students(21, 19)));
SELECT rows_loaded FROM calpads.load_ods('SPRG', 'active.txt',
	file(VARIADIC students(21, 20) || sprg(1, '{"education_program_membership_start_date": "20250901"}')));
SELECT rows_loaded FROM calpads.load_ods('SPRG', 'active.txt',
	file(VARIADIC students(21, 20) || sprg(41, '{"education_program_membership_end_date": "20240605"}')));

-- A load of one process leaves the others alone.
SELECT process, count(*) FILTER (WHERE closed_at IS NULL) AS open FROM calpads.load GROUP BY process;
INSERT INTO calpads.load (process, lea, file_name, layout, layout_year) VALUES ('SENR', '5699990', 'x', 'senr_ods', '2025-2026');
SELECT rows_loaded FROM calpads.load_ods('SPRG', 'SPRG.txt', file(sprg(1), sprg(2), sprg(3),
	sprg(4, '{"education_program_code": "122", "education_service_academic_year": "2023-2024", "education_service_code": "11"}'),
	sprg(4, '{"education_program_code": "122", "education_service_academic_year": "2023-2024", "education_service_code": "12"}')));
SELECT process, count(*) FILTER (WHERE closed_at IS NULL) AS open FROM calpads.load GROUP BY process ORDER BY process;

-- A record line in the shape of the layout.
SELECT * FROM calpads.sprg_record(replace(regexp_replace(sprg(1, '{"education_program_membership_end_date": "20240605"}'), '\^[^^]*\^[^^]*$', ''), 'SPRG-R', 'SPRG')) \gx

-- The overlay: a change, an addition, deletions; of a key the file that was
-- posted last counts; a file that is not posted changes nothing.
SELECT max(load_id) AS load_id FROM calpads.load \gset
INSERT INTO calpads.batch (batch_id, process, lea, load_id, today, encoding, forced) VALUES (1, 'SPRG', '5699990', :load_id, '2025-10-15', 'UTF8', false);
INSERT INTO calpads.extract_file (file_id, batch_id, process, lea, seq, category, file_name, records, status, post_order) VALUES
	(1, 1, 'SPRG', '5699990', 1, 'Removals', '001_Removals.txt', 2, 'Posted', 1),
	(2, 1, 'SPRG', '5699990', 2, 'Exits', '002_Exits.txt', 1, 'Posted', 2),
	(3, 1, 'SPRG', '5699990', 3, 'Updates', '003_Updates.txt', 3, 'Posted', 3),
	(4, 1, 'SPRG', '5699990', 4, 'Updates', '004_Updates.txt', 1, 'Post', NULL);
INSERT INTO calpads.extract_record (file_id, line_no, ssid, key, transaction_type, reason, explanation, changed, line)
SELECT file_id, line_no, 1000000000 + n,
	concat_ws('^', '5600001', 1000000000 + n, coalesce(changes ->> 'education_program_code', '127'), '20231002',
		coalesce(changes ->> 'education_service_academic_year', ''), coalesce(changes ->> 'education_service_code', '')),
	type, 'TEST', 'a test', '{}', regexp_replace(sprg(n, changes), '\^[^^]*\^[^^]*$', '')
FROM (VALUES
	(1, 1, 2, 'D', '{}'::jsonb),
	(1, 2, 4, 'D', '{"education_program_code": "122", "education_service_academic_year": "2023-2024", "education_service_code": "12"}'),
	(2, 1, 1, 'A', '{"education_program_membership_end_date": "20251001"}'),
	(3, 1, 1, 'A', '{"education_program_membership_end_date": "20251008"}'),
	(3, 2, 5, 'A', '{"education_program_code": "191", "homeless_dwelling_type_code": "110"}'),
	(3, 3, 2, 'A', '{"local_record_id": "again"}'),
	(4, 1, 3, 'D', '{}')) AS record (file_id, line_no, n, type, changes);
SELECT record_type_code, ssid, education_program_code, education_program_membership_start_date AS start_date,
	education_program_membership_end_date AS end_date, education_service_code AS service, homeless_dwelling_type_code AS dwelling,
	local_record_id, load_id = :load_id AS of_load
FROM calpads.ods_sprg ORDER BY ssid, education_program_code, service;
UPDATE calpads.extract_file SET status = 'Post', post_order = NULL WHERE file_id = 3;
SELECT ssid, education_program_code, education_program_membership_end_date AS end_date, education_service_code AS service
FROM calpads.ods_sprg ORDER BY ssid, education_program_code, service;
SELECT a.attname FROM pg_attribute a
WHERE a.attrelid = 'calpads.ods_sprg'::regclass AND a.attnum BETWEEN 1 AND 26
	AND NOT EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = (SELECT typrelid FROM pg_type WHERE oid = 'calpads.sprg'::regtype)
		AND (t.attnum, t.attname, t.atttypid, t.attcollation) = (a.attnum, a.attname, a.atttypid, a.attcollation));
SELECT count(*) AS columns_of_the_layout FROM pg_attribute a
JOIN (SELECT name, row_number() OVER (ORDER BY ordinal) AS number FROM calpads.layout_field WHERE layout = 'sprg' AND last_year IS NULL) f
	ON (f.name, f.number) = (a.attname, a.attnum)
WHERE a.attrelid = 'calpads.ods_sprg'::regclass;

SET client_min_messages = warning;
TRUNCATE calpads.load, calpads.current_load, calpads.sprg_baseline, calpads.load_error, calpads.batch, calpads.extract_file, calpads.extract_record RESTART IDENTITY;
DROP SCHEMA sprg_test CASCADE;
DROP SCHEMA sprg_sis CASCADE;
