/* The end of the classifiers and regressors of ai.onnx.ml: from scores to what they return. */
#ifndef FG_FRONTEND_REFERENCE_SCORES_H
#define FG_FRONTEND_REFERENCE_SCORES_H

#include "frontend/forest.h"
#include "frontend/ops.h"

/* Applies the post-transform to one row of n scores. */
void fg_ref_post_transform(fg_post post, int64_t n, double *score);

/* What one score says about two classes, as ONNX Runtime has it. complement: the scores are 1 - score and
 * score, else -score and score; of a logistic one sigmoids of both signs. */
void fg_ref_two_scores(fg_post post, bool complement, double score, double *out);

/* Writes label number `which` to element `row` of the labels' tensor, if that is wanted. */
void fg_ref_put_label(const fg_labels *l, const fg_tensor *to, int64_t row, int64_t which);

/* First of the largest. */
int64_t fg_ref_largest(int64_t n, const double *score);

#endif
