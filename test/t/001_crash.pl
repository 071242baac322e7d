# Work that breaks off: a backend killed, the server stopped at once, a time
# limit, a write that fails.  Nothing half done may remain, and the same call
# must work again.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Digest::MD5 'md5_hex';
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
my $imports = PostgreSQL::Test::Utils::tempdir;
$node->append_conf('postgresql.conf', "calpads.import_directory = '$imports'\ncalpads.import_settle_seconds = 0\n");
$node->restart;
create_whole_district($node, 'postgres');

# Files that wait for an import, and students who wait for an SSID.
mkdir "$imports/$_" for 'isi', 'sped';
$node->safe_psql(
	'postgres', qq{
	COPY (SELECT encode(content, 'hex') FROM public.programs) TO '$imports/isi/programs.hex';
	COPY (SELECT encode(content, 'hex') FROM public.casemis) TO '$imports/sped/tableA.hex';
	UPDATE calpads.program_profile SET insert_close_limit_percent = 1000;
	UPDATE calpads.casemis_profile SET location = 'folder:sped';
	CREATE TABLE public.waiting AS
	SELECT DISTINCT ON (s.id) s.id, s.cid, s.ln, s.fn, s.gn, s.bd, o.reporting_lea AS lea, o.school_of_attendance AS school
	FROM sis.stu s JOIN sis.senr o ON o.student_id = s.id AND o.enrollment_exit_date IS NULL
	WHERE s.cid <> '' AND s.id % 5 = 0 ORDER BY s.id LIMIT 4;
	UPDATE sis.stu SET cid = '' WHERE id IN (SELECT id FROM public.waiting);
	SELECT calpads.create_ssid_request();
	CREATE TABLE public.result AS
	SELECT r.base_name || '_Results.csv' AS name, convert_to(E'LocalID,SSID,Category,Score\\r\\n' || (
		SELECT string_agg(format(E'%s,%s,Single Match,100\\r\\n', id, cid), '') FROM public.waiting), 'UTF8') AS content
	FROM calpads.ssid_request r WHERE r.closed_at IS NULL;
	CREATE TABLE public.received AS
	SELECT (calpads.load_ssid_extract('received.txt', convert_to(string_agg(format(E'%s^%s^%s^%s^%s^%s^^%s^%s^20250820^05^EO^20250820^eng^20251030^Y\\r\\n',
		lea, school, cid, id, ln, fn, gn, to_char(bd, 'YYYYMMDD')), ''), 'UTF8'))).load_id
	FROM public.waiting;
	CREATE TABLE public.rejected AS
	SELECT convert_to(E'SSID,Error Code\\r\\n' || string_agg(DISTINCT ssid || E',SENR0099\\r\\n', ''), 'UTF8') AS content
	FROM calpads.extract_record WHERE ssid <> '';
	UPDATE calpads.job SET enabled = name = 'nightly';
	UPDATE calpads.job SET scheduled_since = now() - interval '3 days', last_due = NULL, retry_at = NULL});
for my $path ("$imports/isi/programs", "$imports/sped/tableA")
{
	append_to_file($path . ($path =~ /isi/ ? '.txt' : '.csv'), pack 'H*', slurp_file("$path.hex") =~ s/\s//gr);
	unlink "$path.hex";
}

my $folder = PostgreSQL::Test::Utils::tempdir;
my $load   = "SELECT calpads.load_ods('SENR', 'ods.txt', content) FROM public.ods";
$node->safe_psql('postgres', "SELECT calpads.create_extract('SENR', force => true)");
my ($batch, $file, $current) = map { $node->safe_psql('postgres', $_) } (
	"SELECT max(batch_id) FROM calpads.batch WHERE process = 'SENR'",
	"SELECT max(file_id) FROM calpads.history_open WHERE process = 'SENR'",
	"SELECT load_id FROM calpads.current_load WHERE process = 'SENR'");
my $names = $node->safe_psql('postgres', "SELECT string_agg(file_name, ' ' ORDER BY seq) FROM calpads.extract_file WHERE batch_id = $batch");

# Each call waits, its work half done, for a lock that a second session holds:
# all rows are loaded, but the load is not yet current; the records of a batch
# are stored, but not yet rehearsed; a file is marked, but the next one not yet
# open; a file is begun, but has no lines; a load of language status has its rows,
# but the SIS does not; an import has changed the SIS, but not yet written down
# what it has changed; a match session has no students; a job has files, but no end.
# [name, call, lock, table that is open for writing when the call has come so far]
my @calls = (
	[   'load_ods', $load,
		"SELECT FROM calpads.load WHERE load_id = $current FOR UPDATE", 'calpads.senr_baseline' ],
	[   'create_extract', "SELECT calpads.create_extract('SENR', force => true)",
		'LOCK TABLE calpads.batch_rehearsal IN SHARE MODE', 'calpads.extract_record' ],
	[   'post_file', "SELECT calpads.post_file($file)",
		'LOCK TABLE calpads.file_event IN SHARE MODE', 'calpads.extract_file' ],
	[   'write_extract', "SELECT calpads.write_extract($batch, '$folder')",
		'LOCK TABLE calpads.extract_record IN ACCESS EXCLUSIVE MODE', undef ],
	[   'create_extract SPRG', "SELECT calpads.create_extract('SPRG', force => true)",
		'LOCK TABLE calpads.batch_rehearsal IN SHARE MODE', 'calpads.extract_record' ],
	[   'create_extract SINF', "SELECT calpads.create_extract('SINF', all_students => true)",
		'LOCK TABLE calpads.extract_record IN SHARE MODE', 'calpads.extract_file' ],
	[   'load_ods SELA', "SELECT calpads.load_ods('SELA', 'sela.txt', content) FROM public.sela",
		'LOCK TABLE sis.lac IN SHARE MODE', 'calpads.sela_baseline' ],
	[   'create_extract SELA', "SELECT calpads.create_extract('SELA')",
		'LOCK TABLE calpads.file_event IN SHARE MODE', 'calpads.extract_record' ],
	[   'casemis_run', "SELECT calpads.casemis_run('sped')",
		'LOCK TABLE calpads.casemis_change IN SHARE MODE', 'calpads.casemis_record' ],
	[   'import_programs_scheduled', "SELECT calpads.import_programs_scheduled('nightly', force => true)",
		'LOCK TABLE calpads.isi_program IN SHARE MODE', 'calpads.program_import' ],
	[   'load_match_result', 'SELECT calpads.load_match_result(name, content) FROM public.result',
		'LOCK TABLE calpads.match_row IN SHARE MODE', 'calpads.match_session' ],
	[   'apply_ssid_extract', 'SELECT calpads.apply_ssid_extract(load_id) FROM public.received',
		'LOCK TABLE calpads.ssid_change IN SHARE MODE', 'sis.stu' ],
	[   'load_rejected', "SELECT calpads.load_rejected('rejected.csv', content) FROM public.rejected",
		'LOCK TABLE calpads.rejection_row IN SHARE MODE', 'calpads.rejection_load' ],
	[   'run_due_jobs', 'SELECT calpads.run_due_jobs()',
		'LOCK TABLE calpads.batch_rehearsal IN SHARE MODE', 'calpads.extract_record' ]);

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
	my (undef, $statement, $lock, $table) = @$call;
	my $sign = defined $table
	  ? "SELECT count(*) = 1 FROM pg_locks WHERE relation = '$table'::regclass AND mode = 'RowExclusiveLock'"
	  : "SELECT count(*) = 1 FROM pg_ls_dir('$folder') AS name WHERE name LIKE '.001%'";
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

# The files that wait to be imported, and what they hold.
sub digest_of_imports
{
	return join ' ', map { "$_ " . md5_hex(slurp_file($_)) } sort glob "$imports/*/*";
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

my $waiting_files = digest_of_imports();
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
		is(digest_of_imports(), $waiting_files, "$name: the files that wait for an import are there");
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
$node->safe_psql('postgres', "SELECT calpads.write_extract($batch, '$folder')");
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

# A job whose run is cancelled is recorded as failed: see the test of the schedule.
for my $call (grep { $_->[0] ne 'run_due_jobs' } @calls)
{
	my ($name, $statement) = @$call;
	my $before   = tables_of($node, 'postgres');
	my $duration = duration_of($statement);
	my $ended    = 0;
	my $half     = '';
	my $other    = '';
	clear_folder();

	for (1 .. 8)
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
	cmp_ok($ended, '>', 0, "$name: the time limit has ended some of 8 calls");
	is($other, '', "$name: with its own message");
	is($half, '', "$name: all of the files or none");
	check_nothing_done("$name, time limit", $before);
	is(digest_of_imports(), $waiting_files, "$name, time limit: the files that wait for an import are there");
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
		'postgres', qq{
		CREATE TABLE public.large AS
		SELECT string_agg(l.line || E'\\r\\n', '' ORDER BY n, l.line)::bytea AS content
		FROM generate_series(0, 39) n, public.ods,
			LATERAL (SELECT concat_ws('^', VARIADIC f[1:7] || lpad(((f[8]::bigint + n * 100000000::bigint) % 10000000000)::text, 10, '0') || f[9:])
				FROM regexp_split_to_table(convert_from(content, 'UTF8'), E'\\r\\n') AS line, string_to_array(line, '^') AS f
				WHERE line <> '') AS l (line);
		INSERT INTO calpads.batch (process, lea, load_id, today, encoding, forced)
		VALUES ('SENR', '9976543', $current, '2025-11-14', 'UTF8', false);
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

$node->safe_psql('postgres', 'SELECT calpads.post_file(file_id) FROM calpads.extract_file WHERE batch_id = ' . $batch . ' ORDER BY seq');
$node->safe_psql('postgres', $load);
is( $node->safe_psql(
		'postgres', "SELECT count(*) FROM calpads.current_load c JOIN calpads.load l USING (load_id) WHERE l.closed_at IS NULL AND l.process = 'SENR'"),
	1, 'posted and loaded');

$node->stop;
done_testing();
