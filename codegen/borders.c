/* Zero borders: a value that a convolution reads beyond its edges is stored with a frame of zeros. The arena
 * is reused, so the frame is cleared in every run, by the first kernel that writes into the frame's picture;
 * it is a few per cent of the tensor. */
#include "codegen/planner.h"

static bool has_border(const fg_place_plan *a) {
    for (int d = 0; d < FG_MAX_RANK; d++)
        if (a->before[d] | a->after[d]) return true;
    return false;
}

void fg_plan_borders(fg_planner *p) {
    for (int i = 0; i < p->n_values; i++) p->values[i].first_writer = -1;
    for (int i = 0; i < p->partition->n_kernels; i++) {
        const fg_kernel *k = p->partition->kernels[i];
        for (int j = 0; j < k->n_out; j++) {
            fg_place_plan *a = &p->values[fg_root_of(p, k->out[j])->id];
            if (a->first_writer < 0) a->first_writer = i;
        }
    }
}

/* Channels-last (N, C, H, W) or (N, C, L): the frame of each image is one run before the first pixel, one
 * between rows, one behind. */
static void clear_frame(fg_emit *e, const fg_value *root) {
    const fg_place_plan *a = &e->planner->values[root->id];
    const fg_layout *l = fg_layout_of(e, root);
    const int x = root->shape.rank - 1, y = root->shape.rank == 4 ? 2 : -1;
    const int64_t rows = y < 0 ? 1 : root->shape.dim[y], pixel = l->stride[x], row = y < 0 ? 0 : l->stride[y];
    const int64_t left = a->before[x] * pixel, right = a->after[x] * pixel,
                  width = root->shape.dim[x] * pixel;
    const int64_t top = y < 0 ? 0 : a->before[y] * row, bottom = y < 0 ? 0 : a->after[y] * row;
    fg_line(e, "/* the zero border that later kernels read */");
    fg_line(e, "for (int b = 0; b < %lld; b++) {", (long long)root->shape.dim[0]);
    fg_line(e, "float *frame = (float *)(void *)(c->arena + \001v%d+0\002) + b * %lld;", root->id,
            (long long)l->stride[0]);
    fg_line(e, "memset(frame, 0, %lld);", (long long)((top + left) * 4));
    fg_line(e, "frame += %lld;", (long long)(top + left + width));
    if (rows > 1) {
        fg_line(e, "for (int row = 1; row < %lld; row++, frame += %lld)", (long long)rows, (long long)row);
        fg_line(e, "memset(frame, 0, %lld);", (long long)((left + right) * 4));
    }
    fg_line(e, "memset(frame, 0, %lld);", (long long)((right + bottom) * 4));
    fg_line(e, "}");
}

void fg_emit_borders(fg_emit *e) {
    for (int j = 0; j < e->k->n_out; j++) {
        fg_value *root = fg_root_of(e->planner, e->k->out[j]);
        fg_place_plan *a = &e->planner->values[root->id];
        if (!has_border(a) || a->first_writer != e->k->index) continue;
        a->first_writer = -1; /* once, also where two parts of it come from this kernel */
        const bool parts = e->m->options.threads > 1;
        if (parts) fg_line(e, "if (c->part == 0) {");
        clear_frame(e, root);
        if (parts) fg_line(e, "}");
    }
}
