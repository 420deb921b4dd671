-- A history: tables of the caller's that observe() fills, what counts as a
-- change, and the views.  What two sessions do at once is in test/t/024_history.pl.
\i test/lib/setup.sql
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS kept CASCADE;
SET search_path = utility, nectar, public;
-- It is made, and made again.
SELECT create_history('kept');
SELECT create_history('kept');
SELECT c.relname, c.relkind AS kind, obj_description(c.oid, 'pg_class') AS comment
  FROM pg_class c WHERE c.relnamespace = 'kept'::regnamespace AND c.relkind IN ('r', 'v') ORDER BY c.relkind, c.relname;
SELECT c.relname AS column_without_comment, a.attname
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
 WHERE c.relnamespace = 'kept'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND col_description(c.oid, a.attnum) IS NULL;
-- The columns of the foreign tables, and of the history.
SELECT relname, string_agg(attname, ' ' ORDER BY attnum) AS own_columns
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
 WHERE c.relnamespace = 'kept'::regnamespace AND c.relkind = 'r' AND relname LIKE '%_state' AND attnum > 0
   AND attname NOT IN (SELECT attname FROM pg_attribute WHERE attrelid IN ('connections'::regclass, 'accounts'::regclass))
 GROUP BY relname ORDER BY relname;
-- Nothing of it needs the extension.
SELECT count(*) AS dependencies
  FROM pg_depend d
 WHERE d.classid IN ('pg_class'::regclass, 'pg_rewrite'::regclass, 'pg_attrdef'::regclass)
   AND (d.objid IN (SELECT oid FROM pg_class WHERE relnamespace = 'kept'::regnamespace)
        OR d.objid IN (SELECT r.oid FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class WHERE c.relnamespace = 'kept'::regnamespace))
   AND EXISTS (SELECT FROM pg_depend m WHERE m.deptype = 'e' AND m.classid = d.refclassid AND m.objid = d.refobjid
                AND m.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'connection_fdw'));
SELECT count(*) AS facts FROM kept.status_fact;

-- Events, less their times, with the last digits of the id.
CREATE FUNCTION utility.events(after bigint DEFAULT 0,
        OUT id bigint, OUT source text, OUT kind text, OUT change text, OUT n text, OUT company_name text,
        OUT statuses text, OUT tracking text) RETURNS SETOF record
    LANGUAGE sql AS $$
    SELECT id, source, kind, change, ltrim(right(coalesce(account_id, connection_id)::text, 4), '0'), company_name,
           coalesce(old_status, '-') || ' > ' || coalesce(new_status, '-'),
           coalesce(old_tracking, '-') || ' > ' || coalesce(new_tracking, '-')
      FROM kept.status_event WHERE id > after ORDER BY id $$;

-- The first pass reads each listing once and records no change.
SELECT test.clear() AS nothing \gset
SELECT * FROM observe(history => 'kept');
SELECT * FROM seen();
SELECT count(*) AS events FROM kept.status_event;
-- The rows are those of the foreign tables.
SELECT count(*) AS same
  FROM connections c JOIN kept.connection_state s ON to_jsonb(c) = to_jsonb(s) - '{server,first_seen,last_seen,gone_at,status_since}'::text[];
SELECT count(*) AS same
  FROM accounts a JOIN kept.account_state s ON to_jsonb(a) = to_jsonb(s) - '{server,first_seen,last_seen,gone_at,status_since}'::text[];
SELECT count(*) FROM kept.connection_state WHERE status_since IS DISTINCT FROM status_first_seen_time OR gone_at IS NOT NULL;
SELECT server, company_id, connections, accounts FROM kept.observation ORDER BY company_id;

-- Another pass writes nothing.
CREATE VIEW utility.versions AS
    SELECT 'c' AS kind, ctid AS place, xmin::text AS version FROM kept.connection_state
    UNION ALL SELECT 'a', ctid, xmin::text FROM kept.account_state;
CREATE TEMPORARY TABLE before AS SELECT * FROM versions;
SELECT connections, accounts, changes, gone FROM observe(history => 'kept');
SELECT count(*) AS rows, count(*) FILTER (WHERE b IS NULL OR v IS NULL) AS written
  FROM before b FULL JOIN versions v USING (kind, place, version);
DROP VIEW versions;

-- What changes is an event, once, with the times that the API says.
SELECT test.status(connection(2), 'PASSWORD_INCORRECT', '2026-03-01 10:00+00') AS nothing \gset
SELECT test.account_status(account(2), 'OLD_ACCOUNT', 'DISABLED', '2026-03-01 11:00+00') AS nothing \gset
SELECT test.account_status(account(3), NULL, 'DISABLED', '2026-03-01 11:00+00') AS nothing \gset
SELECT connections, accounts, changes, gone FROM observe(history => 'kept');
SELECT connections, accounts, changes, gone FROM observe(history => 'kept');
SELECT * FROM events();
SELECT id, old_since::date, new_since::date, remote_time::date FROM kept.status_event ORDER BY id;
SELECT status, status_category, needs_user_action, status_since::date, last_seen > first_seen AS written FROM kept.connection_state WHERE id = connection(2);

-- A status that changed and came back between two looks: nobody saw that, so it holds without a break.
SELECT status, status_since AS since FROM kept.connection_state WHERE id = connection(9) \gset
SELECT test.status(connection(9), :'status', '2026-03-02 10:00+00') AS nothing \gset
UPDATE kept.connection_state SET first_seen = '2026-02-20' WHERE company_id = company(1);
SELECT count(DISTINCT connections) AS counts FROM kept.health_daily WHERE company_id = company(1);
SELECT changes FROM observe(history => 'kept');
SELECT status_since = :'since' AS same, status_first_seen_time::date FROM kept.connection_state WHERE id = connection(9);
SELECT count(DISTINCT connections) AS counts FROM kept.health_daily WHERE company_id = company(1);

-- A connection goes, its accounts with it; what appears later is an event; an account goes.
SELECT test.gone('connection', connection(3)) AS nothing \gset
SELECT test.gone('account', account(1)) AS nothing \gset
SELECT status FROM create_connection(company(2), 'https://x.example', 'u', 'p', country => 'DE');
SELECT connections, changes, gone FROM observe(history => 'kept');
SELECT * FROM events(3);
-- All in one transaction: it comes back, and a second pass sees that nothing changed.
SELECT test.gone('connection', connection(3), false) AS nothing \gset
BEGIN;
SELECT connections, changes, gone FROM observe(history => 'kept');
SELECT connections, changes, gone FROM observe(history => 'kept');
COMMIT;
SELECT change, count(*) FROM events((SELECT max(id) FROM kept.status_event WHERE change = 'appeared')) GROUP BY 1 ORDER BY 1;
SELECT status, gone_at, status_since > first_seen AS since_it_returned FROM kept.connection_state WHERE id = connection(3);

-- One company alone: nothing else counts as gone.
SELECT connections, changes, gone, requests FROM observe(company_id => company(2), history => 'kept');
-- A listing that shrinks while it is read marks nothing.
ALTER SERVER sandbox OPTIONS (ADD page_size '5');
SELECT test.fault('{"kind": "shrink", "path": "/connection/company/*1", "query": "*page=2*"}') AS nothing \gset
SET client_min_messages = error;
SELECT connections < 12 AS partial, gone FROM observe(company_id => company(1), history => 'kept');
SELECT test.faults_clear() AS nothing \gset
ALTER SERVER sandbox OPTIONS (DROP page_size);
-- An account that moves while it is read is listed by two connections: it is one.
SELECT test.fault(format('{"kind": "patch", "path": "/connection/company/*2", "set": {"accounts": [{"id": "%s", "status": "DETECTED"}]}}',
                         account(2457))::jsonb) AS nothing \gset
SELECT test.fault(format('{"kind": "patch", "path": "/connection/company/*1", "set": {"accounts": [{"id": "%s", "status": "DETECTED"}]}}',
                         account(2457))::jsonb) AS nothing \gset
SELECT accounts, changes, gone FROM observe(history => 'kept');
SELECT test.faults_clear() AS nothing \gset
SELECT accounts, changes, gone FROM observe(history => 'kept');
SET client_min_messages = warning;
-- company_ids leaves companies out: they have not gone.
ALTER SERVER sandbox OPTIONS (ADD company_ids 'c0000000-0000-4000-8000-000000000001');
SELECT connections, gone FROM observe(history => 'kept');
ALTER SERVER sandbox OPTIONS (DROP company_ids);
-- A company that is no longer listed takes its connections with it.
SELECT test.fault('{"kind": "body", "path": "/company", "body": "[{\"id\": \"c0000000-0000-4000-8000-000000000001\", \"name\": \"Acme\"}]"}') AS nothing \gset
SELECT connections, gone > 49 AS many FROM observe(history => 'kept');
SELECT count(*) AS companies FROM kept.observation;
SELECT company_name, count(*) FILTER (WHERE gone_at IS NULL) AS here FROM kept.connection_state GROUP BY 1 ORDER BY 1;
SELECT test.faults_clear() AS nothing \gset
SELECT connections, changes > 49 AS many, gone FROM observe(history => 'kept');

-- A failure anywhere leaves everything as it was.
SELECT test.status(connection(4), 'CONNECTED') AS nothing \gset
SELECT test.fault('{"kind": "status", "status": 500, "path": "/connection/company/*5"}') AS nothing \gset
SELECT attempt('SELECT observe(history => ''kept'')', ' / ') AS failure;
SELECT test.faults_clear() AS nothing \gset
SELECT status FROM kept.connection_state WHERE id = connection(4);
SELECT changes FROM observe(history => 'kept');

-- What shows an older time is older; after a day it is believed.
SELECT test.account_status(account(2), 'PULL_COMPLETED', NULL, '2026-02-01 11:00+00') AS nothing \gset
SELECT changes FROM observe(history => 'kept');
SELECT status, status_since::date FROM kept.account_state WHERE id = account(2);
UPDATE kept.account_state SET last_seen = last_seen - interval '25 hours' WHERE id = account(2);
SELECT changes FROM observe(history => 'kept');
SELECT status, status_since > last_seen - interval '1 minute' AS since_now FROM kept.account_state WHERE id = account(2);

-- A status that no version knows is recorded as it is.
SELECT test.status(connection(5), 'ON_HOLD', '2026-04-01 10:00+00') AS nothing \gset
SELECT changes FROM observe(history => 'kept');
SELECT status, status_category FROM kept.connection_state WHERE id = connection(5);

-- Who must act.
SELECT who, category, status, count(*) FROM kept.attention GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT who, since, waiting = now() - since AS waiting, guidance, owner FROM kept.attention WHERE connection_id = connection(5);
-- An error of a provider is not for support before two weekly checks.
SELECT test.status(connection(8), 'URL_INACCESSIBLE') AS nothing \gset
SELECT changes FROM observe(history => 'kept');
SELECT count(*) FROM kept.attention WHERE connection_id = connection(8);

-- Episodes, from a history written by hand.
TRUNCATE kept.status_event;
UPDATE kept.observation SET known_since = '2026-01-01';
UPDATE kept.connection_state SET first_seen = '2026-01-01', status_since = '2026-01-01', status_first_seen_time = '2026-01-01';
INSERT INTO kept.status_event (observed_at, source, server, kind, change, connection_id, company_id, old_status, new_status, old_since, new_since)
SELECT new_since, 'poll', 'sandbox', 'connection', CASE WHEN new_status IS NULL THEN 'gone' ELSE 'status' END,
       connection(n), company(1), old_status, new_status, old_since::timestamptz, new_since
  FROM (VALUES (4, 'CONNECTED', 'PASSWORD_INCORRECT', '2026-01-02', '2026-01-10 12:00'::timestamptz),
               (4, 'PASSWORD_INCORRECT', 'MFA_TOKEN_EXPIRED', '2026-01-10 12:00', '2026-01-11 12:00'),
               (4, 'MFA_TOKEN_EXPIRED', 'WEBSITE_DOWN', '2026-01-11 12:00', '2026-01-12 12:00'),
               (4, 'WEBSITE_DOWN', 'CONNECTED', '2026-01-12 12:00', '2026-01-13 12:00'),
               (4, 'CONNECTED', 'PASSWORD_INCORRECT', '2026-01-13 12:00', '2026-01-15 12:00'),
               (4, 'PASSWORD_INCORRECT', 'CONNECTED', '2026-01-15 12:00', '2026-01-21 12:00'),
               (6, 'NEW_PASSWORD_NEEDED', NULL, '2026-01-03', '2026-01-05')) v(n, old_status, new_status, old_since, new_since);
UPDATE kept.connection_state SET status = 'CONNECTED', status_since = '2026-01-21 12:00', datasource_name = 'Provider' WHERE id = connection(4);
UPDATE kept.connection_state SET gone_at = '2026-01-05', datasource_name = 'Provider' WHERE id = connection(6);
SELECT status, category, since, until, next_status FROM kept.connection_timeline WHERE connection_id = connection(4) ORDER BY since;
SELECT datasource_name, category, episodes, open, resolved, median, p90, longest FROM kept.resolution_times WHERE datasource_name = 'Provider';
SELECT day, company_name, healthy, credential_error, provider_error, system, unknown, connections
  FROM kept.health_daily WHERE company_id = company(1) AND day BETWEEN '2026-01-01' AND '2026-01-13' ORDER BY day;
SELECT max(day) = current_date AS until_today, count(DISTINCT company_id) AS companies FROM kept.health_daily;

-- Forgetting leaves what there is.
SELECT forget('2026-01-15', 'kept');
SELECT min(day), max(day) = current_date AS until_today FROM kept.health_daily WHERE company_id = company(1);
SELECT count(*) AS events FROM kept.status_event;
SELECT count(*) FILTER (WHERE id = connection(6)) AS forgotten, count(*) FILTER (WHERE gone_at IS NULL) AS here FROM kept.connection_state;
SELECT attempt('SELECT forget(NULL, ''kept'')', ' / ');

-- What a history of an older version lacks is added; what it holds stays.
ALTER TABLE kept.account_state DROP COLUMN account_number CASCADE;
ALTER TABLE kept.status_event DROP COLUMN remote_time CASCADE;
SELECT attempt('SELECT observe(history => ''kept'')', ' / ');
SELECT create_history('kept');
SELECT connections, changes FROM observe(history => 'kept', company_id => company(3));
SELECT count(account_number) AS filled, count(*) FROM kept.account_state WHERE company_id = company(3);

-- Refused.
SELECT attempt('SELECT observe()', ' / ');
SELECT attempt('SELECT observe(history => NULL)', ' / ');
SELECT attempt('SELECT observe(''nowhere'', history => ''kept'')', ' / ');
SELECT attempt('SELECT create_history(NULL)', ' / ');
SELECT attempt('SELECT create_history(''pg_catalog'')', ' / ');
BEGIN READ ONLY;
SELECT attempt('SELECT observe(history => ''kept'')', ' / ');
ROLLBACK;
CREATE ROLE history_reader;
GRANT USAGE ON SCHEMA kept TO history_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA kept TO history_reader;
GRANT USAGE ON SCHEMA utility TO history_reader;
CREATE SCHEMA theirs AUTHORIZATION history_reader;
SELECT attempt('SELECT create_history(''theirs'')', ' / ');
SET ROLE history_reader;
SELECT count(*) > 0 AS reads FROM kept.attention;
SELECT replace(attempt('SELECT nectar.create_history(''kept'')', ' / '), session_user, 'ME') AS attempt;
SELECT attempt('SELECT nectar.forget(now(), ''kept'')', ' / ');
SELECT attempt('SELECT nectar.observe(''sandbox'', history => ''kept'')', ' / ');
RESET ROLE;

-- Temporary tables of another role are not trusted.
SELECT test.clear() AS nothing \gset
DISCARD TEMP;
SET ROLE history_reader;
SELECT nectar.history_staging();
RESET ROLE;
SELECT attempt('SELECT observe(history => ''kept'')', ' / ');
SELECT count(*) AS requests FROM seen();
DISCARD TEMP;
-- One's own are made anew when they are not as they should be.
CREATE TEMPORARY TABLE nectar_account_read (id uuid);
SELECT connections, changes FROM observe(company_id => company(3), history => 'kept');

-- It outlives the extension.
DROP EXTENSION connection_fdw CASCADE;
SELECT count(*) > 0 AS kept FROM kept.attention;
SELECT count(*) > 0 AS kept FROM kept.health_daily;
DROP OWNED BY history_reader;
DROP ROLE history_reader;
DROP SCHEMA kept CASCADE;
