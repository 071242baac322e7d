# A county sees the history of its districts in one place: two districts, each
# in a cluster of its own, and a county database whose tables are partitioned
# by LEA, each partition a report view of a district through postgres_fdw.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use District;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my %students = (9976543 => 60, 9976550 => 90);
my @views = qw(batch file file_event record difference error import_run enrollment_daily program_daily metric);
my %district;

# ---- two districts, each with a role for the county ----

for my $lea (sort keys %students)
{
	my $node = PostgreSQL::Test::Cluster->new("district_$lea");
	$node->init(allows_streaming => 'logical');
	$node->start;
	create_district($node, 'postgres', $students{$lea});
	$node->safe_psql(
		'postgres', qq{
		UPDATE sis.loc SET dc = substr('$lea', 3) WHERE cd = 0;
		UPDATE public.ods SET content = convert_to(replace(convert_from(content, 'UTF8'), '^9976543^', '^$lea^'), 'UTF8');
		SELECT calpads.load_ods('SENR', 'ods.txt', content) FROM public.ods;
		SELECT calpads.create_extract('SENR');
		SELECT calpads.record_observations();
		CREATE ROLE county LOGIN;
		SELECT calpads.grant_access('county', 'reporter')});
	is($node->safe_psql('postgres', 'SELECT string_agg(DISTINCT lea, \' \') FROM calpads_report.batch'), $lea, "district $lea works under its own LEA");
	$district{$lea} = $node;
}

# ---- the county: a table for each report, a partition for each district ----

my $county = PostgreSQL::Test::Cluster->new('county');
$county->init;
$county->start;

# The commands of the handbook, with this test's hosts.
$county->safe_psql('postgres', 'CREATE EXTENSION postgres_fdw; CREATE SCHEMA county');
for my $lea (sort keys %district)
{
	my ($host, $port) = ($district{$lea}->host, $district{$lea}->port);

	$county->safe_psql(
		'postgres', qq{
		CREATE SERVER district_$lea FOREIGN DATA WRAPPER postgres_fdw
			OPTIONS (host '$host', port '$port', dbname 'postgres', use_remote_estimate 'true', async_capable 'true');
		CREATE USER MAPPING FOR CURRENT_USER SERVER district_$lea OPTIONS (user 'county');
		CREATE SCHEMA district_$lea;
		IMPORT FOREIGN SCHEMA calpads_report FROM SERVER district_$lea INTO district_$lea});
}
for my $view (@views)
{
	$county->safe_psql('postgres', "CREATE TABLE county.$view (LIKE district_9976543.$view) PARTITION BY LIST (lea)");
	$county->safe_psql('postgres', "ALTER TABLE county.$view ATTACH PARTITION district_$_.$view FOR VALUES IN ('$_')") for sort keys %district;
}
$county->safe_psql(
	'postgres', q{
	CREATE VIEW county.today AS
		SELECT b.lea, count(*) AS batches, sum(b.records) AS records, sum(b.students_held) AS students_held, max(b.created_at) AS last_batch
		FROM county.batch b GROUP BY b.lea});

# ---- what the county sees ----

for my $view (@views)
{
	my $sum = 0;
	$sum += $district{$_}->safe_psql('postgres', "SELECT count(*) FROM calpads_report.$view WHERE lea IS NOT NULL") for keys %district;
	is($county->safe_psql('postgres', "SELECT count(*) FROM county.$view"), $sum, "the county sees every row of $view");
	cmp_ok($sum, '>', 0, "$view has rows") unless $view eq 'error' || $view eq 'program_daily';
}
for my $lea (sort keys %district)
{
	is( $county->safe_psql('postgres', "SELECT records, batches FROM county.today WHERE lea = '$lea'"),
		$district{$lea}->safe_psql('postgres', 'SELECT sum(records), count(DISTINCT batch_id) FROM calpads.extract_file'),
		"the county view tells of district $lea");
}
isnt($county->safe_psql('postgres', "SELECT string_agg(records::text, ' ') FROM county.today"), '', 'there is something to tell');
is( $county->safe_psql(
		'postgres', q{
		SELECT sum(students) FROM county.enrollment_daily WHERE side = 'SIS' AND enrollment_status_code = '10'}),
	$county->safe_psql(
		'postgres', q{
		SELECT sum(value) FROM (SELECT DISTINCT ON (lea) value FROM county.metric WHERE name = 'sis_students' ORDER BY lea, measured_at DESC) m}),
	'and of the enrollment of the whole county');

my $plan = $county->safe_psql('postgres', "EXPLAIN (VERBOSE, COSTS OFF) SELECT * FROM county.record WHERE lea = '9976550' AND reason = 'exit_added'");
like($plan, qr/Foreign Scan on district_9976550\.record/, 'a question about one district');
unlike($plan, qr/district_9976543/, 'asks that district alone');
like($plan, qr/Remote SQL: .*WHERE.*exit_added/s, 'which does the filtering');

# ---- what it does not see, and what happens when a district is away ----

my ($status, $out, $error) = $county->psql('postgres', 'CREATE FOREIGN TABLE county.students (id integer) SERVER district_9976543 OPTIONS (schema_name $$sis$$, table_name $$stu$$); SELECT * FROM county.students');
isnt($status, 0, 'the county cannot read the students of a district');
like($error, qr/permission denied/, 'because it has no right to');
($status, $out, $error) = $county->psql('postgres', q{INSERT INTO county.metric VALUES (now(), '9976543', '2025-2026', 'own', 1)});
isnt($status, 0, 'nor write into its history');

# A copy that stays: what the county keeps when a district cannot be reached.
$county->safe_psql('postgres', 'CREATE MATERIALIZED VIEW county.last_known AS SELECT * FROM county.today; CREATE UNIQUE INDEX ON county.last_known (lea)');
$district{9976550}->stop;
($status, $out, $error) = $county->psql('postgres', 'REFRESH MATERIALIZED VIEW county.last_known');
isnt($status, 0, 'a district that is away is noticed');
is($county->safe_psql('postgres', 'SELECT count(*) FROM county.last_known'), 2, 'and its last numbers stay');
is($county->safe_psql('postgres', "SELECT count(*) FROM county.batch WHERE lea = '9976543'"), 1, 'the other district can be asked');
$district{9976550}->start;
$county->safe_psql('postgres', 'REFRESH MATERIALIZED VIEW CONCURRENTLY county.last_known');

# ---- the daily numbers as a copy: logical replication, whose tables carry the LEA in their keys ----

my @tables = qw(enrollment_day program_day measured_value);
$county->safe_psql('postgres', 'CREATE SCHEMA calpads');
for my $table (@tables)
{
	my $definition = $district{9976543}->safe_psql(
		'postgres', "SELECT string_agg(format('%I %s NOT NULL', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum)
			|| ', ' || (SELECT pg_get_constraintdef(c.oid) FROM pg_constraint c WHERE c.conrelid = a.attrelid AND c.contype = 'p')
		FROM pg_attribute a WHERE a.attrelid = 'calpads.$table'::regclass AND a.attnum > 0 GROUP BY a.attrelid");
	$county->safe_psql('postgres', "CREATE TABLE calpads.$table ($definition)");
}
for my $lea (sort keys %district)
{
	my ($host, $port) = ($district{$lea}->host, $district{$lea}->port);

	$district{$lea}->safe_psql(
		'postgres', q{
		CREATE PUBLICATION county FOR TABLE calpads.enrollment_day, calpads.program_day, calpads.measured_value;
		CREATE ROLE county_copy LOGIN REPLICATION;
		GRANT USAGE ON SCHEMA calpads TO county_copy;
		GRANT SELECT ON calpads.enrollment_day, calpads.program_day, calpads.measured_value TO county_copy});
	$county->safe_psql('postgres',
		"CREATE SUBSCRIPTION district_$lea CONNECTION 'host=$host port=$port user=county_copy dbname=postgres' PUBLICATION county");
}
$county->wait_for_subscription_sync($district{$_}, "district_$_", 'postgres') for sort keys %district;
$district{$_}->safe_psql('postgres', 'SELECT calpads.record_observations()') for keys %district;
$district{$_}->wait_for_catchup("district_$_") for keys %district;
for my $table (@tables)
{
	my $sum = 0;
	$sum += $district{$_}->safe_psql('postgres', "SELECT count(*) FROM calpads.$table") for keys %district;
	is($county->safe_psql('postgres', "SELECT count(*) FROM calpads.$table"), $sum, "every row of $table has come to the county, also those of the second observation");
}

done_testing();
