package ExpectedPrograms;

# What CALPADS should hold of a student's programs, worked out from the records
# of the SIS and the student's true enrollments.
#
# Sources: sinf_sela_sprg.md sections 4.1 to 4.3, aeries_logic.md section 8.3.
# Knows nothing of the mapping view that does the same in the database.

use strict;
use warnings;
use Exporter qw(import);
use CalendarDay qw(add_days day_number school_year academic_year);
use ProgramRecord qw(@PROGRAM_FIELDS is_meal);

our @EXPORT_OK = qw(stays_of expected_rows);

# Days before the last school day from which on participation is closed
# (aeries_logic.md section 8.3).
my $YEAR_END_DAYS = 30;

# An end after all days.
my $NEVER = '99999999';

#----------------------------------------------------------------------
# Stays
#----------------------------------------------------------------------

# The stays of a student at selected schools, oldest first: school, lea, year
# (first calendar year of the school year), start, end ('' = open), secondary.
# A program does not see an exit with E150, after which the student goes on.
sub stays_of
{
	my ($district, $student) = @_;
	my %selected = map { $_->{cds} => 1 } $district->selected_schools;
	my @enrollments = sort {
		     $a->{school_of_attendance} cmp $b->{school_of_attendance}
		  || $a->{enrollment_start_date} cmp $b->{enrollment_start_date}
	  }
	  grep { $_->{student_exit_reason_code} ne 'N470' }
	  grep { $selected{ $_->{school_of_attendance} } } @{ $student->{target} };
	my @stays;
	for my $enrollment (@enrollments)
	{
		my $next = stay_of($enrollment);
		my $last = $stays[-1];
		if ($last && goes_on($last, $next))
		{
			@$last{qw(end reason)} = @$next{qw(end reason)};
			$last->{secondary} &&= $next->{secondary};
			next;
		}
		push @stays, $next;
	}
	return sort { $a->{start} cmp $b->{start} } @stays;
}

sub stay_of
{
	my ($enrollment) = @_;
	return {
		school    => $enrollment->{school_of_attendance},
		lea       => $enrollment->{reporting_lea},
		year      => school_year(day_number($enrollment->{enrollment_start_date})),
		start     => $enrollment->{enrollment_start_date},
		end       => $enrollment->{enrollment_exit_date},
		reason    => $enrollment->{student_exit_reason_code},
		secondary => $enrollment->{enrollment_status_code} eq '20',
	};
}

sub goes_on
{
	my ($stay, $next) = @_;
	return $stay->{reason} eq 'E150'
	  && $stay->{school} eq $next->{school}
	  && $stay->{year} == $next->{year}
	  && $next->{start} eq add_days($stay->{end}, 1);
}

#----------------------------------------------------------------------
# Rows
#----------------------------------------------------------------------

# The SPRG rows that follow from records of the SIS (see RandomPrograms); each
# with broken (1: of a record that says nothing clear) and refused (1: CALPADS
# would refuse it).
sub expected_rows
{
	my ($district, $student, @entries) = @_;
	my @stays = stays_of($district, $student);
	my %rows;
	for my $entry (winning(@entries))
	{
		my @places = places($district, $entry, @stays);
		for my $place (
			$entry->{takes_part}
			? map { participation($district, $entry, $_) } @places
			: eligibility($entry, @places))
		{
			my $row = row_of($student, $entry, $place, @entries);
			my $line = join '^', map { $row->{$_} } @PROGRAM_FIELDS;
			$rows{$line} = $row;
		}
	}
	return map { $rows{$_} } sort keys %rows;
}

# FOF wins over PGM for 504 plans, GTE over PGM for gifted students; settings
# leave records out.
sub winning
{
	my @entries = @_;
	my %has = map { $_->{source} => 1 } @entries;
	return grep {
		!$_->{unreported} && !($_->{source} eq 'PGM'
			&& ($_->{program} eq '101' && $has{FOF}
				|| $_->{program} eq '127' && $has{GTE}))
	} @entries;
}

# The stays at which a record is reported.  School 0 follows the student's own
# enrollments, a number names the school.
sub places
{
	my ($district, $entry, @stays) = @_;
	my ($named) =
	  grep { $entry->{sc} && $_->{sc} == $entry->{sc} } $district->all_schools;
	my $end = last_day_of($entry) || $NEVER;
	return grep {
		     ($named ? $_->{school} eq $named->{cds} : !$_->{secondary})
		  && $_->{start} le $end
		  && ($_->{end} || $NEVER) ge $entry->{start}
		  && (!is_meal($entry->{program}) || $_->{year} == year_of($entry))
	} @stays;
}

sub year_of
{
	my ($entry) = @_;
	return school_year(day_number($entry->{start}));
}

# The last day of a record: what is entered, of meals no later than the school
# year; '' when it has none, or one that cannot be.
sub last_day_of
{
	my ($entry) = @_;
	my $end = $entry->{end};
	return '' if $end eq '' || $end lt $entry->{start};
	my $june = (year_of($entry) + 1) . '0630';
	return is_meal($entry->{program}) && $end gt $june ? $june : $end;
}

sub earlier
{
	my ($one, $other) = @_;
	return $one if $other eq '';
	return $other if $one eq '';
	return $one lt $other ? $one : $other;
}

# Participation is moved into the enrollment, for each stay one row; at the end
# of the year it is closed.
sub participation
{
	my ($district, $entry, $stay) = @_;
	my $start = $entry->{start} gt $stay->{start} ? $entry->{start} : $stay->{start};
	my $end = earlier(last_day_of($entry), $stay->{end});
	my $last = $district->last_day($district->{year});
	$end = $last
	  if $end eq ''
	  && $stay->{year} == $district->{year}
	  && $start le $last
	  && add_days($last, -$YEAR_END_DAYS) le $district->{today};
	return { stay => $stay, start => $start, end => $end };
}

# Eligibility keeps its start; one row for each school.  An end lies inside the
# enrollment; an open record stays open, but CALPADS closes meals.
sub eligibility
{
	my ($entry, @stays) = @_;
	my %newest;
	$newest{ $_->{school} } = $_ for @stays;
	return map {
		my $stay = $newest{$_};
		my $end = last_day_of($entry);
		$end = earlier($end, $stay->{end})
		  if $end ne '' || is_meal($entry->{program});
		{ stay => $stay, start => $entry->{start}, end => $end };
	} sort keys %newest;
}

sub row_of
{
	my ($student, $entry, $place, @entries) = @_;
	my $person = $student->{person};
	my $stay   = $place->{stay};
	my %row    = (
		(map { $_ => '' } @PROGRAM_FIELDS),
		(map { $_ => $person->{$_} } qw(local_student_id student_legal_first_name
			  student_legal_last_name student_birth_date student_gender_code)),
		record_type_code                        => 'SPRG',
		reporting_lea                           => $stay->{lea},
		school_of_attendance                    => $stay->{school},
		academic_year_id                        => academic_year(day_number($stay->{start})),
		ssid                                    => $student->{ssid},
		education_program_code                  => $entry->{program},
		education_program_membership_start_date => $place->{start},
		education_program_membership_end_date   => $place->{end},
		broken                                  => $entry->{broken} ? 1 : 0,
		refused                                 => $entry->{refused} ? 1 : 0,
	);
	add_details(\%row, $entry, @entries);
	return \%row;
}

# Section 4.3; the SIS keeps the service of program 122 and the academy of
# program 113 as the type of the record.
sub add_details
{
	my ($row, $entry, @entries) = @_;
	if ($entry->{program} eq '122')
	{
		my $start = $row->{education_program_membership_start_date};
		$row->{education_service_academic_year} = academic_year(day_number($start));
		$row->{education_service_code}          = $entry->{type};
	}
	$row->{california_partnership_academy_id} = $entry->{type}
	  if $entry->{program} eq '113';
	return unless $entry->{program} eq '191';
	my @so_far = grep {
		     $_->{program} eq '191'
		  && year_of($_) == year_of($entry)
		  && $_->{start} le $entry->{start}
	} @entries;
	my $runaway = grep { $_->{runaway} eq 'Y' } @so_far;
	my $alone = $runaway || grep { $_->{unaccompanied} eq 'Y' } @so_far;
	$row->{homeless_dwelling_type_code}   = $entry->{dwelling};
	$row->{unaccompanied_youth_indicator} = $alone ? 'Y' : 'N';
	$row->{runaway_youth_indicator}       = $runaway ? 'Y' : 'N';
	return;
}

1;
