/* Verifying: a sound file passes whatever the number of workers, and says how far it is. What it
 * has to find is in test_hostile.c and test_damage.c. */
#include "../unit.h"

#include "../support/expect.h"
#include "../support/parts.h"
#include "../support/sample.h"

#include "format/verify.h"

#include <string.h>

struct opened {
	struct gmi_memory_sink file;
	struct gmi_memory_source source;
	struct gmi_reader *reader;
};

static void open_sample(struct opened *opened)
{
	struct gmi_error err;

	sample_file(&sample_small, &opened->file, &opened->source);
	expect_success(gmi_reader_open(&opened->reader, &opened->source.source, &err), &err);
}

static void close_sample(struct opened *opened)
{
	gmi_reader_free(opened->reader);
	gmi_memory_sink_release(&opened->file);
}

static void a_sound_file_passes_with_any_number_of_workers(void **state)
{
	struct opened opened;
	struct gmi_error err;

	(void)state;
	open_sample(&opened);
	for (unsigned int workers = 0; workers < 20; workers += 3)
		expect_success(gmi_verify(opened.reader, workers, NULL, &err), &err);
	close_sample(&opened);
}

static void progress_reaches_its_total_which_is_that_of_the_frames(void **state)
{
	struct gmi_report report;
	struct gmi_progress progress;
	struct opened opened;
	struct parts parts;
	struct gmi_error err;
	uint64_t frames = 0;

	(void)state;
	open_sample(&opened);
	parts_of(&parts, &opened.source.source);
	for (size_t i = 0; i < parts.count; i++) {
		if (strncmp(parts.list[i].name, "volumes/", 8) == 0)
			frames += parts.list[i].length;
	}
	expect_success(gmi_report_init(&report, &err), &err);
	expect_success(gmi_verify(opened.reader, 3, &report, &err), &err);
	progress = gmi_report_progress(&report);
	assert_int_equal(progress.phase, GMI_PHASE_VERIFY);
	assert_int_equal(progress.total, frames);
	assert_int_equal(progress.done, frames);
	gmi_report_release(&report);
	parts_release(&parts);
	close_sample(&opened);
}

static void the_damaged_chunk_is_named(void **state)
{
	struct opened opened;
	struct gmi_error err;
	uint64_t offset;
	uint32_t length;

	(void)state;
	open_sample(&opened);
	gmi_reader_locate(opened.reader, 2, 2, &offset, &length);
	opened.file.data[offset + length - 1] ^= 0x10;
	expect_refusal(gmi_verify(opened.reader, 4, NULL, &err), &err, GMI_E_DAMAGED);
	assert_string_equal(err.message,
			    "the file is damaged: chunk 2 of volume config was altered");
	close_sample(&opened);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sound_file_passes_with_any_number_of_workers),
		cmocka_unit_test(progress_reaches_its_total_which_is_that_of_the_frames),
		cmocka_unit_test(the_damaged_chunk_is_named),
	};

	return cmocka_run_group_tests_name("format/verify", tests, NULL, NULL);
}
