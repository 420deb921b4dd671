# What a statement asks of several companies and servers is under way at once:
# wall time against that of the slowest part, and against the least that
# latency and window permit.  Ratios only, best of a few runs.

use strict;
use warnings;

use Fixture;
use JSON::PP;
use POSIX qw(ceil);
use Test::More;

my $latency = 100;    # ms
my $tries = 8;

my $fixture = Fixture->new(
	sandbox => { companies => 4, connections => 20, accounts => 2 },
	options => { max_concurrency => 10 });
my $sandbox = $fixture->sandbox;
$fixture->server("server_$_", company_ids => $fixture->company($_)) for 1 .. 4;
$fixture->server('detailed', accounts_source => 'details', max_concurrency => 10, page_size => 7);
$fixture->server('looked_up', max_concurrency => 10, page_size => 7);
my $session = $fixture->session;
my $watcher = $fixture->session;

# One partition for each company.
$fixture->sql('CREATE TABLE parts (id uuid, company_id uuid, status nectar.connection_status) PARTITION BY LIST (company_id)');
foreach my $n (1 .. 4)
{
	my $id = $fixture->company($n);
	$fixture->sql("CREATE FOREIGN TABLE part_$n PARTITION OF parts FOR VALUES IN ('$id') SERVER api"
		  . " OPTIONS (resource 'connections', company_ids '$id')");
}

# Time of a statement in ms, as the server measures it.
sub ms
{
	my ($statement) = @_;
	my $plan = decode_json($session->value("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) $statement"));

	return $plan->[0]{'Execution Time'};
}

# The best of a few, or the first that is good enough.
sub best_ms
{
	my ($statement, $enough) = @_;
	my $best;

	$session->value($statement);
	for (1 .. $tries)
	{
		my $ms = ms($statement);
		$best = $ms if !defined $best || $ms < $best;
		last if $best < $enough;
	}
	return $best;
}

# Several parts in one Append take hardly longer than the slowest of them.
sub check_append
{
	my ($name, $whole, @parts) = @_;
	my ($slowest) = sort { $b <=> $a } map { best_ms($_, $latency * 1.02) } @parts;
	my $ms = best_ms($whole, $slowest * 1.1);

	cmp_ok($ms, '<', $slowest * 1.2, "$name: time against the slowest alone");
	cmp_ok($ms, '>=', $latency, "$name: which is no less than the latency");
	diag sprintf '%s: %.1f ms, the slowest alone %.1f ms: %.2f', $name, $ms, $slowest, $ms / $slowest;
	return;
}

# A statement's requests, and its time against the rounds of the window.
sub check_rounds
{
	my ($name, $statement, $requests, $rounds) = @_;

	$sandbox->clear_log;
	$session->value($statement);
	my $stats = decode_json($sandbox->control('GET', 'stats'));
	is($stats->{requests}, $requests, "$name: $requests requests");
	my $least = $rounds * $latency;
	my $ms = best_ms($statement, $least * 1.06);
	cmp_ok($ms, '<', $least * 1.25, "$name: time against $rounds times the latency");
	diag sprintf '%s: %.0f ms, %.3f of %d rounds of %d ms', $name, $ms, $ms / $least, $rounds, $latency;
	return $ms;
}

$sandbox->control('POST', 'latency', qq({"ms": $latency}));

my @companies = map { "WHERE company_id = '" . $fixture->company($_) . "'" } 1 .. 4;
my @scans = map { "SELECT id, status FROM api.connections $_" } @companies;
my @groups = map { "SELECT status, count(*) FROM api.connections $_ GROUP BY 1" } @companies;
my @totals = map { "SELECT count(*) FROM api.connections $_" } @companies;
my @servers = map { "SELECT id, status FROM server_$_.connections" } 1 .. 4;
my @mixed = ($scans[0], 'SELECT id, NULL FROM api.companies', 'SELECT id, NULL FROM server_2.sites', $servers[2]);
check_append('four companies', join(' UNION ALL ', @scans), @scans);
check_append('four groupings', join(' UNION ALL ', @groups), @groups);
check_append('four counts', join(' UNION ALL ', @totals), @totals);
check_append('four servers', join(' UNION ALL ', @servers), @servers);
check_append('four tables', join(' UNION ALL ', @mixed), @mixed);
check_append('four partitions', 'SELECT id FROM parts', map { "SELECT id FROM part_$_" } 1 .. 4);
check_append('four partitions, grouped and sorted', 'SELECT status, count(*) FROM parts GROUP BY 1 ORDER BY 2 DESC LIMIT 10',
	map { "SELECT status, count(*) FROM part_$_ GROUP BY 1" } 1 .. 4);

# Details in bulk, over pages and companies: the window is full to the end.
# After the list of companies and their first pages, all that is left is known
# or comes while details are on their way.
my $pages = 4 * ceil(20 / 7);
my $rounds = 2 + ceil(($pages - 4 + 80) / 10);
check_rounds('80 lookups of four companies', 'SELECT count(*), max(account_number) FROM detailed.accounts', 1 + $pages + 80, $rounds);
$sandbox->fault({ kind => 'no_accounts', path => '/connection/company/*', times => 100_000 });
check_rounds('80 lookups that listings without accounts ask for', 'SELECT count(*), max(account_number) FROM looked_up.accounts',
	1 + $pages + 80, $rounds);
$sandbox->control('POST', 'faults/clear', '');
$sandbox->clear_log;
$session->value('SELECT count(*), max(account_number) FROM looked_up.accounts');
my $proven = grep { $_->{path} =~ /details$/ } $sandbox->requests;
is($proven, 0, 'none where listings carry them, on every page');

# A LIMIT that is larger than a page knows how many pages it takes.
my $large = Sandbox->new(companies => 24, connections => 80, accounts => 1);
$fixture->server('paged', base_url => $large->http . '/v2.2', page_size => 2, max_concurrency => 10);
$fixture->server('whole', base_url => $large->http . '/v2.2', max_concurrency => 10);
$large->control('POST', 'latency', qq({"ms": $latency}));
$sandbox = $large;
my $forty = "SELECT id FROM paged.connections WHERE company_id = '" . $fixture->company(1) . "'";
check_rounds('40 pages', $forty, 40, 1 + ceil(39 / 10));
check_rounds('40 pages under a LIMIT of 10000', "$forty LIMIT 10000", 40, 1 + ceil(39 / 10));
check_rounds('16 pages under a LIMIT of 32', "$forty LIMIT 32", 16, 1 + ceil(15 / 10));

# Under a LIMIT over many small companies the window opens slowly, to be full
# in the end.
sub in_flight
{
	my ($statement) = @_;

	$large->clear_log;
	my $rows = () = $session->value($statement) =~ /^/mg;
	my @in_flight = map { $_->{in_flight} } grep { $_->{path} =~ m{^/connection/company/} } $large->requests;
	return ($rows, \@in_flight);
}

my ($rows, $in_flight) = in_flight("SELECT id FROM whole.connections WHERE country <> 'none' LIMIT 10");
is($rows, 10, 'LIMIT 10 over 24 companies');
cmp_ok(scalar @$in_flight, '<=', 2, 'asks few of them');
($rows, $in_flight) = in_flight("SELECT id FROM whole.connections WHERE country <> 'none' LIMIT 100000");
cmp_ok($rows, '>', 1500, 'a LIMIT beyond them');
is(scalar @$in_flight, 24, 'asks all');
is($in_flight->[0], 1, 'first one');
cmp_ok((sort { $b <=> $a } @$in_flight[ 1 .. 2 ])[0], '<=', 2, 'then two');
cmp_ok((sort { $b <=> $a } @$in_flight)[0], '>=', 8, 'many in the end');
diag 'in flight: ' . join ' ', @$in_flight;

# ANALYZE says how far it is.
$large->control('POST', 'latency', '{"ms": 20}');
my $pid = $session->pid;
my ($total, $done, @seen) = (0, 0);
$session->send('ANALYZE paged.connections');
$fixture->wait_until('ANALYZE reports',
	sub {
		my $line = $watcher->value('SELECT phase, sample_blks_total, sample_blks_scanned FROM pg_stat_progress_analyze'
			  . " WHERE pid = $pid AND relid = 'paged.connections'::regclass");
		(my $phase, $total, $done) = split /\|/, $line;
		push @seen, $done if ($phase // '') eq 'acquiring sample rows' && $done > 0;
		return @seen >= 3;
	});
cmp_ok($total, '>', $done, 'ANALYZE reports requests known of and answers read');
cmp_ok($done, '<=', 1 + 24 * 40, 'which are not more than there are');
$session->finish;
is($session->value("SELECT reltuples FROM pg_class WHERE oid = 'paged.connections'::regclass"), 1920, 'and counts all rows');

$session->quit;
$watcher->quit;
$large->stop;
$fixture->stop;
done_testing();
