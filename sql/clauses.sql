-- A clause in any form gives the rows that a heap copy gives, and asks for no more than it must.
\i test/lib/setup.sql
CREATE TABLE copy AS SELECT * FROM connections;
-- What the sandbox received, in short: c1 is company 1, d2 connection 2.
CREATE FUNCTION asked() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(replace(regexp_replace(request, '([cd])0000000-0000-4000-8000-0*', '\1', 'g'), 'limit=500&page=1', '..')
                               || CASE WHEN n > 1 THEN ' x' || n ELSE '' END, '  ' ORDER BY request), 'nothing') FROM seen() $$;
-- The rows of a WHERE, whether the copy has the same ones, and what was asked.
CREATE FUNCTION run(clause text, OUT n bigint, OUT same boolean, OUT requests text) LANGUAGE plpgsql AS $$
DECLARE rows text; expected text;
BEGIN
    PERFORM test.clear();
    EXECUTE 'SELECT string_agg(c::text, E''\n'' ORDER BY id), count(*) FROM connections c WHERE ' || clause INTO rows, n;
    requests := asked();
    EXECUTE 'SELECT string_agg(c::text, E''\n'' ORDER BY id) FROM copy c WHERE ' || clause INTO expected;
    same := rows IS NOT DISTINCT FROM expected;
END $$;
CREATE FUNCTION classes(clause text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM connections WHERE ' || clause LOOP
        IF line ~ 'Clause:|Route:' THEN RETURN NEXT trim(line); END IF;
    END LOOP;
END $$;
SELECT asked() <> 'nothing' AS listed;

-- Equality, either side first, with constants and what folds to them.
SELECT clause, r.* FROM unnest(ARRAY[
    $$company_id = company(1)$$,
    $$company(1) = company_id$$,
    $$company_id = 'c0000000-0000-4000-8000-000000000001'$$,
    $$company_id = ANY (ARRAY[company(1), company(2)])$$,
    $$company_id IN (company(2), company(2), NULL)$$,
    $$company_id = ANY ('{c0000000-0000-4000-8000-000000000001,NULL}')$$,
    $$company_id = ALL (ARRAY[company(1)])$$,
    $$company_id = company(1) AND company_id IN (company(1), company(2))$$,
    $$id IN (connection(1), connection(2)) AND id IN (connection(2), connection(3))$$,
    $$id = connection(1) AND NULL$$,
    $$company_name = 'Globex'::varchar$$,
    $$'Globex' = company_name$$,
    $$company_id = company(1) AND 'ops@initech.example' = workflow_owner_email$$,
    $$company_id = company(1) AND workflow_owner_email IN ('ops@initech.example', 'ops@initech.example', NULL)$$])
  WITH ORDINALITY c(clause, i), run(clause) r ORDER BY i;

-- Stable functions and init-plans are values too; a volatile one is not.
CREATE FUNCTION my_company() RETURNS uuid STABLE LANGUAGE plpgsql AS $$ BEGIN RETURN current_setting('my.company')::uuid; END $$;
SELECT set_config('my.company', company(2)::text, false) AS nothing \gset
SELECT clause, r.* FROM unnest(ARRAY[
    $$company_id = my_company()$$,
    $$company_id = current_setting('my.company')::uuid$$,
    $$company_id = (SELECT my_company())$$,
    $$company_id = ANY (ARRAY(SELECT id FROM copy WHERE false))$$,
    $$id = ANY (ARRAY(SELECT id FROM copy WHERE username LIKE 'user1_@%' AND status_category = 'provider_error'))$$,
    $$company_id = (SELECT company_id FROM copy WHERE id = connection(25)) AND status = (SELECT 'PENDING'::connection_status)$$,
    $$company_id = (SELECT company_id FROM copy WHERE false)$$])
  WITH ORDINALITY c(clause, i), run(clause) r ORDER BY i;
SELECT * FROM classes('company_id = (CASE WHEN random() < 2 THEN company(2) END)');
SELECT n, same FROM run('company_id = (CASE WHEN random() < 2 THEN company(2) END)');

-- Parameters: custom and generic plans, past the sixth execution.
PREPARE of_company(uuid) AS SELECT count(*), min(company_name) AS name FROM connections WHERE company_id = $1;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE of_company(company(1));
EXECUTE of_company(company(1));
EXECUTE of_company(company(2));
EXECUTE of_company(NULL);
SELECT asked();
SET plan_cache_mode = force_custom_plan;
EXECUTE of_company(company(3));
EXECUTE of_company(NULL);
SELECT asked();
RESET plan_cache_mode;
PREPARE of_ids(uuid[], connection_status, text) AS
    SELECT string_agg(id::text || ' ' || status, ', ' ORDER BY id) FROM connections
     WHERE id = ANY ($1) AND (status = $2 OR $3 IS NULL);
EXECUTE of_ids(ARRAY[connection(1), connection(2), NULL, connection(1)], 'PENDING', 'x');
EXECUTE of_ids(ARRAY[connection(1), connection(2)], NULL, NULL);
EXECUTE of_ids('{}', 'PENDING', 'x');
EXECUTE of_ids(NULL, 'PENDING', 'x');
EXECUTE of_ids(ARRAY[connection(3)], NULL, NULL);
EXECUTE of_ids(ARRAY[connection(4), connection(5)], NULL, NULL);
EXECUTE of_ids(ARRAY[connection(6)], 'NEW_PASSWORD_NEEDED', 'x');
EXECUTE of_ids(ARRAY[connection(7)], NULL, NULL);
SELECT asked();
PREPARE of_status(uuid, connection_status, connection_status[]) AS
    SELECT string_agg(status::text, ' ' ORDER BY id) FROM connections WHERE company_id = $1 AND status <> $2 AND status = ANY ($3);
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE of_status(company(1), 'PENDING', '{CONNECTED,PENDING}');
EXECUTE of_status(company(1), 'PENDING', '{CONNECTED,PENDING,NULL}');
EXECUTE of_status(company(1), 'PENDING', '{PENDING}');
EXECUTE of_status(company(1), NULL, '{CONNECTED}');
EXECUTE of_status(company(1), 'PENDING', NULL);
EXECUTE of_status(company(1), 'PENDING', '{CONNECTED,WEBSITE_DOWN}');
SELECT asked();
RESET plan_cache_mode;
-- in plpgsql, eight times
DO $$
DECLARE counted bigint; total bigint := 0; wanted connection_status := 'PENDING';
BEGIN
    FOR i IN 1 .. 8 LOOP
        SELECT count(*) INTO counted FROM connections WHERE company_id = company(1 + i % 2) AND status = wanted;
        total := total + counted;
    END LOOP;
    ASSERT total = 8, total;
END $$;
SELECT asked();

-- The status in any form, over a company: a single label is sent, else one listing is read.
SELECT clause, r.* FROM unnest(ARRAY[
    $$status = 'CONNECTED'$$,
    $$'CONNECTED' = status$$,
    $$status::text = 'CONNECTED'$$,
    $$status <> 'CONNECTED'$$,
    $$status IN ('CONNECTED', 'WEBSITE_DOWN')$$,
    $$status IN ('CONNECTED', 'WEBSITE_DOWN') AND status <> 'CONNECTED'$$,
    $$status NOT IN ('CONNECTED', NULL)$$,
    $$status::text LIKE 'MFA%'$$,
    $$status::text ~~* '%password%'$$,
    $$status::text IN ('CONNECTED', 'NO_SUCH_STATUS')$$,
    $$status IS NULL$$,
    $$status IS NOT NULL$$,
    $$status IS DISTINCT FROM 'CONNECTED'$$,
    $$status IS NOT DISTINCT FROM 'CONNECTED'$$,
    $$status < 'CONNECTED'$$,
    $$status BETWEEN 'CONNECTED' AND 'CONNECTED'$$,
    $$needs_user_action$$,
    $$NOT needs_user_action$$,
    $$needs_user_action IS NOT TRUE$$,
    $$needs_user_action AND status::text LIKE '%A%' AND status::text LIKE '%TOKEN%'$$,
    $$status_category = 'system'$$,
    $$status_category <> 'healthy'$$,
    $$status_category IN ('healthy', 'system') AND NOT status = ANY ('{PENDING,CONNECTED,UNDER_INVESTIGATION}')$$,
    $$status_category = 'unknown'$$,
    $$status_category::text LIKE 'sys%'$$,
    $$nectar.status_category(status) = 'system'$$,
    $$nectar.needs_user_action(status) AND nectar.guidance(status) ~ 'MFA'$$,
    $$NOT nectar.is_checked_weekly(status) AND NOT needs_user_action$$,
    $$CASE status WHEN 'PENDING' THEN true WHEN 'CONNECTED' THEN false ELSE status_category = 'healthy' AND status > 'UNDER_INVESTIGATION' END$$,
    $$(status = 'PENDING' OR status_category = 'unknown' AND status IS NOT NULL)$$,
    $$(status = 'PENDING' OR needs_user_action)$$,
    $$coalesce(status, 'PENDING') = 'PENDING'$$,
    $$nullif(status, 'PENDING') IS NULL AND status IS NOT NULL$$,
    $$status = 'PENDING' AND needs_user_action$$,
    $$status = NULL$$])
  WITH ORDINALITY c(clause, i), run('company_id = company(1) AND ' || clause) r ORDER BY i;
SELECT asked();

-- Where a listing has several pages, so many labels may be asked for one by one.
ALTER SERVER sandbox OPTIONS (ADD page_size '5');
SELECT clause, r.n, r.same, replace(r.requests, '/connection/company/', '') AS requests FROM unnest(ARRAY[
    $$status IN ('CONNECTED', 'WEBSITE_DOWN', 'CONNECTED')$$,
    $$needs_user_action$$,
    $$status_category IN ('credential_error', 'system')$$,
    $$status <> 'CONNECTED'$$])
  WITH ORDINALITY c(clause, i), run('company_id = company(1) AND ' || clause) r ORDER BY i;
SELECT asked() AS again, r.* FROM run($$company_name = 'Hooli' AND status IN ('CONNECTED', 'PENDING')$$) r;
ALTER SERVER sandbox OPTIONS (DROP page_size);

-- A status clause without a company, and beside an id.
SELECT clause, r.* FROM unnest(ARRAY[
    $$status = 'CONNECTED'$$,
    $$needs_user_action$$,
    $$id = connection(2) AND status = 'CONNECTED'$$,
    $$id = connection(2) AND status <> 'CONNECTED'$$])
  WITH ORDINALITY c(clause, i), run(clause) r ORDER BY i;

-- What stays here, and why.
SELECT clause, line FROM unnest(ARRAY[
    $$id = connection(2) AND company_id = company(1)$$,
    $$id = connection(2) AND status = 'CONNECTED'$$,
    $$company_id = company(1) AND country = 'FR'$$,
    $$company_id = company(1) AND workflow_owner_email <> 'x'$$,
    $$company_id = company(1) OR company_id = company(2)$$,
    $$company_id <> company(1)$$,
    $$company_id::text = 'x'$$,
    $$lower(company_name) = 'acme'$$,
    $$company_id = company(1) AND (status = 'PENDING' OR country = 'FR')$$,
    $$company_id = company(1) AND status = 'CONNECTED' AND random() >= 0$$,
    $$company_id = company(1) AND status::text = CASE WHEN random() >= 0 THEN 'CONNECTED' END$$,
    $$company_id = company(1) AND length(status::text) / 2 > 4$$,
    $$company_id = company(1) AND status = status_error_detail::connection_status$$,
    $$company_id = company(1) AND external_id = 'EXT-2'$$,
    $$company_id = company(1) AND (SELECT count(*) FROM copy WHERE copy.id = connections.id) = 1$$])
  WITH ORDINALITY c(clause, i), classes(clause) WITH ORDINALITY s(line, j) ORDER BY i, j;
SELECT clause, r.* FROM unnest(ARRAY[
    $$company_id = company(1) OR company_id = company(2)$$,
    $$company_id = company(1) AND workflow_owner_email <> 'ops@initech.example'$$,
    $$company_id = company(1) AND (status = 'PENDING' OR country = 'FR')$$,
    $$company_id = company(1) AND length(status::text) / 2 > 4$$,
    $$company_id = company(1) AND status::text = CASE WHEN random() >= 0 THEN 'CONNECTED' END$$])
  WITH ORDINALITY c(clause, i), run(clause) r ORDER BY i;
-- a division that only a label which no row has could trip is not tried
SELECT count(*) FROM connections
 WHERE company_id = company(1) AND id <> connection(2) AND 10 / (length(status::text) - length('CONNECTED')) > 0;
SELECT asked();

-- A nondeterministic collation makes values equal that the API tells apart.
CREATE COLLATION anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
SELECT clause, line FROM unnest(ARRAY[
    $$company_name = 'ACME' COLLATE anycase$$,
    $$company_id = company(1) AND workflow_owner_email = 'OPS@initech.example' COLLATE anycase$$])
  WITH ORDINALITY c(clause, i), classes(clause) WITH ORDINALITY s(line, j) ORDER BY i, j;
SELECT clause, r.n, r.same FROM unnest(ARRAY[
    $$company_name = 'ACME' COLLATE anycase$$,
    $$company_name COLLATE anycase IN ('ACME', 'gLOBEX')$$,
    $$company_id = company(1) AND status::text = 'connected' COLLATE anycase$$,
    $$company_id = company(1) AND workflow_owner_email = 'OPS@initech.example' COLLATE anycase$$])
  WITH ORDINALITY c(clause, i), run(clause) r ORDER BY i;
CREATE FOREIGN TABLE folded (id uuid, company_name text COLLATE anycase, status text COLLATE anycase) SERVER sandbox OPTIONS (resource 'connections');
SELECT count(*) FROM folded WHERE company_name = 'ACME';
SELECT count(*) FROM folded WHERE company_name = 'acme' AND status = 'connected';

-- The class and reason of each clause beside what it gives and asks.
CREATE FUNCTION judged(clause text, OUT judged text, OUT rows text) LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    judged := clause || coalesce((SELECT string_agg(E'\n    ' || line, '' ORDER BY i) FROM classes(clause) WITH ORDINALITY c(line, i)), E'\n    no scan');
    SELECT * INTO r FROM run(clause);
    rows := r.n || ' rows' || CASE WHEN r.same THEN ', ' ELSE ' other than those of the copy, ' END || r.requests;
END $$;
\pset format unaligned
\pset tuples_only on
\pset fieldsep '\n    '

-- OR of equalities on one column is a set; arms that say more make it a superset; an arm that says nothing of it makes it none.
SELECT r.* FROM unnest(ARRAY[
    $$company_id = company(1) OR company(2) = company_id$$,
    $$company_id = company(1) OR company_id IN (company(2), company(1), NULL) OR company_id = ANY ('{c0000000-0000-4000-8000-000000000003}')$$,
    $$id = connection(1) OR id IN (connection(1), connection(2)) OR id::text = 'd0000000-0000-4000-8000-000000000003'$$,
    $$company_name = 'Acme' OR company_name = 'Hooli'::varchar$$,
    $$company_id = company(1) AND (workflow_owner_email = 'ops@initech.example' OR workflow_owner_email IN ('ops@initech.example'))$$,
    $$company_id = company(1) AND (workflow_owner_email = 'ops@initech.example' OR workflow_owner_email = 'facilities@acme.example')$$,
    $$company_id = company(1) AND (workflow_owner_email = 'ops@initech.example' AND country = 'FR' OR 'ops@initech.example' = workflow_owner_email AND needs_user_action)$$,
    $$(company_id = company(1) AND country = 'FR') OR (company_id = company(2) AND status = 'PENDING')$$,
    $$(company_id = company(1) AND company_id = company(2)) OR company_id = company(3)$$,
    $$(company_id = company(1) AND id = connection(1)) OR (id = connection(13) AND company_id = company(2))$$,
    $$company_id = company(1) OR (company_id = company(2) AND (country = 'FR' OR country = 'DE'))$$,
    $$(id = connection(1) OR id = connection(2)) AND (id = connection(2) OR id = connection(3))$$,
    $$NOT (company_id <> company(1) AND company_id <> company(2))$$,
    $$company_id = company(1) OR NULL$$,
    $$company_id = company(1) OR country = 'FR'$$,
    $$company_id = company(1) OR (country = 'FR' AND datasource_name = 'Tokyo Gas')$$,
    $$company_id = company(1) OR id = connection(20)$$,
    $$company_id = company(1) OR company_id IS NULL$$,
    $$company_id = company(1) OR company_id <> company(2)$$,
    $$company_id = company(1) AND (status = 'PENDING' OR workflow_owner_email = 'ops@initech.example')$$])
  WITH ORDINALITY c(clause, i), judged(clause) r ORDER BY i;

-- IS NOT DISTINCT FROM is equality, unless a NULL finds rows that no key does.
SELECT r.* FROM unnest(ARRAY[
    $$id IS NOT DISTINCT FROM connection(1)$$,
    $$company(1) IS NOT DISTINCT FROM company_id$$,
    $$NOT (company_id IS DISTINCT FROM company(1))$$,
    $$company_name IS NOT DISTINCT FROM 'Acme'$$,
    $$company_external_id IS NOT DISTINCT FROM NULL$$,
    $$company_external_id IS NOT DISTINCT FROM (SELECT NULL::text)$$,
    $$company_external_id IS NOT DISTINCT FROM (SELECT 'CRM-2')$$,
    $$company_external_id = 'CRM-1' OR company_external_id IS NOT DISTINCT FROM (SELECT NULL::text)$$,
    $$id IS NOT DISTINCT FROM (SELECT NULL::uuid)$$,
    $$id IS NOT DISTINCT FROM (SELECT connection(3))$$,
    $$company_id = company(1) AND workflow_owner_email IS NOT DISTINCT FROM 'ops@initech.example'$$,
    $$company_id = company(1) AND workflow_owner_email IS NOT DISTINCT FROM (SELECT NULL::text)$$,
    $$company_id = company(1) AND status IS NOT DISTINCT FROM (SELECT 'PENDING'::connection_status)$$,
    $$company_id = company(1) AND status IS NOT DISTINCT FROM (SELECT NULL::connection_status)$$,
    $$company_id IS DISTINCT FROM company(1)$$])
  WITH ORDINALITY c(clause, i), judged(clause) r ORDER BY i;

-- A uuid in its text form: one spelling can match, others ask for nothing.
SELECT r.* FROM unnest(ARRAY[
    $$id::text = 'd0000000-0000-4000-8000-000000000001'$$,
    $$'d0000000-0000-4000-8000-000000000001' = id::varchar$$,
    $$id::text = 'D0000000-0000-4000-8000-000000000001'$$,
    $$id::text = '{d0000000-0000-4000-8000-000000000001}'$$,
    $$id::text = 'd0000000000040008000000000000001'$$,
    $$id::text = 'nonsense'$$,
    $$id::text = ''$$,
    $$id::text IN ('d0000000-0000-4000-8000-000000000001', 'D0000000-0000-4000-8000-000000000002', 'nonsense', NULL)$$,
    $$id::text = ANY (ARRAY(SELECT copy.id::text FROM copy WHERE username LIKE 'user1_@%' AND status = 'PENDING'))$$,
    $$id::text IS NOT DISTINCT FROM 'd0000000-0000-4000-8000-000000000001'$$,
    $$company_id::text = 'c0000000-0000-4000-8000-000000000002' OR company_id = company(1)$$,
    $$company_id::text = (SELECT company(2)::text)$$,
    $$id = 'd0000000-0000-4000-8000-000000000001'::text::uuid$$,
    $$id = upper('d0000000-0000-4000-8000-000000000001')::uuid$$,
    $$company_id = ANY (string_to_array('c0000000-0000-4000-8000-000000000001,C0000000-0000-4000-8000-000000000001', ',')::uuid[])$$,
    $$id::varchar(8) = 'd0000000' AND company_id = company(1)$$,
    $$id::char(36) = 'd0000000-0000-4000-8000-000000000001'$$,
    $$id::text || '' = 'd0000000-0000-4000-8000-000000000001'$$,
    $$upper(id::text) = 'D0000000-0000-4000-8000-000000000001'$$])
  WITH ORDINALITY c(clause, i), judged(clause) r ORDER BY i;
SELECT r.* FROM judged($$id::text = 'D0000000-0000-4000-8000-000000000001' COLLATE anycase$$) r;

-- A parameter as drivers bind it, varchar too; the plan is a generic one.
SET plan_cache_mode = force_generic_plan;
PREPARE by_varchar (varchar, varchar) AS SELECT id FROM connections WHERE company_name = $1 AND workflow_owner_email = $2;
PREPARE by_text_id (varchar) AS SELECT id FROM connections WHERE id::text = $1;
PREPARE by_cast_id (varchar) AS SELECT id FROM connections WHERE id = $1::uuid OR id = CAST($1 AS text)::uuid;
PREPARE by_text_ids (varchar[]) AS SELECT id FROM connections WHERE id::text = ANY ($1);
PREPARE not_distinct (text, uuid) AS SELECT count(*) FROM connections WHERE company_external_id IS NOT DISTINCT FROM $1 AND id IS NOT DISTINCT FROM $2;
CREATE FUNCTION classes_of(command text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || command LOOP
        IF line ~ 'Clause:|Route:' THEN RETURN NEXT trim(line); END IF;
    END LOOP;
END $$;
SELECT classes_of('EXECUTE by_varchar (NULL, NULL)');
EXECUTE by_varchar ('Acme', 'ops@initech.example');
EXECUTE by_varchar (NULL, 'ops@initech.example');
EXECUTE by_varchar ('Acme', NULL);
SELECT asked();
SELECT classes_of('EXECUTE by_text_id (NULL)');
EXECUTE by_text_id ('d0000000-0000-4000-8000-000000000001');
EXECUTE by_text_id ('D0000000-0000-4000-8000-000000000001');
EXECUTE by_text_id (NULL);
SELECT asked();
SELECT classes_of('EXECUTE by_cast_id (NULL)');
EXECUTE by_cast_id ('D0000000-0000-4000-8000-000000000001');
EXECUTE by_cast_id (NULL);
SELECT asked();
SELECT attempt($$EXECUTE by_cast_id ('nonsense')$$);
SELECT classes_of('EXECUTE by_text_ids (NULL)');
EXECUTE by_text_ids ('{d0000000-0000-4000-8000-000000000001,D0000000-0000-4000-8000-000000000002,NULL}');
SELECT asked();
SELECT classes_of('EXECUTE not_distinct (NULL, NULL)');
EXECUTE not_distinct ('CRM-1', connection(1));
EXECUTE not_distinct (NULL, connection(60));
EXECUTE not_distinct ('CRM-1', NULL);
SELECT asked();
RESET plan_cache_mode;

-- Stable expressions and init-plans, in an OR too.
SELECT r.* FROM unnest(ARRAY[
    $$company_id = my_company() OR company_id = (SELECT company(3))$$,
    $$company_id = ANY (ARRAY[my_company(), (SELECT company(3))])$$,
    $$company_id = coalesce(nullif(current_setting('no.such', true), ''), company(4)::text)::uuid$$,
    $$company_name = (SELECT company_name FROM copy WHERE id = connection(25)) OR company_name = initcap('ACME')$$])
  WITH ORDINALITY c(clause, i), judged(clause) r ORDER BY i;
\pset format aligned
\pset tuples_only off

-- Text statuses: `=` and IN name labels; anything else could let an unrecognized label pass.
CREATE FOREIGN TABLE plain (id uuid, company_id uuid, status text, status_category text, needs_user_action text) SERVER sandbox OPTIONS (resource 'connections');
SELECT test.clear() AS nothing \gset
SELECT status, status_category, needs_user_action FROM plain WHERE company_id = company(1) AND status = 'COMPANY_INACTIVE';
SELECT status FROM plain WHERE company_id = company(1) AND status = ANY (ARRAY['MFA_TOKEN_EXPIRED', NULL]);
SELECT count(*) FROM plain WHERE company_id = company(1) AND status = ANY ('{}');
SELECT asked();
SELECT count(*) FROM plain WHERE company_id = company(1) AND status = 'NO_SUCH_STATUS';
SELECT count(*) FROM plain WHERE company_id = company(1) AND status <> 'CONNECTED';
SELECT count(*) FROM plain WHERE company_id = company(1) AND status LIKE 'MFA%';
SELECT status FROM plain WHERE company_id = company(1) AND needs_user_action = 'true' AND status_category = 'credential_error' AND status = 'MFA_TOKEN_EXPIRED';
SELECT asked();
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM plain WHERE company_id = company(1) AND status LIKE 'MFA%';
