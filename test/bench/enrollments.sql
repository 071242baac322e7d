-- Fictitious enrollments: what CALPADS holds, and what the SIS holds, of the
-- students of one or more LEAs.  Each student has an enrollment of last year and
-- one of this year, and those of every other student reach back a year more
-- where the LEA has them.  One row of this year in twenty-five is different.

CREATE FUNCTION bench.path(name text) RETURNS text LANGUAGE sql AS $$
	SELECT current_setting('bench.directory') || '/' || name
$$;

CREATE TABLE bench.lea (
	lea text PRIMARY KEY,
	first_student integer,
	last_student integer,
	first_school integer,
	schools integer,
	has_year_before_last boolean
);

-- The enrollments as CALPADS holds them; n: a number for each, in the order of
-- the students; story: what happened to them since.
CREATE VIEW bench.held_by_calpads AS
SELECT n,
	CASE
		WHEN year > 0 OR k % 500 >= 20 THEN 'none'
		WHEN k % 500 < 5 THEN 'gone'
		WHEN k % 500 < 11 THEN 'new'
		WHEN k % 500 < 14 THEN 'exit added'
		WHEN k % 500 < 16 THEN 'exit taken back'
		ELSE 'grade'
	END AS story,
	'SENR' AS record_type_code,
	NULL AS transaction_type_code,
	NULL AS local_record_id,
	l.lea AS reporting_lea,
	(l.first_school + k % l.schools)::text AS school_of_attendance,
	NULL AS school_of_attendance_nps,
	(ARRAY['2025-2026', '2024-2025', '2023-2024'])[year + 1] AS academic_year_id,
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
	(ARRAY['2025-08-13', '2024-08-14', '2023-08-16']::date[])[year + 1] AS enrollment_start_date,
	'10' AS enrollment_status_code,
	CASE WHEN k % 10 + 2 = year THEN 'KN' ELSE to_char(k % 10 + 2 - year, 'FM00') END AS grade_level_code,
	CASE
		WHEN year > 0 THEN (ARRAY['2025-06-05', '2024-06-06']::date[])[year]
		WHEN k % 500 IN (14, 15, 30) THEN date '2025-10-03'
	END AS enrollment_exit_date,
	CASE
		WHEN year > 0 THEN 'E155'
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
FROM bench.lea l,
	LATERAL generate_series(l.first_student, l.last_student) AS k,
	LATERAL generate_series(0, CASE WHEN l.has_year_before_last AND k % 2 = 0 THEN 2 ELSE 1 END) AS year,
	LATERAL (SELECT CASE year WHEN 2 THEN -k ELSE 2 * k - year END AS n) AS number;

-- The fields of the file, and how a value of the table stands in it.
CREATE TABLE bench.field AS
SELECT f.name, f.type, f.max_length, f.key OR f.name IN ('reporting_lea', 'enrollment_status_code') AS required,
	row_number() OVER (ORDER BY f.ordinal) AS place,
	CASE f.type WHEN 'date8' THEN format('to_char(%s, ''YYYYMMDD'')', f.name) ELSE f.name END AS in_file
FROM calpads.layout_field f
WHERE f.layout = 'senr_ods' AND '2025-2026' BETWEEN coalesce(f.first_year, '') AND coalesce(f.last_year, '9999');

-- The columns of the picture of the SIS, by those of what CALPADS holds.
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

-- The fields of a record of CALPADS' file.  bad: 1 makes of it one of a student
-- whose birth is on a day that does not exist.
SELECT string_agg(coalesce(file.value, f.in_file), ', ' ORDER BY f.place) AS file_values
FROM bench.field f LEFT JOIN (VALUES
	('record_type_code', $$'SENR-R'$$),
	('ssid', $$CASE bad WHEN 1 THEN '9' ELSE '1' END || substr(ssid, 2)$$),
	('local_student_id', $$CASE bad WHEN 1 THEN 'bad ' ELSE '' END || local_student_id$$),
	('student_birth_date', $$CASE bad WHEN 1 THEN '20101332' ELSE to_char(student_birth_date, 'YYYYMMDD') END$$),
	('upload_date', $$'20251113'$$),
	('last_date_updated', $$'20251113'$$)
) AS file (name, value) USING (name) \gset
