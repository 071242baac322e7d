# pg_upgrade from every older major version on this machine that has the
# extension to the newest: what a district has comes along, and the work goes on.
# A dump of the older server, restored in the newer one, does the same.
#
# Majors are looked for where Debian puts them, each in a folder of its number;
# test/versions has a machine with two.

use strict;
use warnings;

use Cwd 'abs_path';
use File::Compare;
use FindBin;
use lib $FindBin::RealBin;
use District;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Servers;
use Test::More;

# Has the server in that folder pg_upgrade and this very extension?
sub is_complete
{
	my ($install) = @_;
	my $configuration = "$install/bin/pg_config";

	return 0 unless -x $configuration && -x "$install/bin/pg_upgrade";
	chomp(my ($sharedir, $pkglibdir) = map { scalar `$configuration --$_` } qw(sharedir pkglibdir));
	return compare("$sharedir/extension/calpads--1.0.sql", "$FindBin::RealBin/../../calpads--1.0.sql") == 0
	  && -e "$pkglibdir/calpads.so";
}

chomp(my $bindir = `pg_config --bindir`);
my ($folder_of_majors, $newest) = abs_path($bindir) =~ m{^(.*)/(\d+)/bin$};
plan skip_all => 'the servers of this machine are not in folders of their major versions' unless defined $newest;
my @older = sort { $a <=> $b } grep { $_ < $newest && is_complete("$folder_of_majors/$_") }
  map { m{/(\d+)$} } glob "$folder_of_majors/*";
plan skip_all => "no server older than $newest has this version of calpads on this machine" unless @older;

my $work = PostgreSQL::Test::Utils::tempdir;
# Checksums became the default in 18; both clusters have to agree.
my @initdb_options = qw(--data-checksums --encoding=UTF8 --locale=C.UTF-8);

sub new_cluster
{
	my ($name, $major) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name, install_path => "$folder_of_majors/$major");

	$node->init(extra => [@initdb_options]);
	return $node;
}

# ---- a server that files come from ----

make_key("$work/$_", 'ed25519', '') for qw(host_key client_key);
rename "$work/client_key.pub", "$work/authorized_keys";
my $port = start_sshd($work, "$work/host_key");
append_to_file("$work/import.csv", 'a,b');
utime time - 60, time - 60, "$work/import.csv";
my $fetch = q{SELECT convert_from(calpads.fetch_file('district', 'import.csv'), 'UTF8')};

# The views of schema calpads_report: name => rows and digest.
sub reports_of
{
	my ($node) = @_;
	my $query = $node->safe_psql(
		'postgres', q{
		SELECT string_agg(format('SELECT %L, count(*), md5(string_agg(t::text, E''\n'' ORDER BY t::text COLLATE "C")) FROM %s t',
			c.oid::regclass, c.oid::regclass), ' UNION ALL ')
		FROM pg_class c
		WHERE c.relkind = 'v' AND c.relnamespace = 'calpads_report'::regnamespace});

	return { map { split /\|/, $_, 2 } split /\n/, $node->safe_psql('postgres', $query) };
}

sub check_new_home
{
	my ($name, $node, $state, $reports) = @_;

	is(differences($reports, reports_of($node)), '', "$name: all reports are the same");
	is($node->safe_psql('postgres', 'SELECT count(*) > 0 FROM calpads.refresh_reference_data()'), 't', 'reference data are read again');
	is(differences($state->{tables}, tables_of($node, 'postgres')), '', 'which are there once, the district\'s own too');
	is($node->safe_psql('postgres', $fetch), 'a,b', 'the transport library fetches from the server that came along');
	check_state($node, 'postgres', $state);
	check_work_goes_on($node, 'postgres');
	is($node->safe_psql('postgres', 'SELECT DISTINCT message FROM calpads.record_observations()'), '', 'observations go on');
	return;
}

sub upgrade
{
	my ($old, $major, $mode, $state, $reports) = @_;
	my $name = "$major to $newest, $mode";
	my $new = new_cluster("new_${major}_$mode", $newest);

	$new->command_ok(
		[
			'pg_upgrade', '--no-sync', '--old-datadir', $old->data_dir, '--new-datadir', $new->data_dir,
			'--old-bindir', "$folder_of_majors/$major/bin", '--new-bindir', "$folder_of_majors/$newest/bin",
			'--socketdir', $new->host, '--old-port', $old->port, '--new-port', $new->port, "--$mode"
		],
		"$name: pg_upgrade");
	$new->start;
	check_new_home($name, $new, $state, $reports);
	$new->stop;
	return;
}

sub dump_and_restore
{
	my ($old, $major, $state, $reports) = @_;
	my $name = "$major to $newest, dump";
	my $new = new_cluster("new_${major}_dump", $newest);

	$new->start;
	$new->command_ok([ 'pg_dumpall', '-d', $old->connstr('postgres'), '-f', "$work/dump_$major" ], "$name: dump");
	$new->command_ok([ 'psql', '-Xq', '-d', $new->connstr('postgres'), '-f', "$work/dump_$major" ], "$name: restore");
	check_new_home($name, $new, $state, $reports);
	$new->stop;
	return;
}

for my $major (@older)
{
	my $old = new_cluster("old_$major", $major);

	$old->start;
	create_district_at_work($old, 'postgres');
	my $pin = fingerprint("$work/host_key");
	my $user = getpwuid $>;
	$old->safe_psql(
		'postgres', qq{
		CREATE SERVER district FOREIGN DATA WRAPPER calpads_transport
			OPTIONS (type 'sftp', host '127.0.0.1', port '$port', directory '$work', host_key_sha256 '$pin');
		CREATE USER MAPPING FOR CURRENT_USER SERVER district OPTIONS (username '$user', private_key_file '$work/client_key')});
	is($old->safe_psql('postgres', $fetch), 'a,b', "$major: a file comes from the server");
	is($old->safe_psql('postgres', 'SELECT DISTINCT message FROM calpads.record_observations()'), '', 'there are observations');
	my $state = state_of($old, 'postgres');
	my $reports = reports_of($old);

	dump_and_restore($old, $major, $state, $reports);
	$old->stop;
	# The old cluster serves no more once the new one has its files.
	upgrade($old, $major, $_, $state, $reports) for qw(copy link);
}

done_testing();
