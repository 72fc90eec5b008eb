/* One escape function per output language. Each reads bytes that an attacker chose and writes text that means
 * nothing in that language; what readers could still recognise is kept. */
#include "codegen/escape.h"

#include <string.h>

#define FG_IDENTIFIER_MAX 63 /* characters that C99 promises to tell internal identifiers apart by */

static const char *finish(fg_context *ctx, fg_text *t) {
    const char *s = t->data != NULL ? fg_strdup(ctx, t->data) : "";
    fg_text_free(t);
    return s;
}

static bool is_printable(unsigned char c) {
    return c >= 0x20 && c < 0x7f;
}

static bool is_alnum(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Length of the UTF-8 sequence at s (shortest form, no surrogates) and its code point; 0 if the byte starts
 * none. */
static size_t utf8(const unsigned char *s, uint32_t *code) {
    if (s[0] < 0x80) {
        *code = s[0];
        return 1;
    }
    const size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4) {
        return 0;
    }
    uint32_t c = s[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
        c = c << 6 | (s[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        return 0;
    }
    *code = c;
    return n;
}

/* Controls, and the characters that reorder what stands around them on a screen. */
static bool is_invisible(uint32_t c) {
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

const char *fg_escape_c_comment(fg_context *ctx, const char *s) {
    fg_text t = fg_text_new(ctx);
    char last = ' ';
    for (; *s != '\0'; s++) {
        const char c = is_printable((unsigned char)*s) ? *s : '_';
        const bool apart =
            (last == '*' && c == '/') || (last == '/' && c == '*') || (last == '?' && c == '?');
        if (apart) {
            fg_text_addn(&t, " ", 1);
        }
        fg_text_addn(&t, &c, 1);
        last = c;
    }
    if (last == '\\' || last == '*' || last == '?') { /* whatever the caller writes next */
        fg_text_addn(&t, last == '\\' ? "." : " ", 1);
    }
    return finish(ctx, &t);
}

const char *fg_escape_c_string(fg_context *ctx, const char *s) {
    fg_text t = fg_text_new(ctx);
    for (; *s != '\0'; s++) {
        const unsigned char c = (unsigned char)*s;
        if (is_printable(c) && c != '"' && c != '\\' && c != '?') {
            fg_text_addn(&t, s, 1);
        } else {
            fg_text_printf(&t, "\\%03o", (unsigned)c);
        }
    }
    return finish(ctx, &t);
}

/* C11, C++20 and the alternative tokens; those with leading underscores cannot occur. */
static const char *const keywords[] = {
    "alignas",
    "alignof",
    "and",
    "and_eq",
    "asm",
    "auto",
    "bitand",
    "bitor",
    "bool",
    "break",
    "case",
    "catch",
    "char",
    "char8_t",
    "char16_t",
    "char32_t",
    "class",
    "co_await",
    "co_return",
    "co_yield",
    "compl",
    "concept",
    "const",
    "const_cast",
    "consteval",
    "constexpr",
    "constinit",
    "continue",
    "decltype",
    "default",
    "delete",
    "do",
    "double",
    "dynamic_cast",
    "else",
    "enum",
    "explicit",
    "export",
    "extern",
    "false",
    "float",
    "for",
    "friend",
    "goto",
    "if",
    "inline",
    "int",
    "long",
    "mutable",
    "namespace",
    "new",
    "noexcept",
    "not",
    "not_eq",
    "nullptr",
    "operator",
    "or",
    "or_eq",
    "private",
    "protected",
    "public",
    "register",
    "reinterpret_cast",
    "requires",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "static_assert",
    "static_cast",
    "struct",
    "switch",
    "template",
    "this",
    "thread_local",
    "throw",
    "true",
    "try",
    "typedef",
    "typeid",
    "typename",
    "typeof",
    "union",
    "unsigned",
    "using",
    "virtual",
    "void",
    "volatile",
    "wchar_t",
    "while",
    "xor",
    "xor_eq",
};

/* Macros of headers, or of compilers that do not keep to a standard: no name of a struct's member. */
static const char *const macros[] = {
    "EOF", "HUGE_VAL", "INFINITY", "M_PI", "NAN", "NULL", "errno", "linux", "unix",
};

static bool ends_in_limit(const char *name) {
    const size_t n = strlen(name), capitals = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return n > 4 && capitals == n && (strcmp(name + n - 4, "_MAX") == 0 || strcmp(name + n - 4, "_MIN") == 0);
}

static bool is_taken(const char *name) {
    for (size_t i = 0; i < FG_COUNT(keywords); i++) {
        if (strcmp(name, keywords[i]) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < FG_COUNT(macros); i++) {
        if (strcmp(name, macros[i]) == 0) {
            return true;
        }
    }
    return ends_in_limit(name);
}

/* Generated files call what is their own fg_..., fgs_... and FG_.... */
static bool is_ours(const char *name) {
    const bool f = name[0] == 'f' || name[0] == 'F', g = f && (name[1] == 'g' || name[1] == 'G');
    const char *rest = g ? name + 2 + (name[2] == 's' || name[2] == 'S') : name;
    return g && (*rest == '\0' || *rest == '_');
}

const char *fg_escape_c_identifier(fg_context *ctx, const char *s) {
    char name[FG_IDENTIFIER_MAX + 1];
    size_t n = 0;
    for (; *s != '\0' && n < FG_IDENTIFIER_MAX; s++) {
        const bool keep = is_alnum((unsigned char)*s);
        if (n == 0 && *s >= '0' && *s <= '9') {
            name[n++] = 'n';
        }
        if (keep || (n > 0 && name[n - 1] != '_')) { /* no leading underscore, no two in a row */
            name[n++] = keep ? *s : '_';
        }
    }
    while (n > 0 && name[n - 1] == '_') {
        n--;
    }
    if (n == 0) {
        name[n++] = 'x';
    }
    name[n] = '\0';
    if (is_ours(name)) {
        name[FG_IDENTIFIER_MAX - 1] = '\0';
        return fg_format(ctx, "n%s", name);
    }
    return is_taken(name) ? fg_format(ctx, "%s_", name) : fg_strdup(ctx, name);
}

const char *fg_escape_terminal(fg_context *ctx, const char *s) {
    fg_text t = fg_text_new(ctx);
    while (*s != '\0') {
        uint32_t code = 0;
        const size_t n = utf8((const unsigned char *)s, &code);
        if (n > 0 && !is_invisible(code)) {
            fg_text_addn(&t, s, n);
            s += n;
            continue;
        }
        fg_text_printf(&t, "\\x%02x", (unsigned)(unsigned char)*s++);
        for (size_t i = 1; i < n; i++) {
            fg_text_printf(&t, "\\x%02x", (unsigned)(unsigned char)*s++);
        }
    }
    return finish(ctx, &t);
}

typedef struct fg_entity {
    char from;
    const char *to;
} fg_entity;

/* Copies s with the characters of the table replaced; what is invisible or no UTF-8 becomes `instead`. */
static const char *replace(fg_context *ctx, const char *s, size_t n_entities, const fg_entity *entities,
                           const char *instead) {
    fg_text t = fg_text_new(ctx);
    while (*s != '\0') {
        uint32_t code = 0;
        const size_t n = utf8((const unsigned char *)s, &code);
        size_t i = 0;
        while (i < n_entities && entities[i].from != *s) {
            i++;
        }
        if (n == 0 || is_invisible(code)) {
            fg_text_add(&t, instead);
        } else if (i < n_entities) {
            fg_text_add(&t, entities[i].to);
        } else {
            fg_text_addn(&t, s, n);
        }
        s += n > 0 ? n : 1;
    }
    return finish(ctx, &t);
}

const char *fg_escape_html(fg_context *ctx, const char *s) {
    static const fg_entity entities[] = {
        {'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    return replace(ctx, s, FG_COUNT(entities), entities, "&#65533;");
}

/* Graphviz reads entities in labels too. */
const char *fg_escape_dot(fg_context *ctx, const char *s) {
    static const fg_entity entities[] = {
        {'&', "&amp;"}, {'"', "\\\""}, {'\\', "\\\\"}, {'<', "&lt;"}, {'>', "&gt;"}};
    return replace(ctx, s, FG_COUNT(entities), entities, "_");
}

const char *fg_escape_utf8(fg_context *ctx, const char *s) {
    fg_text t = fg_text_new(ctx);
    while (*s != '\0') {
        uint32_t code = 0;
        const size_t n = utf8((const unsigned char *)s, &code);
        fg_text_addn(&t, n > 0 ? s : "\xEF\xBF\xBD", n > 0 ? n : 3);
        s += n > 0 ? n : 1;
    }
    return finish(ctx, &t);
}

/* U+2028 and U+2029 end lines of scripts. */
const char *fg_escape_json(fg_context *ctx, const char *s) {
    fg_text t = fg_text_new(ctx);
    while (*s != '\0') {
        uint32_t code = 0xfffd;
        const size_t n = utf8((const unsigned char *)s, &code);
        const bool special = code < 0x20 || (code < 0x80 && strchr("\"\\<>&", (int)code) != NULL);
        if (n > 0 && !special && code != 0x2028 && code != 0x2029) {
            fg_text_addn(&t, s, n);
        } else {
            fg_text_printf(&t, "\\u%04x", (unsigned)(n > 0 ? code : 0xfffd));
        }
        s += n > 0 ? n : 1;
    }
    return finish(ctx, &t);
}
