#include "format/verify.h"

#include "base/cleanup.h"
#include "base/cores.h"
#include "base/crew.h"
#include "base/text.h"
#include "format/reader_internal.h"
#include "format/zero_frame.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct worker {
	struct gmi_decoder *decoder;
	uint8_t *plain;
	uint8_t *zero_frame;
};

struct verification {
	const struct gmi_reader *reader;
	struct gmi_report *report; /* may be NULL */
	struct worker *workers;
	unsigned int worker_count;
	uint32_t volume; /* next */
	size_t entry;    /* next, within volume */
};

static bool next_entry(void *context, struct gmi_crew_item *item)
{
	struct verification *all = context;
	const struct gmi_entries *entries = &all->reader->entries;

	while (all->volume < entries->count && all->entry == entries->volumes[all->volume].count) {
		all->volume++;
		all->entry = 0;
	}
	if (all->volume == entries->count)
		return false;
	*item = (struct gmi_crew_item){ all->volume, all->entry++ };
	return true;
}

/* The directory promised a frame of zeros by length and CRC-32; here its bytes are held against it.
 */
static int check_zeros(const struct gmi_reader *reader, struct worker *worker, uint32_t volume,
		       const struct gmi_chunk_entry *entry, struct gmi_error *err)
{
	uint32_t chunk_length = reader->manifest.chunk_length;
	uint64_t left = reader->manifest.volumes[volume].length - entry->chunk * chunk_length;
	uint64_t run = gmi_index_same_kind(reader->index, volume, entry->chunk);
	uint64_t zeros = (run < GMI_ZERO_RUN_MAX ? run : GMI_ZERO_RUN_MAX) * chunk_length;
	const uint8_t *frame;

	if (gmi_decoder_load(reader, worker->decoder, volume, entry, &frame, err) < 0)
		return -1;
	gmi_zero_frame_make(zeros < left ? zeros : left, worker->zero_frame);
	if (memcmp(frame, worker->zero_frame, entry->length) != 0)
		return gmi_fail(err, GMI_E_DAMAGED,
				"the file is damaged: chunk %" PRIu64
				" of volume %s does not hold zeros",
				entry->chunk, reader->manifest.volumes[volume].name);
	return 0;
}

static int check_entry(void *context, unsigned int member, const struct gmi_crew_item *item,
		       struct gmi_error *err)
{
	struct verification *all = context;
	const struct gmi_reader *reader = all->reader;
	struct worker *worker = &all->workers[member];
	const struct gmi_chunk_entry *entry =
		&reader->entries.volumes[item->group].list[item->number];
	int result;

	if (gmi_index_chunk(reader->index, item->group, entry->chunk))
		result = gmi_reader_fetch(reader, worker->decoder, item->group, entry->chunk,
					  worker->plain, err);
	else
		result = check_zeros(reader, worker, item->group, entry, err);
	if (result == 0 && all->report)
		gmi_report_done(all->report, entry->length);
	return result;
}

/* The small entries that opening has not read again: all but mimetype, manifest and index. */
static int check_signature_entry(const struct gmi_reader *reader, struct gmi_error *err)
{
	GMI_AUTO_FREE uint8_t *content = NULL;

	if (!reader->manifest.is_signed)
		return 0;
	return gmi_reader_read_entry(reader->source, &reader->signature_entry, &content, err);
}

static int make_workers(struct verification *all, struct gmi_error *err)
{
	uint32_t chunk_length = all->reader->manifest.chunk_length;
	uint64_t zeros = (uint64_t)GMI_ZERO_RUN_MAX * chunk_length;

	all->workers = calloc(all->worker_count, sizeof(*all->workers));
	if (!all->workers)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for workers");
	for (unsigned int i = 0; i < all->worker_count; i++) {
		struct worker *worker = &all->workers[i];

		worker->plain = malloc(chunk_length);
		worker->zero_frame = malloc(gmi_zero_frame_length(zeros));
		if (!worker->plain || !worker->zero_frame)
			return gmi_fail(err, GMI_E_SYSTEM, "out of memory for chunk buffers");
		if (gmi_decoder_new(&worker->decoder, all->reader, err) < 0)
			return -1;
	}
	return 0;
}

static void release_workers(struct verification *all)
{
	for (unsigned int i = 0; all->workers && i < all->worker_count; i++) {
		gmi_decoder_free(all->workers[i].decoder);
		free(all->workers[i].plain);
		free(all->workers[i].zero_frame);
	}
	free(all->workers);
}

int gmi_verify(const struct gmi_reader *reader, unsigned int workers, struct gmi_report *report,
	       struct gmi_error *err)
{
	GMI_CLEANUP(release_workers)
	struct verification all = {
		.reader = reader,
		.report = report,
		.worker_count = workers ? workers : gmi_core_count(),
	};
	struct gmi_crew_task task = { .context = &all, .next = next_entry, .work = check_entry };
	uint64_t total = 0;

	for (uint32_t i = 0; i < reader->entries.count; i++) {
		for (size_t j = 0; j < reader->entries.volumes[i].count; j++)
			total += reader->entries.volumes[i].list[j].length;
	}
	if (report) {
		gmi_report_phase(report, GMI_PHASE_VERIFY, total);
		gmi_report_say(report, "Verifying %s", gmi_text_bytes(total).text);
	}
	if (check_signature_entry(reader, err) < 0 || make_workers(&all, err) < 0)
		return -1;
	return gmi_crew_run(all.worker_count, &task, err);
}
