# Whose mapping a query uses, whatever stands between the role and the table.
# Each role has a key of its own, and the sandbox tells whose it received.

use strict;
use warnings;

use Fixture;
use Test::More;

my $fixture = Fixture->new(sandbox => { companies => 4, connections => 12, accounts => 2 });
my $sandbox = $fixture->sandbox;
my $key = $sandbox->key;
my $company = $fixture->company(1);
my $connection = $fixture->connection(2);
my $one = "SELECT count(*) FROM api.connections WHERE id = '$connection'";

$fixture->sql(<<"SQL");
CREATE ROLE owner LOGIN;
CREATE ROLE ann LOGIN;
CREATE ROLE ben LOGIN;
CREATE ROLE reader LOGIN;
CREATE ROLE team;
CREATE ROLE member LOGIN IN ROLE team;
CREATE DATABASE theirs OWNER owner;
GRANT CREATE ON DATABASE postgres TO owner;
ALTER USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (SET api_key '$key+super');
CREATE USER MAPPING FOR owner SERVER api OPTIONS (api_key '$key+owner');
CREATE USER MAPPING FOR ann SERVER api OPTIONS (api_key '$key+ann');
CREATE USER MAPPING FOR ben SERVER api OPTIONS (api_key '$key+ben');
CREATE USER MAPPING FOR team SERVER api OPTIONS (api_key '$key+team');
GRANT USAGE ON FOREIGN SERVER api TO owner, ann, ben;
GRANT USAGE ON SCHEMA api TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA api TO PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA nectar TO owner, ann, ben;
SQL
my ($super, $owner, $ann, $ben, $reader, $member) =
  map { $fixture->session(user => $_) } 'postgres', qw(owner ann ben reader member);

# Whose keys the sandbox received, in order of name.
sub holders
{
	my %seen = map { $_->{headers}{'x-api-key'} => 1 } $sandbox->requests;

	$sandbox->clear_log;
	return join ' ', sort keys %seen;
}

# A session runs a statement, and these keys are used.
sub uses
{
	my ($session, $sql, $expected, $name) = @_;

	$sandbox->clear_log;
	$session->value($sql);
	is(holders(), $expected, $name);
	return;
}

sub refuses
{
	my ($session, $sql, $pattern, $name) = @_;

	$sandbox->clear_log;
	like($session->error($sql), $pattern, $name);
	is(holders(), '', '(and nothing was sent)');
	return;
}

my $no_mapping = qr/^ERROR:  42704: user mapping not found for "reader" on server "api"/m;

# ---- the session's own ----

uses($super, $one, 'super', 'a superuser has a mapping like everybody');
uses($ann, $one, 'ann', 'a role uses its own');
refuses($reader, $one, $no_mapping, 'SELECT alone gives no mapping');
refuses($member, $one, qr/^ERROR:  42704: user mapping not found for "member"/m, 'nor does membership');
uses($member, "SET ROLE team; $one", 'team', 'being the other role does');
uses($super, "SET ROLE ann; $one; RESET ROLE; $one", 'ann super', 'SET ROLE and RESET ROLE');
uses($super, "SET SESSION AUTHORIZATION ben; $one", 'ben', 'SET SESSION AUTHORIZATION');
uses($super, "SET ROLE NONE; RESET SESSION AUTHORIZATION; $one", 'super', 'and back');
uses($super, "BEGIN; SET LOCAL ROLE ann; $one; COMMIT; $one", 'ann super', 'SET LOCAL ROLE ends with its transaction');
uses($super, "BEGIN; SAVEPOINT s; SET ROLE ann; ROLLBACK TO s; $one; COMMIT", 'super', 'as it does with its subtransaction');

# ---- PUBLIC's ----

$fixture->sql("CREATE USER MAPPING FOR PUBLIC SERVER api OPTIONS (api_key '$key+public')");
uses($reader, $one, 'public', 'who has none uses that of PUBLIC');
uses($ann, $one, 'ann', 'who has one does not');
uses($super, "SET ROLE member; $one; RESET ROLE", 'public', 'membership is not looked at');
$fixture->sql('DROP USER MAPPING FOR ann SERVER api');
uses($ann, $one, 'public', 'it serves who lost his own');
$fixture->sql("CREATE USER MAPPING FOR ann SERVER api OPTIONS (api_key '$key+ann')");
uses($ann, $one, 'ann', 'until there is one again');
$fixture->sql('DROP USER MAPPING FOR PUBLIC SERVER api');

# ---- plans that were made under another role ----

foreach my $mode (qw(auto force_generic_plan force_custom_plan))
{
	$super->value("SET plan_cache_mode = $mode; DEALLOCATE ALL");
	$super->value("PREPARE q AS $one; PREPARE p(uuid) AS SELECT count(*) FROM api.connections WHERE id = \$1");
	$super->value("EXECUTE q; EXECUTE p('$connection')") for 1 .. 7;
	uses($super, "SET ROLE ann; EXECUTE q", 'ann', "$mode: a plan of another role uses the new one's mapping");
	uses($super, "EXECUTE p('$connection')", 'ann', "$mode: one with parameters as well");
	uses($super, "SET ROLE ben; EXECUTE q; EXECUTE p('$connection')", 'ben', "$mode: and the next one's");
	refuses($super, 'SET ROLE reader; EXECUTE q', $no_mapping, "$mode: or none");
	uses($super, 'RESET ROLE; EXECUTE q', 'super', "$mode: back again");
}
$super->value('RESET plan_cache_mode; DEALLOCATE ALL');
$fixture->sql(<<"SQL");
CREATE FUNCTION counted() RETURNS bigint LANGUAGE plpgsql AS \$\$ BEGIN RETURN ($one); END \$\$;
CREATE FUNCTION counted_sql() RETURNS bigint STABLE LANGUAGE sql AS \$\$ $one \$\$;
SQL
$super->value('SELECT counted(), counted_sql()') for 1 .. 7;
uses($super, 'SET ROLE ann; SELECT counted()', 'ann', 'plans of PL/pgSQL are not bound to a role');
uses($super, 'SELECT counted_sql()', 'ann', 'nor are those of an SQL function');
uses($super, 'RESET ROLE; SELECT counted()', 'super', 'back again');

# ---- cursors belong to who opened them ----

my $all = 'SELECT id FROM api.connections';
$fixture->server('narrow', page_size => 5, max_concurrency => 1);
$fixture->sql("CREATE USER MAPPING FOR ann SERVER narrow OPTIONS (api_key '$key+ann'); GRANT USAGE ON SCHEMA narrow TO ann;"
	. ' GRANT SELECT ON ALL TABLES IN SCHEMA narrow TO ann');
uses($super, "BEGIN; SET ROLE ann; DECLARE c CURSOR FOR SELECT id FROM narrow.connections; RESET ROLE; MOVE ALL FROM c; COMMIT",
	'ann', 'fetched from under another role, a cursor uses the mapping of who opened it');
uses($super, "BEGIN; SET ROLE ann; DECLARE c CURSOR FOR SELECT id FROM narrow.connections; MOVE 7 FROM c; SET ROLE reader; MOVE ALL FROM c; RESET ROLE; COMMIT",
	'ann', 'also in the middle');

# ---- views ----

$owner->value(<<"SQL");
CREATE SCHEMA report;
GRANT USAGE ON SCHEMA report TO PUBLIC;
CREATE VIEW report.plain AS SELECT id, company_id, status FROM api.connections;
CREATE VIEW report.over AS SELECT id, company_id FROM report.plain;
CREATE VIEW report.barrier WITH (security_barrier) AS SELECT id, company_id FROM api.connections;
CREATE VIEW report.invoker WITH (security_invoker) AS SELECT id, company_id FROM api.connections;
CREATE VIEW report.invoker_over WITH (security_invoker) AS SELECT id, company_id FROM report.plain;
CREATE VIEW report.over_invoker AS SELECT id, company_id FROM report.invoker;
CREATE VIEW report.arms AS SELECT id FROM api.connections WHERE company_id = '$company'
	UNION ALL SELECT id FROM api.accounts WHERE company_id = '$company' UNION ALL SELECT id FROM api.companies;
CREATE FUNCTION report.definer() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS \$\$ $one \$\$;
CREATE FUNCTION report.invoker() RETURNS bigint LANGUAGE sql AS \$\$ $one \$\$;
CREATE VIEW report.calls AS SELECT report.invoker() AS n;
CREATE FUNCTION report.open() RETURNS refcursor LANGUAGE plpgsql SECURITY DEFINER AS
	\$\$ DECLARE c refcursor := 'c'; BEGIN OPEN c FOR $all; RETURN c; END \$\$;
CREATE FUNCTION report.link() RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
	AS \$\$ SELECT nectar.connection_magic_link('$connection', 'api') \$\$;
CREATE FUNCTION report.rotates() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS \$\$
	BEGIN PERFORM ($one); EXECUTE 'ALTER USER MAPPING FOR owner SERVER api OPTIONS (SET api_key ''$key+second'')'; RETURN ($one); END \$\$;
GRANT SELECT ON ALL TABLES IN SCHEMA report TO PUBLIC;
SQL
my $by_id = "WHERE id = '$connection'";
uses($reader, "SELECT count(*) FROM report.$_ $by_id", 'owner', "a view of kind $_ reads with its owner's mapping, whoever asks")
  foreach qw(plain over barrier invoker_over);
refuses($reader, "SELECT count(*) FROM report.invoker $by_id", $no_mapping, 'one with security_invoker does not');
refuses($reader, "SELECT count(*) FROM report.over_invoker $by_id", $no_mapping, 'not even below a view of the owner');
uses($ann, "SELECT count(*) FROM report.invoker $by_id", 'ann', 'it reads with the mapping of who asks');
uses($super, "SET ROLE ann; SELECT count(*) FROM report.plain $by_id; RESET ROLE", 'owner', 'SET ROLE does not reach through a view');
uses($ann, "SELECT count(*) FROM report.plain p JOIN api.connections c USING (id) WHERE c.id = '$connection'", 'ann owner',
	'view and table of one query: each with its own');
uses($reader, "SELECT count(*) FROM report.plain WHERE company_id = '$company'", 'owner', 'count(*) by totals, through a view');
uses($reader, 'SELECT count(*) FROM report.plain', 'owner', 'count(*) of all companies, through a view');
like($reader->value('EXPLAIN (COSTS OFF) SELECT id FROM report.arms'), qr/Async Foreign Scan/, 'a view with arms');
uses($reader, 'SELECT id FROM report.arms', 'owner', 'they run side by side, through a view');
uses($ann, "SELECT id FROM report.arms UNION ALL SELECT id FROM api.connections WHERE company_id = '$company'", 'ann owner',
	"beside an arm of one's own");
uses($reader, 'SELECT report.definer()', 'owner', 'a SECURITY DEFINER function');
refuses($reader, 'SELECT report.invoker()', $no_mapping, 'one without');
refuses($reader, 'SELECT n FROM report.calls', $no_mapping, "a function called in a view runs as who asks: PostgreSQL's rule");
uses($reader, 'BEGIN; SELECT report.open(); MOVE ALL FROM c; COMMIT', 'owner', 'a cursor that a SECURITY DEFINER function opened');
uses($owner, 'CREATE MATERIALIZED VIEW report.kept AS SELECT id FROM api.connections', 'owner', 'a materialized view is filled by its owner');
uses($super, 'REFRESH MATERIALIZED VIEW report.kept', 'owner', "refreshed by a superuser, it is with the owner's mapping");
uses($super, 'CREATE UNIQUE INDEX ON report.kept (id); REFRESH MATERIALIZED VIEW CONCURRENTLY report.kept',
	'owner', 'also concurrently');
uses($owner, 'GRANT SELECT ON report.kept TO PUBLIC', '', 'read, it sends nothing');
uses($reader, 'SELECT count(*) FROM report.kept', '', 'not even by who has no mapping');
refuses($reader, 'REFRESH MATERIALIZED VIEW report.kept', qr/^ERROR:  42501:/m, 'who does not own it does not refresh it');
$super->value('ALTER VIEW report.plain OWNER TO ben');
uses($reader, "SELECT count(*) FROM report.plain $by_id", 'ben', 'a view given away reads with the mapping of its new owner');
uses($reader, "SELECT count(*) FROM report.over $by_id", 'ben', 'a view over it as well');
$super->value('ALTER VIEW report.plain OWNER TO owner');
uses($owner, 'PREPARE through AS SELECT count(*) FROM report.plain', '', 'a plan through a view');
uses($owner, 'EXECUTE through', 'owner', 'uses its owner\'s mapping');
$super->value('ALTER VIEW report.plain OWNER TO ben');
uses($owner, 'EXECUTE through', 'ben', 'and the new one\'s after it was given away');
$super->value('ALTER VIEW report.plain OWNER TO owner');

# A view hands nobody a link, and no act.
refuses($reader, "SELECT nectar.connection_magic_link('$connection', 'api')", qr/^ERROR:  42501: permission denied for function/m,
	'no EXECUTE: no link');
$fixture->sql('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA nectar TO reader');
refuses($reader, "SELECT nectar.connection_magic_link('$connection', 'api')", qr/^ERROR:  42501: permission denied for foreign server/m,
	'no USAGE: no link');
$fixture->sql('GRANT USAGE ON FOREIGN SERVER api TO reader');
refuses($reader, "SELECT nectar.$_", $no_mapping, "no mapping: no $_")
  foreach "connection_magic_link('$connection', 'api')", "confirm_accounts('$connection', true, 'api')",
  "company_magic_link('$company', server => 'api')", "ping('api')";
refuses($reader, "SELECT * FROM nectar.$_", $no_mapping, "no mapping: no $_")
  foreach "bulk_confirm_accounts(ARRAY['$connection'::uuid], true, 'api')", "reconnect_links('$company', server => 'api')";
$fixture->sql('REVOKE USAGE ON FOREIGN SERVER api FROM reader; REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA nectar FROM reader');
uses($reader, 'SELECT report.link()', 'owner', "a function of the owner's hands out a link with his rights and his key, as he meant it");

# ---- ANALYZE ----

uses($super, 'ANALYZE api.companies', 'super', 'ANALYZE by a superuser');
$fixture->sql('ALTER FOREIGN TABLE api.companies OWNER TO owner');
uses($super, 'ANALYZE api.companies', 'owner', "ANALYZE reads with the mapping of the table's owner: PostgreSQL makes it so");
uses($owner, 'ANALYZE api.companies', 'owner', 'by the owner too');
$sandbox->clear_log;
like($ann->error('ANALYZE api.companies'), qr/^WARNING:.*skipping "companies" --- only/m, 'others skip it');
is(holders(), '', 'and send nothing');
$fixture->sql('ALTER DATABASE postgres OWNER TO ben');
uses($ben, 'ANALYZE api.companies', 'owner', "the database's owner may, with the mapping of the table's owner");
$fixture->sql('ALTER DATABASE postgres OWNER TO postgres; ALTER FOREIGN TABLE api.companies OWNER TO reader');
like($super->error('ANALYZE api.companies'), $no_mapping, 'an owner without mapping is an error');
$fixture->sql('ALTER FOREIGN TABLE api.companies OWNER TO postgres');

# ---- triggers ----

$fixture->sql(<<"SQL");
CREATE TABLE public.events (id int, n bigint);
GRANT ALL ON public.events TO PUBLIC;
CREATE FUNCTION public.watch() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN NEW.n := ($one); RETURN NEW; END \$\$;
CREATE TRIGGER watch BEFORE INSERT ON public.events FOR EACH ROW EXECUTE FUNCTION public.watch();
SQL
uses($ann, 'INSERT INTO public.events (id) VALUES (1)', 'ann', 'a trigger reads as who fired it');
refuses($reader, 'INSERT INTO public.events (id) VALUES (1)', $no_mapping, 'who needs a mapping');
$fixture->sql('ALTER FUNCTION public.watch() OWNER TO owner; ALTER FUNCTION public.watch() SECURITY DEFINER');
uses($reader, 'INSERT INTO public.events (id) VALUES (1)', 'owner', 'with SECURITY DEFINER, as its owner');
is($super->value('SELECT count(*), min(n), max(n) FROM public.events'), '2|1|1', 'and both saw the row');

# ---- mappings that change in the middle ----

my $change = sub {
	my ($holder) = @_;
	return $fixture->sql("ALTER USER MAPPING FOR ann SERVER api OPTIONS (SET api_key '$key+$holder')");
};
uses($reader, 'SELECT report.rotates()', 'owner second', 'a function that changes its own key uses the new one at once');
$fixture->sql("ALTER USER MAPPING FOR owner SERVER api OPTIONS (SET api_key '$key+owner')");
$ann->value("SET plan_cache_mode = force_generic_plan; PREPARE generic AS $one");
foreach my $isolation ('READ COMMITTED', 'REPEATABLE READ')
{
	$ann->value("BEGIN ISOLATION LEVEL $isolation");
	$change->('first');
	uses($ann, $one, 'first', "$isolation: a query in a transaction");
	uses($ann, "SELECT nectar.ping('api')", 'first', "$isolation: a function in a transaction");
	$change->('second');
	uses($ann, "SELECT nectar.ping('api')", 'second', "$isolation: a key that changed meanwhile counts at the next call of a function");
	$change->('third');
	uses($ann, $one, 'third', "$isolation: and at the next query of the same table");
	$change->('fourth');
	uses($ann, "SELECT nectar.connection_magic_link('$connection', 'api')", 'fourth', "$isolation: and of a function that hands out links");
	$ann->value('EXECUTE generic') for 1 .. 3;
	$change->('fifth');
	uses($ann, 'EXECUTE generic', 'fifth', "$isolation: and when a prepared plan runs again");
	$ann->value('COMMIT');
}
$fixture->sql("ALTER SERVER api OPTIONS (ADD read_only 'false')");
$ann->value("BEGIN; SELECT nectar.ping('api')");
$fixture->sql("ALTER SERVER api OPTIONS (SET read_only 'true')");
refuses($ann, "SELECT nectar.connection_magic_link('$connection', 'api')", qr/^ERROR:  25006:.*read_only/m,
	'read_only that was set meanwhile counts within a transaction');
$ann->value('ROLLBACK');
$fixture->sql("ALTER SERVER api OPTIONS (SET read_only 'false')");
$ann->value('BEGIN');
$ann->value("SELECT count(*) FROM api.connections WHERE company_id = '$company'");
$fixture->sql("ALTER SERVER api OPTIONS (ADD company_ids '" . $fixture->company(2) . "')");
is($ann->value("SELECT count(*) FROM api.connections WHERE company_id = '$company'"), 0, 'as does company_ids');
$ann->value('COMMIT');
$fixture->sql('ALTER SERVER api OPTIONS (DROP company_ids)');
$ann->value('BEGIN; EXECUTE generic');
$fixture->sql("ALTER SERVER api OPTIONS (ADD company_ids '" . $fixture->company(2) . "')");
is($ann->value('EXECUTE generic'), 0, 'also where a prepared plan runs again');
$ann->value('COMMIT');
$fixture->sql('ALTER SERVER api OPTIONS (DROP company_ids)');
$ann->value("BEGIN; DECLARE c CURSOR FOR SELECT id FROM narrow.connections; MOVE 3 FROM c");
$sandbox->clear_log;
$fixture->sql("ALTER USER MAPPING FOR ann SERVER narrow OPTIONS (SET api_key '$key+later')");
uses($ann, 'MOVE ALL FROM c', 'ann', 'a cursor goes on as it began');
$ann->value('CLOSE c');
uses($ann, 'SELECT id FROM narrow.connections', 'later', 'the next one does not');
$ann->value('COMMIT');
$change->('ann');

# What is rolled back never was: a session's own changes as well.
$super->value("BEGIN; SAVEPOINT s; ALTER USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (SET api_key '$key+undone')");
uses($super, $one, 'undone', 'a change of its own counts before it is committed');
uses($ann, $one, 'ann', 'for nobody else');
uses($super, "ROLLBACK TO s; $one", 'super', 'and no longer when it was rolled back to a savepoint');
uses($super, "ALTER USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (SET api_key '$key+undone'); $one", 'undone', 'changed once more');
uses($super, "ROLLBACK; $one", 'super', 'and rolled back with its transaction');
$super->value("BEGIN; ALTER SERVER api OPTIONS (ADD company_ids '" . $fixture->company(2) . "')");
is($super->value("SELECT count(*) FROM api.connections WHERE company_id = '$company'"), 0, 'a scope of its own, uncommitted');
is($super->value("ROLLBACK; SELECT count(*) FROM api.connections WHERE company_id = '$company'"), 12, 'and rolled back');

# ---- a role that goes in the middle ----

$fixture->sql(<<"SQL");
CREATE ROLE leaver LOGIN;
CREATE USER MAPPING FOR leaver SERVER api OPTIONS (api_key '$key+leaver');
CREATE USER MAPPING FOR leaver SERVER narrow OPTIONS (api_key '$key+leaver');
GRANT USAGE ON SCHEMA narrow TO PUBLIC; GRANT SELECT ON narrow.connections TO PUBLIC;
SQL
my $leaver = $fixture->session(user => 'leaver');
uses($leaver, $one, 'leaver', 'a role that will be dropped');
$leaver->value('BEGIN; DECLARE c CURSOR FOR SELECT id FROM narrow.connections; MOVE 3 FROM c');
like($fixture->session->error('DROP ROLE leaver'), qr/^ERROR:  2BP01:/m, 'it cannot be while it has a mapping');
$fixture->sql('DROP USER MAPPING FOR leaver SERVER api; DROP USER MAPPING FOR leaver SERVER narrow; DROP ROLE leaver');
uses($leaver, 'MOVE ALL FROM c', 'leaver', 'dropped with its mapping, its open cursor goes on');
refuses($leaver, $one, qr/^ERROR:  42704: user mapping not found for "\?" on server "api"/m, 'its next query does not');
$leaver->value('ROLLBACK');
refuses($leaver, $one, qr/^ERROR:  42704: user mapping not found for "\?" on server "api"/m, 'nor one after that');
refuses($leaver, "SELECT nectar.ping('api')", qr/^ERROR:  42501:/m, 'nor does a function');
refuses($leaver, 'SELECT nectar.ping()', qr/^ERROR:  /m, 'with no server named either');

# ---- what makes the server process read files, or skip checks ----

my $superuser_only = qr/^ERROR:  42501: option "\w+"(?: with plain http)? is for superusers only/m;
$fixture->sql('GRANT USAGE ON FOREIGN DATA WRAPPER connection_fdw TO ben; GRANT CREATE ON DATABASE postgres TO ben');
refuses($ben, "CREATE SERVER mine FOREIGN DATA WRAPPER connection_fdw OPTIONS ($_)", $superuser_only, "CREATE SERVER with $_")
  foreach q{ca_file '/etc/hostname'}, q{proxy 'http://127.0.0.1:1'}, q{base_url 'http://127.0.0.1:1'},
  q{base_url 'HTTP://localhost:1'}, q{dashboard_url 'http://127.0.0.1'};
$ben->value(q{CREATE SERVER mine FOREIGN DATA WRAPPER connection_fdw OPTIONS (base_url 'https://127.0.0.1:1', max_retries '0')});
refuses($ben, "ALTER SERVER mine OPTIONS ($_)", $superuser_only, "ALTER SERVER with $_")
  foreach q{ADD ca_file '/etc/hostname'}, q{ADD proxy 'http://127.0.0.1:1'}, q{SET base_url 'http://127.0.0.1:1'},
  q{DROP base_url, ADD ca_file '/etc/hostname'};
refuses($ben, "CREATE USER MAPPING FOR ben SERVER mine OPTIONS (api_key_file '/etc/hostname')", $superuser_only,
	'CREATE USER MAPPING with api_key_file');
$ben->value(q{CREATE USER MAPPING FOR ben SERVER mine OPTIONS (api_key 'k')});
refuses($ben, "ALTER USER MAPPING FOR ben SERVER mine OPTIONS (DROP api_key, ADD api_key_file '/etc/hostname')", $superuser_only,
	'ALTER USER MAPPING with api_key_file');
refuses($ben, "CREATE USER MAPPING FOR PUBLIC SERVER mine OPTIONS (api_key_file '/etc/hostname')", $superuser_only,
	'a mapping of PUBLIC with api_key_file');
refuses($ben, 'CREATE SCHEMA imported', qr/^$/, 'a schema');
refuses($ben, "IMPORT FOREIGN SCHEMA nectar FROM SERVER mine INTO imported OPTIONS ($_)", qr/^ERROR:  HV00D:/m, "IMPORT with $_")
  foreach q{ca_file '/etc/hostname'}, q{base_url 'http://127.0.0.1:1'}, q{api_key_file '/etc/hostname'};
refuses($ben, "CREATE FOREIGN TABLE imported.t (id uuid) SERVER mine OPTIONS (resource 'companies', $_)", qr/^ERROR:  HV00D:/m,
	"CREATE FOREIGN TABLE with $_")
  foreach q{ca_file '/etc/hostname'}, q{base_url 'http://127.0.0.1:1'}, q{api_key_file '/etc/hostname'}, q{proxy 'http://127.0.0.1:1'};
refuses($ben, "CREATE FOREIGN TABLE imported.t (id uuid OPTIONS (ca_file '/etc/hostname')) SERVER mine OPTIONS (resource 'companies')",
	qr/^ERROR:  HV00D:/m, 'a column with ca_file');
refuses($ben, 'CREATE FOREIGN DATA WRAPPER unchecked HANDLER nectar.connection_fdw_handler NO VALIDATOR', qr/^ERROR:  42501:/m,
	'a wrapper without validator is for superusers: core says so');
refuses($ben, 'ALTER FOREIGN DATA WRAPPER connection_fdw NO VALIDATOR', qr/^ERROR:  42501:/m, 'as is to take it away');
refuses($ben, "SELECT nectar.connection_fdw_validator(ARRAY['ca_file=/etc/hostname'], 'pg_foreign_server'::regclass)", $superuser_only,
	'calling the validator gains nothing');

# A server with such options that a superuser made and gave away.
my $given = $sandbox->https . '/v2.2';
my $ca = $sandbox->ca;
$fixture->sql(<<"SQL");
CREATE SERVER given FOREIGN DATA WRAPPER connection_fdw OPTIONS (base_url '$given', ca_file '$ca', max_retries '0');
CREATE USER MAPPING FOR ben SERVER given OPTIONS (api_key '$key+ben');
GRANT ben TO postgres;
ALTER SERVER given OWNER TO ben;
SQL
uses($ben, "SELECT nectar.ping('given')", 'ben', 'a server given away, with ca_file, is used by its owner');
refuses($ben, "ALTER SERVER given OPTIONS ($_)", $superuser_only, "he cannot alter it, not even by $_")
  foreach q{SET ca_file '/etc/hostname'}, q{SET base_url 'https://127.0.0.1:1'}, q{ADD page_size '5'};
refuses($ben, 'ALTER SERVER given OPTIONS (DROP ca_file)', qr/^$/, 'but drop the option he may: that reads no file');
refuses($ben, "ALTER SERVER given OPTIONS (ADD ca_file '$ca')", $superuser_only, 'and not have it back');
$fixture->sql("CREATE SERVER plain FOREIGN DATA WRAPPER connection_fdw OPTIONS (base_url '" . $sandbox->http . q{/v2.2'); ALTER SERVER plain OWNER TO ben});
refuses($ben, q{ALTER SERVER plain OPTIONS (SET base_url 'http://127.0.0.1:1')}, $superuser_only, 'plain http given away stays as it is');
refuses($ben, q{ALTER SERVER plain OPTIONS (SET base_url 'https://127.0.0.1:1')}, qr/^$/, 'or becomes https');
my $file = $fixture->node->basedir . '/key';
$fixture->sql("CREATE USER MAPPING FOR ben SERVER plain OPTIONS (api_key_file '$file')");
refuses($ben, q{ALTER USER MAPPING FOR ben SERVER plain OPTIONS (SET api_key_file '/etc/hostname')}, $superuser_only,
	'a key file given by a superuser is not exchanged');
refuses($ben, q{ALTER USER MAPPING FOR ben SERVER plain OPTIONS (DROP api_key_file, ADD api_key 'k')}, qr/^$/, 'but given up');

# ---- nothing that acts is for PUBLIC ----

# These read with the caller's mapping, or write tables of the caller's.
is($super->value(<<'SQL'), '', 'no function that acts is for PUBLIC');
SELECT p.oid::regprocedure FROM pg_proc p
  JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'connection_fdw'
 WHERE p.proname !~ '^(ping|read_(listings|connection)|create_history|observe|forget|history_\w+|webhook_merge)$'
   AND p.provolatile = 'v' AND p.proname !~ '^connection_fdw_(handler|validator)$'
   AND has_function_privilege('public', p.oid, 'EXECUTE')
SQL
is($super->value(<<'SQL'), '', 'no function that is volatile may run in a parallel worker, and none has rights of its owner');
SELECT p.oid::regprocedure FROM pg_proc p
  JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'connection_fdw'
 WHERE p.prosecdef OR (p.provolatile = 'v' AND p.proparallel <> 'u' AND p.proname !~ '^connection_fdw_(handler|validator)$')
SQL

$super->value('SET force_parallel_mode = on; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0');
$super->value('CREATE TABLE public.many AS SELECT generate_series(1, 20000) AS i; ANALYZE public.many');
unlike($super->value("EXPLAIN SELECT nectar.ping('api') FROM public.many"), qr/Gather/, 'a function that asks keeps its query out of parallel plans');
like($super->value('EXPLAIN SELECT count(*) FROM public.many'), qr/Gather/, 'which there are');
$super->value("ALTER FUNCTION nectar.confirm_accounts(uuid, boolean, name) PARALLEL SAFE");
refuses($super, "SELECT nectar.confirm_accounts('$connection', true, 'api') FROM public.many", qr/^ERROR:  25006: cannot execute nectar.confirm_accounts\(\) during a parallel operation/m,
	'declared safe by somebody, it is refused in a parallel operation');

$_->quit foreach $super, $owner, $ann, $ben, $reader, $member, $leaver;
$fixture->stop;
done_testing();
