package ProgramRecord;

# The SPRG record: its fields, its key, and what CDE says of each program,
# written down independently of the extension's own reference data.
#
# Sources: sinf_sela_sprg.md sections 1 and 4; CDE Valid Code Combinations
# v12.0; CALPADS Update Flashes 186 and 308 for programs 193 and 135.

use strict;
use warnings;
use Exporter qw(import);

our @EXPORT_OK = qw(@PROGRAM_FIELDS @PROGRAM_DETAILS program_line program_key
  is_program program_years is_participation is_meal is_retired);

# name, greatest length (0 = not checked), kind, required
our @LAYOUT = (
	[ 'record_type_code',                        4,   'code', 1 ],
	[ 'transaction_type_code',                   1,   'code', 0 ],
	[ 'local_record_id',                         255, 'text', 0 ],
	[ 'reporting_lea',                           7,   'cds',  1 ],
	[ 'school_of_attendance',                    7,   'cds',  1 ],
	[ 'academic_year_id',                        9,   'year', 1 ],
	[ 'ssid',                                    10,  'code', 1 ],
	[ 'local_student_id',                        15,  'text', 1 ],
	[ 'student_legal_first_name',                30,  'text', 1 ],
	[ 'student_legal_last_name',                 50,  'text', 1 ],
	[ 'student_birth_date',                      8,   'date', 1 ],
	[ 'student_gender_code',                     1,   'code', 1 ],
	[ 'education_program_code',                  3,   'code', 1 ],
	[ 'education_program_membership_code',       1,   'code', 0 ],
	[ 'education_program_membership_start_date', 8,   'date', 1 ],
	[ 'education_program_membership_end_date',   8,   'date', 0 ],
	[ 'education_service_academic_year',         9,   'year', 0 ],
	[ 'education_service_code',                  2,   'code', 0 ],
	[ 'california_partnership_academy_id',       5,   'text', 0 ],
	[ 'migrant_student_id',                      11,  'text', 0 ],
	[ 'filler_1',                                0,   'void', 0 ],
	[ 'filler_2',                                0,   'void', 0 ],
	[ 'homeless_dwelling_type_code',             3,   'code', 0 ],
	[ 'unaccompanied_youth_indicator',           1,   'code', 0 ],
	[ 'runaway_youth_indicator',                 1,   'code', 0 ],
	[ 'filler_3',                                0,   'void', 0 ],
);

our @PROGRAM_FIELDS = map { $_->[0] } @LAYOUT;

# 3.19, 3.20 and 3.23 to 3.25: what an update can change beside the end date.
our @PROGRAM_DETAILS = @PROGRAM_FIELDS[ 18, 19, 22, 23, 24 ];

# program => [ membership (1 eligible, 3 participating), first and last
# calendar year in which the program begins a school year ]
my %PROGRAMS = (
	(map { $_ => [1] } qw(101 127 162 181 182 191 192)),
	(map { $_ => [3] } qw(108 113 122 174)),
	193 => [ 1, 2020 ],
	(map { $_ => [ 1, 2019 ] } 300 .. 306),
	185 => [ 3, undef, 2022 ],
	135 => [ 1, undef, 2024 ],
	144 => [ 1, undef, 2018 ],
	(map { $_ => [ 1, undef, 2011 ] } qw(131 175)),
	(map { $_ => [ 3, undef, 2011 ] } qw(164 171 172 173)),
	180 => [ 3, undef, 2014 ],
);

# The key of a row inside its student: school, program, start date, service
# year and service.
sub program_key
{
	my ($row) = @_;
	return join ' ', map { $_ eq '' ? '-' : $_ }
	  @$row{ @PROGRAM_FIELDS[ 4, 12, 14, 16, 17 ] };
}

# The caret line of a record, without its line end.
sub program_line
{
	my ($row) = @_;
	return join '^', map { $row->{$_} } @PROGRAM_FIELDS;
}

sub is_program
{
	my ($program) = @_;
	return exists $PROGRAMS{$program};
}

# (first, last) calendar year of a program, undef where there is no limit.
sub program_years
{
	my ($program) = @_;
	return @{ $PROGRAMS{$program} }[ 1, 2 ];
}

sub is_participation
{
	my ($program) = @_;
	return $PROGRAMS{$program}[0] == 3;
}

sub is_meal
{
	my ($program) = @_;
	return $program =~ /\A18[12]\z/ ? 1 : 0;
}

# Not offered any more in the school year that begins in a calendar year.
sub is_retired
{
	my ($program, $year) = @_;
	my (undef, $last) = program_years($program);
	return defined $last && $year > $last ? 1 : 0;
}

1;
