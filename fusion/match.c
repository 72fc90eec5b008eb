/* The pattern engine: forms one kernel from one row of the table; see patterns.h. */
#include "fusion/patterns.h"

#include <string.h>

#define MAX_OPEN      6  /* values of a chain that wait for their users at a time */
#define MAX_LOOKAHEAD 16 /* nodes taken in on the chance that a fork closes */
#define MAX_FAN       8  /* users of a value that are looked at */

typedef struct item {
    const fg_class *class;
    char quantifier; /* one of 1 ? * + */
    bool prologue, side;
} item;

typedef struct range {
    int from, to; /* into nodes */
} range;

/* A kernel under construction. */
typedef struct match {
    fg_grouping *gr;
    fg_node *nodes[FG_MAX_MATCH];
    int n_nodes;
    struct {
        fg_node *anchor;
        range epilogue;
    } stage[FG_MAX_STAGES];
    int n_stages;
    range prologue;
    fg_node *tap;
    fg_node *start;       /* not taken in yet: where the first item looks */
    const fg_value *last; /* made last on the main way; NULL before the first node */
    int first;            /* position of the first node */
    fg_scope scope;
} match;

int fg_node_key(const fg_node *n) {
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i] != NULL) {
            return n->out[i]->id;
        }
    }
    return -1;
}

fg_value *fg_stage_result(const fg_stage *s) {
    const fg_node *n = s->n_epilogue > 0 ? s->epilogue[s->n_epilogue - 1] : s->anchor;
    return n->out[0];
}

/* ---- facts ---- */

static bool is_mine(const match *m, const fg_value *v) {
    return m->gr->mark[v->id] == m->gr->serial;
}

static bool is_inside(const void *user, const fg_value *v) {
    return is_mine(user, v);
}

static bool is_available(const void *user, const fg_value *v) {
    const match *m = user;
    if (v->data != NULL || v->producer == NULL) {
        return true;
    }
    return m->gr->position[fg_node_key(v->producer)] < m->first;
}

static bool is_taken(const match *m, const fg_node *n) {
    int key = fg_node_key(n);
    return key < 0 || m->gr->owner[key] != NULL || is_mine(m, m->gr->g->values[key]);
}

/* ---- taking nodes in and putting them back ---- */

static void take(match *m, fg_node *n) {
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] != NULL && is_mine(m, n->in[i])) {
            m->gr->left[n->in[i]->id]--;
        }
    }
    for (int i = 0; i < n->n_out; i++) {
        const fg_value *v = n->out[i];
        if (v == NULL) {
            continue;
        }
        m->gr->mark[v->id] = m->gr->serial;
        m->gr->left[v->id] = v->n_users + (v->is_output ? 1 : 0);
    }
    m->nodes[m->n_nodes++] = n;
    m->last = n->out[0];
}

static void put_back(match *m, int n_nodes) {
    while (m->n_nodes > n_nodes) {
        const fg_node *n = m->nodes[--m->n_nodes];
        for (int i = 0; i < n->n_out; i++) {
            if (n->out[i] != NULL) {
                m->gr->mark[n->out[i]->id] = 0;
            }
        }
        for (int i = 0; i < n->n_in; i++) {
            if (n->in[i] != NULL && is_mine(m, n->in[i])) {
                m->gr->left[n->in[i]->id]++;
            }
        }
    }
}

/* ---- chains ---- */

/* The operand that a chain starting with n is applied to: the first that has the result's shape and is no
 * constant. */
static const fg_value *main_operand(const fg_node *n) {
    for (int i = 0; i < n->n_in; i++) {
        const fg_value *v = n->in[i];
        if (v != NULL && v->data == NULL && fg_shape_equal(&v->shape, &n->out[0]->shape)) {
            return v;
        }
    }
    return NULL;
}

/* Among the users of the open values the one that stands first and is of the class. */
static fg_node *next_of_chain(const match *m, const fg_class *class, const fg_value *const *open,
                              int n_open) {
    fg_node *best = NULL;
    for (int i = 0; i < n_open; i++) {
        for (int k = 0; open[i]->n_users <= MAX_FAN && k < open[i]->n_users; k++) {
            fg_node *u = open[i]->users[k];
            if (is_taken(m, u) || u == best || !class->is(&m->scope, u)) {
                continue;
            }
            if (best == NULL || m->gr->position[fg_node_key(u)] < m->gr->position[fg_node_key(best)]) {
                best = u;
            }
        }
    }
    return best;
}

/* Keeps the values that still wait for users; returns how many. */
static int keep_open(const match *m, const fg_value **open, int n_open) {
    int kept = 0;
    for (int i = 0; i < n_open; i++) {
        if (m->gr->left[open[i]->id] > 0) {
            open[kept++] = open[i];
        }
    }
    return kept;
}

/* Grows a chain behind m->last; keeps the longest part whose only result is its last value. Returns its
 * length. */
static int grow_chain(match *m, const fg_class *class, int limit) {
    const fg_value *open[MAX_OPEN + 1] = {m->last};
    int n_open = 1, kept = m->n_nodes, begin = m->n_nodes;
    const fg_value *result = m->last;
    while (m->n_nodes - begin < limit && m->n_nodes - kept < MAX_LOOKAHEAD && n_open <= MAX_OPEN) {
        fg_node *n = next_of_chain(m, class, open, n_open);
        if (n == NULL) {
            break;
        }
        take(m, n);
        n_open = keep_open(m, open, n_open);
        if (n_open == 0) { /* all earlier values are used up */
            kept = m->n_nodes;
            result = n->out[0];
        }
        open[n_open++] = n->out[0];
        if (m->gr->left[n->out[0]->id] == 0) {
            break;
        } /* nobody reads it */
    }
    put_back(m, kept);
    m->last = result;
    return kept - begin;
}

/* A chain at the very start of a kernel: its first node is m->start. */
static int start_chain(match *m, const fg_class *class, int limit) {
    fg_node *n = m->start;
    if (n->n_out != 1 || n->out[0] == NULL) {
        return 0;
    }
    m->scope.main = main_operand(n);
    m->scope.shape = n->out[0]->shape;
    if ((m->scope.channels != FG_CHANNELS_ANY && m->scope.main == NULL) || !class->is(&m->scope, n)) {
        return 0;
    }
    take(m, n);
    m->start = NULL;
    return 1 + (limit > 1 ? grow_chain(m, class, limit - 1) : 0);
}

static bool match_chain(match *m, const item *it) {
    int limit = it->quantifier == '1' || it->quantifier == '?' ? 1 : FG_MAX_CHAIN;
    int begin = m->n_nodes, length;
    if (m->start != NULL) {
        m->scope.channels = it->prologue ? FG_CHANNELS_SECOND : FG_CHANNELS_ANY;
        length = start_chain(m, it->class, limit);
    } else {
        m->scope.main = m->last;
        m->scope.shape = m->last->shape;
        length = grow_chain(m, it->class, limit);
    }
    if (length == 0) {
        return it->quantifier == '?' || it->quantifier == '*';
    }
    if (it->prologue) {
        m->prologue = (range){begin, m->n_nodes};
    } else {
        if (m->n_stages == 0) { /* a map */
            m->n_stages = 1;
            m->stage[0].epilogue.from = begin;
        }
        m->stage[m->n_stages - 1].epilogue.to = m->n_nodes;
    }
    return true;
}

/* ---- anchors, views, taps ---- */

/* The node behind m->last, if nothing else reads that value and all its other operands can be there. */
static fg_node *next_node(const match *m) {
    if (m->start != NULL) {
        return m->start;
    }
    const fg_value *v = m->last;
    if (v->n_users != 1 || v->is_output) {
        return NULL;
    }
    fg_node *n = v->users[0];
    if (is_taken(m, n) || n->n_in == 0 || n->in[0] != v) {
        return NULL;
    }
    for (int i = 1; i < n->n_in; i++) {
        if (n->in[i] != NULL && !is_available(m, n->in[i])) {
            return NULL;
        }
    }
    return n;
}

static bool match_node(match *m, const item *it) {
    fg_node *n = next_node(m);
    bool optional = it->quantifier == '?' || it->quantifier == '*';
    if (n == NULL || !it->class->is(&m->scope, n)) {
        return optional;
    }
    if (it->class->role == FG_ROLE_ANCHOR) {
        if (m->n_stages == FG_MAX_STAGES) {
            return false;
        }
        m->stage[m->n_stages].anchor = n;
        m->stage[m->n_stages].epilogue = (range){m->n_nodes + 1, m->n_nodes + 1};
        m->n_stages++;
        m->scope.channels = it->class->channels;
    }
    take(m, n);
    m->start = NULL;
    return true;
}

static bool match_side(match *m, const item *it) {
    const fg_value *v = m->last;
    for (int i = 0; v != NULL && v->n_users <= MAX_FAN && i < v->n_users; i++) {
        fg_node *n = v->users[i];
        if (is_taken(m, n) || !it->class->is(&m->scope, n)) {
            continue;
        }
        take(m, n);
        m->last = v;
        m->tap = n;
        return true;
    }
    return it->quantifier == '?';
}

/* ---- sequences ---- */

/* Reads the next item of a sequence; false at its end. */
static bool next_item(fg_context *ctx, const char **sequence, item *it) {
    const char *s = *sequence;
    while (*s == ' ') {
        s++;
    }
    if (*s == '\0') {
        return false;
    }
    it->prologue = *s == '<';
    it->side = *s == '~';
    s += it->prologue || it->side;
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_");
    it->class = fg_class_find(s, n);
    if (it->class == NULL) {
        fg_raise(ctx, FG_INTERNAL, "pattern table: unknown class in '%s'", *sequence);
    }
    s += n;
    it->quantifier = *s != '\0' && *s != ' ' ? *s++ : '1';
    *sequence = s;
    return true;
}

static bool match_sequence(match *m, const char *sequence) {
    item it;
    while (next_item(m->gr->ctx, &sequence, &it)) {
        bool fits = it.side                           ? match_side(m, &it)
                    : it.class->role == FG_ROLE_CHAIN ? match_chain(m, &it)
                                                      : match_node(m, &it);
        if (!fits) {
            return false;
        }
    }
    return m->n_stages > 0;
}

/* ---- the kernel ---- */

static fg_node **copy_nodes(const match *m, range r) {
    fg_node **copy = FG_ARRAY(m->gr->ctx, r.to > r.from ? r.to - r.from : 1, fg_node *);
    for (int i = r.from; i < r.to; i++) {
        copy[i - r.from] = m->nodes[i];
    }
    return copy;
}

static const char *lowering_of(const match *m, const fg_pattern *p) {
    if (p->lowering != NULL) {
        return p->lowering;
    }
    const fg_node *n = m->stage[0].anchor != NULL ? m->stage[0].anchor : m->nodes[0];
    return n->op != NULL ? n->op->lowering : NULL;
}

static fg_kernel *build(const match *m, const fg_pattern *p) {
    fg_kernel *k = fg_kernel_new(m->gr->ctx, m->n_stages);
    k->pattern = p;
    k->lowering = lowering_of(m, p);
    for (int i = 0; i < m->n_stages; i++) {
        range r = m->stage[i].epilogue;
        k->stage[i] = (fg_stage){m->stage[i].anchor, copy_nodes(m, r), r.to - r.from};
    }
    k->prologue = copy_nodes(m, m->prologue);
    k->n_prologue = m->prologue.to - m->prologue.from;
    k->tap = m->tap;
    k->nodes = copy_nodes(m, (range){0, m->n_nodes});
    k->n_nodes = m->n_nodes;
    return k;
}

fg_kernel *fg_match_pattern(fg_grouping *gr, const fg_pattern *p, fg_node *n) {
    match m = {.gr = gr, .start = n, .first = gr->position[fg_node_key(n)]};
    m.scope = (fg_scope){.inside = is_inside, .available = is_available, .user = &m};
    gr->serial++;
    if (!match_sequence(&m, p->sequence)) {
        return NULL;
    }
    fg_kernel *k = build(&m, p);
    return p->constraint == NULL || p->constraint(gr->g, k) ? k : NULL;
}
