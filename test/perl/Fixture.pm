# What most TAP tests begin with: a sandbox, a cluster with the extension, a
# server "api" with a mapping, and its tables in schema "api".
#
#   my $fixture = Fixture->new(sandbox => { companies => 2 }, options => { page_size => 5 });
#   $fixture->server('narrow', max_concurrency => 1);     another one, tables in schema narrow
#   Fixture->new(conf => "listen_addresses = '127.0.0.1'", hba => ...);     the cluster's files
#   my $session = $fixture->session;

package Fixture;

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use Sandbox;
use Session;
use Time::HiRes qw(sleep time);

sub new
{
	my ($class, %options) = @_;
	my $sandbox = Sandbox->new(%{ $options{sandbox} // {} });
	my $node = PostgreSQL::Test::Cluster->new('main');

	$node->init;
	$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\n" . ($options{conf} // ''));
	write_hba($node, $options{hba}) if $options{hba};
	$node->start;
	my $self = bless { sandbox => $sandbox, node => $node }, $class;
	$node->safe_psql('postgres', 'CREATE EXTENSION connection_fdw');
	$self->server('api', %{ $options{options} // {} });
	$sandbox->clear_log;
	return $self;
}

# Who may come in which way, instead of what initdb wrote.
sub write_hba
{
	my ($node, $lines) = @_;
	open my $out, '>', $node->data_dir . '/pg_hba.conf' or die "pg_hba.conf: $!";
	print $out $lines;
	close $out or die "pg_hba.conf: $!";
	return;
}

sub node    { return $_[0]{node}; }
sub sandbox { return $_[0]{sandbox}; }

sub session
{
	my ($self, %options) = @_;
	return Session->new($self->{node}, %options);
}

# SQL in a session of its own.
sub sql
{
	my ($self, $sql) = @_;
	return $self->{node}->safe_psql('postgres', $sql);
}

# A server with the sandbox's key for the superuser, tables in a schema of
# its name.  base_url may be given.
sub server
{
	my ($self, $name, %options) = @_;
	$self->sql($self->{sandbox}->server_sql($name, %options));
	return;
}

# Ids of the sandbox.
sub company    { return sprintf 'c0000000-0000-4000-8000-%012x', $_[1]; }
sub connection { return sprintf 'd0000000-0000-4000-8000-%012x', $_[1]; }
sub account { return sprintf 'a0000000-0000-4000-8000-%012x', $_[1]; }

# Wait for something to become true.
sub wait_until
{
	my ($self, $what, $condition) = @_;
	my $end = time + 30;

	while (!$condition->())
	{
		die "waited in vain for: $what\n" if time > $end;
		sleep 0.005;
	}
	return;
}

# Wait until a backend waits in the extension, or where told.
sub wait_waiting
{
	my ($self, $watcher, $pid, $where) = @_;
	my $sql = "SELECT wait_event_type FROM pg_stat_activity WHERE pid = $pid AND state = 'active'";

	$self->wait_until("backend $pid waits", sub { $watcher->value($sql) eq ($where // 'Extension') });
	return;
}

# Does a process run?  One that is dead and waits for its parent does not.
sub is_running
{
	my ($self, $pid) = @_;
	open my $stat, '<', "/proc/$pid/stat" or return 0;
	my $line = <$stat> // '';
	close $stat;
	return $line =~ /^\d+ \(.*\) [^XZ]/s ? 1 : 0;
}

# A line of /proc/PID/status, in kB.
sub process_kb
{
	my ($self, $pid, $name) = @_;
	open my $status, '<', "/proc/$pid/status" or return 0;
	my ($kb) = map { /^$name:\s+(\d+) kB/ ? $1 : () } <$status>;
	close $status;
	return $kb // 0;
}

sub open_files
{
	my ($self, $pid) = @_;
	my @files = glob "/proc/$pid/fd/*";
	return scalar @files;
}

sub stop
{
	my ($self) = @_;
	$self->{sandbox}->stop;
	$self->{node}->stop;
	return;
}

1;
