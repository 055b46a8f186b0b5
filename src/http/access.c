#include "http/access.h"

#include <string.h>

static const char *header(const struct gmi_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

int gmi_access_check(const struct gmi_request *request, struct gmi_error *err)
{
	const char *origin = header(request, "Origin");
	const char *host = header(request, "Host");
	const char *type = header(request, "Content-Type");
	const char *own;

	const char *site = header(request, "Sec-Fetch-Site");

	/* Browsers say so by themselves; a picture on another page must not use up a download. */
	if (site && strcmp(site, "cross-site") == 0)
		return gmi_fail(err, GMI_E_USAGE, "a page of another site may not use this device");
	if (strcmp(request->route->method, "GET") == 0)
		return 0;
	if (origin) {
		own = strstr(origin, "://");
		if (!own || !host || strcmp(own + 3, host) != 0)
			return gmi_fail(err, GMI_E_USAGE,
					"a page of another site may not use this device");
	}
	/* A form of another site can send neither of these without asking first (CORS). */
	if (request->route->body == GMI_BODY_JSON &&
	    (!type || strncmp(type, "application/json", strlen("application/json")) != 0))
		return gmi_fail(err, GMI_E_USAGE, "the body has to be application/json");
	if (request->route->body == GMI_BODY_RAW &&
	    (!type || strcmp(type, "application/octet-stream") != 0))
		return gmi_fail(err, GMI_E_USAGE, "the body has to be application/octet-stream");
	return 0;
}

void gmi_access_add_headers(struct MHD_Response *response)
{
	static const char *const headers[][2] = {
		{ "Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action "
					     "'none'; frame-ancestors 'none'" },
		{ "X-Content-Type-Options", "nosniff" },
		{ "X-Frame-Options", "DENY" },
		{ "Referrer-Policy", "no-referrer" },
		{ "Cross-Origin-Resource-Policy", "same-origin" },
	};

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		(void)MHD_add_response_header(response, headers[i][0], headers[i][1]);
}
