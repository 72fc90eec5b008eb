/* Models that are well-formed files and senseless graphs: attributes, operators, operands, shapes and types
 * are changed in the parsed model, which is then written again; see tests/fuzz.h.
 *
 *     test_fuzz_structure                         what continuous integration runs
 *     test_fuzz_structure SEED COUNT FILE...      COUNT changes of each file; leaves the last one in
 * fuzz.onnx if it ends the program
 */
#include "tests/fuzz.h"

#include <math.h>

#include "frontend/ops.h"
#include "onnx.pb-c.h"

#define CHANGES 600

/* ---- memory of one changed model: nothing is freed but all of it ---- */

typedef struct arena {
    void *block[1 << 14];
    int n;
} arena;

static void *arena_alloc(void *arena_, size_t size) {
    arena *a = arena_;
    if (a->n == 1 << 14) return NULL;
    void *p = calloc(1, size + 1);
    if (p) a->block[a->n++] = p;
    return p;
}

static void arena_free(void *arena_, void *p) {
    (void)arena_, (void)p;
}

static void arena_clear(arena *a) {
    while (a->n > 0) free(a->block[--a->n]);
}

/* ---- what is drawn ---- */

typedef struct mutation {
    trial *t;
    arena *memory;
    Onnx__ModelProto *model;
} mutation;

static size_t below(mutation *m, size_t n) {
    return n == 0 ? 0 : (size_t)(trial_next(m->t) % n);
}

/* Extents, axes, groups, flags: what is nearly right, and what overflows. */
static int64_t some_int(mutation *m, int64_t old) {
    static const int64_t ints[] = {0,         1,         -1,        2,        3,       7,
                                   -2,        64,        255,       1 << 20,  1 << 30, 1U << 31,
                                   INT64_MAX, INT64_MIN, INT32_MAX, INT32_MIN};
    const int64_t near = (int64_t)below(m, 7) - 3;
    if (below(m, 3) == 0) return (int64_t)((uint64_t)old + (uint64_t)near);
    return ints[below(m, sizeof ints / sizeof *ints)];
}

static float some_float(mutation *m) {
    const float floats[] = {0, -0.0F, 1, -1, 0.5F, 1e-38F, 3e38F, -3e38F, (float)INFINITY, (float)NAN};
    return floats[below(m, sizeof floats / sizeof *floats)];
}

/* The graph of the model, or a body in one of its attributes, at any depth. */
static Onnx__GraphProto *some_graph(mutation *m) {
    Onnx__GraphProto *g = m->model->graph;
    for (int tries = 0; tries < 24 && g->n_node; tries++) {
        const Onnx__NodeProto *n = g->node[below(m, g->n_node)];
        const Onnx__AttributeProto *a = n->n_attribute ? n->attribute[below(m, n->n_attribute)] : NULL;
        if (a && a->g && below(m, 4)) g = a->g;
    }
    return g;
}

static Onnx__NodeProto *some_node(mutation *m) {
    const Onnx__GraphProto *g = some_graph(m);
    return g->n_node ? g->node[below(m, g->n_node)] : NULL;
}

static char *some_name(mutation *m) {
    static char empty[] = "", unknown[] = "nowhere";
    const Onnx__GraphProto *g = some_graph(m);
    const Onnx__NodeProto *n = some_node(m);
    switch (below(m, 8)) {
    case 0: return empty;
    case 1: return unknown;
    case 2: return g->n_initializer ? g->initializer[below(m, g->n_initializer)]->name : empty;
    case 3: return g->n_input ? g->input[below(m, g->n_input)]->name : empty;
    case 4: return n && n->n_input ? n->input[below(m, n->n_input)] : empty;
    default: return n && n->n_output ? n->output[below(m, n->n_output)] : empty;
    }
}

/* ---- changes: each does one thing, or nothing where there is nothing to do it to ---- */

static void change_list(mutation *m, Onnx__AttributeProto *a) {
    int64_t *longer = arena_alloc(m->memory, (a->n_ints + 1) * sizeof *longer);
    assert_non_null(longer);
    if (a->n_ints) memcpy(longer, a->ints, a->n_ints * sizeof *longer);
    switch (below(m, 4)) {
    case 0: a->n_ints -= a->n_ints > 0; return;
    case 1: longer[a->n_ints++] = some_int(m, 1); break;
    default:
        if (a->n_ints) {
            const size_t i = below(m, a->n_ints);
            longer[i] = some_int(m, longer[i]);
        }
    }
    a->ints = longer;
}

static void change_text(mutation *m, ProtobufCBinaryData *s) {
    static uint8_t words[][16] = {"",        "SAME_UPPER", "VALID", "linear", "cubic",
                                  "reverse", "mul",        "Tanh",  "sum",    "%s%n\n"};
    uint8_t *word = words[below(m, sizeof words / sizeof *words)];
    *s = (ProtobufCBinaryData){strlen((const char *)word), word};
}

static void change_attribute(mutation *m) {
    Onnx__NodeProto *n = some_node(m);
    if (!n || !n->n_attribute) return;
    Onnx__AttributeProto *a = n->attribute[below(m, n->n_attribute)];
    switch (below(m, 12)) {
    case 0: n->attribute[0] = n->attribute[--n->n_attribute]; return;
    case 1: a->type = (int32_t)below(m, 15); return;
    case 2: {
        const Onnx__NodeProto *other = some_node(m);
        if (other->n_attribute) a->name = other->attribute[below(m, other->n_attribute)]->name;
        return;
    }
    default: break;
    }
    a->i = some_int(m, a->i);
    a->f = some_float(m);
    if (a->n_floats) a->floats[below(m, a->n_floats)] = some_float(m);
    if (a->has_s) change_text(m, &a->s);
    change_list(m, a);
}

/* An attribute that another operator has, or that this one may have. */
static void add_attribute(mutation *m) {
    static char names[][24] = {
        "axis",       "group",        "pads",        "strides",          "dilations", "kernel_shape",
        "auto_pad",   "keepdims",     "axes",        "ceil_mode",        "to",        "perm",
        "blocksize",  "mode",         "hidden_size", "direction",        "transA",    "alpha",
        "block_size", "output_dtype", "batch_dims",  "select_last_index"};
    Onnx__NodeProto *n = some_node(m);
    Onnx__AttributeProto *a = arena_alloc(m->memory, sizeof *a);
    if (!n || !a) return;
    onnx__attribute_proto__init(a);
    a->name = names[below(m, sizeof names / sizeof *names)];
    a->has_type = a->has_i = a->has_f = 1;
    static const int32_t types[] = {1, 2, 3, 7}; /* float, int, string, ints */
    a->type = types[below(m, 4)];
    a->i = some_int(m, 1);
    a->f = some_float(m);
    a->has_s = 1;
    change_text(m, &a->s);
    for (int i = 0; i < 4; i++) change_list(m, a);
    Onnx__AttributeProto **more = arena_alloc(m->memory, (n->n_attribute + 1) * sizeof *more);
    assert_non_null(more);
    if (n->n_attribute) memcpy(more, n->attribute, n->n_attribute * sizeof *more);
    more[n->n_attribute++] = a;
    n->attribute = more;
}

static void change_operator(mutation *m) {
    Onnx__NodeProto *n = some_node(m);
    if (!n) return;
    const fg_op *op = fg_op_at((int)below(m, (size_t)fg_op_count()));
    n->op_type = arena_alloc(m->memory, strlen(op->name) + 1);
    assert_non_null(n->op_type);
    memcpy(n->op_type, op->name, strlen(op->name));
}

static void change_operand(mutation *m) {
    Onnx__NodeProto *n = some_node(m);
    if (!n) return;
    if (n->n_input && below(m, 4) == 0) {
        n->n_input--;
        return;
    }
    if (n->n_input && below(m, 3)) {
        n->input[below(m, n->n_input)] = some_name(m);
        return;
    }
    char **more = arena_alloc(m->memory, (n->n_input + 1) * sizeof *more), *name = some_name(m);
    assert_non_null(more);
    if (n->n_input) memcpy(more, n->input, n->n_input * sizeof *more);
    more[n->n_input++] = name;
    n->input = more;
}

static void change_order(mutation *m) {
    Onnx__GraphProto *g = some_graph(m);
    if (g->n_node < 2) return;
    const size_t i = below(m, g->n_node), j = below(m, g->n_node);
    Onnx__NodeProto *n = g->node[i];
    switch (below(m, 3)) {
    case 0: g->node[i] = g->node[--g->n_node]; break;
    case 1: g->node[i] = g->node[j]; break;
    default: g->node[i] = g->node[j]; g->node[j] = n;
    }
}

static void change_tensor(mutation *m) {
    Onnx__GraphProto *g = some_graph(m);
    if (!g->n_initializer) return;
    Onnx__TensorProto *t = g->initializer[below(m, g->n_initializer)];
    switch (below(m, 5)) {
    case 0: t->data_type = (int32_t)below(m, 27); break;
    case 1:
        if (t->n_dims) t->n_dims--;
        break;
    case 2:
        if (t->raw_data.len) t->raw_data.len -= 1 + below(m, t->raw_data.len);
        break;
    case 3: /* its elements */
        for (size_t i = 0, n = 1 + below(m, 8); i < n && t->raw_data.len; i++)
            t->raw_data.data[below(m, t->raw_data.len)] = (uint8_t)trial_next(m->t);
        if (t->n_int64_data) t->int64_data[below(m, t->n_int64_data)] = some_int(m, 1);
        break;
    default:
        if (t->n_dims) {
            const size_t d = below(m, t->n_dims);
            t->dims[d] = some_int(m, t->dims[d]);
        }
    }
}

static void change_input(mutation *m) {
    Onnx__GraphProto *g = some_graph(m);
    if (!g->n_input) return;
    const Onnx__ValueInfoProto *v = g->input[below(m, g->n_input)];
    Onnx__TypeProto__Tensor *t = v->type ? v->type->tensor_type : NULL;
    if (!t) return;
    Onnx__TensorShapeProto *s = t->shape;
    if (below(m, 4) == 0 || !s || !s->n_dim) {
        t->elem_type = (int32_t)below(m, 27);
    } else if (below(m, 4) == 0) {
        s->n_dim--;
    } else {
        Onnx__TensorShapeProto__Dimension *d = s->dim[below(m, s->n_dim)];
        d->dim_value = some_int(m, d->dim_value);
    }
}

static void change_opset(mutation *m) {
    if (m->model->n_opset_import) m->model->opset_import[0]->version = (int64_t)below(m, 30);
}

typedef void change_fn(mutation *m);
static change_fn *const changes[] = {change_attribute, change_attribute, change_attribute, add_attribute,
                                     change_operator,  change_operand,   change_operand,   change_order,
                                     change_tensor,    change_tensor,    change_input,     change_opset};

/* ---- trials ---- */

static void change_once(trial *t, arena *memory) {
    char what[64];
    ProtobufCAllocator allocator = {arena_alloc, arena_free, memory};
    (void)snprintf(what, sizeof what, "changed with seed %" PRIu64, t->seed);
    mutation m = {t, memory, onnx__model_proto__unpack(&allocator, t->size, t->data)};
    if (!m.model || !m.model->graph) fail_msg("%s cannot be parsed", t->model);
    for (size_t n = 1 + below(&m, 3); n > 0; n--) changes[below(&m, sizeof changes / sizeof *changes)](&m);
    const size_t size = onnx__model_proto__get_packed_size(m.model);
    uint8_t *bytes = malloc(size + 1);
    assert_non_null(bytes);
    (void)onnx__model_proto__pack(m.model, bytes);
    try_bytes(t, bytes, size, what);
    free(bytes);
    arena_clear(memory);
}

static trial change_many(const char *folder, const char *model, uint64_t seed, int count) {
    arena *memory = calloc(1, sizeof *memory);
    assert_non_null(memory);
    trial t = new_trial(folder, model, seed);
    for (int i = 0; i < count; i++) change_once(&t, memory);
    free(t.data);
    free(memory);
    return t;
}

static void senseless_models_are_compiled_or_refused(const char *model) {
    char folder[] = TOOL_FOLDER;
    tool_folder(folder);
    const trial t = change_many(folder, model, 1, CHANGES);
    assert_true(t.made > CHANGES / 100 && t.refused > CHANGES / 10);
    tool_remove(folder);
}

static void senseless_bottlenecks_are_compiled_or_refused(void **state) {
    (void)state;
    senseless_models_are_compiled_or_refused(FG_SOURCE_DIR "/tests/models/golden_mbconv.onnx");
}

static void senseless_branches_are_compiled_or_refused(void **state) {
    (void)state;
    senseless_models_are_compiled_or_refused(FG_SOURCE_DIR "/tests/models/golden_head.onnx");
}

static void senseless_networks_over_time_are_compiled_or_refused(void **state) {
    (void)state;
    senseless_models_are_compiled_or_refused(FG_SOURCE_DIR "/tests/models/voice_detector.graph.onnx");
}

static void senseless_spotters_of_words_are_compiled_or_refused(void **state) {
    (void)state;
    senseless_models_are_compiled_or_refused(FG_SOURCE_DIR "/tests/models/keyword_spotter.graph.onnx");
}

static int fuzz(uint64_t seed, int count, char **files) {
    for (; *files; files++) {
        const trial t = change_many(".", *files, seed, count);
        printf("%s: %d compiled, %d refused\n", *files, t.made, t.refused);
    }
    return 0;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(senseless_bottlenecks_are_compiled_or_refused),
        cmocka_unit_test(senseless_branches_are_compiled_or_refused),
        cmocka_unit_test(senseless_networks_over_time_are_compiled_or_refused),
        cmocka_unit_test(senseless_spotters_of_words_are_compiled_or_refused),
    };
    if (argc > 3) return fuzz(strtoull(argv[1], NULL, 0), atoi(argv[2]), argv + 3);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
