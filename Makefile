# connection_fdw: a Nectar organization as foreign tables.
#
#   make, make install, make installcheck    as in any PGXS extension
#   make test, make demo                     set the machine up themselves (Debian-like, with apt)
#   make bench                               times and memory beside what they are promised to be near
#   make fuzz SECONDS=3600                   bodies as a fuzzer makes them; goes on where it ended
#   make sanitize, make valgrind              suites, or SUITES, under sanitizers, under Valgrind
#   make checks, make format                 rules that need no database; pg_bsd_indent over the C files

EXTENSION  = connection_fdw
MODULE_big = connection_fdw
DATA       = $(notdir $(wildcard $(srcdir)/connection_fdw--*.sql))
OBJS       = $(patsubst $(srcdir)/%.c,%.o,$(sort $(wildcard $(srcdir)/src/*.c)))
PGFILEDESC = "connection_fdw - foreign data wrapper for the Nectar API"

# One suite per behaviour; test/checks/suites holds that this list and sql/ agree.
REGRESS = \
	install \
	options \
	import \
	routes \
	clauses \
	joins \
	pages \
	accounts \
	errors \
	faults \
	values \
	json \
	secrets \
	acts \
	manage \
	invitations \
	invites \
	explain \
	limits \
	memo \
	scope \
	privileges \
	types \
	analyze \
	bi \
	rows \
	cursors \
	shapes \
	reports \
	counts \
	appends \
	readers \
	updates \
	webhooks \
	history

# What two sessions do in turns; see specs/.
ISOLATION = change

# Every suite gets a sandbox API of its own.  The suites create the extension
# themselves, as `install` is about doing so.
REGRESS_PREP = sandbox
ENCODING     = UTF8
NO_LOCALE    = yes
REGRESS_OPTS = --launcher=$(srcdir)/test/lib/with-sandbox
ISOLATION_OPTS = $(REGRESS_OPTS)

# What PostgreSQL's own headers trip is off, everything else of -Wextra is on.
# PGXS does not track headers: the compiler does.
WARNINGS    = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare
PG_CPPFLAGS = -I$(srcdir)/src $(shell pkg-config --cflags libcurl json-c 2>/dev/null)
PG_CFLAGS   = $(WARNINGS) -MMD -MP
SHLIB_LINK  = $(or $(shell pkg-config --libs libcurl json-c 2>/dev/null),-lcurl -ljson-c)
EXTRA_CLEAN = src/*.d src/*.bc tmp_check

# Bitcode for inlining needs the very clang that PostgreSQL was built with, and
# a wrapper that waits for a network gains nothing: only `make with_llvm=yes`.
ifneq ($(origin with_llvm),command line)
override with_llvm = no
endif

PG_CONFIG ?= pg_config
PGXS      := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
PGHEADER  := $(shell $(PG_CONFIG) --includedir-server 2>/dev/null)/postgres.h
srcdir    ?= .

all:

ifneq ($(and $(PGXS),$(wildcard $(PGXS)),$(wildcard $(PGHEADER))),)
include $(PGXS)
-include $(OBJS:.o=.d)

clean: clean-sandbox clean-bench
else
# A bare machine: `make test` and `make demo` install what is missing, then
# call make again.
.PHONY: all install uninstall installcheck clean
all install uninstall installcheck clean:
	@echo "PostgreSQL's server headers are missing ($(PG_CONFIG) --pgxs finds none)." >&2
	@echo "Run test/setup, or install postgresql-server-dev-15 and set PG_CONFIG." >&2
	@exit 1
endif

.PHONY: sandbox clean-sandbox clean-bench list-suites test fuzz sanitize valgrind demo demo-stop bench
.PHONY: checks check-format format list-specs

sandbox:
	@$(MAKE) --no-print-directory -C $(srcdir)/test/sandbox

clean-sandbox:
	@$(MAKE) --no-print-directory -C $(srcdir)/test/sandbox clean

clean-bench:
	@$(MAKE) --no-print-directory -C $(srcdir)/test/bench clean

# for scripts
list-suites:
	@echo $(REGRESS)

list-specs:
	@echo $(ISOLATION)

test:
	@$(srcdir)/test/run

fuzz:
	@$(srcdir)/test/fuzz/run $(or $(SECONDS),60)

sanitize:
	@$(srcdir)/test/sanitize $(SUITES)

valgrind:
	@$(srcdir)/test/valgrind $(SUITES)

demo:
	@KEEP='$(KEEP)' $(srcdir)/test/demo

demo-stop:
	@$(srcdir)/test/demo stop

# ONLY='P2 P3' measures parts; RECORD=1 renews docs/benchmarks.md
bench:
	@ONLY='$(ONLY)' RECORD='$(RECORD)' $(srcdir)/test/bench/run

checks:
	@$(srcdir)/test/checks/run

check-format:
	@$(srcdir)/test/checks/format

format:
	@$(srcdir)/test/checks/format --fix
