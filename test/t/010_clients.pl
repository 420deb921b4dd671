# Drivers as tools use them: libpq through pgbench, which binds parameters
# without a type, and JDBC through clients/Jdbc.java.  What they ask of the
# API, what a text parameter does against an enum column, cursors that rest,
# and twenty sessions at once.

use strict;
use warnings;

use File::Basename;
use Fixture;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $sessions = 20;
my $window = 3;
my $latency = 50;    # ms
my $jar = '/usr/share/java/postgresql.jar';
my $password = join '', map { ('a' .. 'z')[ rand 26 ] } 1 .. 20;

my $fixture = Fixture->new(
	sandbox => { companies => $sessions, connections => 12, accounts => 2 },
	options => { max_concurrency => $window },
	conf => "listen_addresses = '127.0.0.1'\n",
	hba => "local all all trust\nhost postgres analyst 127.0.0.1/32 scram-sha-256\n");
my $node = $fixture->node;
my $sandbox = $fixture->sandbox;
my $key = $sandbox->key;
my @company = map { $fixture->company($_) } 0 .. $sessions;

# A company of 1,300 connections lives in a sandbox of its own.
my $large = Sandbox->new(companies => 1, connections => 1300, accounts => 0);
$fixture->server('large', base_url => $large->http . '/v2.2');
$fixture->server('detailed', max_concurrency => $window, accounts_source => 'details');
$fixture->server('unmapped');
$fixture->sql(<<"SQL");
CREATE SCHEMA texts;
IMPORT FOREIGN SCHEMA nectar FROM SERVER api INTO texts OPTIONS (status_type 'text');
CREATE ROLE analyst LOGIN PASSWORD '$password';
GRANT USAGE ON SCHEMA api, texts, large, detailed, unmapped TO analyst;
GRANT SELECT ON ALL TABLES IN SCHEMA api, texts, large, detailed, unmapped TO analyst;
CREATE USER MAPPING FOR analyst SERVER api OPTIONS (api_key '$key');
CREATE USER MAPPING FOR analyst SERVER large OPTIONS (api_key '$key');
CREATE USER MAPPING FOR analyst SERVER detailed OPTIONS (api_key '$key');
SQL

# What a sandbox received since the last look, in short: c1 is the listing of
# company 1, with its status filter, a connection is its number's d1.
sub asked
{
	my ($from) = @_;
	my %count;

	$from //= $sandbox;
	foreach my $request ($from->requests)
	{
		my ($query) = ($request->{query} // '') =~ /(status=[A-Z_]+)/;
		my $what = $request->{path} . ($query ? "?$query" : '');
		$what =~ s{^/connection/(?:company/)?}{};
		$what =~ s/([cd])0000000-0000-4000-8000-0*([0-9a-f]+)/$1$2/;
		$count{$what}++;
	}
	$from->clear_log;
	return join(' ', map { $count{$_} > 1 ? "$_ x$count{$_}" : $_ } sort keys %count) || 'nothing';
}

sub stats { return decode_json($sandbox->control('GET', 'stats')); }
sub latency { return $sandbox->control('POST', 'latency', qq({"ms": $_[0]})); }

# Sessions read the accounts of a company each: no session has more requests
# in flight than its window, all together have many.  A request is answered
# after the latency and no sooner, so a session's next but $window one comes
# that much later.
sub check_crowd
{
	my ($name) = @_;
	my %times;

	foreach my $request ($sandbox->requests)
	{
		my ($number) = $request->{path} =~ m{^/connection/d0000000-0000-4000-8000-([0-9a-f]{12})/details$} or next;
		push @{ $times{ int((hex($number) - 1) / 12) } }, $request->{at_us};
	}
	my $stats = stats();
	is($stats->{requests}, $sessions * 13, "$name: a listing and its lookups in each session");
	is(scalar(keys %times), $sessions, "$name: each session read a company of its own");
	my @crowded = grep {
		my @at = sort { $a <=> $b } @{ $times{$_} };
		grep { $at[$_] - $at[ $_ - $window ] < 900 * $latency } $window .. $#at;
	} keys %times;
	is("@crowded", '', "$name: no session exceeded its window");
	cmp_ok($stats->{max_in_flight}, '>', 2 * $window, "$name: sessions did not wait for each other");
	cmp_ok($stats->{max_in_flight}, '<=', $sessions * $window, "$name: nor was there more than their windows allow");
	diag "$name: at most $stats->{max_in_flight} requests in flight, over $stats->{tcp_connections} TCP sessions";
	$sandbox->clear_log;
	return;
}

# --- libpq ---

# Runs a script so many times in each of so many sessions.  A step whose
# count is not the one expected divides by zero, which ends pgbench.
sub pgbench
{
	my ($name, $script, @options) = @_;
	my $file = $node->basedir . '/script';

	open my $out, '>', $file or die "$file: $!";
	print $out $script;
	close $out or die "$file: $!";
	my @command = ($node->installed_command('pgbench'), '-n', '-h', $node->host, '-p', $node->port, '-f', $file, @options, 'postgres');
	my ($said, $err) = ('', '');
	ok(IPC::Run::run(\@command, '<', \undef, '>', \$said, '2>', \$err, IPC::Run::timeout(120)), $name) or diag $said, $err;
	return $err;
}

sub expect { return "\\gset\n\\set check 1 / case when :n = $_[0] then 1 else 0 end\n"; }

sub script
{
	my ($label, $other, $company, $since) = @_;
	return <<"SQL";
SELECT count(id) AS n FROM texts.connections WHERE status = $label AND company_id = $company @{[expect(1)]}
SELECT count(id) AS n FROM api.connections WHERE status = $label AND company_id = $company @{[expect(1)]}
SELECT count(id) AS n FROM texts.connections WHERE status IN ($label, $other) AND company_id = $company AND created >= $since @{[expect(2)]}
SELECT count(id) AS n FROM (SELECT id FROM texts.connections WHERE company_id = $company LIMIT 2000) q @{[expect(12)]}
SQL
}

my @values = ('CONNECTED', 'PENDING', $company[2], '2020-01-01');
my @defined = map { ('-D', $_) } "label=$values[0]", "other=$values[1]", "company=$values[2]", "since=$values[3]";
my $small = script(qw(:label :other :company :since));

$sandbox->clear_log;
foreach my $mode (qw(extended prepared))
{
	pgbench("libpq, $mode: parameters without a type become what the column is", $small, '-M', $mode, '-t', 8, @defined);
	is(asked(), 'c2 x16 c2?status=CONNECTED x16', "libpq, $mode: each statement asked its company once, statuses sent");
}
pgbench('libpq, simple: values in the statement', script(map { "'$_'" } @values), '-M', 'simple', '-t', 2);
is(asked(), 'c2 x4 c2?status=CONNECTED x4', 'libpq, simple: the same requests');

latency($latency);
pgbench("libpq: $sessions sessions at once",
	join('', 'SELECT count(id) AS n FROM detailed.accounts WHERE company_id = ',
		"('c0000000-0000-4000-8000-' || lpad(to_hex(:client_id + 1), 12, '0'))::uuid ",
		"\\gset\n\\set check 1 / case when :n > 0 then 1 else 0 end\n"),
	'-M', 'extended', '-c', $sessions, '-j', 2, '-t', 1);
check_crowd('libpq');
latency(0);

# --- JDBC ---

my ($java, $in, $out, $timer);

# One command of clients/Jdbc.java: the rows it prints, or how it failed.
sub jdbc
{
	my (@words) = @_;

	s/\s+/ /g foreach @words;
	$in .= join("\t", @words) . "\n";
	$timer->start;
	$java->pump until $out =~ /^= .*\n/m || !$java->pumpable;
	$out =~ s/\A(.*?)^= (.*)\n//ms or die "Jdbc.java has ended\n";
	my ($rows, $end) = ($1, $2);
	chomp $rows;
	return $end eq 'ok' ? $rows : $end;
}

sub test_jdbc
{
	my $url = 'jdbc:postgresql://127.0.0.1:' . $node->port . '/postgres?connectTimeout=60';
	my $by_status = 'SELECT id FROM texts.connections WHERE status = ? AND company_id = ?';
	my $of_enum = 'SELECT id FROM api.connections WHERE status = ? AND company_id = ?';
	my $connected = $fixture->connection(14);
	my @bound = ('string:CONNECTED', "uuid:$company[2]");

	($in, $out, $timer) = ('', '', IPC::Run::timeout(120));
	local $ENV{JDBC_USER} = 'analyst';
	local $ENV{JDBC_PASSWORD} = $password;
	$java = IPC::Run::start(
		[ 'java', '-Xmx128m', '-XX:TieredStopAtLevel=1', '-cp', $jar, dirname(__FILE__) . '/../clients/Jdbc.java' ],
		'<', \$in, '>', \$out, '2>', sub { diag @_ }, $timer);
	foreach my $mode (
		[ extended => '' ],
		[ simple => '&preferQueryMode=simple' ],
		[ unspecified => '&stringtype=unspecified' ])
	{
		is(jdbc('open', $mode->[0], $url . $mode->[1]), '', "JDBC, $mode->[0]: a session");
	}

	# Introspection, of tables for whose server the role has no mapping.
	is(jdbc('tables', 'extended', 'unmapped'), join("\n", map { "$_|FOREIGN TABLE" } qw(accounts companies connections invitations sites)), 'JDBC: getTables');
	is(jdbc('columns', 'extended', 'unmapped'), "accounts|17\ncompanies|11\nconnections|26\ninvitations|11\nsites|9", 'JDBC: getColumns, and keys and indexes');
	is(jdbc('describe', 'extended', 'SELECT id, status, created AS at, count(*) OVER () AS n FROM unmapped.connections WHERE company_id = ? LIMIT 5'),
		"id|uuid|connections\nstatus|\"nectar\".\"connection_status\"|connections\nat|timestamptz|connections\nn|int8|", 'JDBC: getMetaData without executing');
	is(jdbc('query', 'extended', 'SELECT * FROM api.connections WHERE 1 = 0'), '', 'JDBC: WHERE 1 = 0');
	is(asked(), 'nothing', 'JDBC: introspection asks nothing');
	like(jdbc('query', 'extended', 'SELECT id FROM unmapped.connections'),
		qr/^42704 ERROR: user mapping not found for "analyst"/, 'JDBC: reading needs a mapping');

	# Values.
	foreach my $mode (qw(extended simple unspecified))
	{
		is(jdbc('query', $mode, $by_status, @bound), $connected, "JDBC, $mode: setString against a text column");
		is(asked(), 'c2?status=CONNECTED', "JDBC, $mode: is sent");
		is(jdbc('query', $mode, 'SELECT id FROM texts.connections WHERE status = ANY (?) AND company_id = ANY (?) ORDER BY 1',
				'texts:CONNECTED,PENDING', "uuids:$company[1],$company[2]"),
			join("\n", map { $fixture->connection($_) } 1, 2, 13, 14), "JDBC, $mode: setArray");
		is(asked(), 'c1 c2', "JDBC, $mode: asks each company of the array once");
		is(jdbc('query', $mode, 'SELECT count(id) FROM api.connections WHERE created >= ? AND created < ? AND company_id = ?',
				'time:2020-01-01T00:00:00Z', 'time:2100-01-01T00:00:00Z', "uuid:$company[3]"), 12, "JDBC, $mode: a range of time");
		is(asked(), 'c3', "JDBC, $mode: asks one company");
		is(jdbc('query', $mode, $by_status, 'null:', "uuid:$company[2]"), '', "JDBC, $mode: setNull");
		is(asked(), 'nothing', "JDBC, $mode: asks nothing");
		jdbc('prepare', $mode, $mode, $by_status);
		is(join(' ', map { jdbc('execute', $mode, $mode, 'string:CONNECTED', "uuid:$company[$_]") eq $fixture->connection(12 * $_ - 10) } 1 .. 12),
			join(' ', (1) x 12), "JDBC, $mode: twelve executions");
		is(asked(), join(' ', sort map { sprintf 'c%x?status=CONNECTED', $_ } 1 .. 12), "JDBC, $mode: ask what each binds");
		my $in_server = jdbc('query', $mode,
			q{SELECT generic_plans > 0 FROM pg_prepared_statements WHERE statement LIKE '%texts.connections WHERE status = $1 AND%'});
		is($in_server, $mode eq 'simple' ? '' : 't', "JDBC, $mode: past the generic plan, unless the protocol is the simple one");
	}
	like(jdbc('query', 'extended', $of_enum, @bound), qr/^42883 ERROR: operator does not exist: nectar\.connection_status = character varying/,
		'JDBC, extended: setString against an enum column is refused by the parser');
	is(asked(), 'nothing', 'JDBC, extended: and asks nothing');
	foreach my $mode (qw(simple unspecified))
	{
		is(jdbc('query', $mode, $of_enum, @bound), $connected, "JDBC, $mode: setString against an enum column");
		is(asked(), 'c2?status=CONNECTED', "JDBC, $mode: is sent");
		like(jdbc('query', $mode, $of_enum, 'string:NO_SUCH_STATUS', "uuid:$company[2]"), qr/^22P02 /, "JDBC, $mode: no label is an error");
	}
	is(jdbc('query', 'unspecified', $by_status, 'string:PENDING', "string:$company[2]"),
		$fixture->connection(13), 'JDBC, unspecified: setString against a uuid column');
	is(asked(), 'c2?status=PENDING', 'JDBC, unspecified: is sent');
	like(jdbc('query', 'extended', $by_status, 'string:PENDING', "string:$company[2]"), qr/^42883 /, 'JDBC, extended: which a varchar does not compare with');

	is(jdbc('first', 'extended', 3, "SELECT id FROM texts.connections WHERE company_id = '$company[4]'"),
		join("\n", map { $fixture->connection($_) } 37 .. 39), 'JDBC: setMaxRows');
	is(asked(), 'c4', 'JDBC: asks one company');

	# A block of 500 rows, a rest in which the API closes its TCP sessions, and the others.
	$sandbox->clear_log;
	$large->clear_log;
	is(jdbc('fetch', 'extended', 500, 'SELECT id FROM large.connections'), '', 'JDBC: fetch size 500');
	is(jdbc('next', 'extended', 500), '500|500', 'JDBC: the first block');
	my %before = map { ("$_->{path}?" . ($_->{query} // '') => 1) } my @before = $large->requests;
	is(scalar(@before), scalar(keys %before), 'JDBC: for which nothing was asked twice');
	$large->restart;
	is(jdbc('next', 'extended', 2000), '800|800', 'JDBC: all others, after a rest longer than the API keeps a TCP session');
	cmp_ok(scalar(my @after = $large->requests), '<=', 2, 'JDBC: for which at most the other pages were asked');
	is(jdbc('end', 'extended'), '', 'JDBC: the transaction ends');
	is(jdbc('fetch', 'extended', 500, 'SELECT id FROM large.connections'), '', 'JDBC: a result set of which');
	is(jdbc('next', 'extended', 10), '10|10', 'JDBC: ten rows are read');
	is(jdbc('end', 'extended'), '', 'JDBC: is left');
	is(jdbc('query', 'extended', 'SELECT count(id) FROM large.connections'), 1300, 'JDBC: and the session goes on');

	# Ended by another thread, and by the driver's timer.
	my $company = "SELECT id FROM api.connections WHERE company_id = '$company[5]'";
	$sandbox->fault({ kind => 'hang', path => '/connection/*' });
	foreach my $mode (qw(extended simple))
	{
		jdbc('cancel', $mode, $company);
		$fixture->wait_until('a request is in flight', sub { scalar(my @requests = $sandbox->requests) });
		like(jdbc('await', $mode), qr/^57014 ERROR: canceling statement due to user request/, "JDBC, $mode: cancel from another thread");
		$sandbox->clear_log;
	}
	like(jdbc('timeout', 'extended', 1, $company), qr/^57014 /, 'JDBC: setQueryTimeout');
	$sandbox->reset;
	is(jdbc('query', $_, "SELECT count(id) FROM api.connections WHERE company_id = '$company[5]'"), 12, "JDBC, $_: the session goes on")
	  foreach qw(extended simple);

	# A pool of sessions.
	$sandbox->clear_log;
	latency($latency);
	my $counts = jdbc('crowd', $sessions, $url,
		q{SELECT count(id) > 0 FROM detailed.accounts WHERE company_id = ('c0000000-0000-4000-8000-' || lpad(to_hex(?), 12, '0'))::uuid});
	is($counts, join("\n", ('t') x $sessions), "JDBC: $sessions sessions at once");
	check_crowd('JDBC');
	latency(0);

	$in = '';
	$java->finish;
	return;
}

SKIP:
{
	skip 'no Java that runs a source file, or no JDBC driver', 1
	  if !-f $jar || `java --list-modules 2>&1` !~ /^jdk\.compiler/m;
	test_jdbc();
}

$large->stop;
$fixture->stop;
done_testing();
