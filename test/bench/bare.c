/*-------------------------------------------------------------------------
 *
 * bare.c
 *	  The peer of the benchmarks: libcurl and json-c without PostgreSQL.
 *
 * bare BASE_URL KEY reads commands from stdin, one a line:
 *
 *	  drop|parse|read WINDOW PATH [PATH]...
 *
 * asks for the paths, at most WINDOW at once over kept connections, and
 * answers with one line: milliseconds from command to end, those of its own
 * CPU, those spent on JSON, elements, bytes.  A "-" among the paths waits
 * until those before it are read.  "drop" throws bodies away; "parse" parses
 * each element by itself and frees it; "read" also looks the members up that
 * the columns of `connections` show.
 *-------------------------------------------------------------------------
 */
#include <curl/curl.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_WINDOW 64

typedef enum How
{
	HOW_DROP,
	HOW_PARSE,
	HOW_READ
} How;

typedef struct Transfer
{
	CURL	   *easy;
	char	   *path;			/* NULL: free for the next request */
	char		url[1024];
	char	   *data;
	size_t		len;
	size_t		cap;
} Transfer;

typedef struct Totals
{
	double		json_ms;
	long		elements;
	size_t		bytes;
	size_t		text_bytes;		/* keeps reading from being optimized away */
} Totals;

/* Where the columns of `connections` are, less what is computed from status. */
static const char *const members[][2] = {
	{"id"}, {"company", "id"}, {"company", "name"}, {"company", "externalId"},
	{"publicCompanyId"}, {"externalId"}, {"status"}, {"statusFirstSeenTime"},
	{"statusLastUpdateTime"}, {"statusErrorDetail"}, {"datasource", "name"},
	{"datasource", "url"}, {"url"}, {"username"}, {"workflowOwnerEmail"},
	{"country"}, {"initialSites"}, {"initialDatasourceTypes"},
	{"dataCollectionStartDate"}, {"multiplyByOccupancy"}, {"isActive"},
	{"created"}, {"updated"},
};

static const char *base_url;
static struct curl_slist *headers;
static CURLM *multi;
static Transfer transfers[MAX_WINDOW];
static How	how;
static Totals totals;

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "bare: %s: %s\n", what, why);
	exit(1);
}

static double
now_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

/* --- JSON --- */

static size_t
text_bytes(json_object *value)
{
	size_t		sum = 0;

	if (json_object_get_type(value) == json_type_array)
		for (size_t i = 0; i < json_object_array_length(value); i++)
			sum += text_bytes(json_object_array_get_idx(value, i));
	else if (value != NULL && json_object_get_string(value) != NULL)
		sum = strlen(json_object_get_string(value));
	return sum;
}

static void
read_members(json_object *element)
{
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
	{
		json_object *value = element;

		for (int part = 0; part < 2 && members[i][part] != NULL; part++)
			if (!json_object_object_get_ex(value, members[i][part], &value))
				break;
		totals.text_bytes += text_bytes(value);
	}
}

/* Parse the value at p, use it, free it; the byte after it. */
static const char *
take_value(json_tokener *tokener, const char *p, const char *end, bool is_element)
{
	json_object *value;

	json_tokener_reset(tokener);
	value = json_tokener_parse_ex(tokener, p, (int) (end - p));
	if (json_tokener_get_error(tokener) != json_tokener_success)
		die("JSON", json_tokener_error_desc(json_tokener_get_error(tokener)));
	if (is_element)
		totals.elements++;
	if (is_element && how == HOW_READ)
		read_members(value);
	json_object_put(value);
	return p + json_tokener_get_parse_end(tokener);
}

static const char *
skip(const char *p, const char *end, const char *bytes)
{
	while (p < end && strchr(bytes, *p) != NULL)
		p++;
	return p;
}

static const char *
take_array(json_tokener *tokener, const char *p, const char *end)
{
	for (p = skip(p + 1, end, ", \n"); p < end && *p != ']'; p = skip(p, end, ", \n"))
		p = take_value(tokener, p, end, true);
	return p + 1;
}

/* An envelope: its members one by one, the array of elements element by element. */
static void
take_envelope(json_tokener *tokener, const char *p, const char *end)
{
	static const char items[] = "\"connections\"";

	for (p = skip(p, end, "{ \n"); p < end && *p == '"'; p = skip(p, end, ", \n"))
	{
		const char *key = p;

		p = memchr(key + 1, '"', end - key - 1);
		if (p == NULL)
			die("JSON", "a key is not closed");
		p = skip(p + 1, end, ": \n");
		if (p < end && *p == '[' && strncmp(key, items, sizeof(items) - 1) == 0)
			p = take_array(tokener, p, end);
		else
			p = take_value(tokener, p, end, false);
	}
}

static void
take_body(const Transfer *transfer)
{
	static json_tokener *tokener;
	double		start = now_ms(CLOCK_MONOTONIC);
	const char *end = transfer->data + transfer->len;

	if (tokener == NULL)
		tokener = json_tokener_new();
	if (strstr(transfer->path, "/connection/company/") != NULL)
		take_envelope(tokener, transfer->data, end);
	else if (transfer->data[0] == '[')
		take_array(tokener, transfer->data, end);
	else
		take_value(tokener, transfer->data, end, true);
	totals.json_ms += now_ms(CLOCK_MONOTONIC) - start;
}

/* --- HTTP --- */

static size_t
append(char *data, size_t size, size_t nmemb, void *arg)
{
	Transfer   *transfer = arg;
	size_t		len = size * nmemb;

	if (transfer->len + len + 1 > transfer->cap)
	{
		transfer->cap = (transfer->len + len + 1) * 2;
		transfer->data = realloc(transfer->data, transfer->cap);
		if (transfer->data == NULL)
			die("memory", "there is no more");
	}
	memcpy(transfer->data + transfer->len, data, len);
	transfer->len += len;
	transfer->data[transfer->len] = '\0';
	return len;
}

static void
start_libcurl(const char *key)
{
	char		header[256];

	curl_global_init(CURL_GLOBAL_DEFAULT);
	multi = curl_multi_init();
	snprintf(header, sizeof(header), "X-API-Key: %s", key);
	headers = curl_slist_append(NULL, header);
	headers = curl_slist_append(headers, "Accept: application/json");
}

static Transfer *
free_transfer(int window)
{
	for (int i = 0; i < window; i++)
		if (transfers[i].path == NULL)
			return &transfers[i];
	return NULL;
}

static void
begin(Transfer *transfer, char *path)
{
	if (transfer->easy == NULL)
	{
		transfer->easy = curl_easy_init();
		curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(transfer->easy, CURLOPT_ACCEPT_ENCODING, "");
		curl_easy_setopt(transfer->easy, CURLOPT_NOSIGNAL, 1L);
		curl_easy_setopt(transfer->easy, CURLOPT_PROXY, "");
		curl_easy_setopt(transfer->easy, CURLOPT_WRITEFUNCTION, append);
		curl_easy_setopt(transfer->easy, CURLOPT_WRITEDATA, transfer);
		curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
	}
	transfer->path = path;
	transfer->len = 0;
	snprintf(transfer->url, sizeof(transfer->url), "%s%s", base_url, path);
	curl_easy_setopt(transfer->easy, CURLOPT_URL, transfer->url);
	curl_multi_add_handle(multi, transfer->easy);
}

static void
finish(Transfer *transfer, CURLcode code)
{
	long		status = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK || status != 200)
		die(transfer->url, code != CURLE_OK ? curl_easy_strerror(code) : "the status is not 200");
	curl_multi_remove_handle(multi, transfer->easy);
	totals.bytes += transfer->len;
	if (how != HOW_DROP)
		take_body(transfer);
	transfer->path = NULL;
}

/* Read whatever has come; the number of requests that ended. */
static int
pump(bool wait)
{
	CURLMsg    *message;
	int			running;
	int			left;
	int			finished = 0;

	if (wait)
		curl_multi_poll(multi, NULL, 0, 1000, NULL);
	curl_multi_perform(multi, &running);
	while ((message = curl_multi_info_read(multi, &left)) != NULL)
	{
		Transfer   *transfer;

		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **) &transfer);
		finish(transfer, message->data.result);
		finished++;
	}
	return finished;
}

/* --- commands --- */

static void
ask(int window, char *paths)
{
	int			in_flight = 0;
	char	   *path = strtok(paths, " \n");

	while (path != NULL || in_flight > 0)
	{
		bool		barrier = path != NULL && strcmp(path, "-") == 0;
		Transfer   *transfer = free_transfer(window);

		if (path != NULL && !barrier && transfer != NULL)
		{
			begin(transfer, path);
			in_flight++;
			path = strtok(NULL, " \n");
			continue;
		}
		if (barrier && in_flight == 0)
		{
			path = strtok(NULL, " \n");
			continue;
		}
		in_flight -= pump(false);
		if (in_flight > 0 && (path == NULL || barrier || free_transfer(window) == NULL))
			in_flight -= pump(true);
	}
}

static How
how_of(const char *word)
{
	static const char *const words[] = {"drop", "parse", "read"};

	for (int i = 0; i < 3; i++)
		if (strcmp(word, words[i]) == 0)
			return i;
	die(word, "no such command");
	return HOW_DROP;
}

int
main(int argc, char **argv)
{
	char	   *line = NULL;
	size_t		cap = 0;

	if (argc != 3)
		die("usage", "bare BASE_URL KEY");
	base_url = argv[1];
	while (getline(&line, &cap, stdin) > 0)
	{
		double		start = now_ms(CLOCK_MONOTONIC);
		double		cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID);
		char		word[16];
		int			window;
		int			at;

		if (sscanf(line, "%15s %d %n", word, &window, &at) < 2 || window < 1 || window > MAX_WINDOW)
			die("command", line);
		if (multi == NULL)
			start_libcurl(argv[2]);
		how = how_of(word);
		memset(&totals, 0, sizeof(totals));
		ask(window, line + at);
		printf("%.4f %.4f %.4f %ld %zu %zu\n", now_ms(CLOCK_MONOTONIC) - start,
			   now_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu, totals.json_ms, totals.elements,
			   totals.bytes, totals.text_bytes);
		fflush(stdout);
	}
	return 0;
}
