/*
 * Who may ask for what, and the headers that keep a browser from doing more than the page does. The
 * place for passwords and keys to come. Internal to src/http.
 */
#ifndef GMI_HTTP_ACCESS_H
#define GMI_HTTP_ACCESS_H

#include "base/error.h"
#include "http/request.h"

/* A page of another site must not start anything here: checks Origin and the body's type. */
GMI_MUST_CHECK int gmi_access_check(const struct gmi_request *request, struct gmi_error *err);

void gmi_access_add_headers(struct MHD_Response *response);

#endif
