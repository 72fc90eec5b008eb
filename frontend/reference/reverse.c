/* ReverseSequence: the first lens[b] elements along the time axis in reverse order, the others where they
 * are. */
#include "frontend/reference/reverse.h"

#include "frontend/reference/elements.h"

void fg_ref_reverse_sequence(const fg_eval *e) {
    const fg_tensor *x = &e->in[0];
    const int rank = x->shape.rank, time = (int)fg_attr_int(e->node, "time_axis", 0);
    const int batch = (int)fg_attr_int(e->node, "batch_axis", 1);
    int64_t index[FG_MAX_RANK] = {0}, stride[FG_MAX_RANK], to = 0;
    if (fg_shape_count(&x->shape) == 0) {
        return;
    }
    fg_row_major(rank, x->shape.dim, stride);
    do {
        int64_t n = fg_tensor_int(&e->in[1], index[batch]), t = index[time];
        n = n > x->shape.dim[time] ? x->shape.dim[time] : n;
        const int64_t from = t < n ? to + (n - 1 - 2 * t) * stride[time] : to;
        fg_copy_element(x->dtype, e->out[0].data, to++, x->data, from);
    } while (fg_next_index(rank, x->shape.dim, index));
}
