-- ANALYZE reads a table once, as its owner, and plans follow what it found.
\i test/lib/setup.sql
CREATE FUNCTION asked() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(replace(regexp_replace(request, '([cd])0000000-0000-4000-8000-0*', '\1', 'g'), '/connection/company/', '')
                               || CASE WHEN n > 1 THEN ' x' || n ELSE '' END, '  ' ORDER BY request), 'nothing') FROM seen() $$;
-- the rows that a plan expects, and its first line
CREATE FUNCTION expected(query text, OUT rows numeric, OUT route text) LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
    rows := (plan #>> '{0,Plan,Plan Rows}')::numeric;
    route := plan #>> '{0,Plan,Route}';
END $$;

-- Without it, guesses: one row by id, a company's share, a status' share.
SELECT query, e.* FROM unnest(ARRAY[
    'SELECT * FROM companies',
    'SELECT * FROM companies WHERE id = company(1)',
    'SELECT * FROM connections',
    'SELECT * FROM connections WHERE id = connection(1)',
    'SELECT * FROM connections WHERE id = ANY (ARRAY[connection(1), connection(2), connection(3)])',
    'SELECT * FROM connections WHERE id = connection(1) OR id = connection(2)',
    'SELECT * FROM connections WHERE company_id = company(1)',
    'SELECT * FROM connections WHERE company_name = ''Acme''',
    'SELECT * FROM connections WHERE company_id = company(1) AND status = ''CONNECTED''',
    'SELECT * FROM connections WHERE needs_user_action',
    'SELECT * FROM connections WHERE NOT needs_user_action',
    'SELECT * FROM connections WHERE status_category = ''healthy''',
    'SELECT * FROM accounts',
    'SELECT * FROM accounts WHERE connection_id = connection(1)',
    'SELECT * FROM accounts WHERE company_id = company(1)',
    'SELECT * FROM sites WHERE company_id = company(1)'])
  WITH ORDINALITY q(query, i), expected(query) e ORDER BY i;
SELECT asked();

-- Each listing once; 5 companies, 60 connections, 129 accounts.  Of a column without statistics the guess stays.
ANALYZE connections;
SELECT asked();
ANALYZE accounts (id, status);
SELECT asked();
ANALYZE companies;
ANALYZE sites;
SELECT asked();
SELECT relname, reltuples FROM pg_class WHERE relnamespace = 'utility'::regnamespace AND relkind = 'f' ORDER BY 1;
SELECT attname, n_distinct, null_frac FROM pg_stats WHERE schemaname = 'utility' AND tablename = 'connections'
   AND attname IN ('id', 'company_id', 'company_name', 'country', 'needs_user_action') ORDER BY 1;
SELECT attname FROM pg_stats WHERE schemaname = 'utility' AND tablename = 'accounts' ORDER BY 1;
-- also for a clause over what is computed below an outer join
SELECT a.id FROM companies a LEFT JOIN (SELECT company_id, coalesce(country, 'none') AS country FROM connections) c
    ON c.company_id = a.id WHERE c.country = 'none' AND c.company_id IS NOT NULL GROUP BY 1 ORDER BY 1;
SELECT test.clear() AS nothing \gset
SELECT query, e.* FROM unnest(ARRAY[
    'SELECT * FROM connections',
    'SELECT * FROM connections WHERE id = connection(1)',
    'SELECT * FROM connections WHERE company_id = company(1)',
    'SELECT * FROM connections WHERE company_id = company(1) AND status = ''CONNECTED''',
    'SELECT * FROM connections WHERE needs_user_action',
    'SELECT * FROM accounts',
    'SELECT * FROM accounts WHERE status = ''DETECTED''',
    'SELECT * FROM accounts WHERE company_id = company(1)',
    'SELECT * FROM sites WHERE company_id = company(1)'])
  WITH ORDINALITY q(query, i), expected(query) e ORDER BY i;
SELECT asked();

-- A sample of more rows than it holds: the count is exact.
CREATE FOREIGN TABLE sampled (id uuid) SERVER sandbox OPTIONS (resource 'accounts');
ALTER FOREIGN TABLE sampled ALTER COLUMN id SET STATISTICS 0;
ALTER SERVER sandbox OPTIONS (ADD page_size '1');
SET client_min_messages = info;
ANALYZE VERBOSE sampled;
RESET client_min_messages;
ALTER SERVER sandbox OPTIONS (DROP page_size);
SELECT count(*) AS requests FROM test.requests();
SELECT reltuples FROM pg_class WHERE oid = 'sampled'::regclass;
DROP FOREIGN TABLE sampled;

-- A table with some columns, of text, and one of its own.
CREATE FOREIGN TABLE slim (id text, status text, city text OPTIONS (json_path 'datasource.name')) SERVER sandbox OPTIONS (resource 'connections');
ANALYZE slim;
SELECT attname, n_distinct > 1 OR n_distinct < 0 AS several FROM pg_stats WHERE tablename = 'slim' ORDER BY 1;

-- A scope is analyzed alone; a partitioned parent through its partitions.
CREATE TABLE parts (id uuid, company_id uuid, status connection_status) PARTITION BY LIST (company_id);
SELECT format('CREATE FOREIGN TABLE part_%s PARTITION OF parts FOR VALUES IN (%L) SERVER sandbox OPTIONS (resource ''connections'', company_ids %L)',
              n, company(n), company(n)) FROM generate_series(1, 3) n \gexec
SELECT test.clear() AS nothing \gset
ANALYZE parts;
SELECT asked();
SELECT relname, reltuples FROM pg_class WHERE relname ~ '^part' AND relkind IN ('f', 'p') ORDER BY 1;
SELECT inherited, n_distinct FROM pg_stats WHERE tablename = 'parts' AND attname = 'company_id';

-- An answer that goes wrong, an unknown label, a missing mapping.
SELECT test.fault('{"kind": "truncate", "path": "/connection/company/*3"}') AS nothing \gset
ANALYZE connections;
SELECT test.faults_clear() AS nothing \gset
SELECT test.fault('{"kind": "unknown_label", "label": "ON_HOLD", "at": 1, "path": "/connection/company/*3"}') AS nothing \gset
ANALYZE connections;
SELECT reltuples FROM pg_class WHERE oid = 'connections'::regclass;
SELECT test.faults_clear() AS nothing \gset
CREATE ROLE analyze_owner;
CREATE FOREIGN TABLE theirs (id uuid) SERVER sandbox OPTIONS (resource 'connections');
ALTER FOREIGN TABLE theirs OWNER TO analyze_owner;
SELECT test.clear() AS nothing \gset
ANALYZE theirs;
SELECT asked();
DROP FOREIGN TABLE theirs;
DROP ROLE analyze_owner;
-- with requests held to fewer than it takes
ALTER SERVER sandbox OPTIONS (ADD max_requests '3');
ANALYZE connections;
ALTER SERVER sandbox OPTIONS (DROP max_requests);
-- VACUUM and a database-wide ANALYZE leave foreign tables alone, unless they are partitions
SELECT test.clear() AS nothing \gset
VACUUM;
ANALYZE;
SELECT asked();
DROP TABLE parts;
ANALYZE;
SELECT asked();
