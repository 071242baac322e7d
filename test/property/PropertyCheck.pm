package PropertyCheck;

# What the property tests find wrong, told so that a failure can be read: the
# first few cases with their story, and how many there are.

use strict;
use warnings;
use Exporter qw(import);
use Test::More;

our @EXPORT_OK = qw(first_of none_wrong same_lines);

# As many students of a failed check are shown.
my $SHOWN = 3;

sub first_of
{
	my @list = @_;
	return @list > $SHOWN ? @list[ 0 .. $SHOWN - 1 ] : @list;
}

# Passes when there is no text; noun: what each text is about, in the plural.
sub none_wrong
{
	my ($test, $noun, @wrong) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(!@wrong, $test) or diag scalar(@wrong), " $noun\n", first_of(@wrong);
	return;
}

# Passes when two sets (hashes) have the same lines; the run is named, and story
# tells more about a line.
sub same_lines
{
	my ($test, $run, $expected, $found, $story) = @_;
	$story //= sub { return };
	my @missing = grep { !$found->{$_} } sort keys %$expected;
	my @strange = grep { !$expected->{$_} } sort keys %$found;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(!@missing && !@strange, $test)
	  or diag "$run->{name}\n", map { "$_\n" }
	  (map { ("missing  $_", $story->($_)) } first_of(@missing)),
	  (map { ("too much $_", $story->($_)) } first_of(@strange));
	return;
}

1;
