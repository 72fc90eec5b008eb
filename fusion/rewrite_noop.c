/* Nodes that hand on their first operand: removed, and their covers given to a neighbour.
 *
 *   Identity; Dropout when inferring; Reshape, Expand, Tile, Squeeze, ... to the shape that is there; Cast to
 * the same type; Transpose that moves only extents of 1 past each other; Slice of everything; Pad by nothing;
 * pools over single elements; x * 1, x / 1, x + 0, x - 0; Concat, Sum, Max, Min, Mean of one operand.
 */
#include "fusion/rewrite.h"

#include <string.h>

static bool same_type_and_shape(const fg_value *a, const fg_value *b) {
    return a != NULL && b != NULL && a->dtype == b->dtype && fg_shape_equal(&a->shape, &b->shape);
}

static bool hand_on(fg_rewriter *rw, fg_node *n, fg_value *x) {
    return x != NULL && !x->is_sequence && same_type_and_shape(x, n->out[0]) && fg_rw_bypass(rw, n, x);
}

bool fg_rw_identity(fg_rewriter *rw, fg_node *n) {
    return hand_on(rw, n, n->in[0]);
}

/* The mask, if asked for, keeps the node; so does training with a ratio that is not a constant 0. */
bool fg_rw_dropout(fg_rewriter *rw, fg_node *n) {
    for (int i = 1; i < n->n_out; i++) {
        if (n->out[i] != NULL && (fg_rw_use_count(rw, n->out[i]) > 0 || n->out[i]->is_output)) {
            return false;
        }
    }
    const fg_value *ratio = n->n_in > 1 ? n->in[1] : NULL, *training = n->n_in > 2 ? n->in[2] : NULL;
    bool infers = training == NULL || (training->data != NULL && fg_const_int(training, 0) == 0);
    bool drops_nothing = ratio != NULL && ratio->data != NULL && fg_const_float(ratio, 0) == 0;
    return (infers || drops_nothing) && hand_on(rw, n, n->in[0]);
}

/* Operators that move nothing when the shape stays: the elements keep their row-major order. */
bool fg_rw_same_shape(fg_rewriter *rw, fg_node *n) {
    return hand_on(rw, n, n->in[0]);
}

/* What becomes of a CastLike need not wait for the operand that it only takes the type of. */
bool fg_rw_noop_cast(fg_rewriter *rw, fg_node *n) {
    if (hand_on(rw, n, n->in[0])) {
        return true;
    }
    if (!fg_is_op(n, "CastLike") || n->n_attr > 0) {
        return false;
    }
    fg_value *x = n->in[0];
    fg_rw_rebuild(rw, n, "Cast", 13, 1, &x);
    fg_rw_attr_int(rw, n, "to", n->out[0]->dtype);
    return true;
}

bool fg_rw_noop_transpose(fg_rewriter *rw, fg_node *n) {
    int64_t perm[FG_MAX_RANK];
    int rank = n->in[0]->shape.rank;
    if (fg_attr_ints(rw->ctx, n, "perm", FG_MAX_RANK, perm) != rank) {
        return false;
    }
    int64_t last = -1;
    for (int i = 0; i < rank; i++) {
        if (n->in[0]->shape.dim[perm[i]] == 1) {
            continue;
        }
        if (perm[i] < last) {
            return false;
        }
        last = perm[i];
    }
    return hand_on(rw, n, n->in[0]);
}

static bool all_const(const fg_node *n, int from) {
    for (int i = from; i < n->n_in; i++) {
        if (n->in[i] != NULL && n->in[i]->data == NULL) {
            return false;
        }
    }
    return true;
}

/* A step of -1 keeps the shape and reverses: only steps of 1 will do. */
bool fg_rw_noop_slice(fg_rewriter *rw, fg_node *n) {
    const fg_value *steps = n->n_in > 4 ? n->in[4] : NULL;
    if (!all_const(n, 1)) {
        return false;
    }
    for (int64_t i = 0; steps != NULL && i < fg_shape_count(&steps->shape); i++) {
        if (fg_const_int(steps, i) != 1) {
            return false;
        }
    }
    return hand_on(rw, n, n->in[0]);
}

/* +1 before and -1 behind keep the shape and shift: all pads must be 0. */
bool fg_rw_noop_pad(fg_rewriter *rw, fg_node *n) {
    int64_t pads[2 * FG_MAX_RANK];
    if (n->n_in > 1 && !fg_is_const(n->in[1])) {
        return false;
    }
    int count = fg_operand_ints(rw->ctx, n, 1, "pads", 2 * FG_MAX_RANK, pads);
    for (int i = 0; i < count; i++) {
        if (pads[i] != 0) {
            return false;
        }
    }
    return count >= 0 && hand_on(rw, n, n->in[0]);
}

static bool all_equal(fg_rewriter *rw, const fg_node *n, const char *attr, int64_t value) {
    int64_t v[2 * FG_MAX_RANK];
    int count = fg_attr_ints(rw->ctx, n, attr, 2 * FG_MAX_RANK, v);
    for (int i = 0; i < count; i++) {
        if (v[i] != value) {
            return false;
        }
    }
    return true;
}

bool fg_rw_noop_pool(fg_rewriter *rw, fg_node *n) {
    if (n->n_out > 1 && n->out[1] != NULL) {
        return false;
    }
    bool single = fg_node_attr(n, "kernel_shape") != NULL && all_equal(rw, n, "kernel_shape", 1);
    return single && all_equal(rw, n, "strides", 1) && all_equal(rw, n, "pads", 0) &&
           hand_on(rw, n, n->in[0]);
}

bool fg_rw_neutral(fg_rewriter *rw, fg_node *n) {
    double c;
    double neutral = fg_is_one_of(n, "Mul Div") ? 1 : 0;
    if (n->n_in != 2) {
        return false;
    }
    if (fg_is_scalar(n->in[1], &c) && c == neutral) {
        return hand_on(rw, n, n->in[0]);
    }
    bool commutes = fg_is_one_of(n, "Mul Add");
    return commutes && fg_is_scalar(n->in[0], &c) && c == neutral && hand_on(rw, n, n->in[1]);
}

bool fg_rw_single_operand(fg_rewriter *rw, fg_node *n) {
    return n->n_in == 1 && hand_on(rw, n, n->in[0]);
}

bool fg_rw_sum_of_two(fg_rewriter *rw, fg_node *n) {
    if (n->n_in != 2 || fg_op_find("", "Add", 14) == NULL) {
        return false;
    }
    fg_value *in[2] = {n->in[0], n->in[1]};
    fg_rw_rebuild(rw, n, "Add", 14, 2, in);
    return true;
}
