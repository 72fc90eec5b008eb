/* Attributes of MatMulNBits. */
#include "frontend/nbits.h"

static int64_t positive(fg_context *ctx, const fg_node *n, const char *name, int64_t otherwise) {
    const int64_t v = fg_attr_int(n, name, otherwise);
    if (v < 1 || v > INT32_MAX) {
        fg_blame_attribute(ctx, name);
        fg_raise(ctx, FG_BAD_MODEL, "attribute '%s' is %lld", name, (long long)v);
    }
    return v;
}

fg_nbits fg_nbits_of(fg_context *ctx, const fg_node *n) {
    fg_nbits b = {.k = positive(ctx, n, "K", 0),
                  .n = positive(ctx, n, "N", 0),
                  .block = positive(ctx, n, "block_size", 0),
                  .bits = (int)positive(ctx, n, "bits", 4)};
    if (b.bits != 2 && b.bits != 4 && b.bits != 8) {
        fg_blame_attribute(ctx, "bits");
        fg_raise(ctx, FG_UNSUPPORTED, "elements of %d bits", b.bits);
    }
    if (b.block * b.bits % 8 != 0) {
        fg_blame_attribute(ctx, "block_size");
        fg_raise(ctx, FG_BAD_MODEL, "blocks of %lld elements do not fill whole bytes", (long long)b.block);
    }
    b.blocks = (b.k + b.block - 1) / b.block;
    b.bytes = b.block * b.bits / 8;
    b.zero_bytes = (b.blocks * b.bits + 7) / 8;
    return b;
}
