-- Who may use which object: data/access.txt says it of every schema, routine,
-- table, view, sequence and foreign server, and of the tables of the SIS, one a
-- line.  What is added to the extension without such a line fails here, and so
-- does a right that the line does not tell.
--
-- The letters are those of psql's \dp: X calls, U uses, r reads, a inserts,
-- w updates, d deletes, D empties, x refers to, t makes triggers, C creates;
-- in brackets the columns, where the right is that of columns alone; - is none.
-- Owner and superuser have every right.

BEGIN;
SELECT no_plan();
SET LOCAL client_min_messages = error;

CREATE ROLE access_nobody;
CREATE ROLE access_reader;
CREATE ROLE access_reporter;
CREATE ROLE access_operator;
CREATE ROLE access_file_reader IN ROLE pg_read_server_files;
CREATE ROLE access_file_writer IN ROLE pg_write_server_files;
CREATE ROLE access_superuser SUPERUSER;
DO $$
BEGIN
	PERFORM calpads.create_sis_schema();
	PERFORM calpads.grant_access('access_reader', 'reader');
	PERFORM calpads.grant_access('access_reporter', 'reporter');
	PERFORM calpads.grant_access('access_operator', 'operator');
END;
$$;

CREATE TABLE pg_temp.expected (object text PRIMARY KEY, reader text NOT NULL, reporter text NOT NULL, operator text NOT NULL);
\copy pg_temp.expected from 'data/access.txt'

-- Members of the extension and of its schemas, and what create_sis_schema() made.
CREATE TABLE pg_temp.object AS
	SELECT 'schema ' || nspname AS object, 'n' AS kind, oid, 'UC' AS letters
	FROM pg_namespace WHERE nspname IN ('calpads', 'calpads_report', 'sis')
	UNION ALL
	SELECT 'routine ' || p.oid::regprocedure, 'f', p.oid, 'X'
	FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname IN ('calpads', 'calpads_report', 'sis')
	UNION ALL
	SELECT format('%s %s', CASE c.relkind WHEN 'v' THEN 'view' WHEN 'S' THEN 'sequence' ELSE 'table' END, c.oid::regclass),
		CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END, c.oid, CASE c.relkind WHEN 'S' THEN 'rwU' ELSE 'arwdDxt' END
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname IN ('calpads', 'calpads_report', 'sis') AND c.relkind NOT IN ('c', 'i', 'I', 't')
	UNION ALL
	SELECT 'server ' || srvname, 'S', oid, 'U' FROM pg_foreign_server
	UNION ALL
	SELECT 'wrapper ' || fdwname, 'F', oid, 'U' FROM pg_foreign_data_wrapper;

CREATE FUNCTION pg_temp.may(role_name text, kind text, object oid, letter text) RETURNS boolean
	LANGUAGE sql AS $$
	SELECT CASE kind
		WHEN 'n' THEN has_schema_privilege(role_name, object, word)
		WHEN 'f' THEN has_function_privilege(role_name, object, word)
		WHEN 'r' THEN has_table_privilege(role_name, object, word)
		WHEN 's' THEN has_sequence_privilege(role_name, object, word)
		WHEN 'S' THEN has_server_privilege(role_name, object, word)
		WHEN 'F' THEN has_foreign_data_wrapper_privilege(role_name, object, word) END
	FROM (VALUES ('X', 'EXECUTE'), ('U', 'USAGE'), ('C', 'CREATE'), ('a', 'INSERT'), ('r', 'SELECT'), ('w', 'UPDATE'), ('d', 'DELETE'),
		('D', 'TRUNCATE'), ('x', 'REFERENCES'), ('t', 'TRIGGER')) AS known (letter, word)
	WHERE known.letter = may.letter
	$$;

-- The right to columns, where it is not that to the table.
CREATE FUNCTION pg_temp.columns(role_name text, relation oid, letter text) RETURNS text
	LANGUAGE sql AS $$
	SELECT format('%s(%s)', letter, string_agg(a.attname, ',' ORDER BY a.attname))
	FROM pg_attribute a
	WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
		AND has_column_privilege(role_name, relation, a.attnum,
			CASE letter WHEN 'a' THEN 'INSERT' WHEN 'r' THEN 'SELECT' WHEN 'w' THEN 'UPDATE' WHEN 'x' THEN 'REFERENCES' END)
	HAVING count(*) > 0
	$$;

CREATE FUNCTION pg_temp.rights(role_name text, kind text, object oid, letters text) RETURNS text
	LANGUAGE sql AS $$
	SELECT coalesce(string_agg(CASE WHEN pg_temp.may(role_name, kind, object, letter) THEN letter
		WHEN kind = 'r' AND letter IN ('a', 'r', 'w', 'x') THEN pg_temp.columns(role_name, object, letter) END, '' ORDER BY n), '-')
	FROM regexp_split_to_table(letters, '') WITH ORDINALITY AS l (letter, n)
	$$;

CREATE TABLE pg_temp.actual AS
	SELECT o.object, pg_temp.rights('access_reader', kind, oid, letters) AS reader, pg_temp.rights('access_reporter', kind, oid, letters) AS reporter,
		pg_temp.rights('access_operator', kind, oid, letters) AS operator
	FROM pg_temp.object o;

SELECT cmp_ok((SELECT count(*) FROM pg_temp.object WHERE kind IN ('f', 'r')), '>', 650::bigint, 'the objects are found');
SELECT is_empty('SELECT object FROM pg_temp.actual EXCEPT SELECT object FROM pg_temp.expected', 'of every object it is decided who may use it');
SELECT is_empty('SELECT object FROM pg_temp.expected EXCEPT SELECT object FROM pg_temp.actual', 'and of none that does not exist');
SELECT is_empty($$
	SELECT a.object, format('reader %s, reporter %s, operator %s', a.reader, a.reporter, a.operator) AS found
	FROM (SELECT * FROM pg_temp.actual EXCEPT SELECT * FROM pg_temp.expected) AS a$$,
	'reader, reporter and operator have the rights of the table, and no others');
SELECT is_empty(format($$
	SELECT object, rights FROM (SELECT o.object, pg_temp.rights(%L, kind, oid, letters) AS rights FROM pg_temp.object o) AS r WHERE rights <> '-'$$,
	role_name), role_name || ' has no right to anything')
FROM unnest('{access_nobody,access_file_reader,access_file_writer}'::text[]) AS role_name;
SELECT is_empty(format($$
	SELECT object, rights FROM (SELECT o.object, letters, pg_temp.rights(%L, kind, oid, letters) AS rights FROM pg_temp.object o) AS r WHERE rights <> letters$$,
	role_name), format('%s has every right', what))
FROM (SELECT 'access_superuser', 'a superuser'
	UNION ALL SELECT pg_get_userbyid(extowner), 'the owner of the extension' FROM pg_extension WHERE extname = 'calpads') AS r (role_name, what);

-- No object of the extension belongs to anybody but its owner, who could
-- change it; and types are nobody's secret, but nothing is made of them.
SELECT is_empty($$
	SELECT object FROM pg_temp.object o JOIN pg_proc p ON o.kind = 'f' AND p.oid = o.oid
	WHERE p.proowner <> (SELECT extowner FROM pg_extension WHERE extname = 'calpads')
	UNION ALL
	SELECT object FROM pg_temp.object o JOIN pg_class c ON o.kind IN ('r', 's') AND c.oid = o.oid
	WHERE c.relnamespace <> 'sis'::regnamespace AND c.relowner <> (SELECT extowner FROM pg_extension WHERE extname = 'calpads')$$,
	'all belongs to the owner of the extension');

-- What each role reaches when it tries: every routine and relation once.  With
-- the right a call without values may fail for any reason but a right that is
-- missing, also one within it: what is granted can be used.  But what writes
-- more of the SIS than SSIDs and statuses, or replaces its views, needs the
-- district's own grants beside.
CREATE FUNCTION pg_temp.is_denied(role_name text, statement text) RETURNS boolean
	LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role_name);
	EXECUTE statement;
	RAISE EXCEPTION SQLSTATE 'UNDO1';
EXCEPTION
	WHEN insufficient_privilege THEN
		RETURN true;
	WHEN OTHERS THEN
		RETURN false;
END;
$$;
CREATE TABLE pg_temp.attempt AS
	SELECT o.object, format('SELECT FROM %s LIMIT 0', o.oid::regclass) AS statement
	FROM pg_temp.object o WHERE o.kind = 'r'
	UNION ALL
	-- The values come from queries: the planner would leave out the call of a
	-- strict function that it knows to get none.
	SELECT o.object, format('%s %s(%s)', CASE p.prokind WHEN 'p' THEN 'CALL' ELSE 'SELECT' END, p.oid::regproc,
		(SELECT string_agg(format('(SELECT NULL::%s)', format_type(t, NULL)), ', ') FROM unnest(p.proargtypes::oid[]) AS t))
	FROM pg_temp.object o JOIN pg_proc p USING (oid)
	WHERE o.kind = 'f' AND p.prorettype NOT IN ('trigger'::regtype, 'fdw_handler'::regtype);
SELECT is_empty(format($$
	SELECT a.object, CASE WHEN a.denied THEN 'is denied' ELSE 'is reached' END
	FROM (SELECT object, pg_temp.is_denied(%L, statement) AS denied FROM pg_temp.attempt) AS a
		-- The reporter's functions are for its views alone: their schema is closed to it.
		LEFT JOIN (SELECT object, CASE WHEN %1$L = 'access_reporter' AND object LIKE 'routine %%' THEN '-' ELSE %2$s END AS rights
			FROM pg_temp.expected) AS e USING (object)
	WHERE a.denied <> (e.rights = '-' OR %1$L = 'access_operator' AND a.object IN ('routine calpads.refresh_sis_views(text)',
		'routine calpads.write_cse(calpads.casemis_import_file)', 'routine calpads.write_csv(calpads.casemis_import_file,date)',
		'routine calpads.create_sample_district(integer,integer)'))$$, role_name, rights),
	role_name || ' reaches what the table says, and nothing else')
FROM (VALUES ('access_nobody', '''-'''), ('access_file_reader', '''-'''), ('access_file_writer', '''-'''),
	('access_reporter', 'reporter'), ('access_reader', 'reader'), ('access_operator', 'operator')) AS tried (role_name, rights);

SELECT * FROM finish();
ROLLBACK;
