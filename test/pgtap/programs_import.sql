-- The Illuminate programs.txt import: spec/illuminate_programs.md, section 8
-- and what stands behind it.

BEGIN;
SELECT no_plan();
\ir fixture/district.sql

INSERT INTO calpads.isi_code (program_id, name, calpads_code, system_key) VALUES
	('77', 'Accommodation plan', '101', '504_plan'), ('GATE', 'Gifted', '127', NULL), ('GIFT2', 'Gifted, old', '127', NULL),
	('OPP', 'Opportunity', '108', NULL), ('LOCAL', 'Chess club', NULL, NULL), ('HOME', 'Homeless', '191', NULL);
INSERT INTO calpads.isi_site (site_id, cds_school) VALUES ('A', '6000010'), ('B', '01100176000020'), ('GONE', '6999999');

-- Students 1 to 9 of school 10; 9 changed to school 20 in the middle.
SELECT pg_temp.student(jsonb_build_object('id', id, 'ln', 'Last' || id, 'fn', 'First' || id)) FROM generate_series(1, 9) id \g /dev/null
SELECT pg_temp.enrollment(jsonb_build_object('id', id)) FROM generate_series(1, 8) id \g /dev/null
SELECT pg_temp.enrollment('{"id": 9, "ld": "2026-09-10", "er": "T160"}'), pg_temp.enrollment('{"id": 9, "sc": 20, "ed": "2026-09-11"}') \g /dev/null

-- A row of student n in program GATE at site A since the first school day, but for what is said.
CREATE FUNCTION pg_temp.row(n integer, said jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(coalesce((jsonb_build_object('import_student_id', n, 'state_student_id', 1000000000 + n,
			'student_last_name', 'Last' || n, 'student_first_name', 'First' || n, 'birth_date', '01/31/2016', 'program_id', 'GATE',
			'program_start_date', '08/10/2026', 'academic_year', '2026-2027', 'site_id', 'A') || said) ->> name, ''), E'\t' ORDER BY ordinal)
	FROM calpads.program_fields() $$;
CREATE FUNCTION pg_temp.file(VARIADIC lines text[]) RETURNS bytea LANGUAGE sql AS $$
	SELECT convert_to(array_to_string(lines, E'\r\n') || E'\r\n', 'UTF8') $$;
-- The outcomes of an import, line by line, with the codes of the messages.
CREATE FUNCTION pg_temp.outcomes(import bigint) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', outcome, (SELECT string_agg(m ->> 'code', ' ') FROM jsonb_array_elements(messages) m)), ', ' ORDER BY line_no)
	FROM calpads.program_import_row WHERE import_id = import $$;
CREATE FUNCTION pg_temp.run(VARIADIC lines text[]) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.outcomes((calpads.import_programs('programs.txt', pg_temp.file(VARIADIC lines))).import_id) $$;
CREATE FUNCTION pg_temp.last() RETURNS bigint LANGUAGE sql AS 'SELECT max(import_id) FROM calpads.program_import';
-- Records of a student, as "program site start -> end".
CREATE FUNCTION pg_temp.records(n integer) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', program_id, coalesce(site_id, '-'), coalesce(program_start_date, eligibility_start_date),
		'-> ' || program_end_date), ', ' ORDER BY record_id)
	FROM calpads.isi_program WHERE student_id = n $$;
-- Runs a step, and takes it back.
CREATE FUNCTION pg_temp.state() RETURNS text LANGUAGE sql AS $$
	SELECT md5(string_agg(p::text, '|' ORDER BY record_id)) FROM calpads.isi_program p $$;

-- 1: the same file twice ----------------------------------------------------------------

SELECT is(pg_temp.run(pg_temp.row(1), pg_temp.row(2, '{"program_id": "77"}')), 'inserted, inserted', 'a good file makes records');
SELECT pg_temp.state() AS before \gset
SELECT is((SELECT concat_ws(' ', status, rows_read, inserted, updated, closed, unchanged) FROM
	calpads.import_programs('programs.txt', pg_temp.file(pg_temp.row(1), pg_temp.row(2, '{"program_id": "77"}')))),
	'unchanged_file 2 0 0 0 2', 'the same bytes again do nothing');
SELECT is((SELECT count(*) FROM calpads.program_import_row WHERE import_id = pg_temp.last()), 0::bigint, 'and no rows are written down');
SELECT is(pg_temp.outcomes((calpads.import_programs('other name.txt', pg_temp.file(pg_temp.row(1), pg_temp.row(2, '{"program_id": "77"}')),
	force => true)).import_id), 'unchanged, unchanged', 'by force they are read, and change nothing');
SELECT is(pg_temp.state(), :'before', 'the table is the same');
SELECT is(pg_temp.run(pg_temp.row(1), pg_temp.row(1)), 'unchanged, unchanged ISI065', 'the same line twice counts once');

-- 2 and 3: the site -----------------------------------------------------------------------

SELECT is(pg_temp.run(pg_temp.row(3, '{"site_id": null}')), 'inserted ISI020', 'a record without a site');
SELECT is(pg_temp.run(pg_temp.row(3, '{"site_id": null, "eligibility_end_date": "6/3/2027"}')), 'updated ISI020', 'is updated, not doubled');
SELECT is(pg_temp.run(pg_temp.row(3, '{"site_id": "A"}')), 'held ISI042', 'with a site it is held');
SELECT is(pg_temp.records(3), 'GATE - 2026-08-10', 'and not made');
SET LOCAL calpads.isi_compatible = on;
SELECT is(pg_temp.run(pg_temp.row(3, '{"site_id": "A"}')), 'inserted ISI042', 'Illuminate''s way it is made, by the same bytes');
RESET calpads.isi_compatible;
SELECT is(pg_temp.run(pg_temp.row(3, '{"site_id": "B"}')), 'held ISI022 ISI042', 'another site is held, too');

-- 4: closing --------------------------------------------------------------------------------

SELECT is(pg_temp.run(pg_temp.row(1, '{"program_start_date": "08/11/2026", "program_end_date": "09/30/2026"}')), 'held ISI041 ISI043',
	'an end whose start is off by a day is held');
SELECT is(pg_temp.records(1), 'GATE A 2026-08-10', 'and closes nothing');
SELECT is(pg_temp.run(pg_temp.row(1, '{"program_end_date": "9/30/2026"}')), 'closed', 'with the right four parts it closes');
SELECT is(pg_temp.records(1), 'GATE A 2026-08-10 -> 2026-09-30', 'the record');
SELECT is(pg_temp.run(pg_temp.row(1)), 'unchanged ISI051', 'an empty end does not open it again');
SELECT is(pg_temp.run(pg_temp.row(1, '{"program_end_date": "9/29/2026"}')), 'updated', 'another end is an update');
SET LOCAL calpads.isi_reopen = on;
SELECT is(pg_temp.run(pg_temp.row(1)), 'updated', 'but by the setting it does');
RESET calpads.isi_reopen;
SELECT is(pg_temp.records(1), 'GATE A 2026-08-10', 'and the record is open');
SELECT is(pg_temp.run(pg_temp.row(1, '{"program_end_date": "9/30/2026"}'), pg_temp.row(1, '{"program_start_date": "12/1/2026"}')),
	'closed, inserted', 'what one line closes is no duplicate of the next');

-- 5: strangers --------------------------------------------------------------------------------

SELECT is(pg_temp.run(pg_temp.row(4, '{"student_last_name": "Other", "birth_date": "2/1/2016"}')), 'held ISI003', 'another name and birth date');
SELECT is(pg_temp.run(pg_temp.row(4, '{"state_student_id": "1000000005"}')), 'held ISI002', 'another SSID');
SELECT is(pg_temp.run(pg_temp.row(4, '{"import_student_id": "0 004"}')), 'held ISI005', 'an ID with zeros and blanks');
SELECT is(pg_temp.run(pg_temp.row(4, '{"import_student_id": "0004", "student_last_name": "Other", "birth_date": "2/1/2016",
	"state_student_id": "1000000005"}')), 'held ISI002 ISI003 ISI005', 'all at once');
SELECT is(pg_temp.records(4), NULL, 'nothing was made of them');
SELECT is(pg_temp.run(pg_temp.row(4, '{"student_last_name": "LAST 4"}'), pg_temp.row(5, '{"birth_date": "2/1/2016"}')),
	'inserted, inserted ISI004', 'case and blanks of a name say nothing; a birth date alone warns');
SELECT is(pg_temp.run(pg_temp.row(99, '{"student_last_name": "last6", "student_first_name": "First6", "state_student_id": "1000000007"}'),
	pg_temp.row(98, '{"state_student_id": null}')), 'unmatched ISI001, unmatched ISI001', 'nobody has these IDs');
SELECT is((SELECT string_agg(concat_ws(' ', line_no, student_id, found_by), ', ' ORDER BY line_no, found_by DESC) FROM calpads.program_candidate
	WHERE import_id = pg_temp.last()), '1 7 ssid, 1 6 name and birth date, 2', 'candidates by SSID, then by name and birth date');
SELECT pg_temp.student('{"id": 98, "ln": "Last98", "fn": "First98"}') \g /dev/null
SELECT is(pg_temp.run(pg_temp.row(99, '{"student_last_name": "last6", "student_first_name": "First6", "state_student_id": "1000000007"}'),
	pg_temp.row(98, '{"state_student_id": null}')), 'unmatched ISI001, inserted ISI022', 'the same bytes are read again when the student has come');

-- 6: eligibility only ---------------------------------------------------------------------------

SELECT is(pg_temp.run(pg_temp.row(6, '{"program_start_date": null, "eligibility_start_date": "8/10/2026"}')), 'inserted', 'an eligibility start alone');
SELECT is(pg_temp.run(pg_temp.row(6, '{"program_start_date": null, "eligibility_start_date": "08/10/2026"}')), 'unchanged', 'loads again');
SELECT is(pg_temp.run(pg_temp.row(6, '{"program_start_date": null, "eligibility_start_date": "08/10/2026", "eligibility_end_date": "9/1/2026"}')),
	'closed', 'and is closed by its own end');
SELECT is(pg_temp.records(6), 'GATE A 2026-08-10', 'no duplicate');

-- 7 and 8: the form of the file -------------------------------------------------------------------

SELECT is(pg_temp.run(pg_temp.row(7, '{"student_first_name": "\"First7"}'), pg_temp.row(8, '{"student_last_name": "\"Last8\""}'),
	pg_temp.row(7, '{"program_id": "77"}')), 'inserted ISI004, inserted ISI004, inserted', 'a quote is a character');
CREATE FUNCTION pg_temp.header() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(label, E'\t' ORDER BY ordinal) FROM calpads.program_fields() $$;
SELECT is(pg_temp.run(pg_temp.header(), pg_temp.row(7)), 'unchanged', 'a header row is no row');
SELECT is((SELECT concat_ws(' ', rows_read, has_header) FROM calpads.program_import WHERE import_id = pg_temp.last()), '1 t', 'and is not counted');
SELECT is(pg_temp.run(E'\ufeff' || pg_temp.header(), pg_temp.row(8)), 'unchanged', 'nor with a byte order mark');
SELECT is(pg_temp.run(E'\ufeff' || pg_temp.row(8)), 'unchanged', 'a byte order mark without a header');
SELECT is(pg_temp.run(upper(pg_temp.header()), pg_temp.row(8)), 'unchanged', 'labels in capitals');
SELECT is(pg_temp.run(E'Pupil\tSSID\tName\tName\tName\tBorn\tCode', pg_temp.row(8)), 'unchanged', 'labels that nobody knows: by position');
SELECT is(pg_temp.run(E'Site ID\tProgram ID\tImport Student ID\tProgram Start Date\tProgram End Date', E'A\tGATE\t8\t08/10/2026\t9/30/2026'),
	'closed', 'some columns in another order, by their labels');
SELECT throws_like($$SELECT pg_temp.run(E'Import Student ID\tSite ID', E'8\tA')$$, '%no column "Program ID"%', 'a header without the program');
SELECT is((calpads.import_programs('programs.txt', convert_to(replace(pg_temp.row(8) || E'\r' || pg_temp.row(7) || E'\r', E'\t\t', E'\t \t'), 'UTF8'))).rows_read,
	2::bigint, 'lines that end in CR');
SELECT is(pg_temp.outcomes((calpads.import_programs('programs.txt', convert_to(replace(pg_temp.row(7), 'First7', 'Zo' || U&'\00eb'), 'WIN1252'))).import_id),
	'unchanged', 'Windows-1252');
SELECT is((SELECT notes -> 0 ->> 'code' FROM calpads.program_import WHERE import_id = pg_temp.last()), 'ISI068', 'is said');
SELECT is(pg_temp.run(pg_temp.row(7) || E'\tmore\tcolumns'), 'unchanged', 'more columns');
SELECT is((SELECT notes -> 0 ->> 'code' FROM calpads.program_import WHERE import_id = pg_temp.last()), 'ISI069', 'are said once');
SELECT is(pg_temp.run(regexp_replace(pg_temp.row(7, '{"site_id": null}'), '(\t[^\t]*){2}$', '')), 'held ISI020 ISI042', 'fewer columns are empty ones');
INSERT INTO calpads.isi_column VALUES (1, 'program_id'), (3, 'import_student_id'), (4, 'program_start_date'), (6, 'site_id');
SELECT is(pg_temp.run(E'GATE\tx\t7\t08/10/2026\tx\tA'), 'unchanged', 'columns by the map of the district');
SELECT is((SELECT notes FROM calpads.program_import WHERE import_id = pg_temp.last()), '[]', 'which may leave some out');
DELETE FROM calpads.isi_column;
SELECT throws_ok('SELECT calpads.import_programs(''programs.txt'', '''')', '22P04', NULL, 'an empty file is an error');
SELECT throws_ok('SELECT calpads.import_programs(NULL, ''x'')', '22004', NULL, 'a name is needed');

-- 9: rows that cannot be taken ---------------------------------------------------------------------

SELECT is(pg_temp.run(pg_temp.row(2, '{"program_id": "127"}'), pg_temp.row(2, '{"program_id": "XX"}'), pg_temp.row(2, '{"site_id": "Z"}')),
	'rejected ISI012, rejected ISI010, rejected ISI021', 'unknown codes and sites');
SELECT alike((SELECT messages -> 0 ->> 'text' FROM calpads.program_import_row WHERE import_id = pg_temp.last() AND line_no = 1),
	'%The key with that CALPADS code is GATE, GIFT2.', 'a CALPADS code: the right key is named');
SELECT is((SELECT string_agg(concat_ws(' ', n ->> 'code', n ->> 'value'), ', ' ORDER BY n ->> 'value') FROM calpads.program_import,
	jsonb_array_elements(notes) n WHERE import_id = pg_temp.last()), 'ISI012 127, ISI010 XX', 'unknown codes are grouped');
SELECT is(pg_temp.run(pg_temp.row(2, '{"program_start_date": null}'), pg_temp.row(2, '{"program_end_date": "8/9/2026"}'),
	pg_temp.row(2, '{"program_start_date": "1/30/2016"}'), pg_temp.row(2, '{"program_start_date": "2/30/2026"}'),
	pg_temp.row(2, '{"program_end_date": "10/01/26"}'), pg_temp.row(2, '{"student_last_name": null, "birth_date": null}'),
	pg_temp.row(2, jsonb_build_object('program_id', repeat('x', 31))), 'nonsense'),
	'rejected ISI030, rejected ISI031, rejected ISI031, rejected ISI062, rejected ISI062, rejected ISI061 ISI061, rejected ISI063, rejected ISI060',
	'dates, missing fields, long fields, lines of one word');
SELECT is(pg_temp.run(pg_temp.row(2, '{"birth_date": "02/30/2016"}')), 'rejected ISI062', 'a first row with an impossible birth date is no header');
SELECT is(pg_temp.run(pg_temp.row(5, '{"program_id": "LOCAL"}'), pg_temp.row(5, '{"program_id": "GIFT2"}'), pg_temp.row(5, '{"program_id": "OPP", "program_start_date": "7/15/2026"}'),
	pg_temp.row(5, '{"program_id": "HOME", "program_start_date": "12/1/2025"}')),
	'inserted ISI011, inserted ISI044 ISI045, inserted ISI032 ISI033, inserted ISI032 ISI033', 'remarks');
SELECT is(pg_temp.run(pg_temp.row(8, '{"program_id": "OPP"}'), pg_temp.row(8, '{"program_id": "OPP", "eligibility_start_date": "8/1/2026"}')),
	'held ISI040, held ISI040', 'the same four parts twice are all held');
SELECT is(pg_temp.run(pg_temp.row(8, '{"program_id": "OPP"}'), pg_temp.row(8, '{"program_id": "OPP", "site_id": "B"}')),
	'inserted ISI042, inserted ISI022 ISI042', 'two new rows of one start are told');

-- 10: the 504 alert ------------------------------------------------------------------------------------

INSERT INTO calpads.isi_code VALUES ('101', 'Plan, old', '101', NULL);
SELECT is(pg_temp.run(pg_temp.row(6, '{"program_id": "101"}'), pg_temp.row(6, '{"program_id": "77", "program_start_date": "10/2/2026"}'),
	pg_temp.row(4, '{"program_id": "77", "program_end_date": "10/1/2026"}'), pg_temp.row(5, '{"program_id": "77", "program_end_date": "9/30/2026"}')),
	'inserted ISI044 ISI045, inserted ISI044 ISI045, inserted, inserted', 'plans');
SELECT results_eq('SELECT student_id FROM calpads.alert_504 ORDER BY 1', 'VALUES (2), (4), (7)',
	'the system key lights the alert today: not a code 101, not tomorrow''s, not yesterday''s');

-- 11: dry run and undo ------------------------------------------------------------------------------------

CREATE TEMPORARY TABLE mixed AS SELECT pg_temp.file(pg_temp.row(1, '{"program_id": "OPP"}'), pg_temp.row(2, '{"program_id": "77", "program_end_date": "9/30/2026"}'),
	pg_temp.row(3, '{"site_id": "B"}'), pg_temp.row(4), pg_temp.row(97), pg_temp.row(5, '{"program_id": "XX"}'), pg_temp.row(4, '{"academic_year": "2027-2028"}'),
	pg_temp.row(7, '{"program_id": "77", "academic_year": "2026-27", "eligibility_start_date": "8/1/2026"}')) AS content;
SELECT pg_temp.state() AS before \gset
SELECT (calpads.import_programs('programs.txt', content, true)).import_id AS dry FROM mixed \gset
SELECT is(pg_temp.state(), :'before', 'a dry run changes nothing');
SELECT (calpads.import_programs('programs.txt', content)).import_id AS real FROM mixed \gset
SELECT isnt(pg_temp.state(), :'before', 'the real one does');
SELECT results_eq(format('SELECT line_no, outcome, messages, changed FROM calpads.program_import_row WHERE import_id = %s ORDER BY 1', :dry),
	format('SELECT line_no, outcome, messages, changed FROM calpads.program_import_row WHERE import_id = %s ORDER BY 1', :real), 'they find the same');
SELECT results_eq(format($$SELECT to_jsonb(i) - '{import_id,dry_run,records,started_at,finished_at}'::text[] FROM calpads.program_import i WHERE import_id = %s$$, :dry),
	format($$SELECT to_jsonb(i) - '{import_id,dry_run,records,started_at,finished_at}'::text[] FROM calpads.program_import i WHERE import_id = %s$$, :real),
	'and count the same');
SELECT is((SELECT concat_ws(' ', rows_read, inserted, updated, closed, unchanged, held, unmatched, rejected, skipped) FROM calpads.program_import
	WHERE import_id = :real), '8 1 1 1 0 3 1 1 0', 'each row has one outcome');
SELECT throws_ok(format('SELECT calpads.undo_program_import(%s)', :dry), '55000', NULL, 'a dry run cannot be undone');
SELECT is((SELECT status FROM calpads.undo_program_import(:real)), 'undone', 'undo');
SELECT is(pg_temp.state(), :'before', 'gives the table back');
SELECT throws_ok(format('SELECT calpads.undo_program_import(%s)', :real), '55000', NULL, 'once');
SELECT throws_ok('SELECT calpads.undo_program_import(0)', '42704', NULL, 'an import that is not');
SELECT is((SELECT status FROM mixed, calpads.import_programs('programs.txt', content)), 'warnings', 'what was undone can be imported again');
SELECT pg_temp.last() AS real \gset
SELECT is(pg_temp.run(pg_temp.row(1, '{"program_id": "OPP", "program_end_date": "9/30/2026"}')), 'closed', 'a later import');
SELECT throws_like(format('SELECT calpads.undo_program_import(%s)', :real), '%cannot be undone any more%', 'stands against undo');
SELECT is((calpads.undo_program_import(pg_temp.last())).status, 'undone', 'and is undone first');
UPDATE calpads.isi_program SET program_end_date = '2026-09-01' WHERE student_id = 1 AND program_id = 'OPP';
SELECT throws_like(format('SELECT calpads.undo_program_import(%s)', :real), '%cannot be undone any more%', 'so does a change by hand');
UPDATE calpads.isi_program SET program_end_date = NULL WHERE student_id = 1 AND program_id = 'OPP';
SELECT is((calpads.undo_program_import(:real)).status, 'undone', 'which can be taken back');
SELECT is(pg_temp.state(), :'before', 'the table is again as before');

-- Decisions -----------------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.decide(line bigint, decision text, record bigint DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', outcome, changed) FROM calpads.decide_program_row(pg_temp.last(), line, decision, record) $$;
DELETE FROM calpads.isi_program;
SELECT is(pg_temp.run(pg_temp.row(1), pg_temp.row(2), pg_temp.row(3), pg_temp.row(4)), 'inserted, inserted, inserted, inserted', 'four records');
CREATE FUNCTION pg_temp.night(more text DEFAULT '') RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.run(pg_temp.row(1, '{"program_start_date": "8/12/2026"}'), pg_temp.row(2, '{"program_start_date": "8/12/2026", "program_end_date": "9/1/2026"}'),
		pg_temp.row(3, '{"site_id": "B"}'), pg_temp.row(4, '{"site_id": "B"}'), pg_temp.row(5, '{"student_last_name": "New", "birth_date": "1/1/2016"}'),
		pg_temp.row(6), pg_temp.row(6, '{"eligibility_start_date": "8/1/2026"}'), more) $$;
SELECT is(pg_temp.night(), 'held ISI043, held ISI041 ISI043, held ISI022 ISI042, held ISI022 ISI042, held ISI003, held ISI040, held ISI040', 'one night');
SELECT is((SELECT count(DISTINCT line_no) FROM calpads.program_held), 7::bigint, 'seven rows wait');
SELECT throws_ok($$SELECT pg_temp.decide(1, 'perhaps')$$, '22023', NULL, 'a decision that is none');
SELECT throws_ok($$SELECT pg_temp.decide(100, 'skip')$$, '55000', NULL, 'a line that is none');
SELECT throws_ok($$SELECT pg_temp.decide(1, 'close')$$, '22023', NULL, 'a row without an end cannot close');
SELECT throws_ok($$SELECT pg_temp.decide(5, 'merge_into')$$, '22023', NULL, 'a stranger names no record to merge into');
SELECT throws_ok($$SELECT pg_temp.decide(1, 'merge_into', (SELECT record_id FROM calpads.isi_program WHERE student_id = 2))$$, '22023', NULL,
	'nor is it another student''s');
SELECT is(pg_temp.decide(1, 'merge_into'), 'updated {"program_start_date": ["2026-08-10", "2026-08-12"]}', 'merge_into');
SELECT is(pg_temp.decide(2, 'close'), 'closed {"program_end_date": [null, "2026-09-01"]}', 'close');
SELECT is(pg_temp.decide(3, 'insert_anyway'), 'inserted', 'insert_anyway');
SELECT is(pg_temp.decide(4, 'skip'), 'skipped', 'skip');
SELECT is(pg_temp.decide(5, 'insert_anyway'), 'inserted', 'the stranger is the student');
SELECT is(pg_temp.decide(7, 'insert_anyway'), 'inserted', 'of two rows with the same four parts');
SELECT throws_ok($$SELECT pg_temp.decide(6, 'insert_anyway')$$, '55000', NULL, 'one');
SELECT is(pg_temp.decide(6, 'skip'), 'skipped', 'and not the other');
SELECT throws_ok($$SELECT pg_temp.decide(6, 'skip')$$, '55000', NULL, 'a decision is taken once');
SELECT is((SELECT concat_ws(' ', inserted, updated, closed, held, skipped) FROM calpads.program_import WHERE import_id = pg_temp.last()),
	'3 1 1 0 2', 'the counts follow');
SELECT is(pg_temp.records(2), 'GATE A 2026-08-10 -> 2026-09-01', 'the record that was closed');
SELECT pg_temp.state() AS before \gset
SELECT pg_temp.last() AS decided \gset
SELECT is(pg_temp.night(pg_temp.row(7)), 'unchanged, unchanged ISI043 ISI067, unchanged, skipped ISI042 ISI067, unchanged ISI003 ISI067, '
	|| 'skipped ISI040 ISI067, unchanged ISI040 ISI067, inserted', 'the next night nothing is asked') ;
SELECT is((SELECT count(*) FROM calpads.program_held), 0::bigint, 'nothing waits');
SELECT is(pg_temp.run(pg_temp.row(5, '{"student_last_name": "Third", "birth_date": "1/2/2016"}')), 'held ISI003', 'another stranger is asked about again');
SELECT is(pg_temp.run(pg_temp.row(4, '{"site_id": "B", "program_end_date": "9/1/2026"}')), 'held ISI022 ISI041 ISI042', 'so is a row with a further reason');
SELECT throws_ok(format('SELECT calpads.decide_program_row(%s, 1, ''skip'')', :dry), '55000', NULL, 'a dry run asks nothing');
SELECT calpads.undo_program_import(import_id) FROM calpads.program_import WHERE import_id > :decided AND status IN ('ok', 'warnings') ORDER BY import_id DESC \g /dev/null
SELECT is(pg_temp.state(), :'before', 'the nights after are undone');
SELECT is((SELECT status FROM calpads.undo_program_import(:decided)), 'undone', 'the night of the decisions');
SELECT is((SELECT string_agg(pg_temp.records(n), ', ' ORDER BY n) FROM generate_series(1, 6) n),
	'GATE A 2026-08-10, GATE A 2026-08-10, GATE A 2026-08-10, GATE A 2026-08-10', 'is undone with its decisions');
SELECT is_empty('SELECT FROM calpads.program_decision', 'which are forgotten');

-- Decisions beside the setting that opens records again ------------------------------------------------------------

SET LOCAL calpads.isi_reopen = on;
SELECT is(pg_temp.run(pg_temp.row(1, '{"program_start_date": "8/12/2026", "program_end_date": "9/1/2026"}'), pg_temp.row(1)),
	'held ISI041 ISI043, unchanged', 'a row that wants to close, beside the open row of the record');
SELECT is(pg_temp.decide(1, 'close'), 'closed {"program_end_date": [null, "2026-09-01"]}', 'somebody decides so');
SELECT is(pg_temp.run(pg_temp.row(1, '{"program_start_date": "8/12/2026", "program_end_date": "9/1/2026"}'), pg_temp.row(1), pg_temp.row(2)),
	'unchanged ISI043 ISI067, unchanged ISI051, unchanged', 'the open row does not open it again');
SELECT is(pg_temp.records(1), 'GATE A 2026-08-10 -> 2026-09-01', 'it stays closed');
RESET calpads.isi_reopen;
UPDATE calpads.isi_program SET program_end_date = NULL WHERE student_id = 1;
DELETE FROM calpads.program_decision;

-- Records that the file does not name ----------------------------------------------------------------------------

SELECT is(pg_temp.run(pg_temp.row(1), pg_temp.row(2)), 'unchanged, unchanged', 'a file with half of the records');
SELECT is((SELECT not_in_file FROM calpads.program_import WHERE import_id = pg_temp.last()), 2::bigint, 'counts the others');
SELECT results_eq('SELECT student_id FROM calpads.program_not_in_file(pg_temp.last()) ORDER BY 1', 'VALUES (3), (4)', 'and lists them');

-- 12: from the record to SPRG -----------------------------------------------------------------------------------------

DELETE FROM calpads.isi_program;
INSERT INTO sis.pgm (pid, cd, psd, esd, scl, hdt, uy) VALUES (9, '108', '2026-08-20', NULL, 0, NULL, NULL), (2, '127', NULL, '2026-08-20', 0, NULL, NULL),
	(3, '191', NULL, '2020-01-01', 0, '120', 'N');
SELECT is(pg_temp.run(pg_temp.row(9, '{"program_id": "OPP", "site_id": null}'), pg_temp.row(9, '{"site_id": null, "eligibility_start_date": "8/1/2026"}'),
	pg_temp.row(3, '{"program_id": "HOME", "site_id": null}'), pg_temp.row(4, '{"site_id": "GONE"}'), pg_temp.row(5, '{"program_id": "LOCAL"}')),
	'inserted ISI020, inserted ISI020, inserted ISI020, inserted ISI022, inserted ISI011', 'five records');
CREATE FUNCTION pg_temp.sprg(student integer) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', source, school_of_attendance, education_program_code, education_program_membership_start_date,
			'-> ' || education_program_membership_end_date, problems -> 0 ->> 'rule'),
		', ' ORDER BY education_program_code, school_of_attendance)
	FROM sis.sprg WHERE student_id = student $$;
SELECT is(pg_temp.sprg(9), 'PGM 6000010 108 2026-08-20 -> 2026-09-10, PGM 6000020 108 2026-09-11', 'SPRG comes from PGM');
SET LOCAL calpads.program_source = 'isi';
SELECT is(pg_temp.sprg(9), 'ISI 6000010 108 2026-08-10 -> 2026-09-10, ISI 6000020 108 2026-09-11, '
	|| 'ISI 6000010 127 2026-08-01, ISI 6000020 127 2026-08-01',
	'or from the file: one record for each enrollment; participation is cut to it, eligibility keeps its start');
SELECT is(pg_temp.sprg(2), NULL, 'then PGM is not asked');
SELECT is(pg_temp.sprg(4), 'ISI 127 2026-08-10 IVR0002', 'a school that LOC does not have is held');
SELECT is((SELECT concat_ws(' ', homeless_dwelling_type_code, unaccompanied_youth_indicator, runaway_youth_indicator) FROM sis.sprg WHERE student_id = 3),
	'120 N N', 'what the file has no column for comes from PGM');
SELECT results_eq($$SELECT DISTINCT line_no, record_id, local_record_id ~ '^9-6000010-108' FROM calpads.program_trace() WHERE ssid = '1000000009'
		AND school_of_attendance = '6000010' AND education_program_code = '108'$$,
	$$SELECT 1::bigint, record_id, true FROM calpads.isi_program WHERE student_id = 9 AND program_id = 'OPP'$$, 'a record is traced to its row');
SELECT is_empty($$SELECT FROM sis.sprg WHERE source = 'ISI' AND local_record_id NOT IN (SELECT local_record_id FROM calpads.program_trace())$$, 'and so is each');
-- From the file to CALPADS: what was posted is no difference any more, and stands against undo.
SAVEPOINT posting;
SELECT is((SELECT rows_loaded::integer FROM calpads.load_ods('SPRG', 'SPRG.txt', (
	SELECT convert_to(string_agg(coalesce('{"record_type_code": "SPRG-R", "reporting_lea": "0110017", "school_of_attendance": "6000010",
			"academic_year_id": "2026-2027", "ssid": "1000000009", "local_student_id": "9", "student_legal_first_name": "First9",
			"student_legal_last_name": "Last9", "student_birth_date": "20160131", "student_gender_code": "F",
			"education_program_code": "127", "education_program_membership_code": "1",
			"education_program_membership_start_date": "20260801", "upload_date": "09/01/2026", "last_date_updated": "20260901 10:15"}'::jsonb
			->> name, ''), '^' ORDER BY ordinal) || E'\r\n', 'UTF8')
	FROM calpads.layout_field WHERE layout = 'sprg_ods'))), 1, 'CALPADS holds one of the records');
SELECT results_eq('SELECT school_of_attendance, education_program_code, transaction_type FROM calpads.sprg_delta(true) WHERE local_student_id = ''9'' ORDER BY 2, 1',
	$$VALUES ('6000010', '108', 'A'), ('6000020', '108', 'A'), ('6000020', '127', 'A')$$, 'and gets the others');
SELECT count(calpads.post_file(f.file_id)) FROM (SELECT c.file_id FROM calpads.create_extract('SPRG', true) c ORDER BY c.seq) f \g /dev/null
SELECT is_empty('SELECT FROM calpads.sprg_delta(true)', 'after that there is no difference');
SELECT throws_like(format('SELECT calpads.undo_program_import(%s)', pg_temp.last()), '%cannot be undone any more%', 'and the import stands');
ROLLBACK TO SAVEPOINT posting;
SET LOCAL calpads.program_source = '108, 191';
SELECT is((SELECT string_agg(DISTINCT source || ' ' || education_program_code, ', ' ORDER BY source || ' ' || education_program_code) FROM sis.sprg),
	'ISI 108, ISI 191, PGM 127', 'program by program');
SELECT throws_ok('SET LOCAL calpads.program_source = ''somewhere''', '22023', NULL, 'a source that is none');

-- Sites without a table --------------------------------------------------------------------------------------------

DELETE FROM calpads.isi_site;
SELECT is(pg_temp.run(pg_temp.row(7, '{"site_id": "10", "program_id": "OPP"}'), pg_temp.row(8, '{"site_id": "6000010", "program_id": "HOME"}'),
	pg_temp.row(7, '{"site_id": "A"}')), 'inserted, inserted, rejected ISI021', 'without a table a site is a school''s number or code');

-- The schedule ------------------------------------------------------------------------------------------------------

-- Statistics of an empty table: joined row by row the second run would not end.
SAVEPOINT many;
DELETE FROM calpads.isi_program;
ANALYZE calpads.isi_program;
INSERT INTO sis.stu (sc, sn, id, cid, ln, fn, bd) SELECT 10, n, n, n, 'Last', 'First', '2016-01-31' FROM generate_series(1000, 20999) n;
CREATE TEMPORARY TABLE many AS SELECT convert_to(string_agg(concat_ws(E'\t', n, n, 'Last', 'First', '', '1/31/2016', 'GATE', '', '', '8/10/2026', '',
	'2026-2027', '10'), E'\n'), 'UTF8') AS content FROM generate_series(1000, 20999) n;
SELECT is((SELECT inserted FROM many, calpads.import_programs('programs.txt', content)), 20000::bigint, 'many rows');
SELECT is((SELECT unchanged FROM many, calpads.import_programs('programs.txt', content, force => true)), 20000::bigint, 'again');
ROLLBACK TO SAVEPOINT many;

INSERT INTO calpads.program_profile (name, location, recipients) VALUES ('bad address', 'nowhere', '{nobody}');
SELECT is((SELECT concat_ws(' ', status, notes -> 0 ->> 'code') FROM calpads.import_programs_scheduled('bad address')), 'failed ISI073',
	'a run is written down although nobody can be told');
DELETE FROM calpads.program_profile;

-- Stand-ins for the file server and the mail: what they do is tested elsewhere.
CREATE TEMPORARY TABLE file_server (file_name text, content bytea);
CREATE TEMPORARY TABLE mailbox (recipients text[], subject text, body text);
CREATE OR REPLACE FUNCTION calpads.fetch_file(location text, file_name text) RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT f.content FROM pg_temp.file_server f WHERE f.file_name = fetch_file.file_name AND location = 'district_files');
END $$;
CREATE OR REPLACE FUNCTION calpads.queue_mail(recipients text[], subject text, body text, attachments jsonb DEFAULT '[]') RETURNS bigint
	LANGUAGE plpgsql AS $$ BEGIN INSERT INTO pg_temp.mailbox VALUES (recipients, subject, body); RETURN 1; END $$;
CREATE FUNCTION pg_temp.put(VARIADIC lines text[]) RETURNS void LANGUAGE sql AS $$
	UPDATE file_server SET content = pg_temp.file(VARIADIC lines) $$;
CREATE FUNCTION pg_temp.scheduled(name text DEFAULT 'nightly') RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', i.status, i.rows_read, i.inserted, i.closed, i.notes -> 0 ->> 'code') FROM calpads.import_programs_scheduled(name) i $$;
CREATE FUNCTION pg_temp.mails() RETURNS text LANGUAGE sql AS $$
	WITH gone AS (DELETE FROM mailbox RETURNING subject) SELECT string_agg(subject, ', ') FROM gone $$;

DELETE FROM calpads.isi_program;
INSERT INTO calpads.isi_site VALUES ('A', '6000010');
INSERT INTO file_server VALUES ('programs.txt', NULL);
INSERT INTO calpads.program_profile (name, location, recipients) VALUES ('nightly', 'district_files', '{registrar@example.org}');
SELECT throws_ok('SELECT calpads.import_programs_scheduled(''none'')', '42704', NULL, 'a profile that is none');
SELECT is(pg_temp.run(pg_temp.row(1), pg_temp.row(2), pg_temp.row(3), pg_temp.row(4), pg_temp.row(5), pg_temp.row(6), pg_temp.row(7), pg_temp.row(8),
	pg_temp.row(9), pg_temp.row(98)), 'inserted, inserted, inserted, inserted, inserted, inserted, inserted, inserted, inserted ISI033, inserted ISI022',
	'a call has no limits');
SELECT pg_temp.put(pg_temp.row(1), pg_temp.row(2), pg_temp.row(3), pg_temp.row(4), pg_temp.row(5), pg_temp.row(6), pg_temp.row(7), pg_temp.row(8),
	pg_temp.row(9), pg_temp.row(98)) \g /dev/null
SELECT is(pg_temp.scheduled(), 'unchanged_file 10 0 0 ISI070', 'the night brings the same bytes');
SELECT is(pg_temp.mails(), NULL, 'of which nobody is told');
SELECT pg_temp.put(pg_temp.row(1), pg_temp.row(2), pg_temp.row(3), pg_temp.row(4), pg_temp.row(5), pg_temp.row(6), pg_temp.row(7), pg_temp.row(8),
	pg_temp.row(9, '{"program_end_date": "9/1/2026"}'), pg_temp.row(98, '{"program_id": "OPP"}')) \g /dev/null
SELECT pg_temp.state() AS before \gset
SELECT is(pg_temp.scheduled(), 'held 10 1 1 ISI071', 'two of ten rows insert or close: more than ten percent');
SELECT is(pg_temp.state(), :'before', 'the whole run is held');
SELECT is((SELECT recipients::text FROM mailbox), '{registrar@example.org}', 'and somebody is told');
SELECT is((SELECT count(*) FROM mailbox WHERE body ~ 'Last|First|10000000'), 0::bigint, 'without names and SSIDs');
SELECT is(pg_temp.mails(), 'Programs import nightly: held', 'what happened');
SELECT is_empty('SELECT FROM calpads.program_import_row r WHERE r.import_id = pg_temp.last() AND r.outcome = ''inserted'' AND r.record_id IS NOT NULL',
	'its rows have no records');
SELECT is(pg_temp.scheduled(), 'held 10 1 1 ISI071', 'it is held again the next night');
UPDATE calpads.program_profile SET insert_close_limit_percent = 20;
SELECT is(pg_temp.scheduled(), 'warnings 10 1 1', 'two of ten rows are not more than twenty percent');
SELECT pg_temp.put(pg_temp.row(1), pg_temp.row(2), pg_temp.row(3), pg_temp.row(4), pg_temp.row(5), pg_temp.row(6), pg_temp.row(7)) \g /dev/null
SELECT is(pg_temp.scheduled(), 'held 7 0 0 ISI072', 'a file with thirty percent less rows is held');
SELECT is((SELECT status FROM calpads.import_programs_scheduled('nightly', force => true)), 'ok', 'but by force');
SELECT pg_temp.mails() \g /dev/null

UPDATE calpads.program_profile SET site_required = true, isi_compatible = true, insert_close_limit_percent = 100;
SELECT pg_temp.put(pg_temp.row(1, '{"site_id": null}'), pg_temp.row(2, '{"program_start_date": "8/11/2026"}'), pg_temp.row(3), pg_temp.row(4), pg_temp.row(5),
	pg_temp.row(6)) \g /dev/null
SELECT is(pg_temp.scheduled(), 'warnings 6 1 0', 'a profile has modes of its own');
SELECT is(left(pg_temp.outcomes(pg_temp.last()), 40), 'rejected ISI020, inserted ISI043 ISI045,', 'a site in every row, and Illuminate''s way');

UPDATE file_server SET content = NULL;
SELECT is(pg_temp.scheduled(), 'failed 0 0 0 ISI073', 'without a file a run fails');
UPDATE file_server SET content = '\x00';
SELECT is(pg_temp.scheduled(), 'failed 0 0 0 ISI073', 'so it does with a wrong one');
UPDATE calpads.program_profile SET file_name = 'PROGRAMS.TXT';
UPDATE file_server SET file_name = 'PROGRAMS.TXT', content = pg_temp.file(pg_temp.row(1), pg_temp.row(2), pg_temp.row(3), pg_temp.row(4), pg_temp.row(5));
SELECT is(pg_temp.scheduled(), 'ok 5 0 0', 'the name of the file may be in capitals');
UPDATE calpads.program_profile SET file_name = 'students.txt';
SELECT is(pg_temp.scheduled(), 'failed 0 0 0 ISI073', 'but be no other');
SELECT is(pg_temp.mails(), 'Programs import nightly: warnings, Programs import nightly: failed, Programs import nightly: failed, '
	|| 'Programs import nightly: ok, Programs import nightly: failed', 'each run is told');

UPDATE calpads.program_profile SET file_name = 'PROGRAMS.TXT', first_day = '2026-10-02', last_day = '2026-10-20';
SELECT is(pg_temp.scheduled(), 'inactive 0 0 0 ISI075', 'before its first day it does not run');
SELECT is((SELECT status FROM calpads.program_profile_status), 'inactive', 'which its state says');
SET LOCAL calpads.today = '2026-10-05';
SELECT is(pg_temp.scheduled() || coalesce(pg_temp.mails(), ''), 'unchanged_file 5 0 0 ISI070', 'fifteen days before the end nothing is said');
SET LOCAL calpads.today = '2026-10-06';
SELECT is((SELECT status FROM calpads.program_profile_status), 'ends soon', 'fourteen days before');
SELECT is(pg_temp.scheduled() || pg_temp.mails(), 'unchanged_file 5 0 0 ISI070Programs import nightly ends on 2026-10-20', 'it is announced');
SET LOCAL calpads.today = '2026-10-07';
SELECT is(pg_temp.scheduled() || coalesce(pg_temp.mails(), ''), 'unchanged_file 5 0 0 ISI070', 'not every night');
SET LOCAL calpads.today = '2026-10-21';
SELECT is(pg_temp.scheduled() || pg_temp.mails(), 'expired 0 0 0 ISI074Programs import nightly ended on 2026-10-20', 'an expired profile is told and written down');
SET LOCAL calpads.today = '2026-10-22';
SELECT is(pg_temp.scheduled() || coalesce(pg_temp.mails(), ''), 'expired 0 0 0 ISI074', 'written down every night');
SET LOCAL calpads.today = '2026-10-28';
SELECT is(pg_temp.scheduled() || pg_temp.mails(), 'expired 0 0 0 ISI074Programs import nightly ended on 2026-10-20', 'and told every week');
SELECT is((SELECT concat_ws(' ', status, last_status) FROM calpads.program_profile_status), 'expired expired', 'which its state says');
UPDATE calpads.program_profile SET recipients = NULL;
SET LOCAL calpads.nightly_mail_recipients = 'office@example.org';
SET LOCAL calpads.today = '2026-11-05';
SELECT is(pg_temp.scheduled(), 'expired 0 0 0 ISI074', 'a profile that names nobody');
SELECT is((SELECT string_agg(recipients::text, ' ') FROM mailbox), '{office@example.org}', 'is announced to those of the nightly mail');
UPDATE calpads.program_profile SET recipients = '{registrar@example.org}';
SET LOCAL calpads.nightly_mail_recipients = '';

SELECT * FROM finish();
ROLLBACK;
