/* StringSplit: a copy of each string is cut in place; what it lacks of pieces is empty. */
#include "codegen/escape.h"
#include "codegen/extents.h"
#include "codegen/text.h"

static void emit_pieces(fg_emit *e, const fg_node *n) {
    fg_value *x = n->in[0], *y = n->out[0], *lengths = n->n_out > 1 ? n->out[1] : NULL;
    fg_context *ctx = e->ctx;
    const int64_t most = y->shape.dim[y->shape.rank - 1];
    fg_nest *nest = fg_nest_new(ctx, &x->shape, 1);
    fg_nest_add_value(e, nest, x);
    fg_emit_input(e, "x", x);
    fg_emit_output(e, "y", y);
    const bool told = lengths != NULL && (lengths->n_users > 0 || lengths->is_output);
    if (told) {
        fg_emit_output(e, "lengths", lengths);
    }
    const int64_t room = fg_emit_text_room(e, "room", fg_shape_count(&x->shape));
    fg_line(e, "int over = 0;");
    fg_nest_open(nest, 0, nest->rank, "i", e->out);
    fg_line(e, "const char *s = x[%s];", fg_nest_at(ctx, nest, 0, 0, nest->rank, "i"));
    fg_line(e, "if (!fgs_text_copy(room, %lld, s, strlen(s))) over = 1;", (long long)room);
    fg_line(e, "int pieces = fgs_text_split(room, \"%s\", %lld, y, %lld, &over);",
            fg_escape_c_string(ctx, fg_attr_string(n, "delimiter", "")),
            (long long)fg_attr_int(n, "maxsplit", -1), (long long)most);
    if (told) {
        fg_line(e, "*lengths++ = pieces;");
    }
    fg_line(e, "if (pieces > k) k = pieces;");
    fg_line(e, "for (; pieces < %lld; pieces++) y[pieces] = \"\";", (long long)most);
    fg_line(e, "y += %lld;", (long long)most);
    fg_line(e, "room += %lld;", (long long)room);
    fg_nest_close(nest->rank, e->out);
    fg_line(e, "if (over) %s", fg_emit_failure(e, FG_FAIL_TEXT));
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_line(e, "int k = 0;");
    if (fg_shape_count(&n->in[0]->shape) > 0) {
        emit_pieces(e, n);
    }
    fg_emit_count(e, n, "k");
    fg_line(e, "(void)k;");
    fg_describe(e, "", "string by string");
}

static void prefer(fg_planner *p, fg_kernel *k) {
    const fg_node *n = k->stage[0].anchor;
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i] != NULL) {
            fg_want_row_major(p, n->out[i]);
        }
    }
}

const fg_lowering fg_lowering_text_split = {.name = "text_split", .prefer = prefer, .emit = emit};
