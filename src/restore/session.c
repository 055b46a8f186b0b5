#include "restore/session.h"

#include "device/device.h"

#include <stdlib.h>

struct gmi_restore_session {
	struct gmi_device device;
	struct gmi_restore *restore;
	struct gmi_report *report;
	bool dry_run;
};

static int check(struct gmi_restore_session *session, const struct gmi_profile *profile,
		 struct gmi_source *file, const struct gmi_restore_session_options *options,
		 struct gmi_error *err)
{
	enum gmi_device_access access = options->dry_run ? GMI_DEVICE_LOOK : GMI_DEVICE_WRITE;

	if (gmi_device_check_ready(profile, access, err) < 0 ||
	    gmi_device_open(&session->device, profile, access, err) < 0)
		return -1;
	if (!options->dry_run && gmi_device_keep_off(&session->device, options->outside,
						     options->outside_count, err) < 0)
		return -1;
	return gmi_restore_open(&session->restore, file, &session->device, &options->engine,
				session->report, err);
}

int gmi_restore_session_new(struct gmi_restore_session **out, const struct gmi_profile *profile,
			    struct gmi_source *file,
			    const struct gmi_restore_session_options *options,
			    struct gmi_report *report, struct gmi_error *err)
{
	struct gmi_restore_session *session = calloc(1, sizeof(*session));

	*out = NULL;
	if (!session)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a restore");
	session->report = report;
	session->dry_run = options->dry_run;
	if (check(session, profile, file, options, err) < 0) {
		gmi_restore_session_free(session);
		return -1;
	}
	*out = session;
	return 0;
}

static int run_engine(struct gmi_restore_session *session, struct gmi_error *err)
{
	if (gmi_restore_compare(session->restore, err) < 0)
		return -1;
	if (session->dry_run)
		return 0;
	/* Of a device that waits for its restart already nothing is to be released either. */
	if ((gmi_restore_has_work(session->restore) ||
	     gmi_restore_needs_restart(session->restore)) &&
	    gmi_device_take_over(&session->device, session->report, err) < 0)
		return -1;
	if (gmi_restore_write(session->restore, err) < 0)
		return -1;
	if (gmi_restore_verify(session->restore, err) < 0)
		return -1;
	if (session->device.taken_over)
		gmi_device_reread_tables(&session->device, session->report);
	return 0;
}

/*
 * An untouched device goes on as before. One that was taken over stays at rest: what its services
 * hold in memory belongs to disks that are no more, only its restart brings both together again.
 */
static void let_go(struct gmi_restore_session *session)
{
	struct gmi_error err;

	gmi_report_phase(session->report, GMI_PHASE_FINISH, 0);
	if (session->device.taken_over)
		gmi_report_say(session->report, "Restart the device before further use");
	else if (gmi_device_release(&session->device, session->report, &err) < 0)
		gmi_report_say(session->report, "The device could not be released: %s",
			       err.message);
}

int gmi_restore_session_run(struct gmi_restore_session *session, struct gmi_error *err)
{
	int result;

	if (session->dry_run)
		return run_engine(session, err);
	if (gmi_device_quiesce(&session->device, session->report, err) < 0)
		return -1;
	result = run_engine(session, err);
	let_go(session);
	return result;
}

struct gmi_restore *gmi_restore_session_engine(struct gmi_restore_session *session)
{
	return session->restore;
}

struct gmi_programs_lock gmi_restore_session_keep_programs_out(struct gmi_restore_session *session)
{
	struct gmi_programs_lock kept = session->device.programs;

	session->device.programs = (struct gmi_programs_lock){ 0 };
	return kept;
}

void gmi_restore_session_free(struct gmi_restore_session *session)
{
	if (!session)
		return;
	gmi_restore_free(session->restore);
	gmi_device_close(&session->device);
	free(session);
}
