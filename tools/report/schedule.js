// The schedule: every superstep with its exchanges and calls, and a filter over both.

function bufferName(b) {
  return data.buffers[b].name;
}

// What the filter looks at, once for all.
const scheduled = data.supersteps.map(
    (superstep, index) => ({
      index,
      superstep,
      linkBytes: superstep.exchanges.reduce((sum, e) => sum + e.link_bytes, 0),
      flops: superstep.computes.reduce(
          (sum, c) => sum + c.matrix_flops + c.vector_flops, 0),
      feedTexts: superstep.feeds.map((f) => bufferName(f.to).toLowerCase()),
      exchangeTexts: superstep.exchanges.map(
          (e) => [bufferName(e.from), bufferName(e.to), e.combine]
                     .join(' ')
                     .toLowerCase()),
      computeTexts: superstep.computes.map(
          (c) => [c.call, c.op, c.cut, bufferName(c.out)].join(' ').toLowerCase()),
    }));
const linkBytesMost = Math.max(1, ...scheduled.map((s) => s.linkBytes));
const flopsMost = Math.max(1, ...scheduled.map((s) => s.flops));
const firstTick = [];
data.ticks.superstep.forEach((superstep, tick) => {
  firstTick[superstep] ??= tick;
});

function table(titles, rows) {
  const head = titles.map(
      ([title, isNumber]) => el('th', {className: isNumber ? 'number' : ''}, title));
  return el('table', {}, el('tr', {}, ...head), ...rows);
}

function cells(...values) {
  return el(
      'tr', {},
      ...values.map(
          (value) => typeof value === 'number' ?
              el('td', {className: 'number'}, exact(value)) :
              el('td', {}, value)));
}

function tickButton(tick) {
  return el(
      'button', {
        type: 'button',
        title: 'show this tick in the memory above',
        onclick: () => {
          chooseTick(tick);
          memoryCanvas.scrollIntoView({block: 'center'});
        }
      },
      'tick ' + tick);
}

// The tables of one superstep, of the rows that match.
function inside(entry, sought) {
  const kept = (texts) => (unused, i) => sought === '' || texts[i].includes(sought);
  const exchanges = entry.superstep.exchanges.filter(kept(entry.exchangeTexts));
  const computes = entry.superstep.computes.filter(kept(entry.computeTexts));
  const feeds = entry.superstep.feeds.filter(kept(entry.feedTexts));
  const parts = [];
  if (feeds.length > 0) {
    parts.push(table(
        [['fed by the host'], ['part'], ['type'], ['to']],
        feeds.map(
            (f) => cells(
                f.input, f.part + 1 + ' of ' + f.parts, data.buffers[f.to].type,
                data.buffers[f.to].placement))));
  }
  if (exchanges.length > 0) {
    parts.push(table(
        [
          ['exchange'], ['from'], ['to'], ['combined'], ['over links', true],
          ['busiest link', true]
        ],
        exchanges.map(
            (e) => cells(
                bufferName(e.to), data.buffers[e.from].placement,
                data.buffers[e.to].placement, e.combine, e.link_bytes,
                e.link_bytes_max))));
  }
  if (computes.length > 0) {
    parts.push(table(
        [
          ['call'], ['op'], ['output'], ['cut'], ['matrix flop', true],
          ['vector flop', true], ['largest node', true], ['']
        ],
        computes.map(
            (c) => cells(
                c.call, c.op, data.buffers[c.out].type, c.cut, c.matrix_flops,
                c.vector_flops, c.flops_max, tickButton(c.tick)))));
  }
  return el('div', {className: 'inside'}, ...parts);
}

function track(part, most) {
  const bar = el('span', {className: 'bar'});
  bar.style.width = 100 * part / most + '%';
  return el('span', {className: 'track'}, part > 0 ? bar : '');
}

function plural(n, word) {
  return exact(n) + ' ' + word + (n === 1 ? '' : 's');
}

function superstepElement(entry, sought) {
  const {index, superstep} = entry;
  const first = firstTick[index], last = first + superstep.computes.length;
  const summaryLine = el(
      'summary', {}, el('span', {}, 'superstep ' + index),
      el('span', {className: 'note'},
         first === last ? 'tick ' + first : 'ticks ' + first + '–' + last),
      el('span', {},
         superstep.exchanges.length === 0 ?
             'no exchange' :
             plural(superstep.exchanges.length, 'exchange') + ', ' +
                 bytesText(entry.linkBytes)),
      track(entry.linkBytes, linkBytesMost),
      el('span', {},
         superstep.computes.length === 0 ?
             'no call' :
             plural(superstep.computes.length, 'call') + ', ' + flopsText(entry.flops)),
      track(entry.flops, flopsMost));
  const details = el('details', {}, summaryLine);
  // Filled when first opened: all tables at once would be thousands of rows.
  details.addEventListener('toggle', () => {
    if (details.open && details.children.length === 1)
      details.append(inside(entry, sought));
  });
  details.open = sought !== '';
  return details;
}

function filterSchedule(text) {
  const sought = text.trim().toLowerCase();
  const has = (texts) => texts.some((t) => t.includes(sought));
  const kept = scheduled.filter(
      (entry) => sought === '' || has(entry.feedTexts) || has(entry.exchangeTexts) ||
          has(entry.computeTexts));
  byId('filtered').textContent = sought === '' ?
      '' :
      exact(kept.length) + ' of ' + plural(scheduled.length, 'superstep');
  byId('schedule')
      .replaceChildren(...kept.map((entry) => superstepElement(entry, sought)));
}

byId('filter').addEventListener('input', (event) => filterSchedule(event.target.value));
filterSchedule('');
