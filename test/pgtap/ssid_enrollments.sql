-- What CALPADS holds after the updated file of a match session was posted: the
-- enrollments of Select rows at once, those of New SSID rows as soon as their
-- SSIDs have come.  The next SENR difference does not send them again.

BEGIN;
SELECT no_plan();
SET LOCAL calpads.today = '2025-11-01';
SET LOCAL client_min_messages = error;

SELECT count(*) FROM calpads.create_sis_schema() \g /dev/null
INSERT INTO sis.loc (cd, nm, cc, dc, sc) VALUES
	(0, 'Meadow Unified', '07', '61234', '0000000'),
	(1, 'Oak Elementary', '07', '61234', '6101010');
INSERT INTO sis.stu (sc, sn, id, cid, ln, fn, bd, gn, bcu, gr, tg, del)
SELECT 1, id, id, CASE WHEN id > 100 THEN (1000000000::bigint + id)::text END, 'Last' || translate(id::text, '0123456789', 'abcdefghij'), 'First',
	DATE '2014-01-01' + id, 'F', 'US', 5, '', false
FROM unnest(ARRAY[1, 2, 3, 4, 101, 102, 103]) AS id;
INSERT INTO sis.enr (id, sc, sn, yr, ed, gr, del)
SELECT id, 1, id, '2025', '2025-08-20', 5, false FROM sis.stu;

CREATE FUNCTION pg_temp.bytes(VARIADIC lines text[]) RETURNS bytea LANGUAGE sql AS
	$$SELECT convert_to(array_to_string(lines, E'\r\n') || E'\r\n', 'UTF8')$$;
-- An ODS extract of what the SIS has of the students with an SSID.
CREATE FUNCTION pg_temp.ods() RETURNS bytea LANGUAGE sql AS $$
	SELECT pg_temp.bytes(VARIADIC array_agg(calpads.senr_line(s) || '^20250901^20250901' ORDER BY s.ssid))
	FROM (SELECT (jsonb_populate_record(NULL::calpads.senr, to_jsonb(p))).* FROM sis.senr p) AS s
$$;
CREATE FUNCTION pg_temp.sent() RETURNS text LANGUAGE sql AS
	$$SELECT coalesce(string_agg(concat_ws(' ', category, transaction_type, local_student_id, reason), ', ' ORDER BY local_student_id), 'nothing') FROM calpads.senr_delta()$$;
CREATE FUNCTION pg_temp.held() RETURNS text LANGUAGE sql AS
	$$SELECT string_agg(local_student_id || ' ' || ssid, ', ' ORDER BY ssid) FROM calpads.ods_senr$$;

SELECT (calpads.load_ods('SENR', 'ods.txt', pg_temp.ods())).rows_loaded AS loaded \gset
SELECT is(:loaded, 3, 'CALPADS holds the students who have an SSID');
SELECT is(pg_temp.sent(), 'nothing', 'and there is no difference');
SELECT file_id AS request FROM calpads.create_ssid_request() \gset
SELECT calpads.load_match_result(base_name || '.csv', pg_temp.bytes('LocalID,SSID,Category,Score', '1,2000000001,Single Match,100', '2,,No Match,', '3,,No Match,', '4,,No Match,')) AS session
FROM calpads.ssid_request WHERE request_id = :request \gset
SELECT calpads.decide_match(:session, 1, 'Select', '2000000001'), calpads.decide_match(:session, 2, 'New SSID'), calpads.decide_match(:session, 3, 'New SSID'),
	calpads.decide_match(:session, 4, 'No Match') \g /dev/null
SELECT file_id AS updated FROM calpads.create_ssid_update(:session) \gset
SELECT is((calpads.post_file(:updated)).status, 'Posted', 'the updated file is posted');
SELECT is(pg_temp.held(), '101 1000000101, 102 1000000102, 103 1000000103, 1 2000000001', 'CALPADS holds the selected student; nobody knows the new SSIDs yet');
SELECT is((SELECT count(*) FROM calpads.senr_delta() WHERE transaction_type = 'D'), 0::bigint, 'which the SIS has not got yet, but nothing is deleted');
SAVEPOINT posted;
SELECT is((calpads.unpost_file(:updated)).status, 'Post', 'the posting can be taken back');
SELECT is(pg_temp.held(), '101 1000000101, 102 1000000102, 103 1000000103', 'and then CALPADS does not hold the student');
ROLLBACK TO posted;

SELECT (calpads.load_ssid_extract('SSID.txt', pg_temp.bytes('0761234^6101010^2000000001^1^Lastb^First^^F^20140102^20250820^05^^^^20200101^',
	'0761234^6101010^2000000002^2^Lastc^First^^F^20140103^20250820^05^^^^20251101^',
	'0761234^6101010^2000000003^3^Other^First^^F^20150103^20250820^05^^^^20251102^'))).load_id AS load \gset
SELECT results_eq(format('SELECT student_id, verdict FROM calpads.ssid_review WHERE load_id = %s ORDER BY line_no', :load),
	$$VALUES (1, 'ok'), (2, 'ok'), (3, 'identity_stop')$$, 'an SSID that was made on the day of the request, as calpads.today has it, is a new one');
SELECT is((SELECT sum(rows) FROM calpads.apply_ssid_extract(:load)), 2::numeric, 'the SSIDs are written');
SELECT is(pg_temp.held(), '101 1000000101, 102 1000000102, 103 1000000103, 1 2000000001, 2 2000000002', 'now the new SSID is known that CALPADS made for the posted row');
SELECT is(pg_temp.sent(), 'nothing', 'and the next difference does not send the enrollments again');
SELECT is((SELECT string_agg(split_part(line, '^', 9) || '=' || split_part(line, '^', 8), ' ' ORDER BY n) FROM regexp_split_to_table(
	rtrim(convert_from(calpads.file_content(:updated), 'UTF8'), E'\r\n'), '\r\n') WITH ORDINALITY AS l (line, n)), '1=2000000001 2= 3=', 'the file is what it was');
SELECT is((SELECT count(*) FROM calpads.mail WHERE status = 'cancelled' AND body ~ 'STU 2' AND body !~ '\d{10}|Last|First'), 1::bigint,
	'the counts are in calpads.mail although nobody is named to get them');

-- What changes afterwards is sent over it, and can be rehearsed.
UPDATE sis.enr SET ld = '2025-10-30', er = 'T160' WHERE id IN (1, 2);
UPDATE sis.stu SET tg = 'I' WHERE id IN (1, 2);
SELECT is(pg_temp.sent(), 'Exits A 1 exit_added, Exits A 2 exit_added', 'later changes are changes of the posted rows');
SELECT count(*) FROM calpads.create_extract('SENR') \g /dev/null
SELECT is((SELECT sum(refused) FROM calpads.rehearse((SELECT max(batch_id) FROM calpads.batch))), 0::numeric, 'which the rehearsal finds in order');
SELECT is((SELECT verdict FROM calpads.batch ORDER BY batch_id DESC LIMIT 1), 'accepted', 'to its end');
SELECT calpads.post_file(file_id) FROM calpads.history_open WHERE process = 'SENR' \g /dev/null
SELECT is(pg_temp.sent(), 'nothing', 'a second difference is empty');

-- A replacement of the new SSID carries on.
SELECT (calpads.load_ssid_replacement('r.txt', pg_temp.bytes('0761234^^^2000000002^3000000002', '0761234^^^1000000101^3000000101'))).load_id AS pairs \gset
SELECT is((SELECT rows FROM calpads.apply_ssid_replacement(:pairs)), 2::bigint, 'the new SSID is replaced');
SELECT is(pg_temp.sent(), 'nothing', 'and that is no difference either');

-- A newer ODS extract shows what is there.
SELECT (calpads.load_ods('SENR', 'ods2.txt', pg_temp.ods())).rows_loaded \g /dev/null
SELECT is(pg_temp.sent(), 'nothing', 'a newer load, which has them itself, makes no difference');
SELECT is_empty('SELECT * FROM calpads.unseen_posting', 'and shows all that was posted, under the SSIDs of now');
SELECT is_empty($$SELECT * FROM calpads.drift('SENR')$$, 'so nothing has drifted');
SELECT throws_like('SELECT calpads.unpost_file(' || :updated || ')', 'file % belongs to a closed history', 'then the posting belongs to the past');

-- The other checks of the SSID extract that keep a student from another's SSID.
INSERT INTO sis.stu (sc, sn, id, ln, fn, bd, gn, bcu, gr, tg, del)
SELECT 1, id, id, 'Other' || translate(id::text, '0123456789', 'abcdefghij'), 'First', DATE '2014-01-01' + id, 'F', 'US', 5, '', false FROM generate_series(201, 204) AS id;
INSERT INTO sis.enr (id, sc, sn, yr, ed, gr, del) SELECT id, 1, id, '2025', '2025-08-20', 5, false FROM generate_series(201, 204) AS id;
SELECT file_id AS request FROM calpads.create_ssid_request(keep => ARRAY[201, 202]) \gset
SELECT throws_like(format('SELECT calpads.load_match_result(%L, pg_temp.bytes(''LocalID,SSID,Category,Score,Local ID'', ''201,2000000201,Single Match,100,202''))', base_name || '.csv'),
	'the result % has two columns for one field', 'nobody guesses which of two local IDs is meant') FROM calpads.ssid_request WHERE request_id = :request;
SELECT calpads.load_match_result(base_name || '.csv', pg_temp.bytes('SSID,Result_SENR_SSID,LocalID,Category,Score', 'mine,2000000201,201,Single Match,100', ',,202,No Match,')) AS session
FROM calpads.ssid_request WHERE request_id = :request \gset
SELECT results_eq('SELECT ssid, extra FROM calpads.match_candidate WHERE session_id = ' || :session, $$VALUES ('2000000201' COLLATE "C", '{"SSID": "mine"}'::jsonb)$$,
	'a column with CALPADS'' own name goes before another that could be meant');
SELECT calpads.load_match_result(base_name || '.csv', pg_temp.bytes('LocalID,SSID,Category,Score', '201,2000000201,Single Match,100', '202,,No Match,'), true) AS session
FROM calpads.ssid_request WHERE request_id = :request \gset
SELECT calpads.decide_match(:session, 201, 'Select', '2000000201') \g /dev/null
SELECT (calpads.load_ssid_extract('SSID.txt', pg_temp.bytes('0761234^6101010^2000000201^202^Othercac^First^^F^20140722^20250820^05',
	'0761234^6101010^2000000203^203^Othercad^First^^F^20140723^20240820^04', '0761234^6101010^2000000203^999^Othercad^First^^F^20140723^20250820^05'))).load_id AS load \gset
SELECT results_eq(format('SELECT line_no, verdict FROM calpads.ssid_review WHERE load_id = %s ORDER BY line_no', :load),
	$$VALUES (1::bigint, 'unexpected'), (2, 'ok'), (3, 'no_student')$$, 'an SSID that another student was promised; a local ID that nobody has does not stand against its SSID');
SELECT (calpads.load_ssid_replacement('r.txt', pg_temp.bytes('0761234^^^4000000001^1000000103'))).load_id AS pairs \gset
UPDATE sis.stu SET osi = '4000000001' WHERE id = 102;
SELECT results_eq(format('SELECT verdict FROM calpads.replacement_review WHERE load_id = %s', :pairs), ARRAY['collision'], 'a retired SSID that one student had, and its replacement that another one has');

SELECT * FROM finish();
ROLLBACK;
