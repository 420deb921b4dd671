-- Which requests answer which clause, and that every route gives the same rows.
\i test/lib/setup.sql

-- One connection by id: one request.
EXPLAIN (VERBOSE, COSTS OFF) SELECT id, status FROM connections WHERE id = connection(2);
SELECT id, company_name, status, status_category, needs_user_action, datasource_name, initial_datasource_types
  FROM connections WHERE id = connection(4);
SELECT * FROM seen();

-- One that does not exist is no row: not an error, not a warning.
SELECT id FROM connections WHERE id = '00000000-0000-4000-8000-000000000000';
SELECT * FROM seen();

-- Several ids: one request each; duplicates, NULL and the missing one do no harm.
SELECT id, status FROM connections
 WHERE id IN (connection(3), connection(1), NULL, connection(3), connection(999)) ORDER BY id;
SELECT * FROM seen();

-- A company: the pages of its listing.
ALTER SERVER sandbox OPTIONS (ADD page_size '5');
SELECT count(*), count(DISTINCT id) FROM connections WHERE company_id = company(1);
SELECT * FROM seen();
SELECT company_id, count(*) FROM connections
 WHERE company_id = ANY (ARRAY[company(2), NULL, company(1), company(2)]) GROUP BY 1 ORDER BY 1;
SELECT * FROM seen();
ALTER SERVER sandbox OPTIONS (DROP page_size);
SELECT count(*) FROM connections WHERE company_id = '00000000-0000-4000-8000-000000000000';
SELECT * FROM seen();

-- A company and one status: the pages of the filtered listing.
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM connections WHERE company_id = company(1) AND status = 'CONNECTED';
SELECT id FROM connections WHERE company_id = company(1) AND status = 'CONNECTED';
SELECT * FROM seen();

-- A company and its owner's e-mail, percent-encoded.
SELECT DISTINCT workflow_owner_email FROM connections WHERE company_id = company(1) ORDER BY 1;
SELECT test.clear() AS nothing \gset
SELECT id, workflow_owner_email FROM connections
 WHERE company_id = company(1) AND workflow_owner_email LIKE '%+%' ORDER BY id LIMIT 1 \gset plus_
SELECT test.clear() AS nothing \gset
SELECT count(*), bool_or(id = :'plus_id') AS found FROM connections
 WHERE company_id = company(1) AND workflow_owner_email = :'plus_workflow_owner_email';
SELECT * FROM seen();
ALTER SERVER sandbox OPTIONS (ADD page_size '2');
SELECT count(*) FROM connections WHERE company_id = company(1) AND workflow_owner_email = 'ops@initech.example';
SELECT * FROM seen();
ALTER SERVER sandbox OPTIONS (DROP page_size);
SELECT count(*) FROM connections
 WHERE company_id = company(1) AND workflow_owner_email = E'a b&c=d?e/f#g%41+ü@\n"\\''x';
SELECT * FROM seen();
SELECT count(*) FROM connections WHERE company_id = company(1) AND workflow_owner_email = '';
SELECT * FROM seen();

-- A company's name or external id: the companies, then the one that matches.
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM connections WHERE company_name = 'Acme';
ALTER SERVER sandbox OPTIONS (ADD page_size '5');
SELECT company_id, count(*) FROM connections WHERE company_name = 'Acme' GROUP BY 1;
SELECT * FROM seen();
ALTER SERVER sandbox OPTIONS (DROP page_size);
SELECT company_name, count(*) FROM connections WHERE company_external_id = 'CRM-2' GROUP BY 1;
SELECT * FROM seen();
SELECT company_name, count(*) FROM connections WHERE company_name IN ('Hooli', 'Nobody', NULL, 'Globex') GROUP BY 1 ORDER BY 1;
SELECT * FROM seen();
SELECT count(*) FROM connections WHERE company_name = 'acme';
SELECT * FROM seen();
SELECT count(*) FROM connections WHERE company_name = 'Acme' AND company_external_id = 'CRM-2';
SELECT sum(n) <= 2 AS few FROM seen();
SELECT id FROM connections WHERE company_name = 'Acme' AND status = 'PENDING';
SELECT * FROM seen();

-- Nothing: the companies, then each.
SELECT company_name, count(*) FROM connections GROUP BY 1 ORDER BY 1;
SELECT * FROM seen();

-- An id and a company together cost one request, whether they agree or not.
SELECT id FROM connections WHERE id = connection(2) AND company_id = company(1);
SELECT id FROM connections WHERE id = connection(2) AND company_id = company(2);
SELECT * FROM seen();

-- Accounts: by connection, by company, all.
SELECT id, account_number, status, tracking_status FROM accounts WHERE connection_id = connection(2) ORDER BY id;
SELECT * FROM seen();
SELECT count(*) FROM accounts WHERE connection_id = '00000000-0000-4000-8000-000000000000';
SELECT * FROM seen();
SELECT count(*), count(DISTINCT connection_id) FROM accounts WHERE company_id = company(1);
SELECT * FROM seen();
SELECT company_id, count(*) FROM accounts GROUP BY 1 ORDER BY 1;
SELECT * FROM seen();
SELECT id, connection_id FROM accounts WHERE id = account(5);
SELECT count(*) FROM seen();

-- Companies and sites.
SELECT id, name, external_id FROM companies WHERE id = company(3);
SELECT * FROM seen();
-- (one listing of the companies costs less than several look-ups)
SELECT id, name FROM companies WHERE id = ANY (ARRAY[company(5), company(4), company(99), NULL, company(5)]) ORDER BY id;
SELECT * FROM seen();
SELECT id, name FROM companies ORDER BY id;
SELECT * FROM seen();
SELECT name, company_id FROM sites WHERE company_id = company(2) ORDER BY id LIMIT 2;
SELECT count(*) FROM sites WHERE company_id = company(99);
SELECT * FROM seen();
SELECT company_id, count(*) > 0 AS some FROM sites GROUP BY 1 ORDER BY 1;
SELECT * FROM seen();

-- Any two routes to the same rows agree.
CREATE TABLE by_all AS SELECT * FROM connections;
CREATE TABLE by_company AS SELECT * FROM connections WHERE company_id = ANY (ARRAY(SELECT company(n) FROM generate_series(1, 5) n));
CREATE TABLE by_id AS SELECT * FROM connections WHERE id = ANY (ARRAY(SELECT connection(n) FROM generate_series(1, 60) n));
CREATE TABLE by_name AS SELECT * FROM connections WHERE company_name = ANY (ARRAY(SELECT DISTINCT company_name FROM by_all));
SELECT count(*), count(DISTINCT id) FROM by_all;
SELECT count(*) FROM ((TABLE by_all EXCEPT ALL TABLE by_company) UNION ALL (TABLE by_company EXCEPT ALL TABLE by_all)) differing;
SELECT count(*) FROM ((TABLE by_all EXCEPT ALL TABLE by_id) UNION ALL (TABLE by_id EXCEPT ALL TABLE by_all)) differing;
SELECT count(*) FROM ((TABLE by_all EXCEPT ALL TABLE by_name) UNION ALL (TABLE by_name EXCEPT ALL TABLE by_all)) differing;
CREATE TABLE accounts_all AS SELECT * FROM accounts;
CREATE TABLE accounts_company AS SELECT * FROM accounts WHERE company_id = ANY (ARRAY(SELECT company(n) FROM generate_series(1, 5) n));
CREATE TABLE accounts_connection AS SELECT * FROM accounts WHERE connection_id = ANY (ARRAY(SELECT connection(n) FROM generate_series(1, 60) n));
SELECT count(*) > 100 AS many, count(*) = count(DISTINCT id) AS once FROM accounts_all;
SELECT count(*) FROM ((TABLE accounts_all EXCEPT ALL TABLE accounts_company) UNION ALL (TABLE accounts_company EXCEPT ALL TABLE accounts_all)) differing;
SELECT count(*) FROM ((TABLE accounts_all EXCEPT ALL TABLE accounts_connection) UNION ALL (TABLE accounts_connection EXCEPT ALL TABLE accounts_all)) differing;
CREATE TABLE companies_all AS SELECT * FROM companies;
CREATE TABLE companies_id AS SELECT * FROM companies WHERE id = ANY (ARRAY(SELECT company(n) FROM generate_series(1, 5) n));
SELECT count(*) FROM ((TABLE companies_all EXCEPT ALL TABLE companies_id) UNION ALL (TABLE companies_id EXCEPT ALL TABLE companies_all)) differing;
CREATE TABLE sites_all AS SELECT * FROM sites;
CREATE TABLE sites_company AS SELECT * FROM sites WHERE company_id = ANY (ARRAY(SELECT company(n) FROM generate_series(1, 5) n));
SELECT count(*) FROM ((TABLE sites_all EXCEPT ALL TABLE sites_company) UNION ALL (TABLE sites_company EXCEPT ALL TABLE sites_all)) differing;
SELECT (SELECT count(*) FROM companies_all) AS companies, (SELECT count(*) = count(DISTINCT id) AND count(*) > 5 FROM sites_all) AS sites;
SELECT test.clear() AS nothing \gset

-- Text tables: the same requests; what is no uuid can be no row, and is not sent.
CREATE SCHEMA plain_text;
IMPORT FOREIGN SCHEMA nectar LIMIT TO (connections, accounts) FROM SERVER sandbox INTO plain_text OPTIONS (status_type 'text');
CREATE FOREIGN TABLE utility.loose (id text, company_id varchar, status text) SERVER sandbox OPTIONS (resource 'connections');
SELECT id, status FROM plain_text.connections WHERE company_id = company(1) AND status = 'CONNECTED';
SELECT id, status FROM loose WHERE id = connection(2)::text;
SELECT id, status FROM loose WHERE company_id = company(1)::text AND status = 'CONNECTED';
SELECT * FROM seen();
SELECT id FROM loose WHERE id = 'd0000000';
SELECT id FROM loose WHERE id = '../company';
SELECT id FROM loose WHERE company_id IN ('', 'x', '../../company?x=y#');
SELECT id FROM loose WHERE id = upper(connection(2)::text);
-- upper case is asked for in lower case, or not at all, and is no row either way
SELECT request FROM seen() WHERE request !~* '^/connection/d0000000-0000-4000-8000-000000000002/details$';
-- two spellings of one id are one request, and its row comes once
SELECT id FROM loose WHERE id IN (connection(2)::text, upper(connection(2)::text));
SELECT * FROM seen();

-- Nothing is asked when no row can come.
SELECT id FROM connections WHERE company_id = company(1) AND company_id = company(2);
SELECT id FROM connections WHERE id = ANY ('{}');
SELECT id FROM connections WHERE company_id = ANY ('{NULL}');
SELECT id FROM connections WHERE company_id = ANY (NULL::uuid[]);
SELECT id FROM connections WHERE id = NULL;
SELECT id FROM connections WHERE company_name = NULL;
SELECT id FROM connections WHERE company_name = ANY ('{}');
SELECT id FROM connections WHERE company_id IN (company(1), company(2)) AND company_id IN (company(3), company(4));
SELECT id FROM connections WHERE company_id = company(1) AND status = 'CONNECTED' AND status = 'PENDING';
SELECT id FROM connections WHERE company_id = company(1) AND needs_user_action AND status_category = 'healthy';
SELECT id FROM connections WHERE company_id = company(1) AND workflow_owner_email = 'a' AND workflow_owner_email = 'b';
SELECT id FROM connections WHERE status = ANY ('{}') AND company_id = company(1);
SELECT id FROM connections WHERE status = ANY ('{}');
SELECT id FROM connections WHERE false;
SELECT id FROM connections LIMIT 0;
SELECT id FROM accounts WHERE connection_id = ANY ('{}');
SELECT 1 AS one;
SELECT * FROM seen();

-- Nor where nothing is executed.
EXPLAIN (COSTS OFF) SELECT id FROM connections WHERE company_name = 'Acme' AND status <> 'CONNECTED';
PREPARE unused(uuid) AS SELECT * FROM connections WHERE company_id = $1;
EXPLAIN (COSTS OFF) EXECUTE unused(company(1));
\d sites
SELECT table_name, table_type, is_insertable_into FROM information_schema.tables WHERE table_schema = 'utility' AND table_type = 'FOREIGN' ORDER BY 1;
SELECT count(*) FROM information_schema.columns WHERE table_schema = 'utility' AND table_name = 'connections' AND is_updatable = 'YES';
SELECT * FROM connections WHERE company_id = company(1) \gdesc
SELECT * FROM seen();
