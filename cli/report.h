/* What is known of a compiled model, as plain data that outlives the model's own context: a model of a family
 * may hold hundreds of megabytes, its report a few hundred kilobytes.
 */
#ifndef FG_CLI_REPORT_H
#define FG_CLI_REPORT_H

#include "codegen/module.h"
#include "fusion/catalogue.h"
#include "fusion/pairwise.h"
#include "fusion/rounding.h"
#include "verify/bench.h"
#include "verify/footprint.h"
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

/* An operator of a group, for views: an ONNX node, or one of the pairwise partition. */
typedef struct fg_report_op {
    const char *type, *name;
    const char *shape;  /* of its result */
    const char *detail; /* window and step, "3x3/2"; "" */
    int64_t flops;
    int64_t in_bytes, weight_bytes, out_bytes; /* each operand once */
    bool synthesised;                          /* put back by --fx-compat */
} fg_report_op;

/* Where a kernel would be quantised. */
typedef struct fg_report_point {
    const char *point, *tensor;
} fg_report_point;

typedef struct fg_report_kernel {
    const char *name, *pattern, *tile, *why, *boundary;
    const char **catalogue; /* names in the published catalogue, see fusion/catalogue.h */
    int n_catalogue;
    fg_report_point *points; /* where to quantise */
    int n_points;
    const char **nodes; /* labels of the ONNX nodes that it covers, in order */
    int n_nodes;
    int operators; /* ONNX nodes covered, where the pieces of a decomposed operator (SiLU, GELU, ...) count as
                      one */
    int64_t flops; /* 2 per multiply-add of Conv, ConvTranspose, Gemm, MatMul */
    int64_t flops_again; /* of rows that a stream makes more often than once */
    int64_t bytes;       /* inputs, weights, outputs once each */
    int64_t bytes_unfused;
    int64_t in_bytes, weight_bytes, out_bytes; /* sum: bytes */
    fg_report_op *ops;
    int n_ops;
    double intensity;
    fg_class class;
    double predicted_ms;
    fg_bench_kernel measured; /* valid if the report's bench is not NULL and ran */
    fg_error error;
    bool checked;         /* error is valid */
    int64_t instructions; /* executed in the emulator; -1: not counted */
} fg_report_kernel;

/* A tensor that leaves a group, or enters the graph. */
typedef struct fg_report_tensor {
    const char *name, *shape;
    int64_t bytes;
    int from; /* group that makes it; -1: an input of the graph */
    int *to;  /* groups that read it, each once */
    int n_to;
    bool is_output; /* the graph returns it */
} fg_report_tensor;

/* A piece of the arena while it is in use: a tensor, or scratch of one kernel. */
typedef struct fg_report_block {
    const char *name;
    int64_t offset, bytes;
    int first, last; /* kernels */
} fg_report_block;

/* A level of the memory of the target. */
typedef struct fg_report_level {
    const char *name;
    int64_t bytes; /* 0: no limit */
    double gbps;
} fg_report_level;

#define FG_REPORT_LEVELS 4

/* --precision: weights in 16 bits. */
typedef struct fg_report_precision {
    const char *name;           /* "fp16", "bf16"; NULL: fp32, and nothing else is valid */
    int rounded;                /* tensors; */
    const fg_unrounded *kept;   /* constants that stay float32: first those that the type has no room for, */
    int n_out_of_range, n_kept; /* so many of all */
    bool known;                 /* by verification: */
    fg_error error;             /* of the outputs, what rounding makes of them against what they were */
} fg_report_precision;

/* Totals of a grouping, for comparing one with another. */
typedef struct fg_report_totals {
    int groups, single;
    int64_t bytes_fused, bytes_internal; /* counted the study's way */
    double mean_intensity;
} fg_report_totals;

typedef struct fg_report {
    const char *model;   /* file as the user named it */
    const char *variant; /* "batch=8" in a sweep; "" otherwise */
    char sha256[65];
    int opset, nodes;
    int64_t parameters;
    int n_synthetic;
    const char *target, *target_description;
    double peak_gflops; /* of the target; 0: not known */
    fg_report_level level[FG_REPORT_LEVELS];
    int n_levels; /* those that the target has, the fastest first */
    int64_t arena_bytes, arena_lower_bound, weights_bytes;
    fg_report_kernel *kernels;
    int n_kernels;
    fg_report_tensor *tensors; /* inputs of the graph first, then by the group that makes them */
    int n_tensors;
    fg_report_block *blocks; /* by first kernel; none of the pairwise partition */
    int n_blocks;
    bool pairwise; /* kernels[] are groups of the pairwise partition; no code is made from them */
    int n_stochastic_depth, n_dropout; /* operators synthesised in it */
    const struct fg_report *own,
        *paired;                /* the model's two partitions, this one among them; NULL: not known */
    fg_report_totals recounted; /* own, counted the way of the pairwise partition */
    fg_conversions conversions; /* of the fused partition */
    int64_t resolution;         /* largest extent of an image that the graph reads; 0: none */
    int depth;                  /* nodes with multiply-adds */
    double width;               /* mean of their output channels */
    int gates;                  /* squeeze-and-excitation products in the graph, however they are grouped */
    /* sums over kernels */
    int operators, single_op, se, main;
    int64_t flops, flops_again, bytes_fused, bytes_unfused;
    double mean_intensity, predicted_ms;
    int classes[FG_CLASS_COUNT];
    /* verification */
    fg_verify_mode mode;
    fg_report_precision precision;
    bool passed;
    fg_error total;
    double float_run, bound;
    const char *checked, *failure;
    int64_t flash_limit, ram_limit; /* of the board; 0: none */
    const fg_footprint *footprint;  /* NULL: not measured, the target has no limits */
    int64_t instructions;           /* that one run executed in the emulator; -1: not counted */
    const fg_bench *bench;          /* a copy, without its kernels; NULL: no --bench */
    const fg_bench *unfused;        /* the same of one kernel per operator; NULL: not asked for */
    int unfused_kernels;
} fg_report;

/* Where a report comes from; all of it may be freed afterwards. */
typedef struct fg_report_source {
    const char *model, *variant;
    const fg_graph *read;
    const fg_module *module;
    const fg_verdict *verdict;     /* NULL: --verify=none */
    const fg_bench *bench;         /* NULL: no --bench */
    const fg_bench *unfused;       /* of --no-fuse, with --compare --bench; else NULL */
    const fg_footprint *footprint; /* on targets with limits; else NULL */
    const fg_pairwise
        *pairwise; /* --partition pairwise: the groups to show in place of the kernels; else NULL */
} fg_report_source;

/* Copies into ctx. */
fg_report *fg_report_collect(fg_context *ctx, const fg_report_source *source);

/* The same with the other partition beside it (own, paired, recounted, gates). source->pairwise is given;
 * show_pairwise says which of the two is returned. */
const fg_report *fg_report_collect_both(fg_context *ctx, const fg_report_source *source, bool show_pairwise);

/* Fills in r from group number `index` of the pairwise partition. */
void fg_report_collect_group(fg_context *ctx, const fg_target *target, const fg_pairwise_group *g, int index,
                             fg_report_kernel *r);

/* Fill in tensors, blocks and levels of r. */
void fg_report_collect_flow(fg_context *ctx, const fg_module *m, fg_report *r);
void fg_report_collect_group_flow(fg_context *ctx, const fg_graph *read, const fg_pairwise *p, fg_report *r);
void fg_report_collect_target(fg_context *ctx, const fg_target *t, fg_report *r);

/* Fill in the names and points of the catalogue. */
void fg_report_collect_catalogue(fg_context *ctx, const fg_kernel *k, fg_report_kernel *r);

/* Names of the catalogue over all kernels, in order of the catalogue, with how often each is carried. */
typedef struct fg_report_count {
    const char *name;
    int n;
} fg_report_count;

const fg_report_count *fg_report_catalogue(fg_context *ctx, const fg_report *r, int *n);

/* Conversions that were applied at all, in words. */
const fg_report_count *fg_report_conversions(fg_context *ctx, const fg_report *r, int *n);

/* "ConvBN + AdaptiveAvgPool"; "" if k has no name in the catalogue. */
const char *fg_report_catalogue_text(fg_context *ctx, const fg_report_kernel *k);

/* Fill in depth, width and resolution. */
void fg_report_collect_scale(const fg_graph *read, fg_report *r);

/* "3x3/2" of a node with a window; "" of another. */
const char *fg_report_window(fg_context *ctx, const fg_node *n);

bool fg_report_measured(const fg_report *r); /* --bench was asked for and could time */

double fg_report_saved(const fg_report *r); /* 1 - fused / unfused bytes */

/* The same if each intermediate tensor of the pairwise accounting is written and read: 2I / (fused + 2I). */
double fg_report_saved_write_read(int64_t fused, int64_t internal);

bool fg_report_kernels_measured(const fg_report *r); /* --bench timed the groups of r */
double fg_report_efficiency(const fg_report *r);     /* operators per kernel */
const char *fg_verify_mode_name(fg_verify_mode mode);

typedef struct fg_report_style {
    int width; /* columns of the terminal; 0: plain */
    bool color;
    bool verbose; /* all nodes of each kernel, the reason for each tile */
} fg_report_style;

void fg_report_summary(const fg_report *r, const fg_report_style *style,
                       fg_text *out);                  /* header, totals, verdict */
void fg_report_head(const fg_report *r, fg_text *out); /* model, target, partition */
void fg_report_text(const fg_report *r, const fg_report_style *style,
                    fg_text *out); /* and the kernel table */
void fg_report_bench(const fg_report *r, const fg_report_style *style,
                     fg_text *out); /* times, kernels by their share */
void fg_report_comparison(fg_context *ctx, int n, const fg_report *const *r, const fg_report_style *style,
                          fg_text *out);

/* The JSON of docs/report.md: one object, or an array if n > 1. */
void fg_report_json(fg_context *ctx, int n, const fg_report *const *r, fg_text *out);

#endif
