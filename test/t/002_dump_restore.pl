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

create_district_at_work($node, 'postgres');
is($node->safe_psql('postgres', "SELECT string_agg(DISTINCT status, ' ' ORDER BY status) FROM calpads.history WHERE process = 'SENR'"),
	'Loaded Obsolete Posted Rejected Waiting', 'the history has something of everything');
is($node->safe_psql('postgres', 'SELECT count(*) FROM calpads.load_error'), 1, 'a row is set aside');

# A table that comes later gets its rows in test/data/whole_district.sql.
my $counts = $node->safe_psql(
	'postgres', q{
	SELECT string_agg(format('SELECT %L WHERE NOT EXISTS (SELECT FROM %s %s)', c.oid::regclass, c.oid::regclass, config.condition), ' UNION ALL ')
	FROM pg_extension e, unnest(e.extconfig, e.extcondition) AS config (relation, condition)
		JOIN pg_class c ON c.oid = config.relation AND c.relkind = 'r'
	WHERE e.extname = 'calpads'});
is($node->safe_psql('postgres', $counts), '', 'every table that is dumped has rows that are dumped');

my $state = state_of($node, 'postgres');
isnt($state->{delta}, '', 'there is something to send');
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

$node->safe_psql('postgres', 'CREATE DATABASE from_plain');
$node->command_ok(
	[ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('from_plain'), '-f', "$folder/plain.sql" ],
	'restore of the plain dump');
check_state($node, 'from_plain', $state);
check_work_goes_on($node, 'from_plain');

# A parallel restore brings the tables in any order: not one of them may need another.
for my $time (1 .. 3)
{
	my $database = "from_custom_$time";
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->command_ok(
		[ 'pg_restore', '-j4', '--exit-on-error', '-d', $node->connstr($database), "$folder/custom" ],
		'parallel restore of the custom dump');
	check_state($node, $database, $state);
}
check_work_goes_on($node, 'from_custom_1');

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
my %sis_tables = map { $_ => $state->{tables}{$_} } grep { /^sis\./ } keys %{ $state->{tables} };
is(differences(\%sis_tables, tables_of($node, 'from_custom_3')), '', 'the tables of the SIS stay without it');
is($node->safe_psql('from_custom_3', "SELECT count(*) FROM pg_views WHERE schemaname = 'sis'"), 0, 'the views go');
$node->safe_psql('from_custom_3', 'CREATE EXTENSION calpads');
is( $node->safe_psql(
		'from_custom_3', "SELECT DISTINCT what FROM calpads.create_sis_schema() WHERE object NOT LIKE 'change log%' ORDER BY what"),
	"left alone\nview created",
	'and a new extension finds the tables');

$node->stop;
done_testing();
