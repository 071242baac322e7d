# The promise of the extension for student programs, tried on random districts:
# sis.sprg is what follows from the specification, and the SPRG files, posted
# after the SENR files into a stand-in for CALPADS, are refused nothing, leave
# what the SIS says, with as few files and records as that allows, and a second
# delta is empty.
#
# Settings as of property.t, and the same need of a server:
#
#     prove -Itest/property test/property/programs.t

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CalpadsStandIn;
use DistrictDatabase;
use ProgramRecord qw(@PROGRAM_FIELDS @PROGRAM_DETAILS program_key program_line
  is_participation is_retired);
use RandomDistrict;
use RandomPrograms;
use Test::More;

binmode Test::More->builder->$_, ':encoding(UTF-8)'
  for qw(output failure_output todo_output);

my $DISTRICTS = $ENV{PROPERTY_DISTRICTS} // 15;
my $SEED      = $ENV{PROPERTY_SEED}      // 1;
my @KINDS     = $ENV{PROPERTY_KIND} // qw(mixed mixed adversarial);

# As many students of a failed check are shown.
my $SHOWN = 3;

my $END = 'education_program_membership_end_date';

DistrictDatabase::create_template();
for my $seed ($SEED .. $SEED + $DISTRICTS - 1)
{
	my $kind = $KINDS[ $seed % @KINDS ];
	subtest "seed $seed, $kind" => sub {
		eval { check_district($seed, $kind); 1 } or fail "goes to the end: $@";
	};
}
done_testing();

END
{
	my $status = $?;
	DistrictDatabase::drop_all();
	$? = $status;
}

#----------------------------------------------------------------------
# One district
#----------------------------------------------------------------------

sub check_district
{
	my ($seed, $kind) = @_;
	my $district = RandomDistrict->new(seed => $seed, kind => $kind);
	my $programs = RandomPrograms->new($district);
	my $run = {
		district => $district,
		programs => $programs,
		name     => "seed $seed, $kind, today $district->{today}",
		calpads  => $district->stand_in,
		database => DistrictDatabase->new($district),
	};
	$programs->baseline($run->{calpads});
	$run->{database}->fill($programs->script);
	check_sis_picture($run);
	return;
}

# Students whom sis.senr has: of others nothing is reported any more.
sub is_reported
{
	my ($district, $student) = @_;
	my %selected = map { $_->{cds} => 1 } $district->selected_schools;
	return scalar grep {
		     $selected{ $_->{school_of_attendance} }
		  && $_->{enrollment_start_date} ge $district->window_start
	} @{ $student->{target} };
}

# sis.sprg is what follows from the records that were entered.
sub check_sis_picture
{
	my ($run) = @_;
	my ($programs, $district) = @$run{qw(programs district)};
	my %reported = map { $_->{ssid} => 1 }
	  grep { is_reported($district, $_) } @{ $district->{students} };
	my %expected = map { sis_line($_, $_->{broken}) => 1 }
	  grep { $reported{ $_->{ssid} } } $programs->target, $programs->held;
	my %found = map { sis_line($_, $_->{problem}) => 1 }
	  $run->{database}->program_rows('sis.sprg');
	my @missing = grep { !$found{$_} } sort keys %expected;
	my @strange = grep { !$expected{$_} } sort keys %found;
	ok(!@missing && !@strange, 'sis.sprg is what follows from the records')
	  or diag "$run->{name}\n", map { "$_\n" }
	  (map { "missing  $_" } first_of(@missing)),
	  (map { "too much $_" } first_of(@strange));
	return;
}

# A row as a line without transaction type and local record id; of a row that
# cannot be sent the key only.
sub sis_line
{
	my ($row, $broken) = @_;
	return "held $row->{ssid} " . program_key($row) if $broken;
	return program_line({ %$row, transaction_type_code => '', local_record_id => '' });
}

sub first_of
{
	my @list = @_;
	return @list > $SHOWN ? @list[ 0 .. $SHOWN - 1 ] : @list;
}
