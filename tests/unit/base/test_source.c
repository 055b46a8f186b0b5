/* Files and memory as sources, descriptors and memory as sinks. */
#include "../unit.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "base/source.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/gmi-test-source-XXXXXX";
static char path[sizeof(folder) + 10];

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/file", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

/* A sparse file of this length with a word at its end. */
static void make_file(uint64_t length)
{
	GMI_AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	struct gmi_error err;

	assert_true(fd >= 0);
	assert_int_equal(gmi_pwrite_full(fd, path, length - 4, "last", 4, &err), 0);
}

static void a_file_reads_past_four_gib(void **state)
{
	const uint64_t length = (5ULL << 30) + 11;
	struct gmi_file_source file;
	char found[5] = "";
	struct gmi_error err;

	(void)state;
	make_file(length);
	assert_int_equal(gmi_file_source_open(&file, path, &err), 0);
	assert_int_equal(file.source.length, length);
	assert_int_equal(gmi_source_read(&file.source, length - 4, found, 4, &err), 0);
	assert_string_equal(found, "last");
	gmi_file_source_close(&file);
	assert_int_equal(file.fd, -1);
	gmi_file_source_close(&file); /* closing twice is harmless */
}

static void a_file_that_became_shorter_is_told_with_its_name(void **state)
{
	struct gmi_file_source file;
	char found[100];
	struct gmi_error err;

	(void)state;
	make_file(100);
	assert_int_equal(gmi_file_source_open(&file, path, &err), 0);
	assert_int_equal(truncate(path, 50), 0);
	assert_int_equal(gmi_source_read(&file.source, 0, found, 100, &err), -1);
	assert_int_equal(err.code, GMI_E_SYSTEM);
	assert_non_null(strstr(err.message, path));
	assert_non_null(strstr(err.message, "ends at byte 50, 50 bytes too early"));
	gmi_file_source_close(&file);
}

static void a_missing_file_is_told_with_the_systems_reason(void **state)
{
	struct gmi_file_source file;
	struct gmi_error err;

	(void)state;
	assert_int_equal(gmi_file_source_open(&file, "/nowhere/file.gmi", &err), -1);
	assert_int_equal(err.code, GMI_E_SYSTEM);
	assert_int_equal(err.sys, ENOENT);
	assert_string_equal(err.message,
			    "/nowhere/file.gmi: cannot open: No such file or directory");
	assert_int_equal(file.fd, -1);
}

static void a_folder_is_no_file(void **state)
{
	struct gmi_file_source file;
	struct gmi_error err;

	(void)state;
	assert_int_equal(gmi_file_source_open(&file, folder, &err), -1);
	assert_int_equal(err.code, GMI_E_USAGE);
	assert_int_equal(file.fd, -1);
}

static void a_pipe_cannot_be_read_at_any_place(void **state)
{
	GMI_AUTO_FD int other_end = -1;
	struct gmi_file_source file;
	struct gmi_error err;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	/* So that opening does not wait for a writer. */
	other_end = open(path, O_RDWR | O_CLOEXEC);
	assert_true(other_end >= 0);
	assert_int_equal(gmi_file_source_open(&file, path, &err), -1);
	assert_int_equal(err.sys, ESPIPE);
	assert_int_equal(file.fd, -1);
}

static void memory_reads_at_any_place(void **state)
{
	struct gmi_memory_source memory;
	char found[4] = "";
	struct gmi_error err;

	(void)state;
	gmi_memory_source_init(&memory, "hello world", 11);
	assert_int_equal(memory.source.length, 11);
	assert_int_equal(gmi_source_read(&memory.source, 6, found, 3, &err), 0);
	assert_string_equal(found, "wor");
	assert_int_equal(gmi_source_read(&memory.source, 11, found, 0, &err), 0);
}

static void a_descriptor_takes_what_is_written(void **state)
{
	GMI_AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	struct gmi_fd_sink sink;
	char found[7] = "";
	struct gmi_error err;

	(void)state;
	gmi_fd_sink_init(&sink, fd, path);
	assert_int_equal(gmi_sink_write(&sink.sink, "abc", 3, &err), 0);
	assert_int_equal(gmi_sink_write(&sink.sink, "", 0, &err), 0);
	assert_int_equal(gmi_sink_write(&sink.sink, "def", 3, &err), 0);
	assert_int_equal(gmi_pread_full(fd, path, 0, found, 6, &err), 0);
	assert_string_equal(found, "abcdef");
}

static void a_reader_that_has_gone_is_told_with_the_sinks_name(void **state)
{
	GMI_AUTO_FD int writing = -1;
	struct gmi_fd_sink sink;
	struct gmi_error err;
	int ends[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(ends), 0);
	writing = ends[1];
	close(ends[0]);
	gmi_fd_sink_init(&sink, writing, "standard output");
	assert_int_equal(gmi_sink_write(&sink.sink, "abc", 3, &err), -1);
	assert_int_equal(err.sys, EPIPE);
	assert_string_equal(err.message, "standard output: cannot write: Broken pipe");
}

static void memory_that_was_released_can_be_used_again(void **state)
{
	struct gmi_memory_sink memory;
	struct gmi_error err;

	(void)state;
	gmi_memory_sink_init(&memory);
	gmi_memory_sink_release(&memory); /* nothing was written */
	assert_int_equal(gmi_sink_write(&memory.sink, "abc", 3, &err), 0);
	assert_int_equal(memory.length, 3);
	gmi_memory_sink_release(&memory);
	assert_int_equal(memory.length, 0);
	assert_int_equal(gmi_sink_write(&memory.sink, "defgh", 5, &err), 0);
	assert_memory_equal(memory.data, "defgh", 5);
	gmi_memory_sink_release(&memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_file_reads_past_four_gib, remove_file),
		cmocka_unit_test_teardown(a_file_that_became_shorter_is_told_with_its_name,
					  remove_file),
		cmocka_unit_test(a_missing_file_is_told_with_the_systems_reason),
		cmocka_unit_test(a_folder_is_no_file),
		cmocka_unit_test_teardown(a_pipe_cannot_be_read_at_any_place, remove_file),
		cmocka_unit_test(memory_reads_at_any_place),
		cmocka_unit_test_teardown(a_descriptor_takes_what_is_written, remove_file),
		cmocka_unit_test(a_reader_that_has_gone_is_told_with_the_sinks_name),
		cmocka_unit_test(memory_that_was_released_can_be_used_again),
	};

	return cmocka_run_group_tests_name("base/source", tests, make_folder, remove_folder);
}
