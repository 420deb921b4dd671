-- Which requests answer which clause.
\i test/lib/setup.sql

-- One connection by id: one request.
SELECT id, status FROM connections WHERE id = connection(2);
SELECT * FROM seen();

-- A company: the pages of its listing.
SELECT count(*) FROM connections WHERE company_id = company(1);
SELECT * FROM seen();

-- A company and one status: the filtered listing.
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM connections WHERE company_id = company(1) AND status = 'CONNECTED';
SELECT id FROM connections WHERE company_id = company(1) AND status = 'CONNECTED';
SELECT * FROM seen();
