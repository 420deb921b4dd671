# Reads are tried again: when, how often, and until when.

use strict;
use warnings;

use Fixture;
use JSON::PP;
use Preload;
use Test::More;
use Time::HiRes qw(sleep time);

my $preload = Preload::library();
my $fixture;
{
	local $ENV{LD_PRELOAD} = $preload if $preload;
	$fixture = Fixture->new(sandbox => { companies => 2, connections => 36, accounts => 2 });
}
my $sandbox = $fixture->sandbox;
my $company = $fixture->company(1);
my @sessions = map { $fixture->session } 1 .. 4;
my $session = $sessions[0];

# EXPLAIN ANALYZE of a statement: the node that scans.
sub scan_of
{
	my ($asked, $statement) = @_;
	my ($rows, $messages) = $asked->both("EXPLAIN (ANALYZE, FORMAT JSON) $statement");
	return $rows eq '' ? { error => $messages } : decode_json($rows)->[0]{Plan};
}

# The server of the default options, and impatient ones.
$fixture->server('refused', base_url => 'http://127.0.0.1:9/v2.2');
$fixture->server('nameless', base_url => 'https://api.none.invalid/v2.2');
$fixture->server('stubborn', request_timeout => '1s', max_retries => 20, max_concurrency => 2, page_size => 3);
$fixture->server('patient', retry_max_delay => '20ms');

# ---- pauses ----

# Four sessions ask for an id each, fail thrice, and pause: longer each time,
# and not the same as the others.
my $id = 0;
foreach my $asking (@sessions)
{
	my $connection = $fixture->connection(++$id);
	$sandbox->fault({ kind => 'status', status => 503, times => 3, path => "/connection/$connection/details" });
	$asking->send("EXPLAIN (ANALYZE, FORMAT JSON) SELECT id FROM api.connections WHERE id = '$connection'");
}
is(join(' ', map { decode_json(($_->finish)[0])->[0]{Plan}{Retries} } @sessions), '3 3 3 3', 'EXPLAIN ANALYZE tells of retries');
my %times;
push @{ $times{ $_->{path} } }, $_->{at_us} / 1000 foreach $sandbox->requests;
my @pauses;
foreach my $times (values %times)
{
	my @gaps = map { $times->[$_] - $times->[ $_ - 1 ] } 1 .. $#$times;
	is(scalar(@gaps), 3, 'three more tries');
	is((grep { $gaps[$_] < 125 * 2**$_ } 0 .. 2), 0, 'a pause is at least half of what doubles');
	cmp_ok($gaps[2], '>', $gaps[0], 'pauses grow');
	push @pauses, $gaps[2];
	diag 'pauses, in ms: ' . join ' ', map { sprintf '%.0f', $_ } @gaps;
}
@pauses = sort { $a <=> $b } @pauses;
cmp_ok($pauses[-1] - $pauses[0], '>', 5, 'sessions do not pause alike');

# ---- causes ----

foreach my $fault (
	(map { { kind => 'status', status => $_ } } 429, 502, 503, 504),
	(map { { kind => $_ } } qw(reset read_close truncate)))
{
	$sandbox->reset;
	$sandbox->fault({ %$fault, times => 2, path => '/connection/company/*' });
	my $scan = scan_of($session, "SELECT id FROM patient.connections WHERE company_id = '$company'");
	my $what = $fault->{status} // $fault->{kind};
	is(join(' ', @$scan{ 'Actual Rows', 'Retries' }), '36 2', "$what: rows once, two retries");
}

# Nothing listens, then something does.
$sandbox->stop;
$session->send('EXPLAIN (ANALYZE, FORMAT JSON) SELECT id FROM api.companies');
sleep 0.2;
$sandbox->start;
my $scan = decode_json(($session->finish)[0])->[0]{Plan};
cmp_ok($scan->{Retries}, '>=', 1, 'a server that is not there yet is tried again');

# The error tells the last cause.
foreach my $last ([ { kind => 'status', status => 429 }, 'NC429' ], [ { kind => 'reset' }, '08006' ], [ { kind => 'html' }, 'NC001' ])
{
	$sandbox->reset;
	$sandbox->fault({ kind => 'status', status => 503, times => 1, path => '/company' });
	$sandbox->fault({ kind => 'truncate', times => 1, path => '/company' });
	$sandbox->fault({ %{ $last->[0] }, path => '/company' });
	my $tries = $last->[1] eq 'NC001' ? '' : '.*It was tried 5 times\.';
	like($session->error('SELECT count(*) FROM patient.companies'), qr/^ERROR:  $last->[1]:$tries/s, "the last cause is told, $last->[1]");
}

# ---- an end ----

# A server that is not there fails in seconds, with the options as they are.
my $began = time;
$sessions[0]->send('SELECT count(*) FROM refused.companies');
$sessions[1]->send('SELECT count(*) FROM nameless.companies');
like(($sessions[0]->finish)[1], qr/^ERROR:  08001:.*could not be reached.*It was tried 5 times/ms, 'nothing listens');
like(($sessions[1]->finish)[1], qr/^ERROR:  08001:.*could not be reached.*It was tried 5 times/ms, 'no such name') if $preload;
diag sprintf 'given up after %.1f s', time - $began;

# One page has bad luck for longer than request_timeout while others succeed:
# the statement goes on, whether that page is refused or not answered.
foreach my $bad ({ kind => 'status', status => 429, retry_after => '1', times => 2 }, { kind => 'hang', times => 1 })
{
	$sandbox->reset;
	$sandbox->control('POST', 'latency', '{"ms": 150}');
	$sandbox->fault({ %$bad, query => '*page=2' });
	$scan = scan_of($session, "SELECT id FROM stubborn.connections WHERE company_id = '$company'");
	is($scan->{'Actual Rows'}, 36, "a page that fails ($bad->{kind}) for long while others succeed") or diag $scan->{error};
	is($scan->{Retries}, $bad->{times}, 'is tried again');
}

$_->quit foreach @sessions;
$fixture->stop;
done_testing();
