# Unit tests of the stand-in for CALPADS: for each rule a record that passes
# and one that is refused for it, then posting, deleting, extract, comparing.
# Needs no server:  prove -Itest/property test/property/stand_in.t

use strict;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use Encode qw(encode);
use Test::More;
use CalpadsStandIn qw(@FIELDS record_line);

my $LEA     = '1910000';
my $SCHOOL  = '1900001';
my $OTHER   = '1900002';
my $CHARTER = '1999999';
my $TODAY   = '20241101';

# A record with valid content; arguments replace fields.
sub record
{
	my %fields = (
		(map { $_ => '' } @FIELDS),
		record_type_code                      => 'SENR',
		reporting_lea                         => $LEA,
		school_of_attendance                  => $SCHOOL,
		academic_year_id                      => '2024-2025',
		ssid                                  => '1000000001',
		local_student_id                      => '4711',
		student_legal_first_name              => 'José',
		student_legal_last_name               => q{O'Neil "Bo" Smith-Jones},
		student_birth_date                    => '20080315',
		student_gender_code                   => 'F',
		student_birth_country_code            => 'US',
		enrollment_start_date                 => '20240815',
		enrollment_status_code                => '10',
		grade_level_code                      => '11',
		@_
	);
	return \%fields;
}

my @GRADUATED = (
	enrollment_exit_date                          => '20241015',
	student_exit_reason_code                      => 'E230',
	student_school_completion_status              => '100',
	student_met_all_uc_csu_requirements_indicator => 'Y',
	graduation_exemption_indicator                => 'N',
);

sub closed
{
	my ($date, $reason) = @_;
	return (
		enrollment_exit_date     => $date,
		student_exit_reason_code => $reason
	);
}

sub file_of
{
	return encode('UTF-8', join '', map { record_line($_) . "\r\n" } @_);
}

# A stand-in that knows the student and holds the given rows.
sub calpads
{
	my @rows    = @_;
	my $calpads = CalpadsStandIn->new(
		today => $TODAY,
		schools =>
		  { $SCHOOL => $LEA, $OTHER => $LEA, $CHARTER => $CHARTER },
		nps_schools    => [ '7000001', '9999999' ],
		open_districts => ['1964444'],
	);
	$calpads->add_student(
		'1000000001',
		gender     => 'F',
		birth_date => '20080315');
	$calpads->store_rows(@rows);
	return $calpads;
}

# The rules that refuse a file of records.
sub rules_of
{
	my ($calpads, @records) = @_;
	my @refused = $calpads->post_file(file_of(@records), $LEA);
	my %rules = map { $_->{rule} => 1 } @refused;
	return join ' ', sort keys %rules;
}

# The good records are posted; the bad ones are refused for the rule alone and
# leave the state as it was.
sub check_rule
{
	my ($rule, %case) = @_;
	my @stored = @{ $case{stored} // [] };
	is(rules_of(calpads(@stored), @{ $case{good} }), '', "$rule passes");
	my $calpads = calpads(@stored);
	my $before  = join "\n", map { record_line($_) } $calpads->rows;
	is(rules_of($calpads, @{ $case{bad} }), $rule, "$rule refuses");
	is(join("\n", map { record_line($_) } $calpads->rows),
		$before, "$rule stores nothing");
	return;
}

# One valid record with some fields replaced, good and bad.
sub check_fields
{
	my ($rule, $good, $bad) = @_;
	return check_rule($rule, good => [ record(@$good) ], bad => [ record(@$bad) ]);
}

sub deletion
{
	return record(transaction_type_code => 'D', @_);
}

subtest 'bytes of a file' => sub {
	my $good = file_of(record());
	my %bad  = (
		'no record'                => '',
		'no line end at the end'   => substr($good, 0, -2),
		'bare line feed'           => $good =~ s/\r\n/\n/r,
		'trailing garbage'         => $good . ' ',
		'empty line'               => $good . "\r\n",
		'carriage return in value' => $good =~ s/4711/47\r11/r,
		'a field too many'         => $good =~ s/4711/4711^/r,
		'a field too few'          => $good =~ s/\^4711//r,
		'another record type'      => $good =~ s/SENR/SINF/r,
	);
	is_deeply([ calpads()->post_file($good, $LEA) ], [], 'good file');
	for my $name (sort keys %bad)
	{
		my @refused = calpads()->post_file($bad{$name}, $LEA);
		is($refused[0]{rule}, 'FILE', $name);
	}
	my @refused = calpads()->post_file($good =~ s/4711/47\xff11/r, $LEA);
	is($refused[0]{rule}, 'FRMT0004', 'invalid UTF-8');
};

subtest 'rules of one record' => sub {
	check_fields(
		'FRMT0001',
		[ student_legal_first_name => 'é' x 30 ],
		[ student_legal_first_name => 'é' x 31 ]);
	check_fields(
		'FRMT0002',
		[ student_birth_date => '20080229' ],
		[ student_birth_date => '20090229' ]);
	check_fields(
		'FRMT0004',
		[ student_birth_city => 'San José' ],
		[ student_birth_city => "San\tJosé" ]);
	check_fields('GERR0001', [], [ student_legal_last_name => ' ' ]);
	check_fields(
		'GERR0002',
		[ student_birth_country_code => 'UU' ],
		[ student_birth_country_code => 'QQ' ]);
	my @old = (
		academic_year_id       => '2018-2019',
		enrollment_start_date  => '20190115',
		enrollment_status_code => '40');
	check_fields('GERR0007', [@old], [ enrollment_status_code => '40' ]);
	check_fields('GERR0008', [ transaction_type_code => 'A' ],
		[ transaction_type_code => 'U' ]);
	check_fields('SENR0001', [], [ reporting_lea => $CHARTER,
		school_of_attendance => $CHARTER ]);
	check_fields('SENR0002', [], [ school_of_attendance => $CHARTER ]);
	check_fields('SENR0003', [], [ school_of_attendance_nps => '7000001' ]);
	check_fields(
		'SENR0004',
		[   school_of_attendance     => '0000001',
			school_of_attendance_nps => '9999999'
		],
		[ school_of_attendance => '0000001' ]);
	check_fields(
		'SENR0005',
		[   school_of_attendance     => '0000001',
			school_of_attendance_nps => '7000001'
		],
		[   school_of_attendance     => '0000001',
			school_of_attendance_nps => '7000002'
		]);
	check_fields(
		'SENR0006',
		[ academic_year_id => '2025-2026', enrollment_start_date => '20250701' ],
		[ academic_year_id => '2026-2027', enrollment_start_date => '20260701' ]);
	check_fields('SENR0007', [], [ ssid => '1000000002' ]);
	check_fields(
		'SENR0018',
		[ closed('20240814', 'N470') ],
		[ closed('20240813', 'N470') ]);
	check_fields(
		'SENR0018',
		[ closed('20240815', 'T160') ],
		[ closed('20240814', 'T160') ]);
	check_fields(
		'EXIT_PAIR',
		[ closed('20241015', 'T160') ],
		[ enrollment_exit_date => '20241015' ]);
	check_fields(
		'SENR0022',
		[ closed('20241015', 'E230'), student_school_completion_status => '480' ],
		[ closed('20241015', 'T160'), student_school_completion_status => '480' ]);
	check_fields(
		'SENR0175',
		[@GRADUATED],
		[ @GRADUATED, student_exit_reason_code => 'T160' ]);
	check_fields(
		'E230_COMPLETION',
		[ closed('20241015', 'E230'), student_school_completion_status => '480' ],
		[ closed('20241015', 'E230') ]);
	check_fields(
		'EXIT_GRADE',
		[ closed('20241015', 'T280'), grade_level_code => '07' ],
		[ closed('20241015', 'T280'), grade_level_code => '06' ]);
	check_fields(
		'COMPLETION_GRADE',
		[@GRADUATED],
		[ @GRADUATED, grade_level_code => '09' ]);
	check_fields(
		'SENR0167',
		[ transaction_type_code => 'R' ],
		[   transaction_type_code => 'R',
			academic_year_id      => '2023-2024',
			enrollment_start_date => '20240215'
		]);
	check_fields(
		'SENR0187',
		[   enrollment_status_code => '30',
			enrollment_start_date  => '20241003'
		],
		[   enrollment_status_code => '30',
			enrollment_start_date  => '20241002'
		]);
	check_fields('SENR0192', [ district_of_geographic_residence_code => '1964444' ],
		[ district_of_geographic_residence_code => '1964445' ]);
	check_fields(
		'SENR0262',
		[ grade_level_code => 'KN', student_birth_date => '20200815' ],
		[ grade_level_code => 'KN', student_birth_date => '20200816' ]);
	check_fields(
		'SENR0302',
		[ enrollment_status_code => '20', closed('20241015', 'E170') ],
		[ enrollment_status_code => '20', closed('20241015', 'T160') ]);
	check_fields(
		'SENR0315',
		[   @GRADUATED, student_golden_state_seal_merit_diploma_indicator => 'Y' ],
		[ student_golden_state_seal_merit_diploma_indicator => 'Y' ]);
	check_fields(
		'SENR0316',
		[ @GRADUATED, student_seal_of_biliteracy_indicator => 'Y' ],
		[ student_seal_of_biliteracy_indicator => 'Y' ]);
	check_fields(
		'SENR0522',
		[ enrollment_status_code => '50', closed('20241015', 'E150') ],
		[ enrollment_status_code => '50', closed('20241015', 'T160') ]);
	check_fields(
		'SENR0523',
		[ enrollment_status_code => '50', closed('20241015', 'E170') ],
		[ closed('20241015', 'E170') ]);
	check_fields(
		'SENR0622',
		[ grade_level_code => 'TK', student_birth_date => '20200901' ],
		[ grade_level_code => 'TK', student_birth_date => '20200902' ]);
	check_fields(
		'SENR0630',
		[@GRADUATED],
		[ graduation_exemption_indicator => 'N' ]);
	check_fields(
		'SENR0632',
		[@GRADUATED],
		[ @GRADUATED, graduation_exemption_indicator => '' ]);
	check_fields(
		'SENR0742',
		[ enrollment_start_date => '20240701' ],
		[ enrollment_start_date => '20240630' ]);
	check_fields(
		'SENR0035',
		[ student_gender_code => 'X' ],
		[ student_gender_code => 'X', student_birth_date => '20090315' ]);
};

subtest 'rules against the state' => sub {
	my $open    = record();
	my $earlier = record(
		enrollment_start_date => '20230815',
		academic_year_id      => '2023-2024',
		closed('20240605', 'E155'));
	check_rule(
		'SENR0178',
		stored => [ record(closed('20240930', 'T160')) ],
		good   => [
			record(
				enrollment_start_date  => '20241001',
				enrollment_status_code => '20')
		],
		bad => [
			record(
				enrollment_start_date  => '20240930',
				enrollment_status_code => '20')
		]);
	check_rule(
		'SENR0027',
		stored => [ record(closed('20240930', 'T160')) ],
		good   => [
			record(
				school_of_attendance  => $OTHER,
				enrollment_start_date => '20241001')
		],
		bad => [
			record(
				school_of_attendance  => $OTHER,
				enrollment_start_date => '20240930')
		]);
	check_rule(
		'SENR0027',
		good => [ record() ],
		bad  => [ record(), record(school_of_attendance => $OTHER) ]);
	check_rule(
		'SENR0027',
		stored => [$open],
		good   => [
			record(
				school_of_attendance   => $OTHER,
				enrollment_status_code => '20')
		],
		bad => [ record(closed('20240930', 'T160')),
			record(school_of_attendance => $OTHER,
				enrollment_start_date => '20241001') ]);
	check_rule(
		'SENR0032',
		stored => [ $open, $earlier ],
		good   => [ deletion() ],
		bad    => [ deletion(ssid => '') ]);
	check_rule(
		'SENR0181',
		stored => [ $open, $earlier ],
		good   => [ deletion() ],
		bad    => [ deletion(enrollment_start_date => '20240816') ]);
	check_rule(
		'SENR0180',
		stored => [ $open, $earlier ],
		good   => [ deletion() ],
		bad    => [
			deletion(),
			deletion(
				enrollment_start_date => '20230815',
				academic_year_id      => '2023-2024')
		]);
	check_rule(
		'IVR0034',
		stored => [ $open, $earlier ],
		good   => [ deletion() ],
		bad    => [ deletion(), record() ]);
	check_rule(
		'SENR0586',
		stored => [ record(@GRADUATED) ],
		good   => [
			record(
				enrollment_start_date => '20240701',
				closed('20240814', 'T160'))
		],
		bad => [
			record(
				enrollment_start_date => '20241020',
				closed('20241025', 'T160'))
		]);
	check_rule(
		'SENR0587',
		stored => [ record(@GRADUATED) ],
		good   => [
			record(
				enrollment_start_date  => '20241020',
				enrollment_status_code => '20',
				closed('20241025', 'E170'))
		],
		bad => [ record(enrollment_start_date => '20241020') ]);
};

subtest 'short-term rows of more than 30 days are primary' => sub {
	my $old = record(
		enrollment_status_code => '30',
		enrollment_start_date  => '20241002');
	my $primary = record(school_of_attendance => $OTHER);
	is(rules_of(calpads($old), $primary), 'SENR0027', '31 days to today');
	my $young = record(%$old, enrollment_start_date => '20241003');
	is(rules_of(calpads($young), $primary), '', '30 days to today');
};

subtest 'N470 rows are empty' => sub {
	my $calpads = calpads(record(closed('20240815', 'N470')));
	is(rules_of($calpads, record(school_of_attendance => $OTHER)),
		'', 'another school, same day');
	is(rules_of($calpads, record()), 'SENR0027', 'revived beside a primary');
	ok(!calpads(record(enrollment_status_code => '20'))
		  ->post_file(file_of(record(closed('20240814', 'N470'))), $LEA),
		'status 20 becomes 10 in the N470 record');
};

subtest 'posting and extract' => sub {
	my $calpads = calpads();
	my $record  = record(student_alias_first_name => '"Bo"');
	is(rules_of($calpads, $record), '', 'new row');
	is(rules_of($calpads, record(closed('20241015', 'T160'))), '', 'exit');
	my @rows = $calpads->rows;
	is(scalar @rows, 1, 'the key was updated in place');
	is($rows[0]{student_alias_first_name}, '', 'blank clears');
	is($calpads->ods_extract(lea => $LEA),
		encode('UTF-8', record_line({ %{ $rows[0] }, record_type_code => 'SENR-R' }))
		  . "^$TODAY^$TODAY\r\n", 'extract');
	is($calpads->ods_extract(lea => $CHARTER), '', 'extract of another LEA');
	is($calpads->ods_extract(lea => $LEA, schools => [$OTHER]),
		'', 'extract of another school');
	is($calpads->ods_extract(lea => $LEA, from => '20240816'),
		'', 'extract of a later window');
};

subtest 'differences' => sub {
	my $scope = {
		schools    => { $SCHOOL => 1 },
		from       => '20220701',
		year_start => '20240701'
	};
	my @earlier = (enrollment_start_date => '20230815',
		academic_year_id => '2023-2024');
	my %cases = (
		'equal' => [ [ record() ], [ record() ], '' ],
		'demographics only' =>
		  [ [ record() ], [ record(student_legal_first_name => 'Jo') ], '' ],
		'exit' =>
		  [ [ record() ], [ record(closed('20241015', 'T160')) ], 'exit' ],
		'grade' => [ [ record() ], [ record(grade_level_code => '10') ], 'update' ],
		'only in CALPADS' => [ [ record() ], [], 'remove' ],
		'only in the target' => [ [], [ record() ], 'add' ],
		'inert' => [ [ record(closed('20240814', 'N470')) ], [], '' ],
		'inert in the target' =>
		  [ [], [ record(closed('20240814', 'N470')) ], '' ],
		'inert, other grade' => [
			[ record(closed('20240814', 'N470'), grade_level_code => '10') ],
			[ record(closed('20240814', 'N470')) ], 'update'
		],
		'inert revived' =>
		  [ [ record(closed('20240814', 'N470')) ], [ record() ], 'exit' ],
		'unselected school' =>
		  [ [ record(school_of_attendance => $OTHER) ], [], '' ],
		'earlier year, one side' => [ [ record(@earlier) ], [], '' ],
		'earlier year, both sides' => [
			[ record(@earlier) ],
			[ record(@earlier, closed('20240605', 'E155')) ], 'exit'
		],
	);
	for my $name (sort keys %cases)
	{
		my ($stored, $target, $kinds) = @{ $cases{$name} };
		my @found = calpads(@$stored)->differences($target, $scope);
		is(join(' ', map { $_->{kind} } @found), $kinds, $name);
	}
};

done_testing();
