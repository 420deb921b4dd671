# The server's log, at its most talkative: no key and no link is ever in it,
# and each act leaves one line, whatever becomes of its transaction.

use strict;
use warnings;

use Fixture;
use PostgreSQL::Test::Utils;
use Test::More;

my $key = 'key-Zm9vYmFyLXNlY3JldA-0123456789';
my $fixture = Fixture->new(
	sandbox => { companies => 2, connections => 12, accounts => 2, key => $key },
	options => { updatable => 'true' },
	conf => <<'CONF');
log_statement = none
log_min_duration_statement = -1
log_min_error_statement = panic
CONF
my $node = $fixture->node;
my $sandbox = $fixture->sandbox;
my $connection = $fixture->connection(2);
my $account = $fixture->account(4);
my $company = $fixture->company(1);

# From here on everything is logged; auto_explain, where there is one, logs
# every plan.
my $modules = -e $node->config_data('--pkglibdir') . '/auto_explain.so' ? 'auto_explain' : '';
$fixture->server('tls', base_url => $sandbox->https . '/v2.2', ca_file => $sandbox->ca);
$node->append_conf('postgresql.conf', <<"CONF");
log_min_messages = debug5
log_min_error_statement = error
debug_print_plan = on
log_error_verbosity = verbose
shared_preload_libraries = '$modules'
CONF
$node->append_conf('postgresql.conf', <<'CONF') if $modules;
auto_explain.log_min_duration = 0
auto_explain.log_analyze = on
auto_explain.log_verbose = on
auto_explain.log_nested_statements = on
auto_explain.log_level = log
CONF
$node->restart;
note $modules ? 'with auto_explain' : 'without auto_explain';

my $session = $fixture->session(start => 'SET client_min_messages = debug5');
my $role = $session->value('SELECT current_user');
my $said = '';
my @secrets = ($key, "X-API-Key");

# Run a statement; keep what it said to the client.
sub run
{
	my ($statement) = @_;
	my ($rows, $messages) = $session->both($statement);
	$said .= $messages;
	return ($rows, $messages);
}

my $place = -s $node->logfile;

# New lines of the log.
sub new_lines
{
	my $log = slurp_file($node->logfile, $place);
	$place += length $log;
	return $log;
}

sub acts { return grep { /connection_fdw act/ } split /\n/, new_lines(); }

# Reads, in every way, and their errors.
new_lines();
run($_) foreach (
	'SELECT count(*) FROM api.connections',
	'SELECT * FROM api.companies',
	'SELECT * FROM tls.connections',
	"SELECT * FROM api.accounts WHERE connection_id = '$connection'",
	'EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM api.connections c JOIN api.accounts a ON a.connection_id = c.id',
	q{SELECT * FROM nectar.ping('api')},
	'SELECT * FROM nectar.options()',
	'SELECT attrs FROM api.connections',
	"SELECT nectar.no_such_function('$connection')",);
foreach my $fault (
	{ kind => 'status', status => 401, body => qq({"detail": "key $key is not known"}), content_type => 'application/json' },
	{ kind => 'status', status => 403, body => qq({"detail": "$key"}), content_type => 'application/json' },
	{ kind => 'status', status => 500, body => $key },
	{ kind => 'status', status => 404, body => qq({"detail": "$key"}), content_type => 'application/json' },
	{ kind => 'redirect', location => "https://example.invalid/$key" },
	{ kind => 'html' },
	{ kind => 'truncate' },
	{ kind => 'malformed' },
	{ kind => 'reset' })
{
	$sandbox->fault($fault);
	my ($rows, $messages) = run('SELECT count(*) FROM api.companies');
	like($messages, qr/^ERROR:/m, "$fault->{kind}@{[$fault->{status} ? qq( $fault->{status}) : '']}: an error");
	run(q{SELECT * FROM nectar.ping('api')});
	$sandbox->control('POST', 'faults/clear', '');
}
is(scalar(my @none = acts()), 0, 'reads, errors and ping leave no line about acts');

# Acts: one line each, with role, server, target and outcome.
sub one_line
{
	my ($name, $statement, $act, $target, $outcome) = @_;

	run($statement);
	my @lines = acts();
	is(scalar @lines, 1, "$name: one line") or diag join "\n", @lines;
	my $line = $lines[0] // '';
	like($line, qr/LOG:/, "$name: at level LOG");
	like($line, qr/\b\Q$act\E/, "$name: the act");
	like($line, $target, "$name: its target");
	like($line, qr/server "api"/, "$name: the server");
	like($line, qr/role "\Q$role\E"/, "$name: the role");
	like($line, $outcome, "$name: its outcome");
	return;
}

one_line('confirm', "SELECT nectar.confirm_accounts('$connection', true, 'api')",
	'confirm_accounts', qr/$connection/, qr/200/);
one_line('reject', "SELECT nectar.confirm_accounts('$connection', false, 'api')",
	'confirm_accounts', qr/$connection/, qr/200/);
one_line('rolled back', "BEGIN; SELECT nectar.confirm_accounts('$connection', true, 'api'); ROLLBACK",
	'confirm_accounts', qr/$connection/, qr/200/);
one_line('an unknown connection', "SELECT nectar.confirm_accounts('00000000-0000-4000-8000-000000000000', true, 'api')",
	'confirm_accounts', qr/00000000-0000-4000-8000-000000000000/, qr/404/);

one_line('a new connection', "SELECT id FROM nectar.create_connection('$company', 'https://portal.example', 'user', 'x', server => 'api')",
	'create_connection', qr/company "$company"/, qr/200/);
one_line('settings', "SELECT nectar.update_connection('$connection', '2024-01-01', server => 'api')",
	'update_connection', qr/$connection/, qr/200/);
one_line('tracking', "SELECT nectar.set_account_tracking('$account', true, server => 'api')",
	'set_account_tracking(true)', qr/account "$account"/, qr/200/);

# The links that were handed out are secrets from here on.
sub link_line
{
	my ($name, $statement, @expected) = @_;
	my ($rows) = $session->both($statement);
	my @links = $rows =~ m{(https://[^|\s]+)}g;

	$said .= ($session->both('SELECT 1'))[1];
	cmp_ok(scalar @links, '>', 0, "$name: links come");
	push @secrets, map { $_, m{([^/]{8,})$} } @links;
	my @lines = acts();
	is(scalar @lines, 1, "$name: one line") or diag join "\n", @lines;
	like($lines[0] // '', $_, "$name: $_") foreach @expected;
	return;
}

link_line('company link', "SELECT nectar.company_magic_link('$company', NULL, 'api')",
	qr/company_magic_link/, qr/$company/, qr/200/);
link_line('connection link', "SELECT nectar.connection_magic_link('$connection', 'api')",
	qr/connection_magic_link/, qr/$connection/, qr/200/);
link_line('reconnect links', "SELECT * FROM nectar.reconnect_links(NULL, NULL, 'api')",
	qr/reconnect_links/, qr/\d+ links/);

link_line('invitation', "SELECT * FROM nectar.invite_to_connect('$company', ARRAY['zoe\@personal.example'], '1 day', server => 'api')",
	qr/invite_to_connect/, qr/company "$company"/, qr/200/);
link_line('invitation to reconnect', "SELECT * FROM nectar.invite_to_reconnect('$connection', server => 'api')",
	qr/invite_to_reconnect/, qr/connection "$connection"/, qr/200/);
one_line('a revoked invitation', "SELECT nectar.revoke_invitation('f0000000-0000-4000-8000-000000000001', 'api')",
	'revoke_invitation', qr/invitation "f0000000-0000-4000-8000-000000000001"/, qr/200/);

# In bulk: a line for each connection.
my @ids = map { $fixture->connection($_) } 2 .. 4;
run("SELECT * FROM nectar.bulk_confirm_accounts('{" . join(',', @ids) . "}', true, 'api')");
my @lines = acts();
is(scalar @lines, 3, 'three acts in bulk: three lines');
my @found = map { my $id = $_; grep { /$id/ } @lines } @ids;
is(scalar @found, 3, 'one for each connection');

# UPDATE: a line for each row; of what a failure or a cancel leaves unsent, none.
my $update = "UPDATE api.connections SET multiply_by_occupancy = true WHERE id IN (" . join(', ', map { "'$_'" } @ids) . ')';
run($update);
@lines = acts();
is(scalar @lines, 3, 'an update of three rows: three lines');
is(scalar(grep { /act UPDATE \{"multiplyByOccupancy":true\} on connection "d0000000-[-0-9a-f]+", server "api", role "\Q$role\E": HTTP status 200/ } @lines),
	3, 'with what was sent') or diag join "\n", @lines;
run("BEGIN; $update RETURNING id; ROLLBACK");
is(scalar(my @kept = acts()), 3, 'also when it is rolled back');
run("EXPLAIN (ANALYZE, VERBOSE) $update");
is(scalar(@kept = acts()), 3, 'also when it is explained');
$fixture->sql("ALTER SERVER api OPTIONS (ADD max_concurrency '1')");
$sandbox->fault({ kind => 'status', status => 409, method => 'PATCH', nth => 2 });
like((run($update))[1], qr/^ERROR:  NC409:.*^Found and not sent: 1\.$/ms, 'an update that fails');
is(scalar(@kept = acts()), 2, 'two rows were sent: two lines');
$sandbox->control('POST', 'faults/clear', '');
$sandbox->fault({ kind => 'hang', method => 'PATCH', nth => 2 });
$sandbox->clear_log;
$session->send($update);
$fixture->wait_until('the second act was sent', sub { 2 == grep { $_->{method} eq 'PATCH' } $sandbox->requests });
kill 'INT', $session->pid;
$said .= ($session->finish)[1];
is(join(' ', map { /: (HTTP status \d+|ended early, outcome unknown)$/ ? $1 : $_ } acts()),
	'HTTP status 200 ended early, outcome unknown', 'canceled: what was done, and what nobody knows');
$fixture->sql("ALTER SERVER api OPTIONS (DROP max_concurrency)");
$sandbox->reset;

# What became of an act may be unknown: the line says so.
foreach my $case (
	[ 'answer lost', { kind => 'read_close', method => 'PATCH' }, qr/^ERROR:  NC008:/m, qr/sent, no answer/ ],
	[ 'refused', { kind => 'status', status => 409, method => 'PATCH' }, qr/^ERROR:  NC409:/m, qr/409/ ],
	[ 'failed', { kind => 'status', status => 503, method => 'PATCH' }, qr/^ERROR:  NC500:/m, qr/503/ ])
{
	my ($name, $fault, $error, $outcome) = @$case;

	$sandbox->fault($fault);
	my ($rows, $messages) = run("SELECT nectar.confirm_accounts('$connection', true, 'api')");
	like($messages, $error, "$name: its error");
	my @lines = acts();
	is(scalar @lines, 1, "$name: one line");
	like($lines[0] // '', $outcome, "$name: its outcome");
	$sandbox->control('POST', 'faults/clear', '');
}
$sandbox->fault({ kind => 'hang', method => 'PATCH' });
$sandbox->clear_log;
$session->send("SELECT nectar.confirm_accounts('$connection', true, 'api')");
$fixture->wait_until('the act was sent', sub { grep { $_->{method} eq 'PATCH' && ($_->{status} // 0) == 0 } $sandbox->requests });
kill 'INT', $session->pid;
$said .= ($session->finish)[1];
@lines = acts();
is(scalar @lines, 1, 'canceled: one line');
like($lines[0] // '', qr/outcome unknown/, 'canceled: its outcome is not known');
$sandbox->reset;

# One that ends with its session is told all the same.
my $doomed = $fixture->session;
$sandbox->fault({ kind => 'hang', method => 'PATCH' });
$doomed->send("SELECT nectar.confirm_accounts('$connection', true, 'api')");
$fixture->wait_until('the act was sent', sub { grep { $_->{method} eq 'PATCH' && ($_->{status} // 0) == 0 } $sandbox->requests });
kill 'TERM', $doomed->pid;
$doomed->finish;
$fixture->wait_until('the session is gone', sub { !$fixture->is_running($doomed->pid) });
is(scalar(grep { /outcome unknown/ } acts()), 1, 'terminated: one line');
$sandbox->reset;

# What is refused before it is sent is no act.
$fixture->sql("ALTER SERVER api OPTIONS (ADD read_only 'true')");
new_lines();
like((run("SELECT nectar.confirm_accounts('$connection', true, 'api')"))[1], qr/^ERROR:  25006:/m, 'read_only refuses');
is(scalar(@none = acts()), 0, 'and no line is left');

# Nothing of a secret in what was said or logged, by any process.
push @secrets, map { decode($_) } grep { /%/ } @secrets;
sub decode { my ($text) = @_; $text =~ s/%([0-9a-f]{2})/chr hex $1/gei; return $text; }
my $log = slurp_file($node->logfile);
my %seen;
foreach my $secret (grep { !$seen{$_}++ } @secrets)
{
	my $name = $secret eq $key ? 'the key' : substr($secret, 0, 12) . '...';

	# The key was in the text of CREATE USER MAPPING, before the log was opened up.
	is(index($log, $secret), -1, "$name is not in the log");
	is(index($said, $secret), -1, "$name is not in a message");
}
cmp_ok(length $log, '>', 50_000, 'a talkative log');
like($log, qr/Remote Request/, 'with plans') if $modules;

$session->quit;
$fixture->stop;
done_testing();
