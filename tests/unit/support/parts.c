#include "parts.h"

#include "expect.h"

#include <stdlib.h>
#include <string.h>

static uint8_t *copy_of(const void *data, size_t length)
{
	uint8_t *copy = malloc(length + 1);

	assert_non_null(copy);
	if (length > 0)
		memcpy(copy, data, length);
	return copy;
}

void parts_insert(struct parts *parts, size_t at, const char *name, const void *data, size_t length)
{
	struct part part = { .data = copy_of(data, length), .length = length };

	assert_true(at <= parts->count && strlen(name) < sizeof(part.name));
	strcpy(part.name, name);
	parts->list = realloc(parts->list, (parts->count + 1) * sizeof(*parts->list));
	assert_non_null(parts->list);
	memmove(parts->list + at + 1, parts->list + at, (parts->count - at) * sizeof(part));
	parts->list[at] = part;
	parts->count++;
}

void parts_remove(struct parts *parts, size_t at)
{
	assert_true(at < parts->count);
	free(parts->list[at].data);
	parts->count--;
	memmove(parts->list + at, parts->list + at + 1, (parts->count - at) * sizeof(*parts->list));
}

void parts_replace(struct parts *parts, size_t at, const void *data, size_t length)
{
	uint8_t *copy = copy_of(data, length);

	assert_true(at < parts->count);
	free(parts->list[at].data);
	parts->list[at].data = copy;
	parts->list[at].length = length;
}

void parts_of(struct parts *parts, struct gmi_source *source)
{
	struct gmi_zip_reader zip;
	struct gmi_zip_entry entry;
	struct gmi_error err;
	bool end = false;

	memset(parts, 0, sizeof(*parts));
	expect_success(gmi_zip_reader_init(&zip, source, &err), &err);
	for (;;) {
		uint8_t *data;

		expect_success(gmi_zip_next(&zip, &entry, &end, &err), &err);
		if (end)
			break;
		data = malloc((size_t)entry.length + 1);
		assert_non_null(data);
		expect_success(gmi_source_read(source,
					       entry.offset + gmi_zip_local_header_length(&entry),
					       data, (size_t)entry.length, &err),
			       &err);
		parts_insert(parts, parts->count, entry.name, data, (size_t)entry.length);
		free(data);
	}
	gmi_zip_reader_release(&zip);
}

void parts_release(struct parts *parts)
{
	while (parts->count > 0)
		parts_remove(parts, parts->count - 1);
	free(parts->list);
}

size_t parts_find(const struct parts *parts, const char *name)
{
	for (size_t i = 0; i < parts->count; i++) {
		if (strcmp(parts->list[i].name, name) == 0)
			return i;
	}
	fail_msg("the file has no entry %s", name);
	return 0;
}

void parts_write(const struct parts *parts, struct gmi_sink *sink)
{
	struct gmi_zip_writer zip;
	struct gmi_error err;

	gmi_zip_writer_init(&zip, sink);
	for (size_t i = 0; i < parts->count; i++) {
		const struct part *part = &parts->list[i];

		expect_success(gmi_zip_add(&zip, part->name, part->data, part->length, &err), &err);
	}
	expect_success(gmi_zip_finish(&zip, &err), &err);
	gmi_zip_writer_release(&zip);
}
