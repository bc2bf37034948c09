// Loss over steps, a line a job; the band around it is from the lowest to the highest of
// the steps that a point stands for.

const CHART = {width: 640, height: 300, left: 56, right: 12, top: 10, bottom: 34};

// Beyond so many points neighbours become one, by the rule of the service's own thinning:
// lines on top of each other stay apart, and spikes stay in the band.
const CHART_POINTS_MAX = 160;

function coarser(points) {
  const stride = Math.ceil(points.length / CHART_POINTS_MAX);
  const coarse = [];
  for (let i = 0; i < points.length; i += stride) {
    const group = points.slice(i, i + stride);
    let [before, steps, sum] = [i === 0 ? 0 : points[i - 1][0], 0, 0];
    for (const [step, mean] of group) {
      sum += mean * (step - before);
      steps += step - before;
      before = step;
    }
    coarse.push([before, sum / steps, Math.min(...group.map((point) => point[2])),
      Math.max(...group.map((point) => point[3]))]);
  }
  return coarse;
}

// At most `most` + 1 round numbers that span the range.
function ticksOf(low, high, most) {
  const rough = (high - low) / most || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const ticks = [];
  for (let i = Math.ceil(low / step); i * step <= high * (1 + 1e-12); ++i) {
    ticks.push(i * step);
  }
  return {ticks, digits: Math.max(0, -Math.floor(Math.log10(step)))};
}

function rangeOf(curves) {
  let [last, low, high] = [1, Infinity, -Infinity];
  for (const {points} of curves) {
    for (const [step, , lowest, highest] of points) {
      last = Math.max(last, step);
      low = Math.min(low, lowest);
      high = Math.max(high, highest);
    }
  }
  if (low > 0 && low < high * 0.5) low = 0;
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  return {last, low, high};
}

function drawAxes(drawing, scale, range) {
  const {left, right, top, bottom, width, height} = CHART;
  const y = ticksOf(range.low, range.high, 5);
  for (const tick of y.ticks) {
    const text = svg("text", {x: left - 6, y: scale.y(tick), "text-anchor": "end",
      "dominant-baseline": "central"});
    text.textContent = tick.toFixed(y.digits);
    drawing.append(svg("path", {class: "axis",
      d: `M${left} ${scale.y(tick)}H${width - right}`}), text);
  }
  for (const tick of ticksOf(0, range.last, 6).ticks) {
    if (!Number.isInteger(tick)) continue;
    const text = svg("text", {x: scale.x(tick), y: height - bottom + 16,
      "text-anchor": "middle"});
    text.textContent = String(tick);
    drawing.append(svg("path", {class: "axis",
      d: `M${scale.x(tick)} ${height - bottom}v4`}), text);
  }
  const name = svg("text", {x: (left + width - right) / 2, y: height - 3,
    "text-anchor": "middle"});
  name.textContent = "step";
  drawing.append(svg("path", {class: "axis", d: `M${left} ${top}V${height - bottom}`}), name);
}

function drawCurve(drawing, scale, {points, kind}) {
  const at = (step, loss) => `${scale.x(step).toFixed(1)} ${scale.y(loss).toFixed(1)}`;
  const line = points.map(([step, mean]) => at(step, mean)).join("L");
  const upper = points.map(([step, , , high]) => at(step, high));
  const lower = points.map(([step, , low]) => at(step, low)).reverse();
  drawing.append(
    svg("path", {class: `band ${kind}`, d: `M${[...upper, ...lower].join("L")}Z`}),
    svg("path", {class: `mean ${kind}`, d: `M${line}`}));
}

// What each curve says at the step below the pointer.
function readOut(curves, step) {
  return curves.map(({label, points}) => {
    const point = points.find(([last]) => last >= step);
    return point ? `${label}: ${point[1].toPrecision(4)} at step ${point[0]}` : "";
  }).filter(Boolean).join("; ");
}

function followPointer(drawing, scale, curves, range) {
  const cursor = svg("path", {class: "cursor"});
  drawing.append(cursor);
  drawing.addEventListener("pointermove", (event) => {
    const box = drawing.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * CHART.width;
    const step = Math.min(range.last, Math.max(1, Math.round(scale.step(x))));
    cursor.setAttribute("d", `M${scale.x(step)} ${CHART.top}V${CHART.height - CHART.bottom}`);
    setText(byId("loss-note"), readOut(curves, step));
  });
  drawing.addEventListener("pointerleave", () => {
    cursor.removeAttribute("d");
    setText(byId("loss-note"), lossNote(curves));
  });
}

function lossNote(curves) {
  const bad = curves.filter(({stepsNotFinite}) => stepsNotFinite > 0)
    .map(({label, stepsNotFinite}) => `${label}: ${stepsNotFinite} steps without a number`);
  if (bad.length > 0) return bad.join("; ");
  return curves.length > 0 ? "" : "A curve appears here with a job's first step.";
}

let lossDrawn = "";
function drawLoss(curves) {
  const now = JSON.stringify(curves);
  const holder = byId("loss");
  if (now === lossDrawn || holder.matches(":hover")) return;
  lossDrawn = now;
  const withPoints = curves.filter(({points}) => points.length > 0)
    .map((curve) => ({...curve, points: coarser(curve.points)}));
  byId("loss-legend").replaceChildren(...withPoints.map(({label, kind}) =>
    legendItem(`swatch ${kind}`, label)));
  setText(byId("loss-note"), lossNote(withPoints));
  if (withPoints.length === 0) return holder.replaceChildren();
  const range = rangeOf(withPoints);
  const {left, right, top, bottom, width, height} = CHART;
  const across = width - left - right;
  const scale = {
    x: (step) => left + step / range.last * across,
    y: (loss) => top + (range.high - loss) / (range.high - range.low) *
      (height - top - bottom),
    step: (x) => (x - left) / across * range.last,
  };
  const said = withPoints.map(({label, points}) => {
    const [step, mean] = points[points.length - 1];
    return `${label}: ${mean.toPrecision(4)} at step ${step}`;
  });
  const drawing = svg("svg", {viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `Training loss over steps. ${said.join("; ")}`});
  drawAxes(drawing, scale, range);
  for (const curve of withPoints) drawCurve(drawing, scale, curve);
  followPointer(drawing, scale, withPoints, range);
  holder.replaceChildren(drawing);
}
