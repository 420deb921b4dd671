-- IMPORT FOREIGN SCHEMA, and tables made by hand: what their columns may be.
\i test/lib/setup.sql
\set SHOW_CONTEXT errors

-- Everything, as the setup imported it.
\d companies
\d sites
\d connections
\d accounts

-- Some of it; names that the API has not are no matter.
CREATE SCHEMA part;
IMPORT FOREIGN SCHEMA nectar LIMIT TO (accounts, meters) FROM SERVER sandbox INTO part;
IMPORT FOREIGN SCHEMA nectar EXCEPT (accounts, connections) FROM SERVER sandbox INTO part;
SELECT relname FROM pg_class WHERE relnamespace = 'part'::regnamespace ORDER BY 1;
-- once more into the same schema: refused as a whole
IMPORT FOREIGN SCHEMA nectar FROM SERVER sandbox INTO part;
SELECT count(*) FROM pg_class WHERE relnamespace = 'part'::regnamespace;

-- status_type 'text' and attrs 'false'.
CREATE SCHEMA plain;
IMPORT FOREIGN SCHEMA nectar FROM SERVER sandbox INTO plain OPTIONS (status_type 'text', attrs 'false');
SELECT a.attrelid::regclass AS "table", a.attname, a.atttypid::regtype AS type, p.atttypid::regtype AS plain
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
       LEFT JOIN pg_attribute p ON p.attrelid = ('plain.' || c.relname)::regclass AND p.attname = a.attname
 WHERE c.relnamespace = 'utility'::regnamespace AND c.relkind = 'f' AND a.attnum > 0
   AND p.atttypid IS DISTINCT FROM a.atttypid
 ORDER BY c.relname, a.attnum;
SELECT id, status, status_category, needs_user_action FROM plain.connections WHERE id = connection(4);
SELECT status, tracking_status FROM plain.accounts WHERE connection_id = connection(2) ORDER BY id;

-- Refusals.
IMPORT FOREIGN SCHEMA public FROM SERVER sandbox INTO part;
IMPORT FOREIGN SCHEMA "Nectar" FROM SERVER sandbox INTO part;
IMPORT FOREIGN SCHEMA nectar FROM SERVER sandbox INTO part OPTIONS (status_typ 'text');
IMPORT FOREIGN SCHEMA nectar FROM SERVER sandbox INTO part OPTIONS (status_type 'varchar');
IMPORT FOREIGN SCHEMA nectar FROM SERVER sandbox INTO part OPTIONS (attrs 'perhaps');
-- a server whose name needs quotes
CREATE SERVER "The ""API""" FOREIGN DATA WRAPPER connection_fdw;
CREATE SCHEMA quoted;
IMPORT FOREIGN SCHEMA nectar LIMIT TO (sites) FROM SERVER "The ""API""" INTO quoted;
SELECT foreign_table_name, foreign_server_name FROM information_schema.foreign_tables WHERE foreign_table_schema = 'quoted';
-- importing and looking around asks nothing
SELECT test.clear() AS nothing \gset
CREATE SCHEMA again;
IMPORT FOREIGN SCHEMA nectar FROM SERVER sandbox INTO again;
SELECT count(*) FROM information_schema.columns WHERE table_schema = 'again';
SELECT is_insertable_into FROM information_schema.tables WHERE table_schema = 'again' ORDER BY table_name;
SELECT * FROM seen();

-- A subset of the columns, in any order, beside fields that no column has.
CREATE FOREIGN TABLE few (
    status text,
    id uuid,
    provider text OPTIONS (json_path 'datasource.name'),
    company jsonb OPTIONS (json_path 'company')
) SERVER sandbox OPTIONS (resource 'connections');
SELECT * FROM few WHERE id = connection(2);
EXPLAIN (VERBOSE, COSTS OFF) SELECT provider FROM few WHERE id = connection(2) AND provider LIKE 'P%';
SELECT f, f.company->>'name' AS name, tableoid::regclass FROM few f WHERE id = connection(2);
ALTER FOREIGN TABLE few DROP COLUMN status;
SELECT * FROM few WHERE id = connection(2);
SELECT f FROM few f WHERE id = connection(2);
ALTER FOREIGN TABLE few ADD COLUMN active boolean OPTIONS (json_path 'isActive'), ADD COLUMN country text;
SELECT * FROM few WHERE id = connection(2);
SELECT count(*) FROM few;

-- Any column may be declared text.
CREATE FOREIGN TABLE texts (
    id text, company_id varchar, status varchar, status_category text, needs_user_action text,
    status_first_seen_time text, initial_sites text, initial_datasource_types text, data_collection_start_date text,
    multiply_by_occupancy text, attrs text
) SERVER sandbox OPTIONS (resource 'connections');
\x on
SELECT id, company_id, status, status_category, needs_user_action, status_first_seen_time, initial_sites,
       initial_datasource_types, data_collection_start_date, multiply_by_occupancy, attrs::jsonb->>'status' AS raw
  FROM texts WHERE id = connection(4)::text;
\x off
SELECT id FROM texts WHERE id = 'no uuid';
SELECT id FROM texts WHERE company_id = company(1)::text AND status = 'CONNECTED' AND needs_user_action = 'false';
SELECT test.clear() AS nothing \gset

-- json_path columns of any type.
CREATE DOMAIN country_code AS text CHECK (VALUE ~ '^[A-Z]{2}$');
CREATE DOMAIN present AS text NOT NULL;
CREATE TYPE point3 AS (x int, y int, z int);
SELECT test.fault('{"kind": "patch", "path": "/connection/d*/details", "set": {"extra":
    {"text": "köln", "int": 42, "big": 9007199254740993, "numeric": 1.50, "string": "7", "yes": "true", "no": false, "date": "2024-02-29",
     "time": "2024-02-29T23:59:59.123456789", "zoned": "2024-02-29T23:59:59+02:00", "uuid": "C0000000-0000-4000-8000-000000000001",
     "list": ["a", null, "b,\"c\""], "ints": [1, 2], "empty": [], "object": {"a": {"b": [1, 2.50]}}, "null": null, "float": 1e3,
     "country": "DE", "interval": "1 day"}}}') AS nothing \gset
CREATE FOREIGN TABLE many (
    id uuid,
    t text OPTIONS (json_path 'extra.text'),
    i int OPTIONS (json_path 'extra.int'),
    b bigint OPTIONS (json_path 'extra.big'),
    n numeric OPTIONS (json_path 'extra.numeric'),
    n1 numeric(6,1) OPTIONS (json_path 'extra.numeric'),
    s int OPTIONS (json_path 'extra.string'),
    y boolean OPTIONS (json_path 'extra.yes'),
    f boolean OPTIONS (json_path 'extra.no'),
    d date OPTIONS (json_path 'extra.date'),
    ts timestamptz OPTIONS (json_path 'extra.time'),
    ts0 timestamptz(0) OPTIONS (json_path 'extra.time'),
    z timestamptz OPTIONS (json_path 'extra.zoned'),
    u uuid OPTIONS (json_path 'extra.uuid'),
    l text[] OPTIONS (json_path 'extra.list'),
    li int[] OPTIONS (json_path 'extra.ints'),
    le text[] OPTIONS (json_path 'extra.empty'),
    o jsonb OPTIONS (json_path 'extra.object'),
    ot text OPTIONS (json_path 'extra.object'),
    oj json OPTIONS (json_path 'extra.object.a'),
    jl jsonb OPTIONS (json_path 'extra.list'),
    js jsonb OPTIONS (json_path 'extra.text'),
    fl double precision OPTIONS (json_path 'extra.float'),
    v varchar(5) OPTIONS (json_path 'extra.text'),
    c country_code OPTIONS (json_path 'extra.country'),
    iv interval OPTIONS (json_path 'extra.interval'),
    nu int OPTIONS (json_path 'extra.null'),
    none text OPTIONS (json_path 'extra.object.x.y.z'),
    deep text OPTIONS (json_path 'extra.text.inside')
) SERVER sandbox OPTIONS (resource 'connections');
\x on
SELECT * FROM many WHERE id = connection(2);
\x off
-- without a zone it is UTC, whatever the session's is and however the column is declared
CREATE DOMAIN moment AS timestamptz;
ALTER FOREIGN TABLE many ADD COLUMN m moment OPTIONS (json_path 'extra.time');
SET timezone = 'America/New_York';
SELECT ts, ts0, m, ts::timestamptz(0) = ts0 AS same_0, ts = m AS same_m FROM many WHERE id = connection(2);
SET timezone = 'UTC';

-- Values that do not fit: the column is named, and the request.
CREATE FOREIGN TABLE wrong (
    id uuid,
    i int OPTIONS (json_path 'extra.text'),
    small smallint OPTIONS (json_path 'extra.big'),
    b boolean OPTIONS (json_path 'extra.int'),
    bt boolean OPTIONS (json_path 'extra.text'),
    d date OPTIONS (json_path 'extra.text'),
    ts timestamptz OPTIONS (json_path 'extra.date'),
    u uuid OPTIONS (json_path 'extra.text'),
    l text[] OPTIONS (json_path 'extra.object'),
    n numeric OPTIONS (json_path 'extra.object'),
    v varchar(3) OPTIONS (json_path 'extra.text'),
    c country_code OPTIONS (json_path 'extra.text'),
    p present OPTIONS (json_path 'extra.null'),
    n3 numeric(3,2) OPTIONS (json_path 'extra.int'),
    row point3 OPTIONS (json_path 'extra.text'),
    status connection_status OPTIONS (json_path 'extra.country')
) SERVER sandbox OPTIONS (resource 'connections');
SELECT i FROM wrong WHERE id = connection(2);
SELECT small FROM wrong WHERE id = connection(2);
SELECT bt FROM wrong WHERE id = connection(2);
SELECT d FROM wrong WHERE id = connection(2);
SELECT u FROM wrong WHERE id = connection(2);
SELECT l FROM wrong WHERE id = connection(2);
SELECT n FROM wrong WHERE id = connection(2);
SELECT v FROM wrong WHERE id = connection(2);
SELECT c FROM wrong WHERE id = connection(2);
SELECT p FROM wrong WHERE id = connection(2);
SELECT n3 FROM wrong WHERE id = connection(2);
SELECT "row" FROM wrong WHERE id = connection(2);
SELECT ts, b FROM wrong WHERE id = connection(2);
SELECT status FROM wrong WHERE id = connection(2);
-- labels that an array's enum type lacks
ALTER FOREIGN TABLE wrong ADD COLUMN labels connection_status[] OPTIONS (json_path 'extra.labels');
SELECT test.faults_clear(), test.fault('{"kind": "patch", "path": "/connection/d*/details", "set": {"extra": {"labels": ["CONNECTED", "ON_STRIKE", null]}}}') \gset nothing
SELECT labels FROM wrong WHERE id = connection(2);
-- what is not asked for cannot fail
SELECT id FROM wrong WHERE id = connection(2);
SELECT test.reset() AS nothing \gset

-- Columns that fit nothing, or not with that type: refused by name when the query is planned.
CREATE FOREIGN TABLE odd (id uuid, datasource_nam text) SERVER sandbox OPTIONS (resource 'connections');
SELECT id FROM odd;
EXPLAIN SELECT id FROM odd;
CREATE FOREIGN TABLE camel (id uuid, "companyId" uuid) SERVER sandbox OPTIONS (resource 'connections');
SELECT count(*) FROM camel;
CREATE FOREIGN TABLE upper_case ("ID" uuid) SERVER sandbox OPTIONS (resource 'companies');
SELECT * FROM upper_case;
ALTER FOREIGN TABLE upper_case ALTER "ID" OPTIONS (ADD json_path 'id');
SELECT * FROM upper_case ORDER BY 1 LIMIT 1;
CREATE FOREIGN TABLE elsewhere (id uuid, account_number text) SERVER sandbox OPTIONS (resource 'connections');
SELECT * FROM elsewhere;
CREATE FOREIGN TABLE mistyped (id uuid, created date) SERVER sandbox OPTIONS (resource 'connections');
SELECT id FROM mistyped;
CREATE FOREIGN TABLE mistyped_text (id uuid, country int) SERVER sandbox OPTIONS (resource 'connections');
SELECT id FROM mistyped_text;
CREATE FOREIGN TABLE mistyped_enum (id uuid, status account_status) SERVER sandbox OPTIONS (resource 'connections');
SELECT id FROM mistyped_enum;
CREATE FOREIGN TABLE nothing () SERVER sandbox OPTIONS (resource 'companies');
SELECT count(*) FROM nothing;
SELECT * FROM seen();
SET client_min_messages = warning;
DROP SCHEMA plain CASCADE;
