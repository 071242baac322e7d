-- The benchmark inside its cluster.  Variables: directory, a folder the server
-- may write; rows; pairs.  Run by test/bench/run.

\pset pager off
\pset footer off
SET client_min_messages = warning;
SET calpads.today = '2025-11-14';

CREATE EXTENSION calpads;
CREATE EXTENSION file_fdw;
CREATE SCHEMA bench;

\ir district.sql
\ir jobs.sql

-- A job's sides run in turn: the extension (place 0), each other side, and
-- again.  The first time is not counted: it fills the caches of the server.
-- What a side came to is compared with what the extension came to.
CREATE TABLE bench.measurement (job text, place integer, pair integer, seconds double precision, evidence text);

CREATE PROCEDURE bench.measure(side bench.side, pair integer)
LANGUAGE plpgsql AS $$
DECLARE
	started timestamptz;
	seconds double precision;
	evidence text;
	expected text;
BEGIN
	EXECUTE side.prepare;
	COMMIT;
	CHECKPOINT;
	started := clock_timestamp();
	EXECUTE side.work;
	COMMIT;
	seconds := extract(epoch FROM clock_timestamp() - started);
	EXECUTE side.evidence INTO evidence;
	INSERT INTO bench.measurement VALUES (side.job, side.place, pair, seconds, evidence);
	SELECT m.evidence INTO expected FROM bench.measurement m WHERE m.job = side.job LIMIT 1;
	IF evidence IS DISTINCT FROM expected THEN
		RAISE EXCEPTION '%: "%" came to %, the extension to %', side.job, side.name, evidence, expected;
	END IF;
END;
$$;

CREATE PROCEDURE bench.measure_all(pairs integer)
LANGUAGE plpgsql AS $$
DECLARE
	one_job text;
	side bench.side;
BEGIN
	FOR one_job IN SELECT s.job FROM bench.side s WHERE s.place = 0 ORDER BY s.ordinal LOOP
		FOR pair IN 0 .. pairs LOOP
			FOR side IN SELECT s.* FROM bench.side s WHERE s.job = one_job ORDER BY s.place LOOP
				CALL bench.measure(side, pair);
			END LOOP;
		END LOOP;
	END LOOP;
END;
$$;
CALL bench.measure_all(:pairs);

\t on
\a
SELECT version();
SELECT string_agg(format('%s = %s', s.name, current_setting(s.name)), ', ' ORDER BY s.name)
FROM pg_settings s
WHERE s.name IN ('autovacuum', 'fsync', 'jit', 'lc_collate', 'max_parallel_workers_per_gather', 'max_wal_size',
	'server_encoding', 'shared_buffers', 'synchronous_commit', 'wal_level', 'work_mem');
SELECT format('file: %s bytes a row', (s.size / :rows)) FROM pg_stat_file(bench.path('ods.txt')) s;
\t off
\a
\echo
\echo 'Median seconds of both sides; how many times faster the extension is: median, least and most of the pairs.'

WITH pair AS (
	SELECT o.job, o.place, e.seconds AS extension, o.seconds AS other, o.seconds / e.seconds AS ratio,
		split_part(o.evidence, ',', 1) AS result
	FROM bench.measurement e JOIN bench.measurement o ON o.job = e.job AND o.pair = e.pair
	WHERE e.place = 0 AND o.place > 0 AND e.pair > 0
)
SELECT s.job, s.name AS "compared with",
	round(percentile_cont(0.5) WITHIN GROUP (ORDER BY p.extension)::numeric, 3) AS extension,
	round(percentile_cont(0.5) WITHIN GROUP (ORDER BY p.other)::numeric, 3) AS other,
	round(percentile_cont(0.5) WITHIN GROUP (ORDER BY p.ratio)::numeric, 2) AS ratio,
	round(min(p.ratio)::numeric, 2) AS least,
	round(max(p.ratio)::numeric, 2) AS most,
	max(p.result) AS "both came to"
FROM bench.side s JOIN pair p ON p.job = s.job AND p.place = s.place
GROUP BY s.ordinal, s.job, s.name
ORDER BY s.ordinal;
