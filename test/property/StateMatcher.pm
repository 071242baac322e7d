package StateMatcher;

# The state's side of the SSID steps, made up: persons who have SSIDs, a match
# tool that finds right, wrong and foreign candidates, an upload that believes
# what it is told and makes a new SSID for every blank one, and an SSID extract
# in which now and then local IDs are mixed up.

use strict;
use warnings;
use RandomChoice qw(pick chance between shuffled);

sub new
{
	my ($class) = @_;
	return bless { next => 2_000_000_000 + between(0, 999) * 1000, persons => {}, enrolled => {}, made => {} }, $class;
}

# A person gets an SSID; gives it.
sub register
{
	my ($self, $person) = @_;
	my $ssid = $self->{next}++;
	$self->{persons}{$ssid} = {%$person};
	return $ssid;
}

# The rows of the result for requested students: [local ID, SSID, category, score].
sub candidates
{
	my ($self, @requested) = @_;
	my @all = sort keys %{ $self->{persons} };
	my @rows;
	for my $student (@requested)
	{
		my @close = grep {
			my $p = $self->{persons}{$_};
			$p->{last} eq $student->{last} && (substr($p->{born}, 0, 4) eq substr($student->{born}, 0, 4))
		} @all;
		my @offered;
		push @offered, shuffled(@close) if chance(0.8);
		push @offered, pick(@all) if @all && chance(0.2);
		push @offered, $offered[0] if @offered && chance(0.1);
		my $category = !@offered ? 'No Match' : @offered == 1 ? 'Single Match' : 'Multiple Match';
		my $local = chance(0.5) ? $student->{id} : sprintf '%06d', $student->{id};
		push @rows, [ $local, '', $category, '' ] if !@offered;
		push @rows, [ $local, $_, $category, pick('100%', 100, '097%', between(80, 99)) ] for @offered;
	}
	return @rows;
}

# An updated file is posted; gives what it should not have held.
sub upload
{
	my ($self, @lines) = @_;
	my @complaints;
	for my $line (@lines)
	{
		my @field = split /\^/, $line, -1;
		my ($ssid, $id) = @field[ 7, 8 ];
		my $person = { first => $field[9], last => $field[11], born => $field[16], gender => $field[17] };
		if ($ssid eq '')
		{
			push @complaints, "a second new SSID for student $id" if $self->{made}{$id}++;
			$ssid = $self->register($person);
		}
		$self->{enrolled}{$id} = $ssid;
		$self->{persons}{$ssid} = $person if chance(0.5);
	}
	return @complaints;
}

# Lines of the SSID extract.  mixed_up: local IDs of some rows are exchanged.
sub extract
{
	my ($self, $lea, $mixed_up) = @_;
	my %row = %{ $self->{enrolled} };
	my @ids = sort { $a <=> $b } keys %row;
	for (1 .. ($mixed_up && @ids > 1 ? between(1, 3) : 0))
	{
		my ($one, $other) = (shuffled(@ids))[ 0, 1 ];
		@row{ $one, $other } = @row{ $other, $one };
	}
	return map {
		my $p = $self->{persons}{ $row{$_} };
		my $local = chance(0.5) ? $_ : sprintf '%08d', $_;
		join '^', $lea, '6101010', $row{$_}, $local, $p->{last}, $p->{first}, '', $p->{gender}, $p->{born}, '20250820', '05', ('') x 5;
	} @ids;
}

1;
