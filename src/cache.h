/*-------------------------------------------------------------------------
 *
 * cache.h
 *	  Entries kept for the backend's life until a catalog change makes them
 *	  invalid, and beyond that for as long as somebody holds them.
 *
 * An entry is the first member of what is cached.  It lives in a memory
 * context of its own, which goes with it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_CACHE_H
#define CFDW_CACHE_H

#include "postgres.h"

#include "lib/ilist.h"

typedef struct CfdwCacheEntry
{
	dlist_node	node;			/* in the list of its kind */
	MemoryContext cxt;			/* holds the entry */
	int			pins;
	bool		valid;			/* false: freed when the last pin goes */
} CfdwCacheEntry;

/*
 * Make an entry of that size, zeroed, in a context under the current one: it
 * is gone after an error, until cfdw_cache_keep() says that it is whole.
 * `name` is a constant, seen in pg_backend_memory_contexts.
 */
extern CfdwCacheEntry *cfdw_cache_make(Size size, const char *name);

/* Keep a whole entry in the list, for the backend's life. */
extern void cfdw_cache_keep(CfdwCacheEntry *entry, dlist_head *list);

/* Hold the entry as long as the current memory context lives. */
extern void cfdw_cache_pin(CfdwCacheEntry *entry);

/* Let nobody find the entry any more; safe inside invalidation callbacks. */
extern void cfdw_cache_invalidate(CfdwCacheEntry *entry);

#endif							/* CFDW_CACHE_H */
