/*
 * A whole backup of a device: idle check, disks opened, quiesced, the engine, released. gmid's job
 * and the command line both run this, so that no path can forget the release.
 *
 *   gmi_backup_session_new   device at rest, first bytes on their way
 *   gmi_backup_session_next  next piece of the file; *length 0: complete
 *   gmi_backup_session_free  at any time; releases the device if that is still to do
 *
 * The device is released by itself once the last byte has been read from its disks; if they did not
 * stand still until then, the file does not become complete.
 *
 * One thread at a time.
 */
#ifndef GMI_BACKUP_SESSION_H
#define GMI_BACKUP_SESSION_H

#include "backup/backup.h"
#include "base/error.h"
#include "base/report.h"
#include "device/profile.h"

struct gmi_backup_session; /* opaque */

/* Borrows profile and report until free. On failure the device is released and nothing is held. */
GMI_MUST_CHECK int gmi_backup_session_new(struct gmi_backup_session **out,
					  const struct gmi_profile *profile,
					  const struct gmi_backup_options *options,
					  struct gmi_report *report, struct gmi_error *err);

/* *data stays valid until the next call. After a failure only free may be called. */
GMI_MUST_CHECK int gmi_backup_session_next(struct gmi_backup_session *session, const void **data,
					   size_t *length, struct gmi_error *err);

struct gmi_backup_summary gmi_backup_session_summary(const struct gmi_backup_session *session);

/* The file's proposed name: backup-of-<id>-<date>.gmi. Valid until free. */
const char *gmi_backup_session_file_name(const struct gmi_backup_session *session);

void gmi_backup_session_free(struct gmi_backup_session *session);

#endif
