# What the benchmarks measure with: a sandbox and its foreign server, sessions
# whose times the server takes itself, the peer program, and a line for each
# result.

package Bench;

use strict;
use warnings;

use Exporter qw(import);
use IPC::Open2;
use JSON::PP;
use Sandbox;
use Session;

our @EXPORT = qw(sandbox server session sql median in_turns counted execution_ms execution_and_cpu_ms planning_ms
  planning_and_execution_ms result remark results titles peer company connection process_kb);

my @titles = ('bar', 'what', 'median', 'ratio', 'bound', '', 'CPU', 'requests');
my @results;    # rows of those columns

# Session.pm wants a cluster to connect to; the environment names ours.
sub connstr           { return "dbname=$_[1]"; }
sub installed_command { return $_[1]; }

sub session { return Session->new('Bench', start => 'SET client_min_messages = error; SET jit = off'); }

# SQL in a session of its own; the rows as text.
sub sql
{
	my ($sql) = @_;
	my $session = session();
	my $rows = $session->value($sql);
	$session->quit;
	return $rows;
}

# A sandbox with one port; options as the program has them, "_" for "-".
sub sandbox { return Sandbox->new(tls_port => 'off', @_); }

# A foreign server for a sandbox, its tables in a schema of the same name.
sub server
{
	my ($name, $sandbox, %options) = @_;
	sql($sandbox->server_sql($name, %options));
	return;
}

# Ids of the sandbox.
sub company    { return sprintf 'c0000000-0000-4000-8000-%012x', $_[0]; }
sub connection { return sprintf 'd0000000-0000-4000-8000-%012x', $_[0]; }

sub median
{
	my @sorted = sort { $a <=> $b } @_;
	my $half = int(@sorted / 2);
	return @sorted % 2 ? $sorted[$half] : ($sorted[ $half - 1 ] + $sorted[$half]) / 2;
}

# in_turns(ROUNDS, NAME => sub { ms or (ms, CPU ms) }, ...): run them A B A B,
# after one round that does not count, and give the median of each by its name
# and that of its CPU time by "cpu NAME".
sub in_turns
{
	my ($rounds, @pairs) = @_;
	my (%run, @names, %times);

	while (my ($name, $run) = splice @pairs, 0, 2) { push @names, $name; $run{$name} = $run; }
	foreach my $round (0 .. $rounds)
	{
		foreach my $name (@names)
		{
			my ($ms, $cpu) = $run{$name}->();
			next if $round == 0;
			push @{ $times{$name} }, $ms;
			push @{ $times{"cpu $name"} }, $cpu if defined $cpu;
		}
	}
	return map { $_ => median(@{ $times{$_} }) } keys %times;
}

# Run something once and give what the sandbox saw of it.
sub counted
{
	my ($sandbox, $run) = @_;

	$sandbox->clear_log;
	$run->();
	return decode_json($sandbox->control('GET', 'stats'));
}

# ---- times, taken in the server ----

sub explained
{
	my ($session, $options, $statement) = @_;
	return decode_json($session->value("EXPLAIN ($options, FORMAT JSON) $statement"))->[0];
}

# From the executor's start to its end; rows are made and thrown away.
sub execution_ms
{
	my ($session, $statement) = @_;
	return explained($session, 'ANALYZE, TIMING OFF, SUMMARY ON', $statement)->{'Execution Time'};
}

# The same, and what it took of the CPU; that tells more on a busy machine.
sub execution_and_cpu_ms
{
	my ($session, $statement) = @_;
	my $before = process_cpu_ms($session->pid);
	my $ms = execution_ms($session, $statement);
	my $after = process_cpu_ms($session->pid);
	return ($ms, defined $before ? $after - $before : undef);
}

sub planning_ms
{
	my ($session, $statement) = @_;
	return explained($session, 'SUMMARY ON', $statement)->{'Planning Time'};
}

sub planning_and_execution_ms
{
	my ($session, $statement) = @_;
	my $plan = explained($session, 'ANALYZE, TIMING OFF, SUMMARY ON', $statement);
	return @$plan{ 'Planning Time', 'Execution Time' };
}

# ---- processes ----

# A line of /proc/PID/status, in kB.
sub process_kb
{
	my ($pid, $name) = @_;
	open my $status, '<', "/proc/$pid/status" or die "/proc/$pid/status: $!\n";
	my ($kb) = map { /^$name:\s+(\d+) kB/ ? $1 : () } <$status>;
	close $status;
	return $kb;
}

# CPU time of a process, or undef where the kernel does not tell it finely.
sub process_cpu_ms
{
	my ($pid) = @_;
	open my $stat, '<', "/proc/$pid/schedstat" or return;
	my ($ns) = split ' ', <$stat> // '';
	close $stat;
	return $ns / 1e6;
}

# The program bare: a function that takes a command and gives a hash of
# milliseconds (ms, cpu, json) and counts.
sub peer
{
	my ($sandbox) = @_;
	my $pid = open2(my $out, my $in, 'test/bench/bare', $sandbox->http . '/v2.2', $sandbox->key);

	return sub {
		my ($command) = @_;
		my %answer;

		if (!defined $command)    # the end
		{
			close $in;
			waitpid $pid, 0;
			return;
		}
		print {$in} "$command\n";
		$in->flush;
		my $line = <$out> // die "the peer ended early\n";
		@answer{qw(ms cpu json elements bytes)} = split ' ', $line;
		return \%answer;
	};
}

# ---- results ----

my $format = "%-3s %-76s %13s %6s %8s %-9s %5s  %s\n";

sub shown
{
	my ($value, $unit) = @_;
	return $value if !defined $unit;
	my $digits = $unit eq 'ms' && abs($value) < 10 ? 3 : $unit eq 'ms' || $unit eq 'MB' ? 1 : 0;
	return sprintf "%.${digits}f %s", $value, $unit;
}

# result(BAR, WHAT, value => ..., unit => 'ms', ratio => ..., bound => ..., cpu => ..., stats => ...)
#
# The bound is for the ratio, or without one for the value; cpu is the ratio of
# CPU times.
sub result
{
	my ($bar, $what, %is) = @_;
	my $measured = $is{ratio} // $is{value};
	my $verdict = !defined $is{bound} ? '' : $measured <= $is{bound} ? 'holds' : 'EXCEEDED';
	my $stats = $is{stats};

	state_header() if !@results;
	my @row = (
		$bar, $what,
		shown($is{value}, $is{unit}),
		defined $is{ratio} ? sprintf('%.2f', $is{ratio}) : '',
		defined $is{bound} ? '<= ' . $is{bound} : '',
		$verdict,
		defined $is{cpu} ? sprintf('%.2f', $is{cpu}) : '',
		$stats ? "$stats->{requests}, $stats->{max_in_flight} at once" : '');
	push @results, \@row;
	printf $format, @row;
	return;
}

# Something that could not be measured, and why.
sub remark
{
	my ($bar, $what, $why) = @_;

	state_header() if !@results;
	push @results, [ $bar, $what, $why, ('') x (@titles - 3) ];
	printf $format, @{ $results[-1] };
	return;
}

sub state_header
{
	$| = 1;
	printf $format, @titles;
	return;
}

sub results { return @results; }
sub titles  { return @titles; }

1;
