-- A fictitious district in the middle of its work: rows in every table of the
-- extension.  Is run on 2025-11-14 (calpads.today) in a new database that has it.

\set ON_ERROR_STOP on
\o /dev/null
CREATE TABLE public.ods AS SELECT calpads.create_sample_district(120) AS content;

-- ---- reference data: rows of the district's own, one in place of a shipped one ----

INSERT INTO calpads.layout (name, record_type, format, header, optional_trailing_fields, title)
VALUES ('own', 'OWN', 'caret', 'never', 0, 'Own file');
INSERT INTO calpads.layout_field (layout, ordinal, number, name, label, type, required, key)
VALUES ('own', 1, '1', 'own_field', 'Own field', 'text', true, false);
INSERT INTO calpads.codeset (name, complete) VALUES ('own', true);
INSERT INTO calpads.code (codeset, code, name) VALUES ('own', 'X', 'Own code');
UPDATE calpads.code SET name = 'Our word for it' WHERE codeset = 'exit_reason' AND code = 'T160';
INSERT INTO calpads.valid_combination (name, code1, code2) VALUES ('own', 'X', 'none');
INSERT INTO calpads.sis_table (table_name, ordinal, column_name, column_type) VALUES ('own', 1, 'id', 'integer');
INSERT INTO calpads.rejection_column (name, alias) VALUES ('rule', 'ownrule');
INSERT INTO calpads.logged_field (table_name, column_name, student_column, log, event) VALUES ('own', 'id', 'id', 'LGD', 'update');
INSERT INTO calpads.casemis_header (layout, alias, field) VALUES ('casemis_a', 'ourdisability', 'disability_1');
INSERT INTO calpads.casemis_target (layout, field, sis_table, sis_column) VALUES ('own', 'own_field', 'cse', 'di');
INSERT INTO calpads.ssid_column (layout, name, alias) VALUES ('ssid_match_result', 'score', 'ownscore');
UPDATE calpads.rule SET severity = 'warning' WHERE process = 'SENR' AND number = (
	SELECT min(number) FROM calpads.rule WHERE process = 'SENR' AND severity = 'fatal');
INSERT INTO calpads.institution (cds_code, kind) VALUES ('1975713', 'county office');
INSERT INTO calpads.school_selection (sc, selected) VALUES (103, false);
INSERT INTO calpads.protected_ssid (ssid, note) VALUES ('9999999999', 'a court case');
-- A view of the district's own beside those of the extension.
CREATE VIEW sis.own AS SELECT ssid FROM sis.senr;

-- ---- enrollments: two loads, some lines set aside, a batch half posted ----

SELECT calpads.load_ods('SENR', 'first.txt', content) FROM public.ods;
SELECT calpads.create_extract('SENR');
SELECT calpads.post_file(1);
-- Shows nothing of what was just posted.
SELECT calpads.load_ods('SENR', 'second.txt', content || convert_to(E'SENR-R^^^half a line\r\n', 'UTF8')) FROM public.ods;
UPDATE sis.enr SET er = '999'
WHERE (id, ed) = (SELECT e.id, e.ed FROM sis.enr e WHERE e.er = '240' ORDER BY e.ed DESC, e.id LIMIT 1);
SELECT calpads.create_extract('SENR', force => true);
SELECT calpads.create_extract('SENR', force => true);
-- What is held serves as a warning, too: the tables are alike.
INSERT INTO calpads.batch_warning SELECT h.* FROM calpads.batch_held h;
SELECT calpads.post_file(file_id) FROM calpads.history_open WHERE batch_id = 3;
SELECT calpads.reject_file(file_id, 'no reason given') FROM calpads.history_open WHERE batch_id = 3;
SELECT calpads.load_rejected('rejected.csv', convert_to(E'SSID,Error Code\r\n' || string_agg(ssid || E',SENR0099\r\n', ''), 'UTF8'))
FROM (SELECT DISTINCT ssid FROM calpads.extract_record ORDER BY ssid LIMIT 3) AS student;

-- ---- programs: CALPADS' and Illuminate's ----

SELECT calpads.load_ods('SPRG', 'sprg.txt', calpads.sample_programs_file());
SELECT calpads.create_extract('SPRG');
INSERT INTO calpads.isi_code VALUES ('GT', 'Gifted and talented', '127', NULL);
INSERT INTO calpads.isi_site VALUES ('12', '6100103');
INSERT INTO calpads.isi_column
SELECT row_number() OVER (ORDER BY ordinal), name FROM calpads.layout_field WHERE layout = 'isi_programs' AND first_year IS NULL;
CREATE TABLE public.programs AS
SELECT convert_to(string_agg(concat_ws(E'\t', id, cid, ln, fn, '', to_char(bd, 'MM/DD/YYYY'), 'GT', '8/11/2025', '', '8/11/2025', '',
	'2025-2026', ''), E'\r\n' ORDER BY id) || E'\r\n', 'UTF8') AS content
FROM (SELECT DISTINCT ON (id) * FROM sis.stu ORDER BY id) AS student WHERE id % 3 = 0;
SELECT calpads.import_programs('programs.txt', content) FROM public.programs;
-- A start that moves is held, and somebody decides.
SELECT calpads.import_programs('programs.txt', convert_to(replace(convert_from(content, 'UTF8'), '8/11/2025', '8/18/2025'), 'UTF8'))
FROM public.programs;
CREATE TABLE public.held AS SELECT import_id, line_no FROM calpads.program_held ORDER BY line_no LIMIT 2;
SELECT calpads.decide_program_row(import_id, line_no, 'merge_into') FROM public.held ORDER BY line_no LIMIT 1;
DELETE FROM public.held WHERE line_no = (SELECT min(line_no) FROM public.held);
INSERT INTO calpads.program_profile (name, location) VALUES ('nightly', 'folder:isi');

-- ---- student information and language status: extracts of CALPADS, files, a change ----

SELECT calpads.create_extract('SINF', all_students => true);
CREATE TABLE public.sinf AS
SELECT convert_to(string_agg(regexp_replace(r.line, '^SINF\^A\^', 'SINF-R^^') || E'^09/01/2025^20250901 10:15\r\n', '' ORDER BY r.line_no), 'UTF8') AS content
FROM calpads.extract_record r JOIN calpads.extract_file f USING (file_id) WHERE f.process = 'SINF' AND f.seq = 1;
SELECT calpads.load_ods('SINF', 'sinf.txt', content) FROM public.sinf;
UPDATE sis.stu SET ad = '1 Other St' WHERE id % 50 = 0;
SELECT calpads.create_extract('SINF');
SELECT calpads.select_for_sinf(ARRAY(SELECT ssid FROM sis.sinf WHERE problems IS NULL ORDER BY ssid LIMIT 2));
SELECT calpads.create_extract('SELA');
CREATE TABLE public.sela AS
SELECT convert_to(string_agg(regexp_replace(r.line, '^SELA\^A\^', 'SELA-R^^') || E'^09/01/2025^20250901 10:15\r\n', '' ORDER BY r.line_no), 'UTF8') AS content
FROM calpads.extract_record r JOIN calpads.extract_file f USING (file_id) WHERE f.process = 'SELA' AND r.line_no % 2 = 0;
SELECT calpads.load_ods('SELA', 'sela.txt', content) FROM public.sela;
SELECT calpads.create_extract('SELA');

-- ---- special education ----

INSERT INTO calpads.casemis_profile (name) VALUES ('sped');
CREATE TABLE public.casemis AS
SELECT convert_to(E'SELPA_CODE,STUDENT_ID,LAST_NAME,FIRST_NAME,SSID,BIRTHDATE,GRADE,PLAN_TYPE,DISABILIT1,UNKNOWN\r\n'
	|| string_agg(format(E'0601,%s,%s,%s,%s,%s,04,10,290,x\r\n', id, ln, fn, cid, to_char(bd, 'YYYYMMDD')), '' ORDER BY id), 'UTF8') AS content
FROM (SELECT DISTINCT ON (id) * FROM sis.stu ORDER BY id) AS student WHERE id % 4 = 0;
SELECT calpads.casemis_run('sped', content) FROM public.casemis;

-- ---- students without an SSID, and some whose SSID is retired ----

CREATE TABLE public.nameless AS
SELECT DISTINCT ON (s.id) s.id, s.cid, o.reporting_lea AS lea, o.school_of_attendance AS school, row_number() OVER (ORDER BY s.id) AS place
FROM sis.stu s JOIN sis.senr o ON o.student_id = s.id AND o.enrollment_exit_date IS NULL
WHERE s.cid <> '' AND s.id % 7 = 0 ORDER BY s.id LIMIT 6;
UPDATE sis.stu SET cid = '' WHERE id IN (SELECT id FROM public.nameless);
SELECT calpads.create_ssid_request();
SELECT calpads.load_match_result((SELECT base_name || '_Results.csv' FROM calpads.ssid_request), convert_to(E'LocalID,SSID,Category,Score\r\n'
	|| string_agg(CASE WHEN place % 2 = 0 THEN format(E'%s,%s,Single Match,100\r\n', id, cid) ELSE format(E'%s,,No Match,\r\n', id) END, '' ORDER BY id), 'UTF8'))
FROM public.nameless;
SELECT calpads.accept_suggestions(1);
SELECT calpads.create_ssid_update(1, true);
CREATE TABLE public.ssids AS
SELECT convert_to(string_agg(format(E'%s^%s^%s^%s^%s^%s^^%s^%s^20250820^05^EO^20250820^eng^20251030^Y\r\n', n.lea, n.school, n.cid, s.id, s.ln, s.fn, s.gn,
	to_char(s.bd, 'YYYYMMDD')), ''), 'UTF8') AS content
FROM public.nameless n JOIN (SELECT DISTINCT ON (id) * FROM sis.stu ORDER BY id) AS s ON s.id = n.id WHERE n.place = 2;
SELECT calpads.apply_ssid_extract((calpads.load_ssid_extract('ssid.txt', content)).load_id) FROM public.ssids;
SELECT calpads.apply_ssid_replacement((calpads.load_ssid_replacement('replaced.txt',
	convert_to(format(E'%s^%s^%s^%s^%s\r\n', lea, school, id, cid, '9999999998'), 'UTF8'))).load_id)
FROM public.nameless WHERE place = 2;

-- ---- jobs: one that waits, one that has failed; mail; observations ----

INSERT INTO calpads.job (name, process, time_of_day, recipients) VALUES ('nightly', 'NIGHTLY', '02:00', '{dba@district.example}');
INSERT INTO calpads.job (name, process, profile, time_of_day, enabled) VALUES ('sped', 'CASEMIS', 'sped', '04:00', true);
SELECT calpads.run_job_now('sped');
SELECT calpads.queue_mail('{dba@district.example}', 'Subject', 'Body', '[{"name": "a.csv", "content": "aGk="}]');
SELECT calpads.record_observations();
\o
