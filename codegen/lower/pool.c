/* Pools over windows of any rank: maximum, average, Lp. Channels-last float32 goes by in vectors of channels;
 * everything else element by element. Taps outside the input are left out by clipping the loops over the
 * window, axis by axis and only where a window can reach out at all. */
#include <stdlib.h>
#include <string.h>

#include "codegen/expr.h"
#include "codegen/moves.h"
#include "codegen/tail.h"
#include "frontend/window.h"

/* How accumulator $a takes element $x, and what becomes of it: $p the exponent, $r its reciprocal, $T the
 * type tag. */
typedef struct fg_pooling {
    const char *op;
    int p; /* exponent, 0: any */
    const char *step, *vector_step;
    const char *finish, *vector_finish;
} fg_pooling;

static const fg_pooling poolings[] = {
    {"MaxPool", 0, "$a = fgs_max_$T($a, $x);", "$a = fg_max($a, $x);", NULL, NULL},
    {"AveragePool", 0, "$a += $x;", "$a = fg_add($a, $x);", "$a * scale", "fg_mul($a, fg_set1(scale))"},
    {"LpPool", 1, "$a += fgs_abs_$T($x);", "$a = fg_add($a, fg_abs($x));", NULL, NULL},
    {"LpPool", 2, "$a += $x * $x;", "FG_FMA($a, $x, $x);", "fgs_sqrt_$T($a)", "fg_sqrt($a)"},
    {"LpPool", 0, "$a += fgs_pow_$T(fgs_abs_$T($x), $p);",
     "$a = fg_add($a, fg_pow(fg_abs($x), fg_set1($p)));", "fgs_pow_$T($a, $r)", "fg_pow($a, fg_set1($r))"},
};

typedef struct fg_pool {
    fg_emit *e;
    const fg_node *node;
    const fg_pooling *what;
    fg_window w;
    fg_nest *nest; /* over the result; spatial dimensions do not move x */
    fg_tail tail;
    fg_dtype computed;
    int channel, first_spatial; /* nest dimensions */
    int64_t exponent;
    bool vector;
    fg_value *indices; /* second output, NULL: not wanted */
    int index_operand;
} fg_pool;

static const char *constant(const fg_pool *p, double d) {
    return p->computed == FG_DOUBLE ? fg_c_double(p->e->ctx, d) : fg_c_float(p->e->ctx, (float)d);
}

static const char *spell(const fg_pool *p, const char *text, const char *a, const char *x) {
    fg_text out = fg_text_new(p->e->ctx);
    for (; *text != '\0'; text++) {
        if (*text != '$') {
            fg_text_addn(&out, text, 1);
            continue;
        }
        text++;
        fg_text_add(&out, *text == 'a'   ? a
                          : *text == 'x' ? x
                          : *text == 'T'
                              ? fg_ctype_tag(p->computed)
                              : constant(p, *text == 'p' ? (double)p->exponent : 1.0 / (double)p->exponent));
    }
    const char *s = fg_strdup(p->e->ctx, out.data != NULL ? out.data : "");
    fg_text_free(&out);
    return s;
}

/* "ACCUMULATOR ELEMENT" */
static void hook_step(void *user, const char *arguments, fg_text *out) {
    const fg_pool *p = user;
    char a[32], x[32];
    FG_REQUIRE(p->e->ctx, "pool", sscanf(arguments, "%31s %31s", a, x) == 2);
    fg_text_add(out, spell(p, p->vector ? p->what->vector_step : p->what->step, a, x));
}

/* "ACCUMULATOR LANES SHIFT TAG" */
static void hook_finish(void *user, const char *arguments, fg_text *out) {
    const fg_pool *p = user;
    int lanes, shift;
    char a[32], tag[32];
    FG_REQUIRE(p->e->ctx, "pool", sscanf(arguments, "%31s %d %d %31s", a, &lanes, &shift, tag) == 4);
    const char *finish = p->vector ? p->what->vector_finish : p->what->finish;
    if (finish != NULL) {
        fg_text_printf(out, "%s = %s;\n", a, spell(p, finish, a, ""));
    }
    fg_tail_emit(&p->tail, a, p->nest->rank, lanes, p->channel, shift, tag, out);
    if (p->indices != NULL) {
        fg_text_printf(out, "indices[%s] = at;\n",
                       fg_nest_at(p->e->ctx, p->nest, p->index_operand, 0, p->nest->rank, "i"));
    }
}

/* Index of the tap at hand as the second output counts: over all planes, or with the spatial axes reversed.
 */
static const char *tap_index(const fg_pool *p) {
    fg_context *ctx = p->e->ctx;
    const bool columns = fg_attr_int(p->node, "storage_order", 0) != 0;
    const fg_shape *x = &p->node->in[0]->shape;
    const char *s = fg_format(ctx, "(int64_t)i0 * %lld + i%d", (long long)x->dim[1], p->channel);
    int64_t plane = 1, step = 1;
    for (int a = 0; a < p->w.axes; a++) {
        plane *= p->w.in[a];
    }
    s = fg_format(ctx, "(%s) * %lld", s, (long long)plane);
    for (int i = 0; i < p->w.axes; i++) {
        const int a = columns ? i : p->w.axes - 1 - i;
        s = fg_format(ctx, "%s + (s%d + k%d * %lld) * %lld", s, a, a, (long long)p->w.dilation[a],
                      (long long)step);
        step *= p->w.in[a];
    }
    return s;
}

/* Pointer to the tap at hand. */
static const char *tap(const fg_pool *p) {
    fg_context *ctx = p->e->ctx;
    int64_t stride[FG_MAX_RANK];
    fg_strides_of(p->e, p->node->in[0], stride);
    const char *s = fg_nest_at(ctx, p->nest, 0, 0, p->nest->rank, "i");
    s = strcmp(s, "0") == 0 ? "" : fg_format(ctx, "%s + ", s);
    for (int a = 0; a < p->w.axes; a++) {
        const char *k = p->w.dilation[a] == 1 ? fg_format(ctx, "k%d", a)
                                              : fg_format(ctx, "k%d * %lld", a, (long long)p->w.dilation[a]);
        s = fg_format(ctx, "%s%s(s%d + %s) * %lld", s, a > 0 ? " + " : "", a, k, (long long)stride[a + 2]);
    }
    return s;
}

/* ---- decisions ---- */

static bool is_channels_last(const fg_emit *e, const fg_value *v) {
    int64_t stride[FG_MAX_RANK];
    fg_strides_of(e, v, stride);
    return stride[1] == 1 || v->shape.dim[1] == 1;
}

/* Channels innermost where both sides lie so, else as the dimensions come. */
static void make_nest(fg_pool *p) {
    fg_emit *e = p->e;
    fg_value *x = p->node->in[0], *y = p->node->out[0];
    const int rank = x->shape.rank;
    const bool last = is_channels_last(e, x);
    p->channel = last ? rank - 1 : 1;
    p->first_spatial = last ? 1 : 2;
    fg_dims dims = fg_dims_same(rank);
    int64_t own[FG_MAX_RANK], stride[2 * FG_MAX_RANK] = {0};
    const fg_shape none = {.rank = 0};
    p->nest = fg_nest_new(e->ctx, &none, 2 + fg_tail_operands(e));
    p->nest->rank = rank;
    for (int d = 0; d < rank; d++) {
        dims.to[d] = d == 0 ? 0 : d == 1 ? p->channel : p->first_spatial + d - 2;
        p->nest->extent[dims.to[d]] = y->shape.dim[d];
    }
    fg_strides_of(e, x, own);
    stride[0] = own[0];
    stride[p->channel] = own[1];
    fg_nest_add(e->ctx, p->nest, stride);
    fg_tail_open(e, &p->tail, p->nest, &dims);
    if (p->indices != NULL) {
        fg_emit_output(e, "indices", p->indices);
        fg_strides_of(e, p->indices, own);
        for (int d = 0; d < rank; d++) {
            stride[dims.to[d]] = own[d];
        }
        p->index_operand = fg_nest_add(e->ctx, p->nest, stride);
    }
    p->vector = last && e->lanes > 1 && x->dtype == FG_FLOAT && p->indices == NULL &&
                x->shape.dim[1] * 2 >= e->lanes && p->nest->stride[0][p->channel] == 1 &&
                fg_tail_vectors(&p->tail, p->channel);
}

/* Taps that AveragePool divides by. */
static const char *count_text(const fg_pool *p, const int64_t *low, const int64_t *high) {
    fg_context *ctx = p->e->ctx;
    const bool padded = fg_attr_int(p->node, "count_include_pad", 0) != 0;
    const char *s = NULL;
    int64_t fixed = 1;
    for (int a = 0; a < p->w.axes; a++) {
        const char *term = NULL;
        if (padded) {
            /* the padding counts, what a rounded-up last window reads beyond it does not */
            const int64_t last =
                (p->w.out[a] - 1) * p->w.stride[a] - p->w.pad[a] + (p->w.kernel[a] - 1) * p->w.dilation[a];
            if (last >= p->w.in[a] + p->w.pad_end[a]) {
                term = fg_format(ctx, "n%d", a);
            }
        } else if (low[a] || high[a]) {
            term = fg_format(ctx, "(l%d - f%d)", a, a);
        }
        if (term == NULL) {
            fixed *= p->w.kernel[a];
        } else {
            s = s == NULL ? term : fg_format(ctx, "%s * %s", s, term);
        }
    }
    return s == NULL    ? fg_format(ctx, "%lld", (long long)fixed)
           : fixed == 1 ? s
                        : fg_format(ctx, "%s * %lld", s, (long long)fixed);
}

static void set_window(const fg_pool *p, fg_template *t) {
    const fg_window *w = &p->w;
    int64_t low[FG_MAX_SPATIAL], high[FG_MAX_SPATIAL], beyond[FG_MAX_SPATIAL];
    for (int a = 0; a < w->axes; a++) {
        low[a] = w->pad[a] > 0;
        high[a] =
            (w->out[a] - 1) * w->stride[a] - w->pad[a] + (w->kernel[a] - 1) * w->dilation[a] >= w->in[a];
        beyond[a] = w->in[a] + w->pad_end[a];
    }
    const char *count = count_text(p, low, high);
    fg_template_ints(t, "LOW", w->axes, low);
    fg_template_ints(t, "HIGH", w->axes, high);
    fg_template_ints(t, "BEYOND", w->axes, beyond);
    fg_template_int(t, "AXES", w->axes);
    fg_template_ints(t, "IN", w->axes, w->in);
    fg_template_ints(t, "K", w->axes, w->kernel);
    fg_template_ints(t, "STRIDE", w->axes, w->stride);
    fg_template_ints(t, "DIL", w->axes, w->dilation);
    fg_template_ints(t, "PAD", w->axes, w->pad);
    fg_template_int(t, "AVERAGE", strcmp(p->node->op_type, "AveragePool") == 0);
    fg_template_int(t, "PADDED", fg_attr_int(p->node, "count_include_pad", 0) != 0);
    fg_template_text(t, "COUNT", count);
    fg_template_text(t, "SCALE", constant(p, 1.0 / strtod(count, NULL)));
    fg_template_int(t, "FIXED", strspn(count, "0123456789") == strlen(count));
}

static void render(fg_pool *p) {
    fg_emit *e = p->e;
    fg_template *t = fg_emit_template(e);
    set_window(p, t);
    const fg_value *x = p->node->in[0];
    fg_template_int(t, "VECTOR", p->vector);
    fg_template_int(t, "RANK", p->nest->rank);
    fg_template_int(t, "SPATIAL", p->first_spatial);
    fg_template_int(t, "CHANNEL", p->channel);
    fg_template_ints(t, "EXTENT", p->nest->rank, p->nest->extent);
    fg_template_text(t, "TYPE", fg_compute_type(e->ctx, p->computed));
    fg_template_text(t, "ONE", constant(p, 1.0));
    fg_template_text(t, "ZERO", constant(p, 0.0));
    fg_template_text(t, "START",
                     strcmp(p->node->op_type, "MaxPool") == 0 ? fg_c_lowest(e->ctx, p->computed)
                                                              : constant(p, 0.0));
    fg_template_text(t, "POINTER", fg_pointer_to(e->ctx, "x", tap(p)));
    fg_template_text(t, "ELEMENT", fg_load_element(e->ctx, x->dtype, "x", tap(p)));
    fg_template_int(t, "INDICES", p->indices != NULL);
    fg_template_text(t, "NAN_WINS", fg_dtype_get(p->computed)->is_float ? " || (v != v && a == a)" : "");
    fg_template_text(t, "INDEX", p->indices != NULL ? tap_index(p) : "");
    fg_nest_divide(e, t, p->nest, p->vector ? p->nest->rank - 1 : p->nest->rank);
    fg_template_hook(t, "step", hook_step, p);
    fg_template_hook(t, "finish", hook_finish, p);
    fg_template_render(t, "pool", e->out);
}

static const fg_pooling *find(fg_emit *e, const fg_node *n, int64_t p) {
    for (size_t i = 0; i < FG_COUNT(poolings); i++) {
        if (strcmp(poolings[i].op, n->op_type) == 0 && (poolings[i].p == 0 || poolings[i].p == p)) {
            return &poolings[i];
        }
    }
    fg_raise(e->ctx, FG_INTERNAL, "pool: no row for %s", n->op_type);
}

static bool wanted(const fg_value *v) {
    return v != NULL && (v->n_users > 0 || v->is_output);
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    FG_REQUIRE(e->ctx, "pool", n != NULL && e->k->n_prologue == 0);
    fg_value *x = n->in[0];
    fg_compute_type(e->ctx, x->dtype);
    fg_pool p = {
        .e = e, .node = n, .exponent = fg_attr_int(n, "p", 2), .w = fg_window_of(e->ctx, n, &x->shape, NULL)};
    if (fg_is_empty_result(e, n->out[0])) {
        return;
    }
    p.what = find(e, n, p.exponent);
    p.computed = x->dtype == FG_FLOAT16 || x->dtype == FG_BFLOAT16 ? FG_FLOAT : x->dtype;
    p.indices = n->n_out > 1 && wanted(n->out[1]) ? n->out[1] : NULL;
    fg_emit_input(e, "x", x);
    make_nest(&p);
    render(&p);
    fg_describe(e, "", p.vector ? "vectors of channels" : "element by element");
}

static void prefer(fg_planner *p, fg_kernel *k) {
    const fg_node *n = k->stage[0].anchor;
    if (n->in[0]->dtype == FG_FLOAT) {
        fg_want_channels_last(p, n->in[0], false);
        fg_want_channels_last(p, n->out[0], false);
    }
}

const fg_lowering fg_lowering_pool = {"pool", prefer, emit};
