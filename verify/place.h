/* Between row-major tensors and the physical layouts of a module. Written for verification only: it shares no
 * index code with codegen, so a wrong stride there shows up here. */
#ifndef FG_VERIFY_PLACE_H
#define FG_VERIFY_PLACE_H

#include "codegen/module.h"
#include "frontend/ops.h"

/* Raises FG_INTERNAL naming the value unless every element of the slot lies within its root allocation and
 * that lies within `bytes` of the memory it is placed in. */
void fg_check_slot(fg_context *ctx, const fg_slot *s, size_t bytes);

/* root: where the slot's base is. t has the dtype and extents of the slot's value; smaller ones where these
 * depend on data. */
void fg_scatter(const fg_slot *s, void *root, const fg_tensor *t);
void fg_gather(const fg_slot *s, const void *root, fg_tensor *t);

/* Sets every element of the slot. */
void fg_fill_slot(const fg_slot *s, void *root, const void *element);

/* Copies the elements of the slot, and nothing between them, from one image of the memory to another. */
void fg_copy_slot(const fg_slot *s, void *to_root, const void *from_root);

/* Bytes that the root allocation spans. */
size_t fg_slot_span(const fg_slot *s);

/* The root holds more than the value's elements: a border, or a buffer that is shared with other values. */
bool fg_slot_is_sparse(const fg_slot *s);

#endif
