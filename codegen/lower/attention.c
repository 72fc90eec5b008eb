/* Scaled-dot-product attention in one kernel: for each head, the keys are packed side by side once; then a
 * few queries at a time meet all keys, their scores pass the chain (scale, bias, mask) and the softmax in
 * cache, and meet all values. The scores of a head never exist as a whole. */
#include <stdlib.h>
#include <string.h>

#include "codegen/nest.h"
#include "codegen/tile.h"

enum { SCORES, VALUES };

typedef struct fg_attention {
    fg_emit *e;
    const fg_node *product, *softmax, *sum; /* the anchors */
    fg_nest *nest;                          /* batch dimensions, queries, keys */
    fg_chain *chain;                        /* NULL: none */
    int q, k, v, y, operand;                /* numbers in the nest */
    int64_t m, n, d, dv;
    int64_t q_d, k_d, v_n, v_d, y_d; /* strides that are not in the nest */
    int64_t padded;                  /* scores of a query */
    fg_tile tile[2];
} fg_attention;

static int row_dim(const fg_attention *q) {
    return q->nest->rank - 2;
}

static int column_dim(const fg_attention *q) {
    return q->nest->rank - 1;
}

/* ---- operands ---- */

/* Adds an operand by the strides of its leading dimensions, broadcast to the batch; row, column: its strides
 * along queries and keys. */
static int add_operand(fg_attention *q, const fg_value *v, const int64_t *own, int64_t row, int64_t column) {
    int64_t stride[2 * FG_MAX_RANK] = {0};
    const int batch = q->nest->rank - 2, leading = v->shape.rank - 2;
    for (int d = 0; d < leading; d++) {
        stride[batch - leading + d] = v->shape.dim[d] == 1 ? 0 : own[d];
    }
    stride[batch] = row;
    stride[batch + 1] = column;
    return fg_nest_add(q->e->ctx, q->nest, stride);
}

static void add_operands(fg_attention *q) {
    fg_value *const in[3] = {q->product->in[0], q->product->in[1], q->sum->in[1]};
    static const char *const names[3] = {"query", "key", "value"};
    fg_value *y = q->sum->out[0];
    int64_t s[FG_MAX_RANK];
    for (int i = 0; i < 3; i++) {
        fg_emit_input(q->e, names[i], in[i]);
    }
    fg_emit_output(q->e, "y", y);
    int r = in[0]->shape.rank;
    fg_strides_of(q->e, in[0], s);
    q->m = in[0]->shape.dim[r - 2];
    q->d = in[0]->shape.dim[r - 1];
    q->q_d = s[r - 1];
    q->q = add_operand(q, in[0], s, q->m > 1 ? s[r - 2] : 0, 0);
    r = in[1]->shape.rank;
    fg_strides_of(q->e, in[1], s);
    q->n = in[1]->shape.dim[r - 1];
    q->k_d = s[r - 2];
    q->k = add_operand(q, in[1], s, 0, s[r - 1]);
    r = in[2]->shape.rank;
    fg_strides_of(q->e, in[2], s);
    q->dv = in[2]->shape.dim[r - 1];
    q->v_n = s[r - 2];
    q->v_d = s[r - 1];
    q->v = add_operand(q, in[2], s, 0, 0);
    r = y->shape.rank;
    fg_strides_of(q->e, y, s);
    q->y_d = s[r - 1];
    q->y = add_operand(q, y, s, q->m > 1 ? s[r - 2] : 0, 0);
}

static void add_chain(fg_attention *q) {
    const fg_stage *s = &q->e->k->stage[0];
    q->operand = q->nest->n;
    if (s->n_epilogue == 0) {
        return;
    }
    q->chain = fg_chain_new(q->e, s->epilogue, s->n_epilogue, q->product->out[0]);
    for (int i = 0; i < fg_chain_operands(q->chain); i++) {
        fg_value *v = fg_chain_operand(q->chain, i);
        fg_emit_input(q->e, fg_format(q->e->ctx, "t%d", i), v);
        fg_nest_add_value(q->e, q->nest, v);
    }
}

/* The space of the scores; the batch may be larger if only the values have one. */
static void make_nest(fg_attention *q) {
    const fg_shape *scores = &q->product->out[0]->shape, *y = &q->sum->out[0]->shape, none = {.rank = 0};
    const fg_stage *s = &q->e->k->stage[0];
    int operands = 4;
    for (int i = 0; i < s->n_epilogue; i++) {
        operands += s->epilogue[i]->n_in;
    }
    q->nest = fg_nest_new(q->e->ctx, &none, operands);
    q->nest->rank = y->rank;
    memcpy(q->nest->extent, y->dim, (size_t)y->rank * sizeof(*y->dim));
    q->nest->extent[y->rank - 1] = scores->dim[scores->rank - 1];
    add_operands(q);
    add_chain(q);
    fg_nest_simplify(q->nest, q->y, 0, q->nest->rank - 2);
}

/* ---- hooks ---- */

/* Operand i of the chain, `shift` keys on from n. */
static const char *loaded_at(const fg_attention *q, int i, int lanes, int64_t shift) {
    return fg_nest_load(q->e, q->nest, q->operand + i, FG_FLOAT, fg_format(q->e->ctx, "t%d", i),
                        q->nest->rank, lanes, column_dim(q), shift);
}

static bool is_gathered(const fg_attention *q, int i) {
    const int64_t s = q->nest->stride[q->operand + i][column_dim(q)];
    return s != 0 && s != 1;
}

/* Operands whose elements for neighbouring keys lie apart pass through an array. */
static void gather(const fg_attention *q, int i, int lanes, int64_t shift, const char *array, fg_text *out) {
    const fg_nest *n = q->nest;
    const char *at = fg_nest_shifted(q->e->ctx, n, q->operand + i, n->rank, column_dim(q), shift);
    fg_text_printf(out,
                   "float %s[FG_VL] FG_ALIGNED(64) = {0};\nfor (int lane = 0; lane < %d; lane++) %s[lane] = "
                   "t%d[%s + lane * %lld];\n",
                   array, lanes, array, i, at, (long long)n->stride[q->operand + i][column_dim(q)]);
}

static void apply_chain(const fg_attention *q, const char *var, int lanes, int64_t shift, const char *tag,
                        fg_text *out) {
    if (q->chain == NULL) {
        return;
    }
    fg_context *ctx = q->e->ctx;
    const int count = fg_chain_operands(q->chain);
    const char **loaded = FG_ARRAY(ctx, count + 1, const char *);
    for (int i = 0; i < count; i++) {
        if (!is_gathered(q, i)) {
            loaded[i] = loaded_at(q, i, lanes, shift);
            continue;
        }
        const char *array = fg_format(ctx, "apart%d%s", i, tag);
        gather(q, i, lanes, shift, array, out);
        loaded[i] = fg_format(ctx, "fg_load(%s)", array);
    }
    fg_chain_emit(q->chain, var, false, loaded, true, tag, 0, out);
}

static void read_arguments(const char *text, long *row, long *vectors, int *last) {
    char *end;
    *row = strtol(text, &end, 10);
    *vectors = strtol(end, &end, 10);
    *last = (int)strtol(end, &end, 10);
}

static void open_row(const fg_attention *q, long row, fg_text *out) {
    fg_text_add(out, "{\n");
    if (q->m > 1) {
        fg_text_printf(out, row == 0 ? "const int i%d = row;\n" : "const int i%d = row + %ld;\n", row_dim(q),
                       row);
    }
}

static void hook_score(void *user, const char *arguments, fg_text *out) {
    const fg_attention *q = user;
    const int lanes = q->e->lanes;
    long row, vectors;
    int last;
    read_arguments(arguments, &row, &vectors, &last);
    if (q->chain != NULL) {
        open_row(q, row, out);
        fg_text_printf(out, "const int i%d = n;\n", column_dim(q));
    }
    for (long j = 0; j < vectors; j++) {
        const char *var = fg_format(q->e->ctx, "c%ld_%ld", row, j);
        const int count = j == vectors - 1 ? last : lanes;
        apply_chain(q, var, count, j * lanes, fg_format(q->e->ctx, "_%ld", j), out);
        const long long at = row * q->padded + j * lanes;
        if (count < lanes) {
            fg_text_printf(out, "fg_storen(scores + n + %lld, %s, %d);\n", at, var, count);
        } else {
            fg_text_printf(out, "fg_store(scores + n + %lld, %s);\n", at, var);
        }
    }
    if (q->chain != NULL) {
        fg_text_add(out, "}\n");
    }
}

static void hook_result(void *user, const char *arguments, fg_text *out) {
    const fg_attention *q = user;
    const int lanes = q->e->lanes;
    long row, vectors;
    int last;
    read_arguments(arguments, &row, &vectors, &last);
    open_row(q, row, out);
    const char *at = fg_nest_at(q->e->ctx, q->nest, q->y, 0, column_dim(q), "i");
    fg_text_printf(out, "float *to = %s + n%s;\n", fg_pointer_to(q->e->ctx, "y", at),
                   q->y_d == 1 ? "" : fg_format(q->e->ctx, " * %lld", (long long)q->y_d));
    fg_text_printf(out, "const fg_v factor = fg_set1(scale[%ld]);\n", row);
    for (long j = 0; j < vectors; j++) {
        const char *value = fg_format(q->e->ctx, "fg_mul(c%ld_%ld, factor)", row, j);
        const int count = j == vectors - 1 ? last : lanes;
        const long long shift = j * lanes;
        if (q->y_d != 1) {
            fg_text_printf(out, "fg_store(lanes, %s);\n", value);
            fg_text_printf(out,
                           "for (int lane = 0; lane < %d; lane++) to[(lane + %lld) * %lld] = lanes[lane];\n",
                           count, shift, (long long)q->y_d);
        } else if (count < lanes) {
            fg_text_printf(out, "fg_storen(to + %lld, %s, %d);\n", shift, value, count);
        } else {
            fg_text_printf(out, "fg_store(to + %lld, %s);\n", shift, value);
        }
    }
    fg_text_add(out, "}\n");
}

/* ---- emission ---- */

static int64_t vectors_of(const fg_attention *q, int64_t columns) {
    return (columns + q->e->lanes - 1) / q->e->lanes;
}

static fg_tile best_of_height(const fg_target *t, const fg_product *p, int mr) {
    fg_tile best = {mr, 1, -1};
    for (int nv = 1; nv <= 8; nv++) {
        if (fg_tile_fits(t, p, mr, nv)) {
            const fg_tile tile = fg_tile_of(t, p, mr, nv);
            best = best.cost < 0 || tile.cost < best.cost ? tile : best;
        }
    }
    return best;
}

/* Both products work on the same queries. */
static void choose(fg_attention *q) {
    const fg_target *t = q->e->m->target;
    const fg_product first = {.rows = 1, .width = q->m, .k = q->d, .vectors = vectors_of(q, q->n)};
    const int most = fg_tile_most_pixels(t, 4 * q->nest->stride[q->q][row_dim(q)]);
    const fg_product second = {.rows = 1, .width = q->m, .k = q->n, .vectors = vectors_of(q, q->dv)};
    q->tile[SCORES].cost = -1;
    for (int mr = 1; mr <= q->m && mr <= most; mr++) {
        const fg_tile a = best_of_height(t, &first, mr), b = best_of_height(t, &second, mr);
        const double best = q->tile[SCORES].cost + q->tile[VALUES].cost;
        if (a.cost >= 0 && b.cost >= 0 && (q->tile[SCORES].cost < 0 || a.cost + b.cost < best)) {
            q->tile[SCORES] = a;
            q->tile[VALUES] = b;
        }
    }
    FG_REQUIRE(q->e->ctx, "attention", q->tile[SCORES].cost >= 0);
}

static void set_sides(const fg_attention *q, fg_template *t) {
    const int64_t columns[2] = {q->n, q->dv};
    int64_t nv[2], panels[2], rest[2], lanes[2];
    for (int s = 0; s < 2; s++) {
        nv[s] = q->tile[s].nv;
        panels[s] = vectors_of(q, columns[s]) / nv[s];
        rest[s] = vectors_of(q, columns[s]) % nv[s];
        lanes[s] = (columns[s] - 1) % q->e->lanes + 1;
    }
    fg_template_ints(t, "NV", 2, nv);
    fg_template_ints(t, "PANELS", 2, panels);
    fg_template_ints(t, "REST", 2, rest);
    fg_template_ints(t, "LANES", 2, lanes);
}

static const char *head(const fg_attention *q, const char *name, int operand) {
    return fg_pointer_to(q->e->ctx, name, fg_nest_at(q->e->ctx, q->nest, operand, 0, q->nest->rank - 2, "i"));
}

static void set_strides(const fg_attention *q, fg_template *t) {
    const fg_nest *n = q->nest;
    fg_template_text(t, "Q", head(q, "query", q->q));
    fg_template_text(t, "K", head(q, "key", q->k));
    fg_template_text(t, "V", head(q, "value", q->v));
    fg_template_int(t, "Q_M", n->stride[q->q][row_dim(q)]);
    fg_template_int(t, "Q_D", q->q_d);
    fg_template_int(t, "K_N", n->stride[q->k][column_dim(q)]);
    fg_template_int(t, "K_D", q->k_d);
    fg_template_int(t, "V_N", q->v_n);
    fg_template_int(t, "V_D", q->v_d);
}

static void prefer(fg_planner *p, fg_kernel *k) {
    for (int i = 0; i < k->n_in; i++) {
        if (k->in[i]->data == NULL) {
            fg_take_strided(p, k->in[i]);
        }
    }
    fg_value *y = k->stage[2].anchor->out[0];
    fg_give_strided(p, y, y->shape.rank - 1);
}

static void emit(fg_emit *e) {
    fg_kernel *k = e->k;
    FG_REQUIRE(e->ctx, "attention",
               k->n_stages == 3 && k->n_out == 1 && k->stage[1].n_epilogue == 0 &&
                   k->stage[2].n_epilogue == 0);
    fg_attention q = {
        .e = e, .product = k->stage[0].anchor, .softmax = k->stage[1].anchor, .sum = k->stage[2].anchor};
    make_nest(&q);
    for (int d = 0; d < q.nest->rank - 2; d++) {
        if (q.nest->extent[d] > 1) {
            fg_emit_parallel(e);
        }
    }
    choose(&q);
    q.padded = vectors_of(&q, q.n) * e->lanes;
    fg_emit_scratch(e, "keys", "float", sizeof(float), q.padded * q.d);
    fg_emit_scratch(e, "values", "float", sizeof(float), vectors_of(&q, q.dv) * e->lanes * q.n);
    fg_emit_scratch(e, "scores", "float", sizeof(float), q.padded * q.tile[SCORES].mr);
    fg_emit_scratch(e, "sums", "float", sizeof(float), (int64_t)e->lanes * q.tile[SCORES].mr);
    fg_emit_scratch(e, "scale", "float", sizeof(float), q.tile[SCORES].mr);
    if (q.y_d != 1) {
        fg_emit_scratch(e, "lanes", "float", sizeof(float), e->lanes);
    }
    fg_template *t = fg_emit_template(e);
    fg_template_int(t, "BATCH", q.nest->rank - 2);
    fg_template_ints(t, "EXTENT", q.nest->rank, q.nest->extent);
    fg_template_int(t, "M", q.m);
    fg_template_int(t, "N", q.n);
    fg_template_int(t, "D", q.d);
    fg_template_int(t, "DV", q.dv);
    fg_template_int(t, "NP", q.padded);
    fg_template_int(t, "MR", q.tile[SCORES].mr);
    set_sides(&q, t);
    set_strides(&q, t);
    fg_nest_divide(e, t, q.nest, q.nest->rank - 2);
    fg_template_hook(t, "score", hook_score, &q);
    fg_template_hook(t, "result", hook_result, &q);
    fg_template_render(t, "attention", e->out);
    fg_describe(e, fg_format(e->ctx, "%dx%d", q.tile[SCORES].mr, q.tile[SCORES].nv * e->lanes),
                "%d queries by %d keys, then by %d columns of values, in registers; scores stay in cache",
                q.tile[SCORES].mr, q.tile[SCORES].nv * e->lanes, q.tile[VALUES].nv * e->lanes);
}

const fg_lowering fg_lowering_attention = {"attention", prefer, emit};
