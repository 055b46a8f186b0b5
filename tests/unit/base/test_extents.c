#include "../unit.h"

#include "base/extents.h"

static void touching_ranges_become_one(void **state)
{
	struct gmi_extents set = GMI_EXTENTS_EMPTY;
	struct gmi_error err;

	(void)state;
	assert_int_equal(gmi_extents_append(&set, 0, 10, &err), 0);
	assert_int_equal(gmi_extents_append(&set, 10, 5, &err), 0);
	assert_int_equal(gmi_extents_append(&set, 20, 0, &err), 0);
	assert_int_equal(gmi_extents_append(&set, 30, 1, &err), 0);
	assert_int_equal(set.count, 2);
	assert_int_equal(set.list[0].length, 15);
	assert_int_equal(gmi_extents_total(&set), 16);
	gmi_extents_release(&set);
	assert_int_equal(set.count, 0);
}

static void touch_and_next_agree_with_a_plain_bitmap(void **state)
{
	struct gmi_extents set = GMI_EXTENTS_EMPTY;
	struct gmi_error err;
	bool plain[64] = { false };

	(void)state;
	for (uint64_t at = 3; at < 60; at += 7) {
		assert_int_equal(gmi_extents_append(&set, at, at % 4 + 1, &err), 0);
		for (uint64_t i = 0; i < at % 4 + 1; i++)
			plain[at + i] = true;
	}
	for (uint64_t from = 0; from < 64; from++) {
		for (uint64_t length = 0; from + length <= 64; length++) {
			bool seen[64] = { false };
			bool any = false;
			size_t cursor = gmi_extents_find(&set, from);
			struct gmi_extent part;

			while (gmi_extents_next(&set, from, length, &cursor, &part))
				for (uint64_t i = 0; i < part.length; i++)
					seen[part.offset + i] = true;
			for (uint64_t i = 0; i < 64; i++) {
				bool inside = i >= from && i < from + length;

				assert_int_equal(seen[i], inside && plain[i]);
				any = any || seen[i];
			}
			assert_int_equal(gmi_extents_touch(&set, from, length), any);
		}
	}
	gmi_extents_release(&set);
}

static void offsets_past_four_gib_stay_whole(void **state)
{
	struct gmi_extents set = GMI_EXTENTS_EMPTY;
	struct gmi_error err;
	const uint64_t far = 5ULL << 40;

	(void)state;
	assert_int_equal(gmi_extents_append(&set, far, 1ULL << 33, &err), 0);
	assert_true(gmi_extents_touch(&set, far + (1ULL << 33) - 1, 1));
	assert_false(gmi_extents_touch(&set, far + (1ULL << 33), 1));
	assert_int_equal(gmi_extents_total(&set), 1ULL << 33);
	gmi_extents_release(&set);
}

static void room_is_taken_as_told_and_given_back(void **state)
{
	struct gmi_extents set = GMI_EXTENTS_EMPTY;
	struct gmi_error err;

	(void)state;
	gmi_extents_fit(&set);
	assert_int_equal(gmi_extents_reserve(&set, 0, &err), 0);
	assert_null(set.list);
	assert_int_equal(gmi_extents_reserve(&set, 100, &err), 0);
	assert_int_equal(set.capacity, 100);
	assert_int_equal(gmi_extents_reserve(&set, 5, &err), 0);
	assert_int_equal(set.capacity, 100);
	for (uint64_t i = 0; i < 3; i++)
		assert_int_equal(gmi_extents_append(&set, i * 10, 5, &err), 0);
	gmi_extents_fit(&set);
	assert_int_equal(set.capacity, 3);
	assert_int_equal(gmi_extents_append(&set, 30, 5, &err), 0);
	assert_int_equal(set.count, 4);
	assert_int_equal(set.list[0].offset, 0);
	assert_int_equal(set.list[3].offset, 30);
	assert_int_equal(gmi_extents_reserve(&set, SIZE_MAX / 2, &err), -1);
	assert_int_equal(err.code, GMI_E_SYSTEM);
	assert_int_equal(set.count, 4);
	gmi_extents_release(&set);
}

/* Sets over 12 bytes as bit masks: every pair of a set and what is taken out of it. */
static void set_of(unsigned int mask, struct gmi_extents *set)
{
	struct gmi_error err;

	*set = GMI_EXTENTS_EMPTY;
	for (uint64_t at = 0; at < 12; at++) {
		if (mask >> at & 1)
			assert_int_equal(gmi_extents_append(set, at, 1, &err), 0);
	}
}

static unsigned int mask_of(const struct gmi_extents *set)
{
	unsigned int mask = 0;

	for (size_t i = 0; i < set->count; i++) {
		const struct gmi_extent *extent = &set->list[i];

		/* Apart: what touches is one. */
		assert_true(i == 0 || extent->offset > extent[-1].offset + extent[-1].length);
		for (uint64_t at = 0; at < extent->length; at++)
			mask |= 1u << (extent->offset + at);
	}
	return mask;
}

static void what_is_taken_out_and_joined_again_is_the_whole(void **state)
{
	(void)state;
	for (unsigned int mask = 0; mask < 1u << 12; mask += 13) {
		for (unsigned int out = 0; out < 1u << 12; out += 31) {
			struct gmi_extents left = GMI_EXTENTS_EMPTY;
			struct gmi_extents joined = GMI_EXTENTS_EMPTY;
			struct gmi_extents whole;
			struct gmi_extents hole;
			struct gmi_error err;

			set_of(mask, &whole);
			set_of(out, &hole);
			assert_int_equal(gmi_extents_without(&whole, &hole, &left, &err), 0);
			assert_int_equal(mask_of(&left), mask & ~out);
			assert_int_equal(gmi_extents_join(&left, &hole, &joined, &err), 0);
			assert_int_equal(mask_of(&joined), mask | out);
			gmi_extents_release(&whole);
			gmi_extents_release(&hole);
			gmi_extents_release(&left);
			gmi_extents_release(&joined);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(touching_ranges_become_one),
		cmocka_unit_test(touch_and_next_agree_with_a_plain_bitmap),
		cmocka_unit_test(offsets_past_four_gib_stay_whole),
		cmocka_unit_test(room_is_taken_as_told_and_given_back),
		cmocka_unit_test(what_is_taken_out_and_joined_again_is_the_whole),
	};

	return cmocka_run_group_tests_name("base/extents", tests, NULL, NULL);
}
