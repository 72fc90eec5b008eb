/* The first look at a protobuf file: hostile until proven otherwise.
 *
 * protobuf-c's unpacker recurses as deep as messages nest and allocates a struct for each of them, however
 * small. The scanner walks the wire format first, without recursion, by the schema of the message; it bounds
 * depth, number of messages and what the unpacker would allocate, and it writes a copy for the unpacker that
 * lacks the fields the schema does not know and holds a reference in place of each large raw_data, so that
 * the unpacker does not copy those.
 */
#ifndef FG_FRONTEND_SCAN_H
#define FG_FRONTEND_SCAN_H

#include <protobuf-c/protobuf-c.h>

#include "frontend/base.h"

typedef struct fg_piece {
    size_t offset, length; /* in the file */
} fg_piece;

typedef struct fg_scanned {
    const uint8_t *data; /* what to unpack; lives with the context */
    size_t size;
    const fg_piece *pieces; /* TensorProto.piece is an index of this */
    int n_pieces;
} fg_scanned;

/* `what` names the format in messages ("an ONNX model"). Raises FG_BAD_MODEL on malformed data,
 * FG_UNSUPPORTED beyond the bounds. */
fg_scanned fg_scan(fg_context *ctx, const uint8_t *data, size_t size, const ProtobufCMessageDescriptor *root,
                   const char *what);

/* Scans and unpacks; the message and all it points to live in the context. pieces: may be NULL if not wanted.
 */
ProtobufCMessage *fg_unpack(fg_context *ctx, const uint8_t *data, size_t size,
                            const ProtobufCMessageDescriptor *root, const char *what, fg_scanned *scanned);

#endif
