"""The engines that are compared. Each class loads one model in a process of its own (worker.py) and runs it.

    prepare(job)    converts the model once, if the engine has a format of its own (a class method; called in its own process)
    __init__(job)   loads; what is not part of an inference happens here
    run()           one inference, from inputs in place to outputs in place
    outputs()       the outputs of the last run as arrays, in graph order

A job is a dict: model (path), folder (to keep conversions in), threads, inputs (arrays), input_names, outputs
([name, dtype, shape]); for the generated code also library and arena_bytes, arena_align.

Everything is forced to float32: several engines silently compute in bfloat16 or float16 where the processor has it.
"""
import ctypes
import os
import subprocess
import sys

import numpy as np


class Missing(Exception):
    """The engine is not installed."""


def require(module):
    try:
        return __import__(module)
    except ImportError:
        raise Missing("not installed")


def convert(command, folder, made):
    """Runs a converter in the folder unless what it makes is there; its chatter is kept beside."""
    made = os.path.join(folder, made)
    if os.path.exists(made):
        return
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "log.txt"), "w+b") as log:
        code = subprocess.call(command, cwd=folder, stdout=log, stderr=log)
        if code or not os.path.exists(made):
            if os.path.exists(made):
                os.remove(made)  # a torso, which would pass for a result next time
            log.seek(0)
            text = log.read().decode(errors="replace").strip().splitlines()
            raise RuntimeError("conversion failed (%d): %s" % (code, text[-1] if text else ""))


class Engine:
    package = None

    @classmethod
    def prepare(cls, job):
        if cls.package:
            require(cls.package)

    @classmethod
    def home(cls, job):
        """The folder of what this version of the engine made of the model."""
        return os.path.join(job["folder"], "%s-%s" % (cls.package, cls.version()))

    @classmethod
    def version(cls):
        from importlib.metadata import version
        return version(cls.package)


class Generated(Engine):
    """The C that fusegen wrote, as a shared object: structs of pointers are arrays of pointers."""

    def __init__(self, job):
        library = ctypes.CDLL(job["library"])
        run = getattr(library, job["prefix"] + "_run")
        run.restype = ctypes.c_int
        parallel = None
        if job["threads"] > 1:
            library.bench_pool.restype = ctypes.c_void_p
            parallel = library.bench_pool(ctypes.c_int(job["threads"]))
        self.held = list(job["inputs"])
        self.results = [np.zeros(shape, dtype) for _, dtype, shape in job["outputs"]]
        self.arena = np.zeros(job["arena_bytes"] + job["arena_align"], np.uint8)
        start = self.arena.ctypes.data
        start += -start % job["arena_align"]
        pointers = lambda arrays: (ctypes.c_void_p * max(1, len(arrays)))(*[a.ctypes.data for a in arrays])
        self.structs = pointers(self.held), pointers(self.results)
        arguments = [self.structs[0], self.structs[1], ctypes.c_void_p(start)]
        if parallel:
            arguments.append(ctypes.c_void_p(parallel))

        def call():
            code = run(*arguments)
            if code:
                raise RuntimeError("%s_run returned %d" % (job["prefix"], code))
        self.run = call

    def outputs(self):
        return self.results


class OnnxRuntime(Engine):
    package = "onnxruntime"

    def __init__(self, job):
        ort = require("onnxruntime")
        options = ort.SessionOptions()
        options.intra_op_num_threads = job["threads"]
        options.inter_op_num_threads = 1
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        self.session = ort.InferenceSession(job["model"], options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        self.values = [ort.OrtValue.ortvalue_from_numpy(x) for x in job["inputs"]]
        for name, value in zip(job["input_names"], self.values):
            self.binding.bind_ortvalue_input(name, value)
        for name, _, _ in job["outputs"]:
            self.binding.bind_output(name, "cpu")

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def outputs(self):
        return self.binding.copy_outputs_to_cpu()


class OpenVino(Engine):
    package = "openvino"

    def __init__(self, job):
        ov = require("openvino")
        core = ov.Core()
        self.compiled = core.compile_model(core.read_model(job["model"]), "CPU", {
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "INFERENCE_NUM_THREADS": str(job["threads"]),
            "ENABLE_CPU_PINNING": "NO",  # the process is pinned already
        })
        self.request = self.compiled.create_infer_request()
        for i, x in enumerate(job["inputs"]):
            self.request.set_input_tensor(i, ov.Tensor(x, shared_memory=True))

    def run(self):
        self.request.infer()

    def outputs(self):
        return [self.request.get_output_tensor(i).data for i in range(len(self.compiled.outputs))]


class Ncnn(Engine):
    """Converted by pnnx, whose program is run as it lies in its package: its Python part would need PyTorch."""
    package = "ncnn"

    @classmethod
    def prepare(cls, job):
        require("ncnn")
        from importlib.metadata import PackageNotFoundError, files
        try:
            found = [str(f.locate()) for f in files("pnnx") if str(f) == "pnnx/pnnx"]
        except PackageNotFoundError:
            found = []
        if not found:
            raise Missing("pnnx, its converter, is not installed")
        folder = cls.home(job)
        os.makedirs(folder, exist_ok=True)
        link = os.path.join(folder, "m.onnx")
        if not os.path.lexists(link):
            os.symlink(job["model"], link)
        shapes = ",".join("[%s]" % ",".join(map(str, x.shape)) for x in job["inputs"])
        convert([found[0], "m.onnx", "inputshape=" + shapes, "fp16=0"], folder, "m.ncnn.bin")

    def __init__(self, job):
        ncnn = require("ncnn")
        self.net = ncnn.Net()
        options = self.net.opt
        options.num_threads = job["threads"]
        options.use_vulkan_compute = False
        options.use_fp16_packed = options.use_fp16_storage = options.use_fp16_arithmetic = False
        options.use_bf16_storage = False
        stem = os.path.join(self.home(job), "m.ncnn")
        if self.net.load_param(stem + ".param") or self.net.load_model(stem + ".bin"):
            raise RuntimeError("ncnn cannot load what pnnx made")
        # An image's batch axis of 1 is implied.
        self.given = [ncnn.Mat(x[0] if x.ndim == 4 else x).clone() for x in job["inputs"]]
        self.shapes = [shape for _, _, shape in job["outputs"]]

    def run(self):
        extractor = self.net.create_extractor()
        for i, x in enumerate(self.given):
            extractor.input("in%d" % i, x)
        self.results = []
        for i in range(len(self.shapes)):
            code, y = extractor.extract("out%d" % i)
            if code:
                raise RuntimeError("ncnn: extract gives %d" % code)
            self.results.append(y)

    def outputs(self):
        return [np.array(y).reshape(shape) for y, shape in zip(self.results, self.shapes)]


class Mnn(Engine):
    package = "MNN"

    @classmethod
    def prepare(cls, job):
        require("MNN")
        # The converter itself, without the script around it, which reports each use to its makers.
        call = "import sys, _tools; _tools.mnnconvert(sys.argv)"
        convert([sys.executable, "-c", call, "-f", "ONNX", "--modelFile", job["model"], "--MNNModel", "m.mnn",
                 "--bizCode", "b"], cls.home(job), "m.mnn")

    def __init__(self, job):
        self.mnn = mnn = require("MNN")
        self.net = mnn.Interpreter(os.path.join(self.home(job), "m.mnn"))
        self.session = self.net.createSession({"backend": "CPU", "numThread": job["threads"], "precision": "high",
                                               "memory": "normal"})
        kinds = {"float32": mnn.Halide_Type_Float, "int64": mnn.Halide_Type_Int64, "int32": mnn.Halide_Type_Int}
        self.arrays = job["inputs"]
        self.given = [(self.net.getSessionInput(self.session, name),
                       mnn.Tensor(x.shape, kinds[x.dtype.name], x, mnn.Tensor_DimensionType_Caffe))
                      for name, x in zip(job["input_names"], job["inputs"])]
        self.wanted = job["outputs"]

    def run(self):
        for inner, outer in self.given:  # each time: its planner reuses the memory of inputs
            inner.copyFrom(outer)
        self.net.runSession(self.session)

    def outputs(self):
        results = []
        for name, _, shape in self.wanted:
            y = np.zeros(shape, np.float32)
            outer = self.mnn.Tensor(tuple(shape), self.mnn.Halide_Type_Float, y, self.mnn.Tensor_DimensionType_Caffe)
            self.net.getSessionOutput(self.session, name).copyToHostTensor(outer)
            results.append(np.array(outer.getNumpyData()).reshape(shape))
        return results


PEERS = {"onnxruntime": OnnxRuntime, "openvino": OpenVino, "ncnn": Ncnn, "mnn": Mnn}
GENERATED = ("fusegen-gcc", "fusegen-clang", "fusegen-nofuse")


def engine_class(name):
    return PEERS.get(name, Generated)
