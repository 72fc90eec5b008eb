/* The arena planner: offline offsets for every root value and every kernel's scratch.
 *
 * Each block lives over an interval of kernels. Blocks are placed largest first, each at the lowest offset
 * that is free during its whole life (the usual best-fit-by-size heuristic for this NP-hard packing); the
 * lower bound is the largest sum of blocks alive at once. */
#include <stdlib.h>
#include <string.h>

#include "codegen/planner.h"

typedef struct fg_block {
    int first, last;
    int64_t bytes, offset;
    int id; /* value id, or -1 - scratch index */
} fg_block;

static int larger_first(const void *a, const void *b) {
    const fg_block *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static void touch(fg_planner *p, fg_value *v, int kernel) {
    fg_slot *s = &p->m->slots[fg_root_of(p, v)->id];
    if (s->place != FG_PLACE_ARENA) return;
    if (s->first > kernel) s->first = kernel;
    if (s->last < kernel) s->last = kernel;
}

static void lifetimes(fg_planner *p) {
    for (int i = 0; i < p->m->n_slots; i++) {
        p->m->slots[i].first = p->partition->n_kernels;
        p->m->slots[i].last = -1;
    }
    for (int i = 0; i < p->partition->n_kernels; i++) {
        const fg_kernel *k = p->partition->kernels[i];
        for (int j = 0; j < k->n_in; j++) touch(p, k->in[j], i);
        for (int j = 0; j < k->n_out; j++) touch(p, k->out[j], i);
    }
    fg_loop_lifetimes(p);
}

/* Scratch of one kernel stands together in the table, in kernel order, and is one block; what is kept is a
 * block of its own. */
static int after_kernel(const fg_planner *p, int scratch) {
    int i = scratch + 1;
    if (p->scratch[scratch].kept) return i;
    while (i < p->n_scratch && p->scratch[i].kernel == p->scratch[scratch].kernel && !p->scratch[i].kept) i++;
    return i;
}

static int64_t scratch_bytes(const fg_planner *p, int scratch, int64_t align) {
    int64_t bytes = 0;
    for (int i = scratch; i < after_kernel(p, scratch); i++) bytes += fg_round_up(p->scratch[i].bytes, align);
    return bytes;
}

static int collect(fg_planner *p, fg_block *blocks, int64_t align) {
    int n = 0;
    for (int i = 0; i < p->m->n_slots; i++) {
        const fg_slot *s = &p->m->slots[i];
        if (s->place != FG_PLACE_ARENA || p->values[i].alias != FG_ALIAS_NONE || s->last < 0) continue;
        const int64_t bytes =
            fg_round_up((int64_t)fg_dtype_bytes(s->value->dtype, s->layout.elements), align);
        blocks[n++] = (fg_block){.first = s->first, .last = s->last, .bytes = bytes, .id = i};
    }
    for (int i = 0; i < p->n_scratch; i = after_kernel(p, i))
        blocks[n++] =
            (fg_block){.first = p->scratch[i].kernel,
                       .last = p->scratch[i].kept ? p->partition->n_kernels - 1 : p->scratch[i].kernel,
                       .bytes = scratch_bytes(p, i, align),
                       .id = -1 - i};
    return n;
}

/* Both are stored as the kernel was told, and y begins where x ends. */
static bool is_granted(const fg_planner *p, const fg_overlap_plan *o) {
    const fg_value *const v[2] = {o->x, o->y};
    for (int i = 0; i < 2; i++) {
        const fg_slot *s = &p->m->slots[v[i]->id];
        if (s->place != FG_PLACE_ARENA || p->values[v[i]->id].alias != FG_ALIAS_NONE ||
            p->values[v[i]->id].room || s->layout.offset != 0 ||
            s->layout.elements != fg_shape_count(&v[i]->shape) ||
            !fg_strides_are_dense(v[i], FG_ORDER_LAST, s->layout.stride))
            return false;
    }
    return p->m->slots[o->x->id].last == o->kernel && p->m->slots[o->y->id].first == o->kernel;
}

static void drop_refused(fg_planner *p) {
    int n = 0;
    for (int i = 0; i < p->n_overlaps; i++)
        if (is_granted(p, &p->overlaps[i])) p->overlaps[n++] = p->overlaps[i];
    p->n_overlaps = n;
}

/* Bytes that a takes away from what may lie behind its beginning, and be alive at the same time as a: all of
 * it, or less where the other is read only until a is written. */
static int64_t reach(const fg_planner *p, const fg_block *a, const fg_block *behind) {
    int64_t bytes = a->bytes;
    for (int i = 0; i < p->n_overlaps; i++) {
        const fg_overlap_plan *o = &p->overlaps[i];
        if (a->id == o->y->id && behind->id == o->x->id && o->lag < bytes) bytes = o->lag;
    }
    return bytes;
}

/* Lowest offset at which b fits beside the blocks placed so far that live at the same time. */
static int64_t lowest_gap(const fg_planner *p, fg_block **live, int n, const fg_block *b, int64_t align) {
    int64_t at = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 0; i < n; i++) {
            const fg_block *l = live[i];
            const int64_t end = l->offset + fg_round_up(reach(p, l, b), align);
            if (at >= end || at + reach(p, b, l) <= l->offset) continue;
            /* Before l it is too long, and may only begin behind it, or a part of it. */
            at = end;
            moved = true;
        }
    }
    return at;
}

/* Bytes that two maps share while kernel k runs, at most; of several pairs one is counted. */
static int64_t overlapped(const fg_planner *p, const fg_block *blocks, int n, int k) {
    int64_t most = 0;
    for (int i = 0; i < p->n_overlaps; i++) {
        const fg_overlap_plan *o = &p->overlaps[i];
        if (o->kernel != k) continue;
        int64_t x = 0, y = 0;
        for (int j = 0; j < n; j++) {
            if (blocks[j].id == o->x->id) x = blocks[j].bytes;
            if (blocks[j].id == o->y->id) y = blocks[j].bytes;
        }
        const int64_t both = o->lag + x > y ? o->lag + x : y;
        if (x + y - both > most) most = x + y - both;
    }
    return most;
}

static int64_t lower_bound(const fg_planner *p, const fg_block *blocks, int n) {
    int64_t *live = FG_ARRAY(p->ctx, p->partition->n_kernels + 2, int64_t), best = 0, sum = 0;
    for (int i = 0; i < n; i++) {
        live[blocks[i].first] += blocks[i].bytes;
        live[blocks[i].last + 1] -= blocks[i].bytes;
    }
    for (int i = 0; i < p->partition->n_kernels; i++) {
        sum += live[i];
        if (sum - overlapped(p, blocks, n, i) > best) best = sum - overlapped(p, blocks, n, i);
    }
    return best;
}

static void place_scratch(fg_planner *p, int scratch, int64_t offset, int64_t align) {
    fg_kernel_text *t = &p->m->kernels[p->scratch[scratch].kernel];
    if (p->scratch[scratch].kept) {
        t->kept_base = offset;
        t->kept_bytes = p->scratch[scratch].bytes;
    } else {
        t->scratch_base = offset;
        t->scratch_bytes = scratch_bytes(p, scratch, align);
    }
    for (int i = scratch; i < after_kernel(p, scratch); i++) {
        p->scratch[i].offset = offset;
        offset += fg_round_up(p->scratch[i].bytes, align);
    }
}

/* One block after the other; returns where the last one ends. */
static int64_t place_blocks(const fg_planner *p, fg_block *blocks, int n, int64_t align) {
    fg_block **live = FG_ARRAY(p->ctx, n + 1, fg_block *);
    int64_t bytes = 0;
    for (int i = 0; i < n; i++) {
        int n_live = 0;
        for (int j = 0; j < i; j++)
            if (blocks[j].first <= blocks[i].last && blocks[i].first <= blocks[j].last)
                live[n_live++] = &blocks[j];
        blocks[i].offset = lowest_gap(p, live, n_live, &blocks[i], align);
        const int64_t end = blocks[i].offset + blocks[i].bytes;
        if (end > bytes) bytes = end;
    }
    return bytes;
}

static int place_of(const fg_block *blocks, int n, int id) {
    int i = 0;
    while (i < n && blocks[i].id != id) i++;
    return i;
}

static void move_to(fg_block *blocks, int from, int to) {
    const fg_block moved = blocks[from];
    memmove(blocks + to + 1, blocks + to, (size_t)(from - to) * sizeof(*blocks));
    blocks[to] = moved;
}

/* The upper of two maps that may overlap finds its place after the lower one: pairs, which stand in the order
 * of kernels, from the last to the first. */
static void lower_first(const fg_planner *p, fg_block *blocks, int n) {
    for (int i = 0; i < p->n_overlaps; i++) {
        const int x = place_of(blocks, n, p->overlaps[i].x->id),
                  y = place_of(blocks, n, p->overlaps[i].y->id);
        if (x < y && y < n) move_to(blocks, y, x);
    }
}

/* Where memory counts: other orders, in each of which the block that ended last comes first. */
#define MORE_ORDERS 64

static int64_t place_better(const fg_planner *p, fg_block *blocks, int n, int64_t align) {
    int64_t best = p->m->arena_bytes;
    fg_block *other = FG_ARRAY(p->ctx, n + 1, fg_block);
    memcpy(other, blocks, (size_t)n * sizeof(*other));
    for (int tries = 0; tries < MORE_ORDERS && best > p->m->arena_lower_bound; tries++) {
        int last = 0;
        for (int i = 1; i < n; i++)
            if (other[i].offset + other[i].bytes > other[last].offset + other[last].bytes) last = i;
        if (tries > 0) move_to(other, last, 0);
        lower_first(p, other, n);
        const int64_t bytes = place_blocks(p, other, n, align);
        if (bytes >= best) continue;
        best = bytes;
        memcpy(blocks, other, (size_t)n * sizeof(*other));
    }
    return best;
}

void fg_plan_memory(fg_planner *p) {
    fg_module *m = p->m;
    const int64_t align = m->arena_align < 16 ? 16 : m->arena_align;
    lifetimes(p);
    drop_refused(p);
    fg_block *blocks = FG_ARRAY(p->ctx, m->n_slots + p->n_scratch + 1, fg_block);
    const int n = collect(p, blocks, align);
    qsort(blocks, (size_t)n, sizeof(*blocks), larger_first);
    m->arena_lower_bound = lower_bound(p, blocks, n);
    m->arena_bytes = place_blocks(p, blocks, n, align);
    if (m->options.optimize == FG_OPTIMIZE_RAM) m->arena_bytes = place_better(p, blocks, n, align);
    for (int i = 0; i < n; i++) {
        if (blocks[i].id >= 0)
            p->values[blocks[i].id].arena_offset = blocks[i].offset;
        else
            place_scratch(p, -1 - blocks[i].id, blocks[i].offset, align);
    }
    /* Vector loads of a tail may read up to one vector beyond the last element. */
    if (m->arena_bytes > 0) m->arena_bytes += fg_round_up(m->target->vector_bits / 8, align);
    for (int i = 0; i < m->n_slots; i++) {
        fg_slot *s = &m->slots[i];
        if (p->values[i].room) p->values[i].arena_offset = p->scratch[p->values[i].room - 1].offset;
        if (s->place != FG_PLACE_ARENA) continue;
        const fg_value *root = fg_root_of(p, s->value);
        s->base = p->values[root->id].arena_offset;
        s->first = m->slots[root->id].first;
        s->last = m->slots[root->id].last;
    }
}
