"""From a model to what is timed: the full model, inputs, and shared objects of the C that fusegen writes."""
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(os.path.dirname(HERE), "tests"))
import fill_model  # noqa: E402  the rules of graph-only networks live with the tests
COMPILERS = {"fusegen-gcc": "gcc", "fusegen-clang": "clang", "fusegen-nofuse": "gcc"}


class Unusable(Exception):
    """What went wrong, in one line."""


def digest(*parts):
    h = hashlib.sha256()
    for part in parts:
        h.update(part if isinstance(part, bytes) else str(part).encode())
        h.update(b"\0")
    return h.hexdigest()[:12]


def content(path):
    with open(path, "rb") as f:
        return f.read()


def native():
    """Flags for this machine's instruction set; RISC-V compilers know no 'native'."""
    return {"x86_64": ["-march=native"], "aarch64": ["-mcpu=native"]}.get(platform.machine(), [])


def name_of(path):
    return re.sub(r"(\.graph)?\.onnx$", "", os.path.basename(path))


def pin(model, dims):
    """Gives open dimensions of inputs their value, and drops stale shapes of everything else that is open."""
    left = []
    constants = {t.name for t in model.graph.initializer}
    for value in model.graph.input:
        for d in value.type.tensor_type.shape.dim:
            if value.name not in constants and not d.HasField("dim_value"):
                if d.dim_param not in dims:
                    left.append(d.dim_param or "?")
                else:
                    d.dim_value = dims[d.dim_param]
    if left:
        raise Unusable("dimension '%s' is open; try --dim %s=N" % (left[0], left[0]))
    for value in list(model.graph.output) + list(model.graph.value_info):
        for d in value.type.tensor_type.shape.dim:
            if d.dim_param in dims:
                d.dim_value = dims[d.dim_param]


def describe(value):
    t = value.type.tensor_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(t.elem_type).name
    shape = [d.dim_value for d in t.shape.dim]
    declared = t.HasField("shape") and all(shape)
    return [value.name, dtype, shape if declared else None]


def make_input(dtype, shape, rng):
    if dtype.startswith("float"):
        return rng.standard_normal(shape).astype(dtype)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(dtype)
    return rng.integers(0, 8, shape).astype(dtype)


def prepare(path, cache, dims):
    """The job that all engines share: a folder for the model, its full file, seeded inputs.

    Outputs whose shape the model does not declare have None; complete() fills it in.
    """
    if not os.path.exists(path):
        raise Unusable("there is no file %s" % path)
    try:
        folder = os.path.join(cache, "%s-%s" % (name_of(path), digest(content(path), sorted(dims.items()))))
        os.makedirs(folder, exist_ok=True)
        model = onnx.load(path)
        if dims or any(t.doc_string.startswith("fill ") for t in fill_model.tensors(model.graph)):
            full = os.path.join(folder, name_of(path) + ".onnx")
            if not os.path.exists(full):
                fill_model.fill(model)
                pin(model, dims)
                onnx.save(model, full + ".part")
                os.rename(full + ".part", full)
            model = onnx.load(full, load_external_data=False)
            path = full
        constants = {t.name for t in model.graph.initializer}
        inputs = [describe(v) for v in model.graph.input if v.name not in constants]
        outputs = [describe(v) for v in model.graph.output]
    except (OSError, ValueError, KeyError, onnx.onnx_cpp2py_export.checker.ValidationError) as e:
        raise Unusable(" ".join(str(e).split())[:200])
    for name, _, shape in inputs:
        if shape is None:
            raise Unusable("the shape of input '%s' is open; try --dim NAME=N" % name)
    rng = np.random.default_rng(7)
    files = []
    for i, (_, dtype, shape) in enumerate(inputs):
        files.append(os.path.join(folder, "in%d.npy" % i))
        np.save(files[-1], make_input(dtype, shape, rng))
    return {"model": os.path.abspath(path), "folder": folder, "input_files": files, "outputs": outputs,
            "input_names": [name for name, _, _ in inputs], "prepared": []}


def quiet(command, folder, what):
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        lines = [l for l in done.stdout.splitlines() if "error" in l] or done.stdout.splitlines() or ["no message"]
        raise Unusable("%s failed (%d): %s" % (what, done.returncode, lines[0][:200]))
    return done.stdout


def generate(job, fusegen, fuse, verify, exact=False):
    """Runs fusegen unless its result is there; returns (folder, report). Verification is remembered with the result."""
    options = ["--target", "host", "--weights=incbin", "--name", "net"] + ([] if fuse else ["--no-fuse"]) + ["--exact"] * exact
    if job["threads"] > 1:
        options += ["--threads", str(job["threads"])]
    key = digest(content(fusegen), options)
    folder = os.path.join(job["folder"], "c-" + key)
    report = os.path.join(folder, "report.json")
    if os.path.exists(report):
        with open(report) as f:
            known = json.load(f)
        if not verify or (known.get("verify") or {}).get("passed"):
            return folder, known
    os.makedirs(folder, exist_ok=True)
    try:
        quiet([fusegen, job["model"], "-o", "net.c", "--verify=" + ("tcc" if verify else "none"), "--report=json",
               "--report-file", "report.json.part", "-q"] + options, folder, "fusegen")
        os.rename(report + ".part", report)
    except Unusable:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    with open(report) as f:
        return folder, json.load(f)


def compile_library(compiler, folder, threads):
    """A shared object of net.c, kept per compiler and flags."""
    path = shutil.which(compiler)
    if not path:
        raise Unusable("%s is not installed" % compiler)
    version = subprocess.run([path, "--version"], stdout=subprocess.PIPE, text=True).stdout.splitlines()[0]
    sources = ["net.c"] + ([os.path.join(HERE, "pool.c"), "-pthread"] if threads > 1 else [])
    flags = ["-O3"] + native() + ["-fPIC", "-shared"]
    library = os.path.join(folder, "net-%s.so" % digest(version, flags, sources, content(os.path.join(folder, "net.c"))))
    if not os.path.exists(library):
        quiet([path] + flags + sources + ["-o", library + ".part", "-lm"], folder, compiler)
        os.rename(library + ".part", library)
    return library, version


def define(header, name):
    found = re.search(r"#define NET_%s (\d+)" % name, header)
    if not found:
        raise Unusable("no NET_%s in the generated header" % name)
    return int(found.group(1))


def complete(job, header):
    """The job's outputs, undeclared shapes taken from the generated header, which lists inputs, then outputs."""
    shapes = re.findall(r"#define NET_\w+_SHAPE \{([\d, ]*)\}", header)[len(job["input_names"]):]
    return [[name, dtype, shape or [int(n) for n in found.split(",")]]
            for (name, dtype, shape), found in zip(job["outputs"], shapes)]


def errors(job, fusegen, report):
    """fusegen's errors against double precision, over the RMS: [as generated, without Winograd]; None where not checked or where
    no kernel is Winograd's."""
    own = (report.get("verify") or {}).get("max_rel_rms")
    if own is None or not any(k["tile"].startswith("F(") for k in report["kernels"]):
        return [own, None]
    _, direct = generate(job, fusegen, True, True, exact=True)
    return [own, direct["verify"]["max_rel_rms"]]


def contender(job, engine, fusegen, verify):
    """The job of one of engines.GENERATED."""
    fuse = engine != "fusegen-nofuse"
    folder, report = generate(job, fusegen, fuse, verify and fuse)
    library, version = compile_library(COMPILERS[engine], folder, job["threads"])
    header = content(os.path.join(folder, "net.h")).decode()
    if engine == "fusegen-gcc":
        report["errors"] = errors(job, fusegen, report)
    return dict(job, engine=engine, outputs=complete(job, header), library=library, prefix="net", compiler=version, report=report,
                arena_bytes=define(header, "ARENA_BYTES"), arena_align=define(header, "ARENA_ALIGN"))


def peak(cache, cpu):
    """GFLOP/s of one core in float32 multiply-adds, measured now; None if it cannot be compiled."""
    program = os.path.join(cache, "peak")
    try:
        os.makedirs(cache, exist_ok=True)
        compiler = next(c for c in ("gcc", "clang", "cc") if shutil.which(c))
        quiet([compiler, "-O3", "-ffp-contract=fast"] + native() + [os.path.join(HERE, "peak.c"), "-o", program], cache, compiler)
        done = subprocess.run([program], stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.sched_setaffinity(0, [cpu]))
        return float(done.stdout)
    except (Unusable, StopIteration, OSError, ValueError):
        return None
