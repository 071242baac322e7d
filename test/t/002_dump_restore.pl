# pg_dump and pg_restore: what a district has in the extension's tables comes
# along, and the work goes on in the new database.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use District;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
my $folder = PostgreSQL::Test::Utils::tempdir;

# ---- a district in the middle of its work ----

create_district($node, 'postgres', 200);
$node->safe_psql(
	'postgres', q{
	-- A row of each reference table: one of the district's own, one in place of a shipped one.
	INSERT INTO calpads.layout (name, record_type, format, header, optional_trailing_fields, title)
	VALUES ('own', 'OWN', 'caret', 'never', 0, 'Own file');
	INSERT INTO calpads.layout_field (layout, ordinal, number, name, label, type, required, key)
	VALUES ('own', 1, '1', 'own_field', 'Own field', 'text', true, false);
	INSERT INTO calpads.codeset (name, complete) VALUES ('own', true);
	INSERT INTO calpads.code (codeset, code, name) VALUES ('own', 'X', 'Own code');
	UPDATE calpads.code SET name = 'Our word for it' WHERE codeset = 'exit_reason' AND code = 'T160';
	INSERT INTO calpads.valid_combination (name, code1, code2) VALUES ('own', 'X', 'none');
	INSERT INTO calpads.sis_table (table_name, ordinal, column_name, column_type) VALUES ('own', 1, 'id', 'integer');
	UPDATE calpads.rule SET severity = 'warning' WHERE process = 'SENR' AND number = (
		SELECT min(number) FROM calpads.rule WHERE process = 'SENR' AND severity = 'fatal');
	INSERT INTO calpads.institution (cds_code, kind) VALUES ('1975713', 'county office');
	INSERT INTO calpads.school_selection (sc, selected) VALUES (103, false);
	INSERT INTO calpads.protected_ssid (ssid, note) VALUES ('9999999999', 'a court case');
	-- A view of the district's own, two loads, some lines set aside, a batch half posted.
	CREATE VIEW sis.own AS SELECT ssid FROM sis.senr;
	SELECT calpads.load_ods('SENR', 'first.txt', content) FROM public.ods;
	SELECT calpads.load_ods('SENR', 'second.txt', content || convert_to(E'SENR-R^^^half a line\r\n', 'UTF8')) FROM public.ods;
	UPDATE sis.enr SET er = '999'
	WHERE (id, ed) = (SELECT e.id, e.ed FROM sis.enr e WHERE e.er = '240' ORDER BY e.ed DESC, e.id LIMIT 1);
	SELECT calpads.create_extract('SENR');
	SELECT calpads.create_extract('SENR');
	-- What is held serves as a warning, too: the tables are alike.
	INSERT INTO calpads.batch_warning SELECT h.* FROM calpads.batch_held h;
	SELECT calpads.post_file(file_id) FROM calpads.history_open WHERE batch_id = 2;
	SELECT calpads.reject_file(file_id, 'no reason given') FROM calpads.history_open WHERE batch_id = 2;
	-- A job that waits, one that has failed, and mail.
	INSERT INTO calpads.job (name, process, time_of_day, recipients) VALUES ('nightly', 'NIGHTLY', '02:00', '{dba@district.example}');
	INSERT INTO calpads.job (name, process, profile, time_of_day, enabled) VALUES ('sped', 'CASEMIS', 'sped', '04:00', true);
	SELECT calpads.run_job_now('sped');
	SELECT calpads.queue_mail('{dba@district.example}', 'Subject', 'Body', '[{"name": "a.csv", "content": "aGk="}]');
	CREATE ROLE reader LOGIN;
	CREATE ROLE operator LOGIN;
	SELECT calpads.grant_access('reader', 'reader'), calpads.grant_access('operator', 'operator');
	GRANT SELECT ON public.ods TO operator});

is($node->safe_psql('postgres', "SELECT string_agg(DISTINCT status, ' ' ORDER BY status) FROM calpads.history"),
	'Loaded Obsolete Posted Rejected Waiting', 'the history has something of everything');
is($node->safe_psql('postgres', 'SELECT count(*) FROM calpads.load_error'), 1, 'a row is set aside');

my $tables = tables_of($node, 'postgres');
my $delta  = $node->safe_psql('postgres', 'SELECT d FROM calpads.senr_delta() d');
my $held   = $node->safe_psql('postgres', 'SELECT h FROM calpads.senr_held() h');
my $views  = 'SELECT DISTINCT what FROM calpads.refresh_sis_views()';
isnt($delta, '', 'there is something to send');
is( $node->safe_psql(
		'postgres', q{
		SELECT string_agg(c.oid::regclass::text, ' ')
		FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'calpads' JOIN pg_class c ON c.oid = d.objid
		WHERE d.deptype = 'e' AND d.classid = 'pg_class'::regclass AND c.relkind IN ('r', 'S')
			AND c.oid <> ALL (e.extconfig) AND c.relname NOT LIKE 'upload%'}),
	'', 'every table and sequence of the extension is dumped, those of uploads excepted');
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', "$folder/plain.sql" ], 'plain dump');
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-Fc', '-f', "$folder/custom" ], 'custom dump');

# ---- in a new database ----

sub check_database
{
	my ($database) = @_;

	is(differences($tables, tables_of($node, $database)), '', "$database: all rows are there");
	is($node->safe_psql($database, 'SELECT d FROM calpads.senr_delta() d'), $delta, 'the same difference');
	is($node->safe_psql($database, 'SELECT h FROM calpads.senr_held() h'), $held, 'the same students are held');
	is($node->safe_psql($database, $views), 'view renewed', 'the mapping views are known as unchanged');
	like(
		$node->safe_psql(
			$database,
			'UPDATE calpads.code SET note = note WHERE codeset = \'grade_level\' RETURNING builtin'),
		qr/^f(\nf)*$/,
		'reference rows become the district\'s own here, too');
	return;
}

# As the operator, whose rights came along, too.
sub go_on
{
	my ($database) = @_;
	my $as_operator = sub { $node->safe_psql($database, $_[0], extra_params => [ '-U', 'operator' ]) };

	is($as_operator->("SELECT (calpads.post_file(file_id)).status FROM calpads.extract_file WHERE status = 'Rejected'"),
		'Posted', "$database: the next post");
	is($as_operator->('SELECT max(post_order), max(file_id) < max(post_order) FROM calpads.extract_file'),
		'2|f', 'comes after those before');
	is( $as_operator->(
			'SELECT max(event_id) - count(*) FROM calpads.file_event'),
		0,
		'events are numbered on');
	is($as_operator->('SELECT DISTINCT batch_id FROM calpads.create_extract(\'SENR\')'), 3, 'the next batch');
	is($as_operator->("SELECT (calpads.load_ods('SENR', 'third.txt', content)).load_id FROM public.ods"),
		3, 'the next load');
	# The old file shows nothing of what was posted.
	is($as_operator->('SELECT DISTINCT batch_id FROM calpads.create_extract(\'SENR\', force => true)'), 4, 'and its batch');
	is($as_operator->('SELECT min(seq) FROM calpads.history_open'), 1, 'which can be posted');
	my (undef, undef, $complaint) =
		$node->psql($database, "SELECT calpads.create_extract('SENR')", extra_params => [ '-U', 'reader' ]);
	like($complaint, qr/permission denied for function create_extract/, 'a reader still only reads');
	return;
}

$node->safe_psql('postgres', 'CREATE DATABASE from_plain');
$node->command_ok(
	[ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('from_plain'), '-f', "$folder/plain.sql" ],
	'restore of the plain dump');
check_database('from_plain');
go_on('from_plain');

# A parallel restore brings the tables in any order: not one of them may need another.
for my $time (1 .. 3)
{
	my $database = "from_custom_$time";
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->command_ok(
		[ 'pg_restore', '-j4', '--exit-on-error', '-d', $node->connstr($database), "$folder/custom" ],
		'parallel restore of the custom dump');
	check_database($database);
}
go_on('from_custom_1');

# ---- a dump of the copy is a dump of the original ----

$node->command_ok([ 'pg_dump', '-d', $node->connstr('from_custom_2'), '-Fc', '-f', "$folder/second" ], 'dump of a copy');
$node->safe_psql('postgres', 'CREATE DATABASE second');
$node->command_ok([ 'pg_restore', '-j4', '--exit-on-error', '-d', $node->connstr('second'), "$folder/second" ],
	'its restore');
is(differences(tables_of($node, 'from_custom_2'), tables_of($node, 'second')), '', 'the copy of the copy is whole');

# ---- without the extension ----

my ($status) = $node->psql('from_custom_3', 'DROP EXTENSION calpads');
isnt($status, 0, 'the mapping views need the extension');
$node->safe_psql('from_custom_3', 'DROP EXTENSION calpads CASCADE');
my %sis_tables = map { $_ => $tables->{$_} } grep { /^sis\./ } keys %$tables;
is(differences(\%sis_tables, tables_of($node, 'from_custom_3')), '', 'the tables of the SIS stay without it');
is($node->safe_psql('from_custom_3', "SELECT count(*) FROM pg_views WHERE schemaname = 'sis'"), 0, 'the views go');
$node->safe_psql('from_custom_3', 'CREATE EXTENSION calpads');
is( $node->safe_psql(
		'from_custom_3', "SELECT DISTINCT what FROM calpads.create_sis_schema() WHERE object NOT LIKE 'change log%' ORDER BY what"),
	"left alone\nview created",
	'and a new extension finds the tables');

$node->stop;
done_testing();
