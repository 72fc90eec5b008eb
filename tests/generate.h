/* From a graph to its code, by the steps that the command takes.
 *
 *     fg_codegen_options options = test_options();
 *     options.threads = 3;
 *     fg_module *m = fg_generate(test_partition(read, &fusion), fg_target_load(ctx, "generic"), &options);
 */
#ifndef FG_TESTS_GENERATE_H
#define FG_TESTS_GENERATE_H

#include "verify/verify.h"

/* What no test cares about, and the rest as the command has it without options. */
static inline fg_codegen_options test_options(void) {
    return (fg_codegen_options){.prefix = "t",
                                .file_stem = "t",
                                .model_file = "t.onnx",
                                .command = "",
                                .version = "0",
                                .threads = 1,
                                .fault_kernel = -1};
}

/* The kernels of a copy of `read`, a graph that has been inferred. */
static inline fg_partition *test_partition(fg_graph *read, const fg_fusion_options *fusion) {
    fg_graph *g = fg_graph_clone(read);
    fg_canonicalise(g, fusion);
    return fg_partition_graph(g, fusion);
}

/* The code of `read`, fused, all else by default. */
static inline fg_module *test_module(fg_graph *read, const char *target) {
    const fg_fusion_options fusion = {.fuse = true};
    const fg_codegen_options options = test_options();
    return fg_generate(test_partition(read, &fusion), fg_target_load(read->ctx, target), &options);
}

#endif
