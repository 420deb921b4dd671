# What test/webhooks/package.json names, from the npm registry: the sender's own
# library and a client of PostgreSQL.  Neither node, nor npm, nor the registry is
# there everywhere.
#
#   my ($folder, $why) = Npm::packages();      # a folder with node_modules, or why there is none
#   my $out = Npm::node($folder, 'sign.js', $input, @arguments);

package Npm;

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename;
use File::Copy;
use File::Temp qw(tempdir);
use IPC::Run;

my $sources = abs_path(dirname(__FILE__) . '/../webhooks');
my @quiet = qw(--loglevel=error --no-audit --no-fund --ignore-scripts --no-update-notifier --fetch-retries=1 --fetch-timeout=20000);

sub run
{
	my ($seconds, $input, @command) = @_;
	my ($out, $err) = ('', '');
	my $process = eval { IPC::Run::start(\@command, '<', \$input, '>', \$out, '2>', \$err, IPC::Run::timeout($seconds)) };
	my $good = $process && eval { $process->finish };

	$err .= $@ if $@;
	$process->kill_kill(grace => 1) if $process && !$good;
	return ($good ? 1 : 0, $out, $err);
}

# Tests run as a user without a home.
sub packages
{
	my $folder = tempdir(CLEANUP => 1);
	local $ENV{HOME} = $folder;

	my ($has_node) = run(20, '', 'node', '-e', 'process.exit(parseInt(process.versions.node) >= 16 ? 0 : 1)');
	return (undef, 'there is no node of version 16 or later') if !$has_node;
	my ($has_npm) = run(20, '', 'npm', '--version');
	return (undef, 'there is no npm') if !$has_npm;
	copy("$sources/$_", "$folder/$_") or die "$_: $!" foreach qw(package.json package-lock.json);
	my ($good, undef, $err) = run(120, '', 'npm', 'ci', '--prefix', $folder, @quiet);
	return ($folder) if $good;
	my ($first) = $err =~ /(\S[^\n]*)/;
	return (undef, 'npm could not fetch packages: ' . ($first // 'it does not say why'));
}

# A script's copy beside the packages: node looks for them from there.
sub copy_in
{
	my ($folder, $script) = @_;
	my ($from) = grep { -f } "$sources/$script", "$sources/../../docs/$script";

	copy($from // $script, "$folder/$script") or die "$script: $!";
	return "$folder/$script";
}

# What a script of test/webhooks prints.
sub node
{
	my ($folder, $script, $input, @arguments) = @_;
	my ($good, $out, $err) = run(60, $input, 'node', copy_in($folder, $script), @arguments);

	die "node $script: $err\n" if !$good;
	return $out;
}

1;
