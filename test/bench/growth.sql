-- How the time of a row grows with the number of rows.  Variables: directory,
-- with the medians of all sizes; sizes, a heading.  Run by test/bench/run after
-- more than one size.

\pset pager off
\pset footer off

CREATE TEMPORARY TABLE median (rows bigint, ordinal integer, job text, place integer, name text, seconds double precision);
SELECT format('COPY median FROM %L', :'directory' || '/medians') \gexec

\echo 'Growth: median microseconds a row, by size, and how many times the first the last is (promised at most 1.3 from'
\echo '100,000 to 5,000,000 rows). The sizes are measured one after the other: how the other sides grow tells how much of'
\echo 'it is the machine.'

WITH per_row AS (
	SELECT m.*, 1e6 * m.seconds / m.rows AS microseconds FROM median m
)
SELECT p.job, p.name AS side,
	string_agg(to_char(p.microseconds, 'FM9990.00'), ' ' ORDER BY p.rows) AS :"sizes",
	round(((array_agg(p.microseconds ORDER BY p.rows DESC))[1] / (array_agg(p.microseconds ORDER BY p.rows))[1])::numeric, 2)
		AS growth
FROM per_row p
GROUP BY p.job, p.place, p.name
ORDER BY (SELECT min(e.ordinal) FROM median e WHERE e.job = p.job AND e.place = 0), p.place;
