# Whoever waits can be ended at once: cancel, statement_timeout, termination
# and the postmaster's death, in every phase of a request.

use strict;
use warnings;

use Fixture;
use Interrupts;
use IO::Socket::INET;
use Preload;
use Socket;
use Test::More;

my $preload = Preload::library();
my $fixture;
{
	local $ENV{LD_PRELOAD} = $preload if $preload;
	$fixture = Fixture->new(sandbox => { companies => 2, connections => 450, accounts => 2 },
		options => { updatable => 'true' });
}
my $sandbox = $fixture->sandbox;
my $watcher = $fixture->session;
my $interrupts = Interrupts->new($fixture, $watcher);

# Sockets that speak nothing: one takes connections into its backlog and stays
# silent, the other's backlog is full.
my $silent = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1', LocalPort => 0)
  or die "socket: $!";
my $full = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0)
  or die "socket: $!";
listen($full, 0) or die "listen: $!";
my @callers = map { call_silently($full->sockport) } 1 .. 4;
ok(!getpeername($callers[-1]), 'a backlog is full');

sub call_silently
{
	my ($port) = @_;
	socket(my $caller, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
	$caller->blocking(0);
	connect($caller, sockaddr_in($port, INADDR_LOOPBACK));
	return $caller;
}

$fixture->server('narrow', page_size => 100, max_concurrency => 2);
$fixture->server('detailed', accounts_source => 'details');
$fixture->server('resolving', base_url => 'https://api.slow.invalid');
$fixture->server('behind', base_url => 'https://127.0.0.1:9', proxy => 'http://proxy.slow.invalid:3128');
$fixture->server('threads', base_url => 'https://api.threads.invalid', max_retries => 0);
$fixture->server('named', base_url => $sandbox->http =~ s/127\.0\.0\.1/localhost/r . '/v2.2');
$fixture->server('connecting', base_url => 'http://127.0.0.1:' . $full->sockport);
$fixture->server('handshake', base_url => 'https://127.0.0.1:' . $silent->sockport);
$fixture->server('mute', base_url => 'http://127.0.0.1:' . $silent->sockport);

my $connection = $fixture->connection(2);
my @phases = (
	$preload
	? { name => 'a resolver that hangs',
		statement => 'SELECT count(*) FROM resolving.companies' }
	: (),
	{   name => 'connecting',
		statement => 'SELECT count(*) FROM connecting.companies' },
	{   name => 'TLS handshake',
		statement => 'SELECT count(*) FROM handshake.companies' },
	{   name => 'a server that takes the request and is mute',
		statement => 'SELECT count(*) FROM mute.companies' },
	$interrupts->phases('api', 'detailed'),
	{   name => 'waiting for a slot',
		fault => { kind => 'hang', query => '*page=[345]*' },
		before => q{BEGIN; DECLARE c CURSOR FOR SELECT id FROM narrow.connections WHERE company_id = '}
		  . $fixture->company(1) . q{'; FETCH 180 FROM c},
		statement => 'SELECT count(*) FROM narrow.companies',
		after => 'ROLLBACK' },
	{   name => 'an Append whose arms all wait',
		fault => { kind => 'hang', path => '/connection/company/*' },
		statement => join(' UNION ALL ', map { "SELECT id FROM api.connections WHERE company_id = '" . $fixture->company($_) . "'" } 1, 2),
		waits => 'IPC' },
	{   name => 'an Append one arm of which trickles',
		fault => { kind => 'trickle', delay_ms => 20, path => '/company' },
		statement => "SELECT id FROM narrow.companies UNION ALL SELECT id FROM api.connections WHERE id = '$connection'",
		waits => 'IPC' },
	{   name => 'arms that run one after the other',
		fault => { kind => 'hang', path => '/connection/company/*' },
		statement => join(' UNION ALL ',
			map { "SELECT count(id) FROM api.connections WHERE company_id = '" . $fixture->company($_) . "'" } 1, 2) },
	{   name => 'a count by totals',
		fault => { kind => 'hang', query => 'limit=1&*' },
		statement => 'SELECT count(*) FROM api.connections' },
	{   name => 'ANALYZE',
		fault => { kind => 'hang', path => '/connection/company/*' },
		statement => 'ANALYZE api.connections' },
	{   name => 'ping',
		fault => { kind => 'hang', path => '/ping' },
		statement => "SELECT nectar.ping('api')" },);

sub works
{
	my ($session) = @_;
	return $session->value('SELECT count(*), count(DISTINCT id), count(DISTINCT company_id) FROM api.connections') eq
	  '900|900|2';
}

diag 'no compiler: the phase of resolving is skipped' if !$preload;
my $session = $fixture->session;
$interrupts->measure($session, $_, \&works) foreach @phases;

$watcher->value("SELECT pg_cancel_backend(@{[$session->pid]})");
ok(works($session), 'a cancel that comes late harms nothing');

# Threads that hang in the resolver are left behind, but not without end.
if ($preload)
{
	my $lost = $fixture->session(start => q(SET statement_timeout = '100ms'));
	my @said = map { $lost->error('SELECT count(*) FROM resolving.companies') } 1 .. 18;
	is(scalar(grep { /57014/ } @said), 16, 'look-ups that hang are left behind');
	push @said, $lost->error('SELECT count(*) FROM behind.companies');
	is(scalar(grep { /^ERROR:  08001:.*16 name look-ups of this session have not come to an end/ms } @said), 3, 'sixteen at the most, a proxy\'s name included');
	ok(works($lost), 'other servers can be reached all the same') or diag $said[-1];
	$lost->quit;

	# Threads of somebody else's are no look-ups.
	my $crowded = $fixture->session(start => q(SET statement_timeout = '100ms'));
	$crowded->error($_) foreach ('SELECT count(*) FROM threads.companies', 'SELECT count(*) FROM resolving.companies');
	is(($crowded->both('SELECT count(*) FROM named.companies'))[0], 2, 'threads of other libraries are no look-ups');
	$crowded->quit;
}

# A server that cannot be reached, or always fails, is given up in time.
$fixture->server('hopeless', base_url => 'http://127.0.0.1:' . $full->sockport, connect_timeout => '200ms', max_retries => 20);
my ($given_up) = $session->error('SELECT count(*) FROM hopeless.companies') =~ /tried (\d+) times/;
cmp_ok($given_up // 0, '>', 1, 'a server that takes no connection is tried again');
cmp_ok($given_up // 99, '<=', 4, 'but not for long');
$fixture->server('failing', request_timeout => '1s', max_retries => 20, max_concurrency => 4);
$sandbox->fault({ kind => 'status', status => 429, retry_after => '1', path => '/connection/*' });
($given_up) = $session->error('SELECT count(id) FROM failing.connections') =~ /tried (\d+) times/;
cmp_ok($given_up // 0, '>', 1, 'one that answers 429 is tried again');
cmp_ok($given_up // 99, '<=', 4, 'until nothing has succeeded for request_timeout');
$sandbox->reset;

# The postmaster dies: its backends go by themselves.
my ($hang) = grep { $_->{name} eq 'before the first byte' } @phases;
$interrupts->enter_and_wait($session, $hang);
$interrupts->lose_postmaster($session);
$session->finish;
$session->quit;
$watcher->quit;
$sandbox->stop;

done_testing();
