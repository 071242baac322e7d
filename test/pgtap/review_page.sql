-- The review page: what it tells, that nothing in the data can become part of
-- the page's own text, and what a page without names leaves out.  A page is
-- also well-formed XML, so that its parts can be asked for.

BEGIN;
SELECT no_plan();
SET LOCAL calpads.today = '2025-11-14';
SET LOCAL client_min_messages = error;

-- Escaping -------------------------------------------------------------------------

SELECT is(calpads.html_text(v.value), v.html, format('html_text: %s', v.what))
FROM (VALUES
	('markup', $$<script>alert("1" & '2')</script>$$, '&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;'),
	('an entity', '&lt;', '&amp;lt;'),
	('the end of an attribute', '" onload="x', '&quot; onload=&quot;x'),
	('letters of all kinds', U&'Nuñez \00A0\4E2D \0639\0644\064A \05D3\05D5\05D3 \+01F600', U&'Nuñez \00A0\4E2D \0639\0644\064A \05D3\05D5\05D3 \+01F600'),
	('joiners stay', U&'\0645\06CC\200C\062E\0648\200D', U&'\0645\06CC\200C\062E\0648\200D'),
	('control characters', E'a\x01\x08\x1b[31m\x7f\x0d', U&'a\FFFD\FFFD\FFFD[31m\FFFD\FFFD'),
	('tab and line feed stay', E'a\tb\nc', E'a\tb\nc'),
	('controls of the second row', U&'\0080\0085\009F', U&'\FFFD\FFFD\FFFD'),
	('marks of direction', U&'\202Egnp.exe\202C \2066x\2069 \200F\200E\061C', U&'\FFFDgnp.exe\FFFD \FFFDx\FFFD \FFFD\FFFD\FFFD'),
	('invisible signs', U&'a\200B\2060\FEFF\+0E0041', U&'a\FFFD\FFFD\FFFD\FFFD'),
	('nothing', '', '')) AS v (what, value, html);
SELECT is(calpads.html_text(NULL), NULL, 'html_text: null stays null');
SELECT is_empty($$
	SELECT n, html FROM generate_series(1, 65535) n, calpads.html_text('a' || chr(n) || 'b') AS html
	WHERE n NOT BETWEEN 55296 AND 57343 AND (html ~ '[<>"'']' OR html ~ '&(?!(amp|lt|gt|quot|#39);)' OR html !~ '^a.+b$')$$,
	'html_text: no character of the first 65535 gets through that means something in HTML, and none is lost');
SELECT is_empty($$
	SELECT n FROM generate_series(1, 65535) n
	WHERE n NOT BETWEEN 55296 AND 57343 AND xmlparse(CONTENT '<p a="' || calpads.html_text(chr(n)) || '">' || calpads.html_text(chr(n)) || '</p>') IS NULL$$,
	'html_text: all of them are well-formed text and attribute values');

-- A district with names that nobody should have ---------------------------------------

CREATE TABLE pg_temp.ods AS SELECT calpads.create_sample_district(150) AS content;
UPDATE sis.loc SET nm = '<h1 id="forged">School</h1> & "Sons"' WHERE cd = (SELECT min(cd) FROM sis.loc WHERE cd > 0);
UPDATE sis.loc SET nm = U&'\202Elevir\202C </main>' WHERE cd = (SELECT max(cd) FROM sis.loc WHERE cd < 200);
UPDATE sis.stu SET ln = '<script>steal()</script>', fn = '"><img src=x onerror=steal()>', bd = '2009-08-07' WHERE id % 3 = 0;
UPDATE sis.stu SET ln = U&'Qq\202E\200Bname', fn = U&'\0639\0644\064A' WHERE id % 3 = 1;
UPDATE sis.stu SET ln = 'Qqname', fn = $$O'Neil & "S"$$ WHERE id % 3 = 2;
DO $$
BEGIN
	PERFORM calpads.load_ods('SENR', '<b>ods</b>.txt', content) FROM pg_temp.ods;
	PERFORM calpads.load_ods('SPRG', 'sprg.txt', calpads.sample_programs_file());
	UPDATE sis.enr SET er = '<i>9</i>' WHERE (id, ed) IN (SELECT e.id, e.ed FROM sis.enr e WHERE e.er = '240' ORDER BY e.ed DESC, e.id LIMIT 5);
	UPDATE sis.stu SET mn = 'Qq^middle' WHERE id % 7 = 0;
	PERFORM calpads.create_extract('SENR');
	PERFORM calpads.create_extract('SPRG');
	PERFORM calpads.create_extract('SINF', all_students => true);
	PERFORM calpads.create_extract('SENR_LEGACY', all_students => true);
	UPDATE calpads.batch SET created_by = '</p><marquee>role</marquee>';
	UPDATE calpads.extract_file SET note = 'Qqname was wrong <u>here</u>';
	-- What is held serves as a warning, too: the tables are alike.
	INSERT INTO calpads.batch_warning SELECT h.* FROM calpads.batch_held h;
END;
$$;
CREATE TEMPORARY TABLE page AS
	SELECT b.batch_id, b.process, n.names, p.html, xmlparse(DOCUMENT p.html) AS dom
	FROM calpads.batch b, (VALUES (true), (false)) AS n (names), calpads.review_page(b.batch_id, n.names) AS p (html);

SELECT cmp_ok((SELECT count(DISTINCT process) FROM page), '=', 4::bigint, 'there are batches with difference, program, single and legacy files');
SELECT isnt_empty($$SELECT FROM calpads.extract_record WHERE line ~ '<script>'$$, 'hostile names are sent');

-- Elements of a page by their path.
CREATE FUNCTION pg_temp.found(dom xml, path text) RETURNS bigint LANGUAGE sql AS $$SELECT cardinality(xpath(path, dom))::bigint$$;

SELECT is(pg_temp.found(p.dom, '//script | //img | //iframe | //link | //a | //object | //form | //marquee | //i | //u'), 0::bigint,
	format('%s page, names %s: no element comes from the data, and none leads elsewhere', p.process, p.names))
FROM page p ORDER BY p.batch_id, p.names;
SELECT is(pg_temp.found(p.dom, '//@*[starts-with(name(), "on") or name() = "src" or name() = "href" or name() = "style"]'), 0::bigint,
	format('%s page, names %s: no handlers, links or styles in attributes', p.process, p.names))
FROM page p ORDER BY p.batch_id, p.names;
SELECT is(pg_temp.found(p.dom, '//main') + pg_temp.found(p.dom, '//h1'), 2::bigint, format('%s page, names %s: one body, one headline', p.process, p.names))
FROM page p ORDER BY p.batch_id, p.names;
SELECT is_empty($$SELECT process FROM page WHERE html ~ '(url\(|@import|https?:|//[a-z])'$$, 'nothing is loaded from elsewhere');
SELECT is_empty($$SELECT process FROM page WHERE html !~ 'Content-Security-Policy" content="default-src ''none''; style-src ''unsafe-inline''"'$$,
	'and the browser is told not to');
SELECT is_empty($$SELECT process FROM page WHERE html ~ '[\u202E\u202C\u200B]'$$, 'marks of direction of the data are gone');
SELECT is_empty($$SELECT process, names, substring(html FROM '.{60}(?:<bdi></bdi>|<small></small>|<b></b>|: *</span>|SSID +[·<]|ID +<|from *<|loaded *<).{20}')
	FROM page WHERE html ~ '(<bdi></bdi>|<small></small>|<b></b>|: *</span>|SSID +[·<]|ID +<|from *<|loaded *<)'$$, 'nothing is announced that is not there');
SELECT isnt_empty($$SELECT FROM page WHERE names AND html ~ '&lt;script&gt;steal\(\)&lt;/script&gt;, &quot;&gt;&lt;img src=x'$$, 'a hostile name is shown as it is');
SELECT isnt_empty($$SELECT FROM page WHERE names AND html ~ 'O&#39;Neil &amp; &quot;S&quot;'$$, 'so is one with quotes');
SELECT isnt_empty($$SELECT FROM page WHERE html ~ '&lt;h1 id=&quot;forged&quot;&gt;School'$$, 'and a school');

-- Without names ------------------------------------------------------------------------

SELECT is_empty($$SELECT process FROM page WHERE NOT names AND html ~ '(Qq|steal|Neil)'$$, 'a page without names has none');
SELECT isnt_empty($$SELECT process FROM page WHERE names AND html ~ 'Qq'$$, 'one with names has');
SELECT is_empty($$SELECT process FROM page WHERE NOT names AND html ~ '(08/07/2009|2009-08-07|20090807)'$$, 'nor birth dates');
SELECT is_empty($$
	SELECT p.process, r.ssid FROM page p, (SELECT ssid FROM calpads.extract_record UNION SELECT ssid FROM calpads.batch_held) r
	WHERE NOT p.names AND r.ssid IS NOT NULL AND strpos(p.html, r.ssid) > 0$$, 'nor SSIDs');
SELECT is(regexp_replace(calpads.review_page((SELECT min(batch_id) FROM page), NULL), 'Page of [^,]*', ''),
	(SELECT regexp_replace(html, 'Page of [^,]*', '') FROM page WHERE NOT names ORDER BY batch_id LIMIT 1),
	'who does not say whether names are wanted gets none');
SELECT is(regexp_replace(calpads.review_page((SELECT min(batch_id) FROM page)), 'Page of [^,]*', ''),
	(SELECT regexp_replace(html, 'Page of [^,]*', '') FROM page WHERE names ORDER BY batch_id LIMIT 1), 'names are the default');

-- What it tells --------------------------------------------------------------------------

SELECT is(pg_temp.found(p.dom, '//section[@id="files"]//li'), (SELECT count(*) FROM calpads.extract_file f WHERE f.batch_id = p.batch_id),
	format('%s page: every file', p.process))
FROM page p WHERE p.names ORDER BY p.batch_id;
SELECT is(pg_temp.found(p.dom, '//section[@id="removals"]//ol/li'), (SELECT count(*)
		FROM calpads.extract_file f JOIN calpads.extract_record r ON r.file_id = f.file_id
		WHERE f.batch_id = p.batch_id AND (r.transaction_type = 'D' OR f.process LIKE 'SENR%' AND r.line ~ '\^N470\^')),
	format('%s page: every removal and no-show', p.process))
FROM page p WHERE p.names ORDER BY p.batch_id;
SELECT cmp_ok(pg_temp.found((SELECT dom FROM page WHERE process = 'SENR' AND names), '//section[@id="removals"]//ol/li'), '>', 0::bigint, 'there are some');
SELECT is_empty($$
	SELECT r.explanation FROM calpads.extract_file f JOIN calpads.extract_record r ON r.file_id = f.file_id JOIN page p ON p.batch_id = f.batch_id AND p.names
	WHERE f.process IN ('SENR', 'SPRG') AND r.transaction_type = 'D' AND strpos(p.html, calpads.html_text(r.explanation)) = 0$$, 'each with its story');
SELECT is_empty($$
	SELECT h.fix FROM calpads.batch_held h JOIN page p ON p.batch_id = h.batch_id
	WHERE strpos(p.html, format('<span class="fix">%s</span>', calpads.html_text(h.fix))) = 0$$, 'what is held is listed under the column that mends it');
SELECT is(pg_temp.found(p.dom, '//section[@id="held"]//ul/li') + (
		SELECT coalesce(sum(substring(x::text FROM 'and (\d+) more')::bigint), 0)
		FROM unnest(xpath('//section[@id="held"]//p[@class="more"]/text()', p.dom)) AS x)::bigint,
	(SELECT count(*) FROM calpads.batch_held h WHERE h.batch_id = p.batch_id), format('%s page: every held record is listed or counted', p.process))
FROM page p WHERE p.names ORDER BY p.batch_id;
SELECT is((SELECT sum(replace(x::text, ',', '')::bigint) FROM page p, unnest(xpath(chart.path, p.dom)) AS x WHERE p.names AND p.process = 'SENR'),
	(SELECT sum(f.records)::numeric FROM calpads.extract_file f WHERE f.process = 'SENR'), format('the chart %s adds up to the records', chart.what))
FROM (VALUES ('(//figure)[1]//span[@class="sum"]/text()', 'by school'), ('(//figure)[2]//span[@class="sum"]/text()', 'by reason')) AS chart (path, what);
SELECT is(pg_temp.found(p.dom, format('//div[@id="verdict" and contains(@class, "%s")]', CASE WHEN p.process IN ('SENR', 'SPRG') THEN 'accepted' ELSE 'none' END)), 1::bigint,
	format('%s page: the verdict', p.process))
FROM page p WHERE p.names ORDER BY p.batch_id;

-- The life of files
DO $$BEGIN PERFORM calpads.post_file(f.file_id) FROM calpads.history_open f WHERE f.process = 'SENR'; END;$$;
SELECT ok(calpads.review_page(min(batch_id)) ~ '<li class="posted">', 'a posted file is shown as posted') FROM page WHERE process = 'SENR';
DO $$BEGIN PERFORM calpads.reject_file(f.file_id, 'Qqnote') FROM calpads.history_open f WHERE f.process = 'SENR'; END;$$;
SELECT ok(calpads.review_page(min(batch_id)) ~ '<li class="rejected">.*Qqnote', 'a rejected one with what was said of it') FROM page WHERE process = 'SENR';
SELECT ok(calpads.review_page(min(batch_id), false) !~ 'Qqnote', 'which a page without names does not repeat') FROM page WHERE process = 'SENR';
SELECT ok(calpads.review_page(min(batch_id)) ~ '<b>Stopped:</b>', 'the next step is said') FROM page WHERE process = 'SENR';
UPDATE calpads.batch SET verdict = 'refused', verdict_detail = 'SENR0001: <b>why</b>' WHERE process = 'SENR';
SELECT ok(calpads.review_page(min(batch_id)) ~ 'class="verdict refused".*would refuse.*&lt;b&gt;why', 'a refused batch says so') FROM page WHERE process = 'SENR';

-- Edges ------------------------------------------------------------------------------------

SELECT throws_ok('SELECT calpads.review_page(99999)', NULL, NULL, 'no such batch');
SELECT throws_ok('SELECT calpads.review_page(NULL)', NULL, NULL, 'no batch at all');
SAVEPOINT whole;
DROP SCHEMA sis CASCADE;
SELECT lives_ok(format('SELECT calpads.review_page(%s)', (SELECT min(batch_id) FROM page)), 'a page needs no SIS');
ROLLBACK TO whole;
DELETE FROM calpads.extract_record;
DELETE FROM calpads.extract_file;
DELETE FROM calpads.batch_held;
SELECT ok(calpads.review_page((SELECT min(batch_id) FROM page)) ~ '<b>Empty:</b>', 'nor any file');

-- Twenty thousand records: a few megabytes, in seconds, with every number right.
INSERT INTO calpads.batch (batch_id, process, lea, today, encoding, forced) VALUES (777, 'SENR', '9976543', '2025-11-14', 'UTF8', false);
INSERT INTO calpads.extract_file (file_id, batch_id, process, lea, seq, category, file_name, records)
VALUES (7771, 777, 'SENR', '9976543', 1, 'Removals', '001_Removals.txt', 10000), (7772, 777, 'SENR', '9976543', 2, 'Updates', '002_Updates.txt', 10000);
INSERT INTO calpads.extract_record (file_id, line_no, ssid, key, transaction_type, reason, explanation, changed, line)
SELECT 7771 + n % 2, n, 1000000000 + n, 'k', CASE WHEN n % 2 = 0 THEN 'D' ELSE 'R' END, 'not_in_sis', repeat('A long story of what happened. ', 8), '{}',
	format('SENR^%s^^9976543^%s^^2025-2026^%s^%s^Ana^^Alder^^^^^20140301', CASE WHEN n % 2 = 0 THEN 'D' END, 6100000 + n % 300, 1000000000 + n, n)
FROM generate_series(1, 20000) n;
INSERT INTO calpads.batch_held (batch_id, local_student_id, ssid, school_of_attendance, rule, field, value, explanation, fix)
SELECT 777, n, 1000000000 + n, 6100101, 'GERR0002', 'grade_level_code', n, format('The grade %s has no translation.', n % 500), 'STU.GR'
FROM generate_series(1, 20000) n;
CREATE TEMPORARY TABLE large AS SELECT clock_timestamp() AS begun, calpads.review_page(777) AS html;
SELECT cmp_ok(clock_timestamp() - begun, '<', interval '30 seconds', 'a page of 20000 records takes seconds') FROM large;
SELECT cmp_ok(octet_length(html), '<', 4000000, 'and has a few megabytes') FROM large;
SELECT cmp_ok(octet_length(html), '>', 500000, 'of content') FROM large;
SELECT ok(html ~ 'and 8,000 more: <code>calpads.extract_record', 'it says how many removals more there are') FROM large;
SELECT ok(html ~ 'and 9,700 more records in this file', 'and other records') FROM large;
SELECT ok(html ~ 'and 400 more kinds of problems', 'and problems') FROM large;
SELECT ok(html ~ 'and 280 more schools with 18,\d+ records', 'and schools') FROM large;
SELECT is(pg_temp.found(xmlparse(DOCUMENT html), '//ul[@class="tiles"]/li[b="20,000"]'), 2::bigint, 'the counts are those of all') FROM large;

SELECT * FROM finish();
ROLLBACK;
