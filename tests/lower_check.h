/* Generates code for a graph made by hand, for several vector widths, fused and unfused, and holds it to the
 * reference. */
#ifndef FG_TESTS_LOWER_CHECK_H
#define FG_TESTS_LOWER_CHECK_H

#include "graph_builder.h"
#include "tests/generate.h"

/* Generates code for a graph that has been inferred, and verifies it; *module: what was generated. */
static inline const fg_verdict *generate_and_verify_as(fg_graph *read, const char *target,
                                                       const fg_fusion_options *fusion, int threads,
                                                       const fg_module **module) {
    fg_codegen_options codegen = test_options();
    codegen.threads = threads;
    fg_module *m = fg_generate(test_partition(read, fusion), fg_target_load(read->ctx, target), &codegen);
    const fg_verify_options options = {.mode = FG_VERIFY_TCC, .tolerance = 1e-4, .seed = 7};
    *module = m;
    return fg_verify(read, m, &options);
}

static inline const fg_verdict *generate_and_verify(fg_graph *read, const char *target, bool fuse,
                                                    int threads, const fg_module **module) {
    const fg_fusion_options fusion = {.fuse = fuse};
    return generate_and_verify_as(read, target, &fusion, threads, module);
}

static inline void check_for(fg_graph *read, const char *target, bool fuse, int threads) {
    const fg_module *m;
    const fg_verdict *v = generate_and_verify(read, target, fuse, threads, &m);
    if (!v->passed) {
        fail_msg("%s%s, %d threads: %s\n%s", target, fuse ? "" : " --no-fuse", threads, v->first_failure,
                 m->source);
    }
}

/* The last value made is the graph's output. */
static inline void check(fg_graph *g, fg_value *result) {
    static const char *const targets[] = {"generic", "x86-64", "x86-64-v3", "x86-64-v4"};
    output(g, result);
    fg_graph_link(g);
    fg_infer(g);
    for (size_t i = 0; i < FG_COUNT(targets); i++) {
        check_for(g, targets[i], true, 1);
        check_for(g, targets[i], false, i == 2 ? 3 : 1);
    }
    check_for(g, "generic", true, 5);
}

/* A node with n_out results, of which all but the first are made outputs of the graph; returns the first. */
static inline fg_value *several(fg_graph *g, const char *op_type, int n_in, fg_value **in, int n_out) {
    fg_value *out[8];
    for (int i = 0; i < n_out; i++) {
        out[i] = fg_graph_value(g, fg_format(g->ctx, "%s_%d", op_type, i));
        if (i > 0) {
            output(g, out[i]);
        }
    }
    fg_graph_node(g, op_type, n_in, in, n_out, out)->name = out[0]->name;
    return out[0];
}
#define SEVERAL(g, op_type, n_out, ...)                                                                      \
    several((g), (op_type), (int)(sizeof((fg_value *[]){__VA_ARGS__}) / sizeof(fg_value *)),                 \
            (fg_value *[]){__VA_ARGS__}, (n_out))

static inline fg_value *with_text(fg_graph *g, fg_value *v, const char *name, const char *s) {
    fg_attr *a = fg_node_set_attr(g->ctx, v->producer, name, FG_ATTR_STRING);
    a->s = s;
    a->s_len = strlen(s);
    return v;
}

/* A graph input of another type. */
static inline fg_value *typed_input(fg_graph *g, const char *name, const char *shape, fg_dtype type) {
    fg_value *v = input(g, name, shape);
    v->dtype = type;
    v->bound = 20;
    return v;
}

/* A value that lies channels-last: the result of a convolution ("1x1" weights). */
static inline fg_value *channels_last(fg_graph *g, const char *shape) {
    fg_value *x = input(g, "image", shape);
    const int c = (int)x->shape.dim[1];
    return conv(g, x, fg_format(g->ctx, "%dx%dx1x1", c, c), 1);
}

/* Verified for one to three threads on a target of wide vectors, where some kernel is done by `method` (what
 * its choice begins with), and on two other targets. */
static inline void check_method(fg_graph *g, size_t number, const char *method) {
    bool chosen = false;
    for (int threads = 1; threads <= 3; threads++) {
        const fg_module *m;
        const fg_verdict *v = generate_and_verify(g, "x86-64-v4", true, threads, &m);
        if (!v->passed) fail_msg("case %zu, %d threads: %s", number, threads, v->first_failure);
        for (int k = 0; k < m->n_kernels; k++)
            chosen |= m->kernels[k].choice && strncmp(m->kernels[k].choice, method, strlen(method)) == 0;
    }
    if (!chosen) fail_msg("case %zu was not done by %s", number, method);
    check_for(g, "x86-64", true, 1);
    check_for(g, "generic", true, 2);
}

#endif
