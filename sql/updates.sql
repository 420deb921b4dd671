-- UPDATE: which rows become which requests, what is refused, and what a failure leaves.
\i test/lib/setup.sql
\i test/lib/outcome.sql
\set SHOW_CONTEXT never
-- Requests that write, as they came, bodies byte by byte; the number of all others.
CREATE FUNCTION sent(OUT method text, OUT path text, OUT body text, OUT n bigint) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT r.method, r.path, r.body, count(*) FROM test.requests() r WHERE r.method <> 'GET' GROUP BY 1, 2, 3 ORDER BY 2, 3;
    PERFORM test.clear();
END $$;
-- What a command ends with, and how many requests it sent: reads, acts.
CREATE FUNCTION refused(command text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    reads bigint; acts bigint;
BEGIN
    PERFORM test.clear();
    RETURN QUERY SELECT * FROM outcome(command);
    SELECT count(*) FILTER (WHERE method = 'GET'), count(*) FILTER (WHERE method <> 'GET') INTO reads, acts FROM test.requests();
    RETURN NEXT format('%s reads, %s acts', reads, acts);
    PERFORM test.clear();
END $$;

-- By default nothing can be updated.
SELECT refused('UPDATE accounts SET tracking_status = ''ENABLED'' WHERE connection_id = connection(2)');
SELECT refused('UPDATE connections SET multiply_by_occupancy = true WHERE id = connection(2)');
SELECT table_name, pg_relation_is_updatable(table_name::regclass, false) AS events FROM information_schema.tables WHERE table_schema = 'utility' AND table_type = 'FOREIGN' ORDER BY 1;
ALTER SERVER sandbox OPTIONS (ADD updatable 'true');
SELECT table_name, pg_relation_is_updatable(table_name::regclass, false) AS events FROM information_schema.tables WHERE table_schema = 'utility' AND table_type = 'FOREIGN' ORDER BY 1;

-- One row, one PATCH, with the assigned columns only.
EXPLAIN (VERBOSE, COSTS OFF) UPDATE connections SET multiply_by_occupancy = true WHERE id = connection(2);
SELECT * FROM seen();
UPDATE connections SET multiply_by_occupancy = true WHERE id = connection(2);
SELECT * FROM sent();
UPDATE connections SET data_collection_start_date = '2024-02-29' WHERE id = connection(2);
UPDATE connections SET multiply_by_occupancy = false, data_collection_start_date = '2023-12-31' WHERE id = connection(3);
UPDATE connections SET data_collection_start_date = NULL WHERE id = connection(4);
SELECT * FROM sent();
SELECT id, data_collection_start_date, multiply_by_occupancy FROM connections WHERE id IN (connection(2), connection(3), connection(4)) ORDER BY id;
EXPLAIN (COSTS OFF) UPDATE connections SET multiply_by_occupancy = true, data_collection_start_date = current_date WHERE company_id = company(1);
EXPLAIN (COSTS OFF, FORMAT json) UPDATE accounts SET tracking_status = 'ENABLED' WHERE connection_id = connection(2);
EXPLAIN (COSTS OFF) UPDATE accounts SET tracking_status = 'DISABLED' WHERE connection_id = connection(2) RETURNING id, tracking_status;
SELECT * FROM seen();

-- Tracking: ENABLED and DISABLED; the next statement sees it.
SELECT id, tracking_status, status FROM accounts WHERE connection_id = connection(2) ORDER BY id;
SELECT test.clear() \gset
UPDATE accounts SET tracking_status = 'ENABLED' WHERE connection_id = connection(2) AND tracking_status = 'UNSET';
SELECT * FROM sent();
UPDATE accounts SET tracking_status = CASE WHEN id::text ~ '[02468ace]$' THEN 'ENABLED' ELSE 'DISABLED' END::tracking_status WHERE connection_id = connection(2);
SELECT * FROM sent();
SELECT id, tracking_status, status FROM accounts WHERE connection_id = connection(2) ORDER BY id;
-- UNSET and NULL are nothing that the API takes.
SELECT refused('UPDATE accounts SET tracking_status = ''UNSET'' WHERE connection_id = connection(2)');
SELECT refused('UPDATE accounts SET tracking_status = NULL WHERE connection_id = connection(2)');
SELECT refused('UPDATE connections SET multiply_by_occupancy = NULL WHERE id = connection(2)');
SELECT refused('UPDATE connections SET data_collection_start_date = ''infinity'' WHERE id = connection(2)');
SELECT refused('UPDATE connections SET data_collection_start_date = ''0044-03-15 BC'' WHERE id = connection(2)');
SELECT refused('UPDATE connections SET data_collection_start_date = DEFAULT WHERE id = connection(2)');

-- RETURNING shows what the API answers, one act after the other.
SELECT test.reset() \gset
UPDATE accounts SET tracking_status = 'DISABLED' WHERE connection_id = connection(2) RETURNING id, connection_id, company_id, status, tracking_status, attrs ->> 'trackingStatus' AS in_attrs, tableoid::regclass;
SELECT * FROM sent();
UPDATE connections c SET data_collection_start_date = '2024-05-01' WHERE id = connection(2) RETURNING status_category, company_name, data_collection_start_date, updated IS NOT NULL AS updated, attrs ->> 'dataCollectionStartDate' AS in_attrs;
-- an answer that says less leaves what was assigned; so does one that says nothing, or speaks of something else
SELECT test.clear(), test.fault('{"kind": "body", "method": "PATCH", "body": "{\"status\": \"OLD_ACCOUNT\"}"}') \gset
UPDATE accounts SET tracking_status = 'ENABLED' WHERE id = account(1) AND connection_id = connection(2) RETURNING id, account_number, status, tracking_status, attrs ->> 'status' AS in_attrs, attrs ? 'meters' AS more;
SELECT test.faults_clear(), test.fault('{"kind": "status", "method": "PATCH", "status": 204, "body": ""}') \gset
UPDATE accounts SET tracking_status = 'ENABLED' WHERE id = account(1) AND connection_id = connection(2) RETURNING id, account_number, tracking_status;
SELECT test.faults_clear(), test.fault('{"kind": "body", "method": "PATCH", "body": "{\"id\": \"a0000000-0000-4000-8000-0000000000ff\", \"accountNumber\": \"another\"}"}') \gset
UPDATE accounts SET tracking_status = 'ENABLED' WHERE id = account(1) AND connection_id = connection(2) RETURNING id, account_number, tracking_status;
SELECT test.faults_clear(), test.fault('{"kind": "body", "method": "PATCH", "body": "[]"}') \gset
UPDATE accounts SET tracking_status = 'ENABLED' WHERE id = account(1) AND connection_id = connection(2) RETURNING id, account_number, tracking_status;
SELECT * FROM sent();
-- a value of the answer that does not fit: the act was made, and the error says so
SELECT test.faults_clear(), test.fault('{"kind": "body", "method": "PATCH", "body": "{\"isDuplicated\": \"maybe\"}"}') \gset
\set SHOW_CONTEXT always
UPDATE accounts SET tracking_status = 'ENABLED' WHERE id = account(1) AND connection_id = connection(2) RETURNING is_duplicated;
\set SHOW_CONTEXT never
SELECT * FROM sent();
SELECT test.reset() \gset

-- Any WHERE, joins, subqueries, CTEs, prepared statements, views.
CREATE TABLE plan (connection_id uuid, start_date date);
INSERT INTO plan SELECT connection(n), date '2024-01-01' + n FROM generate_series(3, 5) n;
UPDATE connections c SET data_collection_start_date = p.start_date FROM plan p WHERE c.id = p.connection_id;
SELECT * FROM sent();
UPDATE accounts a SET tracking_status = 'ENABLED' FROM connections c
 WHERE a.connection_id = c.id AND a.company_id = c.company_id AND c.company_name = 'Acme' AND c.status = 'CONNECTED' AND a.tracking_status = 'UNSET';
SELECT * FROM sent();
UPDATE connections SET multiply_by_occupancy = NOT multiply_by_occupancy WHERE id IN (SELECT connection_id FROM plan WHERE start_date > '2024-01-04') AND company_id = company(1);
WITH changed AS (UPDATE connections SET multiply_by_occupancy = true WHERE id = connection(3) RETURNING id, multiply_by_occupancy)
SELECT * FROM changed;
WITH quiet AS (UPDATE connections SET multiply_by_occupancy = false WHERE id = connection(3)) SELECT 'sent at the end' AS quiet;
SELECT * FROM sent();
PREPARE track(uuid, tracking_status) AS UPDATE accounts SET tracking_status = $2 WHERE connection_id = $1;
EXECUTE track(connection(2), 'ENABLED');
SELECT count(*) FROM sent();
DO $$ BEGIN FOR n IN 1 .. 8 LOOP EXECUTE 'EXECUTE track(connection(2), ''DISABLED'')'; END LOOP; END $$;
SELECT path, n FROM sent();
CREATE VIEW of_two AS SELECT id, tracking_status AS tracked, status FROM accounts WHERE connection_id = connection(2);
UPDATE of_two SET tracked = 'ENABLED' WHERE status IS NOT NULL;
SELECT * FROM sent();
UPDATE connections SET multiply_by_occupancy = true WHERE false;
UPDATE connections SET multiply_by_occupancy = true WHERE id = connection(999);
SELECT * FROM sent();

-- One PATCH per id and statement: of several joined rows the first counts, as with a heap table.
UPDATE connections c SET multiply_by_occupancy = true FROM generate_series(1, 5) WHERE c.id = connection(3);
UPDATE connections c SET multiply_by_occupancy = true FROM generate_series(1, 5) n WHERE c.id = connection(3) RETURNING c.id;
SELECT * FROM sent();
WITH once AS (UPDATE connections SET multiply_by_occupancy = false WHERE id = connection(3))
UPDATE connections SET data_collection_start_date = NULL WHERE id IN (connection(3), connection(4));
SELECT * FROM sent();

-- Partitions, foreign and local ones; only the columns that were assigned.
CREATE TABLE local_connections (id uuid, data_collection_start_date date, company_id uuid NOT NULL, multiply_by_occupancy boolean);
INSERT INTO local_connections SELECT id, NULL, company(3), false FROM connections WHERE company_id = company(3);
CREATE TABLE all_connections (company_id uuid NOT NULL, multiply_by_occupancy boolean, id uuid, data_collection_start_date date) PARTITION BY LIST (company_id);
CREATE FOREIGN TABLE connections_1 (id uuid, multiply_by_occupancy boolean, company_id uuid NOT NULL, data_collection_start_date date)
    SERVER sandbox OPTIONS (resource 'connections', company_ids 'c0000000-0000-4000-8000-000000000001');
ALTER TABLE all_connections ATTACH PARTITION connections_1 FOR VALUES IN ('c0000000-0000-4000-8000-000000000001');
CREATE FOREIGN TABLE connections_2 PARTITION OF all_connections FOR VALUES IN ('c0000000-0000-4000-8000-000000000002')
    SERVER sandbox OPTIONS (resource 'connections', company_ids 'c0000000-0000-4000-8000-000000000002');
ALTER TABLE all_connections ATTACH PARTITION local_connections FOR VALUES IN ('c0000000-0000-4000-8000-000000000003');
SELECT test.clear() \gset
EXPLAIN (COSTS OFF) UPDATE all_connections SET data_collection_start_date = '2024-07-01';
UPDATE all_connections SET data_collection_start_date = '2024-07-01' WHERE id IN (connection(1), connection(13), connection(25));
SELECT * FROM sent();
WITH changed AS (UPDATE all_connections SET multiply_by_occupancy = true WHERE id IN (connection(1), connection(13), connection(25)) RETURNING tableoid::regclass, id, multiply_by_occupancy, data_collection_start_date)
SELECT * FROM changed ORDER BY id;
SELECT * FROM sent();
SELECT refused('UPDATE all_connections SET company_id = company(3)');
SELECT refused('UPDATE all_connections SET company_id = company(1) WHERE company_id = company(3)');
SELECT refused('UPDATE all_connections SET id = NULL');
SELECT refused('INSERT INTO all_connections (company_id) VALUES (company(1))');
SELECT refused('DELETE FROM all_connections');
SELECT refused('MERGE INTO all_connections a USING plan p ON a.id = p.connection_id WHEN MATCHED THEN UPDATE SET multiply_by_occupancy = true');

-- Refused before anything is sent, with what to do instead.
SELECT refused('INSERT INTO connections (id) VALUES (connection(1))');
SELECT refused('INSERT INTO accounts (id) VALUES (account(1)) ON CONFLICT DO NOTHING');
SELECT refused('INSERT INTO accounts SELECT * FROM accounts');
SELECT refused('DELETE FROM accounts WHERE status = ''OLD_ACCOUNT''');
SELECT refused('DELETE FROM connections');
SELECT refused('UPDATE companies SET name = ''Acme''');
SELECT refused('INSERT INTO sites (name) VALUES (''Berlin'')');
SELECT refused('DELETE FROM companies');
SELECT refused('INSERT INTO invitations (company_id) VALUES (company(1))');
SELECT refused('UPDATE invitations SET status = ''REVOKED''');
SELECT refused('DELETE FROM invitations');
SELECT refused('TRUNCATE accounts');
SELECT refused('COPY accounts FROM PROGRAM ''echo''');
SELECT refused('MERGE INTO accounts a USING plan p ON a.id = p.connection_id WHEN MATCHED THEN DELETE');
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM connections;
SELECT refused('UPDATE connections SET multiply_by_occupancy = true WHERE CURRENT OF c') LIMIT 1;
ROLLBACK;
SELECT refused('UPDATE accounts SET status = ''OLD_ACCOUNT''');
SELECT refused('UPDATE accounts SET (tracking_status, meters, id) = (''ENABLED'', NULL, account(1))');
SELECT refused('UPDATE connections SET username = ''me'' WHERE id = connection(2)');
SELECT refused('EXPLAIN UPDATE connections SET username = ''me'' WHERE id = connection(2)');
CREATE VIEW checked AS SELECT id, tracking_status FROM accounts WHERE tracking_status = 'UNSET' WITH CHECK OPTION;
SELECT refused('UPDATE checked SET tracking_status = ''ENABLED''');
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% % % -> %', TG_WHEN, TG_LEVEL, OLD.tracking_status, NEW.tracking_status; RETURN NEW; END $$;
CREATE TRIGGER early BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION touch();
SELECT refused('UPDATE accounts SET tracking_status = ''ENABLED''');
SELECT pg_relation_is_updatable('accounts'::regclass, false) AS events;
DROP TRIGGER early ON accounts;
CREATE FOREIGN TABLE nameless (tracking_status tracking_status) SERVER sandbox OPTIONS (resource 'accounts');
SELECT refused('UPDATE nameless SET tracking_status = ''ENABLED''');
CREATE FOREIGN TABLE elsewhere (id uuid, tracking_status text OPTIONS (json_path 'trackingStatus'), status account_status) SERVER sandbox OPTIONS (resource 'accounts');
SELECT refused('UPDATE elsewhere SET tracking_status = ''ENABLED''');
CREATE FOREIGN TABLE computed (id uuid, connection_id uuid, status text, tracking_status text GENERATED ALWAYS AS (status) STORED) SERVER sandbox OPTIONS (resource 'accounts');
SELECT refused('UPDATE computed SET tracking_status = DEFAULT');
SELECT table_name, pg_relation_is_updatable(table_name::regclass, false) AS events
  FROM unnest('{nameless,elsewhere,computed,of_two,checked}'::text[]) table_name;

-- AFTER triggers: a row trigger sees what the API answered, each row in turn.
CREATE TRIGGER late AFTER UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION touch();
UPDATE accounts SET tracking_status = 'DISABLED' WHERE connection_id = connection(2);
SELECT path, body FROM sent();
DROP TRIGGER late ON accounts;
-- a statement trigger comes after all acts of the statement; so does that of a parent
CREATE FUNCTION acts_so_far() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% % after % acts', TG_WHEN, TG_LEVEL, (SELECT count(*) FROM test.requests() WHERE method = 'PATCH'); RETURN NULL; END $$;
CREATE TRIGGER late AFTER UPDATE ON accounts FOR EACH STATEMENT EXECUTE FUNCTION acts_so_far();
CREATE TRIGGER late AFTER UPDATE ON all_connections FOR EACH STATEMENT EXECUTE FUNCTION acts_so_far();
SELECT test.latency(50) \gset
UPDATE accounts SET tracking_status = 'ENABLED' WHERE connection_id = connection(2);
SELECT count(*) FROM sent();
UPDATE all_connections SET multiply_by_occupancy = true WHERE id IN (connection(1), connection(13));
SELECT count(*) FROM sent();
SELECT test.latency(0) \gset
DROP TRIGGER late ON accounts;
DROP TRIGGER late ON all_connections;
-- a parent's trigger that wants all rows in a table is refused before anything is sent
CREATE TRIGGER late AFTER UPDATE ON all_connections REFERENCING NEW TABLE AS news FOR EACH STATEMENT EXECUTE FUNCTION acts_so_far();
SELECT refused('UPDATE all_connections SET multiply_by_occupancy = true WHERE id = connection(1)');
SELECT refused('WITH u AS (UPDATE all_connections SET multiply_by_occupancy = true WHERE id = connection(1) RETURNING id) SELECT * FROM u');
DROP TRIGGER late ON all_connections;

-- Columns declared as text take the same values.
CREATE FOREIGN TABLE as_text (id text, connection_id text, tracking_status text, attrs text) SERVER sandbox OPTIONS (resource 'accounts');
CREATE FOREIGN TABLE connections_as_text (id varchar(36), multiply_by_occupancy text, data_collection_start_date varchar) SERVER sandbox OPTIONS (resource 'connections');
UPDATE as_text SET tracking_status = 'ENABLED' WHERE connection_id = connection(2)::text RETURNING id, connection_id, tracking_status, attrs::jsonb ->> 'trackingStatus' AS in_attrs;
UPDATE connections_as_text SET multiply_by_occupancy = 'off', data_collection_start_date = '2024-03-01' WHERE id = connection(2)::text;
UPDATE connections_as_text SET multiply_by_occupancy = '1', data_collection_start_date = NULL WHERE id = connection(2)::text RETURNING *;
SELECT path, body, n FROM sent();
SELECT refused('UPDATE as_text SET tracking_status = ''enabled'' WHERE connection_id = connection(2)::text');
SELECT refused('UPDATE connections_as_text SET multiply_by_occupancy = ''maybe'' WHERE id = connection(2)::text');
SELECT refused('UPDATE connections_as_text SET data_collection_start_date = ''01/02/2024'' WHERE id = connection(2)::text');
SELECT refused('UPDATE connections_as_text SET data_collection_start_date = ''2024-02-30'' WHERE id = connection(2)::text');

-- Option of the table over the server's.
ALTER FOREIGN TABLE accounts OPTIONS (ADD updatable 'false');
SELECT refused('UPDATE accounts SET tracking_status = ''ENABLED''');
SELECT refused('EXECUTE track(connection(2), ''ENABLED'')');
ALTER SERVER sandbox OPTIONS (SET updatable 'false');
ALTER FOREIGN TABLE accounts OPTIONS (SET updatable 'true');
SELECT refused('EXECUTE track(connection(2), ''ENABLED'')');
SELECT refused('UPDATE connections SET multiply_by_occupancy = true');
ALTER FOREIGN TABLE accounts OPTIONS (DROP updatable);
ALTER SERVER sandbox OPTIONS (SET updatable 'true');

-- A listing that cannot be read: acts under way are awaited, and told of beside the error.
SELECT test.clear(), test.fault(jsonb_build_object('kind', 'status', 'status', 400, 'path', '/connection/company/' || company(5))),
       test.fault('{"kind": "delay", "delay_ms": 150, "method": "PATCH"}') \gset
CREATE FUNCTION warned(command text, OUT outcome text, OUT some_sent boolean, OUT cut_off bigint) LANGUAGE plpgsql AS $$
BEGIN
    outcome := attempt(command, ' | ');
    SELECT count(*) > 0, count(*) FILTER (WHERE status <> 200) INTO some_sent, cut_off FROM test.requests() WHERE method = 'PATCH';
END $$;
SET client_min_messages = error;
SELECT * FROM warned('UPDATE connections SET multiply_by_occupancy = true');
RESET client_min_messages;
SELECT test.faults_clear() \gset
SELECT test.fault(jsonb_build_object('kind', 'status', 'status', 400, 'path', '/connection/' || connection(3) || '/details')) \gset
UPDATE connections SET multiply_by_occupancy = true WHERE id IN (connection(2), connection(3));
SELECT test.faults_clear(), test.clear() \gset

-- A read-only server, which says so, and a read-only transaction.
ALTER SERVER sandbox OPTIONS (ADD read_only 'true');
SELECT refused('UPDATE accounts SET tracking_status = ''ENABLED''');
SELECT refused('EXPLAIN ANALYZE UPDATE accounts SET tracking_status = ''ENABLED''');
SELECT pg_relation_is_updatable('accounts'::regclass, false) AS events;
ALTER SERVER sandbox OPTIONS (DROP read_only);
BEGIN READ ONLY;
SELECT refused('UPDATE accounts SET tracking_status = ''ENABLED''');
ROLLBACK;

-- EXPLAIN ANALYZE sends, waits and counts.
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) UPDATE accounts SET tracking_status = 'ENABLED' WHERE connection_id = connection(2);
SELECT count(*) FROM sent();

-- Side by side, never more than allowed; the scan has its share.
CREATE FUNCTION window_of(command text, OUT most int, OUT reads bigint, OUT acts bigint) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM test.latency(20), test.clear();
    EXECUTE command;
    SELECT (test.stats() ->> 'max_in_flight')::int, count(*) FILTER (WHERE r.method = 'GET'), count(*) FILTER (WHERE r.method = 'PATCH') INTO most, reads, acts FROM test.requests() r;
    PERFORM test.latency(0), test.clear();
END $$;
ALTER SERVER sandbox OPTIONS (ADD max_concurrency '4');
SELECT * FROM window_of('UPDATE connections SET multiply_by_occupancy = true WHERE company_id IN (company(1), company(2))');
ALTER SERVER sandbox OPTIONS (SET max_concurrency '1', ADD accounts_source 'details');
SELECT * FROM window_of('UPDATE accounts SET tracking_status = ''ENABLED'' WHERE company_id = company(2)');
SELECT * FROM window_of('DO $a$ DECLARE r record; BEGIN FOR r IN UPDATE accounts SET tracking_status = ''DISABLED'' WHERE company_id = company(1) RETURNING id, connection_id LOOP
    UPDATE connections SET multiply_by_occupancy = false WHERE id = r.connection_id; END LOOP; END $a$');
SELECT * FROM window_of('UPDATE all_connections SET multiply_by_occupancy = true');
ALTER SERVER sandbox OPTIONS (DROP max_concurrency, DROP accounts_source);

-- A failure: nothing further begins, what is under way is awaited, and one error names both.
SELECT test.reset(), test.latency(20), test.fault(jsonb_build_object('kind', 'status', 'status', 409, 'method', 'PATCH', 'path', '/connection/' || connection(3) || '/details', 'body', '{"detail": "not now"}')) \gset
ALTER SERVER sandbox OPTIONS (ADD max_concurrency '1');
UPDATE connections SET multiply_by_occupancy = true WHERE id BETWEEN connection(2) AND connection(6) AND company_id = company(1);
SELECT * FROM sent();
SELECT outcome('UPDATE connections SET multiply_by_occupancy = true WHERE id = connection(3) RETURNING id');
-- what may have happened comes first
SELECT test.fault(jsonb_build_object('kind', 'read_close', 'method', 'PATCH', 'path', '/connection/' || connection(4) || '/details')) \gset
ALTER SERVER sandbox OPTIONS (SET max_concurrency '10');
SELECT test.latency(50), test.clear() \gset
SELECT outcome('UPDATE connections SET multiply_by_occupancy = false WHERE id BETWEEN connection(2) AND connection(5) AND company_id = company(1)') LIMIT 1;
SELECT path, n FROM sent();
-- and nobody says then that nothing was updated
SELECT substring(attempt('UPDATE connections SET multiply_by_occupancy = false WHERE id = connection(4)') FROM '[^\n]* was updated\.') AS last_words;
SELECT count(*) FROM sent();
SELECT test.reset() \gset
-- more than a message names
SELECT test.fault(jsonb_build_object('kind', 'status', 'status', 500, 'method', 'PATCH', 'path', '/connection/' || connection(24) || '/details', 'body', '{}')) \gset
ALTER SERVER sandbox OPTIONS (SET max_concurrency '1');
UPDATE connections SET multiply_by_occupancy = false WHERE company_id IN (company(1), company(2));
SELECT test.reset() \gset
-- a value that the API does not take, in the middle
SELECT test.latency(20) \gset
UPDATE connections SET multiply_by_occupancy = CASE WHEN id <> connection(4) THEN true END WHERE id BETWEEN connection(2) AND connection(6) AND company_id = company(1);
SELECT * FROM sent();
-- an error of PostgreSQL's own; what was sent before stays
SELECT refused('UPDATE connections SET multiply_by_occupancy = 1 / (id <> connection(4))::int > 0 WHERE id BETWEEN connection(2) AND connection(6) AND company_id = company(1)') LIMIT 1;
-- max_requests bounds what is read
ALTER SERVER sandbox OPTIONS (ADD max_requests '1', SET max_concurrency '10');
UPDATE connections SET multiply_by_occupancy = true WHERE id BETWEEN connection(2) AND connection(6) AND company_id = company(1);
UPDATE connections SET multiply_by_occupancy = true;
SELECT path, n FROM sent();
ALTER SERVER sandbox OPTIONS (DROP max_requests);
SELECT test.latency(0) \gset
-- in PL/pgSQL an error is caught, and the session goes on; ROLLBACK takes nothing back
SELECT test.fault(jsonb_build_object('kind', 'status', 'status', 409, 'method', 'PATCH', 'path', '/connection/' || connection(3) || '/details')) \gset
BEGIN;
DO $$
BEGIN
    UPDATE connections SET multiply_by_occupancy = true WHERE id = connection(3);
EXCEPTION WHEN SQLSTATE 'NC409' THEN
    RAISE NOTICE 'caught: %', SQLERRM;
END
$$;
UPDATE connections SET data_collection_start_date = '2031-01-01' WHERE id = connection(5);
ROLLBACK;
SELECT id, data_collection_start_date FROM connections WHERE id = connection(5);
SELECT test.reset() \gset

-- What the table is, as drivers ask: never an error, nothing sent.
CREATE FOREIGN TABLE odd (id uuid, tracking_status tracking_status) SERVER sandbox OPTIONS (resource 'accounts');
CREATE VIEW over_odd AS SELECT id FROM odd;
SELECT pg_relation_is_updatable('odd', false) AS events, pg_relation_is_updatable('over_odd', false) AS of_view, pg_column_is_updatable('odd', 2::smallint, false) AS of_column;
ALTER FOREIGN TABLE odd ADD COLUMN nonsense text;
SELECT pg_relation_is_updatable('odd', false) AS events;
ALTER FOREIGN TABLE odd ALTER COLUMN nonsense OPTIONS (ADD json_path 'nonsense');
SELECT pg_relation_is_updatable('odd', false) AS events;
ALTER FOREIGN TABLE odd ALTER COLUMN tracking_status TYPE int;
SELECT pg_relation_is_updatable('odd', false) AS events;
SELECT refused('UPDATE odd SET tracking_status = 1');
ALTER FOREIGN DATA WRAPPER connection_fdw NO VALIDATOR;
ALTER FOREIGN TABLE odd ALTER COLUMN tracking_status TYPE text, OPTIONS (ADD updatable 'perhaps', SET resource 'nothing');
SELECT pg_relation_is_updatable('odd', false) AS events;
ALTER FOREIGN TABLE odd OPTIONS (DROP resource);
SELECT pg_relation_is_updatable('odd', false) AS events;
ALTER FOREIGN TABLE odd OPTIONS (ADD resource 'accounts');
ALTER SERVER sandbox OPTIONS (ADD max_requests 'many', ADD company_ids 'none', ADD max_concurrency_ '1');
SELECT pg_relation_is_updatable('odd', false) AS events;
-- what cannot be read is refused when it is needed
SELECT refused('SELECT FROM odd');
SELECT refused('UPDATE odd SET tracking_status = ''ENABLED''');
ALTER SERVER sandbox OPTIONS (DROP max_requests, DROP company_ids, DROP max_concurrency_);
ALTER FOREIGN DATA WRAPPER connection_fdw VALIDATOR nectar.connection_fdw_validator;
SELECT table_name, is_insertable_into FROM information_schema.tables WHERE table_schema = 'utility' AND table_type = 'FOREIGN' ORDER BY 1;
SELECT table_name, is_updatable, is_insertable_into FROM information_schema.views WHERE table_schema = 'utility' ORDER BY 1;
SELECT DISTINCT is_updatable FROM information_schema.columns WHERE table_schema = 'utility' AND table_name IN ('odd', 'accounts');
SELECT * FROM seen();
