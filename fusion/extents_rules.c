/* What each operator needs where extents depend on data; see extents.c. */
#include <string.h>

#include "fusion/extents_own.h"
#include "fusion/rewrite.h"

static void any_place(fg_extents *l, fg_node *n) {
    (void)l;
    (void)n;
}

/* Only the batch may vary. */
static void batch_only(fg_extents *l, fg_node *n) {
    for (int i = 0; i < n->n_in; i++) {
        for (int d = i == 0; n->in[i] != NULL && d < n->in[i]->shape.rank; d++) {
            if (fg_extents_dynamic_at(n->in[i], d)) {
                fg_extents_refuse(l, n, "only the first extent of its first operand may");
            }
        }
    }
}

/* Indices into an extent that is less than its bound count from its true end. */
static void need_plain_indices(fg_extents *l, const fg_node *n) {
    const fg_value *k = n->in[1];
    bool plain = k->data != NULL || (k->bound > 0 && !k->is_input);
    for (int64_t i = 0; k->data != NULL && i < fg_shape_count(&k->shape); i++) {
        plain = plain && fg_const_int(k, i) >= 0;
    }
    if (!plain) {
        fg_extents_refuse(l, n, "its indices may be negative");
    }
}

static void gather(fg_extents *l, fg_node *n) {
    const int axis = fg_axis(l->ctx, n, fg_attr_int(n, "axis", 0), n->in[0]->shape.rank);
    if (fg_extents_dynamic_at(n->in[0], axis)) {
        need_plain_indices(l, n);
    }
}

static void gather_tuples(fg_extents *l, fg_node *n) {
    if (n->in[0]->data == NULL && fg_is_dynamic(n->in[0])) {
        need_plain_indices(l, n);
    }
}

static void concat(fg_extents *l, fg_node *n) {
    const int rank = n->out[0]->shape.rank, axis = fg_axis(l->ctx, n, fg_attr_int(n, "axis", 0), rank);
    if (!fg_extents_dynamic_at(n->out[0], axis)) {
        return;
    }
    const int parts = n->n_in;
    fg_form *forms = FG_ARRAY(l->ctx, parts, fg_form);
    for (int i = 0; i < parts; i++) {
        forms[i] = fg_extent_form(n->in[i], axis);
    }
    const fg_form_rows r = fg_extents_rows_of(l, forms, parts);
    fg_node *made = fg_extents_node(l, n, "Join", parts, n->in, &r, n->out[0]);
    fg_node_set_attr(l->ctx, made, "axis", FG_ATTR_INT)->i = axis;
    fg_node_set_attr(l->ctx, made, "parts", FG_ATTR_INT)->i = parts;
    made->covers = n->covers;
    made->n_covers = n->n_covers;
    n->n_out = 0;
}

static int64_t slice_operand(fg_extents *l, const fg_node *n, int operand, const char *attr, int i,
                             int64_t otherwise) {
    if (operand < n->n_in && n->in[operand] != NULL) {
        if (n->in[operand]->data == NULL) {
            fg_extents_refuse(l, n, "its operands are not constant");
        }
        return fg_const_int(n->in[operand], i);
    }
    const fg_attr *a = fg_attr_of(n, attr, FG_ATTR_INTS);
    return a != NULL && i < a->n ? a->ints[i] : otherwise;
}

/* Ends that follow from extents become those of the bounds: what is cut lies in front either way. */
static void bind_ends(fg_extents *l, fg_node *n) {
    fg_value *ends = n->n_in > 2 ? n->in[2] : NULL;
    if (ends == NULL || ends->data != NULL || ends->elements == NULL) {
        return;
    }
    const int count = (int)fg_shape_count(&ends->shape);
    int64_t *symbols = FG_ARRAY(l->ctx, l->g->n_symbols + 1, int64_t);
    int64_t *values = FG_ARRAY(l->ctx, count + 1, int64_t);
    for (int i = 0; i < l->g->n_symbols; i++) {
        symbols[i] = l->g->symbols[i].most;
    }
    for (int i = 0; i < count; i++) {
        values[i] = fg_form_at(&ends->elements[i], symbols);
        if (slice_operand(l, n, 1, "starts", i, 0) < 0 || slice_operand(l, n, 4, "steps", i, 1) < 0) {
            fg_extents_refuse(l, n, "it is cut from its end");
        }
    }
    n->in[2] = fg_extents_constant(l, ends, count, values);
}

static void slice(fg_extents *l, fg_node *n) {
    bind_ends(l, n);
    const fg_attr *a = fg_attr_of(n, "starts", FG_ATTR_INTS);
    const int count =
        n->n_in > 1 && n->in[1] != NULL ? (int)fg_shape_count(&n->in[1]->shape) : (a == NULL ? 0 : a->n);
    for (int i = 0; i < count; i++) {
        const int64_t given = slice_operand(l, n, 3, "axes", i, i);
        const int axis = fg_axis(l->ctx, n, given, n->in[0]->shape.rank);
        if (fg_extents_dynamic_at(n->in[0], axis) &&
            (slice_operand(l, n, 1, "starts", i, 0) < 0 || slice_operand(l, n, 4, "steps", i, 1) < 0)) {
            fg_extents_refuse(l, n, "it is cut from its end");
        }
    }
}

static void split(fg_extents *l, fg_node *n) {
    const int axis = fg_axis(l->ctx, n, fg_attr_int(n, "axis", 0), n->in[0]->shape.rank);
    if (fg_extents_dynamic_at(n->in[0], axis)) {
        fg_extents_refuse(l, n, "it is split");
    }
}

static void expand(fg_extents *l, fg_node *n) {
    fg_extents_bind_shape(l, n, 1);
}

static void tile(fg_extents *l, fg_node *n) {
    for (int d = 0; d < n->in[0]->shape.rank; d++) {
        if (fg_extents_dynamic_at(n->in[0], d) && n->in[0]->shape.dim[d] != n->out[0]->shape.dim[d]) {
            fg_extents_refuse(l, n, "it is repeated");
        }
    }
    int64_t repeats[FG_MAX_RANK]; /* as often as the bounds say: what comes first does not change */
    for (int d = 0; d < n->in[0]->shape.rank; d++) {
        repeats[d] = n->in[0]->shape.dim[d] > 0 ? n->out[0]->shape.dim[d] / n->in[0]->shape.dim[d] : 1;
    }
    if (n->in[1]->data == NULL) {
        n->in[1] = fg_extents_constant(l, n->in[1], n->in[0]->shape.rank, repeats);
    }
}

static void reshape(fg_extents *l, fg_node *n) {
    fg_value *x = n->in[0], *y = n->out[0];
    if (!fg_extents_is_leading(x)) {
        const fg_form_rows r = fg_extents_rows(l, x);
        fg_value *packed = fg_extents_like(l, x, "packed");
        fg_extents_node(l, n, "Pack", 1, &x, &r, packed);
        packed->packed = true;
        n->in[0] = packed;
    }
    if (fg_is_op(n, "Reshape")) {
        fg_extents_bind_shape(l, n, 1);
    }
    if (!fg_extents_is_leading(y)) {
        fg_value *packed = fg_extents_like(l, y, "packed");
        const fg_form_rows r = fg_extents_rows(l, y);
        packed->packed = true;
        n->out[0] = packed;
        packed->producer = n;
        fg_extents_node(l, n, "Unpack", 1, &packed, &r, y);
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
        const fg_attr *a = fg_attr_of(n, "axes", FG_ATTR_INTS);
        count = a->n < FG_MAX_RANK ? a->n : FG_MAX_RANK;
        memcpy(axes, a->ints, (size_t)count * sizeof *axes);
    }
    for (int d = 0; d < x->shape.rank; d++) {
        bool reduced = count <= 0;
        for (int i = 0; i < count && i < FG_MAX_RANK; i++) {
            reduced = reduced || axes[i] == d || axes[i] + x->shape.rank == d;
        }
        if (reduced && fg_extents_dynamic_at(x, d)) {
            return true;
        }
    }
    return false;
}

static void reduce(fg_extents *l, fg_node *n) {
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
            fg_extents_fill(l, n, 0, neutral[i].with);
            return;
        }
    }
    fg_extents_refuse(l, n, "this reduction has no neutral element");
}

/* Along one axis, which attribute `axis` gives (otherwise: its default). */
static void along(fg_extents *l, fg_node *n, int64_t otherwise, fg_fill with) {
    const int axis = fg_axis(l->ctx, n, fg_attr_int(n, "axis", otherwise), n->in[0]->shape.rank);
    if (fg_extents_dynamic_at(n->in[0], axis)) {
        fg_extents_fill(l, n, 0, with);
    }
}

static void softmax(fg_extents *l, fg_node *n) {
    if (l->g->opset < 13 && fg_is_dynamic(n->in[0])) {
        batch_only(l, n);
        if (fg_attr_int(n, "axis", 1) != 1) {
            fg_extents_refuse(l, n, "it goes over several extents");
        }
        return;
    }
    along(l, n, -1, FG_FILL_LOWEST);
}

static void top_k(fg_extents *l, fg_node *n) {
    if (n->n_in > 1 && n->in[1]->data == NULL) {
        n->in[1] = fg_extents_constant(
            l, n->in[1], 1,
            &n->out[0]->shape.dim[fg_axis(l->ctx, n, fg_attr_int(n, "axis", -1), n->out[0]->shape.rank)]);
    }
    along(l, n, -1, fg_attr_int(n, "largest", 1) != 0 ? FG_FILL_LOWEST : FG_FILL_HIGHEST);
}

static void arg_max(fg_extents *l, fg_node *n) {
    if (fg_attr_int(n, "select_last_index", 0) != 0) {
        batch_only(l, n);
    }
    along(l, n, 0, FG_FILL_LOWEST);
}

static void arg_min(fg_extents *l, fg_node *n) {
    if (fg_attr_int(n, "select_last_index", 0) != 0) {
        batch_only(l, n);
    }
    along(l, n, 0, FG_FILL_HIGHEST);
}

static void cumsum(fg_extents *l, fg_node *n) {
    if (fg_attr_int(n, "reverse", 0) != 0) {
        fg_extents_fill(l, n, 0, FG_FILL_ZERO);
    }
}

static void matmul(fg_extents *l, fg_node *n) {
    const bool ta = fg_attr_int(n, "transA", 0) != 0, tb = fg_attr_int(n, "transB", 0) != 0;
    const int ra = n->in[0]->shape.rank, rb = n->in[1]->shape.rank;
    const int ka = ra == 1 ? 0 : ta ? ra - 2 : ra - 1, kb = rb == 1 ? 0 : tb ? rb - 1 : rb - 2;
    if (fg_extents_dynamic_at(n->in[0], ka) || fg_extents_dynamic_at(n->in[1], kb)) {
        fg_extents_fill(l, n, 0, FG_FILL_ZERO);
        fg_extents_fill(l, n, 1, FG_FILL_ZERO);
    }
}

/* What is counted has to be there. */
static void counted(fg_extents *l, fg_node *n) {
    if (fg_is_op(n, "Compress")) {
        fg_extents_fill(l, n, 1, FG_FILL_ZERO);
        if (fg_node_attr(n, "axis") == NULL && !fg_extents_is_leading(n->in[0])) {
            fg_extents_refuse(l, n, "it is taken as a list");
        }
    } else {
        fg_extents_fill(l, n, 0, FG_FILL_ZERO);
    }
}

static void unique(fg_extents *l, fg_node *n) {
    fg_extents_refuse(l, n, "elements are counted");
}

/* The number of boxes is told. */
static void suppress(fg_extents *l, fg_node *n) {
    const fg_value *boxes = n->in[0], *scores = n->in[1];
    if (fg_extents_dynamic_at(boxes, 0) || fg_extents_dynamic_at(scores, 0) ||
        fg_extents_dynamic_at(scores, 1)) {
        fg_extents_refuse(l, n, "only the number of boxes may");
    }
    if (fg_extents_dynamic_at(boxes, 1)) {
        const fg_form form = fg_extent_form(boxes, 1);
        fg_extents_tell(l, n, 5, &form, 1);
    }
}

/* So is that of updates: those beyond must not be made. */
static void scatter(fg_extents *l, fg_node *n) {
    const fg_value *x = n->in[0], *k = n->in[1], *updates = n->in[2];
    const bool tuples = fg_is_op(n, "ScatterND");
    const int axis = tuples ? 0 : fg_axis(l->ctx, n, fg_attr_int(n, "axis", 0), x->shape.rank);
    const int64_t length = tuples ? k->shape.dim[k->shape.rank - 1] : 1;
    for (int d = 1; d < k->shape.rank; d++) {
        if (fg_extents_dynamic_at(k, d)) {
            fg_extents_refuse(l, n, "only the first extent of its indices may");
        }
    }
    for (int64_t d = axis; d < axis + length; d++) {
        if (fg_extents_dynamic_at(x, (int)d)) {
            need_plain_indices(l, n);
        }
    }
    if (fg_extents_dynamic_at(k, 0) || fg_extents_dynamic_at(updates, 0)) {
        const fg_form form = fg_extent_form(k, 0);
        fg_extents_tell(l, n, 3, &form, 1);
    }
}

/* How many regions there are may vary; those beyond are empty ones of the first picture. */
static void regions(fg_extents *l, fg_node *n) {
    for (int d = 1; d < n->in[0]->shape.rank; d++) {
        if (fg_extents_dynamic_at(n->in[0], d)) {
            fg_extents_refuse(l, n, "only how many pictures and regions there are may");
        }
    }
    fg_extents_fill(l, n, 1, FG_FILL_ZERO);
    fg_extents_fill(l, n, 2, FG_FILL_ZERO);
}

/* The depth is told: indices below zero count from it. */
static void one_hot(fg_extents *l, fg_node *n) {
    const fg_value *y = n->out[0];
    const int axis = fg_axis(l->ctx, n, fg_attr_int(n, "axis", -1), y->shape.rank);
    if (fg_extents_dynamic_at(y, axis)) {
        const fg_form depth = fg_extent_form(y, axis);
        fg_extents_tell(l, n, 3, &depth, 1);
    }
    if (n->in[1]->data == NULL) {
        n->in[1] = fg_extents_constant(l, n->in[1], 1, &y->shape.dim[axis]);
    }
}

/* Entry i of the pads of a node that has so many. */
static fg_form pad_form(const fg_node *n, int i) {
    const fg_value *v = n->n_in > 1 ? n->in[1] : NULL;
    if (v != NULL && v->data == NULL && v->elements != NULL) {
        return v->elements[i];
    }
    const fg_attr *a = fg_attr_of(n, "pads", FG_ATTR_INTS);
    return (fg_form){.constant = v != NULL ? fg_const_int(v, i) : a->ints[i]};
}

/* What is put before each extent, and the extents themselves, are told. */
static void pad(fg_extents *l, fg_node *n) {
    const int rank = n->in[0]->shape.rank;
    int64_t axes[FG_MAX_RANK];
    fg_form forms[2 * FG_MAX_RANK] = {{0}};
    const fg_value *pads = n->n_in > 1 ? n->in[1] : NULL, *named = n->n_in > 3 ? n->in[3] : NULL;
    if ((named != NULL && named->data == NULL) ||
        (pads != NULL && pads->data == NULL && pads->elements == NULL)) {
        fg_extents_refuse(l, n, "what it is padded by is not known");
    }
    const int k = fg_operand_ints(l->ctx, n, 3, NULL, FG_MAX_RANK, axes), given = k < 0 ? rank : k;
    bool seen[FG_MAX_RANK] = {false};
    for (int i = 0; i < given; i++) {
        const int axis = fg_axis(l->ctx, n, k < 0 ? i : axes[i], rank);
        if (seen[axis]) {
            fg_extents_refuse(l, n, "an axis is named twice");
        }
        seen[axis] = true;
        forms[axis] = pad_form(n, i);
    }
    for (int d = 0; d < rank; d++) {
        forms[rank + d] = fg_extent_form(n->in[0], d);
    }
    fg_extents_tell(l, n, 4, forms, 2 * rank);
    n->in[1] = n->in[3] = NULL;
    fg_node_set_attr(l->ctx, n, "elements", FG_ATTR_INT)->i = 1; /* pads may be negative */
    n->op_type = "PadTold";
    n->domain = FG_OWN_DOMAIN;
    n->op = fg_op_find(FG_OWN_DOMAIN, n->op_type, 1);
    FG_REQUIRE(l->ctx, "extents", n->op != NULL);
}

static const struct {
    const char *ops;
    fg_extents_rule *apply;
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
    {"OneHot", one_hot},
    {"Pad", pad},
};

fg_extents_rule *fg_extents_find_rule(const fg_node *n) {
    for (size_t i = 0; i < FG_COUNT(rules); i++) {
        if (fg_is_one_of(n, rules[i].ops)) {
            return rules[i].apply;
        }
    }
    return NULL;
}
