\echo Use "CREATE EXTENSION connection_fdw" to load this file. \quit

-- CREATE EXTENSION makes the schema, and it outlives the extension.  One that
-- belongs to somebody else could hold objects that ours would trust.
DO $$
BEGIN
    IF (SELECT nspowner FROM pg_catalog.pg_namespace WHERE nspname = 'nectar')
       OPERATOR(pg_catalog.<>) (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
        RAISE EXCEPTION 'schema "nectar" belongs to another role'
              USING ERRCODE = 'insufficient_privilege',
                    HINT = 'Drop or rename the schema, or let its owner create the extension.';
    END IF;
END
$$;
GRANT USAGE ON SCHEMA nectar TO PUBLIC;

-- Types: labels are the API's own, in documented order.

CREATE TYPE connection_status AS ENUM (
    'PENDING', 'CONNECTED', 'UNDER_INVESTIGATION',
    'PASSWORD_INCORRECT', 'MFA_TOKEN_EXPIRED', 'NEW_PASSWORD_NEEDED', 'ADDITIONAL_CREDENTIALS_NEEDED',
    'WEBSITE_DOWN', 'URL_INACCESSIBLE', 'NO_ACCOUNTS_FOUND', 'OTHER_ERROR',
    'COMPANY_INACTIVE');
COMMENT ON TYPE connection_status IS 'status of a connection; facts in the view connection_statuses';

CREATE TYPE account_status AS ENUM (
    'DETECTED', 'ONBOARDED', 'PULL_COMPLETED', 'NO_DOCUMENTS_FOUND', 'PDF_DOWNLOAD_FAILED',
    'ACCOUNT_NOT_FOUND', 'WORKFLOW_NOT_ACCESSIBLE', 'OTHER_ERROR', 'OLD_ACCOUNT', 'DUPLICATE',
    'CUSTOMER_NOT_TRACKED', 'COMPANY_INACTIVE');
COMMENT ON TYPE account_status IS 'status of an account; facts in the view account_statuses';

CREATE TYPE tracking_status AS ENUM ('UNSET', 'ENABLED', 'DISABLED');
COMMENT ON TYPE tracking_status IS 'tracking decision on an account; UNSET: undecided';

CREATE TYPE connection_category AS ENUM ('healthy', 'credential_error', 'provider_error', 'system', 'unknown');
COMMENT ON TYPE connection_category IS 'category of a connection status; unknown: a label this version does not know';

CREATE TYPE invitation_status AS ENUM ('ACTIVE', 'EXPIRED', 'REVOKED', 'FULFILLED');
COMMENT ON TYPE invitation_status IS 'status of an invitation; only an active one can be used';

CREATE TYPE invitation_type AS ENUM ('CREATE_CONNECTION', 'EDIT_CONNECTION');
COMMENT ON TYPE invitation_type IS 'what an invitation is for: to make a connection, or to mend one';

-- Foreign-data wrapper.

CREATE FUNCTION connection_fdw_handler() RETURNS fdw_handler
    AS 'MODULE_PATHNAME' LANGUAGE C STRICT;
COMMENT ON FUNCTION connection_fdw_handler() IS 'handler of the foreign-data wrapper connection_fdw';

CREATE FUNCTION connection_fdw_validator(text[], oid) RETURNS void
    AS 'MODULE_PATHNAME' LANGUAGE C STRICT;
COMMENT ON FUNCTION connection_fdw_validator(text[], oid) IS 'checks options of the foreign-data wrapper connection_fdw';

CREATE FOREIGN DATA WRAPPER connection_fdw
    HANDLER connection_fdw_handler VALIDATOR connection_fdw_validator;
COMMENT ON FOREIGN DATA WRAPPER connection_fdw IS 'the Nectar API: companies, sites, connections, accounts, invitations';

-- Status facts.

CREATE FUNCTION status_category(status connection_status) RETURNS connection_category
    AS 'MODULE_PATHNAME', 'connection_fdw_status_category' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION status_category(connection_status) IS 'category of a connection status';

CREATE FUNCTION needs_user_action(status connection_status) RETURNS boolean
    AS 'MODULE_PATHNAME', 'connection_fdw_needs_user_action' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION needs_user_action(connection_status) IS 'collection is paused until the end user acts';

CREATE FUNCTION is_checked_weekly(status connection_status) RETURNS boolean
    AS 'MODULE_PATHNAME', 'connection_fdw_is_checked_weekly' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION is_checked_weekly(connection_status) IS 'the next weekly cycle checks such a connection again';

CREATE FUNCTION is_checked_weekly(status account_status) RETURNS boolean
    AS 'MODULE_PATHNAME', 'connection_fdw_is_checked_weekly' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION is_checked_weekly(account_status) IS 'the next weekly cycle checks such an account again';

CREATE FUNCTION guidance(status connection_status) RETURNS text
    AS 'MODULE_PATHNAME', 'connection_fdw_guidance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION guidance(connection_status) IS 'what to do about a connection with this status';

CREATE FUNCTION guidance(status account_status) RETURNS text
    AS 'MODULE_PATHNAME', 'connection_fdw_guidance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION guidance(account_status) IS 'what to do about an account with this status';

CREATE FUNCTION is_terminal(status account_status) RETURNS boolean
    AS 'MODULE_PATHNAME', 'connection_fdw_is_terminal' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION is_terminal(account_status) IS 'such an account is not checked again';

CREATE FUNCTION status_facts(type text,
        OUT label text, OUT description text, OUT category text, OUT who_acts text, OUT action text,
        OUT paused boolean, OUT checked_weekly boolean, OUT terminal boolean) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'connection_fdw_status_facts' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 12;
COMMENT ON FUNCTION status_facts(text) IS 'documented labels of connection_status or account_status, with their facts';

CREATE VIEW connection_statuses AS
    SELECT label::connection_status AS label, description, category::connection_category AS category,
           who_acts, action, paused, checked_weekly, terminal
      FROM status_facts('connection_status');
COMMENT ON VIEW connection_statuses IS 'what each connection status means, who acts, and how';

CREATE VIEW account_statuses AS
    SELECT label::account_status AS label, description, category::connection_category AS category,
           who_acts, action, paused, checked_weekly, terminal
      FROM status_facts('account_status');
COMMENT ON VIEW account_statuses IS 'what each account status means, who acts, and how';
GRANT SELECT ON connection_statuses, account_statuses TO PUBLIC;

-- What this version offers.

CREATE FUNCTION options(
        OUT name text, OUT place text, OUT type text, OUT "default" text, OUT min text, OUT max text,
        OUT secret boolean, OUT superuser boolean, OUT help text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'connection_fdw_options' LANGUAGE C STABLE STRICT PARALLEL SAFE ROWS 25;
COMMENT ON FUNCTION options() IS 'options of servers, user mappings, tables, columns and imports, with defaults and bounds';

CREATE FUNCTION errors(OUT name text, OUT sqlstate text, OUT description text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'connection_fdw_errors' LANGUAGE C STABLE STRICT PARALLEL SAFE ROWS 25;
COMMENT ON FUNCTION errors() IS 'causes of remote failures and the SQLSTATE of each';

-- Asking and acting.

CREATE FUNCTION ping(server name DEFAULT NULL,
        OUT server text, OUT ok boolean, OUT http_status integer, OUT latency_ms double precision,
        OUT detail text) RETURNS record
    AS 'MODULE_PATHNAME', 'connection_fdw_ping' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION ping(name) IS 'is the key good, how far away is the API; reports a remote failure instead of raising it';

CREATE FUNCTION confirm_accounts(connection_id uuid, confirm boolean DEFAULT true, server name DEFAULT NULL)
    RETURNS jsonb
    AS 'MODULE_PATHNAME', 'connection_fdw_confirm_accounts' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION confirm_accounts(uuid, boolean, name) IS 'confirm or reject the accounts discovered at a connection; returns the answer less secrets';
REVOKE ALL ON FUNCTION confirm_accounts(uuid, boolean, name) FROM PUBLIC;

CREATE FUNCTION bulk_confirm_accounts(connection_ids uuid[], confirm boolean DEFAULT true, server name DEFAULT NULL,
        OUT connection_id uuid, OUT ok boolean, OUT http_status integer, OUT detail text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'connection_fdw_bulk_confirm_accounts' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 100;
COMMENT ON FUNCTION bulk_confirm_accounts(uuid[], boolean, name) IS 'confirm or reject the accounts of many connections at once; one failure does not hide the others';
REVOKE ALL ON FUNCTION bulk_confirm_accounts(uuid[], boolean, name) FROM PUBLIC;

CREATE FUNCTION create_connection(company_id uuid, url text, username text, password text,
        sites uuid[] DEFAULT NULL, country text DEFAULT NULL, server name DEFAULT NULL,
        OUT id uuid, OUT status connection_status) RETURNS record
    AS 'MODULE_PATHNAME', 'connection_fdw_create_connection' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION create_connection(uuid, text, text, text, uuid[], text, name) IS 'create a connection of a company from a login at a provider; give the password as a bind parameter';
REVOKE ALL ON FUNCTION create_connection(uuid, text, text, text, uuid[], text, name) FROM PUBLIC;

CREATE FUNCTION update_connection(connection_id uuid, data_collection_start_date date DEFAULT NULL,
        multiply_by_occupancy boolean DEFAULT NULL, server name DEFAULT NULL, clear_start_date boolean DEFAULT false)
    RETURNS jsonb
    AS 'MODULE_PATHNAME', 'connection_fdw_update_connection' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION update_connection(uuid, date, boolean, name, boolean) IS 'change settings of a connection, those given only; returns the answer less secrets';
REVOKE ALL ON FUNCTION update_connection(uuid, date, boolean, name, boolean) FROM PUBLIC;

CREATE FUNCTION set_account_tracking(account_id uuid, tracked boolean, update_meters boolean DEFAULT NULL, server name DEFAULT NULL)
    RETURNS jsonb
    AS 'MODULE_PATHNAME', 'connection_fdw_set_account_tracking' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION set_account_tracking(uuid, boolean, boolean, name) IS 'track an account or stop tracking it; returns the answer less secrets';
REVOKE ALL ON FUNCTION set_account_tracking(uuid, boolean, boolean, name) FROM PUBLIC;

CREATE FUNCTION bulk_set_account_tracking(account_ids uuid[], tracked boolean, update_meters boolean DEFAULT NULL, server name DEFAULT NULL,
        OUT account_id uuid, OUT ok boolean, OUT http_status integer, OUT detail text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'connection_fdw_bulk_set_account_tracking' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 100;
COMMENT ON FUNCTION bulk_set_account_tracking(uuid[], boolean, boolean, name) IS 'track many accounts at once or stop tracking them; one failure does not hide the others';
REVOKE ALL ON FUNCTION bulk_set_account_tracking(uuid[], boolean, boolean, name) FROM PUBLIC;

CREATE FUNCTION company_magic_link(company_id uuid, sites uuid[] DEFAULT NULL, server name DEFAULT NULL)
    RETURNS text
    AS 'MODULE_PATHNAME', 'connection_fdw_company_magic_link' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION company_magic_link(uuid, uuid[], name) IS 'link with which an end user of the company creates a connection; whoever holds it can act';
REVOKE ALL ON FUNCTION company_magic_link(uuid, uuid[], name) FROM PUBLIC;

CREATE FUNCTION connection_magic_link(connection_id uuid, server name DEFAULT NULL)
    RETURNS text
    AS 'MODULE_PATHNAME', 'connection_fdw_connection_magic_link' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION connection_magic_link(uuid, name) IS 'link with which the end user mends the credentials of a connection; whoever holds it can act';
REVOKE ALL ON FUNCTION connection_magic_link(uuid, name) FROM PUBLIC;

CREATE FUNCTION reconnect_links(company_id uuid DEFAULT NULL, connection_ids uuid[] DEFAULT NULL, server name DEFAULT NULL,
        OUT connection_id uuid, OUT company_id uuid, OUT company_name text, OUT datasource_name text,
        OUT status connection_status, OUT status_first_seen_time timestamptz, OUT workflow_owner_email text,
        OUT guidance text, OUT magic_link text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'connection_fdw_reconnect_links' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 100;
COMMENT ON FUNCTION reconnect_links(uuid, uuid[], name) IS 'connections that wait for their user, each with its link; whoever holds a link can act';
REVOKE ALL ON FUNCTION reconnect_links(uuid, uuid[], name) FROM PUBLIC;

CREATE FUNCTION invite_to_connect(company_id uuid, allowed_emails text[] DEFAULT NULL, expires_in interval DEFAULT NULL,
        max_uses integer DEFAULT NULL, send_email boolean DEFAULT NULL,
        prefill_url text DEFAULT NULL, prefill_country text DEFAULT NULL, prefill_initial_sites uuid[] DEFAULT NULL,
        prefill_utility_types text[] DEFAULT NULL, prefill_connection_owner_email text DEFAULT NULL,
        prefill_data_collection_start_date date DEFAULT NULL, server name DEFAULT NULL,
        OUT id uuid, OUT url text, OUT expires_at timestamptz) RETURNS record
    AS 'MODULE_PATHNAME', 'connection_fdw_invite_to_connect' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION invite_to_connect(uuid, text[], interval, integer, boolean, text, text, uuid[], text[], text, date, name)
    IS 'invite an end user of the company to create a connection; whoever holds the url can act';
REVOKE ALL ON FUNCTION invite_to_connect(uuid, text[], interval, integer, boolean, text, text, uuid[], text[], text, date, name)
    FROM PUBLIC;

CREATE FUNCTION invite_to_reconnect(connection_id uuid, allowed_emails text[] DEFAULT NULL, expires_in interval DEFAULT NULL,
        max_uses integer DEFAULT NULL, send_email boolean DEFAULT NULL, server name DEFAULT NULL,
        OUT id uuid, OUT url text, OUT expires_at timestamptz) RETURNS record
    AS 'MODULE_PATHNAME', 'connection_fdw_invite_to_reconnect' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION invite_to_reconnect(uuid, text[], interval, integer, boolean, name)
    IS 'invite the end user to mend the credentials of a connection; whoever holds the url can act';
REVOKE ALL ON FUNCTION invite_to_reconnect(uuid, text[], interval, integer, boolean, name) FROM PUBLIC;

CREATE FUNCTION revoke_invitation(invitation_id uuid, server name DEFAULT NULL) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'connection_fdw_revoke_invitation' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION revoke_invitation(uuid, name) IS 'revoke an invitation, whose url then opens nothing; returns the answer less secrets';
REVOKE ALL ON FUNCTION revoke_invitation(uuid, name) FROM PUBLIC;

-- Connections with their accounts as records, statuses as text.

CREATE TYPE connection_record AS (
    id uuid, company_id uuid, company_name text, company_external_id text, public_company_id text, external_id
    text, status text, status_category text, needs_user_action boolean, status_first_seen_time timestamptz,
    status_last_update_time timestamptz, status_error_detail text, datasource_name text, datasource_url text,
    url text, username text, workflow_owner_email text, country text, initial_sites uuid[],
    initial_datasource_types text[], data_collection_start_date date, multiply_by_occupancy boolean, is_active
    boolean, created timestamptz, updated timestamptz, attrs jsonb);
COMMENT ON TYPE connection_record IS 'a row of the foreign table connections, its status as the API spells it';

CREATE TYPE account_record AS (
    id uuid, connection_id uuid, company_id uuid, account_number text, status text, tracking_status text,
    status_first_seen_time timestamptz, status_last_update_time timestamptz, status_error_detail text,
    is_duplicated boolean, is_collecting_invoice_data boolean, is_collecting_smart_meter_data boolean, meters
    uuid[], datasource_types text[], data_collection_start_date date, last_service_date date, attrs jsonb);
COMMENT ON TYPE account_record IS 'a row of the foreign table accounts, its statuses as the API spells them';

CREATE FUNCTION read_listings(server name DEFAULT NULL, company_id uuid DEFAULT NULL,
        OUT kind text, OUT read_company_id uuid, OUT whole boolean,
        OUT connection connection_record, OUT account account_record, OUT requests bigint) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'connection_fdw_read_listings' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 1000;
COMMENT ON FUNCTION read_listings(name, uuid) IS 'connections with their accounts, each listing read once, and which companies were read whole';

CREATE FUNCTION read_connection(body text, server name DEFAULT NULL,
        OUT kind text, OUT read_company_id uuid, OUT whole boolean,
        OUT connection connection_record, OUT account account_record, OUT requests bigint) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'connection_fdw_read_connection' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100 ROWS 4;
COMMENT ON FUNCTION read_connection(text, name) IS 'a connection given as the JSON that the API sends, with its accounts; asks nothing';

-- History: ordinary tables of the caller's, filled by observe() and by
-- receive_webhook().  Everything runs as the caller, and nothing that
-- create_history() makes needs the extension afterwards.

CREATE FUNCTION history_server(server name DEFAULT NULL) RETURNS text
    AS 'MODULE_PATHNAME', 'connection_fdw_history_server' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION history_server(name) IS 'internal: name of the server that is meant';

CREATE FUNCTION history_lock(history name, purpose text, server text) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    space oid := to_regnamespace(quote_ident(history));
BEGIN
    RETURN hashtextextended(concat_ws(' ', 'connection_fdw', purpose, space, server), 0);
END
$$;
COMMENT ON FUNCTION history_lock(name, text, text) IS 'internal: key of an advisory lock on a history';

-- The tables of a history: the columns of the records that are read, and its
-- own.  A column's place orders it; a table's comment and key are those of its
-- first row.
CREATE FUNCTION history_columns(OUT table_name text, OUT place integer, OUT column_name text, OUT definition text,
        OUT comment text) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.name, 1000 + a.attnum, a.attname::text, format_type(a.atttypid, a.atttypmod),
           coalesce(col_description(t.record, a.attnum), 'as in the foreign table ' || split_part(t.name, '_', 1) || 's')
      FROM (VALUES ('connection_state', 'nectar.connection_record'::regclass),
                   ('account_state', 'nectar.account_record')) t(name, record)
      JOIN pg_attribute a ON a.attrelid = t.record AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT t.name, c.place, c.name, c.definition, c.comment
      FROM (VALUES ('connection_state'), ('account_state')) t(name),
           (VALUES (1, 'server', 'text NOT NULL', 'name of the foreign server'),
                   (2001, 'first_seen', 'timestamptz NOT NULL', 'when it was first read'),
                   (2002, 'last_seen', 'timestamptz NOT NULL', 'when its row was last written: at first sight, at a change, when it had gone'),
                   (2003, 'gone_at', 'timestamptz', 'when it was no longer there; NULL: it is there'),
                   (2004, 'status_since', 'timestamptz NOT NULL', 'since when it has its status, as the API says or as it was seen'))
           c(place, name, definition, comment)
    UNION ALL
    SELECT * FROM (VALUES
        ('status_event', 1, 'id', 'bigint GENERATED ALWAYS AS IDENTITY', 'order of recording'),
        ('status_event', 2, 'observed_at', 'timestamptz NOT NULL', 'when it was seen; the same for all that one pass saw'),
        ('status_event', 3, 'source', 'text NOT NULL CHECK (source IN (''poll'', ''webhook''))', 'poll or webhook'),
        ('status_event', 4, 'server', 'text NOT NULL', 'name of the foreign server'),
        ('status_event', 5, 'kind', 'text NOT NULL CHECK (kind IN (''connection'', ''account''))', 'connection or account'),
        ('status_event', 6, 'change', 'text NOT NULL CHECK (change IN (''appeared'', ''status'', ''tracking'', ''gone'', ''returned''))',
            'appeared, status, tracking (and not the status), gone, returned'),
        ('status_event', 7, 'connection_id', 'uuid NOT NULL', 'the connection, or that of the account'),
        ('status_event', 8, 'account_id', 'uuid', 'the account; NULL for a connection'),
        ('status_event', 9, 'company_id', 'uuid', 'its company'),
        ('status_event', 10, 'company_name', 'text', 'the company''s name at that time'),
        ('status_event', 11, 'old_status', 'text', 'NULL where it appeared or returned'),
        ('status_event', 12, 'new_status', 'text', 'NULL where it has gone'),
        ('status_event', 13, 'old_tracking', 'text', 'tracking status of an account before'),
        ('status_event', 14, 'new_tracking', 'text', 'and after'),
        ('status_event', 15, 'old_since', 'timestamptz', 'since when it had the old status'),
        ('status_event', 16, 'new_since', 'timestamptz', 'since when it has the new one, or has gone'),
        ('status_event', 17, 'remote_time', 'timestamptz', 'newest time that the API showed of it; NULL where it has gone'),
        ('observation', 1, 'server', 'text NOT NULL', 'name of the foreign server'),
        ('observation', 2, 'company_id', 'uuid NOT NULL', 'the company'),
        ('observation', 3, 'observed_at', 'timestamptz NOT NULL', 'when its listing was last read whole'),
        ('observation', 4, 'connections', 'bigint NOT NULL', 'connections that it had'),
        ('observation', 5, 'accounts', 'bigint NOT NULL', 'accounts that they had'),
        ('observation', 6, 'known_since', 'timestamptz', 'from when on its days are known: its first whole reading, or what was forgotten since'),
        ('webhook_event', 1, 'server', 'text NOT NULL', 'name of the foreign server'),
        ('webhook_event', 2, 'svix_id', 'text NOT NULL', 'the sender''s id of the event'),
        ('webhook_event', 3, 'received_at', 'timestamptz NOT NULL', 'when it came'),
        ('webhook_event', 4, 'sent_at', 'timestamptz', 'when it was sent'),
        ('webhook_event', 5, 'event_type', 'text', 'as connection.updated.v2'),
        ('webhook_event', 6, 'connection_id', 'uuid', 'the connection that it tells of'),
        ('webhook_event', 7, 'company_id', 'uuid', 'its company'),
        ('webhook_event', 8, 'protected_changes', 'text[]', 'members that changed'),
        ('webhook_event', 9, 'old', 'jsonb', 'what they were before'),
        ('webhook_event', 10, 'outcome', 'text', 'what came of it'),
        ('webhook_event', 11, 'body', 'jsonb', 'the event less secrets'),
        ('status_fact', 1, 'type', 'text NOT NULL', 'connection_status or account_status'),
        ('status_fact', 2, 'label', 'text NOT NULL', 'the status'),
        ('status_fact', 3, 'description', 'text', 'what it means'),
        ('status_fact', 4, 'category', 'text', 'healthy, credential_error, provider_error or system'),
        ('status_fact', 5, 'who_acts', 'text', 'nobody, user or support'),
        ('status_fact', 6, 'action', 'text', 'what to do'),
        ('status_fact', 7, 'paused', 'boolean', 'nothing is collected meanwhile'),
        ('status_fact', 8, 'checked_weekly', 'boolean', 'the next weekly cycle checks it again'),
        ('status_fact', 9, 'terminal', 'boolean', 'it is not checked again')) f
$$;
COMMENT ON FUNCTION history_columns() IS 'internal: columns of a history''s tables';

CREATE FUNCTION create_history(schema name DEFAULT 'nectar_history') RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    space CONSTANT text := quote_ident(create_history.schema);
    owner CONSTANT name := (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = create_history.schema);
    part record;
    made regclass;
BEGIN
    IF space IS NULL THEN
        RAISE EXCEPTION '"schema" must not be null' USING ERRCODE = 'null_value_not_allowed';
    ELSIF owner IS NULL THEN
        EXECUTE format('CREATE SCHEMA %s', space);
        EXECUTE format('COMMENT ON SCHEMA %s IS %L', space, 'history of statuses, see nectar.create_history()');
    ELSIF owner <> current_user THEN
        -- what another role put there could run with the rights of this one
        RAISE EXCEPTION 'schema "%" belongs to another role', create_history.schema
              USING ERRCODE = 'insufficient_privilege',
                    HINT = format('Name another schema, or SET ROLE %I first.', owner);
    END IF;
    PERFORM pg_advisory_xact_lock(nectar.history_lock(create_history.schema, 'create', ''));

    -- Tables, and columns that a table of an older version lacks.
    FOR part IN
        SELECT * FROM (VALUES
            ('connection_state', 'id, server', 'connections as they were last read, with the columns of the foreign table'),
            ('account_state', 'id, server', 'accounts as they were last read, with the columns of the foreign table'),
            ('status_event', 'id', 'changes of status or tracking, and what appeared, went or returned'),
            ('observation', 'server, company_id', 'when each company was last read whole'),
            ('webhook_event', 'server, svix_id', 'webhooks as they came'),
            ('status_fact', 'type, label', 'what each documented status means')) t(name, key, comment)
    LOOP
        made := to_regclass(format('%s.%I', space, part.name));
        IF made IS NULL THEN
            EXECUTE format('CREATE TABLE %s.%I (%s, PRIMARY KEY (%s))', space, part.name,
                           (SELECT string_agg(format('%I %s', c.column_name, c.definition), ', ' ORDER BY c.place)
                              FROM nectar.history_columns() c WHERE c.table_name = part.name), part.key);
        ELSIF (SELECT relkind NOT IN ('r', 'p') FROM pg_class WHERE oid = made) THEN
            RAISE EXCEPTION '"%" is not a table', made
                  USING ERRCODE = 'wrong_object_type', HINT = 'Give the history a schema of its own.';
        END IF;
        EXECUTE format('COMMENT ON TABLE %s.%I IS %L', space, part.name, part.comment);
    END LOOP;
    FOR part IN
        SELECT c.*, a.attname IS NOT NULL AS is_there
          FROM nectar.history_columns() c
          LEFT JOIN pg_attribute a ON a.attrelid = to_regclass(format('%s.%I', space, c.table_name))
                                  AND a.attname = c.column_name AND NOT a.attisdropped
         ORDER BY c.table_name, c.place
    LOOP
        IF NOT part.is_there THEN
            EXECUTE format('ALTER TABLE %s.%I ADD COLUMN %I %s', space, part.table_name, part.column_name, part.definition);
        END IF;
        EXECUTE format('COMMENT ON COLUMN %s.%I.%I IS %L', space, part.table_name, part.column_name, part.comment);
    END LOOP;

    FOR part IN
        SELECT * FROM (VALUES
            ('connection_state_company', 'connection_state (company_id)'),
            ('connection_state_attention', 'connection_state (status_category) WHERE gone_at IS NULL AND status_category <> ''healthy'''),
            ('connection_state_gone', 'connection_state (gone_at) WHERE gone_at IS NOT NULL'),
            ('account_state_connection', 'account_state (connection_id)'),
            ('account_state_company', 'account_state (company_id)'),
            ('account_state_gone', 'account_state (gone_at) WHERE gone_at IS NOT NULL'),
            ('status_event_observed', 'status_event (observed_at)'),
            ('status_event_connection', 'status_event (connection_id, observed_at)'),
            ('status_event_account', 'status_event (account_id, observed_at) WHERE account_id IS NOT NULL'),
            ('webhook_event_received', 'webhook_event (received_at)'),
            ('webhook_event_connection', 'webhook_event (connection_id)')) i(name, keys)
    LOOP
        IF to_regclass(format('%s.%I', space, part.name)) IS NULL THEN
            EXECUTE format('CREATE INDEX %I ON %s.%s', part.name, space, part.keys);
        END IF;
    END LOOP;

    EXECUTE format($q$
        INSERT INTO %s.status_fact AS f (type, label, description, category, who_acts, action, paused, checked_weekly, terminal)
        SELECT t.type, n.* FROM (VALUES ('connection_status'), ('account_status')) t(type), nectar.status_facts(t.type) n
            ON CONFLICT (type, label) DO UPDATE
           SET (description, category, who_acts, action, paused, checked_weekly, terminal)
             = (excluded.description, excluded.category, excluded.who_acts, excluded.action, excluded.paused,
                excluded.checked_weekly, excluded.terminal)
         WHERE ROW(f.*) IS DISTINCT FROM ROW(excluded.*)$q$, space);

    -- Views, each built upon those before it.
    FOR part IN
        SELECT * FROM (VALUES
            ('attention', 'connections that somebody has to act upon, and since when: credential errors at once, errors of the provider after two weekly checks', $q$
                SELECT s.server, s.id AS connection_id, s.company_id, s.company_name, s.datasource_name,
                       s.workflow_owner_email AS owner, s.status, s.status_category AS category, s.status_error_detail,
                       CASE s.status_category WHEN 'credential_error' THEN 'user' WHEN 'unknown' THEN 'you' ELSE 'support' END AS who,
                       coalesce(s.status_first_seen_time, s.status_since) AS since,
                       now() - coalesce(s.status_first_seen_time, s.status_since) AS waiting,
                       coalesce(f.action, 'Look up what this status means; this version does not know it.') AS guidance
                  FROM @history@.connection_state s
                  LEFT JOIN @history@.status_fact f ON f.type = 'connection_status' AND f.label = s.status
                 WHERE s.gone_at IS NULL AND s.status_category <> 'healthy'
                   AND (s.status_category <> 'provider_error'
                        OR coalesce(s.status_first_seen_time, s.status_since) < now() - interval '14 days')$q$),
            ('connection_timeline', 'which status each connection had from when to when', $q$
                SELECT e.server, e.connection_id, s.company_id, s.company_name, s.datasource_name,
                       e.old_status AS status, coalesce(f.category, 'unknown') AS category,
                       e.old_since AS since, e.new_since AS until, e.new_since - e.old_since AS duration,
                       e.new_status AS next_status
                  FROM @history@.status_event e
                  LEFT JOIN @history@.connection_state s ON s.id = e.connection_id AND s.server = e.server
                  LEFT JOIN @history@.status_fact f ON f.type = 'connection_status' AND f.label = e.old_status
                 WHERE e.kind = 'connection' AND e.change IN ('status', 'gone')
                UNION ALL
                SELECT s.server, s.id, s.company_id, s.company_name, s.datasource_name,
                       s.status, coalesce(f.category, 'unknown'), s.status_since, NULL, now() - s.status_since, NULL
                  FROM @history@.connection_state s
                  LEFT JOIN @history@.status_fact f ON f.type = 'connection_status' AND f.label = s.status
                 WHERE s.gone_at IS NULL$q$),
            ('resolution_times', 'errors of credentials and of providers: how many, and how long until they were over', $q$
                WITH turn AS (
                    SELECT t.*, lag(t.category) OVER w IS DISTINCT FROM t.category
                                OR lag(t.until) OVER w IS DISTINCT FROM t.since AS is_first
                      FROM @history@.connection_timeline t
                    WINDOW w AS (PARTITION BY t.server, t.connection_id ORDER BY t.since, t.until)),
                numbered AS (
                    SELECT t.*, count(*) FILTER (WHERE t.is_first) OVER w AS episode
                      FROM turn t
                    WINDOW w AS (PARTITION BY t.server, t.connection_id ORDER BY t.since, t.until)),
                episode AS (
                    SELECT n.server, max(n.datasource_name) AS datasource_name, n.category, min(n.since) AS since,
                           bool_or(n.until IS NULL) AS is_open,
                           max(n.until) - min(n.since) AS duration,
                           (array_agg(n.next_status ORDER BY n.since DESC, n.until DESC))[1] IS NOT NULL AS is_resolved
                      FROM numbered n
                     WHERE n.category IN ('credential_error', 'provider_error')
                     GROUP BY n.server, n.connection_id, n.episode, n.category)
                SELECT e.server, e.datasource_name, e.category, count(*) AS episodes,
                       count(*) FILTER (WHERE e.is_open) AS open,
                       count(*) FILTER (WHERE e.is_resolved) AS resolved,
                       justify_hours(percentile_cont(0.5) WITHIN GROUP (ORDER BY e.duration) FILTER (WHERE e.is_resolved)) AS median,
                       justify_hours(percentile_cont(0.9) WITHIN GROUP (ORDER BY e.duration) FILTER (WHERE e.is_resolved)) AS p90,
                       max(e.duration) FILTER (WHERE e.is_resolved) AS longest,
                       now() - min(e.since) FILTER (WHERE e.is_open) AS longest_open
                  FROM episode e
                 GROUP BY e.server, e.datasource_name, e.category$q$),
            ('health_daily', 'connections of each company by category at the end of each day since they were first read', $q$
                WITH life AS (
                    SELECT t.server, t.company_id, t.company_name, t.category,
                           greatest(t.since, s.first_seen)::date AS first_day, t.until::date AS end_day
                      FROM @history@.connection_timeline t
                      JOIN @history@.connection_state s ON s.id = t.connection_id AND s.server = t.server),
                step AS (
                    SELECT l.server, l.company_id, l.company_name, l.category, d.day, d.step
                      FROM life l, LATERAL (VALUES (l.first_day, 1), (l.end_day, -1)) d(day, step)
                     WHERE l.end_day IS NULL AND d.step > 0 OR l.end_day > l.first_day),
                day AS (
                    SELECT f.server, f.company_id, NULL AS company_name, NULL AS category, g.day::date AS day, 0 AS step
                      FROM (SELECT s.server, s.company_id, min(s.day) AS first_day FROM step s GROUP BY s.server, s.company_id) f,
                           generate_series(f.first_day::timestamp, current_date::timestamp, interval '1 day') g(day)
                    UNION ALL SELECT * FROM step),
                total AS (
                    SELECT d.server, d.company_id, d.day, max(d.company_name) AS company_name,
                           coalesce(sum(d.step) FILTER (WHERE d.category = 'healthy'), 0) AS healthy,
                           coalesce(sum(d.step) FILTER (WHERE d.category = 'credential_error'), 0) AS credential_error,
                           coalesce(sum(d.step) FILTER (WHERE d.category = 'provider_error'), 0) AS provider_error,
                           coalesce(sum(d.step) FILTER (WHERE d.category = 'system'), 0) AS system,
                           coalesce(sum(d.step) FILTER (WHERE d.category = 'unknown'), 0) AS unknown,
                           sum(d.step) AS connections
                      FROM day d GROUP BY d.server, d.company_id, d.day)
                SELECT w.*
                  FROM (SELECT t.day, t.server, t.company_id, max(t.company_name) OVER (PARTITION BY t.server, t.company_id) AS company_name,
                               (sum(t.healthy) OVER w)::bigint AS healthy,
                               (sum(t.credential_error) OVER w)::bigint AS credential_error,
                               (sum(t.provider_error) OVER w)::bigint AS provider_error,
                               (sum(t.system) OVER w)::bigint AS system,
                               (sum(t.unknown) OVER w)::bigint AS unknown,
                               (sum(t.connections) OVER w)::bigint AS connections
                          FROM total t
                        WINDOW w AS (PARTITION BY t.server, t.company_id ORDER BY t.day)) w
                 WHERE NOT EXISTS (SELECT FROM @history@.observation o
                                    WHERE o.server = w.server AND o.company_id = w.company_id AND o.known_since::date > w.day)$q$)) v(name, comment, definition)
    LOOP
        EXECUTE format('CREATE OR REPLACE VIEW %s.%I AS %s', space, part.name, replace(part.definition, '@history@', space));
        EXECUTE format('COMMENT ON VIEW %s.%I IS %L', space, part.name, part.comment);
    END LOOP;
    FOR part IN
        SELECT * FROM (VALUES
            ('attention', 'owner', 'who owns the connection'),
            ('attention', 'who', 'who has to act: user, support, or you where the status is unknown'),
            ('attention', 'since', 'since when it has this status, as the API says'),
            ('attention', 'guidance', 'what to do'),
            ('connection_timeline', 'until', 'NULL: it has this status still'),
            ('connection_timeline', 'next_status', 'what it became; NULL: nothing yet, or it has gone'),
            ('resolution_times', 'episodes', 'times that a connection was in errors of this category without a break'),
            ('resolution_times', 'open', 'of these, not over yet'),
            ('resolution_times', 'resolved', 'of these, over; those that are neither ended with the connection'),
            ('resolution_times', 'median', 'of those resolved'),
            ('resolution_times', 'p90', 'nine in ten of those resolved took no longer'),
            ('health_daily', 'day', 'in the time zone of the session; today counts until now'),
            ('health_daily', 'connections', 'all of them')) c(view, name, comment)
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I.%I IS %L', space, part.view, part.name, part.comment);
    END LOOP;
END
$$;
COMMENT ON FUNCTION create_history(name) IS 'make the tables and views of a history, or bring them up to date; they belong to the caller and outlive the extension';

-- The temporary tables that hold what was read, empty: rows that may have to
-- be merged, and of a pass also what was seen and which listings were whole.
-- In a session that changes roles they could be another's, with triggers of
-- that role's.
CREATE FUNCTION history_staging() RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part record;
    is_full boolean;
BEGIN
    FOR part IN
        SELECT n.name, n.key, n.columns, c.oid::regclass AS made, c.relowner = current_user::regrole AS is_mine,
               c.relkind = 'r' AND NOT c.relhastriggers AND NOT c.relhasrules
               AND n.columns = (SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum)
                                  FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS is_as_made
          FROM (VALUES ('nectar_company_read', 'company_id', 'company_id uuid, whole boolean'),
                       ('nectar_seen', 'id', 'kind text, id uuid, connection_id uuid, company_id uuid')
                UNION ALL
                SELECT CASE h.table_name WHEN 'connection_state' THEN 'nectar_connection_read' ELSE 'nectar_account_read' END, 'id',
                       string_agg(format('%I %s', h.column_name, h.definition), ', ' ORDER BY h.place)
                  FROM nectar.history_columns() h
                 WHERE h.table_name IN ('connection_state', 'account_state') AND h.place BETWEEN 1001 AND 2000
                 GROUP BY h.table_name) n(name, key, columns)
          LEFT JOIN pg_class c ON c.oid = to_regclass('pg_temp.' || n.name)
         ORDER BY n.name
    LOOP
        IF part.made IS NOT NULL AND NOT part.is_mine THEN
            RAISE EXCEPTION 'temporary table "%" belongs to another role', part.name
                  USING ERRCODE = 'insufficient_privilege', HINT = 'Begin another session, or DISCARD TEMP as that role.';
        ELSIF part.made IS NOT NULL AND NOT part.is_as_made THEN
            EXECUTE format('DROP TABLE pg_temp.%I', part.name);
            part.made := NULL;
        END IF;
        IF part.made IS NULL THEN
            EXECUTE format('CREATE TEMPORARY TABLE %I (%s) ON COMMIT DELETE ROWS', part.name, part.columns);
            -- whatever the planner thinks of the tables, looking up is cheap then
            EXECUTE format('CREATE INDEX ON pg_temp.%I (%I)', part.name, part.key);
            CONTINUE;
        END IF;
        EXECUTE format('SELECT EXISTS (SELECT FROM pg_temp.%I)', part.name) INTO is_full;
        IF is_full THEN
            EXECUTE format('TRUNCATE pg_temp.%I', part.name);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION history_staging() IS 'internal: empty temporary tables for what is read, nectar_connection_read, nectar_account_read, nectar_company_read, nectar_seen';

CREATE FUNCTION history_check(history name) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    lacking text;
BEGIN
    IF history IS NULL THEN
        RAISE EXCEPTION '"history" must not be null' USING ERRCODE = 'null_value_not_allowed';
    ELSIF to_regclass(format('%I.connection_state', history)) IS NULL THEN
        RAISE EXCEPTION 'there is no history in schema "%"', history
              USING ERRCODE = 'undefined_table', HINT = format('SELECT nectar.create_history(%L) makes one.', history);
    END IF;
    SELECT format('%I.%I', c.table_name, c.column_name) INTO lacking
      FROM nectar.history_columns() c
     WHERE NOT EXISTS (SELECT FROM pg_attribute a
                        WHERE a.attrelid = to_regclass(format('%I.%I', history, c.table_name))
                          AND a.attname = c.column_name AND NOT a.attisdropped)
     ORDER BY c.table_name, c.place LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the history in schema "%" lacks %', history, lacking
              USING ERRCODE = 'undefined_column', HINT = format('SELECT nectar.create_history(%L) brings it up to date.', history);
    END IF;
END
$$;
COMMENT ON FUNCTION history_check(name) IS 'internal: an error unless there is a history of this version';

-- Merge the connections, or the accounts, that were read: one statement for
-- what changed or returned, one for what is new, one for what has gone.
--
-- A row that was read is older than ours, and is left out, where its remote
-- time is older, by the members that both have.  Where these are equal or
-- unknown, it is so if ours was written after the reading began.  A listing
-- that shows an older time for a day is believed.  What has gone since a
-- webhook was sent, that webhook does not bring back.
--
-- A status that is the same holds since it was first seen, whatever time the
-- API gives for it now: a timeline has no holes.
CREATE FUNCTION history_merge_kind(history name, kind text, server text, source text, started timestamptz,
        merged_at timestamptz, OUT total bigint, OUT changes bigint, OUT gone bigint) RETURNS record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET jit = off
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_account CONSTANT boolean := kind = 'account';
    state CONSTANT text := format('%I.%I', history, kind || '_state');
    read CONSTANT text := format('pg_temp.%I', 'nectar_' || kind || '_read');
    -- how the two kinds differ, in terms of a row x
    ids CONSTANT text := CASE WHEN is_account
        THEN format('x.connection_id, x.id, x.company_id, (SELECT o.company_name FROM %I.connection_state o'
                    ' WHERE o.server = $1 AND o.id = x.connection_id)', history)
        ELSE 'x.id, NULL::uuid, x.company_id, x.company_name' END;
    tracking CONSTANT text := CASE WHEN is_account THEN 'x.tracking_status' ELSE 'NULL' END;
    times CONSTANT text[] := CASE WHEN NOT is_account THEN '{updated}'::text[] ELSE '{}' END
        || '{status_last_update_time,status_first_seen_time}'::text[];
    narrow CONSTANT text := array_to_string(ARRAY['id', 'company_id', 'status', 'status_since']
        || times || CASE WHEN is_account THEN ARRAY['connection_id', 'tracking_status'] ELSE ARRAY['company_name'] END, ', ');
    newest CONSTANT text := (SELECT 'greatest(' || string_agg('x.' || t, ', ') || ')' FROM unnest(times) t);
    -- of one row, by the members that another has as well
    newest_of CONSTANT text := (SELECT 'greatest(' || string_agg('CASE WHEN %2$s.' || t || ' IS NOT NULL THEN %1$s.' || t || ' END', ', ') || ')'
                                  FROM unnest(times) t);
    events CONSTANT text := format('INSERT INTO %I.status_event (observed_at, source, server, kind, change,'
        ' connection_id, account_id, company_id, company_name, old_status, new_status, old_tracking, new_tracking,'
        ' old_since, new_since, remote_time)', history);
    cols record;
    n bigint;
BEGIN
    SELECT string_agg(format('%I', c.column_name), ', ' ORDER BY c.place) AS plain,
           string_agg(format('r.%I', c.column_name), ', ' ORDER BY c.place) AS r,
           string_agg(format('s.%I', c.column_name), ', ' ORDER BY c.place) AS s,
           string_agg(format('x.%I', c.column_name), ', ' ORDER BY c.place) AS x,
           -- what a webhook does not have stays as it is
           string_agg(format(CASE
               WHEN c.column_name = 'attrs' THEN 's.attrs || r.attrs'
               WHEN c.column_name IN ('status_category', 'needs_user_action')
                   THEN 'CASE WHEN r.status IS NULL THEN s.%1$I ELSE r.%1$I END'
               WHEN c.column_name = 'status_error_detail'
                   THEN 'CASE WHEN r.status <> s.status OR r.attrs ? ''statusErrorDetail'' THEN r.%1$I ELSE s.%1$I END'
               WHEN c.column_name = 'status_first_seen_time'
                   THEN 'CASE WHEN r.status <> s.status THEN r.%1$I ELSE coalesce(r.%1$I, s.%1$I) END'
               ELSE 'coalesce(r.%1$I, s.%1$I)' END, c.column_name), ', ' ORDER BY c.place) AS filled
      INTO cols
      FROM nectar.history_columns() c
     WHERE c.table_name = kind || '_state' AND c.place BETWEEN 1001 AND 2000;

    -- What moves while it is read is listed twice.
    EXECUTE format('SELECT coalesce(sum(i.n), 0), count(*) FROM (SELECT count(*) AS n FROM %s GROUP BY id) i', read) INTO n, total;
    IF n > total THEN
        EXECUTE format('DELETE FROM %1$s a USING %1$s b WHERE b.id = a.id AND b.ctid <> a.ctid'
                       ' AND (coalesce(%2$s, ''-infinity''), b.%4$I, b.ctid) > (coalesce(%3$s, ''-infinity''), a.%4$I, a.ctid)',
                       read, format(newest_of, 'b', 'b'), format(newest_of, 'a', 'a'),
                       CASE WHEN is_account THEN 'connection_id' ELSE 'id' END);
    END IF;
    IF source <> 'webhook' THEN
        SELECT count(DISTINCT i.id) INTO total FROM pg_temp.nectar_seen i WHERE i.kind = history_merge_kind.kind;
    END IF;
    IF source = 'webhook' THEN
        EXECUTE format('UPDATE %s r SET (%s) = ROW(%s) FROM %s s WHERE s.server = $1 AND s.id = r.id',
                       read, cols.plain, cols.filled, state) USING server;
    END IF;

    EXECUTE format($q$
        WITH changed AS MATERIALIZED (
            SELECT r.*, s.status AS old_status, s.status_since AS old_since, s.gone_at AS old_gone, %9$s AS old_tracking,
                   CASE WHEN s.gone_at IS NULL AND r.status IS NOT DISTINCT FROM s.status THEN s.status_since
                        WHEN r.status_first_seen_time > coalesce(s.gone_at, s.status_since) AND r.status_first_seen_time <= $5
                        THEN r.status_first_seen_time
                        ELSE $5 END AS new_since
              FROM %1$s r
              JOIN %2$s s ON s.server = $1 AND s.id = r.id
             WHERE (s.gone_at IS NOT NULL OR ROW(%4$s) IS DISTINCT FROM ROW(%5$s))
               AND CASE WHEN $3 = 'webhook' AND s.gone_at > $4 THEN false
                        WHEN %7$s < %8$s THEN $3 = 'poll' AND s.last_seen < $4 - interval '1 day'
                        WHEN %7$s > %8$s THEN true
                        ELSE s.last_seen <= $4 END),
        written AS (
            UPDATE %2$s s SET (%3$s) = ROW(%6$s), last_seen = $5, gone_at = NULL, status_since = x.new_since
              FROM changed x WHERE s.server = $1 AND s.id = x.id)
        %10$s
        SELECT $5, $3, $1, $2,
               CASE WHEN x.old_gone IS NOT NULL THEN 'returned' WHEN x.status IS DISTINCT FROM x.old_status THEN 'status' ELSE 'tracking' END,
               %11$s,
               CASE WHEN x.old_gone IS NULL THEN x.old_status END, x.status,
               CASE WHEN x.old_gone IS NULL THEN x.old_tracking END, %12$s,
               CASE WHEN x.old_gone IS NULL THEN x.old_since END, x.new_since, %13$s
          FROM changed x
         WHERE x.old_gone IS NOT NULL OR x.status IS DISTINCT FROM x.old_status OR %12$s IS DISTINCT FROM x.old_tracking
         ORDER BY x.id$q$,
        read, state, cols.plain, cols.r, cols.s, cols.x, format(newest_of, 'r', 's'), format(newest_of, 's', 'r'),
        replace(tracking, 'x.', 's.'), events, ids, tracking, newest)
        USING server, kind, source, started, merged_at;
    GET DIAGNOSTICS changes = ROW_COUNT;

    -- The first look at a company shows nothing that is new.
    EXECUTE format($q$
        WITH made AS (
            INSERT INTO %2$s (server, %3$s, first_seen, last_seen, status_since)
            SELECT $1, %4$s, $5, $5, least($5, r.status_first_seen_time)
              FROM %1$s r
             WHERE NOT EXISTS (SELECT FROM %2$s s WHERE s.server = $1 AND s.id = r.id)
            RETURNING %5$s)
        %6$s
        SELECT $5, $3, $1, $2, 'appeared', %7$s, NULL, x.status, NULL, %8$s, NULL, x.status_since, %9$s
          FROM made x
         WHERE $3 = 'webhook' OR EXISTS (SELECT FROM %10$I.observation o WHERE o.server = $1 AND o.company_id = x.company_id)
         ORDER BY x.id$q$,
        read, state, cols.plain, cols.r, narrow, events, ids, tracking, newest, history)
        USING server, kind, source, started, merged_at;
    GET DIAGNOSTICS n = ROW_COUNT;
    changes := changes + n;

    gone := 0;
    IF source <> 'webhook' THEN
        EXECUTE format($q$
            WITH missing AS MATERIALIZED (
                SELECT s.id FROM %2$s s
                 WHERE s.server = $1 AND s.gone_at IS NULL AND s.last_seen <= $4
                   AND NOT EXISTS (SELECT FROM pg_temp.nectar_seen r WHERE r.kind = $2 AND r.id = s.id)),
            went AS (
                UPDATE %2$s s SET gone_at = $5, last_seen = $5
                  FROM missing m
                 WHERE s.server = $1 AND s.id = m.id AND (%3$s)
                RETURNING %4$s)
            %5$s
            SELECT $5, $3, $1, $2, 'gone', %6$s, x.status, NULL, %7$s, NULL, x.status_since, $5, NULL
              FROM went x
             ORDER BY x.id$q$,
            read, state,
            CASE WHEN is_account
                 THEN format('EXISTS (SELECT FROM pg_temp.nectar_seen r JOIN pg_temp.nectar_company_read c ON c.company_id = r.company_id'
                             '         WHERE c.whole AND r.kind = ''connection'' AND r.id = s.connection_id)'
                             ' OR EXISTS (SELECT FROM %I.connection_state o WHERE o.server = $1 AND o.id = s.connection_id AND o.gone_at IS NOT NULL)',
                             history)
                 ELSE 'EXISTS (SELECT FROM pg_temp.nectar_company_read c WHERE c.whole AND c.company_id = s.company_id)'
                      ' OR EXISTS (SELECT FROM pg_temp.nectar_company_read c WHERE c.whole AND c.company_id IS NULL)'
                      '    AND NOT EXISTS (SELECT FROM pg_temp.nectar_company_read c WHERE c.company_id = s.company_id)' END,
            's.' || replace(narrow, ', ', ', s.'), events, ids, tracking)
            USING server, kind, source, started, merged_at;
        GET DIAGNOSTICS gone = ROW_COUNT;
    END IF;
END
$$;
COMMENT ON FUNCTION history_merge_kind(name, text, text, text, timestamptz, timestamptz) IS 'internal: merge the connections or the accounts that were read';

CREATE FUNCTION history_notify(history name, server text, merged_at timestamptz, changes bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF changes > 1000 THEN
        PERFORM pg_notify('nectar_status', json_build_object('server', server, 'changes', changes)::text);
        RETURN;
    END IF;
    -- A payload ends before 8000 bytes.  One object takes 3000 at the most,
    -- whatever a label is, and a bunch begins within 5000.
    EXECUTE format($q$
        SELECT pg_notify('nectar_status', '[' || string_agg(b.object, ', ' ORDER BY b.id) || ']')
          FROM (SELECT o.id, o.object, (sum(octet_length(o.object) + 2) OVER (ORDER BY o.id)) / 5000 AS bunch
                  FROM (SELECT e.id,
                               (jsonb_build_object('server', e.server, 'kind', e.kind, 'change', e.change,
                                                   'connection_id', e.connection_id, 'account_id', e.account_id,
                                                   'company_id', e.company_id,
                                                   'old', left(e.old_status, 100), 'new', left(e.new_status, 100))
                                || CASE WHEN e.kind = 'account'
                                        THEN jsonb_build_object('old_tracking', left(e.old_tracking, 100),
                                                                'new_tracking', left(e.new_tracking, 100))
                                        ELSE '{}' END)::text AS object
                          FROM %I.status_event e
                         WHERE e.observed_at = $1 AND e.server = $2) o) b
         GROUP BY b.bunch
         ORDER BY b.bunch$q$, history) USING merged_at, server;
END
$$;
COMMENT ON FUNCTION history_notify(name, text, timestamptz, bigint) IS 'internal: tell channel nectar_status what one merge recorded';

-- Merge what was read.  In nectar_company_read, a row without a company says
-- that every company was listed.
CREATE FUNCTION history_merge(history name, server text, source text, started timestamptz,
        OUT connections bigint, OUT accounts bigint, OUT changes bigint, OUT gone bigint) RETURNS record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    merged_at timestamptz;
    merged record;
    also record;
BEGIN
    PERFORM nectar.history_check(history);
    PERFORM pg_advisory_xact_lock(nectar.history_lock(history, 'merge', server));
    -- after the lock: whoever merges later writes a later time
    merged_at := clock_timestamp();
    SELECT * INTO merged FROM nectar.history_merge_kind(history, 'connection', server, source, started, merged_at);
    SELECT * INTO also FROM nectar.history_merge_kind(history, 'account', server, source, started, merged_at);
    connections := merged.total;
    accounts := also.total;
    changes := merged.changes + also.changes;
    gone := merged.gone + also.gone;

    EXECUTE format($q$
        INSERT INTO %I.observation (server, company_id, observed_at, connections, accounts, known_since)
        SELECT $1, c.company_id, $2, count(*) FILTER (WHERE r.kind = 'connection'), count(*) FILTER (WHERE r.kind = 'account'), $2
          FROM pg_temp.nectar_company_read c
          LEFT JOIN pg_temp.nectar_seen r ON r.company_id = c.company_id
         WHERE c.whole AND c.company_id IS NOT NULL
         GROUP BY c.company_id
            ON CONFLICT (server, company_id) DO UPDATE
           SET (observed_at, connections, accounts) = (excluded.observed_at, excluded.connections, excluded.accounts)$q$,
        history) USING server, merged_at;
    EXECUTE format($q$
        DELETE FROM %I.observation o
         WHERE o.server = $1
           AND EXISTS (SELECT FROM pg_temp.nectar_company_read c WHERE c.whole AND c.company_id IS NULL)
           AND NOT EXISTS (SELECT FROM pg_temp.nectar_company_read c WHERE c.company_id = o.company_id)$q$, history) USING server;
    IF changes + gone > 0 THEN
        PERFORM nectar.history_notify(history, server, merged_at, changes + gone);
    END IF;
END
$$;
COMMENT ON FUNCTION history_merge(name, text, text, timestamptz) IS 'internal: write what was read into a history, with events and notifications';

CREATE FUNCTION observe(server name DEFAULT NULL, company_id uuid DEFAULT NULL, history name DEFAULT 'nectar_history',
        wait boolean DEFAULT true, OUT connections bigint, OUT accounts bigint, OUT changes bigint, OUT gone bigint,
        OUT requests bigint) RETURNS record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE COST 1000000
    SET jit = off
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target CONSTANT text := nectar.history_server(observe.server);
    lock CONSTANT bigint := nectar.history_lock(observe.history, 'observe', target);
    started timestamptz;
    part record;
    reads text := '';
    code text; message text; detail text; hint text; context text;
BEGIN
    PERFORM nectar.history_check(observe.history);
    IF current_setting('transaction_read_only')::boolean THEN
        RAISE EXCEPTION 'cannot execute observe() in a read-only transaction' USING ERRCODE = 'read_only_sql_transaction';
    ELSIF coalesce(observe.wait, true) THEN
        PERFORM pg_advisory_xact_lock(lock);
    ELSIF NOT pg_try_advisory_xact_lock(lock) THEN
        RAISE NOTICE 'server "%" is being observed already', target;
        RETURN;
    END IF;

    started := clock_timestamp();
    PERFORM nectar.history_staging();
    FOR part IN
        SELECT k.kind, k.read, format('%I.%I', observe.history, c.table_name) AS state,
               string_agg(format('%I', c.column_name), ', ' ORDER BY c.place) AS columns,
               string_agg(format('s.%I', c.column_name), ', ' ORDER BY c.place) AS state_columns,
               string_agg(CASE c.column_name WHEN 'company_id' THEN format('coalesce((l.%I).company_id, l.read_company_id)', k.kind)
                                             ELSE format('(l.%I).%I', k.kind, c.column_name) END, ', ' ORDER BY c.place) AS values
          FROM (VALUES ('connection', 'connection_state', 'nectar_connection_read'), ('account', 'account_state', 'nectar_account_read'))
               k(kind, state, read)
          JOIN nectar.history_columns() c ON c.table_name = k.state AND c.place BETWEEN 1001 AND 2000
         GROUP BY k.kind, k.read, c.table_name
    LOOP
        -- what is as it was need not be merged: whoever writes meanwhile knows something newer
        reads := reads || format($q$,
        %1$I AS (
            INSERT INTO pg_temp.%2$I (%3$s)
            SELECT %4$s
              FROM listing l
              LEFT JOIN %5$s s ON s.server = $1 AND s.id = (l.%1$I).id
             WHERE l.kind = %1$L
               AND (s.id IS NULL OR s.gone_at IS NOT NULL OR ROW(%4$s) IS DISTINCT FROM ROW(%6$s)))$q$,
            part.kind, part.read, part.columns, part.values, part.state, part.state_columns);
    END LOOP;
    reads := format($q$
        WITH listing AS MATERIALIZED (SELECT * FROM nectar.read_listings($1::name, $2))%s,
        seen AS (
            INSERT INTO pg_temp.nectar_seen (kind, id, connection_id, company_id)
            SELECT l.kind, coalesce((l.connection).id, (l.account).id), (l.account).connection_id,
                   coalesce((l.connection).company_id, (l.account).company_id, l.read_company_id)
              FROM listing l
             WHERE l.kind IN ('connection', 'account')),
        company AS (
            -- the end says that all were listed, unless company_ids left some out
            INSERT INTO pg_temp.nectar_company_read (company_id, whole)
            SELECT l.read_company_id, l.whole
              FROM listing l
             WHERE l.kind = 'company'
                OR l.kind = 'end'
                   AND NOT EXISTS (SELECT FROM pg_foreign_server s, pg_options_to_table(s.srvoptions) o
                                    WHERE s.srvname = $1 AND o.option_name = 'company_ids'))
        SELECT l.requests FROM listing l WHERE l.kind = 'end'$q$, reads);
    BEGIN
        EXECUTE reads INTO STRICT requests USING target, observe.company_id;
    EXCEPTION WHEN OTHERS THEN
        -- the same error, without the statement above in its context
        GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
                                hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
        RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message, HINT = hint,
              DETAIL = concat_ws(E'\n', nullif(detail, ''), 'Remote request: ' || substring(context FROM '^remote request: ([^\n]*)'));
    END;
    -- without statistics, ids would seem to repeat
    ANALYZE pg_temp.nectar_seen, pg_temp.nectar_connection_read (id), pg_temp.nectar_account_read (id);

    SELECT m.connections, m.accounts, m.changes, m.gone INTO connections, accounts, changes, gone
      FROM nectar.history_merge(observe.history, target, 'poll', started) m;
END
$$;
COMMENT ON FUNCTION observe(name, uuid, name, boolean) IS 'read a server''s listings, or a company''s, and record in a history what changed';

CREATE FUNCTION forget(before timestamptz, history name DEFAULT 'nectar_history') RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    command text;
    n bigint;
    forgotten bigint := 0;
BEGIN
    PERFORM nectar.history_check(history);
    IF before IS NULL THEN
        RAISE EXCEPTION '"before" must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    FOREACH command IN ARRAY ARRAY[
        'status_event WHERE observed_at < $1',
        'webhook_event WHERE received_at < $1',
        'account_state WHERE gone_at < $1',
        'connection_state WHERE gone_at < $1']
    LOOP
        EXECUTE format('DELETE FROM %I.%s', history, command) USING before;
        GET DIAGNOSTICS n = ROW_COUNT;
        forgotten := forgotten + n;
    END LOOP;
    EXECUTE format('UPDATE %I.observation SET known_since = $1 WHERE known_since < $1', history) USING before;
    RETURN forgotten;
END
$$;
COMMENT ON FUNCTION forget(timestamptz, name) IS 'remove events, and rows of what had gone, from before that time; what there is now stays';

-- Webhooks.

CREATE FUNCTION verify_webhook(body text, svix_id text, svix_timestamp text, svix_signature text, server name DEFAULT NULL)
    RETURNS jsonb
    AS 'MODULE_PATHNAME', 'connection_fdw_verify_webhook' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION verify_webhook(text, text, text, text, name) IS 'the body of a webhook less secrets; an error unless the webhook_secret of the mapping signed it';
REVOKE ALL ON FUNCTION verify_webhook(text, text, text, text, name) FROM PUBLIC;

-- Apply an event of a connection as if it had been read.  Where the event has
-- no time of the API, or the same one, the time at which it was sent decides.
CREATE FUNCTION webhook_merge(event jsonb, sent_at timestamptz, server text, history name) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- newest time of %1$s by the members that %2$s has as well
    newest CONSTANT text := (SELECT 'greatest(' || string_agg('CASE WHEN %2$s.' || t || ' IS NOT NULL THEN %1$s.' || t || ' END', ', ') || ')'
                               FROM unnest('{updated,status_last_update_time,status_first_seen_time}'::text[]) t);
    locked_at timestamptz;
    known_by timestamptz;
    why text;
    changes bigint;
    is_written boolean;
    is_stale boolean;
BEGIN
    PERFORM nectar.history_staging();
    BEGIN
        WITH r AS MATERIALIZED (SELECT * FROM nectar.read_connection(event::text, webhook_merge.server::name)),
        connections AS (
            INSERT INTO pg_temp.nectar_connection_read SELECT (r.connection).* FROM r WHERE r.kind = 'connection')
        INSERT INTO pg_temp.nectar_account_read SELECT (r.account).* FROM r WHERE r.kind = 'account';
    EXCEPTION WHEN SQLSTATE 'NC001' OR SQLSTATE 'NC002' OR SQLSTATE 'NC005' THEN
        GET STACKED DIAGNOSTICS why = PG_EXCEPTION_DETAIL;
        RETURN 'unreadable: ' || regexp_replace(why, '^The answer [^:]*: ', '');
    END;
    IF NOT EXISTS (SELECT FROM pg_temp.nectar_connection_read) THEN
        RETURN 'outside';
    END IF;

    -- what is written from here on, this has written
    PERFORM pg_advisory_xact_lock(nectar.history_lock(history, 'merge', server));
    locked_at := clock_timestamp();
    EXECUTE format($q$
        SELECT bool_or(%2$s < %3$s)
          FROM pg_temp.nectar_connection_read r
          JOIN %1$I.connection_state s ON s.server = $1 AND s.id = r.id$q$,
        history, format(newest, 'r', 's'), format(newest, 's', 'r')) INTO is_stale USING server;
    -- a sender tries again later, with a new time: what an older event says of
    -- accounts without a time is older too; the time is cut to the second
    known_by := CASE WHEN is_stale THEN '-infinity' ELSE least(sent_at + interval '1 second', locked_at) END;
    SELECT m.changes INTO changes
      FROM nectar.history_merge(history, server, 'webhook', known_by) m;
    EXECUTE format($q$
        SELECT bool_or(s.last_seen >= $2)
               OR EXISTS (SELECT FROM pg_temp.nectar_account_read r JOIN %1$I.account_state a ON a.server = $1 AND a.id = r.id
                           WHERE a.last_seen >= $2),
               $4 OR bool_or(s.gone_at > $3)
          FROM pg_temp.nectar_connection_read r
          JOIN %1$I.connection_state s ON s.server = $1 AND s.id = r.id$q$,
        history) INTO is_written, is_stale USING server, locked_at, known_by, is_stale;
    RETURN CASE WHEN is_written THEN format('applied: %s changes', changes) WHEN is_stale THEN 'stale' ELSE 'unchanged' END;
END
$$;
COMMENT ON FUNCTION webhook_merge(jsonb, timestamptz, text, name) IS 'internal: bring a history up to date with an event of a connection';

CREATE FUNCTION receive_webhook(body text, svix_id text, svix_timestamp text, svix_signature text,
        server name DEFAULT NULL, history name DEFAULT 'nectar_history') RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE COST 10000
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target CONSTANT text := nectar.history_server(server);
    -- less secrets; nothing but this sees the body as it came
    event CONSTANT jsonb := nectar.verify_webhook(body, svix_id, svix_timestamp, svix_signature, target::name);
    type CONSTANT text := event ->> 'eventType';
    sent_at CONSTANT timestamptz := to_timestamp(svix_timestamp::bigint);
    is_uuid CONSTANT text := '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$';
    connection CONSTANT text := CASE WHEN type LIKE 'connection.%' THEN event ->> 'id' ELSE event ->> 'connectionId' END;
    company CONSTANT text := event -> 'company' ->> 'id';
    outcome text := 'kept';
    n bigint;
BEGIN
    PERFORM nectar.history_check(history);
    -- whoever brings the same id waits here for the first
    EXECUTE format($q$
        INSERT INTO %I.webhook_event (server, svix_id, received_at, sent_at, event_type, connection_id, company_id,
                                      protected_changes, old, body)
        VALUES ($1, $2, clock_timestamp(), $3, $4, $5, $6, $7, $8, $9)
            ON CONFLICT (server, svix_id) DO NOTHING$q$, history)
        USING target, svix_id, sent_at, type,
              CASE WHEN connection ~ is_uuid THEN connection::uuid END, CASE WHEN company ~ is_uuid THEN company::uuid END,
              CASE WHEN jsonb_typeof(event -> 'protectedChanges') = 'array'
                   THEN ARRAY(SELECT jsonb_array_elements_text(event -> 'protectedChanges')) END,
              nullif(event -> 'old', 'null'), event;
    GET DIAGNOSTICS n = ROW_COUNT;
    IF n = 0 THEN
        RETURN 'duplicate';
    END IF;

    IF type IN ('connection.created.v2', 'connection.updated.v2', 'connection.validated.v2') THEN
        outcome := nectar.webhook_merge(event, sent_at, target, history);
    END IF;
    EXECUTE format($q$
        UPDATE %I.webhook_event SET outcome = $3, old = CASE WHEN $4 THEN old END, body = CASE WHEN $4 THEN body END
         WHERE server = $1 AND svix_id = $2$q$, history) USING target, svix_id, outcome, outcome <> 'outside';
    RETURN outcome;
END
$$;
COMMENT ON FUNCTION receive_webhook(text, text, text, text, name, name) IS 'verify a webhook, keep it, bring the history up to date; answers what it did';
REVOKE ALL ON FUNCTION receive_webhook(text, text, text, text, name, name) FROM PUBLIC;

-- One unnamed argument, and headers in a setting: PostgREST's way of a raw body.
CREATE FUNCTION receive_webhook(text) RETURNS text
    LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT nectar.receive_webhook($1, h.headers ->> 'svix-id', h.headers ->> 'svix-timestamp', h.headers ->> 'svix-signature')
      FROM (SELECT nullif(current_setting('request.headers', true), '')::json AS headers) h
$$;
COMMENT ON FUNCTION receive_webhook(text) IS 'the same with headers from the setting request.headers, as PostgREST calls it';
REVOKE ALL ON FUNCTION receive_webhook(text) FROM PUBLIC;
