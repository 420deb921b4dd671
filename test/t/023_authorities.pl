# Whose certificates are trusted: the system's authorities, or those of
# ca_file alone, as the file is now.
#
# The server's process sees a folder of ours in place of the system's; skipped
# without a compiler or openssl.

use strict;
use warnings;

use Fixture;
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir();
my $system = "$dir/certs";
mkdir $system or die "$system: $!";

# Files of /etc/ssl/certs/ are those of our folder.
sub other_folder
{
	my $cc = $ENV{CC} || 'cc';

	open my $code, '>', "$dir/certs.c" or die "$dir/certs.c: $!";
	print $code <<"C";
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *
moved(const char *path, char *room, size_t size)
{
	static const char from[] = "/etc/ssl/certs/";

	if (strncmp(path, from, sizeof(from) - 1) != 0)
		return path;
	snprintf(room, size, "%s/%s", "$system", path + sizeof(from) - 1);
	return room;
}

#define MOVED moved(path, room, sizeof(room))

FILE *
fopen(const char *path, const char *mode)
{
	char		room[4096];

	return ((FILE *(*) (const char *, const char *)) dlsym(RTLD_NEXT, "fopen")) (MOVED, mode);
}

FILE *
fopen64(const char *path, const char *mode)
{
	return fopen(path, mode);
}

int
stat(const char *restrict path, struct stat *restrict out)
{
	char		room[4096];

	return ((int (*) (const char *, struct stat *)) dlsym(RTLD_NEXT, "stat")) (MOVED, out);
}

int
stat64(const char *restrict path, struct stat64 *restrict out)
{
	char		room[4096];

	return ((int (*) (const char *, struct stat64 *)) dlsym(RTLD_NEXT, "stat64")) (MOVED, out);
}
C
	close $code or die "$dir/certs.c: $!";
	return system("$cc -shared -fPIC -o $dir/certs.so $dir/certs.c -ldl 2>$dir/certs.log") == 0 ? "$dir/certs.so" : '';
}

my $preload = other_folder();
plan(skip_all => 'needs a C compiler and openssl') if !$preload || system('openssl version >/dev/null 2>&1') != 0;

my $fixture;
{
	local $ENV{LD_PRELOAD} = $preload;
	$fixture = Fixture->new(sandbox => { companies => 2, connections => 2 });
}
my $sandbox = $fixture->sandbox;
my $other = Sandbox->new(companies => 1, connections => 1);
my $file = "$dir/ca.pem";

sub copy
{
	my ($from, $to) = @_;
	open my $out, '>', $to or die "$to: $!";
	print $out slurp_file($from);
	close $out or die "$to: $!";
	return;
}

copy($sandbox->ca, "$system/sandbox.pem");
system('openssl', 'rehash', $system) == 0 or die 'openssl rehash';
copy($sandbox->ca, "$system/ca-certificates.crt");

# An authority of another name: those of sandboxes have the same, and OpenSSL looks no further than the first.
my $foreign = "$dir/foreign.pem";
system("openssl req -x509 -newkey rsa:2048 -nodes -keyout $dir/foreign.key -out $foreign -subj /CN=foreign -days 2 2>/dev/null") == 0
  or die 'openssl req';
copy($foreign, $file);
$fixture->server('trusting', base_url => $sandbox->https . '/v2.2', max_retries => 0);
$fixture->server('elsewhere', base_url => $other->https . '/v2.2', max_retries => 0);
$fixture->server('fenced', base_url => $sandbox->https . '/v2.2', ca_file => $file, max_retries => 0);
my $refused = qr/^ERROR:  NC495:/m;

# Each in a session of its own: a TLS session that stands is kept.
sub count { return $fixture->session->value("SELECT count(*) FROM $_[0].companies"); }
sub refusal { return $fixture->session->error("SELECT count(*) FROM $_[0].companies"); }

SKIP:
{
	skip 'libcurl looks for the system\'s authorities elsewhere', 2 if refusal('trusting') =~ $refused;
	is(count('trusting'), 2, "the system's authorities are trusted");
	like(refusal('elsewhere'), $refused, 'others are not');
}
like(refusal('fenced'), $refused, "with ca_file, the system's authorities are not trusted");

# The file counts as it is when a TLS session is made.
my $session = $fixture->session;
like($session->error('SELECT count(*) FROM fenced.companies'), $refused, 'a file with another authority');
copy($sandbox->ca, $file);
is($session->value('SELECT count(*) FROM fenced.companies'), 2, 'written anew, it is read again by the same session');
copy($foreign, $file);
like(refusal('fenced'), $refused, 'and once more');
unlink $file;
like(refusal('fenced'), $refused, 'a file that is missing vouches for nobody');

$session->quit;
$other->stop;
$fixture->stop;
done_testing();
