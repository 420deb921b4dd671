-- The table of invitations: rows, plans and requests of each route, a list
-- whose shape nobody documented, labels, values, and no secrets.
\i test/lib/setup.sql
\i test/lib/outcome.sql
CREATE FUNCTION utility.invitation(n int) RETURNS uuid IMMUTABLE LANGUAGE sql
    AS $$ SELECT ('f0000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
-- Five of company 1, one of them to reconnect, and one of company 2.
SELECT count(*) FROM generate_series(1, 3) n, invite_to_connect(company(1), ARRAY['user' || n || '@a.example', 'x@b.example'], '1 day', n);
SELECT id FROM invite_to_connect(company(1), prefill_country => 'DE', prefill_url => 'https://portal.example');
SELECT id FROM invite_to_reconnect(connection(4));
SELECT id FROM invite_to_connect(company(2));
SELECT revoke_invitation(invitation(2)) ->> 'status' AS status;

-- By id, by company, without a clause.
SELECT test.clear() \gset
SELECT id, company_id, connection_id, invitation_type, status, allowed_emails, expires_at - created_at AS lives, max_uses, use_count FROM invitations WHERE id = invitation(1);
SELECT * FROM seen();
SELECT id, connection_id, invitation_type, status, allowed_emails, max_uses, expires_at IS NULL AS endless FROM invitations WHERE company_id = company(1) ORDER BY id;
SELECT * FROM seen();
SELECT company_id, count(*), count(*) FILTER (WHERE created_at > now() - interval '1 day') AS new FROM invitations GROUP BY 1 ORDER BY 1;
SELECT * FROM seen();
SELECT id FROM invitations WHERE id IN (invitation(6), invitation(1), invitation(6), NULL) ORDER BY id;
SELECT count(*) FROM invitations WHERE company_id = ANY (ARRAY[company(1), company(2), company(1)]);
SELECT * FROM seen();
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM invitations WHERE id = invitation(1);
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM invitations WHERE company_id = company(1) AND status = 'ACTIVE' AND connection_id IS NULL;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM invitations WHERE status <> 'ACTIVE';
SELECT * FROM seen();
-- What does not exist: no row.  What the query contradicts: no request.
SELECT count(*) FROM invitations WHERE id IN (invitation(15), connection(1));
SELECT count(*) FROM invitations WHERE company_id = company(15);
SELECT count(*) FROM invitations WHERE company_id = company(3);
SELECT * FROM seen();
SELECT count(*) FROM invitations WHERE company_id = company(1) AND company_id = company(2);
SELECT count(*) FROM invitations WHERE id = NULL;
SELECT * FROM seen();
-- Any two routes give the same rows.
SELECT count(*) FROM (SELECT i::text FROM invitations i WHERE company_id IN (company(1), company(2)) EXCEPT SELECT i::text FROM invitations i) d;
SELECT count(*) FROM (SELECT i::text FROM invitations i EXCEPT SELECT i::text FROM invitations i WHERE id = ANY (ARRAY(SELECT invitation(n) FROM generate_series(1, 9) n))) d;
-- Counts read the lists, which state no totals to rely on; a LIMIT asks no more companies than it needs.
EXPLAIN (VERBOSE, COSTS OFF) SELECT count(*) FROM invitations WHERE company_id = company(1);
SELECT test.clear() \gset
SELECT count(*) FROM invitations WHERE company_id = company(1);
SELECT * FROM seen();
SELECT id FROM invitations LIMIT 2;
SELECT * FROM seen();
SELECT count(*) FROM (SELECT 1 FROM invitations LIMIT 6) l;
SELECT count(*) FROM test.requests();
-- Joined with what it is about, and with the companies: one list each.
SELECT test.clear() \gset
SELECT i.id, c.status, c.company_name FROM invitations i JOIN connections c ON c.id = i.connection_id AND c.company_id = i.company_id WHERE i.company_id = company(1);
SELECT * FROM seen();
SELECT i.id, c.name FROM companies c JOIN invitations i ON i.company_id = c.id WHERE c.id = company(2);
SELECT * FROM seen();
-- A statement that asks twice is answered once.
SELECT count(*) FROM invitations a JOIN invitations b USING (id) WHERE a.company_id = company(1) AND b.company_id = company(1);
SELECT * FROM seen();
-- An act shows in the next statement of the same transaction.
BEGIN;
SELECT status FROM invitations WHERE id = invitation(3);
SELECT revoke_invitation(invitation(3)) IS NULL AS empty;
SELECT status FROM invitations WHERE id = invitation(3);
ROLLBACK;
SELECT status FROM invitations WHERE id = invitation(3);

-- The scope holds on every route.
ALTER FOREIGN TABLE invitations OPTIONS (ADD company_ids 'c0000000-0000-4000-8000-000000000002');
SELECT test.clear() \gset
SELECT id FROM invitations;
SELECT id FROM invitations WHERE id IN (invitation(1), invitation(6));
SELECT id FROM invitations WHERE company_id = company(1);
SELECT * FROM seen();
SELECT test.fault('{"kind": "patch", "path": "/invitation/f*", "unset": ["companyId"]}') \gset
SELECT * FROM outcome('SELECT id FROM invitations WHERE id = invitation(6)');
SELECT test.faults_clear() \gset
-- A list that holds another company's invitation does not let it in; one that names no company is of the one asked for.
SELECT test.fault(jsonb_build_object('kind', 'patch', 'path', '/invitation/company/*', 'set', jsonb_build_object('companyId', company(1)))) \gset
SELECT count(*) FROM invitations;
SELECT test.faults_clear() \gset
SELECT test.fault('{"kind": "patch", "path": "/invitation/company/*", "unset": ["companyId"]}') \gset
SELECT id, company_id FROM invitations;
SELECT test.faults_clear() \gset
ALTER FOREIGN TABLE invitations OPTIONS (DROP company_ids);
ALTER SERVER sandbox OPTIONS (ADD company_ids 'c0000000-0000-4000-8000-000000000002');
SELECT id FROM invitations;
SELECT id FROM invitations WHERE id IN (invitation(1), invitation(6));
ALTER SERVER sandbox OPTIONS (DROP company_ids);
-- Another invitation than the one asked for.
SELECT test.fault(jsonb_build_object('kind', 'patch', 'path', '/invitation/f*', 'set', jsonb_build_object('id', invitation(6)))) \gset
SELECT * FROM outcome('SELECT id FROM invitations WHERE id = invitation(1)');
SELECT test.faults_clear() \gset

-- In an envelope and in pages: the same rows, further pages where there are some.
CREATE TABLE utility.bare AS SELECT i::text AS row FROM invitations i;
SELECT test.fault('{"kind": "invitation_pages", "per_page": 2}'), test.clear() \gset
SELECT count(*) FROM (SELECT i::text FROM invitations i EXCEPT SELECT row FROM bare) d;
SELECT * FROM seen();
SELECT count(*) FROM (SELECT row FROM bare EXCEPT SELECT i::text FROM invitations i) d;
SELECT count(*) FROM invitations WHERE company_id = company(1);
SELECT test.clear() \gset
SELECT count(*) FROM (SELECT 1 FROM invitations WHERE company_id = company(1) LIMIT 2) l;
SELECT * FROM seen();
SELECT test.faults_clear() \gset

-- Envelopes by hand: invitations first..last of company 1 in one page.
CREATE FUNCTION utility.items(first int, last int) RETURNS jsonb LANGUAGE sql AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('id', invitation(n), 'companyId', company(1), 'status', 'ACTIVE')), '[]') FROM generate_series(first, last) n $$;
CREATE FUNCTION utility.paging(page int, pages int, total int, per_page int, has_next bool) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('totalInvitations', total, 'perPage', per_page, 'totalPages', pages, 'currentPage', page, 'hasNext', has_next) $$;
CREATE FUNCTION utility.tried(VARIADIC bodies jsonb[], OUT state text, OUT detail text, OUT requests bigint) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM test.fault(jsonb_build_object('kind', 'body', 'path', '/invitation/company/*', 'body', body::text,
                                          'query', CASE n WHEN 1 THEN '' ELSE '*page=' || n END))
       FROM unnest(bodies) WITH ORDINALITY AS b(body, n);
    PERFORM test.clear();
    SELECT b.state, regexp_replace(b.detail, ' rows .*', ' rows') INTO state, detail
      FROM brief('SELECT id FROM invitations WHERE company_id = company(1)') b;
    SELECT count(*) INTO requests FROM test.requests();
    PERFORM test.faults_clear();
END $$;
\pset format unaligned
-- Taken: a list by its likely name or as the only array, whatever stands beside it.
SELECT t.*, shape FROM (VALUES
    (1, jsonb_build_object('invitations', items(1, 2))),
    (2, jsonb_build_object('results', items(1, 3))),
    (3, jsonb_build_object('invitations', items(1, 2), 'warnings', '[]'::jsonb)),
    (4, jsonb_build_object('invitations', items(1, 0))),
    (5, jsonb_build_object('data', items(1, 0), 'hasNext', false)),
    (6, jsonb_build_object('data', items(1, 2), 'next', NULL, 'hasMore', false, 'meta', '{"next_cursor": ""}'::jsonb)),
    (7, paging(1, 1, 2, 100, false) || jsonb_build_object('invitations', items(1, 2))),
    (8, jsonb_build_object('totalPages', 1, 'invitations', items(1, 2))),
    (9, '[]')) AS v(n, shape), LATERAL tried(shape) t ORDER BY n;
-- Refused: no list, an empty array that could be anything, a list that goes on in words of its own.
SELECT t.*, shape FROM (VALUES
    (1, '{"count": 0}'::jsonb),
    (2, '{"items": [], "count": 0}'),
    (3, jsonb_build_object('a', items(1, 1), 'b', items(2, 2))),
    (4, '{"invitations": {}}'),
    (5, '{"invitations": null, "hasNext": false}'),
    (6, jsonb_build_object('results', items(1, 2), 'next', 'https://api.example/invitation?page=2')),
    (7, jsonb_build_object('data', items(1, 2), 'meta', '{"nextCursor": "abc"}'::jsonb)),
    (8, jsonb_build_object('data', items(1, 2), '_links', '{"next": {"href": "x"}}'::jsonb)),
    (9, jsonb_build_object('data', items(1, 2), 'hasMore', true)),
    (10, jsonb_build_object('invitations', items(1, 2), 'totalInvitations', 5)),
    (11, jsonb_build_object('invitations', items(1, 2), 'totalInvitations', 'x')),
    (12, '"text"'),
    (13, 'null'),
    (14, '[1]')) AS v(n, shape), LATERAL tried(shape) t ORDER BY n;
-- Further pages: by hasNext, by totalPages alone, without currentPage.
SELECT * FROM tried(paging(1, 2, 3, 2, true) || jsonb_build_object('invitations', items(1, 2)),
                    paging(2, 2, 3, 2, false) || jsonb_build_object('invitations', items(3, 3)));
SELECT * FROM tried(jsonb_build_object('totalPages', 2, 'invitations', items(1, 2)), jsonb_build_object('totalPages', 2, 'currentPage', 2, 'invitations', items(3, 3)));
SELECT * FROM tried(jsonb_build_object('hasNext', true, 'invitations', items(1, 2)), jsonb_build_object('hasNext', true, 'invitations', items(3, 4)),
                    jsonb_build_object('hasNext', false, 'invitations', items(5, 5)));
-- Guards: page 1 again, with and without its number; another page; too few, too many; a contradiction; an array in between.
SELECT * FROM tried(paging(1, 2, 3, 2, true) || jsonb_build_object('invitations', items(1, 2)), paging(1, 2, 3, 2, true) || jsonb_build_object('invitations', items(1, 2)));
SELECT * FROM tried(jsonb_build_object('hasNext', true, 'invitations', items(1, 2)), jsonb_build_object('hasNext', false, 'invitations', items(1, 2)));
SELECT * FROM tried(paging(2, 3, 3, 2, true) || jsonb_build_object('invitations', items(1, 2)));
SELECT * FROM tried(paging(1, 2, 3, 2, true) || jsonb_build_object('invitations', items(1, 1)));
SELECT * FROM tried(paging(1, 1, 3, 2, false) || jsonb_build_object('invitations', items(1, 3)));
SELECT * FROM tried(jsonb_build_object('hasNext', true, 'invitations', items(1, 0)));
SELECT * FROM tried(paging(1, 2, 3, 2, false) || jsonb_build_object('invitations', items(1, 2)));
SELECT * FROM tried(paging(1, 2, 4, 2, true) || jsonb_build_object('invitations', items(1, 2)), paging(2, 2, 4, 2, false) || jsonb_build_object('invitations', items(3, 3)));
SELECT * FROM tried(jsonb_build_object('hasNext', true, 'invitations', items(1, 2)), items(3, 4));
\pset format aligned
-- The list shrank, or changed, while it was read: warnings.
SELECT * FROM tried(paging(1, 2, 3, 2, true) || jsonb_build_object('invitations', items(1, 2)), paging(1, 1, 2, 2, false) || jsonb_build_object('invitations', items(1, 2)));
SELECT * FROM tried(paging(1, 2, 3, 2, true) || jsonb_build_object('invitations', items(1, 2)), paging(2, 2, 4, 2, false) || jsonb_build_object('invitations', items(3, 4)));
-- A 404 of a company that was just listed is worth a warning; HTML, broken JSON and a page of something else are errors.
SELECT test.fault(jsonb_build_object('kind', 'not_found', 'path', '/invitation/company/' || company(1))) \gset
SELECT count(*) FROM invitations;
SELECT test.faults_clear() \gset
CREATE FUNCTION utility.failures(OUT fault text, OUT state text, OUT detail text) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
    FOREACH fault IN ARRAY '{html,malformed,truncate,wrong_envelope,not_found_html}'::text[] LOOP
        PERFORM test.fault(jsonb_build_object('kind', fault, 'path', '/invitation/company/*'));
        SELECT b.* INTO state, detail FROM brief('SELECT id FROM invitations WHERE company_id = company(1)') b;
        PERFORM test.faults_clear();
        RETURN NEXT;
    END LOOP;
END $$;
SELECT * FROM failures();

-- Labels that the types lack: NULL with one warning each, the label in attrs; or an error; or text.
SELECT test.fault('{"kind": "patch", "path": "/invitation/f*", "set": {"status": "PAUSED", "invitationType": "DELETE_CONNECTION"}}') \gset
SELECT id, status, invitation_type, attrs ->> 'status' AS label, attrs ->> 'invitationType' AS type FROM invitations WHERE id IN (invitation(1), invitation(2)) ORDER BY id;
ALTER FOREIGN TABLE invitations OPTIONS (ADD on_unknown_status 'error');
SELECT id FROM invitations WHERE id = invitation(1);
SELECT * FROM outcome('SELECT status FROM invitations WHERE id = invitation(1)');
SELECT * FROM outcome('SELECT invitation_type FROM invitations WHERE id = invitation(1)');
ALTER FOREIGN TABLE invitations OPTIONS (DROP on_unknown_status);
CREATE SCHEMA worded;
IMPORT FOREIGN SCHEMA nectar LIMIT TO (invitations) FROM SERVER sandbox INTO worded OPTIONS (status_type 'text');
SELECT id, status, invitation_type FROM worded.invitations WHERE id = invitation(1);
SELECT test.faults_clear() \gset
-- Values: missing, null, in quotes, beyond their type.
CREATE FUNCTION utility.read(members jsonb, columns text, body text DEFAULT NULL, OUT state text, OUT detail text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM test.fault(jsonb_build_object('path', '/invitation/f*') || CASE WHEN body IS NULL
                       THEN jsonb_build_object('kind', 'patch', 'set', members) ELSE jsonb_build_object('kind', 'body', 'body', body) END);
    BEGIN
        EXECUTE format('SELECT ''ok'', row(%s)::text FROM invitations WHERE id = invitation(1)', columns) INTO state, detail;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL;
    END;
    PERFORM test.faults_clear();
END $$;
SELECT value, r.* FROM unnest(ARRAY['0', '-1', '7.0', '"12"', '2147483647', '-2147483648', 'null', '2147483648', '-2147483649', '99999999999999999999', '7.5', '1e2',
        '""', '" 7"', '"+7"', '"0x7"', '"7."', '"x"', 'true', '[]', '{}']) WITH ORDINALITY v(value, n),
    LATERAL read('{}', 'max_uses', format('{"id": "%s", "maxUses": %s}', invitation(1), value)) r ORDER BY n;
SELECT * FROM read('{"useCount": null, "allowedEmails": null, "expiresAt": null, "createdAt": null, "status": null, "invitationType": null, "connectionId": null}',
                   'use_count, allowed_emails, expires_at, created_at, status, invitation_type, connection_id');
SELECT * FROM read('{"expiresAt": "2026-03-01T12:00:00.123456789", "allowedEmails": ["a@b", null]}', 'expires_at, allowed_emails');
SELECT * FROM read('{"expiresAt": "soon"}', 'expires_at');
SELECT * FROM read('{"connectionId": "x"}', 'connection_id');
CREATE FOREIGN TABLE utility.loose (id text, max_uses text, use_count varchar, prefill_url text OPTIONS (json_path 'prefill.url'), uses int OPTIONS (json_path 'useCount'),
    made jsonb OPTIONS (json_path 'createdConnections')) SERVER sandbox OPTIONS (resource 'invitations');
SELECT * FROM loose WHERE id = invitation(4)::text;
SELECT * FROM outcome('CREATE FOREIGN TABLE utility.wrong (id uuid, max_uses bigint) SERVER sandbox OPTIONS (resource ''invitations''); SELECT * FROM wrong');
-- What was made with it is in attrs.
SELECT test.fault(jsonb_build_object('kind', 'patch', 'path', '/invitation/f*', 'set', jsonb_build_object('status', 'FULFILLED', 'useCount', 1, 'createdConnections',
    jsonb_build_array(jsonb_build_object('id', connection(2), 'datasourceName', 'PG&E', 'status', 'PENDING', 'created', '2026-01-02T03:04:05Z'))))) \gset
SELECT status, use_count, attrs -> 'createdConnections' AS made FROM invitations WHERE id = invitation(1);
SELECT made FROM loose WHERE id = invitation(1)::text;
SELECT test.faults_clear() \gset

-- No token and no URL, in any column, under any name, at any depth.
SELECT test.fault('{"kind": "patch", "path": "/invitation/*", "set": {
    "token": "s3cr3t-1", "invitationUrl": "https://dash.nectarclimate.com/p/i/s3cr3t-2", "invitationToken": "s3cr3t-3", "invitation_url": {"href": "s3cr3t-4"},
    "shareLink": "https://dash.nectarclimate.com/p/i/s3cr3t-5", "inviteUrl": "https://go.example/s3cr3t-6", "inviteLink": "s3cr3t-7", "invitationLinks": ["s3cr3t-8"],
    "prefill": {"url": "https://dash.nectarclimate.com/p/i/s3cr3t-9", "accessToken": "s3cr3t-10", "country": "DE", "more": {"password": "s3cr3t-11", "kept": 1}},
    "allowedEmails": ["a@b.example", "https://dash.nectarclimate.com/p/i/s3cr3t-12"],
    "createdConnections": [{"id": "d0000000-0000-4000-8000-000000000002", "connectionMagicLinkSecret": "s3cr3t-13", "status": "PENDING"}]}}') \gset
SELECT allowed_emails, attrs -> 'prefill' AS prefill, attrs -> 'createdConnections' AS made,
       ARRAY(SELECT jsonb_object_keys(attrs) EXCEPT SELECT unnest('{id,status,maxUses,useCount,companyId,createdAt,expiresAt,connectionId,invitationType}'::text[]) ORDER BY 1) AS others
  FROM invitations WHERE id = invitation(1);
SELECT count(*), bool_or(i::text LIKE '%s3cr3t%') AS shows FROM invitations i;
CREATE FOREIGN TABLE utility.peek (id uuid, share text OPTIONS (json_path 'shareLink'), prefill jsonb OPTIONS (json_path 'prefill'), prefill_text text OPTIONS (json_path 'prefill'),
    prefill_url text OPTIONS (json_path 'prefill.url'), emails text[] OPTIONS (json_path 'allowedEmails'), made jsonb[] OPTIONS (json_path 'createdConnections'))
    SERVER sandbox OPTIONS (resource 'invitations');
SELECT * FROM peek WHERE id = invitation(1);
SELECT bool_or(p::text LIKE '%s3cr3t%') AS shows FROM peek p;
SELECT test.faults_clear() \gset
SELECT path, attempt(format('CREATE FOREIGN TABLE utility.bad (id uuid, c text OPTIONS (json_path %L)) SERVER sandbox OPTIONS (resource ''invitations'')', path), ' / ')
  FROM unnest('{token,invitationUrl,prefill.accessToken,inviteLink,createdConnections.connectionMagicLinkSecret}'::text[]) path;
-- Broken beside its secret.
SELECT test.fault(jsonb_build_object('kind', 'body', 'path', '/invitation/f*', 'body', '{"id": "f0000000-0000-4000-8000-000000000001", "token": "s3cr3t", "createdAt": "https://dash.nectarclimate.com/p/i/s3cr3t", "useCount": "s3"}')) \gset
SELECT * FROM outcome('SELECT * FROM invitations WHERE id = invitation(1)');
SELECT test.faults_clear() \gset
DROP SCHEMA worded CASCADE;
