#include "codegen/window.h"

void fg_template_window(fg_template *t, const fg_window *w) {
    int64_t check[FG_MAX_SPATIAL], below[FG_MAX_SPATIAL], taps = 1;
    for (int d = w->axes; d-- > 0;) {
        check[d] = fg_window_may_leave(w, d);
        below[d] = taps;
        taps *= w->kernel[d];
    }
    fg_template_int(t, "AXES", w->axes);
    fg_template_ints(t, "BELOW", w->axes, below);
    fg_template_ints(t, "KERNEL", w->axes, w->kernel);
    fg_template_ints(t, "STRIDE", w->axes, w->stride);
    fg_template_ints(t, "DILATION", w->axes, w->dilation);
    fg_template_ints(t, "PAD", w->axes, w->pad);
    fg_template_ints(t, "IN", w->axes, w->in);
    fg_template_ints(t, "CHECK", w->axes, check);
}
