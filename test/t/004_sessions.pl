# Backends and their TCP sessions: what is kept, what is shared, and when a
# change of server or mapping takes effect.

use strict;
use warnings;

use Fixture;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep);

my $fixture = Fixture->new(
	sandbox => { companies => 4, connections => 30, accounts => 2 },
	options => { max_concurrency => 5 });
my $sandbox = $fixture->sandbox;
my ($one, $two) = map { $fixture->session } 1 .. 2;
my $company = $fixture->company(1);
my $small = "SELECT count(*) FROM api.connections WHERE company_id = '$company'";

sub stats { return decode_json($sandbox->control('GET', 'stats')); }
sub latency { return $sandbox->control('POST', 'latency', qq({"ms": $_[0]})); }

# Numbers of the TCP sessions in the sandbox's log.
sub tcp
{
	my %seen = map { $_->{tcp} => 1 } $sandbox->requests;
	return sort { $a <=> $b } keys %seen;
}

# One TCP session for statement after statement.
$one->value($small) for 1 .. 10;
is(stats()->{requests}, 10, 'ten statements, ten requests');
is(scalar(my @first = tcp()), 1, 'over one TCP session');

# Another backend has its own.
$sandbox->clear_log;
$one->value($small);
$two->value($small);
is(scalar(my @both = tcp()), 2, 'two backends, two TCP sessions');

# A window's worth of them, kept too; the second statement makes none.
$fixture->server('detailed', max_concurrency => 5, accounts_source => 'details');
my $wide = "SELECT count(*) FROM detailed.accounts WHERE company_id = '$company'";
latency(10);
$sandbox->clear_log;
$one->value($wide);
my %kept = map { $_ => 1 } tcp();
is(stats()->{requests}, 31, 'a listing and thirty lookups');
cmp_ok(scalar(keys %kept), '<=', 5, 'over at most max_concurrency TCP sessions');
is(stats()->{max_in_flight}, 5, 'with the whole window in use, and no more');
$sandbox->clear_log;
$one->value($wide);
is(stats()->{requests}, 31, 'the same again');
is(scalar(grep { !$kept{$_} } tcp()), 0, 'over TCP sessions that were there');

# The same over TLS.
$fixture->server('tls', base_url => $sandbox->https . '/v2.2', ca_file => $sandbox->ca, max_concurrency => 5);
$sandbox->clear_log;
$one->value("SELECT count(*) FROM tls.connections WHERE company_id = '$company'") for 1 .. 5;
is(scalar(my @tls = tcp()), 1, 'one TLS session for statement after statement');
is(scalar(grep { $_->{tls} eq 't' || $_->{tls} eq 'true' || $_->{tls} eq '1' } $sandbox->requests), 5, 'it is one');

# Never more than max_concurrency of a backend and server, whatever the scans.
latency(20);
foreach my $case (
	[ 'two scans in one statement', <<'SQL' ],
SELECT (SELECT count(*) FROM detailed.accounts), (SELECT count(*) FROM detailed.connections c JOIN detailed.sites s USING (company_id))
SQL
	[ 'an Append of four', <<"SQL" ],
SELECT count(*) FROM (@{[join ' UNION ALL ', map { "SELECT id FROM detailed.accounts WHERE company_id = '" . $fixture->company($_) . "'" } 1 .. 4]}) a
SQL
	[ 'a join', 'SELECT count(*) FROM detailed.connections c JOIN detailed.accounts a ON a.connection_id = c.id' ])
{
	my ($name, $sql) = @$case;

	$sandbox->clear_log;
	$one->value($sql);
	my $stats = stats();
	cmp_ok($stats->{requests}, '>', 20, "$name: enough requests to fill the window");
	is($stats->{max_in_flight}, 5, "$name: the window is filled and never exceeded");
}

# Each backend has a window of its own: together they have twice as much.
$sandbox->clear_log;
latency(50);
$one->send($wide);
$two->send($wide);
$one->finish;
$two->finish;
cmp_ok(stats()->{max_in_flight}, '>', 5, 'two backends at once have two windows');
cmp_ok(stats()->{max_in_flight}, '<=', 10, 'and no more');
latency(0);

# A rotated key takes effect at the next statement of a session that has used
# the old one, and no earlier.
my $key = $sandbox->key;
is($two->value($small), 30, 'a session has used the key');
$fixture->sql("ALTER USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (SET api_key 'rotated-away')");
like($two->error($small), qr/^ERROR:  NC401:.*^HINT:.*user mapping of/ms, 'the key was changed elsewhere: refused at once');
$fixture->sql("ALTER USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (SET api_key '$key')");
is($two->value($small), 30, 'and back: accepted at once');
$two->value("BEGIN; DECLARE c CURSOR FOR SELECT id FROM api.connections; FETCH 1 FROM c");
$fixture->sql("ALTER USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (SET api_key 'rotated-away')");
like($two->error($small), qr/NC401/, 'also within a transaction');
$two->value('ROLLBACK');
$fixture->sql("ALTER USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (SET api_key '$key')");

# A cursor that is open goes on with the key it began with.
$sandbox->clear_log;
$two->value("BEGIN; DECLARE c CURSOR FOR SELECT id FROM api.connections; FETCH 1 FROM c");
$fixture->sql("ALTER USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (SET api_key 'rotated-away')");
is(scalar(() = $two->value('FETCH ALL FROM c') =~ /^d/mg), 119, 'an open cursor is served to its end');
$two->value('COMMIT');
is(scalar(grep { $_->{key_ok} !~ /^(?:t|true|1)$/ } $sandbox->requests), 0, 'with the key it began with');
$fixture->sql("ALTER USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (SET api_key '$key')");

# Prepared statements see options change, too.
$two->value("PREPARE p AS SELECT count(id) FROM api.connections WHERE company_id = '$company'");
$two->value('EXECUTE p') for 1 .. 7;
$fixture->sql("ALTER SERVER api OPTIONS (ADD page_size '10')");
$sandbox->clear_log;
is($two->value('EXECUTE p'), 30, 'a prepared statement after its server was altered');
is(stats()->{requests}, 3, 'uses the new options');
$fixture->sql('ALTER SERVER api OPTIONS (DROP page_size)');

# A mapping or a server goes while another session has used it.
$two->value($small);
$fixture->sql('DROP USER MAPPING FOR CURRENT_USER SERVER api');
like($two->error($small), qr/^ERROR:  42704: user mapping not found/m, 'without its mapping a table is refused');
$fixture->sql("CREATE USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (api_key '$key')");
is($two->value($small), 30, 'and served again when there is one');
is($two->value('SELECT count(*) FROM tls.companies'), 4, 'a session has used a server');
$fixture->sql('DROP SERVER tls CASCADE; DROP SCHEMA tls');
like($two->error('SELECT count(*) FROM tls.companies'), qr/^ERROR:  42P01:/m, 'the server is dropped, and its tables');
is($two->value($small), 30, 'the session goes on');

# One that is dropped while a cursor reads from it.
$fixture->server('gone', page_size => 10);
$two->value("BEGIN; DECLARE c CURSOR FOR SELECT id FROM gone.connections; FETCH 1 FROM c");
my $dropper = $fixture->session(start => "SET lock_timeout = '300ms'");
like($dropper->error('DROP SERVER gone CASCADE'), qr/55P03/, 'a table in use holds its server');
is(scalar(() = $two->value('FETCH ALL FROM c') =~ /^d/mg), 119, 'the cursor reads to its end');
$two->value('COMMIT');
$dropper->value('DROP SERVER gone CASCADE');
is($two->value($small), 30, 'and the session goes on');

# A mapping that is dropped while a cursor is read.
$two->value("BEGIN; DECLARE c CURSOR FOR SELECT id FROM detailed.accounts; FETCH 1 FROM c");
$fixture->sql('DROP USER MAPPING FOR CURRENT_USER SERVER detailed');
my ($rows, $messages) = $two->both('FETCH ALL FROM c');
is($messages, '', 'an open cursor outlives its mapping');
$two->value('COMMIT');

$_->quit foreach $one, $two, $dropper;
$fixture->stop;
done_testing();
