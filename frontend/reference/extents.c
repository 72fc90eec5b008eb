#include "frontend/reference/extents.h"

#include "frontend/reference/elements.h"
#include "frontend/reference/slice.h"

void fg_ref_extents(const fg_eval *e) {
    const fg_attr *forms = fg_node_attr(e->node, "forms");
    const int64_t most = fg_attr_int(e->node, "most", INT64_MAX);
    const int64_t least = fg_attr_int(e->node, "elements", 0) != 0 ? INT64_MIN : 0;
    const int k = e->node->n_in;
    for (int r = 0; r < forms->n / (k + 1); r++) {
        const int64_t *form = forms->ints + r * (k + 1);
        int64_t x = form[0];
        for (int i = 0; i < k; i++) {
            x += form[1 + i] * fg_tensor_int(&e->in[i], 0);
        }
        ((int64_t *)e->out[0].data)[r] = x < least ? least : x < most ? x : most;
    }
}

void fg_ref_choose(const fg_eval *e) {
    const fg_tensor *x = &e->in[fg_tensor_int(&e->in[0], 0) != 0 ? 1 : 2];
    const int64_t n = fg_shape_count(&x->shape);
    e->out[0].shape = x->shape;
    for (int64_t i = 0; i < n; i++) {
        fg_copy_element(x->dtype, e->out[0].data, i, x->data, i);
    }
}

void fg_ref_same(const fg_eval *e) {
    fg_ref_copy(e);
}

static _Noreturn void beyond(const fg_eval *e, long long is, long long most) {
    fg_remedy(e->ctx, "give a larger bound with --bound, or smaller data with --input");
    fg_raise(e->ctx, FG_UNSUPPORTED, "'%s' is %lld in this run, and its bound is %lld", e->node->out[0]->name,
             is, most);
}

void fg_ref_at_most(const fg_eval *e) {
    const int64_t most = fg_attr_int(e->node, "most", 0), n = fg_shape_count(&e->in[0].shape);
    for (int64_t i = 0; i < n; i++) {
        const int64_t x = fg_tensor_int(&e->in[0], i);
        if (x < 0 || x > most) {
            beyond(e, (long long)x, (long long)most);
        }
    }
    fg_ref_copy(e);
}

void fg_ref_limit(const fg_eval *e) {
    const int64_t most = fg_attr_int(e->node, "most", 0),
                  extent = e->in[0].shape.dim[fg_attr_int(e->node, "axis", 0)];
    if (extent > most) {
        beyond(e, (long long)extent, (long long)most);
    }
    e->out[0].shape = e->in[0].shape;
    fg_ref_copy(e);
}

void fg_ref_cut(const fg_eval *e) {
    const fg_shape *x = &e->in[0].shape;
    const int64_t entry = fg_attr_int(e->node, "entry", 0), step = fg_attr_int(e->node, "step", 1);
    const int axis = (int)fg_attr_int(e->node, "axis", 0);
    int64_t start = fg_tensor_int(&e->in[1], entry), inner = 1, outer = 1;
    const int64_t count = fg_slice_extent(x->dim[axis], &start, fg_tensor_int(&e->in[2], entry), step);
    for (int d = 0; d < x->rank; d++) {
        *(d < axis ? &outer : &inner) *= d == axis ? 1 : x->dim[d];
    }
    e->out[0].shape = *x;
    e->out[0].shape.dim[axis] = count;
    for (int64_t o = 0; o < outer; o++) {
        for (int64_t j = 0; j < count; j++) {
            for (int64_t i = 0; i < inner; i++) {
                fg_copy_element(e->in[0].dtype, e->out[0].data, (o * count + j) * inner + i, e->in[0].data,
                                (o * x->dim[axis] + start + j * step) * inner + i);
            }
        }
    }
}
