# Mail by a real SMTP server: what arrives, who is refused, what is tried again.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use IPC::Run;
use MIME::Base64;
use MIME::QuotedPrint;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Servers;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "calpads.mail_from = 'calpads\@district.example'");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION calpads');
my $folder = PostgreSQL::Test::Utils::tempdir;

sub outcome
{
	my ($statement, %parameters) = @_;
	my ($status, $output, $message) = $node->psql('postgres', "\\set VERBOSITY verbose\n$statement", on_error_stop => 1, %parameters);

	return $status == 0 ? $output : $message;
}

like(outcome('SELECT calpads.send_mail()'), qr/55000: there is no mail server/, 'without a server: said');
my $without = $node->safe_psql('postgres', "CREATE SERVER nowhere FOREIGN DATA WRAPPER calpads_transport OPTIONS (type 'smtp', host 'localhost', port '1', security 'none');
	SELECT calpads.queue_mail('{x\@example.org}', 's', 'b')");
if (outcome("SET calpads.mail_server = 'nowhere'; SELECT calpads.send_mail()") =~ /0A000/)
{
	$node->stop;
	plan skip_all => 'built without libcurl';
}
is(outcome("SELECT status, attempts, next_attempt_at BETWEEN now() + '4 minutes' AND now() + '5 minutes', last_error IS NOT NULL FROM calpads.mail"),
	'queued|1|t|t', 'a server that is down: the mail waits five minutes');
is(outcome("SET calpads.mail_server = 'nowhere'; SELECT * FROM calpads.send_mail()"), '0|0|0|0', 'and is left alone so long');
is( outcome(
		"SET calpads.mail_server = 'nowhere'; SET calpads.mail_attempts = 3;
		UPDATE calpads.mail SET next_attempt_at = now(); SELECT calpads.send_mail();
		UPDATE calpads.mail SET next_attempt_at = now(); SELECT calpads.send_mail();
		SELECT status, attempts FROM calpads.mail"),
	"(0,1,0,0)\n(0,0,1,0)\nfailed|3", 'until it is given up');
$node->safe_psql('postgres', "UPDATE calpads.mail SET status = 'queued', next_attempt_at = now()");
like(outcome("SET calpads.mail_server = 'nowhere'; SET calpads.mail_from = 'nobody'; SELECT calpads.send_mail()"), qr/55000: the sender of mail is not an address/,
	'a wrong setting is an error');
is(outcome("SET calpads.mail_server = 'missing'; SET client_min_messages = error; SELECT count(*) FROM calpads.run_due_jobs()"), '0', 'but not for the jobs');
is(outcome('SELECT status, attempts FROM calpads.mail'), 'queued|3', 'nor does a mail suffer from it');
$node->safe_psql('postgres', 'DELETE FROM calpads.mail');

unless (has_python_module('aiosmtpd'))
{
	$node->stop;
	done_testing();
	exit;
}

# ---- the servers ----

mkdir "$folder/$_" for 'plain', 'safe';
my $made = IPC::Run::run(
	[ 'openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost',
		'-keyout', "$folder/key.pem", '-out', "$folder/certificate.pem" ], '>', '/dev/null', '2>&1');
ok($made, 'a certificate');
my $plain = start_python('smtp_server.py', "$folder/plain.log", "$folder/plain");
my $safe = start_python('smtp_server.py', "$folder/safe.log", "$folder/safe", "$folder/certificate.pem", "$folder/key.pem");

my %server = (
	plain => "port '$plain', security 'none'",
	required => "port '$plain'",
	safe => "port '$safe', ca_file '$folder/certificate.pem'",
	stranger => "port '$safe'",
	wrong_login => "port '$safe', ca_file '$folder/certificate.pem'",
	no_login => "port '$safe', ca_file '$folder/certificate.pem'");
$node->safe_psql('postgres', "CREATE SERVER $_ FOREIGN DATA WRAPPER calpads_transport OPTIONS (type 'smtp', host 'localhost', $server{$_})") for sort keys %server;
$node->safe_psql('postgres', "CREATE USER MAPPING FOR CURRENT_USER SERVER $_ OPTIONS (username 'district', password 'correct horse')") for 'safe', 'stranger';
$node->safe_psql('postgres', "CREATE USER MAPPING FOR CURRENT_USER SERVER wrong_login OPTIONS (username 'district', password 'geheim')");

# The mails that a server has kept since it was asked the last time.
sub kept
{
	my ($name) = @_;
	my @mails;

	for my $path (sort glob "$folder/$name/*.mail")
	{
		push @mails, slurp_file($path);
		unlink $path;
	}
	return @mails;
}

sub send_by
{
	my ($name, $more) = @_;

	return outcome("SET calpads.mail_server = '$name'; SELECT * FROM calpads.send_mail()" . ($more // ''));
}

# ---- what arrives ----

my $csv = "ID,Name\r\n1,\"M\xc3\xbcller\"\r\n.\r\n" . join '', map { "$_,x\r\n" } 1 .. 5000;
$node->safe_psql(
	'postgres', q{
	SELECT calpads.queue_mail(ARRAY['one@example.org, two@example.org'], U&'Gr\\00FC\\00DFe aus dem Bezirk, und das ist eine sehr lange Zeile \\2013 l\\00E4nger als eine sein darf',
		E'First line\n.\nfrom \u00fc to \u00df\r\nlast line',}
	  . " jsonb_build_array(jsonb_build_object('name', 'CASEMIS_TypeA_NotInFile.csv', 'content', '" . encode_base64($csv, '') . "'), "
	  . q{jsonb_build_object('name', U&'\00fc "x".csv', 'content', '')))});
is(send_by('plain'), '1|0|0|0', 'a mail is sent');
my ($mail) = kept('plain');
like($mail, qr/^\{"from": "calpads\@district.example", "to": \["one\@example.org", "two\@example.org"\], "tls": false/, 'to everybody, from us');
like($mail, qr/^From: calpads\@district.example\r?$/m, 'From');
like($mail, qr/^To: one\@example.org,\r?\n two\@example.org\r?$/m, 'To');
like($mail, qr/^Date: (Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z][a-z] \d{4} \d\d:\d\d:\d\d \+0000\r?$/m, 'Date');
like($mail, qr/^Message-ID: <[0-9a-f-]{36}\@district.example>\r?$/m, 'Message-ID');
my ($subject) = $mail =~ /^Subject: ((?:=\?UTF-8\?B\?[^?]*\?=(?:\r?\n )?)+)\r?$/m;
is(join('', map { decode_base64($_) } ($subject // '') =~ /=\?UTF-8\?B\?([^?]*)\?=/g),
	"Gr\xc3\xbc\xc3\x9fe aus dem Bezirk, und das ist eine sehr lange Zeile \xe2\x80\x93 l\xc3\xa4nger als eine sein darf", 'Subject, encoded');
is((grep { length > 78 } $subject =~ /^(.*?)\r?$/mg), 0, 'in short lines');
my ($body) = $mail =~ /Content-Type: text\/plain; charset=utf-8\r?\nContent-Transfer-Encoding: quoted-printable\r?\n\r?\n(.*?)\r?\n--/s;
is(decode_qp($body // '') =~ s/\r//gr, "First line\n.\nfrom \xc3\xbc to \xc3\x9f\nlast line", 'the body');
my ($attachment) = $mail =~ /filename="CASEMIS_TypeA_NotInFile.csv"\r?\n(?:[^\r\n]+\r?\n)*\r?\n(.*?)\r?\n--/s;
is(decode_base64($attachment // ''), $csv, 'an attachment, byte for byte');
like($mail, qr/filename\*=UTF-8''%C3%BC%20%22x%22.csv\r?$/m, 'a file name that is not plain');
is(outcome("SELECT status, delivered, refused, attempts, sent_at IS NOT NULL, next_attempt_at IS NULL, last_error IS NULL FROM calpads.mail"),
	'sent|{one@example.org,two@example.org}|{}|1|t|t|t', 'is recorded');

# ---- some recipients only ----

$node->safe_psql('postgres', "TRUNCATE calpads.mail; SELECT calpads.queue_mail('{one\@example.org,nobody\@example.org,later\@example.org,two\@example.org}', 's', 'b')");
is(send_by('plain'), '0|1|0|1', 'one refused, one later');
is(outcome('SELECT status, delivered, refused, last_error FROM calpads.mail'),
	'queued|{one@example.org,two@example.org}|{nobody@example.org}|refused by the server: 550 5.1.1 no such user', 'the others have it');
$node->safe_psql('postgres', "UPDATE calpads.mail SET next_attempt_at = now()");
is(send_by('plain'), '0|1|0|1', 'the last one is tried again');
my @mails = kept('plain');
is(scalar(@mails), 1, 'nobody gets it twice');
like($mails[0], qr/"to": \["one\@example.org", "two\@example.org"\]/, 'those who could have it');
is(outcome("SET calpads.mail_attempts = 3; UPDATE calpads.mail SET next_attempt_at = now(); SET calpads.mail_server = 'plain'; SELECT calpads.send_mail();
		SELECT status, attempts FROM calpads.mail"), "(1,0,0,1)\nsent|3", 'in the end it counts as sent');
$node->safe_psql('postgres', "TRUNCATE calpads.mail; SELECT calpads.queue_mail('{nobody\@example.org}', 's', 'b')");
is(send_by('plain'), '0|0|1|1', 'refused by all: failed');
is(outcome('SELECT status, refused FROM calpads.mail'), 'failed|{nobody@example.org}', 'at once');

# ---- TLS and login ----

$node->safe_psql('postgres', "TRUNCATE calpads.mail; SELECT calpads.queue_mail('{one\@example.org}', 's', 'b')");
is(send_by('safe'), '1|0|0|0', 'by STARTTLS, with a login');
like((kept('safe'))[0], qr/"tls": true, "user": "district"/, 'so it came');
for my $name ('required', 'stranger', 'wrong_login', 'no_login')
{
	$node->safe_psql('postgres', "TRUNCATE calpads.mail; SELECT calpads.queue_mail('{one\@example.org}', 's', 'geheime Zahlen')");
	is(send_by($name, '; SELECT status FROM calpads.mail'), "0|1|0|0\nqueued", "not sent: $name");
	my $error = outcome('SELECT last_error FROM calpads.mail');
	isnt($error, '', "a reason: $error");
	unlike($error, qr/geheim|correct horse/, 'without a secret');
}
is(scalar(kept('plain')) + scalar(kept('safe')), 0, 'nothing went out in clear');
like(outcome("UPDATE calpads.mail SET next_attempt_at = now(); ALTER SERVER plain OPTIONS (SET host '192.0.2.1'); SET calpads.mail_server = 'plain'; SELECT calpads.send_mail()"),
	qr/42501: mail to server "plain" would be sent in clear/, 'security none is for this machine');
$node->safe_psql('postgres', "ALTER SERVER plain OPTIONS (SET host 'localhost')");

# ---- injection, also by a row that somebody wrote ----

$node->safe_psql(
	'postgres', q{
	TRUNCATE calpads.mail;
	INSERT INTO calpads.mail (recipients, subject, body) VALUES
		(ARRAY[E'one@example.org>\r\nRCPT TO:<bcc@example.org'], 's', 'b'), ('{one@example.org}', E's\r\nBcc: bcc@example.org', 'b'),
		('{one@example.org}', 'good', 'b'), ('{}', 's', 'b');
	INSERT INTO calpads.mail (recipients, subject, body, attachments) VALUES
		('{one@example.org}', 's', 'b', '[{"name": "a\r\nX: y", "content": ""}]'), ('{one@example.org}', 's', 'b', '[{"name": "a", "content": "!"}]')});
is(send_by('plain'), '1|0|5|4', 'what is no mail is given up, and does not stop the others');
@mails = kept('plain');
is(scalar(@mails), 1, 'nothing else goes out');
like($mails[0], qr/^Subject: good\r?$/m, 'but the good one');

# ---- two at once, and one who dies ----

$node->safe_psql('postgres', "TRUNCATE calpads.mail; SELECT calpads.queue_mail(ARRAY[format('r%s\@example.org', n)], 's', 'b') FROM generate_series(1, 40) n");
my @senders = map {
	my ($in, $out) = ('', '');
	my $handle = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-c', "SET calpads.mail_server = 'plain'", '-c', 'SELECT sent FROM calpads.send_mail()' ],
		\$in, \$out);
	[ $handle, \$out ];
} 1 .. 3;
my $sent = 0;
for my $sender (@senders)
{
	$sender->[0]->finish;
	$sent += ${ $sender->[1] };
}
is($sent, 40, 'three senders send each mail');
my %times;
$times{$_}++ for map { /"to": \["(r\d+)/ } kept('plain');
is(join(' ', grep { $times{$_} != 1 } keys %times) . ' ' . keys(%times), ' 40', 'once');

$node->safe_psql('postgres', "TRUNCATE calpads.mail; SELECT calpads.queue_mail('{one\@example.org}', 's', 'b')");
outcome("SET calpads.mail_server = 'plain'; BEGIN; SELECT calpads.send_mail(); SELECT pg_terminate_backend(pg_backend_pid())", on_error_die => 0);
is(outcome('SELECT status, attempts FROM calpads.mail'), 'queued|0', 'a sender that dies leaves the mail in the queue');
is(send_by('plain'), '1|0|0|0', 'it is sent again');
my @identifiers = map { /^(Message-ID: .*?)\r?$/m } kept('plain');
is(scalar(@identifiers), 2, 'at least once');
is($identifiers[0], $identifiers[1], 'and is known as one');

my $log = slurp_file($node->logfile);
is(join("\n", grep { /geheim|correct horse/ && !/STATEMENT:|LOG:  statement:|^\t/ } split /\n/, $log), '', 'the log holds no secret, but for the statements that said it');
$node->stop;
done_testing();
