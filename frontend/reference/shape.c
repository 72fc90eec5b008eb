#include "frontend/reference/shape.h"

#include <string.h>

#include "frontend/reference/access.h"
#include "frontend/reference/elements.h"

void fg_ref_constant(const fg_eval *e) {
    const fg_value *v = e->node->out[0];
    if (v->data == NULL) {
        fg_raise(e->ctx, FG_INTERNAL, "constants: inference has left no data");
    }
    memcpy(e->out[0].data, v->data, fg_dtype_bytes(v->dtype, fg_shape_count(&v->shape)));
}

void fg_ref_constant_of_shape(const fg_eval *e) {
    const fg_tensor *y = &e->out[0];
    const fg_attr *a = fg_node_attr(e->node, "value");
    if (a == NULL) {
        return;
    } /* float zeros: how the output was allocated */
    int64_t n = fg_shape_count(&y->shape);
    for (int64_t i = 0; i < n; i++) {
        fg_copy_element(y->dtype, y->data, i, a->tensor->data, 0);
    }
}

/* float16 and bfloat16 are computed in float, as stash_type asks; integers exactly. */
void fg_ref_range(const fg_eval *e) {
    fg_tensor y = e->out[0];
    int64_t n = fg_shape_count(&y.shape);
    if (!fg_dtype_get(y.dtype)->is_float) {
        int64_t start = fg_tensor_int(&e->in[0], 0), delta = fg_tensor_int(&e->in[2], 0);
        for (int64_t i = 0; i < n; i++) {
            fg_set_i64(&y, i, (int64_t)((uint64_t)start + (uint64_t)i * (uint64_t)delta));
        }
        return;
    }
    double start = fg_tensor_float(&e->in[0], 0), delta = fg_tensor_float(&e->in[2], 0);
    for (int64_t i = 0; i < n; i++) {
        fg_set_f64(&y, i, start + (double)i * delta);
    }
}

void fg_ref_eye_like(const fg_eval *e) {
    fg_tensor y = e->out[0];
    int64_t rows = y.shape.dim[0], columns = y.shape.dim[1];
    int64_t k = fg_attr_int(e->node, "k", 0);
    for (int64_t r = 0; r < rows; r++) {
        if (k > columns || k < -rows) {
            break;
        }
        int64_t c = r + k;
        if (c >= 0 && c < columns) {
            fg_set_f64(&y, r * columns + c, 1.0);
        }
    }
}
