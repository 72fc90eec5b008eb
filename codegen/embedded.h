/* Files that CMake embeds into the program: templates, targets and what programs for boards are made of. */
#ifndef FG_CODEGEN_EMBEDDED_H
#define FG_CODEGEN_EMBEDDED_H

typedef struct fg_embedded_file {
    const char *name; /* file name without folder; NULL ends the array */
    const char *text;
} fg_embedded_file;

extern const fg_embedded_file fg_embedded_templates[];
extern const fg_embedded_file fg_embedded_targets[];
extern const fg_embedded_file fg_embedded_board[]; /* programs for emulators: verify/emulator.h */

#endif
