/* The template engine: parameters, the tree of a template, and its execution. See codegen/template.h for the
 * syntax.
 *
 * A template is parsed once per rendering into a list of items (lines of text, loops, conditions, ...); each
 * item knows its line for messages. Definitions are collected while parsing, so a sub-template may be used
 * before it is defined. Of common.c.in only the definitions are used. After a raise an fg_template must not
 * be used again.
 */
#include "codegen/template_expr.h"

#include "codegen/embedded.h"

#include <string.h>

#define FG_TMAX_OUTPUT                                                                                       \
    (64 << 20) /* bytes of one rendering: more is a bug in a template or in its parameters */
#define FG_TMAX_STEPS  (16 << 20) /* items executed */
#define FG_TMAX_NEST   64         /* blocks within blocks, and sub-templates within sub-templates */
#define FG_TMAX_PARAMS 16

typedef enum fg_titem_kind {
    FG_TITEM_LINE,
    FG_TITEM_FOR,
    FG_TITEM_IF,
    FG_TITEM_LET,
    FG_TITEM_USE,
    FG_TITEM_JOIN,
    FG_TITEM_HOOK
} fg_titem_kind;

/* A stretch of literal text, or an expression if expr is not NULL. */
typedef struct fg_tpart {
    const char *text;
    size_t length;
    fg_texpr *expr;
    struct fg_tpart *next;
} fg_tpart;

typedef struct fg_titem fg_titem;

typedef struct fg_tbranch {
    fg_texpr *condition; /* NULL: else */
    fg_titem *body;
    struct fg_tbranch *next;
} fg_tbranch;

struct fg_titem {
    fg_titem_kind kind;
    fg_tplace at;
    bool blank;           /* a line that is empty in the template itself */
    fg_tpart *parts;      /* LINE, HOOK; USE: the whole argument line when it holds substitutions */
    fg_tsymbol *symbol;   /* FOR, LET: variable; USE, HOOK: what is called */
    fg_texpr *low, *high; /* FOR: bounds; LET: low is the value */
    fg_texpr *argument[FG_TMAX_PARAMS];
    int n_arguments;
    fg_tbranch *branches; /* IF; FOR, JOIN: one */
    fg_titem *next;
};

typedef struct fg_tdef {
    fg_tsymbol *parameter[FG_TMAX_PARAMS];
    int n_parameters;
    fg_titem *body;
    int parse_id;       /* of the template text that defines it */
    const char *unread; /* where its body begins, before the first use of a definition of many; else NULL */
    fg_tplace at;
} fg_tdef;

struct fg_template {
    fg_tscope scope;
    int depth; /* of sub-templates in execution */
    int64_t steps;
    int parses;
    bool common_read;
};

/* ---- parameters ---- */

fg_template *fg_template_new(fg_context *ctx) {
    fg_template *t = FG_NEW(ctx, fg_template);
    t->scope.ctx = ctx;
    return t;
}

static fg_tsymbol *symbol_of(fg_template *t, const char *name) {
    return fg_tsymbol_get(&t->scope, name, strlen(name));
}

void fg_template_int(fg_template *t, const char *name, int64_t value) {
    symbol_of(t, name)->value = (fg_tbinding){.kind = FG_TINT, .i = value};
}

void fg_template_ints(fg_template *t, const char *name, int n, const int64_t *values) {
    int64_t *copy = FG_ARRAY(t->scope.ctx, n + 1, int64_t);
    if (n > 0) {
        memcpy(copy, values, (size_t)n * sizeof(*copy));
    }
    symbol_of(t, name)->value = (fg_tbinding){.kind = FG_TINTS, .n = n, .ints = copy};
}

void fg_template_text(fg_template *t, const char *name, const char *text) {
    symbol_of(t, name)->value = (fg_tbinding){.kind = FG_TTEXT, .text = fg_strdup(t->scope.ctx, text)};
}

void fg_template_texts(fg_template *t, const char *name, int n, const char *const *texts) {
    const char **copy = FG_ARRAY(t->scope.ctx, n + 1, const char *);
    for (int i = 0; i < n; i++) {
        copy[i] = fg_strdup(t->scope.ctx, texts[i]);
    }
    symbol_of(t, name)->value = (fg_tbinding){.kind = FG_TTEXTS, .n = n, .texts = copy};
}

void fg_template_hook(fg_template *t, const char *name, fg_hook_fn *fn, void *user) {
    fg_tsymbol *s = symbol_of(t, name);
    s->hook = fn;
    s->hook_user = user;
}

/* ---- parsing ---- */

/* A template while it is parsed: where the next line starts. */
typedef struct fg_tparser {
    fg_template *t;
    const char *name;
    const char *next; /* start of the next line */
    int line;         /* number of the line last taken */
    int depth;
    const char *word; /* the directive that ended a block: "end", "else", "elif" */
    fg_treader after; /* the rest of that directive's line */
    bool definitions_only;
} fg_tparser;

static fg_treader reader(fg_tparser *p, const char *start, const char *end) {
    return (fg_treader){.scope = &p->t->scope, .at = {p->name, p->line}, .p = start, .end = end};
}

static fg_tpart *add_part(fg_context *ctx, fg_tpart ***tail, const char *text, size_t length,
                          fg_texpr *expr) {
    fg_tpart *part = FG_NEW(ctx, fg_tpart);
    *part = (fg_tpart){.text = text, .length = length, .expr = expr};
    **tail = part;
    *tail = &part->next;
    return part;
}

/* Splits "text @EXPR@ text" into parts. The text outlives the tree: it is the template's own. */
static fg_tpart *read_parts(fg_treader *line) {
    fg_context *ctx = line->scope->ctx;
    fg_tpart *first = NULL, **tail = &first;
    const char *p = line->p;
    while (p < line->end) {
        const char *at = memchr(p, '@', (size_t)(line->end - p));
        if (at == NULL) {
            break;
        }
        if (at > p) {
            add_part(ctx, &tail, p, (size_t)(at - p), NULL);
        }
        if (at + 1 < line->end && at[1] == '@') {
            add_part(ctx, &tail, "@", 1, NULL);
            p = at + 2;
            continue;
        }
        const char *close = memchr(at + 1, '@', (size_t)(line->end - at - 1));
        if (close == NULL) {
            fg_traise(ctx, line->at, "'@' without its partner (write @@ for a literal one)");
        }
        fg_treader inner = *line;
        inner.p = at + 1;
        inner.end = close;
        add_part(ctx, &tail, NULL, 0, fg_tread_expr(&inner));
        fg_texpect_end(&inner);
        p = close + 1;
    }
    if (p < line->end) {
        add_part(ctx, &tail, p, (size_t)(line->end - p), NULL);
    }
    return first;
}

static fg_titem *new_item(fg_tparser *p, fg_titem_kind kind) {
    fg_titem *item = FG_NEW(p->t->scope.ctx, fg_titem);
    item->kind = kind;
    item->at = (fg_tplace){p->name, p->line};
    return item;
}

static fg_titem *parse_block(fg_tparser *p, const char *opener);

static void expect_end(fg_tparser *p, const char *opener, int line) {
    if (p->word == NULL || strcmp(p->word, "end") != 0) {
        fg_traise(p->t->scope.ctx, (fg_tplace){p->name, line}, "'%s' has no end", opener);
    }
    fg_texpect_end(&p->after);
}

static fg_titem *parse_for(fg_tparser *p, fg_treader *r) {
    fg_titem *item = new_item(p, FG_TITEM_FOR);
    item->symbol = fg_tread_name(r);
    fg_texpect(r, "in");
    item->low = fg_tread_expr(r);
    fg_texpect(r, "..");
    item->high = fg_tread_expr(r);
    fg_texpect_end(r);
    item->branches = FG_NEW(p->t->scope.ctx, fg_tbranch);
    item->branches->body = parse_block(p, "for");
    expect_end(p, "for", item->at.line);
    return item;
}

static fg_titem *parse_if(fg_tparser *p, fg_treader *r) {
    fg_titem *item = new_item(p, FG_TITEM_IF);
    fg_tbranch **tail = &item->branches;
    fg_treader condition = *r;
    bool last = false;
    do {
        fg_tbranch *branch = FG_NEW(p->t->scope.ctx, fg_tbranch);
        branch->condition = last ? NULL : fg_tread_expr(&condition);
        fg_texpect_end(&condition);
        branch->body = parse_block(p, "if");
        *tail = branch;
        tail = &branch->next;
        if (last) {
            break;
        }
        condition = p->after;
        last = p->word != NULL && strcmp(p->word, "else") == 0;
    } while (p->word != NULL && strcmp(p->word, "end") != 0);
    expect_end(p, "if", item->at.line);
    return item;
}

static fg_titem *parse_let(fg_tparser *p, fg_treader *r) {
    fg_titem *item = new_item(p, FG_TITEM_LET);
    item->symbol = fg_tread_name(r);
    fg_texpect(r, "=");
    item->low = fg_tread_expr(r);
    fg_texpect_end(r);
    return item;
}

/* "NAME(EXPR, EXPR)" or "NAME". */
static void read_use(fg_treader *r, fg_titem *item) {
    item->symbol = fg_tread_name(r);
    item->n_arguments = 0;
    if (fg_taccept(r, "(") && !fg_taccept(r, ")")) {
        do {
            if (item->n_arguments == FG_TMAX_PARAMS) {
                fg_traise(r->scope->ctx, r->at, "more than %d arguments", FG_TMAX_PARAMS);
            }
            item->argument[item->n_arguments++] = fg_tread_expr(r);
        } while (fg_taccept(r, ","));
        fg_texpect(r, ")");
    }
    fg_texpect_end(r);
}

/* A call with substitutions ("use store_@kind@(@n@)") is read again each time it is executed. */
static fg_titem *parse_use(fg_tparser *p, fg_treader *r) {
    fg_titem *item = new_item(p, FG_TITEM_USE);
    if (memchr(r->p, '@', (size_t)(r->end - r->p)) != NULL) {
        item->parts = read_parts(r);
    } else {
        read_use(r, item);
    }
    return item;
}

static fg_titem *parse_hook(fg_tparser *p, fg_treader *r) {
    fg_titem *item = new_item(p, FG_TITEM_HOOK);
    item->symbol = fg_tread_name(r);
    fg_tskip_space(r);
    item->parts = read_parts(r);
    return item;
}

static fg_titem *parse_join(fg_tparser *p, fg_treader *r) {
    fg_titem *item = new_item(p, FG_TITEM_JOIN);
    fg_texpect_end(r);
    item->branches = FG_NEW(p->t->scope.ctx, fg_tbranch);
    item->branches->body = parse_block(p, "join");
    expect_end(p, "join", item->at.line);
    return item;
}

/* Goes on behind the end of the block that has just begun. */
static void skip_block(fg_tparser *p) {
    static const char *const openers[] = {"for", "if", "join", "def"};
    const int first = p->line;
    for (int open = 1; open > 0;) {
        if (*p->next == '\0') {
            fg_traise(p->t->scope.ctx, (fg_tplace){p->name, first}, "'def' has no end");
        }
        const char *end = p->next + strcspn(p->next, "\n");
        fg_treader r = reader(p, p->next, end);
        p->next = *end != '\0' ? end + 1 : end;
        p->line++;
        fg_tskip_space(&r);
        if (r.end - r.p < 3 || memcmp(r.p, "//@", 3) != 0) {
            continue;
        }
        r.p += 3;
        size_t i = 0;
        while (i < FG_COUNT(openers) && !fg_taccept(&r, openers[i])) {
            i++;
        }
        open += i < FG_COUNT(openers) ? 1 : -(int)fg_taccept(&r, "end");
    }
}

static fg_titem *parse_def(fg_tparser *p, fg_treader *r) {
    fg_context *ctx = p->t->scope.ctx;
    const fg_tplace at = r->at;
    if (p->depth > 1) {
        fg_traise(ctx, at, "'def' inside another block");
    }
    fg_tsymbol *symbol = fg_tread_name(r);
    fg_tdef *def = FG_NEW(ctx, fg_tdef);
    def->parse_id = p->t->parses;
    if (symbol->def != NULL && symbol->def->parse_id == def->parse_id) {
        fg_traise(ctx, at, "'%s' is defined twice", symbol->name);
    }
    if (fg_taccept(r, "(") && !fg_taccept(r, ")")) {
        do {
            if (def->n_parameters == FG_TMAX_PARAMS) {
                fg_traise(ctx, at, "more than %d parameters", FG_TMAX_PARAMS);
            }
            def->parameter[def->n_parameters++] = fg_tread_name(r);
        } while (fg_taccept(r, ","));
        fg_texpect(r, ")");
    }
    fg_texpect_end(r);
    def->at = at;
    symbol->def = def;
    if (p->definitions_only) {
        def->unread = p->next;
        skip_block(p);
        return NULL;
    }
    def->body = parse_block(p, "def");
    expect_end(p, "def", at.line);
    return NULL;
}

/* Of the definitions that all templates share, each uses a few. */
static const fg_titem *body_of(fg_template *t, fg_tdef *def) {
    if (def->unread != NULL) {
        fg_tparser p = {
            .t = t, .name = def->at.template_name, .next = def->unread, .line = def->at.line, .depth = 1};
        def->unread = NULL;
        def->body = parse_block(&p, "def");
        expect_end(&p, "def", def->at.line);
    }
    return def->body;
}

typedef struct fg_tdirective {
    const char *word;
    fg_titem *(*parse)(fg_tparser *p, fg_treader *r);
} fg_tdirective;

static const fg_tdirective directives[] = {
    {"for", parse_for}, {"if", parse_if},     {"let", parse_let},   {"use", parse_use},
    {"def", parse_def}, {"join", parse_join}, {"hook", parse_hook},
};

static const char *const closers[] = {"end", "else", "elif"};

/* Parses the directive after "//@". False: it closes the current block. */
static bool parse_directive(fg_tparser *p, fg_treader *r, fg_titem **item) {
    for (size_t i = 0; i < FG_COUNT(closers); i++) {
        if (fg_taccept(r, closers[i])) {
            p->word = closers[i];
            p->after = *r;
            return false;
        }
    }
    for (size_t i = 0; i < FG_COUNT(directives); i++) {
        if (fg_taccept(r, directives[i].word)) {
            *item = directives[i].parse(p, r);
            return true;
        }
    }
    fg_traise(p->t->scope.ctx, r->at, "unknown directive '%.*s'", (int)(r->end - r->p), r->p);
}

static fg_titem *parse_text(fg_tparser *p, fg_treader *r, bool blank) {
    if (p->definitions_only && p->depth == 1) {
        return NULL;
    }
    fg_titem *item = new_item(p, FG_TITEM_LINE);
    item->blank = blank;
    item->parts = read_parts(r);
    return item;
}

/* Takes the next line. False: it closes the current block. */
static bool parse_line(fg_tparser *p, fg_titem **item) {
    const char *start = p->next;
    const char *end = start + strcspn(start, "\n");
    p->next = *end != '\0' ? end + 1 : end;
    p->line++;
    if (end > start && end[-1] == '\r') {
        end--;
    }
    fg_treader r = reader(p, start, end);
    fg_tskip_space(&r);
    const bool blank = r.p == r.end;
    const size_t n = (size_t)(r.end - r.p);
    if (n >= 3 && memcmp(r.p, "//@", 3) == 0) {
        r.p += 3;
        return parse_directive(p, &r, item);
    }
    if (n >= 3 && memcmp(r.p, "//#", 3) == 0) {
        return true;
    }
    r.p = start;
    *item = parse_text(p, &r, blank);
    return true;
}

/* Items up to the directive that closes the block (p->word), or the end of the template (NULL). */
static fg_titem *parse_block(fg_tparser *p, const char *opener) {
    fg_titem *first = NULL, **tail = &first;
    if (++p->depth > FG_TMAX_NEST) {
        fg_traise(p->t->scope.ctx, (fg_tplace){p->name, p->line}, "'%s' is nested too deeply", opener);
    }
    p->word = NULL;
    while (*p->next != '\0') {
        fg_titem *item = NULL;
        p->word = NULL;
        if (!parse_line(p, &item)) {
            break;
        }
        p->word = NULL;
        if (item != NULL) {
            *tail = item;
            tail = &item->next;
        }
    }
    p->depth--;
    return first;
}

static fg_titem *parse(fg_template *t, const char *name, const char *source, bool definitions_only) {
    fg_tparser p = {.t = t, .name = name, .next = source, .definitions_only = definitions_only};
    t->parses++;
    fg_titem *items = parse_block(&p, "template");
    if (p.word != NULL) {
        fg_traise(t->scope.ctx, (fg_tplace){name, p.line}, "'%s' without a block to close", p.word);
    }
    return items;
}

/* ---- execution ---- */

static void check_output(fg_template *t, fg_tplace at, const fg_text *out) {
    if (++t->steps > FG_TMAX_STEPS || out->length > FG_TMAX_OUTPUT) {
        fg_traise(t->scope.ctx, at, "the output is absurdly large");
    }
}

/* A value's last line end would make an empty line of the rest of the line that it stands in. */
static size_t value_length(const char *text) {
    const size_t n = strlen(text);
    return n > 0 && text[n - 1] == '\n' ? n - 1 : n;
}

/* "p + @0@" reads better as "p"; only where the sum ends there, so that nothing binds to the number. */
static bool ends_sum(const fg_text *out, const fg_tpart *next) {
    static const char plus[] = " + ";
    const size_t n = sizeof plus - 1;
    return out->length >= n && memcmp(out->data + out->length - n, plus, n) == 0 && next != NULL &&
           next->text != NULL && next->length > 0 && memchr(")],;", next->text[0], 4) != NULL;
}

static void substitute(fg_template *t, fg_tplace at, const fg_tpart *part, fg_text *out) {
    for (; part != NULL; part = part->next) {
        if (part->expr == NULL) {
            fg_text_addn(out, part->text, part->length);
            continue;
        }
        const fg_tvalue v = fg_teval(t->scope.ctx, at, part->expr);
        if (v.text != NULL) {
            fg_text_addn(out, v.text, value_length(v.text));
        } else if (v.i == 0 && ends_sum(out, part->next)) {
            out->length -= strlen(" + ");
            out->data[out->length] = 0;
        } else {
            char digits[24];
            snprintf(digits, sizeof(digits), "%lld", (long long)v.i);
            fg_text_add(out, digits);
        }
    }
}

static bool is_blank(const char *s, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (s[i] != ' ' && s[i] != '\t' && s[i] != '\n') {
            return false;
        }
    }
    return true;
}

/* A line that only substitutions could fill, and did not, leaves no trace. */
static void run_line(fg_template *t, const fg_titem *item, fg_text *out) {
    const size_t before = out->length;
    substitute(t, item->at, item->parts, out);
    if (!item->blank && is_blank(out->data + before, out->length - before)) {
        out->length = before;
        out->data[before] = '\0';
        return;
    }
    fg_text_addn(out, "\n", 1);
}

static void run_block(fg_template *t, const fg_titem *item, fg_text *out);

static void run_for(fg_template *t, const fg_titem *item, fg_text *out) {
    const int64_t low = fg_teval_int(t->scope.ctx, item->at, item->low);
    const int64_t high = fg_teval_int(t->scope.ctx, item->at, item->high);
    const fg_tbinding saved = item->symbol->value;
    for (int64_t i = low; i < high; i++) {
        check_output(t, item->at, out);
        item->symbol->value = (fg_tbinding){.kind = FG_TINT, .i = i};
        run_block(t, item->branches->body, out);
    }
    item->symbol->value = saved;
}

static void run_if(fg_template *t, const fg_titem *item, fg_text *out) {
    for (const fg_tbranch *b = item->branches; b != NULL; b = b->next) {
        if (b->condition == NULL || fg_teval_int(t->scope.ctx, item->at, b->condition) != 0) {
            run_block(t, b->body, out);
            return;
        }
    }
}

static fg_tbinding binding_of(fg_tvalue v) {
    return (fg_tbinding){.kind = v.text != NULL ? FG_TTEXT : FG_TINT, .text = v.text, .i = v.i};
}

static void call(fg_template *t, const fg_titem *item, const fg_titem *callee, fg_text *out) {
    fg_context *ctx = t->scope.ctx;
    fg_tdef *def = callee->symbol->def;
    if (def == NULL) {
        fg_traise(ctx, item->at, "'%s' is not defined", callee->symbol->name);
    }
    if (def->n_parameters != callee->n_arguments) {
        fg_traise(ctx, item->at, "'%s' takes %d arguments, not %d", callee->symbol->name, def->n_parameters,
                  callee->n_arguments);
    }
    if (++t->depth > FG_TMAX_NEST) {
        fg_traise(ctx, item->at, "'%s' is nested too deeply", callee->symbol->name);
    }
    fg_tbinding value[FG_TMAX_PARAMS], saved[FG_TMAX_PARAMS];
    for (int i = 0; i < def->n_parameters; i++) {
        value[i] = binding_of(fg_teval(ctx, item->at, callee->argument[i]));
    }
    for (int i = 0; i < def->n_parameters; i++) {
        saved[i] = def->parameter[i]->value;
        def->parameter[i]->value = value[i];
    }
    run_block(t, body_of(t, def), out);
    for (int i = def->n_parameters; i-- > 0;) {
        def->parameter[i]->value = saved[i];
    }
    t->depth--;
}

static void run_use(fg_template *t, const fg_titem *item, fg_text *out) {
    if (item->parts == NULL) {
        call(t, item, item, out);
        return;
    }
    fg_text line = fg_text_new(t->scope.ctx);
    substitute(t, item->at, item->parts, &line);
    fg_titem callee = {.kind = FG_TITEM_USE};
    fg_treader r = {.scope = &t->scope, .at = item->at, .p = line.data, .end = line.data + line.length};
    read_use(&r, &callee);
    fg_text_free(&line);
    call(t, item, &callee, out);
}

/* The lines of text as one, separated by single spaces (none before a comma or semicolon); nothing if all are
 * blank. */
static void add_joined(const char *text, fg_text *out) {
    bool any = false;
    while (*text != '\0') {
        text += strspn(text, " \t\n");
        size_t n = strcspn(text, "\n");
        const char *next = text + n;
        while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t')) {
            n--;
        }
        if (n > 0) {
            fg_text_addn(out, " ", any && *text != ',' && *text != ';' ? 1 : 0);
            fg_text_addn(out, text, n);
            any = true;
        }
        text = next;
    }
    fg_text_addn(out, "\n", any ? 1 : 0);
}

static void run_join(fg_template *t, const fg_titem *item, fg_text *out) {
    fg_text lines = fg_text_new(t->scope.ctx);
    run_block(t, item->branches->body, &lines);
    if (lines.data != NULL) {
        add_joined(lines.data, out);
    }
    fg_text_free(&lines);
}

static void run_hook(fg_template *t, const fg_titem *item, fg_text *out) {
    if (item->symbol->hook == NULL) {
        fg_traise(t->scope.ctx, item->at, "there is no hook '%s'", item->symbol->name);
    }
    fg_text line = fg_text_new(t->scope.ctx);
    substitute(t, item->at, item->parts, &line);
    const size_t before = out->length;
    item->symbol->hook(item->symbol->hook_user, line.data != NULL ? line.data : "", out);
    fg_text_free(&line);
    if (out->length > before && out->data[out->length - 1] != '\n') {
        fg_text_addn(out, "\n", 1);
    }
}

static void run_let(fg_template *t, const fg_titem *item) {
    item->symbol->value = binding_of(fg_teval(t->scope.ctx, item->at, item->low));
}

static void run_item(fg_template *t, const fg_titem *item, fg_text *out) {
    switch (item->kind) {
    case FG_TITEM_LINE: run_line(t, item, out); break;
    case FG_TITEM_FOR: run_for(t, item, out); break;
    case FG_TITEM_IF: run_if(t, item, out); break;
    case FG_TITEM_LET: run_let(t, item); break;
    case FG_TITEM_USE: run_use(t, item, out); break;
    case FG_TITEM_JOIN: run_join(t, item, out); break;
    case FG_TITEM_HOOK: run_hook(t, item, out); break;
    }
}

/* The bindings that `let` makes in a block end with it: they are put back in reverse order. */
static void run_from(fg_template *t, const fg_titem *item, fg_text *out) {
    for (; item != NULL; item = item->next) {
        check_output(t, item->at, out);
        if (item->kind == FG_TITEM_LET) {
            const fg_tbinding saved = item->symbol->value;
            run_let(t, item);
            run_from(t, item->next, out);
            item->symbol->value = saved;
            return;
        }
        run_item(t, item, out);
    }
}

static void run_block(fg_template *t, const fg_titem *item, fg_text *out) {
    run_from(t, item, out);
}

/* ---- rendering ---- */

static void read_common(fg_template *t) {
    const char *common = t->common_read ? NULL : fg_template_source("common.c.in");
    t->common_read = true;
    if (common != NULL) {
        parse(t, "common.c.in", common, true);
    }
}

/* The source must live as long as t: its definitions stay known. */
static void render(fg_template *t, const char *name, const char *source, fg_text *out) {
    read_common(t);
    t->steps = 0;
    const fg_titem *items = parse(t, name, source, false);
    fg_text raw = fg_text_new(t->scope.ctx);
    run_block(t, items, &raw);
    if (raw.data != NULL) {
        fg_indent(raw.data, out);
    }
    fg_text_free(&raw);
}

void fg_template_render_text(fg_template *t, const char *name, const char *source, fg_text *out) {
    render(t, fg_strdup(t->scope.ctx, name), fg_strdup(t->scope.ctx, source), out);
}

void fg_template_render(fg_template *t, const char *name, fg_text *out) {
    const char *file = fg_format(t->scope.ctx, "%s.c.in", name);
    const char *source = fg_template_source(file);
    if (source == NULL) {
        fg_raise(t->scope.ctx, FG_INTERNAL, "there is no template '%s'", file);
    }
    render(t, file, source, out);
}

const char *fg_template_source(const char *file_name) {
    for (const fg_embedded_file *f = fg_embedded_templates; f->name != NULL; f++) {
        if (strcmp(f->name, file_name) == 0) {
            return f->text;
        }
    }
    return NULL;
}
