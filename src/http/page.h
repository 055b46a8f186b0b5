/* The files of page/, embedded in the binary. Internal to src/http. */
#ifndef GMI_HTTP_PAGE_H
#define GMI_HTTP_PAGE_H

#include "http/request.h"

#include <stddef.h>
#include <stdint.h>

struct gmi_page_file {
	const char *path; /* "/style.css"; index.html is "/" */
	const char *type;
	const char *etag;
	const uint8_t *data;
	size_t length;
};

extern const struct gmi_page_file
	gmi_page_files[]; /* made by tools/embed.py; ends with a NULL path */

const struct gmi_page_file *gmi_page_find(const char *path);

/* 200 with the file, or 304 where the browser has it. */
GMI_MUST_CHECK int gmi_page_respond(struct gmi_request *request, const struct gmi_page_file *file,
				    struct gmi_error *err);

#endif
