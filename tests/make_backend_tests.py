"""Writes the node tests of the onnx package as files.

usage: make_backend_tests.py DIR

DIR/CASE/model.onnx and DIR/CASE/test_data_set_N/{input,output}_J.pb, for backend_runner. The generators of some cases draw
random numbers, hence the seed: two runs give the same bytes. A case that cannot be written is named and left out.
"""

import pathlib
import sys
import warnings

import numpy

warnings.filterwarnings("ignore")
numpy.random.seed(0)  # before the import below: cases are made while their modules load

import onnx
from onnx import numpy_helper
from onnx.backend.test.loader import load_node_model_tests


def to_message(value, info):
    """The protobuf message of a value of the interface."""
    if isinstance(value, onnx.TensorProto):
        return value
    kind = info.type.WhichOneof("value")
    if kind == "sequence_type":
        return numpy_helper.from_list(value, info.name)
    if kind == "optional_type":
        return numpy_helper.from_optional(value, info.name)
    if kind == "map_type":
        return numpy_helper.from_dict(value, info.name)
    return numpy_helper.from_array(numpy.asarray(value), info.name)


def files_of(case):
    """Path below the case's folder -> message."""
    graph = case.model.graph
    files = {"model.onnx": case.model}
    for n, (inputs, outputs) in enumerate(case.data_sets):
        for kind, values, infos in (("input", inputs, graph.input), ("output", outputs, graph.output)):
            for j, value in enumerate(values):
                files[f"test_data_set_{n}/{kind}_{j}.pb"] = to_message(value, infos[j])
    return files


def write(folder, files):
    for name, message in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(message.SerializeToString(deterministic=True))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    written = 0
    for case in load_node_model_tests():
        try:
            files = files_of(case)
        except (TypeError, ValueError, AttributeError) as error:
            print(f"left out: {case.name}: {error}")
            continue
        if (case.rtol, case.atol) != (1e-3, 1e-7):
            print(f"note: {case.name} has a tolerance of its own: {case.rtol}, {case.atol}")
        write(pathlib.Path(sys.argv[1]) / case.name, files)
        written += 1
    print(f"onnx {onnx.__version__}: {written} cases")


main()
