/* What is in use today and was not at the backup, against one byte per byte. */
#include "../unit.h"

#include "restore/stale.h"
#include "support/storage_random.h"
#include "support/storage_scratch.h"

#include <string.h>

#define LENGTH 400u

/* Random extents of [0, length), and the same as bytes from `offset` on. */
static void random_map(struct storage_random *random, uint64_t length, struct gmi_extents *map,
		       bool *bytes)
{
	struct gmi_error err;

	for (uint64_t at = storage_random_below(random, 20); at < length;) {
		uint64_t run = 1 + storage_random_below(random, 30);

		run = run < length - at ? run : length - at;
		assert_gmi_ok(gmi_extents_append(map, at, run, &err), &err);
		memset(bytes + at, 1, run);
		at += run + storage_random_below(random, 20);
	}
}

static void stale_is_used_today_and_unused_in_the_image(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 500; seed++) {
		struct storage_random random = { seed };
		struct gmi_extents today = GMI_EXTENTS_EMPTY;
		struct gmi_extents image = GMI_EXTENTS_EMPTY;
		struct gmi_extents stale = GMI_EXTENTS_EMPTY;
		uint64_t start = storage_random_below(&random, LENGTH);
		uint64_t length = storage_random_below(&random, LENGTH - start + 1);
		bool used_today[LENGTH] = { false };
		bool in_image[LENGTH] = { false };
		struct gmi_error err;

		random_map(&random, LENGTH, &today, used_today);
		random_map(&random, length, &image, in_image + start);
		assert_gmi_ok(gmi_stale_find(&today, start, length, &image, &stale, &err), &err);
		for (uint64_t at = 0; at < LENGTH; at++) {
			bool wanted = at >= start && at < start + length && used_today[at] &&
				      !in_image[at];

			assert_int_equal(gmi_extents_touch(&stale, at, 1), wanted);
		}
		gmi_extents_release(&today);
		gmi_extents_release(&image);
		gmi_extents_release(&stale);
	}
}

static void todays_use_is_gathered_over_the_disks_volumes(void **state)
{
	struct gmi_volume volumes[3] = { { .disk = 0, .length = 50 },
					 { .disk = 1, .length = 100 },
					 { .disk = 1, .offset = 100, .length = 100 } };
	struct gmi_layout layout = { .volumes = volumes, .count = 3 };
	struct gmi_extents used = GMI_EXTENTS_EMPTY;
	struct gmi_error err;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_gmi_ok(gmi_extents_append(&volumes[i].used, 10 * i, 40, &err), &err);
	assert_gmi_ok(gmi_stale_used_today(&layout, 1, &used, &err), &err);
	assert_int_equal(used.count, 2);
	assert_int_equal(used.list[0].offset, 10);
	assert_int_equal(used.list[1].offset, 120);
	assert_int_equal(used.list[1].length, 40);
	gmi_extents_release(&used);
	for (size_t i = 0; i < 3; i++)
		gmi_extents_release(&volumes[i].used);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stale_is_used_today_and_unused_in_the_image),
		cmocka_unit_test(todays_use_is_gathered_over_the_disks_volumes),
	};

	return cmocka_run_group_tests_name("restore/stale", tests, NULL, NULL);
}
