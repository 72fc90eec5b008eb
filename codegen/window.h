/* Sliding windows as parameters of templates. */
#ifndef FG_CODEGEN_WINDOW_H
#define FG_CODEGEN_WINDOW_H

#include "codegen/template.h"
#include "frontend/window.h"

/* AXES, KERNEL, STRIDE, DILATION, PAD, IN of a window; BELOW: by axis the taps of those further in; CHECK:
 * whether taps fall outside along it. As window_at of templates/common.c.in takes them. */
void fg_template_window(fg_template *t, const fg_window *w);

#endif
