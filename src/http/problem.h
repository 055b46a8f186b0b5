/*
 * Errors as RFC 9457 problem details: the one place where a code becomes an HTTP status, a type, a
 * title and a next step for a person. Internal to src/http.
 */
#ifndef GMI_HTTP_PROBLEM_H
#define GMI_HTTP_PROBLEM_H

#include "base/error.h"
#include "job/job.h"

#include <jansson.h>

unsigned int gmi_problem_status(enum gmi_code code);

/* device: what state it is in now. A new reference; NULL only when memory is out. */
json_t *gmi_problem_json(const struct gmi_error *err, enum gmi_device_state device,
			 enum gmi_job_kind kind);

const char *gmi_device_state_name(enum gmi_device_state state);

#endif
