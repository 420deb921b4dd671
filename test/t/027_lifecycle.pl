# The life of an error, end to end, with the SQL of the documentation: a
# login's password becomes wrong, the change is seen (by webhook at one
# connection, by polling at another), its user is given a link, mends it, and
# the episode is closed.  Nobody is told twice.

use strict;
use warnings;

use Docs;
use Encode qw(encode_utf8);
use Fixture;
use JSON::PP;
use Test::More;

my $fixture = Fixture->new(sandbox => { companies => 2, connections => 36, accounts => 2 });
my $sandbox = $fixture->sandbox;
my $key = $sandbox->key;
my $url = $sandbox->http . '/v2.2';

# ---- as the documentation has it ----

my $operator = $fixture->session;    # hands out the links
my $five_minutes = Docs::block('README.md', qr/^CREATE EXTENSION connection_fdw;/);
$five_minutes =~ s/^CREATE EXTENSION[^\n]*//;
$five_minutes =~ s/FOREIGN DATA WRAPPER connection_fdw;/FOREIGN DATA WRAPPER connection_fdw OPTIONS (base_url '$url');/;
$five_minutes =~ s/api_key '\.\.\.'/api_key '$key'/;
$fixture->sql('DROP SERVER api CASCADE; DROP SCHEMA api');
$operator->value($five_minutes);

my $hooks = Docs::block('docs/webhooks.md', qr/^CREATE ROLE hooks;/);
my ($secret) = $hooks =~ /webhook_secret '(whsec_[^']+)'/;
$operator->value($hooks);
$operator->value("ALTER USER MAPPING FOR hooks SERVER nectar_api OPTIONS (ADD api_key '$key')");
my $history = $fixture->session(start => 'SET ROLE hooks');
my $gateway = $fixture->session(user => 'hook_gateway');
my $listener = $fixture->session(start => 'LISTEN nectar_status');

is($history->value('SELECT connections, changes FROM nectar.observe()'), '72|0', 'the first pass');
my ($rows, $messages) = $operator->both(Docs::block('docs/recipes.md', qr/CREATE PROCEDURE fill_outbox/));
is($messages, '', 'the documented outbox is made and filled');
my $waiting = $history->value(q{SELECT count(*), count(owner) FROM nectar_history.attention WHERE who = 'user'});
is($operator->value('SELECT count(*), count(url) FROM outbox'), $waiting, 'with a link for each user who waits already and has an address');

# ---- tools ----

my $began = time;

# Two connections that work: the status of one comes by webhook, that of the
# other by polling.
my ($told, $polled) = map {
	$history->value("SELECT id FROM nectar_history.connection_state WHERE status = 'CONNECTED' AND workflow_owner_email <> '' AND company_id = '" . $fixture->company($_) . "' ORDER BY id LIMIT 1")
} 1, 2;
my $both = "IN ('$told', '$polled')";

# The status of a connection, since a number of seconds before the test began.
sub becomes
{
	my ($connection, $status, $ago) = @_;
	my $at = $began - $ago;
	$sandbox->control('POST', 'status', encode_json({ connection => $connection, status => $status, at => $at }));
	return $at;
}

sub webhook
{
	my ($connection, $old) = @_;
	my $webhook = decode_json($sandbox->control('POST', 'webhook',
			encode_json({ secret => $secret, connection => $connection, old => { status => $old } })));
	my $body = encode_utf8($webhook->{body});
	return $gateway->value("SELECT hooks.receive(\$body\$$body\$body\$, '$webhook->{id}', '$webhook->{timestamp}', '$webhook->{signature}')");
}

sub poll { return $history->value('SELECT changes FROM nectar.observe()'); }

# What each connection's history tells: who saw what.
sub events
{
	my ($connection) = @_;
	return $history->value("SELECT string_agg(concat_ws(' ', source, old_status, new_status), ', ' ORDER BY id) FROM nectar_history.status_event WHERE connection_id = '$connection'");
}

# What came over the channel since the last look.
sub told
{
	my ($out) = $listener->both('SELECT 1');
	return map { @{ decode_json($_) } } $out =~ /Asynchronous notification "nectar_status" with payload "([^\n]*)" received/g;
}

# Requests that made an invitation, since the log was cleared.
sub invited
{
	return scalar grep { $_->{method} eq 'POST' && $_->{path} =~ m{^/invitation/connection/} } $sandbox->requests;
}

sub outbox { return $operator->value("SELECT count(*), count(DISTINCT url) FROM outbox WHERE connection_id $both"); }

# ---- the password becomes wrong ----

my $broken = becomes($told, 'PASSWORD_INCORRECT', 60);
is(webhook($told, 'CONNECTED'), 'applied: 1 changes', 'one change comes by webhook');
becomes($polled, 'PASSWORD_INCORRECT', 60);
is(poll(), 1, 'the other is found by polling, and only that one');
is(events($told), 'webhook CONNECTED PASSWORD_INCORRECT', 'the first is recorded once');
is(events($polled), 'poll CONNECTED PASSWORD_INCORRECT', 'so is the second');
my @notes = told();
is(join(' ', map { "$_->{connection_id} $_->{old} $_->{new}" } @notes),
	"$told CONNECTED PASSWORD_INCORRECT $polled CONNECTED PASSWORD_INCORRECT", 'who listens was told of each, once');
is($history->value("SELECT count(*) FROM nectar_history.attention WHERE connection_id $both AND status = 'PASSWORD_INCORRECT' AND who = 'user' AND owner LIKE '%@%' AND guidance <> ''"),
	2, 'both need their user');
is($history->value("SELECT extract(epoch FROM since)::bigint FROM nectar_history.attention WHERE connection_id = '$told'"), $broken, 'since the API says so');

# ---- a link for each ----

$sandbox->clear_log;
$operator->value('CALL fill_outbox()');
is(outbox(), '2|2', 'the night gives each a link of its own');
is($operator->value("SELECT extract(epoch FROM status_first_seen_time)::bigint FROM outbox WHERE connection_id = '$told'"), $broken, 'under the time since which it waits');
is($operator->value("SELECT count(*) FROM outbox o JOIN utility.connections c ON c.id = o.connection_id WHERE o.connection_id $both AND o.email = c.workflow_owner_email AND o.trouble IS NULL"),
	2, 'to whom the connection belongs');
is($operator->value("SELECT count(*) FROM utility.invitations WHERE connection_id $both AND status = 'ACTIVE'"), 2, 'and the API knows the invitations');
is(invited(), 2, 'no others were made');
is(poll(), 0, 'the next pass finds nothing new');
is(webhook($told, 'CONNECTED'), 'unchanged', 'nor does the same news under another id');
$operator->value('CALL fill_outbox()');
is(outbox() . ' ' . invited(), '2|2 2', 'and the next night gives nobody a second link');
is(scalar(told()), 0, 'or a second notice');
my @tokens = map { m{([^/]+)\z} } split /\n/, $operator->value("SELECT url FROM outbox WHERE connection_id $both");
my $kept = $history->value(join ' UNION ALL ', map { "SELECT t::text FROM nectar_history.$_ t" } qw(connection_state account_state status_event webhook_event));
is(join(' ', map { index $kept, $_ } @tokens), '-1 -1', 'no link is in the history');

# ---- the users mend it ----

my $mended = becomes($told, 'CONNECTED', 30);
is(webhook($told, 'PASSWORD_INCORRECT'), 'applied: 1 changes', 'mended: by webhook');
becomes($polled, 'CONNECTED', 30);
is(poll(), 1, 'and by polling');
is(events($told), 'webhook CONNECTED PASSWORD_INCORRECT, webhook PASSWORD_INCORRECT CONNECTED', 'the first works again');
is(events($polled), 'poll CONNECTED PASSWORD_INCORRECT, poll PASSWORD_INCORRECT CONNECTED', 'so does the second');
is(join(' ', map { $_->{new} } told()), 'CONNECTED CONNECTED', 'who listens was told');
is($history->value("SELECT count(*) FROM nectar_history.attention WHERE connection_id $both"), 0, 'nobody need act');
is($history->value("SELECT string_agg(extract(epoch FROM since)::bigint || ' ' || extract(epoch FROM until)::bigint, ',') FROM nectar_history.connection_timeline WHERE connection_id = '$told' AND status = 'PASSWORD_INCORRECT'"),
	"$broken $mended", 'the episode is closed, with the times of the API');
is($history->value("SELECT sum(resolved), sum(episodes) - sum(open), min(longest) FROM nectar_history.resolution_times WHERE category = 'credential_error'"),
	'2|2|00:00:30', 'two were resolved, in half a minute');
$operator->value('CALL fill_outbox()');
is(outbox() . ' ' . invited(), '2|2 2', 'nothing is handed out for what works');

# ---- and once more ----

becomes($told, 'PASSWORD_INCORRECT', 10);
is(poll(), 1, 'one breaks again');
$operator->value('CALL fill_outbox()');
is(outbox() . ' ' . invited(), '3|3 3', 'which is another time to tell: one link more');
is($history->value("SELECT who FROM nectar_history.attention WHERE connection_id = '$told'"), 'user', 'and its user must act again');

$_->quit foreach $operator, $history, $gateway, $listener;
$fixture->stop;
done_testing();
