# The promise of the extension for student programs, tried on random districts:
# sis.sprg is what follows from the specification, and the SPRG files, posted
# after the SENR files into a stand-in for CALPADS, are refused nothing, leave
# what the SIS says, with as few files and records as that allows, and a second
# delta is empty.
#
# Settings as of property.t, and the same need of a server:
#
#     prove -Itest/property test/property/programs.t

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CalpadsStandIn;
use DistrictDatabase;
use ExpectedProgramDelta qw(expected_programs);
use ProgramRecord qw(@PROGRAM_FIELDS @PROGRAM_DETAILS program_key program_line);
use PropertyCheck qw(first_of none_wrong same_lines);
use RandomDistrict;
use RandomPrograms;
use Test::More;

binmode Test::More->builder->$_, ':encoding(UTF-8)'
  for qw(output failure_output todo_output);

my $DISTRICTS = $ENV{PROPERTY_DISTRICTS} // 15;
my $SEED      = $ENV{PROPERTY_SEED}      // 1;
my @KINDS     = $ENV{PROPERTY_KIND} // qw(mixed mixed adversarial);

my $END = 'education_program_membership_end_date';

# Into which files a difference may go.
my %CATEGORY = (
	remove  => qr/\ARemovals\z/,
	end     => qr/\A(?:Exits|Updates)\z/,
	reopen  => qr/\AUpdates\z/,
	details => qr/\AUpdates\z/,
	add     => qr/\AUpdates\z/,
);

DistrictDatabase::create_template();
for my $seed ($SEED .. $SEED + $DISTRICTS - 1)
{
	my $kind = $KINDS[ $seed % @KINDS ];
	subtest "seed $seed, $kind" => sub {
		eval { check_district($seed, $kind); 1 } or fail "goes to the end: $@";
	};
}
done_testing();

#----------------------------------------------------------------------
# One district
#----------------------------------------------------------------------

sub check_district
{
	my ($seed, $kind) = @_;
	my $district = RandomDistrict->new(seed => $seed, kind => $kind);
	my $programs = RandomPrograms->new($district);
	my $run = {
		district => $district,
		programs => $programs,
		name     => "seed $seed, $kind, today $district->{today}",
		calpads  => $district->stand_in,
		database => DistrictDatabase->new($district, $programs->settings),
	};
	$programs->baseline($run->{calpads});
	$run->{database}->fill($programs->script);
	check_sis_picture($run);
	load_everything($run);
	if ($seed % 4 == 0)
	{
		create_before_enrollments($run);
	}
	else
	{
		post_enrollments($run, $run->{database}->create_extract('SENR'));
		create_after_enrollments($run);
	}
	check_nothing_left($run);
	return;
}

# Both extracts of every LEA.
sub load_everything
{
	my ($run) = @_;
	my ($district, $calpads, $database) = @$run{qw(district calpads database)};
	my %options = $district->ods_options;
	for my $lea ($district->leas)
	{
		my $bytes = $calpads->ods_extract(lea => $lea, %options);
		$database->load_ods($bytes);
		$bytes = $calpads->programs->ods_extract(lea => $lea, schools => $options{schools});
		next if $bytes eq '';
		is($database->load_ods($bytes, 'SPRG'), 0, "SPRG extract of $lea is read");
	}
	return;
}

# That SENR files are posted is what property.t is about.
sub post_enrollments
{
	my ($run, @files) = @_;
	for my $file (@files)
	{
		die "$file->{file_name} is refused\n"
		  if $run->{calpads}->post_file($file->{bytes}, $file->{lea});
		$run->{database}->post_file($file);
	}
	check_closed_programs($run);
	return;
}

# What CALPADS closes by itself with an enrollment is known to be closed.
sub check_closed_programs
{
	my ($run) = @_;
	my $district = $run->{district};
	my %options  = $district->ods_options;
	my %schools  = map { $_ => 1 }
	  @{ $options{schools} // [ map { $_->{cds} } $district->all_schools ] };
	my %expected = map { state_line($_) => 1 }
	  grep { $schools{ $_->{school_of_attendance} } } $run->{calpads}->programs->rows;
	my %found =
	  map { state_line($_) => 1 } $run->{database}->program_rows('calpads.ods_sprg');
	same_lines('ods_sprg is what CALPADS holds when enrollments have ended',
		$run, \%expected, \%found, sub { story($run, ssid_of($_[0])) });
	return;
}

sub state_line
{
	my ($row) = @_;
	return "$row->{ssid} " . program_key($row) . ' -> ' . ($row->{$END} || '-');
}

sub ssid_of
{
	my ($line) = @_;
	return substr $line, 0, 10;
}

sub create_after_enrollments
{
	my ($run) = @_;
	my @files = $run->{database}->create_extract('SPRG');
	my @again = $run->{database}->create_extract('SPRG');
	is_deeply([ map { $_->{bytes} } @again ], [ map { $_->{bytes} } @files ],
		'same input, same bytes');
	check_earlier_years($run);
	for my $lea ($run->{district}->leas)
	{
		my @of_lea = grep { $_->{lea} eq $lea } @again;
		my $scene = scene_of($run, $lea, @of_lea);
		check_names($scene);
		check_operations($scene);
		post_programs($scene);
		check_end_state($scene);
	}
	return;
}

# What ended in an earlier year is held, and said to be; so can be such a row that
# CALPADS would refuse anyhow.
sub check_earlier_years
{
	my ($run) = @_;
	my (%expected, %refused);
	for my $lea ($run->{district}->leas)
	{
		for my $student (values %{ expected_programs($run, $lea) })
		{
			$expected{ held_line($_) } = 1 for values %{ $student->{earlier} };
			$refused{ held_line($_) }  = 1 for @{ $student->{held} };
		}
	}
	my %found = map { $_ => 1 }
	  grep { $expected{$_} || !$refused{$_} } $run->{database}->held_programs('EARLIER_YEAR');
	same_lines('rows that ended in an earlier year are held, and no others by this rule',
		$run, \%expected, \%found, sub { story($run, ssid_of($_[0])) });
	return;
}

sub held_line
{
	my ($row) = @_;
	return join ' ',
	  @$row{qw(ssid school_of_attendance education_program_code education_program_membership_start_date)};
}

# SPRG files that are made while SENR files wait depend on those: CALPADS would
# refuse their records (GERR0005).
sub create_before_enrollments
{
	my ($run) = @_;
	my $database    = $run->{database};
	my @enrollments = $database->create_extract('SENR');
	my @files       = $database->create_extract('SPRG');
	for my $lea ($run->{district}->leas)
	{
		check_waiting($run, $lea, grep { $_->{lea} eq $lea } @files);
	}
	post_enrollments($run, @enrollments);
	for my $lea ($run->{district}->leas)
	{
		my ($first) = my @of_lea = grep { $_->{lea} eq $lea } @files;
		my $scene = scene_of($run, $lea, @of_lea);
		$scene->{is_early} = 1;
		is($database->status_of($first), 'Post', "$lea: the first file can be posted now")
		  if $first;
		check_names($scene);
		check_operations($scene);
		post_programs($scene);
		check_end_state($scene);
	}
	return;
}

# A file with a record that an enrollment is missing for waits, and cannot be
# posted.
sub check_waiting
{
	my ($run, $lea, @files) = @_;
	my $programs = $run->{calpads}->programs;
	for my $file (@files)
	{
		my ($records) = $programs->read_file($file->{bytes});
		my @early = grep { $programs->judge_enrollment($_) }
		  grep { $_->{transaction_type_code} ne 'D' } @$records;
		next unless @early;
		is($run->{database}->status_of($file), 'Waiting',
			"$lea: $file->{file_name} waits for the enrollments");
		like($run->{database}->post_error($file) // '',
			qr/ERROR/, "$lea: $file->{file_name} cannot be posted yet");
	}
	return;
}

sub check_nothing_left
{
	my ($run) = @_;
	my $database = $run->{database};
	is($database->delta_count('SPRG'), 0, 'second delta is empty');
	is(scalar $database->create_extract('SPRG'), 0, 'no file is written');
	load_everything($run);
	is($database->delta_count('SPRG'), 0, 'delta is empty after a fresh load');
	return;
}

# Students whom sis.senr has: of others nothing is reported any more.
sub is_reported
{
	my ($district, $student) = @_;
	my %selected = map { $_->{cds} => 1 } $district->selected_schools;
	return scalar grep {
		     $selected{ $_->{school_of_attendance} }
		  && $_->{enrollment_start_date} ge $district->window_start
	} @{ $student->{target} };
}

# sis.sprg is what follows from the records that were entered.
sub check_sis_picture
{
	my ($run) = @_;
	my ($programs, $district) = @$run{qw(programs district)};
	my %reported = map { $_->{ssid} => 1 }
	  grep { is_reported($district, $_) } @{ $district->{students} };
	my %expected = map { sis_line($_, $_->{broken}) => 1 }
	  grep { $reported{ $_->{ssid} } } $programs->target, $programs->held;
	my %found = map { sis_line($_, $_->{problem}) => 1 }
	  $run->{database}->program_rows('sis.sprg');
	same_lines('sis.sprg is what follows from the records', $run, \%expected, \%found);
	return;
}

# A row as a line without transaction type and local record id; of a row that
# cannot be sent the key only.
sub sis_line
{
	my ($row, $broken) = @_;
	return "held $row->{ssid} " . program_key($row) if $broken;
	return program_line({ %$row, transaction_type_code => '', local_record_id => '' });
}

#----------------------------------------------------------------------
# The files of one LEA
#----------------------------------------------------------------------

# What the files shall do, and what they say: sent => { ssid => [ records ] }.
sub scene_of
{
	my ($run, $lea, @files) = @_;
	my $scene = {
		%$run,
		lea      => $lea,
		files    => \@files,
		students => expected_programs($run, $lea),
		sent     => {},
	};
	for my $file (@files)
	{
		my ($records, @refused) =
		  $run->{calpads}->programs->read_file($file->{bytes});
		is(scalar @refused, 0, "$lea: $file->{file_name} can be read");
		is(scalar @$records, $file->{records}, "$lea: $file->{file_name} has its records");
		push @{ $scene->{sent}{ $_->{ssid} } }, { record => $_, file => $file }
		  for @$records;
	}
	return $scene;
}

# No gaps, and one file of each category at most, in this order.
sub check_names
{
	my ($scene) = @_;
	my @categories = map { $_->{category} } @{ $scene->{files} };
	my %present    = map { $_ => 1 } @categories;
	is_deeply(
		[ map { $_->{file_name} } @{ $scene->{files} } ],
		[   map { sprintf '%03d_%s.txt', $_ + 1, $categories[$_] } 0 .. $#categories
		],
		"$scene->{lea}: file names");
	is_deeply(\@categories, [ grep { $present{$_} } qw(Removals Exits Updates) ],
		"$scene->{lea}: as few files as possible");
	return;
}

# Each difference has one record of the right kind, and nothing else is sent.
sub check_operations
{
	my ($scene) = @_;
	my %ssids = map { $_ => 1 } keys %{ $scene->{students} }, keys %{ $scene->{sent} };
	my @wrong;
	for my $ssid (sort keys %ssids)
	{
		my $why = wrong_operations($scene, $ssid) or next;
		push @wrong, "$why\n" . story($scene, $ssid);
	}
	none_wrong("$scene->{lea}: one record for each difference", 'students', @wrong);
	return;
}

# Why a student's records are not as expected, undef when they are.
sub wrong_operations
{
	my ($scene, $ssid) = @_;
	my $student = $scene->{students}{$ssid} or return 'unknown student';
	my %sent;
	for my $operation (@{ $scene->{sent}{$ssid} // [] })
	{
		my $key = program_key($operation->{record});
		return "two records for $key" if $sent{$key};
		$sent{$key} = $operation;
	}
	my %keys = (%sent, %{ $student->{differences} });
	for my $key (sort keys %keys)
	{
		next if $student->{doubtful}{ (split / /, $key)[1] };
		next if $scene->{is_early} && says_what_is_known($student, $key, $sent{$key});
		my $why = wrong_operation($student, $key, $sent{$key});
		return "$why: $key" if $why;
	}
	return undef;
}

# A record that was written before CALPADS closed the program by itself.
sub says_what_is_known
{
	my ($student, $key, $operation) = @_;
	return 0 if $student->{differences}{$key} || $operation->{file}{category} ne 'Exits';
	my ($row) = grep { program_key($_) eq $key } @{ $student->{before} };
	return $row && state_line($row) eq state_line($operation->{record});
}

sub wrong_operation
{
	my ($student, $key, $operation) = @_;
	my $kind = $student->{differences}{$key} or return 'no difference';
	return "not sent ($kind)" unless $operation;
	my $record = $operation->{record};
	return "$operation->{file}{category} for $kind"
	  unless $operation->{file}{category} =~ $CATEGORY{$kind};
	return 'transaction type'
	  if ($record->{transaction_type_code} eq 'D') != ($kind eq 'remove');
	return undef if $kind eq 'remove';
	return 'record differs from the target'
	  if sis_line($record) ne sis_line($student->{after}{$key});
	return undef;
}

# Each file into the stand-in first; what that takes is posted here too.
sub post_programs
{
	my ($scene) = @_;
	my $programs = $scene->{calpads}->programs;
	for my $file (@{ $scene->{files} })
	{
		my ($records) = $programs->read_file($file->{bytes});
		my @refused = $programs->post_file($file->{bytes}, $scene->{lea});
		ok(!@refused, "$scene->{lea}: $file->{file_name} is posted")
		  or return diag map {
			my $record = $records->[ $_->{line} - 1 ];
			("$file->{file_name} line $_->{line}: $_->{rule} $_->{text}\n",
				story($scene, $record->{ssid}))
		  } first_of(@refused);
		$scene->{database}->post_file($file);
	}
	return;
}

sub check_end_state
{
	my ($scene) = @_;
	my $after = expected_programs($scene, $scene->{lea});
	my @wrong;
	for my $ssid (sort keys %$after)
	{
		my $student = $after->{$ssid};
		my @left = grep { !$student->{doubtful}{ (split / /, $_)[1] } }
		  sort keys %{ $student->{differences} };
		push @wrong, "$student->{differences}{$left[0]}: $left[0]\n" . story($scene, $ssid)
		  if @left;
	}
	none_wrong("$scene->{lea}: the end state is the SIS picture", 'students', @wrong);
	return;
}

#----------------------------------------------------------------------
# Telling what happened
#----------------------------------------------------------------------

# A student's enrollments and programs in CALPADS and in the target, and what
# was sent.
sub story
{
	my ($scene, $ssid) = @_;
	my ($student) =
	  grep { $_->{ssid} eq $ssid } @{ $scene->{district}{students} };
	my $of_student = $scene->{students}{$ssid};
	my $text = "  $scene->{name}, student $ssid (lags: $student->{lags}; "
	  . $scene->{programs}->lags_of($student) . ")\n";
	my @before = $of_student ? @{ $of_student->{before} } : $scene->{calpads}->programs->rows($ssid);
	$text .= '    enrolled ' . join(' ', map { $_ eq '' ? '-' : $_ } @$_{
			qw(school_of_attendance enrollment_start_date enrollment_exit_date
			  student_exit_reason_code enrollment_status_code)}) . "\n"
	  for $scene->{calpads}->rows($ssid);
	$text .= '    CALPADS  ' . short($_) . "\n" for @before;
	$text .= '    SIS      ' . short($_) . ($_->{broken} ? ' held' : '') . "\n"
	  for grep { $_->{ssid} eq $ssid } $scene->{programs}->target, $scene->{programs}->held;
	$text .= "    $_->{file}{file_name} $_->{record}{transaction_type_code} "
	  . short($_->{record}) . "\n"
	  for @{ $scene->{sent}{$ssid} // [] };
	return $text;
}

sub short
{
	my ($row) = @_;
	return join ' ', program_key($row), map { $row->{$_} eq '' ? '-' : $row->{$_} } $END,
	  @PROGRAM_DETAILS;
}
