#include "../unit.h"

#include "job/rate.h"

static void look(struct gmi_rate *rate, enum gmi_phase phase, uint64_t done, double now)
{
	struct gmi_progress progress = { .phase = phase, .done = done, .total = 1000000 };

	gmi_rate_look(rate, &progress, now);
}

static int64_t left(const struct gmi_rate *rate, enum gmi_phase phase, uint64_t done)
{
	struct gmi_progress progress = { .phase = phase, .done = done, .total = 1000000 };

	return gmi_rate_seconds_left(rate, &progress);
}

static void a_steady_pace_is_told_as_it_is(void **state)
{
	struct gmi_rate rate = { 0 };

	(void)state;
	for (int i = 0; i <= 40; i++)
		look(&rate, GMI_PHASE_READ, (uint64_t)i * 2500, i * 0.25);
	assert_in_range((uint64_t)rate.bytes_per_second, 9990, 10010);
	assert_in_range(left(&rate, GMI_PHASE_READ, 100000), 90, 91);
}

static void no_guess_is_made_in_the_first_second(void **state)
{
	struct gmi_rate rate = { 0 };

	(void)state;
	assert_int_equal(left(&rate, GMI_PHASE_READ, 0), -1);
	look(&rate, GMI_PHASE_READ, 0, 100);
	look(&rate, GMI_PHASE_READ, 5000, 100.5);
	assert_int_equal(left(&rate, GMI_PHASE_READ, 5000), -1);
	look(&rate, GMI_PHASE_READ, 10000, 101);
	assert_int_equal(left(&rate, GMI_PHASE_READ, 10000), 99);
}

static void a_new_phase_begins_anew(void **state)
{
	struct gmi_rate rate = { 0 };

	(void)state;
	for (int i = 0; i <= 8; i++)
		look(&rate, GMI_PHASE_COMPARE, (uint64_t)i * 100000, i);
	look(&rate, GMI_PHASE_WRITE, 10, 9);
	assert_int_equal((uint64_t)rate.bytes_per_second, 0);
	assert_int_equal(left(&rate, GMI_PHASE_WRITE, 10), -1);
	/* And what was known of the old one is not told of the new one before it was looked at. */
	assert_int_equal(left(&rate, GMI_PHASE_VERIFY, 10), -1);
}

static void a_phase_that_stands_still_or_has_no_total_has_no_end(void **state)
{
	struct gmi_progress unknown = { .phase = GMI_PHASE_READ, .done = 5 };
	struct gmi_rate rate = { 0 };

	(void)state;
	for (int i = 0; i <= 100; i++)
		look(&rate, GMI_PHASE_READ, 1000, i);
	assert_int_equal(left(&rate, GMI_PHASE_READ, 1000), -1);
	for (int i = 0; i <= 10; i++)
		look(&rate, GMI_PHASE_READ, 1000 + (uint64_t)i * 1000, 100 + i);
	assert_int_equal(gmi_rate_seconds_left(&rate, &unknown), -1);
}

static void a_pause_is_seen_within_seconds(void **state)
{
	struct gmi_rate rate = { 0 };
	int i;

	(void)state;
	for (i = 0; i <= 20; i++)
		look(&rate, GMI_PHASE_READ, (uint64_t)i * 10000, i);
	for (; i <= 40; i++)
		look(&rate, GMI_PHASE_READ, 200000, i);
	assert_in_range((uint64_t)rate.bytes_per_second, 0, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_steady_pace_is_told_as_it_is),
		cmocka_unit_test(no_guess_is_made_in_the_first_second),
		cmocka_unit_test(a_new_phase_begins_anew),
		cmocka_unit_test(a_phase_that_stands_still_or_has_no_total_has_no_end),
		cmocka_unit_test(a_pause_is_seen_within_seconds),
	};

	return cmocka_run_group_tests_name("job/rate", tests, NULL, NULL);
}
