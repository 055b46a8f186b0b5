/* The hash against the examples of FIPS 180-4 and its fellow documents. */
#include "../unit.h"

#include "base/sha256.h"

#include <stdlib.h>
#include <string.h>

static void expect_hash(const void *data, size_t length, const char *expected)
{
	uint8_t digest[GMI_SHA256_LENGTH];
	char hex[GMI_SHA256_HEX];
	struct gmi_hasher *hasher;
	struct gmi_error err;

	assert_int_equal(gmi_hasher_new(&hasher, &err), 0);
	gmi_hasher_once(hasher, data, length, digest);
	gmi_sha256_to_hex(digest, hex);
	assert_string_equal(hex, expected);
	gmi_hasher_free(hasher);
}

static void examples_of_the_standard_come_out(void **state)
{
	char *million = malloc(1000000);

	(void)state;
	assert_non_null(million);
	memset(million, 'a', 1000000);
	expect_hash("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	expect_hash("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	expect_hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
		    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	expect_hash(million, 1000000,
		    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(million);
}

static void pieces_hash_like_the_whole(void **state)
{
	uint8_t data[300];
	uint8_t whole[GMI_SHA256_LENGTH];
	struct gmi_hasher *hasher;
	struct gmi_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	assert_int_equal(gmi_hasher_new(&hasher, &err), 0);
	gmi_hasher_once(hasher, data, sizeof(data), whole);
	/* The same hasher again and again, also after a hash that was left half done. */
	for (size_t piece = 1; piece <= sizeof(data); piece += 13) {
		uint8_t digest[GMI_SHA256_LENGTH];

		gmi_hasher_begin(hasher);
		gmi_hasher_update(hasher, "left half done", 14);
		gmi_hasher_begin(hasher);
		for (size_t at = 0; at < sizeof(data); at += piece)
			gmi_hasher_update(hasher, data + at,
					  sizeof(data) - at < piece ? sizeof(data) - at : piece);
		gmi_hasher_end(hasher, digest);
		assert_memory_equal(digest, whole, sizeof(digest));
	}
	gmi_hasher_free(hasher);
}

static void freeing_nothing_is_harmless(void **state)
{
	(void)state;
	gmi_hasher_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_of_the_standard_come_out),
		cmocka_unit_test(pieces_hash_like_the_whole),
		cmocka_unit_test(freeing_nothing_is_harmless),
	};

	return cmocka_run_group_tests_name("base/sha256", tests, NULL, NULL);
}
