/* Reading around bad places, against a model that is one byte per byte; and disks that are dead. */
#include "../unit.h"

#include "storage/rescue.h"
#include "support/storage_counting.h"
#include "support/storage_random.h"
#include "support/storage_scratch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PIECE 4096u
#define START 1536u /* of the volume on its disk: pieces are the disk's, not the volume's */
#define SMALL (256u << 10)
#define RANGE (512u << 10)

struct bench {
	struct storage_counting *counting;
	uint8_t *bytes;
	struct gmi_extents bad; /* of the disk */
	struct gmi_extents used;
	struct gmi_rescue rescue;
	struct gmi_used_view view;
	struct gmi_extents unreadable;
};

static void bench_begin(struct bench *bench, uint64_t length)
{
	struct gmi_disk *inner;
	struct gmi_error err;

	memset(bench, 0, sizeof(*bench));
	assert_gmi_ok(gmi_memory_disk_new(&inner, "emmc", length, &bench->bytes, &err), &err);
	bench->counting = storage_counting_new(inner);
	bench->counting->bad = &bench->bad;
	bench->view = (struct gmi_used_view){
		.disk = &bench->counting->disk,
		.start = START,
		.used = &bench->used,
	};
}

static void bench_end(struct bench *bench)
{
	gmi_extents_release(&bench->bad);
	gmi_extents_release(&bench->used);
	gmi_extents_release(&bench->unreadable);
	gmi_disk_close(&bench->counting->disk);
}

static void add(struct gmi_extents *extents, uint64_t offset, uint64_t length)
{
	struct gmi_error err;

	assert_gmi_ok(gmi_extents_append(extents, offset, length, &err), &err);
}

/* Stretches up to `most` bytes with such gaps between them. */
static void scatter(struct storage_random *random, struct gmi_extents *extents, uint64_t length,
		    uint64_t most)
{
	uint64_t at = storage_random_below(random, most);

	while (at < length) {
		uint64_t part = 1 + storage_random_below(random, most);

		add(extents, at, part < length - at ? part : length - at);
		at += part + 1 + storage_random_below(random, most);
	}
}

static int read_range(struct bench *bench, uint64_t offset, void *data, size_t length,
		      struct gmi_error *err)
{
	return gmi_rescue_read(&bench->rescue, &bench->view, offset, data, length,
			       &bench->unreadable, err);
}

/* Whether the piece of the disk around this used byte touches a bad one, within its extent. */
static bool is_lost(const struct bench *bench, uint64_t at)
{
	const struct gmi_extent *extent = &bench->used.list[gmi_extents_find(&bench->used, at)];
	uint64_t from = (START + at) / PIECE * PIECE;
	uint64_t to = from + PIECE;

	if (from < START + extent->offset)
		from = START + extent->offset;
	if (to > START + extent->offset + extent->length)
		to = START + extent->offset + extent->length;
	return gmi_extents_touch(&bench->bad, from, to - from);
}

static void only_pieces_with_a_bad_byte_are_lost(void **state)
{
	static uint8_t data[SMALL];

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct storage_random random = { seed };
		uint64_t wrong = 0;
		struct bench bench;
		struct gmi_error err;

		bench_begin(&bench, START + SMALL);
		storage_random_fill(&random, bench.bytes, START + SMALL);
		scatter(&random, &bench.used, SMALL, 40000);
		scatter(&random, &bench.bad, START + SMALL, seed % 2 ? 600 : 60000);
		memset(data, 0xee, sizeof(data));
		assert_gmi_ok(read_range(&bench, 0, data, SMALL, &err), &err);
		for (uint64_t at = 0; at < SMALL; at++) {
			bool used = gmi_extents_touch(&bench.used, at, 1);
			bool told = gmi_extents_touch(&bench.unreadable, at, 1);
			bool lost = used && is_lost(&bench, at);

			/* One bad byte anywhere in a range that is whole loses nothing else. */
			wrong += told != lost;
			wrong += data[at] != (used && !told ? bench.bytes[START + at] : 0);
		}
		assert_int_equal(wrong, 0);
		bench_end(&bench);
	}
}

static void a_sound_range_is_read_at_once(void **state)
{
	static uint8_t data[RANGE];
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench, START + RANGE);
	add(&bench.used, 0, RANGE);
	assert_gmi_ok(read_range(&bench, 0, data, RANGE, &err), &err);
	assert_int_equal(atomic_load(&bench.counting->reads), 1);
	assert_int_equal(bench.unreadable.count, 0);
	bench_end(&bench);
}

static void a_bad_place_that_nobody_uses_is_no_loss(void **state)
{
	static uint8_t data[RANGE];
	struct bench bench;
	struct gmi_error err;

	(void)state;
	bench_begin(&bench, START + RANGE);
	memset(bench.bytes, 7, START + RANGE);
	add(&bench.used, 0, 100000);
	add(&bench.used, 101000, RANGE - 101000);
	add(&bench.bad, START + 100500, 1);
	assert_gmi_ok(gmi_used_read(&bench.view, 0, data, RANGE, &err), &err);
	assert_int_equal(data[100500], 0);
	assert_int_equal(data[101000], 7);
	bench_end(&bench);
}

static void a_disk_that_is_gone_is_a_failure(void **state)
{
	static const int codes[] = { ENODEV, ENXIO, ENOMEM, EINVAL };
	uint8_t data[PIECE];

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct bench bench;
		struct gmi_error err;

		bench_begin(&bench, START + PIECE);
		add(&bench.used, 0, PIECE);
		add(&bench.bad, START, 1);
		bench.counting->bad_errno = codes[i];
		assert_int_equal(read_range(&bench, 0, data, PIECE, &err), -1);
		assert_int_equal(err.sys, codes[i]);
		bench_end(&bench);
	}
}

/* Reads all of the volume in ranges; returns how many reads the disk saw. */
static unsigned int read_all(struct bench *bench, uint64_t length)
{
	static uint8_t data[RANGE];
	struct gmi_error err;

	for (uint64_t at = 0; at < length; at += RANGE)
		assert_gmi_ok(read_range(bench, at, data, RANGE, &err), &err);
	return atomic_load(&bench->counting->reads);
}

static void a_dead_disk_is_given_up_after_some_thousand_reads(void **state)
{
	const uint64_t length = 192u << 20;
	struct bench bench;

	(void)state;
	bench_begin(&bench, START + length);
	add(&bench.used, 0, length);
	add(&bench.bad, 0, START + length);
	/* 16 ranges halved to the first bad place and then piece by piece, and twice per range up
	 * to 128 MiB. */
	assert_in_range(read_all(&bench, length), 16 * 128, 16 * 142 + 2 * 256);
	assert_true(gmi_rescue_gave_up(&bench.rescue));
	assert_int_equal(bench.unreadable.count, 1);
	assert_int_equal(bench.unreadable.list[0].length, length);
	bench_end(&bench);
}

static void behind_a_hole_of_many_megabytes_everything_is_read_again(void **state)
{
	const uint64_t length = 64u << 20;
	const uint64_t hole = (40u << 20) + 12345;
	struct bench bench;

	(void)state;
	bench_begin(&bench, START + length);
	add(&bench.used, 0, length);
	add(&bench.bad, START + 1, hole);
	read_all(&bench, length);
	assert_false(gmi_rescue_gave_up(&bench.rescue));
	assert_int_equal(atomic_load(&bench.rescue.barren), 0);
	assert_int_equal(bench.unreadable.count, 1);
	assert_in_range(gmi_extents_total(&bench.unreadable), hole, hole + 2 * PIECE);
	bench_end(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_pieces_with_a_bad_byte_are_lost),
		cmocka_unit_test(a_sound_range_is_read_at_once),
		cmocka_unit_test(a_bad_place_that_nobody_uses_is_no_loss),
		cmocka_unit_test(a_disk_that_is_gone_is_a_failure),
		cmocka_unit_test(a_dead_disk_is_given_up_after_some_thousand_reads),
		cmocka_unit_test(behind_a_hole_of_many_megabytes_everything_is_read_again),
	};

	return cmocka_run_group_tests_name("storage/rescue", tests, NULL, NULL);
}
