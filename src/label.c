/*-------------------------------------------------------------------------
 *
 * label.c
 *	  Labels of the extension's enum types as Datums.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "label.h"

#include "access/htup_details.h"
#include "catalog/pg_enum.h"
#include "utils/catcache.h"
#include "utils/syscache.h"

CfdwLabels *
cfdw_labels_read(Oid enumtype)
{
	CatCList   *list = SearchSysCacheList1(ENUMTYPOIDNAME, ObjectIdGetDatum(enumtype));
	CfdwLabels *result = palloc(sizeof(CfdwLabels));

	result->count = 0;
	result->labels = palloc(sizeof(CfdwLabel) * (list->n_members + 1));
	for (int i = 0; i < list->n_members; i++)
	{
		Form_pg_enum row = (Form_pg_enum) GETSTRUCT(&list->members[i]->tuple);
		CfdwLabel  *label;

		if (EnumUncommitted(row->oid))
			continue;
		label = &result->labels[result->count++];
		label->text = pstrdup(NameStr(row->enumlabel));
		label->len = strlen(label->text);
		label->oid = row->oid;
	}
	ReleaseSysCacheList(list);
	return result;
}

Oid
cfdw_labels_find(const CfdwLabels *labels, const char *text, size_t len)
{
	for (int i = 0; i < labels->count; i++)
	{
		const CfdwLabel *label = &labels->labels[i];

		if (label->len == len && memcmp(label->text, text, len) == 0)
			return label->oid;
	}
	return InvalidOid;
}

char *
cfdw_label_text(Oid enumval, Oid *enumtype)
{
	HeapTuple	tuple = SearchSysCache1(ENUMOID, ObjectIdGetDatum(enumval));
	char	   *text;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid internal value for enum: %u", enumval)));
	*enumtype = ((Form_pg_enum) GETSTRUCT(tuple))->enumtypid;
	text = pstrdup(NameStr(((Form_pg_enum) GETSTRUCT(tuple))->enumlabel));
	ReleaseSysCache(tuple);
	return text;
}
