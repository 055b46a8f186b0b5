/*
 * What gmi and its guard say to each other, over a socket that keeps messages apart: one request,
 * any number of SAYS, then DONE or FAILED; before all that, READY. Internal to src/device: guard.c
 * is gmi's side, guard_serve.c the guard's.
 */
#ifndef GMI_DEVICE_GUARD_PROTOCOL_H
#define GMI_DEVICE_GUARD_PROTOCOL_H

#include "base/error.h"
#include "device/record.h"
#include "device/rest.h"

enum gmi_guard_request { GMI_GUARD_QUIESCE, GMI_GUARD_RELEASE, GMI_GUARD_SHUT_DOWN };

struct gmi_guard_answer {
	enum { GMI_GUARD_READY, GMI_GUARD_SAYS, GMI_GUARD_DONE, GMI_GUARD_FAILED } kind;
	struct gmi_error err; /* SAYS: only its message counts */
};

/* The guard's whole life, in the forked process. */
void gmi_guard_serve(int socket, const struct gmi_rest_device *device) __attribute__((noreturn));

/* Undoes what the record says an earlier process left, and clears it. */
GMI_MUST_CHECK int gmi_guard_let_go_of_left(const struct gmi_profile *profile,
					    struct gmi_record *record, bool *found,
					    struct gmi_error *err);

#endif
