# What the SSID steps promise, tried on random districts with twins, siblings
# and shared names, a state that offers right, wrong and foreign candidates, and
# people who decide at random, confirm at random, and take any extract: no two
# students ever have one SSID, none gets one that another has or had, none is
# asked for twice, and nothing is written that nobody looked at unless it agrees.
#
# Needs a server as property.t does, and takes PROPERTY_SEED and
# PROPERTY_DISTRICTS (8).

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use DistrictDatabase;
use PsqlClient;
use RandomChoice qw(pick chance between shuffled);
use StateMatcher;
use Test::More;

my $DISTRICTS = $ENV{PROPERTY_DISTRICTS} // 8;
my $SEED      = $ENV{PROPERTY_SEED}      // 1;
my $LEA       = '0761234';
my @FIRST     = qw(Ana Ben Cy Di Ed Flo Gus Hal Ida Jo);
my @LAST      = qw(Alder Birch Cedar Dogwood Elm);

# What happened at all, over all districts: a test that tries nothing is none.
my %seen;

DistrictDatabase::create_template();
for my $seed ($SEED .. $SEED + $DISTRICTS - 1)
{
	subtest "seed $seed" => sub {
		eval { check_district($seed); 1 } or fail "goes to the end: $@";
	};
}
for my $what ('selected', 'refused', 'new SSIDs', 'written', 'stopped rows', 'students with their SSID')
{
	cmp_ok($seen{$what} // 0, '>', 0, "there were $what");
}
done_testing();

sub check_district
{
	my ($seed) = @_;
	srand $seed;
	my $state    = StateMatcher->new();
	my @students = random_students($state);
	my $district = open_district(@students);
	my @given;
	for my $round (1 .. 3)
	{
		push @given, match_round($district, $state, \@students);
		take_extract($district, $state, $round, \@students);
	}
	my %of_student;
	$of_student{ $_->[1] }{ $_->[0] } = 1 for grep { $_->[1] ne '' } @given;
	my @shared = grep { keys %{ $of_student{$_} } > 1 } sort keys %of_student;
	is("@shared", '', 'no file gives one SSID to two students');
	return;
}

# Students with siblings (same last name), twins (same birth date too), and now
# and then the same name as somebody else; some have an SSID, of some the state
# knows one.
sub random_students
{
	my ($state) = @_;
	my @students;
	for my $id (1 .. between(30, 80))
	{
		my $other = @students ? pick(@students) : undef;
		my $student = {
			id     => $id * 7,
			first  => pick(@FIRST),
			last   => $other && chance(0.4) ? $other->{last} : pick(@LAST),
			born   => sprintf('%04d%02d%02d', between(2012, 2015), between(1, 12), between(1, 28)),
			gender => pick('F', 'M'),
		};
		$student->{born} = $other->{born} if $other && $other->{last} eq $student->{last} && chance(0.4);
		my $known = chance(0.5) ? $state->register($student) : undef;
		$student->{cid} = $known && chance(0.5) ? $known : '';
		$student->{osi} = $student->{cid} && chance(0.2) ? $state->register($student) : '';
		$state->{enrolled}{ $student->{id} } = $student->{cid} if $student->{cid};
		push @students, $student;
	}
	return @students;
}

sub open_district
{
	my (@students) = @_;
	my ($name, $template) = DistrictDatabase::names();
	my $maintenance = DistrictDatabase::maintenance();
	$maintenance->rows("DROP DATABASE IF EXISTS $name;\n");
	$maintenance->rows("CREATE DATABASE $name TEMPLATE $template;\n");
	$maintenance->rows("ALTER DATABASE $name SET calpads.today = '2025-11-01';\n");
	my $client = PsqlClient->new($name);
	my $rows = join ",\n", map {
		"(1, $_->{id}, $_->{id}, '$_->{last}', '$_->{first}', '$_->{born}', '$_->{gender}', 'US', 5, '$_->{cid}', '$_->{osi}')"
	} @students;
	$client->rows(<<"SQL");
INSERT INTO sis.loc (cd, nm, cc, dc, sc) VALUES (0, 'Meadow Unified', '07', '61234', '0000000'), (1, 'Oak', '07', '61234', '6101010');
INSERT INTO sis.stu (sc, sn, id, ln, fn, bd, gn, bcu, gr, cid, osi) VALUES $rows;
INSERT INTO sis.enr (id, sc, sn, yr, ed, gr) SELECT id, sc, sn, '2025', '2025-08-20', 5 FROM sis.stu;
CREATE FUNCTION try_decide(session bigint, student integer, decision text, ssid text, sure boolean, reason text) RETURNS text LANGUAGE plpgsql AS \$\$
BEGIN
	PERFORM calpads.decide_match(session, student, decision, ssid, sure, reason);
	RETURN 'done';
EXCEPTION WHEN object_not_in_prerequisite_state THEN
	RETURN 'refused';
END \$\$;
CREATE FUNCTION try_update(session bigint, partial boolean, include_new boolean) RETURNS bigint LANGUAGE plpgsql AS \$\$
BEGIN
	RETURN (calpads.create_ssid_update(session, partial, include_new)).file_id;
EXCEPTION WHEN object_not_in_prerequisite_state THEN
	RETURN NULL;
END \$\$;
SQL
	return $client;
}

# One request from its file to the last updated file; gives [student, SSID] of
# all rows that went out.
sub match_round
{
	my ($district, $state, $students) = @_;
	my $request = $district->value('SELECT file_id FROM calpads.create_ssid_request();');
	return if !$request;
	my @ids = map { $_->[0] } $district->rows("SELECT student_id FROM calpads.ssid_request_student WHERE request_id = $request;");
	my %by_id = map { $_->{id} => $_ } @$students;
	my @candidates = $state->candidates(@by_id{@ids});
	my $content = join '', map { join(',', @$_) . "\n" } [qw(LocalID SSID Category Score)], @candidates;
	my $session = $district->value("SELECT calpads.load_match_result(base_name || '.csv', convert_to('$content', 'UTF8')) "
		  . "FROM calpads.ssid_request WHERE request_id = $request;");
	my @given;
	for my $pass (1 .. 3)
	{
		decide($district, $session, \@ids, \@candidates, $pass == 3);
		push @given, upload($district, $state, $session, $pass == 3 ? 'false' : 'true');
	}
	return @given;
}

# Random decisions; when all are to be decided, whoever is left gets No Match.
sub decide
{
	my ($district, $session, $ids, $candidates, $all) = @_;
	my @everybody = map { $_->[1] } grep { $_->[1] ne '' } @$candidates;
	my @calls;
	for my $id (shuffled(@$ids))
	{
		my @own = map { $_->[1] } grep { $_->[0] == $id && $_->[1] ne '' } @$candidates;
		my $decision = pick('No Match', 'New SSID', @own ? ('Select') x 3 : ());
		my $ssid = $decision ne 'Select' ? '' : chance(0.85) ? pick(@own) : pick(@everybody);
		my $reason = chance(0.3) ? 'said so' : '';
		my $sure = chance(0.7) ? 'true' : 'false';
		push @calls, "SELECT '$decision', try_decide($session, $id, '$decision', nullif('$ssid', ''), $sure, '$reason');\n" if $all || chance(0.5);
	}
	push @calls, "SELECT 'No Match', try_decide($session, student_id, 'No Match', NULL, true, NULL) FROM calpads.match_undecided "
	  . "WHERE session_id = $session;\n" if $all;
	for my $outcome ($district->rows(join '', @calls))
	{
		$seen{refused}++ if $outcome->[1] eq 'refused';
		$seen{selected}++ if $outcome->[0] eq 'Select' && $outcome->[1] eq 'done';
	}
	return;
}

sub upload
{
	my ($district, $state, $session, $partial) = @_;
	my $new = chance(0.5) ? 'true' : 'false';
	my $file = $district->value("SELECT try_update($session, $partial, $new);");
	return if !$file;
	my @held = $district->rows("SELECT r.line_no, s.id FROM calpads.extract_record r JOIN sis.stu s ON split_part(r.line, '^', 8) IN (s.cid, s.osi) "
		  . "WHERE r.file_id = $file AND split_part(r.line, '^', 8) <> '';");
	is(scalar @held, 0, 'no row has an SSID that a student has or had');
	my @lines = map { $_->[0] } $district->rows("SELECT line FROM calpads.extract_record WHERE file_id = $file ORDER BY line_no;");
	my @complaints = $state->upload(@lines);
	is("@complaints", '', 'nobody is asked for twice');
	$district->rows("SELECT (calpads.post_file($file)).file_id;");
	my @given = map { [ (split /\^/, $_, -1)[ 8, 7 ] ] } @lines;
	$seen{'new SSIDs'} += grep { $_->[1] eq '' } @given;
	return @given;
}

# An SSID extract is loaded, rows are confirmed at random, and it is applied.
sub take_extract
{
	my ($district, $state, $round, $students) = @_;
	my $content = join '', map { "$_\n" } $state->extract($LEA, chance(0.6));
	return if $content eq '';
	my $overwrite = chance(0.3) ? 'true' : 'false';
	my $load = $district->value("SELECT (calpads.load_ssid_extract('SSID$round.txt', convert_to('$content', 'UTF8'))).load_id;");
	my @doubtful = map { $_->[0] } $district->rows("SELECT line_no FROM calpads.ssid_review WHERE load_id = $load "
		  . "AND verdict IN ('unexpected', 'not_new', 'identity_warn', 'conflict') ORDER BY line_no;");
	$district->rows(join '', map { "SELECT calpads.confirm_ssid_row($load, $_);\n" } grep { chance(0.5) } @doubtful);
	my %before = map { $_->[0] => $_->[1] } $district->rows("SELECT id, coalesce(cid, '') FROM sis.stu;");
	$seen{written} += $district->value("SELECT rows FROM calpads.apply_ssid_extract($load, $overwrite) WHERE table_name = 'STU';");
	$seen{'stopped rows'} += $district->value("SELECT count(*) FROM calpads.ssid_review WHERE load_id = $load AND applied_at IS NULL;");
	check_sis($district, $load, \%before, $overwrite eq 'true');
	$seen{'students with their SSID'} += $district->value("SELECT count(*) FROM sis.stu WHERE cid <> '';");
	return;
}

sub check_sis
{
	my ($district, $load, $before, $overwrite) = @_;
	my @shared = $district->rows("SELECT cid FROM sis.stu WHERE cid <> '' GROUP BY cid HAVING count(DISTINCT id) > 1;");
	is(scalar @shared, 0, 'no two students have one SSID');
	my @former = $district->rows("SELECT s.id FROM sis.stu s JOIN sis.stu o ON o.osi = s.cid AND o.id <> s.id WHERE s.cid <> '';");
	is(scalar @former, 0, 'nobody has the former SSID of another');
	my @lost = grep { $before->{ $_->[0] } ne '' && $before->{ $_->[0] } ne $_->[1] && !($overwrite && $_->[2] eq $before->{ $_->[0] }) }
	  $district->rows("SELECT id, coalesce(cid, ''), coalesce(osi, '') FROM sis.stu;");
	is(scalar @lost, 0, 'no SSID is lost: overwritten on demand only, and kept as the former one');
	# The comparison of this test, not that of the extension.
	my @unseen = $district->rows(<<"SQL");
SELECT r.line_no FROM calpads.ssid_review r JOIN sis.stu s ON s.id = r.local_student_id::integer
WHERE r.load_id = $load AND r.applied_at IS NOT NULL AND r.confirmed_at IS NULL AND r.verdict <> 'same'
	AND (split_part(r.line, '^', 9) <> to_char(s.bd, 'YYYYMMDD') OR split_part(r.line, '^', 8) <> s.gn
		OR (split_part(r.line, '^', 5) <> s.ln AND split_part(r.line, '^', 6) <> s.fn)
		OR ((split_part(r.line, '^', 5) <> s.ln OR split_part(r.line, '^', 6) <> s.fn) AND EXISTS (SELECT FROM sis.stu t
			WHERE t.id <> s.id AND t.bd = s.bd AND split_part(r.line, '^', 5) = t.ln AND split_part(r.line, '^', 6) = t.fn)))
SQL
	is(scalar @unseen, 0, 'what nobody confirmed agrees with the student');
	return;
}
