#include "http/problem.h"

#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct kind {
	unsigned int status;
	const char *title;
	const char *next;
};

static const struct kind *kind_of(enum gmi_code code)
{
	static const struct kind kinds[GMI_CODE_COUNT] = {
		[GMI_OK] = { 200, "No problem", "" },
		[GMI_E_SYSTEM] = { 500, "The device reported an error",
				   "Try again. If it happens again, restart the device and call "
				   "service." },
		[GMI_E_USAGE] = { 400, "The request makes no sense",
				  "Reload the page and try again." },
		[GMI_E_PROFILE] = { 500, "The device's configuration is wrong",
				    "Call service: the profile needs to be corrected." },
		[GMI_E_NOT_GMI] = { 422, "This is not a GMI file",
				    "Choose a file whose name ends in .gmi, as this page made "
				    "it." },
		[GMI_E_DAMAGED] = { 422, "The file is damaged",
				    "Copy it again from where it is kept, or use another backup." },
		[GMI_E_VERSION] = { 422, "The file was made by a newer version",
				    "Update the device's software, then try again." },
		[GMI_E_WRONG_DEVICE] = { 422, "The file belongs to another device",
					 "Choose a backup of this device." },
		[GMI_E_LAYOUT] = { 422, "The device's storage does not fit the file",
				   "Call service: a storage was exchanged or is failing." },
		[GMI_E_PROGRAM_RUNS] = { 409, "A program is running",
					 "Wait until it has ended, or stop it, then try again." },
		[GMI_E_JOB_RUNS] = { 409, "A backup or restore is running already",
				     "Wait until it has ended." },
		[GMI_E_CLIENT] = { 409, "The computer and the device lost each other",
				   "Check cable and network, then try again." },
		[GMI_E_HOOK] = { 500, "The device could not be prepared",
				 "Try again. If it happens again, restart the device and call "
				 "service." },
		[GMI_E_VERIFY] = { 500, "What was written could not be verified",
				   "Repeat the restore. If it happens again, the storage is "
				   "failing: call "
				   "service." },
		[GMI_E_NOT_FOUND] = { 404, "Not found", "Reload the page." },
		[GMI_E_CONFLICT] = { 409, "This does not fit what is running",
				     "Reload the page to see what is running." },
		[GMI_E_RESTART] = { 409, "The device needs its restart",
				    "Restart the device, then try again." },
		[GMI_E_INCOMPLETE] = { 409, "The device is incomplete",
				       "Do not use the device. Repeat the restore from the same "
				       "file: it goes on where it was." },
		[GMI_E_CANCELLED] = { 503, "It was stopped", "Try again." },
	};

	return &kinds[code < GMI_CODE_COUNT ? code : GMI_E_SYSTEM];
}

unsigned int gmi_problem_status(enum gmi_code code)
{
	return kind_of(code)->status;
}

const char *gmi_device_state_name(enum gmi_device_state state)
{
	switch (state) {
	case GMI_DEVICE_UNCHANGED:
		return "unchanged";
	case GMI_DEVICE_INCOMPLETE:
		return "incomplete";
	case GMI_DEVICE_RESTORED:
		return "restored";
	}
	return "unchanged";
}

/* Where the device is incomplete, there is one thing to do, whatever the reason was. */
static const char *next_step(enum gmi_code code, enum gmi_device_state device,
			     enum gmi_job_kind kind)
{
	if (device == GMI_DEVICE_INCOMPLETE)
		return "Do not use the device. Repeat the restore from the same file: it goes on "
		       "where it was.";
	if (code == GMI_E_CLIENT && kind == GMI_JOB_BACKUP)
		return "Throw the unfinished file away. Check the cable and the free space on the "
		       "computer, then download the backup again.";
	return kind_of(code)->next;
}

json_t *gmi_problem_json(const struct gmi_error *err, enum gmi_device_state device,
			 enum gmi_job_kind kind)
{
	char type[64];
	char detail[sizeof(err->message) + 2];
	size_t length;

	snprintf(type, sizeof(type), "urn:gmi:problem:%s", gmi_code_name(err->code));
	/* Messages are parts of sentences; here one stands alone. */
	snprintf(detail, sizeof(detail) - 1, "%s", err->message);
	gmi_text_clean(detail);
	detail[0] = (char)toupper((unsigned char)detail[0]);
	length = strlen(detail);
	if (length > 0 && detail[length - 1] != '.')
		snprintf(detail + length, sizeof(detail) - length, ".");
	return json_pack("{s:s, s:s, s:i, s:s, s:s, s:s}", "type", type, "title",
			 kind_of(err->code)->title, "status", (int)kind_of(err->code)->status,
			 "detail", detail, "device", gmi_device_state_name(device), "next",
			 next_step(err->code, device, kind));
}
