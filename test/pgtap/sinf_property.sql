-- SINF over random students, enrollments, changes and edits of the log.  What
-- is expected is worked out here from the rules of the state and the log
-- itself, not from the functions that are tested.

BEGIN;
SELECT no_plan();
SET LOCAL client_min_messages = warning;
\ir fixture/district.sql
SELECT setseed(0.7) \g /dev/null

CREATE FUNCTION pg_temp.one_of(VARIADIC choices text[]) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT choices[1 + floor(random() * cardinality(choices))::integer] $$;

-- The district ------------------------------------------------------------------

CREATE TEMPORARY TABLE person AS
SELECT n AS id, pg_temp.one_of('open', 'open', 'open', 'late start', 'left', 'left and back', 'left and elsewhere', 'two schools', 'long stay',
		'no-show', 'last year', 'to come', 'nowhere', 'gap of years') AS kind,
	pg_temp.one_of('2026-08-10', '2026-08-17', '2026-09-08')::date AS first_day,
	pg_temp.one_of('2026-09-10', '2026-09-15', '2026-09-30')::date AS exit_day,
	pg_temp.one_of('2026-09-21', '2026-10-01')::date AS second_day
FROM generate_series(1, 300) AS n;

INSERT INTO sis.stu (sc, sn, id, cid, ln, fn, bd, gn, gr, tg, eth, rc1, bcu, ad, cy, st, zc)
SELECT 10, id, id, CASE WHEN id % 50 <> 0 THEN 1000000000 + id END, 'Last0', 'First0', '2016-01-31', 'F', 5, '', 'N', '700', 'US',
	'0 Elm St', 'Almond', 'CA', '95001'
FROM person;
-- A row for each school.
INSERT INTO sis.stu SELECT (jsonb_populate_record(stu, '{"sc": 20}')).*
FROM sis.stu JOIN person USING (id) WHERE person.kind IN ('two schools', 'left and elsewhere');
INSERT INTO sis.enr (id, sc, sn, ed, ld, er, gr, pr)
SELECT p.id, e.sc, p.id, e.ed, e.ld, e.er, 5, e.pr
FROM person p CROSS JOIN LATERAL (VALUES
	('open', 10, p.first_day, NULL::date, NULL, NULL),
	('late start', 20, p.second_day, NULL, NULL, NULL),
	('left', 10, p.first_day, p.exit_day, 'T160', NULL),
	('left and back', 10, p.first_day, p.exit_day, 'T160', NULL), ('left and back', 10, p.second_day + 2, NULL, NULL, NULL),
	('left and elsewhere', 10, p.first_day, p.exit_day, 'T160', NULL), ('left and elsewhere', 20, p.exit_day + 1, NULL, NULL, NULL),
	('two schools', 10, p.first_day, NULL, NULL, NULL), ('two schools', 20, p.first_day, NULL, NULL, '20'),
	('long stay', 10, '2025-08-11', '2026-06-04', 'E155', NULL), ('long stay', 10, p.first_day, NULL, NULL, NULL),
	('no-show', 10, p.first_day, p.first_day, 'N470', NULL),
	('last year', 10, '2025-08-11', '2026-06-04', 'T160', NULL),
	('to come', 10, '2026-11-02', NULL, NULL, NULL),
	('gap of years', 10, '2024-08-12', '2025-03-03', 'T160', NULL), ('gap of years', 20, p.first_day, NULL, NULL, NULL)
) AS e (kind, sc, ed, ld, er, pr) WHERE e.kind = p.kind;
INSERT INTO sis.con (pid, sq, "or", fn, ln, elv, lw) SELECT id, 1, 1, 'Ana', 'Last0', '10', 'Y' FROM person;
INSERT INTO sis.lac (id, uss) SELECT id, '2021-08-09' FROM person;
INSERT INTO sis.ssd (id, sus) SELECT id, 'N' FROM person;
ANALYZE;

-- Everybody, once ------------------------------------------------------------------

CREATE TEMPORARY TABLE enrolled AS
SELECT id, sc, ed, coalesce(ld, 'infinity') AS ld, pr FROM sis.enr WHERE coalesce(er, '') <> 'N470' AND id % 50 <> 0;
SELECT is_empty('SELECT * FROM calpads.sinf_delta()', 'what was there before is no change');
SELECT bag_eq('SELECT local_student_id::integer FROM calpads.sinf_delta(true)', $$SELECT DISTINCT id FROM enrolled WHERE ld >= '2026-07-01'$$,
	'all students of the school year, each once');
SELECT count(*) FROM calpads.load_ods('SINF', 'SINF.txt', (
	SELECT convert_to(string_agg(replace(calpads.sinf_line(rec), 'SINF^A^', 'SINF-R^^') || '^20260930^20260930' || E'\r\n', ''), 'UTF8')
	FROM calpads.sinf_delta(true))) \g /dev/null

-- Changes by SQL, by many people on many days; of all rows of a student alike -----

SET LOCAL calpads.today = '2026-09-03';
UPDATE sis.stu SET ln = 'Last1' WHERE id IN (SELECT id FROM person WHERE random() < 0.15);
UPDATE sis.stu SET ad = '1 Oak St', zc = '95002' WHERE id IN (SELECT id FROM person WHERE random() < 0.15);
UPDATE sis.con SET elv = '12' WHERE random() < 0.1;
SET LOCAL calpads.today = '2026-09-22';
UPDATE sis.stu SET ln = 'Last2', fn = 'First2' WHERE id IN (SELECT id FROM person WHERE random() < 0.15);
UPDATE sis.stu SET ad = '2 Ash St' WHERE id IN (SELECT id FROM person WHERE random() < 0.15);
UPDATE sis.stu SET bd = '2016-02-02' WHERE id IN (SELECT id FROM person WHERE random() < 0.1);
UPDATE sis.lac SET uss = '2022-08-08' WHERE random() < 0.05;
INSERT INTO sis.con (pid, sq, "or", fn, ln, elv, lw) SELECT id, 2, 2, 'Bo', 'Last2', '11', 'Y' FROM person WHERE random() < 0.05;
SET LOCAL calpads.today = '2026-10-01';
UPDATE sis.stu SET rc1 = '400', eth = 'Y' WHERE id IN (SELECT id FROM person WHERE random() < 0.1);
UPDATE sis.ssd SET sus = 'Y' WHERE random() < 0.05;
INSERT INTO sis.lsi (id, lln) SELECT id, 'Legal' FROM person WHERE random() < 0.05;
UPDATE sis.stu SET rad = '9 Far Rd', gr = 6 WHERE id IN (SELECT id FROM person WHERE random() < 0.3);
UPDATE sis.stu SET mn = '', sf = ' ' WHERE id IN (SELECT id FROM person WHERE random() < 0.3);
-- People edit effective dates and remove rows.
CREATE TEMPORARY TABLE removed (id integer);
WITH gone AS (DELETE FROM sis.lgd WHERE random() < 0.05 RETURNING id) INSERT INTO removed SELECT id FROM gone;
WITH gone AS (DELETE FROM sis.adh WHERE random() < 0.05 RETURNING id) INSERT INTO removed SELECT id FROM gone;
CREATE TEMPORARY TABLE edited (id integer);
WITH moved AS (UPDATE sis.lgd SET dt = pg_temp.one_of('2024-01-05', '2026-08-12', '2026-09-18', '2026-12-24')::date WHERE random() < 0.1 RETURNING id)
INSERT INTO edited SELECT id FROM moved;
WITH moved AS (UPDATE sis.adh SET dt = pg_temp.one_of('2024-01-05', '2026-08-12', '2026-09-18', '2026-12-24')::date WHERE random() < 0.1 RETURNING id)
INSERT INTO edited SELECT id FROM moved;

-- What they ask for: the fields of section 2.2, addresses from ADH.
CREATE TEMPORARY TABLE asked AS
SELECT id, dt AS day, fc IN ('BD', 'BCY', 'BST', 'BCU', 'ETH', 'RC1', 'RC2', 'RC3', 'RC4', 'RC5', 'USS') AS from_start
FROM sis.lgd WHERE fc NOT IN ('AD', 'CY', 'ST', 'ZC', 'ZX', 'RAD', 'RCY', 'RST', 'RZC', 'RZX', 'GR', 'PED')
UNION ALL SELECT id, dt, false FROM sis.adh WHERE ty = 'M';

CREATE TEMPORARY TABLE delta AS SELECT local_student_id::integer AS id, * FROM calpads.sinf_delta();
CREATE TEMPORARY TABLE held AS SELECT DISTINCT local_student_id::integer AS id FROM calpads.sinf_held();
SELECT cmp_ok((SELECT count(*) FROM delta), '>', 200::bigint, 'there are many records');
SELECT set_eq('SELECT id FROM delta', 'SELECT id FROM asked WHERE id IN (SELECT id FROM enrolled)', 'exactly the changed students');
SELECT set_eq('SELECT id FROM held', 'SELECT id FROM asked WHERE id NOT IN (SELECT id FROM enrolled)', 'others are told of');
SELECT is_empty('SELECT ssid, effective_start_date FROM delta GROUP BY 1, 2 HAVING count(*) > 1', 'one record for each student and day');
SELECT is_empty($$SELECT d.* FROM delta d WHERE NOT EXISTS (SELECT FROM sis.senr e WHERE e.ssid = d.ssid AND e.reporting_lea = d.lea
		AND e.student_exit_reason_code IS DISTINCT FROM 'N470' AND e.school_of_attendance = d.school_of_attendance
		AND d.effective_start_date BETWEEN e.enrollment_start_date AND coalesce(e.enrollment_exit_date, 'infinity'))$$,
	'each inside an enrollment of the LEA (GERR0005)');
SELECT is_empty($$SELECT * FROM delta WHERE effective_start_date > '2026-10-01' AND id IN (SELECT id FROM enrolled WHERE ed <= '2026-10-01')$$,
	'none to come, but for an enrollment to come');
-- A day inside an enrollment stays; one outside becomes the exit before it, or the start after it.
SELECT is_empty($$SELECT a.* FROM asked a WHERE NOT a.from_start AND a.day <= '2026-10-01'
		AND EXISTS (SELECT FROM enrolled e WHERE e.id = a.id AND a.day BETWEEN e.ed AND e.ld)
		AND NOT EXISTS (SELECT FROM delta d WHERE d.id = a.id AND d.effective_start_date = a.day)$$, 'a change counts from its day');
SELECT is_empty($$SELECT a.* FROM asked a WHERE NOT a.from_start AND EXISTS (SELECT FROM enrolled e WHERE e.id = a.id)
		AND NOT EXISTS (SELECT FROM enrolled e WHERE e.id = a.id AND a.day BETWEEN e.ed AND e.ld)
		AND NOT EXISTS (SELECT FROM delta d WHERE d.id = a.id AND d.effective_start_date IN (
			SELECT max(e.ld) FROM enrolled e WHERE e.id = a.id AND e.ld < a.day
			UNION SELECT min(e.ed) FROM enrolled e WHERE e.id = a.id AND e.ed > a.day))$$, 'outside of enrollments it is moved to the next border');
SELECT is_empty($$SELECT a.* FROM asked a WHERE a.from_start AND EXISTS (SELECT FROM enrolled e WHERE e.id = a.id)
		AND NOT EXISTS (SELECT FROM delta d WHERE d.id = a.id AND d.effective_start_date = (
			SELECT e.ed FROM enrolled e WHERE e.id = a.id ORDER BY e.ed > '2026-10-01', e.ld > '2026-10-01' DESC, coalesce(e.pr, '') = '20', e.ed DESC LIMIT 1))$$,
	'birth, race, ethnicity and first school day from the start of the newest enrollment');
SELECT is_empty($$SELECT * FROM delta d WHERE d.reason <> 'later_record' AND NOT EXISTS (SELECT FROM asked a WHERE a.id = d.id AND (a.day = d.effective_start_date OR a.from_start
		OR NOT EXISTS (SELECT FROM enrolled e WHERE e.id = a.id AND a.day BETWEEN e.ed AND e.ld) OR a.day > '2026-10-01'))$$, 'no record without an entry');
SELECT is_empty($$SELECT * FROM delta WHERE (changed = '{}' OR causes = '[]' OR explanation IS NULL)$$, 'each record says which entries caused it, and why it has its date');
-- As of its day: the name and address of the last change that counts until then.
SELECT is_empty($$
	SELECT d.id, d.effective_start_date, (d.rec).student_legal_last_name, x.name FROM delta d CROSS JOIN LATERAL (
		SELECT coalesce((SELECT l.nv FROM sis.lgd l WHERE l.id = d.id AND l.tc = 'STU' AND l.fc = 'LN' AND l.dt <= d.effective_start_date ORDER BY l.dt DESC, l.dts DESC LIMIT 1),
			'Last0') AS name) AS x
	WHERE d.id NOT IN (SELECT id FROM removed UNION SELECT id FROM edited UNION SELECT id FROM sis.lsi)
		AND d.id IN (SELECT id FROM person WHERE kind IN ('open', 'long stay', 'two schools') AND first_day < '2026-09-01')
		AND (d.rec).student_legal_last_name <> x.name$$, 'each record has the name of its day');
SELECT is_empty($$
	SELECT d.id, d.effective_start_date, (d.rec).address_line_1, x.street FROM delta d CROSS JOIN LATERAL (
		SELECT coalesce((SELECT a.ad FROM sis.adh a WHERE a.id = d.id AND a.ty = 'M' AND a.dt <= d.effective_start_date ORDER BY a.dt DESC, a.sq DESC LIMIT 1),
			'0 Elm St') AS street) AS x
	WHERE d.id NOT IN (SELECT id FROM removed UNION SELECT id FROM edited)
		AND d.id IN (SELECT id FROM person WHERE kind IN ('open', 'long stay') AND first_day < '2026-09-01')
		AND (d.rec).address_line_1 <> x.street$$, 'and its address');

-- Posted, taken back, posted --------------------------------------------------------------

CREATE TEMPORARY TABLE file AS SELECT * FROM calpads.create_extract('SINF');
SELECT is((SELECT sum(records) FROM file), (SELECT count(*)::numeric FROM delta), 'the file has them all');
SELECT count(*) FROM file f, calpads.post_file(f.file_id) \g /dev/null
SELECT is_empty('SELECT * FROM calpads.sinf_delta()', 'once posted, nothing is left to send');
SELECT count(*) FROM (SELECT calpads.unpost_file(file_id) FROM (SELECT file_id FROM file ORDER BY seq DESC) AS f) AS u \g /dev/null
SELECT set_eq('SELECT ssid, effective_start_date, calpads.sinf_line(rec) FROM calpads.sinf_delta()', 'SELECT ssid, effective_start_date, calpads.sinf_line(rec) FROM delta',
	'taken back, all of it is');
SELECT count(*) FROM file f, calpads.post_file(f.file_id) \g /dev/null
-- CALPADS has what the SIS has, of everybody whose log was left as it was.
SELECT is_empty($$SELECT * FROM calpads.sinf_drift() WHERE local_student_id::integer NOT IN (SELECT id FROM removed)$$, 'CALPADS has what the SIS has');

-- Whoever changes again, withdraws or comes back is alone in the next file.
SET LOCAL calpads.today = '2026-10-15';
UPDATE sis.enr SET ld = '2026-10-09', er = 'T160' WHERE ld IS NULL AND er IS NULL AND ed <= '2026-10-01' AND random() < 0.3;
INSERT INTO sis.enr (id, sc, sn, ed, gr) SELECT id, 30, id, '2026-10-13', 5 FROM sis.enr WHERE ld = '2026-10-09' AND random() < 0.3;
SELECT is_empty('SELECT * FROM calpads.sinf_delta()', 'an enrollment is no change of the student');
CREATE TEMPORARY TABLE next_change AS
WITH next AS (UPDATE sis.stu SET lna = 'Alias3', bcy = 'Birch' WHERE id IN (SELECT id FROM person WHERE random() < 0.2) RETURNING id) SELECT DISTINCT id FROM next WHERE id IN (SELECT id FROM enrolled);
TRUNCATE delta;
INSERT INTO delta SELECT local_student_id::integer, * FROM calpads.sinf_delta();
SELECT set_eq('SELECT id FROM delta', 'SELECT id FROM next_change', 'exactly the changed students again');
SELECT is_empty($$SELECT d.* FROM delta d WHERE NOT EXISTS (SELECT FROM sis.senr e WHERE e.ssid = d.ssid AND e.reporting_lea = d.lea
		AND e.student_exit_reason_code IS DISTINCT FROM 'N470' AND e.school_of_attendance = d.school_of_attendance
		AND d.effective_start_date BETWEEN e.enrollment_start_date AND coalesce(e.enrollment_exit_date, 'infinity'))$$, 'inside enrollments again');
SELECT is_empty('SELECT ssid, effective_start_date FROM delta GROUP BY 1, 2 HAVING count(*) > 1', 'one record for each student and day again');
SELECT count(*) FROM calpads.create_extract('SINF') f, calpads.post_file(f.file_id) \g /dev/null
SELECT is_empty('SELECT * FROM calpads.sinf_delta()', 'and nothing is left');
SELECT is_empty($$SELECT * FROM calpads.sinf_drift() WHERE local_student_id::integer NOT IN (SELECT id FROM removed)$$, 'and CALPADS has what the SIS has');
SELECT bag_eq('SELECT local_student_id::integer FROM calpads.sinf_delta(true)',
	$$SELECT DISTINCT id FROM sis.enr WHERE coalesce(er, '') <> 'N470' AND id % 50 <> 0 AND coalesce(ld, 'infinity') >= '2026-07-01'$$, 'all students, each once');

SELECT * FROM finish();
ROLLBACK;
