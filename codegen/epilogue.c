#include "codegen/epilogue.h"

#include <stdlib.h>
#include <string.h>

typedef struct fg_access {
    int64_t b, y, x, n; /* element strides; all 0: one element */
    int64_t ring;       /* > 0: row y is kept at y % ring */
    const char *rows;   /* table of where rows lie, which b, y and x then count; NULL: strides say it */
    bool padded;        /* may be read beyond the last channel */
} fg_access;

struct fg_epilogue {
    fg_emit *e;
    fg_chain *chain;
    fg_access *access;
    const char *prefix;
    int n_operands;
    int64_t row; /* of a tile of several rows, see fg_epilogue_place */
    int64_t pixel;
    const char *numbers; /* of SiLU, read once for the tile; NULL: by each result */
    bool applied;        /* to all results of the tile */
};

/* Stride of operand v along dimension d of a result of rank `rank`; 0 where it is broadcast. */
static int64_t stride_along(const fg_emit *e, const fg_value *v, int d, int rank) {
    const int own = d - (rank - v->shape.rank);
    if (d < 0 || own < 0 || v->shape.dim[own] == 1) return 0;
    if (!v->data) return fg_layout_of(e, v)->stride[own];
    int64_t stride = 1;
    for (int i = own + 1; i < v->shape.rank; i++) stride *= v->shape.dim[i];
    return stride;
}

/* A constant that varies along the channels only is stored once more, padded to whole vectors. */
static bool pack_channels(fg_epilogue *p, const char *name, const fg_value *v, const fg_access *a,
                          int64_t channels, bool grouped) {
    if (!v->data || a->b || a->y || a->x || a->n == 0) return false;
    /* The last vector of every group is read whole, so that of the last group may begin anywhere. */
    const int64_t vectors = (channels + p->e->lanes - 1) / p->e->lanes + grouped,
                  padded = vectors * p->e->lanes;
    float *to = fg_emit_weights(p->e, name, padded);
    for (int64_t i = 0; i < channels; i++) to[i] = (float)fg_const_float(v, i * a->n);
    return true;
}

fg_epilogue *fg_epilogue_new(fg_emit *e, const char *prefix, fg_node *const *nodes, int n_nodes,
                             fg_value *main, fg_axes axes, bool flat) {
    fg_epilogue *p = FG_NEW(e->ctx, fg_epilogue);
    p->e = e;
    p->prefix = prefix;
    p->chain = fg_chain_new(e, nodes, n_nodes, main);
    p->n_operands = fg_chain_operands(p->chain);
    p->access = FG_ARRAY(e->ctx, p->n_operands + 1, fg_access);
    const int rank = main->shape.rank;
    const bool grouped = main->producer && fg_attr_int(main->producer, "group", 1) > 1;
    for (int i = 0; i < p->n_operands; i++) {
        fg_value *v = fg_chain_operand(p->chain, i);
        fg_access *a = &p->access[i];
        a->b = stride_along(e, v, axes.b, rank);
        a->y = stride_along(e, v, axes.y, rank);
        a->x = stride_along(e, v, axes.x, rank);
        a->n = stride_along(e, v, axes.n, rank);
        const char *name = fg_format(e->ctx, "%s%d", prefix, i);
        const char *rows = fg_format(e->ctx, "%s_rows", name);
        if (fg_emit_rows(e, rows, v)) {
            const int64_t run = v->shape.dim[v->shape.rank - 1];
            a->rows = rows;
            a->b /= run;
            a->y /= run;
            a->x /= run;
        }
        a->ring = v->data ? 0 : fg_layout_of(e, v)->ring;
        if (flat && axes.y >= 0) {
            const bool uniform = a->x == 0 && main->shape.dim[axes.x] > 1
                                     ? a->y == 0
                                     : a->y == a->x * main->shape.dim[axes.x] || main->shape.dim[axes.y] == 1;
            FG_REQUIRE(e->ctx, "epilogue", uniform || a->x == 0);
            if (main->shape.dim[axes.x] == 1) a->x = a->y;
            a->y = 0;
        }
        if (pack_channels(p, name, v, a, main->shape.dim[axes.n], grouped)) {
            a->n = 1;
            a->padded = true;
        } else {
            fg_emit_input(e, name, v);
            FG_REQUIRE(e->ctx, "epilogue", a->n == 0 || a->n == 1);
        }
    }
    return p;
}

bool fg_epilogue_is_empty(const fg_epilogue *p) {
    return p->n_operands == 0;
}

static void add_term(fg_text *out, const char *variable, int64_t stride) {
    if (stride == 0 || variable[0] == '\0' || strcmp(variable, "0") == 0) return;
    if (stride == 1)
        fg_text_printf(out, " + %s", variable);
    else
        fg_text_printf(out, " + %s * %lld", variable, (long long)stride);
}

void fg_epilogue_at(fg_epilogue *p, const char *b, const char *y, const char *x, const char *n,
                    fg_text *out) {
    p->applied = false;
    p->numbers = NULL;
    for (int i = 0; i < p->n_operands; i++) {
        const fg_access *a = &p->access[i];
        if (a->rows)
            fg_text_printf(out, "const int32_t *%sr%d = %s", p->prefix, i, a->rows);
        else
            fg_text_printf(out, "const float *%sq%d = %s%d", p->prefix, i, p->prefix, i);
        add_term(out, b, a->b);
        add_term(out, a->ring ? fg_format(p->e->ctx, "(%s %% %lld)", y, (long long)a->ring) : y, a->y);
        add_term(out, x, a->x);
        if (a->rows) fg_text_printf(out, ";\nconst float *%sq%d = %s%d", p->prefix, i, p->prefix, i);
        add_term(out, n, a->n);
        fg_text_add(out, ";\n");
    }
}

/* The chain without its last `without` steps. */
static void apply(const fg_epilogue *p, const char *var, int64_t pixel, int64_t channel, int lanes,
                  const char *tag, int without, fg_text *out) {
    fg_context *ctx = p->e->ctx;
    const char **loaded = FG_ARRAY(ctx, p->n_operands + 1, const char *);
    for (int i = 0; i < p->n_operands; i++) {
        const fg_access *a = &p->access[i];
        const int64_t place = p->row * a->y + (p->pixel + pixel) * a->x;
        const long long at = (long long)((a->rows ? 0 : place) + channel * a->n);
        const char *q = fg_format(ctx, "%sq%d", p->prefix, i);
        if (a->rows) q = fg_format(ctx, "%s + %sr%d[%lld]", q, p->prefix, i, (long long)place);
        if (at) q = fg_format(ctx, "%s + %lld", q, at);
        if (a->n == 0)
            loaded[i] = fg_format(ctx, "fg_set1(%sq%d[%lld])", p->prefix, i, at);
        else if (lanes < p->e->lanes && !a->padded)
            loaded[i] = fg_format(ctx, "fg_loadn(%s, %d)", q, lanes);
        else
            loaded[i] = fg_format(ctx, "fg_load(%s)", q);
    }
    fg_chain_emit(p->chain, var, false, loaded, true, tag, without, out);
}

/* `text` with every `word` put in the place of `of`. */
static void replaced(const char *text, const char *of, const char *word, fg_text *out) {
    for (const char *at; (at = strstr(text, of)) != NULL; text = at + strlen(of))
        fg_text_printf(out, "%.*s%s", (int)(at - text), text, word);
    fg_text_add(out, text);
}

void fg_epilogue_apply(const fg_epilogue *p, const char *var, int64_t pixel, int64_t channel, int lanes,
                       const char *tag, fg_text *out) {
    if (p->applied) return;
    if (!p->numbers) {
        apply(p, var, pixel, channel, lanes, tag, 0, out);
        return;
    }
    fg_text own = fg_text_new(p->e->ctx);
    apply(p, var, pixel, channel, lanes, tag, 0, &own);
    if (own.data) replaced(own.data, "fg_silu(", fg_format(p->e->ctx, "fgs_silu_by(&%s, ", p->numbers), out);
}

/* ---- what the results of a tile share ---- */

typedef struct fg_results {
    long pixels, vectors; /* vectors 0: one to a pixel, named without its number */
} fg_results;

static long count_of(const fg_results *r) {
    return r->pixels * (r->vectors ? r->vectors : 1);
}

static const char *tag_of(fg_context *ctx, const fg_results *r, long i) {
    return r->vectors ? fg_format(ctx, "_%ld_%ld", i / r->vectors, i % r->vectors)
                      : fg_format(ctx, "_%ld", i);
}

static const char *name_of(fg_context *ctx, const fg_results *r, long i) {
    return r->vectors ? fg_format(ctx, "c%s", tag_of(ctx, r, i) + 1) : fg_format(ctx, "a%ld", i);
}

/* `nan` is NaN if a result is; else rarely (infinities against each other or zeros, which cost time only). */
static void test_for_nan(fg_context *ctx, const fg_results *r, fg_text *out) {
    const long n = count_of(r);
    fg_text_printf(out, "fg_v nan = %s%s%s%s;\n", n > 1 ? "fg_mul(" : "", name_of(ctx, r, 0),
                   n > 1 ? ", " : "", n > 1 ? fg_format(ctx, "%s)", name_of(ctx, r, 1)) : "");
    for (long i = 2; i + 1 < n; i += 2)
        fg_text_printf(out, "FG_FMA(nan, %s, %s);\n", name_of(ctx, r, i), name_of(ctx, r, i + 1));
    if (n > 2 && n % 2) fg_text_printf(out, "nan = fg_add(nan, %s);\n", name_of(ctx, r, n - 1));
}

/* A chain that ends in a clip: by instructions that pass over NaN, unless there is one in the tile. */
static void clip_tile(fg_epilogue *p, const fg_results *r, fg_text *out) {
    fg_context *ctx = p->e->ctx;
    const int lanes = p->e->lanes;
    for (long i = 0; i < count_of(r); i++)
        apply(p, name_of(ctx, r, i), r->vectors ? i / r->vectors : i, r->vectors ? i % r->vectors * lanes : 0,
              lanes, tag_of(ctx, r, i), 1, out);
    test_for_nan(ctx, r, out);
    fg_text_add(out, "if (nan != nan) {\n");
    for (long i = 0; i < count_of(r); i++) fg_chain_emit_clip(p->chain, name_of(ctx, r, i), out);
    fg_text_add(out, "} else {\n");
    for (long i = 0; i < count_of(r); i++) {
        fg_text clip = fg_text_new(ctx), half = fg_text_new(ctx);
        fg_chain_emit_clip(p->chain, name_of(ctx, r, i), &clip);
        replaced(clip.data, "fg_max(", "fg_greater(", &half);
        replaced(half.data, "fg_min(", "fg_lesser(", out);
    }
    fg_text_add(out, "}\n");
    p->applied = true;
}

void fg_epilogue_tile(fg_epilogue *p, const char *tile, fg_text *out) {
    const fg_target *t = p->e->m->target;
    char *end;
    const long pixels = strtol(tile, &end, 10), vectors = strtol(end, NULL, 10);
    const fg_results r = {pixels, vectors};
    if (p->e->lanes != 1 || !t->fma || fg_wants_little_text(p->e->m, p->e->k)) return;
    if (t->minmax && fg_chain_ends_in_clip(p->chain)) {
        clip_tile(p, &r, out);
    } else if (fg_chain_uses(p->chain, "fg_silu(")) {
        p->numbers = fg_format(p->e->ctx, "%s_numbers", p->prefix);
        fg_text_printf(out, "const fgs_silu_numbers %s = fgs_silu_prepare();\n", p->numbers);
    }
}

const char *fg_epilogue_accumulator(const fg_epilogue *p, long i, long j, int lanes, fg_text *out) {
    fg_context *ctx = p->e->ctx;
    const char *var = fg_format(ctx, "c%ld_%ld", i, j);
    fg_epilogue_apply(p, var, i, j * p->e->lanes, lanes, fg_format(ctx, "_%ld_%ld", i, j), out);
    return var;
}

void fg_epilogue_place(fg_epilogue *p, int64_t row, int64_t pixel) {
    p->row = row;
    p->pixel = pixel;
}
