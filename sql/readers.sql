-- Readers for functions that keep copies: what the foreign tables show, connections
-- with their accounts in one pass, and what was read whole.
\i test/lib/setup.sql
\i test/lib/outcome.sql
SET client_min_messages = error;
-- what was asked, in short: c1 is the listing of company 1, d2 connection 2
CREATE FUNCTION utility.asked() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(replace(replace(regexp_replace(request, '([cd])0000000-0000-4000-8000-0*', '\1', 'g'),
                                               '/connection/company/', ''), '?limit=500&page=', ' page ')
                               || CASE WHEN n > 1 THEN ' x' || n ELSE '' END, ', ' ORDER BY request), 'nothing') FROM seen() $$;
-- the foreign tables with statuses as text, and their rows as the records that a reader gives
CREATE SCHEMA read_as_text;
IMPORT FOREIGN SCHEMA nectar LIMIT TO (connections, accounts) FROM SERVER sandbox INTO read_as_text;
ALTER FOREIGN TABLE read_as_text.connections ALTER status TYPE text, ALTER status_category TYPE text;
ALTER FOREIGN TABLE read_as_text.accounts ALTER status TYPE text, ALTER tracking_status TYPE text;
CREATE TABLE utility.read AS SELECT * FROM read_listings() WHERE false;
CREATE TABLE utility.truth AS TABLE read;
-- a pass, compared with what the tables show without faults
CREATE FUNCTION utility.pass(company uuid DEFAULT NULL,
    OUT connections bigint, OUT accounts bigint, OUT companies bigint, OUT whole text, OUT lacking bigint, OUT beyond bigint, OUT asked text)
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM test.clear();
    TRUNCATE read;
    INSERT INTO read SELECT * FROM read_listings(company_id => company);
    asked := utility.asked();
    SELECT count(*) FILTER (WHERE kind = 'connection'), count(*) FILTER (WHERE kind = 'account'), count(*) FILTER (WHERE kind = 'company'),
           string_agg(CASE WHEN kind = 'company' THEN right(read_company_id::text, 1) ELSE 'end' END || ' ' || r.whole, ', ' ORDER BY kind, read_company_id)
               FILTER (WHERE kind IN ('company', 'end'))
      INTO connections, accounts, companies, whole FROM read r;
    SELECT count(*) INTO lacking FROM (SELECT kind, connection, account FROM truth t WHERE company IS NULL OR company = read_company_id
        EXCEPT ALL SELECT kind, connection, account FROM read) d;
    SELECT count(*) INTO beyond FROM (SELECT kind, connection, account FROM read WHERE kind IN ('connection', 'account')
        EXCEPT ALL SELECT kind, connection, account FROM truth) d;
END $$;
RESET client_min_messages;

-- The records are the tables' rows: names in order, types but for the enums.
SELECT t.typname, c.relname,
       array_agg(a.attname ORDER BY a.attnum) = (SELECT array_agg(f.attname ORDER BY attnum) FROM pg_attribute f WHERE f.attrelid = c.oid AND attnum > 0) AS names,
       array_agg(a.atttypid ORDER BY a.attnum) = (SELECT array_agg(CASE WHEN y.typtype = 'e' THEN 'text'::regtype ELSE f.atttypid END ORDER BY attnum)
            FROM pg_attribute f JOIN pg_type y ON y.oid = f.atttypid WHERE f.attrelid = c.oid AND attnum > 0) AS types
  FROM (VALUES ('connection_record', 'connections'), ('account_record', 'accounts')) v (type, "table")
  JOIN pg_type t ON t.typname = v.type AND t.typnamespace = 'nectar'::regnamespace
  JOIN pg_class c ON c.relname = v."table" AND c.relnamespace = 'utility'::regnamespace
  JOIN pg_attribute a ON a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
 GROUP BY t.typname, c.relname, c.oid ORDER BY 1;

INSERT INTO truth (kind, read_company_id, connection) SELECT 'connection', company_id, ROW(c.*)::connection_record FROM read_as_text.connections c;
INSERT INTO truth (kind, read_company_id, account) SELECT 'account', company_id, ROW(a.*)::account_record FROM read_as_text.accounts a;
SELECT kind, count(*) FROM truth GROUP BY 1 ORDER BY 1;

-- One pass: the same rows, each listing asked for once, the request of the list of companies included.
SELECT * FROM pass() \gx
SELECT requests, read_company_id, connection IS NULL AND account IS NULL AS alone FROM read WHERE kind = 'end';
SELECT count(*) FROM read r WHERE kind = 'account' AND (account).company_id IS DISTINCT FROM read_company_id
    OR kind = 'connection' AND (connection).company_id IS DISTINCT FROM read_company_id;
-- One company; one that there is not.
SELECT * FROM pass(company(2)) \gx
SELECT * FROM pass(company(99)) \gx

-- A listing that carries no accounts: connections come from their details, each looked up once, and each once.
SELECT test.fault('{"kind": "no_accounts"}') AS nothing \gset
SELECT connections, accounts, whole, lacking, beyond, regexp_replace(asked, 'd\w+/details', 'details', 'g') AS asked FROM pass(company(1)) \gx
SELECT connections, accounts, whole, lacking, beyond FROM pass();
SELECT requests FROM read WHERE kind = 'end';
SELECT test.faults_clear(), test.fault('{"kind": "no_accounts", "missing": true, "path": "*3"}') AS nothing \gset
SELECT connections, accounts, whole, lacking, beyond FROM pass();
SELECT requests FROM read WHERE kind = 'end';
SELECT test.faults_clear() AS nothing \gset
-- accounts_source decides as it does for tables.
ALTER SERVER sandbox OPTIONS (ADD accounts_source 'details');
SELECT connections, accounts, whole, lacking, beyond FROM pass(company(1));
SELECT requests FROM read WHERE kind = 'end';
ALTER SERVER sandbox OPTIONS (SET accounts_source 'list');
SELECT test.fault('{"kind": "no_accounts"}') AS nothing \gset
SELECT connections, accounts, whole, beyond, asked FROM pass(company(1));
SELECT test.faults_clear() AS nothing \gset
ALTER SERVER sandbox OPTIONS (DROP accounts_source);

-- Pages: what one of them proves holds for later ones.
ALTER SERVER sandbox OPTIONS (ADD page_size '4');
SELECT connections, accounts, whole, lacking, beyond, replace(asked, '?limit=4&page=', ' page ') AS asked FROM pass(company(1));
SELECT test.fault('{"kind": "no_accounts", "path": "/connection/company/*", "query": "*page=1"}') AS nothing \gset
SELECT connections, accounts, whole, lacking, beyond FROM pass();
SELECT requests FROM read WHERE kind = 'end';
SELECT test.faults_clear() AS nothing \gset

-- What changed while it was read is not whole, and only that.
CREATE FUNCTION utility.pass_with(VARIADIC faults jsonb[], OUT whole text, OUT connections bigint, OUT distinct_ids bigint, OUT beyond bigint)
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM test.fault(fault) FROM unnest(faults) fault;
    SELECT p.whole, p.connections, p.beyond INTO whole, connections, beyond FROM pass() p;
    SELECT count(DISTINCT (connection).id) INTO distinct_ids FROM read WHERE kind = 'connection';
    PERFORM test.faults_clear();
END $$;
\set SHOW_CONTEXT never
SELECT * FROM pass_with('{"kind": "shrink", "path": "*2", "query": "*page=3"}');
SELECT * FROM pass_with('{"kind": "total_changes", "path": "*3", "query": "*page=2"}');
-- a connection that comes once more, the total being right: it is given once
SELECT * FROM pass_with(jsonb_build_object('kind', 'patch', 'path', '*4', 'query', '*page=2', 'set', jsonb_build_object('id', connection(38))));
-- a connection that was listed but is gone
SELECT * FROM pass_with('{"kind": "no_accounts", "missing": true, "path": "*5", "query": "*page=1"}',
    jsonb_build_object('kind', 'not_found', 'path', '/connection/' || connection(50) || '/details'));
-- a company that was listed but is gone: a row that says so
SELECT * FROM pass_with('{"kind": "not_found", "path": "/connection/company/*1"}');
ALTER SERVER sandbox OPTIONS (DROP page_size);

-- Whatever else goes wrong is an error, and there is no row.
CREATE FUNCTION utility.outcome_with(fault jsonb) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM test.fault(fault);
    RETURN QUERY SELECT * FROM outcome('INSERT INTO read SELECT * FROM read_listings()');
    PERFORM test.faults_clear();
END $$;
TRUNCATE read;
SELECT * FROM outcome_with('{"kind": "status", "status": 500, "path": "*5"}');
SELECT * FROM outcome_with('{"kind": "truncate", "path": "*4"}');
SELECT * FROM outcome_with('{"kind": "status", "status": 403, "path": "*3"}');
SELECT * FROM outcome_with('{"kind": "patch", "path": "*2", "set": {"updated": "soon"}}');
SELECT * FROM outcome_with('{"kind": "patch", "path": "*2", "set": {"accounts": [{"accountNumber": "1"}]}}');
SELECT * FROM outcome_with('{"kind": "patch", "path": "*2", "set": {"accounts": {}}}');
ALTER SERVER sandbox OPTIONS (ADD page_size '4');
SELECT * FROM outcome_with('{"kind": "repeat_page", "path": "*1"}');
ALTER SERVER sandbox OPTIONS (DROP page_size, ADD max_requests '3');
SELECT * FROM outcome('INSERT INTO read SELECT * FROM read_listings()');
ALTER SERVER sandbox OPTIONS (DROP max_requests);
SELECT count(*) FROM read;
SELECT test.clear() AS nothing \gset

-- Labels that no type knows come as they are, without a warning, and their category says so.
SELECT test.fault('{"kind": "unknown_label", "label": "ON_STRIKE", "at": 1, "accounts": true, "path": "*1"}'),
       test.fault('{"kind": "patch", "path": "*2", "set": {"status": null}}') AS nothing \gset
SELECT (connection).id, (connection).status, (connection).status_category, (connection).needs_user_action
  FROM read_listings() WHERE (connection).status_category = 'unknown' ORDER BY 1;
SELECT (account).connection_id, (account).status FROM read_listings() WHERE (account).status = 'ON_STRIKE';
ALTER SERVER sandbox OPTIONS (ADD on_unknown_status 'error');
SELECT count(*) FROM read_listings(company_id => company(1)) WHERE (connection).status = 'ON_STRIKE';
ALTER SERVER sandbox OPTIONS (DROP on_unknown_status);
SELECT test.faults_clear() AS nothing \gset

-- The scope: outside it there is nothing, and nothing is asked; a company that is not there keeps the pass from being whole.
ALTER SERVER sandbox OPTIONS (ADD company_ids 'c0000000-0000-4000-8000-000000000001, c0000000-0000-4000-8000-000000000003');
SELECT connections, accounts, whole, beyond, asked FROM pass();
SELECT connections, accounts, whole, beyond, asked FROM pass(company(3));
SELECT connections, accounts, whole, beyond, asked FROM pass(company(2));
ALTER SERVER sandbox OPTIONS (SET company_ids 'c0000000-0000-4000-8000-000000000001, c0000000-0000-4000-8000-000000000099');
SELECT connections, accounts, whole, beyond, asked FROM pass();
ALTER SERVER sandbox OPTIONS (DROP company_ids);

-- It is no act: a read-only transaction and a read_only server do, and the planner asks nothing.
BEGIN READ ONLY;
SELECT kind, count(*) FROM read_listings() GROUP BY 1 ORDER BY 1;
ROLLBACK;
ALTER SERVER sandbox OPTIONS (ADD read_only 'true');
SELECT count(*) FROM read_listings(company_id => company(1));
ALTER SERVER sandbox OPTIONS (DROP read_only);
SELECT test.clear() AS nothing \gset
EXPLAIN (COSTS OFF) SELECT (connection).id FROM read_listings() WHERE kind = 'connection';
SELECT * FROM seen();

-- A connection at hand.  What attrs shows of one gives the record again.
SELECT r.kind, count(*), bool_and(r.connection IS NOT DISTINCT FROM t.connection) AS same
  FROM truth t, read_connection((t.connection).attrs::text) r WHERE t.kind = 'connection' GROUP BY 1;
-- As an event has it: with the accounts that are there, less what is not the connection's and less secrets.
SELECT r.kind, read_company_id, whole, (connection).status, (connection).status_category, (connection).needs_user_action AS needs, (connection).attrs,
       (account).id AS account, (account).status AS account_status, (account).connection_id, (account).attrs AS account_attrs, requests
  FROM read_connection($${"eventType": "connection.updated.v2", "protectedChanges": ["status"], "old": {"status": "CONNECTED"},
       "id": "d0000000-0000-4000-8000-000000000001", "company": {"id": "c0000000-0000-4000-8000-000000000001"}, "status": "PASSWORD_INCORRECT",
       "connectionMagicLinkSecret": "mls-1", "url": "https://dash.nectarclimate.com/p/connect/1/workflow/mls-1", "news": 1,
       "accounts": [{"id": "a0000000-0000-4000-8000-000000000001", "status": "RESTING", "token": "t"}, {"id": "a0000000-0000-4000-8000-000000000002"}]}$$) r \gx
SELECT kind, (connection).status FROM read_connection('{"id": "d0000000-0000-4000-8000-000000000001", "accounts": null, "status": null}');
SELECT kind FROM read_connection('{"id": "d0000000-0000-4000-8000-000000000001", "accounts": []}');
-- The same causes as of an answer.
SELECT body, o AS outcome FROM unnest(ARRAY['', '{', '[]', '7', '{}', '{"id": 7}', '{"id": "d"}', '{"id": "d0000000-0000-4000-8000-000000000001"} ,',
    '{"id": "d0000000-0000-4000-8000-000000000001", "created": "yesterday"}', '{"id": "d0000000-0000-4000-8000-000000000001", "username": "\u0000"}',
    '{"id": "d0000000-0000-4000-8000-000000000001", "accounts": {}}', '{"id": "d0000000-0000-4000-8000-000000000001", "accounts": [null]}',
    '{"id": "d0000000-0000-4000-8000-000000000001", "accounts": [{"id": null}]}', NULL]) body,
    outcome(format('SELECT FROM read_connection(%L)', body)) o;
SELECT * FROM outcome(format('SELECT FROM read_connection(%L)', repeat('[', 100000)));
-- The scope holds here, too.
ALTER SERVER sandbox OPTIONS (ADD company_ids 'c0000000-0000-4000-8000-000000000002');
SELECT id, company, o AS outcome FROM (VALUES (1, company(1)::text), (2, company(2)::text), (3, upper(company(2)::text)), (4, NULL)) v (id, company),
    outcome(format('SELECT FROM read_connection(%L)', jsonb_build_object('id', connection(id), 'company', jsonb_build_object('id', company)))) o;
ALTER SERVER sandbox OPTIONS (DROP company_ids);
SELECT * FROM seen();

-- Who may: all with USAGE and a user mapping; to read what is at hand, the mapping needs no key.
CREATE ROLE regress_reader;
GRANT USAGE ON SCHEMA utility TO regress_reader;
\set given '{"id": "d0000000-0000-4000-8000-000000000001"}'
SET ROLE regress_reader;
SELECT kind FROM read_listings('sandbox');
SELECT kind FROM read_connection(:'given', 'sandbox');
SELECT kind FROM read_connection(:'given');
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER sandbox TO regress_reader;
SET ROLE regress_reader;
SELECT kind FROM read_listings('sandbox');
SELECT kind FROM read_connection(:'given', 'sandbox');
RESET ROLE;
CREATE USER MAPPING FOR regress_reader SERVER sandbox;
SET ROLE regress_reader;
SELECT kind FROM read_connection(:'given');
SELECT kind FROM read_listings();
SELECT kind FROM read_connection(:'given');
RESET ROLE;
ALTER USER MAPPING FOR regress_reader SERVER sandbox OPTIONS (ADD api_key 'nectar-sandbox-key');
SET ROLE regress_reader;
SELECT kind FROM read_connection(:'given');
SELECT kind, count(*) FROM read_listings() GROUP BY 1 ORDER BY 1;
RESET ROLE;
DROP OWNED BY regress_reader CASCADE;
DROP ROLE regress_reader;
