/* Chains of movement that keep rows whole (windows of an image, their shifts, the merging of patches) become
 * one Gather of rows between two Reshapes:
 *
 *   Slice, Concat, Split, Transpose, Reshape, ... of one x  -> Reshape(Gather(Reshape(x, [rows, run]), at))
 *
 * A row is x's last dimension. Chains that strides can express are left to the views of codegen, which cost
 * nothing; and only what products and normalisations make is looked at, as tensors of images are laid out
 * channels-last. */
#include "fusion/rewrite.h"

#include "frontend/movement.h"
#include "fusion/classes.h"

#include <string.h>

enum {
    MOST_NODES = 32, /* of a chain */
    MOST_USERS = 8,  /* of a value inside it */
    MOST_STEPS = 12, /* back to what made x */
    LEAST_RUN = 8    /* elements of a row, which the chain's table spends 4 bytes on */
};
static const int64_t most_rows = 1 << 22;

typedef struct fg_rows {
    fg_rewriter *rw;
    fg_node *node[MOST_NODES]; /* the last of the chain first */
    int32_t *at[MOST_NODES];   /* of each node's result that was asked for last: the row of x at each place */
    int n;
    fg_value *x;
    int64_t run;
} fg_rows;

static bool is_movement(const fg_node *n) {
    return fg_is_one_of(n, "Reshape Transpose Concat Slice Split Squeeze Unsqueeze Flatten Identity");
}

static int position(const fg_rows *c, const fg_node *n) {
    for (int i = 0; i < c->n; i++) {
        if (c->node[i] == n) {
            return i;
        }
    }
    return -1;
}

/* ---- the chain ---- */

/* All that reads v belongs to the chain. */
static bool is_inside(const fg_rows *c, const fg_value *v) {
    fg_node *users[MOST_USERS];
    const int n = fg_rw_users(c->rw, v, users, MOST_USERS);
    for (int i = 0; i < n; i++) {
        if (position(c, users[i]) < 0) {
            return false;
        }
    }
    return n > 0;
}

static bool may_join(const fg_rows *c, const fg_node *n) {
    if (n == NULL || !is_movement(n) || position(c, n) >= 0 || c->n == MOST_NODES) {
        return false;
    }
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i] != NULL && fg_rw_use_count(c->rw, n->out[i]) > 0 && !is_inside(c, n->out[i])) {
            return false;
        }
    }
    return true;
}

static int data_operands(const fg_node *n) {
    return fg_is_op(n, "Concat") ? n->n_in : 1;
}

/* Backwards from its last node until nothing more belongs to it: a node of several readers joins when the
 * last of them has. */
static void grow(fg_rows *c) {
    for (bool grown = true; grown;) {
        grown = false;
        for (int i = 0; i < c->n; i++) {
            for (int k = 0; k < data_operands(c->node[i]); k++) {
                fg_node *before = c->node[i]->in[k] != NULL ? c->node[i]->in[k]->producer : NULL;
                if (may_join(c, before)) {
                    c->node[c->n++] = before;
                    grown = true;
                }
            }
        }
    }
}

/* The one value that all of the chain comes from; NULL: there is no such. */
static fg_value *source_of(const fg_rows *c) {
    fg_value *x = NULL;
    for (int i = 0; i < c->n; i++) {
        for (int k = 0; k < data_operands(c->node[i]); k++) {
            fg_value *v = c->node[i]->in[k];
            if (v == NULL || v->is_sequence || (x != NULL && x != v && position(c, v->producer) < 0)) {
                return NULL;
            }
            if (position(c, v->producer) < 0) {
                x = v;
            }
        }
    }
    return x;
}

/* A product or a normalisation makes v, through elementwise nodes and views of rows. */
static bool is_made_in_rows(const fg_value *v) {
    for (int step = 0; step < MOST_STEPS && v != NULL; step++) {
        const fg_node *n = v->producer;
        if (fg_is_one_of(n, "MatMul Gemm LayerNormalization RMSNormalization")) {
            return true;
        }
        if (n == NULL || (!fg_is_one_of(n, "Reshape Gather") && !fg_is_elementwise(n))) {
            return false;
        }
        const fg_value *next = n->in[0];
        for (int i = 0; i < n->n_in && fg_is_elementwise(n); i++) {
            const fg_value *a = n->in[i];
            const bool main = a->data == NULL && fg_shape_equal(&a->shape, &v->shape);
            next = main && (next->data != NULL || fg_is_one_of(a->producer, "MatMul Gemm Add")) ? a : next;
        }
        v = next;
    }
    return false;
}

/* ---- which row comes to which place ---- */

static const int32_t *rows_of(fg_rows *c, const fg_value *v);

static bool divides(const fg_rows *c, const fg_shape *s) {
    return s->rank > 0 && s->dim[s->rank - 1] % c->run == 0;
}

static bool next_index(const fg_shape *s, int64_t run, int64_t *index) {
    for (int d = s->rank - 1; d >= 0; d--) {
        index[d] += d == s->rank - 1 ? run : 1;
        if (index[d] < s->dim[d]) {
            return true;
        }
        index[d] = 0;
    }
    return false;
}

static bool follow_view(const fg_rows *c, const fg_node *n, int output, const int32_t *from, int32_t *at) {
    const fg_shape *in = &n->in[0]->shape, *out = &n->out[output]->shape;
    int64_t dense[FG_MAX_RANK], stride[FG_MAX_RANK], index[FG_MAX_RANK] = {0}, offset, step = 1;
    for (int d = in->rank - 1; d >= 0; d--) {
        dense[d] = step;
        step *= in->dim[d];
    }
    if (!fg_movement_view(n, output, dense, 0, stride, &offset) || stride[out->rank - 1] != 1) {
        return false;
    }
    do {
        int64_t i = offset;
        for (int d = 0; d < out->rank; d++) {
            i += index[d] * stride[d];
        }
        if (i % c->run != 0) {
            return false;
        }
        *at++ = from[i / c->run];
    } while (next_index(out, c->run, index));
    return true;
}

static bool follow_concat(fg_rows *c, const fg_node *n, int32_t *at) {
    const fg_shape *out = &n->out[0]->shape;
    const int axis = fg_axis(c->rw->ctx, n, fg_attr_int(n, "axis", 0), out->rank);
    int64_t outer = 1, whole = 1;
    for (int d = 0; d < out->rank; d++) {
        *(d < axis ? &outer : &whole) *= out->dim[d];
    }
    int64_t start = 0;
    for (int k = 0; k < n->n_in; k++) {
        const int32_t *from = rows_of(c, n->in[k]);
        if (from == NULL) {
            return false;
        }
        const int64_t part = whole / out->dim[axis] * n->in[k]->shape.dim[axis] / c->run;
        for (int64_t i = 0; i < outer; i++) {
            memcpy(at + i * (whole / c->run) + start, from + i * part, (size_t)part * sizeof *at);
        }
        start += part;
    }
    return true;
}

/* NULL: rows are torn, or an operand is not constant. Recursion is as deep as the chain is long. */
static const int32_t *rows_of(fg_rows *c, const fg_value *v) {
    const int64_t count = fg_shape_count(&v->shape) / c->run;
    const int i = position(c, v->producer);
    if (!divides(c, &v->shape)) {
        return NULL;
    }
    if (i >= 0 && c->at[i] != NULL && c->node[i]->n_out == 1) {
        return c->at[i];
    }
    int32_t *at = FG_ARRAY(c->rw->ctx, count, int32_t);
    if (i < 0) {
        for (int64_t k = 0; k < count; k++) {
            at[k] = (int32_t)k;
        }
        return at;
    }
    const fg_node *n = c->node[i];
    int output = 0;
    while (n->out[output] != v) {
        output++;
    }
    if (fg_is_op(n, "Concat")) {
        return follow_concat(c, n, at) ? c->at[i] = at : NULL;
    }
    const int32_t *from = rows_of(c, n->in[0]);
    return from != NULL && follow_view(c, n, output, from, at) ? c->at[i] = at : NULL;
}

/* at, over the places of `to` in units of rows, is a sum of strides: a view can do it. */
static bool is_affine(const fg_shape *to, int64_t run, const int32_t *at) {
    int64_t index[FG_MAX_RANK] = {0}, stride[FG_MAX_RANK] = {0}, step = 1;
    for (int d = to->rank - 1; d >= 0; d--) {
        const int64_t extent = d == to->rank - 1 ? to->dim[d] / run : to->dim[d];
        stride[d] = extent > 1 ? at[step] - at[0] : 0;
        step *= extent;
    }
    const int32_t first = *at;
    do {
        int64_t i = first;
        for (int d = 0; d < to->rank; d++) {
            i += stride[d] * (d == to->rank - 1 ? index[d] / run : index[d]);
        }
        if (*at++ != i) {
            return false;
        }
    } while (next_index(to, run, index));
    return true;
}

bool fg_rw_row_places(const int32_t *at, int64_t n, int32_t *place) {
    for (int64_t i = 0; i < n; i++) {
        place[i] = -1;
    }
    for (int64_t i = 0; i < n; i++) {
        if (at[i] < 0 || at[i] >= n || place[at[i]] >= 0) {
            return false;
        }
        place[at[i]] = (int32_t)i;
    }
    return true;
}

/* Either side of the chain can walk it by strides. */
static bool is_view(const fg_rows *c, const fg_value *y, const int32_t *at) {
    const int64_t n = fg_shape_count(&y->shape) / c->run;
    if (is_affine(&y->shape, c->run, at)) {
        return true;
    }
    if (fg_shape_count(&c->x->shape) / c->run != n) {
        return false;
    }
    int32_t *place = FG_ARRAY(c->rw->ctx, n, int32_t);
    return fg_rw_row_places(at, n, place) && is_affine(&c->x->shape, c->run, place);
}

/* ---- the rewrite ---- */

static bool is_last(fg_rewriter *rw, const fg_node *n) {
    fg_node *users[MOST_USERS];
    const fg_value *y = n->n_out == 1 ? n->out[0] : NULL;
    if (y == NULL || !fg_is_float32(y) || fg_shape_count(&y->shape) == 0 || y->shape.rank == 0) {
        return false;
    }
    const int count = fg_rw_users(rw, y, users, MOST_USERS);
    for (int i = 0; i < count; i++) {
        if (!is_movement(users[i])) {
            return true;
        }
    }
    return count < 0;
}

static fg_value *as_rows(fg_rows *c, fg_node *n, int64_t rows) {
    const fg_shape shape = {.rank = 2, .dim = {rows, c->run}};
    if (fg_shape_equal(&c->x->shape, &shape)) {
        return c->x;
    }
    fg_value *in[2] = {c->x,
                       fg_rw_const_ints(c->rw, fg_format(c->rw->ctx, "%s/rows", c->x->name), 2, shape.dim)};
    return fg_rw_insert(c->rw, n, "Reshape", 14, 2, in, &shape)->out[0];
}

fg_node *fg_rw_gather_rows(fg_rewriter *rw, fg_node *before, fg_value *x, const int32_t *at, int64_t n) {
    const fg_shape list = {.rank = 1, .dim = {n}}, shape = {.rank = 2, .dim = {n, x->shape.dim[1]}};
    fg_value *in[2] = {x, fg_graph_const(rw->g, fg_format(rw->ctx, "%s/at", x->name), FG_INT32, &list, at)};
    return fg_rw_insert(rw, before, "Gather", 13, 2, in, &shape);
}

static void replace(fg_rows *c, fg_node *n, const int32_t *at) {
    const int64_t rows = fg_shape_count(&c->x->shape) / c->run,
                  places = fg_shape_count(&n->out[0]->shape) / c->run;
    fg_node *gather = fg_rw_gather_rows(c->rw, n, as_rows(c, n, rows), at, places);
    for (int i = 1; i < c->n; i++) {
        fg_rw_cover(c->rw, gather, c->node[i]);
    }
    fg_rw_become_reshape(c->rw, n, gather->out[0]);
    for (int i = 1; i < c->n; i++) {
        if (!fg_rw_dead(c->node[i])) {
            fg_rw_remove(c->rw, c->node[i]);
        }
    }
}

bool fg_rw_rows(fg_rewriter *rw, fg_node *n) {
    if (!is_last(rw, n) || fg_op_find("", "Gather", 13) == NULL || fg_op_find("", "Reshape", 14) == NULL) {
        return false;
    }
    fg_rows c = {.rw = rw, .node = {n}, .n = 1};
    grow(&c);
    c.x = c.n > 1 ? source_of(&c) : NULL;
    if (c.x == NULL || c.x->data != NULL || c.x->shape.rank < 2 || !is_made_in_rows(c.x)) {
        return false;
    }
    c.run = c.x->shape.dim[c.x->shape.rank - 1];
    if (c.run < LEAST_RUN || fg_shape_count(&c.x->shape) / c.run > most_rows ||
        fg_shape_count(&n->out[0]->shape) / c.run > most_rows) {
        return false;
    }
    const int32_t *at = rows_of(&c, n->out[0]);
    if (at == NULL || is_view(&c, n->out[0], at)) {
        return false;
    }
    replace(&c, n, at);
    return true;
}
