\set ECHO none
-- What every suite begins with: the extension, a server "sandbox" for the
-- suite's own sandbox API, a user mapping, and all tables in schema utility.
-- Included with \i test/lib/setup.sql; prints nothing.
\pset footer on
SET client_min_messages = error;
DROP SCHEMA IF EXISTS utility, copies CASCADE;
DROP EXTENSION IF EXISTS connection_fdw CASCADE;
CREATE EXTENSION connection_fdw;
\i test/lib/sandbox.sql
\set sandbox_http `echo "$SANDBOX_HTTP"`
\set sandbox_https `echo "$SANDBOX_HTTPS"`
\set sandbox_ca `echo "$SANDBOX_CA"`
\set base_url :sandbox_http/v2.2
SELECT set_config('sandbox.url', :'sandbox_http', false) AS nothing \gset
CREATE SERVER sandbox FOREIGN DATA WRAPPER connection_fdw
    OPTIONS (base_url :'base_url', max_retries '0');
CREATE USER MAPPING FOR CURRENT_USER SERVER sandbox OPTIONS (api_key 'nectar-sandbox-key');
CREATE SCHEMA utility;
IMPORT FOREIGN SCHEMA nectar FROM SERVER sandbox INTO utility;
SET search_path = utility, nectar, public;
SET timezone = 'UTC';
-- ids of the sandbox's data, by number
CREATE FUNCTION utility.company(n int) RETURNS uuid IMMUTABLE LANGUAGE sql
    AS $$ SELECT ('c0000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
CREATE FUNCTION utility.connection(n int) RETURNS uuid IMMUTABLE LANGUAGE sql
    AS $$ SELECT ('d0000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
CREATE FUNCTION utility.account(n int) RETURNS uuid IMMUTABLE LANGUAGE sql
    AS $$ SELECT ('a0000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
-- what a command ends with: ok, or SQLSTATE, message, detail and hint
CREATE FUNCTION utility.attempt(command text, separator text DEFAULT E'\n') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text; message text; detail text; hint text;
BEGIN
    EXECUTE command;
    RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
                            detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(separator, state, message, nullif(detail, ''), nullif(hint, ''));
END $$;
-- what the sandbox received since the last look, in order of path
CREATE FUNCTION utility.seen(OUT method text, OUT request text, OUT n bigint) RETURNS SETOF record
    LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT r.method, r.path || CASE WHEN r.query = '' THEN '' ELSE '?' || r.query END, count(*)
                   FROM test.requests() r GROUP BY 1, 2 ORDER BY 2, 1;
    PERFORM test.clear();
END $$;
SELECT test.clear() AS nothing \gset
RESET client_min_messages;
\set ECHO all
