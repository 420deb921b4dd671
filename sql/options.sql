-- Options: what may stand where, which values it takes, how a refusal reads, when a change takes effect.
\i test/lib/setup.sql
\set SHOW_CONTEXT never

\pset format unaligned
SELECT * FROM nectar.options();

-- What a command ends with; neither the data folder nor who runs the tests is shown.
SELECT set_config('suite.folder', current_setting('data_directory'), false),
       set_config('suite.me', current_user, false) \gset ignored_
CREATE FUNCTION utility.shown(command text) RETURNS text LANGUAGE sql AS $$
    SELECT replace(replace(attempt(command, ' / '), current_setting('suite.folder'), 'DATA'),
                   format('"%s"', current_setting('suite.me')), '"me"')
$$;
CREATE FUNCTION utility.attempt_server(option text, value text) RETURNS text LANGUAGE sql AS $$
    SELECT utility.shown(format('CREATE SERVER "%s" FOREIGN DATA WRAPPER connection_fdw OPTIONS (%s %L)',
                                  clock_timestamp(), option, value)) $$;
CREATE FUNCTION utility.attempt_table(option text, value text) RETURNS text LANGUAGE sql AS $$
    SELECT utility.shown(format('CREATE FOREIGN TABLE utility.%I (id uuid) SERVER sandbox OPTIONS (resource ''connections'', %s %L)',
                                  clock_timestamp(), option, value)) $$;
CREATE FUNCTION utility.attempt_key(options text) RETURNS text LANGUAGE sql AS $$
    SELECT utility.shown(format('ALTER USER MAPPING FOR CURRENT_USER SERVER spare OPTIONS (%s)', options)) $$;

-- Whole numbers within bounds.
SELECT o, v, attempt_server(o, v) FROM unnest(ARRAY['1', '500', '0', '501', '-1', '10abc', '30s', '', ' ', '99999999999']) v,
       (VALUES ('page_size')) AS options(o);
SELECT o, v, attempt_server(o, v) FROM
       (VALUES ('max_concurrency', '64'), ('max_concurrency', '0'), ('max_concurrency', '65'),
               ('max_requests', '0'), ('max_requests', '2147483647'), ('max_requests', '-1'), ('max_requests', '2147483648'),
               ('max_retries', '0'), ('max_retries', '20'), ('max_retries', '21'), ('max_retries', 'often')) AS t(o, v);

-- Durations and sizes take PostgreSQL's units; without one: milliseconds, kilobytes.
SELECT o, v, attempt_server(o, v) FROM
       (VALUES ('connect_timeout', '250'), ('connect_timeout', '10s'), ('connect_timeout', '1 min'),
               ('connect_timeout', '0'), ('connect_timeout', '2h'), ('connect_timeout', '-5s'), ('connect_timeout', '5 parsecs'),
               ('connect_timeout', '5MB'), ('connect_timeout', ''),
               ('request_timeout', '60s'), ('request_timeout', '1h'), ('request_timeout', '1d'),
               ('retry_max_delay', '500ms'), ('retry_max_delay', 'soon'),
               ('scan_memory', '64'), ('scan_memory', '64kB'), ('scan_memory', '1GB'), ('scan_memory', '63kB'),
               ('scan_memory', '16 MiB'), ('scan_memory', '5s'), ('scan_memory', '9999999TB'),
               ('max_response_size', '1MB'), ('max_response_size', '1GB'), ('max_response_size', '0'), ('max_response_size', '2GB')) AS t(o, v);

-- Booleans and choices.
SELECT o, v, attempt_server(o, v) FROM
       (VALUES ('read_only', 'true'), ('read_only', 'off'), ('read_only', 'YES'), ('read_only', 'maybe'), ('read_only', ''),
               ('on_unknown_status', 'error'), ('on_unknown_status', 'NULL'), ('on_unknown_status', 'ignore'),
               ('accounts_source', 'auto'), ('accounts_source', 'list'), ('accounts_source', 'details'), ('accounts_source', 'both'),
               ('accounts_source', '')) AS t(o, v);

-- URLs: https, or plain http to this machine; nothing before the host, nothing after the path.
SELECT translate(attempt_server('base_url', v), E'\r\n', '__') AS answer, translate(v, E'\r\n', '__') AS v FROM unnest(ARRAY[
    'https://external.nectarclimate.com/v2.2', 'HTTPS://external.nectarclimate.com/v2.1/', 'https://[2001:db8::1]:8443/v2',
    'http://localhost:8080/v2.2', 'http://127.0.0.1/v2.2', 'http://127.9.8.7:1/v2.2', 'http://[::1]:8080',
    '', 'external.nectarclimate.com', 'ftp://external.nectarclimate.com', 'file:///etc/passwd', 'https://', 'https://:443/v2', 'https:///v2.2',
    'http://external.nectarclimate.com/v2.2', 'http://127.0.0.1.example.com/', 'http://localhost.example.com/', 'http://10.0.0.1/', 'http://0.0.0.0/',
    'https://example.com/v2.2?tenant=1', 'https://example.com/v2.2#top', 'https://example.com/a b', E'https://example.com/\r\nX-Evil: 1',
    'https://example.com/ünïcode', 'https://example.com:port/v2.2', 'https://example.com:0/', 'https://example.com:99999/',
    'http://[::1]evil/']) v;
-- a password that stands in one is not shown
SELECT o, attempt_server(o, 'https://somebody:hunter2@example.com/') FROM unnest(ARRAY['base_url', 'dashboard_url', 'proxy']) o;
SELECT o, v, attempt_server(o, v) FROM
       (VALUES ('dashboard_url', 'https://dash.example.com'), ('dashboard_url', 'http://dash.example.com'), ('dashboard_url', 'dash.example.com'),
               ('proxy', 'http://proxy.example.com:3128'), ('proxy', 'socks5://proxy.example.com'), ('proxy', ''),
               ('ca_file', '/etc/ssl/ca.pem'), ('ca_file', 'ca.pem'), ('ca_file', '')) AS t(o, v);

-- Lists of companies.
SELECT attempt_server('company_ids', v), v FROM unnest(ARRAY[
    'c0000000-0000-4000-8000-000000000001', ' C0000000-0000-4000-8000-000000000001 , c0000000-0000-4000-8000-000000000002',
    '', ',', 'c0000000-0000-4000-8000-000000000001,', 'c0000000-0000-4000-8000-00000000000', 'Acme',
    'c0000000-0000-4000-8000-000000000001;c0000000-0000-4000-8000-000000000002']) v;

-- The key: it becomes a header, so it must be able to; it is never shown.
CREATE SERVER spare FOREIGN DATA WRAPPER connection_fdw OPTIONS (base_url :'base_url', max_retries '0');
CREATE USER MAPPING FOR CURRENT_USER SERVER spare OPTIONS (api_key 'nectar-sandbox-key');
SELECT attempt_key(v), attempt_key(v) ~ 'hush|evil' AS shows_key FROM unnest(ARRAY[
    $$SET api_key 'hush'$$, $$SET api_key ''$$, $$SET api_key 'hush hush'$$, $$SET api_key E'hush\n'$$,
    $$SET api_key E'hush\r\nX-evil: 1'$$, $$SET api_key 'hüsh'$$, $$SET api_key E'hush\tevil'$$,
    $$ADD api_key_file '/key'$$, $$ADD api_key_file 'key', DROP api_key$$]) v;

-- Names: the closest match, then all that may stand there.
SELECT attempt_server('pagesize', '1');
SELECT attempt_server('timeout', '1');
SELECT attempt_server('"Page_Size"', '1');
SELECT attempt_key($$ADD apikey 'hush'$$);

-- Secrets of webhooks: each with its prefix and the base64 of 16 to 128 bytes; none is shown.
SELECT attempt_key(format('ADD webhook_secret %L', v)), attempt_key(format('ADD webhook_secret %L', v)) ~ 'hush|evil' AS shows_secret
  FROM unnest(ARRAY['', '  ', 'hush', 'whsec_', 'whsec_hush', 'whsec_evil!!evil!!evil!!evil!!', 'whsec_' || repeat('hush', 5),
                    'whsec_' || repeat('hush', 43), 'WHSEC_' || repeat('hush', 6), repeat('hush', 6),
                    'whsec_' || repeat('hush', 6) || '; whsec_' || repeat('evil', 6), 'whsec_' || repeat('hush', 6) || ',hush']) AS v;
SELECT attempt_key(format('%s webhook_secret %L', CASE n WHEN 1 THEN 'ADD' ELSE 'SET' END, v))
  FROM unnest(ARRAY['whsec_' || repeat('hush', 6), 'whsec_' || repeat('hush', 5) || 'hQ==', 'whsec_' || repeat('hush', 42) || 'hu4=',
                    'whsec_' || repeat('hush', 6) || ', whsec_' || repeat('evil', 6), repeat(' whsec_' || repeat('+/AZ', 16), 3)])
       WITH ORDINALITY AS t(v, n);
SELECT attempt_table('ressource', 'sites');
SELECT shown('ALTER FOREIGN TABLE connections ALTER id OPTIONS (ADD path ''id'')');
SELECT shown('IMPORT FOREIGN SCHEMA nectar FROM SERVER sandbox INTO public OPTIONS (statustype ''text'')');
SELECT shown('ALTER FOREIGN DATA WRAPPER connection_fdw OPTIONS (ADD verbose ''1'')');

-- In another place: where it belongs.
SELECT attempt_server('api_key', 'hush');
SELECT attempt_server('resource', 'sites');
SELECT attempt_server('status_type', 'text');
SELECT attempt_server('json_path', 'a.b');
SELECT attempt_key($$ADD base_url 'https://example.com'$$);
SELECT attempt_key($$ADD company_ids 'c0000000-0000-4000-8000-000000000001'$$);
SELECT attempt_table('page_size', '1');
SELECT attempt_table('api_key', 'hush');
SELECT shown('ALTER FOREIGN TABLE connections ALTER id OPTIONS (ADD resource ''sites'')');
SELECT shown('ALTER FOREIGN DATA WRAPPER connection_fdw OPTIONS (ADD page_size ''1'')');
SELECT shown('IMPORT FOREIGN SCHEMA nectar FROM SERVER sandbox INTO public OPTIONS (page_size ''1'')');

-- Tables.
SELECT shown('CREATE FOREIGN TABLE utility.t (id uuid) SERVER sandbox');
SELECT shown('CREATE FOREIGN TABLE utility.t (id uuid) SERVER sandbox OPTIONS (resource ''meters'')');
SELECT shown('CREATE FOREIGN TABLE utility.t (id uuid) SERVER sandbox OPTIONS (resource ''Sites'')');
SELECT shown('CREATE FOREIGN TABLE utility.t (id uuid) SERVER sandbox OPTIONS (resource '''')');
SELECT shown('ALTER FOREIGN TABLE connections OPTIONS (DROP resource)');
SELECT attempt_table('company_ids', 'Acme');
SELECT attempt_table('company_ids', 'c0000000-0000-4000-8000-000000000001');
SELECT attempt_table('on_unknown_status', 'error');
SELECT attempt_table('on_unknown_status', 'warn');

-- A path to a secret is none.
SELECT v, shown(format('ALTER FOREIGN TABLE connections ALTER url OPTIONS (ADD json_path %L)', v))
  FROM unnest(ARRAY['connectionMagicLinkSecret', 'company.apiToken', 'a.passWord.b', 'magic_link_url', 'Invitation-URL',
                    '', '.', 'company.', 'company..name', '.company', 'a.b.c.d.e.f.g.h.i', 'a.b.c.d.e.f.g.h']) v;

-- The validator by itself.
SELECT shown($$SELECT nectar.connection_fdw_validator(ARRAY['page_size=0'], 'pg_foreign_server'::regclass)$$);
SELECT shown($$SELECT nectar.connection_fdw_validator(ARRAY['page_size=7'], 'pg_foreign_server'::regclass)$$);
SELECT shown($$SELECT nectar.connection_fdw_validator(ARRAY['page_size=7'], 'pg_class'::regclass)$$);
SELECT shown($$SELECT nectar.connection_fdw_validator(ARRAY[NULL], 'pg_foreign_server'::regclass)$$);

-- What reaches into the machine is for superusers.
CREATE ROLE regress_owner;
GRANT USAGE ON FOREIGN DATA WRAPPER connection_fdw TO regress_owner;
GRANT USAGE ON SCHEMA utility TO regress_owner;
SET ROLE regress_owner;
SELECT o, attempt_server(o, v) FROM
       (VALUES ('ca_file', '/etc/ssl/ca.pem'), ('proxy', 'http://proxy.example.com'), ('base_url', 'http://127.0.0.1:8080'),
               ('dashboard_url', 'http://127.0.0.1:8080'), ('base_url', 'https://example.com/v2.2'), ('page_size', '7')) AS t(o, v);
CREATE SERVER theirs FOREIGN DATA WRAPPER connection_fdw;
SELECT shown($$CREATE USER MAPPING FOR CURRENT_USER SERVER theirs OPTIONS (api_key_file '/etc/passwd')$$);
SELECT shown($$CREATE USER MAPPING FOR CURRENT_USER SERVER theirs OPTIONS (api_key 'hush')$$);
SELECT shown($$ALTER USER MAPPING FOR CURRENT_USER SERVER theirs OPTIONS (ADD api_key_file '/etc/passwd', DROP api_key)$$);
RESET ROLE;
SET client_min_messages = warning;
DROP OWNED BY regress_owner;
DROP ROLE regress_owner;
RESET client_min_messages;
\pset format aligned

-- None of this asked the API anything.
SELECT * FROM seen();

-- A change takes effect at the next statement, prepared ones included.
PREPARE listing AS SELECT count(id) FROM connections WHERE company_id = company(1);
EXECUTE listing;
SELECT * FROM seen();
ALTER SERVER sandbox OPTIONS (ADD page_size '5');
EXECUTE listing;
SELECT * FROM seen();
BEGIN;
ALTER SERVER sandbox OPTIONS (SET page_size '10');
EXECUTE listing;
ROLLBACK;
EXECUTE listing;
SELECT * FROM seen();
ALTER SERVER sandbox OPTIONS (ADD max_requests '2');
EXECUTE listing;
ALTER SERVER sandbox OPTIONS (DROP max_requests, DROP page_size);
EXECUTE listing;
SELECT test.clear() AS nothing \gset
ALTER USER MAPPING FOR CURRENT_USER SERVER sandbox OPTIONS (SET api_key 'another-key');
SELECT shown('EXECUTE listing');
ALTER USER MAPPING FOR CURRENT_USER SERVER sandbox OPTIONS (DROP api_key);
SELECT shown('EXECUTE listing');
ALTER USER MAPPING FOR CURRENT_USER SERVER sandbox OPTIONS (ADD api_key 'nectar-sandbox-key');
EXECUTE listing;
SELECT status, key_ok, count(*) FROM test.requests() GROUP BY 1, 2 ORDER BY 1;

-- The key in a file: the server's own, read again when it changes.
CREATE FUNCTION utility.write_key(key text, mode text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('COPY (SELECT %L) TO PROGRAM %L', key,
                   format('rm -f %1$s; umask 077; cat > %1$s; chmod %2$s %1$s', current_setting('suite.folder') || '/regress_key', mode));
END $$;
SELECT shown(format('ALTER USER MAPPING FOR CURRENT_USER SERVER sandbox OPTIONS (DROP api_key, ADD api_key_file %L)',
                      current_setting('suite.folder') || '/regress_key'));
SELECT shown('EXECUTE listing');
SELECT write_key('nectar-sandbox-key', '600');
SELECT shown('EXECUTE listing');
SELECT write_key('another-key', '600');
SELECT shown('EXECUTE listing');
SELECT write_key('nectar-sandbox-key', '644');
SELECT shown('EXECUTE listing');
SELECT write_key(E'hush hush', '600');
SELECT shown('EXECUTE listing');
SELECT write_key('', '600');
SELECT shown('EXECUTE listing');
SELECT write_key('nectar-sandbox-key', '400');
EXECUTE listing;
COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; rm regress_key';
