# What the tests of crashes, dumps and replicas share: a fictitious district in
# a cluster, and a way to see whether anything in it has changed.

package District;

use strict;
use warnings;

use Exporter 'import';
use File::Basename;
use PostgreSQL::Test::Cluster;
use Test::More;

our @EXPORT = qw(create_district create_whole_district create_district_at_work tables_of differences state_of check_state check_work_goes_on files_of);

# Every session has the same today, whatever the database is called.  Nothing
# here is large enough to be worth compiling.
$ENV{PGOPTIONS} = '-c calpads.today=2025-11-14 -c client_min_messages=warning -c jit=off';

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

# Creates the extension and a district that has rows in every table of it, and a
# table public.NAME (content) for each file that it has loaded.
sub create_whole_district
{
	my ($node, $database) = @_;
	my $script = dirname(__FILE__) . '/../data/whole_district.sql';

	$node->safe_psql($database, 'CREATE EXTENSION calpads');
	$node->safe_psql($database, "\\i $script");
	return;
}

# The same with a reader and an operator, the roles of those who go on with the work.
sub create_district_at_work
{
	my ($node, $database) = @_;

	create_whole_district($node, $database);
	$node->safe_psql(
		$database, q{
		CREATE ROLE reader LOGIN;
		CREATE ROLE operator LOGIN;
		SELECT calpads.grant_access('reader', 'reader'), calpads.grant_access('operator', 'operator');
		GRANT SELECT ON ALL TABLES IN SCHEMA public TO operator;
		GRANT INSERT, UPDATE, DELETE ON sis.cse, sis.csv TO operator});
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

# What an identity column or post_order gets next is later than all there is.
my $late_sequences = q{
	SELECT string_agg(format('SELECT %L WHERE (SELECT max(%I) FROM %s) > (SELECT last_value FROM %s)', s.sequence, s.column_name, s.relation, s.sequence), ' UNION ALL ')
	FROM (SELECT a.attrelid::regclass AS relation, a.attname AS column_name, pg_get_serial_sequence(a.attrelid::regclass::text, a.attname) AS sequence
		FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'calpads' JOIN pg_attribute a ON a.attrelid = d.objid
		WHERE d.deptype = 'e' AND d.classid = 'pg_class'::regclass AND a.attidentity <> ''
		UNION ALL
		VALUES ('calpads.extract_file'::regclass, 'post_order', 'calpads.post_order')) AS s};

sub check_state
{
	my ($node, $database, $state) = @_;

	is(differences($state->{tables}, tables_of($node, $database)), '', "$database: all rows are there");
	is($node->safe_psql($database, 'SELECT d FROM calpads.senr_delta() d'), $state->{delta}, 'the same difference');
	is($node->safe_psql($database, 'SELECT h FROM calpads.senr_held() h'), $state->{held}, 'the same students are held');
	is($node->safe_psql($database, $node->safe_psql($database, $late_sequences)), '', 'every number given out is new');
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

# Every kind of work, as the operator, whose rights came along, too: [what, call,
# the answer's form].  A number that is given out twice would end the call.
my @work = (
	[ 'the next post', "SELECT (calpads.post_file(file_id)).status FROM calpads.extract_file WHERE status = 'Rejected'", qr/^Posted$/ ],
	[ 'comes after those before', 'SELECT max(post_order) - count(post_order) FROM calpads.extract_file', qr/^0$/ ],
	[ 'the next event', 'SELECT max(event_id) - count(*) FROM calpads.file_event', qr/^0$/ ],
	[ 'the next batch', "SELECT min(batch_id) > :batch FROM calpads.create_extract('SENR', force => true)", qr/^t$/ ],
	[ 'the next load', "SELECT (calpads.load_ods('SENR', 'third.txt', content)).load_id > :load FROM public.ods", qr/^t$/ ],
	# The old file shows nothing of what was posted.
	[ 'and its batch', "SELECT min(seq) FROM calpads.create_extract('SENR', force => true)", qr/^1$/ ],
	[ 'which can be posted', "SELECT (calpads.post_file(file_id)).status FROM calpads.history_open WHERE process = 'SENR' ORDER BY file_id DESC LIMIT 1",
		qr/^Posted$/ ],
	[ 'programs', "SELECT (calpads.load_ods('SPRG', 'sprg.txt', calpads.sample_programs_file())).load_id > :load", qr/^t$/ ],
	[ 'their files', "SELECT count(*) > 0 FROM calpads.create_extract('SPRG', force => true)", qr/^t$/ ],
	[ 'the log of the SIS', "UPDATE sis.stu SET ad = '2 New St' WHERE id % 50 = 1", qr/^$/, 'owner' ],
	[ 'student information', "SELECT count(*) FROM calpads.create_extract('SINF')", qr/^1$/ ],
	[ 'which can be posted', "SELECT (calpads.post_file(max(file_id))).status FROM calpads.extract_file WHERE process = 'SINF'", qr/^Posted$/ ],
	[ 'students are chosen for it', 'SELECT calpads.select_for_sinf(ARRAY(SELECT ssid FROM sis.sinf WHERE problems IS NULL ORDER BY ssid DESC LIMIT 1))',
		qr/^1$/ ],
	[ 'its extract', "SELECT (calpads.load_ods('SINF', 'sinf.txt', content)).load_id > :load FROM public.sinf", qr/^t$/ ],
	[ 'language status', "SELECT (calpads.load_ods('SELA', 'sela.txt', content)).load_id > :load FROM public.sela", qr/^t$/ ],
	[ 'which can be posted', "SELECT (calpads.post_file(min(file_id))).status FROM calpads.create_extract('SELA')", qr/^Posted$/ ],
	[ 'special education', "SELECT status, import_id > (SELECT min(import_id) FROM calpads.casemis_import) FROM public.casemis, calpads.casemis_run('sped', content)",
		qr/^succeeded\|t$/ ],
	[ 'a decision about a row', "SELECT outcome FROM public.held, calpads.decide_program_row(import_id, line_no, 'skip')", qr/^skipped$/ ],
	[ 'programs of Illuminate', "SELECT inserted > 0 FROM public.programs, calpads.import_programs('programs.txt', convert_to(replace(
		convert_from(content, 'UTF8'), '8/11/2025', '10/20/2025'), 'UTF8'))", qr/^[tf]$/ ],
	[ 'a student without SSID', "UPDATE sis.stu SET cid = '' WHERE id = (SELECT min(id) FROM sis.stu WHERE id % 11 = 0 AND cid <> '')", qr/^$/, 'owner' ],
	[ 'the next request', 'SELECT records > 0 FROM calpads.create_ssid_request()', qr/^t$/ ],
	[ 'its result', "SELECT calpads.load_match_result(r.base_name || '_Results.csv', convert_to(E'LocalID,SSID,Category,Score\r\n' || (
		SELECT string_agg(format(E'%s,,No Match,\r\n', s.student_id), '') FROM calpads.ssid_request_student s WHERE s.request_id = r.request_id), 'UTF8'))
		FROM calpads.ssid_request r ORDER BY r.request_id DESC LIMIT 1", qr/^2$/ ],
	[ 'decisions', "SELECT d.decision FROM calpads.match_undecided u, calpads.decide_match(2, u.student_id, 'New SSID', confirm => true) d",
		qr/^New SSID(\nNew SSID)*$/ ],
	[ 'the update', 'SELECT records > 0 FROM calpads.create_ssid_update(2)', qr/^t$/ ],
	[ 'an extract of SSIDs', "SELECT (calpads.load_ssid_extract('ssid.txt', content)).load_id > :load FROM public.ssids", qr/^t$/ ],
	[ 'errors of CALPADS', "SELECT rows, rejection_load_id FROM calpads.load_rejected('more.csv', convert_to((
		SELECT E'SSID,Error Code\r\n' || min(ssid) || E',SENR0099\r\n' FROM calpads.extract_record WHERE ssid <> ''), 'UTF8'))", qr/^1\|2$/ ],
	[ 'observations', 'SELECT count(*) > 0, count(message) FROM calpads.record_observations()', qr/^t\|0$/ ],
	[ 'mail', "SELECT calpads.queue_mail('{dba\@district.example}', 'Subject', 'Body') > (SELECT min(mail_id) FROM calpads.mail)", qr/^t$/ ],
	[ 'the next job', "INSERT INTO calpads.job (name, process, time_of_day, enabled) VALUES ('more', 'REPORT', '05:00', true)", qr/^$/ ],
	[ 'runs', "SELECT status FROM calpads.run_job_now('more')", qr/^succeeded$/ ]);

sub check_work_goes_on
{
	my ($node, $database) = @_;
	my %variables = (batch => 'SELECT max(batch_id) FROM calpads.batch', load => 'SELECT max(load_id) FROM calpads.load');

	$_ = $node->safe_psql($database, $_) for values %variables;
	for my $call (@work)
	{
		my ($name, $statement, $answer, $role) = @$call;

		$statement =~ s/:(batch|load)\b/$variables{$1}/g;
		like($node->safe_psql($database, $statement, extra_params => $role ? [] : [ '-U', 'operator' ]), $answer, "$database: $name");
	}
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
