# A sandbox API for TAP tests: start, stop, restart on the same ports, make it
# misbehave, and read what it received.
#
#   my $sandbox = Sandbox->new(companies => 4, connections => 10);
#   $sandbox->http                            http://127.0.0.1:PORT
#   $sandbox->fault({ path => '/company', hang => JSON::PP::true });
#   is(scalar($sandbox->requests), 1);        # a hash for each: method, path, ...
#
# It ends with the object, or with the test.

package Sandbox;

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename;
use File::Temp qw(tempdir);
use HTTP::Tiny;
use IPC::Run;
use JSON::PP;
use Socket qw(IPPROTO_TCP TCP_NODELAY);

my @columns = qw(seq method path query body key_present key_ok headers
  in_flight tcp status tls at_us version);

# Options are those of the program, with "_" for "-": companies, connections,
# accounts, seed, key, port, tls_port.
sub new
{
	my ($class, %options) = @_;
	my $here = abs_path(dirname(__FILE__));
	my $self = bless {
		program => $ENV{SANDBOX} || "$here/../sandbox/sandbox",
		options => { port => 0, tls_port => 0, %options },
		client => HTTP::Tiny->new(timeout => 10, http_proxy => undef, https_proxy => undef, proxy => undef),
	}, $class;

	return $self->start;
}

# Start it; the ports are those it had before, if it ran before.
sub start
{
	my ($self) = @_;
	my $options = $self->{options};
	my $run_dir = tempdir(CLEANUP => 1);
	chmod 0755, $run_dir;    # a server that runs as another user reads the certificate
	my @command = ($self->{program}, '--run-dir', $run_dir, '--exit-with-parent');

	foreach my $name (sort keys %$options)
	{
		(my $switch = "--$name") =~ tr/_/-/;
		push @command, $switch, $options->{$name};
	}

	my ($out, $err) = ('', '');
	my $timer = IPC::Run::timeout(60);
	my $handle = IPC::Run::start(\@command, '<', \undef, '>', \$out, '2>', \$err, $timer);
	eval
	{
		$handle->pump while $handle->pumpable && $out !~ /^ready$/m;
		1;
	} or $err .= $@;
	die "the sandbox did not start: $err\n" if $out !~ /^ready$/m;
	$timer->reset;

	($self->{http}) = $out =~ /^http=(\S+)/m;
	($self->{https}) = $out =~ /^https=(\S+)/m;
	($self->{ca}) = $out =~ /^ca=(.+)$/m;
	($options->{port}) = $self->{http} =~ /:(\d+)/;
	($options->{tls_port}) = ($self->{https} // '') =~ /:(\d+)/ if $self->{https};
	@$self{qw(handle out err run_dir)} = ($handle, \$out, \$err, $run_dir);
	return $self;
}

# End it; with "KILL", at once.
sub stop
{
	my ($self, $signal) = @_;
	my $handle = delete $self->{handle} or return $self;

	$handle->signal($signal // 'TERM');
	eval { $handle->finish; 1 } or $handle->kill_kill(grace => 1);
	return $self;
}

# The ports stay; the certificate is a new one.
sub restart
{
	my ($self) = @_;
	return $self->stop->start;
}

sub http  { return $_[0]{http}; }
sub https { return $_[0]{https}; }
sub ca    { return $_[0]{ca}; }
sub key   { return $_[0]{options}{key} // 'nectar-sandbox-key'; }

# SQL that makes a foreign server for it, with its key for the current user,
# and tables in a schema of the server's name.  base_url may be given.
sub server_sql
{
	my ($self, $name, %options) = @_;
	my $key = $self->key;

	$options{base_url} //= $self->http . '/v2.2';
	my $list = join ', ', map { "$_ '$options{$_}'" } sort keys %options;
	return <<"SQL";
CREATE SERVER $name FOREIGN DATA WRAPPER connection_fdw OPTIONS ($list);
CREATE USER MAPPING FOR CURRENT_USER SERVER $name OPTIONS (api_key '$key');
CREATE SCHEMA $name;
IMPORT FOREIGN SCHEMA nectar FROM SERVER $name INTO $name;
SQL
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $@, $!);
	$self->stop('KILL');
	return;
}

# HTTP::Tiny writes headers and body one after the other; on a session that is
# kept, the second would wait for a delayed ACK of the first.
sub send_at_once
{
	my ($client) = @_;
	my $socket = $client->{handle} && $client->{handle}{fh} or return;

	setsockopt($socket, IPPROTO_TCP, TCP_NODELAY, 1);
	return;
}

sub control
{
	my ($self, $method, $path, $body) = @_;
	send_at_once($self->{client});
	my $answer = $self->{client}->request(
		$method,
		"$self->{http}/_sandbox/$path",
		{   headers => { 'Content-Type' => 'application/json' },
			defined $body ? (content => $body) : () });
	die "sandbox, $method /_sandbox/$path: $answer->{status} $answer->{content}\n" if !$answer->{success};
	return $answer->{content};
}

# Make it misbehave; answers what the control endpoint says.
sub fault
{
	my ($self, $fault) = @_;
	return $self->control('POST', 'fault', JSON::PP->new->canonical->encode($fault));
}

# As it was at the start: data, faults, log.
sub reset
{
	my ($self) = @_;
	return $self->control('POST', 'reset', '');
}

sub clear_log
{
	my ($self) = @_;
	return $self->control('POST', 'log/clear', '');
}

# What it received since the log was cleared: a list of hashes, keyed by the
# log's columns; "headers" is a hash itself.
sub requests
{
	my ($self) = @_;
	my @requests;

	foreach my $row (parse_csv($self->control('GET', 'log')))
	{
		my %request;
		@request{@columns} = @$row;
		$request{headers} = eval { decode_json($request{headers}) } // {};
		push @requests, \%request;
	}
	return @requests;
}

# Rows of CSV as PostgreSQL's COPY reads it: an empty field is undef unless
# quoted, and a quoted one may go over lines.
sub parse_csv
{
	my ($text) = @_;
	my (@rows, @row);

	while ($text =~ /\G(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|\z)/gc)
	{
		my ($quoted, $bare, $end) = ($1, $2, $3);
		last if $end eq '' && !@row && !defined $quoted && $bare eq '';
		if (defined $quoted) { $quoted =~ s/""/"/g; }
		push @row, $quoted // ($bare eq '' ? undef : $bare);
		next if $end eq ',';
		push @rows, [@row];
		@row = ();
		last if $end eq '';
	}
	return @rows;
}

1;
