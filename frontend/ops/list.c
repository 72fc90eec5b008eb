/* Sequences and optionals: lists of values, resolved while shapes are inferred, so that nothing of them is
 * left in the graph. Positions must be constant, but for SequenceAt on elements of one shape. */
#include "frontend/expand.h"
#include "frontend/reference/elements.h"

#include <string.h>

/* Position operand i of a sequence of n elements; may point behind the last one if `behind`. */
static int position(fg_context *ctx, const fg_node *n, int i, int count, bool behind) {
    fg_require_const(ctx, n, i, "position");
    int64_t at = fg_const_int(n->in[i], 0);
    if (fg_shape_count(&n->in[i]->shape) != 1 || at < -count || at > count - !behind) {
        fg_raise(ctx, FG_BAD_MODEL, "position %lld is out of range for %d elements", (long long)at, count);
    }
    return (int)(at < 0 ? at + count : at);
}

static bool given(const fg_node *n, int i) {
    return i < n->n_in && n->in[i] != NULL;
}

static void infer_construct(fg_context *ctx, fg_graph *g, fg_node *n) {
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] == NULL || n->in[i]->is_sequence || n->in[i]->dtype != n->in[0]->dtype) {
            fg_raise(ctx, FG_BAD_MODEL, "operands must be tensors of one type");
        }
    }
    fg_set_items(g, n, 0, n->n_in, n->in);
    fg_replaced(n);
}

static void infer_empty(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)ctx;
    fg_set_items(g, n, 0, 0, NULL);
    fg_replaced(n);
}

static void infer_insert(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_value *s = fg_need_items(ctx, n, 0);
    int at = given(n, 2) ? position(ctx, n, 2, s->n_items, true) : s->n_items;
    fg_value **items = FG_ARRAY(ctx, s->n_items + 1, fg_value *);
    for (int i = 0; i < s->n_items + 1; i++) {
        items[i] = i < at ? s->items[i] : i == at ? n->in[1] : s->items[i - 1];
    }
    fg_set_items(g, n, 0, s->n_items + 1, items);
    fg_replaced(n);
}

static void infer_erase(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_value *s = fg_need_items(ctx, n, 0);
    if (s->n_items == 0) {
        fg_raise(ctx, FG_BAD_MODEL, "the sequence has no elements");
    }
    int at = given(n, 1) ? position(ctx, n, 1, s->n_items, false) : s->n_items - 1;
    fg_value **items = FG_ARRAY(ctx, s->n_items, fg_value *);
    for (int i = 0; i + 1 < s->n_items; i++) {
        items[i] = s->items[i < at ? i : i + 1];
    }
    fg_set_items(g, n, 0, s->n_items - 1, items);
    fg_replaced(n);
}

static bool one_shape(const fg_value *s) {
    for (int i = 0; i < s->n_items; i++) {
        const fg_value *v = s->items[i];
        if (v->is_sequence || v->dtype != s->items[0]->dtype ||
            !fg_shape_equal(&v->shape, &s->items[0]->shape)) {
            return false;
        }
    }
    return s->n_items > 0;
}

static void infer_at(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_value *s = fg_need_items(ctx, n, 0);
    if (n->in[1]->data == NULL && one_shape(s) && n->in[1]->shape.rank == 0) {
        fg_value *chosen = fg_put(g, n, "Gather", 2,
                                  (fg_value *[]){fg_put_stacked(g, n, s->n_items, s->items, 0), n->in[1]});
        fg_put_output(g, n, 0, chosen);
    } else {
        fg_put_output(g, n, 0, s->items[position(ctx, n, 1, s->n_items, false)]);
    }
    fg_replaced(n);
}

/* Output 0 is a constant scalar. */
static void set_scalar(fg_context *ctx, fg_node *n, fg_dtype t, const void *data) {
    fg_shape s = {0, {0}};
    fg_out_shape(ctx, n, 0, t, &s);
    n->out[0]->data = data;
    fg_replaced(n);
}

static void infer_length(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    int64_t *length = FG_NEW(ctx, int64_t);
    *length = fg_need_items(ctx, n, 0)->n_items;
    set_scalar(ctx, n, FG_INT64, length);
}

/* ---- between tensors and sequences ---- */

/* Extents of the pieces; returns how many there are. */
static int piece_extents(fg_context *ctx, fg_node *n, int64_t whole, int64_t **extents) {
    enum { MOST = 65536 };
    int64_t each = 1, sum = 0;
    int count = 0;
    bool list = given(n, 1) && n->in[1]->shape.rank == 1;
    if (given(n, 1)) {
        fg_require_const(ctx, n, 1, "split");
    }
    if (given(n, 1) && !list) {
        each = fg_const_int(n->in[1], 0);
    }
    if (each < 1 || (list ? n->in[1]->shape.dim[0] : whole / each) > MOST) {
        fg_raise(ctx, FG_UNSUPPORTED, "operand 'split' asks for too many pieces");
    }
    count = (int)(list ? n->in[1]->shape.dim[0] : (whole + each - 1) / each);
    *extents = FG_ARRAY(ctx, count + 1, int64_t);
    for (int i = 0; i < count; i++) {
        int64_t left = whole - sum;
        (*extents)[i] = list ? fg_const_int(n->in[1], i) : left < each ? left : each;
        if ((*extents)[i] < 0 || (*extents)[i] > left) {
            fg_raise(ctx, FG_BAD_MODEL, "operand 'split' does not add up to the extent %lld",
                     (long long)whole);
        }
        sum += (*extents)[i];
    }
    if (sum != whole) {
        fg_raise(ctx, FG_BAD_MODEL, "operand 'split' does not add up to the extent %lld", (long long)whole);
    }
    return count;
}

static void infer_split(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_shape *x = &n->in[0]->shape;
    int axis = fg_axis(ctx, n, fg_attr_int(n, "axis", 0), x->rank);
    int64_t *extents;
    int count = piece_extents(ctx, n, x->dim[axis], &extents);
    fg_value **pieces = FG_ARRAY(ctx, count + 1, fg_value *);
    fg_put_split(g, n, n->in[0], axis, count, extents, pieces);
    for (int i = 0; i < count && !given(n, 1) && fg_attr_int(n, "keepdims", 1) == 0; i++) {
        pieces[i] = fg_put_squeezed(g, n, pieces[i], axis);
    }
    fg_set_items(g, n, 0, count, pieces);
    fg_replaced(n);
}

static void infer_join(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_value *s = fg_need_items(ctx, n, 0);
    if (fg_node_attr(n, "axis") == NULL) {
        fg_raise(ctx, FG_BAD_MODEL, "attribute 'axis' is missing");
    }
    if (s->n_items == 0) {
        fg_raise(ctx, FG_UNSUPPORTED, "a sequence without elements has no shape to be joined to");
    }
    int64_t axis = fg_attr_int(n, "axis", 0);
    fg_value *all;
    if (fg_attr_int(n, "new_axis", 0) != 0) {
        if (!one_shape(s)) {
            fg_raise(ctx, FG_BAD_MODEL, "elements of different shapes cannot be stacked");
        }
        all = fg_put_stacked(g, n, s->n_items, s->items, fg_axis(ctx, n, axis, s->items[0]->shape.rank + 1));
    } else {
        all = fg_put(g, n, "Concat", s->n_items, s->items);
        fg_put_int(g, all, "axis", axis);
    }
    fg_put_output(g, n, 0, all);
    fg_replaced(n);
}

/* ---- SequenceMap ---- */

static void infer_map(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_attr *a = fg_attr_of(n, "body", FG_ATTR_GRAPH);
    const fg_graph *body = a == NULL ? NULL : a->graph;
    int count = fg_need_items(ctx, n, 0)->n_items;
    if (body == NULL || body->n_inputs != n->n_in || body->n_outputs < n->n_out) {
        fg_raise(ctx, FG_BAD_MODEL, "the body does not fit the operator's operands and results");
    }
    fg_value **args = FG_ARRAY(ctx, n->n_in + 1, fg_value *);
    fg_value **made = FG_ARRAY(ctx, (int64_t)count * body->n_outputs + 1, fg_value *);
    for (int k = 0; k < count; k++) {
        for (int i = 0; i < n->n_in; i++) {
            bool listed = n->in[i] != NULL && n->in[i]->is_sequence;
            if (listed && fg_need_items(ctx, n, i)->n_items != count) {
                fg_raise(ctx, FG_BAD_MODEL, "sequences of %d and %d elements cannot be walked together",
                         count, n->in[i]->n_items);
            }
            args[i] = listed ? n->in[i]->items[k] : n->in[i];
        }
        fg_graph_splice(g, body, args, made + (int64_t)k * body->n_outputs);
    }
    fg_value **items = FG_ARRAY(ctx, count + 1, fg_value *);
    for (int o = 0; o < n->n_out; o++) {
        for (int k = 0; k < count; k++) {
            items[k] = made[(int64_t)k * body->n_outputs + o];
        }
        fg_set_items(g, n, o, count, items);
    }
    fg_replaced(n);
}

/* ---- optionals ---- */

static void infer_optional(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)ctx;
    fg_set_items(g, n, 0, given(n, 0) ? 1 : 0, n->in);
    n->out[0]->is_optional = true;
    fg_replaced(n);
}

static void infer_get_element(fg_context *ctx, fg_graph *g, fg_node *n) {
    fg_value *v = n->in[0];
    if (v->is_optional) {
        if (fg_need_items(ctx, n, 0)->n_items == 0) {
            fg_raise(ctx, FG_BAD_MODEL, "optional '%s' has no element", v->name);
        }
        v = v->items[0];
    }
    fg_put_output(g, n, 0, v);
    fg_replaced(n);
}

static void infer_has_element(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    unsigned char *has = FG_NEW(ctx, unsigned char);
    *has = given(n, 0) && (!n->in[0]->is_optional || fg_need_items(ctx, n, 0)->n_items > 0);
    set_scalar(ctx, n, FG_BOOL, has);
}

#define ROW(NAME, SINCE, MIN, MAX, OUT, TYPES, INFER)                                                        \
    {                                                                                                        \
        .name = NAME, .domain = "", .since = SINCE, .min_in = MIN, .max_in = MAX, .max_out = OUT,            \
        .types = TYPES, .infer = INFER                                                                       \
    }

const fg_op fg_ops_list[] = {
    ROW("SequenceConstruct", 11, 1, -1, 1, FG_T_ANY, infer_construct),
    ROW("SequenceEmpty", 11, 0, 0, 1, FG_T_ANY, infer_empty),
    ROW("SequenceInsert", 11, 2, 3, 1, FG_T_ANY, infer_insert),
    ROW("SequenceErase", 11, 1, 2, 1, FG_T_ANY, infer_erase),
    ROW("SequenceAt", 11, 2, 2, 1, FG_T_ANY, infer_at),
    ROW("SequenceLength", 11, 1, 1, 1, FG_T_ANY, infer_length),
    ROW("SplitToSequence", 11, 1, 2, 1, FG_T_ANY, infer_split),
    ROW("ConcatFromSequence", 11, 1, 1, 1, FG_T_ANY, infer_join),
    ROW("SequenceMap", 17, 1, -1, -1, FG_T_ANY, infer_map),
    ROW("Optional", 15, 0, 1, 1, FG_T_ANY, infer_optional),
    ROW("OptionalGetElement", 15, 1, 1, 1, FG_T_ANY, infer_get_element),
    ROW("OptionalHasElement", 15, 0, 1, 1, FG_T_ANY, infer_has_element),
};
const int fg_ops_list_count = FG_COUNT(fg_ops_list);
