# A peer on a raw socket: sends what no HTTP library would.
#
#   my $peer = Peer->new(sub {
#       my ($socket, $path, $head) = @_;
#       print $socket "HTTP/1.1 200 OK\r\n...";
#       return 1;                                  what comes next on this socket is answered too
#   });
#   $peer->url                                     http://127.0.0.1:PORT
#
# Each TCP connection has a process of its own, which ends with the peer, or
# when the client is gone.

package Peer;

use strict;
use warnings;

use IO::Handle;
use IO::Socket::INET;
use POSIX ();

sub new
{
	my ($class, $answer) = @_;
	my $listener = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1', LocalPort => 0)
	  or die "socket: $!";
	my $self = bless { url => 'http://127.0.0.1:' . $listener->sockport }, $class;

	$self->{pid} = fork() // die "fork: $!";
	if ($self->{pid} == 0)
	{
		setpgrp(0, 0);
		eval { serve($listener, $answer); 1 } or print STDERR "peer: $@";
		POSIX::_exit(0);
	}
	return $self;
}

sub url { return $_[0]{url}; }

sub serve
{
	my ($listener, $answer) = @_;

	$SIG{CHLD} = 'IGNORE';
	$SIG{TERM} = 'DEFAULT';
	while (my $socket = $listener->accept)
	{
		my $pid = fork();
		if (defined $pid && $pid == 0)
		{
			close $listener;
			alarm 60;
			$socket->autoflush(1);
			eval { converse($socket, $answer); 1 } or print STDERR "peer: $@";
			POSIX::_exit(0);
		}
		close $socket;
	}
	return;
}

# Request after request, for as long as the answers want it.
sub converse
{
	my ($socket, $answer) = @_;
	my $text = '';

	# a write to a client that is gone ends this process
	$SIG{PIPE} = 'DEFAULT';
	while (sysread($socket, $text, 65536, length $text))
	{
		while ($text =~ s/\A(\w+ (\S+) [^\n]*\n.*?\r\n)\r\n//s)
		{
			return if !$answer->($socket, $2, $1);
		}
	}
	return;
}

sub stop
{
	my ($self) = @_;
	my $pid = delete $self->{pid} or return;
	local ($?, $!);

	kill 'TERM', -$pid;
	waitpid $pid, 0;
	return;
}

sub DESTROY { $_[0]->stop; return; }

1;
