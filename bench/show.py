"""Tables and the chart. Everything is computed from the record that run.py keeps (and writes with --json)."""
import json
import os
from xml.sax.saxutils import escape

HERE = os.path.dirname(os.path.abspath(__file__))
OURS = "fusegen-gcc"
IMPRECISE = 1e-3


def goals():
    with open(os.path.join(HERE, "goals.json")) as f:
        return json.load(f)["models"]


def is_peer(engine):
    return not engine.startswith("fusegen-")


def timed(model):
    """{engine: result} of the engines that ran and whose outputs are right."""
    return {e: r for e, r in model["engines"].items() if "error" not in r and not r["wrong"]}


def best_peer(model):
    peers = {e: r["min_ms"] for e, r in timed(model).items() if is_peer(e)}
    return min(peers, key=peers.get) if peers else None


def ratio(model, engine=OURS):
    """Speed against the best peer: its minimum over the engine's."""
    best, good = best_peer(model), timed(model)
    return good[best]["min_ms"] / good[engine]["min_ms"] if best and engine in good else None


def floor_ms(record, model):
    return model["flops"] / (record["peak"] * record["threads"]) * 1e-6 if record["peak"] and model["flops"] else None


def digits(ms):
    return "%.0f" % ms if ms >= 1000 else "%.1f" % ms if ms >= 100 else "%.2f" % ms


def table(head, rows):
    rows = [head] + rows
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = ["  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * max(len(line) for line in lines)] + lines[1:])


def header(record):
    peak = "%.1f GFLOP/s float32 multiply-add, measured" % record["peak"] if record["peak"] else "not measured"
    return "\n".join([
        "fusegen against CPU inference engines: float32, %d thread%s, processor%s %s, %d runs, %s" %
        (record["threads"], "s" * (record["threads"] > 1), "s" * (record["threads"] > 1), ",".join(map(str, record["cpus"])),
         record["runs"], record["date"]),
        "processor: %s; peak of one core: %s" % (record["cpu_name"], peak),
        "engines: " + "; ".join("%s %s" % item for item in sorted(record["versions"].items()))])


def clean(result):
    """Whether enough of the runs were undisturbed to speak of a minimum."""
    return 2 * result["disturbed"] <= result["runs"]


def verdict(model):
    aim, r = goals().get(model["name"]), ratio(model)
    if not aim or r is None:
        return ["", "", "" if r is not None else "not timed"]
    if not (clean(model["engines"][OURS]) and clean(model["engines"][best_peer(model)])):
        return ["%.2f" % aim["required"], "%.2f" % aim["goal"], "disturbed: no verdict"]
    word = "goal met" if r >= aim["goal"] else "met" if r >= aim["required"] else "NOT met"
    return ["%.2f" % aim["required"], "%.2f" % aim["goal"], word]


def own_error(model):
    """Against double precision, and what it would be without Winograd."""
    own, direct = model.get("reported_error"), model.get("direct_error")
    return "-" if own is None else "%.1e" % own if direct is None else "%.1e (direct %.1e)" % (own, direct)


def detail(record, model):
    """One model as a table of engines."""
    rows = []
    for engine, r in model["engines"].items():
        if "error" in r:
            continue
        speed = ratio(model, engine)
        rate = model["flops"] / r["min_ms"] * 1e-6 if model["flops"] else None
        share = "%.0f" % (100 * rate / record["peak"] / record["threads"]) if rate and record["peak"] else "-"
        notes = ["WRONG, not ranked"] if r["wrong"] else ["imprecise"] if r["deviation"] > IMPRECISE else []
        if r["disturbed"]:
            notes.append("%d of %d runs disturbed" % (r["disturbed"], r["runs"]))
        elif r["redone"]:
            notes.append("%d redone" % r["redone"])
        rows.append([engine, digits(r["min_ms"]), digits(r["median_ms"]), "%.2f" % speed if speed else "-",
                     "%.1f" % rate if rate else "-", share, "%.0e" % r["deviation"], "%.0f" % r["memory_mb"], ", ".join(notes)])
    head = ["engine", "min ms", "median", "speed", "GFLOP/s", "% peak", "deviation", "MB", ""]
    text = table(head, rows) if rows else "nothing ran"
    reference = next((r["reference"] for r in model["engines"].values() if "reference" in r), None)
    if reference:
        text += "\ndeviation: largest difference from %s's outputs over their RMS" % reference
    error = model.get("reported_error")
    if error is not None:
        text += "\nfusegen's own check (by libtcc, against double precision): %s of the RMS" % own_error(model)
    return text


def mark(r):
    return "x" if r["wrong"] else "!" if r["disturbed"] else "~" if r["deviation"] > IMPRECISE else ""


def summary(record):
    engines = []
    for model in record["models"]:
        engines += [e for e, r in model["engines"].items() if "error" not in r and e not in engines]
    head = ["model", "GFLOP", "floor"] + engines + ["best peer", "ratio", "required", "goal", "", "error"]
    rows = []
    for model in record["models"]:
        cells = []
        for e in engines:
            r = model["engines"].get(e, {"error": ""})
            cells.append("-" if "error" in r else "%s/%s%s" % (digits(r["min_ms"]), digits(r["median_ms"]), mark(r)))
        floor, speed = floor_ms(record, model), ratio(model)
        gflop = "%.2f" % (model["flops"] * 1e-9) if model["flops"] else "-"
        rows.append([model["name"], gflop, digits(floor) if floor else "-"] + cells +
                    [best_peer(model) or "-", "%.2f" % speed if speed else "-"] + verdict(model) + [own_error(model)])
    return "\n".join([table(head, rows), "",
                      "min/median in ms. floor: direct arithmetic at peak (Winograd may pass below). ratio: best peer's minimum",
                      "over %s's.  ! too few undisturbed runs   ~ differs from the reference by more than 1e-3 of its RMS" % OURS,
                      "x by more than 1e-2: not ranked. error: fusegen's against double precision over the RMS, and with --exact"])


def speedups(model):
    """{engine: its minimum on one thread over that on several}."""
    several, one = timed(model), {e: r for e, r in model["one_thread"].items() if "error" not in r}
    return {e: one[e]["min_ms"] / several[e]["min_ms"] for e in several if e in one}


def scaling_verdict(model, threads):
    with open(os.path.join(HERE, "goals.json")) as f:
        wanted = json.load(f)["threads_over_one"].get(str(threads))
    reached = model["threads_over_one"].get(OURS)
    if not wanted or reached is None:
        return ["", ""]
    quiet = clean(model["engines"][OURS]) and clean(model["one_thread"][OURS])
    return ["%.2f" % wanted, "disturbed: no verdict" if not quiet else "met" if reached >= wanted else "NOT met"]


def scaling(record):
    """What the threads are worth: per engine the minimum on one, on all, and the ratio of the two."""
    models = [m for m in record["models"] if m.get("threads_over_one")]
    engines = []
    for model in models:
        engines += [e for e in model["threads_over_one"] if e not in engines]
    rows = []
    for model in models:
        cells = []
        for e in engines:
            times = [digits(model[where][e]["min_ms"]) + mark(model[where][e]) for where in ("one_thread", "engines")
                     if e in model["threads_over_one"]]
            cells.append("%s > %s  %.2fx" % (*times, model["threads_over_one"][e]) if times else "-")
        rows.append([model["name"]] + cells + scaling_verdict(model, record["threads"]))
    return "\n".join([table(["model"] + engines + ["required", ""], rows) if rows else "nothing ran on one thread and on several", "",
                      "minimum in ms on one thread > on %d, and the first over the second" % record["threads"]])


def kernels(name, report, peak, count=5):
    """The kernels of one report that lose most time against arithmetic at peak."""
    known = [k for k in report["kernels"] if k["measured_ms"] is not None]
    if not known:
        return "%s: not timed: %s" % (name, (report.get("bench") or {}).get("why_not", "no times in the report"))
    at_peak = lambda k: k["flops"] / peak * 1e-6
    worst = sorted(known, key=lambda k: at_peak(k) - k["measured_ms"])[:count]
    rows = [["  " + k["name"], k["pattern"], k["tile"] or "-", digits(k["measured_ms"]), digits(k["measured_ms"] - at_peak(k)),
             "%.1f" % (k["flops"] / k["measured_ms"] * 1e-6 if k["measured_ms"] else 0),
             "%.0f" % (100 * at_peak(k) / k["measured_ms"] if k["measured_ms"] else 0)] for k in worst]
    total, lost = sum(k["measured_ms"] for k in known), sum(k["measured_ms"] - at_peak(k) for k in known)
    return "%s: %s ms in %d kernels, %s above arithmetic at peak; most of it in\n%s" % (
        name, digits(total), len(known), digits(lost),
        table(["  kernel", "pattern", "tile", "ms", "lost", "GFLOP/s", "% peak"], rows))


COLOURS = {"fusegen-gcc": "#1b6ca8", "fusegen-clang": "#5fa3d0", "fusegen-nofuse": "#b7d3e8",
           "onnxruntime": "#c98b2b", "openvino": "#8a6fb0", "ncnn": "#5b9a68", "mnn": "#b7605a"}
OTHER = "#888888"
LEFT, WIDTH, RIGHT, BAR, GAP, TOP = 150, 560, 60, 11, 14, 74


def chart(record):
    """SVG: per model one bar per engine, as long as its speed against the best peer; the line at 1 is the best peer."""
    models = [m for m in record["models"] if best_peer(m)]
    speeds = [(m, [(e, ratio(m, e)) for e in m["engines"] if ratio(m, e)]) for m in models]
    longest = max([1.0] + [s for _, bars in speeds for _, s in bars])
    scale = WIDTH / (1.05 * longest)
    used = []
    body, y = [], TOP
    for m, bars in speeds:
        body.append('<text x="%d" y="%.1f" text-anchor="end" font-weight="600">%s</text>' %
                    (LEFT - 10, y + BAR * len(bars) / 2 + 4, escape(m["name"])))
        for engine, speed in bars:
            if engine not in used:
                used.append(engine)
            result = m["engines"][engine]
            tip = "%s: %.2f, %s ms" % (engine, speed, digits(result["min_ms"]))
            body.append('<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"><title>%s</title></rect>' %
                        (LEFT, y, speed * scale, BAR - 1, COLOURS.get(engine, OTHER), escape(tip)))
            body.append('<text x="%.1f" y="%d" class="small">%.2f</text>' % (LEFT + speed * scale + 4, y + BAR - 2, speed))
            y += BAR
        y += GAP
    one = LEFT + scale
    lines = ['<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#777" stroke-dasharray="2 3"/>' % (one, TOP - 8, one, y - GAP + 4)]
    legend, x = [], LEFT
    for engine in used:
        legend.append('<rect x="%d" y="46" width="10" height="10" fill="%s"/><text x="%d" y="55">%s</text>' %
                      (x, COLOURS.get(engine, OTHER), x + 14, escape(engine)))
        x += 30 + 7 * len(engine)
    width = max(LEFT + WIDTH + RIGHT, x)
    caption = "%s, %d thread%s, float32, batch as in the model; bars: best peer's minimum / engine's minimum" % (
        record["cpu_name"], record["threads"], "s" * (record["threads"] > 1))
    return "\n".join([
        '<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" %s>' %
        (width, y + 6, width, y + 6, 'font-family="sans-serif" font-size="12" fill="#222"'),
        "<style>.small { font-size: 9px; fill: #555; paint-order: stroke; stroke: #fff; stroke-width: 3px }</style>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        '<text x="12" y="20" font-size="15" font-weight="600">%s</text>' % "Speed against the fastest peer (longer is faster)",
        '<text x="12" y="37" class="small">%s</text>' % escape(caption)] + legend + lines + body + ["</svg>"]) + "\n"
