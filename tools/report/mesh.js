// The mesh as a heat map, and the table of node classes.

const mesh = data.mesh;
const MESH_HEIGHT_MAX = 720, MESH_PITCH_MAX = 60, MESH_MARGIN = 30;
// Below this many pixels a cell has no room for links at its sides.
const LINK_PITCH_MIN = 12;
const DIRECTIONS = ['east', 'west', 'south', 'north'];

let meshPitch = 1;
let cursorCell = -1;  // under the pointer or the arrow keys

// On a damaged grid some nodes are dead, and some live ones have no node of the mesh.
const site = mesh.site;
const deadLinks = new Set((site ? site.dead_links : []).map((link) => link.join()));

function isDead(cell) {
  return site !== undefined && mesh.side === 1 && site.dead[cell] > 0;
}
function linkIsLive(row, col, row2, col2) {
  const ends =
      row < row2 || col < col2 ? [row, col, row2, col2] : [row2, col2, row, col];
  return !isDead(row * mesh.cell_cols + col) && !isDead(row2 * mesh.cell_cols + col2) &&
      !deadLinks.has(ends.join());
}

function busiestOf(cell) {
  return Math.max(...DIRECTIONS.map((d) => mesh[d][cell]));
}

function linksAreDrawn() {
  return mesh.side === 1 && meshPitch >= LINK_PITCH_MIN;
}

// What is shown: the value of a cell, all values of the scale, and their text.
function metricShown() {
  const cells = mesh.class.map((unused, cell) => cell).filter((cell) => !isDead(cell));
  const hosting = cells.filter((cell) => mesh.class[cell] >= 0);
  switch (byId('metric').value) {
    case 'compute':
      return {
        of: (cell) => mesh.flops[cell],
        values: hosting.map((cell) => mesh.flops[cell]),
        text: flopsText
      };
    case 'links':
      return {
        of: busiestOf,
        text: bytesText,
        values: linksAreDrawn() ? linksInside().map((link) => link.bytes) :
                                  cells.map(busiestOf)
      };
    default:
      return {
        of: (cell) => mesh.peak_bytes[cell],
        values: hosting.map((cell) => mesh.peak_bytes[cell]),
        text: bytesText
      };
  }
}

// The directed links between drawn cells, dead ones left out.
function linksInside() {
  const links = [];
  for (let row = 0; row < mesh.cell_rows; ++row) {
    for (let col = 0; col < mesh.cell_cols; ++col) {
      const cell = row * mesh.cell_cols + col;
      const add = (direction, row2, col2) => {
        if (row2 < 0 || row2 >= mesh.cell_rows || col2 < 0 || col2 >= mesh.cell_cols ||
            !linkIsLive(row, col, row2, col2)) {
          return;
        }
        links.push({row, col, direction, bytes: mesh[direction][cell]});
      };
      add('east', row, col + 1);
      add('west', row, col - 1);
      add('south', row + 1, col);
      add('north', row - 1, col);
    }
  }
  return links;
}

function extent(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (values.length === 0) low = high = 0;
  return byId('from-zero').checked ? [Math.min(0, low), high] : [low, high];
}

// A dead node is crossed out; a live one that hosts nothing is hollow.
function drawIdle(context, cell, x, y, size) {
  context.strokeStyle = colour(isDead(cell) ? 'limit' : 'soft');
  context.lineWidth = 1;
  if (size <= 4) {
    context.fillStyle = context.strokeStyle;
    if (isDead(cell)) context.fillRect(x, y, size, size);
    return;
  }
  context.strokeRect(x + 1, y + 1, size - 2, size - 2);
  if (!isDead(cell)) return;
  context.lineWidth = Math.max(1.5, size / 12);
  const near = size * 0.2, far = size * 0.8;
  context.beginPath();
  context.moveTo(x + near, y + near);
  context.lineTo(x + far, y + far);
  context.moveTo(x + far, y + near);
  context.lineTo(x + near, y + far);
  context.stroke();
}

// A dead link is crossed out in the gap where its arrows would be.
function drawDeadLinks(context) {
  context.strokeStyle = colour('limit');
  context.lineWidth = Math.max(1.5, meshPitch / 24);
  const half = Math.max(2.5, meshPitch * 0.12);
  for (const [row, col, row2, col2] of site.dead_links) {
    const x = MESH_MARGIN + ((col + col2) / 2 + 0.5) * meshPitch;
    const y = MESH_MARGIN + ((row + row2) / 2 + 0.5) * meshPitch;
    context.beginPath();
    context.moveTo(x - half, y - half);
    context.lineTo(x + half, y + half);
    context.moveTo(x + half, y - half);
    context.lineTo(x - half, y + half);
    context.stroke();
  }
}

// A link as an arrow in the gap between two cells, on the right-hand lane.
function drawLink(context, link, gap) {
  const p = meshPitch, half = p / 2, lane = Math.max(gap * 0.42, 1);
  context.save();
  context.translate(
      MESH_MARGIN + link.col * p + half, MESH_MARGIN + link.row * p + half);
  context.rotate({east: 0, south: 1, west: 2, north: 3}[link.direction] * Math.PI / 2);
  const begin = half - gap / 2, end = half + gap / 2, tip = Math.min(gap * 0.4, 6);
  context.beginPath();
  context.moveTo(begin, 0.5);
  context.lineTo(end - tip, 0.5);
  context.lineTo(end, 0.5 + lane / 2);
  context.lineTo(end - tip, 0.5 + lane);
  context.lineTo(begin, 0.5 + lane);
  context.fill();
  context.restore();
}

function drawMeshAxes(context) {
  context.fillStyle = colour('soft');
  const every = Math.max(1, Math.ceil(26 / meshPitch));
  context.textAlign = 'center';
  for (let col = 0; col < mesh.cell_cols; col += every) {
    context.fillText(
        col * mesh.side, MESH_MARGIN + (col + 0.5) * meshPitch, MESH_MARGIN - 8);
  }
  context.textAlign = 'right';
  for (let row = 0; row < mesh.cell_rows;
       row += Math.max(1, Math.ceil(14 / meshPitch))) {
    context.fillText(
        row * mesh.side, MESH_MARGIN - 5, MESH_MARGIN + (row + 0.5) * meshPitch + 4);
  }
  context.textAlign = 'left';
}

function meshSize(room) {
  meshPitch = Math.min(
      (room - MESH_MARGIN - 4) / mesh.cell_cols, MESH_HEIGHT_MAX / mesh.cell_rows,
      MESH_PITCH_MAX);
  return [mesh.cell_cols, mesh.cell_rows].map((n) => MESH_MARGIN + meshPitch * n + 4);
}

function drawMesh(context) {
  const metric = metricShown();
  const withLinks = byId('metric').value === 'links' && linksAreDrawn();
  const [low, high] = extent(metric.values);
  const share = (value) => high > low ? (value - low) / (high - low) : 0.5;
  const gap = withLinks ? meshPitch * 0.55 : meshPitch > 8 ? 1 : 0;
  drawMeshAxes(context);
  for (let row = 0; row < mesh.cell_rows; ++row) {
    for (let col = 0; col < mesh.cell_cols; ++col) {
      const cell = row * mesh.cell_cols + col;
      const x = MESH_MARGIN + col * meshPitch + gap / 2;
      const y = MESH_MARGIN + row * meshPitch + gap / 2;
      // Without a gap, a little overlap hides the seams between cells.
      const size = meshPitch - gap + (gap === 0 ? 0.5 : 0);
      // A live node without one of the mesh may still pass bytes on.
      const idle = isDead(cell) || mesh.class[cell] < 0;
      if (idle && (isDead(cell) || withLinks || byId('metric').value !== 'links')) {
        drawIdle(context, cell, x, y, size);
        continue;
      }
      context.fillStyle = withLinks ? colour('line') : heat(share(metric.of(cell)));
      context.fillRect(x, y, size, size);
    }
  }
  if (withLinks) {
    for (const link of linksInside()) {
      context.fillStyle = heat(share(link.bytes));
      drawLink(context, link, gap);
    }
  }
  if (site && mesh.side === 1) drawDeadLinks(context);
  if (cursorCell >= 0) {
    context.strokeStyle = colour('mark');
    context.lineWidth = 2;
    context.strokeRect(
        MESH_MARGIN + cursorCell % mesh.cell_cols * meshPitch,
        MESH_MARGIN + Math.floor(cursorCell / mesh.cell_cols) * meshPitch, meshPitch,
        meshPitch);
  }
  showMeshLegend(low, high, metric.text, withLinks);
}

// So that a full range of colours is not taken for a large difference.
function spreadNote(low, high) {
  const more = high / low - 1;
  if (more >= 1)
    return 'The largest is ' + (high / low).toFixed(1) + ' times the smallest.';
  return 'The largest is ' + (more < 0.001 ? 'less than 0.1 %' : shareText(more, 1)) +
      ' above the smallest.';
}

function siteNote() {
  const count = (list) => list.reduce((sum, n) => sum + n, 0);
  const dead = count(site.dead), spare = count(site.spare);
  const links = site.dead_links.length;
  const words = ['Coordinates here are those of the grid.'];
  if (dead > 0)
    words.push(
        'Crossed out: ' + exact(dead) + ' dead of ' + exact(mesh.rows * mesh.cols) +
        ' nodes.');
  if (links > 0) words.push('Crosses between nodes: ' + exact(links) + ' dead links.');
  if (spare > 0) words.push('Hollow: ' + exact(spare) + ' live nodes without work.');
  return words.join(' ');
}

function showMeshLegend(low, high, text, withLinks) {
  const equal = low === high;
  const end = (value) => el('span', {}, text(value) + ' (' + exact(value) + ')');
  byId('mesh-legend')
      .replaceChildren(
          el('div', {className: 'ramp'}), end(low),
          equal ? el('span', {}, 'all equal') : end(high));
  byId('mesh-legend').firstChild.style.background = equal ? heat(0.5) : HEAT_RAMP;
  const notes = [];
  if (!equal && low > 0) notes.push(spreadNote(low, high));
  if (withLinks) {
    notes.push('Arrows are directed links; squares are nodes.');
  } else if (byId('metric').value === 'links') {
    notes.push(
        'Colour is the busiest link that leaves ' +
        (mesh.side > 1 ? 'a node of the cell.' : 'the node.'));
  }
  if (site) notes.push(siteNote());
  if (mesh.side > 1) {
    notes.push(
        'Each cell stands for ' + mesh.side + ' x ' + mesh.side +
        ' nodes and has the largest of their numbers.');
  }
  if (mesh.flops_of_examples) {
    notes.push('Compute is counted on the example of each node class.');
  }
  byId('mesh-note').textContent = notes.join(' ');
}

const redrawMesh = surface(byId('mesh'), meshSize, drawMesh);

function cellLines(cell) {
  const row = Math.floor(cell / mesh.cell_cols) * mesh.side;
  const col = cell % mesh.cell_cols * mesh.side;
  const last = (first, size) => Math.min(first + mesh.side, size) - 1;
  const name = mesh.side === 1 ? 'node ' + nodeText([row, col]) :
                                 'largest of nodes ' + nodeText([row, col]) + ' to ' +
          nodeText([last(row, mesh.rows), last(col, mesh.cols)]);
  if (isDead(cell)) return [name + ' is dead'];
  const sent =
      'bytes sent ' + DIRECTIONS.map((d) => d + ' ' + exact(mesh[d][cell])).join(', ');
  const dead = site && mesh.side > 1 ? [exact(site.dead[cell]) + ' dead'] : [];
  if (mesh.class[cell] < 0) return [name + ' hosts no node of the mesh', ...dead, sent];
      const cols = Number(summary.mesh.split('x')[1]);
      const hosted = site && mesh.side === 1 ?
      ['hosts ' +
       nodeText([Math.floor(site.hosts[cell] / cols), site.hosts[cell] % cols]) +
       ' of the mesh'] :
      dead;
      return [
        name + ', class ' + mesh.class[cell],
        ...hosted,
        'SRAM peak ' + exact(mesh.peak_bytes[cell]) + ' bytes, ' +
            shareText(mesh.peak_bytes[cell], summary.sram_bytes) + ' of SRAM',
        'compute ' + exact(mesh.flops[cell]) + ' flop',
        sent,
      ];
}

function moveCursor(cell, x, y) {
  if (cell !== cursorCell) {
    cursorCell = cell;
    redrawMesh();
  }
  if (cell < 0) return hideTip();
  showTip(cellLines(cell), x, y);
}

function cellAt(event) {
  const point = pointOn(byId('mesh'), event);
  const col = Math.floor((point.x - MESH_MARGIN) / meshPitch);
  const row = Math.floor((point.y - MESH_MARGIN) / meshPitch);
  const inside = row >= 0 && col >= 0 && row < mesh.cell_rows && col < mesh.cell_cols;
  return inside ? row * mesh.cell_cols + col : -1;
}

function moveCursorByKey(event) {
  const step =
      {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]};
  if (event.key === 'Escape') return moveCursor(-1);
  if (event.key === 'Enter' && cursorCell >= 0 && mesh.class[cursorCell] >= 0)
    return chooseClass(mesh.class[cursorCell]);
  if (!(event.key in step)) return;
  event.preventDefault();
  const from = Math.max(cursorCell, 0);
  const row = Math.floor(from / mesh.cell_cols) + step[event.key][0];
  const col = from % mesh.cell_cols + step[event.key][1];
  const to = cursorCell < 0 ?
      0 :
      Math.min(Math.max(row, 0), mesh.cell_rows - 1) * mesh.cell_cols +
          Math.min(Math.max(col, 0), mesh.cell_cols - 1);
  const box = byId('mesh').getBoundingClientRect();
  moveCursor(
      to, box.left + MESH_MARGIN + (to % mesh.cell_cols + 1) * meshPitch,
      box.top + MESH_MARGIN + Math.floor(to / mesh.cell_cols + 1) * meshPitch);
}

byId('mesh').addEventListener(
    'pointermove', (event) => moveCursor(cellAt(event), event.clientX, event.clientY));
byId('mesh').addEventListener('pointerleave', () => moveCursor(-1));
byId('mesh').addEventListener('blur', () => moveCursor(-1));
byId('mesh').addEventListener('keydown', moveCursorByKey);
byId('mesh').addEventListener('click', (event) => {
  if (cellAt(event) >= 0) chooseClass(mesh.class[cellAt(event)]);
});
byId('metric').addEventListener('change', redrawMesh);
byId('from-zero').addEventListener('change', redrawMesh);

function showClasses() {
  const head =
      el('tr', {}, el('th', {}, 'class'), el('th', {className: 'number'}, 'nodes'),
         el('th', {}, 'example'), el('th', {className: 'number'}, 'peak'),
         el('th', {className: 'number'}, 'of SRAM'));
  const drawn = new Set(data.layouts.map((layout) => layout.class));
  const rows = summary.classes.map((c, index) => {
    const choose =
        el('button', {type: 'button', onclick: () => chooseClass(index)}, index);
    return el(
        'tr', {id: 'class-' + index},
        el('td', {}, drawn.has(index) ? choose : String(index)),
        el('td', {className: 'number'}, exact(c.nodes)),
        el('td', {}, nodeText(c.example)),
        el('td', {className: 'number', title: exact(c.peak_bytes) + ' bytes'},
           bytesText(c.peak_bytes)),
        el('td', {className: 'number'}, shareText(c.peak_bytes, summary.sram_bytes)));
  });
  byId('classes').append(head, ...rows);
}
showClasses();
