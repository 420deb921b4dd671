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
CREATE SCHEMA plain;
IMPORT FOREIGN SCHEMA nectar LIMIT TO (connections, accounts) FROM SERVER sandbox INTO plain;
ALTER FOREIGN TABLE plain.connections ALTER status TYPE text, ALTER status_category TYPE text;
ALTER FOREIGN TABLE plain.accounts ALTER status TYPE text, ALTER tracking_status TYPE text;
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
    SELECT count(*) INTO lacking FROM (SELECT kind, connection, account FROM truth t WHERE company IN (read_company_id) IS NOT FALSE
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

INSERT INTO truth (kind, read_company_id, connection) SELECT 'connection', company_id, ROW(c.*)::connection_record FROM plain.connections c;
INSERT INTO truth (kind, read_company_id, account) SELECT 'account', company_id, ROW(a.*)::account_record FROM plain.accounts a;
SELECT kind, count(*) FROM truth GROUP BY 1 ORDER BY 1;

-- One pass: the same rows, each listing asked for once, the request of the list of companies included.
SELECT * FROM pass() \gx
SELECT requests, read_company_id, connection IS NULL AND account IS NULL AS alone FROM read WHERE kind = 'end';
SELECT count(*) FROM read r WHERE kind = 'account' AND (account).company_id IS DISTINCT FROM read_company_id
    OR kind = 'connection' AND (connection).company_id IS DISTINCT FROM read_company_id;
-- One company; one that there is not.
SELECT * FROM pass(company(2)) \gx
SELECT * FROM pass(company(99)) \gx

-- A connection at hand, as the listing has it.
SELECT kind, read_company_id, whole, (connection).id, (connection).status, (connection).status_category, (account).account_number, (account).connection_id, requests
  FROM read_connection('{"id": "d0000000-0000-4000-8000-000000000001", "company": {"id": "c0000000-0000-4000-8000-000000000001"}, "status": "TIRED",
       "accounts": [{"id": "a0000000-0000-4000-8000-000000000001", "accountNumber": "7"}, {"id": "a0000000-0000-4000-8000-000000000002"}]}') \gx
SELECT * FROM outcome($$SELECT FROM read_connection('{"id": "d0000000-0000-4000-8000-000000000001", "created": "yesterday"}')$$);
