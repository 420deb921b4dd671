\set ECHO none
-- How a statement ended, in words that stay the same: no ports, no times, and
-- none of libcurl's own wording.  Included after setup.sql; prints nothing.
SET client_min_messages = error;
-- libcurl's words follow the first clause of these; versions differ in them
CREATE FUNCTION utility.steady(message text) RETURNS text IMMUTABLE LANGUAGE sql AS $$
    SELECT regexp_replace(regexp_replace(regexp_replace(message,
        '(The server could not be reached|The answer broke off|The request timed out|The answer is larger than allowed|The server''s certificate could not be verified|so the act may have happened): .*?\.( It was tried \d+ times\.)?$', '\1.\2'),
        '(127\.0\.0\.1|localhost|\[::1\]):\d+', '\1:PORT', 'g'),
        '\d+(\.\d+)? ?(ms|milliseconds)', 'N ms', 'g')
$$;
-- "ok, N rows", or SQLSTATE and message, DETAIL, HINT and our own CONTEXT
CREATE FUNCTION utility.outcome(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
    state text; message text; detail text; hint text; context text;
BEGIN
    EXECUTE query;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN NEXT format('ok, %s rows', n);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
        detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
    RETURN NEXT state || ' ' || utility.steady(message);
    IF detail <> '' THEN RETURN NEXT 'DETAIL: ' || utility.steady(detail); END IF;
    IF hint <> '' THEN RETURN NEXT 'HINT: ' || hint; END IF;
    FOR context IN SELECT line FROM regexp_split_to_table(context, E'\n') line
                    WHERE line ~ '^(remote request|column)' LOOP
        RETURN NEXT 'CONTEXT: ' || context;
    END LOOP;
END $$;
-- SQLSTATE and DETAIL alone, or the number of rows and a digest of them
CREATE FUNCTION utility.brief(query text, OUT state text, OUT detail text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT ''ok'', count(*) || '' rows '' || coalesce(md5(string_agg(q::text, E''\n'' ORDER BY q::text)), '''') FROM (%s) q', query)
       INTO state, detail;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL;
    IF detail = '' THEN detail := SQLERRM; END IF;
    detail := utility.steady(detail);
END $$;
RESET client_min_messages;
\set ECHO all
