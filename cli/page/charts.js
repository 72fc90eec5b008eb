/* ---- charts: SVG as text ---- */

function line(x1, y1, x2, y2, cls) {
  return '<line x1="' + x1.toFixed(1) + '" y1="' + y1.toFixed(1) + '" x2="' + x2.toFixed(1) + '" y2="' + y2.toFixed(1) + '" class="' + cls + '"/>';
}
function label(x, y, text, anchor, cls) {
  return '<text x="' + x.toFixed(1) + '" y="' + y.toFixed(1) + '" text-anchor="' + (anchor || 'start') + '" class="' + (cls || '') + '">' + esc(text) + '</text>';
}
function chart(w, h, body, what) {
  return '<svg viewBox="0 0 ' + w + ' ' + h + '" role="img" aria-label="' + esc(what) + '">' + body + '</svg>';
}
const log = Math.log10;
const power = x => x >= 1e5 || x < 1e-3 ? '1e' + Math.round(log(x)) : String(+x.toPrecision(3));

/* Round steps of an axis from 0 to `most`. */
function ticks(most, n) {
  const raw = most / n || 1, unit = Math.pow(10, Math.floor(log(raw)));
  const by = [1, 2, 5, 10].map(m => m * unit).find(s => s >= raw), list = [];
  for (let x = 0; x <= most * 1.0001; x += by) list.push(x);
  return list;
}

function roofline() {
  const W = 1200, H = 560, L = 96, T = 16, right = W - 24, B = H - 46, r = R;
  const peak = r.peak, dots = [], flat = [];
  for (const k of r.kernels) {
    if (!k.flops || !k.bytes) { flat.push(k); continue; }
    if (k.predicted > 0) dots.push({ k, x: k.intensity, y: k.flops / k.predicted * 1e-6, kind: 'predicted' });
    if (k.measured > 0) dots.push({ k, x: k.intensity, y: k.flops / k.measured * 1e-6, kind: 'measured' });
  }
  if (!peak || !r.levels.length || !dots.length) {
    $('roofline-note').textContent = 'The target has no peak or bandwidth, or no kernel has multiply-adds.';
    $('roofline-chart').innerHTML = '';
    return;
  }
  const ridge = peak / r.levels[r.levels.length - 1].gbps;
  const x0 = Math.floor(log(Math.min(0.5, ...dots.map(d => d.x)))), x1 = Math.ceil(log(Math.max(ridge * 3, ...dots.map(d => d.x)) * 1.05));
  const y0 = Math.floor(log(Math.min(peak / 100, ...dots.map(d => d.y)))), y1 = log(Math.max(peak * 2, ...dots.map(d => d.y * 1.3)));
  const X = v => L + (log(v) - x0) / (x1 - x0) * (right - L), Y = v => B - (log(v) - y0) / (y1 - y0) * (B - T);
  let s = '';
  for (let e = x0; e <= x1; e++) s += line(X(10 ** e), T, X(10 ** e), B, 'axis') + label(X(10 ** e), B + 17, power(10 ** e), 'middle', 'soft');
  for (let e = y0; e <= y1; e++) s += line(L, Y(10 ** e), right, Y(10 ** e), 'axis') + label(L - 8, Y(10 ** e) + 4, power(10 ** e), 'end', 'soft');
  s += label((L + right) / 2, H - 8, 'FLOP per byte moved', 'middle') + '<text transform="translate(20 ' + (T + B) / 2 + ') rotate(-90)" text-anchor="middle">GFLOP/s</text>';
  for (const l of r.levels) {
    const at = peak / l.gbps, from = Math.max(10 ** x0, 10 ** y0 / l.gbps);
    if (from >= at) continue;
    s += line(X(from), Y(from * l.gbps), X(at), Y(peak), 'roof' + (l.name === 'memory' ? '' : ' level'));
    const px = X(from), py = Y(from * l.gbps), angle = Math.atan2(Y(peak) - py, X(at) - px) * 180 / Math.PI;
    s += '<text class="soft" transform="translate(' + (px + 8).toFixed(1) + ' ' + (py - 10).toFixed(1) + ') rotate(' + angle.toFixed(1) + ')">' + esc(l.name) + ' ' + short(l.gbps) + ' GB/s</text>';
  }
  const start = Math.min(...r.levels.map(l => peak / l.gbps));
  s += line(X(Math.max(start, 10 ** x0)), Y(peak), right, Y(peak), 'roof') + label(right, Y(peak) - 7, 'peak ' + short(peak) + ' GFLOP/s', 'end', 'soft');
  const timed = dots.some(d => d.kind === 'measured');
  const time = k => k.measured === null ? k.predicted : k.measured, most = Math.max(...r.kernels.map(time)) || 1;
  if (timed)
    for (const d of dots) {
      const m = d.kind === 'predicted' && d.k.measured > 0 ? d.k.flops / d.k.measured * 1e-6 : 0;
      if (m) s += '<line class="link" stroke="var(--' + CLASSES[d.k.cls] + ')" x1="' + X(d.x) + '" y1="' + Y(d.y) + '" x2="' + X(d.x) + '" y2="' + Y(m) + '"/>';
    }
  for (const d of dots) {
    const c = 'var(--' + CLASSES[d.k.cls] + ')', size = d.kind === 'predicted' && timed ? 3 : 3.5 + 9 * Math.sqrt(time(d.k) / most);
    s += '<circle class="dot" data-k="' + d.k.index + '" cx="' + X(d.x).toFixed(1) + '" cy="' + Y(d.y).toFixed(1) + '" r="' + size.toFixed(1) + '" stroke="' + c + '" fill="' + (d.kind === 'measured' ? c : 'var(--card)') +
      '" fill-opacity="' + (d.kind === 'measured' ? 0.45 : 0.5) + '"><title>' + esc(d.k.name + ', ' + d.kind + ': ' + short(d.x) + ' FLOP/B, ' + short(d.y) + ' GFLOP/s') + '</title></circle>';
  }
  $('roofline-note').textContent = (timed ? 'Filled: measured, hollow: predicted. ' : 'Predicted; --bench adds what is measured. ') + 'Area: time.' +
    (flat.length ? ' ' + flat.length + ' without multiply-adds are not shown: ' + ms(flat.reduce((n, k) => n + time(k), 0)) + ' ms together.' : '') +
    (dots.some(d => d.kind === 'measured' && d.y > peak * 1.02) ? ' Above the peak: Winograd kernels do fewer multiplications than are counted.' : '');
  $('roofline-chart').innerHTML = chart(W, H, s, 'Roofline of ' + r.target);
}

const HUES = [205, 150, 265, 30, 330, 180, 95, 240, 10, 60];

function memory() {
  const r = R, W = 1200, H = 460, L = 96, T = 14, right = W - 16, B = H - 44, n = r.kernels.length;
  if (!r.blocks.length) {
    $('memory-note').textContent = r.pairwise ? 'No code is made from this partition, and so it has no arena.' : 'Nothing lives in the arena.';
    $('memory-chart').innerHTML = '';
    return;
  }
  const X = i => L + i / n * (right - L), Y = b => B - b / r.arena * (B - T), live = new Array(n).fill(0);
  let s = '', names = '';
  for (const y of ticks(r.arena, 6)) s += line(L, Y(y), right, Y(y), 'axis') + label(L - 8, Y(y) + 4, scaled(y, 'B'), 'end', 'soft');
  for (const x of ticks(n, 12)) if (x < n && x % 1 === 0) s += label(X(x + 0.5), B + 16, x, 'middle', 'soft');
  r.blocks.forEach((b, i) => {
    for (let t = b.first; t <= b.last; t++) live[t] += b.bytes;
    const w = X(b.last + 1) - X(b.first), h = B - Y(b.bytes), scratch = b.name === 'scratch';
    s += '<rect class="block" data-k="' + b.first + '" x="' + X(b.first).toFixed(1) + '" y="' + Y(b.offset + b.bytes).toFixed(1) + '" width="' + w.toFixed(1) + '" height="' + h.toFixed(1) + '" style="fill:' +
      (scratch ? 'var(--edge)' : 'hsl(' + HUES[i % HUES.length] + ' 45% 55%)') + ';fill-opacity:.8"><title>' + esc(b.name + ': ' + scaled(b.bytes, 'B') + ' at ' + b.offset + ', kernels ' + b.first + ' to ' + b.last) + '</title></rect>';
    const fits = Math.floor((w - 6) / 6.4);
    if (h > 15 && fits > 7) {
      const tail = scratch ? 'scratch' : r.kernels[b.first].name;
      names += '<text x="' + (X(b.first) + 4).toFixed(1) + '" y="' + (Y(b.offset + b.bytes / 2) + 4).toFixed(1) + '" style="fill:#fff;font-size:11px;pointer-events:none">' + esc(cut(tail, fits)) + '</text>';
    }
  });
  s += names + line(L, Y(r.arenaLower), right, Y(r.arenaLower), 'roof level');
  s += label((L + right) / 2, H - 6, 'kernel', 'middle');
  const peak = live.indexOf(Math.max(...live));
  $('memory-note').textContent = 'Each rectangle is a tensor or, grey, scratch: from the kernel that makes it to the last that reads it, at its place in the arena. Most is live at kernel ' + peak + ' (' +
    r.kernels[peak].name + '): ' + scaled(live[peak], 'B') + ' of ' + scaled(r.arena, 'B') + '.';
  $('memory-chart').innerHTML = chart(W, H, s, 'Arena over time');
}

function time() {
  const b = R.bench;
  if (!b) return;
  const W = 1200, H = 330, L = 96, T = 16, right = W - 24, B = H - 44, u = R.benchUnfused;
  const n = Math.max(b.each.length, u ? u.each.length : 0), every = u ? b.each.concat(u.each) : b.each, most = Math.max(...every), least = Math.min(...every);
  const logarithmic = most > 6 * b.median, y1 = most * 1.08, y0 = logarithmic ? least * 0.8 : 0;
  const X = i => L + (n > 1 ? i / (n - 1) : 0) * (right - L), Y = v => logarithmic ? B - log(v / y0) / log(y1 / y0) * (B - T) : B - v / y1 * (B - T);
  const marks = logarithmic ? [1, 2, 5].flatMap(m => [-4, -3, -2, -1, 0, 1, 2, 3, 4, 5].map(e => m * 10 ** e)).filter(v => v >= y0 && v <= y1) : ticks(y1, 5);
  let s = '';
  for (const v of marks) s += line(L, Y(v), right, Y(v), 'axis') + label(L - 8, Y(v) + 4, power(v) + ' ms', 'end', 'soft');
  for (const x of ticks(n - 1, 10)) if (x % 1 === 0) s += label(X(x), B + 16, x + 1, 'middle', 'soft');
  if (u) {
    s += '<polyline fill="none" stroke="var(--memory)" stroke-width="1.4" points="' + u.each.map((v, i) => X(i).toFixed(1) + ',' + Y(v).toFixed(1)).join(' ') + '"/>';
    s += label(right, Y(u.median) - 6, 'one by one: median ' + ms(u.median) + ' ms, ' + (u.median / b.median).toFixed(2) + ' times', 'end');
  }
  s += '<polyline fill="none" stroke="var(--accent)" stroke-width="1.4" points="' + b.each.map((v, i) => X(i).toFixed(1) + ',' + Y(v).toFixed(1)).join(' ') + '"/>';
  b.each.forEach((v, i) => {
    s += '<circle cx="' + X(i).toFixed(1) + '" cy="' + Y(v).toFixed(1) + '" r="' + (i ? 2.4 : 5) + '" fill="var(--' + (i ? 'accent' : 'bad') + ')"><title>run ' + (i + 1) + ': ' + ms(v) + ' ms</title></circle>';
  });
  s += line(L, Y(b.median), right, Y(b.median), 'roof level') + label(right, Y(b.median) + 16, (u ? 'fused: median ' : 'median ') + ms(b.median) + ' ms', 'end', 'soft');
  s += label(X(0) + 10, Y(b.each[0]) + 4, 'first run ' + ms(b.each[0]) + ' ms') + label((L + right) / 2, H - 6, 'run', 'middle');
  $('time-note').textContent = 'The first run meets cold caches and pages that were never touched; ' + b.runs + ' runs were timed after the warm-up' + (n < b.runs + 4 ? ', of which the first ' + n + ' are shown' : '') + '. ' + b.compiledBy + '.';
  $('time-chart').innerHTML = chart(W, H, s, 'Time over runs');
}

/* ---- several models ---- */

const FAMILY = [['model', r => r.name], ['input', r => r.resolution || '', 1], ['depth', r => r.depth, 1], ['width', r => short(r.width_), 1], ['operators', r => r.operators, 1],
  ['kernels', r => r.count, 1], ['single', r => r.single, 1], ['MFLOP', r => (r.flops / 1e6).toFixed(1), 1], ['MB moved', r => (r.fused / 1e6).toFixed(2), 1],
  ['unfused', r => (r.unfused / 1e6).toFixed(2), 1], ['saved %', r => (r.unfused ? 100 * (1 - r.fused / r.unfused) : 0).toFixed(1), 1], ['arena MB', r => (r.arena / 1e6).toFixed(2), 1],
  ['weights MB', r => (r.weightBytes / 1e6).toFixed(2), 1], ['predicted ms', r => ms(r.predicted), 1], ['measured ms', r => r.bench ? ms(r.bench.median) : '', 1]];
const SERIES = [['depth', r => r.depth, 'bad'], ['width', r => r.width_, 'memory'], ['resolution', r => r.resolution, 'compute'], ['bytes moved', r => r.fused, 'balanced'],
  ['arena', r => r.arena, 'soft'], ['time', r => r.bench ? r.bench.median : r.predicted, 'ink']];

function family() {
  if (all.length < 2) return;
  $('family').hidden = false;
  document.querySelector('nav a[href="#family"]').hidden = false;
  const known = FAMILY.filter(c => all.some(r => c[1](r) !== ''));
  $('family-table').innerHTML = '<thead><tr>' + known.map(c => '<th class="' + (c[2] ? 'num' : '') + '" style="padding:.3rem .5rem">' + c[0] + '</th>').join('') + '</tr></thead><tbody>' +
    all.map(r => '<tr>' + known.map(c => '<td class="' + (c[2] ? 'num' : 'wide') + '">' + esc(c[1](r)) + '</td>').join('') + '</tr>').join('') + '</tbody>';
  const parts = [all.filter(r => !r.variant), all.filter(r => r.variant)];
  $('scaling').innerHTML = parts.map((p, i) => scaling(p, parts[0].length && parts[1].length ? (i ? ', at shapes of their own' : ', at the shapes of the files') : '')).join('');
}

/* All as multiples of the model of the least work, on logarithmic axes. */
function scaling(list, which) {
  const rows = list.filter(r => r.flops > 0).sort((a, b) => a.flops - b.flops), W = 1200, H = 470, L = 70, T = 20, right = W - 150, B = H - 48;
  if (rows.length < 2 || rows[rows.length - 1].flops < rows[0].flops * 1.05) return '';
  const base = rows[0], lines = SERIES.filter(v => rows.every(r => v[1](r) > 0)).map(v => ({ name: v[0], color: v[2], y: rows.map(r => v[1](r) / v[1](base)) }));
  const x1 = rows[rows.length - 1].flops / base.flops, low = Math.min(0.9, ...lines.flatMap(l => l.y)), high = Math.max(...lines.flatMap(l => l.y)) * 1.1;
  const X = r => L + log(r.flops / base.flops) / log(x1) * (right - L), Y = v => B - log(v / low) / log(high / low) * (B - T);
  let s = '';
  for (const v of [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128].filter(v => v >= low && v <= high)) s += line(L, Y(v), right, Y(v), 'axis') + label(L - 8, Y(v) + 4, v + 'x', 'end', 'soft');
  let free = -1e9;
  rows.forEach(r => {
    s += line(X(r), T, X(r), B, 'axis');
    if (X(r) > free) { s += label(X(r), B + 16, scaled(r.flops, 'FLOP'), 'middle', 'soft'); free = X(r) + 74; }
  });
  const ends = lines.map(l => ({ l, y: Y(l.y[l.y.length - 1]) })).sort((a, b) => a.y - b.y);
  ends.forEach((e, i) => { if (i && e.y < ends[i - 1].y + 15) e.y = ends[i - 1].y + 15; });
  for (const { l, y } of ends) {
    s += '<polyline fill="none" stroke="var(--' + l.color + ')" stroke-width="2" points="' + rows.map((r, i) => X(r).toFixed(1) + ',' + Y(l.y[i]).toFixed(1)).join(' ') + '"/>';
    rows.forEach((r, i) => { s += '<circle cx="' + X(r).toFixed(1) + '" cy="' + Y(l.y[i]).toFixed(1) + '" r="3.5" fill="var(--' + l.color + ')"><title>' + esc(r.name + ', ' + l.name + ': ' + l.y[i].toFixed(2) + ' times') + '</title></circle>'; });
    s += '<text x="' + (right + 10) + '" y="' + (y + 4).toFixed(1) + '" style="fill:var(--' + l.color + ')">' + l.name + ' ' + l.y[l.y.length - 1].toFixed(1) + 'x</text>';
  }
  s += label((L + right) / 2, H - 8, 'work', 'middle');
  return '<p class="note" style="margin-top:.8rem">Scaling' + which + ', relative to ' + esc(base.name) + ', on logarithmic axes. Width: mean number of output channels; depth: nodes with multiply-adds.</p>' + chart(W, H, s, 'Scaling of the family');
}

/* ---- the page ---- */

for (const id of ['roofline-chart', 'memory-chart'])
  $(id).addEventListener('click', e => { if (e.target.dataset.k) { select(+e.target.dataset.k); goTo(R.boxes[R.inputs + selected]); } });

/* What is below the window is drawn when it comes near, or is printed. */
const makers = new Map([['kernels', table], ['roofline', roofline], ['memory', memory], ['time', time]]);
const watch = new IntersectionObserver(seen => {
  for (const e of seen)
    if (e.isIntersecting) { watch.unobserve(e.target); makers.get(e.target.id)(); }
}, { rootMargin: '500px' });
addEventListener('beforeprint', () => { for (const make of makers.values()) make(); moreRows(true); });

function show(i) {
  R = all[i].decoded ? all[i] : decode(all[i]);
  selected = -1;
  order = { column: 0, down: false };
  totals();
  details();
  resize();
  fit();
  $('time').hidden = document.querySelector('nav a[href="#time"]').hidden = !R.bench;
  for (const id of makers.keys()) { watch.unobserve($(id)); watch.observe($(id)); }
}

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  readTheme();
  if (R) draw();
}
const dark = matchMedia('(prefers-color-scheme: dark)');
$('theme').onclick = () => setTheme(document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark');
dark.addEventListener('change', e => setTheme(e.matches ? 'dark' : 'light'));
setTheme(dark.matches ? 'dark' : 'light');
$('legend').innerHTML = CLASSES.map((c, i) => '<span><i style="background:var(--' + c + '-fill);border-color:var(--' + c + ')"></i>' + CLASS_TEXT[i] + '</span>').join('');
if (all.length > 1) {
  $('choose').hidden = false;
  $('choose').innerHTML = all.map((r, i) => '<option value="' + i + '">' + esc(r.name) + '</option>').join('');
  $('choose').onchange = e => show(+e.target.value);
}
addEventListener('resize', () => { const old = size; resize(); view.x += (size.w - old.w) / 2; view.y += (size.h - old.h) / 2; draw(); });
family();
show(0);
