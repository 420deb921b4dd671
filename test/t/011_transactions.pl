# A local row changes while a statement waits for its lock, and joins with
# foreign rows are then checked again: with the foreign row that was read, as
# over heap copies, by every join method.  And what isolation levels and
# two-phase commit make of foreign scans.

use strict;
use warnings;

use Fixture;
use Test::More;

my $fixture = Fixture->new(
	sandbox => { companies => 2, connections => 12, accounts => 2 },
	conf => "max_prepared_transactions = 2\n");
my $sandbox = $fixture->sandbox;
my ($changer, $waiter, $watcher) = map { $fixture->session } 1 .. 3;

sub asked { return scalar(my @requests = $sandbox->requests); }

# Connection 2 is connected, 3 is under investigation.  Jobs of schema public;
# "connections" is what the search path says.
$changer->value(<<'SQL');
CREATE SCHEMA copies;
CREATE TABLE copies.connections AS SELECT * FROM api.connections;
CREATE TABLE copies.accounts AS SELECT * FROM api.accounts;
ANALYZE copies.connections, copies.accounts;
CREATE FUNCTION connection(n int) RETURNS uuid IMMUTABLE LANGUAGE sql
	AS $$ SELECT ('d0000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
CREATE TABLE jobs (n int PRIMARY KEY, connection_id uuid, company_id uuid, priority int, note text);
CREATE PROCEDURE reset_jobs() LANGUAGE sql AS $$
	TRUNCATE jobs;
	INSERT INTO jobs SELECT n, connection(n), 'c0000000-0000-4000-8000-000000000001', 1, 'new' FROM generate_series(1, 4) n;
$$;
CREATE TABLE others (LIKE copies.connections);
INSERT INTO others SELECT * FROM copies.connections WHERE company_id = 'c0000000-0000-4000-8000-000000000002';
CREATE TABLE copies.parent (LIKE copies.connections);
CREATE TABLE copies.child () INHERITS (copies.parent);
INSERT INTO copies.child SELECT * FROM copies.connections WHERE company_id = 'c0000000-0000-4000-8000-000000000001';
CREATE TABLE api.parent (LIKE copies.connections);
ALTER FOREIGN TABLE api.connections INHERIT api.parent;
SQL
$waiter->value('SET client_min_messages = error');

sub sorted { return join "\n", sort split /\n/, $_[0]; }

sub prepare_session
{
	my ($path, $settings) = @_;

	$changer->value('CALL reset_jobs(); ANALYZE jobs');
	$waiter->value("SET search_path = $path, public, nectar; $settings");
	$sandbox->clear_log;
	return;
}

# Requests of a statement that has jobs for itself.
sub requests_alone
{
	my ($settings, $statement) = @_;

	prepare_session('api', $settings);
	$waiter->value("BEGIN; $statement; ROLLBACK");
	$waiter->value('RESET ALL; SET client_min_messages = error');
	return asked();
}

# One session changes a row of jobs and commits once the statement of the
# other waits for it: the rows of that one, messages included, the jobs that
# are left, and the number of requests.
sub race
{
	my ($path, $settings, $change, $statement) = @_;
	my $pid = $waiter->pid;

	prepare_session($path, $settings);
	$changer->value("BEGIN; $change");
	$waiter->send($statement);
	$fixture->wait_until('a row lock is waited for',
		sub { $watcher->value("SELECT wait_event_type FROM pg_stat_activity WHERE pid = $pid AND state = 'active'") eq 'Lock' });
	$changer->value('COMMIT');
	my ($rows, $messages) = $waiter->finish;
	my $requests = asked();
	$waiter->value('RESET ALL; SET client_min_messages = error');
	return (sorted("$rows\n$messages"), $changer->value('SELECT * FROM jobs ORDER BY n'), $requests);
}

my %method = (
	hash => 'SET enable_nestloop = off; SET enable_mergejoin = off',
	merge => 'SET enable_nestloop = off; SET enable_hashjoin = off',
	loop => 'SET enable_hashjoin = off; SET enable_mergejoin = off',
	'plain loop' => 'SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off; SET enable_memoize = off');

my $touched = 'UPDATE jobs SET priority = 2 WHERE n = 2';
my $moved = 'UPDATE jobs SET connection_id = connection(3) WHERE n = 2';
my $join = 'jobs j JOIN connections c ON c.id = j.connection_id';

# Name, change, statement, rows that it gives, and whether part of it is run
# again and so may ask again: subqueries, and the arms of a UNION ALL, whose
# rows are not kept with the row that was read.
foreach my $case (
	[ 'another column changed', $touched,
		"SELECT j.n, j.priority, c.status, c.company_name FROM $join WHERE j.n < 4 ORDER BY j.n FOR UPDATE OF j",
		"1|1|PENDING|Acme\n2|2|CONNECTED|Acme\n3|1|UNDER_INVESTIGATION|Acme" ],
	[ 'the whole foreign row', $touched,
		"SELECT j.priority, to_jsonb(c) = (SELECT to_jsonb(d) FROM copies.connections d WHERE d.id = connection(2)) FROM $join WHERE j.n = 2 FOR UPDATE OF j", '2|t' ],
	[ 'the join column changed', $moved, "SELECT j.n, c.status FROM $join WHERE j.n BETWEEN 2 AND 3 FOR UPDATE OF j", '3|UNDER_INVESTIGATION' ],
	[ 'the row is gone', 'DELETE FROM jobs WHERE n = 2', "SELECT j.n, c.status FROM $join WHERE j.n BETWEEN 2 AND 3 FOR SHARE OF j", '3|UNDER_INVESTIGATION' ],
	[ 'a local clause fails', $touched, "SELECT j.n, c.status FROM $join WHERE j.priority = 1 AND j.n < 3 FOR UPDATE OF j", '1|PENDING' ],
	[ 'a clause over both', $touched,
		"SELECT j.n, c.status FROM $join WHERE c.status = CASE j.priority WHEN 1 THEN 'CONNECTED'::connection_status ELSE 'PENDING' END FOR UPDATE OF j", '' ],
	[ 'both are locked', $touched, "SELECT j.n, j.priority, c.id = j.connection_id FROM $join WHERE j.n = 2 FOR UPDATE", '2|2|t' ],
	[ 'an outer join, matched', $touched,
		"SELECT j.n, j.priority, c.status FROM jobs j LEFT JOIN connections c ON c.id = j.connection_id AND c.status = 'CONNECTED' WHERE j.n < 3 ORDER BY j.n FOR UPDATE OF j",
		"1|1|\n2|2|CONNECTED" ],
	[ 'an outer join, no longer matched', $moved,
		"SELECT j.n, c.status FROM jobs j LEFT JOIN connections c ON c.id = j.connection_id AND c.status = 'CONNECTED' WHERE j.n < 3 ORDER BY j.n FOR UPDATE OF j", "1|\n2|" ],
	[ 'an outer join, still not matched', 'UPDATE jobs SET connection_id = connection(2) WHERE n = 3',
		"SELECT j.n, c.status FROM jobs j LEFT JOIN connections c ON c.id = j.connection_id AND c.status = 'CONNECTED' WHERE j.n = 3 FOR UPDATE OF j", '3|' ],
	[ 'UPDATE', $touched, 'UPDATE jobs j SET note = c.status, priority = j.priority + 10 FROM connections c WHERE c.id = j.connection_id AND j.n < 3 RETURNING j.n, j.priority, c.country IS NULL',
		"1|11|f\n2|12|f" ],
	[ 'UPDATE, the join column changed', $moved, 'UPDATE jobs j SET note = c.status FROM connections c WHERE c.id = j.connection_id AND j.n < 3 RETURNING j.n, j.note', '1|PENDING' ],
	[ 'UPDATE by a company', $moved, q{UPDATE jobs j SET note = c.status FROM connections c WHERE c.company_id = j.company_id AND c.id = connection(5) AND c.needs_user_action AND j.n = 2 RETURNING j.note, j.connection_id = connection(3)},
		'MFA_TOKEN_EXPIRED|t' ],
	[ 'UPDATE from a subquery of the row', $moved, 'UPDATE jobs j SET note = (SELECT c.status FROM connections c WHERE c.id = j.connection_id) WHERE j.n < 3 RETURNING j.n, j.note',
		"1|PENDING\n2|UNDER_INVESTIGATION", 'again' ],
	[ 'UPDATE where a subquery finds it', $moved, q{UPDATE jobs j SET note = 'found' WHERE j.n < 3 AND EXISTS (SELECT FROM connections c WHERE c.id = j.connection_id AND c.status = 'CONNECTED' OFFSET 0) RETURNING j.n}, '', 'again' ],
	[ 'UPDATE where an uncorrelated one does', $touched, q{UPDATE jobs j SET note = 'found' WHERE j.connection_id IN (SELECT c.id FROM connections c WHERE c.status_category = 'healthy') AND j.n > 1 RETURNING j.n}, "2\n3" ],
	[ 'UPDATE with a subquery evaluated once', $touched, q{UPDATE jobs j SET note = 'found' WHERE j.connection_id = (SELECT c.id FROM connections c WHERE c.status = 'CONNECTED' AND c.company_name = 'Acme') RETURNING j.n, j.priority}, '2|2' ],
	[ 'UPDATE from a CTE', $touched, 'WITH w AS MATERIALIZED (SELECT id, status FROM connections) UPDATE jobs j SET note = w.status FROM w WHERE w.id = j.connection_id AND j.n = 2 RETURNING j.priority, j.note', '2|CONNECTED' ],
	[ 'UPDATE from two foreign tables', $touched,
		'UPDATE jobs j SET note = c.status FROM connections c JOIN accounts a ON a.connection_id = c.id AND a.company_id = c.company_id WHERE c.id = j.connection_id AND j.n IN (2, 4) RETURNING j.n, j.priority, j.note',
		"2|2|CONNECTED\n4|1|PASSWORD_INCORRECT" ],
	[ 'UPDATE from a parent', $touched, 'UPDATE jobs j SET note = p.status FROM parent p WHERE p.id = j.connection_id AND j.n < 3 RETURNING j.n, j.priority, j.note', "1|1|PENDING\n2|2|CONNECTED" ],
	[ 'UPDATE from a union', $moved,
		'UPDATE jobs j SET note = p.status FROM (SELECT id, status FROM connections UNION ALL SELECT id, status FROM others) p WHERE p.id = j.connection_id AND j.n < 3 RETURNING j.n, j.note', "1|PENDING\n2|UNDER_INVESTIGATION", 'again' ],
	[ 'DELETE', $touched, 'DELETE FROM jobs j USING connections c WHERE c.id = j.connection_id AND j.priority = 2 OR c.id = j.connection_id AND j.n = 2 RETURNING j.n, j.priority, c.status', '2|2|CONNECTED' ],
	[ 'DELETE, the join column changed', $moved, 'DELETE FROM jobs j USING connections c WHERE c.id = j.connection_id AND j.n = 2 RETURNING j.n', '' ],
	[ 'MERGE', $touched, q{MERGE INTO jobs j USING connections c ON c.id = j.connection_id AND j.n < 3 WHEN MATCHED AND j.priority = 2 THEN DELETE WHEN MATCHED THEN UPDATE SET note = c.status}, '' ])
{
	my ($name, $change, $statement, $expected, $again) = @$case;

	foreach my $method (sort keys %method)
	{
		my $alone = requests_alone($method{$method}, $statement);
		my ($rows, $jobs, $requests) = race('api', $method{$method}, $change, $statement);
		my ($copied_rows, $copied_jobs) = race('copies', $method{$method}, $change, $statement);
		is($rows, sorted($expected), "$name, by $method: rows");
		is("$rows\n$jobs", "$copied_rows\n$copied_jobs", "$name, by $method: as over heap copies");
		is($requests, $alone, "$name, by $method: the foreign row is not asked for again") if !$again;
	}
}

# A transaction that must not see the change ends with its own error.
$changer->value("CALL reset_jobs(); BEGIN; $touched");
$waiter->value('SET search_path = api, public, nectar; BEGIN ISOLATION LEVEL REPEATABLE READ');
$waiter->send('UPDATE jobs j SET note = c.status FROM connections c WHERE c.id = j.connection_id AND j.n = 2');
$fixture->wait_until('a row lock is waited for',
	sub { $watcher->value("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = @{[$waiter->pid]}") eq '1' });
$changer->value('COMMIT');
like(($waiter->finish)[1], qr/^ERROR:  40001: could not serialize access due to concurrent update/, 'REPEATABLE READ: a serialization failure');
$waiter->value('ROLLBACK');
is($waiter->value('BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE; SELECT count(id) FROM connections; COMMIT'), 24, 'SERIALIZABLE READ ONLY: is read');

# Two-phase commit: nothing remote is part of it, so reading does not forbid it.
$waiter->value('BEGIN; DECLARE c CURSOR FOR SELECT id FROM connections');
$waiter->value('FETCH 3 FROM c');
$waiter->value('INSERT INTO jobs SELECT 100, id, company_id FROM connections WHERE id = connection(2)');
$waiter->value(q{PREPARE TRANSACTION 'read and written'});
like($waiter->error('FETCH 1 FROM c'), qr/^ERROR:  34000:/, 'PREPARE TRANSACTION closes cursors');
is($waiter->value('SELECT count(id) FROM connections'), 24, 'and the session goes on');
$changer->value(q{COMMIT PREPARED 'read and written'});
is($changer->value('SELECT connection_id = connection(2) FROM jobs WHERE n = 100'), 't', 'another session commits it');

$_->quit foreach $changer, $waiter, $watcher;
$fixture->stop;
done_testing();
