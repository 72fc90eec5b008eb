/* Kernels of several passes over lines. */
#include "codegen/lines.h"

#include <stdlib.h>
#include <string.h>

#include "codegen/expr.h"

enum { ELEMENTS, ALONG, ACROSS };

/* ---- operands ---- */

void fg_lines_open(fg_emit *e, fg_lines *l, const fg_line_op *op, int rank, const int64_t *extent,
                   const bool *kept_dim, const fg_dims *dims) {
    fg_value *x = e->k->stage[0].anchor->in[0];
    const fg_shape none = {.rank = 0};
    int kept = 0, at = 0;
    *l = (fg_lines){.e = e, .op = op, .in = x->dtype, .scale_operand = -1, .bias_operand = -1, .count = 1};
    fg_compute_type(e->ctx, x->dtype);
    l->computed = x->dtype == FG_DOUBLE ? FG_DOUBLE : FG_FLOAT;
    for (int d = 0; d < rank; d++) {
        kept += kept_dim[d];
    }
    l->kept = kept;
    l->nest = fg_nest_new(e->ctx, &none, 6 + FG_LINE_PASSES + fg_tail_operands(e));
    l->nest->rank = rank;
    for (int d = 0, k = 0; d < rank; d++) {
        l->place[d] = kept_dim[d] ? k++ : kept + at++;
        l->nest->extent[l->place[d]] = extent[d];
        l->count *= kept_dim[d] ? 1 : extent[d];
    }
    l->dims = *dims;
    for (int d = 0; d < x->shape.rank; d++) {
        l->dims.to[d] = l->place[dims->to[d]];
        l->dims.inner[d] = dims->inner[d] < 0 ? -1 : l->place[dims->inner[d]];
    }
    fg_emit_input(e, "x", x);
    fg_nest_add_in(e, l->nest, x, x->shape.rank, &l->dims);
    fg_tail_open(e, &l->tail, l->nest, &l->dims);
}

static int add_operand(fg_lines *l, fg_value *v, const char *name, const int64_t *stride) {
    if (v == NULL) {
        return -1;
    }
    fg_compute_type(l->e->ctx, v->dtype);
    fg_emit_input(l->e, name, v);
    if (stride == NULL) {
        return fg_nest_add_in(l->e, l->nest, v, l->e->k->stage[0].anchor->in[0]->shape.rank, &l->dims);
    }
    int64_t placed[2 * FG_MAX_RANK] = {0};
    for (int d = 0; d < l->nest->rank; d++) {
        placed[l->place[d]] = stride[d];
    }
    return fg_nest_add(l->e->ctx, l->nest, placed);
}

void fg_lines_scale(fg_lines *l, fg_value *v, const int64_t *stride) {
    l->scale = v;
    l->scale_operand = add_operand(l, v, "scale", stride);
}

void fg_lines_bias(fg_lines *l, fg_value *v, const int64_t *stride) {
    l->bias = v;
    l->bias_operand = add_operand(l, v, "bias", stride);
}

void fg_lines_number(fg_lines *l, int pass, fg_value *v) {
    if (v == NULL || (v->n_users == 0 && !v->is_output)) {
        return;
    }
    l->number[pass] = v;
    fg_emit_output(l->e, fg_format(l->e->ctx, "number%d", pass), v);
    l->number_operand[pass] = fg_nest_add_in(l->e, l->nest, v, v->shape.rank, &l->dims);
}

/* ---- text ---- */

static const char *constant(const fg_lines *l, double d) {
    return l->computed == FG_DOUBLE ? fg_c_double(l->e->ctx, d) : fg_c_float(l->e->ctx, (float)d);
}

/* What the texts may name. suffix: of results of earlier passes. */
typedef struct fg_names {
    const char *a, *x, *suffix, *s, *b;
} fg_names;

static const char *spell(const fg_lines *l, const char *text, const fg_names *n) {
    fg_text out = fg_text_new(l->e->ctx);
    for (; *text != '\0'; text++) {
        if (*text != '$') {
            fg_text_addn(&out, text, 1);
            continue;
        }
        const char c = *++text;
        switch (c) {
        case 'a': fg_text_add(&out, n->a); break;
        case 'x': fg_text_add(&out, n->x); break;
        case 's': fg_text_add(&out, n->s); break;
        case 'b': fg_text_add(&out, n->b); break;
        case 'T': fg_text_add(&out, fg_ctype_tag(l->computed)); break;
        case 'n': fg_text_add(&out, constant(l, (double)l->count)); break;
        case 'r': fg_text_add(&out, constant(l, l->count > 0 ? 1.0 / (double)l->count : 1.0)); break;
        case 'e': fg_text_add(&out, constant(l, l->epsilon)); break;
        default: fg_text_printf(&out, "p%c%s", c, n->suffix); break;
        }
    }
    const char *s = out.data != NULL ? fg_strdup(l->e->ctx, out.data) : "";
    fg_text_free(&out);
    return s;
}

static const char *suffix_of(const char *s) {
    return strcmp(s, "-") == 0 ? "" : s;
}

/* Dimension along which vectors lie. */
static int along(const fg_lines *l) {
    return l->mode == ACROSS ? l->kept - 1 : l->nest->rank - 1;
}

static void store_at(const fg_lines *l, const char *var, int lanes, int64_t shift, fg_text *out) {
    fg_context *ctx = l->e->ctx;
    const char *at = fg_tail_at(&l->tail, l->nest->rank, along(l), shift);
    if (lanes == 0) {
        fg_text_printf(out, "y[%s] = %s;\n", at, var);
    } else if (lanes == l->e->lanes) {
        fg_text_printf(out, "fg_store(%s, %s);\n", fg_pointer_to(ctx, "y", at), var);
    } else {
        fg_text_printf(out, "fg_storen(%s, %s, %d);\n", fg_pointer_to(ctx, "y", at), var, lanes);
    }
}

/* "PASS ELEMENT ACCUMULATOR-SUFFIX RESULT-SUFFIX LANES SHIFT" */
static void hook_step(void *user, const char *arguments, fg_text *out) {
    const fg_lines *l = user;
    int pass, lanes, shift;
    char x[32], acc[32], result[32];
    FG_REQUIRE(l->e->ctx, "lines",
               sscanf(arguments, "%d %31s %31s %31s %d %d", &pass, x, acc, result, &lanes, &shift) == 6);
    const fg_line_pass *p = &l->op->pass[pass];
    const fg_names names = {
        .a = fg_format(l->e->ctx, "p%d%s", pass, suffix_of(acc)), .x = x, .suffix = suffix_of(result)};
    const char *prepare = lanes > 0 ? p->vector_prepare : p->prepare;
    if (prepare != NULL) {
        fg_text_printf(out, "%s = %s;\n", x, spell(l, prepare, &names));
    }
    fg_text_printf(out, "%s\n", spell(l, lanes > 0 ? p->vector_step : p->step, &names));
    if (p->keep && l->keep) {
        store_at(l, x, lanes, shift, out);
    }
}

/* "PASS SUFFIX VECTOR": the end of a pass. */
static void hook_after(void *user, const char *arguments, fg_text *out) {
    const fg_lines *l = user;
    int pass, vector;
    char suffix[32];
    FG_REQUIRE(l->e->ctx, "lines", sscanf(arguments, "%d %31s %d", &pass, suffix, &vector) == 3);
    const fg_line_pass *p = &l->op->pass[pass];
    const char *a = fg_format(l->e->ctx, "p%d%s", pass, suffix_of(suffix));
    const fg_names names = {.a = a, .suffix = suffix_of(suffix)};
    const char *after = vector ? p->vector_after : p->after;
    if (after != NULL) {
        fg_text_printf(out, "%s = %s;\n", a, spell(l, after, &names));
    }
    if (l->number[pass] != NULL) {
        const char *at = fg_nest_at(l->e->ctx, l->nest, l->number_operand[pass], 0, l->kept, "i");
        const char *to = fg_format(l->e->ctx, "number%d", pass);
        const bool narrow = l->computed == FG_DOUBLE && l->number[pass]->dtype != FG_DOUBLE;
        const char *value = narrow ? fg_format(l->e->ctx, "(float)%s", a) : a;
        fg_text_printf(out, "%s\n", fg_store_element(l->e->ctx, l->number[pass]->dtype, to, at, value));
    }
}

/* "A B PASS VECTOR" */
static void hook_join(void *user, const char *arguments, fg_text *out) {
    const fg_lines *l = user;
    int pass, vector;
    char a[32], b[32];
    FG_REQUIRE(l->e->ctx, "lines", sscanf(arguments, "%31s %31s %d %d", a, b, &pass, &vector) == 4);
    const char *join = l->op->pass[pass].join;
    if (vector) {
        fg_text_printf(out, "%s = fg_%s(%s, %s);", a, join, a, b);
    } else {
        fg_text_printf(out, "%s = fgs_%s_%s(%s, %s);", a, join, fg_ctype_tag(l->computed), a, b);
    }
}

static const char *operand(const fg_lines *l, int i, const fg_value *v, const char *name, int lanes,
                           int64_t shift) {
    return i < 0 ? "" : fg_nest_load(l->e, l->nest, i, v->dtype, name, l->nest->rank, lanes, along(l), shift);
}

/* "ELEMENT RESULT-SUFFIX LANES SHIFT TAG": the last pass. */
static void hook_last(void *user, const char *arguments, fg_text *out) {
    const fg_lines *l = user;
    int lanes, shift;
    char x[32], suffix[32], tag[32];
    FG_REQUIRE(l->e->ctx, "lines",
               sscanf(arguments, "%31s %31s %d %d %31s", x, suffix, &lanes, &shift, tag) == 5);
    const fg_names names = {.x = x,
                            .suffix = suffix_of(suffix),
                            .s = operand(l, l->scale_operand, l->scale, "scale", lanes, shift),
                            .b = operand(l, l->bias_operand, l->bias, "bias", lanes, shift)};
    fg_text_printf(out, "%s = %s;\n", x, spell(l, lanes > 0 ? l->op->vector_last : l->op->last, &names));
    fg_tail_emit(&l->tail, x, l->nest->rank, lanes, along(l), shift, tag, out);
}

/* ---- decisions ---- */

static bool flat_or_dense(const fg_lines *l, int i, int d) {
    return i < 0 || l->nest->stride[i][d] == 0 || l->nest->stride[i][d] == 1;
}

static bool vectors_in(const fg_lines *l, int d, int64_t least) {
    const fg_nest *n = l->nest;
    const bool floats = l->in == FG_FLOAT && (l->scale == NULL || l->scale->dtype == FG_FLOAT) &&
                        (l->bias == NULL || l->bias->dtype == FG_FLOAT);
    return floats && d >= 0 && n->extent[d] >= least && n->stride[0][d] == 1 &&
           fg_tail_vectors(&l->tail, d) && flat_or_dense(l, l->scale_operand, d) &&
           flat_or_dense(l, l->bias_operand, d);
}

static void choose(fg_lines *l) {
    fg_nest *n = l->nest;
    const int lanes = l->e->lanes;
    const int inner = fg_nest_simplify(n, 0, l->kept, n->rank);
    l->kept = fg_nest_simplify(n, 0, 0, l->kept);
    const bool numbers = l->number[0] != NULL || l->number[1] != NULL;
    l->mode = ELEMENTS;
    if (lanes < 2) {
        return;
    }
    if (inner > 0 && vectors_in(l, n->rank - 1, lanes)) {
        l->mode = ALONG;
    } else if (!numbers && vectors_in(l, l->kept - 1, (lanes + 1) / 2)) {
        l->mode = ACROSS;
    }
}

static bool stores_what_it_computes(const fg_lines *l) {
    return l->tail.chain == NULL && l->tail.result->dtype == l->computed;
}

void fg_lines_emit(fg_lines *l) {
    fg_emit *e = l->e;
    fg_context *ctx = e->ctx;
    choose(l);
    const fg_nest *n = l->nest;
    const char *start[FG_LINE_PASSES];
    int64_t sums[FG_LINE_PASSES] = {0};
    for (int p = 0; p < l->op->n_passes; p++) {
        const char *s = l->op->pass[p].start;
        start[p] = s == NULL ? "-FG_INF" : constant(l, strtod(s, NULL));
        sums[p] = strcmp(l->op->pass[p].join, "add") == 0;
        l->keep |= l->op->pass[p].keep;
    }
    l->keep = l->keep && stores_what_it_computes(l);
    fg_template *t = fg_emit_template(e);
    fg_template_int(t, "MODE", l->mode);
    fg_template_int(t, "PASSES", l->op->n_passes);
    fg_template_int(t, "KEPT", l->kept);
    fg_template_int(t, "RANK", n->rank);
    fg_template_ints(t, "EXTENT", n->rank, n->extent);
    fg_template_texts(t, "START", l->op->n_passes, start);
    fg_template_ints(t, "SUMS", l->op->n_passes, sums);
    fg_template_text(t, "TYPE", fg_compute_type(ctx, l->computed));
    const char *at = fg_nest_at(ctx, n, 0, 0, n->rank, "i"),
               *kept = fg_tail_at(&l->tail, n->rank, n->rank - 1, 0);
    fg_template_text(t, "ELEMENT", fg_load_element(ctx, l->in, "x", at));
    fg_template_text(t, "POINTER", fg_pointer_to(ctx, "x", at));
    fg_template_text(t, "LAST_ELEMENT",
                     l->keep ? fg_format(ctx, "y[%s]", kept) : fg_load_element(ctx, l->in, "x", at));
    fg_template_text(t, "LAST_POINTER",
                     l->keep ? fg_pointer_to(ctx, "y", kept) : fg_pointer_to(ctx, "x", at));
    fg_nest_divide(e, t, n, l->mode == ACROSS ? l->kept - 1 : l->kept);
    fg_template_hook(t, "step", hook_step, l);
    fg_template_hook(t, "after", hook_after, l);
    fg_template_hook(t, "join", hook_join, l);
    fg_template_hook(t, "last", hook_last, l);
    fg_template_render(t, "lines", e->out);
    fg_describe(e, "",
                l->mode == ELEMENTS ? "element by element"
                : l->mode == ALONG  ? "vectors along the lines"
                                    : "vectors across the lines");
}
