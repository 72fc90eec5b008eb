/* A module made by hand, for tests of verification.
 *
 * The graph: a = Relu(x), b = Neg(x), d = b * b, y = a + d, g = y > x. Its three kernels keep a and b
 * interleaved in one buffer (as a concatenation does) and d channels-last with a border of zeros, on which
 * the last kernel relies. */
#ifndef FG_TESTS_BY_HAND_H
#define FG_TESTS_BY_HAND_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "verify/verify.h"

static const char prelude[] =
    "#ifdef FG_EXTERNAL_KERNELS\n"
    "#define FG_KERNEL\n"
    "#else\n"
    "#define FG_KERNEL static\n"
    "#endif\n"
    "typedef struct fg_call { const void *const *in; void *const *out; unsigned char *arena;\n"
    "    const unsigned char *weights; int part, parts; } fg_call;\n"
    "FG_KERNEL void t_relu_neg(const fg_call *c);\n"
    "FG_KERNEL void t_square(const fg_call *c);\n"
    "FG_KERNEL void t_add_greater(const fg_call *c);\n";

/* x is 1x2x3x4; a and b share 3x4x4 floats at 0, d is 5x6x2 floats at 192. */
static const char relu_neg[] =
    "void t_relu_neg(const fg_call *c) {\n"
    "    const float *x = c->in[0]; float *a = (float *)c->arena; float *b = a + 2;\n"
    "    for (int k = 0; k < 2; k++) for (int p = 0; p < 12; p++) {\n"
    "        float v = x[k * 12 + p];\n"
    "        a[p * 4 + k] = v < 0 ? 0 : v;\n"
    "        b[p * 4 + k] = -v;\n"
    "    }\n"
    "}\n";

static const char square[] =
    "void t_square(const fg_call *c) {\n"
    "    const float *b = (const float *)c->arena + 2;\n"
    "    const float *w = (const float *)c->weights;\n"
    "    float *root = (float *)(c->arena + 192), *s = (float *)(c->arena + 432);\n"
    "    for (int i = 0; i < 60; i++) root[i] = 0;\n"
    "    for (int h = 0; h < 3; h++) for (int i = 0; i < 4; i++) for (int k = 0; k < 2; k++) {\n"
    "        s[k] = b[(h * 4 + i) * 4 + k];\n"
    "        root[((h + 1) * 6 + i + 1) * 2 + k] = s[k] * s[k] * w[0];\n"
    "    }\n"
    "}\n";

static const char add_greater[] =
    "void t_add_greater(const fg_call *c) {\n"
    "    const float *x = c->in[0], *a = (const float *)c->arena, *root = (const float *)(c->arena + 192);\n"
    "    float *y = c->out[0]; unsigned char *g = c->out[1]; float edge = 0;\n"
    "    for (int i = 0; i < 12; i++) edge += root[i] + root[48 + i];\n"
    "    for (int k = 0; k < 2; k++) for (int h = 0; h < 3; h++) for (int i = 0; i < 4; i++) {\n"
    "        int p = h * 4 + i, j = k * 12 + p;\n"
    "        y[j] = a[p * 4 + k] + root[((h + 1) * 6 + i + 1) * 2 + k] + edge;\n"
    "        g[j] = y[j] > x[j];\n"
    "    }\n"
    "}\n";

static const char run_function[] =
    "int t_run(const void *const *in, void *const *out, void *arena, const void *weights) {\n"
    "    fg_call c = {in, out, arena, weights, 0, 1};\n"
    "    t_relu_neg(&c);\n"
    "    t_square(&c);\n"
    "    t_add_greater(&c);\n"
    "    return 0;\n"
    "}\n";

typedef struct fixture {
    fg_context *ctx;
    fg_graph *read, *graph;
    fg_partition partition;
    fg_kernel kernels[3];
    fg_stage stages[3];
    fg_kernel *kernel_list[3];
    fg_kernel_text texts[3];
    fg_target target;
    fg_module m;
    fg_verify_options options;
    fg_verdict *verdict;
    float weight[16];
} fixture;

static fg_value *add_node(fg_graph *g, const char *op, const char *out, fg_value *a, fg_value *b) {
    fg_value *v = fg_graph_value(g, out);
    fg_value *in[2] = {a, b};
    fg_node *n = fg_graph_node(g, op, b ? 2 : 1, in, 1, &v);
    n->name = fg_format(g->ctx, "node_%s", out);
    return v;
}

static fg_graph *make_graph(fg_context *ctx) {
    fg_graph *g = fg_graph_new(ctx, "t");
    g->opset = 17;
    fg_value *x = fg_graph_value(g, "x");
    x->dtype = FG_FLOAT;
    x->shape = (fg_shape){4, {1, 2, 3, 4}};
    x->is_input = x->shape_known = x->shape_declared = true;
    g->inputs = FG_ARRAY(ctx, 1, fg_value *);
    g->inputs[g->n_inputs++] = x;
    fg_value *a = add_node(g, "Relu", "a", x, NULL), *b = add_node(g, "Neg", "b", x, NULL);
    fg_value *y = add_node(g, "Add", "y", a, add_node(g, "Mul", "d", b, b));
    fg_value *greater = add_node(g, "Greater", "g", y, x);
    g->outputs = FG_ARRAY(ctx, 2, fg_value *);
    g->outputs[g->n_outputs++] = y;
    g->outputs[g->n_outputs++] = greater;
    y->is_output = greater->is_output = true;
    fg_graph_link(g);
    fg_infer(g);
    return g;
}

static fg_value *find(const fg_graph *g, const char *name) {
    for (int i = 0; i < g->n_values; i++)
        if (strcmp(g->values[i]->name, name) == 0) return g->values[i];
    fail_msg("no value %s", name);
    return NULL;
}

static fg_value **values(fixture *f, int n, const char *const *names) {
    fg_value **v = FG_ARRAY(f->ctx, n, fg_value *);
    for (int i = 0; i < n; i++) v[i] = find(f->graph, names[i]);
    return v;
}

static void set_kernel(fixture *f, int i, const char *name, int n_in, const char *const *in, int n_out,
                       const char *const *out) {
    fg_kernel *k = &f->kernels[i];
    *k = (fg_kernel){
        .index = i, .name = name, .stage = &f->stages[i], .n_stages = 1, .n_in = n_in, .n_out = n_out};
    k->in = values(f, n_in, in);
    k->out = values(f, n_out, out);
    k->nodes = FG_ARRAY(f->ctx, n_out, fg_node *);
    for (int j = 0; j < n_out; j++) k->nodes[k->n_nodes++] = k->out[j]->producer;
    f->kernel_list[i] = k;
    f->texts[i] = (fg_kernel_text){.kernel = k, .symbol = name, .tile = "", .why = "", .lines = 8};
}

static void set_slot(fixture *f, const char *name, fg_place place, int64_t base, fg_layout layout) {
    fg_value *v = find(f->graph, name);
    f->m.slots[v->id] = (fg_slot){v, place, base, layout, 0, 2};
}

static void set_slots(fixture *f) {
    const fg_layout plain = {.stride = {24, 12, 4, 1}, .elements = 24};
    f->m.n_slots = f->graph->n_values;
    f->m.slots = FG_ARRAY(f->ctx, f->m.n_slots, fg_slot);
    set_slot(f, "x", FG_PLACE_INPUT, 0, plain);
    set_slot(f, "a", FG_PLACE_ARENA, 0, (fg_layout){.stride = {48, 1, 16, 4}, .elements = 48});
    set_slot(f, "b", FG_PLACE_ARENA, 0, (fg_layout){.stride = {48, 1, 16, 4}, .offset = 2, .elements = 48});
    set_slot(f, "d", FG_PLACE_ARENA, 192,
             (fg_layout){.stride = {60, 1, 12, 2}, .offset = 14, .elements = 60});
    set_slot(f, "y", FG_PLACE_OUTPUT, 0, plain);
    set_slot(f, "g", FG_PLACE_OUTPUT, 1, plain);
}

static void set_module(fixture *f) {
    f->target =
        (fg_target){.name = "test", .isa = "x86", .vector_bits = 256, .compiler = "gcc", .flags = "-O1"};
    f->target.emulator = "";
    f->m.ctx = f->ctx;
    f->m.partition = &f->partition;
    f->m.target = &f->target;
    f->m.options =
        (fg_codegen_options){.prefix = "t", .file_stem = "t", .weights = FG_WEIGHTS_BLOB, .threads = 1};
    f->m.kernels = f->texts;
    f->m.n_kernels = 3;
    f->weight[0] = 1;
    f->m.weights = (uint8_t *)f->weight;
    f->m.weights_bytes = sizeof f->weight;
    f->m.arena_bytes = 512;
    f->m.arena_align = 64;
    f->m.header = fg_strdup(f->ctx, "");
    f->m.source = fg_format(f->ctx, "%s%s%s%s%s", prelude, relu_neg, square, add_greater, run_function);
}

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    f->ctx = fg_context_new();
    f->read = make_graph(f->ctx);
    f->graph = fg_graph_clone(f->read);
    f->partition = (fg_partition){f->graph, f->kernel_list, 3};
    set_kernel(f, 0, "relu_neg", 1, (const char *[]){"x"}, 2, (const char *[]){"a", "b"});
    set_kernel(f, 1, "square", 1, (const char *[]){"b"}, 1, (const char *[]){"d"});
    set_kernel(f, 2, "add_greater", 3, (const char *[]){"a", "d", "x"}, 2, (const char *[]){"y", "g"});
    f->texts[1].scratch_base = 432;
    f->texts[1].scratch_bytes = 64;
    set_slots(f);
    set_module(f);
    f->options = (fg_verify_options){.mode = FG_VERIFY_TCC, .tolerance = 1e-4, .seed = 1};
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    fg_context_free(f->ctx);
    free(f);
    return 0;
}

/* Replaces the first occurrence of a piece of the generated text. */
static void change(fixture *f, const char *from, const char *to) {
    const char *at = strstr(f->m.source, from);
    assert_non_null(at);
    f->m.source = fg_format(f->ctx, "%.*s%s%s", (int)(at - f->m.source), f->m.source, to, at + strlen(from));
}

static void assert_holds(const char *text, const char *part) {
    if (!text || !strstr(text, part)) fail_msg("\"%s\" does not say \"%s\"", text ? text : "(nothing)", part);
}

#endif
