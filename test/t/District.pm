# What the tests of crashes, dumps and replicas share: a fictitious district in
# a cluster, and a way to see whether anything in it has changed.

package District;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Cluster;

our @EXPORT = qw(create_district tables_of differences files_of);

# Every session has the same today, whatever the database is called.
$ENV{PGOPTIONS} = '-c calpads.today=2025-11-14 -c client_min_messages=warning';

# Creates the extension and a district; public.ods holds the ODS file.
sub create_district
{
	my ($node, $database, $students) = @_;

	$node->safe_psql(
		$database, qq{
		CREATE EXTENSION calpads;
		CREATE TABLE public.ods AS SELECT calpads.create_sample_district($students) AS content});
	return;
}

# All tables of the extension and of the SIS: name => rows and digest.  Uploads
# are unlogged: neither a dump nor a replica has them.
sub tables_of
{
	my ($node, $database) = @_;
	my $query = $node->safe_psql(
		$database, q{
		SELECT string_agg(format('SELECT %L, count(*), md5(string_agg(t::text, E''\n'' ORDER BY t::text COLLATE "C")) FROM %s t',
			c.oid::regclass, c.oid::regclass), ' UNION ALL ')
		FROM pg_class c
		WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND c.relnamespace::regnamespace::text IN ('calpads', 'sis')});

	return { map { split /\|/, $_, 2 } split /\n/, $node->safe_psql($database, $query) };
}

# Names of the tables that are not the same in two such pictures.
sub differences
{
	my ($one, $other) = @_;
	my %names = (%$one, %$other);

	return join ' ', grep { ($one->{$_} // 'missing') ne ($other->{$_} // 'missing') } sort keys %names;
}

# Names in a folder, hidden ones too.
sub files_of
{
	my ($path) = @_;

	opendir my $directory, $path or die "$path: $!";
	return join ' ', sort grep { !/^\.\.?$/ } readdir $directory;
}

1;
