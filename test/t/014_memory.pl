# Want of memory inside libcurl, json-c and what they call ends in an error, or
# the statement goes on without; never in a crash or a wrong answer, and the
# next statement works.
#
# Each allocation that these libraries and the extension's own callbacks make
# fails in turn, once, and then together with all that follow.  Skipped
# without a compiler.

use strict;
use warnings;

use Fixture;
use PostgreSQL::Test::Utils;
use Test::More;

# A malloc that fails on demand, preloaded, which is an SQL module as well.
my $code = <<'C';
#define _GNU_SOURCE
#include "postgres.h"
#include "fmgr.h"
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

PG_MODULE_MAGIC;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *pointer, size_t size);

static struct
{
	uintptr_t	start;
	uintptr_t	end;
}			places[16];
static int	place_count;
static long	first;				/* call that fails; 0: none */
static long last;
static long calls;

static int
note_place(struct dl_phdr_info *info, size_t size, void *arg)
{
	static const char *const names[] = {"libcurl", "libjson-c", "libz.so", "connection_fdw.so"};

	for (int n = 0; n < 4; n++)
		for (int i = 0; strstr(info->dlpi_name, names[n]) && i < info->dlpi_phnum && place_count < 16; i++)
			if (info->dlpi_phdr[i].p_type == PT_LOAD && (info->dlpi_phdr[i].p_flags & PF_X))
			{
				places[place_count].start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
				places[place_count].end = places[place_count].start + info->dlpi_phdr[i].p_memsz;
				place_count++;
			}
	return 0;
}

static int
is_refused(void *caller)
{
	uintptr_t	at = (uintptr_t) caller;

	if (first == 0)
		return 0;
	for (int i = 0; i < place_count; i++)
		if (at >= places[i].start && at < places[i].end)
		{
			calls++;
			errno = ENOMEM;
			return calls >= first && calls <= last;
		}
	return 0;
}

void *
malloc(size_t size)
{
	return is_refused(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	return is_refused(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *pointer, size_t size)
{
	return is_refused(__builtin_return_address(0)) ? NULL : __libc_realloc(pointer, size);
}

char *
strdup(const char *text)
{
	size_t		size = strlen(text) + 1;
	char	   *copy = is_refused(__builtin_return_address(0)) ? NULL : __libc_malloc(size);

	return copy ? memcpy(copy, text, size) : NULL;
}

/* Let the calls from one to another fail; 0: none.  Tells how many there were. */
PG_FUNCTION_INFO_V1(refuse);
Datum
refuse(PG_FUNCTION_ARGS)
{
	long		before = calls;

	place_count = 0;
	dl_iterate_phdr(note_place, NULL);
	calls = 0;
	last = PG_GETARG_INT64(1);
	first = PG_GETARG_INT64(0);
	PG_RETURN_INT64(before);
}
C

sub failing_malloc
{
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $cc = $ENV{CC} || 'cc';
	my $headers = `pg_config --includedir-server`;

	chomp $headers;
	open my $out, '>', "$dir/refuse.c" or die "$dir/refuse.c: $!";
	print $out $code;
	close $out or die "$dir/refuse.c: $!";
	chmod 0755, $dir;
	return system("$cc -O1 -fno-builtin -shared -fPIC -I'$headers' -o $dir/refuse.so $dir/refuse.c 2>$dir/log") == 0 ? "$dir/refuse.so" : '';
}

my $library = failing_malloc() or plan skip_all => 'no compiler, or no headers of the server';
my $fixture;
{
	local $ENV{LD_PRELOAD} = $library;
	$fixture = Fixture->new(
		sandbox => { companies => 2, connections => 12, accounts => 2 },
		options => { max_retries => 0, request_timeout => '1s', connect_timeout => '1s', page_size => 5 });
}
my $sandbox = $fixture->sandbox;
my $company = $fixture->company(1);
my $connection = $fixture->connection(4);
$fixture->sql("CREATE FUNCTION refuse(bigint, bigint) RETURNS bigint LANGUAGE c AS '$library'");

# Try a statement with one call refused after the other, until it has none
# more; what came of it each time.
$fixture->sql(<<'SQL');
CREATE FUNCTION attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	value text;
BEGIN
	EXECUTE statement INTO value;
	RETURN value;
EXCEPTION WHEN OTHERS THEN
	RETURN 'ERROR ' || SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE FUNCTION sweep(statement text, together bool, OUT n bigint, OUT outcome text, OUT afterwards text) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
	calls bigint;
BEGIN
	FOR i IN 1 .. 2000 LOOP
		n := i;
		PERFORM refuse(i, CASE WHEN together THEN 1000000 ELSE i END);
		outcome := attempt(statement);
		calls := refuse(0, 0);
		afterwards := attempt(statement);
		EXIT WHEN calls < i;
		RETURN NEXT;
	END LOOP;
END
$$;
SQL

# What must be there is text with escapes, which json-c resolves, and gzip.
my $session = $fixture->session(start => 'SET client_min_messages = error');
$sandbox->fault({ kind => 'patch', path => '/connection/company/*', times => 1000000, set => { url => "a\tb\"c\\d" . ('e' x 200) . "\n" } });
my %statements = (
	'a listing' => "SELECT md5(string_agg(c::text, ',' ORDER BY id)) FROM api.connections c WHERE company_id = '$company'",
	'a look-up' => "SELECT c::text FROM api.connections c WHERE id = '$connection'",
	'a count' => "SELECT count(*) FROM api.connections WHERE company_id = '$company'",
	'a ping' => "SELECT ok::text FROM nectar.ping('api')",
	'an act' => "SELECT nectar.confirm_accounts('$connection', true, 'api')",);

foreach my $name (sort keys %statements)
{
	foreach my $together ('false', 'true')
	{
		my $right = $session->value($statements{$name});
		my ($out, $err) = $session->both("SELECT * FROM sweep(\$sweep\$$statements{$name}\$sweep\$, $together)");
		my @rows = map { [ split /\|/, $_, 3 ] } split /\n(?=\d+\|)/, $out;
		my (%seen, @wrong, @after);

		is($err, '', "$name: no crash");
		foreach my $row (@rows)
		{
			my ($n, $outcome, $afterwards) = @$row;

			$seen{ $outcome =~ /^ERROR (\S+)/ ? $1 : $outcome eq $right ? 'right' : 'other' }++;
			push @wrong, "$n: $outcome"
			  if $outcome ne $right && $outcome !~ /^ERROR (?:53200|08\d\d\d|NC\d\d\d)/ && !($name eq 'a ping' && $outcome eq 'false');
			push @after, "$n: $afterwards" if $afterwards ne $right;
		}
		cmp_ok(scalar @rows, '>', 20, "$name: calls refused, " . ($together eq 'true' ? 'with all that follow' : 'one each time'));
		is(join("\n", @wrong), '', "$name: an error, or the right answer");
		is(join("\n", @after), '', "$name: and it works again");
		diag "$name, " . scalar(@rows) . ' calls: ' . join ', ', map { "$_ $seen{$_}" } sort keys %seen;
	}
}
$session->quit;
$fixture->stop;
done_testing();
