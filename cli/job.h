/* What one run of the command works on: a session of models, and of each a job, model by model in a context
 * of its own. Shared by the files that take a job through its passes:
 *
 *     driver.c         the models and the points of --dim's sweep
 *     job.c            one model, pass after pass
 *     job_code.c       file to kernels, and the options of its code
 *     job_aside.c      --tune and --compare: the model generated again, to be timed
 *     job_check.c      inputs, verification, times, memory
 *     print_reports.c  what all models' reports become
 */
#ifndef FG_CLI_JOB_H
#define FG_CLI_JOB_H

#include "cli/console.h"
#include "cli/options.h"
#include "cli/report.h"

typedef struct fg_session {
    fg_context *ctx; /* of the reports */
    const fg_cli_options *options;
    fg_console *console;
    const fg_report **reports;
    int n_reports;
    fg_status status; /* of the first failure */
} fg_session;

/* One model at one point of the sweep. */
typedef struct fg_job {
    fg_session *session;
    const fg_cli_options *options;
    const char *model;
    const fg_dim_binding *dims; /* n_dims of the options */
    fg_shape_binding *shapes;   /* those of the options, and the model's own */
    int n_shapes;
    const char *variant; /* "batch=8", "input=1x3x240x240"; "" without a sweep or shape of its own */
    fg_context *ctx;
    fg_graph *read;
    const fg_tuning *tuning; /* --tune, --tune-file; NULL: none */
    const char *tune_text;   /* what --tune found, to be kept in the tune file */
    int candidate;           /* of a trial of --tune; else 0 */
    fg_module *module;
    fg_tensor *inputs; /* of --input, data NULL where none is given; NULL: all random */
    fg_verdict *verdict;
    fg_bench *bench;
    fg_bench *unfused;       /* of the same model without fusion, for --compare */
    fg_footprint *footprint; /* on targets with limits; else NULL */
    bool direct;             /* Winograd turned out to cost too much accuracy */
} fg_job;

/* ---- job.c ---- */

/* A context with the limits of the command line. It goes with `outer` at the latest: should collecting the
 * report fail, temporary files must still be removed. */
fg_context *fg_job_context(fg_context *outer, const fg_cli_options *o);

/* arg: an fg_job whose context is ctx. All passes, and what they write; the report goes to the session. */
void fg_job_body(fg_context *ctx, void *arg);

/* With --dump alone, nothing after the last pass asked for is worth running. */
bool fg_only_dumps(const fg_cli_options *o);

/* ---- job_code.c ---- */

/* The model file as a graph, by the options that bind its dimensions, shapes and constants. */
fg_graph *fg_job_read(fg_job *j);

fg_fusion_options fg_job_fusion(const fg_cli_options *o);

/* The kernels of j->read, which is inferred. */
fg_partition *fg_job_partition(fg_job *j);

/* Valid as long as j's context. */
fg_codegen_options fg_job_codegen(fg_job *j, const fg_target *target);

/* Without folders. */
const char *fg_file_name(const char *path);

/* ---- job_aside.c ---- */

/* Sets j->tuning: --tune measures, --tune-file alone reads. */
void fg_job_choose_tiles(fg_job *j, const fg_target *target);

/* --compare --bench: sets j->unfused. */
void fg_job_bench_unfused(fg_job *j);

/* ---- job_check.c ---- */

/* Random data for the inputs; any seed would do, a fixed one makes verdicts repeatable. */
#define FG_JOB_SEED 1

/* Each sets what its name says, if the options ask for it: j->inputs, j->verdict, j->bench, j->footprint (for
 * boards, which have limits: raises FG_UNSUPPORTED if code that is handed over does not keep them). */
void fg_job_read_inputs(fg_job *j);
void fg_job_verify(fg_job *j);
void fg_job_bench(fg_job *j);
void fg_job_measure(fg_job *j);

/* ---- print_reports.c ---- */

/* Reports to their files, or to stdout; the summary if nothing else was asked for. */
void fg_print_reports(fg_session *s);

#endif
