-- create_sample_district: the same each time, a state that CALPADS could hold,
-- every way of lagging behind, and a difference that brings it up to date.

BEGIN;
SELECT plan(37);
SET LOCAL client_min_messages = warning;
SET LOCAL calpads.today = '2025-11-14';

SELECT throws_ok('SELECT calpads.create_sample_district(0)', '22023',
	'a sample district has 1 to 1000000 students, not 0', 'no students are no district');

-- The same district again

SAVEPOINT empty;
SELECT md5(calpads.create_sample_district(500)) AS first_digest \gset
ROLLBACK TO empty;
SELECT md5(calpads.create_sample_district(500, 2)) AS other_digest \gset
ROLLBACK TO empty;
CREATE TEMPORARY TABLE file AS SELECT calpads.create_sample_district(500) AS content;
SELECT is(md5(content), :'first_digest', 'the same seed makes the same file') FROM file;
SELECT isnt(md5(content), :'other_digest', 'another seed makes another file') FROM file;
SELECT throws_ok('SELECT calpads.create_sample_district()', '55000', 'schema "sis" already has students',
	'students that are there are not touched');

-- The SIS side

SELECT is(count(DISTINCT cid)::integer, count(DISTINCT id)::integer, 'each student has an SSID of its own')
FROM sis.stu;
SELECT is(count(*)::integer, 0, 'the mapping finds nothing wrong') FROM sis.senr WHERE problems IS NOT NULL;
SELECT is_empty('SELECT * FROM calpads.sela_held()', 'nor the language statuses');
SELECT bag_eq('SELECT DISTINCT reason || '' '' || (rec).english_language_acquisition_status_code FROM calpads.sela_delta()', $$VALUES ('status_changed RFEP')$$,
	'of which some changed');
SELECT is(count(*)::integer, 0, 'nor student information, but that some went to school in transitional kindergarten before they were four') FROM sis.sinf
WHERE jsonb_path_exists(problems, '$[*] ? (@.rule != "SINF0059" && @.rule != "IVR0009_OTHER_NAMES")');
SELECT ok(bool_or(fn ~ '[é-ú]') AND bool_or(ln ~ '''') AND bool_or(fna ~ '"'),
	'names hold accents, apostrophes and double quotes')
FROM sis.stu;
SELECT is(array_agg(sc ORDER BY sc), '{101,102,103,201,202,301,302,391,900,950}', 'every school has students')
FROM (SELECT DISTINCT sc FROM sis.stu) AS s;

-- The file

CREATE TEMPORARY TABLE line AS
	SELECT string_to_array(l, '^') AS field
	FROM file, regexp_split_to_table(convert_from(content, 'UTF8'), E'\r\n') AS l
	WHERE l <> '';
SELECT is(right(convert_from(content, 'UTF8'), 2), E'\r\n', 'the file ends with CR LF') FROM file;
SELECT is(array_agg(DISTINCT cardinality(field)), '{37}', 'each record has 37 fields') FROM line;
SELECT ok(bool_or(field[5] = '3900950'), 'it has rows of the school that is not reported') FROM line;

CREATE TEMPORARY TABLE held AS
	SELECT field[5] AS school, field[8] AS ssid, field[22]::date AS first_day,
		coalesce(nullif(field[25], '')::date, 'infinity') AS last_day,
		field[23] = '10' AND field[26] <> 'N470' AS is_primary, field[26] = 'N470' AS is_no_show
	FROM line;
SELECT is(count(*), count(DISTINCT (school, ssid, first_day)), 'no key stands twice in it') FROM held;
SELECT is_empty($$
	SELECT a.ssid, a.school, a.first_day, b.school, b.first_day
	FROM held AS a JOIN held AS b ON b.ssid = a.ssid AND (a.school, a.first_day) < (b.school, b.first_day)
	WHERE NOT a.is_no_show AND NOT b.is_no_show AND a.first_day <= b.last_day AND b.first_day <= a.last_day
		AND (a.school = b.school OR a.is_primary AND b.is_primary)
	$$, 'no rows overlap that CALPADS would not let overlap');
SELECT is_empty('SELECT * FROM held WHERE last_day < first_day AND NOT is_no_show', 'no row ends before it starts');

-- Student programs

SELECT is_empty('SELECT student_id, education_program_code, problems FROM sis.sprg WHERE problems IS NOT NULL',
	'the mapping finds nothing wrong with the programs');
SELECT is(string_agg(DISTINCT education_program_code, ' '), '101 108 113 122 127 162 181 182 191 192 301 305 306',
	'eligibility and participation of many kinds; what is retired is not reported')
FROM sis.sprg;
CREATE TEMPORARY TABLE program AS
	SELECT string_to_array(l, '^') AS field
	FROM regexp_split_to_table(convert_from(calpads.sample_programs_file(), 'UTF8'), E'\r\n') AS l
	WHERE l <> '';
SELECT is(array_agg(DISTINCT cardinality(field)), '{28}', 'each program record has 28 fields') FROM program;
CREATE TEMPORARY TABLE held_program AS
	SELECT field[5] AS school, field[7] AS ssid, field[13] AS code, field[14] = '3' AS is_participation, field[15]::date AS first_day,
		coalesce(nullif(field[16], '')::date, 'infinity') AS last_day, field[18] AS service
	FROM program;
SELECT is(count(*), count(DISTINCT (school, ssid, code, first_day, service)), 'no key stands twice in the file') FROM held_program;
SELECT is_empty($$
	SELECT * FROM held_program AS p
	WHERE p.code <> '144' AND NOT EXISTS (
		SELECT FROM held AS h
		WHERE h.ssid = p.ssid AND h.school = p.school AND NOT h.is_no_show
			AND p.first_day <= h.last_day AND p.last_day >= h.first_day
			AND (NOT p.is_participation OR p.first_day >= h.first_day))
	$$, 'programs are where CALPADS has the enrollment');
SELECT is_empty($$
	SELECT a.ssid, a.code, a.first_day, b.first_day
	FROM held_program AS a
		JOIN held_program AS b ON b.ssid = a.ssid AND b.school = a.school AND b.code = a.code AND b.service = a.service
			AND a.first_day < b.first_day
	WHERE a.last_day = 'infinity' AND b.last_day = 'infinity' OR a.is_participation AND b.first_day <= a.last_day
	$$, 'participation does not overlap, and no program is open twice at a school');
SELECT ok(bool_or(p.code = '144') AND bool_or(p.code = '135'), 'there are rows of retired programs') FROM held_program AS p;
SELECT is(md5(calpads.sample_programs_file()), md5(calpads.sample_programs_file(1)), 'the file is of seed 1 unless said');
SELECT results_eq($$SELECT l.rows_read, l.rows_rejected
	FROM calpads.load_ods('SPRG', 'SPRG_ODS.txt', calpads.sample_programs_file()) AS l$$,
	'SELECT count(*), 0::bigint FROM program', 'the loader takes every program row');

-- The difference

SELECT results_eq($$SELECT l.rows_read, l.rows_rejected
	FROM file AS f, calpads.load_ods('SENR', 'SENR_ODS.txt', f.content) AS l$$,
	'SELECT count(*), 0::bigint FROM line', 'the loader takes every row');
SELECT results_eq('SELECT DISTINCT category, reason FROM calpads.senr_delta() ORDER BY 1, 2', $$VALUES
	('Exits', 'exit_added'), ('Exits', 'exit_changed'), ('Exits', 'exit_removed'), ('Exits', 'not_in_sis'),
	('Exits', 'school_changed'), ('Exits', 'start_moved'),
	('Removals', 'not_in_sis'), ('Removals', 'school_changed'), ('Removals', 'start_moved'),
	('Updates', 'fields_changed'), ('Updates', 'new_enrollment'), ('Updates', 'new_student'),
	('Updates', 'school_changed'), ('Updates', 'start_moved')$$,
	'CALPADS lags behind in every way');
SELECT is_empty('SELECT * FROM calpads.senr_held()', 'nothing is held');
SELECT results_eq($$SELECT file_name FROM calpads.create_extract('SENR')$$,
	$$VALUES ('001_Removals.txt'), ('002_Exits.txt'), ('003_Exits.txt'), ('004_Updates.txt'), ('005_Updates.txt')$$,
	'the removals stay below the limit, and some students need several files of a kind');
DO $$
DECLARE
	next_file bigint;
BEGIN
	FOR next_file IN SELECT f.file_id FROM calpads.extract_file AS f ORDER BY f.seq LOOP
		PERFORM calpads.post_file(next_file);
	END LOOP;
END;
$$;
SELECT is_empty('SELECT * FROM calpads.senr_delta()', 'when all files are posted there is no difference left');
SELECT is_empty($$
	SELECT s.ssid, s.school_of_attendance, s.enrollment_start_date, s.enrollment_exit_date, s.grade_level_code
	FROM sis.senr AS s
	EXCEPT
	SELECT o.ssid, o.school_of_attendance, o.enrollment_start_date, o.enrollment_exit_date, o.grade_level_code
	FROM calpads.ods_senr AS o
	$$, 'CALPADS then holds every enrollment of the SIS');
SELECT is_empty($$
	SELECT o.ssid, o.school_of_attendance, o.enrollment_start_date FROM calpads.ods_senr AS o
	WHERE o.student_exit_reason_code IS DISTINCT FROM 'N470' AND o.school_of_attendance <> '3900950'
	EXCEPT
	SELECT s.ssid, s.school_of_attendance, s.enrollment_start_date FROM sis.senr AS s
	$$, 'and no other, but for no-shows and the school that is not reported');

-- Programs after the enrollments

SELECT is_empty($$SELECT * FROM calpads.sprg_held() WHERE rule <> 'EARLIER_YEAR'$$, 'no program of this year is held');
SELECT results_eq($$SELECT file_name FROM calpads.create_extract('SPRG')$$,
	$$VALUES ('001_Removals.txt'), ('002_Exits.txt'), ('003_Updates.txt')$$, 'programs need three files');
DO $$
DECLARE
	next_file bigint;
BEGIN
	FOR next_file IN SELECT f.file_id FROM calpads.extract_file AS f WHERE f.process = 'SPRG' ORDER BY f.seq LOOP
		PERFORM calpads.post_file(next_file);
	END LOOP;
END;
$$;
SELECT is_empty('SELECT * FROM calpads.sprg_delta()', 'when they are posted there is no difference left');
SELECT is_empty($$
	SELECT s.ssid, s.school_of_attendance, s.education_program_code, s.education_program_membership_start_date,
		s.education_program_membership_end_date, s.homeless_dwelling_type_code
	FROM sis.sprg AS s
	WHERE s.academic_year_id = '2025-2026'
	EXCEPT
	SELECT o.ssid, o.school_of_attendance, o.education_program_code, o.education_program_membership_start_date,
		o.education_program_membership_end_date, o.homeless_dwelling_type_code
	FROM calpads.ods_sprg AS o
	$$, 'CALPADS then holds every program of this year');

SELECT * FROM finish();
ROLLBACK;
