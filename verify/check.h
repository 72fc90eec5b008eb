/* State of one verification, shared by its two halves: kernel by kernel (kernels.c) and end to end
 * (verify.c). */
#ifndef FG_VERIFY_CHECK_H
#define FG_VERIFY_CHECK_H

#include "verify/memory.h"
#include "verify/verify.h"

typedef struct fg_check {
    fg_context *ctx;
    fg_graph *read;
    const fg_module *m;
    const fg_verify_options *options;
    fg_library *lib;     /* in which kernels can be called one by one */
    fg_library *shipped; /* as it is handed over; NULL: lib runs the whole as well */
    fg_memory *mem;
    const fg_tensor *inputs; /* of the graph as read */
    fg_run *reference;       /* in double */
    fg_tensor
        *rounded;    /* by value id of the graph as read: what weights of --precision make of it; or NULL */
    fg_tensor *made; /* by value id of the rewritten graph: what is not simply a tensor of `reference` */
    /* By output: what it holds hangs on choices among counted elements that a plain float32 run of the
     * interpreter takes otherwise, too; such an output is not compared end to end. */
    bool *undecided;
    int n_undecided;
    int64_t *symbols; /* extents that depend on data, as the reference has them */
    int64_t spent;    /* work of evaluating rewritten nodes */
    fg_verdict *verdict;
} fg_check;

/* The reference of a value of the graph as read; data NULL if it was not kept. Under --precision it is that
 * of the network whose weights are rounded. */
fg_tensor fg_check_reference(const fg_check *c, const fg_value *v);

/* The shape that a value of the rewritten graph has in this run. */
fg_shape fg_check_shape(const fg_check *c, const fg_value *v);

/* What a value of the rewritten graph holds: its reference; where the graph as read does not have it, what
 * the interpreter makes of the rewritten nodes on reference inputs; where those have no reference kernel,
 * what its own kernel made (c->made). Data NULL: it cannot be told yet. */
fg_tensor fg_check_value(fg_check *c, const fg_value *v);

/* Runs node n of the rewritten graph on what its operands hold; out: n->n_out tensors, owned by the caller.
 * False if it cannot be run yet, or has no reference kernel. */
bool fg_check_evaluate(fg_check *c, const fg_node *n, fg_tensor *out);

/* --precision: the rewritten graph is run with its weights as they were, which has to agree with the graph as
 * read, and with rounded ones, which is what all else is compared with from then on. Fills verdict->rounding.
 */
void fg_check_rounding(fg_check *c);

/* fg_compare, and the rule about indices; v: of the graph as read, NULL if none. */
fg_error fg_check_compare(const fg_check *c, const fg_value *v, const fg_tensor *want, const fg_tensor *got,
                          double bound);

/* Every kernel alone, on reference inputs. Fills verdict->kernels and the first failure. */
void fg_check_kernels(fg_check *c);

/* All kernels in order on one arena that is not touched in between. The text names the first kernel that
 * leaves the bound; NULL if none does. For attributing a failure end to end. */
const char *fg_check_first_divergence(fg_check *c, double bound);

/* "kernel 'a' (nodes 'x' (Conv), 'y' (Relu))", escaped for the terminal. */
const char *fg_check_kernel_label(const fg_check *c, int kernel);
/* "output 'x' at [0,1] is 2, not 3 (max abs 1, 0.5 of RMS, 8388608 ulp; bound 0.0001 of RMS)" */
const char *fg_check_difference(const fg_check *c, const char *what, const char *name, const fg_tensor *want,
                                const fg_tensor *got, const fg_error *e, double bound);
/* "touches memory that is not its own (beyond arena)" */
const char *fg_check_fault(const fg_check *c, fg_fault fault);

/* The name of the memory around which the last call wrote; NULL: none. */
const char *fg_check_damage(const fg_check *c);

/* Records the text if it is the first failure, and that the verdict is negative. */
void fg_check_fail(fg_check *c, const char *text);

#endif
