"""Generated C as a processor sees it: assembly cut into basic blocks, and how often each of them runs.

Counting needs neither hardware counters nor an emulator that counts, so that it works for AVX-512 as well: a copy of the assembly
counts for itself, in a few instructions before each block that keep registers and flags.
"""
import collections
import os
import re
import shlex
import struct
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)


class Failed(Exception):
    """What went wrong, in one line."""


# How a family of processors branches, calls, multiplies and adds (the group `lanes` by what is in LANES), and counts a block.
Family = collections.namedtuple("Family", "branch end fma arithmetic probe count")
LANES = {"zmm": 16, "ymm": 8, "xmm": 4, "4s": 4, "2s": 2}
FAMILIES = {
    "x86": Family(
        r"j[a-z]+\s", r"(jmp|ret)\b", r"v?(fn?m(add|sub)\d+|mul)(?P<scalar>s|p)s\s.*%(?P<lanes>[xyz]mm)\d+$",
        r"v?(add|sub|mul|div|min|max|sqrt|cvt|rndscale|fn?m(add|sub))", "vfmadd231ps\t%{0}30, %{0}31, %{0}{1}",
        "\tmovq %rax, fg_saved(%rip)\n\tmovq fg_counts+{0}(%rip), %rax\n\tleaq 1(%rax), %rax\n"
        "\tmovq %rax, fg_counts+{0}(%rip)\n\tmovq fg_saved(%rip), %rax\n"),
    "aarch64": Family(
        r"(b\.?[a-z]{2}|cbn?z|tbn?z)\s", r"(b|br|ret)\b(?!\.)", r"(fml[as]\s+v\d+\.(?P<lanes>[24]s)|(?P<scalar>f)n?m(add|sub)\s+s)",
        r"f(?!mov)|scvtf|ucvtf", "fmla\tv{1}.{0}, v30.{0}, v31.s[0]",
        "\tstp x16, x17, [sp, -16]!\n\tadrp x16, fg_counts+{0}\n\tldr x17, [x16, :lo12:fg_counts+{0}]\n\tadd x17, x17, 1\n"
        "\tstr x17, [x16, :lo12:fg_counts+{0}]\n\tldp x16, x17, [sp], 16\n"),
    "riscv": Family(
        r"b[a-z]+\s", r"(j|jr|ret|tail)\b", r"(?P<scalar>f)n?m(add|sub)\.s\s", r"f(?!l|s[wd]\b|mv)", "fmadd.s\tf{1}, f30, f31, f{1}",
        "\taddi sp, sp, -16\n\tsd t0, 0(sp)\n\tsd t1, 8(sp)\n\tlla t0, fg_counts+{0}\n\tld t1, 0(t0)\n\taddi t1, t1, 1\n"
        "\tsd t1, 0(t0)\n\tld t0, 0(sp)\n\tld t1, 8(sp)\n\taddi sp, sp, 16\n"),
}


class Block:
    """Instructions that run one after another; the label that they stand under, and the one that they may go on to."""

    def __init__(self, function, labels):
        self.function, self.labels, self.code, self.goes_to, self.count = function, labels, [], None, 0


class Assembly:
    def __init__(self, text, family):
        self.isa, self.family = family, FAMILIES[family]
        self.blocks = []
        self.lines = text.splitlines()
        self.starts = {}  # block by the line of its first instruction
        self.cut()

    def cut(self):
        branch, end = re.compile(self.family.branch), re.compile(self.family.end)
        glued = set(re.findall(r"%pcrel_lo\(([\w.$]+)\)", "\n".join(self.lines)))  # a part of an address, not a place to go to
        function, labels, block = None, [], None
        for number, line in enumerate(self.lines):
            code = line.strip()
            label = re.match(r"([\w.$]+):", code)
            if label:
                if label.group(1) not in glued:
                    if not label.group(1).startswith("."):
                        function = label.group(1)
                    labels, block = labels + [label.group(1)], None
                continue
            if not code or code[0] in ".#/@":
                continue
            if block is None:
                block, labels = Block(function, labels), []
                self.blocks.append(block)
                self.starts[number] = block
            block.code.append(code)
            if branch.match(code) or end.match(code):
                block.goes_to = re.split(r"[\s,]+", code)[-1]
                block = None

    def counting(self):
        """The text of a copy that counts its blocks in fg_counts."""
        out, index = [], 0
        for number, line in enumerate(self.lines):
            if number in self.starts:
                out.append(self.family.count.format(8 * index).rstrip("\n"))
                index += 1
            out.append(line)
        out.append("\t.bss\n\t.balign 16\n\t.globl fg_counts\nfg_counts:\n\t.zero %d\nfg_saved:\n\t.zero 16\n\t.data\n\t.balign 8\n"
                   "\t.globl fg_n_counts\nfg_n_counts:\n\t.quad %d" % (8 * len(self.blocks), len(self.blocks)))
        return "\n".join(out) + "\n"

    def lanes(self, code):
        """Multiply-adds of an instruction; 0: none."""
        found = re.match(self.family.fma, code)
        if not found:
            return 0
        groups = found.groupdict()
        return 1 if groups.get("scalar") in ("s", "f") else LANES[groups["lanes"]]

    def instructions(self):
        return sum(b.count * len(b.code) for b in self.blocks)

    def loops(self):
        """Innermost loops, as lists of blocks: what lies between a label and a branch back to it, with no other such pair inside,
        and is run nearly as often as the branch."""
        place = {l: i for i, b in enumerate(self.blocks) for l in b.labels}
        found = {}
        for last, b in enumerate(self.blocks):
            first = place.get(b.goes_to, last + 1)
            if first <= last and self.blocks[first].function == b.function and b.count:
                found[first] = min(found.get(first, last), last)
        inner = [(f, l) for f, l in found.items() if not any(f <= g and m <= l and (f, l) != (g, m) for g, m in found.items())]
        return [[b for b in self.blocks[f:l + 1] if 2 * b.count > self.blocks[l].count] for f, l in sorted(inner)]


def target_keys(name):
    """What a target file says, with what it inherits."""
    path = name if name.endswith(".target") else os.path.join(ROOT, "targets", name + ".target")
    try:
        with open(path) as f:
            lines = [l.split("#")[0].split("=", 1) for l in f]
    except OSError:
        raise Failed("there is no target file %s" % path)
    own = {pair[0].strip(): pair[1].strip() for pair in lines if len(pair) == 2}
    return dict(target_keys(own["inherit"]), **own) if "inherit" in own else own


def run(command, folder):
    try:
        done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except OSError as e:
        raise Failed("%s: %s" % (command[0], e.strerror))
    if done.returncode:
        lines = [l for l in done.stdout.splitlines() if "rror" in l] or done.stdout.splitlines() or ["no message"]
        raise Failed("%s failed (%d): %s" % (os.path.basename(command[0]), done.returncode, lines[0][:200]))
    return done.stdout


def driver(header):
    """A program that runs the network once, on a pattern, and writes the counts to standard output."""
    counts = [int(n) for n in re.findall(r"#define NET_\w+_COUNT (\d+)", header)]
    members = [re.findall(r"^ {4}(?:const )?(\w+) \*\w+; ", part, re.M)
               for part in re.findall(r"typedef struct \{(.*?)\} net_(?:in|out)puts;", header, re.S)]
    if len(members) != 2 or len(counts) != len(members[0]) + len(members[1]):
        raise Failed("the interface is not one of plain tensors of known size")
    types = members[0] + members[1]
    text = ['#include <stdio.h>', '#include "net.h"', "extern unsigned long long fg_counts[], fg_n_counts;"]
    text += ["static %s t%d[%d];" % (t, i, n) for i, (t, n) in enumerate(zip(types, counts))]
    text += ["int main(void) {"]
    text += ["    for (int i = 0; i < %d; i++) t%d[i] = (%s)(i %% 17) * 0.125f - 1.0f;" % (counts[i], i, t)
             for i, t in enumerate(members[0]) if t in ("float", "double")]
    split = len(members[0])
    for kind, first, after in (("in", 0, split), ("out", split, len(types))):
        text.append("    const net_%sputs %s = {%s};" % (kind, kind, ", ".join("t%d" % i for i in range(first, after))))
    text += ["    const int status = net_run(&in, &out);",
             "    fwrite(fg_counts, 8, fg_n_counts, stdout);", "    return status != 0;", "}"]
    return "\n".join(text) + "\n"


def assemble(fusegen, model, target, folder, options=()):
    """Generates and compiles: (keys of the target, assembly, multiply-adds as the report counts them)."""
    import json
    keys = target_keys(target)
    if keys.get("isa") == "generic" and "riscv" in keys.get("compiler", ""):
        keys["isa"] = "riscv"
    if keys.get("isa") not in FAMILIES or keys.get("runtime", "linux") != "linux":
        raise Failed("target %s: only 64-bit x86, ARM and RISC-V processes can be counted" % target)
    run([os.path.abspath(fusegen), os.path.abspath(model), "--target", target, "-o", "net.c", "--name", "net", "--verify=none", "-q",
         "--weights=incbin", "--arena", "static", "--report=json", "--report-file", "report.json"] + list(options), folder)
    run(shlex.split(keys["compiler"]) + shlex.split(keys["flags"]) + ["-DFG_EXTERNAL_KERNELS", "-S", "net.c", "-o", "net.s"], folder)
    with open(os.path.join(folder, "net.s")) as f, open(os.path.join(folder, "report.json")) as r:
        return keys, Assembly(f.read(), keys["isa"]), json.load(r)["flops"] / 2


def count(assembly, keys, folder):
    """Runs the network once, in the target's emulator if it has one, and fills in the counts of all blocks."""
    with open(os.path.join(folder, "counting.s"), "w") as f:
        f.write(assembly.counting())
    with open(os.path.join(folder, "net.h")) as f, open(os.path.join(folder, "driver.c"), "w") as d:
        d.write(driver(f.read()))
    program = os.path.join(folder, "counting")
    run(shlex.split(keys["compiler"]) + shlex.split(keys["flags"]) + ["counting.s", "driver.c", "-o", program, "-lm"] +
        shlex.split(keys.get("link", "-static")), folder)
    done = subprocess.run(shlex.split(keys.get("emulator", "")) + [program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode or len(done.stdout) != 8 * len(assembly.blocks):
        raise Failed("the compiled network ends with status %d" % done.returncode)
    for block, (n,) in zip(assembly.blocks, struct.iter_unpack("<Q", done.stdout)):
        block.count = n
