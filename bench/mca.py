#!/usr/bin/env python3
"""What llvm-mca expects of the innermost loops of a network on a processor that is not at hand, and how many instructions it runs.

    bench/mca.py --target cortex-a72                        EfficientNet-B0, the loops that most multiply-adds run in
    bench/mca.py --target cortex-a53 resnet50 --loops 20
    bench/mca.py --target x86-64-v4 --count                 only the instructions for each multiply-add

Generates C for the target, compiles it with the target's compiler and runs it once, in the target's emulator if it has one, to learn
how often each basic block runs. A loop's share is that of the FMA rate: cycles that its multiply-adds take when nothing else is to be
done, over the cycles of the loop. llvm-mca takes every load for a hit in the first-level cache. docs/boards.md has the results.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

import assembly
from assembly import Failed, ROOT


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", nargs="?", default="efficientnet_b0", help="NAME for tests/models/NAME.graph.onnx, or a path")
    p.add_argument("--target", default="cortex-a72", help="NAME of a file in targets/, or a path")
    p.add_argument("--fusegen", metavar="PATH", default=os.path.join(ROOT, "build", "fusegen"))
    p.add_argument("--option", action="append", default=[], help="handed to fusegen, as --option=--no-fuse")
    p.add_argument("--loops", type=int, default=12, help="how many are shown (default: 12)")
    p.add_argument("--count", action="store_true", help="count instructions only; llvm-mca is not needed")
    p.add_argument("--llvm-mca", metavar="PROGRAM", default="llvm-mca-19", help="default: llvm-mca-19")
    p.add_argument("--cpu", help="llvm-mca's name of the processor (default: mca_cpu of the target file)")
    p.add_argument("--json", metavar="FILE", help="write all loops")
    p.add_argument("--keep", metavar="DIR", help="keep what is generated in DIR")
    return p.parse_args()


class Mca:
    """Cycles of one iteration of a loop that goes on for long."""
    TRIPLES = {"x86": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu", "riscv": "riscv64-linux-gnu"}

    def __init__(self, program, keys, cpu):
        self.command = [program, "-mtriple=" + self.TRIPLES[keys["isa"]], "-mcpu=" + cpu]

    @staticmethod
    def spelled(code):
        """GNU as takes any distance in prfm."""
        far = re.match(r"prfm\t(.*#?\b(-?\d+)\])$", code)
        return "prfum\t" + far.group(1) if far and int(far.group(2)) % 8 else code

    def totals(self, loops, iterations):
        text = "".join("# LLVM-MCA-BEGIN {0}\n{1}\n# LLVM-MCA-END {0}\n".format(i, "\n".join(map(self.spelled, code)))
                       for i, code in enumerate(loops))
        try:
            done = subprocess.run(self.command + ["-iterations=%d" % iterations, "-instruction-info=0", "-resource-pressure=0"],
                                  input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        except OSError:
            raise Failed("%s is missing (Debian: apt-get install llvm-19), or name it by --llvm-mca" % self.command[0])
        found = re.findall(r"^Total Cycles:\s+(\d+)", done.stdout, re.M)
        if len(found) != len(loops):
            raise Failed("llvm-mca: %s" % (done.stderr.splitlines() or ["no result"])[0])
        return [int(n) for n in found]

    def cycles(self, loops):
        different = sorted(set(tuple(l) for l in loops))
        known = {l: (b - a) / 200 for l, a, b in zip(different, self.totals(different, 100), self.totals(different, 300))}
        return [known[tuple(l)] for l in loops]


PROBE = 16  # multiply-adds that do not wait for each other


def probe(net, lanes):
    names = {"x86": {1: "xmm", 4: "xmm", 8: "ymm", 16: "zmm"}, "aarch64": {2: "2s", 4: "4s"}}.get(net.isa, {})
    text = net.family.probe if net.isa != "aarch64" or lanes > 1 else "fmadd\ts{1}, s30, s31, s{1}"
    return [text.format(names.get(lanes), i) for i in range(PROBE)]


def loops_of(net, mca, per_cycle):
    """Innermost loops that multiply and add, those of most multiply-adds first. per_cycle: whole vectors, as the target file says;
    where llvm-mca knows a slower rate, that is the core's."""
    found, widths = [], []
    for blocks in net.loops():
        code = [c for b in blocks for c in b.code]
        lanes = [n for n in map(net.lanes, code) if n]
        if lanes:
            widths.append(lanes)
            found.append({"kernel": blocks[0].function.replace("net_", "", 1), "label": (blocks[0].labels or [""])[-1],
                          "runs": blocks[-1].count, "instructions": len(code), "fmas": len(lanes),
                          "multiply_adds": blocks[-1].count * sum(lanes), "sums": sums_only(net, code), "code": code})
    kinds = sorted(set(n for lanes in widths for n in lanes))
    cycles = mca.cycles([probe(net, n) for n in kinds] + [l["code"] for l in found])
    peaks = {n: max(c / PROBE, 1 / per_cycle if n == kinds[-1] else 0) for n, c in zip(kinds, cycles)}
    for loop, own, lanes in zip(found, cycles[len(kinds):], widths):
        loop["cycles"] = own
        loop["cycles_per_fma"] = own / loop["fmas"]
        loop["share"] = sum(peaks[n] for n in lanes) / own
    return sorted(found, key=lambda l: -l["multiply_adds"])


def sums_only(net, code):
    """Whether a loop forms sums of products, and evaluates no function such as an exponential besides."""
    other = sum(1 for c in code if re.match(net.family.arithmetic, c) and not net.lanes(c))
    return 8 * other < sum(1 for c in code if net.lanes(c))


def total(name, loops, every):
    runs = [(l["runs"] * l["fmas"], l["runs"] * l["cycles"], l["share"]) for l in loops]
    fmas, cycles = sum(r[0] for r in runs), sum(r[1] for r in runs)
    if loops:
        print("| %s: %d | %.1f %% | | | | %.3f | %.1f %% |" % (
            name, len(loops), 100 * sum(l["multiply_adds"] for l in loops) / every, cycles / fmas,
            100 * sum(r[1] * r[2] for r in runs) / cycles))


def show(loops, wanted, every):
    sums = [l for l in loops if l["sums"]]
    print("| loop | share of multiply-adds | instructions | FMAs | cycles | cycles per FMA | of the FMA rate |\n|---|---|---|---|---|---|---|")
    for l in sums[:wanted]:
        print("| %s %s | %.1f %% | %d | %d | %.1f | %.3f | %.1f %% |" % (
            l["kernel"], l["label"], 100 * l["multiply_adds"] / every, l["instructions"], l["fmas"], l["cycles"], l["cycles_per_fma"],
            100 * l["share"]))
    total("all loops that form sums", sums, every)
    total("loops with activations", [l for l in loops if not l["sums"]], every)


def work(o, folder):
    model = o.model if o.model.endswith(".onnx") else os.path.join(ROOT, "tests", "models", o.model + ".graph.onnx")
    keys, net, macs = assembly.assemble(o.fusegen, model, o.target, folder, o.option)
    assembly.count(net, keys, folder)
    instructions = net.instructions()
    print("%s, %s: %.1f million multiply-adds, %.1f million instructions, %.3f for each" % (
        o.model, o.target, macs / 1e6, instructions / 1e6, instructions / macs))
    if o.count:
        return
    cpu = o.cpu or keys.get("mca_cpu") or o.target
    loops = loops_of(net, Mca(o.llvm_mca, keys, cpu), int(keys["fma_per_cycle"]))
    every = sum(b.count * sum(map(net.lanes, b.code)) for b in net.blocks)
    show(loops, o.loops, every)
    if o.json:
        with open(o.json, "w") as f:
            json.dump({"model": o.model, "target": o.target, "cpu": cpu, "multiply_adds": macs, "instructions": instructions,
                       "loops": loops}, f, indent=1)


def main():
    o = arguments()
    try:
        if o.keep:
            os.makedirs(o.keep, exist_ok=True)
            work(o, o.keep)
        else:
            with tempfile.TemporaryDirectory() as folder:
                work(o, folder)
    except Failed as e:
        sys.exit("mca: error: %s" % e)
    return 0


if __name__ == "__main__":
    sys.exit(main())
