# Doors that are there before the extension is, or beside it: schemas and objects
# that somebody has prepared, hostile objects in the SIS, files that are none,
# and the secrets of servers.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use District;
use POSIX 'mkfifo';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;

sub outcome
{
	my ($database, @statements) = @_;
	my (undef, $out, $told) = $node->psql($database, join('', "\\set VERBOSITY verbose\n", map { "$_;\n" } @statements), on_error_stop => 1);

	return $out . $told;
}

$node->safe_psql('postgres', 'CREATE ROLE attacker LOGIN; CREATE ROLE operator LOGIN; CREATE ROLE reader LOGIN; CREATE ROLE stranger LOGIN; CREATE ROLE keeper SUPERUSER LOGIN');

# ---- before CREATE EXTENSION ----

my $function = 'CREATE FUNCTION calpads.academic_year(day timestamptz) RETURNS text LANGUAGE sql AS $$SELECT NULL::text$$';
for my $prepared (
	[ 'a schema of somebody else',  'CREATE SCHEMA calpads AUTHORIZATION attacker', qr/belongs to role "attacker"/ ],
	[ 'one that he may fill',       'CREATE SCHEMA calpads; GRANT CREATE ON SCHEMA calpads TO attacker', qr/role "attacker" may make objects in it/ ],
	[ 'one that everybody may fill', 'CREATE SCHEMA calpads; GRANT CREATE ON SCHEMA calpads TO PUBLIC', qr/everybody may make objects in it/ ],
	[ 'one that he has filled',     "CREATE SCHEMA calpads; $function", qr/there is function academic_year\(timestamp with time zone\) in it/ ],
	[ 'one with an operator',       'CREATE SCHEMA calpads; CREATE OPERATOR calpads.|| (FUNCTION = texteq, LEFTARG = text, RIGHTARG = text)', qr/there is operator/ ],
	[ 'one with a type',            'CREATE SCHEMA calpads; CREATE DOMAIN calpads.date AS text', qr/there is type (?:calpads\.)?date in it/ ])
{
	$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS prepared');
	$node->safe_psql('postgres', 'CREATE DATABASE prepared');
	$node->safe_psql('prepared', $prepared->[1]);
	my $message = outcome('prepared', 'CREATE EXTENSION calpads');
	like($message, qr/55000: schema "calpads" is not the extension's alone/, "$prepared->[0]: refused");
	like($message, $prepared->[2], 'and said why');
	is($node->safe_psql('prepared', "SELECT count(*) FROM pg_extension WHERE extname = 'calpads'"), '0', 'nothing is installed');
}
$node->safe_psql('prepared', 'DROP SCHEMA calpads CASCADE; CREATE SCHEMA calpads_report AUTHORIZATION attacker');
like(outcome('prepared', 'CREATE EXTENSION calpads'), qr/42P06: schema "calpads_report" already exists/, 'a schema for the reports of somebody else: refused');
$node->safe_psql('prepared', 'DROP SCHEMA calpads_report; CREATE SCHEMA calpads AUTHORIZATION keeper');
# Twins of operators and functions in a schema that is first in the path.
$node->safe_psql(
	'prepared', q{
	CREATE SCHEMA twins;
	CREATE FUNCTION twins.lower(text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE 'a twin was called'; END$$;
	CREATE FUNCTION twins.same(text, text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE 'a twin was called'; END$$;
	CREATE FUNCTION twins.format(text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE 'a twin was called'; END$$;
	CREATE OPERATOR twins.= (FUNCTION = twins.same, LEFTARG = text, RIGHTARG = text);
	CREATE DOMAIN twins.date AS text CHECK (false);
	CREATE DOMAIN twins.bigint AS text CHECK (false)});
is(outcome('prepared', 'SET search_path = twins, pg_catalog, public', 'CREATE EXTENSION calpads'), '', 'an empty schema of another superuser, as a dump makes it, will do; twins change nothing');
is($node->safe_psql('prepared', "SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
		WHERE c.relnamespace = 'calpads'::regnamespace AND t.typnamespace = 'twins'::regnamespace"), '0', 'nor do types');

# ---- objects of somebody else in the SIS ----

# What is promised: whatever the SIS's own functions do, they do with the rights
# of whoever calls, never with those of the extension's owner.
create_district($node, 'postgres', 40);
$node->safe_psql(
	'postgres', q{
	SELECT calpads.grant_access('operator', 'operator'); SELECT calpads.grant_access('reader', 'reader');
	SELECT load_id FROM public.ods, calpads.load_ods('SENR', 'ods.txt', content);
	CREATE TABLE public.seen (who text, caller text);
	GRANT INSERT ON public.seen TO PUBLIC;
	GRANT CREATE, USAGE ON SCHEMA sis TO attacker;
	ALTER VIEW sis.senr RENAME TO senr_good;
	GRANT SELECT ON sis.senr_good TO attacker;
	SET ROLE attacker;
	CREATE FUNCTION sis.spy(text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO public.seen VALUES (current_user, session_user);
		RETURN $1;
	END $$;
	RESET ROLE;
	SELECT format('CREATE VIEW sis.senr AS SELECT %s FROM sis.senr_good', string_agg(CASE attname WHEN 'ssid' THEN 'sis.spy(ssid) AS ssid' ELSE quote_ident(attname) END, ', ' ORDER BY attnum))
		FROM pg_attribute WHERE attrelid = 'sis.senr_good'::regclass AND attnum > 0 \gexec
	ALTER VIEW sis.senr OWNER TO attacker;
	GRANT SELECT ON sis.senr TO operator, reader});
outcome('postgres', 'SET SESSION AUTHORIZATION operator', $_)
  for "SELECT file_id FROM calpads.create_extract('SENR', force => true)", "SELECT count(*) FROM calpads.explain((SELECT min(ssid) FROM calpads.ods_senr))",
  'SELECT batch_id FROM calpads.batch, calpads.rehearse(batch_id) LIMIT 1';
is($node->safe_psql('postgres', "SELECT count(*) > 0, string_agg(DISTINCT who || ' ' || caller, ',') FROM public.seen"), 't|operator operator',
	'a function of the SIS has the rights of the operator who works');
$node->safe_psql('postgres', 'DROP VIEW sis.senr; ALTER VIEW sis.senr_good RENAME TO senr');

# ---- files ----

my $folder = PostgreSQL::Test::Utils::tempdir;
append_to_file("$folder/secret.txt", "a secret\n");
mkdir "$folder/directory";
mkdir "$folder/target";
mkfifo("$folder/pipe", 0666) or die $!;
symlink "$folder/target", "$folder/way";
$node->safe_psql('postgres', 'CREATE ROLE files LOGIN IN ROLE operator, pg_read_server_files, pg_write_server_files');

my @reading = (
	"SELECT calpads.load_ods('SENR', %s)", "SELECT calpads.load_ods('SPRG', %s)", "SELECT calpads.load_rejected(%s)", "SELECT calpads.server_file(%s)",
	"SELECT calpads.load_match_result(%s)", "SELECT calpads.load_ssid_extract(%s)", "SELECT calpads.load_ssid_replacement(%s)",
	"SELECT calpads.import_programs(%s)",
	"CREATE FOREIGN TABLE pg_temp.f (ssid text) SERVER calpads_files OPTIONS (layout 'senr_ods', filename %s); SELECT count(*) FROM pg_temp.f");
my %refused = (
	"$folder/directory"       => 'is a directory|42809',
	"$folder/pipe"            => '42809',
	'/dev/zero'               => '42809',
	'/dev/stdin'              => '42809|42501|58P01|could not open',
	"$folder/missing"         => '58P01',
	'secret.txt'              => '42602',
	'../secret.txt'           => '42602',
	''                        => '42602',
	"$folder/it's \"here\""   => '58P01',
	"$folder/%s%n"            => '58P01');
for my $path (sort keys %refused)
{
	my $literal = "E'" . ($path =~ s/(['\\])/\\$1/gr) . "'";
	my @bad = grep { outcome('postgres', 'SET ROLE files', 'SET statement_timeout = 10000', 'SELECT calpads.today()', sprintf $_, $literal) !~ /ERROR:  (?:$refused{$path})/ } @reading;
	is(join("\n", @bad), '', "no file to read: '$path'");
}

like(outcome('postgres', 'SET ROLE files', 'SELECT calpads.today()', "COPY calpads.upload FROM '$folder/secret.txt' WITH (FORMAT calpads, name 'x')"),
	qr/ERROR:  0A000/, 'COPY reads no file of the server');

# Files that are written: only whole, only for their owner, never through a link in their place.
my $files = $node->safe_psql('postgres', "SELECT file_id FROM calpads.create_extract('SENR', force => true)");
isnt($files, '', 'there are files to write');
my ($batch, $first) = split /\|/, $node->safe_psql('postgres', 'SELECT max(batch_id), min(file_name) FROM calpads.extract_file WHERE batch_id = (SELECT max(batch_id) FROM calpads.batch)');
mkdir "$folder/empty";
my $write = "SELECT count(*) FROM calpads.write_extract($batch, '%s')";
like(outcome('postgres', 'SET ROLE files', sprintf $write, "$folder/way"), qr/^[1-9]\d*$/m, 'a folder that is a link is one, as for COPY');
is((join ' ', grep { (stat)[2] % 010000 != 0600 } glob "$folder/target/*.txt"), '', 'files are for their owner alone');
isnt((join ' ', glob "$folder/target/*.txt"), '', 'and there');
for my $thing ([ 'link', sub { symlink "$folder/secret.txt", $_[0] } ], [ 'pipe', sub { mkfifo $_[0], 0666 } ], [ 'folder', sub { mkdir $_[0] } ],
	[ 'link that leads nowhere', sub { symlink "$folder/made_by_link", $_[0] } ])
{
	my ($what, $make) = @$thing;
	my $place = "$folder/place of a $what";
	mkdir $place;
	$make->("$place/$first") or die $!;
	like(outcome('postgres', 'SET ROLE files', 'SET statement_timeout = 10000', sprintf $write, $place), qr/42809: .* is not a regular file/, "a $what is not written over");
	is(files_of($place), $first, 'and nothing beside it');
	my $other = "SELECT calpads.today(); COPY (SELECT 1) TO '$place/$first' WITH (FORMAT calpads)";
	like(outcome('postgres', 'SET ROLE files', 'SET statement_timeout = 10000', $other), qr/42809: .* is not a regular file/, 'nor by COPY');
}
is(slurp_file("$folder/secret.txt"), "a secret\n", 'the file behind the link is as it was');
ok(!-e "$folder/made_by_link", 'none was made behind a link');
for my $path ('relative', '../up', '', "$folder/missing")
{
	like(outcome('postgres', 'SET ROLE files', sprintf $write, $path), qr/42602|58P01/, "no folder to write into: '$path'");
}

# A name in the batch is only a name, and one that was made by a hostile hand is none.
for my $name ('../out.txt', '/etc/out.txt', 'a/b.txt', '..', "a\nb", '')
{
	my $literal = "E'" . ($name =~ s/\n/\\n/r) . "'";
	like(outcome('postgres', 'BEGIN', "UPDATE calpads.extract_file SET file_name = $literal WHERE batch_id = $batch", $_), qr/42602/, "a batch with the name $literal")
	  for (sprintf $write, "$folder/empty"), "SELECT calpads.extract_zip($batch)";
}

# ---- secrets ----

$node->safe_psql(
	'postgres', q{
	CREATE ROLE owner LOGIN;
	GRANT USAGE ON FOREIGN DATA WRAPPER calpads_transport TO owner;
	SET ROLE owner;
	CREATE SERVER mail FOREIGN DATA WRAPPER calpads_transport OPTIONS (type 'smtp', host 'localhost', port '1');
	GRANT USAGE ON FOREIGN SERVER mail TO operator;
	CREATE USER MAPPING FOR PUBLIC SERVER mail OPTIONS (username 'district', password 'geheim');
	RESET ROLE;
	CREATE USER MAPPING FOR reader SERVER mail OPTIONS (username 'reader', password 'geheim')});
for my $who ([ 'stranger', 0 ], [ 'reader', 0 ], [ 'operator', 0 ], [ 'files', 0 ], [ 'owner', 1 ], [ 'keeper', 2 ])
{
	is(outcome('postgres', "SET SESSION AUTHORIZATION $who->[0]",
			"SELECT count(*) FROM pg_user_mappings WHERE array_to_string(umoptions, ' ') ~ 'geheim'"), $who->[1], "$who->[0] sees passwords: $who->[1]");
}
like(outcome('postgres', "SET SESSION AUTHORIZATION $_", 'SELECT umoptions FROM pg_user_mapping'), qr/42501: permission denied/, "and $_ not from the catalog")
  for 'stranger', 'reader', 'operator', 'owner';
my $begin = -s $node->logfile;
$node->safe_psql('postgres', q{SELECT calpads.queue_mail('{x@example.org}', 's', 'b')});
my $said = outcome('postgres', 'SET SESSION AUTHORIZATION operator', "SET calpads.mail_server = 'mail'", "SET calpads.mail_from = 'a\@example.org'",
	'SET log_min_messages = debug1', 'SELECT * FROM calpads.send_mail()', "SELECT string_agg(query, ' ') FROM pg_stat_activity", 'SELECT last_error FROM calpads.mail');
unlike($said, qr/geheim|district/, 'a password is in no answer, no error and no statistics');
unlike((substr slurp_file($node->logfile), $begin), qr/geheim|district/, 'nor in the log');

$node->stop;
done_testing();
