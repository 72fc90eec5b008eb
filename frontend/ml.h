/* Attributes of ai.onnx.ml operators, checked, that inference, reference and generated code share. */
#ifndef FG_FRONTEND_ML_H
#define FG_FRONTEND_ML_H

#include "frontend/forest.h"

/* Floats of an attribute; n 0: absent. */
typedef struct fg_floats {
    int n;
    const float *at;
} fg_floats;

/* n = 0 if the attribute is absent; points into it. */
fg_floats fg_floats_of(const fg_node *n, const char *attr);
/* The same, and must have `count` entries. */
fg_floats fg_need_floats(fg_context *ctx, const fg_node *n, const char *attr, int64_t count);

/* Rows and features of in[0]; a vector is one row. Raises FG_BAD_MODEL for other ranks. */
typedef struct fg_rows {
    int64_t rows, features;
} fg_rows;

fg_rows fg_rows_of(fg_context *ctx, const fg_node *n);

/* LinearClassifier and LinearRegressor: scores = x * coefficients^T + intercepts. */
typedef struct fg_linear {
    int64_t targets, features;
    const float *coefficient; /* targets x features */
    const float *intercept;   /* targets, or NULL */
} fg_linear;

fg_linear fg_linear_of(fg_context *ctx, const fg_node *n);

typedef enum fg_kernel_type {
    FG_KERNEL_LINEAR,
    FG_KERNEL_POLY,
    FG_KERNEL_RBF,
    FG_KERNEL_SIGMOID
} fg_kernel_type;

/* SVMClassifier and SVMRegressor. Without vectors they are linear models: coefficient is then classes x
 * features. */
typedef struct fg_svm {
    fg_kernel_type kernel;
    double gamma, coef0, degree;
    int vectors;
    int64_t features;
    const float *vector;      /* vectors x features */
    const float *coefficient; /* of a classifier classes - 1 rows of `vectors`, of a regressor one */
    fg_floats rho, prob_a, prob_b;
    int classes;
    const int64_t *per_class; /* vectors of each class */
} fg_svm;

fg_svm fg_svm_of(fg_context *ctx, const fg_node *n);

/* A map from keys to values: LabelEncoder, CategoryMapper. Lists of one type each; strings are `const char
 * *`. */
typedef struct fg_mapping {
    int n;
    fg_dtype key_type, value_type;
    const void *keys, *values;
    const void *otherwise; /* one element of value_type */
    bool nan;              /* a key that is NaN is found; before opset 4 it was not */
} fg_mapping;

fg_mapping fg_mapping_of(fg_context *ctx, const fg_node *n);

#endif
