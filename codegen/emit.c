/* What lowerings call while they write a kernel: operands, scratch, packed weights. */
#include <string.h>

#include "codegen/escape.h"
#include "codegen/planner.h"

const fg_slot *fg_slot_of(const fg_emit *e, const fg_value *v) {
    return &e->m->slots[v->id];
}

const fg_layout *fg_layout_of(const fg_emit *e, const fg_value *v) {
    return &e->m->slots[v->id].layout;
}

/* Borders belong to roots; a view that kept its dimensions could use them too, but is not granted any. */
int64_t fg_border_before(const fg_emit *e, const fg_value *v, int dim) {
    return e->planner->values[v->id].before[dim];
}
int64_t fg_border_after(const fg_emit *e, const fg_value *v, int dim) {
    return e->planner->values[v->id].after[dim];
}

bool fg_is_part_of(const fg_emit *e, const fg_value *part, const fg_value *whole) {
    const fg_place_plan *a = &e->planner->values[part->id];
    return a->alias == FG_ALIAS_PART && a->parent == whole;
}

void fg_line(fg_emit *e, const char *format, ...) {
    char line[2048];
    va_list ap;
    va_start(ap, format);
    const int n = vsnprintf(line, sizeof(line), format, ap);
    va_end(ap);
    FG_REQUIRE(e->ctx, "emit", n >= 0 && (size_t)n < sizeof(line));
    fg_text_add(e->out, line);
    fg_text_add(e->out, "\n");
}

/* Appends bytes to the weight blob, aligned to 64. */
static int64_t reserve(fg_planner *p, int64_t bytes) {
    fg_module *m = p->m;
    const int64_t at = fg_round_up(m->weights_bytes, 64), end = at + bytes;
    if (bytes > fg_context_limits(p->ctx)->bytes) {
        fg_remedy(p->ctx, "--max-bytes with a larger number");
        fg_raise(p->ctx, FG_UNSUPPORTED, "packed weights of %lld bytes exceed --max-bytes", (long long)bytes);
    }
    if ((size_t)end > p->weights_capacity) {
        size_t capacity = p->weights_capacity ? p->weights_capacity : (size_t)1 << 16;
        while (capacity < (size_t)end) capacity += capacity / 2;
        uint8_t *grown = fg_big_alloc(p->ctx, capacity);
        if (m->weights_bytes) memcpy(grown, m->weights, (size_t)m->weights_bytes);
        fg_big_free(p->ctx, m->weights);
        m->weights = grown;
        p->weights_capacity = capacity;
    }
    m->weights_bytes = end;
    return at;
}

const char *fg_c_pointer(fg_context *ctx, const char *c_type, bool constant) {
    if (c_type[strlen(c_type) - 1] == '*') return fg_format(ctx, constant ? "%sconst *" : "%s*", c_type);
    return fg_format(ctx, constant ? "const %s *" : "%s *", c_type);
}

static void declare(fg_emit *e, bool constant, const char *c_type, const char *name, const char *from,
                    const char *after) {
    const char *type = fg_c_pointer(e->ctx, c_type, constant);
    fg_line(e, "%s%s = (%s)%s%s;", type, name, type, from, after);
}

/* Bytes to a typed pointer: through void, since the blocks are aligned but the compiler cannot know. */
static const char *at_bytes(fg_emit *e, bool constant, const char *base, int64_t offset) {
    return fg_format(e->ctx, "(%svoid *)(c->%s + %lld)", constant ? "const " : "", base, (long long)offset);
}

static const char *at_mark(fg_emit *e, bool constant, char kind, int id, int64_t offset) {
    return fg_format(e->ctx, "(%svoid *)(c->arena + \001%c%d+%lld\002)", constant ? "const " : "", kind, id,
                     (long long)offset);
}

static void declare_tensor(fg_emit *e, const char *name, fg_value *v, bool output, const char *shift) {
    const fg_slot *s = fg_slot_of(e, v);
    const fg_dtype_info *type = fg_dtype_get(v->dtype);
    const char *from;
    if (s->place == FG_PLACE_ARENA) {
        const int64_t offset = (int64_t)fg_dtype_bytes(v->dtype, s->layout.offset);
        from = at_mark(e, !output, 'v', fg_root_of(e->planner, v)->id, offset);
    } else if (s->place == FG_PLACE_INPUT || s->place == FG_PLACE_OUTPUT) {
        from =
            fg_format(e->ctx, "c->%s[%lld]", s->place == FG_PLACE_INPUT ? "in" : "out", (long long)s->base);
        if (s->layout.offset) shift = fg_format(e->ctx, " + %lld%s", (long long)s->layout.offset, shift);
    } else {
        fg_raise(e->ctx, FG_INTERNAL, "emit: value '%s' has no place", v->name);
    }
    declare(e, !output, type->c_type, name, from, shift);
}

int64_t fg_place_constant(fg_planner *p, const fg_value *v) {
    if (p->constant_at[v->id] >= 0) return p->constant_at[v->id];
    const size_t bytes = fg_dtype_bytes(v->dtype, fg_shape_count(&v->shape));
    const int64_t at = reserve(p, (int64_t)bytes);
    if (bytes) memcpy(p->m->weights + at, v->data, bytes);
    p->constant_at[v->id] = at;
    fg_slot *s = &p->m->slots[v->id];
    s->place = FG_PLACE_WEIGHTS;
    s->base = at;
    return at;
}

void fg_emit_strings(fg_emit *e, const char *name, int64_t n, const char *const *strings) {
    fg_text_printf(e->out, "static const char *const %s[] = {", name);
    for (int64_t i = 0; i < n; i++)
        fg_text_printf(e->out, "%s\"%s\"", i ? ", " : "", fg_escape_c_string(e->ctx, strings[i]));
    fg_text_add(e->out, n ? "};\n" : "0};\n");
}

void fg_emit_input(fg_emit *e, const char *name, fg_value *v) {
    const char *type = fg_dtype_get(v->dtype)->c_type;
    if (v->data && v->dtype == FG_STRING) {
        fg_emit_strings(e, name, fg_shape_count(&v->shape), v->data);
        return;
    }
    if (v->data) {
        const int64_t at = fg_place_constant(e->planner, v);
        e->kt->weight_bytes += (int64_t)fg_dtype_bytes(v->dtype, fg_shape_count(&v->shape));
        declare(e, true, type, name, at_bytes(e, true, "weights", at), "");
        return;
    }
    /* The test hook's fault: the kernel reads its first operand one element late. */
    const bool fault = e->k->index == e->m->options.fault_kernel && !e->faulted;
    e->faulted |= fault;
    declare_tensor(e, name, v, false, fault ? " + 1" : "");
}

void fg_emit_output(fg_emit *e, const char *name, fg_value *v) {
    declare_tensor(e, name, v, true, "");
}

static uint64_t hash_of(const int32_t *at, int64_t n) {
    uint64_t h = UINT64_C(14695981039346656037);
    for (int64_t i = 0; i < n; i++) h = (h ^ (uint32_t)at[i]) * UINT64_C(1099511628211);
    return h;
}

/* Kernels of the same geometry share a table. */
static int64_t place_table(fg_planner *p, const int32_t *at, int64_t n) {
    const uint64_t hash = hash_of(at, n);
    for (int i = 0; i < p->n_tables; i++) {
        const fg_row_table *t = &p->tables[i];
        if (t->hash == hash && t->n == n && memcmp(t->at, at, (size_t)n * sizeof(*at)) == 0) return t->place;
    }
    if (p->n_tables == p->cap_tables) {
        const int capacity = p->cap_tables ? 2 * p->cap_tables : 16;
        fg_row_table *grown = FG_ARRAY(p->ctx, capacity, fg_row_table);
        if (p->n_tables) memcpy(grown, p->tables, (size_t)p->n_tables * sizeof(*grown));
        p->tables = grown;
        p->cap_tables = capacity;
    }
    const int64_t bytes = n * (int64_t)sizeof(*at), place = reserve(p, bytes);
    memcpy(p->m->weights + place, at, (size_t)bytes);
    p->tables[p->n_tables++] = (fg_row_table){.at = at, .n = n, .place = place, .hash = hash};
    return place;
}

bool fg_emit_rows(fg_emit *e, const char *name, const fg_value *v) {
    const int32_t *row = v->data ? NULL : fg_layout_of(e, v)->row;
    if (!row) return false;
    const int64_t n = fg_shape_count(&v->shape) / v->shape.dim[v->shape.rank - 1];
    const int64_t place = place_table(e->planner, row, n);
    e->kt->weight_bytes += n * (int64_t)sizeof(*row);
    declare(e, true, "int32_t", name, at_bytes(e, true, "weights", place), "");
    return true;
}

static int add_scratch(fg_emit *e, int64_t bytes, bool kept) {
    fg_planner *p = e->planner;
    if (p->n_scratch == p->cap_scratch) {
        const int capacity = p->cap_scratch ? 2 * p->cap_scratch : 64;
        fg_scratch_plan *grown = FG_ARRAY(e->ctx, capacity, fg_scratch_plan);
        if (p->n_scratch) memcpy(grown, p->scratch, (size_t)p->n_scratch * sizeof(*grown));
        p->scratch = grown;
        p->cap_scratch = capacity;
    }
    p->scratch[p->n_scratch] = (fg_scratch_plan){.kernel = e->k->index, .bytes = bytes, .kept = kept};
    return p->n_scratch++;
}

void fg_emit_kept(fg_emit *e, const char *name, int64_t bytes) {
    declare(e, false, "char", name, at_mark(e, false, 's', add_scratch(e, bytes, true), 0), "");
}

const char *fg_emit_failure(fg_emit *e, fg_failure code) {
    e->m->can_fail = true;
    e->m->reads_numbers |= code == FG_FAIL_NUMBER;
    return fg_format(e->ctx, "*c->status = %d;", code);
}

/* Bytes between the shares of two parts. Cache lines of their own are not enough: a processor that streams
 * through its share fetches some lines beyond the end, out of the other's hands. Without, the rings of expand
 * + depthwise cost two threads of MobileNetV2 5 %. */
#define APART 1024

void fg_emit_shared(fg_emit *e, const char *name, const char *c_type, size_t element_bytes, int64_t count) {
    const int64_t extents[2] = {count, (int64_t)element_bytes};
    const int64_t bytes = fg_checked_product(e->ctx, 2, extents);
    declare(e, false, c_type, name, at_mark(e, false, 's', add_scratch(e, bytes, false), 0), "");
}

void fg_emit_scratch(fg_emit *e, const char *name, const char *c_type, size_t element_bytes, int64_t count) {
    const int64_t extents[2] = {count, (int64_t)element_bytes};
    int64_t bytes = fg_checked_product(e->ctx, 2, extents);
    const char *own = "";
    if (e->parallel) { /* a share for each part */
        bytes = fg_round_up(bytes, 64) + APART;
        own = fg_format(e->ctx, " + c->part * %lld", (long long)(bytes / (int64_t)element_bytes));
        const int64_t all[2] = {bytes, e->m->options.threads};
        bytes = fg_checked_product(e->ctx, 2, all);
    }
    declare(e, false, c_type, name, at_mark(e, false, 's', add_scratch(e, bytes, false), 0), own);
}

int fg_emit_room(fg_emit *e, int64_t bytes) {
    return add_scratch(e, bytes, false);
}

void fg_emit_in_room(fg_emit *e, const char *name, const char *c_type, int room) {
    declare(e, false, c_type, name, at_mark(e, false, 's', room, 0), "");
}

void fg_emit_ring(fg_emit *e, fg_value *v, int64_t rows, int64_t left, int64_t right) {
    fg_slot *s = &e->m->slots[v->id];
    const int64_t pixel = v->shape.dim[1], row = (left + v->shape.dim[3] + right) * pixel;
    FG_REQUIRE(e->ctx, "ring", v->shape.rank == 4 && s->place == FG_PLACE_NONE);
    s->place = FG_PLACE_ARENA;
    s->layout = (fg_layout){
        .stride = {0, 1, row, pixel}, .offset = left * pixel, .elements = rows * row, .ring = rows};
    e->planner->values[v->id].room = 1 + fg_emit_room(e, s->layout.elements * (int64_t)sizeof(float));
}

void fg_emit_same_ring(fg_emit *e, fg_value *v, const fg_value *of) {
    fg_slot *s = &e->m->slots[v->id];
    FG_REQUIRE(e->ctx, "ring", s->place == FG_PLACE_NONE && fg_layout_of(e, of)->ring > 0);
    s->place = FG_PLACE_ARENA;
    s->layout = *fg_layout_of(e, of);
    e->planner->values[v->id].room = e->planner->values[of->id].room;
}

void fg_emit_overlap(fg_emit *e, const fg_value *x, const fg_value *y, int64_t lag) {
    fg_planner *p = e->planner;
    if (p->n_overlaps == p->cap_overlaps) {
        const int capacity = p->cap_overlaps ? 2 * p->cap_overlaps : 16;
        fg_overlap_plan *grown = FG_ARRAY(e->ctx, capacity, fg_overlap_plan);
        if (p->n_overlaps) memcpy(grown, p->overlaps, (size_t)p->n_overlaps * sizeof(*grown));
        p->overlaps = grown;
        p->cap_overlaps = capacity;
    }
    p->overlaps[p->n_overlaps++] = (fg_overlap_plan){e->k->index, x, y, lag};
}

void *fg_emit_table(fg_emit *e, const char *name, const char *c_type, size_t element_bytes, int64_t count) {
    const int64_t extents[2] = {count, (int64_t)element_bytes};
    const int64_t bytes = fg_checked_product(e->ctx, 2, extents), at = reserve(e->planner, bytes);
    e->kt->weight_bytes += bytes;
    declare(e, true, c_type, name, at_bytes(e, true, "weights", at), "");
    return e->m->weights + at;
}

float *fg_emit_weights(fg_emit *e, const char *name, int64_t count) {
    return fg_emit_table(e, name, "float", sizeof(float), count);
}

/* ---- weights of 16 bits ---- */

/* The code of x in that type; *exact: it stands for x and nothing else. */
static uint16_t code_of(fg_dtype t, float x, bool *exact) {
    const uint16_t code = t == FG_FLOAT16 ? fg_half_from_float(x) : fg_bfloat_from_float(x);
    *exact = (t == FG_FLOAT16 ? fg_half_to_float(code) : fg_bfloat_to_float(code)) == x;
    return code;
}

static bool all_exact(fg_dtype t, const float *x, int64_t n) {
    bool exact = true;
    for (int64_t i = 0; i < n && exact; i++) (void)code_of(t, x[i], &exact);
    return exact;
}

static void store_codes(fg_dtype t, const float *x, int64_t n, uint8_t *to) {
    for (int64_t i = 0; i < n; i++) {
        bool exact;
        const uint16_t code = code_of(t, x[i], &exact);
        to[2 * i] = (uint8_t)code;
        to[2 * i + 1] = (uint8_t)(code >> 8);
    }
}

float *fg_pack_new(const fg_emit *e, int64_t count) {
    const int64_t extents[2] = {count, sizeof(float)};
    return fg_big_alloc(e->ctx, (size_t)fg_checked_product(e->ctx, 2, extents) + 1);
}

fg_dtype fg_emit_packed(fg_emit *e, const char *name, fg_dtype storage, float *packed, int64_t count) {
    const bool half = storage != FG_UNDEFINED && all_exact(storage, packed, count);
    if (half)
        store_codes(storage, packed, count, fg_emit_table(e, name, "uint16_t", 2, count));
    else if (count > 0)
        memcpy(fg_emit_weights(e, name, count), packed, (size_t)count * sizeof(float));
    else
        (void)fg_emit_weights(e, name, count);
    fg_big_free(e->ctx, packed);
    return half ? storage : FG_FLOAT;
}

int fg_widening(const fg_target *t, fg_dtype stored) {
    return stored == FG_FLOAT16 ? t->widen_fp16 : stored == FG_BFLOAT16 ? t->widen_bf16 : 0;
}

/* A vector costs its widening in each loop, or once and a load and a store beside. Not where memory counts
 * more. */
bool fg_wants_wide(const fg_emit *e, fg_dtype stored, int64_t times) {
    const int widening = fg_widening(e->m->target, stored);
    return widening > 0 && e->m->options.optimize != FG_OPTIMIZE_RAM && (times - 1) * widening > 2;
}

fg_dtype fg_emit_stored(fg_emit *e, const char *name, fg_value *v) {
    const int64_t n = fg_shape_count(&v->shape);
    if (v->data == NULL || v->storage == FG_UNDEFINED || !all_exact(v->storage, v->data, n)) {
        fg_emit_input(e, name, v);
        return v->dtype;
    }
    fg_planner *p = e->planner;
    if (p->stored_at[v->id] < 0) {
        p->stored_at[v->id] = reserve(p, 2 * n);
        store_codes(v->storage, v->data, n, p->m->weights + p->stored_at[v->id]);
    }
    e->kt->weight_bytes += 2 * n;
    declare(e, true, "uint16_t", name, at_bytes(e, true, "weights", p->stored_at[v->id]), "");
    return v->storage;
}

const char *fg_weight_type(fg_dtype stored) {
    return stored == FG_FLOAT16 || stored == FG_BFLOAT16 ? "uint16_t" : "float";
}

const char *fg_weight_load(fg_dtype stored) {
    return stored == FG_FLOAT16 ? "fg_load_fp16" : stored == FG_BFLOAT16 ? "fg_load_bf16" : "fg_load";
}

void fg_template_weights(fg_template *t, fg_dtype stored) {
    fg_template_text(t, "WT", fg_weight_type(stored));
    fg_template_text(t, "LOADW", fg_weight_load(stored));
}

bool fg_emit_parallel(fg_emit *e) {
    e->parallel = e->m->options.threads > 1;
    e->kt->parallel = e->parallel;
    return e->parallel;
}

void fg_emit_finish(fg_emit *e) {
    e->kt->finish = true;
}

const char *fg_part_from(const fg_emit *e, int64_t n) {
    return e->parallel ? fg_format(e->ctx, "FG_FROM(%lld)", (long long)n) : "0";
}

const char *fg_part_to(const fg_emit *e, int64_t n) {
    return fg_format(e->ctx, e->parallel ? "FG_TO(%lld)" : "%lld", (long long)n);
}

void fg_template_part(fg_template *t, const fg_emit *e, const char *name, bool divided, int64_t n,
                      int64_t whole, int64_t step) {
    fg_context *ctx = e->ctx;
    const char *from = "0", *to = fg_format(ctx, "%lld", (long long)(whole * step));
    if (divided && e->parallel) {
        const char *times = step == 1 ? "" : fg_format(ctx, " * %lld", (long long)step),
                   *end = fg_part_to(e, n);
        from = fg_format(ctx, "%s%s", fg_part_from(e, n), times);
        if (whole < n)
            end = fg_format(ctx, "(%s < %lld ? %s : %lld)", end, (long long)whole, end, (long long)whole);
        to = fg_format(ctx, "%s%s", end, times);
    }
    fg_template_text(t, fg_format(ctx, "%s_FROM", name), from);
    fg_template_text(t, fg_format(ctx, "%s_TO", name), to);
}

fg_template *fg_emit_template(fg_emit *e) {
    fg_template *t = fg_template_new(e->ctx);
    const fg_target *target = e->m->target;
    fg_template_int(t, "VL", e->lanes);
    fg_template_weights(t, FG_FLOAT);
    /* Bodies beyond a hundred and some multiply-adds gain nothing, and fill instruction caches. */
    const int most = target->unroll_budget / 6;
    const bool unroll = target->issue && !fg_wants_little_text(e->m, e->k);
    fg_template_int(t, "UNROLL", !unroll ? 0 : most < 128 ? most : 128);
    fg_template_int(t, "RUN", target->run);
    fg_template_int(t, "WALK", target->walk);
    fg_template_int(t, "SLOW_MEMCPY", target->slow_memcpy);
    fg_template_int(t, "WAITS", target->load_wait > 0);
    fg_template_int(t, "NEIGHBOURS", target->load_vectors);
    fg_template_int(t, "REGISTERS", target->vector_registers);
    return t;
}

void fg_describe(fg_emit *e, const char *tile, const char *format, ...) {
    char why[512];
    va_list ap;
    va_start(ap, format);
    (void)vsnprintf(why, sizeof(why), format, ap);
    va_end(ap);
    e->kt->tile = fg_strdup(e->ctx, tile);
    e->kt->why = fg_strdup(e->ctx, why);
}

void fg_template_layout(fg_template *t, const fg_emit *e, const char *name, const fg_value *v) {
    fg_template_ints(t, fg_format(e->ctx, "%s_s", name), v->shape.rank, fg_layout_of(e, v)->stride);
    fg_template_ints(t, fg_format(e->ctx, "%s_d", name), v->shape.rank, v->shape.dim);
}
