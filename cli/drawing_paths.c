/* Paths of a drawing: curves between ranks, straight lines beside boxes, and detours from column to column.
 */
#include "cli/drawing_plan.h"

#include <math.h>
#include <stdlib.h>

#define PORT   14 /* distance of the ends of edges on a box */
#define CORNER 5

/* One link that crosses from a column to the next. */
typedef struct crossing {
    int link, rank; /* of its upper item */
    double x, port;
} crossing;

typedef struct writer {
    fg_drawing_plan *p;
    fg_text *text; /* by box */
    double *port;  /* by link: where it ends on its lower item */
} writer;

static long whole(double x) {
    return lround(x);
}

/* ---- ports ---- */

/* The end of a link on its lower item. */
typedef struct ending {
    int link, to, from;
    double x; /* of where it comes from */
} ending;

static int by_end(const void *a, const void *b) {
    const ending *x = a, *y = b;
    if (x->to != y->to) return x->to < y->to ? -1 : 1;
    if (x->x != y->x) return x->x < y->x ? -1 : 1;
    return (x->from > y->from) - (x->from < y->from);
}

/* Links into one box end side by side, in the order of where they come from. */
static void spread_ports(writer *w) {
    const fg_drawing_plan *p = w->p;
    ending *e = FG_ARRAY(p->ctx, p->n_links, ending);
    for (int i = 0; i < p->n_links; i++)
        e[i] = (ending){i, p->link[i].b, p->link[i].a, p->item[p->link[i].a].x};
    qsort(e, (size_t)p->n_links, sizeof *e, by_end);
    for (int i = 0; i < p->n_links;) {
        int n = 0;
        while (i + n < p->n_links && e[i + n].to == e[i].to) n++;
        const fg_drawing_item *item = &p->item[e[i].to];
        double step = fmin(PORT, n > 1 ? (item->width - 20) / (n - 1) : 0);
        for (int j = 0; j < n; j++) w->port[e[i + j].link] = item->x + step * (j - (n - 1) / 2.0);
        i += n;
    }
}

/* ---- paths ---- */

static double bottom_of(const fg_drawing_plan *p, int item) {
    const fg_drawing_item *i = &p->item[item];
    if (i->box < 0) return p->top[i->rank] + p->band[i->rank];
    return p->d->box[i->box].y + p->d->box[i->box].height;
}

static void curve(writer *w, int link) {
    const fg_drawing_plan *p = w->p;
    int a = p->link[link].a, b = p->link[link].b, rank = p->item[a].rank;
    double x = p->item[a].x, y = bottom_of(p, a), band = p->top[rank] + p->band[rank];
    double to = w->port[link], end = p->top[p->item[b].rank], half = (end - band) / 2;
    fg_text *t = &w->text[p->item[a].source];
    fg_text_printf(t, "M%ld %ld", whole(x), whole(y));
    if (band > y + 0.5) fg_text_printf(t, "V%ld", whole(band));
    if (fabs(x - to) < 1)
        fg_text_printf(t, "V%ld", whole(end));
    else
        fg_text_printf(t, "C%ld %ld %ld %ld %ld %ld", whole(x), whole(band + half), whole(to),
                       whole(end - half), whole(to), whole(end));
    if (p->item[b].box < 0) fg_text_printf(t, "V%ld", whole(end + p->band[p->item[b].rank]));
}

/* Down, right, up the gutter, right and down, with round corners. */
static void detour(writer *w, const crossing *c, int column, int lane, int lanes) {
    const fg_drawing_plan *p = w->p;
    int a = p->link[c->link].a, b = p->link[c->link].b;
    double step = p->lane[column], first = p->top[p->column[column + 1]];
    double low = p->bottom[column] + 12 + step * lane, gutter = p->right[column] + 14 + step * lane;
    double high = first - 10 - step * (lanes - 1 - lane), end = p->top[p->item[b].rank];
    const double r = CORNER;
    fg_text *t = &w->text[p->item[a].source];
    fg_text_printf(t, "M%ld %ldV%ld", whole(c->x), whole(bottom_of(p, a)), whole(low - r));
    fg_text_printf(t, "Q%ld %ld %ld %ld", whole(c->x), whole(low), whole(c->x + r), whole(low));
    fg_text_printf(t, "H%ldQ%ld %ld %ld %ld", whole(gutter - r), whole(gutter), whole(low), whole(gutter),
                   whole(low - r));
    fg_text_printf(t, "V%ldQ%ld %ld %ld %ld", whole(high + r), whole(gutter), whole(high), whole(gutter + r),
                   whole(high));
    fg_text_printf(t, "H%ldQ%ld %ld %ld %ldV%ld", whole(c->port - r), whole(c->port), whole(high),
                   whole(c->port), whole(high + r), whole(end));
    if (p->item[b].box < 0) fg_text_printf(t, "V%ld", whole(end + p->band[p->item[b].rank]));
}

/* By the column that they leave, which is told by the rank; from the right. */
static int by_place(const void *a, const void *b) {
    const crossing *x = a, *y = b;
    if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
    if (x->x != y->x) return x->x > y->x ? -1 : 1;
    if (x->port != y->port) return x->port > y->port ? -1 : 1;
    return (x->link > y->link) - (x->link < y->link);
}

static void detours(writer *w, crossing *all, int n) {
    int column = 0;
    qsort(all, (size_t)n, sizeof *all, by_place);
    for (int i = 0; i < n;) {
        int lanes = 0;
        while (w->p->column[column + 1] <= all[i].rank) column++;
        while (i + lanes < n && all[i + lanes].rank == all[i].rank) lanes++;
        for (int j = 0; j < lanes; j++) detour(w, &all[i + j], column, j, lanes);
        i += lanes;
    }
}

static void linked_paths(writer *w) {
    const fg_drawing_plan *p = w->p;
    crossing *all = FG_ARRAY(p->ctx, p->n_links, crossing);
    bool *ends = FG_ARRAY(p->ctx, p->d->n_ranks, bool); /* ranks that end a column */
    int n = 0;
    for (int c = 0; c + 1 < p->d->n_columns; c++) ends[p->column[c + 1] - 1] = true;
    for (int i = 0; i < p->n_links; i++)
        if (ends[p->item[p->link[i].a].rank])
            all[n++] = (crossing){i, p->item[p->link[i].a].rank, p->item[p->link[i].a].x, w->port[i]};
        else
            curve(w, i);
    detours(w, all, n);
}

/* Edges that no trunk carries. */
static void straight_paths(writer *w) {
    const fg_drawing *d = w->p->d;
    for (int i = 0; i < w->p->n_edges; i++) {
        const fg_drawing_box *a = &d->box[w->p->edge[i].from], *b = &d->box[w->p->edge[i].to];
        bool near = b->rank == a->rank + 1;
        if (b->rank > a->rank && (near || !w->p->straight[w->p->edge[i].from])) continue;
        double x = a->x + a->width / 2, y = a->y + a->height, to = b->x + b->width / 2;
        fg_text_printf(&w->text[w->p->edge[i].from], "M%ld %ldC%ld %ld %ld %ld %ld %ld", whole(x), whole(y),
                       whole(x), whole(y + 60), whole(to), whole(b->y - 60), whole(to), whole(b->y));
    }
}

void fg_drawing_paths(fg_drawing_plan *p) {
    writer w = {p, FG_ARRAY(p->ctx, p->d->n_boxes, fg_text), FG_ARRAY(p->ctx, p->n_links, double)};
    for (int i = 0; i < p->d->n_boxes; i++) w.text[i] = fg_text_new(p->ctx);
    spread_ports(&w);
    linked_paths(&w);
    straight_paths(&w);
    for (int i = 0; i < p->d->n_boxes; i++) p->d->path[i] = w.text[i].data ? w.text[i].data : "";
}
