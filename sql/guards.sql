-- Guards on the baseline: an ODS extract that is older than the last posting,
-- and one that lacks a school.  (An older layout: extract.sql.)

\set SHOW_CONTEXT never
TRUNCATE calpads.load, calpads.current_load, calpads.senr_baseline, calpads.load_error, calpads.batch,
	calpads.extract_file, calpads.extract_record, calpads.file_event, calpads.batch_held, calpads.batch_warning,
	calpads.batch_rehearsal, calpads.unseen_posting RESTART IDENTITY;
SET datestyle = iso;
SET calpads.today = '2025-11-01';
SET calpads.sis_schema = 'guards_sis';
SET calpads.removal_limit_percent = 100;
SELECT count(*) > 20 AS made FROM calpads.create_sis_schema('guards_sis');

-- Students 1 to 8 at Oak since August; 8 came new in CALPADS' eyes.
INSERT INTO guards_sis.loc (cd, nm, cc, dc, sc) VALUES
	(0, 'Meadow Unified', '07', '61234', '0000000'),
	(1, 'Oak Elementary', '07', '61234', '6101010');
INSERT INTO guards_sis.stu (sc, sn, id, cid, ln, fn, bd, gn, bcu, gr, tg)
SELECT 1, n, n, 1000000000 + n, 'Alder', 'Ana', '2014-03-01', 'F', 'US', 5, '' FROM generate_series(1, 8) n;
INSERT INTO guards_sis.enr (id, sc, sn, yr, ed, gr, pr)
SELECT n, 1, n, '2025', '2025-08-20', 5, '' FROM generate_series(1, 8) n;

-- CALPADS' file: the students in a grade, the day of the last update.
CREATE FUNCTION ods(first integer, last integer, grade text, updated text, started text DEFAULT '20250820') RETURNS bytea
	LANGUAGE sql AS $$
	SELECT convert_to(string_agg(concat('SENR-R^^^0761234^6101010^^2025-2026^', 1000000000 + n, '^', n,
		'^Ana^^Alder^^^^^20140301^F^^^US^', started, '^10^', grade, '^^^^^^^^^^^^', updated, '^', updated, E'\r\n'), ''), 'UTF8')
	FROM generate_series(first, last) n
$$;
CREATE FUNCTION today8(days integer DEFAULT 0) RETURNS text LANGUAGE sql AS $$ SELECT to_char(current_date + days, 'YYYYMMDD') $$;
-- What was posted, some days ago.
CREATE FUNCTION post_all(days_ago integer DEFAULT 0) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	waiting bigint;
	posted bigint := 0;
BEGIN
	LOOP
		SELECT file_id INTO waiting FROM calpads.history_open ORDER BY batch_id DESC LIMIT 1;
		EXIT WHEN waiting IS NULL;
		PERFORM calpads.post_file(waiting);
		UPDATE calpads.extract_file SET posted_at = posted_at - make_interval(days => days_ago) WHERE file_id = waiting;
		posted := posted + 1;
	END LOOP;
	RETURN posted;
END
$$;

-- The normal cycle: load, create, post, load on another day.
SELECT rows_loaded FROM calpads.load_ods('SENR', 'ods.txt', ods(1, 7, '04', today8(-3)));
SELECT seq, records FROM calpads.create_extract('SENR');
SELECT post_all(2);
SELECT rows_loaded FROM calpads.load_ods('SENR', 'ods.txt', ods(1, 8, '05', today8(-2)));
SELECT count(*) AS doubts FROM calpads.unseen_posting;
SELECT count(*) AS operations FROM calpads.senr_delta();

-- A fresh file on the very day, which shows all of the posting, is no doubt.
UPDATE guards_sis.enr SET gr = 6;
SELECT seq, records FROM calpads.create_extract('SENR');
SELECT post_all();
SELECT rows_loaded FROM calpads.load_ods('SENR', 'ods.txt', ods(1, 8, '06', today8()));
SELECT count(*) AS doubts FROM calpads.unseen_posting;

-- Some of it is there: a warning at the load, and no refusal.
UPDATE guards_sis.enr SET gr = 7;
SELECT seq, records FROM calpads.create_extract('SENR');
SELECT post_all();
SELECT rows_loaded FROM calpads.load_ods('SENR', 'ods.txt', ods(1, 1, '07', today8()) || ods(2, 8, '06', today8(-9)));
SELECT posted, unseen, last_posted_at::date = current_date AS today FROM calpads.unseen_posting;
SELECT count(*) AS operations FROM calpads.senr_delta();

-- Nothing of it: the file is older than the posting.
SELECT seq, records FROM calpads.create_extract('SENR');
SELECT post_all();
UPDATE guards_sis.enr SET gr = 8;
SELECT seq, records FROM calpads.create_extract('SENR');
SELECT post_all();
SELECT rows_loaded FROM calpads.load_ods('SENR', 'ods.txt', ods(1, 8, '07', today8(-1)));
DO $$ BEGIN PERFORM calpads.senr_delta(); EXCEPTION WHEN object_not_in_prerequisite_state THEN
	RAISE NOTICE '%', replace(SQLERRM, to_char(current_date, 'MM/DD/YYYY'), '(today)'); END $$;
DO $$ BEGIN PERFORM calpads.create_extract('SENR'); EXCEPTION WHEN object_not_in_prerequisite_state THEN
	RAISE NOTICE '%', replace(SQLERRM, to_char(current_date, 'MM/DD/YYYY'), '(today)'); END $$;
-- Who knows that CALPADS' extract is up to date, says so; who forces it, has decided.
SET calpads.ods_is_live = on;
SELECT count(*) AS operations FROM calpads.senr_delta();
RESET calpads.ods_is_live;
SELECT count(*) AS operations FROM calpads.senr_delta(force => true);
SELECT seq, records FROM calpads.create_extract('SENR', force => true);
SELECT post_all();
SELECT count(*) AS operations FROM calpads.senr_delta();

-- Loaded days later, but requested before the posting: the newest record of
-- the file tells.  With calpads.ods_is_live nobody is warned.
SELECT rows_loaded FROM calpads.load_ods('SENR', 'ods.txt', ods(1, 8, '08', today8()));
UPDATE guards_sis.enr SET gr = 9;
SELECT seq, records FROM calpads.create_extract('SENR');
SELECT post_all(4);
SET calpads.ods_is_live = on;
SELECT rows_loaded FROM calpads.load_ods('SENR', 'ods.txt', ods(1, 8, '08', today8(-5)));
RESET calpads.ods_is_live;
CREATE VIEW doubt AS SELECT posted, unseen FROM calpads.unseen_posting WHERE load_id = (SELECT max(load_id) FROM calpads.load);
SELECT * FROM doubt;
-- The same file once more.
SELECT rows_loaded FROM calpads.load_ods('SENR', 'ods.txt', ods(1, 8, '08', today8(-5)));
SELECT * FROM doubt;
-- Updated since: CALPADS has not kept the records, and drift tells.
SELECT rows_loaded FROM calpads.load_ods('SENR', 'ods.txt', ods(1, 8, '08', today8(-3)));
SELECT * FROM doubt;

-- Fewer than five records are no proof; rows before the file's window do not count.
UPDATE guards_sis.enr SET gr = 8;
UPDATE guards_sis.enr SET gr = 9 WHERE id <= 4;
SELECT seq, records FROM calpads.create_extract('SENR');
SELECT post_all();
SELECT rows_loaded FROM calpads.load_ods('SENR', 'ods.txt', ods(1, 8, '08', today8()));
SELECT count(*) AS operations FROM calpads.senr_delta();
SELECT post_all() FROM calpads.create_extract('SENR');
SELECT rows_loaded FROM calpads.load_ods('SENR', 'ods.txt', ods(11, 12, '08', today8(), '20250901'));
SELECT * FROM doubt;

-- Posted deletions count when the row is gone.
SELECT rows_loaded FROM calpads.load_ods('SENR', 'ods.txt', ods(1, 8, '08', today8()) || ods(1, 6, '08', today8(), '20250702'));
UPDATE calpads.extract_file SET posted_at = NULL, post_order = NULL, status = 'Obsolete';
UPDATE guards_sis.enr SET gr = 8;
SELECT category, reason, count(*) FROM calpads.senr_delta() GROUP BY category, reason ORDER BY category;
SELECT count(*) AS files FROM calpads.create_extract('SENR');
SELECT post_all();
SELECT rows_loaded FROM calpads.load_ods('SENR', 'ods.txt', ods(1, 8, '08', today8()) || ods(1, 2, '08', today8(), '20250702'));

-- A school without a row: one that is new is right, one with a past is not.
INSERT INTO guards_sis.loc (cd, nm, cc, dc, sc) VALUES (2, 'Elm Elementary', '07', '61234', '6101011');
INSERT INTO guards_sis.stu (sc, sn, id, cid, ln, fn, bd, gn, bcu, gr, tg)
SELECT 2, n, n, 1000000000 + n, 'Birch', 'Ben', '2014-03-01', 'M', 'US', 5, '' FROM generate_series(21, 30) n;
INSERT INTO guards_sis.enr (id, sc, sn, yr, ed, gr, pr)
SELECT n, 2, n, '2025', '2025-08-20', 5, '' FROM generate_series(21, 30) n;
SELECT count(*) AS operations FROM calpads.senr_delta() WHERE school_of_attendance = '6101011';
INSERT INTO guards_sis.enr (id, sc, sn, yr, ed, ld, er, gr, pr)
SELECT n, 2, n, '2024', '2024-08-20', '2025-06-05', 'E155', 4, '' FROM generate_series(21, 29) n;
SELECT count(*) AS operations FROM calpads.senr_delta() WHERE school_of_attendance = '6101011';
INSERT INTO guards_sis.enr (id, sc, sn, yr, ed, ld, er, gr, pr) VALUES (30, 2, 30, '2024', '2024-08-20', '2025-06-05', 'E155', 4, '');
SELECT count(*) AS operations FROM calpads.senr_delta();
SELECT * FROM calpads.create_extract('SENR');
SELECT count(*) > 0 AS forced FROM calpads.senr_delta(force => true);
-- Out of the selection, or once its students were posted.
INSERT INTO calpads.school_selection (sc, selected) VALUES (2, false);
SELECT count(*) AS operations FROM calpads.senr_delta() WHERE school_of_attendance = '6101011';
DELETE FROM calpads.school_selection;
SELECT count(*) > 0 AS files FROM calpads.create_extract('SENR', force => true);
SELECT post_all() > 0 AS posted;
SELECT count(*) AS operations FROM calpads.senr_delta() WHERE school_of_attendance = '6101011';

DROP VIEW doubt;
DROP FUNCTION ods, today8, post_all;
SET client_min_messages = warning;
DROP SCHEMA guards_sis CASCADE;
TRUNCATE calpads.load, calpads.current_load, calpads.senr_baseline, calpads.load_error, calpads.batch,
	calpads.extract_file, calpads.extract_record, calpads.file_event, calpads.batch_held, calpads.batch_warning,
	calpads.batch_rehearsal, calpads.unseen_posting RESTART IDENTITY;
