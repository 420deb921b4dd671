/*-------------------------------------------------------------------------
 *
 * signature.c
 *	  Signatures of webhooks: secrets read, signatures made and compared.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "signature.h"

#include "common/base64.h"
#include "common/cryptohash.h"
#include "common/hmac.h"
#include "common/sha2.h"
#include "compat.h"

#define SECRET_PREFIX "whsec_"
#define SIGNATURE_PREFIX "v1,"

/* A digest in base64, padding included. */
#define SIGNATURE_LENGTH 44

typedef struct SecretKey
{
	uint8		bytes[CFDW_SECRET_KEY_MAX];
	int			len;
} SecretKey;

/* Cut the next word; NULL when there is none. */
static const char *
next_word(const char **rest, const char *separators, size_t *len)
{
	const char *word = *rest + strspn(*rest, separators);

	*len = strcspn(word, separators);
	*rest = word + *len;
	return *len > 0 ? word : NULL;
}

static const char *
next_secret(const char **rest, size_t *len)
{
	return next_word(rest, " \t\r\n,", len);
}

/* The key of a secret; a constant sentence when it is none, else NULL. */
static const char *
read_key(const char *secret, size_t len, SecretKey *key)
{
	size_t		prefix = strlen(SECRET_PREFIX);

	if (len < prefix || memcmp(secret, SECRET_PREFIX, prefix) != 0)
		return "Each secret must begin with whsec_.";
	key->len = cfdw_b64_decode(secret + prefix, len - prefix, key->bytes, sizeof(key->bytes));
	if (key->len < CFDW_SECRET_KEY_MIN)
		return "What follows whsec_ must be base64 of 16 to 128 bytes.";
	return NULL;
}

const char *
cfdw_signature_secrets_defect(const char *secrets)
{
	const char *defect = "It holds no secret.";
	const char *word;
	size_t		len;
	SecretKey	key;

	while ((word = next_secret(&secrets, &len)) != NULL)
		if ((defect = read_key(word, len, &key)) != NULL)
			break;
	explicit_bzero(&key, sizeof(key));
	return defect;
}

/* The digest that a signature is to hold. */
static void
make_digest(const SecretKey *key, const CfdwSigned *content, uint8 digest[PG_SHA256_DIGEST_LENGTH])
{
	pg_hmac_ctx *hmac = pg_hmac_create(PG_SHA256);

	if (hmac == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	if (pg_hmac_init(hmac, key->bytes, key->len) < 0 ||
		pg_hmac_update(hmac, (const uint8 *) content->id, strlen(content->id)) < 0 ||
		pg_hmac_update(hmac, (const uint8 *) ".", 1) < 0 ||
		pg_hmac_update(hmac, (const uint8 *) content->timestamp, strlen(content->timestamp)) < 0 ||
		pg_hmac_update(hmac, (const uint8 *) ".", 1) < 0 ||
		pg_hmac_update(hmac, (const uint8 *) content->body, content->body_len) < 0 ||
		pg_hmac_final(hmac, digest, PG_SHA256_DIGEST_LENGTH) < 0)
	{
		pg_hmac_free(hmac);
		elog(ERROR, "could not compute HMAC-SHA256");
	}
	pg_hmac_free(hmac);
}

/* Equal, seen in a time that does not tell how many of the bytes are. */
static bool
same_digest(const uint8 *a, const uint8 *b)
{
	volatile uint8 difference = 0;

	for (int i = 0; i < PG_SHA256_DIGEST_LENGTH; i++)
		difference |= a[i] ^ b[i];
	return difference == 0;
}

/* Signatures of a version that is not known are passed over. */
static bool
holds_digest(const char *signatures, const uint8 *digest)
{
	size_t		prefix = strlen(SIGNATURE_PREFIX);
	bool		found = false;
	const char *word;
	size_t		len;

	while ((word = next_word(&signatures, " ", &len)) != NULL)
	{
		uint8		given[SIGNATURE_LENGTH];

		if (len == prefix + SIGNATURE_LENGTH && memcmp(word, SIGNATURE_PREFIX, prefix) == 0 &&
			cfdw_b64_decode(word + prefix, SIGNATURE_LENGTH, given, sizeof(given)) ==
			PG_SHA256_DIGEST_LENGTH)
			found |= same_digest(given, digest);
	}
	return found;
}

bool
cfdw_signature_fits(const char *secrets, const CfdwSigned *content, const char *signatures)
{
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	bool		fits = false;
	const char *word;
	size_t		len;
	SecretKey	key;

	while ((word = next_secret(&secrets, &len)) != NULL)
	{
		if (read_key(word, len, &key) != NULL)
			continue;
		make_digest(&key, content, digest);
		fits |= holds_digest(signatures, digest);
	}
	explicit_bzero(&key, sizeof(key));
	explicit_bzero(digest, sizeof(digest));
	return fits;
}
