-- EXPLAIN shows the route, what will be asked, and what becomes of each clause; ANALYZE what was asked.
\i test/lib/setup.sql
CREATE TABLE keys AS SELECT n, connection(n % 3 + 1) AS id, company(n % 2 + 1) AS company_id, 'CRM-' || n % 2 + 1 AS crm_id FROM generate_series(1, 6) n;
ANALYZE keys;
CREATE FOREIGN TABLE slim (id uuid, company_id uuid, status connection_status, needs_user_action boolean) SERVER sandbox OPTIONS (resource 'connections');
CREATE FOREIGN TABLE slim_accounts (id uuid, connection_id uuid) SERVER sandbox OPTIONS (resource 'accounts');

-- The routes of connections.
EXPLAIN (VERBOSE, COSTS OFF) SELECT status FROM connections WHERE id = connection(1);
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM connections WHERE company_id IN (company(1), company(2));
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM connections WHERE company_name = 'Acme' AND status = 'PENDING';
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM connections WHERE company_external_id = 'CRM-1' AND workflow_owner_email = 'a@b.example';
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM connections;
-- of accounts
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM accounts WHERE connection_id = connection(1) AND tracking_status = 'UNSET';
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM accounts WHERE company_id = company(1) AND status = 'DETECTED';
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM accounts WHERE account_number = '1';
-- of companies and sites
EXPLAIN (VERBOSE, COSTS OFF) SELECT name FROM companies WHERE id = company(1);
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM companies WHERE name = 'Acme';
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM sites WHERE company_id = company(1);
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM sites;

-- Clauses: exact, superset, local, and why.
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM connections
 WHERE id = connection(1) AND company_id = company(1) AND company_name = 'Acme' AND status = 'PENDING' AND workflow_owner_email = 'x' AND country = 'FR' AND username LIKE 'a%';
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM connections
 WHERE company_id = company(1) AND id <> connection(1) AND company_name = 'Acme' AND status = 'PENDING' AND workflow_owner_email = 'x' AND country = 'FR' AND username LIKE 'a%';
-- several statuses: one by one where a listing has several pages, else one listing
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM connections WHERE company_id = company(1) AND status IN ('PENDING', 'CONNECTED');
ALTER SERVER sandbox OPTIONS (ADD page_size '5');
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM connections WHERE company_id = company(1) AND status IN ('PENDING', 'CONNECTED');
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM connections WHERE company_id = company(1) AND status_category <> 'healthy';
ALTER SERVER sandbox OPTIONS (DROP page_size);
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM connections WHERE company_id = company(1) AND status IS DISTINCT FROM 'PENDING';
-- a table of text
CREATE FOREIGN TABLE plain (id uuid, company_id text, status text) SERVER sandbox OPTIONS (resource 'connections');
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM plain WHERE company_id = company(1)::text AND status = 'PENDING' AND status <> 'CONNECTED';

-- A LIMIT that the scan feeds directly.
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM connections WHERE company_id = company(1) LIMIT 10 OFFSET 2;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM connections WHERE company_id = company(1) AND country = 'FR' LIMIT 10;

-- Without VERBOSE: route and requests.
EXPLAIN (COSTS OFF) SELECT id FROM connections WHERE company_name = 'Acme';

-- Parameters: of prepared statements, init-plans, outer rows.
PREPARE by_params(uuid, connection_status) AS SELECT id FROM connections WHERE company_id = $1 AND status = $2;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (VERBOSE, COSTS OFF) EXECUTE by_params(company(1), 'PENDING');
RESET plan_cache_mode;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM connections WHERE company_id = (SELECT company_id FROM keys WHERE n = 1);
SET enable_memoize = off;
EXPLAIN (VERBOSE, COSTS OFF) SELECT k.n, c.status FROM keys k JOIN slim c ON c.id = k.id;
EXPLAIN (VERBOSE, COSTS OFF) SELECT k.n, c.status FROM keys k JOIN slim c ON c.company_id = k.company_id AND c.needs_user_action;
EXPLAIN (VERBOSE, COSTS OFF) SELECT k.n, a.id FROM keys k JOIN slim_accounts a ON a.connection_id = k.id;
EXPLAIN (VERBOSE, COSTS OFF) SELECT k.n, s.id FROM keys k, LATERAL (SELECT c.id FROM connections c WHERE c.company_id = k.company_id LIMIT 2) s;
-- one connection and its accounts: the same request
EXPLAIN (COSTS OFF) SELECT c.id, a.id FROM connections c JOIN accounts a ON a.connection_id = c.id AND a.company_id = c.company_id WHERE c.id = connection(1);
RESET enable_memoize;

-- Formats for machines.
EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) SELECT id FROM connections WHERE company_name = 'Acme' AND country = 'FR';
EXPLAIN (VERBOSE, COSTS OFF, FORMAT YAML) SELECT id FROM accounts WHERE company_id = company(1) LIMIT 5;

-- Nothing of this was asked.
SELECT * FROM seen();

-- ANALYZE counts.  Bytes depend on what an answer looks like.
CREATE FUNCTION analyzed(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
        CONTINUE WHEN line ~ 'Sort Method|Batches|Buffers|Planning|Memory|Heap Blocks';
        RETURN NEXT regexp_replace(line, 'Bytes: [1-9]\d+', 'Bytes: some');
    END LOOP;
END $$;
SELECT analyzed('SELECT id FROM connections WHERE id IN (connection(1), connection(2), connection(999))');
SELECT sum(n) FROM seen();
SELECT analyzed('SELECT id FROM connections WHERE company_id = company(1) AND country = ''FR''');
ALTER SERVER sandbox OPTIONS (ADD page_size '5');
SELECT analyzed('SELECT id FROM connections WHERE company_name = ''Acme''');
ALTER SERVER sandbox OPTIONS (DROP page_size);
SELECT test.clear() AS nothing \gset
SELECT analyzed('SELECT id FROM connections WHERE company_id = ANY (''{}'')');
SELECT sum(n) FROM seen();
SELECT analyzed('SELECT id FROM connections WHERE company_id = company(1) UNION ALL SELECT id FROM accounts WHERE company_id = company(1)');
SELECT sum(n) FROM seen();
SET enable_memoize = off;
SELECT analyzed('SELECT k.n FROM keys k JOIN connections c ON c.id = k.id');
RESET enable_memoize;
SELECT sum(n) FROM seen();
SELECT analyzed('SELECT id FROM connections WHERE company_id = company(1) LIMIT 3');
SELECT analyzed('SELECT id FROM connections LIMIT 0');
SELECT test.clear() AS nothing \gset
-- details where a listing carries no accounts
SELECT test.fault('{"kind": "no_accounts", "path": "/connection/company/*"}') AS nothing \gset
SELECT analyzed('SELECT id FROM accounts WHERE company_id = company(1)');
SELECT sum(n) FROM seen();
SELECT test.faults_clear() AS nothing \gset
-- retries are counted, the requests they repeat are not
ALTER SERVER sandbox OPTIONS (SET max_retries '3', ADD retry_max_delay '10ms');
SELECT test.fault('{"kind": "status", "status": 503, "times": 2}') AS nothing \gset
SELECT analyzed('SELECT id FROM connections WHERE id = connection(1)');
SELECT sum(n) FROM seen();
-- in JSON, all counters and the waits
CREATE FUNCTION counters(query text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, FORMAT JSON) ' || query INTO plan;
    plan := plan #> '{0,Plan}';
    RETURN jsonb_object_agg(key, CASE WHEN key IN ('Bytes', 'Waits') THEN to_jsonb(value::int > 0) ELSE value END)
      FROM jsonb_each(plan) WHERE key ~ 'Rout|Remote|Request|Answers|Pages|Bytes|Retries|Waits';
END $$;
SELECT key, value FROM jsonb_each(counters('SELECT id FROM connections WHERE company_name = ''Acme''')) ORDER BY key;
