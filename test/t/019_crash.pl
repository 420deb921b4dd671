# A backend or the postmaster is killed in the middle of what the extension
# does: the server comes back by itself or is started again, and nothing is
# left behind: no temporary file, no shared memory, no TCP session, no act
# that is sent again.

use strict;
use warnings;

use Fixture;
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;
use Time::HiRes qw(sleep);

my $fixture = Fixture->new(
	sandbox => { companies => 3, connections => 120, accounts => 3 },
	options => { page_size => 20, scan_memory => '64kB', max_retries => 0, accounts_source => 'details' },
	conf => "restart_after_crash = on\nlog_min_messages = log\n");
my $sandbox = $fixture->sandbox;
my $node = $fixture->node;
my $company = $fixture->company(1);
my $connection = $fixture->connection(2);
my $last = $fixture->connection(360);
my ($port) = $sandbox->http =~ /:(\d+)$/;
$fixture->server('tls', base_url => $sandbox->https . '/v2.2', ca_file => $sandbox->ca, page_size => 20, max_retries => 0);
my ($tls_port) = $sandbox->https =~ /:(\d+)$/;

# Temporary files of the cluster.
sub temporary_files
{
	my @files = glob $node->data_dir . '/base/pgsql_tmp/*';
	return scalar @files;
}

# TCP sessions with the sandbox that a process holds.
sub tcp_sessions
{
	my ($pid) = @_;
	my %inodes = map { /socket:\[(\d+)\]/ ? ($1 => 1) : () } map { readlink($_) // '' } glob "/proc/$pid/fd/*";
	my $count = 0;

	open my $table, '<', '/proc/net/tcp' or return 0;
	while (<$table>)
	{
		my (undef, undef, $remote, $state, undef, undef, undef, undef, undef, $inode) = split;
		$count++ if $inodes{$inode} && hex((split /:/, $remote)[1]) =~ /^(?:$port|$tls_port)$/ && $state eq '01';
	}
	close $table;
	return $count;
}

# How many requests the sandbox works on, this one aside.
sub in_flight
{
	my $ping = HTTP::Tiny->new->get($sandbox->http . '/v2.2/ping', { headers => { 'X-API-Key' => $sandbox->key } });
	return ($sandbox->requests)[-1]{in_flight} - 1;
}

# Shared mappings of a process, as a list of names.
sub shared_mappings
{
	my ($pid) = @_;
	my %names;

	open my $maps, '<', "/proc/$pid/maps" or return '';
	while (<$maps>)
	{
		my (undef, $mode, undef, undef, undef, $name) = split ' ', $_, 6;
		$names{ $name // '' } = 1 if $mode =~ /s$/;
	}
	close $maps;
	return join '', sort keys %names;
}

# What is on its way when the kill comes: its name, SQL, what hangs, and
# whether a temporary file is there by then.
my $arms = join ' UNION ALL ', map { "SELECT id FROM api.connections WHERE company_id = '" . $fixture->company($_) . "'" } 1 .. 3;
my @phases = (
	[ 'a scan', 'SELECT id FROM api.connections', { query => '*page=3*' } ],
	[ 'a scan over TLS', 'SELECT id FROM tls.connections', { query => '*page=3*' } ],
	[ 'scans side by side', $arms, { query => '*page=2*' } ],
	[ 'a pause before a retry', 'SELECT id FROM patient.connections', { kind => 'status', status => 503, query => '*page=2*' } ],
	[   'a join whose answers fill a file',
		"SELECT c.id, a.id FROM api.connections c JOIN api.accounts a ON a.connection_id = c.id AND a.company_id = c.company_id ORDER BY 1, 2",
		{ path => "/connection/$last/details" }, 1 ],
	[ 'an act', "SELECT nectar.confirm_accounts('$connection', true, 'api')", { method => 'PATCH' } ],
	[ 'many acts', "SELECT * FROM nectar.bulk_confirm_accounts(ARRAY(SELECT id FROM api.connections), true, 'api')", { method => 'PATCH' }, 1 ]);
$fixture->server('patient', page_size => 20, max_retries => 10, retry_max_delay => '1h', request_timeout => '1h');

# Begin a phase in a session of its own, until it hangs.
sub begin
{
	my ($phase) = @_;
	my ($name, $sql, $fault, $has_file) = @$phase;
	my $session = $fixture->session;
	my $watcher = $fixture->session;

	$sandbox->reset;
	$sandbox->fault({ kind => 'hang', %$fault });
	$session->send($sql);
	$fixture->wait_until("$name hangs",
		sub { grep { matches($_, $fault) } $sandbox->requests });
	my $pid = $session->pid;
	$fixture->wait_until("$name waits",
		sub { $watcher->value("SELECT wait_event FROM pg_stat_activity WHERE pid = $pid") =~ /^(?:Extension|AppendReady|ConnectionFdwRequest)$/ });
	$fixture->wait_until("$name has its file", sub { temporary_files() > 0 }) if $has_file;
	$watcher->quit;
	return $session;
}

sub matches
{
	my ($request, $fault) = @_;

	foreach my $name (qw(method path query))
	{
		(my $part = $fault->{$name} // next) =~ s/\*//g;
		return 0 if index($request->{$name} // '', $part) < 0;
	}
	return 1;
}

sub acts { return scalar(grep { $_->{method} eq 'PATCH' } $sandbox->requests); }

# The cluster answers, and nothing is left.
sub check_clean
{
	my ($name, $pid, $acts) = @_;

	is(temporary_files(), 0, "$name: no temporary file is left");
	is(tcp_sessions($pid), 0, "$name: no TCP session is left");
	$fixture->wait_until('the sandbox works on nothing', sub { in_flight() == 0 });
	is(acts(), $acts, "$name: no act was sent once more");
	$sandbox->reset;
	is($fixture->sql('SELECT count(id) FROM api.connections; SELECT ok FROM nectar.ping(\'tls\')'), "360\nt", "$name: queries are answered again");
	return;
}

sub log_since
{
	my ($offset) = @_;
	return substr slurp_file($node->logfile), $offset;
}

# A session that uses the extension shares no memory that another does not.
my $plain = $fixture->session;
my $user = $fixture->session;
$user->value("SELECT count(*) FROM ($arms) u; SELECT count(*) FROM api.connections");
cmp_ok(tcp_sessions($user->pid), '>', 0, 'TCP sessions are seen');
is(shared_mappings($user->pid), shared_mappings($plain->pid), 'the extension uses no shared memory');
$_->quit foreach $plain, $user;

# ---- a backend is killed ----

foreach my $phase (@phases)
{
	my $name = "a backend killed in $phase->[0]";
	my $offset = -s $node->logfile;
	my $session = begin($phase);
	my $pid = $session->pid;
	my $acts = acts();

	cmp_ok(temporary_files(), '>', 0, "$name: there is a temporary file") if $phase->[3];
	kill KILL => $pid;
	$session->finish;
	$fixture->wait_until('the server is back', sub { ($node->psql('postgres', 'SELECT 1'))[0] == 0 && log_since($offset) =~ /ready to accept connections/ });
	check_clean($name, $pid, $acts);
	like(log_since($offset), qr/server process \(PID $pid\) was terminated by signal 9.*\n.*Failed process was running: \Q@{[ substr $phase->[1], 0, 40 ]}\E/,
		"$name: the postmaster's line in the log says so, and what it ran; an act that was killed has no other");
	$session->quit;
}

# ---- the postmaster is killed ----

foreach my $phase (@phases)
{
	my $name = "the postmaster killed in $phase->[0]";
	my $offset = -s $node->logfile;
	my $session = begin($phase);
	my $pid = $session->pid;
	my $acts = acts();

	my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
	$node->kill9;
	$session->finish;
	$fixture->wait_until('its backend has gone', sub { !$fixture->is_running($pid) });
	$fixture->wait_until('the postmaster has gone', sub { !kill 0 => $postmaster });
	$session->quit;
	if ($acts)
	{
		like(log_since($offset), qr/connection_fdw act confirm_accounts\(true\) on connection "$connection", server "api", role "postgres": ended early, outcome unknown/,
			"$name: the act's line is in the log");
	}
	$node->start;
	check_clean($name, $pid, $acts);
}

# ---- what the log says of an act that was ended ----

foreach my $case (
	[ 'terminated', sub { my ($pid, $watcher) = @_; $watcher->value("SELECT pg_terminate_backend($pid)") } ],
	[ 'canceled', sub { my ($pid, $watcher) = @_; $watcher->value("SELECT pg_cancel_backend($pid)") } ],
	[ 'shut down fast', sub { $node->stop('fast') } ])
{
	my ($name, $end) = @$case;
	my $offset = -s $node->logfile;
	my $session = begin($phases[5]);
	my $watcher = $fixture->session;

	$end->($session->pid, $watcher);
	$session->finish;
	like(log_since($offset), qr/connection_fdw act .* "$connection".*: ended early, outcome unknown/, "$name in an act: its line is in the log");
	is(acts(), 1, "$name in an act: it was sent once");
	$_->quit foreach $session, $watcher;
	$node->start if $name =~ /shut down/;
}

$fixture->stop;
done_testing();
