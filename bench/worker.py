"""One engine with one model in a process of its own. Started by measure.py: worker.py JOB.json

Speaks one JSON object per line. Asked {"do": ...} on stdin it answers on stdout; whatever engines print goes to stderr.

    {"do": "run", "count": N}      -> {"wall": [s], "cpu": [s], "waited": s}    N inferences, each timed
    {"do": "outputs", "to": STEM}  -> {}                                        writes STEM0.npy, STEM1.npy, ...
    {"do": "memory"}               -> {"mb": peak resident memory that loading and running has added}

cpu is the processor time of all threads of this process. waited is the time that its threads were ready to run but kept off
the processor by others.
"""
import json
import os
import sys
import time

import numpy as np

import engines


def resident(key):
    with open("/proc/self/status") as f:
        for line in f:
            if line.startswith(key + ":"):
                return int(line.split()[1]) / 1024
    return 0.0


def waited():
    total = 0
    for task in os.listdir("/proc/self/task"):
        try:
            with open("/proc/self/task/%s/schedstat" % task) as f:
                total += int(f.read().split()[1])
        except (OSError, IndexError):  # a thread that has ended, or a kernel without the file
            pass
    return total * 1e-9


def timed(engine, count):
    wall, cpu = [], []
    before = waited()
    for _ in range(count):
        c, w = time.process_time(), time.perf_counter()
        engine.run()
        w, c = time.perf_counter() - w, time.process_time() - c
        wall.append(w)
        cpu.append(c)
    return {"wall": wall, "cpu": cpu, "waited": waited() - before}


def answer(engine, request, base):
    what = request["do"]
    if what == "run":
        return timed(engine, request["count"])
    if what == "outputs":
        for i, y in enumerate(engine.outputs()):
            np.save("%s%d.npy" % (request["to"], i), np.ascontiguousarray(y))
        return {}
    if what == "memory":
        return {"mb": resident("VmHWM") - base}
    raise ValueError("unknown request " + what)


def main():
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    say = lambda message: out.write(json.dumps(message) + "\n")
    with open(sys.argv[1]) as f:
        job = json.load(f)
    try:
        os.sched_setaffinity(0, job["cpus"])  # before anything makes threads: they inherit it
        job["inputs"] = [np.load(path) for path in job["input_files"]]
        cls = engines.engine_class(job["engine"])
        base = resident("VmRSS")
        if job.get("prepare"):
            cls.prepare(job)
            return say({"ready": True})
        engine = cls(job)
        say({"ready": True, "version": cls.version() if cls.package else ""})
        for line in sys.stdin:
            say(answer(engine, json.loads(line), base))
    except engines.Missing as e:
        say({"error": str(e)})
    except Exception as e:
        say({"error": "%s: %s" % (type(e).__name__, " ".join(str(e).split())[:160])})
    out.flush()
    os._exit(0)  # the ends of some engines are noisy


if __name__ == "__main__":
    main()
