-- Reports as people write them, with local tables joined in: the rows of heap copies, the plan, what was asked; before ANALYZE and after.
\i test/lib/setup.sql
\i test/lib/copies.sql
-- A plan in one line: scans with their routes, joins in order, subplans in braces; sorts, hashes and the like left out.
CREATE FUNCTION plan_text(node json) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    type text := node ->> 'Node Type';
    below text := (SELECT string_agg(plan_text(p), ', ' ORDER BY i) FROM json_array_elements(node -> 'Plans') WITH ORDINALITY q(p, i)
                    WHERE p ->> 'Parent Relationship' NOT IN ('InitPlan', 'SubPlan'));
    beside text := (SELECT string_agg(format(' {%s: %s}', regexp_replace(p ->> 'Subplan Name', ' \(.*', ''), plan_text(p)), '' ORDER BY i)
                      FROM json_array_elements(node -> 'Plans') WITH ORDINALITY q(p, i) WHERE p ->> 'Parent Relationship' IN ('InitPlan', 'SubPlan'));
BEGIN
    IF type IN ('Nested Loop', 'Hash Join', 'Merge Join') THEN
        type := replace(replace(type, ' Join', ''), 'Nested Loop', 'Loop') || CASE node ->> 'Join Type' WHEN 'Inner' THEN '' ELSE ' ' || (node ->> 'Join Type') END;
    ELSIF node::jsonb ? 'Route' THEN
        type := (node ->> 'Alias') || '[' || (node ->> 'Route') || ']';
    ELSIF node::jsonb ? 'Remote Totals' THEN
        type := 'Totals';
    ELSIF node::jsonb ? 'Alias' AND type <> 'Subquery Scan' THEN
        type := node ->> 'Alias';
    ELSIF type NOT IN ('Append', 'Merge Append', 'Aggregate', 'WindowAgg', 'Memoize', 'Materialize', 'SetOp') THEN
        RETURN below || coalesce(beside, '');
    END IF;
    RETURN type || coalesce('(' || below || ')', '') || coalesce(beside, '');
END $$;
CREATE FUNCTION plan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON, VERBOSE, COSTS OFF) ' || query INTO plan;
    RETURN coalesce(plan_text(plan #> '{0,Plan}'), 'no scan');
END $$;

-- Tables of one's own: customers, some unknown to Nectar or not signed up; bills; connections and owners somebody watches.
CREATE TABLE crm AS
    SELECT n AS customer, CASE WHEN n <= 6 THEN company(n) END AS company_id, company(n)::text AS company_text, 'CRM-' || n AS external_id,
           (ARRAY['Acme', 'Globex', 'Initech', 'Umbrella', 'Hooli', 'Unheard of'])[n] AS name, CASE WHEN n % 3 = 1 THEN 'enterprise' ELSE 'small' END AS segment
      FROM generate_series(1, 8) n;
CREATE TABLE bills AS
    SELECT a.company_id, a.account_number, 100 + row_number() OVER (ORDER BY id) AS amount FROM copies.accounts a WHERE account_number <> '' AND id::text !~ '[37]$'
    UNION ALL SELECT company(n), 'gone-' || n, n FROM generate_series(1, 3) n;
CREATE TABLE watched AS SELECT n, connection(n * 11) AS connection_id, ARRAY[connection(n), connection(n + 30), NULL] AS ids FROM generate_series(1, 3) n;
CREATE TABLE visits AS SELECT n, connection(1 + n % 60) AS connection_id, date '2025-01-01' + n AS day FROM generate_series(1, 240) n;
CREATE TABLE staff AS SELECT DISTINCT workflow_owner_email AS email, company_id, company_id = company(1) AS is_lead FROM copies.connections WHERE workflow_owner_email IS NOT NULL;
CREATE TABLE providers AS SELECT DISTINCT datasource_name AS name, datasource_name ~ 'Gas' AS sells_gas FROM copies.connections;
-- one partition for each company
CREATE TABLE by_company (id uuid, company_id uuid, status connection_status, needs_user_action boolean, created timestamptz) PARTITION BY LIST (company_id);
SELECT format('CREATE FOREIGN TABLE of_%s PARTITION OF by_company FOR VALUES IN (%L) SERVER sandbox OPTIONS (resource ''connections'', company_ids %L)',
              n, company(n), company(n)) FROM generate_series(1, 5) n \gexec
CREATE TABLE copies.by_company AS SELECT id, company_id, status, needs_user_action, created FROM copies.connections;

CREATE TABLE reports (i int GENERATED ALWAYS AS IDENTITY, name text, query text);
INSERT INTO reports (name, query) VALUES
('health by category and provider', $$
    SELECT status_category, datasource_name, count(*), max(status_last_update_time) FROM connections GROUP BY 1, 2 $$),
('waiting for their user: owner and age', $$
    SELECT company_name, workflow_owner_email, datasource_name, status, timestamptz '2025-08-01' - status_first_seen_time AS age
      FROM connections WHERE needs_user_action ORDER BY age DESC $$),
('undecided accounts of each company', $$
    SELECT o.name, count(a.id) FROM companies o LEFT JOIN accounts a ON a.company_id = o.id AND a.tracking_status = 'UNSET' GROUP BY 1 $$),
('customers with the health of their connections', $$
    SELECT k.customer, k.segment, h.n, h.waiting FROM crm k
      LEFT JOIN (SELECT company_id, count(*) AS n, count(*) FILTER (WHERE needs_user_action) AS waiting FROM connections GROUP BY 1) h USING (company_id) $$),
('customers and connections, by id', $$
    SELECT k.customer, c.status_category, count(c.id) FROM crm k LEFT JOIN connections c ON c.company_id = k.company_id GROUP BY 1, 2 $$),
('customers and connections, by id as text', $$
    SELECT k.customer, c.status_category, count(c.id) FROM crm k LEFT JOIN connections c ON c.company_id::text = k.company_text GROUP BY 1, 2 $$),
('customers and connections, by external id', $$
    SELECT k.customer, c.status_category, count(c.id) FROM crm k LEFT JOIN connections c ON c.company_external_id = k.external_id GROUP BY 1, 2 $$),
('one segment''s connections, by name', $$
    SELECT k.customer, c.datasource_name, c.status FROM crm k JOIN connections c ON c.company_name = k.name WHERE k.segment = 'enterprise' $$),
('one customer''s connections, by external id', $$
    SELECT k.name, c.datasource_name, c.status FROM crm k JOIN connections c ON c.company_external_id = k.external_id WHERE k.customer = 2 $$),
('connections of a segment', $$
    SELECT company_name, status, count(*) FROM connections WHERE company_id IN (SELECT company_id FROM crm WHERE segment = 'enterprise') GROUP BY 1, 2 $$),
('customers with somebody to call', $$
    SELECT customer, (SELECT count(*) FROM connections c WHERE c.company_id = k.company_id AND c.needs_user_action) AS waiting FROM crm k WHERE segment = 'small' $$),
('bills without an account', $$
    SELECT b.company_id, b.account_number, b.amount FROM bills b
     WHERE NOT EXISTS (SELECT FROM accounts a WHERE a.company_id = b.company_id AND a.account_number = b.account_number) $$),
('accounts without a bill', $$
    SELECT a.company_id, a.account_number, a.status FROM accounts a
      LEFT JOIN bills b ON b.company_id = a.company_id AND b.account_number = a.account_number
     WHERE b.amount IS NULL AND a.tracking_status = 'ENABLED' $$),
('bills against accounts of one company', $$
    SELECT b.amount, a.id FROM (SELECT * FROM bills WHERE company_id = company(2)) b
      FULL JOIN (SELECT * FROM accounts WHERE company_id = company(2)) a ON a.account_number = b.account_number $$),
('bills by provider, two companies', $$
    SELECT c.datasource_name, sum(b.amount) FROM bills b
      JOIN accounts a ON a.account_number = b.account_number AND a.company_id = b.company_id
      JOIN connections c ON c.id = a.connection_id AND c.company_id = a.company_id
     WHERE b.company_id IN (company(1), company(3)) GROUP BY 1 $$),
('oldest errors', $$
    SELECT id, company_name, status, status_first_seen_time FROM connections
     WHERE status_category IN ('credential_error', 'provider_error') ORDER BY status_first_seen_time, id LIMIT 5 $$),
('every company, those without a failing web site too', $$
    SELECT o.name, count(c.id) FROM companies o LEFT JOIN connections c ON c.company_id = o.id AND c.status = 'WEBSITE_DOWN' GROUP BY 1 $$),
('sites of each company', $$
    SELECT o.name, count(s.id), count(s.data_collection_stop_date) FROM companies o LEFT JOIN sites s ON s.company_id = o.id GROUP BY 1 $$),
('newest connection of each company', $$
    SELECT o.name, n.id, n.created FROM companies o
      CROSS JOIN LATERAL (SELECT id, created FROM connections c WHERE c.company_id = o.id ORDER BY created DESC, id LIMIT 1) n $$),
('companies that wait for a user', $$
    SELECT o.name FROM companies o WHERE EXISTS (SELECT FROM connections c WHERE c.company_id = o.id AND c.needs_user_action) $$),
('connections without accounts', $$
    SELECT c.id, c.status FROM connections c
     WHERE NOT EXISTS (SELECT FROM accounts a WHERE a.connection_id = c.id AND a.company_id = c.company_id) $$),
('accounts of failing connections, by company name', $$
    SELECT c.datasource_name, c.status, a.account_number, a.status AS account_status FROM connections c
      JOIN accounts a ON a.connection_id = c.id AND a.company_id = c.company_id WHERE c.company_name = 'Acme' AND c.status_category <> 'healthy' $$),
('companies, connections and accounts', $$
    SELECT o.name, count(DISTINCT c.id), count(a.id) FROM companies o JOIN connections c ON c.company_id = o.id
      LEFT JOIN accounts a ON a.connection_id = c.id AND a.company_id = c.company_id WHERE o.name LIKE '%o%' GROUP BY 1 $$),
('two companies, written with OR', $$
    SELECT c.id, a.account_number FROM connections c JOIN accounts a ON a.connection_id = c.id AND a.company_id = c.company_id
     WHERE (c.company_id = company(1) OR c.company_id = company(2)) AND c.needs_user_action $$),
('growth by week', $$
    SELECT company_id, date_trunc('week', created) AS week, count(*), count(*) FILTER (WHERE status = 'CONNECTED') AS good FROM connections GROUP BY 1, 2 $$),
('a month of one company', $$
    SELECT id, created FROM connections WHERE company_id = company(3) AND created >= '2024-02-01' AND created < '2024-03-01' $$),
('sizes', $$
    SELECT 'companies' AS what, count(*) FROM companies UNION ALL SELECT 'connections', count(*) FROM connections
     UNION ALL SELECT 'waiting', count(*) FROM connections WHERE needs_user_action UNION ALL SELECT 'accounts', count(*) FROM accounts $$),
('share and rank of providers in a company', $$
    SELECT company_name, datasource_name, count(*), rank() OVER (PARTITION BY company_name ORDER BY count(*) DESC) AS place,
           count(*) / sum(count(*)) OVER (PARTITION BY company_name) AS share FROM connections GROUP BY 1, 2 $$),
('a CTE read twice', $$
    WITH waiting AS (SELECT id, company_id, status FROM connections WHERE needs_user_action AND company_id IN (company(1), company(4)))
    SELECT w.status, count(*), (SELECT count(*) FROM waiting) AS total FROM waiting w JOIN accounts a ON a.connection_id = w.id AND a.company_id = w.company_id GROUP BY 1 $$),
('a few connections by id', $$
    SELECT w.n, c.status FROM watched w LEFT JOIN connections c ON c.id = w.connection_id $$),
('many connections by id', $$
    SELECT v.day, c.status, c.company_name FROM visits v JOIN connections c ON c.id = v.connection_id $$),
('a few connections by arrays of ids', $$
    SELECT w.n, c.id, c.status FROM watched w JOIN connections c ON c.id = ANY (w.ids) $$),
('connections of an array of ids', $$
    SELECT id, status FROM connections WHERE id = ANY (ARRAY(SELECT connection_id FROM watched)) $$),
('accounts of a few connections', $$
    SELECT a.connection_id, a.account_number FROM accounts a WHERE a.connection_id IN (SELECT connection_id FROM watched) $$),
('what owners own', $$
    SELECT s.email, c.id, c.status FROM staff s JOIN connections c ON c.workflow_owner_email = s.email AND c.company_id = s.company_id WHERE s.is_lead $$),
('providers of gas', $$
    SELECT p.name, c.status_category, count(*) FROM providers p JOIN connections c ON c.datasource_name = p.name WHERE p.sells_gas GROUP BY 1, 2 $$),
('all statuses, with zeros', $$
    SELECT s.label, count(c.id) FROM nectar.connection_statuses s LEFT JOIN connections c ON c.status::text = s.label::text AND c.company_id = company(2) GROUP BY 1 $$),
('newest of each company and provider', $$
    SELECT DISTINCT ON (company_id, datasource_name) company_id, datasource_name, id FROM connections ORDER BY company_id, datasource_name, created DESC, id $$),
('partitions: health', $$
    SELECT company_id, count(*) FILTER (WHERE needs_user_action) FROM by_company GROUP BY 1 $$),
('partitions: two companies', $$
    SELECT id, status FROM by_company WHERE company_id IN (company(2), company(5)) AND status <> 'CONNECTED' $$),
('partitions: one customer', $$
    SELECT k.name, p.id FROM crm k JOIN by_company p ON p.company_id = k.company_id WHERE k.customer = 4 $$);
SELECT test.clear() AS nothing \gset
CREATE FUNCTION report(which reports, OUT report text, OUT plan text, OUT requests text) LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    SELECT * INTO r FROM run(which.query);
    report := format('%s: %s rows', which.name, r.n) || CASE WHEN r.same THEN '' ELSE ', not those of the copies' END;
    plan := plan(which.query);
    requests := r.requests;
END $$;

\pset format unaligned
\pset tuples_only on
\pset fieldsep '\n    '
-- Before ANALYZE, of local tables too.
SELECT r.* FROM reports, report(reports) r ORDER BY i;

-- After it.
ANALYZE crm, bills, watched, visits, staff, providers, companies, sites, connections, accounts, by_company;
SELECT r.* FROM reports, report(reports) r ORDER BY i;

-- Prepared, with custom and with generic plans.
PREPARE of_company (uuid) AS SELECT c.id, a.account_number FROM connections c JOIN accounts a ON a.connection_id = c.id AND a.company_id = c.company_id WHERE c.company_id = $1;
PREPARE of_name (varchar, connection_status) AS SELECT id, datasource_name FROM connections WHERE company_name = $1 AND status = $2;
PREPARE of_customer (int) AS SELECT k.name, c.id, c.status FROM crm k LEFT JOIN connections c ON c.company_id = k.company_id AND c.needs_user_action WHERE k.customer = $1;
PREPARE of_ids (text[]) AS SELECT id, status FROM connections WHERE id = ANY ($1::uuid[]);
PREPARE of_text (text, varchar) AS SELECT id, status FROM connections WHERE id::text = $1 OR id = $2::uuid;
PREPARE of_days (uuid, timestamptz, timestamptz) AS SELECT date_trunc('day', created), count(*) FROM connections WHERE company_id = $1 AND created >= $2 AND created < $3 GROUP BY 1;
PREPARE of_partitions (uuid[]) AS SELECT company_id, count(*) FROM by_company WHERE company_id = ANY ($1) GROUP BY 1;
TRUNCATE reports;
INSERT INTO reports (name, query) VALUES
('of_company', 'EXECUTE of_company (company(2))'),
('of_company, NULL', 'EXECUTE of_company (NULL)'),
('of_name', $$EXECUTE of_name ('Acme', 'PENDING')$$),
('of_customer', 'EXECUTE of_customer (3)'),
('of_customer, one not signed up', 'EXECUTE of_customer (8)'),
('of_ids', 'EXECUTE of_ids (ARRAY[connection(1), connection(60), NULL, connection(1)]::text[])'),
('of_text', 'EXECUTE of_text (connection(5)::text, connection(50)::text)'),
('of_days', $$EXECUTE of_days (company(3), '2024-01-15', '2024-02-01')$$),
('of_partitions', 'EXECUTE of_partitions (ARRAY[company(2), company(4)])');
SET plan_cache_mode = force_custom_plan;
SELECT r.* FROM reports, report(reports) r ORDER BY i;
SET plan_cache_mode = force_generic_plan;
SELECT r.* FROM reports, report(reports) r ORDER BY i;
RESET plan_cache_mode;
\pset format aligned
\pset tuples_only off

-- A LIMIT above what reads everything holds no request back; one right above the scan does.
CREATE FUNCTION most_at_once(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    most text;
BEGIN
    PERFORM test.clear();
    PERFORM test.latency(30);
    PERFORM rows_of(query);
    most := test.stats() ->> 'max_in_flight';
    PERFORM test.latency(0);
    RETURN most;
END $$;
SELECT query, most_at_once(query) FROM unnest(ARRAY[
    'SELECT status, count(id) FROM connections GROUP BY 1',
    'SELECT status, count(id) FROM connections GROUP BY 1 ORDER BY 2 DESC LIMIT 3',
    'SELECT id FROM connections ORDER BY created LIMIT 3',
    'SELECT DISTINCT country FROM connections LIMIT 1',
    'SELECT id FROM connections LIMIT 3']) query;
DROP SCHEMA copies CASCADE;
