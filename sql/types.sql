-- Enum columns and text columns tell the same; labels that this version does not know hide nothing.
\i test/lib/setup.sql
\set SHOW_CONTEXT never
CREATE SCHEMA t;
IMPORT FOREIGN SCHEMA nectar FROM SERVER sandbox INTO t OPTIONS (status_type 'text');

-- Same rows ...
SELECT count(*) AS differing FROM
    (SELECT c::text FROM connections c EXCEPT ALL SELECT c::text FROM t.connections c) a;
SELECT count(*) AS differing FROM
    (SELECT a::text FROM t.accounts a EXCEPT ALL SELECT a::text FROM accounts a) a;
SELECT test.clear() AS nothing \gset

-- ... and the same requests, clause by clause.
CREATE FUNCTION utility.in_both(clause text, OUT rows_enum bigint, OUT rows_text bigint, OUT same_rows boolean, OUT same_requests boolean, OUT requests text)
    LANGUAGE plpgsql AS $$
DECLARE
    query text := 'SELECT count(*), string_agg(id::text, '','' ORDER BY id) FROM SCHEMA.connections WHERE company_id = company(1) AND ' || clause;
    ids_enum text; ids_text text; requests_text text;
BEGIN
    EXECUTE replace(query, 'SCHEMA', 'utility') INTO rows_enum, ids_enum;
    SELECT string_agg(substr(request, strpos(request, '?')), ' ' ORDER BY request) FROM seen() INTO requests;
    EXECUTE replace(query, 'SCHEMA', 't') INTO rows_text, ids_text;
    SELECT string_agg(substr(request, strpos(request, '?')), ' ' ORDER BY request) FROM seen() INTO requests_text;
    same_rows := ids_enum IS NOT DISTINCT FROM ids_text;
    same_requests := requests IS NOT DISTINCT FROM requests_text;
END $$;
SELECT clause, b.* FROM unnest(ARRAY[
    'status = ''CONNECTED''', 'status IN (''CONNECTED'', ''PENDING'')', 'status_category = ''system''', 'needs_user_action',
    'NOT needs_user_action', 'status_category <> ''healthy''', 'status_category = ''unknown''', 'status IS NULL',
    'status = ''CONNECTED'' AND status = ''PENDING''', 'status::text = ''CONNECTED''', 'status = ANY (''{}'')', 'status = NULL'
    ]) WITH ORDINALITY AS u(clause, n), in_both(clause) b ORDER BY n;

-- A driver that binds varchar: the enum column cannot be compared, the text column can, and is pushed down.
PREPARE enum_bound(varchar) AS SELECT id FROM connections WHERE company_id = company(1) AND status = $1;
PREPARE bound(varchar) AS SELECT id, status FROM t.connections WHERE company_id = company(1) AND status = $1;
EXECUTE bound('CONNECTED');
SELECT * FROM seen();
EXPLAIN (VERBOSE, COSTS OFF) EXECUTE bound('CONNECTED');
PREPARE list_bound(varchar[]) AS SELECT id, status FROM t.connections WHERE company_id = company(1) AND status = ANY ($1) ORDER BY id;
EXECUTE list_bound('{CONNECTED,PENDING,CONNECTED}');
SELECT n FROM seen();
SET plan_cache_mode = force_generic_plan;
EXECUTE bound('OTHER_ERROR');
EXECUTE bound(NULL);
EXECUTE bound('NO_SUCH_STATUS');
SELECT * FROM seen();
RESET plan_cache_mode;

-- From now on connection 8 has a status that nobody has documented, on every route.
SELECT test.fault('{"kind": "unknown_label", "label": "ON_STRIKE", "at": 7, "path": "/connection/company/*1", "query": "limit=*"}'),
       test.fault('{"kind": "unknown_label", "label": "ON_STRIKE", "path": "/connection/*8/details"}') \gset nothing
SELECT id, status, status_category, needs_user_action, attrs->>'status' AS raw FROM connections WHERE id = connection(8);
SELECT id, status, status_category, needs_user_action FROM t.connections WHERE id = connection(8);
SELECT status, count(*) FROM connections WHERE company_id = company(1) GROUP BY 1 ORDER BY 1;
-- one WARNING a scan, however many rows
SELECT test.fault('{"kind": "unknown_label", "label": "ON_STRIKE", "at": 3, "path": "/connection/company/*2", "query": "limit=*"}') AS nothing \gset
SELECT company_name, status_category FROM connections WHERE company_id IN (company(1), company(2)) AND status IS NULL ORDER BY 1;
-- columns that do not decode the label have nothing to warn of
SELECT status_category FROM connections WHERE id = connection(8);
SELECT test.clear() AS nothing \gset

-- What a clause leaves, on each route, is what it leaves of a copy; nothing but = documented labels narrows the request.
SET client_min_messages = error;
CREATE TEMP TABLE copy_enum AS SELECT * FROM connections WHERE company_id = company(1);
CREATE TEMP TABLE copy_text AS SELECT * FROM t.connections WHERE company_id = company(1);
CREATE FUNCTION utility.compare(kind text, clause text, OUT n bigint, OUT has_8 boolean, OUT by_company boolean, OUT by_name boolean,
                                OUT by_all boolean, OUT by_id boolean, OUT requests text)
    LANGUAGE plpgsql AS $$
DECLARE
    source text := CASE kind WHEN 'enum' THEN 'utility' ELSE 't' END || '.connections';
    start text := 'SELECT coalesce(string_agg(id::text, '','' ORDER BY id), '''') FROM ';
    wanted text; got text;
BEGIN
    EXECUTE start || 'copy_' || kind || ' WHERE ' || clause INTO wanted;
    n := coalesce(array_length(string_to_array(nullif(wanted, ''), ','), 1), 0);
    has_8 := wanted ~ '8(,|$)';
    PERFORM test.clear();
    EXECUTE start || source || ' WHERE company_id = company(1) AND ' || clause INTO got;
    by_company := got = wanted;
    SELECT string_agg(DISTINCT coalesce(substring(request from 'status=([A-Z_]*)'), 'all'), ' ') FROM seen() INTO requests;
    EXECUTE start || source || ' WHERE company_name = ''Acme'' AND ' || clause INTO got;
    by_name := got = wanted;
    EXECUTE start || source || ' WHERE company_name || '''' = ''Acme'' AND ' || clause INTO got;
    by_all := got = wanted;
    EXECUTE start || source || ' WHERE id = ANY (ARRAY(SELECT connection(i) FROM generate_series(1, 12) i)) AND ' || clause INTO got;
    by_id := got = wanted;
END $$;
SELECT clause, c.* FROM unnest(ARRAY[
    'status = ''CONNECTED''', 'status <> ''CONNECTED''', 'status NOT IN (''CONNECTED'', ''PENDING'')', 'status IS NULL', 'status IS NOT NULL',
    'status IS DISTINCT FROM ''CONNECTED''', 'status::text LIKE ''%ERROR%''', 'coalesce(status::text, ''?'') = ''?''', 'status > ''WEBSITE_DOWN''',
    'status_category = ''unknown''', 'status_category <> ''healthy''', 'status_category = ''provider_error''',
    'needs_user_action', 'NOT needs_user_action', 'needs_user_action(status) IS NOT TRUE', 'status_category(status) IS NULL',
    'CASE WHEN status = ''CONNECTED'' THEN 1 ELSE 2 END = 2'
    ]) WITH ORDINALITY AS u(clause, nr), compare('enum', clause) c ORDER BY nr;
SELECT clause, c.* FROM unnest(ARRAY[
    'status = ''CONNECTED''', 'status = ''ON_STRIKE''', 'status IN (''CONNECTED'', ''ON_STRIKE'')', 'status <> ''CONNECTED''',
    'status NOT IN (''CONNECTED'', ''PENDING'')', 'status IS NULL', 'status IS DISTINCT FROM ''CONNECTED''', 'status LIKE ''ON%''',
    'status NOT LIKE ''%ED''', 'status > ''O''', 'length(status) = 9', 'lower(status) = ''on_strike''', 'status_category = ''unknown''', 'status_category <> ''healthy''',
    'NOT needs_user_action', 'status || ''x'' = ''ON_STRIKEx'''
    ]) WITH ORDINALITY AS u(clause, nr), compare('text', clause) c ORDER BY nr;
-- the same where a listing has many pages, so that asking by status is the cheaper way
ALTER SERVER sandbox OPTIONS (ADD page_size '2');
SELECT test.faults_clear(),
       test.fault('{"kind": "unknown_label", "label": "ON_STRIKE", "at": 1, "path": "/connection/company/*1", "query": "limit=2&page=4"}'),
       test.fault('{"kind": "unknown_label", "label": "ON_STRIKE", "path": "/connection/company/*1", "query": "status=WEBSITE_DOWN*"}'),
       test.fault('{"kind": "unknown_label", "label": "ON_STRIKE", "path": "/connection/*8/details"}') \gset nothing
SELECT kind, clause, c.* FROM (VALUES (1, 'enum', 'needs_user_action'), (2, 'enum', 'NOT needs_user_action'), (3, 'enum', 'status <> ''CONNECTED'''),
    (4, 'enum', 'status IS DISTINCT FROM ''CONNECTED'''), (5, 'enum', 'status_category = ''provider_error'''), (6, 'enum', 'status_category(status) IS NULL'),
    (7, 'text', 'needs_user_action'), (8, 'text', 'status <> ''CONNECTED'''), (9, 'text', 'status LIKE ''%ED'''),
    (10, 'text', 'status IN (''CONNECTED'', ''PENDING'')'), (11, 'text', 'status IN (''CONNECTED'', ''ON_STRIKE'')')
    ) AS u(nr, kind, clause), compare(kind, clause) c ORDER BY nr;
ALTER SERVER sandbox OPTIONS (DROP page_size);
SELECT test.fault('{"kind": "unknown_label", "label": "ON_STRIKE", "at": 7, "path": "/connection/company/*1", "query": "limit=*"}') AS nothing \gset
RESET client_min_messages;

-- Accounts: status and tracking alike.
SELECT test.fault('{"kind": "unknown_label", "label": "WAITING_CONFIRMATION", "at": 1, "accounts": true, "path": "/connection/company/*3"}') AS nothing \gset
SELECT status, attrs->>'status' AS raw FROM accounts WHERE company_id = company(3) AND lower(connection_id::text) = connection(26)::text ORDER BY id;
SELECT count(*) FROM t.accounts WHERE company_id = company(3) AND status = 'WAITING_CONFIRMATION';
SELECT count(*) FROM accounts WHERE company_id = company(3) AND status IS NULL;

-- Or an error, by option of the server or of the table, which overrides it.
ALTER SERVER sandbox OPTIONS (ADD on_unknown_status 'error');
SELECT attempt('SELECT status FROM utility.connections WHERE id = connection(8)');
SELECT attempt('SELECT status FROM accounts WHERE company_id = company(3)');
SELECT status_category FROM connections WHERE id = connection(8);
SELECT status, status_category FROM t.connections WHERE id = connection(8);
ALTER FOREIGN TABLE connections OPTIONS (ADD on_unknown_status 'null');
SELECT status FROM connections WHERE id = connection(8);
ALTER SERVER sandbox OPTIONS (SET on_unknown_status 'null');
ALTER FOREIGN TABLE connections OPTIONS (SET on_unknown_status 'error');
SELECT attempt('SELECT status FROM utility.connections WHERE company_id = company(1)');
ALTER FOREIGN TABLE connections OPTIONS (DROP on_unknown_status);

-- Added to the type, it decodes once that is committed, and is never sent as a filter.
PREPARE others AS SELECT id, status FROM connections WHERE company_id = company(1) AND status NOT IN ('CONNECTED', 'PENDING') AND id > connection(7) ORDER BY id;
EXECUTE others;
BEGIN;
ALTER TYPE connection_status ADD VALUE 'ON_STRIKE' BEFORE 'OTHER_ERROR';
SELECT status, status_category FROM connections WHERE id = connection(8);
COMMIT;
SELECT status, status_category, needs_user_action FROM connections WHERE id = connection(8);
EXECUTE others;
SELECT test.clear() AS nothing \gset
SELECT id, status FROM connections WHERE company_id = company(1) AND status = 'ON_STRIKE';
SELECT * FROM seen();
SELECT id, status FROM connections WHERE company_id = company(1) AND status IN ('ON_STRIKE', 'PENDING') ORDER BY id;
SELECT * FROM seen();
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM connections WHERE company_id = company(1) AND status = 'ON_STRIKE';
SELECT count(*) FROM connections WHERE company_id = company(1) AND status_category = 'unknown';
SELECT status_category('ON_STRIKE'), needs_user_action('ON_STRIKE'), is_checked_weekly('ON_STRIKE'::connection_status), guidance('ON_STRIKE'::connection_status);
SELECT count(*) FROM connection_statuses;

SET client_min_messages = error;
DROP EXTENSION connection_fdw CASCADE;
