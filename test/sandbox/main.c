/*-------------------------------------------------------------------------
 *
 * main.c
 *	  The sandbox: a stand-in of the Nectar API for tests and benchmarks.
 *
 * Reads the command line, starts what was asked for, says where it is, and
 * waits for the signal to end.
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control.h"
#include "data.h"
#include "log.h"
#include "server.h"
#include "text.h"
#include "wait.h"

#define PORT_OFF (-1)

typedef struct Options
{
	int64_t		port;
	int64_t		tls_port;		/* or PORT_OFF */
	int64_t		seed;
	int64_t		companies;
	int64_t		connections;
	int64_t		accounts;
	int64_t		latency_ms;
	const char *key;
	bool		listing_accounts;
	bool		odd_labels;
	const char *run_dir;		/* NULL for a temporary one */
	bool		exit_with_parent;
} Options;

typedef enum FlagType
{
	FLAG_NUMBER,
	FLAG_PORT_OR_OFF,
	FLAG_ON_OFF,
	FLAG_STRING,
	FLAG_PRESENT,
} FlagType;

typedef struct Flag
{
	const char *name;
	FlagType	type;
	size_t		offset;
	int64_t		max;
	const char *argument;
	const char *help;
} Flag;

#define FLAG(type, member) FLAG_##type, offsetof(Options, member)

static const Flag flags[] = {
	{"port", FLAG(NUMBER, port), 65535, "N",
	 "port for plain HTTP, 0 for any free one (default 0)"},
	{"tls-port", FLAG(PORT_OR_OFF, tls_port), 65535, "N|off",
	 "port for HTTPS, 0 for any free one (default 0)"},
	{"seed", FLAG(NUMBER, seed), INT64_MAX, "N",
	 "what the data depends on besides the sizes (default 1)"},
	{"companies", FLAG(NUMBER, companies), 100000, "N",
	 "number of companies (default 5)"},
	{"connections", FLAG(NUMBER, connections), 100000, "N",
	 "connections of each company (default 12)"},
	{"accounts", FLAG(NUMBER, accounts), 10000, "N",
	 "accounts of a connection on average (default 3)"},
	{"key", FLAG(STRING, key), 0, "KEY",
	 "the key which is accepted (default nectar-sandbox-key)"},
	{"latency-ms", FLAG(NUMBER, latency_ms), 3600000, "N",
	 "time every answer takes (default 0)"},
	{"listing-accounts", FLAG(ON_OFF, listing_accounts), 0, "on|off",
	 "whether listings carry accounts (default on)"},
	{"odd-labels", FLAG(ON_OFF, odd_labels), 0, "on|off",
	 "whether some statuses are not documented (default off)"},
	{"run-dir", FLAG(STRING, run_dir), 0, "DIR",
	 "where ca.pem goes (default a temporary folder)"},
	{"exit-with-parent", FLAG(PRESENT, exit_with_parent), 0, NULL,
	 "end when the process that started it ends"},
};

#define N_FLAGS (sizeof(flags) / sizeof(flags[0]))

/* the most connections and accounts which ids and indexes can number */
#define MAX_THINGS 100000000

static char run_dir[4096];
static bool run_dir_made;
static char ca_path[4096 + 16];

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "sandbox: %s: %s\n", what, why);
	exit(1);
}

/* --- command line --- */

static void
print_help(void)
{
	printf("A stand-in of the Nectar API on 127.0.0.1.\n\nUsage: sandbox "
		   "[--FLAG[=VALUE]]...\n\n");
	for (size_t i = 0; i < N_FLAGS; i++)
	{
		char		left[64];

		snprintf(left, sizeof(left), "--%s %s", flags[i].name,
				 flags[i].argument ? flags[i].argument : "");
		printf("  %-28s %s\n", left, flags[i].help);
	}
	printf("  %-28s %s\n", "--help", "this text");
}

static bool
read_number(const Flag *flag, const char *value, int64_t *place)
{
	char	   *end;

	errno = 0;
	*place = strtoll(value, &end, 10);
	return errno == 0 && end != value && *end == '\0' && *place >= 0
		&& *place <= flag->max;
}

static bool
read_on_off(const char *value, bool *place)
{
	*place = strcmp(value, "on") == 0;
	return *place || strcmp(value, "off") == 0;
}

static bool
read_flag(const Flag *flag, const char *value, Options *options)
{
	void	   *place = (char *) options + flag->offset;

	switch (flag->type)
	{
		case FLAG_PORT_OR_OFF:
			if (strcmp(value, "off") != 0)
				return read_number(flag, value, place);
			*(int64_t *) place = PORT_OFF;
			return true;
		case FLAG_NUMBER:
			return read_number(flag, value, place);
		case FLAG_ON_OFF:
			return read_on_off(value, place);
		case FLAG_STRING:
			*(const char **) place = value;
			return value[0] != '\0';
		case FLAG_PRESENT:
			*(bool *) place = true;
			return true;
	}
	return false;
}

static void
read_command_line(int argc, char **argv, Options *options)
{
	struct option longs[N_FLAGS + 2] = {0};
	int			at;

	for (size_t i = 0; i < N_FLAGS; i++)
	{
		longs[i].name = flags[i].name;
		longs[i].has_arg = flags[i].argument != NULL;
	}
	longs[N_FLAGS].name = "help";

	for (int c; (c = getopt_long(argc, argv, "", longs, &at)) != -1;)
	{
		if (c == '?')
			exit(2);
		if (at == N_FLAGS)
		{
			print_help();
			exit(0);
		}
		if (!read_flag(&flags[at], optarg, options))
		{
			fprintf(stderr, "sandbox: invalid value for --%s: \"%s\"\n",
					flags[at].name, optarg);
			exit(2);
		}
	}
	if (optind < argc)
	{
		fprintf(stderr, "sandbox: unexpected argument \"%s\"\n", argv[optind]);
		exit(2);
	}
	if (options->companies * options->connections > MAX_THINGS
		|| options->companies * options->connections * options->accounts
		> MAX_THINGS)
		die("sizes", "too much data");
}

/* --- the run directory --- */

/* Make it readable for whoever runs the client. */
static void
open_run_dir(const char *given)
{
	const char *parent = getenv("TMPDIR");

	if (given != NULL)
		snprintf(run_dir, sizeof(run_dir), "%s", given);
	else
	{
		snprintf(run_dir, sizeof(run_dir), "%s/sandbox-XXXXXX",
				 parent && parent[0] ? parent : "/tmp");
		if (mkdtemp(run_dir) == NULL)
			die(run_dir, strerror(errno));
		chmod(run_dir, 0755);
		run_dir_made = true;
	}
}

static void
write_ca(const Certificate *certificate)
{
	FILE	   *file;

	snprintf(ca_path, sizeof(ca_path), "%s/ca.pem", run_dir);
	file = fopen(ca_path, "w");
	if (file == NULL || fputs(certificate->ca, file) == EOF
		|| fclose(file) != 0 || chmod(ca_path, 0644) != 0)
		die(ca_path, strerror(errno));
}

static void
remove_run_dir(void)
{
	if (ca_path[0] != '\0')
		unlink(ca_path);
	if (run_dir_made)
		rmdir(run_dir);
}

/* --- life --- */

/* Block the signals to end for every thread; the main one waits for them. */
static sigset_t
block_signals(bool exit_with_parent)
{
	pid_t		parent = getppid();
	sigset_t	ending;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ending, NULL);

	if (exit_with_parent)
	{
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			exit(0);			/* it ended before we could ask */
	}
	return ending;
}

static void
raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
	{
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static uint16_t
listen_or_die(int64_t port, const Certificate *certificate)
{
	uint16_t	got = server_listen(port, certificate);
	char		what[64];

	snprintf(what, sizeof(what), "could not listen on port %d", (int) port);
	if (got == 0)
	{
		remove_run_dir();
		die(what, strerror(errno));
	}
	return got;
}

static void
start_https(const Options *options)
{
	static Certificate certificate;
	uint16_t	port;

	certificate = tls_make_certificate();
	open_run_dir(options->run_dir);
	write_ca(&certificate);
	port = listen_or_die(options->tls_port, &certificate);
	printf("https=https://localhost:%u\nca=%s\n", port, ca_path);
}

static void
start(const Options *options)
{
	DataSize	size = {
		.seed = options->seed,
		.companies = options->companies,
		.connections = options->connections,
		.accounts = options->accounts,
		.odd_labels = options->odd_labels,
	};
	ServerOptions server = {
		.key = options->key,
		.listing_accounts = options->listing_accounts,
	};

	raise_fd_limit();
	data_start(&size);
	log_start();
	control_start(options->latency_ms);
	wait_start();
	server_start(&server);

	printf("http=http://127.0.0.1:%u\n", listen_or_die(options->port, NULL));
	if (options->tls_port != PORT_OFF)
		start_https(options);
	printf("ready\n");
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	Options		options = {
		.seed = 1,
		.companies = 5,
		.connections = 12,
		.accounts = 3,
		.key = "nectar-sandbox-key",
		.listing_accounts = true,
	};
	sigset_t	ending;
	int			signal_number;

	read_command_line(argc, argv, &options);
	ending = block_signals(options.exit_with_parent);
	start(&options);
	sigwait(&ending, &signal_number);
	remove_run_dir();
	/* at once: no farewell to clients which may be waiting for an answer */
	_exit(0);
}
