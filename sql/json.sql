-- A body is JSON to its last byte, or the statement ends: whichever columns
-- are asked for, and also in what is passed over.  What is read of it is the
-- last of equal members, in any order, exact.
\i test/lib/setup.sql
SET datestyle = 'ISO, YMD';

-- Whether a body is JSON: PostgreSQL's verdict, and that of each of these queries; they should all be one.
CREATE FUNCTION is_json(body text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RETURN body::json IS NOT NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN false;
END $$;
CREATE TABLE utility.reads AS
SELECT format('SELECT %s FROM %s WHERE company_id = company(1)', columns, resource) AS query
  FROM (VALUES ('id', 'connections'), ('status, company_name', 'connections'), ('*', 'connections'), ('*', 'accounts')) v(columns, resource);
CREATE FUNCTION verdicts(body text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    list text;
BEGIN
    PERFORM test.fault(jsonb_build_object('kind', 'body', 'path', '/connection/company/*', 'body', body, 'times', (SELECT count(*) FROM reads)));
    SELECT string_agg(DISTINCT CASE WHEN a.outcome ~ '^NC001' THEN a.outcome ELSE 'read' END, ' | ') INTO list
      FROM reads r, LATERAL (SELECT regexp_replace(attempt(r.query, ' '), ' could not read foreign table \S+ from server "sandbox" The answer is not well-formed JSON', '') AS outcome) a;
    RETURN list;
END $$;
-- A page with one connection that has one account: a value as a member of the envelope, of the connection, of the account.
CREATE FUNCTION page(in_envelope text, in_connection text, in_account text) RETURNS text LANGUAGE sql AS $$
    SELECT format('{"totalConnections": 1, "perPage": 500, "totalPages": 1, "currentPage": 1, "hasNext": false, "hasPrevious": false, "x": %s, '
                  '"connections": [{"id": "%s", "x": %s, "company": {"id": "%s"}, "status": "CONNECTED", "accounts": [{"id": "%s", "x": [%s]}]}]}',
                  in_envelope, connection(1), in_connection, company(1), account(1), in_account)
$$;
CREATE TABLE utility.candidates (n serial, json text);
INSERT INTO candidates (json) SELECT unnest(ARRAY[
    '0', '-0', '10', '-1.50', '1e5', '1E+5', '0.1e-7', '123456789012345678901234567890', 'true', 'false', 'null', '""', '"a"', '"\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00"',
    '"é 😀"', E'"\x7f"', '[]', '{}', '[ ]', '{ }', E'[\t1 ,\r\n"2" , [3]\n]', '{"a": 1, "a": 2}', '{"": {"": ""}}', E'{ "a"\t:\r[{}] }', '"]"', '"}"', '"\\"', '"\\\""',
    '00', '01', '-01', '-', '+1', '.5', '1.', '1.e5', '1e', '1e+', '0x10', '1_000', '1,5', '--1', '1-', 'NaN', 'Infinity', '-Infinity', 'nul', 'nulll', 'True', 'truefalse', 'undefined',
    '''a''', '"', '"\"', '"\x41"', '"\u12"', '"\u12g4"', '"\U0041"', '"\', E'"\t"', E'"\n"', E'"\x01"', E'"\\\t"', '"a" "b"', 'a',
    '[', ']', '[1', '[1,]', '[,1]', '[,]', '[1,,2]', '[1 2]', '[1:2]', '[1}', '{', '}', '{"a"}', '{"a":}', '{"a" 1}', '{"a", 1}', '{"a":1,}', '{,}', '{"a":1 "b":2}', '{"a":1]', '{a:1}', '{1:1}',
    '{null:1}', '{"a"::1}', '{:1}', '1 // no', '/* no */ 1', '1 # no', E'\f1', E'1\x0b', E'\u00a01', '', ' ', ',', ':', '\', '"a\"', '1 1', '{}{}', '[]]', '1}', '1]}', '1}]']);
-- Each in each place.
CREATE TABLE utility.judged AS
SELECT n, json, place, is_json(body), verdicts(body)
  FROM candidates, LATERAL (VALUES ('envelope', page(json, '1', '1')), ('connection', page('1', json, '1')), ('account', page('1', '1', json))) p(place, body);
SELECT place, count(*), count(*) FILTER (WHERE is_json) AS well_formed,
       string_agg(json || ' ' || verdicts, E'\n') FILTER (WHERE is_json <> (verdicts = 'read') OR verdicts ~ '\|') AS differ
  FROM judged GROUP BY place ORDER BY place;
-- In words, for the last place.
SELECT json, verdicts FROM judged WHERE place = 'account' AND NOT is_json ORDER BY n;
-- Around the value, and in its place.
SELECT left(body, 8) AS body, right(body, 3) AS its_end, verdicts(body)
  FROM unnest(ARRAY[E' \t\r\n' || page('1', '1', '1') || E'\n\n', page('1', '1', '1') || ',', page('1', '1', '1') || 'x', page('1', '1', '1') || '{}',
                    E'\ufeff' || page('1', '1', '1'), '', ' ', 'null', '[]', '"x"', '1', '{', '<p>']) body;
-- A byte of a page changed, or the page cut off.
SELECT page('[true, -1.5e3]', '{"a": "\u00e9"}', 'null, false') AS sound \gset
SET client_min_messages = error;
CREATE TABLE utility.damaged AS
SELECT body, is_json(body), verdicts(body)
  FROM (SELECT overlay(:'sound' placing substr(E'{}[]",:\\ 019-+.eEtfnu/''\t', 1 + (place * 7) % 24, 1) from place for 1)
          FROM generate_series(1, length(:'sound'), 3) place
         UNION ALL
        SELECT left(:'sound', n) FROM generate_series(0, length(:'sound') - 1, 11) n) v(body);
RESET client_min_messages;
SELECT count(*), count(*) FILTER (WHERE is_json) AS well_formed,
       string_agg(body || ' ' || verdicts, E'\n') FILTER (WHERE is_json <> (verdicts = 'read') OR verdicts ~ '\|') AS differ FROM damaged;
-- Levels: 32 of an element, on every route, for whoever asks.
SELECT levels, verdicts(page('1', repeat('[', levels - 1) || repeat(']', levels - 1), '1')) AS in_connection,
       verdicts(page('1', '1', repeat('{"a":', levels - 4) || '1' || repeat('}', levels - 4))) AS in_account
  FROM unnest(ARRAY[32, 33, 100000]) levels;
CREATE FUNCTION put(body text) RETURNS void LANGUAGE sql AS $$
    SELECT test.faults_clear();
    SELECT test.fault(jsonb_build_object('kind', 'body', 'path', '/connection/*/details', 'body', body))
$$;
SELECT levels, put(format('{"id": "%s", "x": %s, "accounts": []}', connection(1), repeat('[', levels - 1) || repeat(']', levels - 1))),
       attempt('SELECT id FROM connections WHERE id = connection(1)', ' ') FROM unnest(ARRAY[32, 33]) levels;

-- What is passed over stays within reach of a column with a path.
SELECT test.faults_clear() \gset
CREATE FOREIGN TABLE utility.lists (id uuid, company_id uuid, accounts jsonb OPTIONS (json_path 'accounts'), accounts_text text OPTIONS (json_path 'accounts'),
    meters jsonb[] OPTIONS (json_path 'accounts'), company_name text) SERVER sandbox OPTIONS (resource 'connections');
SELECT count(*), sum(jsonb_array_length(l.accounts)) = (SELECT count(*) FROM accounts WHERE company_id = company(1)) AS all_accounts,
       bool_and(l.accounts = l.accounts_text::jsonb) AS text_is_equal, bool_and(l.accounts = to_jsonb(l.meters)) AS array_is_equal, count(company_name)
  FROM lists l WHERE company_id = company(1);

-- Equal members: the last one counts, however its name is written; order does not matter.
SELECT put(format('{"username": "first", "id": "%s", "status": "PENDING", "company": {"name": "first"}, "accounts": [{"id": "%s"}], "st\u0061tus": "CONNECTED", '
                  '"company": {"id": "%s", "name": "second", "n\u0061me": "last"}, "user\u006eame": "last", "\u0069d": "%s", "accounts": [{"id": "%s", "id": "%s"}, {"id": "%s"}]}',
                  connection(2), account(1), company(1), connection(1), account(2), account(3), account(4))) \gset
SELECT id, company_id, company_name, status, status_category, username FROM connections WHERE id = connection(1);
SELECT attrs FROM connections WHERE id = connection(1);
SELECT id, connection_id, company_id, attrs FROM accounts WHERE connection_id = connection(1);
SELECT put((SELECT '{' || string_agg(to_json(key) || ': ' || value, ', ' ORDER BY reverse(key)) || '}' FROM json_each(format(
    '{"id": "%s", "company": {"externalId": "E", "name": "N", "id": "%s"}, "status": "CONNECTED", "created": "2024-02-29T12:34:56Z", "updated": "2024-03-01T00:00:00Z",
      "url": "u", "username": "n", "country": "SE", "datasource": {"url": "du", "name": "dn"}, "initialSites": [], "isActive": true, "accounts": []}', connection(1), company(1))::json))) \gset
SELECT id, company_id, company_name, company_external_id, status, datasource_name, datasource_url, url, username, country, initial_sites, is_active, created, updated
  FROM connections WHERE id = connection(1);
-- A company that is null, or no object, has no name.
CREATE FUNCTION shown(query text, body text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    value text;
BEGIN
    PERFORM put(body);
    EXECUTE query INTO STRICT value;
    RETURN coalesce(value, 'NULL');
END $$;
SELECT company, shown('SELECT company_name FROM connections WHERE id = connection(1)', format('{"id": "%s", "company": %s, "accounts": []}', connection(1), company))
  FROM unnest(ARRAY['null', '{}', '[]', '"Acme"', '{"name": null}', '{"name": "Acme"}']) company;

-- attrs is the object as jsonb would read it, less secrets and links, whatever they are written with.
CREATE FUNCTION attrs_of(members text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT shown('SELECT attrs - ''id'' FROM connections WHERE id = connection(1)', format('{"id": "%s", "accounts": [], %s}', connection(1), members))::jsonb
$$;
SELECT members, attrs_of(members) AS attrs, attrs_of(members) = ('{' || members || '}')::jsonb AS same FROM unnest(ARRAY[
    '"n": [0, -0, -0.0, 1.10, 1e2, 1E-3, 123456789012345678901234567890, 0.1000000000000000055511151231257827]',
    '"s": ["", "a\"b\\c\/d", "\u00e9\ud83d\ude00é😀", "\n\t"]', '"o": {"b": {}, "a": [], "": null, "c": [[], [{}]]}', '"t": [true, false, null]',
    '"d": {"x": 1, "y": 2, "x": 3, "\u0078": 4}', '"d": 1, "d": {"e": 2}', '"\"\\\u00e9": 1', '"users": ["a"]']) members;
SELECT members, attrs_of(members) FROM unnest(ARRAY[
    '"password": 1, "p\u0061ssword2": 2, "kept": 3', '"x": {"\u0061piKey": 1, "kept": [{"my_token": 1}, {"kept": 1}]}', '"accounts": [1], "sites": [2], "\u0061ccounts": [3], "kept": {"accounts": [4]}',
    '"note": "https:\/\/dash.nectarclimate.com\/p\/i\/x", "list": ["fine", "/p/connect/a/b", ["/p/i/x"]], "kept": {"a": "/p/i/x", "b": "/p/i/"}',
    '"note": "fine", "note": "/p/i/x"', '"note": "/p/i/x", "note": "fine"', '"x": {"note": "/p/i/x", "note": {"note": "/p/i/x"}}']) members;

-- Numbers as they are written, in text and in numeric.
CREATE FOREIGN TABLE utility.numbers (id uuid, as_text text OPTIONS (json_path 'n'), as_numeric numeric OPTIONS (json_path 'n'), as_jsonb jsonb OPTIONS (json_path 'n')) SERVER sandbox OPTIONS (resource 'connections');
SELECT n, shown('SELECT (as_text, as_numeric, as_jsonb) FROM numbers WHERE id = connection(1)', format('{"id": "%s", "n": %s}', connection(1), n))
  FROM unnest(ARRAY['0', '-0', '1.10', '1e2', '18446744073709551616', '-9223372036854775809', '123456789012345678901234567890.5']) n;
-- A number has to fit numeric: 131,072 digits before the point, 16,383 behind it.
CREATE FUNCTION outcome_of(columns text, n text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM put(format('{"id": "%s", "n": %s}', connection(1), n));
    RETURN attempt(format('SELECT %s FROM numbers WHERE id = connection(1)', columns), ' ');
END $$;
SELECT n, outcome_of('as_numeric', n), outcome_of('as_jsonb', n), outcome_of('as_text', n)
  FROM unnest(ARRAY['1e131071', '1e131072', '10e131071', '-1.5e131071', '1e-16383', '1e-16384', '0.1e-16383', '1e999999', '1e-999999', '1e99999999999999999999', '"1e131072"']) n;
SELECT test.faults_clear() \gset
-- The act has happened, whatever its answer holds.
SELECT test.fault('{"kind": "body", "path": "/connection/*/status", "body": "{\"n\": 1e999999}"}') \gset
SELECT confirm_accounts(connection(2));
SELECT test.faults_clear() \gset
