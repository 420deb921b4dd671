-- The arms of an Append run side by side: UNION ALL, partitions, children. Nothing is asked that would not be asked one by one.
\i test/lib/setup.sql
\i test/lib/copies.sql
CREATE TABLE keys AS SELECT n, connection(n) AS id, company(n) AS company_id FROM generate_series(1, 5) n;
CREATE TABLE copies.keys AS SELECT * FROM keys;
ANALYZE keys, copies.keys;
-- One partition for each of four companies; the copy has as many.
CREATE TABLE parts (id uuid, company_id uuid, status connection_status, country text) PARTITION BY LIST (company_id);
SELECT format('CREATE FOREIGN TABLE part_%s PARTITION OF parts FOR VALUES IN (%L) SERVER sandbox OPTIONS (resource ''connections'', company_ids %L)',
              n, company(n), company(n)) FROM generate_series(1, 4) n \gexec
CREATE VIEW copies.parts AS SELECT id, company_id, status, country FROM copies.connections WHERE company_id <= company(4);
-- The rows of a query, whether the copies give the same ones, requests, how many of them were in flight together, and requests
-- with asynchronous Appends off.
CREATE FUNCTION arms(query text, OUT n bigint, OUT same boolean, OUT requests bigint, OUT together int, OUT one_by_one bigint) LANGUAGE plpgsql AS $$
DECLARE
    found text[];
BEGIN
    PERFORM test.latency(40), test.clear();
    found := rows_of(query);
    SELECT count(*), max(in_flight) INTO requests, together FROM test.requests();
    PERFORM test.latency(0), test.clear();
    SET LOCAL enable_async_append = off;
    same := found = rows_of(query);
    SET LOCAL enable_async_append = on;
    SELECT count(*) INTO one_by_one FROM test.requests();
    PERFORM test.clear();
    SET LOCAL search_path = copies, utility, nectar, public;
    n := cardinality(found);
    same := same AND found = rows_of(query);
    SET LOCAL search_path = utility, nectar, public;
END $$;
SELECT test.clear() AS nothing \gset

-- Bare scans are run side by side by PostgreSQL.
EXPLAIN (COSTS OFF) SELECT id FROM connections WHERE company_id = company(1) UNION ALL SELECT id FROM companies;
EXPLAIN (COSTS OFF) SELECT id FROM parts WHERE status = 'CONNECTED';
SELECT query, a.* FROM unnest(ARRAY[
    'SELECT id FROM connections WHERE company_id = company(1) UNION ALL SELECT id FROM connections WHERE company_id = company(2)',
    'SELECT id FROM connections WHERE id = connection(1) UNION ALL SELECT id FROM sites WHERE company_id = company(1) UNION ALL SELECT id FROM companies',
    'SELECT id FROM connections UNION ALL SELECT id FROM sites',
    'SELECT id FROM connections UNION ALL SELECT id FROM accounts UNION ALL SELECT id FROM sites UNION ALL SELECT id FROM companies',
    'SELECT 1, id FROM connections WHERE company_id = company(1) AND country = ''DE'' UNION ALL SELECT 2, id FROM connections WHERE company_id = company(2) AND country = ''FR''',
    'SELECT id FROM connections WHERE company_id = company(1) UNION SELECT id FROM connections WHERE company_id = company(2)',
    'SELECT id FROM connections WHERE company_id = company(1) INTERSECT SELECT id FROM connections WHERE company_id = company(2)',
    'SELECT * FROM parts',
    'SELECT id FROM parts WHERE status = ''CONNECTED''',
    'SELECT id FROM parts WHERE country = ''none''',
    'SELECT status, count(*) FROM parts GROUP BY 1',
    'SELECT status, count(*) FROM parts GROUP BY 1 ORDER BY 2 DESC LIMIT 1000',
    'SELECT count(*), count(DISTINCT country) FROM parts',
    'SELECT DISTINCT country FROM parts',
    'SELECT id FROM parts ORDER BY id LIMIT 3',
    'SELECT id, rank() OVER (PARTITION BY status ORDER BY id) FROM parts',
    'SELECT k.n, p.id FROM keys k LEFT JOIN parts p ON p.company_id = k.company_id',
    'SELECT a.id FROM accounts a WHERE a.connection_id IN (SELECT id FROM parts)',
    'SELECT a.id FROM accounts a WHERE NOT EXISTS (SELECT FROM parts p WHERE p.id = a.connection_id)',
    'SELECT c.name, p.id FROM companies c JOIN parts p ON p.company_id = c.id AND p.status = ''PENDING''',
    'SELECT a.id FROM parts a JOIN parts b USING (id)',
    'SELECT (SELECT count(*) FROM parts), (SELECT max(id::text) FROM parts)',
    'WITH p AS MATERIALIZED (SELECT * FROM parts) SELECT a.id FROM p a JOIN p b USING (id)'])
  WITH ORDINALITY q(query, i), arms(query) a ORDER BY i;
-- each node has its own rows
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT id FROM parts WHERE company_id <= company(3) AND country = 'DE';
SELECT asked();

-- Arms that PostgreSQL runs one after the other have their first requests sent early.
EXPLAIN (COSTS OFF) SELECT status, count(*) FROM connections WHERE company_id = company(1) GROUP BY 1 UNION ALL SELECT status, count(*) FROM connections WHERE company_id = company(2) GROUP BY 1;
SELECT query, a.* FROM unnest(ARRAY[
    'SELECT status, count(*) FROM connections WHERE company_id = company(1) GROUP BY 1 UNION ALL SELECT status, count(*) FROM connections WHERE company_id = company(2) GROUP BY 1',
    'SELECT count(id) FROM connections WHERE company_id = company(1) UNION ALL SELECT count(id) FROM sites WHERE company_id = company(1) UNION ALL SELECT count(*) FROM companies',
    'SELECT count(*) FROM connections WHERE company_id = company(1) UNION ALL SELECT count(*) FROM connections WHERE company_id = company(2) UNION ALL SELECT count(*) FROM companies',
    'SELECT status, count(*) FROM connections WHERE company_id = company(1) GROUP BY 1 UNION ALL SELECT status, count(*) FROM connections WHERE company_id = company(2) GROUP BY 1 ORDER BY 1, 2 LIMIT 1',
    '(SELECT id FROM connections WHERE company_id = company(1) ORDER BY id LIMIT 2) UNION ALL (SELECT id FROM connections WHERE company_id = company(2) ORDER BY id DESC LIMIT 2)',
    'SELECT id, upper(url) FROM connections WHERE company_id = company(1) UNION ALL SELECT id, lower(url) FROM connections WHERE company_id = company(2)',
    'SELECT sum(n) FROM (SELECT count(id) AS n FROM connections WHERE company_id = company(1) UNION ALL SELECT max(n) FROM keys UNION ALL SELECT count(id) FROM sites WHERE company_id = company(1)) s',
    'SELECT DISTINCT status FROM connections WHERE company_id = company(1) UNION ALL SELECT DISTINCT status FROM connections WHERE company_id = company(2)',
    'SELECT id, row_number() OVER (ORDER BY id) FROM connections WHERE company_id = company(1) UNION ALL SELECT id, row_number() OVER (ORDER BY id) FROM connections WHERE company_id = company(2)',
    'SELECT id FROM (SELECT id, 1 AS arm FROM connections WHERE company_id = company(1) UNION ALL SELECT id, count(*) FROM connections WHERE company_id = company(2) GROUP BY 1) s WHERE arm = 1'])
  WITH ORDINALITY q(query, i), arms(query) a ORDER BY i;

-- Nothing is sent early where an arm may not be read at all.
SELECT query, a.* FROM unnest(ARRAY[
    'SELECT count(*) FROM (SELECT id FROM parts LIMIT 3) s',
    'SELECT count(*) FROM (SELECT id FROM parts WHERE country <> ''none'' LIMIT 3) s',
    'SELECT count(*) FROM (SELECT id FROM connections WHERE company_id = company(1) UNION ALL SELECT id FROM sites WHERE company_id = company(1) LIMIT 2) s',
    'SELECT count(*) FROM (SELECT * FROM (SELECT status, count(*) FROM connections WHERE company_id = company(1) GROUP BY 1 UNION ALL SELECT status, count(*) FROM connections WHERE company_id = company(2) GROUP BY 1) s LIMIT 2) t',
    'SELECT EXISTS (SELECT FROM parts)',
    'SELECT n FROM keys WHERE EXISTS (SELECT id FROM connections WHERE company_id = company(1) UNION ALL SELECT id FROM sites WHERE company_id = company(1))',
    'SELECT n FROM keys k WHERE EXISTS (SELECT FROM (SELECT company_id FROM connections UNION ALL SELECT company_id FROM sites) u WHERE u.company_id = k.company_id)',
    'SELECT n FROM keys k WHERE NOT EXISTS (SELECT FROM (SELECT company_id FROM connections UNION ALL SELECT company_id FROM sites) u WHERE u.company_id = k.company_id)',
    'SELECT n FROM keys k WHERE k.id IN (SELECT id FROM parts)',
    'SELECT id FROM parts LIMIT 0',
    'SELECT id FROM parts WHERE false',
    'SELECT id FROM parts WHERE company_id = company(2)',
    'SELECT id FROM parts WHERE company_id IN (company(2), company(3))',
    'SELECT id FROM parts WHERE company_id = (SELECT company_id FROM keys WHERE n = 2)',
    'SELECT id FROM parts WHERE company_id = (SELECT company_id FROM keys WHERE n = 5)',
    'SELECT count(id) FROM connections WHERE company_id = company(1) UNION ALL SELECT count(id) FROM connections WHERE company_id = company(2) AND (SELECT n FROM keys WHERE n = 9) IS NOT NULL',
    'SELECT id FROM connections WHERE company_id = company(1) UNION ALL SELECT id FROM connections WHERE company_id = (SELECT company_id FROM keys WHERE n = 9)'])
  WITH ORDINALITY q(query, i), arms(query) a ORDER BY i;
-- pruned when it begins, and for each outer row
PREPARE of_company(uuid) AS SELECT count(id) FROM parts WHERE company_id = $1;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE of_company(company(3));
EXECUTE of_company(company(3));
EXECUTE of_company(company(9));
SELECT asked();
RESET plan_cache_mode;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_memoize = off;
SET enable_material = off;
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT k.n, p.id FROM keys k LEFT JOIN parts p ON p.company_id = k.company_id WHERE k.n < 3;
SELECT asked();
-- an Append that runs again, whole, for each outer row: each listing is asked for once
SELECT query, a.* FROM unnest(ARRAY[
    'SELECT k.n, p.id FROM keys k LEFT JOIN parts p ON p.company_id = k.company_id',
    'SELECT k.n, p.id FROM keys k LEFT JOIN parts p ON p.country > k.n::text AND k.n < 3',
    'SELECT k.n, s.* FROM keys k, LATERAL (SELECT c.id FROM connections c WHERE c.company_id = k.company_id UNION ALL SELECT s.id FROM sites s WHERE s.company_id = k.company_id) s',
    'SELECT k.n, s.* FROM keys k, LATERAL (SELECT count(c.id) FROM connections c WHERE c.company_id = k.company_id UNION ALL SELECT count(s.id) FROM sites s WHERE s.company_id = k.company_id) s',
    'SELECT k.n, (SELECT count(*) FROM (SELECT id FROM connections c WHERE c.company_id = k.company_id UNION ALL SELECT id FROM parts p WHERE p.status = ''CONNECTED'') s) FROM keys k'])
  WITH ORDINALITY q(query, i), arms(query) a ORDER BY i;
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_memoize;
RESET enable_material;

-- Partition by partition.
SET enable_partitionwise_aggregate = on;
SET enable_partitionwise_join = on;
EXPLAIN (COSTS OFF) SELECT company_id, count(*) FROM parts WHERE company_id <= company(2) GROUP BY 1;
SELECT query, a.* FROM unnest(ARRAY[
    'SELECT company_id, count(*), max(country) FROM parts GROUP BY 1',
    'SELECT status, count(*), max(country) FROM parts GROUP BY 1',
    'SELECT count(*) FROM parts',
    'SELECT a.id FROM parts a JOIN parts b ON a.company_id = b.company_id AND a.id = b.id'])
  WITH ORDINALITY q(query, i), arms(query) a ORDER BY i;
RESET enable_partitionwise_aggregate;
RESET enable_partitionwise_join;
-- merged in order
EXPLAIN (COSTS OFF) (SELECT id FROM connections WHERE company_id = company(1) ORDER BY id) UNION ALL (SELECT id FROM connections WHERE company_id = company(2) ORDER BY id) ORDER BY id;

-- Local partitions among them, children of a table, and more arms than PostgreSQL looks at in one go, or may have files.
CREATE TABLE part_local PARTITION OF parts DEFAULT;
INSERT INTO part_local SELECT id, company_id, status, country FROM copies.connections WHERE company_id = company(5);
CREATE OR REPLACE VIEW copies.parts AS SELECT id, company_id, status, country FROM copies.connections;
CREATE TABLE parent (id uuid, company_id uuid);
INSERT INTO parent SELECT id, company_id FROM keys;
CREATE FOREIGN TABLE child_1 () INHERITS (parent) SERVER sandbox OPTIONS (resource 'connections', company_ids 'c0000000-0000-4000-8000-000000000001');
CREATE FOREIGN TABLE child_2 () INHERITS (parent) SERVER sandbox OPTIONS (resource 'sites', company_ids 'c0000000-0000-4000-8000-000000000002');
CREATE VIEW copies.parent AS SELECT id, company_id FROM copies.keys UNION ALL SELECT id, company_id FROM copies.connections WHERE company_id = company(1)
    UNION ALL SELECT id, company_id FROM copies.sites WHERE company_id = company(2);
EXPLAIN (COSTS OFF) SELECT id FROM parent;
SELECT query, a.* FROM unnest(ARRAY[
    'SELECT * FROM parts',
    'SELECT company_id, count(*) FROM parts GROUP BY 1',
    'SELECT id FROM parts ORDER BY id DESC LIMIT 5',
    'SELECT * FROM parent',
    'SELECT id FROM parent WHERE company_id = company(1)'])
  WITH ORDINALITY q(query, i), arms(query) a ORDER BY i;
SELECT tableoid::regclass, count(*) FROM parent GROUP BY 1 ORDER BY 2;
SELECT left(query, 90) AS query, a.* FROM (
    SELECT 1, string_agg(format('SELECT id FROM connections WHERE id = connection(%s)', i), ' UNION ALL ') FROM generate_series(1, 40) i
    UNION ALL
    SELECT 2, string_agg(format('SELECT id FROM connections WHERE company_id = company(%s) AND country <> ''%s''', 1 + i % 5, i), ' UNION ALL ') FROM generate_series(1, 20) i
    UNION ALL
    SELECT 3, string_agg(format('SELECT count(id) FROM connections WHERE company_id = company(%s) AND country <> ''%s''', 1 + i % 5, i), ' UNION ALL ') FROM generate_series(1, 20) i
    UNION ALL
    SELECT 4, string_agg(format('SELECT id FROM connections WHERE id = connection(%s)', 1 + i % 60), ' UNION ALL ') FROM generate_series(1, 400) i
  ) q(i, query), arms(query) a ORDER BY i;

-- One window for all arms of a server, however narrow; each server has its own.
ALTER SERVER sandbox OPTIONS (ADD max_concurrency '1', ADD page_size '5');
SELECT query, a.* FROM unnest(ARRAY[
    'SELECT * FROM parts',
    'SELECT id FROM connections UNION ALL SELECT id FROM accounts UNION ALL SELECT id FROM sites UNION ALL SELECT id FROM companies',
    'SELECT count(id) FROM connections WHERE company_id = company(1) UNION ALL SELECT count(id) FROM sites UNION ALL SELECT count(id) FROM accounts'])
  WITH ORDINALITY q(query, i), arms(query) a ORDER BY i;
ALTER SERVER sandbox OPTIONS (SET max_concurrency '3', DROP page_size);
CREATE SERVER other FOREIGN DATA WRAPPER connection_fdw OPTIONS (base_url :'base_url', max_retries '0', max_concurrency '2', accounts_source 'details');
CREATE USER MAPPING FOR CURRENT_USER SERVER other OPTIONS (api_key 'nectar-sandbox-key');
CREATE FOREIGN TABLE other_accounts (id uuid, company_id uuid) SERVER other OPTIONS (resource 'accounts');
CREATE VIEW copies.other_accounts AS SELECT id, company_id FROM copies.accounts;
SELECT query, a.* FROM unnest(ARRAY[
    'SELECT id FROM other_accounts WHERE company_id = company(1)',
    'SELECT id FROM connections WHERE id = ANY (ARRAY(SELECT connection(n) FROM generate_series(1, 20) n))',
    'SELECT id FROM other_accounts WHERE company_id = company(1) UNION ALL SELECT id FROM connections WHERE id = ANY (ARRAY(SELECT connection(n) FROM generate_series(1, 20) n))'])
  WITH ORDINALITY q(query, i), arms(query) a ORDER BY i;
ALTER SERVER sandbox OPTIONS (DROP max_concurrency);

-- Cursors: read in part, closed early, read to the end, moved, kept; and rows that are here do not wait for an arm that hangs.
SELECT test.clear() AS nothing \gset
CREATE FUNCTION moved(cursor refcursor, n int, OUT rows bigint) LANGUAGE plpgsql AS $$
BEGIN
    IF n > 0 THEN
        MOVE FORWARD n FROM cursor;
    ELSE
        MOVE BACKWARD -n FROM cursor;
    END IF;
    GET DIAGNOSTICS rows = ROW_COUNT;
END $$;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM parts;
SELECT asked();
SELECT moved('c', 3);
SELECT count(*) AS requests FROM test.requests();
DECLARE d CURSOR FOR SELECT id FROM parts;
SELECT moved('d', 50);
CLOSE c;
SELECT moved('d', 20), moved('d', 1);
CLOSE d;
DECLARE e SCROLL CURSOR FOR SELECT id FROM parts;
SELECT moved('e', 7), moved('e', -3), moved('e', 100);
COMMIT;
BEGIN;
DECLARE h CURSOR WITH HOLD FOR SELECT id FROM parts;
SELECT moved('h', 5);
COMMIT;
SELECT moved('h', 100);
CLOSE h;
-- the answer of connection 2 comes while nobody looks, and is seen when companies has no more rows: nobody waits for connection 1
SELECT test.fault('{"kind": "delay", "delay_ms": 5000, "path": "/connection/*1/details"}') AS nothing \gset
SELECT test.fault('{"kind": "delay", "delay_ms": 1000, "path": "/connection/*2/details"}') AS nothing \gset
SELECT test.clear() AS nothing \gset
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM connections WHERE id = connection(1) UNION ALL SELECT id FROM companies UNION ALL SELECT id FROM connections WHERE id = connection(2);
SELECT moved('c', 1);
SELECT count(*) AS answered FROM test.requests() WHERE path LIKE '/connection/%' AND status > 0;
SELECT pg_sleep(1.2) AS nothing \gset
SELECT moved('c', 5);
SELECT count(*) AS answered FROM test.requests() WHERE path LIKE '/connection/%' AND status > 0;
CLOSE c;
SELECT test.clear() AS nothing \gset
DECLARE c CURSOR FOR SELECT id FROM connections WHERE id = connection(2) UNION ALL SELECT id FROM companies UNION ALL SELECT id FROM connections WHERE id = connection(1);
SELECT moved('c', 1);
SELECT count(*) AS answered FROM test.requests() WHERE path LIKE '/connection/%' AND status > 0;
SELECT pg_sleep(1.2) AS nothing \gset
SELECT moved('c', 5);
SELECT count(*) AS answered FROM test.requests() WHERE path LIKE '/connection/%' AND status > 0;
CLOSE c;
COMMIT;
SELECT test.reset() AS nothing \gset

-- One arm goes wrong: the statement ends, whatever the others do; the next one works.
CREATE FUNCTION with_fault(spec jsonb, OUT outcome text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM test.fault(spec);
    outcome := attempt('SELECT id FROM parts', ' | ');
    outcome := regexp_replace(outcome, '(timed out|broke off): .*?( \||$)', '\1\2');
    PERFORM test.faults_clear();
END $$;
SELECT f.spec, w.outcome FROM (VALUES
    (1, '{"kind": "status", "status": 500, "path": "*3"}'::jsonb),
    (2, '{"kind": "status", "status": 403, "path": "*1"}'),
    (3, '{"kind": "truncate", "path": "*4"}'),
    (4, '{"kind": "html", "path": "*2"}'),
    (5, '{"kind": "reset", "path": "*2"}'),
    (6, '{"kind": "not_found", "path": "*2"}')) f(i, spec), with_fault(spec) w ORDER BY i;
SELECT count(id) FROM parts;
-- while another one hangs, and when an arm of rows divides by zero
SELECT test.fault('{"kind": "hang", "path": "*3"}') AS nothing \gset
SELECT test.fault('{"kind": "status", "status": 500, "path": "*4"}') AS nothing \gset
SELECT split_part(attempt('SELECT id FROM parts'), E'\n', 1) AS state;
SELECT split_part(attempt('SELECT id FROM connections WHERE company_id = company(1) AND 1 / (length(id::text) - 36) = 1 UNION ALL SELECT id FROM connections WHERE company_id = company(3)'), E'\n', 1) AS state;
SELECT test.reset() AS nothing \gset
-- a request that is not answered in time ends the statement in time, the Append being what waits
ALTER SERVER sandbox OPTIONS (ADD request_timeout '300ms');
SET statement_timeout = '10s';
SELECT with_fault('{"kind": "hang", "path": "*3"}');
-- after as many tries as it has
ALTER SERVER sandbox OPTIONS (SET max_retries '2', SET request_timeout '1s');
SELECT test.reset() AS nothing \gset
SELECT with_fault('{"kind": "status", "status": 503, "path": "*3"}');
SELECT count(*) AS tries FROM test.requests() WHERE path LIKE '%3';
RESET statement_timeout;
ALTER SERVER sandbox OPTIONS (SET max_retries '0', DROP request_timeout);
SELECT test.reset() AS nothing \gset

-- Locked rows, and statements within a statement
BEGIN;
SELECT count(*) FROM (SELECT id FROM parts WHERE status = 'CONNECTED' FOR UPDATE) s;
COMMIT;
CREATE FUNCTION inner_count(uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint := 0; r record;
BEGIN
    FOR r IN SELECT id FROM parts WHERE company_id <> $1 LOOP
        n := n + 1;
    END LOOP;
    RETURN n;
END $$;
SELECT company_id, sum(inner_count(company_id)) FROM parts WHERE status IN ('CONNECTED', 'PENDING') GROUP BY 1 ORDER BY 1;
SELECT test.clear() AS nothing \gset

-- ANALYZE of the parent reads each partition for the parent, and for itself.
ANALYZE parts;
SELECT asked();
SELECT relname, reltuples FROM pg_class WHERE relname ~ '^part(s|_\d|_local)$' ORDER BY 1;
DROP TABLE parts, parent CASCADE;
