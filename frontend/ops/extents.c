/* Operators of rewritten graphs only, by which extents that depend on data are told, filled up and packed.
 * Behind their tensors they read the extents' symbols, one int64 each; attribute `forms` has a row for each
 * extent or element: the constant, then a factor for each symbol. An extent that would be negative is 0; with
 * attribute `elements` the rows of Extents are elements, which may be. */
#include "frontend/reference/extents.h"

#include "frontend/extent.h"

static void infer_told(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_attr *forms = fg_node_attr(n, "forms");
    FG_REQUIRE(ctx, "extents", forms != NULL && n->n_in > 0);
    const fg_shape s = {1, {forms->n / (n->n_in + 1)}};
    fg_out_shape(ctx, n, 0, FG_INT64, &s);
}

/* One of two tensors, by a condition; they may differ in one extent. */
static void infer_choose(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_value *a = n->in[1], *b = n->in[2];
    int differs = -1;
    bool alike = !a->is_sequence && !b->is_sequence && a->dtype == b->dtype && a->shape.rank == b->shape.rank;
    for (int d = 0; alike && d < a->shape.rank; d++) {
        if (a->shape.dim[d] != b->shape.dim[d] || !fg_form_equal(a->extent[d], b->extent[d])) {
            alike = differs < 0;
            differs = d;
        }
    }
    if (!alike) {
        fg_remedy(ctx, "bind it, or the graph inputs it depends on, with --const NAME=FILE.npy");
        fg_raise(ctx, FG_UNSUPPORTED,
                 "operand 'cond' ('%s') must be constant, for the branches differ in more "
                 "than one extent",
                 n->in[0]->name);
    }
    fg_shape y = a->shape;
    if (differs < 0) {
        fg_out_shape(ctx, n, 0, a->dtype, &y);
    } else {
        if (b->shape.dim[differs] > y.dim[differs]) {
            y.dim[differs] = b->shape.dim[differs];
        }
        fg_out_symbol(ctx, g, n, 0, a->dtype, &y, differs, fg_new_symbol(g, y.dim[differs]));
    }
    for (int d = 0; d < y.rank; d++) {
        if (d != differs) {
            fg_out_same_extent(n, 0, d, a, d);
        }
    }
}

/* A list of integers that decide on extents, each from 0 to `most`: every one is a symbol. */
static void infer_at_most(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_value *x = n->in[0];
    const int64_t most = fg_attr_int(n, "most", 0), count = fg_shape_count(&x->shape);
    fg_out_shape(ctx, n, 0, x->dtype, &x->shape);
    fg_form *forms = FG_ARRAY(ctx, count + 1, fg_form);
    for (int64_t i = 0; i < count; i++) {
        const int k = fg_new_symbol(g, most);
        g->symbols[k].value = n->out[0];
        g->symbols[k].dim = -1 - (int)i;
        forms[i] = (fg_form){.n = 1, .term = {{k, 1}}};
    }
    n->out[0]->elements = forms;
    n->out[0]->bound = most < INT64_MAX ? most + 1 : most;
}

/* A tensor of which one extent, which depends on data, is `most` at most. */
static void infer_limit(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_value *x = n->in[0];
    const int axis = (int)fg_attr_int(n, "axis", 0);
    const int64_t most = fg_attr_int(n, "most", 0);
    fg_shape y = x->shape;
    y.dim[axis] = y.dim[axis] < most ? y.dim[axis] : most;
    fg_out_symbol(ctx, g, n, 0, x->dtype, &y, axis, fg_new_symbol(g, most));
    for (int d = 0; d < y.rank; d++) {
        if (d != axis) {
            fg_out_same_extent(n, 0, d, x, d);
        }
    }
    n->out[0]->bound = x->bound;
}

/* A slice along one axis, between entries of two lists that only a run knows. */
static void infer_cut(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_value *x = n->in[0];
    const int axis = (int)fg_attr_int(n, "axis", 0);
    const int64_t step = fg_attr_int(n, "step", 1);
    for (int i = 1; i < 3; i++) {
        if (n->in[i]->dtype != FG_INT32 && n->in[i]->dtype != FG_INT64) {
            fg_raise(ctx, FG_BAD_MODEL, "operand '%s' is no list of int32 or int64", n->in[i]->name);
        }
    }
    if (step == 0 || step == INT64_MIN) {
        fg_raise(ctx, FG_BAD_MODEL, "the step of axis %d is %lld", axis, (long long)step);
    }
    fg_shape y = x->shape;
    const int64_t size = step < 0 ? -step : step;
    y.dim[axis] = y.dim[axis] > 0 ? (y.dim[axis] - 1) / size + 1 : 0;
    fg_out_symbol(ctx, g, n, 0, x->dtype, &y, axis, fg_new_symbol(g, y.dim[axis]));
    for (int d = 0; d < y.rank; d++) {
        if (d != axis) {
            fg_out_same_extent(n, 0, d, x, d);
        }
    }
    n->out[0]->bound = x->bound;
    for (int i = 1; i < 3; i++) {
        fg_bound_index(n->in[i], x->shape.dim[axis] + 1);
    }
}

#define ROW(NAME, INFER, REFERENCE, LOWERING)                                                                \
    {                                                                                                        \
        .name = NAME, .domain = FG_OWN_DOMAIN, .since = 1, .min_in = 1, .max_in = -1, .max_out = 1,          \
        .types = FG_T_ALL, .infer = INFER, .reference = REFERENCE, .lowering = LOWERING                      \
    }

const fg_op fg_ops_extents[] = {
    ROW("Extents", infer_told, fg_ref_extents, "extents"), /* of nothing but symbols */
    ROW("FillTail", fg_infer_same, fg_ref_same, "fill_tail"),
    ROW("Pack", fg_infer_same, fg_ref_same, "pack"),         /* elements side by side, row-major */
    ROW("Unpack", fg_infer_same, fg_ref_same, "pack"),       /* and back */
    ROW("Choose", infer_choose, fg_ref_choose, "choose"),    /* of both branches of an If */
    ROW("AtMost", infer_at_most, fg_ref_at_most, "at_most"), /* what the user says of data */
    ROW("Cut", infer_cut, fg_ref_cut, "cut"),
    ROW("Limit", infer_limit, fg_ref_limit, "limit"),
    ROW("Join", fg_infer_same, NULL, "join"), /* Concat along such an extent */
    ROW("PadTold", fg_infer_same, NULL,
        "pad"), /* Pad of such extents or by so much; pads and axes are told */
};
const int fg_ops_extents_count = FG_COUNT(fg_ops_extents);
