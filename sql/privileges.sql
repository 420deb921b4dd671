-- Who may read, who may act, and with whose key.
\i test/lib/setup.sql
\set SHOW_CONTEXT never
SET client_min_messages = error;
DROP ROLE IF EXISTS regress_owner, regress_reader, regress_operator, regress_outsider;
RESET client_min_messages;
CREATE ROLE regress_owner;
CREATE ROLE regress_reader;
CREATE ROLE regress_operator;
CREATE ROLE regress_outsider;
GRANT USAGE ON SCHEMA utility TO regress_owner, regress_reader, regress_operator, regress_outsider;

-- What a command ends with, as the role that asks for it.
CREATE FUNCTION utility.attempt_as(role name, command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    answer := utility.attempt(command);
    RESET ROLE;
    RETURN answer;
END $$;
\pset format unaligned
\pset tuples_only on

-- Reading takes SELECT on the table and a mapping of one's own; USAGE on the server is not asked for, as in postgres_fdw.
SELECT attempt_as('regress_reader', 'SELECT id FROM connections WHERE id = connection(2)');
GRANT SELECT ON connections TO regress_reader;
SELECT attempt_as('regress_reader', 'SELECT id FROM connections WHERE id = connection(2)');
CREATE USER MAPPING FOR regress_reader SERVER sandbox OPTIONS (api_key 'nectar-sandbox-key');
SELECT attempt_as('regress_reader', 'SELECT id FROM connections WHERE id = connection(2)');
SELECT attempt_as('regress_reader', 'SELECT id FROM accounts WHERE connection_id = connection(2)');
-- column privileges
REVOKE SELECT ON connections FROM regress_reader;
GRANT SELECT (id, status) ON connections TO regress_reader;
SELECT attempt_as('regress_reader', 'SELECT id, status FROM connections WHERE id = connection(2)');
SELECT attempt_as('regress_reader', 'SELECT id, username FROM connections WHERE id = connection(2)');
GRANT SELECT ON connections TO regress_reader;
-- each with his own key
ALTER USER MAPPING FOR regress_reader SERVER sandbox OPTIONS (SET api_key 'another-key');
SELECT attempt_as('regress_reader', 'SELECT id FROM connections WHERE id = connection(2)');
SELECT attempt('SELECT id FROM connections WHERE id = connection(2)');
DROP USER MAPPING FOR regress_reader SERVER sandbox;

-- PUBLIC's mapping serves who has none; one of his own goes first.
CREATE USER MAPPING FOR PUBLIC SERVER sandbox OPTIONS (api_key 'public-key');
SELECT attempt_as('regress_reader', 'SELECT id FROM connections WHERE id = connection(2)');
ALTER USER MAPPING FOR PUBLIC SERVER sandbox OPTIONS (SET api_key 'nectar-sandbox-key');
SELECT attempt_as('regress_reader', 'SELECT id FROM connections WHERE id = connection(2)');
CREATE USER MAPPING FOR regress_reader SERVER sandbox;
SELECT attempt_as('regress_reader', 'SELECT id FROM connections WHERE id = connection(2)');
DROP USER MAPPING FOR regress_reader SERVER sandbox;
DROP USER MAPPING FOR PUBLIC SERVER sandbox;
SELECT test.clear() \gset nothing

-- A role of its own makes server and tables; it needs no superuser.
GRANT USAGE ON FOREIGN DATA WRAPPER connection_fdw TO regress_owner;
CREATE SCHEMA owned AUTHORIZATION regress_owner;
SET ROLE regress_owner;
CREATE SERVER theirs FOREIGN DATA WRAPPER connection_fdw OPTIONS (base_url 'https://nectar.invalid/v2.2');
CREATE USER MAPPING FOR CURRENT_USER SERVER theirs OPTIONS (api_key 'nectar-sandbox-key');
IMPORT FOREIGN SCHEMA nectar FROM SERVER theirs INTO owned;
SELECT count(*) FROM pg_class WHERE relnamespace = 'owned'::regnamespace AND relkind = 'f';
RESET ROLE;
SELECT attempt_as('regress_owner', 'CREATE FOREIGN TABLE owned.borrowed (id uuid) SERVER sandbox OPTIONS (resource ''sites'')');
GRANT USAGE ON FOREIGN SERVER sandbox TO regress_owner;
SELECT attempt_as('regress_owner', 'CREATE FOREIGN TABLE owned.borrowed (id uuid, status text) SERVER sandbox OPTIONS (resource ''connections'')');
SELECT attempt_as('regress_owner', 'SELECT * FROM owned.borrowed WHERE id = connection(2)');
CREATE USER MAPPING FOR regress_owner SERVER sandbox OPTIONS (api_key 'nectar-sandbox-key');
SELECT attempt_as('regress_owner', 'SELECT * FROM owned.borrowed WHERE id = connection(2)');

-- A view reads with its owner's mapping, whoever asks.
SET ROLE regress_owner;
CREATE VIEW owned.waiting AS SELECT id, status FROM owned.borrowed WHERE id IN (utility.connection(2), utility.connection(4));
GRANT USAGE ON SCHEMA owned TO regress_reader;
GRANT SELECT ON owned.waiting TO regress_reader;
SET ROLE regress_reader;
SELECT * FROM owned.waiting ORDER BY id;
SELECT attempt('SELECT * FROM owned.borrowed');
-- the view's table and the reader's own, which he has no mapping for, in one query
SELECT attempt('SELECT count(*) FROM owned.waiting w JOIN connections c ON c.id = w.id');
RESET ROLE;
-- nor does an answer to the one's key serve the other's
CREATE USER MAPPING FOR regress_reader SERVER sandbox OPTIONS (api_key 'another-key');
SELECT attempt_as('regress_reader', 'SELECT count(*) FROM owned.waiting w JOIN connections c ON c.id = w.id WHERE w.id = connection(2)');
SELECT attempt_as('regress_reader', 'SELECT id FROM owned.waiting UNION ALL SELECT id FROM connections WHERE id IN (connection(2), connection(4))');
ALTER USER MAPPING FOR regress_reader SERVER sandbox OPTIONS (SET api_key 'nectar-sandbox-key');
SELECT attempt_as('regress_reader', 'SELECT count(*) FROM owned.waiting w JOIN connections c ON c.id = w.id WHERE w.id = connection(2)');
DROP USER MAPPING FOR regress_reader SERVER sandbox;
-- a function with its owner's rights as well
SET ROLE regress_owner;
CREATE FUNCTION owned.status_of(connection uuid) RETURNS text STABLE SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog AS 'SELECT status FROM owned.borrowed WHERE id = connection';
RESET ROLE;
SELECT attempt_as('regress_reader', 'SELECT owned.status_of(connection(2))');
SET ROLE regress_reader;
SELECT owned.status_of(connection(4));
RESET ROLE;
-- membership gives no mapping, being the other role does
GRANT regress_owner TO regress_reader;
SET ROLE regress_reader;
SELECT attempt('SELECT * FROM owned.borrowed WHERE id = connection(2)');
SET ROLE regress_owner;
SELECT attempt('SELECT * FROM owned.borrowed WHERE id = connection(2)');
RESET ROLE;
REVOKE regress_owner FROM regress_reader;
-- a plan made for one role is not another's
PREPARE by_id AS SELECT status FROM connections WHERE id = connection(2);
EXECUTE by_id;
SELECT attempt_as('regress_reader', 'EXECUTE by_id');
EXECUTE by_id;
SELECT test.clear() \gset nothing

-- Without a mapping the catalog can be looked at, and plans: nothing is sent, nothing fails.
SET ROLE regress_reader;
EXPLAIN (COSTS OFF) SELECT id FROM connections WHERE company_id = company(1) AND status = 'CONNECTED';
SELECT count(*) > 20 FROM information_schema.columns WHERE table_schema = 'utility' AND table_name = 'connections';
SELECT table_name, table_type, is_insertable_into FROM information_schema.tables WHERE table_schema = 'utility' ORDER BY 1;
SELECT foreign_table_name FROM information_schema.foreign_tables WHERE foreign_table_schema = 'utility' ORDER BY 1;
SELECT is_updatable, is_insertable_into FROM information_schema.views WHERE table_name = 'waiting';
SELECT option_name, option_value FROM information_schema.user_mapping_options;
SELECT srvname, umoptions FROM pg_user_mappings ORDER BY srvname, usename;
SELECT pg_get_viewdef('owned.waiting') ~ 'borrowed';
SELECT pg_relation_is_updatable('utility.connections', false);
PREPARE never AS SELECT * FROM connections;
SELECT attempt('SELECT * FROM connections WHERE false');
SELECT attempt('SELECT * FROM connections LIMIT 0');
\d accounts
SELECT label FROM nectar.connection_statuses WHERE category = 'credential_error';
SELECT count(*) > 10 FROM nectar.options();
SELECT nectar.needs_user_action('PASSWORD_INCORRECT');
RESET ROLE;
SELECT * FROM seen();

-- Nothing writes.
SELECT attempt('INSERT INTO connections (id) VALUES (connection(1))');
SELECT attempt('UPDATE connections SET url = NULL');
SELECT attempt('DELETE FROM connections');
SELECT attempt('TRUNCATE connections');
SELECT * FROM seen();

-- Where UPDATE is possible, it is for those to whom it was granted; who may not sends nothing.
ALTER SERVER sandbox OPTIONS (ADD updatable 'true');
CREATE USER MAPPING FOR regress_reader SERVER sandbox OPTIONS (api_key 'nectar-sandbox-key+reader');
ALTER USER MAPPING FOR regress_owner SERVER sandbox OPTIONS (SET api_key 'nectar-sandbox-key+owner');
CREATE FUNCTION tried(command text, OUT outcome text, OUT holder text, OUT sent text) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
    outcome := attempt_as('regress_reader', command);
    SELECT string_agg(DISTINCT headers ->> 'x-api-key', ' '), string_agg(method, ' ' ORDER BY seq) INTO holder, sent FROM test.requests();
    PERFORM test.clear();
    RETURN NEXT;
END $$;
SELECT has_table_privilege('public', 'accounts', 'UPDATE'), has_table_privilege('public', 'connections', 'UPDATE');
SELECT * FROM tried('UPDATE connections SET multiply_by_occupancy = true WHERE id = connection(2)');
GRANT UPDATE (data_collection_start_date) ON connections TO regress_reader;
SELECT * FROM tried('UPDATE connections SET multiply_by_occupancy = true WHERE id = connection(2)');
SELECT * FROM tried('UPDATE connections SET data_collection_start_date = ''2024-01-01'' WHERE id = connection(2)');
REVOKE SELECT ON connections FROM regress_reader;
SELECT * FROM tried('UPDATE connections SET data_collection_start_date = ''2024-01-01'' WHERE id = connection(2)');
GRANT SELECT ON connections TO regress_reader;
-- through a view it is its owner who updates, with his key
SET ROLE regress_owner;
ALTER FOREIGN TABLE owned.borrowed ADD COLUMN multiply_by_occupancy boolean;
CREATE VIEW owned.scaled AS SELECT id, multiply_by_occupancy FROM owned.borrowed WHERE id IN (utility.connection(2), utility.connection(4));
GRANT SELECT ON owned.scaled TO regress_reader;
RESET ROLE;
SELECT * FROM tried('UPDATE owned.scaled SET multiply_by_occupancy = true');
GRANT UPDATE ON owned.scaled TO regress_reader;
SELECT * FROM tried('UPDATE owned.scaled SET multiply_by_occupancy = true');
SELECT * FROM tried('UPDATE owned.borrowed SET multiply_by_occupancy = true WHERE id = connection(2)');
-- whose mapping is missing
DROP USER MAPPING FOR regress_reader SERVER sandbox;
SELECT * FROM tried('UPDATE connections SET data_collection_start_date = ''2024-01-01'' WHERE id = connection(2)');
ALTER SERVER sandbox OPTIONS (DROP updatable);

-- Acts and links are for those to whom they were granted, and who have USAGE on the server.
CREATE USER MAPPING FOR regress_operator SERVER sandbox OPTIONS (api_key 'nectar-sandbox-key');
CREATE TEMP TABLE acts (n int, command text);
GRANT SELECT ON acts TO PUBLIC;
INSERT INTO acts VALUES
    (1, 'SELECT nectar.confirm_accounts(connection(2))'), (2, 'SELECT * FROM nectar.bulk_confirm_accounts(ARRAY[connection(2)])'),
    (3, 'SELECT nectar.company_magic_link(company(1))'), (4, 'SELECT nectar.connection_magic_link(connection(2))'),
    (5, 'SELECT * FROM nectar.reconnect_links(company(1))');
SELECT attempt_as('regress_operator', command) FROM acts ORDER BY n;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA nectar TO regress_operator, regress_outsider;
SELECT attempt_as('regress_operator', command) FROM acts ORDER BY n;
SELECT attempt_as('regress_operator', 'SELECT nectar.confirm_accounts(connection(2), server => ''sandbox'')');
SELECT * FROM seen();
GRANT USAGE ON FOREIGN SERVER sandbox TO regress_operator;
SELECT attempt_as('regress_operator', command) FROM acts ORDER BY n;
SELECT * FROM seen();

-- Not in a read-only transaction, not on a read-only server; reading goes on.
BEGIN READ ONLY;
SELECT attempt(command) FROM acts ORDER BY n;
SELECT id FROM connections WHERE id = connection(2);
SELECT ok FROM nectar.ping('sandbox');
COMMIT;
ALTER SERVER sandbox OPTIONS (ADD read_only 'true');
SELECT attempt(command) FROM acts ORDER BY n;
SELECT id FROM connections WHERE id = connection(2);
SELECT * FROM seen();
ALTER SERVER sandbox OPTIONS (DROP read_only);

-- Ping is for everybody with a mapping and USAGE.
SELECT attempt_as('regress_outsider', 'SELECT nectar.ping()');
SELECT attempt_as('regress_outsider', 'SELECT nectar.ping(''sandbox'')');
GRANT USAGE ON FOREIGN SERVER sandbox TO regress_outsider;
SELECT attempt_as('regress_outsider', 'SELECT nectar.ping(''sandbox'')');
SELECT attempt_as('regress_outsider', 'SELECT nectar.ping()');
CREATE USER MAPPING FOR regress_outsider SERVER sandbox OPTIONS (api_key 'another-key');
SET ROLE regress_outsider;
SELECT server, ok, http_status, detail FROM nectar.ping();
RESET ROLE;
ALTER USER MAPPING FOR regress_outsider SERVER sandbox OPTIONS (SET api_key 'nectar-sandbox-key');
SET ROLE regress_outsider;
SELECT server, ok, http_status, latency_ms > 0, detail FROM nectar.ping();
RESET ROLE;

-- The server that is meant: the only one, or the one that is named.
CREATE SERVER sandbox_2 FOREIGN DATA WRAPPER connection_fdw OPTIONS (base_url :'base_url', max_retries '0');
SET ROLE regress_outsider;
SELECT server FROM nectar.ping();
RESET ROLE;
CREATE USER MAPPING FOR PUBLIC SERVER sandbox_2 OPTIONS (api_key 'nectar-sandbox-key');
SET ROLE regress_outsider;
SELECT server FROM nectar.ping();
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER sandbox_2 TO PUBLIC;
SELECT attempt_as('regress_outsider', 'SELECT nectar.ping()');
SELECT attempt_as('regress_outsider', 'SELECT nectar.confirm_accounts(connection(2))');
SET ROLE regress_outsider;
SELECT server, ok FROM nectar.ping('sandbox_2');
SELECT server, ok FROM nectar.ping(server => 'sandbox');
RESET ROLE;
SELECT attempt('SELECT nectar.ping(''sandbox_3'')');
CREATE FOREIGN DATA WRAPPER regress_other;
CREATE SERVER other FOREIGN DATA WRAPPER regress_other;
CREATE USER MAPPING FOR PUBLIC SERVER other;
SELECT attempt('SELECT nectar.ping(''other'')');
SELECT attempt_as('regress_outsider', 'SELECT nectar.ping(''other'')');
-- a wrapper of another name with our handler is ours
CREATE FOREIGN DATA WRAPPER regress_twin HANDLER nectar.connection_fdw_handler VALIDATOR nectar.connection_fdw_validator;
CREATE SERVER twin FOREIGN DATA WRAPPER regress_twin OPTIONS (base_url :'base_url');
CREATE USER MAPPING FOR CURRENT_USER SERVER twin OPTIONS (api_key 'nectar-sandbox-key');
SELECT server, ok FROM nectar.ping('twin');

SET client_min_messages = error;
DROP FOREIGN DATA WRAPPER regress_twin CASCADE;
DROP FOREIGN DATA WRAPPER regress_other CASCADE;
DROP OWNED BY regress_owner, regress_reader, regress_operator, regress_outsider;
DROP ROLE regress_owner, regress_reader, regress_operator, regress_outsider;
