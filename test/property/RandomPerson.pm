package RandomPerson;

# Names, births and codes of made-up students: the demographic fields 1.09 to
# 1.21 of the record.

use strict;
use warnings;
use utf8;
use Exporter qw(import);
use CalendarDay qw(date8 day_of day_number);
use RandomChoice qw(pick chance between weighted);

our @EXPORT_OK = qw(random_person other_person);

my @FIRST = (
	'Maria', 'José', 'María José', 'Zoë', 'Renée', "D'Andre", 'Jean-Luc',
	'Ana Sofía', 'Xóchitl', 'Lee', 'O', 'Mary Ann', 'Robert "Bob"', 'Björn',
	'Þór', 'Anaïs', "Ja'Nae", 'Li', 'Iñaki', 'Noël', 'Søren', 'François',
	'Maximilianus-Alexander-Joseph',
);
my @MIDDLE = ('', '', '', 'A', 'de la Luz', 'Ángel', 'J.', 'Marie');
my @LAST   = (
	'Smith', 'García López', 'Nuñez', "O'Connor", 'Smith-Jones', 'de la Cruz',
	'Muñoz-Peña', 'Müller', "D'Angelo", 'Lee', 'St. John', 'Ibáñez', 'Çelik',
	'Åström', 'Van Der Berg', 'Ñandú', 'Guðmundsdóttir "Gudda"',
	'Wolfeschlegelsteinhausenbergerdorff-García y Muñoz',
);

# Names that Windows-1252 cannot write.
my @WIDE_FIRST = ('Łukasz', 'Nguyễn', 'Đặng', 'Zoë Ş', 'Lí Ťan');
my @WIDE_LAST  = ('Nguyễn', 'Dvořák', 'Kovačević', 'Żuławski', 'Şahin');
my @CITIES     = ('', 'Los Angeles', 'San José', 'La Cañada Flintridge', 'Tijuana');
my @SUFFIXES   = ('', '', '', '', '', '', 'JR', 'II', 'III');

# A person who is so many years old on September 1 of a year.  wide: names may
# hold letters outside of Windows-1252.
sub random_person
{
	my ($id, $age, $year, $wide) = @_;
	my ($country, $state) = random_birth_place();
	my @first = ($wide && chance(0.15)) ? @WIDE_FIRST : @FIRST;
	my @last  = ($wide && chance(0.15)) ? @WIDE_LAST  : @LAST;
	return {
		local_student_id                  => $id,
		student_legal_first_name          => pick(@first),
		student_legal_middle_name         => pick(@MIDDLE),
		student_legal_last_name           => pick(@last),
		student_legal_name_suffix_code    => pick(@SUFFIXES),
		student_alias_first_name          => chance(0.1) ? pick(@FIRST) : '',
		student_alias_middle_name         => chance(0.05) ? pick(@MIDDLE) : '',
		student_alias_last_name           => chance(0.1) ? pick(@LAST) : '',
		student_birth_date                => birth_date($age, $year),
		student_gender_code               => pick(qw(F F F M M M X)),
		student_birth_city                => pick(@CITIES),
		student_birth_state_province_code => $state,
		student_birth_country_code        => $country,
	};
}

# The age on September 1 holds during the whole September to December, and one
# year more or less never breaks the age rules of KN and TK.
sub birth_date
{
	my ($age, $year) = @_;
	return date8(day_of($year - $age, 9, 1) - between(0, 300));
}

sub random_birth_place
{
	return weighted(
		[ 'US', 'US-CA' ]  => 6,
		[ 'US', 'US-NV' ]  => 1,
		[ 'MX', 'MX-BCN' ] => 1,
		[ 'MX', '' ]       => 1,
		[ 'VN', '' ]       => 1)->@*;
}

# The same person as CALPADS knows it, with other demographics: names only, or
# gender, birth year, or both as well.
sub other_person
{
	my ($person, $kind) = @_;
	my %other = (%$person, student_legal_middle_name => 'Other');
	$other{student_legal_last_name} = 'Zyx';
	$other{student_gender_code} = $person->{student_gender_code} eq 'M' ? 'F' : 'M'
	  if $kind =~ /gender/;
	$other{student_birth_date} =
	  date8(day_number($person->{student_birth_date}) - 400)
	  if $kind =~ /birth/;
	return \%other;
}

1;
