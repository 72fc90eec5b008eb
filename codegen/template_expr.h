/* Expressions and variables of the template engine (see codegen/template.h); private to codegen/template*.c.
 *
 * Invariant: a name has exactly one symbol per fg_template, so an expression is parsed once and holds
 * pointers to symbols; a block that binds a name saves the old binding and puts it back. That makes every
 * lookup a pointer access and gives sub-templates the variables of their callers.
 */
#ifndef FG_CODEGEN_TEMPLATE_EXPR_H
#define FG_CODEGEN_TEMPLATE_EXPR_H

#include "codegen/template.h"

typedef enum fg_tkind { FG_TNONE, FG_TINT, FG_TINTS, FG_TTEXT, FG_TTEXTS } fg_tkind;

/* What a name stands for. */
typedef struct fg_tbinding {
    fg_tkind kind;
    int n; /* elements of ints or texts */
    int64_t i;
    const int64_t *ints;
    const char *text;
    const char *const *texts;
} fg_tbinding;

struct fg_tdef; /* a sub-template; template.c knows it */

typedef struct fg_tsymbol {
    const char *name;
    fg_tbinding value;
    struct fg_tdef *def;
    fg_hook_fn *hook;
    void *hook_user;
    struct fg_tsymbol *next; /* in its bucket */
} fg_tsymbol;

#define FG_TBUCKETS 64

typedef struct fg_tscope {
    fg_context *ctx;
    fg_tsymbol *bucket[FG_TBUCKETS];
} fg_tscope;

fg_tsymbol *fg_tsymbol_get(fg_tscope *scope, const char *name, size_t length); /* made if new */

/* Where something stands, for messages. */
typedef struct fg_tplace {
    const char *template_name;
    int line;
} fg_tplace;

_Noreturn void fg_traise(fg_context *ctx, fg_tplace at, const char *format, ...) FG_PRINTF(3, 4);

/* Result of an expression: text if text is not NULL. */
typedef struct fg_tvalue {
    const char *text;
    int64_t i;
} fg_tvalue;

typedef struct fg_texpr fg_texpr;

/* A reader of one line. */
typedef struct fg_treader {
    fg_tscope *scope;
    fg_tplace at;
    const char *p, *end;
    int depth;
} fg_treader;

void fg_tskip_space(fg_treader *r);
bool fg_taccept(fg_treader *r, const char *token); /* skips space, then token if it comes next */
void fg_texpect(fg_treader *r, const char *token); /* raises if it does not */
fg_tsymbol *fg_tread_name(fg_treader *r);          /* raises if there is none */
fg_texpr *fg_tread_expr(fg_treader *r);
void fg_texpect_end(fg_treader *r);

fg_tvalue fg_teval(fg_context *ctx, fg_tplace at, const fg_texpr *e);
int64_t fg_teval_int(fg_context *ctx, fg_tplace at, const fg_texpr *e); /* raises if it is a text */

#endif
