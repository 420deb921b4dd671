/*-------------------------------------------------------------------------
 *
 * target.c
 *	  Which server a function speaks to, and whether it may.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "target.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_foreign_server.h"
#include "compat.h"
#include "foreign/foreign.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "text.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* Is this wrapper ours?  By its handler, whatever its name; not if it has gone. */
static bool
is_our_wrapper(Oid oid)
{
	ForeignDataWrapper *wrapper = GetForeignDataWrapperExtended(oid, FDW_MISSING_OK);
	Oid			handler = wrapper ? wrapper->fdwhandler : InvalidOid;
	const char *name = OidIsValid(handler) ? get_func_name(handler) : NULL;

	return name != NULL && strcmp(name, "connection_fdw_handler") == 0 &&
		get_func_namespace(handler) == get_namespace_oid("nectar", true);
}

static bool
has_mapping(Oid server, Oid role)
{
	return SearchSysCacheExists2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(role),
								 ObjectIdGetDatum(server)) ||
		SearchSysCacheExists2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(InvalidOid),
							  ObjectIdGetDatum(server));
}

/* The servers that the current role could mean, as a List of OIDs. */
static List *
candidates(void)
{
	Relation	relation = table_open(ForeignServerRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, NULL, 0, NULL);
	List	   *found = NIL;
	HeapTuple	tuple;

	while ((tuple = systable_getnext(scan)) != NULL)
	{
		Form_pg_foreign_server row = (Form_pg_foreign_server) GETSTRUCT(tuple);

		if (is_our_wrapper(row->srvfdw) && has_mapping(row->oid, GetUserId()) &&
			cfdw_server_aclcheck(row->oid, GetUserId(), ACL_USAGE) == ACLCHECK_OK)
			found = lappend_oid(found, row->oid);
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return found;
}

static int
compare_names(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

/* The servers' names in order, quoted. */
static char *
server_names(List *servers)
{
	StringInfoData out;
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, servers)
	{
		ForeignServer *server = GetForeignServerExtended(lfirst_oid(lc), FSV_MISSING_OK);

		if (server != NULL)
			names = lappend(names, server->servername);
	}
	list_sort(names, compare_names);
	initStringInfo(&out);
	foreach(lc, names)
		appendStringInfo(&out, "%s\"%s\"", out.len ? ", " : "", (char *) lfirst(lc));
	return out.data;
}

static Oid
only_candidate(void)
{
	List	   *found = candidates();

	if (found == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no connection_fdw server on which \"%s\" has USAGE and a user mapping",
						GetUserNameFromId(GetUserId(), false)),
				 errhint("CREATE SERVER ... FOREIGN DATA WRAPPER connection_fdw; CREATE USER MAPPING ...; or name a server.")));
	if (list_length(found) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
				 errmsg("more than one connection_fdw server could be meant"),
				 errhint("Name one of them: %s.", server_names(found))));
	return linitial_oid(found);
}

static Oid
named_server(const char *name)
{
	Oid			oid = get_foreign_server_oid(name, false);
	ForeignServer *server = GetForeignServerExtended(oid, FSV_MISSING_OK);
	AclResult	acl;

	/* it may go between one look and the next */
	if (server == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("server \"%s\" does not exist", name)));
	acl = cfdw_server_aclcheck(oid, GetUserId(), ACL_USAGE);
	if (!is_our_wrapper(server->fdwid))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("server \"%s\" is not a connection_fdw server", name)));
	if (acl != ACLCHECK_OK)
		aclcheck_error(acl, OBJECT_FOREIGN_SERVER, name);
	return oid;
}

static Oid
target_server(const char *server_name)
{
	return server_name ? named_server(server_name) : only_candidate();
}

CfdwSession *
cfdw_target_session(const char *server_name)
{
	return cfdw_session_get(target_server(server_name), GetUserId());
}

CfdwSession *
cfdw_target_session_keyless(const char *server_name)
{
	return cfdw_session_get_keyless(target_server(server_name), GetUserId());
}

/* Raise unless acts are allowed here; `what` cannot be executed. */
static void
check_act(const CfdwSession *session, const char *what, bool hands_out_link)
{
	const char *why = NULL;

	if (RecoveryInProgress())
		why = "during recovery";
	else if (XactReadOnly)
		why = "in a read-only transaction";
	else if (session->options.read_only)
		why = psprintf("on server \"%s\": it is read_only", session->server_name);
	else if (IsInParallelMode())
		why = "during a parallel operation";
	if (why == NULL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
			 errmsg("cannot execute %s %s", what, why),
			 hands_out_link ?
			 errdetail("Whoever holds the link can act on it without logging in, so handing it out counts as an act.") : 0));
}

void
cfdw_target_check_act(const CfdwSession *session, const char *function, bool hands_out_link)
{
	check_act(session, psprintf("%s()", function), hands_out_link);
}

void
cfdw_target_check_command(const CfdwSession *session, const char *command)
{
	check_act(session, command, false);
}

bool
cfdw_target_covers(const CfdwSession *session, const char *company)
{
	pg_uuid_t	uuid;

	if (session->company_count < 0)
		return true;
	return company != NULL && cfdw_text_to_uuid(company, strlen(company), &uuid) &&
		cfdw_uuid_in(&uuid, session->companies, session->company_count);
}

void
cfdw_target_check_company(const CfdwSession *session, const char *company)
{
	if (!cfdw_target_covers(session, company))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("company \"%s\" lies outside the company_ids of server \"%s\"",
						company ? company : "?", session->server_name)));
}
