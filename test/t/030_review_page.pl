# The review page in a real browser: what Chromium makes of it, with names that
# try to become part of the page, in light and dark, on a phone and on paper.

use strict;
use warnings;
use utf8;

use Compress::Zlib qw(uncompress);
use Encode qw(decode encode);
use FindBin;
use lib $FindBin::RealBin;
use District;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($browser) = grep { -x } map { ("$_/chromium", "$_/chromium-browser", "$_/google-chrome") } split /:/, $ENV{PATH};
plan skip_all => 'Chromium is not installed' unless defined $browser;

my $folder = PostgreSQL::Test::Utils::tempdir;
my $runs   = 0;

# What the browser prints.  It has a profile of its own, no network, and no
# sandbox, which containers do not let it have.
sub browse
{
	my ($page, @options) = @_;
	my ($out, $error) = ('', '');

	$runs++;
	local $ENV{HOME} = $folder;
	my $done = eval {
		IPC::Run::run([
				$browser,                       '--headless',
				'--no-sandbox',                 '--disable-gpu',
				'--disable-dev-shm-usage',      '--hide-scrollbars',
				'--host-resolver-rules=MAP * ~NOTFOUND', "--user-data-dir=$folder/profile$runs",
				'--virtual-time-budget=5000',   @options,
				"file://$page"
			],
			\undef, \$out, \$error, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	};
	diag("$browser @options: $error") unless $done;
	return decode('UTF-8', $out);
}

sub write_file
{
	my ($name, $text) = @_;

	open my $file, '>:encoding(UTF-8)', "$folder/$name" or die "$name: $!";
	print $file $text;
	close $file;
	return "$folder/$name";
}

# The pixels of a PNG of 8 bits as [row][column] => 'rrggbb', every fourth row.
sub pixels
{
	my ($path) = @_;

	open my $file, '<:raw', $path or return ();
	my $png = do { local $/; <$file> };
	my ($width, $height, $depth, $type) = unpack 'x16 N N C C', $png;
	my $channels = { 2 => 3, 6 => 4 }->{$type};
	my ($data, $place) = ('', 8);
	while ($place < length $png)
	{
		my ($length, $name) = unpack 'N a4', substr $png, $place, 8;
		$data .= substr $png, $place + 8, $length if $name eq 'IDAT';
		$place += $length + 12;
	}
	$data = uncompress($data);
	my $stride = $width * $channels;
	my @above  = (0) x $stride;
	my @rows;
	for my $y (0 .. $height - 1)
	{
		my ($filter, @line) = unpack "x" . $y * ($stride + 1) . " C C$stride", $data;
		for my $x (0 .. $stride - 1)
		{
			my $left    = $x >= $channels ? $line[ $x - $channels ]  : 0;
			my $corner  = $x >= $channels ? $above[ $x - $channels ] : 0;
			my $up      = $above[$x];
			my $guess   = 0;
			if    ($filter == 1) { $guess = $left }
			elsif ($filter == 2) { $guess = $up }
			elsif ($filter == 3) { $guess = ($left + $up) >> 1 }
			elsif ($filter == 4)
			{
				my ($a, $b, $c) = (abs($up - $corner), abs($left - $corner), abs($left + $up - 2 * $corner));
				$guess = $a <= $b && $a <= $c ? $left : $b <= $c ? $up : $corner;
			}
			$line[$x] = ($line[$x] + $guess) & 255;
		}
		push @rows, [ map { sprintf '%02x%02x%02x', @line[ $_ * $channels .. $_ * $channels + 2 ] } 0 .. $width - 1 ] if $y % 4 == 0;
		@above = @line;
	}
	return @rows;
}

sub screenshot
{
	my ($page, $name, $size, @options) = @_;

	browse($page, "--window-size=$size", "--screenshot=$folder/$name.png", @options);
	return pixels("$folder/$name.png");
}

# ---- a district with names that nobody should have ----

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
create_district($node, 'postgres', 150);
$node->safe_psql(
	'postgres', encode('UTF-8', q{
	UPDATE sis.loc SET nm = '<h1>Forged</h1> "school" & Söhne' WHERE cd = (SELECT min(cd) FROM sis.loc WHERE cd > 0);
	UPDATE sis.stu SET ln = '<script>document.title=1</script>', fn = $$"><img src=x onerror=document.title='stolen'>$$ WHERE id % 3 = 0;
	UPDATE sis.stu SET ln = U&'\202Egnp.nohteR\202C', fn = U&'\0639\0644\064A' WHERE id % 3 = 1;
	UPDATE sis.stu SET ln = 'de la Ñuñoa-Gonçalves-van-der-Wintershausen', fn = $$O'Neil$$ WHERE id % 3 = 2;
	SELECT calpads.load_ods('SENR', 'ods.txt', content) FROM public.ods;
	SELECT calpads.load_ods('SPRG', 'sprg.txt', calpads.sample_programs_file());
	UPDATE sis.enr SET er = '999' WHERE (id, ed) IN (SELECT e.id, e.ed FROM sis.enr e WHERE e.er = '240' ORDER BY e.ed DESC, e.id LIMIT 5);
	SELECT calpads.create_extract('SENR');
	SELECT calpads.create_extract('SPRG');
	SELECT calpads.create_extract('SINF', all_students => true)}));
my %batch = map { split /\|/ } split /\n/, $node->safe_psql('postgres', 'SELECT process, batch_id FROM calpads.batch');
my %page;
for my $process (sort keys %batch)
{
	for my $names ('true', 'false')
	{
		$page{"$process $names"} = write_file("$process-$names.html",
			decode('UTF-8', $node->safe_psql('postgres', "SELECT calpads.review_page($batch{$process}, $names)")));
	}
}

# ---- what the browser understands ----

for my $what (sort keys %page)
{
	my ($process, $names) = split / /, $what;
	my $dom = browse($page{$what}, '--dump-dom');

	like($dom, qr{<title>CALPADS review: $process, batch $batch{$process}, LEA 9976543</title>}, "$what: the title is the page's");
	unlike($dom, qr/<(script|img|iframe|link|a|base|object)\b/i, "$what: no element comes from the data");
	unlike($dom, qr/<[^>]*\son\w+\s*=/i, "$what: and no handler");
	is(scalar(() = $dom =~ /<h1\b/g), 1, "$what: one headline");
	is(scalar(() = $dom =~ /<main\b/g) + scalar(() = $dom =~ m{</main>}g), 2, "$what: the page is whole");
	is(scalar(() = $dom =~ /<span class="state">/g),
		$node->safe_psql('postgres', "SELECT count(*) FROM calpads.extract_file WHERE batch_id = $batch{$process}"), "$what: every file is there");
	if ($names eq 'true')
	{
		like($dom, qr/&lt;script&gt;document\.title=1&lt;\/script&gt;, "&gt;&lt;img src=x onerror/, "$what: a hostile name is text");
		like($dom, qr/de la Ñuñoa-Gonçalves-van-der-Wintershausen, O'Neil/, "$what: letters are what they were");
		unlike($dom, qr/\x{202E}/, "$what: nothing turns the text around");
	}
	else
	{
		unlike($dom, qr/(onerror|Ñuñoa|nohteR)/, "$what: no names");
		unlike($dom, qr/\b\d{10}\b/, "$what: no SSIDs");
	}
}
my $dom = browse($page{'SENR true'}, '--dump-dom');
is(scalar(() = $dom =~ /<span class="mark (?:removal|no-show)">/g),
	$node->safe_psql('postgres', "SELECT count(*) FROM calpads_report.record r JOIN calpads.extract_record e USING (file_id, line_no)
		WHERE r.batch_id = $batch{SENR} AND (r.transaction_type = 'D' OR e.line LIKE '%^N470^%')"),
	'every removal and no-show has its story');
like($dom, qr/<rect class="c-exits" x="[\d.]+%" width="[\d.]+%" height="14"><title>Exits: \d+<\/title><\/rect>/, 'the charts are SVG');

# ---- what a person sees ----

my $white = write_file('blank.html', '<!DOCTYPE html><title>blank</title>');
my %seen  = (
	blank => [ screenshot($white, 'blank', '600,800') ],
	light => [ screenshot($page{'SENR true'}, 'light', '600,800') ],
	dark  => [ screenshot($page{'SENR true'}, 'dark', '600,800', '--blink-settings=preferredColorScheme=0') ]);
my %colors;
for my $name (keys %seen)
{
	$colors{$name}{$_}++ for map { @$_ } @{ $seen{$name} };
}
is(scalar keys %{ $colors{blank} }, 1, 'a blank page is seen as blank');
for my $name ('light', 'dark')
{
	cmp_ok(scalar @{ $seen{$name} }, '>', 100, "$name: there is a picture");
	cmp_ok(scalar keys %{ $colors{$name} }, '>', 50, "$name: it is not blank");
}
is($seen{light}[0][0], 'f5f4ef', 'the paper is light');
is($seen{dark}[0][0],  '12151a', 'or dark, as the reader has it');
ok($colors{light}{'eaf5ee'}, 'the verdict is green');

# A page that holds the page, for a look from outside: its own rules let no script run in it.
my $inner = do { open my $file, '<:encoding(UTF-8)', $page{'SENR true'} or die $!; local $/; <$file> };
s/&/&amp;/g, s/"/&quot;/g for $inner;
for my $width (320, 390, 768, 1280)
{
	my $outer = write_file("outer$width.html", qq{<!DOCTYPE html><body><iframe id="page" width="$width" height="900" style="border:0" srcdoc="$inner"></iframe>
		<script>onload = () => { const d = document.getElementById('page').contentDocument;
		document.title = 'wide ' + d.documentElement.scrollWidth + ', parts ' + d.querySelectorAll('section').length + ', title ' + d.title;
		document.body.remove(); }</script>});
	my ($wide, $parts, $title) = browse($outer, '--window-size=1400,1000', '--dump-dom') =~ /wide (\d+), parts (\d+), title ([^<]*)/;

	is($wide, $width, "$width pixels: nothing sticks out");
	cmp_ok($parts // 0, '>=', 5, "$width pixels: all parts are there");
	like($title // '', qr/^CALPADS review/, "$width pixels: no script of a name has run");
}

browse($page{'SENR true'}, "--print-to-pdf=$folder/page.pdf", '--no-pdf-header-footer');
my $pdf = -e "$folder/page.pdf" ? slurp_file("$folder/page.pdf") : '';
like($pdf, qr/^%PDF-/, 'it can be printed');
cmp_ok(scalar(() = $pdf =~ m{/Type\s*/Page\b}g), '>', 1, 'on several sheets');

done_testing();
