// What is chosen. It stands in the address, so that a link shows the same.
const START = () => ({ x: "energy_pj", y: "accuracy", lx: null, ly: false, off: new Set(), only: false, pins: [], view: "" });
const state = { p: 0, layer: 0, ...START() };

function readAddress() {
  const words = new URLSearchParams(location.hash.slice(1));
  if (location.hash.includes("=")) Object.assign(state, START()); // what a link does not name is as at first
  const place = (id) => D.points.id.findIndex((each) => id && each.startsWith(id));
  const chosen = place(words.get("p")), layer = D.layers.indexOf(words.get("l"));
  if (chosen >= 0) state.p = chosen;
  if (layer >= 0) state.layer = layer;
  for (const axis of ["x", "y"]) if (D.metrics.some((metric) => metric.key === words.get(axis))) state[axis] = words.get(axis);
  if (words.has("log")) state.lx = words.get("log").includes("x");
  if (words.has("log")) state.ly = words.get("log").includes("y");
  if (words.get("hide")) state.off = new Set(words.get("hide").split(",").map((name) => D.regimes.findIndex((regime) => regime.name === name)).filter((each) => each >= 0));
  state.only = words.get("only") === "front";
  if (words.get("c")) state.pins = words.get("c").split(",").map(place).filter((each) => each >= 0);
  if (["light", "dark"].includes(words.get("theme"))) document.documentElement.dataset.theme = words.get("theme");
  const view = words.get("v") || location.hash.slice(1);
  state.view = document.querySelector(`.views a[href="#${CSS.escape(view)}"]`) ? view : "";
}

function writeAddress() {
  const words = new URLSearchParams();
  if (state.view) words.set("v", state.view);
  words.set("p", D.points.id[state.p].slice(0, 8));
  if (D.layers.length) words.set("l", D.layers[state.layer]);
  if (state.x !== "energy_pj") words.set("x", state.x);
  if (state.y !== "accuracy") words.set("y", state.y);
  if (state.lx !== null || state.ly) words.set("log", (logarithmic("x") ? "x" : "") + (state.ly ? "y" : ""));
  if (state.off.size) words.set("hide", [...state.off].map((place) => D.regimes[place].name).join(","));
  if (state.only) words.set("only", "front");
  if (state.pins.length) words.set("c", state.pins.map((place) => D.points.id[place].slice(0, 8)).join(","));
  if (document.documentElement.dataset.theme) words.set("theme", document.documentElement.dataset.theme);
  history.replaceState(null, "", `#${words.toString().replaceAll("%2C", ",")}`);
}

// Values that differ by more than a factor of three crowd in a corner of a linear axis.
function logarithmic(axis) {
  const chosen = axis === "x" ? state.lx : state.ly, key = state[axis];
  const { low, high, some, positive } = extent(key);
  if (!some || !positive) return false;
  return chosen === null ? high / low > 3 : chosen;
}

function change(what) {
  Object.assign(state, what);
  writeAddress();
  redraw(views.filter((view) => view.needs.some((name) => name in what)), Object.keys(what));
}

// What is in sight is drawn now, the rest when there is time or it comes into sight.
const waiting = new Map();
let idle = 0;
const inSight = (node) => {
  const box = node.getBoundingClientRect();
  return box.bottom > -50 && box.top < window.innerHeight + 50;
};

// All are asked where they are before any is drawn: else each would have the page laid out again.
function redraw(some, names) {
  const now = some.filter((view) => inSight(view.node));
  for (const view of some) {
    if (now.includes(view)) {
      waiting.delete(view);
      view.draw(names);
    } else waiting.set(view, [...(waiting.get(view) || []), ...names]);
  }
  if (waiting.size && !idle) idle = later(work);
}

const later = (task) => (window.requestIdleCallback ? requestIdleCallback(task, { timeout: 400 }) : setTimeout(task, 30));

function work() {
  idle = 0;
  const next = [...waiting.keys()].find((view) => inSight(view.node)) || [...waiting.keys()][0];
  if (!next) return;
  const names = waiting.get(next);
  waiting.delete(next);
  next.draw(names);
  if (waiting.size) idle = later(work);
}

function settled() {
  while (waiting.size) work();
}

const choose = (place) => place !== state.p && change({ p: place });
const chooseLayer = (place) => place !== state.layer && change({ layer: place });
