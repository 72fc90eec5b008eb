/* Plans of streams: who reads whom, the order of rows, the rows that rings hold. See stream.h. */
#include "fusion/stream.h"

#include <string.h>

#include "fusion/patterns.h"
#include "fusion/rewrite.h"

/* ---- stages ---- */

static int stage_of(const fg_stream *s, const fg_value *v) {
    for (int i = 0; i < s->n_stages; i++)
        if (s->stage[i].y == v) return i;
    return -1;
}

static int copy_of(const fg_stream *s, const fg_value *x) {
    for (int i = 0; i < s->n_stages; i++)
        if (s->stage[i].stage == NULL && s->stage[i].x == x) return i;
    return -1;
}

/* The copy stage for x, which is made if there is none. */
static int add_copy(fg_stream *s, fg_value *x) {
    const int known = copy_of(s, x);
    if (known >= 0) return known;
    fg_stream_stage *c = &s->stage[s->n_stages];
    *c = (fg_stream_stage){
        .x = x, .source = -1, .channels = x->shape.dim[1], .rows = x->shape.dim[2], .width = x->shape.dim[3]};
    c->w = (fg_window){
        .axes = 1, .in = {c->rows}, .out = {c->rows}, .kernel = {1}, .stride = {1}, .dilation = {1}};
    return s->n_stages++;
}

/* Operands of the epilogue that other stages make. */
static bool find_operands(const fg_stream *s, fg_stream_stage *t) {
    for (int i = 0; i < t->stage->n_epilogue; i++) {
        const fg_node *n = t->stage->epilogue[i];
        for (int j = 0; j < n->n_in; j++) {
            const int maker = n->in[j] != NULL ? stage_of(s, n->in[j]) : -1;
            if (maker < 0) continue;
            if (n->in[j]->shape.rank != 4 || t->n_operands == FG_STREAM_OPERANDS) return false;
            t->operand[t->n_operands++] = maker;
        }
    }
    return true;
}

/* Images of the graph's interface lie plane by plane, and nothing outside has zeros beside its rows for sure.
 */
static bool needs_copy(const fg_stream_stage *t) {
    return t->w.pad[1] > 0 || t->w.pad_end[1] > 0 || t->x->is_input;
}

static bool is_pointwise(const fg_stream_stage *t) {
    for (int d = 0; d < 2; d++)
        if (t->w.kernel[d] != 1 || t->w.stride[d] != 1 || t->w.pad[d] != 0 || t->w.pad_end[d] != 0)
            return false;
    return !fg_is_depthwise_conv(t->stage->anchor);
}

/* t reads the stage before it, which nobody else does and which could be made on the spot. */
static bool can_pair(const fg_stream *s, const fg_stream_stage *t) {
    if (s->again == FG_AGAIN_NEVER || t->source < 0 || t->source != s->n_stages - 1) return false;
    const fg_stream_stage *p = &s->stage[t->source];
    if (p->stage == NULL || p->pair != NULL || p->outside || p->y->n_users != 1 || p->n_operands > 0)
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

static bool add_stage(fg_context *ctx, fg_stream *s, const fg_stage *stage) {
    if (s->n_stages + 2 > (int)FG_COUNT(s->stage)) return false;
    const fg_node *n = stage->anchor;
    fg_stream_stage t = {.stage = stage, .x = n->in[0], .y = fg_stage_result(stage)};
    t.w = fg_window_of(ctx, n, &n->in[0]->shape, n->in[1]->shape.dim + 2);
    t.channels = t.y->shape.dim[1];
    t.rows = t.y->shape.dim[2];
    t.width = t.y->shape.dim[3];
    if (t.rows > FG_STREAM_ROWS || t.w.in[0] > FG_STREAM_ROWS) return false;
    t.source = stage_of(s, t.x);
    if (t.source < 0 && needs_copy(&t)) t.source = add_copy(s, t.x);
    if (!find_operands(s, &t)) return false;
    if (can_pair(s, &t)) {
        pair_up(s, &t);
    } else if (t.source >= 0) {
        fg_stream_stage *from = &s->stage[t.source];
        /* A whole map has no zeros beside its rows. */
        if (from->outside && (t.w.pad[1] > 0 || t.w.pad_end[1] > 0)) return false;
        if (t.w.pad[1] > from->left) from->left = t.w.pad[1];
        if (t.w.pad_end[1] > from->right) from->right = t.w.pad_end[1];
    }
    s->stage[s->n_stages++] = t;
    return true;
}

/* ---- the order of rows ---- */

typedef struct player {
    fg_stream *s;
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

/* Makes the rows of stage i up to `upto`. The depth of the recursion is that of the stages. */
static void make_rows(player *p, int i, int64_t upto) {
    const fg_stream_stage *t = &p->s->stage[i];
    while (p->next[i] <= upto) {
        const int64_t y = p->next[i], first = y * t->w.stride[0] - t->w.pad[0],
                      last = clip(first + (t->w.kernel[0] - 1) * t->w.dilation[0], t->w.in[0]);
        if (t->source >= 0) make_rows(p, t->source, last);
        for (int j = 0; j < t->n_operands; j++)
            make_rows(p, t->operand[j], clip(y, p->s->stage[t->operand[j]].rows));
        if (t->source >= 0 && last >= 0 && first < t->w.in[0]) read_row(p, t->source, first > 0 ? first : 0);
        for (int j = 0; j < t->n_operands; j++)
            read_row(p, t->operand[j], clip(y, p->s->stage[t->operand[j]].rows));
        if (p->order) p->order[p->n] = (unsigned char)i;
        p->n++;
        p->next[i]++;
    }
}

static bool is_read(const fg_stream *s, int i) {
    bool read = false;
    for (int j = 0; j < s->n_stages; j++) {
        read |= s->stage[j].source == i;
        for (int k = 0; k < s->stage[j].n_operands; k++) read |= s->stage[j].operand[k] == i;
    }
    return read;
}

/* Rows that only others outside read come last: those nobody else asked for. */
static int64_t play(fg_stream *s, unsigned char *order) {
    player p = {.s = s, .order = order};
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < s->n_stages; i++)
            if (pass == 0 ? !is_read(s, i) : s->stage[i].outside) make_rows(&p, i, s->stage[i].rows - 1);
    for (int i = 0; i < s->n_stages; i++)
        if (s->stage[i].outside) s->stage[i].ring = s->stage[i].rows;
    return p.n;
}

/* ---- plans ---- */

/* Nodes of kernels from .. to of a partition, or of one kernel, are inside. */
typedef struct scope {
    const int *kernel_of; /* by value id of a node's first output; NULL: k alone */
    int from, to;
    const fg_kernel *k;
} scope;

static bool is_inside(const scope *c, const fg_node *n) {
    if (c->kernel_of) {
        const int k = c->kernel_of[fg_node_key(n)];
        return k >= c->from && k <= c->to;
    }
    for (int i = 0; i < c->k->n_nodes; i++)
        if (c->k->nodes[i] == n) return true;
    return false;
}

static bool is_outside(const scope *c, const fg_value *v) {
    bool outside = v->is_output;
    for (int i = 0; i < v->n_users && !outside; i++) outside = !is_inside(c, v->users[i]);
    return outside;
}

/* Appends a kernel's stages; false if they cannot be part of the stream. */
static bool add_kernel(fg_context *ctx, fg_stream *s, const scope *c, const fg_kernel *k) {
    for (int i = 0; i < k->n_stages; i++) {
        if (!add_stage(ctx, s, &k->stage[i])) return false;
        fg_stream_stage *t = &s->stage[s->n_stages - 1];
        t->outside = is_outside(c, t->y);
    }
    return true;
}

const fg_stream *fg_stream_of(fg_context *ctx, const fg_kernel *k) {
    fg_stream *s = FG_NEW(ctx, fg_stream);
    const scope c = {.k = k};
    s->again = k->again;
    FG_REQUIRE(ctx, "stream", add_kernel(ctx, s, &c, k));
    s->n_steps = play(s, NULL);
    for (int i = 0; i < s->n_stages; i++) s->stage[i].ring = 0;
    s->order = FG_ARRAY(ctx, s->n_steps + 1, unsigned char);
    play(s, s->order);
    return s;
}

int64_t fg_stream_bytes(const fg_stream *s) {
    int64_t floats = 0;
    for (int i = 0; i < s->n_stages; i++) {
        const fg_stream_stage *t = &s->stage[i];
        if (t->pair)
            floats += t->w.kernel[0] * (t->w.pad[1] + t->w.in[1] + t->w.pad_end[1]) * FG_PAIR_CHANNELS;
        if (!t->outside) floats += t->ring * (t->left + t->width + t->right) * t->channels;
    }
    return floats * 4;
}

/* ---- the choice ---- */

typedef struct chooser {
    const fg_partition *p;
    int *kernel_of;    /* by node key */
    int *first, *last; /* by value id: kernels that make and last read it */
    int64_t *bytes;    /* by value id: in the arena */
    int64_t *alive;    /* by kernel: bytes of values alive while it runs */
    int64_t *peak,
        *other; /* by kernels done: the lowest peak; for a given peak the fewest kernels in streams */
    int *begin, *again;
    bool *streamed;
    fg_stream s;
} chooser;

static bool stage_suits(const fg_node *n) {
    if (n == NULL || !fg_is_op(n, "Conv") || n->n_in < 2 || n->in[0]->shape.rank != 4) return false;
    if (fg_shape_count(&n->in[0]->shape) == 0 || fg_shape_count(&n->out[0]->shape) == 0) return false;
    return fg_is_depthwise_conv(n) || (fg_is_dense_conv(n) && fg_attr_int(n, "group", 1) == 1);
}

/* Lowerings whose stages are convolutions over float32 with constant weights. */
static bool kernel_suits(const fg_kernel *k) {
    static const char *const lowerings[] = {"rowbuffer", "conv", "depthwise"};
    bool known = false;
    for (size_t i = 0; k->lowering != NULL && i < FG_COUNT(lowerings); i++)
        known |= strcmp(k->lowering, lowerings[i]) == 0;
    if (!known || k->n_prologue > 0) return false;
    for (int i = 0; i < k->n_stages; i++)
        if (!stage_suits(k->stage[i].anchor)) return false;
    return k->tap == NULL || fg_is_op(k->tap, "GlobalAveragePool");
}

static int64_t arena_bytes(const fg_value *v) {
    if (v->data != NULL || v->is_input || v->is_output || v->is_sequence || !v->shape_known) return 0;
    return (int64_t)fg_dtype_bytes(v->dtype, fg_shape_count(&v->shape));
}

/* Bytes of a convolution's operand with zeros around it. */
static int64_t padded_bytes(fg_context *ctx, const fg_node *n) {
    const fg_shape *x = &n->in[0]->shape;
    const fg_window w = fg_window_of(ctx, n, x, n->in[1]->shape.dim + 2);
    return x->dim[0] * x->dim[1] * (w.in[0] + w.pad[0] + w.pad_end[0]) * (w.in[1] + w.pad[1] + w.pad_end[1]) *
           4;
}

/* Kernels that stay as they are have borders around their operands. */
static void add_borders(chooser *c, const fg_kernel *k) {
    const fg_node *n = k->stage[0].anchor;
    if (!stage_suits(n) || c->bytes[n->in[0]->id] == 0) return;
    const int64_t padded = padded_bytes(c->p->graph->ctx, n);
    if (padded > c->bytes[n->in[0]->id]) c->bytes[n->in[0]->id] = padded;
}

static void find_lives(chooser *c) {
    const fg_partition *p = c->p;
    const int n = p->graph->n_values;
    for (int i = 0; i < n; i++) c->first[i] = c->last[i] = c->kernel_of[i] = -1;
    for (int i = 0; i < p->n_kernels; i++) {
        const fg_kernel *k = p->kernels[i];
        for (int j = 0; j < k->n_nodes; j++) c->kernel_of[fg_node_key(k->nodes[j])] = i;
        for (int j = 0; j < k->n_in; j++) c->last[k->in[j]->id] = i;
        for (int j = 0; j < k->n_out; j++) {
            const int v = k->out[j]->id;
            c->first[v] = c->last[v] = i;
            c->bytes[v] = arena_bytes(k->out[j]);
        }
    }
    for (int i = 0; i < p->n_kernels; i++) add_borders(c, p->kernels[i]);
    for (int i = 0; i < n; i++)
        for (int k = c->first[i]; k >= 0 && k <= c->last[i]; k++) c->alive[k] += c->bytes[i];
}

/* Channels of the ring between the stages of a kernel that stays as it is: see codegen/lower/rowbuffer.c. */
#define RING_CHANNELS 4

/* What a kernel that stays as it is takes beside its tensors: a padded copy of an image of the interface, the
 * ring between its stages. */
static int64_t own_scratch(const chooser *c, const fg_kernel *k) {
    fg_context *ctx = c->p->graph->ctx;
    const fg_node *first = k->stage[0].anchor;
    int64_t bytes = 0;
    if (stage_suits(first) && first->in[0]->is_input) {
        bytes = padded_bytes(ctx, first);
        if (bytes == (int64_t)fg_dtype_bytes(FG_FLOAT, fg_shape_count(&first->in[0]->shape))) bytes = 0;
    }
    for (int i = 1; i < k->n_stages; i++) {
        const fg_node *n = k->stage[i].anchor;
        if (!stage_suits(n)) continue;
        const fg_window w = fg_window_of(ctx, n, &n->in[0]->shape, n->in[1]->shape.dim + 2);
        bytes += w.kernel[0] * (w.in[1] + w.pad[1] + w.pad_end[1]) * RING_CHANNELS * 4;
    }
    return bytes;
}

/* Bytes alive while kernels from .. to run as one: what was there before, what stays behind, what the stream
 * takes for itself. */
static int64_t around(const chooser *c, int from, int to) {
    int64_t bytes = 0;
    for (int i = 0; i < c->p->graph->n_values; i++) {
        const bool before = c->first[i] < from && c->last[i] >= from;
        const bool made = c->first[i] >= from && c->first[i] <= to && c->last[i] > to;
        if (c->first[i] >= 0 && (before || made)) bytes += c->bytes[i];
    }
    return bytes;
}

/* Tries the group from .. to - 1 with that peak; cost: of the stream that it is, 0 if it is none. */
static void offer(chooser *c, int from, int to, int64_t peak, int cost, int again, int64_t limit) {
    int64_t whole = c->peak[from] > peak ? c->peak[from] : peak;
    const int64_t other = c->other[from] + cost;
    if (limit > 0 && whole <= limit) whole = limit; /* low enough is as good as any */
    const bool better =
        c->peak[to] < 0 || whole < c->peak[to] || (whole == c->peak[to] && other < c->other[to]);
    if (!better) return;
    c->peak[to] = whole;
    c->other[to] = other;
    c->begin[to] = from;
    c->streamed[to] = cost > 0;
    c->again[to] = again;
}

/* The stream of kernels from .. to, which makes rows again as told; false if they cannot be one. */
static bool offer_stream(chooser *c, int from, int to, int again, int64_t limit) {
    const scope inside = {.kernel_of = c->kernel_of, .from = from, .to = to};
    memset(&c->s, 0, sizeof c->s);
    c->s.again = again;
    for (int i = from; i <= to; i++)
        if (!add_kernel(c->p->graph->ctx, &c->s, &inside, c->p->kernels[i])) return false;
    play(&c->s, NULL);
    offer(c, from, to + 1, around(c, from, to) + fg_stream_bytes(&c->s), (to + 1 - from) * (1 + again), again,
          limit);
    return true;
}

/* Streams that start with kernel `from`. */
static void offer_streams(chooser *c, int from, int64_t limit) {
    for (int to = from, stages = 0; to < c->p->n_kernels; to++) {
        const fg_kernel *last = c->p->kernels[to];
        stages += last->n_stages;
        if (!kernel_suits(last) || stages > FG_STREAM_MOST) return;
        if (to > from && c->p->kernels[to - 1]->tap != NULL) return;
        for (int again = 0; again < FG_AGAIN_COUNT; again++)
            if (!offer_stream(c, from, to, again, limit)) break;
    }
}

/* The lowest peak of all cuts; with a limit, the fewest kernels in streams among those that keep it. */
static int64_t cut(chooser *c, int64_t limit) {
    const int n = c->p->n_kernels;
    for (int i = 0; i <= n; i++) c->peak[i] = -1;
    c->peak[0] = limit;
    c->other[0] = 0;
    for (int i = 0; i < n; i++) {
        offer(c, i, i + 1, c->alive[i] + own_scratch(c, c->p->kernels[i]), 0, 0, limit);
        offer_streams(c, i, limit);
    }
    return c->peak[n];
}

bool fg_stream_choose(const fg_partition *p, int *from, bool *stream, int *again) {
    fg_context *ctx = p->graph->ctx;
    const int n = p->n_kernels, values = p->graph->n_values;
    chooser *c = FG_NEW(ctx, chooser);
    c->p = p;
    c->kernel_of = FG_ARRAY(ctx, values + 1, int);
    c->first = FG_ARRAY(ctx, values + 1, int);
    c->last = FG_ARRAY(ctx, values + 1, int);
    c->bytes = FG_ARRAY(ctx, values + 1, int64_t);
    c->alive = FG_ARRAY(ctx, n + 1, int64_t);
    c->peak = FG_ARRAY(ctx, n + 1, int64_t);
    c->other = FG_ARRAY(ctx, n + 1, int64_t);
    c->begin = FG_ARRAY(ctx, n + 1, int);
    c->again = FG_ARRAY(ctx, n + 1, int);
    c->streamed = FG_ARRAY(ctx, n + 1, bool);
    find_lives(c);
    cut(c, cut(c, 0));
    bool any = false;
    for (int i = n; i > 0; i = c->begin[i]) {
        from[i - 1] = c->begin[i];
        stream[i - 1] = c->streamed[i];
        again[i - 1] = c->again[i];
        any |= c->streamed[i];
    }
    return any;
}
