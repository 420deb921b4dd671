--
-- The sandbox in SQL: what it received, and how it shall behave.
--
-- Needs a superuser and curl on the server.  The setting sandbox.url holds
-- where the sandbox is, as http://host:port without a slash at its end.
--
-- The reading functions use a temporary table; the first call makes it, so
-- that later ones work in read-only transactions as well.
--
CREATE SCHEMA IF NOT EXISTS test;
REVOKE ALL ON SCHEMA test FROM PUBLIC;

-- An argument for the shell.
CREATE OR REPLACE FUNCTION test.shell_quote(argument text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$ SELECT '''' || replace(argument, '''', '''\''''') || '''' $$;

-- The command that sends one request to a control endpoint.
CREATE OR REPLACE FUNCTION test.control_command(endpoint text, more text) RETURNS text
LANGUAGE plpgsql STABLE
AS $$
DECLARE
	url text := nullif(current_setting('sandbox.url', true), '');
BEGIN
	IF url IS NULL THEN
		RAISE EXCEPTION 'setting "sandbox.url" is not set';
	END IF;
	RETURN concat_ws(' ', 'curl -fsS --noproxy ''*'' --max-time 60', more,
					 test.shell_quote(url || '/_sandbox/' || endpoint));
END
$$;

-- Send JSON, or nothing.  It goes over stdin as base64, so nothing in it
-- has to be quoted.
CREATE OR REPLACE FUNCTION test.post(endpoint text, body jsonb DEFAULT NULL) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
	bytes text := translate(encode(convert_to(coalesce(body::text, ''), 'UTF8'), 'base64'), E'\n', '');
BEGIN
	EXECUTE format('COPY (SELECT %L::text) TO PROGRAM %L', bytes,
				   'base64 -d | ' || test.control_command(endpoint, '-o /dev/null --data-binary @-'));
EXCEPTION WHEN external_routine_exception THEN
	RAISE EXCEPTION 'the sandbox refused or did not answer: POST %', endpoint
		USING DETAIL = body::text;
END
$$;

-- The whole log, fresh from the sandbox.
CREATE OR REPLACE FUNCTION test.log()
RETURNS TABLE (seq bigint, method text, path text, query text, body text,
			   key_present boolean, key_ok boolean, headers jsonb,
			   in_flight int, tcp int, status int, tls boolean,
			   at_us bigint, version text)
LANGUAGE plpgsql
SET client_min_messages = warning
AS $$
BEGIN
	IF to_regclass('pg_temp.sandbox_log') IS NULL THEN
		CREATE TEMPORARY TABLE sandbox_log (
			seq bigint, method text, path text, query text, body text,
			key_present boolean, key_ok boolean, headers jsonb,
			in_flight int, tcp int, status int, tls boolean,
			at_us bigint, version text);
	END IF;
	-- not TRUNCATE, which a read-only transaction refuses
	EXECUTE 'DELETE FROM pg_temp.sandbox_log';
	EXECUTE format('COPY pg_temp.sandbox_log FROM PROGRAM %L (FORMAT csv, ENCODING ''UTF8'')',
				   test.control_command('log', ''));
	RETURN QUERY EXECUTE 'SELECT * FROM pg_temp.sandbox_log ORDER BY seq';
END
$$;

-- What the sandbox received since the last reset or clear, in order.
CREATE OR REPLACE FUNCTION test.requests()
RETURNS TABLE (seq bigint, method text, path text, query text, body text,
			   key_present boolean, key_ok boolean, headers jsonb,
			   in_flight int, tcp int, status int, tls boolean)
LANGUAGE sql
AS $$
	SELECT seq, method, path, query, body, key_present, key_ok, headers,
		   in_flight, tcp, status, tls
	FROM test.log() ORDER BY seq
$$;

-- Counters since the last reset or clear.
CREATE OR REPLACE FUNCTION test.stats() RETURNS jsonb
LANGUAGE plpgsql
SET client_min_messages = warning
AS $$
DECLARE
	answer jsonb;
BEGIN
	IF to_regclass('pg_temp.sandbox_stats') IS NULL THEN
		CREATE TEMPORARY TABLE sandbox_stats (answer jsonb);
	END IF;
	EXECUTE 'DELETE FROM pg_temp.sandbox_stats';
	EXECUTE format('COPY pg_temp.sandbox_stats FROM PROGRAM %L',
				   test.control_command('stats', ''));
	EXECUTE 'SELECT answer FROM pg_temp.sandbox_stats' INTO STRICT answer;
	RETURN answer;
END
$$;

-- Everything as at the sandbox's start: log, faults, data and latency.
CREATE OR REPLACE FUNCTION test.reset() RETURNS void
LANGUAGE sql AS $$ SELECT test.post('reset') $$;

-- Forget what was received, nothing else.
CREATE OR REPLACE FUNCTION test.clear() RETURNS void
LANGUAGE sql AS $$ SELECT test.post('log/clear') $$;

-- Misbehave from now on; the sandbox's README has the kinds.
CREATE OR REPLACE FUNCTION test.fault(spec jsonb) RETURNS void
LANGUAGE sql AS $$ SELECT test.post('fault', spec) $$;

CREATE OR REPLACE FUNCTION test.faults_clear() RETURNS void
LANGUAGE sql AS $$ SELECT test.post('faults/clear') $$;

-- The time every answer takes.
CREATE OR REPLACE FUNCTION test.latency(ms int) RETURNS void
LANGUAGE sql AS $$ SELECT test.post('latency', jsonb_build_object('ms', ms)) $$;

-- A connection or an account has that status since a time; NULL is now.
CREATE OR REPLACE FUNCTION test.status(connection uuid, status text, since timestamptz DEFAULT NULL) RETURNS void
LANGUAGE sql
AS $$
	SELECT test.post('status', jsonb_strip_nulls(jsonb_build_object(
		'connection', connection, 'status', status, 'at', floor(extract(epoch FROM since)))))
$$;

CREATE OR REPLACE FUNCTION test.account_status(account uuid, status text, tracking text DEFAULT NULL,
											   since timestamptz DEFAULT NULL) RETURNS void
LANGUAGE sql
AS $$
	SELECT test.post('status', jsonb_strip_nulls(jsonb_build_object(
		'account', account, 'status', status, 'tracking', tracking, 'at', floor(extract(epoch FROM since)))))
$$;

-- A connection, or an account, that the API no longer has, or has again.
CREATE OR REPLACE FUNCTION test.gone(kind text, id uuid, gone boolean DEFAULT true) RETURNS void
LANGUAGE sql
AS $$ SELECT test.post('gone', jsonb_build_object(kind, id, 'gone', gone)) $$;

-- A webhook as the sandbox makes and signs it; the sandbox's README has the members.
CREATE OR REPLACE FUNCTION test.webhook(spec jsonb) RETURNS jsonb
LANGUAGE plpgsql
SET client_min_messages = warning
AS $$
DECLARE
	bytes text := translate(encode(convert_to(spec::text, 'UTF8'), 'base64'), E'\n', '');
	answer text;
BEGIN
	IF to_regclass('pg_temp.sandbox_webhook') IS NULL THEN
		CREATE TEMPORARY TABLE sandbox_webhook (answer text);
	END IF;
	DELETE FROM pg_temp.sandbox_webhook;
	EXECUTE format('COPY pg_temp.sandbox_webhook FROM PROGRAM %L',
				   'echo ' || bytes || ' | base64 -d | ' || test.control_command('webhook', '--data-binary @-') || ' | base64 -w 0');
	SELECT w.answer INTO STRICT answer FROM pg_temp.sandbox_webhook w;
	RETURN convert_from(decode(answer, 'base64'), 'UTF8')::jsonb;
END
$$;

-- Functions can be executed by PUBLIC unless that is revoked.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA test FROM PUBLIC;
