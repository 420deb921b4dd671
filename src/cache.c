/*-------------------------------------------------------------------------
 *
 * cache.c
 *	  Entries kept until a catalog change, and beyond that while they are held.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache.h"

#include "utils/memutils.h"

typedef struct Pin
{
	MemoryContextCallback on_reset;
	CfdwCacheEntry *entry;
} Pin;

static void
free_entry(CfdwCacheEntry *entry)
{
	dlist_delete(&entry->node);
	MemoryContextDelete(entry->cxt);
}

CfdwCacheEntry *
cfdw_cache_make(Size size, const char *name)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "connection_fdw cache",
											  ALLOCSET_SMALL_SIZES);
	CfdwCacheEntry *entry = MemoryContextAllocZero(cxt, size);

	MemoryContextSetIdentifier(cxt, name);
	entry->cxt = cxt;
	entry->valid = true;
	return entry;
}

void
cfdw_cache_keep(CfdwCacheEntry *entry, dlist_head *list)
{
	MemoryContextSetParent(entry->cxt, TopMemoryContext);
	dlist_push_tail(list, &entry->node);
}

static void
unpin(void *arg)
{
	CfdwCacheEntry *entry = ((Pin *) arg)->entry;

	entry->pins--;
	if (entry->pins == 0 && !entry->valid)
		free_entry(entry);
}

void
cfdw_cache_pin(CfdwCacheEntry *entry)
{
	Pin		   *pin = palloc(sizeof(Pin));

	pin->entry = entry;
	pin->on_reset.func = unpin;
	pin->on_reset.arg = pin;
	entry->pins++;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &pin->on_reset);
}

void
cfdw_cache_invalidate(CfdwCacheEntry *entry)
{
	entry->valid = false;
	if (entry->pins == 0)
		free_entry(entry);
}
