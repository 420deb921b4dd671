-- Functions that act or hand out links: what they send, once, and what they answer.
\i test/lib/setup.sql
\i test/lib/outcome.sql
\i test/lib/acts.sql
CREATE VIEW utility.tracking AS
    SELECT connection_id, tracking_status, count(*) FROM accounts WHERE connection_id IN (connection(2), connection(14)) GROUP BY 1, 2 ORDER BY 1, 2;

-- Is the key good, is this the API: never an error.
SELECT server, ok, http_status, latency_ms > 0 AS latency, detail FROM ping();
SELECT server, ok FROM ping('sandbox');
SELECT * FROM sent();
ALTER USER MAPPING FOR CURRENT_USER SERVER sandbox OPTIONS (SET api_key 'stale');
SELECT server, ok, http_status, detail FROM ping();
ALTER USER MAPPING FOR CURRENT_USER SERVER sandbox OPTIONS (SET api_key 'nectar-sandbox-key');
CREATE FUNCTION pinged() RETURNS TABLE (kind text, ok bool, http_status int, no_latency bool, detail text) LANGUAGE plpgsql AS $$
BEGIN
    FOREACH kind IN ARRAY '{html,not_found,not_found_html,reset,read_close,truncate}'::text[] LOOP
        PERFORM test.fault(jsonb_build_object('kind', pinged.kind));
        SELECT p.ok, p.http_status, p.latency_ms IS NULL, steady(p.detail) INTO ok, http_status, no_latency, detail FROM ping() p;
        PERFORM test.faults_clear();
        RETURN NEXT;
    END LOOP;
END $$;
SELECT * FROM pinged();
-- A remote failure is reported; a server that does not exist is an error.
SELECT * FROM ping('no_such_server');

-- Confirming: the answer less secrets, and the effect in the next statement.
SELECT test.clear() \gset
SELECT * FROM tracking;
SELECT a ->> 'id' AS id, a ? 'connectionMagicLinkSecret' AS secret, jsonb_array_length(a -> 'accounts') AS accounts FROM confirm_accounts(connection(2)) a;
SELECT * FROM tracking;
SELECT confirm_accounts(connection(14), false) ->> 'id' AS id;
SELECT * FROM tracking;
SELECT * FROM sent() WHERE method = 'PATCH';
SELECT confirm_accounts(connection_id => connection(2), confirm => true, server => 'sandbox') IS NULL AS empty;
-- An answer without a body is NULL; one that jsonb cannot hold is a warning: the act was done.
SELECT test.fault('{"kind": "status", "status": 204, "body": "", "path": "*/status"}') \gset
SELECT confirm_accounts(connection(2)) IS NULL AS empty;
SELECT test.faults_clear() \gset
SELECT test.fault(jsonb_build_object('kind', 'body', 'path', '*/status', 'body', '{"a": "\u0000"}')) \gset
SELECT confirm_accounts(connection(2)) IS NULL AS empty;
SELECT test.faults_clear() \gset
-- A page of HTML is no answer of the API: nobody knows whether the act was done.
SELECT test.fault('{"kind": "html", "path": "*/status"}') \gset
SELECT state FROM brief('SELECT confirm_accounts(connection(2))');
SELECT connection_id, ok FROM bulk_confirm_accounts(ARRAY[connection(2)]);
SELECT test.faults_clear() \gset
-- Refusals of the API.
SELECT confirm_accounts(company(1));

-- In bulk: each once, in order of id, whatever the array holds; a failure does not hide the others.
SELECT test.clear() \gset
SELECT * FROM bulk_confirm_accounts(ARRAY[connection(4), connection(3), NULL, connection(4), company(1), connection(3)]) ORDER BY connection_id;
SELECT * FROM sent();
SELECT count(*) FROM bulk_confirm_accounts('{}');
SELECT count(*) FROM bulk_confirm_accounts('{NULL}');
SELECT count(*) FROM bulk_confirm_accounts(ARRAY[ARRAY[connection(3)], ARRAY[connection(4)]], false);
SELECT * FROM sent();
SELECT test.fault(jsonb_build_object('kind', 'status', 'status', 409, 'path', '/connection/' || connection(3) || '/status')),
       test.fault(jsonb_build_object('kind', 'read_close', 'path', '/connection/' || connection(4) || '/status')),
       test.fault(jsonb_build_object('kind', 'status', 'status', 503, 'path', '/connection/' || connection(5) || '/status')) \gset
SELECT connection_id, ok, http_status, steady(detail) AS detail
  FROM bulk_confirm_accounts(ARRAY[connection(2), connection(3), connection(4), connection(5), connection(6)], false) ORDER BY connection_id;
SELECT * FROM sent();
SELECT test.faults_clear() \gset
SELECT tracking_status, count(*) FROM accounts WHERE connection_id IN (connection(2), connection(6)) GROUP BY 1 ORDER BY 1;
-- Concurrently, and never more at once than allowed.
ALTER SERVER sandbox OPTIONS (ADD max_concurrency '4');
SELECT test.latency(20), test.clear() \gset
SELECT count(*), bool_and(ok) FROM bulk_confirm_accounts(ARRAY(SELECT connection(n) FROM generate_series(1, 24) n));
SELECT (test.stats() ->> 'max_in_flight')::int AS most, (test.stats() ->> 'requests')::int AS requests;
SELECT test.latency(0), test.clear() \gset
ALTER SERVER sandbox OPTIONS (DROP max_concurrency);
-- The same from SQL: the connections that have undecided accounts.
SELECT count(*) > 0 AS any_undecided FROM accounts WHERE tracking_status = 'UNSET' AND company_id = company(3);
SELECT bool_and(ok) FROM bulk_confirm_accounts(ARRAY(SELECT DISTINCT connection_id FROM accounts WHERE tracking_status = 'UNSET' AND company_id = company(3)));
SELECT count(*) FROM accounts WHERE tracking_status = 'UNSET' AND company_id = company(3);

-- Links: of a company, for certain sites, of a connection.
SELECT test.clear() \gset
SELECT company_magic_link(company(1)) ~ '^https://dash\.nectarclimate\.com/p/connect/pc-[0-9a-f]+/[^/]+$' AS link;
SELECT company_magic_link(company(1), ARRAY['50000000-0000-4000-8000-000000000001', '50000000-0000-4000-8000-000000000003']::uuid[]) <> company_magic_link(company(1)) AS another;
SELECT connection_magic_link(connection(2)) ~ '^https://dash\.nectarclimate\.com/p/connect/pc-[0-9a-f]+/workflow/[^/]+$' AS link;
SELECT * FROM sent();
-- No site is not every site: nothing is sent.
SELECT company_magic_link(company(1), '{}');
SELECT company_magic_link(company(1), ARRAY['50000000-0000-4000-8000-000000000001', NULL]::uuid[]);
SELECT * FROM sent();
-- The API's refusals, and answers without a link.
SELECT company_magic_link(company(1), ARRAY['50000000-0000-4000-8000-0000000000ff']::uuid[]);
SELECT connection_magic_link(company(1));
SELECT test.fault('{"kind": "patch", "set": {"connectionMagicLinkSecret": null, "magicLinkUrl": null, "companyMagicLinkSecret": ""}}') \gset
SELECT connection_magic_link(connection(2));
SELECT company_magic_link(company(1));
SELECT company_magic_link(company(1), ARRAY['50000000-0000-4000-8000-000000000001']::uuid[]);
SELECT test.faults_clear() \gset
-- Parts of a link are encoded; the dashboard is the server's.
ALTER SERVER sandbox OPTIONS (ADD dashboard_url 'https://dash.example/nectar/');
SELECT test.fault('{"kind": "patch", "set": {"publicCompanyId": "a/b?c", "connectionMagicLinkSecret": "d#e ü"}}') \gset
SELECT connection_magic_link(connection(2));
SELECT test.faults_clear() \gset
ALTER SERVER sandbox OPTIONS (DROP dashboard_url);

-- Everybody who is waited for, with a link: all, a company's, chosen ones, both.
SELECT test.clear() \gset
SELECT company_name, status, count(*), bool_and(magic_link ~ '/p/connect/pc-[0-9a-f]+/workflow/[^/]+$') AS links, bool_and(guidance = guidance(status)) AS guided
  FROM reconnect_links() GROUP BY 1, 2 ORDER BY 1, 2;
SELECT * FROM sent();
SELECT connection_id, company_id, company_name, datasource_name, status, status_first_seen_time, workflow_owner_email
  FROM reconnect_links(company(2)) ORDER BY connection_id;
SELECT * FROM sent();
SELECT connection_id, status FROM reconnect_links(connection_ids => ARRAY[connection(4), connection(5), connection(4), NULL, connection(2), company(1)]) ORDER BY 1;
SELECT * FROM sent();
SELECT connection_id, status FROM reconnect_links(company(2), ARRAY[connection(4), connection(16)]) ORDER BY 1;
SELECT count(*) FROM reconnect_links(connection_ids => '{}');
SELECT count(*) FROM reconnect_links(company_id => connection(1));
SELECT bool_and(r.magic_link = connection_magic_link(r.connection_id)) FROM reconnect_links(company(1)) r;

-- Sent exactly once, whatever becomes of it, on a TCP connection of its own.
SELECT test.clear() \gset
ALTER SERVER sandbox OPTIONS (SET max_retries '3', ADD retry_max_delay '10ms');
SELECT count(*) FROM companies;
ALTER SERVER sandbox OPTIONS (ADD request_timeout '500ms', ADD max_response_size '1MB');
SELECT * FROM once('SELECT confirm_accounts(connection(2)) ->> ''id''');
SELECT * FROM once('SELECT company_magic_link(company(1), ''{50000000-0000-4000-8000-000000000001}'') IS NULL');
SELECT fault, state, requests FROM once('SELECT connection_magic_link(connection(2)) IS NULL');
ALTER SERVER sandbox OPTIONS (DROP request_timeout, DROP max_response_size);
SELECT test.fault('{"kind": "read_close", "path": "*/status"}') \gset
SELECT * FROM outcome('SELECT confirm_accounts(connection(2))');
SELECT test.faults_clear(), test.clear() \gset
SELECT count(*) FROM companies;
SELECT confirm_accounts(connection(2)) IS NULL, confirm_accounts(connection(3)) IS NULL;
SELECT count(*) FROM companies;
SELECT count(DISTINCT tcp) FILTER (WHERE method = 'PATCH') AS acts, count(DISTINCT tcp) FILTER (WHERE method = 'GET') AS reads, count(DISTINCT tcp) AS all FROM test.requests();

-- Refused before any request: read-only transactions, read_only servers.
SELECT test.clear() \gset
\set acts '{confirm_accounts(connection(2)),bulk_confirm_accounts(ARRAY[connection(2)]),company_magic_link(company(1)),connection_magic_link(connection(2)),reconnect_links()}'
BEGIN READ ONLY;
SELECT * FROM refusals(:'acts');
SELECT ok FROM ping();
COMMIT;
ALTER SERVER sandbox OPTIONS (ADD read_only 'true');
SELECT * FROM refusals(:'acts');
SELECT ok FROM ping();
SELECT count(*) FROM companies;
ALTER SERVER sandbox OPTIONS (DROP read_only);
SELECT * FROM sent();

-- NULL arguments.
SELECT confirm_accounts(NULL);
SELECT confirm_accounts(connection(2), NULL);
SELECT * FROM bulk_confirm_accounts(NULL);
SELECT * FROM bulk_confirm_accounts('{}', NULL);
SELECT company_magic_link(NULL);
SELECT connection_magic_link(NULL);
SELECT * FROM sent();
