package ProgramStandIn;

# The student programs of the stand-in for CALPADS: it holds SPRG rows beside
# the enrollments of a CalpadsStandIn, takes SPRG files, refuses or posts them,
# closes programs when an enrollment ends, and hands out SPRG ODS extracts.
#
# Written from sinf_sela_sprg.md sections 1 and 4 and the SPRG rows of
# sinf_sela_sprg_validations.tsv alone; shares nothing with the extension.
#
#     my $programs = $calpads->programs;
#     my @refused  = $programs->post_file($bytes, $lea);   # () = posted
#     my $bytes    = $programs->ods_extract(lea => $lea);
#
# As with enrollments, each record of a file is judged against the state before
# the file, and one refused record refuses the file.

use strict;
use warnings;
use parent qw(StandIn);
use Encode qw(decode);
use Scalar::Util qw(weaken);
use CalendarDay qw(add_days day_number school_year academic_year);
use ProgramRecord qw(@PROGRAM_FIELDS program_line program_key is_program
  program_years
  is_participation is_meal is_retired);
use StandIn qw(encoded_lines is_deletion judge_value refusal);

# An end after all days.
my $NEVER = '99999999';

# enrollments: the CalpadsStandIn, which knows today, schools and encoding, and
# owns the programs.
sub new
{
	my ($class, $enrollments) = @_;
	my $self = bless { enrollments => $enrollments, rows => {} }, $class;
	weaken($self->{enrollments});
	return $self;
}

#----------------------------------------------------------------------
# The state
#----------------------------------------------------------------------

sub key_of
{
	my ($self, $row) = @_;
	return program_key($row);
}

# The same programs beside other enrollments.
sub copy
{
	my ($self, $enrollments) = @_;
	my $copy = ref($self)->new($enrollments);
	$copy->store_rows($self->rows);
	return $copy;
}

# The SPRG ODS extract of one LEA as bytes: 28 fields, no header; 3.14 is
# filled.  Options: lea (required), schools (array ref, default all).
sub ods_extract
{
	my ($self, %options) = @_;
	my $chosen = $options{schools} && { map { $_ => 1 } @{ $options{schools} } };
	my @lines;
	for my $row ($self->rows)
	{
		next if $row->{reporting_lea} ne $options{lea};
		next if $chosen && !$chosen->{ $row->{school_of_attendance} };
		my %extract = (
			%$row,
			record_type_code                  => 'SPRG-R',
			education_program_membership_code =>
			  is_participation($row->{education_program_code}) ? 3 : 1,
		);
		push @lines, join '^', program_line(\%extract),
		  ($self->{enrollments}{today}) x 2;
	}
	return encoded_lines($self->{enrollments}{encoding}, @lines);
}

#----------------------------------------------------------------------
# What CALPADS closes by itself (sections 4.1 and 4.2)
#----------------------------------------------------------------------

# An enrollment was posted with an exit: open meals end with every exit but
# E150, open participation with every exit but E150 and E155; eligibility
# stays.  An N470 row is no exit from a school where the student was.
sub close_at_exit
{
	my ($self, $enrollment) = @_;
	my ($exit, $reason) =
	  @$enrollment{qw(enrollment_exit_date student_exit_reason_code)};
	return if $exit eq '' || $reason =~ /\A(?:E150|N470)\z/;
	for my $row ($self->rows($enrollment->{ssid}))
	{
		next if $row->{education_program_membership_end_date} ne '';
		next if $row->{school_of_attendance} ne $enrollment->{school_of_attendance};
		next if start_of($row) gt $exit;
		next unless closes_with($row, $reason);
		$row->{education_program_membership_end_date} = $exit;
	}
	return;
}

sub closes_with
{
	my ($row, $reason) = @_;
	my $program = $row->{education_program_code};
	return 1 if is_meal($program);
	return is_participation($program) && $reason ne 'E155';
}

sub start_of
{
	my ($row) = @_;
	return $row->{education_program_membership_start_date};
}

sub end_of
{
	my ($row) = @_;
	return $row->{education_program_membership_end_date};
}

#----------------------------------------------------------------------
# Posting a file
#----------------------------------------------------------------------

sub judge
{
	my ($self, $records, $lea) = @_;
	my %seen;
	my @twice = map { refusal($_, 'IVR0034', 'same key twice') }
	  grep { $seen{"$_->{ssid} " . program_key($_)}++ } @$records;
	return (@twice, map { $self->judge_record($_, $lea) } @$records);
}

# A record that is stored replaces all of an older one: a blank blanks.
sub apply
{
	my ($self, $records) = @_;
	for my $record (@$records)
	{
		my $of_student = $self->{rows}{ $record->{ssid} } //= {};
		if (is_deletion($record))
		{
			delete $of_student->{ program_key($record) };
			next;
		}
		my %row = map { $_ => $record->{$_} } @PROGRAM_FIELDS;
		@row{qw(transaction_type_code education_program_membership_code)} = ('', '');
		$of_student->{ program_key($record) } = \%row;
	}
	return;
}

# Bytes into records: (records, refusals).  Exactly 26 fields, CR LF after
# every record, no header.
sub read_file
{
	my ($self, $bytes) = @_;
	my $encoding = $self->{enrollments}{encoding};
	my $text     = eval {
		decode($encoding, $bytes, Encode::FB_CROAK | Encode::LEAVE_SRC);
	};
	return ([], refusal(0, 'FRMT0004', "not in $encoding"))
	  unless defined $text;
	return ([], refusal(0, 'FILE', 'empty, or no CR LF at the end'))
	  unless $text =~ /\r\n\z/;
	my (@records, @refused);
	my $line_no = 0;
	for my $line (split /\r\n/, substr($text, 0, -2), -1)
	{
		my @values = split /\^/, $line, -1;
		my %record = (line => ++$line_no);
		@record{@PROGRAM_FIELDS} = @values;
		push @records, \%record;
		push @refused, refusal($line_no, 'FILE', 'CR or LF inside a record')
		  if $line =~ /[\r\n]/;
		push @refused, refusal($line_no, 'FILE', scalar(@values) . ' fields')
		  if @values != @PROGRAM_FIELDS;
	}
	return (\@records, @refused);
}

#----------------------------------------------------------------------
# Rules of one record
#----------------------------------------------------------------------

# R would wipe more than one row (section 1): it is not taken.
sub judge_format
{
	my ($self, $record) = @_;
	my @refused;
	push @refused, refusal($record, 'FILE', 'record type is not SPRG')
	  if $record->{record_type_code} ne 'SPRG';
	push @refused, refusal($record, 'GERR0008', 'transaction type')
	  if $record->{transaction_type_code} !~ /\A[AD ]?\z/;
	return @refused, map { judge_field($record, $_) } @ProgramRecord::LAYOUT;
}

sub judge_field
{
	my ($record, $field) = @_;
	my ($name, $length, $kind, $required) = @$field;
	my $value = $record->{$name};
	if ($value =~ /\A *\z/)
	{
		return $required ? refusal($record, 'GERR0001', "$name is blank") : ();
	}
	return refusal($record, 'FILLER', "$name is not blank") if $kind eq 'void';
	my @refused = judge_value($record, $name, $length, $kind);
	return @refused if @refused;
	return refusal($record, 'IVR0006', "$name is no academic year")
	  if $kind eq 'year' && !($value =~ /\A(\d{4})-(\d{4})\z/a && $2 == $1 + 1);
	return;
}

sub program_of
{
	return $_->{education_program_code};
}

# A field belongs to one program: filled with it, blank with all others.
sub only_with
{
	my ($program, $field) = @_;
	return sub { ($_->{$field} ne '') != (program_of() eq $program) };
}

# Rules that look at the record alone: [rule number, text, true when broken].
# They are not applied to deletions.
my @CONTENT_RULES = (
	[   'END_BEFORE_START', 'end before start',
		sub { end_of($_) ne '' && end_of($_) lt start_of($_) }
	],
	[   'START_BEFORE_BIRTH', 'start not after birth',
		sub {
			program_of() eq '192'
			  ? start_of($_) lt $_->{student_birth_date}
			  : start_of($_) le $_->{student_birth_date};
		}
	],
	[   'START_TOO_FAR', 'start more than six months ahead',
		sub { start_of($_) gt add_days($_[0]{enrollments}{today}, 184) }
	],
	[ 'SPRG0081', 'service code', only_with('122', 'education_service_code') ],
	[   'SPRG0168', 'service year',
		only_with('122', 'education_service_academic_year')
	],
	[   'ACADEMY', 'academy ID',
		only_with('113', 'california_partnership_academy_id')
	],
	[ 'MIGRANT', 'migrant ID', only_with('135', 'migrant_student_id') ],
	[ 'HOMELESS', 'dwelling type', only_with('191', 'homeless_dwelling_type_code') ],
	[   'HOMELESS', 'unaccompanied youth',
		only_with('191', 'unaccompanied_youth_indicator')
	],
	[ 'HOMELESS', 'runaway youth', only_with('191', 'runaway_youth_indicator') ],
	[   'GERR0002', 'dwelling type',
		sub { $_->{homeless_dwelling_type_code} !~ /\A(?:100|110|120|130)?\z/ }
	],
	[   'GERR0002', 'indicator',
		sub {
			grep { !/\A[YN]?\z/ }
			  @$_{qw(unaccompanied_youth_indicator runaway_youth_indicator)};
		}
	],
	[   'RUNAWAY', 'a runaway is unaccompanied',
		sub {
			$_->{runaway_youth_indicator} eq 'Y'
			  && $_->{unaccompanied_youth_indicator} ne 'Y';
		}
	],
	[   'SPRG0645F1', 'meals span academic years',
		sub {
			is_meal(program_of())
			  && end_of($_) ne ''
			  && academic_year(day_number(end_of($_))) ne
			  academic_year(day_number(start_of($_)));
		}
	],
	[   'IVR0006', 'academic year too far ahead',
		sub {
			substr($_->{academic_year_id}, 0, 4) >
			  school_year(day_number($_[0]{enrollments}{today})) + 1;
		}
	],
);

sub judge_content
{
	my ($self, $record, $lea) = @_;
	my @refused = $self->judge_places($record, $lea);
	return @refused if @refused || is_deletion($record);
	@refused = $self->judge_program($record);
	return @refused if @refused;
	for my $rule (@CONTENT_RULES)
	{
		my ($number, $text, $broken) = @$rule;
		local $_ = $record;
		push @refused, refusal($record, $number, $text) if $broken->($self);
	}
	return @refused;
}

sub judge_places
{
	my ($self, $record, $lea) = @_;
	my @refused;
	push @refused, refusal($record, 'IVR0001', 'another reporting LEA')
	  if $record->{reporting_lea} ne $lea;
	push @refused, refusal($record, 'IVR0002', 'school not of this LEA')
	  unless $self->{enrollments}->school_belongs($record);
	return @refused;
}

# The program exists, has begun when the record starts, and is not retired.
sub judge_program
{
	my ($self, $record) = @_;
	my $program = $record->{education_program_code};
	return refusal($record, 'GERR0002', "no program $program")
	  unless is_program($program);
	my ($first) = program_years($program);
	my $today = school_year(day_number($self->{enrollments}{today}));
	return refusal($record, 'GERR0007', "program $program is retired")
	  if is_retired($program, $today);
	return refusal($record, 'GERR0007', "program $program had not begun")
	  if defined $first && start_of($record) lt "${first}0701";
	return;
}

#----------------------------------------------------------------------
# Rules of a record against the state before the file
#----------------------------------------------------------------------

sub judge_against_state
{
	my ($self, $record) = @_;
	return refusal($record, 'IVR0007', 'SSID not known')
	  unless $self->{enrollments}{students}{ $record->{ssid} };
	return $self->judge_deletion($record) if is_deletion($record);
	return ($self->judge_enrollment($record), $self->judge_beside($record));
}

sub judge_deletion
{
	my ($self, $record) = @_;
	my $row = $self->{rows}{ $record->{ssid} }{ program_key($record) };
	return if $row && $row->{reporting_lea} eq $record->{reporting_lea};
	return refusal($record, 'NO_SUCH_ROW', 'there is no such row to delete');
}

# GERR0005.  Participation lies inside the enrollments at the school, without
# a gap; eligibility overlaps one of them and does not end after it.
# left_open: a row may be open where CALPADS itself has left it open (E155).
sub judge_enrollment
{
	my ($self, $record, %options) = @_;
	my @enrollments = grep {
		     $_->{school_of_attendance} eq $record->{school_of_attendance}
		  && $_->{reporting_lea} eq $record->{reporting_lea}
		  && $_->{student_exit_reason_code} ne 'N470'
	} $self->{enrollments}->rows($record->{ssid});
	my $fits =
	  is_participation($record->{education_program_code})
	  ? is_covered($record, \%options, @enrollments)
	  : grep { holds_eligibility($_, $record) } @enrollments;
	return if $fits;
	return refusal($record, 'GERR0005', 'no enrollment at the school for it');
}

sub is_covered
{
	my ($record, $options, @enrollments) = @_;
	my $from = start_of($record);
	my $to   = end_of($record) || $NEVER;
	for my $enrollment (sort { from($a) cmp from($b) } @enrollments)
	{
		next if from($enrollment) gt $from;
		my $exit = $enrollment->{enrollment_exit_date} || $NEVER;
		next if $exit lt $from;
		return 1 if $exit ge $to;
		return 1
		  if $options->{left_open}
		  && $to eq $NEVER
		  && $enrollment->{student_exit_reason_code} eq 'E155';
		$from = add_days($exit, 1);
	}
	return 0;
}

sub from
{
	return $_[0]{enrollment_start_date};
}

sub holds_eligibility
{
	my ($enrollment, $record) = @_;
	my ($from, $exit) = @$enrollment{qw(enrollment_start_date enrollment_exit_date)};
	my $end = end_of($record);
	return 0 if $exit ne '' && start_of($record) gt $exit;
	return 1 if $end eq '';
	return $end ge $from && ($exit eq '' || $end le $exit);
}

# SPRG0070 for participation; one open row of a program at a school.  Several
# services of program 122 stand beside each other.
sub judge_beside
{
	my ($self, $record) = @_;
	my @refused;
	for my $other ($self->rows($record->{ssid}))
	{
		next if program_key($other) eq program_key($record);
		next if grep { $other->{$_} ne $record->{$_} }
		  qw(school_of_attendance education_program_code education_service_code);
		push @refused, judge_pair($record, $other);
	}
	return @refused;
}

sub judge_pair
{
	my ($record, $other) = @_;
	my $beside = 'beside ' . program_key($other) . ' to ' . (end_of($other) || '-');
	return refusal($record, 'SPRG0070', "overlap $beside")
	  if is_participation($record->{education_program_code})
	  && !ends_before($record, $other)
	  && !ends_before($other, $record);
	return refusal($record, 'OPEN_TWICE', "second open row $beside")
	  if end_of($record) eq '' && end_of($other) eq '';
	return;
}

sub ends_before
{
	my ($one, $other) = @_;
	return end_of($one) ne '' && end_of($one) lt start_of($other);
}

# What the rows of a student break among themselves and against the
# enrollments: refusals as of a file that sends each again.
sub state_problems
{
	my ($self, $ssid) = @_;
	return map {
		($self->judge_enrollment($_, left_open => 1), $self->judge_beside($_))
	}
	  map { { %$_, line => 0 } } $self->rows($ssid);
}

1;
