package LaggingPrograms;

# What CALPADS holds of a student's programs while it lags behind the district:
# the true rows, as far as they fit the enrollments that CALPADS knows, spoilt.
#
# Each lag changes the rows in place and says whether it could; what CALPADS
# would not have taken is undone.

use strict;
use warnings;
use Exporter qw(import);
use CalendarDay qw(add_days academic_year day_number school_year);
use ProgramRecord qw(program_key is_meal is_participation);
use RandomChoice qw(pick chance between weighted);

our @EXPORT_OK = qw(lagging_programs);

my $START = 'education_program_membership_start_date';
my $END   = 'education_program_membership_end_date';

# weight, name, change
my @LAGS = map { { weight => $_->[0], name => $_->[1], change => $_->[2] } } (
	[ 9, 'missing row', \&missing_row ],
	[ 9, 'open', \&open_again ],
	[ 7, 'other end', \&other_end ],
	[ 5, 'closed', \&closed ],
	[ 8, 'other start', \&other_start ],
	[ 7, 'other details', \&other_details ],
	[ 7, 'strange row', \&strange_row ],
	[ 5, 'retired row', \&retired_row ],
	[ 4, 'old ended row', \&old_ended_row ],
	[ 3, 'no rows', sub { my $had = @{ $_[0]{rows} }; $_[0]{rows} = []; $had } ],
	[ 3, 'other academic year', \&other_academic_year ],
);

# The rows that CALPADS holds of a student, and the names of the lags.
sub lagging_programs
{
	my ($district, $calpads, $student, @target) = @_;
	my $scene = {
		district => $district,
		calpads  => $calpads,
		student  => $student,
		rows     => [],
	};
	for my $row (@target)
	{
		$row = as_stored($row);
		my @more = (@{ $scene->{rows} }, $row);
		$scene->{rows} = \@more if acceptable($scene, \@more);
	}
	my @names;
	for my $lag (choose_lags())
	{
		my $spoilt = { %$scene, rows => [ map { {%$_} } @{ $scene->{rows} } ] };
		next unless $lag->{change}->($spoilt) && acceptable($spoilt, $spoilt->{rows});
		$scene = $spoilt;
		push @names, $lag->{name};
	}
	return ($scene->{rows}, join ', ', @names);
}

sub as_stored
{
	my ($row) = @_;
	my %stored = %$row;
	delete @stored{qw(broken refused)};
	return \%stored;
}

sub choose_lags
{
	my $count = weighted(0 => 40, 1 => 35, 2 => 15, 3 => 10);
	my @places = map { $_ => $LAGS[$_]{weight} } 0 .. $#LAGS;
	my %seen;
	return map { $LAGS[$_] } grep { !$seen{$_}++ }
	  map { weighted(@places) } 1 .. $count;
}

# What CALPADS could hold beside the enrollments that it has, when it has
# closed what it closes by itself.
sub acceptable
{
	my ($scene, $rows) = @_;
	my $ssid    = $scene->{student}{ssid};
	my $calpads = $scene->{district}->empty_stand_in;
	$calpads->add_student($ssid);
	my @enrollments = sort { $a->{enrollment_start_date} cmp $b->{enrollment_start_date} }
	  $scene->{calpads}->rows($ssid);
	$calpads->store_rows(@enrollments);
	my %keys = map { program_key($_) => 1 } @$rows;
	return 0 if keys %keys != @$rows;
	my $programs = $calpads->programs;
	$programs->store_rows(@$rows);
	$programs->close_at_exit($_) for @enrollments;
	@$rows = $programs->rows($ssid);
	return !$programs->state_problems($ssid);
}

#----------------------------------------------------------------------
# What a lag changes
#----------------------------------------------------------------------

sub some_row
{
	my ($scene, $test) = @_;
	my @fitting = grep { $test->() } @{ $scene->{rows} };
	return @fitting ? pick(@fitting) : undef;
}

sub missing_row
{
	my ($scene) = @_;
	my $row = some_row($scene, sub { 1 }) or return 0;
	@{ $scene->{rows} } = grep { $_ != $row } @{ $scene->{rows} };
	return 1;
}

sub open_again
{
	my ($scene) = @_;
	my $row = some_row($scene, sub { $_->{$END} ne '' }) or return 0;
	$row->{$END} = '';
	return 1;
}

sub other_end
{
	my ($scene) = @_;
	my $row = some_row($scene, sub { $_->{$END} ne '' }) or return 0;
	$row->{$END} = add_days($row->{$END}, pick(-3, -1, 1, between(-40, 40)));
	return possible($row);
}

# Not on the day of an exit, which CALPADS might have taken by itself.
sub closed
{
	my ($scene) = @_;
	my $row = some_row($scene, sub { $_->{$END} eq '' }) or return 0;
	$row->{$END} = add_days($row->{$START}, between(0, 90));
	return 0
	  if grep { $_->{enrollment_exit_date} eq $row->{$END} }
	  @{ $scene->{student}{target} }, $scene->{calpads}->rows($row->{ssid});
	return possible($row);
}

sub other_start
{
	my ($scene) = @_;
	my $row = some_row($scene, sub { 1 }) or return 0;
	$row->{$START} = add_days($row->{$START}, pick(-1, 1, between(-30, 30)));
	$row->{education_service_academic_year} = academic_year(day_number($row->{$START}))
	  if $row->{education_service_academic_year} ne '';
	return possible($row);
}

# The end is not before the start, meals stay inside a school year.
sub possible
{
	my ($row) = @_;
	return 1 if $row->{$END} eq '';
	return 0 if $row->{$END} lt $row->{$START};
	return !is_meal($row->{education_program_code})
	  || year_of($row->{$START}) == year_of($row->{$END});
}

sub year_of
{
	my ($day) = @_;
	return school_year(day_number($day));
}

sub other_details
{
	my ($scene) = @_;
	my $row = some_row($scene, sub { $_->{education_program_code} =~ /\A1(?:13|22|91)\z/ })
	  or return 0;
	my $program = $row->{education_program_code};
	$row->{california_partnership_academy_id} = 'X0001' if $program eq '113';
	$row->{education_service_code}            = '99'    if $program eq '122';
	return 1 if $program ne '191';
	$row->{homeless_dwelling_type_code} = pick(qw(100 110 120 130));
	# What is Y once stays it for the year (section 4.3), so only Y can be missing.
	@$row{qw(unaccompanied_youth_indicator runaway_youth_indicator)} = ('N', 'N');
	return 1;
}

# A row of a program that the district does not know, in an enrollment that
# CALPADS knows.
sub strange_row
{
	my ($scene) = @_;
	return add_row($scene, pick(qw(108 127 162 174 181 192 301)), 0);
}

# A row of a program that is not offered any more.
sub retired_row
{
	my ($scene) = @_;
	return add_row($scene, pick(qw(144 185 131 135)), 0);
}

# A row that ended in an earlier school year.
sub old_ended_row
{
	my ($scene) = @_;
	return add_row($scene, pick(qw(108 127 174 181)), 1);
}

sub add_row
{
	my ($scene, $program, $old) = @_;
	my $district    = $scene->{district};
	my %selected    = map { $_->{cds} => 1 } $district->all_schools;
	my @enrollments = grep {
		     $_->{student_exit_reason_code} ne 'N470'
		  && $selected{ $_->{school_of_attendance} }
		  && (!$old || year_of($_->{enrollment_start_date}) < $district->{year})
	} $scene->{calpads}->rows($scene->{student}{ssid});
	return 0 unless @enrollments;
	my $enrollment = pick(@enrollments);
	my $start = add_days($enrollment->{enrollment_start_date}, between(0, 30));
	my $end = $old ? add_days($start, between(0, 40)) : chance(0.5) ? '' : add_days($start, between(0, 60));
	my %row = (
		(map { $_ => '' } @ProgramRecord::PROGRAM_FIELDS),
		record_type_code => 'SPRG',
		(map { $_ => $enrollment->{$_} } qw(reporting_lea school_of_attendance
			  academic_year_id ssid local_student_id student_legal_first_name
			  student_legal_last_name student_birth_date student_gender_code)),
		education_program_code => $program,
		$START                 => $start,
		$END                   => $end,
	);
	$row{migrant_student_id} = '06123456789' if $program eq '135';
	@row{qw(filler_1 filler_2)} = ('240', $row{reporting_lea}) if $program eq '144';
	push @{ $scene->{rows} }, \%row;
	return possible(\%row);
}

# 3.06 is no part of the key, and no difference.
sub other_academic_year
{
	my ($scene) = @_;
	my $row = some_row($scene, sub { !is_participation($_->{education_program_code}) })
	  or return 0;
	my $year = substr($row->{academic_year_id}, 0, 4) - 1;
	$row->{academic_year_id} = sprintf '%04d-%04d', $year, $year + 1;
	return 1;
}

1;
