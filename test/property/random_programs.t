# The generator of student programs checks itself: the same seed makes the same
# programs, every way of lagging behind occurs, and a way leads from what
# CALPADS holds to what it should hold: removals, ends and updates in three
# files, each record taken by the stand-in.
# Needs no server:  prove -Itest/property test/property/random_programs.t

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Encode qw(encode);
use ExpectedProgramDelta qw(expected_programs);
use ProgramRecord qw(program_key program_line);
use RandomDistrict;
use RandomPrograms;
use Test::More;

my @LAGS = (
	'missing row', 'open', 'other end', 'closed', 'other start', 'other details',
	'strange row', 'retired row', 'old ended row', 'no rows', 'other academic year',
);

my (%seen_lag, %seen_kind);
for my $seed (1 .. 40)
{
	my $kind = $seed % 3 == 2 ? 'adversarial' : 'mixed';
	my $district = RandomDistrict->new(seed => $seed, kind => $kind);
	my $programs = RandomPrograms->new($district);
	my $calpads  = $district->stand_in;
	$programs->baseline($calpads);
	$seen_lag{$_}++ for map { split /, /, $_->{lags} } $programs->students;
	settle_enrollments($district, $calpads);
	my $run = { district => $district, programs => $programs, calpads => $calpads };
	is_deeply([ map { bring_up_to_date($run, $_) } $district->leas ],
		[], "seed $seed: a way leads to the target");
}
ok($seen_lag{$_},  "$_ occurs")           for @LAGS;
ok($seen_kind{$_}, "difference $_ occurs") for qw(remove add end reopen details);

my ($once, $again) = map {
	my $district = RandomDistrict->new(seed => 7, kind => 'mixed');
	my $programs = RandomPrograms->new($district);
	my $calpads  = $district->stand_in;
	$programs->baseline($calpads);
	[ $programs->script, map { program_line($_) } $calpads->programs->rows ];
} 1 .. 2;
is_deeply($again, $once, 'same seed, same programs');

done_testing();

# CALPADS has the enrollments as they are, and has closed programs by itself.
sub settle_enrollments
{
	my ($district, $calpads) = @_;
	for my $student (grep { $_->{ssid} ne '' } @{ $district->{students} })
	{
		$calpads->{rows}{ $student->{ssid} } = {};
		my @rows = sort { $a->{enrollment_start_date} cmp $b->{enrollment_start_date} }
		  @{ $student->{target} };
		$calpads->store_rows(@rows);
		$calpads->programs->close_at_exit($_) for @rows;
	}
	return;
}

# Posts three files of an LEA; gives what is refused or still different.
sub bring_up_to_date
{
	my ($run, $lea) = @_;
	my $students = expected_programs($run, $lea);
	my @files = ([], [], []);
	for my $student (values %$students)
	{
		for my $key (undoubted($student))
		{
			my $kind = $student->{differences}{$key};
			$seen_kind{$kind}++;
			push @{ $files[ $kind eq 'remove' ? 0 : $kind eq 'end' ? 1 : 2 ] },
			  record_of($student, $key, $kind);
		}
	}
	my $programs = $run->{calpads}->programs;
	my @refused  = map { $programs->post_file(bytes_of($run, $_), $lea) }
	  grep { @$_ } @files;
	my $after = expected_programs($run, $lea);
	return (@refused, map { undoubted($_) } values %$after);
}

sub undoubted
{
	my ($student) = @_;
	return grep { !$student->{doubtful}{ (split / /, $_)[1] } }
	  sort keys %{ $student->{differences} };
}

sub record_of
{
	my ($student, $key, $kind) = @_;
	return { %{ $student->{after}{$key} }, transaction_type_code => 'A' }
	  if $kind ne 'remove';
	my ($row) = grep { program_key($_) eq $key } @{ $student->{before} };
	return { %$row, transaction_type_code => 'D', map { ("filler_$_" => '') } 1 .. 3 };
}

sub bytes_of
{
	my ($run, $records) = @_;
	return encode($run->{district}{encoding},
		join '', map { program_line($_) . "\r\n" } @$records);
}
