#include "backup/plan.h"

#include "base/checked.h"
#include "format/manifest.h"

void gmi_plan_init(struct gmi_plan *plan, const struct gmi_layout *layout, uint32_t chunk_length)
{
	*plan = (struct gmi_plan){ .layout = layout, .chunk_length = chunk_length };
}

bool gmi_plan_next(struct gmi_plan *plan, struct gmi_plan_step *step)
{
	const struct gmi_volume *volume;
	uint64_t chunks;
	uint64_t offset;
	size_t extent;

	if (plan->volume == plan->layout->count)
		return false;
	volume = &plan->layout->volumes[plan->volume];
	chunks = gmi_chunk_count(volume->length, plan->chunk_length);
	offset = plan->chunk * plan->chunk_length;

	step->volume = plan->volume;
	step->chunk = plan->chunk;
	step->length = gmi_chunk_length_at(volume->length, plan->chunk_length, plan->chunk);
	step->used = gmi_extents_touch(&volume->used, offset, step->length);
	step->count = 1;
	if (!step->used) {
		extent = gmi_extents_find(&volume->used, offset);
		step->count = extent == volume->used.count
				      ? chunks - plan->chunk
				      : volume->used.list[extent].offset / plan->chunk_length -
						plan->chunk;
	}
	plan->chunk += step->count;
	if (plan->chunk == chunks) {
		plan->volume++;
		plan->chunk = 0;
	}
	return true;
}
