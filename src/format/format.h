/*
 * The constants of GMI format version 1. docs/gmi-format.md explains each; this is the one place in
 * the code that has them.
 */
#ifndef GMI_FORMAT_FORMAT_H
#define GMI_FORMAT_FORMAT_H

#define GMI_FORMAT_VERSION 1
#define GMI_MEDIA_TYPE "application/vnd.sbt.gmi+zip"

#define GMI_ENTRY_MIMETYPE "mimetype"
#define GMI_ENTRY_MANIFEST "manifest.json"
#define GMI_ENTRY_INDEX "index"
#define GMI_ENTRY_SIGNATURE "index.minisig"
#define GMI_ENTRY_VOLUMES "volumes/"

/* Powers of two. The default is measured (docs/performance.md). */
#define GMI_CHUNK_LENGTH_MIN (64u << 10)
#define GMI_CHUNK_LENGTH_MAX (4u << 20)
#define GMI_CHUNK_LENGTH_DEFAULT (512u << 10)

/* A run of chunks that are all zeros shares one entry; at most this many, so that its frame is
 * small. */
#define GMI_ZERO_RUN_MAX 4096u

/* What a reader is willing to take into memory. */
#define GMI_MANIFEST_LENGTH_MAX (512u << 10)
#define GMI_INDEX_LENGTH_MAX (256u << 20)
#define GMI_SIGNATURE_LENGTH_MAX 4096u
#define GMI_DISKS_MAX 16u
#define GMI_VOLUMES_MAX 512u
#define GMI_NAME_LENGTH 64 /* disk and volume names with their NUL: [a-z0-9][a-z0-9._-]* */

#endif
