-- Joins and everything else that scans more than once: the rows of heap copies, each listing asked once.
\i test/lib/setup.sql
CREATE SCHEMA copies;
CREATE TABLE copies.companies AS SELECT * FROM companies;
CREATE TABLE copies.sites AS SELECT * FROM sites;
CREATE TABLE copies.connections AS SELECT * FROM connections;
CREATE TABLE copies.accounts AS SELECT * FROM accounts;
CREATE TABLE utility.customers AS
    SELECT n, 'CRM-' || n AS crm_id, CASE WHEN n < 4 THEN company(1 + n % 2) END AS company_id,
           connection(1 + 7 * (n % 3)) AS connection_id, ARRAY[connection(n), connection(n + 1), NULL] AS ids
      FROM generate_series(1, 6) n;
ANALYZE customers;
-- What the sandbox received, in short: c1 is company 1, d2 connection 2.
CREATE FUNCTION asked() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(replace(regexp_replace(request, '([cd])0000000-0000-4000-8000-0*', '\1', 'g'), 'limit=500&page=1', '..')
                               || CASE WHEN n > 1 THEN ' x' || n ELSE '' END, '  ' ORDER BY request), 'nothing') FROM seen() $$;
-- Rows of a query, whether the copies give the same ones, and what was asked.
CREATE FUNCTION run(query text, OUT n bigint, OUT same boolean, OUT requests text) LANGUAGE plpgsql AS $$
DECLARE
    whole text := 'SELECT string_agg(q::text, E''\n'' ORDER BY q::text), count(*) FROM (' || query || ') q';
    rows text; expected text;
BEGIN
    PERFORM test.clear();
    EXECUTE whole INTO rows, n;
    requests := asked();
    SET LOCAL search_path = copies, utility, nectar, public;
    EXECUTE whole INTO expected;
    SET LOCAL search_path = utility, nectar, public;
    same := rows IS NOT DISTINCT FROM expected;
END $$;
SELECT test.clear() AS nothing \gset

-- Connections and accounts tied by company: one listing serves both.
SELECT n, same, requests FROM run($$
    SELECT c.id, a.id AS account, a.status FROM connections c
      JOIN accounts a ON a.connection_id = c.id AND a.company_id = c.company_id WHERE c.company_id = company(1) $$);
SELECT n, same, requests FROM run($$
    SELECT c.datasource_name, c.workflow_owner_email, a.account_number, a.status FROM connections c
      JOIN accounts a ON a.connection_id = c.id AND a.company_id = c.company_id WHERE c.company_id = company(1) AND c.needs_user_action $$);
-- by name, the companies come first
SELECT n, same, requests FROM run($$
    SELECT c.datasource_name, a.account_number, a.status FROM connections c
      JOIN accounts a ON a.connection_id = c.id AND a.company_id = c.company_id WHERE c.company_name = 'Acme' $$);
-- all of them
SELECT n, same, requests FROM run($$
    SELECT c.id, a.id AS account FROM connections c JOIN accounts a ON a.connection_id = c.id AND a.company_id = c.company_id $$);
SELECT n, same, requests FROM run($$
    SELECT c.id, a.id AS account FROM connections c LEFT JOIN accounts a ON a.connection_id = c.id AND a.company_id = c.company_id $$);
SELECT n, same, requests FROM run($$
    SELECT c.id, a.id AS account FROM connections c FULL JOIN accounts a ON a.connection_id = c.id AND a.company_id = c.company_id
                                                                        AND c.company_id = company(1) $$);
SELECT n, same, requests FROM run($$
    SELECT o.name, c.id, a.id AS account FROM companies o JOIN connections c ON c.company_id = o.id
      LEFT JOIN accounts a ON a.connection_id = c.id AND a.company_id = o.id AND a.tracking_status = 'UNSET' $$);
SELECT n, same, requests FROM run($$
    SELECT o.name, s.name AS site FROM companies o JOIN sites s ON s.company_id = o.id WHERE o.id = company(2) $$);
-- one connection and its accounts are one answer
SELECT n, same, requests FROM run($$
    SELECT c.id, a.id AS account FROM connections c JOIN accounts a ON a.connection_id = c.id AND a.company_id = c.company_id WHERE c.id = connection(4) $$);
SELECT n, same, requests FROM run($$SELECT c.id, a.id AS account FROM connections c LEFT JOIN accounts a ON a.connection_id = c.id WHERE c.id = connection(4)$$);
-- by hash, merge and nested loop alike
SET enable_hashjoin = off;
SELECT n, same, requests FROM run($$
    SELECT c.id, a.id AS account FROM connections c JOIN accounts a ON a.connection_id = c.id AND a.company_id = c.company_id WHERE c.company_id = company(3) $$);
SET enable_mergejoin = off;
SET enable_material = off;
SELECT n, same FROM run($$
    SELECT c.id, a.id AS account FROM connections c JOIN accounts a ON a.connection_id = c.id AND a.company_id = c.company_id WHERE c.company_id = company(3) $$);
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_material;

-- Outer keys: so many requests as distinct ones, NULL none; with and without Memoize.
EXPLAIN (VERBOSE, COSTS OFF) SELECT k.n, c.status FROM customers k JOIN connections c ON c.id = k.connection_id;
SELECT n, same, requests FROM run('SELECT k.n, c.status FROM customers k JOIN connections c ON c.id = k.connection_id');
SET enable_memoize = off;
SELECT n, same, requests FROM run('SELECT k.n, c.status FROM customers k JOIN connections c ON c.id = k.connection_id');
SELECT n, same, requests FROM run('SELECT k.n, c.id FROM customers k LEFT JOIN connections c ON c.company_id = k.company_id AND c.needs_user_action');
SELECT n, same, requests FROM run('SELECT k.n, c.id FROM customers k JOIN connections c ON c.company_id = k.company_id AND c.id = ANY (k.ids)');
SELECT n, same, requests FROM run('SELECT k.n, c.id FROM customers k JOIN connections c ON c.id = ANY (k.ids) WHERE k.n < 4');
SELECT n, same, requests FROM run('SELECT k.n, a.id FROM customers k JOIN accounts a ON a.connection_id = k.connection_id');
SELECT n, same, requests FROM run($$SELECT k.n, c.id FROM customers k JOIN connections c ON c.company_id = k.company_id AND c.status = 'CONNECTED'$$);
SELECT n, same, requests FROM run($$SELECT k.n, c.id FROM customers k JOIN connections c ON c.company_id = k.company_id AND c.status::text LIKE
                                    CASE k.n WHEN 1 THEN 'MFA%' ELSE 'NEW%' END WHERE k.n < 3$$);
-- what is asked for again is kept; what is asked for in between is not taken for it
SELECT n, same, requests FROM run($$SELECT v.n, s.id FROM (VALUES (1, 'PENDING'), (2, 'PENDING'), (3, 'CONNECTED'), (4, 'CONNECTED'), (5, 'PENDING')) v(n, status),
                                    LATERAL (SELECT id FROM connections c WHERE c.company_id = company(1) AND c.status = v.status::connection_status OFFSET 0) s$$);
RESET enable_memoize;
-- a key that two columns of the table share
CREATE FOREIGN TABLE twice (id uuid, same_id uuid OPTIONS (json_path 'id')) SERVER sandbox OPTIONS (resource 'connections');
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SELECT k.n, t.id FROM customers k JOIN twice t ON t.same_id = k.connection_id AND t.id = k.connection_id WHERE k.n < 3 ORDER BY 1;
SELECT k.n, t.id FROM customers k JOIN twice t ON t.id = k.connection_id AND t.same_id = k.connection_id WHERE k.n < 3 ORDER BY 1;
RESET enable_hashjoin;
RESET enable_mergejoin;
SELECT test.clear() AS nothing \gset

-- A customer table that knows the companies' external ids.
SELECT n, same, requests FROM run('SELECT k.n, c.id, c.status FROM customers k JOIN connections c ON c.company_external_id = k.crm_id');
SELECT n, same FROM run('SELECT k.n, c.id, c.status FROM customers k LEFT JOIN connections c ON c.company_external_id = k.crm_id WHERE k.n > 3');
EXPLAIN (COSTS OFF) SELECT c.id FROM customers k JOIN connections c ON c.company_external_id = k.crm_id WHERE k.n = 2;
SELECT n, same, requests FROM run('SELECT c.id FROM customers k JOIN connections c ON c.company_external_id = k.crm_id WHERE k.n = 2');

-- A local table with the keys in other forms: text, arrays, two in a row, none.
CREATE TABLE keys AS
    SELECT n, CASE WHEN n < 5 THEN company(1 + n % 2) END AS company_id, company(1 + n % 2)::text AS text_id, upper(company(1 + n % 2)::text) AS loud_id,
           connection(n) AS connection_id, CASE WHEN n % 2 = 0 THEN connection(n + 10) END AS other_id, ARRAY[connection(n), connection(n + 20)::uuid, NULL] AS ids,
           ARRAY[connection(n)::text, 'nonsense'] AS text_ids, CASE WHEN n = 1 THEN 'Hooli' ELSE 'Acme' END AS name, 'PENDING'::connection_status AS status
      FROM generate_series(1, 5) n;
ANALYZE keys;
-- What each scan of a plan makes of its clauses.
CREATE FUNCTION uses(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text; scan text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || query LOOP
        scan := coalesce(substring(line FROM 'Foreign Scan on utility\.\S+ (\S+)'), substring(line FROM 'Foreign Scan on utility\.(\S+)'), scan);
        IF line ~ 'Clause:|Route:' THEN RETURN NEXT scan || ': ' || trim(line); END IF;
    END LOOP;
END $$;
CREATE FUNCTION judged(query text, OUT judged text, OUT rows text) LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    judged := query || (SELECT string_agg(E'\n    ' || line, '' ORDER BY i) FROM uses(query) WITH ORDINALITY u(line, i));
    SELECT * INTO r FROM run(query);
    rows := r.n || ' rows' || CASE WHEN r.same THEN ', ' ELSE ' other than those of the copies, ' END || r.requests;
END $$;
\pset format unaligned
\pset tuples_only on
\pset fieldsep '\n    '
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SELECT r.* FROM unnest(ARRAY[
    'SELECT k.n, c.id FROM keys k JOIN connections c ON c.company_id::text = k.text_id WHERE k.n < 3',
    'SELECT k.n, c.id FROM keys k LEFT JOIN connections c ON k.loud_id = c.company_id::text WHERE k.n < 3',
    'SELECT k.n, c.id FROM keys k JOIN connections c ON c.company_id = k.loud_id::uuid WHERE k.n < 3',
    'SELECT k.n, c.id FROM keys k JOIN connections c ON c.id::text = ANY (k.text_ids) WHERE k.n < 3',
    'SELECT k.n, c.id FROM keys k JOIN connections c ON c.id = ANY (k.ids) WHERE k.n < 3',
    'SELECT k.n, c.id FROM keys k JOIN connections c ON c.id = k.connection_id OR c.id = k.other_id WHERE k.n < 4',
    'SELECT k.n, c.id FROM keys k JOIN connections c ON c.id = k.connection_id OR c.company_id = k.company_id WHERE k.n < 2',
    'SELECT k.n, c.id FROM keys k JOIN connections c ON (c.id = k.connection_id AND k.n = 1) OR (c.id = k.other_id AND c.country = ''FR'') WHERE k.n < 3',
    'SELECT k.n, c.id FROM keys k JOIN connections c ON c.company_id IS NOT DISTINCT FROM k.company_id WHERE k.n IN (1, 5)',
    'SELECT k.n, c.id FROM keys k JOIN connections c ON c.company_name = k.name AND c.status = k.status WHERE k.n = 1'])
  WITH ORDINALITY q(query, i), judged(query) r ORDER BY i;
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_material;

-- What a joined relation's clauses say of the column that both share is taken over: a's company is c's.
SELECT r.* FROM unnest(ARRAY[
    'SELECT c.id, a.id FROM connections c JOIN accounts a ON a.company_id = c.company_id WHERE c.company_id IN (company(1), company(2))',
    'SELECT c.id, a.id FROM connections c JOIN accounts a ON a.company_id = c.company_id WHERE c.company_id = company(1) OR c.company_id = company(2)',
    'SELECT c.id, a.id FROM connections c JOIN accounts a ON a.company_id = c.company_id WHERE c.company_id = company(1) AND c.country = ''FR'' OR c.company_id = company(2)',
    'SELECT o.name, s.id FROM companies o JOIN sites s ON s.company_id = o.id WHERE o.id::text IN (company(1)::text, company(2)::text)',
    'SELECT k.n, c.id FROM keys k JOIN connections c ON c.company_id = k.company_id WHERE k.company_id IN (company(1), company(2))',
    'SELECT k.n, c.id FROM keys k JOIN connections c ON c.company_id::text = k.text_id WHERE k.text_id IN (company(1)::text, ''nonsense'')',
    'SELECT c.id, a.id FROM connections c JOIN accounts a ON a.company_id = c.company_id JOIN sites s ON s.company_id = a.company_id WHERE s.company_id IN (company(1), company(3))',
    -- into each arm of a UNION ALL
    'SELECT k.n, u.id FROM keys k JOIN (SELECT company_id, id FROM connections UNION ALL SELECT company_id, id FROM accounts) u ON u.company_id = k.company_id WHERE k.company_id IN (company(1), company(99))',
    'SELECT k.n, u.id FROM keys k LEFT JOIN (SELECT company_id, id FROM connections UNION ALL SELECT company_id, id FROM accounts) u ON u.company_id = k.company_id WHERE k.company_id IN (company(1), company(99))',
    -- outer joins: on the inner side
    'SELECT c.id, a.id FROM connections c LEFT JOIN accounts a ON a.company_id = c.company_id AND a.connection_id = c.id WHERE c.company_id IN (company(1), company(2))',
    'SELECT c.id, a.id FROM accounts a RIGHT JOIN connections c ON a.company_id = c.company_id AND a.connection_id = c.id WHERE c.company_id IN (company(1), company(2))',
    'SELECT c.id, a.id FROM connections c LEFT JOIN accounts a ON a.company_id = c.company_id AND a.connection_id = c.id AND a.company_id IN (company(1), company(2))',
    'SELECT k.n, c.id, a.id FROM keys k LEFT JOIN (connections c JOIN accounts a ON a.company_id = c.company_id AND a.connection_id = c.id) ON c.id = k.connection_id AND c.company_id IN (company(1), company(2))',
    -- semi and anti joins: both sides of the one, the inner side of the other
    'SELECT c.id FROM connections c WHERE EXISTS (SELECT FROM accounts a WHERE a.company_id = c.company_id AND a.connection_id = c.id AND a.company_id IN (company(1), company(2)))',
    'SELECT c.id FROM connections c WHERE c.company_id IN (SELECT k.company_id FROM keys k WHERE k.company_id IN (company(1), company(2)))',
    'SELECT c.id FROM connections c WHERE c.company_id IN (company(1), company(2)) AND NOT EXISTS (SELECT FROM accounts a WHERE a.company_id = c.company_id AND a.connection_id = c.id)',
    'SELECT c.id FROM connections c WHERE NOT EXISTS (SELECT FROM accounts a WHERE a.company_id = c.company_id AND a.connection_id = c.id AND a.company_id IN (company(1), company(2)))',
    'SELECT c.id, a.id FROM connections c LEFT JOIN accounts a ON a.company_id = c.company_id AND a.connection_id = c.id AND a.company_id IN (company(1), company(2)) WHERE a.id IS NULL',
    'SELECT c.id, a.id FROM (SELECT * FROM connections WHERE company_id IN (company(1), company(2))) c FULL JOIN accounts a ON a.company_id = c.company_id AND a.connection_id = c.id',
    'SELECT x.id, y.id FROM (SELECT * FROM connections WHERE company_id IN (company(1), company(2))) x FULL JOIN (SELECT * FROM connections WHERE company_id IN (company(2), company(3))) y ON y.company_id = x.company_id AND y.id = x.id'])
  WITH ORDINALITY q(query, i), judged(query) r ORDER BY i;

-- Not taken over: what could come out otherwise the second time, subplans, and what an equality of other bytes ties.
CREATE SEQUENCE turns;
CREATE COLLATION anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE names AS SELECT 'ACME' COLLATE anycase AS name;
CREATE FOREIGN TABLE folded (id uuid, company_name text COLLATE anycase) SERVER sandbox OPTIONS (resource 'connections');
CREATE TABLE copies.folded AS SELECT id, company_name FROM copies.connections;
ALTER TABLE copies.folded ALTER company_name TYPE text COLLATE anycase;
SELECT uses('SELECT c.id, a.id FROM connections c JOIN accounts a ON a.company_id = c.company_id WHERE c.company_id = company(1) AND nextval(''turns'') % 2 = 0 OR c.company_id = company(2)');
SELECT r.* FROM unnest(ARRAY[
    'SELECT c.id, a.id FROM connections c JOIN accounts a ON a.company_id = c.company_id WHERE c.company_id = company(1) AND (SELECT count(*) > 0 FROM keys k WHERE k.company_id = c.company_id) OR c.company_id = company(2)',
    'SELECT f.id FROM folded f JOIN names n ON f.company_name = n.name WHERE n.name COLLATE "C" IN (''ACME'', ''x'')'])
  WITH ORDINALITY q(query, i), judged(query) r ORDER BY i;
-- whole companies come, whatever the sequence says
SELECT company_id, n % 25 AS rest FROM (SELECT a.company_id, count(*) AS n FROM connections c JOIN accounts a ON a.company_id = c.company_id
    WHERE c.company_id = company(1) AND nextval('turns') % 2 = 0 OR c.company_id = company(2) GROUP BY 1) q WHERE company_id = company(1);
\pset format aligned
\pset tuples_only off

-- Rescans of subplans: LATERAL, correlated, EXISTS.
SELECT n, same, requests FROM run('SELECT k.n, s.id FROM customers k, LATERAL (SELECT c.id FROM connections c WHERE c.company_id = k.company_id ORDER BY c.created, c.id LIMIT 2) s');
SELECT n, same, requests FROM run('SELECT k.n, (SELECT count(*) FROM connections c WHERE c.company_id = k.company_id AND c.needs_user_action) FROM customers k');
SELECT n, same, requests FROM run('SELECT k.n, (SELECT c.status FROM connections c WHERE c.id = k.connection_id) FROM customers k');
SELECT n, same, requests FROM run('SELECT n FROM customers k WHERE EXISTS (SELECT FROM connections c WHERE c.id = k.connection_id AND NOT c.needs_user_action AND c.status <> ''PENDING'')');
SELECT n, same FROM run($$SELECT c.id FROM connections c WHERE c.company_id = company(1)
                            AND NOT EXISTS (SELECT FROM accounts a WHERE a.connection_id = c.id AND a.company_id = c.company_id)$$);
SELECT n, same, requests FROM run($$
    SELECT c.id FROM connections c WHERE c.company_id = company(1) AND (SELECT count(*) FROM accounts a WHERE a.company_id = c.company_id AND a.connection_id = c.id) > 2 $$);
-- a scan that is started again although nothing it depends on changed
SET enable_material = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_memoize = off;
SELECT n, same, requests FROM run($$
    SELECT k.n, s.id FROM customers k, LATERAL (SELECT c.id FROM (SELECT * FROM connections WHERE company_id = company(2) OFFSET 0) c
      LEFT JOIN customers l ON l.n = k.n AND c.country > l.crm_id OFFSET 0) s $$);
RESET enable_material;
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_memoize;
SELECT n, same, requests FROM run($$SELECT id FROM connections WHERE id IN (SELECT connection_id FROM accounts WHERE company_id = company(1) AND is_terminal(status)) AND company_id = company(1)$$);
SELECT n, same, requests FROM run($$SELECT id FROM connections WHERE company_id IN (SELECT company_id FROM customers WHERE n < 4)$$);
SELECT n, same, requests FROM run($$SELECT id FROM connections WHERE company_id NOT IN (SELECT company_id FROM customers WHERE company_id IS NOT NULL)$$);

-- One table several times.
SELECT n, same, requests FROM run('SELECT x.id, y.id FROM connections x JOIN connections y ON y.company_id = x.company_id AND y.datasource_name = x.datasource_name AND y.id > x.id');
SELECT n, same, requests FROM run((SELECT string_agg(format('SELECT %s AS arm, id, status FROM connections WHERE company_id = company(1) AND country <> %L', i, i), ' UNION ALL ') FROM generate_series(1, 20) i));
SELECT n, same, requests FROM run('SELECT id FROM connections WHERE company_id = company(1) UNION ALL SELECT id FROM accounts WHERE company_id = company(1) UNION ALL SELECT id FROM connections');
SELECT n, same, requests FROM run($$SELECT id FROM connections WHERE company_id = company(1) EXCEPT SELECT connection_id FROM accounts WHERE company_id = company(1)$$);
SELECT n, same, requests FROM run('WITH w AS MATERIALIZED (SELECT * FROM connections WHERE company_id = company(2)) SELECT x.id, y.status FROM w x JOIN w y USING (id)');
SELECT n, same, requests FROM run('WITH w AS NOT MATERIALIZED (SELECT * FROM connections WHERE company_id = company(2)) SELECT x.id, y.status FROM w x JOIN w y USING (id)');
SELECT n, same, requests FROM run($$
    WITH RECURSIVE chain AS (SELECT 1 AS depth, connection(1) AS id UNION ALL
                             SELECT depth + 1, connection(depth % 3 + 1) FROM chain JOIN connections c ON c.id = chain.id WHERE depth < 9)
    SELECT * FROM chain $$);
SELECT n, same, requests FROM run($$
    WITH RECURSIVE t AS (SELECT 1 AS depth, country FROM connections WHERE id = connection(1) UNION
                         SELECT depth + 1, c.country FROM t JOIN connections c ON c.company_id = company(1) AND c.country <> t.country WHERE depth < 4)
    SELECT * FROM t $$);

-- Aggregates, grouping sets, windows, DISTINCT.
SELECT n, same FROM run('SELECT company_name, status_category, count(*), min(created), max(updated) FROM connections GROUP BY CUBE (1, 2)');
SELECT n, same FROM run('SELECT id, rank() OVER (PARTITION BY company_id ORDER BY status, id), count(*) OVER () FROM connections WHERE status_category <> ''system''');
SELECT n, same FROM run('SELECT DISTINCT ON (company_id) company_id, id, status FROM connections ORDER BY company_id, status DESC, id');
SELECT n, same FROM run('SELECT array_agg(c ORDER BY id)::text FROM connections c WHERE company_id = company(4)');

-- Cursors: rows come as they are fetched, an early CLOSE leaves nothing behind.
SELECT test.clear() AS nothing \gset
ALTER SERVER sandbox OPTIONS (ADD page_size '5', ADD max_concurrency '1');
BEGIN;
DECLARE few CURSOR FOR SELECT id FROM connections WHERE company_id = company(1);
FETCH 3 FROM few;
SELECT asked();
FETCH 1 FROM few;
CLOSE few;
COMMIT;
SELECT asked() !~ 'page=3' AS not_all;
ALTER SERVER sandbox OPTIONS (DROP page_size, DROP max_concurrency);
BEGIN;
DECLARE back SCROLL CURSOR FOR SELECT c.status, k.n FROM customers k JOIN connections c ON c.id = k.connection_id ORDER BY k.n;
FETCH ALL FROM back;
FETCH BACKWARD 2 FROM back;
FETCH ABSOLUTE 1 FROM back;
DECLARE held CURSOR WITH HOLD FOR SELECT id FROM connections WHERE id = connection(9);
COMMIT;
SELECT asked();
FETCH ALL FROM held;
CLOSE held;
-- two at once, and one that a savepoint takes away
BEGIN;
DECLARE one CURSOR FOR SELECT id FROM connections WHERE company_id = company(1) ORDER BY id;
SAVEPOINT s;
DECLARE two CURSOR FOR SELECT id FROM connections WHERE company_id = company(2) ORDER BY id;
FETCH 1 FROM two;
FETCH 1 FROM one;
ROLLBACK TO s;
FETCH 1 FROM two;
ROLLBACK TO s;
FETCH 1 FROM one;
COMMIT;
SELECT asked();

-- Statements that read and write.
CREATE MATERIALIZED VIEW health AS SELECT status_category, count(*) AS n FROM connections WHERE company_id = company(1) GROUP BY 1;
REFRESH MATERIALIZED VIEW health;
SELECT * FROM health ORDER BY 1;
COPY (SELECT id, status FROM connections WHERE company_id = company(1) AND status_category = 'system') TO STDOUT;
UPDATE customers k SET crm_id = c.status FROM connections c WHERE c.id = k.connection_id AND k.n < 3;
DELETE FROM customers k USING connections c WHERE c.id = k.connection_id AND c.status = 'PENDING';
INSERT INTO customers (n, crm_id) SELECT 100, status FROM connections WHERE id = connection(5) RETURNING n, crm_id;
SELECT n, crm_id FROM customers ORDER BY 1;
SELECT k.n FROM customers k JOIN connections c ON c.id = k.connection_id ORDER BY 1 FOR UPDATE;
SELECT asked();
DO $$
DECLARE c record; seen text := '';
BEGIN
    FOR c IN SELECT id, status FROM connections WHERE company_id = company(1) AND needs_user_action ORDER BY id LOOP
        seen := seen || ' ' || (SELECT count(*) FROM accounts a WHERE a.connection_id = c.id);
        BEGIN
            PERFORM 1 / 0;
        EXCEPTION WHEN division_by_zero THEN
            seen := seen || '!';
        END;
    END LOOP;
    RAISE NOTICE '%', seen;
END $$;
SELECT asked();

-- Keys from a table of which it is known that it gives no rows.
SELECT count(b.id) FROM connections c LEFT JOIN LATERAL (SELECT id FROM companies WHERE id = NULL AND name = c.company_name) n ON true
    LEFT JOIN connections b ON b.company_id = n.id;

-- Rows that a nested loop asks for again are kept, in a file beyond work_mem.
SET work_mem = '64kB';
SELECT count(*), count(DISTINCT length(o.attrs)) > 1 AS differ FROM accounts a
    CROSS JOIN LATERAL (SELECT b.attrs::text FROM accounts b WHERE b.id = a.id AND length(b.attrs::text) > 9 OFFSET 0) o;
RESET work_mem;
SELECT test.clear() AS nothing \gset

-- What reads only says so when it is to be written.
UPDATE connections SET status = 'PENDING' WHERE id = connection(1);
DELETE FROM connections;
INSERT INTO connections (id) VALUES (connection(1));
SELECT asked();
DROP SCHEMA copies CASCADE;
