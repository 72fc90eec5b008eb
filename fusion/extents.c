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

#include "frontend/interpret.h"
#include "frontend/loops.h"
#include "fusion/extents_own.h"
#include "fusion/rewrite.h"

/* ---- symbols ---- */

static fg_value *symbol_value(fg_extents *l, int k);

static int place_of(fg_extents *l, fg_form_rows *r, int symbol) {
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

fg_form_rows fg_extents_rows_of(fg_extents *l, const fg_form *forms, int count) {
    fg_form_rows r = {.count = count, .cap = FG_FORM_TERMS * count + 1};
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

fg_form_rows fg_extents_rows(fg_extents *l, const fg_value *v) {
    fg_form forms[FG_MAX_RANK];
    for (int d = 0; d < v->shape.rank; d++) {
        forms[d] = fg_extent_form(v, d);
    }
    return fg_extents_rows_of(l, forms, v->shape.rank);
}

static void set_ints(fg_extents *l, fg_node *n, const char *name, int count, const int64_t *values) {
    fg_attr *a = fg_node_set_attr(l->ctx, n, name, FG_ATTR_INTS);
    int64_t *copy = FG_ARRAY(l->ctx, count + 1, int64_t);
    memcpy(copy, values, (size_t)count * sizeof *copy);
    a->n = count;
    a->ints = copy;
}

/* ---- building ---- */

/* A node of ours that reads n_in tensors and the symbols of r, and makes `out`. */
fg_node *fg_extents_node(fg_extents *l, const fg_node *at, const char *op, int n_in, fg_value *const *in,
                         const fg_form_rows *r, fg_value *out) {
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
static fg_value *counted_value(fg_extents *l, int k, fg_value *counted) {
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
static fg_value *least_value(fg_extents *l, int k, const fg_value *v) {
    const fg_symbol *s = &l->g->symbols[k];
    const fg_form_rows r = fg_extents_rows_of(l, s->least_of, 1);
    fg_value *y = fg_graph_value(l->g, fg_format(l->ctx, "%s/least", v->name));
    y->dtype = FG_INT64;
    y->shape = (fg_shape){1, {1}};
    y->shape_known = true;
    y->symbol = k + 1;
    fg_node *made = fg_extents_node(l, v->producer, "Extents", 0, NULL, &r, y);
    fg_node_set_attr(l->ctx, made, "most", FG_ATTR_INT)->i = s->most;
    return y;
}

/* An element that the graph computes. */
static fg_value *element_value(fg_extents *l, fg_value *v, int64_t i) {
    if (fg_shape_count(&v->shape) == 1) {
        return v;
    }
    fg_value *in[2] = {v, fg_extents_constant(l, v, 1, &i)},
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

static fg_value *symbol_value(fg_extents *l, int k) {
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

fg_value *fg_extents_like(fg_extents *l, const fg_value *v, const char *what) {
    fg_value *y = fg_graph_value(l->g, fg_format(l->ctx, "%s/%s", v->name, what));
    y->dtype = v->dtype;
    y->shape = v->shape;
    y->shape_known = true;
    y->ref = v->ref; /* as far as the true extents go */
    memcpy(y->extent, v->extent, sizeof y->extent);
    return y;
}

/* x with its tail filled, for n to read. */
static fg_value *filled(fg_extents *l, const fg_node *n, fg_value *x, fg_fill with) {
    const fg_form_rows r = fg_extents_rows(l, x);
    fg_value *y = fg_extents_like(l, x, "filled");
    fg_node *made = fg_extents_node(l, n, "FillTail", 1, &x, &r, y);
    fg_node_set_attr(l->ctx, made, "fill", FG_ATTR_INT)->i = with;
    y->tail = (int)with + 1;
    return y;
}

void fg_extents_fill(fg_extents *l, fg_node *n, int i, fg_fill with) {
    if (i < n->n_in && n->in[i] != NULL && n->in[i]->data == NULL && fg_is_dynamic(n->in[i])) {
        n->in[i] = filled(l, n, n->in[i], with);
    }
}

fg_value *fg_extents_constant(fg_extents *l, const fg_value *like_name, int count, const int64_t *values) {
    int64_t *data = FG_ARRAY(l->ctx, count + 1, int64_t);
    memcpy(data, values, (size_t)count * sizeof *data);
    const fg_shape s = {1, {count}};
    return fg_graph_const(l->g, fg_format(l->ctx, "%s/bound", like_name->name), FG_INT64, &s, data);
}

/* A shape operand becomes the bounds of the result. */
void fg_extents_bind_shape(fg_extents *l, fg_node *n, int i) {
    if (n->in[i]->data == NULL) {
        n->in[i] = fg_extents_constant(l, n->in[i], n->out[0]->shape.rank, n->out[0]->shape.dim);
    }
}

_Noreturn void fg_extents_refuse(fg_extents *l, const fg_node *n, const char *why) {
    fg_context_set_node(l->ctx, n);
    fg_remedy(l->ctx, "export the model with fixed extents, or bind the inputs that decide with --const");
    fg_raise(l->ctx, FG_UNSUPPORTED, "an extent of its operands depends on data, and %s", why);
}

bool fg_extents_dynamic_at(const fg_value *v, int d) {
    return v != NULL && v->data == NULL && v->extent[d] != NULL;
}

/* All of its elements lie in front, side by side, whatever the true extents are. */
bool fg_extents_is_leading(const fg_value *v) {
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

/* n reads the symbols of these forms behind its operands, of which it takes at most so many. */
void fg_extents_tell(fg_extents *l, fg_node *n, int operands, const fg_form *forms, int count) {
    const fg_form_rows r = fg_extents_rows_of(l, forms, count);
    fg_value **in = FG_ARRAY(l->ctx, operands + r.n, fg_value *);
    memcpy(in, n->in, (size_t)n->n_in * sizeof *in);
    for (int i = 0; i < r.n; i++) {
        in[operands + i] = symbol_value(l, r.symbol[i]);
    }
    n->in = in;
    n->n_in = operands + r.n;
    set_ints(l, n, "forms", r.count * (r.n + 1), r.ints);
}

/* ---- the pass ---- */

/* Its results follow from extents alone: told straight from the symbols. */
static bool tell(fg_extents *l, fg_node *n) {
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
    const fg_form_rows r = fg_extents_rows_of(l, y->elements, count);
    fg_node *made = fg_extents_node(l, n, "Extents", 0, NULL, &r, y);
    fg_node_set_attr(l->ctx, made, "elements", FG_ATTR_INT)->i = 1; /* these may be negative */
    made->covers = n->covers;
    made->n_covers = n->n_covers;
    n->n_out = 0;
    return true;
}

/* What would be constant but for its extents is so as far as the bounds go. */
static bool fold_to_bounds(fg_extents *l, fg_node *n) {
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
                fg_extents_refuse(l, n, "it does not only end there");
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
static void limit(fg_extents *l, fg_node *n) {
    const fg_form form = fg_extent_form(n->in[0], (int)fg_attr_int(n, "axis", 0));
    const fg_form_rows r = fg_extents_rows_of(l, &form, 1);
    fg_value **in = FG_ARRAY(l->ctx, 1 + r.n, fg_value *);
    in[0] = n->in[0];
    for (int i = 0; i < r.n; i++) {
        in[1 + i] = symbol_value(l, r.symbol[i]);
    }
    n->in = in;
    n->n_in = 1 + r.n;
    set_ints(l, n, "forms", r.count * (r.n + 1), r.ints);
}

/* The extent in which they differ is told for both. */
static void choose(fg_extents *l, fg_node *n) {
    fg_form forms[2] = {{.n = 0}, {.n = 0}};
    for (int d = 0; d < n->out[0]->shape.rank; d++) {
        if (!fg_form_equal(n->out[0]->extent[d], n->in[1]->extent[d]) ||
            n->in[1]->shape.dim[d] != n->in[2]->shape.dim[d]) {
            forms[0] = fg_extent_form(n->in[1], d);
            forms[1] = fg_extent_form(n->in[2], d);
        }
    }
    fg_extents_tell(l, n, 3, forms, 2);
}

static bool is_choice(const fg_node *n) {
    return strcmp(n->op_type, "Choose") == 0 && strcmp(n->domain, FG_OWN_DOMAIN) == 0;
}

/* Its lists count from an end that is known. */
static bool is_cut_elsewhere(fg_extents *l, const fg_node *n) {
    if (strcmp(n->op_type, "Cut") != 0 || strcmp(n->domain, FG_OWN_DOMAIN) != 0) {
        return false;
    }
    if (fg_extents_dynamic_at(n->in[0], (int)fg_attr_int(n, "axis", 0))) {
        fg_extents_refuse(l, n, "it is cut between places that only a run knows");
    }
    return true;
}

static void lower_node(fg_extents *l, fg_node *n) {
    fg_context_set_node(l->ctx, n);
    if (is_cut_elsewhere(l, n)) {
        return;
    }
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
    fg_extents_rule *rule = fg_extents_find_rule(n);
    if (rule != NULL) {
        rule(l, n);
        return;
    }
    fg_extents_refuse(l, n, "this operator does not take that yet");
}

/* The value of the interface is made, packed, from what the graph goes on with. */
static void lower_output(fg_extents *l, int i, fg_value **shapes, int *n_shapes) {
    fg_value *v = l->g->outputs[i];
    const fg_node *n = v->producer;
    fg_value *told = fg_graph_value(l->g, fg_format(l->ctx, "%s_shape", v->name));
    told->dtype = FG_INT64;
    told->shape = (fg_shape){1, {v->shape.rank}};
    told->shape_known = told->is_output = true;
    const fg_form_rows r = fg_extents_rows(l, v);
    fg_extents_node(l, n, "Extents", 0, NULL, &r, told);
    shapes[(*n_shapes)++] = told;
    if (v->packed) {
        fg_extents_refuse(l, n, "the result is returned twice");
    }
    v->packed = true;
    if (fg_extents_is_leading(v)) {
        return;
    }
    fg_value *inner = fg_extents_like(l, v, "inside");
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
    fg_extents_node(l, n, "Pack", 1, &inner, &r, v);
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
    fg_extents l = {.ctx = g->ctx, .g = g, .symbol = FG_ARRAY(g->ctx, g->n_symbols + 1, fg_value *)};
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
