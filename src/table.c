/*-------------------------------------------------------------------------
 *
 * table.c
 *	  What a foreign table is: resource, options in effect, fit of its columns.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "table.h"

#include "access/table.h"
#include "foreign/foreign.h"
#include "text.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* Where the valid entry of a table is found. */
typedef struct Place
{
	Oid			relid;
	CfdwTable  *table;
} Place;

static dlist_head tables = DLIST_STATIC_INIT(tables);
static HTAB *places = NULL;		/* NULL: nothing was ever cached */

/* Counts invalidations: one that arrives while an entry is made must count. */
static uint64 generation = 0;

/* ---- cache ---- */

static void
forget_place(Place *place)
{
	CfdwTable  *table = place->table;

	(void) hash_search(places, &place->relid, HASH_REMOVE, NULL);
	cfdw_cache_invalidate(&table->entry);
}

static void
forget_all(void)
{
	HASH_SEQ_STATUS status;
	Place	   *place;

	hash_seq_init(&status, places);
	while ((place = hash_seq_search(&status)) != NULL)
		forget_place(place);
}

/*
 * Called for every relation that changes, most of which are none of ours, so
 * it must not look at all entries.  InvalidOid stands for every table.
 */
static void
forget_table(Datum arg, Oid relid)
{
	Place	   *place;

	generation++;
	if (!OidIsValid(relid))
		forget_all();
	else if ((place = hash_search(places, &relid, HASH_FIND, NULL)) != NULL)
		forget_place(place);
}

/* Servers and foreign tables change seldom: any change makes all entries anew. */
static void
forget_tables(Datum arg, int cacheid, uint32 hashvalue)
{
	forget_table(arg, InvalidOid);
}

static void
make_cache(void)
{
	HASHCTL		ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(Place)};

	if (places != NULL)
		return;
	places = hash_create("connection_fdw tables", 16, &ctl, HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(forget_table, (Datum) 0);
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, forget_tables, (Datum) 0);
	CacheRegisterSyscacheCallback(FOREIGNTABLEREL, forget_tables, (Datum) 0);
}

static CfdwTable *
find_table(Oid relid)
{
	Place	   *place = hash_search(places, &relid, HASH_FIND, NULL);

	return place ? place->table : NULL;
}

/* Keep an entry; others find it unless a change has come in since it began. */
static void
keep_table(CfdwTable *table, uint64 began)
{
	if (generation == began)
	{
		Place	   *place = hash_search(places, &table->relid, HASH_ENTER, NULL);

		place->table = table;
	}
	else
		table->entry.valid = false;
	cfdw_cache_keep(&table->entry, &tables);
}

/* ---- reading the catalogs ---- */

/* The companies of both lists; -1 stands for every company. */
static void
narrow_scope(CfdwTable *table, const char *company_ids)
{
	int			count;
	int			kept = 0;
	pg_uuid_t  *ids;

	if (company_ids == NULL)
		return;
	ids = cfdw_options_companies(company_ids, &count);
	for (int i = 0; i < count; i++)
		if (table->company_count < 0 ||
			cfdw_uuid_in(&ids[i], table->companies, table->company_count))
			ids[kept++] = ids[i];
	table->companies = ids;
	table->company_count = kept;
}

/* Options of the server, then those of the table over them; scopes meet. */
static void
read_options(CfdwTable *table, ForeignServer *server, ForeignTable *foreign)
{
	CfdwOptions *options = &table->options;

	cfdw_options_init(options);
	cfdw_options_apply(options, server->options);
	table->company_count = -1;
	narrow_scope(table, options->company_ids);
	options->company_ids = NULL;
	cfdw_options_apply(options, foreign->options);
	narrow_scope(table, options->company_ids);
}

static void
read_columns(CfdwTable *table)
{
	Relation	relation = table_open(table->relid, NoLock);

	table->name = pstrdup(RelationGetRelationName(relation));
	table->desc = CreateTupleDescCopy(RelationGetDescr(relation));

	/* by the relation's own, as the copy does not tell what is generated */
	table->fits = cfdw_resource_fit(table->resource, table->relid, RelationGetDescr(relation));
	table_close(relation, NoLock);
}

static CfdwTable *
read_table(Oid relid)
{
	CfdwTable  *table = (CfdwTable *) cfdw_cache_make(sizeof(CfdwTable), "foreign table");
	MemoryContext old = MemoryContextSwitchTo(table->entry.cxt);
	ForeignTable *foreign = GetForeignTable(relid);
	ForeignServer *server = GetForeignServer(foreign->serverid);

	table->relid = relid;
	table->server = server->serverid;
	table->server_name = server->servername;
	read_options(table, server, foreign);
	table->resource = cfdw_resource_find(table->options.resource);

	/* the validator cannot be relied on: it may have been taken away */
	if (table->resource == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("foreign table \"%s\" names no resource", get_rel_name(relid)),
				 errhint("Its option \"resource\" must be one of: %s.", cfdw_resource_names())));
	read_columns(table);
	MemoryContextSwitchTo(old);
	return table;
}

const CfdwTable *
cfdw_table_get(Oid relid)
{
	CfdwTable  *table;

	make_cache();

	/* a server's change takes no lock on its tables, so none tells of it */
	AcceptInvalidationMessages();
	table = find_table(relid);
	if (table == NULL)
	{
		uint64		began = generation;

		table = read_table(relid);
		keep_table(table, began);
	}
	cfdw_cache_pin(&table->entry);
	return table;
}

const CfdwTable *
cfdw_table_try(Relation relation)
{
	CfdwTable  *table = palloc0(sizeof(CfdwTable));
	ForeignTable *foreign = GetForeignTable(RelationGetRelid(relation));
	ForeignServer *server = GetForeignServerExtended(foreign->serverid, FSV_MISSING_OK);

	if (server == NULL)
		return NULL;
	table->relid = RelationGetRelid(relation);
	table->server = foreign->serverid;
	table->name = RelationGetRelationName(relation);
	table->company_count = -1;
	cfdw_options_init(&table->options);
	cfdw_options_apply(&table->options, server->options);
	cfdw_options_apply(&table->options, foreign->options);
	table->resource = cfdw_resource_find(table->options.resource);
	if (table->resource == NULL)
		return NULL;
	table->desc = RelationGetDescr(relation);
	table->fits = cfdw_resource_try_fit(table->resource, table->relid, table->desc);
	return table->fits ? table : NULL;
}
