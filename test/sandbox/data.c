/*-------------------------------------------------------------------------
 *
 * data.c
 *	  The organization the sandbox pretends to know.
 *-------------------------------------------------------------------------
 */
#include "data.h"

#include <stdlib.h>
#include <time.h>

#include "text.h"

const char *const connection_statuses[CONNECTION_STATUSES + 1] = {
	"PENDING", "CONNECTED", "UNDER_INVESTIGATION",
	"PASSWORD_INCORRECT", "MFA_TOKEN_EXPIRED", "NEW_PASSWORD_NEEDED",
	"ADDITIONAL_CREDENTIALS_NEEDED",
	"WEBSITE_DOWN", "URL_INACCESSIBLE", "NO_ACCOUNTS_FOUND", "OTHER_ERROR",
	"COMPANY_INACTIVE",
	"ON_HOLD",
};

const char *const account_statuses[ACCOUNT_STATUSES + 2] = {
	"DETECTED", "ONBOARDED", "PULL_COMPLETED", "NO_DOCUMENTS_FOUND",
	"PDF_DOWNLOAD_FAILED", "ACCOUNT_NOT_FOUND", "WORKFLOW_NOT_ACCESSIBLE",
	"OTHER_ERROR", "OLD_ACCOUNT", "DUPLICATE", "CUSTOMER_NOT_TRACKED",
	"COMPANY_INACTIVE",
	NULL,
	"NEEDS_PULL",
};

const char *const tracking_statuses[3] = {"UNSET", "ENABLED", "DISABLED"};

/* one with a plus sign and one with a quote, as mail addresses may have */
static const char *const owners[] = {
	"facilities@acme.example", "energy+utilities@acme.example",
	"kim.o'brien@globex.example", NULL, "ops@initech.example",
};

#define N_OWNERS (sizeof(owners) / sizeof(owners[0]))

Data		data;

/* The finalizer of splitmix64 over the mixed inputs. */
uint64_t
data_hash(char kind, uint64_t number, unsigned salt)
{
	uint64_t	x = data.size.seed * 0x9e3779b97f4a7c15ULL;

	x += number * 0xd1342543de82ef95ULL;
	x += (uint64_t) kind * 0x2545f4914f6cdd1dULL;
	x += salt * 0xda942042e4dd58b5ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* Company 1 has three sites, so an archived one exists in any data. */
static uint32_t
sites_of(uint32_t company)
{
	return company == 0 ? 3 : 1 + data_hash(KIND_COMPANY, company, 1) % 3;
}

/* Statuses take turns within a company. */
static uint8_t
status_at_start(uint32_t in_company)
{
	return in_company % (CONNECTION_STATUSES + data.size.odd_labels);
}

/*
 * Zero to twice the average, none while pending.  The first connected one of
 * each company has the average, so tests can count on its accounts.
 */
static uint32_t
accounts_of(uint32_t connection, uint32_t in_company)
{
	uint32_t	average = data.size.accounts;

	if (status_at_start(in_company) == CONNECTION_PENDING)
		return 0;
	if (in_company == 1)
		return average;
	return data_hash(KIND_CONNECTION, connection, 1) % (2 * average + 1);
}

/* Every other account is an everyday one, the rest walk all the statuses. */
static Account
account_at_start(uint32_t account)
{
	static const uint8_t tracking[ACCOUNT_STATUSES + 2] = {
		[ACCOUNT_DETECTED] = TRACKING_UNSET,
		[ACCOUNT_ONBOARDED] = TRACKING_ENABLED,
		[ACCOUNT_PULL_COMPLETED] = TRACKING_ENABLED,
		[3] = TRACKING_ENABLED,
		[4] = TRACKING_ENABLED,
		[5] = TRACKING_UNSET,
		[6] = TRACKING_ENABLED,
		[7] = TRACKING_ENABLED,
		[8] = TRACKING_DISABLED,
		[ACCOUNT_DUPLICATE] = TRACKING_UNSET,
		[ACCOUNT_CUSTOMER_NOT_TRACKED] = TRACKING_DISABLED,
		[11] = TRACKING_ENABLED,
		[ACCOUNT_WITHOUT_STATUS] = TRACKING_UNSET,
		[ACCOUNT_ODD] = TRACKING_UNSET,
	};
	uint32_t	walk = account / 2;
	Account		made = {0};

	made.status = walk % (ACCOUNT_STATUSES + 1 + data.size.odd_labels);
	if (account % 2 == 0)
		made.status = walk % 2 ? ACCOUNT_PULL_COMPLETED : ACCOUNT_DETECTED;
	made.tracking = tracking[made.status];
	return made;
}

/* The mutable part of a connection from the start. */
static void
restore_connection(uint32_t index)
{
	Connection *connection = &data.connections[index];
	uint64_t	hash = data_hash(KIND_CONNECTION, index, 2);

	connection->status = status_at_start(index % data.size.connections);
	connection->changed = 0;
	connection->gone = false;
	connection->multiply = hash % 4 == 0;
	/* some day of 2022 or 2023, one in six unknown */
	connection->start_date = hash % 6 == 0 ? NO_DATE : 18993 + hash / 6 % 730;
}

static void
start_companies(void)
{
	for (uint32_t i = 0; i < data.n_companies; i++)
	{
		Company    *company = &data.companies[i];

		company->first_site = data.n_sites;
		company->n_sites = sites_of(i);
		company->first_connection = i * data.size.connections;
		company->n_connections = data.size.connections;
		data.n_sites += company->n_sites;
	}
	data.site_company = xcalloc(data.n_sites, sizeof(uint32_t));
	for (uint32_t i = 0; i < data.n_companies; i++)
		for (uint32_t s = 0; s < data.companies[i].n_sites; s++)
			data.site_company[data.companies[i].first_site + s] = i;
}

static void
start_connections(void)
{
	for (uint32_t i = 0; i < data.n_connections; i++)
	{
		Connection *connection = &data.connections[i];

		connection->company = i / data.size.connections;
		connection->first_account = data.n_accounts;
		connection->n_accounts = accounts_of(i, i % data.size.connections);
		data.n_accounts += connection->n_accounts;
		restore_connection(i);
	}
}

static void
restore_accounts(void)
{
	for (uint32_t i = 0; i < data.n_accounts; i++)
		data.accounts[i] = account_at_start(i);
}

void
data_start(const DataSize *size)
{
	data.size = *size;
	data.n_companies = size->companies;
	data.n_connections = size->companies * size->connections;
	data.companies = xcalloc(data.n_companies, sizeof(Company));
	data.connections = xcalloc(data.n_connections, sizeof(Connection));
	start_companies();
	start_connections();
	data.accounts = xcalloc(data.n_accounts, sizeof(Account));
	restore_accounts();
}

static void
free_login(Login *login)
{
	free(login->url);
	free(login->username);
	free(login->country);
	free(login->sites);
	free(login);
}

static void
drop_added(void)
{
	uint32_t	at_start = data.size.companies * data.size.connections;

	for (uint32_t i = at_start; i < data.n_connections; i++)
		free_login(data.connections[i].login);
	data.n_connections = at_start;
	for (uint32_t i = 0; i < data.n_companies; i++)
		data.companies[i].n_added = 0;
}

static void
drop_invitations(void)
{
	for (uint32_t i = 0; i < data.n_invitations; i++)
	{
		free(data.invitations[i].allowed_emails);
		free(data.invitations[i].prefill);
	}
	data.n_invitations = 0;
}

void
data_restore(void)
{
	if (!data.changed)
		return;					/* resets between tests stay cheap */
	drop_added();
	drop_invitations();
	for (uint32_t i = 0; i < data.n_connections; i++)
		restore_connection(i);
	restore_accounts();
	data.changed = false;
}

uint32_t
data_account_connection(uint32_t account)
{
	uint32_t	low = 0,
				high = data.size.companies * data.size.connections;

	/* the last connection which starts at or before the account */
	while (high - low > 1)
	{
		uint32_t	middle = low + (high - low) / 2;

		if (data.connections[middle].first_account <= account)
			low = middle;
		else
			high = middle;
	}
	return low;
}

bool
data_connection_has_site(uint32_t index, uint32_t site)
{
	const Connection *connection = &data.connections[index];
	const Company *company = &data.companies[connection->company];
	uint32_t	pick = data_hash(KIND_CONNECTION, index, 3) % company->n_sites;

	if (connection->login == NULL)
		return site == company->first_site
			|| site == company->first_site + pick;
	for (uint32_t i = 0; i < connection->login->n_sites; i++)
		if (connection->login->sites[i] == site)
			return true;
	return false;
}

const char *
data_connection_owner(uint32_t connection)
{
	return owners[data_hash(KIND_CONNECTION, connection, 4) % N_OWNERS];
}

uint32_t
data_add_connection(uint32_t company, Login *login)
{
	Company    *owner = &data.companies[company];
	uint32_t	index = data.n_connections++;
	Connection	made = {
		.company = company,
		.first_account = data.n_accounts,
		.start_date = NO_DATE,
		.status = CONNECTION_PENDING,
		.login = login,
	};

	data.changed = true;
	data.connections = xrealloc(data.connections,
								data.n_connections * sizeof(Connection));
	data.connections[index] = made;
	owner->added = xrealloc(owner->added,
							(owner->n_added + 1) * sizeof(uint32_t));
	owner->added[owner->n_added++] = index;
	return index;
}

uint32_t
data_add_invitation(const Invitation *invitation)
{
	uint32_t	index = data.n_invitations++;

	data.changed = true;
	data.invitations = xrealloc(data.invitations,
								data.n_invitations * sizeof(Invitation));
	data.invitations[index] = *invitation;
	return index;
}

static void
set_tracked(Account *account, bool tracked)
{
	account->tracking = tracked ? TRACKING_ENABLED : TRACKING_DISABLED;
	account->status = tracked ? ACCOUNT_ONBOARDED
		: ACCOUNT_CUSTOMER_NOT_TRACKED;
	data.changed = true;
}

void
data_confirm(uint32_t index, bool confirm)
{
	const Connection *connection = &data.connections[index];

	for (uint32_t i = 0; i < connection->n_accounts; i++)
	{
		Account    *account = &data.accounts[connection->first_account + i];

		if (account->tracking == TRACKING_UNSET)
			set_tracked(account, confirm);
	}
}

void
data_track(uint32_t account, bool tracked)
{
	Tracking	wanted = tracked ? TRACKING_ENABLED : TRACKING_DISABLED;

	/* an account which is collected already stays as it is */
	if (data.accounts[account].tracking != wanted)
		set_tracked(&data.accounts[account], tracked);
}

/* The second of a change which a test wants; 0 wants now. */
static int64_t
moment(int64_t wanted, int64_t last)
{
	int64_t		now = time(NULL);

	if (wanted != 0)
		return wanted;
	return now > last ? now : last + 1;
}

void
data_set_connection(uint32_t index, uint8_t status, int64_t at)
{
	Connection *connection = &data.connections[index];

	connection->status = status;
	connection->changed = moment(at, connection->changed);
	data.changed = true;
}

void
data_set_account(uint32_t index, uint8_t status, uint8_t tracking, int64_t at)
{
	Account    *account = &data.accounts[index];

	account->status = status;
	account->tracking = tracking;
	account->changed = moment(at, account->changed);
	data.changed = true;
}

void
data_hide(char kind, uint32_t index, bool gone)
{
	if (kind == KIND_CONNECTION)
		data.connections[index].gone = gone;
	else
		data.accounts[index].gone = gone;
	data.changed = true;
}
