#!/usr/bin/env python3
"""Checks --emit onnx: what fusegen writes passes onnx.checker and gives the same outputs in ONNX Runtime as the model it came from.

usage: onnxruntime_emit.py FUSEGEN MODEL.onnx...        needs numpy, onnx and onnxruntime

The nodes inside the functions are those of the model, but ONNX Runtime may fuse them in another way: the bound is 1e-4 of the RMS (1e-3
for the deepest networks), as in onnxruntime_compare.py. Also counted: functions, and those that say where to quantise. Exit 1 if a network failed.
"""
import os
import subprocess
import sys
import tempfile

from onnxruntime_compare import BOUND, BOUNDS, error_of, run_reference


def emit(fusegen, path, to):
    import onnx

    command = [fusegen, path, "-q", "--verify=none", "--emit", "onnx", to]
    for value in onnx.load(path, load_external_data=False).graph.input:
        names = [d.dim_param for d in value.type.tensor_type.shape.dim if d.dim_param]
        command += [word for name in names for word in ("--dim", name + "=1")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def check(fusegen, path):
    """Prints one line; True if the network agrees."""
    import onnx
    import onnxruntime

    name = os.path.basename(path).split(".onnx")[0].replace(".graph", "")
    bound = BOUNDS.get(name, BOUND)
    with tempfile.TemporaryDirectory() as folder:
        emitted = os.path.join(folder, "fused.onnx")
        emit(fusegen, path, emitted)
        model = onnx.load(emitted)
        onnx.checker.check_model(model)
        calls = sum(node.domain == "fusegen" for node in model.graph.node)
        points = sum(any(p.key.startswith("fusegen.quantise.") for p in f.metadata_props) for f in model.functions)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(emitted, options, providers=["CPUExecutionProvider"])
        inputs, wants = run_reference(path)
        gots = session.run(None, dict(zip([value.name for value in session.get_inputs()], inputs)))
    error = error_of(wants, gots)
    good = error <= bound and calls == len(model.functions) and calls > 0
    print("%s   %-26s error %.2g of RMS; %d functions, %d of them quantised, %d nodes beside them" %
          ("passed" if good else "failed", name, error, calls, points, len(model.graph.node) - calls), flush=True)
    return good


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    failed = [path for path in sys.argv[2:] if not check(os.path.abspath(sys.argv[1]), path)]
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
