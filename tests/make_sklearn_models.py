#!/usr/bin/env python3
"""Makes tests/models/sklearn_*.onnx: pipelines of scikit-learn on the data sets that come with it, exported by skl2onnx.

usage: make_sklearn_models.py FOLDER        needs scikit-learn and skl2onnx
"""
import os
import sys

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVR
from skl2onnx import to_onnx


def save(folder, name, model, x, y):
    x = x.astype(np.float32)
    model.fit(x, y)
    options = {id(model): {"zipmap": False}} if hasattr(model, "classes_") else None
    graph = to_onnx(model, x[:1], options=options, target_opset={"": 17, "ai.onnx.ml": 3})
    for value in graph.graph.input:
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    with open(os.path.join(folder, "sklearn_%s.onnx" % name), "wb") as f:
        f.write(graph.SerializeToString())


def main(folder):
    iris, cancer, diabetes = load_iris(), load_breast_cancer(), load_diabetes()
    save(folder, "forest", RandomForestClassifier(10, max_depth=4, random_state=0), iris.data, iris.target_names[iris.target])
    save(folder, "boosting", GradientBoostingClassifier(n_estimators=12, random_state=0), cancer.data, cancer.target)
    save(folder, "boosting_regressor", GradientBoostingRegressor(n_estimators=12, random_state=0), diabetes.data, diabetes.target)
    save(folder, "svr", SVR(), diabetes.data[:60], diabetes.target[:60])
    colour = np.random.RandomState(0).randint(0, 4, (len(iris.data), 2))
    columns = ColumnTransformer([("scale", StandardScaler(), [0, 1, 2, 3]), ("encode", OneHotEncoder(handle_unknown="ignore"), [4, 5])])
    save(folder, "pipeline", make_pipeline(columns, LogisticRegression()), np.concatenate([iris.data, colour], 1), iris.target)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
