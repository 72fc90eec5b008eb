/* What fg_generate and its passes share; lowerings see codegen/lower.h only. */
#ifndef FG_CODEGEN_PLANNER_H
#define FG_CODEGEN_PLANNER_H

#include "codegen/lower.h"

typedef enum fg_order { FG_ORDER_ANY, FG_ORDER_ROW, FG_ORDER_LAST } fg_order;

/* How a value gets its storage. */
typedef enum fg_alias {
    FG_ALIAS_NONE,     /* storage of its own (a root) */
    FG_ALIAS_MOVEMENT, /* a view of `parent`, the input of the movement node `mover` */
    FG_ALIAS_SOURCE,   /* `parent` is the result of the movement node `mover`, whose input this is */
    FG_ALIAS_PART,     /* `parent` is a concatenation; this value starts at `start` along `axis` */
    FG_ALIAS_ROWS      /* row i (of the last dimension, all others counting) is row row_of[i] of `parent` */
} fg_alias;

typedef struct fg_place_plan {
    fg_order order;
    bool must_last; /* some kernel can only work channels-last */
    int strided;    /* kernels that read it at any strides */
    int rows;       /* and those that do if its last dimension is dense */
    bool given;     /* its kernel can write it at any strides if dimension `dense` (-1: none) is */
    int dense;
    bool scatters; /* its kernel can write its rows anywhere */
    int gathered;  /* kernels that can read its rows anywhere */
    int64_t before[FG_MAX_RANK], after[FG_MAX_RANK];
    fg_alias alias;
    fg_value *parent;
    const fg_node *mover;
    int mover_output;
    int axis;
    int64_t start;
    const int32_t *row_of;
    bool viewed; /* something is a movement view of it: no border possible */
    bool resolved;
    int first_writer;     /* of roots: kernel index, -1 none */
    int64_t arena_offset; /* of roots, after fg_plan_memory */
    int room;             /* the scratch, + 1, that keeps rows of it for one kernel; else 0 */
} fg_place_plan;

/* Where rows begin, as it stands among the weights. */
typedef struct fg_row_table {
    const int32_t *at;
    int64_t n, place;
    uint64_t hash;
} fg_row_table;

typedef struct fg_scratch_plan {
    int kernel;
    int64_t bytes;
    int64_t offset;
    bool kept; /* until the run is over; a block of its own */
} fg_scratch_plan;

/* While a kernel runs, y may lie over what it has read of x: see fg_emit_overlap. */
typedef struct fg_overlap_plan {
    int kernel;
    const fg_value *x, *y;
    int64_t lag;
} fg_overlap_plan;

struct fg_planner {
    fg_context *ctx;
    fg_module *m;
    fg_graph *graph;
    fg_partition *partition;
    fg_place_plan *values; /* by value id */
    int n_values;
    int64_t *constant_at; /* by value id: byte offset of a raw constant among the weights, -1: not placed */
    int64_t *stored_at;   /* the same of those that are stored in 16 bits */
    size_t weights_capacity;
    int *readers;      /* by value id: kernels that read it, while views are found */
    int *maker;        /* likewise: the kernel that makes it, -1: none */
    int *first_reader; /* and the first that reads it, -1: none */
    fg_row_table *tables;
    int n_tables, cap_tables;
    fg_scratch_plan *scratch;
    int n_scratch, cap_scratch;
    fg_overlap_plan *overlaps;
    int n_overlaps, cap_overlaps;
};

/* The value whose storage v uses. */
fg_value *fg_root_of(const fg_planner *p, fg_value *v);

/* layout.c: wishes -> orders, copies, views, layouts. */
void fg_plan_layout(fg_planner *p);

/* Strides of a dense value in the given order, with borders (NULL: none). Returns the elements spanned;
 * offset of element 0. */
int64_t fg_order_strides(const fg_value *v, fg_order order, const int64_t *before, const int64_t *after,
                         int64_t *stride, int64_t *offset);
/* True if the strides are those of a dense value in that order; extents of 1 have no stride to speak of. */
bool fg_strides_are_dense(const fg_value *v, fg_order order, const int64_t *stride);
bool fg_orders_agree(const fg_value *v); /* row-major and channels-last are the same */

/* views.c: decides which values are views of others; kernels that only made such values vanish. */
void fg_find_views(fg_planner *p);
bool fg_is_interface(const fg_value *v);
bool fg_may_move(const fg_planner *p, const fg_value *v); /* has storage of its own, which nothing views */
/* Strides and offset of v as they will be without borders. */
void fg_strides_to_be(const fg_planner *p, const fg_value *v, int64_t *stride, int64_t *offset);
/* views_rows.c: Gathers of rows that the kernel before or behind them can do on the way; they are marked. */
void fg_find_row_views(fg_planner *p, bool *gone);
bool fg_is_plain_copy(const fg_kernel *k); /* one movement node and nothing else */

/* borders.c: the kernel that first writes a bordered root also clears its border. */
void fg_plan_borders(fg_planner *p);
void fg_emit_borders(fg_emit *e);

/* memory.c: lifetimes -> offsets; fills slots' base, m->arena_bytes and the lower bound. */
void fg_plan_memory(fg_planner *p);

/* loops.c: the text behind the call of a kernel that begins a loop or ends an iteration; returns how much
 * deeper what follows stands. Lifetimes of what loops need. */
int fg_loop_text(const fg_planner *p, int kernel, int depth, fg_text *out);
/* What stands before a call that may not happen: if it begins a loop, there is no iteration. */
void fg_loop_unless(const fg_planner *p, int kernel, int depth, fg_text *out);
void fg_loop_lifetimes(const fg_planner *p);

/* branches.c: by kernel, the condition under which it is called; NULL: always. */
const char **fg_branch_guards(const fg_planner *p);

/* assemble.c: bodies -> header and source text. bodies[i]: finished body of kernel i with places filled in.
 */
void fg_assemble(fg_planner *p, char *const *bodies);

/* share.c: kernels whose bodies, filled in, differ in offsets only become calls of one function. */
void fg_share_bodies(fg_planner *p, char **bodies);

/* Sets t's lines: those of the body and of what stands before it. */
void fg_count_lines(fg_kernel_text *t, const char *body);

/* In bodies, places in the arena stand as marks until memory is planned: \1 KIND NUMBER + OFFSET \2; KIND 'v'
 * value id, 's' scratch index. */
char *fg_fill_marks(fg_planner *p, const char *body);

/* Graph outputs that no kernel makes (constants, inputs passed through, duplicates): placed and copied by the
 * run function. */
void fg_place_output_constants(fg_planner *p);
void fg_output_copies(fg_planner *p, int output, fg_text *out);

/* Position of a raw constant among the weights; places it there first if need be. */
int64_t fg_place_constant(fg_planner *p, const fg_value *v);

/* Statements of the run function that check shape operands which are graph inputs (see operand_check.c). */
void fg_operand_checks(fg_planner *p, fg_text *out);

/* The next multiple of `to`; both positive. */
static inline int64_t fg_round_up(int64_t n, int64_t to) {
    return (n + to - 1) / to * to;
}

#endif
