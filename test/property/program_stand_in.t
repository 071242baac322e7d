# The student programs of the stand-in for CALPADS: each rule takes a good
# record and refuses a bad one.  Needs no server:
# prove -Itest/property test/property/program_stand_in.t

use strict;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use Encode qw(encode);
use Test::More;
use CalpadsStandIn;
use EnrollmentRow qw(make_row close_row);
use ProgramRecord qw(@PROGRAM_FIELDS program_line);

my $LEA    = '1910000';
my $SCHOOL = '1900001';
my $OTHER  = '1900002';

my $START = 'education_program_membership_start_date';
my $END   = 'education_program_membership_end_date';

my $PERSON = {
	local_student_id                  => '4711',
	student_legal_first_name          => 'José',
	student_legal_last_name           => 'Muñoz',
	student_birth_date                => '20080315',
	student_gender_code               => 'F',
	student_birth_country_code        => 'US',
	map { $_ => '' }
	  qw(student_legal_middle_name student_legal_name_suffix_code
	  student_alias_first_name student_alias_middle_name student_alias_last_name
	  student_birth_city student_birth_state_province_code),
};

# An enrollment, closed when an exit is given.
sub enrollment
{
	my ($school, $start, @exit) = @_;
	my $row = make_row({ ssid => '1000000001', person => $PERSON },
		{ cds => $school, lea => $LEA }, $start, grade_level_code => '11');
	close_row($row, @exit) if @exit;
	return $row;
}

# A record of a program with valid content; arguments replace fields.
sub record
{
	my ($program, @fields) = @_;
	my %details = (
		113 => [ california_partnership_academy_id => 'A0001' ],
		122 => [
			education_service_academic_year => '2024-2025',
			education_service_code          => '11'
		],
		191 => [
			homeless_dwelling_type_code   => '120',
			unaccompanied_youth_indicator => 'N',
			runaway_youth_indicator       => 'N'
		],
	);
	return {
		(map { $_ => $PERSON->{$_} // '' } @PROGRAM_FIELDS),
		record_type_code       => 'SPRG',
		reporting_lea          => $LEA,
		school_of_attendance   => $SCHOOL,
		academic_year_id       => '2024-2025',
		ssid                   => '1000000001',
		education_program_code => $program,
		$START                 => '20240901',
		@{ $details{$program} // [] },
		@fields
	};
}

sub deletion
{
	my ($program, @fields) = @_;
	return record($program, transaction_type_code => 'D', @fields);
}

# CALPADS on November 1, 2024: enrolled at one school since August 15, at the
# other until October 4 of the year before.
sub calpads
{
	my (@rows) = @_;
	my $calpads = CalpadsStandIn->new(
		today   => '20241101',
		schools => { $SCHOOL => $LEA, $OTHER => $LEA, '1999999' => '1999999' });
	$calpads->add_student('1000000001', gender => 'F', birth_date => '20080315');
	$calpads->store_rows(enrollment($SCHOOL, '20240815'),
		enrollment($OTHER, '20230815', '20231004', 'T160'));
	$calpads->programs->store_rows(@rows);
	return $calpads;
}

sub bytes_of
{
	return encode('UTF-8', join '', map { program_line($_) . "\r\n" } @_);
}

sub rules_of
{
	my ($calpads, @records) = @_;
	my %rules = map { $_->{rule} => 1 }
	  $calpads->programs->post_file(bytes_of(@records), $LEA);
	return join ' ', sort keys %rules;
}

sub check_rule
{
	my ($rule, $good, $bad, @stored) = @_;
	is(rules_of(calpads(@stored), @$good), '', "$rule passes");
	my $calpads = calpads(@stored);
	my $before = join "\n", map { program_line($_) } $calpads->programs->rows;
	is(rules_of($calpads, @$bad), $rule, "$rule refuses");
	is(join("\n", map { program_line($_) } $calpads->programs->rows),
		$before, "$rule stores nothing");
	return;
}

# The end of the one row, '-' when it is open.
sub end_after
{
	my ($row, @exit) = @_;
	my $calpads = calpads($row);
	$calpads->apply([ enrollment($SCHOOL, '20240815', @exit) ]);
	my ($left) = $calpads->programs->rows;
	return $left->{$END} || '-';
}

subtest 'bytes of a file' => sub {
	my $good = bytes_of(record('127'));
	is_deeply([ calpads()->programs->post_file($good, $LEA) ], [], 'good file');
	my %bad = (
		'no record'              => '',
		'no line end at the end' => substr($good, 0, -2),
		'bare line feed'         => $good =~ s/\r\n/\n/r,
		'a field too many'       => $good =~ s/4711/4711^/r,
		'a field too few'        => $good =~ s/\^4711//r,
		'another record type'    => $good =~ s/SPRG/SENR/r,
	);
	for my $name (sort keys %bad)
	{
		my ($refused) = calpads()->programs->post_file($bad{$name}, $LEA);
		is($refused->{rule}, 'FILE', $name);
	}
};

subtest 'rules of a record' => sub {
	check_rule('IVR0034', [ record('127'), record('192') ],
		[ record('127'), record('127', $END => '20241001') ]);
	check_rule('GERR0008', [ record('127', transaction_type_code => 'A') ],
		[ record('127', transaction_type_code => 'R') ]);
	check_rule('GERR0001', [ record('127') ], [ record('127', ssid => '') ]);
	check_rule('FRMT0001', [ record('127') ], [ record('127', local_student_id => '1' x 16) ]);
	check_rule('FRMT0002', [ record('127') ], [ record('127', $START => '20240931') ]);
	check_rule('FILLER', [ record('127') ], [ record('127', filler_2 => '1910000') ]);
	check_rule('IVR0001', [ record('127') ], 
		[ record('127', reporting_lea => '1999999', school_of_attendance => '1999999') ]);
	check_rule('IVR0002', [ record('127') ], [ record('127', school_of_attendance => '1999999') ]);
	check_rule('IVR0006', [ record('127') ], [ record('127', academic_year_id => '2026-2027') ]);
	check_rule('IVR0007', [ record('127') ], [ record('127', ssid => '1000000002') ]);
	check_rule('GERR0002', [ record('193') ], [ record('190') ]);
	check_rule('GERR0007', [ record('301') ], [ record('301', $START => '20190630') ]);
	check_rule('GERR0007', [ record('174') ], [ record('185') ]);
	check_rule('END_BEFORE_START', [ record('127', $END => '20240901') ],
		[ record('127', $END => '20240831') ]);
	check_rule('START_BEFORE_BIRTH', [ record('192', $START => '20080315') ],
		[ record('127', $START => '20080315') ]);
	check_rule('START_TOO_FAR', [ record('127', $START => '20250501') ],
		[ record('127', $START => '20250601') ]);
	check_rule('SPRG0081', [ record('122') ], [ record('122', education_service_code => '') ]);
	check_rule('SPRG0081', [ record('122') ], [ record('127', education_service_code => '11') ]);
	check_rule('SPRG0168', [ record('122') ],
		[ record('122', education_service_academic_year => '') ]);
	check_rule('ACADEMY', [ record('113') ],
		[ record('113', california_partnership_academy_id => '') ]);
	check_rule('MIGRANT', [ record('127') ], [ record('127', migrant_student_id => '06123456789') ]);
	check_rule('HOMELESS', [ record('191') ],
		[ record('191', unaccompanied_youth_indicator => '') ]);
	check_rule('HOMELESS', [ record('191') ],
		[ record('192', homeless_dwelling_type_code => '120') ]);
	check_rule('RUNAWAY',
		[ record('191', map { $_ => 'Y' } qw(runaway_youth_indicator unaccompanied_youth_indicator)) ],
		[ record('191', runaway_youth_indicator => 'Y') ]);
	check_rule('SPRG0645F1', [ record('181', $END => '20250630') ],
		[ record('181', $END => '20250701') ]);
};

subtest 'enrollments' => sub {
	check_rule('GERR0005', [ record('108', $START => '20240815') ],
		[ record('108', $START => '20240814') ]);
	check_rule('GERR0005', [ record('127', $START => '20200101') ],
		[ record('127', $START => '20200101', $END => '20240814') ]);
	my @old = (school_of_attendance => $OTHER, $START => '20230901');
	check_rule('GERR0005', [ record('108', @old, $END => '20231004') ],
		[ record('108', @old, $END => '20231005') ]);
	check_rule('GERR0005', [ record('108', @old, $END => '20231004') ],
		[ record('108', @old) ]);
	check_rule('GERR0005', [ record('127', @old, $END => '20231004') ],
		[ record('127', @old, $END => '20231005') ]);
	check_rule('GERR0005', [ record('127', @old) ],
		[ record('127', @old, $START => '20231005') ]);
};

subtest 'rows beside each other' => sub {
	my @stored = record('108', $END => '20240930');
	check_rule('SPRG0070', [ record('108', $START => '20241001') ],
		[ record('108', $START => '20240930') ], @stored);
	check_rule('OPEN_TWICE', [ record('127', $END => '20241001') ],
		[ record('127') ], record('127', $START => '20231001'));
	is(rules_of(calpads(record('122')), record('122', education_service_code => '12')),
		'', 'another service of program 122');
	check_rule('NO_SUCH_ROW', [ deletion('108') ],
		[ deletion('108', $START => '20240902') ], @stored);
	my $calpads = calpads(@stored);
	is(rules_of($calpads, record('108')), '', 'a row is sent again without its end');
	is(($calpads->programs->rows)[0]{$END}, '', 'and is open');
};

subtest 'CALPADS closes' => sub {
	is(end_after(record('108'), '20241015', 'T160'), '20241015', 'participation with an exit');
	is(end_after(record('108'), '20241015', 'E155'), '-', 'but not at the end of the year');
	is(end_after(record('181'), '20241015', 'E155'), '20241015', 'meals then too');
	is(end_after(record('181'), '20241015', 'E150'), '-', 'not with a program change');
	is(end_after(record('127'), '20241015', 'T160'), '-', 'eligibility never');
	is(end_after(record('108', $END => '20240930'), '20241015', 'T160'),
		'20240930', 'an end stays');
	is(end_after(record('181'), '20240815', 'N470'), '-', 'a no-show is no exit');
};

done_testing();
