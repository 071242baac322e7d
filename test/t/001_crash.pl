# Work that breaks off: a backend killed, the server stopped at once, a time
# limit, a write that fails.  Nothing half done may remain, and the same call
# must work again.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use District;
use IPC::Run qw(start finish);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
# Small segments: a limit on the size of files can be below a table's and still
# let the server write its log.
$node->init(extra => [ '--wal-segsize', '1' ]);
# It crashes often here, and has to come back as it would in a district.
$node->append_conf('postgresql.conf', "restart_after_crash = on\nmax_wal_size = 16MB\nmin_wal_size = 2MB\n");
$node->start;
create_district($node, 'postgres', 300);

# What imports need: programs of Illuminate for every third student, and special
# education of every fourth.
$node->safe_psql(
	'postgres', q{
	INSERT INTO calpads.isi_code VALUES ('GT', 'Gifted and talented', '127', NULL);
	INSERT INTO calpads.casemis_profile (name) VALUES ('nightly');
	CREATE TABLE public.programs AS
	SELECT convert_to(string_agg(concat_ws(E'\t', id, cid, ln, fn, '', to_char(bd, 'MM/DD/YYYY'), 'GT', '8/11/2025', '', '8/11/2025', '',
		'2025-2026', ''), E'\r\n') || E'\r\n', 'UTF8') AS content
	FROM (SELECT DISTINCT ON (id) * FROM sis.stu ORDER BY id) AS student WHERE id % 3 = 0;
	CREATE TABLE public.casemis AS
	SELECT convert_to(E'SELPA_CODE,STUDENT_ID,LAST_NAME,FIRST_NAME,SSID,BIRTHDATE,GRADE,PLAN_TYPE,DISABILIT1\r\n'
		|| string_agg(format(E'0601,%s,%s,%s,%s,%s,04,10,290\r\n', id, ln, fn, cid, to_char(bd, 'YYYYMMDD')), ''), 'UTF8') AS content
	FROM (SELECT DISTINCT ON (id) * FROM sis.stu ORDER BY id) AS student WHERE id % 4 = 0});

my $folder = PostgreSQL::Test::Utils::tempdir;
my $load   = "SELECT calpads.load_ods('SENR', 'ods.txt', content) FROM public.ods";
$node->safe_psql('postgres', $load);
$node->safe_psql('postgres', "SELECT calpads.create_extract('SENR')");
my $names = $node->safe_psql('postgres', "SELECT string_agg(file_name, ' ' ORDER BY seq) FROM calpads.extract_file");

# Each call waits, its work half done, for a lock that a second session holds:
# all rows are loaded, but the load is not yet current; the records of a batch
# are stored, but not yet rehearsed; a file is marked, but the next one not yet
# open; a file is begun, but has no lines; an import has changed the SIS, but not
# yet written down what it has changed.
# [name, call, lock, what shows that the call has come so far]
my @calls = (
	[   'load_ods', $load,
		'SELECT FROM calpads.load WHERE load_id = 1 FOR UPDATE',
		"SELECT count(*) = 1 FROM pg_locks WHERE relation = 'calpads.senr_baseline'::regclass AND mode = 'RowExclusiveLock'" ],
	[   'create_extract', "SELECT calpads.create_extract('SENR')",
		'LOCK TABLE calpads.batch_rehearsal IN SHARE MODE',
		"SELECT count(*) = 1 FROM pg_locks WHERE relation = 'calpads.extract_record'::regclass AND mode = 'RowExclusiveLock'" ],
	[   'post_file', 'SELECT calpads.post_file(1)',
		'LOCK TABLE calpads.file_event IN SHARE MODE',
		"SELECT count(*) > 0 FROM pg_locks WHERE relation = 'calpads.extract_file'::regclass AND mode = 'RowExclusiveLock'" ],
	[   'write_extract', "SELECT calpads.write_extract(1, '$folder')",
		'LOCK TABLE calpads.extract_record IN ACCESS EXCLUSIVE MODE',
		"SELECT count(*) = 1 FROM pg_ls_dir('$folder') AS name WHERE name LIKE '.001%'" ],
	[   'create_extract SINF', "SELECT calpads.create_extract('SINF', all_students => true)",
		'LOCK TABLE calpads.extract_record IN SHARE MODE',
		"SELECT count(*) = 1 FROM pg_locks WHERE relation = 'calpads.extract_file'::regclass AND mode = 'RowExclusiveLock'" ],
	[   'casemis_run', "SELECT calpads.casemis_run('nightly', content) FROM public.casemis",
		'LOCK TABLE calpads.casemis_change IN SHARE MODE',
		"SELECT count(*) = 1 FROM pg_locks WHERE relation = 'calpads.casemis_record'::regclass AND mode = 'RowExclusiveLock'" ],
	[   'import_programs', "SELECT calpads.import_programs('programs.txt', content) FROM public.programs",
		'LOCK TABLE calpads.isi_program IN SHARE MODE',
		"SELECT count(*) = 1 FROM pg_locks WHERE relation = 'calpads.program_import'::regclass AND mode = 'RowExclusiveLock'" ]);

sub start_session
{
	return start [ 'psql', '-XqAt', '-d', $node->connstr('postgres'), map { ('-c', $_) } @_ ],
		'<', '/dev/null', '>', '/dev/null', '2>', '/dev/null';
}

sub has_come_back
{
	return $node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
}

# Brings a call to the middle of its work, does something, and waits for the end.
sub interrupt
{
	my ($call, $act) = @_;
	my (undef, $statement, $lock, $sign) = @$call;
	my $holder = start_session("BEGIN; $lock; SELECT pg_sleep(600)");
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
		or die 'the lock is not taken';
	my $worker = start_session($statement);
	$node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'SELECT calpads.%'")
		or die 'the call does not wait';
	is($node->safe_psql('postgres', $sign), 't', "$call->[0] is in the middle of its work");
	$act->(
		$node->safe_psql(
			'postgres',
			"SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'SELECT calpads.%'"));
	finish $worker;
	has_come_back();
	finish $holder;
	return;
}

# Nothing has changed but the folder, which may hold what a killed backend left there.
sub check_nothing_done
{
	my ($name, $before) = @_;

	is(differences($before, tables_of($node, 'postgres')), '', "$name: no row more, none less");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_stat_progress_copy'), 0, "$name: no progress is shown");
	return;
}

# Works, and is taken back so that the next call finds the same.
sub check_works_again
{
	my ($name, $statement) = @_;
	my $lines = $node->safe_psql('postgres', "BEGIN; $statement; ROLLBACK");

	isnt($lines, '', "$name: the same call works");
	return;
}

sub clear_folder
{
	unlink "$folder/$_" or die "$_: $!" for split / /, files_of($folder);
	return;
}

sub check_written
{
	my ($name) = @_;

	is(files_of($folder), $names, "$name: all files are there, and no others");
	clear_folder();
	return;
}

# ---- killed, stopped ----

my %acts = (
	'kill -9' => sub { kill 'KILL', $_[0] },
	'immediate stop' => sub { $node->stop('immediate'); $node->start });

for my $act (sort keys %acts)
{
	for my $call (@calls)
	{
		my $name   = "$call->[0], $act";
		my $before = tables_of($node, 'postgres');

		interrupt($call, $acts{$act});
		check_nothing_done($name, $before);
		if ($call->[0] eq 'write_extract')
		{
			unlike(files_of($folder), qr/(^| )001/, "$name: no half file has a name");
			like(files_of($folder), qr/^\.001/, 'what was begun is left over') if $act eq 'kill -9';
		}
		check_works_again($name, $call->[1]);
		check_written($name) if $call->[0] eq 'write_extract';
	}
}

# Files that only look like those of a killed backend are nobody's to remove.
my $gone = open my $process, '-|', 'true' or die $!;
close $process;
my @others = ("001.$gone.calpads", ".001.$gone.tmp", '.001.calpads', ".001.$$.calpads");
for my $other (@others, ".other.txt.$gone.calpads")
{
	open my $file, '>', "$folder/$other" or die $!;
}
$node->safe_psql('postgres', "SELECT calpads.write_extract(1, '$folder')");
is(files_of($folder), join(' ', sort @others, split / /, $names), 'only what has lost its writer goes');
clear_folder();

# ---- a time limit ----

# Milliseconds at which a call is broken off: at random, the seed in the output.
my $seed = $ENV{SEED} // time;
srand $seed;
note "SEED=$seed repeats these limits";

sub duration_of
{
	my ($statement) = @_;

	return $node->safe_psql(
		'postgres', qq{
		BEGIN;
		SELECT clock_timestamp() AS started \\gset
		\\o /dev/null
		$statement;
		\\o
		SELECT ceil(1000 * date_part('epoch', clock_timestamp() - :'started'::timestamptz));
		ROLLBACK});
}

for my $call (@calls)
{
	my ($name, $statement) = @$call;
	my $before   = tables_of($node, 'postgres');
	my $duration = duration_of($statement);
	my $ended    = 0;
	my $half     = '';
	my $other    = '';
	clear_folder();

	for (1 .. 12)
	{
		my $limit = 1 + int rand $duration;
		my (undef, undef, $complaint) = $node->psql('postgres',
			# A call that ends in time may warn of what it found.
			"BEGIN; SET LOCAL client_min_messages = error; SET LOCAL statement_timeout = $limit; $statement; ROLLBACK",
			on_error_stop => 0);
		$ended++ if $complaint =~ /canceling statement due to statement timeout/;
		$other .= $complaint if $complaint ne '' && $complaint !~ /canceling statement due to statement timeout/;
		# The limit can also strike when all is written and only the answer is missing.
		my $files = files_of($folder);
		$half .= "$files;" unless $files eq '' || $files eq $names;
		clear_folder();
	}
	cmp_ok($ended, '>', 0, "$name: the time limit has ended some of 12 calls");
	is($other, '', "$name: with its own message");
	is($half, '', "$name: all of the files or none");
	check_nothing_done("$name, time limit", $before);
	check_works_again("$name, time limit", $statement);
}
clear_folder();

# ---- a write that fails ----

# A full disk needs a disk of one's own.  A limit on the size of files lets the
# same writes fail, in one backend and in a place that can be chosen.
SKIP:
{
	skip 'needs the program prlimit', 13 unless system('prlimit --version > /dev/null 2>&1') == 0;

	# More than a megabyte in one file.
	$node->safe_psql(
		'postgres', q{
		CREATE TABLE public.large AS
		SELECT string_agg(l.line || E'\r\n', '' ORDER BY n, l.line)::bytea AS content
		FROM generate_series(0, 19) n, public.ods,
			LATERAL (SELECT concat_ws('^', VARIADIC f[1:7] || lpad((f[8]::bigint + n * 100000000)::text, 10, '0') || f[9:])
				FROM regexp_split_to_table(convert_from(content, 'UTF8'), E'\r\n') AS line, string_to_array(line, '^') AS f
				WHERE line <> '') AS l (line);
		INSERT INTO calpads.batch (process, lea, load_id, today, encoding, forced)
		VALUES ('SENR', '9976543', 1, '2025-11-14', 'UTF8', false);
		INSERT INTO calpads.extract_file (batch_id, process, lea, seq, category, file_name, records)
		SELECT max(batch_id), 'SENR', '9976543', s, 'Updates', format('00%s_Updates.txt', s), s * 10000
		FROM calpads.batch, generate_series(1, 2) s GROUP BY s;
		INSERT INTO calpads.extract_record (file_id, line_no, key, transaction_type, reason, explanation, changed, line)
		SELECT f.file_id, n, '', 'A', '', '', '{}', repeat('x', 100)
		FROM calpads.extract_file f, generate_series(1, f.records) n
		WHERE f.batch_id = (SELECT max(batch_id) FROM calpads.batch);
		VACUUM ANALYZE});
	my $large_load = "SELECT calpads.load_ods('SENR', 'large.txt', content) FROM public.large";
	my $large_batch = $node->safe_psql('postgres', 'SELECT max(batch_id) FROM calpads.batch');

	# The second of two files is the one that does not fit.
	for my $call (
		[ 'load_ods', $large_load, qr/could not extend file/ ],
		[   'write_extract', "SELECT calpads.write_extract($large_batch, '$folder')",
			qr/could not write file "\S+002_Updates.txt": (File too large|No space left on device)/ ])
	{
		my ($name, $statement, $message) = @$call;
		my $before = tables_of($node, 'postgres');
		my (undef, undef, $complaint) = $node->psql(
			'postgres', qq{
			SELECT pg_backend_pid() AS pid \\gset
			\\setenv PID :pid
			\\! prlimit --pid \$PID --fsize=1500000
			$statement});
		like($complaint, $message, "$name: a write fails");
		check_nothing_done("$name, failed write", $before);
		is(files_of($folder), '', "$name, failed write: no file remains");
		check_works_again("$name, failed write", $statement);
	}
	is(files_of($folder), '001_Updates.txt 002_Updates.txt', 'on the second try both files are there');
}

# ---- and the day's work is done ----

$node->safe_psql('postgres', 'SELECT calpads.post_file(file_id) FROM calpads.extract_file WHERE batch_id = 1 ORDER BY seq');
$node->safe_psql('postgres', $load);
is($node->safe_psql('postgres', 'SELECT count(*) FROM calpads.current_load c JOIN calpads.load l USING (load_id) WHERE l.closed_at IS NULL'),
	1, 'posted and loaded');

$node->stop;
done_testing();
