// The memory of a node class: every storage as a rectangle over the ticks of its life
// at its address, and the largest of them at one tick.

const TICKS = data.ticks.names.length;
const LEFT = 74, RIGHT = 10, TOP = 18, BOTTOM = 34;
const BARS_MAX = 20;

// The storages with their buffers in the order in which these take over the bytes.
const storages = data.storages.first.map(
    (first, s) => ({first, last: data.storages.last[s], buffers: []}));
for (const buffer of data.buffers) {
  if (buffer.first >= 0) storages[buffer.storage].buffers.push(buffer);
}
for (const storage of storages) storage.buffers.sort((a, b) => a.first - b.first);

const view = {
  layout: 0,
  tick: 0,
  sought: '',
  found: new Set(),
  pointed: -1
};
// What is shown: ticks [from, to), addresses [low, high).
let shown = {from: 0, to: TICKS, low: 0, high: 1};
let dragged = null;  // the corners of a rectangle being drawn with the mouse

function layout() {
  return data.layouts[view.layout];
}
function layoutSummary() {
  return summary.classes[layout().class];
}

// The buffer whose value a storage holds at a tick; the first one before any is
// written.
function bufferAt(storage, tick) {
  let at = storage.buffers[0];
  for (const buffer of storage.buffers)
    if (buffer.first <= tick) at = buffer;
  return at;
}

// Bytes alive at each tick, code not included.
function aliveBytes() {
  const change = new Array(TICKS + 1).fill(0);
  storages.forEach((storage, s) => {
    change[storage.first] += layout().bytes[s];
    change[storage.last + 1] -= layout().bytes[s];
  });
  let sum = 0;
  return change.slice(0, TICKS).map((delta) => (sum += delta));
}

function peakTick() {
  const alive = aliveBytes();
  return alive.indexOf(alive.reduce((a, b) => Math.max(a, b), 0));
}

// A picture up to the limit of the SRAM would be mostly empty when little of it is
// used.
function limitIsInSight() {
  return summary.peak_bytes * 3 >= summary.sram_bytes;
}

function wholeStep() {
  const high = limitIsInSight() ? summary.sram_bytes : Math.max(summary.peak_bytes, 1);
  return {from: 0, to: TICKS, low: 0, high: high * 1.03};
}

function scaleX(width) {
  return (width - LEFT - RIGHT) / (shown.to - shown.from);
}
function xOf(tick, width) {
  return LEFT + (tick - shown.from) * scaleX(width);
}
function tickAt(x, width) {
  return shown.from + (x - LEFT) / scaleX(width);
}
function yOf(address, height) {
  return TOP +
      (height - TOP - BOTTOM) * (1 - (address - shown.low) / (shown.high - shown.low));
}
function addressAt(y, height) {
  return shown.low +
      (1 - (y - TOP) / (height - TOP - BOTTOM)) * (shown.high - shown.low);
}

// Steps of 1, 2 or 5 times a power of ten (of two: powers of two), about `count` of
// them.
function niceStep(span, count, powersOfTwo) {
  const raw = Math.max(span / count, 1);
  if (powersOfTwo) return 2 ** Math.ceil(Math.log2(raw));
  const power = 10 ** Math.floor(Math.log10(raw));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= raw);
}

function drawMemoryAxes(context, width, height) {
  context.strokeStyle = colour('line');
  context.fillStyle = colour('soft');
  context.lineWidth = 1;
  context.textAlign = 'right';
  const rows = niceStep(shown.high - shown.low, height / 60, true);
  for (let a = Math.ceil(shown.low / rows) * rows; a <= shown.high; a += rows) {
    const y = Math.round(yOf(a, height)) + 0.5;
    context.beginPath();
    context.moveTo(LEFT, y);
    context.lineTo(width - RIGHT, y);
    context.stroke();
    context.fillText(bytesText(a), LEFT - 6, y + 4);
  }
  context.textAlign = 'center';
  const columns = niceStep(shown.to - shown.from, (width - LEFT) / 80, false);
  for (let t = Math.ceil(shown.from / columns) * columns; t < shown.to; t += columns) {
    context.fillText(t, xOf(t + 0.5, width), height - BOTTOM + 14);
  }
  context.fillText('tick', LEFT + (width - LEFT - RIGHT) / 2, height - 6);
  context.textAlign = 'left';
}

// Black or white, whichever is read more easily on the colour.
function inkOn(fill) {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(fill.slice(i, i + 2), 16));
  return r * 0.299 + g * 0.587 + b * 0.114 > 140 ? '#000000' : '#ffffff';
}

function drawName(context, name, fill, x, y, width, height) {
  if (width < 60 || height < 12) return;
  const characters = Math.floor((width - 8) / 6);
  context.fillStyle = inkOn(fill);
  context.fillText(
      name.length > characters ? name.slice(0, characters - 1) + '…' : name, x + 4,
      y + Math.min(height / 2 + 4, 14));
}

function drawStorage(context, s, width, height) {
  const storage = storages[s], bytes = layout().bytes[s], address = layout().address[s];
  if (bytes === 0 || storage.buffers.length === 0) return;
  const top = yOf(address + bytes, height), bottom = yOf(address, height);
  const right = xOf(storage.last + 1, width);
  if (right < LEFT || bottom < TOP || top > height - BOTTOM) return;
  context.globalAlpha = view.sought === '' || view.found.has(s) ? 1 : 0.12;
  storage.buffers.forEach((buffer, i) => {
    const left = xOf(i === 0 ? storage.first : buffer.first, width);
    const fill = colourOfKind(buffer.kind);
    context.fillStyle = fill;
    context.fillRect(
        left, top, Math.max(right - left, 0.7), Math.max(bottom - top, 0.5));
    const next = storage.buffers[i + 1];
    const seen = Math.max(left, LEFT);
    drawName(
        context, buffer.name, fill, seen, top,
        (next ? Math.min(xOf(next.first, width), right) : right) - seen, bottom - top);
  });
  if (bottom - top > 3 && right - xOf(storage.first, width) > 3) {
    context.strokeStyle = colour('paper');
    context.lineWidth = 0.6;
    context.strokeRect(
        xOf(storage.first, width), top, right - xOf(storage.first, width),
        bottom - top);
  }
  context.globalAlpha = 1;
  if (view.pointed === s) {
    context.strokeStyle = colour('mark');
    context.lineWidth = 2;
    context.strokeRect(
        xOf(storage.first, width), top, right - xOf(storage.first, width),
        bottom - top);
  }
}

// Colours as '#rrggbb', looked up once a picture: there are thousands of rectangles.
let kindColours = [];
function colourOfKind(kind) {
  return kindColours[kind];
}

function drawLine(context, from, to, name, dash) {
  context.strokeStyle = colour(name);
  context.lineWidth = 1.5;
  context.setLineDash(dash);
  context.beginPath();
  context.moveTo(from[0], from[1]);
  context.lineTo(to[0], to[1]);
  context.stroke();
  context.setLineDash([]);
}

function drawLevel(context, address, text, name, width, height) {
  if (address > shown.high || address < shown.low) return;
  const y = yOf(address, height);
  drawLine(context, [LEFT, y], [width - RIGHT, y], name, [6, 4]);
  context.textAlign = 'right';
  context.fillStyle = colour(name);
  context.fillText(text, width - RIGHT - 4, y - 4);
  context.textAlign = 'left';
}

function drawMemory(context, width, height) {
  kindColours = data.kinds.map((unused, kind) => colour('kind-' + kind));
  drawMemoryAxes(context, width, height);
  context.save();
  context.beginPath();
  context.rect(LEFT, 0, width - LEFT - RIGHT, height - BOTTOM);
  context.clip();
  const code = yOf(summary.code_bytes, height);
  context.fillStyle = colour('kind-code');
  context.fillRect(LEFT, code, width - LEFT, yOf(0, height) - code);
  drawName(context, 'code', colour('kind-code'), LEFT, code, 80, yOf(0, height) - code);
  for (let s = 0; s < storages.length; ++s) drawStorage(context, s, width, height);
  const x = xOf(view.tick + 0.5, width);
  drawLine(context, [x, TOP], [x, height - BOTTOM], 'mark', [2, 3]);
  context.restore();
  drawLevel(
      context, summary.sram_bytes, 'SRAM ' + bytesText(summary.sram_bytes), 'limit',
      width, height);
  const peak = layoutSummary().peak_bytes;
  if (yOf(peak, height) - yOf(summary.sram_bytes, height) > 16) {
    drawLevel(context, peak, 'peak ' + bytesText(peak), 'mark', width, height);
  }
  if (dragged) {
    context.strokeStyle = colour('mark');
    context.strokeRect(
        dragged.x0, dragged.y0, dragged.x1 - dragged.x0, dragged.y1 - dragged.y0);
  }
}

const memoryCanvas = byId('memory');
const redrawMemory =
    surface(memoryCanvas, (room) => [room, room < 600 ? 380 : 560], drawMemory);

function memorySize() {
  return [memoryCanvas.clientWidth, memoryCanvas.clientHeight];
}

function storageAt(tick, address) {
  return storages.findIndex(
      (storage, s) => storage.first <= tick && tick <= storage.last &&
          layout().address[s] <= address &&
          address < layout().address[s] + layout().bytes[s]);
}

function storageLines(s, tick) {
  const storage = storages[s], held = bufferAt(storage, tick);
  if (held === undefined) return [];
  const address = layout().address[s], bytes = layout().bytes[s];
  const lines = [
    held.name, held.type + ' ' + held.placement + ', ' + data.kinds[held.kind],
    exact(bytes) + ' bytes at address ' + exact(address) + ' of this node',
    'ticks ' + storage.first + ' to ' + storage.last + ', from ' +
        data.ticks.names[storage.first] + ' to ' + data.ticks.names[storage.last]
  ];
  if (storage.buffers.length > 1) {
    lines.push(
        'one storage of ' +
        storage.buffers.map((b) => b.name + ' (' + b.first + '-' + b.last + ')')
            .slice(0, 6)
            .join(', ') +
        (storage.buffers.length > 6 ? ' and ' + (storage.buffers.length - 6) + ' more' :
                                      ''));
  }
  return lines;
}

function showAlive() {
  const alive = [];
  let sum = 0;
  storages.forEach((storage, s) => {
    const bytes = layout().bytes[s];
    if (storage.first > view.tick || view.tick > storage.last || bytes === 0) return;
    alive.push({s, bytes});
    sum += bytes;
  });
  alive.sort((a, b) => b.bytes - a.bytes || a.s - b.s);
  byId('alive-title').textContent = 'Largest buffers at tick ' + view.tick + ', ' +
      data.ticks.names[view.tick] + (view.tick === peakTick() ? ' (the fullest)' : '');
  byId('alive-note').textContent = exact(alive.length) + ' storages alive, ' +
      bytesText(sum) + ' (' + exact(sum) + ' bytes), beside ' +
      bytesText(summary.code_bytes) + ' of code; superstep ' +
      data.ticks.superstep[view.tick] + '.';
  const rows = alive.slice(0, BARS_MAX).map(({s, bytes}) => {
    const held = bufferAt(storages[s], view.tick);
    const bar = el('span', {className: 'bar'});
    bar.style.width = 100 * bytes / alive[0].bytes + '%';
    bar.style.background = colour('kind-' + held.kind);
    return el(
        'li', {title: storageLines(s, view.tick).join('\n')},
        el('span', {className: 'name'}, held.name),
        el('span', {className: 'track'}, bar),
        el('span', {className: 'number'}, bytesText(bytes)),
        el('span', {className: 'ticks note'},
           storages[s].first + '–' + storages[s].last));
  });
  byId('alive').replaceChildren(...rows);
}

function chooseTick(tick) {
  view.tick = Math.min(Math.max(tick, 0), TICKS - 1);
  redrawMemory();
  showAlive();
}

function zoomTo(range) {
  const span = Math.min(Math.max(range.to - range.from, 2), TICKS);
  const from = Math.min(Math.max(range.from, 0), TICKS - span);
  shown = {from, to: from + span, low: range.low, high: range.high};
  redrawMemory();
}

// Zooms about the chosen tick when it is in sight, else about the middle; the way out
// leads to all addresses too.
function zoomBy(factor) {
  const inside = shown.from <= view.tick && view.tick < shown.to;
  const centre = inside ? view.tick + 0.5 : (shown.from + shown.to) / 2;
  const all = wholeStep(),
        more = Math.max(factor - 1, 0) * (shown.high - shown.low) / 2;
  zoomTo({
    from: centre - (centre - shown.from) * factor,
    to: centre + (shown.to - centre) * factor,
    low: Math.max(shown.low - more, all.low),
    high: Math.min(shown.high + more, all.high)
  });
}

function moveBy(share) {
  const distance = (shown.to - shown.from) * share;
  zoomTo({...shown, from: shown.from + distance, to: shown.to + distance});
}

// A class that is among the drawn ones; others stay a line of the table.
function chooseClass(index) {
  const at = data.layouts.findIndex((drawn) => drawn.class === index);
  if (at < 0) return;
  view.layout = at;
  byId('layout').value = String(at);
  for (const row of byId('classes').querySelectorAll('tr')) {
    row.classList.toggle('chosen', row.id === 'class-' + index);
  }
  shown = wholeStep();
  chooseTick(peakTick());
}

function find(text) {
  view.sought = text.trim().toLowerCase();
  view.found = new Set();
  let names = 0;
  for (const buffer of data.buffers) {
    if (view.sought === '' || !buffer.name.toLowerCase().includes(view.sought))
      continue;
    view.found.add(buffer.storage);
    ++names;
  }
  byId('found').textContent = view.sought === '' ?
      '' :
      exact(names) + ' tensors in ' + exact(view.found.size) + ' storages';
  redrawMemory();
}

function pointMemory(event) {
  const point = pointOn(memoryCanvas, event), [width, height] = memorySize();
  if (dragged) {
    dragged.x1 = Math.min(Math.max(point.x, LEFT), width - RIGHT);
    dragged.y1 = Math.min(Math.max(point.y, TOP), height - BOTTOM);
    redrawMemory();
    return hideTip();
  }
  const tick = Math.floor(tickAt(point.x, width));
  const s = point.x < LEFT ? -1 : storageAt(tick, addressAt(point.y, height));
  if (s !== view.pointed) {
    view.pointed = s;
    redrawMemory();
  }
  showTip(s < 0 ? [] : storageLines(s, tick), event.clientX, event.clientY);
}

function releaseMemory(event) {
  const drawn = dragged, [width, height] = memorySize();
  dragged = null;
  if (drawn === null) return;
  if (Math.abs(drawn.x1 - drawn.x0) < 6 || Math.abs(drawn.y1 - drawn.y0) < 6) {
    return chooseTick(Math.floor(tickAt(pointOn(memoryCanvas, event).x, width)));
  }
  zoomTo({
    from: tickAt(Math.min(drawn.x0, drawn.x1), width),
    to: tickAt(Math.max(drawn.x0, drawn.x1), width),
    low: addressAt(Math.max(drawn.y0, drawn.y1), height),
    high: addressAt(Math.min(drawn.y0, drawn.y1), height)
  });
}

function listenToMemory() {
  memoryCanvas.addEventListener('pointermove', pointMemory);
  memoryCanvas.addEventListener('pointerdown', (event) => {
    const {x, y} = pointOn(memoryCanvas, event);
    if (event.pointerType === 'mouse' && event.button === 0 && x >= LEFT) {
      dragged = {x0: x, y0: y, x1: x, y1: y};
      memoryCanvas.setPointerCapture(event.pointerId);
    }
  });
  memoryCanvas.addEventListener('pointerup', (event) => {
    if (event.pointerType === 'mouse') return releaseMemory(event);
    chooseTick(Math.floor(tickAt(pointOn(memoryCanvas, event).x, memorySize()[0])));
  });
  memoryCanvas.addEventListener('pointerleave', () => {
    view.pointed = -1;
    redrawMemory();
    hideTip();
  });
  memoryCanvas.addEventListener('keydown', (event) => {
    const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (step === undefined) return;
    event.preventDefault();
    chooseTick(view.tick + step);
  });
  byId('layout').addEventListener(
      'change', (event) => chooseClass(data.layouts[Number(event.target.value)].class));
  byId('find').addEventListener('input', (event) => find(event.target.value));
  byId('zoom-in').addEventListener('click', () => zoomBy(0.5));
  byId('zoom-out').addEventListener('click', () => zoomBy(2));
  byId('earlier').addEventListener('click', () => moveBy(-0.5));
  byId('later').addEventListener('click', () => moveBy(0.5));
  byId('whole').addEventListener('click', () => zoomTo(wholeStep()));
}

function showMemory() {
  const swatch = (name, text) => {
    const box = el('i', {});
    box.style.background = 'var(--kind-' + name + ')';
    return el('span', {}, box, text);
  };
  byId('kinds').append(
      ...data.kinds.map((text, kind) => swatch(kind, text)), swatch('code', 'code'));
  data.layouts.forEach((drawn, at) => {
    const c = summary.classes[drawn.class];
    byId('layout').append(
        el('option', {value: String(at)},
           drawn.class + ', as node ' + nodeText(c.example) + ': ' +
               bytesText(c.peak_bytes) + ', ' + exact(c.nodes) +
               (c.nodes === 1 ? ' node' : ' nodes')));
  });
  if (!limitIsInSight()) {
    byId('memory-note')
        .append(
            ' The SRAM of ' + bytesText(summary.sram_bytes) +
            ' ends far above the picture.');
  }
  if (data.layouts.length < summary.classes.length) {
    byId('memory-note')
        .append(
            ' The ' + data.layouts.length + ' fullest of ' + summary.classes.length +
            ' node classes are drawn.');
  }
  if (data.layouts.length > 0) chooseClass(data.layouts[0].class);
}
listenToMemory();
showMemory();
