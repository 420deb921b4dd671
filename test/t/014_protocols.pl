# HTTP/1.1 and HTTP/2 over TLS: ended at once in every phase, few TCP
# sessions, the window kept, and the same rows whatever happens to a session.
#
# HTTP/2 comes from nghttpx before the sandbox; without it that half is skipped.

use strict;
use warnings;

use Authority;
use Fixture;
use Interrupts;
use IO::Socket::INET;
use IPC::Open2;
use JSON::PP;
use Peer;
use Proxy;
use Test::More;
use Time::HiRes qw(sleep);

my $fixture = Fixture->new(sandbox => { companies => 2, connections => 60, accounts => 2 });
my $sandbox = $fixture->sandbox;
my $authority = Authority->new;
my $pair = $authority->certificate('DNS:localhost,IP:127.0.0.1');
my $proxy = Proxy->new($sandbox, $pair);
my $port = ($proxy ? $proxy->url : $sandbox->https) =~ s/.*://r;
my %tls = (base_url => $sandbox->https . '/v2.2', ca_file => $sandbox->ca);
my @protocols = ('h1', $proxy ? 'h2' : ());
my $silent = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1', LocalPort => 0)
  or die "socket: $!";

# Headers without end: slowly, or as fast as they are taken.
my $slow_headers = Peer->new(sub { endless_headers($_[0], 0.02) });
my $fast_headers = Peer->new(sub { endless_headers($_[0], 0) });
# A proxy that answers CONNECT, to where nothing is said.
my $to_silence = Peer->new(sub { $_[0]->syswrite("HTTP/1.1 200 Connected\r\n\r\n"); sleep 60; undef });

sub endless_headers
{
	my ($socket, $pause) = @_;

	$socket->syswrite("HTTP/1.1 200 OK\r\n");
	while ($socket->syswrite('X-Padding: ' . 'x' x 1000 . "\r\n"))
	{
		sleep $pause;
	}
	return;
}

# Servers: h1 and h2, h1_details and h2_details, ...
foreach my $name (@protocols)
{
	my %at = $name eq 'h1' ? %tls : (base_url => $proxy->url . '/v2.2', ca_file => $authority->file);
	$fixture->server($name, %at, page_size => 5, max_concurrency => 10, updatable => 'true');
	$fixture->server("${name}_details", %at, accounts_source => 'details', max_concurrency => 10);
}
$fixture->server('slow_headers', base_url => $slow_headers->http);
$fixture->server('fast_headers', base_url => $fast_headers->http, max_retries => 0);
$fixture->server('unconnected', %tls, proxy => 'http://127.0.0.1:' . $silent->sockport);
$fixture->server('tunneled', %tls, proxy => $to_silence->http);
$fixture->server('plain', page_size => 5);

my $watcher = $fixture->session;
my $interrupts = Interrupts->new($fixture, $watcher);
my $session = $fixture->session;
my $connection = $fixture->connection(2);
my $company = $fixture->company(1);
diag 'no nghttpx: HTTP/2 is skipped' if !$proxy;

# ---- ended at once ----

sub works
{
	my ($name) = @_;
	return sub { $_[0]->value("SELECT count(*), count(DISTINCT id) FROM $name.connections") eq '120|120' };
}

foreach my $name (@protocols)
{
	$interrupts->measure($session, { %$_, name => "$name, $_->{name}" }, works($name))
	  foreach $interrupts->phases($name, "${name}_details");
}
$interrupts->measure($session, $_, works('h1')) foreach (
	{   name => 'endless headers',
		statement => 'SELECT count(*) FROM slow_headers.companies' },
	{   name => 'a proxy that is mute',
		statement => 'SELECT count(*) FROM unconnected.companies' },
	{   name => 'TLS handshake through a proxy',
		statement => 'SELECT count(*) FROM tunneled.companies' });
like($session->error('SELECT count(*) FROM fast_headers.companies'), qr/^ERROR:  NC413:/, 'headers are bounded');

# ---- few TCP sessions, and the window ----

# How many TCP sessions the requests since the log was cleared took, by method.
sub sessions
{
	my ($name, $method) = @_;
	my %ports = map { $name eq 'h2' ? ($_->{port} => 1) : ($_->{tcp} => 1) }
	  grep { $_->{method} eq $method } $name eq 'h2' ? $proxy->requests : $sandbox->requests;
	return scalar keys %ports;
}

sub clear
{
	$sandbox->reset;
	$proxy->clear_log if $proxy;
	return;
}

sub stats { return decode_json($sandbox->control('GET', 'stats')); }

sub latency
{
	my ($ms) = @_;
	$sandbox->control('POST', 'latency', qq({"ms": $ms}));
	return;
}

my %rows = (
	listing => $session->value('SELECT md5(string_agg(c::text, chr(10) ORDER BY id)) FROM plain.connections c'),
	accounts => $session->value('SELECT md5(string_agg(a::text, chr(10) ORDER BY id)) FROM plain.accounts a'));
my $ids = 'ARRAY[' . join(',', map { "'" . $fixture->connection($_) . "'" } 1 .. 12) . ']::uuid[]';

sub listing { return "SELECT md5(string_agg(c::text, chr(10) ORDER BY id)) FROM $_[0].connections c"; }

foreach my $name (@protocols)
{
	my $fresh = $fixture->session;

	# the first that is asked for is ten at once
	clear();
	latency(20);
	is($fresh->value("SELECT count(*) FROM $name.connections WHERE id = ANY ($ids)"), 12, "$name: the rows of twelve ids");
	is($fresh->value(listing($name)), $rows{listing}, "$name: the rows of a listing");
	is($fresh->value("SELECT md5(string_agg(a::text, chr(10) ORDER BY id)) FROM ${name}_details.accounts a"),
		$rows{accounts}, "$name: the rows of look-ups");
	is($fresh->value(listing($name)), $rows{listing}, "$name: the rows of another statement");
	is(stats()->{max_in_flight}, 10, "$name: the window is used, and kept");
	cmp_ok(sessions($name, 'GET'), '<=', $name eq 'h2' ? 1 : 10, "$name: TCP sessions are shared by statements");
	is((grep { !$_->{key_ok} } $sandbox->requests), 0, "$name: all with the key");
	is(join(' ', sort keys %{ { map { $_->{alpn} => 1 } $proxy->requests } }), 'h2', 'over HTTP/2 indeed') if $name eq 'h2';

	clear();
	$fresh->value("SELECT nectar.confirm_accounts('$connection', true, '$name')") for 1 .. 3;
	$fresh->value("SELECT count(*) FROM nectar.bulk_confirm_accounts($ids, true, '$name')");
	is((grep { $_->{method} eq 'PATCH' } $sandbox->requests), 15, "$name: acts go once");
	is(sessions($name, 'PATCH'), 15, "$name: and over a fresh TCP session each");
	is($fresh->value(listing($name)), $rows{listing}, "$name: reads go on");

	# A statement is canceled in the midst; the next one uses the session.
	clear();
	$sandbox->fault({ kind => 'hang', query => '*page=[789]*' });
	$fresh->send(listing($name));
	$fixture->wait_until('three hang', sub { stats()->{max_in_flight} >= 3 });
	$watcher->value("SELECT pg_cancel_backend(@{[$fresh->pid]})");
	like(($fresh->finish)[1], qr/57014/, "$name: a statement is canceled in the midst");
	$sandbox->control('POST', 'faults/clear', '');
	is($fresh->value(listing($name)), $rows{listing}, "$name: the next one has its rows");
	is(sessions($name, 'GET'), 1, 'h2: over the same TCP session') if $name eq 'h2';

	# So it is when one scan of a transaction is given up for another.
	clear();
	my $first = "DECLARE c CURSOR FOR SELECT id FROM $name.connections WHERE company_id = '$company'";
	latency(20);
	is($fresh->value("BEGIN;\n$first;\nMOVE 7 IN c;\nCLOSE c;\n" . listing($name)), $rows{listing}, "$name: a cursor is left");
	is($fresh->value("$first;\nMOVE 7 IN c;\n" . listing($name)), $rows{listing}, "$name: and one goes on");
	is($fresh->value("SELECT count(*) FROM (SELECT 1) x;\nMOVE ALL IN c;\nCOMMIT"), '1', "$name: to its end");

	# One answer of several breaks off.
	foreach my $fault ({ kind => 'truncate' }, { kind => 'reset' }, { kind => 'read_close' })
	{
		clear();
		$sandbox->fault({ %$fault, query => '*page=3', times => 1 });
		is($fresh->value(listing($name)), $rows{listing}, "$name: one answer of several fails, $fault->{kind}");
		is((grep { $_->{query} =~ /page=3$/ } $sandbox->requests), 3, "$name: it alone is asked for again");
		is(sessions($name, 'GET'), 1, 'h2: over the same TCP session') if $name eq 'h2';
	}
	$fresh->quit;
}

# ---- HTTP/2: what a server may do to a session ----

SKIP:
{
	skip 'no nghttpx', 1 if !$proxy;
	my $fresh = $fixture->session;
	my $explain = 'EXPLAIN (ANALYZE, FORMAT JSON) SELECT id FROM h2.connections';

	# The session is lost between statements, and within one.
	$fresh->value(listing('h2'));
	$proxy->stop->start;
	is($fresh->value(listing('h2')), $rows{listing}, 'h2: a restart between statements');
	clear();
	latency(300);
	$fresh->send($explain);
	$fixture->wait_until('ten pages are asked for', sub { stats()->{max_in_flight} >= 10 });
	$proxy->stop->start;
	my $plan = decode_json(($fresh->finish)[0])->[0]{Plan};
	is($plan->{'Actual Rows'}, 120, 'h2: a restart in the midst');
	cmp_ok($plan->{Retries}, '>=', 10, 'h2: what was lost was asked for again');
	cmp_ok(stats()->{max_in_flight}, '<=', 20, 'h2: the window is kept');

	# The server says that it goes: what it took is answered, the rest goes elsewhere.
	clear();
	latency(100);
	$fresh->send(listing('h2'));
	$fixture->wait_until('ten pages are asked for', sub { stats()->{max_in_flight} >= 10 });
	$proxy->stop('gracefully')->start;
	is(($fresh->finish)[0], $rows{listing}, 'h2: a GOAWAY in the midst');

	# An act whose session is lost has perhaps happened, and is not repeated.
	clear();
	$sandbox->fault({ kind => 'hang', method => 'PATCH' });
	$fresh->send("SELECT nectar.confirm_accounts('$connection', true, 'h2')");
	$fixture->wait_until('the act is sent', sub { scalar(grep { $_->{method} eq 'PATCH' } $sandbox->requests) });
	$proxy->stop->start;
	like(($fresh->finish)[1], qr/^ERROR:  NC008:/, 'h2: an act whose session is lost may have happened');
	is((grep { $_->{method} eq 'PATCH' } $sandbox->requests), 1, 'h2: and is not repeated');
	clear();

	# The server allows few streams: further sessions, the window all the same.
	my $narrow = Proxy->new($sandbox, $pair, '--frontend-http2-max-concurrent-streams=4');
	$fixture->server('streams', base_url => $narrow->url . '/v2.2', ca_file => $authority->file, page_size => 5);
	latency(20);
	is($fresh->value(listing('streams')), $rows{listing}, 'h2: few streams a session');
	is(stats()->{max_in_flight}, 10, 'h2: the window is used all the same');
	$fresh->quit;
}

# ---- a server that takes no stream ----

# HTTP/2 allows to send again what was refused in this way, and libcurl does so
# by itself; an act is sent once.
sub refuse_streams
{
	my ($peer) = @_;
	my $bytes = '';

	my $pid = open2(my $out, my $in, 'openssl', 's_server', '-quiet', '-accept', '127.0.0.1:' . $peer->port,
		'-alpn', 'h2,http/1.1', '-key', $pair->{key}, '-cert', $pair->{cert});
	while (sysread $out, $bytes, 65536, length $bytes)
	{
		$peer->note($1) if $bytes =~ s/^((?:GET|PATCH) .*?\r\n\r\n)//s;
		syswrite $in, frame(4, 0, '') if $bytes =~ s/^PRI \* HTTP\/2\.0\r\n\r\nSM\r\n\r\n//;
		while ($bytes =~ /^\0(..)(.).(....)/s && length $bytes >= 9 + unpack 'n', $1)
		{
			my ($length, $type, $stream) = unpack 'n C N', "$1$2$3";
			$peer->note($type) if $type == 1;
			syswrite $in, frame(3, $stream, pack 'N', 7) if $type == 1;
			substr $bytes, 0, 9 + $length, '';
		}
	}
	return;
}

sub frame
{
	my ($type, $stream, $body) = @_;
	return pack('x n C x N', length $body, $type, $stream) . $body;
}

my $refusing = Peer->process(PostgreSQL::Test::Cluster::get_free_port(), \&refuse_streams);
$fixture->wait_until('s_server listens', sub { IO::Socket::INET->new('127.0.0.1:' . $refusing->port) });
$fixture->server('refusing', base_url => 'https://localhost:' . $refusing->port, ca_file => $authority->file,
	max_retries => 0, request_timeout => '1s');
my $said = $session->error('SELECT count(*) FROM refusing.companies');
like($said, qr/^ERROR:  08006:/, 'a server that refuses streams');
my $asked = $refusing->requests;
like($said, qr/It was tried $asked times/, 'each time that it was asked is told');
$refusing->clear;
like($session->error("SELECT nectar.confirm_accounts('$connection', true, 'refusing')"),
	qr/^ERROR:  NC008:/, 'an act that it refuses');
is(scalar($refusing->requests), 1, 'is sent once');

$interrupts->enter_and_wait($session,
	{   fault => { kind => 'hang', path => '/company' },
		statement => "SELECT count(*) FROM $protocols[-1].companies" });
$interrupts->lose_postmaster($session);
$session->finish;
$session->quit;
$watcher->quit;
$sandbox->stop;

done_testing();
