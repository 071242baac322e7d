package CalpadsStandIn;

# A stand-in for CALPADS: it holds enrollments, takes SENR files, refuses or
# posts them, and hands out SENR ODS extracts.
#
# It is written from senr.md and senr_validations.tsv alone and shares nothing
# with the extension, so that a mistake of one is not repeated by the other.
# Where the sources leave two readings, the stricter one is taken.
#
#     my $calpads = CalpadsStandIn->new(today => '20241015');
#     $calpads->add_student('1234567890', gender => 'F', birth_date => '20100203');
#     my @refused = $calpads->post_file($bytes, $lea);   # () = posted
#     my $bytes   = $calpads->ods_extract(lea => $lea);
#
# A record is a hash: field name => text, '' when blank.  Every record of a
# file is judged against the state as it was before the file; one refused
# record refuses the file, and nothing of it is stored.

use strict;
use warnings;
use parent qw(StandIn);
use Encode qw(decode);
use Exporter qw(import);
use CalendarDay qw(day_number age_on school_year academic_year day_of);
use CalpadsCodes qw(code_problem grade_fits_exit grade_fits_completion);
use ProgramStandIn;
use StandIn qw(encoded_lines is_deletion judge_value refusal);

our @EXPORT_OK =
  qw(@FIELDS @COMPARED_FIELDS record_line row_key is_inert);

# name, greatest length (0 = not checked), kind, required
my @LAYOUT = (
	[ 'record_type_code',                                  4,   'code', 1 ],
	[ 'transaction_type_code',                             1,   'code', 0 ],
	[ 'local_record_id',                                   255, 'text', 0 ],
	[ 'reporting_lea',                                     7,   'cds',  1 ],
	[ 'school_of_attendance',                              7,   'cds',  1 ],
	[ 'school_of_attendance_nps',                          7,   'cds',  0 ],
	[ 'academic_year_id',                                  9,   'code', 1 ],
	[ 'ssid',                                              10,  'code', 1 ],
	[ 'local_student_id',                                  16,  'text', 1 ],
	[ 'student_legal_first_name',                          30,  'text', 1 ],
	[ 'student_legal_middle_name',                         30,  'text', 0 ],
	[ 'student_legal_last_name',                           50,  'text', 1 ],
	[ 'student_legal_name_suffix_code',                    3,   'code', 0 ],
	[ 'student_alias_first_name',                          30,  'text', 0 ],
	[ 'student_alias_middle_name',                         30,  'text', 0 ],
	[ 'student_alias_last_name',                           50,  'text', 0 ],
	[ 'student_birth_date',                                8,   'date', 1 ],
	[ 'student_gender_code',                               1,   'code', 1 ],
	[ 'student_birth_city',                                30,  'text', 0 ],
	[ 'student_birth_state_province_code',                 6,   'code', 0 ],
	[ 'student_birth_country_code',                        2,   'code', 0 ],
	[ 'enrollment_start_date',                             8,   'date', 1 ],
	[ 'enrollment_status_code',                            2,   'code', 1 ],
	[ 'grade_level_code',                                  2,   'code', 1 ],
	[ 'enrollment_exit_date',                              8,   'date', 0 ],
	[ 'student_exit_reason_code',                          4,   'code', 0 ],
	[ 'student_school_completion_status',                  3,   'code', 0 ],
	[ 'expected_receiver_school_of_attendance',            7,   'cds',  0 ],
	[ 'student_met_all_uc_csu_requirements_indicator',     1,   'code', 0 ],
	[ 'student_school_transfer_code',                      1,   'code', 0 ],
	[ 'district_of_geographic_residence_code',             7,   'cds',  0 ],
	[ 'student_golden_state_seal_merit_diploma_indicator', 1,   'code', 0 ],
	[ 'student_seal_of_biliteracy_indicator',              1,   'code', 0 ],
	[ 'adult_age_students_with_disabilities_in_transition_status', 1, 'code', 0 ],
	[ 'graduation_exemption_indicator',                    1,   'code', 0 ],
);

our @FIELDS = map { $_->[0] } @LAYOUT;

# Fields 1.06 and 1.23 to 1.35: what makes two rows of one key different.
our @COMPARED_FIELDS = ($FIELDS[5], @FIELDS[ 22 .. 34 ]);

my @KEY_FIELDS = qw(school_of_attendance ssid enrollment_start_date);

#----------------------------------------------------------------------
# Records and their keys
#----------------------------------------------------------------------

# The key of a row inside its student: school of attendance and start date.
sub row_key
{
	my ($row) = @_;
	return "$row->{school_of_attendance} $row->{enrollment_start_date}";
}

# The caret line of a record, without its line end.
sub record_line
{
	my ($row) = @_;
	return join '^', map { $row->{$_} } @FIELDS;
}

sub is_no_show
{
	my ($row) = @_;
	return $row->{student_exit_reason_code} eq 'N470';
}

# An N470 row that ends at or before its start: what is left of a row that
# could not be deleted (senr.md section 6).
sub is_inert
{
	my ($row) = @_;
	return is_no_show($row)
	  && $row->{enrollment_exit_date} le $row->{enrollment_start_date};
}

# Closed intervals; an open row never ends; N470 rows are empty.
sub overlaps
{
	my ($one, $other) = @_;
	return 0 if is_no_show($one) || is_no_show($other);
	return ends_before($one, $other) || ends_before($other, $one) ? 0 : 1;
}

sub ends_before
{
	my ($one, $other) = @_;
	return $one->{enrollment_exit_date} ne ''
	  && $one->{enrollment_exit_date} lt $other->{enrollment_start_date};
}

sub same_school
{
	my ($one, $other) = @_;
	return $one->{school_of_attendance} eq $other->{school_of_attendance}
	  && $one->{reporting_lea} eq $other->{reporting_lea};
}

#----------------------------------------------------------------------
# Making and reading the stand-in
#----------------------------------------------------------------------

# Options: today (CCYYMMDD, required), encoding ('UTF-8' or 'cp1252'),
# schools (school => its LEA), nps_schools and open_districts (array refs);
# what is not given is not checked.
sub new
{
	my ($class, %options) = @_;
	my $self = {
		encoding => 'UTF-8',
		%options,
		students => {},
		rows     => {},
	};
	for my $list (qw(nps_schools open_districts))
	{
		next unless $self->{$list};
		$self->{$list} = { map { $_ => 1 } @{ $self->{$list} } };
	}
	$self->{programs} = ProgramStandIn->new($self);
	return bless $self, $class;
}

# The student programs (SPRG), which CALPADS holds beside the enrollments.
sub programs
{
	my ($self) = @_;
	return $self->{programs};
}

# Makes an SSID known; demographics: gender, birth_date (CCYYMMDD).
sub add_student
{
	my ($self, $ssid, %demographics) = @_;
	$self->{students}{$ssid} = {%demographics};
	return;
}

sub key_of
{
	my ($self, $row) = @_;
	return row_key($row);
}

# An independent stand-in in the same state.
sub copy
{
	my ($self) = @_;
	my $copy = bless {%$self}, ref $self;
	$copy->{rows} = {};
	$copy->store_rows($self->rows);
	$copy->{programs} = $self->programs->copy($copy);
	return $copy;
}

# The SENR ODS extract of one LEA as bytes: 37 fields, no header.  Options:
# lea (required), schools (array ref, default all), from (CCYYMMDD: rows that
# start earlier are left out).
sub ods_extract
{
	my ($self, %options) = @_;
	my $chosen = $options{schools}
	  && { map { $_ => 1 } @{ $options{schools} } };
	my @lines;
	for my $row ($self->rows)
	{
		next if $row->{reporting_lea} ne $options{lea};
		next if $chosen && !$chosen->{ $row->{school_of_attendance} };
		next if $row->{enrollment_start_date} lt ($options{from} // '');
		my %extract = (%$row, record_type_code => 'SENR-R');
		push @lines, join '^', record_line(\%extract), ($self->{today}) x 2;
	}
	return encoded_lines($self->{encoding}, @lines);
}

#----------------------------------------------------------------------
# Posting a file
#----------------------------------------------------------------------

# Refusals of the records of a file against the present state.
sub judge
{
	my ($self, $records, $lea) = @_;
	my @refused = map { $self->judge_record($_, $lea) } @$records;
	return @refused ? @refused : $self->judge_file($records);
}

sub apply
{
	my ($self, $records) = @_;
	for my $record (@$records)
	{
		my $of_student = $self->{rows}{ $record->{ssid} } //= {};
		if (is_deletion($record))
		{
			delete $of_student->{ row_key($record) };
			next;
		}
		my %row = map { $_ => $record->{$_} } @FIELDS;
		$row{transaction_type_code} = '';
		my $before = $of_student->{ row_key($record) };
		$of_student->{ row_key($record) } = \%row;
		$self->programs->close_at_exit(\%row) if exit_changes($before, \%row);
	}
	return;
}

sub exit_changes
{
	my ($before, $after) = @_;
	return 1 unless $before;
	return grep { $before->{$_} ne $after->{$_} }
	  qw(enrollment_exit_date student_exit_reason_code);
}

# Bytes into records: (records, refusals).  Every record ends with CR LF and
# holds 34 carets; quotes are data.
sub read_file
{
	my ($self, $bytes) = @_;
	my $text = eval {
		decode($self->{encoding}, $bytes, Encode::FB_CROAK | Encode::LEAVE_SRC);
	};
	return ([], refusal(0, 'FRMT0004', "not in $self->{encoding}"))
	  unless defined $text;
	return ([], refusal(0, 'FILE', 'empty file')) if $text eq '';
	return ([], refusal(0, 'FILE', 'last record does not end with CR LF'))
	  unless $text =~ /\r\n\z/;

	my (@records, @refused);
	my $line_no = 0;
	for my $line (split /\r\n/, substr($text, 0, -2), -1)
	{
		my ($record, @wrong) = read_record($line, ++$line_no);
		push @records, $record;
		push @refused, @wrong;
	}
	return (\@records, @refused);
}

sub read_record
{
	my ($line, $line_no) = @_;
	return (undef, refusal($line_no, 'FILE', 'CR or LF inside a record'))
	  if $line =~ /[\r\n]/;
	my @values = split /\^/, $line, -1;
	return (undef,
		refusal($line_no, 'FILE', scalar(@values) . ' fields, 35 expected'))
	  if @values != @FIELDS;
	my %record = (line => $line_no);
	@record{@FIELDS} = @values;
	$record{transaction_type_code} = ''
	  if $record{transaction_type_code} eq ' ';
	return (\%record);
}

#----------------------------------------------------------------------
# Rules of one record
#----------------------------------------------------------------------

# Length, dates, characters, required fields and the transaction type.
sub judge_format
{
	my ($self, $record) = @_;
	my @refused;
	push @refused, refusal($record, 'FILE', 'record type is not SENR')
	  if $record->{record_type_code} ne 'SENR';
	push @refused, refusal($record, 'GERR0008', 'transaction type')
	  if $record->{transaction_type_code} !~ /\A[ADR]?\z/;
	return @refused, map { judge_field($record, $_) } @LAYOUT;
}

sub judge_field
{
	my ($record, $field) = @_;
	my ($name, $length, $kind, $required) = @$field;
	return judge_blank($record, $name, $required) if $record->{$name} =~ /\A *\z/;
	return judge_value($record, $name, $length, $kind);
}

sub judge_blank
{
	my ($record, $name, $required) = @_;
	return unless $required;
	return refusal($record, 'SENR0032', 'no SSID')
	  if $name eq 'ssid' && $record->{transaction_type_code} =~ /[DR]/;
	return if is_deletion($record) && !grep { $_ eq $name } @KEY_FIELDS;
	return refusal($record, 'GERR0001', "$name is blank");
}

# Rules that look at the record alone: [rule number, text, true when broken].
# They are not applied to deletions.
my @CONTENT_RULES = (
	[   'SENR0003',
		'an NPS code needs school 0000001',
		sub {
			$_->{school_of_attendance_nps} ne ''
			  && $_->{school_of_attendance} ne '0000001';
		}
	],
	[   'SENR0004',
		'school 0000001 needs an NPS code',
		sub {
			$_->{school_of_attendance_nps} eq ''
			  && $_->{school_of_attendance} eq '0000001';
		}
	],
	[   'SENR0006',
		'academic year',
		sub { !valid_academic_year($_, $_[0]) }
	],
	[   'SENR0018',
		'exit date does not fit the exit reason',
		sub { !exit_date_fits($_) }
	],
	[   'EXIT_PAIR',
		'exit date and exit reason go together',
		sub {
			($_->{enrollment_exit_date} eq '') !=
			  ($_->{student_exit_reason_code} eq '');
		}
	],
	[   'SENR0022',
		'a completion status goes only with E230',
		sub {
			$_->{student_school_completion_status} =~ /\A(?!100)./
			  && $_->{student_exit_reason_code} ne 'E230';
		}
	],
	[   'SENR0175',
		'completion 100 needs E230',
		sub { graduates($_) && $_->{student_exit_reason_code} ne 'E230' }
	],
	[   'E230_COMPLETION',
		'E230 needs a completion status',
		sub {
			$_->{student_exit_reason_code} eq 'E230'
			  && $_->{student_school_completion_status} eq '';
		}
	],
	[   'EXIT_GRADE',
		'exit reason not valid for the grade',
		sub {
			$_->{student_exit_reason_code} ne ''
			  && !grade_fits_exit(@$_{qw(student_exit_reason_code
				  grade_level_code academic_year_id)});
		}
	],
	[   'COMPLETION_GRADE',
		'completion status not valid for the grade',
		sub {
			$_->{student_school_completion_status} ne ''
			  && !grade_fits_completion(
				@$_{qw(student_school_completion_status grade_level_code)});
		}
	],
	[   'SENR0167',
		'R outside the current academic year',
		sub {
			$_->{transaction_type_code} eq 'R'
			  && academic_year(start_day($_)) ne
			  academic_year(day_number($_[0]{today}));
		}
	],
	[   'SENR0187',
		'short-term enrollment of more than 30 days',
		sub {
			$_->{enrollment_status_code} eq '30'
			  && !is_no_show($_)
			  && $_[0]->days_enrolled($_) > 30;
		}
	],
	[   'SENR0262',
		'age of a kindergarten student',
		sub {
			my $age = age_on(day_number($_->{student_birth_date}), start_day($_));
			$_->{grade_level_code} eq 'KN' && ($age < 4 || $age > 7);
		}
	],
	[   'SENR0302',
		'exit reason of a secondary enrollment',
		sub {
			$_->{enrollment_status_code} eq '20'
			  && $_->{student_exit_reason_code} !~ /\A(?:E170)?\z/;
		}
	],
	[   'SENR0315',
		'Golden State Seal without completion 100',
		sub {
			$_->{student_golden_state_seal_merit_diploma_indicator} eq 'Y'
			  && !graduates($_);
		}
	],
	[   'SENR0316',
		'Seal of Biliteracy without completion 100',
		sub {
			$_->{student_seal_of_biliteracy_indicator} eq 'Y' && !graduates($_);
		}
	],
	[   'SENR0522',
		'exit reason of a non-ADA enrollment',
		sub {
			$_->{enrollment_status_code} eq '50'
			  && $_->{student_exit_reason_code} !~ /\A(?:E170|N470|E150)?\z/;
		}
	],
	[   'SENR0523',
		'E170 needs status 20 or 50',
		sub {
			$_->{student_exit_reason_code} eq 'E170'
			  && $_->{enrollment_status_code} !~ /\A[25]0\z/;
		}
	],
	[   'SENR0622',
		'age of a transitional kindergarten student',
		sub { $_->{grade_level_code} eq 'TK' && age_on_september_first($_) < 4 }
	],
	[   'SENR0630',
		'graduation exemption indicator without completion 100',
		sub { $_->{graduation_exemption_indicator} ne '' && !graduates($_) }
	],
	[   'SENR0632',
		'graduation exemption indicator missing',
		sub {
			graduates($_)
			  && $_->{graduation_exemption_indicator} eq ''
			  && $_->{enrollment_exit_date} gt '20230630';
		}
	],
	[   'SENR0742',
		'academic year does not hold the start date',
		sub { $_->{academic_year_id} ne academic_year(start_day($_)) }
	],
);

sub judge_content
{
	my ($self, $record, $lea) = @_;
	my @refused = $self->judge_places($record, $lea);
	return @refused if is_deletion($record);
	push @refused, judge_codes($record);
	for my $rule (@CONTENT_RULES)
	{
		my ($number, $text, $broken) = @$rule;
		local $_ = $record;
		push @refused, refusal($record, $number, $text) if $broken->($self);
	}
	return @refused;
}

# LEA, school, NPS and district of residence, as far as they are known.
sub judge_places
{
	my ($self, $record, $lea) = @_;
	my @refused;
	push @refused, refusal($record, 'SENR0001', 'another reporting LEA')
	  if $record->{reporting_lea} ne $lea;
	push @refused, refusal($record, 'SENR0002', 'school not of this LEA')
	  unless $self->school_belongs($record);
	return @refused if is_deletion($record);
	my $nps = $record->{school_of_attendance_nps};
	push @refused, refusal($record, 'SENR0005', 'unknown NPS')
	  if $self->{nps_schools} && $nps ne '' && !$self->{nps_schools}{$nps};
	my $residence = $record->{district_of_geographic_residence_code};
	push @refused, refusal($record, 'SENR0192', 'no open district')
	  if $self->{open_districts}
	  && $residence ne ''
	  && !$self->{open_districts}{$residence};
	return @refused;
}

# The codes for NPS and private schools are shared by all LEAs.
sub school_belongs
{
	my ($self, $record) = @_;
	my $school = $record->{school_of_attendance};
	return 1 if !$self->{schools} || $school =~ /\A000000[12]\z/;
	return ($self->{schools}{$school} // '') eq $record->{reporting_lea};
}

sub judge_codes
{
	my ($record) = @_;
	my @refused;
	for my $field (@FIELDS)
	{
		next if $record->{$field} eq '';
		my $rule = code_problem($field, @$record{ $field, 'academic_year_id' })
		  or next;
		push @refused, refusal($record, $rule, "$field $record->{$field}");
	}
	return @refused;
}

sub valid_academic_year
{
	my ($record, $self) = @_;
	$record->{academic_year_id} =~ /\A(\d{4})-(\d{4})\z/a or return 0;
	return 0 if $2 != $1 + 1;
	return $1 <= school_year(day_number($self->{today})) + 1;
}

sub exit_date_fits
{
	my ($record) = @_;
	return 1 if $record->{enrollment_exit_date} eq '';
	my $days = exit_day($record) - start_day($record);
	return is_no_show($record) ? $days == 0 || $days == -1 : $days >= 0;
}

sub age_on_september_first
{
	my ($record) = @_;
	my $birth = day_number($record->{student_birth_date});
	my $year  = substr($record->{academic_year_id}, 0, 4);
	return age_on($birth, day_of($year, 9, 1));
}

sub graduates
{
	my ($row) = @_;
	return $row->{student_school_completion_status} eq '100';
}

sub start_day
{
	my ($row) = @_;
	return day_number($row->{enrollment_start_date});
}

sub exit_day
{
	my ($row) = @_;
	return day_number($row->{enrollment_exit_date});
}

# Days of an enrollment, both ends counted; an open one is counted to today.
sub days_enrolled
{
	my ($self, $row) = @_;
	my $end = $row->{enrollment_exit_date} || $self->{today};
	return day_number($end) - start_day($row) + 1;
}

# Status 10, or 30 for more than 30 days; N470 rows never (SENR0028).
sub is_primary
{
	my ($self, $row) = @_;
	return 0 if is_no_show($row);
	return 1 if $row->{enrollment_status_code} eq '10';
	return $row->{enrollment_status_code} eq '30'
	  && $self->days_enrolled($row) > 30 ? 1 : 0;
}

#----------------------------------------------------------------------
# Rules of a record against the state before the file
#----------------------------------------------------------------------

sub judge_against_state
{
	my ($self, $record) = @_;
	my $student = $self->{students}{ $record->{ssid} }
	  or return refusal($record, 'SENR0007', 'SSID not known');
	my $of_student = $self->{rows}{ $record->{ssid} } // {};
	return judge_deletion($record, $of_student) if is_deletion($record);

	my @refused;
	push @refused, refusal($record, 'SENR0035', 'gender and birth year differ')
	  if demographics_contradict($record, $student);
	for my $key (sort keys %$of_student)
	{
		next if $key eq row_key($record);
		push @refused, $self->judge_pair($record, $of_student->{$key});
	}
	return @refused;
}

sub judge_deletion
{
	my ($record, $of_student) = @_;
	my $row = $of_student->{ row_key($record) };
	return if $row && $row->{reporting_lea} eq $record->{reporting_lea};
	return refusal($record, 'SENR0181', 'no such row');
}

sub demographics_contradict
{
	my ($record, $student) = @_;
	return $record->{student_gender_code} ne $student->{gender}
	  && substr($record->{student_birth_date}, 0, 4) ne
	  substr($student->{birth_date}, 0, 4);
}

# Refusals of a record beside another row of the same student.
sub judge_pair
{
	my ($self, $record, $other) = @_;
	my @refused;
	my $beside = 'beside ' . row_key($other);
	if (overlaps($record, $other))
	{
		push @refused, refusal($record, 'SENR0178', "overlap $beside")
		  if same_school($record, $other);
		push @refused, refusal($record, 'SENR0027', "second primary $beside")
		  if $self->is_primary($record)
		  && $self->is_primary($other)
		  && $record->{reporting_lea} eq $other->{reporting_lea};
	}
	my $rule = graduate_problem($record, $other)
	  // graduate_problem($other, $record);
	push @refused, refusal($record, $rule, "graduated $beside") if $rule;
	return @refused;
}

# What a graduate's other row may not be: open, or closed after graduation.
sub graduate_problem
{
	my ($row, $graduation) = @_;
	return undef unless graduates($graduation);
	return 'SENR0587' if $row->{enrollment_exit_date} eq '';
	return undef
	  if $row->{enrollment_status_code} eq '20' || is_no_show($row);
	return $row->{enrollment_exit_date} gt
	  $graduation->{enrollment_exit_date} ? 'SENR0586' : undef;
}

#----------------------------------------------------------------------
# Rules inside the file
#----------------------------------------------------------------------

sub judge_file
{
	my ($self, $records) = @_;
	my %of_student;
	push @{ $of_student{ $_->{ssid} } }, $_ for @$records;
	return map { $self->judge_student_in_file($_, $of_student{$_}) }
	  sort keys %of_student;
}

# The records of one student beside each other: no key twice, no overlap, and
# one row at least must be left when some are deleted.
sub judge_student_in_file
{
	my ($self, $ssid, $records) = @_;
	my @refused;
	for my $i (0 .. $#$records)
	{
		for my $j ($i + 1 .. $#$records)
		{
			push @refused, $self->judge_in_file(@$records[ $i, $j ]);
		}
	}
	my @deleted = grep { is_deletion($_) } @$records;
	my $left    = keys(%{ $self->{rows}{$ssid} // {} }) - @deleted;
	push @refused, refusal($deleted[0], 'SENR0180', 'last enrollment')
	  if @deleted && $left < 1;
	return @refused;
}

sub judge_in_file
{
	my ($self, $earlier, $later) = @_;
	return refusal($later, 'IVR0034', 'same key twice')
	  if row_key($earlier) eq row_key($later);
	return if is_deletion($earlier) || is_deletion($later);
	return $self->judge_pair($later, $earlier);
}

#----------------------------------------------------------------------
# Looking at the state
#----------------------------------------------------------------------

# What the stored rows of a student break among themselves: refusals as of a
# file that sends every row again.  Record rules are included when wanted.
sub state_problems
{
	my ($self, $ssid, %options) = @_;
	my @rows = map { { %$_, line => 0 } } $self->rows($ssid);
	my @problems;
	for my $i (0 .. $#rows)
	{
		push @problems,
		  map { $self->judge_pair($rows[$i], $rows[$_]) } $i + 1 .. $#rows;
		next unless $options{records};
		push @problems, judge_format($self, $rows[$i]);
		push @problems,
		  $self->judge_content($rows[$i], $rows[$i]{reporting_lea});
	}
	return @problems;
}

# The differences between the state and a target picture.
#
# target: records; scope: { schools => { school => 1 } (selected),
# from => CCYYMMDD (start of the window), year_start => CCYYMMDD (July 1 of
# the current school year) }.  Rows outside of the schools and of the window
# do not count, nor, where only one side has them, inert N470 rows (CALPADS has
# nothing that one in the target could cancel) and rows of earlier years.
#
# Gives hashes: kind ('remove', 'add', 'exit', 'update'), before, after.
sub differences
{
	my ($self, $target, $scope) = @_;
	my %before = map { ("$_->{ssid} " . row_key($_) => $_) }
	  grep { in_scope($_, $scope) } $self->rows;
	my %after = map { ("$_->{ssid} " . row_key($_) => $_) }
	  grep { in_scope($_, $scope) } @$target;
	my %keys = (%before, %after);
	return
	  grep { $_ } map { difference($before{$_}, $after{$_}, $scope) }
	  sort keys %keys;
}

sub in_scope
{
	my ($row, $scope) = @_;
	return $scope->{schools}{ $row->{school_of_attendance} }
	  && $row->{enrollment_start_date} ge $scope->{from};
}

sub difference
{
	my ($before, $after, $scope) = @_;
	my $kind;
	if ($before && $after)
	{
		$kind = change_kind($before, $after) or return;
	}
	else
	{
		my $row = $before // $after;
		return if $row->{enrollment_start_date} lt $scope->{year_start};
		return if is_inert($row);
		$kind = $before ? 'remove' : 'add';
	}
	return { kind => $kind, before => $before, after => $after };
}

# 'exit' when exit date or reason differ, 'update' for other compared fields.
sub change_kind
{
	my ($before, $after) = @_;
	my %differs = map { $_ => 1 }
	  grep { $before->{$_} ne $after->{$_} } @COMPARED_FIELDS;
	return undef unless %differs;
	return $differs{enrollment_exit_date} || $differs{student_exit_reason_code}
	  ? 'exit'
	  : 'update';
}

1;
