/* The choice of streams: all cuts of a network into streams and kernels that stay as they are. See stream.h.
 */
#include <string.h>

#include "fusion/patterns.h"
#include "fusion/rewrite.h"
#include "fusion/stream.h"

typedef struct chooser {
    const fg_partition *p;
    int *kernel_of;       /* by node key */
    int *first, *last;    /* by value id: kernels that make and last read it */
    int64_t *bytes;       /* by value id: in the arena */
    int64_t *alive;       /* by kernel: bytes of values alive while it runs */
    int64_t *peak, *work; /* by kernels done: the lowest peak; for a given peak the least work */
    int *begin, *again;
    bool *streamed;
    fg_stream s;
} chooser;

/* Convolutions whose operand is stored with zeros around it where they stay as they are. */
static bool is_padded_here(const fg_node *n) {
    if (n == NULL || !fg_is_op(n, "Conv") || n->n_in < 2 || n->in[0]->shape.rank != 4) return false;
    if (fg_shape_count(&n->in[0]->shape) == 0 || fg_shape_count(&n->out[0]->shape) == 0) return false;
    return fg_is_depthwise_conv(n) || fg_is_dense_conv(n);
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
    if (!is_padded_here(n) || c->bytes[n->in[0]->id] == 0) return;
    const int64_t padded = padded_bytes(c->p->graph->ctx, n);
    if (padded > c->bytes[n->in[0]->id]) c->bytes[n->in[0]->id] = padded;
}

/* What is read for the last time by a concatenation that stays as it is was written in its place. */
static void join_parts(chooser *c, int i) {
    const fg_kernel *k = c->p->kernels[i];
    if (!fg_is_op(k->stage[0].anchor, "Concat")) return;
    for (int j = 0; j < k->n_in; j++)
        if (c->first[k->in[j]->id] >= 0 && c->last[k->in[j]->id] == i) c->alive[i] -= c->bytes[k->in[j]->id];
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
    for (int i = 0; i < p->n_kernels; i++) join_parts(c, i);
}

/* Channels of the ring between the stages of a kernel that stays as it is: see codegen/lower/rowbuffer.c. */
#define RING_CHANNELS 4

/* What a kernel that stays as it is takes beside its tensors: a padded copy of an image of the interface, the
 * ring between its stages. */
static int64_t own_scratch(const chooser *c, const fg_kernel *k) {
    fg_context *ctx = c->p->graph->ctx;
    const fg_node *first = k->stage[0].anchor;
    int64_t bytes = 0;
    if (is_padded_here(first) && first->in[0]->is_input) {
        bytes = padded_bytes(ctx, first);
        if (bytes == (int64_t)fg_dtype_bytes(FG_FLOAT, fg_shape_count(&first->in[0]->shape))) bytes = 0;
    }
    for (int i = 1; i < k->n_stages; i++) {
        const fg_node *n = k->stage[i].anchor;
        if (!is_padded_here(n)) continue;
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

/* Tries the group from .. to - 1 with that peak; work: of the stream that it is, 0 if it is none. */
static void offer(chooser *c, int from, int to, int64_t peak, int64_t work, int again, int64_t limit) {
    int64_t whole = c->peak[from] > peak ? c->peak[from] : peak;
    const int64_t sum = c->work[from] + work;
    if (limit > 0 && whole <= limit) whole = limit; /* low enough is as good as any */
    const bool better = c->peak[to] < 0 || whole < c->peak[to] || (whole == c->peak[to] && sum < c->work[to]);
    if (!better) return;
    c->peak[to] = whole;
    c->work[to] = sum;
    c->begin[to] = from;
    c->streamed[to] = work > 0;
    c->again[to] = again;
}

/* Bytes saved where a map that the stream from .. to stores lies over one that nobody reads later. At most
 * min(x, y): known before the stream is planned; then s says how far. */
static int64_t overlap_bytes(const chooser *c, int from, int to, fg_stream *s) {
    int64_t most = 0;
    for (int i = from; i <= to; i++) {
        const fg_kernel *k = c->p->kernels[i];
        for (int j = 0; j < k->n_in; j++) {
            const fg_value *x = k->in[j];
            if (c->first[x->id] < 0 || c->first[x->id] >= from || c->last[x->id] > to || c->bytes[x->id] == 0)
                continue;
            for (int a = from; a <= to; a++)
                for (int b = 0; b < c->p->kernels[a]->n_out; b++) {
                    const fg_value *y = c->p->kernels[a]->out[b];
                    const int64_t xs = c->bytes[x->id], ys = c->bytes[y->id];
                    if (ys == 0 || c->last[y->id] <= to || (xs < ys ? xs : ys) <= most) continue;
                    const int64_t lag = s == NULL ? 0 : fg_stream_lag(s, x, y);
                    if (lag < 0) continue;
                    const int64_t both = lag + xs > ys ? lag + xs : ys;
                    if (xs + ys - both > most) most = xs + ys - both;
                }
        }
    }
    return most;
}

static int64_t macs_of(const chooser *c, int from, int to) {
    int64_t macs = 0;
    for (int i = from; i <= to; i++) macs += c->p->kernels[i]->macs;
    return macs;
}

/* The stream of kernels from .. to, which makes rows again as told; false if they cannot be one. */
static bool offer_stream(chooser *c, int from, int to, int again, int64_t limit) {
    fg_context *ctx = c->p->graph->ctx;
    const fg_stream_scope inside = {.kernel_of = c->kernel_of, .from = from, .to = to};
    memset(&c->s, 0, sizeof c->s);
    c->s.again = again;
    for (int i = from; i <= to; i++)
        if (!fg_stream_add(ctx, &c->s, &inside, c->p->kernels[i])) return false;
    const int64_t fixed = around(c, from, to);
    const int64_t least = fixed - overlap_bytes(c, from, to, NULL);
    if (c->peak[to + 1] >= 0 && least > c->peak[to + 1]) return true; /* whatever its rings */
    fg_stream_play(&c->s);
    const int64_t bytes = fixed + fg_stream_bytes(&c->s);
    /* An estimate: of a multiply-add in a stream an eighth is lost, weights being read for each row. */
    const int64_t work = 1 + fg_stream_again_macs(&c->s) + macs_of(c, from, to) / 8;
    offer(c, from, to + 1, bytes - overlap_bytes(c, from, to, &c->s), work, again, limit);
    return true;
}

/* Streams that start with kernel `from`. */
static void offer_streams(chooser *c, int from, int64_t limit) {
    for (int to = from, stages = 0; to < c->p->n_kernels; to++) {
        const fg_kernel *last = c->p->kernels[to];
        stages += last->n_stages;
        if (!fg_stream_suits(last) || stages > FG_STREAM_MOST) return;
        for (int again = 0; again < FG_AGAIN_COUNT; again++)
            if (!offer_stream(c, from, to, again, limit)) return; /* nor those that go on from here */
    }
}

/* The lowest peak of all cuts; with a limit, the least work among those that keep it. */
static int64_t cut(chooser *c, int64_t limit) {
    const int n = c->p->n_kernels;
    for (int i = 0; i <= n; i++) c->peak[i] = -1;
    c->peak[0] = limit;
    c->work[0] = 0;
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
    c->work = FG_ARRAY(ctx, n + 1, int64_t);
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
