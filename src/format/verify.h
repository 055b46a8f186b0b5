/*
 * Reads a whole GMI file as the strictest reader would: every byte accounted for, every chunk
 * decoded and hashed, every stretch of zeros really decoding to zeros, nothing between the entries.
 * Workers in parallel; progress in bytes of the file.
 */
#ifndef GMI_FORMAT_VERIFY_H
#define GMI_FORMAT_VERIFY_H

#include "base/error.h"
#include "base/report.h"
#include "format/reader.h"

/* workers 0: as many as there are cores. report may be NULL. */
GMI_MUST_CHECK int gmi_verify(const struct gmi_reader *reader, unsigned int workers,
			      struct gmi_report *report, struct gmi_error *err);

#endif
