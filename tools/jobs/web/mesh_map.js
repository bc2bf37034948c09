// The mesh from above, a square a node, with the rectangles of the jobs on it.

const SVG = "http://www.w3.org/2000/svg";
const NODE = 16;  // units of the drawing

function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function titled(node, text) {
  const title = svg("title");
  title.textContent = text;
  node.prepend(title);
  return node;
}

// The job's number, and its name below where there is room for all of it.
function labelOf(job, {row, col, rows, cols}) {
  const [width, height] = [cols * NODE * 0.92, rows * NODE];
  const sizeOf = (text, most) => Math.min(most, width / (text.length * 0.62));
  const name = nameOf(job);
  const [x, y] = [(col + cols / 2) * NODE, (row + rows / 2) * NODE];
  const nameSize = sizeOf(name, height / 6);
  const named = nameSize >= height / 14;
  const size = sizeOf(String(job.id), height * (named ? 0.3 : 0.45));
  const line = (text, at, fontSize) => {
    const node = svg("text", {x, y: at, "font-size": fontSize,
      "dominant-baseline": "central"});
    node.textContent = text;
    return node;
  };
  if (!named) return [line(String(job.id), y, size)];
  return [line(String(job.id), y - nameSize * 0.7, size),
    line(name, y + size * 0.55, nameSize)];
}

function drawJob(job, line, chosen, choose) {
  const {row, col, rows, cols} = job.rectangle;
  const [width, height] = [cols * NODE, rows * NODE];
  const pausing = job.state !== "RUNNING" ? " pausing" : "";
  const group = svg("g", {tabindex: 0, role: "button", id: `mesh-job-${job.id}`,
    class: `job ${kindOf(job)}${job.id === chosen ? " chosen" : ""}${pausing}`},
  svg("rect", {x: col * NODE + line, y: row * NODE + line, width: width - 2 * line,
    height: height - 2 * line, rx: NODE / 8, "stroke-width": 2 * line}), ...labelOf(job, job.rectangle));
  const about = `job ${job.id} ${nameOf(job)}, ${job.state.toLowerCase()}, ` +
    `${rows}x${cols} nodes from (${row}, ${col}) on`;
  group.setAttribute("aria-label", about);
  group.addEventListener("click", () => choose(job.id));
  group.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    choose(job.id);
  });
  return titled(group, about);
}

function drawNode(node, kind, mark) {
  const [x, y] = [node.col * NODE, node.row * NODE];
  const group = svg("g", {class: kind},
    svg("rect", {x: x + 1, y: y + 1, width: NODE - 2, height: NODE - 2, rx: 2}),
    svg("path", {d: mark(x, y), "stroke-width": 1.5}));
  const why = node.reason && node.reason !== kind ? `: ${node.reason}` : "";
  return titled(group, `node (${node.row}, ${node.col}) is ${kind}${why}`);
}

function gridPath(rows, cols) {
  let path = "";
  for (let row = 1; row < rows; ++row) path += `M0 ${row * NODE}h${cols * NODE}`;
  for (let col = 1; col < cols; ++col) path += `M${col * NODE} 0v${rows * NODE}`;
  return path;
}

function legendItem(kind, text) {
  return element("li", {}, element("i", {class: kind, "aria-hidden": "true"}), text);
}

let meshDrawn = "";
function drawMesh(holder, legend, state, chosen, choose) {
  const {mesh, nodes} = state;
  const jobs = state.jobs.filter((job) => job.rectangle && !hasEnded(job));
  // Drawn anew only when it has changed, so that the focus stays.
  const now = JSON.stringify([mesh, chosen,
    jobs.map((job) => [job.id, job.name, job.state, job.rectangle])]);
  if (now === meshDrawn) return;
  meshDrawn = now;
  const focused = document.activeElement?.id;
  const [width, height] = [mesh.cols * NODE, mesh.rows * NODE];
  // One pixel or so on the screen, whatever the size of the mesh.
  const line = Math.max(mesh.rows, mesh.cols) * NODE / 400;
  const drawing = svg("svg", {viewBox: `${-line} ${-line} ${width + 2 * line} ` +
    `${height + 2 * line}`, role: "group", "aria-label":
    `Mesh of ${mesh.rows}x${mesh.cols} nodes: ${nodes.held} held by ${jobs.length} jobs, ` +
    `${nodes.free} free, ${nodes.drained} drained, ${nodes.dead} dead`},
  svg("rect", {class: "floor", width, height, "stroke-width": line}),
  svg("path", {class: "grid", d: gridPath(mesh.rows, mesh.cols), "stroke-width": line}));
  for (const node of mesh.drained) {
    drawing.append(drawNode(node, "drained", (x, y) => `M${x + 2} ${y + NODE - 2}` +
      `L${x + NODE - 2} ${y + 2}M${x + 2} ${y + NODE / 2}L${x + NODE / 2} ${y + 2}` +
      `M${x + NODE / 2} ${y + NODE - 2}L${x + NODE - 2} ${y + NODE / 2}`));
  }
  for (const job of jobs) drawing.append(drawJob(job, line, chosen, choose));
  for (const node of mesh.dead) {
    drawing.append(drawNode(node, "dead", (x, y) => `M${x + 5} ${y + 5}l6 6m0-6l-6 6`));
  }
  holder.replaceChildren(drawing);
  const items = jobs.map((job) => legendItem(`swatch ${kindOf(job)}`,
    `${job.id} ${nameOf(job)}`));
  items.push(legendItem("free", "free"));
  if (mesh.drained.length > 0) items.push(legendItem("drained", "drained"));
  if (mesh.dead.length > 0) items.push(legendItem("dead", "dead"));
  legend.replaceChildren(...items);
  if (focused?.startsWith("mesh-job-")) byId(focused)?.focus();
}
