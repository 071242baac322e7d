# What the tests of crashes, dumps and replicas share: a fictitious district in
# a cluster, and a way to see whether anything in it has changed.

package District;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use Test::More;

our @EXPORT = qw(create_district create_district_at_work tables_of differences state_of check_state check_work_goes_on files_of);

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

# A district in the middle of its work, with rows of its own in all that a dump
# has to bring along.
sub create_district_at_work
{
	my ($node, $database) = @_;

	create_district($node, $database, 200);
	$node->safe_psql(
		$database, q{
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

# What is to be the same in the district's next home.
sub state_of
{
	my ($node, $database) = @_;

	return {
		tables => tables_of($node, $database),
		delta => $node->safe_psql($database, 'SELECT d FROM calpads.senr_delta() d'),
		held => $node->safe_psql($database, 'SELECT h FROM calpads.senr_held() h')
	};
}

sub check_state
{
	my ($node, $database, $state) = @_;

	is(differences($state->{tables}, tables_of($node, $database)), '', "$database: all rows are there");
	is($node->safe_psql($database, 'SELECT d FROM calpads.senr_delta() d'), $state->{delta}, 'the same difference');
	is($node->safe_psql($database, 'SELECT h FROM calpads.senr_held() h'), $state->{held}, 'the same students are held');
	is($node->safe_psql($database, 'SELECT DISTINCT what FROM calpads.refresh_sis_views()'),
		'view renewed', 'the mapping views are known as unchanged');
	like(
		$node->safe_psql(
			$database,
			'UPDATE calpads.code SET note = note WHERE codeset = \'grade_level\' RETURNING builtin'),
		qr/^f(\nf)*$/,
		'reference rows become the district\'s own here, too');
	return;
}

# As the operator, whose rights came along, too.
sub check_work_goes_on
{
	my ($node, $database) = @_;
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
	$as_operator->('SELECT calpads.post_file(file_id) FROM (SELECT file_id FROM calpads.extract_file WHERE batch_id = 4 ORDER BY seq) AS f');
	is($as_operator->('SELECT count(*) FROM calpads.senr_delta(force => true)'), 0, 'after which there is no difference');
	my (undef, undef, $complaint) =
		$node->psql($database, "SELECT calpads.create_extract('SENR')", extra_params => [ '-U', 'reader' ]);
	like($complaint, qr/permission denied for function create_extract/, 'a reader still only reads');
	return;
}

# Names in a folder, hidden ones too.
sub files_of
{
	my ($path) = @_;

	opendir my $directory, $path or die "$path: $!";
	return join ' ', sort grep { !/^\.\.?$/ } readdir $directory;
}

1;
