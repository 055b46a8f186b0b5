/* A file at the other end of a cable: a reader in a thread, and the test as its client. */
#include "../unit.h"

#include "job/pull_source.h"
#include "support/storage_random.h"
#include "support/storage_scratch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LENGTH (3u << 20)
#define PROOF 4096u
#define RANGES 64

/* The client's file, and another one of the same length. */
static uint8_t *file;
static uint8_t *other;

struct reader {
	struct gmi_pull_source *pull;
	pthread_t thread;
	uint64_t offset;
	size_t length;
	uint8_t *data;
	int result;
	struct gmi_error err;
};

static int make_files(void **state)
{
	struct storage_random random = { 1 };

	(void)state;
	file = malloc(LENGTH);
	other = malloc(LENGTH);
	storage_random_fill(&random, file, LENGTH);
	storage_random_fill(&random, other, LENGTH);
	return 0;
}

static int free_files(void **state)
{
	(void)state;
	free(file);
	free(other);
	return 0;
}

static struct gmi_pull_source *new_pull(uint32_t patience)
{
	struct gmi_pull_source *pull;
	struct gmi_error err;

	assert_gmi_ok(gmi_pull_source_new(&pull, LENGTH, patience, &err), &err);
	return pull;
}

/* ---- readers ---- */

static void *read_in_thread(void *context)
{
	struct reader *reader = context;

	reader->result = gmi_source_read(gmi_pull_source_as_source(reader->pull), reader->offset,
					 reader->data, reader->length, &reader->err);
	return NULL;
}

static void *remember_in_thread(void *context)
{
	struct reader *reader = context;

	reader->result = gmi_pull_source_remember(reader->pull, &reader->err);
	return NULL;
}

static void reader_begin(struct reader *reader, struct gmi_pull_source *pull, uint64_t offset,
			 size_t length)
{
	*reader = (struct reader){ .pull = pull, .offset = offset, .length = length };
	reader->data = malloc(length + 1);
	assert_int_equal(pthread_create(&reader->thread, NULL, read_in_thread, reader), 0);
}

static void reader_end_well(struct reader *reader)
{
	pthread_join(reader->thread, NULL);
	assert_gmi_ok(reader->result, &reader->err);
	assert_memory_equal(reader->data, file + reader->offset, reader->length);
	free(reader->data);
}

static void reader_end_badly(struct reader *reader, enum gmi_code code)
{
	pthread_join(reader->thread, NULL);
	assert_int_equal(reader->result, -1);
	assert_int_equal(reader->err.code, code);
	free(reader->data);
}

/* ---- the client ---- */

/* Waits until just so many ranges have been handed out. */
static void wait_wanted(struct gmi_pull_source *pull, struct gmi_range *ranges, size_t wanted)
{
	struct gmi_error err;
	size_t got = 0;

	for (int tries = 0; got < wanted && tries < 100; tries++) {
		size_t count;

		assert_gmi_ok(
			gmi_pull_source_wanted(pull, 200, ranges + got, wanted - got, &count, &err),
			&err);
		got += count;
	}
	assert_int_equal(got, wanted);
}

static int send_part(struct gmi_pull_source *pull, const uint8_t *from,
		     const struct gmi_range *range, size_t length, struct gmi_error *err)
{
	uint64_t ticket;

	if (gmi_pull_source_receive_begin(pull, range, &ticket, err) < 0)
		return -1;
	/* In two pieces, as a connection brings them. */
	if (gmi_pull_source_receive(pull, ticket, from + range->offset, length / 2, err) < 0 ||
	    gmi_pull_source_receive(pull, ticket, from + range->offset + length / 2,
				    length - length / 2, err) < 0)
		return -1;
	return gmi_pull_source_receive_end(pull, ticket, true, err);
}

static void send_range(struct gmi_pull_source *pull, const struct gmi_range *range)
{
	struct gmi_error err;

	assert_gmi_ok(send_part(pull, file, range, range->length, &err), &err);
}

static void expect_client_error(int result, const struct gmi_error *err, const char *words)
{
	assert_int_equal(result, -1);
	assert_int_equal(err->code, strstr(words, "not the file") ? GMI_E_CONFLICT : GMI_E_CLIENT);
	if (!strstr(err->message, words))
		fail_msg("\"%s\" does not say \"%s\"", err->message, words);
}

static void remember_proof(struct gmi_pull_source *pull)
{
	struct reader reader = { .pull = pull };
	struct gmi_range range;

	assert_int_equal(pthread_create(&reader.thread, NULL, remember_in_thread, &reader), 0);
	wait_wanted(pull, &range, 1);
	assert_int_equal(range.offset, LENGTH - PROOF);
	assert_int_equal(range.length, PROOF);
	send_range(pull, &range);
	pthread_join(reader.thread, NULL);
	assert_gmi_ok(reader.result, &reader.err);
}

/* ---- cases ---- */

static void what_is_read_is_wanted_and_sent(void **state)
{
	struct gmi_pull_source *pull = new_pull(60);
	struct gmi_range range;
	struct reader reader;

	(void)state;
	reader_begin(&reader, pull, 12345, 6789);
	wait_wanted(pull, &range, 1);
	assert_int_equal(range.offset, 12345);
	assert_int_equal(range.length, 6789);
	send_range(pull, &range);
	reader_end_well(&reader);
	gmi_pull_source_free(pull);
}

static void a_long_read_is_asked_for_in_pieces(void **state)
{
	struct gmi_pull_source *pull = new_pull(60);
	struct reader reader;

	(void)state;
	reader_begin(&reader, pull, 1, LENGTH - 1);
	for (uint64_t at = 1; at < LENGTH;) {
		struct gmi_range range;

		wait_wanted(pull, &range, 1);
		assert_int_equal(range.offset, at);
		assert_true(range.length <= GMI_RANGE_LENGTH_MAX);
		send_range(pull, &range);
		at += range.length;
	}
	reader_end_well(&reader);
	gmi_pull_source_free(pull);
}

static void answers_may_come_in_any_order(void **state)
{
	struct gmi_pull_source *pull = new_pull(60);
	struct gmi_range ranges[10];
	struct reader readers[10];

	(void)state;
	for (size_t i = 0; i < 10; i++)
		reader_begin(&readers[i], pull, 1000 * i, 500 + i);
	wait_wanted(pull, ranges, 10);
	for (size_t i = 10; i-- > 0;)
		send_range(pull, &ranges[i]);
	for (size_t i = 0; i < 10; i++)
		reader_end_well(&readers[i]);
	gmi_pull_source_free(pull);
}

/* More readers than there are places for requests. */
static void any_number_of_readers_is_served(void **state)
{
	struct gmi_pull_source *pull = new_pull(60);
	struct reader readers[100];

	(void)state;
	for (size_t i = 0; i < 100; i++)
		reader_begin(&readers[i], pull, 1000 * i, 999);
	for (size_t i = 0; i < 100; i++) {
		struct gmi_range range;

		wait_wanted(pull, &range, 1);
		send_range(pull, &range);
	}
	for (size_t i = 0; i < 100; i++)
		reader_end_well(&readers[i]);
	gmi_pull_source_free(pull);
}

static void a_range_is_handed_out_once_and_taken_once(void **state)
{
	struct gmi_pull_source *pull = new_pull(60);
	struct gmi_range range;
	struct gmi_range again;
	struct reader reader;
	struct gmi_error err;
	uint64_t ticket;
	size_t count;

	(void)state;
	reader_begin(&reader, pull, 100, 50);
	wait_wanted(pull, &range, 1);
	assert_gmi_ok(gmi_pull_source_wanted(pull, 0, &again, 1, &count, &err), &err);
	assert_int_equal(count, 0);
	assert_gmi_ok(gmi_pull_source_receive_begin(pull, &range, &ticket, &err), &err);
	expect_client_error(gmi_pull_source_receive_begin(pull, &range, &ticket, &err), &err,
			    "bytes 100 to 150 are not wanted, or not any more");
	assert_gmi_ok(gmi_pull_source_receive(pull, ticket, file + 100, 50, &err), &err);
	assert_gmi_ok(gmi_pull_source_receive_end(pull, ticket, true, &err), &err);
	expect_client_error(gmi_pull_source_receive_end(pull, ticket, true, &err), &err,
			    "not wanted any more");
	expect_client_error(gmi_pull_source_receive(pull, ticket, file, 1, &err), &err,
			    "not wanted any more");
	reader_end_well(&reader);
	expect_client_error(send_part(pull, file, &range, 50, &err), &err, "not wanted");
	gmi_pull_source_free(pull);
}

static void just_what_is_wanted_is_taken(void **state)
{
	static const struct gmi_range wrong[] = { { 0, 50 },   { 101, 50 }, { 100, 49 },
						  { 100, 51 }, { 100, 0 },  { UINT64_MAX, 50 } };
	struct gmi_pull_source *pull = new_pull(60);
	struct gmi_range range;
	struct reader reader;
	struct gmi_error err;
	uint64_t ticket;

	(void)state;
	reader_begin(&reader, pull, 100, 50);
	wait_wanted(pull, &range, 1);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		expect_client_error(gmi_pull_source_receive_begin(pull, &wrong[i], &ticket, &err),
				    &err, "are not wanted");
	send_range(pull, &range);
	reader_end_well(&reader);
	gmi_pull_source_free(pull);
}

static void too_short_and_too_long_are_refused_and_wanted_again(void **state)
{
	struct gmi_pull_source *pull = new_pull(60);
	struct gmi_range range;
	struct reader reader;
	struct gmi_error err;
	uint64_t ticket;

	(void)state;
	reader_begin(&reader, pull, 100, 50);
	wait_wanted(pull, &range, 1);
	expect_client_error(send_part(pull, file, &range, 49, &err), &err,
			    "only 49 of 50 bytes were sent");
	wait_wanted(pull, &range, 1);
	assert_gmi_ok(gmi_pull_source_receive_begin(pull, &range, &ticket, &err), &err);
	assert_gmi_ok(gmi_pull_source_receive(pull, ticket, other, 50, &err), &err);
	expect_client_error(gmi_pull_source_receive(pull, ticket, other, 1, &err), &err,
			    "more bytes were sent than the 50 announced");
	/* A connection that breaks. */
	assert_gmi_ok(gmi_pull_source_receive_end(pull, ticket, false, &err), &err);
	wait_wanted(pull, &range, 1);
	send_range(pull, &range);
	reader_end_well(&reader);
	gmi_pull_source_free(pull);
}

static void a_connection_that_hangs_cannot_write_into_the_next_try(void **state)
{
	struct gmi_pull_source *pull = new_pull(60);
	struct gmi_range range;
	struct reader reader;
	struct gmi_error err;
	uint64_t hanging;
	uint64_t ticket;

	(void)state;
	reader_begin(&reader, pull, 100, 50);
	wait_wanted(pull, &range, 1);
	assert_gmi_ok(gmi_pull_source_receive_begin(pull, &range, &hanging, &err), &err);
	assert_gmi_ok(gmi_pull_source_attach(pull, LENGTH, &err), &err);
	wait_wanted(pull, &range, 1);
	assert_gmi_ok(gmi_pull_source_receive_begin(pull, &range, &ticket, &err), &err);
	assert_gmi_ok(gmi_pull_source_receive(pull, ticket, file + 100, 25, &err), &err);
	expect_client_error(gmi_pull_source_receive(pull, hanging, other, 25, &err), &err,
			    "not wanted any more");
	expect_client_error(gmi_pull_source_receive_end(pull, hanging, false, &err), &err,
			    "not wanted any more");
	assert_gmi_ok(gmi_pull_source_receive(pull, ticket, file + 125, 25, &err), &err);
	assert_gmi_ok(gmi_pull_source_receive_end(pull, ticket, true, &err), &err);
	reader_end_well(&reader);
	gmi_pull_source_free(pull);
}

static void a_new_client_has_to_show_the_files_end_first(void **state)
{
	struct gmi_pull_source *pull = new_pull(60);
	struct gmi_range range;
	struct reader reader;
	struct gmi_error err;
	size_t count;

	(void)state;
	remember_proof(pull);
	reader_begin(&reader, pull, 100, 50);
	wait_wanted(pull, &range, 1);
	assert_gmi_ok(gmi_pull_source_attach(pull, LENGTH, &err), &err);
	expect_client_error(send_part(pull, file, &range, 50, &err), &err, "not wanted");
	wait_wanted(pull, &range, 1);
	assert_int_equal(range.offset, LENGTH - PROOF);
	assert_gmi_ok(gmi_pull_source_wanted(pull, 0, &range, 1, &count, &err), &err);
	assert_int_equal(count, 0);
	range = (struct gmi_range){ LENGTH - PROOF, PROOF };
	send_range(pull, &range);
	wait_wanted(pull, &range, 1);
	assert_int_equal(range.offset, 100);
	send_range(pull, &range);
	reader_end_well(&reader);
	gmi_pull_source_free(pull);
}

static void a_new_client_is_asked_for_proof_however_many_readers_wait(void **state)
{
	struct gmi_pull_source *pull = new_pull(60);
	struct gmi_range ranges[RANGES];
	struct reader readers[RANGES + 6];
	struct gmi_error err;

	(void)state;
	remember_proof(pull);
	for (size_t i = 0; i < RANGES + 6; i++)
		reader_begin(&readers[i], pull, 1000 * i, 999);
	wait_wanted(pull, ranges, RANGES);
	assert_gmi_ok(gmi_pull_source_attach(pull, LENGTH, &err), &err);
	wait_wanted(pull, ranges, 1);
	assert_int_equal(ranges[0].offset, LENGTH - PROOF);
	send_range(pull, &ranges[0]);
	for (size_t i = 0; i < RANGES + 6; i++) {
		wait_wanted(pull, ranges, 1);
		send_range(pull, &ranges[0]);
	}
	for (size_t i = 0; i < RANGES + 6; i++)
		reader_end_well(&readers[i]);
	gmi_pull_source_free(pull);
}

static void offer_other_file(struct gmi_pull_source *pull)
{
	struct gmi_range range;
	struct gmi_error err;

	assert_gmi_ok(gmi_pull_source_attach(pull, LENGTH, &err), &err);
	wait_wanted(pull, &range, 1);
	assert_gmi_ok(send_part(pull, other, &range, PROOF, &err), &err);
}

static void another_file_is_refused_and_hurts_no_reader(void **state)
{
	struct gmi_pull_source *pull = new_pull(60);
	struct gmi_range ranges[RANGES];
	struct reader first;
	struct reader second;
	struct gmi_error err;
	size_t count;

	(void)state;
	remember_proof(pull);
	reader_begin(&first, pull, 100, 50);
	wait_wanted(pull, ranges, 1);
	expect_client_error(gmi_pull_source_attach(pull, LENGTH - 1, &err), &err,
			    "this is not the file that the restore began with: that one has");
	offer_other_file(pull);
	reader_begin(&second, pull, 5000, 60);
	for (int i = 0; i < 20; i++) {
		usleep(1000);
		expect_client_error(gmi_pull_source_wanted(pull, 0, ranges, RANGES, &count, &err),
				    &err, "this is not the file");
		assert_int_equal(count, 0);
	}
	assert_true(gmi_pull_source_is_alone(pull));
	ranges[0] = (struct gmi_range){ 5000, 60 };
	expect_client_error(send_part(pull, other, &ranges[0], 60, &err), &err, "not wanted");
	ranges[0] = (struct gmi_range){ LENGTH - PROOF, PROOF };
	expect_client_error(send_part(pull, file, &ranges[0], PROOF, &err), &err, "not wanted");

	/* Twice wrong, then the right one. */
	offer_other_file(pull);
	assert_gmi_ok(gmi_pull_source_attach(pull, LENGTH, &err), &err);
	wait_wanted(pull, ranges, 1);
	send_range(pull, &ranges[0]);
	wait_wanted(pull, ranges, 2);
	send_range(pull, &ranges[0]);
	send_range(pull, &ranges[1]);
	reader_end_well(&first);
	reader_end_well(&second);
	gmi_pull_source_free(pull);
}

static void patience_ends_and_the_message_says_so(void **state)
{
	struct gmi_pull_source *pull = new_pull(1);
	struct gmi_range range;
	struct reader reader;
	struct gmi_error err;
	uint64_t ticket;

	(void)state;
	reader_begin(&reader, pull, 100, 50);
	wait_wanted(pull, &range, 1);
	assert_gmi_ok(gmi_pull_source_receive_begin(pull, &range, &ticket, &err), &err);
	pthread_join(reader.thread, NULL);
	assert_int_equal(reader.result, -1);
	assert_string_equal(reader.err.message, "the computer that sends the file has not sent "
						"anything for 1 seconds");
	free(reader.data);
	/* Whoever sends now finds nobody, and no memory. */
	expect_client_error(gmi_pull_source_receive(pull, ticket, file, 50, &err), &err,
			    "not wanted any more");
	gmi_pull_source_free(pull);
}

static void a_cancelled_source_gives_nothing_more(void **state)
{
	struct gmi_pull_source *pull = new_pull(60);
	struct gmi_range range;
	struct reader reader;
	struct gmi_error err;
	size_t count;

	(void)state;
	reader_begin(&reader, pull, 100, 50);
	wait_wanted(pull, &range, 1);
	gmi_pull_source_cancel(pull);
	reader_end_badly(&reader, GMI_E_CANCELLED);
	reader_begin(&reader, pull, 100, 50);
	reader_end_badly(&reader, GMI_E_CANCELLED);
	/* A client that waits is not kept. */
	assert_gmi_ok(gmi_pull_source_wanted(pull, 600000, &range, 1, &count, &err), &err);
	assert_int_equal(count, 0);
	gmi_pull_source_free(pull);
}

static void a_file_shorter_than_the_proof_is_remembered_whole(void **state)
{
	struct gmi_pull_source *pull;
	struct reader reader = { 0 };
	struct gmi_range range;
	struct gmi_error err;

	(void)state;
	assert_gmi_ok(gmi_pull_source_new(&pull, 5, 60, &err), &err);
	reader.pull = pull;
	assert_int_equal(pthread_create(&reader.thread, NULL, remember_in_thread, &reader), 0);
	wait_wanted(pull, &range, 1);
	assert_int_equal(range.length, 5);
	send_range(pull, &range);
	pthread_join(reader.thread, NULL);
	assert_gmi_ok(reader.result, &reader.err);
	gmi_pull_source_free(pull);
	/* And an empty one needs no client at all. */
	assert_gmi_ok(gmi_pull_source_new(&pull, 0, 60, &err), &err);
	assert_gmi_ok(gmi_pull_source_remember(pull, &err), &err);
	assert_gmi_ok(gmi_pull_source_attach(pull, 0, &err), &err);
	gmi_pull_source_free(pull);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read_is_wanted_and_sent),
		cmocka_unit_test(a_long_read_is_asked_for_in_pieces),
		cmocka_unit_test(answers_may_come_in_any_order),
		cmocka_unit_test(any_number_of_readers_is_served),
		cmocka_unit_test(a_range_is_handed_out_once_and_taken_once),
		cmocka_unit_test(just_what_is_wanted_is_taken),
		cmocka_unit_test(too_short_and_too_long_are_refused_and_wanted_again),
		cmocka_unit_test(a_connection_that_hangs_cannot_write_into_the_next_try),
		cmocka_unit_test(a_new_client_has_to_show_the_files_end_first),
		cmocka_unit_test(a_new_client_is_asked_for_proof_however_many_readers_wait),
		cmocka_unit_test(another_file_is_refused_and_hurts_no_reader),
		cmocka_unit_test(patience_ends_and_the_message_says_so),
		cmocka_unit_test(a_cancelled_source_gives_nothing_more),
		cmocka_unit_test(a_file_shorter_than_the_proof_is_remembered_whole),
	};

	return cmocka_run_group_tests_name("job/pull_source", tests, make_files, free_files);
}
