-- SINF: load_ods('SINF'), ods_sinf, and the shape of what comes out.
CREATE SCHEMA sinf_test;
SET search_path = sinf_test, public;
SET calpads.sis_schema = 'sinf_sis';
SET calpads.today = '2025-10-15';
\set SHOW_CONTEXT never
DO $$
BEGIN
	EXECUTE (
		SELECT format('TRUNCATE %s RESTART IDENTITY', string_agg(c.oid::regclass::text, ', '))
		FROM pg_extension e, unnest(e.extconfig, e.extcondition) AS config (relation, condition)
			JOIN pg_class c ON c.oid = config.relation AND c.relkind = 'r'
		WHERE e.extname = 'calpads' AND config.condition = '');
END;
$$;

CREATE FUNCTION sinf(n integer, changes jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(coalesce(
		(jsonb_build_object('ssid', (1000000000 + n)::text, 'local_student_id', (100 + n)::text) || changes) ->> name,
		'{"record_type_code": "SINF-R", "effective_start_date": "20250811", "reporting_lea": "5699990", "school_of_attendance": "5600001",
		  "academic_year_id": "2025-2026", "student_legal_first_name": "Ana", "student_legal_last_name": "Alder",
		  "student_birth_date": "20100203", "student_gender_code": "F", "student_birth_country_code": "US",
		  "student_hispanic_ethnicity_indicator": "N", "student_race_1_code": "700",
		  "upload_date": "09/01/2025", "last_date_updated": "20250901 10:15"}'::jsonb ->> name, ''), '^' ORDER BY ordinal)
	FROM calpads.layout_field
	WHERE layout = 'sinf_ods'
$$;
CREATE FUNCTION file(VARIADIC lines text[]) RETURNS bytea LANGUAGE sql AS $$
	SELECT convert_to(array_to_string(lines, E'\r\n') || E'\r\n', 'UTF8')
$$;

SELECT count(*) > 0 AS made FROM calpads.create_sis_schema('sinf_sis');
INSERT INTO sinf_sis.loc (cd, nm, cc, dc, sc, dnr) VALUES
	(0, 'Harbor Unified', '56', '99990', '0000000', false),
	(1, 'Pier Middle', '56', '99990', '5600001', false),
	(3, 'Dock Adult', '56', '99990', '5600003', true);
SELECT * FROM sinf_sis.guardian;
SELECT * FROM sinf_sis.sinf;
SELECT * FROM calpads.sinf_delta();
SELECT * FROM calpads.sinf_held();
SELECT * FROM calpads.create_extract('SINF', all_students => true);

-- A good file: every field in its column.
SELECT load_id, process, lea, file_name, layout, layout_year, rows_read, rows_loaded, rows_rejected
FROM calpads.load_ods('SINF', 'SINF.txt', file(
	sinf(1, '{"effective_end_date": "20250930", "student_alias_first_name": "Annie", "address_line_1": "1 Elm St", "address_city_name": "Pier",
		"address_state_province_code": "US-CA", "address_zip_code": "95001-1234", "student_initial_us_school_enrollment_date_k12": "20160815"}'),
	sinf(1, '{"effective_start_date": "20251001", "parent_guardian_1_highest_education_level_code": "10", "parent_guardian_1_first_name": "Bo",
		"parent_guardian_1_last_name": "Alder", "parent_guardian_2_first_name": "Cy", "parent_guardian_2_last_name": "Alder",
		"parent_guardian_2_highest_education_level_code": "13", "us_school_less_than_three_years_indicator": "N"}'),
	sinf(2, '{"student_race_1_code": "", "student_race_missing_indicator": "Y", "student_hispanic_ethnicity_indicator": "", "student_ethnicity_missing_indicator": "Y"}')));
SELECT * FROM calpads.sinf_baseline ORDER BY line_no \gx

-- The form before 2023-24: 42 fields and two.
SELECT rows_loaded, rows_rejected, layout_year FROM calpads.load_ods('SINF', 'old.txt',
	file(regexp_replace(sinf(1, '{"parent_guardian_2_last_name": "Last of 42"}'), '\^[^^]*(\^[^^]*\^[^^]*)$', '\1')));
SELECT parent_guardian_2_last_name, parent_guardian_2_highest_education_level_code, upload_date FROM calpads.sinf_baseline WHERE load_id = (SELECT max(load_id) FROM calpads.load);

-- Bad rows are set aside.
SELECT rows_read, rows_loaded, rows_rejected FROM calpads.load_ods('SINF', 'bad.txt', file(VARIADIC ARRAY[
	sinf(1, '{"ssid": "100000000A"}'),
	sinf(2, '{"school_of_attendance": "560001"}'),
	sinf(3, '{"effective_start_date": ""}'),
	sinf(4, '{"effective_start_date": "20250230"}'),
	sinf(5, '{"reporting_lea": "5699991"}'),
	sinf(6), sinf(6, '{"student_legal_last_name": "Again"}'),
	sinf(7) || '^'] || (SELECT array_agg(sinf(n)) FROM generate_series(21, 30) n)));
SELECT line_no, field, rule, message, ssid FROM calpads.load_error WHERE load_id = (SELECT max(load_id) FROM calpads.load) ORDER BY line_no;

-- Wrong files.
SELECT calpads.load_ods('SINF', 'empty.txt', '');
SELECT calpads.load_ods('SINF', 'senr.txt', file(replace(sinf(1), 'SINF-R', 'SENR-R'), replace(sinf(2), 'SINF-R', 'SENR-R')));
SELECT calpads.load_ods('SINF', 'comma.csv', file(replace(sinf(1), '^', ','), replace(sinf(2), '^', ',')));
SELECT calpads.load_ods('SINF', 'header.txt', file(
	(SELECT string_agg(label, '^' ORDER BY ordinal) FROM calpads.layout_field WHERE layout = 'sinf_ods'), sinf(1)));
SELECT calpads.load_ods('SINF', 'lea.txt', file(sinf(1, '{"reporting_lea": "5699991"}')));
SELECT calpads.load_ods('SINF', 'school.txt', file(sinf(1, '{"school_of_attendance": "5600003"}')));
\echo :LAST_ERROR_SQLSTATE

-- The overlay: rows are closed by the next one, posted or not.
SELECT load_id FROM calpads.load_ods('SINF', 'SINF.txt', file(sinf(1), sinf(2)));
INSERT INTO sinf_sis.stu (sc, sn, id, cid, ln, fn, bd, gn, gr, tg, eth, rc1, bcu) VALUES
	(1, 1, 101, '1000000001', 'Alder', 'Ana', '2010-02-03', 'F', 9, '', 'N', '700', 'US');
INSERT INTO sinf_sis.enr (id, sc, sn, yr, ed, gr) VALUES (101, 1, 1, '2025', '2025-08-11', 9);
UPDATE sinf_sis.stu SET ln = 'Birch' WHERE id = 101;
SELECT lea, file_no, ssid, effective_start_date, school_of_attendance, local_student_id, reason, explanation, changed FROM calpads.sinf_delta() \gx
SELECT file_id, process, lea, seq, category, file_name, records, status FROM calpads.create_extract('SINF');
SELECT convert_from(calpads.file_content(f.file_id), 'UTF8') FROM calpads.extract_file f;
SELECT key, transaction_type, reason, changed FROM calpads.extract_record;
SELECT ssid, effective_start_date, effective_end_date, student_legal_last_name FROM calpads.ods_sinf ORDER BY 1, 2;
SELECT f.status FROM calpads.extract_file, calpads.post_file(file_id) f;
SELECT ssid, effective_start_date, effective_end_date, student_legal_last_name FROM calpads.ods_sinf ORDER BY 1, 2;
SELECT process, category, file_name, records, status FROM calpads.history WHERE file_id IS NOT NULL;
SELECT * FROM calpads.sinf_drift();
SELECT a.attname FROM pg_attribute a
WHERE a.attrelid = 'calpads.ods_sinf'::regclass AND a.attnum BETWEEN 1 AND 43
	AND NOT EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = (SELECT typrelid FROM pg_type WHERE oid = 'calpads.sinf'::regtype)
		AND (t.attnum, t.attname, t.atttypid, t.attcollation) = (a.attnum, a.attname, a.atttypid, a.attcollation));
-- A new load closes the history: the posting stays, its entries are done.
SELECT load_id FROM calpads.load_ods('SINF', 'again.txt', file(sinf(1), sinf(2)));
SELECT * FROM calpads.unpost_file((SELECT max(file_id) FROM calpads.extract_file));
SELECT count(*) FROM calpads.sinf_delta();
SELECT local_student_id, difference, field, in_calpads, in_sis, explanation FROM calpads.sinf_drift();

SET client_min_messages = warning;
TRUNCATE calpads.load, calpads.current_load, calpads.sinf_baseline, calpads.load_error, calpads.batch, calpads.extract_file, calpads.extract_record,
	calpads.file_event, calpads.sinf_entry RESTART IDENTITY;
DROP SCHEMA sinf_test CASCADE;
DROP SCHEMA sinf_sis CASCADE;
