/* Names of kernels: where (the scope that the ONNX nodes' names share) and what (anchors, sizes,
 * activations). */
#include <string.h>

#include "fusion/patterns.h"
#include "fusion/rewrite.h"

#define MAX_NAME  44 /* before a suffix that makes it unique */
#define MAX_PARTS 16

/* ---- identifiers ---- */

/* Appends s in [a-z0-9_]; runs of other bytes become one '_', which never doubles. At most `size` - 1 bytes
 * in all. */
static void append(char *to, size_t size, const char *s) {
    size_t n = strlen(to);
    for (; *s != '\0' && n + 1 < size; s++) {
        char c = *s;
        if (c >= 'A' && c <= 'Z') {
            c = (char)(c - 'A' + 'a');
        }
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (plain) {
            to[n++] = c;
        } else if (n > 0 && to[n - 1] != '_') {
            to[n++] = '_';
        }
    }
    to[n] = '\0';
}

static void append_word(char *to, size_t size, const char *word) {
    append(to, size, to[0] != '\0' ? "_" : "");
    append(to, size, word);
}

static void trim(char *s) {
    size_t n = strlen(s);
    while (n > 0 && s[n - 1] == '_') {
        s[--n] = '\0';
    }
}

/* ---- what ---- */

typedef struct short_name {
    const char *op, *word;
} short_name;

static const short_name short_names[] = {
    {"Swish", "silu"},
    {"Conv", "conv"},
    {"HardSwish", "hardswish"},
    {"LayerNormalization", "layernorm"},
    {"GlobalAveragePool", "mean"},
    {"BatchNormalization", "batchnorm"},
};

static const char *word_of(const fg_node *n) {
    for (size_t i = 0; i < FG_COUNT(short_names); i++) {
        if (fg_is_op(n, short_names[i].op)) {
            return short_names[i].word;
        }
    }
    return n->op_type;
}

/* "_3x3" of a window; nothing for operators without one. */
static void append_window(fg_context *ctx, char *to, size_t size, const fg_node *n) {
    if (!fg_is_one_of(n, "Conv ConvTranspose MaxPool AveragePool LpPool")) {
        return;
    }
    const fg_attr *a = fg_attr_of(n, "kernel_shape", FG_ATTR_INTS);
    int64_t extents[FG_MAX_RANK];
    int count = a != NULL ? a->n : 0;
    for (int i = 0; i < count && i < FG_MAX_RANK; i++) {
        extents[i] = a->ints[i];
    }
    if (count == 0 && n->n_in > 1 && n->in[1] != NULL && n->in[1]->shape.rank > 2) {
        count = n->in[1]->shape.rank - 2;
        for (int i = 0; i < count; i++) {
            extents[i] = n->in[1]->shape.dim[i + 2];
        }
    }
    for (int i = 0; i < count && i < 3; i++) {
        append(to, size, fg_format(ctx, i == 0 ? "_%lld" : "x%lld", (long long)extents[i]));
    }
}

static void append_chain(char *to, size_t size, const fg_stage *s, int most) {
    for (int i = 0; i < s->n_epilogue && i < most; i++) {
        append_word(to, size, word_of(s->epilogue[i]));
    }
}

/* Words for patterns whose parts do not say it; "%" stands for the anchors and chains spelled out. */
typedef struct pattern_word {
    const char *pattern, *word;
} pattern_word;

static const pattern_word pattern_words[] = {
    {"stem_pool", "stem_pool"},     {"se_gate", "gate"},
    {"head_pool", "head_pool"},     {"scale_project", "project%"},
    {"prologue_conv", "pre_conv%"}, {"classifier", "classifier%"},
    {"attention", "attention"},     {"stream", "stream"},
};

static bool is_1x1_conv(const fg_node *n) {
    return n->in[1]->shape.rank == 4 && n->in[1]->shape.dim[2] == 1 && n->in[1]->shape.dim[3] == 1;
}

static void append_stage(fg_context *ctx, char *to, size_t size, const fg_kernel *k, int i) {
    const fg_stage *s = &k->stage[i];
    if (s->anchor != NULL) {
        bool depthwise = fg_is_depthwise_conv(s->anchor);
        bool expand = i + 1 < k->n_stages && fg_is_dense_conv(s->anchor) && is_1x1_conv(s->anchor);
        append_word(to, size, depthwise ? "depthwise" : expand ? "expand" : word_of(s->anchor));
        if (!expand) {
            append_window(ctx, to, size, s->anchor);
        }
    }
    if (i + 1 == k->n_stages) {
        append_chain(to, size, s, 3);
    }
}

static void describe(fg_context *ctx, char *to, size_t size, const fg_kernel *k) {
    for (size_t i = 0; i < FG_COUNT(pattern_words); i++) {
        if (strcmp(pattern_words[i].pattern, k->pattern->name) != 0) {
            continue;
        }
        append_word(to, size, pattern_words[i].word);
        trim(to);
        if (strchr(pattern_words[i].word, '%') != NULL) {
            append_chain(to, size, &k->stage[k->n_stages - 1], 3);
        }
        return;
    }
    for (int i = 0; i < k->n_stages; i++) {
        append_stage(ctx, to, size, k, i);
    }
}

/* ---- where ---- */

/* A path of scopes; a part that the next one repeats and refines ("features", "features.2") is left out. */
typedef struct scope_path {
    const char *part[MAX_PARTS];
    size_t length[MAX_PARTS];
    int n;
} scope_path;

/* The node's name without its last part, which is the operator's; a name without any '/' is a scope of its
 * own. */
static scope_path path_of(const char *name) {
    scope_path p = {.n = 0};
    bool path = strchr(name, '/') != NULL;
    while (*name != '\0') {
        while (*name == '/') {
            name++;
        }
        size_t n = strcspn(name, "/");
        if (n > 0 && p.n < MAX_PARTS) {
            p.part[p.n] = name;
            p.length[p.n++] = n;
        }
        name += n;
    }
    p.n -= path && p.n > 0;
    return p;
}

static bool same_part(const scope_path *a, const scope_path *b, int i) {
    return a->length[i] == b->length[i] && memcmp(a->part[i], b->part[i], a->length[i]) == 0;
}

static void intersect(scope_path *a, const scope_path *b) {
    int i = 0;
    while (i < a->n && i < b->n && same_part(a, b, i)) {
        i++;
    }
    a->n = i;
}

static bool refines(const scope_path *p, int i) {
    return i + 1 < p->n && p->length[i + 1] > p->length[i] && p->part[i + 1][p->length[i]] == '.' &&
           memcmp(p->part[i], p->part[i + 1], p->length[i]) == 0;
}

static const fg_node *main_node(const fg_kernel *k) {
    const fg_node *anchor = k->stage[k->n_stages - 1].anchor;
    return anchor != NULL ? anchor : k->nodes[0];
}

/* Scope shared by the nodes; that of the last anchor where they share none. */
static void locate(fg_context *ctx, char *to, size_t size, const fg_kernel *k) {
    scope_path own = path_of(fg_node_label(main_node(k))), common = own;
    for (int i = 0; i < k->n_nodes; i++) {
        if (k->nodes[i]->name[0] == '\0') {
            continue;
        }
        scope_path p = path_of(k->nodes[i]->name);
        intersect(&common, &p);
    }
    const scope_path *p = common.n > 0 ? &common : &own;
    for (int i = 0; i < p->n; i++) {
        if (!refines(p, i)) {
            append_word(to, size, fg_strndup(ctx, p->part[i], p->length[i]));
        }
    }
    trim(to);
}

/* ---- uniqueness ---- */

typedef struct name_slot {
    const char *name;
    int next; /* suffix to try next for this name */
} name_slot;

struct fg_names {
    fg_context *ctx;
    name_slot *slots;
    size_t mask;
};

fg_names *fg_names_new(fg_context *ctx, int n_kernels) {
    fg_names *names = FG_NEW(ctx, fg_names);
    size_t size = 64;
    while (size < 4 * (size_t)n_kernels) {
        size *= 2;
    }
    names->ctx = ctx;
    names->slots = FG_ARRAY(ctx, size, name_slot);
    names->mask = size - 1;
    return names;
}

static name_slot *find_name(fg_names *names, const char *name) {
    size_t h = 14695981039346656037u;
    for (const char *s = name; *s != '\0'; s++) {
        h = (h ^ (unsigned char)*s) * 1099511628211u;
    }
    h ^= h >> 32;
    while (names->slots[h & names->mask].name != NULL &&
           strcmp(names->slots[h & names->mask].name, name) != 0) {
        h++;
    }
    return &names->slots[h & names->mask];
}

static const char *unique(fg_names *names, const char *name) {
    name_slot *slot = find_name(names, name);
    if (slot->name == NULL) {
        *slot = (name_slot){fg_strdup(names->ctx, name), 2};
        return slot->name;
    }
    for (;;) {
        const char *candidate = fg_format(names->ctx, "%s_%d", name, slot->next++);
        name_slot *other = find_name(names, candidate);
        if (other->name == NULL) {
            *other = (name_slot){candidate, 2};
            return candidate;
        }
    }
}

/* The end of the scope is the specific part: a long one loses its beginning. */
static const char *tail_of(const char *where, size_t room) {
    size_t length = strlen(where);
    if (length <= room) {
        return where;
    }
    const char *tail = where + (length - room), *word = strchr(tail, '_');
    return word != NULL ? word + 1 : tail;
}

const char *fg_kernel_name(fg_names *names, const fg_kernel *k) {
    char where[256] = "", what[MAX_NAME - 2] = "", name[MAX_NAME + 1] = "";
    locate(names->ctx, where, sizeof where, k);
    describe(names->ctx, what, sizeof what, k);
    trim(what);
    bool said = strncmp(where, what, strlen(what)) == 0; /* classifier_1 is a classifier */
    size_t used = said ? 2 : strlen(what) + 2;
    const char *tail = tail_of(where, used < MAX_NAME ? MAX_NAME - used + 1 : 0);
    const char *first = tail[0] != '\0' ? tail : what;
    if (first[0] >= '0' && first[0] <= '9') {
        append(name, sizeof name, "n");
    }
    append(name, sizeof name, tail);
    if (!said) {
        append_word(name, sizeof name, what);
    }
    trim(name);
    return unique(names, name[0] != '\0' ? name : "kernel");
}
