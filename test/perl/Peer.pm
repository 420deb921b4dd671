# A peer at a raw socket, for what no library would send or show.
#
#   my $peer = Peer->new(sub { my ($socket, $request, $n) = @_; return "HTTP/1.1 200 OK\r\n..." });
#   $peer->port; $peer->http                     http://127.0.0.1:PORT
#   my @raw = $peer->requests;                   the bytes of each, as they came
#
# The sub is called for each request, in a process of its own for each TCP
# connection; $n counts the requests of that, and the peer itself is the fourth
# argument.  What it returns is sent, and the connection ends unless that says
# "Connection: keep-alive".  When it returns undef, it has done what it wanted
# with the socket.  With "at_once", it is called once, before anything is read.

package Peer;

use strict;
use warnings;

use Fcntl;
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use PostgreSQL::Test::Utils;

my $count = 0;

sub new
{
	my ($class, $answer, %options) = @_;
	my $socket = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1', LocalPort => 0)
	  or die "socket: $!";

	return $class->process($socket->sockport, sub { $_[0]->listen_on($socket, $answer, %options) });
}

# A process of its own that does it all by itself.
sub process
{
	my ($class, $port, $work) = @_;
	my $log = PostgreSQL::Test::Utils::tempdir() . '/peer.' . ++$count;
	my $self = bless { log => $log, port => $port, owner => $$ }, $class;

	append_to_file($log, '');
	defined(my $child = fork) or die "fork: $!";
	if ($child == 0)
	{
		setpgrp;
		alarm 300;
		eval { $work->($self); 1 } or print STDERR "peer: $@";
		POSIX::_exit(0);
	}
	$self->{child} = $child;
	return $self;
}

sub listen_on
{
	my ($self, $socket, $answer, %options) = @_;

	$SIG{CHLD} = 'IGNORE';
	while (my $client = $socket->accept)
	{
		my $pid = fork;
		next if $pid;
		alarm 300;
		$SIG{PIPE} = 'IGNORE';
		eval { $options{at_once} ? $answer->($client, undef, 0, $self) : $self->converse($client, $answer); 1 }
		  or print STDERR "peer: $@";
		POSIX::_exit(0);
	}
	return;
}

sub converse
{
	my ($self, $client, $answer) = @_;

	for (my $n = 1; defined(my $request = $self->read_request($client)); $n++)
	{
		my $bytes = $answer->($client, $request, $n, $self);
		return if !defined $bytes;
		$client->syswrite($bytes);
		return if $bytes !~ /^Connection: keep-alive\r$/mi;
	}
	return;
}

# One request, noted as it came; undef when there is none.
sub read_request
{
	my ($self, $client) = @_;
	my $bytes = '';
	my $whole = 0;

	while (!$whole && $client->sysread($bytes, 65536, length $bytes))
	{
		my ($head, $body) = $bytes =~ /^(.*?\r\n\r\n)(.*)$/s or next;
		my ($length) = $head =~ /^content-length: *(\d+)/mi;
		$whole = length $body >= ($length // 0);
	}
	$self->note($bytes) if $bytes ne '';
	return $whole ? $bytes : undef;
}

sub note
{
	my ($self, $bytes) = @_;

	sysopen my $log, $self->{log}, O_WRONLY | O_APPEND or die "$self->{log}: $!";
	syswrite $log, pack('N/a*', $bytes);
	close $log;
	return;
}

# Move bytes both ways until one side ends; what the first says is noted.
sub relay
{
	my ($self, $near, $far) = @_;
	my $both = IO::Select->new($near, $far);

	while (my @ready = $both->can_read)
	{
		foreach my $from (@ready)
		{
			return if !sysread $from, my $bytes, 65536;
			$self->note($bytes) if $from == $near;
			syswrite $from == $near ? $far : $near, $bytes;
		}
	}
	return;
}

sub port { return $_[0]{port}; }
sub http { return "http://127.0.0.1:$_[0]{port}"; }

sub requests
{
	my ($self) = @_;
	my @requests = unpack '(N/a*)*', slurp_file($self->{log});
	return @requests;
}

# Forget what was noted.
sub clear
{
	my ($self) = @_;
	truncate $self->{log}, 0;
	return;
}

# A whole answer.
sub answer
{
	my ($status, $body, @headers) = @_;
	return join("\r\n", "HTTP/1.1 $status", 'Content-Type: application/json', 'Content-Length: ' . length $body,
		@headers, '', '') . $body;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $@, $!);
	return if $self->{owner} != $$;
	kill 'KILL', -$self->{child};
	waitpid $self->{child}, 0;
	return;
}

1;
