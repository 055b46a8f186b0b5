/*
 * manifest.json, member by member: each case replaces one piece of a sound text by another. Each
 * piece stands in the text exactly once.
 */
#include "../unit.h"

#include "sound_manifest.h"

#include "../support/expect.h"

#include "base/cleanup.h"
#include "format/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_127 TEXT_63 "x" TEXT_63

struct change {
	const char *name;
	const char *from;
	const char *to;
};

/* What is wrong for a reason of its own. What is wrong with every member alike stands below. */
static const struct change refused[] = {
	{ "corrupt_format_of_something_else", "\"gmi\"", "\"gmj\"" },
	{ "corrupt_version_zero", "\"version\": 1", "\"version\": 0" },
	{ "corrupt_created_no_time", "2026-01-09T13:43:44Z", "yesterday" },
	{ "corrupt_created_with_more_behind", "2026-01-09T13:43:44Z", "2026-01-09T13:43:44Z." },
	{ "corrupt_created_in_another_zone", "13:43:44Z", "13:43:44+01" },
	{ "corrupt_created_on_a_day_that_is_none", "2026-01-09", "2026-02-31" },
	{ "corrupt_created_with_a_blank", "2026-01-09", "2026- 1-09" },
	{ "corrupt_device_missing", "\"device\":", "\"devise\":" },
	{ "corrupt_device_a_text", "{\"id\": \"bb2241039\",", "\"bb2241039\", \"x\": {" },
	{ "corrupt_device_id_empty", "\"bb2241039\"", "\"\"" },
	{ "corrupt_signature_unknown", "\"none\",\n  \"chunk", "\"pgp\",\n  \"chunk" },
	{ "corrupt_chunk_length_no_power_of_two", "262144", "262145" },
	{ "corrupt_chunk_length_too_short", "262144", "32768" },
	{ "corrupt_chunk_length_too_long", "262144", "8388608" },
	{ "corrupt_chunk_length_zero", "262144", "0" },
	{ "corrupt_chunk_length_beyond_32_bits", "262144", "4295229440" },
	{ "corrupt_all_blocks_missing", "\"all_blocks\"", "\"some_blocks\"" },
	{ "corrupt_all_blocks_a_number", "false", "0" },
	{ "corrupt_all_blocks_twice", "\"all_blocks\": false",
	  "\"all_blocks\": false, \"all_blocks\": true" },
	{ "corrupt_disks_missing", "\"disks\"", "\"discs\"" },
	{ "corrupt_disks_an_object", "\"disks\": [", "\"disks\": {}, \"x\": [" },
	{ "corrupt_disks_empty", "\"disks\": [", "\"disks\": [], \"x\": [" },
	{ "corrupt_disks_with_a_number", "\"disks\": [", "\"disks\": [7," },
	{ "corrupt_disks_twice", "\"disks\": [", "\"disks\": [], \"disks\": [" },
	{ "corrupt_disks_with_one_that_has_no_volumes", "\"disks\": [",
	  "\"disks\": [{\"name\": \"sd\", \"kind\": \"block\", \"length\": 1, "
	  "\"sector_length\": 512, \"table\": \"none\"}," },
	{ "corrupt_disk_name_empty", "\"name\": \"nor\"", "\"name\": \"\"" },
	{ "corrupt_disk_name_going_up", "\"name\": \"nor\"", "\"name\": \"../x\"" },
	{ "corrupt_disk_name_in_capitals", "\"name\": \"nor\"", "\"name\": \"NOR\"" },
	{ "corrupt_disk_name_taken", "\"name\": \"nor\"", "\"name\": \"emmc\"" },
	{ "corrupt_disk_kind_unknown", "\"flash\"", "\"tape\"" },
	{ "corrupt_disk_length_zero", "\"length\": 10000", "\"length\": 0" },
	{ "corrupt_disk_length_short_of_its_volumes", "\"length\": 10000", "\"length\": 9999" },
	{ "corrupt_disk_length_beyond_its_volumes", "\"length\": 10000", "\"length\": 10001" },
	{ "corrupt_sector_length_zero", "\"sector_length\": 512", "\"sector_length\": 0" },
	{ "corrupt_sector_length_beyond_32_bits", "\"sector_length\": 512",
	  "\"sector_length\": 4294967808" },
	{ "corrupt_volumes_missing", "\"volumes\"", "\"parts\"" },
	{ "corrupt_volumes_empty", "\"volumes\": [", "\"volumes\": [], \"x\": [" },
	{ "corrupt_volumes_with_a_list", "\"volumes\": [", "\"volumes\": [[]," },
	{ "corrupt_volume_name_empty", "\"name\": \"all\"", "\"name\": \"\"" },
	{ "corrupt_volume_name_going_up", "\"name\": \"all\"", "\"name\": \"../x\"" },
	{ "corrupt_volume_name_dots", "\"name\": \"all\"", "\"name\": \"..\"" },
	{ "corrupt_volume_name_with_a_slash", "\"name\": \"all\"", "\"name\": \"a/b\"" },
	{ "corrupt_volume_name_like_an_option", "\"name\": \"all\"", "\"name\": \"-o\"" },
	{ "corrupt_volume_name_taken", "\"name\": \"all\"", "\"name\": \"data\"" },
	{ "corrupt_volume_disk_unknown", "\"disk\": \"nor\"", "\"disk\": \"sd\"" },
	{ "corrupt_volume_disk_out_of_order", "\"disk\": \"emmc\", \"offset\": 0",
	  "\"disk\": \"nor\", \"offset\": 0" },
	{ "corrupt_volume_offset_leaves_a_gap", "\"offset\": 1024", "\"offset\": 1025" },
	{ "corrupt_volume_offset_overlaps", "\"offset\": 1024", "\"offset\": 1023" },
	{ "corrupt_volume_length_zero", "\"length\": 1024", "\"length\": 0" },
	{ "corrupt_volume_length_leaves_a_gap", "\"length\": 1024", "\"length\": 1023" },
	{ "corrupt_volume_length_overlaps", "\"length\": 1024", "\"length\": 1025" },
	{ "corrupt_volume_length_short_of_the_disk", "\"length\": 8976", "\"length\": 8975" },
	{ "corrupt_used_more_than_there_is", "\"used\": 500", "\"used\": 8977" },
	{ "corrupt_text_not_utf8", "BactoBox", "Bacto\xfc" },
	{ "corrupt_text_half_a_surrogate", "BactoBox", "Bacto\\ud800" },
};

static const struct change accepted[] = {
	{ "an_unknown_member_is_ignored", "{\n  \"format\"",
	  "{\"later\": {\"deep\": [1, null, -2.5e3]}, \"format\"" },
	{ "an_unknown_member_of_a_disk_is_ignored", "\"kind\": \"flash\"",
	  "\"kind\": \"flash\", \"vendor\": \"x\"" },
	{ "an_unknown_member_of_a_volume_is_ignored", "\"content\": \"ext4\"",
	  "\"uuid\": 7, \"content\": \"ext4\"" },
	{ "an_unknown_content_is_accepted", "\"ext4\"", "\"btrfs\"" },
	{ "a_text_in_any_language_is_accepted", "\"BactoBox\"", "\"B\xc3\xa6kto \\u2713\"" },
	{ "a_name_as_long_as_can_be_is_accepted", "\"all\"", "\"" TEXT_63 "\"" },
	{ "a_label_as_long_as_can_be_is_accepted", "\"third\"", "\"" TEXT_127 "\"" },
	{ "an_empty_model_is_accepted", "\"BactoBox\"", "\"\"" },
	{ "a_clock_that_stood_at_its_beginning_is_accepted", "2026-01-09T13:43:44Z",
	  "1970-01-01T00:00:00Z" },
	{ "a_leap_day_is_accepted", "2026-01-09T13:43:44Z", "2028-02-29T23:59:59Z" },
	{ "the_shortest_chunks_are_accepted", "262144", "65536" },
	{ "the_longest_chunks_are_accepted", "262144", "4194304" },
	{ "a_signed_file_is_recognised", "\"none\",\n  \"chunk", "\"minisign\",\n  \"chunk" },
};

/* ---- what is wrong with every member alike ---- */

struct member {
	const char *name;
	const char *key;
	const char *value;
	size_t room; /* of a text, with its NUL; 0 for a number */
};

static const struct member members[] = {
	{ "format", "format", "\"gmi\"", 16 },
	{ "version", "version", "1", 0 },
	{ "created", "created", "\"2026-01-09T13:43:44Z\"", 24 },
	{ "tool", "tool", "\"gmi 0.1.0\"", GMI_TEXT_LENGTH },
	{ "device_id", "id", "\"bb2241039\"", GMI_NAME_LENGTH },
	{ "device_model", "model", "\"BactoBox\"", GMI_TEXT_LENGTH },
	{ "device_software", "software", "\"v2026.02\"", GMI_TEXT_LENGTH },
	{ "signature", "signature", "\"none\"", 16 },
	{ "chunk_length", "chunk_length", "262144", 0 },
	{ "disk_name", "name", "\"nor\"", GMI_NAME_LENGTH },
	{ "disk_kind", "kind", "\"flash\"", 16 },
	{ "disk_length", "length", "10000", 0 },
	{ "disk_sector_length", "sector_length", "512", 0 },
	{ "disk_table", "table", "\"gpt\"", 16 },
	{ "volume_name", "name", "\"all\"", GMI_NAME_LENGTH },
	{ "volume_disk", "disk", "\"nor\"", GMI_NAME_LENGTH },
	{ "volume_offset", "offset", "1024", 0 },
	{ "volume_length", "length", "8976", 0 },
	{ "volume_used", "used", "500", 0 },
	{ "volume_content", "content", "\"ext4\"", 16 },
	{ "volume_label", "label", "\"second\"", GMI_TEXT_LENGTH },
	{ "volume_note", "note", "\"a note\"", GMI_TEXT_LENGTH },
};

/* How a member is spoilt: its key and its value become these. In them, @ is the value as it was (of
 * a text without its closing quote) and # one character more than there is room for. */
struct ailment {
	const char *name;
	bool of_text;
	bool of_number;
	const char *key; /* NULL: as it was */
	const char *value;
};

static const struct ailment ailments[] = {
	{ "that_is_missing", true, false, "absent", "@\"" },
	{ "that_is_missing", false, true, "absent", "@" },
	{ "that_is_null", true, true, NULL, "null" },
	{ "that_is_a_list", true, true, NULL, "[]" },
	{ "that_is_a_number", true, false, NULL, "7" },
	{ "with_a_control_character", true, false, NULL, "@\\u001b\"" },
	{ "with_a_delete_character", true, false, NULL, "@\x7f\"" },
	{ "with_a_nul", true, false, NULL, "@\\u0000\"" },
	{ "that_is_too_long", true, false, NULL, "\"#\"" },
	{ "that_is_a_text", false, true, NULL, "\"@\"" },
	{ "that_is_negative", false, true, NULL, "-@" },
	{ "that_is_a_fraction", false, true, NULL, "@.0" },
	{ "that_is_an_exponent", false, true, NULL, "@e0" },
	{ "beyond_32_bits", false, true, NULL, "4611686018427387904" },
	{ "beyond_63_bits", false, true, NULL, "9223372036854775808" },
};

#define MEMBERS (sizeof(members) / sizeof(members[0]))
#define AILMENTS (sizeof(ailments) / sizeof(ailments[0]))

/* One case; the texts that its change points to are its own. */
struct spoilt {
	struct change change;
	char name[80];
	char from[80];
	char to[300];
};

static struct spoilt spoilt[MEMBERS * (AILMENTS + 1)];
static size_t spoilt_count;

/* `value` of an ailment, filled in. */
static void fill_in(char *to, const struct member *member, const char *value)
{
	size_t kept = strlen(member->value) - (member->room ? 1 : 0);

	for (to += strlen(to); *value; value++) {
		if (*value == '@') {
			memcpy(to, member->value, kept);
			to += kept;
		} else if (*value == '#') {
			memset(to, 'a', member->room);
			to += member->room;
		} else {
			*to++ = *value;
		}
	}
	*to = '\0';
}

static struct spoilt *add_spoilt(const struct member *member, const char *ailment)
{
	struct spoilt *one = &spoilt[spoilt_count++];

	snprintf(one->name, sizeof(one->name), "corrupt_%s_%s", member->name, ailment);
	snprintf(one->from, sizeof(one->from), "\"%s\": %s", member->key, member->value);
	one->change = (struct change){ one->name, one->from, one->to };
	return one;
}

static void spoil(const struct member *member)
{
	struct spoilt *twice = add_spoilt(member, "that_is_there_twice");

	snprintf(twice->to, sizeof(twice->to), "\"%s\": %s, \"%s\": %s", member->key, member->value,
		 member->key, member->value);
	for (size_t i = 0; i < AILMENTS; i++) {
		const struct ailment *ailment = &ailments[i];
		struct spoilt *one;

		if (!(member->room ? ailment->of_text : ailment->of_number))
			continue;
		one = add_spoilt(member, ailment->name);
		snprintf(one->to, sizeof(one->to),
			 "\"%s\": ", ailment->key ? ailment->key : member->key);
		fill_in(one->to, member, ailment->value);
	}
}

/* The sound text with one piece replaced; malloc'ed. */
static char *changed(const struct change *change)
{
	const char *at = strstr(sound, change->from);
	size_t before = (size_t)(at - sound);
	char *text = malloc(sizeof(sound) + strlen(change->to));

	assert_non_null(text);
	if (!at || strstr(at + 1, change->from))
		fail_msg("\"%s\" does not stand in the text exactly once", change->from);
	memcpy(text, sound, before);
	strcpy(text + before, change->to);
	strcat(text, at + strlen(change->from));
	return text;
}

static void changed_text_is_refused(void **state)
{
	GMI_AUTO_FREE char *text = changed(*state);
	struct gmi_manifest manifest;
	struct gmi_error err;

	expect_refusal(gmi_manifest_parse(text, strlen(text), &manifest, &err), &err,
		       GMI_E_DAMAGED);
	assert_null(manifest.disks);
	assert_null(manifest.volumes);
}

static void changed_text_is_accepted(void **state)
{
	GMI_AUTO_FREE char *text = changed(*state);
	GMI_CLEANUP(gmi_manifest_release) struct gmi_manifest manifest;
	struct gmi_error err;

	expect_success(gmi_manifest_parse(text, strlen(text), &manifest, &err), &err);
}

#define REFUSED (sizeof(refused) / sizeof(refused[0]))
#define ACCEPTED (sizeof(accepted) / sizeof(accepted[0]))

static struct CMUnitTest a_case(const struct change *change, CMUnitTestFunction function)
{
	return (struct CMUnitTest){
		.name = change->name,
		.test_func = function,
		.initial_state = (void *)change,
	};
}

int main(void)
{
	static struct CMUnitTest tests[REFUSED + ACCEPTED + MEMBERS * (AILMENTS + 1)];
	size_t count = 0;

	for (size_t i = 0; i < MEMBERS; i++)
		spoil(&members[i]);
	for (size_t i = 0; i < ACCEPTED; i++)
		tests[count++] = a_case(&accepted[i], changed_text_is_accepted);
	for (size_t i = 0; i < REFUSED; i++)
		tests[count++] = a_case(&refused[i], changed_text_is_refused);
	for (size_t i = 0; i < spoilt_count; i++)
		tests[count++] = a_case(&spoilt[i].change, changed_text_is_refused);
	return _cmocka_run_group_tests("format/manifest_members", tests, count, NULL, NULL);
}
