\set ECHO none
-- What acts are about: what was sent, how often, and how they are refused.
-- Included after setup.sql and outcome.sql; prints nothing.
SET client_min_messages = error;
-- requests as they came since the last look, bodies byte by byte
CREATE FUNCTION utility.sent(OUT method text, OUT path text, OUT body text, OUT n bigint) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT r.method, r.path, r.body, count(*) FROM test.requests() r GROUP BY 1, 2, 3 ORDER BY 2, 1, 3;
    PERFORM test.clear();
END $$;
-- a query under each fault that can befall an answer: how it ends, and how often was asked
CREATE FUNCTION utility.once(query text, OUT fault text, OUT state text, OUT detail text, OUT requests bigint) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
    spec jsonb;
BEGIN
    FOREACH spec IN ARRAY ARRAY[NULL, '{"kind": "malformed"}', '{"kind": "read_close"}', '{"kind": "reset"}', '{"kind": "truncate"}', '{"kind": "hang"}',
            '{"kind": "huge", "size": 4000000}', '{"kind": "status", "status": 503}', '{"kind": "status", "status": 429, "retry_after": "0"}']::jsonb[] LOOP
        IF spec IS NOT NULL THEN
            PERFORM test.fault(spec);
        END IF;
        PERFORM test.clear();
        fault := coalesce(spec ->> 'status', spec ->> 'kind', 'none');
        SELECT b.state, CASE WHEN b.state <> 'ok' THEN b.detail END INTO state, detail FROM brief(query) b;
        SELECT count(*) INTO requests FROM test.requests();
        PERFORM test.faults_clear();
        RETURN NEXT;
    END LOOP;
END $$;
-- how each of these calls ends
CREATE FUNCTION utility.refusals(acts text[], OUT act text, OUT refusal text) RETURNS SETOF record LANGUAGE sql AS $$
    SELECT act, outcome('SELECT * FROM ' || act) FROM unnest(acts) act
$$;
RESET client_min_messages;
\set ECHO all
