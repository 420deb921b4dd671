-- What the API refuses: SQLSTATE, message, DETAIL, HINT, CONTEXT; and which
-- failures are tried again.
\i test/lib/setup.sql
\i test/lib/outcome.sql

-- Every cause has a code and a sentence.
SELECT * FROM nectar.errors() ORDER BY sqlstate, name;

-- Each status on a listing, on an id route, and on a function: code and detail.
CREATE FUNCTION answers(path text, query text) RETURNS TABLE (answer text, state text, detail text)
    LANGUAGE plpgsql AS $$
DECLARE
    a record;
BEGIN
    FOR a IN SELECT s::text AS name, jsonb_build_object('kind', 'status', 'status', s) AS spec
               FROM unnest('{204,301,400,401,403,404,409,418,429,500,502,503,504}'::int[]) s
             UNION ALL VALUES
               ('200 empty', '{"kind": "body", "body": ""}'::jsonb),
               ('204 empty', '{"kind": "status", "status": 204, "body": ""}'),
               ('302', '{"kind": "redirect", "location": "http://192.0.2.1/"}'),
               ('404 HTML', '{"kind": "not_found_html"}'),
               ('404 empty', '{"kind": "status", "status": 404, "body": ""}'),
               ('500 HTML', '{"kind": "status", "status": 500, "body": "<html>Oops</html>", "content_type": "text/html"}'),
               ('503 no detail', '{"kind": "status", "status": 503, "body": "{\"url\": [\"is required\"]}"}'),
               ('HTML', '{"kind": "html"}'), ('malformed', '{"kind": "malformed"}')
             ORDER BY 1
    LOOP
        PERFORM test.fault(a.spec || jsonb_build_object('path', answers.path, 'times', 1));
        answer := a.name;
        SELECT b.state, regexp_replace(b.detail, '( rows) .*', '\1') INTO state, detail FROM brief(answers.query) b;
        RETURN NEXT;
    END LOOP;
    PERFORM test.faults_clear();
END $$;
SELECT * FROM answers('/connection/company/*', 'SELECT id FROM connections WHERE company_id = company(1)');
SELECT * FROM answers('/company', 'SELECT id FROM companies');
SELECT * FROM answers('/connection/*/details', 'SELECT id FROM connections WHERE id = connection(2)');
SELECT * FROM answers('/connection/*/status', 'SELECT jsonb_typeof(confirm_accounts(connection(2)))');
SELECT * FROM answers('/connection/company/*/link', 'SELECT company_magic_link(company(1)) IS NULL');

-- In full. 401 names the user mapping to mend, 403 the company.
SELECT test.fault('{"kind": "status", "status": 401, "body": "{\"detail\": \"Invalid API key.\"}"}') \gset
SELECT id FROM connections WHERE company_id = company(1) AND status = 'CONNECTED';
SELECT confirm_accounts(connection(2));
SELECT * FROM bulk_confirm_accounts(ARRAY[connection(2)]);
SELECT test.faults_clear() \gset
SELECT test.fault('{"kind": "status", "status": 403, "body": "{\"detail\": \"Not yours.\"}", "path": "/connection/*"}') \gset
SELECT id FROM connections;
SELECT id FROM connections WHERE id = connection(2);
SELECT test.faults_clear() \gset
SELECT test.fault('{"kind": "status", "status": 403, "body": "", "path": "/connection/company/*"}') \gset
SELECT id FROM connections WHERE company_id = company(1);
SELECT test.faults_clear() \gset

-- A truly wrong key, and a base_url that is mistyped.
ALTER USER MAPPING FOR CURRENT_USER SERVER sandbox OPTIONS (SET api_key 'stale-key');
SELECT id FROM companies;
DO $$
BEGIN
    PERFORM id FROM utility.companies;
EXCEPTION
    WHEN SQLSTATE 'NC401' THEN RAISE NOTICE 'the key is refused: time to rotate it';
END
$$;
ALTER USER MAPPING FOR CURRENT_USER SERVER sandbox OPTIONS (SET api_key 'nectar-sandbox-key');
SELECT :'sandbox_http' || '/v3' AS mistyped \gset
ALTER SERVER sandbox OPTIONS (SET base_url :'mistyped');
SELECT id FROM companies;
SELECT id FROM connections WHERE id = connection(1);
ALTER SERVER sandbox OPTIONS (SET base_url :'base_url');

-- Ids that do not exist are no row, on every route; a filter value nobody has is none either.
SELECT count(*) FROM companies WHERE id = connection(1);
SELECT count(*) FROM connections WHERE id = company(1);
SELECT count(*) FROM connections WHERE company_id = connection(1);
SELECT count(*) FROM connections WHERE company_id = company(1) AND workflow_owner_email = 'nobody@example.com';
SELECT count(*) FROM accounts WHERE connection_id = company(1);
SELECT count(*) FROM sites WHERE company_id = connection(1);

-- The remote's own words are made fit to be shown: one line, of bounded length.
SELECT test.fault(jsonb_build_object('kind', 'status', 'status', 400, 'body',
    jsonb_build_object('detail', E'two\nlines,\ta bell \u0007, %s and ' || repeat('long ', 2000))::text)) \gset
SELECT regexp_replace(line, '(long )+', '(long )*') AS line, length(line) < 1000 AS bounded
  FROM outcome('SELECT id FROM companies') line;
SELECT test.faults_clear() \gset
SELECT test.fault('{"kind": "status", "status": 400, "body_base64": "eyJkZXRhaWwiOiAiYmFkIP8gYnl0ZSJ9"}') \gset
SELECT * FROM outcome('SELECT id FROM companies');
SELECT test.faults_clear() \gset
SELECT test.fault('{"kind": "status", "status": 400, "body": "{\"detail\": {\"url\": [\"is required\"]}}"}') \gset
SELECT * FROM outcome('SELECT id FROM companies');
SELECT test.faults_clear() \gset

-- Hostile words: terminals, directions, formats, the key, links, and far too much.
CREATE FUNCTION quoted(detail text, OUT shown text, OUT bytes int, OUT is_plain bool) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM test.fault(jsonb_build_object('kind', 'status', 'status', 400, 'path', '/company', 'times', 1,
                                          'body', '{"detail": "' || detail || '"}'));
    SELECT b.detail INTO shown FROM brief('SELECT id FROM companies') b;
    bytes := octet_length(shown) - octet_length('The server answered HTTP status 400: .');
    is_plain := shown !~ '[^ -~é😀]';
    IF length(shown) > 100 THEN shown := left(shown, 50) || ' ... ' || right(shown, 30); END IF;
END $$;
SELECT what, (quoted(detail)).*
  FROM (VALUES (1, 'escape sequence', '\u001b]0;owned\u0007\u001b[31mred\u009b2J'), (2, 'lines', 'one\nERROR:  two\r\nthree\u2028four\u0085five'),
               (3, 'directions', 'a\u202eb\u2066c\u200fd\u061ce'), (4, 'invisible', 'a\u200bb\ufeffc\u00add\u2060e'), (5, 'formats', '%s %n %1$s %%'),
               (6, 'quotes', '\"; DROP TABLE x; -- '' $$'), (7, 'the key', 'key nectar-sandbox-key, nectar-sandbox-key'),
               (8, 'a link', 'go to https:\/\/dash.nectarclimate.com\/p\/i\/s3cr3t now'), (9, 'letters', 'é😀'), (10, 'a NUL', 'before\u0000after'),
               (11, 'lone surrogate', 'a\ud800b'), (12, 'much', repeat('x', 1000000)), (13, 'much in letters', repeat('😀', 1000)),
               (14, 'cut inside the key', repeat('x', 500) || 'nectar-sandbox-key')) d(n, what, detail) ORDER BY n;
-- In any other place of an answer that a message quotes, too: a status, and the company in a refused look-up.
CREATE FUNCTION told(fault jsonb, query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM test.fault(fault);
    RETURN QUERY SELECT * FROM outcome(query);
    PERFORM test.faults_clear();
END $$;
ALTER SERVER sandbox OPTIONS (ADD on_unknown_status 'error');
SELECT told(jsonb_build_object('kind', 'patch', 'path', '/connection/*/details', 'set', jsonb_build_object('status', label)),
            'SELECT status FROM connections WHERE id = connection(2)')
  FROM unnest(ARRAY[E'\u001b[31m\u202elabel', 'nectar-sandbox-key', repeat('x', 50) || 'nectar-sandbox-key', 'https://dash.nectarclimate.com/p/i/s3cr3t', repeat('😀', 100)]) label;
ALTER SERVER sandbox OPTIONS (DROP on_unknown_status, ADD accounts_source 'details');
SELECT test.fault(jsonb_build_object('kind', 'patch', 'path', '/connection/company/*',
    'set', jsonb_build_object('company', jsonb_build_object('id', E'\u001b[31m\nnectar-sandbox-key\u202e')))) \gset
SELECT told('{"kind": "status", "status": 403, "path": "/connection/*/details"}', 'SELECT id FROM accounts WHERE company_id = company(1)');
ALTER SERVER sandbox OPTIONS (DROP accounts_source);

-- What is tried again: a read that fails once is none the wiser.
CREATE FUNCTION tried(spec jsonb, query text, path text DEFAULT '/company',
        OUT what text, OUT state text, OUT requests bigint) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM test.fault(spec || jsonb_build_object('path', path)), test.clear();
    what := coalesce(spec ->> 'status', spec ->> 'kind');
    SELECT b.state INTO state FROM brief(query) b;
    SELECT count(*) INTO requests FROM test.requests();
    PERFORM test.faults_clear();
END $$;
ALTER SERVER sandbox OPTIONS (SET max_retries '3', ADD retry_max_delay '20ms');
SELECT t.* FROM unnest('{429,502,503,504,400,401,403,404,409,418,500,501}'::int[]) s,
       LATERAL tried(jsonb_build_object('kind', 'status', 'status', s, 'times', 1), 'SELECT id FROM companies') t
 ORDER BY 1;
SELECT t.* FROM unnest('{reset,read_close,truncate,html,malformed,wrong_envelope,not_found_html}'::text[]) kind,
       LATERAL tried(jsonb_build_object('kind', kind, 'times', 1), 'SELECT id FROM companies') t
 ORDER BY 1;
-- Failing on, it is sent max_retries times more, and the error says so.
SELECT t.* FROM unnest('{503,429,418}'::int[]) s,
       LATERAL tried(jsonb_build_object('kind', 'status', 'status', s), 'SELECT id FROM companies') t
 ORDER BY 1;
SELECT * FROM tried('{"kind": "truncate"}', 'SELECT id FROM companies');
SELECT test.fault('{"kind": "status", "status": 503, "path": "/company"}') \gset
SELECT * FROM outcome('SELECT id FROM companies');
SELECT test.faults_clear() \gset
SELECT test.fault('{"kind": "read_close", "path": "/company"}') \gset
SELECT * FROM outcome('SELECT id FROM companies');
SELECT test.faults_clear() \gset
-- Rows before a retried page are given once.
ALTER SERVER sandbox OPTIONS (ADD page_size '5');
SELECT test.fault('{"kind": "truncate", "query": "*page=2", "times": 2}') \gset
SELECT count(*), count(DISTINCT id) FROM connections WHERE company_id = company(1);
SELECT test.faults_clear() \gset

-- Retry-After is obeyed, in both forms, but never beyond retry_max_delay.
CREATE FUNCTION pause_of(retry_after text, OUT over_half_a_second bool, OUT requests bigint) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM test.fault(jsonb_build_object('kind', 'status', 'status', 429, 'times', 1, 'retry_after', retry_after)),
            test.clear();
    PERFORM id FROM companies;
    SELECT max(at_us) - min(at_us) > 500000, count(*) INTO over_half_a_second, requests FROM test.log();
    PERFORM test.faults_clear();
END $$;
SELECT * FROM pause_of('1');
ALTER SERVER sandbox OPTIONS (SET retry_max_delay '1200ms');
SELECT * FROM pause_of('1');
SELECT * FROM pause_of(to_char(clock_timestamp() AT TIME ZONE 'GMT' + interval '60 s', 'Dy, DD Mon YYYY HH24:MI:SS "GMT"'));
SELECT * FROM pause_of('soon');
-- What asks for too much, or for nothing sensible.
ALTER SERVER sandbox OPTIONS (SET retry_max_delay '600ms');
SELECT v, p.* FROM unnest('{9223372036854775807,9223372036854776,99999999999,1e9}'::text[]) v, pause_of(v) p ORDER BY v;
SELECT v, p.* FROM unnest('{0,-5,-9223372036854775808,"Thu, 01 Jan 1970 00:00:00 GMT",""}'::text[]) v, pause_of(v) p ORDER BY v;
ALTER SERVER sandbox OPTIONS (SET retry_max_delay '20ms');

-- Acts are not tried again, reads on their behalf are.
SELECT * FROM tried('{"kind": "status", "status": 503, "times": 1}', 'SELECT confirm_accounts(connection(2))', '*/status');
SELECT * FROM tried('{"kind": "status", "status": 503, "times": 1}', 'SELECT connection_magic_link(connection(2))', '/connection/*');
SELECT * FROM tried('{"kind": "status", "status": 503, "times": 1}', 'SELECT * FROM reconnect_links(company(1))', '/connection/*');
-- Nor is a ping, whatever it meets: it tells how things are.
SELECT t.* FROM unnest('{503,429,504}'::int[]) s, tried(jsonb_build_object('kind', 'status', 'status', s, 'retry_after', '1'), 'SELECT ok FROM ping()', '/ping') t ORDER BY 1;
SELECT t.* FROM unnest('{reset,read_close,truncate}'::text[]) kind, tried(jsonb_build_object('kind', kind), 'SELECT ok FROM ping()', '/ping') t ORDER BY 1;

-- A server that is not there.
ALTER SERVER sandbox OPTIONS (SET base_url 'http://127.0.0.1:9/v2.2', SET max_retries '1');
SELECT * FROM outcome('SELECT id FROM companies');
SELECT * FROM outcome('SELECT confirm_accounts(connection(2))');
SELECT server, ok, http_status, steady(detail) FROM ping();
SELECT connection_id, ok, http_status, steady(detail) FROM bulk_confirm_accounts(ARRAY[connection(2)]);
ALTER SERVER sandbox OPTIONS (SET base_url :'base_url');
SELECT count(*) FROM companies;
