// The front: accuracy against any quantity.
function shown(place) {
  if (state.off.has(D.points.regime[place])) return false;
  return !(state.only && !onFront(place) && place !== state.p && place !== D.marks.dense);
}

const NONE = { front: [] };
const frontOf = () => D.fronts[state.y === "accuracy" ? state.x : state.x === "accuracy" ? state.y : ""] || NONE;
const members = new WeakMap();
function onFront(place) {
  const front = frontOf().front;
  if (!members.has(front)) members.set(front, new Set(front));
  return members.get(front).has(place);
}
const scaled = (axis) => {
  const metric = metricOf(state[axis]);
  const [sign, size] = scaleOf(metric.unit, metric.unit === "pJ" ? undefined : Math.max(extent(metric.key).high, 0));
  return { metric, size, sign };
};

function controls() {
  const box = at("front-controls");
  const select = (axis) => h("label", null, axis === "x" ? "Across" : "Up", h("select", { id: `axis-${axis}`, onchange: (event) => change({ [axis]: event.target.value, [`l${axis}`]: axis === "x" ? null : false }) },
    D.metrics.map((metric) => h("option", { value: metric.key, selected: metric.key === state[axis] }, metric.name))));
  const log = (axis) => h("button.pill", { type: "button", id: `log-${axis}`, "aria-pressed": String(logarithmic(axis)), onclick: () => change({ [`l${axis}`]: !logarithmic(axis) }) }, axis === "x" ? "log across" : "log up");
  const used = D.regimes.map((regime, place) => [regime, place]).filter(([, place]) => D.points.regime.includes(place));
  box.replaceChildren(
    h("div.group", null, select("y"), select("x"), log("x"), log("y")),
    h("div.group", null, used.map(([regime, place]) => h(`button.pill.regime`, { type: "button", "data-regime": regime.name, "aria-pressed": String(!state.off.has(place)), onclick: () => toggle(place) }, keyOf(regime.name), regime.text))),
    h("div.group", null, h("button.pill", { type: "button", id: "only-front", "aria-pressed": String(state.only), onclick: () => change({ only: !state.only }) }, "front only"),
    h("button.pill", { type: "button", id: "zoom-out", onclick: () => drawFront(["x"]) }, "whole view")),
    tools(at("front-plot"), "front", pointsTable));
  at("front-x").textContent = metricOf(state.x).name;
}

function toggle(place) {
  const off = new Set(state.off);
  if (!off.delete(place)) off.add(place);
  change({ off });
}

function coordinates(places) {
  const x = scaled("x"), y = scaled("y");
  return [places.map((place) => over(value(state.x, place), x.size)), places.map((place) => over(value(state.y, place), y.size))];
}
const over = (number, size) => (known(number) ? number / size : null);

function frontTraces(places) {
  const x = scaled("x"), y = scaled("y"), traces = [];
  const line = frontOf().front.filter((place) => shown(place));
  line.sort((a, b) => value(state.x, a) - value(state.x, b));
  const [lx, ly] = coordinates(line);
  const steps = state.y === "accuracy" ? "hv" : "vh";
  traces.push({ x: lx, y: ly, mode: "lines", line: { color: css("--ink"), width: 1.4, shape: steps }, opacity: 0.5, hoverinfo: "skip", type: "scatter" });
  const seeds = (D.trials.point || []).map((place, row) => [place, row]).filter(([place]) => shown(place));
  if (seeds.length && D.trials[state.x] && places.length <= 400)
    traces.push({ x: seeds.map(([, row]) => over(D.trials[state.x][row], x.size)), y: seeds.map(([, row]) => over(D.trials[state.y][row], y.size)), mode: "markers", marker: { size: 4, opacity: 0.4, color: seeds.map(([place]) => colorOf(regimeOf(place).name)) }, hoverinfo: "skip", type: "scatter" });
  D.regimes.forEach((regime, index) => {
    const own = places.filter((place) => D.points.regime[place] === index);
    if (!own.length) return;
    const [px, py] = coordinates(own);
    const bars = (axis, size) => ({ type: "data", array: own.map((place) => spread(state[axis], place) / size), visible: Boolean(D.spreads[state[axis]]) && places.length <= 400, thickness: 1, width: 3, color: colorOf(regime.name) });
    traces.push({
      x: px, y: py, customdata: own, mode: "markers", type: "scatter", hoverinfo: "none", error_x: bars("x", x.size), error_y: bars("y", y.size),
      marker: { symbol: regime.symbol, size: regime.name === "dense" ? 14 : count() > 800 ? 7 : 10, color: colorOf(regime.name), line: { width: count() > 800 ? 0 : 1, color: css("--sheet") }, opacity: count() > 800 ? 0.7 : own.map((place) => (onFront(place) || regime.name === "dense" ? 1 : 0.5)) },
    });
  });
  return traces;
}

// Rings around the selected and the compared points lie over the figure: moving one draws nothing else anew.
function reRing(node) {
  const full = node._fullLayout, { l, t, w, h: tall } = full._size;
  for (const ring of node.parentElement.querySelectorAll(".ring")) ring.remove();
  for (const place of new Set([...state.pins, state.p])) {
    const [[x], [y]] = coordinates([place]);
    if (!shown(place) || !known(x) || !known(y)) continue;
    const left = full.xaxis.d2p(x), top = full.yaxis.d2p(y);
    if (left < -4 || top < -4 || left > w + 4 || top > tall + 4) continue;
    node.parentElement.append(h(`div.ring${place === state.p ? ".now" : ""}`, { "aria-hidden": "true", style: { left: `${l + left}px`, top: `${t + top}px` } }));
  }
}

function frontRange(axis, places) {
  const { size } = scaled(axis), key = state[axis], found = [];
  for (const place of places) {
    const each = value(key, place), wide = spread(key, place);
    if (known(each)) found.push((each - wide) / size, (each + wide) / size);
  }
  if (!found.length) return [0, 1];
  let low = Math.min(...found), high = Math.max(...found);
  if (logarithmic(axis)) {
    low = Math.max(low, Math.min(...found.filter((each) => each > 0)));
    return [Math.log10(low / 1.3), Math.log10(high * 1.3)];
  }
  if (metricOf(key).unit === "share") {
    const floor = high - low > 25 ? high - 15 : low; // those far below would squeeze all others
    const air = Math.max(0.08 * (high - floor), (2 - (high - floor)) / 2, 0.5);
    return [Math.max(0, floor - air), Math.min(100 + air / 2, high + air)];
  }
  return [0, high * 1.08 || 1];
}

function frontLayout(places) {
  const room = roomAcross(at("front-plot"));
  const shape = (axis) => {
    const { metric, sign } = scaled(axis), range = frontRange(axis, places), log = logarithmic(axis);
    const title = `${metric.name}${sign ? ` (${sign}${log ? ", log scale" : ""})` : log ? " (log scale)" : ""}`;
    const more = { type: log ? "log" : "linear", range, fixedrange: false };
    return axisOf(title, more, log, range, axis === "x" ? room : 9);
  };
  const { clientWidth: width, clientHeight: height } = at("front-plot"); // a new one on paper
  return layout(shape("x"), shape("y"), { ...(width && height ? { width, height } : {}), dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom", margin: { l: 56, r: 20, t: 18, b: 50 }, hoverdistance: 40, uirevision: [state.x, state.y, logarithmic("x"), state.ly, [...state.off].join(), state.only].join() });
}

const axisOf = (title, more, log, range, room) => axis(title, log ? { ...more, ...logTicks(10 ** range[0], 10 ** range[1], room), tickmode: "array" } : { ...more, nticks: 8 });

async function drawFront(names = []) {
  const node = at("front-plot");
  if (names.length && names.every((name) => name === "p" || name === "pins") && node.data && !(state.only && names.includes("p"))) {
    reRing(node);
    tellFront();
    return;
  }
  controls();
  const places = [...Array(count()).keys()].filter(shown);
  await draw(node, frontTraces(places), frontLayout(places));
  label(node, places);
  reRing(node);
  if (!node.dataset.heard) listen(node);
  note(places);
  frontNumbers();
}

function label(node, places) {
  const full = node._fullLayout, sizes = full._size;
  const spot = (place) => {
    const [[x], [y]] = coordinates([place]);
    return [full.xaxis.d2p(x), full.yaxis.d2p(y)];
  };
  const named = [D.marks.chosen, D.marks.dense, D.marks.knee];
  const wide = sizes.w > 520;
  const more = wide && count() <= 800 ? [...frontOf().front].filter((place) => !named.includes(place)).reverse() : [];
  const wanted = [...new Set([...named, ...more])].filter((place) => place !== null && shown(place)).map((place) => {
    const roles = rolesOf(place), bold = place === D.marks.chosen, [x, y] = spot(place);
    return { place, x, y, bold, text: short(D.points.name[place]) + (bold ? " · chosen" : roles.includes("knee") ? " · knee" : "") };
  }).filter((each) => Number.isFinite(each.x) && Number.isFinite(each.y));
  const marks = places.length > 800 ? [] : places.map(spot);
  const placed = placeLabels(wanted, marks, lineBoxes(full, sizes), sizes.w, sizes.h, barBoxes(full, places));
  const annotations = placed.map((each) => ({
    x: each.x / sizes.w, y: 1 - each.y / sizes.h, xref: "x domain", yref: "y domain", text: each.bold ? `<b>${plain(each.text)}</b>` : plain(each.text), showarrow: false,
    xanchor: each.side, yanchor: "middle", xshift: each.dx, yshift: -each.dy, font: { size: letter(12), color: colorOf(regimeOf(each.place).name) }, bgcolor: behind(), captureevents: false,
  }));
  const reference = frontOf().reference;
  const shapes = placed.filter((each) => Math.abs(each.dy) > 20).map((each) => ({ // a thread to a label that stands apart
    type: "line", xref: "x domain", yref: "y domain", layer: "below", line: { color: colorOf(regimeOf(each.place).name), width: 1 }, opacity: 0.7,
    x0: each.x / sizes.w, y0: 1 - each.y / sizes.h, x1: (each.x + each.dx) / sizes.w, y1: 1 - (each.y + each.dy - 6 * Math.sign(each.dy)) / sizes.h,
  }));
  if (reference && state.y === "accuracy") {
    const [y, x] = [reference[0] / scaled("y").size, reference[1] / scaled("x").size];
    shapes.push({ type: "line", x0: x, x1: x, y0: 0, y1: 1, yref: "paper", line: { color: css("--soft"), width: 1, dash: "dot" }, opacity: 0.6, layer: "below" }, { type: "line", y0: y, y1: y, x0: 0, x1: 1, xref: "paper", line: { color: css("--soft"), width: 1, dash: "dot" }, opacity: 0.6, layer: "below" });
  }
  return Plotly.relayout(node, { annotations, shapes });
}

// The pieces of the front line, as boxes that a label must not meet.
function lineBoxes(full, sizes) {
  const line = frontOf().front.filter(shown).sort((a, b) => value(state.x, a) - value(state.x, b)), [xs, ys] = coordinates(line), boxes = [];
  for (let index = 0; index + 1 < line.length; index += 1) {
    const [x1, y1, x2, y2] = [full.xaxis.d2p(xs[index]), full.yaxis.d2p(ys[index]), full.xaxis.d2p(xs[index + 1]), full.yaxis.d2p(ys[index + 1])];
    const [cx, cy] = state.y === "accuracy" ? [x2, y1] : [x1, y2]; // the corner between them
    for (const [ax, ay, bx, by] of [[x1, y1, cx, cy], [cx, cy, x2, y2]]) boxes.push([Math.min(ax, bx) - 2, Math.min(ay, by) - 2, Math.max(ax, bx) + 2, Math.max(ay, by) + 2]);
  }
  return boxes.filter((box) => box.every(Number.isFinite) && sizes.w > 0);
}

// The error bars, as boxes that a label avoids where it can.
function barBoxes(full, places) {
  const boxes = [], tall = spread_("y"), wide = spread_("x");
  if (places.length > 400) return boxes;
  for (const place of places) {
    const [[x], [y]] = coordinates([place]);
    if (!known(x) || !known(y)) continue;
    const [left, top] = [full.xaxis.d2p(x), full.yaxis.d2p(y)], up = tall(place), side = wide(place);
    if (up) boxes.push([left - 2, full.yaxis.d2p(y + up), left + 2, full.yaxis.d2p(y - up)]);
    if (side && x > side) boxes.push([full.xaxis.d2p(x - side), top - 2, full.xaxis.d2p(x + side), top + 2]);
  }
  return boxes.filter((box) => box.every(Number.isFinite));
}
const spread_ = (axis) => (place) => spread(state[axis], place) / scaled(axis).size;

function listen(node) {
  node.dataset.heard = "yes";
  node.on("plotly_hover", (event) => {
    const point = event.points.find((each) => each.customdata !== undefined);
    if (point) readout(point.customdata);
  });
  node.on("plotly_unhover", () => readout(state.p));
  node.on("plotly_click", (event) => {
    const point = event.points.find((each) => each.customdata !== undefined);
    if (point) choose(point.customdata);
  });
  node.on("plotly_afterplot", () => reRing(node));
  let soon = 0;
  const again = () => label(node, [...Array(count()).keys()].filter(shown));
  node.on("plotly_relayout", (event) => {
    if (Object.keys(event).some((key) => key.startsWith("xaxis") || key.startsWith("yaxis"))) again();
  });
  new ResizeObserver(() => { // another window, or the text beside it has other lines
    const { clientWidth: width, clientHeight: height } = node, full = node._fullLayout;
    clearTimeout(soon);
    if (width && (Math.abs(width - full.width) > 2 || Math.abs(height - full.height) > 2)) soon = setTimeout(() => Plotly.relayout(node, { width, height }).then(again), 80);
  }).observe(node);
  node.tabIndex = 0;
  node.addEventListener("keydown", (event) => {
    const order = [...Array(count()).keys()].filter(shown).sort((a, b) => value(state.x, a) - value(state.x, b));
    const now = order.indexOf(state.p), step = { ArrowRight: now + 1, ArrowUp: now + 1, ArrowLeft: now - 1, ArrowDown: now - 1, Home: 0, End: order.length - 1 }[event.key];
    if (step === undefined || !order.length) return;
    event.preventDefault();
    choose(order[Math.min(Math.max(step, 0), order.length - 1)]);
  });
}

const ROLES = { chosen: "chosen: least energy within one point of dense", dense: "dense baseline", knee: "knee of the front" };
const rolesOf = (place) => Object.keys(ROLES).filter((name) => D.marks[name] === place);

function readout(place) {
  const regime = regimeOf(place).name, dense = D.marks.dense;
  const lines = D.metrics.map((metric) => [term({ "energy × delay": "EDP", "stored weights": "stored" }[metric.name] || metric.name, metric.name), toldOf(metric.key, place)]);
  if (dense !== null && dense !== place) lines.splice(lines.length > 1 && D.points.test_accuracy ? 3 : 2, 0, ["dense energy", `${amount(value("energy_pj", dense) / value("energy_pj", place))} ×`]);
  lines.push([term("bits", "weight bits"), D.points.bits[place]], [term("zeros", "zero weights"), percent(D.points.zeros[place])], [term("format"), D.points.format[place]]);
  if (D.study.seeds > 1 || D.points.seeds[place] > 1) lines.push([term("seeds"), `${D.points.seeds[place]} of ${D.study.seeds}`]);
  const roles = [...rolesOf(place).map((name) => ROLES[name]), ...(onFront(place) ? ["on the front"] : [])];
  const pinned = state.pins.includes(place);
  at("readout").className = `sheet card ${lookOf(regime)}`;
  at("readout").replaceChildren(
    h("span.name", null, keyOf(regime), D.points.name[place]), h("span.role", null, roles.join(" · ") || regimeOf(place).text),
    h("dl", null, lines.map(([name, text]) => h("div", null, h("dt", null, name), h("dd", null, String(text))))),
    h("div.row", null, h("button.pill", { type: "button", onclick: () => change({ pins: pinned ? state.pins.filter((each) => each !== place) : [...state.pins, place] }) }, pinned ? "do not compare" : "compare")));
}

// Where better networks would lie.
function beyond() {
  const up = metricOf(state.y).better === "max" ? "up" : "down";
  return `${up} and to the ${metricOf(state.x).better === "min" ? "left" : "right"}`;
}

function note(places) {
  const front = frontOf(), x = metricOf(state.x), hidden = count() - places.length, range = frontRange("y", places);
  const least = logarithmic("y") ? -Infinity : range[0] * scaled("y").size;
  const below = places.filter((place) => known(value(state.y, place)) && value(state.y, place) < least).length;
  const lost = places.filter((place) => !known(value(state.x, place)) || !known(value(state.y, place))).length;
  const words = front.front.length ? ["The line is the ", term("front"), `: ${beyond()} of it there is no network of this study. Pale marks are off the front.`] : ["No front is drawn for these axes: one of them must be the accuracy that networks are chosen by, the other a quantity of which less is better."];
  if (front.reference && state.y === "accuracy") words.push(" The dotted lines meet at the ", term("reference point"), "; the ", term("hypervolume"), ` is ${amount((front.hypervolume / scaled("x").size) * 100)} points × ${scaled("x").sign || x.name}.`);
  if (D.study.seeds > 1) words.push(" A mark is the mean over its seeds, its bars one standard deviation, a dot one seed.");
  if (below) words.push(` ${below} of ${places.length} networks lie below this range; the table has them.`);
  if (lost) words.push(` ${lost} networks have no number for one of these axes and are in the table only.`);
  if (hidden) words.push(` ${hidden} networks are filtered out.`);
  words.push(" Click a mark, or focus the figure and press the arrow keys. Drag to zoom.");
  at("front-note").replaceChildren(...words);
}

function frontNumbers() {
  const line = [...frontOf().front].filter(shown), x = metricOf(state.x), y = metricOf(state.y);
  tellFront();
  at("front-numbers").replaceChildren(numbers("the front", ["network", y.name, x.name], line.map((place) => [D.points.name[place], toldOf(y.key, place), toldOf(x.key, place)])));
}

function tellFront() {
  const x = metricOf(state.x), y = metricOf(state.y), line = frontOf().front;
  tell(at("front-plot"), `${y.name} against ${x.name}: ${count()} networks, ${line.length} on the front. Selected: ${D.points.name[state.p]}, ${toldOf(y.key, state.p)}, ${toldOf(x.key, state.p)}.`);
  at("front-plot").setAttribute("role", "group");
}

const FRONT = { get node() { return at("front-plot"); }, needs: ["p", "x", "y", "lx", "ly", "off", "only", "pins", "theme"], draw: (names) => drawFront(names) };
const READOUT = { get node() { return at("readout"); }, needs: ["p", "x", "y", "pins"], draw: () => readout(state.p) };
