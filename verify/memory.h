/* The memory that generated code runs in: arena, inputs, outputs and weights of one module, each in a watched
 * space. */
#ifndef FG_VERIFY_MEMORY_H
#define FG_VERIFY_MEMORY_H

#include "frontend/ops.h"
#include "verify/loader.h"
#include "verify/sandbox.h"

typedef struct fg_memory {
    const fg_module *m;
    fg_space *arena, *weights;
    fg_space **in, **out;    /* by graph input and output */
    const void **in_pointer; /* what P_inputs holds; at least one entry */
    void **out_pointer;
    int status; /* that kernels called one by one set */
} fg_memory;

/* What the memory is for: watching (arena and outputs get a second image, interface tensors are aligned to
 * their elements and to nothing more), or timing (64-byte alignment, as a careful caller has it). */
typedef enum fg_memory_use { FG_MEMORY_WATCHED, FG_MEMORY_TIMED } fg_memory_use;

/* inputs: one per graph input, copied; like the weights they are locked against writing. Checks all slots. */
fg_memory *fg_memory_new(const fg_module *m, const fg_tensor *inputs, fg_memory_use use);
void fg_memory_free(fg_memory *mem);

/* Fills arena and outputs (and their shadows) with one byte value. */
void fg_memory_fill(fg_memory *mem, int byte);

/* The space that a slot lies in; NULL for FG_PLACE_NONE. */
fg_space *fg_memory_space(const fg_memory *mem, const fg_slot *s);
/* Offset of the slot's root in its space. */
size_t fg_memory_offset(const fg_slot *s);

/* The slot of a value; raises FG_INTERNAL if the module has none. */
const fg_slot *fg_module_slot(const fg_module *m, const fg_value *v);

/* The space around which something was written; NULL if all is well. */
const fg_space *fg_memory_damage(const fg_memory *mem);
/* The space that holds the address, forbidden pages included; NULL if none. */
const fg_space *fg_memory_owner(const fg_memory *mem, const void *address);

/* Arguments of a kernel's call. */
fg_call fg_memory_call(fg_memory *mem);

#endif
