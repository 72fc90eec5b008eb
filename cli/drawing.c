/* Ranks, order within ranks, positions, columns; drawing_paths.c has the paths. */
#include "cli/drawing_plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SWEEPS        8
#define DUMMY_WIDTH   12
#define BETWEEN_BOXES 26
#define RANK_GAP      34
#define MARGIN        24

static int by_ends(const void *a, const void *b) {
    const fg_drawing_edge *x = a, *y = b;
    if (x->from != y->from) return x->from < y->from ? -1 : 1;
    return (x->to > y->to) - (x->to < y->to);
}

/* Each pair of boxes once, by source. */
static void collect_edges(fg_drawing_plan *p) {
    const fg_drawing *d = p->d;
    p->edge = FG_ARRAY(p->ctx, d->n_edges, fg_drawing_edge);
    p->first = FG_ARRAY(p->ctx, d->n_boxes + 1, int);
    fg_drawing_edge *sorted = FG_ARRAY(p->ctx, d->n_edges, fg_drawing_edge);
    memcpy(sorted, d->edge, (size_t)d->n_edges * sizeof *sorted);
    qsort(sorted, (size_t)d->n_edges, sizeof *sorted, by_ends);
    for (int i = 0; i < d->n_edges; i++) {
        bool repeated = i && by_ends(&sorted[i], &sorted[i - 1]) == 0;
        if (!repeated && sorted[i].from != sorted[i].to) p->edge[p->n_edges++] = sorted[i];
    }
    for (int i = 0; i < p->n_edges; i++) p->first[p->edge[i].from + 1]++;
    for (int i = 0; i < d->n_boxes; i++) p->first[i + 1] += p->first[i];
}

/* ---- ranks ---- */

/* Longest paths, by taking boxes whose sources are all ranked; where there is none left, a cycle is cut at
 * the first box in its order, and the edges that then lead up are drawn straight. */
static void rank_boxes(fg_drawing_plan *p) {
    fg_drawing *d = p->d;
    int *waits = FG_ARRAY(p->ctx, d->n_boxes, int), *queue = FG_ARRAY(p->ctx, d->n_boxes, int);
    bool *queued = FG_ARRAY(p->ctx, d->n_boxes, bool);
    int head = 0, tail = 0, next = 0;
    for (int i = 0; i < p->n_edges; i++) waits[p->edge[i].to]++;
    for (int i = 0; i < d->n_boxes; i++)
        if ((queued[i] = !waits[i])) queue[tail++] = i;
    while (head < d->n_boxes) {
        while (head == tail) {
            if (!queued[next]) queue[tail++] = next;
            queued[next++] = true;
        }
        int u = queue[head++];
        for (int i = p->first[u]; i < p->first[u + 1]; i++) {
            int v = p->edge[i].to;
            if (queued[v]) continue;
            if (d->box[v].rank <= d->box[u].rank) d->box[v].rank = d->box[u].rank + 1;
            if (--waits[v] == 0) {
                queued[v] = true;
                queue[tail++] = v;
            }
        }
    }
}

/* Boxes without sources stand just above the first that reads them. */
static void lower_sources(fg_drawing_plan *p) {
    fg_drawing *d = p->d;
    bool *reads = FG_ARRAY(p->ctx, d->n_boxes, bool);
    for (int i = 0; i < p->n_edges; i++) reads[p->edge[i].to] = true;
    for (int u = 0; u < d->n_boxes; u++) {
        int least = -1;
        for (int i = p->first[u]; i < p->first[u + 1]; i++) {
            int rank = d->box[p->edge[i].to].rank;
            if (least < 0 || rank < least) least = rank;
        }
        if (!reads[u] && least > 0) d->box[u].rank = least - 1;
        if (d->box[u].rank >= d->n_ranks) d->n_ranks = d->box[u].rank + 1;
    }
}

/* ---- items: boxes, and the trunks beside them ---- */

static int add_item(fg_drawing_plan *p, int rank, double width, int box, int source) {
    p->item[p->n_items] = (fg_drawing_item){.rank = rank, .width = width, .box = box, .source = source};
    return p->n_items++;
}

static void add_link(fg_drawing_plan *p, int a, int b) {
    p->link[p->n_links++] = (fg_drawing_link){a, b};
}

static int trunk_length(const fg_drawing_plan *p, int u) {
    int most = 0;
    for (int i = p->first[u]; i < p->first[u + 1]; i++) {
        int span = p->d->box[p->edge[i].to].rank - p->d->box[u].rank - 1;
        if (span > most) most = span;
    }
    return most;
}

static void add_trunk(fg_drawing_plan *p, int u, int length) {
    const fg_drawing *d = p->d;
    int rank = d->box[u].rank, *at = p->scratch; /* item of the trunk by distance; 0: the box itself */
    at[0] = u;
    for (int i = 1; i <= length; i++) {
        at[i] = add_item(p, rank + i, DUMMY_WIDTH, -1, u);
        add_link(p, at[i - 1], at[i]);
    }
    for (int i = p->first[u]; i < p->first[u + 1]; i++) {
        int span = d->box[p->edge[i].to].rank - rank - 1;
        if (span >= 0 && span <= length) add_link(p, at[span], p->edge[i].to);
    }
}

static void collect_items(fg_drawing_plan *p) {
    fg_drawing *d = p->d;
    int64_t budget = 8 * (int64_t)d->n_boxes + 20000, planned = d->n_boxes;
    for (int u = 0; u < d->n_boxes; u++) {
        int64_t length = trunk_length(p, u);
        p->straight[u] = planned + length > budget;
        if (!p->straight[u]) planned += length;
    }
    p->item = FG_ARRAY(p->ctx, planned, fg_drawing_item);
    p->link = FG_ARRAY(p->ctx, planned + p->n_edges, fg_drawing_link);
    p->scratch = FG_ARRAY(p->ctx, d->n_ranks + 1, int);
    for (int i = 0; i < d->n_boxes; i++) (void)add_item(p, d->box[i].rank, d->box[i].width, i, i);
    for (int u = 0; u < d->n_boxes; u++) add_trunk(p, u, p->straight[u] ? 0 : trunk_length(p, u));
}

/* ---- order within ranks ---- */

static int by_key(const void *a, const void *b) {
    const fg_drawing_slot *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

/* slots[start[r] .. start[r + 1]) are the items of rank r from left to right. */
static void collect_slots(fg_drawing_plan *p) {
    int n = p->d->n_ranks;
    p->start = FG_ARRAY(p->ctx, n + 2, int);
    p->slot = FG_ARRAY(p->ctx, p->n_items, fg_drawing_slot);
    for (int i = 0; i < p->n_items; i++) p->start[p->item[i].rank + 1]++;
    for (int r = 0; r < n; r++) p->start[r + 1] += p->start[r];
    int *at = FG_ARRAY(p->ctx, n + 1, int);
    for (int i = 0; i < p->n_items; i++) {
        int r = p->item[i].rank, position = at[r]++;
        p->slot[p->start[r] + position].item = i;
        p->item[i].position = position;
    }
}

/* Links by their upper and by their lower item. */
static void index_links(fg_drawing_plan *p) {
    p->down = FG_ARRAY(p->ctx, p->n_items + 1, int);
    p->up = FG_ARRAY(p->ctx, p->n_items + 1, int);
    p->below = FG_ARRAY(p->ctx, p->n_links, int);
    p->above = FG_ARRAY(p->ctx, p->n_links, int);
    for (int i = 0; i < p->n_links; i++) {
        p->down[p->link[i].a + 1]++;
        p->up[p->link[i].b + 1]++;
    }
    for (int i = 0; i < p->n_items; i++) {
        p->down[i + 1] += p->down[i];
        p->up[i + 1] += p->up[i];
    }
    int *d = FG_ARRAY(p->ctx, p->n_items, int), *u = FG_ARRAY(p->ctx, p->n_items, int);
    for (int i = 0; i < p->n_links; i++) {
        int a = p->link[i].a, b = p->link[i].b;
        p->below[p->down[a] + d[a]++] = b;
        p->above[p->up[b] + u[b]++] = a;
    }
}

/* Mean position of an item's neighbours; its own where it has none. A trunk leans to the right, so that the
 * main path stays straight. */
static double lean(const fg_drawing_plan *p, int item, const int *from, const int *other) {
    double sum = 0;
    int n = from[item + 1] - from[item];
    for (int i = from[item]; i < from[item + 1]; i++) sum += p->item[other[i]].position;
    double mean = n ? sum / n : p->item[item].position;
    return p->item[item].box < 0 ? mean + 0.6 : mean;
}

static void order_rank(fg_drawing_plan *p, int r, bool downwards) {
    fg_drawing_slot *s = p->slot + p->start[r];
    int n = p->start[r + 1] - p->start[r];
    for (int i = 0; i < n; i++)
        s[i].key = downwards ? lean(p, s[i].item, p->up, p->above) : lean(p, s[i].item, p->down, p->below);
    qsort(s, (size_t)n, sizeof *s, by_key);
    for (int i = 0; i < n; i++) p->item[s[i].item].position = i;
}

static void order(fg_drawing_plan *p) {
    int n = p->d->n_ranks;
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        for (int r = 1; r < n; r++) order_rank(p, r, true);
        for (int r = n - 2; r >= 0 && sweep + 1 < SWEEPS; r--) order_rank(p, r, false);
    }
}

/* ---- positions ---- */

static double between(const fg_drawing_item *a, const fg_drawing_item *b) {
    double gap = a->box < 0 && b->box < 0 ? 2 : a->box < 0 || b->box < 0 ? 10 : BETWEEN_BOXES;
    return (a->width + b->width) / 2 + gap;
}

/* Where an item would like its centre: the mean of its neighbours, trunks pulling less than boxes. */
static void wish(const fg_drawing_plan *p, int item, bool up, bool down, double *want, double *weight) {
    double sum = 0, all = 0;
    const int *from[] = {p->up, p->down}, *other[] = {p->above, p->below};
    const bool use[] = {up, down};
    bool trunk = p->item[item].box < 0;
    for (int side = 0; side < 2; side++)
        for (int i = from[side][item]; use[side] && i < from[side][item + 1]; i++) {
            const fg_drawing_item *n = &p->item[other[side][i]];
            double w = n->box < 0 ? (trunk ? 8 : 0.001) : trunk ? 0.1 : 4;
            sum += w * n->x;
            all += w;
        }
    *want = all > 0 ? sum / all : p->item[item].x;
    *weight = trunk ? 0.001 : 4;
}

/* The places nearest to what all want, in the order that they have and with their distances kept: pooling of
 * adjacent violators. */
static void place_rank(fg_drawing_plan *p, int r, bool up, bool down) {
    fg_drawing_slot *s = p->slot + p->start[r];
    int n = p->start[r + 1] - p->start[r], pools = 0;
    fg_drawing_pool *pool = p->pool;
    double offset = 0;
    for (int i = 0; i < n; i++) {
        double want, weight;
        if (i) offset += between(&p->item[s[i - 1].item], &p->item[s[i].item]);
        s[i].key = offset;
        wish(p, s[i].item, up, down, &want, &weight);
        pool[pools++] = (fg_drawing_pool){want - offset, weight, 1};
        while (pools > 1 && pool[pools - 2].mean > pool[pools - 1].mean) {
            fg_drawing_pool *a = &pool[pools - 2], *b = &pool[pools - 1];
            a->mean = (a->mean * a->weight + b->mean * b->weight) / (a->weight + b->weight);
            a->weight += b->weight;
            a->n += b->n;
            pools--;
        }
    }
    for (int i = 0, at = 0; i < pools; i++)
        for (int j = 0; j < pool[i].n; j++, at++) p->item[s[at].item].x = pool[i].mean + s[at].key;
}

static void place_across(fg_drawing_plan *p) {
    int n = p->d->n_ranks;
    p->pool = FG_ARRAY(p->ctx, p->n_items, fg_drawing_pool);
    for (int r = 0; r < n; r++) place_rank(p, r, true, false);
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        for (int r = n - 2; r >= 0; r--) place_rank(p, r, false, true);
        for (int r = 1; r < n; r++) place_rank(p, r, true, sweep + 1 == SWEEPS);
    }
}

/* ---- columns ---- */

static double rank_height(const fg_drawing_plan *p, int r) {
    double most = 0;
    for (int i = p->start[r]; i < p->start[r + 1]; i++) {
        const fg_drawing_item *item = &p->item[p->slot[i].item];
        if (item->box >= 0 && p->d->box[item->box].height > most) most = p->d->box[item->box].height;
    }
    return most;
}

static void extent(const fg_drawing_plan *p, int from, int to, double *low, double *high) {
    *low = INFINITY;
    *high = -INFINITY;
    for (int i = p->start[from]; i < p->start[to]; i++) {
        const fg_drawing_item *item = &p->item[p->slot[i].item];
        *low = fmin(*low, item->x - item->width / 2);
        *high = fmax(*high, item->x + item->width / 2);
    }
}

/* Height of a column such that all of them together have the wanted aspect. */
static double column_height(const fg_drawing_plan *p) {
    double tall = 0, area = 0, aspect = p->d->aspect > 0 ? p->d->aspect : 1.5;
    for (int r = 0; r < p->d->n_ranks; r++) {
        double low, high, h = rank_height(p, r) + RANK_GAP;
        extent(p, r, r + 1, &low, &high);
        tall += h;
        area += h * (high - low + 90);
    }
    double wanted = sqrt(area / aspect);
    return fmin(tall, fmax(wanted, 700));
}

/* Ranks end a column where few links cross, near the wanted height. */
static void break_columns(fg_drawing_plan *p) {
    int n = p->d->n_ranks, *cut = FG_ARRAY(p->ctx, n + 1, int);
    double wanted = column_height(p), height = 0, cost = INFINITY;
    for (int i = 0; i < p->n_links; i++) cut[p->item[p->link[i].a].rank]++;
    p->column = FG_ARRAY(p->ctx, n + 1, int); /* first rank of each, and n */
    p->d->n_columns = 1;
    for (int r = 0, best = 0; r < n; r++) {
        height += rank_height(p, r) + RANK_GAP;
        double here = cut[r] + 6 * fabs(height - wanted) / wanted;
        if (height > 0.75 * wanted && here < cost) {
            cost = here;
            best = r + 1;
        }
        if (height < 1.2 * wanted && r + 1 < n) continue;
        if (r + 1 == n && height < 1.2 * wanted) break;
        if (!best || best >= n) best = r + 1;
        if (best >= n) break;
        p->column[p->d->n_columns++] = best;
        r = best - 1;
        height = 0;
        cost = INFINITY;
        best = 0;
    }
    p->column[p->d->n_columns] = n;
}

static int crossing(const fg_drawing_plan *p, int column) {
    int rank = p->column[column + 1] - 1, n = 0;
    for (int i = p->start[rank]; i < p->start[rank + 1]; i++) {
        int item = p->slot[i].item;
        n += p->down[item + 1] - p->down[item];
    }
    return n;
}

static void place_ranks(fg_drawing_plan *p, int column, double left, double low) {
    fg_drawing *d = p->d;
    double y = MARGIN + p->head[column];
    for (int r = p->column[column]; r < p->column[column + 1]; r++) {
        p->top[r] = y;
        p->band[r] = rank_height(p, r);
        for (int i = p->start[r]; i < p->start[r + 1]; i++) {
            fg_drawing_item *item = &p->item[p->slot[i].item];
            item->x += left - low;
            if (item->box < 0) continue;
            fg_drawing_box *b = &d->box[item->box];
            b->x = round(item->x - item->width / 2);
            b->y = round(y);
            b->column = column;
            item->x = b->x + item->width / 2;
        }
        y += p->band[r] + RANK_GAP;
    }
    p->bottom[column] = y - RANK_GAP;
    d->height = fmax(d->height, p->bottom[column] + MARGIN);
}

static void place_columns(fg_drawing_plan *p) {
    fg_drawing *d = p->d;
    int n = d->n_columns;
    p->top = FG_ARRAY(p->ctx, d->n_ranks, double);
    p->band = FG_ARRAY(p->ctx, d->n_ranks, double);
    p->bottom = FG_ARRAY(p->ctx, n, double);
    p->head = FG_ARRAY(p->ctx, n + 1, double);
    p->right = FG_ARRAY(p->ctx, n, double);
    p->lane = FG_ARRAY(p->ctx, n, double);
    double left = MARGIN;
    for (int c = 0; c + 1 < n; c++) {
        int lanes = crossing(p, c);
        p->lane[c] = fmin(7, 140.0 / (lanes ? lanes : 1));
        p->head[c + 1] = 16 + p->lane[c] * lanes;
    }
    for (int c = 0; c < n; c++) {
        double low, high;
        extent(p, p->column[c], p->column[c + 1], &low, &high);
        place_ranks(p, c, left, low);
        p->right[c] = left + (high - low);
        left = p->right[c] + (c + 1 < n ? 32 + p->lane[c] * crossing(p, c) : 0);
        if (c + 1 < n) d->height = fmax(d->height, p->bottom[c] + p->head[c + 1] + MARGIN);
    }
    d->width = left + MARGIN;
}

void fg_draw(fg_context *ctx, fg_drawing *d) {
    fg_drawing_plan p = {.ctx = ctx, .d = d};
    d->path = FG_ARRAY(ctx, d->n_boxes, const char *);
    if (!d->n_boxes) return;
    p.straight = FG_ARRAY(ctx, d->n_boxes, bool);
    collect_edges(&p);
    rank_boxes(&p);
    lower_sources(&p);
    collect_items(&p);
    collect_slots(&p);
    index_links(&p);
    order(&p);
    place_across(&p);
    break_columns(&p);
    place_columns(&p);
    fg_drawing_paths(&p);
}
