-- Who may do what: nothing for PUBLIC, a reader looks, an operator does the
-- nightly work without being superuser (access.sql has the rights one by one);
-- and nobody's names or texts become part of a command (see hostile_texts.sql).

BEGIN;
SELECT no_plan();
SET LOCAL calpads.today = '2025-11-14';
-- Old files are loaded again and again here, and load_ods warns of that.
SET LOCAL client_min_messages = error;

-- refresh_reference_data() will analyse tables on which this transaction has
-- granted rights; autovacuum must not come in between.
DO $$
DECLARE
	reference_table regclass;
BEGIN
	FOR reference_table IN
		SELECT attrelid FROM pg_attribute
		WHERE attname = 'builtin' AND attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'calpads'::regnamespace AND relkind = 'r')
	LOOP
		EXECUTE format('LOCK TABLE %s IN SHARE UPDATE EXCLUSIVE MODE', reference_table);
	END LOOP;
END;
$$;

-- Roles belong to the cluster, where other tests run.
CREATE ROLE privileges_nobody;
CREATE ROLE privileges_reader;
CREATE ROLE privileges_operator;
CREATE ROLE "privileges ""quoted"" reader";
CREATE ROLE privileges_file_reader IN ROLE privileges_operator, pg_read_server_files;
CREATE ROLE privileges_file_writer IN ROLE privileges_operator, pg_write_server_files;

CREATE TABLE public.ods AS SELECT calpads.create_sample_district(60) AS content;
GRANT SELECT ON public.ods TO PUBLIC;
SELECT lives_ok('SELECT calpads.grant_access(''privileges_reader'', ''reader'')', 'a role becomes a reader');
SELECT lives_ok('SELECT calpads.grant_access(''privileges_operator'', ''operator'')', 'and one an operator');
SELECT lives_ok('SELECT calpads.grant_access(''"privileges ""quoted"" reader"'', ''reader'')', 'whatever its name is');
SELECT ok(has_table_privilege('privileges "quoted" reader', 'calpads.history', 'SELECT'), 'which then has the access');
SELECT throws_ok('SELECT calpads.grant_access(''privileges_nobody'', ''owner'')', '22023', NULL, 'there are two kinds of access');
SELECT throws_ok('SELECT calpads.grant_access(NULL, ''reader'')', '22023', NULL, 'a role has to be named');

-- Runs a statement as a role and takes it back.  Gives 'ok' or the SQLSTATE.
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

-- What the catalog says ---------------------------------------------------------------

CREATE VIEW pg_temp.member AS
	SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS what
	FROM pg_depend d
	WHERE d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
		AND d.refobjid = (SELECT e.oid FROM pg_extension e WHERE e.extname = 'calpads');

CREATE VIEW pg_temp.relation AS
	SELECT c.oid::regclass::text AS name
	FROM pg_temp.member m JOIN pg_class c ON c.oid = m.objid
	WHERE m.classid = 'pg_class'::regclass AND c.relkind IN ('r', 'v');

SELECT is_empty($$
	SELECT 'function ' || p.oid::regprocedure
	FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS granted
	WHERE granted.grantee = 0 AND p.pronamespace = 'calpads'::regnamespace
	UNION ALL
	SELECT 'relation ' || c.oid::regclass
	FROM pg_class c, aclexplode(c.relacl) AS granted
	WHERE granted.grantee = 0 AND c.relnamespace = 'calpads'::regnamespace
	UNION ALL
	SELECT 'schema ' || n.nspname
	FROM pg_namespace n, aclexplode(n.nspacl) AS granted
	WHERE granted.grantee = 0 AND n.nspname IN ('calpads', 'sis')
	UNION ALL
	SELECT 'wrapper ' || w.fdwname
	FROM pg_foreign_data_wrapper w, aclexplode(w.fdwacl) AS granted
	WHERE granted.grantee = 0 AND w.fdwname IN ('calpads_fdw', 'calpads_transport')
	UNION ALL
	SELECT 'server ' || s.srvname
	FROM pg_foreign_server s, aclexplode(s.srvacl) AS granted
	WHERE granted.grantee = 0 AND s.srvname = 'calpads_files'$$,
	'nothing is granted to PUBLIC');
SELECT is_empty($$SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'calpads'::regnamespace AND prosecdef$$,
	'no function runs with the rights of its owner');
SELECT is_empty($$
	SELECT p.oid::regprocedure
	FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
	WHERE p.pronamespace = 'calpads'::regnamespace
		-- A body of SQL that was parsed when the function was made has its objects fixed.
		AND (l.lanname = 'plpgsql' OR l.lanname = 'sql' AND p.prosqlbody IS NULL)
		AND ('search_path=pg_catalog, pg_temp' = ANY (p.proconfig)) IS NOT TRUE$$,
	'every function whose names are looked up when it runs has a fixed search_path');

-- What really happens --------------------------------------------------------------

DO $$
BEGIN
	PERFORM calpads.load_ods('SENR', 'first.txt', content) FROM public.ods;
	PERFORM calpads.load_ods('SENR', 'second.txt', content) FROM public.ods;
	PERFORM calpads.load_ods('SPRG', 'programs.txt', convert_to(concat('SPRG-R^^^', l.lea,
		'^0000001^2025-2026^1000000001^1^Ana^Alder^20140301^F^127^1^20231002^^^^^^^^^^^^20251001^20251001', E'\r\n'), 'UTF8'))
	FROM (SELECT DISTINCT lea FROM calpads.current_load) l;
	PERFORM calpads.create_extract('SENR');
END;
$$;
CREATE TABLE public.example AS
	SELECT min(f.file_id) AS file_id, min(f.batch_id) AS batch_id, (SELECT min(d.ssid) FROM calpads.senr_delta() d) AS ssid
	FROM calpads.extract_file f;
GRANT SELECT ON public.example TO PUBLIC;
-- What imports read: one student, in the form of each.
INSERT INTO calpads.isi_code VALUES ('GT', 'Gifted and talented', '127', NULL);
INSERT INTO calpads.casemis_profile (name) VALUES ('nightly');
CREATE VIEW pg_temp.somebody AS
	SELECT s.id, s.cid, s.ln, s.fn, s.bd FROM sis.stu s WHERE s.cid = (SELECT min(cid) FROM sis.stu WHERE cid <> '') LIMIT 1;
CREATE TABLE public.programs AS
	SELECT convert_to(concat_ws(E'\t', id, cid, ln, fn, '', to_char(bd, 'MM/DD/YYYY'), 'GT', '8/11/2025', '', '8/11/2025', '', '2025-2026', '')
		|| E'\r\n', 'UTF8') AS content FROM pg_temp.somebody;
CREATE TABLE public.special_education AS
	SELECT convert_to(E'SELPA_CODE,STUDENT_ID,LAST_NAME,FIRST_NAME,SSID,BIRTHDATE,GRADE,PLAN_TYPE,DISABILIT1\r\n'
		|| format(E'0601,%s,%s,%s,%s,%s,04,10,290\r\n', id, ln, fn, cid, to_char(bd, 'YYYYMMDD')), 'UTF8') AS content FROM pg_temp.somebody;
CREATE TABLE public.ssids AS
	SELECT convert_to(concat_ws('^', l.lea, '0000001', cid, id, ln, fn, '', 'F', to_char(bd, 'YYYYMMDD'), '20250820', '05', 'EO', '20250820', 'ENG',
		'20251030', 'Y') || E'\r\n', 'UTF8') AS content FROM pg_temp.somebody, (SELECT DISTINCT lea FROM calpads.current_load) l;
GRANT SELECT ON public.programs, public.special_education, public.ssids TO PUBLIC;
CREATE SCHEMA privileges_files;
GRANT ALL ON SCHEMA privileges_files TO PUBLIC;

CREATE TABLE pg_temp.act_of_roles (statement text, nobody text, reader text, operator text, file_reader text, file_writer text);
INSERT INTO pg_temp.act_of_roles VALUES
	('SELECT count(*) FROM calpads.senr_delta()', '42501', 'ok', 'ok', 'ok', 'ok'),
	('SELECT count(*) FROM calpads.senr_held()', '42501', 'ok', 'ok', 'ok', 'ok'),
	('SELECT count(*) FROM calpads.explain((SELECT ssid FROM public.example))', '42501', 'ok', 'ok', 'ok', 'ok'),
	('SELECT count(*) FROM calpads.rehearse((SELECT batch_id FROM public.example))', '42501', 'ok', 'ok', 'ok', 'ok'),
	('SELECT count(*) FROM calpads.drift(''SENR'')', '42501', 'ok', 'ok', 'ok', 'ok'),
	('SELECT calpads.file_content((SELECT file_id FROM public.example))', '42501', 'ok', 'ok', 'ok', 'ok'),
	('SELECT calpads.extract_zip((SELECT batch_id FROM public.example))', '42501', 'ok', 'ok', 'ok', 'ok'),
	('SELECT count(*) FROM calpads.extract_lines((SELECT file_id FROM public.example))', '42501', 'ok', 'ok', 'ok', 'ok'),
	('SELECT calpads.today(), calpads.setting(''today'')', '42501', 'ok', 'ok', 'ok', 'ok'),
	('SELECT calpads.load_ods(''SENR'', ''ods.txt'', content) FROM public.ods', '42501', '42501', 'ok', 'ok', 'ok'),
	('SELECT calpads.create_extract(''SENR'')', '42501', '42501', 'ok', 'ok', 'ok'),
	('SELECT calpads.create_extract(''SELA'')', '42501', '42501', 'ok', 'ok', 'ok'),
	('SELECT calpads.create_extract(''SINF'', all_students => true)', '42501', '42501', 'ok', 'ok', 'ok'),
	('SELECT calpads.sinf_delta(true)', '42501', 'ok', 'ok', 'ok', 'ok'),
	('SELECT calpads.sinf_held()', '42501', 'ok', 'ok', 'ok', 'ok'),
	('SELECT calpads.create_extract(''SENR_LEGACY'')', '42501', '42501', 'ok', 'ok', 'ok'),
	('SELECT calpads.post_file((SELECT file_id FROM public.example))', '42501', '42501', 'ok', 'ok', 'ok'),
	('SELECT calpads.reject_file((SELECT file_id FROM public.example), ''no reason'')', '42501', '42501', 'ok', 'ok', 'ok'),
	('SELECT calpads.unpost_file((calpads.post_file((SELECT file_id FROM public.example))).file_id)', '42501', '42501', 'ok', 'ok', 'ok'),
	('INSERT INTO calpads.protected_ssid (ssid) VALUES (''9999999999'')', '42501', '42501', 'ok', 'ok', 'ok'),
	('INSERT INTO calpads.school_selection VALUES (103, false)', '42501', '42501', 'ok', 'ok', 'ok'),
	('INSERT INTO calpads.upload (name, content) VALUES (''a'', '''')', '42501', '42501', 'ok', 'ok', 'ok'),
	-- The texts of reference data and of mapping views become part of commands.
	('UPDATE calpads.sis_table SET column_type = ''integer); DROP TABLE calpads.load; --''', '42501', '42501', '42501', '42501', '42501'),
	('UPDATE calpads.sis_view SET definition = ''SELECT 1; DROP TABLE calpads.load''', '42501', '42501', '42501', '42501', '42501'),
	('UPDATE calpads.rule SET severity = ''warning''', '42501', '42501', '42501', '42501', '42501'),
	('SELECT calpads.refresh_reference_data()', '42501', '42501', '42501', '42501', '42501'),
	('SELECT calpads.refresh_reference_table(''code'')', '42501', '42501', '42501', '42501', '42501'),
	('SELECT calpads.grant_access(current_user::regrole, ''operator'')', '42501', '42501', '42501', '42501', '42501'),
	('SELECT calpads.create_sis_schema(''privileges_other'')', '42501', '42501', '42501', '42501', '42501'),
	('CREATE TABLE calpads.own ()', '42501', '42501', '42501', '42501', '42501'),
	-- Files of the server; these do not exist, or their folder does not.
	('SELECT calpads.load_ods(''SENR'', ''/nowhere/ods.txt'')', '42501', '42501', '42501', '58P01', '42501'),
	('SELECT calpads.load_ods(''SPRG'', ''/nowhere/ods.txt'')', '42501', '42501', '42501', '58P01', '42501'),
	('SELECT calpads.load_rejected(''/nowhere/rejected.csv'')', '42501', '42501', '42501', '58P01', '42501'),
	('SELECT calpads.server_file(''/nowhere/file.txt'')', '42501', '42501', '42501', '58P01', '42501'),
	('SELECT calpads.write_extract((SELECT batch_id FROM public.example), ''/nowhere'')', '42501', '42501', '42501', '42501', '58P01'),
	('SELECT calpads.load_match_result(''/nowhere/result.csv'')', '42501', '42501', '42501', '58P01', '42501'),
	('SELECT calpads.load_ssid_extract(''/nowhere/ssid.txt'')', '42501', '42501', '42501', '58P01', '42501'),
	('SELECT calpads.load_ssid_replacement(''/nowhere/ssid.txt'')', '42501', '42501', '42501', '58P01', '42501'),
	('SELECT calpads.import_programs(''/nowhere/programs.txt'')', '42501', '42501', '42501', '58P01', '42501'),
	('SELECT calpads.fetch_file(''folder:sped'', ''students.csv'')', '42501', '42501', '42501', '55000', '42501'),
	('SELECT calpads.fetch_file(''somewhere'', ''students.csv'')', '42501', '42501', '42704', '42704', '42704'),
	('SELECT set_config(''calpads.import_directory'', ''/etc'', true)', '42501', '42501', '42501', '42501', '42501'),
	('CREATE SERVER own FOREIGN DATA WRAPPER calpads_transport OPTIONS (type ''smtp'', host ''localhost'')', '42501', '42501', '42501', '42501', '42501'),
	-- What of the SIS an operator writes, and what not.
	('SELECT calpads.import_programs(''programs.txt'', content) FROM public.programs', '42501', '42501', 'ok', 'ok', 'ok'),
	('UPDATE sis.stu SET cid = NULL', '42501', '42501', 'ok', 'ok', 'ok'),
	('UPDATE sis.stu SET ln = NULL', '42501', '42501', '42501', '42501', '42501'),
	('DELETE FROM sis.stu', '42501', '42501', '42501', '42501', '42501'),
	('SELECT calpads.create_ssid_request()', '42501', '42501', 'ok', 'ok', 'ok'),
	('SELECT calpads.run_due_jobs()', '42501', '42501', 'ok', 'ok', 'ok'),
	('SELECT calpads.queue_mail(''{a@b.example}'', ''subject'', ''body'')', '42501', '42501', 'ok', 'ok', 'ok'),
	('COPY (SELECT 1) TO ''/nowhere/file.txt'' WITH (FORMAT calpads)', '42501', '42501', '42501', '42501', '58P01'),
	('CREATE FOREIGN TABLE privileges_files.ods (ssid text) SERVER calpads_files OPTIONS (layout ''senr_ods'', filename ''/nowhere/ods.txt'')',
		'42501', '42501', '42501', 'ok', '42501'),
	('IMPORT FOREIGN SCHEMA senr_ods FROM SERVER calpads_files INTO privileges_files OPTIONS (filename ''/nowhere/ods.txt'')',
		'42501', '42501', '42501', 'ok', '42501');
SELECT is(pg_temp.outcome(who.role_name, act.statement), who.expected, format('%s: %s', who.role_name, act.statement))
FROM pg_temp.act_of_roles AS act,
	LATERAL (VALUES ('privileges_nobody', act.nobody), ('privileges_reader', act.reader), ('privileges_operator', act.operator),
		('privileges_file_reader', act.file_reader), ('privileges_file_writer', act.file_writer)) AS who (role_name, expected);
SELECT is(pg_temp.outcome('privileges_reader', format('SELECT count(*) FROM %s', relation.name)), 'ok', 'a reader reads ' || relation.name)
FROM pg_temp.relation ORDER BY relation.name;
SELECT is(pg_temp.outcome('privileges_reader', format('SELECT count(*) FROM sis.%I', view_name.name)), 'ok', 'and sis.' || view_name.name)
FROM calpads.mapping_view() AS view_name;

-- An operator's rows are not a way to the disk of somebody with more rights.
UPDATE calpads.extract_file SET file_name = '../../escaped.txt' WHERE file_id = (SELECT file_id FROM public.example);
SELECT is(pg_temp.outcome(session_user, act.statement), '42602', 'a file name with a folder in it: ' || act.statement)
FROM (VALUES ('SELECT calpads.write_extract((SELECT batch_id FROM public.example), ''/tmp'')'),
	('SELECT calpads.extract_zip((SELECT batch_id FROM public.example))')) AS act (statement);
UPDATE calpads.extract_file SET file_name = '001_Removals.txt' WHERE file_id = (SELECT file_id FROM public.example);

-- The nightly run as the operator, to the end ---------------------------------------

SET LOCAL ROLE privileges_operator;
CREATE TEMPORARY TABLE night AS SELECT (calpads.load_ods('SENR', 'night.txt', content)).load_id FROM public.ods;
CREATE TEMPORARY TABLE file AS SELECT * FROM calpads.create_extract('SENR');
CREATE TEMPORARY TABLE refused AS SELECT sum(r.refused) AS refused FROM calpads.rehearse((SELECT min(batch_id) FROM file)) r;
CREATE TEMPORARY TABLE written AS SELECT length(calpads.file_content(file_id)) > 0 AS written FROM file;
CREATE TEMPORARY TABLE posted AS SELECT (calpads.post_file(file_id)).status FROM (SELECT file_id FROM file ORDER BY seq) AS ordered;
CREATE TEMPORARY TABLE rest AS SELECT count(*) AS operations FROM calpads.senr_delta();
RESET ROLE;
SELECT is((SELECT refused FROM night, refused), 0::numeric, 'an operator loads and makes files that nothing is wrong with');
SELECT ok((SELECT bool_and(written) FROM written), 'hands them out');
SELECT is((SELECT string_agg(DISTINCT status, ' ') FROM posted), 'Posted', 'posts them');
SELECT is((SELECT operations FROM rest), 0::bigint, 'and nothing remains to be sent');
DROP TABLE night, file, refused, written, posted, rest;

-- Objects of the same names, found first ----------------------------------------------

CREATE SCHEMA privileges_attack;
GRANT USAGE ON SCHEMA privileges_attack TO PUBLIC;
SET LOCAL check_function_bodies = off;

-- Every operator and every function of the server that can have a twin has one,
-- and each betrays itself by an error.
CREATE FUNCTION pg_temp.make_twins() RETURNS bigint
	LANGUAGE plpgsql AS $$
DECLARE
	original record;
	command text;
	twins bigint := 0;
BEGIN
	FOR original IN
		SELECT p.oid, p.proname, pg_get_function_identity_arguments(p.oid) AS arguments, p.prorettype::regtype AS result, o.oprname,
			o.oprleft, o.oprright
		FROM pg_proc p LEFT JOIN pg_operator o ON o.oprcode = p.oid
		WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND NOT p.proretset
			AND p.provariadic = 0 AND p.prorettype::regtype::text NOT LIKE ALL ('{any%,%internal%,%handler%,trigger,cstring,record,void}')
	LOOP
		command := format('FUNCTION privileges_attack.%I(%s)', original.proname, original.arguments);
		BEGIN
			EXECUTE format('CREATE %s RETURNS %s LANGUAGE plpgsql AS ''BEGIN RAISE EXCEPTION SQLSTATE ''''TWIN1''''; END''',
				command, original.result);
			IF original.oprname IS NOT NULL THEN
				EXECUTE format('CREATE OPERATOR privileges_attack.%s (FUNCTION = privileges_attack.%I%s, RIGHTARG = %s)',
					original.oprname, original.proname,
					CASE WHEN original.oprleft <> 0 THEN ', LEFTARG = ' || original.oprleft::regtype ELSE '' END, original.oprright::regtype);
			END IF;
			EXECUTE format('GRANT EXECUTE ON %s TO PUBLIC', command);
			twins := twins + 1;
		EXCEPTION WHEN OTHERS THEN
			NULL;				-- of internal or polymorphic types
		END;
	END LOOP;
	RETURN twins;
END;
$$;
SELECT cmp_ok(pg_temp.make_twins(), '>', 1500::bigint, 'the server''s functions and operators have twins');
SELECT is(pg_temp.outcome(session_user, $$SET LOCAL search_path = privileges_attack, pg_catalog; SELECT lower('A' || 'B')$$), 'TWIN1',
	'which are found first');

CREATE FUNCTION pg_temp.digest(search_path text, statement text) RETURNS text
	LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SET LOCAL search_path = %s', search_path);
	EXECUTE statement INTO result;
	SET LOCAL search_path = public, pg_catalog;
	RAISE EXCEPTION SQLSTATE 'UNDO1';
EXCEPTION
	WHEN SQLSTATE 'UNDO1' THEN
		RETURN result;
	WHEN OTHERS THEN
		RETURN pg_catalog.format('%s: %s', SQLSTATE, SQLERRM);
END;
$$;

-- Something to do: the last posting is taken back.
SELECT is((SELECT (calpads.unpost_file(f.file_id)).status FROM calpads.extract_file f ORDER BY f.post_order DESC NULLS LAST LIMIT 1),
	'Post', 'there is something to send again');

CREATE TABLE pg_temp.attacked (statement text);
INSERT INTO pg_temp.attacked
SELECT format('SELECT pg_catalog.md5(pg_catalog.string_agg(CAST(t AS pg_catalog.text), '''' ORDER BY CAST(t AS pg_catalog.text))) FROM %s AS t', source)
FROM unnest(ARRAY['calpads.senr_delta()', 'calpads.senr_held()', 'calpads.ods_senr', 'sis.senr', 'calpads.school', 'calpads.history',
	'calpads.drift(''SENR'')', 'calpads.warning', 'calpads.sprg_delta()', 'calpads.sprg_held()', 'calpads.sprg_warning',
	'calpads.file_waits_for', 'calpads.drift(''SPRG'')', 'calpads.rule_coverage',
	'calpads.code_translation(NULL)', 'calpads.school_grade_span()', 'calpads.mapping_view()',
	format('calpads.explain(%L)', (SELECT ssid FROM public.example)),
	format('calpads.rehearse(%s)', (SELECT batch_id FROM public.example)),
	format('calpads.replay_batch(%s)', (SELECT batch_id FROM public.example)),
	'calpads.reconcile_senr(NULL)', 'calpads.sinf_delta(true)', 'calpads.sinf_held()', 'calpads.sela_delta()', 'calpads.sela_held()',
	format('calpads.extract_lines(%s)', (SELECT file_id FROM public.example)),
	format('calpads.file_content(%s)', (SELECT file_id FROM public.example)),
	format('calpads.extract_zip(%s)', (SELECT batch_id FROM public.example))]) AS source;
INSERT INTO pg_temp.attacked VALUES
	('SELECT (l).rows_loaded FROM public.ods, calpads.load_ods(''SENR'', ''attacked.txt'', content) AS l'),
	('SELECT pg_catalog.sum((f).records) FROM calpads.create_extract(''SENR'') AS f'),
	('SELECT pg_catalog.sum((f).records) FROM calpads.create_extract(''SENR_LEGACY'') AS f'),
	('SELECT pg_catalog.sum((f).records) FROM calpads.create_extract(''SINF'', all_students => true) AS f'),
	('SELECT pg_catalog.sum((f).records) FROM calpads.create_extract(''SELA'') AS f'),
	('SELECT pg_catalog.sum((f).records) FROM calpads.create_ssid_request() AS f'),
	('SELECT (r).status FROM public.special_education, calpads.casemis_run(''nightly'', content) AS r'),
	('SELECT (r).status FROM public.programs, calpads.import_programs(''programs.txt'', content) AS r'),
	('SELECT (l).load_id IS NULL FROM public.ssids, calpads.load_ssid_extract(''ssids.txt'', content) AS l'),
	(format('SELECT (calpads.load_rejected(''rejected.csv'', pg_catalog.convert_to(E''SSID,Error\r\n%s,SENR0027\r\n'', ''UTF8''))).rows',
		(SELECT ssid FROM public.example))),
	(format('SELECT (calpads.reject_file(%s, ''attacked'')).status', (SELECT min(file_id) FROM calpads.history_open))),
	('SELECT pg_catalog.string_agg(what, '','' ORDER BY what) FROM calpads.refresh_sis_views()'),
	('SELECT pg_catalog.count(*) FROM calpads.refresh_reference_data()'),
	('SELECT pg_catalog.count(*) FROM calpads.create_sis_schema(''privileges_other'')'),
	('SELECT calpads.grant_access(''privileges_nobody'', ''operator'')');
ALTER TABLE pg_temp.attacked ADD COLUMN result text;
UPDATE pg_temp.attacked SET result = pg_temp.digest('public, pg_catalog', statement);
SELECT is_empty($$SELECT statement, result FROM pg_temp.attacked WHERE result ~ '^[0-9A-Z]{5}: '$$, 'the statements are good ones');
SELECT is(pg_temp.digest('privileges_attack, pg_catalog, public', attacked.statement), attacked.result,
	'twins change nothing: ' || attacked.statement)
FROM pg_temp.attacked;

-- Temporary tables are found before all others.
CREATE FUNCTION pg_temp.digest_beside_tables(statement text) RETURNS text
	LANGUAGE plpgsql AS $$
DECLARE
	name text;
	result text;
BEGIN
	FOR name IN
		SELECT DISTINCT c.relname FROM pg_class c
		WHERE c.relnamespace IN ('calpads'::regnamespace, 'sis'::regnamespace) AND c.relkind IN ('r', 'v')
	LOOP
		EXECUTE format('CREATE TEMPORARY TABLE %I (attacked text)', name);
	END LOOP;
	result := pg_temp.digest('pg_temp, calpads, sis, public, pg_catalog', statement);
	RAISE EXCEPTION SQLSTATE 'UNDO1';
EXCEPTION
	WHEN SQLSTATE 'UNDO1' THEN
		RETURN result;
END;
$$;
SELECT is(pg_temp.digest_beside_tables(attacked.statement), attacked.result,
	'temporary tables change nothing: ' || attacked.statement)
FROM pg_temp.attacked;

-- Texts of callers ----------------------------------------------------------------

CREATE TABLE pg_temp.evil AS SELECT 'O''Brien"; DROP TABLE calpads.load; --^%1$s\' AS text;
SELECT is(pg_temp.outcome(session_user, format(act.statement, evil.text)), act.expected, act.statement)
FROM pg_temp.evil, (VALUES
	('SELECT calpads.load_ods(%L, ''ods.txt'', content) FROM public.ods', '22023'),
	('SELECT calpads.load_ods(''SENR'', %L, content) FROM public.ods', 'ok'),
	('SELECT calpads.load_ods(''SENR'', %L)', '42602'),
	('SELECT calpads.load_ods(''SENR'', ''ods.txt'', content, %L) FROM public.ods', '22023'),
	('SELECT calpads.load_upload(1, %L)', '42704'),
	('SELECT calpads.load_rejected(%1$L, convert_to(%1$L, ''UTF8''))', '22P04'),
	('SELECT calpads.server_file(%L)', '42602'),
	('SELECT calpads.create_extract(%L)', '22023'),
	('SELECT calpads.create_extract(''SENR'', lea => %L)', '55000'),
	('SELECT count(*) FROM calpads.explain(%L)', 'ok'),
	('SELECT count(*) FROM calpads.drift(%L)', '22023'),
	('SELECT calpads.reject_file((SELECT min(file_id) FROM calpads.history_open), %L)', 'ok'),
	('SELECT calpads.write_extract(1, %L)', '42602'),
	('SELECT calpads.setting(%L)', '42704'),
	('SELECT calpads.grant_access(%L, ''reader'')', '42602'),
	('SELECT calpads.refresh_reference_table(%L)', '42P01'),
	('SELECT calpads.sis_table_name(%L, ''stu'')', '3F000'),
	('SELECT calpads.sis_table_name(''sis'', %L)', '42P01'),
	('SELECT count(*) FROM calpads.layout_fields(%1$L, %1$L)', 'ok'),
	('CREATE FOREIGN TABLE privileges_files.ods (ssid text) SERVER calpads_files OPTIONS (layout %L, filename ''/nowhere/ods.txt'')', 'ok'),
	('IMPORT FOREIGN SCHEMA %I FROM SERVER calpads_files INTO privileges_files OPTIONS (filename ''/nowhere/ods.txt'')', '42704'))
	AS act (statement, expected);
SELECT has_table('calpads', 'load', 'the table that was to be dropped is there');

-- A SIS schema of any name.
DO $$ BEGIN PERFORM set_config('calpads.sis_schema', evil.text, true) FROM pg_temp.evil; END $$;
UPDATE public.ods SET content = calpads.create_sample_district(60, 2);
SELECT lives_ok('SELECT calpads.grant_access(''privileges_operator'', ''operator'')', 'access to a SIS schema of another name');
SELECT is(pg_temp.outcome('privileges_operator', act.statement), 'ok', 'SIS schema of another name: ' || act.statement)
FROM (VALUES ('SELECT calpads.load_ods(''SENR'', ''ods.txt'', content) FROM public.ods'),
	('SELECT count(*) FROM calpads.senr_delta(force => true)'),
	('SELECT calpads.create_extract(''SENR'', force => true)'),
	('SELECT count(*) FROM calpads.school'),
	('SELECT count(*) FROM calpads.explain((SELECT ssid FROM public.example))'),
	('SELECT count(*) FROM calpads.rehearse((SELECT batch_id FROM public.example))'),
	('SELECT count(*) FROM calpads.drift(''SENR'')')) AS act (statement);
SELECT is((SELECT string_agg(DISTINCT what, ', ') FROM calpads.refresh_sis_views()), 'view renewed', 'its views can be renewed');
SELECT has_table('calpads', 'load', 'the table that was to be dropped is still there');

SET LOCAL calpads.sis_schema = 'privileges_missing';
SELECT lives_ok('SELECT calpads.grant_access(''privileges_nobody'', ''reader'')', 'access can be granted before there is a SIS schema');

SELECT * FROM finish();
ROLLBACK;
