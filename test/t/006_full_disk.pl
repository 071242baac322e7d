# Disks that are full to the last block: those of the tables, of the server's
# log (WAL), and of the folder that files are written to.  Nothing half done may
# remain, and when there is room the same call must work again.

use strict;
use warnings;

# Small disks are mounted in a namespace that only this test sees, and that ends
# with it; an ordinary user may do that where the system allows user namespaces.
# The test runs once more inside, with its own user's name.
BEGIN
{
	unless (defined $ENV{SMALL_DISKS})
	{
		require File::Temp;
		my $disks = File::Temp::tempdir(CLEANUP => 1);
		my ($user, $group) = ($>, $) + 0);
		my $mount = 'for disk in tables log folder; do mkdir "$0/$disk" && mount -t tmpfs -o size=100m,mode=0700 none "$0/$disk" || exit; done; '
		  . "exec unshare --user --map-user=$user --map-group=$group " . '"$@"';
		my @inside = ('unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', $mount, $disks);

		if (system(join(' ', map { quotemeta } @inside, 'true') . ' 2>/dev/null') != 0)
		{
			print "1..0 # SKIP this user cannot mount a small disk: the system allows no user namespaces\n";
			exit 0;
		}
		$ENV{SMALL_DISKS} = $disks;
		rmdir "$disks/$_" for qw(tables log folder);
		system @inside, $^X, map({ "-I$_" } @INC), $0;
		exit($? >> 8);
	}
}

use FindBin;
use lib $FindBin::RealBin;
use District;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($tables, $log, $folder) = map { "$ENV{SMALL_DISKS}/$_" } qw(tables log folder);
my $full = qr/No space left on device|wrote only \d+ of \d+ bytes/;
my $block = 4096;

# Leaves so many blocks of a disk free.
sub fill
{
	my ($disk, $spare) = @_;

	open my $ballast, '>>', "$disk/ballast" or die "$disk/ballast: $!";
	for my $size (256 * $block, $block)
	{
		1 while syswrite $ballast, "\0" x $size;
	}
	truncate $ballast, (-s $ballast) - $spare * $block;
	return;
}

sub make_room
{
	my ($disk) = @_;

	unlink "$disk/ballast" or die "$disk/ballast: $!";
	return;
}

# ---- the disk of the tables ----

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--wal-segsize', '1', '--waldir', "$log/wal" ]);
$node->append_conf('postgresql.conf', "autovacuum = off\nmax_wal_size = 2MB\nmin_wal_size = 2MB\nrestart_after_crash = on\n");
$node->start;
mkdir "$tables/space";
$node->safe_psql('postgres', "CREATE TABLESPACE small LOCATION '$tables/space'");
$node->safe_psql('postgres', 'CREATE DATABASE district TABLESPACE small');
create_whole_district($node, 'district');

# Each process that fills tables or sorts on the disk: [name, call, tables in
# which it is promised to say what failed].
my @calls = (
	[ 'load_ods', "SELECT (calpads.load_ods('SENR', 'ods.txt', content)).load_id FROM public.ods" ],
	[ 'create_extract SENR', "SELECT count(*) FROM calpads.create_extract('SENR', force => true)" ],
	[ 'load_ods SPRG', "SELECT (calpads.load_ods('SPRG', 'sprg.txt', calpads.sample_programs_file())).load_id" ],
	[ 'create_extract SPRG', "SELECT count(*) FROM calpads.create_extract('SPRG', force => true)" ],
	[ 'load_ods SINF', "SELECT (calpads.load_ods('SINF', 'sinf.txt', content)).load_id FROM public.sinf" ],
	[ 'create_extract SINF', "SELECT count(*) FROM calpads.create_extract('SINF', all_students => true)" ],
	[ 'casemis_run', "SELECT status FROM public.casemis, calpads.casemis_run('sped', content)", qr/^calpads\.(casemis_import|casemis_message)$/ ],
	[ 'import_programs', "SELECT status FROM public.programs, calpads.import_programs('programs.txt', content, force => true)" ],
	[ 'run_job_now', "SELECT status, message FROM calpads.run_job_now('nightly')", qr/^calpads\.(job|job_run|mail)$/ ],
	[ 'a difference that is sorted on the disk', "SET work_mem = '64kB'; SET calpads.comparison_memory = '64kB'; SELECT count(*) FROM calpads.senr_delta(true)" ]);

# Blocks that are left: none, a few, and some number at random, the seed in the output.
my $seed = $ENV{SEED} // time;
srand $seed;
note "SEED=$seed repeats these sizes";

for my $call (@calls)
{
	my ($name, $statement, $told) = @$call;
	my $before = tables_of($node, 'district');
	my $failed = 0;
	my ($other, $half) = ('', '');

	for my $spare (0, 12, int rand 150)
	{
		fill($tables, $spare);
		my (undef, $output, $complaint) = $node->psql('district', $statement);
		make_room($tables);
		my $after = tables_of($node, 'district');
		if ("$output$complaint" =~ $full)
		{
			$failed++;
			$half .= join ' ', grep { !defined $told || !/$told/ } split / /, differences($before, $after);
		}
		elsif ($complaint =~ /ERROR|FATAL|PANIC/)
		{
			$other .= $complaint;
		}
		$before = $after;
	}
	cmp_ok($failed, '>', 0, "$name: the disk was full for some of 3 calls");
	is($other, '', "$name: nothing else went wrong");
	is($half, '', "$name: no row more, none less");
	is($node->safe_psql('district', "SELECT (SELECT count(*) FROM pg_stat_progress_copy), (SELECT count(*) FROM pg_tablespace t, pg_ls_tmpdir(t.oid) WHERE t.spcname = 'small')"),
		'0|0', "$name: neither progress nor a temporary file is left");
	unlike($node->safe_psql('district', "BEGIN; $statement; ROLLBACK"), qr/^$|failed/, "$name: with room the same call works");
}

# ---- the disk of the folder ----

my $batch = $node->safe_psql('district', "SELECT max(batch_id) FROM calpads.batch WHERE process = 'SENR'");
my $names = $node->safe_psql('district', "SELECT string_agg(file_name, ' ' ORDER BY file_name) FROM calpads.extract_file WHERE batch_id = $batch");
my $write = "SELECT calpads.write_extract($batch, '$folder/files')";
my $copy = "LOAD 'calpads'; COPY (SELECT * FROM calpads.extract_lines((SELECT max(file_id) FROM calpads.extract_file WHERE batch_id = $batch))) TO '$folder/files/copy.txt'"
  . " WITH (FORMAT calpads)";
mkdir "$folder/files";

# What a file of a former batch held; a mixture of these and new ones is the worst.
my $former = "former\r\n";

sub put_former_files
{
	for my $name (split / /, $names)
	{
		unlink "$folder/files/$name";
		append_to_file("$folder/files/$name", $former);
	}
	return;
}

# 'former', 'new', 'none', or something that must not be.
sub state_of_folder
{
	my $files = files_of("$folder/files");
	my $formers = grep { slurp_file("$folder/files/$_") eq $former } split / /, $files;

	return
	    $files eq ''                             ? 'none'
	  : $files ne $names                         ? "some: $files"
	  : $formers == scalar(my @all = split / /, $names) ? 'former'
	  : $formers == 0                            ? 'new'
	  :                                            'a mixture';
}

sub clear_folder
{
	unlink "$folder/files/$_" or die "$_: $!" for split / /, files_of("$folder/files");
	return;
}

# Every block that the files need is once the one that is missing.
for my $begin ('none', 'former')
{
	my %states;
	my $blocks = 0;

	clear_folder();
	put_former_files() if $begin eq 'former';
	while (1)
	{
		fill($folder, $blocks);
		my ($status, undef, $complaint) = $node->psql('district', $write);
		make_room($folder);
		last if $status == 0;
		$states{ state_of_folder() . ($complaint =~ /could not write file "\S+": $full/ ? '' : $complaint) }++;
		$blocks++;
	}
	cmp_ok($blocks, '>=', scalar(my @files = split / /, $names), 'a full disk has ended writes of every file');
	is(join(' ', keys %states), $begin, "$begin before, $begin after a write that fails");
	is(state_of_folder(), 'new', 'with room all files are there');
}
clear_folder();
fill($folder, 0);
my (undef, undef, $complaint) = $node->psql('district', $copy);
make_room($folder);
like($complaint, qr/could not write file "\S+": $full/, 'COPY to a full disk fails');
is(files_of("$folder/files"), '', 'and leaves nothing');
$node->safe_psql('district', $copy);
is(files_of("$folder/files"), 'copy.txt', 'with room it works');
clear_folder();

# ---- the disk of the server's log ----

# The server itself goes down, and comes back when there is room.
$node->safe_psql(
	'district', q{
	CREATE TABLE public.large AS
	SELECT string_agg(l.line || E'\r\n', '' ORDER BY n, l.line)::bytea AS content
	FROM generate_series(0, 19) n, public.ods,
		LATERAL (SELECT concat_ws('^', VARIADIC f[1:7] || lpad((f[8]::bigint + n * 100000000)::text, 10, '0') || f[9:])
			FROM regexp_split_to_table(convert_from(content, 'UTF8'), E'\r\n') AS line, string_to_array(line, '^') AS f
			WHERE line <> '') AS l (line)});
for my $call ([ 'load_ods', "SELECT (calpads.load_ods('SENR', 'large.txt', content)).load_id FROM public.large" ])
{
	my ($name, $statement) = @$call;
	my $before = tables_of($node, 'district');

	$node->safe_psql('district', 'CHECKPOINT');
	fill($log, 0);
	# Segments that were made before still take some of it.
	my $status = 0;
	for (1 .. 50)
	{
		($status) = $node->psql('district', "BEGIN; $statement; ROLLBACK");
		last if $status != 0;
	}
	make_room($log);
	isnt($status, 0, "$name: ends with the server");
	$node->stop('immediate', fail_ok => 1);
	$node->start;
	is(differences($before, tables_of($node, 'district')), '', "$name: no row more, none less");
	isnt($node->safe_psql('district', "BEGIN; $statement; ROLLBACK"), '', "$name: with room the same call works");
}
like(slurp_file($node->logfile), qr/PANIC: .*$full/, 'the log was full');

# ---- a disk that fails when files are flushed and named ----

my $library = PostgreSQL::Test::Utils::tempdir . '/failing_disk.so';
SKIP:
{
	skip 'needs a C compiler', 6 unless system("cc -shared -fPIC -o $library $FindBin::RealBin/failing_disk.c -ldl 2>/dev/null") == 0;
	my $orders = "$ENV{SMALL_DISKS}/folder/orders";

	$node->append_conf('postgresql.conf', 'fsync = on');
	{
		local @ENV{ 'LD_PRELOAD', 'FAILING_DISK' } = ($library, $orders);
		$node->restart;
	}
	for my $function ('fsync', 'rename')
	{
		my %states;
		my $number = 1;

		while (1)
		{
			put_former_files();
			unlink $orders;
			append_to_file($orders, "$function $number $folder/files\n");
			my ($status, undef, $message) = $node->psql('district', $write);
			last if $status == 0;
			$states{ state_of_folder() . ($message =~ $full ? '' : $message) }++;
			clear_folder();
			$number++;
		}
		cmp_ok($number, '>', scalar(my @files = split / /, $names), "every $function of a file has failed once");
		like(join(' ', sort keys %states), qr/^(former )?none$/, "$function: all files or none, and never a mixture");
		is(state_of_folder(), 'new', 'with a sound disk all are there');
	}
}

$node->stop;
done_testing();
