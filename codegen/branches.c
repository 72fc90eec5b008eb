/* Branches: kernels whose results nothing but one branch of a choice reads run only if that branch is taken.
 *
 * A kernel's guards are conditions that must all hold. They follow from those of the kernels that read what
 * it makes: what all of them have in common, and for an operand of a choice the choice's own condition. Only
 * conditions that are known by then count. */
#include <string.h>

#include "codegen/planner.h"
#include "frontend/extent.h"
#include "frontend/loops.h"

enum { MAX_GUARDS = 8, CONDITION = 0, FIRST = 1, SECOND = 2 };

typedef struct guard {
    fg_value *condition;
    bool yes;
} guard;

typedef struct guards {
    guard at[MAX_GUARDS]; /* outer ones first: the others may not be known if these do not hold */
    int n;
    bool any; /* some reader has been seen */
} guards;

typedef struct branches {
    const fg_planner *p;
    guards *of;  /* by kernel */
    int *maker;  /* by value id of a root: the last kernel that writes it, -1: none */
    int *begins; /* by kernel: the first one of the outermost loop around it; itself if there is none */
} branches;

static const fg_node *choice(const fg_kernel *k) {
    const fg_node *n = k->stage[0].anchor;
    return n != NULL && strcmp(n->op_type, "Choose") == 0 && strcmp(n->domain, FG_OWN_DOMAIN) == 0 ? n : NULL;
}

static int root(const branches *b, fg_value *v) {
    return fg_root_of(b->p, v)->id;
}

static bool same(const guard *a, const guard *b) {
    return a->condition == b->condition && a->yes == b->yes;
}

/* What both have in common, from the outermost on. */
static void meet(guards *g, const guards *with) {
    int n = 0;
    if (!g->any) {
        *g = *with;
        g->any = true;
        return;
    }
    while (n < g->n && n < with->n && same(&g->at[n], &with->at[n])) n++;
    g->n = n;
}

/* Which operand of the choice reads the root, -1: not one branch alone. */
static int branch_of(const branches *b, const fg_node *n, int id) {
    int found = -1;
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] == NULL || n->in[i]->data != NULL || root(b, n->in[i]) != id) continue;
        if (found >= 0 || i == CONDITION || i > SECOND) return -1;
        found = i;
    }
    return found;
}

/* What reading of the root by kernel k asks for. */
static guards asked(const branches *b, int k, int id) {
    const fg_node *n = choice(b->p->partition->kernels[k]);
    guards g = b->of[k];
    const int operand = n != NULL ? branch_of(b, n, id) : -1;
    if (operand > 0 && n->in[CONDITION]->data == NULL && g.n < MAX_GUARDS)
        g.at[g.n++] = (guard){n->in[CONDITION], operand == FIRST};
    g.any = true;
    return g;
}

static bool is_known(const branches *b, const guard *g, int kernel) {
    const int maker = b->maker[root(b, g->condition)];
    return maker < kernel;
}

static void drop_unknown(const branches *b, guards *g, int kernel) {
    int n = 0;
    while (n < g->n && is_known(b, &g->at[n], kernel)) n++;
    g->n = n;
}

static bool reads(const branches *b, const fg_kernel *k, int id) {
    for (int i = 0; i < k->n_in; i++)
        if (k->in[i]->data == NULL && root(b, k->in[i]) == id) return true;
    return false;
}

/* Meets the guards of all kernels behind `last` that read what kernel k makes. */
static void meet_readers(const branches *b, int k, int last, guards *g) {
    const fg_kernel *own = b->p->partition->kernels[k];
    static const guards none = {.any = true};
    for (int o = 0; o < own->n_out; o++) {
        const int id = root(b, own->out[o]);
        if (fg_is_interface(b->p->graph->values[id]) || fg_is_interface(own->out[o])) meet(g, &none);
        for (int j = last + 1; j < b->p->partition->n_kernels; j++) {
            if (!reads(b, b->p->partition->kernels[j], id)) continue;
            const guards a = asked(b, j, id);
            meet(g, &a);
        }
    }
}

/* A loop is one thing: it runs if anything is read of what its kernels make. */
static void find_guards(branches *b) {
    for (int last = b->p->partition->n_kernels - 1; last >= 0;) {
        const int first = b->begins[last];
        guards g = {.n = 0};
        for (int k = first; k <= last; k++) meet_readers(b, k, last, &g);
        drop_unknown(b, &g, first);
        g.any = true;
        for (int k = first; k <= last; k++) b->of[k] = g;
        last = first - 1;
    }
}

static void find_loops(branches *b) {
    const fg_partition *t = b->p->partition;
    int depth = 0, first = 0;
    for (int i = 0; i < t->n_kernels; i++) {
        const fg_node *n = t->kernels[i]->stage[0].anchor;
        if (n != NULL && fg_is_loop_enter(n) && depth++ == 0) first = i;
        b->begins[i] = depth > 0 ? first : i;
        if (n != NULL && fg_is_loop_next(n)) depth--;
    }
}

static const char *text_of(const fg_planner *p, const guard *g) {
    const fg_slot *s = &p->m->slots[g->condition->id];
    const char *not = g->yes ? "" : "!";
    if (s->place == FG_PLACE_INPUT || s->place == FG_PLACE_OUTPUT)
        return fg_format(p->ctx, "%s*(const unsigned char *)c->%s[%lld]", not,
                         s->place == FG_PLACE_INPUT ? "in" : "out", (long long)s->base);
    return fg_format(p->ctx, "%s*(c->arena + %lld)", not, (long long)(s->base + s->layout.offset));
}

const char **fg_branch_guards(const fg_planner *p) {
    const fg_partition *t = p->partition;
    branches b = {.p = p};
    bool any = false;
    for (int i = 0; i < t->n_kernels; i++) any |= choice(t->kernels[i]) != NULL;
    const char **texts = FG_ARRAY(p->ctx, t->n_kernels + 1, const char *);
    if (!any) return texts;
    b.of = FG_ARRAY(p->ctx, t->n_kernels + 1, guards);
    b.maker = FG_ARRAY(p->ctx, p->n_values + 1, int);
    b.begins = FG_ARRAY(p->ctx, t->n_kernels + 1, int);
    for (int i = 0; i < p->n_values; i++) b.maker[i] = -1;
    for (int i = 0; i < t->n_kernels; i++)
        for (int o = 0; o < t->kernels[i]->n_out; o++) b.maker[root(&b, t->kernels[i]->out[o])] = i;
    find_loops(&b);
    find_guards(&b);
    for (int i = 0; i < t->n_kernels; i++) {
        if (b.begins[i] != i) continue; /* what begins the loop tells for all of it */
        for (int k = 0; k < b.of[i].n; k++) {
            const char *one = text_of(p, &b.of[i].at[k]);
            texts[i] = k == 0 ? one : fg_format(p->ctx, "%s && %s", texts[i], one);
        }
    }
    return texts;
}
