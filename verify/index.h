/* Ties: an index that differs from the reference's passes if the values that the two choose are equal within
 * tolerance. */
#ifndef FG_VERIFY_INDEX_H
#define FG_VERIFY_INDEX_H

#include "verify/verify.h"

/* The tensor that v (of the graph as read) holds indices into: the data operand of ArgMax, ArgMin or TopK,
 * also behind operators that keep the order of elements. NULL if v holds no such indices. */
const fg_value *fg_index_source(const fg_value *v);

/* want and got: indices of v; data: the reference of fg_index_source(v). True if every index that differs
 * chooses an equal value. */
bool fg_index_is_tie(const fg_value *v, const fg_tensor *want, const fg_tensor *got, const fg_tensor *data,
                     double tolerance);

#endif
