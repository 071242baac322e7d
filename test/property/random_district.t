# The generator checks itself: the same seed makes the same district, what it
# calls true is valid for the stand-in, and every way of lagging behind occurs.
# Needs no server:  prove -Itest/property test/property/random_district.t

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use CalpadsStandIn qw(record_line);
use RandomDistrict;
use SisWriter qw(sis_script);

my @LAGS = (
	'missing exit', 'wrong exit date', 'wrong exit reason', 'closed early',
	'moved start', 'wrong school', 'missing row', 'no rows', 'moved boundary',
	'program change unknown', 'wrong detail', 'N470 left over', 'N470 to revive',
	'strange row', 'only strange rows', 'earlier year open',
	'earlier year unmatched', 'before the window',
	'primary and secondary swapped', 'never here', 'unrelated', 'other course',
);

my %seen;
for my $seed (1 .. 40)
{
	my $kind = $seed % 2 ? 'adversarial' : 'mixed';
	my $district = RandomDistrict->new(seed => $seed, kind => $kind);
	my @wrong = grep { !$district->valid_rows($_, $_->{target}) }
	  grep { $_->{ssid} ne '' } @{ $district->{students} };
	is(scalar @wrong, 0, "seed $seed: CALPADS would take the whole target");
	for my $lags (map { $_->{lags} } @{ $district->{students} })
	{
		$seen{$_}++ for split /, /, $lags;
	}
}
ok($seen{$_}, "$_ occurs") for @LAGS;

my ($once, $again) = map { RandomDistrict->new(seed => 7, kind => 'mixed') } 1 .. 2;
is(sis_script($again), sis_script($once), 'same seed, same SIS');
is_deeply([ map { record_line($_) } $again->stand_in->rows ],
	[ map { record_line($_) } $once->stand_in->rows ],
	'same seed, same CALPADS');

done_testing();
