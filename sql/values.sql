-- A remote value becomes the right datum, or an error that names table and
-- column: whatever type, spelling or encoding it comes in.
\i test/lib/setup.sql
\i test/lib/outcome.sql
SET datestyle = 'ISO, YMD';

-- The value of one member of a connection, as the column shows it; JSON as it
-- stands on the wire, so that anything can be sent.
CREATE FUNCTION put(member text, json text) RETURNS void LANGUAGE sql AS $$
    SELECT test.faults_clear();
    SELECT test.fault(jsonb_build_object('kind', 'body', 'path', '/connection/*/details', 'body',
        format('{"id": "%s", "company": {"id": "%s"}, "status": "CONNECTED", "accounts": [], "%s": %s}',
               connection(1), company(1), member, json)))
$$;
CREATE FUNCTION shown(column_name text, member text, json text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    value text;
BEGIN
    PERFORM put(member, json);
    EXECUTE format('SELECT %I::text FROM connections WHERE id = connection(1)', column_name) INTO STRICT value;
    RETURN coalesce(value, 'NULL');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS value = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ' ' || CASE WHEN value = '' THEN SQLERRM ELSE value END;
END $$;

-- In full: message, detail and context of a bad value.
SELECT put('created', '"yesterday"') \gset
SELECT * FROM connections WHERE id = connection(1);
-- A column that nobody asks for is not read.
SELECT status FROM connections WHERE id = connection(1);

-- Timestamps: zones, none (then UTC), fractions of any length, rounded.
SET timezone = 'America/New_York';
SET datestyle = 'German';
SELECT json, shown('created', 'created', json) FROM unnest(ARRAY[
    '"2024-02-29T12:34:56Z"', '"2024-02-29T12:34:56"', '"2024-02-29 12:34:56"', '"2024-02-29T12:34:56+02:00"', '"2024-02-29T12:34:56-0530"',
    '"2024-02-29T12:34:56.123456789Z"', '"2024-02-29T12:34:56.1234565Z"', '"2024-02-29T23:59:59.999999999"', '"2024-02-29T12:34Z"',
    '"2024-12-31T23:59:60Z"', '"2024-02-29"', '"0001-01-01T00:00:00Z"', '"9999-12-31T23:59:59Z"']) json;
SET datestyle = 'ISO, YMD';
SET timezone = 'UTC';
SELECT json, shown('created', 'created', json) FROM unnest(ARRAY[
    '"2024-02-29T23:59:59.999999999"', '"2024-02-30T00:00:00Z"', '"2023-02-29T00:00:00Z"', '"2024-13-01T00:00:00Z"', '"2024-02-29T24:00:01Z"',
    '"2024-02-29T12:60:00Z"', '"2024-02-29T12:34:56X"', '"2024-02-29T"', '"2024-02-29T12:34:56.Z"', '"infinity"', '"-infinity"', '"now"', '"today"', '"epoch"',
    '"allballs"', '""', '" "', '1709210096', 'true', '{}', '[]', '["2024-02-29T12:34:56Z"]', 'null']) json;
-- Dates.
SELECT json, shown('data_collection_start_date', 'dataCollectionStartDate', json) FROM unnest(ARRAY[
    '"2024-02-29"', '"2024-02-29T23:00:00Z"', '"2024-02-30"', '"2024-2-9"', '"29.02.2024"', '"infinity"', '"now"', '""', '20240229', 'null']) json;
-- Booleans.
SELECT json, shown('is_active', 'isActive', json) FROM unnest(ARRAY[
    'true', 'false', '"true"', '"False"', '"1"', '0', '2', '"maybe"', '""', '{}', 'null']) json;
-- Texts, also from numbers.
SELECT json, shown('external_id', 'externalId', json) FROM unnest(ARRAY[
    '""', '" x "', '12', '1.10', '-0.0', '1e400', 'true', '"NULL"', '"\"\\\/\b\t\n"', '"Zo\u00eb \ud83d\ude00"', '"\u2028"', '{}', '[]', 'null',
    '9223372036854775807', '18446744073709551615', '123456789012345678901234567890', '-123456789012345678901234567890']) json;
-- Uuids and arrays.
SELECT json, shown('initial_sites', 'initialSites', json) FROM unnest(ARRAY[
    '[]', '["50000000-0000-4000-8000-00000000000A", null]', '["x"]', '[1]', '[[]]', '"50000000-0000-4000-8000-00000000000a"', '{}', 'null',
    '["{50000000-0000-4000-8000-00000000000a}"]', '["5000000000004000800000000000000a"]']) json;
SELECT json, shown('initial_datasource_types', 'initialDatasourceTypes', json) FROM unnest(ARRAY[
    '["GAS", null, "", "NULL", "a,b", "{}", "\""]', '[1, true]', '[{}]', '[["GAS"]]']) json;
-- Numerics, of a company: strings and numbers, all digits kept.
CREATE FUNCTION fraction(json text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    value text;
BEGIN
    PERFORM test.faults_clear(), test.fault(jsonb_build_object('kind', 'body', 'path', '/company/*', 'body',
        format('{"id": "%s", "sites": [], "impliedMeteringFraction": %s}', company(1), json)));
    SELECT implied_metering_fraction::text INTO STRICT value FROM companies WHERE id = company(1);
    RETURN coalesce(value, 'NULL');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS value = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ' ' || CASE WHEN value = '' THEN SQLERRM ELSE value END;
END $$;
SELECT json, left(fraction(json), 100) FROM unnest(ARRAY[
    '"0.770"', '0.770', '0.1000000000000000055511151231257827', '1e2', '"1E-3"', '-0', '9007199254740993', '"123456789012345678901234567890.10"',
    '123456789012345678901234567890', '"NaN"', 'NaN', '"Infinity"', 'Infinity', '"0x10"', '" 1"', '"1_000"', '""', '"1,5"', 'true', '01', '1.', 'null']) json;

-- Enumerations: the category is never NULL.
SELECT json, shown('status', 'status', json), shown('status_category', 'status', json), shown('needs_user_action', 'status', json)
  FROM unnest(ARRAY['"MFA_TOKEN_EXPIRED"', '"mfa_token_expired"', '""', '7', '{}', 'null']) json;
SELECT test.faults_clear() \gset
SELECT test.fault('{"kind": "patch", "path": "/connection/*/details", "unset": ["status", "company", "datasource", "created"]}') \gset
SELECT company_id, company_name, status, status_category, needs_user_action, datasource_name, created FROM connections WHERE id = connection(2);
SELECT test.faults_clear() \gset
-- A listing is of its company, whatever its elements leave out.
SELECT test.fault('{"kind": "patch", "path": "/connection/company/*", "unset": ["company"]}') \gset
SELECT count(*), count(company_name) FROM connections WHERE company_id = company(1);
SELECT test.faults_clear() \gset
-- Account members that are missing.
SELECT test.fault('{"kind": "patch", "path": "/connection/*/details", "set": {"accounts": [{"id": "A0000000-0000-4000-8000-00000000000F", "isDuplicated": "TRUE", "future": 1.10}]}}') \gset
SELECT id, status, tracking_status, account_number, is_duplicated, meters, last_service_date, attrs FROM accounts WHERE connection_id = connection(2);
SELECT test.faults_clear() \gset

-- Columns of one's own, by path, of any type: the value itself, whatever it is.
CREATE FOREIGN TABLE utility.own (
    id uuid, user_jsonb jsonb OPTIONS (json_path 'username'), user_json json OPTIONS (json_path 'username'), user_varchar varchar(5) OPTIONS (json_path 'username'),
    user_char "char" OPTIONS (json_path 'username'), multiply jsonb OPTIONS (json_path 'multiplyByOccupancy'), company jsonb OPTIONS (json_path 'company'),
    company_text text OPTIONS (json_path 'company'), start_stamp timestamptz OPTIONS (json_path 'dataCollectionStartDate'), start_plain timestamp OPTIONS (json_path 'created'),
    types jsonb[] OPTIONS (json_path 'initialDatasourceTypes'), types_text text OPTIONS (json_path 'initialDatasourceTypes'),
    nothing jsonb OPTIONS (json_path 'company.no.such'), null_there jsonb OPTIONS (json_path 'statusErrorDetail'), n int OPTIONS (json_path 'n')
) SERVER sandbox OPTIONS (resource 'connections');
SELECT test.fault('{"kind": "patch", "path": "/connection/*/details", "set": {"username": "u1", "created": "2024-01-08T01:18:58Z", "n": "42"}}') \gset
\x on
SELECT * FROM own WHERE id = connection(2);
\x off
SELECT jsonb_typeof(user_jsonb) AS user, jsonb_typeof(multiply) AS multiply FROM own WHERE id = connection(2);
SELECT test.faults_clear() \gset
SELECT * FROM outcome('SELECT user_varchar FROM own WHERE id = connection(2)');
SELECT test.fault('{"kind": "patch", "path": "/connection/*/details", "set": {"n": "forty-two"}}') \gset
SELECT * FROM outcome('SELECT n FROM own WHERE id = connection(2)');
SELECT test.faults_clear() \gset

-- A precision changes nothing else about a type's reading: no zone is UTC, "now" and "NaN" are no values.
CREATE FOREIGN TABLE utility.precise (id uuid, created timestamptz(3), seen timestamptz(0) OPTIONS (json_path 'statusFirstSeenTime'), plain timestamp(0) OPTIONS (json_path 'created'))
    SERVER sandbox OPTIONS (resource 'connections');
CREATE FOREIGN TABLE utility.rounded (id uuid, implied_metering_fraction numeric(5,1)) SERVER sandbox OPTIONS (resource 'companies');
SET timezone = 'America/New_York';
SELECT test.fault('{"kind": "patch", "path": "/connection/*/details", "set": {"created": "2024-01-08T01:18:58.12356", "statusFirstSeenTime": "2024-01-08T01:18:58.6+01:00"}}') \gset
SELECT created, seen, plain FROM precise WHERE id = connection(2);
SELECT test.faults_clear(), test.fault('{"kind": "patch", "path": "/connection/*/details", "set": {"created": "now"}}') \gset
SELECT state FROM brief('SELECT created FROM precise WHERE id = connection(2)');
SELECT state FROM brief('SELECT plain FROM precise WHERE id = connection(2)');
SELECT test.faults_clear() \gset
SET timezone = 'UTC';
SELECT implied_metering_fraction FROM rounded WHERE id = company(2);
SELECT test.fault('{"kind": "patch", "path": "/company/*", "set": {"impliedMeteringFraction": "NaN"}}') \gset
SELECT state FROM brief('SELECT implied_metering_fraction FROM rounded WHERE id = company(2)');
SELECT test.faults_clear() \gset

-- What no text datum can hold, in a column and in attrs alike.
SELECT json, shown('username', 'username', json), shown('attrs', 'username', json)
  FROM unnest(ARRAY['"a\u0000b"', '"\ud800"', '"\udc00x"', '"\ud83d\u0041"', '"\ufffd"', '"\\ud800"']) json;
SELECT shown('attrs', 'deep', '{"a": [{"b": "\u0000"}]}'), shown('attrs', 'deep', '{"\u0000": 1}'), shown('attrs', 'deep', '"\ud83d"');
-- Nobody asked for it: no error.
SELECT shown('status', 'username', '"a\u0000b"');
-- Raw bytes that are no UTF-8, a raw control character, a raw NUL.
CREATE FUNCTION put_raw(value bytea) RETURNS void LANGUAGE sql AS $$
    SELECT test.faults_clear();
    SELECT test.fault(jsonb_build_object('kind', 'body', 'path', '/connection/*/details', 'body_base64',
        translate(encode(convert_to(format('{"id": "%s", "company": {"id": "%s"}, "accounts": [], "username": "', connection(1), company(1)), 'UTF8')
                         || value || '"}', 'base64'), E'\n', '')))
$$;
DO $$
DECLARE
    n record;
BEGIN
    FOR n IN SELECT * FROM (VALUES ('latin1', '\x61e96f'::bytea), ('overlong', '\xc0af'), ('surrogate', '\xeda080'), ('beyond', '\xf4908080'),
                                   ('cut off', '\x61e2'), ('newline', '\x610a62'), ('NUL', '\x610062'), ('fine', '\x61c3a962')) v(name, value)
    LOOP
        PERFORM put_raw(n.value);
        RAISE NOTICE '%: % | %', n.name, (SELECT regexp_replace(detail, 'rows .*', 'rows') FROM brief('SELECT username FROM connections WHERE id = connection(1)')),
                                 (SELECT regexp_replace(detail, 'rows .*', 'rows') FROM brief('SELECT attrs FROM connections WHERE id = connection(1)'));
    END LOOP;
END $$;

-- attrs holds the object as it came: exact numbers, the last of equal names, order does not matter.
SELECT put('n', '[1.10, 1e2, 123456789012345678901234567890, -0.0, 0.1000000000000000055511151231257827]') \gset
SELECT attrs -> 'n' AS exact, attrs - 'n' AS rest FROM connections WHERE id = connection(1);
SELECT put('n', '1e400') \gset
SELECT length((attrs -> 'n')::text) AS digits_of_1e400 FROM connections WHERE id = connection(1);
SELECT put('n', '1e999999') \gset
SELECT attrs FROM connections WHERE id = connection(1);
SELECT shown('username', 'username', '"first", "username": "last"'), shown('attrs', 'x', '1, "x": 2');
-- Not JSON after all.
SELECT json, shown('attrs', 'n', json) FROM unnest(ARRAY['NaN', 'nul', '''x''', '01', '1.', '+1', '.5', 'True', '[1,]', '[1 2]', '{"a" 1}', '{a: 1}', '"\x41"', '"\u12"', '1 /* no */', '1}}']) json;

-- Nesting: 25 levels are fine, 100,000 are refused, in time and without a crash.
SELECT shown('attrs', 'n', repeat('[', 25) || repeat(']', 25)) = shown('attrs', 'n', repeat('[', 25) || repeat(']', 25)) AS steady,
       left(shown('attrs', 'n', repeat('[', 25) || repeat(']', 25)), 5) <> 'NC001' AS fine;
SELECT shown('attrs', 'n', repeat('[', 40) || repeat(']', 40)), shown('attrs', 'n', repeat('[', 100000) || repeat(']', 100000)),
       shown('status', 'n', repeat('{"a":', 100000) || '1' || repeat('}', 100000));

-- A megabyte of text, in a column and in attrs.
SELECT put('username', '"' || repeat('0123456789abcdé', 70000) || '"') \gset
SELECT length(username), md5(username) = md5(repeat('0123456789abcdé', 70000)) AS same, attrs ->> 'username' = username AS in_attrs
  FROM connections WHERE id = connection(1);
SELECT test.faults_clear() \gset

-- Other encodings: what they hold is converted, what they lack is an error that names the column.
\set home :DBNAME
SET client_min_messages = warning;
DROP DATABASE IF EXISTS values_latin1;
DROP DATABASE IF EXISTS values_ascii;
CREATE DATABASE values_latin1 TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C';
\c values_latin1
\i test/lib/setup.sql
SET client_encoding = 'UTF8';
SELECT datasource_name, attrs #>> '{datasource,name}' FROM connections WHERE id = connection(2);
SELECT id, status FROM connections WHERE id = connection(6);
SELECT status_error_detail FROM connections WHERE id = connection(6);
SELECT attrs FROM connections WHERE id = connection(6);
SELECT test.fault('{"kind": "patch", "path": "/connection/*/details", "set": {"username": "Zoë", "workflowOwnerEmail": "élan@x.example"}}') \gset
SELECT username, username = 'Zoë' AS same, length(username) FROM connections WHERE id = connection(2);
SELECT (connection).username, (connection).username = 'Zoë' AS same, length((connection).username)
  FROM nectar.read_connection('{"id": "d0000000-0000-4000-8000-000000000001", "username": "Zoë"}');
SELECT (connection).username FROM nectar.read_connection('{"id": "d0000000-0000-4000-8000-000000000001", "username": "\u20ac"}');
-- an act has happened, whatever its answer holds
SELECT update_connection(connection(6), multiply_by_occupancy => true) IS NULL AS not_shown;
SELECT multiply_by_occupancy FROM connections WHERE id = connection(6);
SELECT test.clear() \gset
SELECT count(*) FROM connections WHERE company_id = company(1) AND workflow_owner_email = 'élan@x.example';
SELECT query FROM test.requests();
SELECT test.faults_clear() \gset
SELECT test.fault(jsonb_build_object('kind', 'body', 'path', '/connection/*/details', 'body',
    '{"id": "d0000000-0000-4000-8000-000000000002", "username": "Zo\u00eb", "externalId": "\u30d1", "accounts": []}')) \gset
SELECT username, attrs ->> 'username' FROM connections WHERE id = connection(2);
SELECT username FROM connections WHERE id = connection(2);
SELECT test.faults_clear() \gset
SELECT test.fault('{"kind": "status", "status": 400, "body": "{\"detail\": \"\\u30d1\\u00e4\"}"}') \gset
SELECT id FROM companies;
\c :home
DROP DATABASE values_latin1;
CREATE DATABASE values_ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C';
\c values_ascii
\i test/lib/setup.sql
SELECT test.faults_clear() \gset
SELECT octet_length(status_error_detail), encode(left(status_error_detail, 6)::bytea, 'hex') FROM connections WHERE id = connection(6);
SELECT octet_length(attrs ->> 'statusErrorDetail') FROM connections WHERE id = connection(6);
SELECT test.fault(jsonb_build_object('kind', 'body', 'path', '/connection/*/details', 'body',
    '{"id": "d0000000-0000-4000-8000-000000000002", "username": "Zo\u00eb", "accounts": []}')) \gset
SELECT encode(username::bytea, 'hex') FROM connections WHERE id = connection(2);
SELECT attrs FROM connections WHERE id = connection(2);
\c :home
DROP DATABASE values_ascii;
