# A streaming standby reads, and refuses whatever acts or hands out a link,
# before any request.

use strict;
use warnings;

use Fixture;
use PostgreSQL::Test::Cluster;
use Test::More;

my $fixture = Fixture->new(
	sandbox => { companies => 2, connections => 12, accounts => 2 },
	options => { page_size => 5 },
	conf => "wal_level = replica\nmax_wal_senders = 4\n");
my $sandbox = $fixture->sandbox;
my $primary = $fixture->node;
my $key = $sandbox->key;
my $company = $fixture->company(1);
my $connection = $fixture->connection(2);
my $account = $fixture->account(1);

$primary->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'copy', has_streaming => 1);
$standby->start;
my $session = Session->new($standby);

sub asked { return scalar(my @requests = $sandbox->requests); }

my @acts = (
	"nectar.confirm_accounts('$connection')", "nectar.confirm_accounts('$connection', false, 'api')",
	"nectar.bulk_confirm_accounts(ARRAY['$connection'::uuid])", "nectar.company_magic_link('$company')",
	"nectar.company_magic_link('$company', ARRAY['$connection'::uuid])", "nectar.connection_magic_link('$connection')",
	'nectar.reconnect_links()', "nectar.create_connection('$company', 'https://portal.example', 'user', 'x')",
	"nectar.update_connection('$connection', '2024-01-01')", "nectar.set_account_tracking('$account', true)",
	"nectar.bulk_set_account_tracking(ARRAY['$account'::uuid], true)", "nectar.invite_to_connect('$company')",
	"nectar.invite_to_reconnect('$connection')", "nectar.revoke_invitation('$connection')");

is($session->value('SELECT pg_is_in_recovery()'), 't', 'a standby');
is($session->value('SELECT count(*) FROM api.connections'), 24, 'counts');
is($session->value(
		"SELECT count(*) FROM api.connections c JOIN api.accounts a ON a.connection_id = c.id AND a.company_id = c.company_id WHERE c.company_id = '$company'"
	),
	$fixture->session->value("SELECT count(*) FROM api.accounts WHERE company_id = '$company'"),
	'joins');
is($session->value(
		"SELECT count(*) FROM (SELECT id FROM api.connections WHERE company_id = '$company' UNION ALL SELECT id FROM api.companies) u"), 14,
	'runs arms side by side');
is($session->value('SELECT server, ok FROM nectar.ping()'), 'api|t', 'pings');
is($session->value(q{SELECT nectar.needs_user_action('PASSWORD_INCORRECT'), count(*) FROM nectar.options()}) =~ /^t\|\d\d$/, 1,
	'and knows its facts');
$sandbox->clear_log;
foreach my $act (@acts)
{
	my ($name) = $act =~ /(nectar\.\w+)/;
	like($session->error("SELECT $act"), qr/^ERROR:  25006: cannot execute \Q$name\E\(\) during recovery/m, "refused: $act");
}
is(asked(), 0, 'and nothing was sent');
like($session->error('ANALYZE api.companies'), qr/^ERROR:  25006:/m, 'ANALYZE is for the primary: core says so');

# What the primary changes is new here at the next statement after it was replayed.
$fixture->sql("ALTER USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (SET api_key '$key+second'); CREATE TABLE mark ()");
$primary->wait_for_catchup($standby);
$sandbox->clear_log;
$session->value('SELECT count(*) FROM api.companies');
is(join(' ', map { $_->{headers}{'x-api-key'} } $sandbox->requests), 'second', 'a key that changed at the primary');
$session->value('BEGIN; SELECT count(*) FROM api.companies');
$fixture->sql("ALTER USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (SET api_key '$key+third'); DROP TABLE mark");
$primary->wait_for_catchup($standby);
$sandbox->clear_log;
$session->value(q{SELECT nectar.ping('api')});
is(join(' ', map { $_->{headers}{'x-api-key'} } $sandbox->requests), 'third', 'also within a transaction');
$session->value('COMMIT');

# A scan under way does not keep a standby from replaying what changes its table; it is canceled, or ends.
$sandbox->fault({ kind => 'hang', query => '*page=2*' });
$session->send('SELECT id FROM api.connections');
$fixture->wait_until('a request hangs', sub { grep { $_->{query} =~ /page=2/ } $sandbox->requests });
$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = 100ms\n");
$standby->reload;
$fixture->sql('ALTER FOREIGN TABLE api.connections DROP COLUMN url');
my ($rows, $messages) = $session->finish;
like($messages, qr/^ERROR:  40001: canceling statement due to conflict with recovery/m, 'a scan that stands in the way of replay is canceled');
$sandbox->reset;
$primary->wait_for_catchup($standby);
is($session->value('SELECT count(id) FROM api.connections'), 24, 'and the session goes on');

# Promoted, it acts.
$standby->promote;
$fixture->wait_until('the standby is promoted', sub { $session->value('SELECT pg_is_in_recovery()') eq 'f' });
$sandbox->clear_log;
ok($session->value("SELECT nectar.confirm_accounts('$connection') IS NOT NULL"), 'promoted, the same session acts');
is(scalar(grep { $_->{method} eq 'PATCH' } $sandbox->requests), 1, 'once');
like($session->error("SET default_transaction_read_only = on; SELECT nectar.confirm_accounts('$connection')"),
	qr/^ERROR:  25006: .*in a read-only transaction/m, 'but not where transactions are read-only');

$session->quit;
$standby->stop('immediate');
$fixture->stop;
done_testing();
