-- Empties all tables of the extension that hold a district's own data.
DO $$
BEGIN
	EXECUTE (
		SELECT format('TRUNCATE %s RESTART IDENTITY', string_agg(c.oid::regclass::text, ', '))
		FROM pg_extension e,
			unnest(e.extconfig, e.extcondition) AS config (relation, condition)
			JOIN pg_class c ON c.oid = config.relation AND c.relkind = 'r'
		WHERE e.extname = 'calpads' AND config.condition = '');
END;
$$;
