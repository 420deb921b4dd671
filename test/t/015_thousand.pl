# After a thousand cancels and a thousand errors in one session, spread over
# scans, scans side by side, counts, ANALYZE and acts, it holds no file, no
# thread, no memory context and no byte more than before.

use strict;
use warnings;

use Fixture;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $times = 200;    # each of five kinds of statements

my $fixture = Fixture->new(
	sandbox => { companies => 3, connections => 12, accounts => 2 },
	options => { max_retries => 0, request_timeout => '20s', page_size => 5 });
my $sandbox = $fixture->sandbox;
my $connection = $fixture->connection(4);

# Bytes in use, as malloc counts them: through a module, where there is a
# compiler.
sub make_counter
{
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $cc = $ENV{CC} || 'cc';
	my $headers = `pg_config --includedir-server`;

	chomp $headers;
	open my $out, '>', "$dir/counter.c" or die "$dir/counter.c: $!";
	print $out <<'C';
#include "postgres.h"
#include "fmgr.h"
#include <malloc.h>

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(bytes_in_use);
Datum
bytes_in_use(PG_FUNCTION_ARGS)
{
	struct mallinfo2 info = mallinfo2();

	PG_RETURN_INT64((int64) (info.uordblks + info.hblkhd));
}
C
	close $out or die "$dir/counter.c: $!";
	chmod 0755, $dir;
	return '0' if system("$cc -shared -fPIC -I'$headers' -o $dir/counter.so $dir/counter.c 2>$dir/log") != 0;
	$fixture->sql("CREATE FUNCTION bytes_in_use() RETURNS bigint LANGUAGE c AS '$dir/counter.so'");
	return 'bytes_in_use()';
}

$fixture->sql(<<'SQL');
CREATE SEQUENCE ended;
CREATE FUNCTION ends(statement text, times int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. times LOOP
		BEGIN
			EXECUTE statement;
		EXCEPTION WHEN query_canceled OR OTHERS THEN
			PERFORM nextval('ended');
		END;
	END LOOP;
END
$$;
CREATE TABLE parts (LIKE api.connections) PARTITION BY LIST (company_id);
SQL
foreach my $n (1 .. 3)
{
	$fixture->sql(sprintf q{CREATE FOREIGN TABLE part%d PARTITION OF parts FOR VALUES IN ('%s') SERVER api OPTIONS (resource 'connections')},
		$n, $fixture->company($n));
}
my $in_use = make_counter();
my $session = $fixture->session(start => 'SET client_min_messages = error');
my $pid = $session->pid;
my %statements = (
	'a scan' => 'SELECT max(attrs::text) FROM api.connections',
	'scans side by side' => 'SELECT max(attrs::text) FROM parts',
	'a count' => 'SELECT count(*) FROM api.connections WHERE company_id IN (SELECT id FROM api.companies)',
	'ANALYZE' => 'ANALYZE api.connections',
	'an act' => "SELECT nectar.confirm_accounts('$connection', true, 'api')",);
like($session->value('EXPLAIN (COSTS OFF) SELECT max(attrs::text) FROM parts'), qr/Async Foreign Scan/, 'scans run side by side');

sub ended { return $session->value('SELECT last_value FROM ended'); }

# Cancel statements that hang, again and again; a cancel between two of them
# ends the whole call, which is then made again.
sub cancel
{
	my ($statement, $count) = @_;
	my $goal = ended() + $count;
	my $left = $count;

	$sandbox->fault({ kind => 'hang', path => '/connection/*', times => 1000000 });
	while ($left > 0)
	{
		$session->send("SELECT ends(\$\$$statement\$\$, $left)");
		my $mark = qr/^end of $session->{count}\n/m;
		until ($session->{out} =~ $mark && $session->{err} =~ $mark)
		{
			sleep 0.002;
			kill 'INT', $pid;
			$session->{run}->pump_nb;
		}
		$session->finish;
		$left = $goal - ended();
	}
	$sandbox->control('POST', 'faults/clear', '');
	return;
}

# Let statements fail, in several ways.
sub fail_often
{
	my ($statement, $count) = @_;

	foreach my $fault ('status', 'malformed', 'reset', 'truncate', 'wrong_envelope')
	{
		$sandbox->fault({ kind => $fault, path => '/connection/*', times => 1000000, $fault eq 'status' ? (status => 500) : () });
		$session->value("SELECT ends(\$\$$statement\$\$, $count / 4)");
		$sandbox->control('POST', 'faults/clear', '');
	}
	return;
}

sub measure
{
	my %is;

	$session->value($statements{$_}) foreach sort keys %statements;
	$is{files} = $fixture->open_files($pid);
	$is{threads} = () = glob "/proc/$pid/task/*";
	$is{rss} = $fixture->process_kb($pid, 'VmRSS');
	@is{qw(contexts ours bytes malloc)} = split /\|/, $session->value(<<"SQL");
SELECT count(*), count(*) FILTER (WHERE name LIKE 'connection_fdw%'), sum(total_bytes), $in_use FROM pg_backend_memory_contexts
SQL
	return \%is;
}

# Once for what is kept on purpose, and again.
my $first = ended();
my ($before, $after);
foreach my $part (qw(before after))
{
	my $count = $part eq 'before' ? 40 : $times;

	$first = ended();
	foreach my $name (sort keys %statements)
	{
		cancel($statements{$name}, $count);
		fail_often($statements{$name}, $count);
	}
	$before = measure() if $part eq 'before';
	$after = measure() if $part eq 'after';
}
my $ended = ended() - $first;
cmp_ok($ended, '>=', 5 * $times * 1.8, "$ended statements ended, half of them by a cancel");
cmp_ok($after->{files}, '<=', $before->{files} + 10, 'no file more is open, but for TCP sessions that are kept');
is($after->{threads}, $before->{threads}, 'no thread more runs');
is($after->{ours}, $before->{ours}, 'no memory context of ours is left');
cmp_ok($after->{contexts}, '<=', $before->{contexts} + 2, 'nor any other');
cmp_ok($after->{bytes}, '<', $before->{bytes} + 200_000, 'contexts have not grown');
SKIP:
{
	skip 'no compiler', 1 if !$after->{malloc};
	cmp_ok($after->{malloc}, '<', $before->{malloc} + 300_000, 'nor has what malloc gave out');
}
cmp_ok($after->{rss}, '<', $before->{rss} + 3000, 'nor has the process');
diag "$_: $before->{$_}, then $after->{$_}" foreach sort keys %$after;
is($session->value('SELECT count(*) FROM api.connections'), 36, 'the session works');
is($session->value('SELECT pg_backend_pid()'), $pid, 'the same one');

$session->quit;
$fixture->stop;
done_testing();
