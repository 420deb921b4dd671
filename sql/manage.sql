-- Acts that create and change: connections, their settings, the tracking of accounts.
\i test/lib/setup.sql
\i test/lib/outcome.sql
\i test/lib/acts.sql
\set site1 '50000000-0000-4000-8000-000000000001'
\set site3 '50000000-0000-4000-8000-000000000003'

-- A new connection: the next statement sees it.
SELECT * FROM create_connection(company(1), 'https://nectarclimate.com', 'nectar-sandbox-username', 'nectar-sandbox-password', ARRAY[:'site1', :'site3']::uuid[], 'us');
SELECT id, status, username, country, initial_sites FROM connections WHERE company_id = company(1) AND id > connection(60);
SELECT * FROM sent() WHERE method = 'POST';
-- What is absent is absent from the body; every character arrives.
SELECT status FROM create_connection(company_id => company(2), url => 'https://portal.example/a?b=c&d', username => 'Jörg "J" \ ', password => E'p"\\/\u00fc\t\n\U0001F511', server => 'sandbox');
SELECT status FROM create_connection(company(2), 'https://portal.example', 'user', 'x', sites => NULL, country => NULL);
SELECT * FROM sent();
-- A status that the enum type lacks.
SELECT test.fault('{"kind": "patch", "set": {"status": "ON_HOLD"}}') \gset
SELECT id IS NOT NULL AS created, status FROM create_connection(company(2), 'https://portal.example', 'user', 'x');
ALTER SERVER sandbox OPTIONS (ADD on_unknown_status 'error');
SELECT id IS NOT NULL AS created, status FROM create_connection(company(2), 'https://portal.example', 'user', 'x');
ALTER SERVER sandbox OPTIONS (DROP on_unknown_status);
SELECT test.faults_clear() \gset
-- Refused before anything is sent, without a word about the password.
SELECT test.clear() \gset
SELECT * FROM refusals(ARRAY[
    $$create_connection(NULL, 'https://portal.example', 'user', 'pass-7301')$$,
    $$create_connection(company(1), NULL, 'user', 'pass-7301')$$,
    $$create_connection(company(1), 'https://portal.example', NULL, 'pass-7301')$$,
    $$create_connection(company(1), 'https://portal.example', 'user', NULL)$$,
    $$create_connection(company(1), '', 'user', 'pass-7301')$$,
    $$create_connection(company(1), 'https://portal.example', '', 'pass-7301')$$,
    $$create_connection(company(1), 'https://portal.example', 'user', '')$$,
    $$create_connection(company(1), 'https://portal.example', 'user', 'pass-7301', '{}')$$,
    $$create_connection(company(1), 'https://portal.example', 'user', 'pass-7301', '{NULL}')$$,
    $$create_connection(company(1), 'https://portal.example', 'user', 'pass-7301', NULL, 'USA')$$,
    $$create_connection(company(1), 'https://portal.example', 'user', 'pass-7301', server => 'nowhere')$$]);
SELECT * FROM sent();
-- The API's refusals; what repeats the password is left out.
SELECT * FROM refusals(ARRAY[
    $$create_connection(company(15), 'https://portal.example', 'user', 'pass-7301')$$,
    $$create_connection(company(1), 'https://portal.example', 'user', 'pass-7301', '{50000000-0000-4000-8000-0000000000ff}')$$]);
SELECT test.fault(jsonb_build_object('kind', 'status', 'status', 400, 'content_type', 'application/json', 'body', '{"detail": "password pass-7301 is too weak"}')) \gset
SELECT * FROM refusals(ARRAY[$$create_connection(company(1), 'https://portal.example', 'user', 'pass-7301')$$,
                             $$create_connection(company(1), 'https://portal.example', 'user', 'weak')$$]);
SELECT test.faults_clear() \gset
SELECT test.fault(jsonb_build_object('kind', 'status', 'status', 400, 'content_type', 'application/json', 'body', '{"detail": "no login at /?p=a%2Fb%C3%BC"}')) \gset
SELECT * FROM refusals(ARRAY[$$create_connection(company(1), 'https://portal.example', 'user', 'a/bü')$$]);
SELECT test.faults_clear() \gset
-- It was created, but the answer does not say which connection it is.
SELECT test.fault('{"kind": "patch", "unset": ["id"]}') \gset
SELECT * FROM refusals(ARRAY[$$create_connection(company(1), 'https://portal.example', 'user', 'x')$$]);
SELECT test.faults_clear(), test.fault('{"kind": "patch", "set": {"id": "17"}}') \gset
SELECT * FROM refusals(ARRAY[$$create_connection(company(1), 'https://portal.example', 'user', 'x')$$]);
SELECT test.faults_clear(), test.fault('{"kind": "patch", "set": {"status": []}}') \gset
\set SHOW_CONTEXT always
SELECT * FROM create_connection(company(1), 'https://portal.example', 'user', 'x');
\set SHOW_CONTEXT errors
SELECT test.faults_clear() \gset

-- Settings: those given, and null by a word of its own.
SELECT test.clear() \gset
CREATE VIEW utility.settings AS SELECT id, data_collection_start_date, multiply_by_occupancy FROM connections WHERE id = connection(2);
SELECT * FROM settings;
SELECT a ->> 'id' AS id, a ? 'connectionMagicLinkSecret' AS secret FROM update_connection(connection(2), '2024-02-29') a;
SELECT * FROM settings;
SELECT update_connection(connection(2), multiply_by_occupancy => true) IS NULL AS empty;
SELECT update_connection(connection(2), '1899-12-31', false) IS NULL AS empty;
SELECT * FROM settings;
SELECT update_connection(connection(2), clear_start_date => true, multiply_by_occupancy => true) IS NULL AS empty;
SELECT * FROM settings;
SELECT path, body, n FROM sent() WHERE method = 'PATCH';
SELECT * FROM refusals('{update_connection(NULL),update_connection(connection(2)),"update_connection(connection(2), NULL, NULL, NULL, NULL)","update_connection(connection(2), ''infinity'')","update_connection(connection(2), ''0044-03-15 BC'')","update_connection(connection(2), ''2024-01-01'', clear_start_date => true)"}');
SELECT * FROM sent();
SELECT * FROM refusals('{"update_connection(company(1), ''2024-01-01'')"}');

-- Tracking.
SELECT test.clear() \gset
CREATE VIEW utility.tracking AS SELECT id, status, tracking_status FROM accounts WHERE connection_id = connection(2);
SELECT a ->> 'id' AS id, a ->> 'trackingStatus' AS tracking FROM set_account_tracking(account(4), false) a;
SELECT * FROM tracking ORDER BY id;
SELECT set_account_tracking(account(4), true, false) ->> 'trackingStatus' AS tracking;
SELECT set_account_tracking(account_id => account(4), tracked => true, update_meters => true, server => 'sandbox') ->> 'trackingStatus' AS tracking;
SELECT * FROM sent() WHERE method = 'PATCH';
SELECT * FROM refusals('{"set_account_tracking(NULL, true)","set_account_tracking(account(4), NULL)","bulk_set_account_tracking(NULL, true)","bulk_set_account_tracking(''{}'', NULL)"}');
SELECT * FROM sent();
SELECT * FROM refusals('{"set_account_tracking(connection(2), true)"}');
-- In bulk: each once, in order of id; a failure does not hide the others.
SELECT test.clear() \gset
SELECT * FROM bulk_set_account_tracking(ARRAY[account(6), account(5), NULL, account(6), connection(1), account(5)], false);
SELECT * FROM sent();
SELECT count(*) FROM bulk_set_account_tracking('{}', true);
SELECT test.fault(jsonb_build_object('kind', 'status', 'status', 409, 'path', '/account/' || account(4))),
       test.fault(jsonb_build_object('kind', 'read_close', 'path', '/account/' || account(5))) \gset
SELECT account_id, ok, http_status, steady(detail) AS detail FROM bulk_set_account_tracking(ARRAY[account(4), account(5), account(6)], true, false);
SELECT * FROM sent();
SELECT test.faults_clear() \gset
-- Concurrently, and never more at once than allowed.
ALTER SERVER sandbox OPTIONS (ADD max_concurrency '4');
SELECT test.latency(20), test.clear() \gset
SELECT count(*), bool_and(ok) FROM bulk_set_account_tracking(ARRAY(SELECT account(n) FROM generate_series(1, 24) n), true);
SELECT (test.stats() ->> 'max_in_flight')::int AS most, (test.stats() ->> 'requests')::int AS requests;
SELECT test.latency(0), test.clear() \gset
ALTER SERVER sandbox OPTIONS (DROP max_concurrency);

-- The fence: companies outside company_ids cannot be acted on.  An account
-- does not name its company, so those in scope are read first.
ALTER SERVER sandbox OPTIONS (ADD company_ids 'c0000000-0000-4000-8000-000000000002');
SELECT id AS inside FROM accounts ORDER BY id LIMIT 1 \gset
SELECT test.clear() \gset
SELECT * FROM refusals('{"create_connection(company(1), ''https://portal.example'', ''user'', ''x'')","update_connection(connection(2), ''2024-01-01'')","set_account_tracking(account(4), true)"}');
SELECT * FROM sent();
SELECT set_account_tracking(:'inside', true) ->> 'trackingStatus' AS tracking;
SELECT account_id = :'inside' AS inside, ok, http_status, detail FROM bulk_set_account_tracking(ARRAY[:'inside', account(4)]::uuid[], true) ORDER BY account_id;
SELECT method, path LIKE '/account/%' AS act, n FROM sent();
ALTER SERVER sandbox OPTIONS (DROP company_ids);

-- Sent exactly once, whatever becomes of it.
ALTER SERVER sandbox OPTIONS (SET max_retries '3', ADD retry_max_delay '10ms', ADD request_timeout '500ms', ADD max_response_size '1MB');
SELECT * FROM once('SELECT create_connection(company(1), ''https://portal.example'', ''user'', ''x'') IS NULL');
SELECT fault, state, requests FROM once('SELECT update_connection(connection(2), ''2024-01-01'') IS NULL');
SELECT fault, state, requests FROM once('SELECT set_account_tracking(account(4), true) IS NULL');
ALTER SERVER sandbox OPTIONS (DROP request_timeout, DROP max_response_size);

-- Refused before any request: read-only transactions, read_only servers, roles without the right.
SELECT test.clear() \gset
\set acts '{"create_connection(company(1), ''https://portal.example'', ''user'', ''x'')","update_connection(connection(2), ''2024-01-01'')","set_account_tracking(account(4), true)","bulk_set_account_tracking(ARRAY[account(4)], true)"}'
BEGIN READ ONLY;
SELECT * FROM refusals(:'acts');
COMMIT;
ALTER SERVER sandbox OPTIONS (ADD read_only 'true');
SELECT * FROM refusals(:'acts');
ALTER SERVER sandbox OPTIONS (DROP read_only);
CREATE ROLE manage_nobody;
GRANT USAGE ON SCHEMA utility TO manage_nobody;
GRANT USAGE ON FOREIGN SERVER sandbox TO manage_nobody;
CREATE USER MAPPING FOR manage_nobody SERVER sandbox OPTIONS (api_key 'nectar-sandbox-key');
SET ROLE manage_nobody;
SELECT * FROM refusals(:'acts');
RESET ROLE;
SELECT * FROM sent();
-- Planning and EXPLAIN send nothing.
EXPLAIN (COSTS OFF) SELECT * FROM create_connection(company(1), 'https://portal.example', 'user', 'x');
PREPARE act(uuid) AS SELECT set_account_tracking($1, true);
EXPLAIN (COSTS OFF) EXECUTE act('a0000000-0000-4000-8000-000000000004');
SELECT * FROM sent();
DROP USER MAPPING FOR manage_nobody SERVER sandbox;
DROP OWNED BY manage_nobody;
DROP ROLE manage_nobody;
