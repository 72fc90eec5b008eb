/* Plans of streams: who reads whom, the order of rows, the rows that rings hold. See stream.h. */
#include "fusion/stream.h"

#include <string.h>

#include "frontend/frontend.h"
#include "fusion/patterns.h"
#include "fusion/rewrite.h"

/* ---- who makes what ---- */

static int stage_of(const fg_stream *s, const fg_value *v) {
    for (int i = 0; i < s->n_stages; i++)
        if (s->stage[i].y == v) return i;
    return -1;
}

static int copy_of(const fg_stream *s, const fg_value *x) {
    for (int i = 0; i < s->n_stages; i++)
        if (s->stage[i].kind == FG_ROW_COPY && s->stage[i].x == x) return i;
    return -1;
}

static int tap_of(const fg_stream *s, const fg_value *v) {
    for (int i = 0; i < s->n_stages; i++)
        if (s->stage[i].tap != NULL && s->stage[i].tap->out[0] == v) return i;
    return -1;
}

static bool is_inside(const fg_stream_scope *c, const fg_node *n) {
    if (c->kernel_of) {
        const int k = c->kernel_of[fg_node_key(n)];
        return k >= c->from && k <= c->to;
    }
    /* Not k's own nodes: movements that became views may have been handed to it. */
    for (int i = 0; i < c->k->n_parts; i++)
        for (int j = 0; j < c->k->part[i]->n_nodes; j++)
            if (c->k->part[i]->nodes[j] == n) return true;
    return false;
}

static bool is_outside(const fg_stream_scope *c, const fg_value *v) {
    bool outside = v->is_output;
    for (int i = 0; i < v->n_users && !outside; i++) outside = !is_inside(c, v->users[i]);
    return outside;
}

/* Windows that are rows themselves. */
static fg_window identity(int64_t rows) {
    return (fg_window){.axes = 1, .in = {rows}, .out = {rows}, .kernel = {1}, .stride = {1}, .dilation = {1}};
}

static fg_stream_stage stage_new(fg_row_kind kind, fg_value *x, fg_value *y) {
    const fg_value *shape = y != NULL ? y : x;
    fg_stream_stage t = {.kind = kind, .x = x, .y = y, .source = -1, .shared = -1};
    t.channels = shape->shape.dim[1];
    t.rows = shape->shape.dim[2];
    t.width = shape->shape.dim[3];
    t.w = identity(t.rows);
    return t;
}

static void set_chain(fg_stream_stage *t, const fg_stage *stage) {
    t->stage = stage;
    t->chain = stage->epilogue;
    t->n_chain = stage->n_epilogue;
}

/* The copy stage for x, which is made if there is none. */
static int add_copy(fg_stream *s, fg_value *x) {
    const int known = copy_of(s, x);
    if (known >= 0) return known;
    s->stage[s->n_stages] = stage_new(FG_ROW_COPY, x, NULL);
    s->stage[s->n_stages].source = stage_of(s, x);
    return s->n_stages++;
}

static bool add_operand(fg_stream_stage *t, int maker) {
    if (t->n_operands == FG_STREAM_OPERANDS) return false;
    t->operand[t->n_operands++] = maker;
    return true;
}

static bool is_in_chain(const fg_stream_stage *t, const fg_node *n) {
    for (int i = 0; i < t->n_chain; i++)
        if (t->chain[i] == n) return true;
    return t->stage != NULL && t->stage->anchor == n;
}

/* Operands of the chain that other stages make. */
static bool find_operands(const fg_stream *s, const fg_stream_scope *c, fg_stream_stage *t) {
    for (int i = 0; i < t->n_chain; i++) {
        const fg_node *n = t->chain[i];
        for (int j = 0; j < n->n_in; j++) {
            const fg_value *v = n->in[j];
            if (v == NULL || v->data != NULL || v == t->x) continue;
            const int maker = stage_of(s, v);
            if (maker >= 0) {
                if (v->shape.rank != 4 || !add_operand(t, maker)) return false;
            } else if (v->producer != NULL && is_inside(c, v->producer) && !is_in_chain(t, v->producer)) {
                return false; /* a mean, or what a pair no longer keeps */
            }
        }
    }
    return true;
}

/* ---- stages ---- */

/* Images of the graph's interface lie plane by plane, and nothing outside has zeros beside its rows for sure.
 */
static bool needs_copy(const fg_stream *s, const fg_stream_stage *t) {
    const bool padded = t->kind == FG_ROW_CONV && (t->w.pad[1] > 0 || t->w.pad_end[1] > 0);
    return t->source < 0 ? padded || t->x->is_input : padded && s->stage[t->source].outside;
}

/* Finds the stage that makes x, or makes one where x cannot be read as it lies. */
static bool find_source(fg_stream *s, const fg_stream_scope *c, fg_stream_stage *t) {
    if (t->rows > FG_STREAM_ROWS || t->w.in[0] > FG_STREAM_ROWS) return false;
    t->source = stage_of(s, t->x);
    if (t->source < 0 && t->x->producer != NULL && is_inside(c, t->x->producer)) return false;
    if (t->source >= 0 && s->stage[t->source].kind == FG_ROW_GATE) return false;
    if (needs_copy(s, t)) t->source = add_copy(s, t->x);
    return find_operands(s, c, t);
}

static bool is_pointwise(const fg_stream_stage *t) {
    for (int d = 0; d < 2; d++)
        if (t->w.kernel[d] != 1 || t->w.stride[d] != 1 || t->w.pad[d] != 0 || t->w.pad_end[d] != 0)
            return false;
    return fg_attr_int(t->stage->anchor, "group", 1) == 1;
}

/* t reads the stage before it, which nobody else does and which could be made on the spot. */
static bool can_pair(const fg_stream *s, const fg_stream_stage *t) {
    if (s->again == FG_AGAIN_NEVER || t->source < 0 || t->source != s->n_stages - 1) return false;
    const fg_stream_stage *p = &s->stage[t->source];
    if (p->kind != FG_ROW_CONV || p->pair != NULL || p->outside || p->y->n_users != 1 || p->n_operands > 0)
        return false;
    if (!fg_is_depthwise_conv(t->stage->anchor) || !is_pointwise(p) || t->w.kernel[0] < 2) return false;
    if (s->again == FG_AGAIN_STRIDED && t->w.stride[0] < 2) return false;
    return p->channels >= 2 * p->x->shape.dim[1];
}

/* t takes the place of the stage that it reads. */
static void pair_up(fg_stream *s, fg_stream_stage *t) {
    const fg_stream_stage *p = &s->stage[--s->n_stages];
    t->pair = p->stage;
    t->x = p->x;
    t->source = p->source;
}

static bool suits_convolution(const fg_node *n) {
    if (n->n_in < 2 || n->in[0]->shape.rank != 4) return false;
    if (fg_shape_count(&n->in[0]->shape) == 0 || fg_shape_count(&n->out[0]->shape) == 0) return false;
    return fg_is_depthwise_conv(n) || fg_is_dense_conv(n);
}

static bool add_convolution(fg_context *ctx, fg_stream *s, const fg_stream_scope *c, const fg_stage *stage) {
    const fg_node *n = stage->anchor;
    fg_stream_stage t = stage_new(FG_ROW_CONV, n->in[0], fg_stage_result(stage));
    set_chain(&t, stage);
    t.w = fg_window_of(ctx, n, &n->in[0]->shape, n->in[1]->shape.dim + 2);
    if (!find_source(s, c, &t)) return false;
    if (can_pair(s, &t)) {
        pair_up(s, &t);
    } else if (t.source >= 0) {
        fg_stream_stage *from = &s->stage[t.source];
        if (t.w.pad[1] > from->left) from->left = t.w.pad[1];
        if (t.w.pad_end[1] > from->right) from->right = t.w.pad_end[1];
    }
    s->stage[s->n_stages++] = t;
    return true;
}

static bool suits_pool(const fg_node *n) {
    return n->n_out == 1 && n->in[0]->shape.rank == 4 && fg_is_float32(n->in[0]) &&
           fg_shape_count(&n->in[0]->shape) > 0 && fg_shape_count(&n->out[0]->shape) > 0;
}

static bool add_pool(fg_context *ctx, fg_stream *s, const fg_stream_scope *c, const fg_stage *stage) {
    const fg_node *n = stage->anchor;
    fg_stream_stage t = stage_new(FG_ROW_POOL, n->in[0], fg_stage_result(stage));
    set_chain(&t, stage);
    t.w = fg_window_of(ctx, n, &n->in[0]->shape, NULL);
    if (!find_source(s, c, &t)) return false;
    s->stage[s->n_stages++] = t;
    return true;
}

static bool suits_mean(const fg_node *n) {
    return n->in[0]->shape.rank == 4 && fg_is_float32(n->in[0]);
}

/* The mean of all that a stage makes. */
static bool add_mean(fg_context *ctx, fg_stream *s, const fg_stream_scope *c, const fg_stage *stage) {
    (void)ctx;
    (void)c;
    const int maker = stage_of(s, stage->anchor->in[0]);
    fg_stream_stage *t = maker < 0 ? NULL : &s->stage[maker];
    if (t == NULL || stage->n_epilogue > 0 || t->tap != NULL) return false;
    if (t->kind != FG_ROW_CONV && t->kind != FG_ROW_MAP) return false;
    t->tap = stage->anchor;
    return true;
}

static bool suits_join(const fg_node *n) {
    if (n->out[0]->shape.rank != 4 || !fg_is_float32(n->out[0]) || fg_shape_count(&n->out[0]->shape) == 0)
        return false;
    const int64_t axis = fg_attr_int(n, "axis", 1);
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] == NULL || n->in[i]->data != NULL || n->in[i]->is_input || n->in[i]->shape.dim[1] == 0)
            return false;
    return (axis == 1 || axis == -3) && n->n_in - 1 <= FG_STREAM_OPERANDS;
}

static bool add_join(fg_context *ctx, fg_stream *s, const fg_stream_scope *c, const fg_stage *stage) {
    (void)ctx;
    const fg_node *n = stage->anchor;
    fg_stream_stage t = stage_new(FG_ROW_JOIN, n->in[0], n->out[0]);
    t.stage = stage;
    if (stage->n_epilogue > 0 || !find_source(s, c, &t)) return false;
    for (int i = 1; i < n->n_in; i++) {
        const int maker = stage_of(s, n->in[i]);
        if (maker >= 0 && !add_operand(&t, maker)) return false;
        if (maker < 0 && n->in[i]->producer != NULL && is_inside(c, n->in[i]->producer)) return false;
    }
    s->stage[s->n_stages++] = t;
    return true;
}

/* Nobody but the chain, and the tap, reads what the source makes: its rows may be changed where they lie. */
static bool can_share(const fg_stream *s, const fg_stream_stage *t) {
    if (t->source < 0) return false;
    const fg_stream_stage *from = &s->stage[t->source];
    if (from->kind == FG_ROW_COPY || from->outside || from->y != t->x) return false;
    for (int i = 0; i < t->n_operands; i++)
        if (t->operand[i] == t->source) return false;
    for (int i = 0; i < from->y->n_users; i++)
        if (from->y->users[i] != from->tap && !is_in_chain(t, from->y->users[i])) return false;
    return true;
}

/* A chain on a map, which the nodes keep the shape of. */
static bool add_map(fg_stream *s, const fg_stream_scope *c, fg_node *const *chain, int n) {
    const fg_value *y = chain[n - 1]->out[0];
    if (y->shape.rank != 4 || !fg_is_float32(y) || fg_shape_count(&y->shape) == 0) return false;
    fg_value *x = NULL;
    for (int i = 0; i < chain[0]->n_in; i++) {
        fg_value *v = chain[0]->in[i];
        if (v != NULL && v->data == NULL && fg_shape_equal(&v->shape, &y->shape) &&
            (x == NULL || (stage_of(s, x) < 0 && stage_of(s, v) >= 0)))
            x = v;
    }
    if (x == NULL) return false;
    fg_stream_stage t = stage_new(FG_ROW_MAP, x, chain[n - 1]->out[0]);
    t.chain = chain;
    t.n_chain = n;
    for (int i = 0; i < n; i++) {
        if (!fg_is_elementwise(chain[i]) || !fg_shape_equal(&chain[i]->out[0]->shape, &y->shape))
            return false;
        for (int j = 0; j < chain[i]->n_in; j++) {
            const fg_value *v = chain[i]->in[j];
            if (v != NULL && fg_operand_form_of(v, &y->shape, FG_CHANNELS_SECOND) == FG_OPERAND_OTHER)
                return false;
        }
    }
    if (!find_source(s, c, &t)) return false;
    t.outside = is_outside(c, t.y);
    if (!t.outside && can_share(s, &t)) s->stage[t.source].shared = s->n_stages;
    s->stage[s->n_stages++] = t;
    return true;
}

/* The layers of a gate, whose vector a stage sums up. */
static bool add_gate(fg_stream *s, const fg_stream_scope *c, const fg_kernel *k) {
    if (s->n_gates == FG_STREAM_GATES) return false;
    fg_value *y = fg_stage_result(&k->stage[k->n_stages - 1]);
    fg_stream_stage t = stage_new(FG_ROW_GATE, k->stage[0].anchor->in[0], y);
    t.source = tap_of(s, t.x);
    if (t.source < 0) return false;
    t.stage = k->stage;
    t.n_layers = k->n_stages;
    for (int i = 0; i < k->n_stages; i++)
        for (int j = 0; j < k->stage[i].n_epilogue; j++)
            for (int a = 0; a < k->stage[i].epilogue[j]->n_in; a++) {
                const fg_value *v = k->stage[i].epilogue[j]->in[a];
                if (v != NULL && (stage_of(s, v) >= 0 || tap_of(s, v) >= 0)) return false;
            }
    t.outside = is_outside(c, y);
    s->stage[s->n_stages++] = t;
    s->n_gates++;
    return true;
}

/* What an anchor becomes. */
static const struct {
    const char *ops;
    bool (*suits)(const fg_node *n);
    bool (*add)(fg_context *ctx, fg_stream *s, const fg_stream_scope *c, const fg_stage *stage);
} anchors[] = {
    {"Conv", suits_convolution, add_convolution},
    {"MaxPool AveragePool", suits_pool, add_pool},
    {"GlobalAveragePool", suits_mean, add_mean},
    {"Concat", suits_join, add_join},
};

static int anchor_row(const fg_node *n) {
    for (size_t i = 0; n != NULL && i < FG_COUNT(anchors); i++)
        if (fg_is_one_of(n, anchors[i].ops)) return anchors[i].suits(n) ? (int)i : -1;
    return -1;
}

static bool is_gate(const fg_kernel *k) {
    return strcmp(k->lowering, "gate") == 0;
}

static bool suits_gate(const fg_kernel *k) {
    for (int i = 0; i < k->n_stages; i++)
        if (!fg_is_op(k->stage[i].anchor, "Conv") || !suits_convolution(k->stage[i].anchor)) return false;
    return k->tap == NULL && fg_stage_result(&k->stage[k->n_stages - 1])->shape.rank == 4;
}

bool fg_stream_suits(const fg_kernel *k) {
    static const char *const lowerings[] = {"rowbuffer", "conv", "depthwise", "map", "pool", "copy", "gate"};
    bool known = false;
    for (size_t i = 0; k->lowering != NULL && i < FG_COUNT(lowerings); i++)
        known |= strcmp(k->lowering, lowerings[i]) == 0;
    if (!known) return false;
    if (is_gate(k)) return suits_gate(k);
    for (int i = 0; i < k->n_stages; i++)
        if (k->stage[i].anchor != NULL ? anchor_row(k->stage[i].anchor) < 0
                                       : strcmp(k->lowering, "map") != 0 || k->stage[i].n_epilogue == 0)
            return false;
    return k->tap == NULL || fg_is_op(k->tap, "GlobalAveragePool");
}

static bool add_kernel(fg_context *ctx, fg_stream *s, const fg_stream_scope *c, const fg_kernel *k) {
    if (s->n_stages + 2 * k->n_stages + 2 > (int)FG_COUNT(s->stage)) return false;
    if (is_gate(k)) return add_gate(s, c, k);
    if (k->n_prologue > 0 && !add_map(s, c, k->prologue, k->n_prologue)) return false;
    for (int i = 0; i < k->n_stages; i++) {
        const fg_stage *stage = &k->stage[i];
        if (stage->anchor == NULL) {
            if (!add_map(s, c, stage->epilogue, stage->n_epilogue)) return false;
        } else if (!anchors[anchor_row(stage->anchor)].add(ctx, s, c, stage)) {
            return false;
        }
        fg_stream_stage *t = &s->stage[s->n_stages - 1];
        if (t->y != NULL) t->outside = is_outside(c, t->y);
    }
    if (k->tap != NULL) s->stage[s->n_stages - 1].tap = k->tap;
    return true;
}

/* Stages work on one image after the other, all on the same. */
static bool agree_on_images(const fg_stream *s) {
    const int64_t images = s->stage[0].x->shape.dim[0];
    for (int i = 0; i < s->n_stages; i++) {
        const fg_stream_stage *t = &s->stage[i];
        if (t->x->shape.dim[0] != images || (t->y != NULL && t->y->shape.dim[0] != images)) return false;
    }
    return true;
}

bool fg_stream_add(fg_context *ctx, fg_stream *s, const fg_stream_scope *c, const fg_kernel *k) {
    return add_kernel(ctx, s, c, k) && agree_on_images(s);
}

/* ---- the order of rows ---- */

/* A map that is read for the last time and one that is stored. */
typedef struct overlap {
    const fg_value *x;
    int maker;            /* of the other */
    int64_t x_row, bytes; /* bytes of a row of each */
    int64_t lag;
} overlap;

typedef struct player {
    fg_stream *s;
    overlap *watched;                 /* NULL: none */
    int64_t next[2 * FG_STREAM_MOST]; /* rows made so far */
    unsigned char *order;             /* NULL: only counted */
    int64_t n;
} player;

/* Row q of stage i is about to be read. */
static void read_row(player *p, int i, int64_t q) {
    const int64_t kept = p->next[i] - q;
    if (kept > p->s->stage[i].ring) p->s->stage[i].ring = kept;
}

static int64_t clip(int64_t row, int64_t rows) {
    return row < rows ? row : rows - 1;
}

/* Rows of its input that stage t reads for row y: from *first to *last. */
static void rows_of(const fg_stream_stage *t, int64_t y, int64_t *first, int64_t *last) {
    *first = y * t->w.stride[0] - t->w.pad[0];
    *last = clip(*first + (t->w.kernel[0] - 1) * t->w.dilation[0], t->w.in[0]);
    if (*first < 0) *first = 0;
}

static bool reads(fg_node *const *chain, int n, const fg_value *x) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < chain[i]->n_in; j++)
            if (chain[i]->in[j] == x) return true;
    return false;
}

/* The first row of x that stage t reads for its row y; INT64_MAX: none. */
static int64_t first_read(const fg_stream_stage *t, const fg_value *x, int64_t y) {
    int64_t first = INT64_MAX, last;
    if (t->x == x && t->source < 0) rows_of(t, y, &first, &last);
    const bool whole = x->shape.dim[2] == t->rows; /* else one row for all */
    bool other = reads(t->chain, t->n_chain, x) && t->x != x;
    if (t->kind == FG_ROW_JOIN)
        for (int i = 1; i < t->stage->anchor->n_in; i++) other |= t->stage->anchor->in[i] == x;
    if (other) first = !whole ? 0 : y < first ? y : first;
    if (t->pair && reads(t->pair->epilogue, t->pair->n_epilogue, x)) first = 0;
    for (int i = 0; i < t->n_layers; i++)
        if (reads(t->stage[i].epilogue, t->stage[i].n_epilogue, x)) first = 0;
    return first;
}

static void watch(const player *p, int i) {
    overlap *o = p->watched;
    const int64_t first = first_read(&p->s->stage[i], o->x, p->next[i] - 1), written = p->next[o->maker];
    if (first == INT64_MAX || written == 0) return;
    const int64_t lag = written * o->bytes - first * o->x_row;
    if (lag > o->lag) o->lag = lag;
}

static void step(player *p, int i) {
    if (p->order) p->order[p->n] = (unsigned char)i;
    p->n++;
    p->next[i]++;
    p->s->stage[i].made++;
    if (p->watched) watch(p, i);
}

/* Makes the rows of stage i up to `upto`. The depth of the recursion is that of the stages. */
static void make_rows(player *p, int i, int64_t upto) {
    const fg_stream_stage *t = &p->s->stage[i];
    while (p->next[i] <= upto) {
        int64_t first, last;
        const int64_t y = p->next[i];
        rows_of(t, y, &first, &last);
        if (t->source >= 0) make_rows(p, t->source, last);
        for (int j = 0; j < t->n_operands; j++)
            make_rows(p, t->operand[j], clip(y, p->s->stage[t->operand[j]].rows));
        if (t->source >= 0 && last >= 0 && first < t->w.in[0]) read_row(p, t->source, first);
        for (int j = 0; j < t->n_operands; j++)
            read_row(p, t->operand[j], clip(y, p->s->stage[t->operand[j]].rows));
        step(p, i);
    }
}

bool fg_stream_begins_again(const fg_stream_stage *t) {
    return t->kind != FG_ROW_GATE && !t->outside;
}

/* One pass makes all rows that the gate's mean is of. */
static void make_gate(player *p, int i) {
    const fg_stream *s = p->s;
    const int source = s->stage[i].source;
    make_rows(p, source, s->stage[source].rows - 1);
    step(p, i);
    for (int j = 0; j < s->n_stages; j++)
        if (fg_stream_begins_again(&s->stage[j])) p->next[j] = 0;
}

static bool is_read(const fg_stream *s, int i) {
    bool read = false;
    for (int j = 0; j < s->n_stages; j++) {
        read |= s->stage[j].source == i;
        for (int k = 0; k < s->stage[j].n_operands; k++) read |= s->stage[j].operand[k] == i;
    }
    return read;
}

/* Others than gates inside read the mean: it has to be whole in the end. */
static bool owes_mean(const fg_stream *s, int i) {
    if (s->stage[i].tap == NULL) return false;
    bool gated = false;
    for (int j = 0; j < s->n_stages; j++) gated |= s->stage[j].kind == FG_ROW_GATE && s->stage[j].source == i;
    return !gated;
}

/* Rows that only others outside read come last: those nobody else asked for. */
static void play(fg_stream *s, unsigned char *order, overlap *watched) {
    player p = {.s = s, .order = order, .watched = watched};
    for (int i = 0; i < s->n_stages; i++) s->stage[i].ring = s->stage[i].made = 0;
    for (int i = 0; i < s->n_stages; i++)
        if (s->stage[i].kind == FG_ROW_GATE) make_gate(&p, i);
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < s->n_stages; i++)
            if (s->stage[i].kind != FG_ROW_GATE &&
                (pass == 0 ? !is_read(s, i) : s->stage[i].outside || owes_mean(s, i)))
                make_rows(&p, i, s->stage[i].rows - 1);
    for (int i = 0; i < s->n_stages; i++)
        if (s->stage[i].outside) s->stage[i].ring = s->stage[i].rows;
    s->n_steps = p.n;
}

void fg_stream_play(fg_stream *s) {
    play(s, NULL, NULL);
}

static int64_t row_bytes(const fg_value *v) {
    return v->shape.dim[1] * v->shape.dim[3] * 4;
}

int64_t fg_stream_lag(fg_stream *s, const fg_value *x, const fg_value *y) {
    const int maker = stage_of(s, y);
    if (maker < 0 || !s->stage[maker].outside || x->shape.rank != 4 || x->shape.dim[0] != 1) return -1;
    overlap o = {.x = x, .maker = maker, .x_row = row_bytes(x), .bytes = row_bytes(y)};
    play(s, NULL, &o);
    return o.lag;
}

/* ---- plans ---- */

fg_stream *fg_stream_of(fg_context *ctx, const fg_kernel *k) {
    fg_stream *s = FG_NEW(ctx, fg_stream);
    const fg_stream_scope c = {.k = k};
    s->again = k->again;
    for (int i = 0; i < k->n_parts; i++) FG_REQUIRE(ctx, "stream", fg_stream_add(ctx, s, &c, k->part[i]));
    play(s, NULL, NULL);
    s->order = FG_ARRAY(ctx, s->n_steps + 1, unsigned char);
    play(s, s->order, NULL);
    return s;
}

int64_t fg_stream_bytes(const fg_stream *s) {
    int64_t floats = 0;
    for (int i = 0; i < s->n_stages; i++) {
        const fg_stream_stage *t = &s->stage[i];
        if (t->pair)
            floats += t->w.kernel[0] * (t->w.pad[1] + t->w.in[1] + t->w.pad_end[1]) * FG_PAIR_CHANNELS;
        if (t->tap) floats += 2 * t->channels;
        if (!t->outside && t->shared < 0) floats += t->ring * (t->left + t->width + t->right) * t->channels;
    }
    return floats * 4;
}

/* Multiply-adds of one row of a convolution. */
static int64_t row_macs(const fg_node *n) {
    return fg_node_macs(n) / (n->out[0]->shape.dim[0] * n->out[0]->shape.dim[2]);
}

int64_t fg_stream_again_macs(const fg_stream *s) {
    int64_t macs = 0;
    for (int i = 0; i < s->n_stages; i++) {
        const fg_stream_stage *t = &s->stage[i];
        if (t->kind != FG_ROW_CONV) continue;
        if (t->made > t->rows) macs += (t->made - t->rows) * row_macs(t->stage->anchor);
        const int64_t made = t->pair ? t->made * t->w.kernel[0] : 0;
        if (made > t->w.in[0]) macs += (made - t->w.in[0]) * row_macs(t->pair->anchor);
    }
    return macs;
}
