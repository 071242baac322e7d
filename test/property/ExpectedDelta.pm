package ExpectedDelta;

# What the files for one LEA must do, worked out for each student from the
# stand-in's state and the target (DESIGN section 5); and how few files would
# do.  Knows nothing of how the extension finds its operations.

use strict;
use warnings;
use Exporter qw(import);
use CalpadsStandIn qw(row_key);

our @EXPORT_OK =
  qw(expected_students shorter_succession most_of_one_student);

# For each SSID with rows in the LEA or with differences a hash: differences
# (see CalpadsStandIn::differences), by_key (row key => difference), before
# (the LEA's rows in CALPADS), unreachable (true when rows that must stay as
# they are forbid the target).
sub expected_students
{
	my ($calpads, $district, $lea) = @_;
	my %students;
	push @{ $students{ $_->{ssid} }{before} }, $_
	  for grep { $_->{reporting_lea} eq $lea } $calpads->rows;
	for my $difference (
		$calpads->differences([ $district->target ], $district->scope($lea)))
	{
		my $row = $difference->{before} // $difference->{after};
		push @{ $students{ $row->{ssid} }{differences} }, $difference;
	}
	for my $student (values %students)
	{
		$student->{before}      //= [];
		$student->{differences} //= [];
		$student->{by_key} = { map { key_of($_) => $_ } @{ $student->{differences} } };
		$student->{unreachable} = is_unreachable($calpads, $student);
	}
	return \%students;
}

sub key_of
{
	my ($difference) = @_;
	return row_key($difference->{before} // $difference->{after});
}

# Rows of an earlier year that only CALPADS has, and rows of schools that are
# not selected, stay; a target row that collides with one cannot be sent.
sub is_unreachable
{
	my ($calpads, $student) = @_;
	my $by_key  = $student->{by_key};
	my @staying = grep { !$by_key->{ row_key($_) } } @{ $student->{before} };
	my @coming  = map { { %$_, line => 0 } }
	  grep { $_ } map { $_->{after} } @{ $student->{differences} };
	for my $row (@coming)
	{
		return 1 if grep { $calpads->judge_pair($row, $_) } @staying;
	}
	return 0;
}

#----------------------------------------------------------------------
# The order of the files
#----------------------------------------------------------------------

# Categories of files (array ref) into which the operations could go, fewer
# files than the given number; undef when there is no such way.
#
# students: SSID => { calpads (a stand-in that holds the student's rows before),
# operations => [ { category, record } ] }.
#
# A file has one category, Exits and Updates hold one record of a student, and
# all removals go first, into one file.  Every succession of categories that is
# long enough for each student is tried, the shortest first.
sub shorter_succession
{
	my ($students, $most) = @_;
	my @many_first = sort { @{ $b->{operations} } <=> @{ $a->{operations} } }
	  values %$students;
	my %need = most_of_one_student(@many_first);
	my $least = $need{Removals} + $need{Exits} + $need{Updates};
	for my $length ($least .. $most - 1)
	{
		for my $succession (successions($length - $need{Removals}, \%need))
		{
			unshift @$succession, 'Removals' if $need{Removals};
			return $succession
			  unless grep { !can_be_sent($_, $succession) } @many_first;
		}
	}
	return undef;
}

# Of each category the most files that one student fills.
sub most_of_one_student
{
	my %most = (Removals => 0, Exits => 0, Updates => 0);
	for my $student (@_)
	{
		my %count;
		$count{ $_->{category} }++ for @{ $student->{operations} };
		$count{Removals} = 1 if $count{Removals};
		for my $category (keys %count)
		{
			$most{$category} = $count{$category}
			  if $count{$category} > $most{$category};
		}
	}
	return %most;
}

# All successions of Exits and Updates of a length that hold the needed number
# of each.
sub successions
{
	my ($length, $need) = @_;
	my @all = ([]);
	@all = map { ([ @$_, 'Exits' ], [ @$_, 'Updates' ]) } @all for 1 .. $length;
	return grep {
		my $exits = grep { $_ eq 'Exits' } @$_;
		$exits >= $need->{Exits} && @$_ - $exits >= $need->{Updates}
	} @all;
}

# True when a student's operations can go into files of these categories, each
# record accepted against the state before its file.
sub can_be_sent
{
	my ($student, $succession) = @_;
	return search($student->{calpads}, $student->{operations}, @$succession);
}

sub search
{
	my ($calpads, $operations, @succession) = @_;
	return 1 unless @$operations;
	my $category = shift @succession // return 0;
	for my $chosen (choices($operations, $category))
	{
		my @records = map { $_->{record} } @$chosen;
		my $lea = @records ? $records[0]{reporting_lea} : '';
		next if $calpads->judge(\@records, $lea);
		my $after = $calpads->copy;
		$after->apply(\@records);
		my %sent = map { $_ => 1 } @$chosen;
		my @left = grep { !$sent{$_} } @$operations;
		return 1 if search($after, \@left, @succession);
	}
	return 0;
}

# What a student may send in a file of a category: all removals, one other
# record, or nothing.
sub choices
{
	my ($operations, $category) = @_;
	my @fitting = grep { $_->{category} eq $category } @$operations;
	return ([]) unless @fitting;
	return (\@fitting) if $category eq 'Removals';
	return ((map { [$_] } @fitting), []);
}

1;
