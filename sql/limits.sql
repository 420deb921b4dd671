-- LIMIT asks for less, where nothing between it and the scan can discard or reorder rows, and never shortens the answer.
\i test/lib/setup.sql
-- What the sandbox received, in short: c1 is company 1, d2 connection 2.
CREATE FUNCTION asked() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(replace(regexp_replace(request, '([cd])0000000-0000-4000-8000-0*', '\1', 'g'), '/connection/company/', '')
                               || CASE WHEN n > 1 THEN ' x' || n ELSE '' END, '  ' ORDER BY request), 'nothing') FROM seen() $$;
-- How many rows come, and what was asked.
CREATE FUNCTION run(query text, OUT n bigint, OUT requests text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM test.clear();
    EXECUTE 'SELECT count(q) FROM (' || query || ') q' INTO n;
    requests := asked();
END $$;

-- One company: one request, of as many rows as are wanted.
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM connections WHERE company_id = company(1) LIMIT 10;
SELECT id FROM connections WHERE company_id = company(1) LIMIT 10;
SELECT asked();
SELECT query, r.* FROM unnest(ARRAY[
    'SELECT id FROM connections WHERE company_id = company(1) LIMIT 1',
    'SELECT * FROM connections WHERE company_id = company(1) LIMIT 4 OFFSET 3',
    'SELECT id FROM connections WHERE company_id = company(1) LIMIT 5 OFFSET 10',
    'SELECT id FROM connections WHERE company_id = company(1) LIMIT 5 OFFSET 20',
    'SELECT id FROM connections WHERE company_id = company(1) OFFSET 4',
    'SELECT id FROM connections WHERE company_id = company(1) LIMIT 1000',
    'SELECT id FROM connections WHERE company_id = company(1) LIMIT 12',
    'SELECT id FROM connections WHERE company_id = company(1) LIMIT ALL',
    'SELECT id FROM connections WHERE company_id = company(1) LIMIT NULL',
    'SELECT id FROM connections WHERE company_id = company(1) LIMIT 0',
    'SELECT id FROM connections WHERE company_id = company(1) LIMIT (SELECT 3)',
    'SELECT id FROM connections WHERE company_id = company(1) LIMIT 2 OFFSET (SELECT 3)',
    'SELECT id FROM connections WHERE company_id = company(1) LIMIT NULLIF(3, 3)',
    'SELECT id FROM connections WHERE company_id = company(1) LIMIT (3 + 0 * random())::int',
    'SELECT id FROM connections WHERE company_id = company(1) FETCH FIRST 2 ROWS ONLY',
    'SELECT id, upper(company_name) FROM connections WHERE company_id = company(1) LIMIT 2',
    'SELECT id FROM connections WHERE company_id = company(1) AND status = ''CONNECTED'' LIMIT 2',
    'SELECT id FROM connections WHERE company_id = company(1) AND workflow_owner_email = ''ops@initech.example'' LIMIT 2',
    'SELECT id FROM connections WHERE company_id = company(1) AND status = ''CONNECTED'' AND workflow_owner_email = ''nobody'' LIMIT 2',
    'SELECT s.id FROM (SELECT * FROM connections WHERE company_id = company(1)) s LIMIT 3',
    'SELECT s.id FROM (SELECT * FROM connections WHERE company_id = company(1) LIMIT 3) s WHERE id > connection(1)',
    'SELECT id FROM connections WHERE id IN (connection(1), connection(2), connection(3)) LIMIT 1',
    'SELECT id FROM connections WHERE company_id = company(99) LIMIT 3'])
  WITH ORDINALITY q(query, i), run(query) r ORDER BY i;
-- constant ordering is none
SELECT r.* FROM run('SELECT id FROM connections WHERE company_id = company(1) ORDER BY company_id LIMIT 3') r;

-- Several pages: a limit beyond one goes on, one within asks no further.
ALTER SERVER sandbox OPTIONS (ADD page_size '5');
SELECT query, r.* FROM unnest(ARRAY[
    'SELECT id FROM connections WHERE company_id = company(1) LIMIT 3',
    'SELECT id FROM connections WHERE company_id = company(1) LIMIT 5',
    'SELECT id FROM connections WHERE company_id = company(1) LIMIT 6',
    'SELECT id FROM connections WHERE company_id = company(1) LIMIT 4 OFFSET 4',
    'SELECT id FROM connections WHERE company_id = company(1) LIMIT 100'])
  WITH ORDINALITY q(query, i), run(query) r ORDER BY i;
ALTER SERVER sandbox OPTIONS (DROP page_size);

-- Several companies: one after the other, until there are enough rows.
SELECT query, r.* FROM unnest(ARRAY[
    'SELECT id FROM connections WHERE company_id IN (company(1), company(2), company(3)) LIMIT 8',
    'SELECT id FROM connections WHERE company_id IN (company(1), company(2), company(3)) LIMIT 13',
    'SELECT id FROM connections WHERE company_id IN (company(1), company(2), company(3)) LIMIT 100',
    'SELECT id FROM connections LIMIT 1',
    'SELECT id FROM connections LIMIT 15',
    'SELECT id FROM accounts WHERE company_id = company(1) LIMIT 12',
    'SELECT id FROM accounts WHERE connection_id = connection(2) LIMIT 2',
    'SELECT id FROM companies LIMIT 2',
    'SELECT id FROM sites LIMIT 2'])
  WITH ORDINALITY q(query, i), run(query) r ORDER BY i;
-- accounts are fewer or more than connections: the limit is of rows
SELECT bool_and((SELECT n FROM run(format('SELECT id FROM accounts WHERE company_id = company(1) LIMIT %s', k))) = least(k, 25)) AS never_short
  FROM generate_series(1, 30) k;
SELECT bool_and((SELECT n FROM run(format('SELECT id FROM accounts LIMIT 200 OFFSET %s', k))) = 129 - k) AS never_short FROM generate_series(1, 129, 20) k;

-- No hint where a clause is checked here, or rows are sorted, merged, counted, joined, locked or multiplied.
SELECT query, r.* FROM unnest(ARRAY[
    'SELECT id FROM connections WHERE company_id = company(1) AND country = ''DE'' LIMIT 1',
    'SELECT id FROM connections WHERE company_id = company(1) AND status <> ''PENDING'' LIMIT 1',
    'SELECT id FROM connections WHERE company_id = company(1) AND random() >= 0 LIMIT 1',
    'SELECT id FROM connections WHERE company_id = company(1) AND status IN (''CONNECTED'', ''PENDING'') LIMIT 1',
    'SELECT id FROM connections WHERE company_name = ''Acme'' LIMIT 1',
    'SELECT id FROM connections WHERE company_id = company(1) ORDER BY id LIMIT 1',
    'SELECT id FROM connections WHERE company_id = company(1) ORDER BY created DESC FETCH FIRST 1 ROW WITH TIES',
    'SELECT DISTINCT company_name FROM connections WHERE company_id = company(1) LIMIT 2',
    'SELECT status FROM connections WHERE company_id = company(1) GROUP BY 1 LIMIT 3',
    'SELECT count(id) FROM connections WHERE company_id = company(1) LIMIT 1',
    'SELECT company_name FROM connections WHERE company_id = company(1) GROUP BY 1 HAVING count(*) > 5 LIMIT 1',
    'SELECT id, count(*) OVER () FROM connections WHERE company_id = company(1) LIMIT 2',
    'SELECT id, generate_series(1, 2) FROM connections WHERE company_id = company(1) LIMIT 3',
    'SELECT id, unnest(initial_sites) FROM connections WHERE company_id = company(1) LIMIT 3',
    'SELECT c.id FROM connections c, generate_series(1, 2) WHERE company_id = company(1) LIMIT 3',
    'SELECT c.id FROM connections c LEFT JOIN accounts a ON a.connection_id = c.id AND a.company_id = c.company_id WHERE c.company_id = company(1) LIMIT 2',
    'SELECT id FROM connections WHERE company_id = company(1) UNION SELECT id FROM accounts WHERE company_id = company(1) LIMIT 2',
    'SELECT id FROM connections WHERE company_id = company(1) EXCEPT SELECT connection(1) LIMIT 2'])
  WITH ORDINALITY q(query, i), run(query) r ORDER BY i;
SELECT count(*) FROM (SELECT id FROM connections WHERE company_id = company(1) LIMIT 2 FOR UPDATE) s;
SELECT asked();
-- the right rows all the same
SELECT id, country FROM connections WHERE company_id = company(1) AND status_category = 'system' LIMIT 1;
SELECT id FROM connections WHERE company_id = company(1) ORDER BY id DESC LIMIT 2;
SELECT asked();

-- EXISTS and UNION ALL.
SELECT EXISTS (SELECT FROM connections WHERE company_id = company(1));
SELECT asked();
SELECT query, r.* FROM unnest(ARRAY[
    'SELECT id FROM connections WHERE company_id = company(1) UNION ALL SELECT id FROM connections WHERE company_id = company(2) LIMIT 3',
    'SELECT id FROM connections WHERE company_id = company(1) UNION ALL SELECT id FROM connections WHERE company_id = company(2) LIMIT 15',
    '(SELECT id FROM connections WHERE company_id = company(1) LIMIT 3) UNION ALL (SELECT id FROM connections WHERE company_id = company(2) LIMIT 4)',
    'SELECT id FROM (SELECT id FROM connections UNION ALL SELECT id FROM accounts) u LIMIT 100'])
  WITH ORDINALITY q(query, i), run(query) r ORDER BY i;

-- Under a LIMIT without hint the window opens slowly: 1, 2, 4.
SELECT test.latency(50) AS nothing \gset
SELECT count(*) FROM (SELECT id FROM connections WHERE username IS NOT NULL LIMIT 3) s;
SELECT max(in_flight) <= 2 AS slowly, count(*) <= 3 AS few FROM test.requests();
SELECT test.clear() AS nothing \gset
SELECT count(*) FROM (SELECT id FROM connections WHERE username IS NOT NULL LIMIT 100) s;
SELECT count(*) AS requests, max(in_flight) < 5 AS slowly FROM test.requests();
SELECT test.clear() AS nothing \gset
SELECT count(*) FROM connections WHERE username IS NOT NULL;
SELECT count(*) AS requests, max(in_flight) = 5 AS at_once FROM test.requests();
-- and at once where groups, a sort or DISTINCT read all there is before the first row
SELECT test.clear() AS nothing \gset
SELECT count(*) FROM (SELECT status, count(*) FROM connections GROUP BY 1 ORDER BY 2 DESC LIMIT 1000) s;
SELECT count(*) AS requests, max(in_flight) = 5 AS at_once FROM test.requests();
SELECT test.clear() AS nothing \gset
SELECT count(*) FROM (SELECT id FROM connections ORDER BY created LIMIT 3) s;
SELECT count(*) AS requests, max(in_flight) = 5 AS at_once FROM test.requests();
SELECT test.clear() AS nothing \gset
SELECT count(*) FROM (SELECT DISTINCT status FROM connections LIMIT 2) s;
SELECT count(*) AS requests, max(in_flight) = 5 AS at_once FROM test.requests();
SELECT test.latency(0) AS nothing \gset
SELECT test.clear() AS nothing \gset

-- Prepared: a generic plan knows the limit when it runs.
PREPARE some_of(uuid, int) AS SELECT count(*) FROM (SELECT id FROM connections WHERE company_id = $1 LIMIT $2) s;
SET plan_cache_mode = force_custom_plan;
EXECUTE some_of(company(1), 3);
SELECT asked();
SET plan_cache_mode = force_generic_plan;
EXECUTE some_of(company(1), 3);
EXECUTE some_of(company(1), 300);
EXECUTE some_of(company(1), 0);
EXECUTE some_of(company(1), NULL);
SELECT asked();
RESET plan_cache_mode;

-- In a rescan, each time.
SELECT test.clear() AS nothing \gset
SELECT k, (SELECT count(*) FROM (SELECT FROM connections c WHERE c.company_id = company(k) LIMIT k + 1) s) FROM generate_series(1, 3) k;
SELECT k, s.n FROM generate_series(1, 3) k, LATERAL (SELECT count(*) AS n FROM (SELECT FROM connections c WHERE c.company_id = company(k) LIMIT 2) t) s ORDER BY 1;
SELECT asked();
