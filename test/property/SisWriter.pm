package SisWriter;

# Writes a random district into the SIS tables, the way a school's clerks would
# have entered it: local codes with translation rows, blanks as '', one space
# or NULL, a STU row for each school, enrollments split by program changes that
# mean nothing to CALPADS, deleted rows.  What CALPADS should see of it is known
# beforehand (RandomDistrict::target); this is the way back.
#
# Sources: aeries_logic.md sections 1 to 6 and 12, sis_tables.tsv.

use strict;
use warnings;
use Exporter qw(import);
use CalendarDay qw(add_days day_number);
use RandomChoice qw(pick chance between);

our @EXPORT_OK = qw(sis_script sis_settings copy_command);

# Settings (name => value) that belong to a district.
sub sis_settings
{
	my ($district) = @_;
	my ($charter) = grep { $_->{lea} ne $district->{lea} } $district->all_schools;
	my $by = $charter ? $district->{charter_by} : '';
	return (
		today         => $district->{today} =~ s/(....)(..)(..)/$1-$2-$3/r,
		file_encoding => $district->{encoding} eq 'cp1252' ? 'windows-1252' : 'utf8',
		removal_limit_percent       => 100,
		golden_state_seal_code      => 'GSM',
		biliteracy_seal_code        => 'SBL',
		transition_status_field     => 'u1',
		lea_from_school             => $by eq 'school_record' ? 'on' : 'off',
		independent_charter_schools => $by eq 'charter_list' ? $charter->{sc} : '',
	);
}

# A psql script that fills empty SIS tables in schema sis.
sub sis_script
{
	my ($district) = @_;
	srand $district->{seed} + 1;
	my $sis = {
		district => $district,
		tables   => { map { $_ => [] } qw(loc xrf chi day stu enr lsi cse act) },
		codes    => local_codes(),
		numbers  => {},
	};
	write_schools($sis);
	write_translations($sis);
	write_calendar($sis);
	write_student($sis, $_) for @{ $district->{students} };
	return join '', school_selection($district),
	  (map { copy_command("sis.$_", $sis->{tables}{$_}) }
		  sort keys %{ $sis->{tables} }), "ANALYZE;\n";
}

#----------------------------------------------------------------------
# COPY
#----------------------------------------------------------------------

sub put
{
	my ($sis, $table, %row) = @_;
	push @{ $sis->{tables}{$table} }, \%row;
	return;
}

# All rows of a table have the same columns.
sub copy_command
{
	my ($table, $rows) = @_;
	return '' unless @$rows;
	my @columns = sort keys %{ $rows->[0] };
	my $lines   = join '', map { copy_line(@$_{@columns}) . "\n" } @$rows;
	return "COPY $table (" . join(', ', @columns) . ") FROM STDIN;\n$lines\\.\n";
}

sub copy_line
{
	return join "\t", map { defined $_ ? s/([\\\t\n\r])/\\$1/gr : '\N' } @_;
}

# The ways in which a field is empty.
sub blank
{
	return pick('', ' ', undef);
}

sub or_blank
{
	my ($value) = @_;
	return $value eq '' ? blank() : $value;
}

#----------------------------------------------------------------------
# Schools, calendar, translations
#----------------------------------------------------------------------

sub write_schools
{
	my ($sis) = @_;
	my $district = $sis->{district};
	put_school($sis, sc => 0, cds => '0000000', lea => $district->{lea});
	put_school($sis, %$_) for $district->all_schools;
	put_virtual_school($sis) if $district->{virtual_school};
	for my $school ($district->all_schools)
	{
		put($sis, 'chi',
			id  => $school->{sc},
			ty  => '1',
			cds => "$school->{lea}$school->{cds}");
	}
	return;
}

# An independent charter has the county and district of its neighbours; only a
# setting says that it reports for itself.
sub put_school
{
	my ($sis, %school) = @_;
	my $lea = $school{lea} eq ($school{cds}) ? $sis->{district}{lea} : $school{lea};
	my $why = $school{unselected} // '';
	put(
		$sis, 'loc',
		cd  => $school{sc},
		nm  => "School $school{sc}",
		cc  => substr($lea, 0, 2),
		dc  => substr($lea, 2),
		sc  => $school{cds},
		tg  => $why eq 'tag' ? 'I' : pick('', ' '),
		dnr => $why eq 'dnr' ? 't' : 'f',
		u   => $why eq 'summer' ? 1 : 0,
	);
	return;
}

# A school without codes of its own: its enrollments name the school that
# reports them.
sub put_virtual_school
{
	my ($sis) = @_;
	put(
		$sis, 'loc',
		cd  => $sis->{district}{virtual_school},
		nm  => 'Virtual School',
		cc  => blank(),
		dc  => blank(),
		sc  => blank(),
		tg  => ' ',
		dnr => 'f',
		u   => 0,
	);
	return;
}

sub school_selection
{
	my ($district) = @_;
	return join '', map {
		"INSERT INTO calpads.school_selection (sc, selected) VALUES ($_->{sc}, false);\n"
	} grep { ($_->{unselected} // '') eq 'choice' } $district->all_schools;
}

# The school days of the current year, one a week.
sub write_calendar
{
	my ($sis) = @_;
	my $district = $sis->{district};
	my $year     = $district->{year};
	for my $sc (0, map { $_->{sc} } $district->all_schools)
	{
		my $number = 0;
		for (my $day = $district->first_day($year);
			$day lt $district->last_day($year);
			$day = add_days($day, 7))
		{
			put_day($sis, $sc, ++$number, $day);
		}
		put_day($sis, $sc, ++$number, $district->last_day($year));
	}
	return;
}

sub put_day
{
	my ($sis, $sc, $number, $day) = @_;
	put(
		$sis, 'day',
		sc  => $sc,
		dy  => $number,
		dt  => $day,
		ho  => pick('', ' '),
		del => 'f');
	return;
}

# Local code sets of a district: field => { CALPADS code => [local codes] }.
# A set that is missing has no translation rows: the CALPADS codes stand in the
# SIS as they are.
sub local_codes
{
	my %grades = (PS => [-2], TK => [-1], KN => [0]);
	$grades{ sprintf '%02d', $_ } = [$_] for 1 .. 12;
	my %exits = map { $_ => [ substr $_, 1 ] }
	  qw(E140 E170 E230 E400 E410 E450 N470 T165 T167 T180 T200 T240 T380);
	$exits{T160} = [ '160', '161', 'TR' ];
	my %codes = (GR => \%grades);
	$codes{RS} = \%exits if chance(0.8);
	$codes{SP} = { 10 => [ 'P', 'Q' ], 20 => ['S'], 30 => ['T'], 50 => ['N'] }
	  if chance(0.8);
	$codes{IT} = { 1 => ['A'], 4 => [ 'D', 'E' ], 6 => ['O'] } if chance(0.6);
	$codes{HSG} =
	  { 100 => [ 'G', 'H' ], 120 => ['C'], 320 => ['Q'], 360 => ['X'],
		480 => ['P'], 485 => ['L'] }
	  if chance(0.6);
	$codes{BST} = { 'US-CA' => ['CA'], 'US-NV' => ['NV'], 'MX-BCN' => ['BC'] }
	  if chance(0.6);
	return \%codes;
}

sub local_code
{
	my ($sis, $set, $code) = @_;
	return '' if $code eq '';
	my $locals = ($sis->{codes}{$set} // {})->{$code} or return $code;
	return pick(@$locals);
}

# XRF rows; deleted ones contradict the true ones.
sub write_translations
{
	my ($sis) = @_;
	for my $set (sort keys %{ $sis->{codes} })
	{
		my $codes = $sis->{codes}{$set};
		for my $code (sort keys %$codes)
		{
			put_translation($sis, $set, $_, $code, 'f') for @{ $codes->{$code} };
			my ($wrong) = grep { $_ ne $code } sort keys %$codes;
			put_translation($sis, $set, $codes->{$code}[0], $wrong, 't')
			  if chance(0.2);
		}
	}
	return;
}

sub put_translation
{
	my ($sis, $set, $local, $code, $deleted) = @_;
	put(
		$sis, 'xrf',
		tc  => 'CLPD',
		sc  => 0,
		tc1 => $set eq 'RS' ? 'ATT' : 'STU',
		fc1 => $set,
		cd1 => $local,
		cd  => $code,
		del => $deleted);
	return;
}

#----------------------------------------------------------------------
# A student
#----------------------------------------------------------------------

# ENR rows for the whole life, and a STU row for each school of it.
sub write_student
{
	my ($sis, $student) = @_;
	my @rows = @{ $student->{target} } or return;
	my %of_school;
	push @{ $of_school{ $_->{school_of_attendance} } }, $_
	  for sort { $a->{enrollment_start_date} cmp $b->{enrollment_start_date} } @rows;
	write_legal_names($sis, $student);
	for my $school ($sis->{district}->all_schools)
	{
		my $at_school = $of_school{ $school->{cds} } or next;
		write_at_school($sis, $student, $school, $at_school);
	}
	write_special_education($sis, $student, @rows);
	write_seals($sis, $student, $_) for @rows;
	return;
}

# What STU says when ENR is silent: only where one row alone could be meant.
sub write_at_school
{
	my ($sis, $student, $school, $rows) = @_;
	my $virtual = chance(0.1) ? $sis->{district}{virtual_school} : undef;
	my $sc      = $virtual // $school->{sc};
	my $number  = ++$sis->{numbers}{$sc};
	my @pieces  = map { pieces_of($sis, $_, @$rows) } @$rows;
	my $entry  = {
		id     => $student->{person}{local_student_id},
		sc     => $sc,
		home   => $virtual ? $school->{sc} : 0,
		number => $number,
		rows   => $rows,
		silent => @pieces == 1 ? { map { $_ => chance(0.15) } qw(gr pr it itd) } : {},
	};
	write_pieces($sis, $entry, @pieces);
	write_deleted_piece($sis, $entry, $pieces[0]) if chance(0.1);
	write_stu($sis, $student, $entry, $pieces[-1]);
	write_deleted_stu($sis, $student, $entry) if chance(0.04);
	return;
}

# The ENR rows of one row of CALPADS.
sub pieces_of
{
	my ($sis, $row, @at_school) = @_;
	my $start = $row->{enrollment_start_date};
	my @pieces;
	for my $cut (cuts_of($sis, $row, @at_school))
	{
		push @pieces, { row => $row, start => $start, end => $cut, reason => '440' };
		$start = add_days($cut, 1);
	}
	return (@pieces, { row => $row, start => $start,
		end => $row->{enrollment_exit_date}, reason => local_exit($sis, $row) });
}

# Days on which a program change (440) cuts a row where nothing that CALPADS
# knows has changed; none when another row at the school begins inside.
sub cuts_of
{
	my ($sis, $row, @at_school) = @_;
	return () unless chance(0.12);
	my $start = $row->{enrollment_start_date};
	my $end   = $row->{enrollment_exit_date} || $sis->{district}{today};
	return () if grep {
		     $_ != $row
		  && $_->{enrollment_start_date} ge $start
		  && $_->{enrollment_start_date} le $end
	} @at_school;
	my $length = day_number($end) - day_number($start);
	return () if $length < 2;
	my %cuts = map { add_days($start, between(0, $length - 1)) => 1 } 1 .. between(1, 2);
	return sort keys %cuts;
}

# The local exit reason.  A program change is 440 also when CALPADS sees it
# (E150); secondary rows leave with E170 whatever the local code says.
sub local_exit
{
	my ($sis, $row) = @_;
	my $reason = $row->{student_exit_reason_code};
	return '440' if $reason eq 'E150';
	$reason = pick('E170', 'T160', 'E155', 'T180')
	  if $reason eq 'E170' && $row->{enrollment_status_code} eq '20';
	return local_code($sis, 'RS', $reason);
}

# Now and then ENR has nothing of an active student: STU stands for the one
# open row of the year.
sub write_pieces
{
	my ($sis, $entry, @pieces) = @_;
	my $year_start = $sis->{district}->year_start;
	if (@pieces == 1
		&& $pieces[0]{end} eq ''
		&& $pieces[0]{start} ge $year_start
		&& chance(0.05))
	{
		$entry->{silent}{$_} = 1 for qw(gr pr it itd);
		return;
	}
	put($sis, 'enr', enr_columns($sis, $entry, $_)) for @pieces;
	return;
}

# A deleted enrollment that would be another one if it counted.
sub write_deleted_piece
{
	my ($sis, $entry, $piece) = @_;
	my $start = add_days($piece->{start}, pick(-2, 0, 3));
	put($sis, 'enr', enr_columns($sis, $entry, { %$piece, start => $start }),
		del => 't');
	return;
}

sub enr_columns
{
	my ($sis, $entry, $piece) = @_;
	my $row    = $piece->{row};
	my $silent = $entry->{silent};
	my $nps    = $row->{school_of_attendance_nps};
	my $next   = next_school($sis, $row);
	return (
		id  => $entry->{id},
		sc  => $entry->{sc},
		sn  => $entry->{number},
		yr  => substr($row->{academic_year_id}, 0, 4),
		ed  => $piece->{start},
		ld  => $piece->{end} || undef,
		er  => or_blank($piece->{reason}),
		gr  => $silent->{gr} ? undef : local_code($sis, 'GR', $row->{grade_level_code}),
		pr  => $silent->{pr} ? blank()
		: local_code($sis, 'SP', $row->{enrollment_status_code}),
		tr  => pick('A', 'B', ''),
		it  => $silent->{it} ? blank()
		: or_blank(local_code($sis, 'IT', $row->{student_school_transfer_code})),
		itd => $silent->{itd} ? blank() : or_blank(residence_code($row)),
		hs  => $entry->{home} || pick(0, undef),
		ns  => $piece->{reason} eq '440' ? blank() : or_blank($next),
		nps => $nps && chance(0.5) ? $nps : blank(),
		del => 'f',
	);
}

# The 14-digit code of the district of residence.
sub residence_code
{
	my ($row) = @_;
	my $district = $row->{district_of_geographic_residence_code};
	return $district eq '' ? '' : $district . '0000000';
}

sub next_school
{
	my ($sis, $row) = @_;
	my $cds = $row->{expected_receiver_school_of_attendance};
	my ($school) = grep { $_->{cds} eq $cds } $sis->{district}->all_schools;
	return $school ? $school->{sc} : '';
}

sub write_stu
{
	my ($sis, $student, $entry, $piece) = @_;
	put($sis, 'stu', stu_columns($sis, $student, $entry, $piece));
	return;
}

# A deleted STU row of another person under the same id and school.
sub write_deleted_stu
{
	my ($sis, $student, $entry) = @_;
	my $row  = $student->{target}[0];
	my %gone = stu_columns($sis, $student,
		{ %$entry, number => 5000 + $entry->{number} }, { row => $row, start => '20200101' });
	put($sis, 'stu', %gone, ln => 'Deleted', fn => 'Row', gn => 'X', del => 't');
	return;
}

# STU of one school.  STU describes today: what ENR says of its own rows may
# differ, and wins.  Where ENR has a blank that means none, STU must be blank.
sub stu_columns
{
	my ($sis, $student, $entry, $piece) = @_;
	my $row    = $piece->{row};
	my $active = $row->{enrollment_start_date} ge $sis->{district}->year_start;
	my @rows   = @{ $entry->{rows} };
	my $no_transfer  = grep { $_->{student_school_transfer_code} eq '' } @rows;
	my $no_residence = grep { residence_code($_) eq '' } @rows;
	my $status = $entry->{silent}{pr} ? $row->{enrollment_status_code} : pick(10, 20);
	my $grade  = $entry->{silent}{gr} ? $row->{grade_level_code} : $student->{grade};
	return (
		sc  => $entry->{sc},
		sn  => $entry->{number},
		id  => $entry->{id},
		cid => or_blank($student->{ssid}),
		person_columns($sis, $student),
		gr  => local_code($sis, 'GR', $grade),
		ed  => $piece->{start},
		tg  => $active ? pick('', ' ') : 'I',
		sp  => local_code($sis, 'SP', $status),
		it  => $no_transfer ? blank()
		: local_code($sis, 'IT', $row->{student_school_transfer_code}),
		itd => $no_residence ? blank() : residence_code($row),
		hs  => $entry->{home},
		hsg => or_blank(local_code($sis, 'HSG', $row->{student_school_completion_status})),
		cco => or_blank($row->{student_met_all_uc_csu_requirements_indicator}),
		gex => or_blank($row->{graduation_exemption_indicator}),
		del => 'f',
	);
}

sub person_columns
{
	my ($sis, $student) = @_;
	my $person = $student->{person};
	my $legal  = $student->{has_legal_row};
	return (
		fn  => $legal ? 'Preferred' : $person->{student_legal_first_name},
		ln  => $legal ? 'Name'      : $person->{student_legal_last_name},
		mn  => or_blank($person->{student_legal_middle_name}),
		sf  => or_blank($person->{student_legal_name_suffix_code}),
		fna => or_blank($person->{student_alias_first_name}),
		mna => or_blank($person->{student_alias_middle_name}),
		lna => or_blank($person->{student_alias_last_name}),
		bd  => $person->{student_birth_date},
		gn  => $legal ? 'X' : $person->{student_gender_code},
		sx  => pick('M', 'F'),
		bcy => or_blank($person->{student_birth_city}),
		bst => or_blank(local_code($sis, 'BST', $person->{student_birth_state_province_code})),
		bcu => $person->{student_birth_country_code},
	);
}

# LSI beats STU wherever it is filled.
sub write_legal_names
{
	my ($sis, $student) = @_;
	$student->{has_legal_row} = chance(0.1) or return;
	my $person = $student->{person};
	put(
		$sis, 'lsi',
		id  => $person->{local_student_id},
		lfn => $person->{student_legal_first_name},
		lln => $person->{student_legal_last_name},
		lmn => blank(),
		lsf => blank(),
		gn  => $person->{student_gender_code},
	);
	return;
}

# CSE.SS holds the NPS code where ENR does not; CSE.U1 was chosen for the
# transition status.
sub write_special_education
{
	my ($sis, $student, @rows) = @_;
	my ($at_nps) = grep { $_->{school_of_attendance_nps} ne '' } @rows;
	return unless $at_nps || $student->{transition} ne '' || chance(0.05);
	put(
		$sis, 'cse',
		id  => $student->{person}{local_student_id},
		ss  => $at_nps ? $at_nps->{school_of_attendance_nps} : blank(),
		u1  => or_blank($student->{transition}),
		del => 'f');
	return;
}

# The seals of a graduate are activities in the school year of the exit.
sub write_seals
{
	my ($sis, $student, $row) = @_;
	my %code_of = (
		student_golden_state_seal_merit_diploma_indicator => 'GSM',
		student_seal_of_biliteracy_indicator              => 'SBL',
	);
	for my $field (grep { $row->{$_} eq 'Y' } sort keys %code_of)
	{
		put(
			$sis, 'act',
			pid => $student->{person}{local_student_id},
			cd  => $code_of{$field},
			dt  => $row->{enrollment_exit_date});
	}
	return;
}

1;
