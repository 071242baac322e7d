# The server's log at debug1, over the work of all processes and over their
# failures, also where tables of the district's own refuse what is written:
# nobody's name and no SSID, but for what the client itself has sent.  The
# client sends commands without any: files come from tables of the server.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use District;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf(
	'postgresql.conf', q{
log_min_messages = debug1
log_min_error_statement = error
log_statement = none
log_error_verbosity = verbose
log_parameter_max_length_on_error = 0
autovacuum = off
});
$node->start;
delete $ENV{PGOPTIONS};

# Everybody has one name, which cannot be missed; only what is logged from now on counts.
my $name = 'Zzyzxqua';
$node->safe_psql(
	'postgres', qq{
	SET calpads.today = '2025-11-14';
	SET client_min_messages = error;
	CREATE EXTENSION calpads;
	ALTER DATABASE postgres SET calpads.today = '2025-11-14';
	CREATE TABLE public.ods AS SELECT calpads.create_sample_district(80) AS content, NULL::bytea AS programs;
	UPDATE sis.stu SET fn = '$name', mn = '$name', ln = '$name', bcy = '$name';
	UPDATE sis.con SET fn = '$name', ln = '$name';
	UPDATE public.ods SET programs = calpads.sample_programs_file(), content = (
		SELECT string_agg(convert_to(array_to_string(f[1:9] || '{$name,$name,$name}'::text[] || f[13:18] || '{$name}'::text[] || f[20:], '^'), 'UTF8') || '\\x0d0a', '' ORDER BY n)
		FROM regexp_split_to_table(convert_from(content, 'UTF8'), E'\\r\\n') WITH ORDINALITY AS l (line, n), string_to_array(line, '^') AS f WHERE line <> '');
	INSERT INTO calpads.isi_code VALUES ('GT', 'Gifted and talented', '127', NULL);
	INSERT INTO calpads.casemis_profile (name, services, recipients, attach_reports) VALUES ('nightly', true, '{a\@b.example}', true), ('students', false, '{a\@b.example}', true);
	INSERT INTO calpads.program_profile (name, location, recipients) VALUES ('programs', 'folder:programs', '{a\@b.example}');
	INSERT INTO calpads.job (name, process, time_of_day, enabled, recipients) VALUES ('night', 'NIGHTLY', '02:00', true, '{a\@b.example}'), ('counts', 'REPORT', '03:00', true, '{a\@b.example}');
	INSERT INTO calpads.job (name, process, profile, time_of_day, recipients) VALUES ('special', 'CASEMIS', 'students', '02:00', '{a\@b.example}'),
		('illuminate', 'PROGRAMS', 'programs', '02:00', '{a\@b.example}');
	CREATE TABLE public.student AS
		SELECT row_number() OVER (ORDER BY cid) AS n, s.* FROM (SELECT DISTINCT ON (id) * FROM sis.stu WHERE cid <> '' ORDER BY id) s;
	CREATE TABLE public.delivery AS
	SELECT convert_to(E'SELPA_CODE,STUDENT_ID,LAST_NAME,FIRST_NAME,SSID,BIRTHDATE,GRADE,PLAN_TYPE,DISABILIT1\\r\\n' || string_agg(concat_ws(',', '0601', id, ln, fn, cid,
			to_char(bd, 'YYYYMMDD'), '04', '10', '290') || E'\\r\\n', '' ORDER BY n), 'UTF8') AS students,
		convert_to(E'SELPA_CODE,STUDENT_ID,SSID,SERVICE,PROVIDER,LOCATION,FREQUENCY,DURATION\\r\\n' || string_agg(concat_ws(',', '0601', id, cid, '330', '100', '110', '20', '30')
			|| E'\\r\\n', '' ORDER BY n), 'UTF8') AS services,
		convert_to(string_agg(concat_ws(E'\\t', id, cid, ln, fn, '', to_char(bd, 'MM/DD/YYYY'), 'GT', '8/11/2025', '', '8/11/2025', '', '2025-2026', '') || E'\\r\\n', '' ORDER BY n), 'UTF8') AS programs,
		convert_to(string_agg(concat_ws('^', '9976543', '0000001', (cid::bigint + 7)::text, id, ln, fn, '', 'F', to_char(bd, 'YYYYMMDD'), '20250820', '05', 'EO', '20250820', 'ENG', '20251030', 'Y')
			|| E'\\r\\n', '' ORDER BY n), 'UTF8') AS ssids,
		convert_to(string_agg(concat_ws('^', '9976543', '0000001', (cid::bigint + 7)::text, id, ln, fn, '', 'F', to_char(bd, 'YYYYMMDD'), '20250820', '05', 'EO', '20250820', 'ENG', '20251030', 'Y')
			|| E'\\r\\n', '' ORDER BY n) FILTER (WHERE n % 9 = 0), 'UTF8') AS ssids_of_new,
		convert_to(string_agg(concat_ws('^', 'SELA-R', '', '', '9976543', '0000001', '2025-2026', cid, fn, ln, to_char(bd, 'YYYYMMDD'), 'F', id, 'EL', '20230820', 'spa', '', '20251001', '20251001') || E'\\r\\n', '' ORDER BY n), 'UTF8') AS languages,
		convert_to(E'SSID,Error\\r\\n' || string_agg(cid || E',SENR0027\\r\\n', ''), 'UTF8') AS rejected
	FROM public.student});
my $begin = -s $node->logfile;

# Runs statements one after the other, whether they fail or not; gives what the client was told.
sub work
{
	my (@statements) = @_;
	my (undef, undef, $told) = $node->psql('postgres', join('', "\\set VERBOSITY verbose\n", map { "$_;\n" } @statements), on_error_stop => 0);

	return $told;
}

# What names somebody.  Names of columns of a refused row are no secret.
sub named
{
	my ($text) = @_;

	return join "\n", grep { /$name|(?<!\d)\d{10}(?!\d)/i } split /\n/, $text;
}

my %told;
my $from = 'FROM public.ods, public.delivery';
$told{'the yearly work'} = work(
	"SELECT load_id FROM public.ods, calpads.load_ods('SENR', 'senr.txt', content)",
	"SELECT load_id FROM public.ods, calpads.load_ods('SPRG', 'sprg.txt', programs)",
	"SELECT load_id FROM public.delivery, calpads.load_ods('SELA', 'sela.txt', languages)",
	(map { "SELECT file_id FROM calpads.create_extract('$_')" } 'SENR', 'SPRG', 'SELA', 'SENR_LEGACY', 'SPRG_LEGACY'),
	"SELECT file_id FROM calpads.create_extract('SINF', all_students => true)",
	"SELECT count(*) FROM calpads.senr_held()",
	"SELECT count(*) FROM calpads.explain((SELECT min(cid) FROM public.student))",
	"SELECT sum(length(calpads.review_page(batch_id, names => true))) FROM calpads.batch",
	"SELECT calpads.post_file(file_id) FROM calpads.history_open",
	"SELECT file_name FROM public.delivery, calpads.load_rejected('rejected.csv', rejected)",
	"SELECT count(*) FROM calpads.record_observations()",
	"SELECT count(*) FROM calpads.drift('SENR')");
$told{'changes of the SIS'} = work(
	"UPDATE sis.stu SET ad = '2 Oak St', mn = upper(mn)",
	"SELECT file_id FROM calpads.create_extract('SINF')");
$told{'imports'} = work(
	"SELECT status FROM public.delivery, calpads.casemis_run('nightly', students, services)",
	"SELECT status FROM public.delivery, calpads.casemis_run('students', students)",
	"SELECT status FROM public.delivery, calpads.import_programs('programs.txt', programs)");
$told{'SSIDs'} = work(
	"SELECT load_id FROM public.delivery, calpads.load_ssid_extract('ssids.txt', ssids)",
	"UPDATE sis.stu SET cid = '' WHERE id IN (SELECT id FROM public.student WHERE n % 9 = 0)",
	"SELECT file_id FROM calpads.create_ssid_request()",
	"SELECT calpads.load_match_result((SELECT max(base_name) || '_Results.csv' FROM calpads.ssid_request), "
	  . "(SELECT convert_to(E'LocalID,SSID,Category,Score\\r\\n' || string_agg(s.id || ',' || s.cid || E',Single Match,100\\r\\n', ''), 'UTF8') "
	  . "FROM public.student s JOIN calpads.ssid_request_student q ON q.student_id = s.id))",
	"SELECT calpads.accept_suggestions(max(session_id)) FROM calpads.match_session",
	"SELECT file_id FROM calpads.create_ssid_update((SELECT max(session_id) FROM calpads.match_session), true, true)",
	"SELECT l.load_id FROM public.delivery, calpads.load_ssid_extract('new.txt', ssids_of_new) AS l",
	"SELECT calpads.apply_ssid_extract((SELECT max(load_id) FROM calpads.load WHERE process = 'SSID'))");
$told{'the night'} = work(
	"SELECT calpads.run_job_now(name) FROM calpads.job",
	"SELECT * FROM calpads.run_due_jobs('2025-11-15 12:00+00')",
	"SELECT * FROM calpads.nightly_delta()");
for my $part (sort keys %told)
{
	is(named($told{$part}), '', "$part: no message names anybody");
	unlike($told{$part}, qr/ERROR: /, "$part: done");
}
is($node->safe_psql('postgres', "SELECT count(*) FROM (SELECT process FROM calpads.extract_file UNION SELECT process FROM calpads.load) AS p"), '7',
	'all processes have done something');
is($node->safe_psql('postgres', q{SELECT count(*) FROM sis.stu s WHERE s.cid IN (SELECT (n.cid::bigint + 7)::text FROM public.student n)}) > 0, 1, 'SSIDs were written');

# ---- the district's own tables refuse ----

# Each constraint refuses rows that the work writes; its detail would show the row.
sub refused
{
	my ($what, $constraint, $statement, $says) = @_;
	my $message = work('BEGIN', $constraint, $statement, 'ROLLBACK');

	like($message, $says, "$what: refused");
	is(named($message), '', "$what: without a student");
	return;
}

my $another = "(SELECT replace(convert_from(students, 'UTF8'), ',290', ',250')::text FROM public.delivery)";
my $again = "SELECT status FROM calpads.casemis_run('students', convert_to($another, 'UTF8'))";
refused('CSE', "ALTER TABLE sis.cse ADD COLUMN note text DEFAULT '$name', ADD CHECK (di IS DISTINCT FROM '250') NOT VALID", $again,
	qr/sis\.cse does not take what is to be written/);
refused('CSE without a default', "DELETE FROM sis.cse; ALTER TABLE sis.cse ADD COLUMN note text NOT NULL", $again,
	qr/sis\.cse does not take what is to be written/);
refused('CSV', "ALTER TABLE sis.csv ADD COLUMN note text DEFAULT '$name', ADD CHECK (cd IS NULL) NOT VALID",
	"SELECT status FROM public.delivery, calpads.casemis_run('nightly', convert_to($another, 'UTF8'), services || '\\x0d0a')",
	qr/sis\.csv does not take what is to be written/);
refused('LAC', "ALTER TABLE sis.lac ADD COLUMN note text DEFAULT '$name', ADD CHECK (eac IS DISTINCT FROM 'EL') NOT VALID; UPDATE sis.lac SET eac = NULL",
	"SELECT load_id FROM public.delivery, calpads.load_ods('SELA', 'again.txt', languages)", qr/sis\.lac does not take what is to be written/);
for my $case (
	[ 'SSIDs twice', "CREATE UNIQUE INDEX ON sis.stu (cid) WHERE cid = repeat('8', 10)", qr/sis\.stu does not take/ ],
	[ 'SSIDs that are none', "ALTER TABLE sis.stu ADD CHECK (cid NOT LIKE '8%') NOT VALID", qr/constraint "stu_cid_check"/ ],
	[ 'SSIDs as numbers', "DROP VIEW sis.senr, sis.senr_without_ssid, sis.sprg, sis.sela, sis.sinf, sis.guardian; ALTER TABLE sis.stu ALTER cid TYPE integer USING NULL",
		qr/A value does not fit/ ])
{
	refused($case->[0], $case->[1],
		"SELECT calpads.write_ssids((SELECT min(load_id) FROM calpads.load), array_agg(DISTINCT id), array_agg(NULL::text), array_agg(repeat('8', 10))) "
		  . "FROM (SELECT id FROM sis.stu GROUP BY id HAVING max(cid::text) IS NULL OR max(cid::text) = '' LIMIT 3) AS s", $case->[2]);
}
refused('the language status of SSIDs', "ALTER TABLE sis.lac ADD COLUMN note text DEFAULT '$name', ADD CHECK (eac IS DISTINCT FROM 'IFEP') NOT VALID",
	"SELECT calpads.write_language_status((SELECT min(load_id) FROM calpads.load), array_agg(id), array_agg('IFEP'::text), array_agg('20200101'::text)) FROM public.student", qr/sis\.lac does not take/);
refused('the disability of SSIDs', "ALTER TABLE sis.cse ADD COLUMN note text DEFAULT '$name', ADD CHECK (swd IS DISTINCT FROM 'Y') NOT VALID; UPDATE sis.cse SET swd = NULL",
	"SELECT calpads.write_disability((SELECT min(load_id) FROM calpads.load), array_agg(id)) FROM public.student", qr/sis\.cse does not take/);
refused('the change log', 'ALTER TABLE sis.lgd ADD CHECK (fc <> $$LN$$) NOT VALID', "UPDATE sis.stu SET ln = ''", qr/logging changes of table "stu"/);
refused('the log of addresses', 'ALTER TABLE sis.adh ADD CHECK (ad = $$x$$) NOT VALID', "UPDATE sis.stu SET ad = '3 Elm St'", qr/logging changes of table "stu"/);

# Nor do mails say more: subjects and bodies; reports are attached on demand only.
is($node->safe_psql('postgres', "SELECT count(*) > 3, bool_or(subject || body ~ '$name|\\d{10}') FROM calpads.mail"), 't|f', 'mail names nobody');

# ---- what a reporter finds out with a function that is called before all others ----

$node->safe_psql(
	'postgres', q{
	CREATE ROLE reporter LOGIN;
	SELECT calpads.grant_access('reporter', 'reporter');
	CREATE SCHEMA AUTHORIZATION reporter;
	SET ROLE reporter;
	CREATE FUNCTION reporter.tell(value text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$BEGIN RAISE NOTICE '%', value; RETURN true; END$$});
my @columns = split /\n/, $node->safe_psql(
	'postgres', q{SELECT format('SELECT count(*) FROM %s WHERE reporter.tell(%I::text)', c.oid::regclass, a.attname)
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 WHERE c.relnamespace = 'calpads_report'::regnamespace AND c.relkind = 'v'});
my $before = -s $node->logfile;
my $overheard = work('SET ROLE reporter', @columns);
cmp_ok(scalar(() = $overheard =~ /NOTICE: /g), '>', 1000, 'the reporter hears values of all columns');
unlike($overheard, qr/$name|ERROR: /, 'but no names');

# ---- the log ----

my $log = substr slurp_file($node->logfile), $begin, $before - $begin;
cmp_ok(scalar(() = $log =~ /^.* (DEBUG|NOTICE|WARNING|ERROR): /mg), '>', 30, 'the server has logged much');
is(named($log), '', 'the log names nobody');

$node->stop;
done_testing();
