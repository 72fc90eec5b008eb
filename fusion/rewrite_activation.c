/* Activations that exporters spell out, recognised by what they compute and not by how it is associated.
 *
 * An activation here is f(x) = P(x, t(A(x))): A and P are polynomials built from Mul, Add, Sub, Div by
 * constants, Pow and Neg; t is one operator (Sigmoid, Erf, ...). Both polynomials are expanded and compared
 * with the rows of the table below, so that x * 0.5 * (1 + erf(x / sqrt 2)) is found in every order and with
 * every placing of its constants.
 */
#include "fusion/rewrite.h"

#include <math.h>
#include <string.h>

#define DEGREE   3 /* of x in a polynomial */
#define MAX_TREE 16
#define DEPTH    6

/* c[i][j]: coefficient of x^i t^j */
typedef struct polynomial {
    double c[DEGREE + 1][2];
} polynomial;

typedef struct expansion {
    fg_rewriter *rw;
    const fg_value *x, *t;
    fg_node *tree[MAX_TREE]; /* nodes expanded so far, each once */
    int n_tree;
} expansion;

static bool expand(expansion *e, const fg_value *v, int depth, polynomial *out);

static bool remember(expansion *e, fg_node *n) {
    for (int i = 0; i < e->n_tree; i++) {
        if (e->tree[i] == n) {
            return true;
        }
    }
    if (e->n_tree == MAX_TREE) {
        return false;
    }
    e->tree[e->n_tree++] = n;
    return true;
}

static bool multiply(const polynomial *a, const polynomial *b, polynomial *out) {
    memset(out, 0, sizeof *out);
    for (int i = 0; i < 2 * (DEGREE + 1); i++) {
        for (int k = 0; k < 2 * (DEGREE + 1); k++) {
            double c = a->c[i / 2][i % 2] * b->c[k / 2][k % 2];
            if (c == 0) {
                continue;
            }
            if (i / 2 + k / 2 > DEGREE || i % 2 + k % 2 > 1) {
                return false;
            }
            out->c[i / 2 + k / 2][i % 2 + k % 2] += c;
        }
    }
    return true;
}

static void add_scaled(polynomial *a, const polynomial *b, double factor) {
    for (int i = 0; i <= DEGREE; i++) {
        for (int j = 0; j < 2; j++) {
            a->c[i][j] += factor * b->c[i][j];
        }
    }
}

static bool expand_power(expansion *e, const fg_node *n, int depth, polynomial *out) {
    double exponent;
    polynomial base, product;
    if (!fg_is_scalar(n->in[1], &exponent) || (exponent != 2 && exponent != 3)) {
        return false;
    }
    if (!expand(e, n->in[0], depth, &base)) {
        return false;
    }
    *out = base;
    for (int i = 1; i < (int)exponent; i++) {
        if (!multiply(out, &base, &product)) {
            return false;
        }
        *out = product;
    }
    return true;
}

static bool expand_node(expansion *e, const fg_node *n, int depth, polynomial *out) {
    polynomial a, b;
    double divisor;
    if (fg_is_op(n, "Pow")) {
        return expand_power(e, n, depth, out);
    }
    if (!expand(e, n->in[0], depth, &a)) {
        return false;
    }
    if (fg_is_op(n, "Neg")) {
        memset(out, 0, sizeof *out);
        add_scaled(out, &a, -1);
        return true;
    }
    if (fg_is_op(n, "Div")) {
        if (!fg_is_scalar(n->in[1], &divisor) || divisor == 0) {
            return false;
        }
        memset(out, 0, sizeof *out);
        add_scaled(out, &a, 1 / divisor);
        return true;
    }
    if (!expand(e, n->in[1], depth, &b)) {
        return false;
    }
    if (fg_is_op(n, "Mul")) {
        return multiply(&a, &b, out);
    }
    *out = a;
    add_scaled(out, &b, fg_is_op(n, "Sub") ? -1 : 1);
    return true;
}

static bool expand(expansion *e, const fg_value *v, int depth, polynomial *out) {
    memset(out, 0, sizeof *out);
    if (v == e->x) {
        out->c[1][0] = 1;
        return true;
    }
    if (v == e->t) {
        out->c[0][1] = 1;
        return true;
    }
    if (fg_is_scalar(v, &out->c[0][0])) {
        return true;
    }
    fg_node *n = v != NULL && v->data == NULL ? v->producer : NULL;
    if (depth == 0 || !fg_is_one_of(n, "Mul Add Sub Div Pow Neg") || !remember(e, n)) {
        return false;
    }
    return expand_node(e, n, depth - 1, out);
}

/* ---- the table ---- */

typedef struct activation {
    const char *t;               /* operator in the middle */
    double argument[DEGREE + 1]; /* coefficients of A; NAN: any, handed on as alpha */
    double plain, with_t;        /* f(x) = plain * x + with_t * x * t */
    double lower, upper;         /* of a Clip, or alpha and beta of a HardSigmoid */
    const char *op;              /* what it is */
    int opset;
    const char *approximate; /* attribute of Gelu */
} activation;

static const activation activations[] = {
    {"Sigmoid", {0, NAN, 0, 0}, 0, 1, 0, 0, "Swish", 24, NULL},
    {"HardSigmoid", {0, 1, 0, 0}, 0, 1, 1.0 / 6, 0.5, "HardSwish", 14, NULL},
    {"Clip", {3, 1, 0, 0}, 0, 1.0 / 6, 0, 6, "HardSwish", 14, NULL},
    {"Clip", {0.5, 1.0 / 6, 0, 0}, 0, 1, 0, 1, "HardSwish", 14, NULL},
    {"Erf", {0, 0.70710678118654752, 0, 0}, 0.5, 0.5, 0, 0, "Gelu", 20, "none"},
    {"Tanh", {0, 0.79788456080286536, 0, 0.035677408136300125}, 0.5, 0.5, 0, 0, "Gelu", 20, "tanh"},
};

/* Constant bound of a Clip: operand i, or the attribute of older opsets. */
static bool clip_bound(const fg_node *n, int i, const char *attr, double *bound) {
    if (n->n_in > i && n->in[i] != NULL) {
        return fg_is_scalar(n->in[i], bound);
    }
    if (fg_node_attr(n, attr) == NULL) {
        return false;
    }
    *bound = fg_attr_float(n, attr, 0);
    return true;
}

static bool parameters_fit(const fg_node *t, const activation *a) {
    double lower, upper;
    if (fg_is_op(t, "HardSigmoid")) {
        return fg_near(fg_attr_float(t, "alpha", 0.2F), a->lower) &&
               fg_near(fg_attr_float(t, "beta", 0.5F), a->upper);
    }
    if (!fg_is_op(t, "Clip")) {
        return true;
    }
    return clip_bound(t, 1, "min", &lower) && clip_bound(t, 2, "max", &upper) && lower == a->lower &&
           upper == a->upper;
}

static bool argument_fits(const polynomial *p, const activation *a, double *alpha) {
    *alpha = 1;
    for (int i = 0; i <= DEGREE; i++) {
        if (p->c[i][1] != 0) {
            return false;
        }
        if (isnan(a->argument[i])) {
            *alpha = p->c[i][0];
        } else if (!fg_near(p->c[i][0], a->argument[i])) {
            return false;
        }
    }
    return true;
}

static bool result_fits(const polynomial *p, const activation *a) {
    if (!fg_near(p->c[1][0], a->plain) || !fg_near(p->c[1][1], a->with_t)) {
        return false;
    }
    for (int i = 0; i <= DEGREE; i++) {
        if (i != 1 && (p->c[i][0] != 0 || p->c[i][1] != 0)) {
            return false;
        }
    }
    return true;
}

/* ---- matching ---- */

/* Everything but the root's result is used inside the tree only. */
static bool is_closed(const expansion *e, const fg_node *root) {
    for (int i = 0; i < e->n_tree; i++) {
        const fg_value *v = e->tree[i]->out[0];
        int inside = 0;
        if (e->tree[i] == root) {
            continue;
        }
        for (int k = 0; k < e->n_tree; k++) {
            for (int j = 0; j < e->tree[k]->n_in; j++) {
                inside += e->tree[k]->in[j] == v;
            }
        }
        const fg_uses *u = &e->rw->uses[v->id];
        if (v->is_output || u->pinned || u->count != inside) {
            return false;
        }
    }
    return true;
}

static void become(expansion *e, fg_node *root, const activation *a, double alpha) {
    fg_rewriter *rw = e->rw;
    fg_value *x = (fg_value *)e->x;
    for (int i = 0; i < e->n_tree; i++) {
        if (e->tree[i] != root) {
            fg_rw_cover(rw, root, e->tree[i]);
        }
    }
    fg_rw_rebuild(rw, root, a->op, a->opset, 1, &x);
    for (int i = 0; i < e->n_tree; i++) {
        if (e->tree[i] != root) {
            fg_rw_remove(rw, e->tree[i]);
        }
    }
    if (strcmp(a->op, "Swish") == 0) {
        fg_rw_attr_float(rw, root, "alpha", (float)alpha);
    }
    if (a->approximate != NULL) {
        fg_rw_attr_text(rw, root, "approximate", a->approximate);
    }
    root->op->infer(rw->ctx, rw->g,
                    root); /* not fg_infer_node: the row may be newer than the graph's opset */
}

static bool try_x(fg_rewriter *rw, fg_node *root, fg_node *t, const fg_value *x) {
    expansion e = {.rw = rw, .x = x, .t = t->out[0]};
    polynomial argument, result;
    double alpha;
    if (!fg_shape_equal(&x->shape, &root->out[0]->shape) || !expand(&e, t->in[0], DEPTH, &argument)) {
        return false;
    }
    if (!remember(&e, t) || !expand(&e, root->out[0], DEPTH, &result)) {
        return false;
    }
    for (size_t i = 0; i < FG_COUNT(activations); i++) {
        const activation *a = &activations[i];
        if (!fg_is_op(t, a->t) || !parameters_fit(t, a) || !argument_fits(&argument, a, &alpha)) {
            continue;
        }
        if (!result_fits(&result, a) || fg_op_find("", a->op, a->opset) == NULL || !is_closed(&e, root)) {
            continue;
        }
        become(&e, root, a, alpha);
        return true;
    }
    return false;
}

/* x is the argument of t, or something that it is computed from. */
static bool try_candidates(fg_rewriter *rw, fg_node *root, fg_node *t, const fg_value *v, int depth) {
    if (v == NULL || v->data != NULL) {
        return false;
    }
    if (try_x(rw, root, t, v)) {
        return true;
    }
    const fg_node *n = v->producer;
    if (depth == 0 || !fg_is_one_of(n, "Mul Add Sub Div Pow")) {
        return false;
    }
    for (int i = 0; i < n->n_in; i++) {
        if (i > 0 && n->in[i] == n->in[0]) {
            continue;
        }
        if (try_candidates(rw, root, t, n->in[i], depth - 1)) {
            return true;
        }
    }
    return false;
}

static fg_node *find_middle(const fg_value *v, int depth) {
    fg_node *n = v != NULL && v->data == NULL ? v->producer : NULL;
    if (fg_is_one_of(n, "Sigmoid HardSigmoid Clip Erf Tanh")) {
        return n;
    }
    if (depth == 0 || !fg_is_one_of(n, "Mul Add Div")) {
        return NULL;
    }
    for (int i = 0; i < n->n_in; i++) {
        fg_node *found = find_middle(n->in[i], depth - 1);
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

bool fg_rw_activation(fg_rewriter *rw, fg_node *n) {
    if (!fg_is_float32(n->out[0])) {
        return false;
    }
    fg_node *t = find_middle(n->out[0], 4);
    return t != NULL && t->out[0] != NULL && try_candidates(rw, n, t, t->in[0], 3);
}
