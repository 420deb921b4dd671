# Twenty sessions query without pause while servers, mappings, keys, tables,
# types, catalogs, the API and its certificate change under them: no wrong
# rows, no crash, errors only where something was away, and new settings from
# the next statement on.
#
# CFDW_SOAK: seconds that the changes go on, 20 unless given.

use strict;
use warnings;

use Fixture;
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;
use Time::HiRes qw(sleep time);

my $seconds = $ENV{CFDW_SOAK} || 20;
my $workers = 20;

my $fixture = Fixture->new(
	sandbox => { companies => 3, connections => 24, accounts => 2 },
	options => { page_size => 10, max_concurrency => 4, retry_max_delay => '200ms' },
	conf => "max_connections = 60\ndeadlock_timeout = 200ms\n");
my $sandbox = $fixture->sandbox;
my $key = $sandbox->key;
my $company = $fixture->company(1);
my ($ids) = join ', ', map { "'" . $fixture->connection($_) . "'::uuid" } 3 .. 9;

# The authority's certificate stands in a file of a fixed name, which is
# written anew when the sandbox has a new one.
my $ca_file = $fixture->node->basedir . '/ca.pem';

sub copy_ca
{
	my ($to) = @_;
	open my $out, '>', "$to.new" or die "$to.new: $!";
	print $out slurp_file($sandbox->ca);
	close $out or die "$to.new: $!";
	rename "$to.new", $to or die "$to: $!";
	return;
}
copy_ca($ca_file);

# api: plain and always there.  tls: the same over TLS.  flaky: comes and goes.
my $options = "page_size '10', max_concurrency '4', retry_max_delay '200ms'";
$fixture->server('tls', base_url => $sandbox->https . '/v2.2', ca_file => $ca_file, page_size => 10, max_concurrency => 4,
	retry_max_delay => '200ms');
my $make_flaky = "CREATE SERVER flaky FOREIGN DATA WRAPPER connection_fdw OPTIONS (base_url '" . $sandbox->http . "/v2.2', $options);";
my $make_flaky_mapping = "CREATE USER MAPPING FOR CURRENT_USER SERVER flaky OPTIONS (api_key '$key+a');";
my $make_flaky_tables = 'IMPORT FOREIGN SCHEMA nectar FROM SERVER flaky INTO flaky;';
$fixture->sql("CREATE SCHEMA flaky; $make_flaky $make_flaky_mapping $make_flaky_tables");
$fixture->sql("ALTER USER MAPPING FOR CURRENT_USER SERVER $_ OPTIONS (SET api_key '$key+a')") foreach qw(api tls);

my @questions = (
	'SELECT count(*)::text FROM %1$s.connections',
	"SELECT count(*)::text FROM %1\$s.connections WHERE company_id = '$company'",
	"SELECT md5(string_agg(concat_ws(',', id, company_name, status, status_category, needs_user_action, created, initial_sites), ';' ORDER BY id)) FROM %1\$s.connections",
	"SELECT md5(string_agg(concat_ws(',', id, status, attrs), ';' ORDER BY id)) FROM %1\$s.connections WHERE company_id = '$company' AND status = 'CONNECTED'",
	"SELECT md5(string_agg(concat_ws(',', c.id, a.id, c.status, a.status), ';' ORDER BY c.id, a.id)) FROM %1\$s.connections c JOIN %1\$s.accounts a ON a.connection_id = c.id AND a.company_id = c.company_id",
	"SELECT md5(string_agg(id::text, ';' ORDER BY id)) FROM (SELECT id FROM %1\$s.connections WHERE company_id = '$company' UNION ALL SELECT id FROM %1\$s.accounts WHERE company_id = '$company' UNION ALL SELECT id FROM %1\$s.companies UNION ALL SELECT id FROM %1\$s.sites) u",
	"SELECT md5(string_agg(concat_ws(',', v.id, c.datasource_name), ';' ORDER BY v.id)) FROM (SELECT unnest(ARRAY[$ids]) AS id OFFSET 0) v JOIN %1\$s.connections c USING (id)",
	"SELECT md5(string_agg((SELECT company_name FROM %1\$s.connections c WHERE c.id = v.id), ';' ORDER BY v.id)) FROM unnest(ARRAY[$ids]) v(id)",
	"SELECT count(id)::text FROM (SELECT id FROM %1\$s.connections WHERE company_id = '$company' LIMIT 13) l",
	'SELECT count(c)::text || min(length(c::text) / 1000)::text FROM %1$s.connections c',
	"SELECT 'ok is ' || ok FROM nectar.ping('%1\$s')");

# What each worker asks, by cached plan, prepared statement, text and cursor.
my $static = '';
foreach my $schema (qw(api tls flaky))
{
	foreach my $n (1 .. @questions)
	{
		my $question = $questions[ $n - 1 ] =~ s/%1\$s/$schema/gr;

		$static .= "CREATE FUNCTION static_${schema}_$n() RETURNS text LANGUAGE plpgsql AS \$f\$ BEGIN RETURN ($question); END \$f\$;\n";
	}
}
my $count = @questions;
my $list = join ', ', map { my $q = $_; $q =~ s/'/''/g; "'$q'" } @questions;
$fixture->sql(<<"SQL");
$static
CREATE TABLE control (stopped boolean);
INSERT INTO control VALUES (false);
CREATE TABLE progress (worker int PRIMARY KEY, done bigint, prepared bigint);
INSERT INTO progress SELECT i, 0, 0 FROM generate_series(1, $workers) i;
CREATE TABLE expected (n int PRIMARY KEY, answer text);
CREATE TABLE outcome (worker int, place text, n int, way text, began timestamptz, ended timestamptz, state text, answer text);
CREATE TABLE away (place text, states text, began timestamptz, ended timestamptz);
CREATE FUNCTION ask(place text, n int, way text) RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE
	question text := format((ARRAY[$list])[n], place);
	plan_name text := format('%s_%s', place, n);
	c refcursor;
	answer text;
BEGIN
	IF way = 'static' THEN
		EXECUTE format('SELECT static_%s_%s()', place, n) INTO answer;
	ELSIF way = 'cursor' THEN
		OPEN c FOR EXECUTE question;
		FETCH c INTO answer;
		CLOSE c;
	ELSIF way = 'prepared' THEN
		IF NOT EXISTS (SELECT FROM pg_prepared_statements WHERE name = plan_name) THEN
			EXECUTE format('PREPARE %I AS %s', plan_name, question);
		END IF;
		EXECUTE format('EXECUTE %I', plan_name) INTO answer;
	ELSE
		EXECUTE question INTO answer;
	END IF;
	RETURN answer;
END \$\$;
CREATE PROCEDURE work(me int) LANGUAGE plpgsql AS \$\$
DECLARE
	place text; way text; question int; began timestamptz; state text; answer text; detail text;
BEGIN
	WHILE NOT (SELECT stopped FROM control) LOOP
		place := (ARRAY['api', 'api', 'api', 'tls', 'tls', 'flaky'])[1 + floor(random() * 6)::int];
		way := (ARRAY['static', 'cursor', 'prepared', 'text'])[1 + floor(random() * 4)::int];
		question := 1 + floor(random() * $count)::int;
		began := clock_timestamp();
		BEGIN
			answer := ask(place, question, way);
			state := CASE answer WHEN 'ok is false' THEN 'ping' ELSE '00000' END;
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, answer = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
			answer := concat_ws(' / ', answer, detail);
		END;
		IF state <> '00000' OR answer IS DISTINCT FROM (SELECT e.answer FROM expected e WHERE n = question) THEN
			INSERT INTO outcome VALUES (me, place, question, way, began, clock_timestamp(), state, answer);
		END IF;
		UPDATE progress SET done = done + 1 WHERE worker = me;
		COMMIT;
		PERFORM pg_sleep(random() * 0.03);
	END LOOP;
END \$\$;
INSERT INTO expected SELECT n, ask('api', n, 'text') FROM generate_series(1, $count) n;
SQL

my $main = $fixture->session(start => 'SET client_min_messages = warning');
my $direct = $fixture->session;
is($main->value("SELECT count(*) FROM expected e, unnest('{tls,flaky}'::text[]) place, unnest('{static,cursor,prepared,text}'::text[]) way
	WHERE ask(place, n, way) IS DISTINCT FROM answer OR answer IS NULL"), 0, 'all ways to ask agree before anything changes');
$direct->value("PREPARE mine AS SELECT count(id) FROM api.connections WHERE company_id = '$company'");
$sandbox->control('POST', 'latency', '{"ms": 5}');
my @sessions = map { $fixture->session } 1 .. $workers;
my $pids = join ',', map { $_->pid } @sessions;
$sessions[ $_ - 1 ]->send("CALL work($_)") foreach 1 .. $workers;

# ---- tools of the changes ----

# Until every worker has ended what it was at, and one more.
sub settle
{
	my %before = map { split /\|/ } split /\n/, $main->value('SELECT worker, done FROM progress');
	$fixture->wait_until(
		'all workers go on',
		sub {
			my %now = map { split /\|/ } split /\n/, $main->value('SELECT worker, done FROM progress');
			return !grep { $now{$_} < $before{$_} + 2 } keys %now;
		});
	return;
}

# What is done is an outage of this place, with these errors.
sub away
{
	my ($place, $states, $code) = @_;
	my $began = $main->value('SELECT clock_timestamp()');
	$code->();
	$main->value("INSERT INTO away VALUES ('$place', '$states', '$began', clock_timestamp())");
	return;
}

my @broken;

sub promise
{
	my ($kept, $name) = @_;
	push @broken, $name if !$kept;
	return;
}

# A look at what arrives from now on, once every statement began after the change.
sub arrivals
{
	settle();
	$sandbox->clear_log;
	sleep 0.2;
	return $sandbox->requests;
}

my $holder = 'a';

sub rotate_key
{
	my $next = $holder eq 'a' ? 'b' : 'a';

	$sandbox->control('POST', 'revoke', '{"holder": ""}');
	$main->value("ALTER USER MAPPING FOR CURRENT_USER SERVER $_ OPTIONS (SET api_key '$key+$next')") foreach qw(api tls flaky);
	$direct->value('EXECUTE mine');
	my @requests = arrivals();
	promise(!(grep { $_->{headers}{'x-api-key'} ne $next } @requests), 'after a rotation the new key alone is used');
	$sandbox->control('POST', 'revoke', qq({"holder": "$holder"}));
	$holder = $next;
	settle();
	return;
}

my $page_size = 10;

sub alter_server
{
	my $next = $page_size == 7 ? 11 : 7;

	$main->value("ALTER SERVER $_ OPTIONS (SET page_size '$next', SET max_concurrency '" . (2 + int(rand 4)) . q{')}) foreach qw(api tls flaky);
	$sandbox->clear_log;
	$direct->value('EXECUTE mine');
	my @requests = arrivals();
	promise(!(grep { ($_->{query} // '') =~ /limit=$page_size\b/ } @requests), 'after ALTER SERVER the new page size alone is asked for');
	$main->value("ALTER SERVER api OPTIONS (ADD accounts_source 'details')");
	settle();
	$main->value('ALTER SERVER api OPTIONS (DROP accounts_source)');
	$main->value("ALTER SERVER api OPTIONS (ADD company_ids '" . join(',', map { $fixture->company($_) } 1 .. 3) . "')");
	settle();
	$main->value('ALTER SERVER api OPTIONS (DROP company_ids)');
	$page_size = $next;
	return;
}

sub rebuild_catalogs
{
	my $tables = 'pg_foreign_server pg_foreign_table pg_foreign_data_wrapper pg_user_mapping pg_enum';

	# who waits for a lock behind somebody who waits for us may be chosen to end
	away('any', '40P01',
		sub {
			foreach my $table (split / /, $tables)
			{
				$main->both("REINDEX TABLE pg_catalog.$table");
				$main->both("VACUUM FULL pg_catalog.$table");
			}
		});
	return;
}

my $labels = 0;

sub add_label
{
	$labels++;
	$main->value("ALTER TYPE nectar.connection_status ADD VALUE 'LABEL_$labels'; ALTER TYPE nectar.account_status ADD VALUE 'LABEL_$labels'");
	return;
}

sub alter_tables
{
	$main->value(
		q{ALTER FOREIGN TABLE api.connections ADD COLUMN provider text OPTIONS (json_path 'datasource.name'), ADD COLUMN more text OPTIONS (json_path 'url')}
	);
	promise($direct->value("SELECT count(provider) FROM api.connections WHERE company_id = '$company'") == 24, 'a new column is filled');
	settle();
	$main->value('ALTER FOREIGN TABLE api.connections DROP COLUMN provider, DROP COLUMN more');
	$main->value(q{ALTER FOREIGN TABLE api.connections OPTIONS (ADD on_unknown_status 'error'); ALTER FOREIGN TABLE api.connections OPTIONS (DROP on_unknown_status)});
	return;
}

# Objects of others come and go: each forgets what all sessions have cached.
sub make_noise
{
	$main->value(<<'SQL') for 1 .. 5;
CREATE SERVER noise FOREIGN DATA WRAPPER connection_fdw;
CREATE USER MAPPING FOR CURRENT_USER SERVER noise OPTIONS (api_key 'none');
CREATE SCHEMA noise;
IMPORT FOREIGN SCHEMA nectar FROM SERVER noise INTO noise;
ANALYZE control;
DROP SERVER noise CASCADE;
DROP SCHEMA noise;
SQL
	return;
}

sub drop_mapping
{
	away('flaky', '42704',
		sub {
			$main->value('DROP USER MAPPING FOR CURRENT_USER SERVER flaky');
			sleep 0.1;
			$main->value($make_flaky_mapping =~ s/\+a'/+$holder'/r);
		});
	return;
}

sub drop_tables
{
	away('flaky', '42P01',
		sub {
			$main->value("DROP FOREIGN TABLE flaky.$_") foreach qw(companies sites connections accounts invitations);
			sleep 0.1;
			$main->value($make_flaky_tables);
		});
	return;
}

# In one transaction nobody sees it go, but who waited for the lock finds
# another; and who locks its tables in another order may be in a deadlock.
sub drop_server
{
	away('flaky', '42P01 42704 40P01',
		sub {
			my $mapping = $make_flaky_mapping =~ s/\+a'/+$holder'/r;
			my $messages;

			do
			{
				$messages = $main->error("BEGIN; DROP SERVER flaky CASCADE; $make_flaky $mapping $make_flaky_tables COMMIT");
				$main->error('ROLLBACK') if $messages =~ /ERROR/;
			} while ($messages =~ /ERROR:  40P01/);
			die $messages if $messages =~ /ERROR/;
			$main->value("ALTER SERVER flaky OPTIONS (SET page_size '$page_size')");
		});
	return;
}

# A restart, in place or after a while; a new certificate with it.
sub restart
{
	my ($signal, $rest) = @_;

	away('any', '08001 08006',
		sub {
			away('tls', 'NC495',
				sub {
					$sandbox->stop($signal);
					sleep $rest;
					$sandbox->start;
					$sandbox->control('POST', 'latency', '{"ms": 5}');
					copy_ca($ca_file);
				});
		});
	settle();
	return;
}

# The new certificate in a file of another name.
my $renewals = 0;

sub renew
{
	my $old = $ca_file;

	$ca_file = $fixture->node->basedir . '/ca.' . ++$renewals . '.pem';
	away('any', '08001 08006',
		sub {
			away('tls', 'NC495',
				sub {
					$sandbox->restart;
					$sandbox->control('POST', 'latency', '{"ms": 5}');
					copy_ca($ca_file);
					$main->value("ALTER SERVER tls OPTIONS (SET ca_file '$ca_file')");
				});
		});
	unlink $old;
	promise($direct->value(q{SELECT ok FROM nectar.ping('tls')}) eq 't', 'a new certificate is trusted at the next statement');
	settle();
	return;
}

my @changes = (
	\&rotate_key, \&alter_server, \&rebuild_catalogs, \&add_label, \&alter_tables, \&make_noise,
	\&drop_mapping, \&drop_tables, \&drop_server,
	sub { restart('TERM', 0) }, sub { restart('KILL', 0.3) }, \&renew);

# ---- the changes ----

my $end = time + $seconds;
my $rounds = 0;
while ($rounds == 0 || time < $end)
{
	foreach my $change (@changes)
	{
		last if $rounds > 0 && time > $end;
		$change->();
		sleep 0.05;
	}
	$rounds++;
}

# ---- what came of it ----

settle();
is($main->value("SELECT count(*) FROM pg_stat_activity WHERE pid IN ($pids)"), $workers, 'every session lives');
$main->value('UPDATE control SET stopped = true');
foreach my $session (@sessions)
{
	my (undef, $messages) = $session->finish;
	push @broken, "a worker ended with: $messages" if $messages =~ /ERROR|FATAL|lost/;
}
diag sprintf '%d rounds of changes, %d statements', $rounds, $main->value('SELECT sum(done) FROM progress') if $ENV{CFDW_SOAK};
is(join("\n", @broken), '', 'what was promised of each change held');
is($main->value("SELECT DISTINCT concat_ws(' ', place, n, way, answer) FROM outcome WHERE state = '00000'"), '', 'no wrong rows');
is($main->value(<<'SQL'), '', 'no error but where something was away');
SELECT DISTINCT concat_ws(' ', o.place, o.n, o.way, o.state, left(o.answer, 200), count(*)) FROM outcome o
 WHERE o.state <> '00000'
   AND NOT EXISTS (SELECT FROM away a WHERE a.place IN (o.place, 'any') AND o.state = ANY (string_to_array(a.states || ' ping', ' '))
                      AND o.began <= a.ended AND o.ended >= a.began)
 GROUP BY o.place, o.n, o.way, o.state, left(o.answer, 200)
SQL
cmp_ok($main->value('SELECT min(done) FROM progress'), '>', 20, 'every session asked many times');
is($main->value("SELECT count(*) FROM unnest('{api,tls,flaky}'::text[]) place, expected e WHERE ask(place, n, 'text') <> answer"), 0,
	'in the end everything answers as before');
diag join "\n", 'errors where something was away:',
  $main->value("SELECT state, place, count(*), left(min(answer), 100) FROM outcome WHERE state <> '00000' GROUP BY 1, 2 ORDER BY 1, 2")
  if $ENV{CFDW_SOAK};

# A session holds no more than one that has just begun to.
my $cached = q{SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'connection_fdw cache'};
my @held = map { my $session = $_; $session->value("SELECT count(*) FROM api.connections; $cached") =~ s/.*\n//sr } @sessions[ 0 .. 2 ];
cmp_ok((sort { $b <=> $a } @held)[0], '<=', 20, 'and what changed is not kept by anybody');
# A server that comes and goes while functions look for it: nothing locks it.
$main->value(<<'SQL');
CREATE TABLE looked (state text, message text);
CREATE PROCEDURE look(question text, seconds int) LANGUAGE plpgsql AS $$
DECLARE
	until timestamptz := clock_timestamp() + seconds * interval '1s'; state text; message text;
BEGIN
	WHILE clock_timestamp() < until LOOP
		BEGIN
			EXECUTE question;
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
			IF state NOT IN ('42704', '42P08') THEN
				INSERT INTO looked VALUES (state, message);
			END IF;
		END;
		COMMIT;
	END LOOP;
END $$;
CREATE PROCEDURE come_and_go(seconds int) LANGUAGE plpgsql AS $$
DECLARE
	until timestamptz := clock_timestamp() + seconds * interval '1s';
BEGIN
	WHILE clock_timestamp() < until LOOP
		EXECUTE $q$CREATE SERVER noise FOREIGN DATA WRAPPER connection_fdw OPTIONS (base_url 'http://127.0.0.1:1', max_retries '0')$q$;
		EXECUTE $q$CREATE USER MAPPING FOR PUBLIC SERVER noise OPTIONS (api_key 'none')$q$;
		COMMIT;
		EXECUTE 'DROP SERVER noise CASCADE';
		COMMIT;
	END LOOP;
END $$;
SQL
$main->send('CALL come_and_go(3)');
$sessions[0]->send(q{CALL look('SELECT nectar.ping(''noise'')', 3)});
$sessions[1]->send(q{CALL look('SELECT nectar.ping()', 3)});
$_->finish foreach $main, @sessions[ 0, 1 ];
is($main->value('SELECT DISTINCT * FROM looked'), '', 'a server that goes while it is looked for does not exist, or is one of several');

unlike(slurp_file($fixture->node->logfile), qr/terminated by signal|PANIC:|TRAP:/, 'no backend crashed');

$_->quit foreach @sessions, $main, $direct;
$fixture->stop;
done_testing();
