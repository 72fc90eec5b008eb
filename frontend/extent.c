#include "frontend/extent.h"

#include <string.h>

#include "frontend/interpret.h"

#define MAX_SYMBOLS  4096
#define MAX_ELEMENTS 64 /* of an integer tensor whose elements are followed */
#define MAX_INVOLVED FG_FORM_TERMS

int fg_new_symbol(fg_graph *g, int64_t most) {
    if (g->n_symbols == MAX_SYMBOLS) {
        fg_raise(g->ctx, FG_UNSUPPORTED, "more than %d extents depend on data", MAX_SYMBOLS);
    }
    if (g->n_symbols == g->cap_symbols) {
        g->cap_symbols = g->cap_symbols > 0 ? 2 * g->cap_symbols : 16;
        fg_symbol *more = FG_ARRAY(g->ctx, g->cap_symbols, fg_symbol);
        if (g->n_symbols > 0) {
            memcpy(more, g->symbols, (size_t)g->n_symbols * sizeof *more);
        }
        g->symbols = more;
    }
    g->symbols[g->n_symbols] = (fg_symbol){.most = most};
    return g->n_symbols++;
}

static const fg_form *copy_form(fg_context *ctx, const fg_form *f) {
    fg_form *copy = FG_NEW(ctx, fg_form);
    *copy = *f;
    return copy;
}

void fg_out_symbol(fg_context *ctx, fg_graph *g, fg_node *n, int i, fg_dtype t, const fg_shape *bound,
                   int dim, int symbol) {
    if (i >= n->n_out || n->out[i] == NULL) {
        return;
    }
    fg_value *v = n->out[i];
    v->shape_declared = false;
    fg_out_shape(ctx, n, i, t, bound);
    const fg_form f = {.n = 1, .term = {{symbol, 1}}};
    v->extent[dim] = copy_form(ctx, &f);
    if (g->symbols[symbol].value == NULL) {
        g->symbols[symbol].value = v;
        g->symbols[symbol].dim = dim;
    }
}

void fg_out_same_extent(fg_node *n, int i, int d, const fg_value *v, int k) {
    if (i < n->n_out && n->out[i] != NULL) {
        n->out[i]->extent[d] = v->extent[k];
    }
}

int64_t fg_bound_of(const fg_value *v, int d) {
    return v->most == NULL ? -1 : v->most[d] >= 0 ? v->most[d] : v->most[FG_MAX_RANK];
}

bool fg_is_dynamic(const fg_value *v) {
    for (int d = 0; d < v->shape.rank; d++) {
        if (v->extent[d] != NULL) {
            return true;
        }
    }
    return false;
}

bool fg_has_dynamic_operand(const fg_node *n) {
    for (int i = 0; i < n->n_in; i++) {
        const fg_value *v = n->in[i];
        if (v != NULL && v->data == NULL && !v->is_sequence && (v->elements != NULL || fg_is_dynamic(v))) {
            return true;
        }
    }
    return false;
}

int64_t fg_form_at(const fg_form *f, const int64_t *symbols) {
    int64_t x = f->constant;
    for (int i = 0; i < f->n; i++) {
        x += f->term[i].factor * symbols[f->term[i].symbol];
    }
    return x;
}

bool fg_form_equal(const fg_form *a, const fg_form *b) {
    if (a == NULL || b == NULL) {
        return a == b;
    }
    bool same = a->constant == b->constant && a->n == b->n;
    for (int i = 0; same && i < a->n; i++) {
        same = a->term[i].symbol == b->term[i].symbol && a->term[i].factor == b->term[i].factor;
    }
    return same;
}

fg_form fg_extent_form(const fg_value *v, int d) {
    return v->extent[d] != NULL ? *v->extent[d] : (fg_form){.constant = v->shape.dim[d]};
}

/* ---- inferring again ---- */

static fg_node *infer_aside(fg_graph *g, const fg_node *n, const fg_tensor *in, int *symbols) {
    fg_graph *aside = FG_NEW(g->ctx, fg_graph);
    fg_node *copy = FG_NEW(g->ctx, fg_node);
    *aside = *g; /* symbols that arise meanwhile are forgotten */
    aside->symbols = NULL;
    aside->n_symbols = aside->cap_symbols = 0;
    *copy = *n;
    copy->in = FG_ARRAY(g->ctx, n->n_in + 1, fg_value *);
    copy->out = FG_ARRAY(g->ctx, n->n_out + 1, fg_value *);
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] == NULL) {
            continue;
        }
        fg_value *v = copy->in[i] = FG_NEW(g->ctx, fg_value);
        *v = (fg_value){.name = n->in[i]->name, .id = -1, .dtype = in[i].dtype, .shape = in[i].shape};
        v->data = in[i].data;
        v->bound = n->in[i]->bound;
        v->is_input = n->in[i]->is_input;
        v->shape_known = true;
    }
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i] != NULL) {
            copy->out[i] = FG_NEW(g->ctx, fg_value);
            *copy->out[i] = (fg_value){.name = n->out[i]->name, .id = -1};
        }
    }
    copy->op->infer(g->ctx, aside, copy);
    *symbols = aside->n_symbols;
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i] != NULL && (copy->n_out < 0 || !copy->out[i]->shape_known)) {
            fg_raise(g->ctx, FG_UNSUPPORTED,
                     "shape of output '%s' cannot be inferred for extents that depend on data",
                     n->out[i]->name);
        }
    }
    return copy;
}

fg_node *fg_infer_again(fg_graph *g, const fg_node *n, const fg_tensor *in) {
    int symbols;
    return infer_aside(g, n, in, &symbols);
}

/* ---- probing ---- */

/* What is known of a node's results at one choice of the symbols. */
typedef struct answer {
    bool valid;
    const fg_node *node; /* the copy that was asked */
    int symbols;         /* that it made: the operator counts something itself */
    fg_tensor *out;      /* data: of small integer results that are known then, else NULL */
} answer;

typedef struct probe {
    fg_graph *g;
    fg_node *n;
    int64_t *symbols; /* all of the graph's */
    answer got;
} probe;

static void add_involved(const fg_form *f, int *list, int *n) {
    for (int t = 0; f != NULL && t < f->n; t++) {
        int i = 0;
        while (i < *n && list[i] != f->term[t].symbol) {
            i++;
        }
        if (i == *n && *n < MAX_INVOLVED + 1) {
            list[(*n)++] = f->term[t].symbol;
        }
    }
}

static int find_involved(const fg_node *n, int *list) {
    int count = 0;
    for (int i = 0; i < n->n_in; i++) {
        const fg_value *v = n->in[i];
        if (v == NULL || v->data != NULL) {
            continue;
        }
        for (int d = 0; d < v->shape.rank; d++) {
            add_involved(v->extent[d], list, &count);
        }
        for (int64_t k = 0; v->elements != NULL && k < fg_shape_count(&v->shape); k++) {
            add_involved(&v->elements[k], list, &count);
        }
    }
    return count;
}

static void *elements_at(fg_context *ctx, const fg_value *v, const int64_t *symbols) {
    const int64_t n = fg_shape_count(&v->shape);
    int64_t *wide = FG_ARRAY(ctx, n + 1, int64_t);
    int32_t *narrow = FG_ARRAY(ctx, n + 1, int32_t);
    for (int64_t i = 0; i < n; i++) {
        wide[i] = fg_form_at(&v->elements[i], symbols);
        narrow[i] = (int32_t)wide[i];
    }
    return v->dtype == FG_INT32 ? (void *)narrow : (void *)wide;
}

static fg_tensor operand_at(const probe *p, const fg_value *v) {
    fg_tensor t = {v->dtype, v->shape, (void *)v->data};
    for (int d = 0; d < v->shape.rank && v->data == NULL; d++) {
        if (v->extent[d] != NULL) {
            const int64_t x = fg_form_at(v->extent[d], p->symbols);
            t.shape.dim[d] = x < 0 ? 0 : x;
        }
    }
    if (v->data == NULL && v->elements != NULL) {
        t.data = elements_at(p->g->ctx, v, p->symbols);
    }
    return t;
}

static bool is_followed(const fg_value *v) {
    return (v->dtype == FG_INT64 || v->dtype == FG_INT32) && fg_shape_count(&v->shape) <= MAX_ELEMENTS;
}

/* Computes small integer results from operands that are all known. */
static void compute(const probe *p, const fg_node *copy, const fg_tensor *in, fg_tensor *out) {
    for (int i = 0; i < copy->n_in; i++) {
        if (copy->in[i] != NULL && in[i].data == NULL) {
            return;
        }
    }
    for (int i = 0; i < copy->n_out; i++) {
        if (copy->out[i] != NULL && !is_followed(copy->out[i])) {
            return;
        }
    }
    if (copy->op->reference != NULL) {
        fg_evaluate(p->g, copy, in, out, false);
    }
}

static void ask(fg_context *ctx, void *arg) {
    probe *p = arg;
    const fg_node *n = p->n;
    fg_tensor *in = FG_ARRAY(ctx, n->n_in + 1, fg_tensor);
    p->got.out = FG_ARRAY(ctx, n->n_out + 1, fg_tensor);
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] != NULL) {
            in[i] = operand_at(p, n->in[i]);
        }
    }
    const fg_node *copy = p->got.node = infer_aside(p->g, n, in, &p->got.symbols);
    bool known = false;
    for (int i = 0; i < n->n_out; i++) {
        const fg_value *v = copy->out[i];
        if (v != NULL) {
            p->got.out[i] = (fg_tensor){v->dtype, v->shape, (void *)v->data};
            known = known || v->data != NULL;
        }
    }
    if (!known) {
        compute(p, copy, in, p->got.out);
    }
    p->got.valid = true;
}

/* Symbols that are the lesser of another one's form and a number follow that one, unless they are `varied`
 * themselves. */
static void settle(probe *p, const int *list, int n, int varied) {
    for (int i = 0; i < n; i++) {
        const fg_symbol *s = &p->g->symbols[list[i]];
        bool follows = s->least_of != NULL && list[i] != varied;
        for (int t = 0; follows && t < s->least_of->n; t++) {
            int k = 0;
            while (k < n && list[k] != s->least_of->term[t].symbol) {
                k++;
            }
            follows = k < n;
        }
        if (follows) {
            const int64_t x = fg_form_at(s->least_of, p->symbols);
            p->symbols[list[i]] = x < 0 ? 0 : x < s->most ? x : s->most;
        }
    }
}

/* A choice that the operator refuses is not valid, but for the first one, which is what is planned for. */
static answer ask_at(probe *p, bool first) {
    p->got = (answer){.valid = false};
    if (first) {
        ask(p->g->ctx, p);
    } else {
        (void)fg_try(p->g->ctx, ask, p);
        fg_context_set_node(p->g->ctx, p->n);
    }
    return p->got;
}

/* ---- fitting ---- */

typedef struct fit {
    probe p;
    int list[MAX_INVOLVED + 1], n; /* symbols involved */
    answer whole;                  /* all symbols at their bounds */
    answer *other;                 /* the i-th at a neighbour of its bound */
} fit;

static _Noreturn void no_form(const fit *f, const char *what) {
    fg_remedy(f->p.g->ctx,
              "export the model with fixed extents, or bind the input that decides with --const");
    fg_raise(f->p.g->ctx, FG_UNSUPPORTED, "%s", what);
}

static int64_t number_of(const fg_tensor *t, int64_t i, bool element) {
    if (!element) {
        return t->shape.dim[i];
    }
    return t->dtype == FG_INT32 ? ((const int32_t *)t->data)[i] : ((const int64_t *)t->data)[i];
}

/* The other place from which a slope is told: not 0, at which an operator may answer anything. */
static int64_t neighbour(int64_t most) {
    return most > 1 ? most - 1 : most + 1;
}

/* Form of extent or element i of output o. */
static fg_form form_of(const fit *f, int o, int64_t i, bool element) {
    const int64_t at_most = number_of(&f->whole.out[o], i, element);
    fg_form form = {.constant = at_most};
    for (int k = 0; k < f->n; k++) {
        const int64_t most = f->p.g->symbols[f->list[k]].most, step = neighbour(most) - most;
        const int64_t factor = (number_of(&f->other[k].out[o], i, element) - at_most) * step;
        if (factor != 0) {
            form.term[form.n].symbol = f->list[k];
            form.term[form.n++].factor = factor;
            form.constant -= factor * most;
        }
    }
    return form;
}

static bool same_kind(const fit *f, const answer *a) {
    for (int o = 0; o < f->p.n->n_out; o++) {
        const fg_tensor *x = &a->out[o], *whole = &f->whole.out[o];
        if (f->p.n->out[o] != NULL &&
            (x->shape.rank != whole->shape.rank || (x->data == NULL && whole->data != NULL))) {
            return false;
        }
    }
    return true;
}

/* Marks the extents, FG_MAX_RANK to an output, of which the forms do not give what the operator answers. */
static void mark_extents(const fit *f, const answer *a, bool *wrong) {
    for (int o = 0; o < f->p.n->n_out; o++) {
        const fg_value *v = f->p.n->out[o];
        for (int d = 0; v != NULL && d < v->shape.rank; d++) {
            const fg_form form = fg_extent_form(v, d);
            const int64_t x = fg_form_at(&form, f->p.symbols);
            wrong[o * FG_MAX_RANK + d] =
                wrong[o * FG_MAX_RANK + d] || (x < 0 ? 0 : x) != a->out[o].shape.dim[d];
        }
    }
}

static bool elements_agree(const fit *f, const answer *a, int o) {
    const fg_value *v = f->p.n->out[o];
    for (int64_t i = 0; v->elements != NULL && i < fg_shape_count(&a->out[o].shape); i++) {
        if (fg_form_at(&v->elements[i], f->p.symbols) != number_of(&a->out[o], i, true)) {
            return false;
        }
    }
    return true;
}

/* The answer with symbol k of the list at x, those that follow it settled. They stay so until `reset`. */
static answer ask_with(fit *f, int k, int64_t x) {
    f->p.symbols[f->list[k]] = x;
    settle(&f->p, f->list, f->n, f->list[k]);
    return ask_at(&f->p, false);
}

static void reset(fit *f) {
    for (int k = 0; k < f->n; k++) {
        f->p.symbols[f->list[k]] = f->p.g->symbols[f->list[k]].most;
    }
}

/* Extent or element i of output o is not what it seemed. If it is the lesser of a form and a number, as in k
 * = min(n, 100), it is a symbol of its own: its form, else NULL. */
static const fg_form *find_least(fit *f, int o, int64_t i, bool element) {
    fg_context *ctx = f->p.g->ctx;
    if (f->n != 1 || f->p.g->symbols[f->list[0]].most < 3) {
        return NULL;
    }
    const int64_t cap = number_of(&f->whole.out[o], i, element), most = f->p.g->symbols[f->list[0]].most;
    int64_t low[2];
    for (int k = 0; k < 2; k++) {
        const answer a = ask_with(f, 0, k + 1);
        reset(f);
        if (!a.valid || !same_kind(f, &a)) {
            return NULL;
        }
        low[k] = number_of(&a.out[o], i, element);
    }
    const int64_t slope = low[1] - low[0], base = low[0] - slope, knee = slope > 0 ? (cap - base) / slope : 0;
    const fg_form least = {.constant = base, .n = 1, .term = {{f->list[0], slope}}};
    const int64_t places[] = {3, 5, knee - 1, knee, knee + 1, knee + 2, most / 3, most / 2, most - 1, most};
    bool fits = slope > 0 && cap >= 0;
    for (size_t k = 0; fits && k < FG_COUNT(places); k++) {
        if (places[k] < 1 || places[k] > most) {
            continue;
        }
        const answer a = ask_with(f, 0, places[k]);
        const int64_t x = fg_form_at(&least, f->p.symbols);
        fits = a.valid && same_kind(f, &a) && number_of(&a.out[o], i, element) == (x < cap ? x : cap);
    }
    reset(f);
    if (!fits) {
        return NULL;
    }
    const int k = fg_new_symbol(f->p.g, cap);
    f->p.g->symbols[k] =
        (fg_symbol){cap, f->p.n->out[o], element ? -1 : (int)i, copy_form(ctx, &least), NULL};
    const fg_form own = {.n = 1, .term = {{k, 1}}};
    return copy_form(ctx, &own);
}

/* Elements that no form fits are known at run time only. */
static void mend_elements(fit *f, int o) {
    fg_value *v = f->p.n->out[o];
    v->elements = NULL;
    v->data = NULL;
    if (v->dtype == FG_INT64 && fg_shape_count(&v->shape) == 1) {
        v->elements = find_least(f, o, 0, true);
    }
}

static void mend_extents(fit *f, const bool *wrong) {
    for (int i = 0; i < f->p.n->n_out * FG_MAX_RANK; i++) {
        if (!wrong[i]) {
            continue;
        }
        const fg_form *form = find_least(f, i / FG_MAX_RANK, i % FG_MAX_RANK, false);
        if (form == NULL) {
            no_form(f, "the extents of its results follow from extents that depend on data in a way that is "
                       "not supported");
        }
        f->p.n->out[i / FG_MAX_RANK]->extent[i % FG_MAX_RANK] = form;
    }
}

/* Asks at more choices; what the operator refuses cannot happen in a run, unless extents would have to be
 * equal: then this is all that it accepts. */
static void check_more(fit *f) {
    static const int64_t small[] = {1, 2, 3, 5};
    int refused = 0;
    bool *wrong = FG_ARRAY(f->p.g->ctx, f->p.n->n_out + 1, bool);
    bool *wrong_extent = FG_ARRAY(f->p.g->ctx, f->p.n->n_out * FG_MAX_RANK + 1, bool);
    for (int k = 0; k < f->n; k++) {
        const int64_t most = f->p.g->symbols[f->list[k]].most;
        for (int t = 0; t < 7; t++) {
            const int64_t x = t < 4 ? small[t] : t == 4 ? most / 2 : t == 5 ? most / 3 : most - 1;
            if (x < 1 || x > most) {
                continue;
            }
            const answer a = ask_with(f, k, x);
            refused += !a.valid;
            if (a.valid && !same_kind(f, &a)) {
                no_form(f, "its results have more or fewer dimensions where extents differ");
            }
            if (a.valid) {
                mark_extents(f, &a, wrong_extent);
            }
            for (int o = 0; a.valid && o < f->p.n->n_out; o++) {
                wrong[o] = wrong[o] || (f->p.n->out[o] != NULL && !elements_agree(f, &a, o));
            }
            reset(f);
        }
    }
    if (refused > 0) {
        no_form(f, "extents of its operands depend on data and cannot be shown to fit each other");
    }
    mend_extents(f, wrong_extent);
    for (int o = 0; o < f->p.n->n_out; o++) {
        if (wrong[o]) {
            mend_elements(f, o);
        }
    }
}

/* Elements of output o, if they are known at every choice; forms without symbols are constant data. */
static void set_elements(const fit *f, int o) {
    fg_value *v = f->p.n->out[o];
    fg_context *ctx = f->p.g->ctx;
    const int64_t n = fg_shape_count(&v->shape);
    if (f->whole.out[o].data == NULL || !is_followed(v) || fg_is_dynamic(v)) {
        return;
    }
    fg_form *forms = FG_ARRAY(ctx, n + 1, fg_form);
    bool constant = true;
    for (int64_t i = 0; i < n; i++) {
        forms[i] = form_of(f, o, i, true);
        constant = constant && forms[i].n == 0;
    }
    v->elements = forms;
    if (constant) {
        v->data = f->whole.out[o].data;
    }
}

static void set_shapes(const fit *f) {
    for (int o = 0; o < f->p.n->n_out; o++) {
        fg_value *v = f->p.n->out[o];
        if (v == NULL) {
            continue;
        }
        v->shape_declared = false;
        fg_out_shape(f->p.g->ctx, f->p.n, o, f->whole.out[o].dtype, &f->whole.out[o].shape);
        for (int d = 0; d < v->shape.rank; d++) {
            const fg_form form = form_of(f, o, d, false);
            for (int t = 0; t < form.n; t++) {
                if (form.term[t].factor < 0) {
                    no_form(f, "an extent would shrink where another one grows");
                }
            }
            v->extent[d] = form.n > 0 ? copy_form(f->p.g->ctx, &form) : NULL;
        }
        set_elements(f, o);
    }
}

/* What the operator says of the range of indices. */
static void take_bounds(const fit *f) {
    const fg_node *n = f->p.n, *copy = f->whole.node;
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] != NULL) {
            n->in[i]->bound = copy->in[i]->bound;
        }
    }
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i] != NULL) {
            n->out[i]->bound = copy->out[i]->bound;
        }
    }
}

static bool same_parts(const fg_node *a, int axis_a, const fg_node *b, int axis_b) {
    bool same = a->n_in == b->n_in;
    for (int i = 0; same && i < a->n_in; i++) {
        const fg_form x = fg_extent_form(a->in[i], axis_a), y = fg_extent_form(b->in[i], axis_b);
        same = fg_form_equal(&x, &y);
    }
    return same;
}

/* The symbol that is the sum of these extents, which others may have made. */
static int sum_symbol(fg_graph *g, const fg_node *n, int axis, int64_t most) {
    for (int i = 0; i < g->n_symbols; i++) {
        if (g->symbols[i].sum != NULL && same_parts(g->symbols[i].sum, g->symbols[i].dim, n, axis)) {
            return i;
        }
    }
    const int k = fg_new_symbol(g, most);
    g->symbols[k].sum = n;
    return k;
}

/* A concatenation of many parts: its extent is a symbol of its own. */
static bool sum_up(fit *f) {
    fg_node *n = f->p.n;
    if (strcmp(n->op_type, "Concat") != 0) {
        return false;
    }
    const fg_value *x = n->in[0];
    const int axis = fg_axis(f->p.g->ctx, n, fg_attr_int(n, "axis", 0), x->shape.rank);
    const answer whole = ask_at(&f->p, true);
    for (int i = 1; i < n->n_in; i++) {
        for (int d = 0; d < x->shape.rank; d++) {
            if (d != axis && !fg_form_equal(x->extent[d], n->in[i]->extent[d])) {
                return false;
            }
        }
    }
    const fg_shape *y = &whole.out[0].shape;
    fg_out_symbol(f->p.g->ctx, f->p.g, n, 0, x->dtype, y, axis, sum_symbol(f->p.g, n, axis, y->dim[axis]));
    for (int d = 0; d < y->rank; d++) {
        if (d != axis) {
            fg_out_same_extent(n, 0, d, x, d);
        }
    }
    return true;
}

void fg_infer_extents(fg_graph *g, fg_node *n) {
    fit f = {.p = {.g = g, .n = n, .symbols = FG_ARRAY(g->ctx, g->n_symbols + 1, int64_t)}};
    f.n = find_involved(n, f.list);
    for (int i = 0; i < g->n_symbols; i++) {
        f.p.symbols[i] = g->symbols[i].most;
    }
    if (fg_decide_comparison(g, n)) {
        return;
    }
    if (f.n > MAX_INVOLVED) {
        if (!sum_up(&f)) {
            no_form(&f, "too many extents that depend on data meet here");
        }
        return;
    }
    f.whole = ask_at(&f.p, true);
    if (f.whole.symbols > 0) {
        n->op->infer(g->ctx, g, n);
        return;
    }
    f.other = FG_ARRAY(g->ctx, f.n + 1, answer);
    for (int k = 0; k < f.n; k++) {
        f.other[k] = ask_with(&f, k, neighbour(g->symbols[f.list[k]].most));
        reset(&f);
        if (f.other[k].valid && f.other[k].symbols > 0) {
            n->op->infer(g->ctx, g, n);
            return;
        }
        if (!f.other[k].valid || !same_kind(&f, &f.other[k])) {
            no_form(&f, "extents of its operands depend on data and cannot be shown to fit each other");
        }
    }
    take_bounds(&f);
    set_shapes(&f);
    check_more(&f);
}
