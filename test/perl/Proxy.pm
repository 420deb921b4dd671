# nghttpx before the sandbox: TLS, and HTTP/2 for whoever offers it.
#
#   my $proxy = Proxy->new($sandbox, $authority->certificate('DNS:localhost'));     undef without nghttpx
#   $proxy->url                                   https://localhost:PORT
#   foreach my $request ($proxy->requests) ...    a hash: port (of the client), alpn, method, uri, status
#   $proxy->stop; $proxy->start;

package Proxy;

use strict;
use warnings;

use IO::Socket::INET;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep time);

my $count = 0;

sub new
{
	my ($class, $sandbox, $pair, @arguments) = @_;
	my ($program) = grep { -x } map { "$_/nghttpx" } split(/:/, $ENV{PATH}), '/usr/sbin', '/usr/local/sbin';
	return if !$program;

	my $base = PostgreSQL::Test::Utils::tempdir() . '/proxy.' . ++$count;
	my $self = bless { log => "$base.log", port => PostgreSQL::Test::Cluster::get_free_port() }, $class;
	my ($behind) = $sandbox->http =~ /:(\d+)$/;
	append_to_file("$base.conf", '');
	append_to_file("$base.log", '');
	$self->{command} = [
		'setpriv', '--pdeathsig', 'KILL', $program, "--conf=$base.conf",
		"--frontend=127.0.0.1,$self->{port}", "--backend=127.0.0.1,$behind", '--workers=1', '--no-ocsp',
		"--errorlog-file=$base.err", "--accesslog-file=$self->{log}", '--accesslog-write-early',
		'--accesslog-format=$remote_port $alpn $status $method $path', @arguments, $pair->{key}, $pair->{cert}];
	return $self->start;
}

sub start
{
	my ($self) = @_;
	my $end = time + 30;

	defined(my $pid = fork) or die "fork: $!";
	if ($pid == 0)
	{
		setpgrp;
		open STDERR, '>', '/dev/null';
		exec { $self->{command}[0] } @{ $self->{command} } or POSIX::_exit(1);
	}
	$self->{pid} = $pid;
	until (IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{port}"))
	{
		die "nghttpx did not start\n" if time > $end;
		sleep 0.02;
	}
	return $self;
}

# At once; or gracefully, in which case open sessions are told by a GOAWAY,
# and what was asked is answered first.
sub stop
{
	my ($self, $gracefully) = @_;
	my $pid = delete $self->{pid} or return $self;

	kill $gracefully ? ('QUIT', $pid) : ('KILL', -$pid);
	waitpid $pid, 0;
	return $self;
}

sub url { return "https://localhost:$_[0]{port}"; }

sub requests
{
	my ($self) = @_;
	my @requests;

	foreach my $line (split /\n/, slurp_file($self->{log}, $self->{offset} // 0))
	{
		my %request;
		@request{qw(port alpn status method uri)} = split / /, $line;
		push @requests, \%request;
	}
	return @requests;
}

sub clear_log
{
	my ($self) = @_;
	$self->{offset} = -s $self->{log};
	return;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $@, $!);
	$self->stop;
	return;
}

1;
