# The machine as a test wants it: a library that the server is started with
# answers for some names, and has authorities of its own.
#
#   my $library = Preload::library();        '' without a compiler
#   local $ENV{LD_PRELOAD} = $library if $library;
#
#   *.slow.invalid       no answer for a minute
#   *.none.invalid       there is no such name
#   *.threads.invalid    no such name, but twenty threads are started that have
#                        nothing to do with it
#   127.0.0.300          192.0.2.1, since it is no address but a name
#
# With AUTHORITIES in the environment, the files HASH.N of that folder stand
# for those of the system.

package Preload;

use strict;
use warnings;

use PostgreSQL::Test::Utils;

my $code = <<'C';
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void *
sleep_a_minute(void *arg)
{
	for (int i = 0; i < 60; i++)
		sleep(1);
	return NULL;
}

static int
ends_in(const char *name, const char *end)
{
	size_t		len = name ? strlen(name) : 0;

	return len >= strlen(end) && strcmp(name + len - strlen(end), end) == 0;
}

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res)
{
	int			(*real) (const char *, const char *, const struct addrinfo *, struct addrinfo **);

	real = (int (*) (const char *, const char *, const struct addrinfo *, struct addrinfo **)) dlsym(RTLD_NEXT, "getaddrinfo");
	if (ends_in(node, ".slow.invalid"))
	{
		sleep_a_minute(NULL);
		return EAI_AGAIN;
	}
	if (ends_in(node, ".none.invalid"))
		return EAI_NONAME;
	if (ends_in(node, ".threads.invalid"))
	{
		pthread_t	thread;

		for (int i = 0; i < 20; i++)
			(void) pthread_create(&thread, NULL, sleep_a_minute, NULL);
		return EAI_NONAME;
	}
	if (ends_in(node, "127.0.0.300"))
		return real("192.0.2.1", service, hints, res);
	return real(node, service, hints, res);
}

/* Where a file is, if it is one of the system's authorities. */
static const char *
moved(const char *path, char *place)
{
	const char *system = "/etc/ssl/certs/";
	const char *folder = getenv("AUTHORITIES");

	if (folder == NULL || strncmp(path, system, strlen(system)) != 0 || strspn(path + strlen(system), "0123456789abcdef") != 8)
		return path;
	snprintf(place, 1024, "%s/%s", folder, path + strlen(system));
	return place;
}

int
stat(const char *path, struct stat *st)
{
	int			(*real) (const char *, struct stat *) = (int (*) (const char *, struct stat *)) dlsym(RTLD_NEXT, "stat");
	char		place[1024];

	return real(moved(path, place), st);
}

FILE *
fopen(const char *path, const char *mode)
{
	FILE	   *(*real) (const char *, const char *) = (FILE *(*) (const char *, const char *)) dlsym(RTLD_NEXT, "fopen");
	char		place[1024];

	return real(moved(path, place), mode);
}

FILE *
fopen64(const char *path, const char *mode)
{
	return fopen(path, mode);
}
C

sub library
{
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $cc = $ENV{CC} || 'cc';

	open my $file, '>', "$dir/preload.c" or die "$dir/preload.c: $!";
	print $file $code;
	close $file or die "$dir/preload.c: $!";
	return system("$cc -shared -fPIC -o $dir/preload.so $dir/preload.c -ldl -lpthread 2>$dir/preload.log") == 0
	  ? "$dir/preload.so"
	  : '';
}

1;
