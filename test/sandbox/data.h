/*-------------------------------------------------------------------------
 *
 * data.h
 *	  The organization the sandbox pretends to know.
 *
 * Everything follows from the seed and the sizes.  Only what a write can
 * change is stored; names, times and texts are derived from a thing's number
 * when it is rendered, which is what lets a million accounts fit in a few
 * megabytes.  Numbers in ids start at 1, indexes at 0.
 *
 * Not locked: the caller sees to it that one thread at a time is in here.
 *-------------------------------------------------------------------------
 */
#ifndef SANDBOX_DATA_H
#define SANDBOX_DATA_H

#include <stdbool.h>
#include <stdint.h>

#define NO_DATE INT32_MIN

/* the leading character of an id, and the namespace of its derived values */
enum
{
	KIND_COMPANY = 'c',
	KIND_CONNECTION = 'd',
	KIND_ACCOUNT = 'a',
	KIND_SITE = '5',
	KIND_METER = 'e',
	KIND_INVITATION = 'f',
};

enum
{
	CONNECTION_PENDING = 0,
	CONNECTION_UNDER_INVESTIGATION = 2,
	CONNECTION_COMPANY_INACTIVE = 11,
	CONNECTION_STATUSES = 12,
};

typedef enum AccountStatus
{
	ACCOUNT_DETECTED = 0,
	ACCOUNT_ONBOARDED = 1,
	ACCOUNT_PULL_COMPLETED = 2,
	ACCOUNT_DUPLICATE = 9,
	ACCOUNT_CUSTOMER_NOT_TRACKED = 10,
	ACCOUNT_STATUSES = 12,
	ACCOUNT_WITHOUT_STATUS = 12,	/* the member is missing */
	ACCOUNT_ODD = 13,			/* a label that is not documented */
} AccountStatus;

typedef enum Tracking
{
	TRACKING_UNSET,
	TRACKING_ENABLED,
	TRACKING_DISABLED,
} Tracking;

/* in the order of the documentation, and then what is not in it */
extern const char *const connection_statuses[CONNECTION_STATUSES + 1];
extern const char *const account_statuses[ACCOUNT_STATUSES + 2];
extern const char *const tracking_statuses[3];

typedef struct DataSize
{
	uint64_t	seed;
	uint32_t	companies;
	uint32_t	connections;	/* per company */
	uint32_t	accounts;		/* per connection, on average */
	bool		odd_labels;		/* some statuses are not documented */
} DataSize;

typedef struct Company
{
	uint32_t	first_site;
	uint32_t	n_sites;
	uint32_t	first_connection;
	uint32_t	n_connections;	/* those from the start */
	uint32_t   *added;			/* connections created by requests */
	uint32_t	n_added;
} Company;

/* What a request told about the connection it created. */
typedef struct Login
{
	char	   *url;
	char	   *username;
	char	   *country;		/* NULL if not told */
	uint32_t   *sites;
	uint32_t	n_sites;
} Login;

typedef struct Connection
{
	uint32_t	company;
	uint32_t	first_account;
	uint32_t	n_accounts;
	int32_t		start_date;		/* days since 1970, or NO_DATE */
	uint8_t		status;
	bool		multiply;
	int64_t		changed;		/* when a test set the status, 0: never */
	bool		gone;			/* neither listed nor found */
	Login	   *login;			/* NULL for those from the start */
} Connection;

typedef struct Account
{
	int64_t		changed;		/* as of a connection */
	uint8_t		status;
	uint8_t		tracking;
	bool		gone;
} Account;

typedef struct Invitation
{
	uint32_t	company;
	int64_t		connection;		/* -1 when it is to create one */
	char	   *allowed_emails; /* JSON */
	char	   *prefill;		/* JSON, NULL if not told */
	int64_t		created;		/* seconds since 1970 */
	int64_t		expires;		/* the same, 0 if never */
	int64_t		max_uses;		/* 0 if unlimited */
	bool		revoked;
} Invitation;

typedef struct Data
{
	DataSize	size;
	Company    *companies;
	Connection *connections;
	Account    *accounts;
	Invitation *invitations;
	uint32_t	n_companies;
	uint32_t	n_connections;	/* with those created by requests */
	uint32_t	n_accounts;
	uint32_t	n_sites;
	uint32_t	n_invitations;
	uint32_t   *site_company;
	bool		changed;		/* something differs from the start */
} Data;

extern Data data;

/* Make the data of these sizes. */
extern void data_start(const DataSize *size);

/* Undo every write. */
extern void data_restore(void);

/* A number which depends on nothing but seed, thing and salt. */
extern uint64_t data_hash(char kind, uint64_t number, unsigned salt);

/* The connection an account belongs to. */
extern uint32_t data_account_connection(uint32_t account);

/* True if the connection was created for that site. */
extern bool data_connection_has_site(uint32_t connection, uint32_t site);

/* The owner's e-mail, NULL if there is none. */
extern const char *data_connection_owner(uint32_t connection);

/* Writes.  The login and the strings in an invitation become ours. */
extern uint32_t data_add_connection(uint32_t company, Login *login);
extern uint32_t data_add_invitation(const Invitation *invitation);
extern void data_confirm(uint32_t connection, bool confirm);
extern void data_track(uint32_t account, bool tracked);

/*
 * What a test wants to have happened: a status since that second.  0 is now,
 * but later than what was set before.
 */
extern void data_set_connection(uint32_t connection, uint8_t status, int64_t at);
extern void data_set_account(uint32_t account, uint8_t status,
							 uint8_t tracking, int64_t at);

/* Take the thing out of listings and details, or bring it back. */
extern void data_hide(char kind, uint32_t index, bool gone);

#endif							/* SANDBOX_DATA_H */
