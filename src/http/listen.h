/*
 * The socket that the server listens on: made by us rather than by libmicrohttpd, so that a port in
 * use is told in plain words. Internal to src/http.
 */
#ifndef GMI_HTTP_LISTEN_H
#define GMI_HTTP_LISTEN_H

#include "base/error.h"

/*
 * listen: ADDRESS:PORT or [ADDRESS]:PORT; port 0 takes a free one. *fd is the caller's. Where it
 * listens goes to url ("http://127.0.0.1:8420/").
 */
GMI_MUST_CHECK int gmi_listen(const char *listen, int *fd, char url[160], struct gmi_error *err);

#endif
