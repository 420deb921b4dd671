\set ECHO none
-- Heap copies of all tables in schema copies, and a query over both.
-- Included after setup.sql; prints nothing.
SET client_min_messages = error;
DROP SCHEMA IF EXISTS copies CASCADE;
CREATE SCHEMA copies;
CREATE TABLE copies.companies AS SELECT * FROM companies;
CREATE TABLE copies.sites AS SELECT * FROM sites;
CREATE TABLE copies.connections AS SELECT * FROM connections;
CREATE TABLE copies.accounts AS SELECT * FROM accounts;
ANALYZE copies.companies, copies.sites, copies.connections, copies.accounts;
-- what the sandbox received since the last look, in short: c1 is the listing
-- of company 1, ".." its first page of 500; d2 is connection 2
CREATE FUNCTION utility.asked() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(replace(replace(regexp_replace(request, '([cd])0000000-0000-4000-8000-0*', '\1', 'g'),
                                               '/connection/company/', ''), 'limit=500&page=1', '..')
                               || CASE WHEN n > 1 THEN ' x' || n ELSE '' END, '  ' ORDER BY request), 'nothing') FROM seen() $$;
-- the rows of a query, run as it stands
CREATE FUNCTION utility.rows_of(query text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    r record;
    found text[] := '{}';
BEGIN
    FOR r IN EXECUTE query LOOP
        found := found || r::text;
    END LOOP;
    RETURN ARRAY(SELECT unnest(found) ORDER BY 1);
END $$;
-- how many rows a query has, whether the copies give the same ones, and what was asked
CREATE FUNCTION utility.run(query text, OUT n bigint, OUT same boolean, OUT requests text) LANGUAGE plpgsql AS $$
DECLARE
    found text[];
BEGIN
    PERFORM test.clear();
    found := rows_of(query);
    requests := asked();
    SET LOCAL search_path = copies, utility, nectar, public;
    n := cardinality(found);
    same := found = rows_of(query);
    SET LOCAL search_path = utility, nectar, public;
END $$;
SELECT test.clear() AS nothing \gset
RESET client_min_messages;
\set ECHO all
