-- Accounts and sites are the same rows wherever they come from: embedded in a
-- listing where it proves to carry them, looked up one by one where it does not.
\i test/lib/setup.sql
\i test/lib/outcome.sql
-- In other words: what was asked for, by kind of request.
CREATE FUNCTION asked(OUT listings bigint, OUT details bigint) LANGUAGE plpgsql AS $$
BEGIN
    SELECT count(*) FILTER (WHERE path LIKE '/connection/company/%'), count(*) FILTER (WHERE path LIKE '%/details')
      INTO listings, details FROM test.requests();
    PERFORM test.clear();
END $$;
CREATE TABLE utility.truth AS SELECT * FROM accounts;
CREATE TABLE utility.truth_sites AS SELECT * FROM sites;
-- Rows that are in one and not in the other, out of those that should be there.
CREATE FUNCTION wrong(where_clause text DEFAULT 'true', truth text DEFAULT 'truth', source text DEFAULT 'accounts', OUT should_be bigint, OUT differ bigint)
    LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TEMP TABLE got ON COMMIT DROP AS SELECT * FROM %s WHERE %s', source, where_clause);
    EXECUTE format('SELECT count(*) FROM %s WHERE %s', truth, where_clause) INTO should_be;
    EXECUTE format('SELECT count(*) FROM ((TABLE got EXCEPT ALL SELECT * FROM %1$s WHERE %2$s)
                    UNION ALL (SELECT * FROM %1$s WHERE %2$s EXCEPT ALL TABLE got)) d', truth, where_clause) INTO differ;
    DROP TABLE got;
END $$;

-- A listing that carries accounts is all there is to ask for.
SELECT test.clear() \gset
SELECT count(*), count(DISTINCT id), count(DISTINCT connection_id), count(DISTINCT company_id) FROM accounts;
SELECT * FROM seen();
SELECT count(*) FROM accounts WHERE company_id = company(2);
SELECT * FROM seen();
-- By connection: its details, whatever listings do.
SELECT id, account_number, status, tracking_status FROM accounts WHERE connection_id = connection(2) ORDER BY id;
SELECT * FROM seen();
-- All three ways agree.
SELECT * FROM wrong();
SELECT * FROM wrong('company_id IN (company(1), company(4))');
SELECT * FROM wrong('connection_id IN (connection(2), connection(5), connection(13), connection(14))');

-- attrs is the account itself, exactly and less nothing here.
SELECT attrs ->> 'accountNumber' = account_number AS number, jsonb_typeof(attrs -> 'isDuplicated') AS raw, is_duplicated,
       attrs ? 'accounts' AS nested, (SELECT count(*) FROM jsonb_object_keys(attrs)) AS members
  FROM accounts WHERE connection_id = connection(2) ORDER BY id;

-- A listing without any account: every connection is looked up, once.
SELECT test.fault('{"kind": "no_accounts"}'), test.clear() \gset
SELECT * FROM wrong();
SELECT * FROM asked();
SELECT * FROM wrong('company_id = company(1)');
SELECT * FROM seen();
-- accounts_source 'list' takes the listing's word for it; 'details' never does; both say so in the requests.
ALTER SERVER sandbox OPTIONS (ADD accounts_source 'list');
SELECT count(*) FROM accounts;
SELECT * FROM asked();
ALTER SERVER sandbox OPTIONS (SET accounts_source 'details');
SELECT * FROM wrong();
SELECT * FROM asked();
SELECT test.faults_clear() \gset
SELECT * FROM wrong();
SELECT * FROM asked();
ALTER SERVER sandbox OPTIONS (SET accounts_source 'list');
SELECT * FROM wrong();
SELECT * FROM asked();
ALTER SERVER sandbox OPTIONS (DROP accounts_source);

-- The arrays are not there at all.
SELECT test.fault('{"kind": "no_accounts", "missing": true}') \gset
SELECT * FROM wrong();
SELECT * FROM asked();
SELECT test.faults_clear() \gset

-- One company's listing is without: only its connections are looked up.
SELECT test.fault(jsonb_build_object('kind', 'no_accounts', 'path', '/connection/company/' || company(3))) \gset
SELECT * FROM wrong();
SELECT * FROM asked();
SELECT test.faults_clear() \gset

-- One page only: the first one, and a later one that has no arrays.
ALTER SERVER sandbox OPTIONS (ADD page_size '5');
SELECT test.fault('{"kind": "no_accounts", "path": "/connection/company/*", "query": "*page=1"}'), test.clear() \gset
SELECT * FROM wrong();
SELECT * FROM asked();
SELECT test.faults_clear() \gset
SELECT test.fault('{"kind": "no_accounts", "missing": true, "path": "/connection/company/*", "query": "*page=2"}') \gset
SELECT * FROM wrong();
SELECT * FROM asked();
SELECT test.faults_clear() \gset
ALTER SERVER sandbox OPTIONS (DROP page_size);

-- A member of the array that is no account, an array that is none: errors, never fewer rows.
SELECT test.fault('{"kind": "patch", "path": "/connection/company/*", "set": {"accounts": [null]}}') \gset
SELECT * FROM outcome('SELECT id FROM accounts WHERE company_id = company(1)');
SELECT test.faults_clear() \gset
SELECT test.fault('{"kind": "patch", "path": "/connection/company/*", "set": {"accounts": {}}}') \gset
SELECT * FROM outcome('SELECT id FROM accounts WHERE company_id = company(1)');
SELECT test.faults_clear() \gset
-- Details always have the array: without it the answer is wrong, not empty.
SELECT test.fault('{"kind": "patch", "path": "*/details", "unset": ["accounts"]}') \gset
SELECT * FROM outcome('SELECT id FROM accounts WHERE connection_id = connection(2)');
SELECT test.faults_clear() \gset
SELECT test.fault('{"kind": "patch", "path": "*/details", "set": {"accounts": null}}') \gset
SELECT * FROM outcome('SELECT id FROM accounts WHERE connection_id = connection(2)');
SELECT test.faults_clear() \gset

-- An array under an escaped name is the same array, for the columns and for attrs.
SELECT test.fault(jsonb_build_object('kind', 'body', 'path', '*/' || connection(n) || '/details', 'body', format(
    '{"id": "%s", "company": {"id": "%s"}, "%s": [{"id": "%s", "accountNumber": "%s"}]}',
    connection(n), company(1), CASE n WHEN 3 THEN 'accounts' ELSE '\u0061ccounts' END, account(n), n)))
  FROM generate_series(3, 4) n;
SELECT account_number, attrs FROM accounts WHERE connection_id IN (connection(3), connection(4)) ORDER BY 1;
SELECT account_number, attrs FROM accounts WHERE connection_id = connection(4) ORDER BY 1;
SELECT test.faults_clear() \gset
-- Of two members of one name the last counts, for both.
SELECT test.fault(jsonb_build_object('kind', 'body', 'path', '*/details', 'body', format(
    '{"id": "%s", "company": {"id": "%s"}, "accounts": [{"id": "%s", "accountNumber": "first"}], "\u0061ccounts": [{"id": "%s", "accountNumber": "last"}]}',
    connection(4), company(1), account(1), account(2)))) \gset
SELECT account_number, attrs FROM accounts WHERE connection_id = connection(4) ORDER BY 1;
SELECT test.faults_clear() \gset

-- A connection that is gone between listing and details: a warning names it, the others are there.
SELECT test.fault(jsonb_build_object('kind', 'not_found', 'path', '/connection/' || connection(2) || '/details')),
       test.fault('{"kind": "no_accounts"}') \gset
SELECT * FROM wrong('company_id = company(1)');
SELECT count(*) FROM truth WHERE connection_id = connection(2);
-- Asked for by the query, it is no row, and no warning.
SELECT count(*) FROM accounts WHERE connection_id = connection(2);
SELECT test.faults_clear() \gset
-- The same, but the 404 is not the API's.
SELECT test.fault(jsonb_build_object('kind', 'not_found_html', 'path', '/connection/' || connection(2) || '/details')),
       test.fault('{"kind": "no_accounts"}') \gset
SELECT * FROM outcome('SELECT id FROM accounts WHERE company_id = company(1)');
SELECT test.faults_clear() \gset

-- Sites follow the same rule; a company that is gone is named.
SELECT test.clear() \gset
SELECT * FROM wrong('true', 'truth_sites', 'sites');
SELECT * FROM seen();
SELECT * FROM wrong('company_id = company(2)', 'truth_sites', 'sites');
SELECT * FROM seen();
SELECT test.fault('{"kind": "no_sites", "path": "/company"}') \gset
SELECT * FROM wrong('true', 'truth_sites', 'sites');
SELECT * FROM seen();
SELECT test.faults_clear() \gset
SELECT test.fault('{"kind": "no_sites", "missing": true, "path": "/company"}') \gset
SELECT * FROM wrong('true', 'truth_sites', 'sites');
SELECT test.fault(jsonb_build_object('kind', 'not_found', 'path', '/company/' || company(5))) \gset
SELECT * FROM wrong('true', 'truth_sites', 'sites');
SELECT test.faults_clear() \gset
SELECT test.fault('{"kind": "patch", "path": "/company/*", "unset": ["sites"]}') \gset
SELECT * FROM outcome('SELECT id FROM sites WHERE company_id = company(1)');
SELECT test.faults_clear() \gset

-- Details are asked for concurrently: as many as allowed, never one more, over no more sessions than that.
SELECT test.fault('{"kind": "no_accounts"}'), test.latency(20) \gset
ALTER SERVER sandbox OPTIONS (ADD max_concurrency '4');
SELECT test.clear() \gset
SELECT * FROM wrong();
SELECT (test.stats() ->> 'max_in_flight')::int AS most, (test.stats() ->> 'requests')::int AS requests;
ALTER SERVER sandbox OPTIONS (SET max_concurrency '1');
SELECT test.clear() \gset
SELECT * FROM wrong('company_id = company(1)');
SELECT (test.stats() ->> 'max_in_flight')::int AS most, (test.stats() ->> 'tcp_connections')::int AS sessions;
ALTER SERVER sandbox OPTIONS (SET max_concurrency '32');
SELECT test.latency(60), test.clear() \gset
SELECT * FROM wrong();
SELECT (test.stats() ->> 'max_in_flight')::int BETWEEN 24 AND 32 AS close_to_32;
-- Two scans of a statement share the window.
ALTER SERVER sandbox OPTIONS (SET max_concurrency '3');
SELECT test.clear() \gset
SELECT count(*) FROM accounts a JOIN connections c ON c.id = a.connection_id AND c.company_id = a.company_id;
SELECT (test.stats() ->> 'max_in_flight')::int AS most;
-- So do two cursors, one of which has answers on their way that nobody reads.
ALTER SERVER sandbox OPTIONS (ADD page_size '1');
SELECT test.clear() \gset
BEGIN;
DECLARE first CURSOR FOR SELECT id FROM connections WHERE company_id = company(1);
DECLARE second CURSOR FOR SELECT id FROM connections WHERE company_id = company(2);
FETCH 1 FROM first;
FETCH 1 FROM second;
MOVE ALL FROM first;
MOVE ALL FROM second;
COMMIT;
SELECT (test.stats() ->> 'max_in_flight')::int AS most, (test.stats() ->> 'requests')::int AS requests;
