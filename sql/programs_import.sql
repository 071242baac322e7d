-- calpads.import_programs(): one school year of Illuminate programs.txt files,
-- from the first night to the records that CALPADS gets.

\set SHOW_CONTEXT never
SET client_min_messages = warning;
TRUNCATE calpads.isi_code, calpads.isi_site, calpads.isi_program, calpads.program_import, calpads.program_import_row,
	calpads.program_decision, calpads.program_profile RESTART IDENTITY;
SET datestyle = iso;
SET calpads.today = '2025-11-03';
SET calpads.sis_schema = 'programs_sis';
SELECT count(*) > 0 AS made FROM calpads.create_sis_schema('programs_sis');
INSERT INTO programs_sis.loc (cd, nm, cc, dc, sc) VALUES
	(0, 'Harbor Unified', '56', '99990', '0000000'),
	(1, 'Pier Middle', '56', '99990', '5600001'),
	(2, 'Quay Middle', '56', '99990', '5600002');
INSERT INTO programs_sis.stu (sc, sn, id, cid, ln, fn, bd, gn, gr) VALUES
	(1, 1, 301, '1000000301', 'Diaz', 'Ivo', '2012-03-09', 'M', 7),
	(1, 2, 302, '1000000302', 'Egan', 'Ida', '2011-12-31', 'F', 8),
	(1, 3, 303, '1000000303', 'Frey', 'Uma', '2012-07-04', 'F', 7),
	(2, 4, 304, '1000000304', 'Gore', 'Lee', '2012-08-05', 'X', 7);
INSERT INTO programs_sis.enr (id, sc, sn, yr, ed, ld, er, gr) VALUES
	(301, 1, 1, '2025', '2025-08-11', NULL, NULL, 7),
	(302, 1, 2, '2025', '2025-08-11', NULL, NULL, 8),
	(303, 1, 3, '2025', '2025-08-11', '2025-10-03', 'T160', 7),
	(303, 2, 3, '2025', '2025-10-06', NULL, NULL, 7),
	(304, 2, 4, '2025', '2025-08-11', NULL, NULL, 7);

-- The code table of the district: key, name, CALPADS code, system key.
INSERT INTO calpads.isi_code VALUES
	('504', 'Accommodation plan', '101', '504_plan'), ('GT', 'Gifted and talented', '127', NULL),
	('OPP', 'Opportunity program', '108', NULL);
INSERT INTO calpads.isi_site VALUES ('12', '5600001'), ('14', '5600002');

-- A file, its fields separated by a bar here.
CREATE FUNCTION public.programs(VARIADIC lines text[]) RETURNS bytea LANGUAGE sql AS $$
	SELECT convert_to(replace(array_to_string(lines, E'\r\n') || E'\r\n', '|', E'\t'), 'UTF8')
$$;
CREATE VIEW public.messages AS
	SELECT import_id, line_no, outcome, (SELECT string_agg(concat_ws(': ', m ->> 'code', m ->> 'text'), ' ') FROM jsonb_array_elements(messages) m) AS messages
	FROM calpads.program_import_row ORDER BY import_id, line_no;

-- The first file: without a header; one field begins with a quote.
\set first 'public.programs(''301|1000000301|Diaz|Ivo||3/9/2012|504|8/11/2025||8/11/2025||2025-2026|12'', ''302|1000000302|Egan|"Ida||12/31/2011|504|08/11/2025||08/11/2025|6/5/2026|2025-2026|12'', ''303|1000000303|Frey|Uma||7/4/2012|OPP|||8/11/2025||2025-2026|'', ''304||Gore|Lee||8/5/2012|GT|9/1/2025||||2025-2026|14'')'
SELECT import_id, status, rows_read, inserted, updated, closed, unchanged, held, unmatched, rejected FROM calpads.import_programs('programs.txt', :first, dry_run => true);
SELECT count(*) FROM calpads.isi_program;
SELECT import_id, status, rows_read, inserted, updated, closed, unchanged, held, unmatched, rejected FROM calpads.import_programs('programs.txt', :first);
SELECT * FROM public.messages WHERE import_id = 2;
SELECT record_id, import_student_id, program_id, site_id, program_start_date, program_end_date, eligibility_start_date, academic_year, import_id, line_no
FROM calpads.isi_program ORDER BY record_id;

-- The same file again.
SELECT import_id, status, rows_read, inserted, updated, closed, unchanged FROM calpads.import_programs('programs.txt', :first);

-- A later file: with a header, its columns in another order.  The start of 301
-- was corrected, 302 is closed, 303 got a site, 304 belongs to somebody else,
-- the codes of two rows are none, and nobody has the last number.
SELECT import_id, status, rows_read, inserted, updated, closed, unchanged, held, unmatched, rejected, not_in_file
FROM calpads.import_programs('programs.txt', public.programs(
	'Import Student ID|Program ID|Program Start Date|Program End Date|Site ID|Academic Year|State Student ID|Student Last Name|Student First Name|Birth Date',
	'301|504|8/12/2025||12|2025-2026|1000000301|Diaz|Ivo|3/9/2012',
	'302|504|8/11/2025|10/31/2025|12|2025-2026|1000000302|Egan|Ida|12/31/2011',
	'303|OPP|8/11/2025||12|2025-2026|1000000303|Frey|Uma|7/4/2012',
	'304|504|10/1/2025||14|2025-2026||Haas|Jo|1/2/2013',
	'304|127|10/1/2025||14|2025-2026||Gore|Lee|8/5/2012',
	'304|CHESS|10/1/2025||14|2025-2026||Gore|Lee|8/5/2012',
	'0399|GT|10/1/2025||14|2025-2026|1000000304|Gore|Lee|8/5/2012'));
SELECT * FROM public.messages WHERE import_id = 4;
SELECT line_no, code, records FROM calpads.program_held ORDER BY 1;
SELECT line_no, import_student_id, student_id, found_by FROM calpads.program_candidate;
SELECT notes FROM calpads.program_import WHERE import_id = 4;

-- Decisions are carried out at once, and remembered.
SELECT line_no, outcome, decision, changed FROM calpads.decide_program_row(4, 2, 'merge_into');
SELECT line_no, outcome, decision, changed FROM calpads.decide_program_row(4, 4, 'skip');
SELECT line_no, outcome, decision, changed FROM calpads.decide_program_row(4, 5, 'close');
SELECT line_no, outcome, decision, changed FROM calpads.decide_program_row(4, 5, 'skip');
SELECT status, inserted, updated, closed, held, skipped FROM calpads.program_import WHERE import_id = 4;
SELECT import_id, status, inserted, updated, closed, unchanged, held, skipped
FROM calpads.import_programs('programs.txt', public.programs(
	'301|1000000301|Diaz|Ivo||3/9/2012|504|8/11/2025||8/12/2025||2025-2026|12', '303|1000000303|Frey|Uma||7/4/2012|OPP|||8/11/2025||2025-2026|12',
	'304||Haas|Jo||1/2/2013|504|||10/1/2025||2025-2026|14', '304||Gore|Lee||8/5/2012|OPP|||10/1/2025||2025-2026|14'));

-- Who has a plan today, and what CALPADS gets.
SELECT student_id, program_id, name, start_date, end_date FROM calpads.alert_504;
SET calpads.program_source = 'isi';
SELECT ssid, school_of_attendance, education_program_code AS program, education_program_membership_start_date AS start_date,
	education_program_membership_end_date AS end_date, source, source_id
FROM programs_sis.sprg ORDER BY 1, 4;
SELECT ssid, school_of_attendance, education_program_code AS program, record_id, import_id, line_no FROM calpads.program_trace();

-- Undo of an import that no later one has touched.
SELECT status FROM calpads.undo_program_import(4);
SELECT status FROM calpads.undo_program_import(5);
SELECT status FROM calpads.undo_program_import(4);
SELECT record_id, import_student_id, program_id, site_id, program_start_date, program_end_date, eligibility_start_date, academic_year, import_id, line_no
FROM calpads.isi_program ORDER BY record_id;

-- What is no such file.
SELECT calpads.import_programs('programs.txt', '');
SELECT calpads.import_programs('programs.txt', convert_to(E'301,504,8/11/2025\n302,504,8/11/2025\n', 'UTF8'));
SELECT calpads.import_programs('programs.txt', convert_to(E'Import Student ID\tSite ID\n301\t12\n', 'UTF8'));
SELECT calpads.import_programs('programs.txt');
SELECT calpads.undo_program_import(1);

DROP VIEW public.messages;
DROP FUNCTION public.programs;
DROP SCHEMA programs_sis CASCADE;
