/* Reference kernels of ai.onnx.ml: linear models, support vectors, preparation of features, labels. */
#ifndef FG_FRONTEND_REFERENCE_ML_H
#define FG_FRONTEND_REFERENCE_ML_H

#include "frontend/ops.h"

void fg_ref_linear_regressor(const fg_eval *e);
void fg_ref_linear_classifier(const fg_eval *e);
void fg_ref_svm_regressor(const fg_eval *e);
void fg_ref_svm_classifier(const fg_eval *e);

void fg_ref_scaler(const fg_eval *e);
void fg_ref_normalizer(const fg_eval *e);
void fg_ref_binarizer(const fg_eval *e);
void fg_ref_imputer(const fg_eval *e);
void fg_ref_one_hot_encoder(const fg_eval *e);
void fg_ref_feature_vectorizer(const fg_eval *e);
void fg_ref_array_feature_extractor(const fg_eval *e);
void fg_ref_label_encoder(const fg_eval *e);

#endif
