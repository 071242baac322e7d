-- SSID identifiers: request, match, update, load and replace.  What is at stake:
-- that every student gets one SSID, and nobody another's.

BEGIN;
SELECT no_plan();
SET LOCAL calpads.today = '2025-11-01';
SET LOCAL calpads.ssid_mail_recipients = 'registrar@meadow.example; office@meadow.example';
SET LOCAL client_min_messages = error;

SELECT count(*) FROM calpads.create_sis_schema() \g /dev/null
INSERT INTO sis.loc (cd, nm, cc, dc, sc) VALUES
	(0, 'Meadow Unified', '07', '61234', '0000000'),
	(1, 'Oak Elementary', '07', '61234', '6101010'),
	(2, 'Elm Elementary', '07', '61234', '0101011');

-- A student in grade 5 of school 1 without an SSID, enrolled since August, but
-- for what is said.
CREATE FUNCTION pg_temp.student(said jsonb, enrolled boolean DEFAULT true) RETURNS void
	LANGUAGE sql AS $$
	INSERT INTO sis.stu
	SELECT * FROM jsonb_populate_record(NULL::sis.stu,
		jsonb_build_object('sc', 1, 'sn', said -> 'id', 'ln', 'Last' || translate(said ->> 'id', '0123456789', 'abcdefghij'), 'fn', 'First',
			'bd', '2014-03-01', 'gn', 'F', 'bcu', 'US', 'gr', 5, 'tg', '', 'del', false) || said);
	INSERT INTO sis.enr (id, sc, sn, yr, ed, gr, pr, del)
	SELECT (said ->> 'id')::integer, coalesce((said ->> 'sc')::integer, 1), (said ->> 'id')::integer, '2025', '2025-08-20', 5,
		said ->> 'sp', false
	WHERE enrolled
	$$;
CREATE FUNCTION pg_temp.bytes(VARIADIC lines text[]) RETURNS bytea LANGUAGE sql AS
	$$SELECT convert_to(array_to_string(lines, E'\r\n') || E'\r\n', 'UTF8')$$;
-- A result of the Match Tool for students of the newest request: local ID,
-- SSID, category and score, and the rest as it was submitted.
CREATE FUNCTION pg_temp.result(VARIADIC rows text[]) RETURNS bytea LANGUAGE sql AS $$
	SELECT pg_temp.bytes(VARIADIC ARRAY['Submitted_SENR_ReportingLEA,Submitted_SENR_SchoolofAttendance,Selection,Submitted_SENR_LocalID,'
		'Submitted_SENR_Student_LegalLastName,Submitted_SENR_Student_LegalFirstName,Submitted_SENR_Student_LegalMiddleName,'
		'Result_SENR_SSID,Result_SENR_SSIDCreateDate,Result_MatchCategory,Result_MatchPercentageScore,Submitted_SENR_Gender,'
		'Submitted_SENR_BirthDate']
		|| ARRAY(SELECT format('0761234,6101010,,%s,%s,%s,,%s,,%s,%s,%s,%s', c[1], s.snapshot ->> 'student_legal_last_name',
				s.snapshot ->> 'student_legal_first_name', c[2], c[3], c[4], s.snapshot ->> 'student_gender_code',
				replace(s.snapshot ->> 'student_birth_date', '-', ''))
			FROM unnest(rows) WITH ORDINALITY AS r (row, place)
				CROSS JOIN LATERAL string_to_array(r.row, ',') AS c
				JOIN calpads.ssid_request_student s ON s.student_id = c[1]::integer
					AND s.request_id = (SELECT max(request_id) FROM calpads.ssid_request)
			ORDER BY r.place))
	$$;
CREATE FUNCTION pg_temp.result_name() RETURNS text LANGUAGE sql AS
	$$SELECT base_name || '.csv' FROM calpads.ssid_request ORDER BY request_id DESC LIMIT 1$$;
CREATE FUNCTION pg_temp.load_result(VARIADIC rows text[]) RETURNS bigint LANGUAGE sql AS
	$$SELECT calpads.load_match_result(pg_temp.result_name(), pg_temp.result(VARIADIC rows))$$;
-- Rows of an SSID extract: local ID, SSID, last and first name, gender, birth
-- date, and what follows the grade.
CREATE FUNCTION pg_temp.load_extract(VARIADIC rows text[]) RETURNS bigint LANGUAGE sql AS $$
	SELECT (calpads.load_ssid_extract('SSID.txt', pg_temp.bytes(VARIADIC
		ARRAY(SELECT concat_ws('^', '0761234', '6101010', c[2], c[1], c[3], c[4], '', c[5], c[6], '20250820', '05',
				coalesce(c[7], ''), coalesce(c[8], ''), coalesce(c[9], ''), coalesce(c[10], ''), coalesce(c[11], ''))
			FROM unnest(rows) WITH ORDINALITY AS r (row, place) CROSS JOIN LATERAL string_to_array(r.row, ',') AS c
			ORDER BY r.place)))).load_id
	$$;
CREATE FUNCTION pg_temp.load_pairs(VARIADIC rows text[]) RETURNS bigint LANGUAGE sql AS $$
	SELECT (calpads.load_ssid_replacement('REPL.txt', pg_temp.bytes(VARIADIC
		ARRAY(SELECT '0761234^6101010^' || replace(r, ',', '^') FROM unnest(rows) AS r)))).load_id
	$$;
CREATE FUNCTION pg_temp.ssid_of(student integer) RETURNS text LANGUAGE sql AS
	$$SELECT string_agg(DISTINCT coalesce(nullif(btrim(cid), ''), '-'), ' ') FROM sis.stu WHERE id = student AND NOT del$$;
CREATE FUNCTION pg_temp.verdict(load bigint, student integer) RETURNS text LANGUAGE sql AS
	$$SELECT string_agg(verdict || CASE WHEN writes_ssid THEN '+' ELSE '' END, ' ' ORDER BY line_no) FROM calpads.ssid_review
		WHERE load_id = load AND student_id = student$$;
-- The SSIDs in the newest file, in the order of its lines: "local ID=SSID".
CREATE FUNCTION pg_temp.file() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(split_part(line, '^', 9) || '=' || split_part(line, '^', 8), ' ' ORDER BY line_no)
	FROM calpads.extract_record WHERE file_id = (SELECT max(file_id) FROM calpads.extract_file)
	$$;
-- Each part of the test is of its own students.
CREATE FUNCTION pg_temp.start_over() RETURNS void LANGUAGE sql AS $$
	DELETE FROM sis.stu; DELETE FROM sis.enr; DELETE FROM sis.lac; DELETE FROM sis.cse;
	SELECT calpads.close_ssid_request(request_id, 'next test') FROM calpads.ssid_request WHERE closed_at IS NULL;
	$$;

-- The request: who ------------------------------------------------------------------

SELECT is((calpads.create_ssid_request()).file_id, NULL, 'nobody without SSID, no file');
SELECT is_empty('SELECT * FROM calpads.history', 'and nothing in the history');

SELECT pg_temp.student('{"id": 1, "ln": "Alder", "fn": "Ana", "mn": "Maria"}'),
	pg_temp.student('{"id": 2, "ln": "Birch", "cid": "  "}'), pg_temp.student('{"id": 2, "sc": 2, "ln": "Birch", "cid": ""}'),
	pg_temp.student('{"id": 3, "cid": "1000000003"}'),
	pg_temp.student('{"id": 4, "tg": "I"}'), pg_temp.student('{"id": 5, "tg": "N"}'), pg_temp.student('{"id": 6, "del": true}'),
	pg_temp.student('{"id": 7}', false), pg_temp.student('{"id": 8}'), pg_temp.student('{"id": 9}'), pg_temp.student('{"id": 10}'),
	pg_temp.student('{"id": 11, "sc": 2, "sp": "20"}'), pg_temp.student('{"id": 11, "sc": 1, "sp": "10"}'),
	pg_temp.student('{"id": 12, "tg": " "}') \g /dev/null
UPDATE sis.enr SET ed = '2024-08-20', ld = '2025-06-05', er = 'E155' WHERE id = 8;
UPDATE sis.enr SET ed = '2025-11-02' WHERE id = 9;
UPDATE sis.enr SET ld = '2025-10-31', er = 'T160' WHERE id = 10;
UPDATE sis.enr SET ld = '2025-11-20', er = 'T160' WHERE id = 12;
CREATE TEMPORARY TABLE request AS SELECT * FROM calpads.create_ssid_request();
SELECT results_eq('SELECT student_id FROM calpads.ssid_request_student ORDER BY line_no', ARRAY[1, 2, 11, 12],
	'active, no SSID on any row, enrolled this year and today; one row for each student');
SELECT is((SELECT string_agg(split_part(line, '^', 5) || split_part(line, '^', 23), ' ' ORDER BY line_no) FROM calpads.extract_record),
	'610101010 610101010 610101010 610101010', 'the primary enrollment, at the lowest school number');
SELECT matches(convert_from(calpads.file_content(file_id), 'UTF8'),
	'^SENR\^\^R' || file_id || '-1\^0761234\^6101010\^\^2025-2026\^\^1\^Ana\^Maria\^Alder\^\^\^\^\^20140301\^F\^\^\^US\^20250820\^10\^05\^{11}\r\n',
	'an ordinary add row with blank transaction type and SSID') FROM request;
SELECT is((SELECT split_part(line, '^', 25) || split_part(line, '^', 26) FROM calpads.extract_record WHERE line_no = 4), '',
	'an exit that is still to come is left out');
SELECT matches(file_name, '^\d{4}_\d\d_\d\d_\d{6}_SENR_SSID\.txt$', 'the name has date and time') FROM request;
SELECT is((SELECT snapshot - 'local_record_id' FROM calpads.ssid_request_student WHERE line_no = 1),
	(SELECT to_jsonb(s) - 'local_record_id' FROM calpads.extract_record r, calpads.senr_record(r.line) s WHERE r.line_no = 1),
	'the snapshot has every field');
SELECT is((SELECT sha256 FROM calpads.ssid_request), (SELECT encode(sha256(calpads.file_content(file_id)), 'hex') FROM request), 'and the request its hash');
SELECT results_eq('SELECT process, category, status, records FROM calpads.history_open', $$VALUES ('SSID' COLLATE "C", 'Request', 'Post', 4::bigint)$$,
	'the request is in the history, to be downloaded');
SELECT throws_like('SELECT calpads.post_file(file_id) FROM request', '%is a request and is never posted', 'but it is never posted');
SELECT throws_like('SELECT calpads.create_ssid_request(ARRAY[1], ARRAY[2])', 'keep and skip exclude each other', 'KEEP and SKIP together');
SELECT is((calpads.create_ssid_request(keep => ARRAY[11, 3])).records, 1::bigint, 'KEEP: only these');
SELECT is((calpads.create_ssid_request(skip => ARRAY[11])).records, 3::bigint, 'SKIP: all but these');
SELECT is((calpads.create_ssid_request(keep => '{}')).records, NULL, 'an empty KEEP is nobody');
SELECT is(count(DISTINCT file_name), 3::bigint, 'requests of one second have names of their own') FROM calpads.extract_file;
SELECT is((SELECT count(*) FROM sis.senr WHERE ssid IS NULL OR btrim(ssid) = ''), 0::bigint, 'sis.senr is not concerned');

SELECT pg_temp.start_over() \g /dev/null
SELECT pg_temp.student('{"id": 1, "bd": null}'), pg_temp.student('{"id": 2, "ln": null}'), pg_temp.student('{"id": 3, "fn": "BABY GIRL"}'),
	pg_temp.student('{"id": 4, "fn": "Student 4"}'), pg_temp.student('{"id": 5, "cid": "0000000000"}'),
	pg_temp.student('{"id": 6, "ln": "Nuñez-Lopez", "fn": "José"}'), pg_temp.student('{"id": 7, "ln": "NUNEZ LOPEZ", "fn": "JOSE", "cid": "1000000007"}'),
	pg_temp.student('{"id": 8, "gr": 99}'), pg_temp.student('{"id": 9}'), pg_temp.student('{"id": 9, "sc": 2, "cid": "1000000009"}'),
	pg_temp.student('{"id": 10}') \g /dev/null
UPDATE sis.enr SET gr = 99 WHERE id = 8;
SELECT is((calpads.create_ssid_request()).records, 1::bigint, 'what the Match Tool could not tell apart is left out');
SELECT results_eq('SELECT local_student_id, rule FROM calpads.batch_held ORDER BY local_student_id::integer',
	$$VALUES ('1', 'SSID_BIRTH_DATE'), ('2', 'SSID_NAME'), ('3', 'SSID_NAME'), ('4', 'SSID_NAME'), ('5', 'SSID_IN_SIS'),
		('6', 'SSID_DUPLICATE'), ('8', 'GERR0002'), ('9', 'SSID_IN_SIS')$$, 'with a reason');
SELECT is((SELECT ssid FROM calpads.batch_held WHERE local_student_id = '6'), '1000000007' COLLATE "C", 'the SSID of a local duplicate is shown');

-- The result: which request ------------------------------------------------------------

SELECT pg_temp.start_over() \g /dev/null
SELECT pg_temp.student('{"id": 1, "ln": "Alder", "fn": "Ana"}'), pg_temp.student('{"id": 2, "ln": "O''Neil", "fn": "Zoë"}'),
	pg_temp.student('{"id": 3, "cid": "1000000003"}'), pg_temp.student('{"id": 4}') \g /dev/null
SELECT file_id FROM calpads.create_ssid_request() \gset
SELECT throws_like($$SELECT calpads.load_match_result('renamed.csv', pg_temp.result('1,2000000001,Single Match,100%'))$$,
	'the result "renamed.csv" belongs to no request', 'a renamed result');
SELECT throws_like($$SELECT calpads.load_match_result(NULL, '')$$, 'path must not be null', 'no name');
SELECT throws_like($$SELECT calpads.load_match_result(pg_temp.result_name(), '')$$, '%empty%', 'an empty file');
SELECT throws_like($$SELECT calpads.load_match_result(pg_temp.result_name(), pg_temp.bytes('LocalID,SSID,Category,Score'))$$, '%is not that of request file%', 'only a header');
SELECT throws_like($$SELECT calpads.load_match_result(pg_temp.result_name(), '\x504b030414')$$, '%is a workbook%', 'a workbook');
SELECT throws_like($$SELECT calpads.load_match_result(pg_temp.result_name(), pg_temp.bytes('LocalID,SSID,Score', '1,2000000001,100'))$$,
	'%is no result of the SSID Match Tool', 'a needed column is missing');
SELECT throws_like(format('SELECT calpads.load_match_result(pg_temp.result_name(), pg_temp.bytes(%L, %L))', 'LocalID,SSID,Category,Score' || said.header, said.row),
	'%is not that of request file%', said.what)
FROM (VALUES ('', '9,2000000001,Single Match,100', 'a student who is not in the request'),
	('', 'x,2000000001,Single Match,100', 'a local ID that is none'),
	(',Submitted_SENR_ReportingLEA', '1,2000000001,Single Match,100,0761235', 'another LEA'),
	(',Submitted_SENR_Student_LegalLastName', '1,2000000001,Single Match,100,Birch', 'another name: of another request'),
	(',Submitted_SENR_BirthDate', '1,2000000001,Single Match,100,20140302', 'another birth date')) AS said (header, row, what);
SELECT is_empty('SELECT * FROM calpads.match_session', 'nothing has begun');
SELECT is(calpads.load_match_result('C:\downloads\' || upper(replace(pg_temp.result_name(), '.csv', '')) || '_Results (2).CSV',
	'\xefbbbf' || pg_temp.bytes('score,CATEGORY,"Parent Guardian 1",result_senr_ssid,Submitted SENR LocalID,Submitted_SENR_ReportingLEA,Submitted_SENR_BirthDate,Submitted_SENR_Student_LegalFirstName,Mailing City,Home Language',
		'100%,Single Match,"Alder, Al",2000000001,0001,761234,3/1/2014,ANA,Oak,Spanish',
		'  ,No Match,,,="2",761234,20140301,Zoe,,')), 1::bigint,
	'header in any case and order, BOM, browser suffix, path; a spreadsheet''s lost zeros, dates and formulas; accents');
SELECT results_eq($$SELECT student_id, ssid, score, rank, extra, guardian, address, language FROM calpads.match_candidate$$,
	$$VALUES (1, '2000000001' COLLATE "C", 100::numeric, 1::bigint, '{"Parent Guardian 1": "Alder, Al", "Mailing City": "Oak", "Home Language": "Spanish"}'::jsonb,
		'{"Parent Guardian 1": "Alder, Al"}'::jsonb, '{"Mailing City": "Oak"}'::jsonb, '{"Home Language": "Spanish"}'::jsonb)$$,
	'unknown columns are kept under their names, and shown');
SELECT results_eq('SELECT student_id, category FROM calpads.match_undecided ORDER BY line_no', $$VALUES (1, 'Single Match'), (2, 'No Match'), (4, NULL)$$,
	'a student who is not in the result is undecided');
SELECT results_eq('SELECT process, layout FROM calpads.load', $$VALUES ('SSID' COLLATE "C", 'ssid_match_result' COLLATE "C")$$, 'the result is in the history too');

SELECT max(session_id) AS session FROM calpads.match_session \gset
SELECT throws_like($$SELECT pg_temp.load_result('1,2000000001,Single Match,99%', '2,,No Match,')$$,
	'request file % has a result with other content', 'other content for the same request');
SELECT is((calpads.decide_match(:session, 1, 'Select', '2000000001')).ssid, '2000000001' COLLATE "C", 'a candidate that nothing speaks against');
SELECT calpads.decide_match(:session, 2, 'No Match') \g /dev/null
SELECT is(calpads.load_match_result(pg_temp.result_name(), pg_temp.result('1,2000000001,Multiple Match,99%', '1,2000000011,Multiple Match,98%',
	'2,2000000002,Single Match,97%', '4,,No Match,'), force => true), :session::bigint, 'unless forced');
SELECT results_eq('SELECT student_id, decision FROM calpads.match_decision', $$VALUES (1, 'Select')$$,
	'decisions stay whose candidates are still there; a new candidate asks again');
SELECT is(calpads.load_match_result(pg_temp.result_name(), pg_temp.result('1,2000000001,Multiple Match,99%', '1,2000000011,Multiple Match,98%',
	'2,2000000002,Single Match,97%', '4,,No Match,')), :session::bigint, 'the same file again goes on with the session');
SELECT is(calpads.load_match_result(pg_temp.result_name(), pg_temp.result('1,2000000011,Single Match,98%', '2,,No Match,'), true),
	:session::bigint, 'a third one');
SELECT is_empty('SELECT * FROM calpads.match_decision', 'and a decision goes with its candidate');
SELECT is((SELECT (calpads.create_ssid_request(ARRAY[4])).records), 1::bigint, 'another request can be made');
SELECT throws_like($$SELECT pg_temp.load_result('4,,No Match,')$$, 'another match session is open', 'but not worked on beside the first');
SELECT calpads.close_ssid_request(:file_id, 'given up') \g /dev/null
SELECT is(pg_temp.load_result('4,,No Match,') > :session, true, 'until that is given up');
SELECT throws_like(format('SELECT calpads.load_match_result(%L, pg_temp.result(''4,,No Match,''))', base_name || '.csv'),
	'the request of the result % is closed', 'a closed request takes no result') FROM calpads.ssid_request WHERE request_id = :file_id;
SELECT throws_like('SELECT calpads.decide_match(' || :session || ', 1, ''No Match'')', 'match session % is closed', 'nor decisions');

-- The result: odd rows -------------------------------------------------------------------

SELECT pg_temp.start_over() \g /dev/null
SELECT pg_temp.student(jsonb_build_object('id', id)) FROM generate_series(1, 12) AS id \g /dev/null
UPDATE sis.stu SET bd = bd + id;
SELECT calpads.create_ssid_request() \g /dev/null
SELECT pg_temp.load_result('1,2000000001,Single Match,100%', '1,2000000011,Single Match,90%', '2,2000000002,No Match,100%', '3,2000000003,Single Match,101',
	'4,20000004,Single Match,100', '5,12345,Single Match,100', '6,2.00E+09,Single Match,100', '7,,Single Match,100', '8,2000000008,Perhaps,100',
	'9,2000000009,Single Match,097%', '10,2222222222,Single Match,100', '11,0123456789,Single Match,100', '12,2000000012,Single Match,100', '12,2000000012,Single Match,100') AS session \gset
SELECT results_eq('SELECT student_id, ssid, score, refusal, problems[1] FROM calpads.match_candidate WHERE session_id = ' || :session || ' ORDER BY student_id, rank',
	$$VALUES (1, '2000000001' COLLATE "C", 100::numeric, NULL::text, 'A single match has several candidates.'),
		(1, '2000000011', 90, NULL, 'A single match has several candidates.'),
		(2, '2000000002', 100, NULL, 'There is a candidate where no match was found.'),
		(3, '2000000003', NULL, NULL, 'The score is no percentage from 0 to 100.'),
		(4, '0020000004', 100, NULL, 'The SSID has lost its leading zeros; they are put back.'),
		(5, NULL, 100, 'it is not of ten digits', 'The SSID is not of ten digits.'),
		(6, NULL, 100, 'it is not of ten digits', 'The SSID is not of ten digits.'),
		(8, '2000000008', 100, NULL, 'The match category is unknown.'),
		(9, '2000000009', 97, NULL, NULL),
		(10, '2222222222', 100, NULL, 'The SSID is ten times the same digit.'),
		(11, '0123456789', 100, NULL, 'The SSID begins with a zero.'),
		(12, '2000000012', 100, NULL, NULL)$$, 'odd rows are marked, lost zeros put back, a repeated row counts once');
SELECT is((SELECT problems FROM calpads.match_row WHERE student_id = 7 AND session_id = :session), ARRAY['There is no candidate where a match was found.'], 'also without a candidate');
SELECT throws_like(format('SELECT calpads.decide_match(%s, %s, ''Select'', %L)', :session, m.student_id, m.ssid), 'Select for student % needs a confirmation',
	'odd: not without confirmation, student ' || m.student_id)
FROM calpads.match_candidate m WHERE m.session_id = :session AND m.problems <> '{}' AND m.ssid IS NOT NULL;
SELECT throws_like(format('SELECT calpads.decide_match(%s, 5, ''Select'', ''12345'', true, ''because'')', :session), 'the SSID cannot be selected for student 5: it is not of ten digits',
	'what is no SSID can never be selected');
SELECT results_eq('SELECT student_id, suggestion::text COLLATE "default" FROM calpads.match_student WHERE suggestion IS NOT NULL AND session_id = ' || :session, $$VALUES (12, '2000000012')$$,
	'only a plain single match of 100 % is suggested');
SELECT is_empty('SELECT * FROM calpads.match_decision', 'and nothing is decided by itself');
SELECT is(calpads.accept_suggestions(:session), 1::bigint, 'suggestions are accepted by a person');
SELECT is((SELECT decided_by FROM calpads.match_decision), session_user::text, 'who is noted');

-- Decisions --------------------------------------------------------------------------------

SELECT pg_temp.start_over() \g /dev/null
-- Twins: one birth date, one last name.
SELECT pg_temp.student('{"id": 1, "ln": "Cedar", "fn": "Cy", "gn": "M", "bd": "2014-05-01"}'), pg_temp.student('{"id": 2, "ln": "Cedar", "fn": "Di", "bd": "2014-05-01"}'),
	pg_temp.student('{"id": 3, "cid": "1000000003", "bd": "2015-01-01"}'), pg_temp.student('{"id": 4, "cid": "1000000004", "tg": "I", "bd": "2015-01-02"}', false),
	pg_temp.student('{"id": 5, "bd": "2015-01-03"}'), pg_temp.student('{"id": 6, "cid": "1000000006", "osi": "1000000066", "bd": "2015-01-04"}'),
	pg_temp.student('{"id": 7, "bd": "2015-01-05"}'), pg_temp.student('{"id": 8, "cid": "1000000008", "del": true, "bd": "2015-01-06"}') \g /dev/null
SELECT pg_temp.load_pairs('5,1000000055,2000000055') AS load \gset
SELECT calpads.create_ssid_request() \g /dev/null
SELECT calpads.load_match_result(pg_temp.result_name(), pg_temp.bytes('LocalID,SSID,Category,Score,Result Last Name,Result First Name,Result Birth Date,Result Gender',
	'1,2000000001,Single Match,100%,Cedar,Cy,20140501,M', '2,2000000001,Single Match,100%,Cedar,Cy,20140501,M',
	'5,1000000003,Multiple Match,100%,,,,', '5,1000000004,Multiple Match,99%,,,,', '5,1000000066,Multiple Match,98%,,,,', '5,1000000055,Multiple Match,97%,,,,',
	'5,1000000008,Multiple Match,96%,Lastf,First,20150103,F', '5,2000000005,Multiple Match,96%,Other,Name,20150203,M',
	'7,2000000007,Single Match,100%,LASTH,first,20150105,')) AS session \gset
SELECT throws_like(format('SELECT calpads.decide_match(%s, 5, ''Select'', %L, true, ''why not'')', :session, said.ssid),
	'the SSID cannot be selected for student 5: ' || said.why, 'never: ' || said.why)
FROM (VALUES ('1000000003', 'another student of the district has it'), ('1000000004', 'another student of the district has it'),
	('1000000066', 'it is the former SSID of another student of the district'), ('1000000055', 'it is retired')) AS said (ssid, why);
SELECT is((SELECT replacement_ssid FROM calpads.match_candidate WHERE ssid = '1000000055'), '2000000055' COLLATE "C", 'the replacement of a retired one is offered');
SELECT results_eq('SELECT student_id, ssid, warnings FROM calpads.match_candidate WHERE refusal IS NULL AND session_id = ' || :session || ' ORDER BY student_id, rank',
	$$VALUES (1, '2000000001' COLLATE "C", ARRAY['Another student has the same birth date and last name: a twin?']),
		(2, '2000000001', ARRAY['The first name differs.', 'The gender differs.', 'Another student has the same birth date and last name: a twin?']),
		(5, '1000000008', ARRAY['The score is below 100.', 'Other candidates have the same score.', 'A deleted student of the SIS has this SSID.']),
		(5, '2000000005', ARRAY['The birth date differs.', 'The last name differs.', 'The first name differs.', 'The gender differs.', 'The score is below 100.', 'Other candidates have the same score.']),
		(7, '2000000007', '{}')$$, 'what has to be confirmed; case and what the file does not say do not count');
SELECT throws_like(format('SELECT calpads.decide_match(%s, 1, ''Select'', ''2000000001'')', :session), 'Select for student 1 needs a confirmation', 'a twin at 100 %');
SELECT is((SELECT suggestion FROM calpads.match_student WHERE student_id = 1 AND session_id = :session), NULL, 'is not suggested either');
SELECT is((calpads.decide_match(:session, 1, 'Select', '2000000001', true)).warnings, ARRAY['Another student has the same birth date and last name: a twin?'],
	'confirmed, with what was confirmed');
SELECT throws_like(format('SELECT calpads.decide_match(%s, 2, ''Select'', ''2000000001'', true)', :session),
	'the SSID cannot be selected for student 2: it is selected for another student', 'two students never get one candidate');
SELECT throws_like(format('SELECT calpads.decide_match(%s, 2, ''New SSID'')', :session), 'New SSID for student 2 needs a confirmation', 'a new SSID beside a candidate of 90 or more');
SELECT is((calpads.decide_match(:session, 2, 'New SSID', confirm => true)).decision, 'New SSID', 'confirmed');
SELECT throws_like(format('SELECT calpads.decide_match(%s, 7, ''Select'', ''2000000077'', true)', :session), 'the SSID is no candidate of student 7', 'an SSID from elsewhere needs a reason');
SELECT throws_like(format('SELECT calpads.decide_match(%s, 7, ''Select'', ''2000000077'', false, ''transcript'')', :session), 'Select for student 7 needs a confirmation', 'and a confirmation');
SELECT is((calpads.decide_match(:session, 7, 'Select', '2000000077', true, 'transcript')).reason, 'transcript', 'which are kept');
SELECT is((calpads.decide_match(:session, 7, 'Select', '2000000007')).reason, NULL, 'a decision can be changed');
SELECT is((calpads.decide_match(:session, 7, NULL)).decision, NULL, 'and taken back');
SELECT throws_like(format('SELECT calpads.decide_match(%s, %s)', :session, said.arguments), said.message, said.message)
FROM (VALUES ($$7, 'Maybe'$$, $$there is no decision 'Maybe'$$), ($$7, 'Select'$$, 'Select needs the SSID that is selected'),
	($$7, 'No Match', '2000000007'$$, 'an SSID has no meaning with No Match'), ($$3, 'No Match'$$, 'student 3 is not in match session %'),
	($$NULL, 'No Match'$$, 'student without a number is not in match session %')) AS said (arguments, message);
SELECT throws_like('SELECT calpads.decide_match(NULL, 7, ''No Match'')', 'there is no match session without a number', 'no session');

-- Partial, then full ------------------------------------------------------------------------

SELECT throws_like(format('SELECT calpads.create_ssid_update(%s)', :session), 'match session % has undecided students: 2', 'no full file while students are undecided');
SELECT is((calpads.create_ssid_update(:session, true)).records, 1::bigint, 'a partial file has the selected students');
SELECT is(pg_temp.file(), '1=2000000001', 'with their SSIDs');
SELECT throws_like(format('SELECT calpads.decide_match(%s, 1, ''No Match'')', :session), 'the decision for student 1 cannot be changed any more', 'who are decided for good');
SELECT is((calpads.create_ssid_update(:session, true, true)).records, 2::bigint, 'with include_new also those who need a new one');
SELECT is(pg_temp.file(), '1=2000000001 2=', 'whose SSID is blank');
SELECT is((calpads.create_ssid_update(:session, true, true)).records, 1::bigint, 'but these only once');
SELECT calpads.decide_match(:session, 5, 'No Match'), calpads.decide_match(:session, 7, 'Select', '2000000007') \g /dev/null
UPDATE sis.stu SET fn = 'Firstly' WHERE id = 7;
SELECT is((calpads.create_ssid_update(:session)).records, 2::bigint, 'the full file');
SELECT is(pg_temp.file(), '1=2000000001 7=2000000007', 'neither repeats a new one nor has those without match');
SELECT is((SELECT split_part(line, '^', 10) FROM calpads.extract_record WHERE ssid = '2000000007'), 'First', 'its records are those that were matched');
SELECT is((SELECT count(*) FROM calpads.extract_record WHERE reason = 'ssid_new'), 1::bigint, 'over all files one new SSID is asked for once');
SELECT results_eq('SELECT category, status FROM calpads.history WHERE file_id >= (SELECT max(request_id) FROM calpads.ssid_request) ORDER BY file_id',
	$$VALUES ('Request', 'Obsolete'), ('Partial update', 'Post'), ('Partial update', 'Post'), ('Partial update', 'Post'), ('Update', 'Post')$$,
	'the request leaves history_open, the updated files wait for their posting');
SELECT matches(file_name, '_SENR_SSID(_\d+)?_Updated_4\.txt$', 'names of the updated files') FROM calpads.extract_file WHERE file_id = (SELECT max(file_id) FROM calpads.extract_file);
SELECT is((SELECT string_agg((calpads.post_file(file_id)).status, ' ') FROM calpads.history_open WHERE category LIKE '%pdate'), 'Posted Posted Posted Posted', 'they are posted, in any order');
SELECT throws_like(format('SELECT calpads.create_ssid_update(%s)', :session), 'match session % is complete', 'then the session is over');
SELECT results_eq('SELECT student_id, rule FROM calpads.students_without_ssid()', $$VALUES (1, NULL), (2, 'SSID_AWAITED'), (5, NULL), (7, NULL)$$,
	'nobody asks twice for a new SSID');
SELECT is((calpads.create_ssid_request()).records, 3::bigint, 'also not by another request');

-- Between decision and file
SELECT pg_temp.start_over() \g /dev/null
SELECT pg_temp.student('{"id": 31, "bd": "2013-01-01"}'), pg_temp.student('{"id": 32, "bd": "2013-01-02"}'), pg_temp.student('{"id": 33, "bd": "2013-01-03"}') \g /dev/null
SELECT calpads.create_ssid_request() \g /dev/null
SELECT pg_temp.load_result('31,2000000031,Single Match,100%', '32,,No Match,', '33,,No Match,') AS session \gset
SELECT calpads.decide_match(:session, 31, 'Select', '2000000031'), calpads.decide_match(:session, 32, 'New SSID'), calpads.decide_match(:session, 33, 'No Match') \g /dev/null
SAVEPOINT decided;
UPDATE sis.stu SET cid = '2000000031' WHERE id = 33;
SELECT throws_like(format('SELECT calpads.create_ssid_update(%s)', :session), 'match session % has decisions that cannot be carried out any more: 1', 'another student got the selected SSID meanwhile');
ROLLBACK TO decided;
UPDATE sis.stu SET cid = '2000000099' WHERE id = 32;
SELECT throws_like(format('SELECT calpads.create_ssid_update(%s)', :session), 'match session % has decisions that cannot be carried out any more: 1', 'the student has an SSID by now');
ROLLBACK TO decided;
SELECT file_id FROM calpads.create_ssid_update(:session) \gset
SELECT is((calpads.reject_file(:file_id, 'refused')).status, 'Rejected', 'CALPADS refuses the file');
SELECT results_eq('SELECT student_id, rule FROM calpads.students_without_ssid()', $$VALUES (31, NULL::text), (32, NULL), (33, NULL)$$, 'then a new SSID can be asked for again');
SELECT pg_temp.start_over() \g /dev/null
SELECT pg_temp.student('{"id": 34, "bd": "2013-01-01"}') \g /dev/null
SELECT calpads.create_ssid_request() \g /dev/null
SELECT pg_temp.load_result('34,,No Match,') AS session \gset
SELECT calpads.decide_match(:session, 34, 'No Match') \g /dev/null
SELECT is((calpads.create_ssid_update(:session)).file_id, NULL, 'nobody matched: no file');
SELECT is_empty($$SELECT * FROM calpads.history_open WHERE process = 'SSID' AND category = 'Request'$$, 'and the request is over');

-- The SSID extract: verdicts ------------------------------------------------------------------

SELECT pg_temp.start_over() \g /dev/null
SELECT pg_temp.student('{"id": 1, "sc": 1}'), pg_temp.student('{"id": 1, "sc": 2}'), pg_temp.student('{"id": 1, "sc": 2, "sn": 99, "del": true}'),
	pg_temp.student('{"id": 2, "cid": "1000000002", "bd": "2014-01-02"}'), pg_temp.student('{"id": 3, "cid": "1000000003", "bd": "2014-01-03"}'),
	pg_temp.student('{"id": 4, "bd": "2014-01-04"}'), pg_temp.student('{"id": 5, "bd": "2014-01-05"}'), pg_temp.student('{"id": 6, "bd": "2014-01-06"}'),
	pg_temp.student('{"id": 7, "bd": "2014-01-07"}'), pg_temp.student('{"id": 8, "cid": "1000000055", "bd": "2014-01-08"}'),
	pg_temp.student('{"id": 9, "bd": "2014-01-09"}'), pg_temp.student('{"id": 10, "bd": "2014-01-10", "fn": "Zoë", "ln": "Ó Brien"}'),
	pg_temp.student('{"id": 11, "bd": "2014-01-11", "ln": "Twin", "fn": "Una"}'), pg_temp.student('{"id": 12, "bd": "2014-01-11", "ln": "Twin", "fn": "Uma"}'),
	pg_temp.student('{"id": 13, "bd": "2014-01-13", "ln": "Sib", "fn": "Ann"}'), pg_temp.student('{"id": 14, "bd": "2015-01-14", "ln": "Sib", "fn": "Bob", "gn": "M"}'),
	pg_temp.student('{"id": 15, "bd": "2014-01-15"}'), pg_temp.student('{"id": 16, "bd": "2014-01-16"}'), pg_temp.student('{"id": 17, "bd": "2014-01-17"}'),
	pg_temp.student('{"id": 18, "bd": "2014-01-18", "cid": "1000000018"}') \g /dev/null
INSERT INTO sis.lac (id, eac, ead) VALUES (3, 'EL', '2020-01-01'), (1, NULL, NULL);
INSERT INTO sis.cse (id, swd, di) VALUES (1, NULL, '290'), (3, NULL, '290');
SELECT pg_temp.load_extract(
	'00001,2000000001,Lastb,First,F,20140301,EO,20250820,ENG,20251015,Y',	-- padded local ID, two schools
	'2,2000000002,Lastc,First,F,20140102',									-- another SSID in the SIS
	'3,1000000003,Lastd,First,F,20140103,,,,,N',							-- the same
	'4,2000000004,Laste,First,F,20140104', '4,2000000044,Laste,First,F,20140104',	-- one student, two SSIDs
	'5,2000000005,Lastf,First,F,20140105', '6,2000000005,Lastg,First,F,20140106',	-- two students, one SSID
	'99,2000000099,Nobody,First,F,20140106', 'abc,2000000098,Nobody,First,F,20140106',
	'7,1000000003x,Lasth,First,F,20140107',
	'8,2000000055,Lasti,First,F,20140108',									-- replaced
	'9,1000000018,Lastj,First,F,20140109',									-- of another student
	'10,2000000010,O BRIEN,ZOE,F,20140110',
	'11,2000000012,Twin,Uma,F,20140111', '12,2000000011,Twin,Una,F,20140111',	-- twins swapped
	'13,2000000014,Sib,Bob,M,20150114', '14,2000000013,Sib,Ann,F,20140113',	-- siblings swapped
	'15,2000000015,Maiden,First,F,20140115',								-- another last name
	'16,2000000016,Lastbg,First,F,20140120',								-- another birth date
	'17,2000000017,Lastbh,First,M,20140117') AS load \gset
SELECT results_eq(format('SELECT student_id, verdict, writes_ssid FROM calpads.ssid_review WHERE load_id = %s ORDER BY student_id, line_no', :load),
	$$VALUES (1, 'ok', true), (2, 'conflict', true), (3, 'same', false), (4, 'dup_local', false), (4, 'dup_local', false), (5, 'dup_ssid', false), (6, 'dup_ssid', false),
		(7, 'bad_row', false), (8, 'replaced', false), (9, 'held_by_other', false), (10, 'ok', true), (11, 'identity_stop', false), (12, 'identity_stop', false),
		(13, 'identity_stop', false), (14, 'identity_stop', false), (15, 'identity_warn', true), (16, 'identity_warn', false), (17, 'identity_warn', false),
		(NULL, 'no_student', false), (NULL, 'no_student', false)$$, 'a verdict for each row');
SELECT is((SELECT string_agg(DISTINCT cid, ' ' ORDER BY cid) FROM sis.stu), '1000000002 1000000003 1000000018 1000000055', 'loading writes nothing');
SELECT throws_like(format('SELECT calpads.confirm_ssid_row(%s, %s)', :load, line_no), 'line % cannot be confirmed', verdict || ' cannot be confirmed')
FROM calpads.ssid_review WHERE load_id = :load AND verdict IN ('identity_stop', 'held_by_other', 'dup_ssid', 'dup_local', 'bad_row', 'no_student');
SELECT calpads.confirm_ssid_row(:load, line_no) FROM calpads.ssid_review WHERE load_id = :load AND student_id = 16 \g /dev/null
UPDATE sis.stu SET cid = '2999999999' WHERE id = 10;
SELECT results_eq(format('SELECT * FROM calpads.apply_ssid_extract(%s)', :load), $$VALUES ('STU', 4::bigint), ('LAC', 1::bigint), ('CSE', 1::bigint)$$, 'counts for each table');
SELECT is((SELECT string_agg(id || ':' || coalesce(cid, '-'), ' ' ORDER BY id, sc, sn) FROM sis.stu),
	'1:2000000001 1:2000000001 1:- 2:1000000002 3:1000000003 4:- 5:- 6:- 7:- 8:1000000055 9:- 10:2999999999 11:- 12:- 13:- 14:- 15:2000000015 16:2000000016 17:- 18:1000000018',
	'on all rows of the student that are not deleted; neither stopped rows, nor conflicts, nor what changed after the review');
SELECT is(pg_temp.verdict(:load, 10), 'conflict', 'which is a conflict');
SELECT is((SELECT string_agg(concat_ws(':', id, eac, ead), ' ' ORDER BY id) FROM sis.lac), '1:EO:2025-08-20 3:EL:2020-01-01', 'a blank does not erase the language status');
SELECT is((SELECT string_agg(concat_ws(':', id, coalesce(swd, '-')), ' ' ORDER BY id) FROM sis.cse), '1:Y 3:-', 'CSE.SWD is Y or left alone');
SELECT results_eq(format('SELECT student_id, table_name, column_name, old_value, new_value FROM calpads.ssid_change WHERE load_id = %s AND student_id = 1 ORDER BY change_id', :load),
	$$VALUES (1, 'STU', 'CID', NULL, '2000000001'), (1, 'LAC', 'EAC', NULL, 'EO'), (1, 'LAC', 'EAD', NULL, '2025-08-20'), (1, 'CSE', 'SWD', NULL, 'Y')$$, 'every change is noted');
SELECT ok(bool_and(body !~ '\d{6}' AND body !~ 'Last|First' AND subject !~ '\d{8}' AND 'office@meadow.example' = ANY (recipients)), 'a mail with counts only') FROM calpads.mail;
SELECT matches((SELECT body FROM calpads.mail WHERE subject LIKE '%update%' LIMIT 1), 'STU 4, LAC 1, CSE 1(.|\n)*dup_local: 2', 'which are there');
SELECT results_eq(format('SELECT DISTINCT verdict FROM calpads.possible_mid WHERE load_id = %s ORDER BY 1', :load), ARRAY['dup_local', 'dup_ssid', 'held_by_other'], 'possible MIDs');
SELECT results_eq(format('SELECT sum(rows) FROM calpads.apply_ssid_extract(%s)', :load), ARRAY[0::numeric], 'a second time nothing is left to do');

-- Overwrite
SELECT is((SELECT rows FROM calpads.apply_ssid_extract(:load, overwrite => true) WHERE table_name = 'STU'), 2::bigint, 'Overwrite takes the conflicts');
SELECT is((SELECT string_agg(concat_ws(':', id, cid, osi), ' ' ORDER BY id) FROM sis.stu WHERE id IN (2, 8, 10)), '2:2000000002:1000000002 8:1000000055 10:2000000010:2999999999',
	'the former SSID goes to STU.OSI; the replaced one is not for Overwrite');
SELECT pg_temp.load_extract('7,1000000018,Lasth,First,F,20140107', '5,1000000002,Lastf,First,F,20140105', '15,2000000095,Third,Other,F,20140115') AS load \gset
SELECT is((SELECT sum(rows) FROM calpads.apply_ssid_extract(:load, overwrite => true)), 0::numeric, 'not even Overwrite takes what another student has, or had, or a person of another name');
SELECT is((SELECT string_agg(verdict, ' ' ORDER BY line_no) FROM calpads.ssid_review WHERE load_id = :load), 'held_by_other held_by_other conflict', 'for these reasons');

-- What was decided before
SELECT pg_temp.start_over() \g /dev/null
SELECT pg_temp.student(jsonb_build_object('id', 40 + n, 'bd', '2013-02-0' || n)) FROM generate_series(1, 5) AS n \g /dev/null
SELECT calpads.create_ssid_request() \g /dev/null
SELECT pg_temp.load_result('41,2000000041,Single Match,100%', '42,,No Match,', '43,,No Match,', '44,,No Match,', '45,,No Match,') AS session \gset
SELECT calpads.decide_match(:session, 41, 'Select', '2000000041'), calpads.decide_match(:session, 42, 'No Match'), calpads.decide_match(:session, 43, 'New SSID'),
	calpads.decide_match(:session, 44, 'New SSID'), calpads.decide_match(:session, 45, 'No Match') \g /dev/null
SELECT calpads.create_ssid_update(:session) \g /dev/null
SELECT pg_temp.load_extract('41,2000000049,Lasteb,First,F,20130201', '42,2000000042,Lastec,First,F,20130202',
	'43,2000000043,Lasted,First,F,20130203,,,,20150101', '44,2000000044,Lastee,First,F,20130204,,,,20991231') AS load \gset
SELECT is((SELECT string_agg(verdict, ' ' ORDER BY line_no) FROM calpads.ssid_review WHERE load_id = :load), 'unexpected unexpected not_new ok', 'what was decided counts');
SELECT calpads.confirm_ssid_row(:load, 2) \g /dev/null
SELECT is((SELECT rows FROM calpads.apply_ssid_extract(:load) WHERE table_name = 'STU'), 2::bigint, 'the doubtful ones only when confirmed');
SELECT is((SELECT string_agg(pg_temp.ssid_of(id), ' ' ORDER BY id) FROM generate_series(41, 45) AS id), '- 2000000042 - 2000000044 -', 'each has its own');
SELECT is((SELECT closing_note FROM calpads.ssid_request ORDER BY request_id DESC LIMIT 1), 'the SSIDs were loaded', 'the request is closed');
SELECT results_eq('SELECT student_id, rule FROM calpads.students_without_ssid()', $$VALUES (41, NULL), (43, 'SSID_AWAITED'), (45, NULL)$$, 'whoever is left is found by the next one');

-- Other forms of the file
SELECT is((calpads.load_ssid_extract('x.txt', pg_temp.bytes('Reporting LEA^School of Attendance^SSID^Local Student ID^Last^First^Middle^Gender Code^Birth^Start',
	'0761234^6101010^2000000041^41^Lasteb^First^^F^20130201^20250820^05^EL^20250101^SPA^20251001^^^Y',
	'0761234^6101010^2000000041^41^Lasteb^First^^F^20130201^20240820^04^EO^20200101^SPA^20251001^^^'))).rows_read, 2::bigint, 'with a header, and more columns');
SELECT results_eq($$SELECT line_no, verdict, with_disabilities FROM calpads.ssid_review WHERE load_id = (SELECT max(load_id) FROM calpads.load) ORDER BY line_no$$,
	$$VALUES (2::bigint, 'ok', 'Y'), (3, 'older_enrollment', NULL)$$, 'the newest enrollment counts');
SELECT (calpads.load_ssid_extract('x.txt', pg_temp.bytes('761234^6101010^2000000041^41^Lasteb^First^F^20130201^20250820^05^EL^20250101^SPA^20251001'))).load_id AS load \gset
SELECT results_eq(format('SELECT last_name, gender, birth_date, elas_code, ssid_created FROM calpads.ssid_review WHERE load_id = %s', :load),
	$$VALUES ('Lasteb', 'F', DATE '2013-02-01', 'EL', DATE '2025-10-01')$$, 'the older form without a middle name');
SELECT throws_like(format('SELECT calpads.load_ssid_extract(''x.txt'', %L)', said.content), said.message, said.what)
FROM (VALUES ('0961234^6101010^2000000041^41^L^F^^F^20130201^20250820^05'::bytea, '%has no rows of our LEAs', 'another district''s file'),
	('', '%empty%', 'an empty file'), ('\x504b0304', '%workbook%', 'a workbook')) AS said (content, message, what);
SELECT throws_like('SELECT calpads.apply_ssid_extract(NULL)', 'load without a number is no file of that kind', 'no load');
SELECT throws_like(format('SELECT calpads.apply_ssid_replacement(%s)', :load), 'load % is no file of that kind', 'a load of another kind');

-- Replaced SSIDs -----------------------------------------------------------------------------

SELECT pg_temp.start_over() \g /dev/null
SELECT pg_temp.student('{"id": 51, "cid": "5000000001", "sc": 1}'), pg_temp.student('{"id": 51, "cid": "5000000001", "sc": 2}'), pg_temp.student('{"id": 51, "sc": 2, "sn": 9, "cid": "5000000001", "del": true}'),
	pg_temp.student('{"id": 52, "cid": "5000000002", "osi": "4000000002"}'), pg_temp.student('{"id": 53, "cid": "6000000003"}'), pg_temp.student('{"id": 54, "cid": "5000000004"}'),
	pg_temp.student('{"id": 55, "cid": "6000000004"}'), pg_temp.student('{"id": 56, "cid": "5000000006"}'), pg_temp.student('{"id": 57, "cid": "5000000007"}'),
	pg_temp.student('{"id": 58, "cid": "5000000008"}'), pg_temp.student('{"id": 59, "cid": "5000000009"}'), pg_temp.student('{"id": 60, "cid": "6000000010", "osi": "5000000010"}') \g /dev/null
SELECT pg_temp.load_pairs('51,5000000001,6000000001', ',5000000002,6000000002', ',6000000002,7000000002', ',5000000003,6000000003', '54,5000000004,6000000004',
	',5000000006,6000000067', ',5000000007,6000000067', '59,5000000008,6000000008', ',5000000009,6000000009', ',5000000009,6000000019',
	',8000000001,8000000002', ',8000000002,8000000003', ',8000000003,8000000001', ',5000000010,6000000010', ',9000000001,9000000002', ',123,6000000001', ',9000000003,9000000003') AS load \gset
SELECT is((SELECT string_agg(retired_ssid || ':' || verdict, ' ' ORDER BY line_no) FROM calpads.replacement_review WHERE load_id = :load),
	'5000000001:replace 5000000002:replace 6000000002:not_found 5000000003:already_done 5000000004:collision 5000000006:collision 5000000007:collision '
	'5000000008:local_id_disagrees 5000000009:two_replacements 5000000009:two_replacements 8000000001:cycle 8000000002:cycle 8000000003:cycle 5000000010:already_done '
	'9000000001:not_found 123:bad_row 9000000003:bad_row', 'chains, cycles, collisions');
SELECT is((SELECT final_ssid FROM calpads.replacement_review WHERE load_id = :load AND retired_ssid = '5000000002'), '7000000002' COLLATE "C", 'a chain is followed to its end');
SELECT results_eq(format('SELECT * FROM calpads.apply_ssid_replacement(%s)', :load), $$VALUES ('STU', 3::bigint)$$, 'the rows that were written');
SELECT is((SELECT string_agg(concat_ws(':', id, cid, osi), ' ' ORDER BY id, sc, sn) FROM sis.stu),
	'51:6000000001:5000000001 51:5000000001 51:6000000001:5000000001 52:7000000002:5000000002 53:6000000003 54:5000000004 55:6000000004 56:5000000006 57:5000000007 '
	'58:5000000008 59:5000000009 60:6000000010:5000000010', 'the former SSID is in STU.OSI, on all rows that are not deleted; nobody has another''s');
SELECT results_eq(format('SELECT column_name, old_value, new_value FROM calpads.ssid_change WHERE load_id = %s AND student_id = 52 ORDER BY change_id', :load),
	$$VALUES ('CID', '5000000002', '7000000002'), ('OSI', '4000000002', '5000000002')$$, 'what stood in STU.OSI before is noted');
SELECT results_eq('SELECT retired_ssid, replacement_ssid FROM calpads.ssid_replacement ORDER BY 1',
	$$VALUES ('5000000001' COLLATE "C", '6000000001' COLLATE "C"), ('5000000002', '7000000002'), ('5000000003', '6000000003'), ('5000000010', '6000000010'),
		('6000000002', '7000000002'), ('9000000001', '9000000002')$$, 'the map holds what is certain');
SELECT is((SELECT rows FROM calpads.apply_ssid_replacement(:load)), 0::bigint, 'a second time nothing is left to do');
SELECT results_eq(format('SELECT DISTINCT verdict FROM calpads.possible_mid WHERE load_id = %s', :load), ARRAY['collision'], 'collisions are possible MIDs');
SELECT pg_temp.load_pairs('51,6000000001,7000000001') AS load \gset
SELECT is((SELECT rows FROM calpads.apply_ssid_replacement(:load)), 2::bigint, 'a later file goes on with the chain');
SELECT is((SELECT replacement_ssid FROM calpads.ssid_replacement WHERE retired_ssid = '5000000001'), '7000000001' COLLATE "C", 'and the map with it');
SELECT pg_temp.load_extract('53,5000000001,Lastfd,First,F,20140301', '55,7000000001,Lastff,First,F,20140301') AS load \gset
SELECT is((SELECT string_agg(verdict, ' ' ORDER BY line_no) FROM calpads.ssid_review WHERE load_id = :load), 'retired held_by_other', 'a retired SSID is written for nobody');

-- Tables that cannot be written ----------------------------------------------------------------

SELECT pg_temp.start_over() \g /dev/null
SELECT pg_temp.student('{"id": 61, "cid": "5500000001"}'), pg_temp.student('{"id": 62}') \g /dev/null
SELECT pg_temp.load_pairs('61,5500000001,6500000001') AS pairs \gset
SELECT pg_temp.load_extract('62,2000000062,Lastgc,First,F,20140301,EL,20250101') AS load \gset
SAVEPOINT tables;
ALTER TABLE sis.lac RENAME TO lac_table;
CREATE VIEW sis.lac AS SELECT DISTINCT * FROM sis.lac_table;
SELECT throws_like(format('SELECT * FROM calpads.apply_ssid_extract(%s)', :load), 'sis.lac of the student information system cannot be written', 'a view of LAC that takes no changes');
SELECT is(pg_temp.ssid_of(62), '-', 'then STU is not written either');
ROLLBACK TO tables;
ALTER TABLE sis.stu RENAME TO stu_table;
CREATE VIEW sis.stu AS SELECT DISTINCT * FROM sis.stu_table;
SELECT throws_like(format('SELECT * FROM calpads.apply_ssid_replacement(%s)', :pairs), 'sis.stu of the student information system cannot be written', 'a view of STU that takes no changes');
SELECT is_empty(format('SELECT * FROM calpads.ssid_replacement WHERE load_id = %s', :pairs), 'then the map does not grow either');
ROLLBACK TO tables;
CREATE VIEW sis.stu_view AS SELECT sc, sn, id, upper(cid) AS cid, osi, ln, fn, mn, sf, lna, fna, mna, bd, sx, gn, tg, ed, del FROM sis.stu;
ALTER TABLE sis.stu RENAME TO stu_table;
ALTER VIEW sis.stu_view RENAME TO stu;
SELECT throws_like(format('SELECT * FROM calpads.apply_ssid_replacement(%s)', :pairs), 'sis.stu of the student information system cannot be written', 'nor a view in which STU.CID is computed');
CREATE FUNCTION pg_temp.write_stu() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN UPDATE sis.stu_table SET cid = NEW.cid, osi = NEW.osi WHERE sc = NEW.sc AND sn = NEW.sn; RETURN NEW; END';
CREATE TRIGGER write_stu INSTEAD OF UPDATE ON sis.stu FOR EACH ROW EXECUTE FUNCTION pg_temp.write_stu();
SELECT results_eq(format('SELECT * FROM calpads.apply_ssid_replacement(%s)', :pairs), $$VALUES ('STU', 1::bigint)$$, 'but one that says how');
SELECT is((SELECT concat_ws(':', cid, osi) FROM sis.stu_table WHERE id = 61), '6500000001:5500000001', 'is written');
ROLLBACK TO tables;
-- A district's own types.
ALTER TABLE sis.stu RENAME TO stu_table;
CREATE TABLE sis.stu_text AS SELECT t.*, t.id::text AS text_id, t.bd::timestamp AS time_bd, CASE WHEN t.del THEN '1' ELSE '0' END AS text_del FROM sis.stu_table t;
ALTER TABLE sis.stu_text DROP COLUMN id, DROP COLUMN bd, DROP COLUMN del;
ALTER TABLE sis.stu_text RENAME COLUMN text_id TO id;
ALTER TABLE sis.stu_text RENAME COLUMN time_bd TO bd;
ALTER TABLE sis.stu_text RENAME COLUMN text_del TO del;
ALTER TABLE sis.stu_text ALTER COLUMN cid TYPE bigint USING cid::bigint, ALTER COLUMN osi TYPE bigint USING osi::bigint;
ALTER TABLE sis.stu_text RENAME TO stu;
ALTER TABLE sis.cse DROP COLUMN swd;
ALTER TABLE sis.cse ADD COLUMN swd boolean;
DROP VIEW sis.sela;
ALTER TABLE sis.lac ALTER COLUMN ead TYPE timestamp;
SELECT results_eq(format('SELECT * FROM calpads.apply_ssid_extract(%s)', :load), $$VALUES ('STU', 1::bigint), ('LAC', 1::bigint), ('CSE', 0::bigint)$$, 'text IDs, numbers as SSIDs, timestamps');
SELECT results_eq(format('SELECT * FROM calpads.apply_ssid_replacement(%s)', :pairs), $$VALUES ('STU', 1::bigint)$$, 'are written too');
SELECT results_eq('SELECT id, cid, osi FROM sis.stu ORDER BY id', $$VALUES ('61', 6500000001, 5500000001), ('62', 2000000062, NULL)$$, 'in the types of the columns');
ROLLBACK TO tables;

-- Who may -----------------------------------------------------------------------------------------

CREATE ROLE ssid_reader;
CREATE ROLE ssid_operator;
SELECT calpads.grant_access('ssid_reader', 'reader'), calpads.grant_access('ssid_operator', 'operator') \g /dev/null
SET LOCAL ROLE ssid_reader;
SELECT throws_ok('SELECT calpads.create_ssid_request()', '42501', NULL, 'a reader makes no request');
SELECT throws_ok('SELECT calpads.decide_match(1, 1, ''No Match'')', '42501', NULL, 'decides nothing');
SELECT throws_ok(format('SELECT calpads.apply_ssid_extract(%s)', :load), '42501', NULL, 'and writes nothing');
SELECT lives_ok('SELECT * FROM ' || name, 'but looks at ' || name)
FROM unnest(ARRAY['calpads.match_student', 'calpads.match_candidate', 'calpads.match_undecided', 'calpads.ssid_review', 'calpads.replacement_review', 'calpads.possible_mid',
	'calpads.students_without_ssid()', 'calpads.retired_ssid']) AS name;
SET LOCAL ROLE ssid_operator;
SELECT calpads.create_ssid_request(ARRAY[62]) \g /dev/null
SELECT is((SELECT sum(rows) FROM calpads.apply_ssid_extract(:load)), 2::numeric, 'an operator writes the SSIDs');
SELECT is((SELECT sum(rows) FROM calpads.apply_ssid_replacement(:pairs)), 1::numeric, 'and replacements');
SELECT throws_ok('UPDATE sis.stu SET ln = ''Other''', '42501', NULL, 'but nothing else of the SIS');
RESET ROLE;
SELECT is((SELECT string_agg(changed_by, ' ') FROM calpads.ssid_change WHERE load_id IN (:load, :pairs) AND column_name = 'CID'),
	concat_ws(' ', session_user, session_user), 'under the name of the session');
ROLLBACK TO tables;

-- A SIS schema of any name
SELECT set_config('calpads.sis_schema', 'O''Brien"; DROP TABLE calpads.load; --%1$s', true) \g /dev/null
SELECT count(*) FROM calpads.create_sis_schema() \g /dev/null
DO $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY ARRAY['loc', 'stu', 'enr'] LOOP
		EXECUTE format('INSERT INTO %s SELECT * FROM sis.%I', calpads.sis_table_name(NULL, name), name);
	END LOOP;
END;
$$;
SELECT is((calpads.create_ssid_request()).records, 1::bigint, 'a request from a SIS schema of any name');
SELECT is((SELECT sum(rows) FROM calpads.apply_ssid_extract(:load)), 2::numeric, 'an update of it');
SELECT is((SELECT sum(rows) FROM calpads.apply_ssid_replacement(:pairs)), 1::numeric, 'and a replacement');
SELECT is(pg_temp.ssid_of(62), '-', 'the other schema is not concerned');
ROLLBACK TO tables;

-- What CALPADS holds after a replacement ------------------------------------------------------------

DELETE FROM calpads.school_selection;
DELETE FROM sis.stu; DELETE FROM sis.enr; DELETE FROM sis.lac; DELETE FROM sis.cse; DELETE FROM sis.loc;
CREATE TEMPORARY TABLE ods AS SELECT calpads.create_sample_district(40, 3) AS content;
SET LOCAL calpads.removal_limit_percent = 100;
SELECT (calpads.load_ods('SENR', 'ods.txt', content)).load_id FROM ods \g /dev/null
SELECT count(*) FROM calpads.create_extract('SENR') \g /dev/null
DO $$
DECLARE
	next bigint;
BEGIN
	LOOP
		SELECT file_id INTO next FROM calpads.history_open WHERE process = 'SENR';
		EXIT WHEN next IS NULL;
		PERFORM calpads.post_file(next);
	END LOOP;
END;
$$;
SELECT is_empty('SELECT * FROM calpads.senr_delta()', 'CALPADS is up to date');
-- A student of the load, one of a posted file, and one with a chain.
CREATE TEMPORARY TABLE renamed AS
SELECT ssid, '7' || right(ssid, 9) AS fresh FROM (
	(SELECT ssid FROM calpads.ods_senr WHERE reporting_lea = (SELECT min(lea) FROM calpads.school) ORDER BY ssid LIMIT 4)
	UNION
	(SELECT ssid FROM calpads.extract_record WHERE file_id IN (SELECT file_id FROM calpads.extract_file WHERE status = 'Posted' AND process = 'SENR')
		AND transaction_type <> 'D' ORDER BY ssid LIMIT 4)) AS picked
WHERE ssid IN (SELECT cid FROM sis.stu);
SELECT cmp_ok((SELECT count(*) FROM renamed), '>', 4::bigint, 'there are students to be replaced');
CREATE TEMPORARY TABLE former AS SELECT * FROM calpads.ods_senr;
SELECT (calpads.load_ssid_replacement('r.txt', pg_temp.bytes(VARIADIC ARRAY(
	SELECT concat_ws('^', (SELECT min(lea) FROM calpads.school), '', '', ssid, '6' || right(fresh, 9)) FROM renamed
	UNION ALL SELECT concat_ws('^', (SELECT min(lea) FROM calpads.school), '', '', '6' || right(fresh, 9), fresh) FROM renamed)))).load_id AS load \gset
SELECT is_empty('SELECT * FROM calpads.senr_delta()', 'loading the replacements changes nothing');
SELECT count(*) AS expected FROM sis.stu WHERE cid IN (SELECT ssid FROM renamed) \gset
SELECT is((SELECT rows FROM calpads.apply_ssid_replacement(:load)), :expected::bigint, 'they are applied');
SELECT is_empty('SELECT * FROM calpads.senr_delta()', 'a replacement is no difference: nobody is deleted and added again');
SELECT is_empty('SELECT * FROM calpads.senr_held()', 'nor held');
SELECT is((SELECT count(*) FROM calpads.ods_senr WHERE ssid IN (SELECT fresh FROM renamed)), (SELECT count(*) FROM former WHERE ssid IN (SELECT ssid FROM renamed)),
	'the rows of what CALPADS holds count under the replacement');
SELECT is((SELECT count(*) FROM calpads.senr_baseline WHERE ssid IN (SELECT fresh FROM renamed)), 0::bigint, 'without a change to what was loaded');
-- The difference works on from there.
UPDATE sis.enr SET ld = '2025-10-31', er = 'T160' WHERE ld IS NULL AND id IN (SELECT id FROM sis.stu WHERE cid IN (SELECT fresh FROM renamed));
CREATE TEMPORARY TABLE later AS SELECT * FROM calpads.create_extract('SENR');
SELECT cmp_ok((SELECT count(*) FROM later), '>', 0::bigint, 'a later change is sent');
SELECT is((SELECT count(*) FROM calpads.extract_record WHERE file_id IN (SELECT file_id FROM later) AND ssid NOT IN (SELECT fresh FROM renamed)), 0::bigint, 'under the replacement');
SELECT is((SELECT sum(refused) FROM calpads.rehearse((SELECT min(batch_id) FROM later))), 0::numeric, 'which the rehearsal takes');
-- A batch that was made before speaks of retired SSIDs.
SELECT (calpads.load_ssid_replacement('r.txt', pg_temp.bytes(VARIADIC ARRAY(
	SELECT concat_ws('^', (SELECT min(lea) FROM calpads.school), '', '', fresh, '8' || right(fresh, 9)) FROM renamed)))).load_id AS load \gset
SELECT count(*) FROM calpads.apply_ssid_replacement(:load) \g /dev/null
SELECT results_eq('SELECT DISTINCT status FROM calpads.extract_file WHERE file_id IN (SELECT file_id FROM later)', ARRAY['Obsolete'], 'a batch with SSIDs that are retired is given up');
-- Two SSIDs of one student in CALPADS, merged there.
SELECT is((SELECT count(*) FROM (SELECT ssid, school_of_attendance, enrollment_start_date FROM calpads.ods_senr GROUP BY 1, 2, 3 HAVING count(*) > 1) AS twice), 0::bigint, 'no key twice');

SELECT * FROM finish();
ROLLBACK;
