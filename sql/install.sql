-- What CREATE EXTENSION brings, who may use it, and that it comes and goes cleanly.
\i test/lib/setup.sql
\set SHOW_CONTEXT never

-- It lives in schema nectar, which is the user's to keep: no member of it.
SELECT e.extname, n.nspname AS schema, e.extrelocatable,
       r.rolname = current_user AS schema_is_mine,
       has_schema_privilege('public', n.oid, 'USAGE') AS public_usage,
       has_schema_privilege('public', n.oid, 'CREATE') AS public_create
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace JOIN pg_roles r ON r.oid = n.nspowner
 WHERE e.extname = 'connection_fdw';

-- Every member has a comment.
\pset format unaligned
SELECT o.type, o.identity,
       coalesce(obj_description(d.objid, d.classid::regclass::name), '*** none ***') AS comment
  FROM pg_depend d, pg_identify_object(d.classid, d.objid, d.objsubid) o
 WHERE d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
   AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'connection_fdw')
 ORDER BY o.type COLLATE "C", o.identity COLLATE "C";

-- What the planner is told of each function, and whether PUBLIC may execute it.
SELECT p.oid::regprocedure AS function,
       p.provolatile AS vol, p.proparallel AS par, p.proisstrict AS strict, p.procost AS cost,
       p.prorows AS rows, has_function_privilege('public', p.oid, 'EXECUTE') AS public
  FROM pg_proc p
 WHERE p.pronamespace = 'nectar'::regnamespace ORDER BY p.oid::regprocedure::text COLLATE "C";

\pset format aligned

-- No function runs with its owner's rights, and none is the namesake of a type.
SELECT proname FROM pg_proc WHERE pronamespace = 'nectar'::regnamespace AND prosecdef;
SELECT proname FROM pg_proc p JOIN pg_type t ON t.typname = p.proname
 WHERE p.pronamespace = 'nectar'::regnamespace AND t.typnamespace = 'nectar'::regnamespace;
SELECT c.relname, has_table_privilege('public', c.oid, 'SELECT') AS public_select,
       has_table_privilege('public', c.oid, 'INSERT, UPDATE, DELETE') AS public_write
  FROM pg_class c WHERE relnamespace = 'nectar'::regnamespace AND relkind = 'v' ORDER BY 1;

-- Labels, in documented order.
SELECT t.typname, string_agg(e.enumlabel, ' ' ORDER BY e.enumsortorder) AS labels
  FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
 WHERE t.typnamespace = 'nectar'::regnamespace GROUP BY 1 ORDER BY 1;

-- The documentation in SQL: a row for each label, in the order of the type.
\pset format unaligned
SELECT * FROM nectar.connection_statuses;
SELECT * FROM nectar.account_statuses;
\pset format aligned
SELECT array_agg(label) = enum_range(NULL::connection_status) AS every_label FROM connection_statuses;
SELECT array_agg(label) = enum_range(NULL::account_status) AS every_label FROM account_statuses;
SELECT count(*) FROM nectar.status_facts('no_such_type');

-- The functions say of every label what the views say.
SELECT s AS status, status_category(s), needs_user_action(s), is_checked_weekly(s),
       guidance(s) = v.action AND status_category(s) = v.category AND is_checked_weekly(s) = v.checked_weekly
       AND needs_user_action(s) = (v.who_acts = 'user') AS as_the_view
  FROM unnest(enum_range(NULL::connection_status)) s LEFT JOIN connection_statuses v ON v.label = s ORDER BY s;
SELECT s AS status, is_checked_weekly(s), is_terminal(s),
       guidance(s) = v.action AND is_checked_weekly(s) = v.checked_weekly AND is_terminal(s) = v.terminal AS as_the_view
  FROM unnest(enum_range(NULL::account_status)) s LEFT JOIN account_statuses v ON v.label = s ORDER BY s;
SELECT status_category(NULL), needs_user_action(NULL), is_checked_weekly(NULL::connection_status),
       guidance(NULL::account_status), is_terminal(NULL);

-- A filter list, without any request.
SELECT category, count(*) FROM connection_statuses GROUP BY 1 ORDER BY 1;
SELECT * FROM seen();

-- It belongs into its schema.
ALTER EXTENSION connection_fdw SET SCHEMA public;
SET client_min_messages = warning;
BEGIN;
DROP EXTENSION connection_fdw CASCADE;
CREATE EXTENSION connection_fdw SCHEMA public;
ROLLBACK;

-- Gone and back in one transaction, and of use in it; rolled back, the old one is of use again.
SELECT id, status, status_category FROM connections WHERE id = connection(2);
BEGIN;
DROP EXTENSION connection_fdw CASCADE;
SELECT nspname FROM pg_namespace WHERE nspname = 'nectar';
CREATE EXTENSION connection_fdw;
CREATE SERVER fresh FOREIGN DATA WRAPPER connection_fdw OPTIONS (base_url :'base_url', max_retries '0');
CREATE USER MAPPING FOR CURRENT_USER SERVER fresh OPTIONS (api_key 'nectar-sandbox-key');
IMPORT FOREIGN SCHEMA nectar FROM SERVER fresh INTO utility;
SELECT id, status, status_category FROM connections WHERE id = connection(3);
SELECT id, status FROM connections WHERE company_id = company(1) AND status = 'PASSWORD_INCORRECT';
SELECT account_number, status, tracking_status FROM accounts WHERE connection_id = connection(2) ORDER BY id;
SELECT status_category('CONNECTED'), ok FROM nectar.ping();
ROLLBACK;
SELECT id, status, status_category FROM connections WHERE id = connection(2);
SELECT * FROM seen();

-- The same, committed; the schema had stayed, with what its owner had put there.
CREATE TABLE nectar.notes (note text);
DROP EXTENSION connection_fdw CASCADE;
SELECT count(*) FROM nectar.notes;
CREATE EXTENSION connection_fdw;
CREATE SERVER sandbox FOREIGN DATA WRAPPER connection_fdw OPTIONS (base_url :'base_url', max_retries '0');
CREATE USER MAPPING FOR CURRENT_USER SERVER sandbox OPTIONS (api_key 'nectar-sandbox-key');
IMPORT FOREIGN SCHEMA nectar LIMIT TO (connections) FROM SERVER sandbox INTO utility;
SELECT id, status, status_category FROM connections WHERE id = connection(2);
DROP EXTENSION connection_fdw CASCADE;
DROP SCHEMA nectar CASCADE;
RESET client_min_messages;

-- A schema of somebody else's is refused, and nothing stays behind; so is an ordinary role.
CREATE ROLE regress_squatter;
CREATE SCHEMA nectar AUTHORIZATION regress_squatter;
CREATE EXTENSION connection_fdw;
SELECT count(*) FROM pg_foreign_data_wrapper WHERE fdwname = 'connection_fdw';
SELECT has_schema_privilege('public', 'nectar', 'USAGE') AS public_usage;
DO $$
BEGIN
    CREATE EXTENSION connection_fdw;
EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE '%', SQLSTATE;
END
$$;
SET ROLE regress_squatter;
CREATE EXTENSION connection_fdw;
RESET ROLE;
DROP SCHEMA nectar;
DROP ROLE regress_squatter;
CREATE EXTENSION connection_fdw;
SELECT n.nspname, r.rolname = current_user AS mine FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner WHERE nspname = 'nectar';
