-- Texts that want to be more than texts: in every parameter of every routine,
-- in every setting, in every option of servers, tables and user mappings, in
-- every column that people fill, and in the students' own data.  None becomes
-- part of a command, and none is answered by an error that is the server's own
-- or by a syntax error.  Parameters, settings, options and columns come from the
-- catalog, so that new ones are covered.

BEGIN;
SELECT no_plan();
SET LOCAL calpads.today = '2025-11-14';
SET LOCAL client_min_messages = error;
SET LOCAL jit = off;

-- What must never be touched.  A sequence remembers even what is undone.
CREATE SCHEMA canary;
CREATE TABLE canary.bird AS SELECT 'sings' AS song;
CREATE SEQUENCE canary.calls;
CREATE FUNCTION canary.call() RETURNS text LANGUAGE sql AS $$SELECT nextval('canary.calls')::text$$;

-- In each parameter by itself: whatever surrounds it.  In all at once: what a
-- name, a path or a number could stumble over.
CREATE TABLE pg_temp.hostile (what text PRIMARY KEY, alone boolean NOT NULL, value text);
INSERT INTO pg_temp.hostile VALUES
	('after a quote', true, '\''; SELECT canary.call(); --"; DROP TABLE canary.bird; --$$; SELECT canary.call(); --$query$; SELECT canary.call(); --'),
	('after a bracket', true, '1); SELECT canary.call(); -- %s%I%L%2$s%n @schema@ @schema@.stu @schema_literal@ \1\2\& ([*+{^$'),
	('a path with controls', false, E'../../etc/passwd\r\nRCPT TO:<b@c>\t\x01\x7f\u2028\U0001F4A3\\x00\\000%00'),
	('the name of a table', false, 'canary.bird'),
	('a null', false, NULL),
	('nothing', false, ''),
	('10,000 characters', false, repeat('é"''', 3334));

-- A small district in which there is something of everything ------------------------

CREATE TABLE pg_temp.ods AS SELECT calpads.create_sample_district(16) AS content;
INSERT INTO calpads.isi_code VALUES ('GT', 'Gifted and talented', '127', NULL);
INSERT INTO calpads.casemis_profile (name, recipients) VALUES ('nightly', '{a@b.example}');
INSERT INTO calpads.program_profile (name, location, recipients) VALUES ('programs', 'folder:programs', '{a@b.example}');
INSERT INTO calpads.job (name, process, time_of_day, enabled) VALUES ('night', 'NIGHTLY', '02:00', true);
CREATE TABLE pg_temp.somebody AS
	SELECT s.id, s.cid, s.ln, s.fn, s.bd, (SELECT min(l.cc || l.dc) FROM sis.loc l) AS lea FROM sis.stu s WHERE s.cid <> '' ORDER BY s.cid LIMIT 1;
CREATE TABLE pg_temp.delivery AS
	SELECT convert_to(concat_ws(E'\t', id, cid, ln, fn, '', to_char(bd, 'MM/DD/YYYY'), 'GT', '8/11/2025', '', '8/11/2025', '', '2025-2026', '')
			|| E'\r\n', 'UTF8') AS programs,
		convert_to(E'SELPA_CODE,STUDENT_ID,LAST_NAME,FIRST_NAME,SSID,BIRTHDATE,GRADE,PLAN_TYPE,DISABILIT1\r\n'
			|| format(E'0601,%s,%s,%s,%s,%s,04,10,290\r\n', id, ln, fn, cid, to_char(bd, 'YYYYMMDD')), 'UTF8') AS students,
		convert_to(format(E'SSID,Error\r\n%s,SENR0027\r\n', cid), 'UTF8') AS rejected,
		convert_to(format(E'LocalID,SSID,Category,Score\r\n%s,,No Match,0\r\n', (SELECT id FROM sis.stu ORDER BY cid DESC LIMIT 1)), 'UTF8') AS result
	FROM pg_temp.somebody;
DO $$
BEGIN
	PERFORM calpads.load_ods('SENR', 'ods.txt', content) FROM pg_temp.ods;
	PERFORM calpads.load_ods('SPRG', 'programs.txt', calpads.sample_programs_file());
	PERFORM calpads.create_extract('SENR', force => true);
	PERFORM calpads.create_extract('SPRG', force => true);
	PERFORM calpads.create_extract('SELA');
	PERFORM calpads.create_extract('SINF', all_students => true);
	PERFORM calpads.post_file(h.file_id) FROM calpads.history_open h WHERE h.process = 'SELA';
	UPDATE sis.stu SET cid = '' WHERE id IN (SELECT id FROM sis.stu ORDER BY cid DESC LIMIT 1);
	PERFORM calpads.create_ssid_request();
	PERFORM calpads.load_match_result(base_name || '_Results.csv', result) FROM calpads.ssid_request, pg_temp.delivery;
	PERFORM calpads.import_programs('programs.txt', programs), calpads.casemis_run('nightly', students),
		calpads.load_rejected('rejected.csv', rejected)
	FROM pg_temp.delivery;
	PERFORM calpads.queue_mail('{a@b.example}', 'subject', 'body');
	INSERT INTO calpads.upload (name, content) SELECT 'ods.txt', content FROM pg_temp.ods;
END;
$$;
ANALYZE;

-- Runs a statement and takes it back: ok, or the SQLSTATE with its message; and
-- whether the canary was touched, which no exception handler can hide.
CREATE FUNCTION pg_temp.outcome(VARIADIC statements text[]) RETURNS text
	LANGUAGE plpgsql AS $$
DECLARE
	statement text;
	came text;
BEGIN
	BEGIN
		FOREACH statement IN ARRAY statements LOOP
			EXECUTE statement;
		END LOOP;
		SELECT CASE WHEN count(*) = 1 AND min(song) = 'sings' THEN 'ok' END INTO came FROM canary.bird;
		RAISE EXCEPTION SQLSTATE 'UNDO1';
	EXCEPTION
		WHEN SQLSTATE 'UNDO1' THEN
			came := coalesce(came, 'TOUCHED');
		WHEN OTHERS THEN
			came := format('%s: %s', SQLSTATE, left(SQLERRM, 160));
	END;
	IF (SELECT is_called FROM canary.calls) THEN
		PERFORM setval('canary.calls', 1, false);
		RETURN 'TOUCHED';
	END IF;
	RETURN came;
END;
$$;

-- An error of syntax or of names says that a text became part of a command;
-- XX is an error that nobody thought of.
CREATE FUNCTION pg_temp.is_bad(outcome text) RETURNS boolean
	LANGUAGE sql AS $$SELECT outcome ~ '^(TOUCHED|XX|42601|42703|42883|42P02|42P1|25|2200[BGT]|2201B|39|58000)'$$;

SELECT is(pg_temp.outcome('SELECT 1'), 'ok', 'what does no harm');
SELECT is(pg_temp.outcome('DROP TABLE canary.bird'), '42P01: relation "canary.bird" does not exist', 'a bird that is gone would be missed');
SELECT is(pg_temp.outcome('DELETE FROM canary.bird'), 'TOUCHED', 'so would its song');
SELECT is(pg_temp.outcome('DO $x$BEGIN PERFORM canary.call(); RAISE EXCEPTION ''x''; EXCEPTION WHEN OTHERS THEN END$x$'), 'TOUCHED',
	'and a call that was undone');

-- Parameters ---------------------------------------------------------------------

-- Objects with such names, for parameters that take an object.
CREATE SCHEMA "O'Brien""; DROP TABLE canary.bird; --";
CREATE TABLE "O'Brien""; DROP TABLE canary.bird; --"."x'); SELECT canary.call(); --%s" ("y' || canary.call() || '""" text, id integer, del boolean);
CREATE DOMAIN "O'Brien""; DROP TABLE canary.bird; --"."z'); SELECT canary.call(); --%s" AS text;
CREATE ROLE "O'Brien""; DROP TABLE canary.bird; --";

-- A good value for each parameter beside the hostile one, so that the call goes far.
CREATE TABLE pg_temp.good (routine text, name text, value text);
INSERT INTO pg_temp.good (name, value) VALUES
	('process', '''SENR'''), ('lea', '(SELECT lea FROM pg_temp.somebody)'), ('only_lea', '(SELECT lea FROM pg_temp.somebody)'),
	('ssid', '(SELECT cid FROM pg_temp.somebody)'), ('only_ssid', '(SELECT cid FROM pg_temp.somebody)'), ('schema', '''sis'''),
	('schema_name', '''sis'''), ('table_name', '''stu'''), ('layout', '''casemis_a'''), ('path', '''file.txt'''), ('name', '''senr'''),
	('file_name', '''file.txt'''), ('profile', '''nightly'''), ('file', '''students'''), ('sis_table', '''cse'''), ('view_name', '''senr'''),
	('columns', '''{ssid,last_name}'''), ('column_name', '''cid'''), ('academic_year', '''2025-2026'''), ('layout_year', 'NULL'),
	('decision', '''skip'''), ('status', '''succeeded'''), ('location', '''folder:x'''), ('access', '''reader'''), ('time_zone', '''UTC'''),
	('severity', '''error'''), ('recipients', '''{a@b.example}'''), ('attachments', '''[]'''), ('problems', '''[]'''), ('parts', '''[]'''),
	('role_name', '''pg_monitor'''), ('started_at', 'now()'), ('students', '(SELECT students FROM pg_temp.delivery)'),
	('content', '(SELECT programs FROM pg_temp.delivery)'), ('picture', '''sis.senr'''), ('view', '''sis.senr'''),
	('load_id', '(SELECT max(load_id) FROM calpads.load)'), ('session_id', '(SELECT max(session_id) FROM calpads.match_session)'),
	('student_id', '(SELECT max(student_id) FROM calpads.match_row)'), ('file_id', '(SELECT min(file_id) FROM calpads.history_open)'),
	('batch_id', '(SELECT min(batch_id) FROM calpads.history_open)');
INSERT INTO pg_temp.good VALUES
	('load_ods', 'content', '(SELECT content FROM pg_temp.ods)'), ('load_rejected', 'content', '(SELECT rejected FROM pg_temp.delivery)'),
	('load_match_result', 'content', '(SELECT result FROM pg_temp.delivery)'), ('run_job_now', 'name', '''night'''),
	('import_programs_scheduled', 'profile', '''programs'''), ('programs_of_student', 'picture', '''sis.sprg'''),
	('call_process', 'process', '''CASEMIS'''), ('setting', 'name', '''today'''), ('casemis_report', 'name', '''TypeA_Imported''');

CREATE FUNCTION pg_temp.good_value(routine text, type oid, name text) RETURNS text
	LANGUAGE sql AS $$
	SELECT coalesce(
		(SELECT g.value FROM pg_temp.good g
			WHERE g.name = good_value.name AND (g.routine IS NULL OR g.routine = good_value.routine) ORDER BY g.routine LIMIT 1),
		CASE
			WHEN type = 'text'::regtype THEN '''x'''
			WHEN type = 'text[]'::regtype THEN '''{x}'''
			WHEN type = 'jsonb'::regtype THEN '''{}'''
			WHEN type = 'regclass'::regtype THEN '''sis.stu'''
			WHEN type = 'regtype'::regtype THEN '''text'''
			WHEN type = 'boolean'::regtype THEN 'false'
			WHEN type IN ('bigint'::regtype, 'integer'::regtype, 'smallint'::regtype) THEN '1'
			WHEN type = 'date'::regtype THEN '''2025-11-14'''
			WHEN type IN (SELECT t.oid FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid AND c.relkind = 'r')
				THEN (SELECT format('(SELECT t FROM %s t LIMIT 1)', typrelid::regclass) FROM pg_type WHERE oid = type)
			ELSE 'NULL' END)
	|| '::' || format_type(type, NULL)
	$$;

CREATE FUNCTION pg_temp.hostile_value(type oid, value text) RETURNS text
	LANGUAGE sql AS $$
	SELECT CASE WHEN value IS NULL THEN 'NULL'
		WHEN type = 'text[]'::regtype THEN format('ARRAY[%L, NULL, %1$L]', value)
		WHEN type = 'jsonb'::regtype THEN format('jsonb_build_array(jsonb_build_object(%L::text, %1$L::text), %1$L::text)', value)
		WHEN type = 'bytea'::regtype THEN format('convert_to(%L, ''UTF8'')', value)
		WHEN type = 'regclass'::regtype THEN (SELECT c.oid::text FROM pg_class c WHERE c.relname LIKE 'x'');%')
		WHEN type = 'regtype'::regtype THEN (SELECT t.oid::text FROM pg_type t WHERE t.typname LIKE 'z'');%')
		WHEN type = 'regrole'::regtype THEN (SELECT r.oid::text FROM pg_roles r WHERE r.rolname LIKE 'O''Brien%')
		ELSE format('%L', value) END || '::' || format_type(type, NULL)
	$$;

CREATE TABLE pg_temp.parameter AS
	SELECT p.oid, p.proname, p.provariadic <> 0 AND a.n = p.pronargs AS is_variadic, a.n, a.type, p.proargnames[a.n] AS name,
		a.type = ANY ('{text,text[],bytea,jsonb}'::regtype[]) AS is_text, a.type = ANY ('{regclass,regtype,regrole}'::regtype[]) AS is_object
	FROM pg_depend d JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid,
		unnest(p.proargtypes::oid[]) WITH ORDINALITY AS a (type, n)
	WHERE d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'calpads')
		AND p.prorettype NOT IN ('trigger'::regtype, 'fdw_handler'::regtype);
CREATE TABLE pg_temp.fed AS
	SELECT f.oid::regprocedure AS routine, fed.parameter, h.what,
		format(CASE f.prokind WHEN 'p' THEN 'CALL %s(%s)' ELSE 'SELECT count(*) FROM %s(%s) AS x' END, f.oid::regproc,
			(SELECT string_agg(CASE WHEN p.is_variadic THEN 'VARIADIC ' ELSE '' END
				|| CASE WHEN p.name = fed.parameter OR p.is_text AND fed.parameter IS NULL THEN pg_temp.hostile_value(p.type, h.value)
					ELSE pg_temp.good_value(p.proname, p.type, p.name) END, ', ' ORDER BY p.n)
			FROM pg_temp.parameter p WHERE p.oid = f.oid)) AS statement
	FROM (SELECT oid, name AS parameter, true AS alone, is_text FROM pg_temp.parameter WHERE is_text OR is_object
			UNION SELECT oid, NULL, false, true FROM pg_temp.parameter WHERE is_text) AS fed
		JOIN pg_proc f USING (oid) JOIN pg_temp.hostile h USING (alone)
	WHERE fed.is_text OR h.what = 'after a quote';
SELECT cmp_ok(count(DISTINCT (routine, parameter)), '>', 650::bigint, 'routines that take text are fed') FROM pg_temp.fed;
ALTER TABLE pg_temp.fed ADD COLUMN outcome text;
UPDATE pg_temp.fed SET outcome = pg_temp.outcome(statement);
SELECT cmp_ok(count(*), '>', 1000::bigint, 'many of these calls come to an end without an error') FROM pg_temp.fed WHERE outcome = 'ok';
SELECT is_empty($$
	SELECT routine, parameter, what, outcome FROM pg_temp.fed
	WHERE pg_temp.is_bad(outcome)
		-- Parts of other functions, which give them names that they have looked up.
		AND NOT (what = 'nothing' AND outcome LIKE '42601: zero-length delimited identifier%'
			AND routine::text ~ '\.(make_sis_table|is_plain_picture|picture_fields|note_ssid_changes|sample_[a-z_]*)\(')
		AND NOT (parameter = 'column_name' AND outcome LIKE '42703: column t.%')
		-- Objects that are not of the kind, found by OID and named as they should be.
		AND NOT (parameter IN ('relation', 'picture', 'lac') AND outcome ~ '^42703: (.* lacks columns of|column "eac" of|column t\.cid)')$$,
	'none runs a command, or stumbles');

-- The work, with hostile texts where it finds them -----------------------------------

CREATE TABLE pg_temp.work (step serial, statement text);
INSERT INTO pg_temp.work (statement)
SELECT 'SELECT count(*) FROM ' || source
FROM unnest(ARRAY['calpads.senr_delta()', 'calpads.senr_held()', 'calpads.sprg_delta()', 'calpads.sela_delta()', 'calpads.sela_conflict',
	'calpads.sinf_delta(true)', 'calpads.school', 'calpads.file_waits_for', 'calpads.rejection', 'calpads.drift(''SENR'')', 'calpads.job_status',
	'calpads.match_candidate', 'calpads.program_held', 'calpads_report.record', 'calpads_report.error', 'calpads_report.record_change',
	'calpads.explain((SELECT cid FROM pg_temp.somebody))', 'calpads.create_extract(''SENR'', force => true)', 'calpads.create_extract(''SPRG'', force => true)',
	'calpads.create_extract(''SELA'')', 'calpads.create_extract(''SINF'', all_students => true)', 'calpads.create_extract(''SENR_LEGACY'')',
	'calpads.casemis_run(''nightly'', (SELECT students FROM pg_temp.delivery))', 'calpads.import_programs(''p.txt'', (SELECT programs FROM pg_temp.delivery))',
	'calpads.load_ods(''SENR'', ''o.txt'', (SELECT content FROM pg_temp.ods))', 'calpads.load_rejected(''r.csv'', (SELECT rejected || ''\x0d0a'' FROM pg_temp.delivery))',
	'calpads.create_ssid_request()', 'calpads.run_job_now(''night'')', 'calpads.run_due_jobs(''2025-11-14 12:00+00'')', 'calpads.send_mail()',
	'calpads.refresh_sis_views()', 'calpads.record_observations()']) AS source
UNION ALL
SELECT format(act, (SELECT min(batch_id) FROM calpads.batch), (SELECT min(file_id) FROM calpads.history_open))
FROM unnest(ARRAY['SELECT calpads.review_page(%s, names => true)', 'SELECT count(*) FROM calpads.rehearse(%1$s)', 'SELECT calpads.extract_zip(%1$s)',
	'SELECT calpads.file_content(%2$s)', 'SELECT calpads.post_file(%2$s)', 'SELECT calpads.reject_file(%2$s, ''no'')']) AS act;
CREATE TABLE pg_temp.usual AS SELECT step, pg_temp.outcome(statement) AS outcome FROM pg_temp.work;
SELECT is_empty($$SELECT w.statement, u.outcome FROM pg_temp.usual u JOIN pg_temp.work w USING (step)
	WHERE u.outcome <> 'ok' AND w.statement !~ 'send_mail'$$, 'the work goes well without them');

-- All of it in the 63 bytes of a name.
CREATE TABLE pg_temp.everything AS SELECT $value$\'";SELECT canary.call();--$$%s%L@schema@.stu @schema_literal@$value$ AS value;
SELECT is(octet_length(value) < 64, true, 'a text that may be a name') FROM pg_temp.everything;

-- What the work says after statements that prepare it, where that is bad.
CREATE FUNCTION pg_temp.bad_work(prepared text[]) RETURNS text[]
	LANGUAGE plpgsql AS $$
DECLARE
	statement text;
	came text[];
BEGIN
	FOREACH statement IN ARRAY prepared LOOP
		EXECUTE statement;
	END LOOP;
	SELECT array_agg(done.statement || ': ' || done.outcome ORDER BY done.step) INTO came
	FROM (SELECT w.*, pg_temp.outcome(w.statement) AS outcome FROM pg_temp.work w) AS done
	WHERE pg_temp.is_bad(done.outcome);
	RAISE EXCEPTION SQLSTATE 'UNDO1';
EXCEPTION
	WHEN SQLSTATE 'UNDO1' THEN
		RETURN came;
END;
$$;

-- Settings.
CREATE TABLE pg_temp.setting AS
	SELECT name, format('SET LOCAL %s = %L', name, value) AS statement, pg_temp.outcome(format('SET LOCAL %s = %L', name, value)) AS outcome
	FROM pg_settings, pg_temp.everything WHERE name LIKE 'calpads.%' AND vartype = 'string';
SELECT cmp_ok(count(*), '>=', 20::bigint, 'there are settings of text') FROM pg_temp.setting;
SELECT is_empty($$SELECT name, outcome FROM pg_temp.setting WHERE outcome <> 'ok' AND outcome NOT LIKE '22023: %'$$,
	'a setting takes a text, or refuses it');

-- Columns that people fill, what the work itself keeps, and the SIS.
CREATE FUNCTION pg_temp.value_for(type oid, modifier integer) RETURNS text
	LANGUAGE sql AS $$
	SELECT CASE type WHEN 'text[]'::regtype THEN format('ARRAY[%L]', value) WHEN 'jsonb'::regtype THEN format('jsonb_build_object(%L::text, %1$L::text)', value)
		WHEN 'bytea'::regtype THEN format('convert_to(%L, ''UTF8'')', value)
		WHEN 'bpchar'::regtype THEN quote_literal(left(value, modifier - 4)) ELSE quote_literal(value) END
	FROM pg_temp.everything
	$$;
CREATE TABLE pg_temp.filled AS
	SELECT CASE WHEN c.relnamespace = 'sis'::regnamespace THEN 'the tables of the SIS'
			WHEN c.relname ~ '^(job|mail|upload|institution|.*_(profile|code|site|column|selection|decision))$' THEN 'settings and what people fill'
			ELSE 'records of what was done' END AS what,
		format('UPDATE %s SET %I = %s', c.oid::regclass, a.attname, pg_temp.value_for(a.atttypid, a.atttypmod)) AS statement
	FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
	WHERE c.relnamespace IN ('calpads'::regnamespace, 'sis'::regnamespace) AND c.relkind = 'r' AND a.attgenerated = ''
		AND a.atttypid = ANY ('{text,text[],jsonb,bytea,bpchar}'::regtype[])
		-- Reference data are the owner's.
		AND NOT EXISTS (SELECT FROM pg_attribute b WHERE b.attrelid = c.oid AND b.attname = 'builtin');
ALTER TABLE pg_temp.filled ADD COLUMN outcome text;
UPDATE pg_temp.filled SET outcome = pg_temp.outcome(statement);
SELECT cmp_ok(count(*), '>', 400::bigint, 'there are columns of text') FROM pg_temp.filled;
SELECT is_empty($$SELECT statement, outcome FROM pg_temp.filled WHERE outcome <> 'ok' AND outcome !~ '^(22|23)'$$, 'a column takes a text, or refuses it');
SELECT is(pg_temp.bad_work(array_agg(statement)), NULL, format('texts in %s are texts for all of the work', what))
FROM (SELECT * FROM pg_temp.filled UNION ALL SELECT 'settings and what people fill', statement, outcome FROM pg_temp.setting WHERE name <> 'calpads.sis_schema') AS f
WHERE outcome = 'ok' GROUP BY what;

-- Options of foreign tables, servers and user mappings: all that there are.
CREATE FUNCTION pg_temp.options(validator text, catalog regclass) RETURNS text[]
	LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE format('SELECT %s(%L, %L)', validator, '{nonsense=x}', catalog::oid);
	RETURN '{}';
EXCEPTION WHEN fdw_invalid_option_name THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN regexp_split_to_array(substring(hint FROM '^Valid options in this context are: (.*)\.$'), ', ');
END;
$$;
CREATE TABLE pg_temp.option AS
	SELECT validator, catalog, option
	FROM unnest('{calpads.calpads_fdw_validator,calpads.calpads_transport_validator}'::text[]) AS validator,
		unnest('{pg_foreign_data_wrapper,pg_foreign_server,pg_foreign_table,pg_attribute,pg_user_mapping}'::regclass[]) AS catalog,
		unnest(pg_temp.options(validator, catalog)) AS option;
SELECT cmp_ok(count(*), '>=', 20::bigint, 'there are options') FROM pg_temp.option;
SELECT is_empty($$
	SELECT * FROM (SELECT o.option, h.what, pg_temp.outcome(format('SELECT %s(ARRAY[%L], %L)', validator, option || '=' || h.value, catalog::oid)) AS outcome
		FROM pg_temp.option o, pg_temp.hostile h WHERE h.value IS NOT NULL) AS tried
	WHERE outcome !~ '^(ok$|HV|22|42602|42704|42809)'$$, 'an option takes a text, or refuses it');
SELECT is_empty($$
	SELECT * FROM (SELECT o.option, h.what, pg_temp.outcome(
			'CREATE FOREIGN TABLE public.fed (ssid text) SERVER calpads_files OPTIONS (layout ''senr_ods'', filename ''/nowhere/x'')',
			format('ALTER FOREIGN TABLE public.fed OPTIONS (%s %I %L)', CASE WHEN option IN ('layout', 'filename') THEN 'SET' ELSE 'ADD' END, option, h.value),
			'SELECT count(*) FROM public.fed') AS outcome
		FROM pg_temp.option o, pg_temp.hostile h WHERE h.value IS NOT NULL AND catalog = 'pg_foreign_table'::regclass) AS tried
	WHERE outcome !~ '^(HV|22|42602|42704|42809|58P01)'$$, 'nor is a foreign table a way to a command');

-- A SIS schema of such a name.
DO $$ BEGIN PERFORM set_config('calpads.sis_schema', value, true) FROM pg_temp.everything; END $$;
UPDATE pg_temp.ods SET content = calpads.create_sample_district(16, 2);
SELECT is_empty($$
	SELECT * FROM (SELECT statement, pg_temp.outcome('SELECT calpads.load_ods(''SENR'', ''other.txt'', content) FROM pg_temp.ods', statement) AS outcome
		FROM pg_temp.work WHERE statement !~ 'send_mail|post_file|reject_file') AS done
	WHERE outcome <> 'ok'$$, 'a SIS schema of such a name is one as any');

SELECT * FROM finish();
ROLLBACK;
