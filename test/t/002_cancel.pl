# Whoever waits can be ended at once: cancel, statement_timeout, termination
# and the postmaster's death, in every phase of a request.
#
# Times are taken on the server: from the signal to the moment that the
# backend is no longer active, or that its process is gone.  The bound is part
# of the promise; on a busy machine the best of a few tries counts.

use strict;
use warnings;

use Fixture;
use IO::Socket::INET;
use PostgreSQL::Test::Utils;
use Socket;
use Test::More;
use Time::HiRes qw(sleep time);

my $bound = 100;    # ms
my $tries = 5;

# A resolver that hangs: the server's getaddrinfo() sleeps over names that end
# in ".slow.invalid".  Skipped without a compiler.
sub slow_resolver
{
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $cc = $ENV{CC} || 'cc';

	open my $code, '>', "$dir/slow.c" or die "$dir/slow.c: $!";
	print $code <<'C';
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res)
{
	int			(*real) (const char *, const char *, const struct addrinfo *, struct addrinfo **);

	if (node != NULL && strstr(node, ".slow.invalid") != NULL)
	{
		for (int i = 0; i < 60; i++)
			sleep(1);
		return EAI_AGAIN;
	}
	real = (int (*) (const char *, const char *, const struct addrinfo *, struct addrinfo **)) dlsym(RTLD_NEXT, "getaddrinfo");
	return real(node, service, hints, res);
}
C
	close $code or die "$dir/slow.c: $!";
	return system("$cc -shared -fPIC -o $dir/slow.so $dir/slow.c -ldl 2>$dir/slow.log") == 0 ? "$dir/slow.so" : '';
}

my $resolver = slow_resolver();
my $fixture;
{
	local $ENV{LD_PRELOAD} = $resolver if $resolver;
	$fixture = Fixture->new(sandbox => { companies => 2, connections => 450, accounts => 2 });
}
my $sandbox = $fixture->sandbox;
my $watcher = $fixture->session;

$watcher->value(<<'SQL');
CREATE FUNCTION ms_to_end(target int, how text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	began timestamptz := clock_timestamp();
BEGIN
	IF how = 'cancel' THEN
		PERFORM pg_cancel_backend(target);
	ELSE
		PERFORM pg_terminate_backend(target);
	END IF;
	LOOP
		PERFORM pg_stat_clear_snapshot();
		EXIT WHEN how = 'cancel'
			AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = target AND state = 'active');
		EXIT WHEN how = 'terminate' AND (pg_stat_file('/proc/' || target, true)).size IS NULL;
		IF clock_timestamp() > began + interval '10 s' THEN
			RETURN 'infinity';
		END IF;
		PERFORM pg_sleep(0.0005);
	END LOOP;
	RETURN round(extract(epoch FROM clock_timestamp() - began) * 1000, 1);
END
$$;
SQL

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
$fixture->server('connecting', base_url => 'http://127.0.0.1:' . $full->sockport);
$fixture->server('handshake', base_url => 'https://127.0.0.1:' . $silent->sockport);
$fixture->server('mute', base_url => 'http://127.0.0.1:' . $silent->sockport);

my $connection = $fixture->connection(2);
my @phases = (
	$resolver
	? { name => 'a resolver that hangs',
		statement => 'SELECT count(*) FROM resolving.companies' }
	: (),
	{   name => 'connecting',
		statement => 'SELECT count(*) FROM connecting.companies' },
	{   name => 'TLS handshake',
		statement => 'SELECT count(*) FROM handshake.companies' },
	{   name => 'a server that takes the request and is mute',
		statement => 'SELECT count(*) FROM mute.companies' },
	{   name => 'before the first byte',
		fault => { kind => 'hang', path => '/company' },
		statement => 'SELECT count(*) FROM api.companies' },
	{   name => 'ten requests before their first byte',
		fault => { kind => 'hang', path => '/connection/*/details' },
		statement => 'SELECT count(*) FROM detailed.accounts' },
	{   name => 'trickling body',
		fault => { kind => 'trickle', delay_ms => 20, path => '/company' },
		statement => 'SELECT count(*) FROM api.companies' },
	{   name => 'retry back-off',
		fault => { kind => 'status', status => 503, retry_after => '30', path => '/company' },
		statement => 'SELECT count(*) FROM api.companies' },
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
	{   name => 'an act',
		fault => { kind => 'hang', method => 'PATCH' },
		statement => "SELECT nectar.confirm_accounts('$connection', true, 'api')" },
	{   name => 'acts in bulk',
		fault => { kind => 'hang', method => 'PATCH' },
		statement => "SELECT * FROM nectar.bulk_confirm_accounts(ARRAY['$connection']::uuid[], true, 'api')" },
	{   name => 'ping',
		fault => { kind => 'hang', path => '/ping' },
		statement => "SELECT nectar.ping('api')" },);

# Begin a phase in a session: its statement runs and waits.
sub enter
{
	my ($session, $phase, $statement) = @_;

	$sandbox->reset;
	$sandbox->fault($phase->{fault}) if $phase->{fault};
	$session->value($phase->{before}) if $phase->{before};
	$session->send($statement);
	return;
}

sub enter_and_wait
{
	my ($session, $phase) = @_;

	enter($session, $phase, $phase->{statement});
	$fixture->wait_waiting($watcher, $session->pid, $phase->{waits});
	sleep 0.1;
	return;
}

sub leave
{
	my ($session, $phase) = @_;

	$sandbox->reset;
	$session->value($phase->{after}) if $phase->{after};
	return;
}

sub works
{
	my ($session) = @_;
	return $session->value('SELECT count(*), count(DISTINCT id), count(DISTINCT company_id) FROM api.connections') eq
	  '900|900|2';
}

# Until one try is within the bound; the best time of all.
sub best_of
{
	my ($try) = @_;
	my $best;

	for (1 .. $tries)
	{
		my $ms = $try->();
		$best = $ms if defined $ms && (!defined $best || $ms < $best);
		last if defined $best && $best < $bound;
	}
	return $best // 'inf';
}

sub cancel
{
	my ($session, $phase) = @_;
	my ($ok, $said) = (1, '');

	my $ms = best_of(
		sub {
			enter_and_wait($session, $phase);
			my $time = $watcher->value("SELECT ms_to_end(@{[$session->pid]}, 'cancel')");
			my ($rows, $messages) = $session->finish;
			$said = $messages;
			$ok &&= $rows eq '' && $messages =~ /^ERROR:  57014: canceling statement due to user request/m;
			leave($session, $phase);
			return $time;
		});
	ok($ok, "$phase->{name}: canceled with its own error") or diag $said;
	cmp_ok($ms, '<', $bound, "$phase->{name}: within $bound ms");
	diag "$phase->{name}: cancel took $ms ms";
	ok(works($session), "$phase->{name}: the session goes on");
	return;
}

sub time_out
{
	my ($session, $phase) = @_;
	my ($ok, $said) = (1, '');
	my $timeout = 250;
	(my $perform = $phase->{statement}) =~ s/^SELECT/PERFORM/;
	my $statement = <<"SQL";
DO \$\$
BEGIN
	$perform;
EXCEPTION WHEN query_canceled THEN
	RAISE NOTICE '% after % ms', SQLERRM,
		round(extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000 - $timeout, 1);
END
\$\$
SQL

	my $ms = best_of(
		sub {
			enter($session, $phase, "SET statement_timeout = $timeout;\n$statement;\nRESET statement_timeout");
			my ($rows, $messages) = $session->finish;
			my ($time) = $messages =~ /canceling statement due to statement timeout after (-?[\d.]+) ms/;
			$said = $messages;
			$ok &&= defined $time;
			leave($session, $phase);
			return $time;
		});
	ok($ok, "$phase->{name}: statement_timeout with its own error") or diag $said;
	cmp_ok($ms, '<', $bound, "$phase->{name}: statement_timeout within $bound ms");
	diag "$phase->{name}: statement_timeout was late by $ms ms";
	ok(works($session), "$phase->{name}: the session goes on after statement_timeout");
	return;
}

sub terminate
{
	my ($phase) = @_;
	my ($ok, $said) = (1, '');

	my $ms = best_of(
		sub {
			my $session = $fixture->session;
			enter_and_wait($session, $phase);
			my $time = $watcher->value("SELECT ms_to_end(@{[$session->pid]}, 'terminate')");
			$said = ($session->finish)[1];
			$ok &&= $said =~ /^FATAL:  57P01: terminating connection due to administrator command/m;
			$sandbox->reset;
			return $time;
		});
	ok($ok, "$phase->{name}: terminated with its own error") or diag $said;
	cmp_ok($ms, '<', $bound, "$phase->{name}: terminated within $bound ms");
	diag "$phase->{name}: termination took $ms ms";
	return;
}

diag 'no compiler: the phase of resolving is skipped' if !$resolver;
my $session = $fixture->session;
foreach my $phase (@phases)
{
	cancel($session, $phase);
	time_out($session, $phase);
	terminate($phase);
}

$watcher->value("SELECT pg_cancel_backend(@{[$session->pid]})");
ok(works($session), 'a cancel that comes late harms nothing');

# The postmaster dies: its backends go by themselves.
my ($hang) = grep { $_->{name} eq 'before the first byte' } @phases;
enter_and_wait($session, $hang);
my $began = time;
$fixture->node->kill9;
eval { $fixture->wait_until('the backend is gone', sub { !$fixture->is_running($session->pid) }); 1 }
  or kill 'KILL', $session->pid;
my $gone = time - $began;
cmp_ok($gone, '<', 1, 'a backend that waits goes with its postmaster');
diag sprintf 'the postmaster\'s death: gone after %.0f ms', $gone * 1000;
$session->finish;
$session->quit;
$watcher->quit;
$sandbox->stop;

done_testing();
