/* Winograd convolution F(m x m, 3 x 3), m = 2 or 4 (Lavin and Gray 2016): the input in overlapping tiles of
 * (m + 2)^2 is transformed, multiplied channel-wise by transformed weights as (m + 2)^2 small matrix
 * products, and transformed back. The weights are transformed here, in double.
 *
 * For m = 4 the interpolation points are 0, +-1/sqrt(2), +-sqrt(2) and infinity. They need as many operations
 * as the usual 0, +-1, +-2 but keep the transforms' norms low: the error is about a third. */
#include "codegen/winograd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SQRT2 1.41421356237309504880

static const double g2[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};

/* Row of point p: (1, p, p^2) / product of the differences to the other points. */
static const double g4[6][3] = {{1, 0, 0},
                                {-2.0 / 3, -SQRT2 / 3, -1.0 / 3},
                                {-2.0 / 3, SQRT2 / 3, -1.0 / 3},
                                {1.0 / 6, SQRT2 / 6, 1.0 / 3},
                                {1.0 / 6, -SQRT2 / 6, 1.0 / 3},
                                {0, 0, 1}};

static const double *g_row(int m, int i) {
    return m == 4 ? g4[i] : g2[i];
}

static double transformed(int m, const double *w, int i, int j) {
    const double *gi = g_row(m, i), *gj = g_row(m, j);
    double sum = 0;
    for (int k = 0; k < 3; k++)
        for (int l = 0; l < 3; l++) sum += gi[k] * gj[l] * w[k * 3 + l];
    return sum;
}

/* ---- choice ---- */

static int64_t divide_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/* Cycles for bytes of weights: what stays in the second-level cache is free, the rest streams from memory in
 * every run. */
static double stream_cycles(const fg_target *t, double bytes) {
    if (bytes <= (double)t->l2_bytes / 2 || t->dram_gbps <= 0) return 0;
    return bytes / t->dram_gbps * t->ghz;
}

static double overlapped(double compute, double stream) {
    return compute > stream ? compute + 0.3 * stream : stream + 0.3 * compute;
}

static double direct_cycles(const fg_target *t, const fg_convolution *c, int64_t vectors) {
    const fg_product p = {.rows = c->oh * c->images,
                          .width = c->ow,
                          .k = 9 * c->ic,
                          .vectors = vectors,
                          .pitch = 4 * c->ic,
                          .streams = 1};
    return overlapped(fg_choose_tile(t, &p).cost, stream_cycles(t, 36.0 * (double)c->ic * (double)c->oc));
}

static fg_winograd plan_for(const fg_target *t, const fg_convolution *c, int m, int64_t vectors,
                            const fg_pick *pick) {
    fg_winograd w = {.m = m, .a = m + 2, .ty = divide_up(c->oh, m), .tx = divide_up(c->ow, m)};
    const int64_t tiles = w.ty * w.tx, points = w.a * w.a, lanes = fg_target_lanes(t);
    const int64_t room = (t->l2_bytes ? t->l2_bytes : 65536) / 2 / (points * 4 * (c->ic + vectors * lanes));
    const int64_t chunks = divide_up(tiles, room < 4 ? 4 : room > 64 ? 64 : room);
    w.chunk = divide_up(tiles, chunks);
    const fg_product p = {.rows = points * chunks * c->images,
                          .width = w.chunk,
                          .k = c->ic,
                          .vectors = vectors,
                          .pitch = 4 * divide_up(c->ic, lanes) * lanes,
                          .streams = 1};
    w.tile = fg_pick_tile(t, &p, pick);

    /* Loads, stores and about two operations per point and direction, for every vector of channels. */
    const double in = (double)points * 3.2, out = (double)points * 2.2 + 4.0 * m * m;
    const double transforms =
        (double)(tiles * c->images) * (in * (double)divide_up(c->ic, lanes) + out * (double)vectors);
    w.cost = overlapped(w.tile.cost + transforms,
                        stream_cycles(t, 4.0 * (double)points * (double)c->ic * (double)c->oc));
    return w;
}

/* ---- error ---- */

static void input_transform(int m, const float *d, int step, float *o) {
    const float d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step];
    if (m == 2) {
        o[0] = d0 - d2;
        o[step] = d1 + d2;
        o[2 * step] = d2 - d1;
        o[3 * step] = d3 - d1;
        return;
    }
    const float d4 = d[4 * step], d5 = d[5 * step], h = (float)(SQRT2 / 2), s2 = (float)SQRT2;
    const float p = d4 - 2 * d2, q = h * d3 - s2 * d1, r = d4 - 0.5f * d2, s = s2 * d3 - h * d1;
    o[0] = d0 - 2.5f * d2 + d4;
    o[step] = p + q;
    o[2 * step] = p - q;
    o[3 * step] = r + s;
    o[4 * step] = r - s;
    o[5 * step] = d1 - 2.5f * d3 + d5;
}

static void output_transform(int m, const float *d, int step, float *o) {
    const float a = d[step] + d[2 * step], b = d[step] - d[2 * step];
    if (m == 2) {
        o[0] = d[0] + a;
        o[step] = b + d[3 * step];
        return;
    }
    const float e = d[3 * step] + d[4 * step], f = d[3 * step] - d[4 * step];
    o[0] = d[0] + a + e;
    o[step] = (float)(SQRT2 / 2) * b + (float)SQRT2 * f;
    o[2 * step] = 0.5f * a + 2 * e;
    o[3 * step] = (float)(SQRT2 / 4) * b + (float)(2 * SQRT2) * f + d[5 * step];
}

/* Uniform in [0, 2): positive as behind a rectifier, which is the worse case for cancellation. */
static float sample(uint64_t *state) {
    *state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (float)((z ^ (z >> 31)) >> 40) * 0x1p-23f;
}

/* Largest error over RMS of a few output tiles of a few channels, against double, with the kernel's own
 * arithmetic. */
static double estimated_error(fg_context *ctx, int m, const fg_convolution *c) {
    const int a = m + 2, tiles = 4, channels = c->oc < 16 ? (int)c->oc : 16;
    float *d = FG_ARRAY(ctx, (size_t)c->ic * 36, float), *v = FG_ARRAY(ctx, (size_t)c->ic * 36, float);
    double worst = 0, squares = 0;
    int64_t count = 0;
    uint64_t state = 1;
    for (int tile = 0; tile < tiles; tile++) {
        for (int64_t ic = 0; ic < c->ic; ic++) {
            float *x = d + ic * 36, half[36], *t = v + ic * 36;
            for (int i = 0; i < a * a; i++) x[i] = sample(&state);
            for (int j = 0; j < a; j++) input_transform(m, x + j, a, half + j);
            for (int i = 0; i < a; i++) input_transform(m, half + i * a, 1, t + i * a);
        }
        for (int k = 0; k < channels; k++) {
            const int64_t oc = k * (c->oc / channels);
            float sum[36] = {0}, half[36], y[36];
            double exact[16] = {0};
            for (int64_t ic = 0; ic < c->ic; ic++) {
                double w[9];
                for (int i = 0; i < 9; i++) w[i] = (double)fg_convolution_weight(c, oc, ic, i / 3, i % 3);
                for (int i = 0; i < a * a; i++)
                    sum[i] = (float)((double)sum[i] +
                                     (double)v[ic * 36 + i] * (double)(float)transformed(m, w, i / a, i % a));
                for (int o = 0; o < m * m; o++)
                    for (int i = 0; i < 9; i++)
                        exact[o] += w[i] * (double)d[ic * 36 + (o / m + i / 3) * a + o % m + i % 3];
            }
            for (int j = 0; j < a; j++) output_transform(m, sum + j, a, half + j);
            for (int i = 0; i < m; i++) output_transform(m, half + i * a, 1, y + i * a);
            for (int o = 0; o < m * m; o++, count++) {
                const double error = fabs((double)y[o / m * a + o % m] - exact[o]);
                if (error > worst) worst = error;
                squares += exact[o] * exact[o];
            }
        }
    }
    return squares > 0 ? worst / sqrt(squares / (double)count) : 0;
}

static bool accurate(fg_context *ctx, int m, const fg_convolution *c) {
    /* Half of the 5e-5 that a kernel may show: real data can be worse than the sample. */
    return estimated_error(ctx, m, c) < 2.5e-5;
}

/* The rank-th method to measure: the model's best, then the others that are not far from it. */
static fg_winograd ranked(fg_context *ctx, const fg_target *t, const fg_convolution *c, fg_winograd best,
                          fg_pick *pick) {
    static const int methods[] = {4, 2, 0};
    const int64_t vectors = divide_up(c->oc, fg_target_lanes(t));
    fg_winograd option[1 + FG_COUNT(methods)] = {best};
    int n = 1;
    for (size_t i = 0; i < FG_COUNT(methods); i++) {
        const int m = methods[i];
        if (m == best.m) continue;
        fg_winograd w = {.m = 0, .cost = best.direct_cost};
        if (m) w = plan_for(t, c, m, vectors, &(fg_pick){0});
        if (w.cost < 2.5 * best.cost && (!m || accurate(ctx, m, c))) option[n++] = w;
    }
    const fg_winograd w = option[pick->rank % n];
    pick->rank /= n;
    return w.m ? plan_for(t, c, w.m, vectors, pick) : w;
}

static fg_winograd best_method(fg_context *ctx, const fg_target *t, const fg_convolution *c,
                               double direct_cost) {
    fg_winograd best = {.m = 0, .cost = direct_cost};
    for (int m = 4; m >= 2; m -= 2) {
        const fg_winograd w = plan_for(t, c, m, divide_up(c->oc, fg_target_lanes(t)), &(fg_pick){0});
        if (w.cost < 0.95 * best.cost && accurate(ctx, m, c)) best = w;
    }
    best.direct_cost = direct_cost;
    return best;
}

static fg_winograd tuned_method(fg_context *ctx, const fg_target *t, const fg_convolution *c, fg_pick *pick) {
    const int m = strncmp(pick->text, "F4:", 3) == 0 ? 4 : strncmp(pick->text, "F2:", 3) == 0 ? 2 : 0;
    if (!m || !accurate(ctx, m, c)) return (fg_winograd){.m = 0};
    pick->text += 3;
    return plan_for(t, c, m, divide_up(c->oc, fg_target_lanes(t)), pick);
}

fg_winograd fg_winograd_plan(fg_context *ctx, const fg_target *t, const fg_convolution *c, fg_pick *pick) {
    const int lanes = fg_target_lanes(t);
    const fg_winograd direct = {.m = 0};
    if (c->kh != 3 || c->kw != 3 || c->sy != 1 || c->sx != 1 || c->dy != 1 || c->dx != 1 || c->groups != 1)
        return direct;
    if (c->ic < 16 || c->oc < lanes || c->in.y < 0 || c->ih < 4 || c->iw < 4 || c->x->is_input) return direct;
    const double direct_cost = direct_cycles(t, c, divide_up(c->oc, lanes));
    fg_winograd w = pick->text ? tuned_method(ctx, t, c, pick) : best_method(ctx, t, c, direct_cost);
    if (pick->rank > 0) w = ranked(ctx, t, c, w, pick);
    w.direct_cost = direct_cost;
    return w;
}

void fg_winograd_pad(const fg_winograd *w, fg_convolution *c) {
    const int64_t rows = w->ty * w->m + 2, columns = w->tx * w->m + 2;
    if (rows - c->pt - c->ih > c->pb) c->pb = rows - c->pt - c->ih;
    if (columns - c->pl - c->iw > c->pr) c->pr = columns - c->pl - c->iw;
}

/* ---- emission ---- */

typedef struct fg_winograd_kernel {
    fg_emit *e;
    const fg_winograd *w;
    const fg_convolution *c;
    const fg_source *source;
    const fg_value *stored; /* NULL: only the tap is wanted */
    fg_epilogue *epilogue;
    int64_t yb, yy, yx;
} fg_winograd_kernel;

/* Transformed weights: [point][panel][ic][nv * lanes]. */
static void pack(fg_emit *e, const fg_winograd *w, const fg_convolution *c) {
    const int64_t lanes = e->lanes, vectors = divide_up(c->oc, lanes), nv = w->tile.nv, points = w->a * w->a;
    const int64_t matrix = vectors * lanes * c->ic;
    float *u = fg_emit_weights(e, "u", points * matrix);
    for (int64_t oc = 0; oc < c->oc; oc++) {
        const int64_t v = oc / lanes, panel = v / nv,
                      width = (panel + 1) * nv <= vectors ? nv : vectors - panel * nv;
        for (int64_t ic = 0; ic < c->ic; ic++) {
            double g[9];
            for (int i = 0; i < 9; i++) g[i] = (double)fg_convolution_weight(c, oc, ic, i / 3, i % 3);
            float *to =
                u + panel * nv * lanes * c->ic + ic * width * lanes + (v - panel * nv) * lanes + oc % lanes;
            for (int64_t i = 0; i < points; i++)
                to[i * matrix] = (float)transformed(w->m, g, (int)(i / w->a), (int)(i % w->a));
        }
    }
}

static void hook_operands(void *user, const char *arguments, fg_text *out) {
    (void)arguments;
    const fg_winograd_kernel *q = user;
    fg_epilogue_at(q->epilogue, "b", "oy", "ox", "n", out);
}

static void hook_image(void *user, const char *arguments, fg_text *out) {
    (void)arguments;
    const fg_winograd_kernel *q = user;
    fg_text *saved = q->e->out;
    q->e->out = out;
    fg_source_fill(q->e, q->source, q->c);
    q->e->out = saved;
}

/* Result row I, column J of the tile, LANES channels. */
static void hook_result(void *user, const char *arguments, fg_text *out) {
    const fg_winograd_kernel *q = user;
    char *end;
    const long i = strtol(arguments, &end, 10), j = strtol(end, &end, 10), lanes = strtol(end, &end, 10);
    fg_context *ctx = q->e->ctx;
    const char *var = fg_format(ctx, "y%ld_%ld", i, j);
    fg_epilogue_place(q->epilogue, i, j);
    fg_epilogue_apply(q->epilogue, var, 0, 0, (int)lanes, fg_format(ctx, "_%ld_%ld", i, j), out);
    if (q->e->k->tap) fg_text_printf(out, "s = fg_add(s, %s);\n", var);
    if (!q->stored) return;
    const char *to = fg_format(ctx, "yt + %lld", (long long)(i * q->yy + j * q->yx));
    if (lanes < q->e->lanes)
        fg_text_printf(out, "fg_storen(%s, %s, %ld);\n", to, var, lanes);
    else
        fg_text_printf(out, "fg_store(%s, %s);\n", to, var);
}

static void set_sizes(const fg_winograd_kernel *q, const fg_source *s, fg_template *t) {
    const fg_winograd *w = q->w;
    const fg_convolution *c = q->c;
    const int64_t vectors = divide_up(c->oc, q->e->lanes);
    fg_template_int(t, "STORE", q->stored != NULL);
    const fg_node *tap = q->e->k->tap;
    const int64_t *ts = tap ? fg_layout_of(q->e, tap->out[0])->stride : NULL;
    fg_template_int(t, "TAP", tap != NULL);
    fg_template_int(t, "TB", ts ? ts[0] : 0);
    fg_template_int(t, "TC", ts ? ts[1] : 0);
    fg_template_text(t, "MEAN", fg_format(q->e->ctx, "(1.0f / %lld.0f)", (long long)(c->oh * c->ow)));
    fg_template_int(t, "YB", q->yb);
    fg_template_text(t, "XNAME", s->pointer);
    fg_template_int(t, "XB", s->b);
    fg_template_int(t, "XY", s->y);
    fg_template_int(t, "XX", s->x);
    fg_template_int(t, "YY", q->yy);
    fg_template_int(t, "YX", q->yx);
    fg_template_int(t, "B", c->images);
    fg_template_int(t, "M", w->m);
    fg_template_int(t, "A", w->a);
    fg_template_int(t, "TX", w->tx);
    fg_template_int(t, "TILES", w->ty * w->tx);
    fg_template_int(t, "CHUNK", w->chunk);
    fg_template_int(t, "IC", c->ic);
    fg_template_int(t, "ICP", divide_up(c->ic, q->e->lanes) * q->e->lanes);
    fg_template_int(t, "NP", vectors * q->e->lanes);
    fg_template_int(t, "OC", c->oc);
    fg_template_int(t, "OH", c->oh);
    fg_template_int(t, "OW", c->ow);
    fg_template_int(t, "MR", w->tile.mr);
    fg_template_int(t, "NV", w->tile.nv);
    fg_template_int(t, "PANELS", vectors / w->tile.nv);
    fg_template_int(t, "REST", vectors % w->tile.nv);
}

/* Parts share the chunks of tiles where there are enough of them; else they share the channels of the result,
 * and each transforms the whole (then small) input for itself. */
static void set_split(const fg_winograd_kernel *q, fg_template *t) {
    const fg_emit *e = q->e;
    fg_context *ctx = e->ctx;
    const fg_winograd *w = q->w;
    const int64_t lanes = e->lanes, nv = w->tile.nv, vectors = divide_up(q->c->oc, lanes),
                  chunks = divide_up(w->ty * w->tx, w->chunk);
    const int64_t panels = divide_up(vectors, nv), full = vectors / nv;
    const bool parts = e->parallel, by_panel = parts && (e->k->tap || chunks < 4 * e->m->options.threads);
    fg_template_part(t, e, "T", parts && !by_panel, chunks, chunks, w->chunk);
    fg_template_part(t, e, "N", by_panel, panels, full, nv * lanes);
    /* Channels of those panels; what the last, narrower panel holds belongs to the last part. */
    const long long whole = (long long)(q->c->oc / lanes * lanes), width = (long long)(nv * lanes);
    const char *to = fg_part_to(e, panels);
    fg_template_text(t, "C_FROM",
                     by_panel ? fg_format(ctx, "%s * %lld", fg_part_from(e, panels), width) : "0");
    fg_template_text(
        t, "C_TO",
        by_panel ? fg_format(ctx, "(%s * %lld < %lld ? %s * %lld : %lld)", to, width, whole, to, width, whole)
                 : fg_format(ctx, "%lld", whole));
    fg_template_text(t, "ONLY_LAST_PANEL", by_panel ? "if (c->part == c->parts - 1)" : "");
}

void fg_winograd_emit(fg_emit *e, const fg_winograd *w, const fg_convolution *c, const fg_source *source) {
    const fg_stage *s = &e->k->stage[0];
    const int64_t points = w->a * w->a;
    fg_winograd_kernel q = {.e = e, .w = w, .c = c, .source = source};
    for (int i = 0; i < e->k->n_out; i++)
        if (!e->k->tap || e->k->out[i] != e->k->tap->out[0]) q.stored = e->k->out[i];
    if (q.stored) {
        const int64_t *ys = fg_layout_of(e, q.stored)->stride;
        q.yb = ys[c->out.b];
        q.yy = ys[c->out.y];
        q.yx = ys[c->out.x];
    }
    fg_template *t = fg_emit_template(e);
    set_sizes(&q, source, t);
    set_split(&q, t);
    pack(e, w, c);
    fg_pack_bias(e, "bias", c, 1);
    const int64_t lanes = e->lanes;
    fg_emit_scratch(e, "v", "float", sizeof(float), points * w->chunk * divide_up(c->ic, lanes) * lanes);
    fg_emit_scratch(e, "m", "float", sizeof(float), points * w->chunk * divide_up(c->oc, lanes) * lanes);
    if (e->k->tap) fg_emit_scratch(e, "sums", "float", sizeof(float), divide_up(c->oc, lanes) * lanes);
    q.epilogue = fg_epilogue_new(e, "p", s->epilogue, s->n_epilogue, c->y, c->out, false);
    fg_template_hook(t, "operands", hook_operands, &q);
    fg_template_hook(t, "result", hook_result, &q);
    fg_template_hook(t, "image", hook_image, &q);
    fg_template_render(t, "winograd", e->out);
    e->kt->choice = fg_format(e->ctx, "F%d:%dx%d", w->m, w->tile.mr, w->tile.nv);
    fg_describe(
        e, fg_format(e->ctx, "F(%dx%d) %dx%lld", w->m, w->m, w->tile.mr, (long long)(w->tile.nv * lanes)),
        "Winograd: %lld tiles of %dx%d, %lld at a time; about %.0f %% of direct convolution's cycles",
        (long long)(w->ty * w->tx), w->a, w->a, (long long)w->chunk, 100 * w->cost / w->direct_cost);
}
