package CalpadsCodes;

# The code sets of the SENR record as the stand-in for CALPADS knows them,
# written down independently of the extension's own reference data.
#
# A code is valid in the academic years first..last; an open end is undef.
# Sources: CALPADS Data Guide v11.0, CDE Valid Code Combinations v12.0, and the
# later changes named in senr.md sections 1 and 15.

use strict;
use warnings;
use Exporter qw(import);

our @EXPORT_OK =
  qw(code_problem grade_fits_exit grade_fits_completion);

# code => [first academic year, last academic year]
my %CODES = (
	enrollment_status_code => {
		(map { $_ => [] } qw(10 20 30)),
		40 => [ undef, '2018-2019' ],
		50 => [ '2019-2020', undef ],
	},
	grade_level_code => {
		(map { $_ => [] } qw(IN TD PS KN AD), map { sprintf '%02d', $_ } 1 .. 12),
		TK => [ '2023-2024', undef ],
		UE => [ undef,       '2017-2018' ],
		US => [ undef,       '2017-2018' ],
		UU => [ undef,       '2015-2016' ],
	},
	student_exit_reason_code => {
		(   map { $_ => [] }
			  qw(E125 E130 E140 E156 E170 E230 E300 E400 E410 E450 N420 N430
			  N470 T160 T165 T167 T180 T200 T240 T260 T280 T370 T380)),
		E150 => [ '2014-2015', undef ],
		E155 => [ '2013-2014', undef ],
		E490 => [ undef,       '2013-2014' ],
		(map { $_ => [ undef, '2017-2018' ] } qw(T270 T310 T460)),
	},
	student_school_completion_status => {
		(map { $_ => [] } qw(100 120 250 320 330 360 480)),
		104 => [ undef, '2013-2014' ],
		(map { $_ => [ undef, '2014-2015' ] } qw(106 108)),
		485 => [ '2020-2021', undef ],
	},
	student_gender_code          => { map { $_ => [] } qw(F M X) },
	student_school_transfer_code => { map { $_ => [] } 1 .. 6 },
	student_birth_country_code   => { map { $_ => [] } qw(
		AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI
		BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN
		CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK
		FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM
		HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN
		KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK
		ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP
		NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW
		SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF
		TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI
		VN VU WF WS YE YT ZA ZM ZW UU	) },
	student_birth_state_province_code => { map { $_ => [] } qw(
		CA-AB CA-BC CA-MB CA-NB CA-NL CA-NS CA-NT CA-NU CA-ON CA-PE CA-QC CA-SK
		CA-YT MX-AGU MX-BCN MX-BCS MX-CAM MX-CHH MX-CHP MX-COA MX-COL MX-DIF
		MX-DUR MX-GRO MX-GUA MX-HID MX-JAL MX-MEX MX-MIC MX-MOR MX-NAY MX-NLE
		MX-OAX MX-PUE MX-QUE MX-ROO MX-SIN MX-SLP MX-SON MX-TAB MX-TAM MX-TLA
		MX-VER MX-YUC MX-ZAC US-AA US-AE US-AK US-AL US-AP US-AR US-AS US-AZ
		US-CA US-CO US-CT US-DC US-DE US-FL US-FM US-GA US-GU US-HI US-IA US-ID
		US-IL US-IN US-KS US-KY US-LA US-MA US-MD US-ME US-MH US-MI US-MN US-MO
		US-MP US-MS US-MT US-NC US-ND US-NE US-NH US-NJ US-NM US-NV US-NY US-OH
		US-OK US-OR US-PA US-PR US-PW US-RI US-SC US-SD US-TN US-TX US-UT US-VA
		US-VI US-VT US-WA US-WI US-WV US-WY	) },
);

for my $indicator (
	qw(student_met_all_uc_csu_requirements_indicator
	student_golden_state_seal_merit_diploma_indicator
	student_seal_of_biliteracy_indicator
	adult_age_students_with_disabilities_in_transition_status
	graduation_exemption_indicator))
{
	$CODES{$indicator} = { Y => [], N => [] };
}

my $EARLY   = 'IN|TD|PS';
my $LOWER   = 'TK|KN|0[1-6]';
my $UPPER   = '0[7-9]|1[0-2]|AD|US';
my $ANY     = "$EARLY|$LOWER|$UPPER|UE|UU";
my $DIPLOMA = '1[0-2]|US';

# Exit reasons that not every grade may have; TK counts as KN.
my %GRADES_OF_EXIT = (
	E125 => $UPPER,
	E156 => '12',
	E450 => $EARLY,
	T260 => $UPPER,
	T270 => $UPPER,
	T280 => $UPPER,
);

# Until 2019-2020 E450 was also the exit of grades KN to 06.
my $E450_YEARS  = '2019-2020';
my $E450_BEFORE = "$EARLY|KN|0[1-6]|UE|UU";

my %GRADES_OF_COMPLETION = (
	100 => $DIPLOMA,
	104 => "$DIPLOMA|AD",
	106 => "$DIPLOMA|AD",
	108 => "$DIPLOMA|AD",
	120 => $DIPLOMA,
	250 => '1[12]|AD',
	320 => $UPPER,
	330 => $UPPER,
	360 => '12',
	480 => 'IN|PS|TK|KN|0[1-9]|1[01]|UE|US',
	485 => 'IN|PS|TK|KN|0[1-9]|1[01]',
);

# Says what is wrong with a code of a field in an academic year: 'GERR0002'
# (no such code), 'GERR0007' (not valid in that year), or undef (nothing, or
# the field has no code set).
sub code_problem
{
	my ($field, $code, $academic_year) = @_;
	my $set = $CODES{$field} or return undef;
	my $years = $set->{$code} or return 'GERR0002';
	my ($first, $last) = @$years;
	return 'GERR0007' if defined $first && $academic_year lt $first;
	return 'GERR0007' if defined $last  && $academic_year gt $last;
	return undef;
}

# True when a grade may leave with an exit reason in an academic year.
sub grade_fits_exit
{
	my ($exit_reason, $grade, $academic_year) = @_;
	my $grades = $GRADES_OF_EXIT{$exit_reason} // $ANY;
	$grades = $E450_BEFORE
	  if $exit_reason eq 'E450' && $academic_year le $E450_YEARS;
	return $grade =~ /\A(?:$grades)\z/;
}

# True when a grade may have a completion status.
sub grade_fits_completion
{
	my ($completion, $grade) = @_;
	my $grades = $GRADES_OF_COMPLETION{$completion} or return 0;
	return $grade =~ /\A(?:$grades)\z/;
}

1;
