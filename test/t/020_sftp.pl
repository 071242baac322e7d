# Files from SFTP servers and import folders: who is believed, what is refused,
# and what is left when a transfer breaks off.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use IO::Socket::INET;
use IPC::Run ();
use List::Util 'max';
use POSIX 'mkfifo';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Servers;
use Test::More;
use Time::HiRes 'time';

# Nothing of the server's surroundings may count: no proxy, no key of its user.
$ENV{all_proxy} = $ENV{ALL_PROXY} = 'socks5://127.0.0.1:1';
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION calpads');
my $folder = PostgreSQL::Test::Utils::tempdir;

# Built without libcurl while all else is tested.
my $tree = "$FindBin::RealBin/../..";
mkdir "$folder/build";
IPC::Run::run([ 'cp', '-r', "$tree/Makefile", "$tree/src", "$folder/build" ]) or die 'no copy';
my $build =
  IPC::Run::start([ 'sh', '-c', "cd $folder/build && rm -f src/*.o && make WITHOUT_CURL=1 calpads_transport.so" ], '<', '/dev/null', '>', '/dev/null', '2>&1');

sub outcome
{
	my ($statement) = @_;
	my ($status, $output, $message) = $node->psql('postgres', "\\set VERBOSITY verbose\n$statement", on_error_stop => 1);

	return $status == 0 ? $output : $message;
}

sub fetch
{
	my ($location, $name) = @_;

	return outcome("SELECT encode(sha256(content), 'hex') FROM calpads.fetch_file('$location', '$name') AS content");
}

sub digest_of
{
	my ($path) = @_;

	return (split ' ', `sha256sum $path`)[0];
}

# ---- folders ----

mkdir "$folder/import";
mkdir "$folder/import/sped";
append_to_file("$folder/import/sped/students.csv", "a,b\r\n1,2\r\n");
append_to_file("$folder/import/sped/empty.csv", '');
append_to_file("$folder/secret.csv", "secret\n");
symlink "$folder/secret.csv", "$folder/import/sped/link.csv";
symlink $folder, "$folder/import/up";
symlink 'students.csv', "$folder/import/sped/inside.csv";
mkfifo("$folder/import/sped/pipe.csv", 0600);
utime time - 60, time - 60, map { "$folder/import/sped/$_.csv" } qw(students empty);

like(fetch('folder:sped', 'students.csv'), qr/55000: there is no directory for imports/, 'folder: a superuser has to name the directory');
$node->append_conf('postgresql.conf', "calpads.import_directory = '$folder/import'");
$node->reload;
is(fetch('folder:sped', 'students.csv'), digest_of("$folder/import/sped/students.csv"), 'folder: a file');
is(fetch('folder:/sped/', 'inside.csv'), digest_of("$folder/import/sped/students.csv"), 'folder: a link inside');
is(outcome("SELECT length(calpads.fetch_file('folder:sped', 'empty.csv'))"), '0', 'folder: an empty file');
like(fetch('folder:sped', 'link.csv'), qr/42501: .* is a link to another place/, 'folder: a link out of it');
like(fetch('folder:up', 'secret.csv'), qr/42501: .* is a link to another place/, 'folder: a linked folder out of it');
like(fetch('folder:sped', 'pipe.csv'), qr/42809: .* is not a regular file/, 'folder: a pipe');
like(fetch('folder:', 'sped'), qr/42809: .* is a directory/, 'folder: a folder is no file');
like(fetch('folder:sped', 'missing.csv'), qr/58P01: /, 'folder: a missing file');
like(fetch('folder:nowhere', 'students.csv'), qr/58P01: /, 'folder: a missing folder');
like(fetch('folder:../', 'secret.csv'), qr/42602: a part of the folder's name is that of a folder/, 'folder: upwards');
like(fetch('folder:sped', $_), qr/42602: the name of a file to import/, "folder: no name: $_") for '../sped/students.csv', '..', '', 'a\b', '/etc/passwd';
$node->safe_psql(
	'postgres', q{
	CREATE ROLE operator LOGIN;
	SET client_min_messages = error;
	SELECT calpads.grant_access('operator', 'operator')});
my $as_operator = 'SET SESSION AUTHORIZATION operator;';
like(outcome("$as_operator SELECT calpads.today(); SET calpads.import_directory = '/etc'"), qr/42501: permission denied/,
	'folder: only a superuser names it');
like(outcome("$as_operator SET calpads.import_directory = '/etc'; SELECT calpads.setting('import_directory')"), qr/^$folder\/import$/m,
	'folder: and not before the library is there');
like(outcome("$as_operator SELECT calpads.fetch_file('folder:sped', 'students.csv')"), qr/42501: permission denied to read a file/,
	'folder: the right to read files is needed');

# Somebody is just copying the file.
my $writer = fork;
if ($writer == 0)
{
	for (1 .. 40)
	{
		append_to_file("$folder/import/sped/growing.csv", 'x' x 1000);
		select undef, undef, undef, 0.1;
	}
	POSIX::_exit(0);
}
select undef, undef, undef, 0.3;
like(fetch('folder:sped', 'growing.csv'), qr/55006: file "growing.csv" is still being written/, 'folder: a file that grows');

# ---- options ----

my $pin = 'SHA256:' . 'A' x 43;
for my $bad (
	[ "host 'x'",                                                  'HV00B|.*"type" and "host" are required' ],
	[ "type 'sftp', host 'x'",                                     '.*needs option "host_key_sha256" or "known_hosts"' ],
	[ "type 'ftp', host 'x'",                                      '.*invalid value for option "type"' ],
	[ "type 'sftp', host 'x', host_key_sha256 'abc'",              '.*invalid value for option "host_key_sha256"' ],
	[ "type 'sftp', host 'x/y', host_key_sha256 '$pin'",           '.*invalid value for option "host"' ],
	[ "type 'sftp', host 'x', port '0', host_key_sha256 '$pin'",   '.*invalid value for option "port"' ],
	[ "type 'sftp', host 'x', max_size '9GB', host_key_sha256 '$pin'", '.*invalid value for option "max_size"' ],
	[ "type 'sftp', host 'x', timeout '0', host_key_sha256 '$pin'", '.*invalid value for option "timeout"' ],
	[ "type 'sftp', host 'x', known_hosts 'relative'",             '.*invalid value for option "known_hosts"' ],
	[ "type 'sftp', host 'x', security 'tls', host_key_sha256 '$pin'", '.*option "security" has no meaning for a server of type sftp' ],
	[ "type 'smtp', host 'x', colour 'blue'",                      '.*invalid option "colour"(?s:.*)Valid options in this context are: type, host' ],
	[ "type 'smtp', host 'x', password 'geheim'",                  '.*invalid option "password"(?s:.*)belongs to a user mapping' ])
{
	my $message = outcome("CREATE SERVER bad FOREIGN DATA WRAPPER calpads_transport OPTIONS ($bad->[0])");
	like($message, qr/ERROR: $bad->[1]/, "refused: $bad->[0]");
	unlike($message =~ s/^LINE.*//msr, qr/geheim/, 'and no secret is repeated') if $bad->[0] =~ /geheim/;
}
$node->safe_psql('postgres', 'GRANT USAGE ON FOREIGN DATA WRAPPER calpads_transport TO operator');
like(outcome("$as_operator CREATE SERVER bad FOREIGN DATA WRAPPER calpads_transport OPTIONS (type 'sftp', host 'x', known_hosts '/etc/hosts')"),
	qr/42501: permission denied to set option "known_hosts"/, 'only a superuser names files of the server');
$node->safe_psql('postgres', "CREATE SERVER lost FOREIGN DATA WRAPPER calpads_transport OPTIONS (type 'sftp', host 'localhost', host_key_sha256 '$pin')");
for my $bad (
	[ "username 'u'",                               '.*either option "password" or option "private_key_file"' ],
	[ "password 'geheim'",                          '.*"username" is required' ],
	[ "username 'u', private_key_file 'relative'",  '.*invalid value for option "private_key_file"' ],
	[ "username 'u', password 'geheim', key_passphrase 'p'", '.*"key_passphrase" needs option "private_key_file"' ],
	[ "username 'u', password E'geheim\\nx'",       '.*invalid value for option "password"' ],
	[ "username 'u', host 'geheim'",                '.*invalid option "host"(?s:.*)username, password, private_key_file, key_passphrase' ])
{
	my $message = outcome("CREATE USER MAPPING FOR CURRENT_USER SERVER lost OPTIONS ($bad->[0])");
	like($message, qr/ERROR: $bad->[1]/, "refused mapping: $bad->[0]");
	unlike($message =~ s/^LINE.*//msr, qr/geheim/, 'and no secret is repeated');
}
like(fetch('lost', 'students.csv'), qr/42704: there is no user mapping for server "lost"/, 'no mapping, no transfer');
like(fetch('nowhere', 'students.csv'), qr/42704: there is no server "nowhere"/, 'an unknown server');
like(fetch('calpads_files', 'students.csv'), qr/42809: server "calpads_files" is not of the wrapper/, 'a server of another kind');
like(outcome("$as_operator SELECT calpads.fetch_file('lost', 'students.csv')"), qr/42501: permission denied for foreign server lost/,
	'USAGE is needed');

# ---- OpenSSH: keys ----

SKIP:
{
	skip 'without libcurl', 1 if fetch('lost', '') =~ /0A000/;
	skip 'openssh-server is not installed', 1 unless -x '/usr/sbin/sshd';

	make_key("$folder/host", 'ed25519');
	make_key("$folder/other_host", 'ed25519');
	make_key("$folder/user", 'ed25519');
	make_key("$folder/locked", 'ed25519', 'open sesame');
	make_key("$folder/stranger", 'ed25519');
	append_to_file("$folder/authorized_keys", slurp_file("$folder/user.pub") . slurp_file("$folder/locked.pub"));
	chmod 0600, "$folder/authorized_keys";
	my $port = start_sshd($folder, "$folder/host");
	my $user = getpwuid $<;

	mkdir "$folder/remote";
	append_to_file("$folder/remote/students.csv", join '', map { "$_,Zzyzxqua\r\n" } 1 .. 200_000);
	append_to_file("$folder/remote/empty.csv", '');
	append_to_file("$folder/remote/50% of #1 & ü.csv", "odd\n");
	append_to_file("$folder/known_hosts", "127.0.0.1 " . slurp_file("$folder/host.pub"));
	append_to_file("$folder/known_others", "127.0.0.1 " . slurp_file("$folder/other_host.pub"));
	append_to_file("$folder/known_nobody", '');

	my %server = (
		pinned => "host_key_sha256 '" . fingerprint("$folder/host") . "'",
		known => "known_hosts '$folder/known_hosts'",
		wrong_pin => "host_key_sha256 '" . fingerprint("$folder/other_host") . "'",
		wrong_host => "known_hosts '$folder/known_others'",
		unknown_host => "known_hosts '$folder/known_nobody'",
		no_list => "known_hosts '$folder/missing'",
		small => "max_size '1MB', known_hosts '$folder/known_hosts'",
		done => "done_suffix '.done', known_hosts '$folder/known_hosts'",
		settled => "settle_seconds '1', known_hosts '$folder/known_hosts'",
		stranger => "known_hosts '$folder/known_hosts'",
		locked => "known_hosts '$folder/known_hosts'",
		wrong_passphrase => "known_hosts '$folder/known_hosts'",
		no_key => "known_hosts '$folder/known_hosts'");
	my %mapping = (
		stranger => "private_key_file '$folder/stranger'",
		locked => "private_key_file '$folder/locked', key_passphrase 'open sesame'",
		wrong_passphrase => "private_key_file '$folder/locked', key_passphrase 'geheim'",
		no_key => "private_key_file '$folder/missing'");
	for my $name (sort keys %server)
	{
		my $settle = $server{$name} =~ /settle/ ? '' : ", settle_seconds '0'";
		$node->safe_psql(
			'postgres', "CREATE SERVER $name FOREIGN DATA WRAPPER calpads_transport
				OPTIONS (type 'sftp', host '127.0.0.1', port '$port', directory '$folder/remote', $server{$name}$settle);
			CREATE USER MAPPING FOR CURRENT_USER SERVER $name OPTIONS (username '$user', "
			  . ($mapping{$name} // "private_key_file '$folder/user'") . ')');
	}
	my $digest = digest_of("$folder/remote/students.csv");

	is(fetch($_, 'students.csv'), $digest, "a file, server $_") for 'pinned', 'known', 'locked';
	is(outcome("SELECT length(calpads.fetch_file('known', 'empty.csv'))"), '0', 'an empty file');
	is(fetch('known', '50% of #1 & ü.csv'), digest_of("'$folder/remote/50% of #1 & ü.csv'"), 'a name with odd characters');
	like(fetch($_, 'students.csv'), qr/08001: could not fetch file "students.csv"(?s:.*)HINT:  Somebody else may be answering/, "not that host: $_")
	  for 'wrong_pin', 'wrong_host', 'unknown_host', 'no_list';
	for my $name ('stranger', 'wrong_passphrase', 'no_key')
	{
		my $message = fetch($name, 'students.csv');
		like($message, qr/28000: could not fetch file(?s:.*)ed25519/, "not that user: $name");
		unlike($message, qr/geheim|$folder/, 'and no secret is repeated');
	}
	like(fetch('known', 'missing.csv'), qr/58P01: there is no file "missing.csv" on server "known"/, 'a missing file');
	like(fetch('small', 'students.csv'), qr/54000: file "students.csv" on server "small" is larger than 1048576 bytes/, 'a file too large');
	like(fetch('known', $_), qr/42602: the name of a file to fetch/, "no name: $_") for '../remote/students.csv', '/etc/passwd', '..', '', "a\tb";

	# The sender's own mark, and a file that is being written.
	like(fetch('done', 'students.csv'), qr/55006: file "students.csv" on server "done" is not complete yet/, 'no mark yet');
	append_to_file("$folder/remote/students.csv.done", '');
	is(fetch('done', 'students.csv'), $digest, 'with the mark');
	my $sender = fork;
	if ($sender == 0)
	{
		for (1 .. 600)
		{
			append_to_file("$folder/remote/growing.csv", 'x' x 1000);
			select undef, undef, undef, 0.1;
		}
		POSIX::_exit(0);
	}
	select undef, undef, undef, 0.3;
	like(fetch('settled', 'growing.csv'), qr/55006: file "growing.csv" on server "settled" is still being written/, 'a half-uploaded file');
	is(fetch('settled', 'students.csv'), $digest, 'one that lies still');
	kill 'KILL', $sender;
	waitpid $sender, 0;

	# Who may see what.
	is(outcome("$as_operator SELECT count(*) FROM pg_user_mappings WHERE umoptions IS NOT NULL"), '0', 'an operator sees no secrets');
	like(outcome("$as_operator SELECT calpads.fetch_file('known', 'students.csv')"), qr/42501: permission denied for foreign server known/,
		'and needs USAGE');
}

# ---- asyncssh: passwords, connections that break ----

# The last place of slow.csv that anybody has asked for: however busy the machine
# is, it comes near the end only when a transfer goes on.
sub furthest_read
{
	return max(slurp_file("$folder/python.log") =~ /^slow\.csv (\d+)$/mg) // die 'nobody has read slow.csv';
}

SKIP:
{
	skip 'without libcurl', 1 if fetch('lost', '') =~ /0A000/;
	skip 'python3-asyncssh is not installed', 1 unless has_python_module('asyncssh');

	mkdir "$folder/chroot";
	append_to_file("$folder/chroot/$_.csv", join '', map { "$_,Zzyzxqua\r\n" } 1 .. 200_000) for 'cut', 'slow';
	append_to_file("$folder/chroot/students.csv", "a,b\r\n1,2\r\n");
	make_key("$folder/python_host", 'ed25519');
	my ($port, $pid) = start_python('sftp_server.py', "$folder/python.log", "$folder/chroot", "$folder/python_host");
	my $pin = fingerprint("$folder/python_host");
	my $slow_size = -s "$folder/chroot/slow.csv";
	$node->safe_psql(
		'postgres', "CREATE SERVER by_password FOREIGN DATA WRAPPER calpads_transport
			OPTIONS (type 'sftp', host 'localhost', port '$port', host_key_sha256 '$pin', settle_seconds '0');
		CREATE SERVER impatient FOREIGN DATA WRAPPER calpads_transport
			OPTIONS (type 'sftp', host 'localhost', port '$port', host_key_sha256 '$pin', settle_seconds '0', timeout '3');
		CREATE USER MAPPING FOR CURRENT_USER SERVER by_password OPTIONS (username 'district', password 'correct horse');
		CREATE USER MAPPING FOR PUBLIC SERVER impatient OPTIONS (username 'district', password 'correct horse')");

	is(fetch('by_password', 'students.csv'), digest_of("$folder/chroot/students.csv"), 'a file by password');
	$node->safe_psql('postgres', 'GRANT USAGE ON FOREIGN SERVER impatient TO operator');
	is(outcome("$as_operator SELECT length(calpads.fetch_file('impatient', 'students.csv')), (SELECT count(*) FROM pg_user_mappings WHERE umoptions IS NOT NULL)"),
		'10|0', 'an operator uses the mapping for PUBLIC without seeing it');
	like(fetch('by_password', 'cut.csv'), qr/58030: could not fetch file "cut.csv"(?s:.*)DETAIL:  .*after \d+ of \d+ bytes/,
		'a connection that is cut: how much came');
	like(fetch('impatient', 'slow.csv'), qr/58030: could not fetch file "slow.csv"(?s:.*)bytes/, 'a transfer that takes too long');
	like(outcome("SET statement_timeout = '1s'; SELECT calpads.fetch_file('by_password', 'slow.csv')"),
		qr/57014: canceling statement due to statement timeout/, 'a cancelled transfer');
	cmp_ok(furthest_read(), '<', $slow_size / 2, 'ends long before the file has come');
	# Nothing at all comes from a server that is stopped, not even a farewell.
	my $stopper = fork;
	if ($stopper == 0)
	{
		select undef, undef, undef, 0.8;
		kill 'STOP', $pid;
		select undef, undef, undef, 3;
		kill 'CONT', $pid;
		POSIX::_exit(0);
	}
	like(outcome("SET statement_timeout = '1.5s'; SELECT calpads.fetch_file('by_password', 'slow.csv')"),
		qr/57014: canceling statement due to statement timeout/, 'a cancelled transfer from a server that hangs');
	cmp_ok(furthest_read(), '<', $slow_size / 2, 'ends, too');
	waitpid $stopper, 0;
	is(outcome("SET statement_timeout = '1s'; DO 'BEGIN PERFORM calpads.fetch_file(''by_password'', ''slow.csv''); EXCEPTION WHEN query_canceled THEN NULL; END';
			SET statement_timeout = 0; SELECT length(calpads.fetch_file('by_password', 'students.csv'))"),
		'10', 'and the session goes on');

	$node->safe_psql('postgres', "ALTER USER MAPPING FOR CURRENT_USER SERVER by_password OPTIONS (SET password 'geheim')");
	my $message = fetch('by_password', 'students.csv');
	like($message, qr/28000: could not fetch file "students.csv"/, 'a wrong password');
	unlike($message, qr/geheim|district/, 'is not repeated');

	# One that accepts connections and says nothing.
	my $silent = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1');
	$node->safe_psql('postgres', sprintf "ALTER SERVER impatient OPTIONS (SET port '%d', SET timeout '60', ADD connect_timeout '1')", $silent->sockport);
	like(fetch('impatient', 'students.csv'), qr/08001: could not fetch file "students.csv"(?s:.*)timed out/, 'a server that says nothing');

	kill 'TERM', $pid;
	select undef, undef, undef, 0.3;
	like(fetch('by_password', 'students.csv'), qr/08001: could not fetch file "students.csv"(?s:.*)HINT:  Check host and port/, 'a server that is down');
}

# ---- built without libcurl ----

ok($build->finish, 'without libcurl it can be built');
$node->safe_psql(
	'postgres', "CREATE FUNCTION public.fetch(text, text) RETURNS bytea LANGUAGE c AS '$folder/build/calpads_transport', 'calpads_fetch_from_server'");
like(outcome("SELECT public.fetch('known', 'students.csv')"), qr/0A000: calpads was built without libcurl(?s:.*)HINT:  Install libcurl4-openssl-dev/,
	'and says what is missing');

# ---- what the log says ----

my $log = slurp_file($node->logfile);
my @secrets = grep { /geheim|open sesame|correct horse|Zzyzxqua/ && !/STATEMENT:|LOG:  statement:|^\t/ } split /\n/, $log;
is(join("\n", @secrets), '', 'the log holds no secret, but for the statements that said it');

waitpid $writer, 0;
$node->stop;
done_testing();
