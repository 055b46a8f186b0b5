#include "http/job_json.h"

#include "base/text.h"
#include "http/problem.h"

#include <stdio.h>

static json_t *time_or_null(int64_t seconds)
{
	return seconds ? json_string(gmi_text_utc(seconds).text) : json_null();
}

static const char *state_name(enum gmi_job_state state)
{
	switch (state) {
	case GMI_JOB_RUNNING:
		return "running";
	case GMI_JOB_SUCCEEDED:
		return "succeeded";
	case GMI_JOB_FAILED:
		return "failed";
	}
	return "failed";
}

static json_t *summary(const struct gmi_job_view *view)
{
	const struct gmi_job_figures *figures = &view->figures;

	if (view->state == GMI_JOB_RUNNING)
		return json_null();
	if (view->kind == GMI_JOB_BACKUP)
		return json_pack("{s:I, s:I, s:f}", "usedBytes", (json_int_t)figures->used_bytes,
				 "fileBytes", (json_int_t)figures->file_bytes, "seconds",
				 view->seconds);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:f}", "bytesCompared",
			 (json_int_t)figures->bytes_compared, "bytesChanged",
			 (json_int_t)figures->bytes_changed, "bytesWritten",
			 (json_int_t)figures->bytes_written, "bytesDiscarded",
			 (json_int_t)figures->bytes_discarded, "bytesVerified",
			 (json_int_t)figures->bytes_verified, "bytesUnreadable",
			 (json_int_t)figures->bytes_unreadable, "seconds", view->seconds);
}

json_t *gmi_log_line_json(uint32_t number, const struct gmi_report_line *line)
{
	return json_pack("{s:i, s:I, s:s}", "n", (int)number, "time", (json_int_t)line->unix_ms,
			 "text", line->text);
}

static json_t *log_of(struct gmi_job *job)
{
	struct gmi_report_line line;
	json_t *log = json_array();

	for (uint32_t i = 0; gmi_job_line(job, i, &line); i++)
		json_array_append_new(log, gmi_log_line_json(i + 1, &line));
	return log;
}

json_t *gmi_job_json(struct gmi_job *job, bool with_log)
{
	struct gmi_job_view view;
	char download[64];
	char id[24];
	bool backup;
	json_t *json;

	gmi_job_view(job, &view);
	backup = view.kind == GMI_JOB_BACKUP;
	snprintf(id, sizeof(id), "%llu", (unsigned long long)view.id);
	snprintf(download, sizeof(download), "/api/v1/jobs/%s/file", id);
	json = json_pack(
		"{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:s, s:o, s:o, s:b, s:s, "
		"s:o, "
		"s:o}",
		"id", id, "kind", backup ? "backup" : "restore", "state", state_name(view.state),
		"phase", gmi_phase_name(view.progress.phase), "done",
		(json_int_t)view.progress.done, "total", (json_int_t)view.progress.total, "moved",
		(json_int_t)view.progress.moved, "rate", (json_int_t)view.rate, "secondsLeft",
		view.seconds_left < 0 ? json_null() : json_integer(view.seconds_left), "started",
		time_or_null(view.started), "ended", time_or_null(view.ended), "fileName",
		view.file_name, "fileLength",
		backup ? json_null() : json_integer((json_int_t)view.file_length), "download",
		backup ? json_string(download) : json_null(), "waitingForClient", view.waiting,
		"device", gmi_device_state_name(view.device), "problem",
		view.state == GMI_JOB_FAILED ? gmi_problem_json(&view.error, view.device, view.kind)
					     : json_null(),
		"summary", summary(&view));
	if (json && with_log)
		json_object_set_new(json, "log", log_of(job));
	return json;
}

static json_t *estimate(const struct gmi_device_view *view)
{
	if (!view->estimated)
		return json_null();
	return json_pack("{s:I, s:I}", "fileBytes", (json_int_t)view->file_bytes, "backupSeconds",
			 (json_int_t)view->backup_seconds);
}

json_t *gmi_device_json(const struct gmi_device_view *view, struct gmi_job *current)
{
	json_t *disks = json_array();

	for (uint32_t i = 0; i < view->disk_count; i++)
		json_array_append_new(disks,
				      json_pack("{s:s, s:I}", "name", view->disks[i].name, "length",
						(json_int_t)view->disks[i].length));
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:o, s:o, s:o, s:b, s:b}", "id",
			 view->id, "model", view->model, "software", view->software, "version",
			 GMI_VERSION, "disks", disks, "usedBytes", (json_int_t)view->used_bytes,
			 "totalBytes", (json_int_t)view->total_bytes, "estimate", estimate(view),
			 "program", view->program[0] ? json_string(view->program) : json_null(),
			 "job", current ? gmi_job_json(current, false) : json_null(),
			 "needsRestart", view->needs_restart, "incomplete", view->incomplete);
}
