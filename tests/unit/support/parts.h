/*
 * A GMI file taken apart into its entries, to be changed and put together again: the container is
 * sound each time, so that a test reaches what lies behind it.
 */
#ifndef GMI_TESTS_PARTS_H
#define GMI_TESTS_PARTS_H

#include "base/source.h"
#include "format/zip.h"

struct part {
	char name[GMI_ENTRY_NAME_LENGTH];
	uint8_t *data;
	size_t length;
};

struct parts {
	struct part *list;
	size_t count;
};

/* Entries of a few bytes each: they are all held in memory. */
void parts_of(struct parts *parts, struct gmi_source *source);
void parts_release(struct parts *parts);

/* Index of the entry of this name; the test fails if there is none. */
size_t parts_find(const struct parts *parts, const char *name);

void parts_insert(struct parts *parts, size_t at, const char *name, const void *data,
		  size_t length);
void parts_remove(struct parts *parts, size_t at);
void parts_replace(struct parts *parts, size_t at, const void *data, size_t length);

void parts_write(const struct parts *parts, struct gmi_sink *sink);

#endif
