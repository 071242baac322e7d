-- The comparison comes to the same, however its pictures are stored, however
-- little memory it has, and whether one process reads them or two.

BEGIN;
SELECT plan(27);
SET LOCAL client_min_messages = warning;
SET LOCAL calpads.today = '2025-11-14';
SET LOCAL calpads.removal_limit_percent = 100;

CREATE TEMPORARY TABLE file AS SELECT calpads.create_sample_district(3000) AS content;
SELECT rows_loaded > 5000 AS is_large FROM file, calpads.load_ods('SENR', 'ods.txt', content) \gset
SELECT ok(:'is_large', 'the district has more students than the least memory holds');

CREATE FUNCTION pg_temp.difference() RETURNS text LANGUAGE sql AS $$
	SELECT count(*) || ' ' || md5(string_agg(r.kind || concat_ws('^', r.file_no, r.key, r.reason, r.line, r.rule, r.value), E'\n'
		ORDER BY r.kind, r.key, r.reason, r.line, r.rule, r.school_of_attendance))
	FROM calpads.reconcile_senr(NULL) r
$$;
CREATE TEMPORARY TABLE expected AS SELECT pg_temp.difference() AS difference;
SELECT cmp_ok(split_part(difference, ' ', 1)::integer, '>', 100, 'and differs from what CALPADS holds') FROM expected;

-- Two processes read what is large by the measure of the planner.
CREATE FUNCTION pg_temp.with_memory(memory text, what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('calpads.comparison_memory', memory, true);
	SET LOCAL max_parallel_workers_per_gather = 0;
	RETURN NEXT is(pg_temp.difference(), (SELECT e.difference FROM expected e), format('%s, %s', what, memory));
	SET LOCAL max_parallel_workers_per_gather = 2;
	SET LOCAL min_parallel_table_scan_size = 0;
	RETURN NEXT is(pg_temp.difference(), (SELECT e.difference FROM expected e), format('%s, %s, two processes', what, memory));
	SET LOCAL min_parallel_table_scan_size TO DEFAULT;
	SET LOCAL calpads.comparison_memory TO DEFAULT;
END;
$$;
SELECT pg_temp.with_memory('64kB', 'a mapping view');

-- What was posted is looked up by hashing, however large the planner knows it to be.
CREATE FUNCTION pg_temp.plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	plan text := '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN ' || query LOOP
		plan := plan || line || E'\n';
	END LOOP;
	RETURN plan;
END;
$$;
CREATE TEMPORARY TABLE batch_before AS SELECT f.file_id FROM calpads.create_extract('SENR', force => true) f;
SELECT ok(count(calpads.post_file(file_id)) > 0, 'files are posted') FROM (SELECT file_id FROM batch_before ORDER BY file_id) AS f;
INSERT INTO calpads.extract_record (file_id, line_no, ssid, key, transaction_type, reason, explanation, changed, line)
SELECT r.file_id, r.line_no + 100000 * n, r.ssid, r.key, r.transaction_type, r.reason, r.explanation, r.changed, r.line
FROM calpads.extract_record r, generate_series(1, 20) n;
ANALYZE calpads.extract_record, calpads.extract_file, calpads.batch;
SET LOCAL work_mem = '64kB';
SELECT unalike(pg_temp.plan_of('SELECT * FROM calpads.ods_senr'), '%(SubPlan%', 'enrollments that were posted over a load are in a hash table');
SELECT unalike(pg_temp.plan_of('SELECT * FROM calpads.ods_sprg'), '%NOT (SubPlan%', 'so are programs');
RESET work_mem;
DELETE FROM calpads.file_event;
DELETE FROM calpads.extract_record;
DELETE FROM calpads.extract_file;
DELETE FROM calpads.batch;

-- A district's own table: read as it is, and its rows fetched again by their places.
ALTER VIEW sis.senr RENAME TO senr_mapping;
CREATE TABLE sis.senr OF calpads.senr;
INSERT INTO sis.senr
SELECT record_type_code, transaction_type_code, local_record_id, reporting_lea, school_of_attendance,
	school_of_attendance_nps, academic_year_id, ssid, local_student_id, student_legal_first_name,
	student_legal_middle_name, student_legal_last_name, student_legal_name_suffix_code, student_alias_first_name,
	student_alias_middle_name, student_alias_last_name, student_birth_date, student_gender_code, student_birth_city,
	student_birth_state_province_code, student_birth_country_code, enrollment_start_date, enrollment_status_code,
	grade_level_code, enrollment_exit_date, student_exit_reason_code, student_school_completion_status,
	expected_receiver_school_of_attendance, student_met_all_uc_csu_requirements_indicator, student_school_transfer_code,
	district_of_geographic_residence_code, student_golden_state_seal_merit_diploma_indicator,
	student_seal_of_biliteracy_indicator, adult_age_students_with_disabilities_in_transition_status,
	graduation_exemption_indicator
FROM sis.senr_mapping
ORDER BY hashtext(ssid);
SELECT ok(calpads.is_plain_picture('SENR', 'sis.senr'), 'a table of the layout''s columns is read as it is');
SELECT pg_temp.with_memory('64MB', 'a table');
SELECT pg_temp.with_memory('64kB', 'a table');

ALTER TABLE sis.senr RENAME TO senr_rows;
CREATE TABLE sis.senr (other integer, LIKE sis.senr_rows) PARTITION BY HASH (ssid);
CREATE TABLE sis.senr_0 PARTITION OF sis.senr FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE sis.senr_1 PARTITION OF sis.senr FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO sis.senr SELECT 1, s.* FROM sis.senr_rows s;
SELECT ok(calpads.is_plain_picture('SENR', 'sis.senr'), 'so is a table with partitions and a column more');
SELECT pg_temp.with_memory('64MB', 'a table with partitions');

-- Other types are brought into those of the layout.
ALTER TABLE sis.senr ALTER grade_level_code TYPE varchar(2), ALTER enrollment_exit_date TYPE timestamp,
	ALTER reporting_lea TYPE char(9);
SELECT ok(NOT calpads.is_plain_picture('SENR', 'sis.senr'), 'a table of other types is not read as it is');
SELECT pg_temp.with_memory('64MB', 'a table of other types');
DROP TABLE sis.senr;
CREATE MATERIALIZED VIEW sis.senr AS SELECT * FROM sis.senr_rows;
SELECT pg_temp.with_memory('64MB', 'a materialized view');
DROP MATERIALIZED VIEW sis.senr;

-- Everybody differs: more rows than places would fetch quickly.
ALTER TABLE sis.senr_rows RENAME TO senr;
UPDATE sis.senr SET grade_level_code = CASE grade_level_code WHEN '05' THEN '04' ELSE '05' END;
UPDATE expected SET difference = pg_temp.difference();
SELECT cmp_ok(split_part(difference, ' ', 1)::integer, '>', 3000, 'when everybody differs') FROM expected;
SELECT pg_temp.with_memory('64kB', 'a table of which every row differs');

-- The other process is there, its error comes, and the comparison works again after it.
CREATE FUNCTION pg_temp.place_of_error() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	context text;
BEGIN
	PERFORM pg_temp.difference();
	RETURN 'no error';
EXCEPTION WHEN null_value_not_allowed THEN
	GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
	RETURN context;
END;
$$;
CREATE TEMPORARY TABLE spoilt AS SELECT p.ctid AS place, p.reporting_lea FROM calpads.senr_baseline p LIMIT 1;
UPDATE calpads.senr_baseline p SET reporting_lea = '' FROM spoilt s WHERE p.ctid = s.place RETURNING p.line_no AS spoilt \gset
SELECT unalike(pg_temp.place_of_error(), '%parallel worker%', 'a small district is read by one process');
SET LOCAL min_parallel_table_scan_size = 0;
SELECT alike(pg_temp.place_of_error(), '%parallel worker%', 'a large one is read by two');
UPDATE calpads.senr_baseline p SET reporting_lea = s.reporting_lea FROM spoilt s WHERE p.line_no = :spoilt;
SELECT is(pg_temp.difference(), (SELECT e.difference FROM expected e), 'after an error the comparison comes to the same');
SET LOCAL min_parallel_table_scan_size TO DEFAULT;

SELECT throws_ok('SET LOCAL calpads.comparison_memory = 1', '22023', NULL, 'some memory it must have');

SELECT * FROM finish();
ROLLBACK;
