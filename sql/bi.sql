-- What BI tools send: introspection costs nothing, a sample or a chart costs each company's listing once.
\i test/lib/setup.sql
\i test/lib/copies.sql

-- Alive, empty, or only described: nothing is asked.
SELECT 1;
SELECT * FROM connections LIMIT 0 \g /dev/null
SELECT * FROM connections WHERE 1 = 0 \g /dev/null
SELECT * FROM connections WHERE false LIMIT 1000 \g /dev/null
SELECT "t0"."id", "t0"."status" FROM (SELECT * FROM "utility"."connections") "t0" WHERE (0 = 1);
SELECT * FROM (SELECT c.id, a.status FROM connections c JOIN accounts a ON a.connection_id = c.id) q WHERE 1 = 0;
SELECT * FROM (SELECT id, name FROM companies UNION ALL SELECT id, name FROM sites) q LIMIT 0;
SELECT count(id), max(created) FROM connections WHERE 1 = 0;
SELECT * FROM accounts \gdesc
SELECT company_name, status_category, count(*) AS n, avg(1) FROM connections GROUP BY 1, 2 \gdesc
PREPARE described (uuid, text) AS SELECT * FROM connections WHERE company_id = $1 AND country = $2 LIMIT 10;
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'described';
DEALLOCATE described;
BEGIN;
DECLARE opened CURSOR FOR SELECT * FROM connections;
CLOSE opened;
COMMIT;
EXPLAIN (COSTS OFF) SELECT * FROM accounts LIMIT 1000;
SELECT asked();

-- The catalogue, as a role that has no user mapping, and one that may do nothing.
SET client_min_messages = error;
DROP ROLE IF EXISTS regress_reader, regress_outsider;
RESET client_min_messages;
CREATE ROLE regress_reader;
CREATE ROLE regress_outsider;
GRANT USAGE ON SCHEMA utility TO regress_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA utility TO regress_reader;
CREATE VIEW health AS SELECT company_name, status_category, count(id) AS n FROM connections GROUP BY 1, 2;
CREATE MATERIALIZED VIEW sizes AS SELECT id, name FROM companies WITH NO DATA;
COMMENT ON FOREIGN TABLE connections IS 'one login at a utility provider each';
COMMENT ON COLUMN connections.id IS 'the connection';
GRANT SELECT ON health TO regress_reader;
-- every column of every row of the sweeps, as either role
CREATE PROCEDURE sweep(role name) LANGUAGE plpgsql AS $$
DECLARE
    query text;
    r record;
    n bigint;
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    FOREACH query IN ARRAY ARRAY[
        'SELECT * FROM information_schema.schemata',
        'SELECT * FROM information_schema.tables',
        'SELECT * FROM information_schema.columns',
        'SELECT * FROM information_schema.views',
        'SELECT * FROM information_schema.table_privileges',
        'SELECT * FROM information_schema.column_privileges',
        'SELECT * FROM information_schema.table_constraints',
        'SELECT * FROM information_schema.key_column_usage',
        'SELECT * FROM information_schema.foreign_tables',
        'SELECT * FROM information_schema.foreign_table_options',
        'SELECT * FROM information_schema.foreign_servers',
        'SELECT * FROM information_schema.routines',
        'SELECT * FROM pg_tables',
        'SELECT * FROM pg_views',
        'SELECT * FROM pg_matviews',
        'SELECT * FROM pg_stats',
        'SELECT * FROM pg_stat_all_tables',
        'SELECT * FROM pg_statio_all_tables',
        $q$SELECT c.*, obj_description(c.oid, 'pg_class'), pg_get_userbyid(c.relowner), pg_table_is_visible(c.oid),
                  pg_get_partkeydef(c.oid), pg_relation_is_updatable(c.oid, true) FROM pg_class c$q$,
        $q$SELECT c.oid, has_table_privilege(c.oid, p), has_any_column_privilege(c.oid, p)
             FROM pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) p$q$,
        $q$SELECT c.oid, pg_relation_size(c.oid), pg_table_size(c.oid), pg_indexes_size(c.oid), pg_total_relation_size(c.oid),
                  pg_relation_filepath(c.oid) FROM pg_class c$q$,
        $q$SELECT c.oid, pg_get_viewdef(c.oid), pg_get_viewdef(c.oid, true) FROM pg_class c WHERE c.relkind IN ('v', 'm')$q$,
        $q$SELECT a.*, format_type(a.atttypid, a.atttypmod), col_description(a.attrelid, a.attnum), pg_get_expr(d.adbin, d.adrelid)
             FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
            WHERE has_column_privilege(a.attrelid, a.attnum, 'SELECT')$q$,
        $q$SELECT t.typname, array_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid GROUP BY 1$q$,
        $q$SELECT f.*, s.srvname, w.fdwname FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver
             JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw$q$,
        $q$SELECT p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid) FROM pg_proc p WHERE p.pronamespace = 'nectar'::regnamespace$q$,
        'SELECT * FROM pg_user_mappings',
        'SELECT * FROM nectar.connection_statuses',
        'SELECT * FROM nectar.options()'] LOOP
        n := 0;
        FOR r IN EXECUTE query LOOP
            n := n + length(r::text);
        END LOOP;
        IF n = 0 AND query !~ 'user_mapping|constraint|key_column|pg_stats|privileges|foreign_|pg_views|schema.views' THEN
            RAISE EXCEPTION 'nothing from %', query;
        END IF;
    END LOOP;
    RESET ROLE;
END $$;
CALL sweep('regress_reader');
CALL sweep('regress_outsider');
SET ROLE regress_reader;
SELECT table_name, table_type, is_insertable_into FROM information_schema.tables WHERE table_schema = 'utility' ORDER BY 1;
SELECT column_name, ordinal_position, is_nullable, data_type, udt_name, is_updatable FROM information_schema.columns
 WHERE table_schema = 'utility' AND table_name = 'companies' ORDER BY 2;
SELECT c.relname, c.relkind, c.reltuples, obj_description(c.oid, 'pg_class'), pg_relation_size(c.oid) AS size, pg_total_relation_size(c.oid) AS total
  FROM pg_class c WHERE c.relnamespace = 'utility'::regnamespace ORDER BY 1;
\d companies
\o /dev/null
\d+
\d+ *
\dE+
\det+
\dv+ health
\dp
\dew+
\des+
\deu+
\df+ nectar.*
\dT+ nectar.*
\o
TABLE connections;
SELECT count(*) FROM health;
RESET ROLE;
SELECT asked();
DROP VIEW health;
DROP MATERIALIZED VIEW sizes;
DROP OWNED BY regress_reader;
DROP ROLE regress_reader, regress_outsider;

-- Samples: the rows of the copies, and no listing twice.
SELECT query, r.* FROM unnest(ARRAY[
    'SELECT * FROM connections LIMIT 2000',
    'SELECT * FROM connections LIMIT 10000',
    'SELECT * FROM connections LIMIT 1000001',
    'SELECT * FROM accounts LIMIT 2000',
    'SELECT * FROM companies LIMIT 1000001',
    'SELECT * FROM sites LIMIT 10000',
    'SELECT * FROM connections WHERE company_id = company(2) LIMIT 2000',
    'SELECT * FROM accounts WHERE company_id = company(2) LIMIT 1000001'])
  WITH ORDINALITY q(query, i), run(query) r ORDER BY i;
-- wrapped in a derived table, as each tool has it
SELECT query, r.* FROM unnest(ARRAY[
    'SELECT * FROM (SELECT * FROM connections) q LIMIT 1001',
    'SELECT "t0"."id", "t0"."status", "t0"."created" FROM (SELECT * FROM "connections") "t0" LIMIT 1000',
    'SELECT "_"."id", "_"."company_name" FROM (SELECT "_"."id", "_"."company_name", "_"."status" FROM "connections" "_" WHERE "_"."status" = ''CONNECTED'') "_" LIMIT 1000001',
    'SELECT COUNT("q"."id") FROM (SELECT * FROM connections) q',
    'SELECT COUNT(*) FROM (SELECT DISTINCT company_id, datasource_name FROM connections) q',
    'SELECT COUNT(*) FROM (SELECT * FROM connections WHERE country = ''FR'' LIMIT 1000001) q',
    'SELECT "source"."status" AS "status", COUNT("source"."id") AS "count" FROM (SELECT * FROM connections WHERE company_id = company(1)) AS "source" GROUP BY "source"."status" ORDER BY "source"."status" ASC LIMIT 10000',
    'SELECT * FROM (SELECT * FROM (SELECT * FROM connections WHERE company_id = company(3)) a WHERE status = ''CONNECTED'') b',
    'WITH "custom" AS (SELECT * FROM connections WHERE company_id = company(1)) SELECT "custom"."id" FROM "custom" WHERE "custom"."status" IN (''CONNECTED'', ''PENDING'') LIMIT 5000'])
  WITH ORDINALITY q(query, i), run(query) r ORDER BY i;
-- a small sample of one company asks for so many rows, however it is wrapped
SELECT id FROM (SELECT * FROM connections WHERE company_id = company(1)) q LIMIT 10 \g /dev/null
SELECT asked();
SELECT "t0"."id", "t0"."company_name" FROM (SELECT "id", "company_name" FROM (SELECT * FROM connections WHERE company_id = company(1)) s) "t0" LIMIT 10 \g /dev/null
SELECT asked();

-- A profile: every column by itself, then all of them in one statement.
CREATE FUNCTION profile(relation regclass, OUT column_name name, OUT query text) RETURNS SETOF record STABLE LANGUAGE sql AS $$
    SELECT attname, format('SELECT %L AS column_name, %I::text AS value, count(*) FROM %s GROUP BY 1, 2 ORDER BY 3 DESC, 2 LIMIT 1000', attname, attname, relation)
      FROM pg_attribute WHERE attrelid = relation AND attnum > 0 ORDER BY attnum $$;
SELECT p.column_name, r.* FROM profile('connections') p, run(p.query) r;
SELECT p.column_name, r.* FROM profile('accounts') p, run(p.query) r;
SELECT r.* FROM run((SELECT string_agg('(' || query || ')', ' UNION ALL ') FROM profile('connections'))) r;
SELECT r.* FROM run((SELECT string_agg('(' || query || ')', ' UNION ALL ') FROM (SELECT * FROM profile('connections') UNION ALL SELECT * FROM profile('accounts')) p)) r;
DROP FUNCTION profile;

-- Charts, lists of values, KPIs.
SELECT query, r.* FROM unnest(ARRAY[
    'SELECT "connections"."status_category" AS "status_category", COUNT(1) AS "cnt" FROM "connections" "connections" GROUP BY 1 HAVING (COUNT(1) > 0)',
    'SELECT DISTINCT "status" FROM "connections" ORDER BY 1 ASC NULLS FIRST LIMIT 1000',
    'SELECT DISTINCT company_name FROM connections WHERE LOWER(company_name) LIKE ''%acm%'' LIMIT 100',
    'SELECT MIN(created), MAX(created), MIN(updated) FROM connections',
    'SELECT SUM(1) AS n, SUM(CASE WHEN needs_user_action THEN 1 ELSE 0 END) AS waiting FROM connections WHERE TRUE AND 1 = 1',
    'SELECT date_trunc(''month'', created) AS month, status, count(*) FROM connections GROUP BY 1, 2 ORDER BY 1, 2',
    'SELECT CAST(DATE_TRUNC(''WEEK'', CAST(created AS TIMESTAMP)) AS DATE) AS "wk", COUNT(*) FROM connections GROUP BY 1 ORDER BY 1 LIMIT 5000',
    'SELECT EXTRACT(YEAR FROM created)::int, EXTRACT(QUARTER FROM created)::int, count(*) FROM connections WHERE company_id = company(1) GROUP BY 1, 2',
    'SELECT id, created FROM connections WHERE created >= TIMESTAMP ''2024-02-01 00:00:00'' AND created < TIMESTAMP ''2024-02-15 00:00:00''',
    'SELECT id FROM connections WHERE created BETWEEN ''2024-01-05'' AND now() AND company_id = company(1)',
    'SELECT id FROM connections WHERE status_last_update_time > CURRENT_TIMESTAMP - INTERVAL ''100 years'' AND company_id IN (company(1), company(2))',
    'SELECT data_collection_start_date, count(id) FROM connections WHERE data_collection_start_date >= DATE ''2020-01-01'' OR data_collection_start_date IS NULL GROUP BY 1',
    'SELECT id FROM connections WHERE status IN (''CONNECTED'', ''PENDING'') OR status IS NULL',
    'SELECT company_name, count(*), 100.0 * count(*) / sum(count(*)) OVER () AS share FROM connections GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10',
    'SELECT * FROM (SELECT id, company_id, ROW_NUMBER() OVER (PARTITION BY company_id ORDER BY created DESC, id) AS rn FROM connections) t WHERE rn <= 3',
    'SELECT COALESCE(datasource_name, ''(none)''), COUNT(DISTINCT company_id) FROM connections GROUP BY 1 ORDER BY 1'])
  WITH ORDINALITY q(query, i), run(query) r ORDER BY i;

-- Bound parameters.  varchar and text do not compare with an enum or a uuid: the parser says so, and nothing is asked.
SELECT command, attempt(command) FROM unnest(ARRAY[
    'PREPARE bad (varchar) AS SELECT id FROM connections WHERE status = $1',
    'PREPARE bad (text) AS SELECT id FROM connections WHERE status = $1',
    'PREPARE bad (text[]) AS SELECT id FROM connections WHERE status = ANY ($1)',
    'PREPARE bad (varchar, varchar) AS SELECT id FROM connections WHERE status IN ($1, $2)',
    'PREPARE bad (varchar) AS SELECT id FROM connections WHERE company_id = $1']) command;
-- what has no type becomes the column's
PREPARE untyped AS SELECT id FROM connections WHERE status = $1 AND company_id = $2;
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'untyped';
EXECUTE untyped ('CONNECTED', company(1));
EXECUTE untyped ('NO_SUCH_STATUS', company(1));
SELECT asked();
-- text tables are the answer: the same rows, the same requests, whatever is bound, and past the sixth execution
CREATE SCHEMA texts;
IMPORT FOREIGN SCHEMA nectar FROM SERVER sandbox INTO texts OPTIONS (status_type 'text', attrs 'false');
PREPARE by_varchar (varchar) AS SELECT id, status FROM texts.connections WHERE status = $1;
PREPARE by_text (text, text) AS SELECT id, status FROM texts.connections WHERE status = $1 AND company_name = $2;
PREPARE by_untyped AS SELECT id, status FROM texts.connections WHERE status = $1 AND company_id = $2;
PREPARE by_array (text[], uuid[]) AS SELECT id, status FROM texts.connections WHERE status = ANY ($1) AND company_id = ANY ($2) ORDER BY 1;
PREPARE by_list (varchar, varchar) AS SELECT a.id, a.status FROM texts.accounts a WHERE a.status IN ($1, $2) AND a.company_id = 'c0000000-0000-4000-8000-000000000001' ORDER BY 1;
PREPARE by_range (timestamptz, timestamptz, varchar) AS SELECT date_trunc('month', created), count(id) FROM texts.connections
  WHERE created >= $1 AND created < $2 AND status = $3 GROUP BY 1 ORDER BY 1;
EXECUTE by_varchar ('CONNECTED');
SELECT asked();
EXECUTE by_text ('CONNECTED', 'Acme');
SELECT asked();
EXECUTE by_untyped ('PENDING', 'c0000000-0000-4000-8000-000000000001');
SELECT asked();
EXECUTE by_array ('{CONNECTED,CONNECTED,PENDING,NULL}', ARRAY[company(1), company(2), NULL]);
SELECT asked();
EXECUTE by_list ('ONBOARDED', 'DUPLICATE') \g /dev/null
SELECT asked();
EXECUTE by_range ('2000-01-01', '2100-01-01', 'CONNECTED');
SELECT asked();
SET plan_cache_mode = force_generic_plan;
EXPLAIN (VERBOSE, COSTS OFF) EXECUTE by_varchar ('CONNECTED');
EXECUTE by_varchar ('CONNECTED');
SELECT asked();
EXECUTE by_text ('CONNECTED', 'Acme');
SELECT asked();
EXECUTE by_array ('{CONNECTED,CONNECTED,PENDING,NULL}', ARRAY[company(1), company(2), NULL]) \g /dev/null
SELECT asked();
-- a label that nobody has documented is looked for, but not sent; NULL is nothing
EXECUTE by_untyped ('NO_SUCH_STATUS', company(1));
SELECT asked();
EXECUTE by_untyped (NULL, company(1));
SELECT asked();
EXECUTE by_untyped ('CONNECTED', NULL);
SELECT asked();
RESET plan_cache_mode;
-- a driver that prepares in the server: custom plans first, then a generic one
PREPARE often (varchar, uuid) AS SELECT count(id) FROM texts.connections WHERE status = $1 AND company_id = $2;
DO $$
BEGIN
    FOR i IN 1 .. 8 LOOP
        EXECUTE format('EXECUTE often (%L, %L)', 'CONNECTED', company(1 + i % 2));
    END LOOP;
END $$;
SELECT custom_plans, generic_plans FROM pg_prepared_statements WHERE name = 'often';
SELECT asked();
DEALLOCATE ALL;

-- Cursors.
BEGIN;
DECLARE "SQL_CUR1" CURSOR WITH HOLD FOR SELECT id, status FROM connections;
SELECT asked();
COMMIT;
SELECT asked();
FETCH 10000 FROM "SQL_CUR1" \g /dev/null
FETCH 10000 FROM "SQL_CUR1";
CLOSE "SQL_CUR1";
SELECT asked();
-- read in part before the end of its transaction, whose end reads the rest
ALTER SERVER sandbox OPTIONS (ADD page_size '5');
BEGIN;
DECLARE part CURSOR WITH HOLD FOR SELECT id FROM connections WHERE company_id = company(1) ORDER BY id;
FETCH 3 FROM part;
COMMIT;
FETCH 2 FROM part;
MOVE 4 IN part;
FETCH 10000 FROM part;
CLOSE part;
SELECT asked();
-- without one: the driver's block of 500 is more than there is
BEGIN READ ONLY;
DECLARE "C_1" NO SCROLL CURSOR FOR SELECT id FROM connections WHERE company_id = company(1);
FETCH FORWARD 500 FROM "C_1" \g /dev/null
FETCH FORWARD 500 FROM "C_1";
COMMIT;
SELECT asked();
ALTER SERVER sandbox OPTIONS (DROP page_size);
-- psql's own
\set FETCH_COUNT 7
SELECT id FROM connections WHERE company_id = company(1) \g /dev/null
\unset FETCH_COUNT
SELECT asked();
DROP SCHEMA texts CASCADE;
DROP SCHEMA copies CASCADE;
