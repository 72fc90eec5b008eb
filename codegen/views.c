/* Views: values that need no storage of their own, because they can be read, or written, where another one
 * lies. */
#include <string.h>

#include "codegen/planner.h"
#include "frontend/frontend.h"
#include "frontend/movement.h"

bool fg_is_interface(const fg_value *v) {
    return v->is_input || v->is_output;
}

/* Channel slices: channels innermost, pixels at any regular pitch. */
static bool strides_are_channel_slice(const fg_value *v, const int64_t *stride) {
    if (v->shape.rank < 3 || (v->shape.dim[1] != 1 && stride[1] != 1)) return false;
    int64_t pitch = 0;
    for (int d = v->shape.rank - 1; d >= 2; d--) {
        if (pitch && v->shape.dim[d] != 1 && stride[d] != pitch) return false;
        if (!pitch) pitch = stride[d];
        if (stride[d] <= 0) return false;
        pitch *= v->shape.dim[d];
    }
    return true;
}

void fg_strides_to_be(const fg_planner *p, const fg_value *v, int64_t *stride, int64_t *offset) {
    const fg_place_plan *a = &p->values[v->id];
    if (a->alias == FG_ALIAS_NONE || a->alias == FG_ALIAS_ROWS) {
        fg_order_strides(v, fg_is_interface(v) || v->data ? FG_ORDER_ROW : a->order, NULL, NULL, stride,
                         offset);
        return;
    }
    int64_t from[FG_MAX_RANK], start;
    fg_strides_to_be(p, a->parent, from, &start);
    if (a->alias == FG_ALIAS_PART) {
        memcpy(stride, from, sizeof(from));
        *offset = start + a->start * from[a->axis];
        return;
    }
    if (a->alias == FG_ALIAS_SOURCE)
        fg_movement_source(a->mover, from, start, stride, offset);
    else
        fg_movement_view(a->mover, a->mover_output, from, start, stride, offset);
}

static bool is_dense(const fg_value *v, int d, const int64_t *stride) {
    return d < 0 || d >= v->shape.rank || v->shape.dim[d] == 1 || stride[d] == 1;
}

/* All kernels that read v take it at these strides. */
static bool read_strided(const fg_planner *p, const fg_value *v, const int64_t *stride) {
    const fg_place_plan *a = &p->values[v->id];
    const int readers = p->readers[v->id], rows = is_dense(v, v->shape.rank - 1, stride) ? a->rows : 0;
    return readers > 0 && a->strided + rows == readers;
}

static bool view_suits(const fg_planner *p, const fg_value *v, const int64_t *stride, int64_t offset) {
    /* Packed elements have no address. */
    if (fg_dtype_is_packed(v->dtype)) return offset == 0 && fg_strides_are_dense(v, FG_ORDER_ROW, stride);
    for (int d = 0; d < v->shape.rank; d++)
        if (stride[d] < 0 || (stride[d] == 0 && v->shape.dim[d] != 1)) return false;
    if (read_strided(p, v, stride)) return true;
    switch (p->values[v->id].order) {
    case FG_ORDER_LAST: return strides_are_channel_slice(v, stride);
    case FG_ORDER_ROW: return fg_strides_are_dense(v, FG_ORDER_ROW, stride);
    default: return fg_strides_are_dense(v, FG_ORDER_ROW, stride) || strides_are_channel_slice(v, stride);
    }
}

bool fg_is_plain_copy(const fg_kernel *k) {
    return strcmp(k->lowering, "copy") == 0 && k->n_stages == 1 && k->stage[0].n_epilogue == 0 &&
           k->n_prologue == 0 && k->n_nodes == 1;
}

/* A movement kernel whose results can all be read where they are. */
static bool try_movement_view(fg_planner *p, fg_kernel *k) {
    const fg_node *n = k->stage[0].anchor;
    fg_value *x = n->in[0];
    if (x->data || x->is_sequence) return false;
    int64_t from[FG_MAX_RANK], start, stride[FG_MAX_RANK], offset;
    fg_strides_to_be(p, x, from, &start);
    for (int i = 0; i < n->n_out; i++) {
        const fg_value *y = n->out[i];
        if (!y || (y->n_users == 0 && !y->is_output)) continue;
        if (y->is_output || p->values[y->id].alias != FG_ALIAS_NONE) return false;
        if (!fg_movement_view(n, i, from, start, stride, &offset) || !view_suits(p, y, stride, offset))
            return false;
    }
    for (int i = 0; i < n->n_out; i++) {
        if (!n->out[i]) continue;
        fg_place_plan *a = &p->values[n->out[i]->id];
        a->alias = FG_ALIAS_MOVEMENT;
        a->parent = x;
        a->mover = n;
        a->mover_output = i;
    }
    p->values[fg_root_of(p, x)->id].viewed = true;
    return true;
}

/* ---- values that lie where their reader's result will be ---- */

#define MAX_MOVES 8

/* Movement kernels one after the other, last first: from v, which the last of them reads. */
typedef struct fg_moves {
    int kernel[MAX_MOVES], n;
    fg_value *v;
} fg_moves;

bool fg_may_move(const fg_planner *p, const fg_value *v) {
    const fg_place_plan *a = &p->values[v->id];
    return !fg_is_interface(v) && !v->data && !v->is_sequence && !fg_dtype_is_packed(v->dtype) &&
           a->alias == FG_ALIAS_NONE && !a->viewed;
}

static bool moves_all(const fg_kernel *k) {
    static const int64_t dense[FG_MAX_RANK];
    int64_t stride[FG_MAX_RANK], offset;
    const fg_node *n = k->stage[0].anchor;
    return fg_is_plain_copy(k) && n->n_out == 1 && n->in[0] &&
           fg_movement_source(n, dense, 0, stride, &offset);
}

/* The movement kernels that end with kernel i, back to a value that a kernel of another kind makes. */
static fg_moves moves_before(const fg_planner *p, int i) {
    fg_moves m = {.n = 0};
    while (i >= 0 && m.n < MAX_MOVES && moves_all(p->partition->kernels[i])) {
        m.kernel[m.n++] = i;
        m.v = p->partition->kernels[i]->stage[0].anchor->in[0];
        i = p->maker[m.v->id];
        if (!fg_may_move(p, m.v) || p->readers[m.v->id] != 1) break;
    }
    return m;
}

static const fg_node *mover_of(const fg_planner *p, const fg_moves *m, int i) {
    return p->partition->kernels[m->kernel[i]]->stage[0].anchor;
}

/* The result can be read where v is, so that nothing needs to be written elsewhere. */
static bool can_be_read(const fg_planner *p, const fg_moves *m, const fg_value *y) {
    int64_t stride[FG_MAX_RANK], next[FG_MAX_RANK], offset;
    const fg_place_plan *a = &p->values[y->id];
    if (y->is_output || a->alias != FG_ALIAS_NONE) return false;
    for (int d = 0; d < FG_MAX_RANK; d++)
        if (a->before[d] | a->after[d]) return false;
    fg_strides_to_be(p, m->v, stride, &offset);
    for (int i = m->n; i-- > 0;) {
        if (!fg_movement_view(mover_of(p, m, i), 0, stride, offset, next, &offset)) return false;
        memcpy(stride, next, sizeof(stride));
    }
    return view_suits(p, y, stride, offset);
}

/* v's strides and offset if it lies where y is; only_transposed: whatever border y gets. */
static bool source_strides(const fg_planner *p, const fg_moves *m, const fg_value *y, int64_t *stride,
                           bool *only_transposed) {
    int64_t next[FG_MAX_RANK], offset;
    fg_strides_to_be(p, y, stride, &offset);
    *only_transposed = true;
    for (int i = 0; i < m->n; i++) {
        const fg_node *n = mover_of(p, m, i);
        if (!fg_movement_source(n, stride, offset, next, &offset)) return false;
        memcpy(stride, next, sizeof(next));
        *only_transposed = *only_transposed && strcmp(n->op_type, "Transpose") == 0;
    }
    return true;
}

static bool writer_suits(const fg_planner *p, const fg_value *v, const int64_t *stride) {
    const fg_place_plan *a = &p->values[v->id];
    if (!a->given || !fg_may_move(p, v)) return false;
    for (int d = 0; d < FG_MAX_RANK; d++)
        if (a->before[d] | a->after[d]) return false;
    if (!is_dense(v, a->dense, stride)) return false;
    return p->readers[v->id] == 1 || view_suits(p, v, stride, 0);
}

/* A kernel may write its result where movement operators would bring it. True if the movement kernels that
 * end with kernel i have nothing left to do; they are marked in `gone`. */
static void try_movement_source(fg_planner *p, int last, bool *gone) {
    const fg_moves m = moves_before(p, last);
    if (m.n == 0) return;
    fg_value *y = mover_of(p, &m, 0)->out[0];
    int64_t stride[FG_MAX_RANK];
    bool only_transposed;
    if (y->is_input || y->data || can_be_read(p, &m, y)) return;
    if (!source_strides(p, &m, y, stride, &only_transposed) || !writer_suits(p, m.v, stride)) return;
    for (int i = 0; i < m.n; i++) {
        const fg_node *n = mover_of(p, &m, i);
        fg_place_plan *a = &p->values[n->in[0]->id];
        a->alias = FG_ALIAS_SOURCE;
        a->parent = n->out[0];
        a->mover = n;
        gone[m.kernel[i]] = true;
    }
    if (!only_transposed) p->values[fg_root_of(p, y)->id].viewed = true;
}

/* ---- concatenations ---- */

static bool may_be_part(const fg_planner *p, const fg_value *v, const fg_value *whole) {
    const fg_place_plan *a = &p->values[v->id], *w = &p->values[whole->id];
    if (fg_is_interface(v) || v->data || a->alias != FG_ALIAS_NONE || !v->producer || a->viewed) return false;
    if (fg_dtype_is_packed(v->dtype)) return false;
    if (whole->is_output && a->must_last && !fg_orders_agree(v)) return false;
    const fg_order order = whole->is_output ? FG_ORDER_ROW : w->order;
    return a->order == FG_ORDER_ANY || a->order == order ||
           (order == FG_ORDER_ANY && a->order == FG_ORDER_ROW);
}

static int uses_in(const fg_node *n, const fg_value *v) {
    int uses = 0;
    for (int i = 0; i < n->n_in; i++) uses += n->in[i] == v;
    return uses;
}

/* Parts of a concatenation are written in place. True if nothing is left to copy. */
static bool try_concat(fg_planner *p, fg_kernel *k) {
    const fg_node *n = k->stage[0].anchor;
    fg_value *whole = n->out[0];
    const int axis = fg_axis(p->ctx, n, fg_attr_int(n, "axis", 0), whole->shape.rank);
    /* All parts lie already side by side in a larger concatenation (as in densely connected blocks): so does
     * this one. */
    fg_place_plan *w = &p->values[whole->id];
    const fg_place_plan *a0 = n->in[0] ? &p->values[n->in[0]->id] : NULL;
    bool inside = a0 && a0->alias == FG_ALIAS_PART && a0->axis == axis && !fg_is_interface(whole) &&
                  w->alias == FG_ALIAS_NONE && w->order != FG_ORDER_ROW;
    int64_t at = a0 ? a0->start : 0;
    for (int i = 0; inside && i < n->n_in; i++) {
        const fg_place_plan *a = &p->values[n->in[i]->id];
        inside = a->alias == FG_ALIAS_PART && a->parent == a0->parent && a->axis == axis && a->start == at;
        at += n->in[i]->shape.dim[axis];
    }
    if (inside) {
        w->alias = FG_ALIAS_PART;
        w->parent = a0->parent;
        w->axis = axis;
        w->start = a0->start;
        return true;
    }
    int left = 0;
    at = 0;
    for (int i = 0; i < n->n_in; i++) {
        fg_value *v = n->in[i];
        if (may_be_part(p, v, whole) && uses_in(n, v) == 1) {
            fg_place_plan *a = &p->values[v->id];
            a->order = whole->is_output ? FG_ORDER_ROW : w->order;
            a->alias = FG_ALIAS_PART;
            a->parent = whole;
            a->axis = axis;
            a->start = at;
        } else if (fg_shape_count(&v->shape) > 0) {
            left++;
        }
        at += v->shape.dim[axis];
    }
    return left == 0;
}

/* The nodes of a kernel that vanished join a neighbour, so that reports still account for them: the one that
 * reads its result, else the one that makes its operand. */
static void absorb(fg_planner *p, const fg_kernel *gone) {
    int reader = p->partition->n_kernels, made = -1;
    for (int i = 0; i < gone->n_out; i++) {
        const int first = p->first_reader[gone->out[i]->id];
        if (first >= 0 && first < reader) reader = first;
    }
    for (int i = 0; i < gone->n_in; i++)
        if (p->maker[gone->in[i]->id] > made) made = p->maker[gone->in[i]->id];
    const bool before = reader < p->partition->n_kernels;
    fg_kernel *host = before ? p->partition->kernels[reader] : made >= 0 ? p->partition->kernels[made] : NULL;
    if (!host) return;
    const int own = host->n_nodes, more = gone->n_nodes;
    fg_node **nodes = FG_ARRAY(p->ctx, own + more, fg_node *);
    memcpy(nodes + (before ? more : 0), host->nodes, (size_t)own * sizeof(*nodes));
    memcpy(nodes + (before ? 0 : own), gone->nodes, (size_t)more * sizeof(*nodes));
    host->nodes = nodes;
    host->n_nodes += more;
}

/* Who makes and reads what. */
static void index_values(fg_planner *p) {
    const fg_partition *t = p->partition;
    p->readers = FG_ARRAY(p->ctx, p->n_values + 1, int);
    p->maker = FG_ARRAY(p->ctx, p->n_values + 1, int);
    p->first_reader = FG_ARRAY(p->ctx, p->n_values + 1, int);
    for (int i = 0; i < p->n_values; i++) p->maker[i] = p->first_reader[i] = -1;
    for (int i = 0; i < t->n_kernels; i++) {
        const fg_kernel *k = t->kernels[i];
        for (int j = 0; j < k->n_out; j++) p->maker[k->out[j]->id] = i;
        for (int j = 0; j < k->n_in; j++) {
            const int id = k->in[j]->id;
            p->readers[id]++;
            if (p->first_reader[id] < 0) p->first_reader[id] = i;
        }
    }
}

void fg_find_views(fg_planner *p) {
    fg_partition *t = p->partition;
    index_values(p);
    bool *gone = FG_ARRAY(p->ctx, t->n_kernels + 1, bool);
    for (int i = t->n_kernels - 1; i >= 0; i--) {
        fg_kernel *k = t->kernels[i];
        if (fg_is_plain_copy(k) && strcmp(k->stage[0].anchor->op_type, "Concat") == 0)
            gone[i] = try_concat(p, k);
    }
    fg_find_row_views(p, gone);
    for (int i = t->n_kernels - 1; i >= 0; i--)
        if (!gone[i]) try_movement_source(p, i, gone);
    for (int i = 0; i < t->n_kernels; i++) {
        fg_kernel *k = t->kernels[i];
        if (!gone[i] && fg_is_plain_copy(k) && strcmp(k->stage[0].anchor->op_type, "Concat") != 0)
            gone[i] = try_movement_view(p, k);
    }
    int kept = 0;
    for (int i = 0; i < t->n_kernels; i++)
        if (gone[i]) absorb(p, t->kernels[i]);
    for (int i = 0; i < t->n_kernels; i++)
        if (!gone[i]) t->kernels[kept++] = t->kernels[i];
    t->n_kernels = kept;
    for (int i = 0; i < kept; i++) t->kernels[i]->index = i;
}
