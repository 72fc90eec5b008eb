/* Tuned choices: which tile (and for 3x3 convolutions which method) each kernel is to have, by measurement.
 *
 * A tune file is text. Its first line says what it was made for; each other line is a kernel's name, its
 * choice and what it took in microseconds (for people; not read back). Empty lines and lines that begin with
 * # are skipped, the order of lines means nothing:
 *
 *     fusegen 0.1.0 target=x86-64-v4 model=9b1f...
 *     conv1_7x7_relu 14x2 312.40
 *     layer1_conv1_relu F4:13x2 251.07
 *     features_1_expand_depthwise_3x3 14x1+7 88.10
 *
 * Choices: "MxN" is a register tile of M pixels by N vectors of channels, "F4:MxN" the same of a
 * Winograd convolution F(4x4), "S:MxN" that of Strassen's seven products, "MxN+T" a row buffer whose producer
 * has tile MxN and whose window operator keeps T pixels; "F3:MxN+T" where the producer is a Winograd
 * convolution.
 */
#ifndef FG_CODEGEN_TUNING_H
#define FG_CODEGEN_TUNING_H

#include "codegen/tile.h"

struct fg_module;
struct fg_kernel;

typedef struct fg_choice {
    const char *kernel, *text;
    double microseconds; /* only written */
    int line;            /* of the tune file */
} fg_choice;

typedef struct fg_tuning {
    const char *file; /* without folder; "--tune" if the choices are in no file */
    char sha256[65];  /* of the file's text */
    fg_choice *choices;
    int n;
} fg_tuning;

/* What a lowering is to choose: `text` if it can be done, else the cost model's rank-th best (0: its best). A
 * text that cannot be done needs no error there: fg_tuning_check compares what was chosen with what was asked
 * for. */
typedef struct fg_pick {
    const char *text; /* NULL: not tuned */
    int rank;
} fg_pick;

/* What the module's options ask of kernel k: its line of the tune file, else their candidate. */
fg_pick fg_pick_of(const struct fg_module *m, const struct fg_kernel *k);

/* The tile at the beginning of pick->text, or by rank. */
fg_tile fg_pick_tile(const fg_target *t, const fg_product *p, const fg_pick *pick);

/* Reads a tune file's text (n bytes, any content; a zero must follow them). model: SHA-256 of the model's
 * bytes. Raises FG_USAGE, naming `file` and the line, if the text is none or was made for another model or
 * target. */
const fg_tuning *fg_tuning_parse(fg_context *ctx, const char *file, const char *text, size_t n,
                                 const fg_target *target, const uint8_t model[32]);

/* The text of a tune file with these choices, in their order. */
void fg_tuning_print(const fg_choice *choices, int n, const char *version, const fg_target *target,
                     const uint8_t model[32], fg_text *out);

/* Raises FG_USAGE, naming file and line, if m's tuning names a kernel twice or one that m does not have. */
void fg_tuning_check_names(const struct fg_module *m);
/* After emission: and if a kernel could not be made as its choice says. */
void fg_tuning_check(const struct fg_module *m);

#endif
