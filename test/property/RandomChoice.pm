package RandomChoice;

# Choices of the generator.  All of them go through Perl's own rand, whose
# sequence for a seed is the same on every platform.

use strict;
use warnings;
use Exporter qw(import);

our @EXPORT_OK = qw(pick chance between weighted shuffled);

# One of the arguments.
sub pick
{
	return $_[ int rand @_ ];
}

# True with a probability.
sub chance
{
	my ($probability) = @_;
	return rand() < $probability;
}

# A whole number from first to last, both included.
sub between
{
	my ($first, $last) = @_;
	return $first + int rand($last - $first + 1);
}

# One of the values of a list value => weight, value => weight, …
sub weighted
{
	my @pairs = @_;
	my $total = 0;
	for (my $i = 1; $i < @pairs; $i += 2) { $total += $pairs[$i] }
	my $point = rand $total;
	while (@pairs > 2)
	{
		my ($value, $weight) = splice @pairs, 0, 2;
		return $value if ($point -= $weight) < 0;
	}
	return $pairs[0];
}

# The arguments in random order.
sub shuffled
{
	my @list = @_;
	for my $i (reverse 1 .. $#list)
	{
		my $j = int rand($i + 1);
		@list[ $i, $j ] = @list[ $j, $i ];
	}
	return @list;
}

1;
