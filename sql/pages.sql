-- A listing is read page by page, whole; a page that is not the one asked for
-- ends the statement, and what may be normal is a warning.
\i test/lib/setup.sql
\i test/lib/outcome.sql
\set company_1 'SELECT id FROM connections WHERE company_id = company(1)'
ALTER SERVER sandbox OPTIONS (ADD page_size '5');

-- Twelve connections: three pages, each asked for once.
SELECT count(*), count(DISTINCT id) FROM connections WHERE company_id = company(1);
SELECT * FROM seen();

-- A page size that divides the total, and one that exceeds it, ask for no page more.
ALTER SERVER sandbox OPTIONS (SET page_size '4');
SELECT count(DISTINCT id) FROM connections WHERE company_id = company(1);
SELECT count(*) FROM test.requests();
ALTER SERVER sandbox OPTIONS (SET page_size '13');
SELECT test.clear() \gset
SELECT count(DISTINCT id) FROM connections WHERE company_id = company(1);
SELECT count(*) FROM test.requests();
ALTER SERVER sandbox OPTIONS (SET page_size '5');

-- A filtered listing has pages of its own: no request beyond them.
SELECT test.clear() \gset
SELECT count(*) FROM connections WHERE company_id = company(2) AND workflow_owner_email = 'kim.o''brien@globex.example';
SELECT * FROM seen();

-- Page 1 again instead of page 2: an error.
SELECT test.fault('{"kind": "repeat_page"}') \gset
SELECT * FROM outcome(:'company_1');
SELECT test.faults_clear() \gset

-- The listing shrank, page 3 is past its end: what is there, and a warning.
SELECT test.fault('{"kind": "shrink", "query": "*page=3"}') \gset
SELECT count(*), count(DISTINCT id) FROM connections WHERE company_id = company(1);
SELECT test.faults_clear() \gset

-- The total changed between pages: all rows, and one warning that names the company.
SELECT test.fault('{"kind": "total_changes"}') \gset
SELECT count(*), count(DISTINCT id) FROM connections WHERE company_id = company(1);
SELECT test.faults_clear() \gset

-- A 404 of page 1 is no row; of a further page it is an error.
SELECT test.fault('{"kind": "not_found", "path": "/connection/company/*", "query": "*page=1"}') \gset
SELECT * FROM outcome(:'company_1');
SELECT test.faults_clear() \gset
SELECT test.fault('{"kind": "not_found", "path": "/connection/company/*", "query": "*page=2"}') \gset
SELECT * FROM outcome(:'company_1');
SELECT test.faults_clear() \gset

-- From here on pages are made by hand: elements first..last of company 1.
CREATE FUNCTION page(page int, pages int, total int, has_next bool, first int, last int, per_page int DEFAULT 5)
    RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('totalConnections', total, 'perPage', per_page, 'totalPages', pages,
               'currentPage', page, 'hasNext', has_next, 'hasPrevious', page > 1,
               'connections', coalesce(jsonb_agg(jsonb_build_object('id', connection(n), 'status', 'CONNECTED',
                   'company', jsonb_build_object('id', company(1)))), '[]'))
      FROM generate_series(first, last) n
$$;
CREATE FUNCTION answer(asked int, body jsonb) RETURNS void LANGUAGE sql AS $$
    SELECT test.fault(jsonb_build_object('kind', 'body', 'path', '/connection/company/*',
                                         'query', '*page=' || asked, 'body', body::text))
$$;
-- Set one page wrong, read the company and tell how that ended.
CREATE FUNCTION tried(asked int, body jsonb, OUT state text, OUT detail text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM answer(asked, body);
    SELECT b.state, regexp_replace(b.detail, ' rows .*', ' rows') INTO state, detail
      FROM brief('SELECT * FROM connections WHERE company_id = company(1)') b;
    PERFORM test.faults_clear();
END $$;

-- hasNext on the last known page: reading goes on.
SELECT count(*) FROM (SELECT answer(n, page(n, 3, 16, true, n * 5 - 4, n * 5)) FROM generate_series(1, 3) n) a;
SELECT answer(4, page(4, 4, 16, false, 16, 16)) \gset
SELECT test.clear() \gset
SELECT count(*), count(DISTINCT id) FROM connections WHERE company_id = company(1);
SELECT count(*) FROM test.requests();
SELECT test.faults_clear() \gset

-- An empty company, whichever number of pages it claims.
SELECT * FROM tried(1, page(1, 0, 0, false, 1, 0));
SELECT * FROM tried(1, page(1, 1, 0, false, 1, 0));

-- Another page than the one asked for.
SELECT * FROM tried(2, page(3, 3, 12, false, 11, 12));
SELECT * FROM tried(2, page(1, 3, 12, false, 1, 5));
SELECT * FROM tried(1, page(2, 3, 12, true, 6, 10));
SELECT * FROM tried(1, page(0, 3, 12, true, 1, 5));

-- Too many elements; too few, on a page in between, the only one, the last one.
SELECT * FROM tried(2, page(2, 3, 12, true, 6, 11));
SELECT * FROM tried(1, page(1, 1, 6, false, 1, 6, 6));
SELECT * FROM tried(2, page(2, 3, 12, true, 6, 9));
SELECT * FROM tried(2, page(2, 3, 12, true, 6, 5));
SELECT * FROM tried(1, page(1, 1, 12, false, 1, 4));
SELECT state FROM tried(3, page(3, 3, 12, false, 11, 11));
SELECT state FROM tried(3, page(3, 3, 12, false, 11, 10));

-- An envelope that contradicts itself or the pages before.
SELECT * FROM tried(2, page(2, 3, 12, false, 6, 10));
SELECT * FROM tried(2, page(2, 3, 12, true, 6, 8, 3));
SELECT test.clear() \gset
SELECT state FROM tried(1, page(1, 1, 0, true, 1, 0, 0));
SELECT count(*) FROM test.requests();

-- Members of the envelope that are missing, null, or of another type.
SELECT member, how, t.*
  FROM unnest('{totalConnections,perPage,totalPages,currentPage,hasNext,connections}'::text[]) member,
       (VALUES ('missing', NULL), ('null', 'null'::jsonb), ('object', '{}'), ('text', '"x"'), ('negative', '-1')) AS h(how, value),
       LATERAL tried(1, CASE WHEN value IS NULL THEN page(1, 3, 12, true, 1, 5) - member
                             ELSE page(1, 3, 12, true, 1, 5) || jsonb_build_object(member, value) END) t
 WHERE NOT (member = 'hasNext' AND how = 'negative')
 ORDER BY 1, 2;

-- Numbers as strings are still numbers; unknown members are nobody's business.
SELECT * FROM tried(1, page(1, 3, 12, true, 1, 5)
    || '{"totalConnections": "12", "perPage": "5", "totalPages": "3", "currentPage": "1", "links": {"next": null}}');

-- More pages than anybody has.
SELECT state FROM tried(1, page(1, 1, 12, true, 1, 5) || '{"totalPages": 4000000000000000000}');

-- Elements that are no objects, and bodies that are no envelope.
SELECT value, t.*
  FROM (VALUES ('null'::jsonb), ('1'), ('"x"'), ('[]'), ('{}')) AS v(value),
       LATERAL tried(1, page(1, 1, 1, false, 1, 0) || jsonb_build_object('connections', jsonb_build_array(value))) t
 ORDER BY 1;
SELECT value, t.*
  FROM (VALUES ('null'::jsonb), ('1'), ('"x"'), ('[]'), ('{}'), ('[{}]')) AS v(value), LATERAL tried(1, value) t
 ORDER BY 1;
-- JSON that breaks behind everything that is needed is broken all the same.
SELECT test.fault(jsonb_build_object('kind', 'body', 'path', '/connection/company/*', 'body', left(page(1, 1, 0, false, 1, 0)::text, -1) || ' oops}')) \gset
SELECT state FROM brief(:'company_1');
SELECT test.faults_clear() \gset
SELECT test.fault('{"kind": "wrong_envelope", "path": "/connection/*"}') \gset
SELECT * FROM outcome(:'company_1');
SELECT test.faults_clear() \gset

-- No part of a listing comes out as if it were the whole.
CREATE TABLE utility.copied (id uuid);
SELECT answer(3, page(3, 3, 12, true, 11, 11)) \gset
INSERT INTO copied SELECT id FROM connections WHERE company_id = company(1);
SELECT count(*) FROM copied;
BEGIN;
DECLARE rows CURSOR FOR SELECT id FROM connections WHERE company_id = company(1);
MOVE FORWARD 5 IN rows;
MOVE FORWARD ALL IN rows;
ROLLBACK;
SELECT test.faults_clear() \gset
INSERT INTO copied SELECT id FROM connections WHERE company_id = company(1);
SELECT count(DISTINCT id) FROM copied;
