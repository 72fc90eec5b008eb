/* The layout pass: where the elements of every value lie.
 *
 * Inside, tensors of rank 3 and more that a convolution or pool touches are channels-last; everything else
 * follows or stays row-major. A layout is nothing but strides, so a movement operator whose result can be
 * read in place (a Slice along channels, a Flatten of a 1x1 map, a Transpose that only undoes the layout)
 * becomes a view and costs nothing, and the parts of a concatenation are written where they belong by the
 * kernels that make them. */
#include <string.h>

#include "codegen/planner.h"
#include "frontend/frontend.h"
#include "frontend/movement.h"

void fg_want_channels_last(fg_planner *p, fg_value *v, bool must) {
    if (v->shape.rank < 3 || v->data || fg_dtype_is_packed(v->dtype)) return;
    p->values[v->id].order = FG_ORDER_LAST;
    if (must) p->values[v->id].must_last = true;
}

void fg_want_row_major(fg_planner *p, fg_value *v) {
    if (p->values[v->id].order == FG_ORDER_ANY) p->values[v->id].order = FG_ORDER_ROW;
}

void fg_take_strided(fg_planner *p, fg_value *v) {
    p->values[v->id].strided++;
}

void fg_take_rows(fg_planner *p, fg_value *v) {
    p->values[v->id].rows++;
}

void fg_give_strided(fg_planner *p, fg_value *v, int dense) {
    p->values[v->id].given = true;
    p->values[v->id].dense = dense;
}

void fg_scatter_rows(fg_planner *p, fg_value *v) {
    p->values[v->id].scatters = true;
}

void fg_gather_rows(fg_planner *p, fg_value *v) {
    p->values[v->id].gathered++;
}

void fg_want_border(fg_planner *p, fg_value *v, int dim, int64_t before, int64_t after) {
    fg_place_plan *a = &p->values[v->id];
    if (before > a->before[dim]) a->before[dim] = before;
    if (after > a->after[dim]) a->after[dim] = after;
}

fg_value *fg_root_of(const fg_planner *p, fg_value *v) {
    while (p->values[v->id].alias != FG_ALIAS_NONE) v = p->values[v->id].parent;
    return v;
}

static const int64_t no_border[FG_MAX_RANK];

int64_t fg_order_strides(const fg_value *v, fg_order order, const int64_t *before, const int64_t *after,
                         int64_t *stride, int64_t *offset) {
    if (!before) before = no_border;
    if (!after) after = no_border;
    int sequence[FG_MAX_RANK], n = 0; /* dimensions from the innermost outwards */
    const int rank = v->shape.rank;
    if (order == FG_ORDER_LAST && rank >= 3) {
        sequence[n++] = 1;
        for (int d = rank - 1; d >= 2; d--) sequence[n++] = d;
        sequence[n++] = 0;
    } else {
        for (int d = rank - 1; d >= 0; d--) sequence[n++] = d;
    }
    int64_t step = 1;
    *offset = 0;
    for (int i = 0; i < n; i++) {
        const int d = sequence[i];
        stride[d] = step;
        *offset += before[d] * step;
        step *= v->shape.dim[d] + before[d] + after[d];
    }
    return step;
}

bool fg_strides_are_dense(const fg_value *v, fg_order order, const int64_t *stride) {
    int64_t want[FG_MAX_RANK], offset;
    fg_order_strides(v, order, NULL, NULL, want, &offset);
    for (int d = 0; d < v->shape.rank; d++)
        if (v->shape.dim[d] != 1 && stride[d] != want[d]) return false;
    return true;
}

static void layout_of(fg_planner *p, fg_value *v);

static void root_layout(fg_planner *p, const fg_value *v) {
    fg_layout *l = &p->m->slots[v->id].layout;
    const fg_place_plan *a = &p->values[v->id];
    const bool fixed = fg_is_interface(v) || v->data;
    l->elements = fg_order_strides(v, fixed ? FG_ORDER_ROW : a->order, fixed ? NULL : a->before,
                                   fixed ? NULL : a->after, l->stride, &l->offset);
}

/* Rows of a dense value, in elements. */
static void row_layout(fg_planner *p, const fg_value *v, const fg_layout *from) {
    const fg_place_plan *a = &p->values[v->id];
    fg_layout *l = &p->m->slots[v->id].layout;
    const int64_t run = v->shape.dim[v->shape.rank - 1], n = fg_shape_count(&v->shape) / run;
    int32_t *row = FG_ARRAY(p->ctx, n, int32_t);
    FG_REQUIRE(p->ctx, "layout", fg_strides_are_dense(a->parent, FG_ORDER_ROW, from->stride));
    for (int64_t i = 0; i < n; i++) row[i] = (int32_t)(a->row_of[i] * run);
    fg_order_strides(v, FG_ORDER_ROW, NULL, NULL, l->stride, &l->offset);
    l->offset = from->offset;
    l->elements = from->elements;
    l->row = row;
}

static void layout_of(fg_planner *p, fg_value *v) {
    fg_place_plan *a = &p->values[v->id];
    if (a->resolved) return;
    a->resolved = true;
    fg_layout *l = &p->m->slots[v->id].layout;
    if (a->alias == FG_ALIAS_NONE) {
        root_layout(p, v);
        return;
    }
    layout_of(p, a->parent);
    const fg_layout *from = &p->m->slots[a->parent->id].layout;
    if (a->alias == FG_ALIAS_PART) {
        *l = *from;
        l->offset += a->start * from->stride[a->axis];
        return;
    }
    if (a->alias == FG_ALIAS_ROWS) {
        row_layout(p, v, from);
        return;
    }
    l->elements = from->elements;
    if (a->alias == FG_ALIAS_SOURCE) {
        FG_REQUIRE(p->ctx, "layout",
                   fg_movement_source(a->mover, from->stride, from->offset, l->stride, &l->offset));
        return;
    }
    const bool ok =
        fg_movement_view(a->mover, a->mover_output, from->stride, from->offset, l->stride, &l->offset);
    FG_REQUIRE(p->ctx, "layout", ok);
}

/* ---- copies at the interface ---- */

static void kernel_replace(fg_value **list, int n, const fg_value *old, fg_value *with) {
    for (int i = 0; i < n; i++)
        if (list[i] == old) list[i] = with;
}

/* Fills k: a movement node alone, from its first operand to its first result. */
static void single(fg_planner *p, fg_kernel *k, fg_node *n, const char *name) {
    k->in = FG_ARRAY(p->ctx, 1, fg_value *);
    k->out = FG_ARRAY(p->ctx, 1, fg_value *);
    k->nodes = FG_ARRAY(p->ctx, 1, fg_node *);
    k->in[0] = n->in[0];
    k->out[0] = n->out[0];
    k->nodes[0] = k->stage[0].anchor = n;
    k->name = name;
    k->lowering = "copy";
    k->n_nodes = k->n_in = k->n_out = 1;
    k->boundary = FG_BOUNDARY_SHAPE;
}

static fg_kernel *copy_kernel(fg_planner *p, fg_value *from, fg_value *to, const char *name) {
    fg_kernel *k = fg_kernel_new(p->ctx, 1);
    fg_node *n = fg_graph_node(p->graph, "Identity", 1, &from, 1, &to);
    fg_infer_node(p->graph, n);
    single(p, k, n, name);
    return k;
}

/* Movement nodes before a kernel's first anchor become kernels of their own for as long as it takes to see
 * whether they can be views; if so they vanish again, into the kernel they came from. */
static void split_views(fg_planner *p) {
    fg_partition *t = p->partition;
    int total = 0, n = 0;
    for (int i = 0; i < t->n_kernels; i++) total += t->kernels[i]->n_nodes;
    fg_kernel **all = FG_ARRAY(p->ctx, total + 1, fg_kernel *);
    for (int i = 0; i < t->n_kernels; i++) {
        fg_kernel *k = t->kernels[i];
        while (k->n_nodes > 1 && k->nodes[0] != k->stage[0].anchor && k->nodes[0]->op &&
               k->nodes[0]->op->lowering && strcmp(k->nodes[0]->op->lowering, "copy") == 0) {
            fg_node *v = k->nodes[0];
            fg_kernel *c = fg_kernel_new(p->ctx, 1);
            single(p, c, v, fg_format(p->ctx, "%s_view", k->name));
            all[n++] = c;
            kernel_replace(k->in, k->n_in, v->in[0], v->out[0]);
            k->nodes++;
            k->n_nodes--;
        }
        all[n++] = k;
    }
    t->kernels = all;
    t->n_kernels = n;
}

static fg_value *twin(fg_planner *p, const fg_value *v) {
    fg_value *t = fg_graph_value(p->graph, fg_format(p->ctx, "%s.last", v->name));
    t->dtype = v->dtype;
    t->shape = v->shape;
    t->shape_known = true;
    memcpy(t->extent, v->extent, sizeof t->extent);
    t->tail = v->tail;
    t->ref = v->ref;
    return t;
}

/* Kernels read and write `with` in place of `old`, nodes too. */
static void redirect(fg_planner *p, const fg_value *old, fg_value *with) {
    for (int i = 0; i < p->partition->n_kernels; i++) {
        fg_kernel *k = p->partition->kernels[i];
        kernel_replace(k->in, k->n_in, old, with);
        kernel_replace(k->out, k->n_out, old, with);
        for (int j = 0; j < k->n_nodes; j++) {
            kernel_replace(k->nodes[j]->in, k->nodes[j]->n_in, old, with);
            kernel_replace(k->nodes[j]->out, k->nodes[j]->n_out, old, with);
        }
    }
}

bool fg_orders_agree(const fg_value *v) {
    int64_t row[FG_MAX_RANK], offset;
    fg_order_strides(v, FG_ORDER_ROW, NULL, NULL, row, &offset);
    return fg_strides_are_dense(v, FG_ORDER_LAST, row);
}

/* Values of the interface are row-major; kernels that must work channels-last get a copy to work on. */
static void insert_copies(fg_planner *p) {
    const int n = p->n_values, old_count = p->partition->n_kernels;
    fg_kernel **first = FG_ARRAY(p->ctx, p->graph->n_inputs + 1, fg_kernel *);
    fg_kernel **last = FG_ARRAY(p->ctx, p->graph->n_outputs + 1, fg_kernel *);
    int n_first = 0, n_last = 0;
    for (int i = 0; i < n; i++) {
        fg_value *v = p->graph->values[i];
        if (!fg_is_interface(v) || !p->values[i].must_last || fg_orders_agree(v)) continue;
        fg_value *t = twin(p, v);
        redirect(p, v, t);
        if (v->is_input) {
            first[n_first] = copy_kernel(p, v, t, fg_format(p->ctx, "channels_last_in_%d", n_first));
            n_first++;
        } else {
            last[n_last] = copy_kernel(p, t, v, fg_format(p->ctx, "row_major_out_%d", n_last));
            n_last++;
        }
    }
    if (n_first + n_last == 0) return;
    fg_kernel **all = FG_ARRAY(p->ctx, old_count + n_first + n_last, fg_kernel *);
    memcpy(all, first, (size_t)n_first * sizeof(*all));
    memcpy(all + n_first, p->partition->kernels, (size_t)old_count * sizeof(*all));
    memcpy(all + n_first + old_count, last, (size_t)n_last * sizeof(*all));
    p->partition->kernels = all;
    p->partition->n_kernels = old_count + n_first + n_last;
}

/* The tables by value id grow with the values that copies brought. */
static void grow_tables(fg_planner *p) {
    const int n = p->graph->n_values;
    if (n == p->n_values) return;
    fg_place_plan *values = FG_ARRAY(p->ctx, n, fg_place_plan);
    memcpy(values, p->values, (size_t)p->n_values * sizeof(*values));
    for (int i = 0; i < p->n_values; i++) {
        fg_value *t = p->graph->values[i];
        if (!fg_is_interface(t)) continue;
        memset(&values[i], 0, sizeof(values[i]));
        values[i].order = FG_ORDER_ROW;
    }
    for (int i = p->n_values; i < n; i++) {
        for (int j = 0; j < p->n_values; j++) { /* borders wished for the interface value hold for its twin */
            const fg_value *t = p->graph->values[i], *v = p->graph->values[j];
            if (fg_is_interface(v) && v->ref == t->ref && v->ref) values[i] = p->values[j];
        }
        values[i].order = FG_ORDER_LAST;
        values[i].must_last = true;
    }
    p->values = values;
    p->n_values = n;
}

/* ---- the pass ---- */

static void settle_borders(fg_planner *p) {
    for (int i = 0; i < p->n_values; i++) {
        const fg_value *v = p->graph->values[i];
        fg_place_plan *a = &p->values[i];
        if (a->alias == FG_ALIAS_NONE && !a->viewed && !fg_is_interface(v) && !v->data) continue;
        memset(a->before, 0, sizeof(a->before));
        memset(a->after, 0, sizeof(a->after));
    }
}

static void settle_orders(fg_planner *p) {
    for (int i = 0; i < p->n_values; i++)
        if (p->values[i].order == FG_ORDER_ANY) p->values[i].order = FG_ORDER_ROW;
}

/* Joins and cuts tensors of one layout: where this is channels-last it costs little or nothing. */
static bool follows_operand(const fg_kernel *k) {
    static const char *const ops[] = {"Concat", "Slice", "Split"};
    for (size_t i = 0; fg_is_plain_copy(k) && i < FG_COUNT(ops); i++)
        if (strcmp(k->stage[0].anchor->op_type, ops[i]) == 0) return true;
    return false;
}

/* Elementwise kernels have no wish of their own: they follow their operands, and their operands them, until
 * nothing changes; two sweeps in either direction reach everything in practice, and a value left out only
 * costs strides. */
static void spread_orders(fg_planner *p) {
    for (int sweep = 0; sweep < 2; sweep++) {
        for (int i = 0; i < p->partition->n_kernels; i++) {
            const fg_kernel *k = p->partition->kernels[i];
            const bool follows = strcmp(k->lowering, "map") == 0 || follows_operand(k);
            if (!follows || k->n_out == 0) continue;
            bool last = false;
            for (int j = 0; j < k->n_in; j++)
                last |= p->values[k->in[j]->id].order == FG_ORDER_LAST &&
                        k->in[j]->shape.rank == k->out[0]->shape.rank;
            for (int j = 0; j < k->n_out; j++) last |= p->values[k->out[j]->id].order == FG_ORDER_LAST;
            if (!last) continue;
            for (int j = 0; j < k->n_out; j++)
                if (p->values[k->out[j]->id].order == FG_ORDER_ANY)
                    fg_want_channels_last(p, k->out[j], false);
            for (int j = 0; j < k->n_in; j++)
                if (p->values[k->in[j]->id].order == FG_ORDER_ANY &&
                    k->in[j]->shape.rank == k->out[0]->shape.rank)
                    fg_want_channels_last(p, k->in[j], false);
        }
    }
}

static void make_slots(fg_planner *p) {
    fg_module *m = p->m;
    m->n_slots = p->n_values;
    m->slots = FG_ARRAY(p->ctx, p->n_values, fg_slot);
    for (int i = 0; i < p->n_values; i++) m->slots[i].value = p->graph->values[i];
    for (int i = 0; i < p->graph->n_inputs; i++) {
        m->slots[p->graph->inputs[i]->id].place = FG_PLACE_INPUT;
        m->slots[p->graph->inputs[i]->id].base = i;
    }
    for (int i = 0; i < p->graph->n_outputs; i++) {
        fg_value *v = p->graph->outputs[i];
        if (m->slots[v->id].place != FG_PLACE_NONE || v->data) continue;
        m->slots[v->id].place = FG_PLACE_OUTPUT;
        m->slots[v->id].base = i;
    }
}

void fg_plan_layout(fg_planner *p) {
    split_views(p);
    for (int i = 0; i < p->partition->n_kernels; i++) {
        fg_kernel *k = p->partition->kernels[i];
        const fg_lowering *l = fg_lowering_find(k->lowering);
        if (l && l->prefer) l->prefer(p, k);
    }
    insert_copies(p);
    fg_graph_link(p->graph);
    grow_tables(p);
    spread_orders(p);
    fg_find_views(p);
    settle_orders(p);
    settle_borders(p);
    make_slots(p);
    for (int i = 0; i < p->partition->n_kernels; i++) {
        const fg_kernel *k = p->partition->kernels[i];
        for (int j = 0; j < k->n_in; j++) layout_of(p, k->in[j]);
        for (int j = 0; j < k->n_out; j++) layout_of(p, k->out[j]);
    }
    for (int i = 0; i < p->graph->n_inputs; i++) layout_of(p, p->graph->inputs[i]);
    for (int i = 0; i < p->graph->n_outputs; i++) layout_of(p, p->graph->outputs[i]);
    for (int i = 0; i < p->n_values; i++) {
        fg_slot *s = &p->m->slots[i];
        const fg_slot *r = &p->m->slots[fg_root_of(p, p->graph->values[i])->id];
        if (!p->values[i].resolved || p->graph->values[i]->data) continue;
        if (s->place == FG_PLACE_NONE) s->place = r->place == FG_PLACE_NONE ? FG_PLACE_ARENA : r->place;
        if (r->place == FG_PLACE_INPUT || r->place == FG_PLACE_OUTPUT) s->base = r->base;
    }
}
