# Webhooks on their way: made and sent by the sandbox over HTTP, taken in by a
# stand-in of PostgREST and by the gateway of docs, received once in whatever
# order and by whomever; with polling beside them; and signed and verified by
# the sender's own library.

use strict;
use warnings;

use Encode qw(encode_utf8);
use Fixture;
use IPC::Run;
use JSON::PP;
use MIME::Base64;
use Npm;
use Peer;
use PostgreSQL::Test::Utils;
use Test::More;

my ($secret, $other) = map { 'whsec_' . encode_base64($_ x 24, '') } qw(k r);
my $fixture = Fixture->new(sandbox => { companies => 2, connections => 12, accounts => 2 }, options => { max_retries => 0 });
my ($node, $sandbox) = ($fixture->node, $fixture->sandbox);
my $key = $sandbox->key;
my @connection = map { $fixture->connection($_) } 0 .. 24;

# As docs/webhooks.md has it; the owner polls as well.
$fixture->sql(<<"SQL");
CREATE ROLE hooks;
CREATE ROLE hook_gateway LOGIN;
GRANT USAGE ON FOREIGN SERVER api TO hooks;
CREATE USER MAPPING FOR hooks SERVER api OPTIONS (webhook_secret '$secret', api_key '$key');
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA nectar TO hooks;
CREATE SCHEMA hooks AUTHORIZATION hooks;
CREATE SCHEMA nectar_history AUTHORIZATION hooks;
SET ROLE hooks;
SELECT nectar.create_history();
CREATE FUNCTION hooks.receive(body text, svix_id text, svix_timestamp text, svix_signature text) RETURNS text
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS \$\$ SELECT nectar.receive_webhook(body, svix_id, svix_timestamp, svix_signature, 'api') \$\$;
CREATE FUNCTION hooks.nectar(json) RETURNS text
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS \$\$ SELECT nectar.receive_webhook(\$1::text) \$\$;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA hooks FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA hooks TO hook_gateway;
GRANT USAGE ON SCHEMA hooks TO hook_gateway;
SQL
my $owner = $fixture->session(start => 'SET ROLE hooks');
my $gateway = $fixture->session(user => 'hook_gateway');

# ---- tools ----

# A webhook, sent where "url" says; what the sandbox says of it.
sub webhook
{
	my (%spec) = @_;
	$spec{secret} //= $secret;
	return decode_json($sandbox->control('POST', 'webhook', encode_json(\%spec)));
}

# What each delivery was answered with: "200 applied: 1 changes, 200 duplicate".
sub answers
{
	my ($webhook) = @_;
	return join ', ', map { my $text = $_->{answer} // ''; $text =~ s/\A"|"?\s*\z//g; "$_->{status} $text" } @{ $webhook->{deliveries} };
}

# The call that a gateway makes.
sub call
{
	my ($webhook) = @_;
	my $body = encode_utf8($webhook->{body});
	return "SELECT hooks.receive(\$body\$$body\$body\$, '$webhook->{id}', '$webhook->{timestamp}', '$webhook->{signature}')";
}

sub received { return $gateway->value(call(webhook(@_))); }

# Times that lie a number of minutes after the sandbox's data.
sub minute { return sprintf '2031-01-01T%02d:%02d:00Z', int($_[0] / 60), $_[0] % 60; }

# The members of a connection that has a status since a minute.
sub since
{
	my ($minute, $status, %more) = @_;
	my $time = minute($minute);
	return { status => $status, statusFirstSeenTime => $time, statusLastUpdateTime => $time, updated => $time, %more };
}

sub state  { return $owner->value("SELECT status FROM nectar_history.connection_state WHERE id = '$_[0]'"); }
sub events { return $owner->value("SELECT string_agg(concat_ws(' ', source, coalesce(old_status, '-'), new_status), ', ' ORDER BY id) FROM nectar_history.status_event WHERE kind = 'connection' AND connection_id = '$_[0]'"); }
sub kept   { return $owner->value("SELECT count(*) FROM nectar_history.webhook_event"); }

# ---- PostgREST, as far as webhooks need it ----

# The function of one unnamed argument gets the body, request.headers the
# headers; errors have the statuses that PostgREST gives them.
sub status_of
{
	my ($sqlstate) = @_;
	return 503 if $sqlstate =~ /^(?:08|53)/;
	return 500 if $sqlstate =~ /^(?:25|40|55|57|58|F0|HV|P0|XX)/ && $sqlstate ne 'P0001';
	return $sqlstate eq '42501' ? 403 : 400;
}

my $troubles = 0;    # how many of a connection's requests find no database

sub rpc
{
	my ($socket, $request, $n, $peer) = @_;
	my ($head, $body) = $request =~ /^(.*?\r\n)\r\n(.*)$/s;
	my %headers = map { /^([^:]+): *(.*)$/ ? (lc $1 => $2) : () } split /\r\n/, $head;

	return Peer::answer('503 Service Unavailable', "no database\n") if scalar($peer->requests) <= $troubles;
	my $sql = "BEGIN;\nSELECT set_config('request.headers', \$h\$" . encode_json(\%headers) . "\$h\$, true) \\gset\n"
	  . "SELECT to_json(hooks.nectar(\$body\$$body\$body\$));\nCOMMIT;\n";
	my ($out, $err) = ('', '');
	local $SIG{CHLD} = 'DEFAULT';
	IPC::Run::run([ $node->installed_command('psql'), '-XAtq', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=sqlstate', '-d', $node->connstr('postgres') . ' user=hook_gateway', '-f', '-' ],
		'<', \$sql, '>', \$out, '2>', \$err);
	my ($sqlstate) = $err =~ /(?:ERROR|FATAL): +(\w{5})/;
	my $status = $err eq '' ? 200 : status_of($sqlstate // '08000');
	return Peer::answer("$status x", $status == 200 ? $out : $err);
}

my $rpc = Peer->new(\&rpc);
my $url = $rpc->http . '/rpc/nectar';

is($owner->value("SELECT changes FROM nectar.observe('api')") >= 0, 1, 'polled once');
is(answers(webhook(url => $url, connection => $connection[1], set => since(1, 'WEBSITE_DOWN'), old => { status => 'PENDING' }, duplicates => 2)),
	'200 applied: 1 changes, 200 duplicate, 200 duplicate', 'over HTTP: applied once, whatever is delivered again');
is(state($connection[1]), 'WEBSITE_DOWN', 'the history has it');
is(events($connection[1]), 'webhook PENDING WEBSITE_DOWN', 'and the change, once');
is($owner->value("SELECT concat_ws('|', event_type, connection_id, company_id, protected_changes, old, outcome, body ? 'connectionMagicLinkSecret', body ->> 'status') FROM nectar_history.webhook_event"),
	"connection.updated.v2|$connection[1]|" . $fixture->company(1) . '|{status}|{"status": "PENDING"}|applied: 1 changes|f|WEBSITE_DOWN', 'the event is kept, less secrets');
my $before = kept();
like(answers(webhook(url => $url, connection => $connection[1], set => since(2, 'CONNECTED'), secret => $other)), qr/^400 .*ERROR: +NC009/, 'a wrong signature is no 2xx');
like(answers(webhook(url => $url, connection => $connection[1], set => since(2, 'CONNECTED'), age => 400)), qr/^400 .*ERROR: +NC009/, 'nor an old one');
is(kept(), $before, 'and nothing is stored');
is(state($connection[1]), 'WEBSITE_DOWN', 'nor changed');

# ---- twice at once ----

my $second = $fixture->session(user => 'hook_gateway');
my $watcher = $fixture->session;
my $twice = webhook(connection => $connection[2], set => since(1, 'OTHER_ERROR'));
$gateway->value('BEGIN');
is($gateway->value(call($twice)), 'applied: 1 changes', 'one session receives it');
$second->send(call($twice));
$fixture->wait_waiting($watcher, $second->pid, 'Lock');
$gateway->value('COMMIT');
is(($second->finish)[0], 'duplicate', 'the other waits for it, and has nothing to do');
is(events($connection[2]) =~ tr/,//, 0, 'one event');
$twice = webhook(connection => $connection[2], set => since(2, 'CONNECTED'));
$gateway->value('BEGIN');
is($gateway->value(call($twice)), 'applied: 1 changes', 'again');
$second->send(call($twice));
$fixture->wait_waiting($watcher, $second->pid, 'Lock');
$gateway->value('ROLLBACK');
is(($second->finish)[0], 'applied: 1 changes', 'what is rolled back is done by the other');
is(state($connection[2]), 'CONNECTED', 'once');

# Two events of a connection at once: the time of the API decides, not who was first.
my ($newer, $older) = map { webhook(connection => $connection[10], set => since(@$_)) } [ 20, 'MFA_TOKEN_EXPIRED' ], [ 10, 'OTHER_ERROR' ];
$gateway->value('BEGIN');
is($gateway->value(call($newer)), 'applied: 1 changes', 'the newer of two events is being applied');
$second->send(call($older));
$fixture->wait_waiting($watcher, $second->pid, 'Lock');
$gateway->value('COMMIT');
is(($second->finish)[0], 'stale', 'the older one waits, and is late');
is(state($connection[10]), 'MFA_TOKEN_EXPIRED', 'the newer state stays');

# ---- what the gateway's role cannot do ----

foreach my $statement (
	"INSERT INTO nectar_history.status_event (kind) VALUES ('connection')", 'SELECT * FROM nectar_history.webhook_event', "DELETE FROM nectar_history.connection_state",
	"SELECT nectar.receive_webhook('{}', 'a', '1', 'v1,x', 'api')", "SELECT nectar.receive_webhook('{}')", "SELECT nectar.verify_webhook('{}', 'a', '1', 'v1,x', 'api')",
	"SELECT nectar.observe('api')", 'SET ROLE hooks', 'SELECT count(*) FROM api.connections')
{
	like($gateway->error($statement), qr/^ERROR:  42501:/m, "the gateway cannot: $statement");
}
is($gateway->value('SELECT count(umoptions) FROM pg_user_mappings'), 0, 'nor read the secret');

# ---- order ----

is(received(connection => $connection[3], set => since(30, 'MFA_TOKEN_EXPIRED')), 'applied: 1 changes', 'the later event comes first');
is(received(connection => $connection[3], set => since(10, 'NEW_PASSWORD_NEEDED')), 'stale', 'the earlier one is kept and not applied');
is(state($connection[3]), 'MFA_TOKEN_EXPIRED', 'the later state stays');
is(received(connection => $connection[3], set => since(30, 'MFA_TOKEN_EXPIRED')), 'unchanged', 'the same under another id changes nothing');
is(events($connection[3]) =~ tr/,//, 0, 'one event');
is($owner->value("SELECT string_agg(outcome, ', ' ORDER BY received_at) FROM nectar_history.webhook_event WHERE connection_id = '$connection[3]'"),
	'applied: 1 changes, stale, unchanged', 'all are kept');

# ---- polling beside webhooks ----

sub poll { return $owner->value("SELECT changes FROM nectar.observe('api')"); }
sub set_status { return $sandbox->control('POST', 'status', encode_json({ connection => $_[0], status => $_[1], at => $_[2] })); }
my $now = time;

poll();
set_status($connection[4], 'URL_INACCESSIBLE', $now);
is(received(connection => $connection[4]), 'applied: 1 changes', 'a change comes by webhook');
is(poll(), 0, 'polling finds it known');
set_status($connection[4], 'CONNECTED', $now + 60);
is(poll(), 1, 'another is found by polling');
is(received(connection => $connection[4]), 'unchanged', 'its webhook finds it known');
is($owner->value("SELECT count(*) FROM nectar_history.status_event WHERE connection_id = '$connection[4]' AND new_status IN ('URL_INACCESSIBLE', 'CONNECTED')"), 2, 'each was recorded once');

# A page that was read before a webhook's change does not undo it.
set_status($connection[5], 'OTHER_ERROR', $now);
poll();
my $late = webhook(connection => $connection[5], set => since(60, 'CONNECTED'));
$sandbox->control('POST', 'latency', '{"ms": 700}');
$owner->send("SELECT changes FROM nectar.observe('api')");
$fixture->wait_waiting($watcher, $owner->pid);
is($gateway->value(call($late)), 'applied: 1 changes', 'a webhook comes while polling reads');
is(($owner->finish)[0], 0, 'polling finds nothing newer');
$sandbox->control('POST', 'latency', '{"ms": 0}');
is(state($connection[5]), 'CONNECTED', 'and does not undo it');

# ---- rotation ----

is(received(connection => $connection[6], set => since(1, 'WEBSITE_DOWN'), secret => [ $other, $secret ]), 'applied: 1 changes', 'the sender signs with two secrets');
$fixture->sql("ALTER USER MAPPING FOR hooks SERVER api OPTIONS (SET webhook_secret '$secret, $other')");
is(received(connection => $connection[6], set => since(2, 'CONNECTED'), secret => $other), 'applied: 1 changes', 'the mapping has two, at once in every session');
$fixture->sql("ALTER USER MAPPING FOR hooks SERVER api OPTIONS (SET webhook_secret '$other')");
like($gateway->error(call(webhook(connection => $connection[6]))), qr/^ERROR:  NC009:/m, 'the old one no longer counts');
$fixture->sql("ALTER USER MAPPING FOR hooks SERVER api OPTIONS (SET webhook_secret '$secret')");

# ---- another encoding ----

$fixture->sql("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
my $latin = $fixture->session(database => 'latin', start => <<"SQL");
SET client_encoding = 'UTF8';
CREATE EXTENSION connection_fdw;
CREATE SERVER api FOREIGN DATA WRAPPER connection_fdw;
CREATE USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (webhook_secret '$secret');
SQL
my $accents = webhook(body => "{\"a\": \"\x{e9}t\x{e9} \x{df}\"}");
(my $verify = call($accents)) =~ s/hooks\.receive/nectar.verify_webhook/;
is($latin->value($verify), encode_utf8($accents->{body}), 'what is signed are the bytes of UTF-8, whatever the encoding of the database');

# ---- retries ----

$troubles = 2;
my $shaky = Peer->new(\&rpc);
is(answers(webhook(url => $shaky->http . '/rpc/nectar', connection => $connection[7], set => since(1, 'OTHER_ERROR'), retries => 5, duplicates => 1)),
	'503 no database, 503 no database, 200 applied: 1 changes, 200 duplicate', 'the sender tries again until it is taken');
is(events($connection[7]) =~ tr/,//, 0, 'which leaves one event');

# ---- the sender's library, and the gateway of docs ----

my $process;    # the gateway, which must not outlive the test
END { local $?; $process->kill_kill(grace => 1) if $process; }

my ($folder, $why) = Npm::packages();
SKIP:
{
	skip "no packages from npm: $why", 1 if !defined $folder;
	my @bodies = ('{}', JSON::PP->new->encode({ eventType => 'connection.updated.v2', id => $connection[8], %{ since(1, "Pass\x{f6}rter \x{30d1}") } }), '{"a": "' . 'x' x 100_000 . '"}', " {\n}\t");
	my @lines = map { +{ secret => $secret, id => 'msg_npm' . ++$now, timestamp => time, body => $_ } } @bodies;
	my $json = JSON::PP->new->utf8->canonical->allow_nonref;
	my @signatures = map { $json->decode($_) } split /\n/, Npm::node($folder, 'sign.js', join("\n", map { $json->encode($_) } @lines), 'sign');

	foreach my $i (0 .. $#lines)
	{
		my $signed = { %{ $lines[$i] }, signature => $signatures[$i] };
		my $length = length $bodies[$i];
		isnt($gateway->value(call($signed)), '', "what the sender's library signs is verified: $length bytes");
		is(webhook(map { $_ => $signed->{$_} } qw(secret id timestamp body))->{signature}, $signatures[$i], 'and the sandbox signs the same');
	}
	my @made = map { +{ %{ webhook(connection => $_) }, secret => $secret } } @connection[ 8 .. 12 ];
	is(Npm::node($folder, 'sign.js', join("\n", map { $json->encode($_) } @made), 'verify'), "true\n" x 5, "what the sandbox signs, the sender's library verifies");
	$_->{body} .= ' ' foreach @made;
	is(Npm::node($folder, 'sign.js', join("\n", map { $json->encode($_) } @made), 'verify'), "false\n" x 5, 'and not a byte more');

	# the gateway, on a port of its own
	local %ENV = (%ENV, PORT => 0, PGHOST => $node->host, PGPORT => $node->port, PGUSER => 'hook_gateway', PGDATABASE => 'postgres');
	my ($out, $err) = ('', '');
	$process = IPC::Run::start([ 'node', Npm::copy_in($folder, 'webhook-gateway.js') ], '<', \undef, '>', \$out, '2>', \$err, my $timer = IPC::Run::timeout(120));
	$process->pump until $out =~ /listening on (\d+)/ || !$process->pumpable;
	my ($port) = $out =~ /listening on (\d+)/ or die "gateway: $err";
	$url = "http://127.0.0.1:$port/nectar";

	is(answers(webhook(url => $url, connection => $connection[8], set => since(5, 'OTHER_ERROR'), duplicates => 1)), '200 applied: 1 changes, 200 duplicate', 'the gateway: applied once');
	is(state($connection[8]), 'OTHER_ERROR', 'the history has it');
	like(answers(webhook(url => $url, connection => $connection[8], secret => $other)), qr/^401 /, 'a wrong signature: 401');
	like(answers(webhook(url => $url, connection => $connection[8], age => 400)), qr/^401 /, 'an old one: 401');
	like(answers(webhook(url => $url, body => '{"a": 1')), qr/^400 /, 'no JSON: 400');
	like(answers(webhook(url => $url, body => "{\"a\": \"\x{0}\"}")), qr/^400 /, 'a NUL: 400');
	like(answers(webhook(url => $url, body => ' ' x 5_000_000)), qr/^(?:413|0) /, 'too large: 413, or the end');
	is(answers(webhook(url => $url, body => '{"text": "\u00fc \"\\\\ $1 \'; DROP SCHEMA hooks;"}')), '200 kept', 'what looks like SQL is data');
	my $again = webhook(connection => $connection[9], set => since(1, 'OTHER_ERROR'));
	my %same = (map { $_ => $again->{$_} } qw(id timestamp body));
	$_->quit foreach $owner, $gateway, $second, $watcher, $latin;
	$node->stop('immediate');
	like(answers(webhook(url => $url, %same)), qr/^500 try again later/, 'no database: 500');
	$node->start;
	is(answers(webhook(url => $url, %same)), '200 applied: 1 changes', 'and later it is taken');
	is(answers(webhook(url => $url, %same)), '200 duplicate', 'once');
	unlike($out . $err, qr/whsec_|Magic/, 'the gateway says no secret');
}
done_testing();
