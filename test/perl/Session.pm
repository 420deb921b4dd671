# One psql, and so one backend, to which statements are sent one by one, with
# or without waiting for what comes of them.
#
#   my $session = Session->new($node, user => 'analyst');
#   is($session->value('SELECT 1'), 1);
#   like($session->error('SELECT 1/0'), qr/22012/);
#   $session->send('SELECT pg_sleep(60)'); ... my ($rows, $messages) = $session->finish;
#
# Messages carry their SQLSTATE.  Setup that every session needs goes into
# "start", as SQL.

package Session;

use strict;
use warnings;

use IPC::Run;

sub new
{
	my ($class, $node, %options) = @_;
	my $connection = $node->connstr($options{database} // 'postgres');
	$connection .= " user=$options{user}" if $options{user};
	my @command = (
		$node->installed_command('psql'), '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $connection, '-f', '-');
	my $self = bless { in => '', out => '', err => '', count => 0 }, $class;

	$self->{timer} = IPC::Run::timeout(120);
	$self->{run} = IPC::Run::start(\@command, '<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err}, $self->{timer});
	$self->{pid} = $self->value('SELECT pg_backend_pid()');
	$self->value($options{start}) if $options{start};
	return $self;
}

sub pid { return $_[0]{pid}; }

# Begin a statement, or several.
sub send
{
	my ($self, $sql) = @_;
	my $mark = 'end of ' . ++$self->{count};

	$self->{timer}->start;
	$self->{in} .= "$sql\n;\n\\echo '$mark'\n\\warn '$mark'\n";
	eval { $self->{run}->pump_nb while length $self->{in} && $self->{run}->pumpable; 1 }
	  or die "psql: $@";
	return $self;
}

# Rows and messages of what was sent; also when the session ends on it.
sub finish
{
	my ($self) = @_;
	my $mark = qr/^end of $self->{count}\n/m;

	eval
	{
		$self->{run}->pump
		  until ($self->{out} =~ $mark && $self->{err} =~ $mark) || !$self->{run}->pumpable;
		1;
	} or die "psql: $@";
	my ($out, $err) = ($self->{out}, $self->{err});
	($self->{out}, $self->{err}) = ('', '');
	s/$mark// for $out, $err;
	$err =~ s/^psql:<stdin>:\d+: //mg;
	chomp $out;
	return ($out, $err);
}

sub both
{
	my ($self, $sql) = @_;
	return $self->send($sql)->finish;
}

# Rows of a statement that must succeed.
sub value
{
	my ($self, $sql) = @_;
	my ($out, $err) = $self->both($sql);
	die "unexpected: $err\nin: $sql\n" if $err =~ /ERROR:|FATAL:|PANIC:|connection to server was lost/;
	return $out;
}

# Messages of a statement.
sub error
{
	my ($self, $sql) = @_;
	return ($self->both($sql))[1];
}

sub quit
{
	my ($self) = @_;
	my $run = delete $self->{run} or return;

	if ($run->pumpable)
	{
		$self->{in} .= "\\q\n";
		eval { $run->finish; 1 } or $run->kill_kill(grace => 1);
	}
	return;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $@, $!);
	$self->quit;
	return;
}

1;
