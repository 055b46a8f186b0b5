/* The consistency that gmi_manifest_parse() promises. Internal to src/format. */
#ifndef GMI_FORMAT_MANIFEST_CHECK_H
#define GMI_FORMAT_MANIFEST_CHECK_H

#include "format/manifest.h"

GMI_MUST_CHECK int gmi_manifest_check(const struct gmi_manifest *manifest, struct gmi_error *err);

#endif
