package RandomTimeline;

# What really happened to a student over the school years of a random
# district: the rows that CALPADS should hold.
#
# A timeline may turn out invalid (two primary rows, a wrong age); whoever asks
# judges it with the stand-in for CALPADS and asks again.

use strict;
use warnings;
use Exporter qw(import);
use CalendarDay qw(add_days);
use RandomChoice qw(pick chance between weighted);
use EnrollmentRow
  qw(make_row open_row close_row cancel_row move_school move_start is_open);

our @EXPORT_OK = qw(random_timeline random_rows other_course leave_reason
  other_value);

my @GRADES = ('PS', 'TK', 'KN', map { sprintf '%02d', $_ } 1 .. 12);
my %RANK   = map { $GRADES[$_] => $_ } 0 .. $#GRADES;

# The grade in another school year, undef before preschool and after grade 12.
sub grade_of_year
{
	my ($grade, $years_later) = @_;
	my $rank = $RANK{$grade} + $years_later;
	return $rank < 0 ? undef : $GRADES[$rank];
}

#----------------------------------------------------------------------
# A likely life: years, transfers, program changes, year ends
#----------------------------------------------------------------------

# The rows of a student of the district, earlier years first.
sub random_timeline
{
	my ($district, $student) = @_;
	my $story = { district => $district, student => $student, rows => [] };
	my $home = pick($district->schools_for($student->{grade}));
	for my $year ($district->years)
	{
		last if $story->{gone};
		my $grade =
		  grade_of_year($student->{grade}, $year - $district->{year});
		next unless defined $grade && $district->has_grade($grade, $year);
		$home = pick($district->schools_for($grade))
		  unless $home->{grades}{$grade} && chance(0.95);
		one_year($story, $year, $grade, $home);
	}
	return $district->without_future($story->{rows});
}

# The rows of one school year at a home school.
sub one_year
{
	my ($story, $year, $grade, $home) = @_;
	my $district = $story->{district};
	my $first    = $district->first_day($year);
	$first = add_days($first, between(1, 90)) if chance(0.15);
	my $row = make_row(
		$story->{student}, $home, $first,
		grade_level_code                     => $grade,
		student_school_transfer_code         => $story->{student}{transfer},
		district_of_geographic_residence_code => $story->{student}{residence},
		enrollment_status_code => $story->{student}{status},
	);
	push @{ $story->{rows} }, $row;
	return no_show($story, $row) if chance(0.02) && $grade ne 'PS';

	# A new grade in the last two weeks would be no program change any more.
	my $last = $district->last_day($year);
	my $late = add_days($last, -20);
	$row = change_in_year($story, $row, $_) or return
	  for grep { $_ lt $late } cut_days($first);
	side_rows($story, $row, $last) if $grade ne 'PS' && chance(0.12);
	year_end($story, $row, $last)
	  if $year < $district->{year}
	  || $district->{today} ge $last && chance(0.5);
	return;
}

# Days in a school year on which something happens.
sub cut_days
{
	my ($first) = @_;
	my $cuts = weighted(0 => 66, 1 => 20, 2 => 9, 3 => 5);
	my $span = chance(0.3) ? 60 : 260;
	return sort map { add_days($first, between(2, $span)) } 1 .. $cuts;
}

# Never came: N470, the start date itself or the day before.
sub no_show
{
	my ($story, $row) = @_;
	cancel_row($row, add_days($row->{enrollment_start_date}, -between(0, 1)));
	return;
}

# One change on a day; gives the row that goes on, or undef when the student
# has left.
sub change_in_year
{
	my ($story, $row, $day) = @_;
	return $row if $day le $row->{enrollment_start_date};
	my $kind = weighted(transfer => 4, program => 4, return => 1, leave => 1);
	return program_change($story, $row, $day) if $kind eq 'program';
	close_row($row, $day, leave_reason($row, $kind));
	if ($kind eq 'leave')
	{
		$story->{gone} = 1;
		return undef;
	}
	my $next = {%$row};
	open_row($next);
	move_start($next,
		add_days($day, $kind eq 'return' ? between(5, 40) : between(1, 4)));
	transfer($story, $row, $next) if $kind eq 'transfer';
	push @{ $story->{rows} }, $next;
	return $next;
}

# The next row is at another school, which the exit may name as receiver.
sub transfer
{
	my ($story, $row, $next) = @_;
	my $school = pick($story->{district}->schools_for($row->{grade_level_code}));
	move_school($next, $school);
	$row->{expected_receiver_school_of_attendance} = $school->{cds}
	  if chance(0.5)
	  && !$school->{nps}
	  && $row->{student_exit_reason_code} =~ /\AT/;
	return;
}

# An exit reason of the year that fits the row.
sub leave_reason
{
	my ($row, $kind) = @_;
	return 'E170' if $row->{enrollment_status_code} =~ /[25]0/;
	return 'E450' if $row->{grade_level_code} eq 'PS';
	return pick(qw(T160 T160 T165 T167)) if $kind eq 'transfer';
	return pick(qw(T180 T200 T240 E140 E400 E410 T380));
}

# E150: the row goes on the next calendar day with another grade, transfer
# code, residence, or with status 50 after 10 (senr.md section 7).
sub program_change
{
	my ($story, $row, $day) = @_;
	return $row if $row->{enrollment_status_code} !~ /[15]0/
	  || $row->{grade_level_code} eq 'PS';
	my $next = {%$row};
	my $field = pick(qw(grade_level_code student_school_transfer_code
	  district_of_geographic_residence_code enrollment_status_code));
	$next->{$field} = other_value($story->{district}, $row, $field);
	return $row if $next->{$field} eq $row->{$field};
	close_row($row, $day, 'E150');
	move_start($next, add_days($day, 1));
	push @{ $story->{rows} }, $next;
	return $next;
}

# Another value that a real change could give a field of a row.
sub other_value
{
	my ($district, $row, $field) = @_;
	my $now = $row->{$field};
	if ($field eq 'grade_level_code')
	{
		my $rank = $RANK{$now} // return $now;
		return $rank < 3 || $rank > 13 ? $now : $GRADES[ $rank + 1 ];
	}
	return $now eq '10' ? '50' : $now if $field eq 'enrollment_status_code';
	return pick(grep { $_ ne $now } '', 1, 4, 6)
	  if $field eq 'student_school_transfer_code';
	return pick(grep { $_ ne $now } $district->residences);
}

# The end of the year: expected back, finished here, or finished for good.
sub year_end
{
	my ($story, $row, $last) = @_;
	return unless is_open($row) && $row->{enrollment_start_date} lt $last;
	return close_row($row, $last, 'E170')
	  if $row->{enrollment_status_code} eq '50';
	return close_row($row, $last, 'E450')
	  if $row->{grade_level_code} eq 'PS';
	return senior_year_end($story, $row, $last)
	  if $row->{grade_level_code} eq '12';
	return close_row($row, $last, 'E155') if chance(0.8);
	return close_row($row, $last, 'T160') if chance(0.3);
	return close_row($row, $last, 'E230',
		student_school_completion_status => pick(480, 480, 485));
}

sub senior_year_end
{
	my ($story, $row, $last) = @_;
	my $district = $story->{district};
	return close_row($row, $last, 'E156') if chance(0.15);
	$story->{gone} = 1;
	return close_row($row, $last, 'E230', graduation($district, $last));
}

# A secondary or a short-term row beside the primary one; seldom instead of it.
sub side_rows
{
	my ($story, $row, $last) = @_;
	my $district = $story->{district};
	my $start = add_days($row->{enrollment_start_date}, between(0, 60));
	my $grade = $row->{grade_level_code};
	my $short = $district->alternative_school && chance(0.4);
	my $school = $short ? $district->alternative_school
	  : pick($district->schools_for($grade));
	return if $start ge $last;

	my $side = make_row($story->{student}, $school, $start,
		grade_level_code       => $grade,
		enrollment_status_code => $short ? '30' : '20');
	my $days = $short ? between(1, 29) : between(10, 200);
	my $end  = add_days($start, $days);
	$end = $last if $end gt $last;
	close_row($side, $end, $short ? 'T160' : 'E170');
	pop @{ $story->{rows} } if !$short && chance(0.15);
	push @{ $story->{rows} }, $side;
	return;
}

#----------------------------------------------------------------------
# An unlikely life: any rows on a small grid of days
#----------------------------------------------------------------------

my @GRID = (0, 1, 2, 5, 6, 7, 11, 12, 20, 29, 30, 31, 45);

# Up to so many rows with starts and exits on few days, so that rows touch,
# overlap, and share keys with rows made by another call.
sub random_rows
{
	my ($district, $student, $most) = @_;
	return [ map { random_row($district, $student) } 1 .. between(0, $most) ];
}

# One row, or two when it is split by a program change.
sub random_row
{
	my ($district, $student) = @_;
	my $year  = $district->{year} - weighted(0 => 80, 1 => 16, 2 => 4);
	my $start = grid_day($district, $year);
	my $row   = make_row(
		$student, pick($district->all_schools), $start,
		grade_level_code => pick($student->{grade}, $student->{grade}, '12'),
		student_school_transfer_code => pick('', '', 1, 4),
		district_of_geographic_residence_code =>
		  pick('', '', $district->residences),
		enrollment_status_code =>
		  weighted(10 => 62, 20 => 18, 30 => 12, 50 => 8),
	);
	return cancel_row($row, add_days($start, -between(0, 1))) if chance(0.07);
	my @before = chance(0.15) ? split_off($district, $row) : ();
	return (@before, $row) if $year == $district->{year} && chance(0.4);
	return (@before, close_on_grid($district, $row, $year));
}

# The same row with another course on the grid: status, and exit or none.
sub other_course
{
	my ($district, $row) = @_;
	my $other = open_row({%$row});
	$other->{enrollment_status_code} =
	  weighted(10 => 55, 20 => 25, 30 => 12, 50 => 8);
	return $other if chance(is_open($row) ? 0.7 : 0.35);
	return close_on_grid($district, $other,
		substr($row->{academic_year_id}, 0, 4));
}

# Moves the start of a row to a later day of the grid, and gives the row that
# a program change closed the day before.
sub split_off
{
	my ($district, $row) = @_;
	my $story = { district => $district, rows => [] };
	my $day = add_days($row->{enrollment_start_date}, pick(1, 5, 6));
	my $before = {%$row};
	my $after = program_change($story, $before, $day);
	return () if is_open($before);
	%$row = %$after;
	return ($before);
}

sub grid_day
{
	my ($district, $year) = @_;
	return add_days($district->first_day($year), pick(@GRID));
}

# Closes a row on a day of the grid, on the day before one (so that another
# row can begin there), or at the end of an earlier year.
sub close_on_grid
{
	my ($district, $row, $year) = @_;
	my $exit = add_days(grid_day($district, $year), -between(0, 1));
	$exit = $district->last_day($year)
	  if $year < $district->{year} && chance(0.3);
	$exit = $row->{enrollment_start_date}
	  if $exit lt $row->{enrollment_start_date};
	return close_row($row, $exit, 'E230', graduation($district, $exit))
	  if $row->{grade_level_code} eq '12'
	  && $row->{enrollment_status_code} =~ /[13]0/
	  && chance(0.15);
	return close_row($row, $exit, leave_reason($row, pick(qw(transfer leave))));
}

# A completion of grade 12.  The exemption indicator exists since 2023-24, and
# the seals are activities of the current school year.
sub graduation
{
	my ($district, $exit) = @_;
	my $current = $exit ge $district->year_start;
	return (student_school_completion_status => pick(120, 320, 360))
	  if chance(0.3);
	return (
		student_school_completion_status              => '100',
		student_met_all_uc_csu_requirements_indicator => pick('Y', 'N'),
		graduation_exemption_indicator => $exit gt '20230630' ? pick('Y', 'N') : '',
		student_golden_state_seal_merit_diploma_indicator =>
		  $current && chance(0.4) ? 'Y' : '',
		student_seal_of_biliteracy_indicator => $current && chance(0.4) ? 'Y' : '',
	);
}

1;
