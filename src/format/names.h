/* Names of the entries that hold chunks. Internal to src/format. */
#ifndef GMI_FORMAT_NAMES_H
#define GMI_FORMAT_NAMES_H

#include "format/manifest.h"
#include "format/zip.h"

#include <stdbool.h>

/* volumes/<volume>/<chunk, at least 8 digits>.zst */
void gmi_chunk_entry_name(const char *volume, uint64_t chunk, char name[GMI_ENTRY_NAME_LENGTH]);

#endif
