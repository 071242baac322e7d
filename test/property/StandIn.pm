package StandIn;

# What the stand-ins for CALPADS do alike, whatever the process: they hold the
# rows of students by their keys, take a file whole or not at all, and judge its
# records one by one.
#
# A stand-in says what the key of a row is (key_of), and how it reads a file
# (read_file), judges (judge, judge_format, judge_content, judge_against_state)
# and stores (apply) its records.

use strict;
use warnings;
use Encode qw(encode);
use Exporter qw(import);
use CalendarDay qw(day_number);

our @EXPORT_OK = qw(encoded_lines is_deletion judge_value refusal);

#----------------------------------------------------------------------
# The state
#----------------------------------------------------------------------

# Puts rows into the state without judging them.
sub store_rows
{
	my ($self, @rows) = @_;
	$self->{rows}{ $_->{ssid} }{ $self->key_of($_) } = {%$_} for @rows;
	return;
}

# The rows of a student, or of all students, in key order.
sub rows
{
	my ($self, @ssids) = @_;
	@ssids = sort keys %{ $self->{rows} } unless @ssids;
	return map {
		my $of_student = $self->{rows}{$_} // {};
		map { $of_student->{$_} } sort keys %$of_student;
	} @ssids;
}

# The lines as bytes, each ended by CR LF.
sub encoded_lines
{
	my ($encoding, @lines) = @_;
	return encode($encoding, join('', map { "$_\r\n" } @lines),
		Encode::FB_CROAK | Encode::LEAVE_SRC);
}

#----------------------------------------------------------------------
# Posting a file
#----------------------------------------------------------------------

# Takes a file of an LEA.  Gives the refusals, each a hash of line, rule and
# text; none means that the file was posted.
sub post_file
{
	my ($self, $bytes, $lea) = @_;
	my ($records, @refused) = $self->read_file($bytes);
	return @refused if @refused;
	@refused = $self->judge($records, $lea);
	$self->apply($records) unless @refused;
	return @refused;
}

sub refusal
{
	my ($record, $rule, $text) = @_;
	return {
		line => ref $record ? $record->{line} : $record,
		rule => $rule,
		text => $text
	};
}

sub is_deletion
{
	my ($record) = @_;
	return $record->{transaction_type_code} eq 'D';
}

# Refusals of a record against the state before the file.  The format decides
# alone, then the record, then the state: a later rule trusts the earlier ones.
sub judge_record
{
	my ($self, $record, $lea) = @_;
	for my $judge (qw(judge_format judge_content judge_against_state))
	{
		my @refused = $self->$judge($record, $lea);
		return @refused if @refused;
	}
	return;
}

# Length, characters and form of a value that is not blank.
sub judge_value
{
	my ($record, $name, $length, $kind) = @_;
	my $value = $record->{$name};
	return refusal($record, 'FRMT0001', "$name is longer than $length")
	  if length($value) > $length;
	return refusal($record, 'FRMT0004', "$name holds a control character")
	  if $value =~ /[\x00-\x1f\x7f]/;
	return refusal($record, 'FRMT0002', "$name is no date")
	  if $kind eq 'date' && !defined day_number($value);
	return refusal($record, 'FRMT0004', "$name is no code of seven digits")
	  if $kind eq 'cds' && $value !~ /\A[0-9]{7}\z/;
	return;
}

1;
