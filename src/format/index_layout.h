/* The index's bytes (docs/gmi-format.md, "index"). Internal to src/format. */
#ifndef GMI_FORMAT_INDEX_LAYOUT_H
#define GMI_FORMAT_INDEX_LAYOUT_H

#define GMI_INDEX_MAGIC "GMIINDEX" /* 8 bytes, without NUL */
#define GMI_INDEX_HEADER 48u       /* magic, u32 version, u32 volumes, manifest's SHA-256 */
#define GMI_INDEX_RUN_DATA (1ULL << 63)
#define GMI_INDEX_UNREADABLE (1ULL << 63) /* of an extent's length */

#endif
