"use strict";
// The page asks the service once a second and shows what it says. What comes from a job,
// as its name, is set as text, never as HTML.

@mesh_map.js@
@loss_chart.js@
@log_view.js@

const POLL_MS = 1000;
const CURVES_AT_FIRST = 4;
const KINDS = 6;

const page = {
  state: null,
  chosen: null,     // id of the job whose log is shown
  curves: null,     // Set of ids; null until the user has picked: the newest that run
  losses: new Map(),  // by id: {step, points, stepsNotFinite}
};

function byId(id) { return document.getElementById(id); }

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Touches the page only where it differs: what is selected and focused stays so.
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
function setClass(node, name) {
  if (node.className !== name) node.className = name;
}

function durationText(seconds) {
  if (!Number.isFinite(seconds)) return "";
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`;
}

function startText(job, now) {
  if (!(job.earliest_start_ms > 0)) return "not known yet";
  const clock = new Date(job.earliest_start_ms);
  const seconds = (job.earliest_start_ms - now) / 1000;
  if (seconds <= 0) return "any moment";
  const time = clock.toLocaleTimeString([], {hour: "2-digit", minute: "2-digit"});
  const days = seconds > 20 * 3600 ? clock.toLocaleDateString() + " " : "";
  return `${days}${time}, in ${durationText(seconds)}`;
}

function hasEnded(job) { return ["SUCCEEDED", "FAILED", "CANCELLED"].includes(job.state); }
function nameOf(job) { return job.name || job.model; }
function kindOf(job) { return `kind-${job.id % KINDS}`; }
function numberText(value) { return Number.isFinite(value) ? value.toPrecision(4) : ""; }

// ---- tables: one row a job, made once, its cells kept up to date

function rowOf(body, job, cells) {
  const key = `row-${body.parentElement.id}-${job.id}`;
  let row = byId(key);
  if (row === null) {
    row = element("tr", {id: key});
    row.append(...cells.map((cell) => element("td", {class: cell})));
  }
  return row;
}

// In the order of `rows`, without moving those that stand right.
function placeRows(body, rows) {
  rows.forEach((row, i) => {
    if (body.children[i] !== row) body.insertBefore(row, body.children[i] ?? null);
  });
  while (body.children.length > rows.length) body.lastElementChild.remove();
}

function pickButton(cell, job) {
  let button = cell.firstElementChild;
  if (button === null) {
    button = element("button", {type: "button", class: "pick"});
    button.addEventListener("click", () => choose(job.id));
    cell.append(button);
  }
  setText(button, String(job.id));
  button.setAttribute("aria-label", `show the log of job ${job.id}, ${nameOf(job)}`);
  button.setAttribute("aria-pressed", String(page.chosen === job.id));
}

function showQueue(jobs, now) {
  const body = byId("queue").tBodies[0];
  const queued = jobs.filter((job) => job.state === "QUEUED");
  placeRows(body, queued.map((job) => {
    const row = rowOf(body, job, ["number", "name", "nowrap", "nowrap", "number nowrap",
      "nowrap", "why"]);
    pickButton(row.cells[0], job);
    setText(row.cells[1], nameOf(job));
    setText(row.cells[2], `${job.rows}x${job.cols}`);
    setText(row.cells[3],
      (job.queue || "default") + (job.priority ? `, priority ${job.priority}` : ""));
    setText(row.cells[4], durationText((now - job.submitted_ms) / 1000));
    setText(row.cells[5], startText(job, now));
    setText(row.cells[6], job.reason);
    setClass(row, page.chosen === job.id ? "chosen" : "");
    return row;
  }));
  body.parentElement.parentElement.hidden = queued.length === 0;
  byId("queue-empty").hidden = queued.length > 0;
}

function showSteps(cell, job) {
  if (cell.firstElementChild === null) {
    cell.append(element("progress", {"aria-label": `steps of job ${job.id}`}),
      element("span"));
  }
  const [bar, text] = cell.children;
  bar.hidden = !job.total_steps;
  bar.max = job.total_steps || 1;
  bar.value = job.step;
  setText(text, job.total_steps ? `${job.step} / ${job.total_steps}` : String(job.step));
}

function showCurveBox(cell, job) {
  let box = cell.firstElementChild;
  if (box === null) {
    box = element("input", {type: "checkbox"});
    box.addEventListener("change", () => {
      page.curves = curvesShown();
      if (box.checked) page.curves.add(job.id); else page.curves.delete(job.id);
      fetchLosses().then(showLosses, () => {});
    });
    cell.append(box);
  }
  box.setAttribute("aria-label", `loss curve of job ${job.id}, ${nameOf(job)}`);
  box.checked = curvesShown().has(job.id);
}

function placeText(job) {
  const at = job.rectangle;
  const size = at ? `${at.rows}x${at.cols}` : `${job.rows}x${job.cols}`;
  return at && !hasEnded(job) ? `${size} at (${at.row}, ${at.col})` : size;
}

function showJobs(jobs) {
  const body = byId("jobs").tBodies[0];
  const shown = jobs.filter((job) => job.state !== "QUEUED")
    .sort((a, b) => hasEnded(a) - hasEnded(b) || b.id - a.id);
  placeRows(body, shown.map((job) => {
    const row = rowOf(body, job, ["nowrap", "number", "name", "nowrap", "nowrap",
      "nowrap", "number", "number", "number nowrap", "number", "why"]);
    const cells = row.cells;
    showCurveBox(cells[0], job);
    pickButton(cells[1], job);
    setText(cells[2], nameOf(job));
    if (cells[3].firstElementChild === null) {
      cells[3].append(element("span", {}, element("i"), element("b")));
    }
    setClass(cells[3].firstElementChild, `state ${job.state.toLowerCase()}`);
    setText(cells[3].firstElementChild.lastElementChild, job.state.toLowerCase());
    setText(cells[4], placeText(job));
    showSteps(cells[5], job);
    setText(cells[6], job.step > 0 ? numberText(job.loss) : "");
    setText(cells[7], job.steps_per_s > 0 ? numberText(job.steps_per_s) : "");
    setText(cells[8], job.steps_per_s > 0 && job.total_steps > 0
      ? durationText((job.total_steps - job.step) / job.steps_per_s) : "");
    setText(cells[9], String(job.attempt));
    setText(cells[10], job.reason);
    setClass(row, page.chosen === job.id ? "chosen" : "");
    return row;
  }));
  body.parentElement.parentElement.hidden = shown.length === 0;
  byId("jobs-empty").hidden = shown.length > 0;
  setText(byId("left-out"), page.state.ended_left_out > 0
    ? `${page.state.ended_left_out} older jobs have ended: tatami jobs --all` : "");
}

function showFigures(state) {
  const of = (...states) => state.jobs.filter((job) => states.includes(job.state)).length;
  const all = state.mesh.rows * state.mesh.cols;
  const figures = [
    ["mesh", `${state.mesh.rows}x${state.mesh.cols}`],
    ["nodes held", `${state.nodes.held} of ${all}`], ["free", state.nodes.free],
    ["drained", state.nodes.drained], ["dead", state.nodes.dead],
    ["jobs running", of("STARTING", "RUNNING", "CANCELLING")],
    ["recovering", of("RECOVERING")], ["waiting", of("QUEUED")],
  ];
  const list = byId("figures");
  figures.forEach(([name, value], i) => {
    if (!list.children[i]) {
      list.append(element("div", {}, element("dt"), element("dd")));
    }
    setText(list.children[i].firstElementChild, name);
    setText(list.children[i].lastElementChild, String(value));
  });
}

// ---- the loss curves that are shown

function curvesShown() {
  if (page.curves !== null) return new Set(page.curves);
  const jobs = page.state.jobs.filter((job) => job.step > 0);
  const running = jobs.filter((job) => !hasEnded(job));
  return new Set((running.length > 0 ? running : jobs).slice(-CURVES_AT_FIRST)
    .map((job) => job.id));
}

async function fetchLosses() {
  for (const job of page.state.jobs) {
    if (!curvesShown().has(job.id)) continue;
    const known = page.losses.get(job.id);
    if (known && known.step === job.step && known.attempt === job.attempt) continue;
    const answer = await ask(`api/jobs/${job.id}/loss`);
    const loss = await answer.json();
    page.losses.set(job.id, {step: job.step, attempt: job.attempt, points: loss.points,
      stepsNotFinite: loss.steps_not_finite});
  }
}

function showLosses() {
  const shown = curvesShown();
  const curves = page.state.jobs.filter((job) => shown.has(job.id))
    .filter((job) => page.losses.has(job.id))
    .map((job) => ({label: `${job.id} ${nameOf(job)}`, kind: kindOf(job),
      ...page.losses.get(job.id)}));
  drawLoss(curves);
}

// ---- choosing and polling

function choose(id) {
  page.chosen = id;
  history.replaceState(null, "", `#job-${id}`);
  const job = page.state.jobs.find((one) => one.id === id);
  logView.open(id, job ? `job ${id} ${nameOf(job)}` : `job ${id}`);
  show();
}

function chooseAtFirst(jobs) {
  if (page.chosen !== null || jobs.length === 0) return;
  const wanted = /^#job-(\d+)$/.exec(location.hash);
  const found = wanted && jobs.find((job) => job.id === Number(wanted[1]));
  const running = jobs.filter((job) => job.state === "RUNNING");
  choose((found || running[0] || jobs[jobs.length - 1]).id);
}

async function ask(path) {
  const answer = await fetch(path, {cache: "no-store"});
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer;
}

function show() {
  const {state} = page;
  showFigures(state);
  drawMesh(byId("mesh"), byId("mesh-legend"), state, page.chosen, choose);
  showQueue(state.jobs, state.now_ms);
  showJobs(state.jobs);
}

let awaySince = null;
function showService(error) {
  const line = byId("service");
  if (error === null) {
    awaySince = null;
    const time = new Date(page.state.now_ms).toLocaleTimeString();
    setText(line, `live, as of ${time}`);
  } else {
    awaySince ??= Date.now();
    setText(line, "the service has not answered for " +
      `${durationText((Date.now() - awaySince) / 1000)}; below is what it said last. ` +
      "Jobs go on without it.");
  }
  setClass(line, error === null ? "" : "away");
  document.body.classList.toggle("away", error !== null);
}

async function poll() {
  try {
    page.state = await (await ask("api/state")).json();
    chooseAtFirst(page.state.jobs);
    show();
    await fetchLosses();
    showLosses();
    await logView.follow();
    showService(null);
  } catch (error) {
    showService(error);
  }
  setTimeout(poll, POLL_MS);
}

byId("log-follow").addEventListener("change", () => logView.scroll());
poll();
