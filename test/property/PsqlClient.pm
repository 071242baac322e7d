package PsqlClient;

# Talks to the server through psql: scripts in, rows out.  Host, port and user
# come from the environment (PGHOST, PGPORT, …).

use strict;
use warnings;
use Encode qw(encode decode);
use File::Temp qw(tempfile);

# A client of one database.
sub new
{
	my ($class, $database) = @_;
	return bless { database => $database }, $class;
}

# Runs a script (text, or bytes of UTF-8 where it has them) and gives its rows
# as array refs; dies with psql's messages when a statement fails.
sub rows
{
	my ($self, $script) = @_;
	my ($output, $errors) = $self->run($script);
	die "psql: $errors" if defined $errors;
	return map { [ split /\x1f/, $_, -1 ] } split /\n/, $output;
}

# The first column of the first row.
sub value
{
	my ($self, $script) = @_;
	my ($row) = $self->rows($script);
	return $row ? $row->[0] : undef;
}

# The error of a script that must fail, undef when it succeeds.
sub error_of
{
	my ($self, $script) = @_;
	my (undef, $errors) = $self->run($script);
	return $errors;
}

# (output, error messages); the latter undef when all went well.
sub run
{
	my ($self, $script) = @_;
	my ($input, $input_name) = tempfile(UNLINK => 1);
	print $input encode('UTF-8', $script) or die "$input_name: $!";
	close $input or die "$input_name: $!";
	my (undef, $error_name) = tempfile(UNLINK => 1);

	local $ENV{PGCLIENTENCODING} = 'UTF8';
	local $ENV{PGOPTIONS}        = '-c client_min_messages=warning';
	my @command = (
		'psql', '-X', '-q', '-A', '-t', '-F', "\x1f",
		'-v', 'ON_ERROR_STOP=1',
		'-d', $self->{database}, '-f', $input_name
	);
	my $output = output_of(\@command, $error_name);
	my $failed = $? != 0;
	my $errors = read_bytes($error_name);
	unlink $input_name, $error_name;
	return (decode('UTF-8', $output), $failed ? decode('UTF-8', $errors) : undef);
}

# What a command writes; its error output goes into a file.
sub output_of
{
	my ($command, $error_name) = @_;
	my $pid = open(my $pipe, '-|') // die "fork: $!";
	if ($pid == 0)
	{
		open STDERR, '>', $error_name or die "$error_name: $!";
		exec @$command or die "$command->[0]: $!";
	}
	local $/ = undef;
	my $output = <$pipe> // '';
	close $pipe;
	return $output;
}

sub read_bytes
{
	my ($name) = @_;
	open my $file, '<:raw', $name or die "$name: $!";
	local $/ = undef;
	my $bytes = <$file>;
	close $file or die "$name: $!";
	return $bytes // '';
}

1;
