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

static int by_offset(const void *a, const void *b) {
    const fg_block *x = *(fg_block *const *)a, *y = *(fg_block *const *)b;
    if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Lowest offset at which b fits beside the blocks placed so far that live at the same time. */
static int64_t lowest_gap(fg_block **live, int n, const fg_block *b) {
    qsort(live, (size_t)n, sizeof(*live), by_offset);
    int64_t at = 0;
    for (int i = 0; i < n; i++) {
        if (live[i]->offset >= at + b->bytes) break;
        if (live[i]->offset + live[i]->bytes > at) at = live[i]->offset + live[i]->bytes;
    }
    return at;
}

static int64_t lower_bound(const fg_planner *p, const fg_block *blocks, int n) {
    int64_t *live = FG_ARRAY(p->ctx, p->partition->n_kernels + 2, int64_t), best = 0, sum = 0;
    for (int i = 0; i < n; i++) {
        live[blocks[i].first] += blocks[i].bytes;
        live[blocks[i].last + 1] -= blocks[i].bytes;
    }
    for (int i = 0; i < p->partition->n_kernels; i++) {
        sum += live[i];
        if (sum > best) best = sum;
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

void fg_plan_memory(fg_planner *p) {
    fg_module *m = p->m;
    const int64_t align = m->arena_align < 16 ? 16 : m->arena_align;
    lifetimes(p);
    fg_block *blocks = FG_ARRAY(p->ctx, m->n_slots + p->n_scratch + 1, fg_block);
    fg_block **live = FG_ARRAY(p->ctx, m->n_slots + p->n_scratch + 1, fg_block *);
    const int n = collect(p, blocks, align);
    qsort(blocks, (size_t)n, sizeof(*blocks), larger_first);
    for (int i = 0; i < n; i++) {
        int n_live = 0;
        for (int j = 0; j < i; j++)
            if (blocks[j].first <= blocks[i].last && blocks[i].first <= blocks[j].last)
                live[n_live++] = &blocks[j];
        blocks[i].offset = lowest_gap(live, n_live, &blocks[i]);
        const int64_t end = blocks[i].offset + blocks[i].bytes;
        if (end > m->arena_bytes) m->arena_bytes = end;
        if (blocks[i].id >= 0)
            p->values[blocks[i].id].arena_offset = blocks[i].offset;
        else
            place_scratch(p, -1 - blocks[i].id, blocks[i].offset, align);
    }
    m->arena_lower_bound = lower_bound(p, blocks, n);
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
