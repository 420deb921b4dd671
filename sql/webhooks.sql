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
