# Servers of the tests' own on this machine: SFTP by OpenSSH and by asyncssh
# (which checks passwords without an account of the system), SMTP by aiosmtpd.

package Servers;

use strict;
use warnings;

use Exporter 'import';
use File::Basename;
use IO::Socket::INET;
use IPC::Run ();
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes 'usleep';

our @EXPORT = qw(start_sshd start_python has_python_module make_key fingerprint);

# Debian's modules belong to Debian's Python.
my $python = '/usr/bin/python3';
my $folder = dirname(__FILE__);
my @running;

sub has_python_module
{
	my ($module) = @_;

	return -x $python && system("$python -c 'import $module' 2>/dev/null") == 0;
}

# Waits until something listens there.
sub wait_for_port
{
	my ($port, $server) = @_;

	for (1 .. 200)
	{
		my $connection = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
		return if defined $connection;
		die "$server->[0] has ended:\n" . slurp_file($server->[1]) if waitpid($server->[2], POSIX::WNOHANG) > 0;
		usleep(25_000);
	}
	die "$server->[0] does not listen on port $port";
}

sub start
{
	my ($port, $log, @command) = @_;
	my $pid = fork // die "fork: $!";

	if ($pid == 0)
	{
		open STDIN,  '<', '/dev/null';
		open STDOUT, '>>', $log;
		open STDERR, '>&', \*STDOUT;
		exec @command or POSIX::_exit(1);
	}
	push @running, $pid;
	wait_for_port($port, [ $command[0], $log, $pid ]);
	return $pid;
}

# An SSH server for this user with the keys of a folder; gives its port.
sub start_sshd
{
	my ($home, $host_key) = @_;
	my $port = PostgreSQL::Test::Cluster::get_free_port();

	PostgreSQL::Test::Utils::append_to_file(
		"$home/sshd_config.$port", qq{
Port $port
ListenAddress 127.0.0.1
HostKey $host_key
AuthorizedKeysFile $home/authorized_keys
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
});
	start($port, "$home/sshd.log", '/usr/sbin/sshd', '-D', '-e', '-f', "$home/sshd_config.$port");
	return $port;
}

# One of the scripts beside this file; gives its port and process.
sub start_python
{
	my ($script, $log, @arguments) = @_;
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $pid = start($port, $log, $python, "-W", "ignore", "$folder/$script", $port, @arguments);

	return wantarray ? ($port, $pid) : $port;
}

sub make_key
{
	my ($path, $type, $passphrase) = @_;

	IPC::Run::run([ 'ssh-keygen', '-q', '-t', $type, '-N', $passphrase // '', '-C', 'test', '-f', $path ]) or die 'ssh-keygen failed';
	return;
}

# As ssh-keygen shows it: SHA256:...
sub fingerprint
{
	my ($path) = @_;

	return (split ' ', `ssh-keygen -l -f $path.pub`)[1];
}

END
{
	my $status = $?;
	kill 'TERM', @running;
	waitpid $_, 0 for @running;
	$? = $status;
}

1;
