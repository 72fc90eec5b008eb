'use strict';
/* The page of `--report=html`: decodes the data that stands beside it and draws. No network, no library. */
const $ = id => document.getElementById(id);
const esc = s => String(s).replace(/[&<>"']/g, c => '&#' + c.charCodeAt(0) + ';');
const CLASSES = ['compute', 'balanced', 'memory', 'bandwidth'];
const CLASS_TEXT = ['compute: over 50 FLOP/B', 'balanced: over 10', 'memory: over 1', 'bandwidth: the rest'];
const color = name => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();

function scaled(x, unit) {
  if (!x) return '0 ' + unit;
  const steps = ['', 'k', 'M', 'G', 'T'];
  let i = 0;
  while (Math.abs(x) >= 999.5 && i < 4) { x /= 1000; i++; }
  return (x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toFixed(2)) + ' ' + steps[i] + unit;
}
const short = x => x === 0 ? '0' : x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x >= 0.01 ? x.toFixed(2) : x.toExponential(1);
const ms = x => x === null ? '' : x >= 10 ? x.toFixed(2) : x >= 0.1 ? x.toFixed(3) : x.toFixed(4);

/* ---- decoding ---- */

/* Names share beginnings with the one before: "12:rest". */
function names(list) {
  let last = '';
  return list.map(s => {
    const at = s.indexOf(':');
    return last = last.slice(0, +s.slice(0, at)) + s.slice(at + 1);
  });
}

function decode(r) {
  const S = r.strings, opNames = names(r.opNames), tensorNames = names(r.tensorNames);
  let at = 0;
  r.kernels = r.kernels.map((k, i) => {
    const o = { index: i, name: k[0], pattern: S[k[1]], catalogue: S[k[2]], tile: S[k[3]], why: S[k[4]], boundary: S[k[5]],
      operators: k[6], flops: k[7], read: k[8], weights: k[9], written: k[10], unfused: k[11], cls: k[12],
      predicted: k[13], measured: k[14], error: k[15], quantise: k[17].map(q => S[q]), ops: [] };
    o.bytes = o.read + o.weights + o.written;
    o.intensity = o.bytes ? o.flops / o.bytes : 0;
    for (let n = k[16]; n > 0; n--, at++) {
      const p = r.ops, b = at * 7;
      o.ops.push({ name: opNames[at], type: S[p[b]], shape: S[p[b + 1]], detail: S[p[b + 2]], flops: p[b + 3], read: p[b + 4], weights: p[b + 5], written: p[b + 6] });
    }
    return o;
  });
  r.tensors = r.tensors.map((t, i) => ({ name: tensorNames[i], shape: S[t[0]], bytes: t[1], from: t[2], output: t[3], to: t[4] }));
  r.blocks = r.blocks.map(b => ({ name: S[b[0]], offset: b[1], bytes: b[2], first: b[3], last: b[4] }));
  r.boxes = [];
  for (let i = 0; i < r.places.length; i += 4) {
    const p = r.places, n = i / 4, k = n - r.inputs;
    r.boxes.push({ x: p[i], y: p[i + 1], w: p[i + 2], h: p[i + 3], kernel: k >= 0 && k < r.kernels.length ? r.kernels[k] : null,
      text: k < 0 ? r.ports[n] : k >= r.kernels.length ? r.ports[n - r.kernels.length] : '' });
  }
  r.curves = new Path2D(r.paths.join(''));
  r.decoded = true;
  return r;
}

const all = JSON.parse($('data').textContent).reports;
let R, selected = -1;

/* ---- totals ---- */

function total(name, value, more, wide) {
  return '<div' + (wide ? ' class="wide"' : '') + '><dt>' + name + '</dt><dd>' + value + (more ? '<small>' + more + '</small>' : '') + '</dd></div>';
}

function totals() {
  const r = R, v = r.verify, p = r.precision, share = r.unfused ? 100 * (1 - r.fused / r.unfused) : 0;
  let h = total(r.pairwise ? 'subgraphs' : 'kernels', r.kernels.length, 'for ' + r.operators + ' operators; ' + r.single + ' of one');
  h += total('work', scaled(r.flops, 'FLOP'), 'mean ' + short(r.meanIntensity) + ' FLOP/B');
  h += total('moved', scaled(r.fused, 'B'), share.toFixed(1) + ' % less than ' + scaled(r.unfused, 'B') + ' unfused');
  h += total('arena', scaled(r.arena, 'B'), 'at least ' + scaled(r.arenaLower, 'B') + ' live at once');
  h += total('weights', scaled(r.weightBytes, 'B'), r.parameters.toLocaleString('en') + ' parameters');
  if (p) {
    const kept = p.kept.reduce((n, k) => n + k[2], 0);
    h += total('precision', '<span title="' + esc(p.kept.map(k => k[0] + ': ' + k[1]).join('\n')) + '">' + p.name + '</span>',
      p.rounded + ' tensors; ' + (p.error === null ? 'error not checked' : 'moves outputs by ' + p.error.toExponential(1) + ' of RMS') +
      (p.kept.length ? '; ' + scaled(kept, 'B') + ' stay fp32' : ''));
  }
  h += total('predicted', ms(r.predicted) + ' ms', 'roofline of ' + esc(r.target));
  if (r.bench) h += total('measured', ms(r.bench.median) + ' ms', 'first run ' + ms(r.bench.each[0]) + ' ms; ' + short(r.bench.gflops) + ' GFLOP/s');
  h += total('verdict', v ? '<span style="color:var(--' + (v.passed ? 'good' : 'bad') + ')">' + (v.passed ? 'passed' : 'FAILED') + '</span>' : 'not checked',
    v ? 'by ' + v.mode + ', error ' + v.error.toExponential(1) + ' of RMS' : '--verify=none');
  if (r.catalogue.length) h += total('catalogue', r.catalogue.reduce((n, c) => n + c[1], 0), r.catalogue.map(c => c[1] + ' ' + esc(c[0])).join(', '), true);
  if (r.conversions.length) h += total('conversions', r.conversions.reduce((n, c) => n + c[1], 0), r.conversions.map(c => c[1] + ' ' + esc(c[0])).join(', '));
  $('totals').innerHTML = h;
  $('title').textContent = r.name;
  document.title = r.name + ' — fusegen';
  $('subtitle').textContent = (r.pairwise ? 'pairwise partition of a published study; ' : '') + 'opset ' + r.opset + ', ' + r.nodes + ' nodes; target ' + r.target +
    (r.targetText ? ' (' + r.targetText + ')' : '') + (r.synthetic ? '; synthetic weights' : '');
}

/* ---- graph ---- */

const canvas = $('canvas'), pen = canvas.getContext('2d');
let view = { x: 0, y: 0, scale: 1 }, size = { w: 0, h: 0 }, queued = false, theme = {};

function readTheme() {
  theme = {};
  for (const n of ['back', 'card', 'ink', 'soft', 'line', 'edge', 'accent', ...CLASSES, ...CLASSES.map(c => c + '-fill')]) theme[n] = color(n);
}

function draw() {
  if (!queued) { queued = true; requestAnimationFrame(paint); }
}

function resize() {
  const ratio = devicePixelRatio || 1;
  size = { w: canvas.clientWidth, h: canvas.clientHeight };
  canvas.width = Math.round(size.w * ratio);
  canvas.height = Math.round(size.h * ratio);
  draw();
}

function fit() {
  const s = Math.min(size.w / R.width, size.h / R.height);
  view = { scale: s, x: (size.w - R.width * s) / 2, y: (size.h - R.height * s) / 2 };
  draw();
}

function zoom(factor, x, y) {
  const s = Math.min(4, Math.max(0.005, view.scale * factor)), f = s / view.scale;
  view = { scale: s, x: x - (x - view.x) * f, y: y - (y - view.y) * f };
  draw();
}

function goTo(box, scale) {
  const s = scale || Math.max(view.scale, 0.9);
  view = { scale: s, x: size.w / 2 - (box.x + box.w / 2) * s, y: size.h / 2 - (box.y + Math.min(box.h, size.h / s) / 2) * s };
  draw();
}

function cut(text, most) {
  return text.length <= most ? text : text.slice(0, Math.max(1, most - 1)) + '…';
}

/* Text in at most `width`, in the font that is set. */
function put(text, x, y, width) {
  let most = text.length, shown = text;
  for (let w; most > 2 && (w = pen.measureText(shown).width) > width; shown = cut(text, most)) most = Math.min(most - 1, Math.floor(most * width / w));
  pen.fillText(shown, x, y);
}

function rounded(b, r) {
  pen.beginPath();
  pen.roundRect(b.x, b.y, b.w, b.h, r);
}

function figures(k) {
  return k.pattern + (k.flops ? ', ' + scaled(k.flops, 'FLOP') : '') + ', ' + scaled(k.bytes, 'B');
}

/* The name grows as the picture shrinks, so that it can be read for as long as it fits. */
function paintKernel(b, k, s) {
  const on = k.index === selected, cls = CLASSES[k.cls];
  if (s < 0.06 && !on) {
    pen.fillStyle = theme[cls];
    pen.fillRect(b.x, b.y, b.w, b.h);
    return;
  }
  rounded(b, 5);
  pen.fillStyle = theme[cls + '-fill'];
  pen.fill();
  pen.lineWidth = on ? Math.max(3, 2.5 / s) : Math.max(1.4, 0.7 / s);
  pen.strokeStyle = on ? theme.accent : theme[cls];
  pen.stroke();
  if (s < 0.12) return;
  pen.textBaseline = 'alphabetic';
  pen.textAlign = 'left';
  pen.fillStyle = theme.ink;
  if (s < 0.62) {
    const font = Math.min(30, 9 / s, b.h * 0.6), row = font * 1.25;
    pen.font = font + 'px system-ui, sans-serif';
    const named = s >= 0.3 && pen.measureText(k.name).width <= b.w - 14, work = scaled(k.flops || k.bytes, k.flops ? 'FLOP' : 'B');
    const lines = s < 0.3 ? [k.pattern, work] : named ? [k.name, k.pattern, work] : [k.pattern, k.name, work];
    for (let i = 0; i < lines.length && (i + 1) * row < b.h - 2; i++) {
      pen.fillStyle = i ? theme.soft : theme.ink;
      put(lines[i], b.x + 8, b.y + 2 + row * (i + 0.9), b.w - 14);
    }
    return;
  }
  pen.font = '600 11px system-ui, sans-serif';
  put(k.name, b.x + 9, b.y + 15, b.w - 16);
  pen.font = '10px system-ui, sans-serif';
  pen.fillStyle = theme.soft;
  put(figures(k), b.x + 9, b.y + 29, b.w - 16);
  pen.font = '11px system-ui, sans-serif';
  const rows = k.ops.length > R.rows ? R.rows - 1 : k.ops.length;
  for (let i = 0; i < rows; i++) {
    const op = k.ops[i], y = b.y + 47 + 14 * i;
    pen.fillStyle = theme.ink;
    put(op.type + (op.detail ? ' ' + op.detail : ''), b.x + 9, y, b.w - 120);
    pen.fillStyle = theme.soft;
    pen.textAlign = 'right';
    put(op.shape, b.x + b.w - 9, y, 110);
    pen.textAlign = 'left';
  }
  if (rows < k.ops.length) pen.fillText('and ' + (k.ops.length - rows) + ' more', b.x + 9, b.y + 47 + 14 * rows);
}

function paintPort(b, s) {
  rounded(b, b.h / 2);
  pen.fillStyle = theme.card;
  pen.fill();
  pen.lineWidth = Math.max(1, 0.7 / s);
  pen.strokeStyle = theme.edge;
  pen.stroke();
  if (s < 0.3) return;
  pen.fillStyle = theme.ink;
  pen.textAlign = 'center';
  pen.textBaseline = 'alphabetic';
  pen.font = '11px system-ui, sans-serif';
  put(b.text, b.x + b.w / 2, b.y + 15, b.w - 14);
}

function paintEdges(s) {
  pen.strokeStyle = theme.edge;
  pen.lineWidth = Math.max(1.2, 0.6 / s);
  pen.stroke(R.curves);
  if (selected < 0) return;
  pen.strokeStyle = theme.accent;
  pen.lineWidth = Math.max(2.2, 1.4 / s);
  for (const t of R.tensors)
    if (t.from >= 0 && (t.from === selected || t.to.includes(selected))) {
      const p = R.paths[R.inputs + t.from];
      if (p) pen.stroke(new Path2D(p));
    }
}

function paint() {
  queued = false;
  const ratio = devicePixelRatio || 1, s = view.scale;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, size.w, size.h);
  pen.setTransform(ratio * s, 0, 0, ratio * s, ratio * view.x, ratio * view.y);
  paintEdges(s);
  const left = -view.x / s, top = -view.y / s, right = left + size.w / s, bottom = top + size.h / s;
  for (const b of R.boxes) {
    if (b.x > right || b.y > bottom || b.x + b.w < left || b.y + b.h < top) continue;
    if (b.kernel) paintKernel(b, b.kernel, s);
    else paintPort(b, s);
  }
}

function boxAt(x, y) {
  const gx = (x - view.x) / view.scale, gy = (y - view.y) / view.scale;
  return R.boxes.find(b => b.kernel && gx >= b.x && gx <= b.x + b.w && gy >= b.y && gy <= b.y + b.h);
}

const pointers = new Map();
let moved = 0;
canvas.addEventListener('pointerdown', e => {
  canvas.setPointerCapture(e.pointerId);
  pointers.set(e.pointerId, { x: e.offsetX, y: e.offsetY });
  moved = 0;
  canvas.classList.add('drag');
});
canvas.addEventListener('pointermove', e => {
  const p = pointers.get(e.pointerId);
  if (!p) { const b = boxAt(e.offsetX, e.offsetY); canvas.title = b ? b.kernel.name : ''; return; }
  const other = [...pointers.values()].find(q => q !== p);
  if (other) {
    const before = Math.hypot(p.x - other.x, p.y - other.y), now = Math.hypot(e.offsetX - other.x, e.offsetY - other.y);
    if (before > 0) zoom(now / before, (e.offsetX + other.x) / 2, (e.offsetY + other.y) / 2);
  } else {
    view.x += e.offsetX - p.x;
    view.y += e.offsetY - p.y;
    draw();
  }
  moved += Math.abs(e.offsetX - p.x) + Math.abs(e.offsetY - p.y);
  p.x = e.offsetX;
  p.y = e.offsetY;
});
function release(e) {
  pointers.delete(e.pointerId);
  canvas.classList.remove('drag');
}
canvas.addEventListener('pointerup', e => {
  release(e);
  if (moved > 4) return;
  const b = boxAt(e.offsetX, e.offsetY);
  select(b ? b.kernel.index : -1);
});
canvas.addEventListener('pointercancel', release);
canvas.addEventListener('wheel', e => {
  e.preventDefault();
  zoom(Math.exp(-e.deltaY * (e.deltaMode ? 0.05 : 0.0016)), e.offsetX, e.offsetY);
}, { passive: false });
canvas.addEventListener('dblclick', e => zoom(1.8, e.offsetX, e.offsetY));

function step(by) {
  const n = R.kernels.length;
  if (!n) return;
  select(selected < 0 ? (by > 0 ? 0 : n - 1) : (selected + by + n) % n);
  goTo(R.boxes[R.inputs + selected]);
}

const keys = {
  ArrowLeft: () => { view.x += 60; draw(); }, ArrowRight: () => { view.x -= 60; draw(); },
  ArrowUp: () => { view.y += 60; draw(); }, ArrowDown: () => { view.y -= 60; draw(); },
  '+': () => zoom(1.3, size.w / 2, size.h / 2), '=': () => zoom(1.3, size.w / 2, size.h / 2),
  '-': () => zoom(1 / 1.3, size.w / 2, size.h / 2), 0: fit, n: () => step(1), p: () => step(-1),
  Enter: () => { if (selected >= 0) goTo(R.boxes[R.inputs + selected], 1.1); }, Escape: () => select(-1),
};
canvas.addEventListener('keydown', e => {
  if (!keys[e.key] || e.ctrlKey || e.metaKey || e.altKey) return;
  e.preventDefault();
  keys[e.key]();
});
$('larger').onclick = keys['+'];
$('smaller').onclick = keys['-'];
$('fit').onclick = fit;

let found = -1;
function find(text, from) {
  const n = R.kernels.length, t = text.toLowerCase();
  for (let i = 0; t && i < n; i++) {
    const k = R.kernels[(from + i) % n];
    if ([k.name, k.pattern, k.catalogue].some(s => s.toLowerCase().includes(t)) || k.ops.some(o => (o.type + ' ' + o.name).toLowerCase().includes(t))) return k.index;
  }
  return -1;
}
$('search').addEventListener('input', e => {
  found = find(e.target.value, 0);
  if (found >= 0) { select(found); goTo(R.boxes[R.inputs + found]); }
});
$('search').addEventListener('keydown', e => {
  if (e.key !== 'Enter') return;
  found = find(e.target.value, found + 1);
  if (found >= 0) { select(found); goTo(R.boxes[R.inputs + found]); }
});

/* ---- one kernel ---- */

function details() {
  const k = R.kernels[selected];
  if (!k) {
    $('details').innerHTML = '<p class="note">Select a box, a row of the table, or a mark of a picture: all of them show the same ' + (R.pairwise ? 'subgraph' : 'kernel') + '.</p>' + patterns();
    return;
  }
  const row = (a, b) => b === '' ? '' : '<dt>' + a + '</dt><dd>' + b + '</dd>';
  $('details').innerHTML = '<h3>' + k.index + ' ' + esc(k.name) + '</h3><dl>' + row('pattern', esc(k.pattern)) + row('catalogue', esc(k.catalogue)) +
    row('class', CLASSES[k.cls] + ', ' + short(k.intensity) + ' FLOP/B') + row('work', scaled(k.flops, 'FLOP')) + row('reads', scaled(k.read, 'B')) +
    row('weights', scaled(k.weights, 'B')) + row('writes', scaled(k.written, 'B')) + row('unfused', scaled(k.unfused, 'B')) +
    row('predicted', ms(k.predicted) + ' ms') + row('measured', k.measured === null ? '' : ms(k.measured) + ' ms') +
    row('error', k.error === null ? '' : k.error.toExponential(1)) + row('tile', esc(k.tile)) + row('ends at', esc(k.boundary)) +
    row('quantise at', esc(k.quantise.join(', '))) + '</dl>' +
    (k.why ? '<p class="note">' + esc(k.why) + '</p>' : '') +
    '<ol>' + k.ops.map(o => '<li>' + esc(o.type) + (o.detail ? ' ' + esc(o.detail) : '') + ' → ' + esc(o.shape) + '<br><small>' + esc(o.name) + '</small></li>').join('') + '</ol>';
}

function patterns() {
  const sum = new Map();
  for (const k of R.kernels) {
    const s = sum.get(k.pattern) || { n: 0, saved: 0 };
    s.n++;
    s.saved += k.unfused - k.bytes;
    sum.set(k.pattern, s);
  }
  return '<h3>Patterns</h3><table><thead><tr><th>pattern</th><th class="num">groups</th><th class="num">saved</th></tr></thead><tbody>' +
    [...sum].sort((a, b) => b[1].saved - a[1].saved).slice(0, 30).map(([p, s]) => '<tr><td class="wide">' + esc(p) + '</td><td class="num">' + s.n + '</td><td class="num">' + scaled(s.saved, 'B') + '</td></tr>').join('') + '</tbody></table>';
}

function select(i) {
  selected = i;
  details();
  draw();
  for (const e of document.querySelectorAll('.on')) e.classList.remove('on');
  for (const e of document.querySelectorAll('[data-k="' + i + '"]')) e.classList.add('on');
}

/* ---- table of kernels ---- */

const COLUMNS = [
  ['#', k => k.index, 1], ['kernel', k => k.name], ['pattern', k => k.pattern], ['catalogue', k => k.catalogue],
  ['class', k => k.cls, 0, k => '<span class="chip" style="color:var(--' + CLASSES[k.cls] + ')">' + CLASSES[k.cls] + '</span>'],
  ['operators', k => k.operators, 1], ['MFLOP', k => k.flops, 1, k => (k.flops / 1e6).toFixed(2)], ['kB', k => k.bytes, 1, k => (k.bytes / 1e3).toFixed(1)],
  ['saved kB', k => k.unfused - k.bytes, 1, k => ((k.unfused - k.bytes) / 1e3).toFixed(1)], ['FLOP/B', k => k.intensity, 1, k => short(k.intensity)],
  ['predicted ms', k => k.predicted, 1, k => ms(k.predicted)], ['measured ms', k => k.measured, 1, k => ms(k.measured)],
  ['error', k => k.error, 1, k => k.error === null ? '' : k.error.toExponential(1)], ['tile', k => k.tile], ['ends at', k => k.boundary],
];
/* Rows that are made at once; more as the table is scrolled. */
const ROWS = 150;
let order = { column: 0, down: false }, moreRows = () => {};

function table() {
  const known = COLUMNS.filter(c => R.kernels.some(k => c[1](k) !== null && c[1](k) !== ''));
  const by = known[order.column] || known[0], rows = R.kernels.slice();
  rows.sort((a, b) => {
    const x = by[1](a), y = by[1](b);
    return (x < y ? -1 : x > y ? 1 : 0) * (order.down ? -1 : 1) || a.index - b.index;
  });
  const sum = R.kernels.reduce((n, k) => n + (k.measured === null ? k.predicted : k.measured), 0) || 1;
  const timed = R.kernels.some(k => k.measured !== null) ? 'measured ms' : 'predicted ms';
  const most = Math.max(...R.kernels.map(k => (k.measured === null ? k.predicted : k.measured) / sum), 1e-9);
  const head = '<thead><tr>' + known.map((c, i) => '<th' + (c[2] ? ' class="num"' : '') + ' aria-sort="' + (i === order.column ? (order.down ? 'descending' : 'ascending') : 'none') + '"><button type="button" data-c="' + i + '">' + c[0] + '</button></th>').join('') + '</tr></thead>';
  const row = k => '<tr tabindex="0" data-k="' + k.index + '"' + (k.index === selected ? ' class="on"' : '') + '>' + known.map(c => {
    const text = c[3] ? c[3](k) : esc(c[1](k));
    const part = c[0] === timed ? ' style="--part:' + (100 * (k.measured === null ? k.predicted : k.measured) / sum / most).toFixed(1) + '%"' : '';
    return '<td class="' + (c[2] ? 'num' : 'wide') + (part ? ' share' : '') + '"' + part + (c[2] || c[3] ? '' : ' title="' + esc(c[1](k)) + '"') + '>' + text + '</td>';
  }).join('') + '</tr>';
  let shown = Math.min(ROWS, rows.length);
  $('table').innerHTML = head + '<tbody>' + rows.slice(0, shown).map(row).join('') + '</tbody>';
  moreRows = all => {
    const end = all ? rows.length : Math.min(shown + ROWS, rows.length);
    if (end > shown) $('table').tBodies[0].insertAdjacentHTML('beforeend', rows.slice(shown, end).map(row).join(''));
    shown = end;
  };
}
$('kernels').querySelector('.tall').addEventListener('scroll', e => {
  const s = e.currentTarget;
  if (s.scrollTop + 2 * s.clientHeight > s.scrollHeight) moreRows(false);
}, { passive: true });
$('table').addEventListener('click', e => {
  const head = e.target.closest('button[data-c]'), row = e.target.closest('tr[data-k]');
  if (head) {
    const c = +head.dataset.c;
    order = { column: c, down: c === order.column ? !order.down : head.parentNode.classList.contains('num') && c > 0 };
    table();
    $('table').querySelector('button[data-c="' + c + '"]').focus();
  } else if (row) {
    select(+row.dataset.k);
    goTo(R.boxes[R.inputs + selected]);
  }
});
$('table').addEventListener('keydown', e => {
  const row = e.target.closest('tr[data-k]');
  if (!row) return;
  const next = e.key === 'ArrowDown' ? row.nextElementSibling : e.key === 'ArrowUp' ? row.previousElementSibling : null;
  if (next) { next.focus(); e.preventDefault(); }
  if (e.key === 'Enter' || e.key === ' ') { select(+row.dataset.k); goTo(R.boxes[R.inputs + selected]); e.preventDefault(); }
});
