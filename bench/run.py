#!/usr/bin/env python3
"""Times the C that fusegen writes beside other inference engines, in the same minutes on the same processor.

    bench/run.py --setup                      once: numpy, onnx and the engines, into build/bench/venv
    bench/run.py                              all networks that goals.json names
    bench/run.py efficientnet_b0 my.onnx      these
    bench/run.py --kernels resnet18           the kernels of fusegen that lose most time
    bench/run.py --from r.json --svg r.svg    tables and chart of an earlier run

docs/benchmarks.md says what is compared and how.
"""
import argparse
import json
import os
import platform
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
CACHE = os.path.join(ROOT, "build", "bench")
VENV = os.path.join(CACHE, "venv")
NEEDED = ["numpy==2.4.6", "onnx==1.23.2"]
PEERS = ["onnxruntime==1.31.1", "openvino==2026.4.1", "ncnn==1.0.20261020", "pnnx==20261020", "MNN==3.6.1"]
ALONE = ("pnnx",)  # its program needs nothing of what its package asks for (PyTorch, gigabytes)


def install(name, what):
    """None, or the reason in one line."""
    command = [os.path.join(VENV, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", what]
    done = subprocess.run(command + ["--no-deps"] * (name in ALONE), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = [l for l in done.stdout.splitlines() if "ERROR" in l] or done.stdout.splitlines()
    return None if done.returncode == 0 else (lines or ["pip failed"])[-1][:150]


def setup():
    """Makes the virtual environment; tells what could not be had, and fails only without numpy and onnx."""
    import venv
    print("making", VENV)
    venv.create(VENV, with_pip=True)
    failed = []
    for pinned in NEEDED + PEERS:
        name = pinned.split("==")[0]
        error = install(name, pinned)
        if not error:
            print("%-24s installed" % pinned, flush=True)
        elif not install(name, name):  # another Python, another processor: another version may exist
            print("%-24s not to be had here; installed the newest that is" % pinned, flush=True)
        else:
            print("%-24s NOT installed: %s" % (pinned, error), flush=True)
            failed.append(pinned)
    return 1 if any(p in failed for p in NEEDED) else 0


def with_packages():
    """Goes on in the virtual environment if this Python lacks the packages."""
    try:
        import numpy, onnx  # noqa: F401, E401
    except ImportError:
        python = os.path.join(VENV, "bin", "python")
        if os.path.realpath(sys.prefix) == os.path.realpath(VENV) or not os.path.exists(python):
            sys.exit("bench: error: numpy and onnx are missing; try bench/run.py --setup")
        os.execv(python, [python] + sys.argv)


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", nargs="*", help="NAME for tests/models/NAME.graph.onnx, or a path")
    p.add_argument("--setup", action="store_true", help="install the engines")
    p.add_argument("--models", metavar="DIR", default=os.path.join(ROOT, "tests", "models"), help="where names are looked up")
    p.add_argument("--fusegen", metavar="PATH", default=os.path.join(ROOT, "build", "fusegen"))
    p.add_argument("--engines", metavar="LIST", help="comma-separated; default: all")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--cpus", metavar="LIST", help="processors to pin to (default: the first, of different cores if there are enough)")
    p.add_argument("--runs", type=int, default=30, help="timed runs per engine (default: 30)")
    p.add_argument("--warm-ups", type=int, default=5, help="default: 5")
    p.add_argument("--limit", type=float, default=60, metavar="SECONDS", help="fewer runs for slower engines (default: 60)")
    p.add_argument("--cache", metavar="DIR", default=CACHE, help="where generated and converted files are kept")
    p.add_argument("--dim", action="append", default=[], metavar="NAME=N", help="value of an open dimension")
    p.add_argument("--no-verify", action="store_true", help="generate without verification")
    p.add_argument("--prepare", action="store_true", help="generate, compile and convert only: what may run on a busy machine")
    p.add_argument("--kernels", action="store_true", help="instead: per network the five kernels furthest from peak")
    p.add_argument("--json", metavar="FILE", help="write all figures")
    p.add_argument("--svg", metavar="FILE", help="write a bar chart")
    p.add_argument("--from", dest="record", metavar="FILE", help="do not measure, show a file of --json")
    return p.parse_args()


def processor_name():
    try:
        with open("/proc/cpuinfo") as f:
            facts = dict(reversed([[part.strip() for part in l.split(":", 1)] for l in f if ":" in l]))
        return " ".join([facts.get("model name") or facts.get("Hardware") or platform.machine()] +
                        ["(family %s model %s)" % (facts["cpu family"], facts["model"])] * ("cpu family" in facts))
    except (OSError, ValueError):
        return platform.machine()


def choose_cpus(o):
    """The processors asked for, or the first of as many cores as there are threads."""
    if o.cpus:
        return [int(c) for c in o.cpus.split(",")]
    allowed = sorted(os.sched_getaffinity(0))
    cores = {}
    for c in allowed:
        try:
            with open("/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list" % c) as f:
                cores.setdefault(f.read(), c)
        except OSError:
            cores.setdefault(c, c)
    first = sorted(cores.values())
    chosen = (first + [c for c in allowed if c not in first])[:o.threads]
    if len(chosen) < o.threads:
        sys.exit("bench: error: %d threads on %d processors measure nothing" % (o.threads, len(chosen)))
    return chosen


def find(o, name):
    return name if name.endswith(".onnx") else os.path.join(o.models, name + ".graph.onnx")


def dims(o):
    return {d.split("=")[0]: int(d.split("=")[1]) for d in o.dim}


def jobs_of(o, base, chosen, results):
    """A job per engine; those that cannot be made go to results."""
    import contenders
    import engines
    jobs = []
    for engine in chosen:
        try:
            job = dict(base, engine=engine)
            if engine in engines.GENERATED:
                job = contenders.contender(base, engine, o.fusegen, not o.no_verify)
            jobs.append(job)
        except contenders.Unusable as e:
            results[engine] = {"error": str(e)}
            print("%-15s %s" % (engine, e), flush=True)
    outputs = next((j["outputs"] for j in jobs if "library" in j), base["outputs"])
    if any(shape is None for _, _, shape in outputs):
        raise contenders.Unusable("the model does not declare the shape of its outputs, and fusegen did not find it")
    return [dict(j, outputs=outputs) for j in jobs]


def alone(jobs, o, base, chosen):
    """The same engines on one thread and the first processor, to see what threads are worth; their results go by other names."""
    ready = [e for e in chosen if any(j["engine"] == e for j in jobs)]
    base = dict(base, threads=1, cpus=base["cpus"][:1])
    return [dict(j, label=j["engine"] + "-alone") for j in jobs_of(o, base, ready, {})]


def prepare_only(jobs):
    import measure
    for job in jobs:
        try:
            measure.Worker(job, prepare=True).close()
            print("%-15s ready" % measure.label(job), flush=True)
        except measure.Failed as e:
            print("%-15s %s" % (job["engine"], e), flush=True)


def bench_model(o, record, path, chosen):
    """Measures one model into the record and prints its table."""
    import contenders
    import measure
    import show
    base = contenders.prepare(path, os.path.abspath(o.cache), dims(o))
    base.update(threads=o.threads, cpus=record["cpus"], warm_ups=o.warm_ups)
    results = {}
    jobs = jobs_of(o, base, chosen, results)
    if o.threads > 1:
        jobs += alone(jobs, o, base, chosen)
    if o.prepare:
        return prepare_only(jobs)
    reports = {j["engine"]: j.pop("report") for j in jobs if "report" in j}
    report = next(iter(reports.values()), {})
    own, direct = (reports.get(show.OURS) or {}).get("errors") or [None, None]
    results.update(measure.measure(jobs, o.runs, o.limit, lambda line: print(line, flush=True)))
    for job in [j for j in jobs if "label" not in j]:
        known = job.get("compiler") or results[job["engine"]].get("version")
        if known:
            record["versions"][job["engine"]] = known
    model = {"name": contenders.name_of(path), "file": os.path.basename(path), "flops": report.get("flops", 0),
             "arena_bytes": report.get("arena_bytes"), "weights_bytes": report.get("weights_bytes"),
             "reported_error": own, "direct_error": direct, "engines": {e: results[e] for e in chosen}}
    if o.threads > 1:
        model["one_thread"] = {e: results[e + "-alone"] for e in chosen if e + "-alone" in results}
        model["threads_over_one"] = show.speedups(model)
    record["models"].append(model)
    print(show.detail(record, model), flush=True)


def bench_kernels(o, path, peak, cpus):
    import contenders
    import show
    base = contenders.prepare(path, os.path.abspath(o.cache), dims(o))
    report = os.path.join(base["folder"], "kernels.json")
    command = [o.fusegen, base["model"], "--target", "host", "--verify=none", "--bench=%d" % o.runs, "-q",
               "--report=json", "--report-file", report]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, cpus))
    if done.returncode:
        raise contenders.Unusable((done.stdout.splitlines() or ["fusegen failed"])[0])
    with open(report) as f:
        print(show.kernels(contenders.name_of(path), json.load(f), peak) + "\n", flush=True)


def new_record(o):
    import contenders
    cpus = choose_cpus(o)
    peak = None if o.prepare else contenders.peak(os.path.abspath(o.cache), cpus[0])
    return {"cpu_name": processor_name(), "peak": peak, "threads": o.threads, "cpus": cpus, "runs": o.runs,
            "date": time.strftime("%Y-%m-%d %H:%M"), "versions": {}, "models": []}


def measure_all(o):
    import contenders
    import engines
    import show
    known = list(engines.GENERATED) + list(engines.PEERS)
    chosen = o.engines.split(",") if o.engines else known
    for engine in chosen:
        if engine not in known:
            sys.exit("bench: error: engine '%s' is none of %s" % (engine, ", ".join(known)))
    wanted = o.kernels or any(e in engines.GENERATED for e in chosen)
    if wanted and not os.access(o.fusegen, os.X_OK):
        sys.exit("bench: error: no %s; build fusegen, or name it with --fusegen" % o.fusegen)
    o.fusegen = os.path.abspath(o.fusegen)
    record = new_record(o)
    print("%s; peak of one core: %s GFLOP/s\n" % (record["cpu_name"], record["peak"] or "(not measured)"), flush=True)
    if o.kernels and not record["peak"]:
        sys.exit("bench: error: without a compiler for peak.c there is no peak to compare with")
    for name in o.model or show.goals():
        path = find(o, name)
        print("## " + contenders.name_of(path), flush=True)
        try:
            if o.kernels:
                bench_kernels(o, path, record["peak"], record["cpus"][:1])
            else:
                bench_model(o, record, path, chosen)
        except contenders.Unusable as e:
            print("left out: %s" % e, flush=True)
        if o.json and record["models"]:
            with open(o.json, "w") as f:
                json.dump(record, f, indent=1)
        print(flush=True)
    return record


def main():
    o = arguments()
    if o.setup:
        return setup()
    if o.record:
        with open(o.record) as f:
            record = json.load(f)
    else:
        with_packages()
        record = measure_all(o)
    import show
    if record["models"]:
        print(show.header(record) + "\n\n" + show.summary(record))
        if record["threads"] > 1:
            print("\n" + show.scaling(record))
        if o.svg:
            with open(o.svg, "w") as f:
                f.write(show.chart(record))
    return 0


if __name__ == "__main__":
    sys.exit(main())
