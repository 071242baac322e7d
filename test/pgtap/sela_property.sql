-- SELA over a cross product: every status, date, language and grade in the SIS
-- against every history in CALPADS.  What is expected is worked out here from
-- the rules of the state, not from the functions that are tested.

BEGIN;
SELECT plan(17);
SET LOCAL client_min_messages = warning;
\ir fixture/district.sql
SELECT pg_temp.translate('STU.GR', '-2', 'PS') \g /dev/null

-- The dates before and after today (2026-10-01), in enrollments (2025-08-11 to
-- 2026-06-04, 2026-08-10 on), between and before them.
CREATE TEMPORARY TABLE sis_case AS
SELECT row_number() OVER () AS id, status, day, language, grade, history
FROM unnest(ARRAY['EO', 'TBD', 'EL', 'IFEP', 'RFEP', 'ADEL', NULL, 'XX']) AS status,
	unnest(ARRAY[NULL, '2024-09-02', '2025-10-01', '2026-07-15', '2026-09-10', '2026-12-01']::date[]) AS day,
	unnest(ARRAY['spa', 'eng', NULL]) AS language,
	unnest(ARRAY[5, -2]) AS grade,
	unnest(ARRAY['', 'TBD 2025-10-01 spa', 'TBD 2026-09-10 01', 'EO 2025-10-01 eng', 'EO 2026-09-10 00', 'EO 2024-09-02 ase',
		'EL 2024-09-02 spa', 'EL 2025-10-01 vie', 'EL 2024-09-02 spa other', 'EL 2024-09-02 spa,RFEP 2025-10-01 spa', 'RFEP 2026-09-10 vie',
		'IFEP 2025-10-01 spa', 'ADEL 2025-10-01 vie', 'TBD 2024-09-02 spa,EO 2025-10-01 eng', 'TBD 2024-09-02 spa other',
		'EO 2024-09-02 eng other']) AS history;
CREATE TEMPORARY TABLE calpads_row AS
SELECT c.id, word[1] AS status, word[2]::date AS day, word[3] AS language, word[4] IS NOT NULL AS is_foreign
FROM sis_case c, string_to_table(c.history, ',') AS r, string_to_array(r, ' ') AS word WHERE c.history <> '';

INSERT INTO sis.stu (sc, sn, id, cid, ln, fn, bd, gn, gr, tg, lf, hl, ed)
SELECT 10, id, id, 1000000000 + id, 'Last', 'First', '2000-01-31', 'F', grade, '', letter, language, day
FROM sis_case LEFT JOIN (VALUES ('EO', 'E'), ('TBD', 'T'), ('EL', 'L'), ('IFEP', 'I'), ('RFEP', 'R'), ('ADEL', 'A'), ('XX', 'X')) AS code (status, letter) USING (status);
SELECT pg_temp.translate('STU.LF', letter, status)
FROM (VALUES ('EO', 'E'), ('TBD', 'T'), ('EL', 'L'), ('IFEP', 'I'), ('RFEP', 'R'), ('ADEL', 'A')) AS code (status, letter) \g /dev/null
INSERT INTO sis.lac (id, sts, sd, rd1, ifd, aes) SELECT id, day, day, day, day, day FROM sis_case;
INSERT INTO sis.enr (id, sc, sn, ed, ld, er, gr)
SELECT id, 10, id, '2025-08-11'::date, '2026-06-04'::date, 'E155', grade FROM sis_case
UNION ALL SELECT id, 10, id, '2026-08-10', NULL, NULL, grade FROM sis_case;
ANALYZE;

SELECT is((SELECT rows_rejected FROM calpads.load_ods('SELA', 'sela.txt', (
	SELECT convert_to(string_agg(concat_ws('^', 'SELA-R', '', '', CASE WHEN is_foreign THEN '1999999' ELSE '0110017' END, '6000010', '2026-2027',
		1000000000 + id, 'First', 'Last', '20000131', 'F', id, status, to_char(day, 'YYYYMMDD'), language, '', '20260901', '20260901') || E'\r\n', ''
		ORDER BY id, day), 'UTF8')
	FROM calpads_row))), 0::bigint, 'the history is loaded');

CREATE TEMPORARY TABLE delta AS SELECT local_student_id::integer AS id, * FROM calpads.sela_delta();
CREATE TEMPORARY TABLE held AS SELECT DISTINCT local_student_id::integer AS id FROM calpads.sela_held();
CREATE TEMPORARY TABLE conflict AS SELECT local_student_id::integer AS id, * FROM calpads.sela_conflict;
CREATE TEMPORARY TABLE sent AS
SELECT d.id, (d.rec).english_language_acquisition_status_code AS status, (d.rec).english_language_acquisition_status_start_date AS day,
	(d.rec).primary_language_code AS language, d.reason, c.grade, newest.status AS former, newest.day AS former_day
FROM delta d JOIN sis_case c USING (id)
	LEFT JOIN LATERAL (SELECT r.status, r.day FROM calpads_row r WHERE r.id = d.id ORDER BY r.day DESC LIMIT 1) AS newest ON true;

-- Exactly one place for each --------------------------------------------------------------

SELECT is_empty('SELECT id FROM delta GROUP BY id HAVING count(*) > 1', 'of a student at most one record is sent');
SELECT is_empty('SELECT id FROM conflict GROUP BY id HAVING count(*) > 1', 'and at most one conflict told');
SELECT is_empty('SELECT id FROM delta INTERSECT SELECT id FROM held', 'nobody is sent and held');
SELECT is_empty('SELECT id FROM delta INTERSECT SELECT id FROM conflict', 'nobody is sent and a conflict');
SELECT is_empty('SELECT id FROM held INTERSECT SELECT id FROM conflict', 'nobody is held and a conflict');
-- Equal: CALPADS' newest status, with its day and language, is that of the SIS.
-- Of preschool it is enough that CALPADS has the status or that the SIS has none.
CREATE TEMPORARY TABLE differing AS
SELECT c.id
FROM sis_case c
WHERE CASE
	WHEN c.grade = -2 THEN c.status IS NOT NULL AND NOT EXISTS (SELECT FROM calpads_row r WHERE r.id = c.id AND r.status = c.status)
	WHEN c.status IS NULL OR c.status = 'XX' THEN true
	ELSE NOT EXISTS (
		SELECT FROM calpads_row r
		WHERE r.id = c.id AND r.status = c.status
			AND r.day IS NOT DISTINCT FROM CASE WHEN c.status IN ('EO', 'TBD') THEN coalesce(c.day, '2026-08-10') ELSE c.day END
			AND CASE r.language WHEN '01' THEN 'spa' WHEN '00' THEN 'eng' ELSE r.language END IS NOT DISTINCT FROM c.language
			AND NOT EXISTS (SELECT FROM calpads_row later WHERE later.id = c.id AND later.day > r.day))
	END;
SELECT cmp_ok((SELECT count(*) FROM differing), '>', 4000::bigint, 'there are many who differ');
SELECT is_empty('SELECT id FROM differing EXCEPT (SELECT id FROM delta UNION SELECT id FROM held UNION SELECT id FROM conflict)',
	'everybody who differs is sent, held or told of');
SELECT is_empty('(SELECT id FROM delta UNION SELECT id FROM conflict) EXCEPT SELECT id FROM differing', 'nobody who is equal is sent or told of');

-- What is sent breaks no rule of CALPADS -----------------------------------------------------

SELECT cmp_ok((SELECT count(*) FROM sent), '>', 20::bigint, 'some are sent');
SELECT is_empty($$SELECT * FROM sent WHERE status IN ('EL', 'IFEP') OR status IS NULL$$, 'EL and IFEP are never sent');
SELECT is_empty($$SELECT * FROM sent WHERE grade = -2$$, 'nor preschool');
SELECT is_empty($$SELECT * FROM sent WHERE (coalesce(former, '-'), status) NOT IN (('-', 'TBD'), ('-', 'EO'), ('-', 'ADEL'), ('TBD', 'EO'), ('EO', 'TBD'),
	('EL', 'RFEP'), ('EL', 'ADEL'), ('EO', 'EO'), ('RFEP', 'RFEP'), ('ADEL', 'ADEL'))$$, 'no forbidden transition (SELA0255, SELA0281)');
SELECT is_empty($$SELECT * FROM sent WHERE (former = status AND (day <> former_day OR reason <> 'language_changed')) OR (former <> status AND day <= former_day)$$,
	'a status keeps its start (SELA0283), a new one is later (SELA0285)');
SELECT is_empty($$SELECT * FROM sent WHERE NOT (day BETWEEN '2025-08-11' AND '2026-06-04' OR day >= '2026-08-10'
		OR (status <> 'RFEP' AND day BETWEEN '2026-07-01' AND '2026-08-31'))
	OR (status <> 'EO' AND day > '2026-10-01')
	OR (status = 'RFEP' AND reason <> 'language_changed' AND day NOT BETWEEN '2026-07-01' AND '2027-06-30')$$,
	'each start lies in an enrollment (GERR0005), of RFEP in this school year, and only EO in the future');
SELECT is_empty($$SELECT * FROM sent WHERE (status = 'EO') <> (language IN ('eng', 'ase')) OR language IS NULL$$, 'English is the language of EO (SELA0280, SELA0322)');

-- And after it is posted nothing is left to send.
SELECT calpads.post_file(f.file_id) FROM calpads.create_extract('SELA') AS f \g /dev/null
SELECT is_empty('SELECT * FROM calpads.sela_delta()', 'a second difference is empty');

SELECT * FROM finish();
ROLLBACK;
