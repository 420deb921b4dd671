# A peer that speaks HTTP badly, or in bad faith: every answer ends in an error
# with its documented SQLSTATE, or in the right rows; in bounded time and
# memory, and the next statement works.

use strict;
use warnings;

use Compress::Zlib ();
use Fixture;
use HostilePeer;
use Test::More;
use Time::HiRes qw(sleep time);

my $fixture = Fixture->new(sandbox => { companies => 2, connections => 3 });
my $company = $fixture->company(1);
my $body = qq([{"id": "$company", "name": "Acme"}]);
my $right = 'Acme';

sub with_length { my ($text, @headers) = @_; return join "\r\n", 'HTTP/1.1 200 OK', @headers, 'Content-Length: ' . length($text), '', $text; }
sub chunked { my ($chunks, @headers) = @_; return join "\r\n", 'HTTP/1.1 200 OK', @headers, 'Transfer-Encoding: chunked', '', $chunks; }
sub chunk { my ($text) = @_; return sprintf "%x\r\n%s\r\n", length $text, $text; }
sub encoded { my ($encodings, $text) = @_; return with_length($text, "Content-Encoding: $encodings"); }
sub gzip { return Compress::Zlib::memGzip($_[0]); }

# With zlib's header, and without it.
sub deflate
{
	my ($text, $bits) = @_;
	my $stream = Compress::Zlib::deflateInit(-WindowBits => $bits // 15);
	return $stream->deflate($text) . $stream->flush;
}

# Spaces before the JSON: 64 MB, a thousandth of that, and again.
sub bomb { return (' ' x (64 * 1024 * 1024)) . $body; }
my $deflate_bomb = deflate(bomb());
my $gzip_bomb = gzip(bomb());
my $double_bomb = gzip($gzip_bomb);

# Send something over and over, until the client goes.
sub endless
{
	my ($start, $more) = @_;

	return sub {
		my ($socket) = @_;
		print $socket $start;
		while (1) { print $socket $more or last; }
		return 0;
	};
}

# The second part a little later, in a packet of its own.
sub two_packets
{
	my ($first, $second, $pause) = @_;

	return sub {
		my ($socket) = @_;
		print $socket $first;
		sleep($pause // 0.05);
		print $socket $second;
		return 1;
	};
}

# A name; what is sent, after which the peer closes, or a sub; what becomes of
# it: the row, or a SQLSTATE.
my @cases = (
	[ 'a good answer', with_length($body), $right ],
	[ 'one without a length, ended by closing', "HTTP/1.1 200 OK\r\n\r\n$body", $right ],
	[ 'one of HTTP/1.0', "HTTP/1.0 200 OK\r\n\r\n$body", $right ],
	[ 'lines that end in LF alone', "HTTP/1.1 200 OK\nContent-Length: " . length($body) . "\n\n$body", $right ],

	[ 'nothing at all', '', '08006' ],
	[ 'half a status line', 'HTTP/1.1 2', '08006' ],
	[ 'half a header', "HTTP/1.1 200 OK\r\nContent-Le", qr/^(?:08006|NC001)$/ ],
	[ 'a body without anything before it', $body, '08006' ],
	[ 'a status that is no number', "HTTP/1.1 abc OK\r\n\r\n$body", '08006' ],
	[ 'a status of four digits', "HTTP/1.1 2000 OK\r\n\r\n$body", '08006' ],
	[ 'a status below 100', "HTTP/1.1 099 OK\r\n\r\n$body", '08006' ],
	[ 'a status beyond 599', "HTTP/1.1 999 No\r\n\r\n$body", 'NC499' ],
	[ 'a version that is not', "HTTP/9.9 200 OK\r\n\r\n$body", '08006' ],
	[ 'another protocol', "ICY 200 OK\r\n\r\n$body", '08006' ],
	[ 'a NUL in the status line', "HTTP/1.1 200 O\0K\r\n\r\n$body", '08006' ],
	[ 'a frame of HTTP/2', "\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x80\0\4\0\1\0\0\0\5\0\xff\xff\xff", '08006' ],
	[ 'a TLS alert', "\x15\3\1\0\2\2\x28", '08006' ],

	[ 'endless headers', endless("HTTP/1.1 200 OK\r\n", 'X-More: ' . ('m' x 1000) . "\r\n"), 'NC413' ],
	# libcurl has no memory for a line beyond 100 kB
	[ 'an endless header', endless("HTTP/1.1 200 OK\r\nX-More: ", 'm' x 1000), qr/^(?:53200|NC413)$/ ],
	[ 'an endless status line', endless('HTTP/1.1 200 ', 'm' x 1000), qr/^(?:53200|NC413)$/ ],
	[ 'endless interim answers', endless('', "HTTP/1.1 100 Continue\r\n\r\n"), 'NC413' ],
	[ 'a few interim answers', "HTTP/1.1 100 Continue\r\n\r\n" x 20 . "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" . with_length($body), $right ],
	[ 'an answer to an upgrade nobody asked for', "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n$body", 'NC499' ],
	[ 'a folded header', with_length($body, "X-Long: a\r\n b\r\n\tc"), $right ],
	[ 'a header without a colon', with_length($body, 'nonsense'), qr/^(?:08006|$right)$/ ],
	[ 'a header without a name', with_length($body, ': x'), $right ],
	[ 'a NUL in a header', with_length($body, "X-Nul: a\0b"), '08006' ],
	[ 'headers that are for others', with_length($body, 'Upgrade: h2c', 'Alt-Svc: h2=":1"', 'Location: http://127.0.0.1:1/', 'Set-Cookie: a=b', 'Strict-Transport-Security: max-age=9'), $right ],

	[ 'a length too short', "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n$body", 'NC001' ],
	[ 'a length too long', "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n$body", '08006' ],
	[ 'a length of zero', "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n$body", 'NC001' ],
	[ 'a negative length', "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n$body", '08006' ],
	[ 'a length that is no number', "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n$body", '08006' ],
	[ 'a length beyond any number', "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n$body", 'NC413' ],
	[ 'a length beyond the bound', "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n$body", 'NC413' ],
	[ 'two lengths that agree', with_length($body, 'Content-Length: ' . length $body), $right ],
	[ 'two lengths that do not', with_length($body, 'Content-Length: 5'), qr/^(?:08006|NC001|\Q$right\E)$/ ],
	[ 'an endless body', endless("HTTP/1.1 200 OK\r\n\r\n", ' ' x 65536), 'NC413' ],
	[ 'data after the end, at once', with_length($body) . 'and more', $right ],

	[ 'chunks', chunked(chunk(substr $body, 0, 7) . chunk(substr $body, 7) . "0\r\n\r\n"), $right ],
	[ 'chunks with extensions and trailers', chunked("1;a=b\r\n[\r\n" . chunk(substr $body, 1) . "0;c\r\nX-Trailer: x\r\n\r\n"), $right ],
	[ 'chunks and a length', chunked(chunk($body) . "0\r\n\r\n", 'Content-Length: 3'), $right ],
	[ 'chunks without an end', chunked(chunk($body)), '08006' ],
	[ 'a chunk cut short', chunked("ff\r\n$body"), '08006' ],
	[ 'a chunk whose size is no number', chunked("size\r\n$body\r\n0\r\n\r\n"), '08006' ],
	[ 'a chunk of negative size', chunked("-2\r\n$body\r\n0\r\n\r\n"), '08006' ],
	[ 'a chunk beyond any number', chunked("fffffffffffffffffffff\r\n$body\r\n0\r\n\r\n"), '08006' ],
	[ 'a chunk longer than its size', chunked("5\r\n$body\r\n0\r\n\r\n"), '08006' ],
	[ 'an endless extension of a chunk', endless(chunked('1;'), 'x' x 1000), qr/^(?:08006|NC408|NC413)$/ ],
	[ 'endless chunks', endless(chunked(''), chunk(' ' x 65536)), 'NC413' ],
	[ 'endless trailers', endless(chunked(chunk($body) . "0\r\n"), "X-More: mmmmmmmmmmmmmmmmmmm\r\n"), 'NC413' ],
	[ 'an unrecognized transfer coding', join("\r\n", 'HTTP/1.1 200 OK', 'Transfer-Encoding: rot13', '', $body), '08006' ],

	[ 'gzip', encoded('gzip', gzip($body)), $right ],
	[ 'deflate', encoded('deflate', deflate($body)), $right ],
	[ 'deflate without its header', encoded('deflate', deflate($body, -15)), $right ],
	[ 'gzip of gzip', encoded('gzip, gzip', gzip(gzip($body))), $right ],
	[ 'a bomb of deflate', encoded('deflate', $deflate_bomb), 'NC413' ],
	[ 'a bomb of gzip', encoded('gzip', $gzip_bomb), 'NC413' ],
	[ 'a bomb in a bomb', encoded('gzip, gzip', $double_bomb), 'NC413' ],
	[ 'gzip cut short', encoded('gzip', substr(gzip($body x 50), 0, 40)), qr/^(?:08006|NC001)$/ ],
	[ 'gzip with a wrong checksum', encoded('gzip', do { my $text = gzip($body); substr($text, -6, 1) ^= "\xff"; $text }), '08006' ],
	[ 'gzip that is none', encoded('gzip', $body), '08006' ],
	[ 'deflate that is none', encoded('deflate', "\xff" x 40), '08006' ],
	[ 'br that is none', encoded('br', $body), '08006' ],
	[ 'zstd that is none', encoded('zstd', $body), '08006' ],
	[ 'an unrecognized encoding', encoded('rot13', $body), '08006' ],
	[ 'a hundred encodings', encoded(join(', ', ('gzip') x 100), gzip($body)), '08006' ],

	[ 'a 204 with a body', "HTTP/1.1 204 No Content\r\n\r\n$body", 'NC001' ],
	[ 'a 304', "HTTP/1.1 304 Not Modified\r\n\r\n", 'NC300' ],
	[ 'a redirect', "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", 'NC300' ],
	[ 'a part that nobody asked for', "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9/99\r\n\r\n$body", '08006' ],
	[ 'a challenge', "HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate, Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n", 'NC401' ],
	[ 'a proxy\'s challenge', "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n", 'NC499' ],
	[ 'a retry in a hundred years', "HTTP/1.1 429 No\r\nRetry-After: 3155760000\r\nContent-Length: 0\r\n\r\n", 'NC429' ],
	[ 'a retry before now', "HTTP/1.1 503 No\r\nRetry-After: -1\r\nContent-Length: 0\r\n\r\n", 'NC500' ],
	[ 'an error without an end', endless("HTTP/1.1 500 No\r\n\r\n", 'x' x 65536), 'NC413' ],
	[ 'a NUL behind the JSON', with_length("$body\0"), 'NC001' ],
	[ 'a NUL and JSON behind the JSON', with_length("$body\0$body"), 'NC001' ],
	[   'a byte each tenth of a second',
		sub {
			my ($socket) = @_;
			foreach my $byte (split //, with_length($body)) { print $socket $byte; sleep 0.1; }
			return 0;
		},
		'NC408' ],
	[ 'an answer in two packets', two_packets("HTTP/1.1 200 OK\r\nContent-Len", 'gth: ' . length($body) . "\r\n\r\n$body"), $right ],
	[ 'silence after the headers', two_packets("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", $body, 30), 'NC408' ],
);

# Answers that the case's number chooses.  Mutants are told apart by the id
# that is asked for: the same ones in every run.
my $of_one = qq({"id": "%s", "name": "Acme"});

sub mutate
{
	my ($text, $from, $to, $seed) = @_;
	my @alphabet = ("\r\n", "\n", "\0", ' ', ':', '0', '9', '-', 'HTTP/1.1 100 Continue', "\r\n\r\n", "\xff", '{', ',', '"', 'chunked', 'gzip', ';');

	srand($seed);
	for (0 .. rand 3)
	{
		my $at = $from + int rand($to - $from);
		my $kind = int rand 5;

		if ($kind == 0) { substr $text, $at, 1, $alphabet[ rand @alphabet ]; }
		elsif ($kind == 1) { substr $text, $at, 0, $alphabet[ rand @alphabet ]; }
		elsif ($kind == 2) { substr $text, $at, 1 + int(rand 8), ''; }
		elsif ($kind == 3) { substr $text, $at, 0, substr($text, $from, 1 + int(rand 30)); }
		else { substr($text, $at, 1) ^= chr(1 << int(rand 8)); }
		$to = length $text if $to > length $text;
	}
	return $text;
}

sub mutant
{
	my ($kind, $id) = @_;
	my $text = with_length(sprintf($of_one, $id), 'Content-Type: application/json', 'Connection: keep-alive');
	my $headers = index $text, "\r\n\r\n";

	return mutate($text, $kind eq 'head' ? (0, $headers) : (0, length $text), hex substr $id, -6);
}

# What a good peer sends, and then what nobody asked for.
my $lie = with_length(qq([{"id": "$company", "name": "a lie"}]));

# A million of something, and more values than a body may hold.
my %many = (
	elements => sub { return '[' . join(',', (qq({"id":"$company"})) x 1_000_000) . ']'; },
	inside => sub { return qq([{"id": "$company", "name": "$right", "users": [) . join(',', ('"a"') x 1_000_000) . ']}]'; },
	members => sub { return qq([{"id": "$company", "name": "$right", ) . join(',', map { qq("m$_": $_) } 1 .. 1_000_000) . '}]'; },
	twice => sub { return qq([{"id": "$company", ) . join(',', map { qq("name": "$_") } 1 .. 1_000_000) . '}]'; },
	values => sub { return '[' . join(',', (1) x 5_000_000) . ']'; },
	levels => sub { return ('[' x 10_000_000) . (']' x 10_000_000); },
	digits => sub { return qq([{"id": "$company", "name": "$right", "impliedMeteringFraction": ) . ('9' x 10_000_000) . '}]'; },
	escapes => sub { return qq([{"id": "$company", "name": ") . ('\\u00e9' x 1_000_000) . '"}]'; },
);

sub answer
{
	my ($socket, $path) = @_;

	if ($path =~ m{^/case/(\d+)/})
	{
		my $answer = $cases[$1][1];
		return $answer->($socket) if ref $answer;
		print $socket $answer;
		return 0;
	}
	if ($path =~ m{^/mutants/(\w+)/company/(\S+)})
	{
		print $socket mutant($1, $2);
		return 0;
	}
	if ($path =~ m{^/many/(\w+)/})
	{
		print $socket with_length($many{$1}->());
		return 0;
	}
	return two_packets(with_length($body), $lie)->($socket) if $path =~ m{^/late/};
	print $socket with_length($body) . $lie;
	return 1;
}

my $peer = HostilePeer->new(\&answer);
$fixture->server('hostile',
	base_url => $peer->url,
	max_retries => 0, request_timeout => '2s', connect_timeout => '2s', max_response_size => '4MB');
$fixture->sql(<<'SQL');
CREATE FUNCTION attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	value text;
BEGIN
	EXECUTE statement INTO value;
	RETURN coalesce(value, 'no row');
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;
SQL
my $session = $fixture->session(start => 'SET client_min_messages = error');
my $pid = $session->pid;
my %documented = map { $_ => 1 } split /\n/, $session->value('SELECT DISTINCT sqlstate FROM nectar.errors()');
is($session->value('SELECT count(*) FROM api.companies'), 2, 'the session works');
my $low = $fixture->process_kb($pid, 'VmHWM');

foreach my $number (0 .. $#cases)
{
	my ($name, undef, $expected) = @{ $cases[$number] };
	my $start = time;

	$session->value("ALTER SERVER hostile OPTIONS (SET base_url '" . $peer->url . "/case/$number')");
	my $outcome = $session->value(q{SELECT attempt('SELECT name FROM hostile.companies')});
	my $took = time - $start;

	like($outcome, ref $expected ? $expected : qr/^\Q$expected\E$/, $name);
	cmp_ok($took, '<', 10, "$name: in bounded time") if $took > 5;
	my ($next, $problem) = $session->both('SELECT count(*) FROM api.companies');
	if ($next ne '2' || $problem ne '')
	{
		fail("the next statement works after $name");
		diag "$next $problem";
		last if $problem =~ /server closed|connection to server was lost/;
	}
}
my $growth = ($fixture->process_kb($pid, 'VmHWM') - $low) / 1024;
cmp_ok($growth, '<', 32, 'none of it took much more memory than max_response_size');
diag sprintf '%.1f MB more', $growth;

# What comes behind an answer is no answer to the next question.
foreach my $when (qw(late atonce))
{
	$session->value("ALTER SERVER hostile OPTIONS (SET base_url '" . $peer->url . "/$when')");
	my %seen;
	for (1 .. 5)
	{
		$seen{ $session->value(q{SELECT attempt('SELECT name FROM hostile.companies')}) }++;
		sleep 0.1;
	}
	is(join(' ', %seen), "$right 5", "an answer nobody asked for is not read ($when)");
}

# A great many values, of which each is small.
my %asked = (
	elements => [ 'count(id)', '1000000' ],
	inside => [ 'cardinality(users)', '1000000' ],
	members => [ 'name', $right ],
	twice => [ 'name', '1000000' ],
	values => [ 'name', 'NC001' ],
	levels => [ 'name', 'NC001' ],
	digits => [ 'implied_metering_fraction', 'NC005' ],
	escapes => [ 'length(name)', '1000000' ],
);
foreach my $name (sort keys %asked)
{
	my ($column, $expected) = @{ $asked{$name} };
	my $reader = $fixture->session;

	$reader->value("ALTER SERVER hostile OPTIONS (SET base_url '" . $peer->url . "/many/$name', SET max_response_size '64MB', SET request_timeout '20s')");
	my $before = $fixture->process_kb($reader->pid, 'VmHWM');
	is($reader->value("SELECT attempt('SELECT $column FROM hostile.companies')"), $expected, "many $name");
	is($reader->value('SELECT count(*) FROM api.companies'), 2, "many $name: the session works");
	my $more = ($fixture->process_kb($reader->pid, 'VmHWM') - $before) / 1024;
	cmp_ok($more, '<', 400, "many $name: memory is bounded");
	diag sprintf 'many %s: %.0f MB more', $name, $more;
	$reader->quit;
}

# Mutants: of the head, which may not change the row; of all, which may.
foreach my $kind (qw(head all))
{
	my $count = 250;
	my %seen;

	$session->value("ALTER SERVER hostile OPTIONS (SET base_url '" . $peer->url . "/mutants/$kind', SET request_timeout '300ms')");
	my @outcomes = split /\n/, $session->value(<<"SQL");
SELECT attempt(format('SELECT ''row '' || coalesce(name, ''NULL'') FROM hostile.companies WHERE id = %L',
                      'c0000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))) FROM generate_series(1, $count) n
SQL
	foreach (@outcomes) { $seen{$_}++; }
	is(scalar @outcomes, $count, "mutants ($kind)");
	my @odd = grep { !$documented{$_} && !/^no row$/ && ($kind eq 'all' ? !/^row / : $_ ne "row $right") } keys %seen;
	is("@odd", '', "mutants ($kind): the right row, or a documented error");
	diag join ', ', map { "$_: $seen{$_}" } sort keys %seen;
	is($session->value('SELECT count(*) FROM api.companies'), 2, "the session works after mutants ($kind)");
}
is($session->pid, $session->value('SELECT pg_backend_pid()'), 'it is the same session throughout');

$session->quit;
$peer->stop;
$fixture->stop;
done_testing();
