-- Acts of invitations: what they send, byte by byte, what they answer, and what is refused before anything is sent.
\i test/lib/setup.sql
\i test/lib/outcome.sql
\i test/lib/acts.sql
\set site1 '50000000-0000-4000-8000-000000000001'
\set site3 '50000000-0000-4000-8000-000000000003'
\set url '^https://dash\\.nectarclimate\\.com/p/i/[^/]+$'

-- To connect: nothing but the company; some arguments; all of them.
SELECT id, url ~ :'url' AS url, expires_at FROM invite_to_connect(company(1));
SELECT id, expires_at BETWEEN now() + interval '59 s' AND now() + interval '90 s' AS in_a_minute FROM invite_to_connect(company(1), expires_in => '1 minute');
SELECT id, url ~ :'url' AS url FROM invite_to_connect(
    company_id => company(1), allowed_emails => '{jörg@a.example,"o''x+1@b.example"}', expires_in => '7 days', max_uses => 3, send_email => true,
    prefill_url => E'https://portal.example/a?b="c"&\u00fc\\', prefill_country => 'de', prefill_initial_sites => ARRAY[:'site1', :'site3']::uuid[],
    prefill_utility_types => '{ELECTRICITY,GAS}', prefill_connection_owner_email => 'kim@c.example', prefill_data_collection_start_date => '2024-02-29', server => 'sandbox');
SELECT id FROM invite_to_connect(company(1), '{a@b}', NULL, 1, false, NULL, 'US');
SELECT * FROM sent();
SELECT invitation_type, status, allowed_emails, max_uses, attrs -> 'prefill' AS prefill FROM invitations WHERE company_id = company(1) ORDER BY id;
-- To reconnect.
SELECT test.clear() \gset
SELECT id, url ~ :'url' AS url, expires_at FROM invite_to_reconnect(connection(4));
SELECT id FROM invite_to_reconnect(connection_id => connection(4), allowed_emails => '{a@b.example}', expires_in => '60', max_uses => 1, send_email => false, server => 'sandbox');
SELECT * FROM sent();
-- Whole seconds of an interval, as EXTRACT(epoch) counts them.
CREATE VIEW utility.bodies AS SELECT body FROM test.requests() ORDER BY seq;
SELECT i.id IS NOT NULL AS made, extract(epoch FROM lives) FROM unnest('{60,"61.9 s","1 month","1 year 1 month","30 days 12:00","-1 day +49:00","68 years"}'::interval[]) WITH ORDINALITY l(lives, n),
    LATERAL invite_to_reconnect(connection(4), expires_in => lives) i ORDER BY n;
SELECT * FROM bodies;
-- Every value of an argument stands for itself: each call is an act.
SELECT test.clear() \gset
SELECT count(DISTINCT i.id) FROM generate_series(1, 3) n, LATERAL invite_to_connect(company(n)) i;
SELECT path, n FROM sent();

-- The URL is the answer's, or made of the token on the server's dashboard.
ALTER SERVER sandbox OPTIONS (ADD dashboard_url 'https://dash.example/nectar/');
SELECT url ~ :'url' AS url FROM invite_to_connect(company(1));
SELECT test.fault('{"kind": "patch", "unset": ["invitationUrl"], "set": {"token": "a/b?c ü"}}') \gset
SELECT url FROM invite_to_connect(company(1));
SELECT test.faults_clear() \gset
ALTER SERVER sandbox OPTIONS (DROP dashboard_url);
-- An expiry that cannot be read is NULL and a warning: the link is worth more.
SELECT test.fault('{"kind": "patch", "set": {"expiresAt": "soon"}}') \gset
SELECT id IS NOT NULL AS made, url ~ :'url' AS url, expires_at FROM invite_to_connect(company(1));
SELECT test.faults_clear() \gset
SELECT test.fault('{"kind": "patch", "set": {"expiresAt": "2030-01-02T03:04:05.6789"}}') \gset
SELECT expires_at FROM invite_to_reconnect(connection(4));
SELECT test.faults_clear() \gset

-- Refused before anything is sent, without repeating what was given.
SELECT test.clear() \gset
SELECT * FROM refusals(ARRAY[
    $$invite_to_connect(NULL)$$,
    $$invite_to_connect(company(1), '{}')$$,
    $$invite_to_connect(company(1), '{a@b,NULL}')$$,
    $$invite_to_connect(company(1), prefill_initial_sites => '{}')$$,
    $$invite_to_connect(company(1), prefill_utility_types => '{NULL}')$$,
    $$invite_to_connect(company(1), prefill_connection_owner_email => 'Kim <kim@a.example>')$$,
    $$invite_to_connect(company(1), expires_in => '59.9 s')$$,
    $$invite_to_connect(company(1), expires_in => '-1 day')$$,
    $$invite_to_connect(company(1), expires_in => '69 years')$$,
    $$invite_to_connect(company(1), max_uses => 0)$$,
    $$invite_to_connect(company(1), max_uses => -1)$$,
    $$invite_to_connect(company(1), prefill_data_collection_start_date => 'infinity')$$,
    $$invite_to_connect(company(1), prefill_data_collection_start_date => '-infinity')$$,
    $$invite_to_connect(company(1), prefill_data_collection_start_date => '0044-03-15 BC')$$,
    $$invite_to_connect(company(1), prefill_data_collection_start_date => '10000-01-01')$$,
    $$invite_to_connect(company(1), server => 'nowhere')$$,
    $$invite_to_reconnect(NULL)$$,
    $$invite_to_reconnect(connection(4), '{}')$$,
    $$invite_to_reconnect(connection(4), expires_in => '0')$$,
    $$invite_to_reconnect(connection(4), max_uses => 0)$$,
    $$revoke_invitation(NULL)$$]);
SELECT v, attempt(format('SELECT invite_to_connect(company(1), ARRAY[''a@b'', %L])', v), ' / ')
  FROM unnest(ARRAY['', '@', 'a@', '@b', 'a', 'a@b@c', 'a b@c', 'a@b ', E'a@b\n', E'a\t@b', E'a@\u007f']) v;
SELECT v, attempt(format('SELECT invite_to_connect(company(1), prefill_country => %L)', v), ' / ') FROM unnest('{"",D,DEU,D1,"D ",Ö}'::text[]) v;
SELECT * FROM sent();
-- The API's refusals.
SELECT * FROM refusals(ARRAY[$$invite_to_connect(company(15))$$, $$invite_to_reconnect(connection(4000))$$, $$revoke_invitation(company(1))$$]);
SELECT test.fault('{"kind": "status", "status": 409, "method": "POST", "body": "{\"detail\": \"Already at https://dash.nectarclimate.com/p/i/s3cr3t.\"}", "content_type": "application/json"}') \gset
SELECT * FROM refusals(ARRAY[$$invite_to_connect(company(1))$$]);
SELECT test.faults_clear() \gset

-- Made, but the answer is not what it must be: the error says that it happened.
CREATE FUNCTION utility.answered(members jsonb, query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM test.fault(jsonb_build_object('kind', 'patch', 'method', 'POST', 'set', members));
    RETURN QUERY SELECT * FROM outcome(query);
    PERFORM test.faults_clear();
END $$;
SELECT * FROM answered('{"id": null}', 'SELECT invite_to_connect(company(1))');
SELECT * FROM answered('{"id": "x"}', 'SELECT invite_to_connect(company(1))');
SELECT * FROM answered(jsonb_build_object('id', 'f0000000-0000-4000-8000-000000000abc', 'token', NULL, 'invitationUrl', ''), 'SELECT invite_to_connect(company(1))');
SELECT * FROM answered(jsonb_build_object('companyId', company(2)), 'SELECT invite_to_connect(company(1))');
SELECT * FROM answered(jsonb_build_object('connectionId', connection(5)), 'SELECT invite_to_reconnect(connection(4))');
SELECT * FROM answered(jsonb_build_object('connectionId', NULL, 'companyId', NULL), 'SELECT invite_to_reconnect(connection(4))');
SELECT test.fault('{"kind": "body", "method": "POST", "body": "[]"}') \gset
SELECT * FROM outcome('SELECT invite_to_connect(company(1))');
SELECT test.faults_clear() \gset
SELECT test.fault('{"kind": "status", "status": 204, "body": "", "method": "POST"}') \gset
SELECT * FROM outcome('SELECT invite_to_connect(company(1))');
SELECT test.faults_clear() \gset

-- Revoking: the answer less secrets, NULL when empty; the next statement sees it.
SELECT id FROM invite_to_connect(company(1)) \gset
SELECT status FROM invitations WHERE id = :'id';
SELECT test.clear() \gset
SELECT a ->> 'status' AS status, a ?| '{token,invitationUrl}' AS secret FROM revoke_invitation(:'id') a;
SELECT method, path LIKE '/invitation/f%/revoke' AS path, body, headers ->> 'content-length' AS length, headers ? 'content-type' AS has_type FROM test.requests();
SELECT status FROM invitations WHERE id = :'id';
SELECT test.fault('{"kind": "status", "status": 204, "body": "", "path": "*/revoke"}') \gset
SELECT revoke_invitation(:'id', 'sandbox') IS NULL AS empty;
SELECT test.faults_clear() \gset

-- The fence: companies outside company_ids cannot be acted on.  A connection
-- or invitation is looked up first.
SELECT id AS outside FROM invite_to_connect(company(1)) \gset
SELECT id AS inside FROM invite_to_connect(company(2)) \gset
ALTER SERVER sandbox OPTIONS (ADD company_ids 'c0000000-0000-4000-8000-000000000002');
SELECT test.clear() \gset
SELECT * FROM refusals(ARRAY['invite_to_connect(company(1))', 'invite_to_reconnect(connection(4))', format('revoke_invitation(%L)', :'outside')]);
SELECT method, regexp_replace(path, 'f0000000[-0-9a-f]*', 'INVITATION') AS path, body FROM test.requests() ORDER BY seq;
SELECT id IS NOT NULL AS made FROM invite_to_connect(company(2));
SELECT id IS NOT NULL AS made FROM invite_to_reconnect(connection(14));
SELECT revoke_invitation(:'inside') ->> 'status' AS status;
SELECT test.fault('{"kind": "patch", "path": "/invitation/f*", "unset": ["companyId"]}'), test.clear() \gset
SELECT state, detail FROM brief(format('SELECT revoke_invitation(%L) IS NULL', :'inside'));
SELECT test.faults_clear() \gset
SELECT test.fault(jsonb_build_object('kind', 'patch', 'path', '/invitation/f*', 'set', jsonb_build_object('id', company(2)))) \gset
SELECT state, detail FROM brief(format('SELECT revoke_invitation(%L) IS NULL', :'inside'));
SELECT test.faults_clear() \gset
SELECT DISTINCT method FROM test.requests();
ALTER SERVER sandbox OPTIONS (DROP company_ids);

-- Sent exactly once, whatever becomes of it.
ALTER SERVER sandbox OPTIONS (SET max_retries '3', ADD retry_max_delay '10ms', ADD request_timeout '500ms', ADD max_response_size '1MB');
SELECT * FROM once('SELECT url IS NULL FROM invite_to_connect(company(1))');
SELECT fault, state, requests FROM once('SELECT url IS NULL FROM invite_to_reconnect(connection(4))');
SELECT fault, state, requests FROM once(format('SELECT revoke_invitation(%L) IS NULL', :'id'));
ALTER SERVER sandbox OPTIONS (DROP request_timeout, DROP max_response_size);

-- Refused before any request: read-only transactions, read_only servers, roles without the right.
SELECT test.clear() \gset
\set acts '{"invite_to_connect(company(1))","invite_to_reconnect(connection(4))","revoke_invitation(company(1))"}'
BEGIN READ ONLY;
SELECT * FROM refusals(:'acts');
COMMIT;
ALTER SERVER sandbox OPTIONS (ADD read_only 'true');
SELECT * FROM refusals(:'acts');
ALTER SERVER sandbox OPTIONS (DROP read_only);
CREATE ROLE invites_nobody;
GRANT USAGE ON SCHEMA utility TO invites_nobody;
CREATE USER MAPPING FOR invites_nobody SERVER sandbox OPTIONS (api_key 'nectar-sandbox-key');
GRANT USAGE ON FOREIGN SERVER sandbox TO invites_nobody;
SET ROLE invites_nobody;
SELECT * FROM refusals(:'acts');
RESET ROLE;
-- EXECUTE without USAGE on the server is not enough, with it it is.
GRANT EXECUTE ON FUNCTION revoke_invitation(uuid, name), invite_to_reconnect(uuid, text[], interval, integer, boolean, name) TO invites_nobody;
REVOKE USAGE ON FOREIGN SERVER sandbox FROM invites_nobody;
SET ROLE invites_nobody;
SELECT * FROM refusals('{"revoke_invitation(company(1), ''sandbox'')"}');
RESET ROLE;
SELECT * FROM sent();
GRANT USAGE ON FOREIGN SERVER sandbox TO invites_nobody;
SET ROLE invites_nobody;
SELECT url ~ :'url' AS url FROM invite_to_reconnect(connection(4), server => 'sandbox');
RESET ROLE;
-- Planning and EXPLAIN send nothing.
SELECT test.clear() \gset
EXPLAIN (COSTS OFF) SELECT * FROM invite_to_connect(company(1));
PREPARE act(uuid) AS SELECT revoke_invitation($1);
EXPLAIN (COSTS OFF) EXECUTE act('f0000000-0000-4000-8000-000000000001');
SELECT * FROM sent();
DROP USER MAPPING FOR invites_nobody SERVER sandbox;
DROP OWNED BY invites_nobody;
DROP ROLE invites_nobody;
