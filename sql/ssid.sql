-- SSID identifiers: the whole story of five students, from the request to the
-- replacement of a retired SSID.

\set SHOW_CONTEXT never
DO $$
BEGIN
	EXECUTE (
		SELECT format('TRUNCATE %s RESTART IDENTITY', string_agg(c.oid::regclass::text, ', '))
		FROM pg_extension e,
			unnest(e.extconfig, e.extcondition) AS config (relation, condition)
			JOIN pg_class c ON c.oid = config.relation AND c.relkind = 'r'
		WHERE e.extname = 'calpads' AND config.condition = '');
END;
$$;
SET datestyle = iso;
SET calpads.today = '2025-11-01';
SET calpads.sis_schema = 'ssid_sis';
SELECT count(*) > 20 AS made FROM calpads.create_sis_schema('ssid_sis');
INSERT INTO ssid_sis.loc (cd, nm, cc, dc, sc) VALUES
	(0, 'Meadow Unified', '07', '61234', '0000000'),
	(1, 'Oak Elementary', '07', '61234', '6101010'),
	(2, 'Elm Elementary', '07', '61234', '0101011');
-- Twins, a student of two schools, one who left and has an SSID, one without a birth date.
INSERT INTO ssid_sis.stu (sc, sn, id, cid, ln, fn, mn, bd, gn, bcu, gr, tg, ad, cy, st, zc, hl) VALUES
	(1, 1, 101, NULL, 'Cedar', 'Cy', NULL, '2014-05-01', 'M', 'US', 5, '', '1 Main St', 'Meadow', 'CA', '94500', '00'),
	(1, 2, 102, NULL, 'Cedar', 'Di', NULL, '2014-05-01', 'F', 'US', 5, '', '1 Main St', 'Meadow', 'CA', '94500', '00'),
	(1, 3, 103, ' ', 'Birch', 'Ben', 'Lee', '2014-04-01', 'M', 'US', 5, ' ', NULL, NULL, NULL, NULL, NULL),
	(2, 4, 103, '', 'Birch', 'Ben', 'Lee', '2014-04-01', 'M', 'US', 5, '', NULL, NULL, NULL, NULL, NULL),
	(1, 5, 104, NULL, 'Dogwood', 'Dee', NULL, '2014-06-01', 'F', 'US', 5, '', NULL, NULL, NULL, NULL, NULL),
	(1, 6, 105, '1000000105', 'Elm', 'Eve', NULL, '2013-06-01', 'F', 'US', 6, 'I', NULL, NULL, NULL, NULL, NULL),
	(1, 7, 106, NULL, 'Fir', 'Flo', NULL, NULL, 'F', 'US', 5, '', NULL, NULL, NULL, NULL, NULL);
INSERT INTO ssid_sis.enr (id, sc, sn, yr, ed, gr, pr)
SELECT id, sc, sn, '2025', '2025-08-20', 5, CASE WHEN sc = 2 THEN '20' END FROM ssid_sis.stu WHERE id <> 105;
INSERT INTO ssid_sis.con (pid, sq, ln, fn) VALUES (101, 1, 'Cedar', 'Pat'), (101, 2, 'Cedar', 'Sam');
CREATE FUNCTION bytes(VARIADIC lines text[]) RETURNS bytea LANGUAGE sql AS $$
	SELECT convert_to(array_to_string(lines, E'\r\n') || E'\r\n', 'UTF8')
$$;

-- 1. The request.  Names of files have the time in them.
CREATE TEMPORARY TABLE request AS SELECT * FROM calpads.create_ssid_request();
SELECT category, regexp_replace(file_name, '\d', '9', 'g') AS file_name, records, status FROM request;
SELECT line_no, regexp_replace(line, 'R\d+', 'R') AS line FROM calpads.extract_record JOIN request USING (file_id) ORDER BY line_no;
SELECT local_student_id, rule, field, explanation, fix FROM calpads.batch_held JOIN request USING (batch_id);
SELECT calpads.post_file(-1);
DO $$
BEGIN
	PERFORM calpads.post_file(file_id) FROM request;
EXCEPTION
	WHEN object_not_in_prerequisite_state THEN
		RAISE NOTICE '%', regexp_replace(SQLERRM, '\d+', '9', 'g');
END;
$$;

-- 2, 3. The result, as it comes back from a spreadsheet, and what people decide.
SELECT base_name || '_Results (1).csv' AS result FROM calpads.ssid_request WHERE closed_at IS NULL ORDER BY request_id DESC LIMIT 1 \gset
SELECT calpads.load_match_result('Results.csv', bytes('LocalID,SSID,Category,Score'));
SELECT calpads.load_match_result(:'result', bytes(
	'Submitted_SENR_ReportingLEA,Submitted_SENR_LocalID,Submitted_SENR_Student_LegalLastName,Submitted_SENR_BirthDate,'
	'Result_SENR_SSID,Result_MatchCategory,Result_MatchPercentageScore,Result_SENR_LegalFirstName,Parent Guardian,Mailing Address,Primary Language',
	'761234,101,Cedar,5/1/2014,2000000001,Multiple Match,100%,Cy,Pat Cedar,1 Main St,ENG',
	'761234,101,Cedar,5/1/2014,2000000002,Multiple Match,93%,Di,Pat Cedar,1 Main St,ENG',
	'761234,102,Cedar,5/1/2014,2000000001,Single Match,93%,Cy,Pat Cedar,1 Main St,ENG',
	'761234,103,Birch,4/1/2014,1000000105,Single Match,100%,Ben,,,SPA',
	'761234,104,Dogwood,6/1/2014,,No Match,,,,,')) AS session \gset
SELECT student_id, last_name, first_name, category, candidates, best_score, suggestion, guardian, address, language,
	previous_student_id AS previous, next_student_id AS next
FROM calpads.match_student WHERE session_id = :session ORDER BY line_no;
SELECT student_id, rank, ssid, score, first_name, refusal, warnings, guardian FROM calpads.match_candidate WHERE session_id = :session ORDER BY student_id, rank;
\set VERBOSITY terse
SELECT decision FROM calpads.decide_match(:session, 101, 'Select', '2000000001');
\set VERBOSITY default
SELECT decision, ssid, warnings FROM calpads.decide_match(:session, 101, 'Select', '2000000001', confirm => true);
SELECT decision FROM calpads.decide_match(:session, 102, 'Select', '2000000001', confirm => true);
SELECT decision FROM calpads.decide_match(:session, 103, 'Select', '1000000105', confirm => true);
SELECT decision FROM calpads.decide_match(:session, 104, 'New SSID');
SELECT student_id, first_name FROM calpads.match_undecided WHERE session_id = :session ORDER BY line_no;

-- 4. The updated file: partial, then full.
CREATE VIEW last_file AS
SELECT f.category, regexp_replace(f.file_name, '\d', '9', 'g') AS file_name, f.status,
	(SELECT string_agg(split_part(r.line, '^', 9) || ' ' || split_part(r.line, '^', 8), ', ' ORDER BY r.line_no) FROM calpads.extract_record r WHERE r.file_id = f.file_id) AS students
FROM calpads.extract_file f WHERE f.process = 'SSID' ORDER BY f.file_id DESC LIMIT 1;
SELECT records FROM calpads.create_ssid_update(:session, partial => true, include_new => true);
SELECT * FROM last_file;
\set VERBOSITY terse
DO $$
BEGIN
	PERFORM calpads.create_ssid_update(max(session_id)) FROM calpads.match_session;
EXCEPTION
	WHEN object_not_in_prerequisite_state THEN
		RAISE NOTICE '%', regexp_replace(SQLERRM, 'session \d+', 'session 9');
END;
$$;
\set VERBOSITY default
SELECT decision FROM calpads.decide_match(:session, 102, 'New SSID', confirm => true);
SELECT decision FROM calpads.decide_match(:session, 103, 'No Match');
SELECT records FROM calpads.create_ssid_update(:session);
SELECT * FROM last_file;
SELECT category, status FROM calpads.history_open WHERE process = 'SSID' ORDER BY file_id;

-- 6, 7. The SSID extract; the twins' new numbers are mixed up in the district's file.
SELECT load_id FROM calpads.load_ssid_extract('SSID.txt', bytes(
	'0761234^6101010^2000000001^00101^Cedar^Cy^^M^20140501^20250820^05^EO^20250820^ENG^20200101^N',
	'0761234^6101010^2000000022^102^Cedar^Cy^^M^20140501^20250820^05^EO^20250820^ENG^20251101^',
	'0761234^6101010^2000000033^103^Birch^Ben^Lee^M^20140401^20250820^05^EL^20250901^SPA^20251101^Y',
	'0761234^6101010^2000000044^104^Dogwood^Dee^^F^20140601^20250820^05^^^^20991101^Y')) \gset
SELECT line_no, student_id, ssid, verdict, writes_ssid, explanation FROM calpads.ssid_review WHERE load_id = :load_id ORDER BY line_no;
SELECT * FROM calpads.apply_ssid_extract(:load_id);
SELECT calpads.confirm_ssid_row(:load_id, 2);
SELECT calpads.confirm_ssid_row(:load_id, 3);
SELECT * FROM calpads.apply_ssid_extract(:load_id);
SELECT id, sc, cid FROM ssid_sis.stu ORDER BY id, sc;
SELECT id, eac, ead FROM ssid_sis.lac ORDER BY id;
SELECT id, swd FROM ssid_sis.cse ORDER BY id;
SELECT student_id, table_name, column_name, old_value, new_value FROM calpads.ssid_change WHERE load_id = :load_id ORDER BY change_id;
SELECT closing_note FROM calpads.ssid_request JOIN request ON request_id = file_id;

-- Apart: a retired SSID.
SELECT load_id FROM calpads.load_ssid_replacement('REPL.txt', bytes(
	'0761234^6101010^101^2000000001^3000000001', '0761234^6101010^101^3000000001^3000000011',
	'0761234^6101010^104^2000000044^1000000105', '0761234^^^5000000001^5000000002')) \gset
SELECT line_no, student_id, retired_ssid, final_ssid, verdict, explanation FROM calpads.replacement_review WHERE load_id = :load_id ORDER BY line_no;
SELECT * FROM calpads.apply_ssid_replacement(:load_id);
SELECT id, cid, osi FROM ssid_sis.stu WHERE osi IS NOT NULL;
SELECT source, student_id, verdict FROM calpads.possible_mid WHERE load_id = :load_id;

DROP VIEW last_file;
DROP FUNCTION bytes(text[]);
SET client_min_messages = error;
DROP SCHEMA ssid_sis CASCADE;
