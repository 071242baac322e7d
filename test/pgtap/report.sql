-- The views of calpads_report: their shape, what they must never show, who may
-- read them, and the observations that fill them.

BEGIN;
SELECT no_plan();
SET LOCAL calpads.today = '2025-11-14';
SET LOCAL client_min_messages = error;

-- Documentation --------------------------------------------------------------------

CREATE VIEW pg_temp.member AS
	SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS what
	FROM pg_depend d
	WHERE d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
		AND d.refobjid = (SELECT e.oid FROM pg_extension e WHERE e.extname = 'calpads');

SELECT cmp_ok((SELECT count(*) FROM pg_temp.member WHERE classid = 'pg_proc'::regclass), '>', 300::bigint, 'the extension has its functions');
SELECT is_empty($$
	SELECT m.what FROM pg_temp.member m
	WHERE coalesce(obj_description(m.objid, (SELECT c.relname FROM pg_class c WHERE c.oid = m.classid)), '') = ''
		-- The row type of a table, and the sequence of an identity column, are the table's.
		AND NOT EXISTS (SELECT FROM pg_type t WHERE m.classid = 'pg_type'::regclass AND t.oid = m.objid
			AND (t.typcategory = 'A' OR t.typrelid <> 0 AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c')))
		AND NOT EXISTS (SELECT FROM pg_depend d WHERE m.classid = 'pg_class'::regclass AND d.classid = m.classid AND d.objid = m.objid
			AND d.deptype = 'i')$$,
	'every object of the extension has a comment');
SELECT is_empty($$
	SELECT a.attrelid::regclass, a.attname
	FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
	WHERE c.relnamespace = 'calpads_report'::regnamespace AND a.attnum > 0 AND coalesce(col_description(a.attrelid, a.attnum), '') = ''$$,
	'every column of the reports has a comment');

-- Shape ----------------------------------------------------------------------------

SELECT views_are('calpads_report', ARRAY['batch', 'file', 'file_event', 'record', 'record_change', 'difference', 'error', 'import_run',
	'ssid_queue', 'enrollment_daily', 'program_daily', 'metric']);
SELECT is_empty($$
	SELECT c.relname, needed.name
	FROM pg_class c, unnest('{lea,academic_year}'::text[]) AS needed (name)
	WHERE c.relnamespace = 'calpads_report'::regnamespace AND c.relkind = 'v'
		AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = needed.name)$$,
	'LEA and academic year are everywhere');
SELECT is_empty($$
	SELECT a.attrelid::regclass, a.attname, format_type(a.atttypid, NULL)
	FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
	WHERE c.relnamespace = 'calpads_report'::regnamespace AND a.attnum > 0
		AND a.atttypid NOT IN ('text'::regtype, 'bigint'::regtype, 'integer'::regtype, 'numeric'::regtype, 'boolean'::regtype,
			'date'::regtype, 'timestamptz'::regtype)$$,
	'types are plain');

-- A district, with marks in names and a birth date that nobody else has --------------

CREATE TABLE pg_temp.ods AS SELECT calpads.create_sample_district(120) AS content;
UPDATE sis.stu SET fn = 'Qqfirst', ln = 'Qqlast', mn = 'Qqmiddle', bd = '2011-12-13' WHERE id % 2 = 0;
DO $$
BEGIN
	PERFORM calpads.load_ods('SENR', 'ods.txt', content) FROM pg_temp.ods;
	PERFORM calpads.load_ods('SPRG', 'sprg.txt', calpads.sample_programs_file());
	-- Names with what cannot be sent, so that students are held because of their names.
	UPDATE sis.stu SET fn = 'Qqfirst^' WHERE id % 10 = 0;
	UPDATE sis.enr SET er = '999' WHERE (id, ed) IN (SELECT e.id, e.ed FROM sis.enr e WHERE e.er = '240' ORDER BY e.ed DESC, e.id LIMIT 3);
	PERFORM calpads.create_extract('SENR');
	PERFORM calpads.create_extract('SPRG');
	PERFORM calpads.create_extract('SELA');
	PERFORM calpads.create_extract('SINF', all_students => true);
	PERFORM calpads.create_extract('SENR_LEGACY', all_students => true);
END;
$$;

SELECT isnt_empty($$SELECT FROM calpads.extract_record WHERE line ~ 'Qq' AND line ~ '20111213'$$, 'what is sent has names and birth dates');
SELECT isnt_empty($$SELECT FROM calpads.batch_held WHERE value ~ 'Qq'$$, 'and so has what is held');
SELECT set_eq($$SELECT DISTINCT process FROM calpads_report.record$$,
	$$SELECT DISTINCT f.process FROM calpads.extract_file f JOIN calpads.extract_record r ON r.file_id = f.file_id$$, 'every process is in the reports');
SELECT cmp_ok((SELECT count(DISTINCT process) FROM calpads_report.record), '>=', 4::bigint, 'and there are several');

-- Observations ---------------------------------------------------------------------

SELECT is_empty('SELECT what, message FROM calpads.record_observations() WHERE message IS NOT NULL', 'everything can be observed');
SELECT is((SELECT count(*) FROM calpads_report.difference WHERE process = 'SENR' AND kind = 'operation'),
	(SELECT count(*) FROM calpads.senr_delta()), 'each operation is a difference');
SELECT is((SELECT count(DISTINCT (process, ssid, school_of_attendance, start_date, rule)) FROM calpads_report.difference WHERE process = 'SENR' AND kind = 'held'),
	(SELECT count(DISTINCT (ssid, school_of_attendance, enrollment_start_date, rule)) FROM calpads.senr_held()), 'so is each held record');
SELECT results_eq(
	$$SELECT school_of_attendance, grade_level_code, sum(students) FROM calpads_report.enrollment_daily
		WHERE side = 'SIS' AND day = '2025-11-14' GROUP BY 1, 2 ORDER BY 1, 2$$,
	$$SELECT s.school_of_attendance, s.grade_level_code, count(DISTINCT (s.local_student_id, s.enrollment_status_code))::numeric FROM sis.senr s
		WHERE '2025-11-14' BETWEEN s.enrollment_start_date AND coalesce(s.enrollment_exit_date, 'infinity') AND s.student_exit_reason_code IS DISTINCT FROM 'N470'
			AND s.school_of_attendance IN (SELECT cds_school FROM calpads.school WHERE selected)
		GROUP BY 1, 2 ORDER BY 1, 2$$,
	'enrollment_daily counts the SIS');
SELECT is((SELECT sum(students) FROM calpads_report.program_daily WHERE side = 'CALPADS'),
	(SELECT count(DISTINCT (o.school_of_attendance, o.education_program_code, o.ssid))::numeric FROM calpads.ods_sprg o
		WHERE '2025-11-14' BETWEEN o.education_program_membership_start_date AND coalesce(o.education_program_membership_end_date, 'infinity')
			AND o.school_of_attendance IN (SELECT cds_school FROM calpads.school WHERE selected)),
	'program_daily counts CALPADS');

CREATE TEMPORARY TABLE before AS
	SELECT (SELECT count(*) FROM calpads_report.difference) AS differences, (SELECT sum(students) FROM calpads_report.enrollment_daily) AS enrolled,
		(SELECT sum(students) FROM calpads_report.program_daily) AS members;
SELECT isnt_empty('SELECT calpads.record_observations()', 'a second time on the same day');
SELECT results_eq($$
	SELECT (SELECT count(*) FROM calpads_report.difference), (SELECT sum(students) FROM calpads_report.enrollment_daily),
		(SELECT sum(students) FROM calpads_report.program_daily)$$,
	'SELECT * FROM before', 'counts nothing twice');
SELECT is((SELECT count(*) FROM calpads_report.difference WHERE observations <> 2 OR last_seen <= first_seen OR ended_at IS NOT NULL), 0::bigint,
	'the same differences are seen again');

DO $$
BEGIN
	PERFORM calpads.post_file(f.file_id) FROM calpads.history_open f WHERE f.process = 'SENR';
	PERFORM calpads.record_observations();
END;
$$;
SELECT is((SELECT count(*) FROM calpads_report.difference WHERE process = 'SENR' AND kind = 'operation' AND ended_at IS NULL),
	(SELECT count(*) FROM calpads.senr_delta()), 'what is posted is no difference any more');
SELECT cmp_ok((SELECT count(*) FROM calpads_report.difference WHERE process = 'SENR' AND ended_at > last_seen), '>', 0::bigint,
	'but it stays in the history');
DO $$
BEGIN
	PERFORM calpads.unpost_file(f.file_id) FROM calpads.extract_file f WHERE f.process = 'SENR' AND f.status = 'Posted';
	PERFORM calpads.record_observations();
END;
$$;
SELECT is((SELECT count(*) FROM calpads_report.difference WHERE process = 'SENR' AND kind = 'operation' AND ended_at IS NULL),
	(SELECT count(*) FROM calpads.senr_delta()), 'what comes back is a difference again');
SELECT is((SELECT array_agg(DISTINCT name ORDER BY name) FROM calpads_report.metric),
	'{calpads_students,days_since_ods_load,differences_held,differences_open,files_to_post,records_to_post,refusals_30_days,sis_students}'::text[],
	'the time series are there');
SELECT is((SELECT value FROM calpads_report.metric WHERE name = 'differences_open' ORDER BY measured_at DESC LIMIT 1),
	(SELECT count(*)::numeric FROM calpads_report.difference WHERE kind = 'operation' AND ended_at IS NULL), 'and say what the views say');

-- The job ----------------------------------------------------------------------------

INSERT INTO calpads.job (name, process, time_of_day) VALUES ('reports', 'REPORT', '05:00');
SELECT is((SELECT status FROM calpads.run_job_now('reports')), 'succeeded', 'it is a job');
SELECT is((SELECT status FROM calpads.run_job_now('reports')), 'succeeded', 'that can run again');
SAVEPOINT whole;
DROP VIEW sis.sprg CASCADE;
SELECT is((SELECT status FROM calpads.run_job_now('reports')), 'failed', 'a job that could not observe everything has failed');
SELECT results_eq($$SELECT what FROM calpads.record_observations() WHERE message IS NULL$$,
	$$VALUES ('differences'), ('enrollment_daily'), ('metric')$$, 'but the rest is kept');
ROLLBACK TO whole;

-- What the views never show ------------------------------------------------------------

CREATE FUNCTION pg_temp.rows_that_match(pattern text) RETURNS TABLE (view_name text, row_text text)
	LANGUAGE plpgsql AS $$
BEGIN
	FOR view_name IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'calpads_report'::regnamespace AND c.relkind = 'v' LOOP
		RETURN QUERY EXECUTE format('SELECT %L::text, v::text FROM calpads_report.%I v WHERE v::text ~ $1', view_name, view_name) USING pattern;
	END LOOP;
END;
$$;
SELECT isnt_empty($$SELECT pg_temp.rows_that_match('2025-2026')$$, 'the search finds what is there');
SELECT is_empty($$SELECT * FROM pg_temp.rows_that_match('Qq')$$, 'no names');
SELECT is_empty($$SELECT * FROM pg_temp.rows_that_match('2011-12-13|20111213|12/13/2011')$$, 'no birth dates');
SELECT isnt_empty($$SELECT FROM calpads_report.record_change WHERE process = 'SENR' AND value_shown AND value_after IS NOT NULL$$,
	'codes and dates of enrollments are shown');
SELECT is_empty($$SELECT FROM calpads_report.record_change WHERE process = 'SINF' AND (value_before, value_after) IS DISTINCT FROM (NULL, NULL)$$,
	'what SINF changes is not');

-- One grain a view ----------------------------------------------------------------------

SELECT is_empty('SELECT FROM calpads_report.batch GROUP BY batch_id HAVING count(*) > 1', 'batch: one row a batch');
SELECT is_empty('SELECT FROM calpads_report.file GROUP BY file_id HAVING count(*) > 1', 'file: one row a file');
SELECT is_empty('SELECT FROM calpads_report.file_event GROUP BY event_id HAVING count(*) > 1', 'file_event: one row an event');
SELECT is_empty('SELECT FROM calpads_report.record GROUP BY file_id, line_no HAVING count(*) > 1', 'record: one row a record');
SELECT is_empty('SELECT FROM calpads_report.record_change GROUP BY file_id, line_no, field HAVING count(*) > 1', 'record_change: one row a field');
SELECT is_empty('SELECT FROM calpads_report.import_run GROUP BY kind, run_id HAVING count(*) > 1', 'import_run: one row a run');
SELECT is((SELECT count(*) FROM calpads_report.record), (SELECT count(*) FROM calpads.extract_record), 'no record is missing');
SELECT is((SELECT sum(records) FROM calpads_report.batch), (SELECT sum(records) FROM calpads.extract_file), 'no batch counts wrong');
SELECT is((SELECT count(*) FROM calpads_report.error WHERE source = 'held'), (SELECT count(*) FROM calpads.batch_held), 'no held record is missing');
SELECT is((SELECT count(*) FROM calpads_report.record WHERE process IN ('SENR', 'SPRG', 'SINF') AND (ssid IS NULL OR local_student_id IS NULL OR school_of_attendance IS NULL)),
	0::bigint, 'records can be joined with other tables');

-- Who reads them ------------------------------------------------------------------------

CREATE ROLE report_reporter;
CREATE ROLE report_reader;
SELECT lives_ok($$SELECT calpads.grant_access('report_reporter', 'reporter')$$, 'a role becomes a reporter');
SELECT lives_ok($$SELECT calpads.grant_access('report_reader', 'reader')$$, 'and one a reader');

CREATE FUNCTION pg_temp.outcome(role_name text, statement text) RETURNS text
	LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role_name);
	EXECUTE statement;
	RAISE EXCEPTION SQLSTATE 'UNDO1';
EXCEPTION
	WHEN OTHERS THEN
		RETURN CASE SQLSTATE WHEN 'UNDO1' THEN 'ok' ELSE SQLSTATE END;
END;
$$;
SELECT is(pg_temp.outcome(r.name, format('SELECT v::text FROM calpads_report.%I v', c.relname)), 'ok', format('%s reads %s', r.name, c.relname))
FROM pg_class c, unnest('{report_reporter,report_reader}'::text[]) AS r (name)
WHERE c.relnamespace = 'calpads_report'::regnamespace AND c.relkind = 'v'
ORDER BY r.name, c.relname;
SELECT is(pg_temp.outcome('report_reporter', s.statement), '42501', 'a reporter may not: ' || s.statement)
FROM (VALUES ('SELECT * FROM calpads.extract_record'), ('SELECT * FROM calpads.observed_difference'), ('SELECT * FROM calpads.ods_senr'), ('SELECT * FROM sis.stu'),
	('SELECT calpads.review_page(1)'), ('SELECT calpads.academic_year(''2025-01-01'')'), ('SELECT * FROM calpads.record_observations()'),
	('DELETE FROM calpads_report.metric'), ('CREATE TABLE calpads_report.own ()')) AS s (statement);
SELECT is_empty($$
	SELECT m.what FROM pg_temp.member m JOIN pg_class c ON c.oid = m.objid
	WHERE m.classid = 'pg_class'::regclass AND c.relkind IN ('r', 'v') AND c.relnamespace <> 'calpads_report'::regnamespace
		AND has_table_privilege('report_reporter', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')$$,
	'a reporter has no right to any other table');
SELECT is_empty($$
	SELECT what FROM (
		SELECT c.oid::regclass::text FROM pg_class c, aclexplode(c.relacl) AS granted
		WHERE granted.grantee = 0 AND c.relnamespace = 'calpads_report'::regnamespace
		UNION ALL
		SELECT n.nspname FROM pg_namespace n, aclexplode(n.nspacl) AS granted WHERE granted.grantee = 0 AND n.nspname = 'calpads_report') AS granted (what)$$,
	'nothing is granted to PUBLIC');

SELECT * FROM finish();
ROLLBACK;
