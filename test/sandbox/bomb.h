/*-------------------------------------------------------------------------
 *
 * bomb.h
 *	  A small gzip body which is large once it is decompressed.
 *-------------------------------------------------------------------------
 */
#ifndef SANDBOX_BOMB_H
#define SANDBOX_BOMB_H

#include "text.h"

/*
 * Append a gzip member of that many bytes, two at least: a JSON array with
 * nothing but spaces in it.
 */
extern void bomb_append(Text *out, uint64_t size);

#endif							/* SANDBOX_BOMB_H */
