/*-------------------------------------------------------------------------
 *
 * tls.c
 *	  A certificate for this machine's loopback, made at start.
 *
 * Elliptic keys, since making them takes well below a millisecond.  The CA's
 * key is forgotten as soon as it has signed.
 *-------------------------------------------------------------------------
 */
#include "tls.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "text.h"

#define VALID_SECONDS (10 * 365 * 86400)
#define CLOCK_SLACK 3600		/* a client's clock may be behind */

static void
check(int result)
{
	if (result >= 0)
		return;
	fprintf(stderr, "sandbox: could not make a certificate: %s\n",
			gnutls_strerror(result));
	exit(1);
}

static gnutls_x509_privkey_t
make_key(void)
{
	gnutls_x509_privkey_t key;
	unsigned	curve = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1);

	check(gnutls_x509_privkey_init(&key));
	check(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, curve, 0));
	return key;
}

/* A certificate with all that CA and server have in common. */
static gnutls_x509_crt_t
begin_certificate(gnutls_x509_privkey_t key, const char *name, uint8_t serial)
{
	gnutls_x509_crt_t crt;
	time_t		now = time(NULL);
	unsigned char serial_bytes[8] = {0};
	unsigned char key_id[20];
	size_t		key_id_len = sizeof(key_id);

	/* distinct at every start: clients may remember issuer and serial */
	for (int i = 0; i < 6; i++)
		serial_bytes[1 + i] = (uint64_t) now >> (8 * (5 - i));
	serial_bytes[7] = serial;

	check(gnutls_x509_crt_init(&crt));
	check(gnutls_x509_crt_set_version(crt, 3));
	check(gnutls_x509_crt_set_serial(crt, serial_bytes + 1, 7));
	check(gnutls_x509_crt_set_activation_time(crt, now - CLOCK_SLACK));
	check(gnutls_x509_crt_set_expiration_time(crt, now + VALID_SECONDS));
	check(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0,
										name, strlen(name)));
	check(gnutls_x509_crt_set_key(crt, key));
	check(gnutls_x509_crt_get_key_id(crt, 0, key_id, &key_id_len));
	check(gnutls_x509_crt_set_subject_key_id(crt, key_id, key_id_len));
	return crt;
}

static gnutls_x509_crt_t
make_ca(gnutls_x509_privkey_t key)
{
	gnutls_x509_crt_t ca = begin_certificate(key, "Nectar sandbox CA", 1);

	check(gnutls_x509_crt_set_basic_constraints(ca, 1, 0));
	check(gnutls_x509_crt_set_key_usage(ca, GNUTLS_KEY_KEY_CERT_SIGN));
	check(gnutls_x509_crt_sign2(ca, ca, key, GNUTLS_DIG_SHA256, 0));
	return ca;
}

static void
add_name(gnutls_x509_crt_t crt, gnutls_x509_subject_alt_name_t type,
		 const void *name, unsigned len)
{
	check(gnutls_x509_crt_set_subject_alt_name(crt, type, name, len,
											   GNUTLS_FSAN_APPEND));
}

static gnutls_x509_crt_t
make_server(gnutls_x509_privkey_t key, gnutls_x509_crt_t ca,
			gnutls_x509_privkey_t ca_key)
{
	static const unsigned char loopback[4] = {127, 0, 0, 1};
	gnutls_x509_crt_t crt = begin_certificate(key, "localhost", 2);
	unsigned char ca_id[20];
	size_t		ca_id_len = sizeof(ca_id);

	check(gnutls_x509_crt_get_subject_key_id(ca, ca_id, &ca_id_len, NULL));
	check(gnutls_x509_crt_set_authority_key_id(crt, ca_id, ca_id_len));
	check(gnutls_x509_crt_set_basic_constraints(crt, 0, -1));
	check(gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE));
	check(gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER,
											  0));
	add_name(crt, GNUTLS_SAN_DNSNAME, "localhost", strlen("localhost"));
	add_name(crt, GNUTLS_SAN_IPADDRESS, loopback, sizeof(loopback));
	check(gnutls_x509_crt_sign2(crt, ca, ca_key, GNUTLS_DIG_SHA256, 0));
	return crt;
}

static char *
certificate_pem(gnutls_x509_crt_t crt)
{
	gnutls_datum_t pem;
	char	   *copy;

	check(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem));
	copy = xstrndup((char *) pem.data, pem.size);
	gnutls_free(pem.data);
	return copy;
}

static char *
key_pem(gnutls_x509_privkey_t key)
{
	gnutls_datum_t pem;
	char	   *copy;

	check(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem));
	copy = xstrndup((char *) pem.data, pem.size);
	gnutls_free(pem.data);
	return copy;
}

Certificate
tls_make_certificate(void)
{
	gnutls_x509_privkey_t ca_key = make_key();
	gnutls_x509_privkey_t key = make_key();
	gnutls_x509_crt_t ca = make_ca(ca_key);
	gnutls_x509_crt_t crt = make_server(key, ca, ca_key);
	Certificate made = {
		.key = key_pem(key),
		.chain = certificate_pem(crt),
		.ca = certificate_pem(ca),
	};

	gnutls_x509_crt_deinit(crt);
	gnutls_x509_crt_deinit(ca);
	gnutls_x509_privkey_deinit(key);
	gnutls_x509_privkey_deinit(ca_key);
	return made;
}
