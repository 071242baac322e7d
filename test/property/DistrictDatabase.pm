package DistrictDatabase;

# A database with the extension and the SIS of one random district, and the
# few calls of the extension that the property test makes.

use strict;
use warnings;
use CalpadsStandIn qw(@FIELDS);
use ProgramRecord qw(@PROGRAM_FIELDS);
use PsqlClient;
use SisWriter qw(sis_script sis_settings);

# Has this program made databases?  They are dropped when it ends.
my $made = 0;

my @DATES = qw(student_birth_date enrollment_start_date enrollment_exit_date);

# The maintenance connection makes and drops the databases; names end in the
# number of this process.
sub names
{
	return ("calpads_property_$$", "calpads_property_template_$$");
}

sub maintenance
{
	return PsqlClient->new($ENV{PGDATABASE} // 'postgres');
}

# Makes the template: the extension and an empty SIS schema.
sub create_template
{
	my (undef, $template) = names();
	$made = 1;
	maintenance()->rows("CREATE DATABASE $template TEMPLATE template0 ENCODING 'UTF8';");
	PsqlClient->new($template)
	  ->rows("CREATE EXTENSION calpads;\nSELECT calpads.create_sis_schema();\n");
	return;
}

# The exit status of the tests stays.
END
{
	my $status = $?;
	if ($made)
	{
		maintenance()->rows("DROP DATABASE IF EXISTS $_;") for names();
	}
	$? = $status;
}

# A fresh database with the SIS rows and the settings of a district; more
# settings may follow.
sub new
{
	my ($class, $district, %more) = @_;
	my ($name, $template) = names();
	my %settings = (sis_settings($district), %more);
	my $alter = join '', map { "ALTER DATABASE $name SET calpads.$_ = '$settings{$_}';\n" }
	  sort keys %settings;
	maintenance()->rows("DROP DATABASE IF EXISTS $name;\n");
	maintenance()->rows("CREATE DATABASE $name TEMPLATE $template;\n");
	maintenance()->rows($alter);
	my $self = bless { client => PsqlClient->new($name) }, $class;
	$self->{client}->rows(sis_script($district));
	return $self;
}

# The lines of sis.senr, fields 1.02 and 1.03 left empty.
sub sis_lines
{
	my ($self) = @_;
	my %is_date = map { $_ => 1 } @DATES;
	my @columns = map {
		my $value = $is_date{$_} ? "to_char($_, 'YYYYMMDD')" : $_;
		/transaction_type_code|local_record_id/ ? "''" : "coalesce($value, '')";
	} @FIELDS;
	return map { $_->[0] } $self->{client}->rows('SELECT '
		  . join(" || '^' || ", @columns) . ' FROM sis.senr;');
}

# Runs a script that fills more tables.
sub fill
{
	my ($self, $script) = @_;
	$self->{client}->rows($script);
	return;
}

# Rows of student programs in a relation (sis.sprg or calpads.ods_sprg): hashes
# of the record's fields as text, and problem (1: cannot be sent).
sub program_rows
{
	my ($self, $relation) = @_;
	my @columns = map { /_date\z/ ? "to_char($_, 'YYYYMMDD')" : $_ } @PROGRAM_FIELDS;
	my $problem =
	  $relation eq 'sis.sprg' ? 'CASE WHEN problems IS NULL THEN 0 ELSE 1 END' : '0';
	my @rows = $self->{client}->rows('SELECT '
		  . join(', ', map { "coalesce($_, '')" } @columns)
		  . ", $problem FROM $relation;");
	return map { my %row; @row{ @PROGRAM_FIELDS, 'problem' } = @$_; \%row } @rows;
}

# Loads an ODS extract; gives the rows that were set aside.
sub load_ods
{
	my ($self, $bytes, $process) = @_;
	$process //= 'SENR';
	my $hex = unpack 'H*', $bytes;
	return $self->{client}->value(
		"SELECT rows_rejected FROM calpads.load_ods('$process', 'ods.txt', "
		  . "decode('$hex', 'hex'));");
}

# Makes a batch and gives its files in order: file_id, lea, seq, category,
# file_name, records, status, bytes.
sub create_extract
{
	my ($self, $process) = @_;
	$process //= 'SENR';
	my @columns = qw(file_id lea seq category file_name records status);
	my @rows = $self->{client}->rows(
		    "CREATE TEMP TABLE batch AS SELECT * FROM calpads.create_extract('$process');\n"
		  . 'SELECT '
		  . join(', ', @columns)
		  . ", encode(calpads.file_content(file_id), 'hex') FROM batch ORDER BY lea, seq;\n");
	my @files;
	for my $row (@rows)
	{
		my %file = (bytes => pack('H*', pop @$row));
		@file{@columns} = @$row;
		push @files, \%file;
	}
	return @files;
}

sub post_file
{
	my ($self, $file) = @_;
	$self->{client}->rows("SELECT status FROM calpads.post_file($file->{file_id});");
	return;
}

# The error of posting a file that must not be posted; undef when it was.
sub post_error
{
	my ($self, $file) = @_;
	return $self->{client}->error_of("SELECT calpads.post_file($file->{file_id});");
}

# What the history says of a file.
sub status_of
{
	my ($self, $file) = @_;
	return $self->{client}->value(
		"SELECT status FROM calpads.history WHERE file_id = $file->{file_id};");
}

sub delta_count
{
	my ($self, $process) = @_;
	my $function = lc($process // 'SENR') . '_delta';
	return $self->{client}->value("SELECT count(*) FROM calpads.$function();");
}

# The program records held by a rule: 'ssid school program start', sorted.
sub held_programs
{
	my ($self, $rule) = @_;
	return map { join ' ', @$_ }
	  $self->{client}->rows("SELECT DISTINCT ssid COLLATE \"C\", school_of_attendance COLLATE \"C\", "
		  . "education_program_code COLLATE \"C\", to_char(membership_start_date, 'YYYYMMDD') "
		  . "FROM calpads.sprg_held() WHERE rule = '$rule' ORDER BY 1, 2, 3, 4;");
}

# What is held: ssid => { 'school start' => [ rules ] }.
sub held
{
	my ($self) = @_;
	my %held;
	for my $row ($self->{client}->rows('SELECT ssid, school_of_attendance, '
			  . "to_char(enrollment_start_date, 'YYYYMMDD'), rule FROM calpads.senr_held();"))
	{
		my ($ssid, $school, $start, $rule) = @$row;
		push @{ $held{$ssid}{"$school $start"} }, $rule;
	}
	return \%held;
}

1;
