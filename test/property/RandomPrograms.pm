package RandomPrograms;

# The student programs of a random district: records as clerks enter them in
# PGM, FRE, FOF and GTE, the SPRG rows that CALPADS should hold of them
# (ExpectedPrograms), and what it holds (LaggingPrograms).
#
#     my $programs = RandomPrograms->new($district);
#     $programs->script     SQL that fills the SIS tables
#     $programs->target     the rows that CALPADS should hold
#     $programs->held       rows that cannot be sent, and must not be
#     $programs->baseline($calpads)   puts into CALPADS what it holds
#
# Has its own random numbers: the same seed makes the same enrollments with and
# without programs.

use strict;
use warnings;
use CalendarDay qw(add_days);
use ExpectedPrograms qw(stays_of expected_rows);
use LaggingPrograms qw(lagging_programs);
use ProgramRecord qw(is_participation is_meal);
use RandomChoice qw(pick chance between weighted);
use SisWriter qw(copy_command);

my @PROGRAMS = (
	101 => 8, 108 => 3, 113 => 4, 122 => 8, 127 => 6, 162 => 2, 174 => 4,
	181 => 14, 182 => 6, 191 => 8, 192 => 5, 193 => 2, 300 => 2, 301 => 6,
	305 => 4,
);

# What must not be reported: retired, never submitted, no CALPADS program, and
# meals, which are in FRE only.
my @NOISE = qw(190 144 185 131 200 181);

sub new
{
	my ($class, $district) = @_;
	srand $district->{seed} + 3;
	my $self = bless {
		district         => $district,
		translated       => chance(0.5),
		plan_takes_part  => chance(0.2),
		excluded         => { map { $_ => 1 } chance(0.15) ? (181, 182) : () },
		excluded_sources => { map { $_ => 1 } chance(0.2) ? 'DC' : () },
		of_student       => {},
	}, $class;
	$self->make_student($_)
	  for grep { $_->{ssid} ne '' && !hides_enrollments($district, $_) }
	  @{ $district->{students} };
	return $self;
}

# Settings (name => value): files without meals, and without those of a source;
# a SIS that keeps 504 plans as participation (aeries_logic.md section 8.3).
sub settings
{
	my ($self) = @_;
	return (
		sprg_exclude              => join(', ', sort keys %{ $self->{excluded} }),
		sprg_504_eligibility      => $self->{plan_takes_part} ? 'off' : 'on',
		sprg_exclude_meal_sources => join(', ', map { lc } sort keys %{ $self->{excluded_sources} }),
	);
}

# True for a program that is left out of the files.
sub is_excluded
{
	my ($self, $program) = @_;
	return $self->{excluded}{$program} ? 1 : 0;
}

# The ODS extract need not show all: no one could know of an enrollment that it
# leaves out and that is not as the SIS has it.
sub hides_enrollments
{
	my ($district, $student) = @_;
	my %selected = map { $_->{cds} => 1 } $district->selected_schools;
	my ($true, $known) = map {
		join ' ', sort map { "$_->{school_of_attendance} $_->{enrollment_start_date} $_->{enrollment_exit_date} $_->{student_exit_reason_code}" }
		  grep { $selected{ $_->{school_of_attendance} } && !$district->in_extract($_) }
		  @{ $student->{$_} }
	} qw(target baseline);
	return $true ne $known;
}

#----------------------------------------------------------------------
# Records of the SIS
#----------------------------------------------------------------------

# Records are made one by one; one that CALPADS could not hold beside the
# others is made again or left out.
sub make_student
{
	my ($self, $student) = @_;
	my @stays = stays_of($self->{district}, $student);
	my @entries;
	my $count = weighted(0 => 20, 1 => 30, 2 => 25, 3 => 15, 5 => 10);
	for my $number (1 .. $count)
	{
		for my $attempt (1 .. 5)
		{
			my $entry = $self->random_entry($student, @stays) or next;
			next unless $self->fits($student, @entries, $entry);
			push @entries, $entry;
			last;
		}
	}
	break_one($student, @entries) if chance(0.06);
	$self->{of_student}{ $student->{number} } =
	  { student => $student, entries => \@entries };
	return;
}

# True when CALPADS takes all rows that follow from the records.
sub fits
{
	my ($self, $student, @entries) = @_;
	my $calpads = $self->{district}->empty_stand_in;
	$calpads->add_student($student->{ssid});
	$calpads->store_rows(@{ $student->{target} });
	my @rows = expected_rows($self->{district}, $student, @entries);
	my %keys = map { ProgramRecord::program_key($_) => 1 } @rows;
	return 0 if keys %keys != @rows;
	return 0 if $self->{plan_takes_part} && plans_overlap(@rows);
	$calpads->programs->store_rows(@rows);
	return !grep { @$_ }
	  map { [ $calpads->programs->judge([ { %$_, line => 0 } ], $_->{reporting_lea}) ] }
	  @rows;
}

# As eligibility 504 plans might overlap; as participation they must not.
sub plans_overlap
{
	my @plans = grep { $_->{education_program_code} eq '101' } @_;
	my %school_seen;
	for my $plan (@plans)
	{
		my $others = $school_seen{ $plan->{school_of_attendance} } //= [];
		return 1
		  if grep {
			!ProgramStandIn::ends_before($plan, $_) && !ProgramStandIn::ends_before($_, $plan)
		  } @$others;
		push @$others, $plan;
	}
	return 0;
}

# A record of the SIS: source (table), program, sc (school or 0), start, end,
# origin (of meals), type, dwelling, unaccompanied, runaway, takes_part (true
# when its dates are those of participation), unreported (true when a setting
# leaves it out).  Its days lie about an enrollment.
sub random_entry
{
	my ($self, $student, @stays) = @_;
	my $stay    = @stays ? pick(@stays) : return undef;
	my $program = weighted(@PROGRAMS);
	my $start   = random_start($program, $stay, $student);
	my %entry   = (
		program => $program,
		source  => source_of($program),
		sc      => chance(0.12) ? $self->school_number($stay) : 0,
		start   => $start,
		end     => random_end($start, $stay),
		origin  => is_meal($program) ? pick('AP', 'DC', '') : '',
		details_of($program),
	);
	$entry{takes_part} =
	  is_participation($program) || $program eq '101' && $self->{plan_takes_part};
	$entry{unreported} =
	  $self->{excluded}{$program} || $self->{excluded_sources}{ $entry{origin} };
	# A record that names a school is about a time there.
	$entry{sc} = 0
	  if $entry{source} ne 'PGM'
	  || $stay->{end} ne '' && $start gt $stay->{end}
	  || $entry{end} ne '' && $entry{end} lt $stay->{start};
	return \%entry;
}

sub school_number
{
	my ($self, $stay) = @_;
	my ($school) =
	  grep { $_->{cds} eq $stay->{school} } $self->{district}->all_schools;
	return $school->{sc};
}

# 504 plans and gifted students can stand in two tables, which the same
# student does not fill both here (see write_noise).
sub source_of
{
	my ($program) = @_;
	return 'FRE' if is_meal($program);
	return pick('FOF', 'PGM') if $program eq '101';
	return pick('GTE', 'PGM') if $program eq '127';
	return 'PGM';
}

# Meals begin in the school year; eligibility may be much older than the
# enrollment; nothing begins before birth, nor a language program before it
# was invented.
sub random_start
{
	my ($program, $stay, $student) = @_;
	my $days =
	  is_meal($program)              ? between(-20, 90)
	  : is_participation($program)   ? pick(0, 0, 0, between(-60, 90))
	  :                                pick(0, between(-30, 60), -between(0, 900));
	my $start = add_days($stay->{start}, $days);
	my $birth = $student->{person}{student_birth_date};
	$start = $birth if $program eq '192' && chance(0.2);
	$start = add_days($birth, 30) if $start le $birth && $program ne '192';
	return $start;
}

sub random_end
{
	my ($start, $stay) = @_;
	return '' if chance(0.55);
	return $stay->{end} if $stay->{end} ge $start && chance(0.3);
	return add_days($start, pick(0, between(1, 60), between(60, 250), between(200, 700)));
}

sub details_of
{
	my ($program) = @_;
	my %details = (type => '', dwelling => '', unaccompanied => '', runaway => '');
	$details{type} = pick('04', '11', '18')     if $program eq '122';
	$details{type} = pick('A0012', '00417')     if $program eq '113';
	return %details if $program ne '191';
	return (%details,
		dwelling      => pick(qw(100 110 120 130)),
		unaccompanied => pick('Y', 'N', 'N'),
		runaway       => pick('Y', 'N', 'N', 'N', ''));
}

# Which of two records of a program is the wrong one, nobody could say.
sub break_one
{
	my ($student, @entries) = @_;
	my @reported = grep { !$_->{unreported} } @entries;
	my %count;
	$count{ $_->{program} }++ for @reported;
	my @alone = grep { $count{ $_->{program} } == 1 } @reported;
	return unless @alone;
	my $entry = pick(@alone);
	return break_entry($entry)
	  if $entry->{takes_part} || is_meal($entry->{program}) || chance(0.5);
	return start_too_early($student, $entry);
}

# The record starts before there was such a program, which the SIS can tell; or
# no later than its student, so that CALPADS would refuse what follows from it.
sub start_too_early
{
	my ($student, $entry) = @_;
	my $birth = $student->{person}{student_birth_date};
	if ($entry->{program} =~ /\A30/ && $birth lt '20190601')
	{
		$entry->{start}  = '20190630';
		$entry->{broken} = 1;
		return;
	}
	return if $entry->{program} =~ /\A30/;
	return if $entry->{program} eq '193' && $birth lt '20200701';
	$entry->{start} = $entry->{program} eq '192' ? add_days($birth, -1) : $birth;
	$entry->{refused} = 1;
	return;
}

# A mistake of a clerk: nothing of the record can be sent.
sub break_entry
{
	my ($entry) = @_;
	my $program = $entry->{program};
	$entry->{broken} = 1;
	return $entry->{dwelling} = '' if $program eq '191';
	return $entry->{type} = '' if $program =~ /\A1(?:22|13)\z/;
	$entry->{end} = add_days($entry->{start}, -between(1, 9));
	return;
}

#----------------------------------------------------------------------
# The two pictures
#----------------------------------------------------------------------

# The rows that CALPADS should hold in the end.
sub target
{
	my ($self) = @_;
	return map { $self->rows_of($_, 0) } $self->students;
}

# Rows of records that have a mistake: broken, or such that CALPADS would
# refuse them.
sub held
{
	my ($self) = @_;
	return map { $self->rows_of($_, 1) } $self->students;
}

# In the order of their numbers.
sub students
{
	my ($self) = @_;
	my $students = $self->{of_student};
	return map { $students->{$_} } sort { $a <=> $b } keys %$students;
}

sub rows_of
{
	my ($self, $of_student, $broken) = @_;
	my ($student, $entries) = @$of_student{qw(student entries)};
	return grep { ($_->{broken} || $_->{refused}) == $broken }
	  expected_rows($self->{district}, $student, @$entries);
}

# Puts rows into CALPADS, as far behind the truth as it lags.
sub baseline
{
	my ($self, $calpads) = @_;
	srand $self->{district}{seed} + 5;
	for my $of_student ($self->students)
	{
		my $student = $of_student->{student};
		my ($rows, $lags) = lagging_programs($self->{district}, $calpads, $student,
			$self->rows_of($of_student, 0));
		$calpads->programs->store_rows(@$rows);
		$of_student->{lags} = $lags;
	}
	return;
}

# True when the SIS has a student at selected schools only before the years of
# the comparison: there is nothing more to be said.
sub is_gone
{
	my ($self, $ssid) = @_;
	my $district  = $self->{district};
	my ($student) = grep { $_->{ssid} eq $ssid } @{ $district->{students} };
	my @stays     = stays_of($district, $student);
	return @stays && !grep { $_->{start} ge $district->window_start } @stays;
}

sub lags_of
{
	my ($self, $student) = @_;
	return $self->{of_student}{ $student->{number} }{lags} // '';
}

#----------------------------------------------------------------------
# SQL
#----------------------------------------------------------------------

# A psql script that fills the program tables.
sub script
{
	my ($self) = @_;
	srand $self->{district}{seed} + 4;
	$self->{tables} = { map { $_ => [] } qw(pgm fre fof gte xrf) };
	$self->write_translations if $self->{translated};
	for my $of_student ($self->students)
	{
		my $id = $of_student->{student}{person}{local_student_id};
		my @entries = @{ $of_student->{entries} };
		$self->write_entry($id, $_, 'f') for @entries;
		$self->write_noise($id, @entries);
	}
	my $tables = $self->{tables};
	return join '', (map { copy_command("sis.$_", $tables->{$_}) } sort keys %$tables),
	  "ANALYZE;\n";
}

sub put
{
	my ($self, $table, %row) = @_;
	push @{ $self->{tables}{$table} }, \%row;
	return;
}

sub write_entry
{
	my ($self, $id, $entry, $deleted) = @_;
	my %writer = (
		PGM => \&write_pgm,
		FRE => \&write_fre,
		FOF => \&write_fof,
		GTE => \&write_gte);
	return $writer{ $entry->{source} }->($self, $id, $entry, $deleted);
}

# The days of the other membership mean nothing.
sub write_pgm
{
	my ($self, $id, $entry, $deleted) = @_;
	my @days  = ($entry->{start}, $entry->{end} || undef);
	my @other = chance(0.3) ? (add_days($days[0], -50), undef) : (undef, undef);
	my ($participation, $eligibility) =
	  $entry->{takes_part} ? (\@days, \@other) : (\@other, \@days);
	$self->put(
		'pgm',
		pid => $id,
		sq  => ++$self->{sequence},
		cd  => $entry->{program} . pick('', ' '),
		psd => $participation->[0],
		ped => $participation->[1],
		esd => $eligibility->[0],
		eed => $eligibility->[1],
		scl => $entry->{sc} || pick(0, 0, undef),
		hdt => or_blank($entry->{dwelling}),
		uy  => or_blank($entry->{unaccompanied}),
		ry  => or_blank($entry->{runaway}),
		ty  => or_blank($entry->{type}),
		del => $deleted);
	return;
}

sub or_blank
{
	my ($value) = @_;
	return $value eq '' ? pick('', ' ', undef) : $value;
}

sub write_fre
{
	my ($self, $id, $entry, $deleted) = @_;
	my %local = $self->{translated} ? (181 => 'A', 182 => 'B') : (181 => 'F', 182 => 'R');
	$self->put(
		'fre',
		id  => $id,
		cd  => $local{ $entry->{program} } // 'P',
		esd => $entry->{start},
		eed => $entry->{end} || undef,
		src => or_blank($entry->{origin}),
		del => $deleted);
	return;
}

sub write_fof
{
	my ($self, $id, $entry, $deleted) = @_;
	$self->put(
		'fof',
		id  => $id,
		sq  => ++$self->{sequence},
		sd  => $entry->{start},
		ed  => $entry->{end} || undef,
		del => $deleted);
	return;
}

sub write_gte
{
	my ($self, $id, $entry) = @_;
	$self->put('gte', id => $id, esd => $entry->{start}, eed => $entry->{end} || undef);
	return;
}

sub write_translations
{
	my ($self) = @_;
	my %codes = (A => '181', B => '182');
	$self->put('xrf', tc => 'CLPD', sc => 0, tc1 => 'FRE', fc1 => 'CD',
		cd1 => $_, cd => $codes{$_}, del => 'f')
	  for sort keys %codes;
	return;
}

# Records that say nothing: deleted ones, programs that are not reported, meals
# that are paid, and PGM where FOF or GTE wins.
sub write_noise
{
	my ($self, $id, @entries) = @_;
	for my $entry (grep { $_->{source} ne 'GTE' } @entries)
	{
		$self->write_entry($id, { %$entry, start => add_days($entry->{start}, 3) }, 't')
		  if chance(0.08);
	}
	my ($first) = @entries or return;
	$self->write_entry($id, { %$first, source => 'PGM', sc => 0, program => pick(@NOISE) }, 'f')
	  if chance(0.1);
	$self->write_entry($id, { %$first, source => 'FRE', program => 'P' }, 'f')
	  if chance(0.1);
	for my $wins (grep { $_->{source} =~ /\A(?:FOF|GTE)\z/ } @entries)
	{
		$self->write_entry($id,
			{ %$wins, source => 'PGM', sc => 0, start => add_days($wins->{start}, 5) }, 'f')
		  if chance(0.4);
	}
	return;
}

1;
