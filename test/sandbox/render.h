/*-------------------------------------------------------------------------
 *
 * render.h
 *	  The API's JSON for the things in data.h.
 *
 * The same thing looks the same on every route.  A View is how a fault bends
 * what is shown without touching the data.
 *-------------------------------------------------------------------------
 */
#ifndef SANDBOX_RENDER_H
#define SANDBOX_RENDER_H

#include "data.h"
#include "text.h"

/* How a member with nested elements is shown. */
typedef enum Nested
{
	NESTED_FULL,
	NESTED_EMPTY,
	NESTED_MISSING,
} Nested;

typedef enum Paging
{
	PAGING_TRUE,
	PAGING_REPEAT,				/* pages from 2 on answer page 1 */
	PAGING_TOTAL_CHANGES,		/* one connection more from page 2 on */
	PAGING_SHRINK,				/* a page from 2 on is past the end */
} Paging;

typedef struct View
{
	Nested		accounts;		/* in listings only */
	Nested		sites;
	Paging		paging;
	int64_t		per_page;		/* of invitations; 0: a bare array */
	const char *label;			/* a status nobody has heard of, or NULL */
	int64_t		label_at;		/* which connection of the answer has it */
	bool		label_account;	/* its first account has it as well */
} View;

typedef struct Page
{
	const uint32_t *elements;
	uint32_t	n_elements;
	uint64_t	total;
	uint64_t	limit;
	uint64_t	pages;
	uint64_t	page;
	bool		has_next;
} Page;

extern void render_company(Text *out, uint32_t company, const View *view);
extern void render_companies(Text *out, const View *view);
extern void render_connection(Text *out, uint32_t connection, Nested accounts,
							  const View *view);
extern void render_page(Text *out, const Page *page, const View *view);
extern void render_account(Text *out, uint32_t account, const View *view);
extern void render_company_link(Text *out, uint32_t company, unsigned variant);
extern void render_invitation(Text *out, uint32_t invitation);
extern void render_invitations(Text *out, const Page *page, bool bare);

#endif							/* SANDBOX_RENDER_H */
