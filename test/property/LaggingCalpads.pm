package LaggingCalpads;

# What CALPADS holds of a student while it lags behind the district: the true
# rows, spoilt in the ways of senr.md section 7.
#
# Each lag changes the rows of a student in place and says whether it could.
# After each one the rows are judged as CALPADS would have judged them when
# they came in; what CALPADS would not have taken is undone.

use strict;
use warnings;
use Exporter qw(import);
use CalendarDay qw(add_days);
use CalpadsStandIn qw(row_key);
use RandomChoice qw(pick chance between weighted shuffled);
use RandomPerson qw(other_person);
use RandomTimeline qw(random_rows leave_reason other_course other_value);
use EnrollmentRow qw(dress_row open_row close_row cancel_row move_start
  move_school is_open distinct_keys);

our @EXPORT_OK = qw(lagging_rows);

#----------------------------------------------------------------------
# The lags
#----------------------------------------------------------------------

# weight, name, change.  A student who was never here has no rows in the SIS
# (RandomDistrict) and keeps those in CALPADS.
my @LAGS = map { { weight => $_->[0], name => $_->[1], change => $_->[2] } } (
	[  9, 'missing exit', \&missing_exit ],
	[  6, 'wrong exit date', \&wrong_exit_date ],
	[  4, 'wrong exit reason', \&wrong_exit_reason ],
	[  5, 'closed early', \&closed_early ],
	[  9, 'moved start', \&moved_start ],
	[  5, 'wrong school', \&wrong_school ],
	[  7, 'missing row', \&missing_row ],
	[  3, 'no rows', \&no_rows ],
	[ 16, 'moved boundary', \&moved_boundary ],
	[ 14, 'program change unknown', \&unknown_program_change ],
	[  9, 'wrong detail', \&wrong_detail ],
	[  6, 'N470 left over', \&left_over ],
	[  5, 'N470 to revive', \&wrongly_cancelled ],
	[  6, 'strange row', \&strange_row ],
	[  4, 'only strange rows', \&only_strange_rows ],
	[  5, 'earlier year open', \&earlier_year_open ],
	[  4, 'earlier year unmatched', \&unmatched_earlier ],
	[  3, 'before the window', \&before_window ],
	[  3, 'primary and secondary swapped', \&swapped_status ],
	[  3, 'never here', sub { 1 } ],
);

# Instead of the true rows an adversarial student may begin with these.
my @BEGINNINGS = (
	{ name => 'unrelated',    change => \&unrelated_rows },
	{ name => 'other course', change => \&other_courses },
);

sub choose_lags
{
	my ($district) = @_;
	my $count =
	  $district->{kind} eq 'adversarial'
	  ? between(0, 4)
	  : weighted(0 => 35, 1 => 35, 2 => 20, 3 => 10);
	my @places = map { $_ => $LAGS[$_]{weight} } 0 .. $#LAGS;
	my %seen;
	return map { $LAGS[$_] } grep { !$seen{$_}++ }
	  map { weighted(@places) } 1 .. $count;
}

# The rows that CALPADS holds of a student, and the names of the lags.
sub lagging_rows
{
	my ($district, $student) = @_;
	forget_demographics($student);
	my @names;
	my $rows = [ map { {%$_} } @{ $student->{target} } ];
	dress_row($_, $student->{calpads_person}) for @$rows;

	my $beginning =
	  $district->{kind} eq 'adversarial'
	  ? weighted(true => 35, unrelated => 30, 'other course' => 35)
	  : 'true';
	my @first = grep { $_->{name} eq $beginning } @BEGINNINGS;
	for my $lag (@first, choose_lags($district))
	{
		my $spoilt = spoil($district, $student, $rows, $lag) or next;
		$rows = $spoilt;
		push @names, $lag->{name};
	}
	return ($rows, join ', ', @names);
}

# CALPADS may know other demographics; SENR does not change them.
sub forget_demographics
{
	my ($student) = @_;
	my $kind = weighted('' => 88, name => 8, gender => 1, birth => 1,
		'gender and birth' => 2);
	$student->{demographics} = $kind;
	$student->{calpads_person} = other_person($student->{person}, $kind) if $kind;
	return;
}

# The rows after a lag, or undef when it does not apply or CALPADS would never
# have held that.
sub spoil
{
	my ($district, $student, $rows, $lag) = @_;
	my $spoilt = [ map { {%$_} } @$rows ];
	my $scene = {
		district => $district,
		student  => $student,
		rows     => $spoilt
	};
	return undef unless $lag->{change}->($scene);
	return acceptable($district, $student, $scene->{rows})
	  ? $scene->{rows}
	  : undef;
}

# What CALPADS would have taken at the time: an open short-term row has grown
# too long only by waiting.
sub acceptable
{
	my ($district, $student, $rows) = @_;
	return 0 unless distinct_keys($rows);
	my @young = sort map { $_->{enrollment_start_date} }
	  grep { is_open($_) && $_->{enrollment_status_code} eq '30' } @$rows;
	my $today = $district->{today};
	$today = $young[0] if @young && $young[0] lt $today;
	my $calpads = $district->empty_stand_in(today => $today);
	$calpads->store_rows(@$rows);
	return !$calpads->state_problems($student->{ssid}, records => 1);
}

#----------------------------------------------------------------------
# What a lag changes
#----------------------------------------------------------------------

# A row at random that fits a test, undef when none does.
sub some_row
{
	my ($scene, $test) = @_;
	my @fitting = grep { $test->() } @{ $scene->{rows} };
	return @fitting ? pick(@fitting) : undef;
}

sub is_closed
{
	return !is_open($_) && !is_no_show($_);
}

sub is_no_show
{
	my ($row) = @_;
	return $row->{student_exit_reason_code} eq 'N470';
}

sub is_current
{
	my ($scene, $row) = @_;
	return $row->{enrollment_start_date} ge $scene->{district}->year_start;
}

# Removes the rows that CALPADS could not have taken beside a row.
sub drop_conflicts
{
	my ($scene, $row) = @_;
	my $calpads = $scene->{district}->empty_stand_in;
	my $judged = { %$row, line => 0 };
	@{ $scene->{rows} } = grep {
		$_ == $row || row_key($_) ne row_key($row)
		  && !$calpads->judge_pair($judged, $_)
	} @{ $scene->{rows} };
	return 1;
}

sub missing_exit
{
	my ($scene) = @_;
	my $row = some_row($scene, \&is_closed) or return 0;
	open_row($row);
	return drop_conflicts($scene, $row);
}

sub wrong_exit_date
{
	my ($scene) = @_;
	my $row = some_row($scene, \&is_closed) or return 0;
	my $days = pick(-1, 1, 1, between(-20, 20));
	$row->{enrollment_exit_date} = add_days($row->{enrollment_exit_date}, $days);
	return $days != 0 && drop_conflicts($scene, $row);
}

sub wrong_exit_reason
{
	my ($scene) = @_;
	my $row = some_row($scene, \&is_closed) or return 0;
	my $reason = leave_reason($row, pick(qw(transfer leave)));
	return 0 if $reason eq $row->{student_exit_reason_code};
	close_row($row, $row->{enrollment_exit_date}, $reason);
	return 1;
}

sub closed_early
{
	my ($scene) = @_;
	my $row = some_row($scene, sub { is_open($_) }) or return 0;
	my $today = $scene->{district}{today};
	my $exit = add_days($row->{enrollment_start_date}, between(0, 40));
	$exit = $today if $exit gt $today;
	close_row($row, $exit, leave_reason($row, pick(qw(transfer leave))));
	return 1;
}

sub moved_start
{
	my ($scene) = @_;
	my $row = some_row($scene, sub { is_current($scene, $_) }) or return 0;
	move_start($row, add_days($row->{enrollment_start_date},
		pick(-5, -1, 1, 1, 5, between(-15, 15))));
	return drop_conflicts($scene, $row);
}

sub wrong_school
{
	my ($scene) = @_;
	my $row = some_row($scene, sub { is_current($scene, $_) }) or return 0;
	move_school($row, pick($scene->{district}->selected_schools));
	return drop_conflicts($scene, $row);
}

sub missing_row
{
	my ($scene) = @_;
	my $row = some_row($scene, sub { is_current($scene, $_) }) or return 0;
	@{ $scene->{rows} } = grep { $_ != $row } @{ $scene->{rows} };
	return 1;
}

sub no_rows
{
	my ($scene) = @_;
	my $had = @{ $scene->{rows} };
	$scene->{rows} = [];
	return $had > 0;
}

# Two rows that touch: the earlier one ended, and the later one began, on
# another day.
sub moved_boundary
{
	my ($scene) = @_;
	my @pairs = touching_pairs($scene);
	return 0 unless @pairs;
	my ($earlier, $later) = @{ pick(@pairs) };
	my $days = pick(-4, -1, -1, 1, 1, 4);
	$earlier->{enrollment_exit_date} =
	  add_days($earlier->{enrollment_exit_date}, $days);
	move_start($later, add_days($later->{enrollment_start_date}, $days));
	return 1;
}

sub touching_pairs
{
	my ($scene) = @_;
	my @pairs;
	for my $earlier (grep { is_closed() } @{ $scene->{rows} })
	{
		my $next = add_days($earlier->{enrollment_exit_date}, 1);
		push @pairs, map { [ $earlier, $_ ] }
		  grep { $_->{enrollment_start_date} eq $next && is_current($scene, $_) }
		  @{ $scene->{rows} };
	}
	return @pairs;
}

# The row before the change never ended, or has the values after it.
sub unknown_program_change
{
	my ($scene) = @_;
	my @pairs =
	  grep { $_->[0]{student_exit_reason_code} eq 'E150' } touching_pairs($scene);
	return 0 unless @pairs;
	my ($earlier, $later) = @{ pick(@pairs) };
	@{ $scene->{rows} } = grep { $_ != $later } @{ $scene->{rows} };
	open_row($earlier);
	return 1 if chance(0.5);
	$earlier->{$_} = $later->{$_}
	  for qw(grade_level_code student_school_transfer_code
	  district_of_geographic_residence_code);
	return 1;
}

sub wrong_detail
{
	my ($scene) = @_;
	my $row = some_row($scene, sub { 1 }) or return 0;
	my $field = pick(qw(grade_level_code enrollment_status_code
	  student_school_transfer_code district_of_geographic_residence_code
	  expected_receiver_school_of_attendance
	  student_met_all_uc_csu_requirements_indicator
	  student_seal_of_biliteracy_indicator graduation_exemption_indicator
	  adult_age_students_with_disabilities_in_transition_status));
	my $value = wrong_value($scene->{district}, $row, $field);
	return 0 if $value eq $row->{$field};
	$row->{$field} = $value;
	return 1;
}

sub wrong_value
{
	my ($district, $row, $field) = @_;
	return pick(qw(10 20 30 50)) if $field eq 'enrollment_status_code';
	return $row->{$field} ? '' : '1930005'
	  if $field eq 'expected_receiver_school_of_attendance';
	return $row->{$field} eq 'Y' ? 'N' : $row->{$field} eq 'N' ? 'Y' : ''
	  if $field =~ /_indicator\z/;
	return pick(grep { $_ ne $row->{$field} } '', 'Y', 'N')
	  if $field =~ /_transition_status\z/;
	return other_value($district, $row, $field);
}

# What an earlier correction left behind.
sub left_over
{
	my ($scene) = @_;
	my $row = some_row($scene, sub { is_current($scene, $_) }) or return 0;
	my $left = move_start({%$row},
		add_days($row->{enrollment_start_date}, pick(-3, -1, 1, 3, 7)));
	cancel_row($left, add_days($left->{enrollment_start_date}, -between(0, 1)));
	push @{ $scene->{rows} }, $left;
	return 1;
}

sub wrongly_cancelled
{
	my ($scene) = @_;
	my $row = some_row($scene, sub { is_current($scene, $_) && !is_no_show($_) })
	  or return 0;
	cancel_row($row, add_days($row->{enrollment_start_date}, -between(0, 1)));
	return 1;
}

# A current row that the district does not know.
sub strange_row
{
	my ($scene) = @_;
	my @strange = grep { is_current($scene, $_) }
	  @{ random_rows($scene->{district}, $scene->{student}, 2) };
	dress_row($_, $scene->{student}{calpads_person}) for @strange;
	push @{ $scene->{rows} }, @strange;
	return @strange > 0;
}

sub only_strange_rows
{
	my ($scene) = @_;
	@{ $scene->{rows} } =
	  chance(0.5) ? () : grep { !is_current($scene, $_) } @{ $scene->{rows} };
	return strange_row($scene);
}

sub earlier_year_open
{
	my ($scene) = @_;
	my $row = some_row($scene, sub { is_closed() && !is_current($scene, $_) })
	  or return 0;
	open_row($row);
	return drop_conflicts($scene, $row);
}

# A row of an earlier year that only one side has.
sub unmatched_earlier
{
	my ($scene) = @_;
	my $row = some_row($scene, sub { !is_current($scene, $_) }) or return 0;
	if (chance(0.3))
	{
		@{ $scene->{rows} } = grep { $_ != $row } @{ $scene->{rows} };
		return 1;
	}
	my $start = add_days($row->{enrollment_start_date}, pick(-2, 1, 9));
	return 0 if $start ge $scene->{district}->year_start;
	move_start($row, $start);
	open_row($row) if chance(0.25);
	return 1;
}

# A closed row that is too old for the comparison.
sub before_window
{
	my ($scene) = @_;
	my $row = some_row($scene, sub { $_->{grade_level_code} =~ /\A(?:0[3-9]|1\d)\z/ })
	  or return 0;
	my $district = $scene->{district};
	my $year     = $district->{year} - 3;
	my $old      = move_start({%$row}, $district->first_day($year));
	$old->{enrollment_status_code} = '10';
	close_row($old, $district->last_day($year), 'E155');
	push @{ $scene->{rows} }, $old;
	return 1;
}

# Rows that have nothing to do with the true ones.
sub unrelated_rows
{
	my ($scene) = @_;
	$scene->{rows} = random_rows($scene->{district}, $scene->{student}, 5);
	dress_row($_, $scene->{student}{calpads_person}) for @{ $scene->{rows} };
	return 1;
}

# The true keys, each with another status and exit, as far as CALPADS would
# have taken them together.
sub other_courses
{
	my ($scene) = @_;
	my $calpads = $scene->{district}->empty_stand_in;
	my @taken;
	for my $row (shuffled(@{ $scene->{rows} }))
	{
		my $other = other_course($scene->{district}, $row);
		$other->{line} = 0;
		push @taken, $other
		  unless grep { $calpads->judge_pair($other, $_) } @taken;
	}
	delete $_->{line} for @taken;
	$scene->{rows} = \@taken;
	return 1;
}

# The primary row is known as secondary and the other way round.
sub swapped_status
{
	my ($scene) = @_;
	my $primary = some_row($scene, sub { $_->{enrollment_status_code} eq '10' && is_open($_) })
	  or return 0;
	my $secondary = some_row($scene, sub { $_->{enrollment_status_code} eq '20' })
	  or return 0;
	$primary->{enrollment_status_code}   = '20';
	$secondary->{enrollment_status_code} = '10';
	$secondary->{student_exit_reason_code} = 'T160' unless is_open($secondary);
	return 1;
}

1;
