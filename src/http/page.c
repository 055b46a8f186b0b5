#include "http/page.h"

#include <string.h>

const struct gmi_page_file *gmi_page_find(const char *path)
{
	for (const struct gmi_page_file *file = gmi_page_files; file->path; file++) {
		if (strcmp(file->path, path) == 0)
			return file;
	}
	return NULL;
}

int gmi_page_respond(struct gmi_request *request, const struct gmi_page_file *file,
		     struct gmi_error *err)
{
	const char *known =
		MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "If-None-Match");
	bool same = known && strcmp(known, file->etag) == 0;
	struct MHD_Response *response = MHD_create_response_from_buffer(
		same ? 0 : file->length, (void *)file->data, MHD_RESPMEM_PERSISTENT);

	if (!response)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for an answer");
	MHD_add_response_header(response, "Content-Type", file->type);
	MHD_add_response_header(response, "ETag", file->etag);
	/* After an update of the device the page is the new one. */
	MHD_add_response_header(response, "Cache-Control", "no-cache");
	return gmi_respond_with(request, same ? 304 : 200, response, err);
}
