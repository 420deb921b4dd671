-- Webhooks: verified by their signature, put into history once, whatever order they come in.
\i test/lib/setup.sql
\set SHOW_CONTEXT never
SET client_min_messages = error;
DROP SCHEMA IF EXISTS nectar_history CASCADE;
\set secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
\set other whsec_AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4/A==
-- what verify_webhook() says of a webhook that the sandbox signed, some of its parts bent
CREATE FUNCTION utility.verify(signed jsonb, bent jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
    SELECT attempt(format('SELECT nectar.verify_webhook(%L, %L, %L, %L, %L)', b ->> 'body', b ->> 'id', b ->> 'timestamp', b ->> 'signature', 'sandbox'), ' / ')
      FROM (SELECT signed || bent) t(b) $$;
RESET client_min_messages;
\pset format unaligned
\pset tuples_only on

-- The sandbox signs as the sender's own library does, whose signatures these are.
SELECT test.webhook(jsonb_build_object('secret', secret, 'id', id, 'timestamp', at, 'body', body)) ->> 'signature' = signature
  FROM (VALUES (:'secret', 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330, '{"test": 2432232314}', 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='),
               (:'secret', 'msg_1', 1700000000, '{"eventType":"connection.updated.v2","statusErrorDetail":"ungültiges Passwort – パスワード 🔐","n":1.10}',
                'v1,1NYlspFGVziPebxnU4ebCxqULq2Jgbbhu46oXjgUXjo='),
               (:'other', 'msg_2', 1700000001, E'{"a":[{"b":null}],"c":"\\u00fc"}\n', 'v1,G7yQ5hzo11j2NT4jtbqR/eLZ83xzpu8k71H7VWBKEZY='))
       AS t(secret, id, at, body, signature);

-- A mapping needs a secret for them, and no key.
SELECT test.webhook(jsonb_build_object('secret', :'secret', 'body', '{"n": 1.10, "text": "für ✓", "apiToken": "hush", "a": [{"password": "hush", "b": 1}]}')) AS signed \gset
SELECT verify(:'signed');
ALTER USER MAPPING FOR CURRENT_USER SERVER sandbox OPTIONS (DROP api_key, ADD webhook_secret :'secret');
SELECT verify(:'signed');
SELECT nectar.verify_webhook(s ->> 'body', s ->> 'id', s ->> 'timestamp', s ->> 'signature') FROM (SELECT :'signed'::jsonb) t(s);
-- what needs the key still says so, before and after
SELECT attempt('SELECT * FROM connections WHERE id = connection(1)');
SELECT verify(:'signed');
SELECT attempt('SELECT nectar.ping()');
ALTER USER MAPPING FOR CURRENT_USER SERVER sandbox OPTIONS (ADD api_key 'nectar-sandbox-key');
SELECT id FROM connections WHERE id = connection(1);
SELECT verify(:'signed');

-- Every byte that was signed counts, and every header must be there.
SELECT bent, verify(:'signed', bent::jsonb) FROM unnest(ARRAY[
    '{"body": "{}"}', '{"id": "msg_other"}', '{"signature": "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}',
    '{"id": null}', '{"id": ""}', '{"timestamp": null}', '{"timestamp": ""}', '{"signature": null}', '{"signature": ""}', '{"body": null}',
    '{"id": "a b"}', '{"id": "msg\n"}', '{"id": "mßg"}', '{"timestamp": "yesterday"}', '{"timestamp": "-1"}', '{"timestamp": "1e9"}',
    '{"timestamp": " 1"}', '{"timestamp": "9999999999999"}', '{"timestamp": "999999999999"}', '{"timestamp": "0"}']) bent;
SELECT verify(:'signed', jsonb_build_object('body', (:'signed'::jsonb ->> 'body') || ' '));
SELECT verify(:'signed', jsonb_build_object('timestamp', (:'signed'::jsonb ->> 'timestamp')::bigint + 1));
SELECT verify(:'signed', jsonb_build_object('id', repeat('m', 256)));
SELECT verify(:'signed', jsonb_build_object('id', repeat('m', 257)));
SELECT verify(:'signed', jsonb_build_object('signature', repeat('v1,x ', 900)));

-- Five minutes, both ways.
SELECT age, verify(test.webhook(jsonb_build_object('secret', :'secret', 'body', '{}', 'age', age)))
  FROM unnest(ARRAY[0, 290, -290, 310, -310, 100000000]) age;

-- Several signatures: one that fits is enough; other versions are passed over, and what is none.
SELECT form, verify(:'signed', jsonb_build_object('signature', replace(form, '*', :'signed'::jsonb ->> 'signature'))) LIKE 'ok%'
  FROM unnest(ARRAY['*', 'v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= *', '* v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=', 'v1a,x v2,y * v0,',
                    '  *  ', 'v1, *', 'v2*', '*=', 'V*', 'v1']) form;
SELECT verify(:'signed', jsonb_build_object('signature', replace(:'signed'::jsonb ->> 'signature', 'v1,', 'v2,')));

-- While a secret is rotated: the sender signs with both, or the mapping knows both.
SELECT verify(test.webhook(jsonb_build_object('secret', jsonb_build_array(:'other', :'secret'), 'body', '{}')));
SELECT test.webhook(jsonb_build_object('secret', :'other', 'body', '{}')) AS rotated \gset
SELECT verify(:'rotated');
\set both :secret ' ' :other
ALTER USER MAPPING FOR CURRENT_USER SERVER sandbox OPTIONS (SET webhook_secret :'both');
SELECT verify(:'rotated'), verify(:'signed');
\set both :other ', ' :secret
ALTER USER MAPPING FOR CURRENT_USER SERVER sandbox OPTIONS (SET webhook_secret :'both');
SELECT verify(:'rotated'), verify(:'signed');
ALTER USER MAPPING FOR CURRENT_USER SERVER sandbox OPTIONS (SET webhook_secret :'secret');
SELECT verify(:'rotated'), verify(:'signed');

-- Signed, and no use.
SELECT body, verify(test.webhook(jsonb_build_object('secret', :'secret', 'body', body)))
  FROM unnest(ARRAY['', '{', 'no json', '{"a": "\u0000"}', '{"a": 1} {"b": 2}', '[1, {"token": "hush"}]', 'null', repeat('[', 40) || repeat(']', 40)]) body;

-- Received: the same call keeps the event and brings the history up to date.  Without a history there is nothing to write to.
SET client_min_messages = error;
SET check_function_bodies = off;
CREATE FUNCTION utility.receive(spec jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT nectar.receive_webhook(w ->> 'body', w ->> 'id', w ->> 'timestamp', w ->> 'signature')
      FROM test.webhook(jsonb_build_object('secret', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw') || spec) w $$;
-- an event of a connection that has a status since a minute of that day
CREATE FUNCTION utility.event(n int, status text, minute int, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('connection', utility.connection(n), 'set', jsonb_build_object('status', status,
           'statusFirstSeenTime', at, 'statusLastUpdateTime', at, 'updated', at)) || more
      FROM (SELECT to_char('2026-01-01'::timestamp + make_interval(mins => minute), 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) t(at) $$;
-- what the history has of a connection and its accounts, and which events
CREATE FUNCTION utility.history_of(n int) RETURNS text LANGUAGE sql AS $$
    SELECT format('%s since %s, %s accounts; %s', s.status, to_char(s.status_since, 'HH24:MI'),
                  (SELECT count(*) FROM nectar_history.account_state a WHERE a.connection_id = s.id),
                  (SELECT string_agg(concat_ws(' ', source, change, old_status, new_status), ', ' ORDER BY id)
                     FROM nectar_history.status_event e WHERE e.connection_id = s.id AND e.kind = 'connection'))
      FROM nectar_history.connection_state s WHERE id = utility.connection(n) $$;
RESET client_min_messages;
SELECT attempt($$SELECT receive('{"body": "{}"}')$$, ' / ');
SELECT nectar.create_history();

-- A connection that is new to the history, a change, the same again, an earlier one that comes late.
SELECT receive(event(2, 'CONNECTED', 10, '{"event": "connection.created.v2"}'));
SELECT history_of(2);
SELECT receive(event(2, 'MFA_TOKEN_EXPIRED', 20, '{"old": {"status": "CONNECTED", "connectionMagicLinkSecret": "hush"}}'));
SELECT receive(event(2, 'MFA_TOKEN_EXPIRED', 20));
SELECT receive(event(2, 'PASSWORD_INCORRECT', 15));
SELECT receive(event(2, 'CONNECTED', 30, '{"event": "connection.validated.v2"}'));
SELECT history_of(2);
SELECT event_type, connection_id, company_id, protected_changes, old, outcome, body ->> 'status', body ? 'connectionMagicLinkSecret', body ? 'accounts',
       sent_at <= received_at, svix_id LIKE 'msg_%'
  FROM nectar_history.webhook_event ORDER BY received_at;

-- The same id does nothing, whatever comes with it.
SELECT receive(event(2, 'OTHER_ERROR', 40, '{"id": "msg_twice"}'));
SELECT receive(event(2, 'WEBSITE_DOWN', 50, '{"id": "msg_twice"}'));
SELECT history_of(2), (SELECT count(*) FROM nectar_history.webhook_event WHERE svix_id = 'msg_twice');

-- Refused: nothing is stored.
SELECT count(*) AS before FROM nectar_history.webhook_event \gset
SELECT attempt($$SELECT receive(event(2, 'CONNECTED', 60, '{"secret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"}'))$$, ' / ');
SELECT attempt($$SELECT receive(event(2, 'CONNECTED', 60, '{"age": 400}'))$$, ' / ');
SELECT attempt($$SELECT receive('{"body": "no json"}')$$, ' / ');
SELECT count(*) = :before FROM nectar_history.webhook_event;
BEGIN READ ONLY;
SELECT attempt($$SELECT receive(event(2, 'CONNECTED', 60))$$, ' / ');
ROLLBACK;

-- What an event lacks stays; what the API may send tomorrow is kept, and so is what is no connection.
SELECT username IS NOT NULL AS has_username, attrs ? 'country' FROM nectar_history.connection_state WHERE id = connection(2);
SELECT receive(event(2, 'CONNECTED', 70, '{"unset": ["username", "country", "company", "accounts"]}'));
SELECT history_of(2), (SELECT username IS NOT NULL AND company_id IS NOT NULL AND attrs ? 'country' FROM nectar_history.connection_state WHERE id = connection(2));
SELECT receive('{"body": "{\"eventType\": \"connection.updated.v2\", \"id\": \"d0000000-0000-4000-8000-000000000002\", \"status\": \"TIRED\"}"}');
SELECT history_of(2) LIKE 'TIRED since %webhook status CONNECTED TIRED';
-- The provider's words are emptied by null, and kept where an event lacks them.
CREATE FUNCTION words_after(more text, OUT outcome text, OUT words text) LANGUAGE plpgsql AS $$
BEGIN
    outcome := receive(jsonb_build_object('body',
        '{"eventType": "connection.updated.v2", "id": "d0000000-0000-4000-8000-000000000002", "status": "TIRED"' || more || '}'));
    SELECT coalesce(status_error_detail, 'none') INTO words FROM nectar_history.connection_state WHERE id = utility.connection(2);
END $$;
SELECT * FROM words_after(', "statusErrorDetail": "asleep"');
SELECT * FROM words_after('');
SELECT * FROM words_after(', "statusErrorDetail": null');
SELECT v, receive(jsonb_build_object('body', v)) FROM unnest(ARRAY[
    '{"eventType": "document.created.v2", "id": "d1", "connectionId": "d0000000-0000-4000-8000-000000000002"}',
    '{"eventType": "document.deleted.v2", "id": 7}', '{"eventType": "connection.updated.v3", "id": "d0000000-0000-4000-8000-000000000002", "status": "CONNECTED"}',
    '{"eventType": {"a": 1}}', '{}', '[]', '7', 'null',
    '{"eventType": "connection.updated.v2"}', '{"eventType": "connection.updated.v2", "id": "no uuid"}',
    '{"eventType": "connection.created.v2", "id": "d0000000-0000-4000-8000-000000000002", "created": "yesterday", "protectedChanges": "all", "old": null}',
    '{"eventType": "connection.updated.v2", "id": "d0000000-0000-4000-8000-000000000002", "accounts": [{"id": null}]}']) v;
SELECT event_type, connection_id, company_id, protected_changes, old IS NULL, outcome FROM nectar_history.webhook_event
 WHERE outcome = 'kept' OR outcome LIKE 'unreadable%' ORDER BY received_at;

-- Accounts have times of their own.
SELECT receive(jsonb_build_object('body', jsonb_build_object('eventType', 'connection.updated.v2', 'id', connection(2), 'accounts', jsonb_build_array(
    jsonb_build_object('id', account(2), 'status', 'OLD_ACCOUNT', 'statusLastUpdateTime', '2026-02-01T00:00:00Z')))::text));
SELECT status, account_number <> '' FROM nectar_history.account_state WHERE id = account(2);
SELECT count(*) FROM nectar_history.account_state WHERE connection_id = connection(2) AND gone_at IS NOT NULL;
SELECT kind, change, new_status, source FROM nectar_history.status_event WHERE account_id = account(2) ORDER BY id;

-- What an older event says of an account that shows no time is as old as the event, whenever it was sent; a time that is newer counts.
SELECT minute, at, receive(event(2, 'CONNECTED', minute) || jsonb_build_object('set',
           event(2, 'CONNECTED', minute) -> 'set' || jsonb_build_object('accounts', jsonb_build_array(
               jsonb_strip_nulls(jsonb_build_object('id', account(2), 'trackingStatus', tracking, 'statusLastUpdateTime', at))))))
  FROM (VALUES (80, 'DISABLED', NULL), (75, 'ENABLED', NULL), (75, 'UNSET', '2026-02-02T00:00:00Z')) t(minute, tracking, at);
SELECT old_tracking, new_tracking FROM nectar_history.status_event WHERE account_id = account(2) AND change = 'tracking' ORDER BY id;

-- Polling beside: what a webhook told is known, and the other way round.
SELECT connections > 0, gone FROM observe();
SELECT test.status(connection(3), 'URL_INACCESSIBLE') \gset
SELECT receive(jsonb_build_object('connection', connection(3)));
SELECT changes FROM observe();
SELECT test.status(connection(3), 'CONNECTED', now() + interval '1 minute') \gset
SELECT changes FROM observe();
SELECT receive(jsonb_build_object('connection', connection(3)));
SELECT string_agg(concat_ws(' ', source, new_status), ', ' ORDER BY id) FROM nectar_history.status_event WHERE connection_id = connection(3);

-- What has gone since an event was sent, it does not bring back; a later one does.
SELECT test.gone('connection', connection(6)) \gset
SELECT gone > 0 FROM observe();
SELECT receive(jsonb_build_object('age', age, 'body', format('{"eventType": "connection.updated.v2", "id": "%s", "status": "CONNECTED", "updated": "%s"}',
       connection(6), to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')))) FROM unnest(ARRAY[200, 0]) age;
SELECT string_agg(concat_ws(' ', source, change), ', ' ORDER BY id) FROM nectar_history.status_event WHERE connection_id = connection(6) AND kind = 'connection';
SELECT test.gone('connection', connection(6), false) \gset

-- Outside the scope: that it came, nothing of it.
ALTER SERVER sandbox OPTIONS (ADD company_ids 'c0000000-0000-4000-8000-000000000002');
SELECT receive(event(4, 'WEBSITE_DOWN', 10, '{"id": "msg_outside", "old": {"status": "CONNECTED"}}'));
SELECT outcome, body, old FROM nectar_history.webhook_event WHERE svix_id = 'msg_outside';
SELECT status FROM nectar_history.connection_state WHERE id = connection(4) AND status = 'WEBSITE_DOWN';
SELECT receive(event(14, 'WEBSITE_DOWN', 10));
ALTER SERVER sandbox OPTIONS (DROP company_ids);

-- PostgREST's way: the body as the one argument, headers in a setting.
SELECT attempt($$SELECT nectar.receive_webhook('{}')$$, ' / ');
SELECT set_config('request.headers', jsonb_build_object('svix-id', w ->> 'id', 'svix-timestamp', w ->> 'timestamp', 'svix-signature', w ->> 'signature', 'host', 'x')::text, false) AS headers,
       w ->> 'body' AS body FROM test.webhook(jsonb_build_object('secret', :'secret') || event(5, 'OTHER_ERROR', 10)) w \gset
SELECT nectar.receive_webhook(:'body');
SELECT nectar.receive_webhook(:'body');
SELECT attempt(format('SELECT nectar.receive_webhook(%L)', :'body' || ' '), ' / ');
RESET request.headers;

-- Another history, by name.
SELECT nectar.create_history('Other "history"');
SELECT nectar.receive_webhook(w ->> 'body', w ->> 'id', w ->> 'timestamp', w ->> 'signature', 'sandbox', 'Other "history"')
  FROM test.webhook(jsonb_build_object('secret', :'secret') || event(2, 'OTHER_ERROR', 80)) w;
SELECT status FROM "Other ""history""".connection_state;
-- nothing was asked of the API but by polling
SELECT DISTINCT request LIKE '/company%' OR request LIKE '/connection/company/%' FROM seen() WHERE request NOT LIKE '%/details' AND request NOT LIKE '/ping';
SET client_min_messages = error;
DROP SCHEMA nectar_history, "Other ""history""" CASCADE;
