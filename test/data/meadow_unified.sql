-- A district of four students in the schema extract_sis, and in the variable
-- "ods" the ODS file of a CALPADS that lags behind it.

DO $$ BEGIN PERFORM calpads.create_sis_schema('extract_sis'); END $$;

INSERT INTO extract_sis.loc (cd, nm, cc, dc, sc) VALUES
	(0, 'Meadow Unified', '07', '61234', '0000000'),
	(1, 'Oak Elementary', '07', '61234', '6101010'),
	(2, 'Elm Elementary', '07', '61234', '6101011');
INSERT INTO extract_sis.stu (sc, sn, id, cid, ln, fn, bd, gn, bcu, gr, tg) VALUES
	(1, 1, 101, '1000000101', 'Núñez', 'Zoë "Zo"', '2014-03-01', 'F', 'US', 5, ''),
	(2, 1, 101, '1000000101', 'Núñez', 'Zoë "Zo"', '2014-03-01', 'F', 'US', 5, ''),
	(1, 2, 102, '1000000102', 'O''Hara', 'Ian', '2014-04-01', 'M', 'US', 5, ''),
	(1, 3, 103, '1000000103', 'Smith-Lee', 'Ana', '2014-05-01', 'F', 'US', 5, ''),
	(1, 4, 104, '1000000104', 'Quiet', 'Una', '2014-06-01', 'F', 'US', 5, '');
INSERT INTO extract_sis.enr (id, sc, sn, yr, ed, ld, er, gr, pr) VALUES
	(101, 1, 1, '2025', '2025-08-20', '2025-10-03', 'T160', 5, ''),
	(101, 2, 1, '2025', '2025-10-06', NULL, NULL, 5, ''),
	(102, 1, 2, '2025', '2025-08-21', NULL, NULL, 5, ''),
	(103, 1, 3, '2025', '2025-08-20', NULL, NULL, 5, ''),
	(104, 1, 4, '2025', '2025-08-20', NULL, NULL, 5, '');

-- What CALPADS holds: 101 still at Oak, 102 with a wrong start date and a row
-- at Elm that never was, 103 in another grade, 104 as in the SIS.
CREATE FUNCTION ods_line(school text, ssid text, id text, last_name text, first_name text, birth text, gender text,
	started text, grade text) RETURNS text LANGUAGE sql AS $$
	SELECT concat('SENR-R^^^0761234^', school, '^^2025-2026^', ssid, '^', id, '^', first_name, '^^', last_name,
		'^^^^^', birth, '^', gender, '^^^US^', started, '^10^', grade, '^^^^^^^^^^^^20251031^20251031', E'\r\n')
$$;
SELECT string_agg(line, '' ORDER BY n) AS ods FROM (VALUES
	(1, ods_line('6101010', '1000000101', '101', 'Núñez', 'Zoë "Zo"', '20140301', 'F', '20250820', '05')),
	(2, ods_line('6101010', '1000000102', '102', 'O''Hara', 'Ian', '20140401', 'M', '20250820', '05')),
	(3, replace(ods_line('6101011', '1000000102', '102', 'O''Hara', 'Ian', '20140401', 'M', '20250701', '05'),
		'^05^^^', '^05^20250715^T160^')),
	(4, ods_line('6101010', '1000000103', '103', 'Smith-Lee', 'Ana', '20140501', 'F', '20250820', '04')),
	(5, ods_line('6101010', '1000000104', '104', 'Quiet', 'Una', '20140601', 'F', '20250820', '05'))
) AS rows (n, line) \gset
