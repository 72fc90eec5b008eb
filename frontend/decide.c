/* Comparisons of elements that follow from extents: true or false for every run, where the ranges of the
 * extents leave no doubt. Exporters guard against extents of -1 and 0 with them. */
#include <string.h>

#include "frontend/extent.h"

/* What a comparison says where the difference of its operands lies in [low, high]: 0, 1, or -1 for either. */
static int equal(int64_t low, int64_t high) {
    return low > 0 || high < 0 ? 0 : low == 0 && high == 0 ? 1 : -1;
}

static int less(int64_t low, int64_t high) {
    return high < 0 ? 1 : low >= 0 ? 0 : -1;
}

static int greater(int64_t low, int64_t high) {
    return low > 0 ? 1 : high <= 0 ? 0 : -1;
}

static int less_or_equal(int64_t low, int64_t high) {
    return high <= 0 ? 1 : low > 0 ? 0 : -1;
}

static int greater_or_equal(int64_t low, int64_t high) {
    return low >= 0 ? 1 : high < 0 ? 0 : -1;
}

typedef int fg_decide_fn(int64_t low, int64_t high);

static const struct {
    const char *op;
    fg_decide_fn *decide;
} comparisons[] = {
    {"Equal", equal},
    {"Less", less},
    {"Greater", greater},
    {"LessOrEqual", less_or_equal},
    {"GreaterOrEqual", greater_or_equal},
};

static fg_decide_fn *find_comparison(const fg_node *n) {
    for (size_t i = 0; n->op->domain[0] == '\0' && i < FG_COUNT(comparisons); i++) {
        if (strcmp(n->op_type, comparisons[i].op) == 0) {
            return comparisons[i].decide;
        }
    }
    return NULL;
}

/* The elements of v are known, and `count` of them or one. */
static bool is_known(const fg_value *v, int64_t count) {
    const int64_t own = fg_shape_count(&v->shape);
    return (v->dtype == FG_INT64 || v->dtype == FG_INT32) && (v->data != NULL || v->elements != NULL) &&
           (own == 1 || own == count);
}

/* Element i of v, or its only one. */
static fg_form element_of(const fg_value *v, int64_t i) {
    const int64_t at = fg_shape_count(&v->shape) == 1 ? 0 : i;
    return v->elements != NULL && v->data == NULL ? v->elements[at]
                                                  : (fg_form){.constant = fg_const_int(v, at)};
}

/* Adds factor times what the symbol may be, from 0 to its bound; false if that is beyond 64 bits. */
static bool add_range(const fg_symbol *s, int64_t factor, int64_t *low, int64_t *high) {
    int64_t reach;
    int64_t *end = factor < 0 ? low : high;
    return !__builtin_mul_overflow(factor, s->most, &reach) && !__builtin_add_overflow(*end, reach, end);
}

static int64_t factor_in(const fg_form *f, int symbol) {
    for (int t = 0; t < f->n; t++) {
        if (f->term[t].symbol == symbol) {
            return f->term[t].factor;
        }
    }
    return 0;
}

/* The range of a - b; a symbol that both have counts once, by the difference of its factors. */
static bool range_of_difference(const fg_graph *g, const fg_form *a, const fg_form *b, int64_t *low,
                                int64_t *high) {
    bool fits = !__builtin_sub_overflow(a->constant, b->constant, low);
    *high = *low;
    for (int t = 0; fits && t < a->n; t++) {
        const int k = a->term[t].symbol;
        fits = add_range(&g->symbols[k], a->term[t].factor - factor_in(b, k), low, high);
    }
    for (int t = 0; fits && t < b->n; t++) {
        const int k = b->term[t].symbol;
        fits = factor_in(a, k) != 0 || add_range(&g->symbols[k], -b->term[t].factor, low, high);
    }
    return fits;
}

bool fg_decide_comparison(fg_graph *g, fg_node *n) {
    fg_decide_fn *decide = find_comparison(n);
    if (decide == NULL) {
        return false;
    }
    fg_shape y = n->in[0]->shape;
    fg_broadcast_shape(g->ctx, n, &y, &n->in[1]->shape);
    const int64_t count = fg_shape_count(&y);
    if (!is_known(n->in[0], count) || !is_known(n->in[1], count)) {
        return false;
    }
    bool *said = FG_ARRAY(g->ctx, count + 1, bool);
    for (int64_t i = 0; i < count; i++) {
        int64_t low, high;
        const fg_form a = element_of(n->in[0], i), b = element_of(n->in[1], i);
        const int answer = range_of_difference(g, &a, &b, &low, &high) ? decide(low, high) : -1;
        if (answer < 0) {
            return false;
        }
        said[i] = answer == 1;
    }
    fg_out_shape(g->ctx, n, 0, FG_BOOL, &y);
    n->out[0]->data = said;
    return true;
}
