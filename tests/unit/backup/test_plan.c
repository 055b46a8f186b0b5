#include "../unit.h"

#include "backup/plan.h"

#include <stdio.h>
#include <string.h>

#define CHUNK 65536u

/* The steps of one plan as one line: "volume:chunk*count" and, where read, "=length". */
static void assert_steps(const struct gmi_layout *layout, const char *wanted)
{
	struct gmi_plan plan;
	struct gmi_plan_step step;
	char line[1000] = "";

	gmi_plan_init(&plan, layout, CHUNK);
	while (gmi_plan_next(&plan, &step)) {
		size_t used = strlen(line);

		used += (size_t)snprintf(line + used, sizeof(line) - used, "%s%u:%llu*%llu",
					 used ? " " : "", step.volume,
					 (unsigned long long)step.chunk,
					 (unsigned long long)step.count);
		if (step.used)
			snprintf(line + used, sizeof(line) - used, "=%u", step.length);
	}
	assert_string_equal(line, wanted);
	assert_false(gmi_plan_next(&plan, &step));
}

static void add_extent(struct gmi_volume *volume, uint64_t offset, uint64_t length)
{
	struct gmi_error err;

	assert_int_equal(gmi_extents_append(&volume->used, offset, length, &err), 0);
}

static void chunks_come_in_order_and_unused_stretches_in_one_step(void **state)
{
	struct gmi_volume volumes[3] = { { .length = 10 * CHUNK + 5 },
					 { .length = 3 },
					 { .length = 4 * CHUNK } };
	struct gmi_layout layout = { .volumes = volumes, .count = 3 };

	(void)state;
	/* One byte on each side of a border; the last, short chunk; a volume that is not used. */
	add_extent(&volumes[0], 2 * CHUNK - 1, 2);
	add_extent(&volumes[0], 5 * CHUNK, CHUNK);
	add_extent(&volumes[0], 10 * CHUNK + 4, 1);
	add_extent(&volumes[1], 0, 3);
	assert_steps(&layout, "0:0*1 0:1*1=65536 0:2*1=65536 0:3*2 0:5*1=65536 0:6*4 0:10*1=5 "
			      "1:0*1=3 2:0*4");
	for (size_t i = 0; i < 3; i++)
		gmi_extents_release(&volumes[i].used);
}

static void a_volume_of_terabytes_that_is_hardly_used_takes_few_steps(void **state)
{
	struct gmi_volume volume = { .length = 8ULL << 40 };
	struct gmi_layout layout = { .volumes = &volume, .count = 1 };

	(void)state;
	add_extent(&volume, 5ULL << 40, 1);
	assert_steps(&layout, "0:0*83886080 0:83886080*1=65536 0:83886081*50331647");
	gmi_extents_release(&volume.used);
}

static void no_volumes_are_no_steps(void **state)
{
	struct gmi_layout layout = { .count = 0 };

	(void)state;
	assert_steps(&layout, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunks_come_in_order_and_unused_stretches_in_one_step),
		cmocka_unit_test(a_volume_of_terabytes_that_is_hardly_used_takes_few_steps),
		cmocka_unit_test(no_volumes_are_no_steps),
	};

	return cmocka_run_group_tests_name("backup/plan", tests, NULL, NULL);
}
