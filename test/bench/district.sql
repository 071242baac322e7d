-- A fictitious district: what CALPADS holds as a file, and what the SIS holds
-- as a table in the place of the view sis.senr, so that the mapping is not
-- measured.

\ir enrollments.sql

SELECT count(*) AS objects FROM calpads.create_sis_schema() \gset
INSERT INTO sis.loc (cd, nm, cc, dc, sc)
SELECT n, 'School ' || n, '56', '99990', CASE n WHEN 0 THEN '0000000' ELSE (5600000 + n)::text END
FROM generate_series(0, 40) n;

INSERT INTO bench.lea VALUES ('5699990', 1, :rows / 2, 5600001, 40, false);
CREATE UNLOGGED TABLE bench.enrollment AS SELECT * FROM bench.held_by_calpads;

-- The SIS gives its rows in an order of its own.
DROP VIEW sis.senr CASCADE;
CREATE TABLE sis.senr OF calpads.senr;
INSERT INTO sis.senr SELECT :sis_values FROM bench.enrollment WHERE story <> 'gone' ORDER BY hashint8(n);
ANALYZE sis.senr;

-- CALPADS' file, once without errors, and once with a row more in each
-- thousand that has a date which does not exist.
SELECT format('COPY (SELECT %s FROM bench.enrollment, generate_series(0, (n %% 1000 = 0 AND %L)::integer) AS bad '
	'WHERE story <> ''new'' ORDER BY n, bad) TO PROGRAM %L (DELIMITER ''^'', NULL '''')',
	:'file_values', with_errors, format($$sed 's/$/\r/' >'%s'$$, bench.path(name)))
FROM (VALUES ('clean.txt', false), ('ods.txt', true)) AS file (name, with_errors) \gexec
