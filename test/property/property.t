# The promise of the extension, tried on random districts: the files that it
# writes are posted, in order, into a stand-in for CALPADS that holds the
# baseline.  No record is refused, the end state equals the SIS picture, and a
# second delta is empty; with as few files and records as that allows.
#
# Needs a server with the extension installed, reached by PGHOST and PGPORT as
# a superuser; makes its own database and drops it.
#
#     prove -Itest/property test/property/property.t
#
# PROPERTY_DISTRICTS  how many districts (25)
# PROPERTY_SEED       the first seed (1); a failure names its seed
# PROPERTY_KIND       mixed or adversarial (both in turn)

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CalendarDay qw(add_days);
use CalpadsStandIn qw(@COMPARED_FIELDS record_line row_key is_inert);
use DistrictDatabase;
use EnrollmentRow qw(@EXIT_DETAILS);
use ExpectedDelta
  qw(expected_students shorter_succession most_of_one_student);
use PropertyCheck qw(first_of none_wrong same_lines);
use RandomDistrict;
use Test::More;

binmode Test::More->builder->$_, ':encoding(UTF-8)'
  for qw(output failure_output todo_output);

my $DISTRICTS = $ENV{PROPERTY_DISTRICTS} // 25;
my $SEED      = $ENV{PROPERTY_SEED}      // 1;
my @KINDS     = $ENV{PROPERTY_KIND} // qw(mixed adversarial);

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
	my $run = {
		district => $district,
		name     => "seed $seed, $kind, today $district->{today}",
		calpads  => $district->stand_in,
		database => DistrictDatabase->new($district),
	};
	check_sis_picture($run);
	load_everything($run);
	$run->{held} = $run->{database}->held;

	my @files = $run->{database}->create_extract;
	my @again = $run->{database}->create_extract;
	is_deeply(bytes_by_name(@again), bytes_by_name(@files), 'same input, same bytes');
	for my $lea ($district->leas)
	{
		check_lea($run, $lea, grep { $_->{lea} eq $lea } @again);
	}
	is($run->{database}->delta_count, 0, 'second delta is empty');
	is(scalar $run->{database}->create_extract, 0, 'no file is written');
	load_everything($run);
	is($run->{database}->delta_count, 0, 'delta is empty after a fresh load');
	return;
}

# Every LEA's extract, with or without the schools that are not selected and
# the years before the window.
sub load_everything
{
	my ($run) = @_;
	my $district = $run->{district};
	my %options = $district->ods_options;
	for my $lea ($district->leas)
	{
		my $bytes = $run->{calpads}->ods_extract(lea => $lea, %options);
		is($run->{database}->load_ods($bytes), 0, "ODS extract of $lea is read");
	}
	return;
}

sub bytes_by_name
{
	return { map { ("$_->{lea} $_->{file_name}" => $_->{bytes}) } @_ };
}

# sis.senr is the picture that the district was made from.
sub check_sis_picture
{
	my ($run) = @_;
	my $district = $run->{district};
	my %selected = map { $_->{cds} => 1 } $district->selected_schools;
	my %expected = map { plain_line($_) => 1 }
	  grep { $selected{ $_->{school_of_attendance} } }
	  grep { $_->{enrollment_start_date} ge $district->window_start }
	  $district->target;
	my %found = map { $_ => 1 } $run->{database}->sis_lines;
	same_lines('sis.senr is the picture of the district', $run, \%expected, \%found);
	return;
}

# A record as a line without transaction type and local record id.
sub plain_line
{
	my ($row) = @_;
	return record_line(
		{ %$row, transaction_type_code => '', local_record_id => '' });
}

#----------------------------------------------------------------------
# One LEA
#----------------------------------------------------------------------

sub check_lea
{
	my ($run, $lea, @files) = @_;
	my $scene = {
		%$run,
		lea      => $lea,
		files    => \@files,
		before   => $run->{calpads}->copy,
		students => expected_students($run->{calpads}, $run->{district}, $lea),
		sent     => {},
	};
	read_files($scene);
	judge_students($scene);
	check_names($scene);
	check_out_of_order($scene);
	post_files($scene);
	check_operations($scene);
	check_end_state($scene);
	check_held($scene);
	check_file_count($scene);
	return;
}

# The records of the files, by student: sent => { ssid => [ records ] }, each
# with its file.
sub read_files
{
	my ($scene) = @_;
	for my $file (@{ $scene->{files} })
	{
		my ($records, @refused) = $scene->{calpads}->read_file($file->{bytes});
		is(scalar @refused, 0, "$file->{file_name} can be read");
		is(scalar @$records, $file->{records}, "$file->{file_name} has its records");
		for my $record (grep { $_ } @$records)
		{
			push @{ $scene->{sent}{ $record->{ssid} } },
			  { record => $record, file => $file, category => $file->{category} };
		}
	}
	return;
}

# A student may be held when CALPADS would refuse the person (SENR0035), or
# when rows that must stay forbid the target.
sub judge_students
{
	my ($scene) = @_;
	my $district = $scene->{district};
	my %contradicted = map { $_->{ssid} => 1 }
	  grep { ($_->{demographics} // '') =~ /gender|birth/ } @{ $district->{students} };
	for my $ssid (keys %{ $scene->{students} })
	{
		my $student = $scene->{students}{$ssid};
		$student->{may_be_held} =
		  $contradicted{$ssid} || $student->{unreachable} ? 1 : 0;
	}
	return;
}

# 001_Removals.txt, 002_Exits.txt, …: no gaps, at most one file of removals.
sub check_names
{
	my ($scene) = @_;
	my @files = @{ $scene->{files} };
	is_deeply(
		[ map { $_->{file_name} } @files ],
		[   map { sprintf '%03d_%s.txt', $_ + 1, $files[$_]{category} } 0 .. $#files
		],
		"$scene->{lea}: file names");
	my @removals = grep { $_->{category} eq 'Removals' } @files;
	cmp_ok(scalar @removals, '<=', 1, "$scene->{lea}: one file of removals");
	return;
}

sub check_out_of_order
{
	my ($scene) = @_;
	my (undef, $second) = @{ $scene->{files} };
	return unless $second;
	like($scene->{database}->post_error($second) // '',
		qr/ERROR/, "$scene->{lea}: posting out of order is refused");
	return;
}

# Each file into the stand-in first; what that takes is posted here too.
sub post_files
{
	my ($scene) = @_;
	for my $file (@{ $scene->{files} })
	{
		my @refused = $scene->{calpads}->post_file($file->{bytes}, $scene->{lea});
		ok(!@refused, "$scene->{lea}: $file->{file_name} is posted")
		  or return show_refusals($scene, $file, @refused);
		$scene->{database}->post_file($file);
	}
	return;
}

sub show_refusals
{
	my ($scene, $file, @refused) = @_;
	my ($records) = $scene->{calpads}->read_file($file->{bytes});
	for my $refusal (first_of(@refused))
	{
		my $record = $records->[ $refusal->{line} - 1 ];
		diag "$file->{file_name} line $refusal->{line}: ",
		  "$refusal->{rule} $refusal->{text}\n", story($scene, $record->{ssid});
	}
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
		my $key = row_key($operation->{record});
		return "two records for $key" if $sent{$key};
		return "no difference for $key" unless $student->{by_key}{$key};
		$sent{$key} = $operation;
	}
	return wrong_files(values %sent) // wrong_removals($scene, $student, \%sent)
	  // wrong_changes($student, \%sent)
	  unless $student->{may_be_held};
	return undef;
}

sub wrong_files
{
	my @operations = @_;
	my %seen;
	for my $operation (grep { $_->{category} ne 'Removals' } @operations)
	{
		return "two records in $operation->{file}{file_name}"
		  if $seen{ $operation->{file}{seq} }++;
	}
	return undef;
}

# Rows that must go are deleted, but for one when nothing that the LEA's extract
# shows would be left: that one becomes N470, rather not a secondary one.
sub wrong_removals
{
	my ($scene, $student, $sent) = @_;
	my @gone = map { $_->{before} }
	  grep { $_->{kind} eq 'remove' } @{ $student->{differences} };
	my @unsent = grep { !$sent->{ row_key($_) } } @gone;
	return 'not removed: ' . row_key($unsent[0]) if @unsent;
	my @cancelled =
	  grep { $sent->{ row_key($_) }{category} ne 'Removals' } @gone;
	my $own = grep { $scene->{district}->in_extract($_) } @{ $student->{before} };
	return scalar(@cancelled) . ' rows cancelled instead of removed'
	  if @cancelled != (@gone && $own == @gone ? 1 : 0);
	for my $row (@cancelled)
	{
		my $why = wrong_cancellation($row, $sent->{ row_key($row) }{record});
		return $why if $why;
		return 'a secondary row was kept'
		  if $row->{enrollment_status_code} eq '20'
		  && grep { $_->{enrollment_status_code} ne '20' } @gone;
	}
	return undef;
}

# N470 with the day before the start, the details of an exit cleared, and
# otherwise the enrollment as CALPADS has it.
sub wrong_cancellation
{
	my ($row, $record) = @_;
	my %expected = (
		%$row,
		(map { $_ => '' } @EXIT_DETAILS),
		enrollment_exit_date     => add_days($row->{enrollment_start_date}, -1),
		student_exit_reason_code => 'N470',
	);
	$expected{enrollment_status_code} = '10'
	  if $row->{enrollment_status_code} eq '20';
	my @different = grep { $expected{$_} ne $record->{$_} } @COMPARED_FIELDS;
	return @different ? "N470 record differs in @different" : undef;
}

# Added and changed rows are sent as the target has them, byte for byte, under
# their category.
sub wrong_changes
{
	my ($student, $sent) = @_;
	for my $difference (grep { $_->{kind} ne 'remove' } @{ $student->{differences} })
	{
		my $after     = $difference->{after};
		my $operation = $sent->{ row_key($after) };
		return 'not sent: ' . row_key($after) unless $operation;
		return 'record differs from the target: ' . row_key($after)
		  if plain_line($operation->{record}) ne plain_line($after);
		return "$operation->{category} for " . row_key($after)
		  if $operation->{category} !~ expected_category($difference);
	}
	return undef;
}

# An N470 row that is revived changes its exit and is an update all the same
# (senr.md section 6); both categories are right for it.
sub expected_category
{
	my ($difference) = @_;
	my $before = $difference->{before};
	return qr/\A(?:Exits|Updates)\z/ if $before && is_inert($before);
	return $difference->{kind} eq 'exit' ? qr/\AExits\z/ : qr/\AUpdates\z/;
}

# Only students who may be held differ from the target, and those are held.
sub check_end_state
{
	my ($scene) = @_;
	my $after = expected_students($scene->{calpads}, $scene->{district}, $scene->{lea});
	my @wrong;
	for my $ssid (sort grep { @{ $after->{$_}{differences} } } keys %$after)
	{
		next if $scene->{students}{$ssid}{may_be_held} && $scene->{held}{$ssid};
		push @wrong, story($scene, $ssid);
	}
	none_wrong("$scene->{lea}: the end state is the SIS picture", 'students', @wrong);
	return;
}

# Rows of earlier years that only one side has are held.
sub check_held
{
	my ($scene) = @_;
	my $district = $scene->{district};
	my @wrong;
	for my $row (unmatched_earlier_rows($scene))
	{
		next if $scene->{held}{ $row->{ssid} }{ row_key($row) };
		push @wrong, 'not held: ' . row_key($row) . "\n" . story($scene, $row->{ssid});
	}
	none_wrong("$scene->{lea}: unmatched rows of earlier years are held", 'rows', @wrong);
	return;
}

sub unmatched_earlier_rows
{
	my ($scene) = @_;
	my $district = $scene->{district};
	my $scope    = $district->scope($scene->{lea});
	my $earlier  = sub {
		my ($row) = @_;
		return $scope->{schools}{ $row->{school_of_attendance} }
		  && $row->{reporting_lea} eq $scene->{lea}
		  && $row->{enrollment_start_date} ge $scope->{from}
		  && $row->{enrollment_start_date} lt $scope->{year_start};
	};
	my %sides;
	for my $row ($scene->{before}->rows, $district->target)
	{
		push @{ $sides{"$row->{ssid} " . row_key($row)} }, $row if $earlier->($row);
	}
	my @unmatched = map { $_->[0] } grep { @$_ == 1 } map { $sides{$_} } sort keys %sides;
	return grep { !is_inert($_) } @unmatched;
}

# No more files than the most records of one student ask for; where that is
# not enough, than any succession of files could do with.
sub check_file_count
{
	my ($scene) = @_;
	my %most = most_of_one_student(
		map { { operations => $_ } } values %{ $scene->{sent} });
	my @categories = map { $_->{category} } @{ $scene->{files} };
	my $enough =
	  @categories == $most{Removals} + $most{Exits} + $most{Updates};
	my $shorter = $enough ? undef
	  : shorter_succession(sending_students($scene), scalar @categories);
	ok(!$shorter, "$scene->{lea}: as few files as possible")
	  or diag "$scene->{name}\n  files  @categories\n  enough @$shorter\n",
	  first_of(map { story($scene, $_) } late_exits($scene));
	return;
}

# Students with an exit in a file after one of their updates.
sub late_exits
{
	my ($scene) = @_;
	my @late;
	for my $ssid (sort keys %{ $scene->{sent} })
	{
		my $files = join ' ', map { $_->{category} } @{ $scene->{sent}{$ssid} };
		push @late, $ssid if $files =~ /Updates.*Exits/;
	}
	return @late;
}

# What shorter_succession needs to know.
sub sending_students
{
	my ($scene) = @_;
	my %students;
	for my $ssid (keys %{ $scene->{sent} })
	{
		my ($student) =
		  grep { $_->{ssid} eq $ssid } @{ $scene->{district}{students} };
		my $calpads = $scene->{district}->empty_stand_in;
		$calpads->add_student($ssid, %{ $scene->{before}{students}{$ssid} });
		$calpads->store_rows($scene->{before}->rows($ssid));
		$students{$ssid} =
		  { calpads => $calpads, operations => $scene->{sent}{$ssid} };
	}
	return \%students;
}

#----------------------------------------------------------------------
# Telling what happened
#----------------------------------------------------------------------

# A student's rows before, in the target, as sent, and what is held.
sub story
{
	my ($scene, $ssid) = @_;
	my ($student) = grep { $_->{ssid} eq $ssid } @{ $scene->{district}{students} };
	my $demographics = $student->{demographics} // '';
	my $text = "  $scene->{name}, student $ssid"
	  . " (lags: $student->{lags}; demographics: $demographics)\n";
	$text .= '    CALPADS ' . short($_) . "\n" for $scene->{before}->rows($ssid);
	$text .= '    SIS     ' . short($_) . "\n"
	  for sort { row_key($a) cmp row_key($b) } @{ $student->{target} };
	for my $sent (@{ $scene->{sent}{$ssid} // [] })
	{
		$text .= "    $sent->{file}{file_name} $sent->{record}{transaction_type_code} "
		  . short($sent->{record}) . "\n";
	}
	my $held = $scene->{held}{$ssid} // {};
	$text .= "    held    $_: @{ $held->{$_} }\n" for sort keys %$held;
	return $text;
}

sub short
{
	my ($row) = @_;
	return join ' ', map { $row->{$_} eq '' ? '-' : $row->{$_} }
	  qw(reporting_lea school_of_attendance enrollment_start_date
	  enrollment_exit_date student_exit_reason_code), @COMPARED_FIELDS[ 1, 2, 5 .. 13 ];
}
