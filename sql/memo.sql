-- One statement asks the same thing once, in memory or through a temporary file; two statements share nothing.
\i test/lib/setup.sql
-- What the sandbox received, in short: c1 is company 1, d2 connection 2.
CREATE FUNCTION asked() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(replace(regexp_replace(request, '([cd])0000000-0000-4000-8000-0*', '\1', 'g'), '/connection/company/', '')
                               || CASE WHEN n > 1 THEN ' x' || n ELSE '' END, '  ' ORDER BY request), 'nothing') FROM seen() $$;
CREATE TABLE keys AS SELECT n, connection(CASE n % 3 WHEN 0 THEN 999 ELSE n % 3 END) AS id FROM generate_series(1, 9) n;
ANALYZE keys;
-- temporary files of this session
CREATE FUNCTION files() RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM pg_ls_tmpdir() WHERE name LIKE 'pgsql_tmp' || pg_backend_pid() || '.%' $$;
SET enable_memoize = off;

-- Arms, self-joins, rescans; 404s as well.
SELECT count(*) FROM (SELECT id FROM connections UNION ALL SELECT id FROM connections UNION ALL SELECT id FROM accounts) u;
SELECT asked();
SELECT count(*) FROM connections x JOIN connections y USING (id) WHERE x.company_id = company(1) AND y.company_id = company(1);
SELECT asked();
SELECT k.n, c.status FROM keys k LEFT JOIN connections c ON c.id = k.id ORDER BY 1;
SELECT asked();
SELECT count(*) FROM (SELECT id FROM connections WHERE id = connection(999) UNION ALL SELECT id FROM connections WHERE id = connection(999)
                      UNION ALL SELECT id FROM accounts WHERE connection_id = connection(999)) u;
SELECT count(*) FROM (SELECT id FROM connections WHERE company_id = company(99) UNION ALL SELECT id FROM connections WHERE company_id = company(99)) u;
SELECT asked();
-- a look-up by id and the accounts of the same connection are one answer
SELECT (SELECT status FROM connections WHERE id = connection(4)), (SELECT count(*) FROM accounts WHERE connection_id = connection(4));
SELECT asked();
-- companies and sites
SELECT count(*) FROM companies o JOIN sites s ON s.company_id = o.id;
SELECT asked();
-- another filter is another question
SELECT status FROM connections WHERE company_id = company(1) AND status = 'PENDING' UNION ALL
SELECT status FROM connections WHERE company_id = company(1) AND status = 'CONNECTED' UNION ALL
SELECT status FROM connections WHERE company_id = company(1) AND status = 'PENDING' ORDER BY 1;
SELECT asked();

-- Requests on their way are shared, and a scan that ends early takes none away from others.
SELECT test.latency(20) AS nothing \gset
SELECT count(*) FROM accounts a WHERE (SELECT c.company_name FROM connections c WHERE c.username IS NOT NULL OFFSET 14 LIMIT 1) <> a.account_number;
SELECT count(*) FROM seen() WHERE n > 1;
SELECT count(*) FROM connections c WHERE EXISTS (SELECT FROM connections x WHERE x.username > c.username OFFSET 0);
SELECT asked();
SELECT count(*) FROM (SELECT FROM connections x, LATERAL (SELECT FROM connections y WHERE y.country = x.country LIMIT 1) l) s;
SELECT count(*) AS requests, count(*) FILTER (WHERE n > 1) AS twice FROM seen();
SELECT test.latency(0) AS nothing \gset

-- Two statements share nothing.
SELECT count(id) FROM connections WHERE company_id = company(1);
SELECT count(id) FROM connections WHERE company_id = company(1);
DO $$
BEGIN
    FOR i IN 1 .. 3 LOOP
        PERFORM FROM connections WHERE company_id = company(1);
    END LOOP;
END $$;
SELECT asked();
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT status FROM connections WHERE id = connection(2);
SELECT test.fault('{"kind": "patch", "path": "/connection/*/details", "set": {"status": "PENDING"}, "times": 1}') AS nothing \gset
SELECT status FROM connections WHERE id = connection(2);
COMMIT;
-- but a self-join sees one state
SELECT test.fault('{"kind": "patch", "path": "/connection/*/details", "set": {"status": "PENDING"}, "nth": 2}') AS nothing \gset
SELECT x.status, y.status FROM connections x, connections y WHERE x.id = connection(2) AND y.id = connection(2);
SELECT test.faults_clear() AS nothing \gset
SELECT test.clear() AS nothing \gset

-- More than scan_memory holds: bodies go to a temporary file, which goes with the statement.
CREATE TABLE copy AS SELECT * FROM connections;
ANALYZE copy;
CREATE TABLE accounts_copy AS SELECT * FROM accounts;
ALTER SERVER sandbox OPTIONS (ADD scan_memory '64kB');
SELECT test.clear() AS nothing \gset
BEGIN;
DECLARE several CURSOR FOR
    SELECT c.id, x.n FROM (SELECT count(*) AS n FROM connections) x, connections c;
FETCH 1 FROM several;
SELECT files() AS files;
MOVE ALL IN several;
CLOSE several;
SELECT files() AS files;
COMMIT;
SELECT asked();
SELECT count(*), count(*) = sum((x = y)::int) AS equal FROM connections x JOIN copy y USING (id);
SELECT count(*) FROM (SELECT x::text FROM connections x UNION ALL SELECT x::text FROM connections x UNION ALL SELECT x::text FROM connections x
                      EXCEPT ALL SELECT x::text FROM copy x, generate_series(1, 3)) d;
SELECT count(*) FROM (SELECT x::text FROM accounts x UNION ALL SELECT x::text FROM accounts x
                      EXCEPT ALL SELECT x::text FROM accounts_copy x, generate_series(1, 2)) d;
SELECT test.clear() AS nothing \gset
SELECT count(*) FROM copy k, LATERAL (SELECT c.id FROM connections c WHERE c.company_id = k.company_id AND c.country = k.country) s;
SELECT asked();
SELECT k.n, (SELECT count(*) FROM connections c JOIN accounts a ON a.connection_id = c.id AND a.company_id = c.company_id WHERE c.company_id = company(k.n)) FROM keys k WHERE n < 7 ORDER BY 1;
SELECT asked();
-- a cursor closed early, a transaction rolled back, a savepoint gone: no file stays, nobody complains
BEGIN;
DECLARE early CURSOR FOR SELECT c.id, x.n FROM (SELECT count(*) AS n FROM connections) x, connections c;
FETCH 1 FROM early;
CLOSE early;
SAVEPOINT s;
DECLARE rolled CURSOR FOR SELECT c.id, x.n FROM (SELECT count(*) AS n FROM connections) x, connections c;
FETCH 1 FROM rolled;
ROLLBACK TO s;
DECLARE late CURSOR FOR SELECT c.id, x.n FROM (SELECT count(*) AS n FROM connections) x, connections c;
SAVEPOINT t;
MOVE 2 IN late;
RELEASE t;
SAVEPOINT t;
MOVE 2 IN late;
ROLLBACK TO t;
MOVE 100 IN late;
COMMIT;
SELECT files() AS files;
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT c.id, x.n FROM (SELECT count(*) AS n FROM connections) x, connections c ORDER BY 1;
COMMIT;
FETCH 1 FROM held;
CLOSE held;
DO $$
DECLARE r record; rows int := 0;
BEGIN
    FOR r IN SELECT c.id, x.n FROM (SELECT count(*) AS n FROM connections) x, connections c LOOP
        rows := rows + 1;
        BEGIN
            IF rows % 20 = 0 THEN
                RAISE division_by_zero;
            END IF;
        EXCEPTION WHEN division_by_zero THEN
            NULL;
        END;
        EXIT WHEN rows = 50;
    END LOOP;
    RAISE NOTICE '% rows', rows;
END $$;
SELECT files() AS files;
SELECT test.clear() AS nothing \gset
ALTER SERVER sandbox OPTIONS (DROP scan_memory);

-- max_requests counts what a statement sends, not what it shares.
ALTER SERVER sandbox OPTIONS (ADD max_requests '6');
SELECT count(*) FROM (SELECT id FROM connections UNION ALL SELECT id FROM connections UNION ALL SELECT id FROM accounts) u;
SELECT count(*) FROM (SELECT id FROM connections UNION ALL SELECT id FROM connections UNION ALL SELECT id FROM accounts) u;
SELECT asked();
ALTER SERVER sandbox OPTIONS (SET max_requests '3');
SELECT count(*) FROM connections WHERE id IN (connection(1), connection(2), connection(3));
SELECT count(id) FROM connections;
\set VERBOSITY sqlstate
SELECT count(id) FROM connections;
SELECT k.n FROM generate_series(1, 4) k(n) JOIN connections c ON c.id = connection(k.n);
\set VERBOSITY default
SELECT count(*) <= 4 * 3 AS held FROM test.requests();
SELECT count(*) FROM keys k JOIN connections c ON c.id = k.id;
SELECT test.clear() AS nothing \gset
ALTER SERVER sandbox OPTIONS (DROP max_requests);

-- Two servers in one statement: each is asked, and keeps to its own options.
SELECT format('CREATE SERVER second FOREIGN DATA WRAPPER connection_fdw OPTIONS (base_url %L, page_size ''7'', company_ids %L, max_retries ''0'')',
              :'base_url', company(2) || ',' || company(3)) AS command \gset
:command;
CREATE USER MAPPING FOR CURRENT_USER SERVER second OPTIONS (api_key 'nectar-sandbox-key');
CREATE FOREIGN TABLE second_connections (id uuid, company_id uuid, status connection_status) SERVER second OPTIONS (resource 'connections');
SELECT x.company_id, count(*) FROM connections x JOIN second_connections y USING (id) GROUP BY 1 ORDER BY 1;
SELECT asked();
SELECT count(*) FROM (SELECT id FROM second_connections WHERE id = connection(30) UNION ALL SELECT id FROM connections WHERE id = connection(30)) u;
SELECT asked();
ALTER USER MAPPING FOR CURRENT_USER SERVER second OPTIONS (SET api_key 'wrong');
SELECT count(*) FROM (SELECT id FROM connections WHERE id = connection(30) UNION ALL SELECT id FROM second_connections WHERE id = connection(30)) u;
SELECT count(*) FROM connections WHERE id = connection(30);
SELECT test.clear() AS nothing \gset

-- An error in the middle ends the statement; the next one begins anew.
-- arms one after the other: which of two that run side by side reports it first is open
SET enable_async_append = off;
SELECT test.fault(format('{"kind": "status", "status": 500, "path": "/connection/company/%s", "times": 1}', company(3))::jsonb) AS nothing \gset
SELECT count(*) FROM (SELECT id FROM connections UNION ALL SELECT id FROM accounts) u;
SELECT count(*) FROM (SELECT id FROM connections UNION ALL SELECT id FROM accounts) u;
ALTER SERVER sandbox OPTIONS (ADD scan_memory '64kB');
\set VERBOSITY terse
SELECT test.fault(format('{"kind": "truncate", "path": "/connection/company/%s", "times": 1}', company(5))::jsonb) AS nothing \gset
SELECT count(*) FROM (SELECT id FROM connections UNION ALL SELECT id FROM accounts) u;
\set VERBOSITY default
BEGIN;
SAVEPOINT s;
SELECT test.fault(format('{"kind": "malformed", "path": "/connection/company/%s", "times": 1}', company(5))::jsonb) AS nothing \gset
SELECT count(*) FROM (SELECT id FROM connections UNION ALL SELECT id FROM accounts) u;
ROLLBACK TO s;
SELECT count(*) FROM (SELECT id FROM connections UNION ALL SELECT id FROM accounts) u;
COMMIT;
RESET enable_async_append;
SELECT 1 / (count(*) - 60) FROM (SELECT x.id FROM connections x JOIN connections y USING (id)) u;
SELECT files() AS files;
SELECT count(id) FROM connections;
