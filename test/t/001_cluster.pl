# A cluster, a sandbox and the extension come up, and the sandbox's log shows
# what was asked.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Sandbox;
use Test::More;

my $sandbox = Sandbox->new(companies => 2, connections => 3, accounts => 2);
my $client = HTTP::Tiny->new(default_headers => { 'X-API-Key' => $sandbox->key });

is($client->get($sandbox->http . '/v2.2/ping')->{status}, 200, 'the sandbox accepts its key');
my @requests = $sandbox->requests;
is(scalar @requests, 1, 'it logged one request');
is($requests[0]{path}, '/ping', 'and what was asked');

my $before = $sandbox->http;
$sandbox->restart;
is($sandbox->http, $before, 'a restart keeps the port');
is(scalar(() = $sandbox->requests), 0, 'and begins a new log');

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', 'fsync = off');
$node->start;

$node->safe_psql('postgres', 'CREATE EXTENSION connection_fdw');
is( $node->safe_psql('postgres', q{SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'connection_fdw'}),
	'nectar',
	'the extension lives in schema nectar');

$node->safe_psql('postgres', <<"SQL");
CREATE SERVER api FOREIGN DATA WRAPPER connection_fdw OPTIONS (base_url '@{[$sandbox->http]}/v2.2');
CREATE USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (api_key '@{[$sandbox->key]}');
CREATE SCHEMA utility;
IMPORT FOREIGN SCHEMA nectar FROM SERVER api INTO utility;
SQL
is($node->safe_psql('postgres', 'SELECT count(*) FROM utility.companies'), 2, 'its tables have the rows of the sandbox');

$node->stop;
done_testing();
