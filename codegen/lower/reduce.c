/* Reductions over any axes of any layout, global pools among them. Kept dimensions come first in the nest,
 * reduced ones after. float32 goes by in vectors along the innermost kept dimension (spatial means of a
 * channels-last tensor) or along the innermost reduced one, whichever lies side by side in memory; everything
 * else element by element. */
#include <stdlib.h>
#include <string.h>

#include "codegen/expr.h"
#include "codegen/moves.h"
#include "codegen/tail.h"

/* How accumulator $a takes element $x; $T: type tag, $m: the maximum, $p: an exponent. */
typedef struct fg_step {
    const char *start; /* NULL: the type's lowest value, "": its highest */
    const char *real, *whole, *vector;
    const char *join, *join_vector; /* two accumulators: function names without type tag */
    const char *across;             /* lanes of a vector into one; NULL: lane by lane */
} fg_step;

enum { STEP_SUM, STEP_SQUARES, STEP_ABS, STEP_PRODUCT, STEP_MAX, STEP_MIN, STEP_EXP, STEP_POWER };

static const fg_step steps[] = {
    [STEP_SUM] = {"0", "$a += $x;", "$a = fgs_add_$T($a, $x);", "$a = fg_add($a, $x);", "add", "fg_add",
                  "fg_sum"},
    [STEP_SQUARES] = {"0", "$a += $x * $x;", "$a = fgs_add_$T($a, fgs_mul_$T($x, $x));",
                      "FG_FMA($a, $x, $x);", "add", "fg_add", "fg_sum"},
    [STEP_ABS] = {"0", "$a += fgs_abs_$T($x);", "$a = fgs_add_$T($a, fgs_abs_$T($x));",
                  "$a = fg_add($a, fg_abs($x));", "add", "fg_add", "fg_sum"},
    [STEP_PRODUCT] = {"1", "$a *= $x;", "$a = fgs_mul_$T($a, $x);", "$a = fg_mul($a, $x);", "mul", "fg_mul",
                      NULL},
    [STEP_MAX] = {NULL, "$a = fgs_max_$T($a, $x);", "$a = fgs_max_$T($a, $x);", "$a = fg_max($a, $x);", "max",
                  "fg_max", NULL},
    [STEP_MIN] = {"", "$a = fgs_min_$T($a, $x);", "$a = fgs_min_$T($a, $x);", "$a = fg_min($a, $x);", "min",
                  "fg_min", NULL},
    [STEP_EXP] = {"0", "$a += fgs_exp_$T($x - $m);", NULL, "$a = fg_add($a, fg_exp(fg_sub($x, $m)));", "add",
                  "fg_add", "fg_sum"},
    [STEP_POWER] = {"0", "$a += fgs_pow_$T(fgs_abs_$T($x), $p);", NULL,
                    "$a = fg_add($a, fg_pow(fg_abs($x), fg_set1($p)));", "add", "fg_add", "fg_sum"},
};

/* What is done with the accumulator at the end: $a, $m, $T as above, $n the count, $r its or the exponent's
 * reciprocal. */
typedef struct fg_reduction {
    const char *op;
    int step;
    bool shifted;  /* by the maximum, which a pass of its own finds */
    bool in_float; /* integers are reduced as double */
    const char *finish, *finish_vector;
} fg_reduction;

static const fg_reduction reductions[] = {
    {"ReduceSum", STEP_SUM, false, false, NULL, NULL},
    {"ReduceMean", STEP_SUM, false, false, "$a / $n", "fg_mul($a, fg_set1($r))"},
    {"GlobalAveragePool", STEP_SUM, false, false, "$a / $n", "fg_mul($a, fg_set1($r))"},
    {"ReduceMax", STEP_MAX, false, false, NULL, NULL},
    {"GlobalMaxPool", STEP_MAX, false, false, NULL, NULL},
    {"ReduceMin", STEP_MIN, false, false, NULL, NULL},
    {"ReduceProd", STEP_PRODUCT, false, false, NULL, NULL},
    {"ReduceL1", STEP_ABS, false, false, NULL, NULL},
    {"ReduceSumSquare", STEP_SQUARES, false, false, NULL, NULL},
    {"ReduceL2", STEP_SQUARES, false, true, "fgs_sqrt_$T($a)", "fg_sqrt($a)"},
    {"ReduceLogSum", STEP_SUM, false, true, "fgs_log_$T($a)", "fg_log($a)"},
    {"ReduceLogSumExp", STEP_EXP, true, true, "$m + fgs_log_$T($a)", "fg_add($m, fg_log($a))"},
    {"GlobalLpPool", STEP_POWER, false, true, "fgs_pow_$T($a, $r)", "fg_pow($a, fg_set1($r))"},
};

typedef struct fg_reduce {
    fg_emit *e;
    const fg_reduction *what;
    fg_nest *nest;
    fg_tail tail;
    fg_dtype in, computed;
    const char *tag;
    int64_t count; /* elements per result */
    int64_t exponent;
    int kept; /* nest dimensions 0 .. kept - 1; the others are reduced */
    enum { ELEMENTS, ALONG, ACROSS } mode;
} fg_reduce;

/* ---- text ---- */

static const char *constant(const fg_reduce *r, double d) {
    return r->computed == FG_FLOAT ? fg_c_float(r->e->ctx, (float)d) : fg_c_double(r->e->ctx, d);
}

static const char *count_literal(const fg_reduce *r) {
    const bool whole = !fg_dtype_get(r->computed)->is_float;
    return whole ? fg_c_int(r->e->ctx, r->computed, r->count) : constant(r, (double)r->count);
}

/* Replaces $a, $x, $m, $T, $n, $r and $p. */
static const char *spell(const fg_reduce *r, const char *text, const char *a, const char *x, const char *m) {
    fg_text out = fg_text_new(r->e->ctx);
    for (; *text != '\0'; text++) {
        if (*text != '$') {
            fg_text_addn(&out, text, 1);
            continue;
        }
        const bool power = r->what->step == STEP_POWER;
        switch (*++text) {
        case 'a': fg_text_add(&out, a); break;
        case 'x': fg_text_add(&out, x); break;
        case 'm': fg_text_add(&out, m); break;
        case 'T': fg_text_add(&out, r->tag); break;
        case 'n': fg_text_add(&out, count_literal(r)); break;
        case 'r': fg_text_add(&out, constant(r, 1.0 / (double)(power ? r->exponent : r->count))); break;
        default: fg_text_add(&out, constant(r, (double)r->exponent)); break;
        }
    }
    const char *s = out.data != NULL ? fg_strdup(r->e->ctx, out.data) : "";
    fg_text_free(&out);
    return s;
}

/* The pass that finds the maximum comes first where there are two. */
static const fg_step *step_of(const fg_reduce *r, int pass) {
    return &steps[r->what->shifted && pass == 0 ? STEP_MAX : r->what->step];
}

static const char *start_of(const fg_reduce *r, int pass) {
    const char *s = step_of(r, pass)->start;
    if (s == NULL) {
        return fg_c_lowest(r->e->ctx, r->computed);
    }
    if (*s == '\0') {
        return fg_c_highest(r->e->ctx, r->computed);
    }
    return fg_dtype_get(r->computed)->is_float ? constant(r, atof(s)) : s;
}

/* "PASS ACCUMULATOR ELEMENT MAXIMUM VECTOR": one step. */
static void hook_step(void *user, const char *arguments, fg_text *out) {
    const fg_reduce *r = user;
    int pass, vector;
    char a[32], x[32], m[32];
    if (sscanf(arguments, "%d %31s %31s %31s %d", &pass, a, x, m, &vector) != 5) {
        fg_raise(r->e->ctx, FG_INTERNAL, "reduce: step '%s'", arguments);
    }
    const fg_step *s = step_of(r, pass);
    const bool whole = !fg_dtype_get(r->computed)->is_float;
    fg_text_add(out, spell(r, vector ? s->vector : whole ? s->whole : s->real, a, x, m));
}

/* "PASS A B VECTOR": A takes accumulator B. */
static void hook_join(void *user, const char *arguments, fg_text *out) {
    const fg_reduce *r = user;
    int pass, vector;
    char a[32], b[64];
    if (sscanf(arguments, "%d %31s %63s %d", &pass, a, b, &vector) != 4) {
        fg_raise(r->e->ctx, FG_INTERNAL, "reduce: join '%s'", arguments);
    }
    const fg_step *s = step_of(r, pass);
    if (vector) {
        fg_text_printf(out, "%s = %s(%s, %s);", a, s->join_vector, a, b);
    } else {
        fg_text_printf(out, "%s = fgs_%s_%s(%s, %s);", a, s->join, r->tag, a, b);
    }
}

/* "ACCUMULATOR MAXIMUM LANES SHIFT TAG": the end of one result, or of a vector of them. */
static void hook_finish(void *user, const char *arguments, fg_text *out) {
    const fg_reduce *r = user;
    int lanes, shift;
    char a[32], m[32], tag[32];
    if (sscanf(arguments, "%31s %31s %d %d %31s", a, m, &lanes, &shift, tag) != 5) {
        fg_raise(r->e->ctx, FG_INTERNAL, "reduce: finish '%s'", arguments);
    }
    const char *finish = lanes > 0 ? r->what->finish_vector : r->what->finish;
    const bool whole = !fg_dtype_get(r->computed)->is_float;
    if (finish != NULL && !(whole && r->count == 0)) {
        fg_text_printf(out, "%s = %s;\n", a, spell(r, finish, a, "", m));
    }
    const char *var = a;
    if (r->in != r->computed && !fg_dtype_get(r->in)->is_float) {
        const char *type = fg_compute_type(r->e->ctx, r->in);
        var = "result";
        fg_text_printf(out, "%s result = (%s)%s;\n", type, type, a);
    }
    fg_tail_emit(&r->tail, var, r->kept, lanes, r->kept - 1, shift, tag, out);
}

/* ---- decisions ---- */

static void mark_axes(fg_emit *e, const fg_node *n, bool *reduced) {
    fg_context *ctx = e->ctx;
    const int rank = n->in[0]->shape.rank;
    const bool global = strncmp(n->op_type, "Global", 6) == 0;
    int64_t axes[FG_MAX_RANK];
    int count = fg_attr_ints(ctx, n, "axes", FG_MAX_RANK, axes);
    if (n->n_in > 1 && n->in[1] != NULL) {
        fg_need_constant(e, n->in[1]);
        count = (int)fg_shape_count(&n->in[1]->shape);
        for (int i = 0; i < count && i < FG_MAX_RANK; i++) {
            axes[i] = fg_const_int(n->in[1], i);
        }
    }
    const bool all = !global && count == 0 && fg_attr_int(n, "noop_with_empty_axes", 0) == 0;
    for (int d = 0; d < rank; d++) {
        reduced[d] = all || (global && d >= 2);
    }
    for (int i = 0; i < count && !global; i++) {
        reduced[fg_axis(ctx, n, axes[i], rank)] = true;
    }
}

/* The nest over the input with the kept dimensions in front; dims: where each dimension of the result went.
 */
static void make_nest(fg_reduce *r, const fg_node *n) {
    fg_emit *e = r->e;
    const fg_value *x = n->in[0];
    bool reduced[FG_MAX_RANK] = {false};
    int64_t own[FG_MAX_RANK], stride[2 * FG_MAX_RANK];
    fg_dims dims = fg_dims_same(FG_MAX_RANK);
    int rank = 0, kept = 0, out = 0;
    mark_axes(e, n, reduced);
    fg_strides_of(e, x, own);
    const fg_shape none = {.rank = 0};
    r->nest = fg_nest_new(e->ctx, &none, 1 + fg_tail_operands(e));
    for (int d = 0; d < x->shape.rank; d++) {
        kept += !reduced[d];
    }
    r->kept = kept;
    r->count = 1;
    const bool keep = n->out[0]->shape.rank == x->shape.rank;
    for (int d = 0, k = 0; d < x->shape.rank; d++) {
        const int to = reduced[d] ? kept + rank++ : k++;
        r->nest->extent[to] = x->shape.dim[d];
        stride[to] = own[d];
        r->count *= reduced[d] ? x->shape.dim[d] : 1;
        if (!reduced[d] || keep) {
            dims.to[out++] = to;
        }
    }
    r->nest->rank = x->shape.rank;
    fg_nest_add(e->ctx, r->nest, stride);
    fg_tail_open(e, &r->tail, r->nest, &dims);
}

static void choose(fg_reduce *r) {
    fg_nest *n = r->nest;
    const int reduced = fg_nest_simplify(n, 0, r->kept, n->rank);
    r->kept = fg_nest_simplify(n, r->tail.y, 0, r->kept);
    const int lanes = r->e->lanes, inner = n->rank - 1, across = r->kept - 1;
    r->mode = ELEMENTS;
    if (lanes < 2 || r->in != FG_FLOAT) {
        return;
    }
    if (reduced > 0 && n->stride[0][inner] == 1 && n->extent[inner] >= 2 * lanes) {
        r->mode = ALONG;
    } else if (across >= 0 && n->stride[0][across] == 1 && fg_tail_vectors(&r->tail, across) &&
               2 * n->extent[across] >= lanes) {
        r->mode = ACROSS;
    } else if (reduced > 0 && n->stride[0][inner] == 1 && n->extent[inner] >= lanes) {
        r->mode = ALONG;
    }
}

static fg_dtype computed_in(const fg_reduction *what, fg_dtype t) {
    const fg_dtype_info *info = fg_dtype_get(t);
    if (info->is_float) {
        return t == FG_DOUBLE ? t : FG_FLOAT;
    }
    if (what->in_float) {
        return FG_DOUBLE;
    }
    return what->finish == NULL ? t
           : info->is_signed    ? FG_INT64
                                : FG_UINT64; /* means are sums over their count */
}

static void render(fg_reduce *r) {
    fg_emit *e = r->e;
    const fg_nest *n = r->nest;
    const int passes = r->what->shifted ? 2 : 1;
    const char *start[2], *name[2] = {passes == 2 ? "m" : "a", "a"}, *x[2];
    for (int p = 0; p < 2; p++) {
        start[p] = start_of(r, p);
    }
    const bool split = r->mode == ALONG; /* the innermost loop is the template's */
    x[0] = fg_nest_at(e->ctx, n, 0, 0, split ? n->rank - 1 : n->rank, "i");
    fg_template *t = fg_emit_template(e);
    fg_template_int(t, "MODE", r->mode);
    fg_template_int(t, "PASSES", passes);
    fg_template_int(t, "KEPT", r->kept);
    fg_template_int(t, "RANK", n->rank);
    fg_template_ints(t, "EXTENT", n->rank, n->extent);
    fg_template_texts(t, "START", 2, start);
    fg_template_texts(t, "NAME", 2, name);
    fg_template_text(t, "TYPE", fg_compute_type(e->ctx, r->computed));
    fg_template_text(t, "ELEMENT", fg_load_element(e->ctx, r->in, "x", x[0]));
    fg_template_text(t, "POINTER", fg_pointer_to(e->ctx, "x", x[0]));
    fg_template_int(t, "SUMS", step_of(r, passes - 1)->across != NULL);
    fg_nest_divide(e, t, n, r->mode == ACROSS ? r->kept - 1 : r->kept);
    fg_template_hook(t, "step", hook_step, r);
    fg_template_hook(t, "join", hook_join, r);
    fg_template_hook(t, "finish", hook_finish, r);
    fg_template_render(t, "reduce", e->out);
}

static const fg_reduction *find(fg_emit *e, const fg_node *n) {
    for (size_t i = 0; i < FG_COUNT(reductions); i++) {
        if (strcmp(reductions[i].op, n->op_type) == 0) {
            return &reductions[i];
        }
    }
    fg_raise(e->ctx, FG_INTERNAL, "reduce: no row for %s", n->op_type);
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    FG_REQUIRE(e->ctx, "reduce", n != NULL && e->k->n_prologue == 0);
    fg_reduce r = {.e = e, .what = find(e, n), .in = n->in[0]->dtype, .exponent = fg_attr_int(n, "p", 2)};
    if (fg_is_empty_result(e, n->out[0])) {
        return;
    }
    fg_compute_type(e->ctx, r.in);
    r.computed = computed_in(r.what, r.in);
    r.tag = fg_ctype_tag(r.computed);
    fg_emit_input(e, "x", n->in[0]);
    make_nest(&r, n);
    choose(&r);
    render(&r);
    fg_describe(e, "",
                r.mode == ELEMENTS ? "element by element"
                : r.mode == ALONG  ? "vectors along what is reduced"
                                   : "vectors across what is kept");
}

const fg_lowering fg_lowering_reduce = {"reduce", NULL, emit};
