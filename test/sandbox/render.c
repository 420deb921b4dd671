/*-------------------------------------------------------------------------
 *
 * render.c
 *	  The API's JSON for the things in data.h.
 *
 * Written by appending to one buffer, and with the awkward spots the API
 * documents on purpose: three shapes of timestamps, decimals and some
 * booleans as strings, members which are null or missing.
 *-------------------------------------------------------------------------
 */
#include "render.h"

#include <string.h>
#include <time.h>

#define DAY 86400
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

typedef struct Provider
{
	const char *name;
	const char *url;
	const char *country;
} Provider;

/* What is left of a View's label while one answer is written. */
typedef struct Labels
{
	const char *label;
	int64_t		connection_in;	/* connections until the label's turn */
	bool		account;		/* the next account takes it */
} Labels;

static const Provider providers[] = {
	{"Pacific Gas & Electric", "https://www.pge.example/login", "US"},
	{"Con Edison", "https://www.coned.example/account", "US"},
	{"E.ON Energie", "https://www.eon.example/de/login", "DE"},
	{"Stadtwerke M\u00fcnchen", "https://www.swm.example/", "DE"},
	{"\u00c9lectricit\u00e9 de France", "https://particulier.edf.example/", "FR"},
	{"Thames Water", "https://my.thameswater.example/?r=\"home\"", "GB"},
	{"Enel Energia", "https://www.enel.example/it/login", "IT"},
	{"Tokyo Gas", "https://mytokyogas.example/", NULL},
};

static const char *const company_names[] = {
	"Acme", "Globex", "Initech", "Umbrella", "Hooli", "Soylent", "Vandelay",
	"Wonka", "Stark Industries", "Wayne Enterprises", "Cyberdyne",
	"Tyrell", "Gringotts", "Duff", "Sirius Cybernetics", "Oscorp",
	"Massive Dynamic", "Bluth", "Dunder Mifflin", "Prestige Worldwide",
	"Caf\u00e9 M\u00fcller & S\u00f6hne", "Pied Piper", "O'Reilly Estates", "Aperture",
};

static const char *const datasource_types[] = {
	"ELECTRICITY", "GAS", "WATER", "DISTRICT", "WASTE", "FUEL", "MISC",
	"REFRIGERANT", "SOLAR", "TELECOM",
};

static const char *const error_details[] = {
	"Your username or password is incorrect. Please try again.",
	"Anmeldung fehlgeschlagen: ung\u00fcltiges Passwort \u2013 bitte pr\u00fcfen.",
	"\u30d1\u30b9\u30ef\u30fc\u30c9\u304c\u6b63\u3057\u304f\u3042\u308a\u307e\u305b\u3093",
	"Le portail \u00ab Mon compte \u00bb est en maintenance.",
	"We sent a code to \"+1 *** *** 42\".\nEnter it to continue. \U0001f510",
};

static const char *const cities[] = {
	"Springfield", "Z\u00fcrich", "Oslo", "Shelbyville", "Lyon",
};

static void
put_string(Text *out, const char *string)
{
	if (string == NULL)
		text_lit(out, "null");
	else
		text_json(out, string, strlen(string));
}

static void
put_bool(Text *out, bool value)
{
	text_puts(out, value ? "true" : "false");
}

static void
put_two(Text *out, unsigned value)
{
	char		digits[2] = {'0' + value / 10, '0' + value % 10};

	text_append(out, digits, 2);
}

/* A day since 1970 as year, month, day; counting years from March. */
static void
put_day(Text *out, int64_t day)
{
	int64_t		z = day + 719468;
	int64_t		era = z / 146097;
	unsigned	doe = z - era * 146097;
	unsigned	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned	mp = (5 * doy + 2) / 153;
	unsigned	month = mp < 10 ? mp + 3 : mp - 9;

	text_uint(out, yoe + era * 400 + (month <= 2));
	text_lit(out, "-");
	put_two(out, month);
	text_lit(out, "-");
	put_two(out, doy - (153 * mp + 2) / 5 + 1);
}

static void
put_date(Text *out, int64_t day)
{
	if (day == NO_DATE)
	{
		text_lit(out, "null");
		return;
	}
	text_lit(out, "\"");
	put_day(out, day);
	text_lit(out, "\"");
}

static void
put_seconds(Text *out, int64_t seconds)
{
	put_day(out, seconds / DAY);
	text_lit(out, "T");
	put_two(out, seconds % DAY / 3600);
	text_lit(out, ":");
	put_two(out, seconds % 3600 / 60);
	text_lit(out, ":");
	put_two(out, seconds % 60);
}

/* One of the three shapes in which the API writes a time. */
static void
put_time(Text *out, int64_t seconds, uint64_t shape)
{
	text_lit(out, "\"");
	put_seconds(out, seconds);
	if (shape % 3 == 2)
	{
		text_lit(out, ".");
		text_uint(out, 100000000 + shape * 7919 % 900000000);
	}
	if (shape % 3 != 1)
		text_lit(out, "Z");
	text_lit(out, "\"");
}

static void
put_wall_time(Text *out, int64_t seconds)
{
	if (seconds == 0)
		text_lit(out, "null");
	else
		put_time(out, seconds, 0);
}

static void
put_id(Text *out, char kind, uint64_t index)
{
	text_lit(out, "\"");
	text_uuid(out, kind, index + 1);
	text_lit(out, "\"");
}

static void
put_comma(Text *out, bool *first)
{
	if (!*first)
		text_lit(out, ", ");
	*first = false;
}

static void
put_types(Text *out, uint64_t hash)
{
	text_lit(out, "[");
	put_string(out, datasource_types[hash % LENGTH(datasource_types)]);
	if (hash / 16 % 3 == 0)
	{
		text_lit(out, ", ");
		put_string(out, datasource_types[(hash + 1) % LENGTH(datasource_types)]);
	}
	text_lit(out, "]");
}

/* Names are unique: past the end of the list they are numbered. */
static void
put_company_name(Text *out, uint32_t company)
{
	uint32_t	round = company / LENGTH(company_names);

	put_string(out, company_names[company % LENGTH(company_names)]);
	if (round > 0)
	{
		out->len--;				/* back before the closing quote */
		text_printf(out, " %u\"", round + 1);
	}
}

static void
put_company_external_id(Text *out, uint32_t company)
{
	if ((company + 1) % 5 == 0)
		text_lit(out, "null");
	else
		text_printf(out, "\"CRM-%u\"", company + 1);
}

static void
put_public_company_id(Text *out, uint32_t company)
{
	text_lit(out, "pc-");
	text_hex(out, data_hash(KIND_COMPANY, company, 5), 10);
}

static void
put_site(Text *out, uint32_t site, uint32_t in_company)
{
	uint64_t	hash = data_hash(KIND_SITE, site, 1);

	text_lit(out, "{\"id\": ");
	put_id(out, KIND_SITE, site);
	text_printf(out, ", \"name\": \"Building %u\", \"externalId\": ",
				in_company + 1);
	if (hash % 3 == 0)
		text_lit(out, "null");
	else
		text_printf(out, "\"SITE-%u\"", site + 1);
	text_printf(out, ", \"address\": \"%u Main St, %s\"",
				(unsigned) (hash % 990 + 10),
				cities[hash / 1000 % LENGTH(cities)]);
	text_printf(out, ", \"path\": [\"Portfolio\", \"%s\"]",
				cities[hash / 1000 % LENGTH(cities)]);
	if (hash % 7 == 0)
		text_lit(out, ", \"occupancyPercent\": null");
	else
		text_printf(out, ", \"occupancyPercent\": \"%u.%02u\"",
					(unsigned) (hash % 100), (unsigned) (hash / 100 % 100));
	/* the third building of a company is archived */
	text_lit(out, ", \"dataCollectionStopDate\": ");
	put_date(out, in_company == 2 ? 19723 + (int64_t) (hash % 300) : NO_DATE);
	text_lit(out, "}");
}

static void
put_sites(Text *out, const Company *company, Nested sites)
{
	if (sites == NESTED_MISSING)
		return;
	text_lit(out, ", \"sites\": [");
	for (uint32_t i = 0; sites == NESTED_FULL && i < company->n_sites; i++)
	{
		if (i > 0)
			text_lit(out, ", ");
		put_site(out, company->first_site + i, i);
	}
	text_lit(out, "]");
}

void
render_company(Text *out, uint32_t index, const View *view)
{
	uint64_t	hash = data_hash(KIND_COMPANY, index, 2);

	text_lit(out, "{\"id\": ");
	put_id(out, KIND_COMPANY, index);
	text_lit(out, ", \"name\": ");
	put_company_name(out, index);
	text_lit(out, ", \"externalId\": ");
	put_company_external_id(out, index);
	text_lit(out, ", \"dataCollectionStartDate\": ");
	put_date(out, hash % 4 == 0 ? NO_DATE : 18993 + (int64_t) (hash % 365));
	text_lit(out, ", \"isDemandEnabled\": ");
	put_bool(out, hash >> 8 & 1);
	text_lit(out, ", \"isImpliedMeteringEnabled\": ");
	put_bool(out, hash >> 9 & 1);
	text_printf(out, ", \"impliedMeteringFraction\": \"0.%02u\"",
				(unsigned) (hash % 100));
	text_lit(out, ", \"isBasicIdentifierMappingEnabled\": ");
	put_bool(out, hash >> 10 & 1);
	text_lit(out, ", \"isLowAccuracyModeEnabled\": ");
	put_bool(out, hash >> 11 & 1);
	text_printf(out, ", \"users\": [\"admin@company%u.example\"", index + 1);
	if (hash >> 12 & 1)
		text_printf(out, ", \"viewer+%u@company%u.example\"", index, index + 1);
	text_lit(out, "]");
	put_sites(out, &data.companies[index], view->sites);
	text_lit(out, "}");
}

void
render_companies(Text *out, const View *view)
{
	text_lit(out, "[");
	for (uint32_t i = 0; i < data.n_companies; i++)
	{
		if (i > 0)
			text_lit(out, ", ");
		render_company(out, i, view);
	}
	text_lit(out, "]");
}

/* The label, once its turn has come; otherwise the true status. */
static const char *
connection_label(uint8_t status, Labels *labels)
{
	if (labels->label != NULL && labels->connection_in-- == 0)
		return labels->label;
	return connection_statuses[status];
}

/* The member may be missing, but not when a fault wants to be seen in it. */
static void
put_account_status(Text *out, uint8_t status, Labels *labels)
{
	if (labels->account)
	{
		text_lit(out, ", \"status\": ");
		put_string(out, labels->label);
		labels->account = false;
	}
	else if (status != ACCOUNT_WITHOUT_STATUS)
	{
		text_lit(out, ", \"status\": \"");
		text_puts(out, account_statuses[status]);
		text_lit(out, "\"");
	}
}

static void
put_meters(Text *out, uint32_t account, unsigned n)
{
	text_lit(out, ", \"meters\": [");
	for (unsigned i = 0; i < n; i++)
	{
		if (i > 0)
			text_lit(out, ", ");
		put_id(out, KIND_METER, (uint64_t) account * 2 + i);
	}
	text_lit(out, "]");
}

/* A boolean, or the string of one for every third account. */
static void
put_is_duplicated(Text *out, uint32_t index, bool duplicated)
{
	const char *quote = index % 3 == 0 ? "\"" : "";

	text_lit(out, ", \"isDuplicated\": ");
	text_puts(out, quote);
	put_bool(out, duplicated);
	text_puts(out, quote);
}

static void
put_account_times(Text *out, int64_t changed, uint64_t hash)
{
	int64_t		seen = 1704067200 + (int64_t) (hash % (500 * DAY));

	text_lit(out, ", \"statusFirstSeenTime\": ");
	put_time(out, changed ? changed : seen, hash);
	text_lit(out, ", \"statusLastUpdateTime\": ");
	put_time(out, changed ? changed : seen + (int64_t) (hash % DAY), hash / 3);
}

static void
put_account(Text *out, uint32_t index, Labels *labels)
{
	const Account *account = &data.accounts[index];
	uint64_t	hash = data_hash(KIND_ACCOUNT, index, 1);

	text_lit(out, "{\"id\": ");
	put_id(out, KIND_ACCOUNT, index);
	text_lit(out, ", \"accountNumber\": \"");
	if (index % 11 != 10)
		text_uint(out, 1000000000 + hash % 9000000000);
	text_lit(out, "\"");
	put_account_status(out, account->status, labels);
	put_account_times(out, account->changed, hash);
	if (account->status >= 3 && account->status <= 7)
		text_lit(out, ", \"statusErrorDetail\": \"No bill since last year\"");
	text_lit(out, ", \"trackingStatus\": \"");
	text_puts(out, tracking_statuses[account->tracking]);
	text_lit(out, "\", \"isTracked\": ");
	put_bool(out, account->tracking != TRACKING_DISABLED);
	put_is_duplicated(out, index, account->status == ACCOUNT_DUPLICATE);
	put_meters(out, index, hash / 4 % 3);
	text_lit(out, ", \"datasourceTypes\": ");
	put_types(out, hash / 8);
	text_lit(out, ", \"dataCollectionStartDate\": ");
	put_date(out, hash % 5 == 0 ? NO_DATE : 18993 + (int64_t) (hash % 730));
	text_lit(out, ", \"isCollectingInvoiceData\": ");
	put_bool(out, hash >> 20 & 1);
	text_lit(out, ", \"isCollectingSmartMeterData\": ");
	put_bool(out, hash >> 21 & 1);
	text_lit(out, ", \"lastServiceDate\": ");
	put_date(out, hash % 3 == 0 ? NO_DATE : 19900 + (int64_t) (hash % 150));
	text_lit(out, "}");
}

static void
put_accounts(Text *out, const Connection *connection, Nested accounts,
			 Labels *labels)
{
	bool		first = true;

	if (accounts == NESTED_MISSING)
		return;
	text_lit(out, ", \"accounts\": [");
	for (uint32_t i = 0; accounts == NESTED_FULL
		 && i < connection->n_accounts; i++)
	{
		if (data.accounts[connection->first_account + i].gone)
			continue;
		put_comma(out, &first);
		put_account(out, connection->first_account + i, labels);
	}
	text_lit(out, "]");
}

static void
put_initial_sites(Text *out, uint32_t index)
{
	const Company *company = &data.companies[data.connections[index].company];
	bool		first = true;

	text_lit(out, ", \"initialSites\": [");
	for (uint32_t i = 0; i < company->n_sites; i++)
	{
		if (!data_connection_has_site(index, company->first_site + i))
			continue;
		put_comma(out, &first);
		put_id(out, KIND_SITE, company->first_site + i);
	}
	text_lit(out, "]");
}

static void
put_login(Text *out, uint32_t index, uint64_t hash)
{
	const Login *login = data.connections[index].login;
	const Provider *provider = &providers[hash / 64 % LENGTH(providers)];

	text_lit(out, ", \"datasource\": {\"name\": ");
	put_string(out, provider->name);
	text_lit(out, ", \"url\": ");
	put_string(out, login ? login->url : provider->url);
	text_lit(out, "}, \"url\": ");
	put_string(out, login ? login->url : provider->url);
	text_lit(out, ", \"username\": ");
	if (login)
		put_string(out, login->username);
	else
	{
		text_lit(out, "\"user");
		text_uint(out, index + 1);
		text_lit(out, "@customer.example\"");
	}
	text_lit(out, ", \"country\": ");
	put_string(out, login ? login->country : provider->country);
}

static bool
is_error(uint8_t status)
{
	return status > CONNECTION_UNDER_INVESTIGATION
		&& status < CONNECTION_COMPANY_INACTIVE;
}

static void
put_status(Text *out, const Connection *connection, uint64_t hash,
		   const char *label)
{
	int64_t		seen = 1709251200 + (int64_t) (hash % (500 * DAY));
	int64_t		updated = seen + (int64_t) (hash % (20 * DAY));
	int64_t		changed = connection->changed;
	const char *detail = NULL;

	if (is_error(connection->status))
		detail = error_details[hash / 32 % LENGTH(error_details)];
	text_lit(out, ", \"status\": ");
	put_string(out, label);
	text_lit(out, ", \"statusFirstSeenTime\": ");
	put_time(out, changed ? changed : seen, hash);
	text_lit(out, ", \"statusLastUpdateTime\": ");
	put_time(out, changed ? changed : updated, hash / 3);
	text_lit(out, ", \"statusErrorDetail\": ");
	put_string(out, detail);
}

static void
put_company_of(Text *out, uint32_t company)
{
	text_lit(out, ", \"company\": {\"id\": ");
	put_id(out, KIND_COMPANY, company);
	text_lit(out, ", \"name\": ");
	put_company_name(out, company);
	text_lit(out, ", \"externalId\": ");
	put_company_external_id(out, company);
	text_lit(out, "}, \"publicCompanyId\": \"");
	put_public_company_id(out, company);
	text_lit(out, "\"");
}

static void
put_secret(Text *out, uint32_t index)
{
	text_lit(out, ", \"connectionMagicLinkSecret\": \"mlsecret-");
	text_hex(out, data_hash(KIND_CONNECTION, index, 6), 16);
	text_lit(out, "\"");
}

static void
put_settings(Text *out, uint32_t index, uint64_t hash)
{
	const Connection *connection = &data.connections[index];
	int64_t		created = 1704067200 + (int64_t) (hash % (60 * DAY));
	int64_t		updated = created + (int64_t) (hash % (700 * DAY));

	if (updated < connection->changed)
		updated = connection->changed;
	text_lit(out, ", \"initialDatasourceTypes\": ");
	put_types(out, hash / 512);
	text_lit(out, ", \"dataCollectionStartDate\": ");
	put_date(out, connection->start_date);
	text_lit(out, ", \"multiplyByOccupancy\": ");
	put_bool(out, connection->multiply);
	text_lit(out, ", \"isActive\": ");
	if (hash % 13 == 0)
		text_lit(out, "null");
	else
		put_bool(out, connection->status != CONNECTION_COMPANY_INACTIVE);
	text_lit(out, ", \"created\": ");
	put_time(out, created, hash / 9);
	text_lit(out, ", \"updated\": ");
	put_time(out, updated, hash / 27);
}

static void
put_connection(Text *out, uint32_t index, Nested accounts, Labels *labels)
{
	const Connection *connection = &data.connections[index];
	uint64_t	hash = data_hash(KIND_CONNECTION, index, 7);

	text_lit(out, "{\"id\": ");
	put_id(out, KIND_CONNECTION, index);
	put_company_of(out, connection->company);
	put_secret(out, index);
	text_lit(out, ", \"externalId\": ");
	if (hash % 4 == 0)
		text_lit(out, "null");
	else
	{
		text_lit(out, "\"EXT-");
		text_uint(out, index + 1);
		text_lit(out, "\"");
	}
	put_status(out, connection, hash,
			   connection_label(connection->status, labels));
	put_login(out, index, hash);
	text_lit(out, ", \"workflowOwnerEmail\": ");
	put_string(out, data_connection_owner(index));
	put_initial_sites(out, index);
	put_settings(out, index, hash);
	put_accounts(out, connection, accounts, labels);
	text_lit(out, "}");
}

static Labels
labels_of(const View *view)
{
	Labels		labels = {
		.label = view->label,
		.connection_in = view->label_at,
		.account = view->label != NULL && view->label_account,
	};

	return labels;
}

void
render_connection(Text *out, uint32_t connection, Nested accounts,
				  const View *view)
{
	Labels		labels = labels_of(view);

	put_connection(out, connection, accounts, &labels);
}

void
render_account(Text *out, uint32_t account, const View *view)
{
	Labels		labels = labels_of(view);

	put_account(out, account, &labels);
}

/* What stands before a page's elements. */
static void
open_envelope(Text *out, const Page *page, const char *total,
			  const char *elements)
{
	text_printf(out, "{\"%s\": ", total);
	text_uint(out, page->total);
	text_lit(out, ", \"perPage\": ");
	text_uint(out, page->limit);
	text_lit(out, ", \"totalPages\": ");
	text_uint(out, page->pages);
	text_lit(out, ", \"currentPage\": ");
	text_uint(out, page->page);
	text_lit(out, ", \"hasNext\": ");
	put_bool(out, page->has_next);
	text_lit(out, ", \"hasPrevious\": ");
	put_bool(out, page->page > 1);
	text_printf(out, ", \"%s\": [", elements);
}

void
render_page(Text *out, const Page *page, const View *view)
{
	Labels		labels = labels_of(view);

	open_envelope(out, page, "totalConnections", "connections");
	for (uint32_t i = 0; i < page->n_elements; i++)
	{
		if (i > 0)
			text_lit(out, ", ");
		put_connection(out, page->elements[i], view->accounts, &labels);
	}
	text_lit(out, "]}");
}

void
render_company_link(Text *out, uint32_t company, unsigned variant)
{
	uint64_t	secret = data_hash(KIND_COMPANY, company, 100 + variant);

	text_lit(out, "{\"companyMagicLinkSecret\": \"cmsecret-");
	text_hex(out, secret, 16);
	text_lit(out, "\", \"publicCompanyId\": \"");
	put_public_company_id(out, company);
	text_lit(out, "\", \"magicLinkUrl\": "
			 "\"https://dash.nectarclimate.com/p/connect/");
	put_public_company_id(out, company);
	text_lit(out, "/cmsecret-");
	text_hex(out, secret, 16);
	text_lit(out, "\"}");
}

static const char *
invitation_status(const Invitation *invitation)
{
	if (invitation->revoked)
		return "REVOKED";
	if (invitation->expires != 0 && invitation->expires <= time(NULL))
		return "EXPIRED";
	return "ACTIVE";
}

void
render_invitation(Text *out, uint32_t index)
{
	const Invitation *invitation = &data.invitations[index];
	uint64_t	token = data_hash(KIND_INVITATION, index, 1);

	text_lit(out, "{\"id\": ");
	put_id(out, KIND_INVITATION, index);
	text_lit(out, ", \"token\": \"itoken-");
	text_hex(out, token, 16);
	text_printf(out, "\", \"invitationType\": \"%s\", \"status\": \"%s\"",
				invitation->connection < 0 ? "CREATE_CONNECTION"
				: "EDIT_CONNECTION", invitation_status(invitation));
	text_lit(out, ", \"invitationUrl\": "
			 "\"https://dash.nectarclimate.com/p/i/itoken-");
	text_hex(out, token, 16);
	text_lit(out, "\", \"companyId\": ");
	put_id(out, KIND_COMPANY, invitation->company);
	text_lit(out, ", \"connectionId\": ");
	if (invitation->connection < 0)
		text_lit(out, "null");
	else
		put_id(out, KIND_CONNECTION, invitation->connection);
	text_printf(out, ", \"allowedEmails\": %s, \"expiresAt\": ",
				invitation->allowed_emails);
	put_wall_time(out, invitation->expires);
	text_lit(out, ", \"maxUses\": ");
	if (invitation->max_uses == 0)
		text_lit(out, "null");
	else
		text_uint(out, invitation->max_uses);
	text_lit(out, ", \"useCount\": 0, \"createdAt\": ");
	put_wall_time(out, invitation->created);
	text_printf(out, ", \"prefill\": %s, \"createdConnections\": []}",
				invitation->prefill ? invitation->prefill : "null");
}

void
render_invitations(Text *out, const Page *page, bool bare)
{
	bool		first = true;

	if (bare)
		text_lit(out, "[");
	else
		open_envelope(out, page, "totalInvitations", "invitations");
	for (uint32_t i = 0; i < page->n_elements; i++)
	{
		put_comma(out, &first);
		render_invitation(out, page->elements[i]);
	}
	text_puts(out, bare ? "]" : "]}");
}
