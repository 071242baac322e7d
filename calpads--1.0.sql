\echo Use "CREATE EXTENSION calpads" to load this file. \quit

-- Contents
--
--   1. Settings
--   2. Reference data: layouts, code sets, valid combinations, SIS tables
--   3. CALPADS' validation rules, and what a district knows of institutions
--   4. Student programs (SPRG) in the SIS
--  4a. English language acquisition (SELA) in the SIS
--  4b. The change log of the SIS, and student information (SINF) in the SIS
--   5. The SIS side: schools, code translations, tables and mapping views
--   6. Reading files: foreign tables and loads
--   7. The difference: what CALPADS holds, what it should hold, and the operations
--   8. Student programs: what CALPADS holds, and the difference
--   9. Files and their life
--  10. The rehearsal: a batch is replayed under CALPADS' rules
--  11. Looking back: earlier states, drift, and the story of one student
--  12. What CALPADS refused: its errors, joined to what was sent and why
--  13. The legacy full extracts of SENR and SPRG: one file, as it was before 2022
--  13a. English language acquisition: what CALPADS holds, and the difference
--  13b. Special education: CASEMIS and CALPADS files into CSE and CSV
--  14. Mail, files from other servers, and the schedule
--  14a. Student programs from Illuminate: programs.txt
--  13b. Student information (SINF): what CALPADS holds, what changed, and files
--  13c. SSID identifiers: request, match, update, load, replace
--  14. The sample district
--  15. Privileges: nothing for PUBLIC, two roles' worth on request

-- ---------------------------------------------------------------------------
-- 1. Settings
-- ---------------------------------------------------------------------------

CREATE FUNCTION calpads.today() RETURNS date
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'calpads_today';
COMMENT ON FUNCTION calpads.today() IS
	'the day that counts as today: the setting calpads.today, or the current date';

CREATE FUNCTION calpads.setting(name text) RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'calpads_setting';
COMMENT ON FUNCTION calpads.setting(text) IS
	'the value of the setting calpads.<name>, empty when it is not set';

CREATE FUNCTION calpads.data_directory() RETURNS text
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'calpads_data_directory';
COMMENT ON FUNCTION calpads.data_directory() IS
	'folder of the installed reference data (layouts, code sets, rules)';

CREATE FUNCTION calpads.school_year_start(day date) RETURNS date
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN make_date(CAST(date_part('year', day - interval '6 months') AS integer), 7, 1);
COMMENT ON FUNCTION calpads.school_year_start(date) IS
	'July 1 of the school year that holds the day';

CREATE FUNCTION calpads.academic_year(day date) RETURNS text
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN date_part('year', calpads.school_year_start(day))::text || '-'
		|| (date_part('year', calpads.school_year_start(day)) + 1)::text;
COMMENT ON FUNCTION calpads.academic_year(date) IS
	'the academic year that holds the day, as CALPADS writes it: 2025-2026';

-- ---------------------------------------------------------------------------
-- 2. Reference data: layouts, code sets, valid combinations, SIS tables
--
-- What the state changes every year is rows, not code.  The rows come from the
-- TSV files beside the extension (builtin = true).  A district may add rows of
-- its own, or change one: those have builtin = false, stay when the files are
-- read again, win against a shipped row with the same key, and are dumped.
-- ---------------------------------------------------------------------------

CREATE TABLE calpads.layout (
	name text COLLATE "C" PRIMARY KEY,
	record_type text COLLATE "C",
	other_record_type text COLLATE "C",
	format text NOT NULL CHECK (format IN ('caret', 'tab', 'csv')),
	header text NOT NULL CHECK (header IN ('never', 'optional', 'required')),
	optional_trailing_fields integer NOT NULL CHECK (optional_trailing_fields >= 0),
	title text NOT NULL,
	builtin boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE calpads.layout IS 'kinds of files that are read or written';
COMMENT ON COLUMN calpads.layout.name IS 'name by which foreign tables and functions know the layout';
COMMENT ON COLUMN calpads.layout.record_type IS 'first field of each record; null: records carry no type';
COMMENT ON COLUMN calpads.layout.other_record_type IS 'second record type that is accepted';
COMMENT ON COLUMN calpads.layout.format IS 'caret and tab: quotes are ordinary characters; csv: RFC 4180';
COMMENT ON COLUMN calpads.layout.header IS
	'header row: never (one is an error), optional (recognised and skipped), required (columns are found by its names)';
COMMENT ON COLUMN calpads.layout.optional_trailing_fields IS 'how many fields at the end a record may leave out';
COMMENT ON COLUMN calpads.layout.title IS 'name of the file for people';
COMMENT ON COLUMN calpads.layout.builtin IS 'shipped with the extension; false: the district''s own';

CREATE TABLE calpads.layout_field (
	layout text COLLATE "C" NOT NULL,
	ordinal numeric NOT NULL,
	number text,
	name text COLLATE "C" NOT NULL,
	label text NOT NULL,
	type text NOT NULL CHECK (type IN ('text', 'code', 'date8', 'date_mdy', 'yn', 'integer')),
	max_length integer CHECK (max_length > 0),
	required boolean NOT NULL,
	key boolean NOT NULL,
	codeset text COLLATE "C",
	first_year text COLLATE "C" CHECK (first_year ~ '^\d{4}-\d{4}$'),
	last_year text COLLATE "C" CHECK (last_year ~ '^\d{4}-\d{4}$'),
	note text,
	builtin boolean NOT NULL DEFAULT false,
	PRIMARY KEY (layout, ordinal)
);
COMMENT ON TABLE calpads.layout_field IS
	'fields of the layouts; the record of a year is its valid fields ordered by ordinal';
COMMENT ON COLUMN calpads.layout_field.layout IS 'name of the layout';
COMMENT ON COLUMN calpads.layout_field.ordinal IS 'order in the record; with gaps, so that fields of other years fit between';
COMMENT ON COLUMN calpads.layout_field.number IS 'number in the file specification, as 1.22; null: not known';
COMMENT ON COLUMN calpads.layout_field.name IS 'name of the column';
COMMENT ON COLUMN calpads.layout_field.label IS 'printed name, and name in a header row';
COMMENT ON COLUMN calpads.layout_field.type IS 'text, code, date8 (CCYYMMDD), date_mdy (MM/DD/YYYY), yn (Y or N), integer';
COMMENT ON COLUMN calpads.layout_field.max_length IS 'in characters; null: not known, so not checked';
COMMENT ON COLUMN calpads.layout_field.required IS 'must be filled in every record';
COMMENT ON COLUMN calpads.layout_field.key IS 'part of the operational key';
COMMENT ON COLUMN calpads.layout_field.codeset IS 'name of the code set of its values; null: none that can be checked';
COMMENT ON COLUMN calpads.layout_field.first_year IS 'first academic year of the field, as 2023-2024; null: always';
COMMENT ON COLUMN calpads.layout_field.last_year IS 'last academic year of the field; null: still there';
COMMENT ON COLUMN calpads.layout_field.note IS 'what is special, and what is not confirmed';
COMMENT ON COLUMN calpads.layout_field.builtin IS 'shipped with the extension; false: the district''s own';

CREATE TABLE calpads.codeset (
	name text COLLATE "C" PRIMARY KEY,
	complete boolean NOT NULL,
	note text,
	builtin boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE calpads.codeset IS 'code sets; one without any code checks nothing';
COMMENT ON COLUMN calpads.codeset.name IS 'name of the code set';
COMMENT ON COLUMN calpads.codeset.complete IS 'the official list is complete: a value outside is refused; false: it only warns';
COMMENT ON COLUMN calpads.codeset.note IS 'what is known about the list';
COMMENT ON COLUMN calpads.codeset.builtin IS 'shipped with the extension; false: the district''s own';

CREATE TABLE calpads.code (
	codeset text COLLATE "C" NOT NULL,
	code text COLLATE "C" NOT NULL,
	name text,
	first_year text COLLATE "C" CHECK (first_year ~ '^\d{4}-\d{4}$'),
	last_year text COLLATE "C" CHECK (last_year ~ '^\d{4}-\d{4}$'),
	active text NOT NULL DEFAULT 'Y' CHECK (active IN ('Y', 'N', 'unknown')),
	note text,
	source text,
	builtin boolean NOT NULL DEFAULT false,
	PRIMARY KEY (codeset, code)
);
COMMENT ON TABLE calpads.code IS 'codes of the code sets';
COMMENT ON COLUMN calpads.code.codeset IS 'name of the code set';
COMMENT ON COLUMN calpads.code.code IS 'the code as CALPADS writes it';
COMMENT ON COLUMN calpads.code.name IS 'name of the code; null: not known';
COMMENT ON COLUMN calpads.code.first_year IS 'first academic year in which it is valid; null: always';
COMMENT ON COLUMN calpads.code.last_year IS 'last academic year in which it is valid; null: still';
COMMENT ON COLUMN calpads.code.active IS 'Y, N (retired), or unknown';
COMMENT ON COLUMN calpads.code.note IS 'use of the code, and what is not confirmed';
COMMENT ON COLUMN calpads.code.source IS 'where the code was found';
COMMENT ON COLUMN calpads.code.builtin IS 'shipped with the extension; false: the district''s own';

CREATE TABLE calpads.valid_combination (
	name text COLLATE "C" NOT NULL,
	code1 text COLLATE "C" NOT NULL,
	code2 text COLLATE "C" NOT NULL,
	first_year text COLLATE "C" CHECK (first_year ~ '^\d{4}-\d{4}$'),
	last_year text COLLATE "C" CHECK (last_year ~ '^\d{4}-\d{4}$'),
	note text,
	source text,
	builtin boolean NOT NULL DEFAULT false
);
-- One pair can be valid in two spans of years.
CREATE UNIQUE INDEX valid_combination_key ON calpads.valid_combination
	(name, code1, code2, (coalesce(first_year, '')));
COMMENT ON TABLE calpads.valid_combination IS
	'pairs of codes that may stand together: exit_completion, exit_grade, completion_grade (grades in two digits), '
	'state_country, program_membership, elas_transition, language_successor (two digits, three letters), sped_…; the code none stands for a blank field';
COMMENT ON COLUMN calpads.valid_combination.name IS 'name of the combination';
COMMENT ON COLUMN calpads.valid_combination.code1 IS 'code of the first field';
COMMENT ON COLUMN calpads.valid_combination.code2 IS 'code of the second field';
COMMENT ON COLUMN calpads.valid_combination.first_year IS 'first academic year in which the pair is valid; null: always';
COMMENT ON COLUMN calpads.valid_combination.last_year IS 'last academic year in which the pair is valid; null: still';
COMMENT ON COLUMN calpads.valid_combination.note IS 'what is not confirmed';
COMMENT ON COLUMN calpads.valid_combination.source IS 'where the pair was found';
COMMENT ON COLUMN calpads.valid_combination.builtin IS 'shipped with the extension; false: the district''s own';

CREATE TABLE calpads.sis_table (
	table_name text COLLATE "C" NOT NULL,
	ordinal integer NOT NULL,
	column_name text COLLATE "C",
	column_type text,
	builtin boolean NOT NULL DEFAULT false,
	PRIMARY KEY (table_name, ordinal)
);
COMMENT ON TABLE calpads.sis_table IS 'tables that create_sis_schema() makes for the student information system';
COMMENT ON COLUMN calpads.sis_table.table_name IS 'name of the table';
COMMENT ON COLUMN calpads.sis_table.ordinal IS 'order of the column; 0: a table without columns';
COMMENT ON COLUMN calpads.sis_table.column_name IS 'name of the column';
COMMENT ON COLUMN calpads.sis_table.column_type IS 'data type, with not null and default';
COMMENT ON COLUMN calpads.sis_table.builtin IS 'shipped with the extension; false: the district''s own';

CREATE TABLE calpads.rejection_column (
	name text COLLATE "C" NOT NULL CHECK (name IN ('rule', 'message', 'severity', 'record_no', 'field', 'value',
		'record_type', 'local_record_id', 'school_of_attendance', 'ssid', 'local_student_id',
		'enrollment_start_date', 'education_program_code', 'membership_start_date')),
	alias text COLLATE "C" PRIMARY KEY CHECK (alias ~ '^[a-z0-9]+$'),
	builtin boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE calpads.rejection_column IS
	'names that columns have in CALPADS'' extracts of errors [proposal: the extracts'' form is not published]';
COMMENT ON COLUMN calpads.rejection_column.name IS 'what the column holds; record_no: number of the record that was sent';
COMMENT ON COLUMN calpads.rejection_column.alias IS 'the name in a header row, its letters and digits in lower case';
COMMENT ON COLUMN calpads.rejection_column.builtin IS 'shipped with the extension; false: the district''s own';

CREATE TABLE calpads.logged_field (
	table_name text COLLATE "C" NOT NULL,
	column_name text COLLATE "C" NOT NULL,
	student_column text COLLATE "C" NOT NULL,
	log text NOT NULL CHECK (log IN ('LGD', 'ADH')),
	event text NOT NULL CHECK (event IN ('update', 'every', 'insert')),
	sinf_field text COLLATE "C",
	date_group text CHECK (date_group IN ('enrollment start', 'date of change')),
	address_type text CHECK (address_type IN ('M', 'R')),
	address_part text CHECK (address_part IN ('ad', 'cy', 'st', 'zc', 'zx')),
	note text,
	builtin boolean NOT NULL DEFAULT false,
	PRIMARY KEY (table_name, column_name)
);
COMMENT ON TABLE calpads.logged_field IS 'columns of the SIS whose changes calpads.log_change() logs, and what SINF makes of them';
COMMENT ON COLUMN calpads.logged_field.table_name IS 'table of the SIS';
COMMENT ON COLUMN calpads.logged_field.column_name IS 'its column';
COMMENT ON COLUMN calpads.logged_field.student_column IS 'column of the same table with the student ID';
COMMENT ON COLUMN calpads.logged_field.log IS
	'the log by which a change selects the student for SINF: LGD, or ADH for addresses, which are in LGD as well';
COMMENT ON COLUMN calpads.logged_field.event IS
	'update: changes in rows; every: also rows that come or go; insert: rows that come, not changes in them';
COMMENT ON COLUMN calpads.logged_field.sinf_field IS 'field of SINF; null: none that the column alone decides';
COMMENT ON COLUMN calpads.logged_field.date_group IS
	'from when a change counts: the start of the enrollment, or its own date; null: the change is logged and not sent';
COMMENT ON COLUMN calpads.logged_field.address_type IS 'ADH.TY of the address: M mailing, R residence';
COMMENT ON COLUMN calpads.logged_field.address_part IS 'which part of the address the column holds';
COMMENT ON COLUMN calpads.logged_field.note IS 'what is special, and what is a proposal';
COMMENT ON COLUMN calpads.logged_field.builtin IS 'shipped with the extension; false: the district''s own';
CREATE TABLE calpads.casemis_header (
	layout text COLLATE "C" NOT NULL,
	alias text COLLATE "C" NOT NULL CHECK (alias ~ '^[a-z0-9]+$'),
	field text COLLATE "C" NOT NULL,
	builtin boolean NOT NULL DEFAULT false,
	PRIMARY KEY (layout, alias)
);
COMMENT ON TABLE calpads.casemis_header IS
	'names that columns of special education files have in header rows, beside the name, label and number of the field '
	'[proposal: spec/casemis.md sections 3 and 10]';
COMMENT ON COLUMN calpads.casemis_header.layout IS 'layout of the file';
COMMENT ON COLUMN calpads.casemis_header.alias IS 'the name in a header row, its letters and digits in lower case';
COMMENT ON COLUMN calpads.casemis_header.field IS 'name of the field in calpads.layout_field';
COMMENT ON COLUMN calpads.casemis_header.builtin IS 'shipped with the extension; false: the district''s own';

CREATE TABLE calpads.casemis_target (
	layout text COLLATE "C" NOT NULL,
	field text COLLATE "C" NOT NULL,
	sis_table text COLLATE "C" NOT NULL CHECK (sis_table IN ('cse', 'csv')),
	sis_column text COLLATE "C" NOT NULL CHECK (sis_column NOT IN ('id', 'lu')),
	condition text COLLATE "C" NOT NULL DEFAULT 'always' CHECK (condition IN ('always', 'infant', 'not infant', 'infant evaluation', 'infant review', 'evaluation', 'review',
		'reevaluation', 'nonpublic', 'not nonpublic', 'participating', 'not participating', 'age 0 to 2', 'age 3 to 5',
		'age 6 and over', 'in the year')),
	blank text NOT NULL DEFAULT 'clear' CHECK (blank IN ('clear', 'keep')),
	conversion text CHECK (conversion IN ('percent_range', 'blank')),
	note text,
	builtin boolean NOT NULL DEFAULT false,
	PRIMARY KEY (layout, field, sis_table, sis_column, condition)
);
COMMENT ON TABLE calpads.casemis_target IS
	'which SIS column takes which field of a special education file; a district adds its extended fields here '
	'(spec/casemis.md sections 8 and 10)';
COMMENT ON COLUMN calpads.casemis_target.layout IS 'layout of the file';
COMMENT ON COLUMN calpads.casemis_target.field IS
	'name of the field; for a column that the layout does not have, its name in the header: letters and digits in lower case';
COMMENT ON COLUMN calpads.casemis_target.sis_table IS 'cse or csv';
COMMENT ON COLUMN calpads.casemis_target.sis_column IS 'the column; one that the district''s table lacks is passed over with a warning';
COMMENT ON COLUMN calpads.casemis_target.condition IS
	'only for such records, others leave the column alone; infant: meeting type 15 or plan type 150';
COMMENT ON COLUMN calpads.casemis_target.blank IS 'what a blank value does: clear empties the column, keep leaves it';
COMMENT ON COLUMN calpads.casemis_target.conversion IS
	'percent_range: a percentage becomes 1 (80 and more), 2 (40 to 79) or 3; blank: the column is emptied';
COMMENT ON COLUMN calpads.casemis_target.note IS 'what is not confirmed';
COMMENT ON COLUMN calpads.casemis_target.builtin IS 'shipped with the extension; false: the district''s own';

CREATE TABLE calpads.ssid_column (
	layout text COLLATE "C" NOT NULL,
	name text COLLATE "C" NOT NULL,
	alias text COLLATE "C" CHECK (alias ~ '^[a-z0-9]+$'),
	builtin boolean NOT NULL DEFAULT false,
	PRIMARY KEY (layout, alias)
);
COMMENT ON TABLE calpads.ssid_column IS
	'names that columns of the SSID files have beside the labels of their layouts [proposal]';
COMMENT ON COLUMN calpads.ssid_column.layout IS 'ssid_match_result, ssid_extract or ssid_replacement';
COMMENT ON COLUMN calpads.ssid_column.name IS
	'field of the layout, or candidate_last_name, candidate_first_name, candidate_birth_date, candidate_gender';
COMMENT ON COLUMN calpads.ssid_column.alias IS 'the name in a header row, its letters and digits in lower case';
COMMENT ON COLUMN calpads.ssid_column.builtin IS 'shipped with the extension; false: the district''s own';

/*
 * Makes room for a row of the district: the shipped row with the same key
 * goes, and a shipped row that is changed becomes the district's.  It also
 * fires when a dump is restored, where CREATE EXTENSION has loaded the shipped
 * rows before.  The arguments of the trigger are the key columns.
 */
CREATE FUNCTION calpads.prefer_own_row() RETURNS trigger
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	same_key text;
BEGIN
	IF TG_OP = 'UPDATE' THEN
		NEW.builtin := false;
		RETURN NEW;
	END IF;
	SELECT string_agg(format('shipped.%1$I IS NOT DISTINCT FROM ($1).%1$I', key_column), ' AND ')
		INTO same_key
		FROM unnest(TG_ARGV) AS key_column;
	EXECUTE format('DELETE FROM %I.%I AS shipped WHERE shipped.builtin AND %s',
				   TG_TABLE_SCHEMA, TG_TABLE_NAME, same_key)
		USING NEW;
	RETURN NEW;
END;
$$;
COMMENT ON FUNCTION calpads.prefer_own_row() IS
	'trigger: a reference row of the district takes the place of the shipped row with the same key';

CREATE TRIGGER prefer_own_insert BEFORE INSERT ON calpads.layout
	FOR EACH ROW WHEN (NOT NEW.builtin) EXECUTE FUNCTION calpads.prefer_own_row('name');
CREATE TRIGGER prefer_own_update BEFORE UPDATE ON calpads.layout
	FOR EACH ROW EXECUTE FUNCTION calpads.prefer_own_row('name');
CREATE TRIGGER prefer_own_insert BEFORE INSERT ON calpads.layout_field
	FOR EACH ROW WHEN (NOT NEW.builtin) EXECUTE FUNCTION calpads.prefer_own_row('layout', 'ordinal');
CREATE TRIGGER prefer_own_update BEFORE UPDATE ON calpads.layout_field
	FOR EACH ROW EXECUTE FUNCTION calpads.prefer_own_row('layout', 'ordinal');
CREATE TRIGGER prefer_own_insert BEFORE INSERT ON calpads.codeset
	FOR EACH ROW WHEN (NOT NEW.builtin) EXECUTE FUNCTION calpads.prefer_own_row('name');
CREATE TRIGGER prefer_own_update BEFORE UPDATE ON calpads.codeset
	FOR EACH ROW EXECUTE FUNCTION calpads.prefer_own_row('name');
CREATE TRIGGER prefer_own_insert BEFORE INSERT ON calpads.code
	FOR EACH ROW WHEN (NOT NEW.builtin) EXECUTE FUNCTION calpads.prefer_own_row('codeset', 'code');
CREATE TRIGGER prefer_own_update BEFORE UPDATE ON calpads.code
	FOR EACH ROW EXECUTE FUNCTION calpads.prefer_own_row('codeset', 'code');
CREATE TRIGGER prefer_own_insert BEFORE INSERT ON calpads.valid_combination
	FOR EACH ROW WHEN (NOT NEW.builtin) EXECUTE FUNCTION calpads.prefer_own_row('name', 'code1', 'code2', 'first_year');
CREATE TRIGGER prefer_own_update BEFORE UPDATE ON calpads.valid_combination
	FOR EACH ROW EXECUTE FUNCTION calpads.prefer_own_row('name', 'code1', 'code2', 'first_year');
CREATE TRIGGER prefer_own_insert BEFORE INSERT ON calpads.sis_table
	FOR EACH ROW WHEN (NOT NEW.builtin) EXECUTE FUNCTION calpads.prefer_own_row('table_name', 'ordinal');
CREATE TRIGGER prefer_own_update BEFORE UPDATE ON calpads.sis_table
	FOR EACH ROW EXECUTE FUNCTION calpads.prefer_own_row('table_name', 'ordinal');
CREATE TRIGGER prefer_own_insert BEFORE INSERT ON calpads.rejection_column
	FOR EACH ROW WHEN (NOT NEW.builtin) EXECUTE FUNCTION calpads.prefer_own_row('alias');
CREATE TRIGGER prefer_own_update BEFORE UPDATE ON calpads.rejection_column
	FOR EACH ROW EXECUTE FUNCTION calpads.prefer_own_row('alias');
CREATE TRIGGER prefer_own_insert BEFORE INSERT ON calpads.logged_field
	FOR EACH ROW WHEN (NOT NEW.builtin) EXECUTE FUNCTION calpads.prefer_own_row('table_name', 'column_name');
CREATE TRIGGER prefer_own_update BEFORE UPDATE ON calpads.logged_field
	FOR EACH ROW EXECUTE FUNCTION calpads.prefer_own_row('table_name', 'column_name');
CREATE TRIGGER prefer_own_insert BEFORE INSERT ON calpads.casemis_header
	FOR EACH ROW WHEN (NOT NEW.builtin) EXECUTE FUNCTION calpads.prefer_own_row('layout', 'alias');
CREATE TRIGGER prefer_own_update BEFORE UPDATE ON calpads.casemis_header
	FOR EACH ROW EXECUTE FUNCTION calpads.prefer_own_row('layout', 'alias');
CREATE TRIGGER prefer_own_insert BEFORE INSERT ON calpads.casemis_target
	FOR EACH ROW WHEN (NOT NEW.builtin) EXECUTE FUNCTION calpads.prefer_own_row('layout', 'field', 'sis_table', 'sis_column', 'condition');
CREATE TRIGGER prefer_own_update BEFORE UPDATE ON calpads.casemis_target
	FOR EACH ROW EXECUTE FUNCTION calpads.prefer_own_row('layout', 'field', 'sis_table', 'sis_column', 'condition');
CREATE TRIGGER prefer_own_insert BEFORE INSERT ON calpads.ssid_column
	FOR EACH ROW WHEN (NOT NEW.builtin) EXECUTE FUNCTION calpads.prefer_own_row('layout', 'alias');
CREATE TRIGGER prefer_own_update BEFORE UPDATE ON calpads.ssid_column
	FOR EACH ROW EXECUTE FUNCTION calpads.prefer_own_row('layout', 'alias');

SELECT pg_catalog.pg_extension_config_dump('calpads.layout', 'WHERE NOT builtin');
SELECT pg_catalog.pg_extension_config_dump('calpads.layout_field', 'WHERE NOT builtin');
SELECT pg_catalog.pg_extension_config_dump('calpads.codeset', 'WHERE NOT builtin');
SELECT pg_catalog.pg_extension_config_dump('calpads.code', 'WHERE NOT builtin');
SELECT pg_catalog.pg_extension_config_dump('calpads.valid_combination', 'WHERE NOT builtin');
SELECT pg_catalog.pg_extension_config_dump('calpads.sis_table', 'WHERE NOT builtin');
SELECT pg_catalog.pg_extension_config_dump('calpads.rejection_column', 'WHERE NOT builtin');
SELECT pg_catalog.pg_extension_config_dump('calpads.logged_field', 'WHERE NOT builtin');
SELECT pg_catalog.pg_extension_config_dump('calpads.casemis_header', 'WHERE NOT builtin');
SELECT pg_catalog.pg_extension_config_dump('calpads.casemis_target', 'WHERE NOT builtin');
SELECT pg_catalog.pg_extension_config_dump('calpads.ssid_column', 'WHERE NOT builtin');

/*
 * Replaces the shipped rows of one table by its file.  The file's header must
 * name the table's columns in order, all but builtin.
 */
CREATE FUNCTION calpads.refresh_reference_table(table_name text) RETURNS bigint
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	reference_table regclass := format('calpads.%I', table_name)::regclass;
	file_name text := format('%s/%s.tsv', calpads.data_directory(), table_name);
	column_list text;
	row_count bigint;
BEGIN
	SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
		INTO column_list
		FROM pg_attribute
		WHERE attrelid = reference_table AND attnum > 0 AND NOT attisdropped AND attname <> 'builtin';

	EXECUTE format('CREATE TEMPORARY TABLE shipped AS SELECT %s FROM %s WITH NO DATA', column_list, reference_table);
	EXECUTE format('COPY pg_temp.shipped FROM %L WITH (FORMAT text, HEADER match, NULL '''', ENCODING ''UTF8'')', file_name);
	EXECUTE format('DELETE FROM %s WHERE builtin', reference_table);
	-- What is left is the district's: it wins.
	EXECUTE format('INSERT INTO %s (%s, builtin) SELECT %2$s, true FROM pg_temp.shipped ON CONFLICT DO NOTHING',
				   reference_table, column_list);
	GET DIAGNOSTICS row_count = ROW_COUNT;
	DROP TABLE pg_temp.shipped;
	EXECUTE format('ANALYZE %s', reference_table);
	RETURN row_count;
END;
$$;
COMMENT ON FUNCTION calpads.refresh_reference_table(text) IS
	'reads one file of reference data again and gives the number of its rows in force; part of refresh_reference_data()';

CREATE FUNCTION calpads.refresh_reference_data() RETURNS TABLE (table_name text, shipped_rows bigint)
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
		RAISE insufficient_privilege USING
			MESSAGE = 'permission denied to refresh the reference data',
			HINT = 'The files beside the extension are read by a superuser.';
	END IF;
	RETURN QUERY
		SELECT reference_table, calpads.refresh_reference_table(reference_table)
		FROM unnest(ARRAY['layout', 'layout_field', 'codeset', 'code', 'valid_combination', 'sis_table', 'rule', 'rejection_column',
			'logged_field', 'casemis_header', 'casemis_target', 'ssid_column'])
			AS reference_table;
END;
$$;
COMMENT ON FUNCTION calpads.refresh_reference_data() IS
	'reads the files of reference data again, in one transaction: after a yearly update of the extension''s files; '
	'the district''s own rows stay; superuser only';

-- ---------------------------------------------------------------------------
-- 3. CALPADS' validation rules, and what a district knows of institutions
-- ---------------------------------------------------------------------------

CREATE TABLE calpads.rule (
	process text COLLATE "C" NOT NULL,
	number text COLLATE "C" NOT NULL,
	official boolean NOT NULL,
	severity text NOT NULL CHECK (severity IN ('fatal', 'warning', 'unknown')),
	certification boolean NOT NULL DEFAULT false,
	name text NOT NULL,
	description text NOT NULL,
	first_year text COLLATE "C" CHECK (first_year ~ '^\d{4}-\d{4}$'),
	last_year text COLLATE "C" CHECK (last_year ~ '^\d{4}-\d{4}$'),
	active boolean NOT NULL DEFAULT true,
	confirmed boolean NOT NULL,
	source text NOT NULL,
	coverage text NOT NULL CHECK (coverage IN ('implemented', 'not decidable', 'data missing')),
	coverage_reason text,
	institution_kinds text[],
	reported_as text COLLATE "C",
	builtin boolean NOT NULL DEFAULT false,
	PRIMARY KEY (process, number)
);
COMMENT ON TABLE calpads.rule IS
	'validation rules; what a rule tests is code, whether it holds a record, warns or is off is this table';
COMMENT ON COLUMN calpads.rule.process IS 'process whose records are tested, as SENR';
COMMENT ON COLUMN calpads.rule.number IS 'CALPADS'' number of the rule, or a name of this project where none is known';
COMMENT ON COLUMN calpads.rule.official IS 'the number is CALPADS'' own';
COMMENT ON COLUMN calpads.rule.severity IS
	'fatal: a record that breaks the rule is held; warning, unknown: it is sent, and calpads.warning tells';
COMMENT ON COLUMN calpads.rule.certification IS
	'CALPADS applies the rule when a snapshot is certified, not to a file: it never holds a record';
COMMENT ON COLUMN calpads.rule.name IS 'name of the rule';
COMMENT ON COLUMN calpads.rule.description IS 'what breaks the rule';
COMMENT ON COLUMN calpads.rule.first_year IS 'first academic year in which it is in force; null: always was';
COMMENT ON COLUMN calpads.rule.last_year IS 'last academic year in which it is in force; null: still is';
COMMENT ON COLUMN calpads.rule.active IS 'false: switched off, by CALPADS or by the district';
COMMENT ON COLUMN calpads.rule.confirmed IS 'the severity is confirmed by a page of CALPADS';
COMMENT ON COLUMN calpads.rule.source IS 'where the rule was found';
COMMENT ON COLUMN calpads.rule.coverage IS
	'implemented; not decidable: from what a district has; data missing: as long as no table is filled';
COMMENT ON COLUMN calpads.rule.coverage_reason IS 'why not, or how far';
COMMENT ON COLUMN calpads.rule.institution_kinds IS
	'the rule is implemented as soon as calpads.institution has rows of one of these kinds';
COMMENT ON COLUMN calpads.rule.reported_as IS
	'CALPADS'' number under which a rule without one is reported; null: its own number';
COMMENT ON COLUMN calpads.rule.builtin IS 'shipped with the extension; false: the district''s own';

CREATE TRIGGER prefer_own_insert BEFORE INSERT ON calpads.rule
	FOR EACH ROW WHEN (NOT NEW.builtin) EXECUTE FUNCTION calpads.prefer_own_row('process', 'number');
CREATE TRIGGER prefer_own_update BEFORE UPDATE ON calpads.rule
	FOR EACH ROW EXECUTE FUNCTION calpads.prefer_own_row('process', 'number');

SELECT pg_catalog.pg_extension_config_dump('calpads.rule', 'WHERE NOT builtin');

CREATE TABLE calpads.institution (
	cds_code text COLLATE "C" NOT NULL CHECK (cds_code ~ '^[0-9]{7}$'),
	kind text NOT NULL CHECK (kind IN ('district', 'county office', 'school', 'county school', 'charter school',
		'nonpublic school')),
	school_type text,
	opened date,
	closed date,
	PRIMARY KEY (cds_code, kind)
);
SELECT pg_catalog.pg_extension_config_dump('calpads.institution', '');
COMMENT ON TABLE calpads.institution IS
	'what the district knows of schools and districts of the state, empty to begin with; a kind without any row is '
	'not checked, and of districts and nonpublic schools that have rows every one that occurs is listed';
COMMENT ON COLUMN calpads.institution.cds_code IS
	'seven digits: county and district of a district or county office, school code of a school';
COMMENT ON COLUMN calpads.institution.kind IS
	'school: of a district; county school: of a county office; nonpublic school: certified';
COMMENT ON COLUMN calpads.institution.school_type IS
	'ADULT (adult education center), ALT, COMM, COMMDAY, CON, HOMHOS, JUV, OPP, REG, SPEC …; null: not known';
COMMENT ON COLUMN calpads.institution.opened IS 'opening date; null: long ago';
COMMENT ON COLUMN calpads.institution.closed IS 'closing date; null: open';

CREATE VIEW calpads.rule_coverage AS
SELECT r.process, r.number, r.name, r.severity, r.confirmed,
	CASE WHEN EXISTS (SELECT FROM calpads.institution i WHERE i.kind = ANY (r.institution_kinds))
		THEN 'implemented' ELSE r.coverage END AS coverage,
	r.coverage_reason AS reason
FROM calpads.rule r;
COMMENT ON VIEW calpads.rule_coverage IS 'the rules, and how far records are tested against them';

/*
 * The schools of the SIS and their grades as numbers: TK -1, KN 0, 1 to 12;
 * null where LOC does not tell, that is where one is blank, both are 0, or
 * they are local numbers beyond the twelve.  Records of LOC with one code are
 * one school.  A district's own LOC may lack the columns.
 */
CREATE FUNCTION calpads.school_grade_span(OUT cds_school text, OUT lowest_grade integer, OUT highest_grade integer)
	RETURNS SETOF record
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY EXECUTE format($query$
		WITH location AS (
			SELECT loc.cd::integer AS sc, (to_jsonb(loc) ->> 'lo')::integer AS low, (to_jsonb(loc) ->> 'hi')::integer AS high
			FROM %s AS loc
		), span AS (
			SELECT school.cds_school::text AS cds_school, location.low, location.high,
				coalesce(location.low <= location.high AND location.low <= 12 AND (location.low, location.high) <> (0, 0),
					false) AS known
			FROM calpads.school JOIN location ON location.sc = school.sc
			WHERE school.cds_school IS NOT NULL
		)
		SELECT span.cds_school,
			CASE WHEN bool_and(span.known) THEN min(span.low) END,
			CASE WHEN bool_and(span.known) THEN max(span.high) END
		FROM span
		GROUP BY span.cds_school
		$query$, calpads.sis_table_name(NULL, 'loc'));
END;
$$;
COMMENT ON FUNCTION calpads.school_grade_span() IS
	'the schools of the SIS (LOC) with their lowest and highest grade as numbers, null when they are not known';

SELECT calpads.refresh_reference_data();

-- ---------------------------------------------------------------------------
-- 4. Student programs (SPRG) in the SIS
-- ---------------------------------------------------------------------------

/*
 * Eligible (1) or participating (3): by which rules a program's dates go.
 *
 * The pairs that the state allows in the year; eligible where it allows both,
 * or says nothing of the program [proposal].  504 plans are eligibility since
 * 2018-19; a SIS that still keeps them as participation says so by turning
 * calpads.sprg_504_eligibility off (spec/aeries_logic.md section 8.3).
 */
CREATE FUNCTION calpads.program_membership(program text, academic_year text) RETURNS text
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	RETURN CASE
		WHEN program = '101' AND calpads.setting('sprg_504_eligibility') <> 'on' THEN '3'
		ELSE coalesce((
			SELECT min(pair.code2)
			FROM calpads.valid_combination AS pair
			WHERE pair.name = 'program_membership' AND pair.code1 = program
				AND coalesce(pair.first_year <= academic_year, true) AND coalesce(pair.last_year >= academic_year, true)), '1')
	END;
COMMENT ON FUNCTION calpads.program_membership(text, text) IS
	'1 (eligible) or 3 (participating): by which rules the dates of a program go in an academic year';

/*
 * The programs that are reported today.  Left out: retired ones, of which
 * CALPADS keeps its old rows, those that were never submitted (190), and
 * calpads.sprg_exclude, with which one sends files without meals at the start
 * of the year (spec/aeries_logic.md section 8.3, SPRG w/o FRE).
 */
CREATE FUNCTION calpads.offered_programs() RETURNS TABLE (program text, membership text)
	LANGUAGE sql STABLE PARALLEL SAFE ROWS 30
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT code.code, calpads.program_membership(code.code, this_year.id)
	FROM calpads.code
	CROSS JOIN (SELECT calpads.academic_year(calpads.today()) AS id) AS this_year
	WHERE code.codeset = 'education_program'
		AND code.code <> ALL (regexp_split_to_array(btrim(calpads.setting('sprg_exclude')), '\s*,\s*'))
		AND coalesce(code.first_year <= this_year.id, true)
		AND CASE WHEN code.last_year IS NULL THEN code.active <> 'N' ELSE code.last_year >= this_year.id END
$$;
COMMENT ON FUNCTION calpads.offered_programs() IS
	'programs that are reported today, each with its membership (1 eligible, 3 participating); retired and excluded ones are not';

/*
 * The enrollments by which the dates of programs go: what the view senr of a
 * SIS schema reports.  A function, so that the district can replace that view,
 * of which it promises no more than the fields of the layout.
 */
CREATE FUNCTION calpads.reported_enrollments(schema_name text)
	RETURNS TABLE (student_id integer, lea text, school text, ssid text, first_name text, last_name text, birth_date date, gender text,
		start_date date, exit_date date, exit_reason text, status text, grade text)
	LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100000
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY EXECUTE format($query$
		SELECT senr.local_student_id::integer, senr.reporting_lea::text, senr.school_of_attendance::text, senr.ssid::text,
			senr.student_legal_first_name::text, senr.student_legal_last_name::text, senr.student_birth_date::date,
			senr.student_gender_code::text, senr.enrollment_start_date::date, senr.enrollment_exit_date::date,
			senr.student_exit_reason_code::text, senr.enrollment_status_code::text, senr.grade_level_code::text
		FROM %s AS senr
		WHERE senr.local_student_id ~ '^[0-9]{1,9}$'
		$query$, calpads.sis_table_name(schema_name, 'senr'));
END;
$$;
COMMENT ON FUNCTION calpads.reported_enrollments(text) IS
	'enrollments that the mapping view senr of a SIS schema (null: the schema of the setting) reports';

/* The definition of the mapping view sprg: a row of calpads.mapping_view(). */
CREATE FUNCTION calpads.sprg_mapping_view() RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $function$
SELECT $view$
/*
 * SPRG as the SIS sees it.  Sections are those of spec/aeries_logic.md, unless
 * they are of spec/sinf_sela_sprg.md (there: SPRG).
 *
 * Program records as entered -> stays of the student at the schools they are
 * reported for -> dates by the rules of the membership -> record.
 *
 * OFFSET 0 keeps the planner from computing a step more than once.
 */
WITH setting AS MATERIALIZED (
	SELECT calpads.today() AS today,
		calpads.school_year_start(calpads.today()) AS this_year,
		-- What the view senr reports; of the years before, ENR as it is.
		(calpads.school_year_start(calpads.today()) - interval '2 years')::date AS first_reported_year,
		-- Section 8.3: ten years.
		(calpads.school_year_start(calpads.today()) - interval '10 years')::date AS first_year,
		calpads.setting('sprg_year_end_window_days')::integer AS year_end_window_days,
		calpads.setting('status_field') = 'sp' AS has_status_of_enrollment,
		upper(btrim(calpads.setting('program_change_code'))) AS program_change_code,
		regexp_split_to_array(upper(btrim(calpads.setting('sprg_exclude_meal_sources'))), '\s*,\s*') AS excluded_sources
),
school AS MATERIALIZED (
	SELECT sc, cds_school COLLATE "C" AS cds_school, lea COLLATE "C" AS lea, selected FROM calpads.school_list(@schema_literal@)
),
program AS MATERIALIZED (
	SELECT program COLLATE "C" AS code, membership = '3' AS is_participation, calpads.program_is_from_isi(program) AS from_isi
	FROM calpads.offered_programs()
),
code_map AS MATERIALIZED (
	SELECT jsonb_object_agg(local_code, code) FILTER (WHERE local_set = 'FRE.CD') AS meal,
		jsonb_object_agg(local_code, code) FILTER (WHERE local_set = 'ATT.RS') AS exit_reason,
		jsonb_object_agg(local_code, code) FILTER (WHERE local_set = 'STU.SP') AS status
	FROM calpads.code_translation(@schema_literal@)
),
-- Several schools of the SIS can report under one code: nonpublic schools.
school_number AS MATERIALIZED (
	SELECT cds_school AS school, min(sc) AS sc FROM school WHERE selected GROUP BY cds_school
),
-- The last school day of a school's calendar, of the district's where it has none.
last_school_day AS MATERIALIZED (
	SELECT coalesce(school.cds_school, '') AS school, calpads.school_year_start(day.dt) AS school_year, max(day.dt) AS day
	FROM @schema@.day
	JOIN school ON school.sc = day.sc
	WHERE day.del IS NOT TRUE AND day.dt IS NOT NULL AND coalesce(btrim(day.ho::text), '') IN ('', '%')
	GROUP BY coalesce(school.cds_school, ''), calpads.school_year_start(day.dt)
),

-- Enrollments ------------------------------------------------------------------

reported AS MATERIALIZED (
	SELECT student_id, lea COLLATE "C" AS lea, school COLLATE "C" AS school, ssid COLLATE "C" AS ssid,
		first_name COLLATE "C" AS first_name, last_name COLLATE "C" AS last_name, birth_date, gender COLLATE "C" AS gender,
		start_date, exit_date, exit_reason COLLATE "C" AS exit_reason, status COLLATE "C" AS status
	FROM calpads.reported_enrollments(@schema_literal@)
),
person AS MATERIALIZED (
	SELECT DISTINCT ON (student_id) student_id, ssid, first_name, last_name, birth_date, gender
	FROM reported
	ORDER BY student_id, start_date DESC, school
),
-- The enrollment status of STU, for enrollments that do not say theirs.
status_at_school AS MATERIALIZED (
	SELECT DISTINCT ON (stu.id, stu.sc) stu.id, stu.sc, upper(btrim(stu.sp::text)) AS status
	FROM @schema@.stu
	WHERE stu.del IS NOT TRUE
	ORDER BY stu.id, stu.sc, stu.ed DESC NULLS LAST, stu.sn
),
-- Years before those of senr, for students whom senr has: an enrollment without
-- a leave date ended with the school year.
earlier_enrollment AS (
	SELECT enr.id AS student_id, reporting.lea, reporting.cds_school AS school, enr.ed AS start_date,
		coalesce(enr.ld, (calpads.school_year_start(enr.ed) + interval '1 year' - interval '1 day')::date) AS exit_date,
		CASE local.reason WHEN setting.program_change_code THEN 'E150'
			ELSE coalesce(code_map.exit_reason ->> local.reason, local.reason) END COLLATE "C" AS exit_reason,
		CASE WHEN setting.has_status_of_enrollment
			THEN coalesce(code_map.status ->> local.status, local.status) END COLLATE "C" AS status
	FROM @schema@.enr
	CROSS JOIN setting
	CROSS JOIN code_map
	JOIN person ON person.student_id = enr.id
	JOIN school AS own ON own.sc = enr.sc AND own.selected
	JOIN school AS reporting ON reporting.sc = coalesce(nullif(enr.hs, 0), enr.sc) AND reporting.selected
		AND reporting.cds_school IS NOT NULL
	LEFT JOIN status_at_school ON status_at_school.id = enr.id AND status_at_school.sc = enr.sc
	CROSS JOIN LATERAL (
		SELECT coalesce(upper(btrim(enr.er::text)), '') AS reason,
			coalesce(nullif(upper(btrim(enr.pr::text)), ''), status_at_school.status) AS status) AS local
	WHERE enr.del IS NOT TRUE AND enr.ed >= setting.first_year AND enr.ed < setting.first_reported_year
),
-- A no-show was never there; next year's enrollments come with the next year.
enrollment AS (
	SELECT every_year.*, calpads.school_year_start(start_date) AS school_year
	FROM (
		SELECT student_id, lea, school, start_date, exit_date, exit_reason, status FROM reported
		UNION ALL
		SELECT student_id, lea, school, start_date, exit_date, exit_reason, status FROM earlier_enrollment) AS every_year
	CROSS JOIN setting
	WHERE exit_reason IS DISTINCT FROM 'N470' AND coalesce(exit_date >= start_date, true)
		AND calpads.school_year_start(start_date) <= setting.this_year
),
numbered_enrollment AS (
	SELECT enrollment.*,
		count(*) FILTER (WHERE begins_stay) OVER (PARTITION BY student_id, school, school_year ORDER BY start_date, exit_date) AS stay
	FROM (
		SELECT enrollment.*,
			NOT coalesce(start_date <= max(coalesce(exit_date, 'infinity')) OVER before
				OR (lag(exit_reason) OVER at_school = 'E150' AND start_date <= lag(exit_date) OVER at_school + 1), false) AS begins_stay
		FROM enrollment
		WINDOW at_school AS (PARTITION BY student_id, school, school_year ORDER BY start_date, exit_date),
			before AS (at_school ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS enrollment
),
/*
 * What a program sees of enrollments: CALPADS leaves programs alone at an E150,
 * so the enrollment after it is the same stay; so are rows that overlap.
 */
stay AS MATERIALIZED (
	SELECT enrollment.*, coalesce(school_calendar.day, district_calendar.day) AS last_day,
		start_date = max(start_date) FILTER (WHERE NOT is_secondary) OVER (PARTITION BY student_id) AS is_newest
	FROM (
		SELECT student_id, school, school_year, min(lea) AS lea, min(start_date) AS start_date,
			CASE WHEN count(*) = count(exit_date) THEN max(exit_date) END AS end_date,
			-- A record without a school follows the student's own school only [proposal].
			coalesce(bool_and(status = '20'), false) AS is_secondary
		FROM numbered_enrollment
		GROUP BY student_id, school, school_year, stay) AS enrollment
	LEFT JOIN last_school_day AS school_calendar
		ON school_calendar.school = enrollment.school AND school_calendar.school_year = enrollment.school_year
	LEFT JOIN last_school_day AS district_calendar
		ON district_calendar.school = '0000000' AND district_calendar.school_year = enrollment.school_year
),

-- Records as entered -----------------------------------------------------------

-- FOF wins over PGM for 504 plans; GATE is in GTE or in PGM, GTE first [proposal].
plan_504 AS MATERIALIZED (
	SELECT DISTINCT fof.id FROM @schema@.fof WHERE fof.del IS NOT TRUE
),
gifted AS MATERIALIZED (
	SELECT DISTINCT gte.id FROM @schema@.gte WHERE gte.id IS NOT NULL AND gte.esd IS NOT NULL
),
/*
 * Records from Illuminate, where the setting calpads.program_source says so.
 * Dates (spec/illuminate_programs.md section 7): each falls back to the one of
 * the other pair when it is empty, an end only if it is not before the start.
 * What the file has no column for comes from the student's newest PGM row.
 */
isi_school AS (
	SELECT DISTINCT ON (cds_school) cds_school, sc FROM school ORDER BY cds_school, selected DESC, sc
),
isi_detail AS (
	SELECT DISTINCT ON (pgm.pid, btrim(pgm.cd::text)) pgm.pid, btrim(pgm.cd::text) COLLATE "C" AS code, pgm.ty, pgm.hdt, pgm.uy, pgm.ry
	FROM @schema@.pgm
	JOIN program ON program.code = btrim(pgm.cd::text) COLLATE "C" AND program.from_isi
	WHERE pgm.del IS NOT TRUE
	ORDER BY pgm.pid, btrim(pgm.cd::text), coalesce(pgm.esd, pgm.psd) DESC NULLS LAST, pgm.sq DESC
),
isi_record AS (
	SELECT isi.record_id, isi.student_id, program.code, program.is_participation, isi.site_id,
		-- A site whose school LOC does not have is shown as one that does not exist.
		CASE WHEN isi.site_id IS NOT NULL THEN coalesce(isi_school.sc, -1) END AS sc,
		CASE WHEN program.is_participation THEN coalesce(isi.program_start_date, isi.eligibility_start_date)
			ELSE coalesce(isi.eligibility_start_date, isi.program_start_date) END AS start_date,
		CASE WHEN program.is_participation THEN isi.program_end_date ELSE isi.eligibility_end_date END AS own_end,
		CASE WHEN program.is_participation THEN isi.eligibility_end_date ELSE isi.program_end_date END AS other_end
	FROM calpads.isi_program AS isi
	JOIN calpads.isi_code ON isi_code.program_id = isi.program_id
	JOIN program ON program.code = btrim(isi_code.calpads_code) AND program.from_isi
	LEFT JOIN calpads.isi_site_list(@schema_literal@) AS site ON site.site_id COLLATE "C" = isi.site_id
	LEFT JOIN isi_school ON isi_school.cds_school = site.cds_school COLLATE "C"
),
source_record AS (
	SELECT 'ISI' AS source, isi.record_id AS source_id, isi.site_id AS site, isi.student_id, isi.code, isi.is_participation, isi.sc,
		isi.start_date, coalesce(isi.own_end, CASE WHEN isi.other_end >= isi.start_date THEN isi.other_end END) AS end_date,
		'calpads.isi_program' AS start_column, 'calpads.isi_program' AS end_column,
		nullif(btrim(isi_detail.ty::text), '') AS program_type,
		nullif(btrim(isi_detail.hdt::text), '') AS dwelling_type,
		nullif(upper(btrim(isi_detail.uy::text)), '') AS unaccompanied,
		coalesce(nullif(upper(btrim(isi_detail.ry::text)), ''), 'N') AS runaway
	FROM isi_record AS isi
	LEFT JOIN isi_detail ON isi_detail.pid = isi.student_id AND isi_detail.code = isi.code
	UNION ALL
	SELECT 'PGM', NULL, NULL, pgm.pid AS student_id, program.code, program.is_participation, nullif(pgm.scl, 0) AS sc,
		CASE WHEN program.is_participation THEN pgm.psd ELSE pgm.esd END AS start_date,
		CASE WHEN program.is_participation THEN pgm.ped ELSE pgm.eed END AS end_date,
		CASE WHEN program.is_participation THEN 'PGM.PSD' ELSE 'PGM.ESD' END AS start_column,
		CASE WHEN program.is_participation THEN 'PGM.PED' ELSE 'PGM.EED' END AS end_column,
		nullif(btrim(pgm.ty::text), '') AS program_type,
		nullif(btrim(pgm.hdt::text), '') AS dwelling_type,
		nullif(upper(btrim(pgm.uy::text)), '') AS unaccompanied,
		coalesce(nullif(upper(btrim(pgm.ry::text)), ''), 'N') AS runaway
	FROM @schema@.pgm
	JOIN program ON program.code = btrim(pgm.cd::text) COLLATE "C" AND NOT program.from_isi
	WHERE pgm.del IS NOT TRUE
		-- Meals are in FRE only.
		AND program.code NOT IN ('181', '182')
		AND NOT (program.code = '101' AND pgm.pid IN (SELECT plan_504.id FROM plan_504))
		AND NOT (program.code = '127' AND pgm.pid IN (SELECT gifted.id FROM gifted))
	UNION ALL
	SELECT 'FOF', NULL, NULL, fof.id, program.code, program.is_participation, NULL, fof.sd, fof.ed, 'FOF.SD', 'FOF.ED', NULL, NULL, NULL, NULL
	FROM @schema@.fof
	JOIN program ON program.code = '101' AND NOT program.from_isi
	WHERE fof.del IS NOT TRUE
	UNION ALL
	SELECT 'GTE', NULL, NULL, gte.id, program.code, program.is_participation, NULL, gte.esd, gte.eed, 'GTE.ESD', 'GTE.EED', NULL, NULL, NULL, NULL
	FROM @schema@.gte
	JOIN program ON program.code = '127' AND NOT program.from_isi
	WHERE gte.id IN (SELECT gifted.id FROM gifted)
	UNION ALL
	SELECT 'FRE', NULL, NULL, fre.id, program.code, program.is_participation, NULL, fre.esd, fre.eed, 'FRE.ESD', 'FRE.EED', NULL, NULL, NULL, NULL
	FROM @schema@.fre
	CROSS JOIN setting
	CROSS JOIN code_map
	-- A local code means F or R; other values are not reported.
	CROSS JOIN LATERAL (SELECT upper(btrim(fre.cd::text)) AS code) AS local
	JOIN program ON program.code = CASE coalesce(code_map.meal ->> local.code, local.code)
		WHEN 'F' THEN '181' WHEN '181' THEN '181' WHEN 'R' THEN '182' WHEN '182' THEN '182' END AND NOT program.from_isi
	WHERE fre.del IS NOT TRUE
		AND coalesce(nullif(upper(btrim(fre.src::text)), '') <> ALL (setting.excluded_sources), true)
),
-- Who was unaccompanied or a runaway once stays it until the school year ends
-- (SPRG section 4.3); a runaway is unaccompanied.
homeless AS (
	SELECT source_record.*,
		bool_or(unaccompanied = 'Y') OVER earlier_in_year AS was_unaccompanied,
		bool_or(runaway = 'Y') OVER earlier_in_year AS was_runaway
	FROM source_record
	WINDOW earlier_in_year AS (PARTITION BY student_id, code, calpads.school_year_start(start_date) ORDER BY start_date)
),
entered AS MATERIALIZED (
	SELECT row_number() OVER () AS number, homeless.*,
		code IN ('181', '182') AS is_meal,
		named.sc IS NULL AND homeless.sc IS NOT NULL AS school_unknown,
		named.cds_school AS named_school,
		-- The end to reckon with: of an impossible one nothing follows.
		CASE WHEN end_date IS NULL OR end_date < start_date THEN NULL
			-- Meals start and end in one academic year (SPRG0645F1).
			WHEN code IN ('181', '182')
				THEN least(end_date, (calpads.school_year_start(start_date) + interval '1 year' - interval '1 day')::date)
			ELSE end_date END AS usable_end
	FROM homeless
	CROSS JOIN setting
	LEFT JOIN school AS named ON named.sc = homeless.sc
	WHERE coalesce(named.selected, true)
		-- A record that has no start can be mended only while it matters.
		AND (start_date IS NOT NULL OR coalesce(end_date >= setting.this_year, true))
),

-- Records at the schools they are reported for -----------------------------------

/*
 * PGM.SCL 0 and a virtual school follow the enrollment, a number is the one
 * school.  A record without a start is shown with the newest enrollment.
 */
placed AS MATERIALIZED (
	SELECT entered.*, stay.school, stay.lea, stay.school_year, stay.start_date AS stay_start, stay.end_date AS stay_end, stay.last_day
	FROM entered
	JOIN stay ON stay.student_id = entered.student_id
	WHERE NOT entered.school_unknown
		AND CASE WHEN entered.named_school IS NULL THEN NOT stay.is_secondary ELSE stay.school = entered.named_school END
		AND CASE
			WHEN entered.start_date IS NULL THEN stay.is_newest
			ELSE stay.start_date <= coalesce(entered.usable_end, 'infinity')
				AND coalesce(stay.end_date, 'infinity') >= entered.start_date
				-- Eligibility for meals does not carry over (SPRG section 4.2).
				AND (NOT entered.is_meal OR stay.school_year = calpads.school_year_start(entered.start_date))
		END
),
/*
 * Participation (section 8.3; SPRG section 4.1): one record for each stay and
 * inside it.  In the last days of the year it ends with the last school day.
 */
participation AS (
	SELECT placed.*,
		CASE WHEN start_date IS NULL THEN NULL ELSE greatest(start_date, stay_start) END AS reported_start,
		coalesce(least(usable_end, stay_end), year_end) AS reported_end,
		CASE
			WHEN start_date >= stay_start THEN NULL
			WHEN start_date < school_year THEN 'Participation of an earlier school year starts with the enrollment of this one.'
			WHEN start_date < stay_start THEN 'Participation starts with the enrollment.'
		END AS start_rule,
		CASE
			WHEN usable_end IS NULL AND stay_end IS NULL THEN
				CASE WHEN year_end IS NOT NULL THEN 'Participation ends with the last school day.' END
			WHEN coalesce(stay_end < usable_end, stay_end IS NOT NULL) THEN 'Participation ends with the enrollment.'
		END AS end_rule
	FROM (
		SELECT placed.*,
			CASE WHEN last_day >= greatest(start_date, stay_start)
				AND last_day - setting.year_end_window_days <= setting.today THEN last_day END AS year_end
		FROM placed
		CROSS JOIN setting
		WHERE is_participation) AS placed
),
/*
 * Eligibility: one record for each school, with its own start.  An end has to
 * be inside the last enrollment there; an open record stays open, except
 * that CALPADS ends meals with the enrollment.
 */
eligibility AS (
	SELECT DISTINCT ON (number, school) placed.*,
		start_date AS reported_start,
		CASE WHEN is_meal OR usable_end IS NOT NULL THEN least(usable_end, stay_end) END AS reported_end,
		NULL::text AS start_rule,
		CASE
			WHEN coalesce(stay_end < usable_end, stay_end IS NOT NULL AND is_meal) THEN 'Eligibility ends with the enrollment.'
			WHEN usable_end < end_date THEN 'Eligibility for meals ends with the school year.'
		END AS end_rule
	FROM placed
	WHERE NOT is_participation
	ORDER BY number, school, stay_start DESC
),
-- A record of a school that does not exist, or where the student is not
-- enrolled, while the student is enrolled elsewhere this year.
misplaced AS (
	SELECT DISTINCT ON (entered.number) entered.*, entered.named_school AS school, stay.lea, stay.school_year, stay.start_date AS stay_start,
		stay.end_date AS stay_end, stay.last_day
	FROM entered
	CROSS JOIN setting
	JOIN stay ON stay.student_id = entered.student_id AND stay.school_year = setting.this_year
	WHERE (entered.school_unknown OR entered.named_school IS NOT NULL)
		AND NOT EXISTS (SELECT FROM placed WHERE placed.number = entered.number)
		AND stay.start_date <= coalesce(entered.usable_end, 'infinity')
		AND coalesce(stay.end_date, 'infinity') >= coalesce(entered.start_date, setting.today)
	ORDER BY entered.number, stay.start_date DESC
),
located AS (
	SELECT number, source, source_id, site, student_id, code, is_participation, sc, start_date, end_date, start_column, end_column, program_type,
		dwelling_type, unaccompanied, was_unaccompanied, was_runaway, school_unknown, school, lea, stay_start,
		reported_start, reported_end, start_rule, end_rule, false AS is_misplaced
	FROM participation
	UNION ALL
	SELECT number, source, source_id, site, student_id, code, is_participation, sc, start_date, end_date, start_column, end_column, program_type,
		dwelling_type, unaccompanied, was_unaccompanied, was_runaway, school_unknown, school, lea, stay_start,
		reported_start, reported_end, start_rule, end_rule, false
	FROM eligibility
	UNION ALL
	SELECT number, source, source_id, site, student_id, code, is_participation, sc, start_date, end_date, start_column, end_column, program_type,
		dwelling_type, unaccompanied, was_unaccompanied, was_runaway, school_unknown, school, lea, stay_start,
		start_date, end_date, NULL, NULL, true
	FROM misplaced
),
-- The fields that only one program has; PGM.TY holds the code of it [proposal].
detailed AS (
	SELECT located.*,
		CASE WHEN end_date < start_date THEN end_date ELSE reported_end END AS end_to_report,
		CASE WHEN code = '122' THEN calpads.academic_year(reported_start) END AS service_year,
		CASE WHEN code = '122' THEN program_type END AS service,
		CASE WHEN code = '113' THEN program_type END AS academy,
		CASE WHEN code = '135' THEN program_type END AS migrant_student,
		CASE WHEN code = '191' THEN dwelling_type END AS dwelling,
		CASE WHEN code = '191' THEN CASE WHEN was_unaccompanied OR was_runaway THEN 'Y' ELSE unaccompanied END END AS unaccompanied_youth,
		CASE WHEN code = '191' THEN CASE WHEN was_runaway THEN 'Y' ELSE 'N' END END AS runaway_youth
	FROM located
),
-- Records that differ in nothing that is reported are one.
distinct_record AS (
	SELECT DISTINCT ON (student_id, code, school, reported_start, service, end_to_report, academy, migrant_student,
			dwelling, unaccompanied_youth, runaway_youth, school_unknown, is_misplaced)
		detailed.*
	FROM detailed
	ORDER BY student_id, code, school, reported_start, service, end_to_report, academy, migrant_student,
		dwelling, unaccompanied_youth, runaway_youth, school_unknown, is_misplaced, start_date, source, number
),
-- Records of one student, program and school (and service) beside each other.
compared AS (
	SELECT distinct_record.*,
		count(*) OVER (PARTITION BY student_id, code, school, service, reported_start) > 1 AS key_twice,
		end_to_report IS NULL
			AND count(*) FILTER (WHERE end_to_report IS NULL) OVER (PARTITION BY student_id, code, school, service) > 1 AS open_twice,
		is_participation AND coalesce(
			reported_start <= max(coalesce(end_to_report, 'infinity')) OVER (in_order ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
				OR lead(reported_start) OVER in_order <= coalesce(end_to_report, 'infinity'), false) AS overlapping
	FROM distinct_record
	WINDOW in_order AS (PARTITION BY student_id, code, school, service ORDER BY reported_start)
),
record AS (
	SELECT compared.*, person.ssid, person.first_name, person.last_name, person.birth_date, person.gender,
		coalesce(nullif(compared.sc, -1), school_number.sc) AS reported_sc,
		lea IS NULL AS lea_missing,
		start_date IS NULL AS start_missing,
		coalesce(end_date < start_date, false) AS end_impossible,
		-- Language programs are codes since 2019-2020, tribal foster youth since 2020-2021 (GERR0007).
		(SELECT known.first_year FROM calpads.code AS known
			WHERE known.codeset = 'education_program' AND known.code = compared.code
				AND known.first_year > calpads.academic_year(reported_start)) AS first_year_of_program,
		code = '191' AND dwelling IS NULL AS dwelling_missing,
		dwelling IS NOT NULL AND NOT EXISTS (
			SELECT FROM calpads.code AS known
			WHERE known.codeset = 'homeless_dwelling_type' AND known.code = dwelling COLLATE "C") AS dwelling_unknown,
		code = '191' AND coalesce(unaccompanied_youth NOT IN ('Y', 'N'), true) AS unaccompanied_missing,
		code = '122' AND service IS NULL AS service_missing,
		code = '113' AND academy IS NULL AS academy_missing,
		code = '135' AND migrant_student IS NULL AS migrant_missing
	FROM compared
	JOIN person ON person.student_id = compared.student_id
	LEFT JOIN school_number ON school_number.school = compared.school
	OFFSET 0
)
SELECT
	'SPRG' COLLATE "C" AS record_type_code,
	'A' COLLATE "C" AS transaction_type_code,
	concat_ws('-', student_id, school, code, to_char(reported_start::timestamp, 'YYYYMMDD'), service) COLLATE "C" AS local_record_id,
	lea COLLATE "C" AS reporting_lea,
	school COLLATE "C" AS school_of_attendance,
	calpads.academic_year(stay_start) COLLATE "C" AS academic_year_id,
	ssid COLLATE "C" AS ssid,
	student_id::text COLLATE "C" AS local_student_id,
	first_name COLLATE "C" AS student_legal_first_name,
	last_name COLLATE "C" AS student_legal_last_name,
	birth_date AS student_birth_date,
	gender COLLATE "C" AS student_gender_code,
	code COLLATE "C" AS education_program_code,
	-- CALPADS makes it from the program, and ignores what is sent.
	NULL::text COLLATE "C" AS education_program_membership_code,
	reported_start AS education_program_membership_start_date,
	end_to_report AS education_program_membership_end_date,
	service_year COLLATE "C" AS education_service_academic_year,
	service COLLATE "C" AS education_service_code,
	academy COLLATE "C" AS california_partnership_academy_id,
	migrant_student COLLATE "C" AS migrant_student_id,
	NULL::text COLLATE "C" AS filler_1,
	NULL::text COLLATE "C" AS filler_2,
	dwelling COLLATE "C" AS homeless_dwelling_type_code,
	unaccompanied_youth COLLATE "C" AS unaccompanied_youth_indicator,
	runaway_youth COLLATE "C" AS runaway_youth_indicator,
	NULL::text COLLATE "C" AS filler_3,
	student_id,
	reported_sc AS sc,
	source COLLATE "C" AS source,
	source_id,
	start_date AS entered_start,
	end_date AS entered_end,
	nullif(concat_ws(' ', start_rule, CASE WHEN NOT end_impossible THEN end_rule END), '') COLLATE "C" AS date_rule,
	CASE WHEN lea_missing OR school_unknown OR is_misplaced OR start_missing OR end_impossible OR first_year_of_program IS NOT NULL OR dwelling_missing OR dwelling_unknown
			OR unaccompanied_missing OR service_missing OR academy_missing OR migrant_missing OR key_twice OR open_twice OR overlapping
		THEN jsonb_path_query_array(jsonb_build_array(
			CASE WHEN lea_missing THEN calpads.problem('reporting_lea', 'GERR0001', NULL,
				'The county and district code of the reporting LEA is blank.', 'LOC.CC and LOC.DC') END,
			CASE WHEN school_unknown THEN calpads.problem('school_of_attendance', 'IVR0002', coalesce(site, sc::text),
				format('The program record names school %s, which does not exist.', coalesce(site, sc::text)),
				CASE WHEN source = 'ISI' THEN 'calpads.isi_site' ELSE source || '.SCL' END)
			WHEN is_misplaced THEN calpads.problem('school_of_attendance', 'GERR0005', coalesce(site, sc::text),
				format('The program record names school %s, where the student has no enrollment at that time.', coalesce(site, sc::text)),
				CASE WHEN source = 'ISI' THEN 'calpads.isi_program' ELSE source || '.SCL' END || ', or ENR') END,
			CASE WHEN start_missing THEN calpads.problem('education_program_membership_start_date', 'GERR0001', NULL,
				format('The record of program %s has no start date.', code), start_column) END,
			CASE WHEN end_impossible THEN calpads.problem('education_program_membership_end_date', 'PROGRAM_END_BEFORE_START', end_date::text,
				format('The record of program %s ends before it starts.', code), concat_ws(', ', start_column, end_column)) END,
			CASE WHEN first_year_of_program IS NOT NULL THEN calpads.problem('education_program_membership_start_date', 'GERR0007', reported_start::text,
				format('CALPADS has program %s since %s; the record starts before.', code, first_year_of_program), start_column) END,
			CASE WHEN dwelling_missing THEN calpads.problem('homeless_dwelling_type_code', 'GERR0001', NULL,
				'A homeless student''s record needs the dwelling type.', 'PGM.HDT')
			WHEN dwelling_unknown THEN calpads.problem('homeless_dwelling_type_code', 'GERR0002', dwelling,
				format('The dwelling type %s is none of CALPADS.', dwelling), 'PGM.HDT') END,
			CASE WHEN unaccompanied_missing THEN calpads.problem('unaccompanied_youth_indicator', 'GERR0001', unaccompanied,
				'A homeless student''s record needs to say whether the student is unaccompanied (Y or N).', 'PGM.UY') END,
			CASE WHEN service_missing THEN calpads.problem('education_service_code', 'SPRG0081', NULL,
				'A record of program 122 needs the service.', 'PGM.TY') END,
			CASE WHEN academy_missing THEN calpads.problem('california_partnership_academy_id', 'GERR0001', NULL,
				'A record of program 113 needs the number of the academy.', 'PGM.TY') END,
			CASE WHEN migrant_missing THEN calpads.problem('migrant_student_id', 'SPRG0253', NULL,
				'A record of program 135 needs the migrant student ID.', 'PGM.TY') END,
			-- One of the three says it all.
			CASE WHEN key_twice THEN calpads.problem('education_program_membership_start_date', 'SPRG0249', reported_start::text,
				format('Two records of program %s start on the same day at the same school.', code), concat_ws(', ', start_column, end_column))
			WHEN overlapping THEN calpads.problem('education_program_membership_start_date', 'SPRG0070', reported_start::text,
				format('Two records of program %s overlap at the same school.', code), concat_ws(', ', start_column, end_column))
			WHEN open_twice THEN calpads.problem('education_program_membership_end_date', 'PROGRAM_OPEN_TWICE', NULL,
				format('Two records of program %s are open at the same school.', code), end_column) END
		), '$[*] ? (@ != null)') END AS problems
FROM record
$view$;
$function$;
COMMENT ON FUNCTION calpads.sprg_mapping_view() IS 'definition of the mapping view sprg, for calpads.mapping_view()';

-- ---------------------------------------------------------------------------
-- 4a. English language acquisition (SELA) in the SIS
-- ---------------------------------------------------------------------------

/* The definition of the mapping view sela: a row of calpads.mapping_view(). */
CREATE FUNCTION calpads.sela_mapping_view() RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $function$
SELECT $view$
/*
 * SELA as the SIS sees it: one row for each student of whom CALPADS expects
 * a status this school year.  Sections are those of spec/sinf_sela_sprg.md,
 * unless they are of spec/aeries_logic.md (there: SIS).
 *
 * Newest enrollment that counts -> STU row of that school and LAC
 *   -> status, date by the status, language -> record.
 */
WITH setting AS MATERIALIZED (
	SELECT calpads.today() AS today, calpads.school_year_start(calpads.today()) AS this_year,
		calpads.academic_year(calpads.today()) AS academic_year
),
school AS MATERIALIZED (
	SELECT sc, cds_school COLLATE "C" AS cds_school FROM calpads.school_list(@schema_literal@)
),
code_map AS MATERIALIZED (
	SELECT jsonb_object_agg(local_code, code) FILTER (WHERE local_set = 'STU.LF') AS status,
		jsonb_object_agg(local_code, lower(code)) FILTER (WHERE local_set = 'STU.HL') AS language
	FROM calpads.code_translation(@schema_literal@)
),
-- Two digits until 2022-23, three letters since (section 3.1).
language_successor AS MATERIALIZED (
	SELECT jsonb_object_agg(code1, code2) AS code FROM calpads.valid_combination WHERE name = 'language_successor'
),
known_code AS MATERIALIZED (
	SELECT array_agg(code) FILTER (WHERE codeset = 'elas') AS statuses, array_agg(code) FILTER (WHERE codeset = 'language') AS languages
	FROM calpads.code
	WHERE codeset IN ('elas', 'language')
),
-- A no-show was never there.
reported AS MATERIALIZED (
	SELECT * FROM calpads.reported_enrollments(@schema_literal@) WHERE exit_reason IS DISTINCT FROM 'N470'
),
enrolled AS MATERIALIZED (
	SELECT student_id, lea, range_agg(daterange(start_date, exit_date, '[]')) AS days
	FROM reported
	WHERE status IN ('10', '30') AND coalesce(exit_date >= start_date, true)
	GROUP BY student_id, lea
),
/*
 * Section 3.1: statuses 10 and 30, TK to 12, not pupils of private schools.
 * The enrollment of today goes before one that ended, and that before one to
 * come.
 */
enrollment AS MATERIALIZED (
	SELECT DISTINCT ON (reported.student_id) reported.*
	FROM reported
	CROSS JOIN setting
	WHERE calpads.is_sela_expected(reported.status, reported.grade, reported.school)
		AND calpads.school_year_start(reported.start_date) = setting.this_year
	ORDER BY reported.student_id, reported.start_date <= setting.today DESC,
		coalesce(reported.exit_date >= setting.today, true) DESC, reported.start_date DESC, reported.status, reported.school COLLATE "C"
),
-- The STU row of the reported school, else the one that describes today best.
student AS MATERIALIZED (
	SELECT DISTINCT ON (stu.id) stu.id, stu.sc,
		nullif(upper(btrim(stu.lf::text) COLLATE "C"), '') AS local_status,
		nullif(btrim(stu.hl::text) COLLATE "C", '') AS local_language,
		stu.dd::date AS district_entry, stu.ed::date AS school_entry
	FROM @schema@.stu
	JOIN enrollment ON enrollment.student_id = stu.id
	LEFT JOIN school ON school.sc = coalesce(nullif(stu.hs, 0), stu.sc)
	WHERE stu.del IS NOT TRUE
	ORDER BY stu.id, school.cds_school = enrollment.school COLLATE "C" DESC NULLS LAST, coalesce(btrim(stu.tg::text), '') <> '',
		stu.ed DESC NULLS LAST, stu.sc, stu.sn
),
-- One row for each student; of several the one whose record has not ended.
language_assessment AS MATERIALIZED (
	SELECT DISTINCT ON (lac.id) lac.id, lac.sts::date AS california_start, lac.uss::date AS us_start, lac.sd::date AS learner_start,
		lac.rd1::date AS redesignated, lac.ifd::date AS fluent_start, lac.aes::date AS adult_start
	FROM @schema@.lac
	WHERE lac.del IS NOT TRUE
	ORDER BY lac.id, lac.ed DESC NULLS FIRST, lac.ead DESC NULLS LAST
),
local_record AS (
	SELECT enrollment.*, enrolled.days AS enrolled_days, student.sc, student.local_status, student.local_language, student.district_entry, student.school_entry,
		assessment.california_start, assessment.us_start, assessment.learner_start, assessment.redesignated, assessment.fluent_start,
		assessment.adult_start,
		coalesce(code_map.status ->> student.local_status, student.local_status) COLLATE "C" AS status_code,
		-- A language that is translated, or is a code of CALPADS; old codes by their successor.
		coalesce(code_map.language ->> upper(student.local_language), lower(student.local_language)) COLLATE "C" AS language_found,
		code_map.language IS NOT NULL AND code_map.language ->> upper(student.local_language) IS NULL AS language_not_translated
	FROM enrollment
	CROSS JOIN code_map
	JOIN student ON student.id = enrollment.student_id
	LEFT JOIN enrolled ON enrolled.student_id = enrollment.student_id AND enrolled.lea = enrollment.lea
	LEFT JOIN language_assessment AS assessment ON assessment.id = enrollment.student_id
	OFFSET 0
),
/*
 * SIS section 8.4: each status has its date.  EO and TBD take the first that is
 * filled of four [proposal: in this order], and, without any, the first day of
 * the enrollment.
 */
dated AS (
	SELECT local_record.*,
		CASE status_code
			WHEN 'RFEP' THEN redesignated
			WHEN 'EL' THEN learner_start
			WHEN 'IFEP' THEN fluent_start
			WHEN 'ADEL' THEN adult_start
			ELSE coalesce(california_start, us_start, district_entry, school_entry, start_date)
		END AS entered_date,
		CASE status_code
			WHEN 'RFEP' THEN 'LAC.RD1'
			WHEN 'EL' THEN 'LAC.SD'
			WHEN 'IFEP' THEN 'LAC.IFD'
			WHEN 'ADEL' THEN 'LAC.AES'
			ELSE CASE
				WHEN california_start IS NOT NULL THEN 'LAC.STS'
				WHEN us_start IS NOT NULL THEN 'LAC.USS'
				WHEN district_entry IS NOT NULL THEN 'STU.DD'
				WHEN school_entry IS NOT NULL THEN 'STU.ED'
				ELSE 'ENR.ED'
			END
		END AS date_source,
		coalesce(language_successor.code ->> language_found, language_found) COLLATE "C" AS language,
		language_not_translated AND language_found <> ALL (known_code.languages) AS language_unknown,
		status_code <> ALL (known_code.statuses) AS status_unknown,
		status_code = ANY (known_code.statuses) AS status_known,
		-- EL and IFEP come from the test vendor: nothing of them is sent, so nothing is wrong.
		status_code NOT IN ('EL', 'IFEP') AS is_sent
	FROM local_record
	CROSS JOIN language_successor
	CROSS JOIN known_code
	OFFSET 0
),
record AS (
	SELECT dated.*,
		-- Section 3.1: TBD is never in the future.
		CASE WHEN status_code = 'TBD' THEN least(entered_date, (SELECT today FROM setting))
			WHEN status_known THEN entered_date END AS status_start,
		ssid !~ '^[0-9]{10}$' AS ssid_malformed,
		is_sent AND status_known AND entered_date IS NULL AS date_missing,
		is_sent AND status_known AND language IS NULL AS language_missing,
		is_sent AND (language_unknown OR language !~ '^[a-z]{3}$') AS language_bad,
		is_sent AND status_code = 'EO' AND language NOT IN ('eng', 'ase') AS language_not_english,
		is_sent AND status_code <> 'EO' AND language IN ('eng', 'ase') AS language_english
	FROM dated
	OFFSET 0
)
SELECT
	'SELA' COLLATE "C" AS record_type_code,
	'A' COLLATE "C" AS transaction_type_code,
	concat_ws('-', student_id, status_code) COLLATE "C" AS local_record_id,
	lea COLLATE "C" AS reporting_lea,
	school COLLATE "C" AS school_of_attendance,
	(SELECT academic_year FROM setting) COLLATE "C" AS academic_year_id,
	ssid COLLATE "C" AS ssid,
	first_name COLLATE "C" AS student_legal_first_name,
	last_name COLLATE "C" AS student_legal_last_name,
	birth_date AS student_birth_date,
	gender COLLATE "C" AS student_gender_code,
	student_id::text COLLATE "C" AS local_student_id,
	status_code AS english_language_acquisition_status_code,
	status_start AS english_language_acquisition_status_start_date,
	language AS primary_language_code,
	-- Corrections with a reason are made online (section 3.1).
	NULL::text COLLATE "C" AS correction_reason_code,
	student_id,
	sc,
	local_status,
	local_language,
	CASE WHEN status_start IS NOT NULL THEN date_source END COLLATE "C" AS date_source,
	CASE
		WHEN status_start IS NULL THEN NULL
		WHEN status_start < entered_date THEN 'TBD is not dated in the future: the day of today stands in.'
		WHEN date_source = 'ENR.ED' THEN 'None of LAC.STS, LAC.USS, STU.DD and STU.ED is filled: the first day of the enrollment.'
		WHEN status_code IN ('EO', 'TBD') THEN 'The first of LAC.STS, LAC.USS, STU.DD and STU.ED that is filled.'
		ELSE format('The date of status %s.', status_code)
	END COLLATE "C" AS date_rule,
	-- The days on which the start of a status can lie (GERR0005).
	enrolled_days,
	CASE WHEN lea IS NULL OR ssid_malformed OR local_status IS NULL OR status_unknown OR date_missing OR language_missing
			OR language_bad OR language_not_english OR language_english
		THEN jsonb_path_query_array(jsonb_build_array(
			CASE WHEN lea IS NULL THEN calpads.problem('reporting_lea', 'GERR0001', NULL,
				'The county and district code of the reporting LEA is blank.', 'LOC.CC and LOC.DC') END,
			CASE WHEN ssid_malformed THEN calpads.problem('ssid', 'IVR0007', ssid,
				'The SSID does not have ten digits.', 'STU.CID') END,
			CASE WHEN local_status IS NULL THEN calpads.problem('english_language_acquisition_status_code', 'GERR0001', NULL,
				'The student has no language fluency, and CALPADS expects a status.', 'STU.LF')
			WHEN status_unknown THEN calpads.problem('english_language_acquisition_status_code', 'GERR0002', local_status,
				format('The language fluency %s has no translation to a status of CALPADS.', local_status),
				'XRF: code translations STU.LF, or STU.LF') END,
			CASE WHEN date_missing THEN calpads.problem('english_language_acquisition_status_start_date', 'GERR0001', NULL,
				format('The student is %s, but the date of it is blank.', status_code), date_source) END,
			CASE WHEN language_missing THEN calpads.problem('primary_language_code', 'GERR0001', NULL,
				'The student has no reporting language, and CALPADS requires one from TK to grade 12.', 'STU.HL')
			WHEN language_bad THEN calpads.problem('primary_language_code', 'GERR0002', local_language,
				format('The language %s has no translation to a three-letter code of CALPADS.', local_language),
				'XRF: code translations STU.HL, or STU.HL')
			WHEN language_not_english THEN calpads.problem('primary_language_code', 'SELA0322', local_language,
				'The status is English only, but the language is neither English nor American Sign Language.', 'STU.LF or STU.HL')
			WHEN language_english THEN calpads.problem('primary_language_code', 'SELA0280', local_language,
				format('The language is English or American Sign Language, but the status is %s, not English only.', status_code),
				'STU.LF or STU.HL') END
		), '$[*] ? (@ != null)') END AS problems
FROM record
$view$;
$function$;
COMMENT ON FUNCTION calpads.sela_mapping_view() IS 'definition of the mapping view sela, for calpads.mapping_view()';

/*
 * Does CALPADS expect a status of a student with such an enrollment?  Primary
 * and short-term enrollments, not infants to preschool nor adults (SELA0301),
 * not pupils of private schools (spec/sinf_sela_sprg.md section 3.1).
 */
CREATE FUNCTION calpads.is_sela_expected(status text, grade text, school text) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN coalesce(status, '') IN ('10', '30') AND coalesce(grade, '') NOT IN ('IN', 'TD', 'PS', 'AD')
		AND coalesce(school, '') <> '0000002';
COMMENT ON FUNCTION calpads.is_sela_expected(text, text, text) IS
	'does CALPADS expect a language status for an enrollment of that status and grade at that school?';

-- ---------------------------------------------------------------------------
-- 4b. The change log of the SIS, and student information (SINF) in the SIS
-- ---------------------------------------------------------------------------

CREATE FUNCTION calpads.log_change() RETURNS trigger
	LANGUAGE c
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'calpads_log_change';
COMMENT ON FUNCTION calpads.log_change() IS
	'trigger: what a statement changed in the columns of calpads.logged_field goes into the tables lgd and adh of the same '
	'schema, with old and new value, calpads.today() as effective date, and the user of the session. It writes with the rights '
	'of the owner of the table that changed. Rows that come are logged once SINF was posted or its ODS extract loaded';

/*
 * Transition tables allow one event a trigger.  The partitions have triggers
 * of their own, because a statement trigger is that of the table that the
 * statement names.
 */
CREATE FUNCTION calpads.make_log_triggers(relation regclass, table_name text) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	part regclass;
BEGIN
	IF NOT EXISTS (SELECT FROM calpads.logged_field f WHERE f.table_name = make_log_triggers.table_name) THEN
		RETURN;
	END IF;
	FOR part IN SELECT relation UNION SELECT tree.relid FROM pg_partition_tree(relation) AS tree LOOP
		EXECUTE format('CREATE TRIGGER calpads_log_insert AFTER INSERT ON %s REFERENCING NEW TABLE AS new_row '
			'FOR EACH STATEMENT EXECUTE FUNCTION calpads.log_change(%L)', part, table_name);
		EXECUTE format('CREATE TRIGGER calpads_log_update AFTER UPDATE ON %s REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row '
			'FOR EACH STATEMENT EXECUTE FUNCTION calpads.log_change(%L)', part, table_name);
		EXECUTE format('CREATE TRIGGER calpads_log_delete AFTER DELETE ON %s REFERENCING OLD TABLE AS old_row '
			'FOR EACH STATEMENT EXECUTE FUNCTION calpads.log_change(%L)', part, table_name);
	END LOOP;
END;
$$;
COMMENT ON FUNCTION calpads.make_log_triggers(regclass, text) IS
	'puts the triggers of the change log on a table and its partitions; part of create_sis_schema() and log_changes()';

CREATE FUNCTION calpads.unlogged_tables(schema_name text, OUT relation regclass, OUT table_name text, OUT obstacle text)
	RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.oid::regclass, c.relname::text,
		CASE WHEN c.relkind IN ('r', 'p')
			THEN format('not kept: the table was there before; calpads.log_changes(%L) makes its triggers', c.relname)
			ELSE format('not kept: it is a %s, which can have no such triggers; its own system has to fill LGD and ADH',
				CASE c.relkind WHEN 'f' THEN 'foreign table' WHEN 'm' THEN 'materialized view' ELSE 'view' END) END
	FROM pg_class c
	WHERE c.relnamespace = to_regnamespace(quote_ident(schema_name))
		AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
		AND c.relname IN (SELECT f.table_name FROM calpads.logged_field f)
		AND NOT EXISTS (SELECT FROM pg_trigger t
			WHERE t.tgrelid = c.oid AND t.tgfoid = 'calpads.log_change()'::regprocedure)
$$;
COMMENT ON FUNCTION calpads.unlogged_tables(text) IS 'tables of a SIS schema whose changes are not logged, and why';

CREATE FUNCTION calpads.log_changes(table_name text, schema text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found record;
BEGIN
	SELECT t.* INTO found
	FROM calpads.unlogged_tables(coalesce(schema, calpads.setting('sis_schema'))) t
	WHERE t.table_name = log_changes.table_name;
	IF found.relation IS NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'undefined_object',
			MESSAGE = format('there is no table %L whose changes are to be logged and are not', table_name),
			HINT = 'calpads.logged_field names the tables, calpads.unlogged_tables() those without a log.';
	ELSIF found.obstacle NOT LIKE '%log_changes%' THEN
		RAISE EXCEPTION USING
			ERRCODE = 'wrong_object_type',
			MESSAGE = format('changes of %s cannot be logged', found.relation),
			DETAIL = 'Triggers of statements with their rows are for tables only.';
	END IF;
	PERFORM calpads.make_log_triggers(found.relation, table_name);
END;
$$;
COMMENT ON FUNCTION calpads.log_changes(text, text) IS
	'logs the changes of a district''s own table of the SIS schema (null: that of the setting calpads.sis_schema) from now on';

/*
 * The enrollments of the view senr with the person's fields, from which SINF
 * takes names, birth and gender: translated, and with what is wrong with them.
 * Of a district's own view no more is asked than the fields of the layout.
 */
CREATE FUNCTION calpads.sinf_enrollments(schema_name text)
	RETURNS TABLE (student_id integer, sc integer, lea text, school text, ssid text,
		first_name text, middle_name text, last_name text, suffix text,
		alias_first_name text, alias_middle_name text, alias_last_name text,
		birth_date date, gender text, birth_city text, birth_state text, birth_country text,
		start_date date, exit_date date, exit_reason text, status text, problems jsonb)
	LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100000
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	view_name text := calpads.sis_table_name(schema_name, 'senr');
	own_columns text[];
BEGIN
	SELECT array_agg(a.attname::text) INTO own_columns
	FROM pg_attribute a
	WHERE a.attrelid = view_name::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attname IN ('sc', 'problems');
	RETURN QUERY EXECUTE format($query$
		SELECT p.local_student_id::integer, %s, btrim(p.reporting_lea::text), btrim(p.school_of_attendance::text), btrim(p.ssid::text),
			p.student_legal_first_name::text, p.student_legal_middle_name::text, p.student_legal_last_name::text,
			p.student_legal_name_suffix_code::text, p.student_alias_first_name::text, p.student_alias_middle_name::text,
			p.student_alias_last_name::text, p.student_birth_date::date, p.student_gender_code::text,
			p.student_birth_city::text, p.student_birth_state_province_code::text, p.student_birth_country_code::text,
			p.enrollment_start_date::date, p.enrollment_exit_date::date, p.student_exit_reason_code::text,
			p.enrollment_status_code::text, %s
		FROM %s AS p
		WHERE p.local_student_id ~ '^[0-9]{1,9}$' AND p.enrollment_start_date IS NOT NULL
		$query$,
		CASE WHEN 'sc' = ANY (own_columns) THEN 'p.sc::integer' ELSE 'NULL::integer' END,
		CASE WHEN 'problems' = ANY (own_columns) THEN 'p.problems::jsonb' ELSE 'NULL::jsonb' END,
		view_name);
END;
$$;
COMMENT ON FUNCTION calpads.sinf_enrollments(text) IS
	'enrollments with the person, as the view senr of a SIS schema (null: the schema of the setting) reports them';

/* The definition of the mapping view guardian: a row of calpads.mapping_view(). */
CREATE FUNCTION calpads.guardian_mapping_view() RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $function$
SELECT $view$
/*
 * Which contacts are parent or guardian 1 and 2 (spec/aeries_logic.md section
 * 8.2): contacts that one of the flags of calpads.guardian_flags, or a record
 * type of calpads.guardian_codes, marks, in the order of CON.OR, the first two
 * [proposal].  A marked contact without a first name keeps its place, so that
 * it is mended instead of another person being reported.
 */
WITH setting AS MATERIALIZED (
	SELECT regexp_split_to_array(lower(btrim(calpads.setting('guardian_flags'))), '\s*,\s*') AS flags,
		regexp_split_to_array(upper(btrim(calpads.setting('guardian_codes'))), '\s*,\s*') AS codes
),
level AS MATERIALIZED (
	SELECT jsonb_object_agg(local_code, code) AS code, coalesce(bool_or(is_translation), false) AS is_translated
	FROM calpads.code_translation(@schema_literal@)
	WHERE local_set = 'CON.ELV'
),
contact AS (
	SELECT con.pid AS student_id, con.sq, con."or" AS contact_order,
		nullif(btrim(con.fn::text), '') COLLATE "C" AS first_name,
		nullif(btrim(con.ln::text), '') COLLATE "C" AS last_name,
		nullif(upper(btrim(con.elv::text)), '') COLLATE "C" AS local_level,
		nullif(upper(btrim(con.cd::text)), '') COLLATE "C" AS record_type,
		CASE
			WHEN upper(btrim(con.cd::text)) <> '' AND upper(btrim(con.cd::text)) = ANY ((SELECT codes FROM setting)::text[])
				THEN 'record type ' || upper(btrim(con.cd::text))
			WHEN upper(btrim(con.erh::text)) = 'Y' AND 'erh' = ANY ((SELECT flags FROM setting)::text[]) THEN 'educational rights holder'
			WHEN upper(btrim(con.lw::text)) = 'Y' AND 'lw' = ANY ((SELECT flags FROM setting)::text[]) THEN 'lives with the student'
			WHEN upper(btrim(con.pc::text)) = 'Y' AND 'pc' = ANY ((SELECT flags FROM setting)::text[]) THEN 'primary contact'
			WHEN upper(btrim(con.ap::text)) = 'Y' AND 'ap' = ANY ((SELECT flags FROM setting)::text[]) THEN 'has access to the portal'
		END AS mark
	FROM @schema@.con
	WHERE con.del IS NOT TRUE
),
ranked AS (
	SELECT contact.*,
		CASE WHEN mark IS NOT NULL AND (first_name IS NOT NULL OR last_name IS NOT NULL) THEN
			row_number() OVER (PARTITION BY student_id, mark IS NOT NULL AND (first_name IS NOT NULL OR last_name IS NOT NULL)
				ORDER BY contact_order NULLS LAST, sq NULLS LAST, last_name, first_name) END AS place
	FROM contact
)
SELECT student_id, CASE WHEN place <= 2 THEN place::integer END AS guardian,
	sq::integer AS sq, contact_order::integer AS contact_order, first_name, last_name,
	coalesce((SELECT code FROM level) ->> local_level, local_level) COLLATE "C" AS education_level,
	local_level IS NOT NULL AND (SELECT is_translated FROM level) AND NOT coalesce((SELECT code FROM level) ? local_level, false)
		AS level_unknown,
	(CASE
		WHEN mark IS NULL THEN 'No: no flag and no record type marks the contact as parent or guardian.'
		WHEN place IS NULL THEN 'No: the contact has no name.'
		WHEN place > 2 THEN format('No: number %s of the marked contacts in the order of CON.OR; two are reported.', place)
		ELSE format('Guardian %s: %s, number %s in the order of CON.OR.', place, mark, place) END) COLLATE "C" AS why
FROM ranked
$view$;
$function$;
COMMENT ON FUNCTION calpads.guardian_mapping_view() IS 'definition of the mapping view guardian, for calpads.mapping_view()';

/* The definition of the mapping view sinf: a row of calpads.mapping_view(). */
CREATE FUNCTION calpads.sinf_mapping_view() RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $function$
SELECT $view$
/*
 * SINF as the SIS sees it today: each student once, valid from the start of
 * the newest enrollment.  Sections are those of spec/aeries_logic.md.
 *
 * Names, birth and gender are those of the view senr; race, address and
 * language dates are those of STU, LAC and SSD; guardians those of the view
 * guardian.
 */
WITH setting AS MATERIALIZED (
	SELECT calpads.today() AS today,
		regexp_split_to_array(upper(btrim(calpads.setting('race_blank_codes'))), '\s*,\s*') AS blank_races,
		btrim(calpads.setting('race_blank_codes')) <> '' AS race_blank_is_said
),
-- States of birth that are known, and each with its country.
state_country AS MATERIALIZED (
	SELECT jsonb_object_agg(code1, true) AS states, jsonb_object_agg(code1 || ' ' || code2, true) AS pairs
	FROM calpads.valid_combination CROSS JOIN setting
	WHERE name = 'state_country' AND coalesce(first_year <= calpads.academic_year(setting.today), true)
		AND coalesce(last_year >= calpads.academic_year(setting.today), true)
),
translation AS MATERIALIZED (
	SELECT local_set, local_code COLLATE "C" AS local_code, code COLLATE "C" AS code, is_translation
	FROM calpads.code_translation(@schema_literal@)
	WHERE local_set IN ('STU.RC1', 'STU.ST', 'STU.BST', 'STU.ETH')
),
code_map AS MATERIALIZED (
	SELECT jsonb_object_agg(local_code, code) FILTER (WHERE local_set = 'STU.RC1') AS race,
		-- States of addresses are those of births where they have no rows of their own.
		coalesce(jsonb_object_agg(local_code, code) FILTER (WHERE local_set = 'STU.BST'), '{}')
			|| coalesce(jsonb_object_agg(local_code, code) FILTER (WHERE local_set = 'STU.ST' AND is_translation), '{}') AS state,
		jsonb_object_agg(local_code, code) FILTER (WHERE local_set = 'STU.ETH') AS ethnicity
	FROM translation
),
enrollment AS MATERIALIZED (
	SELECT enrollments.*, coalesce(exit_date >= today, true) AND start_date <= today AS is_open, start_date > today AS is_future
	FROM calpads.sinf_enrollments(@schema_literal@) AS enrollments
	CROSS JOIN setting
	-- A no-show was never there.
	WHERE exit_reason IS DISTINCT FROM 'N470' AND coalesce(exit_date >= start_date, true)
),
-- The open enrollment, a primary one rather than a secondary one; else the last.
newest AS (
	SELECT DISTINCT ON (student_id) *
	FROM enrollment
	ORDER BY student_id, is_future, is_open DESC, CASE WHEN is_open THEN status = '20' END,
		CASE WHEN is_future THEN start_date END, start_date DESC, status, school
),
-- The STU row of that school, else of the student.
local AS (
	SELECT DISTINCT ON (newest.student_id) newest.*,
		nullif(upper(btrim(stu.eth::text)), '') COLLATE "C" AS local_ethnicity,
		ARRAY[upper(btrim(stu.rc1::text)), upper(btrim(stu.rc2::text)), upper(btrim(stu.rc3::text)),
			upper(btrim(stu.rc4::text)), upper(btrim(stu.rc5::text))] AS local_races,
		nullif(btrim(stu.ad::text), '') COLLATE "C" AS street,
		nullif(btrim(stu.cy::text), '') COLLATE "C" AS city,
		nullif(upper(btrim(stu.st::text)), '') COLLATE "C" AS local_state,
		nullif(btrim(stu.zc::text), '') COLLATE "C" AS zip,
		nullif(btrim(stu.zx::text), '') COLLATE "C" AS zip_extension
	FROM newest
	LEFT JOIN @schema@.stu ON stu.id = newest.student_id AND stu.del IS NOT TRUE
	ORDER BY newest.student_id, stu.sc = newest.sc DESC NULLS LAST, coalesce(btrim(stu.tg::text), '') <> '',
		stu.ed DESC NULLS LAST, stu.sc, stu.sn
),
us_school AS MATERIALIZED (
	SELECT lac.id, min(lac.uss)::date AS first_day FROM @schema@.lac WHERE lac.del IS NOT TRUE GROUP BY lac.id
),
less_than_three_years AS MATERIALIZED (
	SELECT ssd.id, max(upper(btrim(ssd.sus::text))) AS indicator
	FROM @schema@.ssd WHERE btrim(ssd.sus::text) <> '' GROUP BY ssd.id
),
guardian AS MATERIALIZED (
	SELECT student_id,
		max(first_name) FILTER (WHERE guardian = 1) AS first_name_1, max(last_name) FILTER (WHERE guardian = 1) AS last_name_1,
		max(education_level) FILTER (WHERE guardian = 1) AS level_1, bool_or(level_unknown) FILTER (WHERE guardian = 1) AS level_1_unknown,
		max(first_name) FILTER (WHERE guardian = 2) AS first_name_2, max(last_name) FILTER (WHERE guardian = 2) AS last_name_2,
		max(education_level) FILTER (WHERE guardian = 2) AS level_2, bool_or(level_unknown) FILTER (WHERE guardian = 2) AS level_2_unknown
	FROM @schema@.guardian
	WHERE guardian IS NOT NULL
	GROUP BY student_id
),
-- Five places; no code twice and no gap.  Students have few different races.
race AS MATERIALIZED (
	SELECT combination.local_races, entered.codes, entered.unknown, entered.is_blank_on_purpose
	FROM (SELECT DISTINCT local_races FROM local) AS combination
	CROSS JOIN LATERAL (
		SELECT array_agg(code ORDER BY place) FILTER (WHERE code IS NOT NULL AND is_first) AS codes,
			min(local) FILTER (WHERE code IS NULL AND NOT is_blank) AS unknown,
			coalesce(bool_or(is_blank), false) AS is_blank_on_purpose
		FROM (
			SELECT meaning.*, row_number() OVER (PARTITION BY code ORDER BY place) = 1 AS is_first
			FROM (
				SELECT single.place, single.local, blank.is_blank,
					CASE WHEN NOT blank.is_blank THEN (SELECT race FROM code_map) ->> single.local END AS code
				FROM unnest(combination.local_races) WITH ORDINALITY AS single (local, place)
				-- 999 is declined to state, a code of former years.
				CROSS JOIN LATERAL (SELECT single.local = '999' OR single.local = ANY ((SELECT blank_races FROM setting)::text[]) AS is_blank) AS blank
				WHERE single.local <> '') AS meaning) AS placed) AS entered
),
coded AS (
	SELECT local.*, us_school.first_day AS us_first_day,
		race.codes AS races, race.unknown AS unknown_race,
		race.is_blank_on_purpose,
		/* CALPADS has Y and N; Z says that the family declined, and so does nothing at all. */
		CASE WHEN (SELECT ethnicity FROM code_map) ->> local_ethnicity IN ('Y', 'N') THEN (SELECT ethnicity FROM code_map) ->> local_ethnicity
			END AS hispanic,
		local_ethnicity <> 'Z' AND NOT coalesce((SELECT ethnicity FROM code_map) ? local_ethnicity, false) AS ethnicity_unknown,
		coalesce((SELECT state FROM code_map) ->> local_state, (SELECT state FROM code_map) ->> ('US-' || local_state), local_state)
			COLLATE "C" AS state,
		zip || coalesce('-' || zip_extension, '') AS zip_code,
		-- Three years after the first day in a US school, where nobody says it [proposal].
		coalesce(nullif(less_than_three_years.indicator, ''),
			CASE WHEN birth_country NOT IN ('US', 'PR', 'UU') THEN
				CASE WHEN us_school.first_day + interval '3 years' > start_date THEN 'Y'
					WHEN us_school.first_day IS NOT NULL THEN 'N' END END) AS short_time,
		guardian.first_name_1, guardian.last_name_1, guardian.level_1, coalesce(guardian.level_1_unknown, false) AS level_1_unknown,
		guardian.first_name_2, guardian.last_name_2, guardian.level_2, coalesce(guardian.level_2_unknown, false) AS level_2_unknown,
		count(*) OVER (PARTITION BY local.ssid) > 1 AS ssid_twice
	FROM local
	LEFT JOIN us_school ON us_school.id = local.student_id
	LEFT JOIN less_than_three_years ON less_than_three_years.id = local.student_id
	LEFT JOIN guardian ON guardian.student_id = local.student_id
	LEFT JOIN race ON race.local_races = local.local_races
	OFFSET 0
),
record AS (
	SELECT coded.*,
		num_nonnulls(street, city, local_state, zip) NOT IN (0, 4) AS address_incomplete,
		num_nonnulls(first_name_1, last_name_1, level_1) NOT IN (0, 3) AS guardian_1_incomplete,
		num_nonnulls(first_name_2, last_name_2) = 1 OR (level_2 IS NOT NULL AND first_name_2 IS NULL) AS guardian_2_incomplete,
		races IS NULL AND unknown_race IS NULL AND NOT is_blank_on_purpose AND (SELECT race_blank_is_said FROM setting) AS race_missing,
		birth_country NOT IN ('US', 'PR', 'UU') AND short_time IS NULL AS short_time_missing,
		short_time NOT IN ('Y', 'N') AS short_time_unknown,
		birth_date >= start_date AS born_late,
		us_first_day < birth_date + interval '4 years' AS school_early,
		us_first_day > (SELECT today FROM setting) + interval '6 months' AS school_late,
		ssid !~ '^[0-9]{10}$' AS ssid_malformed,
		(SELECT states FROM state_country) ? birth_state AND NOT (SELECT pairs FROM state_country) ? (birth_state || ' ' || birth_country) AS birth_state_odd,
		-- IVR0009; letters of other languages and the blank are not refused [proposal].
		concat(first_name, middle_name, last_name) ~ '[]!"#$%&()*+,/:;<=>?@\\[^_`{|}~]' AS name_odd,
		concat(alias_first_name, alias_middle_name, alias_last_name, first_name_1, last_name_1, first_name_2, last_name_2)
			~ '[]!"#$%&()*+,/:;<=>?@\\[^_`{|}~]' AS other_name_odd,
		jsonb_path_query_array(problems, '$[*] ? (@.field == "reporting_lea" || @.field starts with "student_legal_"
			|| @.field starts with "student_birth_" || @.field == "student_gender_code")') AS person_problems
	FROM coded
	OFFSET 0
)
SELECT
	'SINF' COLLATE "C" AS record_type_code,
	'A' COLLATE "C" AS transaction_type_code,
	(student_id || '-' || school || '-' || to_char(start_date::timestamp, 'YYYYMMDD')) COLLATE "C" AS local_record_id,
	start_date AS effective_start_date,
	NULL::date AS effective_end_date,
	lea COLLATE "C" AS reporting_lea,
	school COLLATE "C" AS school_of_attendance,
	calpads.academic_year(start_date) COLLATE "C" AS academic_year_id,
	ssid COLLATE "C" AS ssid,
	student_id::text COLLATE "C" AS local_student_id,
	first_name COLLATE "C" AS student_legal_first_name,
	middle_name COLLATE "C" AS student_legal_middle_name,
	last_name COLLATE "C" AS student_legal_last_name,
	suffix COLLATE "C" AS student_legal_name_suffix_code,
	alias_first_name COLLATE "C" AS student_alias_first_name,
	alias_middle_name COLLATE "C" AS student_alias_middle_name,
	alias_last_name COLLATE "C" AS student_alias_last_name,
	birth_date AS student_birth_date,
	gender COLLATE "C" AS student_gender_code,
	birth_city COLLATE "C" AS student_birth_city,
	birth_state COLLATE "C" AS student_birth_state_province_code,
	birth_country COLLATE "C" AS student_birth_country_code,
	hispanic COLLATE "C" AS student_hispanic_ethnicity_indicator,
	CASE WHEN hispanic IS NULL THEN 'Y' END COLLATE "C" AS student_ethnicity_missing_indicator,
	races[1] COLLATE "C" AS student_race_1_code,
	races[2] COLLATE "C" AS student_race_2_code,
	races[3] COLLATE "C" AS student_race_3_code,
	races[4] COLLATE "C" AS student_race_4_code,
	races[5] COLLATE "C" AS student_race_5_code,
	CASE WHEN races IS NULL THEN 'Y' END COLLATE "C" AS student_race_missing_indicator,
	street COLLATE "C" AS address_line_1,
	NULL::text COLLATE "C" AS address_line_2,
	city COLLATE "C" AS address_city_name,
	state COLLATE "C" AS address_state_province_code,
	zip_code COLLATE "C" AS address_zip_code,
	us_first_day AS student_initial_us_school_enrollment_date_k12,
	short_time COLLATE "C" AS us_school_less_than_three_years_indicator,
	level_1 COLLATE "C" AS parent_guardian_1_highest_education_level_code,
	first_name_1 COLLATE "C" AS parent_guardian_1_first_name,
	last_name_1 COLLATE "C" AS parent_guardian_1_last_name,
	first_name_2 COLLATE "C" AS parent_guardian_2_first_name,
	last_name_2 COLLATE "C" AS parent_guardian_2_last_name,
	level_2 COLLATE "C" AS parent_guardian_2_highest_education_level_code,
	student_id,
	sc,
	CASE WHEN jsonb_array_length(person_problems) > 0 OR unknown_race IS NOT NULL OR race_missing OR ethnicity_unknown OR address_incomplete
			OR guardian_1_incomplete OR guardian_2_incomplete OR level_1_unknown OR level_2_unknown OR short_time_missing
			OR short_time_unknown OR born_late OR school_early OR school_late OR name_odd OR other_name_odd OR ssid_twice OR ssid_malformed
			OR birth_state_odd
		THEN coalesce(person_problems, '[]') || jsonb_path_query_array(jsonb_build_array(
			CASE WHEN ssid_twice THEN calpads.problem('ssid', 'IVR0034', ssid,
				'Two students of the SIS have this SSID.', 'STU.CID') END,
			CASE WHEN ssid_malformed THEN calpads.problem('ssid', 'IVR0007', ssid, 'The SSID does not have ten digits.', 'STU.CID') END,
			CASE WHEN birth_state_odd THEN calpads.problem('student_birth_state_province_code', 'BIRTH_STATE_COUNTRY', birth_state,
				format('The state of birth is not one of the country of birth, %s.', birth_country), 'STU.BST, or STU.BCU') END,
			CASE WHEN other_name_odd THEN calpads.problem('student_alias_first_name', 'IVR0009_OTHER_NAMES',
				concat_ws(' ', alias_first_name, alias_middle_name, alias_last_name, first_name_1, last_name_1, first_name_2, last_name_2),
				'An alias or a guardian''s name has a character other than letters, digits, periods, hyphens and apostrophes.',
				'STU.FNA, STU.MNA, STU.LNA, CON.FN, CON.LN') END,
			CASE WHEN name_odd THEN calpads.problem('student_legal_last_name', 'IVR0009', concat_ws(' ', first_name, middle_name, last_name),
				'A legal name has a character other than letters, digits, periods, hyphens and apostrophes.', 'STU.LN, STU.FN, STU.MN, or LSI') END,
			CASE WHEN born_late THEN calpads.problem('student_birth_date', 'BIRTH_AFTER_ENROLLMENT', birth_date::text,
				format('The birth date is not before the start of the enrollment on %s.', to_char(start_date, 'MM/DD/YYYY')), 'STU.BD') END,
			CASE WHEN unknown_race IS NOT NULL THEN calpads.problem('student_race_1_code', 'GERR0002', unknown_race,
				format('The race %s has no CALPADS translation.', unknown_race), 'XRF: code translations STU.RC1, or STU.RC1 to STU.RC5') END,
			CASE WHEN race_missing THEN calpads.problem('student_race_1_code', 'SINF0046', NULL,
				'No race is entered, and the code for intentionally blank is not entered either.', 'STU.RC1') END,
			CASE WHEN ethnicity_unknown THEN calpads.problem('student_hispanic_ethnicity_indicator', 'GERR0002', local_ethnicity,
				format('The Hispanic indicator %s is neither Y, N nor Z (declined).', local_ethnicity), 'STU.ETH') END,
			CASE WHEN address_incomplete THEN calpads.problem(
				CASE WHEN zip IS NULL THEN 'address_zip_code' WHEN street IS NULL THEN 'address_line_1'
					WHEN city IS NULL THEN 'address_city_name' ELSE 'address_state_province_code' END,
				CASE WHEN zip IS NULL THEN 'SINF0053' ELSE 'ADDRESS_INCOMPLETE' END, NULL,
				'The address is filled in part: street, city, state and ZIP code go together.', 'STU.AD, STU.CY, STU.ST, STU.ZC') END,
			CASE WHEN school_early THEN calpads.problem('student_initial_us_school_enrollment_date_k12', 'SINF0059', us_first_day::text,
				'The first day in a US school is less than four years after the birth date.', 'LAC.USS, or STU.BD')
			WHEN school_late THEN calpads.problem('student_initial_us_school_enrollment_date_k12', 'SINF0060', us_first_day::text,
				'The first day in a US school is more than six months ahead.', 'LAC.USS') END,
			CASE WHEN short_time_missing THEN calpads.problem('us_school_less_than_three_years_indicator', 'SINF0061', NULL,
				'A student born abroad needs the indicator of less than three years in US schools, or the first day there.', 'SSD.SUS, or LAC.USS')
			WHEN short_time_unknown THEN calpads.problem('us_school_less_than_three_years_indicator', 'GERR0002', short_time,
				'The indicator of less than three years in US schools is neither Y nor N.', 'SSD.SUS') END,
			CASE WHEN level_1_unknown THEN calpads.problem('parent_guardian_1_highest_education_level_code', 'GERR0002', level_1,
				format('The education level %s of guardian 1 has no CALPADS translation.', level_1), 'XRF: code translations CON.ELV, or CON.ELV')
			WHEN guardian_1_incomplete THEN calpads.problem(
				CASE WHEN first_name_1 IS NULL THEN 'parent_guardian_1_first_name' WHEN last_name_1 IS NULL THEN 'parent_guardian_1_last_name'
					ELSE 'parent_guardian_1_highest_education_level_code' END, 'SINF0453', NULL,
				format('Guardian 1 has no %s: first name, last name and education level go together.',
					CASE WHEN first_name_1 IS NULL THEN 'first name' WHEN last_name_1 IS NULL THEN 'last name' ELSE 'education level' END),
				CASE WHEN first_name_1 IS NULL THEN 'CON.FN' WHEN last_name_1 IS NULL THEN 'CON.LN' ELSE 'CON.ELV' END) END,
			CASE WHEN level_2_unknown THEN calpads.problem('parent_guardian_2_highest_education_level_code', 'GERR0002', level_2,
				format('The education level %s of guardian 2 has no CALPADS translation.', level_2), 'XRF: code translations CON.ELV, or CON.ELV')
			WHEN guardian_2_incomplete THEN calpads.problem(
				CASE WHEN first_name_2 IS NULL THEN 'parent_guardian_2_first_name' ELSE 'parent_guardian_2_last_name' END, 'SINF0635', NULL,
				format('Guardian 2 has no %s: first and last name go together.', CASE WHEN first_name_2 IS NULL THEN 'first name' ELSE 'last name' END),
				CASE WHEN first_name_2 IS NULL THEN 'CON.FN' ELSE 'CON.LN' END) END
		), '$[*] ? (@ != null)') END AS problems
FROM record
$view$;
$function$;
COMMENT ON FUNCTION calpads.sinf_mapping_view() IS 'definition of the mapping view sinf, for calpads.mapping_view()';

-- ---------------------------------------------------------------------------
-- 5. The SIS side: schools, code translations, tables and mapping views
--
-- Rules marked [proposal] are not documented by the state or the SIS vendor;
-- they are decisions of this project.
-- ---------------------------------------------------------------------------

CREATE TABLE calpads.school_selection (
	sc integer PRIMARY KEY,
	selected boolean NOT NULL
);
SELECT pg_catalog.pg_extension_config_dump('calpads.school_selection', '');
COMMENT ON TABLE calpads.school_selection IS
	'schools that are reported although the default says no, or the other way round; see the view calpads.school';
COMMENT ON COLUMN calpads.school_selection.sc IS 'school number in the SIS (LOC.CD)';
COMMENT ON COLUMN calpads.school_selection.selected IS 'true: reported';

CREATE TABLE calpads.sis_view (
	schema_name text COLLATE "C" NOT NULL,
	view_name text COLLATE "C" NOT NULL,
	definition_hash text NOT NULL,
	PRIMARY KEY (schema_name, view_name)
);
SELECT pg_catalog.pg_extension_config_dump('calpads.sis_view', '');
COMMENT ON TABLE calpads.sis_view IS
	'mapping views made by create_sis_schema() and refresh_sis_views(); by the hash these see whether a view was changed by hand';
COMMENT ON COLUMN calpads.sis_view.schema_name IS 'schema of the view';
COMMENT ON COLUMN calpads.sis_view.view_name IS 'name of the view';
COMMENT ON COLUMN calpads.sis_view.definition_hash IS 'MD5 of pg_get_viewdef() when the view was made';

/*
 * The qualified, quoted name of a table of the SIS, for dynamic SQL.
 * schema_name null: the schema that the setting calpads.sis_schema names.
 * Errors: the schema or the table does not exist.
 */
CREATE FUNCTION calpads.sis_table_name(schema_name text, table_name text) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	sis_schema text := coalesce(schema_name, calpads.setting('sis_schema'));
	qualified_name text := format('%I.%I', sis_schema, table_name);
BEGIN
	IF to_regnamespace(quote_ident(sis_schema)) IS NULL THEN
		RAISE invalid_schema_name USING
			MESSAGE = format('schema "%s" of the student information system does not exist', sis_schema),
			HINT = 'Make it by calpads.create_sis_schema(), or name the right one in the setting calpads.sis_schema.';
	ELSIF to_regclass(qualified_name) IS NULL THEN
		RAISE undefined_table USING
			MESSAGE = format('table %s of the student information system does not exist', qualified_name),
			HINT = 'Make it by calpads.create_sis_schema(), or name the right schema in the setting calpads.sis_schema.';
	END IF;
	RETURN qualified_name;
END;
$$;
COMMENT ON FUNCTION calpads.sis_table_name(text, text) IS
	'qualified and quoted name of a table of the SIS; an error with a hint when it does not exist';

/*
 * What stands after FROM for a table of the SIS: its name, or, where a district's
 * own table has other types than spec/sis_tables.tsv says (timestamps for dates,
 * numbers for flags, as a foreign table of SQL Server has them), a query that
 * gives the types that the mappings count on.
 * Errors: as calpads.sis_table_name().
 */
CREATE FUNCTION calpads.sis_source(schema_name text, table_name text) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	qualified_name text := calpads.sis_table_name(schema_name, table_name);
	column_list text;
BEGIN
	WITH present AS (
		SELECT attribute.attnum, quote_ident(attribute.attname) AS name,
			attribute.atttypid::regtype::text AS actual,
			(SELECT type.typcategory FROM pg_type AS type WHERE type.oid = attribute.atttypid) AS category,
			split_part(sis_table.column_type, ' ', 1) AS wanted
		FROM pg_attribute AS attribute
		LEFT JOIN calpads.sis_table ON sis_table.table_name = sis_source.table_name
			AND sis_table.column_name = attribute.attname::text
		WHERE attribute.attrelid = qualified_name::regclass AND attribute.attnum > 0 AND NOT attribute.attisdropped
	), adapted AS (
		SELECT present.attnum, present.name,
			CASE
				WHEN present.wanted = 'date' AND present.actual <> 'date' AND present.category = 'D'
					THEN format('%s::date', present.name)
				WHEN present.wanted = 'date' AND present.actual <> 'date'
					THEN format('nullif(btrim(%s::text), %L)::date', present.name, '')
				WHEN present.wanted = 'boolean' AND present.category IN ('N', 'V')
					THEN format('%s::integer <> 0', present.name)
				WHEN present.wanted = 'boolean' AND present.actual <> 'boolean'
					THEN format('upper(btrim(%s::text)) IN (%L, %L, %L, %L)', present.name, '1', 'Y', 'T', 'TRUE')
				WHEN present.wanted IN ('integer', 'smallint') AND present.category <> 'N'
					THEN format('nullif(btrim(%s::text), %L)::integer', present.name, '')
				WHEN present.wanted IN ('integer', 'smallint') AND present.actual NOT IN ('integer', 'smallint')
					THEN format('%s::integer', present.name)
				WHEN (present.wanted = 'text' OR present.wanted LIKE 'char(%') AND present.category <> 'S'
					THEN format('%s::text', present.name)
			END AS expression
		FROM present
	)
	SELECT string_agg(coalesce(adapted.expression || ' AS ' || adapted.name, adapted.name), ', ' ORDER BY adapted.attnum)
		INTO column_list
		FROM adapted
		HAVING count(adapted.expression) > 0;
	RETURN coalesce('(SELECT ' || column_list || ' FROM ' || qualified_name || ')', qualified_name);
END;
$$;
COMMENT ON FUNCTION calpads.sis_source(text, text) IS
	'a table of the SIS (schema null: the one of the setting) for the FROM of dynamic SQL, its columns in the types of '
	'calpads.sis_table; follow it by AS and an alias';

/*
 * Schools of the SIS, the district record (0) among them.  A function, because
 * the schema is a setting.
 *
 * cds_school: the seven digits that are reported; null for a virtual school.
 * lea: county and district code of the district record; of the school itself
 * with calpads.lea_from_school; the school's own seven digits for
 * calpads.independent_charter_schools; null when LOC does not hold it.
 * selected: calpads.school_selection, else all that are not inactive, not "do
 * not report" and not summer schools.
 */
CREATE FUNCTION calpads.school_list(schema_name text)
	RETURNS TABLE (sc integer, cds_school text, lea text, name text, selected boolean)
	LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 200
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY EXECUTE format($query$
		WITH location AS (
			SELECT DISTINCT ON (loc.cd) loc.cd, loc.nm,
				nullif(btrim(loc.sc::text), '') AS cds_school,
				CASE WHEN btrim(loc.cc::text) <> '' AND btrim(loc.dc::text) <> ''
					THEN nullif(btrim(loc.cc::text) || btrim(loc.dc::text), '0000000') END AS county_district,
				coalesce(btrim(loc.tg::text), '') = '' AND loc.dnr IS NOT TRUE AND loc.u IS DISTINCT FROM 1 AS by_default
			FROM %s AS loc
			ORDER BY loc.cd)
		SELECT location.cd::integer, location.cds_school,
			CASE
				WHEN location.cd::text = ANY (regexp_split_to_array(btrim(calpads.setting('independent_charter_schools')), '\s*,\s*'))
					THEN location.cds_school
				WHEN calpads.setting('lea_from_school') = 'on' THEN location.county_district
				ELSE (SELECT district.county_district FROM location AS district WHERE district.cd = 0)
			END,
			location.nm::text,
			coalesce(selection.selected, location.by_default)
		FROM location
		LEFT JOIN calpads.school_selection AS selection ON selection.sc = location.cd
		ORDER BY location.cd
		$query$, calpads.sis_source(schema_name, 'loc'));
END;
$$;
COMMENT ON FUNCTION calpads.school_list(text) IS
	'schools of a SIS schema (null: the schema of the setting) with the codes under which they are reported';

CREATE VIEW calpads.school AS
	SELECT sc, cds_school COLLATE "C" AS cds_school, lea COLLATE "C" AS lea, name, selected
	FROM calpads.school_list(NULL);
COMMENT ON VIEW calpads.school IS 'schools of the SIS; change the selection in calpads.school_selection';
COMMENT ON COLUMN calpads.school.sc IS 'school number in the SIS (LOC.CD); 0 is the district';
COMMENT ON COLUMN calpads.school.cds_school IS 'seven-digit school code that is reported; null: a virtual school';
COMMENT ON COLUMN calpads.school.lea IS 'seven-digit code of the reporting LEA; null: LOC does not hold it';
COMMENT ON COLUMN calpads.school.name IS 'name of the school';
COMMENT ON COLUMN calpads.school.selected IS 'the school is reported';

/*
 * What local codes mean in CALPADS: one row for each local code that can be
 * sent.  local_set is the code set of the SIS (STU.GR); is_translation tells
 * rows of the translation table XRF from CALPADS codes that stand for
 * themselves.  A local code without a row is not translated.
 *
 * A translation to a blank counts as none.  Grades are stored as numbers of
 * which only -1 to 12 have a meaning of their own; CALPADS writes two digits.
 */
CREATE FUNCTION calpads.code_translation(schema_name text)
	RETURNS TABLE (local_set text, local_code text, code text, is_translation boolean)
	LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20000
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY EXECUTE format($query$
		WITH known_set (local_set, codeset) AS (
			VALUES ('STU.SP', 'enrollment_status'), ('STU.U1', 'enrollment_status'), ('STU.U2', 'enrollment_status'),
				('STU.U3', 'enrollment_status'), ('STU.U7', 'enrollment_status'), ('STU.U8', 'enrollment_status'),
				('STU.GR', 'grade_level'), ('ATT.RS', 'exit_reason'), ('STU.IT', 'student_school_transfer'),
				('STU.HSG', 'completion_status'), ('STU.GN', 'gender'), ('STU.SF', 'suffix'),
				('STU.BST', 'state_province'), ('STU.BCU', 'country'), ('STU.RC1', 'race'), ('STU.ST', 'state_province'),
				('STU.ETH', 'ethnicity_hispanic'), ('CON.ELV', 'parent_education_level')),
		local AS (
			SELECT upper(btrim(xrf.tc1::text)) || '.' || upper(btrim(xrf.fc1::text)) AS local_set,
				upper(coalesce(btrim(xrf.cd1::text), '')) AS local_code,
				upper(btrim(xrf.cd::text)) AS code
			FROM %s AS xrf
			WHERE btrim(xrf.tc::text) = 'CLPD' AND xrf.sc = 0 AND xrf.del IS NOT TRUE AND btrim(xrf.cd::text) <> ''),
		meaning AS (
			SELECT local.local_set,
				CASE WHEN local.local_set = 'STU.GR' AND local.local_code ~ '^[+-]?[0-9]{1,4}$'
					THEN local.local_code::integer::text ELSE local.local_code END AS local_code,
				CASE WHEN local.local_set = 'STU.GR' AND local.code ~ '^[0-9]$' THEN '0' || local.code ELSE local.code END AS code,
				1 AS precedence
			FROM local
			UNION ALL
			SELECT 'STU.GR', number::text,
				CASE number WHEN -1 THEN 'TK' WHEN 0 THEN 'KN' ELSE lpad(number::text, 2, '0') END, 2
			FROM generate_series(-1, 12) AS number
			UNION ALL
			SELECT known_set.local_set, code.code, code.code, 2
			FROM known_set
			JOIN calpads.code ON code.codeset = known_set.codeset
			-- The years of a code are checked with the record; this code has none.
			WHERE known_set.local_set <> 'STU.GR' AND (code.active <> 'N' OR code.last_year IS NOT NULL))
		SELECT DISTINCT ON (meaning.local_set, meaning.local_code)
			meaning.local_set, meaning.local_code, meaning.code, meaning.precedence = 1
		FROM meaning
		ORDER BY meaning.local_set, meaning.local_code, meaning.precedence, meaning.code
		$query$, calpads.sis_source(schema_name, 'xrf'));
END;
$$;
COMMENT ON FUNCTION calpads.code_translation(text) IS
	'what the local codes of a SIS schema (null: the schema of the setting) mean in CALPADS';

CREATE FUNCTION calpads.problem(field text, rule text, value text, explanation text, fix text) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN jsonb_build_object('field', field, 'rule', rule, 'value', value, 'explanation', explanation, 'fix', fix);
COMMENT ON FUNCTION calpads.problem(text, text, text, text, text) IS
	'one entry of the column problems of a mapping view: field of the layout, rule number, value found, '
	'a sentence, and the table and column of the SIS where it is mended';

/*
 * The definition of the mapping views senr and senr_without_ssid, which differ
 * in the students they take: those whose row of STU meets the condition.
 */
CREATE FUNCTION calpads.senr_mapping_view(student_condition text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $function$
SELECT replace($view$
/*
 * SENR as the SIS sees it.  Sections are those of spec/aeries_logic.md.
 *
 * ENR row -> STU row of the student at that school -> translated codes
 *   -> program changes drawn together -> exit -> record.
 *
 * The value of ENR describes the enrollment, the value of STU describes today:
 * STU stands in only where ENR is blank, and only its row of the same school
 * (section 1).
 *
 * OFFSET 0 keeps the planner from copying the expressions of one step into
 * every place of the next, where they would be computed again and again.
 * (SELECT … FROM setting) is computed once for the whole query.
 */
WITH setting AS MATERIALIZED (
	SELECT calpads.today() AS today,
		calpads.school_year_start(calpads.today()) AS this_year,
		-- Section 4.1: July 1 two years before the current school year.
		(calpads.school_year_start(calpads.today()) - interval '2 years')::date AS first_year,
		calpads.setting('no_future_dates') = 'on' AS no_future_dates,
		calpads.setting('year_end_exits') = 'auto' AS year_end_exits,
		calpads.setting('year_end_window_days')::integer AS year_end_window_days,
		calpads.setting('keep_preschool_exit_reasons') = 'on' AS keep_preschool_exit_reasons,
		upper(btrim(calpads.setting('program_change_code'))) AS program_change_code,
		lower(btrim(calpads.setting('status_field'))) AS status_field,
		'STU.' || upper(btrim(calpads.setting('status_field'))) AS status_set,
		lower(btrim(calpads.setting('transition_status_field'))) AS transition_status_field,
		upper(btrim(calpads.setting('golden_state_seal_code'))) AS golden_state_seal_code,
		upper(btrim(calpads.setting('biliteracy_seal_code'))) AS biliteracy_seal_code,
		nullif(calpads.setting('stu_ed_use_date'), '')::date AS stu_ed_use_date,
		regexp_split_to_array(upper(btrim(calpads.setting('skip_student_tags'))), '\s*,\s*') AS skipped_tags
),
school AS MATERIALIZED (
	SELECT sc, cds_school COLLATE "C" AS cds_school, lea, selected FROM calpads.school_list(@schema_literal@)
),
translation AS MATERIALIZED (
	SELECT local_set, local_code COLLATE "C" AS local_code, code COLLATE "C" AS code, is_translation
	FROM calpads.code_translation(@schema_literal@)
),
-- Section 12: the sets that are translated.  In these a code that is neither
-- translated nor a CALPADS code is reported; in all others values pass as they are.
translated AS MATERIALIZED (
	SELECT coalesce(array_agg(DISTINCT local_set), '{}') AS sets FROM translation WHERE is_translation
),
-- The translations as one map for each set: a lookup costs the same whatever
-- the planner believes of the tables.
code_map AS MATERIALIZED (
	SELECT jsonb_object_agg(local_code, code) FILTER (WHERE local_set = 'STU.GR') AS grade,
		-- The enrollment status is in STU.SP, or in a column that a setting names.
		jsonb_object_agg(local_code, code) FILTER (WHERE local_set = (SELECT status_set FROM setting)) AS status,
		jsonb_object_agg(local_code, code) FILTER (WHERE local_set = 'STU.IT') AS transfer,
		jsonb_object_agg(local_code, code) FILTER (WHERE local_set = 'ATT.RS') AS exit_reason,
		jsonb_object_agg(local_code, code) FILTER (WHERE local_set = 'STU.HSG') AS completion,
		jsonb_object_agg(local_code, code) FILTER (WHERE local_set = 'STU.SF') AS suffix,
		jsonb_object_agg(local_code, code) FILTER (WHERE local_set = 'STU.GN') AS gender,
		jsonb_object_agg(local_code, code) FILTER (WHERE local_set = 'STU.BST') AS birth_state,
		jsonb_object_agg(local_code, code) FILTER (WHERE local_set = 'STU.BCU') AS birth_country
	FROM translation
),

-- Last school day of each calendar (section 5): school, track, school year.
last_school_day AS MATERIALIZED (
	SELECT day.sc, coalesce(btrim(day.tr::text), '') AS track,
		calpads.school_year_start(day.dt) AS school_year, max(day.dt) AS day
	FROM @schema@.day
	WHERE day.del IS NOT TRUE AND day.dt IS NOT NULL
		AND coalesce(btrim(day.ho::text), '') IN ('', '%')
	GROUP BY day.sc, coalesce(btrim(day.tr::text), ''), calpads.school_year_start(day.dt)
),

-- STU holds one row for each student and school; the key is (SC, SN).
student AS MATERIALIZED (
	SELECT stu.id, stu.sc, stu.sn, tag.tag,
		stu.ed AS enter_date,
		stu.gr::text AS local_grade,
		upper(btrim(CASE (SELECT status_field FROM setting)
			WHEN 'sp' THEN stu.sp WHEN 'u1' THEN stu.u1 WHEN 'u2' THEN stu.u2
			WHEN 'u3' THEN stu.u3 WHEN 'u7' THEN stu.u7 WHEN 'u8' THEN stu.u8 END::text) COLLATE "C") AS local_status,
		nullif(btrim(stu.tr::text), '') AS track,
		nullif(upper(btrim(stu.it::text) COLLATE "C"), '') AS local_transfer,
		nullif(btrim(stu.itd::text), '') AS residence,
		stu.hs AS home_school,
		stu.ng AS next_grade,
		nullif(upper(btrim(stu.eoy::text) COLLATE "C"), '') AS local_year_end_reason,
		nullif(btrim(stu.ens::text), '') AS year_end_next_school,
		nullif(upper(btrim(stu.hsg::text) COLLATE "C"), '') AS local_completion,
		stu.dg AS graduation_date,
		nullif(upper(btrim(stu.cco::text) COLLATE "C"), '') AS college_courses,
		nullif(upper(btrim(stu.gex::text) COLLATE "C"), '') AS graduation_exemption,
		nullif(upper(btrim(stu.swr::text) COLLATE "C"), '') AS local_withdrawal_reason,
		stu.swd AS withdrawal_date,
		-- Nearly always one number; an enrollment without a number of its own takes the first.
		array_agg(stu.sn) OVER (PARTITION BY stu.id, stu.sc) AS numbers_at_school,
		first_value(stu.sn) OVER (PARTITION BY stu.id, stu.sc
			ORDER BY tag.tag <> '', stu.ed DESC NULLS LAST, stu.sn) AS first_number_at_school
	FROM @schema@.stu
	CROSS JOIN LATERAL (SELECT coalesce(upper(btrim(stu.tg::text) COLLATE "C"), '') AS tag) AS tag
	WHERE stu.del IS NOT TRUE
),
-- For enrollments at a school where the student has no STU row (any more).
student_anywhere AS (
	SELECT DISTINCT ON (id) id, sc, sn
	FROM student
	ORDER BY id, tag <> '', enter_date DESC NULLS LAST, sc, sn
),

-- ENR rows of the window, and stays of active students without an ENR row:
-- these start with STU.ED (section 2) [proposal].
enrollment AS (
	SELECT enr.id, enr.sc, enr.sn, enr.ed AS start_date, enr.ld AS leave_date,
		coalesce(upper(btrim(enr.er::text) COLLATE "C"), '') AS local_reason,
		enr.gr::text AS local_grade,
		CASE WHEN (SELECT status_field FROM setting) = 'sp' THEN nullif(upper(btrim(enr.pr::text) COLLATE "C"), '') END AS local_status,
		nullif(btrim(enr.tr::text), '') AS track,
		nullif(upper(btrim(enr.it::text) COLLATE "C"), '') AS local_transfer,
		nullif(btrim(enr.itd::text), '') AS residence,
		enr.hs AS home_school,
		nullif(btrim(enr.nps::text), '') AS nps,
		nullif(btrim(enr.ns::text), '') AS next_school,
		calpads.school_year_start(enr.ed) AS school_year
	FROM @schema@.enr
	WHERE enr.del IS NOT TRUE AND enr.ed >= (SELECT first_year FROM setting)
	UNION ALL
	SELECT student.id, student.sc, student.sn, student.enter_date, NULL, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
		calpads.school_year_start(student.enter_date)
	FROM student
	WHERE student.tag = '' AND student.sn = student.first_number_at_school AND student.enter_date >= (SELECT first_year FROM setting)
		AND NOT EXISTS (
			SELECT FROM @schema@.enr
			WHERE enr.id = student.id AND enr.sc = student.sc AND enr.del IS NOT TRUE
				AND enr.ed >= calpads.school_year_start(student.enter_date))
),
-- Where an enrollment stands among those of the student at the school.
ordered_enrollment AS (
	SELECT enrollment.*,
		lead(start_date) OVER at_school IS NULL AS is_newest,
		school_year < (SELECT this_year FROM setting)
			AND coalesce(lead(school_year) OVER at_school >= (SELECT this_year FROM setting), true) AS is_newest_of_earlier_years,
		lag(school_year) OVER at_school IS DISTINCT FROM school_year AS is_first_of_year
	FROM enrollment
	WINDOW at_school AS (PARTITION BY id, sc ORDER BY start_date, leave_date, sn)
),
/*
 * ENR with STU behind it: the STU row with the enrollment's student number,
 * else the one at the school, else any of the student, which then serves only
 * for the person's data.  Left out: schools that are not selected, tags to skip
 * (section 2), and rows of the current year of a no-show, who never came
 * (section 6).
 */
local_enrollment AS (
	SELECT enrollment.id, enrollment.sc,
		coalesce(enrollment.sn, student.sn) AS attendance_sn,
		coalesce(student.sc, student_anywhere.sc) AS person_sc,
		coalesce(student.sn, student_anywhere.sn) AS person_sn,
		enrollment.is_newest, enrollment.is_newest_of_earlier_years, enrollment.school_year,
		enrollment.leave_date, enrollment.local_reason, enrollment.nps, enrollment.next_school,
		/*
		 * Option STU.ED Use Date (section 2), for a date that can be meant: in
		 * the same school year and not after the enrollment [proposal].
		 */
		CASE WHEN enrollment.is_first_of_year AND enrollment.start_date < (SELECT stu_ed_use_date FROM setting)
				AND calpads.school_year_start(student.enter_date) = enrollment.school_year
				AND coalesce(student.enter_date <= enrollment.leave_date, true)
			THEN student.enter_date ELSE enrollment.start_date END AS start_date,
		coalesce(enrollment.local_grade, student.local_grade) AS local_grade,
		coalesce(enrollment.local_status, student.local_status, '') AS local_status,
		coalesce(enrollment.track, student.track, '') AS track,
		coalesce(enrollment.local_transfer, student.local_transfer) AS local_transfer,
		nullif(left(coalesce(enrollment.residence, student.residence), 7), '0000000') AS residence,
		-- 0 says that there is no reporting school; only a null asks STU.
		nullif(coalesce(enrollment.home_school, student.home_school), 0) AS home_school,
		student.next_grade,
		-- These belong to the newest enrollment of the student at the school.
		CASE WHEN enrollment.is_newest THEN student.local_year_end_reason END AS local_year_end_reason,
		CASE WHEN enrollment.is_newest THEN student.year_end_next_school END AS year_end_next_school,
		CASE WHEN enrollment.is_newest THEN student.local_completion END AS local_completion,
		CASE WHEN enrollment.is_newest THEN student.graduation_date END AS graduation_date,
		CASE WHEN enrollment.is_newest THEN student.college_courses END AS college_courses,
		CASE WHEN enrollment.is_newest THEN student.graduation_exemption END AS graduation_exemption
	FROM ordered_enrollment AS enrollment
	JOIN school ON school.sc = enrollment.sc AND school.selected
	LEFT JOIN student
		ON student.id = enrollment.id AND student.sc = enrollment.sc
		AND student.sn = CASE WHEN enrollment.sn = ANY (student.numbers_at_school) THEN enrollment.sn
			ELSE student.first_number_at_school END
	JOIN student_anywhere ON student_anywhere.id = enrollment.id
	WHERE coalesce(student.tag = '' OR student.tag <> ALL ((SELECT skipped_tags FROM setting)::text[]), true)
		AND NOT coalesce(student.tag = 'N' AND enrollment.school_year >= (SELECT this_year FROM setting), false)
	OFFSET 0
),
-- Section 6: what became of last year's students who did not come back.
no_show AS MATERIALIZED (
	SELECT DISTINCT ON (id, sc) id, sc, local_withdrawal_reason, withdrawal_date
	FROM student
	WHERE tag = 'N' AND local_withdrawal_reason IS NOT NULL
	ORDER BY id, sc, sn
),
special_education AS MATERIALIZED (
	SELECT DISTINCT ON (cse.id) cse.id,
		nullif(btrim(cse.ss::text), '') AS nps,
		CASE WHEN (SELECT transition_status_field FROM setting) <> ''
			THEN nullif(upper(btrim(to_jsonb(cse) ->> (SELECT transition_status_field FROM setting))), '') END AS transition_status
	FROM @schema@.cse
	WHERE cse.del IS NOT TRUE
	ORDER BY cse.id
),
/*
 * Codes translated, school found.  A reporting home school takes the place of
 * the school; both have to be selected.  A school without a code of its own is
 * virtual and never reported (section 1).
 */
coded_enrollment AS (
	SELECT local.*,
		reporting.lea, reporting.cds_school,
		CASE WHEN reporting.cds_school = '0000001' THEN coalesce(local.nps, special_education.nps) END AS nps_school,
		special_education.transition_status,
		CASE WHEN grade.code = 'TK' AND local.school_year < DATE '2023-07-01' THEN 'KN' -- TK is a grade since 2023-24
			ELSE coalesce(grade.code, local.local_grade) END AS grade,
		grade.code IS NULL AND local.local_grade IS NOT NULL AS grade_unknown,
		-- No program at all is a primary enrollment [proposal].
		coalesce(status.code, nullif(local.local_status, ''), '10') AS status,
		status.code IS NULL AND local.local_status <> '' AND (SELECT status_set FROM setting) = ANY ((SELECT sets FROM translated)::text[]) AS status_unknown,
		coalesce(transfer.code, local.local_transfer) AS transfer,
		transfer.code IS NULL AND local.local_transfer IS NOT NULL AND 'STU.IT' = ANY ((SELECT sets FROM translated)::text[]) AS transfer_unknown,
		coalesce(reason.code, local.local_reason) AS reason,
		reason.code IS NULL AND 'ATT.RS' = ANY ((SELECT sets FROM translated)::text[]) AS reason_unknown,
		coalesce(year_end.code, local.local_year_end_reason) AS year_end_reason,
		year_end.code IS NULL AND 'ATT.RS' = ANY ((SELECT sets FROM translated)::text[]) AS year_end_reason_unknown,
		coalesce(completion.code, local.local_completion) AS completion,
		completion.code IS NULL AND 'STU.HSG' = ANY ((SELECT sets FROM translated)::text[]) AS completion_unknown,
		no_show.local_withdrawal_reason,
		coalesce(withdrawal.code, no_show.local_withdrawal_reason) AS withdrawal_reason,
		withdrawal.code IS NULL AND 'ATT.RS' = ANY ((SELECT sets FROM translated)::text[]) AS withdrawal_reason_unknown,
		no_show.withdrawal_date,
		coalesce(track_calendar.day, school_calendar.day, district_calendar.day) AS last_day,
		(SELECT this_year FROM setting),
		local.local_reason <> '' AND local.local_reason = (SELECT program_change_code FROM setting)
			AND local.leave_date IS NOT NULL AS is_program_change
	FROM local_enrollment AS local
	JOIN school AS reporting
		ON reporting.sc = coalesce(local.home_school, local.sc) AND reporting.selected AND reporting.cds_school IS NOT NULL
	LEFT JOIN special_education ON special_education.id = local.id
	LEFT JOIN no_show ON no_show.id = local.id AND no_show.sc = local.sc AND local.is_newest_of_earlier_years
	CROSS JOIN LATERAL (SELECT (SELECT grade FROM code_map) ->> local.local_grade AS code) AS grade
	CROSS JOIN LATERAL (SELECT (SELECT status FROM code_map) ->> local.local_status AS code) AS status
	CROSS JOIN LATERAL (SELECT (SELECT transfer FROM code_map) ->> local.local_transfer AS code) AS transfer
	CROSS JOIN LATERAL (SELECT (SELECT exit_reason FROM code_map) ->> local.local_reason AS code) AS reason
	CROSS JOIN LATERAL (SELECT (SELECT exit_reason FROM code_map) ->> local.local_year_end_reason AS code) AS year_end
	CROSS JOIN LATERAL (SELECT (SELECT completion FROM code_map) ->> local.local_completion AS code) AS completion
	CROSS JOIN LATERAL (SELECT (SELECT exit_reason FROM code_map) ->> no_show.local_withdrawal_reason AS code) AS withdrawal
	-- The calendar of school and track, else of the school, else of the district.
	LEFT JOIN last_school_day AS track_calendar
		ON track_calendar.sc = local.sc AND track_calendar.track = local.track
		AND track_calendar.school_year = local.school_year
	LEFT JOIN last_school_day AS school_calendar
		ON school_calendar.sc = local.sc AND school_calendar.track = ''
		AND school_calendar.school_year = local.school_year
	LEFT JOIN last_school_day AS district_calendar
		ON district_calendar.sc = 0 AND district_calendar.track = ''
		AND district_calendar.school_year = local.school_year
	OFFSET 0
),
/*
 * Section 4.5: the local reason "program change" closes an ENR row, and the
 * next row at the same school and year continues it.  CALPADS hears of it only
 * when one of five values changed; the grade does not count in the last 14 days.
 */
compared_enrollment AS (
	SELECT coded_enrollment.*,
		max(school_year) FILTER (WHERE grade = '12') OVER student > school_year AS grade_12_again,
		lead(start_date) OVER at_school IS NOT NULL AS has_next,
		lead(status) OVER at_school IS DISTINCT FROM status
			OR lead(transfer) OVER at_school IS DISTINCT FROM transfer
			OR lead(residence) OVER at_school IS DISTINCT FROM residence
			OR lead(nps_school) OVER at_school IS DISTINCT FROM nps_school
			OR (lead(grade) OVER at_school IS DISTINCT FROM grade
				AND coalesce(last_day - leave_date > 14, true)) AS changes_next
	FROM coded_enrollment
	WINDOW student AS (PARTITION BY id),
		at_school AS (PARTITION BY id, cds_school, school_year ORDER BY start_date, leave_date, sc)
),
linked_enrollment AS (
	SELECT compared.*,
		-- The rows that CALPADS counts as one enrollment share a number.
		count(*) FILTER (WHERE NOT goes_on) OVER rows_before AS stay,
		-- The row after an E150 starts on the next calendar day, a Saturday too.
		CASE WHEN lag(is_program_change AND NOT goes_on) OVER rows_before
			THEN lag(leave_date) OVER rows_before + 1 ELSE start_date END AS own_start
	FROM (
		SELECT compared_enrollment.*, is_program_change AND has_next AND NOT changes_next AS goes_on
		FROM compared_enrollment) AS compared
	WINDOW rows_before AS (PARTITION BY id, cds_school, school_year ORDER BY start_date, leave_date, sc
		ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),
-- One row for each enrollment as CALPADS counts them: first start, the rest
-- from its last ENR row.
reported_enrollment AS (
	SELECT *
	FROM (
		SELECT linked_enrollment.*,
			first_value(own_start) OVER (PARTITION BY id, cds_school, school_year, stay
				ORDER BY start_date, leave_date, sc) AS reported_start
		FROM linked_enrollment) AS every_row
	WHERE NOT goes_on
),
-- What ends the enrollment, if anything does; the order is the precedence.
ended_enrollment AS (
	SELECT reported.*,
		CASE
			-- Section 6; N470 is for first enrollments, of which there is no row.
			WHEN reported.withdrawal_reason <> 'N470' THEN 'withdrawal'
			WHEN reported.is_program_change AND reported.has_next THEN 'program change'
			WHEN reported.is_program_change THEN 'unfinished change'
			-- Section 4.6: STU.HSG makes a completer, unless ENR.ER says otherwise.
			WHEN reported.completion IS NOT NULL
				AND (reported.local_reason = '' OR reported.reason = 'E230')
				AND (reported.leave_date IS NOT NULL OR reported.graduation_date IS NOT NULL) THEN 'completion'
			WHEN reported.leave_date IS NOT NULL AND reported.local_reason <> '' THEN 'leave'
			-- Section 5; rows of earlier years are always closed.
			-- A leave date in the middle of the year needs a reason of its own.
			WHEN reported.leave_date < reported.last_day - 14 AND reported.status NOT IN ('20', '50')
				AND reported.local_year_end_reason IS NULL THEN 'no reason'
			WHEN reported.leave_date IS NOT NULL
				OR reported.school_year < reported.this_year
				OR (reported.school_year = reported.this_year AND (SELECT year_end_exits FROM setting)
					AND reported.last_day - (SELECT year_end_window_days FROM setting) <= (SELECT today FROM setting)) THEN 'year end'
		END AS ending
	FROM reported_enrollment AS reported
	OFFSET 0
),
exit AS (
	SELECT ended.*,
		CASE ended.ending
			WHEN 'withdrawal' THEN ended.withdrawal_reason
			WHEN 'program change' THEN 'E150'
			WHEN 'unfinished change' THEN 'E150'
			WHEN 'completion' THEN 'E230'
			WHEN 'leave' THEN ended.reason
			WHEN 'year end' THEN
				-- Section 5.  No code at all: a person has to enter the completion.
				CASE
					WHEN ended.status = '20' THEN 'E170'
					WHEN ended.year_end_reason IS NOT NULL THEN ended.year_end_reason
					WHEN ended.completion IS NOT NULL THEN 'E230'
					WHEN ended.school_year < ended.this_year AND ended.grade = '12'
						THEN CASE WHEN ended.grade_12_again THEN 'E156' END
					WHEN ended.school_year >= ended.this_year AND ended.next_grade = 13 THEN NULL
					WHEN ended.school_year >= ended.this_year AND ended.grade = '12' AND ended.next_grade = 12 THEN 'E156'
					ELSE 'E155'
				END
		END AS first_reason,
		CASE ended.ending
			WHEN 'withdrawal' THEN coalesce(ended.leave_date, ended.last_day, ended.withdrawal_date)
			WHEN 'completion' THEN coalesce(ended.leave_date, ended.graduation_date)
			WHEN 'year end' THEN coalesce(ended.leave_date, ended.last_day)
			ELSE ended.leave_date
		END AS first_date
	FROM ended_enrollment AS ended
	OFFSET 0
),
-- Sections 4.5, 4.6 and SENR0302, SENR0522: what some enrollments always exit with.
ruled_exit AS (
	SELECT exit.*,
		CASE
			WHEN exit.first_reason IS NULL THEN NULL
			WHEN exit.status = '20' THEN 'E170'
			WHEN exit.first_reason IN ('N470', 'E150') THEN exit.first_reason
			WHEN exit.status = '50' THEN 'E170'
			WHEN exit.grade IN ('IN', 'TD', 'PS') AND NOT (SELECT keep_preschool_exit_reasons FROM setting) THEN 'E450'
			ELSE exit.first_reason
		END AS ruled_reason,
		-- Option Do Not Extract Dates in the Future (section 5).
		coalesce((SELECT no_future_dates FROM setting) AND exit.first_date > (SELECT today FROM setting), false) AS is_hidden
	FROM exit
	WHERE NOT ((SELECT no_future_dates FROM setting) AND exit.reported_start > (SELECT today FROM setting))
),
final_exit AS (
	SELECT ruled_exit.*,
		CASE WHEN first_reason IS NOT NULL AND first_date IS NOT NULL AND NOT is_hidden THEN ruled_reason END AS exit_reason,
		CASE WHEN NOT is_hidden AND (first_reason IS NOT NULL OR leave_date IS NOT NULL) THEN first_date END AS exit_date
	FROM ruled_exit
	OFFSET 0
),
completed_exit AS (
	SELECT final_exit.*,
		CASE WHEN exit_reason = 'E230' THEN completion END AS completion_status,
		exit_reason = 'E230' AND completion = '100' AS is_graduate
	FROM final_exit
),
-- Section 3, field 28: next school of the leave row in ATT.
leave_row AS MATERIALIZED (
	SELECT DISTINCT ON (att.sc, att.sn, att.dt) att.sc, att.sn, att.dt, btrim(att.ns::text) AS next_school
	FROM @schema@.att
	WHERE upper(btrim(att.cd::text) COLLATE "C") = 'L' AND att.del IS NOT TRUE AND btrim(att.ns::text) <> ''
	ORDER BY att.sc, att.sn, att.dt, att.ns
),
with_next_school AS (
	SELECT completed_exit.*,
		-- Reasons after which nobody is expected anywhere else.
		CASE WHEN exit_reason NOT IN ('E150', 'E155', 'E156', 'E170', 'E450', 'N470')
			THEN coalesce(completed_exit.next_school, leave_row.next_school,
				CASE WHEN ending = 'year end' THEN year_end_next_school END) END AS receiver
	FROM completed_exit
	LEFT JOIN leave_row ON leave_row.sc = completed_exit.sc AND leave_row.sn = completed_exit.attendance_sn
		AND leave_row.dt = completed_exit.leave_date
	OFFSET 0
),
institution AS MATERIALIZED (
	SELECT DISTINCT ON (btrim(chi.id::text)) btrim(chi.id::text) AS id,
		right(btrim(chi.cds::text), 7) AS cds_school
	FROM @schema@.chi
	WHERE length(btrim(chi.cds::text)) >= 7
	ORDER BY btrim(chi.id::text), chi.cds
),
-- Fields 32 and 33: the seals are activities of the school year of the exit.
seal AS MATERIALIZED (
	SELECT act.pid, calpads.school_year_start(act.dt) AS school_year,
		bool_or(upper(btrim(act.cd::text) COLLATE "C") = (SELECT golden_state_seal_code FROM setting)) AS golden_state,
		bool_or(upper(btrim(act.cd::text) COLLATE "C") = (SELECT biliteracy_seal_code FROM setting)) AS biliteracy
	FROM @schema@.act
	WHERE btrim(act.cd::text) <> ''
		AND upper(btrim(act.cd::text) COLLATE "C") IN ((SELECT golden_state_seal_code FROM setting), (SELECT biliteracy_seal_code FROM setting))
	GROUP BY act.pid, calpads.school_year_start(act.dt)
),
legal_name AS MATERIALIZED (
	SELECT DISTINCT ON (lsi.id) lsi.id,
		nullif(btrim(lsi.lfn::text), '') AS first_name, nullif(btrim(lsi.lmn::text), '') AS middle_name,
		nullif(btrim(lsi.lln::text), '') AS last_name, nullif(upper(btrim(lsi.lsf::text) COLLATE "C"), '') AS suffix,
		nullif(upper(btrim(lsi.gn::text) COLLATE "C"), '') AS gender
	FROM @schema@.lsi
	ORDER BY lsi.id, lsi.lln, lsi.lfn
),
-- The person: LSI where it is filled, else STU.  Without an SSID there is
-- nothing to compare; those students go through the SSID request, which has a
-- view of its own.
local_person AS (
	SELECT stu.sc, stu.sn, stu.id,
		btrim(stu.cid::text) AS ssid,
		coalesce(legal_name.first_name, nullif(btrim(stu.fn::text), '')) AS first_name,
		coalesce(legal_name.middle_name, nullif(btrim(stu.mn::text), '')) AS middle_name,
		coalesce(legal_name.last_name, nullif(btrim(stu.ln::text), '')) AS last_name,
		coalesce(legal_name.suffix, nullif(upper(btrim(stu.sf::text) COLLATE "C"), '')) AS local_suffix,
		nullif(btrim(stu.fna::text), '') AS alias_first_name,
		nullif(btrim(stu.mna::text), '') AS alias_middle_name,
		nullif(btrim(stu.lna::text), '') AS alias_last_name,
		stu.bd AS birth_date,
		coalesce(legal_name.gender, nullif(upper(btrim(stu.gn::text) COLLATE "C"), ''), nullif(upper(btrim(stu.sx::text) COLLATE "C"), '')) AS local_gender,
		nullif(btrim(stu.bcy::text), '') AS birth_city,
		nullif(upper(btrim(stu.bst::text) COLLATE "C"), '') AS local_birth_state,
		nullif(upper(btrim(stu.bcu::text) COLLATE "C"), '') AS local_birth_country
	FROM @schema@.stu
	LEFT JOIN legal_name ON legal_name.id = stu.id
	WHERE stu.del IS NOT TRUE AND @student_condition@
),
person AS (
	SELECT local_person.*,
		coalesce(suffix.code, local_suffix) AS suffix,
		suffix.code IS NULL AND local_suffix IS NOT NULL AND 'STU.SF' = ANY ((SELECT sets FROM translated)::text[]) AS suffix_unknown,
		coalesce(gender.code, local_gender) AS gender,
		gender.code IS NULL AND local_gender IS NOT NULL AND 'STU.GN' = ANY ((SELECT sets FROM translated)::text[]) AS gender_unknown,
		coalesce(state.code, local_birth_state) AS birth_state,
		state.code IS NULL AND local_birth_state IS NOT NULL AND 'STU.BST' = ANY ((SELECT sets FROM translated)::text[]) AS birth_state_unknown,
		coalesce(country.code, local_birth_country) AS birth_country,
		country.code IS NULL AND local_birth_country IS NOT NULL AND 'STU.BCU' = ANY ((SELECT sets FROM translated)::text[]) AS birth_country_unknown
	FROM local_person
	CROSS JOIN LATERAL (SELECT (SELECT suffix FROM code_map) ->> local_suffix AS code) AS suffix
	CROSS JOIN LATERAL (SELECT (SELECT gender FROM code_map) ->> local_gender AS code) AS gender
	CROSS JOIN LATERAL (SELECT (SELECT birth_state FROM code_map) ->> local_birth_state AS code) AS state
	CROSS JOIN LATERAL (SELECT (SELECT birth_country FROM code_map) ->> local_birth_country AS code) AS country
	OFFSET 0
),
record AS (
	SELECT enrollment.*,
		person.ssid, person.first_name, person.middle_name, person.last_name, person.suffix,
		person.alias_first_name, person.alias_middle_name, person.alias_last_name,
		person.birth_date, person.gender, person.birth_city, person.birth_state, person.birth_country,
		person.local_suffix, person.local_gender, person.local_birth_state, person.local_birth_country,
		person.suffix_unknown, person.gender_unknown, person.birth_state_unknown, person.birth_country_unknown,
		CASE
			WHEN institution.id IS NOT NULL THEN nullif(institution.cds_school, '0000000')
			WHEN receiving_school.sc IS NOT NULL THEN nullif(receiving_school.cds_school, '0000000')
			WHEN enrollment.receiver ~ '^[0-9]{7}$' THEN enrollment.receiver
		END AS receiver_school,
		enrollment.is_graduate AND seal.golden_state AS has_golden_state_seal,
		enrollment.is_graduate AND seal.biliteracy AS has_biliteracy_seal,
		enrollment.lea IS NULL AS lea_missing,
		-- The reason that is reported is a local code of one of three columns.
		CASE WHEN enrollment.exit_reason = enrollment.first_reason THEN
			CASE
				WHEN enrollment.ending = 'leave' AND enrollment.reason_unknown THEN 'ENR.ER'
				WHEN enrollment.ending = 'withdrawal' AND enrollment.withdrawal_reason_unknown THEN 'STU.SWR'
				WHEN enrollment.ending = 'year end' AND enrollment.year_end_reason_unknown
					AND enrollment.exit_reason = enrollment.local_year_end_reason THEN 'STU.EOY'
			END
		END AS unknown_reason_column,
		enrollment.exit_reason = 'E150' AND enrollment.ending = 'unfinished change' AS change_unfinished,
		enrollment.completion_status IS NOT NULL AND enrollment.completion_unknown AS completion_status_unknown,
		-- A school year without a calendar has no last day to exit on.
		enrollment.first_reason IS NOT NULL AND enrollment.first_date IS NULL AS calendar_missing,
		enrollment.ending IN ('year end', 'no reason') AND enrollment.first_reason IS NULL
			AND enrollment.exit_date IS NOT NULL AS reason_missing
	FROM with_next_school AS enrollment
	JOIN person ON person.sc = enrollment.person_sc AND person.sn = enrollment.person_sn
	LEFT JOIN institution ON institution.id = enrollment.receiver
	LEFT JOIN school AS receiving_school
		ON receiving_school.sc = CASE WHEN enrollment.receiver ~ '^[0-9]{1,3}$' THEN enrollment.receiver::integer END
	LEFT JOIN seal ON seal.pid = enrollment.id AND seal.school_year = calpads.school_year_start(enrollment.exit_date)
)
SELECT
	'SENR' COLLATE "C" AS record_type_code,
	'A' COLLATE "C" AS transaction_type_code,
	(id || '-' || sc || '-' || to_char(reported_start::timestamp, 'YYYYMMDD')) COLLATE "C" AS local_record_id,
	lea COLLATE "C" AS reporting_lea,
	cds_school COLLATE "C" AS school_of_attendance,
	nps_school COLLATE "C" AS school_of_attendance_nps,
	calpads.academic_year(reported_start) COLLATE "C" AS academic_year_id,
	ssid COLLATE "C" AS ssid,
	id::text COLLATE "C" AS local_student_id,
	first_name COLLATE "C" AS student_legal_first_name,
	middle_name COLLATE "C" AS student_legal_middle_name,
	last_name COLLATE "C" AS student_legal_last_name,
	suffix COLLATE "C" AS student_legal_name_suffix_code,
	alias_first_name COLLATE "C" AS student_alias_first_name,
	alias_middle_name COLLATE "C" AS student_alias_middle_name,
	alias_last_name COLLATE "C" AS student_alias_last_name,
	birth_date AS student_birth_date,
	gender COLLATE "C" AS student_gender_code,
	birth_city COLLATE "C" AS student_birth_city,
	birth_state COLLATE "C" AS student_birth_state_province_code,
	birth_country COLLATE "C" AS student_birth_country_code,
	reported_start AS enrollment_start_date,
	status COLLATE "C" AS enrollment_status_code,
	grade COLLATE "C" AS grade_level_code,
	exit_date AS enrollment_exit_date,
	exit_reason COLLATE "C" AS student_exit_reason_code,
	completion_status COLLATE "C" AS student_school_completion_status,
	receiver_school COLLATE "C" AS expected_receiver_school_of_attendance,
	CASE WHEN is_graduate THEN college_courses END COLLATE "C" AS student_met_all_uc_csu_requirements_indicator,
	transfer COLLATE "C" AS student_school_transfer_code,
	residence COLLATE "C" AS district_of_geographic_residence_code,
	CASE WHEN has_golden_state_seal THEN 'Y' END COLLATE "C" AS student_golden_state_seal_merit_diploma_indicator,
	CASE WHEN has_biliteracy_seal THEN 'Y' END COLLATE "C" AS student_seal_of_biliteracy_indicator,
	transition_status COLLATE "C" AS adult_age_students_with_disabilities_in_transition_status,
	-- SENR0630, SENR0632: since the exits after June 30, 2023.
	CASE WHEN is_graduate AND exit_date > DATE '2023-06-30' THEN graduation_exemption END COLLATE "C"
		AS graduation_exemption_indicator,
	id AS student_id,
	sc,
	CASE WHEN lea_missing OR suffix_unknown OR gender_unknown OR birth_state_unknown OR birth_country_unknown
			OR status_unknown OR grade_unknown OR calendar_missing OR reason_missing OR unknown_reason_column IS NOT NULL
			OR change_unfinished OR completion_status_unknown OR transfer_unknown
		THEN jsonb_path_query_array(jsonb_build_array(
			CASE WHEN lea_missing THEN calpads.problem('reporting_lea', 'GERR0001', NULL,
				'The county and district code of the reporting LEA is blank.', 'LOC.CC and LOC.DC') END,
			CASE WHEN suffix_unknown THEN calpads.problem('student_legal_name_suffix_code', 'GERR0002', local_suffix,
				format('The name suffix %s has no CALPADS translation.', local_suffix),
				'XRF: code translations STU.SF, or STU.SF, LSI.LSF') END,
			CASE WHEN gender_unknown THEN calpads.problem('student_gender_code', 'GERR0002', local_gender,
				format('The gender %s has no CALPADS translation.', local_gender),
				'XRF: code translations STU.GN, or STU.GN, LSI.GN') END,
			CASE WHEN birth_state_unknown THEN calpads.problem('student_birth_state_province_code', 'GERR0002', local_birth_state,
				format('The birth state %s has no CALPADS translation.', local_birth_state),
				'XRF: code translations STU.BST, or STU.BST') END,
			CASE WHEN birth_country_unknown THEN calpads.problem('student_birth_country_code', 'GERR0002', local_birth_country,
				format('The birth country %s has no CALPADS translation.', local_birth_country),
				'XRF: code translations STU.BCU, or STU.BCU') END,
			CASE WHEN status_unknown THEN calpads.problem('enrollment_status_code', 'GERR0002', local_status,
				format('The program %s has no translation to an enrollment status.', local_status),
				'XRF: code translations STU.SP, or ENR.PR, STU.SP') END,
			CASE WHEN grade_unknown THEN calpads.problem('grade_level_code', 'GERR0002', local_grade,
				format('The grade %s has no CALPADS translation.', local_grade),
				'XRF: code translations STU.GR, or ENR.GR') END,
			CASE WHEN calendar_missing THEN calpads.problem('enrollment_exit_date', 'CERT112', NULL,
				format('The enrollment of %s has no leave date, and the calendar of that year has no school days.',
					calpads.academic_year(reported_start)),
				'ENR.LD, or DAY') END,
			CASE WHEN reason_missing THEN calpads.problem('student_exit_reason_code', 'GERR0001', NULL,
				'The enrollment has a leave date but no reason, and none can be inferred for a student who finishes grade 12.',
				'ENR.ER, or STU.HSG') END,
			CASE WHEN unknown_reason_column IS NOT NULL THEN calpads.problem('student_exit_reason_code', 'GERR0002', exit_reason,
				format('The exit reason %s has no CALPADS translation.', exit_reason),
				'XRF: code translations ATT.RS, or ' || unknown_reason_column) END,
			CASE WHEN change_unfinished THEN calpads.problem('student_exit_reason_code', 'CERT114', local_reason,
				format('The enrollment ends with program change %s, but no enrollment at the same school follows it.', local_reason),
				'ENR.ER') END,
			CASE WHEN completion_status_unknown THEN calpads.problem('student_school_completion_status', 'GERR0002', completion_status,
				format('The completion status %s has no CALPADS translation.', completion_status),
				'XRF: code translations STU.HSG, or STU.HSG') END,
			CASE WHEN transfer_unknown THEN calpads.problem('student_school_transfer_code', 'GERR0002', local_transfer,
				format('The transfer code %s has no CALPADS translation.', local_transfer),
				'XRF: code translations STU.IT, or ENR.IT') END
		), '$[*] ? (@ != null)') END AS problems
FROM record
$view$, '@student_condition@', student_condition);
$function$;
COMMENT ON FUNCTION calpads.senr_mapping_view(text) IS
	'definition of the mapping views senr and senr_without_ssid, for calpads.mapping_view()';

/*
 * The mapping views: one row each, with @schema@ in place of the name of the
 * SIS schema, before a table's name alone or with AS and an alias.  They are
 * made by create_sis_schema() and renewed by refresh_sis_views(); a district may put views of its own in their place.
 */
CREATE FUNCTION calpads.mapping_view() RETURNS TABLE (name text, description text, definition text)
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $function$
VALUES
('senr', 'what CALPADS should hold of the enrollments (SENR), according to the student information system',
	calpads.senr_mapping_view('btrim(stu.cid::text) <> ''''')),
('senr_without_ssid', 'the enrollments of students who have no SSID yet, for calpads.create_ssid_request()',
	calpads.senr_mapping_view('(btrim(stu.cid::text) ~ ''^0*$'' OR stu.cid IS NULL)')),
('sprg', 'what CALPADS should hold of the student programs (SPRG), according to the student information system',
	calpads.sprg_mapping_view()),
('sela', 'what CALPADS should hold of the language status (SELA), according to the student information system',
	calpads.sela_mapping_view()),
('guardian', 'contacts of the students, and which of them are parent or guardian 1 and 2 of SINF, and why', calpads.guardian_mapping_view()),
('sinf', 'what CALPADS should hold of the students (SINF), according to the student information system: each student once, from the start of the newest enrollment',
	calpads.sinf_mapping_view());
$function$;
COMMENT ON FUNCTION calpads.mapping_view() IS
	'the mapping views as the extension ships them; @schema@ stands for the quoted name of the SIS schema, '
	'@schema_literal@ for the name as a string';

/*
 * Makes or renews one mapping view as the extension ships it, and remembers
 * what it looks like.  Grants survive unless the columns of the view changed.
 * Errors: a table of the SIS lacks a column.
 */
CREATE FUNCTION calpads.make_sis_view(schema_name text, view_name text) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	qualified_name text := format('%I.%I', schema_name, view_name);
	shipped record;
	source record;
	command text;
BEGIN
	SELECT mapping_view.description, mapping_view.definition INTO STRICT shipped
		FROM calpads.mapping_view() AS mapping_view
		WHERE mapping_view.name = view_name;
	FOR source IN
		SELECT DISTINCT reference[1] AS name
		FROM regexp_matches(shipped.definition, '@schema@\.(\w+)', 'g') AS reference
	LOOP
		shipped.definition := regexp_replace(shipped.definition, format('@schema@\.%s\M(?!\s+AS\M)', source.name),
			format('@schema@.%s AS %1$s', source.name), 'g');
		shipped.definition := regexp_replace(shipped.definition, format('@schema@\.%s\M', source.name),
			replace(calpads.sis_source(schema_name, source.name), '\', '\\'), 'g');
	END LOOP;
	shipped.definition := replace(shipped.definition, '@schema_literal@', quote_literal(schema_name));
	command := format('CREATE OR REPLACE VIEW %s AS %s', qualified_name, shipped.definition);
	BEGIN
		EXECUTE command;
	EXCEPTION
		WHEN invalid_table_definition THEN
			EXECUTE format('DROP VIEW %s', qualified_name);
			EXECUTE command;
		WHEN undefined_column OR undefined_table THEN
			RAISE EXCEPTION USING
				ERRCODE = SQLSTATE,
				MESSAGE = format('mapping view %s does not fit the tables of the student information system', qualified_name),
				DETAIL = SQLERRM,
				HINT = format('Give the table that column, or make a view %s of your own first.', qualified_name);
	END;
	-- A dump restores the view from its own text, which spells out some aliases:
	-- the hash has to be that of the restored view too.
	EXECUTE format('CREATE OR REPLACE VIEW %s AS %s', qualified_name, pg_get_viewdef(qualified_name::regclass));
	EXECUTE format('COMMENT ON VIEW %s IS %L', qualified_name, shipped.description);
	INSERT INTO calpads.sis_view (schema_name, view_name, definition_hash)
		VALUES (schema_name, view_name, md5(pg_get_viewdef(qualified_name::regclass)))
		ON CONFLICT ON CONSTRAINT sis_view_pkey DO UPDATE SET definition_hash = EXCLUDED.definition_hash;
END;
$$;
COMMENT ON FUNCTION calpads.make_sis_view(text, text) IS
	'makes or renews one mapping view; part of create_sis_schema() and refresh_sis_views()';

CREATE FUNCTION calpads.make_sis_table(schema_name text, name text) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	column_list text;
	index_columns text;
BEGIN
	SELECT coalesce(string_agg(format('%I %s', sis_table.column_name, sis_table.column_type), ', ' ORDER BY sis_table.ordinal), '')
		INTO STRICT column_list
		FROM calpads.sis_table
		WHERE sis_table.table_name = name AND sis_table.column_name IS NOT NULL;
	EXECUTE format('CREATE TABLE %I.%I (%s)', schema_name, name, column_list);
	-- For the joins of the mapping views; not unique, because the SIS does not promise it.
	FOR index_columns IN
		SELECT sis_index.index_columns
		FROM (VALUES ('stu', 'id'), ('stu', 'sc, sn'), ('stu', 'cid'), ('enr', 'id, sc'), ('att', 'sc, sn'),
			('lsi', 'id'), ('cse', 'id'), ('csv', 'id'), ('ssd', 'id'), ('lac', 'id'), ('con', 'pid'), ('pgm', 'pid'),
			('fre', 'id'), ('fof', 'id'), ('gte', 'id'), ('act', 'pid'), ('adh', 'id'), ('lgd', 'id'), ('chi', 'id'),
			('day', 'sc, dt')) AS sis_index (table_name, index_columns)
		WHERE sis_index.table_name = name
	LOOP
		EXECUTE format('CREATE INDEX ON %I.%I (%s)', schema_name, name, index_columns);
	END LOOP;
END;
$$;
COMMENT ON FUNCTION calpads.make_sis_table(text, text) IS 'makes one table of the SIS; part of create_sis_schema()';

CREATE FUNCTION calpads.create_sis_schema(schema text DEFAULT NULL) RETURNS TABLE (object text, what text)
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	sis_schema text := coalesce(schema, calpads.setting('sis_schema'));
	wanted record;
BEGIN
	IF to_regnamespace(quote_ident(sis_schema)) IS NULL THEN
		EXECUTE format('CREATE SCHEMA %I', sis_schema);
		object := format('%I', sis_schema);
		what := 'schema created';
		RETURN NEXT;
	END IF;
	FOR wanted IN
		SELECT DISTINCT sis_table.table_name AS name, 1 AS step FROM calpads.sis_table
		UNION ALL
		SELECT mapping_view.name, 2 FROM calpads.mapping_view() AS mapping_view
		ORDER BY step, name
	LOOP
		object := format('%I.%I', sis_schema, wanted.name);
		IF to_regclass(object) IS NOT NULL THEN
			what := 'left alone';
		ELSIF wanted.step = 1 THEN
			PERFORM calpads.make_sis_table(sis_schema, wanted.name);
			PERFORM calpads.make_log_triggers(object::regclass, wanted.name);
			what := 'table created';
		ELSE
			PERFORM calpads.make_sis_view(sis_schema, wanted.name);
			what := 'view created';
		END IF;
		RETURN NEXT;
	END LOOP;
	RETURN QUERY
	SELECT format('change log of %s', t.relation), t.obstacle
	FROM calpads.unlogged_tables(sis_schema) AS t
	ORDER BY t.relation::text COLLATE "C";
END;
$$;
COMMENT ON FUNCTION calpads.create_sis_schema(text) IS
	'makes the tables of the SIS and the mapping views over them, as ordinary objects of the caller, in the schema '
	'(null: the one of the setting calpads.sis_schema), with triggers that log changes; what exists under such a name is '
	'left alone, and named when its changes are not logged';

CREATE FUNCTION calpads.refresh_sis_views(schema text DEFAULT NULL) RETURNS TABLE (object text, what text)
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	sis_schema text := coalesce(schema, calpads.setting('sis_schema'));
	shipped record;
BEGIN
	FOR shipped IN
		SELECT mapping_view.name, to_regclass(format('%I.%I', sis_schema, mapping_view.name)) AS present,
			sis_view.definition_hash
		FROM calpads.mapping_view() AS mapping_view
		LEFT JOIN calpads.sis_view ON sis_view.schema_name = sis_schema AND sis_view.view_name = mapping_view.name
		ORDER BY mapping_view.name
	LOOP
		object := format('%I.%I', sis_schema, shipped.name);
		IF shipped.present IS NOT NULL AND shipped.definition_hash IS NULL THEN
			what := 'left alone';
		ELSIF shipped.present IS NOT NULL
			AND md5(coalesce(pg_get_viewdef(shipped.present), '')) <> shipped.definition_hash THEN
			what := 'left alone: changed by hand';
		ELSE
			PERFORM calpads.make_sis_view(sis_schema, shipped.name);
			what := CASE WHEN shipped.present IS NULL THEN 'view created' ELSE 'view renewed' END;
		END IF;
		RETURN NEXT;
	END LOOP;
END;
$$;
COMMENT ON FUNCTION calpads.refresh_sis_views(text) IS
	'renews the mapping views of a SIS schema (null: the one of the setting) after an update of the extension; views that '
	'were changed by hand or made by the district are left alone';

-- ---------------------------------------------------------------------------
-- 6. Reading files: foreign tables and loads
--
-- The tables have no foreign keys between them (a parallel restore would lose
-- rows), and those that load_ods fills directly have no index, trigger or
-- check constraint.
-- ---------------------------------------------------------------------------

CREATE FUNCTION calpads.calpads_fdw_handler() RETURNS fdw_handler
	LANGUAGE c STRICT
	AS 'MODULE_PATHNAME', 'calpads_fdw_handler';
COMMENT ON FUNCTION calpads.calpads_fdw_handler() IS 'handler of calpads_fdw';

CREATE FUNCTION calpads.calpads_fdw_validator(options text[], catalog oid) RETURNS void
	LANGUAGE c STRICT
	AS 'MODULE_PATHNAME', 'calpads_fdw_validator';
COMMENT ON FUNCTION calpads.calpads_fdw_validator(text[], oid) IS 'validator of calpads_fdw';

CREATE FOREIGN DATA WRAPPER calpads_fdw
	HANDLER calpads.calpads_fdw_handler
	VALIDATOR calpads.calpads_fdw_validator;
COMMENT ON FOREIGN DATA WRAPPER calpads_fdw IS
	'reads files of the layouts in calpads.layout; options of a foreign table: layout, filename (absolute path; needs pg_read_server_files), '
	'layout_year (as 2025-2026; default: the current one), on_error (stop, skip), encoding (auto, utf8, windows-1252); '
	'the last three may also be set for the server';

CREATE SERVER calpads_files FOREIGN DATA WRAPPER calpads_fdw;
COMMENT ON SERVER calpads_files IS 'files on the disk of the database server';

CREATE TABLE calpads.load (
	load_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	process text COLLATE "C" NOT NULL,
	lea text COLLATE "C" NOT NULL,
	file_name text NOT NULL,
	sha256 text COLLATE "C",
	bytes bigint,
	layout text COLLATE "C" NOT NULL,
	layout_year text COLLATE "C" NOT NULL,
	rows_read bigint NOT NULL DEFAULT 0,
	rows_loaded bigint NOT NULL DEFAULT 0,
	rows_rejected bigint NOT NULL DEFAULT 0,
	loaded_at timestamptz NOT NULL DEFAULT now(),
	loaded_by text NOT NULL DEFAULT session_user,
	closed_at timestamptz
);
COMMENT ON TABLE calpads.load IS 'files from CALPADS that were loaded';
COMMENT ON COLUMN calpads.load.load_id IS 'number of the load';
COMMENT ON COLUMN calpads.load.process IS 'kind of data, as SENR';
COMMENT ON COLUMN calpads.load.lea IS 'reporting LEA (7 digits) whose file it is';
COMMENT ON COLUMN calpads.load.file_name IS 'name of the file without its folder';
COMMENT ON COLUMN calpads.load.sha256 IS 'SHA-256 of the file''s bytes in hexadecimal digits';
COMMENT ON COLUMN calpads.load.bytes IS 'size of the file';
COMMENT ON COLUMN calpads.load.layout IS 'layout by which it was read';
COMMENT ON COLUMN calpads.load.layout_year IS 'academic year of the layout';
COMMENT ON COLUMN calpads.load.rows_read IS 'records of the file';
COMMENT ON COLUMN calpads.load.rows_loaded IS 'records that were taken';
COMMENT ON COLUMN calpads.load.rows_rejected IS 'records that were set aside in calpads.load_error';
COMMENT ON COLUMN calpads.load.loaded_at IS 'end of the load';
COMMENT ON COLUMN calpads.load.loaded_by IS 'user of the session that loaded it';
COMMENT ON COLUMN calpads.load.closed_at IS 'when a newer load took its place; null: it is current';

CREATE TABLE calpads.load_error (
	load_id bigint NOT NULL,
	line_no bigint NOT NULL,
	field text COLLATE "C",
	rule text COLLATE "C",
	message text NOT NULL,
	line text NOT NULL,
	ssid text COLLATE "C",
	local_student_id text COLLATE "C"
);
COMMENT ON TABLE calpads.load_error IS
	'records that were set aside, one row for each error; the student of such a record is held, because half of its picture is missing';
COMMENT ON COLUMN calpads.load_error.load_id IS 'the load: calpads.load';
COMMENT ON COLUMN calpads.load_error.line_no IS 'line of the file, from 1';
COMMENT ON COLUMN calpads.load_error.field IS 'column name of the bad field; null: the record as a whole';
COMMENT ON COLUMN calpads.load_error.rule IS 'number of the CALPADS rule; null: there is none';
COMMENT ON COLUMN calpads.load_error.message IS 'what is wrong';
COMMENT ON COLUMN calpads.load_error.line IS 'the whole line';
COMMENT ON COLUMN calpads.load_error.ssid IS 'SSID, where it could be read';
COMMENT ON COLUMN calpads.load_error.local_student_id IS 'local student ID, where it could be read';

-- The columns are those of layout senr_ods of the current year; they are loaded
-- by their names, so columns of later years can be added anywhere.
CREATE TABLE calpads.senr_baseline (
	load_id bigint NOT NULL,
	line_no bigint NOT NULL,
	record_type_code text COLLATE "C",
	transaction_type_code text COLLATE "C",
	local_record_id text COLLATE "C",
	reporting_lea text COLLATE "C" NOT NULL,
	school_of_attendance text COLLATE "C" NOT NULL,
	school_of_attendance_nps text COLLATE "C",
	academic_year_id text COLLATE "C",
	ssid text COLLATE "C" NOT NULL,
	local_student_id text COLLATE "C",
	student_legal_first_name text COLLATE "C",
	student_legal_middle_name text COLLATE "C",
	student_legal_last_name text COLLATE "C",
	student_legal_name_suffix_code text COLLATE "C",
	student_alias_first_name text COLLATE "C",
	student_alias_middle_name text COLLATE "C",
	student_alias_last_name text COLLATE "C",
	student_birth_date date,
	student_gender_code text COLLATE "C",
	student_birth_city text COLLATE "C",
	student_birth_state_province_code text COLLATE "C",
	student_birth_country_code text COLLATE "C",
	enrollment_start_date date NOT NULL,
	enrollment_status_code text COLLATE "C" NOT NULL,
	grade_level_code text COLLATE "C",
	enrollment_exit_date date,
	student_exit_reason_code text COLLATE "C",
	student_school_completion_status text COLLATE "C",
	expected_receiver_school_of_attendance text COLLATE "C",
	student_met_all_uc_csu_requirements_indicator text COLLATE "C",
	student_school_transfer_code text COLLATE "C",
	district_of_geographic_residence_code text COLLATE "C",
	student_golden_state_seal_merit_diploma_indicator text COLLATE "C",
	student_seal_of_biliteracy_indicator text COLLATE "C",
	adult_age_students_with_disabilities_in_transition_status text COLLATE "C",
	graduation_exemption_indicator text COLLATE "C",
	upload_date text COLLATE "C",
	last_date_updated text COLLATE "C"
);
COMMENT ON TABLE calpads.senr_baseline IS
	'records of the SENR ODS extracts (layout senr_ods), of all loads; blanks are null; within a load the key '
	'(school_of_attendance, ssid, enrollment_start_date) is unique';
COMMENT ON COLUMN calpads.senr_baseline.load_id IS 'the load: calpads.load';
COMMENT ON COLUMN calpads.senr_baseline.line_no IS 'line of the file, from 1';

-- The columns are those of layout sprg_ods of the current year.
CREATE TABLE calpads.sprg_baseline (
	load_id bigint NOT NULL,
	line_no bigint NOT NULL,
	record_type_code text COLLATE "C",
	transaction_type_code text COLLATE "C",
	local_record_id text COLLATE "C",
	reporting_lea text COLLATE "C" NOT NULL,
	school_of_attendance text COLLATE "C" NOT NULL,
	academic_year_id text COLLATE "C",
	ssid text COLLATE "C" NOT NULL,
	local_student_id text COLLATE "C",
	student_legal_first_name text COLLATE "C",
	student_legal_last_name text COLLATE "C",
	student_birth_date date,
	student_gender_code text COLLATE "C",
	education_program_code text COLLATE "C" NOT NULL,
	education_program_membership_code text COLLATE "C",
	education_program_membership_start_date date NOT NULL,
	education_program_membership_end_date date,
	education_service_academic_year text COLLATE "C",
	education_service_code text COLLATE "C",
	california_partnership_academy_id text COLLATE "C",
	migrant_student_id text COLLATE "C",
	filler_1 text COLLATE "C",
	filler_2 text COLLATE "C",
	homeless_dwelling_type_code text COLLATE "C",
	unaccompanied_youth_indicator text COLLATE "C",
	runaway_youth_indicator text COLLATE "C",
	filler_3 text COLLATE "C",
	upload_date text COLLATE "C",
	last_date_updated text COLLATE "C"
);
COMMENT ON TABLE calpads.sprg_baseline IS
	'records of the SPRG ODS extracts (layout sprg_ods), of all loads; blanks are null; within a load the key '
	'(school_of_attendance, ssid, education_program_code, education_program_membership_start_date, '
	'education_service_academic_year, education_service_code) is unique, null being a value like others';
COMMENT ON COLUMN calpads.sprg_baseline.load_id IS 'the load: calpads.load';
COMMENT ON COLUMN calpads.sprg_baseline.line_no IS 'line of the file, from 1';

CREATE TABLE calpads.current_load (
	process text COLLATE "C" NOT NULL,
	lea text COLLATE "C" NOT NULL,
	load_id bigint NOT NULL,
	PRIMARY KEY (process, lea)
);
COMMENT ON TABLE calpads.current_load IS
	'the load that is the baseline of a process and LEA; the lock on its row serialises loads, posts and extracts';
COMMENT ON COLUMN calpads.current_load.process IS 'kind of data, as SENR';
COMMENT ON COLUMN calpads.current_load.lea IS 'reporting LEA (7 digits)';
COMMENT ON COLUMN calpads.current_load.load_id IS 'the load: calpads.load';

SELECT pg_catalog.pg_extension_config_dump('calpads.load', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.load_load_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.load_error', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.senr_baseline', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.sprg_baseline', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.current_load', '');

CREATE FUNCTION calpads.load_ods(process text, path text, content bytea DEFAULT NULL, layout_year text DEFAULT NULL)
	RETURNS calpads.load
	LANGUAGE c VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'calpads_load_ods';
COMMENT ON FUNCTION calpads.load_ods(text, text, bytea, text) IS
	'loads an ODS extract (process SENR, SPRG, SINF or SELA) as the new baseline of its LEA: a file of the server by its absolute path (needs pg_read_server_files), '
	'or content, whose name is path; layout_year is the academic year of an old file. Bad rows are set aside in calpads.load_error; '
	'a wrong file is refused and changes nothing';

-- A day that does not exist is no date, and no error either.
CREATE FUNCTION calpads.file_date(value text) RETURNS date
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	part integer[];
BEGIN
	part := coalesce(
		regexp_match(value, '^(\d{4})(\d\d)(\d\d)$'),
		regexp_match(value, '^(\d{4})-(\d\d?)-(\d\d?)(?:[ T].*)?$'),
		(SELECT ARRAY[m[3], m[1], m[2]] FROM regexp_match(value, '^(\d\d?)/(\d\d?)/(\d{4})(?: .*)?$') m));
	IF part[1] NOT BETWEEN 1900 AND 2199 OR part[2] NOT BETWEEN 1 AND 12 OR part[3] < 1
			OR part[3] > date_part('day', make_date(part[1], part[2], 1) + interval '1 month - 1 day') THEN
		RETURN NULL;
	END IF;
	RETURN make_date(part[1], part[2], part[3]);
END;
$$;
COMMENT ON FUNCTION calpads.file_date(text) IS
	'a date written CCYYMMDD, CCYY-MM-DD or MM/DD/CCYY, perhaps with a time behind it; null: it is none of these';

-- Files on their way from a client.  A row lives from its upload to its load,
-- so the table is unlogged and not dumped; a crash of the server empties it.
CREATE UNLOGGED TABLE calpads.upload (
	upload_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	name text NOT NULL,
	content bytea NOT NULL,
	uploaded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	uploaded_by text NOT NULL DEFAULT session_user
);
-- To compress hundreds of megabytes takes longer than to load them.
ALTER TABLE calpads.upload ALTER COLUMN content SET STORAGE EXTERNAL;
COMMENT ON TABLE calpads.upload IS
	'files of clients that wait to be loaded: \copy calpads.upload from ''SENR.txt'' with (format calpads, name ''SENR.txt''), '
	'then calpads.load_upload(); any function with a parameter content can be given one';
COMMENT ON COLUMN calpads.upload.upload_id IS 'number of the upload; lastval() after the COPY';
COMMENT ON COLUMN calpads.upload.name IS 'name of the file';
COMMENT ON COLUMN calpads.upload.content IS 'its bytes, up to 1 GB';
COMMENT ON COLUMN calpads.upload.uploaded_by IS 'user of the session that uploaded it';

CREATE FUNCTION calpads.load_upload(upload_id bigint, process text, layout_year text DEFAULT NULL)
	RETURNS calpads.load
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	loaded calpads.load;
BEGIN
	SELECT l.* INTO loaded
	FROM calpads.upload u, calpads.load_ods(process, u.name, u.content, layout_year) l
	WHERE u.upload_id = load_upload.upload_id;
	IF loaded.load_id IS NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'undefined_object',
			MESSAGE = format('there is no upload %s', coalesce(upload_id::text, 'without a number')),
			HINT = 'calpads.upload lists them; an upload goes away when it has been loaded.';
	END IF;
	DELETE FROM calpads.upload u WHERE u.upload_id = load_upload.upload_id;
	RETURN loaded;
END;
$$;
COMMENT ON FUNCTION calpads.load_upload(bigint, text, text) IS
	'loads an upload as calpads.load_ods() does, and removes it';

-- ---------------------------------------------------------------------------
-- 7. The difference: what CALPADS holds, what it should hold, and the operations
-- ---------------------------------------------------------------------------

CREATE TYPE calpads.senr AS (
	record_type_code text COLLATE "C",
	transaction_type_code text COLLATE "C",
	local_record_id text COLLATE "C",
	reporting_lea text COLLATE "C",
	school_of_attendance text COLLATE "C",
	school_of_attendance_nps text COLLATE "C",
	academic_year_id text COLLATE "C",
	ssid text COLLATE "C",
	local_student_id text COLLATE "C",
	student_legal_first_name text COLLATE "C",
	student_legal_middle_name text COLLATE "C",
	student_legal_last_name text COLLATE "C",
	student_legal_name_suffix_code text COLLATE "C",
	student_alias_first_name text COLLATE "C",
	student_alias_middle_name text COLLATE "C",
	student_alias_last_name text COLLATE "C",
	student_birth_date date,
	student_gender_code text COLLATE "C",
	student_birth_city text COLLATE "C",
	student_birth_state_province_code text COLLATE "C",
	student_birth_country_code text COLLATE "C",
	enrollment_start_date date,
	enrollment_status_code text COLLATE "C",
	grade_level_code text COLLATE "C",
	enrollment_exit_date date,
	student_exit_reason_code text COLLATE "C",
	student_school_completion_status text COLLATE "C",
	expected_receiver_school_of_attendance text COLLATE "C",
	student_met_all_uc_csu_requirements_indicator text COLLATE "C",
	student_school_transfer_code text COLLATE "C",
	district_of_geographic_residence_code text COLLATE "C",
	student_golden_state_seal_merit_diploma_indicator text COLLATE "C",
	student_seal_of_biliteracy_indicator text COLLATE "C",
	adult_age_students_with_disabilities_in_transition_status text COLLATE "C",
	graduation_exemption_indicator text COLLATE "C"
);
COMMENT ON TYPE calpads.senr IS 'a SENR record: fields 1.01 to 1.35 of the current layout';

CREATE TABLE calpads.batch (
	batch_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	process text COLLATE "C" NOT NULL,
	lea text COLLATE "C" NOT NULL,
	load_id bigint,
	today date NOT NULL,
	encoding text NOT NULL,
	forced boolean NOT NULL,
	verdict text CHECK (verdict IN ('accepted', 'refused')),
	verdict_detail text,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	created_by text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE calpads.batch IS 'one run of create_extract for one LEA: the files that belong together';
COMMENT ON COLUMN calpads.batch.load_id IS
	'the ODS load that was the baseline; of an updated file of the process SSID, the SENR load over which it was posted; '
	'null: the files are no difference to one';
COMMENT ON COLUMN calpads.batch.today IS 'the day that counted as today';
COMMENT ON COLUMN calpads.batch.forced IS 'made although a guard spoke against it';
COMMENT ON COLUMN calpads.batch.verdict IS
	'what the rehearsal said when the batch was made; null: there is no rehearsal of the process';
COMMENT ON COLUMN calpads.batch.verdict_detail IS 'the verdict in a sentence, for history; no names, no SSIDs';

CREATE TABLE calpads.extract_file (
	file_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	batch_id bigint NOT NULL,
	process text COLLATE "C" NOT NULL,
	lea text COLLATE "C" NOT NULL,
	seq integer NOT NULL,
	category text NOT NULL,
	file_name text NOT NULL,
	records bigint NOT NULL,
	status text NOT NULL DEFAULT 'Waiting'
		CHECK (status IN ('Post', 'Waiting', 'Posted', 'Rejected', 'Obsolete', 'Legacy')),
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	created_by text NOT NULL DEFAULT session_user,
	posted_at timestamptz,
	posted_by text,
	post_order bigint,
	obsoleted_by bigint,
	note text,
	UNIQUE (batch_id, seq)
);
COMMENT ON TABLE calpads.extract_file IS 'a numbered file of a batch and where it is in its life';
COMMENT ON COLUMN calpads.extract_file.post_order IS 'posted files in the order of their posting';
COMMENT ON COLUMN calpads.extract_file.obsoleted_by IS
	'the file whose posting made this one obsolete; 0 when a new ODS load or a posting taken back did';

CREATE SEQUENCE calpads.post_order;
COMMENT ON SEQUENCE calpads.post_order IS 'order in which files were posted';

CREATE TABLE calpads.file_event (
	event_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	file_id bigint NOT NULL,
	status text NOT NULL,
	note text,
	happened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	happened_by text NOT NULL DEFAULT session_user
);
CREATE INDEX ON calpads.file_event (file_id);
COMMENT ON TABLE calpads.file_event IS 'every change of a file''s status, with time and person';

CREATE TABLE calpads.extract_record (
	file_id bigint NOT NULL,
	line_no bigint NOT NULL,
	ssid text COLLATE "C",
	key text COLLATE "C" NOT NULL,
	transaction_type text NOT NULL,
	reason text NOT NULL,
	explanation text NOT NULL,
	changed jsonb NOT NULL,
	line text NOT NULL,
	after_exit date,
	PRIMARY KEY (file_id, line_no)
);
CREATE INDEX ON calpads.extract_record (ssid);
COMMENT ON TABLE calpads.extract_record IS 'the records of the files, as they were sent and why';
COMMENT ON COLUMN calpads.extract_record.key IS
	'operational key, its parts separated by a caret; SENR: school, SSID, start date; SPRG: school, SSID, program, start '
	'date, service year, service';
COMMENT ON COLUMN calpads.extract_record.changed IS 'changed fields: {"field": [before, after]}';
COMMENT ON COLUMN calpads.extract_record.line IS 'the record without its CR LF';
COMMENT ON COLUMN calpads.extract_record.after_exit IS
	'SPRG: CALPADS would close the program again with the exit of this day from the school; SENR posts it first';

CREATE TABLE calpads.batch_held (
	batch_id bigint NOT NULL,
	local_student_id text,
	ssid text COLLATE "C",
	school_of_attendance text,
	enrollment_start_date date,
	rule text NOT NULL,
	field text,
	value text,
	explanation text NOT NULL,
	fix text,
	education_program_code text COLLATE "C",
	membership_start_date date
);
CREATE INDEX ON calpads.batch_held (batch_id);
COMMENT ON TABLE calpads.batch_held IS 'what was held when the batch was made, and why';

CREATE TABLE calpads.batch_warning (
	batch_id bigint NOT NULL,
	local_student_id text,
	ssid text COLLATE "C",
	school_of_attendance text,
	enrollment_start_date date,
	rule text NOT NULL,
	field text,
	value text,
	explanation text NOT NULL,
	fix text,
	education_program_code text COLLATE "C",
	membership_start_date date
);
CREATE INDEX ON calpads.batch_warning (batch_id);
COMMENT ON TABLE calpads.batch_warning IS 'rules that records of the batch break and that do not refuse them';

CREATE TABLE calpads.protected_ssid (
	ssid text COLLATE "C" PRIMARY KEY CHECK (ssid ~ '^[0-9]{10}$'),
	note text,
	added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	added_by text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE calpads.protected_ssid IS 'students of whom no row is removed from CALPADS';

SELECT pg_catalog.pg_extension_config_dump('calpads.batch', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.batch_batch_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.extract_file', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.extract_file_file_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.post_order', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.file_event', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.file_event_event_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.extract_record', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.batch_held', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.batch_warning', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.protected_ssid', '');

-- Written by apply_ssid_replacement(); nothing that was loaded or posted is
-- changed, it only counts under another SSID.  Chains are resolved.
CREATE TABLE calpads.ssid_replacement (
	retired_ssid text COLLATE "C" PRIMARY KEY,
	replacement_ssid text COLLATE "C" NOT NULL,
	load_id bigint NOT NULL,
	applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	applied_by text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE calpads.ssid_replacement IS
	'retired SSIDs under which CALPADS'' records were loaded or posted, and the SSIDs under which it holds them now';
COMMENT ON COLUMN calpads.ssid_replacement.load_id IS 'the Replacement SSIDs extract: calpads.load';
SELECT pg_catalog.pg_extension_config_dump('calpads.ssid_replacement', '');

CREATE FUNCTION calpads.line_with_ssid(line text, ssid text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(regexp_replace(line, '^((?:[^^]*\^){7})[^^]*', '\1' || ssid), line)
$$;
COMMENT ON FUNCTION calpads.line_with_ssid(text, text) IS
	'a record line with another SSID, the eighth field; null leaves the line as it is';

-- A record line in the shape of the layout.
CREATE FUNCTION calpads.senr_record(line text) RETURNS SETOF calpads.senr
	LANGUAGE sql STABLE ROWS 1 PARALLEL SAFE
BEGIN ATOMIC
	SELECT
		NULLIF(f[1], ''),
		NULLIF(f[2], ''),
		NULLIF(f[3], ''),
		NULLIF(f[4], ''),
		NULLIF(f[5], ''),
		NULLIF(f[6], ''),
		NULLIF(f[7], ''),
		NULLIF(f[8], ''),
		NULLIF(f[9], ''),
		NULLIF(f[10], ''),
		NULLIF(f[11], ''),
		NULLIF(f[12], ''),
		NULLIF(f[13], ''),
		NULLIF(f[14], ''),
		NULLIF(f[15], ''),
		NULLIF(f[16], ''),
		to_date(NULLIF(f[17], ''), 'YYYYMMDD'),
		NULLIF(f[18], ''),
		NULLIF(f[19], ''),
		NULLIF(f[20], ''),
		NULLIF(f[21], ''),
		to_date(NULLIF(f[22], ''), 'YYYYMMDD'),
		NULLIF(f[23], ''),
		NULLIF(f[24], ''),
		to_date(NULLIF(f[25], ''), 'YYYYMMDD'),
		NULLIF(f[26], ''),
		NULLIF(f[27], ''),
		NULLIF(f[28], ''),
		NULLIF(f[29], ''),
		NULLIF(f[30], ''),
		NULLIF(f[31], ''),
		NULLIF(f[32], ''),
		NULLIF(f[33], ''),
		NULLIF(f[34], ''),
		NULLIF(f[35], '')
	FROM string_to_array(line, '^') AS f;
END;
COMMENT ON FUNCTION calpads.senr_record(text) IS 'the fields of a SENR record line';

-- The rows of ODS loads, overlaid with the records of files in the order of
-- the array: of a key the last file counts, and a D takes the row away
-- (DESIGN section 1; spec/senr.md section 4).  Replaced SSIDs count as their
-- replacements, and where that brings two rows of one key together, the one
-- that had the replacement all along counts.  A body without a search_path of
-- its own, so that the planner can look inside; the arguments are read by
-- sub-selects, so that they are worked out once.
CREATE FUNCTION calpads.senr_picture(loads bigint[], files bigint[])
	RETURNS TABLE (
		record_type_code text,
		transaction_type_code text,
		local_record_id text,
		reporting_lea text,
		school_of_attendance text,
		school_of_attendance_nps text,
		academic_year_id text,
		ssid text,
		local_student_id text,
		student_legal_first_name text,
		student_legal_middle_name text,
		student_legal_last_name text,
		student_legal_name_suffix_code text,
		student_alias_first_name text,
		student_alias_middle_name text,
		student_alias_last_name text,
		student_birth_date date,
		student_gender_code text,
		student_birth_city text,
		student_birth_state_province_code text,
		student_birth_country_code text,
		enrollment_start_date date,
		enrollment_status_code text,
		grade_level_code text,
		enrollment_exit_date date,
		student_exit_reason_code text,
		student_school_completion_status text,
		expected_receiver_school_of_attendance text,
		student_met_all_uc_csu_requirements_indicator text,
		student_school_transfer_code text,
		district_of_geographic_residence_code text,
		student_golden_state_seal_merit_diploma_indicator text,
		student_seal_of_biliteracy_indicator text,
		adult_age_students_with_disabilities_in_transition_status text,
		graduation_exemption_indicator text,
		load_id bigint)
	LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH posted AS (
		SELECT DISTINCT ON (t.load_id, k.school_of_attendance, k.ssid, k.enrollment_start_date)
			t.load_id,
			k.school_of_attendance,
			k.ssid,
			k.enrollment_start_date,
			r.transaction_type,
			r.line
		FROM unnest(files) WITH ORDINALITY AS o (file_id, place)
			JOIN calpads.extract_file f ON f.file_id = o.file_id
			JOIN calpads.batch t ON t.batch_id = f.batch_id
			JOIN calpads.extract_record r ON r.file_id = f.file_id
			LEFT JOIN calpads.ssid_replacement m ON m.retired_ssid = r.ssid
			CROSS JOIN LATERAL (SELECT split_part(r.key, '^', 1) COLLATE "C" AS school_of_attendance,
				coalesce(m.replacement_ssid, r.ssid) AS ssid,
				to_date(split_part(r.key, '^', 3), 'YYYYMMDD') AS enrollment_start_date) AS k
		-- Of a student whose new SSID has not come yet nobody knows the key.
		WHERE r.ssid IS NOT NULL
		ORDER BY t.load_id, k.school_of_attendance, k.ssid, k.enrollment_start_date, o.place DESC
	)
	SELECT
		'SENR',
		NULL,
		b.local_record_id,
		b.reporting_lea,
		b.school_of_attendance,
		b.school_of_attendance_nps,
		b.academic_year_id,
		coalesce(m.replacement_ssid, b.ssid),
		b.local_student_id,
		b.student_legal_first_name,
		b.student_legal_middle_name,
		b.student_legal_last_name,
		b.student_legal_name_suffix_code,
		b.student_alias_first_name,
		b.student_alias_middle_name,
		b.student_alias_last_name,
		b.student_birth_date,
		b.student_gender_code,
		b.student_birth_city,
		b.student_birth_state_province_code,
		b.student_birth_country_code,
		b.enrollment_start_date,
		b.enrollment_status_code,
		b.grade_level_code,
		b.enrollment_exit_date,
		b.student_exit_reason_code,
		b.student_school_completion_status,
		b.expected_receiver_school_of_attendance,
		b.student_met_all_uc_csu_requirements_indicator,
		b.student_school_transfer_code,
		b.district_of_geographic_residence_code,
		b.student_golden_state_seal_merit_diploma_indicator,
		b.student_seal_of_biliteracy_indicator,
		b.adult_age_students_with_disabilities_in_transition_status,
		b.graduation_exemption_indicator,
		b.load_id
	FROM calpads.senr_baseline b LEFT JOIN calpads.ssid_replacement m ON m.retired_ssid = b.ssid
	WHERE b.load_id = ANY ((SELECT loads)::bigint[])
		-- NOT IN, because its hash table is there whatever the planner believes of
		-- tables that were filled a minute ago; no part of a key is ever null.
		AND (b.load_id, coalesce(m.replacement_ssid, b.ssid), b.school_of_attendance, b.enrollment_start_date) NOT IN (
			SELECT p.load_id, p.ssid, p.school_of_attendance, p.enrollment_start_date
			FROM posted p)
		AND (m.retired_ssid IS NULL OR (b.load_id, b.line_no) NOT IN (
			SELECT o.load_id, o.line_no
			FROM (SELECT n.load_id, n.line_no, row_number() OVER (PARTITION BY n.load_id,
						coalesce(x.replacement_ssid, n.ssid), n.school_of_attendance, n.enrollment_start_date
						ORDER BY x.retired_ssid IS NOT NULL, n.line_no) AS place
				FROM calpads.senr_baseline n LEFT JOIN calpads.ssid_replacement x ON x.retired_ssid = n.ssid
				WHERE n.ssid IN (SELECT e.retired_ssid FROM calpads.ssid_replacement e
					UNION ALL SELECT e.replacement_ssid FROM calpads.ssid_replacement e)) AS o
			WHERE o.place > 1))
	UNION ALL
	SELECT
		'SENR',
		NULL,
		r.local_record_id,
		r.reporting_lea,
		r.school_of_attendance,
		r.school_of_attendance_nps,
		r.academic_year_id,
		p.ssid,
		r.local_student_id,
		r.student_legal_first_name,
		r.student_legal_middle_name,
		r.student_legal_last_name,
		r.student_legal_name_suffix_code,
		r.student_alias_first_name,
		r.student_alias_middle_name,
		r.student_alias_last_name,
		r.student_birth_date,
		r.student_gender_code,
		r.student_birth_city,
		r.student_birth_state_province_code,
		r.student_birth_country_code,
		r.enrollment_start_date,
		r.enrollment_status_code,
		r.grade_level_code,
		r.enrollment_exit_date,
		r.student_exit_reason_code,
		r.student_school_completion_status,
		r.expected_receiver_school_of_attendance,
		r.student_met_all_uc_csu_requirements_indicator,
		r.student_school_transfer_code,
		r.district_of_geographic_residence_code,
		r.student_golden_state_seal_merit_diploma_indicator,
		r.student_seal_of_biliteracy_indicator,
		r.adult_age_students_with_disabilities_in_transition_status,
		r.graduation_exemption_indicator,
		p.load_id
	FROM posted p, calpads.senr_record(p.line) AS r
	WHERE p.transaction_type <> 'D';
END;
COMMENT ON FUNCTION calpads.senr_picture(bigint[], bigint[]) IS
	'what CALPADS held after ODS loads and the posting of files, in the order of the array';

CREATE FUNCTION calpads.current_loads(process text) RETURNS bigint[]
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT array_agg(c.load_id ORDER BY c.load_id)
	FROM calpads.current_load c
	WHERE c.process = current_loads.process
$$;
COMMENT ON FUNCTION calpads.current_loads(text) IS 'the ODS loads that are the baselines of a process, one for each LEA';

-- Programs are closed by the exits that SENR posts (section 8), so what SPRG
-- holds rests on those files too.
CREATE FUNCTION calpads.posted_files(process text) RETURNS bigint[]
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT array_agg(f.file_id ORDER BY f.post_order)
	FROM calpads.current_load c
		JOIN calpads.load l ON l.load_id = c.load_id
		JOIN calpads.extract_file f ON f.lea = c.lea AND f.status = 'Posted'
		JOIN calpads.batch b ON b.batch_id = f.batch_id
	WHERE c.process = posted_files.process
		AND (b.load_id = c.load_id
			OR (c.process = 'SPRG' AND f.process = 'SENR' AND f.posted_at > l.loaded_at))
$$;
COMMENT ON FUNCTION calpads.posted_files(text) IS
	'the files that were posted since the ODS loads of a process and that change what CALPADS holds of it, in the order of '
	'their posting';

CREATE VIEW calpads.ods_senr AS
SELECT
	p.record_type_code COLLATE "C" AS record_type_code,
	p.transaction_type_code COLLATE "C" AS transaction_type_code,
	p.local_record_id COLLATE "C" AS local_record_id,
	p.reporting_lea COLLATE "C" AS reporting_lea,
	p.school_of_attendance COLLATE "C" AS school_of_attendance,
	p.school_of_attendance_nps COLLATE "C" AS school_of_attendance_nps,
	p.academic_year_id COLLATE "C" AS academic_year_id,
	p.ssid COLLATE "C" AS ssid,
	p.local_student_id COLLATE "C" AS local_student_id,
	p.student_legal_first_name COLLATE "C" AS student_legal_first_name,
	p.student_legal_middle_name COLLATE "C" AS student_legal_middle_name,
	p.student_legal_last_name COLLATE "C" AS student_legal_last_name,
	p.student_legal_name_suffix_code COLLATE "C" AS student_legal_name_suffix_code,
	p.student_alias_first_name COLLATE "C" AS student_alias_first_name,
	p.student_alias_middle_name COLLATE "C" AS student_alias_middle_name,
	p.student_alias_last_name COLLATE "C" AS student_alias_last_name,
	p.student_birth_date,
	p.student_gender_code COLLATE "C" AS student_gender_code,
	p.student_birth_city COLLATE "C" AS student_birth_city,
	p.student_birth_state_province_code COLLATE "C" AS student_birth_state_province_code,
	p.student_birth_country_code COLLATE "C" AS student_birth_country_code,
	p.enrollment_start_date,
	p.enrollment_status_code COLLATE "C" AS enrollment_status_code,
	p.grade_level_code COLLATE "C" AS grade_level_code,
	p.enrollment_exit_date,
	p.student_exit_reason_code COLLATE "C" AS student_exit_reason_code,
	p.student_school_completion_status COLLATE "C" AS student_school_completion_status,
	p.expected_receiver_school_of_attendance COLLATE "C" AS expected_receiver_school_of_attendance,
	p.student_met_all_uc_csu_requirements_indicator COLLATE "C" AS student_met_all_uc_csu_requirements_indicator,
	p.student_school_transfer_code COLLATE "C" AS student_school_transfer_code,
	p.district_of_geographic_residence_code COLLATE "C" AS district_of_geographic_residence_code,
	p.student_golden_state_seal_merit_diploma_indicator COLLATE "C" AS student_golden_state_seal_merit_diploma_indicator,
	p.student_seal_of_biliteracy_indicator COLLATE "C" AS student_seal_of_biliteracy_indicator,
	p.adult_age_students_with_disabilities_in_transition_status COLLATE "C" AS adult_age_students_with_disabilities_in_transition_status,
	p.graduation_exemption_indicator COLLATE "C" AS graduation_exemption_indicator,
	p.load_id
FROM calpads.senr_picture(calpads.current_loads('SENR'), calpads.posted_files('SENR')) AS p;
COMMENT ON VIEW calpads.ods_senr IS
	'what CALPADS holds: the last ODS load overlaid with every file posted since';

-- The two queries that the comparison reads: the fields in their order and
-- types, then what the mapping found wrong.  A district's own view may have
-- more columns, in any order, but not fewer.

CREATE FUNCTION calpads.picture_fields(
	process text,
	relation regclass,
	named boolean DEFAULT true,
	trimmed boolean DEFAULT true
) RETURNS text
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	fields text;
	missing text;
BEGIN
	-- The keys of a district's own view may be padded with blanks.
	SELECT string_agg(format(CASE WHEN trimmed AND relation <> format('calpads.ods_%s', lower(process))::regclass
				AND t.attname IN ('reporting_lea', 'school_of_attendance', 'ssid', 'education_program_code',
					'education_service_academic_year', 'education_service_code')
				THEN 'btrim(p.%1$I::%2$s)' ELSE 'p.%1$I::%2$s' END
				|| CASE WHEN named THEN ' AS %1$I' ELSE '' END,
				t.attname, format_type(t.atttypid, NULL)),
			', ' ORDER BY t.attnum),
		string_agg(t.attname::text, ', ' ORDER BY t.attnum) FILTER (WHERE r.attname IS NULL)
	INTO fields, missing
	FROM pg_type y
		JOIN pg_attribute t ON t.attrelid = y.typrelid AND t.attnum > 0 AND NOT t.attisdropped
		LEFT JOIN pg_attribute r ON r.attrelid = relation AND r.attname = t.attname
			AND r.attnum > 0 AND NOT r.attisdropped
	WHERE y.oid = format('calpads.%s', lower(process))::regtype;
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'undefined_column',
			MESSAGE = format('%s lacks columns of the %s layout', relation, process),
			DETAIL = format('Missing: %s.', missing),
			HINT = format('A view of your own gives every field of calpads.%s under its name; '
				'calpads.refresh_sis_views() renews the view of the extension.', lower(process));
	END IF;
	RETURN fields;
END;
$$;
COMMENT ON FUNCTION calpads.picture_fields(text, regclass, boolean, boolean) IS
	'select list, with or without column names, that brings a picture into the order and types of the layout of a process; '
	'the keys of a district''s own view trimmed, or as they are';

CREATE FUNCTION calpads.baseline_leas(process text, lea text) RETURNS text[]
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	leas text[];
BEGIN
	SELECT array_agg(c.lea ORDER BY c.lea) INTO leas
	FROM calpads.current_load c
	WHERE c.process = baseline_leas.process AND c.lea = coalesce(baseline_leas.lea, c.lea);
	IF leas IS NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('there is no %s history%s', process, coalesce(' of LEA ' || lea, '')),
			DETAIL = 'No ODS extract has been loaded, so it is not known what CALPADS holds.',
			HINT = format('Load one: SELECT * FROM calpads.load_ods(%L, ''/path/of/the/file'');', process);
	END IF;
	RETURN leas;
END;
$$;
COMMENT ON FUNCTION calpads.baseline_leas(text, text) IS
	'the LEAs that have an ODS load of the process, or an error with the way out';

-- Programs that are retired or left out stay as they are; a record without a
-- code is read to be held.
CREATE FUNCTION calpads.process_condition(process text) RETURNS text
	LANGUAGE sql IMMUTABLE
	SET search_path = pg_catalog, pg_temp
	RETURN CASE WHEN process = 'SPRG'
		THEN ' AND (btrim(p.education_program_code::text) = ANY (ARRAY(SELECT o.program FROM calpads.offered_programs() o))) '
			'IS NOT FALSE'
		ELSE '' END;
COMMENT ON FUNCTION calpads.process_condition(text) IS
	'the end of a WHERE clause: which rows p of a picture a process compares';

-- The comparison reads this instead of ods_senr as long as it is the same: a
-- plain table is read in a third of the time of the overlay.
CREATE VIEW calpads.loaded_senr AS
SELECT
	'SENR' COLLATE "C" AS record_type_code,
	NULL COLLATE "C" AS transaction_type_code,
	b.local_record_id,
	b.reporting_lea,
	b.school_of_attendance,
	b.school_of_attendance_nps,
	b.academic_year_id,
	b.ssid,
	b.local_student_id,
	b.student_legal_first_name,
	b.student_legal_middle_name,
	b.student_legal_last_name,
	b.student_legal_name_suffix_code,
	b.student_alias_first_name,
	b.student_alias_middle_name,
	b.student_alias_last_name,
	b.student_birth_date,
	b.student_gender_code,
	b.student_birth_city,
	b.student_birth_state_province_code,
	b.student_birth_country_code,
	b.enrollment_start_date,
	b.enrollment_status_code,
	b.grade_level_code,
	b.enrollment_exit_date,
	b.student_exit_reason_code,
	b.student_school_completion_status,
	b.expected_receiver_school_of_attendance,
	b.student_met_all_uc_csu_requirements_indicator,
	b.student_school_transfer_code,
	b.district_of_geographic_residence_code,
	b.student_golden_state_seal_merit_diploma_indicator,
	b.student_seal_of_biliteracy_indicator,
	b.adult_age_students_with_disabilities_in_transition_status,
	b.graduation_exemption_indicator,
	b.load_id
FROM calpads.senr_baseline b
WHERE b.load_id = ANY ((SELECT calpads.current_loads('SENR'))::bigint[]);
COMMENT ON VIEW calpads.loaded_senr IS 'the last ODS loads of SENR as they were loaded, without what was posted since and with the SSIDs of then';

CREATE FUNCTION calpads.picture_relation(process text) RETURNS regclass
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	RETURN CASE WHEN process = 'SENR' AND calpads.posted_files('SENR') IS NULL
			AND NOT EXISTS (SELECT FROM calpads.ssid_replacement) THEN 'calpads.loaded_senr'
		ELSE format('calpads.ods_%s', lower(process)) END;
COMMENT ON FUNCTION calpads.picture_relation(text) IS 'the view that is read for what CALPADS holds of a process';

CREATE FUNCTION calpads.baseline_query(process text, lea text, ssid text) RETURNS text
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	RETURN format('SELECT %s, NULL::text FROM %s p WHERE p.reporting_lea = ANY (%L::text[])',
			calpads.picture_fields(process, calpads.picture_relation(process), trimmed => false),
			calpads.picture_relation(process), calpads.baseline_leas(process, lea))
		|| coalesce(' AND p.ssid = ' || quote_literal(ssid), '') || calpads.process_condition(process);
COMMENT ON FUNCTION calpads.baseline_query(text, text, text) IS 'the query for what CALPADS holds of a process';

CREATE FUNCTION calpads.problems_expression(view regclass) RETURNS text
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	RETURN CASE WHEN EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = view
			AND a.attname = 'problems' AND a.attnum > 0 AND NOT a.attisdropped)
		THEN 'p.problems::text' ELSE 'NULL::text' END;
COMMENT ON FUNCTION calpads.problems_expression(regclass) IS
	'expression for what the mapping found wrong; a district''s own view need not have the column';

CREATE FUNCTION calpads.sis_view(name text) RETURNS regclass
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	view_name text := format('%I.%I', calpads.setting('sis_schema'), name);
BEGIN
	IF to_regclass(view_name) IS NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'undefined_table',
			MESSAGE = format('there is no view %s', view_name),
			HINT = 'calpads.create_sis_schema() makes it; the setting calpads.sis_schema names the schema.';
	END IF;
	RETURN view_name;
END;
$$;
COMMENT ON FUNCTION calpads.sis_view(text) IS 'a mapping view of the SIS schema, or an error with the way out';

-- Without the LEA of a school its enrollments would fall out of the picture,
-- and what CALPADS has of them would look like rows to remove.
CREATE FUNCTION calpads.check_school_codes() RETURNS void
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	without_lea text;
BEGIN
	SELECT string_agg(s.sc::text, ', ' ORDER BY s.sc) INTO without_lea
	FROM calpads.school s
	WHERE s.selected AND s.cds_school IS NOT NULL AND s.lea IS NULL;
	IF without_lea IS NOT NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = 'selected schools have no reporting LEA',
			DETAIL = format('LOC.CD: %s.', without_lea),
			HINT = 'Fill in LOC.CC and LOC.DC, or leave the schools out in calpads.school_selection.';
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.check_school_codes() IS 'refuses selected schools whose LEA is not known';

CREATE FUNCTION calpads.sis_query(process text, lea text, ssid text, trimmed boolean DEFAULT true) RETURNS text
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	picture regclass := calpads.sis_view(lower(process));
BEGIN
	PERFORM calpads.check_school_codes();
	-- Rows without an LEA are read too, to be refused.
	RETURN format('SELECT %1$s, %2$s FROM %3$s p WHERE (p.reporting_lea::text = ANY (%4$L::text[]) '
			'OR btrim(p.reporting_lea::text) = ANY (%4$L::text[]) '
			'OR (length(btrim(p.reporting_lea::text)) > 0) IS NOT TRUE)',
			calpads.picture_fields(process, picture, trimmed => trimmed), calpads.problems_expression(picture), picture,
			calpads.baseline_leas(process, lea))
		|| coalesce(' AND btrim(p.ssid::text) = ' || quote_literal(ssid), '') || calpads.process_condition(process);
END;
$$;
COMMENT ON FUNCTION calpads.sis_query(text, text, text, boolean) IS
	'the query for what the SIS says CALPADS should hold of a process; its keys trimmed, or as the mapping gives them';

CREATE FUNCTION calpads.student_differs(lea text, ssid text, students bigint[]) RETURNS boolean
	LANGUAGE c STABLE STRICT
	AS 'MODULE_PATHNAME', 'calpads_student_differs';
COMMENT ON FUNCTION calpads.student_differs(text, text, bigint[]) IS
	'is the student one of these?  Students are given by hashes that the comparison makes';

-- A real no-show of a student with disabilities takes the start date itself
-- as exit date of its N470 (SENR0018; spec/senr.md section 6).
CREATE FUNCTION calpads.no_shows_with_disability() RETURNS SETOF text
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	sis text := calpads.setting('sis_schema');
BEGIN
	IF to_regclass(format('%I.stu', sis)) IS NULL OR to_regclass(format('%I.cse', sis)) IS NULL THEN
		RETURN;
	END IF;
	RETURN QUERY EXECUTE format($query$SELECT DISTINCT btrim(s.cid::text)
		FROM %1$s AS s JOIN %2$s AS c ON c.id = s.id
		WHERE s.tg::text = 'N' AND s.del IS NOT TRUE AND c.del IS NOT TRUE AND btrim(s.cid::text) <> ''
			AND (c.swd::text = 'Y' OR btrim(c.di::text) <> '')
			AND (c.xd IS NULL OR c.xd > $1)$query$, calpads.sis_source(NULL, 'stu'), calpads.sis_source(NULL, 'cse'))
		USING calpads.today();
END;
$$;
COMMENT ON FUNCTION calpads.no_shows_with_disability() IS
	'SSIDs of no-shows (STU.TG = N) who are in special education';

-- Students of whom it is doubtful that the SIS does not have an enrollment:
-- their rows in CALPADS are not removed.
CREATE FUNCTION calpads.doubtful_students(OUT id text, OUT rule text, OUT sentence text, OUT fix text)
	RETURNS SETOF record
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
DECLARE
	sis text := calpads.setting('sis_schema');
	students text;
	enrollments text;
BEGIN
	IF to_regclass(format('%I.stu', sis)) IS NULL OR to_regclass(format('%I.enr', sis)) IS NULL THEN
		RETURN;
	END IF;
	students := calpads.sis_source(NULL, 'stu');
	enrollments := calpads.sis_source(NULL, 'enr');
	RETURN QUERY EXECUTE format($query$
		SELECT 'local ' || s.id::text, 'SENR0007',
			'The SIS has a student with this local student ID but without an SSID of ten digits, so it is not '
			'certain that the enrollment is wrong.',
			'STU.CID'
		FROM %s AS s
		WHERE s.del IS NOT TRUE
		GROUP BY s.id
		HAVING bool_and(coalesce(btrim(s.cid::text), '') !~ '^[0-9]{10}$')$query$, students);
	-- A school number that LOC does not have, or a school that is not selected
	-- and shares its code with one that is.
	RETURN QUERY EXECUTE format($query$
		WITH unclear AS (
			SELECT DISTINCT e.id
			FROM %1$s AS e
			WHERE e.del IS NOT TRUE AND e.ed >= $1
				AND (NOT e.sc = ANY ($2) OR NOT coalesce(nullif(e.hs, 0), e.sc) = ANY ($2) OR e.sc = ANY ($3))
			UNION
			SELECT s.id
			FROM %2$s AS s
			WHERE s.del IS NOT TRUE AND NOT coalesce(s.hs, 0) = ANY ($2 || 0)
		)
		SELECT DISTINCT btrim(s.cid::text), 'SENR0002',
			'The SIS has an enrollment of the student at a school number that LOC does not have, or at a school '
			'that is not selected and shares its code with one that is; so it is not certain which row it is.',
			'ENR.SC, ENR.HS or STU.HS, and LOC'
		FROM unclear u
			JOIN %2$s AS s ON s.id = u.id
		WHERE btrim(s.cid::text) <> ''$query$, enrollments, students)
		USING (calpads.school_year_start(calpads.today()) - interval '2 years')::date,
			(SELECT coalesce(array_agg(c.sc), '{}') FROM calpads.school c),
			(SELECT coalesce(array_agg(c.sc), '{}') FROM calpads.school c
				WHERE NOT c.selected AND EXISTS (SELECT FROM calpads.school o
					WHERE o.selected AND o.cds_school = c.cds_school AND o.lea = c.lea));
END;
$$;
COMMENT ON FUNCTION calpads.doubtful_students() IS
	'students whose rows in CALPADS are not removed, because the SIS does not say clearly what they have';

CREATE FUNCTION calpads.student_marks(
	IN process text,
	OUT id text,
	OUT kind text,
	OUT sentence text,
	OUT rule text,
	OUT fix text
) RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	-- First, because of two doubts the first one counts.
	SELECT p.ssid, 'doubt', 'The student is in calpads.protected_ssid: no row is removed.', 'PROTECTED',
		'calpads.protected_ssid'
	FROM calpads.protected_ssid p
	UNION ALL
	SELECT s, 'no-show with disability', NULL, NULL, NULL FROM calpads.no_shows_with_disability() s
	UNION ALL
	SELECT d.id, 'doubt', d.sentence, d.rule, d.fix FROM calpads.doubtful_students() d
	UNION ALL
	SELECT coalesce(m.replacement_ssid, e.ssid, 'local ' || e.local_student_id), 'load error',
		format('Line %s of the ODS file was set aside (%s), so it is not known all that CALPADS holds of '
			'the student.', min(e.line_no), min(e.message)),
		NULL, NULL
	FROM calpads.current_load c JOIN calpads.load_error e ON e.load_id = c.load_id
		LEFT JOIN calpads.ssid_replacement m ON m.retired_ssid = e.ssid
	WHERE c.process = student_marks.process AND coalesce(e.ssid, e.local_student_id) IS NOT NULL
	GROUP BY 1
$$;
COMMENT ON FUNCTION calpads.student_marks(text) IS 'what is noted of single students beside the two pictures';

CREATE FUNCTION calpads.reconcile_senr(
	IN only_lea text,
	IN only_ssid text DEFAULT NULL,
	IN with_students boolean DEFAULT false,
	OUT kind text,
	OUT lea text,
	OUT file_no integer,
	OUT category text,
	OUT transaction_type text,
	OUT reason text,
	OUT explanation text,
	OUT changed jsonb,
	OUT school_of_attendance text,
	OUT ssid text,
	OUT enrollment_start_date date,
	OUT local_student_id text,
	OUT rec calpads.senr,
	OUT line text,
	OUT rule text,
	OUT field text,
	OUT value text,
	OUT fix text,
	OUT problems text,
	OUT key text
) RETURNS SETOF record
	LANGUAGE c STABLE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'calpads_reconcile_senr';
COMMENT ON FUNCTION calpads.reconcile_senr(text, text, boolean) IS
	'operations, held records and warnings of one LEA, or of all; what senr_delta, senr_held and create_extract read; with_students '
	'adds a row for each student whom the SIS reports';

CREATE FUNCTION calpads.check_senr(
	record calpads.senr,
	OUT rule text,
	OUT field text,
	OUT value text,
	OUT explanation text,
	OUT fix text
) RETURNS SETOF record
	LANGUAGE c STABLE STRICT
	AS 'MODULE_PATHNAME', 'calpads_check_senr';
COMMENT ON FUNCTION calpads.check_senr(calpads.senr) IS
	'the fatal rules that a SENR record breaks by itself, without the student''s other rows; none: it can be sent';

CREATE FUNCTION calpads.senr_line(record calpads.senr) RETURNS text
	LANGUAGE c STABLE STRICT
	AS 'MODULE_PATHNAME', 'calpads_senr_line';
COMMENT ON FUNCTION calpads.senr_line(calpads.senr) IS 'a SENR record as it stands in a file, without CR LF';

CREATE FUNCTION calpads.senr_places(OUT field text, OUT place text) RETURNS SETOF record
	LANGUAGE c STABLE
	AS 'MODULE_PATHNAME', 'calpads_senr_places';
COMMENT ON FUNCTION calpads.senr_places() IS 'the fields of SENR, and the table and column of the SIS that each comes from';

CREATE FUNCTION calpads.senr_delta(
	force boolean DEFAULT false,
	OUT lea text,
	OUT file_no integer,
	OUT category text,
	OUT transaction_type text,
	OUT reason text,
	OUT explanation text,
	OUT changed jsonb,
	OUT school_of_attendance text,
	OUT ssid text,
	OUT enrollment_start_date date,
	OUT local_student_id text,
	OUT rec calpads.senr
) RETURNS SETOF record
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM calpads.check_baseline('SENR', b, force) FROM unnest(calpads.baseline_leas('SENR', NULL)) b;
	RETURN QUERY
	SELECT d.lea, d.file_no, d.category, d.transaction_type, d.reason, d.explanation, d.changed,
		d.school_of_attendance, d.ssid, d.enrollment_start_date, d.local_student_id, d.rec
	FROM calpads.reconcile_senr(NULL) d
	WHERE d.kind = 'operation'
	ORDER BY d.lea COLLATE "C", d.file_no, d.ssid COLLATE "C", d.enrollment_start_date,
		d.school_of_attendance COLLATE "C";
END;
$$;
COMMENT ON FUNCTION calpads.senr_delta(boolean) IS
	'the operations that bring CALPADS to the SIS, in files and in order; changes nothing';

-- The reasons behind a held record: what the mapping found, or the one rule
-- that the comparison names.  The two can be one and the same thing to the
-- person who repairs it (field and rule are equal): precedence 1 tells more.
CREATE FUNCTION calpads.held_reasons(
	held_rule text,
	held_field text,
	held_value text,
	held_explanation text,
	held_fix text,
	problems text
) RETURNS TABLE (rule text, field text, value text, explanation text, fix text, precedence integer)
	LANGUAGE sql IMMUTABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT p.rule, p.field, p.value, p.explanation, p.fix, 1
	FROM jsonb_to_recordset(problems::jsonb)
		AS p (rule text, field text, value text, explanation text, fix text)
	WHERE held_rule = 'MAPPING'
	UNION ALL
	SELECT held_rule, held_field, held_value, held_explanation, held_fix, 2
	WHERE held_rule <> 'MAPPING'
$$;
COMMENT ON FUNCTION calpads.held_reasons(text, text, text, text, text, text) IS
	'the reasons behind one held row of reconcile_senr';

CREATE FUNCTION calpads.held_with_problems(
	IN only_lea text,
	IN only_ssid text DEFAULT NULL,
	OUT lea text,
	OUT local_student_id text,
	OUT ssid text,
	OUT school_of_attendance text,
	OUT enrollment_start_date date,
	OUT rule text,
	OUT field text,
	OUT value text,
	OUT explanation text,
	OUT fix text
) RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT DISTINCT ON (h.lea COLLATE "C", h.ssid COLLATE "C", h.enrollment_start_date,
			h.school_of_attendance COLLATE "C", r.field COLLATE "C", r.rule COLLATE "C")
		h.lea, h.local_student_id, h.ssid, h.school_of_attendance, h.enrollment_start_date,
		r.rule, r.field, r.value, r.explanation, r.fix
	FROM calpads.reconcile_senr(only_lea, only_ssid) h,
		calpads.held_reasons(h.rule, h.field, h.value, h.explanation, h.fix, h.problems) r
	WHERE h.kind = 'held'
	ORDER BY h.lea COLLATE "C", h.ssid COLLATE "C", h.enrollment_start_date,
		h.school_of_attendance COLLATE "C", r.field COLLATE "C", r.rule COLLATE "C", r.precedence
$$;
COMMENT ON FUNCTION calpads.held_with_problems(text, text) IS 'the held records of one LEA or of all, one row a reason';

CREATE FUNCTION calpads.senr_held(
	OUT lea text,
	OUT local_student_id text,
	OUT ssid text,
	OUT school_of_attendance text,
	OUT enrollment_start_date date,
	OUT rule text,
	OUT field text,
	OUT value text,
	OUT explanation text,
	OUT fix text
) RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT * FROM calpads.held_with_problems(NULL)
$$;
COMMENT ON FUNCTION calpads.senr_held() IS
	'the records that are not sent: rule, field, value, a sentence, and the SIS column to repair';

CREATE VIEW calpads.warning AS
SELECT w.lea, w.local_student_id, w.ssid, w.school_of_attendance, w.enrollment_start_date,
	w.rule, w.field, w.value, w.explanation, w.fix
FROM calpads.reconcile_senr(NULL) w
WHERE w.kind = 'warning'
ORDER BY w.lea COLLATE "C", w.ssid COLLATE "C", w.enrollment_start_date, w.school_of_attendance COLLATE "C",
	w.field COLLATE "C", w.rule COLLATE "C";
COMMENT ON VIEW calpads.warning IS
	'rules that records of the difference break and that do not refuse them: columns as those of senr_held()';

-- ---------------------------------------------------------------------------
-- 8. Student programs: what CALPADS holds, and the difference
-- ---------------------------------------------------------------------------

CREATE TYPE calpads.sprg AS (
	record_type_code text COLLATE "C",
	transaction_type_code text COLLATE "C",
	local_record_id text COLLATE "C",
	reporting_lea text COLLATE "C",
	school_of_attendance text COLLATE "C",
	academic_year_id text COLLATE "C",
	ssid text COLLATE "C",
	local_student_id text COLLATE "C",
	student_legal_first_name text COLLATE "C",
	student_legal_last_name text COLLATE "C",
	student_birth_date date,
	student_gender_code text COLLATE "C",
	education_program_code text COLLATE "C",
	education_program_membership_code text COLLATE "C",
	education_program_membership_start_date date,
	education_program_membership_end_date date,
	education_service_academic_year text COLLATE "C",
	education_service_code text COLLATE "C",
	california_partnership_academy_id text COLLATE "C",
	migrant_student_id text COLLATE "C",
	filler_1 text COLLATE "C",
	filler_2 text COLLATE "C",
	homeless_dwelling_type_code text COLLATE "C",
	unaccompanied_youth_indicator text COLLATE "C",
	runaway_youth_indicator text COLLATE "C",
	filler_3 text COLLATE "C"
);
COMMENT ON TYPE calpads.sprg IS 'a SPRG record: fields 3.01 to 3.26 of the current layout';

-- A record line in the shape of the layout.
CREATE FUNCTION calpads.sprg_record(line text) RETURNS SETOF calpads.sprg
	LANGUAGE sql STABLE ROWS 1 PARALLEL SAFE
BEGIN ATOMIC
	SELECT
		NULLIF(f[1], ''),
		NULLIF(f[2], ''),
		NULLIF(f[3], ''),
		NULLIF(f[4], ''),
		NULLIF(f[5], ''),
		NULLIF(f[6], ''),
		NULLIF(f[7], ''),
		NULLIF(f[8], ''),
		NULLIF(f[9], ''),
		NULLIF(f[10], ''),
		to_date(NULLIF(f[11], ''), 'YYYYMMDD'),
		NULLIF(f[12], ''),
		NULLIF(f[13], ''),
		NULLIF(f[14], ''),
		to_date(NULLIF(f[15], ''), 'YYYYMMDD'),
		to_date(NULLIF(f[16], ''), 'YYYYMMDD'),
		NULLIF(f[17], ''),
		NULLIF(f[18], ''),
		NULLIF(f[19], ''),
		NULLIF(f[20], ''),
		NULLIF(f[21], ''),
		NULLIF(f[22], ''),
		NULLIF(f[23], ''),
		NULLIF(f[24], ''),
		NULLIF(f[25], ''),
		NULLIF(f[26], '')
	FROM string_to_array(line, '^') AS f;
END;
COMMENT ON FUNCTION calpads.sprg_record(text) IS 'the fields of a SPRG record line';

/*
 * CALPADS closes programs by itself when it posts an exit: participation with
 * every reason but E150 and E155, meals with every one but E150
 * (spec/sinf_sela_sprg.md sections 4.1 and 4.2, spec/senr.md section 12).  The
 * category is CALPADS' own, whatever the SIS keeps 504 plans as.
 */
CREATE FUNCTION calpads.closing_programs() RETURNS TABLE (program text, open_after text[])
	LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT m.code1, CASE WHEN m.code2 = '3' THEN ARRAY['E150', 'E155'] ELSE ARRAY['E150'] END
	FROM (
		SELECT DISTINCT ON (v.code1) v.code1, v.code2
		FROM calpads.valid_combination v
		WHERE v.name = 'program_membership'
		ORDER BY v.code1, v.last_year DESC NULLS FIRST, v.code2) AS m
	WHERE m.code2 = '3' OR m.code1 IN ('181', '182')
$$;
COMMENT ON FUNCTION calpads.closing_programs() IS
	'programs whose open records CALPADS closes when the student leaves the school, and the exit reasons that it leaves them '
	'open after';

-- As calpads.senr_picture; the key of calpads.extract_record is school, SSID,
-- program, start date, service year and service, the last two empty when the
-- record has none (spec/sinf_sela_sprg.md section 4.4).  Files of SENR among
-- the files close what their exits close, at their place in the order.
CREATE FUNCTION calpads.sprg_picture(loads bigint[], files bigint[])
	RETURNS TABLE (
		record_type_code text,
		transaction_type_code text,
		local_record_id text,
		reporting_lea text,
		school_of_attendance text,
		academic_year_id text,
		ssid text,
		local_student_id text,
		student_legal_first_name text,
		student_legal_last_name text,
		student_birth_date date,
		student_gender_code text,
		education_program_code text,
		education_program_membership_code text,
		education_program_membership_start_date date,
		education_program_membership_end_date date,
		education_service_academic_year text,
		education_service_code text,
		california_partnership_academy_id text,
		migrant_student_id text,
		filler_1 text,
		filler_2 text,
		homeless_dwelling_type_code text,
		unaccompanied_youth_indicator text,
		runaway_youth_indicator text,
		filler_3 text,
		load_id bigint)
	LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH posted AS (
		SELECT DISTINCT ON (t.load_id, k.rest, k.ssid)
			t.load_id,
			k.ssid,
			split_part(r.key, '^', 1) COLLATE "C" AS school_of_attendance,
			split_part(r.key, '^', 3) COLLATE "C" AS education_program_code,
			to_date(split_part(r.key, '^', 4), 'YYYYMMDD') AS education_program_membership_start_date,
			split_part(r.key, '^', 5) COLLATE "C" AS education_service_academic_year,
			split_part(r.key, '^', 6) COLLATE "C" AS education_service_code,
			r.transaction_type,
			r.line,
			o.place
		FROM unnest(files) WITH ORDINALITY AS o (file_id, place)
			JOIN calpads.extract_file f ON f.file_id = o.file_id AND f.process = 'SPRG'
			JOIN calpads.batch t ON t.batch_id = f.batch_id
			JOIN calpads.extract_record r ON r.file_id = f.file_id
			LEFT JOIN calpads.ssid_replacement m ON m.retired_ssid = r.ssid
			CROSS JOIN LATERAL (SELECT coalesce(m.replacement_ssid, r.ssid) AS ssid,
				replace(r.key, '^' || r.ssid || '^', '^') AS rest) AS k
		ORDER BY t.load_id, k.rest, k.ssid, o.place DESC
	), leave AS (
		SELECT l.load_id, coalesce(m.replacement_ssid, r.ssid) AS ssid, split_part(r.key, '^', 1) COLLATE "C" AS school_of_attendance, o.place,
			to_date(split_part(r.line, '^', 25), 'YYYYMMDD') AS exit_date, split_part(r.line, '^', 26) AS exit_reason
		FROM unnest(files) WITH ORDINALITY AS o (file_id, place)
			JOIN calpads.extract_file f ON f.file_id = o.file_id AND f.process = 'SENR'
			JOIN calpads.load l ON l.lea = f.lea AND l.load_id = ANY (loads)
			JOIN calpads.extract_record r ON r.file_id = f.file_id
			LEFT JOIN calpads.ssid_replacement m ON m.retired_ssid = r.ssid
		WHERE r.transaction_type <> 'D' AND split_part(r.line, '^', 25) <> ''
			-- An exit that CALPADS had already has done its work, and one before the
			-- start (N470 in place of a deletion) ends nothing.
			AND split_part(r.line, '^', 25) >= split_part(r.line, '^', 22)
			AND (r.changed = '{}' OR r.changed ?| ARRAY['enrollment_exit_date', 'student_exit_reason_code'])
	), leaves AS (
		SELECT l.load_id, l.ssid, l.school_of_attendance, array_agg(l.place) AS places,
			array_agg(l.exit_date) AS exit_dates, array_agg(l.exit_reason) AS exit_reasons
		FROM leave l
		GROUP BY l.load_id, l.ssid, l.school_of_attendance
	), held AS (
		SELECT
			b.local_record_id,
			b.reporting_lea,
			b.school_of_attendance,
			b.academic_year_id,
			coalesce(m.replacement_ssid, b.ssid) AS ssid,
			b.local_student_id,
			b.student_legal_first_name,
			b.student_legal_last_name,
			b.student_birth_date,
			b.student_gender_code,
			b.education_program_code,
			b.education_program_membership_code,
			b.education_program_membership_start_date,
			b.education_program_membership_end_date,
			b.education_service_academic_year,
			b.education_service_code,
			b.california_partnership_academy_id,
			b.migrant_student_id,
			b.filler_1,
			b.filler_2,
			b.homeless_dwelling_type_code,
			b.unaccompanied_youth_indicator,
			b.runaway_youth_indicator,
			b.filler_3,
			b.load_id,
			0 AS place
		FROM calpads.sprg_baseline b LEFT JOIN calpads.ssid_replacement m ON m.retired_ssid = b.ssid
		WHERE b.load_id = ANY ((SELECT loads)::bigint[])
			-- NOT IN for its hash table; no part of a key is null here.
			AND (b.load_id, coalesce(m.replacement_ssid, b.ssid), b.school_of_attendance, b.education_program_code,
				b.education_program_membership_start_date, coalesce(b.education_service_academic_year, ''),
				coalesce(b.education_service_code, '')) NOT IN (
				SELECT p.load_id, p.ssid, p.school_of_attendance, p.education_program_code,
					p.education_program_membership_start_date, p.education_service_academic_year,
					p.education_service_code
				FROM posted p)
			AND (m.retired_ssid IS NULL OR (b.load_id, b.line_no) NOT IN (
				SELECT o.load_id, o.line_no
				FROM (SELECT n.load_id, n.line_no, row_number() OVER (PARTITION BY n.load_id,
							coalesce(x.replacement_ssid, n.ssid), n.school_of_attendance, n.education_program_code,
							n.education_program_membership_start_date, n.education_service_academic_year,
							n.education_service_code
							ORDER BY x.retired_ssid IS NOT NULL, n.line_no) AS place
					FROM calpads.sprg_baseline n LEFT JOIN calpads.ssid_replacement x ON x.retired_ssid = n.ssid
					WHERE n.ssid IN (SELECT e.retired_ssid FROM calpads.ssid_replacement e
						UNION ALL SELECT e.replacement_ssid FROM calpads.ssid_replacement e)) AS o
				WHERE o.place > 1))
		UNION ALL
		SELECT
			r.local_record_id,
			r.reporting_lea,
			r.school_of_attendance,
			r.academic_year_id,
			p.ssid,
			r.local_student_id,
			r.student_legal_first_name,
			r.student_legal_last_name,
			r.student_birth_date,
			r.student_gender_code,
			r.education_program_code,
			r.education_program_membership_code,
			r.education_program_membership_start_date,
			r.education_program_membership_end_date,
			r.education_service_academic_year,
			r.education_service_code,
			r.california_partnership_academy_id,
			r.migrant_student_id,
			r.filler_1,
			r.filler_2,
			r.homeless_dwelling_type_code,
			r.unaccompanied_youth_indicator,
			r.runaway_youth_indicator,
			r.filler_3,
			p.load_id,
			p.place
		FROM posted p, calpads.sprg_record(p.line) AS r
		WHERE p.transaction_type <> 'D'
	)
	SELECT
		'SPRG',
		NULL,
		h.local_record_id,
		h.reporting_lea,
		h.school_of_attendance,
		h.academic_year_id,
		h.ssid,
		h.local_student_id,
		h.student_legal_first_name,
		h.student_legal_last_name,
		h.student_birth_date,
		h.student_gender_code,
		h.education_program_code,
		h.education_program_membership_code,
		h.education_program_membership_start_date,
		CASE WHEN h.education_program_membership_end_date IS NULL AND c.program IS NOT NULL THEN (
			SELECT e.exit_date
			FROM unnest(l.places, l.exit_dates, l.exit_reasons) AS e (place, exit_date, exit_reason)
			WHERE e.place > h.place AND e.exit_date >= h.education_program_membership_start_date
				AND e.exit_reason <> ALL (c.open_after)
			ORDER BY e.place, e.exit_date
			LIMIT 1)
			ELSE h.education_program_membership_end_date END,
		h.education_service_academic_year,
		h.education_service_code,
		h.california_partnership_academy_id,
		h.migrant_student_id,
		h.filler_1,
		h.filler_2,
		h.homeless_dwelling_type_code,
		h.unaccompanied_youth_indicator,
		h.runaway_youth_indicator,
		h.filler_3,
		h.load_id
	FROM held h
		LEFT JOIN leaves l ON l.load_id = h.load_id AND l.ssid = h.ssid
			AND l.school_of_attendance = h.school_of_attendance
		LEFT JOIN calpads.closing_programs() c ON c.program = h.education_program_code AND l.places IS NOT NULL;
END;
COMMENT ON FUNCTION calpads.sprg_picture(bigint[], bigint[]) IS
	'the programs that CALPADS held after ODS loads and the posting of files, in the order of the array';

CREATE VIEW calpads.ods_sprg AS
SELECT
	p.record_type_code COLLATE "C" AS record_type_code,
	p.transaction_type_code COLLATE "C" AS transaction_type_code,
	p.local_record_id COLLATE "C" AS local_record_id,
	p.reporting_lea COLLATE "C" AS reporting_lea,
	p.school_of_attendance COLLATE "C" AS school_of_attendance,
	p.academic_year_id COLLATE "C" AS academic_year_id,
	p.ssid COLLATE "C" AS ssid,
	p.local_student_id COLLATE "C" AS local_student_id,
	p.student_legal_first_name COLLATE "C" AS student_legal_first_name,
	p.student_legal_last_name COLLATE "C" AS student_legal_last_name,
	p.student_birth_date,
	p.student_gender_code COLLATE "C" AS student_gender_code,
	p.education_program_code COLLATE "C" AS education_program_code,
	p.education_program_membership_code COLLATE "C" AS education_program_membership_code,
	p.education_program_membership_start_date,
	p.education_program_membership_end_date,
	p.education_service_academic_year COLLATE "C" AS education_service_academic_year,
	p.education_service_code COLLATE "C" AS education_service_code,
	p.california_partnership_academy_id COLLATE "C" AS california_partnership_academy_id,
	p.migrant_student_id COLLATE "C" AS migrant_student_id,
	p.filler_1 COLLATE "C" AS filler_1,
	p.filler_2 COLLATE "C" AS filler_2,
	p.homeless_dwelling_type_code COLLATE "C" AS homeless_dwelling_type_code,
	p.unaccompanied_youth_indicator COLLATE "C" AS unaccompanied_youth_indicator,
	p.runaway_youth_indicator COLLATE "C" AS runaway_youth_indicator,
	p.filler_3 COLLATE "C" AS filler_3,
	p.load_id
FROM calpads.sprg_picture(calpads.current_loads('SPRG'), calpads.posted_files('SPRG')) AS p;
COMMENT ON VIEW calpads.ods_sprg IS
	'the student programs that CALPADS holds: the last ODS load overlaid with every file posted since, and with what CALPADS '
	'closed by itself when an exit was posted';

/*
 * What the SENR difference will change in the enrollments.  It closes programs
 * with the exits that CALPADS does not have yet, as calpads.sprg_picture says.
 */
CREATE FUNCTION calpads.coming_enrollments(
	IN only_lea text,
	IN only_ssid text,
	OUT side text,
	OUT lea text,
	OUT ssid text,
	OUT school text,
	OUT start_date date,
	OUT exit_date date,
	OUT exit_reason text,
	OUT closes boolean
) RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	SET jit = off
AS $$
	SELECT CASE WHEN d.kind = 'student' THEN 'sis'
			WHEN d.transaction_type = 'D' OR (d.rec).student_exit_reason_code = 'N470' THEN 'removed' ELSE 'added' END,
		d.lea, d.ssid, d.school_of_attendance, d.enrollment_start_date, (d.rec).enrollment_exit_date,
		(d.rec).student_exit_reason_code::text,
		d.transaction_type <> 'D' AND coalesce((d.rec).enrollment_exit_date >= d.enrollment_start_date, false)
			AND (d.changed = '{}' OR d.changed ?| ARRAY['enrollment_exit_date', 'student_exit_reason_code'])
	FROM calpads.current_load c
		CROSS JOIN LATERAL calpads.reconcile_senr(c.lea, only_ssid, true) d
	WHERE c.process = 'SENR' AND c.lea = ANY (calpads.baseline_leas('SPRG', only_lea)) AND d.kind IN ('operation', 'student')
	-- The operations first: they tell of which students the enrollments are needed.
	ORDER BY d.kind COLLATE "C"
$$;
COMMENT ON FUNCTION calpads.coming_enrollments(text, text) IS
	'enrollments that the SENR difference removes or adds (side), of one LEA or of all with a SPRG history, then the students '
	'whom the SIS reports there (side sis); closes: CALPADS closes programs with the exit when it is posted';

/*
 * The enrollments by which programs go: those that CALPADS holds, and, once
 * for each, the students whom the SIS reports at all.  Where no SENR history is
 * known the enrollments of the SIS stand for those of CALPADS.
 */
CREATE FUNCTION calpads.student_enrollments(
	IN only_lea text,
	IN only_ssid text,
	OUT side text,
	OUT lea text,
	OUT ssid text,
	OUT school text,
	OUT start_date date,
	OUT exit_date date,
	OUT exit_reason text
) RETURNS SETOF record
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
DECLARE
	leas text[] := calpads.baseline_leas('SPRG', only_lea);
	with_history text[];
BEGIN
	SELECT coalesce(array_agg(c.lea), '{}') INTO with_history
	FROM calpads.current_load c
	WHERE c.process = 'SENR' AND c.lea = ANY (leas);
	RETURN QUERY
	SELECT 'posted', o.reporting_lea::text, o.ssid::text, o.school_of_attendance::text, o.enrollment_start_date,
		o.enrollment_exit_date, o.student_exit_reason_code::text
	FROM calpads.ods_senr o
	WHERE o.reporting_lea = ANY (with_history) AND (only_ssid IS NULL OR o.ssid = only_ssid)
		AND o.student_exit_reason_code IS DISTINCT FROM 'N470';
	-- A student whom only CALPADS has, in the years that SENR compares, is no less of this time.
	RETURN QUERY
	SELECT DISTINCT 'sis', o.reporting_lea::text, o.ssid::text, NULL::text, NULL::date, NULL::date, NULL::text
	FROM calpads.ods_senr o
	WHERE o.reporting_lea = ANY (with_history) AND (only_ssid IS NULL OR o.ssid = only_ssid)
		AND o.enrollment_start_date >= calpads.school_year_start(calpads.today()) - interval '2 years';
	-- The only LEA has been looked at: calpads.coming_enrollments names its students.
	IF NOT EXISTS (SELECT FROM calpads.school s WHERE s.selected AND s.lea <> ALL (with_history)) AND cardinality(with_history) = 1 THEN
		RETURN;
	END IF;
	-- Of whom the SIS reports anything, at whichever LEA, it knows the programs of ten years.
	RETURN QUERY EXECUTE format($query$
		WITH reported AS MATERIALIZED (
			SELECT btrim(s.reporting_lea::text) AS lea, btrim(s.ssid::text) AS ssid,
				btrim(s.school_of_attendance::text) AS school, s.enrollment_start_date::date AS start_date,
				s.enrollment_exit_date::date AS exit_date, btrim(s.student_exit_reason_code::text) AS exit_reason
			FROM %s s
			WHERE btrim(s.ssid::text) = coalesce($3, btrim(s.ssid::text)) AND btrim(s.ssid::text) <> '')
		SELECT 'posted', r.lea, r.ssid, r.school, r.start_date, r.exit_date, r.exit_reason
		FROM reported r
		WHERE r.lea = ANY ($1) AND NOT r.lea = ANY ($2)
			AND r.school IS NOT NULL AND r.start_date IS NOT NULL AND r.exit_reason IS DISTINCT FROM 'N470'
		UNION ALL
		SELECT 'sis', l.lea, r.ssid, NULL::text, NULL::date, NULL::date, NULL::text
		FROM (SELECT DISTINCT ssid FROM reported) r CROSS JOIN unnest($1) AS l (lea)$query$,
		calpads.sis_view('senr'))
		USING leas, with_history, only_ssid;
END;
$$;
COMMENT ON FUNCTION calpads.student_enrollments(text, text) IS
	'posted enrollments of the students of one LEA or of all with a SPRG history; side is posted, or sis for a student whom the '
	'SIS reports';

CREATE FUNCTION calpads.reconcile_sprg(
	IN only_lea text,
	IN only_ssid text DEFAULT NULL,
	OUT kind text,
	OUT lea text,
	OUT file_no integer,
	OUT category text,
	OUT transaction_type text,
	OUT reason text,
	OUT explanation text,
	OUT changed jsonb,
	OUT school_of_attendance text,
	OUT ssid text,
	OUT membership_start_date date,
	OUT local_student_id text,
	OUT rec calpads.sprg,
	OUT line text,
	OUT rule text,
	OUT field text,
	OUT value text,
	OUT fix text,
	OUT problems text,
	OUT key text,
	OUT education_program_code text,
	OUT after_exit date
) RETURNS SETOF record
	LANGUAGE c STABLE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'calpads_reconcile_sprg';
COMMENT ON FUNCTION calpads.reconcile_sprg(text, text) IS
	'operations, held records and warnings about student programs of one LEA, or of all; what sprg_delta, sprg_held and '
	'create_extract read';

CREATE FUNCTION calpads.check_sprg(
	record calpads.sprg,
	OUT rule text,
	OUT field text,
	OUT value text,
	OUT explanation text,
	OUT fix text
) RETURNS SETOF record
	LANGUAGE c STABLE STRICT
	AS 'MODULE_PATHNAME', 'calpads_check_sprg';
COMMENT ON FUNCTION calpads.check_sprg(calpads.sprg) IS
	'the fatal rules that a SPRG record breaks by itself, without the student''s other rows; none: it can be sent';

CREATE FUNCTION calpads.sprg_line(record calpads.sprg) RETURNS text
	LANGUAGE c STABLE STRICT
	AS 'MODULE_PATHNAME', 'calpads_sprg_line';
COMMENT ON FUNCTION calpads.sprg_line(calpads.sprg) IS 'a SPRG record as it stands in a file, without CR LF';

CREATE FUNCTION calpads.sprg_places(OUT field text, OUT place text) RETURNS SETOF record
	LANGUAGE c STABLE
	AS 'MODULE_PATHNAME', 'calpads_sprg_places';
COMMENT ON FUNCTION calpads.sprg_places() IS 'the fields of SPRG, and the table and column of the SIS that each comes from';

CREATE FUNCTION calpads.sprg_delta(
	force boolean DEFAULT false,
	OUT lea text,
	OUT file_no integer,
	OUT category text,
	OUT transaction_type text,
	OUT reason text,
	OUT explanation text,
	OUT changed jsonb,
	OUT school_of_attendance text,
	OUT ssid text,
	OUT education_program_code text,
	OUT membership_start_date date,
	OUT local_student_id text,
	OUT rec calpads.sprg
) RETURNS SETOF record
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM calpads.check_baseline('SPRG', b, force) FROM unnest(calpads.baseline_leas('SPRG', NULL)) b;
	RETURN QUERY
	SELECT d.lea, d.file_no, d.category, d.transaction_type, d.reason, d.explanation, d.changed,
		d.school_of_attendance, d.ssid, d.education_program_code, d.membership_start_date, d.local_student_id, d.rec
	FROM calpads.reconcile_sprg(NULL) d
	WHERE d.kind = 'operation'
	ORDER BY d.lea COLLATE "C", d.file_no, d.key COLLATE "C";
END;
$$;
COMMENT ON FUNCTION calpads.sprg_delta(boolean) IS
	'the operations that bring the student programs of CALPADS to the SIS, in files and in order; changes nothing';

CREATE FUNCTION calpads.sprg_held_with_problems(
	IN only_lea text,
	IN only_ssid text DEFAULT NULL,
	OUT lea text,
	OUT local_student_id text,
	OUT ssid text,
	OUT school_of_attendance text,
	OUT education_program_code text,
	OUT membership_start_date date,
	OUT rule text,
	OUT field text,
	OUT value text,
	OUT explanation text,
	OUT fix text
) RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT DISTINCT ON (h.lea COLLATE "C", h.ssid COLLATE "C", h.education_program_code COLLATE "C",
			h.membership_start_date, h.school_of_attendance COLLATE "C", r.field COLLATE "C", r.rule COLLATE "C")
		h.lea, h.local_student_id, h.ssid, h.school_of_attendance, h.education_program_code, h.membership_start_date,
		r.rule, r.field, r.value, r.explanation, r.fix
	FROM calpads.reconcile_sprg(only_lea, only_ssid) h,
		calpads.held_reasons(h.rule, h.field, h.value, h.explanation, h.fix, h.problems) r
	WHERE h.kind = 'held'
	ORDER BY h.lea COLLATE "C", h.ssid COLLATE "C", h.education_program_code COLLATE "C", h.membership_start_date,
		h.school_of_attendance COLLATE "C", r.field COLLATE "C", r.rule COLLATE "C", r.precedence
$$;
COMMENT ON FUNCTION calpads.sprg_held_with_problems(text, text) IS
	'the held program records of one LEA or of all, one row a reason';

CREATE FUNCTION calpads.sprg_held(
	OUT lea text,
	OUT local_student_id text,
	OUT ssid text,
	OUT school_of_attendance text,
	OUT education_program_code text,
	OUT membership_start_date date,
	OUT rule text,
	OUT field text,
	OUT value text,
	OUT explanation text,
	OUT fix text
) RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT * FROM calpads.sprg_held_with_problems(NULL)
$$;
COMMENT ON FUNCTION calpads.sprg_held() IS
	'the program records that are not sent: rule, field, value, a sentence, and the SIS column to repair';

CREATE VIEW calpads.sprg_warning AS
SELECT w.lea, w.local_student_id, w.ssid, w.school_of_attendance, w.education_program_code, w.membership_start_date,
	w.rule, w.field, w.value, w.explanation, w.fix
FROM calpads.reconcile_sprg(NULL) w
WHERE w.kind = 'warning'
ORDER BY w.lea COLLATE "C", w.ssid COLLATE "C", w.education_program_code COLLATE "C", w.membership_start_date,
	w.school_of_attendance COLLATE "C", w.field COLLATE "C", w.rule COLLATE "C";
COMMENT ON VIEW calpads.sprg_warning IS
	'rules that program records of the difference break and that do not refuse them: columns as those of sprg_held()';

-- What every process has of its difference: the one thing that making files needs.
CREATE FUNCTION calpads.reconcile(
	IN process text,
	IN only_lea text,
	OUT kind text,
	OUT file_no integer,
	OUT category text,
	OUT transaction_type text,
	OUT reason text,
	OUT explanation text,
	OUT changed jsonb,
	OUT school_of_attendance text,
	OUT ssid text,
	OUT enrollment_start_date date,
	OUT education_program_code text,
	OUT membership_start_date date,
	OUT local_student_id text,
	OUT line text,
	OUT rule text,
	OUT field text,
	OUT value text,
	OUT fix text,
	OUT problems text,
	OUT key text,
	OUT after_exit date
) RETURNS SETOF record
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF process = 'SPRG' THEN
		RETURN QUERY
		SELECT d.kind, d.file_no, d.category, d.transaction_type, d.reason, d.explanation, d.changed,
			d.school_of_attendance, d.ssid, NULL::date, d.education_program_code, d.membership_start_date,
			d.local_student_id, d.line, d.rule, d.field, d.value, d.fix, d.problems, d.key, d.after_exit
		FROM calpads.reconcile_sprg(only_lea) d;
	ELSE
		RETURN QUERY
		SELECT d.kind, d.file_no, d.category, d.transaction_type, d.reason, d.explanation, d.changed,
			d.school_of_attendance, d.ssid, d.enrollment_start_date, NULL, NULL::date,
			d.local_student_id, d.line, d.rule, d.field, d.value, d.fix, d.problems, d.key, NULL::date
		FROM calpads.reconcile_senr(only_lea) d;
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.reconcile(text, text) IS
	'operations, held records and warnings of a process and LEA, in columns that SENR and SPRG share';

-- ---------------------------------------------------------------------------
-- 9. Files and their life
-- ---------------------------------------------------------------------------

-- Guards on the baseline, before a difference is worked out from it.

-- A new layout needs a new ODS file (spec/aeries_logic.md section 4.1).
CREATE FUNCTION calpads.check_layout_year(loaded calpads.load) RETURNS void
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	this_year text := calpads.academic_year(calpads.today());
BEGIN
	IF calpads.layout_fields(loaded.layout, loaded.layout_year)
			<> calpads.layout_fields(loaded.layout, this_year) THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('the %s history of LEA %s is of an older layout', loaded.process, loaded.lea),
			DETAIL = format('It was loaded in the layout of %s; the records of %s have other fields.',
				loaded.layout_year, this_year),
			HINT = 'Request a new ODS extract and load it, or say force => true.';
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.check_layout_year(calpads.load) IS 'refuses a baseline in the layout of another year';

/*
 * CALPADS' ODS was the state of 10 p.m. of the day before, so an extract that
 * is requested on the day of a posting does not hold it; since 2024-09-20 it
 * is said to be updated during the day (spec/senr.md section 3).  An extract
 * may be such an old picture when it is loaded on the day of the last posting,
 * or when its newest record was updated before that day.  Then it is looked
 * up how many of the posted records it shows.
 */
CREATE TABLE calpads.unseen_posting (
	load_id bigint PRIMARY KEY,
	posted bigint NOT NULL,
	unseen bigint NOT NULL,
	last_posted_at timestamptz NOT NULL
);
COMMENT ON TABLE calpads.unseen_posting IS
	'ODS loads that may be older than the postings before them, and do not show all of these';
COMMENT ON COLUMN calpads.unseen_posting.load_id IS 'the ODS load: calpads.load';
COMMENT ON COLUMN calpads.unseen_posting.posted IS
	'keys in the files that were posted over the load before, from the first start date of this load on';
COMMENT ON COLUMN calpads.unseen_posting.unseen IS 'those whose last record this load does not show';
COMMENT ON COLUMN calpads.unseen_posting.last_posted_at IS 'when the last of these files was posted';
SELECT pg_catalog.pg_extension_config_dump('calpads.unseen_posting', '');

CREATE FUNCTION calpads.count_unseen_enrollments(former bigint, fresh bigint, OUT posted bigint, OUT unseen bigint)
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH fresh_window AS (
		SELECT min(b.enrollment_start_date) AS first_day FROM calpads.senr_baseline b WHERE b.load_id = fresh
	)
	SELECT count(*), count(*) FILTER (WHERE CASE
		WHEN r.transaction_type = 'D' THEN b.ssid IS NOT NULL
		ELSE b.ssid IS NULL OR calpads.senr_compared(s)
			<> calpads.senr_compared(jsonb_populate_record(NULL::calpads.senr, to_jsonb(b))) END)
	FROM calpads.last_records(former, true) r
		CROSS JOIN fresh_window w
		CROSS JOIN LATERAL calpads.senr_record(r.line) s
		LEFT JOIN calpads.senr_baseline b ON b.load_id = fresh AND b.ssid = split_part(r.key, '^', 2)
			AND b.school_of_attendance = s.school_of_attendance
			AND b.enrollment_start_date = s.enrollment_start_date
	WHERE s.enrollment_start_date >= w.first_day
$$;
COMMENT ON FUNCTION calpads.count_unseen_enrollments(bigint, bigint) IS
	'of the keys that were posted over a former ODS load, how many there are and how many a fresh load does not show; '
	'those before its first start date are outside its window';

CREATE FUNCTION calpads.count_unseen_programs(former bigint, fresh bigint, OUT posted bigint, OUT unseen bigint)
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH shown AS MATERIALIZED (
		SELECT calpads.sprg_key(f) AS key, calpads.sprg_compared(f) AS fields
		FROM calpads.sprg_rows(ARRAY[fresh], NULL) AS f
	)
	SELECT count(*), count(*) FILTER (WHERE CASE
		WHEN r.transaction_type = 'D' THEN b.key IS NOT NULL
		ELSE b.fields IS DISTINCT FROM calpads.sprg_compared(s) END)
	FROM calpads.last_records(former, true) r
		CROSS JOIN LATERAL calpads.sprg_record(r.line) s
		LEFT JOIN shown b ON b.key = r.key
$$;
COMMENT ON FUNCTION calpads.count_unseen_programs(bigint, bigint) IS
	'the same of programs, whose window is ten years';

CREATE FUNCTION calpads.is_older_than(loaded calpads.load, posted_at timestamptz) RETURNS boolean
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	RETURN posted_at::date = loaded.loaded_at::date OR posted_at::date > (
		SELECT max(calpads.file_date(u.last_date_updated))
		FROM (SELECT b.last_date_updated FROM calpads.senr_baseline b
			WHERE b.load_id = loaded.load_id AND b.last_date_updated IS NOT NULL
			UNION
			SELECT b.last_date_updated FROM calpads.sprg_baseline b
			WHERE b.load_id = loaded.load_id AND b.last_date_updated IS NOT NULL) AS u);
COMMENT ON FUNCTION calpads.is_older_than(calpads.load, timestamptz) IS
	'may the extract of an ODS load be older than a posting?  Days are those of the session''s time zone';

-- Part of load_ods.
CREATE FUNCTION calpads.note_unseen_postings(load_id bigint) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	loaded calpads.load;
	former bigint;
	last_posting timestamptz;
	tally record;
BEGIN
	SELECT l.* INTO loaded FROM calpads.load l WHERE l.load_id = note_unseen_postings.load_id;
	PERFORM calpads.refresh_waiting_files(loaded.process, loaded.lea, 'a new SENR history');
	IF loaded.process NOT IN ('SENR', 'SPRG') THEN
		RETURN;
	END IF;
	-- An extract in doubt that was loaded again is still in doubt.
	LOOP
		SELECT max(l.load_id) INTO former
		FROM calpads.load l
		WHERE l.process = loaded.process AND l.lea = loaded.lea AND l.load_id < coalesce(former, loaded.load_id);
		SELECT max(f.posted_at) INTO last_posting
		FROM calpads.batch b JOIN calpads.extract_file f ON f.batch_id = b.batch_id AND f.status = 'Posted'
		WHERE b.load_id = former;
		EXIT WHEN last_posting IS NOT NULL
			OR NOT EXISTS (SELECT FROM calpads.unseen_posting u WHERE u.load_id = former);
	END LOOP;
	IF last_posting IS NULL OR NOT calpads.is_older_than(loaded, last_posting) THEN
		RETURN;
	END IF;
	IF loaded.process = 'SPRG' THEN
		SELECT * INTO tally FROM calpads.count_unseen_programs(former, loaded.load_id);
	ELSE
		SELECT * INTO tally FROM calpads.count_unseen_enrollments(former, loaded.load_id);
	END IF;
	IF tally.unseen = 0 THEN
		RETURN;
	END IF;
	INSERT INTO calpads.unseen_posting (load_id, posted, unseen, last_posted_at)
	VALUES (loaded.load_id, tally.posted, tally.unseen, last_posting);
	IF calpads.setting('ods_is_live') = 'off' THEN
		RAISE WARNING USING
			MESSAGE = format('the ODS extract does not show %s of %s records that were posted before it was loaded',
				tally.unseen, tally.posted),
			DETAIL = 'It may be of the evening before the posting, or CALPADS did not keep the records.',
			HINT = format('SELECT * FROM calpads.drift(%L) lists them.', loaded.process);
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.note_unseen_postings(bigint) IS
	'notes, and warns, that a new ODS load does not show what was posted shortly before';

-- Certain only when nothing at all of several postings is to be seen.  Who
-- has posted over the load since then has decided.
CREATE FUNCTION calpads.check_ods_age(loaded calpads.load) RETURNS void
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	doubt calpads.unseen_posting;
	fewest CONSTANT integer := 5;
BEGIN
	SELECT u.* INTO doubt
	FROM calpads.unseen_posting u
	WHERE u.load_id = loaded.load_id AND u.unseen = u.posted AND u.posted >= fewest
		AND NOT EXISTS (SELECT FROM calpads.batch b
			JOIN calpads.extract_file f ON f.batch_id = b.batch_id AND f.status = 'Posted'
			WHERE b.load_id = loaded.load_id);
	IF doubt.load_id IS NULL OR calpads.setting('ods_is_live') = 'on' THEN
		RETURN;
	END IF;
	RAISE EXCEPTION USING
		ERRCODE = 'object_not_in_prerequisite_state',
		MESSAGE = format('the ODS extract of LEA %s may not show what was posted on %s', loaded.lea,
			to_char(doubt.last_posted_at, 'MM/DD/YYYY')),
		DETAIL = format('None of the %s records that were posted before it was loaded is in it: an extract is the state '
			'of the evening before it was requested.', doubt.posted),
		HINT = 'Request the extract again on the day after the posting and load it; if CALPADS never took the files, '
			'say force => true.';
END;
$$;
COMMENT ON FUNCTION calpads.check_ods_age(calpads.load) IS 'refuses a baseline that is older than the last posting';

-- A new school has no earlier years, and rightly no rows in CALPADS.  The
-- planner's settings are those of the comparison, as a mapping view needs.
CREATE FUNCTION calpads.check_ods_schools(loaded calpads.load) RETURNS void
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
DECLARE
	absent text[];
	school text;
	enrollments bigint;
	fewest CONSTANT integer := 10;
BEGIN
	SELECT array_agg(DISTINCT s.cds_school) INTO absent
	FROM calpads.school s
	WHERE s.selected AND s.lea = loaded.lea
		-- LOC has the district itself under this code; nobody is enrolled there.
		AND s.cds_school <> '0000000'
		AND s.cds_school NOT IN (
			SELECT b.school_of_attendance FROM calpads.senr_baseline b WHERE b.load_id = loaded.load_id
			UNION
			SELECT split_part(r.key, '^', 1)
			FROM calpads.batch b
				JOIN calpads.extract_file f ON f.batch_id = b.batch_id AND f.status = 'Posted'
				JOIN calpads.extract_record r ON r.file_id = f.file_id
			WHERE b.load_id = loaded.load_id);
	IF absent IS NULL THEN
		RETURN;
	END IF;
	EXECUTE format('SELECT p.school_of_attendance, count(*) FROM %s p '
		'WHERE p.school_of_attendance = ANY ($1) AND p.reporting_lea = $2 '
		'AND p.enrollment_start_date < calpads.school_year_start(calpads.today()) '
		'GROUP BY p.school_of_attendance HAVING count(*) >= $3 ORDER BY p.school_of_attendance LIMIT 1',
		calpads.sis_view('senr'))
		INTO school, enrollments
		USING absent, loaded.lea, fewest;
	IF school IS NOT NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('the ODS extract of LEA %s has no row of school %s, which is selected', loaded.lea, school),
			DETAIL = format('The SIS has %s enrollments of earlier years there; all students of the school would be '
				'sent as new.', enrollments),
			HINT = 'Request the extract for all schools and load it, or take the school out of the selection '
				'(calpads.school_selection), or say force => true.';
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.check_ods_schools(calpads.load) IS
	'refuses a baseline without any row of a selected school that had enrollments in earlier years';

-- Which enrollments carry a program can be told from the SENR history alone
-- (GERR0005).
CREATE FUNCTION calpads.check_enrollments_known(loaded calpads.load) RETURNS void
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM calpads.current_load c WHERE c.process = 'SENR' AND c.lea = loaded.lea) THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('there is no SENR history of LEA %s', loaded.lea),
			DETAIL = 'CALPADS takes a program only with an enrollment that it holds (GERR0005), and which it holds is not known.',
			HINT = 'Load the SENR ODS extract too: SELECT * FROM calpads.load_ods(''SENR'', ''/path/of/the/file''); or say '
				'force => true to count every enrollment of the SIS as posted.';
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.check_enrollments_known(calpads.load) IS
	'refuses to compare student programs without knowing the enrollments that CALPADS holds';

CREATE FUNCTION calpads.check_baseline(process text, lea text, force boolean) RETURNS void
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	loaded calpads.load;
BEGIN
	IF force THEN
		RETURN;
	END IF;
	SELECT l.* INTO loaded
	FROM calpads.current_load c JOIN calpads.load l ON l.load_id = c.load_id
	WHERE c.process = check_baseline.process AND c.lea = check_baseline.lea;
	PERFORM calpads.check_layout_year(loaded);
	PERFORM calpads.check_ods_age(loaded);
	IF process = 'SENR' THEN
		PERFORM calpads.check_ods_schools(loaded);
	ELSE
		PERFORM calpads.check_enrollments_known(loaded);
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.check_baseline(text, text, boolean) IS
	'refuses a baseline that a difference cannot be worked out from';

CREATE FUNCTION calpads.layout_fields(layout text, academic_year text) RETURNS text[]
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT array_agg(f.name ORDER BY f.ordinal)
	FROM calpads.layout_field f
	WHERE f.layout = layout_fields.layout
		AND layout_fields.academic_year COLLATE "C"
			BETWEEN coalesce(f.first_year, '') AND coalesce(f.last_year, '9999')
$$;
COMMENT ON FUNCTION calpads.layout_fields(text, text) IS
	'names of the fields of a layout in an academic year, in their order';

-- Of the records of the current year that CALPADS has, how many a batch
-- takes away: deletions, and rows that become no-shows in place of one.
CREATE FUNCTION calpads.check_removals(batch_id bigint) RETURNS void
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	batch calpads.batch := calpads.find_batch(batch_id);
	removed bigint;
	existing bigint;
	percent numeric := calpads.setting('removal_limit_percent');
BEGIN
	SELECT count(*) INTO removed
	FROM calpads.extract_file f JOIN calpads.extract_record r ON r.file_id = f.file_id
	WHERE f.batch_id = batch.batch_id AND f.category <> 'Updates'
		AND r.reason IN ('not_in_sis', 'start_moved', 'school_changed', 'program_changed', 'service_changed');
	IF removed = 0 THEN
		RETURN;
	END IF;
	IF batch.process = 'SPRG' THEN
		SELECT count(*) INTO existing
		FROM calpads.ods_sprg o
		WHERE o.load_id = batch.load_id
			AND coalesce(o.education_program_membership_end_date >= calpads.school_year_start(batch.today), true)
			AND o.education_program_code IN (SELECT p.program FROM calpads.offered_programs() p)
			AND o.school_of_attendance IN (SELECT s.cds_school FROM calpads.school s WHERE s.selected);
	ELSE
		SELECT count(*) INTO existing
		FROM calpads.ods_senr o
		WHERE o.load_id = batch.load_id
			AND o.enrollment_start_date >= calpads.school_year_start(batch.today)
			AND o.school_of_attendance IN (SELECT s.cds_school FROM calpads.school s WHERE s.selected);
	END IF;
	IF removed > existing * percent / 100 THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('the batch would remove %s of %s %s of the current year', removed, existing,
				CASE batch.process WHEN 'SPRG' THEN 'programs' ELSE 'enrollments' END),
			DETAIL = format('That is more than the %s %% that the setting calpads.removal_limit_percent allows.',
				percent),
			HINT = format('Look at SELECT * FROM calpads.%s_delta() and at the selected schools (calpads.school); '
				'if it is right, say force => true.', lower(batch.process));
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.check_removals(bigint) IS
	'refuses a batch that removes more than calpads.removal_limit_percent of the current year''s rows';

CREATE FUNCTION calpads.sprg_waits(
	line text,
	is_new boolean,
	participating boolean,
	year_start date,
	schools text[],
	starts date[],
	exits date[],
	reasons text[]
) RETURNS boolean
	LANGUAGE c IMMUTABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'calpads_sprg_waits';
COMMENT ON FUNCTION calpads.sprg_waits(text, boolean, boolean, date, text[], date[], date[], text[]) IS
	'would CALPADS refuse the SPRG record because none of the enrollments carries it (GERR0005)?  is_new: CALPADS does not have '
	'the row; the arrays are the student''s enrollments and may be null';

/*
 * Records of SPRG files that cannot be posted yet, because the enrollment that
 * carries them is still to be posted by SENR, or an exit with which CALPADS
 * would close the program again.
 */
CREATE FUNCTION calpads.waiting_records(
	IN only_lea text,
	OUT file_id bigint,
	OUT line_no bigint,
	OUT ssid text,
	OUT school_of_attendance text,
	OUT local_student_id text,
	OUT education_program_code text,
	OUT membership_start_date date,
	OUT after_exit date
) RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
	WITH unposted AS MATERIALIZED (
		SELECT f.lea, f.file_id, r.line_no, r.ssid, r.line, r.after_exit, r.changed = '{}' AS is_new,
			split_part(r.line, '^', 13) AS program
		FROM calpads.current_load c
			JOIN calpads.batch b ON b.load_id = c.load_id
			JOIN calpads.extract_file f ON f.batch_id = b.batch_id
				AND f.posted_at IS NULL AND f.obsoleted_by IS NULL
			JOIN calpads.extract_record r ON r.file_id = f.file_id AND r.transaction_type <> 'D'
		WHERE c.process = 'SPRG' AND c.lea = coalesce(only_lea, c.lea)
			AND EXISTS (SELECT FROM calpads.current_load s WHERE s.process = 'SENR' AND s.lea = c.lea)
	), enrolled AS MATERIALIZED (
		SELECT o.reporting_lea AS lea, o.ssid, array_agg(o.school_of_attendance::text) AS schools,
			array_agg(o.enrollment_start_date) AS starts, array_agg(o.enrollment_exit_date) AS exits,
			array_agg(o.student_exit_reason_code::text) AS reasons
		FROM calpads.ods_senr o
		WHERE (o.ssid IN (SELECT u.ssid FROM unposted u)) IS TRUE
			AND o.student_exit_reason_code IS DISTINCT FROM 'N470'
		GROUP BY o.reporting_lea, o.ssid
	), member AS MATERIALIZED (
		SELECT o.program, o.membership = '3' AS participating FROM calpads.offered_programs() o
	)
	SELECT u.file_id, u.line_no, u.ssid, split_part(u.line, '^', 5), split_part(u.line, '^', 8), u.program,
		to_date(split_part(u.line, '^', 15), 'YYYYMMDD'), CASE WHEN exit.is_awaited THEN u.after_exit END
	FROM unposted u
		LEFT JOIN enrolled e ON e.lea = u.lea AND e.ssid = u.ssid
		LEFT JOIN member m ON m.program = u.program
		CROSS JOIN LATERAL (
			SELECT u.after_exit IS NOT NULL AND NOT EXISTS (
				SELECT FROM unnest(e.schools, e.exits) AS s (school, exit_date)
				WHERE s.school = split_part(u.line, '^', 5) AND s.exit_date = u.after_exit) AS is_awaited) AS exit
	WHERE exit.is_awaited OR calpads.sprg_waits(u.line, u.is_new, coalesce(m.participating, false),
		calpads.school_year_start(calpads.today()), e.schools, e.starts, e.exits, e.reasons)
$$;
COMMENT ON FUNCTION calpads.waiting_records(text) IS
	'the records of unposted SPRG files of one LEA or of all whose enrollment CALPADS does not hold yet; after_exit: the day of '
	'the exit that is still to be posted';

CREATE VIEW calpads.file_waits_for AS
SELECT f.lea, f.batch_id, w.file_id, f.seq, f.file_name, w.line_no, w.local_student_id, w.ssid, w.school_of_attendance,
	w.education_program_code, w.membership_start_date, s.file_id AS senr_file_id, s.file_name AS senr_file_name,
	format(CASE WHEN w.after_exit IS NULL THEN 'Program %s from %s needs an enrollment at school %s that carries its dates (GERR0005); '
			ELSE 'CALPADS would close program %s from %s again with the exit from school %s on %s; ' END, w.education_program_code,
		to_char(w.membership_start_date, 'MM/DD/YYYY'), w.school_of_attendance, to_char(w.after_exit, 'MM/DD/YYYY'))
	|| CASE WHEN s.file_id IS NOT NULL THEN format('SENR file %s (%s) is to be posted first.', s.file_id, s.file_name)
		ELSE 'no unposted SENR file has it: make one with create_extract(''SENR'').' END AS explanation
FROM calpads.waiting_records(NULL) w
	JOIN calpads.extract_file f ON f.file_id = w.file_id
	LEFT JOIN LATERAL (
		SELECT max(e.file_id) AS last_file_id
		FROM calpads.extract_record r
			JOIN calpads.extract_file e ON e.file_id = r.file_id AND e.process = 'SENR' AND e.lea = f.lea
				AND e.posted_at IS NULL AND e.obsoleted_by IS NULL
		WHERE r.ssid = w.ssid AND split_part(r.key, '^', 1) = w.school_of_attendance AND r.transaction_type <> 'D') AS n ON true
	LEFT JOIN calpads.extract_file s ON s.file_id = n.last_file_id;
COMMENT ON VIEW calpads.file_waits_for IS
	'why a SPRG file is Waiting: each of its records whose enrollment is not posted, and the SENR file that brings it';

-- The status of a batch's files follows from what was done to them; each
-- change is an event.  Only the lowest file that is neither posted nor given
-- up can be posted, and a SPRG file only with the enrollments of its records.
CREATE FUNCTION calpads.refresh_file_status(batch_id bigint, note text) RETURNS void
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH next_file AS (
		SELECT min(f.seq) AS seq
		FROM calpads.extract_file f
		WHERE f.batch_id = refresh_file_status.batch_id AND f.posted_at IS NULL
	), waiting AS MATERIALIZED (
		SELECT DISTINCT w.file_id
		FROM calpads.find_batch(refresh_file_status.batch_id) b, calpads.waiting_records(b.lea) w
		WHERE b.process = 'SPRG'
	), wanted AS (
		SELECT f.file_id,
			CASE
				WHEN f.posted_at IS NOT NULL THEN 'Posted'
				WHEN f.obsoleted_by IS NOT NULL THEN 'Obsolete'
				WHEN f.status = 'Rejected' THEN 'Rejected'
				WHEN f.seq = n.seq AND f.file_id NOT IN (SELECT w.file_id FROM waiting w) THEN 'Post'
				ELSE 'Waiting'
			END AS status
		FROM calpads.extract_file f, next_file n
		WHERE f.batch_id = refresh_file_status.batch_id
	), changed AS (
		UPDATE calpads.extract_file f SET status = w.status
		FROM wanted w
		WHERE w.file_id = f.file_id AND w.status <> f.status
		RETURNING f.file_id, f.status
	)
	INSERT INTO calpads.file_event (file_id, status, note)
	SELECT c.file_id, c.status, refresh_file_status.note FROM changed c ORDER BY c.file_id
$$;
COMMENT ON FUNCTION calpads.refresh_file_status(bigint, text) IS
	'brings the status of a batch''s files up to date and records the changes';

-- Called when the enrollments that CALPADS holds have changed.
CREATE FUNCTION calpads.refresh_waiting_files(process text, lea text, note text) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF process <> 'SENR' THEN
		RETURN;
	END IF;
	PERFORM calpads.lock_process('SPRG', lea);
	PERFORM calpads.refresh_file_status(b.batch_id, note)
	FROM (
		SELECT DISTINCT f.batch_id
		FROM calpads.extract_file f
		WHERE f.process = 'SPRG' AND f.lea = refresh_waiting_files.lea AND f.posted_at IS NULL AND f.obsoleted_by IS NULL
		ORDER BY f.batch_id) AS b;
END;
$$;
COMMENT ON FUNCTION calpads.refresh_waiting_files(text, text, text) IS
	'SPRG files that wait for SENR can be posted, or have to wait again, after a change of what CALPADS holds of SENR';

CREATE FUNCTION calpads.batch_encoding() RETURNS text
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	RETURN CASE calpads.setting('file_encoding') WHEN 'utf8' THEN 'UTF8' ELSE 'WIN1252' END;
COMMENT ON FUNCTION calpads.batch_encoding() IS 'encoding of the files that are made now, by its name in PostgreSQL';

-- The row of the current load is what a load locks.  Processes that need no
-- load have no such row: the advisory lock serialises them.
CREATE FUNCTION calpads.lock_process(process text, lea text) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM pg_advisory_xact_lock(hashtextextended(concat_ws('^', 'calpads', process, lea), 0));
	PERFORM FROM calpads.current_load c
	WHERE c.process = lock_process.process AND c.lea = lock_process.lea
	FOR UPDATE;
END;
$$;
COMMENT ON FUNCTION calpads.lock_process(text, text) IS
	'until the end of the transaction: posting, loading and making files of a process and LEA come one after the other';

CREATE FUNCTION calpads.open_batch(batch_id bigint) RETURNS SETOF calpads.extract_file
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO calpads.file_event (file_id, status)
	SELECT f.file_id, f.status FROM calpads.extract_file f WHERE f.batch_id = open_batch.batch_id ORDER BY f.seq;
	PERFORM calpads.refresh_file_status(open_batch.batch_id, NULL);
	RETURN QUERY SELECT f.* FROM calpads.extract_file f WHERE f.batch_id = open_batch.batch_id ORDER BY f.seq;
END;
$$;
COMMENT ON FUNCTION calpads.open_batch(bigint) IS
	'the files of a batch that was just stored enter their life; gives them in order';

CREATE FUNCTION calpads.make_batch(process text, lea text, force boolean) RETURNS bigint
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	new_batch bigint;
BEGIN
	INSERT INTO calpads.batch (process, lea, load_id, today, encoding, forced)
	SELECT c.process, c.lea, c.load_id, calpads.today(), calpads.batch_encoding(), force
	FROM calpads.current_load c
	WHERE c.process = make_batch.process AND c.lea = make_batch.lea
	RETURNING batch_id INTO new_batch;

	WITH delta AS MATERIALIZED (
		SELECT * FROM calpads.reconcile(make_batch.process, make_batch.lea)
	), files AS (
		INSERT INTO calpads.extract_file (batch_id, process, lea, seq, category, file_name, records)
		SELECT new_batch, make_batch.process, make_batch.lea, d.file_no, min(d.category),
			format('%s_%s.txt', to_char(d.file_no, 'FM000'), min(d.category)), count(*)
		FROM delta d
		WHERE d.kind = 'operation'
		GROUP BY d.file_no
		ORDER BY d.file_no
		RETURNING file_id, seq
	), held AS (
		INSERT INTO calpads.batch_held (batch_id, local_student_id, ssid, school_of_attendance, enrollment_start_date,
			rule, field, value, explanation, fix, education_program_code, membership_start_date)
		SELECT DISTINCT ON (d.ssid COLLATE "C", d.enrollment_start_date, d.education_program_code COLLATE "C",
				d.membership_start_date, d.school_of_attendance COLLATE "C", r.field COLLATE "C", r.rule COLLATE "C")
			new_batch, d.local_student_id, d.ssid, d.school_of_attendance, d.enrollment_start_date,
			r.rule, r.field, r.value, r.explanation, r.fix, d.education_program_code, d.membership_start_date
		FROM delta d, calpads.held_reasons(d.rule, d.field, d.value, d.explanation, d.fix, d.problems) r
		WHERE d.kind = 'held'
		ORDER BY d.ssid COLLATE "C", d.enrollment_start_date, d.education_program_code COLLATE "C",
			d.membership_start_date, d.school_of_attendance COLLATE "C", r.field COLLATE "C", r.rule COLLATE "C",
			r.precedence
	), warned AS (
		INSERT INTO calpads.batch_warning (batch_id, local_student_id, ssid, school_of_attendance, enrollment_start_date,
			rule, field, value, explanation, fix, education_program_code, membership_start_date)
		SELECT new_batch, d.local_student_id, d.ssid, d.school_of_attendance, d.enrollment_start_date,
			d.rule, d.field, d.value, d.explanation, d.fix, d.education_program_code, d.membership_start_date
		FROM delta d
		WHERE d.kind = 'warning'
	)
	INSERT INTO calpads.extract_record
		(file_id, line_no, ssid, key, transaction_type, reason, explanation, changed, line, after_exit)
	SELECT f.file_id,
		row_number() OVER (PARTITION BY f.file_id ORDER BY d.ssid COLLATE "C", d.enrollment_start_date,
			d.school_of_attendance COLLATE "C", d.key COLLATE "C"),
		d.ssid, d.key, d.transaction_type, d.reason, d.explanation, d.changed, d.line, d.after_exit
	FROM delta d JOIN files f ON f.seq = d.file_no
	WHERE d.kind = 'operation';

	IF NOT FOUND THEN
		DELETE FROM calpads.batch_held h WHERE h.batch_id = new_batch;
		DELETE FROM calpads.batch b WHERE b.batch_id = new_batch;
		RETURN NULL;
	END IF;
	RETURN new_batch;
END;
$$;
COMMENT ON FUNCTION calpads.make_batch(text, text, boolean) IS
	'stores the difference of one LEA as a batch; null when there is none';

CREATE FUNCTION calpads.create_extract(
	process text,
	force boolean DEFAULT false,
	all_students boolean DEFAULT false,
	lea text DEFAULT NULL
) RETURNS SETOF calpads.extract_file
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	one_lea text;
	new_batch bigint;
BEGIN
	IF process IN ('SENR_LEGACY', 'SPRG_LEGACY') THEN
		RETURN QUERY SELECT f.* FROM calpads.create_legacy_extract(process, lea, all_students) f;
		RETURN;
	END IF;
	IF process = 'SINF' THEN
		RETURN QUERY SELECT f.* FROM calpads.create_sinf_extract(lea, all_students) f;
		RETURN;
	END IF;
	IF process IS NULL OR process NOT IN ('SENR', 'SPRG', 'SELA') THEN
		RAISE EXCEPTION USING
			ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('there is no extract %L', process),
			HINT = 'The extracts are: SENR, SPRG, SINF, SELA, SENR_LEGACY, SPRG_LEGACY.';
	END IF;
	IF all_students THEN
		RAISE EXCEPTION USING
			ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('all_students has no meaning for %s', process),
			DETAIL = 'The file holds the difference to what CALPADS has, of all students.';
	END IF;
	IF process = 'SELA' THEN
		RETURN QUERY SELECT f.* FROM calpads.create_sela_extract(lea) f;
		RETURN;
	END IF;
	FOREACH one_lea IN ARRAY calpads.baseline_leas(process, lea) LOOP
		IF process = 'SPRG' THEN
			PERFORM calpads.lock_process('SENR', one_lea);
		END IF;
		PERFORM calpads.lock_process(process, one_lea);
		PERFORM calpads.check_baseline(process, one_lea, force);
		new_batch := calpads.make_batch(process, one_lea, force);
		CONTINUE WHEN new_batch IS NULL;
		IF NOT force THEN
			PERFORM calpads.check_removals(new_batch);
		END IF;
		PERFORM calpads.record_rehearsal(new_batch, force);
		RETURN QUERY SELECT f.* FROM calpads.open_batch(new_batch) f;
	END LOOP;
END;
$$;
COMMENT ON FUNCTION calpads.create_extract(text, boolean, boolean, text) IS
	'makes the numbered files of a process and stores them as a batch for each LEA; no rows when there is nothing to send';

CREATE FUNCTION calpads.find_file(file_id bigint) RETURNS calpads.extract_file
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	file calpads.extract_file;
BEGIN
	SELECT f.* INTO file FROM calpads.extract_file f WHERE f.file_id = find_file.file_id;
	IF file.file_id IS NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'undefined_object',
			MESSAGE = format('there is no file %s', coalesce(file_id::text, 'without a number')),
			HINT = 'calpads.history lists the files.';
	END IF;
	RETURN file;
END;
$$;
COMMENT ON FUNCTION calpads.find_file(bigint) IS 'the file of that number, or an error';

-- Volatile, so that a file can be read by the statement that made it.
CREATE FUNCTION calpads.file_content(file_id bigint) RETURNS bytea
	LANGUAGE c VOLATILE STRICT
	AS 'MODULE_PATHNAME', 'calpads_file_content';
COMMENT ON FUNCTION calpads.file_content(bigint) IS 'a file byte for byte, as CALPADS takes it';

-- Without a search_path of its own, and bound when it is created: the planner
-- puts the query in its place, and the lines stream.
CREATE FUNCTION calpads.extract_lines(file_id bigint) RETURNS SETOF text
	LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT r.line
	FROM calpads.extract_record r
	WHERE r.file_id = (SELECT f.file_id FROM calpads.find_file(extract_lines.file_id) f)
	ORDER BY r.line_no;
END;
COMMENT ON FUNCTION calpads.extract_lines(bigint) IS
	'the records of a file in their order, without CR LF; COPY (SELECT * FROM calpads.extract_lines(7)) TO … '
	'WITH (FORMAT calpads) gives the bytes of calpads.file_content(7). The library brings the format: a session that has '
	'not called it yet says SELECT calpads.today() first, or session_preload_libraries has it from the start';

CREATE FUNCTION calpads.write_extract(batch_id bigint, directory text) RETURNS SETOF text
	LANGUAGE c STRICT
	AS 'MODULE_PATHNAME', 'calpads_write_extract';
COMMENT ON FUNCTION calpads.write_extract(bigint, text) IS
	'writes the files of a batch into a folder of the server, mode 0600, and gives their paths';

CREATE FUNCTION calpads.find_batch(batch_id bigint) RETURNS calpads.batch
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	batch calpads.batch;
BEGIN
	SELECT b.* INTO batch FROM calpads.batch b WHERE b.batch_id = find_batch.batch_id;
	IF batch.batch_id IS NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'undefined_object',
			MESSAGE = format('there is no batch %s', coalesce(batch_id::text, 'without a number')),
			HINT = 'calpads.history lists the batches.';
	END IF;
	RETURN batch;
END;
$$;
COMMENT ON FUNCTION calpads.find_batch(bigint) IS 'the batch of that number, or an error';

-- Not the time zone of the session: a name and an archive are the same for all.
CREATE FUNCTION calpads.california_time(moment timestamptz) RETURNS timestamp
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN moment AT TIME ZONE 'America/Los_Angeles';
COMMENT ON FUNCTION calpads.california_time(timestamptz) IS 'what the clocks of California show at that moment';

-- The form of the name is a proposal (spec/aeries_logic.md section 4.3).
CREATE FUNCTION calpads.zip_name(batch_id bigint) RETURNS text
	LANGUAGE sql STABLE STRICT
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT to_char(calpads.california_time(b.created_at), 'YYYY_MM_DD_HH24MISS') || '_' || b.process || '.zip'
	FROM calpads.find_batch(zip_name.batch_id) b
$$;
COMMENT ON FUNCTION calpads.zip_name(bigint) IS
	'name for the zip of a batch, after its time in California: 2025_11_01_073000_SENR.zip';

CREATE FUNCTION calpads.extract_zip(batch_id bigint) RETURNS bytea
	LANGUAGE c VOLATILE STRICT
	AS 'MODULE_PATHNAME', 'calpads_extract_zip';
COMMENT ON FUNCTION calpads.extract_zip(bigint) IS
	'all files of a batch in one zip; the same batch gives the same bytes; calpads.zip_name() names it';

-- Locks the process of the LEA, so that posting, loading and making files
-- come one after the other, and gives the file as it is then.
CREATE FUNCTION calpads.lock_file(file_id bigint) RETURNS calpads.extract_file
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- SPRG looks at what SENR has posted, and enrollments with SSIDs are part of
	-- it; always SENR first.
	PERFORM calpads.lock_process('SENR', f.lea) FROM calpads.find_file(file_id) f WHERE f.process IN ('SPRG', 'SSID');
	PERFORM calpads.lock_process(f.process, f.lea) FROM calpads.find_file(file_id) f;
	RETURN calpads.find_file(file_id);
END;
$$;
COMMENT ON FUNCTION calpads.lock_file(bigint) IS 'the file of that number, with its process and LEA locked';

CREATE FUNCTION calpads.check_enrollments_posted(file calpads.extract_file) RETURNS void
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	waiting bigint;
BEGIN
	IF file.process <> 'SPRG' THEN
		RETURN;
	END IF;
	SELECT count(*) INTO waiting FROM calpads.waiting_records(file.lea) w WHERE w.file_id = file.file_id;
	IF waiting > 0 THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('file %s (%s) waits for SENR', file.file_id, file.file_name),
			DETAIL = format('CALPADS would refuse %s of its %s records by rule GERR0005, or close them again: it does not hold the '
				'enrollments and exits that they follow.', waiting, file.records),
			HINT = 'Post the SENR files first; calpads.file_waits_for tells which one each record waits for.';
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.check_enrollments_posted(calpads.extract_file) IS
	'refuses to post a SPRG file before the enrollments of its records';

CREATE FUNCTION calpads.check_can_be_posted(file calpads.extract_file) RETURNS void
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	first_file text;
BEGIN
	IF file.status = 'Posted' THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('file %s (%s) is posted already', file.file_id, file.file_name),
			DETAIL = format('Posted by %s at %s.', file.posted_by, file.posted_at);
	ELSIF file.status = 'Obsolete' THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('file %s (%s) is obsolete', file.file_id, file.file_name),
			DETAIL = 'What CALPADS holds has changed since it was made.',
			HINT = format('Make new files: SELECT * FROM calpads.create_extract(%L);', file.process);
	ELSIF file.status = 'Legacy' THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('file %s (%s) is a full extract and cannot be posted', file.file_id, file.file_name),
			DETAIL = 'It is no difference to what CALPADS holds, so the history does not follow it.',
			HINT = 'If CALPADS has taken it, load a new ODS extract; it shows the result.';
	ELSIF file.process = 'SSID' AND file.category = 'Request' THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('file %s (%s) is a request and is never posted', file.file_id, file.file_name),
			DETAIL = 'Uploaded as SENR it would make a new SSID for every student in it.',
			HINT = 'It is for the SSID Match Tool; load the tool''s result by calpads.load_match_result().';
	END IF;
	SELECT f.file_name INTO first_file
	FROM calpads.extract_file f
	WHERE f.batch_id = file.batch_id AND f.seq < file.seq AND f.posted_at IS NULL
	ORDER BY f.seq
	LIMIT 1;
	IF first_file IS NOT NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('file %s (%s) cannot be posted before %s', file.file_id, file.file_name, first_file),
			DETAIL = 'CALPADS checks the files of a batch in the order of their numbers.';
	END IF;
	PERFORM calpads.check_enrollments_posted(file);
END;
$$;
COMMENT ON FUNCTION calpads.check_can_be_posted(calpads.extract_file) IS 'refuses a posting out of order';

-- Unposted files of the other batches were made for what CALPADS held before;
-- of batches that were made later than a moment, when one is given.  Files with
-- SSIDs are no difference to anything: each stands for itself.
CREATE FUNCTION calpads.make_obsolete(
	process text,
	lea text,
	cause bigint,
	except_batch bigint,
	note text,
	made_after timestamptz DEFAULT '-infinity'
)
	RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	touched bigint;
BEGIN
	FOR touched IN
		WITH closed AS (
			UPDATE calpads.extract_file f SET obsoleted_by = cause
			WHERE f.process = make_obsolete.process AND f.process <> 'SSID' AND f.lea = make_obsolete.lea
				AND f.batch_id IS DISTINCT FROM except_batch
				AND f.posted_at IS NULL AND f.obsoleted_by IS NULL AND f.created_at > made_after
			RETURNING f.batch_id
		)
		SELECT DISTINCT c.batch_id FROM closed c ORDER BY c.batch_id
	LOOP
		PERFORM calpads.refresh_file_status(touched, note);
	END LOOP;
END;
$$;
COMMENT ON FUNCTION calpads.make_obsolete(text, text, bigint, bigint, text, timestamptz) IS
	'gives up the unposted files of a process and LEA, those of one batch excepted';

CREATE FUNCTION calpads.close_batches(process text, lea text, why text) RETURNS void
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT calpads.make_obsolete(close_batches.process, close_batches.lea, 0, NULL, close_batches.why)
$$;
COMMENT ON FUNCTION calpads.close_batches(text, text, text) IS
	'gives up all unposted files of a process and LEA: a new ODS load starts a new history';

CREATE FUNCTION calpads.post_file(file_id bigint) RETURNS calpads.extract_file
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	file calpads.extract_file := calpads.lock_file(file_id);
BEGIN
	PERFORM calpads.check_can_be_posted(file);
	UPDATE calpads.extract_file f
	SET posted_at = clock_timestamp(), posted_by = session_user,
		post_order = nextval('calpads.post_order')
	WHERE f.file_id = file.file_id;
	-- An updated file of the SSIDs is uploaded as SENR: CALPADS holds its
	-- enrollments over the load that is current when it posts them.
	UPDATE calpads.batch b
	SET load_id = (SELECT c.load_id FROM calpads.current_load c WHERE c.process = 'SENR' AND c.lea = file.lea)
	WHERE b.batch_id = file.batch_id AND b.process = 'SSID';
	PERFORM calpads.refresh_file_status(file.batch_id, NULL);
	PERFORM calpads.make_obsolete(file.process, file.lea, file.file_id, file.batch_id,
		format('file %s (%s) of batch %s was posted', file.file_id, file.file_name, file.batch_id));
	PERFORM calpads.refresh_waiting_files(file.process, file.lea,
		format('SENR file %s (%s) was posted', file.file_id, file.file_name));
	SELECT f.* INTO file FROM calpads.extract_file f WHERE f.file_id = file.file_id;
	RETURN file;
END;
$$;
COMMENT ON FUNCTION calpads.post_file(bigint) IS
	'says that CALPADS has posted the file: from now on it counts as part of what CALPADS holds';

CREATE FUNCTION calpads.unpost_file(file_id bigint) RETURNS calpads.extract_file
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	file calpads.extract_file := calpads.lock_file(file_id);
	later text;
	touched bigint;
BEGIN
	IF file.status <> 'Posted' THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('file %s (%s) is not posted', file.file_id, file.file_name);
	END IF;
	-- Files that were made without a load stand until the first one.
	IF EXISTS (SELECT FROM calpads.batch b
			LEFT JOIN calpads.current_load c ON c.lea = b.lea
				AND c.process = CASE b.process WHEN 'SSID' THEN 'SENR' ELSE b.process END
			WHERE b.batch_id = file.batch_id AND b.load_id IS DISTINCT FROM c.load_id) THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('file %s (%s) belongs to a closed history', file.file_id, file.file_name),
			DETAIL = 'A newer ODS load shows what CALPADS holds, with or without this file.';
	END IF;
	SELECT format('file %s (%s)', f.file_id, f.file_name) INTO later
	FROM calpads.extract_file f
	WHERE f.process = file.process AND f.lea = file.lea AND f.post_order > file.post_order
	ORDER BY f.post_order DESC
	LIMIT 1;
	IF later IS NOT NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('file %s (%s) was not the last one posted', file.file_id, file.file_name),
			HINT = format('Postings are taken back in reverse order; begin with %s.', later);
	END IF;
	UPDATE calpads.extract_file f
	SET posted_at = NULL, posted_by = NULL, post_order = NULL
	WHERE f.file_id = file.file_id;
	PERFORM calpads.refresh_file_status(file.batch_id, 'posting taken back');
	-- What was made on top of the posting stands on nothing now.
	PERFORM calpads.make_obsolete(file.process, file.lea, 0, file.batch_id,
		format('posting of file %s taken back', file.file_id), file.posted_at);
	-- What the posting had made obsolete can be posted again.
	FOR touched IN
		WITH opened AS (
			UPDATE calpads.extract_file f SET obsoleted_by = NULL
			WHERE f.obsoleted_by = file.file_id
			RETURNING f.batch_id
		)
		SELECT DISTINCT o.batch_id FROM opened o ORDER BY o.batch_id
	LOOP
		PERFORM calpads.refresh_file_status(touched, format('posting of file %s taken back', file.file_id));
	END LOOP;
	PERFORM calpads.refresh_waiting_files(file.process, file.lea,
		format('posting of SENR file %s taken back', file.file_id));
	SELECT f.* INTO file FROM calpads.extract_file f WHERE f.file_id = file.file_id;
	RETURN file;
END;
$$;
COMMENT ON FUNCTION calpads.unpost_file(bigint) IS 'takes a posting back; in reverse order of posting';

CREATE FUNCTION calpads.reject_file(file_id bigint, note text) RETURNS calpads.extract_file
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	file calpads.extract_file := calpads.lock_file(file_id);
BEGIN
	IF file.status NOT IN ('Post', 'Rejected') THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('file %s (%s) cannot be rejected: it is %s', file.file_id, file.file_name,
				lower(file.status)),
			DETAIL = 'Only the file that can be posted next can have been refused by CALPADS.';
	END IF;
	UPDATE calpads.extract_file f
	SET status = 'Rejected', note = reject_file.note
	WHERE f.file_id = file.file_id
	RETURNING f.* INTO file;
	INSERT INTO calpads.file_event (file_id, status, note)
	VALUES (file.file_id, file.status, reject_file.note);
	RETURN file;
END;
$$;
COMMENT ON FUNCTION calpads.reject_file(bigint, text) IS
	'says that CALPADS has refused the file; the next create_extract makes a new batch from what was posted';

CREATE VIEW calpads.history AS
SELECT l.process, l.lea, NULL::bigint AS batch_id, NULL::bigint AS file_id, l.load_id,
	NULL::integer AS seq, NULL::text AS category, l.file_name, l.rows_loaded AS records,
	'Loaded'::text AS status, l.loaded_at AS created_at, l.loaded_by AS created_by,
	NULL::timestamptz AS posted_at, NULL::text AS posted_by
FROM calpads.load l
UNION ALL
SELECT f.process, f.lea, f.batch_id, f.file_id, b.load_id, f.seq, f.category, f.file_name, f.records,
	f.status, f.created_at, f.created_by, f.posted_at, f.posted_by
FROM calpads.extract_file f JOIN calpads.batch b ON b.batch_id = f.batch_id;
COMMENT ON VIEW calpads.history IS 'the CALPADS History page: every ODS load and every file, with its status';

CREATE VIEW calpads.history_open AS
SELECT h.* FROM calpads.history h WHERE h.status = 'Post';
COMMENT ON VIEW calpads.history_open IS 'what can be posted now';

-- ---------------------------------------------------------------------------
-- 10. The rehearsal: a batch is replayed under CALPADS' rules
-- ---------------------------------------------------------------------------

CREATE TABLE calpads.batch_rehearsal (
	batch_id bigint NOT NULL,
	position bigint NOT NULL,
	step text NOT NULL CHECK (step IN ('file', 'refused', 'difference')),
	seq integer,
	file_name text,
	records bigint,
	refused bigint,
	line_no bigint,
	rule text,
	ssid text COLLATE "C",
	school_of_attendance text COLLATE "C",
	enrollment_start_date date,
	field text,
	explanation text NOT NULL,
	education_program_code text COLLATE "C",
	membership_start_date date,
	PRIMARY KEY (batch_id, position)
);
COMMENT ON TABLE calpads.batch_rehearsal IS
	'what calpads.rehearse() gave for each batch on the day when it was made, row by row';
COMMENT ON COLUMN calpads.batch_rehearsal.position IS 'order of the rows, from 1';
SELECT pg_catalog.pg_extension_config_dump('calpads.batch_rehearsal', '');

-- Without a search_path of its own, for the planner to put it in its place.
CREATE FUNCTION calpads.ssid_of_line(process text, line text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN split_part(line, '^', CASE WHEN process = 'SPRG' THEN 7 ELSE 8 END);
COMMENT ON FUNCTION calpads.ssid_of_line(text, text) IS 'the SSID in a record line of SENR or SPRG';

CREATE FUNCTION calpads.batch_students(batch_id bigint) RETURNS SETOF text
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT DISTINCT calpads.ssid_of_line(f.process, r.line) COLLATE "C"
	FROM calpads.extract_file f JOIN calpads.extract_record r ON r.file_id = f.file_id
	WHERE f.batch_id = batch_students.batch_id
$$;
COMMENT ON FUNCTION calpads.batch_students(bigint) IS 'the SSIDs in the lines of a batch';

CREATE FUNCTION calpads.line_expression(process text) RETURNS text
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('array_to_string(ARRAY[%s], ''^'', '''')', string_agg(
		CASE
			-- An ODS row is held, whatever the file says it was sent as.
			WHEN t.attname = 'transaction_type_code' THEN 'NULL'
			WHEN t.atttypid = 'date'::regtype THEN format('to_char(p.%I, ''YYYYMMDD'')', t.attname)
			ELSE format('p.%I::text', t.attname)
		END, ', ' ORDER BY t.attnum))
	FROM pg_attribute t
	WHERE t.attrelid = format('calpads.%s', lower(process))::regclass AND t.attnum > 0 AND NOT t.attisdropped
$$;
COMMENT ON FUNCTION calpads.line_expression(text) IS
	'expression that makes a record line of the process of a row named p';

-- Here and below, IS TRUE makes the planner look students up in a hash table
-- whatever it believes of tables that were filled a minute ago; an IN alone it
-- would turn into a join.

-- What CALPADS held of the batch's students: the rows of the ODS load, then
-- the records of the files posted over it, in the order of posting.  As long
-- as nothing of the batch is posted, later postings of other files do not
-- count: the question is whether the batch was good when it was made.
-- Of programs the rows are those of the picture, because exits that SENR posted
-- have closed some.
CREATE FUNCTION calpads.rehearsal_programs(batch calpads.batch, begun boolean, OUT line_no bigint, OUT line text)
	RETURNS SETOF record
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT row_number() OVER (), %s FROM calpads.sprg_picture(ARRAY[$1], ARRAY('
			'SELECT o.file_id FROM unnest(calpads.files_at(ARRAY[$1], CASE WHEN $3 THEN ''infinity'' ELSE $4 END)) '
			'WITH ORDINALITY AS o (file_id, place) ORDER BY o.place)) p '
			'WHERE (p.ssid IN (SELECT calpads.batch_students($2))) IS TRUE', calpads.line_expression('SPRG'))
		USING batch.load_id, batch.batch_id, begun, batch.created_at;
END;
$$;
COMMENT ON FUNCTION calpads.rehearsal_programs(calpads.batch, boolean) IS
	'lines of the programs that CALPADS held of a batch''s students, before the batch or, when it is begun, now';

CREATE FUNCTION calpads.rehearsal_enrollments(
	batch_id bigint,
	OUT ssid text,
	OUT school text,
	OUT start_date date,
	OUT exit_date date,
	OUT exit_reason text,
	OUT closes boolean
) RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
	WITH enrollment AS MATERIALIZED (
		SELECT e.*
		FROM calpads.find_batch(rehearsal_enrollments.batch_id) b
			CROSS JOIN LATERAL (
				SELECT p.*, false AS closes FROM calpads.student_enrollments(b.lea, NULL) p WHERE p.side = 'posted'
				UNION ALL
				SELECT c.* FROM calpads.coming_enrollments(b.lea, NULL) c WHERE c.side <> 'sis') e
		WHERE (e.ssid IN (SELECT calpads.batch_students(rehearsal_enrollments.batch_id))) IS TRUE
	)
	SELECT e.ssid, e.school, e.start_date, e.exit_date, e.exit_reason, e.closes
	FROM enrollment e
	WHERE e.side = 'added'
		OR (e.side = 'posted' AND (e.ssid, e.school, e.start_date) NOT IN (
			SELECT o.ssid, o.school, o.start_date FROM enrollment o WHERE o.side <> 'posted'))
$$;
COMMENT ON FUNCTION calpads.rehearsal_enrollments(bigint) IS
	'enrollments of a batch''s students as CALPADS will hold them once the SENR difference is posted; closes: it closes programs '
	'with the exit then';

CREATE FUNCTION calpads.rehearsal_state(batch_id bigint, OUT line_no bigint, OUT line text) RETURNS SETOF record
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
DECLARE
	batch calpads.batch;
	begun boolean;
BEGIN
	SELECT b.* INTO batch FROM calpads.batch b WHERE b.batch_id = rehearsal_state.batch_id;
	SELECT bool_or(f.status = 'Posted') INTO begun
	FROM calpads.extract_file f WHERE f.batch_id = batch.batch_id;
	IF batch.process = 'SPRG' THEN
		RETURN QUERY SELECT s.line_no, s.line FROM calpads.rehearsal_programs(batch, begun) s;
		RETURN;
	END IF;
	RETURN QUERY EXECUTE format('SELECT p.line_no, calpads.line_with_ssid(%s, m.replacement_ssid) FROM calpads.senr_baseline p '
		'LEFT JOIN calpads.ssid_replacement m ON m.retired_ssid = p.ssid '
		'WHERE p.load_id = $1 AND (coalesce(m.replacement_ssid, p.ssid) IN (SELECT calpads.batch_students($2))) IS TRUE '
		'ORDER BY m.retired_ssid IS NULL, p.line_no',
		calpads.line_expression('SENR'))
		USING batch.load_id, batch.batch_id;
	RETURN QUERY
	SELECT r.line_no, calpads.line_with_ssid(r.line, coalesce(m.replacement_ssid, r.ssid))
	FROM calpads.batch b
		JOIN calpads.extract_file f ON f.batch_id = b.batch_id AND f.status = 'Posted'
		JOIN calpads.extract_record r ON r.file_id = f.file_id
		LEFT JOIN calpads.ssid_replacement m ON m.retired_ssid = r.ssid
	WHERE b.load_id = batch.load_id AND (begun OR f.posted_at < batch.created_at)
		AND (coalesce(m.replacement_ssid, r.ssid) IN (SELECT calpads.batch_students(batch.batch_id))) IS TRUE
	ORDER BY f.post_order, r.line_no;
END;
$$;
COMMENT ON FUNCTION calpads.rehearsal_state(bigint) IS
	'lines of what CALPADS held of the batch''s students before the files that are replayed, in their order';

CREATE FUNCTION calpads.rehearsal_picture(batch_id bigint, OUT line_no bigint, OUT line text) RETURNS SETOF record
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
DECLARE
	batch calpads.batch;
BEGIN
	SELECT b.* INTO batch FROM calpads.batch b WHERE b.batch_id = rehearsal_picture.batch_id;
	RETURN QUERY EXECUTE format('SELECT row_number() OVER (ORDER BY p.ssid COLLATE "C", '
			'p.%I, p.school_of_attendance COLLATE "C"), %s FROM (%s) p '
			'WHERE (p.ssid IN (SELECT calpads.batch_students($1))) IS TRUE ORDER BY 1',
			CASE batch.process WHEN 'SPRG' THEN 'education_program_membership_start_date' ELSE 'enrollment_start_date' END,
			calpads.line_expression(batch.process), calpads.sis_query(batch.process, batch.lea, NULL))
		USING batch.batch_id;
END;
$$;
COMMENT ON FUNCTION calpads.rehearsal_picture(bigint) IS
	'lines of what the SIS says CALPADS should hold of the batch''s students';

CREATE FUNCTION calpads.replay_batch(
	batch_id bigint,
	OUT step text,
	OUT seq integer,
	OUT file_name text,
	OUT records bigint,
	OUT refused bigint,
	OUT line_no bigint,
	OUT rule text,
	OUT ssid text,
	OUT school_of_attendance text,
	OUT enrollment_start_date date,
	OUT field text,
	OUT explanation text,
	OUT education_program_code text,
	OUT membership_start_date date
) RETURNS SETOF record
	LANGUAGE c STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
	AS 'MODULE_PATHNAME', 'calpads_replay_batch';
COMMENT ON FUNCTION calpads.replay_batch(bigint) IS
	'what calpads.rehearse() gives, with every difference to the SIS, also those that nobody wants to see go';

CREATE FUNCTION calpads.rehearse(
	batch_id bigint,
	OUT step text,
	OUT seq integer,
	OUT file_name text,
	OUT records bigint,
	OUT refused bigint,
	OUT line_no bigint,
	OUT rule text,
	OUT ssid text,
	OUT school_of_attendance text,
	OUT enrollment_start_date date,
	OUT field text,
	OUT explanation text,
	OUT education_program_code text,
	OUT membership_start_date date
) RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	-- Records that were taken out or put in by hand leave nothing to refuse.
	WITH altered AS (
		SELECT f.seq, f.file_name, f.records AS made, count(r.line_no) AS found
		FROM calpads.extract_file f LEFT JOIN calpads.extract_record r ON r.file_id = f.file_id
		WHERE f.batch_id = rehearse.batch_id
		GROUP BY f.file_id
		HAVING count(r.line_no) <> f.records
	), replayed AS (
		SELECT r.ordinality AS place, r.step, r.seq, r.file_name, r.records, r.refused, r.line_no, r.rule, r.ssid,
			r.school_of_attendance, r.enrollment_start_date, r.field,
			CASE WHEN r.step = 'file' AND r.refused = 0 AND a.seq IS NOT NULL
				THEN 'not the file that was made' ELSE r.explanation END AS explanation,
			r.education_program_code, r.membership_start_date
		FROM calpads.replay_batch(rehearse.batch_id) WITH ORDINALITY AS r
			LEFT JOIN altered a ON a.seq = r.seq
		UNION ALL
		SELECT 0, 'refused', a.seq, a.file_name, NULL, NULL, NULL, 'FORMAT', NULL, NULL, NULL, NULL,
			format('The file was made with %s records and has %s now.', a.made, a.found), NULL, NULL
		FROM altered a
	)
	SELECT r.step, r.seq, r.file_name, r.records, r.refused, r.line_no, r.rule, r.ssid,
		r.school_of_attendance, r.enrollment_start_date, r.field, r.explanation, r.education_program_code,
		r.membership_start_date
	FROM replayed r
	-- Only what the comparison looks at (DESIGN section 5, rule 2), and what is
	-- not known to be held, is a difference.
	WHERE r.step <> 'difference' OR (
		CASE WHEN r.membership_start_date IS NULL
			THEN r.enrollment_start_date >= calpads.school_year_start(calpads.today()) - interval '2 years'
			-- Of programs whole rows of earlier years are neither added nor removed.
			ELSE r.membership_start_date >= CASE WHEN r.field IS NULL THEN calpads.school_year_start(calpads.today())
				ELSE calpads.school_year_start(calpads.today()) - interval '10 years' END
		END
		AND (calpads.setting('no_future_dates') <> 'on'
			OR coalesce(r.membership_start_date, r.enrollment_start_date) <= calpads.today())
		AND r.school_of_attendance IN (SELECT s.cds_school FROM calpads.school s WHERE s.selected)
		AND (r.education_program_code IS NULL
			OR r.education_program_code IN (SELECT o.program FROM calpads.offered_programs() o))
		AND NOT EXISTS (
			SELECT FROM calpads.batch_held h
			WHERE h.batch_id = rehearse.batch_id AND h.ssid = r.ssid
				AND CASE WHEN r.membership_start_date IS NULL
					THEN h.school_of_attendance = r.school_of_attendance
						AND h.enrollment_start_date = r.enrollment_start_date
					ELSE h.education_program_code = r.education_program_code END))
	ORDER BY r.place
$$;
COMMENT ON FUNCTION calpads.rehearse(bigint) IS
	'replays the unposted files of a batch under CALPADS'' rules: a row for each file, for each refused record and '
	'rule, and for each difference to the SIS that would be left';

CREATE FUNCTION calpads.record_rehearsal(batch_id bigint, force boolean) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	batch bigint := batch_id;
	total record;
	first_refusal calpads.batch_rehearsal;
	counts text;
BEGIN
	INSERT INTO calpads.batch_rehearsal
	SELECT batch, r.ordinality, r.step, r.seq, r.file_name, r.records, r.refused, r.line_no, r.rule,
		r.ssid, r.school_of_attendance, r.enrollment_start_date, r.field, r.explanation, r.education_program_code,
		r.membership_start_date
	FROM calpads.rehearse(batch) WITH ORDINALITY AS r;

	SELECT sum(r.records) AS records, sum(r.refused) AS refused,
		count(*) FILTER (WHERE r.step = 'file') AS files,
		count(*) FILTER (WHERE r.step = 'difference') AS differences
	INTO total
	FROM calpads.batch_rehearsal r WHERE r.batch_id = batch;
	IF total.refused = 0 THEN
		UPDATE calpads.batch b
		SET verdict = 'accepted',
			verdict_detail = format('files: %s; records: %s; remaining differences: %s', total.files, total.records,
				total.differences)
		WHERE b.batch_id = batch;
		RETURN;
	END IF;

	SELECT r.* INTO first_refusal
	FROM calpads.batch_rehearsal r
	WHERE r.batch_id = batch AND r.step = 'refused'
	ORDER BY r.position
	LIMIT 1;
	counts := format('%s of %s records would be refused, the first in line %s of %s.', total.refused,
		total.records, first_refusal.line_no, first_refusal.file_name);
	IF NOT force THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('CALPADS would refuse the batch by rule %s', first_refusal.rule),
			DETAIL = format('%s %s', first_refusal.explanation, counts),
			HINT = 'force => true stores the batch all the same; calpads.rehearse() then tells every refusal.';
	END IF;
	UPDATE calpads.batch b
	SET verdict = 'refused',
		verdict_detail = format('%s: %s %s', first_refusal.rule, first_refusal.explanation, counts)
	WHERE b.batch_id = batch;
END;
$$;
COMMENT ON FUNCTION calpads.record_rehearsal(bigint, boolean) IS
	'rehearses a new batch and stores the verdict with it; an error when CALPADS would refuse it, unless forced';

-- ---------------------------------------------------------------------------
-- 11. Looking back: earlier states, drift, and the story of one student
-- ---------------------------------------------------------------------------

-- What CALPADS held at a moment: the loads that were open then, and the files
-- that were posted then and not taken back, as their events tell.
CREATE FUNCTION calpads.loads_at(process text, moment timestamptz) RETURNS bigint[]
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT array_agg(l.load_id ORDER BY l.load_id)
	FROM calpads.load l
	WHERE l.process = loads_at.process AND l.loaded_at <= moment
		AND (l.closed_at IS NULL OR l.closed_at > moment)
$$;
COMMENT ON FUNCTION calpads.loads_at(text, timestamptz) IS 'the ODS loads that were the baselines at a moment';

-- Over ODS loads of SPRG count the files of SENR too that were posted since, as
-- in calpads.posted_files().
CREATE FUNCTION calpads.files_at(loads bigint[], moment timestamptz) RETURNS bigint[]
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT array_agg(last_event.file_id ORDER BY last_event.event_id)
	FROM (
		SELECT DISTINCT ON (e.file_id) e.file_id, e.event_id, e.status
		FROM calpads.load l
			JOIN calpads.extract_file f ON f.lea = l.lea
			JOIN calpads.batch b ON b.batch_id = f.batch_id
			JOIN calpads.file_event e ON e.file_id = f.file_id AND e.happened_at <= moment
		WHERE l.load_id = ANY (loads)
			AND (b.load_id = l.load_id
				OR (l.process = 'SPRG' AND f.process = 'SENR' AND f.posted_at > l.loaded_at
					AND f.posted_at <= coalesce(l.closed_at, 'infinity')))
		ORDER BY e.file_id, e.event_id DESC) AS last_event
	WHERE last_event.status = 'Posted'
$$;
COMMENT ON FUNCTION calpads.files_at(bigint[], timestamptz) IS
	'the files that were posted over these ODS loads at a moment, in the order of their posting';

CREATE FUNCTION calpads.senr_rows(loads bigint[], files bigint[]) RETURNS SETOF calpads.senr
	LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT
		p.record_type_code,
		p.transaction_type_code,
		p.local_record_id,
		p.reporting_lea,
		p.school_of_attendance,
		p.school_of_attendance_nps,
		p.academic_year_id,
		p.ssid,
		p.local_student_id,
		p.student_legal_first_name,
		p.student_legal_middle_name,
		p.student_legal_last_name,
		p.student_legal_name_suffix_code,
		p.student_alias_first_name,
		p.student_alias_middle_name,
		p.student_alias_last_name,
		p.student_birth_date,
		p.student_gender_code,
		p.student_birth_city,
		p.student_birth_state_province_code,
		p.student_birth_country_code,
		p.enrollment_start_date,
		p.enrollment_status_code,
		p.grade_level_code,
		p.enrollment_exit_date,
		p.student_exit_reason_code,
		p.student_school_completion_status,
		p.expected_receiver_school_of_attendance,
		p.student_met_all_uc_csu_requirements_indicator,
		p.student_school_transfer_code,
		p.district_of_geographic_residence_code,
		p.student_golden_state_seal_merit_diploma_indicator,
		p.student_seal_of_biliteracy_indicator,
		p.adult_age_students_with_disabilities_in_transition_status,
		p.graduation_exemption_indicator
	FROM calpads.senr_picture(loads, files) AS p;
END;
COMMENT ON FUNCTION calpads.senr_rows(bigint[], bigint[]) IS
	'what CALPADS held after ODS loads and the posting of files, as records of the layout';

CREATE FUNCTION calpads.ods_senr_as_of(moment timestamptz) RETURNS SETOF calpads.senr
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT *
	FROM calpads.senr_rows(calpads.loads_at('SENR', moment),
		calpads.files_at(calpads.loads_at('SENR', moment), moment))
$$;
COMMENT ON FUNCTION calpads.ods_senr_as_of(timestamptz) IS 'what CALPADS held at a moment, as far as it was known';

CREATE FUNCTION calpads.ods_senr_as_of(load_id bigint) RETURNS SETOF calpads.senr
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT *
	FROM calpads.senr_rows(ARRAY[ods_senr_as_of.load_id],
		calpads.files_at(ARRAY[ods_senr_as_of.load_id], 'infinity'))
$$;
COMMENT ON FUNCTION calpads.ods_senr_as_of(bigint) IS
	'what CALPADS held at the end of the history that began with an ODS load: the load and all its postings';

CREATE FUNCTION calpads.sprg_rows(loads bigint[], files bigint[]) RETURNS SETOF calpads.sprg
	LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT
		p.record_type_code,
		p.transaction_type_code,
		p.local_record_id,
		p.reporting_lea,
		p.school_of_attendance,
		p.academic_year_id,
		p.ssid,
		p.local_student_id,
		p.student_legal_first_name,
		p.student_legal_last_name,
		p.student_birth_date,
		p.student_gender_code,
		p.education_program_code,
		p.education_program_membership_code,
		p.education_program_membership_start_date,
		p.education_program_membership_end_date,
		p.education_service_academic_year,
		p.education_service_code,
		p.california_partnership_academy_id,
		p.migrant_student_id,
		p.filler_1,
		p.filler_2,
		p.homeless_dwelling_type_code,
		p.unaccompanied_youth_indicator,
		p.runaway_youth_indicator,
		p.filler_3
	FROM calpads.sprg_picture(loads, files) AS p;
END;
COMMENT ON FUNCTION calpads.sprg_rows(bigint[], bigint[]) IS
	'the programs that CALPADS held after ODS loads and the posting of files, as records of the layout';

CREATE FUNCTION calpads.ods_sprg_as_of(moment timestamptz) RETURNS SETOF calpads.sprg
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT *
	FROM calpads.sprg_rows(calpads.loads_at('SPRG', moment),
		calpads.files_at(calpads.loads_at('SPRG', moment), moment))
$$;
COMMENT ON FUNCTION calpads.ods_sprg_as_of(timestamptz) IS 'the programs that CALPADS held at a moment, as far as it was known';

CREATE FUNCTION calpads.ods_sprg_as_of(load_id bigint) RETURNS SETOF calpads.sprg
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT *
	FROM calpads.sprg_rows(ARRAY[ods_sprg_as_of.load_id],
		calpads.files_at(ARRAY[ods_sprg_as_of.load_id], 'infinity'))
$$;
COMMENT ON FUNCTION calpads.ods_sprg_as_of(bigint) IS
	'the programs that CALPADS held at the end of the history that began with an ODS load: the load and all its postings';

CREATE FUNCTION calpads.sprg_compared(r calpads.sprg) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object(
		'education_program_membership_end_date', r.education_program_membership_end_date,
		'california_partnership_academy_id', r.california_partnership_academy_id,
		'migrant_student_id', r.migrant_student_id,
		'homeless_dwelling_type_code', r.homeless_dwelling_type_code,
		'unaccompanied_youth_indicator', r.unaccompanied_youth_indicator,
		'runaway_youth_indicator', r.runaway_youth_indicator)
$$;
COMMENT ON FUNCTION calpads.sprg_compared(calpads.sprg) IS
	'the fields of a record that SPRG compares: 3.16, 3.19, 3.20 and 3.23 to 3.25';

CREATE FUNCTION calpads.sprg_key(r calpads.sprg) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	RETURN concat_ws('^', (r).school_of_attendance, (r).ssid, (r).education_program_code,
		to_char((r).education_program_membership_start_date, 'YYYYMMDD'),
		coalesce((r).education_service_academic_year, ''), coalesce((r).education_service_code, ''));
COMMENT ON FUNCTION calpads.sprg_key(calpads.sprg) IS 'the operational key of a record as calpads.extract_record has it';

CREATE FUNCTION calpads.senr_compared(r calpads.senr) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object(
		'school_of_attendance_nps', r.school_of_attendance_nps,
		'enrollment_status_code', r.enrollment_status_code,
		'grade_level_code', r.grade_level_code,
		'enrollment_exit_date', r.enrollment_exit_date,
		'student_exit_reason_code', r.student_exit_reason_code,
		'student_school_completion_status', r.student_school_completion_status,
		'expected_receiver_school_of_attendance', r.expected_receiver_school_of_attendance,
		'student_met_all_uc_csu_requirements_indicator', r.student_met_all_uc_csu_requirements_indicator,
		'student_school_transfer_code', r.student_school_transfer_code,
		'district_of_geographic_residence_code', r.district_of_geographic_residence_code,
		'student_golden_state_seal_merit_diploma_indicator', r.student_golden_state_seal_merit_diploma_indicator,
		'student_seal_of_biliteracy_indicator', r.student_seal_of_biliteracy_indicator,
		'adult_age_students_with_disabilities_in_transition_status', r.adult_age_students_with_disabilities_in_transition_status,
		'graduation_exemption_indicator', r.graduation_exemption_indicator)
$$;
COMMENT ON FUNCTION calpads.senr_compared(calpads.senr) IS
	'the fields of a record that SENR compares: 1.06 and 1.23 to 1.35';

CREATE FUNCTION calpads.changed_fields(before jsonb, after jsonb) RETURNS jsonb
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(jsonb_object_agg(f.key, jsonb_build_array(before -> f.key, after -> f.key)), '{}')
	FROM jsonb_each(coalesce(after, before)) AS f
	WHERE (before ->> f.key) IS DISTINCT FROM (after ->> f.key)
$$;
COMMENT ON FUNCTION calpads.changed_fields(jsonb, jsonb) IS
	'the fields in which two records differ: {"field": [before, after]}; one of the records may be null';

-- The last record of each key among the files of a history, marked as posted
-- or not.
CREATE FUNCTION calpads.last_records(
	load_id bigint,
	posted boolean,
	OUT key text,
	OUT file_id bigint,
	OUT transaction_type text,
	OUT line text
) RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT DISTINCT ON (k.key) k.key, r.file_id, r.transaction_type, r.line
	FROM calpads.batch b
		JOIN calpads.extract_file f ON f.batch_id = b.batch_id AND (f.status = 'Posted') = last_records.posted
		-- Without SSID: a new one was asked for and has not come yet.
		JOIN calpads.extract_record r ON r.file_id = f.file_id AND r.ssid IS NOT NULL
		LEFT JOIN calpads.ssid_replacement m ON m.retired_ssid = r.ssid
		CROSS JOIN LATERAL (SELECT CASE WHEN m.retired_ssid IS NULL THEN r.key
			ELSE regexp_replace(r.key, '^([^^]*\^)[^^]*', '\1' || m.replacement_ssid) COLLATE "C" END AS key) AS k
	WHERE b.load_id = last_records.load_id
	ORDER BY k.key, f.post_order DESC, f.file_id DESC
$$;
COMMENT ON FUNCTION calpads.last_records(bigint, boolean) IS
	'of each key the last record of the files that were, or were not, posted over an ODS load; keys under the SSIDs of now';

CREATE FUNCTION calpads.senr_drift(
	former bigint,
	fresh bigint,
	OUT kind text,
	OUT ssid text,
	OUT school_of_attendance text,
	OUT enrollment_start_date date,
	OUT before jsonb,
	OUT after jsonb,
	OUT file_id bigint,
	OUT key text
) RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH fresh_window AS (
		SELECT min(f.enrollment_start_date) AS first_day FROM calpads.senr_rows(ARRAY[fresh], NULL) AS f
	), difference AS (
		SELECT coalesce(e.ssid, f.ssid) AS ssid,
			coalesce(e.school_of_attendance, f.school_of_attendance) AS school_of_attendance,
			coalesce(e.enrollment_start_date, f.enrollment_start_date) AS enrollment_start_date,
			CASE WHEN e.ssid IS NOT NULL THEN calpads.senr_compared(e) END AS before,
			CASE WHEN f.ssid IS NOT NULL THEN calpads.senr_compared(f) END AS after
		FROM calpads.ods_senr_as_of(former) AS e
			FULL JOIN calpads.senr_rows(ARRAY[fresh], NULL) AS f ON f.ssid = e.ssid
				AND f.school_of_attendance = e.school_of_attendance
				AND f.enrollment_start_date = e.enrollment_start_date
		WHERE (e.ssid IS NULL) <> (f.ssid IS NULL)
			OR (e.school_of_attendance_nps, e.enrollment_status_code, e.grade_level_code,
				e.enrollment_exit_date, e.student_exit_reason_code, e.student_school_completion_status,
				e.expected_receiver_school_of_attendance, e.student_met_all_uc_csu_requirements_indicator, e.student_school_transfer_code,
				e.district_of_geographic_residence_code, e.student_golden_state_seal_merit_diploma_indicator, e.student_seal_of_biliteracy_indicator,
				e.adult_age_students_with_disabilities_in_transition_status, e.graduation_exemption_indicator)
				IS DISTINCT FROM
				(f.school_of_attendance_nps, f.enrollment_status_code, f.grade_level_code,
				f.enrollment_exit_date, f.student_exit_reason_code, f.student_school_completion_status,
				f.expected_receiver_school_of_attendance, f.student_met_all_uc_csu_requirements_indicator, f.student_school_transfer_code,
				f.district_of_geographic_residence_code, f.student_golden_state_seal_merit_diploma_indicator, f.student_seal_of_biliteracy_indicator,
				f.adult_age_students_with_disabilities_in_transition_status, f.graduation_exemption_indicator)
	), keyed AS (
		SELECT d.*, concat_ws('^', d.school_of_attendance, d.ssid, to_char(d.enrollment_start_date, 'YYYYMMDD')) AS key
		FROM difference d, fresh_window w
		WHERE d.enrollment_start_date >= w.first_day
	), unmarked AS (
		SELECT r.key, r.file_id,
			CASE WHEN r.transaction_type <> 'D' THEN calpads.senr_compared(s) END AS result
		FROM calpads.last_records(former, false) AS r, calpads.senr_record(r.line) AS s
	)
	SELECT
		CASE
			WHEN u.file_id IS NOT NULL THEN 'posting not marked'
			WHEN m.file_id IS NOT NULL THEN 'posting not kept'
			ELSE 'changed in CALPADS'
		END,
		k.ssid, k.school_of_attendance, k.enrollment_start_date, k.before, k.after,
		coalesce(u.file_id, m.file_id), k.key
	FROM keyed k
		LEFT JOIN unmarked u ON u.key = k.key AND u.result IS NOT DISTINCT FROM k.after
		LEFT JOIN calpads.last_records(former, true) AS m ON m.key = k.key
$$;
COMMENT ON FUNCTION calpads.senr_drift(bigint, bigint) IS
	'the rows in which two ODS loads and the postings between them do not agree';

-- Programs that ended before the fresh extract's first start are outside its
-- window; which exits closed what is in the picture of the former load.
CREATE FUNCTION calpads.sprg_drift(
	former bigint,
	fresh bigint,
	OUT kind text,
	OUT ssid text,
	OUT school_of_attendance text,
	OUT education_program_code text,
	OUT membership_start_date date,
	OUT before jsonb,
	OUT after jsonb,
	OUT file_id bigint,
	OUT key text
) RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH expected AS MATERIALIZED (
		SELECT calpads.sprg_key(e) AS key, calpads.sprg_compared(e) AS fields, e.education_program_membership_end_date AS ended
		FROM calpads.ods_sprg_as_of(former) AS e
	), shown AS MATERIALIZED (
		SELECT calpads.sprg_key(f) AS key, calpads.sprg_compared(f) AS fields, f.education_program_membership_start_date AS started
		FROM calpads.sprg_rows(ARRAY[fresh], NULL) AS f
	), difference AS (
		SELECT coalesce(e.key, f.key) AS key, e.fields AS before, f.fields AS after
		FROM expected e FULL JOIN shown f ON f.key = e.key
		WHERE e.fields IS DISTINCT FROM f.fields
			AND coalesce(e.ended >= (SELECT min(s.started) FROM shown s), true)
	), unmarked AS (
		SELECT r.key, r.file_id, CASE WHEN r.transaction_type <> 'D' THEN calpads.sprg_compared(s) END AS result
		FROM calpads.last_records(former, false) AS r, calpads.sprg_record(r.line) AS s
	)
	SELECT
		CASE
			WHEN u.file_id IS NOT NULL THEN 'posting not marked'
			WHEN m.file_id IS NOT NULL THEN 'posting not kept'
			ELSE 'changed in CALPADS'
		END,
		split_part(d.key, '^', 2), split_part(d.key, '^', 1), split_part(d.key, '^', 3),
		to_date(split_part(d.key, '^', 4), 'YYYYMMDD'), d.before, d.after, coalesce(u.file_id, m.file_id), d.key
	FROM difference d
		LEFT JOIN unmarked u ON u.key = d.key AND u.result IS NOT DISTINCT FROM d.after
		LEFT JOIN calpads.last_records(former, true) AS m ON m.key = d.key
$$;
COMMENT ON FUNCTION calpads.sprg_drift(bigint, bigint) IS
	'the programs in which two ODS loads and the postings between them do not agree';

CREATE FUNCTION calpads.process_drift(
	process text,
	former bigint,
	fresh bigint,
	OUT kind text,
	OUT ssid text,
	OUT school_of_attendance text,
	OUT enrollment_start_date date,
	OUT education_program_code text,
	OUT membership_start_date date,
	OUT before jsonb,
	OUT after jsonb,
	OUT file_id bigint,
	OUT key text
) RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT d.kind, d.ssid, d.school_of_attendance, d.enrollment_start_date, NULL, NULL::date, d.before, d.after, d.file_id, d.key
	FROM calpads.senr_drift(former, fresh) d
	WHERE process = 'SENR'
	UNION ALL
	SELECT d.kind, d.ssid, d.school_of_attendance, NULL::date, d.education_program_code, d.membership_start_date, d.before,
		d.after, d.file_id, d.key
	FROM calpads.sprg_drift(former, fresh) d
	WHERE process = 'SPRG'
$$;
COMMENT ON FUNCTION calpads.process_drift(text, bigint, bigint) IS
	'the rows of a process in which two ODS loads and the postings between them do not agree';

/*
 * When a fresh ODS extract is loaded, it should show the former one with all
 * that was posted since.  Where it does not:
 *
 *	posting not kept	a file was marked as posted, but CALPADS does not show its record
 *	posting not marked	CALPADS shows a record of a file that was not marked as posted
 *	changed in CALPADS	by hand, or by another LEA
 *
 * Rows that start before the fresh extract's first row are outside its window.
 */
CREATE FUNCTION calpads.drift(
	process text,
	OUT lea text,
	OUT kind text,
	OUT ssid text,
	OUT school_of_attendance text,
	OUT enrollment_start_date date,
	OUT changed jsonb,
	OUT file_id bigint,
	OUT sis_agrees boolean,
	OUT explanation text,
	OUT education_program_code text,
	OUT membership_start_date date
) RETURNS SETOF record
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF process IS NULL OR process NOT IN ('SENR', 'SPRG') THEN
		RAISE EXCEPTION USING
			ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('there is no drift of %L', process),
			HINT = 'Drift is worked out for: SENR, SPRG.';
	END IF;
	RETURN QUERY
	WITH loads AS (
		SELECT c.lea, c.load_id AS fresh, max(l.load_id) AS former
		FROM calpads.current_load c
			JOIN calpads.load l ON l.process = c.process AND l.lea = c.lea AND l.load_id < c.load_id
		WHERE c.process = drift.process
		GROUP BY c.lea, c.load_id
	), sis AS MATERIALIZED (
		SELECT s.key
		FROM calpads.reconcile(drift.process, NULL) s
		WHERE s.kind IN ('operation', 'held')
	)
	SELECT l.lea, d.kind, d.ssid, d.school_of_attendance, d.enrollment_start_date,
		calpads.changed_fields(d.before, d.after), d.file_id,
		NOT EXISTS (SELECT FROM sis s WHERE s.key = d.key),
		CASE d.kind
			WHEN 'posting not marked' THEN format('CALPADS shows a record of %s, which was not marked as posted.', f.file_name)
			WHEN 'posting not kept' THEN format('%s was marked as posted on %s, but CALPADS does not show its record.',
				f.file_name, to_char(f.posted_at, 'MM/DD/YYYY'))
			ELSE 'CALPADS has changed the row by itself: it was edited there, or by another LEA.'
		END
		|| CASE WHEN d.before IS NULL THEN ' CALPADS has a row that should not be there.'
			WHEN d.after IS NULL THEN ' CALPADS lacks a row that should be there.' ELSE '' END,
		d.education_program_code, d.membership_start_date
	FROM loads l
		CROSS JOIN LATERAL calpads.process_drift(drift.process, l.former, l.fresh) d
		LEFT JOIN calpads.extract_file f ON f.file_id = d.file_id
	ORDER BY l.lea COLLATE "C", d.kind COLLATE "C", d.ssid COLLATE "C", d.enrollment_start_date,
		d.school_of_attendance COLLATE "C", d.key COLLATE "C";
END;
$$;
COMMENT ON FUNCTION calpads.drift(text) IS
	'where the fresh ODS load does not show what the former one and its postings let expect; sis_agrees: the row needs no operation';

/*
 * The story of one student, to be read from top to bottom: what the two sides
 * have, row by row; what is sent, in the order of its sending; what is held;
 * and what the rules behind it say.
 */
CREATE FUNCTION calpads.enrollment_words(r calpads.senr) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT concat_ws(', ',
		format('%s to %s', to_char(r.enrollment_start_date, 'MM/DD/YYYY'),
			coalesce(to_char(r.enrollment_exit_date, 'MM/DD/YYYY'), 'today')),
		'status ' || r.enrollment_status_code,
		'grade ' || r.grade_level_code,
		'exit ' || r.student_exit_reason_code,
		'completion ' || r.student_school_completion_status,
		'transfer ' || r.student_school_transfer_code)
$$;
COMMENT ON FUNCTION calpads.enrollment_words(calpads.senr) IS 'an enrollment in a few words';

-- The rows of one student in a picture (calpads.ods_senr or sis.senr).
CREATE FUNCTION calpads.picture_of_student(picture regclass, only_ssid text) RETURNS SETOF calpads.senr
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- As baseline_query and sis_query: what CALPADS holds is found by its index.
	RETURN QUERY EXECUTE format('SELECT %s FROM %s p WHERE %s = $1', calpads.picture_fields('SENR', picture), picture,
			CASE WHEN picture = 'calpads.ods_senr'::regclass THEN 'p.ssid' ELSE 'btrim(p.ssid::text)' END)
		USING only_ssid;
END;
$$;
COMMENT ON FUNCTION calpads.picture_of_student(regclass, text) IS 'the rows of one student in a picture';

CREATE FUNCTION calpads.program_words(r calpads.sprg) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT concat_ws(', ',
		format('program %s', r.education_program_code),
		format('%s to %s', to_char(r.education_program_membership_start_date, 'MM/DD/YYYY'),
			coalesce(to_char(r.education_program_membership_end_date, 'MM/DD/YYYY'), 'today')),
		'service ' || r.education_service_code,
		'academy ' || r.california_partnership_academy_id,
		'migrant ' || r.migrant_student_id,
		'dwelling ' || r.homeless_dwelling_type_code,
		'unaccompanied ' || r.unaccompanied_youth_indicator,
		'runaway ' || r.runaway_youth_indicator)
$$;
COMMENT ON FUNCTION calpads.program_words(calpads.sprg) IS 'a student program in a few words';

CREATE FUNCTION calpads.programs_of_student(picture regclass, only_ssid text) RETURNS SETOF calpads.sprg
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT %s FROM %s p WHERE %s = $1', calpads.picture_fields('SPRG', picture), picture,
			CASE WHEN picture = 'calpads.ods_sprg'::regclass THEN 'p.ssid' ELSE 'btrim(p.ssid::text)' END)
		USING only_ssid;
END;
$$;
COMMENT ON FUNCTION calpads.programs_of_student(regclass, text) IS 'the programs of one student in a picture';

-- The chapter of the story that tells of programs; empty where no SPRG
-- extract was ever loaded.
CREATE FUNCTION calpads.explain_programs(
	only_ssid text,
	OUT chapter integer,
	OUT place integer,
	OUT what text,
	OUT school_of_attendance text,
	OUT start_date date,
	OUT calpads text,
	OUT sis text,
	OUT rule text,
	OUT explanation text
) RETURNS SETOF record
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM calpads.current_load c WHERE c.process = 'SPRG') THEN
		RETURN;
	END IF;
	RETURN QUERY
	WITH result AS MATERIALIZED (
		SELECT * FROM calpads.reconcile_sprg(NULL, only_ssid)
	)
	SELECT 5, 0, 'program', coalesce(h.school_of_attendance, w.school_of_attendance)::text,
		coalesce(h.education_program_membership_start_date, w.education_program_membership_start_date),
		CASE WHEN h.ssid IS NOT NULL THEN calpads.program_words(h) END,
		CASE WHEN w.ssid IS NOT NULL THEN calpads.program_words(w) END, NULL,
		CASE
			WHEN coalesce(h.education_program_code, w.education_program_code) NOT IN (
				SELECT o.program FROM calpads.offered_programs() o) THEN 'The program is not reported: this row is not compared.'
			WHEN NOT EXISTS (SELECT FROM calpads.school c WHERE c.selected
				AND c.cds_school = coalesce(h.school_of_attendance, w.school_of_attendance))
				THEN 'The school is not selected: this row is not compared.'
			WHEN w.ssid IS NULL THEN 'Only CALPADS has this program.'
			WHEN h.ssid IS NULL THEN 'Only the SIS has this program.'
			WHEN calpads.sprg_compared(h) = calpads.sprg_compared(w) THEN 'Both sides agree.'
			ELSE 'Both sides have this program, and it differs.'
		END
	FROM calpads.programs_of_student('calpads.ods_sprg', only_ssid) AS h
		FULL JOIN calpads.programs_of_student(calpads.sis_view('sprg'), only_ssid) AS w
			ON w.reporting_lea = h.reporting_lea AND calpads.sprg_key(w) = calpads.sprg_key(h)
	UNION ALL
	SELECT 6, r.file_no, format('program sent: %s (%s)', lower(r.category), r.transaction_type), r.school_of_attendance,
		r.membership_start_date, NULL, NULL, r.reason, r.explanation
	FROM result r
	WHERE r.kind = 'operation'
	UNION ALL
	SELECT 7, 0, 'program held', h.school_of_attendance, h.membership_start_date, NULL, NULL, h.rule,
		concat_ws(' ', h.explanation, 'Where to look: ' || h.fix || '.')
	FROM calpads.sprg_held_with_problems(NULL, only_ssid) h
	UNION ALL
	SELECT 7, 1, 'program warning', r.school_of_attendance, r.membership_start_date, NULL, NULL, r.rule,
		concat_ws(' ', r.explanation, 'Where to look: ' || r.fix || '.')
	FROM result r
	WHERE r.kind = 'warning'
	UNION ALL
	SELECT 8, f.file_id::integer, format('program %s in %s', CASE f.status WHEN 'Post' THEN 'ready' ELSE lower(f.status) END,
			f.file_name), split_part(r.key, '^', 1), to_date(split_part(r.key, '^', 4), 'YYYYMMDD'), NULL, NULL, r.reason,
		r.explanation
	FROM calpads.extract_record r
		JOIN calpads.extract_file f ON f.file_id = r.file_id AND f.process = 'SPRG' AND f.status <> 'Obsolete'
	WHERE r.ssid = only_ssid;
END;
$$;
COMMENT ON FUNCTION calpads.explain_programs(text) IS 'the programs of one student, as calpads.explain() tells them';

CREATE FUNCTION calpads.explain(
	ssid text,
	OUT no integer,
	OUT what text,
	OUT school_of_attendance text,
	OUT enrollment_start_date date,
	OUT calpads text,
	OUT sis text,
	OUT rule text,
	OUT explanation text
) RETURNS SETOF record
	LANGUAGE sql STABLE STRICT
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH timeline AS (
		SELECT coalesce(h.school_of_attendance, w.school_of_attendance) AS school_of_attendance,
			coalesce(h.enrollment_start_date, w.enrollment_start_date) AS enrollment_start_date,
			CASE WHEN h.ssid IS NOT NULL THEN calpads.enrollment_words(h) END AS calpads,
			CASE WHEN w.ssid IS NOT NULL THEN calpads.enrollment_words(w) END AS sis,
			CASE
				WHEN NOT EXISTS (SELECT FROM calpads.school c WHERE c.selected
					AND c.cds_school = coalesce(h.school_of_attendance, w.school_of_attendance))
					THEN 'The school is not selected: this row is not compared.'
				WHEN w.ssid IS NULL AND h.student_exit_reason_code = 'N470'
					AND h.enrollment_exit_date <= h.enrollment_start_date
					THEN 'A no-show that stays in CALPADS: it is not touched again.'
				WHEN w.ssid IS NULL THEN 'Only CALPADS has this enrollment.'
				WHEN h.ssid IS NULL THEN 'Only the SIS has this enrollment.'
				WHEN calpads.senr_compared(h) = calpads.senr_compared(w) THEN 'Both sides agree.'
				ELSE 'Both sides have this enrollment, and it differs.'
			END AS explanation
		FROM calpads.picture_of_student('calpads.ods_senr', explain.ssid) AS h
			FULL JOIN calpads.picture_of_student(calpads.sis_view('senr'), explain.ssid) AS w ON w.reporting_lea = h.reporting_lea
				AND w.school_of_attendance = h.school_of_attendance
				AND w.enrollment_start_date = h.enrollment_start_date
	), result AS MATERIALIZED (
		SELECT * FROM calpads.reconcile_senr(NULL, explain.ssid)
	), story AS (
		SELECT 1 AS chapter, 0 AS place, 'timeline' AS what, t.school_of_attendance, t.enrollment_start_date, t.calpads, t.sis,
			NULL AS rule, t.explanation
		FROM timeline t
		UNION ALL
		SELECT 2, r.file_no, format('sent: %s (%s)', lower(r.category), r.transaction_type), r.school_of_attendance,
			r.enrollment_start_date, NULL, NULL, r.reason, r.explanation
		FROM result r
		WHERE r.kind = 'operation'
		UNION ALL
		SELECT 3, 0, 'held', h.school_of_attendance, h.enrollment_start_date, NULL, NULL, h.rule,
			concat_ws(' ', h.explanation, 'Where to look: ' || h.fix || '.')
		FROM calpads.held_with_problems(NULL, explain.ssid) h
		UNION ALL
		SELECT 3, 1, 'warning', r.school_of_attendance, r.enrollment_start_date, NULL, NULL, r.rule,
			concat_ws(' ', r.explanation, 'Where to look: ' || r.fix || '.')
		FROM result r
		WHERE r.kind = 'warning'
		UNION ALL
		SELECT 4, f.file_id::integer, format('%s in %s', CASE f.status WHEN 'Post' THEN 'ready' ELSE lower(f.status) END, f.file_name), split_part(r.key, '^', 1),
			to_date(split_part(r.key, '^', 3), 'YYYYMMDD'), NULL, NULL, r.reason, r.explanation
		FROM calpads.extract_record r
			JOIN calpads.extract_file f ON f.file_id = r.file_id AND f.process = 'SENR' AND f.status <> 'Obsolete'
		WHERE r.ssid = explain.ssid
		UNION ALL
		SELECT p.chapter, p.place, p.what, p.school_of_attendance, NULL, p.calpads, p.sis, p.rule, p.explanation
		FROM calpads.explain_programs(explain.ssid) p
	), numbered AS (
		SELECT row_number() OVER (ORDER BY s.chapter, s.place, s.enrollment_start_date, s.school_of_attendance COLLATE "C",
				s.rule COLLATE "C", s.calpads COLLATE "C", s.sis COLLATE "C", s.explanation COLLATE "C")::integer AS no, s.*
		FROM story s
	)
	SELECT n.no, n.what, n.school_of_attendance, n.enrollment_start_date, n.calpads, n.sis, n.rule, n.explanation
	FROM numbered n
	ORDER BY n.no
$$;
COMMENT ON FUNCTION calpads.explain(text) IS
	'the story of one student: both timelines, what is sent and why, what is held and why, and the files that carry it';

-- ---------------------------------------------------------------------------
-- 12. What CALPADS refused: its errors, joined to what was sent and why
--
-- The form of CALPADS' extracts of rejected records and submission errors is
-- not published, so columns are known by the names in
-- calpads.rejection_column.  A file without a header is taken too when its
-- rows are SENR or SPRG records followed by errors.
-- ---------------------------------------------------------------------------

CREATE TABLE calpads.rejection_load (
	rejection_load_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	file_name text NOT NULL,
	sha256 text COLLATE "C" NOT NULL,
	rows bigint NOT NULL DEFAULT 0,
	matched bigint NOT NULL DEFAULT 0,
	loaded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	loaded_by text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE calpads.rejection_load IS 'files with CALPADS'' errors that were loaded';
COMMENT ON COLUMN calpads.rejection_load.file_name IS 'name of the file without its folder';
COMMENT ON COLUMN calpads.rejection_load.sha256 IS 'SHA-256 of the file''s bytes in hexadecimal digits';
COMMENT ON COLUMN calpads.rejection_load.rows IS 'errors in the file';
COMMENT ON COLUMN calpads.rejection_load.matched IS 'errors whose record was found in a file of ours';

CREATE TABLE calpads.rejection_row (
	rejection_load_id bigint NOT NULL,
	row_no bigint NOT NULL,
	source_line bigint NOT NULL,
	rule text COLLATE "C",
	severity text,
	message text,
	field text COLLATE "C",
	value text,
	record_no bigint,
	local_record_id text COLLATE "C",
	ssid text COLLATE "C",
	local_student_id text COLLATE "C",
	school_of_attendance text COLLATE "C",
	enrollment_start_date date,
	file_id bigint,
	line_no bigint,
	fix text,
	student_id integer,
	sc integer,
	line text NOT NULL,
	education_program_code text COLLATE "C",
	membership_start_date date,
	PRIMARY KEY (rejection_load_id, row_no)
);
COMMENT ON TABLE calpads.rejection_row IS 'errors of CALPADS; the view calpads.rejection shows them with their records';
COMMENT ON COLUMN calpads.rejection_row.row_no IS 'number of the error in the load, from 1';
COMMENT ON COLUMN calpads.rejection_row.source_line IS 'line of CALPADS'' file, from 1';
COMMENT ON COLUMN calpads.rejection_row.field IS 'column name of the field; where CALPADS names none, that of the same rule tested here';
COMMENT ON COLUMN calpads.rejection_row.record_no IS 'number of the record in the file that was sent, as CALPADS says';
COMMENT ON COLUMN calpads.rejection_row.file_id IS 'the file that held the record; null: not found';
COMMENT ON COLUMN calpads.rejection_row.line_no IS 'its line there';
COMMENT ON COLUMN calpads.rejection_row.fix IS 'SIS table and column to look at';
COMMENT ON COLUMN calpads.rejection_row.student_id IS 'STU.ID';
COMMENT ON COLUMN calpads.rejection_row.sc IS 'school of the enrollment in the SIS';
COMMENT ON COLUMN calpads.rejection_row.line IS 'the whole line of CALPADS'' file';

SELECT pg_catalog.pg_extension_config_dump('calpads.rejection_load', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.rejection_load_rejection_load_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.rejection_row', '');

-- ---- reading -----------------------------------------------------------------

CREATE FUNCTION calpads.server_file(path text) RETURNS bytea
	LANGUAGE c VOLATILE STRICT
	AS 'MODULE_PATHNAME', 'calpads_server_file';
COMMENT ON FUNCTION calpads.server_file(text) IS
	'the bytes of a file of the server, by its absolute path; needs pg_read_server_files';

CREATE FUNCTION calpads.read_rows(
	name text,
	content bytea,
	OUT line_no bigint,
	OUT cells text[],
	OUT line text,
	OUT complaint text
) RETURNS SETOF record
	LANGUAGE c STABLE STRICT
	AS 'MODULE_PATHNAME', 'calpads_read_rows';
COMMENT ON FUNCTION calpads.read_rows(text, bytea) IS
	'the lines of a CSV, tab or caret file, whichever it is, in cells; blank cells are null, complaint tells what is '
	'wrong with a line; name is for messages';

CREATE FUNCTION calpads.detected_encoding(content bytea) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'calpads_detected_encoding';
COMMENT ON FUNCTION calpads.detected_encoding(bytea) IS
	'the encoding in which calpads.read_rows() reads the bytes: UTF8, or for the whole file WIN1252 where they are not '
	'valid UTF-8';

CREATE FUNCTION calpads.column_alias(header text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN regexp_replace(lower(header), '[^a-z0-9]', '', 'g');
COMMENT ON FUNCTION calpads.column_alias(text) IS
	'a name in a header row as calpads.rejection_column has it: letters and digits, in lower case';

CREATE FUNCTION calpads.rejection_header(cells text[]) RETURNS text[]
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT array_agg(c.name ORDER BY h.position)
	FROM unnest(cells) WITH ORDINALITY AS h (cell, position)
		LEFT JOIN calpads.rejection_column c ON c.alias = calpads.column_alias(h.cell)
$$;
COMMENT ON FUNCTION calpads.rejection_header(text[]) IS 'what each column of a header row holds; null: nothing that is known';

CREATE FUNCTION calpads.rule_numbers(words text) RETURNS text[]
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT array_agg(DISTINCT m[1]) FROM regexp_matches(words, '\m([A-Z]{3,5}[0-9]{3,4}(?:[A-Z][0-9])?)\M', 'g') AS m
$$;
COMMENT ON FUNCTION calpads.rule_numbers(text) IS 'the rule numbers in a text, as SENR0027 or SENR0269F1; null: none';

-- A record without a header: the fields of the layout (35 of SENR, 26 of
-- SPRG), then errors.  Each
-- rule number among these begins an error, whose message is what follows.
CREATE FUNCTION calpads.errors_of_record(cells text[]) RETURNS SETOF jsonb
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH tail AS (
		SELECT t.cell, t.position, t.cell = ANY (calpads.rule_numbers(t.cell)) IS TRUE AS is_rule,
			lower(t.cell) IN ('fatal', 'error', 'warning', 'f', 'e', 'w') AS is_severity
		FROM unnest(cells[CASE cells[1] WHEN 'SPRG' THEN 27 ELSE 36 END:]) WITH ORDINALITY AS t (cell, position)
		WHERE t.cell IS NOT NULL
	), numbered AS (
		SELECT t.*, greatest(count(*) FILTER (WHERE t.is_rule) OVER (ORDER BY t.position), 1) AS error_no
		FROM tail t
	)
	SELECT jsonb_build_object(
		'record_type', cells[1], 'local_record_id', cells[3], 'school_of_attendance', cells[5],
		'rule', min(n.cell) FILTER (WHERE n.is_rule),
		'severity', min(n.cell) FILTER (WHERE n.is_severity),
		'message', string_agg(n.cell, ' ' ORDER BY n.position) FILTER (WHERE NOT n.is_rule AND NOT n.is_severity))
		|| CASE cells[1]
			WHEN 'SPRG' THEN jsonb_build_object('ssid', cells[7], 'local_student_id', cells[8],
				'education_program_code', cells[13], 'membership_start_date', cells[15])
			ELSE jsonb_build_object('ssid', cells[8], 'local_student_id', cells[9], 'enrollment_start_date', cells[22]) END
	FROM numbered n
	GROUP BY n.error_no
	ORDER BY n.error_no
$$;
COMMENT ON FUNCTION calpads.errors_of_record(text[]) IS
	'the errors behind a SENR or SPRG record, each with the record''s key';

CREATE FUNCTION calpads.rejection_values(
	name text,
	content bytea,
	OUT line_no bigint,
	OUT line text,
	OUT cell jsonb
) RETURNS SETOF record
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	first_cells text[] := (SELECT r.cells FROM calpads.read_rows(name, content) r LIMIT 1);
	header text[] := calpads.rejection_header(first_cells);
	is_record boolean := (first_cells[1] = 'SENR' AND cardinality(first_cells) >= 35)
		OR (first_cells[1] = 'SPRG' AND cardinality(first_cells) >= 26);
BEGIN
	IF NOT is_record AND NOT coalesce(header && ARRAY['rule', 'message'], false) THEN
		RAISE EXCEPTION USING
			ERRCODE = 'bad_copy_file_format',
			MESSAGE = 'the file is no extract of rejected records or submission errors',
			DETAIL = format('File "%s": its first line names no column with errors, and it is no SENR or SPRG record.', name),
			HINT = 'A header row names a column like Error Code or Error Description; names that CALPADS uses '
				'can be added to calpads.rejection_column.';
	END IF;
	RETURN QUERY
	SELECT r.line_no, r.line, v.cell
	FROM calpads.read_rows(name, content) WITH ORDINALITY r
		CROSS JOIN LATERAL (
			SELECT jsonb_build_object('message', r.complaint) AS cell
			WHERE r.complaint IS NOT NULL
			UNION ALL
			SELECT e FROM calpads.errors_of_record(r.cells) e
			WHERE r.complaint IS NULL AND is_record
			UNION ALL
			SELECT jsonb_object_agg(c.name, c.cell)
			FROM (SELECT DISTINCT ON (h.name) h.name, r.cells[h.position] AS cell
				FROM unnest(header) WITH ORDINALITY AS h (name, position)
				WHERE h.name IS NOT NULL AND r.cells[h.position] IS NOT NULL
				ORDER BY h.name, h.position) AS c
			WHERE r.complaint IS NULL AND NOT is_record) AS v
	WHERE (is_record OR r.ordinality > 1)
		AND v.cell ?| ARRAY['rule', 'message'];
	IF NOT FOUND THEN
		RAISE EXCEPTION USING
			ERRCODE = 'bad_copy_file_format',
			MESSAGE = 'the file holds no errors',
			DETAIL = format('File "%s": none of its records has a rule number or a message.', name),
			HINT = 'Request the extract of the errors, not the file that was submitted.';
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.rejection_values(text, bytea) IS
	'the errors in a file of CALPADS: name of calpads.rejection_column → value; a line that cannot be divided has '
	'only a message; records without an error are left out';

-- ---- matching ----------------------------------------------------------------

CREATE FUNCTION calpads.field_named(layout text, words text) RETURNS text
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT f.name
	FROM calpads.layout_field f
	WHERE f.layout = field_named.layout AND calpads.academic_year(calpads.today()) COLLATE "C"
			BETWEEN coalesce(f.first_year, '') AND coalesce(f.last_year, '9999')
		AND (calpads.column_alias(words) IN (calpads.column_alias(f.label), calpads.column_alias(f.name))
			OR f.number = substring(words, '^\s*(\d+\.\d+)'))
	ORDER BY f.ordinal
	LIMIT 1
$$;
COMMENT ON FUNCTION calpads.field_named(text, text) IS
	'column name of the field of a layout with that name, label or number (1.25); null: there is none';

CREATE FUNCTION calpads.store_rejections(rejection_load_id bigint, name text, content bytea) RETURNS void
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO calpads.rejection_row (rejection_load_id, row_no, source_line, rule, severity, message, field, value,
		record_no, local_record_id, ssid, local_student_id, school_of_attendance, enrollment_start_date, line, education_program_code,
		membership_start_date)
	SELECT store_rejections.rejection_load_id, row_number() OVER (ORDER BY v.line_no, v.place, r.rule COLLATE "C"),
		v.line_no, r.rule, v.cell ->> 'severity', v.cell ->> 'message',
		calpads.field_named(CASE WHEN v.cell ->> 'record_type' LIKE 'SPRG%' OR v.cell ? 'education_program_code'
			THEN 'sprg' ELSE 'senr' END, v.cell ->> 'field'), v.cell ->> 'value',
		substring(v.cell ->> 'record_no', '^\d{1,9}$')::bigint, v.cell ->> 'local_record_id', v.cell ->> 'ssid',
		v.cell ->> 'local_student_id',
		-- A spreadsheet takes leading zeros away; a full code has 14 digits.
		CASE WHEN v.cell ->> 'school_of_attendance' ~ '^(\d{7})?\d{1,7}$'
			THEN right(lpad(v.cell ->> 'school_of_attendance', 14, '0'), 7) END,
		calpads.file_date(v.cell ->> 'enrollment_start_date'), v.line, v.cell ->> 'education_program_code',
		calpads.file_date(v.cell ->> 'membership_start_date')
	FROM calpads.rejection_values(name, content) WITH ORDINALITY AS v (line_no, line, cell, place)
		CROSS JOIN LATERAL unnest(coalesce(calpads.rule_numbers(upper(v.cell ->> 'rule')),
			CASE WHEN v.cell ->> 'rule' IS NULL THEN calpads.rule_numbers(v.cell ->> 'message') END,
			ARRAY[upper(v.cell ->> 'rule')])) AS r (rule)
$$;
COMMENT ON FUNCTION calpads.store_rejections(bigint, text, bytea) IS 'the errors of a file as rows of calpads.rejection_row';

-- Of a program the service is no part of what CALPADS' errors name.
CREATE FUNCTION calpads.rejection_key(r calpads.rejection_row) RETURNS text
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	RETURN CASE
		WHEN num_nulls((r).school_of_attendance, (r).ssid) > 0 THEN NULL
		WHEN (r).education_program_code IS NOT NULL AND (r).membership_start_date IS NOT NULL
			THEN concat_ws('^', (r).school_of_attendance, (r).ssid, (r).education_program_code,
				to_char((r).membership_start_date, 'YYYYMMDD'))
		WHEN (r).enrollment_start_date IS NOT NULL
			THEN concat_ws('^', (r).school_of_attendance, (r).ssid, to_char((r).enrollment_start_date, 'YYYYMMDD'))
	END;
COMMENT ON FUNCTION calpads.rejection_key(calpads.rejection_row) IS
	'the key that an error names, as far as it names one: of SENR whole, of SPRG without the service';

CREATE FUNCTION calpads.key_without_service(key text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	RETURN array_to_string((string_to_array(key, '^'))[1:4], '^');
COMMENT ON FUNCTION calpads.key_without_service(text) IS
	'school, SSID, program and start date of a SPRG key; a SENR key as it is';

-- What a record says of itself, whatever its process.
CREATE FUNCTION calpads.record_names(
	process text,
	line text,
	OUT local_record_id text,
	OUT ssid text,
	OUT local_student_id text,
	OUT school_of_attendance text,
	OUT enrollment_start_date date,
	OUT education_program_code text,
	OUT membership_start_date date
)
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT nullif(f[3], ''), nullif(f[CASE WHEN sprg THEN 7 ELSE 8 END], ''), nullif(f[CASE WHEN sprg THEN 8 ELSE 9 END], ''),
		nullif(f[5], ''), CASE WHEN NOT sprg THEN to_date(nullif(f[22], ''), 'YYYYMMDD') END,
		CASE WHEN sprg THEN nullif(f[13], '') END, CASE WHEN sprg THEN to_date(nullif(f[15], ''), 'YYYYMMDD') END
	FROM string_to_array(line, '^') AS f, (SELECT process LIKE 'SPRG%' AS sprg) AS p
$$;
COMMENT ON FUNCTION calpads.record_names(text, text) IS 'the student and the key of a record line of SENR or SPRG';

-- The file that CALPADS speaks of: the one that holds most of its records, a
-- rejected one first; and where it names lines only, the one that is marked
-- as rejected.
CREATE FUNCTION calpads.rejected_file(rejection_load_id bigint) RETURNS bigint
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH vote AS (
		SELECT e.file_id, r.row_no
		FROM calpads.rejection_row r
			JOIN calpads.extract_record e ON e.ssid = r.ssid
				AND calpads.key_without_service(e.key) = calpads.rejection_key(r)
		WHERE r.rejection_load_id = rejected_file.rejection_load_id
		UNION
		SELECT e.file_id, r.row_no
		FROM calpads.rejection_row r
			JOIN calpads.extract_record e ON split_part(e.line, '^', 3) = r.local_record_id
		WHERE r.rejection_load_id = rejected_file.rejection_load_id
	), counted AS (
		SELECT v.file_id
		FROM vote v JOIN calpads.extract_file f ON f.file_id = v.file_id
		GROUP BY v.file_id, f.status
		ORDER BY count(*) DESC, f.status = 'Rejected' DESC, v.file_id DESC
		LIMIT 1
	)
	SELECT c.file_id FROM counted c
	UNION ALL
	SELECT min(f.file_id)
	FROM calpads.extract_file f
	WHERE f.status = 'Rejected' AND NOT EXISTS (SELECT FROM counted)
	HAVING count(*) = 1
$$;
COMMENT ON FUNCTION calpads.rejected_file(bigint) IS
	'the file of ours that a load of errors is about; null: it cannot be told';

CREATE FUNCTION calpads.match_rejections(rejection_load_id bigint, chosen bigint) RETURNS void
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH error AS (
		SELECT r.*, calpads.rejection_key(r) AS key
		FROM calpads.rejection_row r
		WHERE r.rejection_load_id = match_rejections.rejection_load_id
	), candidate AS (
		SELECT r.row_no, e.file_id, e.line_no, CASE WHEN e.file_id = chosen THEN 1 ELSE 4 END AS rank
		FROM error r JOIN calpads.extract_record e ON e.ssid = r.ssid AND calpads.key_without_service(e.key) = r.key
		UNION ALL
		SELECT r.row_no, e.file_id, e.line_no, 2
		FROM error r JOIN calpads.extract_record e
			ON e.file_id = chosen AND split_part(e.line, '^', 3) = r.local_record_id
		UNION ALL
		-- A number alone proves nothing when the record is another student's.
		SELECT r.row_no, e.file_id, e.line_no, 3
		FROM error r JOIN calpads.extract_record e ON e.file_id = chosen AND e.line_no = r.record_no
			JOIN calpads.extract_file f ON f.file_id = e.file_id
		WHERE r.key IS NULL AND coalesce(r.ssid = e.ssid, true)
			AND coalesce(r.local_student_id = (calpads.record_names(f.process, e.line)).local_student_id, true)
	), best AS (
		SELECT DISTINCT ON (c.row_no) c.row_no, c.file_id, c.line_no
		FROM candidate c
		ORDER BY c.row_no, c.rank, c.file_id DESC
	)
	UPDATE calpads.rejection_row r
	SET file_id = b.file_id, line_no = b.line_no,
		local_record_id = coalesce(r.local_record_id, s.local_record_id),
		ssid = coalesce(r.ssid, s.ssid),
		local_student_id = coalesce(r.local_student_id, s.local_student_id),
		school_of_attendance = coalesce(r.school_of_attendance, s.school_of_attendance),
		enrollment_start_date = coalesce(r.enrollment_start_date, s.enrollment_start_date),
		education_program_code = coalesce(r.education_program_code, s.education_program_code),
		membership_start_date = coalesce(r.membership_start_date, s.membership_start_date)
	FROM best b
		JOIN calpads.extract_record e ON e.file_id = b.file_id AND e.line_no = b.line_no
		JOIN calpads.extract_file f ON f.file_id = b.file_id
		CROSS JOIN LATERAL calpads.record_names(f.process, e.line) s
	WHERE r.rejection_load_id = match_rejections.rejection_load_id AND r.row_no = b.row_no
$$;
COMMENT ON FUNCTION calpads.match_rejections(bigint, bigint) IS
	'finds the records of a load''s errors: by key, local record ID or line in the chosen file, else by key in the newest';

-- Where to look: the place that the same rule names when it is tested here;
-- two enrollments that exclude each other; else that of the field that CALPADS
-- names.
CREATE FUNCTION calpads.place_rejections(rejection_load_id bigint) RETURNS void
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH sent AS (
		SELECT r.*, f.process LIKE 'SPRG%' IS TRUE AS is_program, e.line AS record
		FROM calpads.rejection_row r
			LEFT JOIN calpads.extract_file f ON f.file_id = r.file_id
			LEFT JOIN calpads.extract_record e ON e.file_id = r.file_id AND e.line_no = r.line_no
	), places AS (
		SELECT false AS is_program, p.field, p.place FROM calpads.senr_places() p
		UNION ALL
		SELECT true, p.field, p.place FROM calpads.sprg_places() p
	), place AS (
		SELECT DISTINCT ON (r.row_no) r.row_no, coalesce(r.field, c.field) AS field, coalesce(c.fix,
			CASE WHEN r.rule IN ('SENR0027', 'SENR0178', 'SENR0586', 'SENR0587')
				THEN 'ENR.ED and ENR.LD of both enrollments'
			WHEN r.rule IN ('SPRG0070', 'SPRG0249') THEN 'the dates of both records of the program'
			WHEN r.rule = 'GERR0005' AND r.is_program THEN 'ENR.ED and ENR.LD' END, p.place) AS fix
		FROM sent r
			LEFT JOIN LATERAL (
				SELECT k.* FROM calpads.senr_record(r.record) s, calpads.check_senr(s) k
				WHERE r.record IS NOT NULL AND NOT r.is_program
				UNION ALL
				SELECT k.* FROM calpads.sprg_record(r.record) s, calpads.check_sprg(s) k
				WHERE r.record IS NOT NULL AND r.is_program) AS c
				ON c.rule = r.rule AND c.field = coalesce(r.field, c.field)
			LEFT JOIN places p ON p.field = r.field AND p.is_program = r.is_program
		WHERE r.rejection_load_id = place_rejections.rejection_load_id
		ORDER BY r.row_no, c.field COLLATE "C"
	)
	UPDATE calpads.rejection_row r SET field = p.field, fix = p.fix
	FROM place p
	WHERE r.rejection_load_id = place_rejections.rejection_load_id AND r.row_no = p.row_no
$$;
COMMENT ON FUNCTION calpads.place_rejections(bigint) IS 'sets field and fix of a load''s errors';

-- A district's own view need not have the columns student_id and sc.  Of a
-- record that the SIS does not have, the student may be known all the same.
-- The planner's settings are those of the comparison, as a mapping view needs.
CREATE FUNCTION calpads.find_rejected_students(rejection_load_id bigint) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
BEGIN
	EXECUTE format($query$
		WITH sis AS MATERIALIZED (
			SELECT p.ssid, p.school_of_attendance, p.enrollment_start_date,
				(to_jsonb(p) ->> 'student_id')::integer AS student_id, (to_jsonb(p) ->> 'sc')::integer AS sc
			FROM %s p
			WHERE p.ssid IN (SELECT r.ssid FROM calpads.rejection_row r WHERE r.rejection_load_id = $1)
		), found AS (
			SELECT DISTINCT ON (r.row_no) r.row_no, s.student_id,
				CASE WHEN s.school_of_attendance = r.school_of_attendance
					AND s.enrollment_start_date = r.enrollment_start_date THEN s.sc END AS sc
			FROM calpads.rejection_row r JOIN sis s ON s.ssid = r.ssid
			WHERE r.rejection_load_id = $1
			ORDER BY r.row_no, s.school_of_attendance IS NOT DISTINCT FROM r.school_of_attendance
				AND s.enrollment_start_date IS NOT DISTINCT FROM r.enrollment_start_date DESC, s.student_id
		)
		UPDATE calpads.rejection_row r SET student_id = f.student_id, sc = f.sc
		FROM found f
		WHERE r.rejection_load_id = $1 AND r.row_no = f.row_no$query$, calpads.sis_view('senr'))
	USING rejection_load_id;
END;
$$;
COMMENT ON FUNCTION calpads.find_rejected_students(bigint) IS 'sets student_id and sc of a load''s errors from the SIS';

CREATE FUNCTION calpads.load_rejected(path text, content bytea DEFAULT NULL, file_id bigint DEFAULT NULL)
	RETURNS calpads.rejection_load
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	bytes bytea := coalesce(content, calpads.server_file(path));
	chosen bigint;
	earlier calpads.rejection_load;
	loaded calpads.rejection_load;
BEGIN
	IF path IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'path must not be null';
	END IF;
	IF file_id IS NOT NULL THEN
		chosen := (calpads.find_file(file_id)).file_id;
	END IF;
	SELECT l.* INTO earlier FROM calpads.rejection_load l WHERE l.sha256 = encode(sha256(bytes), 'hex');
	IF earlier.rejection_load_id IS NOT NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('file "%s" was loaded before', path),
			DETAIL = format('It is load %s of rejected records.', earlier.rejection_load_id),
			HINT = 'Its errors are in calpads.rejection.';
	END IF;
	INSERT INTO calpads.rejection_load (file_name, sha256)
	VALUES (regexp_replace(path, '^.*/', ''), encode(sha256(bytes), 'hex'))
	RETURNING * INTO loaded;
	PERFORM calpads.store_rejections(loaded.rejection_load_id, path, bytes);
	chosen := coalesce(chosen, calpads.rejected_file(loaded.rejection_load_id));
	PERFORM calpads.match_rejections(loaded.rejection_load_id, chosen);
	PERFORM calpads.place_rejections(loaded.rejection_load_id);
	PERFORM calpads.find_rejected_students(loaded.rejection_load_id);
	UPDATE calpads.rejection_load l
	SET (rows, matched) = (SELECT count(*), count(r.file_id) FROM calpads.rejection_row r
		WHERE r.rejection_load_id = l.rejection_load_id)
	WHERE l.rejection_load_id = loaded.rejection_load_id
	RETURNING l.* INTO loaded;
	RETURN loaded;
END;
$$;
COMMENT ON FUNCTION calpads.load_rejected(text, bytea, bigint) IS
	'loads CALPADS'' extract of rejected records or submission errors (CSV, tab or caret) and joins it to what was sent: '
	'a file of the server by its absolute path, or content, whose name is path; file_id: the file that was submitted, '
	'needed only where the errors name nothing but lines';

-- ---- looking -----------------------------------------------------------------

CREATE VIEW calpads.rejection AS
SELECT r.rejection_load_id, l.loaded_at, r.row_no, r.rule, u.name AS rule_name, r.severity, r.message, r.field, r.value,
	r.ssid, r.local_student_id, r.school_of_attendance, r.enrollment_start_date, f.batch_id, r.file_id, f.file_name,
	r.line_no, e.transaction_type, e.reason, e.explanation, r.fix, r.student_id, r.sc, r.education_program_code,
	r.membership_start_date
FROM calpads.rejection_row r
	JOIN calpads.rejection_load l ON l.rejection_load_id = r.rejection_load_id
	LEFT JOIN calpads.extract_file f ON f.file_id = r.file_id
	LEFT JOIN calpads.extract_record e ON e.file_id = r.file_id AND e.line_no = r.line_no
	LEFT JOIN LATERAL (
		SELECT k.name FROM calpads.rule k
		WHERE r.rule IN (k.number, k.reported_as)
		-- One number can be a rule of several kinds of files.
		ORDER BY k.number = r.rule DESC, coalesce(coalesce(f.process, 'SENR') LIKE k.process || '%', false) DESC, k.process
		LIMIT 1) AS u ON true;
COMMENT ON VIEW calpads.rejection IS
	'the errors that CALPADS gave, each with the record that was sent, why it was sent, and where the SIS keeps it; '
	'file_id null: no record of ours was found';

CREATE VIEW calpads.rejection_count AS
SELECT r.rule, r.rule_name, count(*) AS rejections, count(DISTINCT r.ssid) AS students,
	min(r.loaded_at) AS first_seen, max(r.loaded_at) AS last_seen
FROM calpads.rejection r
GROUP BY r.rule, r.rule_name
ORDER BY count(*) DESC, r.rule;
COMMENT ON VIEW calpads.rejection_count IS 'which rules of CALPADS hit most';

-- ---------------------------------------------------------------------------
-- 13. The legacy full extracts of SENR and SPRG: one file, as it was before 2022
--
-- All records of the school year, or all records of the students with a date
-- later than calpads.legacy_changes_since (spec/aeries_logic.md section 8.5).
-- It is no difference to what CALPADS holds, so it is never posted and takes
-- no part in the history of the real batches.
-- ---------------------------------------------------------------------------

-- Which columns a district's own tables have is theirs to say: every date and
-- time counts, also one that is still to come.
CREATE FUNCTION calpads.changed_students(since date) RETURNS SETOF text
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	source record;
BEGIN
	FOR source IN
		SELECT c.oid::regclass AS relation, t.id_column,
			string_agg(format('t.%I::date > $1', a.attname), ' OR ' ORDER BY a.attnum) AS condition
		FROM (VALUES ('stu', 'id'), ('enr', 'id'), ('pgm', 'pid'), ('cse', 'id'), ('lac', 'id'), ('fre', 'id'))
				AS t (name, id_column)
			JOIN pg_class c ON c.oid = to_regclass(format('%I.%I', calpads.setting('sis_schema'), t.name))
			JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE a.atttypid IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype)
		GROUP BY c.oid, t.id_column
	LOOP
		RETURN QUERY EXECUTE format('SELECT btrim(t.%I::text) FROM %s t WHERE %s',
			source.id_column, source.relation, source.condition)
			USING since;
	END LOOP;
END;
$$;
COMMENT ON FUNCTION calpads.changed_students(date) IS
	'local IDs of students with a date later than that day in STU, ENR, PGM, CSE, LAC or FRE; may repeat';

-- The planner's settings are those of the comparison, for the same reason: a
-- mapping view joins tables of which the planner may know nothing yet.
CREATE FUNCTION calpads.legacy_senr(lea text, since date, OUT record calpads.senr, OUT problems jsonb)
	RETURNS SETOF record
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
DECLARE
	view regclass := calpads.sis_view('senr');
BEGIN
	RETURN QUERY EXECUTE format('SELECT ROW(%s)::calpads.senr, %s::jsonb FROM %s p '
			'WHERE p.reporting_lea = $1 AND p.enrollment_start_date >= calpads.school_year_start(calpads.today()) '
			'AND (calpads.setting(''no_future_dates'') <> ''on'' OR p.enrollment_start_date <= calpads.today()) '
			'AND p.school_of_attendance IN (SELECT s.cds_school FROM calpads.school s WHERE s.selected) '
			'AND ($2 IS NULL OR p.local_student_id IN (SELECT calpads.changed_students($2)))',
			calpads.picture_fields('SENR', view, false), calpads.problems_expression(view), view)
		USING lea, since;
END;
$$;
COMMENT ON FUNCTION calpads.legacy_senr(text, date) IS
	'the SIS records of the current school year, of all students (since is null) or of those with a later date';

-- As reports of programs are made from the enrollments, future dates are those
-- of the programs; a record with a rule against it says why it is missing.
CREATE FUNCTION calpads.legacy_sprg(lea text, since date, OUT record calpads.sprg, OUT problems jsonb)
	RETURNS SETOF record
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
DECLARE
	view regclass := calpads.sis_view('sprg');
BEGIN
	RETURN QUERY EXECUTE format('SELECT ROW(%s)::calpads.sprg, %s::jsonb FROM %s p '
			'WHERE p.reporting_lea = $1 AND p.academic_year_id = calpads.academic_year(calpads.today()) '
			'AND (calpads.setting(''no_future_dates'') <> ''on'' '
			'OR p.education_program_membership_start_date <= calpads.today()) '
			'AND (p.school_of_attendance IN (SELECT s.cds_school FROM calpads.school s WHERE s.selected)) IS NOT FALSE '
			'AND ($2 IS NULL OR p.local_student_id IN (SELECT calpads.changed_students($2)))%s',
			calpads.picture_fields('SPRG', view, false), calpads.problems_expression(view), view,
			calpads.process_condition('SPRG'))
		USING lea, since;
END;
$$;
COMMENT ON FUNCTION calpads.legacy_sprg(text, date) IS
	'the SIS records of student programs of the current academic year, of all students (since is null) or of those with a later '
	'date';

-- The records of a legacy extract, in their order, and what speaks against them.
CREATE FUNCTION calpads.legacy_records(
	IN process text,
	IN lea text,
	IN since date,
	OUT n bigint,
	OUT key text,
	OUT ssid text,
	OUT local_student_id text,
	OUT school_of_attendance text,
	OUT enrollment_start_date date,
	OUT education_program_code text,
	OUT membership_start_date date,
	OUT line text,
	OUT findings jsonb
) RETURNS SETOF record
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
	SET jit = off
AS $$
BEGIN
	IF process = 'SPRG_LEGACY' THEN
		RETURN QUERY
		SELECT row_number() OVER (ORDER BY (l.record).ssid, calpads.sprg_key(l.record)), calpads.sprg_key(l.record),
			(l.record).ssid::text, (l.record).local_student_id::text, (l.record).school_of_attendance::text, NULL::date,
			(l.record).education_program_code::text, (l.record).education_program_membership_start_date,
			calpads.sprg_line(l.record), coalesce(l.problems, '[]') || coalesce((
				SELECT jsonb_agg(to_jsonb(c)) FROM calpads.check_sprg(l.record) c), '[]')
		FROM calpads.legacy_sprg(lea, since) l;
	ELSE
		RETURN QUERY
		SELECT row_number() OVER (ORDER BY (l.record).ssid, (l.record).enrollment_start_date, (l.record).school_of_attendance),
			concat_ws('^', (l.record).school_of_attendance, (l.record).ssid,
				to_char((l.record).enrollment_start_date, 'YYYYMMDD')),
			(l.record).ssid::text, (l.record).local_student_id::text, (l.record).school_of_attendance::text,
			(l.record).enrollment_start_date, NULL, NULL::date,
			calpads.senr_line(l.record), coalesce(l.problems, '[]') || coalesce((
				SELECT jsonb_agg(to_jsonb(c)) FROM calpads.check_senr(l.record) c), '[]')
		FROM calpads.legacy_senr(lea, since) l;
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.legacy_records(text, text, date) IS
	'the records of a legacy full extract; findings: what the mapping found, then the fatal rules that each one breaks';

-- Compiling the statement would cost more than running it.
CREATE FUNCTION calpads.make_legacy_batch(process text, lea text, since date) RETURNS bigint
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
	SET jit = off
AS $$
DECLARE
	new_batch bigint;
BEGIN
	INSERT INTO calpads.batch (process, lea, today, encoding, forced)
	VALUES (process, lea, calpads.today(), calpads.batch_encoding(), false)
	RETURNING batch_id INTO new_batch;

	WITH picture AS MATERIALIZED (
		SELECT * FROM calpads.legacy_records(process, lea, since)
	), held AS (
		INSERT INTO calpads.batch_held (batch_id, local_student_id, ssid, school_of_attendance, enrollment_start_date,
			rule, field, value, explanation, fix, education_program_code, membership_start_date)
		SELECT DISTINCT ON (p.n, f.finding ->> 'field' COLLATE "C", f.finding ->> 'rule' COLLATE "C")
			new_batch, p.local_student_id, p.ssid, p.school_of_attendance, p.enrollment_start_date, f.finding ->> 'rule',
			f.finding ->> 'field', f.finding ->> 'value', f.finding ->> 'explanation', f.finding ->> 'fix',
			p.education_program_code, p.membership_start_date
		FROM picture p, jsonb_array_elements(p.findings) WITH ORDINALITY AS f (finding, precedence)
		ORDER BY p.n, f.finding ->> 'field' COLLATE "C", f.finding ->> 'rule' COLLATE "C", f.precedence
	), sent AS (
		SELECT row_number() OVER (ORDER BY p.n) AS line_no, p.ssid, p.key, p.line
		FROM picture p
		WHERE p.findings = '[]'
	), file AS (
		INSERT INTO calpads.extract_file (batch_id, process, lea, seq, category, file_name, records, status)
		SELECT new_batch, make_legacy_batch.process, make_legacy_batch.lea, 1, 'Legacy',
			format('%s.txt', make_legacy_batch.process), count(*), 'Legacy'
		FROM sent
		HAVING count(*) > 0
		RETURNING file_id
	)
	INSERT INTO calpads.extract_record
		(file_id, line_no, ssid, key, transaction_type, reason, explanation, changed, line)
	SELECT f.file_id, s.line_no, s.ssid, s.key,
		'A', 'legacy', CASE WHEN since IS NULL THEN 'Every record of the school year is in the file.'
			ELSE format('The SIS has a date later than %s for this student, so all records are in the file.',
				to_char(since, 'MM/DD/YYYY')) END,
		'{}', s.line
	FROM sent s, file f;

	IF NOT FOUND THEN
		DELETE FROM calpads.batch_held h WHERE h.batch_id = new_batch;
		DELETE FROM calpads.batch b WHERE b.batch_id = new_batch;
		RETURN NULL;
	END IF;
	RETURN new_batch;
END;
$$;
COMMENT ON FUNCTION calpads.make_legacy_batch(text, text, date) IS
	'stores a legacy full extract of one LEA as a batch of one file; records that break a fatal rule are in '
	'calpads.batch_held instead; null when no record is left';

CREATE FUNCTION calpads.create_legacy_extract(process text, lea text, all_students boolean)
	RETURNS SETOF calpads.extract_file
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	leas text[];
	one_lea text;
	new_batch bigint;
	since date := CASE WHEN NOT all_students THEN nullif(calpads.setting('legacy_changes_since'), '')::date END;
BEGIN
	SELECT array_agg(DISTINCT s.lea ORDER BY s.lea) INTO leas
	FROM calpads.school s
	WHERE s.selected AND s.lea = coalesce(create_legacy_extract.lea, s.lea);
	IF leas IS NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('no selected school%s is known', coalesce(' of LEA ' || lea, '')),
			HINT = 'The view calpads.school shows the schools of the SIS table loc.';
	END IF;
	FOREACH one_lea IN ARRAY leas LOOP
		new_batch := calpads.make_legacy_batch(process, one_lea, since);
		CONTINUE WHEN new_batch IS NULL;
		INSERT INTO calpads.file_event (file_id, status)
		SELECT f.file_id, f.status FROM calpads.extract_file f WHERE f.batch_id = new_batch;
		RAISE WARNING USING
			MESSAGE = format('CALPADS is likely to refuse the legacy file of LEA %s', one_lea),
			DETAIL = CASE process WHEN 'SPRG_LEGACY'
				THEN 'The end of a program may stand in it beside the next record of the program (SPRG0070).'
				ELSE 'An operational key may stand in it more than once (IVR0034), and the exit of a student beside '
					'the next enrollment (SENR0027).' END,
			HINT = format('create_extract(%L) makes files in an order that CALPADS takes.', split_part(process, '_', 1));
		RETURN QUERY SELECT f.* FROM calpads.extract_file f WHERE f.batch_id = new_batch;
	END LOOP;
END;
$$;
COMMENT ON FUNCTION calpads.create_legacy_extract(text, text, boolean) IS
	'what create_extract(''SENR_LEGACY'') and create_extract(''SPRG_LEGACY'') do; all_students: whatever calpads.legacy_changes_since says';

-- ---------------------------------------------------------------------------
-- 13a. English language acquisition: what CALPADS holds, and the difference
-- ---------------------------------------------------------------------------

CREATE TYPE calpads.sela AS (
	record_type_code text COLLATE "C",
	transaction_type_code text COLLATE "C",
	local_record_id text COLLATE "C",
	reporting_lea text COLLATE "C",
	school_of_attendance text COLLATE "C",
	academic_year_id text COLLATE "C",
	ssid text COLLATE "C",
	student_legal_first_name text COLLATE "C",
	student_legal_last_name text COLLATE "C",
	student_birth_date date,
	student_gender_code text COLLATE "C",
	local_student_id text COLLATE "C",
	english_language_acquisition_status_code text COLLATE "C",
	english_language_acquisition_status_start_date date,
	primary_language_code text COLLATE "C",
	correction_reason_code text COLLATE "C"
);
COMMENT ON TYPE calpads.sela IS 'a SELA record: fields 12.01 to 12.16 of the current layout';

-- The columns are those of layout sela_ods of the current year.
CREATE TABLE calpads.sela_baseline (
	load_id bigint NOT NULL,
	line_no bigint NOT NULL,
	record_type_code text COLLATE "C",
	transaction_type_code text COLLATE "C",
	local_record_id text COLLATE "C",
	reporting_lea text COLLATE "C" NOT NULL,
	school_of_attendance text COLLATE "C",
	academic_year_id text COLLATE "C",
	ssid text COLLATE "C" NOT NULL,
	student_legal_first_name text COLLATE "C",
	student_legal_last_name text COLLATE "C",
	student_birth_date date,
	student_gender_code text COLLATE "C",
	local_student_id text COLLATE "C",
	english_language_acquisition_status_code text COLLATE "C" NOT NULL,
	english_language_acquisition_status_start_date date NOT NULL,
	primary_language_code text COLLATE "C",
	correction_reason_code text COLLATE "C",
	upload_date text COLLATE "C",
	last_date_updated text COLLATE "C"
);
SELECT pg_catalog.pg_extension_config_dump('calpads.sela_baseline', '');
COMMENT ON TABLE calpads.sela_baseline IS
	'records of the SELA ODS extracts (layout sela_ods), of all loads; blanks are null. A status is valid in the whole state, '
	'so records of other LEAs are here too; within a load (reporting_lea, ssid, english_language_acquisition_status_code, '
	'english_language_acquisition_status_start_date) is unique';
COMMENT ON COLUMN calpads.sela_baseline.load_id IS 'the load: calpads.load';
COMMENT ON COLUMN calpads.sela_baseline.line_no IS 'line of the file, from 1';

-- A record line in the shape of the layout.
CREATE FUNCTION calpads.sela_record(line text) RETURNS SETOF calpads.sela
	LANGUAGE sql STABLE ROWS 1 PARALLEL SAFE
BEGIN ATOMIC
	SELECT
		NULLIF(f[1], ''),
		NULLIF(f[2], ''),
		NULLIF(f[3], ''),
		NULLIF(f[4], ''),
		NULLIF(f[5], ''),
		NULLIF(f[6], ''),
		NULLIF(f[7], ''),
		NULLIF(f[8], ''),
		NULLIF(f[9], ''),
		to_date(NULLIF(f[10], ''), 'YYYYMMDD'),
		NULLIF(f[11], ''),
		NULLIF(f[12], ''),
		NULLIF(f[13], ''),
		to_date(NULLIF(f[14], ''), 'YYYYMMDD'),
		NULLIF(f[15], ''),
		NULLIF(f[16], '')
	FROM string_to_array(line, '^') AS f;
END;
COMMENT ON FUNCTION calpads.sela_record(text) IS 'the fields of a SELA record line';

CREATE FUNCTION calpads.sela_line(record calpads.sela) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN array_to_string(ARRAY[
		record.record_type_code,
		record.transaction_type_code,
		record.local_record_id,
		record.reporting_lea,
		record.school_of_attendance,
		record.academic_year_id,
		record.ssid,
		record.student_legal_first_name,
		record.student_legal_last_name,
		to_char(record.student_birth_date::timestamp, 'YYYYMMDD'),
		record.student_gender_code,
		record.local_student_id,
		record.english_language_acquisition_status_code,
		to_char(record.english_language_acquisition_status_start_date::timestamp, 'YYYYMMDD'),
		record.primary_language_code,
		record.correction_reason_code], '^', '');
COMMENT ON FUNCTION calpads.sela_line(calpads.sela) IS 'a SELA record as it stands in a file, without CR LF';

-- Without an ODS load the files are posted over nothing (batch.load_id is
-- null) and count until the first load closes them.
CREATE FUNCTION calpads.posted_sela_files() RETURNS bigint[]
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT array_agg(f.file_id ORDER BY f.post_order)
	FROM calpads.batch b
		JOIN calpads.extract_file f ON f.batch_id = b.batch_id AND f.status = 'Posted'
		LEFT JOIN calpads.current_load c ON c.process = b.process AND c.lea = b.lea
	WHERE b.process = 'SELA' AND b.load_id IS NOT DISTINCT FROM c.load_id
$$;
COMMENT ON FUNCTION calpads.posted_sela_files() IS
	'the SELA files that were posted since the ODS loads, in the order of their posting; of an LEA without a load all';

-- As calpads.senr_picture; the key of calpads.extract_record is reporting LEA,
-- SSID and status (spec/sinf_sela_sprg.md section 1).
CREATE FUNCTION calpads.sela_picture(loads bigint[], files bigint[])
	RETURNS TABLE (
		record_type_code text,
		transaction_type_code text,
		local_record_id text,
		reporting_lea text,
		school_of_attendance text,
		academic_year_id text,
		ssid text,
		student_legal_first_name text,
		student_legal_last_name text,
		student_birth_date date,
		student_gender_code text,
		local_student_id text,
		english_language_acquisition_status_code text,
		english_language_acquisition_status_start_date date,
		primary_language_code text,
		correction_reason_code text,
		load_id bigint)
	LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH posted AS (
		SELECT DISTINCT ON (k.reporting_lea, k.ssid, k.status)
			t.load_id,
			k.reporting_lea,
			k.ssid,
			k.status,
			r.line
		FROM unnest(files) WITH ORDINALITY AS o (file_id, place)
			JOIN calpads.extract_file f ON f.file_id = o.file_id
			JOIN calpads.batch t ON t.batch_id = f.batch_id
			JOIN calpads.extract_record r ON r.file_id = f.file_id
			LEFT JOIN calpads.ssid_replacement m ON m.retired_ssid = r.ssid
			CROSS JOIN LATERAL (SELECT split_part(r.key, '^', 1) COLLATE "C" AS reporting_lea,
				coalesce(m.replacement_ssid, r.ssid) AS ssid, split_part(r.key, '^', 3) COLLATE "C" AS status) AS k
		ORDER BY k.reporting_lea, k.ssid, k.status, o.place DESC
	)
	SELECT
		'SELA',
		NULL,
		b.local_record_id,
		b.reporting_lea,
		b.school_of_attendance,
		b.academic_year_id,
		coalesce(m.replacement_ssid, b.ssid),
		b.student_legal_first_name,
		b.student_legal_last_name,
		b.student_birth_date,
		b.student_gender_code,
		b.local_student_id,
		b.english_language_acquisition_status_code,
		b.english_language_acquisition_status_start_date,
		b.primary_language_code,
		b.correction_reason_code,
		b.load_id
	FROM calpads.sela_baseline b LEFT JOIN calpads.ssid_replacement m ON m.retired_ssid = b.ssid
	WHERE b.load_id = ANY ((SELECT loads)::bigint[])
		-- NOT IN for its hash table; no part of a key is null.
		AND (coalesce(m.replacement_ssid, b.ssid), b.english_language_acquisition_status_code, b.reporting_lea) NOT IN (
			SELECT p.ssid, p.status, p.reporting_lea
			FROM posted p)
		AND (m.retired_ssid IS NULL OR (b.load_id, b.line_no) NOT IN (
			SELECT o.load_id, o.line_no
			FROM (SELECT n.load_id, n.line_no, row_number() OVER (PARTITION BY n.load_id,
						coalesce(x.replacement_ssid, n.ssid), n.english_language_acquisition_status_code, n.reporting_lea
						ORDER BY x.retired_ssid IS NOT NULL, n.line_no) AS place
				FROM calpads.sela_baseline n LEFT JOIN calpads.ssid_replacement x ON x.retired_ssid = n.ssid
				WHERE n.ssid IN (SELECT e.retired_ssid FROM calpads.ssid_replacement e
					UNION ALL SELECT e.replacement_ssid FROM calpads.ssid_replacement e)) AS o
			WHERE o.place > 1))
	UNION ALL
	SELECT
		'SELA',
		NULL,
		r.local_record_id,
		r.reporting_lea,
		r.school_of_attendance,
		r.academic_year_id,
		p.ssid,
		r.student_legal_first_name,
		r.student_legal_last_name,
		r.student_birth_date,
		r.student_gender_code,
		r.local_student_id,
		r.english_language_acquisition_status_code,
		r.english_language_acquisition_status_start_date,
		r.primary_language_code,
		r.correction_reason_code,
		p.load_id
	FROM posted p, calpads.sela_record(p.line) AS r;
END;
COMMENT ON FUNCTION calpads.sela_picture(bigint[], bigint[]) IS
	'the language statuses that CALPADS held after ODS loads and the posting of files, in the order of the array';

CREATE VIEW calpads.ods_sela AS
SELECT
	p.record_type_code COLLATE "C" AS record_type_code,
	p.transaction_type_code COLLATE "C" AS transaction_type_code,
	p.local_record_id COLLATE "C" AS local_record_id,
	p.reporting_lea COLLATE "C" AS reporting_lea,
	p.school_of_attendance COLLATE "C" AS school_of_attendance,
	p.academic_year_id COLLATE "C" AS academic_year_id,
	p.ssid COLLATE "C" AS ssid,
	p.student_legal_first_name COLLATE "C" AS student_legal_first_name,
	p.student_legal_last_name COLLATE "C" AS student_legal_last_name,
	p.student_birth_date,
	p.student_gender_code COLLATE "C" AS student_gender_code,
	p.local_student_id COLLATE "C" AS local_student_id,
	p.english_language_acquisition_status_code COLLATE "C" AS english_language_acquisition_status_code,
	p.english_language_acquisition_status_start_date,
	p.primary_language_code COLLATE "C" AS primary_language_code,
	p.correction_reason_code COLLATE "C" AS correction_reason_code,
	p.load_id
FROM calpads.sela_picture(calpads.current_loads('SELA'), calpads.posted_sela_files()) AS p;
COMMENT ON VIEW calpads.ods_sela IS
	'the language statuses that CALPADS holds: the last ODS load overlaid with every file posted since; records of other LEAs '
	'of which an extract tells are among them. load_id is null where nothing was loaded yet';

-- LAC.EAC and LAC.EAD, which a load fills ---------------------------------------

-- Of statuses that start on one day the one that can only have followed.
CREATE FUNCTION calpads.elas_rank(status text) RETURNS integer
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN coalesce(array_position(ARRAY['TBD', 'EO', 'EL', 'IFEP', 'ADEL', 'RFEP'], status), 0);
COMMENT ON FUNCTION calpads.elas_rank(text) IS 'order of language statuses that start on the same day';

CREATE FUNCTION calpads.check_lac_writable(lac regclass) RETURNS void
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	can_update CONSTANT integer := 4;
	can_insert CONSTANT integer := 8;
BEGIN
	IF pg_relation_is_updatable(lac, true) & (can_update | can_insert) <> can_update | can_insert THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('%s cannot be written, so CALPADS'' language status has no place there', lac),
			DETAIL = 'It is a view or a foreign table.',
			HINT = 'Set calpads.sela_fill_lac to off: the extract is loaded and compared without LAC.EAC and LAC.EAD.';
	ELSIF NOT (has_column_privilege(lac, 'eac', 'UPDATE') AND has_column_privilege(lac, 'ead', 'UPDATE')
			AND has_column_privilege(lac, 'id', 'INSERT') AND has_column_privilege(lac, 'eac', 'INSERT')
			AND has_column_privilege(lac, 'ead', 'INSERT')) THEN
		RAISE EXCEPTION USING
			ERRCODE = 'insufficient_privilege',
			MESSAGE = format('permission denied to write CALPADS'' language status into %s', lac),
			DETAIL = 'A SELA load fills LAC.EAC and LAC.EAD; nothing was loaded.',
			HINT = format('GRANT UPDATE (eac, ead), INSERT (id, eac, ead) ON %s TO %I; or set calpads.sela_fill_lac to off.',
				lac, current_user);
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.check_lac_writable(regclass) IS
	'refuses a SELA load by somebody who cannot write LAC.EAC and LAC.EAD';

/*
 * Part of load_ods.  Of each student of the file whom the SIS has, the status
 * with the latest start goes into LAC.EAC and LAC.EAD, and nothing else is
 * changed; a student without a row in LAC gets one [proposal: spec/ssid.md has
 * the same for the SSID extract].  Students who are not in the file, or of whom
 * a row was set aside, keep what they have: the SSID extract fills these columns
 * too.
 */
CREATE FUNCTION calpads.fill_language_status(load_id bigint) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
DECLARE
	lac regclass;
	tally record;
BEGIN
	IF calpads.setting('sela_fill_lac') <> 'on' THEN
		RETURN;
	END IF;
	lac := calpads.sis_table_name(NULL, 'lac')::regclass;
	PERFORM calpads.check_lac_writable(lac);
	EXECUTE format($query$
		WITH newest AS MATERIALIZED (
			SELECT DISTINCT ON (b.ssid) b.ssid, b.english_language_acquisition_status_code AS status,
				b.english_language_acquisition_status_start_date AS start_date
			FROM calpads.sela_baseline b
			WHERE b.load_id = $1
				-- What was set aside may have been the newest.
				AND b.ssid NOT IN (SELECT e.ssid FROM calpads.load_error e WHERE e.load_id = $1 AND e.ssid IS NOT NULL)
			ORDER BY b.ssid, b.english_language_acquisition_status_start_date DESC,
				calpads.elas_rank(b.english_language_acquisition_status_code) DESC
		), student AS MATERIALIZED (
			SELECT DISTINCT ON (stu.id) stu.id, newest.ssid, newest.status, newest.start_date
			FROM %1$s AS stu JOIN newest ON newest.ssid = btrim(stu.cid::text) COLLATE "C"
			WHERE stu.del IS NOT TRUE
			ORDER BY stu.id, newest.start_date DESC
		), changed AS (
			UPDATE %2$s AS lac SET eac = student.status, ead = student.start_date
			FROM student
			-- The target of an UPDATE has the types of the district.
			WHERE lac.id::integer = student.id AND coalesce(upper(btrim(lac.del::text)), '') NOT IN ('1', 'Y', 'T', 'TRUE')
				AND (btrim(lac.eac::text) COLLATE "C", nullif(btrim(lac.ead::text), '')::date)
					IS DISTINCT FROM (student.status, student.start_date)
			RETURNING lac.id
		), added AS (
			INSERT INTO %2$s (id, eac, ead)
			SELECT student.id, student.status, student.start_date
			FROM student
			WHERE student.id NOT IN (SELECT lac.id FROM %3$s AS lac WHERE lac.del IS NOT TRUE AND lac.id IS NOT NULL)
			RETURNING id
		)
		SELECT (SELECT count(*) FROM changed) AS changed, (SELECT count(*) FROM added) AS added,
			(SELECT count(*) FROM newest WHERE newest.ssid NOT IN (SELECT student.ssid FROM student)) AS unknown
		$query$, calpads.sis_source(NULL, 'stu'), lac, calpads.sis_source(NULL, 'lac'))
		INTO tally
		USING load_id;
	RAISE NOTICE USING
		MESSAGE = format('CALPADS'' language status in %s: %s rows changed, %s rows added', lac, tally.changed, tally.added),
		DETAIL = format('Students of the file whom the SIS does not have: %s.', tally.unknown);
EXCEPTION
	WHEN not_null_violation THEN
		RAISE EXCEPTION USING
			ERRCODE = SQLSTATE,
			MESSAGE = format('%s takes no row with only a student and CALPADS'' language status', lac),
			DETAIL = SQLERRM,
			HINT = 'Give the column a default, or make the students'' rows in LAC first, or set calpads.sela_fill_lac to off.';
END;
$$;
COMMENT ON FUNCTION calpads.fill_language_status(bigint) IS
	'writes the newest status and start date of each student of a SELA load into LAC.EAC and LAC.EAD; part of load_ods()';

-- The difference -------------------------------------------------------------------

/*
 * What CALPADS holds of students, as far as it is known: the ODS extract with
 * the posted files, and LAC.EAC and LAC.EAD where these tell of a status that
 * the extract does not have (the SSID extract fills them too).  Of the latter
 * neither the language nor the LEA is known.
 */
CREATE FUNCTION calpads.known_language_status(
	OUT ssid text,
	OUT status text,
	OUT start_date date,
	OUT language text,
	OUT reporting_lea text
) RETURNS SETOF record
	LANGUAGE plpgsql STABLE ROWS 100000
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
BEGIN
	RETURN QUERY EXECUTE format($query$
		WITH ods AS MATERIALIZED (
			SELECT o.ssid, o.english_language_acquisition_status_code AS status,
				o.english_language_acquisition_status_start_date AS start_date, o.primary_language_code AS language, o.reporting_lea
			FROM calpads.ods_sela o
		), student AS (
			SELECT DISTINCT stu.id, btrim(stu.cid::text) COLLATE "C" AS ssid
			FROM %s AS stu
			WHERE stu.del IS NOT TRUE AND btrim(stu.cid::text) <> ''
		)
		SELECT ods.ssid, ods.status, ods.start_date, ods.language, ods.reporting_lea
		FROM ods
		UNION ALL
		SELECT student.ssid, upper(btrim(lac.eac::text)), max(lac.ead::date), NULL, NULL
		FROM student JOIN %s AS lac ON lac.id = student.id
		WHERE lac.del IS NOT TRUE AND btrim(lac.eac::text) <> ''
			AND (student.ssid, upper(btrim(lac.eac::text)) COLLATE "C") NOT IN (SELECT ods.ssid, ods.status FROM ods)
		GROUP BY student.ssid, upper(btrim(lac.eac::text))
		$query$, calpads.sis_source(NULL, 'stu'), calpads.sis_source(NULL, 'lac'));
END;
$$;
COMMENT ON FUNCTION calpads.known_language_status() IS
	'the statuses that CALPADS is known to hold: ods_sela, and LAC.EAC and LAC.EAD beside it (language and LEA null)';

/*
 * The days on which each LEA has a student enrolled, as SENR reports them: for
 * a view sela of the district's own, which need not have them.
 */
CREATE FUNCTION calpads.enrolled_days(OUT ssid text, OUT lea text, OUT days datemultirange) RETURNS SETOF record
	LANGUAGE sql STABLE ROWS 100000
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
	SELECT btrim(e.ssid), btrim(e.lea), range_agg(daterange(e.start_date, e.exit_date, '[]'))
	FROM calpads.reported_enrollments(NULL) e
	WHERE e.status IN ('10', '30') AND coalesce(e.exit_date >= e.start_date, true) AND e.exit_reason IS DISTINCT FROM 'N470'
	GROUP BY btrim(e.ssid), btrim(e.lea)
$$;
COMMENT ON FUNCTION calpads.enrolled_days() IS
	'the days on which a student is enrolled (primary or short-term) at an LEA, of all years that SENR reports';

/*
 * Students enrolled this year who have a language fluency in the SIS that
 * CALPADS does not have, but of whom it expects no status: why they are not in
 * the view sela.
 */
CREATE FUNCTION calpads.sela_not_expected(
	OUT lea text,
	OUT ssid text,
	OUT school_of_attendance text,
	OUT local_student_id text,
	OUT status text,
	OUT why text,
	OUT calpads_status text,
	OUT calpads_start_date date,
	OUT calpads_language text,
	OUT calpads_lea text
) RETURNS SETOF record
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
BEGIN
	RETURN QUERY EXECUTE format($query$
		WITH student AS MATERIALIZED (
			SELECT DISTINCT ON (e.student_id) e.*,
				bool_or(calpads.is_sela_expected(e.status, e.grade, e.school)) OVER (PARTITION BY e.student_id) AS is_expected
			FROM calpads.reported_enrollments(NULL) e
			WHERE calpads.school_year_start(e.start_date) = calpads.school_year_start(calpads.today())
				AND e.exit_reason IS DISTINCT FROM 'N470'
			ORDER BY e.student_id, e.start_date DESC, e.school COLLATE "C"
		), fluency AS (
			SELECT stu.id, min(upper(btrim(stu.lf::text))) AS local_status
			FROM %s AS stu
			WHERE stu.del IS NOT TRUE AND btrim(stu.lf::text) <> ''
			GROUP BY stu.id
		), fluent AS (
			SELECT student.*, coalesce(t.code, fluency.local_status) AS fluency
			FROM student
				JOIN fluency ON fluency.id = student.student_id
				LEFT JOIN calpads.code_translation(NULL) t ON t.local_set = 'STU.LF' AND t.local_code = fluency.local_status
			WHERE NOT student.is_expected
		)
		SELECT DISTINCT ON (fluent.student_id) fluent.lea, fluent.ssid, fluent.school, fluent.student_id::text, fluent.fluency,
			CASE WHEN fluent.grade IN ('IN', 'TD', 'PS', 'AD') THEN format('grade %%s', fluent.grade)
				WHEN fluent.school = '0000002' THEN 'a private school (0000002)'
				ELSE format('enrollment status %%s', fluent.status) END,
			known.status, known.start_date, known.language, known.reporting_lea
		FROM fluent LEFT JOIN calpads.known_language_status() known ON known.ssid = fluent.ssid
		WHERE fluent.lea IS NOT NULL
			AND coalesce((fluent.ssid, fluent.fluency) NOT IN (SELECT k.ssid, k.status FROM calpads.known_language_status() k), true)
		ORDER BY fluent.student_id, known.start_date DESC NULLS LAST, calpads.elas_rank(known.status) DESC
		$query$, calpads.sis_source(NULL, 'stu'));
END;
$$;
COMMENT ON FUNCTION calpads.sela_not_expected() IS
	'students with a language fluency in the SIS of whom CALPADS expects no status, by grade, enrollment status or school';

/*
 * The problems that hold a record: those whose rule is switched off or only
 * warns (calpads.rule) are none.
 */
CREATE FUNCTION calpads.fatal_problems(process text, problems jsonb) RETURNS jsonb
	LANGUAGE sql STABLE STRICT
	SET search_path = pg_catalog, pg_temp
	RETURN (
		SELECT jsonb_agg(p.problem ORDER BY p.place)
		FROM jsonb_array_elements(problems) WITH ORDINALITY AS p (problem, place)
		WHERE NOT EXISTS (
			SELECT FROM calpads.rule r
			WHERE r.process = fatal_problems.process AND r.number = p.problem ->> 'rule' COLLATE "C"
				AND (NOT r.active OR r.severity <> 'fatal')));
COMMENT ON FUNCTION calpads.fatal_problems(text, jsonb) IS
	'those of a record''s problems whose rule holds records; null: there is none';

CREATE FUNCTION calpads.lacks_windows_1252(value text) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN value ~ ('[^\x01-\x7f\u00a0-\u00ff\u20ac\u201a\u0192\u201e\u2026\u2020\u2021'
		|| '\u02c6\u2030\u0160\u2039\u0152\u017d\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u017e\u0178]');
COMMENT ON FUNCTION calpads.lacks_windows_1252(text) IS
	'is the value one that a file in Windows-1252 cannot hold?';

CREATE FUNCTION calpads.sis_language_status(
	IN only_lea text,
	OUT rec calpads.sela,
	OUT problems jsonb,
	OUT enrolled_days datemultirange
) RETURNS SETOF record
	LANGUAGE plpgsql STABLE ROWS 100000
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
DECLARE
	picture regclass := calpads.sis_view('sela');
	has_days boolean := EXISTS (SELECT FROM pg_attribute a
		WHERE a.attrelid = picture AND a.attname = 'enrolled_days' AND a.atttypid = 'datemultirange'::regtype);
BEGIN
	PERFORM calpads.check_school_codes();
	-- The keys of a district's own view may be padded with blanks.
	RETURN QUERY EXECUTE format($query$
		SELECT ROW('SELA', 'A', p.local_record_id::text, btrim(p.reporting_lea::text), btrim(p.school_of_attendance::text),
				p.academic_year_id::text, btrim(p.ssid::text), p.student_legal_first_name::text, p.student_legal_last_name::text,
				p.student_birth_date::date, p.student_gender_code::text, p.local_student_id::text,
				btrim(p.english_language_acquisition_status_code::text), p.english_language_acquisition_status_start_date::date,
				btrim(p.primary_language_code::text), NULL)::calpads.sela,
			calpads.fatal_problems('SELA', %s::jsonb), %s
		FROM %s p %s
		WHERE btrim(p.reporting_lea::text) = coalesce($1, btrim(p.reporting_lea::text))
		$query$, calpads.problems_expression(picture),
			CASE WHEN has_days THEN 'p.enrolled_days' ELSE 'enrolled.days' END, picture,
			CASE WHEN NOT has_days THEN 'LEFT JOIN calpads.enrolled_days() enrolled '
				'ON enrolled.ssid = btrim(p.ssid::text) AND enrolled.lea = btrim(p.reporting_lea::text)' END)
		USING only_lea;
END;
$$;
COMMENT ON FUNCTION calpads.sis_language_status(text) IS
	'the view sela of the SIS schema, of one LEA or of all, with the problems that hold a record and the days enrolled';

/*
 * Each student of whom the SIS and CALPADS differ, once: kind operation (a
 * record to send), held (something is wrong, problems says what), or conflict
 * (nothing is sent, reason says why).  A held student may also be equal: the
 * problem has to be solved all the same.
 *
 * The rules are those of spec/sinf_sela_sprg.md section 3.2, by their order.
 */
CREATE FUNCTION calpads.compare_sela(
	IN only_lea text,
	OUT kind text,
	OUT lea text,
	OUT ssid text,
	OUT school_of_attendance text,
	OUT local_student_id text,
	OUT reason text,
	OUT explanation text,
	OUT fix text,
	OUT changed jsonb,
	OUT rec calpads.sela,
	OUT problems jsonb,
	OUT status text,
	OUT start_date date,
	OUT language text,
	OUT calpads_status text,
	OUT calpads_start_date date,
	OUT calpads_language text,
	OUT calpads_lea text
) RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
	WITH period AS MATERIALIZED (
		SELECT calpads.today() AS today, calpads.batch_encoding() AS encoding, calpads.school_year_start(calpads.today()) AS first_day,
			(calpads.school_year_start(calpads.today()) + interval '1 year' - interval '1 day')::date AS last_day,
			-- GERR0005: so long a start outside the enrollment is tolerated, but not of RFEP.
			(calpads.school_year_start(calpads.today()) + interval '2 months' - interval '1 day')::date AS tolerated_until,
			-- Of the enrollments before this day nothing is known (the window of SENR).
			(calpads.school_year_start(calpads.today()) - interval '2 years')::date AS known_from
	), legal AS MATERIALIZED (
		SELECT p.code1 AS former, p.code2 AS status
		FROM calpads.valid_combination p, period
		WHERE p.name = 'elas_transition' AND coalesce(p.first_year <= calpads.academic_year(period.today), true)
			AND coalesce(p.last_year >= calpads.academic_year(period.today), true)
	), known AS MATERIALIZED (
		SELECT k.ssid COLLATE "C" AS ssid, k.status COLLATE "C" AS status, k.start_date, k.reporting_lea COLLATE "C" AS reporting_lea,
			coalesce(s.code2, k.language COLLATE "C") AS language,
			-- An old code without a known successor cannot be told to differ [proposal].
			k.reporting_lea IS NOT NULL AND (s.code2 IS NOT NULL OR coalesce(k.language !~ '^[0-9]{2}$', true)) AS language_is_known
		FROM calpads.known_language_status() k
			LEFT JOIN calpads.valid_combination s ON s.name = 'language_successor' AND s.code1 = k.language COLLATE "C"
	), newest AS MATERIALIZED (
		SELECT DISTINCT ON (k.ssid) k.*
		FROM known k
		ORDER BY k.ssid, k.start_date DESC NULLS LAST, calpads.elas_rank(k.status) DESC, k.reporting_lea
	), owner AS MATERIALIZED (
		SELECT DISTINCT k.ssid, k.reporting_lea FROM known k WHERE k.reporting_lea IS NOT NULL
	), sis AS MATERIALIZED (
		SELECT row_number() OVER () AS n, p.rec, p.problems, p.enrolled_days, (p.rec).reporting_lea AS lea, (p.rec).ssid AS ssid,
			(p.rec).local_student_id AS local_student_id, (p.rec).english_language_acquisition_status_code AS status,
			(p.rec).english_language_acquisition_status_start_date AS start_date, (p.rec).primary_language_code AS language,
			count(*) OVER (PARTITION BY (p.rec).ssid) > 1 AS ssid_twice
		FROM calpads.sis_language_status(only_lea) p
	), same AS MATERIALIZED (
		SELECT DISTINCT ON (p.n) p.n, k.*
		FROM sis p JOIN known k ON k.ssid = p.ssid AND k.status = p.status
		ORDER BY p.n, k.start_date = p.start_date DESC NULLS LAST, k.reporting_lea = p.lea DESC NULLS LAST, k.start_date DESC NULLS LAST
	), bad_row AS MATERIALIZED (
		SELECT e.ssid, CASE WHEN e.ssid IS NULL THEN e.local_student_id END AS local_student_id,
			calpads.problem(NULL, 'LOAD_ERROR', NULL,
				format('Line %s of the ODS file was set aside (%s), so it is not known all that CALPADS holds of the student.',
					min(e.line_no), min(e.message)), 'calpads.load_error; request and load a new extract') AS problem
		FROM calpads.current_load c JOIN calpads.load_error e ON e.load_id = c.load_id
		WHERE c.process = 'SELA'
		GROUP BY 1, 2
	), pair AS MATERIALIZED (
		SELECT p.n, p.rec, p.lea, p.ssid, p.local_student_id, p.status, p.start_date, p.language,
			nullif(coalesce(p.problems, '[]')
				|| CASE WHEN p.ssid_twice THEN calpads.problem('ssid', 'IVR0034', p.ssid,
					'Two students of the SIS have this SSID, so it is not certain whose status it is.', 'STU.CID') ELSE '[]' END
				|| coalesce(by_ssid.problem, by_id.problem, '[]'), '[]') AS problems,
			newest.status AS newest_status, newest.start_date AS newest_start, newest.language AS newest_language,
			newest.reporting_lea AS newest_lea,
			-- Of what only LAC tells the LEA is not known: another one, when our own extract does not have the student.
			newest.status IS NOT NULL AND CASE WHEN newest.reporting_lea IS NULL
				THEN loaded.lea IS NOT NULL AND owner.ssid IS NULL ELSE newest.reporting_lea <> p.lea END AS is_foreign,
			same.status AS same_status, same.start_date AS same_start, same.language AS same_language,
			same.reporting_lea AS same_lea, coalesce(same.language_is_known, false) AS same_language_is_known,
			CASE
				WHEN same.status IS NOT NULL THEN same.start_date
				-- Section 3.1: after EO, TBD starts on the day it is sent [proposal].
				WHEN p.status = 'TBD' AND newest.status IS NOT NULL THEN period.today
				ELSE p.start_date
			END AS sent_start,
			(coalesce(newest.status, 'none'), p.status) IN (SELECT l.former, l.status FROM legal l) AS is_legal,
			p.enrolled_days AS days
		FROM sis p
			CROSS JOIN period
			LEFT JOIN newest ON newest.ssid = p.ssid
			LEFT JOIN same ON same.n = p.n
			LEFT JOIN owner ON owner.ssid = p.ssid AND owner.reporting_lea = p.lea
			LEFT JOIN calpads.current_load loaded ON loaded.process = 'SELA' AND loaded.lea = p.lea
			LEFT JOIN bad_row by_ssid ON by_ssid.ssid = p.ssid
			LEFT JOIN bad_row by_id ON by_id.local_student_id = p.local_student_id
	), enrolled_pair AS (
		SELECT p.*,
			coalesce(p.days @> p.sent_start, false)
				OR (p.status <> 'RFEP' AND p.sent_start BETWEEN period.first_day AND period.tolerated_until)
				-- CALPADS took its own record of this LEA when it knew the enrollments.
				OR coalesce(p.same_lea = p.lea AND p.sent_start < period.known_from, false) AS is_enrolled,
			p.same_status IS NOT NULL AND p.same_language_is_known AND p.same_language IS DISTINCT FROM p.language AS language_differs,
			p.same_lea IS DISTINCT FROM p.lea AS same_is_foreign
		FROM pair p, period
	), judged AS (
		SELECT p.*,
			CASE
				WHEN p.problems IS NOT NULL THEN 'held'
				-- Rule 2: CALPADS has the status.
				WHEN p.same_status <> p.newest_status THEN 'newer_status'
				WHEN p.language_differs AND (p.status IN ('EL', 'IFEP') OR p.same_is_foreign OR NOT p.is_legal) THEN 'language_differs'
				WHEN p.language_differs AND NOT p.is_enrolled THEN 'outside_enrollment'
				WHEN p.language_differs THEN 'language_changed'
				WHEN p.same_status IS NOT NULL AND p.same_start IS NOT DISTINCT FROM p.start_date THEN NULL
				WHEN p.same_status IS NOT NULL THEN 'date_differs'
				-- Rule 1: it does not.
				WHEN p.status IN ('EL', 'IFEP') THEN 'test_vendor'
				WHEN NOT p.is_legal THEN 'transition'
				WHEN p.status = 'ADEL' AND p.newest_status IS NOT NULL
					AND p.sent_start < (p.rec).student_birth_date + interval '22 years' THEN 'age'
				-- Rule 3: a first status is the other LEA's.
				WHEN p.is_foreign AND p.status IN ('TBD', 'EO') THEN 'other_lea'
				WHEN p.newest_status IS NOT NULL AND coalesce(p.sent_start <= p.newest_start, true) THEN 'not_later'
				WHEN p.sent_start > period.today AND p.status <> 'EO' THEN 'future'
				WHEN p.status = 'RFEP' AND p.sent_start NOT BETWEEN period.first_day AND period.last_day THEN 'earlier_year'
				WHEN NOT p.is_enrolled THEN 'outside_enrollment'
				WHEN p.newest_status IS NULL THEN 'new_status'
				ELSE 'status_changed'
			END AS reason,
			coalesce(p.newest_status || ' since ' || coalesce(to_char(p.newest_start::timestamp, 'MM/DD/YYYY'), 'an unknown day'),
				'no status') AS calpads_text,
			to_char(p.sent_start::timestamp, 'MM/DD/YYYY') AS sent_text,
			CASE p.status WHEN 'RFEP' THEN 'LAC.RD1' WHEN 'ADEL' THEN 'LAC.AES' WHEN 'EL' THEN 'LAC.SD' WHEN 'IFEP' THEN 'LAC.IFD'
				ELSE 'LAC.STS, LAC.USS, STU.DD or STU.ED' END AS date_place
		FROM enrolled_pair p, period
	), recorded AS MATERIALIZED (
		SELECT j.*, j.reason IN ('language_changed', 'new_status', 'status_changed') AS is_operation,
			jsonb_populate_record(j.rec, jsonb_build_object(
				'english_language_acquisition_status_start_date', j.sent_start)) AS record
		FROM judged j
		WHERE j.reason IS NOT NULL
	), field AS MATERIALIZED (
		SELECT f.name, f.label, f.ordinal, f.required, CASE WHEN f.type <> 'date8' THEN f.max_length END AS max_length,
			(SELECT array_agg(c.code) FROM calpads.code c JOIN calpads.codeset s ON s.name = c.codeset AND s.complete
				WHERE c.codeset = f.codeset) AS codes,
			coalesce(place.fix, f.label) AS fix
		FROM calpads.layout_field f
			LEFT JOIN (VALUES ('student_legal_first_name', 'STU.FN, LSI.LFN'), ('student_legal_last_name', 'STU.LN, LSI.LLN'),
				('student_birth_date', 'STU.BD'), ('student_gender_code', 'STU.GN, LSI.GN'), ('ssid', 'STU.CID'),
				('school_of_attendance', 'LOC.SC'), ('reporting_lea', 'LOC.CC and LOC.DC'), ('local_student_id', 'STU.ID'),
				('english_language_acquisition_status_code', 'STU.LF'), ('primary_language_code', 'STU.HL')) AS place (field, fix)
				ON place.field = f.name
		WHERE f.layout = 'sela' AND f.last_year IS NULL
	), form_problem AS MATERIALIZED (
		SELECT r.n, calpads.fatal_problems('SELA', jsonb_agg(calpads.problem(f.name, wrong.rule, v.value, wrong.what, f.fix)
			ORDER BY f.ordinal)) AS problems
		FROM recorded r
			CROSS JOIN LATERAL jsonb_each_text(to_jsonb(r.record)) v
			JOIN field f ON f.name = v.key
			CROSS JOIN LATERAL (
				SELECT 'GERR0001' AS rule, format('%s is blank, and CALPADS requires it.', f.label) AS what
				WHERE v.value IS NULL AND f.required
				UNION ALL
				SELECT 'FRMT0001', format('%s has more than %s characters.', f.label, f.max_length)
				WHERE length(v.value) > f.max_length
				UNION ALL
				SELECT 'FRMT0004', format('%s contains a caret or a control character.', f.label)
				WHERE v.value ~ '[\x01-\x1f\x7f-\x9f^]'
				UNION ALL
				SELECT 'FRMT0004', format('%s has a character that the encoding of the files (setting calpads.file_encoding) does not have.',
					f.label)
				WHERE (SELECT encoding FROM period) = 'WIN1252' AND calpads.lacks_windows_1252(v.value)
				UNION ALL
				SELECT 'GERR0002', format('%s is not a code of CALPADS.', f.label)
				WHERE v.value <> ALL (f.codes)) AS wrong
		WHERE r.is_operation
		GROUP BY r.n
	), checked AS (
		SELECT r.*, form_problem.problems AS form_problems
		FROM recorded r LEFT JOIN form_problem ON form_problem.n = r.n
	)
	SELECT
		CASE
			WHEN r.reason = 'held' OR r.form_problems IS NOT NULL THEN 'held'
			WHEN r.is_operation THEN 'operation'
			ELSE 'conflict'
		END,
		r.lea, r.ssid, (r.rec).school_of_attendance, r.local_student_id,
		r.reason,
		CASE r.reason
			WHEN 'new_status' THEN format('CALPADS has no status of the student; the SIS has %s since %s.', r.status, r.sent_text)
			WHEN 'status_changed' THEN format('CALPADS has %s; the SIS has %s since %s.', r.calpads_text, r.status, r.sent_text)
			WHEN 'language_changed' THEN format('The language of %s is %s in the SIS and %s in CALPADS; the record keeps its start %s.',
				r.status, r.language, coalesce(r.same_language, 'blank'), r.sent_text)
			WHEN 'newer_status' THEN format('The SIS has %s, but CALPADS has a newer status: %s.', r.status, r.calpads_text)
			WHEN 'language_differs' THEN format('Both have %s, but the language is %s in the SIS and %s in CALPADS; %s.', r.status,
				coalesce(r.language, 'blank'), coalesce(r.same_language, 'blank'),
				CASE WHEN r.status IN ('EL', 'IFEP') THEN 'records of EL and IFEP are never sent'
					WHEN r.same_is_foreign THEN 'the record is of another LEA'
					ELSE format('of %s CALPADS takes no change of the language', r.status) END)
			WHEN 'outside_enrollment' THEN format('The start %s of %s lies outside the enrollments at the LEA.', r.sent_text, r.status)
			WHEN 'date_differs' THEN format('Both have %s, but the SIS has %s and CALPADS %s, which stays.', r.status,
				coalesce('the start ' || to_char(r.start_date::timestamp, 'MM/DD/YYYY'), 'no start'),
				coalesce(to_char(r.same_start::timestamp, 'MM/DD/YYYY'), 'an unknown one'))
			WHEN 'test_vendor' THEN format('The SIS has %s, which is never sent: it comes from the test vendor. CALPADS has %s.',
				r.status, r.calpads_text)
			WHEN 'transition' THEN CASE WHEN r.newest_status IS NULL
				THEN format('CALPADS has no status, and %s cannot be the first.', r.status)
				ELSE format('CALPADS has %s, and %s cannot follow it.', r.calpads_text, r.status) END
			WHEN 'age' THEN format('The student is not 22 years old on %s, so EL does not become ADEL.', r.sent_text)
			WHEN 'other_lea' THEN format('Another LEA has reported the student: CALPADS has %s, and %s of the SIS is not sent.',
				r.calpads_text, r.status)
			WHEN 'not_later' THEN format('%s of the SIS starts on %s, not later than what CALPADS has: %s.', r.status, r.sent_text,
				r.calpads_text)
			WHEN 'future' THEN format('%s of the SIS starts on %s, which is still to come.', r.status, r.sent_text)
			WHEN 'earlier_year' THEN format('RFEP of %s is not of the current school year, and is not sent.', r.sent_text)
		END,
		CASE r.reason
			WHEN 'newer_status' THEN 'Take over what CALPADS has (STU.LF and its date), or correct it online in CALPADS.'
			WHEN 'language_differs' THEN 'Repair STU.HL, or correct the language online in CALPADS.'
			WHEN 'outside_enrollment' THEN format('Repair the date (%s) or the enrollment (ENR).', r.date_place)
			WHEN 'date_differs' THEN format('Take over the date of CALPADS (%s).', r.date_place)
			WHEN 'test_vendor' THEN 'Wait for the test vendor, or have the status corrected online in CALPADS.'
			WHEN 'transition' THEN 'Repair STU.LF, or correct the status online in CALPADS, with a reason code.'
			WHEN 'age' THEN 'Repair STU.LF, LAC.AES or STU.BD.'
			WHEN 'other_lea' THEN 'Take over what CALPADS has (STU.LF and its date).'
			WHEN 'not_later' THEN format('Repair STU.LF or the date (%s), or correct it online in CALPADS.', r.date_place)
			WHEN 'future' THEN format('It is sent from that day on; or repair the date (%s).', r.date_place)
			WHEN 'earlier_year' THEN 'Enter the reclassification online in CALPADS, or repair LAC.RD1.'
		END,
		CASE WHEN r.is_operation THEN jsonb_strip_nulls(jsonb_build_object(
			'english_language_acquisition_status_code', CASE WHEN r.same_status IS NULL
				THEN jsonb_build_array(r.newest_status, r.status) END,
			'english_language_acquisition_status_start_date', CASE WHEN r.same_status IS NULL
				THEN jsonb_build_array(r.newest_start, r.sent_start) END,
			'primary_language_code', CASE WHEN r.same_status IS NULL THEN
					CASE WHEN r.newest_language IS DISTINCT FROM r.language THEN jsonb_build_array(r.newest_language, r.language) END
				ELSE jsonb_build_array(r.same_language, r.language) END)) END,
		CASE WHEN r.is_operation THEN r.record END,
		coalesce(r.problems, r.form_problems),
		r.status, r.start_date, r.language,
		coalesce(r.same_status, r.newest_status),
		CASE WHEN r.same_status IS NOT NULL THEN r.same_start ELSE r.newest_start END,
		CASE WHEN r.same_status IS NOT NULL THEN r.same_language ELSE r.newest_language END,
		CASE WHEN r.same_status IS NOT NULL THEN r.same_lea ELSE r.newest_lea END
	FROM checked r
$$;
COMMENT ON FUNCTION calpads.compare_sela(text) IS
	'students of one LEA, or of all, of whom SIS and CALPADS differ: what sela_delta(), sela_held() and sela_conflict read';

CREATE FUNCTION calpads.sela_delta(
	OUT lea text,
	OUT ssid text,
	OUT school_of_attendance text,
	OUT local_student_id text,
	OUT transaction_type text,
	OUT reason text,
	OUT explanation text,
	OUT changed jsonb,
	OUT rec calpads.sela
) RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.lea, c.ssid, c.school_of_attendance, c.local_student_id, (c.rec).transaction_type_code, c.reason, c.explanation,
		c.changed, c.rec
	FROM calpads.compare_sela(NULL) c
	WHERE c.kind = 'operation'
	ORDER BY c.lea COLLATE "C", c.ssid COLLATE "C"
$$;
COMMENT ON FUNCTION calpads.sela_delta() IS
	'the SELA records to send: reason new_status, status_changed or language_changed; changes nothing';

CREATE FUNCTION calpads.sela_held(
	OUT lea text,
	OUT local_student_id text,
	OUT ssid text,
	OUT school_of_attendance text,
	OUT english_language_acquisition_status_code text,
	OUT rule text,
	OUT field text,
	OUT value text,
	OUT explanation text,
	OUT fix text
) RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.lea, c.local_student_id, c.ssid, c.school_of_attendance, c.status, p.rule, p.field, p.value, p.explanation, p.fix
	FROM calpads.compare_sela(NULL) c,
		jsonb_to_recordset(c.problems) AS p (rule text, field text, value text, explanation text, fix text)
	WHERE c.kind = 'held'
	ORDER BY c.lea COLLATE "C", c.ssid COLLATE "C", c.local_student_id COLLATE "C", p.field COLLATE "C", p.rule COLLATE "C"
$$;
COMMENT ON FUNCTION calpads.sela_held() IS
	'students whose language status is not sent because something is wrong: rule, field, value, a sentence, and where to repair it';

CREATE VIEW calpads.sela_conflict AS
SELECT c.lea, c.ssid, c.school_of_attendance, c.local_student_id, c.reason, c.explanation, c.fix,
	c.status AS sis_status, c.start_date AS sis_start_date, c.language AS sis_language,
	c.calpads_status, c.calpads_start_date, c.calpads_language, c.calpads_lea
FROM calpads.compare_sela(NULL) c
WHERE c.kind = 'conflict'
UNION ALL
SELECT u.lea, u.ssid, u.school_of_attendance, u.local_student_id, 'not_expected',
	format('The SIS has %s, but of a student with %s CALPADS takes no status.', u.status, u.why),
	'Nothing; or repair the enrollment (ENR.GR, ENR.PR, ENR.SC).',
	u.status, NULL, NULL, u.calpads_status, u.calpads_start_date, u.calpads_language, u.calpads_lea
FROM calpads.sela_not_expected() u
ORDER BY lea, ssid, local_student_id;
COMMENT ON VIEW calpads.sela_conflict IS
	'students of whom the SIS and CALPADS differ and nothing is sent, with the reason, a sentence and what to do; '
	'records with mistakes are in calpads.sela_held()';
COMMENT ON COLUMN calpads.sela_conflict.reason IS
	'newer_status, language_differs, date_differs, test_vendor, transition, age, other_lea, not_later, future, earlier_year, '
	'outside_enrollment, not_expected';
COMMENT ON COLUMN calpads.sela_conflict.sis_start_date IS 'start of the status in the SIS; null: it has none';
COMMENT ON COLUMN calpads.sela_conflict.calpads_status IS
	'the same status, where CALPADS has it, else its newest; null: CALPADS has none';
COMMENT ON COLUMN calpads.sela_conflict.calpads_lea IS 'the LEA that reported it; null: not known (LAC.EAC)';

-- Files ------------------------------------------------------------------------------

-- One statement, so that the file and what was held are of one moment.
CREATE FUNCTION calpads.make_sela_batch(lea text) RETURNS bigint
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	new_batch bigint;
BEGIN
	INSERT INTO calpads.batch (process, lea, load_id, today, encoding, forced)
	VALUES ('SELA', lea,
		(SELECT c.load_id FROM calpads.current_load c WHERE c.process = 'SELA' AND c.lea = make_sela_batch.lea),
		calpads.today(), calpads.batch_encoding(), false)
	RETURNING batch_id INTO new_batch;

	WITH compared AS MATERIALIZED (
		SELECT * FROM calpads.compare_sela(make_sela_batch.lea)
	), held AS (
		INSERT INTO calpads.batch_held (batch_id, local_student_id, ssid, school_of_attendance, rule, field, value, explanation, fix)
		SELECT new_batch, c.local_student_id, c.ssid, c.school_of_attendance, p.rule, p.field, p.value, p.explanation, p.fix
		FROM compared c, jsonb_to_recordset(c.problems) AS p (rule text, field text, value text, explanation text, fix text)
		WHERE c.kind = 'held'
	), file AS (
		INSERT INTO calpads.extract_file (batch_id, process, lea, seq, category, file_name, records)
		SELECT new_batch, 'SELA', make_sela_batch.lea, 1, 'Updates', '001_SELA.txt', count(*)
		FROM compared c
		WHERE c.kind = 'operation'
		HAVING count(*) > 0
		RETURNING file_id
	)
	INSERT INTO calpads.extract_record
		(file_id, line_no, ssid, key, transaction_type, reason, explanation, changed, line)
	SELECT f.file_id, row_number() OVER (ORDER BY c.ssid COLLATE "C"), c.ssid,
		concat_ws('^', c.lea, c.ssid, c.status), (c.rec).transaction_type_code, c.reason, c.explanation, c.changed,
		calpads.sela_line(c.rec)
	FROM compared c, file f
	WHERE c.kind = 'operation';

	IF NOT FOUND THEN
		DELETE FROM calpads.batch_held h WHERE h.batch_id = new_batch;
		DELETE FROM calpads.batch b WHERE b.batch_id = new_batch;
		RETURN NULL;
	END IF;
	RETURN new_batch;
END;
$$;
COMMENT ON FUNCTION calpads.make_sela_batch(text) IS
	'stores the SELA records of one LEA as a batch of one file; null when there is nothing to send';

CREATE FUNCTION calpads.create_sela_extract(lea text DEFAULT NULL) RETURNS SETOF calpads.extract_file
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	leas text[];
	one_lea text;
	new_batch bigint;
BEGIN
	PERFORM calpads.check_school_codes();
	SELECT array_agg(DISTINCT s.lea ORDER BY s.lea) INTO leas
	FROM calpads.school s
	WHERE s.selected AND s.lea = coalesce(create_sela_extract.lea, s.lea);
	IF leas IS NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('no selected school%s is known', coalesce(' of LEA ' || lea, '')),
			HINT = 'The view calpads.school shows the schools of the SIS table loc.';
	END IF;
	FOREACH one_lea IN ARRAY leas LOOP
		PERFORM calpads.lock_process('SELA', one_lea);
		new_batch := calpads.make_sela_batch(one_lea);
		CONTINUE WHEN new_batch IS NULL;
		RETURN QUERY SELECT f.* FROM calpads.open_batch(new_batch) f;
	END LOOP;
END;
$$;
COMMENT ON FUNCTION calpads.create_sela_extract(text) IS
	'what create_extract(''SELA'') does: one file for each LEA that has something to send';

-- ---------------------------------------------------------------------------
-- 14. Mail, files from other servers, and the schedule
--
-- A mail is a row that is filled by the transaction which has something to
-- say, and sent later by another one: a mail server that is down never undoes
-- an import.  Facts and proposals: spec/transport.md.
-- ---------------------------------------------------------------------------

-- Mail ----------------------------------------------------------------------

CREATE TABLE calpads.mail (
	mail_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	recipients text[] NOT NULL,
	subject text NOT NULL,
	body text NOT NULL,
	attachments jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(attachments) = 'array'),
	status text COLLATE "C" NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'sent', 'failed', 'cancelled')),
	attempts integer NOT NULL DEFAULT 0,
	next_attempt_at timestamptz DEFAULT clock_timestamp(),
	last_error text,
	sent_at timestamptz,
	delivered text[] NOT NULL DEFAULT '{}',
	refused text[] NOT NULL DEFAULT '{}',
	message_id uuid NOT NULL DEFAULT gen_random_uuid()
);
COMMENT ON TABLE calpads.mail IS
	'outgoing mail, filled by calpads.queue_mail(), sent by calpads.send_mail(); UPDATE … SET status = ''cancelled'' keeps one '
	'from being sent, status = ''queued'', next_attempt_at = now() sends a failed one again';
COMMENT ON COLUMN calpads.mail.mail_id IS 'number of the mail';
COMMENT ON COLUMN calpads.mail.recipients IS 'addresses';
COMMENT ON COLUMN calpads.mail.body IS 'plain text';
COMMENT ON COLUMN calpads.mail.attachments IS 'array of {"name": file name, "content": its bytes in base64}';
COMMENT ON COLUMN calpads.mail.status IS
	'queued: to be sent at next_attempt_at; sent: to all but refused; failed: given up, see last_error; cancelled';
COMMENT ON COLUMN calpads.mail.attempts IS 'how often it was tried; at most calpads.mail_attempts times';
COMMENT ON COLUMN calpads.mail.next_attempt_at IS 'not before this moment; the delay doubles with every attempt';
COMMENT ON COLUMN calpads.mail.last_error IS 'why the last attempt did not reach everybody';
COMMENT ON COLUMN calpads.mail.sent_at IS 'when a mail server took it';
COMMENT ON COLUMN calpads.mail.delivered IS 'recipients for whom a mail server took it';
COMMENT ON COLUMN calpads.mail.refused IS 'recipients whom the mail server refused for good';
COMMENT ON COLUMN calpads.mail.message_id IS
	'left side of the Message-ID: the same at every attempt, so that a mail that was sent twice is known as one';
CREATE INDEX mail_queue ON calpads.mail (next_attempt_at, mail_id) WHERE status = 'queued';
SELECT pg_catalog.pg_extension_config_dump('calpads.mail', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.mail_mail_id_seq', '');

-- Addresses come as people type them: several in one, by comma or semicolon.
CREATE FUNCTION calpads.mail_addresses(recipients text[]) RETURNS text[]
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT array_agg(a.address ORDER BY a.place)
	FROM (
		SELECT btrim(word, ' ') AS address, min(place) AS place
		FROM regexp_split_to_table(array_to_string(recipients, ','), '[,;]') WITH ORDINALITY AS w (word, place)
		WHERE btrim(word, ' ') <> ''
		GROUP BY 1
	) AS a
$$;
COMMENT ON FUNCTION calpads.mail_addresses(text[]) IS
	'the single addresses in a list of recipients, each once; null: there is none';

-- The library for SMTP checks nothing: a line end in an address or a subject
-- would become a header or a command (spec/transport.md section 3).
CREATE FUNCTION calpads.check_mail(recipients text[], subject text, body text, attachments jsonb) RETURNS void
	LANGUAGE plpgsql IMMUTABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	problem text;
	place bigint;
BEGIN
	SELECT w.place INTO place
	FROM unnest(recipients) WITH ORDINALITY AS w (address, place)
	WHERE w.address !~ '^[[:alnum:]!#$%&''*+/=?^_`{|}~.-]+@[[:alnum:]][[:alnum:].-]*$'
		OR w.address ~ '[^\x21-\x7e]' OR length(w.address) > 254
	ORDER BY w.place
	LIMIT 1;
	problem := CASE
		WHEN place IS NOT NULL THEN format('recipient %s of the mail is not an address', place)
		WHEN subject IS NULL OR body IS NULL THEN 'a mail needs a subject and a body'
		WHEN subject ~ '[[:cntrl:]]' THEN 'the subject of the mail holds a line end or another control character'
		WHEN length(subject) > 500 THEN 'the subject of the mail is longer than 500 characters'
		WHEN jsonb_typeof(attachments) IS DISTINCT FROM 'array' THEN 'the attachments of the mail are not a JSON array' END;
	IF problem IS NULL THEN
		SELECT format('attachment %s of the mail has no name and content, or a name that is not that of a file', a.place) INTO problem
		FROM jsonb_array_elements(attachments) WITH ORDINALITY AS a (attachment, place)
		WHERE jsonb_typeof(a.attachment -> 'content') IS DISTINCT FROM 'string'
			OR jsonb_typeof(a.attachment -> 'name') IS DISTINCT FROM 'string'
			OR a.attachment ->> 'name' ~ '^\.*$|[[:cntrl:]/\\]' OR length(a.attachment ->> 'name') > 200
		ORDER BY a.place
		LIMIT 1;
	END IF;
	IF problem IS NOT NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'invalid_parameter_value',
			MESSAGE = problem,
			HINT = 'An address is like name@example.org, in ASCII; attachments are [{"name": "file.csv", "content": "its bytes in base64"}].';
	END IF;
	PERFORM decode(a ->> 'content', 'base64') FROM jsonb_array_elements(attachments) AS a;
END;
$$;
COMMENT ON FUNCTION calpads.check_mail(text[], text, text, jsonb) IS
	'refuses (22023) what could not be sent, or would send something else than it says';

CREATE FUNCTION calpads.queue_mail(recipients text[], subject text, body text, attachments jsonb DEFAULT '[]') RETURNS bigint
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	addresses text[] := calpads.mail_addresses(recipients);
	queued bigint;
BEGIN
	IF addresses IS NULL THEN
		RETURN NULL;
	END IF;
	PERFORM calpads.check_mail(addresses, subject, body, coalesce(attachments, '[]'));
	INSERT INTO calpads.mail (recipients, subject, body, attachments)
	VALUES (addresses, queue_mail.subject, queue_mail.body, coalesce(queue_mail.attachments, '[]'))
	RETURNING mail_id INTO queued;
	RETURN queued;
END;
$$;
COMMENT ON FUNCTION calpads.queue_mail(text[], text, text, jsonb) IS
	'puts a mail into calpads.mail and gives its number; null: there is nobody to send it to. It goes out when the '
	'transaction has ended and calpads.send_mail() is called, as the dispatcher does';

-- Other servers ---------------------------------------------------------------

CREATE FUNCTION calpads.calpads_transport_validator(options text[], catalog oid) RETURNS void
	LANGUAGE c STRICT
	AS '$libdir/calpads_transport', 'calpads_transport_validator';
COMMENT ON FUNCTION calpads.calpads_transport_validator(text[], oid) IS 'validator of calpads_transport';

CREATE FOREIGN DATA WRAPPER calpads_transport
	VALIDATOR calpads.calpads_transport_validator;
COMMENT ON FOREIGN DATA WRAPPER calpads_transport IS
	'servers that files come from and mail goes to. Options of a server, which everybody may read: type (sftp, smtp), host, port, '
	'connect_timeout, timeout, stall_timeout; sftp: directory, host_key_sha256 or known_hosts (one of them must be there), max_size, '
	'settle_seconds, done_suffix; smtp: security (starttls, tls, none), ca_file. Options of a user mapping: username, password, '
	'or private_key_file with key_passphrase. known_hosts, ca_file and private_key_file are paths on the database server, '
	'and a superuser''s word';

CREATE TYPE calpads.fetched_file AS (
	content bytea,
	changed_at timestamptz
);
COMMENT ON TYPE calpads.fetched_file IS
	'a file that came from elsewhere: its bytes, and when its sender wrote it; null: nobody said';

CREATE FUNCTION calpads.fetch_from_server(server text, file_name text) RETURNS calpads.fetched_file
	LANGUAGE c VOLATILE STRICT
	AS '$libdir/calpads_transport', 'calpads_fetch_from_server';
COMMENT ON FUNCTION calpads.fetch_from_server(text, text) IS
	'a file from an SFTP server of the wrapper calpads_transport, of which the caller needs USAGE and a user mapping; '
	'a file that changes while it is looked at is refused (55006), one that is not there is undefined_file';

CREATE FUNCTION calpads.fetch_from_folder(subfolder text, file_name text) RETURNS calpads.fetched_file
	LANGUAGE c VOLATILE STRICT
	AS 'MODULE_PATHNAME', 'calpads_fetch_from_folder';
COMMENT ON FUNCTION calpads.fetch_from_folder(text, text) IS
	'a file from a folder below the directory of the setting calpads.import_directory; needs pg_read_server_files; '
	'links out of the directory, pipes and devices are refused';

CREATE FUNCTION calpads.fetch_file_with_time(location text, file_name text) RETURNS calpads.fetched_file
	LANGUAGE sql VOLATILE STRICT
	SET search_path = pg_catalog, pg_temp
	RETURN CASE WHEN starts_with(location, 'folder:')
		THEN calpads.fetch_from_folder(substr(location, 8), file_name)
		ELSE calpads.fetch_from_server(location, file_name) END;
COMMENT ON FUNCTION calpads.fetch_file_with_time(text, text) IS
	'what calpads.fetch_file() gives, and when the file was written';

CREATE FUNCTION calpads.fetch_file(location text, file_name text) RETURNS bytea
	LANGUAGE sql VOLATILE STRICT
	SET search_path = pg_catalog, pg_temp
	RETURN (calpads.fetch_file_with_time(location, file_name)).content;
COMMENT ON FUNCTION calpads.fetch_file(text, text) IS
	'a file to import: location is ''folder:'' and a folder below the directory of calpads.import_directory, or the name of an '
	'SFTP server of the wrapper calpads_transport; a file that is not there is undefined_file (58P01)';

-- What is done must not be undone because a setting holds no address.
CREATE FUNCTION calpads.announce(recipients text[], subject text, body text) RETURNS bigint
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN calpads.queue_mail(coalesce(recipients, string_to_array(calpads.setting('nightly_mail_recipients'), ',')), subject, body);
EXCEPTION
	WHEN invalid_parameter_value THEN
		RAISE WARNING USING
			MESSAGE = format('no mail about this was queued: %s', SQLERRM),
			DETAIL = subject,
			HINT = 'Look at the recipients of the job, or at the setting calpads.nightly_mail_recipients.';
		RETURN NULL;
END;
$$;
COMMENT ON FUNCTION calpads.announce(text[], text, text) IS
	'queues a mail, for calpads.nightly_mail_recipients where no recipients are given; when it cannot be queued, that is a warning';

-- Sending mail ------------------------------------------------------------------

CREATE FUNCTION calpads.deliver_mail(
	server text, sender text, recipients text[], subject text, body text, sent_date text, message_id text,
	attachment_names text[], attachment_contents bytea[],
	OUT delivered text[], OUT refused text[], OUT error text
)
	LANGUAGE c VOLATILE STRICT
	AS '$libdir/calpads_transport', 'calpads_deliver_mail';
COMMENT ON FUNCTION calpads.deliver_mail(text, text, text[], text, text, text, text, text[], bytea[]) IS
	'hands one mail to an SMTP server of the wrapper calpads_transport; who is neither in delivered nor in refused may get it at '
	'another time. What goes wrong on the way is the error of the result';

CREATE FUNCTION calpads.mail_delay(attempts integer) RETURNS interval
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	RETURN least(interval '5 minutes' * power(2, least(attempts, 10) - 1), interval '4 hours');
COMMENT ON FUNCTION calpads.mail_delay(integer) IS
	'how long a mail waits after so many attempts: 5 minutes, then twice as long each time, at most 4 hours';

-- What was delivered and refused is kept at once: nobody gets the mail again
-- because somebody else''s server was slow.
CREATE FUNCTION calpads.record_delivery(mail calpads.mail, delivered text[], refused text[], error text) RETURNS calpads.mail
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH outcome AS (
		SELECT mail.delivered || record_delivery.delivered AS delivered,
			mail.refused || record_delivery.refused AS refused,
			mail.attempts + 1 AS attempts
	), verdict AS (
		SELECT o.*,
			CASE
				WHEN NOT mail.recipients <@ (o.delivered || o.refused) AND o.attempts < calpads.setting('mail_attempts')::integer
					THEN 'queued'
				WHEN cardinality(o.delivered) > 0 THEN 'sent'
				ELSE 'failed'
			END AS status
		FROM outcome o
	)
	UPDATE calpads.mail m
	SET status = v.status,
		attempts = v.attempts,
		next_attempt_at = CASE v.status WHEN 'queued' THEN clock_timestamp() + calpads.mail_delay(v.attempts) END,
		last_error = error,
		sent_at = CASE WHEN cardinality(record_delivery.delivered) > 0 THEN clock_timestamp() ELSE m.sent_at END,
		delivered = v.delivered,
		refused = v.refused
	FROM verdict v
	WHERE m.mail_id = mail.mail_id
	RETURNING m.*
$$;
COMMENT ON FUNCTION calpads.record_delivery(calpads.mail, text[], text[], text) IS
	'writes the outcome of one attempt into calpads.mail';

CREATE FUNCTION calpads.try_delivery(mail calpads.mail, OUT delivered text[], OUT refused text[], OUT error text)
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	sender text := calpads.setting('mail_from');
	names text[];
	contents bytea[];
BEGIN
	SELECT coalesce(array_agg(a ->> 'name' ORDER BY place), '{}'),
		coalesce(array_agg(decode(a ->> 'content', 'base64') ORDER BY place), '{}')
	INTO names, contents
	FROM jsonb_array_elements(mail.attachments) WITH ORDINALITY AS e (a, place);
	SELECT d.* INTO delivered, refused, error
	FROM calpads.deliver_mail(calpads.setting('mail_server'), sender,
		ARRAY(SELECT r.address FROM unnest(mail.recipients) WITH ORDINALITY AS r (address, place)
			WHERE r.address <> ALL (mail.delivered || mail.refused) ORDER BY r.place),
		mail.subject, mail.body,
		to_char(mail.created_at AT TIME ZONE 'UTC', 'Dy, DD Mon YYYY HH24:MI:SS') || ' +0000',
		format('<%s@%s>', mail.message_id, split_part(sender, '@', 2)), names, contents) AS d;
EXCEPTION
	-- A row that somebody wrote by hand must not stop those behind it.
	WHEN data_exception THEN
		delivered := '{}';
		refused := mail.recipients;
		error := SQLERRM;
	WHEN connection_exception THEN
		delivered := '{}';
		refused := '{}';
		error := SQLERRM;
END;
$$;
COMMENT ON FUNCTION calpads.try_delivery(calpads.mail) IS
	'one attempt to send a mail to those recipients who have not got it yet; changes nothing in the table';

-- A mail that another session is just sending is passed over.  A session that
-- dies between the server''s thanks and its own commit leaves the mail queued,
-- so it is sent twice, with the same Message-ID: at least once, not at most.
CREATE FUNCTION calpads.send_next_mail() RETURNS calpads.mail
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	mail calpads.mail;
	attempt record;
BEGIN
	IF calpads.setting('mail_server') = '' OR calpads.setting('mail_from') = '' THEN
		RETURN NULL;
	END IF;
	SELECT m.* INTO mail
	FROM calpads.mail m
	WHERE m.status = 'queued' AND m.next_attempt_at <= clock_timestamp()
	ORDER BY m.next_attempt_at, m.mail_id
	LIMIT 1
	FOR UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	SELECT t.* INTO attempt FROM calpads.try_delivery(mail) t;
	RETURN calpads.record_delivery(mail, attempt.delivered, attempt.refused, attempt.error);
END;
$$;
COMMENT ON FUNCTION calpads.send_next_mail() IS
	'tries the mail that has waited longest and gives its row as it is then; null: none is due, or calpads.mail_server or calpads.mail_from is not set';

CREATE FUNCTION calpads.send_mail(max integer DEFAULT 100,
	OUT sent bigint, OUT postponed bigint, OUT failed bigint, OUT refused bigint)
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	mail calpads.mail;
	former_refused integer;
BEGIN
	IF calpads.setting('mail_server') = '' OR calpads.setting('mail_from') = '' THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = 'there is no mail server',
			HINT = 'The setting calpads.mail_server names a server of the wrapper calpads_transport, calpads.mail_from the sender''s address.';
	END IF;
	sent := 0;
	postponed := 0;
	failed := 0;
	refused := 0;
	FOR i IN 1..max LOOP
		mail := calpads.send_next_mail();
		EXIT WHEN mail.mail_id IS NULL;
		sent := sent + (mail.status = 'sent')::integer;
		postponed := postponed + (mail.status = 'queued')::integer;
		failed := failed + (mail.status = 'failed')::integer;
		refused := refused + cardinality(mail.refused);
	END LOOP;
END;
$$;
COMMENT ON FUNCTION calpads.send_mail(integer) IS
	'sends the mails that are due, at most so many, by the server of calpads.mail_server; gives how many were sent, wait for '
	'another attempt or were given up, and how many recipients the mail server has refused. A server that is down is no error. '
	'What is sent stays sent when the transaction is rolled back';

-- The schedule --------------------------------------------------------------------

CREATE TABLE calpads.job (
	job_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL UNIQUE CHECK (name <> '' AND name !~ '[[:cntrl:]]'),
	process text COLLATE "C" NOT NULL CHECK (process IN ('CASEMIS', 'PROGRAMS', 'NIGHTLY')),
	profile text,
	days_of_week text[] NOT NULL DEFAULT '{Mon,Tue,Wed,Thu,Fri}'
		CHECK (cardinality(days_of_week) > 0 AND days_of_week <@ '{Mon,Tue,Wed,Thu,Fri,Sat,Sun}'::text[]),
	time_of_day time NOT NULL CHECK (time_of_day < '24:00'),
	time_zone text NOT NULL DEFAULT 'America/Los_Angeles',
	enabled boolean NOT NULL DEFAULT false,
	first_day date,
	last_day date,
	grace interval CHECK (grace > interval '0'),
	max_attempts integer NOT NULL DEFAULT 3 CHECK (max_attempts >= 1),
	recipients text[],
	scheduled_since timestamptz,
	last_due timestamptz,
	attempt integer NOT NULL DEFAULT 0,
	retry_at timestamptz,
	announced text COLLATE "C" CHECK (announced IN ('expires soon', 'expired')),
	CHECK (process = 'NIGHTLY' OR profile IS NOT NULL),
	CHECK (first_day <= last_day)
);
COMMENT ON TABLE calpads.job IS
	'what is to be done at which times; an import that is due several times a day has several rows. The dispatcher runs what is '
	'due: calpads.install_dispatcher()';
COMMENT ON COLUMN calpads.job.process IS
	'CASEMIS: calpads.casemis_run(profile); PROGRAMS: calpads.import_programs_scheduled(profile); NIGHTLY: calpads.nightly_delta()';
COMMENT ON COLUMN calpads.job.profile IS 'name of the import''s profile; NIGHTLY has none';
COMMENT ON COLUMN calpads.job.days_of_week IS 'any of Mon, Tue, Wed, Thu, Fri, Sat, Sun';
COMMENT ON COLUMN calpads.job.time_of_day IS
	'by the clocks of the time zone; a time that the change to summer time leaves out counts from the first minute after the gap, '
	'one that comes twice in autumn counts the first time';
COMMENT ON COLUMN calpads.job.time_zone IS 'name of a time zone of pg_timezone_names';
COMMENT ON COLUMN calpads.job.enabled IS 'false: not run by the schedule; calpads.run_job_now() runs it all the same';
COMMENT ON COLUMN calpads.job.first_day IS 'first day of the schedule; null: at once';
COMMENT ON COLUMN calpads.job.last_day IS
	'last day of the schedule; announced by mail 14 days before and when it is over; null: never';
COMMENT ON COLUMN calpads.job.grace IS
	'how late a run may begin that was missed because the server was down; a later one is recorded as missed; null: however late';
COMMENT ON COLUMN calpads.job.max_attempts IS 'how often a run is tried that fails: again after 10 minutes, then after 20, 40 and so on; at once when the server went down';
COMMENT ON COLUMN calpads.job.recipients IS
	'who is told of a failure and of the end of the schedule; null: those of the setting calpads.nightly_mail_recipients';
COMMENT ON COLUMN calpads.job.scheduled_since IS
	'when the job was enabled or its times changed: earlier moments are not made up for. Set by a trigger';
COMMENT ON COLUMN calpads.job.last_due IS 'the latest moment for which it was run, or missed';
COMMENT ON COLUMN calpads.job.attempt IS 'attempts for that moment';
COMMENT ON COLUMN calpads.job.retry_at IS 'when it is tried again; null: not';
COMMENT ON COLUMN calpads.job.announced IS 'what was said of last_day';

CREATE TABLE calpads.job_run (
	run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	job_id bigint NOT NULL,
	job text NOT NULL,
	process text COLLATE "C" NOT NULL,
	profile text,
	due_at timestamptz,
	attempt integer NOT NULL DEFAULT 1,
	started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	finished_at timestamptz,
	status text COLLATE "C" NOT NULL CHECK (status IN ('started', 'succeeded', 'warning', 'failed', 'interrupted', 'missed', 'expired')),
	sqlstate text COLLATE "C",
	message text,
	result jsonb,
	run_by text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE calpads.job_run IS
	'every attempt to run a job; rows older than calpads.job_history_days go away, but not the last one of a job';
COMMENT ON COLUMN calpads.job_run.job IS 'name of the job then';
COMMENT ON COLUMN calpads.job_run.due_at IS 'the moment of the schedule; null: by hand';
COMMENT ON COLUMN calpads.job_run.attempt IS 'number of the attempt for this moment';
COMMENT ON COLUMN calpads.job_run.status IS
	'started (or still running), succeeded, warning (ended, but something was refused), failed, interrupted (the session or the '
	'server ended first), missed (later than the job''s grace), expired (the job''s last day is over)';
COMMENT ON COLUMN calpads.job_run.sqlstate IS 'of the error';
COMMENT ON COLUMN calpads.job_run.message IS 'why it did not succeed';
COMMENT ON COLUMN calpads.job_run.result IS 'what the process gave: its counts';
CREATE INDEX job_run_job ON calpads.job_run (job_id, run_id);
SELECT pg_catalog.pg_extension_config_dump('calpads.job', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.job_job_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.job_run', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.job_run_run_id_seq', '');

-- An abbreviation like PST would not know of summer time.
CREATE FUNCTION calpads.prepare_job() RETURNS trigger
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF (TG_OP = 'INSERT' OR NEW.time_zone <> OLD.time_zone)
			AND NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = NEW.time_zone) THEN
		RAISE EXCEPTION USING
			ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('there is no time zone "%s"', NEW.time_zone),
			HINT = 'pg_timezone_names lists them, as America/Los_Angeles.';
	END IF;
	IF NEW.recipients IS NOT NULL THEN
		NEW.recipients := coalesce(calpads.mail_addresses(NEW.recipients), '{}');
		PERFORM calpads.check_mail(NEW.recipients, '', '', '[]');
	END IF;
	IF TG_OP = 'INSERT' THEN
		IF NEW.enabled THEN
			NEW.scheduled_since := coalesce(NEW.scheduled_since, clock_timestamp());
		END IF;
		RETURN NEW;
	END IF;
	IF NEW.last_day IS DISTINCT FROM OLD.last_day THEN
		NEW.announced := NULL;
	END IF;
	IF NEW.enabled AND NEW.scheduled_since IS NOT DISTINCT FROM OLD.scheduled_since
			AND (NOT OLD.enabled OR (NEW.days_of_week, NEW.time_of_day, NEW.time_zone, NEW.first_day, NEW.last_day)
				IS DISTINCT FROM (OLD.days_of_week, OLD.time_of_day, OLD.time_zone, OLD.first_day, OLD.last_day)) THEN
		NEW.scheduled_since := clock_timestamp();
		NEW.retry_at := NULL;
	END IF;
	RETURN NEW;
END;
$$;
COMMENT ON FUNCTION calpads.prepare_job() IS 'checks a job, and lets its schedule begin when it is enabled or changed';
CREATE TRIGGER prepare_job BEFORE INSERT OR UPDATE ON calpads.job
	FOR EACH ROW EXECUTE FUNCTION calpads.prepare_job();

/*
 * The server takes a local time that does not exist, or exists twice, as
 * standard time: 02:30 becomes 03:30 in spring, and the second 01:30 counts in
 * autumn.  Here it is the first minute at which the clocks show the time or a
 * later one (spec/transport.md section 7).
 */
CREATE FUNCTION calpads.local_moment(day date, time_of_day time, time_zone text) RETURNS timestamptz
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT min(m)
	FROM generate_series(((day + time_of_day) AT TIME ZONE time_zone) - interval '2 hours',
		(day + time_of_day) AT TIME ZONE time_zone, interval '1 minute') AS m
	WHERE m AT TIME ZONE time_zone >= day + time_of_day
$$;
COMMENT ON FUNCTION calpads.local_moment(date, time, text) IS
	'the moment at which the clocks of a time zone first show a time of a day, or have passed it';

CREATE FUNCTION calpads.job_moments(job calpads.job, from_day date, to_day date) RETURNS SETOF timestamptz
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT calpads.local_moment(d::date, job.time_of_day, job.time_zone)
	FROM generate_series(greatest(from_day, job.first_day)::timestamp, least(to_day, job.last_day)::timestamp, interval '1 day') AS d
	WHERE to_char(d, 'Dy') = ANY (job.days_of_week)
$$;
COMMENT ON FUNCTION calpads.job_moments(calpads.job, date, date) IS
	'the moments at which a job is due, of days in its time zone; whether it is enabled or not';

CREATE FUNCTION calpads.next_moment(job calpads.job, after timestamptz) RETURNS timestamptz
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT min(m)
	FROM (SELECT greatest((after AT TIME ZONE job.time_zone)::date, job.first_day) AS day) AS first,
		calpads.job_moments(job, first.day, first.day + 8) AS m
	WHERE m > after
$$;
COMMENT ON FUNCTION calpads.next_moment(calpads.job, timestamptz) IS
	'when a job is due next after a moment; null: its last day is over';

-- A week holds every day of the week, so the latest moment is in the last one.
CREATE FUNCTION calpads.due_moment(job calpads.job, as_of timestamptz) RETURNS timestamptz
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(
		(SELECT max(m)
		FROM (SELECT least((as_of AT TIME ZONE job.time_zone)::date, job.last_day) AS day) AS last,
			calpads.job_moments(job, last.day - 7, last.day) AS m
		WHERE m <= as_of AND m > coalesce(job.scheduled_since, '-infinity') AND m > coalesce(job.last_due, '-infinity')),
		CASE WHEN job.retry_at <= as_of THEN job.last_due END)
$$;
COMMENT ON FUNCTION calpads.due_moment(calpads.job, timestamptz) IS
	'the moment for which a job is to be run now: the latest one that it has not been run for, or the last one when it is to be '
	'tried again; null: nothing is due. Several that were missed are made up for by one run';

-- Running ---------------------------------------------------------------------------

CREATE FUNCTION calpads.job_lock(job_id bigint) RETURNS bigint
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	RETURN hashint8extended(job_id, hashtextextended('calpads.job', 0));
COMMENT ON FUNCTION calpads.job_lock(bigint) IS
	'key of the advisory lock that a session has as long as it runs the job';

-- Errors of the classes 22 and 23 repeat values, which may be a student's; our
-- own refusals of that class do not.
CREATE FUNCTION calpads.error_summary(sqlstate text, message text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	RETURN CASE WHEN sqlstate ~ '^2[23]' AND sqlstate <> '22023' THEN 'error ' || sqlstate ELSE message END;
COMMENT ON FUNCTION calpads.error_summary(text, text) IS 'what may be said of an error in a mail: its message, or only its SQLSTATE';

CREATE FUNCTION calpads.tell_of_job(job calpads.job, subject text, body text) RETURNS bigint
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT calpads.announce(job.recipients, format('calpads: job "%s" %s', job.name, subject),
		format(E'Job: %s\nProcess: %s%s\nDatabase: %s\n\n%s\n', job.name, job.process, ' ' || job.profile, current_database(), body))
$$;
COMMENT ON FUNCTION calpads.tell_of_job(calpads.job, text, text) IS
	'queues a mail about a job to those who are to be told; gives its number';

CREATE FUNCTION calpads.announce_job_ends(as_of timestamptz DEFAULT clock_timestamp()) RETURNS bigint
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	job calpads.job;
	said text;
	announcements bigint := 0;
	days_before CONSTANT integer := 14;
BEGIN
	FOR job IN
		SELECT j.* FROM calpads.job j WHERE j.enabled AND j.last_day IS NOT NULL AND j.announced IS DISTINCT FROM 'expired'
		ORDER BY j.job_id FOR UPDATE SKIP LOCKED
	LOOP
		said := CASE
			WHEN (as_of AT TIME ZONE job.time_zone)::date > job.last_day THEN 'expired'
			WHEN (as_of AT TIME ZONE job.time_zone)::date > job.last_day - days_before THEN 'expires soon' END;
		CONTINUE WHEN said IS NULL OR said = job.announced OR said = 'expired' AND calpads.due_moment(job, as_of) IS NOT NULL;
		UPDATE calpads.job j SET announced = said WHERE j.job_id = job.job_id;
		PERFORM calpads.tell_of_job(job, said,
			format(E'Its last day is %s.\nIt does not run after that day until somebody gives it another one '
				'(column last_day of calpads.job).', job.last_day));
		IF said = 'expired' THEN
			INSERT INTO calpads.job_run (job_id, job, process, profile, finished_at, status, message)
			VALUES (job.job_id, job.name, job.process, job.profile, clock_timestamp(), 'expired',
				format('the last day of the job was %s', job.last_day));
		END IF;
		announcements := announcements + 1;
	END LOOP;
	RETURN announcements;
END;
$$;
COMMENT ON FUNCTION calpads.announce_job_ends(timestamptz) IS
	'tells of jobs whose last day is near or over, of each once; gives how many';

CREATE FUNCTION calpads.start_run(job calpads.job, due_at timestamptz) RETURNS bigint
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE calpads.job j
	SET last_due = start_run.due_at, retry_at = NULL,
		attempt = CASE WHEN j.last_due = start_run.due_at THEN j.attempt + 1 ELSE 1 END
	WHERE j.job_id = job.job_id AND start_run.due_at IS NOT NULL;
	INSERT INTO calpads.job_run (job_id, job, process, profile, due_at, attempt, status)
	SELECT j.job_id, j.name, j.process, j.profile, start_run.due_at, CASE WHEN start_run.due_at IS NULL THEN 1 ELSE j.attempt END, 'started'
	FROM calpads.job j
	WHERE j.job_id = job.job_id
	RETURNING run_id
$$;
COMMENT ON FUNCTION calpads.start_run(calpads.job, timestamptz) IS 'records that a job begins, for a moment of its schedule or by hand';

CREATE FUNCTION calpads.note_missed_run(job calpads.job, due_at timestamptz, as_of timestamptz) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	reason text := format('due at %s, noticed %s later, which is more than its grace of %s', due_at AT TIME ZONE job.time_zone,
		date_trunc('minute', as_of - due_at), job.grace);
	missed bigint := calpads.start_run(job, due_at);
BEGIN
	UPDATE calpads.job_run r SET status = 'missed', finished_at = clock_timestamp(), message = reason
	WHERE r.run_id = missed;
	PERFORM calpads.tell_of_job(job, 'was missed', reason);
END;
$$;
COMMENT ON FUNCTION calpads.note_missed_run(calpads.job, timestamptz, timestamptz) IS 'records a moment that is too long ago';

/*
 * Two dispatchers: a job that one of them is looking at is passed over by the
 * other, and one that is looked at later has its new last_due.  The advisory
 * lock keeps a job from running twice at a time, and says whether the session
 * that started a run is still there.
 */
CREATE FUNCTION calpads.start_due_job(keep_lock boolean, as_of timestamptz DEFAULT clock_timestamp()) RETURNS bigint
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	job calpads.job;
	due_at timestamptz;
BEGIN
	FOR job IN
		SELECT j.* FROM calpads.job j
		WHERE j.enabled AND calpads.due_moment(j, as_of) IS NOT NULL
		ORDER BY j.job_id FOR UPDATE SKIP LOCKED
	LOOP
		CONTINUE WHEN NOT CASE WHEN keep_lock THEN pg_try_advisory_lock(calpads.job_lock(job.job_id))
			ELSE pg_try_advisory_xact_lock(calpads.job_lock(job.job_id)) END;
		due_at := calpads.due_moment(job, as_of);
		IF job.grace IS NULL OR as_of - due_at <= job.grace OR due_at = job.last_due THEN
			RETURN calpads.start_run(job, due_at);
		END IF;
		PERFORM calpads.note_missed_run(job, due_at, as_of);
		PERFORM pg_advisory_unlock(calpads.job_lock(job.job_id)) WHERE keep_lock;
	END LOOP;
	RETURN NULL;
END;
$$;
COMMENT ON FUNCTION calpads.start_due_job(boolean, timestamptz) IS
	'claims a job that is due and records its start; gives the number of the run, null: nothing is due. The session keeps the '
	'job''s lock beyond the transaction when keep_lock is true';

CREATE FUNCTION calpads.call_process(process text, profile text) RETURNS jsonb
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	result jsonb;
BEGIN
	CASE process
		WHEN 'CASEMIS' THEN
			SELECT to_jsonb(r) INTO result FROM calpads.casemis_run(profile) AS r;
			-- A statement of its own, which sees what the run has written.
			result := result || jsonb_build_object('message', (SELECT m.message FROM calpads.casemis_message m
				WHERE m.import_id = (result ->> 'import_id')::bigint AND m.severity = 'error'));
		WHEN 'PROGRAMS' THEN
			SELECT to_jsonb(r) INTO result FROM calpads.import_programs_scheduled(profile) AS r;
		WHEN 'NIGHTLY' THEN
			SELECT jsonb_build_object(
				'status', CASE WHEN bool_or(n.outcome = 'failed') THEN 'failed' WHEN bool_or(n.outcome = 'refused') THEN 'warning'
					ELSE 'succeeded' END,
				'message', string_agg(n.message, '; '),
				'extracts', coalesce(jsonb_agg(to_jsonb(n)), '[]'))
			INTO result
			FROM calpads.nightly_delta() n;
	END CASE;
	RETURN result;
END;
$$;
COMMENT ON FUNCTION calpads.call_process(text, text) IS 'does what a job is for, and gives what came of it';

CREATE FUNCTION calpads.finish_run(run_id bigint, status text, sqlstate text, message text, result jsonb) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	run calpads.job_run;
	job calpads.job;
BEGIN
	UPDATE calpads.job_run r
	SET status = finish_run.status, finished_at = clock_timestamp(), sqlstate = finish_run.sqlstate, message = finish_run.message,
		result = finish_run.result
	WHERE r.run_id = finish_run.run_id
	RETURNING r.* INTO run;
	IF status IN ('succeeded', 'warning') THEN
		RETURN;
	END IF;
	UPDATE calpads.job j
	SET retry_at = CASE WHEN run.attempt >= j.max_attempts THEN NULL WHEN run.status = 'interrupted' THEN run.started_at
			ELSE clock_timestamp() + interval '10 minutes' * power(2, run.attempt - 1) END
	WHERE j.job_id = run.job_id AND j.last_due = run.due_at;
	SELECT j.* INTO job FROM calpads.job j WHERE j.job_id = run.job_id;
	-- A process that has recorded its failure has also told of it.
	IF result IS NULL AND (job.retry_at IS NULL OR run.due_at IS NULL) THEN
		PERFORM calpads.tell_of_job(job, 'failed', format(E'Attempts: %s\nReason: %s\nSee run %s in calpads.job_run.', run.attempt,
			calpads.error_summary(run.sqlstate, run.message), run.run_id));
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.finish_run(bigint, text, text, text, jsonb) IS
	'records how a run ended; one that failed is tried again later, or somebody is told';

-- The session that ran it has gone without a word: a crash, a shutdown, or
-- pg_terminate_backend().  Whatever it did was undone.
CREATE FUNCTION calpads.note_interrupted_runs() RETURNS bigint
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	run calpads.job_run;
	interrupted bigint := 0;
BEGIN
	FOR run IN SELECT r.* FROM calpads.job_run r WHERE r.status = 'started' ORDER BY r.run_id FOR UPDATE SKIP LOCKED LOOP
		CONTINUE WHEN NOT pg_try_advisory_xact_lock(calpads.job_lock(run.job_id));
		PERFORM calpads.finish_run(run.run_id, 'interrupted', NULL,
			'the session or the server ended before the job did; nothing of it remains', NULL);
		interrupted := interrupted + 1;
	END LOOP;
	RETURN interrupted;
END;
$$;
COMMENT ON FUNCTION calpads.note_interrupted_runs() IS
	'marks runs whose session has gone, and lets them be tried again; gives how many';

-- A cancelled run is recorded like one that failed, and ends the dispatcher.
CREATE FUNCTION calpads.run_started_job(run_id bigint, unlock boolean) RETURNS bigint
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	run calpads.job_run;
	result jsonb;
	cancelled boolean := false;
	failure text;
	state text;
	outcome text;
BEGIN
	SELECT r.* INTO run FROM calpads.job_run r WHERE r.run_id = run_started_job.run_id;
	BEGIN
		result := calpads.call_process(run.process, run.profile);
		outcome := CASE
			WHEN result ->> 'status' = 'failed' THEN 'failed'
			WHEN result ->> 'status' IN ('warning', 'warnings', 'held', 'expired') THEN 'warning'
			ELSE 'succeeded' END;
		failure := CASE WHEN outcome <> 'succeeded'
			THEN coalesce(result ->> 'message', format('the process has recorded itself as %s', result ->> 'status')) END;
	EXCEPTION
		WHEN query_canceled THEN
			cancelled := true;
			outcome := 'failed';
			state := SQLSTATE;
			failure := SQLERRM;
		WHEN OTHERS THEN
			outcome := 'failed';
			state := SQLSTATE;
			failure := SQLERRM;
	END;
	PERFORM calpads.finish_run(run_id, outcome, state, failure, result);
	PERFORM pg_advisory_unlock(calpads.job_lock(run.job_id)) WHERE unlock;
	RETURN CASE WHEN NOT cancelled THEN run_id END;
END;
$$;
COMMENT ON FUNCTION calpads.run_started_job(bigint, boolean) IS
	'runs what calpads.start_due_job() has started and records how it ended; null: it was cancelled, and no other shall begin. '
	'unlock: gives up the lock that the session has kept';

CREATE FUNCTION calpads.shorten_job_history() RETURNS bigint
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH old_mail AS (
		DELETE FROM calpads.mail m
		WHERE m.status <> 'queued' AND coalesce(m.sent_at, m.created_at)
			< clock_timestamp() - calpads.setting('mail_history_days')::integer * interval '1 day'
	), old_run AS (
		DELETE FROM calpads.job_run r
		WHERE r.status <> 'started'
			AND r.started_at < clock_timestamp() - calpads.setting('job_history_days')::integer * interval '1 day'
			AND EXISTS (SELECT FROM calpads.job_run later WHERE later.job_id = r.job_id AND later.run_id > r.run_id)
		RETURNING 1
	)
	SELECT count(*) FROM old_run
$$;
COMMENT ON FUNCTION calpads.shorten_job_history() IS
	'deletes old rows of calpads.job_run and calpads.mail, as calpads.job_history_days and calpads.mail_history_days say';

CREATE FUNCTION calpads.run_due_jobs(as_of timestamptz DEFAULT clock_timestamp()) RETURNS SETOF calpads.job_run
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	this_run bigint;
	go_on boolean;
BEGIN
	PERFORM calpads.note_interrupted_runs();
	PERFORM calpads.announce_job_ends(as_of);
	LOOP
		this_run := calpads.start_due_job(false, as_of);
		EXIT WHEN this_run IS NULL;
		go_on := calpads.run_started_job(this_run, false) IS NOT NULL;
		RETURN QUERY SELECT r.* FROM calpads.job_run r WHERE r.run_id = this_run;
		EXIT WHEN NOT go_on;
	END LOOP;
	PERFORM calpads.shorten_job_history();
	-- Mail that cannot be sent must not undo what was done.
	BEGIN
		PERFORM calpads.send_mail() WHERE calpads.setting('mail_server') <> '';
	EXCEPTION
		WHEN OTHERS THEN
			RAISE WARNING USING MESSAGE = format('no mail was sent: %s', SQLERRM);
	END;
END;
$$;
COMMENT ON FUNCTION calpads.run_due_jobs(timestamptz) IS
	'runs every job that is due, each once, and then sends mail; gives the runs. All in one transaction: if the session is ended '
	'on the way, nothing has happened, and everything is due again. CALL calpads.dispatch() does it in one for each job';

CREATE PROCEDURE calpads.dispatch()
	LANGUAGE c
	AS 'MODULE_PATHNAME', 'calpads_dispatch';
COMMENT ON PROCEDURE calpads.dispatch() IS
	'what pg_cron calls: runs every job that is due, each in a transaction of its own and recorded before it begins, then sends '
	'the mail, each in a transaction of its own';

CREATE FUNCTION calpads.run_job_now(name text) RETURNS calpads.job_run
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	job calpads.job;
	run calpads.job_run;
BEGIN
	SELECT j.* INTO job FROM calpads.job j WHERE j.name = run_job_now.name;
	IF job.job_id IS NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'undefined_object',
			MESSAGE = format('there is no job %L', run_job_now.name),
			HINT = 'calpads.job lists the jobs.';
	END IF;
	IF NOT pg_try_advisory_xact_lock(calpads.job_lock(job.job_id)) THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_in_use',
			MESSAGE = format('job "%s" is running', job.name),
			HINT = 'calpads.job_run tells since when.';
	END IF;
	run.run_id := calpads.start_run(job, NULL);
	PERFORM calpads.run_started_job(run.run_id, false);
	SELECT r.* INTO run FROM calpads.job_run r WHERE r.run_id = run.run_id;
	RETURN run;
END;
$$;
COMMENT ON FUNCTION calpads.run_job_now(text) IS
	'runs a job at once, whether it is enabled or not, and records it; an error of the job is in the record, not raised';

CREATE VIEW calpads.job_status AS
	SELECT j.job_id, j.name, j.process, j.profile,
		CASE
			WHEN r.status = 'started' THEN 'running'
			WHEN NOT j.enabled THEN 'disabled'
			WHEN calpads.next_moment(j, statement_timestamp()) IS NULL THEN 'expired'
			WHEN j.retry_at IS NOT NULL THEN 'to be tried again'
			WHEN r.status IN ('failed', 'missed', 'interrupted') THEN 'failed'
			WHEN j.last_day IS NOT NULL AND j.last_day - (statement_timestamp() AT TIME ZONE j.time_zone)::date < 14 THEN 'expires soon'
			ELSE 'waiting'
		END AS state,
		CASE WHEN j.enabled THEN coalesce(j.retry_at, calpads.next_moment(j, statement_timestamp())) END AS next_run_at,
		CASE WHEN j.enabled THEN coalesce(j.retry_at, calpads.next_moment(j, statement_timestamp())) END AT TIME ZONE j.time_zone
			AS next_run_local,
		j.last_day, r.run_id, r.started_at, r.finished_at, r.status AS last_status, r.message
	FROM calpads.job j
		LEFT JOIN LATERAL (
			SELECT * FROM calpads.job_run run WHERE run.job_id = j.job_id ORDER BY run.run_id DESC LIMIT 1) AS r ON true;
COMMENT ON VIEW calpads.job_status IS
	'each job: state (disabled, waiting, running, to be tried again, failed, expires soon, expired), when it runs next, by the '
	'clocks of its time zone too, and how its last run ended';

-- The nightly delta --------------------------------------------------------------------

-- Of the files of a batch, all lines in their order.
CREATE FUNCTION calpads.batch_digest(batch_id bigint) RETURNS text
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT md5(string_agg(f.file_name || E'\n' || coalesce(l.lines, ''), E'\n' ORDER BY f.seq))
	FROM calpads.extract_file f
		CROSS JOIN LATERAL (SELECT string_agg(r.line, E'\n' ORDER BY r.line_no) AS lines
			FROM calpads.extract_record r WHERE r.file_id = f.file_id) AS l
	WHERE f.batch_id = batch_digest.batch_id
$$;
COMMENT ON FUNCTION calpads.batch_digest(bigint) IS 'MD5 of what the files of a batch hold';

-- A batch that nobody has touched yet and that says the same serves as well.
CREATE FUNCTION calpads.same_open_batch(batch_id bigint) RETURNS bigint
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT former.batch_id
	FROM calpads.batch b
		CROSS JOIN LATERAL (
			SELECT o.batch_id FROM calpads.batch o
			WHERE o.process = b.process AND o.lea = b.lea AND o.batch_id < b.batch_id AND o.load_id = b.load_id
			ORDER BY o.batch_id DESC LIMIT 1) AS former
	WHERE b.batch_id = same_open_batch.batch_id
		AND NOT EXISTS (SELECT FROM calpads.extract_file f
			WHERE f.batch_id = former.batch_id AND f.status NOT IN ('Post', 'Waiting'))
		AND calpads.batch_digest(former.batch_id) = calpads.batch_digest(b.batch_id)
$$;
COMMENT ON FUNCTION calpads.same_open_batch(bigint) IS
	'the batch before, when it holds the same and none of its files is posted or rejected; null: it does not';

CREATE FUNCTION calpads.nightly_extract(process text, lea text,
	OUT outcome text, OUT batch_id bigint, OUT files bigint, OUT records bigint, OUT held bigint, OUT message text)
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	same bigint;
BEGIN
	BEGIN
		SELECT max(f.batch_id), count(*), coalesce(sum(f.records), 0) INTO batch_id, files, records
		FROM calpads.create_extract(process, lea => lea) f;
		same := calpads.same_open_batch(batch_id);
		IF same IS NOT NULL THEN
			RAISE EXCEPTION SQLSTATE 'SAME1';
		END IF;
		outcome := CASE WHEN files = 0 THEN 'no difference' ELSE 'created' END;
	EXCEPTION
		WHEN SQLSTATE 'SAME1' THEN
			outcome := 'still open';
			batch_id := same;
		WHEN object_not_in_prerequisite_state THEN
			outcome := 'refused';
			message := SQLERRM;
		WHEN OTHERS THEN
			outcome := 'failed';
			message := calpads.error_summary(SQLSTATE, SQLERRM);
			RAISE WARNING USING MESSAGE = format('the nightly %s extract of LEA %s failed', process, lea), DETAIL = message;
	END;
	IF outcome IN ('refused', 'failed') THEN
		batch_id := NULL;
		files := 0;
		records := 0;
	END IF;
	SELECT count(*) INTO held FROM calpads.batch_held h WHERE h.batch_id = nightly_extract.batch_id;
END;
$$;
COMMENT ON FUNCTION calpads.nightly_extract(text, text) IS
	'makes the files of a process and LEA for calpads.nightly_delta(): created, still open (the last batch says the same), no '
	'difference, refused by a guard, or failed';

CREATE FUNCTION calpads.nightly_delta() RETURNS TABLE (
	process text, lea text, outcome text, batch_id bigint, files bigint, records bigint, held bigint, message text
)
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	lines text[] := '{}';
	attention boolean := false;
BEGIN
	FOR process, lea IN
		SELECT c.process, c.lea FROM calpads.current_load c
		WHERE c.process = 'SENR' OR c.process = 'SPRG' AND to_regprocedure('calpads.sprg_delta(boolean)') IS NOT NULL
		ORDER BY c.process, c.lea
	LOOP
		SELECT n.* INTO outcome, batch_id, files, records, held, message FROM calpads.nightly_extract(process, lea) n;
		lines := lines || (format('%s %s: %s', process, lea, outcome)
			|| CASE WHEN batch_id IS NOT NULL THEN format(', batch %s, %s files, %s records, %s held', batch_id, files, records, held)
				ELSE '' END
			|| coalesce(E'\n    ' || message, ''));
		attention := attention OR outcome IN ('refused', 'failed');
		RETURN NEXT;
	END LOOP;
	PERFORM calpads.announce(NULL, 'calpads: nightly delta' || CASE WHEN attention THEN ', needs attention' ELSE '' END,
		format(E'Database: %s\nTime: %s\n\n%s\n', current_database(),
			to_char(calpads.california_time(clock_timestamp()), 'MM/DD/YYYY HH24:MI'),
			coalesce(nullif(array_to_string(lines, E'\n'), ''), 'No LEA has a file from CALPADS yet (calpads.load_ods).')));
END;
$$;
COMMENT ON FUNCTION calpads.nightly_delta() IS
	'makes the SENR and SPRG files of every LEA that has a baseline, where there is a difference, and queues one mail with the '
	'counts to calpads.nightly_mail_recipients; what a guard refuses is a row with its reason';

-- pg_cron --------------------------------------------------------------------------------

CREATE FUNCTION calpads.dispatcher_name() RETURNS text
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	RETURN 'calpads dispatcher of ' || current_database();
COMMENT ON FUNCTION calpads.dispatcher_name() IS 'name of the job of pg_cron';

-- Version 1.4 of pg_cron knows no time zones: it only gives the beat.
CREATE FUNCTION calpads.require_cron(command text) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF to_regprocedure('cron.schedule(text, text, text)') IS NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = 'pg_cron is not in this database',
			DETAIL = CASE WHEN current_setting('cron.database_name', true) IS NULL
				THEN 'The server has not loaded it (shared_preload_libraries = ''pg_cron'').'
				ELSE format('The server has it for database "%s".', current_setting('cron.database_name', true)) END,
			HINT = format('CREATE EXTENSION pg_cron, or say in its own database: %s; or let any other cron say every few minutes: '
				'psql -d %s -c "CALL calpads.dispatch()".', command, quote_ident(current_database()));
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.require_cron(text) IS 'says what to do where pg_cron is missing';

CREATE FUNCTION calpads.install_dispatcher(every_minutes integer DEFAULT 5) RETURNS bigint
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	beat text := CASE WHEN every_minutes = 60 THEN '0 * * * *' ELSE format('*/%s * * * *', every_minutes) END;
	command CONSTANT text := 'CALL calpads.dispatch()';
BEGIN
	IF every_minutes IS NULL OR every_minutes NOT BETWEEN 1 AND 60 THEN
		RAISE EXCEPTION USING
			ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'the dispatcher can be called every 1 to 60 minutes';
	END IF;
	PERFORM calpads.require_cron(format('SELECT cron.schedule_in_database(%L, %L, %L, %L)',
		calpads.dispatcher_name(), beat, command, current_database()));
	RETURN cron.schedule(calpads.dispatcher_name(), beat, command);
END;
$$;
COMMENT ON FUNCTION calpads.install_dispatcher(integer) IS
	'lets pg_cron call calpads.dispatch() every so many minutes as the current user; gives the number of its job. Called again, '
	'it changes that job';

CREATE FUNCTION calpads.remove_dispatcher() RETURNS boolean
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM calpads.require_cron(format('SELECT cron.unschedule(%L)', calpads.dispatcher_name()));
	RETURN coalesce((SELECT bool_and(cron.unschedule(j.jobid)) FROM cron.job j
		WHERE j.jobname = calpads.dispatcher_name() AND j.username = current_user), false);
END;
$$;
COMMENT ON FUNCTION calpads.remove_dispatcher() IS
	'takes the current user''s job out of pg_cron; false: there was none';

-- ---------------------------------------------------------------------------
-- 14a. Student programs from Illuminate: programs.txt
--
-- Spec: spec/illuminate_programs.md.  A file is read into temporary tables,
-- every row is judged there, and only then the records are changed: so a dry
-- run is the same run without its last step.  What is [proposal] in the spec
-- is built as proposed.
-- ---------------------------------------------------------------------------

CREATE TABLE calpads.isi_code (
	program_id text COLLATE "C" PRIMARY KEY,
	name text,
	calpads_code text COLLATE "C",
	system_key text COLLATE "C"
);
COMMENT ON TABLE calpads.isi_code IS
	'the code table Student Programs of the district: what a Program ID of programs.txt means';
COMMENT ON COLUMN calpads.isi_code.program_id IS 'code key, as the file writes it';
COMMENT ON COLUMN calpads.isi_code.name IS 'name of the program';
COMMENT ON COLUMN calpads.isi_code.calpads_code IS 'education program code of CALPADS, as 127; null: not reported';
COMMENT ON COLUMN calpads.isi_code.system_key IS 'what the program means to the system itself: 504_plan lights calpads.alert_504';

CREATE TABLE calpads.isi_site (
	site_id text COLLATE "C" PRIMARY KEY,
	cds_school text COLLATE "C" NOT NULL
);
COMMENT ON TABLE calpads.isi_site IS
	'schools by the Site ID of programs.txt; without any row a Site ID is the school''s number in LOC, or its CALPADS code';
COMMENT ON COLUMN calpads.isi_site.site_id IS 'Site ID, as the file writes it';
COMMENT ON COLUMN calpads.isi_site.cds_school IS 'county-district-school code; its last seven digits are CALPADS'' code of the school';

CREATE TABLE calpads.isi_column (
	position integer PRIMARY KEY CHECK (position BETWEEN 1 AND 128),
	name text COLLATE "C" NOT NULL UNIQUE
);
COMMENT ON TABLE calpads.isi_column IS
	'columns of the district''s programs.txt where it has no header row; without any row they are those of layout isi_programs';
COMMENT ON COLUMN calpads.isi_column.position IS 'number of the column, from 1; numbers may be left out';
COMMENT ON COLUMN calpads.isi_column.name IS 'name of the field in layout isi_programs';

CREATE TABLE calpads.isi_program (
	record_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	student_id integer NOT NULL,
	import_student_id text COLLATE "C" NOT NULL,
	program_id text COLLATE "C" NOT NULL,
	site_id text COLLATE "C",
	program_start_date date,
	program_end_date date,
	eligibility_start_date date,
	eligibility_end_date date,
	academic_year text COLLATE "C",
	import_id bigint,
	line_no bigint,
	CHECK (num_nulls(program_start_date, eligibility_start_date) < 2)
);
/*
 * The key of section 3, in which an empty site is a value like others; the
 * eligibility start takes part where there is no program start.  (NULLS NOT
 * DISTINCT would say the same of fewer versions of PostgreSQL.)
 */
CREATE UNIQUE INDEX isi_program_key ON calpads.isi_program (student_id, program_id, (coalesce(site_id, '')),
	(coalesce(program_start_date, '-infinity')),
	(CASE WHEN program_start_date IS NULL THEN eligibility_start_date ELSE '-infinity' END));
COMMENT ON TABLE calpads.isi_program IS
	'student programs from programs.txt; the key is student, program, site (null being a value) and program start date';
COMMENT ON COLUMN calpads.isi_program.record_id IS 'number of the record; sis.sprg shows it as source_id';
COMMENT ON COLUMN calpads.isi_program.student_id IS 'STU.ID';
COMMENT ON COLUMN calpads.isi_program.import_student_id IS 'Import Student ID';
COMMENT ON COLUMN calpads.isi_program.program_id IS 'code key: calpads.isi_code';
COMMENT ON COLUMN calpads.isi_program.site_id IS 'site: calpads.isi_site; null: the school follows the enrollments';
COMMENT ON COLUMN calpads.isi_program.academic_year IS 'as 2025-2026; what cannot be read as a school year is kept as it came';
COMMENT ON COLUMN calpads.isi_program.import_id IS 'the import that made the record: calpads.program_import';
COMMENT ON COLUMN calpads.isi_program.line_no IS 'the line of its file: calpads.program_import_row';

CREATE TABLE calpads.program_import (
	import_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	status text NOT NULL CHECK (status IN ('running', 'ok', 'warnings', 'held', 'failed', 'unchanged_file', 'expired', 'inactive', 'undone')),
	rows_read bigint NOT NULL DEFAULT 0,
	inserted bigint NOT NULL DEFAULT 0,
	updated bigint NOT NULL DEFAULT 0,
	closed bigint NOT NULL DEFAULT 0,
	unchanged bigint NOT NULL DEFAULT 0,
	held bigint NOT NULL DEFAULT 0,
	unmatched bigint NOT NULL DEFAULT 0,
	rejected bigint NOT NULL DEFAULT 0,
	skipped bigint NOT NULL DEFAULT 0,
	warned bigint NOT NULL DEFAULT 0,
	not_in_file bigint NOT NULL DEFAULT 0,
	dry_run boolean NOT NULL DEFAULT false,
	profile text,
	file_name text NOT NULL,
	sha256 text COLLATE "C",
	bytes bigint,
	has_header boolean,
	notes jsonb NOT NULL DEFAULT '[]',
	circumstances text,
	records bigint,
	started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	finished_at timestamptz,
	imported_by text NOT NULL DEFAULT session_user,
	undone_at timestamptz,
	undone_by text
);
COMMENT ON TABLE calpads.program_import IS 'runs of the programs.txt import, also dry ones';
COMMENT ON COLUMN calpads.program_import.status IS
	'ok; warnings (some rows ask for a look); held (a scheduled run over its limits: nothing was changed); failed; unchanged_file '
	'(the bytes of the last import: nothing was done); expired or inactive (profile out of its dates); undone';
COMMENT ON COLUMN calpads.program_import.rows_read IS 'rows of the file, without header and blank lines; the sum of the next eight';
COMMENT ON COLUMN calpads.program_import.closed IS 'records that got an end';
COMMENT ON COLUMN calpads.program_import.held IS 'rows that wait for calpads.decide_program_row()';
COMMENT ON COLUMN calpads.program_import.unmatched IS 'rows of students whom the SIS does not have: calpads.program_candidate';
COMMENT ON COLUMN calpads.program_import.skipped IS 'rows that a remembered decision passes over';
COMMENT ON COLUMN calpads.program_import.warned IS 'rows with a warning among their messages';
COMMENT ON COLUMN calpads.program_import.not_in_file IS 'open records that the file does not name: calpads.program_not_in_file()';
COMMENT ON COLUMN calpads.program_import.dry_run IS 'nothing was changed; else all counts are the real run''s';
COMMENT ON COLUMN calpads.program_import.profile IS 'profile of a scheduled run';
COMMENT ON COLUMN calpads.program_import.has_header IS 'the first line named the columns';
COMMENT ON COLUMN calpads.program_import.notes IS 'what is to be said of the file as a whole: messages as in calpads.program_import_row';

CREATE TABLE calpads.program_import_row (
	import_id bigint NOT NULL,
	line_no bigint NOT NULL,
	outcome text NOT NULL CHECK (outcome IN ('inserted', 'updated', 'closed', 'unchanged', 'held', 'unmatched', 'rejected', 'skipped')),
	messages jsonb NOT NULL,
	import_student_id text,
	state_student_id text,
	student_last_name text,
	student_first_name text,
	student_middle_name text,
	birth_date date,
	program_id text COLLATE "C",
	eligibility_start_date date,
	eligibility_end_date date,
	program_start_date date,
	program_end_date date,
	academic_year text COLLATE "C",
	site_id text COLLATE "C",
	student_id integer,
	record_id bigint,
	changed jsonb,
	decision text,
	decided_at timestamptz,
	decided_by text,
	line text NOT NULL,
	PRIMARY KEY (import_id, line_no)
);
COMMENT ON TABLE calpads.program_import_row IS 'rows of the programs.txt files, and what became of them';
COMMENT ON COLUMN calpads.program_import_row.line_no IS 'line of the file, from 1';
COMMENT ON COLUMN calpads.program_import_row.messages IS
	'array of {"code", "severity" (reject, hold, warning, info), "column", "value", "text", "hint", "records", "candidates"}; '
	'codes ISI001 to ISI051 are those of spec/illuminate_programs.md section 6, those from ISI060 our own';
COMMENT ON COLUMN calpads.program_import_row.student_id IS 'STU.ID of the student; null: not known';
COMMENT ON COLUMN calpads.program_import_row.record_id IS
	'record that the row made, changed or agrees with: calpads.isi_program; null also in a run that changed nothing';
COMMENT ON COLUMN calpads.program_import_row.changed IS 'changed columns of the record: {"column": [before, after]}';
COMMENT ON COLUMN calpads.program_import_row.decision IS 'decision that was taken, or remembered: insert_anyway, merge_into, close, skip';
COMMENT ON COLUMN calpads.program_import_row.line IS 'the whole line';

CREATE TABLE calpads.program_decision (
	decision_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	import_student_id text NOT NULL,
	program_id text COLLATE "C" NOT NULL,
	site_id text COLLATE "C",
	program_start_date date,
	eligibility_start_date date,
	codes text[] NOT NULL,
	person text NOT NULL,
	line text NOT NULL,
	decision text NOT NULL CHECK (decision IN ('insert_anyway', 'merge_into', 'close', 'skip')),
	record_id bigint,
	import_id bigint NOT NULL,
	line_no bigint NOT NULL,
	decided_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	decided_by text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE calpads.program_decision IS
	'decisions about held rows, remembered by student, program, start and site; the newest counts.  One answers only what was asked: '
	'a row that is held for a further reason, or whose person is another one than then, asks again';
COMMENT ON COLUMN calpads.program_decision.eligibility_start_date IS 'start where there is no program start date';
COMMENT ON COLUMN calpads.program_decision.codes IS 'why the row was held';
COMMENT ON COLUMN calpads.program_decision.person IS 'SSID, name and birth date in the row';
COMMENT ON COLUMN calpads.program_decision.line IS 'the line; it tells rows with the same key apart';
COMMENT ON COLUMN calpads.program_decision.record_id IS 'record that the row was merged into, or that it closed';

CREATE TABLE calpads.program_profile (
	name text PRIMARY KEY,
	location text NOT NULL,
	file_name text NOT NULL DEFAULT 'programs.txt',
	first_day date,
	last_day date,
	insert_close_limit_percent numeric NOT NULL DEFAULT 10 CHECK (insert_close_limit_percent >= 0),
	row_drop_limit_percent numeric NOT NULL DEFAULT 20 CHECK (row_drop_limit_percent >= 0),
	isi_compatible boolean,
	site_required boolean NOT NULL DEFAULT false,
	recipients text[],
	end_announced_on date
);
COMMENT ON TABLE calpads.program_profile IS 'scheduled imports of programs.txt, for calpads.import_programs_scheduled()';
COMMENT ON COLUMN calpads.program_profile.location IS 'foreign server of the file, or folder:… : calpads.fetch_file()';
COMMENT ON COLUMN calpads.program_profile.file_name IS 'programs.txt; upper and lower case are the same';
COMMENT ON COLUMN calpads.program_profile.first_day IS 'first day on which it runs; null: at once';
COMMENT ON COLUMN calpads.program_profile.last_day IS 'last day; its end is announced 14 days before and then every week; null: it has none';
COMMENT ON COLUMN calpads.program_profile.insert_close_limit_percent IS
	'a run in which more of the rows would insert or close is held as a whole';
COMMENT ON COLUMN calpads.program_profile.row_drop_limit_percent IS
	'so is a run whose file has fewer rows than the last one by more than this';
COMMENT ON COLUMN calpads.program_profile.isi_compatible IS 'as the setting calpads.isi_compatible; null: that setting';
COMMENT ON COLUMN calpads.program_profile.site_required IS 'rows without a Site ID are rejected';
COMMENT ON COLUMN calpads.program_profile.recipients IS 'who gets a mail after each run (counts only)';
COMMENT ON COLUMN calpads.program_profile.end_announced_on IS 'when the end was announced last; set by the runs';

SELECT pg_catalog.pg_extension_config_dump('calpads.isi_code', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.isi_site', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.isi_column', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.isi_program', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.isi_program_record_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.program_import', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.program_import_import_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.program_import_row', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.program_decision', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.program_decision_decision_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.program_profile', '');

-- ---- words of the file ---------------------------------------------------------

CREATE FUNCTION calpads.read_tab_rows(
	name text,
	content bytea,
	OUT line_no bigint,
	OUT cells text[],
	OUT line text,
	OUT complaint text
) RETURNS SETOF record
	LANGUAGE c STABLE STRICT ROWS 100000
	AS 'MODULE_PATHNAME', 'calpads_read_tab_rows';
COMMENT ON FUNCTION calpads.read_tab_rows(text, bytea) IS
	'the lines of a tab-delimited file in cells, blank ones null, as calpads.read_rows() gives them; quotes mean nothing';

CREATE FUNCTION calpads.mdy_date(value text) RETURNS date
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'calpads_mdy_date';
COMMENT ON FUNCTION calpads.mdy_date(text) IS 'a date written MM/DD/YYYY or M/D/YYYY; null: it is none';

CREATE FUNCTION calpads.program_message(code text, severity text, field text, value text, explanation text,
	hint text DEFAULT NULL, records bigint[] DEFAULT NULL) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN jsonb_strip_nulls(jsonb_build_object('code', code, 'severity', severity, 'column', field, 'value', value,
		'text', explanation, 'hint', hint, 'records', to_jsonb(records)));
COMMENT ON FUNCTION calpads.program_message(text, text, text, text, text, text, bigint[]) IS
	'one entry of the column messages of calpads.program_import_row';

-- Names that differ in case, blanks or marks only are the same.
CREATE FUNCTION calpads.program_name_key(name text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN translate(upper(name), E' -\'’.,', '');
COMMENT ON FUNCTION calpads.program_name_key(text) IS 'a name for comparison, without blanks, hyphens, apostrophes, full stops and commas';

CREATE FUNCTION calpads.program_id_key(id text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN ltrim(upper(translate(id, E' \t', '')), '0');
COMMENT ON FUNCTION calpads.program_id_key(text) IS 'a student ID without leading zeros, blanks and case (ISI005)';

/* The format of the vendor's Academic Year is not known, so several are taken. */
CREATE FUNCTION calpads.program_year(value text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN CASE
		WHEN value ~ '^\d{4}[-/ ]?\d{4}$' AND right(value, 4)::integer = left(value, 4)::integer + 1
			THEN left(value, 4) || '-' || right(value, 4)
		WHEN value ~ '^\d{4}[-/]\d{2}$' AND right(value, 2)::integer = (left(value, 4)::integer + 1) % 100
			THEN left(value, 4) || '-' || (left(value, 4)::integer + 1)::text
		ELSE value
	END;
COMMENT ON FUNCTION calpads.program_year(text) IS
	'an academic year as 2025-2026, from 2025-2026, 2025/2026, 20252026 or 2025-26; anything else comes back as it is';

CREATE FUNCTION calpads.program_fields()
	RETURNS TABLE (ordinal bigint, name text, label text, type text, max_length integer, required boolean, key boolean)
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT row_number() OVER (ORDER BY f.ordinal), f.name, f.label, f.type, f.max_length, f.required, f.key
	FROM calpads.layout_field f
	WHERE f.layout = 'isi_programs' AND calpads.academic_year(calpads.today()) COLLATE "C"
		BETWEEN coalesce(f.first_year, '') AND coalesce(f.last_year, '9999')
$$;
COMMENT ON FUNCTION calpads.program_fields() IS 'fields of layout isi_programs';

/*
 * Where each field is in a file.  By its label or name where the first line is
 * a header; else by calpads.isi_column, or the layout.
 *
 * The first line is a header when it begins with "Import Student ID", names at
 * least two fields, or has words in the place of the birth date.  (A birth
 * date that only does not exist makes no header of a student's row.)
 */
CREATE FUNCTION calpads.program_columns(cells text[])
	RETURNS TABLE (name text, label text, type text, max_length integer, required boolean, key boolean, "position" integer, is_header boolean)
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH field AS (
		SELECT f.*, h.position AS labelled,
			CASE WHEN EXISTS (SELECT FROM calpads.isi_column) THEN c.position ELSE f.ordinal::integer END AS mapped
		FROM calpads.program_fields() f
			LEFT JOIN calpads.isi_column c ON c.name = f.name
			LEFT JOIN LATERAL (
				SELECT min(h.position)::integer AS position
				FROM unnest(cells) WITH ORDINALITY AS h (cell, position)
				WHERE calpads.column_alias(h.cell) IN (calpads.column_alias(f.label), calpads.column_alias(f.name))) AS h ON true
	), header AS (
		SELECT coalesce(lower(cells[1]) = 'import student id', false) OR count(f.labelled) >= 2
				OR coalesce(bool_or(f.name = 'birth_date' AND cells[f.mapped] !~ '\d'), false) AS is_header,
			count(f.labelled) > 0 AS is_labelled
		FROM field f
	)
	SELECT f.name, f.label, f.type, f.max_length, f.required, f.key,
		CASE WHEN header.is_header AND header.is_labelled THEN f.labelled
			WHEN f.mapped <= 128 THEN f.mapped END, header.is_header
	FROM field f CROSS JOIN header
	ORDER BY f.ordinal
$$;
COMMENT ON FUNCTION calpads.program_columns(text[]) IS
	'the columns of a programs.txt file by its first line: fields of the layout, each with its position (null: the file has none)';

CREATE FUNCTION calpads.isi_site_list(schema_name text) RETURNS TABLE (site_id text, cds_school text)
	LANGUAGE sql STABLE PARALLEL SAFE ROWS 200
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT s.site_id, right(btrim(s.cds_school), 7) FROM calpads.isi_site s
	UNION ALL
	SELECT DISTINCT v.site_id, s.cds_school
	FROM calpads.school_list(schema_name) s CROSS JOIN LATERAL (VALUES (s.sc::text), (s.cds_school)) AS v (site_id)
	WHERE s.cds_school IS NOT NULL AND NOT EXISTS (SELECT FROM calpads.isi_site)
$$;
COMMENT ON FUNCTION calpads.isi_site_list(text) IS
	'sites with CALPADS'' code of their school: calpads.isi_site, or while it is empty the schools of a SIS schema '
	'(null: the schema of the setting) by number and by code';

CREATE FUNCTION calpads.program_is_from_isi(program text) RETURNS boolean
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	RETURN CASE lower(btrim(calpads.setting('program_source')))
		WHEN 'isi' THEN true
		WHEN 'pgm' THEN false
		WHEN '' THEN false
		ELSE program = ANY (regexp_split_to_array(btrim(calpads.setting('program_source')), '\s*,\s*')) END;
COMMENT ON FUNCTION calpads.program_is_from_isi(text) IS
	'true: sis.sprg takes the education program from calpads.isi_program; false: from the tables of the SIS (setting calpads.program_source)';

-- ---- reading: pg_temp.program_column, pg_temp.program_line -------------------------

CREATE FUNCTION calpads.stage_program_columns(name text, content bytea) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	missing text;
BEGIN
	-- A line has at most 64 kB, so this holds the first one whole.
	CREATE TEMPORARY TABLE program_column AS
		SELECT c.* FROM calpads.program_columns(
			(SELECT r.cells FROM calpads.read_tab_rows(name, substring(content FROM 1 FOR 131072)) r LIMIT 1)) c;
	SELECT f.label INTO missing FROM pg_temp.program_column f
	WHERE f.name IN ('import_student_id', 'program_id') AND f.position IS NULL;
	IF FOUND THEN
		RAISE EXCEPTION USING
			ERRCODE = 'bad_copy_file_format',
			MESSAGE = format('the file has no column "%s"', missing),
			DETAIL = format('File "%s", line 1.', name),
			HINT = 'Columns are found by their labels in a header row, or by calpads.isi_column where there is none.';
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.stage_program_columns(text, bytea) IS
	'makes pg_temp.program_column, the columns of a file; part of calpads.import_programs()';

/*
 * The lines with their fields.  flawed: a field is missing, too long or no
 * date; only then the cells are kept, for the messages.  A short line misses
 * nothing but the key.  The statement is made
 * from the columns, because a fixed one would look for 13 of them in each line.
 */
CREATE FUNCTION calpads.stage_program_lines(name text, content bytea) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cells text;
	fields text;
	flaw text;
BEGIN
	-- Each cell is fetched once: an array is walked from its beginning every time.
	SELECT string_agg(format('r.cells[%s] AS %I', coalesce(c.position::text, 'NULL'), c.name), ', '),
		string_agg(format(CASE WHEN c.type = 'date_mdy' THEN 'calpads.mdy_date(l.%1$I) AS %1$I' ELSE 'l.%I' END, c.name), ', '),
		string_agg(concat_ws(' OR ',
			CASE WHEN c.required AND c.key THEN format('l.%I IS NULL', c.name)
				WHEN c.required THEN format('l.%I IS NULL AND l.cell_count >= %s', c.name, c.position) END,
			CASE WHEN c.type = 'date_mdy' THEN format('l.%1$I IS NOT NULL AND calpads.mdy_date(l.%1$I) IS NULL', c.name)
				WHEN c.max_length IS NOT NULL THEN format('char_length(l.%I) > %s', c.name, c.max_length) END), ' OR ')
			FILTER (WHERE c.position IS NOT NULL AND (c.required OR c.type = 'date_mdy' OR c.max_length IS NOT NULL))
		INTO cells, fields, flaw
	FROM pg_temp.program_column c;
	EXECUTE format($query$
		CREATE TEMPORARY TABLE program_line AS
		SELECT l.*, CASE WHEN l.flawed THEN f.cells END AS cells
		FROM (
			SELECT r.line_no, r.line, r.complaint, cardinality(r.cells) AS cell_count, r.cells, %s
			FROM calpads.read_tab_rows($1, $2) WITH ORDINALITY AS r (line_no, cells, line, complaint, number)
			WHERE r.number > $3
			OFFSET 0) AS f
			CROSS JOIN LATERAL (
				SELECT l.line_no, l.line, l.complaint, l.cell_count, %s, l.complaint IS NOT NULL OR coalesce(%s, false) AS flawed
				FROM (SELECT f.*) AS l) AS l$query$, cells, fields, flaw)
		USING name, content, (SELECT bool_or(c.is_header)::integer FROM pg_temp.program_column c);
	-- Only of the columns that are joined by: all of them take a tenth of the whole run.
	ANALYZE pg_temp.program_line (line_no, import_student_id);
END;
$$;
COMMENT ON FUNCTION calpads.stage_program_lines(text, bytea) IS
	'makes pg_temp.program_line, the lines of a file; part of calpads.import_programs()';

/*
 * What the SIS knows: pg_temp.program_student, program_stay (when a student
 * was enrolled, at a school and, with an empty school, at all) and
 * program_term (first and last school day of a school and year).
 */
CREATE FUNCTION calpads.stage_program_students() RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	EXECUTE format($query$
		CREATE TEMPORARY TABLE program_student AS
		SELECT DISTINCT ON (stu.id) stu.id, stu.id::text COLLATE "C" AS number, nullif(btrim(stu.cid::text), '') COLLATE "C" AS ssid,
			nullif(btrim(stu.ln::text), '') AS last_name, nullif(btrim(stu.fn::text), '') AS first_name, stu.bd AS birth_date
		FROM %s AS stu
		WHERE stu.del IS NOT TRUE
		ORDER BY stu.id, btrim(stu.cid::text) = '', stu.sc$query$, calpads.sis_source(NULL, 'stu'));
	ANALYZE pg_temp.program_student (number);
	EXECUTE format($query$
		CREATE TEMPORARY TABLE program_stay AS
		WITH school AS (
			SELECT s.sc, s.cds_school FROM calpads.school_list(NULL) s
		), stay AS (
			-- An enrollment of an earlier year ended with it, with or without a leave date.
			SELECT e.id AS student_id, s.cds_school COLLATE "C" AS school, daterange(e.ed,
				coalesce(e.ld, CASE WHEN e.ed < calpads.school_year_start(calpads.today())
					THEN (calpads.school_year_start(e.ed) + interval '1 year' - interval '1 day')::date END), '[]') AS days
			FROM %s AS e LEFT JOIN school s ON s.sc = coalesce(nullif(e.hs, 0), e.sc)
			WHERE e.del IS NOT TRUE AND coalesce(e.ld >= e.ed, true)
		)
		SELECT student_id, coalesce(school, '') AS school, range_agg(days) AS days
		FROM stay
		GROUP BY GROUPING SETS ((student_id, school), (student_id))
		HAVING GROUPING(school) = 1 OR school IS NOT NULL$query$, calpads.sis_source(NULL, 'enr'));
	ANALYZE pg_temp.program_stay (student_id, school);
	EXECUTE format($query$
		CREATE TEMPORARY TABLE program_term AS
		SELECT s.cds_school COLLATE "C" AS school, calpads.school_year_start(d.dt) AS school_year,
			min(d.dt) AS first_day, max(d.dt) AS last_day
		FROM %s AS d JOIN calpads.school_list(NULL) s ON s.sc = d.sc
		WHERE d.del IS NOT TRUE AND d.dt IS NOT NULL AND coalesce(btrim(d.ho::text), '') IN ('', '%%')
			AND s.cds_school IS NOT NULL
		GROUP BY s.cds_school, calpads.school_year_start(d.dt)$query$, calpads.sis_source(NULL, 'day'));
END;
$$;
COMMENT ON FUNCTION calpads.stage_program_students() IS
	'makes pg_temp.program_student, program_stay and program_term from the SIS; part of calpads.import_programs()';

-- ---- judging: pg_temp.program_step, program_verdict ------------------------------

/*
 * Each line with its student, code, school and key, its record (the one with
 * the same four parts), and what is found by looking at the line alone.
 * refusal: the code of a rejection; is_taken: neither that, nor unmatched;
 * codes: reasons to hold it; twin_of: an earlier line with the same bytes.
 */
CREATE FUNCTION calpads.match_program_lines(compatible boolean, site_required boolean) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TEMPORARY TABLE program_near AS
	SELECT l.line_no, min(near.number COLLATE "C") AS number
	FROM pg_temp.program_line l
		LEFT JOIN pg_temp.program_student s ON s.number = l.import_student_id
		JOIN pg_temp.program_student near ON calpads.program_id_key(near.number) = calpads.program_id_key(l.import_student_id)
	WHERE s.id IS NULL
	GROUP BY l.line_no
	HAVING count(*) = 1;
	-- Of an empty table that was not analyzed the planner expects a thousand rows.
	ANALYZE pg_temp.program_near;
	CREATE TEMPORARY TABLE program_step AS
	SELECT m.*, p.record_id, m.refusal IS NULL AND m.student_id IS NOT NULL AS is_taken, NULL::bigint AS twin_of, false AS is_twice,
		CASE WHEN m.is_near OR NOT compatible AND (m.ssid_differs OR m.last_differs AND m.birth_differs)
			THEN array_remove(ARRAY[CASE WHEN m.ssid_differs AND NOT compatible THEN 'ISI002' END,
				CASE WHEN m.last_differs AND m.birth_differs AND NOT compatible THEN 'ISI003' END,
				CASE WHEN m.is_near THEN 'ISI005' END], NULL)
			ELSE '{}' END AS codes
	FROM (
		SELECT m.*,
			CASE
				WHEN m.flawed THEN 'ISI061'
				WHEN m.start_date IS NULL THEN 'ISI030'
				WHEN m.program_end_date < m.start_date OR m.eligibility_end_date < m.eligibility_start_date
					OR m.start_date < m.birth_date THEN 'ISI031'
				WHEN NOT m.code_known THEN CASE WHEN m.code_is_calpads THEN 'ISI012' ELSE 'ISI010' END
				WHEN m.site_id IS NULL AND site_required THEN 'ISI020'
				WHEN m.site_id IS NOT NULL AND m.school IS NULL THEN 'ISI021'
			END AS refusal
		FROM (
			SELECT l.line_no, l.flawed, l.import_student_id, l.program_id COLLATE "C" AS program_id,
				l.site_id COLLATE "C" AS site_id, l.birth_date, l.program_start_date, l.program_end_date, l.eligibility_start_date,
				l.eligibility_end_date, y.academic_year,
				coalesce(l.program_start_date, l.eligibility_start_date) AS start_date,
				coalesce(l.program_end_date, l.eligibility_end_date) AS end_date,
				-- What an end in the file closes; of a record by eligibility alone it is that one's.
				l.program_end_date IS NULL AND (l.program_start_date IS NOT NULL OR l.eligibility_end_date IS NULL) AS is_open,
				coalesce(l.site_id, '') COLLATE "C" AS key_site,
				coalesce(l.program_start_date, '-infinity') AS key_start,
				CASE WHEN l.program_start_date IS NULL THEN l.eligibility_start_date ELSE '-infinity' END AS key_eligible,
				s.id AS student_id, near.number IS NOT NULL AS is_near,
				c.program_id IS NOT NULL AS code_known, nullif(btrim(c.calpads_code), '') AS calpads_code,
				c.program_id IS NULL AND l.program_id IN (
					SELECT k.calpads_code FROM calpads.isi_code k WHERE k.calpads_code IS NOT NULL
					UNION ALL
					SELECT k.code FROM calpads.code k WHERE k.codeset = 'education_program') AS code_is_calpads,
				site.cds_school COLLATE "C" AS school,
				coalesce(l.state_student_id <> s.ssid, false) AS ssid_differs,
				coalesce(l.student_last_name <> s.last_name
					AND calpads.program_name_key(l.student_last_name) <> calpads.program_name_key(s.last_name),
					false) AS last_differs,
				coalesce(l.student_first_name <> s.first_name
					AND calpads.program_name_key(l.student_first_name) <> calpads.program_name_key(s.first_name),
					false) AS first_differs,
				coalesce(l.birth_date <> s.birth_date, false) AS birth_differs
			FROM pg_temp.program_line l
				LEFT JOIN (
					SELECT d.value, calpads.program_year(d.value) COLLATE "C" AS academic_year
					FROM (SELECT DISTINCT o.academic_year AS value FROM pg_temp.program_line o) AS d) AS y ON y.value = l.academic_year
				LEFT JOIN pg_temp.program_near near ON near.line_no = l.line_no
				LEFT JOIN pg_temp.program_student s ON s.number = coalesce(near.number, l.import_student_id)
				LEFT JOIN calpads.isi_code c ON c.program_id = l.program_id
				LEFT JOIN (SELECT t.site_id, t.cds_school FROM calpads.isi_site_list(NULL) t) site ON site.site_id = l.site_id
			OFFSET 0) AS m
		OFFSET 0) AS m
		LEFT JOIN calpads.isi_program p ON p.student_id = m.student_id AND p.program_id = m.program_id
			AND coalesce(p.site_id, '') = m.key_site AND coalesce(p.program_start_date, '-infinity') = m.key_start
			AND CASE WHEN p.program_start_date IS NULL THEN p.eligibility_start_date ELSE '-infinity' END = m.key_eligible;
	ANALYZE pg_temp.program_step (line_no, student_id, program_id, record_id, is_taken, codes);
	CREATE TEMPORARY TABLE program_answer (line_no bigint, decision text, record_id bigint, decision_id bigint);
END;
$$;
COMMENT ON FUNCTION calpads.match_program_lines(boolean, boolean) IS
	'makes pg_temp.program_step, the lines with student, code, school, key and record; part of calpads.import_programs()';

/* Lines with the same four parts: the same bytes count once, others are all held. */
CREATE FUNCTION calpads.pair_program_lines() RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE pg_temp.program_step s
	SET twin_of = CASE WHEN t.is_same AND t.first_line < s.line_no THEN t.first_line END, is_twice = NOT t.is_same,
		codes = CASE WHEN t.is_same THEN s.codes ELSE s.codes || 'ISI040'::text END
	FROM (
		SELECT m.line_no, min(m.line_no) OVER same_key AS first_line,
			min(l.line COLLATE "C") OVER same_key = max(l.line COLLATE "C") OVER same_key AS is_same
		FROM pg_temp.program_step m
			JOIN pg_temp.program_line l ON l.line_no = m.line_no
			JOIN (
				SELECT d.student_id, d.program_id, d.key_site, d.key_start, d.key_eligible
				FROM pg_temp.program_step d
				WHERE d.is_taken
				GROUP BY d.student_id, d.program_id, d.key_site, d.key_start, d.key_eligible
				HAVING count(*) > 1) AS d
				ON d.student_id = m.student_id AND d.program_id = m.program_id AND d.key_site = m.key_site
					AND d.key_start = m.key_start AND d.key_eligible = m.key_eligible
		WHERE m.is_taken
		WINDOW same_key AS (PARTITION BY m.student_id, m.program_id, m.key_site, m.key_start, m.key_eligible)) AS t
	WHERE t.line_no = s.line_no;
END;
$$;
COMMENT ON FUNCTION calpads.pair_program_lines() IS
	'marks in pg_temp.program_step what the file names twice (ISI040); part of calpads.import_programs()';

/*
 * The decisions that answer held lines: those with a record (is_known) or
 * those without.  A decision answers a line with the same four parts that is
 * held for no further reason; where the person is in doubt the person has to
 * be the same, and of lines with equal keys the line.
 */
CREATE FUNCTION calpads.answer_program_lines(is_known boolean) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO pg_temp.program_answer
	SELECT DISTINCT ON (s.line_no) s.line_no, d.decision, d.record_id, d.decision_id
	FROM pg_temp.program_step s
		JOIN pg_temp.program_line l ON l.line_no = s.line_no
		JOIN calpads.program_decision d ON d.import_student_id = s.import_student_id AND d.program_id = s.program_id
			AND coalesce(d.site_id, '') = s.key_site AND coalesce(d.program_start_date, '-infinity') = s.key_start
			AND CASE WHEN d.program_start_date IS NULL THEN d.eligibility_start_date ELSE '-infinity' END = s.key_eligible
	WHERE s.is_taken AND s.codes <> '{}' AND (s.record_id IS NOT NULL) = is_known AND s.codes <@ d.codes
		AND (NOT s.codes && ARRAY['ISI002', 'ISI003', 'ISI005'] OR d.person
			= concat_ws('|', l.state_student_id, l.student_last_name, l.student_first_name, l.birth_date::text))
		AND (d.line = l.line OR NOT s.is_twice)
		AND (d.record_id IS NULL OR s.record_id IS NOT NULL OR EXISTS (
			SELECT FROM calpads.isi_program p
			WHERE p.record_id = d.record_id AND p.student_id = s.student_id AND p.program_id = s.program_id))
	ORDER BY s.line_no, d.decision_id DESC;
	-- Of two lines with the same four parts one can be taken.
	DELETE FROM pg_temp.program_answer a
	USING pg_temp.program_step s, pg_temp.program_answer b, pg_temp.program_step t
	WHERE s.line_no = a.line_no AND s.is_twice AND a.decision <> 'skip'
		AND t.line_no = b.line_no AND t.is_twice AND b.decision <> 'skip' AND b.decision_id > a.decision_id
		AND (t.student_id, t.program_id, t.key_site, t.key_start, t.key_eligible)
			= (s.student_id, s.program_id, s.key_site, s.key_start, s.key_eligible);
	ANALYZE pg_temp.program_answer;
END;
$$;
COMMENT ON FUNCTION calpads.answer_program_lines(boolean) IS
	'adds to pg_temp.program_answer what calpads.program_decision says of held lines; part of calpads.import_programs()';

/*
 * New lines beside the records as they will be when the lines with a record
 * have been taken: what is closed by one line is no duplicate of another.
 * pg_temp.program_likeness: lines that look like a record (ISI041 to 043).
 */
CREATE FUNCTION calpads.compare_program_lines(compatible boolean) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TEMPORARY TABLE program_after AS
	SELECT p.record_id, p.student_id, p.program_id, nullif(btrim(c.calpads_code), '') AS calpads_code,
		site.cds_school COLLATE "C" AS school, coalesce(p.site_id, '') AS key_site,
		coalesce(p.program_start_date, '-infinity') AS key_start,
		CASE WHEN p.program_start_date IS NULL THEN p.eligibility_start_date ELSE '-infinity' END AS key_eligible,
		coalesce(p.program_start_date, p.eligibility_start_date) AS start_date,
		coalesce(s.program_end_date, p.program_end_date, s.eligibility_end_date, p.eligibility_end_date) AS end_date,
		coalesce(s.program_end_date, p.program_end_date) IS NULL AND (p.program_start_date IS NOT NULL
			OR coalesce(s.eligibility_end_date, p.eligibility_end_date) IS NULL) AS is_open
	FROM calpads.isi_program p
		LEFT JOIN calpads.isi_code c ON c.program_id = p.program_id
		LEFT JOIN (SELECT t.site_id, t.cds_school FROM calpads.isi_site_list(NULL) t) site ON site.site_id = p.site_id
		LEFT JOIN (
			SELECT s.record_id, s.program_end_date, s.eligibility_end_date
			FROM pg_temp.program_step s LEFT JOIN pg_temp.program_answer a ON a.line_no = s.line_no
			WHERE s.is_taken AND s.record_id IS NOT NULL AND s.twin_of IS NULL AND (s.codes = '{}' OR a.decision <> 'skip')) AS s
			ON s.record_id = p.record_id
	WHERE p.student_id IN (SELECT n.student_id FROM pg_temp.program_step n WHERE n.is_taken AND n.record_id IS NULL);
	ANALYZE pg_temp.program_after (student_id, program_id);

	CREATE TEMPORARY TABLE program_likeness AS
	SELECT n.line_no,
		array_agg(a.record_id ORDER BY a.record_id) FILTER (WHERE NOT n.is_open AND a.is_open) AS closes,
		array_agg(a.record_id ORDER BY a.record_id) FILTER (WHERE v.same_start) AS other_site,
		array_agg(a.record_id ORDER BY a.record_id) FILTER (WHERE v.like_start) AS other_start
	FROM pg_temp.program_step n
		JOIN pg_temp.program_after a ON a.student_id = n.student_id AND a.program_id = n.program_id
		CROSS JOIN LATERAL (
			SELECT a.key_start = n.key_start AND a.key_eligible = n.key_eligible AS same_start,
				a.key_site = n.key_site AND (abs(a.start_date - n.start_date) <= 45 OR a.is_open AND n.is_open
					OR a.start_date <= coalesce(n.end_date, 'infinity') AND n.start_date <= coalesce(a.end_date, 'infinity'))
				AS like_start) AS v
	WHERE n.is_taken AND n.record_id IS NULL AND n.twin_of IS NULL AND (v.same_start OR v.like_start OR NOT n.is_open AND a.is_open)
	GROUP BY n.line_no;
	ANALYZE pg_temp.program_likeness;
	IF NOT compatible THEN
		UPDATE pg_temp.program_step s
		SET codes = s.codes || array_remove(ARRAY[CASE WHEN k.closes IS NOT NULL THEN 'ISI041' END,
			CASE WHEN k.other_site IS NOT NULL THEN 'ISI042' END, CASE WHEN k.other_start IS NOT NULL THEN 'ISI043' END], NULL)
		FROM pg_temp.program_likeness k
		WHERE k.line_no = s.line_no;
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.compare_program_lines(boolean) IS
	'makes pg_temp.program_after and program_likeness, and holds new lines that look like a record; part of calpads.import_programs()';

/*
 * Lines that make a record, beside each other and beside the records, where it
 * only warns (ISI042 to ISI045): what one file names twice corrects nothing.
 */
CREATE FUNCTION calpads.stage_program_company() RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TEMPORARY TABLE program_company AS
	WITH state AS (
		SELECT n.line_no, n.student_id, n.program_id, n.calpads_code, n.school, n.key_site, n.key_start, n.key_eligible,
			n.start_date, coalesce(n.end_date, 'infinity') AS end_date, n.is_open
		FROM pg_temp.program_step n JOIN pg_temp.program_verdict v ON v.line_no = n.line_no
		WHERE v.outcome = 'inserted'
		UNION ALL
		SELECT NULL, a.student_id, a.program_id, a.calpads_code, a.school, a.key_site, a.key_start, a.key_eligible,
			a.start_date, coalesce(a.end_date, 'infinity'), a.is_open
		FROM pg_temp.program_after a
	), company AS (
		SELECT s.student_id, coalesce(s.calpads_code, s.program_id) AS code
		FROM state s
		GROUP BY s.student_id, coalesce(s.calpads_code, s.program_id)
		HAVING count(*) > 1
	), beside AS (
		SELECT s.*,
			count(*) FILTER (WHERE s.is_open) OVER (PARTITION BY s.student_id, coalesce(s.calpads_code, s.program_id), s.school) AS open_here,
			count(s.line_no) OVER (PARTITION BY s.student_id, s.program_id, s.key_start, s.key_eligible) > 1 AS same_start,
			max(s.end_date) FILTER (WHERE s.line_no IS NOT NULL) OVER (PARTITION BY s.student_id, s.program_id, s.key_site
				ORDER BY s.start_date, s.line_no ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) >= s.start_date AS overlaps,
			min(s.program_id) OVER same_code <> max(s.program_id) OVER same_code AS several_keys
		FROM state s JOIN company c ON c.student_id = s.student_id AND c.code = coalesce(s.calpads_code, s.program_id)
		WINDOW same_code AS (PARTITION BY s.student_id, s.calpads_code)
	)
	SELECT b.line_no, b.is_open AND b.open_here > 1 AS open_twice, b.same_start, coalesce(b.overlaps, false) AS overlaps,
		b.several_keys AND b.calpads_code IS NOT NULL AND EXISTS (
			SELECT FROM beside o
			WHERE b.several_keys AND o.several_keys AND o.student_id = b.student_id AND o.calpads_code = b.calpads_code
				AND o.program_id <> b.program_id AND o.start_date <= b.end_date AND b.start_date <= o.end_date) AS other_key
	FROM beside b
	WHERE b.line_no IS NOT NULL AND (b.is_open AND b.open_here > 1 OR b.same_start OR b.overlaps OR b.several_keys);
END;
$$;
COMMENT ON FUNCTION calpads.stage_program_company() IS
	'makes pg_temp.program_company, new lines that stand beside others; part of calpads.import_programs()';

/*
 * What a line changes in a record.  An empty cell leaves a value alone, for a
 * column may be missing; an empty end opens a record again only by the setting
 * (section 3).  merge_into takes start and site as corrections, close takes
 * nothing but the ends.
 */
CREATE FUNCTION calpads.program_change(stored calpads.isi_program, line calpads.program_import_row, decision text, reopen boolean)
	RETURNS jsonb
	LANGUAGE sql STABLE
	RETURN jsonb_strip_nulls(jsonb_build_object(
		'site_id', CASE WHEN decision = 'merge_into' AND (line).site_id IS DISTINCT FROM (stored).site_id
			THEN jsonb_build_array((stored).site_id, (line).site_id) END,
		'program_start_date', CASE WHEN decision = 'merge_into' AND (line).program_start_date IS DISTINCT FROM (stored).program_start_date
			THEN jsonb_build_array((stored).program_start_date, (line).program_start_date) END,
		'eligibility_start_date', CASE WHEN decision IS DISTINCT FROM 'close' AND (line).eligibility_start_date <> (stored).eligibility_start_date
				OR decision IS DISTINCT FROM 'close' AND (stored).eligibility_start_date IS NULL AND (line).eligibility_start_date IS NOT NULL
			THEN jsonb_build_array((stored).eligibility_start_date, (line).eligibility_start_date) END,
		'program_end_date', CASE WHEN (line).program_end_date IS DISTINCT FROM (stored).program_end_date
				AND ((line).program_end_date IS NOT NULL OR reopen)
			THEN jsonb_build_array((stored).program_end_date, (line).program_end_date) END,
		'eligibility_end_date', CASE WHEN (line).eligibility_end_date IS DISTINCT FROM (stored).eligibility_end_date
				AND (line).eligibility_end_date IS NOT NULL
			THEN jsonb_build_array((stored).eligibility_end_date, (line).eligibility_end_date) END,
		'academic_year', CASE WHEN decision IS DISTINCT FROM 'close' AND (line).academic_year IS DISTINCT FROM (stored).academic_year
				AND (line).academic_year IS NOT NULL
			THEN jsonb_build_array((stored).academic_year, (line).academic_year) END));
COMMENT ON FUNCTION calpads.program_change(calpads.isi_program, calpads.program_import_row, text, boolean) IS
	'what a line of programs.txt changes in a record, as {"column": [before, after]}';

CREATE FUNCTION calpads.program_outcome(stored calpads.isi_program, changed jsonb) RETURNS text
	LANGUAGE sql STABLE
	RETURN CASE
		WHEN changed = '{}' THEN 'unchanged'
		WHEN (stored).program_end_date IS NULL AND changed #>> '{program_end_date,1}' IS NOT NULL
			OR num_nonnulls((stored).program_start_date, (stored).program_end_date, (stored).eligibility_end_date) = 0
				AND changed #>> '{eligibility_end_date,1}' IS NOT NULL THEN 'closed'
		ELSE 'updated' END;
COMMENT ON FUNCTION calpads.program_outcome(calpads.isi_program, jsonb) IS
	'closed, updated or unchanged: what a change (calpads.program_change) makes of a record';

/*
 * pg_temp.program_verdict: the outcome of each line that can be taken.  The
 * record is compared column by column first, because most lines of most files
 * change nothing.
 */
CREATE FUNCTION calpads.conclude_program_lines(reopen boolean) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TEMPORARY TABLE program_verdict AS
	SELECT v.line_no, v.decision, CASE WHEN NOT v.is_held THEN v.record_id END AS record_id, nullif(v.changed, '{}') AS changed,
		CASE
			WHEN v.twin_of IS NOT NULL THEN 'unchanged'
			WHEN v.is_held THEN 'held'
			WHEN v.decision = 'skip' THEN 'skipped'
			WHEN v.record_id IS NULL THEN 'inserted'
			WHEN v.changed IS NULL THEN 'unchanged'
			ELSE calpads.program_outcome(v.stored, v.changed)
		END AS outcome,
		v.keeps_end
	FROM (
		SELECT w.*, CASE WHEN w.differs AND NOT w.is_held AND w.twin_of IS NULL AND w.decision IS DISTINCT FROM 'skip'
			THEN calpads.program_change(w.stored, w.incoming, w.decision, reopen) END AS changed
		FROM (
			SELECT s.line_no, s.twin_of, s.codes <> '{}' AND a.decision IS NULL AS is_held, p.record_id,
				-- With the four parts already there, a decision about another record is done.
				CASE WHEN s.codes <> '{}' THEN CASE WHEN s.record_id IS NOT NULL AND a.decision <> 'skip' THEN 'insert_anyway'
					ELSE a.decision END END AS decision,
				d.differs,
				CASE WHEN d.differs THEN p END AS stored,
				CASE WHEN d.differs THEN ROW(NULL, s.line_no, NULL, NULL, s.import_student_id, NULL, NULL, NULL, NULL, NULL, s.program_id,
					s.eligibility_start_date, s.eligibility_end_date, s.program_start_date, s.program_end_date, s.academic_year, s.site_id,
					s.student_id, NULL, NULL, NULL, NULL, NULL, NULL)::calpads.program_import_row END AS incoming,
				NOT reopen AND (s.program_end_date IS NULL AND p.program_end_date IS NOT NULL
					OR s.eligibility_end_date IS NULL AND p.eligibility_end_date IS NOT NULL) AS keeps_end
			FROM pg_temp.program_step s
				LEFT JOIN pg_temp.program_answer a ON a.line_no = s.line_no
				LEFT JOIN calpads.isi_program p ON p.record_id = coalesce(s.record_id, a.record_id)
				CROSS JOIN LATERAL (
					SELECT p.record_id IS NOT NULL AND (coalesce(a.decision IN ('merge_into', 'close'), false)
						OR coalesce(s.eligibility_start_date <> p.eligibility_start_date,
							s.eligibility_start_date IS NOT NULL AND p.eligibility_start_date IS NULL)
						OR coalesce(s.program_end_date <> p.program_end_date,
							s.program_end_date IS NOT NULL OR reopen AND p.program_end_date IS NOT NULL)
						OR coalesce(s.eligibility_end_date <> p.eligibility_end_date,
							s.eligibility_end_date IS NOT NULL AND p.eligibility_end_date IS NULL)
						OR coalesce(s.academic_year <> p.academic_year, s.academic_year IS NOT NULL AND p.academic_year IS NULL))
						AS differs) AS d
			WHERE s.is_taken
			OFFSET 0) AS w
		OFFSET 0) AS v;
	-- Two lines that change one record, by a decision of before: the first counts, the others are asked about again.
	UPDATE pg_temp.program_verdict v SET outcome = 'held', decision = NULL, record_id = NULL, changed = NULL
	FROM (
		SELECT d.line_no, row_number() OVER (PARTITION BY d.record_id ORDER BY d.decision IS NOT NULL, d.line_no) AS place
		FROM pg_temp.program_verdict d
		WHERE d.changed IS NOT NULL AND d.record_id IN (
			SELECT o.record_id FROM pg_temp.program_verdict o WHERE o.changed IS NOT NULL AND o.decision IS NOT NULL)) AS d
	WHERE d.line_no = v.line_no AND d.place > 1;
	ANALYZE pg_temp.program_verdict (line_no, outcome);
END;
$$;
COMMENT ON FUNCTION calpads.conclude_program_lines(boolean) IS
	'makes pg_temp.program_verdict, the outcome of the lines; part of calpads.import_programs()';

-- ---- messages: pg_temp.program_note ---------------------------------------------

CREATE FUNCTION calpads.note_rejected_lines() RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TEMPORARY TABLE program_note (line_no bigint, message jsonb,
		code text COLLATE "C" GENERATED ALWAYS AS (message ->> 'code') STORED);

	INSERT INTO pg_temp.program_note (line_no, message)
	SELECT l.line_no, calpads.program_message('ISI060', 'reject', NULL, NULL, l.complaint, 'Look at the line in the file.')
	FROM pg_temp.program_line l
	WHERE l.complaint IS NOT NULL
	UNION ALL
	SELECT l.line_no, CASE
		WHEN v.cell IS NULL THEN calpads.program_message('ISI061', 'reject', c.name, NULL,
			format('%s is empty.', c.label), 'It has to be filled in every row.')
		WHEN c.type = 'date_mdy' THEN calpads.program_message('ISI062', 'reject', c.name, v.cell,
			format('%s is no date.', c.label), 'Dates are written MM/DD/YYYY, with four digits of the year.')
		ELSE calpads.program_message('ISI063', 'reject', c.name, left(v.cell, 60),
			format('%s is longer than %s characters.', c.label, c.max_length), NULL) END
	FROM pg_temp.program_line l
		CROSS JOIN pg_temp.program_column c
		CROSS JOIN LATERAL (SELECT l.cells[c.position] AS cell) AS v
	WHERE l.flawed AND l.complaint IS NULL AND c.position IS NOT NULL
		AND CASE WHEN v.cell IS NULL THEN c.required AND (c.key OR l.cell_count >= c.position) WHEN c.type = 'date_mdy' THEN calpads.mdy_date(v.cell) IS NULL
			ELSE char_length(v.cell) > c.max_length END;

	INSERT INTO pg_temp.program_note (line_no, message)
	SELECT m.line_no, CASE m.refusal
		WHEN 'ISI030' THEN calpads.program_message(m.refusal, 'reject', 'program_start_date', NULL,
			'Neither Program Start Date nor Eligibility Start Date is given.', 'One of them makes the record unique.')
		WHEN 'ISI031' THEN calpads.program_message(m.refusal, 'reject', 'program_end_date', NULL,
			CASE WHEN m.start_date < m.birth_date THEN 'The program starts before the student was born.'
				ELSE 'The program ends before it starts.' END, 'Correct the dates in the source system.')
		WHEN 'ISI010' THEN calpads.program_message(m.refusal, 'reject', 'program_id', m.program_id,
			format('Program ID %s is not in the code table.', m.program_id), 'Add it to calpads.isi_code.')
		WHEN 'ISI012' THEN calpads.program_message(m.refusal, 'reject', 'program_id', m.program_id, concat_ws(' ',
			format('Program ID %s is a CALPADS code, but no code key of the code table.', m.program_id),
			(SELECT format('The key with that CALPADS code is %s.', string_agg(k.program_id, ', ' ORDER BY k.program_id))
				FROM calpads.isi_code k WHERE btrim(k.calpads_code) = m.program_id HAVING count(*) > 0)),
			'The file has to hold the code key; or add the key to calpads.isi_code.')
		WHEN 'ISI020' THEN calpads.program_message(m.refusal, 'reject', 'site_id', NULL, 'Site ID is empty.',
			'The profile of the run asks for a site in every row.')
		WHEN 'ISI021' THEN calpads.program_message(m.refusal, 'reject', 'site_id', m.site_id,
			format('Site ID %s is not known.', m.site_id), 'Add it to calpads.isi_site.') END
	FROM pg_temp.program_step m
	WHERE m.refusal <> 'ISI061';

	-- Who it could be, in the order of the special education import: by SSID, then by name and birth date.
	INSERT INTO pg_temp.program_note (line_no, message)
	SELECT l.line_no, calpads.program_message('ISI001', 'reject', 'import_student_id', l.import_student_id,
			format('The SIS has no student %s.', l.import_student_id),
			CASE WHEN count(c.id) > 0 THEN 'The student may be one of the candidates; correct the ID in the source system.'
				ELSE 'Nobody has this SSID, or this name and birth date either.' END)
		|| jsonb_build_object('candidates', coalesce(jsonb_agg(jsonb_build_object('student_id', c.id, 'found_by', c.found_by)
			ORDER BY c.found_by DESC, c.id) FILTER (WHERE c.id IS NOT NULL), '[]'))
	FROM pg_temp.program_step m
		JOIN pg_temp.program_line l ON l.line_no = m.line_no
		LEFT JOIN (
			SELECT s.ssid AS sought, NULL::date AS birth_date, s.id, 'ssid' AS found_by FROM pg_temp.program_student s
			UNION ALL
			SELECT calpads.program_name_key(s.last_name) || '^' || calpads.program_name_key(s.first_name), s.birth_date, s.id,
				'name and birth date'
			FROM pg_temp.program_student s) AS c
			ON c.sought = CASE c.found_by WHEN 'ssid' THEN l.state_student_id
					ELSE calpads.program_name_key(l.student_last_name) || '^' || calpads.program_name_key(l.student_first_name) END
				AND (c.found_by = 'ssid' OR c.birth_date = l.birth_date)
	WHERE m.refusal IS NULL AND m.student_id IS NULL
	GROUP BY l.line_no, l.import_student_id;
END;
$$;
COMMENT ON FUNCTION calpads.note_rejected_lines() IS
	'makes pg_temp.program_note and says why lines are rejected or unmatched; part of calpads.import_programs()';

/*
 * Why a line is held.  The same is a warning where a decision, or the mode
 * that is compatible with Illuminate, lets the line pass.
 */
CREATE FUNCTION calpads.note_held_lines() RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	way_out text := 'calpads.decide_program_row(import, line, ';
BEGIN
	INSERT INTO pg_temp.program_note (line_no, message)
	SELECT f.line_no, calpads.program_message(n.code, CASE WHEN f.outcome = 'held' THEN 'hold' ELSE 'warning' END,
		n.field, n.value, n.explanation, CASE WHEN f.outcome = 'held' THEN way_out || n.choices || ').' END, n.records)
	FROM (
			SELECT v.outcome, s.*, k.closes, k.other_site, k.other_start
			FROM pg_temp.program_step s
				JOIN pg_temp.program_verdict v ON v.line_no = s.line_no
				LEFT JOIN pg_temp.program_likeness k ON k.line_no = s.line_no
			WHERE s.twin_of IS NULL AND (s.codes <> '{}' OR k.line_no IS NOT NULL
				OR s.ssid_differs OR s.last_differs AND s.birth_differs)) AS f
		JOIN pg_temp.program_line l ON l.line_no = f.line_no
		CROSS JOIN LATERAL (VALUES
			('ISI002', f.ssid_differs, 'state_student_id', l.state_student_id,
				'The student with this Import Student ID has another SSID.', '''insert_anyway'' or ''skip''', NULL),
			('ISI003', f.last_differs AND f.birth_differs, 'student_last_name', l.student_last_name,
				'The student with this Import Student ID has another last name and another birth date.',
				'''insert_anyway'' or ''skip''', NULL),
			('ISI005', f.is_near, 'import_student_id', l.import_student_id,
				format('No student has this Import Student ID; without leading zeros, blanks and case it is %s.', f.student_id),
				'''insert_anyway'' or ''skip''', NULL),
			('ISI040', f.is_twice, NULL, NULL,
				'Other rows of the file have the same student, program, start and site, and differ.',
				'''insert_anyway'' for the right one, ''skip'' for the others', NULL),
			('ISI041', f.closes IS NOT NULL, 'program_end_date', f.program_end_date::text,
				'The row has an end date and no record with its four parts, but the student has an open record of the program.',
				'''close'', ''merge_into'', ''insert_anyway'' or ''skip'', record', f.closes),
			('ISI042', f.other_site IS NOT NULL, 'site_id', f.site_id,
				'The student has a record of the program with the same start and another site, or with a site on one side only.',
				'''merge_into'', ''close'', ''insert_anyway'' or ''skip'', record', f.other_site),
			('ISI043', f.other_start IS NOT NULL, 'program_start_date', f.start_date::text,
				'The student has a record of the program and site that starts within 45 days, overlaps, or is open too.',
				'''merge_into'', ''close'', ''insert_anyway'' or ''skip'', record', f.other_start))
			AS n (code, applies, field, value, explanation, choices, records)
	WHERE n.applies;
END;
$$;
COMMENT ON FUNCTION calpads.note_held_lines() IS
	'says in pg_temp.program_note why lines are held, or would be; part of calpads.import_programs()';

/* Remarks about lines that change something, or wait. */
CREATE FUNCTION calpads.note_taken_lines() RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO pg_temp.program_note (line_no, message)
	SELECT s.line_no, n.message
	FROM pg_temp.program_step s
		JOIN pg_temp.program_verdict v ON v.line_no = s.line_no
		CROSS JOIN LATERAL (VALUES
			(s.twin_of IS NOT NULL, calpads.program_message('ISI065', 'info', NULL, NULL,
				format('The row is the same as that of line %s.', s.twin_of))),
			(v.keeps_end AND v.outcome <> 'skipped' AND s.twin_of IS NULL, calpads.program_message('ISI051', 'info', 'program_end_date', NULL,
				'The record has an end date, the row has none; the record stays closed.', 'Setting calpads.isi_reopen.')),
			(v.decision IS NOT NULL, calpads.program_message('ISI067', 'info', NULL, v.decision,
				format('The decision %s was taken for this row before.', v.decision))))
			AS n (applies, message)
	WHERE (s.twin_of IS NOT NULL OR v.keeps_end OR v.decision IS NOT NULL) AND n.applies;

	INSERT INTO pg_temp.program_note (line_no, message)
	SELECT s.line_no, (SELECT calpads.program_message('ISI020', 'warning', 'site_id', NULL, 'Site ID is empty.',
		'CALPADS needs a school; sis.sprg takes it from the enrollments.'))
	FROM pg_temp.program_step s JOIN pg_temp.program_verdict v ON v.line_no = s.line_no
	WHERE s.site_id IS NULL AND v.outcome NOT IN ('unchanged', 'skipped');

	INSERT INTO pg_temp.program_note (line_no, message)
	SELECT s.line_no, calpads.program_message('ISI004', 'warning', NULL, NULL,
		format('The student''s %s differs from the SIS.', concat_ws(' and ', CASE WHEN s.last_differs THEN 'last name' END,
			CASE WHEN s.first_differs THEN 'first name' END, CASE WHEN s.birth_differs THEN 'birth date' END)))
	FROM pg_temp.program_step s JOIN pg_temp.program_verdict v ON v.line_no = s.line_no
	WHERE (s.last_differs OR s.first_differs OR s.birth_differs) AND NOT (s.last_differs AND s.birth_differs)
		AND v.outcome NOT IN ('unchanged', 'skipped')
	UNION ALL
	SELECT s.line_no, calpads.program_message('ISI011', 'info', 'program_id', s.program_id,
		format('Program %s has no CALPADS code in calpads.isi_code, so it is not reported.', s.program_id))
	FROM pg_temp.program_step s JOIN pg_temp.program_verdict v ON v.line_no = s.line_no
	WHERE s.calpads_code IS NULL AND v.outcome NOT IN ('unchanged', 'skipped');

	INSERT INTO pg_temp.program_note (line_no, message)
	SELECT c.line_no, n.message
	FROM pg_temp.program_company c
		CROSS JOIN LATERAL (VALUES
			(c.same_start, calpads.program_message('ISI042', 'warning', 'site_id', NULL,
				'Another new row of the file has the same student, program and start, and another site.')),
			(c.overlaps, calpads.program_message('ISI043', 'warning', 'program_start_date', NULL,
				'Another new row of the file has the same student, program and site, and overlaps.')),
			(c.other_key, calpads.program_message('ISI044', 'warning', 'program_id', NULL,
				'The student has the same CALPADS program at the same time under another Program ID.')),
			(c.open_twice, calpads.program_message('ISI045', 'warning', 'program_end_date', NULL,
				'The student has more than one open record of the program at the school; CALPADS takes only one.')))
			AS n (applies, message)
	WHERE n.applies;
END;
$$;
COMMENT ON FUNCTION calpads.note_taken_lines() IS
	'adds remarks to pg_temp.program_note; part of calpads.import_programs()';

/* Program dates beside enrollments, academic year and terms (ISI022, 032, 033). */
CREATE FUNCTION calpads.note_program_dates() RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO pg_temp.program_note (line_no, message)
	WITH day AS (
		SELECT d.start_date, calpads.academic_year(d.start_date) AS academic_year, calpads.school_year_start(d.start_date) AS school_year
		FROM (SELECT DISTINCT s.start_date FROM pg_temp.program_step s) AS d
	)
	SELECT f.line_no, n.message
	FROM (
		SELECT s.line_no, s.start_date, s.site_id, s.academic_year, membership.code = '3' AS is_participation,
			stay.is_inside IS NOT TRUE AS not_inside, NOT coalesce(stay.is_inside OR here.days && s.days, false) AS not_here,
			day.academic_year <> s.academic_year AND s.academic_year ~ '^\d{4}-\d{4}$'
				OR coalesce(s.program_start_date < coalesce(term.first_day, district.first_day)
					OR s.program_start_date > coalesce(term.last_day, district.last_day), false) AS not_in_year
		FROM (
			SELECT s.line_no, s.student_id, s.school, s.site_id, s.calpads_code, s.start_date, s.program_start_date, s.academic_year,
				daterange(s.start_date, s.end_date, '[]') AS days
			FROM pg_temp.program_step s JOIN pg_temp.program_verdict v ON v.line_no = s.line_no
			WHERE v.outcome NOT IN ('unchanged', 'skipped') AND coalesce(s.end_date >= s.start_date, true)
			OFFSET 0) AS s
			LEFT JOIN pg_temp.program_stay here ON here.student_id = s.student_id AND here.school = coalesce(s.school, '')
			JOIN day ON day.start_date = s.start_date
			LEFT JOIN pg_temp.program_term term ON term.school = s.school AND term.school_year = day.school_year
			LEFT JOIN pg_temp.program_term district ON district.school = '0000000' AND district.school_year = day.school_year
				AND s.school IS NOT NULL
			CROSS JOIN LATERAL (SELECT here.days @> s.days AS is_inside) AS stay
			LEFT JOIN (
				SELECT c.calpads_code, calpads.program_membership(c.calpads_code, calpads.academic_year(calpads.today())) AS code
				FROM (SELECT DISTINCT btrim(c.calpads_code) AS calpads_code FROM calpads.isi_code c) AS c) AS membership
				ON membership.calpads_code = s.calpads_code
		OFFSET 0) AS f
		CROSS JOIN LATERAL (VALUES
			(f.not_here AND f.site_id IS NOT NULL, calpads.program_message('ISI022', 'warning', 'site_id', f.site_id,
				'The student has no enrollment at the site while the program lasts.')),
			(f.not_in_year, calpads.program_message('ISI032', 'warning', 'program_start_date', f.start_date::text,
				'The start is outside the academic year, or outside the terms of the site.')),
			(f.not_inside AND (NOT f.not_here OR f.site_id IS NULL), calpads.program_message('ISI033', 'warning', 'program_start_date', NULL,
				CASE WHEN f.not_here THEN 'The student has no enrollment while the program lasts.'
					ELSE 'The program dates are not inside an enrollment.' END
					|| CASE WHEN f.is_participation THEN ' In SPRG they are cut to it.' ELSE '' END)))
			AS n (applies, message)
	WHERE (f.not_inside OR f.not_in_year) AND n.applies;
END;
$$;
COMMENT ON FUNCTION calpads.note_program_dates() IS
	'says in pg_temp.program_note where program dates and enrollments disagree; part of calpads.import_programs()';

CREATE FUNCTION calpads.is_valid_utf8(content bytea) RETURNS boolean
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM convert_from(content, 'UTF8');
	RETURN true;
EXCEPTION
	WHEN character_not_in_repertoire THEN
		RETURN false;
	WHEN untranslatable_character THEN
		RETURN true;
END;
$$;
COMMENT ON FUNCTION calpads.is_valid_utf8(bytea) IS 'the bytes are text in UTF-8';

/* What is to be said of the file as a whole; unknown codes one by one, with their rows. */
CREATE FUNCTION calpads.program_file_notes(content bytea) RETURNS jsonb
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN coalesce((
		SELECT jsonb_agg(n.message)
		FROM (
			SELECT calpads.program_message('ISI068', 'warning', NULL, NULL,
				'The bytes are not valid UTF-8; lines that are not were read as Windows-1252.') AS message
			WHERE NOT calpads.is_valid_utf8(content)
			UNION ALL
			SELECT calpads.program_message('ISI069', 'warning', NULL, max(l.cell_count)::text,
				format('Lines have up to %s columns, more than are known; the others are kept in the raw rows only.', max(l.cell_count)),
				'calpads.isi_column says where the columns are.')
			FROM pg_temp.program_line l
			HAVING max(l.cell_count) > (SELECT count(c.position) FROM pg_temp.program_column c)
			UNION ALL
			(SELECT calpads.program_message(m.refusal, 'reject', 'program_id', m.program_id,
				format('Program ID %s is not in the code table; rows with it: %s.', m.program_id, count(*))) AS message
			FROM pg_temp.program_step m
			WHERE m.refusal IN ('ISI010', 'ISI012')
			GROUP BY m.refusal, m.program_id
			ORDER BY count(*) DESC, m.program_id
			LIMIT 100)) AS n), '[]');
END;
$$;
COMMENT ON FUNCTION calpads.program_file_notes(bytea) IS
	'the column notes of calpads.program_import for the file that is in pg_temp.program_line; part of calpads.import_programs()';

-- ---- changing the records ----------------------------------------------------------

CREATE FUNCTION calpads.store_program_rows(import_id bigint, changes_follow boolean) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO calpads.program_import_row (import_id, line_no, outcome, messages, import_student_id, state_student_id,
		student_last_name, student_first_name, student_middle_name, birth_date, program_id, eligibility_start_date,
		eligibility_end_date, program_start_date, program_end_date, academic_year, site_id, student_id, record_id, changed,
		decision, line)
	SELECT store_program_rows.import_id, l.line_no,
		CASE WHEN m.refusal IS NOT NULL THEN 'rejected' WHEN m.student_id IS NULL THEN 'unmatched' ELSE v.outcome END,
		coalesce(n.messages, '[]'), l.import_student_id, l.state_student_id, l.student_last_name, l.student_first_name,
		l.student_middle_name, l.birth_date, l.program_id, l.eligibility_start_date, l.eligibility_end_date, l.program_start_date,
		l.program_end_date, m.academic_year, l.site_id, m.student_id,
		CASE WHEN v.outcome = 'inserted' AND changes_follow
			THEN nextval('calpads.isi_program_record_id_seq') ELSE v.record_id END,
		v.changed, v.decision, l.line
	FROM pg_temp.program_line l
		JOIN pg_temp.program_step m ON m.line_no = l.line_no
		LEFT JOIN pg_temp.program_verdict v ON v.line_no = l.line_no
		LEFT JOIN (
			-- Sorted as a whole: to sort each line's messages takes four times as long.
			SELECT t.line_no, jsonb_agg(t.message) AS messages
			FROM (SELECT t.line_no, t.message FROM pg_temp.program_note t ORDER BY t.line_no, t.code) AS t
			GROUP BY t.line_no) AS n ON n.line_no = l.line_no;
END;
$$;
COMMENT ON FUNCTION calpads.store_program_rows(bigint, boolean) IS
	'writes what was found to calpads.program_import_row; part of calpads.import_programs()';

CREATE FUNCTION calpads.insert_programs(import_id bigint, line_no bigint DEFAULT NULL) RETURNS void
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO calpads.isi_program (record_id, student_id, import_student_id, program_id, site_id, program_start_date,
		program_end_date, eligibility_start_date, eligibility_end_date, academic_year, import_id, line_no)
	SELECT r.record_id, r.student_id, r.student_id::text, r.program_id, r.site_id, r.program_start_date, r.program_end_date,
		r.eligibility_start_date, r.eligibility_end_date,
		coalesce(r.academic_year, calpads.academic_year(coalesce(r.program_start_date, r.eligibility_start_date))),
		r.import_id, r.line_no
	FROM calpads.program_import_row r
	WHERE r.import_id = insert_programs.import_id AND r.outcome = 'inserted'
		AND (insert_programs.line_no IS NULL OR r.line_no = insert_programs.line_no)
$$;
COMMENT ON FUNCTION calpads.insert_programs(bigint, bigint) IS
	'makes the records of an import''s inserted rows, or of one of them; part of calpads.import_programs()';

/*
 * The columns of the records that rows of an import have changed: as they were
 * before the first change, and as the last one left them.
 */
CREATE FUNCTION calpads.program_changes(import_id bigint) RETURNS TABLE (record_id bigint, before jsonb, after jsonb)
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.record_id, jsonb_object_agg(c.key, c.before), jsonb_object_agg(c.key, c.after)
	FROM (
		SELECT r.record_id, v.key, (array_agg(v.value -> 0 ORDER BY r.decided_at NULLS FIRST, r.line_no))[1] AS before,
			(array_agg(v.value -> 1 ORDER BY r.decided_at DESC NULLS LAST, r.line_no DESC))[1] AS after
		FROM calpads.program_import_row r CROSS JOIN LATERAL jsonb_each(r.changed) AS v
		WHERE r.import_id = program_changes.import_id AND r.outcome IN ('updated', 'closed')
		GROUP BY r.record_id, v.key) AS c
	GROUP BY c.record_id
$$;
COMMENT ON FUNCTION calpads.program_changes(bigint) IS
	'records that an import changed, with the changed columns before and after';

/* A changed column has become what the row says, and a row changes a record alone. */
CREATE FUNCTION calpads.change_programs(import_id bigint, line_no bigint DEFAULT NULL) RETURNS void
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE calpads.isi_program p
	SET site_id = CASE WHEN r.changed ? 'site_id' THEN r.site_id ELSE p.site_id END,
		program_start_date = CASE WHEN r.changed ? 'program_start_date' THEN r.program_start_date ELSE p.program_start_date END,
		program_end_date = CASE WHEN r.changed ? 'program_end_date' THEN r.program_end_date ELSE p.program_end_date END,
		eligibility_start_date = CASE WHEN r.changed ? 'eligibility_start_date' THEN r.eligibility_start_date
			ELSE p.eligibility_start_date END,
		eligibility_end_date = CASE WHEN r.changed ? 'eligibility_end_date' THEN r.eligibility_end_date ELSE p.eligibility_end_date END,
		academic_year = CASE WHEN r.changed ? 'academic_year' THEN r.academic_year ELSE p.academic_year END
	FROM calpads.program_import_row r
	WHERE r.import_id = change_programs.import_id AND r.outcome IN ('updated', 'closed') AND p.record_id = r.record_id
		AND (change_programs.line_no IS NULL OR r.line_no = change_programs.line_no)
$$;
COMMENT ON FUNCTION calpads.change_programs(bigint, bigint) IS
	'writes the changes of an import, or of one row of it, to calpads.isi_program; part of calpads.import_programs()';

CREATE FUNCTION calpads.count_program_rows(import_id bigint) RETURNS calpads.program_import
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE calpads.program_import i
	SET rows_read = c.rows_read, inserted = c.inserted, updated = c.updated, closed = c.closed, unchanged = c.unchanged,
		held = c.held, unmatched = c.unmatched, rejected = c.rejected, skipped = c.skipped, warned = c.warned,
		status = CASE WHEN c.held + c.unmatched + c.rejected + c.warned > 0 THEN 'warnings' ELSE 'ok' END,
		records = (SELECT count(*) FROM calpads.isi_program), finished_at = coalesce(i.finished_at, clock_timestamp())
	FROM (
		SELECT count(*) AS rows_read,
			count(*) FILTER (WHERE r.outcome = 'inserted') AS inserted,
			count(*) FILTER (WHERE r.outcome = 'updated') AS updated,
			count(*) FILTER (WHERE r.outcome = 'closed') AS closed,
			count(*) FILTER (WHERE r.outcome = 'unchanged') AS unchanged,
			count(*) FILTER (WHERE r.outcome = 'held') AS held,
			count(*) FILTER (WHERE r.outcome = 'unmatched') AS unmatched,
			count(*) FILTER (WHERE r.outcome = 'rejected') AS rejected,
			count(*) FILTER (WHERE r.outcome = 'skipped') AS skipped,
			count(*) FILTER (WHERE r.messages <> '[]' AND r.messages @> '[{"severity": "warning"}]') AS warned
		FROM calpads.program_import_row r
		WHERE r.import_id = count_program_rows.import_id) AS c
	WHERE i.import_id = count_program_rows.import_id
	RETURNING i.*
$$;
COMMENT ON FUNCTION calpads.count_program_rows(bigint) IS 'counts the rows of an import into calpads.program_import';

-- ---- a run ------------------------------------------------------------------------

/*
 * Everything beside the bytes that decides what a run does, so that a file is
 * imported again when the code table, the sites or a setting have changed.
 */
CREATE FUNCTION calpads.program_circumstances(compatible boolean, reopen boolean, site_required boolean) RETURNS text
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT encode(sha256(convert_to(concat_ws(E'\n', compatible, reopen, site_required, calpads.setting('sis_schema'),
		(SELECT string_agg(c::text, E'\n' ORDER BY c.program_id) FROM calpads.isi_code c),
		(SELECT string_agg(s::text, E'\n' ORDER BY s.site_id) FROM calpads.isi_site s),
		(SELECT string_agg(m::text, E'\n' ORDER BY m.position) FROM calpads.isi_column m),
		(SELECT string_agg(f::text, E'\n' ORDER BY f.ordinal) FROM calpads.program_fields() f)), 'UTF8')), 'hex')
$$;
COMMENT ON FUNCTION calpads.program_circumstances(boolean, boolean, boolean) IS
	'a fingerprint of the settings and code tables';

CREATE FUNCTION calpads.last_program_import() RETURNS calpads.program_import
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT i.* FROM calpads.program_import i
	WHERE NOT i.dry_run AND i.status IN ('ok', 'warnings')
	ORDER BY i.import_id DESC LIMIT 1
$$;
COMMENT ON FUNCTION calpads.last_program_import() IS 'the last import whose changes stand';

/* A student whom the last import did not find may have come since. */
CREATE FUNCTION calpads.program_students_came(import_id bigint) RETURNS boolean
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	came boolean;
BEGIN
	EXECUTE format($query$
		SELECT EXISTS (SELECT FROM calpads.program_import_row r JOIN %s AS stu ON stu.id::text = r.import_student_id AND stu.del IS NOT TRUE
			WHERE r.import_id = $1 AND r.outcome = 'unmatched')$query$, calpads.sis_source(NULL, 'stu'))
		INTO came USING import_id;
	RETURN came;
END;
$$;
COMMENT ON FUNCTION calpads.program_students_came(bigint) IS 'the SIS now has a student whom that import did not find';

/* The bytes of the last import, with nothing new around them: nothing to do. */
CREATE FUNCTION calpads.repeat_program_import(import_id bigint) RETURNS calpads.program_import
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	last_import calpads.program_import := calpads.last_program_import();
	result calpads.program_import;
BEGIN
	UPDATE calpads.program_import i
	SET status = 'unchanged_file', rows_read = last_import.rows_read,
		unchanged = last_import.inserted + last_import.updated + last_import.closed + last_import.unchanged,
		held = last_import.held, unmatched = last_import.unmatched, rejected = last_import.rejected, skipped = last_import.skipped,
		warned = last_import.warned, not_in_file = last_import.not_in_file, finished_at = clock_timestamp(),
		notes = jsonb_build_array(calpads.program_message('ISI070', 'info', NULL, NULL,
			format('These are the bytes of import %s; nothing was done.', last_import.import_id),
			'Its rows are in calpads.program_import_row; force => true reads the file again.'))
	FROM calpads.program_import n
	WHERE i.import_id = repeat_program_import.import_id AND n.import_id = i.import_id
		AND n.sha256 = last_import.sha256 AND n.circumstances = last_import.circumstances
		AND last_import.records = (SELECT count(*) FROM calpads.isi_program)
		AND NOT calpads.program_students_came(last_import.import_id)
	RETURNING i.* INTO result;
	RETURN result;
END;
$$;
COMMENT ON FUNCTION calpads.repeat_program_import(bigint) IS
	'finishes an import whose file was imported just before; null: it is another file, or something around it is new';

/* Why a scheduled run is held as a whole; empty: it is not. */
CREATE FUNCTION calpads.program_limits(import_id bigint, profile calpads.program_profile) RETURNS jsonb
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(jsonb_agg(n.message) FILTER (WHERE n.applies), '[]')
	FROM calpads.program_import i
		LEFT JOIN calpads.last_program_import() AS last_import ON true
		CROSS JOIN LATERAL (VALUES
			(100 * (i.inserted + i.closed) > profile.insert_close_limit_percent * i.rows_read,
				calpads.program_message('ISI071', 'hold', NULL, (i.inserted + i.closed)::text,
					format('%s of %s rows would insert or close; the limit is %s percent.', i.inserted + i.closed, i.rows_read,
						profile.insert_close_limit_percent),
					'Look at the rows; calpads.import_programs(), or force => true, has no limits.')),
			(100 * (last_import.rows_read - i.rows_read) > profile.row_drop_limit_percent * last_import.rows_read,
				calpads.program_message('ISI072', 'hold', NULL, i.rows_read::text,
					format('The file has %s rows, the last one had %s; the limit is %s percent less.', i.rows_read,
						last_import.rows_read, profile.row_drop_limit_percent),
					'Is the file whole? calpads.import_programs(), or force => true, has no limits.')))
			AS n (applies, message)
	WHERE i.import_id = program_limits.import_id
$$;
COMMENT ON FUNCTION calpads.program_limits(bigint, calpads.program_profile) IS
	'limits of a profile that an import breaks, as messages';

CREATE FUNCTION calpads.judge_programs(name text, content bytea, compatible boolean, reopen boolean, site_required boolean)
	RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
AS $$
BEGIN
	PERFORM calpads.stage_program_columns(name, content);
	PERFORM calpads.stage_program_lines(name, content);
	PERFORM calpads.stage_program_students();
	PERFORM calpads.match_program_lines(compatible, site_required);
	PERFORM calpads.pair_program_lines();
	PERFORM calpads.answer_program_lines(true);
	PERFORM calpads.compare_program_lines(compatible);
	PERFORM calpads.answer_program_lines(false);
	-- A file without the column says nothing about ends.
	PERFORM calpads.conclude_program_lines(reopen AND EXISTS (
		SELECT FROM pg_temp.program_column c WHERE c.name = 'program_end_date' AND c.position IS NOT NULL));
	PERFORM calpads.stage_program_company();
	PERFORM calpads.note_rejected_lines();
	PERFORM calpads.note_held_lines();
	PERFORM calpads.note_taken_lines();
	PERFORM calpads.note_program_dates();
END;
$$;
COMMENT ON FUNCTION calpads.judge_programs(text, bytea, boolean, boolean, boolean) IS
	'reads a file and judges its lines in temporary tables; changes no record; part of calpads.import_programs()';

/*
 * A run: profile null is a call.  The file is judged, the verdicts are
 * written, and then, in a real run within its limits, the records.
 */
CREATE FUNCTION calpads.run_program_import(path text, content bytea, dry_run boolean, force boolean, profile calpads.program_profile)
	RETURNS calpads.program_import
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
	SET jit = off
	SET work_mem = '256MB'
AS $$
DECLARE
	file_name text := regexp_replace(path, '^.*/', '');
	compatible boolean := coalesce((profile).isi_compatible, calpads.setting('isi_compatible') = 'on');
	reopen boolean := calpads.setting('isi_reopen') = 'on';
	site_required boolean := coalesce((profile).site_required, false);
	-- A copy in memory: what comes from a table would be decompressed with every use.
	lines bytea := content || ''::bytea;
	limits jsonb := '[]';
	result calpads.program_import;
BEGIN
	IF content IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_file', MESSAGE = format('there is no file "%s"', file_name);
	END IF;
	PERFORM calpads.lock_process('PROGRAMS', '');
	INSERT INTO calpads.program_import (status, dry_run, profile, file_name, sha256, bytes, circumstances)
	VALUES ('running', run_program_import.dry_run, (run_program_import.profile).name, file_name, encode(sha256(lines), 'hex'), length(lines),
		calpads.program_circumstances(compatible, reopen, site_required))
	RETURNING * INTO result;
	IF NOT force AND (calpads.repeat_program_import(result.import_id)).import_id IS NOT NULL THEN
		SELECT i.* INTO result FROM calpads.program_import i WHERE i.import_id = result.import_id;
		RETURN result;
	END IF;

	-- Lines may end in CR alone, which the reader takes for damage.
	IF position('\x0a'::bytea IN lines) = 0 THEN
		lines := decode(replace(encode(lines, 'escape'), E'\r', E'\n'), 'escape');
	END IF;
	PERFORM calpads.judge_programs(file_name, lines, compatible, reopen, site_required);
	UPDATE calpads.program_import i
	SET notes = calpads.program_file_notes(lines), has_header = (SELECT bool_or(c.is_header) FROM pg_temp.program_column c),
		not_in_file = (SELECT count(*) FROM calpads.isi_program p
			WHERE p.program_end_date IS NULL AND (p.program_start_date IS NOT NULL OR p.eligibility_end_date IS NULL)
				AND NOT EXISTS (SELECT FROM pg_temp.program_step s WHERE s.record_id = p.record_id))
	WHERE i.import_id = result.import_id;
	-- The limits look at the counts, and inserted rows have a record only within them.
	IF (profile).name IS NOT NULL AND NOT force THEN
		UPDATE calpads.program_import i
		SET rows_read = (SELECT count(*) FROM pg_temp.program_line),
			(inserted, closed) = (SELECT count(*) FILTER (WHERE v.outcome = 'inserted'), count(*) FILTER (WHERE v.outcome = 'closed')
				FROM pg_temp.program_verdict v)
		WHERE i.import_id = result.import_id;
		limits := calpads.program_limits(result.import_id, profile);
	END IF;
	PERFORM calpads.store_program_rows(result.import_id, NOT dry_run AND limits = '[]');
	DROP TABLE pg_temp.program_column, pg_temp.program_line, pg_temp.program_student, pg_temp.program_stay, pg_temp.program_term,
		pg_temp.program_near, pg_temp.program_step, pg_temp.program_answer, pg_temp.program_after, pg_temp.program_likeness,
		pg_temp.program_company, pg_temp.program_verdict, pg_temp.program_note;
	IF NOT dry_run AND limits = '[]' THEN
		PERFORM calpads.insert_programs(result.import_id);
		PERFORM calpads.change_programs(result.import_id);
	END IF;
	result := calpads.count_program_rows(result.import_id);
	IF limits <> '[]' THEN
		UPDATE calpads.program_import i SET status = 'held', notes = limits || i.notes
		WHERE i.import_id = result.import_id RETURNING i.* INTO result;
	END IF;
	RETURN result;
END;
$$;
COMMENT ON FUNCTION calpads.run_program_import(text, bytea, boolean, boolean, calpads.program_profile) IS
	'one run of the import; part of calpads.import_programs() and calpads.import_programs_scheduled()';

CREATE FUNCTION calpads.import_programs(path text, content bytea DEFAULT NULL, dry_run boolean DEFAULT false, force boolean DEFAULT false)
	RETURNS calpads.program_import
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF num_nulls(path, dry_run, force) > 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'path, dry_run and force must not be null';
	END IF;
	RETURN calpads.run_program_import(path, coalesce(content, calpads.server_file(path)), dry_run, force, NULL);
END;
$$;
COMMENT ON FUNCTION calpads.import_programs(text, bytea, boolean, boolean) IS
	'imports an Illuminate programs.txt file: a file of the server by its absolute path (needs pg_read_server_files), or content, whose '
	'name is path. dry_run: finds and writes down the same and changes no record. The bytes of the last import are not read '
	'again, unless force is true. What became of the rows is in calpads.program_import_row';

-- ---- decisions and undo --------------------------------------------------------------

CREATE FUNCTION calpads.find_program_import(import_id bigint) RETURNS calpads.program_import
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_import calpads.program_import;
BEGIN
	SELECT i.* INTO found_import FROM calpads.program_import i WHERE i.import_id = find_program_import.import_id;
	IF found_import.import_id IS NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'undefined_object',
			MESSAGE = format('there is no program import %s', coalesce(import_id::text, 'without a number')),
			HINT = 'calpads.program_import lists them.';
	ELSIF found_import.dry_run OR found_import.status NOT IN ('ok', 'warnings') THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('program import %s changed no records', import_id),
			DETAIL = CASE WHEN found_import.dry_run THEN 'It was a dry run.' ELSE format('Its status is "%s".', found_import.status) END,
			HINT = 'Take the import that did; calpads.program_import lists them.';
	END IF;
	RETURN found_import;
END;
$$;
COMMENT ON FUNCTION calpads.find_program_import(bigint) IS 'an import whose changes stand; else an error';

/* The record that a decision is about: the one that is named, or the only one that the messages name. */
CREATE FUNCTION calpads.decided_program(held calpads.program_import_row, record_id bigint) RETURNS calpads.isi_program
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	named bigint[] := ARRAY(SELECT DISTINCT r.id::bigint FROM jsonb_array_elements(held.messages) AS m
		CROSS JOIN LATERAL jsonb_array_elements_text(m -> 'records') AS r (id) ORDER BY 1);
	target calpads.isi_program;
BEGIN
	SELECT p.* INTO target FROM calpads.isi_program p
	WHERE p.record_id = coalesce(decided_program.record_id, CASE WHEN cardinality(named) = 1 THEN named[1] END)
		AND p.student_id = held.student_id AND p.program_id = held.program_id
	FOR UPDATE;
	IF target.record_id IS NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'invalid_parameter_value',
			MESSAGE = CASE WHEN record_id IS NULL THEN 'the record of the decision is not clear'
				ELSE format('record %s is none of the row''s student and program', record_id) END,
			DETAIL = format('Import %s, line %s; records: %s.', held.import_id, held.line_no, array_to_string(named, ', ')),
			HINT = 'Name one of them in record_id.';
	END IF;
	RETURN target;
END;
$$;
COMMENT ON FUNCTION calpads.decided_program(calpads.program_import_row, bigint) IS 'part of calpads.decide_program_row()';

CREATE FUNCTION calpads.held_program_row(import_id bigint, line_no bigint, decision text) RETURNS calpads.program_import_row
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	held calpads.program_import_row;
BEGIN
	IF decision IS NULL OR decision NOT IN ('insert_anyway', 'merge_into', 'close', 'skip') THEN
		RAISE EXCEPTION USING
			ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('there is no decision %L', decision),
			HINT = 'The decisions are: insert_anyway, merge_into, close, skip.';
	END IF;
	SELECT r.* INTO held FROM calpads.program_import_row r
	WHERE r.import_id = held_program_row.import_id AND r.line_no = held_program_row.line_no;
	IF held.outcome IS DISTINCT FROM 'held' THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('line %s of program import %s is not held', coalesce(line_no::text, 'null'), import_id),
			DETAIL = CASE WHEN held.outcome IS NULL THEN 'There is no such line.' ELSE format('Its outcome is "%s".', held.outcome) END,
			HINT = 'calpads.program_held lists the rows that wait for a decision.';
	ELSIF decision = 'close' AND num_nonnulls(held.program_end_date, held.eligibility_end_date) = 0 THEN
		RAISE EXCEPTION USING
			ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'the row has no end date by which it could close a record',
			DETAIL = format('Import %s, line %s.', import_id, line_no),
			HINT = 'Decide merge_into, insert_anyway or skip.';
	END IF;
	RETURN held;
END;
$$;
COMMENT ON FUNCTION calpads.held_program_row(bigint, bigint, text) IS 'part of calpads.decide_program_row()';

CREATE FUNCTION calpads.remember_program_decision(held calpads.program_import_row, decision text, record_id bigint) RETURNS void
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO calpads.program_decision (import_student_id, program_id, site_id, program_start_date, eligibility_start_date,
		codes, person, line, decision, record_id, import_id, line_no)
	SELECT held.import_student_id, held.program_id, held.site_id, held.program_start_date,
		CASE WHEN held.program_start_date IS NULL THEN held.eligibility_start_date END,
		ARRAY(SELECT m ->> 'code' FROM jsonb_array_elements(held.messages) AS m WHERE m ->> 'severity' = 'hold'),
		concat_ws('|', held.state_student_id, held.student_last_name, held.student_first_name, held.birth_date::text),
		held.line, remember_program_decision.decision, remember_program_decision.record_id, held.import_id, held.line_no
$$;
COMMENT ON FUNCTION calpads.remember_program_decision(calpads.program_import_row, text, bigint) IS 'part of calpads.decide_program_row()';

/*
 * insert_anyway takes the row as it is, merge_into takes its start and site as
 * a correction of a record, close takes only its end, skip nothing.  It is done
 * at once, and remembered for the next nights.
 */
CREATE FUNCTION calpads.decide_program_row(import_id bigint, line_no bigint, decision text, record_id bigint DEFAULT NULL)
	RETURNS calpads.program_import_row
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	held calpads.program_import_row;
	target calpads.isi_program;
	same_key calpads.isi_program;
	change jsonb;
BEGIN
	PERFORM calpads.lock_process('PROGRAMS', '');
	PERFORM calpads.find_program_import(import_id);
	held := calpads.held_program_row(import_id, line_no, decision);
	SELECT p.* INTO same_key FROM calpads.isi_program p
	WHERE p.student_id = held.student_id AND p.program_id = held.program_id AND coalesce(p.site_id, '') = coalesce(held.site_id, '')
		AND coalesce(p.program_start_date, '-infinity') = coalesce(held.program_start_date, '-infinity')
		AND (p.program_start_date IS NOT NULL OR p.eligibility_start_date = held.eligibility_start_date);
	IF decision IN ('merge_into', 'close') THEN
		target := calpads.decided_program(held, record_id);
		IF decision = 'merge_into' AND same_key.record_id <> target.record_id THEN
			RAISE EXCEPTION USING
				ERRCODE = 'unique_violation',
				MESSAGE = format('record %s already has the student, program, site and start of the row', same_key.record_id),
				DETAIL = format('Import %s, line %s.', import_id, line_no),
				HINT = 'Decide insert_anyway, which changes that record, or skip.';
		END IF;
	ELSIF decision = 'insert_anyway' THEN
		IF EXISTS (SELECT FROM calpads.program_import_row r
				WHERE r.import_id = held.import_id AND r.record_id = same_key.record_id AND r.line_no <> held.line_no
					AND r.decision = 'insert_anyway') THEN
			RAISE EXCEPTION USING
				ERRCODE = 'object_not_in_prerequisite_state',
				MESSAGE = 'another row of the file with the same student, program, start and site was taken',
				DETAIL = format('Import %s, line %s; record %s.', import_id, line_no, same_key.record_id),
				HINT = 'Skip this row, or undo the import.';
		END IF;
		target := same_key;
	END IF;
	change := nullif(calpads.program_change(target, held, decision, false), '{}');
	UPDATE calpads.program_import_row r
	SET decision = decide_program_row.decision, decided_at = clock_timestamp(), decided_by = session_user,
		outcome = CASE WHEN decide_program_row.decision = 'skip' THEN 'skipped' WHEN target.record_id IS NULL THEN 'inserted'
			ELSE calpads.program_outcome(target, coalesce(change, '{}')) END,
		record_id = CASE WHEN decide_program_row.decision <> 'skip'
			THEN coalesce(target.record_id, nextval('calpads.isi_program_record_id_seq')) END,
		changed = CASE WHEN target.record_id IS NOT NULL THEN change END
	WHERE r.import_id = held.import_id AND r.line_no = held.line_no;
	PERFORM calpads.insert_programs(import_id, line_no);
	PERFORM calpads.change_programs(import_id, line_no);
	PERFORM calpads.remember_program_decision(held, decision, target.record_id);
	PERFORM calpads.count_program_rows(import_id);
	SELECT r.* INTO held FROM calpads.program_import_row r
	WHERE r.import_id = decide_program_row.import_id AND r.line_no = decide_program_row.line_no;
	RETURN held;
END;
$$;
COMMENT ON FUNCTION calpads.decide_program_row(bigint, bigint, text, bigint) IS
	'decides about a held row, and remembers it: insert_anyway (what Illuminate does), merge_into (start and site are a correction of '
	'the record), close (the record gets the row''s end), skip; record_id may be left out where the messages name one';

/* Records that are no longer as an import left them. */
CREATE FUNCTION calpads.programs_touched_since(import_id bigint) RETURNS SETOF bigint
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH left_as AS (
		SELECT coalesce(r.record_id, c.record_id) AS record_id, CASE WHEN r.record_id IS NOT NULL THEN
				jsonb_build_object('site_id', r.site_id, 'program_start_date', r.program_start_date,
					'program_end_date', r.program_end_date, 'eligibility_start_date', r.eligibility_start_date,
					'eligibility_end_date', r.eligibility_end_date)
				ELSE '{}' END || coalesce(c.after, '{}') AS after
		FROM (SELECT i.* FROM calpads.program_import_row i
				WHERE i.import_id = programs_touched_since.import_id AND i.outcome = 'inserted') AS r
			FULL JOIN calpads.program_changes(programs_touched_since.import_id) c ON c.record_id = r.record_id
	)
	SELECT l.record_id
	FROM left_as l LEFT JOIN calpads.isi_program p ON p.record_id = l.record_id
	WHERE p.record_id IS NULL OR NOT to_jsonb(p) @> l.after
	UNION
	-- Changed and changed back is touched, too: a later undo would miss it.
	SELECT o.record_id
	FROM left_as l JOIN calpads.program_import_row o ON o.record_id = l.record_id
		JOIN calpads.program_import i ON i.import_id = o.import_id
	WHERE o.import_id > programs_touched_since.import_id AND o.outcome IN ('updated', 'closed') AND i.status IN ('ok', 'warnings')
		AND NOT i.dry_run
	UNION
	-- What CALPADS has been told (section 5: no later run or post).
	SELECT l.record_id
	FROM left_as l
		JOIN calpads.isi_program p ON p.record_id = l.record_id
		JOIN calpads.isi_code k ON k.program_id = p.program_id
		JOIN (
			SELECT split_part(e.line, '^', 8) AS local_student_id, split_part(e.line, '^', 13) AS program, f.posted_at
			FROM calpads.extract_file f JOIN calpads.extract_record e ON e.file_id = f.file_id
			WHERE f.process = 'SPRG' AND f.status = 'Posted') AS posted
			ON posted.local_student_id = p.student_id::text AND posted.program = btrim(k.calpads_code)
	WHERE calpads.program_is_from_isi(btrim(k.calpads_code)) AND posted.posted_at > (
		SELECT i.started_at FROM calpads.program_import i WHERE i.import_id = programs_touched_since.import_id)
$$;
COMMENT ON FUNCTION calpads.programs_touched_since(bigint) IS
	'records of an import that somebody changed after it, or that were sent to CALPADS and posted';

CREATE FUNCTION calpads.undo_program_import(import_id bigint) RETURNS calpads.program_import
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	undone calpads.program_import;
	touched bigint[];
BEGIN
	PERFORM calpads.lock_process('PROGRAMS', '');
	PERFORM calpads.find_program_import(import_id);
	touched := ARRAY(SELECT t FROM calpads.programs_touched_since(import_id) t ORDER BY t);
	IF touched <> '{}' THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('program import %s cannot be undone any more', import_id),
			DETAIL = format('%s of its records were changed or posted since, for example record %s.', cardinality(touched), touched[1]),
			HINT = 'Undo the later imports first, and take posted files back.';
	END IF;
	UPDATE calpads.isi_program p
	SET site_id = n.site_id, program_start_date = n.program_start_date, program_end_date = n.program_end_date,
		eligibility_start_date = n.eligibility_start_date, eligibility_end_date = n.eligibility_end_date,
		academic_year = n.academic_year
	FROM calpads.program_changes(undo_program_import.import_id) c
		JOIN calpads.isi_program o ON o.record_id = c.record_id
		CROSS JOIN LATERAL jsonb_populate_record(o, c.before) AS n
	WHERE p.record_id = c.record_id;
	DELETE FROM calpads.isi_program p USING calpads.program_import_row r
	WHERE r.import_id = undo_program_import.import_id AND r.outcome = 'inserted' AND p.record_id = r.record_id;
	DELETE FROM calpads.program_decision d WHERE d.import_id = undo_program_import.import_id;
	UPDATE calpads.program_import i SET status = 'undone', undone_at = clock_timestamp(), undone_by = session_user
	WHERE i.import_id = undo_program_import.import_id
	RETURNING i.* INTO undone;
	RETURN undone;
END;
$$;
COMMENT ON FUNCTION calpads.undo_program_import(bigint) IS
	'takes an import back as a whole, with the decisions about its rows: the records are as they were before. Refused when '
	'a later import, a person or a posting has touched one of them';

-- ---- the schedule ---------------------------------------------------------------------

/* A line for a run that did not come to the file. */
CREATE FUNCTION calpads.record_program_run(profile calpads.program_profile, status text, message jsonb) RETURNS calpads.program_import
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO calpads.program_import (status, profile, file_name, notes, finished_at)
	VALUES (record_program_run.status, profile.name, profile.file_name, jsonb_build_array(message), clock_timestamp())
	RETURNING *
$$;
COMMENT ON FUNCTION calpads.record_program_run(calpads.program_profile, text, jsonb) IS
	'part of calpads.import_programs_scheduled()';

/*
 * Says that a profile ends soon or has ended: 14 days before, and again every
 * week, so that a feed cannot go silent over the summer.
 */
CREATE FUNCTION calpads.announce_program_profile(profile calpads.program_profile) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT coalesce(calpads.today() >= profile.last_day - 14, false) OR calpads.today() < profile.end_announced_on + 7 THEN
		RETURN;
	END IF;
	UPDATE calpads.program_profile p SET end_announced_on = calpads.today() WHERE p.name = profile.name;
	PERFORM calpads.announce(coalesce(profile.recipients, '{}'),
		format('Programs import %s %s on %s', profile.name, CASE WHEN calpads.today() > profile.last_day THEN 'ended' ELSE 'ends' END,
			profile.last_day),
		format(E'The last day of the programs import "%s" %s %s.\n\n%s\n', profile.name,
			CASE WHEN calpads.today() > profile.last_day THEN 'was' ELSE 'is' END, profile.last_day,
			'No file is imported after it. To go on, set a new last_day in calpads.program_profile.'));
END;
$$;
COMMENT ON FUNCTION calpads.announce_program_profile(calpads.program_profile) IS
	'mails that the end of a profile is near or past; part of calpads.import_programs_scheduled()';

/* Counts only: no names, no SSIDs. */
CREATE FUNCTION calpads.mail_program_import(profile calpads.program_profile, import calpads.program_import) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM calpads.announce(coalesce(profile.recipients, '{}'), format('Programs import %s: %s', profile.name, import.status),
		concat_ws(E'\n', format('Import %s of profile "%s": %s', import.import_id, profile.name, import.status), '',
			(SELECT string_agg(format('%s: %s', c.name, c.value), E'\n' ORDER BY c.place)
			FROM (VALUES (1, 'rows read', import.rows_read), (2, 'inserted', import.inserted), (3, 'updated', import.updated),
				(4, 'closed', import.closed), (5, 'unchanged', import.unchanged), (6, 'held', import.held),
				(7, 'unmatched', import.unmatched), (8, 'rejected', import.rejected), (9, 'skipped', import.skipped),
				(10, 'open records that are not in the file', import.not_in_file)) AS c (place, name, value)
			WHERE import.rows_read > 0),
			(SELECT E'\n' || string_agg(m ->> 'text', E'\n') FROM jsonb_array_elements(import.notes) AS m
			WHERE m ->> 'code' IN ('ISI071', 'ISI072', 'ISI073')), ''));
END;
$$;
COMMENT ON FUNCTION calpads.mail_program_import(calpads.program_profile, calpads.program_import) IS
	'mails the counts of a run; part of calpads.import_programs_scheduled()';

/* The file of a profile, under the one name that the format has. */
CREATE FUNCTION calpads.fetch_programs(profile calpads.program_profile) RETURNS bytea
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF lower(profile.file_name) <> 'programs.txt' THEN
		RAISE EXCEPTION USING
			ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('profile "%s" names the file "%s"', profile.name, profile.file_name),
			HINT = 'A scheduled run takes programs.txt only; calpads.import_programs() takes any name.';
	END IF;
	RETURN calpads.fetch_file(profile.location, profile.file_name);
END;
$$;
COMMENT ON FUNCTION calpads.fetch_programs(calpads.program_profile) IS
	'the bytes of a profile''s file; part of calpads.import_programs_scheduled()';

CREATE FUNCTION calpads.import_programs_scheduled(profile text, force boolean DEFAULT false) RETURNS calpads.program_import
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	settings calpads.program_profile;
	result calpads.program_import;
	problem text;
BEGIN
	SELECT p.* INTO settings FROM calpads.program_profile p WHERE p.name = profile;
	IF settings.name IS NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'undefined_object',
			MESSAGE = format('there is no programs import profile %L', profile),
			HINT = 'Add it to calpads.program_profile.';
	END IF;
	PERFORM calpads.announce_program_profile(settings);
	IF calpads.today() > settings.last_day THEN
		RETURN calpads.record_program_run(settings, 'expired', calpads.program_message('ISI074', 'hold', NULL, settings.last_day::text,
			format('The profile ended on %s; no file was imported.', settings.last_day), 'Set a new last_day in calpads.program_profile.'));
	ELSIF calpads.today() < settings.first_day THEN
		RETURN calpads.record_program_run(settings, 'inactive', calpads.program_message('ISI075', 'info', NULL, settings.first_day::text,
			format('The profile begins on %s; no file was imported.', settings.first_day)));
	END IF;
	-- A run that fails at night is written down and mailed, not lost in the server's log.
	BEGIN
		result := calpads.run_program_import(settings.file_name, calpads.fetch_programs(settings), false, coalesce(force, false), settings);
	EXCEPTION
		WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT;
			result := calpads.record_program_run(settings, 'failed', calpads.program_message('ISI073', 'reject', NULL, SQLSTATE,
				-- Errors of these classes repeat values, which may be a student's; those of the reader do not.
				format('The run failed: %s.', CASE WHEN SQLSTATE ~ '^2[23]' AND SQLSTATE NOT IN ('22P04', '22021', '22023')
					THEN 'error ' || SQLSTATE ELSE problem END)));
	END;
	IF result.status <> 'unchanged_file' THEN
		PERFORM calpads.mail_program_import(settings, result);
	END IF;
	RETURN result;
END;
$$;
COMMENT ON FUNCTION calpads.import_programs_scheduled(text, boolean) IS
	'runs a profile of calpads.program_profile: fetches its file and imports it, unless more would change than its limits allow '
	'(force: without limits, also the same bytes again), and mails the counts. A profile out of its dates, and a run that fails, are '
	'written to calpads.program_import';

-- ---- looking ---------------------------------------------------------------------------

CREATE VIEW calpads.program_held AS
SELECT r.import_id, r.line_no, m ->> 'code' AS code, m ->> 'text' AS explanation, m ->> 'hint' AS hint, m -> 'records' AS records,
	r.student_id, r.import_student_id, r.student_last_name, r.student_first_name, r.birth_date, r.program_id, r.site_id,
	r.program_start_date, r.program_end_date, r.eligibility_start_date, r.eligibility_end_date
FROM calpads.program_import_row r
	JOIN calpads.program_import i ON i.import_id = r.import_id
	CROSS JOIN LATERAL jsonb_array_elements(r.messages) AS m
WHERE r.outcome = 'held' AND m ->> 'severity' = 'hold' AND NOT i.dry_run AND i.status IN ('ok', 'warnings')
	AND i.import_id = (calpads.last_program_import()).import_id;
COMMENT ON VIEW calpads.program_held IS 'rows of the last import that wait for calpads.decide_program_row(), one row for each reason';

CREATE VIEW calpads.program_candidate AS
SELECT r.import_id, r.line_no, r.import_student_id, r.state_student_id, r.student_last_name, r.student_first_name, r.birth_date,
	(c ->> 'student_id')::integer AS student_id, c ->> 'found_by' AS found_by
FROM calpads.program_import_row r
	LEFT JOIN LATERAL jsonb_path_query(r.messages, '$[*].candidates[*]') AS c ON true
WHERE r.outcome = 'unmatched';
COMMENT ON VIEW calpads.program_candidate IS
	'unmatched rows with the students they could be, by SSID or by name and birth date; student_id null: nobody';

CREATE VIEW calpads.alert_504 AS
SELECT p.student_id, p.import_student_id, p.record_id, p.program_id, c.name, p.site_id, d.start_date, d.end_date
FROM calpads.isi_program p
	JOIN calpads.isi_code c ON c.program_id = p.program_id
	CROSS JOIN LATERAL (
		SELECT coalesce(p.program_start_date, p.eligibility_start_date) AS start_date,
			coalesce(p.program_end_date, p.eligibility_end_date) AS end_date) AS d
WHERE btrim(c.system_key) = '504_plan' AND d.start_date <= calpads.today() AND coalesce(d.end_date >= calpads.today(), true);
COMMENT ON VIEW calpads.alert_504 IS
	'students with an active 504 plan: by the system key 504_plan of the code, whatever its CALPADS code';

CREATE VIEW calpads.program_profile_status AS
SELECT p.name,
	CASE WHEN calpads.today() > p.last_day THEN 'expired' WHEN calpads.today() < p.first_day THEN 'inactive'
		WHEN calpads.today() >= p.last_day - 14 THEN 'ends soon' ELSE 'active' END AS status,
	p.first_day, p.last_day, i.import_id AS last_import_id, i.status AS last_status, i.started_at AS last_run, f.started_at AS last_new_file
FROM calpads.program_profile p
	LEFT JOIN LATERAL (
		SELECT i.import_id, i.status, i.started_at FROM calpads.program_import i
		WHERE i.profile = p.name ORDER BY i.import_id DESC LIMIT 1) AS i ON true
	LEFT JOIN LATERAL (
		SELECT max(i.started_at) AS started_at FROM calpads.program_import i
		WHERE i.profile = p.name AND i.status IN ('ok', 'warnings', 'undone')) AS f ON true;
COMMENT ON VIEW calpads.program_profile_status IS
	'profiles with their state today (active, ends soon, expired, inactive), their last run, and when a new file came last';

CREATE FUNCTION calpads.program_not_in_file(import_id bigint) RETURNS SETOF calpads.isi_program
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT p.* FROM calpads.isi_program p
	WHERE p.program_end_date IS NULL AND (p.program_start_date IS NOT NULL OR p.eligibility_end_date IS NULL)
		AND NOT EXISTS (
			SELECT FROM calpads.program_import_row r
			WHERE r.import_id = program_not_in_file.import_id AND r.student_id = p.student_id AND r.program_id = p.program_id
				AND coalesce(r.site_id, '') = coalesce(p.site_id, '')
				AND coalesce(r.program_start_date, '-infinity') = coalesce(p.program_start_date, '-infinity')
				AND (p.program_start_date IS NOT NULL OR r.eligibility_start_date = p.eligibility_start_date))
$$;
COMMENT ON FUNCTION calpads.program_not_in_file(bigint) IS
	'open records that the file of an import does not name (ISI050); they are never touched';

CREATE FUNCTION calpads.program_trace(schema_name text DEFAULT NULL)
	RETURNS TABLE (local_record_id text, ssid text, school_of_attendance text, education_program_code text,
		education_program_membership_start_date date, education_program_membership_end_date date, record_id bigint,
		import_id bigint, line_no bigint, file_name text, line text)
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY EXECUTE format($query$
		SELECT v.local_record_id, v.ssid, v.school_of_attendance, v.education_program_code, v.education_program_membership_start_date,
			v.education_program_membership_end_date, p.record_id, r.import_id, r.line_no, i.file_name, r.line
		FROM %s AS v
			JOIN calpads.isi_program p ON p.record_id = (to_jsonb(v) ->> 'source_id')::bigint AND to_jsonb(v) ->> 'source' = 'ISI'
			JOIN calpads.program_import_row r ON r.record_id = p.record_id AND r.outcome IN ('inserted', 'updated', 'closed')
			JOIN calpads.program_import i ON i.import_id = r.import_id AND NOT i.dry_run AND i.status IN ('ok', 'warnings')
		ORDER BY v.ssid, v.school_of_attendance, v.education_program_code, v.education_program_membership_start_date,
			r.import_id, r.line_no$query$, calpads.sis_table_name(schema_name, 'sprg'));
END;
$$;
COMMENT ON FUNCTION calpads.program_trace(text) IS
	'SPRG records that come from programs.txt, each with the rows of the imports that made or changed its record';

-- ---------------------------------------------------------------------------
-- 13b. Student information (SINF): what CALPADS holds, what changed, and files
--
-- The changes come from the log of the SIS (LGD, ADH), not from a comparison:
-- SINF is a history of dated pictures, and an ODS extract need not be there.
-- Where one is loaded, or files were posted, it is known which pictures have
-- to be corrected together.  Sections are those of spec/sinf_sela_sprg.md.
-- ---------------------------------------------------------------------------

CREATE TYPE calpads.sinf AS (
	record_type_code text COLLATE "C",
	transaction_type_code text COLLATE "C",
	local_record_id text COLLATE "C",
	effective_start_date date,
	effective_end_date date,
	reporting_lea text COLLATE "C",
	school_of_attendance text COLLATE "C",
	academic_year_id text COLLATE "C",
	ssid text COLLATE "C",
	local_student_id text COLLATE "C",
	student_legal_first_name text COLLATE "C",
	student_legal_middle_name text COLLATE "C",
	student_legal_last_name text COLLATE "C",
	student_legal_name_suffix_code text COLLATE "C",
	student_alias_first_name text COLLATE "C",
	student_alias_middle_name text COLLATE "C",
	student_alias_last_name text COLLATE "C",
	student_birth_date date,
	student_gender_code text COLLATE "C",
	student_birth_city text COLLATE "C",
	student_birth_state_province_code text COLLATE "C",
	student_birth_country_code text COLLATE "C",
	student_hispanic_ethnicity_indicator text COLLATE "C",
	student_ethnicity_missing_indicator text COLLATE "C",
	student_race_1_code text COLLATE "C",
	student_race_2_code text COLLATE "C",
	student_race_3_code text COLLATE "C",
	student_race_4_code text COLLATE "C",
	student_race_5_code text COLLATE "C",
	student_race_missing_indicator text COLLATE "C",
	address_line_1 text COLLATE "C",
	address_line_2 text COLLATE "C",
	address_city_name text COLLATE "C",
	address_state_province_code text COLLATE "C",
	address_zip_code text COLLATE "C",
	student_initial_us_school_enrollment_date_k12 date,
	us_school_less_than_three_years_indicator text COLLATE "C",
	parent_guardian_1_highest_education_level_code text COLLATE "C",
	parent_guardian_1_first_name text COLLATE "C",
	parent_guardian_1_last_name text COLLATE "C",
	parent_guardian_2_first_name text COLLATE "C",
	parent_guardian_2_last_name text COLLATE "C",
	parent_guardian_2_highest_education_level_code text COLLATE "C"
);
COMMENT ON TYPE calpads.sinf IS 'a SINF record: fields 2.01 to 2.43 of the current layout';

-- The columns are those of layout sinf_ods of the current year.
CREATE TABLE calpads.sinf_baseline (
	load_id bigint NOT NULL,
	line_no bigint NOT NULL,
	record_type_code text COLLATE "C",
	transaction_type_code text COLLATE "C",
	local_record_id text COLLATE "C",
	effective_start_date date NOT NULL,
	effective_end_date date,
	reporting_lea text COLLATE "C" NOT NULL,
	school_of_attendance text COLLATE "C" NOT NULL,
	academic_year_id text COLLATE "C",
	ssid text COLLATE "C" NOT NULL,
	local_student_id text COLLATE "C",
	student_legal_first_name text COLLATE "C",
	student_legal_middle_name text COLLATE "C",
	student_legal_last_name text COLLATE "C",
	student_legal_name_suffix_code text COLLATE "C",
	student_alias_first_name text COLLATE "C",
	student_alias_middle_name text COLLATE "C",
	student_alias_last_name text COLLATE "C",
	student_birth_date date,
	student_gender_code text COLLATE "C",
	student_birth_city text COLLATE "C",
	student_birth_state_province_code text COLLATE "C",
	student_birth_country_code text COLLATE "C",
	student_hispanic_ethnicity_indicator text COLLATE "C",
	student_ethnicity_missing_indicator text COLLATE "C",
	student_race_1_code text COLLATE "C",
	student_race_2_code text COLLATE "C",
	student_race_3_code text COLLATE "C",
	student_race_4_code text COLLATE "C",
	student_race_5_code text COLLATE "C",
	student_race_missing_indicator text COLLATE "C",
	address_line_1 text COLLATE "C",
	address_line_2 text COLLATE "C",
	address_city_name text COLLATE "C",
	address_state_province_code text COLLATE "C",
	address_zip_code text COLLATE "C",
	student_initial_us_school_enrollment_date_k12 date,
	us_school_less_than_three_years_indicator text COLLATE "C",
	parent_guardian_1_highest_education_level_code text COLLATE "C",
	parent_guardian_1_first_name text COLLATE "C",
	parent_guardian_1_last_name text COLLATE "C",
	parent_guardian_2_first_name text COLLATE "C",
	parent_guardian_2_last_name text COLLATE "C",
	parent_guardian_2_highest_education_level_code text COLLATE "C",
	upload_date text COLLATE "C",
	last_date_updated text COLLATE "C"
);
COMMENT ON TABLE calpads.sinf_baseline IS
	'records of the SINF ODS extracts (layout sinf_ods), of all loads; blanks are null; within a load the key '
	'(school_of_attendance, ssid, effective_start_date) is unique';
COMMENT ON COLUMN calpads.sinf_baseline.load_id IS 'the load: calpads.load';
COMMENT ON COLUMN calpads.sinf_baseline.line_no IS 'line of the file, from 1';

/*
 * Which entries of the log a file answers.  They count as sent while the file
 * is posted.  No time is compared: an entry that another transaction had
 * written but not yet committed when the files were made is in none of them.
 */
CREATE TABLE calpads.sinf_entry (
	file_id bigint NOT NULL,
	entry uuid NOT NULL
);
CREATE INDEX ON calpads.sinf_entry (entry);
CREATE INDEX ON calpads.sinf_entry (file_id);
COMMENT ON TABLE calpads.sinf_entry IS 'entries of LGD, ADH and calpads.sinf_selection that a SINF file answers';
COMMENT ON COLUMN calpads.sinf_entry.file_id IS 'the file: calpads.extract_file';
COMMENT ON COLUMN calpads.sinf_entry.entry IS
	'digest of the entry as it was: one whose effective date was edited later is a new entry';

CREATE TABLE calpads.sinf_selection (
	selection_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	ssid text COLLATE "C" NOT NULL,
	changed jsonb NOT NULL,
	selected_on date NOT NULL,
	selected_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	selected_by text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE calpads.sinf_selection IS
	'students whom a person wants in the next SINF files although the log does not: calpads.select_for_sinf()';
COMMENT ON COLUMN calpads.sinf_selection.changed IS
	'how CALPADS'' newest record differed then: {"field": [in CALPADS, in the SIS]}; {}: the whole record from the enrollment start';
COMMENT ON COLUMN calpads.sinf_selection.selected_on IS 'calpads.today() then: from when differences count that are not those of the enrollment start';

SELECT pg_catalog.pg_extension_config_dump('calpads.sinf_baseline', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.sinf_entry', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.sinf_selection', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.sinf_selection_selection_id_seq', '');

-- A record line in the shape of the layout.
CREATE FUNCTION calpads.sinf_record(line text) RETURNS SETOF calpads.sinf
	LANGUAGE sql STABLE ROWS 1 PARALLEL SAFE
BEGIN ATOMIC
	SELECT
		NULLIF(f[1], ''),
		NULLIF(f[2], ''),
		NULLIF(f[3], ''),
		to_date(NULLIF(f[4], ''), 'YYYYMMDD'),
		to_date(NULLIF(f[5], ''), 'YYYYMMDD'),
		NULLIF(f[6], ''),
		NULLIF(f[7], ''),
		NULLIF(f[8], ''),
		NULLIF(f[9], ''),
		NULLIF(f[10], ''),
		NULLIF(f[11], ''),
		NULLIF(f[12], ''),
		NULLIF(f[13], ''),
		NULLIF(f[14], ''),
		NULLIF(f[15], ''),
		NULLIF(f[16], ''),
		NULLIF(f[17], ''),
		to_date(NULLIF(f[18], ''), 'YYYYMMDD'),
		NULLIF(f[19], ''),
		NULLIF(f[20], ''),
		NULLIF(f[21], ''),
		NULLIF(f[22], ''),
		NULLIF(f[23], ''),
		NULLIF(f[24], ''),
		NULLIF(f[25], ''),
		NULLIF(f[26], ''),
		NULLIF(f[27], ''),
		NULLIF(f[28], ''),
		NULLIF(f[29], ''),
		NULLIF(f[30], ''),
		NULLIF(f[31], ''),
		NULLIF(f[32], ''),
		NULLIF(f[33], ''),
		NULLIF(f[34], ''),
		NULLIF(f[35], ''),
		to_date(NULLIF(f[36], ''), 'YYYYMMDD'),
		NULLIF(f[37], ''),
		NULLIF(f[38], ''),
		NULLIF(f[39], ''),
		NULLIF(f[40], ''),
		NULLIF(f[41], ''),
		NULLIF(f[42], ''),
		NULLIF(f[43], '')
	FROM string_to_array(line, '^') AS f;
END;
COMMENT ON FUNCTION calpads.sinf_record(text) IS 'the fields of a SINF record line';

CREATE FUNCTION calpads.sinf_line(record calpads.sinf) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN array_to_string(ARRAY[
		(record).record_type_code,
		(record).transaction_type_code,
		(record).local_record_id,
		to_char((record).effective_start_date, 'YYYYMMDD'),
		to_char((record).effective_end_date, 'YYYYMMDD'),
		(record).reporting_lea,
		(record).school_of_attendance,
		(record).academic_year_id,
		(record).ssid,
		(record).local_student_id,
		(record).student_legal_first_name,
		(record).student_legal_middle_name,
		(record).student_legal_last_name,
		(record).student_legal_name_suffix_code,
		(record).student_alias_first_name,
		(record).student_alias_middle_name,
		(record).student_alias_last_name,
		to_char((record).student_birth_date, 'YYYYMMDD'),
		(record).student_gender_code,
		(record).student_birth_city,
		(record).student_birth_state_province_code,
		(record).student_birth_country_code,
		(record).student_hispanic_ethnicity_indicator,
		(record).student_ethnicity_missing_indicator,
		(record).student_race_1_code,
		(record).student_race_2_code,
		(record).student_race_3_code,
		(record).student_race_4_code,
		(record).student_race_5_code,
		(record).student_race_missing_indicator,
		(record).address_line_1,
		(record).address_line_2,
		(record).address_city_name,
		(record).address_state_province_code,
		(record).address_zip_code,
		to_char((record).student_initial_us_school_enrollment_date_k12, 'YYYYMMDD'),
		(record).us_school_less_than_three_years_indicator,
		(record).parent_guardian_1_highest_education_level_code,
		(record).parent_guardian_1_first_name,
		(record).parent_guardian_1_last_name,
		(record).parent_guardian_2_first_name,
		(record).parent_guardian_2_last_name,
		(record).parent_guardian_2_highest_education_level_code], '^', '');
COMMENT ON FUNCTION calpads.sinf_line(calpads.sinf) IS 'a SINF record as it stands in a file, without CR LF';

-- As calpads.senr_picture.  Files can be posted without an ODS load; their
-- rows have no load_id.
CREATE FUNCTION calpads.sinf_picture(loads bigint[], files bigint[])
	RETURNS TABLE (
		record_type_code text,
		transaction_type_code text,
		local_record_id text,
		effective_start_date date,
		effective_end_date date,
		reporting_lea text,
		school_of_attendance text,
		academic_year_id text,
		ssid text,
		local_student_id text,
		student_legal_first_name text,
		student_legal_middle_name text,
		student_legal_last_name text,
		student_legal_name_suffix_code text,
		student_alias_first_name text,
		student_alias_middle_name text,
		student_alias_last_name text,
		student_birth_date date,
		student_gender_code text,
		student_birth_city text,
		student_birth_state_province_code text,
		student_birth_country_code text,
		student_hispanic_ethnicity_indicator text,
		student_ethnicity_missing_indicator text,
		student_race_1_code text,
		student_race_2_code text,
		student_race_3_code text,
		student_race_4_code text,
		student_race_5_code text,
		student_race_missing_indicator text,
		address_line_1 text,
		address_line_2 text,
		address_city_name text,
		address_state_province_code text,
		address_zip_code text,
		student_initial_us_school_enrollment_date_k12 date,
		us_school_less_than_three_years_indicator text,
		parent_guardian_1_highest_education_level_code text,
		parent_guardian_1_first_name text,
		parent_guardian_1_last_name text,
		parent_guardian_2_first_name text,
		parent_guardian_2_last_name text,
		parent_guardian_2_highest_education_level_code text,
		load_id bigint)
	LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH posted AS (
		-- Replaced SSIDs count as their replacements, as in calpads.senr_picture().
		SELECT DISTINCT ON (t.load_id, k.ssid, k.school_of_attendance, k.effective_start_date)
			t.load_id,
			k.ssid,
			k.school_of_attendance,
			k.effective_start_date,
			r.transaction_type,
			r.line
		FROM unnest(files) WITH ORDINALITY AS o (file_id, place)
			JOIN calpads.extract_file f ON f.file_id = o.file_id
			JOIN calpads.batch t ON t.batch_id = f.batch_id
			JOIN calpads.extract_record r ON r.file_id = f.file_id
			LEFT JOIN calpads.ssid_replacement m ON m.retired_ssid = r.ssid
			CROSS JOIN LATERAL (SELECT coalesce(m.replacement_ssid, r.ssid) AS ssid,
				split_part(r.key, '^', 1) COLLATE "C" AS school_of_attendance,
				to_date(split_part(r.key, '^', 3), 'YYYYMMDD') AS effective_start_date) AS k
		ORDER BY t.load_id, k.ssid, k.school_of_attendance, k.effective_start_date, o.place DESC
	)
	SELECT
		'SINF',
		NULL,
		b.local_record_id,
		b.effective_start_date,
		b.effective_end_date,
		b.reporting_lea,
		b.school_of_attendance,
		b.academic_year_id,
		coalesce(m.replacement_ssid, b.ssid),
		b.local_student_id,
		b.student_legal_first_name,
		b.student_legal_middle_name,
		b.student_legal_last_name,
		b.student_legal_name_suffix_code,
		b.student_alias_first_name,
		b.student_alias_middle_name,
		b.student_alias_last_name,
		b.student_birth_date,
		b.student_gender_code,
		b.student_birth_city,
		b.student_birth_state_province_code,
		b.student_birth_country_code,
		b.student_hispanic_ethnicity_indicator,
		b.student_ethnicity_missing_indicator,
		b.student_race_1_code,
		b.student_race_2_code,
		b.student_race_3_code,
		b.student_race_4_code,
		b.student_race_5_code,
		b.student_race_missing_indicator,
		b.address_line_1,
		b.address_line_2,
		b.address_city_name,
		b.address_state_province_code,
		b.address_zip_code,
		b.student_initial_us_school_enrollment_date_k12,
		b.us_school_less_than_three_years_indicator,
		b.parent_guardian_1_highest_education_level_code,
		b.parent_guardian_1_first_name,
		b.parent_guardian_1_last_name,
		b.parent_guardian_2_first_name,
		b.parent_guardian_2_last_name,
		b.parent_guardian_2_highest_education_level_code,
		b.load_id
	FROM calpads.sinf_baseline b LEFT JOIN calpads.ssid_replacement m ON m.retired_ssid = b.ssid
	WHERE b.load_id = ANY ((SELECT loads)::bigint[])
		-- NOT IN for its hash table; no part of a key is null here.
		AND (b.load_id, coalesce(m.replacement_ssid, b.ssid), b.school_of_attendance, b.effective_start_date) NOT IN (
			SELECT p.load_id, p.ssid, p.school_of_attendance, p.effective_start_date
			FROM posted p
			WHERE p.load_id IS NOT NULL)
		AND (m.retired_ssid IS NULL OR (b.load_id, b.line_no) NOT IN (
			SELECT o.load_id, o.line_no
			FROM (SELECT n.load_id, n.line_no, row_number() OVER (PARTITION BY n.load_id,
						coalesce(x.replacement_ssid, n.ssid), n.school_of_attendance, n.effective_start_date
						ORDER BY x.retired_ssid IS NOT NULL, n.line_no) AS place
				FROM calpads.sinf_baseline n LEFT JOIN calpads.ssid_replacement x ON x.retired_ssid = n.ssid
				WHERE n.ssid IN (SELECT e.retired_ssid FROM calpads.ssid_replacement e
					UNION ALL SELECT e.replacement_ssid FROM calpads.ssid_replacement e)) AS o
			WHERE o.place > 1))
	UNION ALL
	SELECT
		'SINF',
		NULL,
		r.local_record_id,
		r.effective_start_date,
		r.effective_end_date,
		r.reporting_lea,
		r.school_of_attendance,
		r.academic_year_id,
		p.ssid,
		r.local_student_id,
		r.student_legal_first_name,
		r.student_legal_middle_name,
		r.student_legal_last_name,
		r.student_legal_name_suffix_code,
		r.student_alias_first_name,
		r.student_alias_middle_name,
		r.student_alias_last_name,
		r.student_birth_date,
		r.student_gender_code,
		r.student_birth_city,
		r.student_birth_state_province_code,
		r.student_birth_country_code,
		r.student_hispanic_ethnicity_indicator,
		r.student_ethnicity_missing_indicator,
		r.student_race_1_code,
		r.student_race_2_code,
		r.student_race_3_code,
		r.student_race_4_code,
		r.student_race_5_code,
		r.student_race_missing_indicator,
		r.address_line_1,
		r.address_line_2,
		r.address_city_name,
		r.address_state_province_code,
		r.address_zip_code,
		r.student_initial_us_school_enrollment_date_k12,
		r.us_school_less_than_three_years_indicator,
		r.parent_guardian_1_highest_education_level_code,
		r.parent_guardian_1_first_name,
		r.parent_guardian_1_last_name,
		r.parent_guardian_2_first_name,
		r.parent_guardian_2_last_name,
		r.parent_guardian_2_highest_education_level_code,
		p.load_id
	FROM posted p, calpads.sinf_record(p.line) AS r
	WHERE p.transaction_type <> 'D';
END;
COMMENT ON FUNCTION calpads.sinf_picture(bigint[], bigint[]) IS
	'the SINF records that CALPADS held after ODS loads and the posting of files, in the order of the array';

CREATE FUNCTION calpads.posted_sinf_files() RETURNS bigint[]
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT array_agg(f.file_id ORDER BY f.post_order)
	FROM calpads.extract_file f
		JOIN calpads.batch b ON b.batch_id = f.batch_id
		LEFT JOIN calpads.current_load c ON c.process = 'SINF' AND c.lea = b.lea
	WHERE f.process = 'SINF' AND f.status = 'Posted' AND b.load_id IS NOT DISTINCT FROM c.load_id
$$;
COMMENT ON FUNCTION calpads.posted_sinf_files() IS
	'the SINF files that were posted since the ODS load of their LEA, or ever when there is none, in the order of their posting';

CREATE VIEW calpads.ods_sinf AS
SELECT
	p.record_type_code COLLATE "C" AS record_type_code,
	p.transaction_type_code COLLATE "C" AS transaction_type_code,
	p.local_record_id COLLATE "C" AS local_record_id,
	p.effective_start_date,
	-- A row ends where the next one of the student begins.
	coalesce(min(p.effective_start_date) OVER (PARTITION BY p.ssid ORDER BY p.effective_start_date
		RANGE BETWEEN '1 day' FOLLOWING AND UNBOUNDED FOLLOWING) - 1, p.effective_end_date) AS effective_end_date,
	p.reporting_lea COLLATE "C" AS reporting_lea,
	p.school_of_attendance COLLATE "C" AS school_of_attendance,
	p.academic_year_id COLLATE "C" AS academic_year_id,
	p.ssid COLLATE "C" AS ssid,
	p.local_student_id COLLATE "C" AS local_student_id,
	p.student_legal_first_name COLLATE "C" AS student_legal_first_name,
	p.student_legal_middle_name COLLATE "C" AS student_legal_middle_name,
	p.student_legal_last_name COLLATE "C" AS student_legal_last_name,
	p.student_legal_name_suffix_code COLLATE "C" AS student_legal_name_suffix_code,
	p.student_alias_first_name COLLATE "C" AS student_alias_first_name,
	p.student_alias_middle_name COLLATE "C" AS student_alias_middle_name,
	p.student_alias_last_name COLLATE "C" AS student_alias_last_name,
	p.student_birth_date,
	p.student_gender_code COLLATE "C" AS student_gender_code,
	p.student_birth_city COLLATE "C" AS student_birth_city,
	p.student_birth_state_province_code COLLATE "C" AS student_birth_state_province_code,
	p.student_birth_country_code COLLATE "C" AS student_birth_country_code,
	p.student_hispanic_ethnicity_indicator COLLATE "C" AS student_hispanic_ethnicity_indicator,
	p.student_ethnicity_missing_indicator COLLATE "C" AS student_ethnicity_missing_indicator,
	p.student_race_1_code COLLATE "C" AS student_race_1_code,
	p.student_race_2_code COLLATE "C" AS student_race_2_code,
	p.student_race_3_code COLLATE "C" AS student_race_3_code,
	p.student_race_4_code COLLATE "C" AS student_race_4_code,
	p.student_race_5_code COLLATE "C" AS student_race_5_code,
	p.student_race_missing_indicator COLLATE "C" AS student_race_missing_indicator,
	p.address_line_1 COLLATE "C" AS address_line_1,
	p.address_line_2 COLLATE "C" AS address_line_2,
	p.address_city_name COLLATE "C" AS address_city_name,
	p.address_state_province_code COLLATE "C" AS address_state_province_code,
	p.address_zip_code COLLATE "C" AS address_zip_code,
	p.student_initial_us_school_enrollment_date_k12,
	p.us_school_less_than_three_years_indicator COLLATE "C" AS us_school_less_than_three_years_indicator,
	p.parent_guardian_1_highest_education_level_code COLLATE "C" AS parent_guardian_1_highest_education_level_code,
	p.parent_guardian_1_first_name COLLATE "C" AS parent_guardian_1_first_name,
	p.parent_guardian_1_last_name COLLATE "C" AS parent_guardian_1_last_name,
	p.parent_guardian_2_first_name COLLATE "C" AS parent_guardian_2_first_name,
	p.parent_guardian_2_last_name COLLATE "C" AS parent_guardian_2_last_name,
	p.parent_guardian_2_highest_education_level_code COLLATE "C" AS parent_guardian_2_highest_education_level_code,
	p.load_id
FROM calpads.sinf_picture(calpads.current_loads('SINF'), calpads.posted_sinf_files()) AS p;
COMMENT ON VIEW calpads.ods_sinf IS
	'the student information that CALPADS is known to hold: the last ODS load overlaid with every file posted since';

-- The log ----------------------------------------------------------------------

CREATE FUNCTION calpads.sis_log_name(name text) RETURNS text
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	qualified_name text := calpads.sis_table_name(NULL, name);
	missing text;
BEGIN
	SELECT string_agg(t.column_name, ', ' ORDER BY t.ordinal) INTO missing
	FROM calpads.sis_table t
	WHERE t.table_name = sis_log_name.name AND t.column_name <> 'del'
		AND NOT EXISTS (SELECT FROM pg_attribute a
			WHERE a.attrelid = qualified_name::regclass AND a.attname = t.column_name AND a.attnum > 0 AND NOT a.attisdropped);
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'undefined_column',
			MESSAGE = format('table %s is no log that SINF can be made from', qualified_name),
			DETAIL = format('Missing columns: %s.', missing),
			HINT = 'calpads.sis_table lists the columns of LGD and ADH; a view can bring a table of your own into that form.';
	END IF;
	RETURN qualified_name;
END;
$$;
COMMENT ON FUNCTION calpads.sis_log_name(text) IS 'qualified name of LGD or ADH, or an error when columns of it are missing';

/*
 * The log as SINF reads it, of all students with an entry that no posted file
 * answers.
 *
 * selects: the entry makes a record.  Address entries of LGD do not, because an
 * address change counts from ADH only; they tell what the address was before.
 * is_new: no posted file answers it.
 * old_value: what the reported field held before.  Where LSI is filled, it is
 * what is reported, and entries of the same field of STU do not count for it.
 */
CREATE FUNCTION calpads.sinf_log()
	RETURNS TABLE (student_id integer, entry uuid, source text, table_name text, column_name text, old_value text, new_value text,
		address text[], effective_date date, logged_at timestamptz, user_name text, sinf_field text, date_group text,
		selects boolean, is_new boolean)
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
DECLARE
	deleted_address text := CASE WHEN EXISTS (SELECT FROM pg_attribute a
			WHERE a.attrelid = calpads.sis_log_name('adh')::regclass AND a.attname = 'del' AND a.attnum > 0 AND NOT a.attisdropped)
		THEN 'adh.del::text IN (''t'', ''true'', ''1'', ''Y'')' ELSE 'false' END;
BEGIN
	RETURN QUERY EXECUTE format($query$
		WITH sent AS MATERIALIZED (
			SELECT DISTINCT e.entry
			FROM calpads.sinf_entry e JOIN calpads.extract_file f ON f.file_id = e.file_id
			WHERE f.posted_at IS NOT NULL
		), logged AS (
			SELECT l.id::integer AS student_id,
				upper(coalesce(nullif(split_part(btrim(l.fc::text), '.', 2), ''), btrim(l.fc::text))) AS field,
				upper(coalesce(CASE WHEN l.fc::text LIKE '%%.%%' THEN nullif(split_part(btrim(l.fc::text), '.', 1), '') END,
					nullif(btrim(l.tc::text), ''), 'STU')) AS of_table,
				nullif(btrim(l.ov::text), '') AS ov, nullif(btrim(l.nv::text), '') AS nv,
				coalesce(l.dt::date, l.dts::date, calpads.today()) AS day, l.dts::timestamptz AS logged_at, l.un::text AS un,
				jsonb_build_array('LGD', l.id, l.sc, l.tc, l.fc, l.ov, l.nv, l.dt::date, extract(epoch FROM l.dts), l.un)::text AS content
			FROM %1$s AS l
			WHERE l.id IS NOT NULL
		), moved AS (
			SELECT adh.id::integer AS student_id, coalesce(adh.dt::date, calpads.today()) AS day, adh.sq,
				ARRAY[nullif(btrim(adh.ad::text), ''), nullif(btrim(adh.cy::text), ''), nullif(upper(btrim(adh.st::text)), ''),
					nullif(btrim(adh.rz::text), '')] AS address,
				jsonb_build_array('ADH', adh.id, adh.sq, adh.dt::date, adh.ad, adh.cy, adh.st, adh.rz, adh.ty)::text AS content
			FROM %2$s AS adh
			WHERE adh.id IS NOT NULL AND coalesce(upper(btrim(adh.ty::text)), '') IN ('', 'M') AND (%3$s) IS NOT TRUE
		), every_entry AS (
			SELECT l.student_id, 'LGD' AS source, l.of_table, l.field, l.ov, l.nv, NULL::text[] AS address, l.day, l.logged_at, NULL::integer AS sq, l.un,
				f.sinf_field, f.date_group, f.log = 'LGD' AND f.date_group IS NOT NULL AS selects, l.content
			FROM logged l JOIN calpads.logged_field f ON upper(f.table_name) = l.of_table AND upper(f.column_name) = l.field
			WHERE f.date_group IS NOT NULL
			UNION ALL
			SELECT m.student_id, 'ADH', 'ADH', 'AD', NULL, m.address[1], m.address, m.day, NULL, m.sq::integer, NULL, NULL, 'date of change', true, m.content
			FROM moved m
		), digested AS (
			-- Two entries alike are two entries.
			SELECT e.*, md5(e.content || row_number() OVER (PARTITION BY e.content))::uuid AS entry FROM every_entry e
		), marked AS (
			SELECT d.*, d.selects AND s.entry IS NULL AS is_new,
				bool_or(d.selects AND s.entry IS NULL) OVER (PARTITION BY d.student_id) AS student_is_new
			FROM digested d LEFT JOIN sent s ON s.entry = d.entry
		), chosen AS (
			SELECT m.student_id, s.entry, 'SELECTION' AS source, 'CALPADS'::text AS of_table, coalesce(c.key, 'record') AS field,
				c.value ->> 0 AS ov, c.value ->> 1 AS nv, NULL::text[] AS address, m.selected_on AS day, m.selected_at AS logged_at, NULL::integer AS sq,
				m.selected_by AS un, c.key AS sinf_field, coalesce(g.date_group, CASE WHEN c.key IS NULL THEN 'enrollment start' ELSE 'date of change' END) AS date_group,
				true AS selects, true AS is_new
			FROM (SELECT DISTINCT ON (n.selection_id, stu.id) stu.id::integer AS student_id, n.*
				FROM calpads.sinf_selection n JOIN %4$s AS stu ON btrim(stu.cid::text) = n.ssid
				ORDER BY n.selection_id, stu.id) AS m
				LEFT JOIN LATERAL jsonb_each(m.changed) AS c ON true
				LEFT JOIN (SELECT f.sinf_field, min(f.date_group) AS date_group FROM calpads.logged_field f
					WHERE f.sinf_field IS NOT NULL GROUP BY f.sinf_field) AS g ON g.sinf_field = c.key
				CROSS JOIN LATERAL (SELECT md5(format('SELECTION %%s %%s', m.selection_id, c.key))::uuid AS entry) AS s
			WHERE s.entry NOT IN (SELECT sent.entry FROM sent)
		), together AS (
			SELECT m.student_id, m.entry, m.source, m.of_table, m.field, m.ov, m.nv, m.address, m.day, m.logged_at, m.sq, m.un,
				m.sinf_field, m.date_group, m.selects, m.is_new
			FROM marked m
			WHERE m.student_is_new OR m.student_id IN (SELECT c.student_id FROM chosen c)
			UNION ALL
			SELECT c.* FROM chosen c
		), legal AS (
			SELECT DISTINCT ON (lsi.id) lsi.id::integer AS id, jsonb_strip_nulls(jsonb_build_object('FN', nullif(btrim(lsi.lfn::text), ''),
				'MN', nullif(btrim(lsi.lmn::text), ''), 'LN', nullif(btrim(lsi.lln::text), ''), 'SF', nullif(btrim(lsi.lsf::text), ''),
				'GN', nullif(btrim(lsi.gn::text), ''), 'SX', nullif(btrim(lsi.gn::text), ''))) AS fields
			FROM %5$s AS lsi
			ORDER BY lsi.id, lsi.lln, lsi.lfn
		), ordinary AS (
			SELECT DISTINCT ON (stu.id) stu.id::integer AS id, jsonb_build_object('LFN', btrim(stu.fn::text), 'LMN', btrim(stu.mn::text),
				'LLN', btrim(stu.ln::text), 'LSF', btrim(stu.sf::text), 'GN', btrim(stu.gn::text)) AS fields
			FROM %4$s AS stu
			WHERE stu.del IS NOT TRUE
			ORDER BY stu.id, coalesce(btrim(stu.tg::text), '') <> '', stu.ed DESC NULLS LAST, stu.sc, stu.sn
		)
		SELECT t.student_id, t.entry, t.source, t.of_table, t.field,
			CASE WHEN t.of_table = 'LSI' THEN coalesce(t.ov, nullif(o.fields ->> t.field, '')) ELSE t.ov END,
			CASE WHEN t.of_table = 'LSI' THEN coalesce(t.nv, nullif(o.fields ->> t.field, '')) ELSE t.nv END,
			t.address, t.day, coalesce(t.logged_at, '-infinity'::timestamptz + coalesce(t.sq, 0) * interval '1 second'), t.un,
			CASE WHEN NOT (t.of_table = 'STU' AND coalesce(l.fields ? t.field, false)) THEN t.sinf_field END,
			t.date_group, t.selects, t.is_new
		FROM together t
			LEFT JOIN legal l ON l.id = t.student_id
			LEFT JOIN ordinary o ON o.id = t.student_id
		$query$,
		calpads.sis_log_name('lgd'), calpads.sis_log_name('adh'), deleted_address,
		calpads.sis_table_name(NULL, 'stu'), calpads.sis_table_name(NULL, 'lsi'));
END;
$$;
COMMENT ON FUNCTION calpads.sinf_log() IS
	'the entries of LGD, ADH and calpads.sinf_selection of students with an entry that no posted file answers';

-- Pictures ------------------------------------------------------------------------

CREATE FUNCTION calpads.sinf_pictures(OUT student_id integer, OUT rec calpads.sinf, OUT problems jsonb) RETURNS SETOF record
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
DECLARE
	picture regclass := calpads.sis_view('sinf');
	fields text;
	missing text;
BEGIN
	PERFORM calpads.check_school_codes();
	SELECT string_agg(format('p.%I::%s', t.attname, format_type(t.atttypid, NULL)), ', ' ORDER BY t.attnum),
		string_agg(t.attname::text, ', ' ORDER BY t.attnum) FILTER (WHERE r.attname IS NULL)
	INTO fields, missing
	FROM pg_attribute t
		LEFT JOIN pg_attribute r ON r.attrelid = picture AND r.attname = t.attname AND r.attnum > 0 AND NOT r.attisdropped
	WHERE t.attrelid = (SELECT y.typrelid FROM pg_type y WHERE y.oid = 'calpads.sinf'::regtype) AND t.attnum > 0 AND NOT t.attisdropped;
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'undefined_column',
			MESSAGE = format('%s lacks columns of the SINF layout', picture),
			DETAIL = format('Missing: %s.', missing),
			HINT = 'A view of your own gives every field of calpads.sinf under its name; '
				'calpads.refresh_sis_views() renews the view of the extension.';
	END IF;
	RETURN QUERY EXECUTE format('SELECT p.local_student_id::integer, ROW(%s)::calpads.sinf, %s::jsonb FROM %s p '
		'WHERE p.local_student_id ~ ''^[0-9]{1,9}$''', fields, calpads.problems_expression(picture), picture);
END;
$$;
COMMENT ON FUNCTION calpads.sinf_pictures() IS 'the students of the view sinf of the SIS schema, and what is wrong with them';

-- What a layout says of single values.  A condition first, because nearly all
-- records are good; the sentences only for those that are not.
CREATE FUNCTION calpads.sinf_value_condition() RETURNS text
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(condition, ' OR ')
		|| format(' OR concat(%1$s) ~ %2$L', string_agg(format('(r.rec).%I', f.name), ', '), '[\x01-\x1f\x7f-\x9f^]')
		|| CASE WHEN calpads.batch_encoding() <> 'UTF8'
			THEN format(' OR calpads.lacks_windows_1252(concat(%s))', string_agg(format('(r.rec).%I', f.name), ', ')) ELSE '' END
	FROM calpads.layout_field f
		LEFT JOIN calpads.codeset s ON s.name = f.codeset
		CROSS JOIN LATERAL (SELECT nullif(concat_ws(' OR ',
			CASE WHEN f.required THEN format('(r.rec).%I IS NULL', f.name) END,
			CASE WHEN f.type <> 'date8' AND f.max_length IS NOT NULL THEN format('length((r.rec).%I) > %s', f.name, f.max_length) END,
			CASE WHEN s.complete AND EXISTS (SELECT FROM calpads.code c WHERE c.codeset = s.name) THEN
				format('(r.rec).%I <> ALL (%L::text[])', f.name,
					(SELECT array_agg(c.code ORDER BY c.code) FROM calpads.code c WHERE c.codeset = s.name AND c.active <> 'N')) END), '') AS condition) AS x
	WHERE f.layout = 'sinf' AND f.last_year IS NULL AND f.name NOT IN ('record_type_code', 'transaction_type_code')
$$;
COMMENT ON FUNCTION calpads.sinf_value_condition() IS
	'condition on a record r.rec of which a value breaks a rule of the layout (null: none does)';

CREATE FUNCTION calpads.sinf_value_problems(rec calpads.sinf) RETURNS jsonb
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_agg(calpads.problem(f.name, broken.rule, v.value, broken.explanation, p.place) ORDER BY f.ordinal)
	FROM calpads.layout_field f
		JOIN jsonb_each_text(to_jsonb(rec)) AS v ON v.key = f.name
		LEFT JOIN calpads.codeset s ON s.name = f.codeset
		CROSS JOIN LATERAL (SELECT
			CASE
				WHEN v.value IS NULL AND f.required THEN 'GERR0001'
				WHEN v.value ~ '[\x01-\x1f\x7f-\x9f^]' THEN 'FRMT0004'
				WHEN calpads.batch_encoding() <> 'UTF8' AND calpads.lacks_windows_1252(v.value) THEN 'FRMT0004'
				WHEN f.type <> 'date8' AND length(v.value) > f.max_length THEN 'FRMT0001'
				WHEN s.complete AND EXISTS (SELECT FROM calpads.code c WHERE c.codeset = s.name)
					AND v.value NOT IN (SELECT c.code FROM calpads.code c WHERE c.codeset = s.name AND c.active <> 'N') THEN 'GERR0002'
			END AS rule) AS found
		CROSS JOIN LATERAL (SELECT found.rule,
			CASE found.rule
				WHEN 'GERR0001' THEN 'The field is blank, and CALPADS requires it.'
				WHEN 'FRMT0001' THEN format('%s has more than %s characters.', f.label, f.max_length)
				WHEN 'GERR0002' THEN 'The value is not a code of CALPADS; a local code has no translation.'
				WHEN 'FRMT0004' THEN CASE WHEN v.value ~ '[\x01-\x1f\x7f-\x9f^]'
					THEN 'A caret, a tab, a line end or another control character inside the value would break the record apart.'
					ELSE 'The value has a character that the encoding of the files (setting calpads.file_encoding) does not have.' END
			END AS explanation) AS broken
		CROSS JOIN LATERAL (SELECT coalesce((SELECT string_agg(upper(l.table_name || '.' || l.column_name), ', ' ORDER BY l.table_name DESC, l.column_name)
			FROM calpads.logged_field l WHERE l.sinf_field = f.name),
			CASE WHEN f.name LIKE 'parent_guardian_%' THEN CASE WHEN f.name LIKE '%first_name' THEN 'CON.FN' WHEN f.name LIKE '%last_name' THEN 'CON.LN' ELSE 'CON.ELV' END
				WHEN f.name = 'ssid' THEN 'STU.CID' WHEN f.name = 'reporting_lea' THEN 'LOC.CC and LOC.DC' END) AS place) AS p
	WHERE f.layout = 'sinf' AND f.last_year IS NULL AND f.name NOT IN ('record_type_code', 'transaction_type_code') AND found.rule IS NOT NULL
$$;
COMMENT ON FUNCTION calpads.sinf_value_problems(calpads.sinf) IS
	'values of a record that break a rule of the layout: entries like those of the column problems of a mapping view';

-- The difference ----------------------------------------------------------------------

/*
 * What a record of the log's date shows that a newer one changed: a value as
 * it was reported then, with the local code translated.
 */
CREATE FUNCTION calpads.sinf_code_maps() RETURNS TABLE (sinf_field text, codes jsonb)
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT m.sinf_field, jsonb_object_agg(t.local_code, t.code ORDER BY t.local_set = m.local_set)
	FROM (VALUES ('student_legal_name_suffix_code', 'STU.SF', 'STU.SF'), ('student_gender_code', 'STU.GN', 'STU.GN'),
			('address_state_province_code', 'STU.ST', 'STU.BST')) AS m (sinf_field, local_set, second_set)
		JOIN calpads.code_translation(NULL) t ON t.local_set IN (m.local_set, m.second_set)
	GROUP BY m.sinf_field
$$;
COMMENT ON FUNCTION calpads.sinf_code_maps() IS 'translations of local codes, for the fields of SINF that an entry of the log can bring back';

/*
 * The records of the entries that no posted file answers, without a check:
 * one for each student and day.
 *
 * Where an entry belongs (section 2.2): fields of the enrollment start are
 * dated there; others on their own day, moved into the enrollment of that day,
 * else of the next one that has begun, else of the last one before; a change
 * after the student left takes the exit date, one older than the enrollment
 * its start [proposal].
 *
 * What a record says (section 2.3): a picture as of its day.  What a later
 * entry changed has the value from before that entry, everything else that of
 * today.  Fields of the enrollment start and guardians are always those of
 * today, for they are not read from the log.  So a student's newest record is
 * the picture of today.
 *
 * What else has to be corrected: a record ends where CALPADS' next one begins,
 * so a later one that CALPADS is known to hold keeps the wrong value.  It is
 * sent again under its own date, as it was but for the changed fields.
 */
CREATE FUNCTION calpads.sinf_changes()
	RETURNS TABLE (student_id integer, rec calpads.sinf, reason text, explanation text, changed jsonb, causes jsonb, entries uuid[],
		problems jsonb)
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
	WITH entry AS MATERIALIZED (
		SELECT * FROM calpads.sinf_log()
	), student AS MATERIALIZED (
		SELECT DISTINCT e.student_id FROM entry e
	), picture AS MATERIALIZED (
		SELECT p.student_id, p.rec, p.problems
		FROM calpads.sinf_pictures() p
		-- Without an entry the pictures are not even looked at.
		WHERE EXISTS (SELECT FROM student) AND (p.student_id IN (SELECT s.student_id FROM student s)) IS TRUE
	), enrollment AS MATERIALIZED (
		SELECT e.student_id, e.lea COLLATE "C" AS lea, e.school COLLATE "C" AS school, e.ssid COLLATE "C" AS ssid,
			e.start_date, e.exit_date, e.status
		FROM calpads.sinf_enrollments(NULL) e
		WHERE EXISTS (SELECT FROM student)
			AND e.exit_reason IS DISTINCT FROM 'N470' AND coalesce(e.exit_date >= e.start_date, true)
			AND (e.student_id IN (SELECT s.student_id FROM student s)) IS TRUE
	), known AS MATERIALIZED (
		SELECT o AS row, o.ssid, o.reporting_lea, o.effective_start_date
		FROM calpads.ods_sinf o
		WHERE EXISTS (SELECT FROM student) AND (o.ssid IN (SELECT (p.rec).ssid FROM picture p)) IS TRUE
	), fitting AS (
		SELECT e.*, n.lea, n.school, n.start_date, n.exit_date, n.status, wish.day AS wished_day,
			CASE WHEN e.date_group = 'enrollment start' THEN
					CASE WHEN (n.start_date, n.school) = ((p.rec).effective_start_date, (p.rec).school_of_attendance) THEN 0 ELSE 9 END
				WHEN n.start_date <= wish.day AND coalesce(n.exit_date >= wish.day, true) THEN 1
				WHEN n.start_date > wish.day AND n.start_date <= calpads.today() THEN 2
				WHEN n.exit_date < wish.day THEN 3
				ELSE 4 END AS fit
		FROM entry e
			-- A day to come is today, in whichever enrollment that is.
			CROSS JOIN LATERAL (SELECT least(e.effective_date, calpads.today()) AS day) AS wish
			JOIN picture p ON p.student_id = e.student_id
			JOIN enrollment n ON n.student_id = e.student_id
	), placed AS MATERIALIZED (
		SELECT DISTINCT ON (f.entry) f.*,
			CASE WHEN f.date_group = 'enrollment start' THEN f.start_date
				ELSE greatest(f.start_date, least(f.wished_day, f.exit_date)) END AS day
		FROM fitting f
		ORDER BY f.entry, f.fit, CASE WHEN f.fit = 1 THEN f.status = '20' END,
			CASE WHEN f.fit IN (2, 4) THEN f.start_date END, CASE WHEN f.fit = 3 THEN f.exit_date END DESC NULLS LAST, f.start_date DESC, f.school
	), known_guardian AS MATERIALIZED (
		-- From when CALPADS is known to hold the student, and until when with other guardians.
		SELECT i.student_id, min(k.effective_start_date) AS first_day,
			max(coalesce((k.row).effective_end_date, 'infinity')) FILTER (WHERE
				((k.row).parent_guardian_1_first_name, (k.row).parent_guardian_1_last_name, (k.row).parent_guardian_1_highest_education_level_code,
					(k.row).parent_guardian_2_first_name, (k.row).parent_guardian_2_last_name, (k.row).parent_guardian_2_highest_education_level_code)
				IS DISTINCT FROM
				((i.rec).parent_guardian_1_first_name, (i.rec).parent_guardian_1_last_name, (i.rec).parent_guardian_1_highest_education_level_code,
					(i.rec).parent_guardian_2_first_name, (i.rec).parent_guardian_2_last_name, (i.rec).parent_guardian_2_highest_education_level_code))
				AS others_until
		FROM known k JOIN picture i ON (i.rec).ssid = k.ssid
		GROUP BY i.student_id
	), cause AS MATERIALIZED (
		SELECT p.*
		FROM placed p LEFT JOIN known_guardian g ON g.student_id = p.student_id
		WHERE p.is_new
			-- A student who is new is no news to CALPADS when it has a record of the student.
			AND NOT (p.table_name = 'STU' AND p.column_name = 'ID' AND g.first_day IS NOT NULL)
			-- Most changes of contacts leave guardians 1 and 2 as CALPADS has them; CON.ELV selects all the same.
			AND NOT (p.table_name = 'CON' AND p.column_name <> 'ELV'
				AND coalesce(g.first_day <= p.day AND coalesce(g.others_until < p.day, true), false))
	), day AS MATERIALIZED (
		SELECT c.student_id, c.day,
			(array_agg(c.school ORDER BY c.fit, c.start_date DESC, c.school))[1] AS school,
			(array_agg(c.lea ORDER BY c.fit, c.start_date DESC, c.school))[1] AS lea,
			array_agg(DISTINCT c.entry) AS entries,
			string_agg(DISTINCT c.table_name || '.' || c.column_name, ', ') AS fields,
			bool_or(c.date_group = 'enrollment start') AS has_start,
			bool_and(c.date_group = 'enrollment start') AS is_start,
			bool_or(c.wished_day > c.exit_date AND c.day = c.exit_date) AS after_exit,
			bool_and(c.wished_day < c.start_date) AS before_start,
			bool_and(c.effective_date > c.wished_day) FILTER (WHERE c.date_group <> 'enrollment start') AS in_future,
			bool_and(c.source = 'SELECTION') AS is_selected,
			bool_and(c.table_name = 'STU' AND c.column_name = 'ID') AS is_new_student,
			min(c.effective_date) AS first_date,
			jsonb_agg(jsonb_strip_nulls(jsonb_build_object('log', c.source, 'table', c.table_name, 'field', c.column_name,
				'old', c.old_value, 'new', c.new_value, 'effective_date', c.effective_date, 'user', c.user_name,
				'logged_at', CASE WHEN isfinite(c.logged_at) THEN c.logged_at END)) ORDER BY c.effective_date, c.logged_at, c.column_name) AS causes
		FROM cause c
		GROUP BY c.student_id, c.day
	), affected AS (
		-- Which fields of a record an entry can change.
		SELECT c.key, array_agg(f.name) AS names
		FROM (SELECT DISTINCT concat_ws('|', c.source, c.table_name, c.column_name, c.sinf_field) AS key, c.source, c.table_name, c.sinf_field
				FROM cause c) AS c
			JOIN calpads.layout_field f ON f.layout = 'sinf' AND f.last_year IS NULL AND NOT f.key AND CASE
				WHEN c.sinf_field IS NULL AND c.table_name = 'CON' THEN f.name LIKE 'parent\_%'
				WHEN c.sinf_field IS NULL AND c.source = 'ADH' THEN f.name LIKE 'address\_%'
				WHEN c.sinf_field IS NULL AND c.source = 'SELECTION' THEN f.name NOT IN ('record_type_code', 'transaction_type_code',
					'local_record_id', 'effective_end_date', 'reporting_lea', 'academic_year_id')
				WHEN c.sinf_field LIKE 'student\_race\_%' THEN f.name LIKE 'student\_race\_%'
				WHEN c.sinf_field = 'student_hispanic_ethnicity_indicator' THEN f.name IN (c.sinf_field, 'student_ethnicity_missing_indicator')
				WHEN c.sinf_field = 'student_initial_us_school_enrollment_date_k12' THEN f.name IN (c.sinf_field, 'us_school_less_than_three_years_indicator')
				ELSE f.name = c.sinf_field END
		GROUP BY c.key
	), later_day AS MATERIALIZED (
		SELECT i.student_id, k.row, k.effective_start_date AS day, min(c.day) AS first_day, array_agg(DISTINCT c.entry) AS entries,
			string_agg(DISTINCT c.table_name || '.' || c.column_name, ', ') AS fields, array_agg(DISTINCT n.name) AS names
		FROM known k
			JOIN picture i ON (i.rec).ssid = k.ssid AND (i.rec).reporting_lea = k.reporting_lea
			JOIN cause c ON c.student_id = i.student_id AND c.day < k.effective_start_date
			JOIN affected a ON a.key = concat_ws('|', c.source, c.table_name, c.column_name, c.sinf_field)
			CROSS JOIN LATERAL unnest(a.names) AS n (name)
		WHERE NOT EXISTS (SELECT FROM day d WHERE d.student_id = i.student_id AND d.day = k.effective_start_date)
			-- Elsewhere CALPADS would refuse the correction (GERR0005).
			AND EXISTS (SELECT FROM enrollment e WHERE e.student_id = i.student_id AND e.lea = k.reporting_lea
				AND k.effective_start_date BETWEEN e.start_date AND coalesce(e.exit_date, 'infinity'))
		GROUP BY i.student_id, k.row, k.effective_start_date
	), wanted AS MATERIALIZED (
		SELECT d.student_id, d.day FROM day d
		UNION
		SELECT l.student_id, l.day FROM later_day l
	), code_map AS MATERIALIZED (
		SELECT * FROM calpads.sinf_code_maps()
	), earlier_value AS (
		-- Only where a later entry changed the field: the last one until the day
		-- says what it was then, else the first one after it.
		SELECT w.student_id, w.day, p.sinf_field,
			CASE WHEN bool_or(p.day <= w.day)
				THEN (array_agg(p.new_value ORDER BY p.day DESC, p.logged_at DESC) FILTER (WHERE p.day <= w.day))[1]
				ELSE (array_agg(p.old_value ORDER BY p.day, p.logged_at) FILTER (WHERE p.day > w.day))[1] END AS local
		FROM wanted w
			JOIN placed p ON p.student_id = w.student_id
		WHERE p.date_group = 'date of change' AND p.sinf_field IS NOT NULL AND p.sinf_field NOT LIKE 'address\_%' AND p.sinf_field NOT LIKE 'parent\_%'
			-- An entry that a person made without values tells nothing.
			AND num_nonnulls(p.old_value, p.new_value) > 0
		GROUP BY w.student_id, w.day, p.sinf_field
		HAVING bool_or(p.day > w.day)
	), moved_later AS (
		SELECT w.student_id, w.day FROM wanted w JOIN placed p ON p.student_id = w.student_id AND p.source = 'ADH' AND p.day > w.day
		GROUP BY w.student_id, w.day
	), first_address AS (
		-- The address before everything in the log.
		SELECT f.student_id, jsonb_object_agg(f.column_name, f.old_value) AS parts
		FROM (SELECT DISTINCT ON (p.student_id, p.column_name) p.student_id, p.column_name, p.old_value
			FROM placed p
			WHERE p.source = 'LGD' AND p.column_name IN ('AD', 'CY', 'ST', 'ZC', 'ZX') AND p.table_name = 'STU'
			ORDER BY p.student_id, p.column_name, p.logged_at, p.effective_date) AS f
		GROUP BY f.student_id
	), last_address AS (
		SELECT DISTINCT ON (m.student_id, m.day) m.student_id, m.day, p.address
		FROM moved_later m JOIN placed p ON p.student_id = m.student_id AND p.source = 'ADH' AND p.day <= m.day
		ORDER BY m.student_id, m.day, p.day DESC, p.effective_date DESC, p.logged_at DESC
	), earlier_address AS (
		SELECT m.student_id, m.day,
			CASE WHEN l.address IS NOT NULL THEN jsonb_build_object('address_line_1', l.address[1], 'address_city_name', l.address[2],
				'address_state_province_code', coalesce(s.codes ->> l.address[3], s.codes ->> ('US-' || l.address[3]), l.address[3]),
				'address_zip_code', l.address[4])
			ELSE CASE WHEN f.parts ? 'AD' THEN jsonb_build_object('address_line_1', f.parts ->> 'AD') ELSE '{}' END
				|| CASE WHEN f.parts ? 'CY' THEN jsonb_build_object('address_city_name', f.parts ->> 'CY') ELSE '{}' END
				|| CASE WHEN f.parts ? 'ST' THEN jsonb_build_object('address_state_province_code',
					coalesce(s.codes ->> upper(f.parts ->> 'ST'), s.codes ->> ('US-' || upper(f.parts ->> 'ST')), upper(f.parts ->> 'ST'))) ELSE '{}' END
				|| CASE WHEN f.parts ? 'ZC' THEN jsonb_build_object('address_zip_code', (f.parts ->> 'ZC') || coalesce('-' || (f.parts ->> 'ZX'), '')) ELSE '{}' END
			END AS fields
		FROM moved_later m
			LEFT JOIN last_address l ON l.student_id = m.student_id AND l.day = m.day
			LEFT JOIN first_address f ON f.student_id = m.student_id
			LEFT JOIN code_map s ON s.sinf_field = 'address_state_province_code'
	), as_of_day AS (
		SELECT v.student_id, v.day, jsonb_object_agg(v.sinf_field,
			coalesce(m.codes ->> upper(v.local), CASE WHEN m.codes IS NOT NULL THEN upper(v.local) ELSE v.local END)) AS fields
		FROM earlier_value v LEFT JOIN code_map m ON m.sinf_field = v.sinf_field
		-- A student always had a name.
		WHERE v.local IS NOT NULL OR v.sinf_field NOT IN ('student_legal_first_name', 'student_legal_last_name', 'student_gender_code')
		GROUP BY v.student_id, v.day
	), state AS MATERIALIZED (
		SELECT w.student_id, w.day, i.rec, i.problems, coalesce(a.fields, '{}') || coalesce(b.fields, '{}') AS fields
		FROM wanted w
			JOIN picture i ON i.student_id = w.student_id
			LEFT JOIN as_of_day a ON a.student_id = w.student_id AND a.day = w.day
			LEFT JOIN earlier_address b ON b.student_id = w.student_id AND b.day = w.day
	), dated AS MATERIALIZED (
		SELECT d.*, s.problems,
			jsonb_populate_record(s.rec, s.fields || jsonb_build_object(
				'effective_start_date', d.day, 'reporting_lea', d.lea, 'school_of_attendance', d.school,
				'academic_year_id', calpads.academic_year(d.day),
				'local_record_id', d.student_id || '-' || d.school || '-' || to_char(d.day, 'YYYYMMDD'))) AS rec
		FROM day d
			JOIN state s ON s.student_id = d.student_id AND s.day = d.day
	), shown AS (
		-- The entries of LGD tell the address before that ADH does not know.
		SELECT s.student_id, s.day, jsonb_object_agg(s.name, jsonb_build_array(s.before, s.after)) AS changed
		FROM (SELECT DISTINCT ON (d.student_id, d.day, n.name) d.student_id, d.day, n.name, e.old_value AS before,
				CASE WHEN e.sinf_field IS NOT NULL THEN to_jsonb(d.rec) ->> e.sinf_field WHEN e.source = 'ADH' THEN (d.rec).address_line_1
					ELSE e.new_value END AS after
			FROM dated d
				JOIN placed e ON e.student_id = d.student_id AND e.day = d.day
				CROSS JOIN LATERAL (SELECT coalesce(e.sinf_field, CASE WHEN e.source = 'ADH' THEN 'address_line_1'
					ELSE e.table_name || '.' || e.column_name END) AS name) AS n
			WHERE e.entry = ANY (d.entries)
				OR (NOT e.selects AND EXISTS (SELECT FROM cause c WHERE c.student_id = d.student_id AND c.day = d.day AND c.source = 'ADH'))
			ORDER BY d.student_id, d.day, n.name, e.old_value IS NULL, e.logged_at) AS s
		GROUP BY s.student_id, s.day
	), corrected AS (
		SELECT l.*, s.problems, to_jsonb(l.row) - 'effective_end_date' AS before,
			(SELECT jsonb_object_agg(n.name, (to_jsonb(s.rec) || s.fields) -> n.name) FROM unnest(l.names) AS n (name)) AS correction
		FROM later_day l JOIN state s ON s.student_id = l.student_id AND s.day = l.day
		OFFSET 0
	), later AS (
		SELECT c.*, jsonb_populate_record(NULL::calpads.sinf,
				c.before || c.correction || '{"record_type_code": "SINF", "transaction_type_code": "A"}') AS rec,
			calpads.changed_fields(c.before, c.before || c.correction) AS changed
		FROM corrected c
		-- Most later records have the fields as they should be.
		WHERE NOT c.before @> c.correction
		OFFSET 0
	)
	SELECT d.student_id, d.rec,
		CASE WHEN d.is_new_student THEN 'new_student' WHEN d.is_selected THEN 'selected' WHEN d.is_start THEN 'enrollment_start'
			WHEN d.after_exit THEN 'after_exit' WHEN d.before_start THEN 'before_start' ELSE 'change_date' END,
		CASE
			WHEN d.is_new_student THEN format('The student is new; the record starts with the enrollment, on %s.', to_char(d.day, 'MM/DD/YYYY'))
			WHEN d.is_selected THEN format('The student was selected for SINF; the record starts on %s.', to_char(d.day, 'MM/DD/YYYY'))
			WHEN d.is_start THEN format('%s changed; it counts from the start of the enrollment, on %s.', d.fields, to_char(d.day, 'MM/DD/YYYY'))
			WHEN d.in_future THEN format('%s changed with effect from a day to come; the record takes %s, %s.', d.fields,
				CASE WHEN d.after_exit THEN 'the exit date' WHEN d.before_start THEN 'the start of the enrollment' ELSE 'today' END,
				to_char(d.day, 'MM/DD/YYYY'))
			WHEN d.after_exit THEN format('%s changed with effect from %s, after the student left; the record takes the exit date, %s.', d.fields,
				to_char(d.first_date, 'MM/DD/YYYY'), to_char(d.day, 'MM/DD/YYYY'))
			WHEN d.before_start THEN format('%s changed with effect from %s, before the enrollment; the record takes its start, %s.', d.fields,
				to_char(d.first_date, 'MM/DD/YYYY'), to_char(d.day, 'MM/DD/YYYY'))
			WHEN d.has_start THEN format('%s changed; the start of the enrollment, %s, is also the day of the change.', d.fields, to_char(d.day, 'MM/DD/YYYY'))
			ELSE format('%s changed with effect from %s; the record starts that day.', d.fields, to_char(d.day, 'MM/DD/YYYY'))
		END,
		coalesce(s.changed, '{}'), d.causes, d.entries, d.problems
	FROM dated d LEFT JOIN shown s ON s.student_id = d.student_id AND s.day = d.day
	UNION ALL
	SELECT l.student_id, l.rec, 'later_record',
		format('%s changed from %s; CALPADS has a later record, of %s, which would keep the former value.',
			l.fields, to_char(l.first_day, 'MM/DD/YYYY'), to_char(l.day, 'MM/DD/YYYY')),
		l.changed, jsonb_build_array(jsonb_build_object('log', 'CALPADS', 'effective_date', l.day)), l.entries, l.problems
	FROM later l
	UNION ALL
	-- Students in the log of whom nothing is reported.
	SELECT e.student_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL
	FROM entry e
	WHERE e.student_id NOT IN (SELECT p.student_id FROM picture p)
	GROUP BY e.student_id
$$;
COMMENT ON FUNCTION calpads.sinf_changes() IS
	'the records that the log asks for, unchecked; a row without a record is a student of whom nothing is reported';

/*
 * Everybody once, from the start of the enrollment, for students enrolled in
 * the current school year.  The records answer the entries of the log too, but
 * for a student of whom CALPADS has a later record: there the entries still
 * have to be sent.
 */
CREATE FUNCTION calpads.sinf_of_everybody()
	RETURNS TABLE (student_id integer, rec calpads.sinf, reason text, explanation text, changed jsonb, causes jsonb, entries uuid[],
		problems jsonb)
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
	WITH last_known AS (
		SELECT o.ssid, max(o.effective_start_date) AS day FROM calpads.ods_sinf o GROUP BY o.ssid
	), answered AS (
		SELECT e.student_id, array_agg(e.entry) AS entries FROM calpads.sinf_log() e WHERE e.is_new GROUP BY e.student_id
	)
	SELECT p.student_id, p.rec, 'all_students',
		format('Every student is in the file; the record starts with the enrollment, on %s.', to_char((p.rec).effective_start_date, 'MM/DD/YYYY')),
		'{}'::jsonb, '[]'::jsonb,
		CASE WHEN k.day > (p.rec).effective_start_date THEN '{}' ELSE coalesce(a.entries, '{}') END, p.problems
	FROM calpads.sinf_pictures() p
		LEFT JOIN last_known k ON k.ssid = (p.rec).ssid
		LEFT JOIN answered a ON a.student_id = p.student_id
	WHERE (p.rec).effective_start_date >= calpads.school_year_start(calpads.today())
$$;
COMMENT ON FUNCTION calpads.sinf_of_everybody() IS 'the records of all students of the current school year, unchecked';

/*
 * The records with what is wrong with them.  One that has problems is held; so
 * are the others of a student whose picture has some.  A rule that is switched
 * off or only warns (calpads.rule) holds nothing.  file_no: a key can be in a
 * file once.
 */
CREATE FUNCTION calpads.sinf_records(only_lea text, all_students boolean)
	RETURNS TABLE (lea text, file_no integer, student_id integer, rec calpads.sinf, reason text, explanation text, changed jsonb,
		causes jsonb, entries uuid[], problems jsonb, warnings jsonb)
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $function$
BEGIN
	RETURN QUERY EXECUTE format($query$
		WITH rule AS MATERIALIZED (
			SELECT jsonb_build_object(
				'not_fatal', coalesce(jsonb_agg(u.number) FILTER (WHERE NOT u.active OR u.severity <> 'fatal'), '[]'),
				'warned', coalesce(jsonb_agg(u.number) FILTER (WHERE u.active AND u.severity <> 'fatal'), '[]')) AS numbers
			FROM calpads.rule u
			WHERE u.process = 'SINF'
		), r AS MATERIALIZED (
			SELECT * FROM %s AS r WHERE $1 IS NULL OR r.rec IS NULL OR (r.rec).reporting_lea = $1 OR (r.rec).reporting_lea IS NULL
		), tested AS (
			SELECT r.*, nullif(coalesce(r.problems, '[]') || coalesce(CASE WHEN %s THEN calpads.sinf_value_problems(r.rec) END, '[]'), '[]') AS all_found
			FROM r
			OFFSET 0
		), checked AS (
			SELECT t.*,
				nullif(jsonb_path_query_array(t.all_found, '$[*] ? (!(@.rule == $not_fatal[*]))', (SELECT rule.numbers FROM rule)), '[]') AS found,
				nullif(jsonb_path_query_array(t.all_found, '$[*] ? (@.rule == $warned[*])', (SELECT rule.numbers FROM rule)), '[]') AS warned
			FROM tested t
			OFFSET 0
		)
		SELECT (c.rec).reporting_lea::text,
			row_number() OVER (PARTITION BY c.rec IS NULL OR c.found IS NOT NULL, (c.rec).school_of_attendance, (c.rec).ssid, (c.rec).effective_start_date
				ORDER BY c.student_id)::integer,
			c.student_id, c.rec, c.reason, c.explanation, c.changed, c.causes, c.entries,
			CASE WHEN c.reason IS NULL THEN jsonb_build_array(calpads.problem('effective_start_date', 'GERR0005', NULL,
				'The log has changes of the student, but nothing is reported: there is no enrollment at a selected school since '
				'July 1 two years ago, or no SSID.', 'ENR, or STU.CID, or calpads.school')) ELSE c.found END,
			c.warned
		FROM checked c
		$query$,
		CASE WHEN all_students THEN 'calpads.sinf_of_everybody()' ELSE 'calpads.sinf_changes()' END,
		calpads.sinf_value_condition())
		USING only_lea;
END;
$function$;
COMMENT ON FUNCTION calpads.sinf_records(text, boolean) IS 'the SINF records of one LEA or of all, checked: those with problems are held';

CREATE FUNCTION calpads.sinf_delta(
	all_students boolean DEFAULT false,
	OUT lea text,
	OUT file_no integer,
	OUT ssid text,
	OUT effective_start_date date,
	OUT school_of_attendance text,
	OUT local_student_id text,
	OUT reason text,
	OUT explanation text,
	OUT changed jsonb,
	OUT causes jsonb,
	OUT rec calpads.sinf
) RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT r.lea, r.file_no, (r.rec).ssid, (r.rec).effective_start_date, (r.rec).school_of_attendance, (r.rec).local_student_id,
		r.reason, r.explanation, r.changed, r.causes, r.rec
	FROM calpads.sinf_records(NULL, coalesce(all_students, false)) r
	WHERE r.problems IS NULL
	ORDER BY r.lea COLLATE "C", r.file_no, (r.rec).ssid COLLATE "C", (r.rec).effective_start_date, (r.rec).school_of_attendance COLLATE "C"
$$;
COMMENT ON FUNCTION calpads.sinf_delta(boolean) IS
	'the SINF records of students with entries in LGD or ADH that no posted file answers, or of all students of the school year; '
	'causes: the entries of the log; changes nothing';

CREATE FUNCTION calpads.held_sinf(
	only_lea text,
	all_students boolean,
	OUT lea text,
	OUT local_student_id text,
	OUT ssid text,
	OUT school_of_attendance text,
	OUT effective_start_date date,
	OUT rule text,
	OUT field text,
	OUT value text,
	OUT explanation text,
	OUT fix text
) RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT DISTINCT ON (r.lea COLLATE "C", r.student_id, (r.rec).effective_start_date, p.field COLLATE "C", p.rule COLLATE "C")
		r.lea, r.student_id::text, (r.rec).ssid, (r.rec).school_of_attendance, (r.rec).effective_start_date,
		p.rule, p.field, p.value, p.explanation, p.fix
	FROM calpads.sinf_records(only_lea, all_students) r
		CROSS JOIN LATERAL jsonb_to_recordset(r.problems) AS p (rule text, field text, value text, explanation text, fix text)
	WHERE r.problems IS NOT NULL
	ORDER BY r.lea COLLATE "C", r.student_id, (r.rec).effective_start_date, p.field COLLATE "C", p.rule COLLATE "C"
$$;
COMMENT ON FUNCTION calpads.held_sinf(text, boolean) IS 'the SINF records that are held, one row a reason, of one LEA or of all';

CREATE FUNCTION calpads.sinf_held(
	OUT lea text,
	OUT local_student_id text,
	OUT ssid text,
	OUT school_of_attendance text,
	OUT effective_start_date date,
	OUT rule text,
	OUT field text,
	OUT value text,
	OUT explanation text,
	OUT fix text
) RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	-- What is wrong with a student is said once, with the record of the log.
	SELECT DISTINCT ON (h.lea COLLATE "C", h.local_student_id COLLATE "C", h.field COLLATE "C", h.rule COLLATE "C")
		h.lea, h.local_student_id, h.ssid, h.school_of_attendance, h.effective_start_date, h.rule, h.field, h.value, h.explanation, h.fix
	FROM (SELECT 1 AS precedence, l.* FROM calpads.held_sinf(NULL, false) l
		UNION ALL
		SELECT 2, e.* FROM calpads.held_sinf(NULL, true) e) AS h
	ORDER BY h.lea COLLATE "C", h.local_student_id COLLATE "C", h.field COLLATE "C", h.rule COLLATE "C", h.precedence, h.effective_start_date DESC
$$;
COMMENT ON FUNCTION calpads.sinf_held() IS
	'the SINF records that are not sent, whether of all students or of those in the log: rule, field, value, a sentence, and the '
	'SIS column to repair';

-- Drift --------------------------------------------------------------------------------

-- Fields that are compared: who the student is, not which record it is.
CREATE FUNCTION calpads.sinf_compared(r calpads.sinf) RETURNS jsonb
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN to_jsonb(r) - ARRAY['record_type_code', 'transaction_type_code', 'local_record_id', 'effective_start_date', 'effective_end_date',
		'reporting_lea', 'school_of_attendance', 'academic_year_id', 'ssid', 'local_student_id'];
COMMENT ON FUNCTION calpads.sinf_compared(calpads.sinf) IS 'the fields of a SINF record that say something of the student';

/*
 * An indicator of missing race or ethnicity that is N says what a blank one
 * does.
 */
CREATE FUNCTION calpads.sinf_drift(
	OUT lea text,
	OUT ssid text,
	OUT local_student_id text,
	OUT school_of_attendance text,
	OUT effective_start_date date,
	OUT difference text,
	OUT field text,
	OUT in_calpads text,
	OUT in_sis text,
	OUT explanation text
) RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
	WITH loaded AS MATERIALIZED (
		SELECT unnest(calpads.baseline_leas('SINF', NULL)) COLLATE "C" AS lea
	), picture AS MATERIALIZED (
		SELECT p.rec, (p.rec).reporting_lea AS lea, (p.rec).ssid AS ssid, (p.rec).effective_start_date AS start_date
		FROM calpads.sinf_pictures() p
		WHERE (p.rec).reporting_lea IN (SELECT l.lea FROM loaded l)
			AND (p.rec).effective_start_date >= calpads.school_year_start(calpads.today())
	), in_doubt AS MATERIALIZED (
		SELECT DISTINCT e.ssid FROM calpads.load_error e JOIN calpads.current_load c ON c.process = 'SINF' AND c.load_id = e.load_id
		WHERE e.ssid IS NOT NULL
	), newest AS MATERIALIZED (
		SELECT DISTINCT ON (p.ssid) p.ssid, o.effective_start_date AS day, o.school_of_attendance AS school,
			jsonb_populate_record(NULL::calpads.sinf, to_jsonb(o)) AS rec
		FROM picture p JOIN calpads.ods_sinf o ON o.ssid = p.ssid AND o.reporting_lea = p.lea
		WHERE coalesce(o.effective_end_date >= p.start_date, true)
		ORDER BY p.ssid, o.effective_start_date DESC, o.school_of_attendance
	), compared AS (
		SELECT p.*, n.day, n.school, calpads.sinf_compared(p.rec) AS sis,
			jsonb_strip_nulls(calpads.sinf_compared(n.rec)
				|| CASE WHEN (n.rec).student_ethnicity_missing_indicator = 'N' THEN '{"student_ethnicity_missing_indicator": null}' ELSE '{}' END::jsonb
				|| CASE WHEN (n.rec).student_race_missing_indicator = 'N' THEN '{"student_race_missing_indicator": null}' ELSE '{}' END::jsonb) AS calpads
		FROM picture p LEFT JOIN newest n ON n.ssid = p.ssid
		WHERE p.ssid NOT IN (SELECT d.ssid FROM in_doubt d)
	)
	SELECT c.lea, c.ssid, (c.rec).local_student_id, c.school, c.day, 'different', f.key, f.value ->> 0, f.value ->> 1,
		format('CALPADS'' newest record of the student, of %s, has another %s.', to_char(c.day, 'MM/DD/YYYY'),
			(SELECT l.label FROM calpads.layout_field l WHERE l.layout = 'sinf' AND l.name = f.key))
	FROM compared c CROSS JOIN LATERAL jsonb_each(calpads.changed_fields(c.calpads, c.sis)) AS f
	WHERE c.day IS NOT NULL AND c.calpads <> jsonb_strip_nulls(c.sis)
	UNION ALL
	SELECT c.lea, c.ssid, (c.rec).local_student_id, (c.rec).school_of_attendance, c.start_date, 'missing', NULL, NULL, NULL,
		format('CALPADS has no record that overlaps the enrollment from %s (SENR0717E3).', to_char(c.start_date, 'MM/DD/YYYY'))
	FROM compared c
	WHERE c.day IS NULL
	UNION ALL
	SELECT p.lea, p.ssid, (p.rec).local_student_id, (p.rec).school_of_attendance, p.start_date, 'in doubt', NULL, NULL, NULL,
		'A record of the student was set aside when the ODS extract was loaded, so it is not compared.'
	FROM picture p
	WHERE p.ssid IN (SELECT d.ssid FROM in_doubt d)
	ORDER BY 1, 2, 7
$$;
COMMENT ON FUNCTION calpads.sinf_drift() IS
	'where the newest record of a student in CALPADS (ODS load and posted files) differs from the SIS, field by field, or is missing; '
	'calpads.select_for_sinf() puts the students into the next file';

CREATE FUNCTION calpads.select_for_sinf(ssids text[] DEFAULT NULL) RETURNS bigint
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	added bigint;
	unknown bigint;
BEGIN
	SELECT count(*) INTO unknown FROM unnest(ssids) s
	WHERE s NOT IN (SELECT (p.rec).ssid FROM calpads.sinf_pictures() p WHERE (p.rec).ssid IS NOT NULL);
	IF unknown > 0 THEN
		RAISE EXCEPTION USING
			ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('%s of the SSIDs are of no student whom SINF reports', unknown),
			HINT = format('Take SSIDs that the view %s shows.', calpads.sis_view('sinf'));
	END IF;
	IF ssids IS NULL OR EXISTS (SELECT FROM calpads.current_load c WHERE c.process = 'SINF') THEN
		WITH drift AS MATERIALIZED (
			SELECT d.ssid, d.difference, d.field, d.in_calpads, d.in_sis, d.effective_start_date FROM calpads.sinf_drift() d
			WHERE ssids IS NULL OR d.ssid = ANY (ssids)
		), student AS (
			SELECT d.ssid, coalesce(jsonb_object_agg(d.field, jsonb_build_array(d.in_calpads, d.in_sis)) FILTER (WHERE d.difference = 'different'), '{}') AS changed
			FROM drift d
			WHERE d.difference <> 'in doubt' OR ssids IS NOT NULL
			GROUP BY d.ssid
			UNION
			SELECT s, '{}' FROM unnest(ssids) s WHERE s NOT IN (SELECT d.ssid FROM drift d)
		)
		INSERT INTO calpads.sinf_selection (ssid, changed, selected_on)
		SELECT s.ssid, s.changed, calpads.today() FROM student s WHERE s.ssid IS NOT NULL ORDER BY s.ssid;
	ELSE
		INSERT INTO calpads.sinf_selection (ssid, changed, selected_on)
		SELECT DISTINCT s, '{}'::jsonb, calpads.today() FROM unnest(ssids) s WHERE s IS NOT NULL;
	END IF;
	GET DIAGNOSTICS added = ROW_COUNT;
	RETURN added;
END;
$$;
COMMENT ON FUNCTION calpads.select_for_sinf(text[]) IS
	'puts students into the next SINF files although the log does not: those with the SSIDs, or null: all whom calpads.sinf_drift() '
	'lists. Gives their number. With a difference known, fields of the enrollment start are sent from there and others from today; '
	'else the whole record from the enrollment start';

-- Files ----------------------------------------------------------------------------------

/*
 * The records of several LEAs are worked out together.  One statement: the
 * entries that are noted are those that the records saw.
 */
CREATE FUNCTION calpads.make_sinf_batches(leas text[], all_students boolean) RETURNS SETOF bigint
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
	SET jit = off
AS $$
DECLARE
	made bigint[];
BEGIN
	WITH one AS (
		INSERT INTO calpads.batch (process, lea, load_id, today, encoding, forced)
		SELECT 'SINF', l.lea, (SELECT c.load_id FROM calpads.current_load c WHERE c.process = 'SINF' AND c.lea = l.lea),
			calpads.today(), calpads.batch_encoding(), false
		FROM unnest(leas) AS l (lea)
		ORDER BY l.lea
		RETURNING batch_id
	)
	SELECT array_agg(o.batch_id ORDER BY o.batch_id) INTO made FROM one o;

	WITH record AS MATERIALIZED (
		-- A student of whom no LEA can be told is noted with each.
		SELECT b.batch_id, r.*
		FROM calpads.sinf_records(CASE WHEN cardinality(leas) = 1 THEN leas[1] END, all_students) r
			JOIN calpads.batch b ON b.batch_id = ANY (made) AND b.lea = coalesce(r.lea, b.lea)
	), held AS (
		INSERT INTO calpads.batch_held
		SELECT r.batch_id, r.student_id::text, (r.rec).ssid, (r.rec).school_of_attendance, (r.rec).effective_start_date,
			p.rule, p.field, p.value, p.explanation, p.fix
		FROM record r CROSS JOIN LATERAL jsonb_to_recordset(r.problems) AS p (rule text, field text, value text, explanation text, fix text)
		WHERE r.problems IS NOT NULL
	), warned AS (
		INSERT INTO calpads.batch_warning
		SELECT r.batch_id, r.student_id::text, (r.rec).ssid, (r.rec).school_of_attendance, (r.rec).effective_start_date,
			p.rule, p.field, p.value, p.explanation, p.fix
		FROM record r CROSS JOIN LATERAL jsonb_to_recordset(r.warnings) AS p (rule text, field text, value text, explanation text, fix text)
		WHERE r.problems IS NULL
	), file AS (
		INSERT INTO calpads.extract_file (batch_id, process, lea, seq, category, file_name, records)
		SELECT r.batch_id, 'SINF', r.lea, r.file_no, 'SINF', format('%s_SINF.txt', to_char(r.file_no, 'FM000')), count(*)
		FROM record r
		WHERE r.problems IS NULL
		GROUP BY r.batch_id, r.lea, r.file_no
		ORDER BY r.batch_id, r.file_no
		RETURNING file_id, batch_id, seq
	), answered AS (
		-- An entry is answered when the last of its records is, and not while one is held.
		INSERT INTO calpads.sinf_entry (file_id, entry)
		SELECT f.file_id, e.entry
		FROM (SELECT r.batch_id, entry, max(r.file_no) AS file_no FROM record r CROSS JOIN LATERAL unnest(r.entries) AS entry
			GROUP BY r.batch_id, entry HAVING bool_and(r.problems IS NULL)) AS e
			JOIN file f ON f.batch_id = e.batch_id AND f.seq = e.file_no
	)
	INSERT INTO calpads.extract_record (file_id, line_no, ssid, key, transaction_type, reason, explanation, changed, line)
	SELECT f.file_id,
		row_number() OVER (PARTITION BY f.file_id ORDER BY (r.rec).ssid, (r.rec).effective_start_date, (r.rec).school_of_attendance),
		(r.rec).ssid, concat_ws('^', (r.rec).school_of_attendance, (r.rec).ssid, to_char((r.rec).effective_start_date, 'YYYYMMDD')),
		'A', r.reason, r.explanation, r.changed, calpads.sinf_line(r.rec)
	FROM record r JOIN file f ON f.batch_id = r.batch_id AND f.seq = r.file_no
	WHERE r.problems IS NULL;

	-- A batch without a file is none.
	FOR i IN 1 .. cardinality(made) LOOP
		IF EXISTS (SELECT FROM calpads.extract_file f WHERE f.batch_id = made[i]) THEN
			RETURN NEXT made[i];
		ELSE
			DELETE FROM calpads.batch_held h WHERE h.batch_id = made[i];
			DELETE FROM calpads.batch b WHERE b.batch_id = made[i];
		END IF;
	END LOOP;
END;
$$;
COMMENT ON FUNCTION calpads.make_sinf_batches(text[], boolean) IS
	'stores the SINF records of LEAs as a batch for each that has some';

/*
 * SENR first: a record dated outside every enrollment that CALPADS has refuses
 * the whole file (GERR0005).  Known only where SENR was loaded.
 */
CREATE FUNCTION calpads.warn_of_unsent_enrollments(batch_id bigint) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
DECLARE
	early bigint;
BEGIN
	IF NOT EXISTS (SELECT FROM calpads.batch b JOIN calpads.current_load c ON c.process = 'SENR' AND c.lea = b.lea
			WHERE b.batch_id = warn_of_unsent_enrollments.batch_id) THEN
		RETURN;
	END IF;
	WITH sent AS MATERIALIZED (
		SELECT f.lea, r.ssid, split_part(r.key, '^', 1) AS school, to_date(split_part(r.key, '^', 3), 'YYYYMMDD') AS day, s.local_student_id
		FROM calpads.extract_file f JOIN calpads.extract_record r ON r.file_id = f.file_id
			CROSS JOIN LATERAL (SELECT split_part(r.line, '^', 10) AS local_student_id) AS s
		WHERE f.batch_id = warn_of_unsent_enrollments.batch_id
	), enrollment AS MATERIALIZED (
		SELECT o.ssid, o.reporting_lea, o.enrollment_start_date, o.enrollment_exit_date FROM calpads.ods_senr o
		WHERE o.student_exit_reason_code IS DISTINCT FROM 'N470'
	)
	INSERT INTO calpads.batch_warning
	SELECT warn_of_unsent_enrollments.batch_id, s.local_student_id, s.ssid, s.school, s.day, 'GERR0005', 'effective_start_date',
		to_char(s.day, 'YYYYMMDD'), 'CALPADS does not have the enrollment of this day yet: SENR files have to be posted first.', 'create_extract(''SENR'')'
	FROM sent s
	WHERE NOT EXISTS (SELECT FROM enrollment e WHERE e.ssid = s.ssid AND e.reporting_lea = s.lea
		AND s.day BETWEEN e.enrollment_start_date AND coalesce(e.enrollment_exit_date, 'infinity'));
	GET DIAGNOSTICS early = ROW_COUNT;
	IF early > 0 THEN
		RAISE WARNING USING
			MESSAGE = format('CALPADS does not have the enrollments of %s records of the SINF files yet', early),
			DETAIL = 'It refuses a file with such a record (GERR0005).',
			HINT = 'Post the files of create_extract(''SENR'') first; calpads.batch_warning lists the records.';
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.warn_of_unsent_enrollments(bigint) IS
	'warns of SINF records for enrollments that CALPADS, as far as its SENR history is loaded, does not have';

CREATE FUNCTION calpads.create_sinf_extract(lea text, all_students boolean) RETURNS SETOF calpads.extract_file
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	leas text[];
	new_batch bigint;
BEGIN
	PERFORM calpads.check_school_codes();
	SELECT array_agg(DISTINCT s.lea ORDER BY s.lea) INTO leas
	FROM calpads.school s
	WHERE s.selected AND s.lea = coalesce(create_sinf_extract.lea, s.lea);
	IF leas IS NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('no selected school%s is known', coalesce(' of LEA ' || lea, '')),
			HINT = 'The view calpads.school shows the schools of the SIS table loc.';
	END IF;
	-- In one order, so that two sessions wait for each other and do not deadlock.
	PERFORM calpads.lock_process('SINF', l.lea) FROM unnest(leas) WITH ORDINALITY AS l (lea, place) ORDER BY l.place;
	FOR new_batch IN SELECT b FROM calpads.make_sinf_batches(leas, coalesce(all_students, false)) b LOOP
		PERFORM calpads.warn_of_unsent_enrollments(new_batch);
		RETURN QUERY SELECT f.* FROM calpads.open_batch(new_batch) f;
	END LOOP;
END;
$$;
COMMENT ON FUNCTION calpads.create_sinf_extract(text, boolean) IS
	'what create_extract(''SINF'') does: the records of calpads.sinf_delta() as a batch for each LEA';

-- ---------------------------------------------------------------------------
-- 13b. Special education: CASEMIS and CALPADS files into CSE and CSV
--
-- A run takes a students file and, by the profile's option, a services file
-- (spec/casemis.md): the rows are kept in calpads.casemis_record, each gets an
-- outcome by a few statements over all of them, and what has the outcome
-- 'imported' is written to the SIS.  Everything happens in one transaction.
-- ---------------------------------------------------------------------------

CREATE TABLE calpads.casemis_profile (
	name text COLLATE "C" PRIMARY KEY CHECK (name ~ '^[^[:cntrl:]]+$'),
	services boolean NOT NULL DEFAULT false,
	location text,
	students_file text NOT NULL DEFAULT 'tableA.csv',
	services_file text NOT NULL DEFAULT 'tableB.csv',
	students_layout text COLLATE "C" CHECK (students_layout IN ('casemis_a', 'sped', 'plan', 'swds', 'meet')),
	services_layout text COLLATE "C" CHECK (services_layout IN ('casemis_b', 'ssrv', 'serv')),
	academic_year text COLLATE "C" CHECK (academic_year ~ '^\d{4}-\d{4}$'),
	skip_unserved boolean NOT NULL DEFAULT false,
	skip_unchanged boolean NOT NULL DEFAULT false,
	recipients text[] NOT NULL DEFAULT '{}',
	attach_reports boolean NOT NULL DEFAULT false,
	keep_imports integer NOT NULL DEFAULT 30 CHECK (keep_imports > 0)
);
COMMENT ON TABLE calpads.casemis_profile IS 'what calpads.casemis_run() imports, from where, and who is told (spec/casemis.md section 7)';
COMMENT ON COLUMN calpads.casemis_profile.services IS 'the services file is imported too';
COMMENT ON COLUMN calpads.casemis_profile.location IS
	'where the files are, as calpads.fetch_file() takes it: a foreign server, or folder:subfolder; null: they are always given';
COMMENT ON COLUMN calpads.casemis_profile.students_file IS 'name of the students file';
COMMENT ON COLUMN calpads.casemis_profile.services_file IS 'name of the services file';
COMMENT ON COLUMN calpads.casemis_profile.students_layout IS 'layout of the students file; null: by its header or form';
COMMENT ON COLUMN calpads.casemis_profile.services_layout IS 'layout of the services file; null: by its header or form';
COMMENT ON COLUMN calpads.casemis_profile.academic_year IS
	'school year whose services are replaced, for a database of an earlier year; null: the one of calpads.today';
COMMENT ON COLUMN calpads.casemis_profile.skip_unserved IS 'students without services (plan types 70, 80, 90; 700, 800, 900) are passed over';
COMMENT ON COLUMN calpads.casemis_profile.skip_unchanged IS 'files that were imported last time are not imported again; false: only a warning';
COMMENT ON COLUMN calpads.casemis_profile.recipients IS 'mail addresses of those who are told of every run';
COMMENT ON COLUMN calpads.casemis_profile.attach_reports IS
	'the reports, which name students, go with the mail; false: the mail has only counts';
COMMENT ON COLUMN calpads.casemis_profile.keep_imports IS 'the records of so many runs are kept; counts and messages of all';

CREATE TABLE calpads.casemis_import (
	import_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	profile text COLLATE "C" NOT NULL,
	status text NOT NULL CHECK (status IN ('succeeded', 'skipped', 'failed')),
	students_read bigint NOT NULL DEFAULT 0,
	students_matched bigint NOT NULL DEFAULT 0,
	students_unmatched bigint NOT NULL DEFAULT 0,
	students_duplicate bigint NOT NULL DEFAULT 0,
	students_error bigint NOT NULL DEFAULT 0,
	services_read bigint NOT NULL DEFAULT 0,
	services_matched bigint NOT NULL DEFAULT 0,
	services_unmatched bigint NOT NULL DEFAULT 0,
	services_error bigint NOT NULL DEFAULT 0,
	started_at timestamptz NOT NULL,
	finished_at timestamptz NOT NULL
);
COMMENT ON TABLE calpads.casemis_import IS 'runs of the special education import, also those that failed';
COMMENT ON COLUMN calpads.casemis_import.status IS
	'succeeded; skipped: the files were those of the last run (skip_unchanged); failed: nothing was changed, '
	'calpads.casemis_message tells why';
COMMENT ON COLUMN calpads.casemis_import.students_read IS
	'records, but for those that are passed over by transaction type, plan type or as older: matched + unmatched + duplicate + error';

CREATE TABLE calpads.casemis_import_file (
	import_id bigint NOT NULL,
	file text COLLATE "C" NOT NULL CHECK (file IN ('students', 'services')),
	file_name text NOT NULL,
	size bigint NOT NULL,
	sha256 text COLLATE "C" NOT NULL,
	changed_at timestamptz,
	layout text COLLATE "C",
	encoding text,
	has_header boolean,
	columns text[],
	sis_columns text[],
	PRIMARY KEY (import_id, file)
);
COMMENT ON TABLE calpads.casemis_import_file IS 'the files of a run';
COMMENT ON COLUMN calpads.casemis_import_file.size IS 'in bytes';
COMMENT ON COLUMN calpads.casemis_import_file.sha256 IS 'SHA-256 of the bytes in hexadecimal digits, by which a stale file is noticed';
COMMENT ON COLUMN calpads.casemis_import_file.changed_at IS 'when its sender wrote it; null: its bytes were given';
COMMENT ON COLUMN calpads.casemis_import_file.layout IS 'layout by which it was read; null: it was not';
COMMENT ON COLUMN calpads.casemis_import_file.encoding IS 'UTF8 or WIN1252, one for the whole file';
COMMENT ON COLUMN calpads.casemis_import_file.columns IS
	'what each column holds: a field of the layout, or an unknown header in lower case; null: a column without a name';
COMMENT ON COLUMN calpads.casemis_import_file.sis_columns IS 'the columns of CSE (students) or CSV (services) that it fills';

CREATE TABLE calpads.casemis_record (
	import_id bigint NOT NULL,
	file text COLLATE "C" NOT NULL,
	record_no bigint NOT NULL,
	line_no bigint NOT NULL,
	outcome text COLLATE "C" CHECK (outcome IN ('imported', 'unmatched', 'duplicate', 'error', 'skipped')),
	reason text,
	wrong_column text COLLATE "C",
	student_id integer,
	ssid text COLLATE "C",
	local_student_id text COLLATE "C",
	selpa_code text COLLATE "C",
	special_education_id text COLLATE "C",
	last_name text,
	first_name text,
	birthdate text,
	grade text,
	service text COLLATE "C",
	cells text[] NOT NULL,
	PRIMARY KEY (import_id, file, record_no)
);
COMMENT ON TABLE calpads.casemis_record IS 'the records of the files of the newest runs, whole, and what became of them';
COMMENT ON COLUMN calpads.casemis_record.record_no IS 'number of the record in its file, from 1, the header not counted';
COMMENT ON COLUMN calpads.casemis_record.line_no IS 'line of the file where it begins, from 1';
COMMENT ON COLUMN calpads.casemis_record.reason IS 'why it was not imported, without anything of the student''s';
COMMENT ON COLUMN calpads.casemis_record.wrong_column IS 'column of the value in error';
COMMENT ON COLUMN calpads.casemis_record.student_id IS 'STU.ID of the student that the record hits';
COMMENT ON COLUMN calpads.casemis_record.special_education_id IS 'the student''s ID in the special education system: STUDENT_ID of CASEMIS';
COMMENT ON COLUMN calpads.casemis_record.cells IS
	'all values as they came, by calpads.casemis_import_file.columns; of a line that cannot be divided the line';

CREATE TABLE calpads.casemis_message (
	message_no bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	import_id bigint NOT NULL,
	severity text NOT NULL CHECK (severity IN ('warning', 'error')),
	file text COLLATE "C",
	record_no bigint,
	line_no bigint,
	message text NOT NULL,
	detail text,
	hint text,
	sqlstate text
);
CREATE INDEX casemis_message_import ON calpads.casemis_message (import_id);
COMMENT ON TABLE calpads.casemis_message IS
	'the log of a run: warnings about files and records, and why a run failed; records in error are in calpads.casemis_error';
COMMENT ON COLUMN calpads.casemis_message.record_no IS 'the record it is about; null: the whole file or run';
COMMENT ON COLUMN calpads.casemis_message.sqlstate IS 'SQLSTATE of the error for which a run failed';

CREATE TABLE calpads.casemis_not_in_file (
	import_id bigint NOT NULL,
	student_id integer NOT NULL,
	ssid text COLLATE "C",
	first_name text,
	last_name text,
	birthdate date,
	grade text,
	PRIMARY KEY (import_id, student_id)
);
COMMENT ON TABLE calpads.casemis_not_in_file IS
	'special education students of the SIS that a run did not touch, as the SIS had them then';

CREATE TABLE calpads.casemis_change (
	import_id bigint NOT NULL,
	student_id integer NOT NULL,
	table_name text COLLATE "C" NOT NULL,
	service text,
	before text[],
	after text[]
);
CREATE INDEX casemis_change_import ON calpads.casemis_change (import_id, student_id);
COMMENT ON TABLE calpads.casemis_change IS 'what the newest runs changed in the SIS; calpads.casemis_change_log has a row for each column';
COMMENT ON COLUMN calpads.casemis_change.service IS 'CSV: code of the service; CSE: null';
COMMENT ON COLUMN calpads.casemis_change.before IS
	'values of the columns calpads.casemis_import_file.sis_columns before the run, blank ones null; null: the row is new';
COMMENT ON COLUMN calpads.casemis_change.after IS 'the same after the run; null: the row was deleted';

SELECT pg_catalog.pg_extension_config_dump('calpads.casemis_profile', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.casemis_import', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.casemis_import_import_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.casemis_import_file', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.casemis_record', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.casemis_message', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.casemis_message_message_no_seq', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.casemis_not_in_file', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.casemis_change', '');

-- ---- the columns of a file -------------------------------------------------------

CREATE FUNCTION calpads.casemis_date(value text) RETURNS date
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'calpads_casemis_date';
COMMENT ON FUNCTION calpads.casemis_date(text) IS
	'a date of a special education file: CCYYMMDD, MM/DD/CCYY or M/D/CCYY; null: it is none of these';

CREATE FUNCTION calpads.wrong_cell(cells text[], types text[], lengths integer[], OUT "position" integer, OUT complaint text)
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'calpads_wrong_cell';
COMMENT ON FUNCTION calpads.wrong_cell(text[], text[], integer[]) IS
	'the first cell that is not of its column''s type (as in calpads.layout_field; null: anything goes) or longer than it '
	'(null: any length), and why; nulls: all are right';

CREATE FUNCTION calpads.casemis_fields(layout text, OUT field text, OUT ordinal bigint, OUT type text, OUT max_length integer,
	OUT codeset text, OUT label text, OUT number text) RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT f.name, row_number() OVER (ORDER BY f.ordinal), f.type, f.max_length, f.codeset, f.label, f.number
	FROM calpads.layout_field f
	WHERE f.layout = casemis_fields.layout
	ORDER BY f.ordinal
$$;
COMMENT ON FUNCTION calpads.casemis_fields(text) IS
	'the fields of a special education layout in order; of all years, because the layouts of the state are past';

-- CASEMIS has seven fillers, whose names may all be FILLER; they are known by
-- their places A-12 and A-57 to A-62, and in a file that leaves columns out by
-- their order (spec/casemis.md section 2).
CREATE FUNCTION calpads.casemis_filler(place integer, nth bigint, fillers bigint) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	RETURN CASE
		WHEN place BETWEEN 57 AND 62 THEN 'filler' || place - 56
		WHEN place = 12 THEN 'filler'
		WHEN fillers = 6 THEN 'filler' || nth
		WHEN fillers = 7 THEN 'filler' || nullif(nth - 1, 0)::text
	END;
COMMENT ON FUNCTION calpads.casemis_filler(integer, bigint, bigint) IS
	'field of the nth of so many columns named FILLER of Table A, at that place; null: it cannot be told';

CREATE FUNCTION calpads.casemis_columns(layout text, header text[]) RETURNS text[]
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH known AS (
		SELECT calpads.column_alias(n.name) AS alias, min(f.field) AS field
		FROM calpads.casemis_fields(casemis_columns.layout) f
			CROSS JOIN LATERAL (VALUES (f.field), (f.label), (f.number)) AS n (name)
		WHERE calpads.column_alias(n.name) <> 'filler'
		GROUP BY 1
		UNION
		SELECT h.alias, h.field FROM calpads.casemis_header h WHERE h.layout = casemis_columns.layout
	), named AS (
		SELECT h.place::integer AS place, calpads.column_alias(h.cell) AS alias,
			row_number() OVER (PARTITION BY calpads.column_alias(h.cell) ORDER BY h.place) AS nth,
			count(*) OVER (PARTITION BY calpads.column_alias(h.cell)) AS same
		FROM unnest(header) WITH ORDINALITY AS h (cell, place)
	), bound AS (
		SELECT n.place, n.alias, CASE
			WHEN n.alias = 'filler' AND casemis_columns.layout = 'casemis_a' THEN calpads.casemis_filler(n.place, n.nth, n.same)
			ELSE k.field END AS field
		FROM named n
			LEFT JOIN (SELECT DISTINCT ON (k.alias) k.alias, k.field FROM known k ORDER BY k.alias, k.field) AS k ON k.alias = n.alias
	)
	SELECT array_agg(CASE
			WHEN b.field IS NOT NULL THEN CASE WHEN b.first THEN b.field END
			ELSE nullif(b.alias, '') END ORDER BY b.place)
	FROM (SELECT o.*, row_number() OVER (PARTITION BY o.field ORDER BY o.place) = 1 AS first FROM bound o) AS b
$$;
COMMENT ON FUNCTION calpads.casemis_columns(text, text[]) IS
	'what each column below a header holds: a field of the layout, else the header''s letters and digits in lower case; '
	'null: no name, or a field that an earlier column holds';

CREATE FUNCTION calpads.casemis_cell(columns text[], VARIADIC fields text[]) RETURNS text
	LANGUAGE sql IMMUTABLE
	SET search_path = pg_catalog, pg_temp
	RETURN coalesce((SELECT format('r.cells[%s]', array_position(columns, f.name))
		FROM unnest(fields) WITH ORDINALITY AS f (name, place)
		WHERE f.name = ANY (columns)
		ORDER BY f.place LIMIT 1), 'NULL::text');
COMMENT ON FUNCTION calpads.casemis_cell(text[], text[]) IS
	'the SQL expression for the first of the fields that the file has, in a record r';

CREATE FUNCTION calpads.casemis_layouts(file text, beside text) RETURNS SETOF text
	LANGUAGE sql IMMUTABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT l.layout
	FROM (VALUES ('students', 'casemis_a', 1), ('students', 'sped', 2), ('students', 'plan', 3), ('students', 'swds', 3),
		('students', 'meet', 3), ('services', 'casemis_b', 1), ('services', 'ssrv', 2), ('services', 'serv', 3))
			AS l (file, layout, generation)
	WHERE l.file = casemis_layouts.file
	ORDER BY l.generation IS DISTINCT FROM
		CASE WHEN beside IS NULL OR beside = 'casemis_a' THEN 1 WHEN beside = 'sped' THEN 2 ELSE 3 END, l.generation, l.layout
$$;
COMMENT ON FUNCTION calpads.casemis_layouts(text, text) IS
	'the layouts that a students or services file can have, first the generation of the file beside it';

-- A header names columns; a file without one is known by its record type, or
-- as Table A by its 67 columns.  Table B without a header is refused, because
-- nobody has published its order.
CREATE FUNCTION calpads.casemis_recognise(file text, wanted text, beside text, first_cells text[],
	OUT layout text, OUT has_header boolean, OUT columns text[])
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH candidate AS MATERIALIZED (
		SELECT l.layout, l.rank, calpads.casemis_columns(l.layout, first_cells) AS columns
		FROM calpads.casemis_layouts(file, beside) WITH ORDINALITY AS l (layout, rank)
		WHERE l.layout = coalesce(wanted, l.layout)
	), counted AS (
		SELECT c.*, f.hits, f.fields,
			f.keys > 0 OR 2 * f.hits > cardinality(array_remove(first_cells, NULL)) AS has_header
		FROM candidate c
			CROSS JOIN LATERAL (
				SELECT array_agg(d.field ORDER BY d.ordinal) AS fields,
					count(*) FILTER (WHERE d.field = ANY (c.columns)) AS hits,
					count(*) FILTER (WHERE d.field = ANY (c.columns) AND d.field IN ('ssid', 'last_name', 'student_id',
						'local_student_id', 'local_special_education_student_id')) AS keys
				FROM calpads.casemis_fields(c.layout) d) AS f
	), choice AS (
		-- Without any of these a short header is not that of Table A.
		SELECT c.layout, true AS has_header, c.columns, 1 AS kind, -c.hits AS preference,
			c.layout = 'casemis_a' AND NOT c.columns && '{last_name,first_name,student_id,birthdate}' AS is_doubtful, c.rank
		FROM counted c
		WHERE c.has_header
		UNION ALL
		SELECT c.layout, false, c.fields, 2, 0, false, c.rank
		FROM counted c JOIN calpads.layout l ON l.name = c.layout
		WHERE first_cells[1] IN (l.record_type, l.other_record_type)
			OR c.layout = 'casemis_a' AND cardinality(first_cells) = cardinality(c.fields)
	)
	SELECT c.layout, c.has_header, c.columns FROM choice c ORDER BY c.kind, c.preference, c.is_doubtful, c.rank LIMIT 1
$$;
COMMENT ON FUNCTION calpads.casemis_recognise(text, text, text, text[]) IS
	'layout and columns of a file by its first record (wanted: only that layout; beside: layout of the students file); '
	'nulls: it cannot be told';

CREATE FUNCTION calpads.casemis_key_headers(layout text) RETURNS text[]
	LANGUAGE sql IMMUTABLE
	SET search_path = pg_catalog, pg_temp
	RETURN CASE layout
		WHEN 'casemis_a' THEN ARRAY['last_name', 'first_name', 'student_id', 'ssid', 'birthdate']
		WHEN 'casemis_b' THEN ARRAY['service']
		WHEN 'ssrv' THEN ARRAY['special_education_service_code']
		WHEN 'serv' THEN ARRAY['special_education_service_code']
		ELSE ARRAY[]::text[]
	END;
COMMENT ON FUNCTION calpads.casemis_key_headers(text) IS 'columns without which a file is refused (spec/casemis.md section 2)';

CREATE FUNCTION calpads.check_casemis_columns(file_name text, layout text, columns text[]) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	missing text[];
	unknown text := (SELECT string_agg(c.name, ', ' ORDER BY c.place)
		FROM unnest(columns) WITH ORDINALITY AS c (name, place)
		WHERE c.name NOT IN (SELECT f.field FROM calpads.casemis_fields(layout) f));
	persons text[] := ARRAY['ssid', 'student_id', 'local_student_id', 'local_special_education_student_id'];
BEGIN
	SELECT array_agg(upper(k)) INTO missing
	FROM unnest(calpads.casemis_key_headers(layout)) AS k
	WHERE NOT k = ANY (columns);
	IF missing IS NULL AND NOT persons && columns THEN
		missing := ARRAY['SSID'];
	END IF;
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'bad_copy_file_format',
			MESSAGE = format('the header lacks %s', array_to_string(missing, ', ')),
			DETAIL = format('File "%s" was taken for layout %s by its other columns.', file_name, layout)
				|| coalesce(format(' Its unknown columns: %s.', unknown), ''),
			HINT = 'Correct the name in the first line, or add it to calpads.casemis_header.';
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.check_casemis_columns(text, text, text[]) IS 'refuses a file without the columns by which students are found';

-- ---- reading ---------------------------------------------------------------------

CREATE FUNCTION calpads.casemis_warn(import_id bigint, file text, message text, detail text DEFAULT NULL) RETURNS void
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO calpads.casemis_message (import_id, severity, file, message, detail)
	VALUES (casemis_warn.import_id, 'warning', casemis_warn.file, casemis_warn.message, casemis_warn.detail)
$$;
COMMENT ON FUNCTION calpads.casemis_warn(bigint, text, text, text) IS 'writes a warning about a file or a run to its log';

CREATE FUNCTION calpads.warn_of_columns(read calpads.casemis_import_file) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	unknown text;
	missing text;
	known text[] := ARRAY(SELECT f.field FROM calpads.casemis_fields(read.layout) f
		UNION SELECT t.field FROM calpads.casemis_target t WHERE t.layout = read.layout);
BEGIN
	IF NOT read.has_header THEN
		IF EXISTS (SELECT FROM calpads.casemis_fields(read.layout) f WHERE f.number IS NULL OR f.field LIKE 'unknown%') THEN
			PERFORM calpads.casemis_warn(read.import_id, read.file, 'the file has no header, so its columns were taken by place',
				format('The places of layout %s are not all confirmed.', read.layout));
		END IF;
		RETURN;
	END IF;
	SELECT string_agg(coalesce(c.name, 'column ' || c.place), ', ' ORDER BY c.place) INTO unknown
	FROM unnest(read.columns) WITH ORDINALITY AS c (name, place)
	WHERE c.name = ANY (known) IS NOT TRUE;
	IF unknown IS NOT NULL THEN
		PERFORM calpads.casemis_warn(read.import_id, read.file, 'columns are unknown or there twice and were not imported', unknown);
	END IF;
	SELECT string_agg(upper(f.field), ', ' ORDER BY f.ordinal) INTO missing
	FROM calpads.casemis_fields(read.layout) f
	WHERE NOT f.field = ANY (read.columns)
		AND EXISTS (SELECT FROM calpads.casemis_target t WHERE t.layout = read.layout AND t.field = f.field);
	IF missing IS NOT NULL THEN
		PERFORM calpads.casemis_warn(read.import_id, read.file, 'columns are missing; what the SIS has there stays', missing);
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.warn_of_columns(calpads.casemis_import_file) IS 'logs the columns of a file that are unknown, missing or uncertain';

CREATE FUNCTION calpads.casemis_column_checks(layout text, columns text[], OUT types text[], OUT lengths integer[])
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	SELECT array_agg(coalesce(CASE WHEN s.is_number THEN 'integer' WHEN s.is_date THEN 'date8' END, f.type,
				CASE WHEN s.width IS NOT NULL THEN 'code' END)
				ORDER BY c.place),
			-- Names are only compared, and only by their first 15 characters.
			array_agg(CASE WHEN f.field IN ('last_name', 'first_name') THEN NULL
				WHEN f.type = 'date8' THEN NULL ELSE least(f.max_length, s.width) END ORDER BY c.place)
		INTO types, lengths
	FROM unnest(columns) WITH ORDINALITY AS c (name, place)
		LEFT JOIN calpads.casemis_fields(casemis_column_checks.layout) f ON f.field = c.name
		LEFT JOIN LATERAL (
			SELECT min(CASE WHEN a.atttypid IN ('varchar'::regtype, 'bpchar'::regtype) AND a.atttypmod > 4
					THEN a.atttypmod - 4 END) AS width,
				bool_or(a.atttypid IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype, 'numeric'::regtype)) AS is_number,
				bool_or(a.atttypid IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype)) AS is_date
			FROM calpads.casemis_target t
				JOIN pg_attribute a ON a.attrelid = calpads.sis_table_name(NULL, t.sis_table)::regclass AND a.attname = t.sis_column
			WHERE t.layout = casemis_column_checks.layout AND t.field = c.name AND t.conversion IS NULL) AS s ON true;
END;
$$;
COMMENT ON FUNCTION calpads.casemis_column_checks(text, text[]) IS
	'types and lengths of the columns of a file for calpads.wrong_cell(), also those of the SIS columns that take them';

-- Of code sets only the complete ones refuse (spec/casemis.md section 6).
CREATE FUNCTION calpads.casemis_code_check(layout text, columns text[]) RETURNS text
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce('CASE ' || string_agg(format('WHEN NOT r.cells[%s] = ANY (%L) THEN %1$s', f.place, f.codes), ' ' ORDER BY f.place)
		|| ' END', 'NULL::integer')
	FROM (SELECT array_position(columns, d.field) AS place, array_agg(c.code) AS codes
		FROM calpads.casemis_fields(casemis_code_check.layout) d
			JOIN calpads.codeset s ON s.name = d.codeset AND s.complete
			JOIN calpads.code c ON c.codeset = s.name
		WHERE d.field = ANY (columns) AND d.field <> 'transaction_type_code'
		GROUP BY d.field) AS f
$$;
COMMENT ON FUNCTION calpads.casemis_code_check(text, text[]) IS
	'the SQL expression for the first column of a record r whose code is not in its complete code set';

-- Students: A and blank are taken; services: A and R (spec/casemis.md section 10).
CREATE FUNCTION calpads.casemis_skip_reason(file text, columns text[], skip_unserved boolean) RETURNS text
	LANGUAGE sql IMMUTABLE
	SET search_path = pg_catalog, pg_temp
	RETURN format($sql$CASE WHEN upper(%s) NOT IN ('A', %L) THEN 'its transaction type is not imported'
		WHEN %L::boolean AND %s IN ('70', '80', '90', '700', '800', '900') THEN 'its plan type is one without services' END$sql$,
		calpads.casemis_cell(columns, 'transaction_type_code'), CASE file WHEN 'services' THEN 'R' ELSE 'A' END,
		skip_unserved, calpads.casemis_cell(columns, 'plan_type', 'education_plan_type_code', 'special_education_plan_type_code'));
COMMENT ON FUNCTION calpads.casemis_skip_reason(text, text[], boolean) IS 'the SQL expression for why a record r is passed over';

-- Without these nobody can be found.
CREATE FUNCTION calpads.casemis_key_reason(file text, layout text) RETURNS text
	LANGUAGE sql IMMUTABLE
	SET search_path = pg_catalog, pg_temp
	RETURN $sql$CASE WHEN k.ssid !~ '^[0-9]{10}$' THEN 'the SSID does not have ten digits'
		WHEN $sql$ || CASE
		WHEN file = 'services' THEN $sql$k.service IS NULL THEN 'the service is missing'
			WHEN num_nonnulls(k.ssid, k.special_education_id) = 0 THEN 'both the SSID and the student''s ID are missing'$sql$
		WHEN layout = 'casemis_a' THEN $sql$k.ssid IS NULL AND num_nulls(k.last_name, k.first_name, k.birthdate) > 0
			THEN 'there is no SSID, and the name or birth date is incomplete'$sql$
		ELSE $sql$num_nonnulls(k.ssid, k.local_student_id) = 0 THEN 'both the SSID and the local student ID are missing'$sql$
		END || ' END';
COMMENT ON FUNCTION calpads.casemis_key_reason(text, text) IS 'the SQL expression for what is wrong with the keys k of a record';

CREATE FUNCTION calpads.casemis_keys(columns text[]) RETURNS text
	LANGUAGE sql IMMUTABLE
	SET search_path = pg_catalog, pg_temp
	RETURN (SELECT string_agg(format('%s AS %I', k.cell, k.name), ', ' ORDER BY k.place)
		FROM (VALUES
			(1, 'ssid', calpads.casemis_cell(columns, 'ssid')),
			(2, 'local_student_id', calpads.casemis_cell(columns, 'local_student_id')),
			(3, 'selpa_code', calpads.casemis_cell(columns, 'selpa_code', 'reporting_selpa')),
			(4, 'special_education_id', calpads.casemis_cell(columns, 'student_id', 'local_special_education_student_id')),
			(5, 'last_name', calpads.casemis_cell(columns, 'last_name', 'student_legal_last_name')),
			(6, 'first_name', calpads.casemis_cell(columns, 'first_name', 'student_legal_first_name')),
			(7, 'birthdate', calpads.casemis_cell(columns, 'birthdate', 'student_birth_date')),
			(8, 'grade', calpads.casemis_cell(columns, 'grade')),
			(9, 'service', calpads.casemis_cell(columns, 'service', 'special_education_service_code'))) AS k (place, name, cell));
COMMENT ON FUNCTION calpads.casemis_keys(text[]) IS 'the SQL expressions for the columns of calpads.casemis_record that come from a record r';

-- Some systems write a code with its name behind it, as "415 - Language and
-- Speech" (spec/casemis.md section 11).
CREATE FUNCTION calpads.casemis_code_columns(layout text, columns text[]) RETURNS integer[]
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(array_agg(array_position(columns, f.field)), '{}')
	FROM calpads.casemis_fields(casemis_code_columns.layout) f
	WHERE f.field = ANY (columns) AND f.codeset LIKE 'casemis_service%'
$$;
COMMENT ON FUNCTION calpads.casemis_code_columns(text, text[]) IS 'places of the columns whose codes may have their names behind them';

CREATE FUNCTION calpads.without_code_names(cells text[], code_columns integer[]) RETURNS text[]
	LANGUAGE sql IMMUTABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT array_agg(CASE WHEN c.place = ANY (code_columns) THEN regexp_replace(c.cell, '^(\d+) +- .*$', '\1') ELSE c.cell END
		ORDER BY c.place)
	FROM unnest(cells) WITH ORDINALITY AS c (cell, place)
$$;
COMMENT ON FUNCTION calpads.without_code_names(text[], integer[]) IS '"415 - Language and Speech" becomes 415 in these columns';

CREATE FUNCTION calpads.store_casemis_records(read calpads.casemis_import_file, content bytea, skip_unserved boolean) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	checks record;
	code_columns integer[] := calpads.casemis_code_columns(read.layout, read.columns);
	optional integer := (SELECT CASE WHEN read.has_header THEN 0 ELSE l.optional_trailing_fields END
		FROM calpads.layout l WHERE l.name = read.layout);
	expected integer := cardinality(read.columns);
BEGIN
	checks := calpads.casemis_column_checks(read.layout, read.columns);
	EXECUTE format($query$
		INSERT INTO calpads.casemis_record (import_id, file, record_no, line_no, outcome, reason, wrong_column,
			ssid, local_student_id, selpa_code, special_education_id, last_name, first_name, birthdate, grade, service, cells)
		SELECT $1, $2, r.ordinality - $3::integer, r.line_no, o.outcome, o.reason,
			CASE WHEN o.outcome = 'error' AND o.place IS NOT NULL THEN coalesce(upper(($4)[o.place]), 'column ' || o.place) END,
			k.*, CASE WHEN cardinality(r.cells) = 0 THEN ARRAY[r.line] ELSE r.cells END
		FROM (SELECT s.*, calpads.wrong_cell(s.cells, $7, $8) AS wrong
				FROM (SELECT f.ordinality, f.line_no, f.line, f.complaint, %1$s AS cells
					FROM calpads.read_rows($5, $6) WITH ORDINALITY f
					WHERE f.ordinality > $3::integer
					OFFSET 0) AS s
				OFFSET 0) AS r
			CROSS JOIN LATERAL (SELECT %2$s) AS k
			CROSS JOIN LATERAL (SELECT (r.wrong).position, (r.wrong).complaint, %3$s AS code_position) AS w
			CROSS JOIN LATERAL (SELECT CASE
					WHEN cardinality(r.cells) > 0 AND cardinality(r.cells) NOT BETWEEN $9 AND $10
						THEN format('the record has %%s instead of %%s columns', cardinality(r.cells), $10)
					ELSE r.complaint END AS form, %4$s AS skip, %5$s AS keys) AS c
			CROSS JOIN LATERAL (SELECT
				CASE WHEN c.form IS NULL AND c.skip IS NOT NULL THEN 'skipped'
					WHEN num_nonnulls(c.form, w.position, w.code_position, c.keys) > 0 THEN 'error' END AS outcome,
				coalesce(c.form, c.skip, w.complaint,
					CASE WHEN w.code_position IS NOT NULL THEN 'the code is not in its code set' END, c.keys) AS reason,
				CASE WHEN num_nonnulls(c.form, c.skip) = 0 THEN coalesce(w.position, w.code_position,
					CASE WHEN c.keys LIKE 'the SSID%%' THEN array_position($4, 'ssid') END) END AS place) AS o$query$,
		CASE WHEN code_columns = '{}' THEN 'f.cells'
			ELSE format('CASE WHEN f.line ~ %L THEN calpads.without_code_names(f.cells, %L) ELSE f.cells END', '[0-9] +- ', code_columns) END,
		calpads.casemis_keys(read.columns), calpads.casemis_code_check(read.layout, read.columns),
		calpads.casemis_skip_reason(read.file, read.columns, skip_unserved),
		calpads.casemis_key_reason(read.file, read.layout))
	USING read.import_id, read.file, read.has_header, read.columns, read.file_name, content, checks.types, checks.lengths,
		expected - optional, expected;
END;
$$;
COMMENT ON FUNCTION calpads.store_casemis_records(calpads.casemis_import_file, bytea, boolean) IS
	'puts the records of a file into calpads.casemis_record and marks those that are passed over or in error';

-- A row for each value, however many records have it.  Nearly all records have
-- none, so they are looked at as a whole first.
CREATE FUNCTION calpads.warn_of_codes(read calpads.casemis_import_file) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	some_unknown text;
	pairs text;
BEGIN
	SELECT string_agg(format('r.cells[%s] <> ALL (%L)', f.place, f.codes), ' OR '),
			string_agg(format('(%L, %L, CASE WHEN r.cells[%3$s] <> ALL (%4$L) THEN r.cells[%3$s] END)', f.field, f.codeset, f.place, f.codes), ', ')
		INTO some_unknown, pairs
	FROM (SELECT d.field, d.codeset, array_position(read.columns, d.field) AS place, array_agg(c.code) AS codes
		FROM calpads.casemis_fields(read.layout) d
			JOIN calpads.codeset s ON s.name = d.codeset AND NOT s.complete
			JOIN calpads.code c ON c.codeset = s.name
		WHERE d.field = ANY (read.columns)
		GROUP BY d.field, d.codeset) AS f;
	IF pairs IS NULL THEN
		RETURN;
	END IF;
	EXECUTE format($query$
		INSERT INTO calpads.casemis_message (import_id, severity, file, record_no, message, detail)
		SELECT $1, 'warning', $2, min(r.record_no),
			format('value "%%s" of column %%s is not in code set %%s', v.value, upper(v.field), v.codeset),
			format('%%s records have it; the code set may be incomplete, so the value is taken.', count(*))
		FROM calpads.casemis_record r
			CROSS JOIN LATERAL (VALUES %s) AS v (field, codeset, value)
		WHERE r.import_id = $1 AND r.file = $2 AND r.outcome IS NULL AND (%s) AND v.value IS NOT NULL
		GROUP BY v.field, v.codeset, v.value
		ORDER BY min(r.record_no), v.field$query$, pairs, some_unknown)
	USING read.import_id, read.file;
END;
$$;
COMMENT ON FUNCTION calpads.warn_of_codes(calpads.casemis_import_file) IS 'logs the values that are not in their incomplete code sets';

-- What CALPADS itself would refuse (spec/casemis.md section 10) only warns here:
-- the import serves the SIS.
CREATE FUNCTION calpads.casemis_rules(layout text, columns text[], OUT rule text, OUT complaint text, OUT condition text) RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH rule (layout, rule, complaint, fields, condition) AS (
		VALUES
			('sped', 'SPED0003, SPED0004', 'the code of a nonpublic school goes with school 0000001, and only with it',
				'{school_of_attendance,school_of_attendance_nps}'::text[], $sql$(coalesce(%1$s, '') = '0000001') <> (%2$s IS NOT NULL)$sql$),
			('sped', 'SPED0331', 'an amendment date goes with plan types 100, 150 and 200',
				'{education_plan_amendment_date,education_plan_type_code}', $sql$%1$s IS NOT NULL AND coalesce(%2$s, '') NOT IN ('100', '150', '200')$sql$),
			('ssrv', 'SSRV0004', 'the code of a nonpublic school goes with school 0000001, and only with it',
				'{school_of_attendance,school_of_attendance_nps}', $sql$(coalesce(%1$s, '') = '0000001') <> (%2$s IS NOT NULL)$sql$),
			('ssrv', 'SSRV0327, SSRV0328', 'the identifier of a nonpublic agency goes with provider 400, and only with it',
				'{special_education_service_provider_code,nonpublic_agency_identifier_npa}',
				$sql$(coalesce(%1$s, '') = '400') <> (%2$s IS NOT NULL)$sql$),
			('ssrv', 'SSRV0329', 'frequency and duration go together',
				'{service_frequency_code,service_duration}', 'num_nonnulls(%1$s, %2$s) = 1'),
			('ssrv', 'SSRV0330', 'the duration is less than 10 minutes',
				'{service_duration}', $sql$CASE WHEN %1$s ~ '^[0-9]+$' THEN %1$s::numeric < 10 END$sql$)
	), pair (name, fields) AS (
		VALUES
			('sped_meeting_type_plan_type', '{special_education_meeting_type_code,education_plan_type_code}'::text[]),
			('sped_meeting_type_meeting_delay', '{special_education_meeting_type_code,meeting_delay_code}'),
			('sped_plan_type_program_setting', '{education_plan_type_code,special_education_program_setting_code}'),
			('sped_plan_type_exit_reason', '{education_plan_type_code,special_education_program_exit_reason_code}')
	)
	SELECT r.rule, r.complaint, format(r.condition, calpads.casemis_cell(columns, r.fields[1]), calpads.casemis_cell(columns, r.fields[2]))
	FROM rule r
	WHERE r.layout = casemis_rules.layout AND r.fields <@ columns
	UNION ALL
	SELECT 'valid combinations', format('%s and %s do not go together', upper(p.fields[1]), upper(p.fields[2])),
		format('%s || ''^'' || %s <> ALL (%L)', calpads.casemis_cell(columns, p.fields[1]), calpads.casemis_cell(columns, p.fields[2]), c.pairs)
	FROM pair p
		CROSS JOIN LATERAL (SELECT array_agg(v.code1 || '^' || v.code2) AS pairs FROM calpads.valid_combination v WHERE v.name = p.name) AS c
	WHERE casemis_rules.layout = 'sped' AND p.fields <@ columns
$$;
COMMENT ON FUNCTION calpads.casemis_rules(text, text[]) IS
	'CALPADS'' rules for the records of a file that has their columns, each with the SQL condition under which a record r breaks it';

-- A row for each rule, however many records break it.
CREATE FUNCTION calpads.warn_of_rules(read calpads.casemis_import_file) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cases text;
	some_broken text;
BEGIN
	SELECT string_agg(format('(%L, %s)', u.rule || ': ' || u.complaint, u.condition), ', '), string_agg(format('(%s)', u.condition), ' OR ')
		INTO cases, some_broken
	FROM calpads.casemis_rules(read.layout, read.columns) u;
	IF cases IS NULL THEN
		RETURN;
	END IF;
	EXECUTE format($query$
		INSERT INTO calpads.casemis_message (import_id, severity, file, record_no, message, detail)
		SELECT $1, 'warning', $2, min(r.record_no), v.message, format('%%s records.', count(*))
		FROM calpads.casemis_record r
			CROSS JOIN LATERAL (VALUES %s) AS v (message, is_broken)
		WHERE r.import_id = $1 AND r.file = $2 AND r.outcome IS NULL AND (%s) AND v.is_broken
		GROUP BY v.message
		ORDER BY min(r.record_no), v.message COLLATE "C"$query$, cases, some_broken)
	USING read.import_id, read.file;
END;
$$;
COMMENT ON FUNCTION calpads.warn_of_rules(calpads.casemis_import_file) IS 'logs which of CALPADS'' rules the records of a file break, and how many do';

-- SSRV joins SPED by three fields; meetings of type 40 need no services.
CREATE FUNCTION calpads.warn_of_meetings(students calpads.casemis_import_file, services calpads.casemis_import_file) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
AS $$
DECLARE
	meeting CONSTANT text := 'student_special_education_meeting_or_amendment_identifier';
	a text[] := students.columns;
	b text[] := services.columns;
BEGIN
	IF students.layout <> 'sped' OR services.layout <> 'ssrv' OR NOT ARRAY['ssid', 'reporting_lea', meeting] <@ a
			OR NOT ARRAY['ssid', 'reporting_lea', meeting] <@ b THEN
		RETURN;
	END IF;
	EXECUTE format($query$
		WITH student AS MATERIALIZED (
			SELECT r.record_no, concat_ws('^', %1$s, %2$s, %3$s) AS key,
				coalesce(%4$s IN ('10', '15', '20') AND %5$s IN ('100', '150', '200'), false) AS is_served
			FROM calpads.casemis_record r
			WHERE r.import_id = $1 AND r.file = 'students' AND r.outcome <> 'skipped'
		), service AS MATERIALIZED (
			SELECT r.record_no, concat_ws('^', %6$s, %7$s, %8$s) AS key
			FROM calpads.casemis_record r
			WHERE r.import_id = $1 AND r.file = 'services' AND r.outcome <> 'skipped'
		), message (file, record_no, message) AS (
			SELECT 'services', b.record_no, 'SSID, reporting LEA and meeting are those of no record of the students file'
			FROM service b
			WHERE NOT EXISTS (SELECT FROM student a WHERE a.key = b.key)
			UNION ALL
			SELECT 'students', a.record_no, 'a meeting of type 10, 15 or 20 with plan type 100, 150 or 200 has no services'
			FROM student a
			WHERE a.is_served AND NOT EXISTS (SELECT FROM service b WHERE b.key = a.key)
		)
		INSERT INTO calpads.casemis_message (import_id, severity, file, record_no, message, detail)
		SELECT $1, 'warning', m.file, min(m.record_no), m.message, format('%%s records.', count(*))
		FROM message m
		GROUP BY m.file, m.message
		ORDER BY m.file$query$,
		calpads.casemis_cell(a, 'ssid'), calpads.casemis_cell(a, 'reporting_lea'), calpads.casemis_cell(a, meeting),
		calpads.casemis_cell(a, 'special_education_meeting_type_code'), calpads.casemis_cell(a, 'education_plan_type_code'),
		calpads.casemis_cell(b, 'ssid'), calpads.casemis_cell(b, 'reporting_lea'), calpads.casemis_cell(b, meeting))
	USING students.import_id;
END;
$$;
COMMENT ON FUNCTION calpads.warn_of_meetings(calpads.casemis_import_file, calpads.casemis_import_file) IS
	'logs SSRV records without their SPED record, and SPED records that lack their services';

CREATE FUNCTION calpads.read_casemis_file(import_id bigint, file text, own calpads.casemis_profile, content bytea)
	RETURNS calpads.casemis_import_file
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	read calpads.casemis_import_file;
	recognised record;
BEGIN
	UPDATE calpads.casemis_import_file f
	SET encoding = calpads.detected_encoding(content)
	WHERE f.import_id = read_casemis_file.import_id AND f.file = read_casemis_file.file
	RETURNING f.* INTO STRICT read;
	SELECT c.* INTO recognised
	FROM calpads.casemis_recognise(file,
		CASE file WHEN 'students' THEN own.students_layout ELSE own.services_layout END,
		(SELECT f.layout FROM calpads.casemis_import_file f
			WHERE f.import_id = read_casemis_file.import_id AND f.file = 'students'),
		-- The reader judges a file by its first 64 kB as well.
		(SELECT r.cells FROM calpads.read_rows(read.file_name, substr(content, 1, 65536)) r LIMIT 1)) c;
	IF recognised.layout IS NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'bad_copy_file_format',
			MESSAGE = format('the %s file is of no kind that is known', file),
			DETAIL = format('File "%s": its first line is no header that can be read, and without one only Table A with its 67 '
				'columns and files with a record type can be taken.', read.file_name),
			HINT = 'Export it with a header row; other names for columns can be added to calpads.casemis_header.';
	END IF;
	UPDATE calpads.casemis_import_file f
	SET layout = recognised.layout, has_header = recognised.has_header, columns = recognised.columns
	WHERE f.import_id = read_casemis_file.import_id AND f.file = read_casemis_file.file
	RETURNING f.* INTO STRICT read;
	PERFORM calpads.check_casemis_columns(read.file_name, read.layout, read.columns);
	PERFORM calpads.warn_of_columns(read);
	PERFORM calpads.store_casemis_records(read, content, own.skip_unserved);
	PERFORM calpads.warn_of_codes(read);
	PERFORM calpads.warn_of_rules(read);
	RETURN read;
END;
$$;
COMMENT ON FUNCTION calpads.read_casemis_file(bigint, text, calpads.casemis_profile, bytea) IS
	'reads one file of a run into calpads.casemis_record; an error when it cannot be told what it is';

-- ---- who is who ------------------------------------------------------------------

-- A plan, a status or a meeting is one of a series: the newest that has begun counts [proposal].
CREATE FUNCTION calpads.skip_older_records(read calpads.casemis_import_file) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF read.layout NOT IN ('plan', 'swds', 'meet') THEN
		RETURN;
	END IF;
	EXECUTE format($query$
		UPDATE calpads.casemis_record u
		SET outcome = 'skipped', reason = CASE WHEN n.day > $2 THEN 'it begins after today' ELSE 'a newer record of the student counts' END
		FROM (SELECT d.record_no, d.day, rank() OVER (PARTITION BY d.ssid ORDER BY d.day > $2, d.day DESC) AS place
			FROM (SELECT r.record_no, r.ssid, coalesce(calpads.casemis_date(%s), '-infinity') AS day
				FROM calpads.casemis_record r
				WHERE r.import_id = $1 AND r.file = 'students' AND r.outcome IS NULL) AS d) AS n
		WHERE u.import_id = $1 AND u.file = 'students' AND u.record_no = n.record_no AND (n.place > 1 OR n.day > $2)$query$,
		calpads.casemis_cell(read.columns, 'special_education_plan_effective_start_date',
			'special_education_status_effective_start_date', 'meeting_date'))
	USING read.import_id, calpads.today();
END;
$$;
COMMENT ON FUNCTION calpads.skip_older_records(calpads.casemis_import_file) IS
	'of several plans, statuses or meetings of a student all but the newest that has begun are passed over';

-- Whether a row of a SIS table is deleted softly; a district's table may lack the column.
CREATE FUNCTION calpads.deleted_expression(relation regclass, alias text) RETURNS text
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	RETURN CASE WHEN EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = 'del' AND NOT a.attisdropped)
		THEN format($sql$(coalesce(%I.del::text, '') IN ('t', 'true', 'TRUE', '1', 'Y'))$sql$, alias) ELSE 'false' END;
COMMENT ON FUNCTION calpads.deleted_expression(regclass, text) IS 'the SQL expression for a softly deleted row of a SIS table';

-- SSIDs, names and birth dates of the SIS in the form in which they are
-- compared.  STU has a row for each school.
CREATE FUNCTION calpads.casemis_identities(
	OUT student_id integer,
	OUT ssid text,
	OUT last_name text,
	OUT first_name text,
	OUT birth_date date
) RETURNS SETOF record
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY EXECUTE format($query$
		SELECT DISTINCT s.id::integer, nullif(btrim(s.cid::text), ''), calpads.casemis_name(s.ln::text),
			calpads.casemis_name(s.fn::text), s.bd
		FROM %s AS s
		WHERE NOT %s$query$, calpads.sis_source(NULL, 'stu'),
		calpads.deleted_expression(calpads.sis_table_name(NULL, 'stu')::regclass, 's'));
END;
$$;
COMMENT ON FUNCTION calpads.casemis_identities() IS 'the students of the SIS as the special education import compares them';

CREATE FUNCTION calpads.casemis_name(name text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN nullif(rtrim(lower(left(btrim(name), 15))), '');
COMMENT ON FUNCTION calpads.casemis_name(text) IS 'a name as it is compared: its first 15 characters in lower case; null: none';

-- Whom each record of the students file hits: by the SSID; where there is none
-- by name and birth date (CASEMIS), where nobody has it by the local ID
-- (CALPADS).  Records in error take part, because a second record beside one
-- of them is a duplicate all the same.
CREATE FUNCTION calpads.casemis_hits(
	import_id bigint,
	is_casemis boolean,
	OUT record_no bigint,
	OUT student_id integer,
	OUT students bigint,
	OUT step integer
) RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH record AS MATERIALIZED (
		SELECT r.record_no, r.ssid, CASE WHEN r.local_student_id ~ '^[0-9]{1,9}$' THEN r.local_student_id::integer END AS local_id,
			calpads.casemis_name(r.last_name) AS last_name, calpads.casemis_name(r.first_name) AS first_name,
			calpads.casemis_date(r.birthdate) AS birth_date
		FROM calpads.casemis_record r
		WHERE r.import_id = casemis_hits.import_id AND r.file = 'students' AND r.outcome IS DISTINCT FROM 'skipped'
	), sis AS MATERIALIZED (
		SELECT i.* FROM calpads.casemis_identities() i
	), hit AS (
		SELECT r.record_no, s.student_id, 1 AS step
		FROM record r JOIN sis s ON s.ssid = r.ssid
		UNION
		SELECT r.record_no, s.student_id, 2
		FROM record r JOIN sis s ON s.last_name = r.last_name AND s.first_name = r.first_name AND s.birth_date = r.birth_date
		WHERE is_casemis AND r.ssid IS NULL
		UNION
		SELECT r.record_no, s.student_id, 2
		FROM record r JOIN sis s ON s.student_id = r.local_id
		WHERE NOT is_casemis
	)
	SELECT DISTINCT ON (h.record_no) h.record_no, min(h.student_id), count(*), h.step
	FROM hit h
	GROUP BY h.record_no, h.step
	ORDER BY h.record_no, h.step
$$;
COMMENT ON FUNCTION calpads.casemis_hits(bigint, boolean) IS
	'the student whom each record of the students file hits; students above 1: ambiguous; step: 1 by SSID, 2 by name or local ID';

CREATE FUNCTION calpads.match_casemis_students(read calpads.casemis_import_file) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
BEGIN
	WITH found AS MATERIALIZED (
		SELECT r.record_no, r.outcome, r.ssid, h.students, CASE WHEN h.students = 1 THEN h.student_id END AS student_id,
			n.name, count(*) OVER (PARTITION BY r.ssid) AS same_ssid,
			count(*) OVER (PARTITION BY CASE WHEN h.students = 1 THEN h.student_id END) AS same_student,
			count(*) OVER (PARTITION BY n.name) AS same_name
		FROM calpads.casemis_record r
			LEFT JOIN calpads.casemis_hits(read.import_id, read.layout = 'casemis_a') h ON h.record_no = r.record_no
			CROSS JOIN LATERAL (SELECT CASE WHEN read.layout = 'casemis_a' AND r.ssid IS NULL
				THEN calpads.casemis_name(r.last_name) || '^' || calpads.casemis_name(r.first_name) || '^'
					|| calpads.casemis_date(r.birthdate) END COLLATE "C" AS name) AS n
		WHERE r.import_id = read.import_id AND r.file = 'students' AND r.outcome IS DISTINCT FROM 'skipped'
	), judged AS (
		SELECT f.record_no, f.student_id, CASE
			WHEN f.ssid IS NOT NULL AND f.same_ssid > 1 THEN 'other records have the same SSID'
			WHEN f.student_id IS NOT NULL AND f.same_student > 1 THEN 'other records are of the same student of the SIS'
			WHEN f.name IS NOT NULL AND f.same_name > 1 THEN 'other records without SSID have the same name and birth date'
			END AS duplicate, CASE
			WHEN f.students > 1 THEN 'ambiguous: several students of the SIS fit'
			WHEN f.students IS NULL AND f.name IS NOT NULL THEN 'there is no SSID, and no student of the SIS has the name and birth date'
			WHEN f.students IS NULL AND f.ssid IS NULL THEN 'there is no SSID, and no student of the SIS has the local student ID'
			WHEN f.students IS NULL THEN 'no student of the SIS has the SSID' END AS unmatched
		FROM found f
	)
	UPDATE calpads.casemis_record r
	SET student_id = j.student_id,
		outcome = CASE WHEN r.outcome = 'error' THEN 'error' WHEN j.duplicate IS NOT NULL THEN 'duplicate'
			WHEN j.unmatched IS NOT NULL THEN 'unmatched' ELSE 'imported' END,
		reason = CASE WHEN r.outcome = 'error' THEN r.reason ELSE coalesce(j.duplicate, j.unmatched) END
	FROM judged j
	WHERE r.import_id = read.import_id AND r.file = 'students' AND r.record_no = j.record_no;
END;
$$;
COMMENT ON FUNCTION calpads.match_casemis_students(calpads.casemis_import_file) IS
	'finds the students of the records and sets their outcome (spec/casemis.md sections 4.1, 9 and 10)';

CREATE FUNCTION calpads.warn_of_names(read calpads.casemis_import_file) RETURNS void
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
AS $$
	INSERT INTO calpads.casemis_message (import_id, severity, file, record_no, line_no, message)
	SELECT r.import_id, 'warning', 'students', r.record_no, r.line_no, 'matched by its number, but the SIS has another name or birth date'
	FROM calpads.casemis_record r
		JOIN calpads.casemis_identities() s ON s.student_id = r.student_id
	WHERE r.import_id = read.import_id AND r.file = 'students' AND r.outcome = 'imported'
	GROUP BY r.import_id, r.record_no, r.line_no
	HAVING NOT bool_or(coalesce(s.last_name = calpads.casemis_name(r.last_name), true)
		AND coalesce(s.first_name = calpads.casemis_name(r.first_name), true)
		AND coalesce(s.birth_date = calpads.casemis_date(r.birthdate), true))
	ORDER BY r.record_no
$$;
COMMENT ON FUNCTION calpads.warn_of_names(calpads.casemis_import_file) IS
	'logs the records whose name or birth date is not that of the student they were matched with';

-- A service goes to the student of its record in the students file: by the
-- SELPA's student ID, or by the same SSID; without such a record to the student
-- with its SSID.  If that record was not imported, or both ways lead to
-- different students, the service is left out, and so are the student's old ones.
CREATE FUNCTION calpads.match_casemis_services(read calpads.casemis_import_file) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
BEGIN
	WITH service AS MATERIALIZED (
		SELECT r.record_no, r.ssid, r.selpa_code, r.special_education_id
		FROM calpads.casemis_record r
		WHERE r.import_id = read.import_id AND r.file = 'services' AND r.outcome IS NULL
	), student AS MATERIALIZED (
		SELECT r.record_no, r.outcome, r.ssid, r.selpa_code, r.special_education_id, r.student_id
		FROM calpads.casemis_record r
		WHERE r.import_id = read.import_id AND r.file = 'students' AND r.outcome <> 'skipped'
	), owner AS (
		SELECT b.record_no, a.record_no AS owner_no, a.outcome, a.ssid, a.student_id
		FROM service b JOIN student a ON a.special_education_id = b.special_education_id
			AND coalesce(a.selpa_code = b.selpa_code, true)
		UNION
		SELECT b.record_no, a.record_no, a.outcome, a.ssid, a.student_id
		FROM service b JOIN student a ON a.ssid = b.ssid
	), owned AS (
		SELECT o.record_no, bool_and(o.outcome = 'imported') AS imported, min(o.student_id) AS student_id,
			count(DISTINCT o.student_id) AS students, min(o.ssid) AS ssid
		FROM owner o
		GROUP BY o.record_no
	), known AS (
		SELECT b.record_no, min(s.student_id) AS student_id, count(DISTINCT s.student_id) AS students
		FROM service b JOIN calpads.casemis_identities() s ON s.ssid = b.ssid
		GROUP BY b.record_no
	), judged AS (
		SELECT b.record_no, coalesce(o.student_id, k.student_id) AS student_id, o.ssid, CASE
			WHEN NOT o.imported THEN 'the student''s record in the students file was not imported'
			WHEN o.students > 1 OR k.students > 1 THEN 'ambiguous: several students fit'
			WHEN o.student_id <> k.student_id OR k.record_no IS NULL AND o.ssid <> b.ssid
				THEN 'its SSID and its student ID lead to different students'
			WHEN k.student_id IN (SELECT s.student_id FROM student s WHERE s.outcome <> 'imported' AND s.student_id IS NOT NULL)
				THEN 'the student''s record in the students file was not imported'
			WHEN num_nonnulls(o.record_no, k.record_no) > 0 THEN NULL
			WHEN b.ssid IS NULL THEN 'no record of the students file has its student ID'
			ELSE 'no record of the students file is its student''s, and no student of the SIS has its SSID' END AS unmatched
		FROM service b
			LEFT JOIN owned o ON o.record_no = b.record_no
			LEFT JOIN known k ON k.record_no = b.record_no
	)
	UPDATE calpads.casemis_record r
	SET outcome = CASE WHEN j.unmatched IS NULL THEN 'imported' ELSE 'unmatched' END,
		reason = j.unmatched,
		student_id = CASE WHEN j.unmatched IS NULL THEN j.student_id END,
		ssid = coalesce(r.ssid, j.ssid)
	FROM judged j
	WHERE r.import_id = read.import_id AND r.file = 'services' AND r.record_no = j.record_no;
END;
$$;
COMMENT ON FUNCTION calpads.match_casemis_services(calpads.casemis_import_file) IS
	'finds the students of the services and sets their outcome (spec/casemis.md section 4.2)';

-- ---- writing CSE -----------------------------------------------------------------

CREATE FUNCTION calpads.check_sis_writable(relation regclass) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- Bits of UPDATE, INSERT and DELETE.
	IF pg_relation_is_updatable(relation, true) & 28 <> 28 THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('%s of the student information system cannot be written', relation),
			DETAIL = 'It is a view or foreign table without INSERT, UPDATE and DELETE.',
			HINT = 'Give the view INSTEAD OF triggers, or name the schema with the real tables in calpads.sis_schema.';
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.check_sis_writable(regclass) IS 'refuses a SIS table that takes no changes';

-- Said before anything is read, and what would help.
CREATE FUNCTION calpads.check_sis_rights(relation regclass, VARIADIC rights text[]) RETURNS void
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF EXISTS (SELECT FROM unnest(rights) AS r
			WHERE NOT CASE r WHEN 'DELETE' THEN has_table_privilege(relation, r) ELSE has_any_column_privilege(relation, r) END) THEN
		RAISE EXCEPTION USING
			ERRCODE = 'insufficient_privilege',
			MESSAGE = format('permission denied for table %s', relation),
			DETAIL = format('Role "%s" needs %s on it.', current_user, array_to_string(rights, ', ')),
			HINT = format('GRANT %s ON %s TO %I', array_to_string(rights, ', '), relation, current_user);
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.check_sis_rights(regclass, text[]) IS 'refuses a role that may not write a SIS table, and says which rights it needs';

CREATE FUNCTION calpads.casemis_condition(name text, columns text[]) RETURNS text
	LANGUAGE sql IMMUTABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH word AS (
		SELECT format($sql$coalesce(%s, CASE WHEN upper(%s) = 'Y' THEN '20' END, '')$sql$,
				calpads.casemis_cell(columns, 'special_education_meeting_type_code', 'evaluation_type_code'),
				calpads.casemis_cell(columns, 'plan_review_indicator')) AS meeting,
			calpads.casemis_cell(columns, 'education_plan_type_code', 'special_education_plan_type_code') AS plan,
			format($sql$coalesce(%s, '') = '0000001'$sql$, calpads.casemis_cell(columns, 'school_of_attendance')) AS nonpublic,
			format($sql$coalesce(%s, '') = '1'$sql$, calpads.casemis_cell(columns, 'special_education_status_code')) AS participating
	), infant AS (
		SELECT w.*, format($sql$(%s = '15' OR coalesce(%s, '') = '150')$sql$, w.meeting, w.plan) AS infant FROM word w
	)
	SELECT CASE name
		WHEN 'always' THEN 'true'
		WHEN 'infant' THEN i.infant
		WHEN 'not infant' THEN 'NOT ' || i.infant
		WHEN 'infant evaluation' THEN format($sql$%s AND %s IN ('10', '15', '40')$sql$, i.infant, i.meeting)
		WHEN 'infant review' THEN format($sql$%s AND %s = '20'$sql$, i.infant, i.meeting)
		WHEN 'evaluation' THEN format($sql$NOT %s AND %s = '10'$sql$, i.infant, i.meeting)
		WHEN 'review' THEN format($sql$NOT %s AND %s = '20'$sql$, i.infant, i.meeting)
		WHEN 'reevaluation' THEN format($sql$NOT %s AND %s = '40'$sql$, i.infant, i.meeting)
		WHEN 'nonpublic' THEN i.nonpublic
		WHEN 'not nonpublic' THEN 'NOT ' || i.nonpublic
		WHEN 'participating' THEN i.participating
		WHEN 'not participating' THEN 'NOT ' || i.participating
		WHEN 'age 0 to 2' THEN 'b.age < 3'
		WHEN 'age 3 to 5' THEN 'b.age BETWEEN 3 AND 5'
		WHEN 'age 6 and over' THEN 'b.age >= 6'
		WHEN 'in the year' THEN 'true' END
	FROM infant i
$$;
COMMENT ON FUNCTION calpads.casemis_condition(text, text[]) IS
	'a condition of calpads.casemis_target as SQL over a record r of a student of age b.age';

CREATE FUNCTION calpads.casemis_value(cell text, field_type text, conversion text, sis_type regtype) RETURNS text
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	RETURN format('(%s)::%s', CASE
		WHEN conversion = 'blank' THEN 'NULL'
		WHEN conversion = 'percent_range'
			THEN format($sql$CASE WHEN %1$s::numeric >= 80 THEN '1' WHEN %1$s::numeric >= 40 THEN '2' WHEN %1$s IS NOT NULL THEN '3' END$sql$, cell)
		WHEN field_type IN ('date8', 'date_mdy') OR sis_type IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype) THEN format('calpads.casemis_date(%s)', cell)
		ELSE cell END, format_type(sis_type, -1));
COMMENT ON FUNCTION calpads.casemis_value(text, text, text, regtype) IS 'the SQL expression for a cell in the type of its SIS column';

-- One expression for each column that the file can fill: the first condition
-- that holds gives the value, else the row t of the SIS keeps its own.
CREATE FUNCTION calpads.casemis_assignments(
	read calpads.casemis_import_file,
	sis_table text,
	OUT sis_column text,
	OUT expression text
) RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH target AS (
		SELECT t.*, a.atttypid::regtype AS sis_type, a.attnotnull AND y.typcategory = 'S' AS never_null,
			calpads.casemis_value(calpads.casemis_cell(read.columns, t.field), f.type, t.conversion, a.atttypid) AS value
		FROM calpads.casemis_target t
			JOIN pg_attribute a ON a.attrelid = calpads.sis_table_name(NULL, casemis_assignments.sis_table)::regclass
				AND a.attname = t.sis_column AND a.attnum > 0 AND NOT a.attisdropped
			JOIN pg_type y ON y.oid = a.atttypid
			LEFT JOIN calpads.casemis_fields(read.layout) f ON f.field = t.field
		WHERE t.layout = read.layout AND t.sis_table = casemis_assignments.sis_table AND t.field = ANY (read.columns)
	)
	SELECT t.sis_column, format(CASE WHEN bool_or(t.never_null) THEN 'coalesce(CASE %s ELSE t.%I END, '''')' ELSE 'CASE %s ELSE t.%I END' END,
		string_agg(format('WHEN %s%s THEN %s', calpads.casemis_condition(t.condition, read.columns),
			CASE t.blank WHEN 'keep' THEN format(' AND %s IS NOT NULL', calpads.casemis_cell(read.columns, t.field)) END,
			t.value), ' ' ORDER BY t.condition <> 'always' DESC, t.condition, t.field), t.sis_column)
	FROM target t
	GROUP BY t.sis_column
	ORDER BY t.sis_column
$$;
COMMENT ON FUNCTION calpads.casemis_assignments(calpads.casemis_import_file, text) IS
	'which columns of cse or csv a file fills, each with its new value as SQL over a record r, its student''s age b.age and '
	'the row t of the SIS';

CREATE FUNCTION calpads.warn_of_targets(read calpads.casemis_import_file, sis_table text) RETURNS void
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT calpads.casemis_warn(read.import_id, read.file, format('columns of %s do not exist, so their fields were not imported',
			calpads.sis_table_name(NULL, warn_of_targets.sis_table)),
		string_agg(format('%s (%s)', upper(t.sis_column), upper(t.field)), ', ' ORDER BY t.sis_column, t.field))
	FROM calpads.casemis_target t
	WHERE t.layout = read.layout AND t.sis_table = warn_of_targets.sis_table AND t.field = ANY (read.columns)
		AND NOT EXISTS (SELECT FROM pg_attribute a
			WHERE a.attrelid = calpads.sis_table_name(NULL, t.sis_table)::regclass AND a.attname = t.sis_column AND NOT a.attisdropped)
	HAVING count(*) > 0
$$;
COMMENT ON FUNCTION calpads.warn_of_targets(calpads.casemis_import_file, text) IS 'logs the columns that the district''s table lacks';

CREATE FUNCTION calpads.warn_of_conversions(read calpads.casemis_import_file) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	target calpads.casemis_target;
BEGIN
	FOR target IN SELECT t.* FROM calpads.casemis_target t
		WHERE t.layout = read.layout AND t.conversion = 'percent_range' AND t.field = ANY (read.columns)
	LOOP
		EXECUTE format($query$
			SELECT calpads.casemis_warn($1, $2, format('column %%s is a percentage and was converted to a range code', %L),
				format('%%s records', count(*)))
			FROM calpads.casemis_record r
			WHERE r.import_id = $1 AND r.file = $2 AND r.outcome = 'imported' AND %s IS NOT NULL
			HAVING count(*) > 0$query$, upper(target.field), calpads.casemis_cell(read.columns, target.field))
		USING read.import_id, read.file;
	END LOOP;
END;
$$;
COMMENT ON FUNCTION calpads.warn_of_conversions(calpads.casemis_import_file) IS 'logs the columns whose unit is not that of the SIS';

-- The records of a file with the age of their students.  A blank age belongs
-- to no age group.
CREATE FUNCTION calpads.casemis_source(read calpads.casemis_import_file) RETURNS text
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	RETURN format($sql$calpads.casemis_record r CROSS JOIN LATERAL (
		SELECT date_part('year', age(%L::date, calpads.casemis_date(r.birthdate)))::integer AS age) AS b$sql$, calpads.today());
COMMENT ON FUNCTION calpads.casemis_source(calpads.casemis_import_file) IS 'the FROM item of records r with ages b.age';

-- Which row of CSE is the student's: one that is not deleted, else the deleted one.
CREATE FUNCTION calpads.cse_row_condition(cse regclass) RETURNS text
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	RETURN format('t.id::integer = r.student_id AND (NOT %s OR NOT EXISTS (SELECT FROM %s o WHERE o.id = t.id AND NOT %s))',
		calpads.deleted_expression(cse, 't'), cse, calpads.deleted_expression(cse, 'o'));
COMMENT ON FUNCTION calpads.cse_row_condition(regclass) IS 'the SQL condition that row t of CSE is that of the student of record r';

CREATE FUNCTION calpads.note_cse_changes(read calpads.casemis_import_file) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
	SET datestyle = iso
	SET enable_nestloop = off
	SET jit = off
AS $$
DECLARE
	cse regclass := calpads.sis_table_name(NULL, 'cse')::regclass;
	names text[];
	old_values text;
	new_values text;
BEGIN
	SELECT array_agg(a.sis_column), string_agg(format(', nullif(btrim(t.%I::text), %L)', a.sis_column, ''), ''),
			string_agg(format(', nullif(btrim((%s)::text), %L)', a.expression, ''), '')
		INTO names, old_values, new_values
	FROM calpads.casemis_assignments(read, 'cse') a;
	UPDATE calpads.casemis_import_file f SET sis_columns = array_prepend('lu', names)
	WHERE f.import_id = read.import_id AND f.file = read.file;
	EXECUTE format($query$
		INSERT INTO calpads.casemis_change (import_id, student_id, table_name, before, after)
		SELECT $1, c.student_id, 'cse', CASE WHEN c.is_there THEN c.before END, c.after
		FROM (SELECT r.student_id, t.id IS NOT NULL AS is_there, ARRAY[t.lu::date::text%s] AS before, ARRAY[$2::text%s] AS after
			FROM %s LEFT JOIN %s t ON %s
			WHERE r.import_id = $1 AND r.file = 'students' AND r.outcome = 'imported'
			OFFSET 0) AS c
		WHERE c.before IS DISTINCT FROM c.after OR NOT c.is_there$query$,
		old_values, new_values, calpads.casemis_source(read), cse, calpads.cse_row_condition(cse))
	USING read.import_id, calpads.today();
END;
$$;
COMMENT ON FUNCTION calpads.note_cse_changes(calpads.casemis_import_file) IS 'writes down what the import changes in CSE, before it does';

CREATE FUNCTION calpads.write_cse(read calpads.casemis_import_file) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
DECLARE
	cse regclass := calpads.sis_table_name(NULL, 'cse')::regclass;
	revived text := (SELECT format(', del = %s', CASE a.atttypid WHEN 'boolean'::regtype THEN 'false' ELSE '''0''' END)
		FROM pg_attribute a WHERE a.attrelid = cse AND a.attname = 'del' AND NOT a.attisdropped);
	settings text;
	names text;
	expressions text;
BEGIN
	SELECT string_agg(format(', %I = %s', a.sis_column, a.expression), ''), string_agg(format(', %I', a.sis_column), ''),
			string_agg(', ' || a.expression, '')
		INTO settings, names, expressions
	FROM calpads.casemis_assignments(read, 'cse') a;
	EXECUTE format($query$
		UPDATE %s t SET lu = $2%s%s
		FROM %s
		WHERE %s AND r.import_id = $1 AND r.file = 'students' AND r.outcome = 'imported'$query$,
		cse, revived, settings, calpads.casemis_source(read), calpads.cse_row_condition(cse))
	USING read.import_id, calpads.today();
	EXECUTE format($query$
		INSERT INTO %s (id, lu%s)
		SELECT r.student_id, $2%s
		FROM %s LEFT JOIN %1$s t ON t.id::integer = r.student_id
		WHERE t.id IS NULL AND r.import_id = $1 AND r.file = 'students' AND r.outcome = 'imported'
		ORDER BY r.record_no$query$,
		cse, names, expressions, calpads.casemis_source(read))
	USING read.import_id, calpads.today();
END;
$$;
COMMENT ON FUNCTION calpads.write_cse(calpads.casemis_import_file) IS
	'updates or inserts the CSE rows of the imported students, with CSE.LU the day of today';

-- ---- writing CSV -----------------------------------------------------------------

CREATE FUNCTION calpads.casemis_first_day(year_start date) RETURNS date
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	day regclass := to_regclass(format('%I.day', calpads.setting('sis_schema')));
	found date;
BEGIN
	IF day IS NOT NULL THEN
		EXECUTE format($query$
			SELECT min(d.dt) FROM %s AS d
			WHERE d.sc = 0 AND NOT %s AND coalesce(btrim(d.ho::text), '') IN ('', '%%')
				AND d.dt >= $1 AND d.dt < ($1 + interval '1 year')::date$query$,
			calpads.sis_source(NULL, 'day'), calpads.deleted_expression(day, 'd'))
		INTO found USING year_start;
	END IF;
	RETURN coalesce(found, year_start);
END;
$$;
COMMENT ON FUNCTION calpads.casemis_first_day(date) IS
	'first day of school in the district calendar (school 0) of the school year; without a calendar July 1';

CREATE FUNCTION calpads.casemis_service_columns(read calpads.casemis_import_file, year_start date, OUT sis_column text, OUT expression text)
	RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH assigned AS (
		SELECT a.sis_column, a.expression FROM calpads.casemis_assignments(read, 'csv') a
	)
	SELECT a.sis_column, a.expression FROM assigned a WHERE a.sis_column NOT IN ('dt', 'yr', 'sq')
	UNION ALL
	SELECT 'dt', format('CASE WHEN %1$s >= %2$L::date AND %1$s < %2$L::date + interval ''1 year'' THEN %1$s ELSE %3$L::date END',
		coalesce((SELECT format('(%s)::date', a.expression) FROM assigned a WHERE a.sis_column = 'dt'), 'NULL::date'),
		year_start, calpads.casemis_first_day(year_start))
	UNION ALL
	SELECT 'yr', quote_literal(date_part('year', year_start))
	FROM pg_attribute a
	WHERE a.attrelid = calpads.sis_table_name(NULL, 'csv')::regclass AND a.attname = 'yr' AND NOT a.attisdropped
	ORDER BY 1
$$;
COMMENT ON FUNCTION calpads.casemis_service_columns(calpads.casemis_import_file, date) IS
	'the columns of a new row of CSV, each as SQL over a record r and a row t without values';

CREATE FUNCTION calpads.csv_year_condition(csv regclass, year_start date) RETURNS text
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	RETURN format('CASE WHEN t.dt IS NOT NULL THEN t.dt >= %1$L::date AND t.dt < %1$L::date + interval ''1 year'' ELSE %2$s END', year_start,
		coalesce((SELECT format('btrim(t.yr::text) = %L', date_part('year', year_start))
			FROM pg_attribute a WHERE a.attrelid = csv AND a.attname = 'yr' AND NOT a.attisdropped), 'false'));
COMMENT ON FUNCTION calpads.csv_year_condition(regclass, date) IS
	'the SQL condition that row t of CSV is of the school year: by its start date, without one by CSV.YR';

CREATE FUNCTION calpads.note_csv_changes(read calpads.casemis_import_file, year_start date) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
	SET datestyle = iso
	SET enable_nestloop = off
	SET jit = off
AS $$
DECLARE
	csv regclass := calpads.sis_table_name(NULL, 'csv')::regclass;
	names text[];
	old_values text;
	new_values text;
BEGIN
	SELECT array_agg(c.sis_column), string_agg(format('nullif(btrim(t.%I::text), %L)', c.sis_column, ''), ', '),
			string_agg(format('nullif(btrim((%s)::%s::text), %L)', c.expression, format_type(a.atttypid, -1), ''), ', ')
		INTO names, old_values, new_values
	FROM calpads.casemis_service_columns(read, year_start) c
		JOIN pg_attribute a ON a.attrelid = csv AND a.attname = c.sis_column;
	UPDATE calpads.casemis_import_file f SET sis_columns = names
	WHERE f.import_id = read.import_id AND f.file = read.file;
	-- Of the rows of a student with the same service those that are equal meet first.
	EXECUTE format($query$
		WITH old AS (
			SELECT o.*, o.content[$2] AS service,
				row_number() OVER (PARTITION BY o.id, o.content[$2] ORDER BY o.content) AS nth
			FROM (SELECT t.id::integer AS id, ARRAY[%s] AS content
				FROM %s t
				WHERE %s AND t.id::integer IN (SELECT r.student_id FROM calpads.casemis_record r
					WHERE r.import_id = $1 AND r.file = 'services' AND r.outcome = 'imported')) AS o
		), new AS (
			SELECT n.*, n.content[$2] AS service,
				row_number() OVER (PARTITION BY n.id, n.content[$2] ORDER BY n.content) AS nth
			FROM (SELECT r.student_id AS id, ARRAY[%s] AS content
				FROM %s LEFT JOIN %2$s t ON false
				WHERE r.import_id = $1 AND r.file = 'services' AND r.outcome = 'imported') AS n
		)
		INSERT INTO calpads.casemis_change (import_id, student_id, table_name, service, before, after)
		SELECT $1, coalesce(o.id, n.id), 'csv', coalesce(o.service, n.service), o.content, n.content
		FROM old o FULL JOIN new n ON n.id = o.id AND n.service = o.service AND n.nth = o.nth
		WHERE o.content IS DISTINCT FROM n.content$query$,
		old_values, csv, calpads.csv_year_condition(csv, year_start), new_values, calpads.casemis_source(read))
	USING read.import_id, array_position(names, 'cd');
END;
$$;
COMMENT ON FUNCTION calpads.note_csv_changes(calpads.casemis_import_file, date) IS 'writes down what the import changes in CSV, before it does';

-- The services of the year go once for each student, before the first new one.
CREATE FUNCTION calpads.write_csv(read calpads.casemis_import_file, year_start date) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
DECLARE
	csv regclass := calpads.sis_table_name(NULL, 'csv')::regclass;
	has_sequence boolean := EXISTS (SELECT FROM pg_attribute a
		WHERE a.attrelid = csv AND a.attname = 'sq' AND NOT a.attisdropped);
	names text;
	expressions text;
BEGIN
	SELECT string_agg(format(', %I', c.sis_column), ''), string_agg(', ' || c.expression, '') INTO names, expressions
	FROM calpads.casemis_service_columns(read, year_start) c;
	EXECUTE format($query$
		DELETE FROM %s t
		WHERE %s AND t.id::integer IN (SELECT r.student_id FROM calpads.casemis_record r
			WHERE r.import_id = $1 AND r.file = 'services' AND r.outcome = 'imported')$query$,
		csv, calpads.csv_year_condition(csv, year_start))
	USING read.import_id;
	EXECUTE format($query$
		INSERT INTO %1$s (id%2$s%3$s)
		SELECT r.student_id%4$s%5$s
		FROM %6$s LEFT JOIN %1$s t ON false%7$s
		WHERE r.import_id = $1 AND r.file = 'services' AND r.outcome = 'imported'
		ORDER BY r.record_no$query$,
		csv, CASE WHEN has_sequence THEN ', sq' END, names,
		CASE WHEN has_sequence THEN ', coalesce(m.last_sq, 0) + row_number() OVER (PARTITION BY r.student_id ORDER BY r.record_no)' END,
		expressions, calpads.casemis_source(read),
		CASE WHEN has_sequence THEN format(' LEFT JOIN (SELECT c.id::integer AS id, max(c.sq::integer) AS last_sq FROM %s c GROUP BY c.id) AS m '
			'ON m.id = r.student_id', csv) END)
	USING read.import_id;
END;
$$;
COMMENT ON FUNCTION calpads.write_csv(calpads.casemis_import_file, date) IS
	'replaces the services of the school year of the students whose services are imported';

-- ---- reports ---------------------------------------------------------------------

CREATE VIEW calpads.casemis_type_a_imported AS
SELECT r.import_id, r.record_no AS original_line_number, r.ssid, r.student_id, r.first_name, r.last_name, r.birthdate, r.grade
FROM calpads.casemis_record r
WHERE r.file = 'students' AND r.outcome = 'imported';
COMMENT ON VIEW calpads.casemis_type_a_imported IS
	'students that were imported, as in CASEMIS_TypeA_ImportedRecords.csv; student_id is that of the SIS';

CREATE VIEW calpads.casemis_type_a_unmatched AS
SELECT r.import_id, r.record_no AS original_line_number, r.ssid, coalesce(r.special_education_id, r.local_student_id) AS student_id,
	r.first_name, r.last_name, r.birthdate, r.grade, r.reason
FROM calpads.casemis_record r
WHERE r.file = 'students' AND r.outcome = 'unmatched';
COMMENT ON VIEW calpads.casemis_type_a_unmatched IS
	'students of the file who are not found in the SIS, as in CASEMIS_TypeA_UnmatchedRecords.csv, and why; student_id is that of the file';

CREATE VIEW calpads.casemis_type_a_duplicates AS
SELECT r.import_id, r.record_no AS original_line_number, r.ssid, r.first_name, r.last_name, r.birthdate, r.grade, r.reason
FROM calpads.casemis_record r
WHERE r.file = 'students' AND r.outcome = 'duplicate';
COMMENT ON VIEW calpads.casemis_type_a_duplicates IS
	'records of students who are in the file more than once, as in CASEMIS_TypeA_Duplicates.csv, and why; none is imported';

CREATE VIEW calpads.casemis_type_a_not_in_file AS
SELECT n.import_id, n.student_id, n.ssid, n.first_name, n.last_name, n.birthdate, n.grade
FROM calpads.casemis_not_in_file n;
COMMENT ON VIEW calpads.casemis_type_a_not_in_file IS
	'special education students of the SIS whom a run did not touch, as in CASEMIS_TypeA_NotInFile.csv';

CREATE VIEW calpads.casemis_type_b_imported AS
SELECT r.import_id, r.record_no AS original_line_number, r.ssid, r.special_education_id AS student_id, r.service
FROM calpads.casemis_record r
WHERE r.file = 'services' AND r.outcome = 'imported';
COMMENT ON VIEW calpads.casemis_type_b_imported IS
	'services that were imported, as in CASEMIS_TypeB_ImportedRecords.csv; student_id is that of the file';

CREATE VIEW calpads.casemis_type_b_unmatched AS
SELECT r.import_id, r.record_no AS original_line_number, r.ssid, r.special_education_id AS student_id, r.service, r.reason
FROM calpads.casemis_record r
WHERE r.file = 'services' AND r.outcome = 'unmatched';
COMMENT ON VIEW calpads.casemis_type_b_unmatched IS
	'services whose students were not found or not imported, as in CASEMIS_TypeB_UnmatchedRecords.csv, and why';

CREATE VIEW calpads.casemis_error AS
SELECT r.import_id, r.file, r.record_no, r.line_no, r.wrong_column AS column_name, r.reason, r.ssid, r.cells
FROM calpads.casemis_record r
WHERE r.outcome = 'error';
COMMENT ON VIEW calpads.casemis_error IS 'records in error: they are counted, not imported, and in none of the six reports';

CREATE VIEW calpads.casemis_change_log AS
SELECT c.import_id, c.student_id, c.table_name, c.service, v.column_name, v.before, v.after
FROM calpads.casemis_change c
	JOIN calpads.casemis_import_file f ON f.import_id = c.import_id
		AND f.file = CASE c.table_name WHEN 'cse' THEN 'students' ELSE 'services' END
	CROSS JOIN LATERAL unnest(f.sis_columns, c.before, c.after) AS v (column_name, before, after)
WHERE v.before IS DISTINCT FROM v.after;
COMMENT ON VIEW calpads.casemis_change_log IS
	'what the runs changed in the SIS, a row for each column; service: the code of the row of CSV';

CREATE FUNCTION calpads.csv_cell(value text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN CASE WHEN value ~ '[",\r\n]' THEN '"' || replace(value, '"', '""') || '"' ELSE coalesce(value, '') END;
COMMENT ON FUNCTION calpads.csv_cell(text) IS 'a value as CSV has it: in quotes only where it must be';

-- Names and order of the columns: spec/casemis.md section 5.
CREATE FUNCTION calpads.casemis_report_form(OUT name text, OUT relation regclass, OUT header text, OUT columns text[])
	RETURNS SETOF record
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	VALUES
		('CASEMIS_TypeA_ImportedRecords.csv', 'calpads.casemis_type_a_imported'::regclass,
			'OriginalLineNumber,SSID,StudentID,FirstName,LastName,Birthdate,Grade',
			'{original_line_number,ssid,student_id,first_name,last_name,birthdate,grade}'::text[]),
		('CASEMIS_TypeA_UnmatchedRecords.csv', 'calpads.casemis_type_a_unmatched',
			'OriginalLineNumber,SSID,StudentID,FirstName,LastName,Birthdate,Grade',
			'{original_line_number,ssid,student_id,first_name,last_name,birthdate,grade}'),
		('CASEMIS_TypeA_Duplicates.csv', 'calpads.casemis_type_a_duplicates',
			'OriginalLineNumber,SSID,FirstName,LastName,Birthdate,Grade',
			'{original_line_number,ssid,first_name,last_name,birthdate,grade}'),
		('CASEMIS_TypeA_NotInFile.csv', 'calpads.casemis_type_a_not_in_file',
			'SSID,FirstName,LastName,Birthdate,Grade', '{ssid,first_name,last_name,birthdate,grade}'),
		('CASEMIS_TypeB_ImportedRecords.csv', 'calpads.casemis_type_b_imported',
			'OriginalLineNumber,SSID,StudentID,Service', '{original_line_number,ssid,student_id,service}'),
		('CASEMIS_TypeB_UnmatchedRecords.csv', 'calpads.casemis_type_b_unmatched',
			'OriginalLineNumber,SSID,StudentID,Service', '{original_line_number,ssid,student_id,service}')
$$;
COMMENT ON FUNCTION calpads.casemis_report_form() IS 'the six reports of an import: names, and the views with their rows';

CREATE FUNCTION calpads.check_casemis_report(import_id bigint, name text) RETURNS void
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	closed calpads.casemis_import;
BEGIN
	SELECT i.* INTO closed FROM calpads.casemis_import i WHERE i.import_id = check_casemis_report.import_id;
	IF closed.import_id IS NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'undefined_object',
			MESSAGE = format('there is no import %s', coalesce(import_id::text, 'without a number')),
			HINT = 'calpads.casemis_import lists them.';
	ELSIF name IS NULL OR NOT EXISTS (SELECT FROM calpads.casemis_report_form() f WHERE f.name = check_casemis_report.name) THEN
		RAISE EXCEPTION USING
			ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('there is no report %L', name),
			HINT = 'The reports are: ' || (SELECT string_agg(f.name, ', ') FROM calpads.casemis_report_form() f) || '.';
	ELSIF closed.status <> 'succeeded' THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('import %s has no reports', import_id),
			DETAIL = format('Its status is %s.', closed.status),
			HINT = 'calpads.casemis_message tells why.';
	ELSIF closed.students_read > 0 AND NOT EXISTS (SELECT FROM calpads.casemis_record r
			WHERE r.import_id = check_casemis_report.import_id) THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('the records of import %s are not kept any more', import_id),
			HINT = 'calpads.casemis_profile.keep_imports says how many are.';
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.check_casemis_report(bigint, text) IS 'an error unless the import has the report';

CREATE FUNCTION calpads.casemis_report(import_id bigint, name text) RETURNS text
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
	SET datestyle = iso
AS $$
DECLARE
	form record;
	lines text;
BEGIN
	PERFORM calpads.check_casemis_report(import_id, name);
	SELECT f.* INTO STRICT form FROM calpads.casemis_report_form() f WHERE f.name = casemis_report.name;
	EXECUTE format('SELECT string_agg(concat(%s, chr(10)), '''' ORDER BY %I) FROM %s v WHERE v.import_id = $1',
		(SELECT string_agg(format('calpads.csv_cell(v.%I::text)', c.name), ', '','', ' ORDER BY c.place)
			FROM unnest(form.columns) WITH ORDINALITY AS c (name, place)),
		CASE WHEN 'original_line_number' = ANY (form.columns) THEN 'original_line_number' ELSE 'student_id' END, form.relation)
	INTO lines USING import_id;
	RETURN concat(form.header, chr(10), lines);
END;
$$;
COMMENT ON FUNCTION calpads.casemis_report(bigint, text) IS
	'a report of an import as CSV, as COPY writes it, with a header: CASEMIS_TypeA_ImportedRecords.csv, …_UnmatchedRecords.csv, '
	'…_Duplicates.csv, …_NotInFile.csv, CASEMIS_TypeB_ImportedRecords.csv or …_UnmatchedRecords.csv';

-- ---- the mail --------------------------------------------------------------------

-- Two less when the services are not imported (spec/casemis.md section 6).
CREATE FUNCTION calpads.casemis_attachments(import_id bigint) RETURNS jsonb
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_agg(jsonb_build_object('name', f.name, 'content',
		translate(encode(convert_to(calpads.casemis_report(casemis_attachments.import_id, f.name), 'UTF8'), 'base64'), E'\n', '')))
	FROM calpads.casemis_report_form() f
	WHERE f.name LIKE 'CASEMIS_TypeA%' OR EXISTS (SELECT FROM calpads.casemis_import_file i
		WHERE i.import_id = casemis_attachments.import_id AND i.file = 'services')
$$;
COMMENT ON FUNCTION calpads.casemis_attachments(bigint) IS 'the reports of an import as attachments of a mail';

-- Nothing of a student: no messages about single records, and the reason of a
-- failure only where it is about files, their transport, a table or a right,
-- because the messages of other classes (22, 23, P0) quote values.
CREATE FUNCTION calpads.casemis_mail_body(closed calpads.casemis_import) RETURNS text
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT concat_ws(E'\n',
		format('Special education import %s of profile %s: %s', closed.import_id, closed.profile, closed.status),
		format('Completed %s (California time)', to_char(calpads.california_time(closed.finished_at), 'YYYY-MM-DD HH24:MI:SS')),
		'',
		CASE closed.status WHEN 'failed' THEN coalesce((SELECT format('Nothing was changed: %s.', concat_ws('. ', m.message, rtrim(m.detail, '.')))
					FROM calpads.casemis_message m
					WHERE m.import_id = closed.import_id AND m.sqlstate ~ '^(08|0A|22P04|22021|28|42|53|54|55|57|58|HV)'),
				'Nothing was changed. The reason is in calpads.casemis_message.')
			WHEN 'skipped' THEN 'Nothing was changed, because the files are those of the last import.' END,
		format(E'Students matched: %s\nStudents unmatched: %s\nStudents duplicate: %s\nStudents with errors: %s',
			closed.students_matched, closed.students_unmatched, closed.students_duplicate, closed.students_error),
		format(E'Services matched: %s\nServices unmatched: %s\nServices with errors: %s',
			closed.services_matched, closed.services_unmatched, closed.services_error),
		(SELECT E'\n' || string_agg('Warning: ' || concat_ws(': ', m.file, m.message, m.detail), E'\n' ORDER BY m.message_no)
			FROM calpads.casemis_message m
			WHERE m.import_id = closed.import_id AND m.severity = 'warning' AND m.record_no IS NULL)) || E'\n'
$$;
COMMENT ON FUNCTION calpads.casemis_mail_body(calpads.casemis_import) IS 'the text of the completion mail of a run: counts and warnings about files';

-- A wrong address is no reason to leave the students as they were.
CREATE FUNCTION calpads.mail_casemis_import(closed calpads.casemis_import, own calpads.casemis_profile) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF cardinality(own.recipients) = 0 THEN
		RETURN;
	END IF;
	PERFORM calpads.queue_mail(own.recipients,
		format('Special education import %s: %s, %s students matched, %s unmatched, %s duplicate, %s with errors', own.name,
			closed.status, closed.students_matched, closed.students_unmatched, closed.students_duplicate, closed.students_error),
		calpads.casemis_mail_body(closed),
		CASE WHEN own.attach_reports AND closed.status = 'succeeded' THEN calpads.casemis_attachments(closed.import_id)
			ELSE '[]' END);
EXCEPTION
	WHEN OTHERS THEN
		IF SQLSTATE LIKE '40%' THEN
			RAISE;
		END IF;
		PERFORM calpads.casemis_warn(closed.import_id, NULL, 'the mail was not queued', SQLERRM);
END;
$$;
COMMENT ON FUNCTION calpads.mail_casemis_import(calpads.casemis_import, calpads.casemis_profile) IS
	'queues the completion mail of a run for the recipients of its profile; when that fails the log of the run tells it';

-- ---- a run -----------------------------------------------------------------------

CREATE FUNCTION calpads.find_casemis_profile(profile text) RETURNS calpads.casemis_profile
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found calpads.casemis_profile;
BEGIN
	SELECT p.* INTO found FROM calpads.casemis_profile p WHERE p.name = profile;
	IF found.name IS NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'undefined_object',
			MESSAGE = format('there is no import profile %L', profile),
			HINT = 'calpads.casemis_profile lists them; insert a row with a name to make one.';
	END IF;
	RETURN found;
END;
$$;
COMMENT ON FUNCTION calpads.find_casemis_profile(text) IS 'the profile of that name, or an error';

CREATE FUNCTION calpads.check_casemis_content(own calpads.casemis_profile, students bytea, services bytea) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF students IS NULL AND services IS NOT NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'null_value_not_allowed',
			MESSAGE = 'services are given without students',
			HINT = 'A service finds its student through the students file: give both.';
	ELSIF students IS NULL AND own.location IS NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('profile "%s" has no location', own.name),
			HINT = 'Set calpads.casemis_profile.location, or give the files'' content.';
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.check_casemis_content(calpads.casemis_profile, bytea, bytea) IS
	'refuses a call from which it is not clear what to import';

CREATE FUNCTION calpads.note_casemis_file(import_id bigint, file text, name text, fetched calpads.fetched_file) RETURNS void
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO calpads.casemis_import_file (import_id, file, file_name, size, sha256, changed_at)
	SELECT note_casemis_file.import_id, note_casemis_file.file, name, octet_length(fetched.content),
		encode(sha256(fetched.content), 'hex'), fetched.changed_at
	WHERE fetched.content IS NOT NULL
$$;
COMMENT ON FUNCTION calpads.note_casemis_file(bigint, text, text, calpads.fetched_file) IS 'records a file of a run; null: there is none';

-- The services of an export that failed half-way are those of the day before:
-- told by the times of the files, and where there are none by their bytes.
CREATE FUNCTION calpads.note_unchanged_files(import_id bigint, profile text) RETURNS boolean
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	last_import bigint := (SELECT max(i.import_id) FROM calpads.casemis_import i
		WHERE i.profile = note_unchanged_files.profile AND i.status = 'succeeded' AND i.import_id < note_unchanged_files.import_id);
	fresh bigint;
	stale_services boolean;
BEGIN
	INSERT INTO calpads.casemis_message (import_id, severity, file, message)
	SELECT f.import_id, 'warning', f.file, format('same file as import %s', max(e.import_id))
	FROM calpads.casemis_import_file f
		JOIN calpads.casemis_import_file e ON e.file = f.file AND e.sha256 = f.sha256
		JOIN calpads.casemis_import i ON i.import_id = e.import_id
	WHERE f.import_id = note_unchanged_files.import_id AND i.profile = note_unchanged_files.profile AND i.status = 'succeeded'
		AND i.import_id < f.import_id
	GROUP BY f.import_id, f.file
	ORDER BY f.file DESC;
	SELECT count(*) FILTER (WHERE e.sha256 IS DISTINCT FROM f.sha256), bool_or(e.sha256 = f.sha256) FILTER (WHERE f.file = 'services')
		INTO fresh, stale_services
	FROM calpads.casemis_import_file f
		LEFT JOIN calpads.casemis_import_file e ON e.import_id = last_import AND e.file = f.file
	WHERE f.import_id = note_unchanged_files.import_id;
	INSERT INTO calpads.casemis_message (import_id, severity, file, message, detail)
	SELECT b.import_id, 'warning', 'services', 'the services file is older than the students file',
		format('Services: %s, students: %s (California time).', calpads.california_time(b.changed_at)::timestamp(0),
			calpads.california_time(a.changed_at)::timestamp(0))
	FROM calpads.casemis_import_file a
		JOIN calpads.casemis_import_file b ON b.import_id = a.import_id AND b.file = 'services' AND b.changed_at < a.changed_at
	WHERE a.import_id = note_unchanged_files.import_id AND a.file = 'students';
	IF fresh > 0 AND stale_services THEN
		PERFORM calpads.casemis_warn(import_id, 'services', 'the students file is new, but the services file is that of the last import');
	END IF;
	RETURN fresh = 0;
END;
$$;
COMMENT ON FUNCTION calpads.note_unchanged_files(bigint, text) IS
	'logs which files of a run were imported before by the profile; gives true when all are those of its last successful run';

-- Special education students of the SIS who were not touched today, and who
-- have not left (spec/casemis.md section 5).
CREATE FUNCTION calpads.note_not_in_file(import_id bigint) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
DECLARE
	cse regclass := calpads.sis_table_name(NULL, 'cse')::regclass;
	stu regclass := calpads.sis_table_name(NULL, 'stu')::regclass;
BEGIN
	EXECUTE format($query$
		INSERT INTO calpads.casemis_not_in_file (import_id, student_id, ssid, first_name, last_name, birthdate, grade)
		SELECT DISTINCT ON (s.id::integer) $1, s.id::integer, nullif(btrim(s.cid::text), ''), btrim(s.fn::text), btrim(s.ln::text),
			s.bd, btrim(s.gr::text)
		FROM %s AS s
		WHERE NOT %s AND s.id::integer IN (
			SELECT t.id::integer FROM %s AS t
			WHERE NOT %s AND btrim(t.di::text) <> '' AND t.lu IS DISTINCT FROM $2 AND (t.xd IS NULL OR t.xd > $2))
		ORDER BY s.id::integer, s.sc$query$,
		calpads.sis_source(NULL, 'stu'), calpads.deleted_expression(stu, 's'),
		calpads.sis_source(NULL, 'cse'), calpads.deleted_expression(cse, 't'))
	USING import_id, calpads.today();
END;
$$;
COMMENT ON FUNCTION calpads.note_not_in_file(bigint) IS 'records the special education students of the SIS that a run did not touch';

CREATE FUNCTION calpads.read_casemis_files(import_id bigint, own calpads.casemis_profile, students bytea, services bytea)
	RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	read calpads.casemis_import_file;
	students_file calpads.casemis_import_file;
BEGIN
	read := calpads.read_casemis_file(import_id, 'students', own, students);
	PERFORM calpads.skip_older_records(read);
	PERFORM calpads.match_casemis_students(read);
	PERFORM calpads.warn_of_names(read);
	IF NOT EXISTS (SELECT FROM calpads.casemis_record r WHERE r.import_id = read.import_id AND r.file = 'students') THEN
		PERFORM calpads.casemis_warn(import_id, 'students', 'the students file has no records');
	END IF;
	IF services IS NOT NULL THEN
		students_file := read;
		read := calpads.read_casemis_file(import_id, 'services', own, services);
		PERFORM calpads.match_casemis_services(read);
		PERFORM calpads.warn_of_meetings(students_file, read);
	END IF;
	INSERT INTO calpads.casemis_message (import_id, severity, file, message, detail)
	SELECT r.import_id, 'warning', r.file, 'records were passed over: ' || r.reason, format('%s records', count(*))
	FROM calpads.casemis_record r
	WHERE r.import_id = read.import_id AND r.outcome = 'skipped'
	GROUP BY r.import_id, r.file, r.reason
	ORDER BY r.file DESC, r.reason;
END;
$$;
COMMENT ON FUNCTION calpads.read_casemis_files(bigint, calpads.casemis_profile, bytea, bytea) IS
	'reads the files of a run and finds the students of all records; changes nothing in the SIS';

CREATE FUNCTION calpads.casemis_year_start(own calpads.casemis_profile) RETURNS date
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	RETURN coalesce(make_date(left(own.academic_year, 4)::integer, 7, 1), calpads.school_year_start(calpads.today()));
COMMENT ON FUNCTION calpads.casemis_year_start(calpads.casemis_profile) IS 'July 1 of the school year whose services are replaced';

CREATE FUNCTION calpads.note_casemis_changes(import_id bigint, own calpads.casemis_profile) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	read calpads.casemis_import_file;
BEGIN
	FOR read IN SELECT f.* FROM calpads.casemis_import_file f WHERE f.import_id = note_casemis_changes.import_id LOOP
		IF read.file = 'students' THEN
			PERFORM calpads.check_sis_writable(calpads.sis_table_name(NULL, 'cse')::regclass);
			PERFORM calpads.warn_of_targets(read, 'cse');
			PERFORM calpads.warn_of_conversions(read);
			PERFORM calpads.note_cse_changes(read);
		ELSE
			PERFORM calpads.check_sis_writable(calpads.sis_table_name(NULL, 'csv')::regclass);
			PERFORM calpads.warn_of_targets(read, 'csv');
			PERFORM calpads.note_csv_changes(read, calpads.casemis_year_start(own));
		END IF;
	END LOOP;
END;
$$;
COMMENT ON FUNCTION calpads.note_casemis_changes(bigint, calpads.casemis_profile) IS 'writes down what a run is about to change in the SIS';

CREATE FUNCTION calpads.write_casemis_changes(import_id bigint, own calpads.casemis_profile) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	read calpads.casemis_import_file;
BEGIN
	FOR read IN SELECT f.* FROM calpads.casemis_import_file f WHERE f.import_id = write_casemis_changes.import_id
		ORDER BY f.file DESC
	LOOP
		IF read.file = 'students' THEN
			PERFORM calpads.write_cse(read);
		ELSE
			PERFORM calpads.write_csv(read, calpads.casemis_year_start(own));
		END IF;
	END LOOP;
END;
$$;
COMMENT ON FUNCTION calpads.write_casemis_changes(bigint, calpads.casemis_profile) IS 'writes the imported records of a run to the SIS';

CREATE FUNCTION calpads.close_casemis_import(import_id bigint, profile text, status text, started_at timestamptz)
	RETURNS calpads.casemis_import
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO calpads.casemis_import (import_id, profile, status, students_read, students_matched, students_unmatched,
		students_duplicate, students_error, services_read, services_matched, services_unmatched, services_error, started_at, finished_at)
	SELECT close_casemis_import.import_id, close_casemis_import.profile, close_casemis_import.status,
		count(*) FILTER (WHERE r.file = 'students'),
		count(*) FILTER (WHERE r.file = 'students' AND r.outcome = 'imported'),
		count(*) FILTER (WHERE r.file = 'students' AND r.outcome = 'unmatched'),
		count(*) FILTER (WHERE r.file = 'students' AND r.outcome = 'duplicate'),
		count(*) FILTER (WHERE r.file = 'students' AND r.outcome = 'error'),
		count(*) FILTER (WHERE r.file = 'services'),
		count(*) FILTER (WHERE r.file = 'services' AND r.outcome = 'imported'),
		count(*) FILTER (WHERE r.file = 'services' AND r.outcome = 'unmatched'),
		count(*) FILTER (WHERE r.file = 'services' AND r.outcome = 'error'),
		close_casemis_import.started_at, clock_timestamp()
	FROM calpads.casemis_record r
	WHERE r.import_id = close_casemis_import.import_id AND r.outcome <> 'skipped'
	RETURNING *
$$;
COMMENT ON FUNCTION calpads.close_casemis_import(bigint, text, text, timestamptz) IS 'records a run with its counts';

CREATE FUNCTION calpads.forget_casemis_records(profile text, keep integer) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	old bigint[] := ARRAY(SELECT i.import_id FROM calpads.casemis_import i
		WHERE i.profile = forget_casemis_records.profile AND i.status = 'succeeded'
		ORDER BY i.import_id DESC OFFSET keep);
BEGIN
	DELETE FROM calpads.casemis_record r WHERE r.import_id = ANY (old);
	DELETE FROM calpads.casemis_change c WHERE c.import_id = ANY (old);
	DELETE FROM calpads.casemis_not_in_file n WHERE n.import_id = ANY (old);
	DELETE FROM calpads.casemis_message m WHERE m.import_id = ANY (old) AND m.record_no IS NOT NULL;
END;
$$;
COMMENT ON FUNCTION calpads.forget_casemis_records(text, integer) IS
	'deletes the records, but not the counts, of all runs of a profile before the newest so many';

CREATE FUNCTION calpads.import_casemis(import_id bigint, own calpads.casemis_profile, students calpads.fetched_file,
	services calpads.fetched_file, started_at timestamptz) RETURNS calpads.casemis_import
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	closed calpads.casemis_import;
	unchanged boolean;
BEGIN
	PERFORM calpads.note_casemis_file(import_id, 'students', own.students_file, students);
	PERFORM calpads.note_casemis_file(import_id, 'services', own.services_file, services);
	unchanged := calpads.note_unchanged_files(import_id, own.name);
	IF NOT (unchanged AND own.skip_unchanged) THEN
		PERFORM calpads.check_sis_rights(calpads.sis_table_name(NULL, 'cse')::regclass, 'SELECT', 'INSERT', 'UPDATE');
		IF services.content IS NOT NULL THEN
			PERFORM calpads.check_sis_rights(calpads.sis_table_name(NULL, 'csv')::regclass, 'SELECT', 'INSERT', 'DELETE');
		END IF;
		PERFORM calpads.read_casemis_files(import_id, own, students.content, services.content);
		PERFORM calpads.note_casemis_changes(import_id, own);
		PERFORM calpads.write_casemis_changes(import_id, own);
		PERFORM calpads.note_not_in_file(import_id);
	END IF;
	closed := calpads.close_casemis_import(import_id, own.name,
		CASE WHEN unchanged AND own.skip_unchanged THEN 'skipped' ELSE 'succeeded' END, started_at);
	PERFORM calpads.forget_casemis_records(own.name, own.keep_imports);
	PERFORM calpads.mail_casemis_import(closed, own);
	RETURN closed;
END;
$$;
COMMENT ON FUNCTION calpads.import_casemis(bigint, calpads.casemis_profile, calpads.fetched_file, calpads.fetched_file, timestamptz) IS
	'imports files whose bytes are there; part of calpads.casemis_run()';

CREATE FUNCTION calpads.casemis_students_wanted(own calpads.casemis_profile, students bytea) RETURNS calpads.fetched_file
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF students IS NULL THEN
		RETURN calpads.fetch_file_with_time(own.location, own.students_file);
	END IF;
	RETURN ROW(students, NULL)::calpads.fetched_file;
END;
$$;
COMMENT ON FUNCTION calpads.casemis_students_wanted(calpads.casemis_profile, bytea) IS
	'the students file of a run, fetched when its bytes are not given';

CREATE FUNCTION calpads.casemis_services_wanted(import_id bigint, own calpads.casemis_profile, students_given boolean, services bytea)
	RETURNS calpads.fetched_file
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT own.services THEN
		IF services IS NOT NULL THEN
			PERFORM calpads.casemis_warn(import_id, 'services', 'the services were not imported, because the profile does not say so',
				'calpads.casemis_profile.services is false.');
		END IF;
		RETURN NULL;
	ELSIF services IS NULL AND students_given THEN
		PERFORM calpads.casemis_warn(import_id, 'services', 'no services were given, so those of the SIS stay as they are');
	ELSIF services IS NULL THEN
		RETURN calpads.fetch_file_with_time(own.location, own.services_file);
	END IF;
	RETURN ROW(services, NULL)::calpads.fetched_file;
END;
$$;
COMMENT ON FUNCTION calpads.casemis_services_wanted(bigint, calpads.casemis_profile, boolean, bytea) IS
	'the services file of a run, fetched when the students file was; null: services are not imported';

/*
 * One run.  What goes wrong inside is undone as a whole and leaves a run with
 * the status failed and its reason, so that a night without an import is seen;
 * a wrong call is an error.  A conflict with another transaction is an error
 * too: the caller's transaction has to be tried again.
 */
CREATE FUNCTION calpads.casemis_run(profile text, students bytea DEFAULT NULL, services bytea DEFAULT NULL)
	RETURNS calpads.casemis_import
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	own calpads.casemis_profile := calpads.find_casemis_profile(profile);
	own_import bigint;
	started timestamptz;
	closed calpads.casemis_import;
	state text;
	message text;
	detail text;
	hint text;
BEGIN
	PERFORM calpads.check_casemis_content(own, students, services);
	PERFORM calpads.lock_process('CASEMIS', calpads.setting('sis_schema'));
	started := clock_timestamp();
	own_import := nextval('calpads.casemis_import_import_id_seq');
	BEGIN
		RETURN calpads.import_casemis(own_import, own, calpads.casemis_students_wanted(own, students),
			calpads.casemis_services_wanted(own_import, own, students IS NOT NULL, services), started);
	EXCEPTION
		WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
				hint = PG_EXCEPTION_HINT;
			IF state LIKE '40%' THEN
				RAISE;
			END IF;
	END;
	INSERT INTO calpads.casemis_message (import_id, severity, message, detail, hint, sqlstate)
	VALUES (own_import, 'error', message, nullif(detail, ''), nullif(hint, ''), state);
	closed := calpads.close_casemis_import(own_import, own.name, 'failed', started);
	PERFORM calpads.mail_casemis_import(closed, own);
	RAISE WARNING USING
		ERRCODE = state,
		MESSAGE = format('special education import %s failed: %s', own_import, message),
		HINT = format('Nothing was changed. Details: SELECT * FROM calpads.casemis_message WHERE import_id = %s;', own_import);
	RETURN closed;
END;
$$;
COMMENT ON FUNCTION calpads.casemis_run(text, bytea, bytea) IS
	'imports the special education files of a profile into CSE and CSV, in one transaction: the given bytes, else the files at '
	'the profile''s location; a run that fails changes nothing and is recorded as failed';

/*
 * The dry run reads and compares as a run does, and takes back what it has
 * written down; the rows that were returned stay.
 */
CREATE FUNCTION calpads.casemis_preview(
	profile text,
	students bytea DEFAULT NULL,
	services bytea DEFAULT NULL,
	OUT student_id integer,
	OUT table_name text,
	OUT service text,
	OUT column_name text,
	OUT before text,
	OUT after text
) RETURNS SETOF record
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	own calpads.casemis_profile := calpads.find_casemis_profile(profile);
	-- No run has this number.
	preview CONSTANT bigint := 0;
	students_file calpads.fetched_file;
	services_file calpads.fetched_file;
	closed calpads.casemis_import;
BEGIN
	PERFORM calpads.check_casemis_content(own, students, services);
	PERFORM calpads.lock_process('CASEMIS', calpads.setting('sis_schema'));
	BEGIN
		students_file := calpads.casemis_students_wanted(own, students);
		services_file := calpads.casemis_services_wanted(preview, own, students IS NOT NULL, services);
		PERFORM calpads.note_casemis_file(preview, 'students', own.students_file, students_file);
		PERFORM calpads.note_casemis_file(preview, 'services', own.services_file, services_file);
		PERFORM calpads.read_casemis_files(preview, own, students_file.content, services_file.content);
		PERFORM calpads.note_casemis_changes(preview, own);
		RETURN QUERY
			SELECT c.student_id, c.table_name::text, c.service, c.column_name, c.before, c.after
			FROM calpads.casemis_change_log c
			WHERE c.import_id = preview
			ORDER BY c.student_id, c.table_name, c.service, c.column_name COLLATE "C", c.before, c.after;
		closed := calpads.close_casemis_import(preview, own.name, 'succeeded', clock_timestamp());
		RAISE SQLSTATE 'CALP0';
	EXCEPTION
		WHEN SQLSTATE 'CALP0' THEN NULL;
	END;
	RAISE NOTICE USING
		MESSAGE = format('students: %s read, %s would be imported, %s unmatched, %s duplicate, %s with errors', closed.students_read,
			closed.students_matched, closed.students_unmatched, closed.students_duplicate, closed.students_error),
		DETAIL = format('Services: %s read, %s would be imported, %s unmatched, %s with errors.', closed.services_read,
			closed.services_matched, closed.services_unmatched, closed.services_error);
END;
$$;
COMMENT ON FUNCTION calpads.casemis_preview(text, bytea, bytea) IS
	'what calpads.casemis_run() would change in CSE and CSV, a row for each column, without changing anything; before null '
	'throughout: a new row, after null throughout: a service that goes';

-- ---------------------------------------------------------------------------
-- 13c. SSID identifiers: request, match, update, load, replace
--
-- Rules are those of spec/ssid.md; its proposals are marked [proposal].  All
-- state is in tables, so that a match session can be left and taken up again
-- days later by somebody else.  SSIDs are personal data: no message, mail or
-- file name holds one that its reader did not send.
-- ---------------------------------------------------------------------------

-- ---- tables ------------------------------------------------------------------

CREATE TABLE calpads.ssid_request (
	request_id bigint PRIMARY KEY,
	lea text COLLATE "C" NOT NULL,
	base_name text NOT NULL,
	sha256 text COLLATE "C" NOT NULL,
	keep integer[],
	skip integer[],
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	created_by text NOT NULL DEFAULT session_user,
	closed_at timestamptz,
	closed_by text,
	closing_note text
);
COMMENT ON TABLE calpads.ssid_request IS 'requests for SSIDs; a request is open until its students have their SSIDs';
COMMENT ON COLUMN calpads.ssid_request.request_id IS 'the request file: calpads.extract_file.file_id';
COMMENT ON COLUMN calpads.ssid_request.lea IS 'reporting LEA (7 digits)';
COMMENT ON COLUMN calpads.ssid_request.base_name IS 'name of the file without its extension, by which results are recognised';
COMMENT ON COLUMN calpads.ssid_request.sha256 IS 'SHA-256 of the file''s bytes in hexadecimal digits';
COMMENT ON COLUMN calpads.ssid_request.keep IS 'STU.ID of the students who alone were asked for; null: everybody';
COMMENT ON COLUMN calpads.ssid_request.skip IS 'STU.ID of students who were left out on purpose; null: nobody';
COMMENT ON COLUMN calpads.ssid_request.closed_at IS 'when it was closed; null: it is open';
COMMENT ON COLUMN calpads.ssid_request.closing_note IS 'why it was closed';

CREATE TABLE calpads.ssid_request_student (
	request_id bigint NOT NULL,
	line_no bigint NOT NULL,
	student_id integer NOT NULL,
	snapshot jsonb NOT NULL,
	PRIMARY KEY (request_id, line_no),
	UNIQUE (request_id, student_id)
);
COMMENT ON TABLE calpads.ssid_request_student IS 'students of the requests, one row for each';
COMMENT ON COLUMN calpads.ssid_request_student.line_no IS 'line of the request file, from 1';
COMMENT ON COLUMN calpads.ssid_request_student.student_id IS 'STU.ID';
COMMENT ON COLUMN calpads.ssid_request_student.snapshot IS
	'every field of the record as it was requested; the updated file is made of it, not of what the SIS says later';

CREATE TABLE calpads.match_session (
	session_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	request_id bigint NOT NULL,
	load_id bigint NOT NULL,
	status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'complete', 'closed')),
	opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	opened_by text NOT NULL DEFAULT session_user,
	ended_at timestamptz,
	ended_by text
);
COMMENT ON TABLE calpads.match_session IS 'results of the SSID Match Tool that are worked on';
COMMENT ON COLUMN calpads.match_session.request_id IS 'the request: calpads.ssid_request';
COMMENT ON COLUMN calpads.match_session.load_id IS 'the result file: calpads.load';
COMMENT ON COLUMN calpads.match_session.status IS
	'open; complete: the full updated file was made; closed: given up, or overtaken by an SSID extract';

CREATE TABLE calpads.match_row (
	session_id bigint NOT NULL,
	line_no bigint NOT NULL,
	student_id integer NOT NULL,
	ssid text COLLATE "C",
	ssid_in_file text,
	ssid_created date,
	category text,
	score numeric,
	problems text[] NOT NULL,
	candidate jsonb NOT NULL,
	extra jsonb NOT NULL,
	PRIMARY KEY (session_id, line_no)
);
COMMENT ON TABLE calpads.match_row IS 'rows of the result files; calpads.match_candidate shows those with a candidate';
COMMENT ON COLUMN calpads.match_row.line_no IS 'line of the result file, from 1';
COMMENT ON COLUMN calpads.match_row.ssid IS 'ten digits; null: no candidate, or nothing that can be one';
COMMENT ON COLUMN calpads.match_row.ssid_in_file IS 'the SSID as the file has it';
COMMENT ON COLUMN calpads.match_row.score IS 'percentage, 0 to 100; null: none that can be read';
COMMENT ON COLUMN calpads.match_row.problems IS 'sentences on what is odd in the row; such a candidate needs a confirmation';
COMMENT ON COLUMN calpads.match_row.candidate IS 'what is known of the candidate: last_name, first_name, birth_date, gender';
COMMENT ON COLUMN calpads.match_row.extra IS 'columns beyond the known ones, by their names in the header';

CREATE TABLE calpads.match_decision (
	session_id bigint NOT NULL,
	student_id integer NOT NULL,
	decision text NOT NULL CHECK (decision IN ('No Match', 'New SSID', 'Select')),
	ssid text COLLATE "C" CHECK ((ssid IS NOT NULL) = (decision = 'Select')),
	warnings text[] NOT NULL DEFAULT '{}',
	reason text,
	decided_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	decided_by text NOT NULL DEFAULT session_user,
	PRIMARY KEY (session_id, student_id),
	-- Behind the checks: never one candidate for two students.
	UNIQUE (session_id, ssid)
);
COMMENT ON TABLE calpads.match_decision IS 'what was decided for the students of a match session, by whom and when';
COMMENT ON COLUMN calpads.match_decision.ssid IS 'the selected candidate';
COMMENT ON COLUMN calpads.match_decision.warnings IS 'what spoke against it and was confirmed';
COMMENT ON COLUMN calpads.match_decision.reason IS 'why an SSID was taken that is not among the candidates';

CREATE TABLE calpads.ssid_update_row (
	file_id bigint NOT NULL,
	line_no bigint NOT NULL,
	session_id bigint NOT NULL,
	student_id integer NOT NULL,
	decision text NOT NULL,
	PRIMARY KEY (file_id, line_no)
);
CREATE INDEX ON calpads.ssid_update_row (student_id);
COMMENT ON TABLE calpads.ssid_update_row IS 'students of the updated files, partial and full';

CREATE TABLE calpads.ssid_extract_row (
	load_id bigint NOT NULL,
	line_no bigint NOT NULL,
	reporting_lea text COLLATE "C",
	school_of_attendance text COLLATE "C",
	ssid text COLLATE "C",
	local_student_id text COLLATE "C",
	last_name text,
	first_name text,
	middle_name text,
	gender text,
	birth_date date,
	enrollment_start_date date,
	grade_level text,
	elas_code text,
	elas_start_date date,
	primary_language text,
	ssid_created date,
	with_disabilities text,
	complaint text,
	line text NOT NULL,
	student_id integer,
	ssid_in_sis text COLLATE "C",
	verdict text,
	explanation text,
	writes_ssid boolean NOT NULL DEFAULT false,
	reviewed_at timestamptz,
	confirmed_at timestamptz,
	confirmed_by text,
	applied_at timestamptz,
	PRIMARY KEY (load_id, line_no)
);
COMMENT ON TABLE calpads.ssid_extract_row IS 'rows of the SSID extracts and what is to be done with them';
COMMENT ON COLUMN calpads.ssid_extract_row.complaint IS 'why the row cannot be used; null: it can';
COMMENT ON COLUMN calpads.ssid_extract_row.student_id IS 'STU.ID that the local student ID names';
COMMENT ON COLUMN calpads.ssid_extract_row.ssid_in_sis IS 'STU.CID when the verdict was given';
COMMENT ON COLUMN calpads.ssid_extract_row.verdict IS 'spec/ssid.md section 7; older_enrollment: another row of the SSID starts later';
COMMENT ON COLUMN calpads.ssid_extract_row.writes_ssid IS 'the update writes STU.CID, without Overwrite';
COMMENT ON COLUMN calpads.ssid_extract_row.applied_at IS 'when the update took the row; null: it did not';

CREATE TABLE calpads.ssid_replacement_row (
	load_id bigint NOT NULL,
	line_no bigint NOT NULL,
	reporting_lea text COLLATE "C",
	school_of_attendance text COLLATE "C",
	local_student_id text COLLATE "C",
	retired_ssid text COLLATE "C",
	replacement_ssid text COLLATE "C",
	complaint text,
	line text NOT NULL,
	applied_verdict text,
	applied_at timestamptz,
	PRIMARY KEY (load_id, line_no)
);
COMMENT ON TABLE calpads.ssid_replacement_row IS 'rows of the Replacement SSIDs extracts, of all loads';
COMMENT ON COLUMN calpads.ssid_replacement_row.complaint IS 'why the row cannot be used; null: it can';
COMMENT ON COLUMN calpads.ssid_replacement_row.applied_verdict IS 'what was done with it when the load was applied';

CREATE TABLE calpads.ssid_change (
	change_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	load_id bigint NOT NULL,
	student_id integer NOT NULL,
	table_name text NOT NULL,
	column_name text NOT NULL,
	old_value text,
	new_value text,
	changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	changed_by text NOT NULL DEFAULT session_user
);
CREATE INDEX ON calpads.ssid_change (load_id);
COMMENT ON TABLE calpads.ssid_change IS
	'what SSID extracts and replacements wrote into the SIS, one row for each student, column and former value';
COMMENT ON COLUMN calpads.ssid_change.load_id IS 'the SSID extract or replacement file: calpads.load';

SELECT pg_catalog.pg_extension_config_dump('calpads.ssid_request', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.ssid_request_student', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.match_session', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.match_session_session_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.match_row', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.match_decision', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.ssid_update_row', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.ssid_extract_row', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.ssid_replacement_row', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.ssid_change', '');
SELECT pg_catalog.pg_extension_config_dump('calpads.ssid_change_change_id_seq', '');

-- ---- what several steps need ---------------------------------------------------

-- One lock for all LEAs: an SSID must not reach two students of two LEAs that
-- share a SIS either.
CREATE FUNCTION calpads.lock_ssids() RETURNS void
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT calpads.lock_process('SSID', '')
$$;
COMMENT ON FUNCTION calpads.lock_ssids() IS
	'until the end of the transaction: decisions, files and updates of SSIDs come one after the other';

CREATE FUNCTION calpads.is_ssid(value text) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN coalesce(value ~ '^[0-9]{10}$' AND value <> '0000000000', false);
COMMENT ON FUNCTION calpads.is_ssid(text) IS
	'has the text the form of an SSID: ten digits, not all zero [proposal: CALPADS publishes no check digit]';

-- Accents fall off as marks of their own when a name is decomposed; only UTF-8
-- knows how.  A name without a Latin letter stands for itself.
CREATE FUNCTION calpads.name_key(name text) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN coalesce(nullif(regexp_replace(upper(
			CASE WHEN getdatabaseencoding() = 'UTF8' THEN normalize(name, NFD) ELSE name END COLLATE "C"),
			'[^A-Z]', '', 'g'), ''), btrim(name));
COMMENT ON FUNCTION calpads.name_key(text) IS
	'a name as names are compared: upper case, letters only, accents removed';

CREATE FUNCTION calpads.same_name(one text, other text) RETURNS boolean
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN one IS NOT DISTINCT FROM other OR coalesce(calpads.name_key(one) = calpads.name_key(other), false);
COMMENT ON FUNCTION calpads.same_name(text, text) IS 'are two names equal but for case, accents, blanks and hyphens?';

-- Spreadsheet programs write ="00123" and 123.0, and add quotes.
CREATE FUNCTION calpads.spreadsheet_text(cell text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT nullif(btrim(regexp_replace(regexp_replace(regexp_replace(cell,
		'^="(.*)"$', '\1'), '^''', ''), '^([0-9]+)\.0+$', '\1')), '')
$$;
COMMENT ON FUNCTION calpads.spreadsheet_text(text) IS 'what a cell of a spreadsheet says, without the marks of the program';

-- Local IDs are padded by some programs, and lose their zeros in others.
CREATE FUNCTION calpads.local_number(local_student_id text) RETURNS numeric
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN substring(btrim(local_student_id) FROM '^[0-9]{1,16}$')::numeric;
COMMENT ON FUNCTION calpads.local_number(text) IS 'a local student ID as a number, by which it is compared; null: it is none';

CREATE FUNCTION calpads.seven_digits(code text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN CASE WHEN code ~ '^[0-9]{1,7}$' THEN lpad(code, 7, '0') ELSE code END;
COMMENT ON FUNCTION calpads.seven_digits(text) IS 'an LEA or school code with the leading zeros that a spreadsheet took away';

/*
 * The persons of the SIS, deleted ones marked: those with one of the IDs, SSIDs
 * (STU.CID or STU.OSI) or birth dates, or everybody when all three are null.
 * STU has a row for each student and school; ssids has more than one element
 * when the rows disagree, and local_ids when two texts are the same number.
 * Names are the legal ones where LSI has them, as in sis.senr.
 */
CREATE FUNCTION calpads.sis_person(
	ids integer[],
	ssids_wanted text[],
	birth_dates date[],
	OUT student_id integer,
	OUT local_ids text[],
	OUT ssids text[],
	OUT old_ssids text[],
	OUT last_name text,
	OUT first_name text,
	OUT middle_name text,
	OUT birth_date date,
	OUT gender text,
	OUT deleted boolean
) RETURNS SETOF record
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
BEGIN
	RETURN QUERY EXECUTE format($query$
		WITH legal AS (
			SELECT DISTINCT ON (btrim(l.id::text)) btrim(l.id::text) AS local_id,
				nullif(btrim(l.lln::text), '') AS last_name, nullif(btrim(l.lfn::text), '') AS first_name,
				nullif(btrim(l.lmn::text), '') AS middle_name, nullif(upper(btrim(l.gn::text)), '') AS gender
			FROM %2$s l
			ORDER BY btrim(l.id::text), l.lln, l.lfn
		), student AS (
			SELECT btrim(s.id::text) AS local_id, nullif(btrim(s.cid::text), '') AS ssid,
				nullif(btrim(s.osi::text), '') AS old_ssid,
				coalesce(l.last_name, nullif(btrim(s.ln::text), '')) AS last_name,
				coalesce(l.first_name, nullif(btrim(s.fn::text), '')) AS first_name,
				coalesce(l.middle_name, nullif(btrim(s.mn::text), '')) AS middle_name,
				s.bd::date AS birth_date,
				coalesce(l.gender, nullif(upper(btrim(s.gn::text)), ''), nullif(upper(btrim(s.sx::text)), '')) AS gender,
				coalesce(s.del::text IN ('t', 'true', 'TRUE', '1', 'Y'), false) AS deleted,
				row_number() OVER (PARTITION BY s.id ORDER BY coalesce(s.del::text IN ('t', 'true', 'TRUE', '1', 'Y'), false),
					coalesce(btrim(s.tg::text), '') <> '', s.ed DESC NULLS LAST, s.sc, s.sn) AS place
			FROM %1$s s
				LEFT JOIN legal l ON l.local_id = btrim(s.id::text)
			WHERE ($1 IS NULL AND $2 IS NULL AND $3 IS NULL)
				OR s.id::integer = ANY ($1) OR btrim(s.cid::text) = ANY ($2) OR btrim(s.osi::text) = ANY ($2)
				OR s.bd::date = ANY ($3)
		), person AS (
			SELECT s.local_id::integer AS student_id, array_agg(DISTINCT s.local_id) AS local_ids,
				bool_and(s.deleted) AS deleted,
				coalesce(array_agg(DISTINCT s.ssid) FILTER (WHERE s.ssid IS NOT NULL AND NOT s.deleted), '{}') AS ssids,
				coalesce(array_agg(DISTINCT s.ssid) FILTER (WHERE s.ssid IS NOT NULL), '{}') AS ssids_of_all_rows,
				coalesce(array_agg(DISTINCT s.old_ssid) FILTER (WHERE s.old_ssid IS NOT NULL), '{}') AS old_ssids,
				min(s.last_name) FILTER (WHERE s.place = 1) AS last_name,
				min(s.first_name) FILTER (WHERE s.place = 1) AS first_name,
				min(s.middle_name) FILTER (WHERE s.place = 1) AS middle_name,
				min(s.birth_date) FILTER (WHERE s.place = 1) AS birth_date,
				min(s.gender) FILTER (WHERE s.place = 1) AS gender
			FROM student s
			GROUP BY s.local_id::integer
		)
		SELECT p.student_id, p.local_ids, CASE WHEN p.deleted THEN p.ssids_of_all_rows ELSE p.ssids END, p.old_ssids,
			p.last_name, p.first_name, p.middle_name, p.birth_date, coalesce(g.code, p.gender), p.deleted
		FROM person p
			LEFT JOIN calpads.code_translation(NULL) g ON g.local_set = 'STU.GN' AND g.local_code = p.gender
		$query$, calpads.sis_table_name(NULL, 'stu'), calpads.sis_table_name(NULL, 'lsi'))
		USING ids, ssids_wanted, birth_dates;
END;
$$;
COMMENT ON FUNCTION calpads.sis_person(integer[], text[], date[]) IS
	'persons of the SIS with one of the local IDs, SSIDs or birth dates; all of them when the three are null';

-- The columns of a file by the names in its header row; null: not known.
CREATE FUNCTION calpads.ssid_header(layout text, cells text[]) RETURNS text[]
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH title AS (
		SELECT h.position, f.name AS own_name, c.name AS other_name
		FROM unnest(cells) WITH ORDINALITY AS h (cell, position)
			LEFT JOIN calpads.ssid_column c ON c.layout = ssid_header.layout AND c.alias = calpads.column_alias(h.cell)
			LEFT JOIN calpads.layout_field f ON f.layout = ssid_header.layout
				AND calpads.column_alias(h.cell) IN (calpads.column_alias(f.name), calpads.column_alias(f.label))
	)
	-- A column with the layout's own name is the one that is meant.
	SELECT array_agg(coalesce(t.own_name, CASE WHEN t.other_name NOT IN (SELECT o.own_name FROM title o WHERE o.own_name IS NOT NULL)
		THEN t.other_name END) ORDER BY t.position)
	FROM title t
$$;
COMMENT ON FUNCTION calpads.ssid_header(text, text[]) IS
	'what each column of a header row holds: a field of the layout or a name of calpads.ssid_column; null: unknown';

-- A workbook is a zip archive.
CREATE FUNCTION calpads.ssid_file(path text, content bytea) RETURNS bytea
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	bytes bytea;
BEGIN
	IF path IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'path must not be null';
	END IF;
	bytes := coalesce(content, calpads.server_file(path));
	IF substr(bytes, 1, 4) = '\x504b0304' THEN
		RAISE EXCEPTION USING
			ERRCODE = 'bad_copy_file_format',
			MESSAGE = format('file "%s" is a workbook or an archive', path),
			HINT = 'Load the file as CALPADS gave it; a workbook has to be saved as CSV (comma delimited) first.';
	END IF;
	RETURN bytes;
END;
$$;
COMMENT ON FUNCTION calpads.ssid_file(text, bytea) IS
	'the bytes of a file of the SSID steps: content, or those of the server''s file at path';

CREATE FUNCTION calpads.our_leas() RETURNS text[]
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(array_agg(DISTINCT s.lea), '{}') FROM calpads.school s WHERE s.lea IS NOT NULL
$$;
COMMENT ON FUNCTION calpads.our_leas() IS 'the LEAs that the schools of the SIS report to';

CREATE FUNCTION calpads.find_ssid_load(load_id bigint, layout text) RETURNS calpads.load
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	loaded calpads.load;
BEGIN
	SELECT l.* INTO loaded FROM calpads.load l
	WHERE l.load_id = find_ssid_load.load_id AND l.process = 'SSID' AND l.layout = find_ssid_load.layout;
	IF loaded.load_id IS NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'undefined_object',
			MESSAGE = format('load %s is no file of that kind', coalesce(load_id::text, 'without a number')),
			HINT = format('SELECT * FROM calpads.load WHERE layout = %L lists them.', layout);
	END IF;
	RETURN loaded;
END;
$$;
COMMENT ON FUNCTION calpads.find_ssid_load(bigint, text) IS 'the load of that number and layout, or an error';

-- Bodies hold counts only: mail is not a way to hand out SSIDs.
CREATE FUNCTION calpads.queue_ssid_mail(subject text, body text) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	recipients text[] := regexp_split_to_array(btrim(calpads.setting('ssid_mail_recipients')), '\s*[,;]\s*');
BEGIN
	IF recipients <> ARRAY[''] THEN
		PERFORM calpads.queue_mail(recipients, subject, body);
	ELSE
		-- The counts can be read, and sent later, although nobody gets them now.
		INSERT INTO calpads.mail (recipients, subject, body, status, last_error)
		VALUES ('{}', queue_ssid_mail.subject, queue_ssid_mail.body, 'cancelled', 'nobody is named in calpads.ssid_mail_recipients');
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.queue_ssid_mail(text, text) IS
	'a mail to calpads.ssid_mail_recipients; when nobody is named it stays in calpads.mail, cancelled';

-- The SIS tables may be views or foreign tables of the district.
CREATE FUNCTION calpads.check_sis_writable(table_name text, column_names text[], inserts boolean) RETURNS regclass
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	relation regclass := calpads.sis_table_name(NULL, table_name);
	missing text;
	-- As pg_relation_is_updatable() counts them.
	update_event CONSTANT integer := 4;
	insert_event CONSTANT integer := 8;
	-- Bits of pg_trigger.tgtype.
	instead_of_update CONSTANT integer := 64 + 16;
	events integer := pg_relation_is_updatable(relation, true);
BEGIN
	SELECT string_agg(n, ', ' ORDER BY n) INTO missing
	FROM unnest(column_names) AS n
	WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = n AND NOT a.attisdropped
		-- A view that is updatable by itself may still have computed columns.
		AND (pg_column_is_updatable(relation, a.attnum, false) OR pg_relation_is_updatable(relation, false) & update_event = 0
			OR EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = relation AND t.tgtype & instead_of_update = instead_of_update)));
	IF events & update_event = 0 OR (inserts AND events & insert_event = 0) OR missing IS NOT NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('%s of the student information system cannot be written', relation),
			DETAIL = format('Columns that cannot be written: %s.', coalesce(missing, array_to_string(column_names, ', '))),
			HINT = 'Make it a table, a view with INSTEAD OF triggers, or a foreign table that takes changes. '
				'Nothing has been changed.';
	END IF;
	RETURN relation;
END;
$$;
COMMENT ON FUNCTION calpads.check_sis_writable(text, text[], boolean) IS
	'the SIS table, when its columns can be updated (and rows inserted); else an error';

CREATE FUNCTION calpads.column_type(relation regclass, column_name text) RETURNS text
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
	WHERE a.attrelid = relation AND a.attname = column_name AND NOT a.attisdropped
$$;
COMMENT ON FUNCTION calpads.column_type(regclass, text) IS 'the type of a column, by which a district''s own table takes a value';

-- A decision is in CALPADS' hands when a file with its row exists that CALPADS
-- has not refused.
CREATE VIEW calpads.ssid_emitted AS
SELECT u.session_id, u.student_id, u.decision, u.file_id, f.file_name, f.status, f.created_at
FROM calpads.ssid_update_row u JOIN calpads.extract_file f ON f.file_id = u.file_id
WHERE f.status <> 'Rejected';
COMMENT ON VIEW calpads.ssid_emitted IS
	'students whose decision stands in an updated file; a file that is marked by reject_file() does not count';

-- ---- retired SSIDs ---------------------------------------------------------------

-- The pairs of all files ever loaded: of a retired SSID the newest file counts,
-- chains are followed to their end; rows of one file that disagree, and cycles,
-- lead nowhere (spec/ssid.md section 8).
CREATE VIEW calpads.retired_ssid AS
WITH RECURSIVE pair AS (
	SELECT newest.retired_ssid, newest.replacement_ssid
	FROM (SELECT DISTINCT ON (r.retired_ssid) r.retired_ssid, min(r.replacement_ssid) AS replacement_ssid,
			count(DISTINCT r.replacement_ssid) AS replacements
		FROM calpads.ssid_replacement_row r
		WHERE r.complaint IS NULL
		GROUP BY r.retired_ssid, r.load_id
		ORDER BY r.retired_ssid, r.load_id DESC) AS newest
	WHERE newest.replacements = 1
), step AS (
	SELECT p.retired_ssid, p.replacement_ssid, ARRAY[p.retired_ssid] AS path
	FROM pair p
	UNION ALL
	SELECT s.retired_ssid, p.replacement_ssid, s.path || p.retired_ssid
	FROM step s JOIN pair p ON p.retired_ssid = s.replacement_ssid
	WHERE s.replacement_ssid <> ALL (s.path)
)
SELECT DISTINCT ON (s.retired_ssid) s.retired_ssid,
	CASE WHEN s.replacement_ssid <> ALL (s.path) THEN s.replacement_ssid END AS replacement_ssid, s.path
FROM step s
ORDER BY s.retired_ssid, cardinality(s.path) DESC;
COMMENT ON VIEW calpads.retired_ssid IS
	'retired SSIDs of all replacement files and the SSID that stands for each now; null: the pairs go round in a circle';

-- ---- step 1: the request -----------------------------------------------------------

/*
 * The students without an SSID who have a place in a request, one row for each:
 * active, with a current enrollment at a selected school (spec/ssid.md section
 * 3).  record is the SENR record as it is requested; rule is set when the
 * student is left out, and explanation says why.
 *
 * Two records of one student would make two SSIDs, so it is the primary
 * enrollment, the newest one, at the lowest school number.
 */
CREATE FUNCTION calpads.students_without_ssid(
	keep integer[] DEFAULT NULL,
	skip integer[] DEFAULT NULL,
	OUT student_id integer,
	OUT lea text,
	OUT record calpads.senr,
	OUT rule text,
	OUT field text,
	OUT value text,
	OUT other_ssid text,
	OUT explanation text,
	OUT fix text
) RETURNS SETOF record
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
DECLARE
	view regclass := calpads.sis_view('senr_without_ssid');
BEGIN
	PERFORM calpads.check_school_codes();
	RETURN QUERY EXECUTE format($query$
		WITH enrolled AS MATERIALIZED (
			SELECT p.student_id::integer AS student_id, p.sc::integer AS sc, ROW(%2$s)::calpads.senr AS record,
				%3$s::jsonb AS problems
			FROM %1$s p
			WHERE p.enrollment_start_date >= calpads.school_year_start(calpads.today())
				AND p.enrollment_start_date <= calpads.today()
				AND (p.enrollment_exit_date IS NULL OR p.enrollment_exit_date > calpads.today())
				AND ($1 IS NULL OR p.student_id::integer = ANY ($1))
				AND ($2 IS NULL OR p.student_id::integer <> ALL ($2))
		), active AS MATERIALIZED (
			SELECT s.id::integer AS student_id, s.sc::integer AS sc
			FROM %4$s s
			WHERE coalesce(btrim(s.tg::text), '') = '' AND (s.del::text IN ('t', 'true', 'TRUE', '1', 'Y')) IS NOT TRUE
		), present AS MATERIALIZED (
			SELECT e.id::integer AS student_id, e.sc::integer AS sc
			FROM %5$s e
			WHERE (e.del::text IN ('t', 'true', 'TRUE', '1', 'Y')) IS NOT TRUE
				AND e.ed::date >= calpads.school_year_start(calpads.today()) AND e.ed::date <= calpads.today()
				AND (e.ld IS NULL OR e.ld::date > calpads.today())
		), chosen AS MATERIALIZED (
			SELECT DISTINCT ON (e.student_id) e.student_id,
				jsonb_populate_record(e.record, '{"transaction_type_code": null, "ssid": null,
					"enrollment_exit_date": null, "student_exit_reason_code": null,
					"student_school_completion_status": null, "expected_receiver_school_of_attendance": null,
					"student_met_all_uc_csu_requirements_indicator": null,
					"student_golden_state_seal_merit_diploma_indicator": null,
					"student_seal_of_biliteracy_indicator": null,
					"adult_age_students_with_disabilities_in_transition_status": null,
					"graduation_exemption_indicator": null}') AS record,
				jsonb_path_query_array(coalesce(e.problems, '[]'),
					'$[*] ? (@.field != "enrollment_exit_date" && @.field != "student_exit_reason_code"
						&& @.field != "student_school_completion_status")') AS problems
			FROM enrolled e
			WHERE (e.student_id, e.sc) IN (SELECT a.student_id, a.sc FROM active a)
				AND (e.student_id, e.sc) IN (SELECT p.student_id, p.sc FROM present p)
			ORDER BY e.student_id,
				CASE (e.record).enrollment_status_code WHEN '10' THEN 1 WHEN '30' THEN 2 WHEN '50' THEN 2 ELSE 3 END,
				(e.record).enrollment_start_date DESC, e.sc
		), person AS MATERIALIZED (
			SELECT p.* FROM calpads.sis_person((SELECT array_agg(c.student_id) FROM chosen c), NULL,
				(SELECT array_agg(DISTINCT (c.record).student_birth_date) FROM chosen c)) p
		), twin AS MATERIALIZED (
			SELECT DISTINCT ON (c.student_id) c.student_id, p.student_id AS other_student, p.ssids[1] AS other_ssid
			FROM chosen c
				JOIN person p ON p.birth_date = (c.record).student_birth_date AND p.student_id <> c.student_id AND NOT p.deleted
			WHERE calpads.same_name(p.last_name, (c.record).student_legal_last_name)
				AND calpads.same_name(p.first_name, (c.record).student_legal_first_name)
			ORDER BY c.student_id, p.ssids[1] IS NULL, p.student_id
		), waiting AS (
			SELECT DISTINCT ON (e.student_id) e.student_id, e.file_name
			FROM calpads.ssid_emitted e
			WHERE e.decision = 'New SSID'
			ORDER BY e.student_id, e.file_id DESC
		), finding AS (
			SELECT c.student_id, 1 AS precedence, 'SSID_IN_SIS' AS rule, 'ssid' AS field, NULL AS value, p.ssids[1] AS other_ssid,
				CASE WHEN p.ssids[1] ~ '^0+$' THEN 'The SSID in the SIS is zeros.'
					ELSE 'Another row of the student in STU has an SSID.' END AS explanation, 'STU.CID' AS fix
			FROM chosen c JOIN person p ON p.student_id = c.student_id
			WHERE p.ssids <> '{}'
			UNION ALL
			SELECT c.student_id, 2, 'SSID_LOCAL_ID', 'local_student_id', array_to_string(p.local_ids, ', '), NULL,
				'Several local IDs are the same number, so CALPADS'' answer could not be told apart.', 'STU.ID'
			FROM chosen c JOIN person p ON p.student_id = c.student_id
			WHERE cardinality(p.local_ids) > 1
			UNION ALL
			SELECT c.student_id, 3, 'SSID_AWAITED', 'ssid', w.file_name, NULL,
				format('A new SSID was asked for in %%s and has not come yet.', w.file_name),
				'Load the SSID extract; if CALPADS refused the file, mark it by calpads.reject_file().'
			FROM chosen c JOIN waiting w ON w.student_id = c.student_id
			UNION ALL
			SELECT c.student_id, 4, 'SSID_NAME', n.field, n.value, NULL,
				'The name is missing or stands for one that is not known yet.', n.fix
			FROM chosen c CROSS JOIN LATERAL (VALUES
				('student_legal_last_name', (c.record).student_legal_last_name, 'STU.LN'),
				('student_legal_first_name', (c.record).student_legal_first_name, 'STU.FN')) AS n (field, value, fix)
			-- [proposal]
			WHERE n.value IS NULL OR n.value ~ '[0-9]' OR n.value ~* '^\s*(test|baby)(\s.*)?$' OR n.value !~ '[[:alpha:]]'
			UNION ALL
			SELECT c.student_id, 5, 'SSID_BIRTH_DATE', 'student_birth_date', NULL, NULL, 'The birth date is missing.', 'STU.BD'
			FROM chosen c
			WHERE (c.record).student_birth_date IS NULL
			UNION ALL
			SELECT t.student_id, 6, 'SSID_DUPLICATE', 'local_student_id', t.other_student::text, t.other_ssid,
				format('Student %%s has the same names and birth date%%s: merge the two first.', t.other_student,
					CASE WHEN t.other_ssid IS NOT NULL THEN ', and an SSID' ELSE '' END), 'STU.ID'
			FROM twin t
			UNION ALL
			SELECT c.student_id, 7, m.rule, m.field, m.value, NULL, m.explanation, m.fix
			FROM chosen c, jsonb_to_recordset(c.problems) AS m (rule text, field text, value text, explanation text, fix text)
			UNION ALL
			SELECT c.student_id, 8, k.rule, k.field, k.value, NULL, k.explanation, k.fix
			FROM chosen c, calpads.check_senr(c.record) k
			WHERE k.field <> 'ssid'
		), first_finding AS (
			SELECT DISTINCT ON (f.student_id) f.*
			FROM finding f
			ORDER BY f.student_id, f.precedence, f.field COLLATE "C", f.rule COLLATE "C"
		)
		SELECT c.student_id, (c.record).reporting_lea, c.record, f.rule, f.field, f.value, f.other_ssid, f.explanation, f.fix
		FROM chosen c LEFT JOIN first_finding f ON f.student_id = c.student_id
		ORDER BY c.student_id
		$query$, view, calpads.picture_fields('SENR', view, false), calpads.problems_expression(view),
			calpads.sis_table_name(NULL, 'stu'), calpads.sis_table_name(NULL, 'enr'))
		USING keep, skip;
END;
$$;
COMMENT ON FUNCTION calpads.students_without_ssid(integer[], integer[]) IS
	'active students without SSID, one row for each, with the record that a request would hold; rule and explanation '
	'when it would leave the student out, and other_ssid, which may be the student''s own';

CREATE FUNCTION calpads.ssid_file_name(base_name text) RETURNS text
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT n.name || '.txt'
	FROM generate_series(1, 1000) AS number
		CROSS JOIN LATERAL (SELECT base_name || CASE WHEN number > 1 THEN '_' || number ELSE '' END AS name) AS n
	WHERE NOT EXISTS (SELECT FROM calpads.extract_file f WHERE lower(f.file_name) = lower(n.name || '.txt'))
	ORDER BY number
	LIMIT 1
$$;
COMMENT ON FUNCTION calpads.ssid_file_name(text) IS 'the name with .txt, and with _2, _3 when it is taken';

-- A request or update is a batch of one file.
CREATE FUNCTION calpads.open_ssid_file(lea text, category text, base_name text) RETURNS calpads.extract_file
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	new_batch bigint;
	file calpads.extract_file;
BEGIN
	INSERT INTO calpads.batch (process, lea, today, encoding, forced)
	VALUES ('SSID', lea, calpads.today(), calpads.batch_encoding(), false)
	RETURNING batch_id INTO new_batch;
	INSERT INTO calpads.extract_file (batch_id, process, lea, seq, category, file_name, records)
	VALUES (new_batch, 'SSID', lea, 1, category, calpads.ssid_file_name(base_name), 0)
	RETURNING * INTO file;
	RETURN file;
END;
$$;
COMMENT ON FUNCTION calpads.open_ssid_file(text, text, text) IS 'an empty file of the process SSID in a batch of its own';

-- Its records are there: it enters its life.
CREATE FUNCTION calpads.finish_ssid_file(file_id bigint) RETURNS calpads.extract_file
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	file calpads.extract_file;
BEGIN
	UPDATE calpads.extract_file f
	SET records = (SELECT count(*) FROM calpads.extract_record r WHERE r.file_id = f.file_id)
	WHERE f.file_id = finish_ssid_file.file_id
	RETURNING f.* INTO file;
	SELECT f.* INTO file FROM calpads.open_batch(file.batch_id) f;
	RETURN file;
END;
$$;
COMMENT ON FUNCTION calpads.finish_ssid_file(bigint) IS 'counts the records of a new file and opens it';

CREATE FUNCTION calpads.store_ssid_request(file calpads.extract_file, keep integer[], skip integer[]) RETURNS bigint
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH student AS MATERIALIZED (
		SELECT w.*, row_number() OVER (ORDER BY w.rule IS NOT NULL, w.student_id) AS line_no
		FROM calpads.students_without_ssid(keep, skip) w
		WHERE w.lea = file.lea
	), held AS (
		INSERT INTO calpads.batch_held (batch_id, local_student_id, ssid, school_of_attendance, enrollment_start_date,
			rule, field, value, explanation, fix)
		SELECT file.batch_id, (s.record).local_student_id, s.other_ssid, (s.record).school_of_attendance,
			(s.record).enrollment_start_date, s.rule, s.field, s.value, s.explanation, s.fix
		FROM student s
		WHERE s.rule IS NOT NULL
	), requested AS MATERIALIZED (
		-- [proposal] The local record ID names the line of the request.
		SELECT s.line_no, s.student_id,
			jsonb_populate_record(s.record, jsonb_build_object('local_record_id', format('R%s-%s', file.file_id, s.line_no)))
				AS record
		FROM student s
		WHERE s.rule IS NULL
	), stored AS (
		INSERT INTO calpads.ssid_request_student (request_id, line_no, student_id, snapshot)
		SELECT file.file_id, r.line_no, r.student_id, to_jsonb(r.record) FROM requested r
	), written AS (
		INSERT INTO calpads.extract_record (file_id, line_no, key, transaction_type, reason, explanation, changed, line)
		SELECT file.file_id, r.line_no, concat_ws('^', (r.record).school_of_attendance, '',
				to_char((r.record).enrollment_start_date, 'YYYYMMDD')),
			'A', 'ssid_request', 'The student is enrolled and has no SSID.', '{}', calpads.senr_line(r.record)
		FROM requested r
		RETURNING line_no
	)
	SELECT count(*) FROM written
$$;
COMMENT ON FUNCTION calpads.store_ssid_request(calpads.extract_file, integer[], integer[]) IS
	'the students, records and left-out students of a new request file; gives the number of records';

CREATE FUNCTION calpads.ssid_request_lea(keep integer[], skip integer[]) RETURNS text
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	leas text[];
BEGIN
	SELECT array_agg(DISTINCT w.lea ORDER BY w.lea) INTO leas
	FROM calpads.students_without_ssid(keep, skip) w
	WHERE w.rule IS NULL;
	IF cardinality(leas) > 1 THEN
		RAISE EXCEPTION USING
			ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'students of several LEAs have no SSID',
			DETAIL = format('LEAs: %s.', array_to_string(leas, ', ')),
			HINT = 'A request is of one LEA: say lea => ''…''.';
	END IF;
	RETURN coalesce(leas[1], (calpads.our_leas())[1]);
END;
$$;
COMMENT ON FUNCTION calpads.ssid_request_lea(integer[], integer[]) IS 'the LEA of the students without SSID; several are an error';

CREATE FUNCTION calpads.create_ssid_request(keep integer[] DEFAULT NULL, skip integer[] DEFAULT NULL, lea text DEFAULT NULL)
	RETURNS calpads.extract_file
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	request_lea text;
	base_name text := to_char(calpads.california_time(clock_timestamp()), 'YYYY_MM_DD_HH24MISS') || '_SENR_SSID';
	file calpads.extract_file;
	requested bigint;
	left_out bigint;
BEGIN
	IF keep IS NOT NULL AND skip IS NOT NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'keep and skip exclude each other',
			HINT = 'keep: only these students; skip: all but these.';
	END IF;
	PERFORM calpads.lock_ssids();
	request_lea := coalesce(lea, calpads.ssid_request_lea(keep, skip));
	PERFORM calpads.lock_process('SSID', request_lea);
	file := calpads.open_ssid_file(request_lea, 'Request', base_name);
	requested := calpads.store_ssid_request(file, keep, skip);
	SELECT count(*) INTO left_out FROM calpads.batch_held h WHERE h.batch_id = file.batch_id;
	IF requested = 0 THEN
		DELETE FROM calpads.batch_held h WHERE h.batch_id = file.batch_id;
		DELETE FROM calpads.extract_file f WHERE f.file_id = file.file_id;
		DELETE FROM calpads.batch b WHERE b.batch_id = file.batch_id;
		RAISE NOTICE USING
			MESSAGE = 'no student needs an SSID, so no file was made',
			DETAIL = format('Students without SSID who were left out: %s.', left_out),
			HINT = 'SELECT * FROM calpads.students_without_ssid() says why.';
		RETURN NULL;
	END IF;
	IF left_out > 0 THEN
		RAISE NOTICE USING
			MESSAGE = format('students without SSID who were left out: %s', left_out),
			HINT = format('SELECT * FROM calpads.batch_held WHERE batch_id = %s says why.', file.batch_id);
	END IF;
	file := calpads.finish_ssid_file(file.file_id);
	INSERT INTO calpads.ssid_request (request_id, lea, base_name, sha256, keep, skip)
	VALUES (file.file_id, file.lea, regexp_replace(file.file_name, '\.txt$', ''),
		encode(sha256(calpads.file_content(file.file_id)), 'hex'), create_ssid_request.keep, create_ssid_request.skip);
	RETURN file;
END;
$$;
COMMENT ON FUNCTION calpads.create_ssid_request(integer[], integer[], text) IS
	'the file for CALPADS'' SSID Match Tool: active students without SSID; keep: only these STU.ID, skip: all but these. '
	'For the Match Tool alone: uploaded as SENR it would make a new SSID for everybody in it. Null when there is nobody';

CREATE FUNCTION calpads.close_ssid_request(request_id bigint, note text) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	batch bigint;
BEGIN
	PERFORM calpads.lock_ssids();
	UPDATE calpads.ssid_request r
	SET closed_at = clock_timestamp(), closed_by = session_user, closing_note = note
	WHERE r.request_id = close_ssid_request.request_id AND r.closed_at IS NULL;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('there is no open request %s', coalesce(request_id::text, 'without a number')),
			HINT = 'SELECT * FROM calpads.ssid_request WHERE closed_at IS NULL lists them.';
	END IF;
	UPDATE calpads.match_session s SET status = 'closed', ended_at = clock_timestamp(), ended_by = session_user
	WHERE s.request_id = close_ssid_request.request_id AND s.status = 'open';
	UPDATE calpads.extract_file f SET obsoleted_by = 0
	WHERE f.file_id = close_ssid_request.request_id AND f.obsoleted_by IS NULL
	RETURNING f.batch_id INTO batch;
	PERFORM calpads.refresh_file_status(batch, note);
END;
$$;
COMMENT ON FUNCTION calpads.close_ssid_request(bigint, text) IS
	'closes a request and its match session, whether they are finished or given up; its students are found again by the '
	'next request, unless a new SSID was asked for them';

-- ---- steps 2 and 3: the result, and what people decide ------------------------------

-- A result belongs to the open request whose name its own name contains; of
-- …_SSID and …_SSID_2, both contained in the second, to the longer one.
CREATE FUNCTION calpads.request_of_result(path text) RETURNS calpads.ssid_request
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	file_name text := regexp_replace(path, '^.*[/\\]', '');
	result_name text := lower(regexp_replace(file_name, '\.[[:alnum:]]{1,5}$', ''));
	request calpads.ssid_request;
BEGIN
	IF result_name ~ ' ?\([0-9]+\)$' THEN
		result_name := regexp_replace(result_name, ' ?\([0-9]+\)$', '');
		RAISE NOTICE 'the number that the browser added to the file name is left out';
	END IF;
	SELECT r.* INTO request
	FROM calpads.ssid_request r
	WHERE strpos(result_name, lower(r.base_name)) > 0
	ORDER BY length(r.base_name) DESC, r.closed_at IS NOT NULL, r.request_id DESC
	LIMIT 1;
	IF request.request_id IS NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('the result "%s" belongs to no request', file_name),
			DETAIL = 'SSID_RESULT_NAME: the name of a result contains the name of its request file.',
			HINT = 'Give the file its name again; SELECT base_name FROM calpads.ssid_request WHERE closed_at IS NULL lists them.';
	ELSIF request.closed_at IS NOT NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('the request of the result "%s" is closed', file_name),
			DETAIL = format('Closed at %s: %s.', request.closed_at, request.closing_note),
			HINT = 'Make a new request: SELECT * FROM calpads.create_ssid_request();';
	END IF;
	RETURN request;
END;
$$;
COMMENT ON FUNCTION calpads.request_of_result(text) IS 'the open request that a result file belongs to by its name, or an error';

CREATE FUNCTION calpads.match_result_rows(
	name text,
	content bytea,
	OUT line_no bigint,
	OUT known jsonb,
	OUT extra jsonb
) RETURNS SETOF record
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	titles text[] := (SELECT r.cells FROM calpads.read_rows(name, content) r LIMIT 1);
	header text[] := calpads.ssid_header('ssid_match_result', titles);
	bad record;
	missing text;
BEGIN
	-- Only these are needed (spec/ssid.md section 4) [proposal].
	SELECT string_agg(f.label, ', ' ORDER BY f.ordinal) INTO missing
	FROM calpads.layout_field f
	WHERE f.layout = 'ssid_match_result' AND f.name IN ('submitted_senr_local_id', 'result_senr_ssid',
			'result_match_category', 'result_match_percentage_score')
		AND (f.name = ANY (header)) IS NOT TRUE;
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'bad_copy_file_format',
			MESSAGE = format('file "%s" is no result of the SSID Match Tool', name),
			DETAIL = format('Its first line does not name the columns %s.', missing),
			HINT = 'The names can be in any order and case; others that CALPADS uses can be added to calpads.ssid_column.';
	END IF;
	SELECT string_agg(DISTINCT f.label, ', ') INTO missing
	FROM unnest(header) AS h (name) JOIN calpads.layout_field f ON f.layout = 'ssid_match_result' AND f.name = h.name
	GROUP BY f.name HAVING count(*) > 1
	LIMIT 1;
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'bad_copy_file_format',
			MESSAGE = format('the result "%s" has two columns for one field', name),
			DETAIL = format('Field: %s.', missing),
			HINT = 'Load the result as the Match Tool gave it.';
	END IF;
	SELECT r.line_no, r.complaint INTO bad FROM calpads.read_rows(name, content) r WHERE r.complaint IS NOT NULL LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION USING
			ERRCODE = 'bad_copy_file_format',
			MESSAGE = format('line %s of the result "%s" cannot be read', bad.line_no, name),
			DETAIL = bad.complaint;
	END IF;
	RETURN QUERY
	SELECT r.line_no,
		(SELECT jsonb_object_agg(c.name, c.cell)
			FROM (SELECT DISTINCT ON (h.name) h.name, calpads.spreadsheet_text(r.cells[h.position]) AS cell
				FROM unnest(header) WITH ORDINALITY AS h (name, position)
				WHERE h.name IS NOT NULL
				ORDER BY h.name, h.position) AS c),
		coalesce((SELECT jsonb_object_agg(coalesce(titles[h.position], 'column_' || h.position), r.cells[h.position])
			FROM unnest(header) WITH ORDINALITY AS h (name, position)
			WHERE h.name IS NULL OR h.name LIKE 'candidate%'), '{}')
	FROM calpads.read_rows(name, content) WITH ORDINALITY r
	WHERE r.ordinality > 1;
END;
$$;
COMMENT ON FUNCTION calpads.match_result_rows(text, bytea) IS
	'the rows of a result of the SSID Match Tool: known columns by the names of the layout, all others by their own';

-- The rows joined to the request, before anything is stored.
CREATE FUNCTION calpads.match_result_joined(
	request_id bigint,
	name text,
	content bytea,
	OUT line_no bigint,
	OUT student_id integer,
	OUT known jsonb,
	OUT extra jsonb,
	OUT is_same_person boolean,
	OUT birth_date_unreadable boolean,
	OUT is_same_lea boolean
) RETURNS SETOF record
	LANGUAGE sql STABLE ROWS 10000
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT r.line_no, s.student_id, r.known, r.extra,
		(NOT r.known ? 'submitted_senr_student_legal_last_name'
			OR calpads.same_name(r.known ->> 'submitted_senr_student_legal_last_name', s.snapshot ->> 'student_legal_last_name'))
		AND (NOT r.known ? 'submitted_senr_student_legal_first_name'
			OR calpads.same_name(r.known ->> 'submitted_senr_student_legal_first_name', s.snapshot ->> 'student_legal_first_name'))
		AND coalesce(calpads.file_date(r.known ->> 'submitted_senr_birth_date')
			= (s.snapshot ->> 'student_birth_date')::date, true),
		r.known ->> 'submitted_senr_birth_date' IS NOT NULL
			AND calpads.file_date(r.known ->> 'submitted_senr_birth_date') IS NULL,
		coalesce(calpads.seven_digits(r.known ->> 'submitted_senr_reporting_lea') = q.lea, true)
	FROM calpads.match_result_rows(name, content) r
		JOIN calpads.ssid_request q ON q.request_id = match_result_joined.request_id
		LEFT JOIN calpads.ssid_request_student s ON s.request_id = q.request_id
			AND s.student_id = calpads.local_number(r.known ->> 'submitted_senr_local_id')
$$;
COMMENT ON FUNCTION calpads.match_result_joined(bigint, text, bytea) IS
	'the rows of a result with the students of the request that they name, and whether they say the same of them';

CREATE FUNCTION calpads.check_match_result(request calpads.ssid_request, name text, content bytea) RETURNS void
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	verdict record;
	complaint text;
BEGIN
	SELECT count(*) AS rows,
		min(r.line_no) FILTER (WHERE NOT r.is_same_lea) AS other_lea,
		min(r.line_no) FILTER (WHERE r.student_id IS NULL) AS stranger,
		min(r.line_no) FILTER (WHERE NOT r.is_same_person) AS other_person
	INTO verdict
	FROM calpads.match_result_joined(request.request_id, name, content) r;
	complaint := CASE
		WHEN verdict.rows = 0 THEN 'The file has no rows.'
		WHEN verdict.other_lea IS NOT NULL THEN format('Line %s is of another LEA.', verdict.other_lea)
		WHEN verdict.stranger IS NOT NULL THEN
			format('The local ID in line %s is not in the request.', verdict.stranger)
		WHEN verdict.other_person IS NOT NULL THEN
			format('Name or birth date in line %s are not those that were requested.', verdict.other_person)
	END;
	IF complaint IS NOT NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'bad_copy_file_format',
			MESSAGE = format('the result "%s" is not that of request file %s.txt', name, request.base_name),
			DETAIL = complaint,
			HINT = 'Load the result that the Match Tool gave for this request.';
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.check_match_result(calpads.ssid_request, text, bytea) IS
	'refuses a result whose rows are not those of the request';

CREATE FUNCTION calpads.store_match_rows(session_id bigint, request_id bigint, name text, content bytea) RETURNS void
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO calpads.match_row (session_id, line_no, student_id, ssid, ssid_in_file, ssid_created, category, score,
		problems, candidate, extra)
	WITH cell AS (
		SELECT r.line_no, r.student_id, r.extra, r.birth_date_unreadable,
			r.known ->> 'result_senr_ssid' AS ssid_in_file,
			-- A spreadsheet takes the leading zeros of a number away.
			CASE WHEN r.known ->> 'result_senr_ssid' ~ '^[0-9]{7,9}$' THEN lpad(r.known ->> 'result_senr_ssid', 10, '0')
				ELSE r.known ->> 'result_senr_ssid' END AS ssid,
			calpads.file_date(r.known ->> 'result_senr_ssid_create_date') AS ssid_created,
			CASE lower(regexp_replace(r.known ->> 'result_match_category', '[^[:alpha:]]', '', 'g'))
				WHEN 'nomatch' THEN 'No Match' WHEN 'singlematch' THEN 'Single Match'
				WHEN 'multiplematch' THEN 'Multiple Match' ELSE r.known ->> 'result_match_category' END AS category,
			r.known ->> 'result_match_percentage_score' AS score_in_file,
			substring(r.known ->> 'result_match_percentage_score' FROM '^\s*([0-9]{1,3}(?:\.[0-9]+)?)\s*%?\s*$')::numeric AS score,
			jsonb_strip_nulls(jsonb_build_object('last_name', r.known ->> 'candidate_last_name',
				'first_name', r.known ->> 'candidate_first_name', 'gender', upper(r.known ->> 'candidate_gender'),
				'birth_date', calpads.file_date(r.known ->> 'candidate_birth_date'))) AS candidate
		FROM calpads.match_result_joined(request_id, name, content) r
	), counted AS (
		SELECT c.*, count(c.ssid_in_file) OVER (PARTITION BY c.student_id) AS candidates
		FROM (SELECT d.*, row_number() OVER (PARTITION BY d.student_id, d.ssid ORDER BY d.line_no) AS copy FROM cell d) AS c
		WHERE c.copy = 1 OR c.ssid_in_file IS NULL
	)
	SELECT session_id, c.line_no, c.student_id, CASE WHEN calpads.is_ssid(c.ssid) THEN c.ssid END, c.ssid_in_file,
		c.ssid_created, c.category, CASE WHEN c.score <= 100 THEN c.score END,
		array_remove(ARRAY[
			CASE WHEN c.category NOT IN ('No Match', 'Single Match', 'Multiple Match') OR c.category IS NULL
				THEN 'The match category is unknown.' END,
			CASE WHEN c.category = 'Single Match' AND c.candidates > 1 THEN 'A single match has several candidates.' END,
			CASE WHEN c.category = 'No Match' AND c.ssid_in_file IS NOT NULL THEN 'There is a candidate where no match was found.' END,
			CASE WHEN c.category IN ('Single Match', 'Multiple Match') AND c.ssid_in_file IS NULL
				THEN 'There is no candidate where a match was found.' END,
			CASE WHEN c.score_in_file IS NOT NULL AND (c.score <= 100) IS NOT TRUE OR c.ssid_in_file IS NOT NULL AND c.score_in_file IS NULL
				THEN 'The score is no percentage from 0 to 100.' END,
			CASE WHEN c.ssid_in_file IS NOT NULL AND NOT calpads.is_ssid(c.ssid) THEN 'The SSID is not of ten digits.'
				WHEN c.ssid <> c.ssid_in_file THEN 'The SSID has lost its leading zeros; they are put back.' END,
			CASE WHEN left(c.ssid, 1) = '0' AND c.ssid = c.ssid_in_file THEN 'The SSID begins with a zero.'
				WHEN c.ssid ~ '^(.)\1{9}$' THEN 'The SSID is ten times the same digit.' END,
			CASE WHEN c.birth_date_unreadable THEN 'The submitted birth date cannot be read.' END], NULL),
		c.candidate, c.extra
	FROM counted c
$$;
COMMENT ON FUNCTION calpads.store_match_rows(bigint, bigint, text, bytea) IS
	'the rows of a result as rows of calpads.match_row, with what is odd in them; a candidate that is listed twice counts once';

-- Decisions stay where nothing they were made on is gone: the selected
-- candidate, or, of No Match and New SSID, that nobody new has come.
CREATE FUNCTION calpads.replace_match_rows(session calpads.match_session, name text, content bytea) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	former jsonb := (SELECT coalesce(jsonb_agg(DISTINCT ARRAY[m.student_id::text, m.ssid_in_file]), '[]') FROM calpads.match_row m
		WHERE m.session_id = session.session_id AND m.ssid_in_file IS NOT NULL);
BEGIN
	DELETE FROM calpads.match_row m WHERE m.session_id = session.session_id;
	PERFORM calpads.store_match_rows(session.session_id, session.request_id, name, content);
	DELETE FROM calpads.match_decision d
	WHERE d.session_id = session.session_id
		AND NOT EXISTS (SELECT FROM calpads.ssid_emitted e
			WHERE e.session_id = d.session_id AND e.student_id = d.student_id)
		AND CASE WHEN d.decision = 'Select'
			THEN d.reason IS NULL AND d.ssid NOT IN (SELECT m.ssid FROM calpads.match_row m
				WHERE m.session_id = d.session_id AND m.student_id = d.student_id AND m.ssid IS NOT NULL)
			ELSE EXISTS (SELECT FROM calpads.match_row m
				WHERE m.session_id = d.session_id AND m.student_id = d.student_id AND m.ssid_in_file IS NOT NULL
					AND NOT former @> jsonb_build_array(ARRAY[m.student_id::text, m.ssid_in_file])) END;
END;
$$;
COMMENT ON FUNCTION calpads.replace_match_rows(calpads.match_session, text, bytea) IS
	'puts another result in the place of a session''s former one';

CREATE FUNCTION calpads.load_match_result(path text, content bytea DEFAULT NULL, force boolean DEFAULT false) RETURNS bigint
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	bytes bytea := calpads.ssid_file(path, content);
	file_name text := regexp_replace(path, '^.*[/\\]', '');
	digest text := encode(sha256(bytes), 'hex');
	request calpads.ssid_request;
	session calpads.match_session;
	loaded calpads.load;
	undecided bigint;
BEGIN
	PERFORM calpads.lock_ssids();
	request := calpads.request_of_result(path);
	SELECT s.* INTO session FROM calpads.match_session s
	WHERE s.request_id = request.request_id AND s.status <> 'closed' ORDER BY s.session_id DESC LIMIT 1;
	SELECT l.* INTO loaded FROM calpads.load l WHERE l.load_id = session.load_id;
	IF loaded.sha256 = digest THEN
		RAISE NOTICE 'the result was loaded before; session % goes on', session.session_id;
		RETURN session.session_id;
	END IF;
	IF session.session_id IS NOT NULL AND (NOT force OR session.status <> 'open') THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('request file %s.txt has a result with other content', request.base_name),
			DETAIL = format('Session %s (%s) works on "%s".', session.session_id, session.status, loaded.file_name),
			HINT = CASE WHEN session.status = 'open'
				THEN 'force => true puts the new result in its place; decisions stay where their candidates are.'
				ELSE 'Make a new request: SELECT * FROM calpads.create_ssid_request();' END;
	ELSIF session.session_id IS NULL AND EXISTS (SELECT FROM calpads.match_session s
			JOIN calpads.ssid_request r ON r.request_id = s.request_id
			WHERE s.status = 'open' AND r.lea = request.lea) THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = 'another match session is open',
			DETAIL = 'Only one match process of an LEA is open at a time.',
			HINT = 'SELECT * FROM calpads.match_session WHERE status = ''open'' shows it; finish it by '
				'calpads.create_ssid_update(), or give its request up by calpads.close_ssid_request().';
	END IF;
	PERFORM calpads.check_match_result(request, file_name, bytes);
	INSERT INTO calpads.load (process, lea, file_name, sha256, bytes, layout, layout_year)
	VALUES ('SSID', request.lea, file_name, digest, length(bytes), 'ssid_match_result', calpads.academic_year(calpads.today()))
	RETURNING * INTO loaded;
	IF session.session_id IS NULL THEN
		INSERT INTO calpads.match_session (request_id, load_id) VALUES (request.request_id, loaded.load_id)
		RETURNING * INTO session;
		PERFORM calpads.store_match_rows(session.session_id, request.request_id, file_name, bytes);
	ELSE
		UPDATE calpads.load l SET closed_at = clock_timestamp() WHERE l.load_id = session.load_id;
		UPDATE calpads.match_session s SET load_id = loaded.load_id WHERE s.session_id = session.session_id;
		PERFORM calpads.replace_match_rows(session, file_name, bytes);
	END IF;
	UPDATE calpads.load l
	SET (rows_read, rows_loaded) = (SELECT count(*), count(*) FROM calpads.match_row m WHERE m.session_id = session.session_id)
	WHERE l.load_id = loaded.load_id;
	SELECT count(*) INTO undecided
	FROM calpads.ssid_request_student s
	WHERE s.request_id = request.request_id AND NOT EXISTS (SELECT FROM calpads.match_row m
		WHERE m.session_id = session.session_id AND m.student_id = s.student_id);
	IF undecided > 0 THEN
		RAISE WARNING USING
			MESSAGE = format('students of the request who are not in the result: %s', undecided),
			DETAIL = 'They stay undecided.';
	END IF;
	RETURN session.session_id;
END;
$$;
COMMENT ON FUNCTION calpads.load_match_result(text, bytea, boolean) IS
	'loads a result of the SSID Match Tool (CSV with header) for its open request and gives the match session: a file of '
	'the server by its absolute path, or content, whose name is path; the same file again gives its session; force: in '
	'place of another result of the request';

/*
 * What speaks against a candidate for a student, for all candidates and
 * decisions of a session, or of one student, to whom an SSID that is no
 * candidate can be added.  refusal: it cannot be selected.  warnings: only with confirmation.
 * What the file does not say of the candidate is not compared.
 */
CREATE FUNCTION calpads.match_assessment(
	session_id bigint,
	only_student integer DEFAULT NULL,
	other_ssid text DEFAULT NULL,
	OUT student_id integer,
	OUT ssid text,
	OUT refusal text,
	OUT warnings text[],
	OUT replacement_ssid text
) RETURNS SETOF record
	LANGUAGE plpgsql STABLE ROWS 10000
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
BEGIN
	RETURN QUERY
	WITH student AS MATERIALIZED (
		SELECT s.student_id, r.lea, jsonb_populate_record(NULL::calpads.senr, s.snapshot) AS record
		FROM calpads.match_session m
			JOIN calpads.ssid_request r ON r.request_id = m.request_id
			JOIN calpads.ssid_request_student s ON s.request_id = r.request_id
		WHERE m.session_id = match_assessment.session_id AND s.student_id = coalesce(only_student, s.student_id)
	), listed AS MATERIALIZED (
		SELECT m.student_id, m.ssid, m.score, m.candidate, m.problems,
			count(*) OVER (PARTITION BY m.student_id, m.score) AS same_score
		FROM calpads.match_row m
		WHERE m.session_id = match_assessment.session_id AND m.student_id = coalesce(only_student, m.student_id)
			AND m.ssid IS NOT NULL
		UNION ALL
		SELECT o.student_id, o.ssid, NULL, '{}', '{}', 1
		FROM (SELECT only_student, other_ssid WHERE other_ssid IS NOT NULL
			UNION
			SELECT d.student_id, d.ssid FROM calpads.match_decision d
			WHERE d.session_id = match_assessment.session_id AND d.student_id = coalesce(only_student, d.student_id)
				AND d.ssid IS NOT NULL) AS o (student_id, ssid)
		WHERE (o.student_id, o.ssid) NOT IN (SELECT m.student_id, m.ssid FROM calpads.match_row m
			WHERE m.session_id = match_assessment.session_id AND m.ssid IS NOT NULL)
	), person AS MATERIALIZED (
		SELECT p.* FROM calpads.sis_person((SELECT array_agg(s.student_id) FROM student s),
			(SELECT array_agg(DISTINCT l.ssid) FROM listed l),
			(SELECT array_agg(DISTINCT (s.record).student_birth_date) FROM student s)) p
	), held AS MATERIALIZED (
		SELECT l.student_id, l.ssid, bool_or(NOT h.deleted AND NOT h.is_old) AS by_another, bool_or(NOT h.deleted AND h.is_old) AS by_another_before,
			bool_or(h.deleted) AS by_deleted
		FROM listed l JOIN (SELECT p.student_id, o.ssid, p.deleted, o.is_old
			FROM person p CROSS JOIN LATERAL (
				SELECT unnest(p.ssids), false UNION ALL SELECT unnest(p.old_ssids), true) AS o (ssid, is_old)) AS h
			ON h.ssid = l.ssid AND h.student_id <> l.student_id
		GROUP BY l.student_id, l.ssid
	), taken AS MATERIALIZED (
		SELECT DISTINCT l.student_id, l.ssid
		FROM listed l
			JOIN calpads.match_decision d ON d.ssid = l.ssid AND d.student_id <> l.student_id
			JOIN calpads.match_session m ON m.session_id = d.session_id
			LEFT JOIN calpads.ssid_emitted e ON e.session_id = d.session_id AND e.student_id = d.student_id
		WHERE m.status = 'open' OR m.session_id = match_assessment.session_id OR e.file_id IS NOT NULL
	), twin AS MATERIALIZED (
		SELECT DISTINCT s.student_id
		FROM student s JOIN person p ON p.birth_date = (s.record).student_birth_date AND p.student_id <> s.student_id
		WHERE calpads.same_name(p.last_name, (s.record).student_legal_last_name)
	)
	SELECT l.student_id, l.ssid,
		CASE
			WHEN NOT calpads.is_ssid(l.ssid) THEN 'it is not of ten digits'
			WHEN p.ssids <> '{}' THEN 'the student has an SSID in the SIS by now'
			WHEN h.by_another THEN 'another student of the district has it'
			WHEN h.by_another_before THEN 'it is the former SSID of another student of the district'
			WHEN l.ssid IN (SELECT o.retired_ssid FROM calpads.ssid_replacement_row o WHERE o.complaint IS NULL) THEN 'it is retired'
			WHEN k.ssid IS NOT NULL THEN 'it is selected for another student'
		END,
		array_remove(ARRAY[
			CASE WHEN (l.candidate ->> 'birth_date')::date <> (s.record).student_birth_date THEN 'The birth date differs.' END,
			CASE WHEN l.candidate ? 'last_name' AND NOT calpads.same_name(l.candidate ->> 'last_name', (s.record).student_legal_last_name)
				THEN 'The last name differs.' END,
			CASE WHEN l.candidate ? 'first_name' AND NOT calpads.same_name(l.candidate ->> 'first_name', (s.record).student_legal_first_name)
				THEN 'The first name differs.' END,
			CASE WHEN l.candidate ->> 'gender' <> (s.record).student_gender_code THEN 'The gender differs.' END,
			CASE WHEN l.score < 100 THEN 'The score is below 100.' WHEN l.score IS NULL THEN 'There is no score.' END,
			CASE WHEN l.same_score > 1 THEN 'Other candidates have the same score.' END,
			CASE WHEN t.student_id IS NOT NULL THEN 'Another student has the same birth date and last name: a twin?' END,
			CASE WHEN h.by_deleted THEN 'A deleted student of the SIS has this SSID.' END], NULL) || l.problems,
		r.replacement_ssid
	FROM listed l
		JOIN student s ON s.student_id = l.student_id
		LEFT JOIN person p ON p.student_id = l.student_id AND NOT p.deleted
		LEFT JOIN held h ON h.student_id = l.student_id AND h.ssid = l.ssid
		LEFT JOIN taken k ON k.student_id = l.student_id AND k.ssid = l.ssid
		LEFT JOIN twin t ON t.student_id = l.student_id
		LEFT JOIN calpads.retired_ssid r ON r.retired_ssid = l.ssid;
END;
$$;
COMMENT ON FUNCTION calpads.match_assessment(bigint, integer, text) IS
	'why candidates cannot be selected, or only with confirmation; replacement_ssid: what stands for a retired one now';

CREATE VIEW calpads.match_candidate AS
SELECT m.session_id, m.student_id, m.ssid, m.score,
	-- Ties: the newer SSID last [proposal].
	row_number() OVER (PARTITION BY m.session_id, m.student_id
		ORDER BY m.score DESC NULLS LAST, m.ssid_created NULLS LAST, m.line_no) AS rank,
	m.category, m.ssid_created, m.candidate ->> 'last_name' AS last_name, m.candidate ->> 'first_name' AS first_name,
	(m.candidate ->> 'birth_date')::date AS birth_date, m.candidate ->> 'gender' AS gender,
	CASE WHEN m.ssid IS NULL THEN 'it is not of ten digits' ELSE a.refusal END AS refusal,
	coalesce(a.warnings, m.problems) AS warnings, a.replacement_ssid, d.ssid IS NOT NULL AS selected,
	m.problems, m.ssid_in_file, m.line_no, m.extra,
	(SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(m.extra) e WHERE e.key ~* 'parent|guardian') AS guardian,
	(SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(m.extra) e
		WHERE e.key ~* 'address|street|city|state|zip' AND e.key !~* 'birth|parent|guardian') AS address,
	(SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(m.extra) e WHERE e.key ~* 'language|elas') AS language
FROM calpads.match_session s
	CROSS JOIN LATERAL (SELECT r.* FROM calpads.match_row r WHERE r.session_id = s.session_id AND r.ssid_in_file IS NOT NULL) AS m
	LEFT JOIN LATERAL (SELECT x.* FROM calpads.match_assessment(s.session_id) x) AS a
		ON a.student_id = m.student_id AND a.ssid = m.ssid
	LEFT JOIN calpads.match_decision d ON d.session_id = m.session_id AND d.student_id = m.student_id AND d.ssid = m.ssid;
COMMENT ON VIEW calpads.match_candidate IS
	'candidates of the match sessions, the best first (rank); refusal: it cannot be selected; warnings: only with '
	'confirmation; extra: all columns that nobody knows, and of these those that speak of guardian, address and language';

-- A suggestion is a single match of 100 % of whom nothing else is known that
-- would need a second look.  It decides nothing (spec/ssid.md section 5).
CREATE FUNCTION calpads.match_suggestion(session_id bigint, OUT student_id integer, OUT ssid text) RETURNS SETOF record
	LANGUAGE sql STABLE ROWS 10000
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
AS $$
	SELECT m.student_id, m.ssid
	FROM calpads.match_row m
		JOIN calpads.match_assessment(match_suggestion.session_id) a ON a.student_id = m.student_id AND a.ssid = m.ssid
	WHERE m.session_id = match_suggestion.session_id AND m.category = 'Single Match' AND m.score = 100
		AND a.refusal IS NULL AND a.warnings = '{}'
		AND NOT EXISTS (SELECT FROM calpads.match_row o
			WHERE o.session_id = m.session_id AND o.ssid = m.ssid AND o.student_id <> m.student_id)
$$;
COMMENT ON FUNCTION calpads.match_suggestion(bigint) IS
	'single matches of 100 % that nothing speaks against and no other student is offered';

-- What the reviewer may want to see beside the record; a district need not
-- have all the tables.
CREATE FUNCTION calpads.match_background(
	ids integer[],
	OUT student_id integer,
	OUT guardian text,
	OUT address text,
	OUT language text
) RETURNS SETOF record
	LANGUAGE plpgsql STABLE ROWS 10000
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
BEGIN
	RETURN QUERY EXECUTE format($query$
		SELECT s.student_id, c.guardian, s.address, s.language
		FROM (SELECT DISTINCT ON (u.id::integer) u.id::integer AS student_id,
				nullif(concat_ws(', ', nullif(btrim(u.ad::text), ''), nullif(btrim(u.cy::text), ''),
					nullif(btrim(concat_ws(' ', btrim(u.st::text), btrim(u.zc::text))), '')), '') AS address,
				nullif(btrim(u.hl::text), '') AS language
			FROM %1$s u
			WHERE u.id::integer = ANY ($1) AND (u.del::text IN ('t', 'true', 'TRUE', '1', 'Y')) IS NOT TRUE
			ORDER BY u.id::integer, coalesce(btrim(u.tg::text), '') <> '', u.sc) AS s
			LEFT JOIN (SELECT n.pid::integer AS student_id,
				string_agg(btrim(concat_ws(' ', btrim(n.fn::text), btrim(n.ln::text))), '; ' ORDER BY n.sq::integer, n.ln, n.fn) AS guardian
				FROM %2$s n
				WHERE n.pid::integer = ANY ($1) AND (n.del::text IN ('t', 'true', 'TRUE', '1', 'Y')) IS NOT TRUE
				GROUP BY n.pid::integer) AS c ON c.student_id = s.student_id
		$query$, calpads.sis_table_name(NULL, 'stu'), calpads.sis_table_name(NULL, 'con'))
		USING ids;
END;
$$;
COMMENT ON FUNCTION calpads.match_background(integer[]) IS
	'guardians (CON), mailing address and home language (STU) of students, as the SIS has them';

CREATE VIEW calpads.match_student AS
SELECT s.session_id, q.request_id, q.line_no, q.student_id, q.snapshot ->> 'local_student_id' AS local_student_id,
	q.snapshot ->> 'student_legal_last_name' AS last_name, q.snapshot ->> 'student_legal_first_name' AS first_name,
	q.snapshot ->> 'student_legal_middle_name' AS middle_name, (q.snapshot ->> 'student_birth_date')::date AS birth_date,
	q.snapshot ->> 'student_gender_code' AS gender, q.snapshot ->> 'school_of_attendance' AS school_of_attendance,
	q.snapshot ->> 'grade_level_code' AS grade_level,
	c.category, coalesce(c.candidates, 0) AS candidates, c.best_score, g.ssid AS suggestion,
	d.decision, d.ssid, d.warnings, d.reason, d.decided_at, d.decided_by, e.file_name AS emitted_in,
	s.status = 'open' AND e.file_name IS NULL AS can_be_decided,
	lag(q.student_id) OVER (PARTITION BY s.session_id ORDER BY q.line_no) AS previous_student_id,
	lead(q.student_id) OVER (PARTITION BY s.session_id ORDER BY q.line_no) AS next_student_id,
	b.guardian, b.address, b.language, q.snapshot
FROM calpads.match_session s
	CROSS JOIN LATERAL (SELECT r.* FROM calpads.ssid_request_student r WHERE r.request_id = s.request_id) AS q
	LEFT JOIN LATERAL (SELECT m.student_id, min(m.category) AS category, count(m.ssid_in_file) AS candidates, max(m.score) AS best_score
		FROM calpads.match_row m WHERE m.session_id = s.session_id GROUP BY m.student_id) AS c ON c.student_id = q.student_id
	LEFT JOIN LATERAL (SELECT x.* FROM calpads.match_suggestion(s.session_id) x) AS g ON g.student_id = q.student_id
	LEFT JOIN calpads.match_decision d ON d.session_id = s.session_id AND d.student_id = q.student_id
	LEFT JOIN LATERAL (SELECT x.student_id, max(x.file_name) AS file_name FROM calpads.ssid_emitted x
		WHERE x.session_id = s.session_id GROUP BY x.student_id) AS e ON e.student_id = q.student_id
	LEFT JOIN LATERAL (SELECT x.* FROM calpads.match_background(
		(SELECT array_agg(r.student_id) FROM calpads.ssid_request_student r WHERE r.request_id = s.request_id)) x) AS b
		ON b.student_id = q.student_id;
COMMENT ON VIEW calpads.match_student IS
	'students of the match sessions as they were requested, with what was decided; decision null: undecided; suggestion: a '
	'candidate that nothing speaks against, which is not selected by itself; guardian, address and language as the SIS has them';

CREATE VIEW calpads.match_undecided AS
SELECT m.* FROM calpads.match_student m WHERE m.decision IS NULL;
COMMENT ON VIEW calpads.match_undecided IS 'students of the match sessions that are still to be decided';

CREATE FUNCTION calpads.find_open_session(session_id bigint) RETURNS calpads.match_session
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	session calpads.match_session;
BEGIN
	SELECT s.* INTO session FROM calpads.match_session s WHERE s.session_id = find_open_session.session_id;
	IF session.session_id IS NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'undefined_object',
			MESSAGE = format('there is no match session %s', coalesce(session_id::text, 'without a number')),
			HINT = 'calpads.match_session lists them; calpads.load_match_result() begins one.';
	ELSIF session.status <> 'open' THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('match session %s is %s', session_id, session.status),
			HINT = 'Students without an SSID are found by the next calpads.create_ssid_request().';
	END IF;
	RETURN session;
END;
$$;
COMMENT ON FUNCTION calpads.find_open_session(bigint) IS 'the open match session of that number, or an error';

CREATE FUNCTION calpads.check_can_be_decided(session calpads.match_session, student integer) RETURNS void
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	file_name text;
BEGIN
	IF NOT EXISTS (SELECT FROM calpads.ssid_request_student s
			WHERE s.request_id = session.request_id AND s.student_id = student) THEN
		RAISE EXCEPTION USING
			ERRCODE = 'undefined_object',
			MESSAGE = format('student %s is not in match session %s', coalesce(student::text, 'without a number'), session.session_id),
			HINT = 'calpads.match_student lists the students.';
	END IF;
	SELECT e.file_name INTO file_name FROM calpads.ssid_emitted e
	WHERE e.session_id = session.session_id AND e.student_id = student LIMIT 1;
	IF file_name IS NOT NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('the decision for student %s cannot be changed any more', student),
			DETAIL = format('Its row stands in %s.', file_name),
			HINT = 'If CALPADS has refused that file, say so by calpads.reject_file().';
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.check_can_be_decided(calpads.match_session, integer) IS
	'refuses decisions for strangers, and for students whose row is in an updated file';

-- What a decision has to be confirmed for; errors where it cannot be made.
CREATE FUNCTION calpads.decision_warnings(session bigint, student integer, decision text, chosen text, reason text) RETURNS text[]
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	assessment record;
BEGIN
	IF decision = 'New SSID' THEN
		RETURN CASE WHEN EXISTS (SELECT FROM calpads.match_row m
				WHERE m.session_id = session AND m.student_id = student AND m.ssid_in_file IS NOT NULL AND m.score >= 90)
			THEN ARRAY['A candidate has a score of 90 or more: the student may come to have two SSIDs (MID).'] ELSE '{}'::text[] END;
	ELSIF decision <> 'Select' THEN
		RETURN '{}';
	END IF;
	SELECT a.* INTO assessment FROM calpads.match_assessment(session, student, chosen) a WHERE a.ssid = chosen;
	IF assessment.refusal IS NOT NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('the SSID cannot be selected for student %s: %s', student, assessment.refusal),
			HINT = CASE WHEN assessment.replacement_ssid IS NOT NULL
				THEN 'calpads.match_candidate.replacement_ssid and calpads.retired_ssid have the one that stands for it now.'
				WHEN NOT calpads.is_ssid(chosen) THEN 'A spreadsheet rewrites long numbers: load the result as the Match Tool gave it.'
				ELSE 'No student may receive the SSID of another; if the SIS is wrong, mend STU.CID first.' END;
	ELSIF EXISTS (SELECT FROM calpads.match_row m WHERE m.session_id = session AND m.student_id = student AND m.ssid = chosen) THEN
		RETURN assessment.warnings;
	ELSIF coalesce(btrim(reason), '') = '' THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('the SSID is no candidate of student %s', student),
			HINT = 'If you know it from elsewhere, say confirm => true and the reason.';
	END IF;
	RETURN array_append(array_remove(assessment.warnings, 'There is no score.'), 'The SSID is no candidate of the Match Tool.');
END;
$$;
COMMENT ON FUNCTION calpads.decision_warnings(bigint, integer, text, text, text) IS
	'sentences for which a decision needs a confirmation; an error when it cannot be made at all';

CREATE FUNCTION calpads.decide_match(
	session_id bigint,
	student_id integer,
	decision text,
	ssid text DEFAULT NULL,
	confirm boolean DEFAULT false,
	reason text DEFAULT NULL
) RETURNS calpads.match_decision
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	session calpads.match_session;
	chosen text := nullif(btrim(ssid), '');
	speaking_against text[];
	decided calpads.match_decision;
BEGIN
	PERFORM calpads.lock_ssids();
	session := calpads.find_open_session(session_id);
	PERFORM calpads.check_can_be_decided(session, student_id);
	IF decision NOT IN ('No Match', 'New SSID', 'Select') OR (decision = 'Select') <> (chosen IS NOT NULL)
			OR (decision IS NULL AND chosen IS NOT NULL) THEN
		RAISE EXCEPTION USING
			ERRCODE = 'invalid_parameter_value',
			MESSAGE = CASE WHEN decision = 'Select' THEN 'Select needs the SSID that is selected'
				WHEN decision IN ('No Match', 'New SSID') THEN format('an SSID has no meaning with %s', decision)
				ELSE format('there is no decision %L', decision) END,
			HINT = 'The decisions are: No Match, New SSID, Select; null takes a decision back.';
	END IF;
	DELETE FROM calpads.match_decision d
	WHERE d.session_id = decide_match.session_id AND d.student_id = decide_match.student_id
	RETURNING d.* INTO decided;
	IF decision IS NULL THEN
		RETURN NULL;
	END IF;
	speaking_against := calpads.decision_warnings(session_id, student_id, decision, chosen, reason);
	IF speaking_against <> '{}' AND confirm IS NOT TRUE THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('%s for student %s needs a confirmation', decision, student_id),
			DETAIL = array_to_string(speaking_against, ' '),
			HINT = 'If you have looked and it is right, say confirm => true.';
	END IF;
	INSERT INTO calpads.match_decision (session_id, student_id, decision, ssid, warnings, reason)
	VALUES (decide_match.session_id, decide_match.student_id, decide_match.decision, chosen, speaking_against,
		nullif(btrim(decide_match.reason), ''))
	RETURNING * INTO decided;
	RETURN decided;
END;
$$;
COMMENT ON FUNCTION calpads.decide_match(bigint, integer, text, text, boolean, text) IS
	'decides for a student of an open match session (student_id: STU.ID): ''No Match'', ''New SSID'' or ''Select'' with the '
	'SSID; null takes the decision back; confirm: although something speaks against it; reason: for an SSID that is no '
	'candidate. What would give a student the SSID of another is refused in any case';

CREATE FUNCTION calpads.accept_suggestions(session_id bigint) RETURNS bigint
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	accepted bigint;
BEGIN
	PERFORM calpads.lock_ssids();
	PERFORM calpads.find_open_session(session_id);
	INSERT INTO calpads.match_decision (session_id, student_id, decision, ssid)
	SELECT accept_suggestions.session_id, g.student_id, 'Select', g.ssid
	FROM calpads.match_suggestion(accept_suggestions.session_id) g
	ON CONFLICT ON CONSTRAINT match_decision_pkey DO NOTHING;
	GET DIAGNOSTICS accepted = ROW_COUNT;
	RETURN accepted;
END;
$$;
COMMENT ON FUNCTION calpads.accept_suggestions(bigint) IS
	'selects the suggested candidates of all undecided students at once, in the name of the person who calls it; gives their number';

-- ---- step 4: the updated file -----------------------------------------------------------

CREATE FUNCTION calpads.check_ssid_update(session calpads.match_session, partial boolean, include_new boolean) RETURNS void
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
AS $$
DECLARE
	undecided bigint;
	impossible bigint;
BEGIN
	SELECT count(*) INTO undecided
	FROM calpads.ssid_request_student s
	WHERE s.request_id = session.request_id AND NOT EXISTS (SELECT FROM calpads.match_decision d
		WHERE d.session_id = session.session_id AND d.student_id = s.student_id);
	IF NOT partial AND undecided > 0 THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('match session %s has undecided students: %s', session.session_id, undecided),
			HINT = 'calpads.match_undecided lists them; partial => true makes a file of the students matched so far.';
	END IF;
	-- A row that a file holds already is repeated as it is.
	SELECT count(*) INTO impossible
	FROM calpads.match_decision d
		LEFT JOIN calpads.match_assessment(session.session_id) a ON a.student_id = d.student_id AND a.ssid = d.ssid
	WHERE d.session_id = session.session_id
		AND NOT EXISTS (SELECT FROM calpads.ssid_emitted e WHERE e.session_id = d.session_id AND e.student_id = d.student_id)
		AND CASE d.decision
			WHEN 'Select' THEN a.refusal IS NOT NULL
			WHEN 'New SSID' THEN (NOT partial OR include_new) AND d.student_id IN (
				SELECT p.student_id
				FROM calpads.sis_person((SELECT array_agg(n.student_id) FROM calpads.match_decision n
					WHERE n.session_id = session.session_id AND n.decision = 'New SSID'), NULL, NULL) p
				WHERE p.ssids <> '{}' AND NOT p.deleted)
			ELSE false END;
	IF impossible > 0 THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('match session %s has decisions that cannot be carried out any more: %s', session.session_id, impossible),
			DETAIL = 'The students have an SSID in the SIS by now, or another student has the selected one.',
			HINT = 'calpads.match_candidate.refusal says why; decide these students again (No Match for those who have an SSID).';
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.check_ssid_update(calpads.match_session, boolean, boolean) IS
	'refuses a full file while students are undecided, and any file with a decision that would give a student a wrong SSID';

-- The record of the request goes out again, not what the SIS says by now.
CREATE FUNCTION calpads.warn_of_changed_students(session calpads.match_session) RETURNS void
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
AS $$
DECLARE
	changed bigint;
BEGIN
	SELECT count(*) INTO changed
	FROM calpads.ssid_request_student s
		LEFT JOIN calpads.students_without_ssid((SELECT array_agg(r.student_id) FROM calpads.ssid_request_student r
			WHERE r.request_id = session.request_id)) w ON w.student_id = s.student_id
	WHERE s.request_id = session.request_id
		AND (s.snapshot - 'local_record_id') IS DISTINCT FROM (to_jsonb(w.record) - 'local_record_id');
	IF changed > 0 THEN
		RAISE WARNING USING
			MESSAGE = format('students for whom the SIS has other values than at the time of the request: %s', changed),
			DETAIL = 'The updated file holds the records as they were matched.',
			HINT = 'Ordinary SENR and SINF files will bring the changes once the SSIDs are there.';
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.warn_of_changed_students(calpads.match_session) IS
	'warns that records of the SIS are no longer those that were requested';

-- Once a New SSID row is in a file it is never in another one, of whatever
-- session: a second one would make a second SSID.  A Select row can be
-- repeated, as long as the student has not got the SSID, nor anybody else.
CREATE FUNCTION calpads.store_ssid_update(file calpads.extract_file, session calpads.match_session, include_new boolean)
	RETURNS bigint
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH chosen AS MATERIALIZED (
		SELECT row_number() OVER (ORDER BY s.line_no) AS line_no, s.student_id, d.decision, d.ssid,
			jsonb_populate_record(NULL::calpads.senr, s.snapshot || jsonb_build_object('ssid', d.ssid)) AS record
		FROM calpads.ssid_request_student s
			JOIN calpads.match_decision d ON d.session_id = session.session_id AND d.student_id = s.student_id
		WHERE s.request_id = session.request_id
			AND (d.decision = 'Select' AND (s.student_id, d.ssid) NOT IN (
					SELECT a.student_id, a.ssid FROM calpads.match_assessment(session.session_id) a WHERE a.refusal IS NOT NULL)
				OR d.decision = 'New SSID' AND include_new AND NOT EXISTS (
				SELECT FROM calpads.ssid_emitted e WHERE e.student_id = s.student_id AND e.decision = 'New SSID'))
	), marked AS (
		INSERT INTO calpads.ssid_update_row (file_id, line_no, session_id, student_id, decision)
		SELECT file.file_id, c.line_no, session.session_id, c.student_id, c.decision FROM chosen c
	), written AS (
		INSERT INTO calpads.extract_record (file_id, line_no, ssid, key, transaction_type, reason, explanation, changed, line)
		SELECT file.file_id, c.line_no, c.ssid, concat_ws('^', (c.record).school_of_attendance, coalesce(c.ssid, ''),
				to_char((c.record).enrollment_start_date, 'YYYYMMDD')),
			'A', CASE c.decision WHEN 'Select' THEN 'ssid_selected' ELSE 'ssid_new' END,
			CASE c.decision WHEN 'Select' THEN 'The candidate was selected in the match session.'
				ELSE 'No candidate fits: CALPADS makes a new SSID.' END,
			CASE WHEN c.ssid IS NULL THEN '{}' ELSE jsonb_build_object('ssid', jsonb_build_array(NULL, c.ssid)) END,
			calpads.senr_line(c.record)
		FROM chosen c
		RETURNING line_no
	)
	SELECT count(*) FROM written
$$;
COMMENT ON FUNCTION calpads.store_ssid_update(calpads.extract_file, calpads.match_session, boolean) IS
	'the records of an updated file, in the order of the request; gives their number';

CREATE FUNCTION calpads.create_ssid_update(session_id bigint, partial boolean DEFAULT false, include_new boolean DEFAULT false)
	RETURNS calpads.extract_file
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	session calpads.match_session;
	request calpads.ssid_request;
	file calpads.extract_file;
	batch bigint;
	rows bigint;
BEGIN
	PERFORM calpads.lock_ssids();
	session := calpads.find_open_session(session_id);
	SELECT r.* INTO request FROM calpads.ssid_request r WHERE r.request_id = session.request_id;
	PERFORM calpads.lock_process('SSID', request.lea);
	PERFORM calpads.check_ssid_update(session, partial, include_new);
	PERFORM calpads.warn_of_changed_students(session);
	file := calpads.open_ssid_file(request.lea, CASE WHEN partial THEN 'Partial update' ELSE 'Update' END,
		request.base_name || '_Updated');
	rows := calpads.store_ssid_update(file, session, NOT partial OR include_new);
	IF rows = 0 THEN
		DELETE FROM calpads.extract_file f WHERE f.file_id = file.file_id;
		DELETE FROM calpads.batch b WHERE b.batch_id = file.batch_id;
		RAISE NOTICE 'no student was selected or needs a new SSID, so no file was made';
		file := NULL;
	ELSE
		file := calpads.finish_ssid_file(file.file_id);
	END IF;
	IF NOT partial THEN
		UPDATE calpads.match_session s SET status = 'complete', ended_at = clock_timestamp(), ended_by = session_user
		WHERE s.session_id = session.session_id;
		UPDATE calpads.extract_file f SET obsoleted_by = coalesce(file.file_id, 0)
		WHERE f.file_id = request.request_id AND f.obsoleted_by IS NULL
		RETURNING f.batch_id INTO batch;
		PERFORM calpads.refresh_file_status(batch, 'the updated file was made');
	END IF;
	RETURN file;
END;
$$;
COMMENT ON FUNCTION calpads.create_ssid_update(bigint, boolean, boolean) IS
	'the updated request file of a match session, to be uploaded to CALPADS as SENR: Select rows with their SSID, New SSID '
	'rows without, No Match rows not at all. Full, it ends the session; partial: the selected students so far, with '
	'include_new also those who need a new SSID. Null when there is no row';

-- ---- steps 6 and 7: the SSID extract ---------------------------------------------------

-- Rows of a caret file by the names of the layout: its header's, or those of
-- the layout in their order.  Older SSID extracts lack the middle name, which
-- shows in where the birth date stands; and whether a student has disabilities
-- is somewhere behind the columns that are known [inferred].
CREATE FUNCTION calpads.ssid_layout_rows(
	layout text,
	name text,
	content bytea,
	OUT line_no bigint,
	OUT cell jsonb,
	OUT complaint text,
	OUT line text
) RETURNS SETOF record
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	first_cells text[] := (SELECT r.cells FROM calpads.read_rows(name, content) r LIMIT 1);
	has_header boolean := coalesce(first_cells[1] !~ '^[0-9]', true);
	header text[] := CASE WHEN has_header THEN calpads.ssid_header(layout, first_cells) END;
	needed text[] := CASE layout WHEN 'ssid_extract' THEN ARRAY['reporting_lea', 'ssid', 'local_student_id',
			'student_legal_last_name', 'student_legal_first_name', 'student_birth_date']
		ELSE ARRAY['reporting_lea', 'retired_ssid', 'replacement_ssid'] END;
	fewest integer := CASE layout WHEN 'ssid_extract' THEN 11 ELSE 5 END;
	names text[] := (SELECT array_agg(f.name ORDER BY f.ordinal) FROM calpads.layout_field f WHERE f.layout = ssid_layout_rows.layout);
	older_names CONSTANT text[] := array_remove(names, 'student_legal_middle_name');
BEGIN
	-- A header with names that nobody knows is passed over [proposal].
	IF NOT coalesce(header @> needed, false) THEN
		header := NULL;
	END IF;
	RETURN QUERY
	SELECT r.line_no,
		coalesce((SELECT jsonb_object_agg(h.name, r.cells[h.position])
			FROM unnest(coalesce(header, CASE WHEN layout = 'ssid_extract' AND r.cells[8] ~ '^[0-9]{8}$' AND r.cells[9] ~ '^[0-9]{8}$'
					THEN older_names ELSE names END)) WITH ORDINALITY AS h (name, position)
			WHERE h.name IS NOT NULL AND r.cells[h.position] IS NOT NULL), '{}')
		|| coalesce((SELECT jsonb_build_object('student_with_disabilities_indicator', min(r.cells[n.position]))
			FROM generate_series(16, cardinality(r.cells)) AS n (position)
			WHERE layout = 'ssid_extract' AND header IS NULL AND r.cells[n.position] = 'Y'
			HAVING count(*) > 0), '{}'),
		coalesce(r.complaint, CASE WHEN header IS NULL AND cardinality(r.cells) < fewest
			THEN format('The row has %s fields, of %s that are needed.', cardinality(r.cells), fewest) END),
		r.line
	FROM calpads.read_rows(name, content) WITH ORDINALITY r
	WHERE r.ordinality > 1 OR NOT has_header;
END;
$$;
COMMENT ON FUNCTION calpads.ssid_layout_rows(text, text, bytea) IS
	'rows of an SSID extract or a Replacement SSIDs extract: field of the layout → value; complaint: the row is of no use';

-- All rows of another LEA: it is another district's file.
CREATE FUNCTION calpads.lea_of_ssid_file(layout text, name text, content bytea) RETURNS text
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	rows bigint;
	leas text[];
BEGIN
	SELECT count(*), array_agg(DISTINCT o.lea ORDER BY o.lea) FILTER (WHERE o.lea = ANY ((SELECT calpads.our_leas())::text[]))
	INTO rows, leas
	FROM calpads.ssid_layout_rows(layout, name, content) r
		CROSS JOIN LATERAL (SELECT calpads.seven_digits(r.cell ->> 'reporting_lea') AS lea) AS o;
	IF rows = 0 OR leas IS NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'bad_copy_file_format',
			MESSAGE = format('file "%s" has no rows of our LEAs', name),
			DETAIL = format('It is to be a %s with caret between the fields; our LEAs: %s.',
				(SELECT l.title FROM calpads.layout l WHERE l.name = lea_of_ssid_file.layout),
				coalesce(nullif(array_to_string(calpads.our_leas(), ', '), ''), 'none')),
			HINT = 'Request the extract in CALPADS for the own LEA; our LEAs are those of calpads.school.';
	END IF;
	RETURN leas[1];
END;
$$;
COMMENT ON FUNCTION calpads.lea_of_ssid_file(text, text, bytea) IS 'the LEA of ours that the file is of, or an error';

CREATE FUNCTION calpads.new_ssid_load(path text, bytes bytea, layout text, lea text) RETURNS calpads.load
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO calpads.load (process, lea, file_name, sha256, bytes, layout, layout_year)
	VALUES ('SSID', lea, regexp_replace(path, '^.*[/\\]', ''), encode(sha256(bytes), 'hex'), length(bytes), layout,
		calpads.academic_year(calpads.today()))
	RETURNING *
$$;
COMMENT ON FUNCTION calpads.new_ssid_load(text, bytea, text, text) IS 'a row of calpads.load for a file of the process SSID';

CREATE FUNCTION calpads.store_ssid_extract(load_id bigint, name text, content bytea) RETURNS void
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO calpads.ssid_extract_row (load_id, line_no, reporting_lea, school_of_attendance, ssid, local_student_id,
		last_name, first_name, middle_name, gender, birth_date, enrollment_start_date, grade_level, elas_code,
		elas_start_date, primary_language, ssid_created, with_disabilities, complaint, line)
	SELECT load_id, r.line_no, calpads.seven_digits(r.cell ->> 'reporting_lea'),
		calpads.seven_digits(r.cell ->> 'school_of_attendance'), r.cell ->> 'ssid', r.cell ->> 'local_student_id',
		r.cell ->> 'student_legal_last_name', r.cell ->> 'student_legal_first_name', r.cell ->> 'student_legal_middle_name',
		upper(r.cell ->> 'gender_code'), d.birth_date, d.start_date, r.cell ->> 'grade_level_code',
		upper(r.cell ->> 'english_language_acquisition_status_code'), d.elas_date, r.cell ->> 'primary_language_code',
		d.created, upper(r.cell ->> 'student_with_disabilities_indicator'),
		CASE
			WHEN r.complaint IS NOT NULL THEN r.complaint
			WHEN NOT calpads.is_ssid(r.cell ->> 'ssid') THEN 'The SSID is not of ten digits.'
			WHEN r.cell ->> 'local_student_id' IS NULL THEN 'The local student ID is missing.'
			WHEN d.birth_date IS NULL THEN 'The birth date is no date.'
			WHEN r.cell ->> 'enrollment_start_date' IS NOT NULL AND d.start_date IS NULL THEN 'The enrollment start date is no date.'
			WHEN r.cell ->> 'english_language_acquisition_status_start_date' IS NOT NULL AND d.elas_date IS NULL
				THEN 'The start date of the language status is no date.'
			WHEN r.cell ->> 'date_ssid_created' IS NOT NULL AND d.created IS NULL THEN 'The date SSID created is no date.'
		END, r.line
	FROM calpads.ssid_layout_rows('ssid_extract', name, content) r
		CROSS JOIN LATERAL (SELECT calpads.file_date(r.cell ->> 'student_birth_date') AS birth_date,
			calpads.file_date(r.cell ->> 'enrollment_start_date') AS start_date,
			calpads.file_date(r.cell ->> 'english_language_acquisition_status_start_date') AS elas_date,
			calpads.file_date(r.cell ->> 'date_ssid_created') AS created) AS d
$$;
COMMENT ON FUNCTION calpads.store_ssid_extract(bigint, text, bytea) IS 'the rows of an SSID extract as rows of calpads.ssid_extract_row';

/*
 * The verdict on each row of an SSID extract as the SIS is now: the first of
 * spec/ssid.md section 7 that applies.  writes_ssid: the update writes STU.CID
 * (of a conflict, with Overwrite).
 */
CREATE FUNCTION calpads.ssid_extract_verdicts(
	load_id bigint,
	OUT line_no bigint,
	OUT student_id integer,
	OUT ssid_in_sis text,
	OUT verdict text,
	OUT explanation text,
	OUT writes_ssid boolean
) RETURNS SETOF record
	LANGUAGE sql STABLE ROWS 10000
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
	WITH person AS MATERIALIZED (
		SELECT p.* FROM calpads.sis_person(NULL, NULL, NULL) p WHERE NOT p.deleted
	), local AS MATERIALIZED (
		-- A local ID is text, or a number with or without zeros before it.
		SELECT r.*, p.student_id AS found_id, p.ssids, p.local_ids,
			p.last_name AS sis_last_name, p.first_name AS sis_first_name, p.birth_date AS sis_birth_date, p.gender AS sis_gender,
			coalesce(p.student_id::text, 'text ' || btrim(r.local_student_id)) AS local_key
		FROM calpads.ssid_extract_row r
			LEFT JOIN person p ON p.student_id = calpads.local_number(r.local_student_id)
		WHERE r.load_id = ssid_extract_verdicts.load_id
	), usable AS MATERIALIZED (
		SELECT l.line_no, l.ssid, l.local_key, l.found_id, l.enrollment_start_date
		FROM local l
		WHERE l.complaint IS NULL AND l.reporting_lea = ANY ((SELECT calpads.our_leas())::text[])
	), dup_local AS MATERIALIZED (
		SELECT u.local_key FROM usable u GROUP BY u.local_key HAVING count(DISTINCT u.ssid) > 1
	), dup_ssid AS MATERIALIZED (
		-- A local ID that nobody has may be a former one of the same student.
		SELECT u.ssid FROM usable u GROUP BY u.ssid HAVING count(DISTINCT u.found_id) > 1
	), newest AS MATERIALIZED (
		SELECT DISTINCT ON (u.ssid) u.line_no FROM usable u
		ORDER BY u.ssid, u.found_id IS NULL, u.enrollment_start_date DESC NULLS LAST, u.line_no
	), holder AS MATERIALIZED (
		SELECT h.ssid, p.student_id
		FROM person p CROSS JOIN LATERAL unnest(p.ssids || p.old_ssids) AS h (ssid)
	), held AS MATERIALIZED (
		SELECT DISTINCT l.line_no FROM local l JOIN holder h ON h.ssid = l.ssid WHERE h.student_id <> l.found_id
	), decision AS MATERIALIZED (
		SELECT DISTINCT ON (d.student_id) d.student_id, d.decision, d.ssid, b.today AS requested_on
		FROM calpads.match_decision d
			JOIN calpads.match_session s ON s.session_id = d.session_id
			JOIN calpads.extract_file f ON f.file_id = s.request_id
			JOIN calpads.batch b ON b.batch_id = f.batch_id
		ORDER BY d.student_id, d.decided_at DESC
	), promised AS MATERIALIZED (
		SELECT DISTINCT l.line_no
		FROM local l JOIN decision d ON d.decision = 'Select' AND d.ssid = l.ssid AND d.student_id <> l.found_id
	), compared AS MATERIALIZED (
		SELECT l.*, NOT calpads.same_name(l.last_name, l.sis_last_name) AS other_last,
			NOT calpads.same_name(l.first_name, l.sis_first_name) AS other_first,
			l.birth_date IS DISTINCT FROM l.sis_birth_date AS other_birth,
			coalesce(l.gender <> l.sis_gender, false) AS other_gender,
			coalesce(date_part('year', l.birth_date) <> date_part('year', l.sis_birth_date), true) AS other_birth_year
		FROM local l
	), differing AS MATERIALIZED (
		SELECT c.* FROM compared c
		WHERE c.found_id IS NOT NULL AND (c.other_last OR c.other_first OR c.other_birth OR c.other_gender)
	), resembling AS MATERIALIZED (
		-- The row is wholly another student's, or its student may have a twin.
		SELECT d.line_no,
			bool_or(p.birth_date = d.birth_date AND calpads.same_name(p.last_name, d.last_name)
				AND calpads.same_name(p.first_name, d.first_name)) AS is_another,
			bool_or(calpads.same_name(p.last_name, d.sis_last_name) OR calpads.same_name(p.last_name, d.last_name)) AS has_twin
		FROM differing d JOIN person p ON p.birth_date IN (d.birth_date, d.sis_birth_date) AND p.student_id <> d.found_id
		GROUP BY d.line_no
	), judged AS (
		SELECT c.line_no, c.found_id, c.ssids, c.ssid,
			concat_ws(', ', CASE WHEN c.other_last THEN 'last name' END, CASE WHEN c.other_first THEN 'first name' END,
				CASE WHEN c.other_birth THEN 'birth date' END, CASE WHEN c.other_gender THEN 'gender' END) AS differs,
			coalesce(x.has_twin, false) AS has_twin, c.confirmed_at IS NOT NULL AS is_confirmed,
			(c.other_last::integer + c.other_first::integer) = 1 AND NOT c.other_birth AND NOT c.other_gender AS one_name_differs,
			c.complaint, c.line_no IN (SELECT o.line_no FROM promised o) AS is_promised,
			CASE
				WHEN c.complaint IS NOT NULL THEN 'bad_row'
				WHEN (c.reporting_lea = ANY ((SELECT calpads.our_leas())::text[])) IS NOT TRUE THEN 'other_lea'
				WHEN c.local_key IN (SELECT o.local_key FROM dup_local o) THEN 'dup_local'
				WHEN c.ssid IN (SELECT o.ssid FROM dup_ssid o) THEN 'dup_ssid'
				WHEN c.found_id IS NULL OR cardinality(c.local_ids) > 1 THEN 'no_student'
				WHEN c.line_no NOT IN (SELECT n.line_no FROM newest n) THEN 'older_enrollment'
				WHEN c.ssid IN (SELECT o.retired_ssid FROM calpads.ssid_replacement_row o WHERE o.complaint IS NULL) THEN 'retired'
				WHEN c.line_no IN (SELECT o.line_no FROM held o) THEN 'held_by_other'
				WHEN (c.other_last OR c.other_first) AND (c.other_birth OR (c.other_gender AND c.other_birth_year) OR x.is_another)
					THEN 'identity_stop'
				WHEN c.ssids = ARRAY[c.ssid] THEN 'same'
				WHEN cardinality(c.ssids) = 1 AND t.replacement_ssid = c.ssid THEN 'replaced'
				WHEN c.ssids <> '{}' THEN 'conflict'
				WHEN d.decision = 'No Match' OR (d.decision = 'Select' AND d.ssid <> c.ssid)
					OR c.line_no IN (SELECT o.line_no FROM promised o) THEN 'unexpected'
				WHEN d.decision = 'New SSID' AND c.ssid_created < d.requested_on THEN 'not_new'
				WHEN c.other_last OR c.other_first OR c.other_birth OR c.other_gender THEN 'identity_warn'
				ELSE 'ok'
			END AS verdict
		FROM compared c
			LEFT JOIN decision d ON d.student_id = c.found_id
			LEFT JOIN resembling x ON x.line_no = c.line_no
			LEFT JOIN calpads.retired_ssid t ON t.retired_ssid = c.ssids[1]
	)
	SELECT j.line_no, j.found_id, array_to_string(j.ssids, ' '), j.verdict,
		CASE j.verdict
			WHEN 'bad_row' THEN j.complaint
			WHEN 'other_lea' THEN 'The row is of another LEA.'
			WHEN 'dup_local' THEN 'The file has several SSIDs for this local ID: one person with two SSIDs (MID)?'
			WHEN 'dup_ssid' THEN 'The file has this SSID for several students.'
			WHEN 'older_enrollment' THEN 'Another row of the SSID starts later.'
			WHEN 'no_student' THEN CASE WHEN j.found_id IS NULL THEN 'No student of the SIS has this local ID.'
				ELSE 'Several students of the SIS have this local ID.' END
			WHEN 'retired' THEN 'The SSID was retired; calpads.retired_ssid has the one that stands for it now.'
			WHEN 'held_by_other' THEN 'Another student of the SIS has this SSID, or had it.'
			WHEN 'identity_stop' THEN format('The row seems to be another person''s (%s): nothing is written.', j.differs)
			WHEN 'same' THEN 'The SIS has this SSID.'
			WHEN 'replaced' THEN 'The SSID of the SIS was replaced by this one: use calpads.apply_ssid_replacement().'
			WHEN 'conflict' THEN 'The SIS has another SSID' || CASE WHEN j.differs <> '' THEN format(', and not the same %s.', j.differs) ELSE '.' END
			WHEN 'unexpected' THEN CASE WHEN j.is_promised THEN 'The SSID was selected for another student in the match session.'
				ELSE 'It is not what was decided in the match session.' END
			WHEN 'not_new' THEN 'A new SSID was asked for, but this one is older than the request.'
			WHEN 'identity_warn' THEN format('The SIS has not the same %s%s.', j.differs,
				CASE WHEN j.has_twin THEN ', and a student with the same birth date and last name' ELSE '' END)
			ELSE 'The student has no SSID, and all agrees.'
		END,
		CASE
			WHEN j.verdict = 'ok' THEN true
			WHEN j.verdict IN ('unexpected', 'not_new', 'identity_warn') AND j.is_confirmed THEN true
			-- [proposal] A married or misspelt name is written, but not a twin's.
			WHEN j.verdict = 'identity_warn' THEN j.one_name_differs AND NOT j.has_twin
			-- With Overwrite.
			WHEN j.verdict = 'conflict' THEN cardinality(j.ssids) = 1
				AND (j.differs = '' OR j.one_name_differs AND NOT j.has_twin OR j.is_confirmed)
			ELSE false
		END
	FROM judged j
$$;
COMMENT ON FUNCTION calpads.ssid_extract_verdicts(bigint) IS
	'what is to be done with each row of an SSID extract as the SIS is now; writes_ssid: STU.CID is written (of a conflict: '
	'with Overwrite); ssid_in_sis: all SSIDs that the student''s rows of STU have';

CREATE FUNCTION calpads.review_ssid_extract(load_id bigint) RETURNS TABLE (verdict text, rows bigint)
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM calpads.find_ssid_load(load_id, 'ssid_extract');
	UPDATE calpads.ssid_extract_row r
	SET student_id = v.student_id, ssid_in_sis = v.ssid_in_sis, verdict = v.verdict, explanation = v.explanation,
		writes_ssid = v.writes_ssid, reviewed_at = clock_timestamp()
	FROM calpads.ssid_extract_verdicts(review_ssid_extract.load_id) v
	WHERE r.load_id = review_ssid_extract.load_id AND r.line_no = v.line_no;
	RETURN QUERY
	SELECT r.verdict, count(*) FROM calpads.ssid_extract_row r WHERE r.load_id = review_ssid_extract.load_id
	GROUP BY r.verdict ORDER BY count(*) DESC, r.verdict COLLATE "C";
END;
$$;
COMMENT ON FUNCTION calpads.review_ssid_extract(bigint) IS
	'gives the verdicts on an SSID extract anew, after the SIS was mended, and their counts; load_ssid_extract() does it once';

CREATE FUNCTION calpads.load_ssid_extract(path text, content bytea DEFAULT NULL) RETURNS calpads.load
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	bytes bytea := calpads.ssid_file(path, content);
	lea text := calpads.lea_of_ssid_file('ssid_extract', path, bytes);
	loaded calpads.load;
BEGIN
	PERFORM calpads.lock_ssids();
	loaded := calpads.new_ssid_load(path, bytes, 'ssid_extract', lea);
	PERFORM calpads.store_ssid_extract(loaded.load_id, path, bytes);
	PERFORM calpads.review_ssid_extract(loaded.load_id);
	UPDATE calpads.load l
	SET (rows_read, rows_loaded, rows_rejected) = (SELECT count(*), count(*) FILTER (WHERE r.verdict <> 'bad_row'),
			count(*) FILTER (WHERE r.verdict = 'bad_row')
		FROM calpads.ssid_extract_row r WHERE r.load_id = l.load_id)
	WHERE l.load_id = loaded.load_id
	RETURNING l.* INTO loaded;
	RETURN loaded;
END;
$$;
COMMENT ON FUNCTION calpads.load_ssid_extract(text, bytea) IS
	'loads CALPADS'' SSID extract for review (calpads.ssid_review) and changes nothing else: a file of the server by its '
	'absolute path, or content, whose name is path';

CREATE VIEW calpads.ssid_review AS
SELECT r.load_id, r.line_no, r.student_id, r.ssid, r.verdict, r.explanation, r.ssid_in_sis, r.writes_ssid,
	r.local_student_id, r.last_name, r.first_name, r.middle_name, r.gender, r.birth_date, r.school_of_attendance,
	r.enrollment_start_date, r.grade_level, r.elas_code, r.elas_start_date, r.primary_language, r.ssid_created,
	r.with_disabilities, r.reporting_lea, r.confirmed_at, r.confirmed_by, r.reviewed_at, r.applied_at, r.line
FROM calpads.ssid_extract_row r;
COMMENT ON VIEW calpads.ssid_review IS
	'the SSID extracts row by row with the verdict and what the update does: writes_ssid, of verdict conflict only with Overwrite';

CREATE FUNCTION calpads.confirm_ssid_row(load_id bigint, line_no bigint) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	judged text;
BEGIN
	PERFORM calpads.lock_ssids();
	PERFORM calpads.find_ssid_load(load_id, 'ssid_extract');
	SELECT r.verdict INTO judged FROM calpads.ssid_extract_row r
	WHERE r.load_id = confirm_ssid_row.load_id AND r.line_no = confirm_ssid_row.line_no;
	IF judged IS NULL OR judged NOT IN ('unexpected', 'not_new', 'identity_warn', 'conflict') THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('line %s of load %s cannot be confirmed', coalesce(line_no::text, 'null'), load_id),
			DETAIL = coalesce(format('Its verdict is %s.', judged), 'There is no such line.'),
			HINT = 'Confirmed can be: unexpected, not_new, identity_warn, and conflict for Overwrite.';
	END IF;
	UPDATE calpads.ssid_extract_row r
	SET confirmed_at = clock_timestamp(), confirmed_by = session_user, writes_ssid = true
	WHERE r.load_id = confirm_ssid_row.load_id AND r.line_no = confirm_ssid_row.line_no;
END;
$$;
COMMENT ON FUNCTION calpads.confirm_ssid_row(bigint, bigint) IS
	'a person has looked at a doubtful row of an SSID extract: the update shall write it';

-- What an update is going to write, with the former values.  The tables are
-- the district's: values take the types of its columns.
CREATE FUNCTION calpads.note_ssid_changes(
	load_id bigint,
	relation regclass,
	table_name text,
	column_name text,
	ids integer[],
	new_values text[]
) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
AS $$
BEGIN
	EXECUTE format($command$
		INSERT INTO calpads.ssid_change (load_id, student_id, table_name, column_name, old_value, new_value)
		SELECT DISTINCT $1, v.student_id, $2, $3, nullif(btrim(t.%2$I::text), ''), v.new_value
		FROM unnest($4, $5) AS v (student_id, new_value)
			LEFT JOIN %1$s t ON t.id::integer = v.student_id AND (t.del::text IN ('t', 'true', 'TRUE', '1', 'Y')) IS NOT TRUE
		WHERE v.new_value IS NOT NULL AND t.%2$I IS DISTINCT FROM v.new_value::%3$s
		ORDER BY v.student_id, 5
		$command$, relation, column_name, calpads.column_type(relation, column_name))
		USING load_id, table_name, upper(column_name), ids, new_values;
END;
$$;
COMMENT ON FUNCTION calpads.note_ssid_changes(bigint, regclass, text, text, integer[], text[]) IS
	'notes in calpads.ssid_change what a column of a SIS table has and is to have for students; a value of null is no change';

-- A row whose SSID was changed after the verdict on it keeps that one.
CREATE FUNCTION calpads.write_ssids(load_id bigint, ids integer[], former text[], fresh text[]) RETURNS bigint
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
AS $$
DECLARE
	stu regclass;
	written bigint;
BEGIN
	IF coalesce(cardinality(ids), 0) = 0 THEN
		RETURN 0;
	END IF;
	stu := calpads.check_sis_writable('stu', ARRAY['cid', 'osi'], false);
	-- Of a row that somebody changes at this moment nothing is written or noted.
	EXECUTE format($command$
		WITH wanted AS MATERIALIZED (
			SELECT v.student_id, v.former, v.fresh FROM unnest($1, $2, $3) AS v (student_id, former, fresh)
		), seen AS MATERIALIZED (
			SELECT DISTINCT w.student_id, w.former, w.fresh, nullif(btrim(s.cid::text), '') AS ssid, nullif(btrim(s.osi::text), '') AS old_ssid
			FROM wanted w JOIN %1$s s ON s.id::integer = w.student_id
			WHERE (s.del::text IN ('t', 'true', 'TRUE', '1', 'Y')) IS NOT TRUE AND coalesce(btrim(s.cid::text), '') IN ('', w.former)
		), changed AS (
			UPDATE %1$s s
			SET cid = w.fresh::%2$s, osi = CASE WHEN w.former IS NULL THEN s.osi ELSE w.former::%3$s END
			FROM wanted w
			WHERE s.id::integer = w.student_id AND (s.del::text IN ('t', 'true', 'TRUE', '1', 'Y')) IS NOT TRUE
				AND coalesce(btrim(s.cid::text), '') IN ('', w.former)
			RETURNING w.student_id
		), noted AS (
			INSERT INTO calpads.ssid_change (load_id, student_id, table_name, column_name, old_value, new_value)
			SELECT $4, s.student_id, 'STU', c.column_name, c.old_value, c.new_value
			FROM seen s
				CROSS JOIN LATERAL (VALUES ('CID', s.ssid, s.fresh), ('OSI', s.old_ssid, s.former)) AS c (column_name, old_value, new_value)
			WHERE c.new_value IS NOT NULL AND c.old_value IS DISTINCT FROM c.new_value
				AND s.student_id IN (SELECT d.student_id FROM changed d)
			ORDER BY s.student_id, c.column_name, c.old_value
		)
		SELECT count(*) FROM changed
		$command$, stu, calpads.column_type(stu, 'cid'), calpads.column_type(stu, 'osi'))
		INTO written
		USING ids, former, fresh, load_id;
	RETURN written;
END;
$$;
COMMENT ON FUNCTION calpads.write_ssids(bigint, integer[], text[], text[]) IS
	'writes STU.CID of students on all their rows that are blank or have the former SSID, which, if any, goes to STU.OSI; '
	'gives the rows';

CREATE FUNCTION calpads.write_language_status(load_id bigint, ids integer[], codes text[], days text[]) RETURNS bigint
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
AS $$
DECLARE
	lac regclass;
	written bigint;
	added bigint;
BEGIN
	IF coalesce(cardinality(ids), 0) = 0 THEN
		RETURN 0;
	END IF;
	lac := calpads.check_sis_writable('lac', ARRAY['id', 'eac', 'ead'], true);
	PERFORM calpads.note_ssid_changes(load_id, lac, 'LAC', 'eac', ids, codes);
	PERFORM calpads.note_ssid_changes(load_id, lac, 'LAC', 'ead', ids, days);
	EXECUTE format($command$
		UPDATE %1$s t SET eac = coalesce(v.code::%2$s, t.eac), ead = coalesce(v.day::%3$s, t.ead)
		FROM unnest($1, $2, $3) AS v (student_id, code, day)
		WHERE t.id::integer = v.student_id AND (t.del::text IN ('t', 'true', 'TRUE', '1', 'Y')) IS NOT TRUE
			AND (t.eac IS DISTINCT FROM coalesce(v.code::%2$s, t.eac) OR t.ead IS DISTINCT FROM coalesce(v.day::%3$s, t.ead))
		$command$, lac, calpads.column_type(lac, 'eac'), calpads.column_type(lac, 'ead'))
		USING ids, codes, days;
	GET DIAGNOSTICS written = ROW_COUNT;
	-- [proposal] A student without a row gets one.
	EXECUTE format($command$
		INSERT INTO %1$s (id, eac, ead)
		SELECT v.student_id::%4$s, v.code::%2$s, v.day::%3$s
		FROM unnest($1, $2, $3) AS v (student_id, code, day)
		WHERE v.student_id NOT IN (SELECT t.id::integer FROM %1$s t
			WHERE t.id IS NOT NULL AND (t.del::text IN ('t', 'true', 'TRUE', '1', 'Y')) IS NOT TRUE)
		$command$, lac, calpads.column_type(lac, 'eac'), calpads.column_type(lac, 'ead'), calpads.column_type(lac, 'id'))
		USING ids, codes, days;
	GET DIAGNOSTICS added = ROW_COUNT;
	RETURN written + added;
END;
$$;
COMMENT ON FUNCTION calpads.write_language_status(bigint, integer[], text[], text[]) IS
	'writes LAC.EAC and LAC.EAD, what CALPADS has; null does not erase; gives the rows';

CREATE FUNCTION calpads.write_disability(load_id bigint, ids integer[]) RETURNS bigint
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
AS $$
DECLARE
	cse regclass;
	written bigint;
	added bigint;
BEGIN
	IF coalesce(cardinality(ids), 0) = 0 THEN
		RETURN 0;
	END IF;
	cse := calpads.check_sis_writable('cse', ARRAY['id', 'swd'], true);
	PERFORM calpads.note_ssid_changes(load_id, cse, 'CSE', 'swd', ids, array_fill('Y'::text, ARRAY[cardinality(ids)]));
	EXECUTE format($command$
		UPDATE %1$s t SET swd = 'Y'::%2$s
		WHERE t.id::integer = ANY ($1) AND (t.del::text IN ('t', 'true', 'TRUE', '1', 'Y')) IS NOT TRUE
			AND t.swd IS DISTINCT FROM 'Y'::%2$s
		$command$, cse, calpads.column_type(cse, 'swd'))
		USING ids;
	GET DIAGNOSTICS written = ROW_COUNT;
	EXECUTE format($command$
		INSERT INTO %1$s (id, swd)
		SELECT v.student_id::%3$s, 'Y'::%2$s
		FROM unnest($1) AS v (student_id)
		WHERE v.student_id NOT IN (SELECT t.id::integer FROM %1$s t
			WHERE t.id IS NOT NULL AND (t.del::text IN ('t', 'true', 'TRUE', '1', 'Y')) IS NOT TRUE)
		$command$, cse, calpads.column_type(cse, 'swd'), calpads.column_type(cse, 'id'))
		USING ids;
	GET DIAGNOSTICS added = ROW_COUNT;
	RETURN written + added;
END;
$$;
COMMENT ON FUNCTION calpads.write_disability(bigint, integer[]) IS 'writes CSE.SWD = Y, and never anything else; gives the rows';

-- CALPADS has made the SSIDs that were asked for: from now on the posted rows
-- are known under their keys (calpads.ods_senr).  The files stay as they were.
CREATE FUNCTION calpads.note_new_ssids(load_id bigint, applied timestamptz) RETURNS void
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
AS $$
	UPDATE calpads.extract_record e
	SET ssid = r.ssid, key = concat_ws('^', split_part(e.key, '^', 1), r.ssid, split_part(e.key, '^', 3))
	FROM calpads.ssid_update_row u
		JOIN calpads.ssid_extract_row r ON r.student_id = u.student_id
	WHERE e.file_id = u.file_id AND e.line_no = u.line_no AND e.ssid IS NULL AND u.decision = 'New SSID'
		AND r.load_id = note_new_ssids.load_id AND r.applied_at = note_new_ssids.applied
$$;
COMMENT ON FUNCTION calpads.note_new_ssids(bigint, timestamptz) IS
	'gives the New SSID rows of updated files the SSIDs that an update of the SIS took from an SSID extract at that moment';

-- A request has done its work when somebody of it has an SSID after an updated
-- file was made, or when nobody of it is without one.
CREATE FUNCTION calpads.close_finished_requests(lea text) RETURNS bigint
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
AS $$
DECLARE
	finished bigint;
	requests bigint := 0;
BEGIN
	FOR finished IN
		SELECT q.request_id
		FROM calpads.ssid_request q
			JOIN calpads.ssid_request_student s ON s.request_id = q.request_id
			JOIN calpads.sis_person(NULL, NULL, NULL) p ON p.student_id = s.student_id
			LEFT JOIN calpads.match_session m ON m.request_id = q.request_id
			LEFT JOIN calpads.ssid_emitted e ON e.session_id = m.session_id AND e.student_id = s.student_id
		WHERE q.closed_at IS NULL AND q.lea = close_finished_requests.lea
		GROUP BY q.request_id
		HAVING bool_or(p.ssids <> '{}' AND e.file_id IS NOT NULL) OR bool_and(p.ssids <> '{}')
		ORDER BY q.request_id
	LOOP
		PERFORM calpads.close_ssid_request(finished, 'the SSIDs were loaded');
		requests := requests + 1;
	END LOOP;
	RETURN requests;
END;
$$;
COMMENT ON FUNCTION calpads.close_finished_requests(text) IS 'closes the requests of an LEA whose SSIDs are there; gives their number';

-- What changed after the review is not what a person has agreed to.
CREATE FUNCTION calpads.review_before_update(load_id bigint) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	seen jsonb := (SELECT jsonb_object_agg(r.line_no, r.ssid_in_sis) FROM calpads.ssid_extract_row r
		WHERE r.load_id = review_before_update.load_id);
BEGIN
	PERFORM calpads.review_ssid_extract(load_id);
	UPDATE calpads.ssid_extract_row r
	SET verdict = 'conflict', writes_ssid = false, explanation = 'The SSID of the SIS has changed since the review.'
	WHERE r.load_id = review_before_update.load_id AND seen ? r.line_no::text
		AND r.verdict NOT IN ('bad_row', 'other_lea', 'same')
		AND (seen ->> r.line_no::text) IS DISTINCT FROM r.ssid_in_sis;
END;
$$;
COMMENT ON FUNCTION calpads.review_before_update(bigint) IS
	'the verdicts on an SSID extract as the SIS is now; a row whose SSID in the SIS has changed since the review is a conflict';

CREATE FUNCTION calpads.apply_ssid_extract(load_id bigint, overwrite boolean DEFAULT false)
	RETURNS TABLE (table_name text, rows bigint)
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	loaded calpads.load;
	stu_rows bigint;
	lac_rows bigint;
	cse_rows bigint;
	closed bigint;
	this_update CONSTANT timestamptz := clock_timestamp();
BEGIN
	-- What CALPADS holds changes too; always SENR first.
	loaded := calpads.find_ssid_load(load_id, 'ssid_extract');
	PERFORM calpads.lock_process('SENR', loaded.lea);
	PERFORM calpads.lock_ssids();
	PERFORM calpads.lock_process('SSID', loaded.lea);
	PERFORM calpads.review_before_update(load_id);
	UPDATE calpads.ssid_extract_row r SET applied_at = this_update
	WHERE r.load_id = apply_ssid_extract.load_id
		AND (r.verdict = 'same' OR r.writes_ssid AND (r.verdict <> 'conflict' OR overwrite IS TRUE));
	SELECT calpads.write_ssids(loaded.load_id, array_agg(r.student_id ORDER BY r.line_no),
			array_agg(CASE WHEN r.verdict <> 'same' THEN nullif(r.ssid_in_sis, '') END ORDER BY r.line_no),
			array_agg(r.ssid ORDER BY r.line_no))
		INTO stu_rows
	FROM calpads.ssid_extract_row r
	WHERE r.load_id = apply_ssid_extract.load_id AND r.applied_at = this_update;
	SELECT calpads.write_language_status(loaded.load_id, array_agg(r.student_id ORDER BY r.line_no),
			array_agg(r.elas_code ORDER BY r.line_no), array_agg(to_char(r.elas_start_date, 'YYYY-MM-DD') ORDER BY r.line_no))
		INTO lac_rows
	FROM calpads.ssid_extract_row r
	WHERE r.load_id = apply_ssid_extract.load_id AND r.applied_at = this_update
		AND (r.elas_code IS NOT NULL OR r.elas_start_date IS NOT NULL);
	SELECT calpads.write_disability(loaded.load_id, array_agg(r.student_id ORDER BY r.line_no))
		INTO cse_rows
	FROM calpads.ssid_extract_row r
	WHERE r.load_id = apply_ssid_extract.load_id AND r.applied_at = this_update AND r.with_disabilities = 'Y';
	PERFORM calpads.note_new_ssids(loaded.load_id, this_update);
	closed := calpads.close_finished_requests(loaded.lea);
	PERFORM calpads.queue_ssid_mail(format('CALPADS SSID update of LEA %s', loaded.lea),
		format(E'SSID extract, load %s.\n\nRows written: STU %s, LAC %s, CSE %s.\nRequests closed: %s.\n\nRows of the file by verdict:\n%s\n',
			loaded.load_id, stu_rows, lac_rows, cse_rows, closed,
			(SELECT string_agg(format('  %s: %s%s', v.verdict, v.rows, CASE WHEN v.applied < v.rows
					THEN format(' (%s not written)', v.rows - v.applied) ELSE '' END), E'\n' ORDER BY v.verdict COLLATE "C")
				FROM (SELECT r.verdict, count(*) AS rows, count(r.applied_at) AS applied FROM calpads.ssid_extract_row r
					WHERE r.load_id = loaded.load_id GROUP BY r.verdict) AS v)));
	RETURN QUERY VALUES ('STU', stu_rows), ('LAC', lac_rows), ('CSE', cse_rows);
END;
$$;
COMMENT ON FUNCTION calpads.apply_ssid_extract(bigint, boolean) IS
	'writes an SSID extract into the SIS in one transaction: STU.CID, LAC.EAC and LAC.EAD, CSE.SWD = Y; gives the rows of '
	'each table. overwrite: also in place of other SSIDs, which go to STU.OSI; not recommended. Requests whose SSIDs are there are closed';

-- ---- replaced SSIDs ------------------------------------------------------------------

/*
 * What is to be done with each row of a Replacement SSIDs extract as the SIS is
 * now (spec/ssid.md section 8).  The student is the one whose STU.CID is the
 * retired SSID; the local ID only speaks against it.  final_ssid: the end of
 * the chain of all files.
 */
CREATE FUNCTION calpads.replacement_verdicts(
	load_id bigint,
	OUT line_no bigint,
	OUT student_id integer,
	OUT final_ssid text,
	OUT verdict text,
	OUT explanation text
) RETURNS SETOF record
	LANGUAGE sql STABLE ROWS 10000
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
	SET jit = off
AS $$
	WITH row AS MATERIALIZED (
		SELECT r.*, t.replacement_ssid AS final, t.retired_ssid IS NOT NULL AS is_resolved
		FROM calpads.ssid_replacement_row r
			LEFT JOIN calpads.retired_ssid t ON t.retired_ssid = r.retired_ssid
		WHERE r.load_id = replacement_verdicts.load_id
	), person AS MATERIALIZED (
		SELECT p.* FROM calpads.sis_person(
			(SELECT coalesce(array_agg(calpads.local_number(r.local_student_id)::integer), '{}') FROM row r
				WHERE calpads.local_number(r.local_student_id) <= 2147483647),
			(SELECT coalesce(array_agg(DISTINCT x.ssid), '{}')
				FROM row r CROSS JOIN LATERAL (VALUES (r.retired_ssid), (r.final)) AS x (ssid) WHERE x.ssid IS NOT NULL), '{}') p
		WHERE NOT p.deleted
	), holder AS MATERIALIZED (
		SELECT h.ssid, p.student_id, cardinality(p.ssids) AS ssids FROM person p CROSS JOIN LATERAL unnest(p.ssids) AS h (ssid)
	), held AS MATERIALIZED (
		SELECT h.ssid, min(h.student_id) AS student_id, count(*) AS students, max(h.ssids) AS ssids FROM holder h GROUP BY h.ssid
	), claim AS MATERIALIZED (
		-- Students who would come to hold an SSID, or hold it.
		SELECT c.ssid, count(DISTINCT c.student_id) AS students
		FROM (SELECT h.ssid, h.student_id FROM holder h
			UNION ALL
			SELECT t.replacement_ssid, h.student_id FROM holder h JOIN calpads.retired_ssid t ON t.retired_ssid = h.ssid) AS c
		GROUP BY c.ssid
	)
	SELECT r.line_no, h.student_id, r.final,
		v.verdict,
		CASE v.verdict
			WHEN 'bad_row' THEN r.complaint
			WHEN 'other_lea' THEN 'The row is of another LEA.'
			WHEN 'two_replacements' THEN 'The file has several replacements of this SSID.'
			WHEN 'cycle' THEN 'The replacements go round in a circle.'
			WHEN 'local_id_disagrees' THEN 'The local ID is that of another student than the one who has the retired SSID.'
			WHEN 'collision' THEN 'Two students of the SIS come to the same SSID: local duplicates, or CALPADS has merged two persons (MID).'
			WHEN 'replace' THEN 'The replacement takes the place of the retired SSID, which goes to STU.OSI.'
			WHEN 'already_done' THEN 'The SIS has the replacement, or has had the retired SSID before.'
			ELSE 'No student of the SIS has the retired SSID.'
		END
	FROM row r
		LEFT JOIN held h ON h.ssid = r.retired_ssid
		LEFT JOIN person p ON p.student_id = calpads.local_number(r.local_student_id)
		LEFT JOIN claim c ON c.ssid = r.final
		CROSS JOIN LATERAL (SELECT CASE
			WHEN r.complaint IS NOT NULL THEN 'bad_row'
			WHEN (r.reporting_lea = ANY ((SELECT calpads.our_leas())::text[])) IS NOT TRUE THEN 'other_lea'
			WHEN NOT r.is_resolved THEN 'two_replacements'
			WHEN r.final IS NULL THEN 'cycle'
			WHEN h.students > 1 OR h.students = 1 AND (c.students > 1 OR h.ssids > 1) THEN 'collision'
			WHEN h.students = 1 AND p.student_id <> h.student_id THEN 'local_id_disagrees'
			WHEN h.students = 1 THEN 'replace'
			-- [proposal] One student had the retired SSID, and another has what stands for it.
			WHEN EXISTS (SELECT FROM person x JOIN holder o ON o.ssid = r.final AND o.student_id <> x.student_id
				WHERE r.retired_ssid = ANY (x.old_ssids)) THEN 'collision'
			WHEN r.final IN (SELECT x.ssid FROM held x)
				OR r.retired_ssid IN (SELECT unnest(x.old_ssids) FROM person x) THEN 'already_done'
			ELSE 'not_found'
		END AS verdict) AS v
$$;
COMMENT ON FUNCTION calpads.replacement_verdicts(bigint) IS
	'what is to be done with each row of a Replacement SSIDs extract as the SIS is now';

CREATE FUNCTION calpads.load_ssid_replacement(path text, content bytea DEFAULT NULL) RETURNS calpads.load
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	bytes bytea := calpads.ssid_file(path, content);
	lea text := calpads.lea_of_ssid_file('ssid_replacement', path, bytes);
	loaded calpads.load;
BEGIN
	PERFORM calpads.lock_ssids();
	loaded := calpads.new_ssid_load(path, bytes, 'ssid_replacement', lea);
	INSERT INTO calpads.ssid_replacement_row (load_id, line_no, reporting_lea, school_of_attendance, local_student_id,
		retired_ssid, replacement_ssid, complaint, line)
	SELECT loaded.load_id, r.line_no, calpads.seven_digits(r.cell ->> 'reporting_lea'),
		calpads.seven_digits(r.cell ->> 'last_known_school_of_attendance'), r.cell ->> 'last_known_local_student_id',
		r.cell ->> 'retired_ssid', r.cell ->> 'replacement_ssid',
		CASE
			WHEN r.complaint IS NOT NULL THEN r.complaint
			WHEN NOT calpads.is_ssid(r.cell ->> 'retired_ssid') THEN 'The retired SSID is not of ten digits.'
			WHEN NOT calpads.is_ssid(r.cell ->> 'replacement_ssid') THEN 'The replacement SSID is not of ten digits.'
			WHEN r.cell ->> 'retired_ssid' = r.cell ->> 'replacement_ssid' THEN 'The SSID is said to replace itself.'
		END, r.line
	FROM calpads.ssid_layout_rows('ssid_replacement', path, bytes) r;
	UPDATE calpads.load l
	SET (rows_read, rows_loaded, rows_rejected) = (SELECT count(*), count(*) - count(r.complaint), count(r.complaint)
		FROM calpads.ssid_replacement_row r WHERE r.load_id = l.load_id)
	WHERE l.load_id = loaded.load_id
	RETURNING l.* INTO loaded;
	RETURN loaded;
END;
$$;
COMMENT ON FUNCTION calpads.load_ssid_replacement(text, bytea) IS
	'loads CALPADS'' Replacement SSIDs extract for review (calpads.replacement_review) and changes nothing else: a file of '
	'the server by its absolute path, or content, whose name is path';

CREATE VIEW calpads.replacement_review AS
SELECT l.load_id, r.line_no, v.student_id, r.local_student_id, r.retired_ssid, r.replacement_ssid, v.final_ssid,
	v.verdict, v.explanation, r.applied_verdict, r.applied_at, r.reporting_lea, r.school_of_attendance, r.line
FROM calpads.load l
	CROSS JOIN LATERAL (SELECT x.* FROM calpads.ssid_replacement_row x WHERE x.load_id = l.load_id) AS r
	LEFT JOIN LATERAL (SELECT x.* FROM calpads.replacement_verdicts(l.load_id) x) AS v ON v.line_no = r.line_no
WHERE l.process = 'SSID' AND l.layout = 'ssid_replacement';
COMMENT ON VIEW calpads.replacement_review IS
	'the Replacement SSIDs extracts row by row: verdict as the SIS is now, applied_verdict when the load was applied';

-- What CALPADS holds under a retired SSID it holds under the replacement by
-- now.  Not where a person has to decide: there the SIS keeps the former SSID,
-- and so does the picture of what CALPADS holds.
CREATE FUNCTION calpads.extend_replacements(load_id bigint) RETURNS void
	LANGUAGE sql
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
AS $$
	INSERT INTO calpads.ssid_replacement (retired_ssid, replacement_ssid, load_id)
	SELECT DISTINCT ON (r.retired_ssid) r.retired_ssid, t.replacement_ssid, r.load_id
	FROM calpads.ssid_replacement_row r JOIN calpads.retired_ssid t ON t.retired_ssid = r.retired_ssid
	WHERE r.load_id = extend_replacements.load_id
		AND r.applied_verdict IN ('replace', 'already_done', 'not_found')
	ORDER BY r.retired_ssid
	ON CONFLICT ON CONSTRAINT ssid_replacement_pkey DO UPDATE SET replacement_ssid = EXCLUDED.replacement_ssid;
	UPDATE calpads.ssid_replacement m SET replacement_ssid = n.replacement_ssid
	FROM calpads.ssid_replacement n
	WHERE n.retired_ssid = m.replacement_ssid;
	INSERT INTO calpads.protected_ssid (ssid, note)
	SELECT m.replacement_ssid, p.note
	FROM calpads.protected_ssid p JOIN calpads.ssid_replacement m ON m.retired_ssid = p.ssid
	ON CONFLICT ON CONSTRAINT protected_ssid_pkey DO NOTHING;
$$;
COMMENT ON FUNCTION calpads.extend_replacements(bigint) IS
	'the applied pairs of a load become part of calpads.ssid_replacement; protection passes on to the replacement';

-- Unposted batches that speak of a retired SSID were made for what CALPADS
-- held before.
CREATE FUNCTION calpads.close_batches_with_retired(load_id bigint) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off
AS $$
DECLARE
	touched bigint;
BEGIN
	FOR touched IN
		WITH stale AS (
			SELECT DISTINCT f.batch_id
			FROM calpads.ssid_replacement_row r
				JOIN calpads.extract_record e ON e.ssid = r.retired_ssid
				JOIN calpads.extract_file f ON f.file_id = e.file_id
			WHERE r.load_id = close_batches_with_retired.load_id AND r.applied_verdict = 'replace'
				AND f.process <> 'SSID' AND f.posted_at IS NULL AND f.obsoleted_by IS NULL AND f.status <> 'Legacy'
		), closed AS (
			UPDATE calpads.extract_file f SET obsoleted_by = 0
			WHERE f.batch_id IN (SELECT s.batch_id FROM stale s) AND f.posted_at IS NULL AND f.obsoleted_by IS NULL
			RETURNING f.batch_id
		)
		SELECT DISTINCT c.batch_id FROM closed c ORDER BY c.batch_id
	LOOP
		PERFORM calpads.refresh_file_status(touched, 'SSIDs of its students were replaced');
	END LOOP;
END;
$$;
COMMENT ON FUNCTION calpads.close_batches_with_retired(bigint) IS 'gives up unposted batches that hold SSIDs that a load replaced';

CREATE FUNCTION calpads.apply_ssid_replacement(load_id bigint) RETURNS TABLE (table_name text, rows bigint)
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	loaded calpads.load;
	stu_rows bigint;
BEGIN
	-- What CALPADS holds changes too; always SENR first.
	loaded := calpads.find_ssid_load(load_id, 'ssid_replacement');
	PERFORM calpads.lock_process(p.process, loaded.lea)
	FROM unnest(ARRAY['SENR', 'SPRG']) WITH ORDINALITY AS p (process, place);
	PERFORM calpads.lock_ssids();
	WITH judged AS MATERIALIZED (
		SELECT v.* FROM calpads.replacement_verdicts(apply_ssid_replacement.load_id) v
	), marked AS (
		UPDATE calpads.ssid_replacement_row r SET applied_verdict = j.verdict, applied_at = clock_timestamp()
		FROM judged j
		WHERE r.load_id = apply_ssid_replacement.load_id AND r.line_no = j.line_no
		RETURNING r.retired_ssid, j.verdict, j.student_id, j.final_ssid
	), replaced AS (
		-- A pair that the file repeats is one.
		SELECT DISTINCT m.student_id, m.retired_ssid, m.final_ssid FROM marked m WHERE m.verdict = 'replace'
	)
	SELECT calpads.write_ssids(loaded.load_id, array_agg(r.student_id ORDER BY r.student_id),
			array_agg(r.retired_ssid ORDER BY r.student_id), array_agg(r.final_ssid ORDER BY r.student_id))
		INTO stu_rows
	FROM replaced r;
	PERFORM calpads.extend_replacements(load_id);
	PERFORM calpads.close_batches_with_retired(load_id);
	PERFORM calpads.queue_ssid_mail(format('CALPADS SSID replacement of LEA %s', loaded.lea),
		format(E'Replacement SSIDs extract, load %s.\n\nRows written: STU %s.\n\nRows of the file by verdict:\n%s\n',
			loaded.load_id, stu_rows,
			(SELECT string_agg(format('  %s: %s', v.verdict, v.rows), E'\n' ORDER BY v.verdict COLLATE "C")
				FROM (SELECT r.applied_verdict AS verdict, count(*) AS rows FROM calpads.ssid_replacement_row r
					WHERE r.load_id = loaded.load_id GROUP BY r.applied_verdict) AS v)));
	RETURN QUERY VALUES ('STU', stu_rows);
END;
$$;
COMMENT ON FUNCTION calpads.apply_ssid_replacement(bigint) IS
	'writes replaced SSIDs into the SIS in one transaction: STU.CID, the former one to STU.OSI; what CALPADS is known to '
	'hold counts under the replacement from now on (calpads.ssid_replacement); gives the rows of the table';

-- ---- multiple identifiers ---------------------------------------------------------------

-- [proposal] CALPADS' own reports on them have no published columns.
CREATE VIEW calpads.possible_mid AS
SELECT 'SSID extract' AS source, r.load_id, r.line_no, r.student_id, r.local_student_id, r.ssid, r.verdict, r.explanation
FROM calpads.ssid_extract_row r
WHERE r.verdict IN ('dup_local', 'dup_ssid', 'held_by_other')
	AND r.load_id IN (SELECT max(l.load_id) FROM calpads.load l
		WHERE l.process = 'SSID' AND l.layout = 'ssid_extract' GROUP BY l.lea)
UNION ALL
SELECT 'Replacement SSIDs', r.load_id, r.line_no, r.student_id, r.local_student_id, r.retired_ssid, r.verdict, r.explanation
FROM calpads.replacement_review r
WHERE r.verdict = 'collision'
	AND r.load_id IN (SELECT max(l.load_id) FROM calpads.load l
		WHERE l.process = 'SSID' AND l.layout = 'ssid_replacement' GROUP BY l.lea);
COMMENT ON VIEW calpads.possible_mid IS
	'students who may have several SSIDs, or share one, by the newest SSID extract and replacement file of each LEA: to be '
	'solved in CALPADS';

-- ---------------------------------------------------------------------------
-- 14. The sample district
--
-- A fictitious district to try everything on: the SIS tables, filled by
-- create_sample_district(), the SENR ODS file of a CALPADS that lags behind
-- them in every way of spec/senr.md section 7, and its SPRG ODS file.
--
-- The same number of students, seed and calpads.today give the same district:
-- all choices are hashes of the seed and a number, nothing is drawn at random.
-- ---------------------------------------------------------------------------

-- 7.1 Choices

CREATE FUNCTION calpads.sample_number(seed integer, what text, number bigint) RETURNS integer
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN (hashint8extended(number, hashtextextended(what, seed)) & 2147483647)::integer;
COMMENT ON FUNCTION calpads.sample_number(integer, text, bigint) IS
	'sample district: a number from 0 that looks random, always the same for seed, purpose and number';

CREATE FUNCTION calpads.sample_pick(choices text[], number integer) RETURNS text
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN choices[1 + number % cardinality(choices)];
COMMENT ON FUNCTION calpads.sample_pick(text[], integer) IS
	'sample district: one of the choices';

CREATE FUNCTION calpads.sample_weekday(day date) RETURNS date
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN day + CASE date_part('isodow', day) WHEN 6 THEN 2 WHEN 7 THEN 1 ELSE 0 END;
COMMENT ON FUNCTION calpads.sample_weekday(date) IS
	'sample district: the day, or the Monday after a weekend';

-- 7.2 Schools and calendar

CREATE FUNCTION calpads.sample_school()
	RETURNS TABLE (sc integer, name text, cds_school text, low_grade integer, high_grade integer,
				   do_not_report boolean)
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	VALUES
		(0, 'Valle Dorado Unified School District', '0000000', -1, 12, false),
		(101, 'Álamo Elementary School', '6100101', -1, 5, false),
		(102, 'O''Farrell Elementary School', '6100102', -1, 5, false),
		(103, 'Las Flores Elementary School', '6100103', -1, 5, false),
		(201, 'César Chávez Middle School', '6100201', 6, 8, false),
		(202, 'Mesa Verde Middle School', '6100202', 6, 8, false),
		(301, 'Valle Dorado High School', '3900301', 9, 12, false),
		(302, 'Sierra Vista High School', '3900302', 9, 12, false),
		(391, 'New Horizons Continuation High School', '3900391', 10, 12, false),
		(900, 'Nonpublic Schools', '0000001', -1, 12, false),
		(950, 'Valle Dorado Independent Learning Center', '3900950', -1, 12, true);
END;
COMMENT ON FUNCTION calpads.sample_school() IS
	'sample district: its schools; 0 is the district, 900 stands for nonpublic schools, 950 is not reported';

CREATE FUNCTION calpads.sample_school_of(grade integer, number integer) RETURNS integer
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN CASE
		WHEN grade <= 5 THEN 101 + number % 3
		WHEN grade <= 8 THEN 201 + number % 2
		WHEN grade >= 11 AND number % 12 = 5 THEN 391
		ELSE 301 + number % 2
	END;
COMMENT ON FUNCTION calpads.sample_school_of(integer, integer) IS
	'sample district: the school that a student with this number goes to in a grade';

CREATE FUNCTION calpads.sample_other_school(sc integer) RETURNS integer
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN CASE sc
		WHEN 101 THEN 102 WHEN 102 THEN 103 WHEN 103 THEN 101
		WHEN 201 THEN 202 WHEN 202 THEN 201
		WHEN 301 THEN 302 WHEN 302 THEN 301
	END;
COMMENT ON FUNCTION calpads.sample_other_school(integer) IS
	'sample district: another school with the same grades; NULL when there is none';

CREATE FUNCTION calpads.sample_calendar()
	RETURNS TABLE (this_year date, this_start date, this_end date, last_start date, last_end date,
				   event_days integer)
	LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT y.this_year, d.this_start, d.this_end,
		calpads.sample_weekday(make_date(y.calendar_year - 1, 8, 12)),
		calpads.sample_weekday(make_date(y.calendar_year, 6, 3)),
		-- An event may have consequences up to four weeks later, all before today.
		greatest(0, least(calpads.today(), d.this_end) - d.this_start - 45)
	FROM (SELECT calpads.school_year_start(calpads.today()) AS this_year,
				date_part('year', calpads.school_year_start(calpads.today()))::integer AS calendar_year) AS y,
		LATERAL (SELECT calpads.sample_weekday(make_date(y.calendar_year, 8, 12)) AS this_start,
				calpads.sample_weekday(make_date(y.calendar_year + 1, 6, 3)) AS this_end) AS d;
END;
COMMENT ON FUNCTION calpads.sample_calendar() IS
	'sample district: July 1 of this school year, first and last school day of this and of last year, '
	'and the number of days in which something may have happened to a student so far (0 in summer)';

-- 7.3 Students: who they are, and what happens to them

CREATE FUNCTION calpads.sample_student(students integer, seed integer)
	RETURNS TABLE (student_id integer, number integer, story text, grade integer, last_grade integer,
				   school integer, last_school integer, event_day date)
	LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH calendar AS (SELECT c.this_start, c.event_days FROM calpads.sample_calendar() AS c),
	-- Places spread evenly over 0 to 999, so that even a small district has some of each story.
	-- Materialized, or the expressions of one step would be repeated in each use by the next.
	place AS MATERIALIZED (
		SELECT n AS number, (n::bigint * 7919 + seed * 271::bigint) % 1000 AS place,
			calpads.sample_number(seed, 'school', n) AS chance
		FROM generate_series(1, students + students / 12) AS n),
	student AS MATERIALIZED (
		SELECT p.number, p.chance,
			CASE
				WHEN p.number > students THEN
					CASE WHEN p.number % 3 = 0 THEN 'left last year' ELSE 'graduated' END
				WHEN p.place < 10 THEN 'nonpublic school'
				WHEN p.place < 18 THEN 'not reported'
				WHEN p.place < 24 THEN 'tuition'
				WHEN p.place < 74 THEN 'new'
				WHEN c.event_days = 0 THEN 'stays'
				WHEN p.place < 114 THEN 'late'
				WHEN p.place < 174 THEN 'leaves'
				WHEN p.place < 214 THEN 'moves'
				WHEN p.place < 239 THEN 'changes program'
				WHEN p.place < 259 THEN 'returns'
				WHEN p.place < 274 THEN 'second school'
				WHEN p.place < 284 THEN 'short term'
				WHEN p.place < 292 THEN 'no-show'
				ELSE 'stays'
			END AS story,
			calpads.sample_weekday(c.this_start + 14
				+ calpads.sample_number(seed, 'event', p.number) % greatest(1, c.event_days)) AS event_day
		FROM place AS p, calendar AS c),
	graded AS MATERIALIZED (
		SELECT s.*,
			CASE s.story
				WHEN 'graduated' THEN 13
				-- Short terms are at the continuation school, which these do not go to.
				WHEN 'short term' THEN 10
				WHEN 'left last year' THEN calpads.sample_number(seed, 'grade', s.number) % 12 + 1
				ELSE calpads.sample_number(seed, 'grade', s.number) % 14 - 1
			END AS grade
		FROM student AS s)
	SELECT 100000 + g.number, g.chance, g.story, g.grade, l.last_grade,
		CASE g.story WHEN 'nonpublic school' THEN 900 WHEN 'not reported' THEN 950
			ELSE calpads.sample_school_of(g.grade, g.chance) END,
		CASE g.story WHEN 'nonpublic school' THEN 900 WHEN 'not reported' THEN 950
			ELSE calpads.sample_school_of(l.last_grade, g.chance) END,
		g.event_day
	FROM graded AS g,
		LATERAL (SELECT CASE
				WHEN g.story IN ('new', 'late') OR g.grade = -1 THEN NULL
				-- Half of the kindergarten was in transitional kindergarten before.
				WHEN g.grade = 0 AND g.chance % 2 = 0 THEN NULL
				ELSE g.grade - 1
			END AS last_grade) AS l;
END;
COMMENT ON FUNCTION calpads.sample_student(integer, integer) IS
	'sample district: one row per student: number from 0 that decides the details, what happens to the '
	'student (story), grade and school of this and of last year (-1 = transitional kindergarten), day of the event';

CREATE FUNCTION calpads.sample_enrollment(students integer, seed integer)
	RETURNS TABLE (student_id integer, school integer, start_date date, leave_date date, leave_reason text,
				   grade integer, program text, transfer text, residence text, nonpublic_school text)
	LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH student AS MATERIALIZED (SELECT s.* FROM calpads.sample_student(students, seed) AS s),
	calendar AS (SELECT c.* FROM calpads.sample_calendar() AS c),
	enrollment AS (
		-- last year
		SELECT s.*, s.last_school AS sc, c.last_start AS start_date,
			CASE s.story WHEN 'left last year'
				THEN calpads.sample_weekday(c.last_start + 60 + s.number % 180)
				ELSE c.last_end END AS leave_date,
			CASE WHEN s.story = 'left last year' THEN
					calpads.sample_pick('{160,180,200,240,140}', s.number)
				-- A blank reason is the year end as usual; these finished their school.
				WHEN s.school = 391 AND s.last_school <> 391 THEN '167'
				WHEN s.story = 'graduated' OR s.school <> s.last_school THEN '230' END AS leave_reason,
			s.last_grade AS row_grade, 'R' AS program, s.number % 25 = 0 AS transferred
		FROM student AS s, calendar AS c
		WHERE s.last_grade IS NOT NULL
		UNION ALL
		-- this year
		SELECT s.*, s.school,
			CASE s.story WHEN 'late' THEN s.event_day ELSE c.this_start END,
			CASE WHEN s.story IN ('leaves', 'moves', 'changes program', 'returns') THEN s.event_day END,
			CASE s.story
				WHEN 'leaves' THEN calpads.sample_pick('{160,160,180,200,240,140}', s.number)
				WHEN 'moves' THEN '160'
				WHEN 'changes program' THEN '440'
				WHEN 'returns' THEN '160' END,
			s.grade, CASE s.story WHEN 'tuition' THEN 'T' ELSE 'R' END,
			s.number % 25 = 0 AND s.story <> 'changes program'
		FROM student AS s, calendar AS c
		WHERE s.story NOT IN ('graduated', 'left last year', 'no-show')
		UNION ALL
		-- what follows on the first enrollment of this year; a changed program
		-- is that the student now lives in another district
		SELECT s.*,
			CASE WHEN s.story <> 'moves' THEN s.school
				WHEN s.grade >= 10 AND s.number % 3 = 0 AND s.school <> 391 THEN 391
				ELSE coalesce(calpads.sample_other_school(s.school), 301) END,
			CASE s.story
				WHEN 'moves' THEN calpads.sample_weekday(s.event_day + 1)
				WHEN 'changes program' THEN s.event_day + 1
				WHEN 'returns' THEN calpads.sample_weekday(s.event_day + 21) END,
			NULL, NULL, s.grade, 'R', s.story = 'changes program' OR s.number % 25 = 0
		FROM student AS s
		WHERE s.story IN ('moves', 'changes program', 'returns')
		UNION ALL
		-- beside the first enrollment of this year
		SELECT s.*,
			CASE s.story WHEN 'short term' THEN 391
				ELSE coalesce(calpads.sample_other_school(s.school), 301) END,
			CASE s.story WHEN 'short term' THEN s.event_day ELSE c.this_start END,
			CASE WHEN s.story = 'short term' THEN calpads.sample_weekday(s.event_day + 17)
				WHEN s.number % 2 = 0 THEN s.event_day END,
			CASE WHEN s.story = 'short term' THEN '160' WHEN s.number % 2 = 0 THEN '170' END,
			s.grade, CASE s.story WHEN 'short term' THEN 'X' ELSE 'S' END, false
		FROM student AS s, calendar AS c
		WHERE s.story IN ('second school', 'short term'))
	SELECT e.student_id, e.sc, e.start_date, e.leave_date, e.leave_reason, e.row_grade, e.program,
		CASE WHEN e.transferred THEN 'I' END,
		CASE WHEN e.transferred THEN '99222220000000' END,
		CASE WHEN e.sc = 900 THEN '7090001' END
	FROM enrollment AS e;
END;
COMMENT ON FUNCTION calpads.sample_enrollment(integer, integer) IS
	'sample district: the enrollments of last year and this year, in local codes; leave_date is the last day';

CREATE FUNCTION calpads.sample_first_name(number integer) RETURNS text
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN calpads.sample_pick('{María,José,Zoë,Liam,Olivia,Noah,Renée,Ángel,Sofía,D''Andre,Chloé,Mateo,'
		'Aaliyah,Jesús,Siobhán,Ethan,Ming-Wei,Lucía,André,Priya,François,Ximena,Jürgen,Mia,Thiago,Anaïs,'
		'Elijah,Inés,Håkon,Ava,William,Camila,Óscar,Hmong Mee,Emma,Joaquín,Fátima,Lars,Nevaeh,'
		'Sebastián,Amélie}', number);
COMMENT ON FUNCTION calpads.sample_first_name(integer) IS
	'sample district: a first name';

CREATE FUNCTION calpads.sample_last_name(number integer) RETURNS text
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN calpads.sample_pick('{García,O''Brien,Nguyen,Muñoz,Smith,D''Angelo,Peña,López-Hernández,Johnson,'
		'Ibáñez,De la Cruz,Kim,Gutiérrez,Müller,Singh,O''Neill,Hernández,Patel,Núñez,Vang,Castañeda,Ortiz,'
		'Brown,Beauchêne,Rodríguez,Tran,St. James,Martínez,Çelik,Yang,Ramírez,Lindström,Williams,Zúñiga,'
		'Chen,Domínguez,Fa''amoe}', number);
COMMENT ON FUNCTION calpads.sample_last_name(integer) IS
	'sample district: a last name';

-- 7.4 The SIS tables

CREATE FUNCTION calpads.sample_fill_schools(schema text) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	EXECUTE format($sql$
		INSERT INTO %1$I.loc (cd, nm, snm, cc, dc, sc, tg, dnr, u, lo, hi)
		SELECT s.sc, s.name, left(s.name, 20), '99', '76543', s.cds_school, '', s.do_not_report, 0,
			s.low_grade, s.high_grade
		FROM calpads.sample_school() AS s
		UNION ALL
		SELECT 999, 'Inactive Students', 'Inactive', '99', '76543', '0000000', 'I', false, 0, -1, 12
	$sql$, schema);
	EXECUTE format($sql$
		INSERT INTO %1$I.chi (id, ty, cds)
		SELECT s.sc::text, '1', '9976543' || s.cds_school FROM calpads.sample_school() AS s WHERE s.sc > 0
		UNION ALL
		SELECT '1001', '1', '99222223922001'
	$sql$, schema);
	EXECUTE format($sql$
		INSERT INTO %1$I.day (sc, dy, dt, ho)
		SELECT s.sc, row_number() OVER (PARTITION BY s.sc, y.first_day ORDER BY d.day), d.day::date,
			CASE WHEN to_char(d.day, 'MMDD') BETWEEN '1221' AND '1231'
				OR to_char(d.day, 'MMDD') BETWEEN '0101' AND '0103'
				OR to_char(d.day, 'MMDD') = '1111' THEN '#' ELSE '' END
		FROM calpads.sample_calendar() AS c,
			LATERAL (VALUES (c.last_start, c.last_end), (c.this_start, c.this_end)) AS y (first_day, last_day),
			LATERAL generate_series(y.first_day, y.last_day, interval '1 day') AS d (day),
			calpads.sample_school() AS s
		WHERE date_part('isodow', d.day) < 6
	$sql$, schema);
END;
$$;
COMMENT ON FUNCTION calpads.sample_fill_schools(text) IS
	'sample district: fills LOC, CHI and DAY';

CREATE FUNCTION calpads.sample_fill_translations(schema text) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	EXECUTE format($sql$
		INSERT INTO %1$I.xrf (tc, sc, tc1, fc1, cd1, cd)
		SELECT 'CLPD', 0, t.table_name, t.field, t.local_code, t.code
		FROM (
			SELECT 'STU', 'GR', grade::text, CASE grade WHEN -1 THEN 'TK' WHEN 0 THEN 'KN'
				ELSE to_char(grade, 'FM00') END
			FROM generate_series(-1, 12) AS grade
			UNION ALL VALUES
				('STU', 'SP', 'R', '10'), ('STU', 'SP', 'S', '20'), ('STU', 'SP', 'X', '30'), ('STU', 'SP', 'T', '50'),
				('STU', 'IT', 'I', '1'),
				('STU', 'BST', 'CA', 'US-CA'), ('STU', 'BCU', 'USA', 'US'), ('STU', 'BCU', 'MEX', 'MX'),
				('STU', 'HSG', 'D', '100'), ('STU', 'HSG', 'P', '480'),
				('STU', 'HL', '00', 'ENG'), ('STU', 'HL', '01', 'SPA'),
				('STU', 'LF', 'E', 'EO'), ('STU', 'LF', 'L', 'EL'), ('STU', 'LF', 'R', 'RFEP'),
				('ATT', 'RS', '140', 'E140'), ('ATT', 'RS', '160', 'T160'), ('ATT', 'RS', '165', 'T165'),
				('ATT', 'RS', '167', 'T167'), ('ATT', 'RS', '170', 'E170'), ('ATT', 'RS', '180', 'T180'),
				('ATT', 'RS', '200', 'T200'), ('ATT', 'RS', '230', 'E230'), ('ATT', 'RS', '240', 'T240'),
				('ATT', 'RS', '470', 'N470')
			) AS t (table_name, field, local_code, code)
	$sql$, schema);
END;
$$;
COMMENT ON FUNCTION calpads.sample_fill_translations(text) IS
	'sample district: fills XRF, the translation of local codes';

CREATE FUNCTION calpads.sample_fill_enrollments(schema text, students integer, seed integer) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	EXECUTE format($sql$
		INSERT INTO %1$I.enr (id, sc, sn, yr, ed, ld, er, gr, pr, it, itd, hs, nps)
		SELECT e.student_id, e.school, e.student_id - 100000,
			date_part('year', calpads.school_year_start(e.start_date))::text,
			e.start_date, e.leave_date, e.leave_reason, e.grade, e.program, e.transfer, e.residence, 0,
			e.nonpublic_school
		FROM calpads.sample_enrollment($1, $2) AS e
	$sql$, schema) USING students, seed;
	EXECUTE format('ANALYZE %I.enr', schema);
	EXECUTE format($sql$
		INSERT INTO %1$I.att (sc, sn, dt, cd, rs, pr, gr, itd)
		SELECT e.sc, e.sn, event.day, event.code, event.reason, e.pr, e.gr, e.itd
		FROM calpads.sample_calendar() AS c
			JOIN %1$I.enr AS e ON e.ed >= c.this_start,
			LATERAL (VALUES (e.ed, 'E', NULL), (e.ld, 'L', e.er)) AS event (day, code, reason)
		WHERE event.day IS NOT NULL
	$sql$, schema);
END;
$$;
COMMENT ON FUNCTION calpads.sample_fill_enrollments(text, integer, integer) IS
	'sample district: fills ENR and ATT';

-- STU has one row for each school of this year, and stays for schools that
-- the student left with a reason.
CREATE FUNCTION calpads.sample_fill_students(schema text, students integer, seed integer) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	EXECUTE format($sql$
		WITH student AS MATERIALIZED (
			SELECT s.*, calpads.sample_number($2, 'name', s.student_id) AS name,
				calpads.sample_number($2, 'person', s.student_id) AS person
			FROM calpads.sample_student($1, $2) AS s),
		place AS (
			SELECT DISTINCT ON (e.id, e.sc) e.id, e.sc, e.gr, e.pr, e.it, e.itd, e.ed, e.ld, e.er,
				first_value(e.ed) OVER (PARTITION BY e.id, e.sc ORDER BY e.ed) AS first_day
			FROM %1$I.enr AS e
			ORDER BY e.id, e.sc, e.ed DESC)
		INSERT INTO %1$I.stu (sc, sn, id, cid, ln, fn, mn, fna, bd, gn, gr, ng, bcy, bst, bcu, ed, dd, ld, tg,
			sp, it, itd, hs, hl, lf, eth, rc1, ad, cy, st, zc, hsg, cco, gex, swr, swd, fk)
		SELECT p.sc, s.student_id - 100000, s.student_id,
			-- 7654321 has no common factor with the modulus: no two students share an SSID.
			to_char(9000000000 + (s.student_id * 7654321::bigint + $2 * 104729::bigint) %% 999999937, 'FM0000000000'),
			calpads.sample_last_name(s.name), calpads.sample_first_name(s.person),
			CASE WHEN s.person %% 3 = 0 THEN calpads.sample_first_name(s.person / 41) END,
			CASE WHEN s.person %% 29 = 0 THEN '"' || left(calpads.sample_first_name(s.person), 2) || '"' END,
			-- so that a kindergarten student is five on September 1
			make_date(date_part('year', c.this_year)::integer - 6 - s.grade, 9, 2) + s.person %% 365,
			CASE WHEN s.person %% 97 = 0 THEN 'X' WHEN s.person %% 2 = 0 THEN 'F' ELSE 'M' END,
			p.gr, p.gr + 1,
			CASE WHEN s.name %% 6 = 0 THEN 'Tepatitlán' ELSE 'Valle Dorado' END,
			CASE WHEN s.name %% 6 = 0 THEN NULL ELSE 'CA' END,
			CASE WHEN s.name %% 6 = 0 THEN 'MEX' ELSE 'USA' END,
			p.first_day, p.first_day, p.ld,
			CASE WHEN s.story = 'no-show' THEN 'N' WHEN p.ld IS NULL THEN '' ELSE 'I' END,
			p.pr, p.it, p.itd, 0,
			CASE WHEN s.name %% 3 = 0 THEN '01' ELSE '00' END, CASE WHEN s.name %% 6 = 0 THEN 'L' ELSE 'E' END,
			CASE WHEN s.name %% 3 = 0 THEN 'Y' ELSE 'N' END, calpads.sample_pick('{700,600,100,400,208}', s.name),
			s.name %% 9000 + 100 || ' Calle del Sol', 'Valle Dorado', 'CA', '95999',
			CASE WHEN s.story = 'graduated' THEN 'D' WHEN p.er = '230' THEN 'P' END,
			CASE WHEN s.story = 'graduated' THEN CASE WHEN s.person %% 2 = 0 THEN 'Y' ELSE 'N' END END,
			CASE s.story WHEN 'graduated' THEN 'N' END,
			CASE s.story WHEN 'no-show' THEN '180' END, CASE s.story WHEN 'no-show' THEN p.ld END,
			s.student_id / 2
		FROM place AS p JOIN student AS s ON s.student_id = p.id, calpads.sample_calendar() AS c
		WHERE p.ed >= c.this_start OR p.er IS NOT NULL OR s.story = 'no-show'
	$sql$, schema) USING students, seed;
	EXECUTE format('ANALYZE %I.stu', schema);
END;
$$;
COMMENT ON FUNCTION calpads.sample_fill_students(text, integer, integer) IS
	'sample district: fills STU; needs ENR';

CREATE FUNCTION calpads.sample_fill_student_details(schema text) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	EXECUTE format($sql$
		INSERT INTO %1$I.lsi (id, lfn, lln, gn)
		SELECT DISTINCT s.id, 'Alexis', s.ln, s.gn FROM %1$I.stu AS s WHERE s.id %% 71 = 0
	$sql$, schema);
	EXECUTE format($sql$
		INSERT INTO %1$I.cse (id, di, ed, pt, ss, swd)
		SELECT DISTINCT ON (s.id) s.id, calpads.sample_pick('{290,240,320,210}', s.id), s.ed, '100',
			CASE s.sc WHEN 900 THEN '7090001' ELSE l.sc END, 'Y'
		FROM %1$I.stu AS s JOIN %1$I.loc AS l ON l.cd = s.sc
		WHERE s.id %% 8 = 0 OR s.sc = 900
		ORDER BY s.id, s.ed DESC
	$sql$, schema);
	EXECUTE format($sql$
		INSERT INTO %1$I.con (pid, sq, "or", ln, fn, elv, cd, pc, lw, rl)
		SELECT DISTINCT s.id, g.guardian, g.guardian, s.ln, calpads.sample_first_name(s.fk * 7 + g.guardian),
			calpads.sample_pick('{10,11,12,13,14}', s.fk + g.guardian), 'P' || g.guardian,
			CASE g.guardian WHEN 1 THEN 'Y' ELSE 'N' END, 'Y', 'Parent'
		FROM %1$I.stu AS s, generate_series(1, 2) AS g (guardian)
	$sql$, schema);
	EXECUTE format($sql$
		INSERT INTO %1$I.lac (id, eac, ead, uss, sd)
		SELECT DISTINCT ON (s.id) s.id, CASE s.lf WHEN 'L' THEN 'EL' ELSE 'EO' END, s.dd, s.dd,
			CASE s.lf WHEN 'L' THEN s.dd END
		FROM %1$I.stu AS s ORDER BY s.id, s.dd
	$sql$, schema);
END;
$$;
COMMENT ON FUNCTION calpads.sample_fill_student_details(text) IS
	'sample district: fills LSI, CSE, CON and LAC; needs STU';

-- Eligibility may begin long before the enrollment.  kind is the table that
-- holds the record.
CREATE FUNCTION calpads.sample_programs(schema text)
	RETURNS TABLE (student_id integer, kind text, code text, first_day date, last_day date, details jsonb)
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY EXECUTE format($sql$
	WITH c AS MATERIALIZED (SELECT * FROM calpads.sample_calendar()),
	s AS MATERIALIZED (
		SELECT DISTINCT ON (stu.id) stu.id, stu.fk, stu.gr, stu.sc, stu.lf FROM %1$I.stu ORDER BY stu.id, stu.ed DESC, stu.sc)
	SELECT s.id, p.kind, p.code, p.first_day, p.last_day, p.details
	FROM c, s,
		LATERAL (VALUES
			-- Families with free or reduced meals apply every year; a few change between the two.
			('FRE', s.fk %% 2 = 0, calpads.sample_pick('{F,F,R}', s.fk), c.last_start, c.this_year - 1, '{}'::jsonb),
			('FRE', s.fk %% 2 = 0, calpads.sample_pick('{F,F,R}', s.fk), c.this_start,
				CASE WHEN s.fk %% 22 = 2 THEN c.this_start + 30 END, '{}'),
			('FRE', s.fk %% 22 = 2, calpads.sample_pick('{R,R,F}', s.fk), c.this_start + 31, NULL, '{}'),
			('FOF', s.id %% 23 = 0, '101', c.last_start + 40, NULL, '{}'),
			('FOF', s.id %% 29 = 1 AND s.id %% 23 <> 0, '101', c.last_start + 60, c.this_start + 20, '{}'),
			('GTE', s.id %% 14 = 3, '127', c.last_start - 300, NULL, '{}'),
			('PGM', s.fk %% 12 = 0, '192', c.last_start - 100, NULL, '{}'),
			('PGM', s.lf = 'L', calpads.sample_pick('{301,305,305,306}', s.fk), c.last_start, NULL, '{}'),
			('PGM', s.id %% 37 = 5, '191', c.this_start + 12, CASE WHEN s.id %% 2 = 0 THEN c.this_start + 60 END,
				jsonb_build_object('hdt', calpads.sample_pick('{100,110,120,120}', s.id / 37),
					'uy', calpads.sample_pick('{N,N,Y}', s.id / 37), 'ry', calpads.sample_pick('{N,N,N,Y}', s.id / 37))),
			('PGM', s.id %% 101 = 7 AND s.gr > 9, '162', c.this_start - 45, NULL, '{}'),
			-- Migrant students come from the state's own system since July 1, 2025, transitional
			-- kindergarten is a grade: what is still entered is not reported.
			('PGM', s.id %% 31 = 4, '135', c.last_start, NULL, '{"ty": "06123456789"}'),
			('PGM', s.gr = -1, '185', c.this_start, NULL, '{}'),
			('PGM', s.sc = 102 AND s.id %% 3 = 0, '122', c.last_start, c.last_end, '{"ty": "11"}'),
			('PGM', s.sc = 102 AND s.id %% 3 = 0, '122', c.this_start, NULL, '{"ty": "11"}'),
			('PGM', s.sc = 102 AND s.id %% 9 = 0, '122', c.this_start, NULL, '{"ty": "12"}'),
			('PGM', s.sc = 301 AND s.id %% 8 = 0, '113', c.last_start, NULL, '{"ty": "A0301"}'),
			('PGM', s.sc = 391 AND s.id %% 2 = 0, '108', c.this_start, NULL, '{}')
		) AS p (kind, has_it, code, first_day, last_day, details)
	WHERE p.has_it
	$sql$, schema);
END;
$$;
COMMENT ON FUNCTION calpads.sample_programs(text) IS
	'sample district: the programs of the students, of last year and this year; kind is the table that holds the record, '
	'details are further columns of PGM';

CREATE FUNCTION calpads.sample_fill_programs(schema text) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	EXECUTE format($sql$
		WITH program AS MATERIALIZED (
			SELECT p.*, p.code IN ('108', '113', '122', '185') AS participates,
				row_number() OVER (PARTITION BY p.student_id, p.kind ORDER BY p.first_day, p.code, p.details) AS number
			FROM calpads.sample_programs($1) AS p),
		meals AS (
			INSERT INTO %1$I.fre (id, cd, esd, eed, src)
			SELECT p.student_id, p.code, p.first_day, p.last_day, 'AP' FROM program AS p WHERE p.kind = 'FRE'),
		plans AS (
			INSERT INTO %1$I.fof (id, sq, sd, ed)
			SELECT p.student_id, p.number, p.first_day, p.last_day FROM program AS p WHERE p.kind = 'FOF'),
		gifted AS (
			INSERT INTO %1$I.gte (id, esd, eed)
			SELECT p.student_id, p.first_day, p.last_day FROM program AS p WHERE p.kind = 'GTE')
		INSERT INTO %1$I.pgm (pid, sq, cd, psd, ped, esd, eed, scl, hdt, uy, ry, ty)
		SELECT p.student_id, p.number, p.code,
			CASE WHEN p.participates THEN p.first_day END, CASE WHEN p.participates THEN p.last_day END,
			CASE WHEN NOT p.participates THEN p.first_day END, CASE WHEN NOT p.participates THEN p.last_day END, 0,
			p.details ->> 'hdt', p.details ->> 'uy', p.details ->> 'ry', p.details ->> 'ty'
		FROM program AS p WHERE p.kind = 'PGM'
	$sql$, schema) USING schema;
END;
$$;
COMMENT ON FUNCTION calpads.sample_fill_programs(text) IS
	'sample district: fills FRE, FOF, GTE and PGM; needs STU';

-- 7.5 CALPADS, lagging behind

CREATE FUNCTION calpads.sample_picture() RETURNS SETOF calpads.senr
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	fields text;
BEGIN
	SELECT string_agg(format('p.%I::%s', a.attname, a.atttypid::regtype), ', ' ORDER BY a.attnum) INTO fields
	FROM pg_attribute AS a
	WHERE a.attrelid = 'calpads.senr'::regclass AND a.attnum > 0 AND NOT a.attisdropped;
	RETURN QUERY EXECUTE format('SELECT %s FROM %I.senr AS p WHERE p.problems IS NULL',
		fields, calpads.setting('sis_schema'));
END;
$$;
COMMENT ON FUNCTION calpads.sample_picture() IS
	'sample district: the records of sis.senr that can be sent';

CREATE FUNCTION calpads.sample_lag() RETURNS TABLE (shape text, lag text, removes boolean, share numeric)
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	VALUES
		('stayed', 'later start', true, 0.008), ('stayed', 'other school', true, 0.005),
		('stayed', 'second enrollment', true, 0.006), ('stayed', 'stranger', true, 0.004),
		('stayed', 'stranger twice', true, 0.003),
		('stayed', 'exit that never was', false, 0.006), ('stayed', 'last year open', false, 0.010),
		('stayed', 'missing', false, 0.010), ('stayed', 'no-show left over', false, 0.010),
		('stayed', 'other grade', false, 0.010), ('stayed', 'other spelling', false, 0.030),
		('stayed', 'other status', false, 0.006), ('stayed', 'other transfer', false, 0.008),
		('new', 'enrollment before', true, 0.040), ('new', 'later start', true, 0.040),
		('new', 'other school', true, 0.020), ('new', 'missing', false, 0.100), ('new', 'other spelling', false, 0.050),
		('left', 'missing exit', false, 0.400), ('left', 'earlier exit', false, 0.150),
		('left', 'other reason', false, 0.150), ('left', 'missing', false, 0.050),
		('moved', 'missing exit', false, 0.500), ('moved', 'earlier exit', false, 0.100),
		('moved', 'missing', false, 0.150),
		('changed', 'earlier boundary', true, 0.200), ('changed', 'later boundary', true, 0.200),
		('changed', 'missing exit', false, 0.200),
		('returned', 'missing exit', false, 0.400), ('returned', 'missing', false, 0.150),
		('former', 'last year open', false, 0.150), ('former', 'other reason', false, 0.150);
END;
COMMENT ON FUNCTION calpads.sample_lag() IS
	'sample district: in what ways CALPADS lags behind, for what share of the students of a shape, and whether rows must be '
	'removed for it; those add up to less than five percent of the rows of this year';

-- The shape of a student is what the enrollments of the SIS look like together;
-- place 1 is the first row of this year, place 0 and below are earlier years.
CREATE FUNCTION calpads.sample_timeline() RETURNS TABLE (enrollment calpads.senr, shape text, place integer)
	LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH picture AS MATERIALIZED (
		SELECT p AS enrollment, p.ssid, p.enrollment_start_date AS start_date, p.enrollment_exit_date AS exit_date,
			p.enrollment_start_date >= c.this_year AS is_this_year
		FROM calpads.sample_picture() AS p, calpads.sample_calendar() AS c),
	student AS (
		SELECT p.ssid,
			count(*) FILTER (WHERE p.is_this_year) AS this_year,
			count(*) FILTER (WHERE NOT p.is_this_year) AS last_year,
			count(DISTINCT (p.enrollment).school_of_attendance) FILTER (WHERE p.is_this_year) AS schools,
			bool_and(p.exit_date IS NOT NULL) AS is_closed,
			max(p.start_date) - min(p.exit_date) FILTER (WHERE p.is_this_year) AS gap,
			bool_or((p.enrollment).enrollment_status_code <> '10') AS is_special
		FROM picture AS p
		GROUP BY p.ssid)
	SELECT p.enrollment,
		CASE
			WHEN s.is_special THEN 'special'
			WHEN s.this_year = 0 THEN 'former'
			WHEN s.this_year > 2 THEN 'special'
			WHEN s.this_year = 2 AND s.schools = 2 THEN 'moved'
			WHEN s.this_year = 2 AND s.gap = 1 THEN 'changed'
			WHEN s.this_year = 2 THEN 'returned'
			WHEN s.is_closed THEN 'left'
			WHEN s.last_year > 0 THEN 'stayed'
			ELSE 'new'
		END,
		(row_number() OVER (PARTITION BY p.ssid ORDER BY p.start_date) - s.last_year)::integer
	FROM picture AS p JOIN student AS s ON s.ssid = p.ssid;
END;
COMMENT ON FUNCTION calpads.sample_timeline() IS
	'sample district: each record of sis.senr with the shape of its student and its place among the student''s records';

CREATE FUNCTION calpads.sample_lagging(seed integer)
	RETURNS TABLE (enrollment calpads.senr, lag text, place integer)
	LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH timeline AS MATERIALIZED (SELECT t.*, (t.enrollment).ssid FROM calpads.sample_timeline() AS t),
	student AS (
		SELECT s.ssid, s.shape,
			row_number() OVER (PARTITION BY s.shape
				ORDER BY calpads.sample_number(seed, 'lag', s.ssid::bigint), s.ssid)::numeric
				/ count(*) OVER (PARTITION BY s.shape) AS fraction
		FROM (SELECT DISTINCT t.ssid, t.shape FROM timeline AS t) AS s),
	-- What removes rows comes first, so that rounding never makes more of it.
	lag AS (
		SELECT l.shape, l.lag, sum(l.share) OVER shape_order - l.share AS after_fraction,
			sum(l.share) OVER shape_order AS to_fraction
		FROM calpads.sample_lag() AS l
		WINDOW shape_order AS (PARTITION BY l.shape ORDER BY l.removes DESC, l.lag COLLATE "C"))
	SELECT t.enrollment, l.lag, t.place
	FROM timeline AS t
		JOIN student AS s ON s.ssid = t.ssid
		LEFT JOIN lag AS l ON l.shape = s.shape AND s.fraction > l.after_fraction AND s.fraction <= l.to_fraction;
END;
COMMENT ON FUNCTION calpads.sample_lagging(integer) IS
	'sample district: each record of sis.senr with the way in which CALPADS lags behind for its student, or NULL';

CREATE FUNCTION calpads.sample_cds_of_other_school(cds_school text) RETURNS text
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN (SELECT other.cds_school
			FROM calpads.sample_school() AS s, calpads.sample_school() AS other
			WHERE s.cds_school = sample_cds_of_other_school.cds_school
				AND other.sc = calpads.sample_other_school(s.sc));
COMMENT ON FUNCTION calpads.sample_cds_of_other_school(text) IS
	'sample district: the state code of another school with the same grades; NULL when there is none';

-- Each object in the array stands for one row that CALPADS has in place of the
-- record, and names the fields in which that row differs from it.
CREATE FUNCTION calpads.sample_rows_in_calpads(lag text, place integer, enrollment calpads.senr) RETURNS jsonb
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	as_it_is constant jsonb = '{}';
	no_exit constant jsonb = '{"enrollment_exit_date": null, "student_exit_reason_code": null,
		"student_school_completion_status": null, "expected_receiver_school_of_attendance": null,
		"student_met_all_uc_csu_requirements_indicator": null,
		"student_golden_state_seal_merit_diploma_indicator": null,
		"student_seal_of_biliteracy_indicator": null, "graduation_exemption_indicator": null}';
	stranger constant jsonb = jsonb_build_object('ssid', '8' || substr(enrollment.ssid, 2),
		'local_student_id', '9' || enrollment.local_student_id, 'student_legal_first_name', 'Unknown');
	start_date constant date = enrollment.enrollment_start_date;
	exit_date constant date = enrollment.enrollment_exit_date;
	first_day date;
	other_school constant text = calpads.sample_cds_of_other_school(enrollment.school_of_attendance);
BEGIN
	IF place < 1 AND lag NOT IN ('last year open', 'other spelling', 'other reason')
		OR other_school IS NULL AND lag IN ('other school', 'second enrollment', 'no-show left over', 'enrollment before')
	THEN
		RETURN jsonb_build_array(as_it_is);
	END IF;
	IF lag = 'enrollment before' THEN
		SELECT c.this_start INTO first_day FROM calpads.sample_calendar() AS c;
	END IF;
	RETURN CASE lag
		WHEN 'missing' THEN '[]'
		WHEN 'missing exit' THEN CASE place WHEN 1 THEN jsonb_build_array(no_exit) ELSE '[]' END
		WHEN 'last year open' THEN CASE place WHEN 0 THEN jsonb_build_array(no_exit)
			WHEN 1 THEN '[]' ELSE jsonb_build_array(as_it_is) END
		WHEN 'earlier exit' THEN jsonb_build_array(jsonb_build_object('enrollment_exit_date', exit_date - 4))
		WHEN 'other reason' THEN jsonb_build_array(CASE
			WHEN exit_date IS NULL OR enrollment.student_exit_reason_code IN ('E230', 'E150') THEN as_it_is
			ELSE jsonb_build_object('student_exit_reason_code', CASE
				WHEN place < 1 AND enrollment.student_exit_reason_code <> 'E155' THEN 'E155'
				WHEN enrollment.student_exit_reason_code = 'T160' THEN 'T180'
				ELSE 'T160' END) END)
		WHEN 'exit that never was' THEN jsonb_build_array(CASE
			WHEN start_date + 21 > calpads.today() THEN as_it_is
			ELSE jsonb_build_object('enrollment_exit_date', start_date + 21, 'student_exit_reason_code', 'T160') END)
		WHEN 'later start' THEN jsonb_build_array(jsonb_build_object('enrollment_start_date', start_date + 2))
		WHEN 'earlier boundary' THEN jsonb_build_array(CASE place
			WHEN 1 THEN jsonb_build_object('enrollment_exit_date', exit_date - 3)
			ELSE jsonb_build_object('enrollment_start_date', start_date - 3) END)
		WHEN 'later boundary' THEN jsonb_build_array(CASE place
			WHEN 1 THEN jsonb_build_object('enrollment_exit_date', exit_date + 5)
			ELSE jsonb_build_object('enrollment_start_date', start_date + 5) END)
		WHEN 'other school' THEN jsonb_build_array(jsonb_build_object('school_of_attendance', other_school))
		WHEN 'other grade' THEN jsonb_build_array(jsonb_build_object('grade_level_code',
			CASE enrollment.grade_level_code WHEN 'TK' THEN 'KN' WHEN 'KN' THEN 'TK' WHEN '12' THEN '11'
				ELSE to_char(enrollment.grade_level_code::integer + 1, 'FM00') END))
		WHEN 'other status' THEN jsonb_build_array('{"enrollment_status_code": "20"}'::jsonb)
		WHEN 'other transfer' THEN jsonb_build_array(CASE WHEN enrollment.student_school_transfer_code IS NULL
			THEN '{"student_school_transfer_code": "1", "district_of_geographic_residence_code": "9933333"}'::jsonb
			ELSE '{"student_school_transfer_code": null, "district_of_geographic_residence_code": null}' END)
		WHEN 'other spelling' THEN jsonb_build_array(jsonb_build_object(
			'student_legal_first_name', upper(enrollment.student_legal_first_name)))
		WHEN 'second enrollment' THEN jsonb_build_array(as_it_is,
			jsonb_build_object('school_of_attendance', other_school, 'enrollment_status_code', '20'))
		WHEN 'enrollment before' THEN jsonb_build_array(as_it_is) || CASE WHEN start_date < first_day + 14 THEN '[]'
			ELSE jsonb_build_array(jsonb_build_object('school_of_attendance', other_school,
				'enrollment_start_date', first_day, 'enrollment_exit_date', start_date - 3,
				'student_exit_reason_code', 'T160')) END
		WHEN 'no-show left over' THEN jsonb_build_array(as_it_is,
			jsonb_build_object('school_of_attendance', other_school,
				'enrollment_exit_date', start_date - 1, 'student_exit_reason_code', 'N470'))
		WHEN 'stranger' THEN jsonb_build_array(as_it_is, stranger)
		WHEN 'stranger twice' THEN jsonb_build_array(as_it_is,
			stranger || jsonb_build_object('enrollment_exit_date', start_date + 9, 'student_exit_reason_code', 'T160'),
			stranger || jsonb_build_object('enrollment_start_date', start_date + 14))
	END;
END;
$$;
COMMENT ON FUNCTION calpads.sample_rows_in_calpads(text, integer, calpads.senr) IS
	'sample district: what CALPADS has in place of a record when it lags behind in this way';

-- Rows of the school that the district does not report; somebody reported them
-- by hand.
CREATE FUNCTION calpads.sample_unreported_rows() RETURNS SETOF calpads.senr
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY EXECUTE format($sql$
		SELECT record.*
		FROM %1$I.enr AS e
			JOIN %1$I.stu AS s ON s.id = e.id AND s.sc = e.sc
			JOIN calpads.sample_school() AS school ON school.sc = e.sc AND school.do_not_report
			JOIN calpads.sample_calendar() AS c ON e.ed >= c.this_start,
			LATERAL jsonb_populate_record(NULL::calpads.senr, jsonb_build_object(
				'reporting_lea', '9976543', 'school_of_attendance', school.cds_school,
				'academic_year_id', calpads.academic_year(e.ed), 'ssid', s.cid, 'local_student_id', s.id,
				'student_legal_first_name', s.fn, 'student_legal_last_name', s.ln, 'student_birth_date', s.bd,
				'student_gender_code', s.gn, 'student_birth_country_code', 'US', 'enrollment_start_date', e.ed,
				'enrollment_status_code', '10',
				'grade_level_code', CASE e.gr WHEN -1 THEN 'TK' WHEN 0 THEN 'KN' ELSE to_char(e.gr, 'FM00') END)
			) AS record
	$sql$, calpads.setting('sis_schema'));
END;
$$;
COMMENT ON FUNCTION calpads.sample_unreported_rows() IS
	'sample district: what CALPADS has of the school that the district does not report';

CREATE FUNCTION calpads.sample_ods(seed integer) RETURNS SETOF calpads.senr
	LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH lagging AS MATERIALIZED (SELECT l.* FROM calpads.sample_lagging(seed) AS l)
	SELECT (l.enrollment).* FROM lagging AS l WHERE l.lag IS NULL
	UNION ALL
	SELECT held.*
	FROM lagging AS l,
		LATERAL jsonb_array_elements(calpads.sample_rows_in_calpads(l.lag, l.place, l.enrollment)) AS row (changes),
		LATERAL jsonb_populate_record(l.enrollment, row.changes) AS held
	WHERE l.lag IS NOT NULL
	UNION ALL
	SELECT u.* FROM calpads.sample_unreported_rows() AS u;
END;
COMMENT ON FUNCTION calpads.sample_ods(integer) IS
	'sample district: the enrollments that CALPADS holds';

-- An ODS record: the fields of its type, then upload date and last update.
CREATE FUNCTION calpads.sample_record_fields(record_type regclass) RETURNS text
	LANGUAGE sql STABLE STRICT
	SET search_path = pg_catalog, pg_temp
	RETURN (
		SELECT string_agg(
			CASE
				WHEN a.attname = 'record_type_code' THEN quote_literal(upper(t.relname::text) || '-R')
				WHEN a.attname = 'transaction_type_code' THEN 'NULL'
				WHEN a.atttypid = 'date'::regtype THEN format('to_char(o.%I, ''YYYYMMDD'')', a.attname)
				ELSE format('o.%I', a.attname)
			END, ', ' ORDER BY a.attnum)
		FROM pg_attribute AS a JOIN pg_class AS t ON t.oid = a.attrelid
		WHERE a.attrelid = record_type AND a.attnum > 0 AND NOT a.attisdropped);
COMMENT ON FUNCTION calpads.sample_record_fields(regclass) IS
	'sample district: expressions, for SQL, of the fields of an ODS record of calpads.senr or calpads.sprg named o';

CREATE FUNCTION calpads.sample_file(seed integer) RETURNS bytea
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	content text;
BEGIN
	EXECUTE format($sql$
		SELECT string_agg(array_to_string(ARRAY[%s, day.day, day.day], '^', '') || E'\r\n', ''
			ORDER BY o.school_of_attendance COLLATE "C", o.ssid COLLATE "C", o.enrollment_start_date)
		FROM calpads.sample_ods($1) AS o, to_char(calpads.today() - 1, 'YYYYMMDD') AS day
	$sql$, calpads.sample_record_fields('calpads.senr')) USING seed INTO content;
	RETURN convert_to(content, 'UTF8');
END;
$$;
COMMENT ON FUNCTION calpads.sample_file(integer) IS
	'sample district: the SENR ODS extract, byte for byte as CALPADS would give it';

-- 7.6 The programs that CALPADS holds

CREATE FUNCTION calpads.sample_programs_picture() RETURNS SETOF calpads.sprg
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	fields text;
BEGIN
	SELECT string_agg(format('p.%I::%s', a.attname, a.atttypid::regtype), ', ' ORDER BY a.attnum) INTO fields
	FROM pg_attribute AS a
	WHERE a.attrelid = 'calpads.sprg'::regclass AND a.attnum > 0 AND NOT a.attisdropped;
	RETURN QUERY EXECUTE format('SELECT %s FROM %I.sprg AS p WHERE p.problems IS NULL',
		fields, calpads.setting('sis_schema'));
END;
$$;
COMMENT ON FUNCTION calpads.sample_programs_picture() IS
	'sample district: the records of sis.sprg that can be sent';

CREATE FUNCTION calpads.sample_program_lag() RETURNS TABLE (lag text, from_place integer, to_place integer)
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	VALUES ('missing', 0, 50), ('never ended', 50, 90), ('ended too late', 90, 110), ('later start', 110, 125), ('other details', 125, 400);
END;
COMMENT ON FUNCTION calpads.sample_program_lag() IS
	'sample district: in what ways CALPADS lags behind with a program record, for which of 1000 places; other details are of '
	'homeless students only';

-- A record as CALPADS holds it when it lags behind in a way, before it is
-- fitted into the enrollment that CALPADS knows.
CREATE FUNCTION calpads.sample_lagging_program(record calpads.sprg, lag text) RETURNS calpads.sprg
	LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT jsonb_populate_record(record, CASE lag
		WHEN 'never ended' THEN '{"education_program_membership_end_date": null}'::jsonb
		WHEN 'ended too late' THEN jsonb_build_object('education_program_membership_end_date',
			(record).education_program_membership_end_date + 9)
		WHEN 'later start' THEN jsonb_build_object('education_program_membership_start_date',
			(record).education_program_membership_start_date + 6)
		WHEN 'other details' THEN CASE (record).education_program_code
			WHEN '191' THEN '{"homeless_dwelling_type_code": "130", "unaccompanied_youth_indicator": "N", "runaway_youth_indicator": "N"}'::jsonb
			ELSE '{}' END
		ELSE '{}' END);
END;
COMMENT ON FUNCTION calpads.sample_lagging_program(calpads.sprg, text) IS
	'sample district: a program record as CALPADS has it when it lags behind in a way';

CREATE FUNCTION calpads.sample_strange_programs(seed integer) RETURNS SETOF calpads.sprg
	LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT strange.*
	FROM calpads.sample_ods(seed) AS o, calpads.sample_calendar() AS c,
		LATERAL (SELECT calpads.sample_number(seed, 'strange program', o.ssid::bigint) % 400 AS place) AS chance,
		LATERAL (VALUES
			-- The SIS knows nothing of it.
			(0, 4, '162', o.enrollment_start_date, NULL::date, NULL::text),
			-- Nothing of an earlier year is touched, nor a retired program.
			(4, 8, '174', o.enrollment_start_date + 7, o.enrollment_start_date + 90, NULL),
			(8, 16, '144', c.last_start - 3000, c.last_start - 2200, '240'),
			(16, 24, '135', o.enrollment_start_date, NULL, NULL)
		) AS p (from_place, to_place, code, first_day, last_day, filler),
		LATERAL jsonb_populate_record(NULL::calpads.sprg, to_jsonb(o) || jsonb_build_object('local_record_id', NULL,
			'academic_year_id', calpads.academic_year(p.first_day), 'education_program_code', p.code,
			'education_program_membership_code', calpads.program_membership(p.code, calpads.academic_year(p.first_day)), 'education_program_membership_start_date', p.first_day,
			'education_program_membership_end_date', p.last_day, 'filler_1', p.filler,
			'migrant_student_id', CASE p.code WHEN '135' THEN '06123456789' END)) AS strange
	WHERE place >= p.from_place AND place < p.to_place AND o.student_exit_reason_code IS DISTINCT FROM 'N470'
		AND CASE p.code
			WHEN '162' THEN o.enrollment_start_date >= c.this_year AND o.grade_level_code >= '09' AND o.enrollment_exit_date IS NULL
			WHEN '144' THEN o.enrollment_start_date < c.this_year AND o.grade_level_code BETWEEN '08' AND '12'
			ELSE o.enrollment_start_date < c.this_year AND o.enrollment_exit_date > o.enrollment_start_date + 90 END;
END;
COMMENT ON FUNCTION calpads.sample_strange_programs(integer) IS
	'sample district: program records that only CALPADS has, most of them old or of retired programs';

/*
 * A record can only be where CALPADS has the enrollment: participation inside
 * it, eligibility beside it.  An end that comes of an exit is what CALPADS made
 * of the exit that it knows (spec/sinf_sela_sprg.md sections 4.1 and 4.2).
 */
CREATE FUNCTION calpads.sample_programs_ods(seed integer) RETURNS SETOF calpads.sprg
	LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH held AS MATERIALIZED (
		SELECT o.ssid, o.school_of_attendance AS school, o.enrollment_start_date AS first_day, o.enrollment_exit_date AS last_day,
			o.student_exit_reason_code AS reason, calpads.school_year_start(o.enrollment_start_date) AS school_year
		FROM calpads.sample_ods(seed) AS o
		WHERE o.student_exit_reason_code IS DISTINCT FROM 'N470'),
	-- A program goes on where the enrollment goes on after an E150.
	enrollment AS MATERIALIZED (
		SELECT h.ssid, h.school, h.school_year, h.first_day,
			CASE WHEN n.ssid IS NULL THEN h.last_day ELSE n.last_day END AS last_day,
			CASE WHEN n.ssid IS NULL THEN h.reason ELSE n.reason END AS reason
		FROM held AS h
			LEFT JOIN held AS n ON n.ssid = h.ssid AND n.school = h.school AND h.reason = 'E150' AND n.first_day = h.last_day + 1),
	true_exit AS MATERIALIZED (
		SELECT DISTINCT p.ssid, p.school_of_attendance AS school, p.enrollment_exit_date AS last_day
		FROM calpads.sample_picture() AS p
		WHERE p.enrollment_exit_date IS NOT NULL),
	lagging AS MATERIALIZED (
		SELECT calpads.sample_lagging_program(p, l.lag) AS record,
			p.education_program_membership_end_date = x.last_day AS ends_with_exit,
			p.education_program_code IN ('108', '113', '122') AS is_participation,
			p.education_program_code IN ('181', '182') AS is_meal
		FROM calpads.sample_programs_picture() AS p
			LEFT JOIN calpads.sample_program_lag() AS l ON calpads.sample_number(seed,
				concat_ws(' ', p.education_program_code, p.school_of_attendance, p.education_program_membership_start_date,
					p.education_service_code), p.ssid::bigint) % 1000 BETWEEN l.from_place AND l.to_place - 1
			LEFT JOIN true_exit AS x ON x.ssid = p.ssid AND x.school = p.school_of_attendance
				AND x.last_day = p.education_program_membership_end_date
		WHERE l.lag IS DISTINCT FROM 'missing'),
	known AS MATERIALIZED (
		SELECT l.record, l.is_participation, l.is_meal, (l.record).ssid, (l.record).school_of_attendance AS school,
			(l.record).education_program_membership_start_date AS first_day,
			CASE WHEN l.ends_with_exit THEN NULL ELSE (l.record).education_program_membership_end_date END AS last_day
		FROM lagging AS l),
	placed AS (
		SELECT DISTINCT ON (k.record) k.record, k.is_participation, k.first_day,
			CASE
				WHEN k.last_day IS NOT NULL THEN least(k.last_day, e.last_day)
				WHEN k.is_meal AND e.reason <> 'E150' OR k.is_participation THEN e.last_day
			END AS last_day
		FROM known AS k JOIN enrollment AS e ON e.ssid = k.ssid AND e.school = k.school
			AND k.first_day <= coalesce(e.last_day, 'infinity')
			AND e.first_day <= coalesce(k.last_day, 'infinity')
			AND (e.first_day <= k.first_day OR NOT k.is_participation)
			AND (e.school_year = calpads.school_year_start(k.first_day) OR NOT k.is_participation AND NOT k.is_meal)
		ORDER BY k.record, e.first_day DESC),
	-- Participation of a later stay has no place in an enrollment that CALPADS still has open.
	alone AS (
		SELECT p.*, p.is_participation AND coalesce(p.first_day <= max(coalesce(p.last_day, 'infinity')) OVER earlier, false) AS overlaps
		FROM placed AS p
		WINDOW earlier AS (PARTITION BY (p.record).ssid, (p.record).school_of_attendance, (p.record).education_program_code,
			(p.record).education_service_code ORDER BY p.first_day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING))
	SELECT record.*
	FROM alone AS p,
		LATERAL jsonb_populate_record(p.record, jsonb_build_object('education_program_membership_end_date', p.last_day,
			'education_program_membership_code', calpads.program_membership((p.record).education_program_code,
				(p.record).academic_year_id))) AS record
	WHERE NOT p.overlaps AND coalesce(p.last_day >= p.first_day, true)
	UNION ALL
	SELECT strange.* FROM calpads.sample_strange_programs(seed) AS strange;
END;
COMMENT ON FUNCTION calpads.sample_programs_ods(integer) IS
	'sample district: the student programs that CALPADS holds';

CREATE FUNCTION calpads.sample_programs_file(seed integer DEFAULT 1) RETURNS bytea
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	content text;
BEGIN
	EXECUTE format($sql$
		SELECT string_agg(array_to_string(ARRAY[%s, day.day, day.day], '^', '') || E'\r\n', ''
			ORDER BY o.school_of_attendance COLLATE "C", o.ssid COLLATE "C", o.education_program_code COLLATE "C",
				o.education_program_membership_start_date, o.education_service_code COLLATE "C")
		FROM calpads.sample_programs_ods($1) AS o, to_char(calpads.today() - 1, 'YYYYMMDD') AS day
	$sql$, calpads.sample_record_fields('calpads.sprg')) USING seed INTO content;
	RETURN convert_to(content, 'UTF8');
END;
$$;
COMMENT ON FUNCTION calpads.sample_programs_file(integer) IS
	'the SPRG ODS file, for load_ods(), of the CALPADS that lags behind the sample district; after create_sample_district() '
	'with the same seed';

-- 7.7 The whole

CREATE FUNCTION calpads.create_sample_district(students integer DEFAULT 500, seed integer DEFAULT 1) RETURNS bytea
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	schema constant text = calpads.setting('sis_schema');
	has_students boolean;
BEGIN
	IF students NOT BETWEEN 1 AND 1000000 THEN
		RAISE EXCEPTION 'a sample district has 1 to 1000000 students, not %', students
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	PERFORM calpads.create_sis_schema(schema);
	EXECUTE format('SELECT EXISTS (SELECT FROM %I.stu)', schema) INTO has_students;
	IF has_students THEN
		RAISE EXCEPTION 'schema "%" already has students', schema
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'Make the sample district in a new database, or in another schema by the setting calpads.sis_schema.';
	END IF;
	PERFORM calpads.sample_fill_schools(schema);
	PERFORM calpads.sample_fill_translations(schema);
	PERFORM calpads.sample_fill_enrollments(schema, students, seed);
	PERFORM calpads.sample_fill_students(schema, students, seed);
	PERFORM calpads.sample_fill_student_details(schema);
	PERFORM calpads.sample_fill_programs(schema);
	RETURN calpads.sample_file(seed);
END;
$$;
COMMENT ON FUNCTION calpads.create_sample_district(integer, integer) IS
	'fills the empty SIS tables with a fictitious district (makes them when they are missing) and returns the SENR ODS '
	'file, for load_ods(), of a CALPADS that lags behind it; calpads.sample_programs_file() gives the SPRG ODS file; the same '
	'arguments and calpads.today give the same district';

-- ---------------------------------------------------------------------------
-- 15. Privileges: nothing for PUBLIC, two roles' worth on request
-- ---------------------------------------------------------------------------

/*
 * The commands by which grant_access() gives a role its access.
 *
 * reader: looks at all tables and views, calls what changes nothing.
 * operator: also changes all tables but the reference data, which are the
 * owner's, because their texts become part of commands that the owner runs;
 * calls everything but what changes the reference data or grants access; and
 * makes foreign tables for files (whose reading needs pg_read_server_files).
 * Both: the tables and views of the SIS schema that the extension knows; an
 * operator writes the columns that CALPADS' SSIDs and statuses go to.
 */
CREATE FUNCTION calpads.access_commands(role_name regrole, access text) RETURNS SETOF text
	LANGUAGE sql STABLE STRICT
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH member AS (
		SELECT d.classid, d.objid
		FROM pg_depend d
		WHERE d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
			AND d.refobjid = (SELECT e.oid FROM pg_extension e WHERE e.extname = 'calpads')
	)
	SELECT format('GRANT USAGE ON SCHEMA calpads TO %s', role_name)
	UNION ALL
	SELECT format('GRANT %s ON %s TO %s',
		CASE WHEN c.relkind = 'r' AND access = 'operator' AND NOT EXISTS (
				SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'builtin')
			THEN 'SELECT, INSERT, UPDATE, DELETE' ELSE 'SELECT' END, c.oid::regclass, role_name)
	FROM member m JOIN pg_class c ON c.oid = m.objid
	WHERE m.classid = 'pg_class'::regclass AND c.relkind IN ('r', 'v')
	UNION ALL
	SELECT format('GRANT USAGE ON SEQUENCE %s TO %s', c.oid::regclass, role_name)
	FROM member m JOIN pg_class c ON c.oid = m.objid
	WHERE m.classid = 'pg_class'::regclass AND c.relkind = 'S' AND access = 'operator'
	UNION ALL
	SELECT format('GRANT EXECUTE ON ROUTINE %s TO %s', p.oid::regprocedure, role_name)
	FROM member m JOIN pg_proc p ON p.oid = m.objid
	WHERE m.classid = 'pg_proc'::regclass AND p.prorettype NOT IN ('trigger'::regtype, 'fdw_handler'::regtype)
		-- Volatile functions change something, but for those that read what their
		-- own statement made.
		AND (p.provolatile <> 'v' OR access = 'operator' OR p.oid IN (
			'calpads.file_content(bigint)'::regprocedure, 'calpads.extract_zip(bigint)'::regprocedure))
		AND p.oid NOT IN ('calpads.grant_access(regrole, text)'::regprocedure,
			'calpads.refresh_reference_data()'::regprocedure, 'calpads.refresh_reference_table(text)'::regprocedure)
	UNION ALL
	SELECT format('GRANT USAGE ON FOREIGN SERVER calpads_files TO %s', role_name)
	WHERE access = 'operator'
	UNION ALL
	SELECT format('GRANT USAGE ON SCHEMA %s TO %s', n.oid::regnamespace, role_name)
	FROM pg_namespace n
	WHERE n.nspname = calpads.setting('sis_schema')
	UNION ALL
	SELECT format('GRANT SELECT ON %s TO %s', c.oid::regclass, role_name)
	FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid
	WHERE n.nspname = calpads.setting('sis_schema') AND c.relkind IN ('r', 'v', 'm', 'f', 'p')
		AND c.relname IN (SELECT t.table_name FROM calpads.sis_table t UNION ALL SELECT v.name FROM calpads.mapping_view() v)
	UNION ALL
	-- What the SSID extract and replacements write.
	SELECT format('GRANT %s ON %s TO %s', w.privileges, c.oid::regclass, role_name)
	FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid
		JOIN (VALUES ('stu', 'UPDATE (cid, osi)'), ('lac', 'INSERT (id, eac, ead), UPDATE (eac, ead)'),
			('cse', 'INSERT (id, swd), UPDATE (swd)')) AS w (name, privileges) ON w.name = c.relname
	WHERE n.nspname = calpads.setting('sis_schema') AND c.relkind IN ('r', 'v', 'f', 'p') AND access = 'operator'
$$;
COMMENT ON FUNCTION calpads.access_commands(regrole, text) IS 'the commands of calpads.grant_access(); changes nothing';

CREATE FUNCTION calpads.grant_access(role_name regrole, access text) RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	command text;
BEGIN
	IF role_name IS NULL OR access IS NULL OR access NOT IN ('reader', 'operator') THEN
		RAISE EXCEPTION USING
			ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('there is no access %L for role %L', access, role_name),
			HINT = 'The kinds of access are: reader, operator.';
	END IF;
	FOR command IN SELECT c FROM calpads.access_commands(role_name, access) AS c LOOP
		EXECUTE command;
	END LOOP;
	IF to_regnamespace(quote_ident(calpads.setting('sis_schema'))) IS NULL THEN
		RAISE NOTICE USING
			MESSAGE = format('schema "%s" of the student information system does not exist, so nothing in it was granted',
				calpads.setting('sis_schema')),
			HINT = 'Make it by calpads.create_sis_schema(), then call calpads.grant_access() again.';
	END IF;
END;
$$;
COMMENT ON FUNCTION calpads.grant_access(regrole, text) IS
	'gives a role what it needs: ''reader'' looks, ''operator'' also loads, makes and posts files; to be called again when '
	'tables or mapping views of the SIS schema have come later. Files of the server need pg_read_server_files or '
	'pg_write_server_files beside it';

DO $$
DECLARE
	routine regprocedure;
BEGIN
	FOR routine IN
		SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'calpads'::regnamespace
	LOOP
		EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', routine);
	END LOOP;
END;
$$;
