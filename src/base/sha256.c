#include "base/sha256.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>

struct gmi_hasher {
	EVP_MD *algorithm; /* fetched once: fetching per hash costs more than a small hash does */
	EVP_MD_CTX *context;
};

int gmi_hasher_new(struct gmi_hasher **out, struct gmi_error *err)
{
	struct gmi_hasher *hasher = calloc(1, sizeof(*hasher));

	*out = NULL;
	if (!hasher)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a hash");
	hasher->algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
	hasher->context = EVP_MD_CTX_new();
	if (!hasher->algorithm || !hasher->context) {
		gmi_hasher_free(hasher);
		return gmi_fail(err, GMI_E_SYSTEM, "libcrypto offers no SHA-256");
	}
	*out = hasher;
	return 0;
}

void gmi_hasher_free(struct gmi_hasher *hasher)
{
	if (!hasher)
		return;
	EVP_MD_CTX_free(hasher->context);
	EVP_MD_free(hasher->algorithm);
	free(hasher);
}

/* With a fetched algorithm and a made context these calls fail only for a programmer's mistake. */
void gmi_hasher_begin(struct gmi_hasher *hasher)
{
	int ok = EVP_DigestInit_ex2(hasher->context, hasher->algorithm, NULL);

	assert(ok == 1);
	(void)ok;
}

void gmi_hasher_update(struct gmi_hasher *hasher, const void *data, size_t length)
{
	int ok = EVP_DigestUpdate(hasher->context, data, length);

	assert(ok == 1);
	(void)ok;
}

void gmi_hasher_end(struct gmi_hasher *hasher, uint8_t digest[GMI_SHA256_LENGTH])
{
	unsigned int length = 0;
	int ok = EVP_DigestFinal_ex(hasher->context, digest, &length);

	assert(ok == 1 && length == GMI_SHA256_LENGTH);
	(void)ok;
}

void gmi_hasher_once(struct gmi_hasher *hasher, const void *data, size_t length,
		     uint8_t digest[GMI_SHA256_LENGTH])
{
	gmi_hasher_begin(hasher);
	gmi_hasher_update(hasher, data, length);
	gmi_hasher_end(hasher, digest);
}

void gmi_sha256_to_hex(const uint8_t digest[GMI_SHA256_LENGTH], char hex[GMI_SHA256_HEX])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < GMI_SHA256_LENGTH; i++) {
		hex[2 * i] = digits[digest[i] >> 4];
		hex[2 * i + 1] = digits[digest[i] & 15];
	}
	hex[GMI_SHA256_HEX - 1] = '\0';
}
