/*-------------------------------------------------------------------------
 *
 * import.h
 *	  IMPORT FOREIGN SCHEMA: the catalogue as CREATE FOREIGN TABLE.
 *
 * Sends nothing: what the tables look like is known here.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_IMPORT_H
#define CFDW_IMPORT_H

#include "postgres.h"

#include "foreign/fdwapi.h"

extern List *cfdwImportForeignSchema(ImportForeignSchemaStmt *stmt, Oid serverOid);

#endif							/* CFDW_IMPORT_H */
