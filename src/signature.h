/*-------------------------------------------------------------------------
 *
 * signature.h
 *	  Signatures of webhooks: secrets read, signatures made and compared.
 *
 * A webhook is signed as Svix has it: HMAC-SHA256 with the secret's key over
 * "id.timestamp.body", in base64, as "v1,SIGNATURE".  Nothing here raises for
 * a secret or a signature that is none, nothing shows them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_SIGNATURE_H
#define CFDW_SIGNATURE_H

#include "postgres.h"

/* Bytes that a secret's key may have; Svix makes 24 to 64. */
#define CFDW_SECRET_KEY_MIN 16
#define CFDW_SECRET_KEY_MAX 128

/* What a signature is made over; borrowed, UTF-8. */
typedef struct CfdwSigned
{
	const char *id;
	const char *timestamp;
	const char *body;
	size_t		body_len;
} CfdwSigned;

/*
 * Why a text is no list of secrets, whsec_ and base64 each, separated by
 * blanks or commas: a constant sentence, or NULL.
 */
extern const char *cfdw_signature_secrets_defect(const char *secrets);

/*
 * Is one of the signatures, separated by blanks, made with one of the secrets,
 * which have no defect?  Takes as long for any signature of that length.
 */
extern bool cfdw_signature_fits(const char *secrets, const CfdwSigned *content,
								const char *signatures);

#endif							/* CFDW_SIGNATURE_H */
