'use strict';
// What all parts share: the data, text and numbers, colours, canvases; and the header.
// Names from the Program enter the page as text nodes only.

const data = JSON.parse(document.getElementById('data').textContent);
const summary = data.summary;

function byId(id) {
  return document.getElementById(id);
}

// A new element; strings among the children become text.
function el(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function exact(n) {
  return n.toLocaleString('en-US');
}

// One decimal of the largest unit of which there are ten, so that a node's SRAM reads
// 1280 KiB; "849.4 KiB", "12 Mflop".
function scaled(n, base, units) {
  let i = 0;
  for (; (i === 0 ? n >= base : n >= 10 * base) && i < units.length - 1; ++i) n /= base;
  return (i === 0 ? exact(n) : n.toFixed(1).replace(/\.0$/, '')) + ' ' + units[i];
}
function bytesText(n) {
  return scaled(n, 1024, ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']);
}
function flopsText(n) {
  return scaled(n, 1000, ['flop', 'kflop', 'Mflop', 'Gflop', 'Tflop', 'Pflop']);
}
function shareText(part, whole) {
  return (100 * part / whole).toFixed(1) + ' %';
}
function nodeText(pair) {
  return '(' + pair[0] + ',' + pair[1] + ')';
}

// Viridis by Nathaniel Smith and Stefan van der Walt (CC0): ten of its colours, at
// equal steps; even in lightness, so that it reads without hues too.
const VIRIDIS = [
  [68, 1, 84], [72, 40, 120], [62, 73, 137], [49, 104, 142], [38, 130, 142],
  [31, 158, 137], [53, 183, 121], [110, 206, 88], [181, 222, 43], [253, 231, 37]
];

// The colour of a share from 0 to 1.
function heat(share) {
  const at = Math.min(Math.max(share, 0), 1) * (VIRIDIS.length - 1);
  const i = Math.min(Math.floor(at), VIRIDIS.length - 2);
  const mixed =
      VIRIDIS[i].map((c, k) => Math.round(c + (VIRIDIS[i + 1][k] - c) * (at - i)));
  return 'rgb(' + mixed.join(' ') + ')';
}
const HEAT_RAMP = 'linear-gradient(to right, ' +
    VIRIDIS.map((c) => 'rgb(' + c.join(' ') + ')').join(', ') + ')';

function colour(name) {
  return getComputedStyle(document.documentElement)
      .getPropertyValue('--' + name)
      .trim();
}

const surfaces = [];

// Calls draw(context, width, height) when the room for `canvas` changes. sizeFor(room)
// says which [width, height] to take of a width of `room`; all in CSS pixels. Returns
// the function that draws again.
function surface(canvas, sizeFor, draw) {
  function redraw() {
    const [width, height] = sizeFor(canvas.parentElement.clientWidth).map(Math.ceil);
    const density = Math.max(window.devicePixelRatio || 1, 2);
    canvas.width = Math.round(width * density);
    canvas.height = Math.round(height * density);
    canvas.style.width = width + 'px';
    const context = canvas.getContext('2d');
    context.scale(density, density);
    context.font = '11px system-ui, sans-serif';
    draw(context, width, height);
  }
  surfaces.push(redraw);
  let known = 0;
  new ResizeObserver(() => {
    const width = canvas.parentElement.clientWidth;
    if (width === known) return;
    known = width;
    requestAnimationFrame(redraw);  // not here: the new height would be observed again
  }).observe(canvas.parentElement);
  return redraw;
}

function redrawAll() {
  for (const redraw of surfaces) redraw();
}
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redrawAll);
addEventListener('beforeprint', () => {
  document.documentElement.classList.add('paper');
  redrawAll();
});
addEventListener('afterprint', () => {
  document.documentElement.classList.remove('paper');
  redrawAll();
});

// Where the pointer is on a canvas, in the CSS pixels that it was drawn with.
function pointOn(canvas, event) {
  const box = canvas.getBoundingClientRect();
  return {x: event.clientX - box.left, y: event.clientY - box.top};
}

// Shows lines of text near a point of the window, or hides them when there are none.
function showTip(lines, x, y) {
  const tip = byId('tip');
  tip.hidden = lines.length === 0;
  if (tip.hidden) return;
  tip.replaceChildren(...lines.map((line) => el('p', {}, line)));
  const width = tip.offsetWidth, height = tip.offsetHeight;
  tip.style.left = Math.max(4, Math.min(x + 14, innerWidth - width - 4)) + 'px';
  tip.style.top =
      (y + 18 + height < innerHeight ? y + 18 : Math.max(4, y - height - 12)) + 'px';
}
function hideTip() {
  showTip([], 0, 0);
}

function figure(title, text, detail, bad) {
  return el(
      'div', {}, el('dt', {}, title), el('dd', {className: bad ? 'bad' : ''}, text),
      el('dd', {className: 'exact'}, detail));
}

function showHeader() {
  const s = summary;
  const work = {matrix: 0, vector: 0};
  for (const superstep of data.supersteps) {
    for (const compute of superstep.computes) {
      work.matrix += compute.matrix_flops;
      work.vector += compute.vector_flops;
    }
  }
  document.title = s.model + ' on ' + s.machine + ' ' + s.mesh;
  byId('model').textContent = s.model;
  byId('where').textContent =
      'on ' + s.machine + ', mesh ' + s.mesh + (s.map ? ' laid on ' + s.map : '') +
      ', program ' + s.program_hash;
  byId('figures').append(
      figure(
          'SRAM peak', bytesText(s.peak_bytes),
          exact(s.peak_bytes) + ' bytes, ' + shareText(s.peak_bytes, s.sram_bytes) +
              ' of SRAM'),
      figure(
          'SRAM of a node', bytesText(s.sram_bytes),
          exact(s.sram_bytes) + ' bytes, ' + exact(s.code_bytes) + ' of them code'),
      figure(
          'supersteps', exact(s.supersteps), exact(data.ticks.names.length) + ' ticks'),
      figure('calls', exact(s.calls), exact(s.exchanges) + ' exchanges'),
      figure('over links', bytesText(s.link_bytes), exact(s.link_bytes) + ' bytes'),
      figure(
          'on the busiest link', bytesText(s.link_bytes_max),
          exact(s.link_bytes_max) + ' bytes'),
      figure(
          'arithmetic', flopsText(work.matrix + work.vector),
          shareText(work.matrix, Math.max(1, work.matrix + work.vector)) +
              ' on matrix units'),
      figure(
          'verified', s.verified ? 'yes' : 'no',
          exact(s.classes.length) + ' node classes', !s.verified));
}
showHeader();
