-- count(*) from the totals that listings state, where nothing could make it another count; else from the rows.
\i test/lib/setup.sql
\i test/lib/copies.sql
CREATE TABLE customers AS SELECT n, company(n) AS company_id, connection(n) AS connection_id FROM generate_series(1, 3) n;
ANALYZE customers;
-- What a query answers, whether the copies answer the same, whether its plan counts by totals, and what was asked.
CREATE FUNCTION counted(query text, OUT answer text, OUT same boolean, OUT counts text, OUT requests text) LANGUAGE plpgsql AS $$
DECLARE
    plan json; found text[];
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
    counts := CASE WHEN plan::text ~ 'Remote Total' THEN 'totals' ELSE 'rows' END;
    PERFORM test.clear();
    found := rows_of(query);
    requests := asked();
    answer := array_to_string(found, ' ');
    SET LOCAL search_path = copies, utility, nectar, public;
    same := found = rows_of(query);
    SET LOCAL search_path = utility, nectar, public;
END $$;

-- One request of one element; the scan below would count rows where the total is not to be believed.
EXPLAIN (VERBOSE, COSTS OFF) SELECT count(*) FROM connections WHERE company_id = company(1);
EXPLAIN (COSTS OFF) SELECT count(*) FROM connections;
SELECT test.clear() AS nothing \gset
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT count(*) FROM connections;
SELECT asked();
SELECT query, c.* FROM unnest(ARRAY[
    'SELECT count(*) FROM connections WHERE company_id = company(1)',
    'SELECT count(*) FROM connections',
    'SELECT count(*) FROM connections WHERE company_id IN (company(1), company(3), company(3), NULL)',
    'SELECT count(*) FROM connections WHERE company_id = company(2) OR company_id = company(4)',
    'SELECT count(*) FROM connections WHERE company_id = ANY (ARRAY(SELECT company_id FROM customers))',
    'SELECT count(*) FROM connections WHERE company_id = company(1) AND company_id = company(2)',
    'SELECT count(*) FROM connections WHERE company_id IN (company(1), company(2)) AND company_id IN (company(2), company(3))',
    'SELECT count(*) FROM connections WHERE company_id = company(99)',
    'SELECT count(*) FROM connections WHERE company_id = company(1) LIMIT 1',
    'SELECT count(*) FROM connections WHERE company_id = company(1) OFFSET 1'])
  WITH ORDINALITY q(query, i), counted(query) c ORDER BY i;

-- Expressions over it, several of them, in what clients wrap around.
SELECT query, c.* FROM unnest(ARRAY[
    'SELECT count(*) + 1, -count(*), count(*)::text || '' connections'', 100.0 / count(*) FROM connections WHERE company_id = company(1)',
    'SELECT count(*), count(*) AS again FROM connections WHERE company_id = company(1)',
    'SELECT CASE WHEN count(*) > 10 THEN ''many'' ELSE ''few'' END FROM connections WHERE company_id = company(1)',
    'SELECT sum(count(*)) OVER (), row_number() OVER () FROM connections WHERE company_id = company(1)',
    'SELECT count(*), generate_series(1, 2) FROM connections WHERE company_id = company(1)',
    'SELECT DISTINCT count(*) FROM connections WHERE company_id = company(1) ORDER BY 1',
    'SELECT count(*), (SELECT max(n) FROM customers) FROM connections WHERE company_id = company(1)',
    'SELECT count(*) FROM (SELECT * FROM connections WHERE company_id = company(1)) s',
    'SELECT count(*) FROM (SELECT id, upper(url) FROM (SELECT * FROM connections) t WHERE company_id = company(1)) s',
    'WITH c AS (SELECT * FROM connections) SELECT count(*) FROM c WHERE company_id = company(1)',
    'SELECT n * 2 FROM (SELECT count(*) AS n FROM connections WHERE company_id = company(1)) s',
    'SELECT n FROM customers WHERE n < (SELECT count(*) FROM connections WHERE company_id = company(1)) AND n > 2',
    'SELECT EXISTS (SELECT count(*) FROM connections WHERE company_id = company(1))',
    'SELECT count(*) FROM connections WHERE company_id = (SELECT company_id FROM customers WHERE n = 2)',
    'SELECT n, (SELECT count(*) FROM connections c WHERE c.company_id = k.company_id) FROM customers k',
    'SELECT k.name, s.n FROM companies k, LATERAL (SELECT count(*) AS n FROM connections c WHERE c.company_id = k.id) s WHERE k.id IN (company(1), company(2))',
    'SELECT count(*) FROM connections WHERE company_id = company(1) UNION ALL SELECT count(*) FROM connections WHERE company_id = company(2)',
    'SELECT sum(n) FROM (SELECT count(*) AS n FROM connections WHERE company_id = company(1) UNION ALL SELECT count(*) FROM connections WHERE company_id = company(1)) s'])
  WITH ORDINALITY q(query, i), counted(query) c ORDER BY i;
-- arms of counts are asked for together
SELECT test.latency(50) AS nothing \gset
SELECT count(*) FROM connections WHERE company_id = company(1) UNION ALL SELECT count(*) + 1 FROM connections WHERE company_id = company(2)
 UNION ALL SELECT count(*) + 2 FROM connections WHERE company_id = company(3);
SELECT count(*) AS requests, max(in_flight) AS at_once FROM test.requests();
SELECT test.latency(0) AS nothing \gset
SELECT test.clear() AS nothing \gset

-- Filters ask for one total more, the unfiltered one: chosen where rows would take more requests still.
SELECT query, c.* FROM unnest(ARRAY[
    'SELECT count(*) FROM connections WHERE company_id = company(1) AND status = ''CONNECTED''',
    'SELECT count(*) FROM connections WHERE company_id = company(1) AND status IN (''CONNECTED'', ''PENDING'')',
    'SELECT count(*) FROM connections WHERE company_id = company(1) AND workflow_owner_email = ''ops@initech.example'''])
  WITH ORDINALITY q(query, i), counted(query) c ORDER BY i;
ALTER SERVER sandbox OPTIONS (ADD page_size '2');
EXPLAIN (COSTS OFF) SELECT count(*) FROM connections WHERE company_id = company(1) AND status IN ('CONNECTED', 'PENDING');
SELECT query, c.* FROM unnest(ARRAY[
    'SELECT count(*) FROM connections WHERE company_id = company(1) AND status = ''CONNECTED''',
    'SELECT count(*) FROM connections WHERE company_id = company(1) AND status IN (''CONNECTED'', ''PENDING'')',
    'SELECT count(*) FROM connections WHERE company_id = company(1) AND needs_user_action',
    'SELECT count(*) FROM connections WHERE company_id = company(1) AND status_category = ''credential_error'' AND status <> ''PASSWORD_INCORRECT''',
    'SELECT count(*) FROM connections WHERE company_id IN (company(1), company(2)) AND status::text LIKE ''P%''',
    'SELECT count(*) FROM connections WHERE company_id = company(1) AND status = ''CONNECTED'' AND status = ''PENDING'''])
  WITH ORDINALITY q(query, i), counted(query) c ORDER BY i;
ALTER SERVER sandbox OPTIONS (SET page_size '1');
-- where rows are dear, whatever the guess of an owner's share
SET cpu_tuple_cost = 1000;
SELECT query, c.* FROM unnest(ARRAY[
    'SELECT count(*) FROM connections WHERE company_id = company(1) AND status = ''CONNECTED''',
    'SELECT count(*) FROM connections WHERE company_id = company(1) AND workflow_owner_email = ''ops@initech.example''',
    'SELECT count(*) FROM connections WHERE company_id = company(1) AND workflow_owner_email IN (''ops@initech.example'', ''facilities@acme.example'', ''nobody'')',
    'SELECT count(*) FROM connections WHERE company_id = company(1) AND workflow_owner_email = ''nobody'''])
  WITH ORDINALITY q(query, i), counted(query) c ORDER BY i;
RESET cpu_tuple_cost;
ALTER SERVER sandbox OPTIONS (DROP page_size);

-- Never where another count is asked for, or where a clause is checked here.
SELECT query, c.* FROM unnest(ARRAY[
    'SELECT count(id) FROM connections WHERE company_id = company(1)',
    'SELECT count(1) FROM connections WHERE company_id = company(1)',
    'SELECT count(DISTINCT status) FROM connections WHERE company_id = company(1)',
    'SELECT count(*) FILTER (WHERE status = ''CONNECTED'') FROM connections WHERE company_id = company(1)',
    'SELECT count(*), max(id::text) FROM connections WHERE company_id = company(1)',
    'SELECT count(*) FROM connections WHERE company_id = company(1) GROUP BY company_id',
    'SELECT count(*) FROM connections WHERE company_id = company(1) GROUP BY ()',
    'SELECT count(*) FROM connections WHERE company_id = company(1) HAVING count(*) > 12',
    'SELECT count(*) OVER () FROM connections WHERE company_id = company(1) AND id = connection(2)',
    'SELECT count(*) FROM (SELECT DISTINCT company_id FROM connections WHERE company_id = company(1)) s',
    'SELECT count(*) FROM (SELECT id FROM connections WHERE company_id = company(1) LIMIT 5) s',
    'SELECT count(*) FROM (SELECT id FROM connections WHERE company_id = company(1) OFFSET 3) s',
    'SELECT count(*) FROM (SELECT id, generate_series(1, 2) FROM connections WHERE company_id = company(1)) s',
    'SELECT count(*) FROM connections WHERE company_id = company(1) AND country = ''DE''',
    'SELECT count(*) FROM connections WHERE company_id = company(1) AND id <> connection(1)',
    'SELECT count(*) FROM connections WHERE company_id = company(1) AND status <> ''CONNECTED''',
    'SELECT count(*) FROM connections WHERE company_id = company(1) AND random() >= 0',
    'SELECT count(*) FROM connections WHERE company_id = company(1) AND now() IS NOT NULL',
    'SELECT count(*) FROM connections WHERE company_name = ''Acme''',
    'SELECT count(*) FROM connections WHERE id = connection(1)',
    'SELECT count(*) FROM connections c, customers WHERE c.company_id = company(1)',
    'SELECT count(*) FROM accounts WHERE company_id = company(1)',
    'SELECT count(*) FROM sites WHERE company_id = company(1)',
    'SELECT count(*) FROM companies'])
  WITH ORDINALITY q(query, i), counted(query) c ORDER BY i;

-- All documented labels, or one that is not documented: the listing itself is the shortest answer.
SELECT query, c.* FROM unnest(ARRAY[
    'SELECT count(*) FROM connections WHERE company_id = company(1) AND status IS DISTINCT FROM ''CONNECTED''',
    'SELECT count(*) FROM connections WHERE company_id = company(1) AND status IS NULL',
    'SELECT count(*) FROM connections WHERE company_id = company(1) AND status IS NOT NULL',
    'SELECT count(*) FROM connections WHERE company_id = company(1) AND status_category = ''unknown'''])
  WITH ORDINALITY q(query, i), counted(query) c ORDER BY i;

-- What another scan of the statement reads is counted from there: nothing more is asked.
SELECT query, c.* FROM unnest(ARRAY[
    'SELECT (SELECT count(*) FROM connections WHERE company_id = company(1)), count(id) FROM connections WHERE company_id = company(1)',
    'SELECT count(id) FROM connections WHERE company_id = company(1) UNION ALL SELECT count(*) FROM connections WHERE company_id = company(1)',
    'SELECT count(*) FROM connections WHERE company_id = company(1) UNION ALL SELECT count(id) FROM connections WHERE company_id = company(1)',
    'SELECT count(*) FROM connections UNION ALL SELECT count(*) FROM accounts',
    'SELECT status, 1.0 * count(*) / (SELECT count(*) FROM connections WHERE company_id = company(1)) FROM connections WHERE company_id = company(1) GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 2'])
  WITH ORDINALITY q(query, i), counted(query) c ORDER BY i;
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)
SELECT count(*) FROM connections WHERE company_id = company(1) UNION ALL SELECT count(id) FROM connections WHERE company_id = company(1);

-- A total that contradicts itself, or whose element is none of those counted: the rows are counted.
-- An answer of one company's listing with that total and those elements.
CREATE FUNCTION page(total text, elements jsonb, has_next boolean) RETURNS text LANGUAGE sql AS $$
    SELECT format('{"totalConnections": %s, "perPage": 1, "totalPages": 12, "currentPage": 1, "hasNext": %s, "hasPrevious": false, "connections": %s}',
                  total, to_json(has_next), elements) $$;
CREATE FUNCTION element(n int, company int, status text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('id', connection(n), 'company', jsonb_build_object('id', company(company), 'name', 'Acme'), 'status', status) $$;
-- The count under a fault that hits requests for a total.
CREATE FUNCTION misled(fault jsonb, query text, OUT n text, OUT requests text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM test.fault('{"query": "*limit=1&*"}'::jsonb || fault), test.clear();
    n := rows_of(query);
    requests := asked();
    PERFORM test.faults_clear();
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS n = PG_EXCEPTION_DETAIL;
    requests := asked();
    PERFORM test.faults_clear();
END $$;
SELECT fault, m.* FROM (VALUES
    (1, 'as it is', '{"kind": "delay", "delay_ms": 1}'::jsonb),
    (2, 'another company''s element', jsonb_build_object('kind', 'patch', 'set', jsonb_build_object('company', jsonb_build_object('id', company(2))))),
    (3, 'an element without company', '{"kind": "patch", "unset": ["company"]}'),
    (4, 'no element, but a total', jsonb_build_object('kind', 'body', 'body', page('12', '[]', true))),
    (5, 'an element, but no total', jsonb_build_object('kind', 'body', 'body', page('0', jsonb_build_array(element(1, 1, 'CONNECTED')), false))),
    (6, 'a negative total', jsonb_build_object('kind', 'body', 'body', page('-5', '[]', false))),
    (7, 'a total of one, and more to come', jsonb_build_object('kind', 'body', 'body', page('1', jsonb_build_array(element(1, 1, 'CONNECTED')), true))),
    (8, 'a total of five, and nothing to come', jsonb_build_object('kind', 'body', 'body', page('5', jsonb_build_array(element(1, 1, 'CONNECTED')), false))),
    (9, 'two elements, one was asked for', jsonb_build_object('kind', 'body', 'body', page('5', jsonb_build_array(element(1, 1, 'CONNECTED'), element(2, 1, 'CONNECTED')), true))),
    (10, 'another page', jsonb_build_object('kind', 'body', 'body', replace(page('5', jsonb_build_array(element(1, 1, 'CONNECTED')), true), '"currentPage": 1', '"currentPage": 2'))),
    (11, 'none of it', jsonb_build_object('kind', 'body', 'body', page('0', '[]', false))))
  f(i, fault, spec), misled(spec, 'SELECT count(*) FROM connections WHERE company_id = company(1)') m ORDER BY i;
-- what is no listing is an error, not a count
SELECT fault, m.* FROM (VALUES
    (1, 'no total', jsonb_build_object('kind', 'body', 'body', replace(page('12', jsonb_build_array(element(1, 1, 'CONNECTED')), true), 'totalConnections', 'total'))),
    (2, 'a null total', jsonb_build_object('kind', 'body', 'body', page('null', jsonb_build_array(element(1, 1, 'CONNECTED')), true))),
    (3, 'a total of words', jsonb_build_object('kind', 'body', 'body', page('"twelve"', jsonb_build_array(element(1, 1, 'CONNECTED')), true))),
    (4, 'an element without id', '{"kind": "patch", "unset": ["id"]}'),
    (5, 'a wrong envelope', '{"kind": "wrong_envelope"}'),
    (6, 'half an answer', '{"kind": "truncate"}'),
    (7, 'malformed', '{"kind": "malformed"}'),
    (8, 'HTML', '{"kind": "html"}'),
    (9, 'an error of the server', '{"kind": "status", "status": 500}'),
    (10, 'forbidden', '{"kind": "status", "status": 403}'),
    (11, 'a proxy''s 404', '{"kind": "not_found_html"}'),
    (12, 'nothing there', '{"kind": "not_found"}'))
  f(i, fault, spec), misled(spec, 'SELECT count(*) FROM connections WHERE company_id = company(1)') m ORDER BY i;
-- one company of several
SELECT fault, m.* FROM (VALUES
    (1, 'an error of the server', '{"kind": "status", "status": 500, "path": "*3"}'::jsonb),
    (2, 'forbidden', '{"kind": "status", "status": 403, "path": "*3"}'),
    (3, 'contradicting itself', jsonb_build_object('path', '*3', 'kind', 'body', 'body', page('12', '[]', true))))
  f(i, fault, spec), misled(spec, 'SELECT count(*) FROM connections') m ORDER BY i;
-- a company that is gone since it was listed is worth a warning
SELECT test.fault('{"kind": "not_found", "path": "/connection/company/*3"}') AS nothing \gset
SELECT count(*) FROM connections;
SELECT test.faults_clear() AS nothing \gset

-- An API that does not heed its filters, or not all of them.
ALTER SERVER sandbox OPTIONS (ADD page_size '1');
CREATE FUNCTION unheeded(VARIADIC statuses text[]) RETURNS text LANGUAGE sql AS $$
    SELECT 'SELECT count(*) FROM connections WHERE company_id = company(1) AND status IN (' || string_agg(quote_literal(s), ', ') || ')' FROM unnest(statuses) s $$;
SELECT fault, m.* FROM (VALUES
    (1, 'as it is', '{"kind": "delay", "delay_ms": 1}'::jsonb, unheeded('PENDING', 'CONNECTED')),
    (2, 'each total is that of all', jsonb_build_object('times', 1, 'query', '*status=*', 'kind', 'body', 'body', page('12', jsonb_build_array(element(1, 1, 'PENDING')), true)), unheeded('PENDING', 'PENDING')),
    (3, 'one total is more than that of all', jsonb_build_object('times', 1, 'query', '*status=PENDING*', 'kind', 'body', 'body', page('13', jsonb_build_array(element(1, 1, 'PENDING')), true)), unheeded('PENDING', 'PENDING')),
    (4, 'all totals together are more', jsonb_build_object('times', 2, 'query', '*status=*', 'kind', 'body', 'body', page('7', jsonb_build_array(element(1, 1, 'PENDING')), true)), unheeded('PENDING', 'CONNECTED')),
    (5, 'an element of another status', jsonb_build_object('times', 1, 'query', '*status=*', 'kind', 'body', 'body', page('5', jsonb_build_array(element(1, 1, 'WEBSITE_DOWN')), true)), unheeded('PENDING', 'CONNECTED')),
    (6, 'an element of an unrecognized status', '{"query": "*status=PENDING*", "kind": "unknown_label", "label": "ON_HOLD", "at": 0, "times": 1}', unheeded('PENDING', 'CONNECTED')))
  f(i, fault, spec, query), misled(spec, query) m ORDER BY i;
ALTER SERVER sandbox OPTIONS (DROP page_size);

-- Prepared, with a generic plan: totals and their companies are those of the parameters.
PREPARE of_company(uuid) AS SELECT count(*) FROM connections WHERE company_id = $1;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE of_company(company(1));
EXECUTE of_company(company(1));
EXECUTE of_company(company(2));
EXECUTE of_company(NULL);
EXECUTE of_company(company(99));
SELECT asked();
-- a total that is not believed once is asked for again the next time
SELECT test.fault(jsonb_build_object('times', 1, 'query', '*limit=1&*', 'kind', 'body', 'body', page('12', '[]', true))) AS nothing \gset
EXECUTE of_company(company(1));
EXECUTE of_company(company(1));
SELECT asked();
RESET plan_cache_mode;
-- once for each outer row, the second one not believed
SELECT test.fault(jsonb_build_object('times', 1, 'path', '*2', 'query', '*limit=1&*', 'kind', 'body', 'body', page('12', '[]', true))) AS nothing \gset
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT n, (SELECT count(*) FROM connections c WHERE c.company_id = k.company_id) FROM customers k;
SELECT test.fault(jsonb_build_object('times', 1, 'path', '*2', 'query', '*limit=1&*', 'kind', 'body', 'body', page('12', '[]', true))) AS nothing \gset
SELECT n, (SELECT count(*) FROM connections c WHERE c.company_id = k.company_id) FROM customers k;
SELECT test.faults_clear() AS nothing \gset
SELECT test.clear() AS nothing \gset
-- a cursor, a function, a loop of them
BEGIN;
DECLARE c CURSOR FOR SELECT count(*) FROM connections WHERE company_id = company(1);
SELECT asked();
FETCH 2 FROM c;
FETCH 1 FROM c;
DECLARE unread CURSOR FOR SELECT count(*) FROM connections;
CLOSE unread;
COMMIT;
DO $$
DECLARE
    total bigint := 0; n bigint; k int;
BEGIN
    FOR k IN 1 .. 5 LOOP
        SELECT count(*) INTO n FROM connections WHERE company_id = company(k);
        total := total + n;
    END LOOP;
    RAISE NOTICE 'together: %', total;
END $$;
SELECT asked();
-- functions count for each row
CREATE FUNCTION connections_of(uuid) RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT count(*) FROM connections WHERE company_id = $1 $$;
SELECT name, connections_of(id) FROM companies WHERE connections_of(id) > 0 ORDER BY name LIMIT 2;
SELECT asked();

-- A scope is counted alone; a company outside it has no rows.
CREATE FOREIGN TABLE scoped (id uuid, company_id uuid, status connection_status) SERVER sandbox
    OPTIONS (resource 'connections', company_ids 'c0000000-0000-4000-8000-000000000001, c0000000-0000-4000-8000-000000000002');
EXPLAIN (COSTS OFF) SELECT count(*) FROM scoped;
SELECT count(*) FROM scoped;
SELECT count(*) FROM scoped WHERE company_id = company(1);
SELECT count(*) FROM scoped WHERE company_id = company(3);
SELECT count(*) FROM scoped WHERE company_id IN (company(2), company(3));
SELECT asked();
-- a listing that shows a connection of a company outside it
SELECT * FROM misled(jsonb_build_object('kind', 'patch', 'path', '*1', 'set', jsonb_build_object('company', jsonb_build_object('id', company(3)))), 'SELECT count(*) FROM scoped');
DROP FOREIGN TABLE scoped;

-- A table of text, and one that refuses labels it does not know.
CREATE FOREIGN TABLE of_text (id text, company_id text, status text) SERVER sandbox OPTIONS (resource 'connections');
EXPLAIN (COSTS OFF) SELECT count(*) FROM of_text WHERE company_id = 'c0000000-0000-4000-8000-000000000001';
SELECT count(*) FROM of_text WHERE company_id = 'c0000000-0000-4000-8000-000000000001';
SELECT count(*) FROM of_text WHERE company_id = 'C0000000-0000-4000-8000-000000000001';
SELECT count(*) FROM of_text WHERE company_id = 'Acme';
SELECT asked();
DROP FOREIGN TABLE of_text;
CREATE FOREIGN TABLE strict (id uuid, company_id uuid, status connection_status) SERVER sandbox OPTIONS (resource 'connections', on_unknown_status 'error');
ALTER SERVER sandbox OPTIONS (ADD page_size '2');
SELECT test.fault('{"kind": "unknown_label", "label": "ON_HOLD", "at": 0}') AS nothing \gset
SELECT count(*) FROM strict WHERE company_id = company(1);
SELECT count(*) FROM strict WHERE company_id = company(1) AND status IN ('CONNECTED', 'PENDING');
SELECT test.faults_clear() AS nothing \gset
ALTER SERVER sandbox OPTIONS (DROP page_size);
DROP FOREIGN TABLE strict;
SELECT test.clear() AS nothing \gset

-- Parents of partitions and of children are read; a child by itself is counted.
CREATE TABLE parts (id uuid, company_id uuid) PARTITION BY LIST (company_id);
CREATE FOREIGN TABLE part_1 PARTITION OF parts FOR VALUES IN ('c0000000-0000-4000-8000-000000000001') SERVER sandbox
    OPTIONS (resource 'connections', company_ids 'c0000000-0000-4000-8000-000000000001');
CREATE FOREIGN TABLE part_2 PARTITION OF parts FOR VALUES IN ('c0000000-0000-4000-8000-000000000002') SERVER sandbox
    OPTIONS (resource 'connections', company_ids 'c0000000-0000-4000-8000-000000000002');
SELECT count(*) FROM parts;
SELECT asked();
SELECT count(*) FROM part_1;
SELECT asked();
DROP TABLE parts;

-- Requests are held to what the server allows; a role without mapping is told so; nothing is sent by what only describes.
ALTER SERVER sandbox OPTIONS (ADD max_requests '3');
SELECT count(*) FROM connections;
ALTER SERVER sandbox OPTIONS (DROP max_requests);
SELECT test.clear() AS nothing \gset
CREATE ROLE counter;
GRANT USAGE ON SCHEMA utility TO counter;
GRANT SELECT ON connections TO counter;
SET ROLE counter;
SELECT count(*) FROM connections;
RESET ROLE;
CREATE VIEW counts_of AS SELECT count(*) FROM connections;
GRANT SELECT ON counts_of TO counter;
SELECT asked();
-- a view counts with its owner's mapping
SET ROLE counter;
SELECT * FROM counts_of;
RESET ROLE;
SELECT asked();
SELECT count(*) FROM connections WHERE false;
SELECT count(*) FROM connections LIMIT 0;
SELECT asked();
DROP VIEW counts_of;
DROP OWNED BY counter;
DROP ROLE counter;
