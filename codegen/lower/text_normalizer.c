/* StringNormalizer: leaves out stop words and changes case; what changes is written into room of its own. */
#include <string.h>

#include "codegen/extents.h"
#include "codegen/text.h"

static void emit_change(fg_emit *e, const char *action, int64_t room, const char *from, const char *to) {
    if (strcmp(action, "NONE") == 0) {
        fg_line(e, "%s = %s;", to, from);
        return;
    }
    fg_line(e, "if (!fgs_text_copy(room, %lld, %s, strlen(%s))) %s", (long long)room, from, from,
            fg_emit_failure(e, FG_FAIL_TEXT));
    fg_line(e, "fgs_text_case(room, %s);", strcmp(action, "LOWER") == 0 ? "32" : "-32");
    fg_line(e, "%s = room;", to);
    fg_line(e, "room += %lld;", (long long)room);
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_value *x = n->in[0], *y = n->out[0];
    const fg_attr *words = fg_attr_of(n, "stopwords", FG_ATTR_STRINGS);
    const char *action = fg_attr_string(n, "case_change_action", "NONE");
    int64_t from[FG_MAX_RANK], to[FG_MAX_RANK];
    fg_emit_input(e, "x", x);
    fg_emit_output(e, "y", y);
    fg_strides_of(e, x, from);
    fg_strides_of(e, y, to);
    const int d = x->shape.rank - 1;
    int64_t room = 0;
    if (strcmp(action, "NONE") != 0) {
        room = fg_emit_text_room(e, "room", y->shape.dim[d]);
    }
    if (words != NULL && words->n > 0) {
        fg_emit_strings(e, "words", words->n, words->strings);
    }
    fg_line(e, "ptrdiff_t k = 0;");
    fg_line(e, "for (int i = 0; i < %lld; i++) {", (long long)x->shape.dim[d]);
    fg_line(e, "const char *s = x[i * %lld];", (long long)from[d]);
    if (words != NULL && words->n > 0) {
        fg_line(e, "int stop = 0;");
        fg_line(e, "for (int w = 0; w < %d; w++) stop |= fgs_text_same(s, words[w], %d);", words->n,
                fg_attr_int(n, "is_case_sensitive", 0) == 0);
        fg_line(e, "if (stop) continue;");
    }
    emit_change(e, action, room, "s", fg_format(e->ctx, "y[k * %lld]", (long long)to[d]));
    fg_line(e, "k++;");
    fg_line(e, "}");
    fg_line(e, "if (k == 0) y[k++] = \"\";");
    fg_emit_count(e, n, "k");
    fg_describe(e, "", "string by string");
}

const fg_lowering fg_lowering_text_normalizer = {.name = "text_normalizer", .prefer = NULL, .emit = emit};
