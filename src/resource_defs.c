/*-------------------------------------------------------------------------
 *
 * resource_defs.c
 *	  DATA ONLY: every resource, column, JSON path, route, filter and status
 *	  fact, as the Nectar external API v2.2 documents them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "resource_defs.h"

/* ---- endpoints ---- */

static const CfdwEndpoint company_list = {
	.path = "/company", .element = "company",
	.shape = CFDW_SHAPE_ARRAY, .company_path = "id",
};

static const CfdwEndpoint company_get = {
	.path = "/company/{}", .key = "company_id", .element = "company",
	.shape = CFDW_SHAPE_OBJECT, .company_path = "id",
};

static const CfdwEndpoint connection_list = {
	.path = "/connection/company/{}", .key = "company_id",
	.element = "connection", .shape = CFDW_SHAPE_PAGES,
	.items = "connections", .total = "totalConnections",
	.company_path = "company.id",
	.filters = {
		{.column = "status", .param = "status"},
		{.column = "workflow_owner_email", .param = "connectionOwnerEmail"},
	},
};

/* The same listing read for its accounts: no filter speaks of those. */
static const CfdwEndpoint account_list = {
	.path = "/connection/company/{}", .key = "company_id",
	.element = "connection", .shape = CFDW_SHAPE_PAGES,
	.items = "connections", .total = "totalConnections",
	.company_path = "company.id",
};

static const CfdwEndpoint connection_get = {
	.path = "/connection/{}/details", .key = "connection_id",
	.element = "connection", .shape = CFDW_SHAPE_OBJECT,
	.company_path = "company.id",
};

/* Whether it comes in pages is open. */
static const CfdwEndpoint invitation_list = {
	.path = "/invitation/company/{}", .key = "company_id",
	.element = "invitation", .shape = CFDW_SHAPE_LIST,
	.items = "invitations", .total = "totalInvitations",
	.company_path = "companyId",
};

static const CfdwEndpoint invitation_get = {
	.path = "/invitation/{}", .key = "invitation_id",
	.element = "invitation", .shape = CFDW_SHAPE_OBJECT,
	.company_path = "companyId",
};

/* What UPDATE sends. */
static const CfdwEndpoint connection_patch = {
	.path = "/connection/{}/details", .key = "id", .element = "connection",
};

static const CfdwEndpoint account_patch = {
	.path = "/account/{}", .key = "id", .element = "account",
};

/* ---- columns ---- */

static const CfdwColumn company_columns[] = {
	{.name = "id", .type = CFDW_TYPE_UUID, .path = "id", .required = true,
	 .is_company = true, .ndistinct = -1, .help = "the company"},
	{.name = "name", .type = CFDW_TYPE_TEXT, .path = "name", .ndistinct = -1,
	 .help = "its name"},
	{.name = "external_id", .type = CFDW_TYPE_TEXT, .path = "externalId",
	 .ndistinct = -1, .help = "your own id of the company"},
	{.name = "data_collection_start_date", .type = CFDW_TYPE_DATE,
	 .path = "dataCollectionStartDate", .help = "first day of collection"},
	{.name = "is_demand_enabled", .type = CFDW_TYPE_BOOL,
	 .path = "isDemandEnabled", .help = "demand data is collected"},
	{.name = "is_implied_metering_enabled", .type = CFDW_TYPE_BOOL,
	 .path = "isImpliedMeteringEnabled", .help = "implied metering is on"},
	{.name = "implied_metering_fraction", .type = CFDW_TYPE_NUMERIC,
	 .path = "impliedMeteringFraction", .help = "fraction, 0 to 1"},
	{.name = "is_basic_identifier_mapping_enabled", .type = CFDW_TYPE_BOOL,
	 .path = "isBasicIdentifierMappingEnabled",
	 .help = "basic identifier mapping is on"},
	{.name = "is_low_accuracy_mode_enabled", .type = CFDW_TYPE_BOOL,
	 .path = "isLowAccuracyModeEnabled", .help = "low accuracy mode is on"},
	{.name = "users", .type = CFDW_TYPE_TEXT_ARRAY, .path = "users",
	 .help = "e-mail addresses of its users"},
	{.name = "attrs", .type = CFDW_TYPE_JSONB, .origin = CFDW_WHOLE_ELEMENT,
	 .help = "the remote object less sites and secrets"},
};

static const CfdwColumn site_columns[] = {
	{.name = "id", .type = CFDW_TYPE_UUID, .path = "id", .required = true,
	 .ndistinct = -1, .help = "the site"},
	{.name = "company_id", .type = CFDW_TYPE_UUID, .path = "id",
	 .origin = CFDW_FROM_PARENT, .required = true, .is_company = true,
	 .ndistinct = 50, .help = "its company"},
	{.name = "name", .type = CFDW_TYPE_TEXT, .path = "name",
	 .help = "its name"},
	{.name = "external_id", .type = CFDW_TYPE_TEXT, .path = "externalId",
	 .ndistinct = -1, .help = "your own id of the site"},
	{.name = "address", .type = CFDW_TYPE_TEXT, .path = "address",
	 .help = "postal address"},
	{.name = "path", .type = CFDW_TYPE_TEXT_ARRAY, .path = "path",
	 .help = "folders that lead to the site"},
	{.name = "occupancy_percent", .type = CFDW_TYPE_NUMERIC,
	 .path = "occupancyPercent", .help = "occupancy in percent"},
	{.name = "data_collection_stop_date", .type = CFDW_TYPE_DATE,
	 .path = "dataCollectionStopDate", .help = "set: the site is archived"},
	{.name = "attrs", .type = CFDW_TYPE_JSONB, .origin = CFDW_WHOLE_ELEMENT,
	 .help = "the remote object less secrets"},
};

static const CfdwColumn connection_columns[] = {
	{.name = "id", .type = CFDW_TYPE_UUID, .path = "id", .required = true,
	 .ndistinct = -1, .help = "the connection"},
	{.name = "company_id", .type = CFDW_TYPE_UUID, .path = "company.id",
	 .is_company = true, .ndistinct = 50, .help = "its company"},
	{.name = "company_name", .type = CFDW_TYPE_TEXT, .path = "company.name",
	 .of_company = true, .ndistinct = 50, .help = "the company's name"},
	{.name = "company_external_id", .type = CFDW_TYPE_TEXT,
	 .path = "company.externalId", .of_company = true, .ndistinct = 50,
	 .help = "your own id of the company"},
	{.name = "public_company_id", .type = CFDW_TYPE_TEXT,
	 .path = "publicCompanyId", .of_company = true, .ndistinct = 50,
	 .help = "the company's id in link URLs"},
	{.name = "external_id", .type = CFDW_TYPE_TEXT, .path = "externalId",
	 .ndistinct = -1, .help = "your own id of the connection"},
	{.name = "status", .type = CFDW_TYPE_CONNECTION_STATUS, .path = "status",
	 .ndistinct = 12, .help = "status; NULL where its label is unrecognized"},
	{.name = "status_category", .type = CFDW_TYPE_CATEGORY, .path = "status",
	 .origin = CFDW_CATEGORY_OF, .ndistinct = 5,
	 .help = "category of the status, never NULL"},
	{.name = "needs_user_action", .type = CFDW_TYPE_BOOL, .path = "status",
	 .origin = CFDW_NEEDS_USER_OF, .ndistinct = 2,
	 .help = "collection is paused until the end user acts, never NULL"},
	{.name = "status_first_seen_time", .type = CFDW_TYPE_TIMESTAMPTZ,
	 .path = "statusFirstSeenTime", .help = "since when it has this status"},
	{.name = "status_last_update_time", .type = CFDW_TYPE_TIMESTAMPTZ,
	 .path = "statusLastUpdateTime", .help = "when it was last checked"},
	{.name = "status_error_detail", .type = CFDW_TYPE_TEXT,
	 .path = "statusErrorDetail", .help = "the provider's own words"},
	{.name = "datasource_name", .type = CFDW_TYPE_TEXT,
	 .path = "datasource.name", .ndistinct = 50,
	 .help = "the utility provider"},
	{.name = "datasource_url", .type = CFDW_TYPE_TEXT,
	 .path = "datasource.url", .ndistinct = 50,
	 .help = "the provider's web address"},
	{.name = "url", .type = CFDW_TYPE_TEXT, .path = "url",
	 .help = "login page of this connection"},
	{.name = "username", .type = CFDW_TYPE_TEXT, .path = "username",
	 .help = "login name at the provider"},
	{.name = "workflow_owner_email", .type = CFDW_TYPE_TEXT,
	 .path = "workflowOwnerEmail", .ndistinct = 50,
	 .help = "who owns the connection"},
	{.name = "country", .type = CFDW_TYPE_TEXT, .path = "country",
	 .ndistinct = 10, .help = "two letters"},
	{.name = "initial_sites", .type = CFDW_TYPE_UUID_ARRAY,
	 .path = "initialSites", .help = "sites given when it was made"},
	{.name = "initial_datasource_types", .type = CFDW_TYPE_TEXT_ARRAY,
	 .path = "initialDatasourceTypes", .help = "ELECTRICITY, GAS, WATER, ..."},
	{.name = "data_collection_start_date", .type = CFDW_TYPE_DATE,
	 .path = "dataCollectionStartDate", .help = "first day of collection",
	 .patch = "dataCollectionStartDate", .patch_null = true},
	{.name = "multiply_by_occupancy", .type = CFDW_TYPE_BOOL,
	 .path = "multiplyByOccupancy", .help = "values are scaled by occupancy",
	 .patch = "multiplyByOccupancy"},
	{.name = "is_active", .type = CFDW_TYPE_BOOL, .path = "isActive",
	 .help = "NULL where the API does not say"},
	{.name = "created", .type = CFDW_TYPE_TIMESTAMPTZ, .path = "created",
	 .help = "when it was made"},
	{.name = "updated", .type = CFDW_TYPE_TIMESTAMPTZ, .path = "updated",
	 .help = "when it last changed"},
	{.name = "attrs", .type = CFDW_TYPE_JSONB, .origin = CFDW_WHOLE_ELEMENT,
	 .help = "the remote object less accounts and secrets"},
};

static const CfdwColumn account_columns[] = {
	{.name = "id", .type = CFDW_TYPE_UUID, .path = "id", .required = true,
	 .ndistinct = -1, .help = "the account"},
	{.name = "connection_id", .type = CFDW_TYPE_UUID, .path = "id",
	 .origin = CFDW_FROM_PARENT, .required = true, .ndistinct = 1000,
	 .help = "its connection"},
	{.name = "company_id", .type = CFDW_TYPE_UUID, .path = "company.id",
	 .origin = CFDW_FROM_PARENT, .is_company = true, .ndistinct = 50,
	 .help = "its company"},
	{.name = "account_number", .type = CFDW_TYPE_TEXT,
	 .path = "accountNumber", .help = "the provider's number; may be empty"},
	{.name = "status", .type = CFDW_TYPE_ACCOUNT_STATUS, .path = "status",
	 .ndistinct = 12, .help = "status; NULL where missing or unrecognized"},
	{.name = "tracking_status", .type = CFDW_TYPE_TRACKING_STATUS,
	 .path = "trackingStatus", .ndistinct = 3,
	 .help = "whether it is tracked; UNSET: undecided",
	 .patch = "isTracked", .patch_true = "ENABLED", .patch_false = "DISABLED"},
	{.name = "status_first_seen_time", .type = CFDW_TYPE_TIMESTAMPTZ,
	 .path = "statusFirstSeenTime", .help = "since when it has this status"},
	{.name = "status_last_update_time", .type = CFDW_TYPE_TIMESTAMPTZ,
	 .path = "statusLastUpdateTime", .help = "when it was last checked"},
	{.name = "status_error_detail", .type = CFDW_TYPE_TEXT,
	 .path = "statusErrorDetail", .help = "the provider's own words"},
	{.name = "is_duplicated", .type = CFDW_TYPE_BOOL, .path = "isDuplicated",
	 .ndistinct = 2, .help = "another account is the same"},
	{.name = "is_collecting_invoice_data", .type = CFDW_TYPE_BOOL,
	 .path = "isCollectingInvoiceData", .ndistinct = 2,
	 .help = "bills are collected"},
	{.name = "is_collecting_smart_meter_data", .type = CFDW_TYPE_BOOL,
	 .path = "isCollectingSmartMeterData", .ndistinct = 2,
	 .help = "smart meter data is collected"},
	{.name = "meters", .type = CFDW_TYPE_UUID_ARRAY, .path = "meters",
	 .help = "its meters"},
	{.name = "datasource_types", .type = CFDW_TYPE_TEXT_ARRAY,
	 .path = "datasourceTypes", .help = "ELECTRICITY, GAS, WATER, ..."},
	{.name = "data_collection_start_date", .type = CFDW_TYPE_DATE,
	 .path = "dataCollectionStartDate", .help = "first day of collection"},
	{.name = "last_service_date", .type = CFDW_TYPE_DATE,
	 .path = "lastServiceDate", .help = "last day that a bill covers"},
	{.name = "attrs", .type = CFDW_TYPE_JSONB, .origin = CFDW_WHOLE_ELEMENT,
	 .help = "the remote object less secrets"},
};

static const CfdwColumn invitation_columns[] = {
	{.name = "id", .type = CFDW_TYPE_UUID, .path = "id", .required = true,
	 .ndistinct = -1, .help = "the invitation"},
	{.name = "company_id", .type = CFDW_TYPE_UUID, .path = "companyId",
	 .is_company = true, .ndistinct = 50, .help = "its company"},
	{.name = "connection_id", .type = CFDW_TYPE_UUID, .path = "connectionId",
	 .help = "the connection to mend; NULL for a new one"},
	{.name = "invitation_type", .type = CFDW_TYPE_INVITATION_TYPE,
	 .path = "invitationType", .ndistinct = 2,
	 .help = "whether it makes or mends a connection"},
	{.name = "status", .type = CFDW_TYPE_INVITATION_STATUS, .path = "status",
	 .ndistinct = 4, .help = "status; NULL where its label is unrecognized"},
	{.name = "allowed_emails", .type = CFDW_TYPE_TEXT_ARRAY,
	 .path = "allowedEmails", .help = "who may use it"},
	{.name = "expires_at", .type = CFDW_TYPE_TIMESTAMPTZ, .path = "expiresAt",
	 .help = "until when it may be used"},
	{.name = "max_uses", .type = CFDW_TYPE_INTEGER, .path = "maxUses",
	 .help = "how often it may be used"},
	{.name = "use_count", .type = CFDW_TYPE_INTEGER, .path = "useCount",
	 .help = "how often it was used"},
	{.name = "created_at", .type = CFDW_TYPE_TIMESTAMPTZ, .path = "createdAt",
	 .help = "when it was made"},
	{.name = "attrs", .type = CFDW_TYPE_JSONB, .origin = CFDW_WHOLE_ELEMENT,
	 .help = "the remote object less secrets"},
};

/* ---- resources ---- */

const CfdwResource cfdw_resources[] = {
	{
		.name = "companies",
		.help = "companies of the key's organization",
		.columns = company_columns, .column_count = lengthof(company_columns),
		.rows_per_company = 1, .rows_per_element = 1,
		.instead = {
			.insert = "The API makes no companies.",
			.update = "The API changes no companies.",
			.delete = "The API deletes no companies.",
		},
		.route_count = 2,
		.routes = {
			{.name = "by id", .bound = "id", .steps = {&company_get}},
			{.name = "all", .steps = {&company_list}},
		},
	},
	{
		.name = "sites",
		.help = "sites of the companies",
		.embedded = "sites",
		.columns = site_columns, .column_count = lengthof(site_columns),
		.rows_per_company = 5, .rows_per_element = 5,
		.instead = {
			.insert = "The API makes no sites.",
			.update = "The API changes no sites.",
			.delete = "The API deletes no sites.",
		},
		.route_count = 2,
		.routes = {
			{.name = "by company", .bound = "company_id",
			 .steps = {&company_get}},
			{.name = "all", .steps = {&company_list},
			 .detail = &company_get},
		},
	},
	{
		.name = "connections",
		.help = "connections: a login at a utility provider each",
		.columns = connection_columns,
		.column_count = lengthof(connection_columns),
		.rows_per_company = 20, .rows_per_element = 1,
		.patch = &connection_patch,
		.instead = {
			.insert = "nectar.create_connection() makes one, and with a link of nectar.invite_to_connect() its end user does.",
			.update = "nectar.update_connection() changes what the API can change.",
			.delete = "The API deletes no connections.",
		},
		.route_count = 5,
		.routes = {
			{.name = "by id", .bound = "id", .steps = {&connection_get}},
			{.name = "by company", .bound = "company_id",
			 .steps = {&connection_list}},
			{.name = "by company name", .bound = "company_name",
			 .match = "name",
			 .steps = {&company_list, &connection_list}},
			{.name = "by company external id",
			 .bound = "company_external_id", .match = "externalId",
			 .steps = {&company_list, &connection_list}},
			{.name = "all", .steps = {&company_list, &connection_list}},
		},
	},
	{
		.name = "accounts",
		.help = "accounts: what a connection's login gives access to",
		.embedded = "accounts", .has_source_option = true,
		.columns = account_columns, .column_count = lengthof(account_columns),
		.rows_per_company = 60, .rows_per_element = 3,
		.patch = &account_patch,
		.instead = {
			.insert = "Accounts are discovered at connections; nectar.create_connection() makes a connection.",
			.update = "nectar.set_account_tracking() and nectar.bulk_set_account_tracking() change what the API can change.",
			.delete = "The API deletes no accounts; setting tracking_status to DISABLED stops the collection of one.",
		},
		.route_count = 3,
		.routes = {
			{.name = "by connection", .bound = "connection_id",
			 .steps = {&connection_get}},
			{.name = "by company", .bound = "company_id",
			 .steps = {&account_list}, .detail = &connection_get},
			{.name = "all", .steps = {&company_list, &account_list},
			 .detail = &connection_get},
		},
	},
	{
		.name = "invitations",
		.help = "invitations to make or mend a connection",
		.columns = invitation_columns,
		.column_count = lengthof(invitation_columns),
		.rows_per_company = 5, .rows_per_element = 1,
		.instead = {
			.insert = "nectar.invite_to_connect() and nectar.invite_to_reconnect() make one.",
			.update = "The API changes no invitations; nectar.revoke_invitation() revokes one.",
			.delete = "The API deletes no invitations; nectar.revoke_invitation() revokes one.",
		},
		.route_count = 3,
		.routes = {
			{.name = "by id", .bound = "id", .steps = {&invitation_get}},
			{.name = "by company", .bound = "company_id",
			 .steps = {&invitation_list}},
			{.name = "all", .steps = {&company_list, &invitation_list}},
		},
	},
};

const int	cfdw_resource_count = lengthof(cfdw_resources);

/* ---- status facts ---- */

static const CfdwStatusFact connection_facts[] = {
	{"PENDING", "healthy", "nobody",
	 "Created; the first check runs within days.",
	 "Wait for the first check.", false, true, false},
	{"CONNECTED", "healthy", "nobody",
	 "Collecting, checked every week.",
	 "Nothing to do.", false, true, false},
	{"UNDER_INVESTIGATION", "healthy", "nobody",
	 "Nectar's team is looking into it.",
	 "Nothing to do: Nectar's team is looking into it.", false, true, false},
	{"PASSWORD_INCORRECT", "credential_error", "user",
	 "The provider refused the password; collection is paused.",
	 "The end user gives the new password through a magic link or a reconnect invitation.",
	 true, false, false},
	{"MFA_TOKEN_EXPIRED", "credential_error", "user",
	 "The provider asks for a new MFA challenge; collection is paused.",
	 "The end user completes the MFA challenge through the interactive link.",
	 true, false, false},
	{"NEW_PASSWORD_NEEDED", "credential_error", "user",
	 "The provider demands a new password; collection is paused.",
	 "The end user resets the password at the provider first, then gives it through a magic link or a reconnect invitation.",
	 true, false, false},
	{"ADDITIONAL_CREDENTIALS_NEEDED", "credential_error", "user",
	 "The provider asks further questions; collection is paused.",
	 "The end user answers the extra questions through a magic link or a reconnect invitation.",
	 true, false, false},
	{"WEBSITE_DOWN", "provider_error", "nobody",
	 "The provider's web site did not answer; retried on the next weekly check.",
	 "Wait for the next weekly check; contact support if it persists.",
	 false, true, false},
	{"URL_INACCESSIBLE", "provider_error", "nobody",
	 "The login page could not be opened; retried on the next weekly check.",
	 "If it persists, verify the URL of the login page.",
	 false, true, false},
	{"NO_ACCOUNTS_FOUND", "provider_error", "nobody",
	 "The login works but shows no accounts; retried on the next weekly check.",
	 "If it persists, check that the login is for the right service.",
	 false, true, false},
	{"OTHER_ERROR", "provider_error", "support",
	 "Something else went wrong; retried on the next weekly check.",
	 "If it persists, contact support with the connection's id and the company's name.",
	 false, true, false},
	{"COMPANY_INACTIVE", "system", "support",
	 "The company is deactivated; every connection under it stands still.",
	 "Contact support.", true, false, false},
};

static const CfdwStatusFact account_facts[] = {
	{"DETECTED", "healthy", "user",
	 "Found at the provider, not confirmed yet.",
	 "Confirm or reject it: confirm_accounts(), bulk_confirm_accounts().",
	 false, true, false},
	{"ONBOARDED", "healthy", "nobody",
	 "Confirmed and tracked; data is on its way.",
	 "Nothing to do.", false, true, false},
	{"PULL_COMPLETED", "healthy", "nobody",
	 "Data was collected.",
	 "Nothing to do.", false, true, false},
	{"NO_DOCUMENTS_FOUND", "provider_error", "nobody",
	 "The portal shows no documents; retried on the next weekly check.",
	 "Wait for the next weekly check.", false, true, false},
	{"PDF_DOWNLOAD_FAILED", "provider_error", "nobody",
	 "A document could not be downloaded; retried on the next weekly check.",
	 "Wait for the next weekly check.", false, true, false},
	{"ACCOUNT_NOT_FOUND", "provider_error", "nobody",
	 "The account is gone from the portal; looked for again every week.",
	 "Check at the provider whether the account still exists.",
	 false, true, false},
	{"WORKFLOW_NOT_ACCESSIBLE", "provider_error", "nobody",
	 "The connection it belongs to has a problem.",
	 "Look at the status of its connection.",
	 false, true, false},
	{"OTHER_ERROR", "provider_error", "support",
	 "Something else went wrong; retried on the next weekly check.",
	 "If it persists, contact support.",
	 false, true, false},
	{"OLD_ACCOUNT", "healthy", "nobody",
	 "Closed at the provider; not checked again.",
	 "Nothing to do.", false, false, true},
	{"DUPLICATE", "healthy", "nobody",
	 "The same account is held elsewhere; not checked again.",
	 "Nothing to do.", false, false, true},
	{"CUSTOMER_NOT_TRACKED", "healthy", "nobody",
	 "You chose not to track it; not checked again.",
	 "Nothing to do, or track it again.", false, false, true},
	{"COMPANY_INACTIVE", "system", "support",
	 "The company is deactivated; its accounts stand still.",
	 "Contact support.", true, false, false},
};

const CfdwEnum cfdw_enums[] = {
	{.type = CFDW_TYPE_CONNECTION_STATUS, .name = "connection_status",
	 .facts = connection_facts, .fact_count = lengthof(connection_facts)},
	{.type = CFDW_TYPE_ACCOUNT_STATUS, .name = "account_status",
	 .facts = account_facts, .fact_count = lengthof(account_facts)},
	{.type = CFDW_TYPE_TRACKING_STATUS, .name = "tracking_status"},
	{.type = CFDW_TYPE_INVITATION_STATUS, .name = "invitation_status"},
	{.type = CFDW_TYPE_INVITATION_TYPE, .name = "invitation_type"},
	{.type = CFDW_TYPE_CATEGORY, .name = "connection_category"},
};

const int	cfdw_enum_count = lengthof(cfdw_enums);
