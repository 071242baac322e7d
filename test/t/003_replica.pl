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

create_whole_district($primary, 'postgres');
$primary->safe_psql(
	'postgres', q{
	CREATE ROLE reader LOGIN;
	CREATE ROLE reporter LOGIN;
	SELECT calpads.grant_access('reader', 'reader'), calpads.grant_access('reporter', 'reporter')});
$primary->wait_for_catchup($replica);

is(differences(tables_of($primary, 'postgres'), tables_of($replica, 'postgres')), '', 'the rows have arrived');

# ---- reading ----

sub read_both
{
	my ($role, @queries) = @_;

	my $statements = join '', map { "SELECT count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM $_ t;\n" } @queries;
	my ($there, $here) = map { [ split /\n/, $_->safe_psql('postgres', $statements, extra_params => [ '-U', $role ]) ] } $replica, $primary;

	is($there->[$_], $here->[$_], "$role: $queries[$_] reads the same") for 0 .. $#queries;
	return;
}

# All views of the extension and of the SIS, and all functions that only look
# and need no argument; which are asked for with one is said below.
my ($reports, $views, $functions) = map { [ split /\n/, $primary->safe_psql('postgres', $_) ] } (
	"SELECT c.oid::regclass FROM pg_class c WHERE c.relkind = 'v' AND c.relnamespace = 'calpads_report'::regnamespace ORDER BY 1",
	"SELECT c.oid::regclass FROM pg_class c WHERE c.relkind = 'v' AND c.relnamespace = ANY ('{calpads,sis}'::regnamespace[])
		AND has_table_privilege('reader', c.oid, 'SELECT') ORDER BY 1",
	"SELECT format('calpads.%I()', p.proname) FROM pg_proc p WHERE p.pronamespace = 'calpads'::regnamespace AND p.prokind = 'f'
		AND p.pronargs = p.pronargdefaults AND p.provolatile <> 'v' AND has_function_privilege('reader', p.oid, 'EXECUTE') ORDER BY 1");
my $ssid = $primary->safe_psql('postgres', 'SELECT min(ssid) FROM calpads.senr_delta()');

cmp_ok(scalar @$reports,   '>', 10, 'there are reports');
cmp_ok(scalar @$views,     '>', 20, 'views');
cmp_ok(scalar @$functions, '>', 20, 'and functions');
read_both('reporter', @$reports);
read_both('reader', @$views, @$functions,
	'calpads.rehearse(1)',
	"calpads.explain('$ssid')",
	"calpads.drift('SENR')",
	"calpads.drift('SPRG')",
	'calpads.ods_senr_as_of(1)',
	'calpads.ods_sprg_as_of(now())',
	'calpads.sinf_delta(true)',
	'calpads.extract_lines(1)',
	'calpads.file_content(2)',
	'calpads.extract_zip(1)',
	'calpads.review_page(1)',
	'calpads.review_page(3, false)',
	"calpads.casemis_report(1, 'CASEMIS_TypeA_NotInFile.csv')",
	'calpads.program_not_in_file(1)');
isnt($replica->safe_psql('postgres', 'SELECT count(*) FROM calpads.senr_delta()'), 0, 'there is a difference to read');
is( $replica->safe_psql(
		'postgres', "LOAD 'calpads'; COPY (SELECT * FROM calpads.extract_lines(1)) TO STDOUT WITH (FORMAT calpads)"),
	$primary->safe_psql('postgres', "SELECT convert_from(calpads.file_content(1), 'UTF8')") =~ s/\r\n\z/\r/r,
	'COPY gives a file to a client');
$replica->safe_psql('postgres', "SELECT calpads.write_extract(1, '$folder')");
is( files_of($folder),
	$primary->safe_psql('postgres', "SELECT string_agg(file_name, ' ' ORDER BY seq) FROM calpads.extract_file WHERE batch_id = 1"),
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
	"SELECT calpads.load_rejected('more.csv', convert_to(E'SSID,Error Code\\r\\n1000000001,SENR0099\\r\\n', 'UTF8'))",
	"SELECT calpads.casemis_run('sped', content) FROM public.casemis",
	"SELECT count(*) FROM public.casemis, calpads.casemis_preview('sped', content)",
	"SELECT calpads.import_programs('programs.txt', content, dry_run => true) FROM public.programs",
	'SELECT calpads.undo_program_import(1)',
	'SELECT calpads.create_ssid_request()',
	'SELECT calpads.select_for_sinf()',
	'SELECT calpads.record_observations()',
	"SELECT calpads.queue_mail('{dba\@district.example}', 'Subject', 'Body')",
	'SELECT calpads.run_due_jobs()',
	"SELECT calpads.run_job_now('nightly')",
	'CALL calpads.dispatch()',
	"INSERT INTO calpads.protected_ssid (ssid) VALUES ('9999999999')")
{
	my (undef, undef, $complaint) = $replica->psql('postgres', '\set VERBOSITY verbose' . "\n$statement");
	like($complaint, qr/^\S*\s*ERROR:  (25006|55000): cannot execute .* (read-only transaction|during recovery)/m,
		"refused: $statement");
}

# ---- promoted ----

$replica->promote;
is($replica->safe_psql('postgres', "SELECT (calpads.post_file(file_id)).status FROM calpads.extract_file WHERE status = 'Rejected'"), 'Posted', 'after its promotion it posts');
is($replica->safe_psql('postgres', "SELECT (calpads.load_ods('SENR', 'ods.txt', content)).load_id > 7 FROM public.ods"),
	't', 'loads');
# The old file shows nothing of what was posted.
is($replica->safe_psql('postgres', "SELECT count(*) > 0 FROM calpads.create_extract('SENR', force => true)"), 't', 'and makes files');

$replica->stop;
$primary->stop;
done_testing();
