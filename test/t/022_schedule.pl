# The schedule: pg_cron really calls the dispatcher, and whatever happens to a
# session or the server, each run is recorded and none is lost or doubled.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes 'time';

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
my $has_cron = -e $node->config_data('--pkglibdir') . '/pg_cron.so';
$node->append_conf('postgresql.conf',
	"calpads.nightly_mail_recipients = 'dba\@district.example'\n"
	  . ($has_cron ? "shared_preload_libraries = 'pg_cron'\ncron.database_name = 'postgres'\ncron.use_background_workers = on\n" : ''));
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION calpads');

sub outcome
{
	my ($statement, %parameters) = @_;
	my ($status, $output, $message) = $node->psql('postgres', "\\set VERBOSITY verbose\n$statement", on_error_stop => 1, %parameters);

	return $status == 0 ? $output : $message;
}

# A session of its own, which goes on until it is finished.
sub session
{
	my (@statements) = @_;
	my ($in, $out, $error) = ('', '', '');

	return IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), map { ('-c', $_) } @statements ], \$in, \$out, \$error);
}

# A job of every day, of which so many days are missed.
sub make_job
{
	my ($name, $process, $profile, $days_ago) = @_;

	$node->safe_psql(
		'postgres', "INSERT INTO calpads.job (name, process, profile, days_of_week, time_of_day, enabled, scheduled_since)
		VALUES ('$name', '$process', $profile, '{Mon,Tue,Wed,Thu,Fri,Sat,Sun}', '00:00', true, now() - interval '$days_ago days')");
	return;
}

sub runs_of
{
	my ($name) = @_;

	return outcome("SELECT string_agg(concat_ws(' ', status, attempt, sqlstate), ', ' ORDER BY run_id) FROM calpads.job_run WHERE job = '$name'");
}

like(outcome('SELECT calpads.install_dispatcher()'), qr/55000: pg_cron is not in this database(?s:.*)HINT:  .*CALL calpads\.dispatch\(\)/,
	'without pg_cron: what to do');

# ---- pg_cron begins; its minute comes while the rest is tested ----

my $cron_job;
if ($has_cron)
{
	$node->safe_psql('postgres', 'CREATE DATABASE other');
	$node->safe_psql('other', 'CREATE EXTENSION calpads');
	my (undef, undef, $message) = $node->psql('other', 'SELECT calpads.install_dispatcher()');
	like($message, qr/The server has it for database "postgres"(?s:.*)cron\.schedule_in_database\('calpads dispatcher of other'/,
		'pg_cron is in another database: what to do there');

	# In a database of its own: the jobs below are for other dispatchers.
	my ($command) = $message =~ /(SELECT cron\.schedule_in_database\(.*?\));/;
	$node->safe_psql('postgres', 'CREATE EXTENSION pg_cron');
	$node->safe_psql('other',
		"INSERT INTO calpads.job (name, process, days_of_week, time_of_day, enabled, scheduled_since)
		VALUES ('by cron', 'NIGHTLY', '{Mon,Tue,Wed,Thu,Fri,Sat,Sun}', '00:00', true, now() - interval '3 days')");
	$node->safe_psql('postgres', $command =~ s/\*\/5/*/r);
	$cron_job = $node->safe_psql('postgres', 'SELECT calpads.install_dispatcher(60)');
	is(outcome("SELECT jobid, schedule, command, active FROM cron.job WHERE jobname = 'calpads dispatcher of postgres'"),
		"$cron_job|0 * * * *|CALL calpads.dispatch()|t", 'the dispatcher is installed');
	is(outcome('SELECT calpads.install_dispatcher(15)'), $cron_job, 'once');
	is(outcome("SELECT schedule FROM cron.job WHERE jobid = $cron_job"), '*/15 * * * *', 'with its new time');
	is(outcome('SELECT calpads.remove_dispatcher()'), 't', 'and removed');
	is(outcome('SELECT calpads.remove_dispatcher()'), 'f', 'once');
}

# ---- missed, failed ----

make_job('nightly', 'NIGHTLY', 'NULL', 3);
is(outcome('CALL calpads.dispatch()'), '', 'the dispatcher');
is(runs_of('nightly'), 'succeeded 1', 'three days were missed: one run');
outcome('CALL calpads.dispatch()');
is(runs_of('nightly'), 'succeeded 1', 'and no other');
like(outcome('BEGIN; CALL calpads.dispatch()'), qr/2D000: .*(?s:.*)HINT:  SELECT calpads\.run_due_jobs\(\)/, 'a transaction cannot be ended from inside');

make_job('broken', 'CASEMIS', "'no such profile'", 3);
outcome('CALL calpads.dispatch()');
like(runs_of('broken'), qr/^failed 1/, 'a run that fails is recorded');
is(outcome("SELECT message <> '' FROM calpads.job_run WHERE job = 'broken'"), 't', 'with its reason');
is(outcome("SELECT retry_at - now() BETWEEN '9 minutes' AND '10 minutes', attempt FROM calpads.job WHERE name = 'broken'"), 't|1', 'and tried again');
for my $attempt (2, 3)
{
	outcome("UPDATE calpads.job SET retry_at = now() WHERE name = 'broken'; CALL calpads.dispatch()");
	like(runs_of('broken'), qr/failed $attempt( \w+)?$/, "attempt $attempt");
}
is(outcome("SELECT retry_at IS NULL FROM calpads.job WHERE name = 'broken'"), 't', 'not for ever');
is(outcome(q{SELECT count(*) FROM calpads.mail WHERE subject = 'calpads: job "broken" failed' AND recipients = '{dba@district.example}'}), '1',
	'and then somebody is told, once');

# ---- two at once; ended in the middle ----

# A run of NIGHTLY waits for this lock.
sub block
{
	my $blocker = session('BEGIN', 'LOCK TABLE calpads.current_load', 'SELECT pg_sleep(60)');

	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_locks WHERE relation = 'calpads.current_load'::regclass AND granted AND mode = 'AccessExclusiveLock'")
	  or die 'no lock';
	return $blocker;
}

sub unblock
{
	my ($blocker) = @_;

	outcome("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'");
	$blocker->finish;
	return;
}

sub wait_for_run
{
	my ($name) = @_;

	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM calpads.job_status WHERE name = '$name' AND state = 'running'") or die "$name does not run";
	return;
}

my $dispatcher = q{SELECT pid FROM pg_stat_activity WHERE query = 'CALL calpads.dispatch()' AND wait_event_type = 'Lock'};
make_job('slow', 'NIGHTLY', 'NULL', 3);
my $blocker = block();
my $first = session('CALL calpads.dispatch()');
wait_for_run('slow');
is(runs_of('slow'), 'started 1', 'a run is recorded when it begins');
is(outcome('CALL calpads.dispatch(); SELECT count(*) FROM calpads.run_due_jobs()'), '0', 'two other dispatchers have nothing to do');
like(outcome("SELECT calpads.run_job_now('slow')"), qr/55006: job "slow" is running/, 'nor is it started by hand');
outcome("SELECT pg_terminate_backend(pid) FROM ($dispatcher) AS d");
$first->finish;
unblock($blocker);
is(runs_of('slow'), 'started 1', 'its session is gone');
outcome('CALL calpads.dispatch()');
is(runs_of('slow'), 'interrupted 1, succeeded 2', 'which is noted, and it is tried again');

make_job('crashed', 'NIGHTLY', 'NULL', 3);
$blocker = block();
$first = session('CALL calpads.dispatch()');
wait_for_run('crashed');
$node->stop('immediate');
$first->finish;
$blocker->finish;
$node->start;
outcome('SELECT count(*) FROM calpads.run_due_jobs()');
is(runs_of('crashed'), 'interrupted 1, succeeded 2', 'the same after a crash of the server, by the function');

# Cancelled when the work is done but not yet recorded, in a session that goes on.
make_job('kept', 'NIGHTLY', 'NULL', 3);
$blocker = block();
$first = session('CALL calpads.dispatch()', 'SELECT pg_sleep(50)');
wait_for_run('kept');
my $holder = session('BEGIN', "SELECT FROM calpads.job_run WHERE status = 'started' FOR UPDATE", 'SELECT pg_sleep(55)');
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(55)'") or die 'no holder';
unblock($blocker);
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM ($dispatcher AND wait_event = 'transactionid') AS d") or die 'the end is not waited for';
outcome("SELECT pg_cancel_backend(pid) FROM ($dispatcher) AS d");
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(50)'") or die 'the session has ended';
is(outcome("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), '0', 'a session that goes on after a cancelled dispatcher has no lock');
outcome("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(55)'");
$holder->finish;
outcome('CALL calpads.dispatch()');
is(runs_of('kept'), 'interrupted 1, succeeded 2', 'so that another dispatcher notes it and tries again');
outcome("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(50)'");
$first->finish;

make_job('cancelled', 'NIGHTLY', 'NULL', 3);
$blocker = block();
outcome("SET statement_timeout = '1s'; CALL calpads.dispatch()");
unblock($blocker);
is(runs_of('cancelled'), 'failed 1 57014', 'a cancelled run is recorded');
is(outcome("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), '0', 'no lock is left');

# ---- what pg_cron did ----

SKIP:
{
	skip 'pg_cron is not installed for this version', 1 unless $has_cron;
	my $until = time + 75;
	my $run;

	do
	{
		select undef, undef, undef, 0.5;
		$run = $node->safe_psql('other', "SELECT status FROM calpads.job_run WHERE job = 'by cron'");
	} until ($run eq 'succeeded' || time > $until);
	is($run, 'succeeded', 'pg_cron has called the dispatcher, which has run the job');
	$node->poll_query_until('postgres', "SELECT count(*) > 0 FROM cron.job_run_details WHERE command = 'CALL calpads.dispatch()' AND status = 'succeeded' AND database = 'other'");
	is($node->safe_psql('postgres', "SELECT count(*) FROM cron.job_run_details WHERE status = 'failed'"), '0', 'and found nothing wrong');
	is($node->safe_psql('other', q{SELECT count(*) FROM calpads.mail WHERE subject = 'calpads: nightly delta' AND recipients = '{dba@district.example}'}), '1',
		'with its mail, once');
}

$node->stop;
done_testing();
