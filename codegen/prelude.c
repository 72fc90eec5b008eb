/* Selects sections of templates/prelude*.c.in by the identifiers that occur in the kernels (format: see
 * there). */
#include "codegen/prelude.h"

#include <stdlib.h>
#include <string.h>

#include "codegen/embedded.h"
#include "codegen/numbers.h"

typedef enum dialect {
    AVX512,
    AVX2,
    SSE2,
    NEON,
    NEON32,
    MVE,
    GNU,
    LANES,
    SCALAR,
    COMMON,
    N_DIALECTS
} dialect;

static const char *const dialect_names[N_DIALECTS] = {"avx512", "avx2", "sse2",  "neon",   "neon32",
                                                      "mve",    "gnu",  "lanes", "scalar", NULL};

/* What the compiler must predefine, and what the dialect needs. */
static const struct {
    const char *condition, *macro, *title, *include;
} dialect_facts[N_DIALECTS] = {
    [AVX512] = {"defined(__AVX512F__)", "FG_AVX512", "AVX-512", "#include <immintrin.h>\n"},
    [AVX2] = {"defined(__AVX2__) && defined(__FMA__)", "FG_AVX2", "AVX2 and FMA", "#include <immintrin.h>\n"},
    [SSE2] = {"defined(__SSE2__)", "FG_SSE2", "SSE2", "#include <immintrin.h>\n"},
    [NEON] = {"defined(__aarch64__)", "FG_NEON", "NEON", "#include <arm_neon.h>\n"},
    [NEON32] = {"defined(__arm__) && defined(__ARM_NEON)", "FG_NEON32", "NEON of 32-bit ARM",
                "#include <arm_neon.h>\n"},
    [MVE] = {"defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 2)", "FG_MVE", "MVE (Helium)",
             "#include <arm_mve.h>\n"},
    [GNU] = {"", "FG_GNU", "vector extensions of GNU C", ""},
    [LANES] = {"", "FG_LANES", "plain C, lane by lane", ""},
};

static const struct {
    const char *tag, *type, *suffix, *unsigned_type;
} scalar_types[] = {
    {"f32", "float", "f", ""},           {"f64", "double", "", ""},
    {"i8", "int8_t", "", "uint8_t"},     {"i16", "int16_t", "", "uint16_t"},
    {"i32", "int32_t", "", "uint32_t"},  {"i64", "int64_t", "", "uint64_t"},
    {"u8", "uint8_t", "", "uint8_t"},    {"u16", "uint16_t", "", "uint16_t"},
    {"u32", "uint32_t", "", "uint32_t"}, {"u64", "uint64_t", "", "uint64_t"},
    {"b8", "uint8_t", "", "uint8_t"},
};

enum { UNTYPED = FG_COUNT(scalar_types), N_INSTANCES };

typedef struct span {
    const char *at;
    size_t n;
} span;

typedef struct section {
    span header; /* names, and all that follows them on the line */
    span text[N_DIALECTS];
    unsigned types; /* bit per scalar type, 0: not a family */
    bool libm;
    span base;                 /* section whose scalar instance this is; empty: none */
    unsigned used[N_DIALECTS]; /* bit per instance */
} section;

typedef struct name {
    span text; /* without "_$T" */
    int section;
} name;

typedef struct prelude {
    fg_context *ctx;
    const fg_target *target;
    int lanes;
    section *sections;
    int n_sections;
    name *names;
    int n_names;
    bool dialects[N_DIALECTS];
    bool libm, stdint;
    fg_numbers *numbers; /* constants that are read from a table; NULL: none are */
} prelude;

/* ---- reading the sections ---- */

static bool span_is(span s, const char *text) {
    return strlen(text) == s.n && memcmp(s.at, text, s.n) == 0;
}

static span next_line(const char **p) {
    const char *end = strchr(*p, '\n');
    const span line = {*p, end ? (size_t)(end - *p) : strlen(*p)};
    *p = end ? end + 1 : *p + line.n;
    return line;
}

static void skip(span *s, size_t n) {
    s->at += n;
    s->n -= n;
}

static span next_word(span *s) {
    while (s->n && *s->at == ' ') skip(s, 1);
    span word = {s->at, 0};
    while (word.n < s->n && s->at[word.n] != ' ') word.n++;
    skip(s, word.n);
    return word;
}

static bool starts(span s, const char *with) {
    return s.n >= strlen(with) && memcmp(s.at, with, strlen(with)) == 0;
}

static int compare_spans(span a, span b) {
    const size_t n = a.n < b.n ? a.n : b.n;
    const int c = memcmp(a.at, b.at, n);
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

static int compare_names(const void *a, const void *b) {
    return compare_spans(((const name *)a)->text, ((const name *)b)->text);
}

static int type_of(span tag) {
    for (int t = 0; t < UNTYPED; t++)
        if (span_is(tag, scalar_types[t].tag)) return t;
    return -1;
}

static void add_name(prelude *p, span word) {
    if (word.n > 3 && memcmp(word.at + word.n - 3, "_$T", 3) == 0) word.n -= 3;
    p->names[p->n_names++] = (name){word, p->n_sections - 1};
}

/* "NAME ... [for TAG ...] [= BASE] [+libm]" */
static void read_header(prelude *p, section *s, span line) {
    enum { IN_NAMES, IN_TYPES, IN_BASE } part = IN_NAMES;
    for (span w = next_word(&line); w.n; w = next_word(&line)) {
        if (span_is(w, "+libm")) {
            s->libm = true;
        } else if (span_is(w, "for")) {
            part = IN_TYPES;
        } else if (span_is(w, "=")) {
            part = IN_BASE;
        } else if (part == IN_TYPES) {
            const int type = type_of(w);
            FG_REQUIRE(p->ctx, "prelude", type >= 0);
            s->types |= 1u << type;
        } else if (part == IN_BASE) {
            s->base = w;
        } else {
            add_name(p, w);
        }
    }
}

static unsigned read_dialects(prelude *p, span line) {
    unsigned set = 0;
    for (span w = next_word(&line); w.n; w = next_word(&line)) {
        int d = 0;
        while (d < COMMON && !span_is(w, dialect_names[d])) d++;
        FG_REQUIRE(p->ctx, "prelude", d < COMMON);
        set |= 1u << d;
    }
    return set;
}

static void extend(section *s, unsigned set, span line) {
    for (int d = 0; d < N_DIALECTS; d++) {
        if (!(set >> d & 1u)) continue;
        if (!s->text[d].at) s->text[d].at = line.at;
        s->text[d].n = (size_t)(line.at + line.n - s->text[d].at);
    }
}

static void read_file(prelude *p, const char *text) {
    unsigned set = 0;
    section *s = NULL;
    while (*text) {
        const span line = next_line(&text);
        if (starts(line, "//#") || (!s && !starts(line, "//:"))) continue;
        if (starts(line, "//:")) {
            s = &p->sections[p->n_sections++];
            set = 1u << COMMON;
            read_header(p, s, (span){line.at + 3, line.n - 3});
        } else if (starts(line, "//|")) {
            set = read_dialects(p, (span){line.at + 3, line.n - 3});
        } else if (line.n) {
            extend(s, set, line);
        }
    }
}

/* Upper bound of names: one per word on header lines. */
static void count(const char *text, int *sections, int *names) {
    while (*text) {
        span line = next_line(&text);
        if (!starts(line, "//:")) continue;
        ++*sections;
        while (next_word(&line).n) ++*names;
    }
}

static bool is_prelude(const char *file) {
    return strncmp(file, "prelude", 7) == 0;
}

static void read_sections(prelude *p) {
    int n_sections = 0, n_names = 0;
    for (const fg_embedded_file *f = fg_embedded_templates; f->name; f++)
        if (is_prelude(f->name)) count(f->text, &n_sections, &n_names);
    p->sections = FG_ARRAY(p->ctx, n_sections, section);
    p->names = FG_ARRAY(p->ctx, n_names, name);
    for (const fg_embedded_file *f = fg_embedded_templates; f->name; f++)
        if (is_prelude(f->name)) read_file(p, f->text);
    qsort(p->names, (size_t)p->n_names, sizeof *p->names, compare_names);
}

/* ---- rendering the text of one section ---- */

static bool identifier_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The identifier at s, or else one character. */
static span next_token(span *s) {
    span t = {s->at, 1};
    if (identifier_char(*s->at))
        while (t.n < s->n && identifier_char(s->at[t.n])) t.n++;
    s->at += t.n;
    s->n -= t.n;
    return t;
}

static void add_span(fg_text *out, span s) {
    fg_text_addn(out, s.at, s.n);
}

/* $T, $C, $V, $f of the type, $i of the lane. */
static void render_variable(fg_text *out, char c, int type, int lane) {
    if (c == 'i') fg_text_printf(out, "%d", lane);
    if (type == UNTYPED) return;
    if (c == 'T') fg_text_add(out, scalar_types[type].tag);
    if (c == 'C') fg_text_add(out, scalar_types[type].type);
    if (c == 'f') fg_text_add(out, scalar_types[type].suffix);
    if (c == 'V') fg_text_add(out, scalar_types[type].unsigned_type);
}

/* The name of a vector word in the scalar instance of a text. */
static void render_scalar_word(fg_text *out, span t) {
    if (span_is(t, "fg_v"))
        fg_text_add(out, "float");
    else if (span_is(t, "fg_m"))
        fg_text_add(out, "int");
    else if (starts(t, "fg_"))
        fg_text_printf(out, "fgs_%.*s_f32", (int)(t.n - 3), t.at + 3);
    else
        add_span(out, t);
}

/* fg_set1 of a number that the table has; the rest of the line is moved past it. */
static bool render_number(const prelude *p, fg_text *out, span word, span *line, bool scalar) {
    size_t length;
    if (!span_is(word, "fg_set1")) return false;
    const char *text = fg_numbers_replace(p->numbers, line->at, line->n, scalar, &length);
    if (!text) return false;
    fg_text_add(out, text);
    line->at += length;
    line->n -= length;
    return true;
}

static void render_line(const prelude *p, fg_text *out, span line, bool scalar, int type, int lane) {
    while (line.n) {
        const span t = next_token(&line);
        if (*t.at == '$' && line.n) {
            render_variable(out, *line.at, type, lane);
            /* A type's name is never glued to the identifier that follows but by "_". */
            skip(&line, 1);
        } else if (render_number(p, out, t, &line, scalar)) {
            continue;
        } else if (scalar) {
            render_scalar_word(out, t);
        } else {
            add_span(out, t);
        }
    }
}

/* A line for each lane, four of them side by side; each keeps the backslash of a macro's line at its end. */
static void render_lanes(const prelude *p, fg_text *out, span indent, span line) {
    const bool macro = line.at[line.n - 1] == '\\';
    if (macro) line.n -= 2;
    for (int i = 0; i < p->lanes; i++) {
        fg_text_addn(out, indent.at, i % 4 ? 1 : indent.n);
        render_line(p, out, line, false, UNTYPED, i);
        if (i % 4 == 3 || i == p->lanes - 1) fg_text_add(out, macro ? " \\\n" : "\n");
    }
}

/* Drops what only the reader of the template needs; a blank line follows text of several lines. */
static void render_text(const prelude *p, fg_text *out, span text, bool scalar, int type) {
    int lines = 0;
    while (text.n) {
        const char *end = memchr(text.at, '\n', text.n);
        span line = {text.at, end ? (size_t)(end - text.at) : text.n};
        text.n -= line.n + (end ? 1 : 0);
        text.at += line.n + (end ? 1 : 0);
        if (!line.n || starts(line, "//")) continue;
        span indent = {line.at, 0};
        while (indent.n < line.n && line.at[indent.n] == ' ') indent.n++;
        const span rest = {line.at + indent.n, line.n - indent.n};
        lines++;
        if (starts(rest, "//* ")) {
            render_lanes(p, out, indent, (span){rest.at + 4, rest.n - 4});
        } else {
            render_line(p, out, line, scalar, type, 0);
            fg_text_add(out, "\n");
        }
    }
    if (lines > 1) fg_text_add(out, "\n");
}

static const section *find_base(const prelude *p, const section *s) {
    for (int i = 0; i < p->n_names; i++)
        if (compare_spans(p->names[i].text, s->base) == 0) return &p->sections[p->names[i].section];
    fg_raise(p->ctx, FG_INTERNAL, "prelude: no section '%.*s'", (int)s->base.n, s->base.at);
}

static void render(const prelude *p, fg_text *out, const section *s, dialect d, int type) {
    if (d == COMMON && s->base.n) {
        render_text(p, out, find_base(p, s)->text[GNU], true, UNTYPED);
        return;
    }
    const span text = s->text[d].at || d >= GNU ? s->text[d] : s->text[GNU];
    render_text(p, out, text, false, type);
}

/* ---- what is used ---- */

static void use_text(prelude *p, const char *text, dialect d);

static void use(prelude *p, section *s, int type, dialect d) {
    if (s->used[d] >> type & 1u) return;
    s->used[d] |= 1u << type;
    p->libm |= s->libm;
    fg_text text = fg_text_new(p->ctx);
    render(p, &text, s, d, type);
    if (text.data) use_text(p, text.data, d);
    if (text.data && strstr(text.data, "fg_number(")) use_text(p, "fg_load", d);
    fg_text_free(&text);
    if (d != COMMON) use(p, s, type, COMMON);
}

/* True if there is a section of this name for this type. */
static bool use_named(prelude *p, span identifier, int type, dialect d) {
    bool found = false;
    int low = 0, high = p->n_names;
    while (low < high) {
        const int middle = (low + high) / 2;
        if (compare_spans(p->names[middle].text, identifier) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < p->n_names && compare_spans(p->names[low].text, identifier) == 0; low++) {
        section *s = &p->sections[p->names[low].section];
        if (type == UNTYPED ? s->types != 0 : (s->types >> type & 1u) == 0) continue;
        use(p, s, type, d);
        found = true;
    }
    return found;
}

static void use_identifier(prelude *p, span t, dialect d) {
    bool found = use_named(p, t, UNTYPED, d);
    size_t stem = t.n;
    while (stem && t.at[stem - 1] != '_') stem--;
    const int type = type_of((span){t.at + stem, t.n - stem});
    if (stem && type >= 0) found |= use_named(p, (span){t.at, stem - 1}, type, d);
    if (!found && starts(t, "fgs_"))
        fg_raise(p->ctx, FG_INTERNAL, "prelude: no helper '%.*s'", (int)(t.n < 60 ? t.n : 60), t.at);
}

static void use_text(prelude *p, const char *text, dialect d) {
    span s = {text, strlen(text)};
    while (s.n) {
        const span t = next_token(&s);
        if (span_is(t, "fg_number") || span_is(t, "fgs_number")) continue; /* of numbers.c */
        if (t.n > 3 && (starts(t, "fg") || starts(t, "FG_"))) use_identifier(p, t, d);
        if (t.n > 5 && (starts(t, "int") || starts(t, "uint")) && t.at[t.n - 1] == 't') p->stdint = true;
    }
}

/* ---- output ---- */

static void choose_dialects(prelude *p) {
    const char *isa = p->target->isa;
    const bool x86 = strcmp(isa, "x86") == 0;
    p->dialects[COMMON] = true;
    p->dialects[SCALAR] = p->lanes == 1;
    p->dialects[AVX512] = x86 && p->lanes == 16;
    p->dialects[AVX2] = x86 && p->lanes == 8;
    p->dialects[SSE2] = x86 && p->lanes == 4;
    p->dialects[NEON] = strcmp(isa, "aarch64") == 0 && p->lanes == 4;
    p->dialects[NEON32] = p->dialects[MVE] = strcmp(isa, "arm") == 0 && p->lanes == 4;
    p->dialects[GNU] = p->dialects[LANES] = p->lanes > 1;
}

static prelude prepare(fg_context *ctx, const fg_target *target, int lanes, const char *body) {
    FG_REQUIRE(ctx, "prelude", lanes >= 1 && lanes <= 64);
    prelude p = {.ctx = ctx, .target = target, .lanes = lanes};
    p.numbers = fg_numbers_new(ctx, target);
    choose_dialects(&p);
    read_sections(&p);
    for (int d = 0; d < COMMON; d++)
        if (p.dialects[d]) use_text(&p, body, (dialect)d);
    return p;
}

static void emit_head(const prelude *p, const char *body, fg_text *out) {
    if (p->stdint) fg_text_add(out, "#include <stdint.h>\n");
    if (p->libm) fg_text_add(out, "#include <math.h>\n");
    if (p->lanes > 1 || strstr(body, "FG_VL"))
        fg_text_printf(out, "\n#define FG_VL %d /* lanes of a vector */\n", p->lanes);
    fg_text_add(out,
                "\n#ifdef FG_EXTERNAL_KERNELS /* so that a verifier can call them one by one */\n"
                "#define FG_KERNEL\n"
                "#elif defined(__GNUC__) && __GNUC__ >= 8 && !defined(__clang__)\n"
                "/* Neither inlined nor looked into by callers: gcc 12 drops calls of kernels whose results "
                "are read. */\n"
                "#define FG_KERNEL static __attribute__((noipa))\n"
                "#elif defined(__GNUC__) && !defined(__TINYC__) /* a function of its own: to find it in a "
                "profile, and to compile fast */\n"
                "#define FG_KERNEL static __attribute__((noinline))\n"
                "#else\n"
                "#define FG_KERNEL static\n"
                "#endif\n"
                "\n#if defined(__GNUC__) && !defined(__TINYC__)\n"
                "#define FG_INLINE static inline __attribute__((always_inline, unused))\n"
                "#pragma GCC diagnostic ignored \"-Wpsabi\" /* vectors are never passed between files */\n"
                "#else\n"
                "#define FG_INLINE static inline\n"
                "#endif\n\n");
}

/* gcc contracts a * b + c only under -std=gnu*, clang within one expression. */
static const char contraction[] = "#if defined(__clang__)\n"
                                  "#pragma STDC FP_CONTRACT ON\n"
                                  "#elif defined(__GNUC__) && !defined(__TINYC__)\n"
                                  "#pragma GCC optimize(\"fp-contract=fast\")\n"
                                  "#endif\n";

static void emit_selection(const prelude *p, fg_text *out) {
    fg_text_add(out, "#if defined(FG_FORCE_LANES) || defined(__TINYC__) || !defined(__GNUC__)\n"
                     "#define FG_LANES 1\n");
    for (int d = 0; d < GNU; d++)
        if (p->dialects[d])
            fg_text_printf(out, "#elif %s\n#define %s 1\n%s", dialect_facts[d].condition,
                           dialect_facts[d].macro, dialect_facts[d].include);
    fg_text_printf(out, "#else\n#define FG_GNU 1\n%s#endif\n\n", contraction);
}

/* At -O0 some intrinsics of gcc are macros that convert signs. */
static const char quiet_intrinsics[] = "#pragma GCC diagnostic push\n"
                                       "#pragma GCC diagnostic ignored \"-Wsign-conversion\"\n";

static void emit_sections(const prelude *p, dialect d, fg_text *out) {
    for (int i = 0; i < p->n_sections; i++)
        for (int type = 0; type < N_INSTANCES; type++)
            if (p->sections[i].used[d] >> type & 1u) render(p, out, &p->sections[i], d, type);
}

void fg_prelude_emit(fg_text *out, const fg_target *target, int lanes, const char *body) {
    const prelude p = prepare(out->ctx, target, lanes, body);
    emit_head(&p, body, out);
    if (lanes > 1) emit_selection(&p, out);
    fg_numbers_emit(p.numbers, lanes, out);
    emit_sections(&p, COMMON, out);
    if (lanes == 1) {
        emit_sections(&p, SCALAR, out);
        return;
    }
    const char *word = "if";
    for (int d = 0; d <= LANES; d++) {
        if (!p.dialects[d]) continue;
        fg_text_printf(out, "#%s defined(%s) /* ---- %s ---- */\n", word, dialect_facts[d].macro,
                       dialect_facts[d].title);
        if (d == AVX512) fg_text_add(out, quiet_intrinsics);
        emit_sections(&p, (dialect)d, out);
        if (d == AVX512) fg_text_add(out, "#pragma GCC diagnostic pop\n");
        word = "elif";
    }
    fg_text_add(out, "#endif\n");
}

bool fg_prelude_uses_libm(fg_context *ctx, const fg_target *target, int lanes, const char *body) {
    return prepare(ctx, target, lanes, body).libm;
}
