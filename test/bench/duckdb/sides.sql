-- What DuckDB does with the same rows, in memory: for reference, as a district
-- has its data in a server.  Variable: programs, the folder above this one.

SELECT string_agg(format('%L: %L', f.name, CASE f.type WHEN 'date8' THEN 'DATE' ELSE 'VARCHAR' END), ', ' ORDER BY f.place)
		AS duckdb_columns,
	string_agg(format('%L: %L', f.name, CASE f.type WHEN 'date8' THEN 'DATE' ELSE 'VARCHAR' END), ', ' ORDER BY f.place)
		FILTER (WHERE f.place <= 35) AS duckdb_record_columns,
	-- Its reader sets aside what is no date.
	string_agg(CASE
		WHEN f.type = 'date8' THEN CASE WHEN f.required THEN format('%s IS NOT NULL', f.name) END
		WHEN f.type = 'yn' THEN format($$coalesce(%s IN ('Y', 'N'), true)$$, f.name)
		WHEN f.name = 'ssid' THEN $$coalesce(regexp_full_match(ssid, '[0-9]{10}'), false)$$
		WHEN f.required THEN format('coalesce(length(%s) BETWEEN 1 AND %s, false)', f.name, f.max_length)
		WHEN f.max_length IS NOT NULL THEN format('coalesce(length(%s) <= %s, true)', f.name, f.max_length)
	END, ' AND ' ORDER BY f.place) AS duckdb_checks
FROM bench.field f \gset

CREATE FUNCTION bench.read_csv(file text, columns text, date_format text, options text DEFAULT '') RETURNS text LANGUAGE sql AS $$
	SELECT format('read_csv(%L, columns = {%s}, dateformat = %L, auto_detect = false, header = false, delim = ''^'', '
		'quote = '''', escape = '''', nullstr = ''''%s)', bench.path(file), columns, date_format, options)
$$;

INSERT INTO bench.side (job, place, name, prepare, work, evidence, program) VALUES
	('LOAD', 4, 'DuckDB in memory (reference only)', '',
		format('CREATE TABLE typed AS SELECT *, %s AS ok FROM %s', :'duckdb_checks',
			bench.read_csv('ods.txt', :'duckdb_columns', '%Y%m%d', ', store_rejects = true')),
		bench.row_evidence('typed WHERE ok', '(''0x'' || %s)::bigint'),
		format('node %s/duckdb/time.mjs', :'programs'));

-- Both tables are in its memory before; the one of the SIS comes there by a file.
SELECT format('COPY sis.senr TO %L (DELIMITER ''^'', NULL '''')', bench.path('sis.txt')) \gexec
INSERT INTO bench.side (job, place, name, prepare, work, evidence, program) VALUES
	('DELTA', 2, 'DuckDB FULL JOIN, in memory (reference only)',
		format('CREATE TABLE ods AS FROM %s; CREATE TABLE sis AS FROM %s',
			bench.read_csv('clean.txt', :'duckdb_columns', '%Y%m%d'),
			bench.read_csv('sis.txt', :'duckdb_record_columns', '%Y-%m-%d')),
		'CREATE TABLE difference AS ' || bench.differing_keys('ods', 'sis', :'compared_ods', :'compared_sis'),
		bench.key_evidence('difference'),
		format('node %s/duckdb/time.mjs', :'programs'));
