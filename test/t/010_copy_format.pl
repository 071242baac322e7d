# COPY … WITH (FORMAT calpads) where a golden file cannot look: files of the
# server and of the client, the wire, the end of a session in the middle, and
# every other COPY, which must not notice.

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use IO::Socket::UNIX;
use IPC::Run qw(start finish);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION calpads');

my $folder = PostgreSQL::Test::Utils::tempdir;
my $load   = "LOAD 'calpads';\n";

sub slurp_bytes
{
	my ($path) = @_;

	open my $file, '<:raw', $path or die "$path: $!";
	local $/;
	return <$file>;
}

sub files_of
{
	my ($path) = @_;

	opendir my $directory, $path or die "$path: $!";
	return join ' ', sort grep { !/^\.\.?$/ } readdir $directory;
}

sub mode_of { return sprintf '%04o', (stat $_[0])[2] & 07777 }

# A batch with one large file in UTF-8.
$node->safe_psql(
	'postgres', q{
	INSERT INTO calpads.batch (process, lea, load_id, today, encoding, forced)
	VALUES ('SENR', '0761234', 1, '2025-11-01', 'UTF8', false);
	INSERT INTO calpads.extract_file (batch_id, process, lea, seq, category, file_name, records)
	VALUES (1, 'SENR', '0761234', 1, 'Updates', '001_Updates.txt', 30000);
	INSERT INTO calpads.extract_record
		(file_id, line_no, key, transaction_type, reason, explanation, changed, line)
	SELECT 1, n, '', 'A', '', '', '{}', concat_ws('^', 'SENR-A', '', n, 'Zoë "Zo"', '\.', '')
	FROM generate_series(1, 30000) n;
	VACUUM ANALYZE calpads.extract_record});
my $content = pack 'H*', $node->safe_psql('postgres', "SELECT encode(calpads.file_content(1), 'hex')");
is(($content =~ tr/\n//), 30000, 'the file has its lines');
my $lines = 'SELECT * FROM calpads.extract_lines(1)';

# ---- files of the server ----

my $path = "$folder/server.txt";
$node->safe_psql('postgres', "$load COPY ($lines) TO '$path' WITH (FORMAT calpads)");
ok(slurp_bytes($path) eq $content, 'a file of the server has the bytes of file_content');
is(mode_of($path), '0600', 'it is its owner\'s alone');
chmod 0644, $path;
$node->safe_psql('postgres', "$load COPY (SELECT 'a', 'b') TO '$path' WITH (FORMAT calpads)");
is(slurp_bytes($path), "a^b\r\n", 'it can be replaced');
is(mode_of($path), '0600', 'its old mode does not live on');
is(files_of($folder), 'server.txt', 'nothing is left beside it');

symlink $path, "$folder/link" or die $!;
my (undef, undef, $complaint) =
	$node->psql('postgres', "$load COPY (SELECT 1) TO '$folder/link' WITH (FORMAT calpads)");
like($complaint, qr/is not a regular file/, 'a link is not replaced');
unlink "$folder/link";

(undef, undef, $complaint) = $node->psql('postgres',
	"$load COPY (SELECT 1 / (3 - n) FROM generate_series(1, 5) n) TO '$path' WITH (FORMAT calpads)");
like($complaint, qr/division by zero/, 'a query fails in the middle');
is(slurp_bytes($path), "a^b\r\n", 'what was there before is there still');
is(files_of($folder), 'server.txt', 'an error leaves nothing behind');

$node->safe_psql(
	'postgres', $load . qq{
	DO \$\$
	BEGIN
		BEGIN
			COPY (SELECT 1 / (3 - n) FROM generate_series(1, 5) n) TO '$folder/half.txt' WITH (FORMAT calpads);
		EXCEPTION WHEN division_by_zero THEN
			NULL;
		END;
		ASSERT NOT EXISTS (SELECT FROM pg_ls_dir('$folder') name WHERE name LIKE '%half%');
	END \$\$});
pass('nor does one that ends only a subtransaction');

# A statement of PL/pgSQL runs more than once.
$node->safe_psql(
	'postgres', $load . qq{
	DO \$\$
	BEGIN
		FOR i IN 1 .. 3 LOOP
			COPY (SELECT count(*) FROM calpads.batch) TO '$folder/loop.txt' WITH (FORMAT calpads);
			INSERT INTO calpads.batch (process, lea, load_id, today, encoding, forced)
			VALUES ('SENR', '0761234', 1, '2025-11-01', 'UTF8', false);
		END LOOP;
	END \$\$});
is(slurp_bytes("$folder/loop.txt"), "3\r\n", 'PL/pgSQL can repeat the command, which sees what was done');
unlink "$folder/loop.txt";

# write_extract goes the same way.
mkdir "$folder/batch" or die $!;
is($node->safe_psql('postgres', "SELECT * FROM calpads.write_extract(1, '$folder/batch')"),
	"$folder/batch/001_Updates.txt", 'write_extract gives the path');
ok(slurp_bytes("$folder/batch/001_Updates.txt") eq $content, 'and writes the bytes of file_content');
is(mode_of("$folder/batch/001_Updates.txt"), '0600', 'for its owner alone');

# ---- the client ----

my $client_file = "$folder/client.txt";
$node->safe_psql('postgres', "$load\\copy ($lines) to '$client_file' with (format calpads)");
ok(slurp_bytes($client_file) eq $content, 'psql\'s \copy writes the bytes of file_content');
$node->safe_psql('postgres',
	"$load\\copy calpads.upload from '$client_file' with (format calpads, name '001_Updates.txt')");
is( $node->safe_psql('postgres', 'SELECT upload_id, name, md5(content) FROM calpads.upload'),
	'1|001_Updates.txt|' . md5_hex($content),
	'and brings a file byte for byte, the line \. included');
$node->safe_psql('postgres',
	"$load\\copy ($lines) to '$client_file' with (format calpads, encoding 'windows-1252')");
(my $windows_1252 = $content) =~ s/\xc3\xab/\xeb/g;
ok(slurp_bytes($client_file) eq $windows_1252, 'in windows-1252 the lines are the same');

# ---- cancelled, terminated ----

# A client that runs a slow command; gives its handle and its backend.
sub start_slow
{
	my ($target) = @_;
	my $client = start [
		'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c', $load,
		'-c', 'COPY (SELECT n || pg_sleep(0.0005)::text FROM generate_series(1, 10000000) n) '
			. "TO $target WITH (FORMAT calpads)"
		],
		'<', '/dev/null', '>', '/dev/null', '2>', '/dev/null';

	$node->poll_query_until('postgres',
		'SELECT count(*) = 1 FROM pg_stat_progress_copy WHERE tuples_processed >= 1000')
		or die 'the command does not come forward';
	return ($client, $node->safe_psql('postgres', 'SELECT pid FROM pg_stat_progress_copy'));
}

unlink glob "$folder/*.txt";
for my $end (qw(pg_cancel_backend pg_terminate_backend))
{
	my ($client, $pid) = start_slow("'$folder/slow.txt'");

	is( $node->safe_psql('postgres',
			'SELECT command, type, relid, bytes_processed > tuples_processed FROM pg_stat_progress_copy'),
		'COPY TO|FILE|0|t', 'progress is reported');
	like(files_of($folder), qr/slow/, 'a file is on its way');
	unlike(files_of($folder), qr/(^| )slow/, 'without its name');
	$node->safe_psql('postgres', "SELECT $end($pid)");
	finish $client;
	ok($node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM pg_stat_progress_copy'),
		"$end ends the command");
	is(files_of($folder), 'batch', "$end leaves nothing behind");
}

my ($client, $pid) = start_slow('STDOUT');
is($node->safe_psql('postgres', 'SELECT type FROM pg_stat_progress_copy'), 'PIPE', 'to the client, too');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
finish $client;
ok($node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM pg_stat_progress_copy'), 'and cancelled');

# ---- the wire ----

# A connection that speaks the protocol itself.
sub connect_wire
{
	my $socket = IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port) or die $!;
	my $user   = $node->safe_psql('postgres', 'SELECT current_user');
	my $body   = pack 'N Z* Z* Z* Z* C', 196608, 'user', $user, 'database', 'postgres', 0;

	print $socket pack('N', 4 + length $body), $body;
	$socket->flush;
	read_until($socket, 'Z');
	return $socket;
}

sub send_message
{
	my ($socket, $type, $body) = @_;

	print $socket $type, pack('N', 4 + length $body), $body;
	$socket->flush;
	return;
}

# The messages up to one of that type, as a list of type and body.
sub read_until
{
	my ($socket, $last) = @_;
	my @messages;

	while (1)
	{
		read $socket, my $head, 5 or die 'the server has hung up';
		my ($type, $length) = unpack 'a N', $head;
		my $body = '';
		read $socket, $body, $length - 4 if $length > 4;
		push @messages, $type, $body;
		return @messages if $type eq $last;
	}
}

sub prepare
{
	my ($socket, $name, $query) = @_;

	return send_message($socket, 'P', pack 'Z* Z* n', $name, $query, 0);
}

sub bind_and_execute
{
	my ($socket, $name) = @_;

	send_message($socket, 'B', pack 'Z* Z* n n n', '', $name, 0, 0, 0);
	return send_message($socket, 'E', pack 'Z* N', '', 0);
}

my $wire = connect_wire();
send_message($wire, 'Q', "LOAD 'calpads'\0");
read_until($wire, 'Z');

prepare($wire, 'out', "COPY (SELECT n, 'Zoë' FROM generate_series(1, 2) n) TO STDOUT WITH (FORMAT calpads)");
for my $time (qw(first second))
{
	bind_and_execute($wire, 'out');
	send_message($wire, 'S', '');
	my @messages = read_until($wire, 'Z');
	splice @messages, 0, 2 if $messages[0] eq '1';    # ParseComplete
	is_deeply(
		\@messages,
		[   2 => '', H => pack('C n n n', 0, 2, 0, 0), d => "1^Zoë\r\n", d => "2^Zoë\r\n",
			c => '', C => "COPY 2\0", Z => 'I' ],
		"extended protocol, the $time time: one record a message");
}

my $upload = "COPY calpads.upload FROM STDIN WITH (FORMAT calpads, NAME 'wire.txt')";
prepare($wire, 'in', $upload);
bind_and_execute($wire, 'in');
my @request = read_until($wire, 'G');
is(unpack('H*', $request[-1]), '0100010001', 'an upload asks for binary data');
send_message($wire, 'd', "a^b\r");
send_message($wire, 'H', '');
send_message($wire, 'd', "\n\\.\n");
send_message($wire, 'd', '');
send_message($wire, 'c', '');
send_message($wire, 'S', '');
my %answer = read_until($wire, 'Z');
is($answer{C}, "COPY 1\0", 'it is one row');
is( $node->safe_psql('postgres', "SELECT encode(content, 'hex') FROM calpads.upload WHERE name = 'wire.txt'"),
	unpack('H*', "a^b\r\n\\.\n"),
	'of all that was sent');

send_message($wire, 'Q', "$upload\0");
read_until($wire, 'G');
send_message($wire, 'd', 'half a fi');
send_message($wire, 'f', "the disk is gone\0");
%answer = read_until($wire, 'Z');
like($answer{E}, qr/C57014\0.*COPY from stdin failed: the disk is gone/s, 'a client may give up');
send_message($wire, 'Q', "$upload\0");
read_until($wire, 'G');
prepare($wire, '', 'SELECT 1');
%answer = read_until($wire, 'E');
like($answer{E}, qr/C08P01\0/, 'but has to keep to the protocol');
close $wire;

$wire = connect_wire();
send_message($wire, 'Q', "LOAD 'calpads'; $upload\0");
read_until($wire, 'G');
send_message($wire, 'd', 'half a fi');
close $wire;
ok( $node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM pg_stat_activity WHERE query LIKE '%wire.txt%' AND pid <> pg_backend_pid()"),
	'a client may vanish');
is($node->safe_psql('postgres', 'SELECT count(*) FROM calpads.upload'), 2, 'and nothing of it is stored');

# ---- every other COPY ----

# The same script without the library, with it, and with it from the start.
my $script = <<'SQL';
CREATE TABLE other (id int, name text, born date);
COPY other FROM STDIN;
1	Ana	2015-01-02
2	\N	\N
\.
COPY other (id, name) FROM STDIN WITH (FORMAT csv, DELIMITER '^', HEADER);
id^name
3^"b^c"
4^
\.
COPY other FROM STDIN WITH (FORMAT text, NULL 'nothing') WHERE id > 5;
5	a	nothing
6	b	nothing
\.
COPY other FROM STDIN WITH (FORMAT csv);
7,too,many,columns
\.
COPY other FROM STDIN CSV QUOTE AS '''';
8,'it''s',2020-01-01
\.
COPY other TO STDOUT;
COPY other (name, id) TO STDOUT WITH (FORMAT csv, HEADER true, FORCE_QUOTE *);
COPY other TO STDOUT (FORMAT 'text', DELIMITER '^', NULL 'calpads');
COPY other TO STDOUT WITH DELIMITER '|' CSV HEADER;
COPY (SELECT id FROM other ORDER BY id) TO STDOUT WITH (FORMAT csv, ENCODING 'latin1');
COPY (DELETE FROM other WHERE id = 1 RETURNING *) TO STDOUT;
COPY (SELECT 1) TO STDOUT WITH (FORMAT);
COPY (SELECT 1) TO STDOUT WITH (FORMAT csv, FORMAT csv);
COPY (SELECT 1) TO STDOUT WITH (NAME 'calpads');
COPY (SELECT 1) TO STDOUT WITH (calpads 'calpads');
COPY other TO 'relative.txt';
COPY other TO PROGRAM 'cat > /dev/null' WITH (FORMAT csv);
COPY other TO '/dev/null' WITH (FORMAT binary);
EXPLAIN (COSTS OFF) SELECT * FROM other;
PREPARE one AS SELECT 1;
EXECUTE one;
BEGIN READ ONLY;
COPY other FROM STDIN;
\.
ROLLBACK;
DO $$ BEGIN COPY other TO STDOUT; END $$;
DROP TABLE other;
COPY (SELECT 1) TO STDOUT WITH (FORMAT Calpad);
SQL

my %result;
for my $how (
	[ without   => '',    '' ],
	[ loaded    => $load, '' ],
	[ preloaded => '',    '-c session_preload_libraries=calpads' ])
{
	my ($name, $first, $options) = @$how;
	local $ENV{PGOPTIONS} = $options;
	my (undef, $output, $errors) = $node->psql('postgres', $first . $script, on_error_stop => 0);
	$errors =~ s/^psql:<stdin>:\d+: //mg;
	$result{$name} = "$output\n$errors";
}
like($result{without}, qr/extra data after last expected column.*COPY format "calpad" not recognized/s,
	'the script has run to its end');
is($result{loaded},    $result{without}, 'every other COPY is as it was');
is($result{preloaded}, $result{without}, 'also in a session that began with the library');

{
	local $ENV{PGOPTIONS} = '-c session_preload_libraries=calpads';
	$node->safe_psql('postgres', "\\copy ($lines) to '$client_file' with (format calpads)");
}
ok(slurp_bytes($client_file) eq $content, 'there the first command may have the format');

$node->stop;
done_testing();
