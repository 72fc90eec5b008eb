/* DFT and STFT: transforms of mixed radices (4, 2, then primes), as many lines side by side as a vector has
 * lanes, so that the loops over them are what the compiler turns into vectors. Real lines go in pairs, one as
 * the imaginary part of the other. */
#include <math.h>
#include <string.h>

#include "codegen/expr.h"
#include "codegen/moves.h"
#include "frontend/signal.h"

enum { STAGES = 32, WORKING_SET = 8192 }; /* numbers of a block: both parts, before and after a stage */

typedef struct fg_dft {
    fg_emit *e;
    fg_node *node;
    fg_transform t;
    fg_dtype dtype;
    const char *type;
    fg_nest *nest; /* over the lines; operands: input, result */
    int64_t in_step, in_part, out_step, out_part;
    int64_t lines, side; /* side by side */
    bool pair;
    int stages;
    int64_t radix[STAGES], length[STAGES], span[STAGES];
} fg_dft;

enum { FROM, TO };

/* Four as long as it goes, then the primes from 2 up. */
static void factorise(fg_dft *f) {
    int64_t n = f->t.length, span = f->side, factor = 4;
    while (n > 1) {
        while (n % factor != 0) {
            factor = factor == 4 ? 2 : factor == 2 ? 3 : factor * factor > n ? n : factor + 2;
        }
        FG_REQUIRE(f->e->ctx, "transform", f->stages < STAGES);
        f->radix[f->stages] = factor;
        f->length[f->stages] = n;
        f->span[f->stages++] = span;
        n /= factor;
        span *= factor;
    }
}

/* Lines of a DFT: all dimensions but its axis and the parts. */
static void plan_axis(fg_dft *f) {
    const fg_value *x = f->node->in[0], *y = f->node->out[0];
    const int last = x->shape.rank - 1;
    int64_t xs[2 * FG_MAX_RANK] = {0}, ys[2 * FG_MAX_RANK] = {0};
    fg_strides_of(f->e, x, xs);
    fg_strides_of(f->e, y, ys);
    f->nest = fg_nest_new(f->e->ctx, &x->shape, 2);
    f->nest->extent[last] = f->nest->extent[f->t.axis] = 1;
    fg_nest_add(f->e->ctx, f->nest, xs);
    fg_nest_add(f->e->ctx, f->nest, ys);
    f->in_step = xs[f->t.axis];
    f->in_part = xs[last];
    f->out_step = ys[f->t.axis];
    f->out_part = ys[last];
}

static void plan_frames(fg_dft *f) {
    const fg_value *x = f->node->in[0], *y = f->node->out[0];
    int64_t xs[FG_MAX_RANK] = {0}, ys[FG_MAX_RANK] = {0};
    fg_strides_of(f->e, x, xs);
    fg_strides_of(f->e, y, ys);
    const fg_shape space = {2, {x->shape.dim[0], f->t.n_frames}};
    const int64_t in[FG_MAX_RANK] = {xs[0], xs[1] * f->t.step}, out[FG_MAX_RANK] = {ys[0], ys[1]};
    f->nest = fg_nest_new(f->e->ctx, &space, 2);
    fg_nest_add(f->e->ctx, f->nest, in);
    fg_nest_add(f->e->ctx, f->nest, out);
    f->in_step = xs[1];
    f->in_part = xs[2];
    f->out_step = ys[2];
    f->out_part = ys[3];
}

static void plan(fg_dft *f) {
    if (f->t.frames) {
        plan_frames(f);
    } else {
        plan_axis(f);
    }
    fg_nest_simplify(f->nest, TO, 0, f->nest->rank);
    f->lines = 1;
    for (int d = 0; d < f->nest->rank; d++) {
        f->lines *= f->nest->extent[d];
    }
    if (f->lines > INT32_MAX / 4) {
        fg_raise(f->e->ctx, FG_UNSUPPORTED, "%lld transforms; at most %d are supported", (long long)f->lines,
                 INT32_MAX / 4);
    }
    f->pair = !f->t.complex && !f->t.real && f->lines > 1;
    const int64_t needed = f->pair ? (f->lines + 1) / 2 : f->lines, most = WORKING_SET / 4 / f->t.length;
    f->side = f->e->lanes < most ? f->e->lanes : most < 1 ? 1 : most;
    f->side = needed < f->side ? needed : f->side;
    factorise(f);
}

/* "x + line / 20 % 3 * 400 + line % 20 * 5" */
static const char *line_at(const fg_dft *f, const char *name, int operand) {
    fg_context *ctx = f->e->ctx;
    const fg_nest *n = f->nest;
    int64_t below = 1, reach = 0;
    const char *s = name;
    for (int d = 0; d < n->rank; d++) {
        const int64_t step = n->stride[operand][d];
        reach += (step < 0 ? -step : step) * n->extent[d];
    }
    for (int d = n->rank - 1; d >= 0; d--) {
        const char *at = below > 1 ? fg_format(ctx, "line / %lld", (long long)below) : "line";
        if (d > 0) {
            at = fg_format(ctx, "%s %% %lld", at, (long long)n->extent[d]);
        }
        s = fg_format(ctx, "%s + %s(%s) * %lld", s, reach > INT32_MAX ? "(int64_t)" : "", at,
                      (long long)n->stride[operand][d]);
        below *= n->extent[d];
    }
    return s;
}

static const char *element_at(fg_context *ctx, const char *index, int64_t step, int64_t more) {
    const char *s = step == 1 ? index : fg_format(ctx, "%s * %lld", index, (long long)step);
    return more == 0 ? s : fg_format(ctx, "%s + %lld", s, (long long)more);
}

/* The circle in N steps. */
static void place_circle(const fg_dft *f, const char *name, double (*function)(double)) {
    const int64_t n = f->t.length;
    const bool wide = f->dtype == FG_DOUBLE;
    float *narrow = NULL;
    double *numbers = NULL;
    if (wide) {
        numbers = fg_emit_table(f->e, name, "double", sizeof *numbers, n);
    } else {
        narrow = fg_emit_weights(f->e, name, n);
    }
    for (int64_t i = 0; i < n; i++) {
        const double v = function(2 * 3.14159265358979323846 * (double)i / (double)n);
        if (wide) {
            numbers[i] = v;
        } else {
            narrow[i] = (float)v;
        }
    }
}

static void declare(const fg_dft *f) {
    fg_emit *e = f->e;
    static const char *const names[] = {"re0", "im0", "re1", "im1"};
    fg_emit_input(e, "x", f->node->in[0]);
    if (f->t.window != NULL) {
        fg_emit_input(e, "window", f->t.window);
    }
    fg_emit_output(e, "y", f->node->out[0]);
    if (f->stages > 0) {
        place_circle(f, "cosines", cos);
        place_circle(f, "sines", sin);
    }
    for (int i = 0; i < (f->stages > 0 ? 4 : 2); i++) {
        fg_emit_scratch(e, names[i], f->type, f->dtype == FG_DOUBLE ? 8 : 4, f->t.length * f->side);
    }
}

static const char *number(const fg_dft *f, double v) {
    return f->dtype == FG_DOUBLE ? fg_c_double(f->e->ctx, v) : fg_c_float(f->e->ctx, (float)v);
}

static void set_memory(const fg_dft *f, fg_template *t) {
    fg_context *ctx = f->e->ctx;
    const int64_t part = f->t.complex ? f->in_part : 0;
    const int out = f->stages % 2;
    int64_t ws[FG_MAX_RANK] = {0};
    fg_template_text(t, "X_AT", line_at(f, "x", FROM));
    fg_template_text(t, "Y_AT", line_at(f, "y", TO));
    fg_template_text(t, "LOAD_RE",
                     fg_load_element(ctx, f->dtype, "from", element_at(ctx, "i", f->in_step, 0)));
    fg_template_text(t, "LOAD_IM",
                     fg_load_element(ctx, f->dtype, "from", element_at(ctx, "i", f->in_step, part)));
    fg_template_text(t, "STORE_RE",
                     fg_store_element(ctx, f->dtype, "to", element_at(ctx, "k", f->out_step, 0), "re"));
    fg_template_text(
        t, "STORE_IM",
        fg_store_element(ctx, f->dtype, "to", element_at(ctx, "k", f->out_step, f->out_part), "im"));
    if (f->t.window != NULL) {
        fg_strides_of(f->e, f->t.window, ws);
        fg_template_text(t, "WINDOW",
                         fg_load_element(ctx, f->dtype, "window", element_at(ctx, "i", ws[0], 0)));
    }
    fg_template_text(t, "RE_IN", f->t.inverse ? "im0" : "re0");
    fg_template_text(t, "IM_IN", f->t.inverse ? "re0" : "im0");
    fg_template_text(t, "RE_OUT", fg_format(ctx, "%s%d", f->t.inverse ? "im" : "re", out));
    fg_template_text(t, "IM_OUT", fg_format(ctx, "%s%d", f->t.inverse ? "re" : "im", out));
}

static void emit(fg_emit *e) {
    fg_node *n = e->k->stage[0].anchor;
    if (fg_is_empty_result(e, n->out[0])) {
        return;
    }
    fg_dft f = {.e = e, .node = n, .t = fg_transform_of(e->ctx, n, e->m->partition->graph->opset)};
    f.dtype = n->in[0]->dtype;
    f.type = fg_compute_type(e->ctx, f.dtype);
    plan(&f);
    const int64_t group = f.pair ? 2 * f.side : f.side, blocks = (f.lines + group - 1) / group;
    if (blocks > 1) {
        fg_emit_parallel(e);
    }
    declare(&f);
    fg_template *t = fg_emit_template(e);
    fg_template_int(t, "N", f.t.length);
    fg_template_int(t, "COUNT", f.t.count);
    fg_template_int(t, "BINS", f.t.bins);
    fg_template_int(t, "LINES", f.lines);
    fg_template_int(t, "L", f.side);
    fg_template_int(t, "PAIR", f.pair);
    fg_template_int(t, "COMPLEX", f.t.complex);
    fg_template_int(t, "HALF", f.t.real);
    fg_template_int(t, "WINDOWED", f.t.window != NULL);
    fg_template_ints(t, "RADIX", f.stages, f.radix);
    fg_template_ints(t, "LEN", f.stages, f.length);
    fg_template_ints(t, "SPAN", f.stages, f.span);
    fg_template_text(t, "TYPE", f.type);
    fg_template_text(t, "STORED", fg_dtype_get(f.dtype)->c_type);
    fg_template_text(t, "SCALE", number(&f, (f.pair ? 0.5 : 1) / (f.t.inverse ? (double)f.t.length : 1)));
    fg_template_text(t, "FROM", fg_part_from(e, blocks));
    fg_template_text(t, "TO", fg_part_to(e, blocks));
    set_memory(&f, t);
    fg_template_render(t, "transform", e->out);
    fg_describe(e, fg_format(e->ctx, "%lld", (long long)f.side),
                "%lld transforms side by side in %d stages%s", (long long)f.side, f.stages,
                f.pair ? ", two real lines in each" : "");
}

const fg_lowering fg_lowering_transform = {.name = "transform", .prefer = NULL, .emit = emit};
