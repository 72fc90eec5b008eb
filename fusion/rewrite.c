/* The workbench of the canonical forms; see rewrite.h. */
#include "fusion/rewrite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- use lists ---- */

static fg_uses *uses_of(fg_rewriter *rw, const fg_value *v) {
    if (v->id >= rw->n_uses) {
        int n = rw->g->n_values > 2 * rw->n_uses ? rw->g->n_values : 2 * rw->n_uses;
        fg_uses *grown = FG_ARRAY(rw->ctx, n, fg_uses);
        if (rw->n_uses > 0) {
            memcpy(grown, rw->uses, (size_t)rw->n_uses * sizeof *grown);
        }
        rw->uses = grown;
        rw->n_uses = n;
    }
    return &rw->uses[v->id];
}

static void add_use(fg_rewriter *rw, fg_value *v, fg_node *n, int slot) {
    if (v == NULL) {
        return;
    }
    fg_uses *u = uses_of(rw, v);
    if (u->n == u->cap) {
        int cap = u->cap > 0 ? 2 * u->cap : 2;
        fg_use *grown = FG_ARRAY(rw->ctx, cap, fg_use);
        if (u->n > 0) {
            memcpy(grown, u->at, (size_t)u->n * sizeof *grown);
        }
        u->at = grown;
        u->cap = cap;
    }
    u->at[u->n++] = (fg_use){n, slot};
    u->count++;
}

static bool use_holds(const fg_use *u, const fg_value *v) {
    return !fg_rw_dead(u->node) && u->slot < u->node->n_in && u->node->in[u->slot] == v;
}

int fg_rw_use_count(const fg_rewriter *rw, const fg_value *v) {
    return v->id < rw->n_uses ? rw->uses[v->id].count : 0;
}

fg_node *fg_rw_only_user(fg_rewriter *rw, const fg_value *v) {
    fg_uses *u = uses_of(rw, v);
    if (v->is_output || u->pinned || u->count != 1) {
        return NULL;
    }
    for (int i = 0; i < u->n; i++) {
        if (use_holds(&u->at[i], v)) {
            u->at[0] = u->at[i]; /* the others are stale: later calls find it at once */
            u->n = 1;
            return u->at[0].node;
        }
    }
    fg_raise(rw->ctx, FG_INTERNAL, "canonical forms: lost the user of value '%s'", v->name);
}

int fg_rw_users(fg_rewriter *rw, const fg_value *v, fg_node **users, int most) {
    const fg_uses *u = uses_of(rw, v);
    int n = 0;
    if (v->is_output || u->pinned || u->count > most) {
        return -1;
    }
    for (int i = 0; i < u->n && n < u->count; i++) { /* an entry may stand twice */
        bool again = false;
        for (int k = 0; k < i && !again; k++) {
            again = u->at[k].node == u->at[i].node && u->at[k].slot == u->at[i].slot;
        }
        if (!again && use_holds(&u->at[i], v)) {
            users[n++] = u->at[i].node;
        }
    }
    return n;
}

/* Uses of these values have gone: whoever is left may now be alone. All are counted down before anybody is
 * looked for, since a node may have read a value twice. */
static void drop_uses(fg_rewriter *rw, fg_value *const *values, int n) {
    for (int i = 0; i < n; i++) {
        if (values[i] != NULL) {
            uses_of(rw, values[i])->count--;
        }
    }
    for (int i = 0; i < n; i++) {
        if (values[i] != NULL) {
            fg_rw_push(rw, values[i]->producer);
            fg_rw_push(rw, fg_rw_only_user(rw, values[i]));
        }
    }
}

static void push_users(fg_rewriter *rw, const fg_value *v) {
    fg_uses *u = uses_of(rw, v);
    for (int i = 0; i < u->n; i++) {
        if (use_holds(&u->at[i], v)) {
            fg_rw_push(rw, u->at[i].node);
        }
    }
}

/* ---- worklist ---- */

void fg_rw_push(fg_rewriter *rw, fg_node *n) {
    if (n == NULL || fg_rw_dead(n)) {
        return;
    }
    if (rw->tail > rw->head && rw->work[rw->tail - 1] == n) {
        return;
    }
    if (rw->tail == rw->cap) {
        int cap = rw->cap > 0 ? 2 * rw->cap : 256;
        fg_node **grown = fg_big_alloc(rw->ctx, (size_t)cap * sizeof *grown);
        if (rw->tail > rw->head) {
            memcpy(grown, rw->work + rw->head, (size_t)(rw->tail - rw->head) * sizeof(fg_node *));
        }
        fg_big_free(rw->ctx, rw->work);
        rw->work = grown;
        rw->tail -= rw->head;
        rw->head = 0;
        rw->cap = cap;
    }
    rw->work[rw->tail++] = n;
}

fg_node *fg_rw_pop(fg_rewriter *rw) {
    while (rw->head < rw->tail) {
        fg_node *n = rw->work[rw->head++];
        if (!fg_rw_dead(n)) {
            return n;
        }
    }
    return NULL;
}

/* Values of g that bodies of control flow read. Recursion is as deep as the scanner lets attributes nest. */
static void pin_captures(fg_rewriter *rw, const fg_graph *body) {
    for (int i = 0; i < body->n_nodes; i++) {
        const fg_node *n = body->nodes[i];
        for (int j = 0; j < n->n_in; j++) {
            if (n->in[j] != NULL && fg_graph_owns(rw->g, n->in[j])) {
                uses_of(rw, n->in[j])->pinned = true;
            }
        }
        for (int a = 0; a < n->n_attr; a++) {
            if (n->attr[a].graph != NULL) {
                pin_captures(rw, n->attr[a].graph);
            }
        }
    }
    for (int i = 0; i < body->n_outputs; i++) {
        if (fg_graph_owns(rw->g, body->outputs[i])) {
            uses_of(rw, body->outputs[i])->pinned = true;
        }
    }
}

fg_rewriter *fg_rw_new(fg_graph *g) {
    fg_rewriter *rw = FG_NEW(g->ctx, fg_rewriter);
    rw->ctx = g->ctx;
    rw->g = g;
    rw->n_uses = g->n_values;
    rw->uses = FG_ARRAY(g->ctx, g->n_values > 0 ? g->n_values : 1, fg_uses);
    for (int i = 0; i < g->n_nodes; i++) {
        fg_node *n = g->nodes[i];
        for (int j = 0; j < n->n_in; j++) {
            add_use(rw, n->in[j], n, j);
        }
        for (int a = 0; a < n->n_attr; a++) {
            if (n->attr[a].graph != NULL) {
                pin_captures(rw, n->attr[a].graph);
            }
        }
        fg_rw_push(rw, n);
    }
    return rw;
}

/* ---- covers ---- */

/* The array's capacity is the power of two at or above n_covers, so that appending is cheap without a field
 * for it. */
static void append_cover(fg_rewriter *rw, fg_node *host, fg_node *original) {
    int n = host->n_covers;
    if ((n & (n - 1)) == 0) {
        fg_node **grown = FG_ARRAY(rw->ctx, n > 0 ? 2 * n : 1, fg_node *);
        if (n > 0) {
            memcpy(grown, host->covers, (size_t)n * sizeof(fg_node *));
        }
        host->covers = grown;
    }
    host->covers[host->n_covers++] = original;
}

void fg_rw_cover(fg_rewriter *rw, fg_node *host, const fg_node *n) {
    if (host == NULL) {
        return;
    }
    fg_node **small = n->covers;
    int n_small = n->n_covers;
    if (n_small > host->n_covers) { /* append the shorter list to the longer one */
        small = host->covers;
        n_small = host->n_covers;
        host->covers = n->covers;
        host->n_covers = n->n_covers;
    }
    for (int i = 0; i < n_small; i++) {
        append_cover(rw, host, small[i]);
    }
    if (n->index > host->index) {
        host->index = n->index;
    }
}

static int by_index(const void *a, const void *b) {
    const fg_node *x = *(fg_node *const *)a, *y = *(fg_node *const *)b;
    return (x->index > y->index) - (x->index < y->index);
}

static void sort_covers(fg_node *n) {
    if (n->n_covers < 2) {
        return;
    }
    qsort(n->covers, (size_t)n->n_covers, sizeof(fg_node *), by_index);
    int kept = 1;
    for (int i = 1; i < n->n_covers; i++) {
        if (n->covers[i] != n->covers[kept - 1]) {
            n->covers[kept++] = n->covers[i];
        }
    }
    n->n_covers = kept;
}

void fg_rw_finish(fg_rewriter *rw) {
    fg_graph *g = rw->g;
    int kept = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        if (fg_rw_dead(g->nodes[i])) {
            continue;
        }
        sort_covers(g->nodes[i]);
        g->nodes[kept++] = g->nodes[i];
    }
    g->n_nodes = kept;
    fg_big_free(rw->ctx, rw->work);
    rw->work = NULL;
    fg_graph_link(g);
    fg_graph_prune(g);
}

/* ---- questions ---- */

bool fg_rw_dead(const fg_node *n) {
    return n->n_out == 0;
}

bool fg_is_op(const fg_node *n, const char *op_type) {
    return n != NULL && n->domain[0] == '\0' && strcmp(n->op_type, op_type) == 0;
}

bool fg_is_one_of(const fg_node *n, const char *op_types) {
    if (n == NULL || n->domain[0] != '\0') {
        return false;
    }
    size_t length = strlen(n->op_type);
    for (const char *s = op_types; *s != '\0';) {
        size_t word = strcspn(s, " ");
        if (word == length && memcmp(s, n->op_type, word) == 0) {
            return true;
        }
        s += word;
        s += *s == ' ';
    }
    return false;
}

fg_node *fg_rw_private(fg_rewriter *rw, const fg_value *v, const char *op_type) {
    if (v == NULL || !fg_is_op(v->producer, op_type)) {
        return NULL;
    }
    return fg_rw_only_user(rw, v) != NULL ? v->producer : NULL;
}

bool fg_is_const(const fg_value *v) {
    return v != NULL && v->data != NULL;
}

bool fg_is_float32(const fg_value *v) {
    return v != NULL && v->dtype == FG_FLOAT;
}

bool fg_is_scalar(const fg_value *v, double *value) {
    if (!fg_is_const(v) || !fg_dtype_get(v->dtype)->is_float || fg_shape_count(&v->shape) != 1) {
        return false;
    }
    *value = fg_const_float(v, 0);
    return true;
}

bool fg_near(double a, double b) {
    return fabs(a - b) <= 2e-6 * fabs(b) + 1e-12;
}

const char *fg_auto_pad(const fg_node *n) {
    return fg_attr_string(n, "auto_pad", "NOTSET");
}

/* ---- changes ---- */

void fg_rw_set_in(fg_rewriter *rw, fg_node *n, int slot, fg_value *v) {
    fg_value *old = n->in[slot];
    if (old == v) {
        return;
    }
    n->in[slot] = v;
    add_use(rw, v, n, slot);
    drop_uses(rw, &old, 1);
}

void fg_rw_replace_uses(fg_rewriter *rw, fg_value *old, fg_value *with) {
    uses_of(rw, with);
    fg_uses from = *uses_of(rw, old);
    *uses_of(rw, old) = (fg_uses){0};
    for (int i = 0; i < from.n; i++) {
        if (!use_holds(&from.at[i], old)) {
            continue;
        }
        from.at[i].node->in[from.at[i].slot] = with;
        add_use(rw, with, from.at[i].node, from.at[i].slot);
        fg_rw_push(rw, from.at[i].node);
    }
}

void fg_rw_remove(fg_rewriter *rw, fg_node *n) {
    int n_out = n->n_out;
    n->n_out = 0; /* dead from here on: its uses are stale */
    for (int i = 0; i < n_out; i++) {
        if (n->out[i] != NULL && n->out[i]->producer == n) {
            n->out[i]->producer = NULL;
        }
    }
    drop_uses(rw, n->in, n->n_in);
}

void fg_rw_take_output(fg_rewriter *rw, fg_node *n, fg_node *from) {
    fg_value *v = from->out[0];
    fg_rw_cover(rw, n, from);
    fg_rw_remove(rw, from);
    n->out[0]->producer = NULL;
    n->out[0] = v;
    v->producer = n;
    fg_rw_push(rw, n);
    push_users(rw, v);
}

/* The graph returns what n hands on: its producer writes the output itself, if x is nothing else to the
 * outside. */
static bool bypass_to_output(fg_rewriter *rw, fg_node *n, fg_value *x) {
    fg_node *p = x->producer;
    fg_value *y = n->out[0];
    if (p == NULL || x->is_output || x->is_input || x->data != NULL || uses_of(rw, x)->pinned) {
        return false;
    }
    fg_rw_cover(rw, p, n);
    fg_rw_remove(rw, n);
    fg_rw_replace_uses(rw, x, y);
    for (int i = 0; i < p->n_out; i++) {
        if (p->out[i] == x) {
            p->out[i] = y;
        }
    }
    x->producer = NULL;
    y->producer = p;
    fg_rw_push(rw, p);
    return true;
}

bool fg_rw_bypass(fg_rewriter *rw, fg_node *n, fg_value *x) {
    fg_value *y = n->out[0];
    if (y->is_output) {
        return bypass_to_output(rw, n, x);
    }
    fg_uses *u = uses_of(rw, y);
    if (u->pinned) {
        return false;
    }
    fg_node *host = x->producer;
    for (int i = 0; host == NULL && i < u->n; i++) {
        if (use_holds(&u->at[i], y)) {
            host = u->at[i].node;
        }
    }
    fg_rw_cover(rw, host, n);
    fg_rw_remove(rw, n);
    fg_rw_replace_uses(rw, y, x);
    if (x->ref == NULL) {
        x->ref = y->ref;
    }
    fg_rw_push(rw, x->producer);
    return true;
}

/* Binds n to the row of "NAME" or "DOMAIN:NAME". */
static void bind(fg_rewriter *rw, fg_node *n, const char *op_type, int opset) {
    const char *colon = strchr(op_type, ':');
    const char *domain = colon != NULL ? fg_strndup(rw->ctx, op_type, (size_t)(colon - op_type)) : "";
    n->op = fg_op_find(domain, colon != NULL ? colon + 1 : op_type, opset);
    if (n->op == NULL) {
        fg_raise(rw->ctx, FG_INTERNAL, "canonical forms: no row for operator %s", op_type);
    }
    n->op_type = n->op->name;
    n->domain = n->op->domain;
}

static void set_inputs(fg_rewriter *rw, fg_node *n, int n_in, fg_value **in) {
    fg_value **copy = FG_ARRAY(rw->ctx, n_in > 0 ? n_in : 1, fg_value *);
    if (n_in > 0) {
        memcpy(copy, in, (size_t)n_in * sizeof *copy);
    }
    fg_value **old = n->in;
    int n_old = n->n_in;
    n->in = copy;
    n->n_in = n_in;
    for (int i = 0; i < n_in; i++) {
        add_use(rw, copy[i], n, i);
    }
    drop_uses(rw, old, n_old); /* an unchanged slot then stands twice in the list, which does no harm */
}

void fg_rw_rebuild(fg_rewriter *rw, fg_node *n, const char *op_type, int opset, int n_in, fg_value **in) {
    bind(rw, n, op_type, opset);
    n->attr = NULL;
    n->n_attr = 0;
    set_inputs(rw, n, n_in, in);
    fg_rw_push(rw, n);
    push_users(rw, n->out[0]);
}

/* A node may leave out its first outputs. */
static const fg_value *first_output(const fg_node *n) {
    int i = 0;
    while (n->out[i] == NULL) {
        i++;
    }
    return n->out[i];
}

fg_node *fg_rw_insert(fg_rewriter *rw, fg_node *before, const char *op_type, int opset, int n_in,
                      fg_value **in, const fg_shape *shape) {
    const fg_value *model = first_output(before);
    fg_value *out = fg_graph_value(rw->g, fg_format(rw->ctx, "%s/%s", model->name, op_type));
    out->dtype = model->dtype;
    out->shape = *shape;
    out->shape_known = true;
    fg_node *n = fg_graph_node(rw->g, op_type, n_in, in, 1, &out);
    bind(rw, n, op_type, opset);
    n->name = before->name;
    n->index = before->index;
    n->covers = NULL;
    n->n_covers = 0;
    out->producer = n;
    for (int i = 0; i < n_in; i++) {
        add_use(rw, n->in[i], n, i);
    }
    fg_rw_push(rw, n);
    return n;
}

fg_node *fg_rw_add(fg_rewriter *rw, const fg_node *before, const fg_node *model, fg_value **in,
                   fg_value **out) {
    fg_node *n = fg_graph_node(rw->g, model->op_type, model->n_in, in, model->n_out, out);
    n->op = model->op;
    n->domain = model->domain;
    n->attr = model->attr;
    n->n_attr = model->n_attr;
    n->name = before->name;
    n->index = before->index;
    for (int i = 0; i < n->n_in; i++) {
        add_use(rw, n->in[i], n, i);
    }
    fg_rw_push(rw, n);
    return n;
}

fg_attr *fg_rw_attr(fg_rewriter *rw, fg_node *n, const char *name, fg_attr_type type) {
    if (n->n_attr > 0) {
        fg_attr *own = FG_ARRAY(rw->ctx, n->n_attr, fg_attr);
        memcpy(own, n->attr, (size_t)n->n_attr * sizeof *own);
        n->attr = own;
    }
    return fg_node_set_attr(rw->ctx, n, name, type);
}

void fg_rw_attr_ints(fg_rewriter *rw, fg_node *n, const char *name, int count, const int64_t *values) {
    int64_t *copy = FG_ARRAY(rw->ctx, count > 0 ? count : 1, int64_t);
    for (int i = 0; i < count; i++) {
        copy[i] = values[i];
    }
    fg_attr *a = fg_rw_attr(rw, n, name, FG_ATTR_INTS);
    a->n = count;
    a->ints = copy;
}

void fg_rw_attr_float(fg_rewriter *rw, fg_node *n, const char *name, float value) {
    fg_rw_attr(rw, n, name, FG_ATTR_FLOAT)->f = value;
}

void fg_rw_attr_text(fg_rewriter *rw, fg_node *n, const char *name, const char *literal) {
    fg_attr *a = fg_rw_attr(rw, n, name, FG_ATTR_STRING);
    a->s = literal;
    a->s_len = strlen(literal);
}

void fg_rw_attr_int(fg_rewriter *rw, fg_node *n, const char *name, int64_t value) {
    fg_rw_attr(rw, n, name, FG_ATTR_INT)->i = value;
}

fg_value *fg_rw_const_float(fg_rewriter *rw, const char *base, const fg_shape *shape, const double *data) {
    int64_t count = fg_shape_count(shape);
    float *copy = fg_big_alloc(rw->ctx, (size_t)count * sizeof *copy);
    for (int64_t i = 0; i < count; i++) {
        copy[i] = (float)data[i];
    }
    return fg_graph_const(rw->g, base, FG_FLOAT, shape, copy);
}

fg_value *fg_rw_const_ints(fg_rewriter *rw, const char *base, int count, const int64_t *data) {
    fg_shape shape = {.rank = 1, .dim = {count}};
    int64_t *copy = FG_ARRAY(rw->ctx, count > 0 ? count : 1, int64_t);
    for (int i = 0; i < count; i++) {
        copy[i] = data[i];
    }
    return fg_graph_const(rw->g, base, FG_INT64, &shape, copy);
}
