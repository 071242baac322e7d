-- Outgoing mail: what is queued, what is refused, and what an attempt leaves.

BEGIN;
SELECT plan(44);

-- Queueing ------------------------------------------------------------------------

SELECT is(calpads.queue_mail(NULL, 's', 'b'), NULL, 'nobody to send it to');
SELECT is(calpads.queue_mail('{}', 's', 'b'), NULL, 'nobody in the list');
SELECT is(calpads.queue_mail('{"", " , ;"}', 's', 'b'), NULL, 'nothing but commas');
SELECT is((SELECT count(*) FROM calpads.mail), 0::bigint, 'nothing is queued');
SELECT is(calpads.mail_addresses('{"a@x.org, b@x.org; c@x.org", "a@x.org", " d@x.org ,"}'), '{a@x.org,b@x.org,c@x.org,d@x.org}',
	'addresses as people type them, each once');
SELECT ok(calpads.queue_mail('{a@x.org,b@x.org}', 'Grüße', E'one\ntwo', '[{"name": "ü.csv", "content": "aGk="}]') IS NOT NULL, 'a mail is queued');
SELECT results_eq(
	'SELECT recipients, subject, body, attachments, status, attempts, next_attempt_at <= clock_timestamp(), last_error, sent_at FROM calpads.mail',
	$$VALUES ('{a@x.org,b@x.org}'::text[], 'Grüße', E'one\ntwo', '[{"name": "ü.csv", "content": "aGk="}]'::jsonb, 'queued' COLLATE "C", 0, true,
		NULL::text, NULL::timestamptz)$$, 'as it was said');
SELECT ok(calpads.queue_mail('{a@x.org}', '', '', NULL) IS NOT NULL, 'no attachments');
SELECT is((SELECT count(DISTINCT message_id) FROM calpads.mail), 2::bigint, 'each has a name of its own');

-- Injection -----------------------------------------------------------------------

SELECT throws_ok(format('SELECT calpads.queue_mail(ARRAY[%L], ''s'', ''b'')', bad.address), '22023', 'recipient 1 of the mail is not an address',
	'no address: ' || to_json(bad.address))
FROM (VALUES (E'a@x.org\r\nBcc: b@x.org'), (E'a@x.org\n'), (E'a@x.org\rb'), ('a@x.org>'), ('<a@x.org>'), ('a b@x.org'), ('a'), ('@x.org'), ('a@'),
	('ä@x.org'), ('a@ä.org'), ('a@@x.org'), (E'a\t@x.org'), ('a@x.org RCPT TO:<b@x.org>'), (repeat('a', 250) || '@x.org')) AS bad (address);
SELECT throws_ok(format('SELECT calpads.queue_mail(''{a@x.org,b}'', ''s'', ''b'')'), '22023', 'recipient 2 of the mail is not an address', 'the second');
SELECT throws_ok(format('SELECT calpads.queue_mail(''{a@x.org}'', %L, ''b'')', bad.subject), '22023', NULL, 'no subject')
FROM (VALUES (E's\r\nBcc: b@x.org'), (E's\n'), (E's\x1b'), (NULL), (repeat('s', 501))) AS bad (subject);
SELECT throws_ok(format('SELECT calpads.queue_mail(''{a@x.org}'', ''s'', ''b'', %L)', bad.attachments), '22023', NULL, 'no attachments: ' || bad.attachments)
FROM (VALUES ('{}'), ('[1]'), ('[{"name": "a"}]'), ('[{"content": ""}]'), ('[{"name": "../a", "content": ""}]'), ('[{"name": "a\r\nb", "content": ""}]'),
	('[{"name": "", "content": ""}]'), ('[{"name": "a", "content": "!"}]')) AS bad (attachments);
SELECT is((SELECT count(*) FROM calpads.mail), 2::bigint, 'nothing of it is queued');

-- Attempts ------------------------------------------------------------------------

SELECT results_eq('SELECT calpads.mail_delay(n) FROM unnest(ARRAY[1, 2, 3, 6, 7, 100]) n',
	$$VALUES (interval '5 minutes'), ('10 minutes'), ('20 minutes'), ('160 minutes'), ('4 hours'), ('4 hours')$$, 'the delay grows, but not for ever');
CREATE FUNCTION pg_temp.attempt(delivered text[], refused text[]) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', r.status, r.attempts, r.delivered, r.refused, r.next_attempt_at > clock_timestamp(), r.sent_at IS NOT NULL)
	FROM (SELECT m FROM calpads.mail m ORDER BY m.mail_id LIMIT 1) AS first, calpads.record_delivery(first.m, attempt.delivered, attempt.refused, 'e') r $$;
SELECT is(pg_temp.attempt('{}', '{}'), 'queued 1 {} {} t f', 'nobody has it yet');
SELECT is(pg_temp.attempt('{a@x.org}', '{}'), 'queued 2 {a@x.org} {} t t', 'one has it');
SELECT is(pg_temp.attempt('{}', '{b@x.org}'), 'sent 3 {a@x.org} {b@x.org} t', 'the other is refused: done');

SELECT throws_ok('SELECT calpads.send_mail()', '55000', 'there is no mail server', 'a server is needed');

SELECT * FROM finish();
ROLLBACK;
