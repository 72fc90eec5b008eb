#include "codegen/strassen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Below these the sums cost more than the eighth product. Measured: 64 rows by 512 by 512 gain 10 %;
 * pointwise convolutions of 49 and 196 pixels, whose weights are the larger part of what moves, gain nothing.
 */
enum { LEAST_ROWS = 48, LEAST_WIDTH = 256, PRODUCTS = 7 };

typedef struct fg_strassen {
    fg_emit *e;
    const fg_convolution *c;
    fg_epilogue *epilogue;
    int64_t m, mh, kh, nh; /* rows; halves, the first the larger one */
    int64_t y_x;           /* elements from row to row of the result */
    bool scattered;        /* its rows lie anywhere; y_x is 0 */
} fg_strassen;

static int64_t rows_of(const fg_convolution *c) {
    return c->oh * c->ow;
}

static bool halves_are_vectors(const fg_convolution *c, int lanes) {
    return c->ic % (2 * lanes) == 0 && c->oc % (2 * lanes) == 0;
}

static fg_product product_of(const fg_emit *e, const fg_convolution *c) {
    return (fg_product){.rows = 1,
                        .width = (rows_of(c) + 1) / 2,
                        .k = c->ic / 2,
                        .vectors = c->oc / 2 / e->lanes,
                        .pitch = 4 * fg_source_pixel(e, c),
                        .parts = e->m->options.threads,
                        .by_pixel = true};
}

/* All panels are full: every product has one text. */
static bool tile_suits(const fg_emit *e, const fg_product *p, int mr, int nv) {
    return nv > 0 && p->vectors % nv == 0 && fg_tile_fits(e->m->target, p, mr, nv);
}

static fg_tile best_tile(const fg_emit *e, const fg_product *p) {
    fg_tile best = {1, 1, -1};
    const int most = fg_tile_most_pixels(e->m->target, p->pitch);
    for (int nv = 1; nv <= 8; nv++) {
        for (int mr = 1; mr <= most && fg_tile_fits(e->m->target, p, mr, nv); mr++) {
            const fg_tile tile = fg_tile_of(e->m->target, p, mr, nv);
            if (p->vectors % nv == 0 && (best.cost < 0 || tile.cost < best.cost)) best = tile;
        }
    }
    return best;
}

/* An eighth of the multiplications is saved, and three quarters more weights are read. Where these come from
 * memory in every run, few rows for each of them, or many cores that share the bandwidth, that is a loss. */
static bool pays(const fg_emit *e, const fg_convolution *c) {
    const fg_target *t = e->m->target;
    const double weights = (double)(c->ic * c->oc);
    if (t->peak_gflops <= 0) return true;
    const double cycles = 2 * (double)rows_of(c) * weights / t->peak_gflops * t->ghz / e->m->options.threads;
    return fg_overlapped_cycles(7.0 / 8 * cycles, fg_target_stream_cycles(t, 7.0 / 4 * 4 * weights)) <
           fg_overlapped_cycles(cycles, fg_target_stream_cycles(t, 4 * weights));
}

bool fg_strassen_plan(const fg_emit *e, const fg_convolution *c, const fg_pick *pick, fg_tile *tile) {
    int mr, nv;
    const bool asked = pick->text && sscanf(pick->text, "S:%dx%d", &mr, &nv) == 2;
    if (e->m->options.exact || e->m->options.optimize != FG_OPTIMIZE_SPEED ||
        fg_wants_little_text(e->m, e->k) || !fg_convolution_is_pointwise(c) || c->images != 1 || e->k->tap ||
        e->k->n_prologue || e->k->n_out != 1 || c->w->storage != FG_UNDEFINED ||
        !halves_are_vectors(c, e->lanes) || rows_of(c) < 2)
        return false;
    const fg_product p = product_of(e, c);
    if (asked) {
        *tile = (fg_tile){mr, nv, 0};
        return tile_suits(e, &p, mr, nv);
    }
    const bool conv = strcmp(c->node->op_type, "Conv") == 0;
    if (pick->text || pick->rank || conv || e->m->target->flash_bytes || rows_of(c) < LEAST_ROWS ||
        c->ic < LEAST_WIDTH || c->oc < LEAST_WIDTH || !pays(e, c))
        return false;
    *tile = best_tile(e, &p);
    return tile->cost >= 0;
}

/* ---- weights ---- */

/* The right-hand sides of the products at a place of the quadrants, in the order in which the template runs
 * them. The last one has its sign turned, so that all are added. */
static void combine(const fg_strassen *q, int64_t k, int64_t n, float right[PRODUCTS]) {
    const fg_convolution *c = q->c;
    const double b11 = fg_convolution_weight(c, n, k, 0, 0),
                 b12 = fg_convolution_weight(c, n + q->nh, k, 0, 0),
                 b21 = fg_convolution_weight(c, n, k + q->kh, 0, 0),
                 b22 = fg_convolution_weight(c, n + q->nh, k + q->kh, 0, 0);
    const double all[PRODUCTS] = {b11, b22 - b12 + b11,        b21, b22 - b12, b12 - b11,
                                  b22, b21 - (b22 - b12 + b11)};
    for (int p = 0; p < PRODUCTS; p++) right[p] = (float)all[p];
}

/* Each weight is read once: there are as many as all else that generation touches. */
static void pack(const fg_strassen *q, int nv) {
    const int64_t width = (int64_t)nv * q->e->lanes, extents[3] = {PRODUCTS, q->kh, q->nh};
    float *to = fg_emit_weights(q->e, "w", fg_checked_product(q->e->ctx, 3, extents));
    for (int64_t n = 0; n < q->nh; n += width)
        for (int64_t k = 0; k < q->kh; k++)
            for (int64_t lane = 0; lane < width; lane++, to++) {
                float right[PRODUCTS];
                combine(q, k, n + lane, right);
                for (int p = 0; p < PRODUCTS; p++) to[p * q->kh * q->nh] = right[p];
            }
}

/* ---- hooks ---- */

/* "QUADRANT": 0, 1 above; 2, 3 below. */
static void hook_operands(void *user, const char *arguments, fg_text *out) {
    const fg_strassen *q = user;
    const long quadrant = strtol(arguments, NULL, 10);
    fg_context *ctx = q->e->ctx;
    fg_epilogue_at(q->epilogue, "", "",
                   quadrant > 1 ? fg_format(ctx, "(row + %lld)", (long long)q->mh) : "row",
                   quadrant % 2 ? fg_format(ctx, "(n + %lld)", (long long)q->nh) : "n", out);
}

/* "ROW VECTOR QUADRANT" */
static void hook_result(void *user, const char *arguments, fg_text *out) {
    const fg_strassen *q = user;
    char *end;
    const long i = strtol(arguments, &end, 10), j = strtol(end, &end, 10), quadrant = strtol(end, &end, 10);
    const int lanes = q->e->lanes;
    if (q->c->bias)
        fg_text_printf(out, "c%ld_%ld = fg_add(c%ld_%ld, fg_load(bias + n + %lld));\n", i, j, i, j,
                       (long long)(j * lanes + quadrant % 2 * q->nh));
    const char *var = fg_epilogue_accumulator(q->epilogue, i, j, lanes, out);
    const char *row =
        !q->scattered ? "" : fg_format(q->e->ctx, quadrant > 1 ? " + down[%ld]" : " + up[%ld]", i);
    fg_text_printf(out, "fg_store(%s%s + %lld, %s);\n", quadrant > 1 ? "below" : "above", row,
                   (long long)(i * q->y_x + j * lanes + quadrant % 2 * q->nh), var);
}

/* ---- emission ---- */

/* Text that moves on to row i of a tile where rows of the result lie anywhere. */
static void set_rows(const fg_strassen *q, fg_template *t, int mr) {
    const char **up = FG_ARRAY(q->e->ctx, mr, const char *), **down = FG_ARRAY(q->e->ctx, mr, const char *);
    for (int i = 0; i < mr; i++) {
        up[i] = q->scattered ? fg_format(q->e->ctx, " + up[%d]", i) : "";
        down[i] = q->scattered ? fg_format(q->e->ctx, " + down[%d]", i) : "";
    }
    fg_template_int(t, "SCATTERED", q->scattered);
    fg_template_texts(t, "UP", mr, up);
    fg_template_texts(t, "DOWN", mr, down);
}

void fg_strassen_emit(fg_emit *e, const fg_convolution *c, fg_tile tile) {
    const fg_stage *s = &e->k->stage[0];
    fg_strassen q = {.e = e, .c = c, .m = rows_of(c)};
    q.mh = (q.m + 1) / 2;
    q.kh = c->ic / 2;
    q.nh = c->oc / 2;
    const int64_t tiles = q.mh / tile.mr;
    const bool odd = q.m % 2 != 0, divided = e->m->options.threads > 1 && tiles > 1;
    if (divided) fg_emit_parallel(e);
    const fg_source source = fg_source_open(e, c);
    fg_value *y = e->k->out[0];
    fg_emit_output(e, "out", y);
    q.y_x = fg_layout_of(e, y)->stride[c->out.x < 0 ? 0 : c->out.x];
    if (c->out.y >= 0 && y->shape.dim[c->out.x] == 1) q.y_x = fg_layout_of(e, y)->stride[c->out.y];
    q.scattered = fg_emit_rows(e, "out_rows", y);
    if (q.scattered) q.y_x = 0;
    fg_emit_scratch(e, "sums", "float", sizeof(float), (odd ? 5 : 4) * q.mh * q.kh);
    pack(&q, tile.nv);
    if (c->bias) fg_pack_bias(e, "bias", c, 1);
    q.epilogue = fg_epilogue_new(e, "p", s->epilogue, s->n_epilogue, c->y, c->out, true);
    fg_template *t = fg_emit_template(e);
    fg_template_int(t, "M", q.m);
    fg_template_int(t, "MH", q.mh);
    fg_template_int(t, "KH_", q.kh);
    fg_template_int(t, "NH", q.nh);
    fg_template_int(t, "MR", tile.mr);
    fg_template_int(t, "NV", tile.nv);
    fg_template_int(t, "ODD", odd);
    const fg_product product = product_of(e, c);
    fg_template_int(t, "AHEAD", fg_tile_ahead(e->m->target, &product, &tile));
    fg_template_int(t, "XX", source.x);
    fg_template_int(t, "YX", q.y_x);
    set_rows(&q, t, tile.mr);
    fg_template_part(t, e, "ROW", divided, tiles, tiles, tile.mr);
    fg_template_text(t, "ONLY_LAST", divided ? "if (c->part == c->parts - 1)" : "");
    fg_template_hook(t, "operands", hook_operands, &q);
    fg_template_hook(t, "result", hook_result, &q);
    fg_template_render(t, "strassen", e->out);
    e->kt->choice = fg_format(e->ctx, "S:%dx%d", tile.mr, tile.nv);
    fg_describe(e, fg_format(e->ctx, "%dx%d", tile.mr, tile.nv * e->lanes),
                "seven products of halves (Strassen), each in tiles of %d pixels by %d channels", tile.mr,
                tile.nv * e->lanes);
}
