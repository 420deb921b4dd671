# What is kept when a database is dumped and restored, and when a cluster is
# upgraded (within one major version: there is but one here): servers,
# mappings, tables with every option, columns with json_path, views, grants.
# Dumping and restoring send no request.

use strict;
use warnings;

use Fixture;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $fixture = Fixture->new(sandbox => { companies => 2, connections => 12, accounts => 2 });
my $sandbox = $fixture->sandbox;
my $node = $fixture->node;
my $key = $sandbox->key;
my $connection = $fixture->connection(2);
my $dir = PostgreSQL::Test::Utils::tempdir();
my $key_file = $node->basedir . '/key';
open my $out, '>', $key_file or die "$key_file: $!";
print $out "$key+file\n";
close $out;
chmod 0600, $key_file;

# Every option that there is, each with a value that is not its default.
my %value = (
	base_url => $sandbox->https . '/v2.2', dashboard_url => 'https://dash.example.com',
	company_ids => join(', ', map { $fixture->company($_) } 1 .. 2), page_size => 7, max_concurrency => 3,
	max_requests => 1000, scan_memory => '1MB', connect_timeout => '5s', request_timeout => '45s', max_retries => 2,
	retry_max_delay => '3s', max_response_size => '8MB', ca_file => $sandbox->ca, proxy => 'http://127.0.0.1:1', read_only => 'true', updatable => 'true',
	on_unknown_status => 'error', accounts_source => 'list', api_key => 'a key with no blank' =~ s/ /-/gr, api_key_file => $key_file,
	resource => 'connections', json_path => 'datasource.name');
my %unasked = (attrs => 1, status_type => 1);    # of IMPORT: not kept

my %options;
foreach my $row (split /\n/, $fixture->sql('SELECT name, place FROM nectar.options()'))
{
	my ($name, $places) = split /\|/, $row;
	next if $unasked{$name};
	push @{ $options{$_} }, $name foreach split /, /, $places;
}
@$_ = sort @$_ foreach values %options;    # as pg_dump does

sub clause
{
	my ($place, @but) = @_;
	my %but = map { $_ => 1 } @but;
	return join ', ', map { die "no value for option $_\n" if !exists $value{$_}; "$_ '$value{$_}'" } grep { !$but{$_} } @{ $options{$place} };
}

my ($server, $table, $column) = (clause('server'), clause('foreign table'), clause('column'));
my $open_server = clause('server', qw(proxy));
$fixture->sql(<<"SQL");
CREATE ROLE owner;
CREATE ROLE reader;
CREATE SERVER every FOREIGN DATA WRAPPER connection_fdw OPTIONS ($server);
CREATE SERVER "odd ""name'" TYPE 'api' VERSION '2.2' FOREIGN DATA WRAPPER connection_fdw OPTIONS ($open_server);
COMMENT ON SERVER every IS 'every option';
CREATE USER MAPPING FOR PUBLIC SERVER every OPTIONS (api_key '$value{api_key}');
CREATE USER MAPPING FOR CURRENT_USER SERVER every OPTIONS (api_key_file '$key_file');
CREATE USER MAPPING FOR CURRENT_USER SERVER "odd ""name'" OPTIONS (api_key_file '$key_file');
CREATE USER MAPPING FOR owner SERVER api OPTIONS (api_key '$key+owner');
CREATE SCHEMA kept AUTHORIZATION owner;
CREATE FOREIGN TABLE kept.every (id uuid NOT NULL, status text, "odd ""name'" text OPTIONS ($column), attrs jsonb)
	SERVER "odd ""name'" OPTIONS ($table);
CREATE FOREIGN TABLE kept.typed (id uuid, status nectar.connection_status, status_category nectar.connection_category,
	company text OPTIONS (json_path 'company.name'), created timestamptz, gone int OPTIONS (json_path 'x.y.z'))
	SERVER api OPTIONS (resource 'connections');
ALTER FOREIGN TABLE kept.typed DROP COLUMN gone;
ALTER FOREIGN TABLE kept.typed OWNER TO owner;
COMMENT ON COLUMN kept.typed.company IS 'by path';
CREATE VIEW kept.health AS SELECT company, status_category, nectar.guidance(status) AS todo, count(*) FROM kept.typed GROUP BY 1, 2, 3;
CREATE VIEW kept.facts AS SELECT label, category FROM nectar.connection_statuses WHERE nectar.needs_user_action(label);
ALTER VIEW kept.health OWNER TO owner;
CREATE MATERIALIZED VIEW kept.snapshot AS SELECT id, status FROM api.connections;
CREATE TABLE kept.history (at timestamptz, status nectar.connection_status, category nectar.connection_category DEFAULT 'unknown');
INSERT INTO kept.history SELECT now(), status, status_category FROM api.connections;
CREATE TABLE kept.parts (id uuid, company_id uuid) PARTITION BY LIST (company_id);
CREATE FOREIGN TABLE kept.part PARTITION OF kept.parts FOR VALUES IN ('@{[$fixture->company(1)]}') SERVER api OPTIONS (resource 'connections');
CREATE FUNCTION kept.waiting() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM kept.typed WHERE status_category = ''credential_error''';
GRANT USAGE ON SCHEMA kept TO reader;
GRANT SELECT ON kept.health TO reader;
GRANT USAGE ON FOREIGN SERVER api TO reader;
GRANT USAGE ON FOREIGN DATA WRAPPER connection_fdw TO owner;
GRANT EXECUTE ON FUNCTION nectar.confirm_accounts TO reader;
SQL
$sandbox->clear_log;

my @described = (
	'\des+', '\deu+', '\det+ *.*', '\dew+', '\dx', '\dx+ connection_fdw', '\d+ api.*', '\d+ kept.*', '\dp kept.*', '\df+ nectar.*', '\dT+ nectar.*',
	'\dv+ nectar.*', '\dn+ nectar');

# What psql says of everything; sizes and OIDs are none of it.
sub description
{
	my ($of, $database) = @_;
	my $said = '';

	foreach my $command (@described)
	{
		my ($status, $stdout, $stderr) = $of->psql($database, "\\pset format aligned\n$command");
		die "$command: $stderr" if $status != 0 || $stderr =~ /ERROR/;
		$said .= "$command\n$stdout\n";
	}
	$said =~ s/\d+ (?:bytes|kB)/N/g;
	return $said;
}

sub run_ok
{
	my ($command, $name) = @_;
	my ($stdout, $stderr);
	my $ok = IPC::Run::run($command, '<', \undef, '>', \$stdout, '2>', \$stderr);

	ok($ok, $name) or diag $stderr;
	return $stdout;
}

sub asked { return scalar(my @requests = $sandbox->requests); }

my $facts = 'SELECT count(*) FROM kept.facts';
my @asks = (
	'SELECT count(*), count("odd ""name\'"), min(status) FROM kept.every',
	'SELECT company, status_category, todo, count FROM kept.health ORDER BY 1, 2, 3', 'SELECT kept.waiting()',
	'SELECT count(id) FROM kept.parts', 'SELECT status, category, count(*) FROM kept.history GROUP BY 1, 2 ORDER BY 1, 2',
	'SELECT count(*), count(status) FROM kept.snapshot', $facts, 'SELECT ok FROM nectar.ping(\'api\')',
	q{SELECT has_function_privilege('public', 'nectar.confirm_accounts(uuid, boolean, name)', 'EXECUTE'), has_function_privilege('reader', 'nectar.confirm_accounts(uuid, boolean, name)', 'EXECUTE'), has_function_privilege('reader', 'nectar.connection_magic_link(uuid, name)', 'EXECUTE')}
);

sub answers
{
	my ($of, $database) = @_;
	return join "\n", map { $of->safe_psql($database, $_) } @asks;
}

my $described = description($node, 'postgres');
my $answers = answers($node, 'postgres');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_foreign_server, unnest(srvoptions) WHERE srvname = 'every'}),
	scalar @{ $options{server} }, 'a server has every option');
like($answers, qr/^24\|24\|/, 'what is dumped answers');

# ---- dumped and restored, in three forms, into a cluster elsewhere ----

my $elsewhere = PostgreSQL::Test::Cluster->new('elsewhere');
$elsewhere->init;
$elsewhere->append_conf('postgresql.conf', "fsync = off\n");
$elsewhere->start;
$sandbox->clear_log;
run_ok([ 'pg_dumpall', '--globals-only', '-d', $node->connstr('postgres') ], 'pg_dumpall of the globals');
$elsewhere->safe_psql('postgres', 'CREATE ROLE owner; CREATE ROLE reader');
foreach my $form (
	[ plain => [ '--format=plain', "--file=$dir/plain" ], [ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/plain", '-d' ] ],
	[ custom => [ '--format=custom', "--file=$dir/custom" ], [ 'pg_restore', '--exit-on-error', "$dir/custom", '-d' ] ],
	[   directory => [ '--format=directory', '--jobs=2', "--file=$dir/directory" ],
		[ 'pg_restore', '--exit-on-error', '--jobs=2', "$dir/directory", '-d' ] ])
{
	my ($name, $dump, $restore) = @$form;

	run_ok([ 'pg_dump', '-d', $node->connstr('postgres'), @$dump ], "$name: dumped");
	$elsewhere->safe_psql('postgres', "CREATE DATABASE $name");
	run_ok([ @$restore, $elsewhere->connstr($name) ], "$name: restored");
}
my @refreshed = grep { $_->{path} ne '/company' && $_->{path} !~ m{^/connection/company/} } $sandbox->requests;
is(scalar(@refreshed), 0, 'nothing but the refresh of materialized views sends requests');
is(scalar(grep { $_->{path} eq '/company' } $sandbox->requests), 3, 'once for each restore, none for a dump');
foreach my $name (qw(plain custom directory))
{
	is(description($elsewhere, $name), $described, "$name: psql says the same of everything");
	is(answers($elsewhere, $name), $answers, "$name: everything answers as before");
	$elsewhere->safe_psql('postgres', "DROP DATABASE $name") if $name ne 'plain';
}
my ($first, $second) = map { run_ok([ 'pg_dump', '--schema-only', '-d', $_ ], 'dumped once more') =~ s/^\\(?:un)?restrict .*//mgr } $node->connstr('postgres'), $elsewhere->connstr('plain');
is($second, $first, 'a dump of what was restored is the dump');
unlike($first, qr/CREATE (?:FUNCTION|TYPE|VIEW) nectar\./, 'which holds no member of the extension');

# Without privileges and owners, as somebody else, and the schema alone.
$sandbox->clear_log;
my $lean = run_ok([ 'pg_dump', '--no-owner', '--no-privileges', '--schema-only', '-d', $node->connstr('postgres') ], 'a lean dump');
is(asked(), 0, 'sends nothing');
$elsewhere->safe_psql('postgres', 'CREATE DATABASE lean');
$elsewhere->safe_psql('lean', $lean);
is($elsewhere->safe_psql('lean', $facts), 4, 'is restored');
is(asked(), 0, 'without a request');

# ---- another database of the cluster ----

$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION connection_fdw');
is($node->safe_psql('other', 'SELECT count(*) FROM pg_foreign_server'), 0, 'another database has servers of its own');
$node->safe_psql('other', 'DROP EXTENSION connection_fdw');
is(answers($node, 'postgres'), $answers, 'and what becomes of it there is nothing here');

# ---- coming and going ----

my $session = $fixture->session;
like($session->error('DROP EXTENSION connection_fdw'), qr/^ERROR:  2BP01:.*^DETAIL:.*server api depends on foreign-data wrapper/ms,
	'what others build upon is not dropped');
$session->value('BEGIN; SET client_min_messages = warning; DROP EXTENSION connection_fdw CASCADE');
is($session->value(q{SELECT count(*) FROM pg_class WHERE relkind = 'f'}), 0, 'with CASCADE all foreign tables go');
is($session->value(q{SELECT count(*) FROM pg_class WHERE relnamespace = 'kept'::regnamespace AND relkind = 'r'}), 1, 'tables stay');
is($session->value(q{SELECT string_agg(attname, ' ') FROM pg_attribute WHERE attrelid = 'kept.history'::regclass AND attnum > 0 AND NOT attisdropped}),
	'at', 'less the columns of its types');
$session->value('ROLLBACK');

# ---- versions ----

is($session->value('SELECT count(*) FROM pg_available_extension_versions WHERE name = \'connection_fdw\'') > 0, 1, 'versions there are');
is($session->value(<<'SQL'), '', 'each has a way to the newest');
SELECT source FROM pg_extension_update_paths('connection_fdw')
 WHERE target = (SELECT default_version FROM pg_available_extensions WHERE name = 'connection_fdw') AND path IS NULL
SQL
like($session->error('ALTER EXTENSION connection_fdw UPDATE'), qr/^NOTICE:.*is already installed/m, 'an update to the same version does nothing');
like($session->error(q{ALTER EXTENSION connection_fdw UPDATE TO '0.9'}), qr/^ERROR:  22023: extension "connection_fdw" has no update path from version "[\d.]+" to version "0\.9"/m,
	'a version that there is not is refused by name');
like($session->error(q{SET ROLE reader; ALTER EXTENSION connection_fdw UPDATE}), qr/^ERROR:  42501:/m, 'by who does not own it as well');
$session->quit;

# ---- labels that were added ----

$node->safe_psql('postgres', q{ALTER TYPE nectar.connection_status ADD VALUE 'ON_HOLD'});
my $with_label = run_ok([ 'pg_dump', '--schema-only', '-d', $node->connstr('postgres') ], 'dumped with a label that was added');
unlike($with_label, qr/ON_HOLD/, 'it is not in a dump, as the type belongs to the extension: README says so');

# ---- pg_upgrade ----

my $with_label_described = description($node, 'postgres');
my $upgraded = PostgreSQL::Test::Cluster->new('upgraded');
$upgraded->init;
$upgraded->append_conf('postgresql.conf', "fsync = off\n");
$node->stop;
chdir $dir or die "$dir: $!";
my $bin = $node->config_data('--bindir');
$sandbox->clear_log;
run_ok(
	[   'pg_upgrade', '--no-sync', '-b', $bin, '-B', $bin, '-d', $node->data_dir, '-D', $upgraded->data_dir,
		'-p', $node->port, '-P', $upgraded->port, '-s', $node->host
	],
	'pg_upgrade, within the major version');
is(asked(), 0, 'sends nothing');
$upgraded->start;
is(description($upgraded, 'postgres'), $with_label_described, 'psql says the same of everything');
is(answers($upgraded, 'postgres'), $answers, 'everything answers as before');
is($upgraded->safe_psql('postgres', q{SELECT 'ON_HOLD'::nectar.connection_status}), 'ON_HOLD', 'a label that was added is kept');

$upgraded->stop;
$elsewhere->stop;
$sandbox->stop;
done_testing();
