/* RNN, GRU and LSTM. The products with the inputs are made for a block of steps at once, in register tiles;
 * the products with the state step by step; the cell's activations in vectors along the hidden units, each
 * gate padded to whole vectors. Constant weights are packed when code is generated, others when it runs.
 * double goes element by element. */
#include <stdlib.h>
#include <string.h>

#include "codegen/expr.h"
#include "codegen/moves.h"
#include "codegen/tile.h"
#include "frontend/recurrent.h"

enum { INPUT, STATE, LAST, MATRICES };

typedef struct fg_matrix {
    fg_value *v;
    int first, gates;
    int64_t k, vectors; /* terms; vectors of columns */
    int mr, nv;
} fg_matrix;

typedef struct fg_recur {
    fg_emit *e;
    fg_node *node;
    fg_recurrent q;
    fg_dtype dtype;
    const char *type, *tag; /* what is computed in */
    bool vectors, constant, late;
    int64_t pitch, columns, block;
    int n_matrices;
    fg_matrix m[MATRICES];
    const char *weight_type[MATRICES], *weight_load[MATRICES]; /* of constant weights, once they are packed */
} fg_recur;

/* ---- activations ---- */

/* An activation that is an operator is that operator's expression. */
static const char *by_operator(const fg_recur *u, const fg_activation *a, const char *x) {
    fg_context *ctx = u->e->ctx;
    fg_attr *attr = FG_ARRAY(ctx, 2, fg_attr);
    fg_node *n = FG_NEW(ctx, fg_node);
    attr[0] = (fg_attr){.name = "alpha", .type = FG_ATTR_FLOAT, .f = a->alpha};
    attr[1] = (fg_attr){.name = "beta", .type = FG_ATTR_FLOAT, .f = a->beta};
    *n = (fg_node){.name = u->node->name, .op_type = a->name, .domain = "", .attr = attr, .n_attr = 2};
    n->op = fg_op_find("", a->name, 22);
    FG_REQUIRE(ctx, "recurrent", n->op != NULL && (!u->vectors || n->op->vector != NULL));
    return fg_expr(ctx, n, u->vectors, u->tag, 1, &x);
}

static const char *activation(const fg_recur *u, const fg_activation *a, const char *x) {
    fg_context *ctx = u->e->ctx;
    const bool is_float = u->dtype != FG_DOUBLE;
    const char *alpha = is_float ? fg_c_float(ctx, a->alpha) : fg_c_double(ctx, (double)a->alpha);
    const char *beta = is_float ? fg_c_float(ctx, a->beta) : fg_c_double(ctx, (double)a->beta);
    if (a->kind == FG_ACT_AFFINE) {
        return fg_format(ctx, u->vectors ? "fg_fma(fg_set1(%s), %s, fg_set1(%s))" : "%s * %s + %s", alpha, x,
                         beta);
    }
    if (a->kind == FG_ACT_SCALED_TANH) {
        return u->vectors
                   ? fg_format(ctx, "fg_mul(fg_set1(%s), fg_tanh(fg_mul(fg_set1(%s), %s)))", alpha, beta, x)
                   : fg_format(ctx, "%s * fgs_tanh_%s(%s * %s)", alpha, u->tag, beta, x);
    }
    return by_operator(u, a, x);
}

static void clip(const fg_recur *u, const char *x, fg_text *out) {
    fg_context *ctx = u->e->ctx;
    const double limit = (double)u->q.clip;
    if (!(limit > 0)) {
        return;
    }
    if (u->vectors) {
        fg_text_printf(out, "%s = fg_min(fg_max(%s, fg_set1(%s)), fg_set1(%s));\n", x, x,
                       fg_c_float(ctx, -u->q.clip), fg_c_float(ctx, u->q.clip));
    } else {
        fg_text_printf(out, "%s = fgs_min_%s(fgs_max_%s(%s, %s), %s);\n", x, u->tag, u->tag, x,
                       fg_c_double(ctx, -limit), fg_c_double(ctx, limit));
    }
}

/* "I VAR": activation I in place; two directions need not have the same ones. */
static void activate(const fg_recur *u, const char *arguments, fg_text *out) {
    char *x;
    const long i = strtol(arguments, &x, 10);
    x = fg_strdup(u->e->ctx, x + strspn(x, " "));
    x[strcspn(x, " \n")] = '\0';
    const char *one = activation(u, &u->q.act[0][i], x),
               *two = u->q.directions > 1 ? activation(u, &u->q.act[1][i], x) : one;
    if (strcmp(one, two) == 0) {
        fg_text_printf(out, "%s = %s;\n", x, one);
    } else {
        fg_text_printf(out, "if (d == 0) {\n%s = %s;\n} else {\n%s = %s;\n}\n", x, one, x, two);
    }
}

static void hook_bare(void *user, const char *arguments, fg_text *out) {
    activate(user, arguments, out);
}

static void hook_act(void *user, const char *arguments, fg_text *out) {
    const fg_recur *u = user;
    const char *name = arguments + strcspn(arguments, " "); /* behind a number, with blanks around both */
    name += strspn(name, " 0123456789");
    clip(u, fg_strndup(u->e->ctx, name, strcspn(name, " \n")), out);
    activate(u, arguments, out);
}

/* ---- weights ---- */

static double element(const fg_value *v, int64_t i) {
    return v == NULL ? 0 : fg_const_float(v, i);
}

/* Calls put for every column of `gates` gates: its hidden unit j, or -1 in the padding, and its row of the
 * gate matrices. */
static void pack_matrix(const fg_recur *u, const fg_matrix *m, int d, float *to) {
    const int64_t h = u->q.hidden, lanes = u->e->lanes, width = m->nv * lanes, panels = m->vectors / m->nv;
    for (int64_t v = 0; v < m->vectors * lanes; v++) {
        const int64_t j = v % u->pitch, row = (v / u->pitch + m->first) * h + j, panel = v / width;
        const int64_t step = panel < panels ? width : m->vectors % m->nv * lanes;
        float *at = to + panel * width * m->k + v % width;
        for (int64_t k = 0; k < m->k; k++) {
            at[k * step] = j < h ? (float)element(m->v, (d * u->q.gates * h + row) * m->k + k) : 0.0F;
        }
    }
}

/* What is added to the products with the inputs; GRU's last gate may take the state's part late. */
static void pack_bias(const fg_recur *u, int d, float *to) {
    const int64_t h = u->q.hidden, rows = u->q.gates * h;
    for (int64_t v = 0; v < u->columns; v++) {
        const int64_t j = v % u->pitch, at = d * 2 * rows + v / u->pitch * h + j;
        const bool both = !u->late || v < 2 * u->pitch;
        to[v] = j < h ? (float)(element(u->q.bias, at) + (both ? element(u->q.bias, at + rows) : 0)) : 0.0F;
    }
}

/* `n` gates of `h` numbers from place `at` on, each padded. */
static void pack_gates(const fg_recur *u, const fg_value *v, int64_t at, int64_t n, float *to) {
    for (int64_t i = 0; i < n * u->pitch; i++) {
        const int64_t j = i % u->pitch;
        to[i] = j < u->q.hidden ? (float)element(v, at + i / u->pitch * u->q.hidden + j) : 0.0F;
    }
}

static int64_t matrix_size(const fg_recur *u, const fg_matrix *m) {
    return m->vectors * u->e->lanes * m->k;
}

static void place_constants(fg_recur *u) {
    const int64_t h = u->q.hidden, rows = u->q.gates * h;
    const int n = u->q.directions;
    for (int i = 0; i < u->n_matrices; i++) {
        const int64_t size = matrix_size(u, &u->m[i]);
        float *to = fg_pack_new(u->e, n * size);
        for (int d = 0; d < n; d++) {
            pack_matrix(u, &u->m[i], d, to + d * size);
        }
        const fg_dtype stored =
            fg_emit_packed(u->e, fg_format(u->e->ctx, "pack%d", i), u->m[i].v->storage, to, n * size);
        u->weight_type[i] = fg_weight_type(stored);
        u->weight_load[i] = fg_weight_load(stored);
    }
    float *bias = fg_emit_weights(u->e, "bias", n * u->columns);
    for (int d = 0; d < n; d++) {
        pack_bias(u, d, bias + d * u->columns);
    }
    float *late = u->late ? fg_emit_weights(u->e, "late", n * u->pitch) : NULL;
    for (int d = 0; late != NULL && d < n; d++) {
        pack_gates(u, u->q.bias, d * 2 * rows + rows + 2 * h, 1, late + d * u->pitch);
    }
    float *peephole = u->q.peephole != NULL ? fg_emit_weights(u->e, "peephole", n * 3 * u->pitch) : NULL;
    for (int d = 0; peephole != NULL && d < n; d++) {
        pack_gates(u, u->q.peephole, d * 3 * h, 3, peephole + d * 3 * u->pitch);
    }
}

static void scratch(const fg_recur *u, const char *name, int64_t count) {
    fg_emit_scratch(u->e, name, u->type, u->dtype == FG_DOUBLE ? 8 : 4, count);
}

static void place_scratch(const fg_recur *u) {
    for (int i = 0; i < u->n_matrices; i++) {
        scratch(u, fg_format(u->e->ctx, "pack%d", i), matrix_size(u, &u->m[i]));
    }
    scratch(u, "bias", u->columns);
    if (u->late) {
        scratch(u, "late", u->pitch);
    }
    if (u->q.peephole != NULL) {
        scratch(u, "peephole", 3 * u->pitch);
    }
}

/* ---- operands in the text ---- */

typedef struct fg_term {
    const char *index;
    int dim;
} fg_term;

/* "p[d * 5 + b * 2 + j]" for the dimensions and index names given. */
static const char *index_of(const fg_recur *u, const fg_value *v, int n, const fg_term *terms) {
    int64_t stride[FG_MAX_RANK];
    const char *s = "";
    fg_strides_of(u->e, v, stride);
    for (int i = 0; i < n; i++) {
        const int64_t step = v->shape.dim[terms[i].dim] == 1 ? 0 : stride[terms[i].dim];
        if (step != 0 && (strcmp(terms[i].index, "d") != 0 || u->q.directions > 1)) {
            s = fg_format(u->e->ctx, "%s%s%s * %lld", s, *s ? " + " : "", terms[i].index, (long long)step);
        }
    }
    return *s ? s : "0";
}
#define INDEX(u, v, ...)                                                                                     \
    index_of((u), (v), (int)(sizeof((fg_term[]){__VA_ARGS__}) / sizeof(fg_term)), (fg_term[]){__VA_ARGS__})

static const char *load(const fg_recur *u, const fg_value *v, const char *name, const char *index) {
    return v == NULL ? "0" : fg_load_element(u->e->ctx, u->dtype, name, index);
}

static const char *state_index(const fg_recur *u, const fg_value *v) {
    const int d = u->q.batch_first ? 1 : 0;
    return v == NULL ? "0" : INDEX(u, v, {"d", d}, {"b", 1 - d}, {"j", 2});
}

static const char *y_index(const fg_recur *u, const char *j) {
    const bool batch_first = u->q.batch_first;
    const fg_term all[] = {
        {"t", batch_first ? 1 : 0}, {"d", batch_first ? 2 : 1}, {"b", batch_first ? 0 : 2}, {j, 3}};
    return index_of(u, u->q.y, *j ? 4 : 3, all);
}

static void declare(fg_recur *u) {
    const fg_recurrent *q = &u->q;
    fg_value *const in[] = {q->x,
                            u->constant ? NULL : q->w,
                            u->constant ? NULL : q->r,
                            u->constant ? NULL : q->bias,
                            q->lens,
                            q->h,
                            q->c,
                            u->constant ? NULL : q->peephole};
    static const char *const names[] = {"x",    "w_in", "r_in", "bias_in",
                                        "lens", "h_in", "c_in", "peephole_in"};
    for (size_t i = 0; i < FG_COUNT(in); i++) {
        if (in[i] != NULL) {
            fg_emit_input(u->e, names[i], in[i]);
        }
    }
    fg_value *const out[] = {q->y, q->y_h, q->y_c};
    static const char *const results[] = {"y", "y_h", "y_c"};
    for (size_t i = 0; i < FG_COUNT(out); i++) {
        if (out[i] != NULL) {
            fg_emit_output(u->e, results[i], out[i]);
        }
    }
}

static const char *of_direction(const fg_recur *u, const char *name, int64_t size) {
    return u->constant && u->q.directions > 1 ? fg_format(u->e->ctx, "%s + d * %lld", name, (long long)size)
                                              : name;
}

static void set_operands(const fg_recur *u, fg_template *t) {
    fg_context *ctx = u->e->ctx;
    const fg_recurrent *q = &u->q;
    const int64_t rows = q->gates * q->hidden;
    const char *row = fg_format(ctx, "(row + %lld)", (long long)rows);
    const char *w[MATRICES] = {load(u, q->w, "w_in", INDEX(u, q->w, {"d", 0}, {"row", 1}, {"k", 2})),
                               load(u, q->r, "r_in", INDEX(u, q->r, {"d", 0}, {"row", 1}, {"k", 2}))};
    w[LAST] = w[STATE];
    const char *bias[2] = {"0", "0"};
    if (q->bias != NULL) {
        bias[0] = load(u, q->bias, "bias_in", INDEX(u, q->bias, {"d", 0}, {"row", 1}));
        bias[1] = load(u, q->bias, "bias_in", INDEX(u, q->bias, {"d", 0}, {row, 1}));
    }
    fg_template_texts(t, "LOAD_W", MATRICES, w);
    fg_template_texts(t, "LOAD_BIAS", 2, bias);
    fg_template_text(t, "LOAD_PEEPHOLE",
                     q->peephole == NULL
                         ? "0"
                         : load(u, q->peephole, "peephole_in", INDEX(u, q->peephole, {"d", 0}, {"row", 1})));
    fg_template_text(t, "LOAD_H", load(u, q->h, "h_in", state_index(u, q->h)));
    fg_template_text(t, "LOAD_C", load(u, q->c, "c_in", state_index(u, q->c)));
    fg_template_int(t, "BIASED", q->bias != NULL);
    fg_template_int(t, "PEEPHOLE", q->peephole != NULL);
    fg_template_int(t, "LENS", q->lens != NULL);
    fg_template_int(t, "H0", q->h != NULL);
    fg_template_int(t, "C0", q->c != NULL);
}

static const char *store(const fg_recur *u, const fg_value *v, const char *name, const char *index,
                         const char *value) {
    return v == NULL ? "" : fg_store_element(u->e->ctx, u->dtype, name, index, value);
}

/* from: "h[b * 16 + j]" and the like */
static void set_results(const fg_recur *u, fg_template *t, const char *own, const char *h, const char *c) {
    const fg_recurrent *q = &u->q;
    fg_template_int(t, "Y", q->y != NULL);
    fg_template_int(t, "YH", q->y_h != NULL);
    fg_template_int(t, "YC", q->y_c != NULL);
    const bool run =
        q->y != NULL && u->dtype == FG_FLOAT && (q->hidden == 1 || fg_layout_of(u->e, q->y)->stride[3] == 1);
    fg_template_int(t, "RUN", run);
    fg_template_text(t, "Y_AT", q->y == NULL ? "" : fg_pointer_to(u->e->ctx, "y", y_index(u, "")));
    fg_template_text(t, "STORE_Y", q->y == NULL ? "" : store(u, q->y, "y", y_index(u, "j"), own));
    fg_template_text(t, "ZERO_Y", q->y == NULL ? "" : store(u, q->y, "y", y_index(u, "j"), "0"));
    fg_template_text(t, "STORE_H", store(u, q->y_h, "y_h", state_index(u, q->y_h), h));
    fg_template_text(t, "STORE_C", store(u, q->y_c, "y_c", state_index(u, q->y_c), c));
}

static void set_common(fg_recur *u, fg_template *t) {
    const fg_recurrent *q = &u->q;
    const int64_t each = q->directions;
    fg_template_int(t, "CELL", q->cell);
    fg_template_int(t, "STEPS", q->steps);
    fg_template_int(t, "B", q->batch);
    fg_template_int(t, "H", q->hidden);
    fg_template_int(t, "INPUTS", q->inputs);
    fg_template_int(t, "GATES_ALL", q->gates);
    fg_template_int(t, "DIRECTIONS", each);
    fg_template_int(t, "BACKWARDS", q->reverse);
    fg_template_int(t, "LATE", u->late);
    fg_template_int(t, "COUPLED", q->input_forget);
    fg_template_text(t, "D_FROM", fg_part_from(u->e, each));
    fg_template_text(t, "D_TO", fg_part_to(u->e, each));
    fg_template_hook(t, "act", hook_act, u);
    fg_template_hook(t, "bare", hook_bare, u);
    set_operands(u, t);
}

/* ---- vectors ---- */

/* Rows of a block: enough for the tiles to work on, few enough for their gates to stay in the cache. */
enum { BLOCK_ROWS = 32 };

static void choose_tile(const fg_recur *u, fg_matrix *m, int64_t rows) {
    m->vectors = m->gates * u->pitch / u->e->lanes;
    const fg_product p = {.rows = 1, .width = rows, .k = m->k, .vectors = m->vectors, .pitch = 4 * m->k};
    const fg_tile tile = fg_choose_tile(u->e->m->target, &p);
    m->mr = tile.mr;
    m->nv = rows == 1 ? fg_row_vectors(u->e->m->target, m->vectors) : tile.nv;
}

static void plan(fg_recur *u) {
    const fg_recurrent *q = &u->q;
    const bool gru = q->cell == FG_CELL_GRU;
    u->pitch = (q->hidden + u->e->lanes - 1) / u->e->lanes * u->e->lanes;
    u->columns = q->gates * u->pitch;
    u->n_matrices = gru ? 3 : 2;
    u->m[INPUT] = (fg_matrix){.v = q->w, .gates = q->gates, .k = q->inputs};
    u->m[STATE] = (fg_matrix){.v = q->r, .gates = gru ? 2 : q->gates, .k = q->hidden};
    u->m[LAST] = (fg_matrix){.v = q->r, .first = 2, .gates = 1, .k = q->hidden};
    const int64_t all = q->batch > BLOCK_ROWS ? q->steps : q->steps * q->batch;
    int64_t rows = all < BLOCK_ROWS ? all : BLOCK_ROWS;
    choose_tile(u, &u->m[INPUT], rows);
    choose_tile(u, &u->m[STATE], q->batch);
    choose_tile(u, &u->m[LAST], q->batch);
    const int mr = u->m[INPUT].mr;
    rows = u->e->m->target->ram_bytes > 0 ? mr : rows / mr * mr;
    u->block = rows / q->batch;
    u->block = u->block < 1 ? 1 : u->block > q->steps ? q->steps : u->block;
}

static void set_matrices(const fg_recur *u, fg_template *t, bool copy, bool merged) {
    const fg_recurrent *q = &u->q;
    int64_t first[MATRICES], gates[MATRICES], k[MATRICES], mr[MATRICES], nv[MATRICES], panels[MATRICES],
        rest[MATRICES], odd[MATRICES];
    const char *weights[MATRICES];
    int64_t xs[FG_MAX_RANK];
    fg_strides_of(u->e, q->x, xs);
    const int64_t xt = xs[q->batch_first ? 1 : 0], xb = xs[q->batch_first ? 0 : 1];
    const int64_t rows[MATRICES] = {(merged || copy ? q->batch : 1) * u->block, q->batch, q->batch};
    for (int i = 0; i < MATRICES; i++) {
        const fg_matrix *m = &u->m[i];
        first[i] = m->first;
        gates[i] = m->gates;
        k[i] = m->k;
        mr[i] = m->mr;
        nv[i] = m->nv;
        panels[i] = m->vectors / m->nv;
        rest[i] = m->vectors % m->nv;
        odd[i] = rows[i] % m->mr != 0 || (i == INPUT && q->steps % u->block != 0);
        weights[i] = of_direction(u, fg_format(u->e->ctx, "pack%d", i), matrix_size(u, m));
    }
    const int64_t x_pitch = copy ? q->inputs : merged && q->batch > 1 ? xb : xt;
    const int64_t pitch_in[MATRICES] = {x_pitch, u->pitch, u->pitch};
    const int64_t stride[MATRICES] = {copy ? 1 : xs[2], 1, 1};
    const int64_t late = u->late ? 0 : u->columns, z = merged || copy ? 1 : q->batch;
    const int64_t start[MATRICES] = {0, u->columns, late};
    const int64_t out[MATRICES] = {z * u->columns, u->columns, u->late ? u->pitch : u->columns};
    fg_template_int(t, "MATRICES", u->n_matrices);
    fg_template_ints(t, "FIRST", MATRICES, first);
    fg_template_ints(t, "GATES", MATRICES, gates);
    fg_template_ints(t, "K", MATRICES, k);
    fg_template_ints(t, "MR", MATRICES, mr);
    fg_template_ints(t, "NV", MATRICES, nv);
    fg_template_ints(t, "PANELS", MATRICES, panels);
    fg_template_ints(t, "REST", MATRICES, rest);
    fg_template_ints(t, "ODD", MATRICES, odd);
    fg_template_ints(t, "PITCH_IN", MATRICES, pitch_in);
    fg_template_ints(t, "STRIDE", MATRICES, stride);
    fg_template_ints(t, "START_PITCH", MATRICES, start);
    fg_template_ints(t, "PITCH_OUT", MATRICES, out);
    fg_template_texts(t, "WEIGHTS", MATRICES, weights);
    fg_template_texts(t, "TYPES", MATRICES, u->weight_type);
    fg_template_texts(t, "LOADS", MATRICES, u->weight_load);
    fg_template_int(t, "XT", xt);
    fg_template_int(t, "XB", xb);
}

static void emit_vectors(fg_recur *u) {
    fg_emit *e = u->e;
    const fg_recurrent *q = &u->q;
    int64_t xs[FG_MAX_RANK];
    plan(u);
    fg_strides_of(e, q->x, xs);
    const bool copy = u->dtype != FG_FLOAT, batch_first = q->batch_first;
    const bool merged = q->batch == 1 || xs[batch_first ? 1 : 0] == q->batch * xs[batch_first ? 0 : 1] ||
                        (q->steps == 1 && u->block == 1);
    for (int i = 0; i < MATRICES; i++) {
        u->weight_type[i] = fg_weight_type(FG_FLOAT);
        u->weight_load[i] = fg_weight_load(FG_FLOAT);
    }
    if (u->constant) {
        place_constants(u);
    } else {
        place_scratch(u);
    }
    scratch(u, "z", u->block * q->batch * u->columns);
    scratch(u, "h", q->batch * u->pitch);
    if (q->cell == FG_CELL_LSTM) {
        scratch(u, "cell", q->batch * u->pitch);
    }
    if (q->cell == FG_CELL_GRU) {
        scratch(u, "reset", q->batch * u->pitch);
    }
    if (copy) {
        scratch(u, "inputs", u->block * q->batch * q->inputs);
    }
    fg_template *t = fg_emit_template(e);
    set_common(u, t);
    set_matrices(u, t, copy, merged);
    fg_template_int(t, "PITCH", u->pitch);
    fg_template_int(t, "COLUMNS", u->columns);
    fg_template_int(t, "S", u->block);
    fg_template_int(t, "RUNTIME", !u->constant);
    fg_template_int(t, "COPY", copy);
    fg_template_int(t, "MERGED", merged);
    fg_template_text(t, "BIAS", of_direction(u, "bias", u->columns));
    fg_template_text(t, "LATE_BIAS", of_direction(u, "late", u->pitch));
    fg_template_text(t, "P", of_direction(u, "peephole", 3 * u->pitch));
    fg_template_text(
        t, "LOAD_X",
        load(u, q->x, "x",
             INDEX(u, q->x, {"(first + i)", batch_first ? 1 : 0}, {"b", batch_first ? 0 : 1}, {"k", 2})));
    const char *at = fg_format(e->ctx, "[b * %lld + j]", (long long)u->pitch);
    set_results(u, t, "hb[j]", fg_format(e->ctx, "h%s", at), fg_format(e->ctx, "cell%s", at));
    fg_template_render(t, "recurrent", e->out);
    fg_describe(
        e, fg_format(e->ctx, "%dx%d", u->m[INPUT].mr, u->m[INPUT].nv * e->lanes),
        "inputs of %lld steps at once, %d rows by %d columns in registers; then step by step, %d by %d",
        (long long)u->block, u->m[INPUT].mr, u->m[INPUT].nv * e->lanes, u->m[STATE].mr,
        u->m[STATE].nv * e->lanes);
}

/* ---- elements ---- */

static void emit_elements(fg_recur *u) {
    fg_emit *e = u->e;
    const fg_recurrent *q = &u->q;
    const bool batch_first = q->batch_first;
    scratch(u, "gates", q->gates * q->hidden);
    scratch(u, "h", q->hidden);
    scratch(u, "cell", q->hidden);
    fg_template *t = fg_emit_template(e);
    set_common(u, t);
    fg_template_text(t, "TYPE", u->type);
    fg_template_text(
        t, "LOAD_X",
        load(u, q->x, "x", INDEX(u, q->x, {"t", batch_first ? 1 : 0}, {"b", batch_first ? 0 : 1}, {"k", 2})));
    set_results(u, t, "h[j]", "h[j]", "cell[j]");
    fg_template_render(t, "recurrent_elements", e->out);
    fg_describe(e, "", "row by row, one dot product per gate");
}

/* ---- */

static bool all_constant(const fg_recurrent *q) {
    return q->w->data != NULL && q->r->data != NULL && (q->bias == NULL || q->bias->data != NULL) &&
           (q->peephole == NULL || q->peephole->data != NULL);
}

static void zero(fg_emit *e, fg_value *v, const char *name) {
    if (v != NULL) {
        fg_emit_output(e, name, v);
        fg_emit_fill(e, fg_nest_of_value(e, v), 0, name, "0");
    }
}

static fg_value *wanted(fg_value *v) {
    return fg_is_wanted(v) ? v : NULL;
}

static void emit(fg_emit *e) {
    fg_node *n = e->k->stage[0].anchor;
    fg_recur u = {.e = e, .node = n, .q = fg_recurrent_of(e->ctx, n), .dtype = n->in[0]->dtype};
    fg_recurrent *q = &u.q;
    q->y = wanted(q->y);
    q->y_h = wanted(q->y_h);
    q->y_c = wanted(q->y_c);
    if (q->steps == 0 || q->batch == 0) {
        fg_line(e, "(void)c;");
        zero(e, q->y_h, "y_h");
        zero(e, q->y_c, "y_c");
        return;
    }
    u.type = fg_compute_type(e->ctx, u.dtype);
    u.tag = fg_ctype_tag(u.dtype);
    u.vectors = u.dtype != FG_DOUBLE;
    u.constant = u.vectors && all_constant(q);
    u.late = q->cell == FG_CELL_GRU && q->linear_before_reset;
    if (q->directions > 1) {
        fg_emit_parallel(e);
    }
    declare(&u);
    if (u.vectors) {
        emit_vectors(&u);
    } else {
        emit_elements(&u);
    }
}

const fg_lowering fg_lowering_recurrent = {.name = "recurrent", .prefer = NULL, .emit = emit};
