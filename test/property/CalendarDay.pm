package CalendarDay;

# Days of the calendar as numbers (days since 1970-01-01) and as CCYYMMDD.
#
# A school year runs from July 1 to June 30 (senr.md section 11); it is named
# by its first calendar year.

use strict;
use warnings;
use Exporter qw(import);

our @EXPORT_OK = qw(day_number date8 day_of age_on school_year
  academic_year add_days);

# Day number of a year, month and day that are known to exist.
sub day_of
{
	my ($year, $month, $day) = @_;
	my $shifted = $month > 2 ? $year : $year - 1;
	my $era     = int($shifted / 400);
	my $of_era  = $shifted - $era * 400;
	my $of_year =
	  int((153 * ($month + ($month > 2 ? -3 : 9)) + 2) / 5) + $day - 1;
	my $days =
	  $of_era * 365 + int($of_era / 4) - int($of_era / 100) + $of_year;
	return $era * 146097 + $days - 719468;
}

# CCYYMMDD of a day number (days of the years 1600 and later).
sub date8
{
	my ($number) = @_;
	my $days     = $number + 719468;
	my $era      = int($days / 146097);
	my $of_era   = $days - $era * 146097;
	my $year     = int(
		(   $of_era
			  - int($of_era / 1460)
			  + int($of_era / 36524)
			  - int($of_era / 146096)) / 365);
	my $of_year =
	  $of_era - (365 * $year + int($year / 4) - int($year / 100));
	my $month_index = int((5 * $of_year + 2) / 153);
	my $day   = $of_year - int((153 * $month_index + 2) / 5) + 1;
	my $month = $month_index < 10 ? $month_index + 3 : $month_index - 9;
	$year += $era * 400 + ($month <= 2 ? 1 : 0);
	return sprintf('%04d%02d%02d', $year, $month, $day);
}

# Day number of CCYYMMDD; undef when that is no day that exists.
sub day_number
{
	my ($text) = @_;
	return undef unless $text =~ /\A(\d{4})(\d\d)(\d\d)\z/a;
	my ($year, $month, $day) = ($1, $2, $3);
	return undef
	  if $year < 1900 || $month < 1 || $month > 12 || $day < 1 || $day > 31;
	my $number = day_of($year, $month, $day);
	return date8($number) eq $text ? $number : undef;
}

# Completed years of life on a day; both as day numbers.
sub age_on
{
	my ($birth, $day) = @_;
	my ($born, $now) = (date8($birth), date8($day));
	my $years = substr($now, 0, 4) - substr($born, 0, 4);
	return substr($now, 4) lt substr($born, 4) ? $years - 1 : $years;
}

# First calendar year of the school year that holds a day.
sub school_year
{
	my ($number) = @_;
	my $text = date8($number);
	my $year = substr($text, 0, 4);
	return substr($text, 4) ge '0701' ? $year + 0 : $year - 1;
}

# Academic Year ID (CCYY-CCYY) of the school year that holds a day.
sub academic_year
{
	my ($number) = @_;
	my $year = school_year($number);
	return sprintf('%04d-%04d', $year, $year + 1);
}

# CCYYMMDD so many days later (earlier when negative).
sub add_days
{
	my ($text, $days) = @_;
	return date8(day_number($text) + $days);
}

1;
