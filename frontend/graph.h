/* The intermediate representation: a graph of nodes over values, all shapes static.
 *
 * Invariants (after fg_infer)
 * - nodes[] is in topological order; every value has one producer, or is a graph input, or has constant data.
 * - shape and dtype of every value are known and non-negative; element counts have passed fg_checked_product.
 * - An optional input that is absent is NULL in node->in; trailing absent inputs are cut off. out[] likewise.
 * - users[] of a value holds one entry per use (a node that reads it twice stands there twice); valid after
 *   fg_graph_link.
 * - Constant data are little-endian elements in row-major order; types of less than 8 bits are packed,
 * element after element from the lowest bit of the first byte on; bool one byte; string tensors are arrays of
 * `const char *`.
 */
#ifndef FG_FRONTEND_GRAPH_H
#define FG_FRONTEND_GRAPH_H

#include "frontend/base.h"

#define FG_MAX_RANK 8

/* ONNX's TensorProto.DataType; the numbers are the format's. */
typedef enum fg_dtype {
    FG_UNDEFINED = 0,
    FG_FLOAT = 1,
    FG_UINT8 = 2,
    FG_INT8 = 3,
    FG_UINT16 = 4,
    FG_INT16 = 5,
    FG_INT32 = 6,
    FG_INT64 = 7,
    FG_STRING = 8,
    FG_BOOL = 9,
    FG_FLOAT16 = 10,
    FG_DOUBLE = 11,
    FG_UINT32 = 12,
    FG_UINT64 = 13,
    FG_COMPLEX64 = 14,
    FG_COMPLEX128 = 15,
    FG_BFLOAT16 = 16,
    FG_FLOAT8E4M3FN = 17,
    FG_FLOAT8E4M3FNUZ = 18,
    FG_FLOAT8E5M2 = 19,
    FG_FLOAT8E5M2FNUZ = 20,
    FG_UINT4 = 21,
    FG_INT4 = 22,
    FG_FLOAT4E2M1 = 23,
    FG_FLOAT8E8M0 = 24, /* a power of two, without sign: the scale of a block */
    FG_UINT2 = 25,
    FG_INT2 = 26,
    FG_FLOAT6E2M3 = 27,
    FG_FLOAT6E3M2 = 28,
    FG_DTYPE_COUNT
} fg_dtype;

typedef struct fg_dtype_info {
    const char *name;   /* ONNX's lower-case name: "float", "int64", ... */
    const char *c_type; /* carrier in generated C: "float", "int64_t", "uint16_t" for float16, "const char *"
                           for string */
    int bits;           /* below 8: packed; 64 for string (a pointer) */
    bool is_float, is_integer, is_signed;
} fg_dtype_info;

/* never NULL; name "undefined" for unknown numbers */
const fg_dtype_info *fg_dtype_get(fg_dtype t);
/* storage of that many elements, packed types rounded up */
size_t fg_dtype_bytes(fg_dtype t, int64_t elements);
bool fg_dtype_is_packed(fg_dtype t); /* several elements to a byte */

/* Element i of packed elements of `bits` bits: its bits. The other elements of a byte stay. */
unsigned fg_packed_get(const void *data, int bits, int64_t i);
void fg_packed_put(void *data, int bits, int64_t i, unsigned element);

typedef struct fg_shape {
    int rank;
    int64_t dim[FG_MAX_RANK];
} fg_shape;

/* product of dims; 1 for a scalar; caller knows it has been checked */
int64_t fg_shape_count(const fg_shape *s);
bool fg_shape_equal(const fg_shape *a, const fg_shape *b);
const char *fg_shape_text(fg_context *ctx, const fg_shape *s); /* "1x3x224x224"; "scalar" for rank 0 */

typedef struct fg_value fg_value;
typedef struct fg_form fg_form; /* see extent.h */
typedef struct fg_symbol fg_symbol;
typedef struct fg_node fg_node;
typedef struct fg_graph fg_graph;

struct fg_value {
    const char *name; /* never NULL; unique in the graph */
    int id;           /* index into graph->values */
    fg_dtype dtype;
    fg_shape shape;
    bool shape_known;    /* dtype and shape are inferred or declared without unknown dimensions */
    bool shape_declared; /* the file declares a full static shape (graph input, output or value_info) */
    const void *data;    /* constant elements, or NULL */
    bool synthetic;      /* data was made by a fill rule, not read */
    /* in a rewritten graph, of float32 constants: a type of 16 bits that has every element, and in which code
     * may store them; FG_UNDEFINED: none */
    fg_dtype storage;
    bool is_input;    /* graph input without initializer */
    bool is_output;   /* graph output */
    bool is_sequence; /* sequence or optional: not a tensor */
    bool is_optional; /* an optional, of a tensor or of a sequence */
    /* Elements of a sequence, or the one of an optional that has one. Sequences exist in inference only: what
     * reads them is resolved to nodes that read their elements (see expand.h). */
    bool items_known;
    fg_value **items;
    int n_items;
    /* Extents that depend on data (see extent.h): shape has their bounds. */
    const fg_form *extent[FG_MAX_RANK]; /* NULL: as shape says */
    const fg_form *elements; /* of an integer tensor whose elements follow from extents; NULL: of no such */
    int symbol;  /* in a rewritten graph: this int64 is the value of symbol `symbol - 1`; 0: of none */
    int tail;    /* likewise: beyond the true extents lies this fg_fill, plus 1; 0: anything */
    bool packed; /* likewise: elements lie side by side by the true extents */
    /* What the user says of it: the most that each extent is and, behind these, its elements; -1: nothing.
     * NULL: nothing at all. */
    const int64_t *most;
    int64_t bound; /* integer inputs: exclusive upper bound of an index, as inference knows it; 0 unknown */
    /* symbolic dimensions of graph inputs as declared; NULL where numeric */
    const char *dim_name[FG_MAX_RANK];
    fg_node *producer; /* NULL for inputs and constants */
    fg_node **users;
    int n_users;
    const fg_value *ref; /* in a rewritten graph: the value of the graph as read that this one must equal
                            element by element; NULL if there is none */
};

typedef enum fg_attr_type {
    FG_ATTR_INT,
    FG_ATTR_FLOAT,
    FG_ATTR_STRING,
    FG_ATTR_INTS,
    FG_ATTR_FLOATS,
    FG_ATTR_STRINGS,
    FG_ATTR_TENSOR,
    FG_ATTR_GRAPH,
    FG_ATTR_OTHER
} fg_attr_type;

typedef struct fg_attr {
    const char *name;
    fg_attr_type type;
    int n; /* elements of ints, floats or strings */
    int64_t i;
    float f;
    const char *s; /* terminated; length s_len may exceed strlen */
    size_t s_len;
    const int64_t *ints;
    const float *floats;
    const char *const *strings;
    const fg_value *tensor; /* has data */
    fg_graph *graph;
} fg_attr;

struct fg_op;

struct fg_node {
    fg_context *ctx;     /* of its graph; NULL of a node that stands in none, only to ask questions with */
    const char *name;    /* as in the file; may be "" */
    const char *op_type; /* as in the file */
    const char *domain;  /* "" for ai.onnx */
    const struct fg_op
        *op;   /* row of the operator table; NULL until bound by fg_infer (which reports missing rows) */
    int index; /* position in the graph as read; in a rewritten graph that of the last node covered */
    fg_value **in, **out;
    int n_in, n_out;
    fg_attr *attr;
    int n_attr;
    /* in a rewritten graph: the nodes as read that this one stands for, in order; else NULL */
    fg_node **covers;
    int n_covers;
};

struct fg_graph {
    fg_context *ctx;
    const char *name;
    int opset;    /* of ai.onnx; 0 if not imported */
    int opset_ml; /* of ai.onnx.ml; 0 if not imported */
    int ir_version;
    fg_node **nodes;
    int n_nodes, cap_nodes;
    fg_value **values;
    int n_values, cap_values;
    fg_value **inputs, **outputs;
    int n_inputs, n_outputs;
    int64_t parameters; /* learned initializer elements (no BatchNormalization mean and variance) */
    int n_synthetic;    /* tensors made by fill rules */
    int64_t n_items;    /* elements of sequences, */
    int n_replaced;     /* and nodes replaced by others: how far inference has gone */
    const struct fg_rounding *rounding; /* of a rewritten graph: what --precision did; NULL: nothing */
    uint8_t sha256[32];                 /* of the model file's bytes */
    const struct fg_file *external;     /* files of external data that were read; see external.h */
    fg_symbol *symbols;                 /* extents that depend on data */
    int n_symbols, cap_symbols;
    struct fg_graph_own *own; /* names taken and scratch of graph.c */
};

fg_graph *fg_graph_new(fg_context *ctx, const char *name);
/* new value; name copied, made unique if taken */
fg_value *fg_graph_value(fg_graph *g, const char *name);
/* value of that name; NULL if there is none */
fg_value *fg_graph_find(const fg_graph *g, const char *name);
/* data not copied */
fg_value *fg_graph_const(fg_graph *g, const char *name, fg_dtype t, const fg_shape *s, const void *data);
/* appended */
fg_node *fg_graph_node(fg_graph *g, const char *op_type, int n_in, fg_value **in, int n_out, fg_value **out);
void fg_graph_link(fg_graph *g); /* recomputes producer and users of all values; sorts nodes topologically
                                    (stable); raises FG_BAD_MODEL on a cycle or a value without producer */
void fg_graph_replace(fg_graph *g, fg_value *old, fg_value *with); /* every use, and graph outputs */
void fg_graph_prune(fg_graph *g); /* drops nodes from which no graph output is reachable; relinks */

/* A copy whose values have ref set to the values of g and whose nodes have covers = {original node}: what
 * rewriting works on. Constants are shared. */
fg_graph *fg_graph_clone(fg_graph *g);

/* A copy that differs in nothing: ref and covers are the original's, values have the same ids. Constants are
 * shared. */
fg_graph *fg_graph_copy(const fg_graph *g);

/* Copies the nodes of `body`, a graph inside an attribute, to the end of g's; `args` stand in for its inputs.
 * Initializers are shared by all copies. results: where the values are put that its outputs have become. */
void fg_graph_splice(fg_graph *g, const fg_graph *body, fg_value *const *args, fg_value **results);

/* True if v is a value of g itself; a graph inside an attribute may also read values of the graphs around it.
 * Such a read counts, in users[] and in the order of nodes, as one of the node that holds the attribute. */
bool fg_graph_owns(const fg_graph *g, const fg_value *v);

/* Calls fn for every place where n, or a graph inside it, reads a value of g. */
typedef void fg_use_fn(void *user, fg_value **place);
void fg_node_each_use(const fg_graph *g, fg_node *n, fg_use_fn *fn, void *user);

const char *fg_node_label(const fg_node *n); /* its name, else its first output's name */

const fg_attr *fg_node_attr(const fg_node *n, const char *name); /* NULL if absent */
/* NULL if absent. Raises FG_BAD_MODEL, naming node and attribute, if it is of another type; so do the others
 * below, which return `otherwise` where it is absent. */
const fg_attr *fg_attr_of(const fg_node *n, const char *name, fg_attr_type type);
int64_t fg_attr_int(const fg_node *n, const char *name, int64_t otherwise);
float fg_attr_float(const fg_node *n, const char *name, float otherwise);
const char *fg_attr_string(const fg_node *n, const char *name, const char *otherwise);
/* Copies up to max ints; returns how many the attribute has, 0 if absent. Raises FG_BAD_MODEL if more than
 * max. */
int fg_attr_ints(fg_context *ctx, const fg_node *n, const char *name, int max, int64_t *out);
/* adds or resets */
fg_attr *fg_node_set_attr(fg_context *ctx, fg_node *n, const char *name, fg_attr_type type);

/* Reads element i of an integer, bool or float constant as int64 / double. */
int64_t fg_const_int(const fg_value *v, int64_t i);
double fg_const_float(const fg_value *v, int64_t i);

/* IEEE binary16 and bfloat16: rounded once, to nearest, ties to even; NaN stays a NaN. */
uint16_t fg_half_from_float(float f);
uint16_t fg_half_from_double(double x);
float fg_half_to_float(uint16_t h);
uint16_t fg_bfloat_from_float(float f);
uint16_t fg_bfloat_from_double(double x);
float fg_bfloat_to_float(uint16_t h);

#endif
