# Name resolution as a test wants it: a library that the server is started
# with answers for some names.
#
#   my $library = Resolver::preload();        '' without a compiler
#   local $ENV{LD_PRELOAD} = $library if $library;
#
#   *.slow.invalid       no answer for a minute
#   *.none.invalid       there is no such name
#   *.here.invalid       127.0.0.1
#   *.threads.invalid    no such name, but twenty threads are started that have
#                        nothing to do with it
#   127.0.0.300          192.0.2.1, since it is no address but a name

package Resolver;

use strict;
use warnings;

use PostgreSQL::Test::Utils;

my $code = <<'C';
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <string.h>
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
	if (ends_in(node, ".here.invalid"))
		return real("127.0.0.1", service, hints, res);
	if (ends_in(node, "127.0.0.300"))
		return real("192.0.2.1", service, hints, res);
	return real(node, service, hints, res);
}
C

sub preload
{
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $cc = $ENV{CC} || 'cc';

	open my $file, '>', "$dir/resolver.c" or die "$dir/resolver.c: $!";
	print $file $code;
	close $file or die "$dir/resolver.c: $!";
	return system("$cc -shared -fPIC -o $dir/resolver.so $dir/resolver.c -ldl -lpthread 2>$dir/resolver.log") == 0
	  ? "$dir/resolver.so"
	  : '';
}

1;
