/* Each kernel alone: fed with reference values in the physical layouts that the module states, called once,
 * and compared.
 *
 * Before a call arena and outputs hold 0xFF bytes (NaN, -1) except for the kernel's inputs, and a second
 * image of them holds the same. After the call, the kernel's outputs and scratch are put back from the second
 * image; whatever differs then was written where the kernel had no business. The exception is a zero in the
 * root of an output with a border: kernels clear the borders of what they make. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/extent.h"
#include "frontend/loops.h"
#include "frontend/reference/access.h"
#include "verify/check.h"
#include "verify/place.h"

#define FG_POISON 0xFF

/* One kernel under test. */
typedef struct trial {
    fg_check *c;
    int index;
    const fg_kernel *kernel;
    const fg_kernel_text *text;
    fg_kernel_fn *fn; /* NULL: a view; nothing runs */
    fg_call call;
    fg_tensor *got; /* by output */
} trial;

static bool is_memory(const fg_slot *s) {
    return s->place == FG_PLACE_ARENA || s->place == FG_PLACE_OUTPUT;
}

static trial trial_new(fg_check *c, int index) {
    trial t = {.c = c, .index = index, .text = &c->m->kernels[index]};
    t.kernel = t.text->kernel;
    void *symbol = t.text->symbol && (t.text->lines > 0 || !c->lib->call)
                       ? fg_library_find(c->lib, c->m, t.text->symbol)
                       : NULL;
    if (!symbol && t.text->lines > 0)
        fg_raise(c->ctx, FG_INTERNAL, "codegen: the text has no function '%s_%s'", c->m->options.prefix,
                 t.text->symbol);
    t.fn = (fg_kernel_fn *)symbol;
    t.call = fg_memory_call(c->mem);
    t.got = FG_ARRAY(c->ctx, t.kernel->n_out + 1, fg_tensor);
    return t;
}

static void call_kernel(void *trial_) {
    trial *t = trial_;
    /* In as many parts as there may be, one after the other, the last first. */
    t->call.parts = t->text->parallel ? t->c->m->options.threads : 1;
    for (t->call.part = t->call.parts - 1; t->call.part >= 0; t->call.part--) t->fn(&t->call);
    t->call.part = t->call.parts;
    if (t->text->finish) t->fn(&t->call);
}

static fg_fault run(trial *t) {
    fg_fault none = {0, NULL};
    fg_library *lib = t->c->lib;
    int result = 0;
    if (!t->fn) return none;
    return lib->call ? lib->call(lib, t->index, &result) : fg_sandbox(t->c->ctx, call_kernel, t);
}

static unsigned char *root_in(const fg_check *c, const fg_slot *s, bool shadow) {
    fg_space *space = fg_memory_space(c->mem, s);
    return (shadow ? space->shadow : space->data) + fg_memory_offset(s);
}

static const fg_slot *output_slot(const trial *t, int i) {
    return fg_module_slot(t->c->m, t->kernel->out[i]);
}

/* Constants lie among the weights or in the text, graph inputs in buffers of their own: both are in place
 * already. */
static const fg_slot *fed_slot(const trial *t, int i) {
    const fg_value *v = t->kernel->in[i];
    if (!v || v->data) return NULL;
    const fg_slot *s = fg_module_slot(t->c->m, v);
    return is_memory(s) ? s : NULL;
}

/* Elements beyond the true extents hold anything, unless the graph has them filled with a neutral one. */
static void fill_tail(trial *t, const fg_slot *s) {
    const fg_fill with = (fg_fill)(s->value->tail - 1);
    const fg_dtype_info *info = fg_dtype_get(s->value->dtype);
    static const double floats[] = {0, -INFINITY, INFINITY, 1};
    unsigned char element[8] = {0};
    if (info->is_float) {
        fg_tensor e = {s->value->dtype, {.rank = 0}, element};
        fg_set_f64(&e, 0, floats[with]);
    } else if (with == FG_FILL_ONE) {
        element[0] = 1;
    } else if (with != FG_FILL_ZERO) {
        const bool high = with == FG_FILL_HIGHEST;
        memset(element, high ? 0xFF : 0, sizeof element);
        if (info->is_signed) element[info->bits / 8 - 1] ^= 0x80;
        if (s->value->dtype == FG_BOOL) element[0] = high;
    }
    fg_fill_slot(s, root_in(t->c, s, false), element);
}

static bool ends_iteration(const trial *t) {
    const fg_node *n = t->kernel->stage[0].anchor;
    return n != NULL && fg_is_loop_next(n);
}

/* What a kernel adds an element to in each iteration of a loop has, before the last one, all but that. */
static void feed_collected(trial *t, int i) {
    const fg_slot *s = output_slot(t, i);
    const fg_tensor all = fg_check_value(t->c, s->value);
    int piece;
    if (!fg_is_collected(s->value, &piece) || !is_memory(s) || all.data == NULL) return;
    const int axis = fg_loop_axis(t->c->ctx, s->value->producer, piece, all.shape.rank - 1);
    fg_tensor before = {all.dtype, all.shape, NULL};
    const size_t bytes = fg_dtype_bytes(all.dtype, fg_shape_count(&all.shape));
    before.data = fg_big_alloc(t->c->ctx, bytes + 1);
    memcpy(before.data, all.data, bytes);
    int64_t inner = 1, outer = 1;
    for (int d = 0; d < all.shape.rank; d++) *(d < axis ? &outer : &inner) *= all.shape.dim[d];
    const int64_t rounds = all.shape.dim[axis];
    const size_t part = rounds > 0 ? fg_dtype_bytes(all.dtype, inner / rounds) : 0;
    for (int64_t o = 0; o < outer && rounds > 0; o++)
        memset((char *)before.data + fg_dtype_bytes(all.dtype, inner) * (size_t)o +
                   part * (size_t)(rounds - 1),
               FG_POISON, part);
    fg_scatter(s, root_in(t->c, s, false), &before);
    fg_scatter(s, root_in(t->c, s, true), &before);
    fg_big_free(t->c->ctx, before.data);
}

/* The end of an iteration, and there was none. */
static bool never_happens(const trial *t) {
    if (!ends_iteration(t)) return false;
    const fg_tensor ran = fg_check_value(t->c, t->kernel->stage[0].anchor->out[FG_NEXT_RAN]);
    return ran.data != NULL && *(const uint8_t *)ran.data == 0;
}

/* False if an operand was not made: inside a loop of no iterations. */
static bool feed(trial *t) {
    if (never_happens(t)) return false;
    for (int i = 0; i < t->kernel->n_in; i++) {
        const fg_slot *s = fed_slot(t, i);
        if (s && fg_slot_is_sparse(s)) memset(root_in(t->c, s, false), 0, fg_slot_span(s));
    }
    for (int i = 0; i < t->kernel->n_in; i++) {
        const fg_slot *s = fed_slot(t, i);
        if (!s) continue;
        fg_tensor value = fg_check_value(t->c, s->value);
        if (!value.data && fg_has_loops(t->c->m->partition)) return false;
        if (!value.data)
            fg_raise(t->c->ctx, FG_INTERNAL, "fusion: '%s' is read before it is made", s->value->name);
        if (s->value->tail) fill_tail(t, s);
        fg_scatter(s, root_in(t->c, s, false), &value);
    }
    for (int i = 0; i < t->kernel->n_in; i++) {
        const fg_slot *s = fed_slot(t, i);
        if (s) memcpy(root_in(t->c, s, true), root_in(t->c, s, false), fg_slot_span(s));
    }
    for (int i = 0; i < t->kernel->n_out; i++) feed_collected(t, i);
    return true;
}

static void collect(trial *t) {
    for (int i = 0; i < t->kernel->n_out; i++) {
        const fg_slot *s = output_slot(t, i);
        const fg_value *v = s->value;
        if (s->place == FG_PLACE_NONE) continue;
        const fg_tensor known = fg_check_value(t->c, v);
        const fg_shape shape = known.data ? known.shape : fg_check_shape(t->c, v);
        size_t bytes = fg_dtype_bytes(v->dtype, fg_shape_count(&shape));
        t->got[i] = (fg_tensor){v->dtype, shape, fg_big_alloc(t->c->ctx, bytes > 0 ? bytes : 1)};
        fg_gather(s, root_in(t->c, s, false), &t->got[i]);
    }
}

static void release(trial *t) {
    for (int i = 0; i < t->kernel->n_out; i++) {
        if (t->c->made[t->kernel->out[i]->id].data != t->got[i].data) fg_big_free(t->c->ctx, t->got[i].data);
        t->got[i].data = NULL;
    }
}

/* ---- writes outside ---- */

static void copy_kept(const trial *t, unsigned char *to, const unsigned char *from) {
    if (t->text->kept_bytes > 0)
        memcpy(to + t->text->kept_base, from + t->text->kept_base, (size_t)t->text->kept_bytes);
}

static void put_back(const trial *t) {
    for (int i = 0; i < t->kernel->n_out; i++) {
        const fg_slot *s = output_slot(t, i);
        if (is_memory(s)) fg_copy_slot(s, root_in(t->c, s, false), root_in(t->c, s, true));
    }
    for (int i = 0; i < t->kernel->n_in; i++) { /* the end of an iteration rewrites states */
        const fg_slot *s = fed_slot(t, i);
        if (s && fg_is_carried(s->value) && ends_iteration(t))
            fg_copy_slot(s, root_in(t->c, s, false), root_in(t->c, s, true));
    }
    fg_space *arena = t->c->mem->arena;
    copy_kept(t, arena->data, arena->shadow);
    if (t->text->scratch_bytes > 0)
        memcpy(arena->data + t->text->scratch_base, arena->shadow + t->text->scratch_base,
               (size_t)t->text->scratch_bytes);
}

static bool in_border(const trial *t, const fg_space *space, size_t at) {
    for (int i = 0; i < t->kernel->n_out; i++) {
        const fg_slot *s = output_slot(t, i);
        if (!is_memory(s) || fg_memory_space(t->c->mem, s) != space || !fg_slot_is_sparse(s)) continue;
        size_t from = fg_memory_offset(s);
        if (at >= from && at - from < fg_slot_span(s)) return true;
    }
    return false;
}

/* Names the place of the first byte that should not have changed; sets *dirty if any byte at all has. */
static const char *stray_in(const trial *t, const fg_space *space, bool *dirty) {
    if (space->bytes == 0 || memcmp(space->data, space->shadow, space->bytes) == 0) return NULL;
    *dirty = true;
    for (size_t i = 0; i < space->bytes; i++) {
        if (space->data[i] == space->shadow[i] || (space->data[i] == 0 && in_border(t, space, i))) continue;
        return fg_format(t->c->ctx, "writes outside its outputs: byte %zu of %s", i, space->name);
    }
    return NULL;
}

static const char *find_stray(const trial *t, bool *dirty) {
    const fg_memory *mem = t->c->mem;
    put_back(t);
    const char *stray = stray_in(t, mem->arena, dirty);
    for (int i = 0; i < t->c->m->partition->graph->n_outputs; i++) {
        const char *other = stray_in(t, mem->out[i], dirty);
        if (!stray) stray = other;
    }
    const char *damaged = fg_check_damage(t->c);
    if (!stray && damaged) stray = fg_format(t->c->ctx, "writes around %s", damaged);
    return stray;
}

static void poison(const trial *t, const fg_slot *s) {
    if (!is_memory(s)) return;
    memset(root_in(t->c, s, false), FG_POISON, fg_slot_span(s));
    memset(root_in(t->c, s, true), FG_POISON, fg_slot_span(s));
}

static void clean_up(const trial *t, bool dirty) {
    if (dirty) {
        fg_memory_fill(t->c->mem, FG_POISON);
        return;
    }
    fg_space *arena = t->c->mem->arena;
    for (int i = 0; i < t->kernel->n_in; i++)
        if (fed_slot(t, i)) poison(t, fed_slot(t, i));
    for (int i = 0; i < t->kernel->n_out; i++) poison(t, output_slot(t, i));
    if (t->text->scratch_bytes > 0)
        memset(arena->data + t->text->scratch_base, FG_POISON, (size_t)t->text->scratch_bytes);
}

/* ---- verdict of one kernel ---- */

static void worse(fg_error *worst, const fg_error *e) {
    bool passed = worst->passed && e->passed;
    double abs = worst->max_abs, ulp = worst->max_ulp;
    if (e->max_rel > worst->max_rel || worst->at < 0) *worst = *e;
    if (abs > worst->max_abs) worst->max_abs = abs;
    if (ulp > worst->max_ulp) worst->max_ulp = ulp;
    if (e->max_abs > worst->max_abs) worst->max_abs = e->max_abs;
    if (e->max_ulp > worst->max_ulp) worst->max_ulp = e->max_ulp;
    worst->passed = passed;
}

static const char *complain(const trial *t, const char *text) {
    return fg_format(t->c->ctx, "%s: %s", fg_check_kernel_label(t->c, t->index), text);
}

/* Compares what was collected; keeps what nothing can be compared with for the kernels that read it. The text
 * is NULL if all is well. */
static const char *judge(trial *t, double bound, fg_error *worst) {
    const char *text = NULL;
    *worst = (fg_error){.at = -1, .passed = true};
    for (int i = 0; i < t->kernel->n_out; i++) {
        const fg_value *v = t->kernel->out[i];
        /* The reference is of the last iteration, and what begins a loop makes them for the first. */
        if (!t->got[i].data || fg_is_carried(v)) continue;
        fg_tensor want = fg_check_value(t->c, v);
        if (!want.data) {
            t->c->made[v->id] = t->got[i];
            continue;
        }
        fg_error e = fg_check_compare(t->c, v->ref, &want, &t->got[i], bound);
        worse(worst, &e);
        if (!e.passed && !text)
            text = fg_check_difference(t->c, "output", v->name, &want, &t->got[i], &e, bound);
    }
    return text;
}

static void check_kernel(fg_check *c, int index) {
    trial t = trial_new(c, index);
    fg_error *e = &c->verdict->kernels[index];
    bool dirty = false;
    if (!feed(&t)) {
        *e = (fg_error){.at = -1, .passed = true};
        c->verdict->instructions[index] = -1;
        clean_up(&t, true);
        return;
    }
    fg_fault fault = run(&t);
    fg_check_instruction(c->ctx, c->m->target, fault);
    c->verdict->instructions[index] = t.fn && c->lib->call ? c->lib->instructions : -1;
    collect(&t);
    const char *wrong = judge(&t, c->options->tolerance, e);
    const char *stray = find_stray(&t, &dirty);
    if (fault.signal)
        wrong = fg_check_fault(c, fault);
    else if (stray)
        wrong = stray;
    if (wrong) {
        e->passed = false;
        fg_check_fail(c, complain(&t, wrong));
    }
    clean_up(&t, dirty || fault.signal);
    release(&t);
}

void fg_check_kernels(fg_check *c) {
    fg_memory_fill(c->mem, FG_POISON);
    for (int i = 0; i < c->m->n_kernels; i++) {
        fg_progress(c->ctx, "verify", i, c->m->n_kernels);
        check_kernel(c, i);
    }
    fg_progress(c->ctx, "verify", c->m->n_kernels, c->m->n_kernels);
}

const char *fg_check_first_divergence(fg_check *c, double bound) {
    const char *text = NULL;
    if (fg_has_loops(c->m->partition)) return "a loop, of which no kernel can be named";
    fg_memory_fill(c->mem, FG_POISON);
    for (int i = 0; i < c->m->n_kernels && !text; i++) {
        trial t = trial_new(c, i);
        fg_error e;
        fg_fault fault = run(&t);
        collect(&t);
        text = fault.signal ? fg_check_fault(c, fault) : judge(&t, bound, &e);
        if (text) text = complain(&t, text);
        release(&t);
    }
    return text;
}
