-- The schedule: when a job is due, and what is recorded of its runs.

BEGIN;
SELECT plan(71);
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;

-- The moment that a time of a day means ---------------------------------------------

SELECT is(calpads.local_moment(v.day, v.at, v.zone), v.moment, concat_ws(' ', v.day, v.at, v.zone, v.what))
FROM (VALUES
	('2026-01-15'::date, '18:30'::time, 'America/Los_Angeles', '2026-01-16 02:30+00'::timestamptz, 'in winter'),
	('2026-07-15', '18:30', 'America/Los_Angeles', '2026-07-16 01:30+00', 'in summer'),
	('2026-03-08', '01:59', 'America/Los_Angeles', '2026-03-08 09:59+00', 'just before the gap'),
	('2026-03-08', '02:00', 'America/Los_Angeles', '2026-03-08 10:00+00', 'the beginning of the gap'),
	('2026-03-08', '02:30', 'America/Los_Angeles', '2026-03-08 10:00+00', 'in the gap: the next valid minute'),
	('2026-03-08', '03:00', 'America/Los_Angeles', '2026-03-08 10:00+00', 'just after the gap'),
	('2026-11-01', '00:59', 'America/Los_Angeles', '2026-11-01 07:59+00', 'before the hour that comes twice'),
	('2026-11-01', '01:00', 'America/Los_Angeles', '2026-11-01 08:00+00', 'the first time'),
	('2026-11-01', '01:30', 'America/Los_Angeles', '2026-11-01 08:30+00', 'the first time'),
	('2026-11-01', '02:00', 'America/Los_Angeles', '2026-11-01 10:00+00', 'after it'),
	('2026-10-04', '02:15', 'Australia/Lord_Howe', '2026-10-03 15:30+00', 'a gap of half an hour'),
	('2026-03-08', '02:30', 'America/Phoenix', '2026-03-08 09:30+00', 'a zone without summer time'),
	('2026-03-29', '00:00', 'UTC', '2026-03-29 00:00+00', 'no zone')) AS v (day, at, zone, moment, what);

-- Jobs --------------------------------------------------------------------------------

INSERT INTO calpads.job (name, process, time_of_day) VALUES ('plain', 'NIGHTLY', '04:00');
SELECT results_eq($$SELECT days_of_week, time_zone, enabled, max_attempts, scheduled_since FROM calpads.job$$,
	$$VALUES ('{Mon,Tue,Wed,Thu,Fri}'::text[], 'America/Los_Angeles', false, 3, NULL::timestamptz)$$, 'a job is disabled at first');
SELECT throws_ok(format('INSERT INTO calpads.job (name, process, time_of_day, profile%s) VALUES (%s)', bad.columns, bad.row), bad.state, NULL, 'refused: ' || bad.row)
FROM (VALUES ('', $$'plain', 'NIGHTLY', '04:00', NULL$$, '23505'), ('', $$'a', 'SENR', '04:00', NULL$$, '23514'), ('', $$'a', 'CASEMIS', '04:00', NULL$$, '23514'),
	('', $$'a', 'NIGHTLY', '24:00', NULL$$, '23514'), (', time_zone', $$'a', 'NIGHTLY', '04:00', NULL, 'PST'$$, '22023'),
	(', time_zone', $$'a', 'NIGHTLY', '04:00', NULL, 'Mars'$$, '22023'), (', days_of_week', $$'a', 'NIGHTLY', '04:00', NULL, '{}'$$, '23514'),
	(', days_of_week', $$'a', 'NIGHTLY', '04:00', NULL, '{Montag}'$$, '23514'), (', recipients', $$'a', 'NIGHTLY', '04:00', NULL, '{nobody}'$$, '22023'),
	(', first_day, last_day', $$'a', 'NIGHTLY', '04:00', NULL, '2026-02-01', '2026-01-01'$$, '23514')) AS bad (columns, row, state);
UPDATE calpads.job SET recipients = '{"a@x.org, b@x.org"}', enabled = true;
SELECT is(recipients, '{a@x.org,b@x.org}', 'recipients as people type them') FROM calpads.job;
SELECT cmp_ok(scheduled_since, '>=', now(), 'the schedule begins when the job is enabled') FROM calpads.job;

-- A week in which the clocks change.
UPDATE calpads.job SET days_of_week = '{Sat,Sun,Mon}', time_of_day = '02:30', enabled = true;
UPDATE calpads.job SET scheduled_since = '2026-03-07 00:00-08';
CREATE FUNCTION pg_temp.due(as_of timestamptz) RETURNS timestamptz LANGUAGE sql AS $$ SELECT calpads.due_moment(j, as_of) FROM calpads.job j WHERE name = 'plain' $$;
CREATE FUNCTION pg_temp.next(as_of timestamptz) RETURNS timestamptz LANGUAGE sql AS $$ SELECT calpads.next_moment(j, as_of) FROM calpads.job j WHERE name = 'plain' $$;
SELECT is(pg_temp.due('2026-03-07 02:29-08'), NULL, 'not yet');
SELECT is(pg_temp.due('2026-03-07 02:30-08'), '2026-03-07 02:30-08'::timestamptz, 'on the minute');
SELECT is(pg_temp.next('2026-03-07 02:30-08'), '2026-03-08 03:00-07'::timestamptz, 'next: the first minute after the gap');
UPDATE calpads.job SET last_due = '2026-03-07 02:30-08';
SELECT is(pg_temp.due('2026-03-08 01:59:59-08'), NULL, 'not before the gap');
SELECT is(pg_temp.due('2026-03-08 03:00-07'), '2026-03-08 03:00-07'::timestamptz, 'at its end');
UPDATE calpads.job SET last_due = '2026-03-08 03:00-07';
SELECT is(pg_temp.due('2026-03-09 02:29-07'), NULL, 'not twice on that day');
SELECT is(pg_temp.due('2026-03-14 12:00-07'), '2026-03-14 02:30-07'::timestamptz, 'after days without the server: the latest moment');
SELECT is(pg_temp.due('2026-06-01 12:00-07'), '2026-06-01 02:30-07'::timestamptz, 'however long ago');
-- The hour that comes twice.
UPDATE calpads.job SET time_of_day = '01:30';
UPDATE calpads.job SET scheduled_since = '2026-10-31 12:00-07', last_due = NULL;
SELECT is(pg_temp.due('2026-11-01 01:30-07'), '2026-11-01 01:30-07'::timestamptz, 'the first 01:30');
UPDATE calpads.job SET last_due = '2026-11-01 01:30-07';
SELECT is(pg_temp.due('2026-11-01 01:30-08'), NULL, 'not the second');
SELECT is(pg_temp.next('2026-11-01 01:30-08'), '2026-11-02 01:30-08'::timestamptz, 'but the next day');
-- Enabled after its time, changed, first and last day.
UPDATE calpads.job SET scheduled_since = '2026-11-02 10:00-08', last_due = NULL;
SELECT is(pg_temp.due('2026-11-02 11:00-08'), NULL, 'what was due before it was enabled is not made up for');
UPDATE calpads.job SET time_of_day = '01:45';
SELECT cmp_ok(scheduled_since, '>=', now(), 'a changed schedule begins anew') FROM calpads.job;
UPDATE calpads.job SET first_day = '2026-11-08', last_day = '2026-11-14';
UPDATE calpads.job SET scheduled_since = '2026-11-02 10:00-08';
SELECT is(pg_temp.due('2026-11-07 12:00-08'), NULL, 'not before its first day');
SELECT is(pg_temp.next('2026-10-01 12:00-08'), '2026-11-08 01:45-08'::timestamptz, 'on its first day');
SELECT is(pg_temp.due('2026-12-24 12:00-08'), '2026-11-14 01:45-08'::timestamptz, 'its last moment, even when it was missed');
SELECT is(pg_temp.next('2026-11-14 12:00-08'), NULL, 'not after its last day');

-- The end of a schedule is announced -----------------------------------------------------

SELECT is(calpads.announce_job_ends('2026-10-31 12:00-07'), 0::bigint, 'fourteen days before: not yet');
SELECT is(calpads.announce_job_ends('2026-11-01 12:00-08'), 1::bigint, 'less: announced');
SELECT is(calpads.announce_job_ends('2026-11-14 12:00-08'), 0::bigint, 'once');
UPDATE calpads.job SET last_due = '2026-11-14 01:45-08';
SELECT is(calpads.announce_job_ends('2026-11-15 12:00-08'), 1::bigint, 'when it is over, again');
SELECT is(calpads.announce_job_ends('2026-11-16 12:00-08'), 0::bigint, 'once');
SELECT results_eq('SELECT subject, recipients FROM calpads.mail ORDER BY mail_id',
	$$VALUES ('calpads: job "plain" expires soon', '{a@x.org,b@x.org}'::text[]), ('calpads: job "plain" expired', '{a@x.org,b@x.org}')$$, 'by mail');
SELECT is((SELECT string_agg(status || ': ' || message, ', ') FROM calpads.job_run), 'expired: the last day of the job was 2026-11-14', 'and recorded');

-- Runs -------------------------------------------------------------------------------

DELETE FROM calpads.job;
TRUNCATE calpads.job_run, calpads.mail;
INSERT INTO calpads.job (name, process, days_of_week, time_of_day, enabled, scheduled_since)
VALUES ('nightly', 'NIGHTLY', '{Mon,Tue,Wed,Thu,Fri,Sat,Sun}', '04:00', true, '2026-03-01 12:00-08');
SELECT set_config('calpads.nightly_mail_recipients', 'dba@district.example', true);
CREATE FUNCTION pg_temp.runs(as_of timestamptz) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(concat_ws(' ', job, status, due_at, attempt), ', '), '-') FROM calpads.run_due_jobs(as_of) $$;
SELECT is(pg_temp.runs('2026-03-05 12:00-08'), 'nightly succeeded 2026-03-05 12:00:00+00 1', 'four days were missed: one run, for the last');
SELECT is(pg_temp.runs('2026-03-05 12:05-08'), '-', 'not twice');
SELECT is((SELECT count(*) FROM calpads.mail WHERE subject = 'calpads: nightly delta'), 1::bigint, 'its mail');
UPDATE calpads.job SET grace = '2 hours';
SELECT is(pg_temp.runs('2026-03-06 06:01-08'), '-', 'later than its grace: not run');
SELECT is((SELECT string_agg(status, ', ' ORDER BY run_id) FROM calpads.job_run), 'succeeded, missed', 'but recorded');
SELECT is((SELECT count(*) FROM calpads.mail WHERE subject = 'calpads: job "nightly" was missed'), 1::bigint, 'and told');
SELECT is(pg_temp.runs('2026-03-07 05:59-08'), 'nightly succeeded 2026-03-07 12:00:00+00 1', 'within its grace: run');
UPDATE calpads.job SET enabled = false;
SELECT is(pg_temp.runs('2026-03-09 12:00-08'), '-', 'not when it is disabled');
SELECT is((SELECT (calpads.run_job_now('nightly')).status), 'succeeded', 'but by hand');
SELECT throws_ok('SELECT calpads.run_job_now(''nobody'')', '42704', 'there is no job ''nobody''', 'of a job that there is');
-- History.
UPDATE calpads.job_run SET started_at = started_at - interval '91 days';
SELECT is(calpads.shorten_job_history(), 3::bigint, 'old runs go away');
SELECT is((SELECT count(*) FROM calpads.job_run), 1::bigint, 'but the last one of each job');
-- A failure says why, but repeats no values of classes that hold them.
INSERT INTO calpads.job_run (job_id, job, process, status) SELECT job_id, name, process, 'started' FROM calpads.job;
SELECT calpads.finish_run(max(run_id), 'failed', '22007', 'invalid input syntax for type date: "Zzyzxqua"', NULL) FROM calpads.job_run;
SELECT is((SELECT count(*) FROM calpads.mail WHERE body ~ 'error 22007' AND body !~ 'Zzyzxqua'), 1::bigint, 'a mail repeats no value');

-- A setting that holds no address.
SELECT set_config('calpads.nightly_mail_recipients', 'nobody', true);
UPDATE calpads.job SET enabled = true, last_due = NULL, grace = '2 hours';
UPDATE calpads.job SET scheduled_since = '2026-03-01 12:00-08';
SELECT is(pg_temp.runs('2026-03-10 04:01-07'), 'nightly succeeded 2026-03-10 11:00:00+00 1', 'keeps no job from being run');
SELECT is(pg_temp.runs('2026-03-11 16:01-07'), '-', 'nor from being recorded as missed');
SELECT set_config('calpads.nightly_mail_recipients', 'dba@district.example', true);

-- The nightly delta ----------------------------------------------------------------------

SET LOCAL calpads.today = '2025-11-14';
CREATE TABLE pg_temp.ods AS SELECT calpads.create_sample_district(60) AS content;
SELECT load_id FROM pg_temp.ods, calpads.load_ods('SENR', 'ods.txt', content) \g /dev/null
TRUNCATE calpads.mail;
CREATE TEMPORARY TABLE night AS SELECT * FROM calpads.nightly_delta();
SELECT is((SELECT outcome || (records > 0 AND files > 0) FROM night WHERE process = 'SENR'), 'createdtrue', 'files are made where there is a difference');
SELECT is((SELECT sum(n.records) FROM night n), (SELECT sum(f.records)::numeric FROM calpads.extract_file f), 'with their counts');
SELECT is((SELECT outcome || (batch_id = (SELECT batch_id FROM night WHERE process = 'SENR')) FROM calpads.nightly_delta() WHERE process = 'SENR'), 'still opentrue',
	'the next night says the same: no second batch');
UPDATE calpads.school_selection SET selected = true;
DELETE FROM sis.enr WHERE id % 2 = 0;
SELECT is((SELECT outcome || (message ~ 'would remove') FROM calpads.nightly_delta() WHERE process = 'SENR'), 'refusedtrue', 'what a guard refuses is told');
SELECT is((SELECT string_agg(subject, ', ' ORDER BY mail_id) FROM calpads.mail), 'calpads: nightly delta, calpads: nightly delta, calpads: nightly delta, needs attention',
	'each night has its mail');
SELECT is_empty($$SELECT body FROM calpads.mail WHERE body ~ '\d{10}'$$, 'which holds counts only');

SELECT * FROM finish();
ROLLBACK;
