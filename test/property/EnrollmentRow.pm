package EnrollmentRow;

# Making and changing the enrollment rows of a random district.  A row is a
# record as the stand-in for CALPADS knows it: field name => text.

use strict;
use warnings;
use Exporter qw(import);
use CalendarDay qw(day_number academic_year);
use CalpadsStandIn qw(@FIELDS row_key);

our @EXPORT_OK = qw(make_row open_row close_row move_start move_school
  cancel_row dress_row is_open distinct_keys @DEMOGRAPHIC_FIELDS @EXIT_DETAILS);

# Fields 1.09 to 1.21.
our @DEMOGRAPHIC_FIELDS = @FIELDS[ 8 .. 20 ];

# What belongs to an exit beside its date and reason.
our @EXIT_DETAILS = qw(student_school_completion_status
  expected_receiver_school_of_attendance
  student_met_all_uc_csu_requirements_indicator
  student_golden_state_seal_merit_diploma_indicator
  student_seal_of_biliteracy_indicator graduation_exemption_indicator);

# An open row of a student (ssid, person and transition status are used) at a
# school.
sub make_row
{
	my ($student, $school, $start, %fields) = @_;
	my %row = (
		(map { $_ => '' } @FIELDS),
		record_type_code       => 'SENR',
		ssid                   => $student->{ssid},
		enrollment_status_code => '10',
		adult_age_students_with_disabilities_in_transition_status =>
		  $student->{transition} // '',
		%fields,
	);
	dress_row(\%row, $student->{person});
	move_school(\%row, $school);
	return move_start(\%row, $start);
}

# Puts a person's demographics onto a row.
sub dress_row
{
	my ($row, $person) = @_;
	@$row{@DEMOGRAPHIC_FIELDS} = @$person{@DEMOGRAPHIC_FIELDS};
	return $row;
}

sub move_start
{
	my ($row, $start) = @_;
	$row->{enrollment_start_date} = $start;
	$row->{academic_year_id}      = academic_year(day_number($start));
	return $row;
}

# A school of the district: its code, its LEA, its NPS code if it is one.
sub move_school
{
	my ($row, $school) = @_;
	$row->{reporting_lea}            = $school->{lea};
	$row->{school_of_attendance}     = $school->{cds};
	$row->{school_of_attendance_nps} = $school->{nps} // '';
	return $row;
}

sub is_open
{
	my ($row) = @_;
	return $row->{enrollment_exit_date} eq '';
}

sub open_row
{
	my ($row) = @_;
	$row->{$_} = '' for @EXIT_DETAILS;
	@$row{qw(enrollment_exit_date student_exit_reason_code)} = ('', '');
	return $row;
}

# Closes a row; further fields of the exit may follow.
sub close_row
{
	my ($row, $date, $reason, %details) = @_;
	open_row($row);
	@$row{qw(enrollment_exit_date student_exit_reason_code)} =
	  ($date, $reason);
	@$row{ keys %details } = values %details;
	return $row;
}

# Makes an N470 row of it; secondary rows cannot have that exit (SENR0302).
sub cancel_row
{
	my ($row, $date) = @_;
	$row->{enrollment_status_code} = '10'
	  if $row->{enrollment_status_code} eq '20';
	return close_row($row, $date, 'N470');
}

# True when no two rows of a student have the same key.
sub distinct_keys
{
	my ($rows) = @_;
	my %seen;
	return !grep { $seen{ row_key($_) }++ } @$rows;
}

1;
