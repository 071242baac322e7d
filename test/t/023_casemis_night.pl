# A night of the special education import, from end to end: the schedule finds
# the job due, both files come by SFTP, the students and services are written,
# and the mail goes out.  Then nights on which the connection or the session
# breaks in the middle: nothing is half imported, and it is said what happened.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use IPC::Run ();
use MIME::Base64;
use MIME::QuotedPrint;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Servers;
use Test::More;

plan skip_all => 'python3-asyncssh and python3-aiosmtpd are needed' unless has_python_module('asyncssh') && has_python_module('aiosmtpd');

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "calpads.mail_server = 'sink'\ncalpads.mail_from = 'calpads\@district.example'\ncalpads.today = '2017-12-05'");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION calpads');
my $folder = PostgreSQL::Test::Utils::tempdir;

sub outcome
{
	my ($statement) = @_;
	my ($status, $output, $message) = $node->psql('postgres', "\\set VERBOSITY verbose\nSET client_min_messages = error;\n$statement", on_error_stop => 1);

	return $status == 0 ? $output : $message;
}

if (outcome("SELECT calpads.fetch_from_server('nowhere', 'a')") =~ /0A000/)
{
	$node->stop;
	plan skip_all => 'built without libcurl';
}

# ---- the servers, the district, the job ----

mkdir "$folder/$_" for 'files', 'mail';
make_key("$folder/host", 'ed25519');
my $sftp = start_python('sftp_server.py', "$folder/sftp.log", "$folder/files", "$folder/host");
my $smtp = start_python('smtp_server.py', "$folder/smtp.log", "$folder/mail");
my $pin = fingerprint("$folder/host");

sub put_file
{
	my ($name, @lines) = @_;

	unlink "$folder/files/$name";
	append_to_file("$folder/files/$name", join '', map { "$_\r\n" } @lines);
	return;
}

my @students = (
	'SELPA_CODE,STUDENT_ID,LAST_NAME,FIRST_NAME,SSID,BIRTHDATE,GRADE,PLAN_TYPE,DISABILIT1',
	'3601,S1,Zzyzxqua,One,1000000001,20100101,02,10,210',
	'3601,S2,Zzyzxqua,Two,1000000002,20100102,02,10,220',
	'3601,S3,Zzyzxqua,Three,,1/3/2010,02,10,240',
	'3601,S9,Zzyzxqua,Nine,1000000009,20100109,02,10,240');
my @services = ('SELPA_CODE,STUDENT_ID,SERVICE', '3601,S1,330', '3601,S1,415', '3601,S3,425', '3601,S9,330');
put_file('tableA.csv', @students);
put_file('tableB.csv', @services);
# Enough of it comes before the server hangs up.
put_file('cutA.csv', map { s/,210$/,290/r } @students, ('3601,,Nobody,No,1000000008,20100108,02,10,210') x 3000);
put_file('cutB.csv', 'SELPA_CODE,STUDENT_ID,SERVICE', '3601,S1,900', ('3601,S1,910') x 10_000);
put_file('slowB.csv', 'SELPA_CODE,STUDENT_ID,SERVICE', '3601,S1,900', ('3601,S1,910') x 50_000);

$node->safe_psql(
	'postgres', qq{
	SET client_min_messages = error;
	SELECT count(*) FROM calpads.create_sis_schema();
	INSERT INTO sis.stu (sc, sn, id, cid, ln, fn, bd) VALUES
		(1, 1, 1, '1000000001', 'Zzyzxqua', 'One', '2010-01-01'), (1, 2, 2, '1000000002', 'Zzyzxqua', 'Two', '2010-01-02'),
		(1, 3, 3, NULL, 'Zzyzxqua', 'Three', '2010-01-03'), (1, 4, 4, '1000000004', 'Zzyzxqua', 'Four', '2010-01-04');
	INSERT INTO sis.cse (id, di, lu) VALUES (1, '290', '2017-12-04'), (4, '320', '2017-12-04');
	INSERT INTO sis.csv (id, sq, cd, dt) VALUES (1, 1, '450', '2016-09-01'), (1, 2, '460', '2017-09-01');
	CREATE SERVER selpa FOREIGN DATA WRAPPER calpads_transport
		OPTIONS (type 'sftp', host 'localhost', port '$sftp', host_key_sha256 '$pin', settle_seconds '0');
	CREATE USER MAPPING FOR CURRENT_USER SERVER selpa OPTIONS (username 'district', password 'correct horse');
	CREATE SERVER sink FOREIGN DATA WRAPPER calpads_transport OPTIONS (type 'smtp', host 'localhost', port '$smtp', security 'none');
	INSERT INTO calpads.casemis_profile (name, services, location, recipients, attach_reports)
	VALUES ('night', true, 'selpa', '{sped\@district.example, it\@district.example}', true);
	INSERT INTO calpads.job (name, process, profile, days_of_week, time_of_day, enabled, scheduled_since)
	VALUES ('special education', 'CASEMIS', 'night', '{Mon,Tue,Wed,Thu,Fri,Sat,Sun}', '04:00', true, now() - interval '3 days')});

# All that an import writes in the SIS.
sub sis
{
	return outcome("SELECT 'cse', id, di, pt, sei, lu, NULL FROM sis.cse UNION ALL SELECT 'csv', id, cd, NULL, NULL, dt, sq::text FROM sis.csv ORDER BY 1, 2, 3, 7");
}

sub records_kept
{
	return outcome('SELECT (SELECT count(*) FROM calpads.casemis_record), (SELECT count(*) FROM calpads.casemis_change), (SELECT count(*) FROM calpads.casemis_import_file)');
}

sub last_run
{
	return outcome("SELECT r.status, r.attempt, r.message FROM calpads.job_run r WHERE r.job = 'special education' ORDER BY r.run_id DESC LIMIT 1");
}

sub last_import
{
	return outcome("SELECT i.import_id, i.status, i.students_matched, i.services_matched FROM calpads.casemis_import i ORDER BY i.import_id DESC LIMIT 1");
}

sub mails
{
	my @mails = map { my $mail = slurp_file($_); unlink $_; $mail } sort glob "$folder/mail/*.mail";

	return @mails;
}

sub body_of
{
	my ($mail) = @_;
	my ($body) = $mail =~ /Content-Transfer-Encoding: quoted-printable\r?\n\r?\n(.*?)\r?\n--/s;

	return decode_qp($body // '') =~ s/\r//gr;
}

# The next night: the moment is due once more.
sub next_night
{
	my ($students_file, $services_file) = @_;

	$node->safe_psql(
		'postgres', "UPDATE calpads.casemis_profile SET students_file = '$students_file', services_file = '$services_file';
		UPDATE calpads.job SET last_due = last_due - interval '1 day', retry_at = NULL");
	return;
}

# ---- a good night ----

is(outcome('SELECT status, attempt, message FROM calpads.run_due_jobs()'), 'succeeded|1|', 'the job is due and runs');
is(last_import(), '1|succeeded|3|3', 'both files came and were imported');
is( sis(),
	"cse|1|210|10|S1|2017-12-05|\ncse|2|220|10|S2|2017-12-05|\ncse|3|240|10|S3|2017-12-05|\ncse|4|320|||2017-12-04|\n"
	  . "csv|1|330|||2017-07-01|2\ncsv|1|415|||2017-07-01|3\ncsv|1|450|||2016-09-01|1\ncsv|3|425|||2017-07-01|1",
	'as the files say; services of the year are replaced');
like(outcome("SELECT string_agg(concat_ws(' ', file, file_name, changed_at > now() - interval '1 hour'), ', ' ORDER BY file DESC) FROM calpads.casemis_import_file"),
	qr/^students tableA.csv t, services tableB.csv t$/, 'the times of the files are kept');
my ($mail, @others) = mails();
is(scalar(@others), 0, 'one mail');
like($mail, qr/"to": \["sped\@district.example", "it\@district.example"\]/, 'to both');
like($mail, qr/^Subject: Special education import night: succeeded, 3 students matched, 1 unmatched, 0 duplicate, 0 with errors\r?$/m, 'its subject');
like(body_of($mail), qr/^Completed \d{4}-\d\d-\d\d \d\d:\d\d:\d\d .*^Students matched: 3\nStudents unmatched: 1\nStudents duplicate: 0\nStudents with errors: 0\nServices matched: 3\nServices unmatched: 1\n/ms,
	'date, time and counts');
unlike(body_of($mail), qr/Zzyzxqua|10000000/, 'and no student');
my ($report) = $mail =~ /filename="?CASEMIS_TypeA_NotInFile.csv"?\r?\n(?:[^\r\n]+\r?\n)*\r?\n(.*?)\r?\n--/s;
is(decode_base64($report // ''), "SSID,FirstName,LastName,Birthdate,Grade\n1000000004,Four,Zzyzxqua,2010-01-04,\n", 'a report is attached');
is(() = $mail =~ /filename="?CASEMIS_Type/g, 6, 'all six are');
is(outcome('SELECT count(*) FROM calpads.run_due_jobs()'), '0', 'and that was the night');

# ---- the connection is cut ----

my $before = sis();
my $kept = records_kept();
my $number = 1;
for my $cut ([ 'tableA.csv', 'cutB.csv' ], [ 'cutA.csv', 'tableB.csv' ])
{
	my ($name) = grep { /^cut/ } @$cut;

	next_night(@$cut);
	outcome('CALL calpads.dispatch()');
	$number++;
	like(last_run(), qr/^failed\|1\|could not fetch file "$name" from server "selpa"$/, "$name: the job's record says what happened");
	is(last_import(), "$number|failed|0|0", "$name: so does the import's");
	like(outcome("SELECT concat_ws(' ', sqlstate, message, detail) FROM calpads.casemis_message WHERE import_id = $number"),
		qr/^58030 could not fetch file "$name" .*after \d+ of \d+ bytes/, "$name: with the reason");
	is(sis(), $before, "$name: nothing is half imported");
	is(records_kept(), $kept, "$name: no half of a file is kept");
	my ($complaint, @more) = mails();
	is(scalar(@more), 0, "$name: one mail");
	like($complaint, qr/^Subject: Special education import night: failed/m, "$name: which says so");
	like(body_of($complaint), qr/Nothing was changed: could not fetch file "$name" from server "selpa"/, "$name: and why");
	unlike($complaint, qr/filename=/, "$name: without reports");
}

# ---- it is tried again when the server is well ----

put_file('tableB.csv', @services[ 0, 1 ]);
$node->safe_psql('postgres', "UPDATE calpads.casemis_profile SET students_file = 'tableA.csv'; UPDATE calpads.job SET retry_at = now()");
outcome('CALL calpads.dispatch()');
like(last_run(), qr/^succeeded\|2\|$/, 'the second attempt');
is(last_import(), '4|succeeded|3|1', 'imports');
is(outcome("SELECT string_agg(concat_ws(' ', cd, dt), ', ' ORDER BY dt, cd) FROM sis.csv WHERE id = 1"), '450 2016-09-01, 330 2017-07-01', 'what is there now');
is(outcome("SELECT cd FROM sis.csv WHERE id = 3"), '425', 'who is not in the services file keeps the services');
mails();

# ---- services from the day before, a file that is not there, a wrong password ----

utime time - 86400, time - 86400, "$folder/files/tableB.csv";
next_night('tableA.csv', 'tableB.csv');
outcome('CALL calpads.dispatch()');
like(body_of((mails())[0]), qr/^Warning: services: the services file is older than the students file: Services: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d, students: /m,
	'services that are older than the students are noticed');

next_night('tableA.csv', 'missing.csv');
outcome('CALL calpads.dispatch()');
like(last_run(), qr/^failed\|1\|there is no file "missing.csv" on server "selpa"$/, 'a missing file');
like(body_of((mails())[0]), qr/Nothing was changed: there is no file "missing.csv" on server "selpa"/, 'the mail says so');
$node->safe_psql('postgres', "ALTER USER MAPPING FOR CURRENT_USER SERVER selpa OPTIONS (SET password 'geheim')");
next_night('tableA.csv', 'tableB.csv');
outcome('CALL calpads.dispatch()');
like(last_run(), qr/^failed\|1\|could not fetch file "tableA.csv" from server "selpa"$/, 'a wrong password');
my $refusal = body_of((mails())[0]);
# In the words of libcurl, which has changed them.
like($refusal, qr/Nothing was changed: could not fetch file "tableA.csv" from server "selpa"\. .*(?:Authentication|Login denied)/, 'the mail tells it from other failures');
unlike($refusal, qr/geheim|correct horse/, 'without a secret');
$node->safe_psql('postgres', "ALTER USER MAPPING FOR CURRENT_USER SERVER selpa OPTIONS (SET password 'correct horse')");

# ---- the session ends in mid-transfer ----

$before = sis();
next_night('tableA.csv', 'slowB.csv');
my ($in, $out, $error) = ('', '', '');
my $dispatcher = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-c', 'CALL calpads.dispatch()' ], \$in, \$out, \$error);
$node->poll_query_until('postgres', 'SELECT count(*) = 1 FROM pg_stat_progress_copy WHERE bytes_processed > 0') or die 'no transfer';
outcome('SELECT pg_terminate_backend(pid) FROM pg_stat_progress_copy');
$dispatcher->finish;
is(sis(), $before, 'a session that is ended in mid-transfer imports nothing');
$node->safe_psql('postgres', "UPDATE calpads.casemis_profile SET services_file = 'tableB.csv'");
outcome('CALL calpads.dispatch()');
is(outcome("SELECT string_agg(status || ' ' || attempt, ', ' ORDER BY run_id) FROM (SELECT * FROM calpads.job_run ORDER BY run_id DESC LIMIT 2) AS r"),
	'interrupted 1, succeeded 2', 'which is noted, and made up for');
is(last_import() =~ s/^\d+//r, '|succeeded|3|1', 'with an import');
is(outcome("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), '0', 'no lock is left');

$node->stop;
done_testing();
