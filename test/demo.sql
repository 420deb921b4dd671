-- The tour that `make demo` prints.  Variables given: sandbox, base_url,
-- ca_file; in the environment: DEMO_API_KEY, DEMO_PASSWORD.
\set ON_ERROR_STOP on
\set VERBOSITY terse
\pset null '-'
\pset footer off
SET client_min_messages = warning;

\echo
\echo '== A Nectar organization becomes a schema'
\echo
\echo 'The extension, and a server that says where the API is.'
\set ECHO queries
CREATE EXTENSION connection_fdw;
\if :sandbox
CREATE SERVER nectar_api FOREIGN DATA WRAPPER connection_fdw
  OPTIONS (base_url :'base_url', ca_file :'ca_file');
\else
CREATE SERVER nectar_api FOREIGN DATA WRAPPER connection_fdw
  OPTIONS (base_url :'base_url', read_only 'true');
\endif
\set ECHO none
\echo
\echo 'A role for whom the rest is done: what acts or hands out links must be granted by name.'
\set ECHO queries
CREATE ROLE analyst LOGIN;
GRANT CREATE ON DATABASE nectar_demo TO analyst;
GRANT USAGE ON FOREIGN SERVER nectar_api TO analyst;
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
\set VERBOSITY default
SET client_min_messages = warning;

\echo
\echo 'As analyst: is the key good?'
\set ECHO queries
SELECT server, ok, http_status, detail FROM nectar.ping();
\set ECHO none
\echo 'The tables, imported without asking the API for anything.'
\set ECHO queries
CREATE SCHEMA utility;
IMPORT FOREIGN SCHEMA nectar FROM SERVER nectar_api INTO utility;
\set ECHO none
SELECT relname AS "table", count(*) AS columns
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
 WHERE c.relnamespace = 'utility'::regnamespace
 GROUP BY relname ORDER BY relname;

\echo '== How healthy are the connections?'
\echo
\echo 'By category and status: statuses are enums and sort as the API documents them.'
\set ECHO queries
SELECT status_category, status, count(*)
  FROM utility.connections
 GROUP BY status_category, status
 ORDER BY status_category, status;
\set ECHO none

\echo '== Which connections wait for their user?'
\echo
\echo 'Those that nothing but their user can mend, the longest waiting first.'
\set ECHO queries
SELECT company_name, datasource_name, status, status_first_seen_time::date AS since, workflow_owner_email AS owner
  FROM utility.connections
 WHERE needs_user_action
 ORDER BY since, id
 LIMIT 8;
\set ECHO none
\if :sandbox
\echo 'The link under which each of these users mends it.  Whoever holds it can act, so it takes a grant.'
\set ECHO queries
SELECT company_name, status_first_seen_time::date AS since, magic_link
  FROM nectar.reconnect_links()
 ORDER BY since, connection_id
 LIMIT 8;
\set ECHO none
\endif

\echo '== Accounts, their connections, and a table of our own'
\echo
\echo 'A small local table: who looks after which customer.'
\set ECHO queries
CREATE SCHEMA sales;
CREATE TABLE sales.customer AS
SELECT 'C-' || lpad(row_number() OVER (ORDER BY name, id)::text, 3, '0') AS number,
       (ARRAY['Ines', 'Jorge', 'Mei'])[1 + row_number() OVER (ORDER BY name, id) % 3] AS manager,
       id AS company_id
  FROM utility.companies;
\set ECHO none
\echo
\echo 'Whose accounts are behind connections in trouble?  Each listing is asked for once and serves both tables.'
\set ECHO queries
SELECT u.number, u.manager, c.company_name, c.status, count(*) AS accounts,
       count(*) FILTER (WHERE a.tracking_status = 'ENABLED') AS tracked
  FROM sales.customer u
  JOIN utility.connections c ON c.company_id = u.company_id
  JOIN utility.accounts a ON a.connection_id = c.id AND a.company_id = c.company_id
 WHERE c.status_category <> 'healthy'
 GROUP BY u.number, u.manager, c.company_name, c.status
 ORDER BY u.number, c.status
 LIMIT 12;
\set ECHO none

\echo '== What does such a query ask the API?'
\echo
\echo 'What is oldest with two customers: route, requests, the fate of each clause, and what it took.'
\set ECHO queries
\pset tuples_only on
EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF, SUMMARY OFF)
SELECT u.number,
       (SELECT c.datasource_name FROM utility.connections c
         WHERE c.company_id = u.company_id AND c.needs_user_action
         ORDER BY c.status_first_seen_time LIMIT 1) AS longest_waiting,
       (SELECT a.account_number FROM utility.accounts a
         WHERE a.company_id = u.company_id AND a.is_duplicated
         ORDER BY a.status_first_seen_time LIMIT 1) AS oldest_duplicate
  FROM sales.customer u
 WHERE u.number <= 'C-002';
\pset tuples_only off
\set ECHO none

\if :sandbox
\echo '== New accounts were detected: confirm them'
\echo
\echo 'Three connections with accounts that nobody has decided upon.'
\set ECHO queries
CREATE TEMPORARY TABLE undecided AS
SELECT DISTINCT connection_id FROM utility.accounts WHERE tracking_status = 'UNSET' ORDER BY connection_id LIMIT 3;
\set ECHO none
\echo
\echo 'Their accounts before,'
\set ECHO queries
SELECT connection_id, account_number, status, tracking_status
  FROM utility.accounts
 WHERE connection_id IN (SELECT connection_id FROM undecided)
 ORDER BY connection_id, account_number;
\set ECHO none
\echo 'the act itself, on all three at once,'
\set ECHO queries
SELECT * FROM nectar.bulk_confirm_accounts(ARRAY(SELECT connection_id FROM undecided)) ORDER BY connection_id;
\set ECHO none
\echo 'and the same accounts after it.'
\set ECHO queries
SELECT connection_id, account_number, status, tracking_status
  FROM utility.accounts
 WHERE connection_id IN (SELECT connection_id FROM undecided)
 ORDER BY connection_id, account_number;
\set ECHO none

\echo '== What changed meanwhile?'
\echo
\echo 'A history in ordinary tables: a first look at everything,'
\set ECHO queries
SELECT nectar.create_history();
SELECT * FROM nectar.observe();
\set ECHO none
\echo 'one more act,'
\set ECHO queries
SELECT count(*) FILTER (WHERE ok) AS confirmed
  FROM nectar.bulk_confirm_accounts(ARRAY(SELECT DISTINCT connection_id FROM utility.accounts
                                           WHERE tracking_status = 'UNSET' ORDER BY 1 LIMIT 2));
\set ECHO none
\echo 'and what the next look recorded.'
\set ECHO queries
SELECT changes, gone, requests FROM nectar.observe();
SELECT company_name, kind, change, old_status, new_status, old_tracking, new_tracking
  FROM nectar_history.status_event
 ORDER BY id
 LIMIT 4;
\set ECHO none
\endif
