#!/usr/bin/env python3
"""Compares generated C with ONNX Runtime; see onnxruntime.sh.

usage: onnxruntime_compare.py FUSEGEN MODEL.onnx...

Each network is filled, generated for this machine, compiled by $CC (default cc), loaded, run once on random input, and compared:
the largest absolute error of every output over the RMS of ONNX Runtime's. The bound is fusegen's own: the larger of 1e-4 (1e-3 for the
deepest networks) and four times the error of a plain float32 run, which fusegen measures against double. Each in a process of its own: a crash is a failure of
that network only.
"""
import ctypes
import json
import os
import re
import subprocess
import sys
import tempfile

BOUND = 1e-4
# Deep residual networks amplify rounding: two correct float32 runs differ by this much.
# In quantised ones values between two steps fall to either side, and a step is a step: MobileNetV2 with synthetic weights spreads them
# over its 52 layers: 0.08 of RMS against ONNX Runtime, 0.28 between ONNX Runtime's runs of the graph cut in two ways.
BOUNDS = {"resnet101": 1e-3, "resnet152": 1e-3, "mobilenet_v2.qdq": 0.4}
SECONDS = 1200  # for one network


def generate(fusegen, path, folder):
    """Returns the shared library, the text of its header and the error of a plain float32 run. Dimensions left open become 1."""
    import onnx

    source = os.path.join(folder, "net.c")
    command = [fusegen, path, "-o", source, "-q", "--report=json", "--weights=incbin"]
    for value in onnx.load(path, load_external_data=False).graph.input:
        names = [d.dim_param for d in value.type.tensor_type.shape.dim if d.dim_param]
        command += [word for name in names for word in ("--dim", name + "=1")]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    subprocess.run([os.environ.get("CC", "cc"), "-std=c99", "-O2", "-march=native", "-shared", "-fPIC", "-o", "net.so", "net.c", "-lm"],
                   check=True, cwd=folder)
    with open(os.path.join(folder, "net.h")) as file:
        header = file.read()
    return ctypes.CDLL(os.path.join(folder, "net.so")), header, report["verify"]["float_run"]


def pointers(arrays):
    return (ctypes.c_void_p * max(1, len(arrays)))(*[a.ctypes.data for a in arrays])


def room_for(want, shape):
    """An output of that shape: pointers for strings, NaN where there is such a thing."""
    import numpy as np

    if want.dtype == object:
        return np.zeros(shape, np.uintp)
    return np.full(shape, np.nan if want.dtype.kind == "f" else 0, want.dtype)


def run_generated(library, header, inputs, wants):
    """Outputs as large as the header says; those of which only the data tell the shape are cut to what the code tells."""
    import numpy as np

    shapes = [(name, [int(n) for n in numbers.split(",") if n.strip()])
              for name, numbers in re.findall(r"^#define NET_(\w+)_SHAPE +\{([^}]*)\}", header, re.M)][len(inputs):]
    outputs = [room_for(want, shape) for want, (_, shape) in zip(wants, shapes)]
    told = {name: np.zeros(shape, np.int64) for name, shape in shapes[len(wants):]}
    run(library, int(re.search(r"^#define NET_ARENA_BYTES +(\d+)", header, re.M).group(1)), inputs, outputs + list(told.values()))
    for i, (name, _) in enumerate(shapes[:len(wants)]):
        if name + "_SHAPE" in told:
            shape = tuple(told[name + "_SHAPE"])
            outputs[i] = outputs[i].ravel()[:int(np.prod(shape))].reshape(shape)
    return [texts_at(output) if want.dtype == object else output for want, output in zip(wants, outputs)]


def run(library, arena_bytes, inputs, outputs):
    import numpy as np

    room = np.full(arena_bytes + 64, 0xFF, np.uint8)  # floats that are NaN, should any be read before it is written
    arena = room.ctypes.data + -room.ctypes.data % 64
    code = library.net_run(pointers(inputs), pointers(outputs), ctypes.c_void_p(arena))
    if code != 0:
        raise RuntimeError("net_run returned %d" % code)


def run_reference(path):
    """Random inputs in graph order, and what ONNX Runtime makes of them."""
    import numpy as np
    import onnx
    import onnxruntime
    from fill_model import fill

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(fill(onnx.load(path)).SerializeToString(), options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(1)
    inputs = []
    for value in session.get_inputs():
        shape = [d if isinstance(d, int) else 1 for d in value.shape]
        if value.type == "tensor(float)":
            inputs.append(random.standard_normal(shape).astype(np.float32))
        elif value.type in ("tensor(int64)", "tensor(int32)"):  # tokens, positions, masks: 0 and 1 are good for all of them
            inputs.append(random.integers(0, 2, shape).astype(value.type[7:-1]))
        else:
            raise RuntimeError("input '%s' is a %s; only floats and integers are compared" % (value.name, value.type))
    names = [value.name for value in session.get_inputs()]
    return inputs, session.run(None, dict(zip(names, inputs)))


def texts_at(pointers):
    import numpy as np

    texts = [ctypes.c_char_p(int(p)).value.decode() for p in pointers.ravel()]
    return np.array(texts, object).reshape(pointers.shape)


def error_of(wants, gots):
    """Largest error over RMS of all outputs; NaN counts as infinite, as do labels that differ."""
    import numpy as np

    worst = 0.0
    for want, got in zip(wants, gots):
        if want.shape != got.shape:
            return float("inf")
        if want.dtype == object or want.dtype.kind in "iub":
            worst = max(worst, 0.0 if np.array_equal(want, got) else float("inf"))
            continue
        want = want.astype(np.float64)
        rms = np.sqrt(np.mean(want * want)) if want.size else 1.0
        error = float(np.max(np.abs(got.astype(np.float64) - want), initial=0.0) / (rms or 1.0))
        worst = max(worst, error if error == error else float("inf"))
    return worst


def compare(fusegen, path):
    """Prints one line; True if the network agrees."""
    import numpy as np

    name = os.path.basename(path).split(".onnx")[0].replace(".graph", "")
    bound = BOUNDS.get(name, BOUND)
    with tempfile.TemporaryDirectory() as folder:
        library, header, float_run = generate(fusegen, path, folder)
        inputs, wants = run_reference(path)
        gots = run_generated(library, header, inputs, wants)
    bound = max(bound, 4 * float_run)
    error = error_of(wants, gots)
    verdict = "passed" if error <= bound else "failed"
    print("%s   %-26s error %.2g of RMS, bound %.2g, %s elements" %
          (verdict, name, error, bound, "+".join(str(want.size) for want in wants)))
    return error <= bound


def compare_in_own_process(fusegen, path):
    try:
        done = subprocess.run([sys.executable, __file__, "--one", fusegen, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        print("failed   %s: more than %d s" % (path, SECONDS))
        return False
    lines = [line for line in done.stderr.splitlines() if line.strip() and "note:" not in line]
    reason = next((line for line in lines if line.startswith("fusegen: error")), lines[-1] if lines else "")
    print(done.stdout.rstrip() or "failed   %s: exit %d: %s" % (path, done.returncode, reason), flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    if sys.argv[1] == "--one":
        sys.exit(0 if compare(*sys.argv[2:]) else 1)
    fusegen = os.path.abspath(sys.argv[1])
    results = [compare_in_own_process(fusegen, path) for path in sys.argv[2:]]
    print("onnxruntime: %d passed, %d failed" % (results.count(True), results.count(False)))
    sys.exit(0 if all(results) else 1)
