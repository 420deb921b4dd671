-- No secret shows anywhere but in the result of the function that hands it
-- out; nothing that the server sends can lead the key elsewhere.
\i test/lib/setup.sql
\i test/lib/outcome.sql
-- What must not show: the key, the links' secrets, and what the API may add tomorrow.
CREATE FUNCTION betrays(t text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(word, ', ' ORDER BY word)
      FROM unnest('{nectar-sandbox-key,s3cr3t,/p/connect/,/p/i/,magicLinkSecret}'::text[]) word WHERE strpos(lower(t), lower(word)) > 0
$$;
-- The data do hold secrets: the links say so.
SELECT split_part(connection_magic_link(connection(2)), '/', 8) ~ '^.{8,}$' AS has_secret;
SELECT split_part(connection_magic_link(connection(2)), '/', 8) AS secret \gset
-- Not in any row of any table, whatever its columns.
SELECT count(*), bool_or(strpos(r.t, :'secret') > 0) AS shows, max(betrays(t))
  FROM (SELECT c::text FROM connections c UNION ALL SELECT a::text FROM accounts a
        UNION ALL SELECT c::text FROM companies c UNION ALL SELECT s::text FROM sites s) r(t);
-- Those of an invitation are what it was made with, and shown never again.
SELECT split_part(url, '/', 6) AS secret, url ~ '/p/i/[^/]{8,}$' AS has_secret FROM invite_to_connect(company(1)) \gset i_
SELECT :'i_has_secret' AS has_secret;
SELECT count(*), bool_or(strpos(i::text, :'i_secret') > 0) AS shows, max(betrays(i::text)) FROM invitations i;
SELECT strpos(a::text, :'i_secret') > 0 AS shows, betrays(a::text) FROM invitations, revoke_invitation(id) a;
SELECT count(*) AS rows, bool_or(attrs ?| '{connectionMagicLinkSecret,accounts,sites}') FROM connections WHERE company_id = company(1);

-- Secrets of tomorrow: at any depth, in whatever spelling, and links in innocent members.
SELECT test.fault('{"kind": "patch", "path": "/connection/*/details", "set": {
    "newAuthToken": "s3cr3t-1", "x": {"apiPassword": "s3cr3t-2", "kept": 1}, "list": [{"Client-Secret": {"v": "s3cr3t-3"}, "kept": 2}],
    "INVITATION_URL": "s3cr3t-4", "magic_link": ["s3cr3t-5"], "api_key": "s3cr3t-6", "tokens": {"a": "s3cr3t-7"},
    "note": "see https://dash.nectarclimate.com/p/connect/pc-1/s3cr3t-8", "notes": ["fine", "https://dash.nectarclimate.com/p/i/s3cr3t-9"],
    "statusErrorDetail": "go to https://dash.nectarclimate.com/p/connect/pc-1/workflow/s3cr3t-10",
    "plain": "kept"}}') \gset
SELECT attrs - ARRAY(SELECT jsonb_object_keys(attrs) EXCEPT SELECT unnest('{newAuthToken,x,list,INVITATION_URL,magic_link,api_key,tokens,note,notes,plain}'::text[]))
  FROM connections WHERE id = connection(2);
SELECT betrays(attrs::text) FROM connections WHERE id = connection(2);
SELECT betrays(c::text) FROM connections c WHERE id = connection(2);
-- Columns with a path: to an object, to a list, to a link, of whatever type.
CREATE FOREIGN TABLE utility.peek (
    id uuid,
    x_jsonb jsonb OPTIONS (json_path 'x'), x_text text OPTIONS (json_path 'x'), x_json json OPTIONS (json_path 'x'), x_varchar varchar(200) OPTIONS (json_path 'x'),
    list_jsonb jsonb OPTIONS (json_path 'list'), list_text text OPTIONS (json_path 'list'), list_array jsonb[] OPTIONS (json_path 'list'),
    note text OPTIONS (json_path 'note'), note_varchar varchar OPTIONS (json_path 'note'), note_jsonb jsonb OPTIONS (json_path 'note'),
    notes_array text[] OPTIONS (json_path 'notes'), notes_varchars varchar[] OPTIONS (json_path 'notes'), notes_jsonb jsonb OPTIONS (json_path 'notes'), notes_jsonbs jsonb[] OPTIONS (json_path 'notes'),
    plain text OPTIONS (json_path 'plain'), plain_jsonb jsonb OPTIONS (json_path 'plain')
) SERVER sandbox OPTIONS (resource 'connections');
\x on
SELECT * FROM peek WHERE id = connection(2);
\x off
SELECT betrays(p::text) FROM peek p WHERE id = connection(2);
SELECT test.faults_clear() \gset
SELECT test.fault('{"kind": "patch", "path": "/company/*", "set": {"users": ["a@x.example", "https://dash.nectarclimate.com/p/i/s3cr3t"]}}') \gset
SELECT users, attrs -> 'users' AS users_in_attrs FROM companies WHERE id = company(1);
SELECT test.faults_clear() \gset
-- A path to a secret is refused where it is declared.
CREATE FUNCTION declares(path text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE FOREIGN TABLE utility.bad (id uuid, c text OPTIONS (json_path %L)) SERVER sandbox OPTIONS (resource ''connections'')', path);
    DROP FOREIGN TABLE utility.bad;
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT path, declares(path) FROM unnest('{connectionMagicLinkSecret,connectionmagiclinksecret,a.b.accessToken,x.PassWord,magicLinkUrl,magic_link,invitationUrl,Invitation-URL,api_key,token.value,company.name}'::text[]) path;

-- Errors: the server echoes the key in its detail, also across the cut of a long text; JSON breaks beside a secret; a value is bad beside a secret.
SELECT test.fault(jsonb_build_object('kind', 'status', 'status', 400, 'path', '/company', 'body', jsonb_build_object('detail', 'Key nectar-sandbox-key (nectar-sandbox-key) may not.')::text)) \gset
SELECT * FROM outcome('SELECT id FROM companies');
SELECT test.faults_clear() \gset
-- What looks like a webhook's secret is masked in messages, whosever it is; what is refused as one is not shown.
SELECT test.fault(jsonb_build_object('kind', 'status', 'status', 400, 'path', '/company', 'body', jsonb_build_object('detail', 'Not whsec_c3Ezcm90LW9mLWhvb2tz+/A=, nor whsec_.')::text)) \gset
SELECT * FROM outcome('SELECT id FROM companies');
SELECT * FROM outcome($$ALTER USER MAPPING FOR CURRENT_USER SERVER sandbox OPTIONS (ADD webhook_secret 'whsec_s3cr3t')$$);
SELECT test.faults_clear() \gset
SELECT count(*) AS cuts, string_agg(betrays(line), '') AS shows, bool_or(line ~ 'nectar-') AS shows_a_part
  FROM generate_series(180, 520, 4) n,
       LATERAL (SELECT test.faults_clear(), test.fault(jsonb_build_object('kind', 'status', 'status', 400, 'path', '/company', 'times', 1, 'body',
            jsonb_build_object('detail', repeat('x', n) || 'nectar-sandbox-key')::text))) f,
       LATERAL outcome('SELECT id FROM companies -- ' || n) line WHERE f IS NOT NULL;
SELECT test.faults_clear() \gset
SELECT test.fault(jsonb_build_object('kind', 'status', 'status', 401, 'path', '/company', 'body', '{"detail": "See https:\/\/dash.nectarclimate.com\/p\/i\/s3cr3t"}')) \gset
SELECT * FROM outcome('SELECT id FROM companies');
SELECT test.faults_clear() \gset
CREATE FUNCTION broken(body text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM test.faults_clear(), test.fault(jsonb_build_object('kind', 'body', 'path', '/connection/*/details', 'body', body));
    RETURN QUERY SELECT * FROM outcome('SELECT * FROM connections WHERE id = connection(2)');
    PERFORM test.faults_clear();
END $$;
SELECT * FROM broken('{"id": "d0000000-0000-4000-8000-000000000002", "connectionMagicLinkSecret": "s3cr3t" oops}');
SELECT * FROM broken('{"id": "d0000000-0000-4000-8000-000000000002", "connectionMagicLinkSecret": "s3cr3t", "username": "a\u0000b"}');
SELECT * FROM broken('{"id": "d0000000-0000-4000-8000-000000000002", "connectionMagicLinkSecret": "s3cr3t", "username": "a\ud800"}');
-- What is bad in the secret alone is in no column.
SELECT * FROM broken('{"id": "d0000000-0000-4000-8000-000000000002", "connectionMagicLinkSecret": "s3cr3t\ud800"}');
SELECT * FROM broken('{"id": "d0000000-0000-4000-8000-000000000002", "connectionMagicLinkSecret": "s3cr3t", "n": 1e999999}');
SELECT * FROM broken('<html>s3cr3t</html>');
-- A column of the user's own type gets a value that does not fit: a secret is never part of the complaint.
SELECT test.fault('{"kind": "patch", "path": "/connection/*/details", "set": {"x": {"apiPassword": "s3cr3t"}, "y": "https://dash.nectarclimate.com/p/i/s3cr3t"}}') \gset
CREATE FOREIGN TABLE utility.ill_typed (id uuid, x int OPTIONS (json_path 'x'), y date OPTIONS (json_path 'y')) SERVER sandbox OPTIONS (resource 'connections');
SELECT * FROM outcome('SELECT x FROM ill_typed WHERE id = connection(2)');
SELECT * FROM outcome('SELECT y FROM ill_typed WHERE id = connection(2)');
SELECT test.faults_clear() \gset
-- A label that is the key, or a link, is not shown either.
SELECT test.fault('{"kind": "patch", "path": "/connection/*/details", "set": {"status": "nectar-sandbox-key"}}') \gset
SELECT status, status_category FROM connections WHERE id = connection(2);
SELECT test.faults_clear() \gset

-- What describes: EXPLAIN, options(), catalogs by way of views.
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    whole text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, VERBOSE) ' || query LOOP
        whole := whole || line || E'\n';
    END LOOP;
    RETURN whole;
END $$;
SELECT plan_of('SELECT * FROM connections WHERE company_id = company(1)') ~ 'GET /connection/company' AS shows_requests,
       betrays(plan_of('SELECT * FROM connections WHERE company_id = company(1)')) AS shows;
SELECT count(*) FILTER (WHERE secret) > 0 AS names_secrets, string_agg(betrays(o::text), '') AS shows FROM nectar.options() o;
SELECT string_agg(betrays(f::text), '') FROM nectar.errors() f;
SELECT betrays(p::text) FROM ping() p;
SELECT string_agg(betrays(b::text), '') FROM bulk_confirm_accounts(ARRAY[connection(2), connection(3)]) b;
-- The answer of an act, less secrets.
SELECT betrays(a::text) AS shows, a ? 'id' AS answers, strpos(a::text, :'secret') > 0 AS has_link FROM confirm_accounts(connection(2)) a;

-- The key is a header of requests to this server, never of a redirect's target, never in a path.
SELECT test.fault(jsonb_build_object('kind', 'redirect', 'path', '/company', 'location', :'sandbox_https' || '/v2.2/ping')),
       test.clear() \gset
SELECT * FROM outcome('SELECT id FROM companies');
SELECT method, path, key_ok, tls FROM test.requests() ORDER BY seq;
SELECT test.faults_clear() \gset
SELECT betrays(string_agg(path || query || coalesce(body, ''), '')) FROM test.requests();

-- Values in a URL are percent-encoded, whatever they are.
SELECT test.clear() \gset
SELECT value, (outcome(format('SELECT id FROM connections WHERE company_id = company(1) AND workflow_owner_email = %L', value)))
  FROM unnest(ARRAY['a/b?c=d&limit=1#e%00;f', E'a\r\nX-API-Key: other', 'ä€😀 +', '../../company', '', '&page=2']) value ORDER BY value COLLATE "C";
SELECT path, query, key_ok FROM test.requests() ORDER BY query COLLATE "C";

-- A key cannot end its header, in the mapping or in a file.
ALTER USER MAPPING FOR CURRENT_USER SERVER sandbox OPTIONS (SET api_key E'good\r\nX-Other: 1');
ALTER USER MAPPING FOR CURRENT_USER SERVER sandbox OPTIONS (SET api_key 'ümlaut');
ALTER USER MAPPING FOR CURRENT_USER SERVER sandbox OPTIONS (SET api_key '');
-- A secret is at home in the user mapping only.
ALTER SERVER sandbox OPTIONS (ADD api_key 's3cr3t');
ALTER FOREIGN TABLE connections OPTIONS (ADD api_key 's3cr3t');

-- https: with the authority it works, by either name.
SELECT :'sandbox_https' || '/v2.2' AS https_url, replace(:'sandbox_https', 'localhost', '127.0.0.1') || '/v2.2' AS named_url,
       regexp_replace(:'sandbox_https', '^https', 'http') || '/v2.2' AS crossed_url \gset
ALTER SERVER sandbox OPTIONS (SET base_url :'https_url', ADD ca_file :'sandbox_ca');
SELECT test.clear() \gset
SELECT count(*) FROM companies;
SELECT path, key_ok, tls FROM test.requests();
SELECT count(*) FROM connections;
ALTER SERVER sandbox OPTIONS (SET base_url :'named_url');
SELECT count(*) FROM companies;
-- A name that the certificate does not have, though it is this machine's.
SELECT replace(:'sandbox_https', 'localhost', 'nectar.localhost') || '/v2.2' AS other_url \gset
ALTER SERVER sandbox OPTIONS (SET base_url :'other_url');
SELECT test.clear() \gset
SELECT * FROM outcome('SELECT id FROM companies');
SELECT count(*) FROM test.requests();
ALTER SERVER sandbox OPTIONS (SET base_url :'named_url');
-- Without it, or with one that did not sign: refused before the key is sent.
ALTER SERVER sandbox OPTIONS (DROP ca_file);
SELECT test.clear() \gset
SELECT * FROM outcome('SELECT id FROM companies');
ALTER SERVER sandbox OPTIONS (ADD ca_file '/no/such/file.pem');
SELECT * FROM outcome('SELECT id FROM companies');
SELECT server, ok, http_status, steady(detail) FROM ping();
SELECT * FROM outcome('SELECT confirm_accounts(connection(2))');
SELECT count(*) FROM test.requests();
-- Plain http spoken to the TLS port is no answer.
ALTER SERVER sandbox OPTIONS (DROP ca_file, SET base_url :'crossed_url');
SELECT count(*) FROM outcome('SELECT id FROM companies') line WHERE line ~ '^(08006|NC|08001)';
-- Plain http goes nowhere but to this machine.
ALTER SERVER sandbox OPTIONS (SET base_url 'http://192.0.2.1/v2.2');
ALTER SERVER sandbox OPTIONS (SET base_url 'http://127.0.0.1.example/v2.2');
ALTER SERVER sandbox OPTIONS (SET base_url 'http://127.0.0.1@192.0.2.1/v2.2');
ALTER SERVER sandbox OPTIONS (SET base_url 'http://localhost.example/v2.2');
ALTER SERVER sandbox OPTIONS (SET base_url 'file:///etc/passwd');
ALTER SERVER sandbox OPTIONS (SET base_url :'base_url');
SELECT count(*) FROM companies;
