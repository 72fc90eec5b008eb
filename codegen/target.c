/* Reads target profiles: embedded ones by name, a user's by path. */
#include "codegen/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/embedded.h"

static const char suffix[] = ".target";

enum { MAX_INHERITANCE = 8, MAX_FILE = 65536, MAX_TARGETS = 64, MAX_NAME = 64 };

typedef enum kind { TEXT, COMMAND, ISA, BITS, INT, BOOL, BYTES, NUMBER } kind;

/* Bounds are on the value as stored; COMMAND may be empty. */
static const struct key {
    const char *name;
    kind kind;
    size_t offset;
    double least, most;
} keys[] = {
    {"description", TEXT, offsetof(fg_target, description), 0, 0},
    {"isa", ISA, offsetof(fg_target, isa), 0, 0},
    {"vector_bits", BITS, offsetof(fg_target, vector_bits), 32, 2048},
    {"vector_registers", INT, offsetof(fg_target, vector_registers), 4, 256},
    {"element_registers", INT, offsetof(fg_target, element_registers), 0, 256},
    {"fma", BOOL, offsetof(fg_target, fma), 0, 0},
    {"fma_per_cycle", INT, offsetof(fg_target, fma_per_cycle), 1, 64},
    {"half_fma_per_cycle", INT, offsetof(fg_target, half_fma_per_cycle), 0, 64},
    {"fma_latency", INT, offsetof(fg_target, fma_latency), 1, 1000},
    {"run", INT, offsetof(fg_target, run), 1, 16},
    {"walk", BOOL, offsetof(fg_target, walk), 0, 0},
    {"prefetch", BOOL, offsetof(fg_target, prefetch), 0, 0},
    {"minmax", BOOL, offsetof(fg_target, minmax), 0, 0},
    {"slow_memcpy", BOOL, offsetof(fg_target, slow_memcpy), 0, 0},
    {"widen_fp16", INT, offsetof(fg_target, widen_fp16), 0, 100},
    {"widen_bf16", INT, offsetof(fg_target, widen_bf16), 0, 100},
    {"in_order", BOOL, offsetof(fg_target, in_order), 0, 0},
    {"load_vectors", INT, offsetof(fg_target, load_vectors), 1, 4},
    {"load_wait", INT, offsetof(fg_target, load_wait), 0, 1000},
    {"issue", INT, offsetof(fg_target, issue), 0, 16},
    {"ghz", NUMBER, offsetof(fg_target, ghz), 0.0001, 100},
    {"l1_bytes", BYTES, offsetof(fg_target, l1_bytes), 0, 1e15},
    {"l2_bytes", BYTES, offsetof(fg_target, l2_bytes), 0, 1e15},
    {"l3_bytes", BYTES, offsetof(fg_target, l3_bytes), 0, 1e15},
    {"l1_gbps", NUMBER, offsetof(fg_target, l1_gbps), 0, 1e6},
    {"l2_gbps", NUMBER, offsetof(fg_target, l2_gbps), 0, 1e6},
    {"l3_gbps", NUMBER, offsetof(fg_target, l3_gbps), 0, 1e6},
    {"dram_gbps", NUMBER, offsetof(fg_target, dram_gbps), 0.0001, 1e6},
    {"peak_gflops", NUMBER, offsetof(fg_target, peak_gflops), 0.0001, 1e9},
    {"joules_per_flop", NUMBER, offsetof(fg_target, joules_per_flop), 0, 1},
    {"joules_per_byte", NUMBER, offsetof(fg_target, joules_per_byte), 0, 1},
    {"schedule", NUMBER, offsetof(fg_target, schedule), 0.0001, 1e4},
    {"report_only", BOOL, offsetof(fg_target, report_only), 0, 0},
    {"arena_align", INT, offsetof(fg_target, arena_align), 4, 4096},
    {"flash_bytes", BYTES, offsetof(fg_target, flash_bytes), 0, 1e15},
    {"ram_bytes", BYTES, offsetof(fg_target, ram_bytes), 0, 1e15},
    {"flash_base", BYTES, offsetof(fg_target, flash_base), 0, 4294967295.0},
    {"ram_base", BYTES, offsetof(fg_target, ram_base), 0, 4294967295.0},
    {"vector_base", BYTES, offsetof(fg_target, vector_base), 0, 4294967295.0},
    {"tcm_bytes", BYTES, offsetof(fg_target, tcm_bytes), 0, 1e15},
    {"unaligned", BOOL, offsetof(fg_target, unaligned), 0, 0},
    {"unroll_budget", INT, offsetof(fg_target, unroll_budget), 16, 1000000},
    {"compiler", TEXT, offsetof(fg_target, compiler), 0, 0},
    {"flags", COMMAND, offsetof(fg_target, flags), 0, 0},
    {"emulator", COMMAND, offsetof(fg_target, emulator), 0, 0},
    {"runtime", TEXT, offsetof(fg_target, runtime), 0, 0},
    {"link", COMMAND, offsetof(fg_target, link), 0, 0},
    {"mca_cpu", COMMAND, offsetof(fg_target, mca_cpu), 0, 0},
    {"packages", COMMAND, offsetof(fg_target, packages), 0, 0},
};

/* A target while its files are read. */
typedef struct profile {
    fg_target target;
    uint64_t given; /* bit per key: by this file or one it inherits from */
} profile;

static const char *const isas[] = {"x86", "aarch64", "arm", "riscv", "generic"};

typedef struct reader {
    fg_context *ctx;
    const char *file; /* for messages */
    int line;
    uint64_t seen; /* keys of this file */
} reader;

_Noreturn static void fail(const reader *r, const char *key, const char *value, const char *wanted) {
    fg_remedy(r->ctx, "write %s", wanted);
    fg_raise(r->ctx, FG_USAGE, "%s:%d: bad value '%.80s' of '%s'", r->file, r->line, value, key);
}

/* ---- values ---- */

static void *field(fg_target *t, const struct key *k) {
    return (char *)t + k->offset;
}

static double read_number(const reader *r, const struct key *k, const char *value) {
    static const char units[] = "kMG";
    char *end;
    errno = 0;
    double x = strtod(value, &end);
    const char *unit = k->kind == BYTES && *end ? strchr(units, *end) : NULL;
    if (unit) {
        for (const char *u = units; u <= unit; u++) x *= 1024;
        end++;
    }
    if (end == value || *end || errno || !(x >= k->least && x <= k->most))
        fail(r, k->name, value,
             fg_format(r->ctx, "a number from %g to %g%s", k->least, k->most,
                       k->kind == BYTES ? "; k, M, G may follow it" : ""));
    if (k->kind != NUMBER && x != (double)(int64_t)x) fail(r, k->name, value, "a whole number");
    return x;
}

static bool read_bool(const reader *r, const struct key *k, const char *value) {
    if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0) fail(r, k->name, value, "true or false");
    return *value == 't';
}

static const char *read_isa(const reader *r, const struct key *k, const char *value) {
    for (size_t i = 0; i < FG_COUNT(isas); i++)
        if (strcmp(isas[i], value) == 0) return isas[i];
    fail(r, k->name, value, "x86, aarch64, arm, riscv or generic");
}

static void store(const reader *r, fg_target *t, const struct key *k, const char *value) {
    void *p = field(t, k);
    switch (k->kind) {
    case TEXT:
        if (!*value) fail(r, k->name, value, "some text");
        *(const char **)p = value;
        break;
    case COMMAND: *(const char **)p = value; break;
    case ISA: *(const char **)p = read_isa(r, k, value); break;
    case BOOL: *(bool *)p = read_bool(r, k, value); break;
    case BYTES: *(int64_t *)p = (int64_t)read_number(r, k, value); break;
    case NUMBER: *(double *)p = read_number(r, k, value); break;
    case INT: *(int *)p = (int)read_number(r, k, value); break;
    case BITS: {
        const int bits = (int)read_number(r, k, value);
        if (bits & (bits - 1)) fail(r, k->name, value, "a power of two from 32 to 2048");
        *(int *)p = bits;
        break;
    }
    }
}

/* ---- lines ---- */

static const struct key *find_key(const reader *r, const char *name) {
    for (size_t i = 0; i < FG_COUNT(keys); i++)
        if (strcmp(keys[i].name, name) == 0) return &keys[i];
    fg_text all = fg_text_new(r->ctx);
    for (size_t i = 0; i < FG_COUNT(keys); i++) fg_text_printf(&all, " %s", keys[i].name);
    fg_remedy(r->ctx, "keys are: inherit%s", all.data);
    fg_raise(r->ctx, FG_USAGE, "%s:%d: unknown key '%.80s'", r->file, r->line, name);
}

/* Copy of [from, to) without blanks at its ends. */
static char *trimmed(fg_context *ctx, const char *from, const char *to) {
    while (from < to && strchr(" \t\r", *from)) from++;
    while (from < to && strchr(" \t\r", to[-1])) to--;
    return fg_strndup(ctx, from, (size_t)(to - from));
}

static void load(fg_context *ctx, profile *p, const char *name, int depth);

static void read_line(reader *r, profile *p, const char *from, const char *to, int depth) {
    const char *comment = memchr(from, '#', (size_t)(to - from));
    if (comment) to = comment;
    if (!*trimmed(r->ctx, from, to)) return;
    const char *equals = memchr(from, '=', (size_t)(to - from));
    if (!equals) {
        fg_remedy(r->ctx, "lines are 'key = value  # source of the number'");
        fg_raise(r->ctx, FG_USAGE, "%s:%d: no '=' in '%.80s'", r->file, r->line, trimmed(r->ctx, from, to));
    }
    const char *name = trimmed(r->ctx, from, equals), *value = trimmed(r->ctx, equals + 1, to);
    if (strcmp(name, "inherit") == 0) {
        if (r->seen) fg_raise(r->ctx, FG_USAGE, "%s:%d: 'inherit' has to be the first key", r->file, r->line);
        if (depth >= MAX_INHERITANCE)
            fg_raise(r->ctx, FG_USAGE, "%s:%d: more than %d files inherit from each other", r->file, r->line,
                     MAX_INHERITANCE);
        load(r->ctx, p, value, depth + 1);
        return;
    }
    const struct key *k = find_key(r, name);
    const uint64_t bit = (uint64_t)1 << (k - keys);
    if (r->seen & bit) fg_raise(r->ctx, FG_USAGE, "%s:%d: '%s' is given twice", r->file, r->line, name);
    r->seen |= bit;
    p->given |= bit;
    store(r, &p->target, k, value);
}

/* ---- files ---- */

static const char *read_whole(fg_context *ctx, const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) fg_raise(ctx, FG_USAGE, "cannot open target file '%s': %s", path, strerror(errno));
    char *text = fg_alloc(ctx, MAX_FILE + 1, 1);
    const size_t n = fread(text, 1, MAX_FILE + 1, f);
    const bool failed = ferror(f) != 0;
    fclose(f);
    if (failed) fg_raise(ctx, FG_USAGE, "cannot read target file '%s'", path);
    if (n > MAX_FILE || memchr(text, 0, n)) fg_raise(ctx, FG_USAGE, "'%s' is not a target file", path);
    return text;
}

static bool is_path(const char *name) {
    const size_t n = strlen(name), s = strlen(suffix);
    return n > s && strcmp(name + n - s, suffix) == 0;
}

static const fg_embedded_file *find_embedded(const char *name) {
    const size_t n = strlen(name);
    for (const fg_embedded_file *f = fg_embedded_targets; f->name; f++)
        if (strncmp(f->name, name, n) == 0 && strcmp(f->name + n, suffix) == 0) return f;
    return NULL;
}

_Noreturn static void no_such_target(fg_context *ctx, const char *name) {
    fg_text all = fg_text_new(ctx);
    for (int i = 0; i < fg_target_count(); i++) fg_text_printf(&all, " %s", fg_target_name_at(i));
    fg_remedy(ctx, "targets are: host%s, or the path of a file NAME.target", all.data ? all.data : "");
    fg_raise(ctx, FG_USAGE, "no target '%.80s'", name);
}

static const char *text_of(fg_context *ctx, const char *name, const char **file) {
    *file = name;
    if (is_path(name)) return read_whole(ctx, name);
    const fg_embedded_file *f = find_embedded(name);
    if (!f) no_such_target(ctx, name);
    *file = f->name;
    return f->text;
}

static const char *stem_of(fg_context *ctx, const char *name) {
    const char *slash = strrchr(name, '/');
    if (slash) name = slash + 1;
    const size_t n = strlen(name);
    return fg_strndup(ctx, name, is_path(name) ? n - strlen(suffix) : n);
}

static void load(fg_context *ctx, profile *p, const char *name, int depth) {
    reader r = {.ctx = ctx};
    const char *text = text_of(ctx, name, &r.file);
    while (*text) {
        const char *end = text + strcspn(text, "\n");
        r.line++;
        read_line(&r, p, text, end, depth);
        text = *end ? end + 1 : end;
    }
    for (size_t i = 0; i < FG_COUNT(keys); i++)
        if (!(p->given >> i & 1)) {
            fg_remedy(ctx, "add a line '%s = ...', or start with 'inherit = NAME'", keys[i].name);
            fg_raise(ctx, FG_USAGE, "%s:%d: key '%s' is missing", r.file, r.line, keys[i].name);
        }
}

/* ---- the CPU that this program runs on ---- */

static const char *host_name(void) {
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512vl");
    return v4 ? "x86-64-v4" : v3 ? "x86-64-v3" : "x86-64";
#elif defined(__aarch64__)
    return "aarch64";
#else
    return "generic";
#endif
}

/* ---- interface ---- */

int fg_target_lanes(const fg_target *t) {
    return t->vector_bits / 32;
}

/* Keys that a file may leave out. */
static void give_defaults(fg_context *ctx, profile *p) {
    static const char *const defaults[][2] = {
        {"widen_fp16", "1"},  {"widen_bf16", "1"},      {"schedule", "1"},
        {"run", "1"},         {"in_order", "false"},    {"prefetch", "true"},
        {"minmax", "false"},  {"slow_memcpy", "false"}, {"issue", "0"},
        {"walk", "false"},    {"report_only", "false"}, {"flash_base", "0"},
        {"ram_base", "0"},    {"vector_base", "0"},     {"tcm_bytes", "0"},
        {"runtime", "linux"}, {"link", "-static"},      {"packages", ""},
        {"mca_cpu", ""},      {"load_wait", "0"},       {"element_registers", "0"},
        {"load_vectors", "1"}};
    const reader r = {.ctx = ctx, .file = "defaults"};
    for (size_t i = 0; i < FG_COUNT(defaults); i++) {
        const struct key *k = find_key(&r, defaults[i][0]);
        store(&r, &p->target, k, defaults[i][1]);
        p->given |= (uint64_t)1 << (k - keys);
    }
}

/* Words of the vocabulary know runs that fill a register: a vector's, or a double one of single numbers. */
static void check_run(fg_context *ctx, const fg_target *t) {
    const int lanes = fg_target_lanes(t), whole = lanes == 1 ? 2 : lanes;
    if (t->run == 1 || t->run == whole) return;
    fg_remedy(ctx, "write 1 or %d", whole);
    fg_raise(ctx, FG_USAGE, "target '%s': bad value '%d' of 'run' with vectors of %d bits", t->name, t->run,
             t->vector_bits);
}

static void check_load_vectors(fg_context *ctx, const fg_target *t) {
    if (t->load_vectors != 3) return;
    fg_remedy(ctx, "write 1, 2 or 4");
    fg_raise(ctx, FG_USAGE, "target '%s': bad value '3' of 'load_vectors'", t->name);
}

const fg_target *fg_target_load(fg_context *ctx, const char *name) {
    if (strcmp(name, "host") == 0) name = host_name();
    profile *p = FG_NEW(ctx, profile);
    give_defaults(ctx, p);
    load(ctx, p, name, 0);
    p->target.name = stem_of(ctx, name);
    check_run(ctx, &p->target);
    check_load_vectors(ctx, &p->target);
    return &p->target;
}

int fg_target_count(void) {
    int n = 0;
    while (n < MAX_TARGETS && fg_embedded_targets[n].name) n++;
    return n;
}

static int compare_targets(const void *a, const void *b) {
    return strcmp(a, b);
}

const char *fg_target_name_at(int i) {
    static char names[MAX_TARGETS][MAX_NAME]; /* filled once, always with the same bytes */
    const int n = fg_target_count();
    if (i < 0 || i >= n) return NULL;
    if (!names[n - 1][0]) {
        for (int k = 0; k < n; k++)
            snprintf(names[k], MAX_NAME, "%.*s", (int)(strlen(fg_embedded_targets[k].name) - strlen(suffix)),
                     fg_embedded_targets[k].name);
        qsort(names, (size_t)n, MAX_NAME, compare_targets);
    }
    return names[i];
}

double fg_target_stream_cycles(const fg_target *t, double bytes) {
    if (bytes <= (double)t->l2_bytes / 2 || t->dram_gbps <= 0) return 0;
    return bytes / t->dram_gbps * t->ghz;
}

double fg_overlapped_cycles(double compute, double stream) {
    return compute > stream ? compute + 0.3 * stream : stream + 0.3 * compute;
}

double fg_target_roofline_ms(const fg_target *t, int64_t flops, int64_t bytes) {
    const double gbps = bytes <= t->l2_bytes ? t->l2_gbps : bytes <= t->l3_bytes ? t->l3_gbps : t->dram_gbps;
    const double compute = t->peak_gflops > 0 ? (double)flops / (t->peak_gflops * 1e6) : 0;
    const double memory = gbps > 0 ? (double)bytes / (gbps * 1e6) : 0;
    return compute > memory ? compute : memory;
}
