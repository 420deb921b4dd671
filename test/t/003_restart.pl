# The server comes and goes between the requests of one session, and a cursor
# rests for longer than any timeout: what can be asked again is asked again,
# in silence, and what cannot is an error.

use strict;
use warnings;

use Fixture;
use Test::More;
use Time::HiRes qw(sleep time);

my $fixture = Fixture->new(
	sandbox => { companies => 2, connections => 360, accounts => 1 },
	options => { page_size => 100, max_retries => 1, retry_max_delay => '100ms' });
my $sandbox = $fixture->sandbox;
my $session = $fixture->session;
my $company = $fixture->company(1);
my $query = "SELECT id FROM api.connections WHERE company_id = '$company'";
my $count = "SELECT count(*), count(DISTINCT id) FROM ($query) q";

sub rows { return scalar(my @rows = split /\n/, $_[0]); }

sub tcp
{
	my %seen = map { $_->{tcp} => 1 } $sandbox->requests;
	return scalar keys %seen;
}

# Between statements: the kept TCP sessions are dead and nobody has told us.
is($session->value($count), '360|360', 'rows before a restart');
$sandbox->restart;
my ($rows, $messages) = $session->both($count);
is($rows, '360|360', 'rows after a restart');
is($messages, '', 'without a word');
is(scalar(my @asked = $sandbox->requests), 4, 'each page was asked once');
for my $round (1 .. 3)
{
	$sandbox->restart;
	is($session->value($count), '360|360', "rows after restart $round in a row");
}

# An act goes out on a TCP session of its own: the restart cannot make it ambiguous.
my $connection = $fixture->connection(2);
$sandbox->restart;
$session->value("SELECT nectar.confirm_accounts('$connection', true, 'api')");
is(scalar(grep { $_->{method} eq 'PATCH' } $sandbox->requests), 1, 'an act after a restart is sent once');

# In the middle of a cursor, at rest.
$session->value("BEGIN; DECLARE c CURSOR FOR $query");
is(rows($session->value('FETCH 30 FROM c')), 30, 'a cursor begins');
$sandbox->restart;
is(rows($session->value('FETCH ALL FROM c')), 330, 'and goes on after a restart');
$session->value('COMMIT');

# Gone, and back.
$sandbox->stop;
my $error = $session->error($count);
like($error, qr/^ERROR:  08001: could not read foreign table "connections" from server "api"/m,
	'a server that is gone is an error');
like($error, qr/^CONTEXT:.*GET \/connection\/company\/$company/m, 'which names the request');
$error = $session->value("SELECT ok, http_status IS NULL, detail LIKE 'The server could not be reached%' FROM nectar.ping('api')");
is($error, 'f|t|t', 'and what ping reports');
$sandbox->start;
is($session->value($count), '360|360', 'back again, it serves the same session');

# Gone in the middle of a cursor: the rows that came stay, the next page is an error.
$sandbox->fault({ kind => 'hang', query => '*page=3*' });
$session->value("BEGIN; DECLARE c CURSOR FOR $query");
is(rows($session->value('FETCH 100 FROM c')), 100, 'a cursor reads its first page');
$session->value('SAVEPOINT before');
$sandbox->stop('KILL');
like($session->error('FETCH ALL FROM c'), qr/^ERROR:  08/m, 'what is missing is an error');
$sandbox->start;
$session->value('ROLLBACK');
is($session->value($count), '360|360', 'the session goes on');

# Time in which nobody pumps does not count.  The server answers within the
# timeout, but the cursor rests for longer; then also for longer than the
# server keeps an idle TCP session.
$fixture->server('brief', page_size => 100, max_concurrency => 2, connect_timeout => '1s', request_timeout => '1s');
(my $brief = $query) =~ s/api\./brief./;
foreach my $rest (
	[ 'with requests on their way', sub { } ],
	[ 'while the server restarts', sub { $sandbox->restart; $sandbox->control('POST', 'latency', '{"ms": 50}'); } ],
	[   'while the server closes idle TCP sessions',
		sub { $sandbox->reset; $sandbox->control('POST', 'latency', '{"ms": 50}'); } ])
{
	my ($name, $meanwhile) = @$rest;

	$sandbox->reset;
	$sandbox->control('POST', 'latency', '{"ms": 50}');
	$session->value("BEGIN; DECLARE c CURSOR FOR $brief");
	is(rows($session->value('FETCH 120 FROM c')), 120, "$name: a cursor begins");
	$meanwhile->();
	sleep 2.5;
	my ($rows, $messages) = $session->both('FETCH ALL FROM c');
	is(rows($rows), 240, "$name: after a rest longer than request_timeout the rest comes");
	is($messages, '', "$name: without a word");
	$session->value('COMMIT');
}

# A request that was on its way when the rest began, and whose answer came
# late: it is asked again.
$sandbox->reset;
$sandbox->fault({ kind => 'delay', delay_ms => 1500, query => '*page=[34]*', times => 2 });
$session->value("BEGIN; DECLARE c CURSOR FOR $brief");
is(rows($session->value('FETCH 190 FROM c')), 190, 'a cursor whose next pages are slow');
sleep 2.5;
($rows, $messages) = $session->both('FETCH ALL FROM c');
is(rows($rows), 170, 'they come');
is($messages, '', 'without a word');
$session->value('COMMIT');

# A short rest is one as well, where the timeout is shorter still.
$session->value(q{ALTER SERVER brief OPTIONS (SET request_timeout '300ms')});
$sandbox->reset;
$sandbox->control('POST', 'latency', '{"ms": 50}');
$session->value("BEGIN; DECLARE c CURSOR FOR $brief");
is(rows($session->value('FETCH 190 FROM c')), 190, 'a cursor with a timeout below a second');
sleep 0.8;
($rows, $messages) = $session->both('FETCH ALL FROM c');
is(rows($rows), 170, 'rests for less than a second, and goes on');
is($messages, '', 'without a word');
$session->value('ROLLBACK');

# Without a rest the timeout counts.
$sandbox->reset;
$sandbox->fault({ kind => 'hang', query => '*page=[34]*' });
$session->value("ALTER SERVER brief OPTIONS (max_retries '0')");
$session->value("BEGIN; DECLARE c CURSOR FOR $brief");
like($session->error('FETCH ALL FROM c'), qr/^ERROR:  NC408:/m, 'a server that hangs is a timeout');
$session->value('ROLLBACK');
$sandbox->reset;

# A cursor WITH HOLD needs nobody after its transaction.
$session->value("BEGIN; DECLARE h CURSOR WITH HOLD FOR $query; COMMIT");
$sandbox->stop;
is(rows($session->value('FETCH ALL FROM h')), 360, 'a cursor WITH HOLD has been read at COMMIT');
$session->value('CLOSE h');
$sandbox->start;

$session->quit;
$fixture->stop;
done_testing();
