/* Loops in a run of the interpreter. */
#include <limits.h>
#include <string.h>

#include "frontend/loops.h"
#include "frontend/reference/elements.h"
#include "frontend/run.h"

/* An iteration counts as much work as this at least, so that a loop that never ends is given up. */
#define ITERATION_WORK 1000000

typedef struct loop_run {
    const fg_loop *loop;
    bool on;              /* an iteration is under way */
    int64_t rounds;       /* that are over */
    fg_tensor *collected; /* by piece; what has been kept so far */
    int64_t *room;        /* for so many rounds */
} loop_run;

struct fg_loop_runs {
    const fg_loops *all;
    loop_run *run;
};

static bool is_made_inside(const fg_loops *all, const fg_loop *l, const fg_value *v) {
    const int maker = all->maker[v->id];
    return maker >= 0 && fg_is_inside(l, maker);
}

fg_loop_runs *fg_loops_begin(fg_graph *g, fg_run *r) {
    const fg_loops *all = fg_find_loops(g);
    if (all == NULL) {
        return NULL;
    }
    fg_loop_runs *runs = FG_NEW(g->ctx, fg_loop_runs);
    runs->all = all;
    runs->run = FG_ARRAY(g->ctx, all->n, loop_run);
    for (int k = 0; k < all->n; k++) {
        const fg_loop *l = &all->loop[k];
        const int pieces = fg_loop_pieces(g->nodes[l->next]);
        runs->run[k].loop = l;
        runs->run[k].collected = FG_ARRAY(g->ctx, pieces + 1, fg_tensor);
        runs->run[k].room = FG_ARRAY(g->ctx, pieces + 1, int64_t);
        for (int i = l->enter + 1; i <= l->next; i++) {
            for (int j = 0; (i == l->next || fg_is_inside(l, i)) && j < g->nodes[i]->n_in; j++) {
                const fg_value *v = g->nodes[i]->in[j];
                if (v != NULL && !is_made_inside(all, l, v)) {
                    r->uses[v->id] = INT_MAX / 2;
                }
            }
        }
    }
    return runs;
}

bool fg_loops_skip(const fg_run *r, int position) {
    bool skip = r->loops != NULL && r->loops->all->abandoned[position];
    for (int k = 0; r->loops != NULL && !skip && k < r->loops->all->n; k++) {
        const loop_run *run = &r->loops->run[k];
        if (position > run->loop->enter && position < run->loop->next) {
            skip = fg_is_inside(run->loop, position) ? !run->on : run->on && run->rounds > 0;
        }
    }
    return skip;
}

/* ---- steps ---- */

static fg_tensor scalar_of(fg_run *r, fg_dtype t, int rank, int64_t value) {
    fg_tensor y = {t, {rank, {1}}, fg_big_alloc(r->ctx, sizeof value)};
    if (t == FG_BOOL) {
        *(uint8_t *)y.data = value != 0;
    } else {
        *(int64_t *)y.data = value;
    }
    return y;
}

static void put_scalar(fg_run *r, const fg_value *v, int64_t value) {
    if (v != NULL) {
        const fg_tensor t = scalar_of(r, v->dtype, v->shape.rank, value);
        fg_run_put(r, v, &t);
    }
}

static int64_t number(const fg_run *r, const fg_value *v, int64_t otherwise) {
    return v == NULL ? otherwise : fg_tensor_int(&r->tensors[v->id], 0);
}

static fg_tensor copy_of(fg_run *r, const fg_tensor *t) {
    const size_t bytes = fg_dtype_bytes(t->dtype, fg_shape_count(&t->shape));
    fg_tensor y = {t->dtype, t->shape, fg_big_alloc(r->ctx, bytes > 0 ? bytes : 1)};
    memcpy(y.data, t->data, bytes);
    return y;
}

static bool goes_on(const fg_run *r, const fg_value *trips, const fg_value *condition, int64_t iteration) {
    return iteration < number(r, trips, INT64_MAX) && number(r, condition, 1) != 0;
}

static void enter(fg_run *r, loop_run *run, const fg_node *n) {
    const int64_t first = fg_attr_int(n, FG_LOOP_FIRST, 0);
    run->on = goes_on(r, fg_loop_operand(n, FG_ENTER_TRIPS), fg_loop_operand(n, FG_ENTER_CONDITION), first);
    run->rounds = 0;
    put_scalar(r, n->out[FG_ENTERED_ITERATION], first);
    put_scalar(r, n->out[FG_ENTERED_ON], run->on);
    for (int i = 0; FG_ENTERED_STATES + i < n->n_out; i++) {
        const fg_tensor t = copy_of(r, &r->tensors[n->in[FG_ENTER_STATES + i]->id]);
        fg_run_put(r, n->out[FG_ENTERED_STATES + i], &t);
    }
    fg_run_used(r, n);
}

/* Appends what the iteration made of piece i. */
static void collect(fg_run *r, loop_run *run, int i, const fg_tensor *piece) {
    fg_tensor *all = &run->collected[i];
    const size_t bytes = fg_dtype_bytes(piece->dtype, fg_shape_count(&piece->shape));
    if (all->data == NULL || run->rounds == run->room[i]) {
        run->room[i] = run->rounds > 0 ? 2 * run->rounds : 4;
        void *more = fg_big_alloc(r->ctx, bytes * (size_t)run->room[i] + 1);
        if (run->rounds > 0) {
            memcpy(more, all->data, bytes * (size_t)run->rounds);
        }
        fg_big_free(r->ctx, all->data);
        all->data = more;
    }
    memcpy((char *)all->data + bytes * (size_t)run->rounds, piece->data, bytes);
}

static void need_room(fg_run *r, const loop_run *run, const fg_value *out, int axis) {
    if (run->rounds >= out->shape.dim[axis]) {
        fg_remedy(r->ctx, "give a larger bound, for example --bound '%s=%lld'", out->name,
                  (long long)(2 * run->rounds + 1));
        fg_raise(r->ctx, FG_UNSUPPORTED, "'%s' is planned for %lld iterations, and there are more", out->name,
                 (long long)out->shape.dim[axis]);
    }
}

/* Rounds come first in what has been collected; in the result they lie along the axis. */
static void put_collected(fg_run *r, loop_run *run, int i, const fg_value *piece, const fg_value *out,
                          int axis) {
    const fg_shape *s = &piece->shape;
    fg_tensor t = {out->dtype, {.rank = s->rank + 1}, NULL};
    int64_t outer = 1;
    for (int d = 0; d <= s->rank; d++) {
        t.shape.dim[d] = d == axis ? run->rounds : s->dim[d < axis ? d : d - 1];
        outer *= d < axis ? t.shape.dim[d] : 1;
    }
    const size_t bytes = fg_dtype_bytes(out->dtype, fg_shape_count(s)),
                 part = outer > 0 ? bytes / (size_t)outer : 0;
    t.data = fg_big_alloc(r->ctx, bytes * (size_t)run->rounds + 1);
    for (int64_t o = 0; o < outer; o++) {
        for (int64_t k = 0; k < run->rounds; k++) {
            memcpy((char *)t.data + part * (size_t)(o * run->rounds + k),
                   (const char *)run->collected[i].data + bytes * (size_t)k + part * (size_t)o, part);
        }
    }
    fg_run_put(r, out, &t);
}

/* Results of the whole loop; where it has run, the last states are those of the last iteration. */
static void finish(fg_run *r, loop_run *run, const fg_node *n, bool ran) {
    const int states = fg_loop_states(n), pieces = fg_loop_pieces(n);
    put_scalar(r, n->out[FG_NEXT_RAN], ran);
    put_scalar(r, n->out[FG_NEXT_COUNT], run->rounds);
    for (int i = 0; i < states; i++) {
        const fg_value *from = n->in[FG_NEXT_STATES + (ran ? states : 0) + i];
        if (n->out[FG_NEXT_LAST + i] != NULL) {
            const fg_tensor t = copy_of(r, &r->tensors[from->id]);
            fg_run_put(r, n->out[FG_NEXT_LAST + i], &t);
        }
    }
    for (int i = 0; i < pieces; i++) {
        if (n->out[FG_NEXT_LAST + states + i] != NULL) {
            const fg_value *piece = n->in[FG_NEXT_STATES + 2 * states + i];
            put_collected(r, run, i, piece, n->out[FG_NEXT_LAST + states + i],
                          fg_loop_axis(r->ctx, n, i, piece->shape.rank));
        }
    }
}

/* The next states, all of them read before any is written. */
static void carry(fg_run *r, const fg_node *n) {
    const int states = fg_loop_states(n);
    fg_tensor *t = fg_big_alloc(r->ctx, (size_t)(states + 1) * sizeof *t);
    for (int i = 0; i < states; i++) {
        t[i] = copy_of(r, &r->tensors[n->in[FG_NEXT_STATES + states + i]->id]);
    }
    for (int i = 0; i < states; i++) {
        fg_run_put(r, n->in[FG_NEXT_STATES + i], &t[i]);
    }
    fg_big_free(r->ctx, t);
}

static int next(fg_graph *g, fg_run *r, loop_run *run, const fg_node *n) {
    const int states = fg_loop_states(n), pieces = fg_loop_pieces(n);
    if (!run->on) {
        finish(r, run, n, false);
        fg_run_used(r, n);
        return run->loop->next + 1;
    }
    fg_spend(g, ITERATION_WORK, &r->spent);
    for (int i = 0; i < pieces; i++) {
        const fg_value *out = n->out[FG_NEXT_LAST + states + i];
        if (out != NULL) {
            const fg_value *piece = n->in[FG_NEXT_STATES + 2 * states + i];
            need_room(r, run, out, fg_loop_axis(g->ctx, n, i, piece->shape.rank));
            collect(r, run, i, &r->tensors[piece->id]);
        }
    }
    run->rounds++;
    const int64_t iteration = number(r, n->in[FG_NEXT_ITERATION], 0) + 1;
    if (goes_on(r, fg_loop_operand(n, FG_NEXT_TRIPS), fg_loop_operand(n, FG_NEXT_CONDITION), iteration)) {
        carry(r, n);
        put_scalar(r, n->in[FG_NEXT_ITERATION], iteration);
        return run->loop->enter + 1;
    }
    finish(r, run, n, true);
    run->on = false;
    fg_run_used(r, n);
    return run->loop->next + 1;
}

bool fg_loops_have(const fg_run *r, int position) {
    for (int k = 0; r->loops != NULL && k < r->loops->all->n; k++) {
        const fg_loop *l = r->loops->run[k].loop;
        if (l->enter == position || l->next == position) {
            return true;
        }
    }
    return false;
}

int fg_loops_step(fg_graph *g, fg_run *r, int position) {
    for (int k = 0; k < r->loops->all->n; k++) {
        loop_run *run = &r->loops->run[k];
        if (run->loop->next == position) {
            return next(g, r, run, g->nodes[position]);
        }
        if (run->loop->enter == position) {
            enter(r, run, g->nodes[position]);
        }
    }
    return position + 1;
}
