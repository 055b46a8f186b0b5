/* A crew does each item once, in the order of the list, and stops at the first failure. */
#include "../unit.h"

#include "base/crew.h"

#include <stdatomic.h>
#include <string.h>

#define ITEMS 1000
#define NEVER UINT64_MAX

struct list {
	uint64_t given;    /* items so far; under the crew's lock */
	uint64_t count;    /* of items */
	uint64_t fails_at; /* number of the item that fails, or NEVER */
	atomic_uint done[ITEMS];
	atomic_uint members; /* bit for each that worked */
	atomic_uint working; /* now */
	atomic_uint most;    /* that worked at once */
};

static bool next_item(void *context, struct gmi_crew_item *item)
{
	struct list *list = context;

	if (list->given == list->count)
		return false;
	*item = (struct gmi_crew_item){ (uint32_t)(list->given % 3), list->given };
	list->given++;
	return true;
}

static int work(void *context, unsigned int member, const struct gmi_crew_item *item,
		struct gmi_error *err)
{
	struct list *list = context;
	unsigned int working = atomic_fetch_add(&list->working, 1) + 1;
	unsigned int most = atomic_load(&list->most);

	while (working > most && !atomic_compare_exchange_weak(&list->most, &most, working))
		;
	atomic_fetch_or(&list->members, 1u << member);
	atomic_fetch_add(&list->done[item->number], 1);
	atomic_fetch_sub(&list->working, 1);
	if (item->group != item->number % 3)
		return gmi_fail(err, GMI_E_USAGE, "the item was mixed up");
	if (item->number == list->fails_at)
		return gmi_fail(err, GMI_E_DAMAGED, "item %u is broken",
				(unsigned int)item->number);
	return 0;
}

static int run(struct list *list, unsigned int members, struct gmi_error *err)
{
	const struct gmi_crew_task task = { list, next_item, work };

	return gmi_crew_run(members, &task, err);
}

static void every_item_is_done_once(void **state)
{
	struct gmi_error err;

	(void)state;
	for (unsigned int members = 1; members <= 16; members *= 2) {
		struct list list = { .count = ITEMS, .fails_at = NEVER };

		assert_int_equal(run(&list, members, &err), 0);
		for (size_t i = 0; i < ITEMS; i++)
			assert_int_equal(list.done[i], 1);
		/* Members are numbered from 0, and no more than asked for work at once. */
		assert_true(list.members < 1u << members);
		assert_in_range(list.most, 1, members);
	}
}

static void nothing_to_do_is_done_at_once(void **state)
{
	struct list list = { .count = 0, .fails_at = NEVER };
	struct gmi_error err;

	(void)state;
	assert_int_equal(run(&list, 4, &err), 0);
	assert_int_equal(list.members, 0);
}

static void the_first_failure_is_returned_and_ends_the_work(void **state)
{
	struct gmi_error err;

	(void)state;
	for (unsigned int members = 1; members <= 8; members *= 2) {
		struct list list = { .count = ITEMS, .fails_at = 100 };

		memset(&err, 0, sizeof(err));
		assert_int_equal(run(&list, members, &err), -1);
		assert_int_equal(err.code, GMI_E_DAMAGED);
		assert_string_equal(err.message, "item 100 is broken");
		/* What was given out is finished. How much that is, is up to the threads, except
		 * where there is only one. */
		for (size_t i = 0; i < ITEMS; i++)
			assert_int_equal(list.done[i], i < list.given);
		assert_true(list.given > 100);
		if (members == 1)
			assert_int_equal(list.given, 101);
	}
}

static void a_failure_of_the_last_item_is_returned(void **state)
{
	struct list list = { .count = ITEMS, .fails_at = ITEMS - 1 };
	struct gmi_error err;

	(void)state;
	assert_int_equal(run(&list, 4, &err), -1);
	assert_string_equal(err.message, "item 999 is broken");
}

static void a_crew_of_nobody_is_an_error_not_a_success(void **state)
{
	struct list list = { .count = ITEMS, .fails_at = NEVER };
	struct gmi_error err;

	(void)state;
	assert_int_equal(run(&list, 0, &err), -1);
	assert_int_equal(err.code, GMI_E_SYSTEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_item_is_done_once),
		cmocka_unit_test(nothing_to_do_is_done_at_once),
		cmocka_unit_test(the_first_failure_is_returned_and_ends_the_work),
		cmocka_unit_test(a_failure_of_the_last_item_is_returned),
		cmocka_unit_test(a_crew_of_nobody_is_an_error_not_a_success),
	};

	return cmocka_run_group_tests_name("base/crew", tests, NULL, NULL);
}
