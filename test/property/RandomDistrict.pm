package RandomDistrict;

# A random school district, from a seed: its schools, its students, what
# CALPADS should hold of them (target) and what CALPADS holds (baseline), which
# lags behind in the ways of senr.md section 7.
#
#     my $district = RandomDistrict->new(seed => 4711, kind => 'mixed');
#     $district->stand_in           CALPADS in the state of the baseline
#     $district->target             the rows that CALPADS should hold
#     SisWriter::sis_script($district)   SQL that fills the SIS tables
#
# Kinds: 'mixed', a district with likely lives; 'adversarial', many students
# with few rows on few days.  Target and baseline are each valid for the
# stand-in.  Everything is worked out from the specification, nothing is asked
# of the extension.

use strict;
use warnings;
use CalendarDay qw(date8 day_of add_days);
use CalpadsStandIn qw(row_key);
use RandomChoice qw(pick chance between weighted);
use RandomPerson qw(random_person);
use RandomTimeline qw(random_timeline random_rows);
use EnrollmentRow qw(make_row open_row distinct_keys);
use LaggingCalpads qw(lagging_rows);

my %GRADES_OF_LEVEL = (
	elementary => [ qw(PS TK KN), map { sprintf '%02d', $_ } 1 .. 5 ],
	middle     => [ '06',         '07', '08' ],
	high       => [ '09',         '10', '11', '12' ],
	all        => [ qw(TK KN), map { sprintf '%02d', $_ } 1 .. 12 ],
);

sub new
{
	my ($class, %options) = @_;
	srand $options{seed};
	my $self = bless { kind => 'mixed', %options }, $class;
	$self->{wide_names} = chance(0.8);
	$self->{encoding}   = $self->{wide_names} ? 'UTF-8' : pick('UTF-8', 'cp1252');
	$self->choose_calendar;
	$self->choose_schools;
	$self->make_students;
	return $self;
}

#----------------------------------------------------------------------
# Calendar
#----------------------------------------------------------------------

sub choose_calendar
{
	my ($self) = @_;
	$self->{year}       = pick(2024, 2025, 2026);
	$self->{year_count} = pick(2, 3, 3, 4);
	$self->{opening}    = between(5, 20);
	my $first = $self->first_day($self->{year});
	my $last  = $self->last_day($self->{year});
	$self->{today} = weighted(
		add_days($first, between(15, 270)) => 70,
		add_days($first, between(-30, 3))  => 15,
		add_days($last,  between(-10, 10)) => 15,
	);
	$self->{today} = add_days($first, between(21, 70))
	  if $self->{kind} eq 'adversarial';
	$self->{horizon} =
	  add_days($self->{today}, chance(0.3) ? between(5, 60) : 2);
	return;
}

# The school years that the SIS knows, by their first calendar year.
sub years
{
	my ($self) = @_;
	return ($self->{year} - $self->{year_count} + 1) .. $self->{year};
}

sub first_day
{
	my ($self, $year) = @_;
	return date8(day_of($year, 8, $self->{opening}));
}

sub last_day
{
	my ($self, $year) = @_;
	return date8(day_of($year + 1, 6, 5));
}

# July 1 of the current school year, and the start of the window two years
# before.
sub year_start
{
	my ($self) = @_;
	return "$self->{year}0701";
}

sub window_start
{
	my ($self) = @_;
	return ($self->{year} - 2) . '0701';
}

# Rows without what the district cannot know today: later starts and exits.
sub without_future
{
	my ($self, $rows) = @_;
	my @known =
	  grep { $_->{enrollment_start_date} le $self->{horizon} } @$rows;
	for my $row (@known)
	{
		open_row($row) if $row->{enrollment_exit_date} gt $self->{horizon};
	}
	return \@known;
}

#----------------------------------------------------------------------
# Schools
#----------------------------------------------------------------------

sub choose_schools
{
	my ($self) = @_;
	$self->{lea}     = '1964' . between(100, 999);
	$self->{schools} = [];
	$self->add_school('elementary');
	$self->add_school('middle');
	$self->add_school('high');
	$self->add_school('elementary')                         if chance(0.4);
	$self->add_school('all', alternative => 1)              if chance(0.6);
	$self->add_school('all', cds => '0000001', nps => '7012345') if chance(0.5);
	$self->add_school('all', unselected => pick(qw(tag dnr summer choice)))
	  if chance(0.7);
	$self->add_charter if chance(0.35);
	$self->{virtual_school} = 900 if chance(0.4);
	return;
}

# virtual_school: number of a school that reports as another one.
#
# A school of the district; sc is its number in the SIS, cds its CALPADS code.
sub add_school
{
	my ($self, $level, %more) = @_;
	my $count = @{ $self->{schools} };
	push @{ $self->{schools} }, {
		sc     => 10 + 7 * $count,
		cds    => sprintf('193%04d', 11 * $count + 5),
		lea    => $self->{lea},
		grades => { map { $_ => 1 } @{ $GRADES_OF_LEVEL{$level} } },
		%more
	};
	return;
}

# A second LEA: an independent charter whose own code reports, or a school
# whose LOC record names another district.
sub add_charter
{
	my ($self) = @_;
	$self->{charter_by} = pick(qw(charter_list school_record));
	my $cds = '0109' . between(100, 999);
	$self->add_school(
		'all',
		cds => $cds,
		lea => $self->{charter_by} eq 'charter_list' ? $cds : '1999998',
	);
	return;
}

sub all_schools
{
	my ($self) = @_;
	return @{ $self->{schools} };
}

sub selected_schools
{
	my ($self) = @_;
	return grep { !$_->{unselected} } $self->all_schools;
}

# The reporting LEAs, the district itself first.
sub leas
{
	my ($self) = @_;
	my %seen;
	return grep { !$seen{$_}++ } map { $_->{lea} } $self->all_schools;
}

# Schools that teach a grade; the unselected one now and then.
sub schools_for
{
	my ($self, $grade) = @_;
	my @fitting = grep { $_->{grades}{$grade} } $self->all_schools;
	my @usual   = grep { !$_->{unselected} && !$_->{alternative} } @fitting;
	return chance(0.1) ? @fitting : @usual;
}

sub alternative_school
{
	my ($self) = @_;
	my ($school) = grep { $_->{alternative} } $self->all_schools;
	return $school;
}

# TK is a grade since 2023-24, preschool is not for every year.
sub has_grade
{
	my ($self, $grade, $year) = @_;
	return $grade ne 'TK' || $year >= 2023;
}

sub residences
{
	return ('1964444', '1964725');
}

# What is compared in one LEA: see CalpadsStandIn::differences.
sub scope
{
	my ($self, $lea) = @_;
	my @schools = grep { $_->{lea} eq $lea } $self->selected_schools;
	return {
		schools    => { map { $_->{cds} => 1 } @schools },
		from       => $self->window_start,
		year_start => $self->year_start,
	};
}

# How the ODS extract is asked for: with the years before the window or not,
# with the schools that are not selected or not.
sub ods_options
{
	my ($self) = @_;
	my %options;
	$options{from} = $self->window_start if $self->{seed} % 3;
	$options{schools} = [ map { $_->{cds} } $self->selected_schools ]
	  if $self->{seed} % 2;
	return %options;
}

# True for a row that stands in the ODS extract of its LEA.
sub in_extract
{
	my ($self, $row) = @_;
	my %options = $self->ods_options;
	return 0 if $row->{enrollment_start_date} lt ($options{from} // '');
	return 1 unless $options{schools};
	return scalar grep { $_ eq $row->{school_of_attendance} }
	  @{ $options{schools} };
}

#----------------------------------------------------------------------
# Students
#----------------------------------------------------------------------

sub make_students
{
	my ($self) = @_;
	my $count =
	    $self->{kind} eq 'adversarial' ? between(60, 120)
	  : chance(0.08)                   ? between(200, 500)
	  :                                  between(30, 110);
	$self->{students} = [ map { $self->make_student($_) } 1 .. $count ];
	for my $lea ($self->leas)
	{
		push @{ $self->{students} },
		  $self->settled_student($lea, 1 + @{ $self->{students} });
	}
	return;
}

# ssid '' = not yet assigned; sis and calpads hold target and baseline rows.
sub make_student
{
	my ($self, $number) = @_;
	my $student = $self->new_student($number);
	for my $attempt (1 .. 50)
	{
		$student->{target} = $self->random_target($student);
		last if $self->valid_rows($student, $student->{target});
		$student->{target} = [];
	}
	if (chance(0.04))
	{
		$student->{ssid} = '';
		$_->{ssid} = '' for @{ $student->{target} };
		return $student;
	}
	($student->{baseline}, $student->{lags}) = lagging_rows($self, $student);
	$student->{target} = [] if $student->{lags} =~ /never here/;
	forget_lags($student)
	  if graduates_across_leas($student)
	  || $self->hides_conflict($student)
	  || $self->hides_demographics($student);
	return $student;
}

# The ODS extract need not show all: no one could know of a conflict with a row
# that it leaves out.
sub hides_conflict
{
	my ($self, $student) = @_;
	my $calpads = $self->empty_stand_in;
	my %selected = map { $_->{cds} => 1 } $self->selected_schools;
	my @hidden  = grep { !$self->in_extract($_) } @{ $student->{baseline} };
	for my $row (grep { $selected{ $_->{school_of_attendance} } } @{ $student->{target} })
	{
		my $judged = { %$row, line => 0 };
		return 1 if grep {
			row_key($_) eq row_key($row) || $calpads->judge_pair($judged, $_)
		} @hidden;
	}
	return 0;
}

# Files of two LEAs come in no order, so what a graduate may not have in the
# other LEA must not change.
sub graduates_across_leas
{
	my ($student) = @_;
	my @rows = (@{ $student->{target} }, @{ $student->{baseline} });
	my %leas = map { $_->{reporting_lea} => 1 } @rows;
	return keys %leas > 1
	  && grep { $_->{student_school_completion_status} eq '100' } @rows;
}

# That CALPADS knows another gender or birth date shows only in a row of the
# same LEA.
sub hides_demographics
{
	my ($self, $student) = @_;
	return 0 unless $student->{demographics} =~ /gender|birth/;
	my %seen = map { $_->{reporting_lea} => 1 }
	  grep { $self->in_extract($_) } @{ $student->{baseline} };
	return scalar grep { !$seen{ $_->{reporting_lea} } } @{ $student->{target} };
}

sub forget_lags
{
	my ($student) = @_;
	$student->{lags}           = '';
	$student->{demographics}   = '';
	$student->{calpads_person} = $student->{person};
	$student->{baseline}       = [ map { {%$_} } @{ $student->{target} } ];
	return;
}

sub new_student
{
	my ($self, $number) = @_;
	my $adversarial = $self->{kind} eq 'adversarial';
	my $grade =
	  $adversarial
	  ? pick('07', '11')
	  : pick(qw(PS TK KN), map { sprintf '%02d', $_ } 1 .. 12, 12);
	my %age = (PS => 3, TK => 4, KN => 5);
	my $person = random_person(40000 + $number, $age{$grade} // $grade + 5,
		$self->{year}, $self->{wide_names});
	return {
		number         => $number,
		ssid           => sprintf('%04d%06d', between(0, 9999), $number),
		person         => $person,
		calpads_person => $person,
		grade          => $grade,
		status         => $grade eq 'PS' ? '10' : weighted(10 => 95, 50 => 5),
		transfer       => chance(0.15) ? pick(1, 4, 6) : '',
		residence      => chance(0.15) ? pick($self->residences) : '',
		transition     => $grade =~ /\A1[12]\z/ && chance(0.15) ? pick('Y', 'N') : '',
		target         => [],
		baseline       => [],
		lags           => '',
	};
}

sub random_target
{
	my ($self, $student) = @_;
	return $self->{kind} eq 'adversarial'
	  ? random_rows($self, $student, 4)
	  : random_timeline($self, $student);
}

# A student whose rows are in CALPADS as they should be, so that the LEA has
# something in its extract.
sub settled_student
{
	my ($self, $lea, $number) = @_;
	my $student = $self->new_student($number);
	my ($school) = grep { $_->{lea} eq $lea } $self->selected_schools;
	my $row = make_row($student, $school, $self->year_start,
		grade_level_code => $student->{grade});
	$student->{target}   = [$row];
	$student->{baseline} = [ {%$row} ];
	return $student;
}

#----------------------------------------------------------------------
# Judging rows
#----------------------------------------------------------------------

# CALPADS as of this district, without students.
sub empty_stand_in
{
	my ($self, %more) = @_;
	return CalpadsStandIn->new(
		today          => $self->{today},
		encoding       => $self->{encoding},
		schools        => { map { $_->{cds} => $_->{lea} } $self->all_schools },
		nps_schools    => ['7012345'],
		open_districts => [ $self->residences ],
		%more
	);
}

# Rows that CALPADS would take as the whole life of a student, and that the
# SIS tables can express.
sub valid_rows
{
	my ($self, $student, $rows) = @_;
	return 0 unless distinct_keys($rows) && expressible($rows);
	my $calpads = $self->empty_stand_in;
	$calpads->store_rows(@$rows);
	return !$calpads->state_problems($student->{ssid}, records => 1);
}

# What the SIS can say: STU.HSG holds one completion status per student and
# school, that of the last row there; E150 comes of a program change, so that
# the student goes on the next day.
sub expressible
{
	my ($rows) = @_;
	my @ordered = sort { row_key($a) cmp row_key($b) } @$rows;
	for my $i (0 .. $#ordered)
	{
		my ($row, $next) = @ordered[ $i, $i + 1 ];
		undef $next
		  if $next && $next->{school_of_attendance} ne $row->{school_of_attendance};
		return 0 if $next && $row->{student_school_completion_status} ne '';
		return 0
		  if $row->{student_exit_reason_code} eq 'E150'
		  && !($next && goes_on($row, $next));
	}
	return 1;
}

sub goes_on
{
	my ($row, $next) = @_;
	return $next->{enrollment_start_date} eq add_days($row->{enrollment_exit_date}, 1)
	  && $next->{academic_year_id} eq $row->{academic_year_id};
}

#----------------------------------------------------------------------
# The two pictures
#----------------------------------------------------------------------

# All rows that CALPADS should hold in the end, unselected schools included.
sub target
{
	my ($self) = @_;
	return grep { $_->{ssid} ne '' }
	  map { @{ $_->{target} } } @{ $self->{students} };
}

# CALPADS in the state of the baseline.
sub stand_in
{
	my ($self) = @_;
	my $calpads = $self->empty_stand_in;
	for my $student (grep { $_->{ssid} ne '' } @{ $self->{students} })
	{
		my $person = $student->{calpads_person};
		$calpads->add_student(
			$student->{ssid},
			gender     => $person->{student_gender_code},
			birth_date => $person->{student_birth_date});
		$calpads->store_rows(@{ $student->{baseline} });
	}
	return $calpads;
}

1;
