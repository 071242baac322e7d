-- The jobs, and each side of them: what to do before, what is measured, and a
-- query for what the side came to.  Place 0 is the extension.  A side with a
-- program is not the server's: the program reads these three, measures by
-- itself, and prints the seconds and what it came to.

CREATE TABLE bench.side (
	ordinal integer GENERATED ALWAYS AS IDENTITY,
	job text,
	place integer,
	name text,
	prepare text,
	work text,
	evidence text,
	program text,
	PRIMARY KEY (job, place)
);

-- ---- tables of the other sides -----------------------------------------------

SELECT string_agg(f.name, ', ' ORDER BY f.place) AS columns,
	string_agg(format('%s %s %s', f.name, CASE f.type WHEN 'date8' THEN 'date' ELSE 'text COLLATE "C"' END,
		CASE WHEN f.required THEN 'NOT NULL' ELSE '' END), ', ' ORDER BY f.place) AS typed_columns,
	string_agg(format('%s %s', f.name, CASE f.type WHEN 'date8' THEN 'date' ELSE 'text COLLATE "C"' END),
		', ' ORDER BY f.place) AS foreign_columns,
	string_agg(f.name || ' text COLLATE "C"', ', ' ORDER BY f.place) AS text_columns,
	string_agg(CASE f.type WHEN 'date8' THEN f.name || '::date' ELSE f.name END, ', ' ORDER BY f.place) AS cast_columns,
	string_agg(f.in_file, ', ' ORDER BY f.place) FILTER (WHERE f.place <= 35) AS record_values,
	-- What a careful person checks in SQL.  A day that its month does not have
	-- still breaks the load off; the extension sets it aside.
	string_agg(CASE
		WHEN f.type = 'date8' AND f.required THEN
			format($$coalesce(%s, '') ~ '^(19|2[01])\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$'$$, f.name)
		WHEN f.type = 'date8' THEN
			format($$coalesce(%s ~ '^(19|2[01])\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$', true)$$, f.name)
		WHEN f.type = 'yn' THEN format($$coalesce(%s IN ('Y', 'N'), true)$$, f.name)
		WHEN f.name = 'ssid' THEN $$coalesce(ssid, '') ~ '^\d{10}$'$$
		WHEN f.required THEN format('coalesce(length(%s) BETWEEN 1 AND %s, false)', f.name, f.max_length)
		WHEN f.max_length IS NOT NULL THEN format('coalesce(length(%s) <= %s, true)', f.name, f.max_length)
	END, ' AND ' ORDER BY f.place) AS checks,
	string_agg('o.' || f.name, ', ' ORDER BY f.place) FILTER (WHERE f.place = 6 OR f.place BETWEEN 23 AND 35) AS compared_ods,
	string_agg('s.' || f.name, ', ' ORDER BY f.place) FILTER (WHERE f.place = 6 OR f.place BETWEEN 23 AND 35) AS compared_sis
FROM bench.field f \gset

CREATE TABLE bench.typed (:typed_columns);
CREATE UNLOGGED TABLE bench.staging (:text_columns, ok boolean GENERATED ALWAYS AS (:checks) STORED);
CREATE TABLE bench.bad (:text_columns);
CREATE TABLE bench.difference (kind text, school_of_attendance text, ssid text, enrollment_start_date date);

CREATE SERVER plain_files FOREIGN DATA WRAPPER file_fdw;
SELECT format('CREATE FOREIGN TABLE bench.calpads_file (%s) SERVER calpads_files OPTIONS (layout ''senr_ods'', filename %L)',
	:'foreign_columns', bench.path('clean.txt')) \gexec
SELECT format('CREATE FOREIGN TABLE bench.plain_file (%s) SERVER plain_files '
	'OPTIONS (filename %L, format ''text'', delimiter ''^'', null '''')',
	:'foreign_columns', bench.path('clean.txt')) \gexec

-- ---- helpers -------------------------------------------------------------------

CREATE PROCEDURE bench.clear() LANGUAGE plpgsql AS $$
BEGIN
	TRUNCATE calpads.load, calpads.load_error, calpads.senr_baseline, calpads.current_load,
		calpads.batch, calpads.extract_file, calpads.extract_record, calpads.file_event,
		calpads.batch_held, calpads.batch_warning, bench.typed, bench.staging, bench.bad, bench.difference;
	ALTER TABLE bench.typed DROP CONSTRAINT IF EXISTS typed_pkey;
	-- A program that ends before it has read its input would be an error.
	EXECUTE format('COPY (SELECT) TO PROGRAM %L',
		format('cat >/dev/null; rm -f %s*_*.txt %s', bench.path(''), bench.path('plain.out')));
END;
$$;

CREATE FUNCTION bench.copy_in(target text, columns text, file text) RETURNS text LANGUAGE sql AS $$
	SELECT format('COPY %s (%s) FROM %L (DELIMITER ''^'', NULL '''');', target, columns, bench.path(file))
$$;

CREATE FUNCTION bench.copy_out(query text) RETURNS text LANGUAGE sql AS $$
	SELECT format('COPY (%s) TO PROGRAM %L (DELIMITER ''^'', NULL '''');', query,
		format($program$sed 's/$/\r/' >'%s'$program$, bench.path('plain.out')))
$$;

-- The staging table's rows, good ones with their types and bad ones aside.
CREATE FUNCTION bench.pipeline(columns text, casts text) RETURNS text LANGUAGE sql AS $$
	SELECT bench.copy_in('bench.staging', columns, 'ods.txt')
		|| format('INSERT INTO bench.typed SELECT %s FROM bench.staging WHERE ok;', casts)
		|| format('INSERT INTO bench.bad SELECT %s FROM bench.staging WHERE NOT ok;', columns)
$$;

-- Only which key differs and how: no grouping by student, no order, no rules.
CREATE FUNCTION bench.differing_keys(ods text, sis text, compared_ods text, compared_sis text) RETURNS text LANGUAGE sql AS $$
	SELECT format('SELECT CASE WHEN o.ssid IS NULL THEN ''new'' WHEN s.ssid IS NULL THEN ''gone'' ELSE ''changed'' END AS kind, '
		'coalesce(s.school_of_attendance, o.school_of_attendance) AS school_of_attendance, coalesce(s.ssid, o.ssid) AS ssid, '
		'coalesce(s.enrollment_start_date, o.enrollment_start_date) AS enrollment_start_date '
		'FROM %s o FULL JOIN %s s ON s.ssid = o.ssid AND s.school_of_attendance = o.school_of_attendance '
		'AND s.enrollment_start_date = o.enrollment_start_date '
		'WHERE o.ssid IS NULL OR s.ssid IS NULL OR (%s) IS DISTINCT FROM (%s)', ods, sis, compared_ods, compared_sis)
$$;

CREATE FUNCTION bench.full_join(ods text, compared_ods text, compared_sis text) RETURNS text LANGUAGE sql AS $$
	SELECT 'SET LOCAL work_mem = ''256MB''; INSERT INTO bench.difference '
		|| bench.differing_keys(ods, 'sis.senr', compared_ods, compared_sis) || ';'
$$;

-- What a side came to, in words that DuckDB has too, but for a number that is
-- written in hexadecimal digits.
CREATE FUNCTION bench.row_evidence(rows text, hexadecimal text DEFAULT '(''x'' || %s)::bit(32)::bigint')
	RETURNS text LANGUAGE sql AS $$
	SELECT format('SELECT count(*) || '' rows, '' || sum(%s) FROM %s',
		format(hexadecimal, 'substr(md5(concat_ws(''^'', school_of_attendance, ssid, student_legal_last_name, student_birth_date, '
			'enrollment_start_date, enrollment_exit_date, grade_level_code)), 1, 8)'), rows)
$$;

CREATE FUNCTION bench.key_evidence(relation text) RETURNS text LANGUAGE sql AS $$
	SELECT format('SELECT count(*) || '' keys, '' || md5(string_agg(k.key, '','' ORDER BY k.key)) '
		'FROM (SELECT concat_ws(''^'', ssid, school_of_attendance, enrollment_start_date) AS key FROM %s) AS k', relation)
$$;

-- ---- LOAD ----------------------------------------------------------------------

INSERT INTO bench.side (job, place, name, prepare, work, evidence) VALUES
	('LOAD', 0, 'load_ods', 'CALL bench.clear()',
		format('SELECT calpads.load_ods(''SENR'', %L)', bench.path('ods.txt')),
		bench.row_evidence('calpads.senr_baseline')),
	('LOAD', 1, 'COPY of the clean file', 'CALL bench.clear()',
		bench.copy_in('bench.typed', :'columns', 'clean.txt'), bench.row_evidence('bench.typed')),
	('LOAD', 2, 'COPY, ADD PRIMARY KEY', 'CALL bench.clear()',
		bench.copy_in('bench.typed', :'columns', 'clean.txt')
			|| 'ALTER TABLE bench.typed ADD PRIMARY KEY (ssid, school_of_attendance, enrollment_start_date)',
		bench.row_evidence('bench.typed')),
	('LOAD', 3, 'COPY, checks in SQL, INSERT', 'CALL bench.clear()',
		bench.pipeline(:'columns', :'cast_columns'), bench.row_evidence('bench.typed'));

-- ---- DELTA: the first side prepares the baseline, which all the others read ----

INSERT INTO bench.side (job, place, name, prepare, work, evidence)
SELECT 'DELTA', s.place, s.name, s.prepare, s.work,
	bench.key_evidence('bench.difference')
FROM (VALUES
	(0, 'reconcile_senr',
		format('CALL bench.clear(); SELECT calpads.load_ods(''SENR'', %L); ANALYZE calpads.senr_baseline', bench.path('clean.txt')),
		'INSERT INTO bench.difference SELECT r.reason, r.school_of_attendance, r.ssid, r.enrollment_start_date '
		'FROM calpads.reconcile_senr(NULL) r WHERE r.kind = ''operation'''),
	(1, 'FULL JOIN, 14 fields, 256MB',
		'TRUNCATE bench.difference',
		bench.full_join('calpads.senr_baseline', :'compared_ods', :'compared_sis'))
) AS s (place, name, prepare, work);

-- ---- EMIT: all records of the SIS as one file ------------------------------------

CREATE TABLE bench.sent AS
SELECT row_number() OVER (ORDER BY s.ssid, s.enrollment_start_date, s.school_of_attendance) AS line_no, s.*
FROM sis.senr s
ORDER BY s.ssid, s.enrollment_start_date, s.school_of_attendance;
ANALYZE bench.sent;

CREATE PROCEDURE bench.make_batch_of_all() LANGUAGE plpgsql AS $$
BEGIN
	CALL bench.clear();
	INSERT INTO calpads.batch (batch_id, process, lea, today, encoding, forced)
	VALUES (1, 'SENR', '5699990', calpads.today(), 'UTF8', true);
	INSERT INTO calpads.extract_file (file_id, batch_id, process, lea, seq, category, file_name, records)
	SELECT 1, 1, 'SENR', '5699990', 1, 'Updates', '001_Updates.txt', count(*) FROM bench.sent;
	INSERT INTO calpads.extract_record (file_id, line_no, ssid, key, transaction_type, reason, explanation, changed, line)
	SELECT 1, s.line_no, s.ssid, concat_ws('^', s.school_of_attendance, s.ssid, to_char(s.enrollment_start_date, 'YYYYMMDD')),
		'A', 'not_in_calpads', 'The SIS has this enrollment, CALPADS does not.', '{}',
		calpads.senr_line(jsonb_populate_record(NULL::calpads.senr, to_jsonb(s) - 'line_no'))
	FROM bench.sent s;
	ANALYZE calpads.extract_record;
END;
$$;

INSERT INTO bench.side (job, place, name, prepare, work, evidence)
SELECT 'EMIT', s.place, s.name, s.prepare, s.work,
	format('SELECT length(f) || '' bytes, '' || md5(f) FROM pg_read_binary_file(%L) f', bench.path(s.file))
FROM (VALUES
	(0, 'write_extract', 'CALL bench.make_batch_of_all()',
		format('SELECT calpads.write_extract(1, %L)', bench.path('')), '001_Updates.txt'),
	(1, 'COPY (SELECT to_char) TO PROGRAM', '',
		bench.copy_out(format('SELECT %s FROM bench.sent', :'record_values')), 'plain.out')
) AS s (place, name, prepare, work, file);

-- ---- NIGHT: load, difference, files ------------------------------------------------

INSERT INTO bench.side (job, place, name, prepare, work, evidence) VALUES
	('NIGHT', 0, 'load_ods, create_extract, write_extract', 'CALL bench.clear()',
		format('SELECT calpads.load_ods(''SENR'', %L); SELECT calpads.create_extract(''SENR''); '
			'SELECT calpads.write_extract(max(b.batch_id), %L) FROM calpads.batch b', bench.path('ods.txt'), bench.path('')),
		'SELECT sum(f.records) || '' records'' FROM calpads.extract_file f'),
	('NIGHT', 1, 'the same in SQL: no rules, no history', 'CALL bench.clear()',
		bench.pipeline(:'columns', :'cast_columns')
			|| bench.full_join('bench.typed', :'compared_ods', :'compared_sis')
			|| bench.copy_out('SELECT d.kind, s.* FROM bench.difference d LEFT JOIN sis.senr s USING (ssid, school_of_attendance, '
				'enrollment_start_date)'),
		'SELECT count(*) || '' records'' FROM bench.difference');

-- ---- FILE: foreign tables ------------------------------------------------------------

CREATE TABLE bench.answer (value text);
INSERT INTO bench.side (job, place, name, prepare, work, evidence)
SELECT 'FILE, ' || q.name, t.place, t.name, 'TRUNCATE bench.answer',
	format('INSERT INTO bench.answer SELECT %s FROM %s', q.value, t.relation), 'SELECT value FROM bench.answer'
FROM (VALUES
	(1, 'count(*)', 'count(*)'),
	(2, 'one column', 'count(student_legal_last_name)'),
	(3, 'all columns', format('sum(num_nonnulls(%s))', :'columns'))
) AS q (ordinal, name, value), (VALUES
	(0, 'calpads_fdw', 'bench.calpads_file'),
	(1, 'file_fdw', 'bench.plain_file')
) AS t (place, name, relation)
ORDER BY q.ordinal, t.place;
