# Messages go to logs and mails: none of them may hold an SSID or a name, unless
# the caller has sent it with the command.

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
$node->start;
my $folder = PostgreSQL::Test::Utils::tempdir;
create_district($node, 'postgres', 200);
delete $ENV{PGOPTIONS};
$node->safe_psql('postgres', "ALTER DATABASE postgres SET calpads.today = '2025-11-14'");

# Everybody has one name, which cannot be missed.
my $name = 'Zzyzxqua';
$node->safe_psql(
	'postgres', qq{
	UPDATE sis.stu SET fn = '$name', mn = '$name', ln = '$name', bcy = '$name';
	CREATE TABLE public.line AS
	SELECT n, array_to_string(f[1:9] || '{$name,$name,$name}'::text[] || f[13:18] || '{$name}'::text[] || f[20:], '^') AS line
	FROM public.ods, regexp_split_to_table(convert_from(content, 'UTF8'), E'\\r\\n') WITH ORDINALITY AS l (line, n),
		string_to_array(line, '^') AS f
	WHERE line <> '';
	CREATE FUNCTION public.file(expression text, condition text DEFAULT 'true') RETURNS bytea LANGUAGE plpgsql AS \$\$
	DECLARE
		content bytea;
	BEGIN
		EXECUTE format('SELECT string_agg(convert_to(%s, ''UTF8'') || ''\\x0d0a'', '''' ORDER BY n) FROM public.line WHERE %s', expression, condition)
			INTO content;
		RETURN content;
	END;
	\$\$;
	CREATE TABLE public.good AS SELECT public.file('line') AS content;
	SELECT calpads.load_ods('SENR', 'good.txt', content) FROM public.good});

# What a statement says names nobody.  It must say something of that form, or
# it may also find nothing wrong.
sub check_message
{
	my ($what, $statement, $says) = @_;
	my (undef, undef, $message) =
		$node->psql('postgres', "\\set VERBOSITY verbose\nBEGIN;\n$statement;\nROLLBACK", on_error_stop => 0);

	like($message, $says, "$what: a message") if defined $says;
	unlike($message, qr/$name/i, "$what: without a name");
	unlike($message, qr/(?<!\d)\d{10}(?!\d)/, "$what: without an SSID");
	return;
}

sub check_load
{
	my ($what, $expression, $condition, $says) = @_;

	return check_message($what, "SELECT load_id FROM calpads.load_ods('SENR', 'ods.txt', public.file(\$\$$expression\$\$, \$\$$condition\$\$))",
		$says);
}

# ---- files ----

my $some = 'n % 7 = 0';
check_load('a field too many before the name', "CASE WHEN $some THEN overlay(line placing '^^' from 12 for 1) ELSE line END",
	'true', qr/NOTICE:.*set aside/);
check_load('all fields moved by one', "replace(line, '^$name^$name^', '^$name^')", 'true', qr/ERROR:/);
check_load('names where dates belong', "CASE WHEN $some THEN regexp_replace(line, '\\^(20\\d{6})\\^', '^$name^') ELSE line END",
	'true', qr/NOTICE:.*set aside/);
check_load('names where codes belong', "CASE WHEN $some THEN regexp_replace(line, '\\^([MFX])\\^', '^$name^') ELSE line END",
	'true', undef);
check_load('an SSID of 12 digits with a name', "CASE WHEN $some THEN regexp_replace(line, '\\^(\\d{10})\\^', '^\\1$name^') ELSE line END",
	'true', qr/NOTICE:.*set aside/);
check_load('no SSID', "CASE WHEN $some THEN regexp_replace(line, '\\^(\\d{10})\\^', '^^') ELSE line END", 'true', qr/NOTICE:.*set aside/);
check_load('most rows bad', "regexp_replace(line, '\\^(20\\d{6})\\^', '^$name^')", 'true', qr/ERROR:/);
check_load('every row twice', "line || E'\\r\\n' || line", 'true', qr/(NOTICE|ERROR):/);
check_load('cut off', "CASE WHEN n = (SELECT max(n) FROM public.line) THEN left(line, 90) ELSE line END", 'true', qr/ERROR:|NOTICE:/);
check_load('another LEA', "regexp_replace(line, '\\^9976543\\^', '^1111111^')", 'true', qr/ERROR:/);
check_load('a header', "CASE WHEN n = 1 THEN 'Record Type^$name' || E'\\r\\n' ELSE '' END || line", 'true', qr/(ERROR|NOTICE):/);
check_load('tabs', "translate(line, '^', E'\\t')", 'true', qr/ERROR:/);
check_load('commas', "translate(line, '^', ',')", 'true', qr/ERROR:/);
check_load('another record type', "replace(line, 'SENR-R', '$name')", 'true', qr/(ERROR|NOTICE):/);
check_load('active students only', 'line', q{split_part(line, '^', 25) = ''}, qr/ERROR:/);
check_load('carets only', "repeat('^', 36)", 'true', qr/ERROR:/);
check_message('bytes that are no text',
	"SELECT calpads.load_ods('SENR', 'ods.txt', replace(content::text, encode('$name', 'hex'), encode('$name', 'hex') || 'ff81')::bytea) FROM public.good",
	qr/(ERROR|NOTICE):/);
check_message('a NUL byte',
	"SELECT calpads.load_ods('SENR', 'ods.txt', replace(content::text, encode('$name', 'hex'), encode('$name', 'hex') || '00')::bytea) FROM public.good",
	qr/(ERROR|NOTICE):/);
check_message('an old layout', "SELECT calpads.load_ods('SENR', 'ods.txt', content, '2018-2019') FROM public.good", qr/ERROR:/);

# The same through a foreign table.
$node->safe_psql('postgres',
	"COPY (SELECT CASE WHEN $some THEN regexp_replace(line, '\\^(20\\d{6})\\^', '^$name^') ELSE line END FROM public.line ORDER BY n) TO '$folder/bad.txt'");
$node->safe_psql('postgres',
	"IMPORT FOREIGN SCHEMA senr_ods FROM SERVER calpads_files INTO public OPTIONS (filename '$folder/bad.txt')");
check_message('a foreign table', 'SELECT count(s) FROM public.senr_ods s', qr/ERROR:/);
check_message('a foreign table that skips', "ALTER FOREIGN TABLE public.senr_ods OPTIONS (ADD on_error 'skip'); SELECT count(s) FROM public.senr_ods s",
	qr/NOTICE:/);

# ---- files that are made ----

check_message('too many removals', "DELETE FROM sis.enr WHERE id % 3 = 0; SELECT calpads.create_extract('SENR')", qr/ERROR:/);
$node->safe_psql(
	'postgres', q{
	CREATE FUNCTION public.spoil() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		NEW.line := regexp_replace(NEW.line, TG_ARGV[0], TG_ARGV[1]);
		RETURN NEW;
	END;
	$$});
for my $spoiled ([ 'deletions of nothing', '^SENR\^A?\^', 'SENR^D^' ], [ 'names where dates belong', '\^20\d{6}\^', "^$name^" ],
	[ 'names where codes belong', '\^10\^', "^$name^" ], [ 'other schools', '\^\d{7}\^(\d{7})\^', "^\\1^$name^" ])
{
	check_message("a refused batch with $spoiled->[0]",
		"CREATE TRIGGER spoil BEFORE INSERT ON calpads.extract_record FOR EACH ROW "
		  . "EXECUTE FUNCTION public.spoil('$spoiled->[1]', '$spoiled->[2]'); SELECT calpads.create_extract('SENR')",
		qr/ERROR:.*would refuse/);
}
check_message('names with carets and line ends', "UPDATE sis.stu SET ln = E'$name^\\r\\n'; SELECT file_id FROM calpads.create_extract('SENR')", undef);
check_message('names in the columns of codes',
	"ALTER TABLE sis.stu DISABLE TRIGGER ALL; UPDATE sis.stu SET gn = left('$name', 1), bst = left('$name', 2), bcu = left('$name', 2); "
	  . "SELECT file_id FROM calpads.create_extract('SENR')",
	undef);
check_message('a value that a file cannot hold', "LOAD 'calpads'; COPY (SELECT id, ln || '^' FROM sis.stu) TO STDOUT WITH (FORMAT calpads)", qr/ERROR:/);
$node->safe_psql('postgres', "SELECT calpads.create_extract('SENR'); SELECT calpads.post_file(file_id) FROM calpads.history_open");
check_message('posted twice', "SELECT calpads.post_file(file_id) FROM calpads.extract_file WHERE status = 'Posted'", qr/ERROR:/);
check_message('out of order', 'SELECT calpads.post_file(max(file_id)) FROM calpads.extract_file', qr/ERROR:/);
check_message('a load after a posting', "SELECT load_id FROM public.good, calpads.load_ods('SENR', 'ods.txt', content)", undef);
check_message('a folder in use', "COPY (SELECT 1) TO '$folder/999_Removals.txt'; SELECT calpads.write_extract(batch_id, '$folder') FROM calpads.batch", qr/ERROR:/);
check_message('a line that is no text in the encoding',
	"UPDATE calpads.extract_record SET line = line || U&'\\4E00'; UPDATE calpads.batch SET encoding = 'WIN1252'; SELECT calpads.file_content(file_id) FROM calpads.history_open", qr/ERROR:/);

# ---- what other systems deliver ----

# Students as other systems have them: public.export(form) gives one a line, of
# which some have the name where it does not belong.
$node->safe_psql(
	'postgres', qq{
	INSERT INTO calpads.isi_code VALUES ('GT', 'Gifted and talented', '127', NULL);
	INSERT INTO calpads.casemis_profile (name, services) VALUES ('nightly', true), ('students', false);
	CREATE FUNCTION public.export(header text, form text, condition text DEFAULT 'true') RETURNS bytea LANGUAGE plpgsql AS \$\$
	DECLARE
		content bytea;
	BEGIN
		EXECUTE format('SELECT convert_to(%L || string_agg(%s, '''' ORDER BY id), ''UTF8'')
			FROM (SELECT DISTINCT ON (id) *, row_number() OVER (ORDER BY id) AS n FROM sis.stu) AS student WHERE %s', header, form, condition)
			INTO content;
		RETURN content;
	END;
	\$\$});
my $header = q{E'SELPA_CODE,STUDENT_ID,LAST_NAME,FIRST_NAME,SSID,BIRTHDATE,GRADE,PLAN_TYPE,DISABILIT1\r\n'};
my $student = q{concat_ws(',', '0601', id, ln, fn, cid, to_char(bd, 'YYYYMMDD'), '04', '10', '290')};
my $program = q{concat_ws(E'\t', id, cid, ln, fn, '', to_char(bd, 'MM/DD/YYYY'), 'GT', '8/11/2025', '', '8/11/2025', '', '2025-2026', '')};
my $ssid = q{concat_ws('^', '9976543', '0000001', cid, id, ln, fn, '', 'F', to_char(bd, 'YYYYMMDD'), '20250820', '05', 'EO', '20250820', 'ENG', '20251030', 'Y')};

sub export
{
	my ($first_line, $form, $condition) = @_;
	$condition //= 'true';

	return "public.export($first_line, \$form\$$form || E'\\r\\n'\$form\$, \$\$$condition\$\$)";
}

for my $delivery (
	[ 'special education', export($header, $student) ],
	[ 'special education without a header', export("''", $student) ],
	[ 'special education, moved by one', export($header, "'$name,' || $student") ],
	[ 'special education, dates that are names', export($header, "replace($student, to_char(bd, 'YYYYMMDD'), ln)") ],
	[ 'special education, SSIDs that are none', export($header, "replace($student, cid, cid || '77' || ln)") ],
	[ 'special education, a quote that does not close', export($header, "CASE WHEN n = 9 THEN '\"' ELSE '' END || $student") ],
	[ 'special education of another encoding', export($header, "replace($student, ln, ln || U&'\\4E00')") ])
{
	check_message("$delivery->[0], $_->[0]", "SELECT status FROM calpads.casemis_run($_->[1])", undef)
	  for [ 'students', "'students', $delivery->[1]" ], [ 'services', "'nightly', $delivery->[1], $delivery->[1]" ];
}
for my $delivery (
	[ 'programs', export("''", $program) ],
	[ 'programs, moved by one', export("''", "ln || E'\\t' || $program") ],
	[ 'programs, dates that are names', export("''", "replace($program, to_char(bd, 'MM/DD/YYYY'), ln)") ],
	[ 'programs, codes that are names', export("''", "replace($program, E'\\tGT\\t', E'\\t' || ln || E'\\t')") ],
	[ 'programs with commas', export("''", "translate($program, E'\\t', ',')") ],
	[ 'programs twice', export("''", "$program || E'\\r\\n' || $program") ],
	[ 'programs with names for a header', export("''", "ln || E'\\t' || ln || E'\\t' || cid", 'n < 3') ])
{
	check_message($delivery->[0], "SELECT status FROM calpads.import_programs('programs.txt', $delivery->[1])", undef);
}
for my $delivery (
	[ 'SSIDs', export("''", $ssid) ],
	[ 'SSIDs, moved by one', export("''", "ln || '^' || $ssid") ],
	[ 'SSIDs, dates that are names', export("''", "replace($ssid, to_char(bd, 'YYYYMMDD'), ln)") ],
	[ 'SSIDs with letters', export("''", "replace($ssid, cid, cid || ln)") ],
	[ 'SSIDs twice', export("''", "$ssid || E'\\r\\n' || $ssid") ],
	[ 'SSIDs with commas', export("''", "translate($ssid, '^', ',')") ])
{
	check_message("$delivery->[0], $_", "SELECT load_id FROM calpads.$_('ssids.txt', $delivery->[1])", undef)
	  for 'load_ssid_extract', 'load_ssid_replacement';
}
$node->safe_psql('postgres', "UPDATE sis.stu SET cid = '' WHERE id % 20 = 0; SELECT calpads.create_ssid_request()");
my $matches = q{concat_ws(',', id, cid, 'Single Match', '100')};
for my $delivery (
	[ 'match results', export(q{E'LocalID,SSID,Category,Score\r\n'}, $matches) ],
	[ 'match results with names for a header', export("''", "concat_ws(',', ln, fn, cid)") ],
	[ 'match results, categories that are names', export(q{E'LocalID,SSID,Category,Score\r\n'}, "concat_ws(',', id, '1' || cid, ln, ln)") ])
{
	check_message($delivery->[0], "SELECT calpads.load_match_result((SELECT base_name || '_Results.csv' FROM calpads.ssid_request), $delivery->[1])", undef);
}
is($node->safe_psql('postgres', "SELECT count(*) FROM calpads.mail WHERE body ~ '$name|\\d{10}' OR subject ~ '$name|\\d{10}'"), 0, 'mail names nobody');

# ---- what the server logged of all this ----

my $log = slurp_file($node->logfile);
my @named = grep { /$name|(?<!\d)\d{10}(?!\d)/ && /(ERROR|WARNING|NOTICE|DETAIL|HINT|CONTEXT): / && !/(STATEMENT|LOG): / } split /\n/, $log;
is(join("\n", @named), '', 'the log names nobody, either');

$node->stop;
done_testing();
