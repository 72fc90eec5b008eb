/* LabelEncoder and CategoryMapper: a search through sorted keys for every element. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/expr.h"
#include "codegen/moves.h"
#include "frontend/ml.h"

typedef struct pair {
    fg_dtype type;
    double real;
    int64_t whole;
    const char *text;
    int index; /* in the operator's lists */
} pair;

static pair pair_of(const fg_mapping *m, int i) {
    const fg_value v = {.dtype = m->key_type, .shape = {1, {m->n}}, .data = m->keys};
    pair p = {.type = m->key_type, .index = i};
    if (m->key_type == FG_STRING) {
        p.text = ((const char *const *)m->keys)[i];
    } else if (fg_dtype_get(m->key_type)->is_float) {
        p.real = fg_const_float(&v, i);
    } else {
        p.whole = fg_const_int(&v, i);
    }
    return p;
}

/* NaN comes last. */
static int compare_keys(const pair *a, const pair *b) {
    if (a->type == FG_STRING) {
        return strcmp(a->text, b->text);
    }
    if (isnan(a->real) || isnan(b->real)) {
        return (int)isnan(a->real) - (int)isnan(b->real);
    }
    return a->real != b->real ? (a->real > b->real) - (a->real < b->real)
                              : (a->whole > b->whole) - (a->whole < b->whole);
}

static int compare_pairs(const void *a, const void *b) {
    const pair *x = a, *y = b;
    const int keys = compare_keys(x, y);
    return keys != 0 ? keys : x->index - y->index;
}

/* Sorted by key; of equal ones the last is kept. Returns how many are left. */
static int sort_pairs(pair *p, int n) {
    int kept = 0;
    qsort(p, (size_t)n, sizeof *p, compare_pairs);
    for (int i = 0; i < n; i++) {
        if (i + 1 == n || compare_keys(&p[i], &p[i + 1]) != 0) {
            p[kept++] = p[i];
        }
    }
    return kept;
}

/* A table of elements order[0].index, order[1].index, ... of a list. */
static void emit_list(fg_emit *e, const char *name, fg_dtype t, const void *from, const pair *order, int n) {
    if (t == FG_STRING) {
        const char **texts = FG_ARRAY(e->ctx, n, const char *);
        for (int i = 0; i < n; i++) {
            texts[i] = ((const char *const *)from)[order[i].index];
        }
        fg_emit_strings(e, name, n, texts);
        return;
    }
    const size_t bytes = fg_dtype_bytes(t, 1);
    unsigned char *to = fg_emit_table(e, name, fg_dtype_get(t)->c_type, bytes, n);
    for (int i = 0; i < n; i++) {
        memcpy(to + (size_t)i * bytes, (const unsigned char *)from + (size_t)order[i].index * bytes, bytes);
    }
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    fg_value *x = n->in[0], *y = n->out[0];
    if (fg_is_empty_result(e, y)) {
        return;
    }
    const fg_mapping m = fg_mapping_of(ctx, n);
    const bool text = m.key_type == FG_STRING, real = fg_dtype_get(m.key_type)->is_float;
    pair *order = FG_ARRAY(ctx, m.n, pair);
    for (int i = 0; i < m.n; i++) {
        order[i] = pair_of(&m, i);
    }
    const int count = sort_pairs(order, m.n);
    const bool nan = real && isnan(order[count - 1].real);
    const pair first = {.index = 0};
    fg_emit_input(e, "x", x);
    fg_emit_output(e, "y", y);
    emit_list(e, "keys", m.key_type, m.keys, order, count);
    emit_list(e, "values", m.value_type, m.values, order, count);
    emit_list(e, "otherwise", m.value_type, m.otherwise, &first, 1);
    fg_nest *nest = fg_nest_new(ctx, &x->shape, 2);
    fg_nest_add_value(e, nest, y);
    fg_nest_add_value(e, nest, x);
    fg_nest_simplify(nest, 0, 0, nest->rank);
    fg_nest_open(nest, 0, nest->rank, "i", e->out);
    if (nest->rank == 0) {
        fg_line(e, "{");
    }
    fg_line(e, "%sv = x[%s];",
            text ? "const char *" : fg_format(ctx, "const %s ", fg_dtype_get(x->dtype)->c_type),
            fg_nest_at(ctx, nest, 1, 0, nest->rank, "i"));
    fg_line(e, "int low = 0, high = %d;", count - nan);
    fg_line(e, "while (low < high) {\nconst int middle = low + (high - low) / 2;");
    fg_line(e, text ? "if (strcmp(keys[middle], v) < 0) low = middle + 1;"
                    : "if (keys[middle] < v) low = middle + 1;");
    fg_line(e, "else high = middle;\n}");
    const char *to = fg_nest_at(ctx, nest, 0, 0, nest->rank, "i");
    if (nan && m.nan) {
        fg_line(e, "if (v != v) y[%s] = values[%d];\nelse", to, count - 1);
    }
    fg_line(e, "y[%s] = low < %d && %s ? values[low] : otherwise[0];", to, count - nan,
            text ? "strcmp(keys[low], v) == 0" : "keys[low] == v");
    fg_nest_close(nest->rank == 0 ? 1 : nest->rank, e->out);
    fg_describe(e, "", "a search through %d sorted keys", count);
}

const fg_lowering fg_lowering_label_encoder = {.name = "label_encoder", .prefer = NULL, .emit = emit};
