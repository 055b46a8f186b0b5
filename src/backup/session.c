#include "backup/session.h"

#include "device/device.h"

#include <pthread.h>
#include <stdlib.h>

struct gmi_backup_session {
	struct gmi_device device;
	struct gmi_backup *backup;
	struct gmi_report *report;
	char file_name[128];

	/* Lets the device go as soon as it was read, however slow the consumer is. */
	pthread_t releaser;
	bool releaser_started;
	int release_result; /* once the releaser was joined */
	struct gmi_error release_error;
	bool finished; /* the last piece was given out */
};

static int prove_and_release(struct gmi_backup_session *session, struct gmi_error *err)
{
	struct gmi_error other;
	int still = gmi_device_check_still(&session->device, err);

	if (gmi_device_release(&session->device, session->report, still < 0 ? &other : err) < 0) {
		/* Released too early is why it was written to. */
		if (still < 0)
			gmi_error_prefix(err, "%s; then", other.message);
		return -1;
	}
	return still;
}

static void *release_when_read(void *context)
{
	struct gmi_backup_session *session = context;
	bool whole = gmi_backup_wait_read(session->backup);

	session->release_result = prove_and_release(session, &session->release_error);
	if (session->release_result == 0)
		gmi_report_say(session->report, whole ? "Everything has been read; the device "
							"works again"
						      : "The device works again");
	return NULL;
}

/* The releaser's result; waits for it. */
static int join_releaser(struct gmi_backup_session *session, struct gmi_error *err)
{
	if (session->releaser_started)
		pthread_join(session->releaser, NULL);
	session->releaser_started = false;
	if (session->release_result < 0)
		*err = session->release_error;
	return session->release_result;
}

static int start(struct gmi_backup_session *session, const struct gmi_profile *profile,
		 const struct gmi_backup_options *options, struct gmi_error *err)
{
	if (gmi_device_check_ready(profile, GMI_DEVICE_READ, err) < 0 ||
	    gmi_device_open(&session->device, profile, GMI_DEVICE_READ, err) < 0)
		return -1;
	if (gmi_device_keep_off(&session->device, options->outside, options->outside_count, err) <
	    0)
		return -1;
	gmi_backup_file_name(session->file_name, session->device.identity.id, options->created);
	gmi_report_say(session->report, "Backup of %s begins", session->device.identity.id);
	if (gmi_device_quiesce(&session->device, session->report, err) < 0 ||
	    gmi_backup_start(&session->backup, &session->device, options, session->report, err) < 0)
		return -1;
	if (pthread_create(&session->releaser, NULL, release_when_read, session) != 0)
		return gmi_fail(err, GMI_E_SYSTEM, "cannot start a thread");
	session->releaser_started = true;
	return 0;
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
	*length = 0;
	if (session->finished)
		return 0;
	if (gmi_backup_next(session->backup, data, length, err) < 0)
		return -1;
	if (*length > 0)
		return 0;
	/* A file whose parts do not belong together must not become complete. */
	if (join_releaser(session, err) < 0)
		return -1;
	session->finished = true;
	return gmi_backup_finish(session->backup, data, length, err);
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
	if (session->releaser_started) {
		/* The device is let go when no worker reads any more, not before. */
		gmi_backup_stop(session->backup);
		(void)!join_releaser(session, &err);
	}
	gmi_backup_free(session->backup);
	if (session->device.quiesced &&
	    gmi_device_release(&session->device, session->report, &err) < 0)
		gmi_report_say(session->report, "The device could not be released: %s",
			       err.message);
	gmi_device_close(&session->device);
	free(session);
}
