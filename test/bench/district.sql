-- A fictitious district: what CALPADS holds as a file, and what the SIS holds
-- as a table in the place of the view sis.senr, so that the mapping is not
-- measured.  Each student has an enrollment of last year and one of this year.
-- One row in fifty is different.

CREATE FUNCTION bench.path(name text) RETURNS text LANGUAGE sql AS $$
	SELECT current_setting('bench.directory') || '/' || name
$$;
SET bench.rows = :rows;

SELECT count(*) AS objects FROM calpads.create_sis_schema() \gset
INSERT INTO sis.loc (cd, nm, cc, dc, sc)
SELECT n, 'School ' || n, '56', '99990', CASE n WHEN 0 THEN '0000000' ELSE (5600000 + n)::text END
FROM generate_series(0, 40) n;

-- The enrollments as CALPADS holds them.  story: what happened to them since.
CREATE UNLOGGED TABLE bench.enrollment AS
SELECT n,
	CASE
		WHEN n % 2 = 1 OR k % 500 >= 20 THEN 'none'
		WHEN k % 500 < 5 THEN 'gone'
		WHEN k % 500 < 11 THEN 'new'
		WHEN k % 500 < 14 THEN 'exit added'
		WHEN k % 500 < 16 THEN 'exit taken back'
		ELSE 'grade'
	END AS story,
	'SENR' AS record_type_code,
	NULL AS transaction_type_code,
	NULL AS local_record_id,
	'5699990' AS reporting_lea,
	(5600001 + k % 40)::text AS school_of_attendance,
	NULL AS school_of_attendance_nps,
	CASE n % 2 WHEN 1 THEN '2024-2025' ELSE '2025-2026' END AS academic_year_id,
	(1000000000 + k)::text AS ssid,
	(100000 + k)::text AS local_student_id,
	(ARRAY['Ana', 'José', 'Mei-Ling', 'Oliver', 'Zoë', 'Thanh', 'Maria Guadalupe', 'Ian'])[1 + k * 7 % 8] AS student_legal_first_name,
	CASE k % 3 WHEN 0 THEN 'Lee' END AS student_legal_middle_name,
	(ARRAY['Núñez', 'O''Hara', 'Smith-Lee', 'Garcia', 'Nguyen', 'Hernandez', 'Alder'])[1 + k * 5 % 7] || ' ' || k % 997 AS student_legal_last_name,
	CASE k % 50 WHEN 0 THEN 'JR' END AS student_legal_name_suffix_code,
	NULL AS student_alias_first_name,
	NULL AS student_alias_middle_name,
	NULL AS student_alias_last_name,
	make_date(2018 - k % 10, 1 + k % 12, 1 + k % 28) AS student_birth_date,
	(ARRAY['F', 'M'])[1 + k % 2] AS student_gender_code,
	CASE k % 2 WHEN 0 THEN 'Meadow' END AS student_birth_city,
	'US-CA' AS student_birth_state_province_code,
	'US' AS student_birth_country_code,
	CASE n % 2 WHEN 1 THEN date '2024-08-14' ELSE date '2025-08-13' END AS enrollment_start_date,
	'10' AS enrollment_status_code,
	to_char(1 + k % 10 + (n + 1) % 2, 'FM00') AS grade_level_code,
	CASE
		WHEN n % 2 = 1 THEN date '2025-06-05'
		WHEN k % 500 IN (14, 15, 30) THEN date '2025-10-03'
	END AS enrollment_exit_date,
	CASE
		WHEN n % 2 = 1 THEN 'E155'
		WHEN k % 500 IN (14, 15, 30) THEN 'T160'
	END AS student_exit_reason_code,
	NULL AS student_school_completion_status,
	NULL AS expected_receiver_school_of_attendance,
	NULL AS student_met_all_uc_csu_requirements_indicator,
	NULL AS student_school_transfer_code,
	NULL AS district_of_geographic_residence_code,
	NULL AS student_golden_state_seal_merit_diploma_indicator,
	NULL AS student_seal_of_biliteracy_indicator,
	NULL AS adult_age_students_with_disabilities_in_transition_status,
	NULL AS graduation_exemption_indicator
FROM generate_series(1, current_setting('bench.rows')::integer) n,
	LATERAL (SELECT (n + 1) / 2 AS k) AS student;

-- The fields of the file, and how a value of the table stands in it.
CREATE TABLE bench.field AS
SELECT f.name, f.type, f.max_length, f.key OR f.name IN ('reporting_lea', 'enrollment_status_code') AS required,
	row_number() OVER (ORDER BY f.ordinal) AS place,
	CASE f.type WHEN 'date8' THEN format('to_char(%s, ''YYYYMMDD'')', f.name) ELSE f.name END AS in_file
FROM calpads.layout_field f
WHERE f.layout = 'senr_ods' AND '2025-2026' BETWEEN coalesce(f.first_year, '') AND coalesce(f.last_year, '9999');

-- The SIS gives its rows in an order of its own.
DROP VIEW sis.senr CASCADE;
CREATE TABLE sis.senr OF calpads.senr;
SELECT string_agg(coalesce(now.value, f.name), ', ' ORDER BY f.place) AS sis_values
FROM bench.field f LEFT JOIN (VALUES
	('grade_level_code',
		$$CASE story WHEN 'grade' THEN to_char(grade_level_code::integer + 1, 'FM00') ELSE grade_level_code END$$),
	('enrollment_exit_date',
		$$CASE story WHEN 'exit added' THEN date '2025-10-10' WHEN 'exit taken back' THEN NULL ELSE enrollment_exit_date END$$),
	('student_exit_reason_code',
		$$CASE story WHEN 'exit added' THEN 'T160' WHEN 'exit taken back' THEN NULL ELSE student_exit_reason_code END$$)
) AS now (name, value) USING (name)
WHERE f.place <= 35 \gset
INSERT INTO sis.senr SELECT :sis_values FROM bench.enrollment WHERE story <> 'gone' ORDER BY hashint8(n);
ANALYZE sis.senr;

-- CALPADS' file, once without errors, and once with a row more in each
-- thousand that has a date which does not exist.
SELECT string_agg(coalesce(file.value, f.in_file), ', ' ORDER BY f.place) AS file_values
FROM bench.field f LEFT JOIN (VALUES
	('record_type_code', $$'SENR-R'$$),
	('ssid', $$CASE bad WHEN 1 THEN '9' ELSE '1' END || substr(ssid, 2)$$),
	('local_student_id', $$CASE bad WHEN 1 THEN 'bad ' ELSE '' END || local_student_id$$),
	('student_birth_date', $$CASE bad WHEN 1 THEN '20101332' ELSE to_char(student_birth_date, 'YYYYMMDD') END$$),
	('upload_date', $$'20251113'$$),
	('last_date_updated', $$'20251113'$$)
) AS file (name, value) USING (name) \gset
SELECT format('COPY (SELECT %s FROM bench.enrollment, generate_series(0, (n %% 1000 = 0 AND %L)::integer) AS bad '
	'WHERE story <> ''new'' ORDER BY n, bad) TO PROGRAM %L (DELIMITER ''^'', NULL '''')',
	:'file_values', with_errors, format($$sed 's/$/\r/' >'%s'$$, bench.path(name)))
FROM (VALUES ('clean.txt', false), ('ods.txt', true)) AS file (name, with_errors) \gexec
