-- company_ids is a scope: outside it there are no rows on any route, and no act.
\i test/lib/setup.sql
\set SHOW_CONTEXT never
ALTER SERVER sandbox OPTIONS (ADD company_ids 'c0000000-0000-4000-8000-000000000001, C0000000-0000-4000-8000-000000000003');

-- Every company: those of the scope are asked for by id; the list of companies is cut.
SELECT company_name, count(*) FROM connections GROUP BY 1 ORDER BY 1;
SELECT * FROM seen();
SELECT id, name FROM companies ORDER BY 1;
SELECT * FROM seen();
SELECT company_id, count(*) FROM sites GROUP BY 1 ORDER BY 1;
SELECT * FROM seen();
SELECT company_id, count(DISTINCT connection_id) > 1 AS some FROM accounts GROUP BY 1 ORDER BY 1;
SELECT * FROM seen();

-- A company outside: known before anything is asked.
SELECT count(*) FROM connections WHERE company_id = company(2);
SELECT count(*) FROM accounts WHERE company_id = company(2);
SELECT count(*) FROM sites WHERE company_id = company(2);
SELECT count(*) FROM companies WHERE id = company(2);
SELECT count(*) FROM connections c JOIN companies o ON o.id = c.company_id WHERE o.id = company(5);
SELECT * FROM seen();
SELECT company_name, count(*) FROM connections WHERE company_id IN (company(1), company(2), company(4)) GROUP BY 1;
SELECT * FROM seen();

-- A connection outside: known from the answer.
SELECT count(*) FROM connections WHERE id = connection(14);
SELECT count(*) FROM accounts WHERE connection_id = connection(14);
SELECT id, company_name FROM connections WHERE id IN (connection(2), connection(14), connection(26)) ORDER BY 1;
SELECT count(*) FROM accounts WHERE connection_id IN (connection(2), connection(14));
SELECT * FROM seen();

-- By name and external id.
SELECT company_name, count(*) FROM connections WHERE company_name IN ('Acme', 'Globex') GROUP BY 1;
SELECT count(*) FROM connections WHERE company_name = 'Globex';
SELECT company_external_id, count(*) FROM connections WHERE company_external_id IN ('CRM-2', 'CRM-3') GROUP BY 1;
SELECT count(*) FILTER (WHERE request ~ 'c0000000-0000-4000-8000-00000000000[245]') AS outside FROM seen();

-- Columns that are not read do not matter: the scope is not a clause.
SELECT count(*) FROM connections;
SELECT count(*) FROM accounts;
SELECT id FROM connections WHERE id = connection(14);
SELECT count(*) FROM connections WHERE status = 'CONNECTED';
SELECT count(*) FROM connections WHERE company_name || '' = 'Globex';
CREATE FOREIGN TABLE names (provider text OPTIONS (json_path 'datasource.name')) SERVER sandbox OPTIONS (resource 'connections');
SELECT count(*) FROM names;
SELECT count(*) FROM (SELECT provider FROM names LIMIT 15) AS few;
SELECT count(*) FROM (SELECT id FROM connections WHERE id IN (connection(14), connection(15), connection(2)) LIMIT 1) AS few;
-- joins and rescans
SELECT count(*) FROM generate_series(1, 60, 10) i CROSS JOIN LATERAL (SELECT 1 FROM connections WHERE id = connection(i)) c;
SELECT count(*) FROM connections c JOIN accounts a ON a.connection_id = c.id AND a.company_id = c.company_id WHERE c.company_id = company(2);
SELECT test.clear() AS nothing \gset

-- An account is where its connection is, whichever way it is read.
ALTER SERVER sandbox OPTIONS (ADD accounts_source 'details');
SELECT company_id, count(*) > 5 AS many FROM accounts GROUP BY 1 ORDER BY 1;
SELECT count(*) FILTER (WHERE request ~ 'company/c.*[245]\?') AS outside, count(*) FROM seen();
ALTER SERVER sandbox OPTIONS (DROP accounts_source);
SELECT test.fault('{"kind": "no_sites", "path": "/company"}') AS nothing \gset
SELECT company_id, count(*) FROM sites GROUP BY 1 ORDER BY 1;
SELECT * FROM seen();
SELECT test.faults_clear() AS nothing \gset

-- On a table: a tenant's; both scopes hold.
CREATE SCHEMA tenant;
IMPORT FOREIGN SCHEMA nectar FROM SERVER sandbox INTO tenant;
ALTER FOREIGN TABLE tenant.connections OPTIONS (ADD company_ids 'c0000000-0000-4000-8000-000000000002,c0000000-0000-4000-8000-000000000003');
ALTER FOREIGN TABLE tenant.accounts OPTIONS (ADD company_ids 'c0000000-0000-4000-8000-000000000002');
ALTER FOREIGN TABLE tenant.companies OPTIONS (ADD company_ids 'c0000000-0000-4000-8000-000000000003');
ALTER FOREIGN TABLE tenant.sites OPTIONS (ADD company_ids 'c0000000-0000-4000-8000-000000000003');
SELECT company_name, count(*) FROM tenant.connections GROUP BY 1;
SELECT * FROM seen();
SELECT count(*) FROM tenant.connections WHERE company_id IN (company(1), company(2));
SELECT count(*) FROM tenant.connections WHERE company_id = ANY (ARRAY(SELECT company(i) FROM generate_series(1, 2) i));
SELECT count(*) FROM tenant.accounts;
SELECT count(*) FROM tenant.accounts WHERE company_id = company(2);
-- both scopes leave nothing, so the connection need not be looked at
SELECT count(*) FROM tenant.accounts WHERE connection_id = connection(14);
SELECT * FROM seen();
SELECT count(*) FROM tenant.connections WHERE id = connection(2);
SELECT count(*) FROM tenant.connections WHERE company_name = 'Acme';
SELECT (SELECT count(*) FROM tenant.companies) AS companies, (SELECT count(DISTINCT company_id) FROM tenant.sites) AS with_sites;
SELECT test.clear() AS nothing \gset
-- tables of another scope share answers, not rows
SELECT 'tenant' AS which, count(*) FROM tenant.connections WHERE id = connection(2)
 UNION ALL SELECT 'server', count(*) FROM connections WHERE id = connection(2)
 UNION ALL SELECT 'again', count(*) FROM tenant.connections WHERE id = connection(2) ORDER BY 1;
SELECT * FROM seen();
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM tenant.connections;
SELECT * FROM seen();

-- A partition for each tenant.
CREATE TABLE by_tenant (id uuid, company_id uuid, status text) PARTITION BY LIST (company_id);
CREATE FOREIGN TABLE tenant_1 PARTITION OF by_tenant FOR VALUES IN ('c0000000-0000-4000-8000-000000000001')
    SERVER sandbox OPTIONS (resource 'connections', company_ids 'c0000000-0000-4000-8000-000000000001');
CREATE FOREIGN TABLE tenant_3 PARTITION OF by_tenant FOR VALUES IN ('c0000000-0000-4000-8000-000000000003')
    SERVER sandbox OPTIONS (resource 'connections', company_ids 'c0000000-0000-4000-8000-000000000003');
SELECT tableoid::regclass, count(*) FROM by_tenant GROUP BY 1 ORDER BY 1;
SELECT tableoid::regclass, status FROM by_tenant WHERE id IN (connection(2), connection(14), connection(26)) ORDER BY 1;
SELECT test.clear() AS nothing \gset
SELECT count(*) FROM by_tenant WHERE company_id = company(3);
SELECT * FROM seen();

-- Acts outside are refused before the act; where the company must be looked up, with one read.
\pset format unaligned
\pset tuples_only on
SELECT attempt('SELECT nectar.company_magic_link(company(2))');
SELECT attempt('SELECT nectar.company_magic_link(company(2), ARRAY[company(1)])');
SELECT * FROM seen();
SELECT attempt('SELECT nectar.connection_magic_link(connection(14))');
SELECT attempt('SELECT nectar.confirm_accounts(connection(14))');
SELECT attempt('SELECT nectar.confirm_accounts(connection(999))');
\pset tuples_only off
\pset format aligned
SELECT * FROM seen();
SELECT * FROM nectar.bulk_confirm_accounts(ARRAY[connection(2), connection(14), NULL, connection(999), connection(2)]);
SELECT * FROM seen();
SELECT nectar.company_magic_link(company(3)) IS NOT NULL AS inside, nectar.connection_magic_link(connection(26)) IS NOT NULL AS too;
SELECT company_name, count(*), count(magic_link) AS links FROM nectar.reconnect_links() GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM nectar.reconnect_links(company(2));
SELECT connection_id FROM nectar.reconnect_links(NULL, ARRAY[connection(4), connection(16), connection(28)]) ORDER BY 1;
SELECT connection_id FROM nectar.reconnect_links(company(3), ARRAY[connection(4), connection(16), connection(28)]);
SELECT count(*) FILTER (WHERE request ~ 'company/c.*[245](\?|/)') AS outside FROM seen();

-- An answer that names no company is that of the company asked for, and outside where none was.
SELECT test.fault('{"kind": "patch", "path": "/connection/company/*1", "unset": ["company"]}'), test.fault('{"kind": "patch", "path": "/connection/*2/details", "unset": ["company"]}') \gset nothing
SELECT count(*) FROM connections WHERE company_id = company(1);
SELECT count(*) FROM connections WHERE id = connection(2);
SELECT test.clear() AS nothing \gset
SELECT left(attempt('SELECT nectar.confirm_accounts(connection(2))'), 5) IN ('42501', 'NC002') AS refused;
SELECT * FROM seen();
-- one that names another company than the one asked for
SELECT test.fault('{"kind": "patch", "path": "/connection/company/*3", "set": {"company": {"id": "c0000000-0000-4000-8000-000000000002", "name": "Globex"}}}') AS nothing \gset
SELECT count(*) FROM connections WHERE company_id = company(3);
SELECT count(*) FROM connections;
SELECT test.reset() AS nothing \gset

-- A company of the scope that the API does not have (any more).
ALTER SERVER sandbox OPTIONS (SET company_ids 'c0000000-0000-4000-8000-000000000001, c0000000-0000-4000-8000-000000000063');
SELECT company_name, count(*) FROM connections GROUP BY 1;
SELECT company_id, count(*) > 5 AS many FROM accounts GROUP BY 1;
SELECT name FROM companies;
SELECT company_id FROM sites GROUP BY 1;
SELECT count(*) FROM connections WHERE company_id = company(99);
SELECT count(*) FROM connections WHERE company_name = 'Acme';

-- A change of the scope holds from the next statement on, prepared ones included.
PREPARE seen_companies AS SELECT company_name FROM connections GROUP BY 1 ORDER BY 1;
ALTER SERVER sandbox OPTIONS (SET company_ids 'c0000000-0000-4000-8000-000000000002');
EXECUTE seen_companies;
ALTER SERVER sandbox OPTIONS (SET company_ids 'c0000000-0000-4000-8000-000000000001');
EXECUTE seen_companies;
ALTER SERVER sandbox OPTIONS (DROP company_ids);
EXECUTE seen_companies;
