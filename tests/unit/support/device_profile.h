/*
 * Profiles in the scratch folder, for tests that need a whole device with files and hooks.
 */
#ifndef GMI_TESTS_DEVICE_PROFILE_H
#define GMI_TESTS_DEVICE_PROFILE_H

#include "device/profile.h"

/* Writes profile.ini; the rest is its text. */
void device_write_profile(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, then loaded; the test fails if it cannot be. */
void device_load_profile(struct gmi_profile *profile, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
