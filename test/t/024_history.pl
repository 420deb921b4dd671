# Histories with several sessions at once: passes side by side, what was
# written while a page was read, failures half way, notifications, roles,
# dump and restore without the extension, and how little a pass writes.

use strict;
use warnings;

use Fixture;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $connections = 200;
my $fixture = Fixture->new(
	conf    => "wal_level = replica\nfull_page_writes = off\n",
	sandbox => { companies => 3, connections => $connections, accounts => 3 });
my $sandbox = $fixture->sandbox;
my $node = $fixture->node;
my ($first, $second) = map { $fixture->company($_) } 1, 2;
$fixture->sql('SELECT nectar.create_history()');
my $session = $fixture->session;
my $other = $fixture->session;
my $watcher = $fixture->session;

sub connection { return $fixture->connection($_[0]); }

# Make a connection have a status, from now on.
sub becomes
{
	my ($n, $status) = @_;
	$sandbox->control('POST', 'status', encode_json({ connection => connection($n), status => $status }));
	return;
}

sub delay_listing
{
	my ($company, $ms) = @_;
	$sandbox->fault({ kind => 'delay', delay_ms => $ms, path => "/connection/company/$company", times => 1 });
	return;
}

sub events { return $watcher->value('SELECT count(*) FROM nectar_history.status_event'); }

sub status_of
{
	my ($n) = @_;
	return $watcher->value("SELECT status FROM nectar_history.connection_state WHERE server = 'api' AND id = '" . connection($n) . q{'});
}

# Wait until a listing has been answered.
sub wait_answered
{
	my ($company) = @_;
	$fixture->wait_until("listing of $company", sub { grep { $_->{path} eq "/connection/company/$company" && $_->{status} == 200 } $sandbox->requests });
	return;
}

# What a session that listens was told: a list of payloads.
sub notifications
{
	my ($listener) = @_;
	return map { decode_json($_) } $listener->value('SELECT 1') =~ /with payload "(.*)" received from/g;
}

my $observe = q{SELECT * FROM nectar.observe('api')};

# How much is written.
my $start = $session->value('SELECT pg_current_wal_lsn()');
like($session->value($observe), qr/^600\|\d+\|0\|0\|4$/, 'a first pass');
my $middle = $session->value('SELECT pg_current_wal_lsn()');
like($session->value($observe), qr/^600\|\d+\|0\|0\|4$/, 'another');
my ($much, $little) = split /\|/, $session->value("SELECT '$middle'::pg_lsn - '$start'::pg_lsn, pg_current_wal_lsn() - '$middle'::pg_lsn");
cmp_ok($little, '<', $much / 10, 'a pass that finds nothing new writes next to nothing');

# Two at once: one record of each change.
becomes(2, 'PASSWORD_INCORRECT');
delay_listing($second, 1500);
$session->send($observe);
$fixture->wait_waiting($watcher, $session->pid);
my ($row, $notice) = $other->both(q{SELECT *, 'returned' FROM nectar.observe('api', wait => false)});
is($row, '|||||returned', 'with wait false, a second pass returns at once and with nothing');
like($notice, qr/^NOTICE: .*server "api" is being observed already/m, 'and says why');
is($watcher->value('SELECT state FROM pg_stat_activity WHERE pid = ' . $session->pid), 'active', 'while the first goes on');
$other->send($observe);
$fixture->wait_waiting($watcher, $other->pid, 'Lock');
$sandbox->clear_log;
like(($session->finish)[0], qr/^600\|\d+\|1\|0\|4$/, 'the first finds the change');
like(($other->finish)[0], qr/^600\|\d+\|0\|0\|4$/, 'one that waited finds none');
is(events(), 1, 'there is one event');

# Another server is another matter.
$fixture->server('api2');
$fixture->sql(q{GRANT USAGE ON FOREIGN SERVER api2 TO PUBLIC});
delay_listing($second, 1500);
$session->send($observe);
$fixture->wait_waiting($watcher, $session->pid);
like($other->value(q{SELECT * FROM nectar.observe('api2', wait => false)}), qr/^600\|/, 'another server is observed meanwhile');
$session->finish;

# As receive_webhook does: what is known of one connection is merged.
sub merge_as_webhook
{
	my ($n, $what) = @_;
	my $id = connection($n);

	return $other->value(<<"SQL");
BEGIN;
SELECT nectar.history_staging();
INSERT INTO pg_temp.nectar_connection_read
	SELECT (r.connection).* FROM nectar.read_listings('api', '$first') r WHERE (r.connection).id = '$id';
INSERT INTO pg_temp.nectar_account_read
	SELECT (r.account).* FROM nectar.read_listings('api', '$first') r WHERE (r.account).connection_id = '$id';
SELECT changes FROM nectar.history_merge('nectar_history', 'api', 'webhook', clock_timestamp());
COMMIT
SQL
}

# A page is read; then its connection changes, and an account whose remote
# times stand still; webhooks tell of both; then the pass merges its older page.
my $account = $watcher->value(
	"SELECT min(id::text) FROM nectar_history.account_state WHERE server = 'api' AND tracking_status = 'UNSET' AND connection_id = '" . connection(2) . q{'});
$watcher->value("SELECT nectar.set_account_tracking('$account', false, server => 'api')");
my $before = events();
$sandbox->clear_log;
delay_listing($second, 2500);
$session->send($observe);
wait_answered($first);
becomes(4, 'CONNECTED');
$watcher->value("SELECT nectar.set_account_tracking('$account', true, server => 'api')");
like(merge_as_webhook(4), qr/^1$/m, 'a webhook writes a status while a pass reads');
like(merge_as_webhook(2), qr/^1$/m, 'and another a tracking status');
like(($session->finish)[0], qr/^600\|\d+\|0\|0\|4$/, 'the pass, which read an older page, changes nothing');
is(status_of(4), 'CONNECTED', 'the newer status stays');
is($watcher->value("SELECT string_agg(DISTINCT source, ',') FROM nectar_history.status_event WHERE id > $before"), 'webhook',
	'and the change is recorded once, by the webhook');
is($watcher->value("SELECT tracking_status FROM nectar_history.account_state WHERE server = 'api' AND id = '$account'"), 'ENABLED',
	'so does a tracking status without a newer remote time');
like($session->value($observe), qr/^600\|\d+\|0\|0\|4$/, 'the next pass agrees');

# A connection of which a webhook told during the pass is not taken for gone.
delay_listing($second, 2500);
$sandbox->clear_log;
$session->send($observe);
wait_answered($first);
$watcher->value("SELECT nectar.create_connection('$first', 'https://x.example', 'u', 'p', server => 'api')");
like(merge_as_webhook(3 * $connections + 1), qr/^1$/m, 'a webhook tells of a new connection while a pass reads');
like(($session->finish)[0], qr/^600\|\d+\|0\|0\|4$/, 'the pass did not see it');
is(status_of(3 * $connections + 1), 'PENDING', 'it is there');
is($watcher->value('SELECT count(*) FROM nectar_history.connection_state WHERE gone_at IS NOT NULL'), 0, 'and has not gone');
like($session->value($observe), qr/^601\|\d+\|0\|0\|4$/, 'the next pass sees it');

# The API ends half way; a pass is cancelled: nothing is written, the next catches up.
becomes(6, 'CONNECTED');
$sandbox->fault({ kind => 'hang', path => "/connection/company/$second" });
$session->send($observe);
$fixture->wait_waiting($watcher, $session->pid);
$watcher->value('SELECT pg_cancel_backend(' . $session->pid . ')');
like(($session->finish)[1], qr/^ERROR:  57014:/m, 'a pass is cancelled');
$session->send($observe);
$fixture->wait_waiting($watcher, $session->pid);
$sandbox->stop('KILL');
like(($session->finish)[1], qr/^ERROR:  080/m, 'the API ends during a pass');
is(status_of(6), 'NEW_PASSWORD_NEEDED', 'neither left anything');
is($watcher->value(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}), 0, 'nor a lock');
$sandbox->start;
$session->value(q{UPDATE nectar_history.connection_state SET last_seen = last_seen - interval '2 days'});
$session->value(q{UPDATE nectar_history.account_state SET last_seen = last_seen - interval '2 days'});
like($session->value($observe), qr/^600\|\d+\|\d+\|1\|4$/, 'the next pass finds what the sandbox, started anew, has');
becomes(6, 'CONNECTED');

# An old snapshot cannot be merged over what others wrote.
$other->value('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM nectar_history.connection_state');
like($session->value($observe), qr/\|1\|0\|4$/, 'a change is recorded');
like($other->error($observe), qr/^ERROR:  40001:/m, 'a transaction that saw only what was before is refused');
$other->value('ROLLBACK');
like($other->value("BEGIN ISOLATION LEVEL REPEATABLE READ; $observe; COMMIT"), qr/\|0\|0\|4$/, 'one that begins now is not');

# Notifications: in bunches, each below the limit; of very many only the number.
my $listener = $fixture->session;
$listener->value('LISTEN nectar_status');
becomes($_ * 12 + 2, 'PASSWORD_INCORRECT') foreach 0 .. 15;
becomes($_ * 12 + 4, 'CONNECTED') foreach 1 .. 15;
$session->value('BEGIN');
like($session->value($observe), qr/\|31\|0\|4$/, '31 changes');
is_deeply([ notifications($listener) ], [], 'nobody is told before they are committed');
$session->value('COMMIT');
my @told = notifications($listener);
cmp_ok(scalar @told, '>', 1, 'they do not fit into one notification');
is(scalar(map { @$_ } @told), 31, 'all are told');
is_deeply(
	(grep { $_->{connection_id} eq connection(2) } map { @$_ } @told)[0],
	{   server => 'api', kind => 'connection', change => 'status', connection_id => connection(2), account_id => undef,
		company_id => $first, old => 'CONNECTED', new => 'PASSWORD_INCORRECT' },
	'each with its ids and statuses');
$session->value($observe);
is_deeply([ notifications($listener) ], [], 'no change, no notification');
$sandbox->fault({ kind => 'unknown_label', label => "\x01\"\xe2\x82\xac" x 3000, at => 1, accounts => JSON::PP::true, times => 1,
		path => "/connection/company/$first" });
like($session->value($observe), qr/\|[12]\|0\|4$/, 'a label of any length is recorded');
@told = notifications($listener);
is(length($told[0][0]{new}), 100, 'and told, cut');
$session->value($observe);
notifications($listener);
$sandbox->fault({ kind => 'body', path => '/company', body => encode_json([ { id => $first, name => 'Acme' } ]), times => 1 });
like($session->value($observe), qr/^200\|\d+\|0\|\d{4}\|2$/, 'two companies go');
my $gone = $watcher->value(q{SELECT count(*) FROM nectar_history.status_event WHERE change = 'gone' AND observed_at = (SELECT max(observed_at) FROM nectar_history.status_event)});
is_deeply([ notifications($listener) ], [ { server => 'api', changes => $gone } ], 'of more than a thousand changes the number is told');
$session->value($observe);
$listener->quit;

# Roles: who fills a history needs no more than this, who reads it less.
$fixture->sql(<<"SQL");
CREATE ROLE operator LOGIN;
CREATE ROLE reader LOGIN;
REVOKE TEMPORARY ON DATABASE postgres FROM PUBLIC;
GRANT USAGE ON FOREIGN SERVER api TO operator;
CREATE USER MAPPING FOR operator SERVER api OPTIONS (api_key '@{[$sandbox->key]}');
GRANT USAGE ON SCHEMA nectar_history TO operator, reader;
GRANT SELECT ON ALL TABLES IN SCHEMA nectar_history TO operator, reader;
GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA nectar_history TO operator;
SQL
my ($operator, $reader) = map { $fixture->session(user => $_) } qw(operator reader);
like($operator->error($observe), qr/^ERROR:  42501: permission denied to create temporary tables/m, 'a pass takes TEMPORARY on the database');
$fixture->sql('GRANT TEMPORARY ON DATABASE postgres TO operator');
becomes(2, 'CONNECTED');
like($operator->value('SELECT * FROM nectar.observe()'), qr/\|1\|0\|4$/, 'and the rights that the documentation names');
like($operator->value(q{SELECT nectar.forget(now() - interval '1 year')}), qr/^0$/, 'which suffice to forget');
cmp_ok($reader->value('SELECT count(*) FROM nectar_history.attention'), '>', 0, 'a reader reads');
like($reader->error('SELECT nectar.forget(now())'), qr/^ERROR:  42501:/m, 'and forgets nothing');
like($reader->error('SELECT * FROM nectar.observe(\'api\')'), qr/^ERROR:  42501:/m, 'nor observes');
$_->quit foreach $operator, $reader;

# It dumps and restores where the extension is not, and goes on where it is.
my $dump = PostgreSQL::Test::Utils::tempdir() . '/history.sql';
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-n', 'nectar_history', '-f', $dump ], 'it is dumped');
$fixture->sql('CREATE DATABASE elsewhere');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('elsewhere'), '-f', $dump ], 'and restored without the extension');
my $sums = q{SELECT (SELECT count(*) FROM nectar_history.connection_state), (SELECT count(*) FROM nectar_history.account_state),
	(SELECT count(*) FROM nectar_history.status_event), (SELECT count(*) FROM nectar_history.attention),
	(SELECT count(*) FROM nectar_history.connection_timeline), (SELECT sum(episodes) FROM nectar_history.resolution_times),
	(SELECT sum(connections) FROM nectar_history.health_daily)};
is($node->safe_psql('elsewhere', $sums), $watcher->value($sums), 'with all its rows and views');
$node->safe_psql('elsewhere', 'CREATE EXTENSION connection_fdw;' . $sandbox->server_sql('api') . 'SELECT nectar.create_history()');
becomes(2, 'MFA_TOKEN_EXPIRED');
like($node->safe_psql('elsewhere', $observe), qr/\|1\|0\|4$/, 'there it goes on');
is($node->safe_psql('elsewhere', q{SELECT max(id) - (SELECT max(id) FROM nectar_history.status_event WHERE id < (SELECT max(id) FROM nectar_history.status_event)) > 0 FROM nectar_history.status_event}), 't', 'after the last event');
$fixture->sql('DROP EXTENSION connection_fdw CASCADE');
like($watcher->value($sums), qr/^\d+\|/, 'without the extension it can be read');

$_->quit foreach $session, $other, $watcher;
$fixture->stop;
done_testing();
