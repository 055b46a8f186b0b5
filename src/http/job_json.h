/* A job and the device as JSON, in the words of docs/openapi.yaml. Internal to src/http. */
#ifndef GMI_HTTP_JOB_JSON_H
#define GMI_HTTP_JOB_JSON_H

#include "job/job.h"

#include <jansson.h>
#include <stdbool.h>

/* New references; NULL when memory is out. */
json_t *gmi_job_json(struct gmi_job *job, bool with_log);
json_t *gmi_log_line_json(uint32_t number, const struct gmi_report_line *line);
json_t *gmi_device_json(const struct gmi_device_view *view, struct gmi_job *current);

#endif
