-- What stands around a foreign scan: subqueries, views, policies, triggers, other tables' parallel scans, statements that write.
\i test/lib/setup.sql
\i test/lib/copies.sql
CREATE TABLE customers AS SELECT n, 'CRM-' || n AS crm_id, company(n) AS company_id, connection(1 + 7 * (n % 3)) AS connection_id FROM generate_series(1, 4) n;
ANALYZE customers;

-- Subqueries of every kind.
SELECT query, r.* FROM unnest(ARRAY[
    'SELECT k.n, t.* FROM customers k CROSS JOIN LATERAL (SELECT c.id, l.n AS accounts FROM connections c, LATERAL (SELECT count(a.id) AS n FROM accounts a WHERE a.connection_id = c.id AND a.company_id = k.company_id) l WHERE c.company_id = k.company_id ORDER BY l.n DESC, c.id LIMIT 2) t WHERE k.n < 3',
    'SELECT o.name, t.last FROM companies o LEFT JOIN LATERAL (SELECT max(created) AS last FROM connections c WHERE c.company_id = o.id AND c.status = ''CONNECTED'') t ON true',
    'SELECT c.id, (SELECT o.name FROM companies o WHERE o.id = c.company_id) FROM connections c WHERE company_id = company(1)',
    'SELECT c.id FROM connections c WHERE created = (SELECT max(d.created) FROM connections d WHERE d.company_id = c.company_id)',
    'SELECT c.id FROM connections c WHERE created >= ALL (SELECT d.created FROM connections d WHERE d.company_id = c.company_id)',
    'SELECT c.id, ARRAY(SELECT a.account_number FROM accounts a WHERE a.connection_id = c.id AND a.company_id = c.company_id ORDER BY a.id) FROM connections c WHERE company_id = company(2)',
    'SELECT c.id FROM connections c WHERE c.company_id = (SELECT company_id FROM customers WHERE n = 3) AND c.status = (SELECT ''CONNECTED''::connection_status)',
    'SELECT x.id, y.id AS twin FROM connections x LEFT JOIN connections y ON y.company_id = x.company_id AND y.datasource_name = x.datasource_name AND y.id <> x.id WHERE x.company_id = company(1)',
    'SELECT x.id FROM connections x WHERE x.company_id = company(1) AND NOT EXISTS (SELECT FROM connections y WHERE y.company_id = x.company_id AND y.datasource_name = x.datasource_name AND y.id < x.id)',
    'SELECT datasource_name FROM connections WHERE company_id = company(1) INTERSECT ALL SELECT datasource_name FROM connections WHERE company_id = company(2)',
    'WITH w AS (SELECT * FROM connections WHERE company_id = company(1)), v AS (SELECT status, count(id) AS n FROM w GROUP BY 1) SELECT w.id, v.n FROM w JOIN v USING (status)',
    'WITH RECURSIVE r AS (SELECT id, 1 AS depth FROM connections WHERE id = connection(1) UNION ALL SELECT c.id, r.depth + 1 FROM r JOIN connections c ON c.company_id = company(1) AND c.id > r.id WHERE r.depth < 3) SELECT depth, count(id) FROM r GROUP BY 1',
    'WITH RECURSIVE r AS (SELECT id, created FROM connections WHERE id = connection(1) UNION SELECT c.id, c.created FROM r, LATERAL (SELECT d.id, d.created FROM connections d WHERE d.company_id = company(1) AND d.created > r.created ORDER BY d.created, d.id LIMIT 1) c) SELECT * FROM r',
    'SELECT k.n, c.id FROM customers k FULL JOIN (SELECT * FROM connections WHERE company_id = company(2)) c ON c.id = k.connection_id',
    'SELECT k.n, c.company_name FROM customers k LEFT JOIN connections c ON c.id = k.connection_id AND k.n > 2',
    'SELECT v.n, c.id FROM (VALUES (1, connection(3)), (2, connection(3)), (3, NULL)) v (n, id) LEFT JOIN connections c ON c.id = v.id',
    'SELECT u.*, c.status FROM unnest(ARRAY[connection(1), connection(2)]) WITH ORDINALITY u (id, i) JOIN connections c USING (id)',
    'SELECT CASE WHEN k.n = 1 THEN (SELECT count(id) FROM connections WHERE company_id = company(1)) END FROM customers k'])
  WITH ORDINALITY q(query, i), run(query) r ORDER BY i;

-- Views: a barrier keeps a user's function from rows that are not the view's.
CREATE ROLE regress_reader;
GRANT USAGE ON SCHEMA utility TO regress_reader;
GRANT SELECT ON customers TO regress_reader;
CREATE FUNCTION leak(anyelement) RETURNS boolean COST 0.0001 LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'leaked %', $1; RETURN true; END $$;
CREATE VIEW acme AS SELECT id, company_name, country, status FROM connections WHERE company_id = company(1) AND status_category = 'system';
CREATE VIEW barred WITH (security_barrier) AS SELECT id, company_name, country, status FROM connections WHERE company_id = company(1) AND status_category = 'system';
GRANT SELECT ON acme, barred TO regress_reader;
SELECT test.clear() AS nothing \gset
SET ROLE regress_reader;
SELECT id FROM barred WHERE leak(country);
SELECT id FROM barred WHERE leak(status);
SELECT id FROM barred WHERE id = connection(13) OR leak(id);
SELECT id, status FROM barred WHERE status = 'COMPANY_INACTIVE';
SELECT count(id) FROM acme;
TABLE connections;
RESET ROLE;
SELECT asked();
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM barred WHERE leak(country) AND status = 'COMPANY_INACTIVE';
-- with the invoker's rights, the mapping is the invoker's
CREATE VIEW invoked WITH (security_invoker) AS SELECT id, company_name FROM connections WHERE company_id = company(1);
GRANT SELECT ON invoked TO regress_reader;
SET ROLE regress_reader;
SELECT count(id) FROM invoked;
RESET ROLE;
GRANT SELECT ON connections TO regress_reader;
SET ROLE regress_reader;
SELECT count(id) FROM invoked;
RESET ROLE;
SELECT asked();
CREATE USER MAPPING FOR regress_reader SERVER sandbox OPTIONS (api_key 'nectar-sandbox-key');
SET ROLE regress_reader;
SELECT count(id) FROM invoked;
RESET ROLE;
SELECT asked();

-- Policies: on a local table that is joined, and one that asks a foreign table.  A foreign table has none itself.
ALTER FOREIGN TABLE connections ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON connections USING (true);
ALTER TABLE customers ENABLE ROW LEVEL SECURITY;
CREATE POLICY low ON customers TO regress_reader USING (n <= 2);
SET ROLE regress_reader;
SELECT k.n, count(c.id) FROM customers k JOIN connections c ON c.company_id = k.company_id GROUP BY 1 ORDER BY 1;
RESET ROLE;
SELECT asked();
DROP POLICY low ON customers;
CREATE POLICY active ON customers TO regress_reader USING (EXISTS (SELECT FROM connections c WHERE c.id = customers.connection_id AND c.status = 'CONNECTED'));
SET ROLE regress_reader;
SELECT k.n FROM customers k ORDER BY 1;
RESET ROLE;
UPDATE customers SET connection_id = connection(2) WHERE n = 3;
SET ROLE regress_reader;
SELECT k.n FROM customers k WHERE leak(crm_id) ORDER BY 1;
RESET ROLE;
SELECT asked();
ALTER TABLE customers DISABLE ROW LEVEL SECURITY;
DROP OWNED BY regress_reader;
DROP ROLE regress_reader;

-- Triggers that look up, for each row, each statement, and at the end of the transaction.
CREATE TABLE tickets (connection_id uuid, status connection_status);
CREATE FUNCTION look_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT c.status INTO new.status FROM connections c WHERE c.id = new.connection_id;
    RETURN new;
END $$;
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE '% of % are connected', (SELECT count(c.id) FROM connections c JOIN added t ON t.connection_id = c.id WHERE c.status = 'CONNECTED'), (SELECT count(*) FROM added);
    RETURN NULL;
END $$;
CREATE FUNCTION verify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM connections WHERE id = new.connection_id) THEN
        RAISE foreign_key_violation USING MESSAGE = 'no such connection';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER look_up BEFORE INSERT ON tickets FOR EACH ROW EXECUTE FUNCTION look_up();
CREATE TRIGGER tell AFTER INSERT ON tickets REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION tell();
CREATE CONSTRAINT TRIGGER verify AFTER INSERT ON tickets DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION verify();
INSERT INTO tickets VALUES (connection(1)), (connection(2)), (connection(2));
SELECT asked();
BEGIN;
INSERT INTO tickets VALUES (connection(999));
SELECT asked();
COMMIT;
SELECT asked();
SELECT * FROM tickets ORDER BY 1;

-- Materialized views ask when they are made and refreshed, not when they are read.
CREATE MATERIALIZED VIEW snapshot AS SELECT id, status, company_name, attrs FROM connections WHERE company_id = company(1);
SELECT asked();
CREATE UNIQUE INDEX ON snapshot (id);
SELECT count(id) FROM snapshot;
SELECT asked();
SELECT test.fault('{"kind": "patch", "path": "/connection/company/*1", "set": {"status": "WEBSITE_DOWN"}, "times": 2}') AS nothing \gset
REFRESH MATERIALIZED VIEW CONCURRENTLY snapshot;
SELECT status FROM snapshot WHERE id = connection(1);
SELECT asked();
SELECT test.faults_clear(), test.fault('{"kind": "status", "status": 403, "times": 1}') \gset nothing
REFRESH MATERIALIZED VIEW CONCURRENTLY snapshot;
SELECT count(id) FROM snapshot;
REFRESH MATERIALIZED VIEW snapshot;
SELECT status FROM snapshot WHERE id = connection(1);
SELECT asked();
SELECT count(*) FROM ((SELECT id, status FROM snapshot EXCEPT SELECT id, status FROM copies.connections)) d;

-- Statements that read foreign rows and write local ones.
CREATE TEMP TABLE extract AS SELECT * FROM connections WHERE company_id = company(2);
SELECT id, status INTO TEMP TABLE extract2 FROM connections WHERE company_id = company(2) LIMIT 3;
CREATE TABLE extract3 (LIKE connections INCLUDING ALL);
INSERT INTO extract3 SELECT * FROM connections WHERE company_id = company(2);
INSERT INTO extract3 TABLE extract;
SELECT asked();
SELECT (SELECT count(*) FROM extract), (SELECT count(*) FROM extract2), (SELECT count(*) FROM extract3), (SELECT count(*) FROM (TABLE extract EXCEPT SELECT * FROM copies.connections) d);
CREATE TABLE mirror (id uuid PRIMARY KEY, status connection_status, seen int DEFAULT 1);
INSERT INTO mirror (id, status) SELECT id, status FROM connections WHERE company_id = company(1) AND status IN ('CONNECTED', 'PENDING');
INSERT INTO mirror (id, status) SELECT id, status FROM connections WHERE company_id = company(1) ON CONFLICT (id) DO UPDATE SET seen = mirror.seen + 1, status = excluded.status;
SELECT seen, count(*) FROM mirror GROUP BY 1 ORDER BY 1;
UPDATE mirror m SET status = NULL, seen = a.n FROM (SELECT connection_id, count(id)::int AS n FROM accounts WHERE company_id = company(1) GROUP BY 1) a WHERE a.connection_id = m.id;
DELETE FROM mirror m USING connections c WHERE c.id = m.id AND c.company_id = company(1) AND c.status_category = 'system' RETURNING m.id, c.status;
MERGE INTO mirror m USING (SELECT id, status FROM connections WHERE company_id = company(1)) c ON c.id = m.id
 WHEN MATCHED AND c.status = 'PENDING' THEN DELETE
 WHEN MATCHED THEN UPDATE SET status = c.status
 WHEN NOT MATCHED THEN INSERT VALUES (c.id, c.status, 0);
SELECT count(*), count(m.status), bool_and(m.status = c.status) AS same FROM mirror m JOIN copies.connections c USING (id);
WITH moved AS (DELETE FROM mirror WHERE seen = 0 RETURNING id) SELECT m.id, c.status FROM moved m JOIN connections c ON c.id = m.id;
SELECT asked();
COPY (SELECT id, status, needs_user_action, initial_datasource_types FROM connections WHERE company_id = company(1) ORDER BY id LIMIT 3) TO STDOUT (FORMAT csv, HEADER);
COPY connections TO STDOUT;
COPY connections FROM STDIN;
\.
SELECT * FROM connections TABLESAMPLE bernoulli (10);
CREATE INDEX ON connections (id);
LOCK TABLE connections;
SELECT asked();

-- Locks are for local rows: a foreign table in the same statement is read, its rows stay whole.
SELECT k.n, c = (SELECT d FROM connections d WHERE id = k.connection_id) AS whole FROM customers k JOIN connections c ON c.id = k.connection_id WHERE k.n = 2 FOR UPDATE;
SELECT k.n, c.status FROM customers k JOIN connections c ON c.id = k.connection_id WHERE k.n < 3 ORDER BY k.n FOR SHARE OF k SKIP LOCKED;
SELECT id, status FROM connections WHERE company_id = company(1) AND status_category = 'system' FOR UPDATE;
SELECT id FROM connections WHERE company_id = company(1) ORDER BY id LIMIT 2 FOR NO KEY UPDATE NOWAIT;
SELECT asked();

-- Parallel scans of other tables beside it; the foreign scan stays in the leader.
CREATE TABLE readings AS SELECT n, connection(1 + n % 60) AS connection_id, n % 97 AS value FROM generate_series(1, 30000) n;
ANALYZE readings;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
-- does the plan have a Gather, and a foreign scan below one; are the rows those of the copies
CREATE FUNCTION beside(query text, OUT gather boolean, OUT foreign_below boolean, OUT same boolean, OUT requests text) LANGUAGE plpgsql AS $$
DECLARE
    whole text := 'SELECT string_agg(q::text, E''\n'' ORDER BY q::text) FROM (' || query || ') q';
    plan jsonb; rows text; expected text;
BEGIN
    EXECUTE 'EXPLAIN (COSTS OFF, FORMAT json) ' || whole INTO plan;
    gather := jsonb_path_exists(plan, '$.**."Node Type" ? (@ starts with "Gather")');
    foreign_below := jsonb_path_exists(plan, '$.** ? (@."Node Type" starts with "Gather").Plans.**."Node Type" ? (@ == "Foreign Scan")');
    PERFORM test.clear();
    EXECUTE whole INTO rows;
    requests := asked();
    SET LOCAL search_path = copies, utility, nectar, public;
    EXECUTE whole INTO expected;
    SET LOCAL search_path = utility, nectar, public;
    same := rows = expected;
END $$;
SELECT query, b.* FROM unnest(ARRAY[
    'SELECT c.company_name, sum(r.value) FROM readings r JOIN connections c ON c.id = r.connection_id WHERE r.value > 90 AND c.company_name = ''Acme'' GROUP BY 1',
    'SELECT c.status, r.n FROM readings r JOIN connections c ON c.id = r.connection_id WHERE r.value = 50 AND c.company_id = ''c0000000-0000-4000-8000-000000000003''',
    'SELECT s.n, c.status FROM (SELECT connection_id, count(*) AS n FROM readings WHERE value > 50 GROUP BY 1) s JOIN connections c ON c.id = s.connection_id WHERE c.company_id = ''c0000000-0000-4000-8000-000000000003''',
    'SELECT count(*) FROM readings WHERE value > 10 AND connection_id IN (SELECT id FROM connections WHERE company_id = ''c0000000-0000-4000-8000-000000000001'')',
    'SELECT count(*), (SELECT count(id) FROM connections WHERE company_id = ''c0000000-0000-4000-8000-000000000001'') FROM readings WHERE value < 5',
    'SELECT n FROM readings WHERE value = 7 AND connection_id = (SELECT id FROM connections WHERE id = ''d0000000-0000-4000-8000-000000000008'')'])
  WITH ORDINALITY q(query, i), beside(query) b ORDER BY i;
-- where parallel plans are forced, a foreign scan has none
SELECT set_config(name, 'on', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT query, b.* FROM unnest(ARRAY[
    'SELECT count(id), max(created) FROM connections',
    'SELECT id, status_category(status), needs_user_action(status) FROM connections WHERE needs_user_action(status)',
    'SELECT s.label, count(c.id) FROM connection_statuses s LEFT JOIN connections c ON c.status = s.label GROUP BY 1',
    'SELECT label, guidance(label) FROM connection_statuses'])
  WITH ORDINALITY q(query, i), beside(query) b ORDER BY i;
DROP SCHEMA copies CASCADE;
