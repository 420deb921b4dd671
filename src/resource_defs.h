/*-------------------------------------------------------------------------
 *
 * resource_defs.h
 *	  The data of the catalogue; its types and look-ups are in resource.h.
 *
 * resource_defs.c defines cfdw_resources and cfdw_enums, declared there.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_RESOURCE_DEFS_H
#define CFDW_RESOURCE_DEFS_H

#include "resource.h"

#endif							/* CFDW_RESOURCE_DEFS_H */
