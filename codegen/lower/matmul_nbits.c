/* MatMulNBits: the sums of a block are taken before its scale, row by row; elements are unpacked where they
 * are used. */
#include "codegen/expr.h"
#include "codegen/moves.h"
#include "frontend/nbits.h"

static const char *zero_text(fg_emit *e, const fg_node *n, const fg_nbits *b) {
    fg_value *zero = n->n_in > 3 ? n->in[3] : NULL;
    if (zero == NULL) {
        return fg_format(e->ctx, "%d.0f", 1 << (b->bits - 1));
    }
    fg_emit_input(e, "zero", zero);
    const char *at = fg_format(e->ctx, "n * %lld + block", (long long)b->blocks);
    if (zero->dtype != FG_UINT8) {
        return fg_load_element(e->ctx, zero->dtype, "zero", at);
    }
    return b->bits == 8 ? fg_format(e->ctx, "(float)zero[%s]", at)
                        : fg_format(e->ctx, "(float)fgs_packed_get(zero + n * %lld, block, %d)",
                                    (long long)b->zero_bytes, b->bits);
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    const fg_nbits b = fg_nbits_of(ctx, n);
    fg_value *a = n->in[0], *y = n->out[0], *bias = n->n_in > 5 ? n->in[5] : NULL;
    if (fg_is_empty_result(e, y)) {
        return;
    }
    fg_emit_input(e, "a", a);
    fg_emit_input(e, "b", n->in[1]);
    fg_emit_input(e, "scale", n->in[2]);
    const char *zero = zero_text(e, n, &b), *start = "0.0f";
    if (bias != NULL) {
        fg_emit_input(e, "bias", bias);
        start = fg_load_element(ctx, bias->dtype, "bias", "n");
    }
    fg_emit_output(e, "y", y);
    int64_t own[FG_MAX_RANK];
    const int last = a->shape.rank - 1;
    fg_nest *nest = fg_nest_new(ctx, &y->shape, 2);
    fg_strides_of(e, a, own);
    const int64_t a_k = own[last];
    own[last] = 0;
    fg_nest_add_value(e, nest, y);
    fg_nest_add(ctx, nest, own);
    fg_template *t = fg_emit_template(e);
    fg_template_int(t, "LOOPS", last);
    fg_template_ints(t, "EXTENT", nest->rank, nest->extent);
    fg_template_int(t, "A_K", a_k);
    fg_template_text(t, "ROW", fg_pointer_to(ctx, "a", fg_nest_at(ctx, nest, 1, 0, last, "i")));
    fg_template_int(t, "N", b.n);
    fg_template_int(t, "K", b.k);
    fg_template_int(t, "BLOCK", b.block);
    fg_template_int(t, "BLOCKS", b.blocks);
    fg_template_int(t, "BYTES", b.bytes);
    fg_template_int(t, "BITS", b.bits);
    fg_template_text(t, "TYPE", fg_dtype_get(a->dtype)->c_type);
    fg_template_text(t, "START", start);
    fg_template_text(t, "ZERO", zero);
    fg_template_text(t, "SCALE",
                     fg_load_element(ctx, n->in[2]->dtype, "scale",
                                     fg_format(ctx, "n * %lld + block", (long long)b.blocks)));
    fg_template_text(t, "A",
                     fg_load_element(ctx, a->dtype, "row", fg_format(ctx, "i * %lld", (long long)a_k)));
    fg_template_text(
        t, "STORE",
        fg_store_element(ctx, y->dtype, "y", fg_nest_at(ctx, nest, 0, 0, nest->rank, "i"), "sum"));
    fg_template_render(t, "matmul_nbits", e->out);
    fg_describe(e, "", "one dot product per element, a scale per block of %lld", (long long)b.block);
}

const fg_lowering fg_lowering_matmul_nbits = {.name = "matmul_nbits", .prefer = NULL, .emit = emit};
