/*-------------------------------------------------------------------------
 *
 * routes.c
 *	  The API's endpoints.
 *
 * An endpoint is a row of routes[]; its pattern names the kind of the one id
 * a path may hold.  By the time a handler runs, the key is right, the id
 * exists and the body, where one is taken, is a JSON object.
 *
 * Where the documentation leaves an answer open, it is what a client could
 * expect of its neighbours; nothing may rely on it.
 *-------------------------------------------------------------------------
 */
#include "routes.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "query.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_SITES 64			/* sites one filter can name */

typedef struct Target
{
	const ApiCall *call;
	uint32_t	id;				/* index of the thing the path names */
	json_object *body;			/* NULL where no body is taken */
} Target;

typedef void (*Handler) (const Target *target, Answer *answer);

typedef struct Route
{
	const char *method;
	const char *pattern;
	Handler		handle;
	bool		takes_body;
} Route;

/* What an id in a pattern may be. */
typedef struct IdKind
{
	const char *placeholder;
	char		kind;
	const char *word;
	const uint32_t *count;
} IdKind;

static const IdKind id_kinds[] = {
	{"{company}", KIND_COMPANY, "Company", &data.n_companies},
	{"{connection}", KIND_CONNECTION, "Connection", &data.n_connections},
	{"{account}", KIND_ACCOUNT, "Account", &data.n_accounts},
	{"{invitation}", KIND_INVITATION, "Invitation", &data.n_invitations},
};

/* --- companies --- */

static void
get_ping(const Target *target, Answer *answer)
{
	(void) target;
	text_lit(answer_json(answer, 200), "{\"version\": \"2.2\"}");
}

static void
get_companies(const Target *target, Answer *answer)
{
	render_companies(answer_json(answer, 200), target->call->view);
}

static void
get_company(const Target *target, Answer *answer)
{
	render_company(answer_json(answer, 200), target->id, target->call->view);
}

/* --- the list of a company's connections --- */

typedef struct Filter
{
	int			status;			/* -1 if any */
	bool		by_owner;
	Text		owner;
	bool		by_site;
	uint32_t	sites[MAX_SITES];
	unsigned	n_sites;
	int64_t		page;
	int64_t		limit;
} Filter;

typedef bool (*ParamReader) (Filter *filter, Text *value, Answer *answer);

static bool
read_status(Filter *filter, Text *value, Answer *answer)
{
	for (int i = 0; i < CONNECTION_STATUSES; i++)
	{
		if (strcmp(value->data, connection_statuses[i]) == 0)
		{
			filter->status = i;
			return true;
		}
	}
	answer_error(answer, 400, "status: \"%s\" is not a valid connection "
				 "status.", value->data);
	return false;
}

static bool
read_owner(Filter *filter, Text *value, Answer *answer)
{
	(void) answer;
	text_free(&filter->owner);
	filter->by_owner = true;
	filter->owner = *value;
	memset(value, 0, sizeof(*value));	/* it is the filter's now */
	return true;
}

static bool
read_sites(Filter *filter, Text *value, Answer *answer)
{
	char		kind;
	uint64_t	number;

	if (!uuid_parse(value->data, value->len, &kind, &number))
	{
		answer_error(answer, 400, "sites: \"%s\" is not a valid UUID.",
					 value->data);
		return false;
	}
	filter->by_site = true;
	if (kind == KIND_SITE && number >= 1 && filter->n_sites < MAX_SITES)
		filter->sites[filter->n_sites++] = number - 1;
	return true;
}

static bool
read_limit(Filter *filter, Text *value, Answer *answer)
{
	if (query_number(value, &filter->limit)
		&& filter->limit >= 1 && filter->limit <= 500)
		return true;
	answer_error(answer, 400, "limit: must be an integer from 1 to 500.");
	return false;
}

static bool
read_page(Filter *filter, Text *value, Answer *answer)
{
	if (query_number(value, &filter->page) && filter->page >= 1)
		return true;
	answer_error(answer, 400, "page: must be an integer of at least 1.");
	return false;
}

static const struct
{
	const char *name;
	ParamReader read;
}			list_params[] = {
	{"status", read_status},
	{"connectionOwnerEmail", read_owner},
	{"sites", read_sites},
	{"limit", read_limit},
	{"page", read_page},
};

/* Read one parameter; those the API does not know are ignored. */
static bool
read_param(Filter *filter, const char *name, Text *value, Answer *answer)
{
	for (size_t i = 0; i < LENGTH(list_params); i++)
		if (strcmp(name, list_params[i].name) == 0)
			return list_params[i].read(filter, value, answer);
	return true;
}

/* False once the answer says what is wrong with a parameter. */
static bool
read_filter(Filter *filter, const char *query, Answer *answer)
{
	Text		name,
				value;
	bool		good = true;

	while (good && query_next(&query, &name, &value))
	{
		good = read_param(filter, name.data, &value, answer);
		text_free(&name);
		text_free(&value);
	}
	return good;
}

static bool
has_owner(uint32_t connection, const Text *wanted)
{
	const char *owner = data_connection_owner(connection);

	return owner != NULL && strcmp(owner, wanted->data) == 0;
}

static bool
has_any_site(uint32_t connection, const Filter *filter)
{
	for (unsigned i = 0; i < filter->n_sites; i++)
		if (data_connection_has_site(connection, filter->sites[i]))
			return true;
	return false;
}

static bool
passes(uint32_t connection, const Filter *filter)
{
	int			status = data.connections[connection].status;

	return !data.connections[connection].gone
		&& (filter->status < 0 || filter->status == status)
		&& (!filter->by_owner || has_owner(connection, &filter->owner))
		&& (!filter->by_site || has_any_site(connection, filter));
}

/* The company's connections which pass, in order; the caller frees them. */
static uint32_t *
collect(uint32_t company_index, const Filter *filter, uint32_t *n)
{
	const Company *company = &data.companies[company_index];
	uint32_t   *found = xcalloc(company->n_connections + company->n_added,
								sizeof(uint32_t));

	*n = 0;
	for (uint32_t i = 0; i < company->n_connections; i++)
		if (passes(company->first_connection + i, filter))
			found[(*n)++] = company->first_connection + i;
	for (uint32_t i = 0; i < company->n_added; i++)
		if (passes(company->added[i], filter))
			found[(*n)++] = company->added[i];
	return found;
}

/* The page the API would answer, bent as the view wants it. */
static Page
page_of(const Filter *filter, uint32_t n, Paging paging)
{
	Page		page = {.total = n, .limit = filter->limit};
	bool		later = filter->page > 1;

	page.page = filter->page;
	if (paging == PAGING_REPEAT && later)
		page.page = 1;
	if (paging == PAGING_SHRINK && later)
	{
		page.page--;
		if (page.total > page.page * page.limit)
			page.total = page.page * page.limit;
	}
	page.pages = (page.total + page.limit - 1) / page.limit;
	if (page.pages == 0)
		page.pages = 1;
	if (page.page > page.pages)
		page.page = page.pages;
	page.has_next = page.page < page.pages;
	if (paging == PAGING_TOTAL_CHANGES && later)
		page.total++;
	return page;
}

/* The elements of all that are on the page. */
static void
cut_page(Page *page, const uint32_t *all, uint32_t n)
{
	uint64_t	first = (page->page - 1) * page->limit;
	uint64_t	left = n - first;

	page->elements = all + first;
	page->n_elements = left < page->limit ? left : page->limit;
}

static void
answer_list(uint32_t company, const Filter *filter, const View *view,
			Answer *answer)
{
	uint32_t	n;
	uint32_t   *found = collect(company, filter, &n);
	Page		page = page_of(filter, n, view->paging);

	cut_page(&page, found, n);
	render_page(answer_json(answer, 200), &page, view);
	free(found);
}

static void
get_company_connections(const Target *target, Answer *answer)
{
	Filter		filter = {.status = -1, .page = 1, .limit = 100};

	if (read_filter(&filter, target->call->query, answer))
		answer_list(target->id, &filter, target->call->view, answer);
	text_free(&filter.owner);
}

/* --- members of a body --- */

/* A string member with something in it. */
static const char *
string_member(json_object *body, const char *name)
{
	json_object *value = json_member(body, name);

	if (!json_object_is_type(value, json_type_string)
		|| json_object_get_string_len(value) == 0)
		return NULL;
	return json_object_get_string(value);
}

static bool
require_type(json_object *body, const char *name, json_type type,
			 const char *word, Answer *answer)
{
	json_object *value = json_member(body, name);

	if (value == NULL || json_object_is_type(value, type))
		return true;
	answer_error(answer, 400, "%s: must be %s.", name, word);
	return false;
}

static bool
require_bool(json_object *body, const char *name, Answer *answer)
{
	return require_type(body, name, json_type_boolean, "a boolean", answer);
}

/* A number of at least the least, or 0 if the member is missing. */
static bool
number_member(json_object *body, const char *name, int64_t least,
			  int64_t *number, Answer *answer)
{
	json_object *value = json_member(body, name);

	*number = 0;
	if (value == NULL)
		return true;
	*number = json_object_get_int64(value);
	if (json_object_is_type(value, json_type_int) && *number >= least)
		return true;
	answer_error(answer, 400, "%s: must be an integer of at least %lld.",
				 name, (long long) least);
	return false;
}

/* The index of one of the company's sites; false if it is not one. */
static bool
site_of_company(json_object *value, uint32_t company, uint32_t *site,
				Answer *answer)
{
	const char *id = json_object_get_string(value);
	char		kind;
	uint64_t	number;

	if (!uuid_parse(id, strlen(id), &kind, &number))
	{
		answer_error(answer, 400, "sites: \"%s\" is not a valid UUID.", id);
		return false;
	}
	if (kind != KIND_SITE || number < 1 || number > data.n_sites
		|| data.site_company[number - 1] != company)
	{
		answer_error(answer, 400, "sites: %s is not a site of this company.",
					 id);
		return false;
	}
	*site = number - 1;
	return true;
}

/* The sites of a body, to be freed; NULL after an error. */
static uint32_t *
sites_member(json_object *body, uint32_t company, uint32_t *n, Answer *answer)
{
	json_object *value = json_member(body, "sites");
	uint32_t   *sites;

	*n = 0;
	if (value == NULL)
		return xcalloc(1, sizeof(uint32_t));
	if (!json_is_strings(value))
	{
		answer_error(answer, 400, "sites: must be an array of UUIDs.");
		return NULL;
	}
	sites = xcalloc(json_object_array_length(value), sizeof(uint32_t));
	for (*n = 0; *n < json_object_array_length(value); (*n)++)
	{
		if (!site_of_company(json_object_array_get_idx(value, *n), company,
							 &sites[*n], answer))
		{
			free(sites);
			return NULL;
		}
	}
	return sites;
}

/* --- connections --- */

static char *
copy_or_null(const char *string)
{
	return string ? xstrndup(string, strlen(string)) : NULL;
}

static bool
check_login(json_object *body, Answer *answer)
{
	static const char *const required[] = {"url", "username", "password"};
	json_object *country = json_member(body, "country");

	for (size_t i = 0; i < LENGTH(required); i++)
	{
		if (string_member(body, required[i]) == NULL)
		{
			answer_error(answer, 400, "%s: a value is required.", required[i]);
			return false;
		}
	}
	if (country != NULL && (!json_object_is_type(country, json_type_string)
							|| json_object_get_string_len(country) != 2))
	{
		answer_error(answer, 400, "country: must be two letters.");
		return false;
	}
	return true;
}

static void
post_connection(const Target *target, Answer *answer)
{
	Login	   *login;
	uint32_t	n_sites;
	uint32_t   *sites;

	if (!check_login(target->body, answer))
		return;
	sites = sites_member(target->body, target->id, &n_sites, answer);
	if (sites == NULL)
		return;

	login = xcalloc(1, sizeof(Login));
	login->url = copy_or_null(string_member(target->body, "url"));
	login->username = copy_or_null(string_member(target->body, "username"));
	login->country = copy_or_null(string_member(target->body, "country"));
	login->sites = sites;
	login->n_sites = n_sites;
	render_connection(answer_json(answer, 200),
					  data_add_connection(target->id, login), NESTED_FULL,
					  target->call->view);
}

/* The way to a connection's magic link: no accounts. */
static void
get_connection(const Target *target, Answer *answer)
{
	render_connection(answer_json(answer, 200), target->id, NESTED_MISSING,
					  target->call->view);
}

static void
get_connection_details(const Target *target, Answer *answer)
{
	render_connection(answer_json(answer, 200), target->id, NESTED_FULL,
					  target->call->view);
}

/* Days since 1970 of a date as YYYY-MM-DD; false if it is not one. */
static bool
read_date(const char *string, int32_t *day)
{
	struct tm	parts = {0};
	char		again[16];
	time_t		seconds;

	if (strlen(string) != 10 || strptime(string, "%Y-%m-%d", &parts) == NULL)
		return false;
	seconds = timegm(&parts);
	strftime(again, sizeof(again), "%Y-%m-%d", gmtime(&seconds));
	*day = seconds / 86400;
	return strcmp(again, string) == 0;
}

/* A date or null; a missing member leaves the day alone. */
static bool
date_member(json_object *body, const char *name, int32_t *day, Answer *answer)
{
	json_object *value;

	if (!json_object_object_get_ex(body, name, &value))
		return true;
	if (value == NULL)
		*day = NO_DATE;
	else if (!json_object_is_type(value, json_type_string)
			 || !read_date(json_object_get_string(value), day))
	{
		answer_error(answer, 400, "%s: must be a date as YYYY-MM-DD.", name);
		return false;
	}
	return true;
}

static void
patch_connection_details(const Target *target, Answer *answer)
{
	Connection *connection = &data.connections[target->id];
	json_object *multiply = json_member(target->body, "multiplyByOccupancy");
	int32_t		day = connection->start_date;

	if (!require_bool(target->body, "multiplyByOccupancy", answer)
		|| !date_member(target->body, "dataCollectionStartDate", &day, answer))
		return;
	connection->start_date = day;
	if (multiply != NULL)
		connection->multiply = json_object_get_boolean(multiply);
	data.changed = true;
	get_connection_details(target, answer);
}

static void
patch_connection_status(const Target *target, Answer *answer)
{
	json_object *confirm = json_member(target->body, "confirm");

	if (!json_object_is_type(confirm, json_type_boolean))
	{
		answer_error(answer, 400, "confirm: a boolean is required.");
		return;
	}
	data_confirm(target->id, json_object_get_boolean(confirm));
	get_connection_details(target, answer);
}

static void
patch_account(const Target *target, Answer *answer)
{
	json_object *tracked = json_member(target->body, "isTracked");

	if (!require_bool(target->body, "isTracked", answer)
		|| !require_bool(target->body, "updateMeters", answer))
		return;
	if (tracked != NULL)
		data_track(target->id, json_object_get_boolean(tracked));
	render_account(answer_json(answer, 200), target->id, target->call->view);
}

/* --- links and invitations --- */

static void
get_company_link(const Target *target, Answer *answer)
{
	render_company_link(answer_json(answer, 200), target->id, 0);
}

/* A link for other sites is another link. */
static void
post_company_link(const Target *target, Answer *answer)
{
	uint32_t	n;
	uint32_t   *sites = sites_member(target->body, target->id, &n, answer);
	unsigned	variant = 1;

	if (sites == NULL)
		return;
	for (uint32_t i = 0; i < n; i++)
		variant = variant * 31 + sites[i];
	render_company_link(answer_json(answer, 200), target->id, variant);
	free(sites);
}

/* A member as JSON text, to be freed. */
static char *
json_text(json_object *value, const char *otherwise)
{
	if (value == NULL)
		return copy_or_null(otherwise);
	return copy_or_null(json_object_to_json_string_ext(value,
													   JSON_C_TO_STRING_PLAIN));
}

static void
add_invitation(const Target *target, Invitation *invitation, Answer *answer)
{
	json_object *emails = json_member(target->body, "allowedEmails");
	int64_t		lives;

	if (emails != NULL && !json_is_strings(emails))
	{
		answer_error(answer, 400, "allowedEmails: must be an array of "
					 "e-mail addresses.");
		return;
	}
	if (!number_member(target->body, "expiresInSeconds", 60, &lives, answer)
		|| !number_member(target->body, "maxUses", 1, &invitation->max_uses,
						  answer)
		|| !require_bool(target->body, "sendEmail", answer))
		return;

	invitation->created = time(NULL);
	invitation->expires = lives ? invitation->created + lives : 0;
	invitation->allowed_emails = json_text(emails, "[]");
	if (invitation->connection < 0)
		invitation->prefill = json_text(json_member(target->body, "prefill"),
										NULL);
	render_invitation(answer_json(answer, 200),
					  data_add_invitation(invitation));
}

static void
post_company_invitation(const Target *target, Answer *answer)
{
	Invitation	invitation = {.company = target->id, .connection = -1};

	if (require_type(target->body, "prefill", json_type_object, "an object",
					 answer))
		add_invitation(target, &invitation, answer);
}

static void
post_connection_invitation(const Target *target, Answer *answer)
{
	Invitation	invitation = {
		.company = data.connections[target->id].company,
		.connection = target->id,
	};

	add_invitation(target, &invitation, answer);
}

/* The company's invitations, in order; the caller frees them. */
static uint32_t *
collect_invitations(uint32_t company, uint32_t *n)
{
	uint32_t   *found = xcalloc(data.n_invitations + 1, sizeof(uint32_t));

	*n = 0;
	for (uint32_t i = 0; i < data.n_invitations; i++)
		if (data.invitations[i].company == company)
			found[(*n)++] = i;
	return found;
}

/* All of them, or a page where a fault asks for pages. */
static void
get_company_invitations(const Target *target, Answer *answer)
{
	const View *view = target->call->view;
	Filter		filter = {.status = -1, .page = 1, .limit = view->per_page};
	uint32_t	n;
	uint32_t   *found = collect_invitations(target->id, &n);
	Page		page = {.elements = found, .n_elements = n};

	if (view->per_page == 0)
		render_invitations(answer_json(answer, 200), &page, true);
	else if (read_filter(&filter, target->call->query, answer))
	{
		page = page_of(&filter, n, view->paging);
		cut_page(&page, found, n);
		render_invitations(answer_json(answer, 200), &page, false);
	}
	text_free(&filter.owner);
	free(found);
}

static void
get_invitation(const Target *target, Answer *answer)
{
	render_invitation(answer_json(answer, 200), target->id);
}

static void
revoke_invitation(const Target *target, Answer *answer)
{
	data.invitations[target->id].revoked = true;
	data.changed = true;
	get_invitation(target, answer);
}

/* --- finding the endpoint --- */

static const Route routes[] = {
	{"GET", "/ping", get_ping, false},
	{"GET", "/company", get_companies, false},
	{"GET", "/company/{company}", get_company, false},
	{"GET", "/connection/company/{company}", get_company_connections, false},
	{"POST", "/connection/company/{company}", post_connection, true},
	{"GET", "/connection/company/{company}/link", get_company_link, false},
	{"POST", "/connection/company/{company}/link", post_company_link, true},
	{"GET", "/connection/{connection}/details", get_connection_details, false},
	{"PATCH", "/connection/{connection}/details", patch_connection_details,
	 true},
	{"PATCH", "/connection/{connection}/status", patch_connection_status, true},
	{"GET", "/connection/{connection}", get_connection, false},
	{"PATCH", "/account/{account}", patch_account, true},
	{"GET", "/invitation/company/{company}", get_company_invitations, false},
	{"POST", "/invitation/company/{company}", post_company_invitation, true},
	{"POST", "/invitation/connection/{connection}",
	 post_connection_invitation, true},
	{"POST", "/invitation/{invitation}/revoke", revoke_invitation, true},
	{"GET", "/invitation/{invitation}", get_invitation, false},
};

typedef struct Match
{
	const Route *route;			/* NULL if nothing matched */
	char		allow[64];		/* methods which match the path otherwise */
	const char *id;				/* where the path has its id, or NULL */
	size_t		id_len;
	const char *placeholder;
} Match;

/*
 * Walk path and pattern segment by segment, noting where the id is.  A
 * trailing slash makes another path, which the API does not know.
 */
static bool
path_matches(const char *pattern, const char *path, Match *match)
{
	match->id = NULL;
	while (*pattern == '/' && *path == '/')
	{
		size_t		pattern_len = strcspn(++pattern, "/");
		size_t		path_len = strcspn(++path, "/");

		if (*pattern == '{')
		{
			match->id = path;
			match->id_len = path_len;
			match->placeholder = pattern;
		}
		else if (pattern_len != path_len
				 || strncmp(pattern, path, path_len) != 0)
			return false;
		pattern += pattern_len;
		path += path_len;
	}
	return *pattern == '\0' && *path == '\0';
}

static Match
find_route(const char *method, const char *path)
{
	Match		match = {0};

	for (size_t i = 0; i < LENGTH(routes); i++)
	{
		if (!path_matches(routes[i].pattern, path, &match))
			continue;
		if (strcmp(routes[i].method, method) == 0)
		{
			match.route = &routes[i];
			break;
		}
		if (match.allow[0] != '\0')
			strcat(match.allow, ", ");
		strcat(match.allow, routes[i].method);
	}
	return match;
}

static const IdKind *
id_kind_of(const char *placeholder)
{
	for (size_t i = 0; i < LENGTH(id_kinds); i++)
		if (strncmp(placeholder, id_kinds[i].placeholder,
					strlen(id_kinds[i].placeholder)) == 0)
			return &id_kinds[i];
	return NULL;
}

static bool
is_gone(char kind, uint32_t index)
{
	if (kind == KIND_ACCOUNT)
		return data.accounts[index].gone;
	return kind == KIND_CONNECTION && data.connections[index].gone;
}

/* Turn the id in the path into an index; false once the answer is made. */
static bool
resolve_id(const Match *match, uint32_t *index, Answer *answer)
{
	const IdKind *wanted = id_kind_of(match->placeholder);
	Text		id = percent_decode(match->id, match->id_len, false);
	uint64_t	number;
	char		kind;
	bool		found = false;

	if (!uuid_parse(id.data, id.len, &kind, &number))
		answer_error(answer, 400, "\"%s\" is not a valid UUID.", id.data);
	else if (kind != wanted->kind || number < 1 || number > *wanted->count
			 || is_gone(kind, number - 1))
		answer_error(answer, 404, "%s not found.", wanted->word);
	else
	{
		*index = number - 1;
		found = true;
	}
	text_free(&id);
	return found;
}

/* Read the body; nothing at all counts as an empty object. */
static bool
resolve_body(const Text *body, json_object **object, Answer *answer)
{
	if (body->len == 0)
		*object = json_object_new_object();
	else
		*object = json_read(body->data, body->len);
	if (json_object_is_type(*object, json_type_object))
		return true;
	json_object_put(*object);
	*object = NULL;
	answer_error(answer, 400, "Malformed request body: a JSON object is "
				 "expected.");
	return false;
}

static void
run(const Match *match, const ApiCall *call, Answer *answer)
{
	Target		target = {.call = call};

	if (match->id != NULL && !resolve_id(match, &target.id, answer))
		return;
	if (match->route->takes_body
		&& !resolve_body(call->body, &target.body, answer))
		return;
	match->route->handle(&target, answer);
	json_object_put(target.body);
}

void
routes_answer(const ApiCall *call, Answer *answer)
{
	Match		match = find_route(call->method, call->path);

	if (match.route == NULL && match.allow[0] == '\0')
		answer_error(answer, 404, "Not Found");
	else if (!call->key_ok)
		answer_error(answer, 401, call->key_present
					 ? "Invalid API key." : "API key is missing.");
	else if (match.route == NULL)
	{
		/* the header's value must outlive this frame, and there are few */
		static const char *const allowed[] = {
			"GET", "GET, POST", "GET, PATCH", "PATCH", "POST",
		};

		answer_error(answer, 405, "Method Not Allowed");
		for (size_t i = 0; i < LENGTH(allowed); i++)
			if (strcmp(allowed[i], match.allow) == 0)
				answer->allow = allowed[i];
	}
	else
		run(&match, call, answer);
}
