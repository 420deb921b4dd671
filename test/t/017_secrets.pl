# Secrets, wherever one can be: keys in mappings and files, links and tokens in
# answers, passwords in options that are refused.  None of them shows in what
# the server logs at its most talkative, says to a client, plans or keeps in a
# view, and none stays in memory or in a file longer than it must.

use strict;
use warnings;

use Fixture;
use JSON::PP;
use MIME::Base64;
use PostgreSQL::Test::Utils;
use Test::More;

my $key = 'zq7-Key-of-the-mapping-0123456789';
my $password = 'zq7-Pass"word of a login-1234';
my $stale = 'zq7-Key-that-is-not-known-abcdefgh';
my @hook_keys = map { "zq7-hook-key-$_-of-24-byte" } 1, 2;
my ($hook, $hook_before) = map { encode_base64($_, '') } @hook_keys;
my $fixture = Fixture->new(
	sandbox => { companies => 3, connections => 14, accounts => 2, key => $key },
	options => { page_size => 5, max_retries => 0, max_response_size => '4MB' },
	conf => "log_statement = none\nlog_min_error_statement = panic\n");
my $node = $fixture->node;
my $sandbox = $fixture->sandbox;
my $http = $sandbox->http . '/v2.2';
my ($company, $connection) = ($fixture->company(1), $fixture->connection(4));
my $invitation = 'f0000000-0000-4000-8000-000000000001';

# ---- where secrets are ----

# Of today and of tomorrow, at several depths, in innocent members, too.
my @planted = map { "zq7-planted-$_-secret" } 1 .. 16;
my $planted = {
	connectionMagicLinkSecret => $planted[0],
	magicLinkUrl => "https://dash.nectarclimate.com/p/connect/pc/$planted[1]",
	webhookSecret => "whsec_$planted[2]",
	portal => { apiPassword => $planted[3], deeper => [ { 'Refresh-Token' => $planted[4] }, { x => { api_key => [ $planted[5] ] } } ] },
	INVITATION_URL => { href => $planted[6] },
	note => "see https://dash.nectarclimate.com/p/i/$planted[7] today",
	statusErrorDetail => "https://dash.nectarclimate.com/p/connect/pc/workflow/$planted[8]",
	username => "dash.nectarclimate.com/p/connect/pc/$planted[9]",
	accounts => [
		{   id => 'a0000000-0000-4000-8000-000000009999', accountNumber => "/p/i/$planted[10]",
			credentials => { client_secret => $planted[11] } } ],
	token => $planted[12],
	invitationUrl => "https://dash.nectarclimate.com/p/i/$planted[13]",
	prefill => { url => "https://dash.nectarclimate.com/p/i/$planted[14]", inviteLink => $planted[15] } };

my $file = $node->basedir . '/key';
sub write_key
{
	my ($path, $text) = @_;
	unlink $path;
	open my $out, '>', $path or die "$path: $!";
	print $out $text;
	close $out or die "$path: $!";
	chmod 0600, $path;
	return;
}
write_key($file, "$key\n");
my %same = (base_url => $http, max_retries => 0);
$fixture->server('filed', %same);
$fixture->server('tls', base_url => $sandbox->https . '/v2.2', ca_file => $sandbox->ca);
$fixture->server('stale', %same);
$fixture->server('spilling', %same, page_size => 14, scan_memory => '64kB');
$fixture->sql(<<"SQL");
ALTER USER MAPPING FOR CURRENT_USER SERVER filed OPTIONS (DROP api_key, ADD api_key_file '$file');
ALTER USER MAPPING FOR CURRENT_USER SERVER stale OPTIONS (SET api_key '$stale');
ALTER USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (ADD webhook_secret 'whsec_$hook, whsec_$hook_before');
SELECT nectar.create_history();
CREATE FOREIGN TABLE peek (id uuid, portal jsonb OPTIONS (json_path 'portal'), portal_text text OPTIONS (json_path 'portal'),
	deeper json OPTIONS (json_path 'portal.deeper'), note text OPTIONS (json_path 'note'), username varchar OPTIONS (json_path 'username'))
	SERVER api OPTIONS (resource 'connections');
CREATE FOREIGN TABLE ill_typed (id uuid, portal int OPTIONS (json_path 'portal'), note date OPTIONS (json_path 'note'))
	SERVER api OPTIONS (resource 'connections');
CREATE FOREIGN TABLE invited (id uuid, prefill jsonb OPTIONS (json_path 'prefill'), status text) SERVER api OPTIONS (resource 'invitations');
CREATE ROLE reader LOGIN;
CREATE TABLE login (password text);
INSERT INTO login VALUES ('$password');
SQL

# Everything is logged from here on.
my @modules = grep { -e $node->config_data('--pkglibdir') . "/$_.so" } qw(auto_explain pg_stat_statements);
my %has = map { $_ => 1 } @modules;
$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = '@{[join ',', @modules]}'
log_min_messages = debug5
log_statement = all
log_min_duration_statement = 0
log_min_error_statement = debug5
log_error_verbosity = verbose
log_parameter_max_length = -1
log_parameter_max_length_on_error = -1
log_temp_files = 0
debug_print_parse = on
debug_print_rewritten = on
debug_print_plan = on
CONF
$node->append_conf('postgresql.conf', <<'CONF') if $has{auto_explain};
auto_explain.log_min_duration = 0
auto_explain.log_analyze = on
auto_explain.log_verbose = on
auto_explain.log_buffers = on
auto_explain.log_settings = on
auto_explain.log_nested_statements = on
CONF
$node->append_conf('postgresql.conf', <<'CONF') if $has{pg_stat_statements};
pg_stat_statements.track = all
pg_stat_statements.save = off
CONF
$node->restart;
my $log_begins = -s $node->logfile;
$fixture->sql('CREATE EXTENSION pg_stat_statements') if $has{pg_stat_statements};
note 'with ', join(' and ', @modules) || 'no module';

my $session = $fixture->session(start => 'SET client_min_messages = debug5');
my $said = '';

sub run
{
	my ($statement) = @_;
	my ($rows, $messages) = $session->both($statement);
	$said .= $rows . $messages;
	return ($rows, $messages);
}

# ---- links are secrets once they were handed out ----

my @links;
foreach my $statement (
	"SELECT nectar.company_magic_link('$company', NULL, 'api')",
	"SELECT nectar.connection_magic_link('$connection', 'api')",
	q{SELECT magic_link FROM nectar.reconnect_links(NULL, NULL, 'api')},
	"SELECT url FROM nectar.invite_to_connect('$company', server => 'api')",
	"SELECT url FROM nectar.invite_to_reconnect('$connection', server => 'api')")
{
	my ($rows, $messages) = $session->both($statement);
	push @links, split /\n/, $rows;
	$said .= $messages;
}
cmp_ok(scalar @links, '>', 10, 'links were handed out');
my @secrets = ($key, $stale, $password, substr($password, 4, 10), @planted, map { ($_, m{([^/]{8,})$}) } @links);

# ---- every deed under every fault ----

my @deeds = (
	'SELECT * FROM api.connections', 'SELECT * FROM api.accounts', 'SELECT * FROM api.companies', 'SELECT * FROM api.sites',
	"SELECT * FROM api.connections WHERE id = '$connection'", "SELECT * FROM api.accounts WHERE connection_id = '$connection'",
	'SELECT count(*) FROM api.connections', "SELECT * FROM peek WHERE id = '$connection'",
	"SELECT portal FROM ill_typed WHERE id = '$connection'", "SELECT note FROM ill_typed WHERE id = '$connection'",
	'SELECT * FROM filed.companies', 'SELECT * FROM tls.companies',
	'SELECT * FROM api.connections c JOIN api.accounts a ON a.connection_id = c.id AND a.company_id = c.company_id',
	"PREPARE p(uuid) AS SELECT attrs FROM api.connections WHERE company_id = \$1; EXECUTE p('$company'); DEALLOCATE p",
	'ANALYZE api.connections, api.accounts, api.companies', q{SELECT * FROM nectar.ping('api')},
	"SELECT nectar.confirm_accounts('$connection', true, 'api')",
	"SELECT * FROM nectar.bulk_confirm_accounts(ARRAY['$connection']::uuid[], true, 'api')",
	"SELECT (nectar.create_connection('$company', 'https://portal.example', 'user', password, NULL, NULL, 'api')).status FROM login",
	"SELECT length(nectar.company_magic_link('$company', NULL, 'api'))",
	"SELECT length(nectar.connection_magic_link('$connection', 'api'))",
	q{SELECT connection_id, guidance, length(magic_link) FROM nectar.reconnect_links(NULL, NULL, 'api')},
	"SELECT id, length(url), expires_at FROM nectar.invite_to_connect('$company', server => 'api')",
	"SELECT id, length(url), expires_at FROM nectar.invite_to_reconnect('$connection', server => 'api')",
	'SELECT * FROM api.invitations', "SELECT * FROM api.invitations WHERE id = '$invitation'",
	'SELECT prefill FROM invited', "SELECT nectar.revoke_invitation('$invitation', 'api')",
	q{SELECT nectar.verify_webhook('{}', 'msg_1', extract(epoch FROM now())::bigint::text, 'v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=', 'api')},
	q{SELECT nectar.receive_webhook('{}', 'msg_1', '1', 'v1,x', 'api')}, q{SELECT changes FROM nectar.observe('api')});
my @plans = map { "EXPLAIN (ANALYZE, VERBOSE, SETTINGS, FORMAT $_) SELECT * FROM api.connections c JOIN api.accounts a ON a.connection_id = c.id" }
  qw(TEXT JSON XML YAML);
my $says = join ' ', $key, $password, map { "https://dash.nectarclimate.com/p/i/$_" } @planted;
my @faults = (
	undef,
	{ kind => 'patch', set => $planted },
	{ kind => 'patch', set => { %$planted, map { $_ => "https://dash.nectarclimate.com/p/i/$planted[0]" } qw(status trackingStatus created url country) } },
	{ kind => 'patch', set => { %$planted, company => { id => $planted->{note}, name => $planted->{note} } } },
	(map { { kind => 'status', status => $_, body => encode_json({ detail => $says }), content_type => 'application/json' } } 400, 401, 403, 404, 429, 500),
	{ kind => 'status', status => 500, body => encode_json({ detail => "the key $key is not known", %$planted }) },
	{ kind => 'status', status => 502, body => $says },
	{ kind => 'body', body => '{"detail": "' . $says },
	{ kind => 'body', body => encode_json($planted) },
	{ kind => 'redirect', location => "https://$planted[0].invalid/$key" },
	map { { kind => $_ } } qw(html truncate malformed reset wrong_envelope));
my $refused_login = "SELECT nectar.create_connection('$company', 'https://portal.example', 'user', password, '{}', NULL, 'api') FROM login";
foreach my $fault (@faults)
{
	$sandbox->fault($fault) if $fault;
	run($_) foreach @deeds, @plans, $refused_login;
	$sandbox->reset;
}

# A session masks its own key, whichever that is.
$sandbox->fault({ kind => 'status', status => 401, body => encode_json({ detail => "the key $stale is not known" }), times => 2 });
run($_) foreach 'SELECT * FROM stale.companies', q{SELECT * FROM nectar.ping('stale')};
like($said, qr/the key \*+ is not known/, 'a key is masked');
$sandbox->reset;

# What an event holds is the sender's statement; what is said of it, and kept, is ours.
my $receiver = $fixture->session(start => <<'SQL');
SET client_min_messages = debug5; SET log_statement = none; SET log_min_error_statement = panic; SET log_min_duration_statement = -1;
SET debug_print_parse = off; SET debug_print_rewritten = off; SET debug_print_plan = off
SQL
$receiver->value('SET auto_explain.log_min_duration = -1') if $has{auto_explain};
foreach my $bent ({ set => $planted }, { set => { %$planted, created => $planted->{note} } }, { set => { %$planted, id => $planted->{note} } },
	{ set => { %$planted, status => $planted->{note} }, old => $planted }, { set => $planted, event => 'document.created.v2' }, { body => encode_json($planted) . ' x' })
{
	my $made = decode_json($sandbox->control('POST', 'webhook', encode_json({ secret => "whsec_$hook_before", connection => $connection, %$bent })));

	foreach my $function ('verify_webhook', 'receive_webhook')
	{
		my ($rows, $messages) = $receiver->both("SELECT nectar.$function(\$b\$$made->{body}\$b\$, '$made->{id}', '$made->{timestamp}', '$made->{signature}', 'api')");

		like($rows . $messages, qr/eventType|applied|unchanged|unreadable|kept|NC001/, "$function() of an event full of secrets");
		$said .= $rows . $messages;
	}
}
$receiver->value('SELECT 1');    # pg_stat_activity shows the last statement, which is the sender's

# ---- options that are refused, keys that are no keys ----

# The statement is the user's own; the answer to it is ours.
my @refused = (
	"CREATE SERVER x FOREIGN DATA WRAPPER connection_fdw OPTIONS (base_url 'https://user:zq7-in-a-url-1\@api.example/v2.2')",
	"CREATE SERVER x FOREIGN DATA WRAPPER connection_fdw OPTIONS (proxy 'http://user:zq7-in-a-url-2\@proxy.example:3128')",
	"CREATE SERVER x FOREIGN DATA WRAPPER connection_fdw OPTIONS (dashboard_url 'https://zq7-in-a-url-3:x\@dash.example')",
	"CREATE SERVER x FOREIGN DATA WRAPPER connection_fdw OPTIONS (api_key 'zq7-misplaced-4')",
	"CREATE SERVER x FOREIGN DATA WRAPPER connection_fdw OPTIONS (apikey 'zq7-misplaced-5')",
	"ALTER FOREIGN TABLE peek OPTIONS (ADD api_key 'zq7-misplaced-6')",
	"ALTER USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (SET api_key 'zq7 with a blank-7')",
	"ALTER USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (ADD api_key_file 'zq7-key-as-a-path-8')",
	"ALTER USER MAPPING FOR CURRENT_USER SERVER filed OPTIONS (ADD api_key 'zq7-both-9')",
	"ALTER USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (ADD token 'zq7-misplaced-10')",
	"ALTER USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (SET webhook_secret 'whsec_zq7-no-base64-11')",
	"ALTER USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (SET webhook_secret 'zq7+without+prefix+12aaa')",
	"CREATE SERVER x FOREIGN DATA WRAPPER connection_fdw OPTIONS (webhook_secret 'whsec_zq7misplaced13')");
my $quiet = $fixture->session(start => <<'SQL');
SET log_statement = none; SET log_min_error_statement = panic; SET log_min_duration_statement = -1; SET debug_print_parse = off;
SET debug_print_rewritten = off; SET debug_print_plan = off; SET log_min_messages = panic
SQL
foreach my $statement (@refused)
{
	my $error = $quiet->error($statement);
	like($error, qr/^ERROR:  HV0(?:0D|24):/m, 'refused: ' . ($error =~ /ERROR:  \w+: (.*)/)[0]);
	unlike($error, qr/zq7/, 'without its value');
}

# ---- what views show ----

my @views = (
	'pg_stat_activity', 'pg_backend_memory_contexts', 'pg_cursors', 'pg_prepared_statements', 'pg_stats', 'pg_locks', 'pg_settings',
	'pg_foreign_server', 'pg_foreign_table', 'pg_stat_user_tables', 'information_schema.foreign_server_options',
	'information_schema.foreign_table_options', 'nectar.options()', 'nectar.errors()', 'nectar.connection_statuses',
	'nectar.account_statuses', (map { "nectar_history.$_" } qw(connection_state account_state status_event webhook_event attention connection_timeline)), ($has{pg_stat_statements} ? 'pg_stat_statements' : ()));
my $shown = $session->value('RESET client_min_messages') // '';
$shown .= $session->value("SELECT v::text FROM $_ v") foreach @views;
my $reader = $fixture->session(user => 'reader');
$shown .= $reader->value("SELECT v::text FROM $_ v") foreach 'pg_user_mappings', 'information_schema.user_mapping_options', 'pg_stat_activity';
cmp_ok(length $shown, '>', 20_000, 'views were read');

# ---- answers in temporary files ----

sub temporary_files { return grep { -f } glob $node->data_dir . '/base/pgsql_tmp/*'; }

$session->value(<<'SQL');
BEGIN;
DECLARE c CURSOR FOR SELECT c.id, a.id FROM spilling.connections c LEFT JOIN spilling.accounts a ON a.connection_id = c.id AND a.company_id = c.company_id
	ORDER BY 1;
FETCH 1 FROM c
SQL
my @files = temporary_files();
my $kept = join '', map { slurp_file($_) } @files;
cmp_ok(scalar @files, '>', 0, 'a cursor keeps answers in a file');
like($kept, qr/connectionMagicLinkSecret/, 'which does hold secrets');
foreach my $path (@files, $node->data_dir . '/base/pgsql_tmp')
{
	my ($mode, $owner) = (stat $path)[ 2, 4 ];
	is($mode & 077, 0, 'nobody but the server may read it');
	is($owner, $>, 'it is the server\'s');
}
$session->value('CLOSE c');
is(scalar(@files = temporary_files()), 0, 'gone with the cursor');
$session->value('DECLARE c CURSOR FOR SELECT c.id, a.id FROM spilling.connections c JOIN spilling.accounts a ON a.connection_id = c.id AND a.company_id = c.company_id ORDER BY 1; FETCH 1 FROM c');
cmp_ok(scalar(@files = temporary_files()), '>', 0, 'another one');
$session->error('SELECT 1/0');
is(scalar(@files = temporary_files()), 0, 'gone with its transaction');
$session->value('ROLLBACK');

# ---- memory of a session ----

# Where a text is in a process: what stands before it.  Shared memory is
# PostgreSQL's buffers, which hold the catalogs.  Nothing where the machine
# forbids to look.
sub places_in_memory
{
	my ($pid, $text) = @_;
	my @places;

	open my $maps, '<', "/proc/$pid/maps" or return;
	open my $memory, '<:raw', "/proc/$pid/mem" or return;
	while (<$maps>)
	{
		my ($from, $to) = /^([0-9a-f]+)-([0-9a-f]+) rw-p/ or next;
		my $size = hex($to) - hex($from);

		sysseek $memory, hex($from), 0 or next;
		(sysread $memory, my $bytes, $size) // next;
		for (my $at = index $bytes, $text; $at >= 0; $at = index $bytes, $text, $at + 1)
		{
			push @places, substr $bytes, $at >= 8 ? $at - 8 : 0, 8;
		}
	}
	return ('looked', @places);
}

my $holder = $fixture->session;
$holder->value($_) foreach grep { !/^PREPARE|stale|ill_typed|_webhook/ } @deeds;
$holder->error($_) foreach grep { /_webhook/ } @deeds;
$holder->error('SELECT * FROM stale.companies');
SKIP:
{
	my ($looked, @live) = places_in_memory($holder->pid, $key);
	skip 'the memory of another process cannot be read here', 8 if !$looked;
	cmp_ok(scalar(grep { $_ ne 'api_key=' } @live), '<=', 5, 'a key is once in memory for each session, beside the catalog');
	cmp_ok(scalar @live, '>', 0, 'where it is in use');
	$fixture->sql("DROP USER MAPPING FOR CURRENT_USER SERVER $_") foreach qw(api filed tls stale spilling);
	$holder->value('DISCARD ALL; SELECT count(*) FROM pg_class');
	foreach my $secret ($key, $stale, "whsec_$hook", $hook_before, @hook_keys)
	{
		my (undef, @left) = places_in_memory($holder->pid, $secret);
		is(scalar(grep { !/^(?:api_key=|_secret=|, whsec_)$/ } @left), 0, 'and nowhere once the mapping is gone');
	}
}

# ---- key files, as orchestrators change them ----

write_key("$file-$_", "$key\n") foreach 1, 2;
write_key("$file-wrong", "$stale\n");
symlink "$file-1", "$file-link" or die "symlink: $!";
$fixture->sql("CREATE USER MAPPING FOR CURRENT_USER SERVER filed OPTIONS (api_key_file '$file-link')");
my $read = 'SELECT count(*) FROM filed.companies';
is($holder->value($read), 3, 'a symbolic link to a key file serves');
symlink "$file-wrong", "$file-next" or die "symlink: $!";
rename "$file-next", "$file-link" or die "rename: $!";
like($holder->error($read), qr/^ERROR:  NC401:/m, 'led elsewhere, it is read again');
rename "$file-2", "$file-wrong" or die "rename: $!";
is($holder->value($read), 3, 'so is a file that another was renamed to');
chmod 0640, "$file-wrong";
like($holder->error($read), qr/^ERROR:  HV024:.*api_key_file/m, 'the rights of the file count, not those of the link');
unlink "$file-wrong" or die "unlink: $!";
like($holder->error($read), qr/^ERROR:  58P01:.*api_key_file/m, 'a link to nothing');
unlink "$file-link" or die "unlink: $!";
system_or_bail('mkfifo', "$file-link");
like($holder->error($read), qr/^ERROR:  HV024:.*api_key_file/m, 'a pipe is refused at once');
unlink "$file-link" or die "unlink: $!";
symlink '/dev/zero', "$file-link" or die "symlink: $!";
like($holder->error($read), qr/^ERROR:  HV024:.*api_key_file/m, 'so is a device');
unlink "$file-link" or die "unlink: $!";
write_key("$file-link", "$key\n$stale\n");
my $two_lines = $holder->error($read);
like($two_lines, qr/^ERROR:  HV024:.*api_key_file/m, 'and a file of two lines');
$said .= $two_lines;
write_key("$file-link", "$key\r\n");
is($holder->value($read), 3, 'a line end of Windows is none of the key');

# ---- nothing of it shows ----

$_->quit foreach $session, $receiver, $quiet, $reader, $holder;
$fixture->stop;
my $log = slurp_file($node->logfile, $log_begins);
cmp_ok(length $log, '>', 1_000_000, 'a talkative log');
like($log, qr/Remote Request/, 'with plans') if $has{auto_explain};
my %seen;
foreach my $secret (grep { !$seen{$_}++ } @secrets)
{
	my $name = $secret =~ /^zq7/ ? $secret : substr($secret, 0, 12) . '...';

	is(index($log, $secret), -1, "$name is not in the log");
	is(index($said, $secret), -1, "$name was not said");
	is(index($shown, $secret), -1, "$name is in no view");
}
done_testing();
