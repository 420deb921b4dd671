-- The tour that `make demo` prints.  Variables given: sandbox, base_url,
-- ca_file; in the environment: DEMO_API_KEY, DEMO_PASSWORD.
\set ON_ERROR_STOP on
\set VERBOSITY terse
\pset null '-'
\pset footer off
SET client_min_messages = warning;

\echo
\echo '== A Nectar organization becomes a schema'
\set ECHO queries

CREATE EXTENSION connection_fdw;
\if :sandbox
CREATE SERVER nectar_api FOREIGN DATA WRAPPER connection_fdw
  OPTIONS (base_url :'base_url', ca_file :'ca_file');
\else
CREATE SERVER nectar_api FOREIGN DATA WRAPPER connection_fdw
  OPTIONS (base_url :'base_url', read_only 'true');
\endif
CREATE ROLE analyst LOGIN;
GRANT USAGE ON FOREIGN SERVER nectar_api TO analyst;
GRANT CREATE ON DATABASE nectar_demo TO analyst;
\if :sandbox
GRANT EXECUTE ON FUNCTION nectar.reconnect_links, nectar.bulk_confirm_accounts TO analyst;
\endif

-- What follows holds secrets: it is neither echoed nor logged.
\set ECHO none
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
SET log_min_duration_statement = -1;
\set key `printenv DEMO_API_KEY`
\set password `printenv DEMO_PASSWORD`
\echo 'CREATE USER MAPPING FOR analyst SERVER nectar_api OPTIONS (api_key \'...\');'
CREATE USER MAPPING FOR analyst SERVER nectar_api OPTIONS (api_key :'key');
ALTER ROLE analyst PASSWORD :'password';
\unset key
\unset password
\connect - analyst
SET client_min_messages = warning;
\set ECHO queries

CREATE SCHEMA utility;
IMPORT FOREIGN SCHEMA nectar FROM SERVER nectar_api INTO utility;
SELECT server, ok, http_status FROM nectar.ping();

\echo
\echo '== How healthy are the connections?'
SELECT status_category, status, count(*)
  FROM utility.connections
 GROUP BY status_category, status
 ORDER BY status_category, status;

\echo
\echo '== Which connections wait for their user, and where does that user go?'
SELECT company_name, datasource_name, status, status_first_seen_time::date AS since, workflow_owner_email
  FROM utility.connections
 WHERE needs_user_action
 ORDER BY company_name, datasource_name, since
 LIMIT 10;
\if :sandbox
SELECT company_name, status, guidance, magic_link
  FROM nectar.reconnect_links()
 ORDER BY company_name, status, magic_link
 LIMIT 5;
\endif

\echo
\echo '== Accounts, their connections, and a table of our own'
CREATE TABLE customer AS
SELECT id AS company_id,
       'C-' || lpad(row_number() OVER (ORDER BY name, id)::text, 3, '0') AS customer_number,
       (ARRAY['Ines', 'Jorge', 'Mei'])[1 + row_number() OVER (ORDER BY name, id) % 3] AS account_manager
  FROM utility.companies;
SELECT u.customer_number, u.account_manager, c.company_name, c.status AS connection_status,
       count(*) AS accounts,
       count(*) FILTER (WHERE a.tracking_status = 'ENABLED') AS tracked
  FROM customer u
  JOIN utility.connections c ON c.company_id = u.company_id
  JOIN utility.accounts a ON a.connection_id = c.id AND a.company_id = c.company_id
 WHERE c.status_category <> 'healthy'
 GROUP BY u.customer_number, u.account_manager, c.company_name, c.status
 ORDER BY u.customer_number, c.status
 LIMIT 12;

\echo
\echo '== What did such a query ask the API?'
EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF, SUMMARY OFF)
SELECT c.datasource_name, c.status, a.account_number
  FROM utility.connections c
  JOIN utility.accounts a ON a.connection_id = c.id AND a.company_id = c.company_id
 WHERE c.company_id = (SELECT company_id FROM customer WHERE customer_number = 'C-001')
   AND c.status = 'CONNECTED';

\if :sandbox
\echo
\echo '== New accounts were detected; confirm those of three connections at once'
CREATE TEMPORARY TABLE to_confirm AS
SELECT DISTINCT connection_id
  FROM utility.accounts
 WHERE tracking_status = 'UNSET'
 ORDER BY connection_id
 LIMIT 3;
SELECT connection_id, account_number, status, tracking_status
  FROM utility.accounts
 WHERE connection_id IN (SELECT connection_id FROM to_confirm)
 ORDER BY connection_id, account_number;
SELECT * FROM nectar.bulk_confirm_accounts(ARRAY(SELECT connection_id FROM to_confirm))
 ORDER BY connection_id;
SELECT connection_id, account_number, status, tracking_status
  FROM utility.accounts
 WHERE connection_id IN (SELECT connection_id FROM to_confirm)
 ORDER BY connection_id, account_number;
\endif
