/*-------------------------------------------------------------------------
 *
 * options.h
 *	  Options as rows: place, kind, bounds, default, secrecy, destination.
 *
 * One table in options.c; the validator, its hints, nectar.options() and
 * the documentation check derive from it.  Durations are kept in
 * milliseconds, sizes in kilobytes; both take PostgreSQL's units.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_OPTIONS_H
#define CFDW_OPTIONS_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/uuid.h"

/* Where an option may stand. */
typedef enum CfdwPlace
{
	CFDW_PLACE_SERVER = 1 << 0,
	CFDW_PLACE_MAPPING = 1 << 1,
	CFDW_PLACE_TABLE = 1 << 2,
	CFDW_PLACE_COLUMN = 1 << 3,
	CFDW_PLACE_IMPORT = 1 << 4
} CfdwPlace;

typedef enum CfdwUnknownStatus
{
	CFDW_UNKNOWN_NULL,
	CFDW_UNKNOWN_ERROR
} CfdwUnknownStatus;

typedef enum CfdwAccountsSource
{
	CFDW_ACCOUNTS_AUTO,
	CFDW_ACCOUNTS_LIST,
	CFDW_ACCOUNTS_DETAILS
} CfdwAccountsSource;

typedef enum CfdwStatusType
{
	CFDW_STATUS_ENUM,
	CFDW_STATUS_TEXT
} CfdwStatusType;

/* Options in effect.  Strings belong to whoever filled the struct. */
typedef struct CfdwOptions
{
	/* server */
	char	   *base_url;
	char	   *dashboard_url;
	char	   *company_ids;	/* NULL: every company; also on tables */
	char	   *ca_file;
	char	   *proxy;
	int			page_size;		/* rows */
	int			max_concurrency;	/* requests */
	int			max_requests;	/* per statement, 0: no limit */
	int			scan_memory;	/* kB */
	int			connect_timeout;	/* ms */
	int			request_timeout;	/* ms */
	int			max_retries;
	int			retry_max_delay;	/* ms */
	int			max_response_size;	/* kB */
	bool		read_only;
	bool		updatable;		/* also on tables */
	int			on_unknown_status;	/* CfdwUnknownStatus; also on tables */
	int			accounts_source;	/* CfdwAccountsSource */

	/* user mapping */
	char	   *api_key;
	char	   *api_key_file;
	char	   *webhook_secret; /* one or more; see signature.h */

	/* foreign table, column */
	char	   *resource;
	char	   *json_path;

	/* IMPORT FOREIGN SCHEMA */
	int			status_type;	/* CfdwStatusType */
	bool		attrs;
} CfdwOptions;

/* What nectar.options() shows of a row.  All strings are constant or palloc'd. */
typedef struct CfdwOptionRow
{
	const char *name;
	int			places;			/* CfdwPlace bits */
	const char *type;			/* "integer", "duration", ... */
	const char *defval;			/* NULL: none */
	const char *minval;			/* NULL: none */
	const char *maxval;
	bool		secret;
	bool		superuser;
	const char *help;
} CfdwOptionRow;

/* Fill with defaults. */
extern void cfdw_options_init(CfdwOptions *options);

/* Overlay what a catalog row says: already validated, so never raises. */
extern void cfdw_options_apply(CfdwOptions *options, List *defelems);

/* Overlay one option of it; a name that is not known is ignored. */
extern void cfdw_options_set(CfdwOptions *options, const char *name, const char *value);

/* Raise unless every option may stand in that place with that value. */
extern void cfdw_options_validate(List *defelems, CfdwPlace place);

/* The place that a catalog's OID stands for; 0 for a foreign-data wrapper. */
extern int	cfdw_place_of_catalog(Oid catalog);

/*
 * The uuids of a company_ids option, sorted.  Raises when it is no list: the
 * validator may have been taken away.
 */
extern pg_uuid_t *cfdw_options_companies(const char *company_ids, int *count);

/* Row `index` of the table; false past its end. */
extern bool cfdw_option_row(int index, CfdwOptionRow *row);

/* The name of one place: "server", "user mapping", ... */
extern const char *cfdw_place_name(CfdwPlace place);

/*
 * Raise unless the key can be a header's value: not empty, visible ASCII.
 * The key is not shown.  `what` names the option or the file.
 */
extern void cfdw_options_check_key(const char *key, const char *what);

#endif							/* CFDW_OPTIONS_H */
