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

-- Foreign-data wrapper.

CREATE FUNCTION connection_fdw_handler() RETURNS fdw_handler
    AS 'MODULE_PATHNAME' LANGUAGE C STRICT;
COMMENT ON FUNCTION connection_fdw_handler() IS 'handler of the foreign-data wrapper connection_fdw';

CREATE FUNCTION connection_fdw_validator(text[], oid) RETURNS void
    AS 'MODULE_PATHNAME' LANGUAGE C STRICT;
COMMENT ON FUNCTION connection_fdw_validator(text[], oid) IS 'checks options of the foreign-data wrapper connection_fdw';

CREATE FOREIGN DATA WRAPPER connection_fdw
    HANDLER connection_fdw_handler VALIDATOR connection_fdw_validator;
COMMENT ON FOREIGN DATA WRAPPER connection_fdw IS 'the Nectar API: companies, sites, connections, accounts';

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
