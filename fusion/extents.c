/* Extents that depend on data, in the graph that code is made for.
 *
 * A tensor lies in memory as its bounds say; elements beyond its true extents are there and hold anything.
 * Operators that compute an element from the elements of the same place do not mind. What would look beyond
 * an extent gets a tensor whose tail is filled with a neutral element; what depends on the extents themselves
 * gets their symbols as further operands. A node that counts has them as further results, behind its own.
 * Anything else is refused.
 *
 * A graph output is packed: its elements lie side by side, as in a tensor of the true extents, and these are
 * an output of their own, NAME_shape. */
#include "fusion/extents.h"

#include <string.h>

#include "frontend/extent.h"
#include "frontend/interpret.h"
#include "frontend/loops.h"
#include "fusion/rewrite.h"

typedef struct lowerer {
    fg_context *ctx;
    fg_graph *g;
    fg_value **symbol; /* value that holds it; NULL: not asked for yet */
} lowerer;

/* ---- symbols ---- */

static fg_value *symbol_value(lowerer *l, int k);
static fg_value *int_constant(lowerer *l, const fg_value *like_name, int count, const int64_t *values);

/* Symbols of some forms, and the forms as rows over them. */
typedef struct rows {
    int *symbol, n, cap;
    int64_t *ints;
    int count;
} rows;

static int place_of(lowerer *l, rows *r, int symbol) {
    int i = 0;
    while (i < r->n && r->symbol[i] != symbol) {
        i++;
    }
    if (i == r->n) {
        FG_REQUIRE(l->ctx, "extents", r->n < r->cap);
        r->symbol[r->n++] = symbol;
    }
    return i;
}

static rows rows_of(lowerer *l, const fg_form *forms, int count) {
    rows r = {.count = count, .cap = FG_FORM_TERMS * count + 1};
    r.symbol = FG_ARRAY(l->ctx, r.cap, int);
    for (int i = 0; i < count; i++) {
        for (int t = 0; t < forms[i].n; t++) {
            (void)place_of(l, &r, forms[i].term[t].symbol);
        }
    }
    r.ints = FG_ARRAY(l->ctx, count * (r.n + 1) + 1, int64_t);
    for (int i = 0; i < count; i++) {
        int64_t *row = r.ints + i * (r.n + 1);
        row[0] = forms[i].constant;
        for (int t = 0; t < forms[i].n; t++) {
            row[1 + place_of(l, &r, forms[i].term[t].symbol)] = forms[i].term[t].factor;
        }
    }
    return r;
}

static rows extent_rows(lowerer *l, const fg_value *v) {
    fg_form forms[FG_MAX_RANK];
    for (int d = 0; d < v->shape.rank; d++) {
        forms[d] = fg_extent_form(v, d);
    }
    return rows_of(l, forms, v->shape.rank);
}

static void set_ints(lowerer *l, fg_node *n, const char *name, int count, const int64_t *values) {
    fg_attr *a = fg_node_set_attr(l->ctx, n, name, FG_ATTR_INTS);
    int64_t *copy = FG_ARRAY(l->ctx, count + 1, int64_t);
    memcpy(copy, values, (size_t)count * sizeof *copy);
    a->n = count;
    a->ints = copy;
}

/* ---- building ---- */

/* A node of ours that reads n_in tensors and the symbols of r, and makes `out`. */
static fg_node *own_node(lowerer *l, const fg_node *at, const char *op, int n_in, fg_value *const *in,
                         const rows *r, fg_value *out) {
    fg_value **all = FG_ARRAY(l->ctx, n_in + r->n + 1, fg_value *);
    if (n_in > 0) {
        memcpy(all, in, (size_t)n_in * sizeof *all);
    }
    for (int i = 0; i < r->n; i++) {
        all[n_in + i] = symbol_value(l, r->symbol[i]);
    }
    fg_node *n = fg_graph_node(l->g, op, n_in + r->n, all, 1, &out);
    n->domain = FG_OWN_DOMAIN;
    n->op = fg_op_find(FG_OWN_DOMAIN, op, 1);
    FG_REQUIRE(l->ctx, "extents", n->op != NULL);
    n->name = at->name;
    n->index = at->index;
    set_ints(l, n, "forms", r->count * (r->n + 1), r->ints);
    return n;
}

/* The int64 that a counting node returns behind its own results. */
static fg_value *counted_value(lowerer *l, int k, fg_value *counted) {
    fg_node *n = counted->producer;
    const int at = n->op->max_out;
    FG_REQUIRE(l->ctx, "extents", at > 0 && n->n_out <= at);
    fg_value **out = FG_ARRAY(l->ctx, at + 1, fg_value *);
    memcpy(out, n->out, (size_t)n->n_out * sizeof *out);
    fg_value *v = fg_graph_value(l->g, fg_format(l->ctx, "%s/count", counted->name));
    v->dtype = FG_INT64;
    v->shape = (fg_shape){1, {1}};
    v->shape_known = true;
    v->symbol = k + 1;
    v->producer = n;
    out[at] = v;
    n->out = out;
    n->n_out = at + 1;
    return v;
}

/* The lesser of a form and a number, as an extent: told from the form's symbol. */
static fg_value *least_value(lowerer *l, int k, const fg_value *v) {
    const fg_symbol *s = &l->g->symbols[k];
    const rows r = rows_of(l, s->least_of, 1);
    fg_value *y = fg_graph_value(l->g, fg_format(l->ctx, "%s/least", v->name));
    y->dtype = FG_INT64;
    y->shape = (fg_shape){1, {1}};
    y->shape_known = true;
    y->symbol = k + 1;
    fg_node *made = own_node(l, v->producer, "Extents", 0, NULL, &r, y);
    fg_node_set_attr(l->ctx, made, "most", FG_ATTR_INT)->i = s->most;
    return y;
}

/* An element that the graph computes. */
static fg_value *element_value(lowerer *l, fg_value *v, int64_t i) {
    if (fg_shape_count(&v->shape) == 1) {
        return v;
    }
    fg_value *in[2] = {v, int_constant(l, v, 1, &i)},
             *y = fg_graph_value(l->g, fg_format(l->ctx, "%s/element", v->name));
    fg_node *n = fg_graph_node(l->g, "Gather", 2, in, 1, &y);
    n->op = fg_op_find("", "Gather", l->g->opset > 0 ? l->g->opset : 13);
    n->name = v->producer->name;
    n->index = v->producer->index;
    y->dtype = FG_INT64;
    y->shape = (fg_shape){1, {1}};
    y->shape_known = true;
    return y;
}

static fg_value *symbol_value(lowerer *l, int k) {
    if (l->symbol[k] != NULL) {
        return l->symbol[k];
    }
    const fg_symbol *s = &l->g->symbols[k];
    fg_value *v = s->value == NULL ? NULL : l->g->values[s->value->id];
    FG_REQUIRE(l->ctx, "extents", v != NULL && v->ref == s->value && v->producer != NULL);
    fg_value *held = s->dim < 0            ? element_value(l, v, -1 - s->dim)
                     : s->least_of != NULL ? least_value(l, k, v)
                                           : counted_value(l, k, v);
    return l->symbol[k] = held;
}

static fg_value *like(lowerer *l, const fg_value *v, const char *what) {
    fg_value *y = fg_graph_value(l->g, fg_format(l->ctx, "%s/%s", v->name, what));
    y->dtype = v->dtype;
    y->shape = v->shape;
    y->shape_known = true;
    y->ref = v->ref; /* as far as the true extents go */
    memcpy(y->extent, v->extent, sizeof y->extent);
    return y;
}

/* x with its tail filled, for n to read. */
static fg_value *filled(lowerer *l, const fg_node *n, fg_value *x, fg_fill with) {
    const rows r = extent_rows(l, x);
    fg_value *y = like(l, x, "filled");
    fg_node *made = own_node(l, n, "FillTail", 1, &x, &r, y);
    fg_node_set_attr(l->ctx, made, "fill", FG_ATTR_INT)->i = with;
    y->tail = (int)with + 1;
    return y;
}

static void fill_operand(lowerer *l, fg_node *n, int i, fg_fill with) {
    if (i < n->n_in && n->in[i] != NULL && n->in[i]->data == NULL && fg_is_dynamic(n->in[i])) {
        n->in[i] = filled(l, n, n->in[i], with);
    }
}

static fg_value *int_constant(lowerer *l, const fg_value *like_name, int count, const int64_t *values) {
    int64_t *data = FG_ARRAY(l->ctx, count + 1, int64_t);
    memcpy(data, values, (size_t)count * sizeof *data);
    const fg_shape s = {1, {count}};
    return fg_graph_const(l->g, fg_format(l->ctx, "%s/bound", like_name->name), FG_INT64, &s, data);
}

/* A shape operand becomes the bounds of the result. */
static void bind_shape(lowerer *l, fg_node *n, int i) {
    if (n->in[i]->data == NULL) {
        n->in[i] = int_constant(l, n->in[i], n->out[0]->shape.rank, n->out[0]->shape.dim);
    }
}

static _Noreturn void refuse(lowerer *l, const fg_node *n, const char *why) {
    fg_context_set_node(l->ctx, n);
    fg_remedy(l->ctx, "export the model with fixed extents");
    fg_raise(l->ctx, FG_UNSUPPORTED, "an extent of its operands depends on data, and %s", why);
}

static bool dynamic_at(const fg_value *v, int d) {
    return v != NULL && v->data == NULL && v->extent[d] != NULL;
}

/* ---- rules ---- */

static void any_place(lowerer *l, fg_node *n) {
    (void)l;
    (void)n;
}

/* Only the batch may vary. */
static void batch_only(lowerer *l, fg_node *n) {
    for (int i = 0; i < n->n_in; i++) {
        for (int d = i == 0; n->in[i] != NULL && d < n->in[i]->shape.rank; d++) {
            if (dynamic_at(n->in[i], d)) {
                refuse(l, n, "only the first extent of its first operand may");
            }
        }
    }
}

/* Indices into an extent that is less than its bound count from its true end. */
static void need_plain_indices(lowerer *l, const fg_node *n) {
    const fg_value *k = n->in[1];
    bool plain = k->data != NULL || (k->bound > 0 && !k->is_input);
    for (int64_t i = 0; k->data != NULL && i < fg_shape_count(&k->shape); i++) {
        plain = plain && fg_const_int(k, i) >= 0;
    }
    if (!plain) {
        refuse(l, n, "its indices may be negative");
    }
}

static void gather(lowerer *l, fg_node *n) {
    const int axis = fg_axis(l->ctx, n, fg_attr_int(n, "axis", 0), n->in[0]->shape.rank);
    if (dynamic_at(n->in[0], axis)) {
        need_plain_indices(l, n);
    }
}

static void gather_tuples(lowerer *l, fg_node *n) {
    if (n->in[0]->data == NULL && fg_is_dynamic(n->in[0])) {
        need_plain_indices(l, n);
    }
}

static void concat(lowerer *l, fg_node *n) {
    const int rank = n->out[0]->shape.rank, axis = fg_axis(l->ctx, n, fg_attr_int(n, "axis", 0), rank);
    if (!dynamic_at(n->out[0], axis)) {
        return;
    }
    const int parts = n->n_in;
    fg_form *forms = FG_ARRAY(l->ctx, parts, fg_form);
    for (int i = 0; i < parts; i++) {
        forms[i] = fg_extent_form(n->in[i], axis);
    }
    const rows r = rows_of(l, forms, parts);
    fg_node *made = own_node(l, n, "Join", parts, n->in, &r, n->out[0]);
    fg_node_set_attr(l->ctx, made, "axis", FG_ATTR_INT)->i = axis;
    fg_node_set_attr(l->ctx, made, "parts", FG_ATTR_INT)->i = parts;
    made->covers = n->covers;
    made->n_covers = n->n_covers;
    n->n_out = 0;
}

static int64_t slice_operand(lowerer *l, const fg_node *n, int operand, const char *attr, int i,
                             int64_t otherwise) {
    if (operand < n->n_in && n->in[operand] != NULL) {
        if (n->in[operand]->data == NULL) {
            refuse(l, n, "its operands are not constant");
        }
        return fg_const_int(n->in[operand], i);
    }
    const fg_attr *a = fg_node_attr(n, attr);
    return a != NULL && i < a->n ? a->ints[i] : otherwise;
}

static void slice(lowerer *l, fg_node *n) {
    const fg_attr *a = fg_node_attr(n, "starts");
    const int count =
        n->n_in > 1 && n->in[1] != NULL ? (int)fg_shape_count(&n->in[1]->shape) : (a == NULL ? 0 : a->n);
    for (int i = 0; i < count; i++) {
        const int64_t given = slice_operand(l, n, 3, "axes", i, i);
        const int axis = fg_axis(l->ctx, n, given, n->in[0]->shape.rank);
        if (dynamic_at(n->in[0], axis) &&
            (slice_operand(l, n, 1, "starts", i, 0) < 0 || slice_operand(l, n, 4, "steps", i, 1) < 0)) {
            refuse(l, n, "it is cut from its end");
        }
    }
}

static void split(lowerer *l, fg_node *n) {
    const int axis = fg_axis(l->ctx, n, fg_attr_int(n, "axis", 0), n->in[0]->shape.rank);
    if (dynamic_at(n->in[0], axis)) {
        refuse(l, n, "it is split");
    }
}

static void expand(lowerer *l, fg_node *n) {
    bind_shape(l, n, 1);
}

static void tile(lowerer *l, fg_node *n) {
    for (int d = 0; d < n->in[0]->shape.rank; d++) {
        if (dynamic_at(n->in[0], d) && n->in[0]->shape.dim[d] != n->out[0]->shape.dim[d]) {
            refuse(l, n, "it is repeated");
        }
    }
    int64_t repeats[FG_MAX_RANK]; /* as often as the bounds say: what comes first does not change */
    for (int d = 0; d < n->in[0]->shape.rank; d++) {
        repeats[d] = n->in[0]->shape.dim[d] > 0 ? n->out[0]->shape.dim[d] / n->in[0]->shape.dim[d] : 1;
    }
    if (n->in[1]->data == NULL) {
        n->in[1] = int_constant(l, n->in[1], n->in[0]->shape.rank, repeats);
    }
}

/* All of its elements lie in front, side by side, whatever the true extents are. */
static bool is_leading(const fg_value *v) {
    for (int d = 0; d < v->shape.rank; d++) {
        if (v->extent[d] != NULL) {
            for (int k = d + 1; k < v->shape.rank; k++) {
                if (v->extent[k] != NULL) {
                    return false;
                }
            }
            return true;
        }
        if (v->shape.dim[d] != 1) {
            return false;
        }
    }
    return true;
}

static void reshape(lowerer *l, fg_node *n) {
    fg_value *x = n->in[0], *y = n->out[0];
    if (!is_leading(x)) {
        const rows r = extent_rows(l, x);
        fg_value *packed = like(l, x, "packed");
        own_node(l, n, "Pack", 1, &x, &r, packed);
        packed->packed = true;
        n->in[0] = packed;
    }
    if (fg_is_op(n, "Reshape")) {
        bind_shape(l, n, 1);
    }
    if (!is_leading(y)) {
        fg_value *packed = like(l, y, "packed");
        const rows r = extent_rows(l, y);
        packed->packed = true;
        n->out[0] = packed;
        packed->producer = n;
        own_node(l, n, "Unpack", 1, &packed, &r, y);
    }
}

/* ---- operators that look along extents ---- */

static bool reduces_dynamic(const fg_node *n) {
    int64_t axes[FG_MAX_RANK];
    const fg_value *x = n->in[0];
    int count = -1;
    if (n->n_in > 1 && n->in[1] != NULL && n->in[1]->data != NULL) {
        count = (int)fg_shape_count(&n->in[1]->shape);
        for (int i = 0; i < count && i < FG_MAX_RANK; i++) {
            axes[i] = fg_const_int(n->in[1], i);
        }
    } else if (fg_node_attr(n, "axes") != NULL) {
        const fg_attr *a = fg_node_attr(n, "axes");
        count = a->n < FG_MAX_RANK ? a->n : FG_MAX_RANK;
        memcpy(axes, a->ints, (size_t)count * sizeof *axes);
    }
    for (int d = 0; d < x->shape.rank; d++) {
        bool reduced = count <= 0;
        for (int i = 0; i < count && i < FG_MAX_RANK; i++) {
            reduced = reduced || axes[i] == d || axes[i] + x->shape.rank == d;
        }
        if (reduced && dynamic_at(x, d)) {
            return true;
        }
    }
    return false;
}

static void reduce(lowerer *l, fg_node *n) {
    static const struct {
        const char *op;
        fg_fill with;
    } neutral[] = {{"ReduceSum", FG_FILL_ZERO},       {"ReduceMax", FG_FILL_LOWEST},
                   {"ReduceMin", FG_FILL_HIGHEST},    {"ReduceProd", FG_FILL_ONE},
                   {"ReduceSumSquare", FG_FILL_ZERO}, {"ReduceL1", FG_FILL_ZERO},
                   {"ReduceL2", FG_FILL_ZERO},        {"ReduceLogSumExp", FG_FILL_LOWEST}};
    if (!reduces_dynamic(n)) {
        return;
    }
    for (size_t i = 0; i < FG_COUNT(neutral); i++) {
        if (strcmp(neutral[i].op, n->op_type) == 0) {
            fill_operand(l, n, 0, neutral[i].with);
            return;
        }
    }
    refuse(l, n, "this reduction has no neutral element");
}

/* Along one axis, which attribute `axis` gives (otherwise: its default). */
static void along(lowerer *l, fg_node *n, int64_t otherwise, fg_fill with) {
    const int axis = fg_axis(l->ctx, n, fg_attr_int(n, "axis", otherwise), n->in[0]->shape.rank);
    if (dynamic_at(n->in[0], axis)) {
        fill_operand(l, n, 0, with);
    }
}

static void softmax(lowerer *l, fg_node *n) {
    if (l->g->opset < 13 && fg_is_dynamic(n->in[0])) {
        batch_only(l, n);
        if (fg_attr_int(n, "axis", 1) != 1) {
            refuse(l, n, "it goes over several extents");
        }
        return;
    }
    along(l, n, -1, FG_FILL_LOWEST);
}

static void top_k(lowerer *l, fg_node *n) {
    if (n->n_in > 1 && n->in[1]->data == NULL) {
        n->in[1] = int_constant(
            l, n->in[1], 1,
            &n->out[0]->shape.dim[fg_axis(l->ctx, n, fg_attr_int(n, "axis", -1), n->out[0]->shape.rank)]);
    }
    along(l, n, -1, fg_attr_int(n, "largest", 1) != 0 ? FG_FILL_LOWEST : FG_FILL_HIGHEST);
}

static void arg_max(lowerer *l, fg_node *n) {
    if (fg_attr_int(n, "select_last_index", 0) != 0) {
        batch_only(l, n);
    }
    along(l, n, 0, FG_FILL_LOWEST);
}

static void arg_min(lowerer *l, fg_node *n) {
    if (fg_attr_int(n, "select_last_index", 0) != 0) {
        batch_only(l, n);
    }
    along(l, n, 0, FG_FILL_HIGHEST);
}

static void cumsum(lowerer *l, fg_node *n) {
    if (fg_attr_int(n, "reverse", 0) != 0) {
        fill_operand(l, n, 0, FG_FILL_ZERO);
    }
}

static void matmul(lowerer *l, fg_node *n) {
    const bool ta = fg_attr_int(n, "transA", 0) != 0, tb = fg_attr_int(n, "transB", 0) != 0;
    const int ra = n->in[0]->shape.rank, rb = n->in[1]->shape.rank;
    const int ka = ra == 1 ? 0 : ta ? ra - 2 : ra - 1, kb = rb == 1 ? 0 : tb ? rb - 1 : rb - 2;
    if (dynamic_at(n->in[0], ka) || dynamic_at(n->in[1], kb)) {
        fill_operand(l, n, 0, FG_FILL_ZERO);
        fill_operand(l, n, 1, FG_FILL_ZERO);
    }
}

/* What is counted has to be there. */
static void counted(lowerer *l, fg_node *n) {
    if (fg_is_op(n, "Compress")) {
        fill_operand(l, n, 1, FG_FILL_ZERO);
        if (fg_node_attr(n, "axis") == NULL && !is_leading(n->in[0])) {
            refuse(l, n, "it is taken as a list");
        }
    } else {
        fill_operand(l, n, 0, FG_FILL_ZERO);
    }
}

static void unique(lowerer *l, fg_node *n) {
    refuse(l, n, "elements are counted");
}

/* n reads the symbols of these forms behind its operands, of which it takes at most so many. */
static void tell_extents(lowerer *l, fg_node *n, int operands, const fg_form *forms, int count) {
    const rows r = rows_of(l, forms, count);
    fg_value **in = FG_ARRAY(l->ctx, operands + r.n, fg_value *);
    memcpy(in, n->in, (size_t)n->n_in * sizeof *in);
    for (int i = 0; i < r.n; i++) {
        in[operands + i] = symbol_value(l, r.symbol[i]);
    }
    n->in = in;
    n->n_in = operands + r.n;
    set_ints(l, n, "forms", r.count * (r.n + 1), r.ints);
}

/* The number of boxes is told. */
static void suppress(lowerer *l, fg_node *n) {
    const fg_value *boxes = n->in[0], *scores = n->in[1];
    if (dynamic_at(boxes, 0) || dynamic_at(scores, 0) || dynamic_at(scores, 1)) {
        refuse(l, n, "only the number of boxes may");
    }
    if (dynamic_at(boxes, 1)) {
        const fg_form form = fg_extent_form(boxes, 1);
        tell_extents(l, n, 5, &form, 1);
    }
}

/* So is that of updates: those beyond must not be made. */
static void scatter(lowerer *l, fg_node *n) {
    const fg_value *x = n->in[0], *k = n->in[1], *updates = n->in[2];
    const bool tuples = fg_is_op(n, "ScatterND");
    const int axis = tuples ? 0 : fg_axis(l->ctx, n, fg_attr_int(n, "axis", 0), x->shape.rank);
    const int64_t length = tuples ? k->shape.dim[k->shape.rank - 1] : 1;
    for (int d = 1; d < k->shape.rank; d++) {
        if (dynamic_at(k, d)) {
            refuse(l, n, "only the first extent of its indices may");
        }
    }
    for (int64_t d = axis; d < axis + length; d++) {
        if (dynamic_at(x, (int)d)) {
            need_plain_indices(l, n);
        }
    }
    if (dynamic_at(k, 0) || dynamic_at(updates, 0)) {
        const fg_form form = fg_extent_form(k, 0);
        tell_extents(l, n, 3, &form, 1);
    }
}

/* The extent in which they differ is told for both. */
static void choose(lowerer *l, fg_node *n) {
    fg_form forms[2] = {{.n = 0}, {.n = 0}};
    for (int d = 0; d < n->out[0]->shape.rank; d++) {
        if (!fg_form_equal(n->out[0]->extent[d], n->in[1]->extent[d]) ||
            n->in[1]->shape.dim[d] != n->in[2]->shape.dim[d]) {
            forms[0] = fg_extent_form(n->in[1], d);
            forms[1] = fg_extent_form(n->in[2], d);
        }
    }
    tell_extents(l, n, 3, forms, 2);
}

/* How many regions there are may vary; those beyond are empty ones of the first picture. */
static void regions(lowerer *l, fg_node *n) {
    for (int d = 1; d < n->in[0]->shape.rank; d++) {
        if (dynamic_at(n->in[0], d)) {
            refuse(l, n, "only how many pictures and regions there are may");
        }
    }
    fill_operand(l, n, 1, FG_FILL_ZERO);
    fill_operand(l, n, 2, FG_FILL_ZERO);
}

static const struct {
    const char *ops;
    void (*apply)(lowerer *l, fg_node *n);
} rules[] = {
    {"Identity Cast CastLike Transpose Squeeze Unsqueeze Dropout StringConcat Clip Where", any_place},
    {"Conv MaxPool AveragePool GlobalAveragePool GlobalMaxPool BatchNormalization Resize ConvTranspose "
     "LayerNormalization InstanceNormalization GroupNormalization",
     batch_only},
    {"Gather GatherElements", gather},
    {"GatherND", gather_tuples},
    {"Concat", concat},
    {"Slice", slice},
    {"Split", split},
    {"Expand", expand},
    {"Tile", tile},
    {"Reshape Flatten", reshape},
    {"ReduceSum ReduceMax ReduceMin ReduceProd ReduceSumSquare ReduceL1 ReduceL2 ReduceLogSumExp ReduceMean "
     "ReduceLogSum",
     reduce},
    {"Softmax LogSoftmax", softmax},
    {"TopK", top_k},
    {"ArgMax", arg_max},
    {"ArgMin", arg_min},
    {"CumSum", cumsum},
    {"MatMul Gemm", matmul},
    {"NonZero Compress", counted},
    {"Unique", unique},
    {"NonMaxSuppression", suppress},
    {"RoiAlign", regions},
    {"ScatterElements Scatter ScatterND", scatter},
};

/* ---- the pass ---- */

/* Its results follow from extents alone: told straight from the symbols. */
static bool tell(lowerer *l, fg_node *n) {
    fg_value *y = n->n_out == 1 ? n->out[0] : NULL;
    if (y == NULL || y->data != NULL || y->elements == NULL) {
        return false;
    }
    const int count = (int)fg_shape_count(&y->shape);
    for (int i = 0; i < l->g->n_symbols; i++) {
        if (l->g->symbols[i].dim < 0 && l->g->symbols[i].value == y->ref) {
            return false; /* it is where a symbol comes from */
        }
    }
    if (y->dtype != FG_INT64 || count > FG_MAX_RANK) {
        return false;
    }
    const rows r = rows_of(l, y->elements, count);
    fg_node *made = own_node(l, n, "Extents", 0, NULL, &r, y);
    fg_node_set_attr(l->ctx, made, "elements", FG_ATTR_INT)->i = 1; /* these may be negative */
    made->covers = n->covers;
    made->n_covers = n->n_covers;
    n->n_out = 0;
    return true;
}

/* What would be constant but for its extents is so as far as the bounds go. */
static bool fold_to_bounds(lowerer *l, fg_node *n) {
    fg_value *y = n->n_out == 1 ? n->out[0] : NULL;
    if (y == NULL || !fg_is_one_of(n, "Range ConstantOfShape")) {
        return false;
    }
    int64_t *symbols = FG_ARRAY(l->ctx, l->g->n_symbols + 1, int64_t);
    fg_tensor *in = FG_ARRAY(l->ctx, n->n_in + 1, fg_tensor), out;
    for (int i = 0; i < l->g->n_symbols; i++) {
        symbols[i] = l->g->symbols[i].most;
    }
    for (int i = 0; i < n->n_in; i++) {
        const fg_value *v = n->in[i];
        in[i] = (fg_tensor){v->dtype, v->shape, (void *)v->data};
        if (v->data == NULL) {
            const int64_t count = fg_shape_count(&v->shape);
            int64_t *data = FG_ARRAY(l->ctx, count + 1, int64_t);
            for (int64_t k = 0; v->elements != NULL && k < count; k++) {
                data[k] = fg_form_at(&v->elements[k], symbols);
            }
            if (v->elements == NULL || v->dtype != FG_INT64 || (i != 1 && fg_is_op(n, "Range"))) {
                refuse(l, n, "it does not only end there");
            }
            in[i].data = data;
        }
    }
    fg_evaluate(l->g, fg_infer_again(l->g, n, in), in, &out, false);
    fg_value *c = fg_graph_const(l->g, fg_format(l->ctx, "%s/whole", y->name), y->dtype, &y->shape, out.data);
    fg_node *copy = fg_graph_node(l->g, "Identity", 1, &c, 1, &y);
    copy->op = fg_op_find("", "Identity", l->g->opset > 0 ? l->g->opset : 13);
    copy->name = n->name;
    copy->index = n->index;
    copy->covers = n->covers;
    copy->n_covers = n->n_covers;
    n->n_out = 0;
    return true;
}

/* What it returns is known whatever the extents are. */
static bool is_constant(const fg_node *n) {
    bool all = true;
    for (int i = 0; i < n->n_out; i++) {
        all = all && (n->out[i] == NULL || n->out[i]->data != NULL);
    }
    return all;
}

static bool is_limit(const fg_node *n) {
    return strcmp(n->op_type, "Limit") == 0 && strcmp(n->domain, FG_OWN_DOMAIN) == 0;
}

/* The true extent is told, and counted anew. */
static void limit(lowerer *l, fg_node *n) {
    const fg_form form = fg_extent_form(n->in[0], (int)fg_attr_int(n, "axis", 0));
    const rows r = rows_of(l, &form, 1);
    fg_value **in = FG_ARRAY(l->ctx, 1 + r.n, fg_value *);
    in[0] = n->in[0];
    for (int i = 0; i < r.n; i++) {
        in[1 + i] = symbol_value(l, r.symbol[i]);
    }
    n->in = in;
    n->n_in = 1 + r.n;
    set_ints(l, n, "forms", r.count * (r.n + 1), r.ints);
}

static bool is_choice(const fg_node *n) {
    return strcmp(n->op_type, "Choose") == 0 && strcmp(n->domain, FG_OWN_DOMAIN) == 0;
}

static void lower_node(lowerer *l, fg_node *n) {
    fg_context_set_node(l->ctx, n);
    if (is_limit(n)) {
        limit(l, n);
        return;
    }
    if (fg_is_loop_enter(n) || fg_is_loop_next(n)) {
        return; /* states are carried as far as their bounds go */
    }
    if (is_choice(n)) {
        choose(l, n);
        return;
    }
    if (tell(l, n) || fold_to_bounds(l, n)) {
        return;
    }
    if (n->op != NULL && n->op->scalar != NULL) {
        return;
    }
    for (size_t i = 0; i < FG_COUNT(rules); i++) {
        if (fg_is_one_of(n, rules[i].ops)) {
            rules[i].apply(l, n);
            return;
        }
    }
    refuse(l, n, "this operator does not take that yet");
}

/* The value of the interface is made, packed, from what the graph goes on with. */
static void lower_output(lowerer *l, int i, fg_value **shapes, int *n_shapes) {
    fg_value *v = l->g->outputs[i];
    const fg_node *n = v->producer;
    fg_value *told = fg_graph_value(l->g, fg_format(l->ctx, "%s_shape", v->name));
    told->dtype = FG_INT64;
    told->shape = (fg_shape){1, {v->shape.rank}};
    told->shape_known = told->is_output = true;
    const rows r = extent_rows(l, v);
    own_node(l, n, "Extents", 0, NULL, &r, told);
    shapes[(*n_shapes)++] = told;
    if (v->packed) {
        refuse(l, n, "the result is returned twice");
    }
    v->packed = true;
    if (is_leading(v)) {
        return;
    }
    fg_value *inner = like(l, v, "inside");
    inner->ref = v->ref;
    fg_graph_replace(l->g, v, inner);
    for (int o = 0; o < l->g->n_outputs; o++) {
        l->g->outputs[o] = l->g->outputs[o] == inner ? v : l->g->outputs[o];
    }
    for (int o = 0; o < n->n_out; o++) {
        n->out[o] = n->out[o] == v ? inner : n->out[o];
    }
    inner->producer = (fg_node *)n;
    inner->is_output = false;
    v->is_output = true;
    own_node(l, n, "Pack", 1, &inner, &r, v);
}

static void drop_replaced(fg_graph *g) {
    int kept = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        if (g->nodes[i]->n_out > 0) {
            g->nodes[kept++] = g->nodes[i];
        }
    }
    g->n_nodes = kept;
}

void fg_lower_extents(fg_graph *g) {
    lowerer l = {.ctx = g->ctx, .g = g, .symbol = FG_ARRAY(g->ctx, g->n_symbols + 1, fg_value *)};
    const int n_nodes = g->n_nodes;
    if (g->n_symbols == 0) {
        return;
    }
    for (int i = 0; i < n_nodes; i++) {
        const fg_node *n = g->nodes[i];
        if ((fg_has_dynamic_operand(n) || is_choice(n)) && !is_constant(n)) {
            lower_node(&l, g->nodes[i]);
        }
    }
    fg_context_set_node(g->ctx, NULL);
    drop_replaced(g);
    fg_graph_link(g);
    fg_value **shapes = FG_ARRAY(g->ctx, g->n_outputs + 1, fg_value *);
    int n_shapes = 0;
    for (int i = 0; i < g->n_outputs; i++) {
        if (g->outputs[i]->producer != NULL && fg_is_dynamic(g->outputs[i])) {
            lower_output(&l, i, shapes, &n_shapes);
        }
    }
    fg_value **all = FG_ARRAY(g->ctx, g->n_outputs + n_shapes + 1, fg_value *);
    memcpy(all, g->outputs, (size_t)g->n_outputs * sizeof *all);
    memcpy(all + g->n_outputs, shapes, (size_t)n_shapes * sizeof *all);
    g->outputs = all;
    g->n_outputs += n_shapes;
    fg_graph_link(g);
}
