# With whom it speaks, and what it tells whom: TLS, redirects, proxies, names,
# and the request line as a peer receives it.

use strict;
use warnings;
use utf8;

use Authority;
use Fixture;
use IO::Socket::INET;
use IPC::Open2;
use Peer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Preload;
use Test::More;

my $key = 'key-Zm9vYmFy-0123456789';

# The server's environment is full of advice that is not to be followed.
my $trap = Peer->new(sub { Peer::answer('200 OK', '[]') });
my $home = PostgreSQL::Test::Utils::tempdir();
append_to_file("$home/.netrc", "machine 127.0.0.1 login netrc-user password netrc-password\ndefault login netrc-user password netrc-password\n");
chmod 0600, "$home/.netrc";
append_to_file("$home/openssl.cnf", <<'CONF');
openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = lax
[lax]
MinProtocol = TLSv1
CipherString = DEFAULT@SECLEVEL=0
CONF
my $preload = Preload::library();
my $system = Authority->new;
my $fixture;
{
	local %ENV = (%ENV, HOME => $home, NO_PROXY => '*', no_proxy => '*',
		map { ($_ => $trap->http, uc $_ => $trap->http) } qw(http_proxy https_proxy all_proxy));
	$ENV{LD_PRELOAD} = $preload if $preload;
	$ENV{AUTHORITIES} = $system->folder;
	$ENV{OPENSSL_CONF} = "$home/openssl.cnf";
	$fixture = Fixture->new(sandbox => { companies => 2, connections => 12, accounts => 2, key => $key });
}
my $sandbox = $fixture->sandbox;
my $session = $fixture->session;
my $connection = $fixture->connection(2);
my $company = $fixture->company(1);
my $site = '50000000-0000-4000-8000-000000000001';

# Statements that ask and act, by the name of a server.
sub statements
{
	my ($name) = @_;
	return (
		"SELECT count(*) FROM $name.companies",
		"SELECT nectar.confirm_accounts('$connection', true, '$name')",
		"SELECT nectar.company_magic_link('$company', '{$site}', '$name') IS NULL",
		"SELECT nectar.connection_magic_link('$connection', '$name') IS NULL");
}

sub told { return join '', map { $_->requests } @_; }

# ---- TLS ----

my $authority = Authority->new;
my $other = Authority->new;

# s_server, which says nothing and notes what it is told.
sub tls_peer
{
	my ($pair, @arguments) = @_;
	my $work = sub {
		my ($peer) = @_;
		my $pid = open2(my $out, my $in, 'openssl', 's_server', '-quiet', '-accept', '127.0.0.1:' . $peer->port,
			'-key', $pair->{key}, '-cert', $pair->{cert}, @arguments);
		while (sysread $out, my $bytes, 65536)
		{
			$peer->note($bytes);
		}
	};
	my $peer = Peer->process(PostgreSQL::Test::Cluster::get_free_port(), $work);
	$fixture->wait_until('s_server listens', sub { IO::Socket::INET->new('127.0.0.1:' . $peer->port) });
	return $peer;
}

sub named { return $authority->certificate('DNS:localhost,IP:127.0.0.1', @_); }

my $count = 0;
foreach my $case (
	[ 'the right certificate', 'NC408', named() ],
	[ 'TLS 1.2', 'NC408', named(), '-tls1_2' ],
	[ 'TLS 1.1', '08001', named(), '-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0' ],
	[ 'TLS 1.0', '08001', named(), '-tls1', '-cipher', 'DEFAULT@SECLEVEL=0' ],
	[ 'another host name', 'NC495', $authority->certificate('DNS:localhost.example,DNS:example.localhost,IP:127.0.0.2') ],
	[ 'an authority that is not known', 'NC495', $other->certificate('DNS:localhost,IP:127.0.0.1') ],
	[ 'signed by itself', 'NC495', $authority->signed_by_itself('CA:FALSE', 'DNS:localhost,IP:127.0.0.1') ],
	[ 'expired', 'NC495', named(from => '20200101000000Z', to => '20210101000000Z') ],
	[ 'not valid yet', 'NC495', named(from => '20900101000000Z', to => '20910101000000Z') ])
{
	my ($what, $state, @how) = @$case;
	my $peer = tls_peer(@how);
	my $name = 'tls' . ++$count;
	my $good = $state eq 'NC408';

	$fixture->server($name, base_url => 'https://localhost:' . $peer->port, ca_file => $authority->file,
		max_retries => 0, request_timeout => $good ? '300ms' : '10s');
	foreach my $statement (statements($name))
	{
		my $wanted = $good && $statement =~ /confirm|company_magic/ ? 'NC008' : $state;
		like($session->error($statement), qr/^ERROR:  $wanted:/, "$what: $wanted");
		last if $state eq '08001';
	}
	is(told($peer) =~ /\Q$key\E/ ? 1 : 0, $good ? 1 : 0, "$what: the key is " . ($good ? 'sent' : 'not sent'));
}

# An address that the certificate does not name.
my $by_name = tls_peer($authority->certificate('DNS:localhost'));
$fixture->server('by_address', base_url => 'https://127.0.0.1:' . $by_name->port, ca_file => $authority->file, max_retries => 0);
like($session->error($_), qr/^ERROR:  NC495:/, 'a certificate without the address') foreach statements('by_address');
is(told($by_name), '', 'the key is not sent');

# The system's authorities are known, but not beside a file of one's own.
my $knows_system = 0;
if ($preload)
{
	my $peer = tls_peer($system->certificate('DNS:localhost'));
	my %options = (base_url => 'https://localhost:' . $peer->port, max_retries => 0, request_timeout => '300ms');
	$fixture->server('systems', %options);
	$fixture->server('ours', %options, ca_file => $authority->file);
	$knows_system = $session->error('SELECT count(*) FROM systems.companies') =~ /NC408/;
	diag 'libcurl does not look for authorities where the test has them' if !$knows_system;
	$peer->clear;
	like($session->error($_), qr/^ERROR:  NC495:/, 'an authority that the file does not hold') foreach statements('ours');
	is(told($peer), '', 'the key is not sent');
}

# The file of authorities is read again when it changes, in a running session too.
my $ca_file = PostgreSQL::Test::Utils::tempdir() . '/ca.pem';
my %peers = (old => tls_peer(named()), new => tls_peer($other->certificate('DNS:localhost')));
$fixture->server($_, base_url => 'https://localhost:' . $peers{$_}->port, ca_file => $ca_file, max_retries => 0, request_timeout => '300ms')
  foreach sort keys %peers;
append_to_file($ca_file, slurp_file($authority->file));
like($session->error('SELECT count(*) FROM old.companies'), qr/NC408/, 'a file of authorities: the one in it');
like($session->error('SELECT count(*) FROM new.companies'), qr/NC495/, 'not another');
open my $file, '>', $ca_file or die "$ca_file: $!";
print $file slurp_file($other->file);
close $file;
like($session->error('SELECT count(*) FROM new.companies'), qr/NC408/, 'the other, once it is in it');

# https that is answered in plain http, at once or to the first bytes.
foreach my $first (0, 1)
{
	my $plain = Peer->new(
		sub {
			my ($socket, undef, undef, $peer) = @_;
			my $bytes;
			$peer->note($bytes) if $first && $socket->sysread($bytes, 65536);
			$socket->syswrite(Peer::answer('200 OK', '[]'));
			$peer->note($bytes) while $socket->sysread($bytes, 65536);
		},
		at_once => 1);
	$fixture->server("downgrade$first", base_url => 'https://127.0.0.1:' . $plain->port, max_retries => 0);
	like($session->error($_), qr/^ERROR:  08001:/, 'plain http for https') foreach statements("downgrade$first");
	unlike(told($plain), qr/\Q$key\E/, 'the key is not sent');
}

# ---- advice that is not followed ----

# What a server answers with: each of five statuses, to each kind of request.
my $elsewhere = Peer->new(sub { Peer::answer('200 OK', '[]') });
my $advisor = Peer->new(
	sub {
		my ($code) = $_[1] =~ m{^\w+ /(\d+)/};
		return Peer::answer("$code Somewhere", '', 'Location: ' . $elsewhere->http . '/v2.2/company',
			'Refresh: 0; url=' . $elsewhere->http, 'Alt-Svc: h2="127.0.0.1:' . $elsewhere->port . '"; ma=3600',
			'Set-Cookie: tracked=1; Path=/', 'WWW-Authenticate: Basic realm="x"', 'WWW-Authenticate: Negotiate',
			'Connection: keep-alive');
	});
foreach my $code (300, 301, 302, 303, 305, 307, 308, 401, 407, 426)
{
	my $state = $code < 400 ? 'NC300' : $code == 401 ? 'NC401' : 'NC499';
	my $name = "code$code";
	$fixture->server($name, base_url => $advisor->http . "/$code");
	$advisor->clear;
	like($session->error($_), qr/^ERROR:  $state:/, "$code: $state") foreach statements($name);
	my @requests = $advisor->requests;
	is(scalar(@requests), 4, "$code: each asked once");
	is((grep { /^(cookie|authorization|proxy-authorization):/mi } @requests), 0, "$code: nothing is sent back");
}
is(told($elsewhere), '', 'nobody is asked whom a server names');

# ---- proxies ----

my $tls_port = $sandbox->https =~ s/.*://r;
my $through = Peer->new(
	sub {
		my ($socket, $request, $n, $peer) = @_;
		$socket->syswrite("HTTP/1.1 200 Connected\r\n\r\n");
		$peer->relay($socket, IO::Socket::INET->new("127.0.0.1:$tls_port"));
		return;
	});
my %tls = (base_url => $sandbox->https . '/v2.2', ca_file => $sandbox->ca);
$fixture->server('direct', %tls);
$fixture->server('proxied', %tls, proxy => $through->http);
my $truth = $session->value('SELECT md5(string_agg(c::text, chr(10) ORDER BY id)) FROM api.connections c');
foreach my $name ('direct', 'proxied')
{
	is($session->value("SELECT md5(string_agg(c::text, chr(10) ORDER BY id)) FROM $name.connections c"), $truth, "$name: the rows");
	is(($session->both($_))[1], '', "$name: asked and acted") foreach statements($name);
}
$sandbox->fault({ kind => 'read_close', method => 'PATCH' });
like($session->error("SELECT nectar.confirm_accounts('$connection', true, 'proxied')"), qr/^ERROR:  NC008:/, 'an act that is lost behind a proxy');
$sandbox->reset;
my $seen = told($through);
like($seen, qr{^CONNECT localhost:$tls_port HTTP/1\.1\r\nHost: localhost:$tls_port\r\n}, 'the proxy of the option is used');
unlike($seen, qr/\Q$key\E|X-API-Key/i, 'it does not see the key');
unlike($seen, qr{/v2\.2|PATCH}, 'nor any path');
is(told($trap), '', 'proxies of the environment are not used');

# A proxy that refuses, and one that is not there: nothing was sent.
foreach my $answer ('403 Forbidden', '407 Who', '502 Bad', '503 Busy', 'garbage', '')
{
	my $sullen = Peer->new(sub { $answer eq '' ? '' : $answer eq 'garbage' ? "hello\r\n\r\n" : Peer::answer($answer, 'no', 'Proxy-Authenticate: Basic realm="x"') });
	my $name = 'sullen' . ++$count;
	$fixture->server($name, %tls, proxy => $sullen->http, max_retries => 0);
	$sandbox->clear_log;
	like($session->error($_), qr/^ERROR:  08001:.*^DETAIL:  The server could not be reached/ms, "a proxy that answers '$answer'")
	  foreach statements($name);
	is(scalar($sandbox->requests), 0, 'nothing arrives');
	unlike(told($sullen), qr/\Q$key\E/, 'the key is not sent');
}

# A proxy that is spoken to in TLS: by the same rules.
if ($knows_system)
{
	foreach my $how ([], ['-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0'])
	{
		my $tls_proxy = tls_peer($system->certificate('DNS:localhost'), @$how);
		my $name = 'https_proxy' . ++$count;
		$fixture->server($name, %tls, proxy => 'https://localhost:' . $tls_proxy->port, max_retries => 0, connect_timeout => '300ms');
		my $said = $session->error("SELECT count(*) FROM $name.companies");
		is(told($tls_proxy) =~ /^CONNECT/ ? 1 : 0, @$how ? 0 : 1, @$how ? 'not over TLS 1.1' : 'a proxy is spoken to in TLS') or diag $said;
	}
}

# ---- names and addresses ----

foreach my $url (
	'file:///etc/passwd', 'FILE:///etc/passwd', 'ftp://127.0.0.1/', 'ftps://127.0.0.1/', 'gopher://127.0.0.1:70/_x', 'dict://127.0.0.1/d', 'ldap://127.0.0.1/',
	'smb://127.0.0.1/x', 'scp://127.0.0.1/x', 'sftp://127.0.0.1/x', 'tftp://127.0.0.1/x', 'telnet://127.0.0.1', 'rtsp://127.0.0.1', 'imap://127.0.0.1',
	'smtp://127.0.0.1', 'mqtt://127.0.0.1/x', 'ws://127.0.0.1', 'unix:/var/run/x.sock', 'unix:///x.sock', 'data:,[]', 'view-source:https://127.0.0.1',
	'//127.0.0.1/', '/etc/passwd', '127.0.0.1', 'localhost:80', 'http:127.0.0.1', 'http:/127.0.0.1', 'https:/api.example', 'https:///v2.2', 'https://', 'https://:443',
	' https://api.example', 'https://api.example ', "https://api.example\n", "https://api.example/\r\nX-Other: 1", "https://api.example/\tx", "https://api.example/\\x",
	'https://user:hunter2@api.example', 'https://user@api.example', 'https://@api.example', 'https://api.example?x', 'https://api.example/#x', 'https://äpi.example',
	'https://api.example:0', 'https://api.example:65536', 'https://api.example:x', 'https://api.example:-1', 'https://[::1', 'https://api.example;x@other',
	'http://api.example', 'http://128.0.0.1', 'http://0.0.0.0', 'http://[::]', 'http://[::ffff:127.0.0.1]', 'http://10.127.0.1', 'http://127.0.0.1.nip.example',
	'http://localhost.', 'http://localhost.example', 'http://127.1', 'http://2130706433', 'http://0x7f000001', 'http://0x7f.0.0.1', 'http://0177.0.0.1', 'http://[fe80::1%25lo]', 'http://127.0.0.1%2eexample')
{
	(my $quoted = $url) =~ s/'/''/g;
	my $said = $session->error("CREATE SERVER bad FOREIGN DATA WRAPPER connection_fdw OPTIONS (base_url E'" . ($quoted =~ s/\\/\\\\/gr) . "')");
	(my $shown = $url) =~ s/[^ -~]/./g;
	like($said, qr/^ERROR:  HV024:/, "refused: $shown");
	unlike($said, qr/hunter2/, 'and no password is shown') if $url =~ /hunter2/;
}

# Plain http goes by the address that a name turns out to have.
if ($preload)
{
	$fixture->server('elsewhere', base_url => 'http://127.0.0.300:' . $elsewhere->port, max_retries => 0);
	like($session->error($_), qr/^ERROR:  NC426:/, 'plain http to another machine') foreach statements('elsewhere');
}

# ---- the request line ----

my $listening = Peer->new(sub { Peer::answer('200 OK', '{"totalConnections": 0, "perPage": 500, "totalPages": 0, "currentPage": 1, "hasNext": false, "hasPrevious": false, "connections": []}') });
$fixture->server('raw', base_url => $listening->http . '/v2.2/');
foreach my $value ("a/b?c#d%e;f&g=h+i", "x\r\nX-API-Key: other\r\n\r\nGET /evil HTTP/1.1", "\t\x7f\"<>\\^`{|}", "\xfc\@\xf6.example \x{1F600}", '../../company', '%2e%2e/%00', "O'Brien\@x.example")
{
	utf8::encode(my $bytes = $value);
	my $encoded = join '', map { /[A-Za-z0-9\-._~]/ ? $_ : sprintf '%%%02X', ord } split //, $bytes;
	my $quoted = $bytes =~ s/(['\\])/$1$1/gr =~ s/\r/\\r/gr =~ s/\n/\\n/gr =~ s/\t/\\t/gr;
	$listening->clear;
	is($session->value("SELECT count(*) FROM raw.connections WHERE company_id = '$company' AND workflow_owner_email = E'$quoted'"), 0, 'asked for');
	my ($request) = $listening->requests;
	my ($line, @headers) = split /\r\n/, $request;
	is($line, "GET /v2.2/connection/company/$company?connectionOwnerEmail=$encoded&limit=500&page=1 HTTP/1.1", 'as one value of one parameter');
	is(join(' ', map { /^([\w-]+): / ? lc $1 : '?' } @headers), 'host user-agent accept-encoding x-api-key accept', 'and no header more');
}

$session->quit;
$fixture->stop;
done_testing();
