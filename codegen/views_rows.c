/* Views of rows: a Gather by constant indices (windows, shifts and merged patches are such, see
 * fusion/rewrite_rows.c) costs nothing where the kernel before it writes each row to its place, or all
 * kernels behind it read each row where it is. */
#include <string.h>

#include "codegen/planner.h"
#include "frontend/frontend.h"
#include "fusion/rewrite.h"

#define MAX_VIEWS 4

/* Values of the same elements in the same order, one a Reshape of the next. */
typedef struct fg_same {
    fg_value *v[MAX_VIEWS];
    int kernel[MAX_VIEWS]; /* that makes v[i] from v[i + 1], or the other way round */
    int n;                 /* kernels; values are one more */
} fg_same;

static bool keeps_order(const fg_kernel *k) {
    static const char *const ops[] = {"Reshape", "Flatten", "Squeeze", "Unsqueeze"};
    for (size_t i = 0; fg_is_plain_copy(k) && i < FG_COUNT(ops); i++)
        if (strcmp(k->stage[0].anchor->op_type, ops[i]) == 0) return true;
    return false;
}

static bool is_row_gather(const fg_kernel *k) {
    const fg_node *n = k->stage[0].anchor;
    if (k->n_nodes != 1 || !n || strcmp(n->op_type, "Gather") != 0 || strcmp(k->lowering, "gather") != 0)
        return false;
    const fg_value *x = n->in[0], *at = n->in[1];
    return !x->data && !x->is_sequence && x->shape.rank == 2 && at->data && at->shape.rank == 1 &&
           fg_attr_int(n, "axis", 0) == 0 && !fg_dtype_is_packed(x->dtype) &&
           fg_shape_count(&x->shape) <= INT32_MAX && fg_shape_count(&n->out[0]->shape) > 0 &&
           fg_shape_count(&x->shape) > 0;
}

/* The rows that the Gather takes; NULL: one is outside. */
static int32_t *rows_of(const fg_planner *p, const fg_node *n) {
    const int64_t count = n->in[1]->shape.dim[0], rows = n->in[0]->shape.dim[0];
    int32_t *at = FG_ARRAY(p->ctx, count, int32_t);
    for (int64_t i = 0; i < count; i++) {
        int64_t row = fg_const_int(n->in[1], i);
        if (row < 0) row += rows;
        if (row < 0 || row >= rows) return NULL;
        at[i] = (int32_t)row;
    }
    return at;
}

/* Where each row goes; NULL: they are not all taken once. */
static int32_t *inverse(const fg_planner *p, const int32_t *at, int64_t count, int64_t rows) {
    int32_t *to = FG_ARRAY(p->ctx, rows, int32_t);
    return count == rows && fg_rw_row_places(at, rows, to) ? to : NULL;
}

static bool has_rows(const fg_planner *p, const fg_value *v, int64_t run) {
    const fg_place_plan *a = &p->values[v->id];
    for (int d = 0; d < FG_MAX_RANK; d++)
        if (a->before[d] | a->after[d]) return false;
    return a->order != FG_ORDER_LAST && v->shape.rank > 0 && v->shape.dim[v->shape.rank - 1] == run;
}

static void place_rows(fg_planner *p, const fg_same *s, fg_value *parent, const int32_t *rows, bool *gone) {
    for (int i = 0; i <= s->n; i++) {
        fg_place_plan *a = &p->values[s->v[i]->id];
        a->alias = FG_ALIAS_ROWS;
        a->parent = parent;
        a->row_of = rows;
        if (i < s->n) gone[s->kernel[i]] = true;
    }
    p->values[fg_root_of(p, parent)->id].viewed = true;
}

/* Where the Gather's result is wanted: itself, or the graph's output that it is reshaped to. */
static fg_value *result_of(const fg_planner *p, const fg_node *n, int *copy) {
    fg_value *y = n->out[0];
    *copy = -1;
    if (y->is_output || p->readers[y->id] != 1) return y;
    const int k = p->first_reader[y->id];
    if (!keeps_order(p->partition->kernels[k])) return y;
    fg_value *z = p->partition->kernels[k]->stage[0].anchor->out[0];
    if (!z->is_output) return y;
    *copy = k;
    return z;
}

static fg_same back_from(const fg_planner *p, fg_value *v) {
    fg_same s = {.v = {v}};
    for (int k = p->maker[v->id]; k >= 0 && s.n + 1 < MAX_VIEWS && keeps_order(p->partition->kernels[k]);) {
        s.kernel[s.n] = k;
        s.v[++s.n] = p->partition->kernels[k]->stage[0].anchor->in[0];
        k = p->maker[s.v[s.n]->id];
    }
    return s;
}

/* The kernel that makes what the Gather reads writes it where the Gather's result is. */
static bool try_scatter(fg_planner *p, const fg_node *n, const int32_t *at, bool *gone) {
    int copy;
    fg_value *y = result_of(p, n, &copy);
    const fg_same s = back_from(p, n->in[0]);
    for (int i = 0; i <= s.n; i++)
        if (!fg_may_move(p, s.v[i]) || p->readers[s.v[i]->id] != 1) return false;
    if (!p->values[s.v[s.n]->id].scatters || !has_rows(p, s.v[s.n], n->out[0]->shape.dim[1]) ||
        p->values[y->id].alias != FG_ALIAS_NONE || p->values[y->id].order == FG_ORDER_LAST)
        return false;
    const int32_t *rows = inverse(p, at, n->in[1]->shape.dim[0], n->in[0]->shape.dim[0]);
    if (!rows) return false;
    place_rows(p, &s, y, rows, gone);
    if (copy >= 0) gone[copy] = true;
    return true;
}

/* Dense, and so whatever becomes of it. */
static bool stays_dense(const fg_planner *p, const fg_value *v) {
    int64_t stride[FG_MAX_RANK], offset;
    const int maker = p->maker[v->id];
    const fg_kernel *k = maker >= 0 ? p->partition->kernels[maker] : NULL;
    if (p->values[v->id].alias != FG_ALIAS_NONE || v->data ||
        (k && fg_is_plain_copy(k) && strcmp(k->stage[0].anchor->op_type, "Concat") != 0))
        return false;
    fg_strides_to_be(p, v, stride, &offset);
    return fg_strides_are_dense(v, FG_ORDER_ROW, stride);
}

/* All kernels that read the Gather's result read what it reads. */
static bool try_gather(fg_planner *p, const fg_node *n, const int32_t *at, bool *gone) {
    fg_same s = {.v = {n->out[0]}};
    while (s.n + 1 < MAX_VIEWS && p->readers[s.v[s.n]->id] == 1) {
        const int k = p->first_reader[s.v[s.n]->id];
        if (!keeps_order(p->partition->kernels[k])) break;
        s.kernel[s.n] = k;
        s.v[s.n + 1] = p->partition->kernels[k]->stage[0].anchor->out[0];
        s.n++;
    }
    for (int i = 0; i <= s.n; i++)
        if (!fg_may_move(p, s.v[i])) return false;
    const fg_value *last = s.v[s.n];
    fg_value *x = n->in[0];
    for (int k = p->maker[x->id]; k >= 0 && keeps_order(p->partition->kernels[k]); k = p->maker[x->id])
        x = p->partition->kernels[k]->stage[0].anchor->in[0];
    if (p->readers[last->id] == 0 || p->values[last->id].gathered != p->readers[last->id] ||
        !has_rows(p, last, n->out[0]->shape.dim[1]) || !stays_dense(p, x))
        return false;
    place_rows(p, &s, x, at, gone);
    return true;
}

void fg_find_row_views(fg_planner *p, bool *gone) {
    for (int i = 0; i < p->partition->n_kernels; i++) {
        const fg_kernel *k = p->partition->kernels[i];
        const fg_node *n = k->stage[0].anchor;
        if (gone[i] || !is_row_gather(k)) continue;
        const int32_t *at = rows_of(p, n);
        gone[i] = at && (try_scatter(p, n, at, gone) || try_gather(p, n, at, gone));
    }
}
