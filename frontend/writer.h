/* The other way: pieces of a graph as ONNX bytes (protobuf's wire format, written by hand). */
#ifndef FG_FRONTEND_WRITER_H
#define FG_FRONTEND_WRITER_H

#include "frontend/graph.h"

/* Bytes are collected in an fg_text; its data may be NULL while length is 0. */
void fg_wire_int(fg_text *t, int field, int64_t x);
void fg_wire_bytes(fg_text *t, int field, const void *data, size_t n);
void fg_wire_string(fg_text *t, int field, const char *s);
void fg_wire_message(fg_text *t, int field, fg_text *sub); /* and frees sub */

/* A field that begins with its key and length; n bytes are to follow. */
void fg_wire_begin(fg_text *t, int field, uint64_t n);

/* StringStringEntryProto. */
void fg_wire_entry(fg_text *t, int field, const char *key, const char *value);

/* TensorProto with the data of v under that name, as a field of t. */
void fg_wire_tensor(fg_text *t, int field, const char *name, const fg_value *v);

/* ValueInfoProto with the static type of v. Raises FG_UNSUPPORTED for what is no tensor. */
void fg_wire_value_info(fg_text *t, int field, const fg_value *v);

/* NodeProto with all attributes, graphs inside them too, as a field of t. Raises FG_UNSUPPORTED for kinds of
 * attributes that the reader does not keep. */
void fg_wire_node(fg_text *t, int field, const fg_node *n);

#endif
