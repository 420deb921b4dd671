# A session that was canceled, refused and left early some hundred times holds
# no file, no memory and no TCP session more than before; and a scan of many
# rows takes no more memory than its bound.

use strict;
use warnings;

use Fixture;
use IO::Socket::INET;
use JSON::PP;
use Socket;
use Test::More;
use Time::HiRes qw(sleep);

my $rounds = 24;

my $fixture = Fixture->new(
	sandbox => { companies => 4, connections => 60, accounts => 2 },
	options => { page_size => 20, max_retries => 0, request_timeout => '10s' },
	conf => "max_files_per_process = 400\n");
my $sandbox = $fixture->sandbox;
my $session = $fixture->session(start => 'SET client_min_messages = error');
my $pid = $session->pid;
my $company = $fixture->company(1);
my $connection = $fixture->connection(2);
my $append = "SELECT id FROM api.connections WHERE company_id = '$company' UNION ALL SELECT id FROM api.companies"
  . " UNION ALL SELECT id FROM detailed.accounts WHERE connection_id = '$connection'";
$fixture->server('detailed', max_retries => 0, accounts_source => 'details', max_concurrency => 10);
$fixture->server('tls', base_url => $sandbox->https . '/v2.2', ca_file => $sandbox->ca, max_retries => 0);
$fixture->server('untrusted', base_url => $sandbox->https . '/v2.2', max_retries => 0);

# Server-side loops, so that hundreds of statements take little time.
$fixture->sql(<<'SQL');
CREATE FUNCTION fails(statement text, times int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	failed int := 0;
BEGIN
	FOR i IN 1 .. times LOOP
		BEGIN
			EXECUTE statement;
		EXCEPTION WHEN OTHERS THEN
			failed := failed + 1;
		END;
	END LOOP;
	RETURN failed;
END
$$;
CREATE FUNCTION leaves_early(statement text, times int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	cursor refcursor;
	row record;
	opened int := 0;
BEGIN
	FOR i IN 1 .. times LOOP
		OPEN cursor FOR EXECUTE statement;
		FETCH cursor INTO row;
		CLOSE cursor;
		opened := opened + 1;
	END LOOP;
	RETURN opened;
END
$$;
SQL

# What each round does; a name, how, and how often in a round.
my @deeds = (
	[ 'rows read', sub { $session->value('SELECT count(*), max(attrs::text) FROM api.connections') } ],
	[   'accounts by details',
		sub { $session->value("SELECT count(*) FROM detailed.accounts WHERE company_id = '$company'") } ],
	[ 'rows over TLS', sub { $session->value('SELECT count(*) FROM tls.connections') } ],
	[   'errors of the server',
		sub {
			$sandbox->fault({ kind => 'status', status => 500 });
			$session->value(q{SELECT fails('SELECT count(*) FROM api.connections', 5)});
		} ],
	[   'malformed answers',
		sub {
			$sandbox->fault({ kind => 'malformed', path => '/connection/*' });
			$session->value(q{SELECT fails('SELECT count(*) FROM api.connections', 5)});
		} ],
	[   'truncated answers',
		sub {
			$sandbox->fault({ kind => 'truncate', path => '/connection/*' });
			$session->value(q{SELECT fails('SELECT count(*) FROM detailed.accounts', 5)});
		} ],
	[   'resets',
		sub {
			$sandbox->fault({ kind => 'reset', path => '/connection/*' });
			$session->value(q{SELECT fails('SELECT count(*) FROM detailed.accounts', 3)});
		} ],
	[ 'certificates refused', sub { $session->value(q{SELECT fails('SELECT count(*) FROM untrusted.companies', 3)}) } ],
	[   'errors of the query',
		sub {
			$session->value(q{SELECT fails('SELECT 1 / (length(datasource_name) - length(datasource_name)) FROM api.connections', 5)});
		} ],
	[   'cursors closed early',
		sub {
			$session->value(q{SELECT leaves_early('SELECT id FROM detailed.accounts', 3)});
			$session->value(q{SELECT leaves_early('SELECT id, attrs FROM api.connections', 5)});
		} ],
	[   'statement timeouts',
		sub {
			$sandbox->fault({ kind => 'hang', path => '/connection/*/details' });
			$session->error('SET statement_timeout = 12; SELECT count(*) FROM detailed.accounts');
			$session->value('RESET statement_timeout');
		} ],
	[   'cancels',
		sub {
			$sandbox->fault({ kind => 'trickle', delay_ms => 5, path => '/company' });
			$session->send('SELECT count(*) FROM api.companies');
			sleep 0.01;
			kill 'INT', $pid;
			$session->finish;
		} ],
	[   'acts that fail',
		sub {
			$sandbox->fault({ kind => 'status', status => 409, method => 'PATCH' });
			$session->value("SELECT fails(\$\$SELECT nectar.confirm_accounts('$connection', true, 'api')\$\$, 3)");
		} ],
	[   'Appends',
		sub {
			$session->value("SELECT leaves_early(\$\$$append\$\$, 5)");
			$session->value("SELECT count(*) FROM ($append OFFSET 0) a") for 1 .. 5;
		} ],
	[   'errors in an Append',
		sub {
			$sandbox->fault({ kind => 'status', status => 500, path => '/company' });
			$session->value("SELECT fails(\$\$$append\$\$, 5)");
			$sandbox->fault({ kind => 'truncate', path => '/connection/company/*' });
			$session->value("SELECT fails(\$\$$append\$\$, 5)");
		} ],
	[   'an Append that is canceled',
		sub {
			$sandbox->fault({ kind => 'hang', path => '/connection/company/*' });
			$session->error("SET statement_timeout = 12; $append");
			$session->value('RESET statement_timeout');
			$session->send($append);
			sleep 0.01;
			kill 'INT', $pid;
			$session->finish;
		} ],
	[   'counts by totals',
		sub {
			$session->value('SELECT count(*) FROM api.connections');
			$sandbox->fault({ kind => 'patch', query => 'limit=1&*', set => { company => { id => $fixture->company(9) } } });
			$session->value("SELECT count(*) FROM api.connections WHERE company_id = '$company'");
			$sandbox->fault({ kind => 'wrong_envelope', query => 'limit=1&*' });
			$session->value("SELECT fails('SELECT count(*) FROM api.connections', 3)");
		} ],
	[   'ANALYZE',
		sub {
			$session->value('ANALYZE api.companies');
			$sandbox->fault({ kind => 'truncate', path => '/connection/company/*' });
			$session->error('ANALYZE api.connections');
		} ],
	[   'passes',
		sub {
			$session->value(q{SELECT count(*) FROM nectar.read_listings('detailed')});
			$sandbox->fault({ kind => 'truncate', path => '/connection/company/*', nth => 6 });
			$session->value(q{SELECT fails('SELECT count(*) FROM nectar.read_listings(''api'')', 3)});
			$session->value(q{SELECT fails('SELECT FROM nectar.read_connection(''{"id": "d0000000-0000-4000-8000-000000000001", "accounts": [{}]}'', ''api'')', 3)});
		} ],
	[ 'acts', sub { $session->value("SELECT nectar.confirm_accounts('$connection', true, 'api')") } ],
	[   'rescans',
		sub {
			$session->value('SELECT (SELECT count(*) FROM api.connections c WHERE c.company_id = k.id) FROM api.companies k');
		} ],
	[   'changed servers',
		sub { $session->value("ALTER SERVER api OPTIONS (SET page_size '20')"); $session->value('SELECT count(*) FROM api.companies') } ],);

sub round
{
	foreach my $deed (@deeds)
	{
		$deed->[1]->();
		$sandbox->control('POST', 'faults/clear', '');
	}
	return;
}

sub measure
{
	my %is;

	$sandbox->control('POST', 'faults/clear', '');
	$session->value('SELECT count(*) FROM api.companies');
	$is{files} = $fixture->open_files($pid);
	$is{rss} = $fixture->process_kb($pid, 'VmRSS');
	$is{contexts} = $session->value('SELECT sum(total_bytes) FROM pg_backend_memory_contexts');
	$is{count} = $session->value('SELECT count(*) FROM pg_backend_memory_contexts');
	$is{ours} =
	  $session->value(q{SELECT coalesce(sum(total_bytes), 0) FROM pg_backend_memory_contexts WHERE name LIKE 'connection_fdw%'});
	return \%is;
}

# What is kept on purpose (catalog caches, TCP sessions, arenas of malloc) is
# there after a few rounds.
round() for 1 .. 6;
my $before = measure();
round() for 1 .. $rounds;
my $after = measure();

cmp_ok($after->{files}, '<', $before->{files} + $rounds / 2, 'no file more is open, but for TCP sessions that are kept');
cmp_ok($after->{count}, '<=', $before->{count} + 2, 'no memory context more is there');
is($after->{ours}, $before->{ours}, 'ours have not grown');
cmp_ok($after->{contexts}, '<', $before->{contexts} + 300_000, 'nor have all together');
cmp_ok($after->{rss}, '<', $before->{rss} + 1500, 'nor has the process');
diag "$_: $before->{$_}, then $after->{$_}" foreach qw(files count ours contexts rss);
is($session->value('SELECT count(*) FROM api.connections'), 240, 'the session works');
is(decode_json($sandbox->control('GET', 'stats'))->{dropped}, 0, 'the sandbox has logged it all');

# Sockets that the server has closed do not pile up either.
for (1 .. 3)
{
	$sandbox->restart;
	$session->value("SELECT count(*) FROM detailed.accounts");
}
cmp_ok($fixture->open_files($pid), '<=', $before->{files} + 12, 'nor after restarts of the server');

# Nor do those that never came to be: PostgreSQL counts them, and lets a third
# of max_files_per_process be such, so a session that loses count can connect
# no more.
my $full = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0) or die "socket: $!";
listen($full, 0) or die "listen: $!";
my @callers = map {
	socket(my $caller, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
	$caller->blocking(0);
	connect($caller, sockaddr_in($full->sockport, INADDR_LOOPBACK));
	$caller;
} 1 .. 4;
$fixture->server('connecting',
	base_url => 'http://127.0.0.1:' . $full->sockport, max_retries => 0, connect_timeout => '10ms');
is($session->value(q{SELECT fails('SELECT count(*) FROM connecting.companies', 160)}), 160, '160 times connecting in vain');
is($session->value('SELECT count(*) FROM api.connections'), 240, 'do not keep the session from connecting where it can');
is($session->value(q{SELECT leaves_early('SELECT id FROM detailed.accounts', 160)}), 160, '160 cursors closed early');
is($session->value('SELECT count(*) FROM api.connections'), 240, 'nor do they');
$session->quit;
$sandbox->stop;

# Many rows: the peak of a backend that read 1,000 accounts, and of one that
# read 200,000, each in one statement, kept out of the cluster's own caches.
my $large = Sandbox->new(companies => 200, connections => 364, accounts => 3);
$fixture->server('large', base_url => $large->http . '/v2.2');

sub peak
{
	my ($where) = @_;
	my $reader = $fixture->session;
	my $rows = $reader->value("SELECT count(*) FROM (SELECT * FROM large.accounts $where OFFSET 0) a WHERE attrs IS NOT NULL");
	my $peak = $fixture->process_kb($reader->pid, 'VmHWM');

	$reader->quit;
	return ($rows, $peak);
}

my ($few, $low) = peak("WHERE company_id = '$company'");
my ($many, $high) = peak('');
cmp_ok($few, '>', 800, 'about a thousand rows');
cmp_ok($many, '>', 195_000, 'about 200,000 rows');
my $growth = ($high - $low) / 1024;
cmp_ok($growth, '<', 24, 'take no more memory than scan_memory, with some slack');
diag sprintf '%d rows: peak %.1f MB; %d rows: peak %.1f MB; %.1f MB more', $few, $low / 1024, $many, $high / 1024, $growth;

# Joined, so that answers are shared: the memo is bounded, too.
$fixture->server('sixty',
	base_url => $large->http . '/v2.2', company_ids => join ',', map { $fixture->company($_) } 1 .. 60);
my $joiner = $fixture->session;
my $pairs = $joiner->value(<<'SQL');
SELECT count(*) FROM sixty.connections c JOIN sixty.accounts a ON a.connection_id = c.id AND a.company_id = c.company_id
SQL
my $joined = ($fixture->process_kb($joiner->pid, 'VmHWM') - $low) / 1024;
is($pairs, $joiner->value('SELECT count(*) FROM sixty.accounts'), 'connections joined to their accounts');
cmp_ok($joined, '<', 64, 'within the bounds of memo and work_mem');
diag sprintf 'joined: %d rows, %.1f MB more', $pairs, $joined;

# Read in one pass by a function, its result beyond work_mem.
my $passer = $fixture->session;
my $passed = $passer->value("SELECT count(*) FROM nectar.read_listings('large') WHERE kind = 'account'");
my $pass = ($fixture->process_kb($passer->pid, 'VmHWM') - $low) / 1024;
is($passed, $many, 'a pass gives all accounts');
cmp_ok($pass, '<', 28, 'within the bounds of scan_memory and work_mem');
diag sprintf 'passed: %d rows, %.1f MB more', $passed, $pass;
$passer->quit;

# And from the tenth execution to the fiftieth: nothing.
my $again = $fixture->session;
$again->value("PREPARE p AS SELECT count(*) FROM large.accounts WHERE company_id = '$company'");
$again->value('EXECUTE p') for 1 .. 10;
my $tenth = $fixture->process_kb($again->pid, 'VmRSS');
$again->value('EXECUTE p') for 1 .. 40;
my $fiftieth = $fixture->process_kb($again->pid, 'VmRSS');
cmp_ok($fiftieth, '<=', $tenth + 300, 'nothing measurable from the tenth execution to the fiftieth');
diag "tenth: $tenth kB, fiftieth: $fiftieth kB";

$_->quit foreach $joiner, $again;
$large->stop;
$fixture->stop;
done_testing();
