#include "backup/session.h"

#include "device/device.h"

#include <stdlib.h>

struct gmi_backup_session {
	struct gmi_device device;
	struct gmi_backup *backup;
	struct gmi_report *report;
	struct gmi_backup_summary summary;
	char file_name[128];
};

static int start(struct gmi_backup_session *session, const struct gmi_profile *profile,
		 const struct gmi_backup_options *options, struct gmi_error *err)
{
	char program[64];

	if (gmi_device_check_idle(profile, program, err) < 0 ||
	    gmi_device_open(&session->device, profile, GMI_DEVICE_READ, err) < 0)
		return -1;
	gmi_backup_file_name(session->file_name, session->device.identity.id, options->created);
	gmi_report_say(session->report, "Backup of %s begins", session->device.identity.id);
	if (gmi_device_quiesce(&session->device, err) < 0)
		return -1;
	return gmi_backup_start(&session->backup, &session->device, options, session->report, err);
}

int gmi_backup_session_new(struct gmi_backup_session **out, const struct gmi_profile *profile,
			   const struct gmi_backup_options *options, struct gmi_report *report,
			   struct gmi_error *err)
{
	struct gmi_backup_session *session = calloc(1, sizeof(*session));

	*out = NULL;
	if (!session)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a backup");
	session->report = report;
	if (start(session, profile, options, err) < 0) {
		gmi_backup_session_free(session);
		return -1;
	}
	*out = session;
	return 0;
}

int gmi_backup_session_next(struct gmi_backup_session *session, const void **data, size_t *length,
			    struct gmi_error *err)
{
	if (gmi_backup_next(session->backup, data, length, err) < 0)
		return -1;
	if (!session->device.quiesced || !gmi_backup_reading_done(session->backup))
		return 0;
	if (gmi_device_release(&session->device, err) < 0)
		return -1;
	gmi_report_say(session->report, "Everything has been read; the device works again");
	return 0;
}

struct gmi_backup_summary gmi_backup_session_summary(const struct gmi_backup_session *session)
{
	return gmi_backup_summary(session->backup);
}

const char *gmi_backup_session_file_name(const struct gmi_backup_session *session)
{
	return session->file_name;
}

void gmi_backup_session_free(struct gmi_backup_session *session)
{
	struct gmi_error err;

	if (!session)
		return;
	/* The workers end before the device is let go: nothing may read a moving disk. */
	gmi_backup_free(session->backup);
	if (session->device.quiesced && gmi_device_release(&session->device, &err) < 0)
		gmi_report_say(session->report, "The device could not be released: %s",
			       err.message);
	gmi_device_close(&session->device);
	free(session);
}
