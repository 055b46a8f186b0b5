/*
 * The HTTP server: the page and /api/v1 (docs/openapi.yaml) on top of one gmi_service.
 * libmicrohttpd with a thread per connection, so that a handler may simply wait; many idle
 * connections cost a small stack each and are closed soon.
 *
 *   gmi_server_start -> ... -> gmi_server_stop. Any thread.
 */
#ifndef GMI_HTTP_SERVER_H
#define GMI_HTTP_SERVER_H

#include "base/error.h"
#include "job/job.h"

struct gmi_server; /* opaque */

/*
 * listen: ADDRESS:PORT or [ADDRESS]:PORT; port 0 takes a free one. Borrows service and profile.
 * Where it listens goes to `url` ("http://127.0.0.1:8420/").
 */
GMI_MUST_CHECK int gmi_server_start(struct gmi_server **out, const char *listen,
				    struct gmi_service *service, const struct gmi_profile *profile,
				    char url[160], struct gmi_error *err);

/* Ends every connection; stop the service's job first, so that nobody waits for it. */
void gmi_server_stop(struct gmi_server *server);

/* From now on streams of events end by themselves. */
void gmi_server_begin_stop(struct gmi_server *server);

#endif
