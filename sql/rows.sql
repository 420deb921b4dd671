-- Whole rows, system columns, parents of foreign tables: what a row is besides its columns.
\i test/lib/setup.sql
\i test/lib/copies.sql

-- Whole rows, wherever they go.
SELECT query, r.* FROM unnest(ARRAY[
    'SELECT c FROM connections c WHERE company_id = company(1)',
    'SELECT c, status FROM connections c WHERE needs_user_action',
    'SELECT c FROM companies c',
    'SELECT a.* FROM accounts a WHERE company_id = company(1)',
    'SELECT to_jsonb(c) FROM connections c WHERE company_id = company(1)',
    'SELECT row_to_json(a) FROM accounts a WHERE company_id = company(1)',
    'SELECT json_agg(q) FROM (SELECT id, status FROM connections WHERE company_id = company(1)) q',
    'SELECT (c).id, (c).status FROM (SELECT c FROM connections c WHERE company_id = company(2) OFFSET 0) q',
    'SELECT id FROM connections c WHERE c IS NULL',
    'SELECT id FROM connections c WHERE c IS NOT NULL',
    'SELECT id FROM connections c WHERE NOT c IS NOT NULL AND company_id = company(1)',
    'SELECT id FROM connections c WHERE c IS DISTINCT FROM NULL AND c = c',
    'SELECT id FROM connections WHERE (company_id, status) = (company(1), ''CONNECTED'')',
    'SELECT id FROM connections WHERE (created, id) > (SELECT created, id FROM connections WHERE id = connection(5)) AND company_id = company(1)',
    'SELECT id FROM connections WHERE ROW(country, url) IS DISTINCT FROM ROW(''FR'', NULL) AND company_id = company(1)',
    'SELECT id FROM connections WHERE (status, country) IN ((''CONNECTED'', ''US''), (''PENDING'', ''US'')) AND company_id = company(1)',
    'SELECT count(c), count(DISTINCT c), count(c.*) FROM connections c',
    'SELECT status, array_agg(c ORDER BY id) FROM connections c GROUP BY 1',
    'SELECT DISTINCT c FROM connections c',
    'SELECT c FROM connections c ORDER BY c DESC',
    'SELECT c, count(*) FROM connections c GROUP BY c',
    'SELECT id, lag(c) OVER (ORDER BY id) FROM connections c',
    'SELECT x.id FROM connections x JOIN connections y ON x = y WHERE x.company_id = company(1) AND y.company_id = company(1)',
    'SELECT c, a FROM connections c LEFT JOIN accounts a ON a.connection_id = c.id AND a.company_id = c.company_id',
    'SELECT c.id, a IS NULL AS none FROM connections c LEFT JOIN accounts a ON a.connection_id = c.id AND a.company_id = c.company_id',
    'SELECT c FROM companies c WHERE EXISTS (SELECT FROM connections d WHERE d.company_id = c.id AND d.status = ''CONNECTED'')',
    'SELECT q FROM (SELECT c FROM connections c WHERE company_id = company(1) UNION ALL SELECT c FROM connections c WHERE company_id = company(2)) q',
    'WITH w AS MATERIALIZED (SELECT c FROM connections c WHERE company_id = company(3)) SELECT (c).* FROM w'])
  WITH ORDINALITY q(query, i), run(query) r ORDER BY i;
-- no column at all, and a function of the row
SELECT FROM connections WHERE company_id = company(1);
CREATE FUNCTION headline(connections) RETURNS text LANGUAGE sql AS $$ SELECT $1.datasource_name || ': ' || $1.status $$;
SELECT c.headline FROM connections c WHERE id = connection(2);
-- a table that changed, some columns of which are gone
CREATE FOREIGN TABLE few (id uuid, country text, status connection_status, company_id uuid) SERVER sandbox OPTIONS (resource 'connections');
PREPARE whole AS SELECT f, to_jsonb(f) - 'id' AS json FROM few f WHERE id = connection(2);
EXECUTE whole;
ALTER FOREIGN TABLE few DROP COLUMN country, ADD COLUMN provider text OPTIONS (json_path 'datasource.name');
SELECT f, to_jsonb(f) - 'id' AS json, f IS NOT NULL AS whole FROM few f WHERE id = connection(2);
EXECUTE whole;
ALTER FOREIGN TABLE few ADD COLUMN country text;
EXECUTE whole;
DEALLOCATE whole;

-- tableoid is the table's.  A remote row has no place and no transaction: ctid is no valid one, and the others say so.
SELECT tableoid::regclass, id, ctid FROM connections WHERE id = connection(1);
SELECT tableoid::regclass, count(id) FROM accounts WHERE company_id = company(1) AND tableoid = 'accounts'::regclass GROUP BY 1;
SELECT DISTINCT c.tableoid::regclass, a.tableoid::regclass FROM connections c JOIN accounts a ON a.connection_id = c.id WHERE c.id = connection(2);
SELECT id FROM connections WHERE ctid = '(0,1)' AND company_id = company(1);
SELECT command, attempt(command) FROM unnest(ARRAY[
    'SELECT xmin FROM connections', 'SELECT id FROM connections WHERE xmax = ''0''', 'SELECT cmin, c FROM connections c ORDER BY id',
    'SELECT max(cmax::text) FROM connections', 'SELECT xmin FROM connections FOR UPDATE']) command;

-- Parents.  A partitioned table with foreign partitions, whose columns are in another order, and one of its own.
CREATE TABLE every (status connection_status, company_id uuid, id uuid) PARTITION BY LIST (company_id);
CREATE FOREIGN TABLE acme (id uuid, gone text, company_id uuid, status connection_status) SERVER sandbox OPTIONS (resource 'connections');
ALTER FOREIGN TABLE acme DROP COLUMN gone;
ALTER TABLE every ATTACH PARTITION acme FOR VALUES IN ('c0000000-0000-4000-8000-000000000001');
CREATE FOREIGN TABLE globex PARTITION OF every FOR VALUES IN ('c0000000-0000-4000-8000-000000000002') SERVER sandbox OPTIONS (resource 'connections');
CREATE TABLE others PARTITION OF every DEFAULT;
ALTER FOREIGN TABLE acme OPTIONS (ADD company_ids 'c0000000-0000-4000-8000-000000000001');
ALTER FOREIGN TABLE globex OPTIONS (ADD company_ids 'c0000000-0000-4000-8000-000000000002');
INSERT INTO every VALUES ('PENDING', company(40), connection(400)), ('CONNECTED', company(41), connection(401));
SELECT test.clear() AS nothing \gset
SELECT tableoid::regclass, count(id), min(id::text) FROM every GROUP BY 1 ORDER BY 1;
SELECT asked();
SELECT tableoid::regclass, e FROM every e WHERE status = 'CONNECTED' ORDER BY id;
SELECT asked();
SELECT tableoid::regclass, to_jsonb(e) AS row FROM every e WHERE company_id = company(2) AND status = 'PENDING';
SELECT asked();
EXPLAIN (COSTS OFF) SELECT e FROM every e WHERE company_id = company(1) AND status = 'CONNECTED';
-- pruned while it runs
PREPARE pruned (uuid) AS SELECT tableoid::regclass, count(e) FROM every e WHERE company_id = $1 GROUP BY 1;
SET plan_cache_mode = force_generic_plan;
EXECUTE pruned (company(1));
SELECT asked();
EXECUTE pruned (company(40));
SELECT asked();
RESET plan_cache_mode;
DEALLOCATE pruned;
SELECT k.n, e.tableoid::regclass, count(e.id) FROM generate_series(1, 3) k (n) JOIN every e ON e.company_id = company(k.n) GROUP BY 1, 2 ORDER BY 1;
SELECT asked();
-- only partitions of one's own are written to
SELECT command, attempt(command, ' | ') FROM unnest(ARRAY[
    'INSERT INTO every VALUES (''PENDING'', company(1), connection(1))',
    'UPDATE every SET status = ''CONNECTED'' WHERE company_id = company(40)',
    'UPDATE every SET company_id = company(2) WHERE company_id = company(40)',
    'UPDATE every SET status = ''CONNECTED''',
    'DELETE FROM every WHERE company_id = company(1)',
    'TRUNCATE every',
    'DELETE FROM others']) command;
SELECT asked();
-- inheritance: a parent with rows, and a child that has more columns
CREATE TABLE archive (id uuid, status connection_status);
INSERT INTO archive VALUES (connection(500), 'PENDING');
CREATE FOREIGN TABLE live (company_id uuid) INHERITS (archive) SERVER sandbox OPTIONS (resource 'connections', company_ids 'c0000000-0000-4000-8000-000000000003');
SELECT tableoid::regclass, count(id) FROM archive GROUP BY 1 ORDER BY 1;
SELECT tableoid::regclass, a FROM archive a WHERE status = 'PENDING' ORDER BY id;
SELECT count(a) FROM ONLY archive a;
SELECT asked();
DROP SCHEMA copies CASCADE;
