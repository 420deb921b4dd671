/*-------------------------------------------------------------------------
 *
 * options.c
 *	  Options as rows: place, kind, bounds, default, secrecy, destination.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "options.h"

#include <limits.h>

#include "catalog/pg_attribute.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "compat.h"
#include "miscadmin.h"
#include "resource.h"
#include "signature.h"
#include "text.h"
#include "utils/builtins.h"
#include "utils/guc.h"

typedef enum OptionKind
{
	OPT_BOOL,
	OPT_INT,
	OPT_DURATION,
	OPT_SIZE,
	OPT_CHOICE,
	OPT_URL,
	OPT_PROXY,
	OPT_FILE,
	OPT_KEY,
	OPT_SECRETS,
	OPT_UUIDS,
	OPT_RESOURCE,
	OPT_JSON_PATH
} OptionKind;

static const char *const kind_names[] = {
	[OPT_BOOL] = "boolean",
	[OPT_INT] = "integer",
	[OPT_DURATION] = "duration",
	[OPT_SIZE] = "size",
	[OPT_CHOICE] = "choice",
	[OPT_URL] = "URL",
	[OPT_PROXY] = "URL",
	[OPT_FILE] = "file",
	[OPT_KEY] = "text",
	[OPT_SECRETS] = "secret list",
	[OPT_UUIDS] = "uuid list",
	[OPT_RESOURCE] = "choice",
	[OPT_JSON_PATH] = "dotted path",
};

typedef struct OptionDef
{
	const char *name;
	int			places;
	OptionKind	kind;
	size_t		offset;
	const char *defval;
	int			min;			/* in the kept unit */
	int			max;
	const char *const *choices; /* NULL-terminated, index = value */
	bool		secret;
	bool		superuser;
	const char *help;
} OptionDef;

static const char *const unknown_choices[] = {"null", "error", NULL};
static const char *const accounts_choices[] = {"auto", "list", "details", NULL};
static const char *const status_choices[] = {"enum", "text", NULL};

#define DEST(field) offsetof(CfdwOptions, field)

static const OptionDef option_defs[] = {
	{.name = "base_url", .places = CFDW_PLACE_SERVER, .kind = OPT_URL,
	 .offset = DEST(base_url),
	 .defval = "https://external.nectarclimate.com/v2.2",
	 .help = "Where the API is, version included; plain http is for superusers and loopback only."},
	{.name = "dashboard_url", .places = CFDW_PLACE_SERVER, .kind = OPT_URL,
	 .offset = DEST(dashboard_url),
	 .defval = "https://dash.nectarclimate.com",
	 .help = "Host that magic links are built on."},
	{.name = "company_ids", .places = CFDW_PLACE_SERVER | CFDW_PLACE_TABLE,
	 .kind = OPT_UUIDS, .offset = DEST(company_ids),
	 .help = "Scope: companies outside this comma-separated list have no rows and cannot be acted on."},
	{.name = "page_size", .places = CFDW_PLACE_SERVER, .kind = OPT_INT,
	 .offset = DEST(page_size), .defval = "500", .min = 1, .max = 500,
	 .help = "Connections asked for in one page."},
	{.name = "max_concurrency", .places = CFDW_PLACE_SERVER, .kind = OPT_INT,
	 .offset = DEST(max_concurrency), .defval = "10", .min = 1, .max = 64,
	 .help = "Requests in flight at once, per session and server."},
	{.name = "max_requests", .places = CFDW_PLACE_SERVER, .kind = OPT_INT,
	 .offset = DEST(max_requests), .defval = "0", .min = 0, .max = INT_MAX,
	 .help = "Requests that one statement may send; 0: no limit."},
	{.name = "scan_memory", .places = CFDW_PLACE_SERVER, .kind = OPT_SIZE,
	 .offset = DEST(scan_memory), .defval = "16MB", .min = 64, .max = INT_MAX,
	 .help = "Answers a scan may hold in memory; without a unit: kB."},
	{.name = "connect_timeout", .places = CFDW_PLACE_SERVER,
	 .kind = OPT_DURATION, .offset = DEST(connect_timeout),
	 .defval = "10s", .min = 1, .max = 3600000,
	 .help = "Longest time until a TCP and TLS session stands; without a unit: ms."},
	{.name = "request_timeout", .places = CFDW_PLACE_SERVER,
	 .kind = OPT_DURATION, .offset = DEST(request_timeout),
	 .defval = "60s", .min = 1, .max = 3600000,
	 .help = "Longest time one request may take; without a unit: ms."},
	{.name = "max_retries", .places = CFDW_PLACE_SERVER, .kind = OPT_INT,
	 .offset = DEST(max_retries), .defval = "4", .min = 0, .max = 20,
	 .help = "How often a read is sent again after 429, 502, 503, 504 or a transport failure."},
	{.name = "retry_max_delay", .places = CFDW_PLACE_SERVER,
	 .kind = OPT_DURATION, .offset = DEST(retry_max_delay),
	 .defval = "30s", .min = 1, .max = 3600000,
	 .help = "Longest pause before a retry, Retry-After included; without a unit: ms."},
	{.name = "max_response_size", .places = CFDW_PLACE_SERVER,
	 .kind = OPT_SIZE, .offset = DEST(max_response_size),
	 .defval = "64MB", .min = 1, .max = 1024 * 1024,
	 .help = "Largest answer taken, after decompression; without a unit: kB."},
	{.name = "ca_file", .places = CFDW_PLACE_SERVER, .kind = OPT_FILE,
	 .offset = DEST(ca_file), .superuser = true,
	 .help = "PEM file of the authorities that may vouch for the server."},
	{.name = "proxy", .places = CFDW_PLACE_SERVER, .kind = OPT_PROXY,
	 .offset = DEST(proxy), .superuser = true,
	 .help = "HTTP proxy for https URLs; proxies of the environment are ignored."},
	{.name = "read_only", .places = CFDW_PLACE_SERVER, .kind = OPT_BOOL,
	 .offset = DEST(read_only), .defval = "false",
	 .help = "Refuse UPDATE and every function that acts or hands out a link."},
	{.name = "updatable", .places = CFDW_PLACE_SERVER | CFDW_PLACE_TABLE,
	 .kind = OPT_BOOL, .offset = DEST(updatable), .defval = "false",
	 .help = "Whether UPDATE of a foreign table changes what the API holds."},
	{.name = "on_unknown_status", .places = CFDW_PLACE_SERVER | CFDW_PLACE_TABLE,
	 .kind = OPT_CHOICE, .offset = DEST(on_unknown_status),
	 .defval = "null", .choices = unknown_choices,
	 .help = "What a status label that the enum type lacks becomes: NULL with a warning, or an error."},
	{.name = "accounts_source", .places = CFDW_PLACE_SERVER,
	 .kind = OPT_CHOICE, .offset = DEST(accounts_source),
	 .defval = "auto", .choices = accounts_choices,
	 .help = "Whether accounts are read from listings, from details, or from listings where those prove to carry them."},
	{.name = "api_key", .places = CFDW_PLACE_MAPPING, .kind = OPT_KEY,
	 .offset = DEST(api_key), .secret = true,
	 .help = "The API key."},
	{.name = "api_key_file", .places = CFDW_PLACE_MAPPING, .kind = OPT_FILE,
	 .offset = DEST(api_key_file), .superuser = true,
	 .help = "File that holds the API key, readable by the server's user alone; read again when it changes."},
	{.name = "webhook_secret", .places = CFDW_PLACE_MAPPING, .kind = OPT_SECRETS,
	 .offset = DEST(webhook_secret), .secret = true,
	 .help = "Secret that webhooks are signed with, whsec_...; several, while it is rotated, with blanks or commas between them."},
	{.name = "resource", .places = CFDW_PLACE_TABLE, .kind = OPT_RESOURCE,
	 .offset = DEST(resource),
	 .help = "What the table shows: companies, sites, connections, accounts or invitations."},
	{.name = "json_path", .places = CFDW_PLACE_COLUMN, .kind = OPT_JSON_PATH,
	 .offset = DEST(json_path),
	 .help = "Member of the remote object that fills the column, dotted."},
	{.name = "status_type", .places = CFDW_PLACE_IMPORT, .kind = OPT_CHOICE,
	 .offset = DEST(status_type), .defval = "enum",
	 .choices = status_choices,
	 .help = "Declare status columns with the enum types or as text."},
	{.name = "attrs", .places = CFDW_PLACE_IMPORT, .kind = OPT_BOOL,
	 .offset = DEST(attrs), .defval = "true",
	 .help = "Whether the tables get the column attrs."},
};

static const struct
{
	CfdwPlace	place;
	const char *name;
}			place_names[] = {
	{CFDW_PLACE_SERVER, "server"},
	{CFDW_PLACE_MAPPING, "user mapping"},
	{CFDW_PLACE_TABLE, "foreign table"},
	{CFDW_PLACE_COLUMN, "column"},
	{CFDW_PLACE_IMPORT, "IMPORT FOREIGN SCHEMA"},
};

const char *
cfdw_place_name(CfdwPlace place)
{
	for (int i = 0; i < lengthof(place_names); i++)
		if (place_names[i].place == place)
			return place_names[i].name;
	return "foreign-data wrapper";
}

int
cfdw_place_of_catalog(Oid catalog)
{
	switch (catalog)
	{
		case ForeignServerRelationId:
			return CFDW_PLACE_SERVER;
		case UserMappingRelationId:
			return CFDW_PLACE_MAPPING;
		case ForeignTableRelationId:
			return CFDW_PLACE_TABLE;
		case AttributeRelationId:
			return CFDW_PLACE_COLUMN;
		default:
			return 0;
	}
}

/* The row of that name, or NULL. */
static const OptionDef *
find_option(const char *name)
{
	for (int i = 0; i < lengthof(option_defs); i++)
		if (strcmp(option_defs[i].name, name) == 0)
			return &option_defs[i];
	return NULL;
}

/* ---- refusals ---- */

/* The hint that names what may stand here, the closest match first. */
static char *
name_hint(const char *name, CfdwPlace place)
{
	StringInfoData hint;
	ClosestMatchState match;
	const char *closest;
	bool		first = true;

	initClosestMatch(&match, name, 6);
	for (int i = 0; i < lengthof(option_defs); i++)
		if (option_defs[i].places & place)
			updateClosestMatch(&match, option_defs[i].name);
	closest = getClosestMatch(&match);

	initStringInfo(&hint);
	if (closest != NULL)
		appendStringInfo(&hint, "Perhaps you meant the option \"%s\". ", closest);
	for (int i = 0; i < lengthof(option_defs); i++)
		if (option_defs[i].places & place)
		{
			appendStringInfo(&hint, "%s%s", first ? "Valid options here are: " : ", ",
							 option_defs[i].name);
			first = false;
		}
	appendStringInfo(&hint, "%s", first ? "There are no options here." : ".");
	return hint.data;
}

static char *
place_list(int places)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < lengthof(place_names); i++)
		if (places & place_names[i].place)
			appendStringInfo(&list, "%s%s", list.len ? ", " : "", place_names[i].name);
	return list.data;
}

static void
refuse_name(const char *name, CfdwPlace place)
{
	const OptionDef *def = find_option(name);

	if (def != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("option \"%s\" is not valid for %s", name,
						cfdw_place_name(place)),
				 errhint("It is an option for %s.", place_list(def->places))));
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errmsg("unrecognized option \"%s\" for %s", name,
					cfdw_place_name(place)),
			 errhint("%s", name_hint(name, place))));
}

/*
 * Raise for a bad value; one that is or may hold a secret is not shown: a key
 * may have been given for the file that holds it.
 */
static void
refuse_value(const OptionDef *def, const char *value, const char *why)
{
	if (def->places & CFDW_PLACE_MAPPING || strchr(value, '@') != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid value for option \"%s\"", def->name),
				 errdetail_internal("%s", why)));
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("invalid value for option \"%s\": \"%s\"", def->name, value),
			 errdetail_internal("%s", why)));
}

/* ---- kinds ---- */

static int
unit_flag(OptionKind kind)
{
	if (kind == OPT_DURATION)
		return GUC_UNIT_MS;
	return kind == OPT_SIZE ? GUC_UNIT_KB : 0;
}

static char *
with_unit(OptionKind kind, int value)
{
	const char *unit = kind == OPT_DURATION ? "ms" : kind == OPT_SIZE ? "kB" : "";

	return psprintf("%d%s", value, unit);
}

static void
check_number(const OptionDef *def, const char *value)
{
	const char *hint = NULL;
	int			number;

	if (!parse_int(value, &number, unit_flag(def->kind), &hint))
		refuse_value(def, value, hint ? hint : "It must be a whole number.");
	if (number < def->min || number > def->max)
		refuse_value(def, value,
					 psprintf("It must lie between %s and %s.",
							  with_unit(def->kind, def->min),
							  with_unit(def->kind, def->max)));
}

static int
choice_index(const OptionDef *def, const char *value)
{
	for (int i = 0; def->choices[i] != NULL; i++)
		if (pg_strcasecmp(def->choices[i], value) == 0)
			return i;
	return -1;
}

static char *
choice_list(const OptionDef *def)
{
	StringInfoData list;

	if (def->kind == OPT_RESOURCE)
		return cfdw_resource_names();
	initStringInfo(&list);
	for (int i = 0; def->choices[i] != NULL; i++)
		appendStringInfo(&list, "%s%s", i ? ", " : "", def->choices[i]);
	return list.data;
}

/* Why what follows the host is no port, or NULL. */
static const char *
port_defect(const char *host, int len)
{
	const char *end = host + len;
	const char *port = host[0] == '[' ? memchr(host, ']', len) : memchr(host, ':', len);
	char	   *rest;
	long		number;

	if (host[0] == '[' && port != NULL)
		port++;
	if (host[0] == '[' && port == NULL)
		return "A bracket of its host is not closed.";
	if (port == NULL || port == end)
		return NULL;
	number = strtol(port + 1, &rest, 10);
	if (*port != ':' || !isdigit((unsigned char) port[1]) || rest != end ||
		number < 1 || number > 65535)
		return "It names a port that is no number from 1 to 65535.";
	return NULL;
}

/* Why this is no URL of the scheme, or NULL.  *host is what stands before the path. */
static const char *
url_defect(const char *url, const char *scheme, const char **host, int *host_len)
{
	size_t		scheme_len = strlen(scheme);
	const char *start = url + scheme_len;

	if (pg_strncasecmp(url, scheme, scheme_len) != 0)
		return "It must begin with https:// (or http:// for this machine).";
	for (const char *p = url; *p; p++)
		if ((unsigned char) *p <= ' ' || (unsigned char) *p >= 0x7f ||
			strchr("\"<>\\^`{|}", *p) != NULL)
			return "It holds a character that a URL cannot hold.";
	if (strpbrk(start, "?#") != NULL)
		return "It must end with the path: no query, no fragment.";
	*host = start;
	*host_len = strcspn(start, "/");
	if (memchr(start, '@', *host_len) != NULL)
		return "It must hold no user name or password.";
	if (*host_len == 0 || *start == ':')
		return "It names no host.";
	return port_defect(start, *host_len);
}

/* localhost, 127.0.0.0/8 or [::1], with or without a port. */
static bool
host_is_loopback(const char *host, int len)
{
	char	   *name = pnstrdup(host, len);
	char	   *port = name[0] == '[' ? strchr(name, ']') : strchr(name, ':');
	int			octets[4];
	char		rest;

	if (port != NULL)
		port[name[0] == '[' ? 1 : 0] = '\0';
	if (pg_strcasecmp(name, "localhost") == 0 || strcmp(name, "[::1]") == 0)
		return true;
	return sscanf(name, "%d.%d.%d.%d%c", &octets[0], &octets[1], &octets[2],
				  &octets[3], &rest) == 4 && octets[0] == 127;
}

static void
check_url(const OptionDef *def, const char *value)
{
	bool		plain = pg_strncasecmp(value, "http://", 7) == 0;
	const char *host = NULL;
	int			host_len = 0;
	const char *defect = url_defect(value, plain ? "http://" : "https://",
									&host, &host_len);

	if (defect != NULL)
		refuse_value(def, value, defect);
	if (!plain)
		return;
	if (!host_is_loopback(host, host_len))
		refuse_value(def, value, "Plain http is spoken with this machine only; use https.");
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("option \"%s\" with plain http is for superusers only",
						def->name)));
}

static void
check_proxy(const OptionDef *def, const char *value)
{
	bool		tls = pg_strncasecmp(value, "https://", 8) == 0;
	const char *host = NULL;
	int			host_len = 0;
	const char *defect;

	if (!tls && pg_strncasecmp(value, "http://", 7) != 0)
		refuse_value(def, value, "It must begin with http:// or https://.");
	defect = url_defect(value, tls ? "https://" : "http://", &host, &host_len);
	if (defect != NULL)
		refuse_value(def, value, defect);
}

static void
check_file(const OptionDef *def, const char *value)
{
	if (!is_absolute_path(value))
		refuse_value(def, value, "It must be an absolute path.");
}

void
cfdw_options_check_key(const char *key, const char *what)
{
	const char *why = NULL;

	if (key[0] == '\0')
		why = "It is empty.";
	for (const char *p = key; *p; p++)
		if ((unsigned char) *p <= ' ' || (unsigned char) *p >= 0x7f)
			why = "It holds a blank, a line break or another character that a key cannot hold.";
	if (why != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid value for %s", what),
				 errdetail_internal("%s", why)));
}

static void
check_secrets(const OptionDef *def, const char *value)
{
	const char *defect = cfdw_signature_secrets_defect(value);

	if (defect != NULL)
		refuse_value(def, value, defect);
}

static pg_uuid_t *
read_uuids(const OptionDef *def, const char *value, int *count)
{
	char	   *bad = NULL;
	pg_uuid_t  *uuids = cfdw_text_to_uuids(value, count, &bad);

	if (uuids == NULL)
		refuse_value(def, value, bad[0] == '\0' ?
					 "An item of the list is empty." :
					 psprintf("\"%s\" is not a uuid.", bad));
	return uuids;
}

pg_uuid_t *
cfdw_options_companies(const char *company_ids, int *count)
{
	return read_uuids(find_option("company_ids"), company_ids, count);
}

static void
check_json_path(const OptionDef *def, const char *value)
{
	const char *part = value;

	for (int parts = 1;; parts++)
	{
		size_t		len = strcspn(part, ".");

		if (parts > CFDW_PATH_MAX)
			refuse_value(def, value, psprintf("It names more than %d members.", CFDW_PATH_MAX));
		if (len == 0)
			refuse_value(def, value, "A member's name is empty.");
		if (cfdw_text_names_secret(part, len))
			refuse_value(def, value, "The path names a secret, which no column may show.");
		if (part[len] == '\0')
			return;
		part += len + 1;
	}
}

static void
check_value(const OptionDef *def, const char *value)
{
	bool		ignored;
	int			count;

	switch (def->kind)
	{
		case OPT_BOOL:
			if (!parse_bool(value, &ignored))
				refuse_value(def, value, "It must be true or false.");
			break;
		case OPT_INT:
		case OPT_DURATION:
		case OPT_SIZE:
			check_number(def, value);
			break;
		case OPT_CHOICE:
			if (choice_index(def, value) < 0)
				refuse_value(def, value, psprintf("It must be one of: %s.", choice_list(def)));
			break;
		case OPT_RESOURCE:
			if (cfdw_resource_find(value) == NULL)
				refuse_value(def, value, psprintf("It must be one of: %s.", choice_list(def)));
			break;
		case OPT_URL:
			check_url(def, value);
			break;
		case OPT_PROXY:
			check_proxy(def, value);
			break;
		case OPT_FILE:
			check_file(def, value);
			break;
		case OPT_KEY:
			cfdw_options_check_key(value, psprintf("option \"%s\"", def->name));
			break;
		case OPT_SECRETS:
			check_secrets(def, value);
			break;
		case OPT_UUIDS:
			(void) read_uuids(def, value, &count);
			break;
		case OPT_JSON_PATH:
			check_json_path(def, value);
			break;
	}
}

/* Rules that take more than one option of a place. */
static void
check_together(List *defelems, CfdwPlace place)
{
	bool		has_key = false;
	bool		has_file = false;
	bool		has_resource = false;
	ListCell   *lc;

	foreach(lc, defelems)
	{
		DefElem    *elem = lfirst(lc);

		has_key |= strcmp(elem->defname, "api_key") == 0;
		has_file |= strcmp(elem->defname, "api_key_file") == 0;
		has_resource |= strcmp(elem->defname, "resource") == 0;
	}
	if (has_key && has_file)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("options \"api_key\" and \"api_key_file\" exclude each other")));
	if (place == CFDW_PLACE_TABLE && !has_resource)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("a foreign table of connection_fdw needs the option \"resource\""),
				 errhint("It must be one of: %s.", cfdw_resource_names())));
}

void
cfdw_options_validate(List *defelems, CfdwPlace place)
{
	ListCell   *lc;

	foreach(lc, defelems)
	{
		DefElem    *elem = lfirst(lc);
		const OptionDef *def = find_option(elem->defname);

		if (def == NULL || (def->places & place) == 0)
			refuse_name(elem->defname, place);
		if (def->superuser && !superuser())
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("option \"%s\" is for superusers only", def->name)));
		check_value(def, defGetString(elem));
	}
	check_together(defelems, place);
}

/* ---- reading ---- */

static void
store(CfdwOptions *options, const OptionDef *def, const char *value)
{
	char	   *dest = (char *) options + def->offset;

	switch (def->kind)
	{
		case OPT_BOOL:
			(void) parse_bool(value, (bool *) dest);
			break;
		case OPT_INT:
		case OPT_DURATION:
		case OPT_SIZE:
			(void) parse_int(value, (int *) dest, unit_flag(def->kind), NULL);
			break;
		case OPT_CHOICE:
			*(int *) dest = choice_index(def, value);
			break;
		case OPT_URL:
		case OPT_PROXY:
		case OPT_FILE:
		case OPT_KEY:
		case OPT_SECRETS:
		case OPT_UUIDS:
		case OPT_RESOURCE:
		case OPT_JSON_PATH:
			*(char **) dest = pstrdup(value);
			break;
	}
}

void
cfdw_options_init(CfdwOptions *options)
{
	memset(options, 0, sizeof(CfdwOptions));
	for (int i = 0; i < lengthof(option_defs); i++)
		if (option_defs[i].defval != NULL)
			store(options, &option_defs[i], option_defs[i].defval);
}

void
cfdw_options_set(CfdwOptions *options, const char *name, const char *value)
{
	const OptionDef *def = find_option(name);

	if (def != NULL)
		store(options, def, value);
}

void
cfdw_options_apply(CfdwOptions *options, List *defelems)
{
	ListCell   *lc;

	foreach(lc, defelems)
	{
		DefElem    *elem = lfirst(lc);

		cfdw_options_set(options, elem->defname, defGetString(elem));
	}
}

bool
cfdw_option_row(int index, CfdwOptionRow *row)
{
	const OptionDef *def;
	bool		is_number;

	if (index >= lengthof(option_defs))
		return false;
	def = &option_defs[index];
	is_number = def->kind == OPT_INT || def->kind == OPT_DURATION ||
		def->kind == OPT_SIZE;
	row->name = def->name;
	row->places = def->places;
	row->type = def->kind == OPT_CHOICE || def->kind == OPT_RESOURCE ?
		choice_list(def) : kind_names[def->kind];
	row->defval = def->defval;
	row->minval = is_number ? with_unit(def->kind, def->min) : NULL;
	row->maxval = is_number && def->max < INT_MAX ? with_unit(def->kind, def->max) : NULL;
	row->secret = def->secret;
	row->superuser = def->superuser;
	row->help = def->help;
	return true;
}
