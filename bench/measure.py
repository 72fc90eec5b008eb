"""Times engines side by side: blocks of a few runs in turn, A B C A B C, until each has enough runs that nothing disturbed."""
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
WARM_UPS = 5
BLOCK = 5          # timed runs per turn; one more before them is thrown away, it finds the caches full of another engine's data
DISTURBED = 0.05   # wall and processor time of a run may differ by so much
PATIENCE = 4       # times the runs asked for, until disturbed runs are taken as they are
PAUSE = 0.02       # seconds before a turn, in which the threads of the engine before stop spinning
WRONG = 1e-2       # a maximal error of so much of the RMS of the reference is no result, whatever its time


class Failed(Exception):
    pass


def label(job):
    """By what name the job's result goes: the engine's, unless it runs in two ways."""
    return job.get("label", job["engine"])


class Worker:
    def __init__(self, job, prepare=False):
        """Starts a process for job["engine"]; raises Failed with the reason in one line."""
        stem = os.path.join(job["folder"], "worker-" + label(job))
        with open(stem + ".json", "w") as f:
            json.dump(dict({k: v for k, v in job.items() if k != "report"}, prepare=prepare), f)
        threads = str(job["threads"])
        env = dict(os.environ, OMP_NUM_THREADS=threads, OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS=threads)
        self.engine, self.job = label(job), job
        self.log = open(stem + ".log", "w")
        self.process = subprocess.Popen([sys.executable, os.path.join(HERE, "worker.py"), stem + ".json"], env=env, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        self.wall, self.spoilt, self.asked, self.bad_blocks = [], [], 0, 0
        self.version = self.read().get("version", "")

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failed("died with %s; see %s" % (self.process.wait(), self.log.name))
        reply = json.loads(line)
        if "error" in reply:
            self.close()
            raise Failed(reply["error"])
        return reply

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        for pipe in (self.process.stdin, self.process.stdout, self.log):
            try:
                pipe.close()
            except OSError:
                pass
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def outputs(self):
        stem = os.path.join(self.job["folder"], "out-%s-" % self.engine)
        self.ask(do="outputs", to=stem)
        return [np.load("%s%d.npy" % (stem, i)) for i in range(len(self.job["outputs"]))]

    def turn(self, count):
        """One block. A run in which the process did not have its processors to itself goes to self.spoilt."""
        time.sleep(PAUSE)
        skip = 1 if count > 1 else 0
        reply = self.ask(do="run", count=count + skip)
        wall, cpu = reply["wall"][skip:], reply["cpu"][skip:]
        self.asked += count
        if self.job["threads"] > 1:  # pools spin, so processor time says little: ask how long threads were kept waiting
            quiet = reply["waited"] <= DISTURBED * sum(reply["wall"])
            good = [quiet] * count
        else:
            good = [abs(w - c) <= DISTURBED * w for w, c in zip(wall, cpu)]
        for seconds, clean in zip(wall, good):
            (self.wall if clean else self.spoilt).append(seconds)
        self.bad_blocks += not all(good)

    def result(self, wanted):
        """Milliseconds. Too few clean runs are filled up with disturbed ones, and 'disturbed' tells how many."""
        filled = sorted(self.spoilt)[:max(0, wanted - len(self.wall))]
        ms = [1e3 * s for s in self.wall + filled]
        return {"min_ms": 1e3 * min(self.wall or filled), "median_ms": statistics.median(ms), "runs": len(ms),
                "disturbed": len(filled), "redone": len(self.spoilt) - len(filled),
                "memory_mb": self.ask(do="memory")["mb"], "version": self.version}


def deviation(outputs, reference):
    """Largest absolute difference over the RMS of the reference; infinite where shapes or special values differ."""
    worst = 0.0
    for y, r in zip(outputs, reference):
        if y.size != r.size:
            return float("inf")
        y, r = y.reshape(-1).astype(np.float64), r.reshape(-1).astype(np.float64)
        if not np.array_equal(np.isfinite(y), np.isfinite(r)):
            return float("inf")
        finite = np.isfinite(r)
        rms = float(np.sqrt(np.mean(r[finite] ** 2))) if finite.any() else 0.0
        difference = float(np.max(np.abs(y[finite] - r[finite]))) if finite.any() else 0.0
        worst = max(worst, difference / rms if rms else difference)
    return worst


def start(job):
    """A worker that is warm, or Failed. The first run is timed to learn how many can be afforded."""
    if job["engine"] not in job["prepared"]:
        Worker(job, prepare=True).close()
        job["prepared"].append(job["engine"])
    worker = Worker(job)
    try:
        first = worker.ask(do="run", count=2)["wall"][1]
        worker.first = first
        if job["warm_ups"] > 2:
            worker.ask(do="run", count=job["warm_ups"] - 2)
    except (Failed, OSError) as e:
        worker.close()
        raise Failed(str(e))
    return worker


def measure(jobs, runs, limit, note):
    """{engine: result or {"error": line}} for the jobs of one model; onnxruntime's outputs are the reference if it is there.

    limit: seconds per engine, beyond which fewer runs (6 at least) are taken. note(text) is told of failures as they come.
    """
    results, workers = {}, []
    try:
        for job in jobs:
            try:
                workers.append(start(job))
            except Failed as e:
                results[label(job)] = {"error": str(e)}
                note("%-15s %s" % (label(job), e))
        if not workers:
            return results
        take_turns(workers, runs, limit, results, note)
        reference = next((w for w in workers if w.engine == "onnxruntime"), workers[0])
        expected = reference.outputs()
        for w in workers:
            if w.engine in results:
                continue
            try:
                r = w.result(w.wanted)
                r["deviation"] = deviation(w.outputs(), expected)
                r["reference"] = reference.engine
                r["wrong"] = r["deviation"] > WRONG
                results[w.engine] = r
            except (Failed, OSError) as e:
                results[w.engine] = {"error": str(e)}
                note("%-15s %s" % (w.engine, e))
    finally:
        for w in workers:
            w.close()
    return {label(job): results[label(job)] for job in jobs}


def take_turns(workers, runs, limit, results, note):
    for w in workers:
        w.wanted = max(min(runs, 6), min(runs, int(limit / w.first)))
    waiting = list(workers)
    while waiting:
        for w in list(waiting):
            try:
                w.turn(min(BLOCK, w.wanted))
            except (Failed, OSError) as e:
                results[w.engine] = {"error": str(e)}
                note("%-15s %s" % (w.engine, e))
                waiting.remove(w)
                continue
            if len(w.wall) >= w.wanted or w.asked >= PATIENCE * w.wanted:
                w.done = True
        # An engine that has its runs goes on while others do not, so that all see the same minutes; but not without end.
        if all(getattr(w, "done", False) for w in waiting):
            waiting = []
