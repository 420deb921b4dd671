/*-------------------------------------------------------------------------
 *
 * resource.h
 *	  Types of the catalogue: resource, column, route, endpoint, status fact.
 *
 * resource_defs.c fills these types with data and holds no code; everything
 * else reads them.  A table, column, filter or route that the API gains is a
 * row there.  resource.c looks rows up and says whether a foreign table's
 * columns fit a resource.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_RESOURCE_H
#define CFDW_RESOURCE_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "lib/stringinfo.h"

/* The natural type of a column. */
typedef enum CfdwType
{
	CFDW_TYPE_TEXT,
	CFDW_TYPE_UUID,
	CFDW_TYPE_BOOL,
	CFDW_TYPE_INTEGER,
	CFDW_TYPE_NUMERIC,
	CFDW_TYPE_DATE,
	CFDW_TYPE_TIMESTAMPTZ,
	CFDW_TYPE_TEXT_ARRAY,
	CFDW_TYPE_UUID_ARRAY,
	CFDW_TYPE_JSONB,
	CFDW_TYPE_CONNECTION_STATUS,
	CFDW_TYPE_ACCOUNT_STATUS,
	CFDW_TYPE_TRACKING_STATUS,
	CFDW_TYPE_INVITATION_STATUS,
	CFDW_TYPE_INVITATION_TYPE,
	CFDW_TYPE_CATEGORY
} CfdwType;

#define CFDW_TYPES (CFDW_TYPE_CATEGORY + 1)

/* How a column's value comes out of an element. */
typedef enum CfdwOrigin
{
	CFDW_FROM_ELEMENT,			/* the value at the path */
	CFDW_FROM_PARENT,			/* at the path of the object it is embedded in */
	CFDW_CATEGORY_OF,			/* the category of the status at the path */
	CFDW_NEEDS_USER_OF,			/* needs_user_action of that status */
	CFDW_WHOLE_ELEMENT			/* the element itself, less secrets */
} CfdwOrigin;

typedef struct CfdwColumn
{
	const char *name;
	CfdwType	type;
	const char *path;			/* dotted; NULL for CFDW_WHOLE_ELEMENT */
	CfdwOrigin	origin;
	bool		required;		/* missing or null: the answer is refused */
	bool		is_company;		/* where missing: the company asked for */
	bool		of_company;		/* the same in all rows of a company */
	double		ndistinct;		/* guess without ANALYZE; 0: none */
	const char *help;

	/* how UPDATE sends it, in the body of the resource's PATCH */
	const char *patch;			/* member; NULL: the API cannot change it */
	bool		patch_null;		/* NULL is sent as null, else refused */
	const char *patch_true;		/* of an enum: the labels that are sent as */
	const char *patch_false;	/* true and false; others are refused */
} CfdwColumn;

/* A query parameter that narrows a listing to rows with column = value. */
typedef struct CfdwFilter
{
	const char *column;
	const char *param;
} CfdwFilter;

#define CFDW_MAX_FILTERS 2

/* What the body of an answer is. */
typedef enum CfdwShape
{
	CFDW_SHAPE_OBJECT,			/* one element */
	CFDW_SHAPE_ARRAY,			/* elements, never paginated */
	CFDW_SHAPE_LIST,			/* elements, or an envelope around them and
								 * maybe further pages: which is open */
	CFDW_SHAPE_PAGES			/* an envelope around a page of elements */
} CfdwShape;

#define CFDW_SHAPES (CFDW_SHAPE_PAGES + 1)

typedef struct CfdwEndpoint
{
	const char *path;			/* below the base URL; "{}" is the key's place */
	const char *key;			/* what the key is, for EXPLAIN: "company_id" */
	const char *element;		/* what an element is: "company" */
	CfdwShape	shape;
	const char *items;			/* member that holds a page's elements */
	const char *total;			/* member that holds the listing's length */
	const char *company_path;	/* where an element names its company */
	CfdwFilter	filters[CFDW_MAX_FILTERS];
} CfdwEndpoint;

#define CFDW_MAX_STEPS 2

/*
 * A way to the rows of a resource.  The elements of a step name the keys of
 * the next; the last step's elements are, or embed, the rows.
 */
typedef struct CfdwRoute
{
	const char *name;
	const char *bound;			/* column that must be bound; NULL: none */
	const char *match;			/* bound values pick first-step elements by
								 * this path; NULL: they are its keys */
	const CfdwEndpoint *steps[CFDW_MAX_STEPS];

	/* where rows are looked up that the last step does not prove to carry */
	const CfdwEndpoint *detail;
} CfdwRoute;

#define CFDW_MAX_ROUTES 5

/* What to do instead of a statement that is refused: sentences, for hints. */
typedef struct CfdwInstead
{
	const char *insert;
	const char *update;
	const char *delete;
} CfdwInstead;

typedef struct CfdwResource
{
	const char *name;
	const char *embedded;		/* member of the last step's elements that
								 * holds the rows; NULL: they are the rows */
	bool		has_source_option;	/* accounts_source decides about details */
	const CfdwColumn *columns;
	int			column_count;
	CfdwRoute	routes[CFDW_MAX_ROUTES];
	int			route_count;
	double		rows_per_company;	/* guess without ANALYZE */
	double		rows_per_element;	/* guess: rows in one last-step element */
	const CfdwEndpoint *patch;	/* where UPDATE sends a PATCH by the row's id;
								 * NULL: the API changes none */
	CfdwInstead instead;
	const char *help;
} CfdwResource;

/* What a status means; the documented labels, in documented order. */
typedef struct CfdwStatusFact
{
	const char *label;
	const char *category;		/* a label of connection_category */
	const char *who_acts;		/* nobody, user, support */
	const char *description;
	const char *action;			/* guidance: what to do */
	bool		paused;			/* collection stands still until somebody acts */
	bool		checked_weekly;
	bool		terminal;
} CfdwStatusFact;

/* An enum type of the extension and, for statuses, the facts behind its labels. */
typedef struct CfdwEnum
{
	CfdwType	type;
	const char *name;			/* in schema nectar */
	const CfdwStatusFact *facts;	/* NULL: none are documented */
	int			fact_count;
} CfdwEnum;

/* Filled by resource_defs.c. */
extern const CfdwResource cfdw_resources[];
extern const int cfdw_resource_count;
extern const CfdwEnum cfdw_enums[];
extern const int cfdw_enum_count;

#define CFDW_CATEGORY_UNKNOWN "unknown"

/* The resource of that name, or NULL; a NULL name is nobody's. */
extern const CfdwResource *cfdw_resource_find(const char *name);

/* Its names as a palloc'd list "a, b, c", for hints. */
extern char *cfdw_resource_names(void);

/* The column of that name, or NULL. */
extern const CfdwColumn *cfdw_resource_column(const CfdwResource *resource,
											  const char *name);

/* The route bound by that column, or by none with NULL; NULL: there is none. */
extern const CfdwRoute *cfdw_resource_route(const CfdwResource *resource, const char *bound);

/* Index of a resource's route in its routes. */
extern int	cfdw_route_index(const CfdwResource *resource, const CfdwRoute *route);

/* The route's last step: the endpoint whose elements are or embed rows. */
extern const CfdwEndpoint *cfdw_route_last(const CfdwRoute *route, int *index);

/* Are the last step's elements, or their embedded rows, listed by company? */
extern bool cfdw_route_reads_listings(const CfdwRoute *route);

/*
 * An endpoint's path with this in its key's place, if it has one: an encoded
 * key, or what stands for it in EXPLAIN.  Appended, or palloc'd.
 */
extern void cfdw_endpoint_append_path(StringInfo path, const CfdwEndpoint *endpoint,
									  const char *key);
extern char *cfdw_endpoint_path(const CfdwEndpoint *endpoint, const char *key);

/* Does the filter send statuses?  They come from clauses over labels. */
extern bool cfdw_filter_is_status(const CfdwFilter *filter);

/* The enum behind a type, or NULL when the type is no enum. */
extern const CfdwEnum *cfdw_enum_find(CfdwType type);

/* The fact of a documented label, or NULL. */
extern const CfdwStatusFact *cfdw_status_fact(const CfdwEnum *def,
											  const char *label, size_t len);

/* Does this status wait for its end user?  An unknown one (NULL) does not. */
extern bool cfdw_fact_needs_user(const CfdwStatusFact *fact);

/* The type's OID, looked up in schema nectar for enums; raises if gone. */
extern Oid	cfdw_type_oid(CfdwType type);

/* The type's SQL name, schema-qualified for enums. */
extern const char *cfdw_type_name(CfdwType type);

/*
 * How one column of a foreign table is fed: a column of the resource, or a
 * json_path of the table's owner, or nothing (a dropped column).
 */
typedef struct CfdwFit
{
	const CfdwColumn *column;	/* NULL: json_path, or dropped */
	const char *json_path;		/* NULL: none */
	bool		is_text;		/* declared text or varchar */
	bool		is_generated;	/* computed here from other columns */
} CfdwFit;

/*
 * Match each column of a relation with the resource; a palloc'd array of
 * natts.  Raises, naming the column, when one does not fit.
 */
extern CfdwFit *cfdw_resource_fit(const CfdwResource *resource, Oid relid,
								  TupleDesc desc);

/* The same, but NULL where one does not fit. */
extern CfdwFit *cfdw_resource_try_fit(const CfdwResource *resource, Oid relid,
									  TupleDesc desc);

#endif							/* CFDW_RESOURCE_H */
