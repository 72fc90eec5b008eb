/* What is known of a compiled model, as plain data that outlives the model's own context: a model of a family
 * may hold hundreds of megabytes, its report a few hundred kilobytes.
 */
#ifndef FG_CLI_REPORT_H
#define FG_CLI_REPORT_H

#include "codegen/module.h"
#include "verify/verify.h"

/* By arithmetic intensity, FLOPs per byte moved: > 50, > 10, > 1, the rest. */
typedef enum fg_class {
    FG_CLASS_COMPUTE,
    FG_CLASS_BALANCED,
    FG_CLASS_MEMORY,
    FG_CLASS_BANDWIDTH,
    FG_CLASS_COUNT
} fg_class;

const char *fg_class_name(fg_class c); /* "compute", "balanced", "memory", "bandwidth" */
fg_class fg_class_of(double intensity);

typedef struct fg_report_kernel {
    const char *name, *pattern, *tile, *why, *boundary;
    const char **nodes;    /* labels of the ONNX nodes that it covers, in order */
    const char **node_ops; /* their operator types */
    int n_nodes;
    int operators; /* ONNX nodes covered, where the pieces of a decomposed operator (SiLU, GELU, ...) count as
                      one */
    int64_t flops; /* 2 per multiply-add of Conv, ConvTranspose, Gemm, MatMul */
    int64_t bytes; /* inputs, weights, outputs once each */
    int64_t bytes_unfused;
    double intensity;
    fg_class class;
    double predicted_ms;
    double measured_ms; /* median of --bench; negative: not measured */
    fg_error error;
    bool checked; /* error is valid */
} fg_report_kernel;

typedef struct fg_report {
    const char *model;   /* file as the user named it */
    const char *variant; /* "batch=8" in a sweep; "" otherwise */
    char sha256[65];
    int opset, nodes;
    int64_t parameters;
    int n_synthetic;
    const char *target, *target_description;
    double peak_gflops;
    bool fused;
    int64_t arena_bytes, arena_lower_bound, weights_bytes;
    fg_report_kernel *kernels;
    int n_kernels;
    /* sums over kernels */
    int operators, single_op, se, main;
    int64_t flops, bytes_fused, bytes_unfused;
    double mean_intensity, predicted_ms, measured_ms;
    int classes[FG_CLASS_COUNT];
    /* verification */
    fg_verify_mode mode;
    bool passed;
    fg_error total;
    double float_run, bound;
    const char *checked, *failure;
} fg_report;

/* Copies into ctx. verdict may be NULL (--verify=none). */
fg_report *fg_report_collect(fg_context *ctx, const char *model, const char *variant, const fg_graph *read,
                             const fg_module *m, const fg_verdict *verdict);

double fg_report_saved(const fg_report *r);      /* 1 - fused / unfused bytes */
double fg_report_efficiency(const fg_report *r); /* operators per kernel */
const char *fg_verify_mode_name(fg_verify_mode mode);

typedef struct fg_report_style {
    int width; /* columns of the terminal; 0: plain */
    bool color;
    bool verbose; /* all nodes of each kernel, the reason for each tile */
} fg_report_style;

void fg_report_summary(const fg_report *r, const fg_report_style *style,
                       fg_text *out); /* header, totals, verdict */
void fg_report_text(const fg_report *r, const fg_report_style *style,
                    fg_text *out); /* and the kernel table */
void fg_report_comparison(fg_context *ctx, int n, fg_report *const *r, const fg_report_style *style,
                          fg_text *out);

/* The JSON of docs/report.md: one object, or an array if n > 1. */
void fg_report_json(fg_context *ctx, int n, fg_report *const *r, fg_text *out);

#endif
