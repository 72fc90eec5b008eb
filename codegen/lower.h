/* Lowerings: how a kernel becomes the text of one C function.
 *
 * A file codegen/lower/NAME.c exports `const fg_lowering fg_lowering_NAME;`. CMake collects the files, so
 * adding a lowering is adding a file. Decisions (tile, loop order, packing) are taken here, in C;
 * templates/NAME.c.in only spells them out.
 *
 * The order of things in fg_generate:
 *   1. prefer() of every kernel states wishes about the layouts of the values it reads and writes;
 *   2. layouts are decided, views found (movement operators and concatenations that need no copy), copies
 * inserted;
 *   3. emit() of every kernel writes its function body, packs its weights and asks for scratch;
 *   4. the arena is planned; offsets are filled in.
 */
#ifndef FG_CODEGEN_LOWER_H
#define FG_CODEGEN_LOWER_H

#include "codegen/module.h"
#include "codegen/template.h"

typedef struct fg_planner fg_planner;

typedef struct fg_emit {
    fg_context *ctx;
    fg_module *m;
    fg_kernel *k;
    fg_kernel_text *kt;
    fg_text *out;    /* the function's body, without its braces */
    fg_text *before; /* static functions that stand before it, named fg_... and the kernel's index */
    int lanes;       /* of a float32 vector on the target; FG_VL in the text */
    fg_planner *planner;
    bool parallel; /* see fg_emit_parallel */
    bool faulted;  /* the test hook's fault has been placed */
} fg_emit;

typedef struct fg_lowering {
    const char *name;
    void (*prefer)(fg_planner *p, fg_kernel *k); /* NULL: any layout will do */
    void (*emit)(fg_emit *e);
} fg_lowering;

const fg_lowering *fg_lowering_find(const char *name); /* NULL if there is none */

fg_context *fg_planner_context(const fg_planner *p);
const fg_module *fg_planner_module(const fg_planner *p); /* target and options; layouts are not decided yet */

/* With --optimize flash, and for a kernel whose text would exceed the target's budget otherwise. */
bool fg_wants_little_text(const fg_module *m, const fg_kernel *k);

/* Which operand of the first prologue node is the tensor that the kernel loads (the others are applied to
 * it). */
int fg_prologue_main(const fg_kernel *k);

/* True if that operand is a graph input whose value is checked at run time against the declared shape of the
 * result: a lowering may take the declared shape for granted. */
bool fg_operand_is_checked(const fg_node *n, int operand);
/* What entry d of operand 1, which is checked, may be: data for a run. */
int64_t fg_checked_extent(const fg_node *n, int d);

/* ---- wishes (in prefer) ---- */

/* The kernel works on v channels-last: (N, C, spatial...) stored as N, spatial, C; for rank < 3 nothing
 * changes. must: it cannot do otherwise (a copy is inserted where the graph's interface fixes row-major
 * order). */
void fg_want_channels_last(fg_planner *p, fg_value *v, bool must);
void fg_want_row_major(fg_planner *p, fg_value *v);
/* The kernel reads v at any strides: if all its readers say so, v may be a view that is neither row-major nor
 * channels-last (a transpose that needs no copy). To be called once for each value. */
void fg_take_strided(fg_planner *p, fg_value *v);
/* The same, as long as the last dimension's elements lie side by side. */
void fg_take_rows(fg_planner *p, fg_value *v);
/* The kernel writes v at any strides, as long as elements along dimension `dense` lie side by side (-1: at
 * any at all): v may lie where a movement operator behind it would put it. */
void fg_give_strided(fg_planner *p, fg_value *v, int dense);
/* The kernel writes v row by row (a row is its last dimension, all others count them), each anywhere: its
 * layout may have fg_layout.row. */
void fg_scatter_rows(fg_planner *p, fg_value *v);
/* The kernel reads v so. To be called once for each value. */
void fg_gather_rows(fg_planner *p, fg_value *v);
/* The kernel reads up to before/after elements beyond v's edges in dimension dim and expects zeros there.
 * Granted where possible: look at the layout with fg_border. */
void fg_want_border(fg_planner *p, fg_value *v, int dim, int64_t before, int64_t after);

/* ---- facts (in emit) ---- */

/* Where v lies; its strides; elements of zeros in front of and behind it along dim, as far as a border was
 * granted. */
const fg_slot *fg_slot_of(const fg_emit *e, const fg_value *v);
const fg_layout *fg_layout_of(const fg_emit *e, const fg_value *v);
int64_t fg_border_before(const fg_emit *e, const fg_value *v, int dim);
int64_t fg_border_after(const fg_emit *e, const fg_value *v, int dim);

/* True if `part` is written in place, into `whole`, the result of a concatenation: nothing to copy. */
bool fg_is_part_of(const fg_emit *e, const fg_value *part, const fg_value *whole);

/* ---- text (in emit) ---- */

/* Declares `const T *NAME = ...;` (input) or `T *NAME = ...;` (output) pointing at element (0, 0, ...) of v,
 * wherever it lies. Constants are placed among the weights, row-major, as they are. T: the dtype's C type. */
void fg_emit_input(fg_emit *e, const char *name, fg_value *v);
void fg_emit_output(fg_emit *e, const char *name, fg_value *v);
/* If v's rows lie anywhere, declares `const int32_t *NAME = ...;`: where they begin, in elements. */
bool fg_emit_rows(fg_emit *e, const char *name, const fg_value *v);

/* `count` elements of scratch in the arena, alive during this kernel only: declares `T *NAME = ...;`. May be
 * called several times. */
void fg_emit_scratch(fg_emit *e, const char *name, const char *c_type, size_t element_bytes, int64_t count);
/* The same, but one piece for all parts of the kernel. */
void fg_emit_shared(fg_emit *e, const char *name, const char *c_type, size_t element_bytes, int64_t count);

/* The same in two steps, for kernels of several functions: reserves the bytes, then declares a pointer to
 * them wherever one is needed. Not per part. */
int fg_emit_room(fg_emit *e, int64_t bytes);
void fg_emit_in_room(fg_emit *e, const char *name, const char *c_type, int room);

/* v, a (N, C, H, W) value of one image at a time that exists in this kernel only, gets memory for `rows` of
 * its rows, row y at y % rows, channels innermost, with `left` and `right` pixels beside each. From now on it
 * can be named as input and output. */
void fg_emit_ring(fg_emit *e, fg_value *v, int64_t rows, int64_t left, int64_t right);

/* The same, in the rows of another value's ring: v is changed into it where it lies. */
void fg_emit_same_ring(fg_emit *e, fg_value *v, const fg_value *of);

/* The kernel reads x and stores y in an order in which the two may share memory, if y begins at least lag
 * bytes before x and both lie channels-last without gaps or borders. Granted where nobody reads x later. */
void fg_emit_overlap(fg_emit *e, const fg_value *x, const fg_value *y, int64_t lag);

/* Scratch that is left alone by all later kernels, so that results may point into it. Once per kernel;
 * elements of one byte. */
void fg_emit_kept(fg_emit *e, const char *name, int64_t bytes);

/* Why a run may return a negative code although its pointers are right; see fg_emit_failure. */
typedef enum fg_failure {
    FG_FAIL_OPERAND = -4,
    FG_FAIL_TEXT = -5,
    FG_FAIL_BOUND = -6,
    FG_FAIL_NUMBER = -7
} fg_failure;

/* Statement by which the kernel makes PREFIX_run return that code: FG_FAIL_OPERAND a shape operand
 * contradicts, FG_FAIL_TEXT a string is longer than planned for, FG_FAIL_BOUND an extent is beyond its bound,
 * FG_FAIL_NUMBER a string that is read as a number is none.
 * The kernel has to go on and stay within its memory. */
const char *fg_emit_failure(fg_emit *e, fg_failure code);

/* Declares `static const char *const NAME[] = {...};` of n strings. */
void fg_emit_strings(fg_emit *e, const char *name, int64_t n, const char *const *strings);

/* "const float *" or "float *" for elements of that C type; "const char *const *" or "const char **" for
 * strings. */
const char *fg_c_pointer(fg_context *ctx, const char *c_type, bool constant);

/* Reserves room for `count` floats among the weights, zeroed, aligned to 64 bytes, and declares `const float
 * *NAME = ...;`. The result is valid until the next reservation: fill it at once. */
float *fg_emit_weights(fg_emit *e, const char *name, int64_t count);
/* Learned weights, packed: room for `count` floats, zeroed, and their way into the file, which may be in the
 * 16 bits of `storage` (see fg_value; FG_UNDEFINED: as floats) if every one of them is such a number.
 * Declares `const float *NAME = ...;` or `const uint16_t *NAME = ...;` and returns the type stored, for
 * fg_template_weights. packed is freed. */
float *fg_pack_new(const fg_emit *e, int64_t count);
fg_dtype fg_emit_packed(fg_emit *e, const char *name, fg_dtype storage, float *packed, int64_t count);
/* Instructions that make a vector of weights stored so float32, on the target. */
int fg_widening(const fg_target *t, fg_dtype stored);
/* Whether packed weights of the type that they are stored in are better made float32 once, in scratch, than
 * in each of `times` loops that read all of them. */
bool fg_wants_wide(const fg_emit *e, fg_dtype stored, int64_t times);
/* A constant as fg_emit_input declares it, but as it is stored: returns its storage, else its type. */
fg_dtype fg_emit_stored(fg_emit *e, const char *name, fg_value *v);

/* Sets the texts WT, the C type of weights that are stored so, and LOADW, the word that loads a vector of
 * them. Every template has them, for floats. */
void fg_template_weights(fg_template *t, fg_dtype stored);
const char *fg_weight_type(fg_dtype stored);
const char *fg_weight_load(fg_dtype stored);

/* The same for raw bytes of any type. */
void *fg_emit_table(fg_emit *e, const char *name, const char *c_type, size_t element_bytes, int64_t count);

/* ---- threads ---- */

/* The kernel's work can be split into parts that write disjoint results and give the same bits however many
 * there are: from now on scratch is per part, and the text below may differ from one part to the next. True
 * if the code is made for threads at all; else nothing changes. A kernel that does not ask runs as one part.
 * Call before any scratch is declared. */
bool fg_emit_parallel(fg_emit *e);
/* After all parts have returned the kernel is called once more, with c->part == c->parts, to put together
 * what they left in shared scratch; where it runs as one part it does both in that call. */
void fg_emit_finish(fg_emit *e);

/* First and last + 1 of n steps that belong to this part: C expressions ("0" and "n" without threads). */
const char *fg_part_from(const fg_emit *e, int64_t n);
const char *fg_part_to(const fg_emit *e, int64_t n);
/* Sets the texts NAME_FROM and NAME_TO, the bounds of a loop of n steps of `step` that goes over the first
 * `whole` of them only (what is left is the last part's, in code of its own); divided: among the parts, else
 * all of it. */
void fg_template_part(fg_template *t, const fg_emit *e, const char *name, bool divided, int64_t n,
                      int64_t whole, int64_t step);

/* Appends one line; then render with a template or append more. */
void fg_line(fg_emit *e, const char *format, ...) FG_PRINTF(2, 3);

/* Template parameters every kernel has: VL. */
fg_template *fg_emit_template(fg_emit *e);

/* What the report says of the tile and why. */
void fg_describe(fg_emit *e, const char *tile, const char *format, ...) FG_PRINTF(3, 4);

/* Sets ints NAME_s (element strides by dimension) and NAME_d (extents) from v's layout: e.g. x_s, x_d. */
void fg_template_layout(fg_template *t, const fg_emit *e, const char *name, const fg_value *v);

/* ---- elementwise chains ---- */

typedef struct fg_chain fg_chain;

/* Elementwise nodes applied one after the other to `main` (NULL: the first node's operands are all loaded).
 */
fg_chain *fg_chain_new(fg_emit *e, fg_node *const *nodes, int n_nodes, fg_value *main);

/* Operands from outside that have to be loaded, each once; constants of one element are not among them (they
 * become literals). */
int fg_chain_operands(const fg_chain *c);
fg_value *fg_chain_operand(const fg_chain *c, int i);

/* Appends statements that apply the chain to variable `var` in place, but for its last `without` steps;
 * declares it first if `declare`. loaded[i]: text that yields operand i at this place (a vector where vector
 * is true, else a scalar of its own type). tag distinguishes temporaries of calls in one scope. */
void fg_chain_emit(const fg_chain *c, const char *var, bool declare, const char *const *loaded, bool vector,
                   const char *tag, int without, fg_text *out);

/* Whether the last step takes a float to bounds that are numbers; its statement, applied to vector `var`. */
bool fg_chain_ends_in_clip(const fg_chain *c);
void fg_chain_emit_clip(const fg_chain *c, const char *var, fg_text *out);

/* Whether the vector form of a step has `word`. */
bool fg_chain_uses(const fg_chain *c, const char *word);

#endif
