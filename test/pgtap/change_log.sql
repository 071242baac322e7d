-- The change log: what changes in the SIS reaches LGD and ADH, however it is changed.

BEGIN;
SELECT plan(53);
\ir fixture/district.sql

SELECT pg_temp.student(jsonb_build_object('id', n, 'ad', '1 Elm St', 'cy', 'Almond', 'st', 'CA', 'zc', '95001')),
	pg_temp.enrollment(jsonb_build_object('id', n)) FROM generate_series(1, 20) AS n \g /dev/null
INSERT INTO sis.con (pid, sq, "or", fn, ln, elv, lw) SELECT n, 1, 1, 'Ana', 'Last', '10', 'Y' FROM generate_series(1, 20) AS n;
INSERT INTO sis.lac (id, uss) SELECT n, '2021-08-09' FROM generate_series(1, 20) AS n;

-- The log of one student, as "table.field old -> new date", in the order of the fields.
CREATE FUNCTION pg_temp.log(student integer) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s.%s %s -> %s %s', tc, fc, coalesce(ov, '-'), coalesce(nv, '-'), dt), ', ' ORDER BY tc, fc, dts, ov)
	FROM sis.lgd WHERE id = student $$;
CREATE FUNCTION pg_temp.addresses(student integer) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', sq, ty, dt, ad, cy, st, rz), ', ' ORDER BY sq) FROM sis.adh WHERE id = student $$;

SELECT is_empty('SELECT * FROM sis.lgd', 'to fill the SIS is no change of anything');
SELECT is_empty('SELECT * FROM sis.adh', 'of no address either');

-- Statements ---------------------------------------------------------------------------

UPDATE sis.stu SET ln = 'Other' WHERE id = 1;
SELECT is(pg_temp.log(1), 'STU.LN Last -> Other 2026-10-01', 'an update is logged, from calpads.today() on');
SELECT is((SELECT un || ' ' || sc FROM sis.lgd WHERE id = 1), session_user || ' 10', 'with user and school');
SELECT ok((SELECT dts BETWEEN now() AND clock_timestamp() FROM sis.lgd WHERE id = 1), 'and time');
UPDATE sis.stu SET gn = 'X', mn = 'M', ng = 6, bd = '2016-02-01' WHERE id = 2;
SELECT is(pg_temp.log(2), 'STU.BD 2016-01-31 -> 2016-02-01 2026-10-01, STU.GN F -> X 2026-10-01, STU.MN - -> M 2026-10-01',
	'each logged column has an entry, others none');
SET LOCAL datestyle = 'German';
UPDATE sis.stu SET bd = '2016-03-01' WHERE id = 2;
RESET datestyle;
SELECT matches(pg_temp.log(2), 'STU.BD 2016-02-01 -> 2016-03-01', 'dates are written the same way for everybody');
UPDATE sis.stu SET ln = ln, mn = ' ' WHERE id = 3;
UPDATE sis.stu SET ln = ln || '  ', mn = NULL WHERE id = 3;
SELECT is(pg_temp.log(3), NULL, 'a value that stays, or one blank in place of another, is no change');
UPDATE sis.stu SET id = 99, sn = 99, ln = 'Moved' WHERE id = 4;
SELECT is(pg_temp.log(99), 'STU.LN Last -> Moved 2026-10-01', 'rows are paired though the statement changes their key');

UPDATE sis.stu SET rc1 = CASE WHEN id % 2 = 0 THEN '700' ELSE '400' END;
SELECT is((SELECT count(*) || ' ' || count(DISTINCT id) FROM sis.lgd WHERE fc = 'RC1'), '20 20', 'a mass update has an entry for each row');
SELECT is((SELECT bool_and((id % 2 = 0) = (nv = '700')) FROM sis.lgd WHERE fc = 'RC1'), true, 'with its own value');
UPDATE sis.stu SET rc1 = '600' FROM sis.con WHERE con.pid = stu.id AND con.fn = 'Nobody';
SELECT is((SELECT count(*) FROM sis.lgd WHERE fc = 'RC1'), 20::bigint, 'one of no row has none');
INSERT INTO sis.stu (sc, sn, id) SELECT 20, 100000 + n, 100000 + n FROM generate_series(1, 25000) AS n;
UPDATE sis.stu SET fna = 'A' || id WHERE id > 100000;
SELECT is((SELECT count(*) || ' ' || count(DISTINCT id) || ' ' || bool_and(nv = 'A' || id) FROM sis.lgd WHERE fc = 'FNA'), '25000 25000 true',
	'many rows, of which entries are written in portions');
DELETE FROM sis.stu WHERE id > 100000;
SELECT is((SELECT count(*) FROM sis.lgd WHERE id > 100000), 25000::bigint, 'a student who goes is no change of a value');
WITH changed AS (UPDATE sis.stu SET lna = 'In a query' WHERE id = 5 RETURNING id) SELECT count(*) FROM changed \g /dev/null
SELECT matches(pg_temp.log(5), 'STU.LNA - -> In a query', 'an update inside a query');
CREATE FUNCTION pg_temp.change() RETURNS void LANGUAGE plpgsql AS $$ BEGIN UPDATE sis.stu SET lna = 'In a function' WHERE id = 6; END $$;
SELECT pg_temp.change() \g /dev/null
SELECT matches(pg_temp.log(6), 'STU.LNA - -> In a function', 'or in a function');

-- Addresses ------------------------------------------------------------------------------

UPDATE sis.stu SET ad = '2 Oak St', zc = '95002', zx = '1234' WHERE id = 7;
SELECT is(pg_temp.addresses(7), '1 M 2026-10-01 2 Oak St Almond CA 95002-1234', 'a new address is in ADH as a whole');
SELECT is(pg_temp.log(7), 'STU.AD 1 Elm St -> 2 Oak St 2026-10-01, STU.RC1 - -> 400 2026-10-01, STU.ZC 95001 -> 95002 2026-10-01, STU.ZX - -> 1234 2026-10-01',
	'and what changed in LGD, with the values before');
UPDATE sis.stu SET ad = '3 Oak St' WHERE id = 7;
SELECT is(pg_temp.addresses(7), '1 M 2026-10-01 2 Oak St Almond CA 95002-1234, 2 M 2026-10-01 3 Oak St Almond CA 95002-1234', 'the next one has the next number');
UPDATE sis.stu SET rad = '9 Far Rd' WHERE id = 8;
SELECT is(pg_temp.addresses(8), '1 R 2026-10-01 9 Far Rd', 'the residence is another address');
SELECT pg_temp.student('{"id": 9, "sc": 20, "ad": "1 Elm St", "cy": "Almond", "st": "CA", "zc": "95001"}') \g /dev/null
UPDATE sis.stu SET ad = '5 Elm St' WHERE id = 9;
SELECT is(pg_temp.addresses(9), '1 M 2026-10-01 5 Elm St Almond CA 95001', 'a student with rows at two schools has one address');
SELECT is((SELECT count(*) FROM sis.lgd WHERE id = 9 AND fc = 'AD'), 2::bigint, 'and two entries in LGD, one for each school');

-- Contacts, language dates ---------------------------------------------------------------------

UPDATE sis.con SET elv = '11' WHERE pid = 10;
UPDATE sis.lac SET uss = '2020-08-10', sd = '2020-08-10' WHERE id = 10;
SELECT is(pg_temp.log(10), 'CON.ELV 10 -> 11 2026-10-01, LAC.USS 2021-08-09 -> 2020-08-10 2026-10-01, STU.RC1 - -> 700 2026-10-01', 'CON and LAC are logged too');
SELECT is((SELECT sc FROM sis.lgd WHERE id = 10 AND tc = 'CON'), NULL, 'they have no school');
DELETE FROM sis.con WHERE pid = 11;
SELECT matches(pg_temp.log(11), 'CON.ELV 10 -> - 2026-10-01, CON.FN Ana -> - 2026-10-01', 'a contact that goes takes its values along');
UPDATE sis.con SET del = true WHERE pid = 12;
SELECT matches(pg_temp.log(12), 'CON.DEL f -> t', 'one that is marked as deleted goes as well');

-- Rows that come count once CALPADS has SINF records from here.
INSERT INTO calpads.extract_file (batch_id, process, lea, seq, category, file_name, records, status, posted_at)
VALUES (1, 'SINF', '0110017', 1, 'SINF', '001_SINF.txt', 1, 'Posted', now());
INSERT INTO sis.con (pid, sq, "or", fn, ln, elv) VALUES (13, 2, 2, 'Bo', 'Last', '12');
SELECT matches(pg_temp.log(13), 'CON.ELV - -> 12 2026-10-01, CON.FN - -> Bo 2026-10-01, CON.LN - -> Last 2026-10-01, CON.OR - -> 2', 'a new contact');
SELECT pg_temp.student('{"id": 300}') \g /dev/null
SELECT is(pg_temp.log(300), 'STU.ID - -> 300 2026-10-01', 'a new student');
COPY sis.con (pid, sq, "or", fn, ln, elv) FROM stdin;
14	2	2	Cy	Last	13
15	2	2	Di	Last	14
\.
SELECT is((SELECT string_agg(concat_ws(' ', id, nv), ', ' ORDER BY id) FROM sis.lgd WHERE fc = 'FN' AND id IN (14, 15)), '14 Cy, 15 Di', 'COPY is no way around');
INSERT INTO sis.lac (id, uss) VALUES (300, '2024-08-12');
SELECT matches(pg_temp.log(300), 'LAC.USS - -> 2024-08-12', 'a new language record');

-- The user edits and removes -------------------------------------------------------------------

UPDATE sis.lgd SET dt = '2026-09-01' WHERE id = 1 AND fc = 'LN';
SELECT is((SELECT count(*) || ' ' || min(dt) FROM sis.lgd WHERE id = 1 AND fc = 'LN'), '1 2026-09-01', 'the effective date can be edited, and that is logged nowhere');
SELECT lives_ok('DELETE FROM sis.lgd WHERE id = 1', 'an entry can be removed');
SELECT lives_ok('DELETE FROM sis.adh WHERE id = 7', 'so can an address');

-- Which fields -----------------------------------------------------------------------------------

INSERT INTO calpads.logged_field (table_name, column_name, student_column, log, event, date_group) VALUES ('stu', 'u1', 'id', 'LGD', 'update', 'date of change');
UPDATE sis.stu SET u1 = 'x' WHERE id = 16;
SELECT matches(pg_temp.log(16), 'STU.U1 - -> x', 'a district adds a field by a row');
SELECT is_empty($$SELECT f.table_name, f.column_name FROM calpads.logged_field f
	WHERE NOT EXISTS (SELECT FROM calpads.sis_table t WHERE (t.table_name, t.column_name) = (f.table_name, f.column_name))
		OR NOT EXISTS (SELECT FROM calpads.sis_table t WHERE (t.table_name, t.column_name) = (f.table_name, f.student_column))$$,
	'the logged fields are columns of the SIS');
SELECT is_empty($$SELECT f.sinf_field FROM calpads.logged_field f WHERE f.sinf_field IS NOT NULL
	AND NOT EXISTS (SELECT FROM calpads.layout_field l WHERE l.layout = 'sinf' AND l.name = f.sinf_field)$$, 'and their fields are fields of SINF');

-- Who may what, and where -----------------------------------------------------------------------

CREATE ROLE change_log_owner;
CREATE ROLE change_log_clerk;
GRANT USAGE ON SCHEMA sis TO change_log_clerk, change_log_owner;
GRANT SELECT, UPDATE ON sis.stu TO change_log_clerk;
CREATE SCHEMA hostile;
GRANT USAGE ON SCHEMA hostile TO change_log_clerk;
CREATE FUNCTION hostile.seen(date, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hostile'; END $$;
CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq);
CREATE TABLE hostile.lgd (id integer);
CREATE FUNCTION hostile.unnest(text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hostile'; END $$;
SET LOCAL ROLE change_log_clerk;
SELECT throws_ok('INSERT INTO sis.lgd (id) VALUES (1)', '42501', NULL, 'who may change students may not write the log');
SET LOCAL search_path = hostile, pg_catalog;
UPDATE sis.stu SET ln = 'By a clerk' WHERE id OPERATOR(pg_catalog.=) 17;
RESET search_path;
RESET ROLE;
SELECT matches(pg_temp.log(17), 'STU.LN Last -> By a clerk', 'yet what such a one changes is logged, whatever the search path is');
SELECT is_empty('SELECT * FROM hostile.lgd', 'in the schema of the table');

ALTER SCHEMA sis RENAME TO "Renamed ""sis""";
UPDATE "Renamed ""sis""".stu SET ln = 'Renamed', ad = '8 New St' WHERE id = 18;
SELECT is((SELECT count(*) FROM "Renamed ""sis""".lgd WHERE id = 18 AND nv = 'Renamed') + (SELECT count(*) FROM "Renamed ""sis""".adh WHERE id = 18), 2::bigint,
	'a schema can be renamed');
ALTER SCHEMA "Renamed ""sis""" RENAME TO sis;

-- Only what belongs to the log is its function's business.
SELECT throws_ok('SELECT calpads.log_change()', '39P01', NULL, 'it is a trigger function');
CREATE TRIGGER by_row AFTER UPDATE ON sis.loc FOR EACH ROW EXECUTE FUNCTION calpads.log_change('stu');
SELECT throws_ok('UPDATE sis.loc SET nm = nm', '39P01', 'trigger "by_row" does not call calpads.log_change() as it has to be', 'of statements, with their rows');
DROP TRIGGER by_row ON sis.loc;
DROP TABLE sis.adh;
SELECT throws_ok($$UPDATE sis.stu SET ad = '9 New St' WHERE id = 18$$, '42P01', NULL, 'without a log nothing can be changed unseen');

-- Tables of the district's own ----------------------------------------------------------------------

CREATE SCHEMA own_log;
CREATE TABLE own_log.stu (LIKE sis.stu) PARTITION BY RANGE (sc);
CREATE TABLE own_log.stu_low PARTITION OF own_log.stu FOR VALUES FROM (0) TO (20);
CREATE TABLE own_log.stu_high PARTITION OF own_log.stu FOR VALUES FROM (20) TO (1000);
CREATE VIEW own_log.con AS SELECT * FROM sis.con;
SELECT set_eq($$SELECT object, what FROM calpads.create_sis_schema('own_log') WHERE object LIKE 'change log%'$$,
	$$VALUES ('change log of own_log.con', 'not kept: it is a view, which can have no such triggers; its own system has to fill LGD and ADH'),
		('change log of own_log.stu', 'not kept: the table was there before; calpads.log_changes(''stu'') makes its triggers')$$,
	'create_sis_schema() tells of tables whose changes are not logged');
SELECT throws_ok($$SELECT calpads.log_changes('con', 'own_log')$$, '42809', 'changes of own_log.con cannot be logged', 'a view has no log');
SELECT throws_ok($$SELECT calpads.log_changes('enr', 'own_log')$$, '42704', NULL, 'a table of which nothing is logged neither');
SELECT lives_ok($$SELECT calpads.log_changes('stu', 'own_log')$$, 'a partitioned table has one on demand');
INSERT INTO own_log.stu (sc, sn, id, ln, del) VALUES (10, 1, 1, 'Low', false), (20, 2, 2, 'High', false);
DELETE FROM own_log.lgd;
UPDATE own_log.stu SET ln = ln || '!', sc = CASE sc WHEN 10 THEN 30 ELSE sc END;
SELECT is((SELECT string_agg(format('%s %s -> %s', id, ov, nv), ', ' ORDER BY id) FROM own_log.lgd), '1 Low -> Low!, 2 High -> High!', 'also for rows that change the partition');
UPDATE own_log.stu_high SET ln = 'Directly' WHERE id = 2;
SELECT is((SELECT count(*) FROM own_log.lgd WHERE nv = 'Directly'), 1::bigint, 'and for those of a partition by its name');
ALTER TABLE own_log.stu DISABLE TRIGGER calpads_log_update;
SELECT is((SELECT obstacle FROM calpads.unlogged_tables('own_log') WHERE table_name = 'stu'),
	'not kept: its triggers are disabled; ALTER TABLE own_log.stu ENABLE TRIGGER USER switches them on', 'a trigger that is disabled is told of');
SELECT throws_ok($$SELECT calpads.log_changes('stu', 'own_log')$$, '42809', 'changes of own_log.stu cannot be logged', 'and made no second time');
ALTER TABLE own_log.stu ENABLE TRIGGER USER;
SELECT is_empty($$SELECT * FROM calpads.unlogged_tables('own_log') WHERE table_name = 'stu'$$, 'switched on again');
DROP TABLE own_log.lgd;
CREATE TABLE own_log.lgd (id integer, fc text, dt date);
SELECT throws_ok($$UPDATE own_log.stu SET ln = 'Narrow' WHERE id = 2$$, '42703', NULL, 'a log of another form is an error, not a loss');

SELECT * FROM finish();
ROLLBACK;
