/* A manifest that is as it should be, small enough to be changed by replacing pieces of its text.
 */
#ifndef GMI_TESTS_SOUND_MANIFEST_H
#define GMI_TESTS_SOUND_MANIFEST_H

static const char sound[] =
	"{\n"
	"  \"format\": \"gmi\",\n"
	"  \"version\": 1,\n"
	"  \"created\": \"2026-01-09T13:43:44Z\",\n"
	"  \"tool\": \"gmi 0.1.0\",\n"
	"  \"device\": {\"id\": \"bb2241039\", \"model\": \"BactoBox\", \"software\": "
	"\"v2026.02\"},\n"
	"  \"signature\": \"none\",\n"
	"  \"chunk_length\": 262144,\n"
	"  \"all_blocks\": false,\n"
	"  \"disks\": [\n"
	"    {\"name\": \"emmc\", \"kind\": \"block\", \"length\": 10000, \"sector_length\": 512,\n"
	"     \"table\": \"gpt\"},\n"
	"    {\"name\": \"nor\", \"kind\": \"flash\", \"length\": 700, \"sector_length\": 1,\n"
	"     \"table\": \"none\"}\n"
	"  ],\n"
	"  \"volumes\": [\n"
	"    {\"name\": \"table\", \"disk\": \"emmc\", \"offset\": 0, \"length\": 1024,\n"
	"     \"used\": 1024, \"content\": \"table\", \"label\": \"first\", \"note\": \"\"},\n"
	"    {\"name\": \"data\", \"disk\": \"emmc\", \"offset\": 1024, \"length\": 8976,\n"
	"     \"used\": 500, \"content\": \"ext4\", \"label\": \"second\", \"note\": \"a note\"},\n"
	"    {\"name\": \"all\", \"disk\": \"nor\", \"offset\": 0, \"length\": 700,\n"
	"     \"used\": 700, \"content\": \"raw\", \"label\": \"third\", \"note\": \"\"}\n"
	"  ]\n"
	"}\n";

/* A name as long as names can be. */
#define TEXT_63 "a23456789-123456789-123456789-123456789-123456789-123456789-123"

#endif
