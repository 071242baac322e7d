# A physical replica: everything that only looks works there, everything else is
# refused, and after its promotion the work goes on.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use District;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->start;
$primary->backup('backup');
my $replica = PostgreSQL::Test::Cluster->new('replica');
$replica->init_from_backup($primary, 'backup', has_streaming => 1);
$replica->start;
my $folder = PostgreSQL::Test::Utils::tempdir;

create_district($primary, 'postgres', 200);
$primary->safe_psql(
	'postgres', q{
	SELECT calpads.load_ods('SENR', 'ods.txt', content) FROM public.ods;
	SELECT calpads.load_ods('SENR', 'ods.txt', content) FROM public.ods;
	SELECT calpads.create_extract('SENR');
	SELECT calpads.post_file(file_id) FROM calpads.history_open});
$primary->wait_for_catchup($replica);

is(differences(tables_of($primary, 'postgres'), tables_of($replica, 'postgres')), '', 'the rows have arrived');

# ---- reading ----

my $ssid = $primary->safe_psql('postgres', 'SELECT min(ssid) FROM calpads.senr_delta()');
for my $query (
	'calpads.history',
	'calpads.history_open',
	'calpads.ods_senr',
	'sis.senr',
	'calpads.school',
	'calpads.senr_delta()',
	'calpads.senr_held()',
	'calpads.rehearse(1)',
	"calpads.explain('$ssid')",
	"calpads.drift('SENR')",
	'calpads.extract_lines(1)',
	'calpads.file_content(2)',
	'calpads.extract_zip(1)')
{
	my $statement = "SELECT count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM $query t";
	is($replica->safe_psql('postgres', $statement), $primary->safe_psql('postgres', $statement), "$query reads the same");
}
isnt($replica->safe_psql('postgres', 'SELECT count(*) FROM calpads.senr_delta()'), 0, 'there is a difference to read');
is( $replica->safe_psql(
		'postgres', "LOAD 'calpads'; COPY (SELECT * FROM calpads.extract_lines(1)) TO STDOUT WITH (FORMAT calpads)"),
	$primary->safe_psql('postgres', "SELECT convert_from(calpads.file_content(1), 'UTF8')") =~ s/\r\n\z/\r/r,
	'COPY gives a file to a client');
$replica->safe_psql('postgres', "SELECT calpads.write_extract(1, '$folder')");
is( files_of($folder),
	$primary->safe_psql('postgres', "SELECT string_agg(file_name, ' ' ORDER BY seq) FROM calpads.extract_file"),
	'files can be written to its disk');

# ---- everything else ----

for my $statement (
	"SELECT calpads.load_ods('SENR', 'ods.txt', content) FROM public.ods",
	"SELECT calpads.create_extract('SENR')",
	'SELECT calpads.post_file(2)',
	'SELECT calpads.unpost_file(1)',
	"SELECT calpads.reject_file(2, 'no reason')",
	"SELECT calpads.create_sis_schema('other')",
	'SELECT calpads.refresh_sis_views()',
	'SELECT calpads.refresh_reference_data()',
	"INSERT INTO calpads.protected_ssid (ssid) VALUES ('9999999999')")
{
	my (undef, undef, $complaint) = $replica->psql('postgres', '\set VERBOSITY verbose' . "\n$statement");
	like($complaint, qr/^\S*\s*ERROR:  (25006|55000): cannot execute .* (read-only transaction|during recovery)/m,
		"refused: $statement");
}

# ---- promoted ----

$replica->promote;
is($replica->safe_psql('postgres', 'SELECT (calpads.post_file(2)).status'), 'Posted', 'after its promotion it posts');
is($replica->safe_psql('postgres', "SELECT (calpads.load_ods('SENR', 'ods.txt', content)).load_id > 2 FROM public.ods"),
	't', 'loads');
# The old file shows nothing of what was posted.
is($replica->safe_psql('postgres', "SELECT count(*) > 0 FROM calpads.create_extract('SENR', force => true)"), 't', 'and makes files');

$replica->stop;
$primary->stop;
done_testing();
