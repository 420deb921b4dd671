-- Cursors, savepoints and PL/pgSQL: a scan that rests, is left, or outlives what surrounds it.
\i test/lib/setup.sql
-- What the sandbox received: the pages of a listing.
CREATE FUNCTION pages() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(substring(request, 'page=\d+') || CASE WHEN n > 1 THEN ' x' || n ELSE '' END, '  ' ORDER BY request), 'nothing') FROM seen() $$;
CREATE VIEW acme AS SELECT ('x' || right(id::text, 4))::bit(16)::int AS n, id, status FROM connections WHERE company_id = company(1);
ALTER SERVER sandbox OPTIONS (ADD page_size '2', ADD max_concurrency '1');

-- Forward: pages are asked for as rows are wanted, at most one ahead.
BEGIN;
DECLARE forward CURSOR FOR SELECT n FROM acme;
FETCH forward;
FETCH 2 FROM forward;
MOVE 2 IN forward;
FETCH RELATIVE 2 FROM forward;
SELECT pages() ~ 'page=4(?!.*page=6)' AS not_beyond;
FETCH FORWARD ALL FROM forward;
FETCH forward;
SAVEPOINT s;
FETCH BACKWARD 1 FROM forward;
ROLLBACK TO s;
FETCH forward;
COMMIT;
SELECT pages() ~ 'page=6' AS the_others;
BEGIN;
DECLARE forward NO SCROLL CURSOR FOR SELECT n FROM acme;
FETCH 5 FROM forward;
FETCH PRIOR FROM forward;
ROLLBACK;
SELECT pages() ~ 'page=2' AS some;

-- Scrolling: rows that came are kept, and asked for once.
EXPLAIN (COSTS OFF) DECLARE back SCROLL CURSOR FOR SELECT id FROM acme;
BEGIN;
DECLARE back SCROLL CURSOR FOR SELECT n FROM acme;
FETCH 3 FROM back;
FETCH BACKWARD 2 FROM back;
FETCH LAST FROM back;
FETCH ABSOLUTE 7 FROM back;
FETCH PRIOR FROM back;
FETCH RELATIVE -2 FROM back;
FETCH ABSOLUTE -1 FROM back;
FETCH NEXT FROM back;
FETCH BACKWARD 3 FROM back;
FETCH FIRST FROM back;
MOVE ABSOLUTE 0 IN back;
FETCH 2 FROM back;
MOVE FORWARD ALL IN back;
FETCH BACKWARD ALL FROM back;
COMMIT;
SELECT pages();

-- Beyond its transaction.
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT n FROM acme;
DECLARE kept SCROLL CURSOR WITH HOLD FOR SELECT n FROM acme;
FETCH 2 FROM held;
FETCH 3 FROM kept;
COMMIT;
SELECT pages();
FETCH 2 FROM held;
FETCH BACKWARD 2 FROM kept;
FETCH LAST FROM kept;
SELECT pages();
CLOSE ALL;
BEGIN;
DECLARE lost CURSOR WITH HOLD FOR SELECT n FROM acme;
FETCH 2 FROM lost;
ROLLBACK;
FETCH 2 FROM lost;
SELECT pages() <> 'nothing' AS some;
-- what cannot be read at COMMIT is an error of COMMIT
BEGIN;
DECLARE unread CURSOR WITH HOLD FOR SELECT n FROM acme;
FETCH 1 FROM unread;
SELECT test.fault('{"kind": "status", "status": 403, "query": "*page=6*"}') AS nothing \gset
COMMIT;
FETCH 1 FROM unread;
SELECT test.reset() AS nothing \gset

-- Savepoints.  One opened before, read within, and read on after it was rolled back: what was read stays read.
BEGIN;
DECLARE outer_one CURSOR FOR SELECT n FROM acme;
FETCH 2 FROM outer_one;
SAVEPOINT s;
FETCH 4 FROM outer_one;
ROLLBACK TO s;
FETCH 2 FROM outer_one;
SAVEPOINT t;
DECLARE inner_one CURSOR FOR SELECT n FROM acme;
FETCH 1 FROM inner_one;
RELEASE t;
FETCH 1 FROM inner_one;
SAVEPOINT u;
DECLARE innermost CURSOR FOR SELECT n FROM acme;
FETCH 5 FROM innermost;
SELECT 1 / 0;
ROLLBACK TO u;
FETCH 1 FROM innermost;
ROLLBACK TO u;
FETCH ALL FROM inner_one;
FETCH ALL FROM outer_one;
COMMIT;
-- an error in the middle of its own rows ends a cursor, and nothing else
SELECT pages() <> 'nothing' AS some;
BEGIN;
DECLARE good CURSOR FOR SELECT n FROM acme;
DECLARE bad CURSOR FOR SELECT n, 1 / (n - 6) AS q FROM acme;
FETCH 1 FROM good;
FETCH 5 FROM bad;
SAVEPOINT s;
FETCH 5 FROM bad;
ROLLBACK TO s;
FETCH 1 FROM bad;
ROLLBACK TO s;
FETCH ALL FROM good;
COMMIT;
-- one that is fetched from in subtransactions, every other of which fails
DO $$
DECLARE c refcursor; r record; n int := 0;
BEGIN
    OPEN c FOR SELECT a.n FROM acme a;
    LOOP
        BEGIN
            FETCH c INTO r;
            EXIT WHEN NOT FOUND;
            n := n + 1;
            IF n % 2 = 0 THEN
                RAISE EXCEPTION 'undone';
            END IF;
        EXCEPTION WHEN raise_exception THEN NULL;
        END;
    END LOOP;
    RAISE NOTICE '% rows', n;
END $$;
-- the same when the API is the cause
BEGIN;
DECLARE good CURSOR FOR SELECT n FROM acme;
FETCH 1 FROM good;
SELECT test.fault('{"kind": "status", "status": 403, "query": "*page=3*", "times": 1}') AS nothing \gset
SAVEPOINT s;
SELECT count(n), sum(n) FROM acme;
ROLLBACK TO s;
FETCH ALL FROM good;
COMMIT;
SELECT test.reset() AS nothing \gset
SELECT count(n), sum(n) FROM acme;
SELECT test.clear() AS nothing \gset

-- PL/pgSQL: loops that are left, handlers within, cursors handed out.
DO $$
DECLARE
    r record; x record; said text := ''; c refcursor; row connections; k CURSOR (least int) FOR SELECT n FROM acme WHERE n >= least;
BEGIN
    FOR r IN SELECT n, status FROM acme LOOP
        CONTINUE WHEN r.n % 2 = 0;
        EXIT WHEN r.n > 7;
        BEGIN
            PERFORM 1 / (r.n - 3);
            said := said || ' ' || r.n;
        EXCEPTION WHEN division_by_zero THEN
            said := said || ' !';
        END;
    END LOOP;
    said := said || ' /';
    FOR r IN SELECT n FROM acme WHERE n < 4 LOOP
        FOR x IN EXECUTE 'SELECT n FROM acme WHERE n <= $1' USING r.n LOOP
            said := said || ' ' || r.n || x.n;
        END LOOP;
    END LOOP;
    said := said || ' /';
    OPEN k (10);
    FETCH k INTO x;
    MOVE k;
    LOOP
        FETCH k INTO r;
        EXIT WHEN NOT FOUND;
        said := said || ' ' || x.n || '..' || r.n;
    END LOOP;
    CLOSE k;
    OPEN c SCROLL FOR SELECT * FROM connections WHERE company_id = company(1);
    FETCH ABSOLUTE 5 FROM c INTO row;
    said := said || ' / ' || right(row.id::text, 2);
    FETCH PRIOR FROM c INTO row;
    said := said || ' ' || right(row.id::text, 2);
    CLOSE c;
    RAISE NOTICE '%', said;
END $$;
CREATE FUNCTION of_status(s connection_status) RETURNS TABLE (n int, same connection_status) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT a.n, a.status FROM acme a WHERE a.status = s;
    RETURN QUERY EXECUTE 'SELECT n, status FROM acme WHERE status = $1' USING s;
END $$;
SELECT test.clear() AS nothing \gset
SELECT s.status, f.* FROM (VALUES ('CONNECTED'::connection_status), ('PENDING'), (NULL)) s (status) LEFT JOIN of_status(s.status) f ON true;
CREATE FUNCTION handed_out() RETURNS refcursor LANGUAGE plpgsql AS $$
DECLARE c refcursor := 'handed';
BEGIN
    OPEN c FOR SELECT n FROM acme;
    MOVE 9 IN c;
    RETURN c;
END $$;
BEGIN;
SELECT handed_out();
FETCH ALL FROM handed;
COMMIT;
-- a procedure that commits while it loops: the loop's rows are read to the end first
CREATE TABLE done (n int, asked text);
CREATE PROCEDURE each_by_itself() LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
    FOR r IN SELECT n FROM acme WHERE n <= 6 LOOP
        INSERT INTO done VALUES (r.n, pages());
        IF r.n % 2 = 1 THEN COMMIT; ELSE ROLLBACK; END IF;
    END LOOP;
END $$;
SELECT test.clear() AS nothing \gset
CALL each_by_itself();
SELECT n, asked = 'nothing' AS read_before FROM done ORDER BY n;
-- a function that scans, called from each row of a scan, with one request at a time
CREATE FUNCTION accounts_of(connection uuid) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT count(id) FROM accounts WHERE connection_id = connection);
END $$;
SELECT sum(accounts_of(id)) = (SELECT count(id) FROM accounts WHERE company_id = company(1)) AS all_accounts FROM acme;
ALTER SERVER sandbox OPTIONS (DROP page_size, DROP max_concurrency);
