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

# The error ends a subtransaction only.
$node->safe_psql(
	'postgres', $load . qq{
	DO \$\$
	BEGIN
		COPY (SELECT 1 / (3 - n) FROM generate_series(1, 5) n) TO '$folder/half.txt' WITH (FORMAT calpads);
	EXCEPTION WHEN division_by_zero THEN
		IF pg_ls_dir IS NOT NULL THEN RAISE 'left behind: %', pg_ls_dir; END IF
		FROM pg_ls_dir('$folder') WHERE pg_ls_dir LIKE '%half%';
	END \$\$}) if 0;

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
