package ExpectedProgramDelta;

# What the SPRG files for one LEA must do (sinf_sela_sprg.md section 4.4),
# worked out for each student from the stand-in's state after the SENR files
# and from the target.  Knows nothing of how the extension finds its
# operations.

use strict;
use warnings;
use Exporter qw(import);
use ProgramRecord qw(@PROGRAM_DETAILS program_key is_retired);

our @EXPORT_OK = qw(expected_programs);

my $END = 'education_program_membership_end_date';

# For each SSID with rows in the LEA a hash: before (rows in CALPADS), after
# (key => row that CALPADS shall hold in the end), differences (key => kind
# 'remove', 'add', 'end', 'reopen' or 'details'), earlier (keys that are held
# because they ended before this school year), doubtful (programs of which
# something else must be held, so that no more is asked than that nothing is
# refused).
sub expected_programs
{
	my ($run, $lea) = @_;
	my $calpads = $run->{calpads};
	my %students;
	push @{ $students{ $_->{ssid} }{before} }, $_
	  for grep { $_->{reporting_lea} eq $lea } $calpads->programs->rows;
	push @{ $students{ $_->{ssid} }{target} }, $_
	  for grep { $_->{reporting_lea} eq $lea } $run->{programs}->target;
	push @{ $students{ $_->{ssid} }{held} }, $_
	  for grep { $_->{reporting_lea} eq $lea } $run->{programs}->held;
	for my $ssid (keys %students)
	{
		my $student = $students{$ssid};
		$student->{$_} //= [] for qw(before target held);
		$student->{gone} = $run->{programs}->is_gone($ssid);
		$student->{target} = [] if $student->{gone};
		find_earlier($run, $student);
		find_doubts($run, $student);
		find_differences($run, $student);
	}
	return \%students;
}

# Rows that only CALPADS has and that stay all the same: of schools that are not
# selected, of programs that are not offered any more or left out, ended in an earlier
# school year, and of students who left before the years of the comparison.
sub stays
{
	my ($run, $student, $row) = @_;
	my $district = $run->{district};
	return 1 if $student->{gone};
	return 1
	  unless $district->scope($row->{reporting_lea})
	  ->{schools}{ $row->{school_of_attendance} };
	my $program = $row->{education_program_code};
	return 1 if is_retired($program, $district->{year});
	return 1 if $run->{programs}->is_excluded($program);
	return $row->{$END} ne '' && $row->{$END} lt $district->year_start;
}

# A row that cannot be sent, because of itself or of what stays beside it.
sub find_doubts
{
	my ($run, $student) = @_;
	my %doubtful = map { $_->{education_program_code} => 1 } @{ $student->{held} };
	my $programs = $run->{calpads}->programs;
	my %wanted = map { program_key($_) => 1 } @{ $student->{target} };
	my %known  = map { program_key($_) => 1 } @{ $student->{before} };
	my @staying =
	  grep { !$wanted{ program_key($_) } && stays($run, $student, $_) }
	  @{ $student->{before} };
	for my $row (grep { !$student->{earlier}{ program_key($_) } } @{ $student->{target} })
	{
		my $judged = { %$row, line => 0 };
		$doubtful{ $row->{education_program_code} } = 1
		  if $programs->judge_enrollment($judged)
		  || !$known{ program_key($row) } && !is_enrollment_known($run, $row)
		  || grep { conflict($judged, $_) } @staying;
	}
	$student->{doubtful} = \%doubtful;
	return;
}

# A new row is sent only if CALPADS is known to hold an enrollment at its school:
# the SENR extract may begin later than that of SPRG.
sub is_enrollment_known
{
	my ($run, $row) = @_;
	return scalar grep {
		$_->{school_of_attendance} eq $row->{school_of_attendance}
		  && $run->{district}->in_extract($_)
	} $run->{calpads}->rows($row->{ssid});
}

sub conflict
{
	my ($row, $other) = @_;
	return 0
	  if grep { $row->{$_} ne $other->{$_} }
	  qw(school_of_attendance education_program_code education_service_code);
	return scalar ProgramStandIn::judge_pair($row, $other);
}

# Rows that ended before this school year and that only the SIS has: a year that
# is over is reopened by nobody (DESIGN section 5.2).
sub find_earlier
{
	my ($run, $student) = @_;
	my %known = map { program_key($_) => 1 } @{ $student->{before} };
	my $year_start = $run->{district}->year_start;
	$student->{earlier} = { map { program_key($_) => $_ }
		  grep { !$known{ program_key($_) } && $_->{$END} ne '' && $_->{$END} lt $year_start }
		  @{ $student->{target} } };
	return;
}

# The row of CALPADS may be the one that the SIS has in an earlier year with another
# start; then it stays.
sub is_of_earlier
{
	my ($run, $student, $row) = @_;
	return $row->{education_program_membership_start_date} lt $run->{district}->year_start
	  && grep {
		     $_->{school_of_attendance} eq $row->{school_of_attendance}
		  && $_->{education_program_code} eq $row->{education_program_code}
	  } values %{ $student->{earlier} };
}

sub find_differences
{
	my ($run, $student) = @_;
	my %before = map { program_key($_) => $_ } @{ $student->{before} };
	my %target = map { program_key($_) => $_ }
	  grep { !$student->{earlier}{ program_key($_) } } @{ $student->{target} };
	my %after = (%before, %target);
	my %differences;
	for my $key (sort keys %after)
	{
		my $kind = kind_of($before{$key}, $target{$key});
		next if $kind eq 'remove' && stays($run, $student, $before{$key});
		$student->{doubtful}{ $before{$key}{education_program_code} } = 1
		  if $kind eq 'remove' && is_of_earlier($run, $student, $before{$key});
		$differences{$key} = $kind if $kind;
		delete $after{$key} if $kind eq 'remove';
	}
	@$student{qw(after differences)} = (\%after, \%differences);
	return;
}

# '' when there is no difference.
sub kind_of
{
	my ($before, $after) = @_;
	return 'add'    unless $before;
	return 'remove' unless $after;
	if ($before->{$END} ne $after->{$END})
	{
		return $after->{$END} eq '' ? 'reopen' : 'end';
	}
	return (grep { $before->{$_} ne $after->{$_} } @PROGRAM_DETAILS)
	  ? 'details'
	  : '';
}

1;
