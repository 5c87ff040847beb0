// All points as one plain table, least energy first; a click selects.
const PAGE = 200;
const ordering = { key: "energy_pj", up: true, shown: PAGE };

const COLUMNS = () => [
  { key: "name", head: "network", text: true },
  ...D.metrics.filter((metric) => ["accuracy", "test_accuracy", "energy_pj"].includes(metric.key)).map((metric) => ({ key: metric.key, minor: metric.key === "accuracy" && Boolean(D.points.test_accuracy), head: metric.key === "energy_pj" ? headOf("energy", metric.key) : metric.name.replace(" accuracy", D.points.test_accuracy ? "" : " accuracy").replace("test accuracy", "accuracy"), word: metric.name })),
  ...(D.marks.dense === null ? [] : [{ key: "ratio", head: "÷ dense", minor: true }]),
  { key: "bits", head: "bits", word: "bits" }, { key: "zeros", head: "zeros", word: "zeros" },
  ...(D.points.stored_bytes ? [{ key: "stored_bytes", head: headOf("stored", "stored_bytes"), word: "stored", minor: true }] : []),
  { key: "format", head: "format", word: "format", text: true, minor: true },
  ...(D.points.latency_cycles ? [{ key: "latency_cycles", head: "cycles", word: "cycles", minor: true }] : []),
  ...(D.points.latency_us ? [{ key: "latency_us", head: headOf("time", "latency_us"), word: "time", minor: true }] : []),
  ...(D.points.seeds.some((each) => each < D.study.seeds) ? [{ key: "seeds", head: "seeds", word: "seeds", minor: true }] : []),
];

// One unit for a whole column, that of its middle; the head names it.
function unitOf(key) {
  const { low, high, some } = extent(key);
  return key === "energy_pj" ? D.study.unit : scaleOf(metricOf(key).unit, some ? Math.sqrt(Math.max(low, high / 1e6) * high) : 0);
}
const headOf = (name, key) => `${name}, ${unitOf(key)[0]}`;

function cellOf(column, place) {
  if (["energy_pj", "stored_bytes", "latency_us"].includes(column.key)) {
    const number = value(column.key, place), wide = spread(column.key, place), [, size] = unitOf(column.key);
    return known(number) && wide && D.points.seeds[place] > 1 ? withSpread(number / size, wide / size) : amount(over(number, size));
  }
  if (column.key === "ratio") return amount(value("energy_pj", D.marks.dense) / value("energy_pj", place));
  if (column.key === "zeros") return percent(D.points.zeros[place]);
  if (column.key === "seeds") return `${D.points.seeds[place]} of ${D.study.seeds}`;
  if (column.text || column.key === "bits") return String(D.points[column.key][place]);
  return toldOf(column.key, place);
}

function sortValue(column, place) {
  if (column.key === "ratio") return -value("energy_pj", place);
  return D.points[column.key] ? D.points[column.key][place] : null;
}

function order() {
  const column = COLUMNS().find((each) => each.key === ordering.key), sign = ordering.up ? 1 : -1;
  return [...Array(count()).keys()].sort((a, b) => {
    const [one, other] = [sortValue(column, a), sortValue(column, b)];
    if (!known(one) && !column.text) return 1;
    if (!known(other) && !column.text) return -1;
    return sign * (column.text ? one.localeCompare(other, "en", { numeric: true }) : one - other) || a - b;
  });
}

function drawTable(names = []) {
  const box = at("table");
  if (names.length && names.every((name) => name === "p")) {
    for (const row of box.querySelectorAll("tbody tr")) row.setAttribute("aria-selected", String(Number(row.dataset.place) === state.p));
    return;
  }
  const columns = COLUMNS(), all = order(), some = all.slice(0, ordering.shown);
  const head = h("tr", null, columns.map((column) => {
    const sorted = column.key === ordering.key;
    return h(`th${column.text && column.key !== "name" ? ".text" : ""}${column.minor ? ".minor" : ""}`, { scope: "col", "aria-sort": sorted ? (ordering.up ? "ascending" : "descending") : null },
      h("button.sort", { type: "button", onclick: () => sortBy(column.key) }, column.head));
  }));
  const rows = some.map((place) => h(`tr${onFrontNow(place) ? ".on-front" : ""}`, { "data-place": place, "aria-selected": String(place === state.p) }, columns.map((column, index) => {
    if (!index) return h("th", { scope: "row" }, h("button", { type: "button", onclick: () => choose(place) }, keyOf(regimeOf(place).name), D.points.name[place].replaceAll(" %", `${GLUE}%`), onFrontNow(place) ? h("span.badge", null, "front") : null));
    return h(`td${column.text ? ".text" : ""}${column.minor ? ".minor" : ""}`, null, cellOf(column, place));
  })));
  const body = h("tbody", { onclick: (event) => { const row = event.target.closest("tr"); if (row) choose(Number(row.dataset.place)); } }, rows);
  const rest = all.length - some.length;
  box.replaceChildren(
    h("div.scroll", { tabindex: "0", role: "region", "aria-labelledby": "table-title" }, h("table.points", null, h("thead", null, head), body)),
    ...(rest ? [h("p.note", null, h("button.pill", { type: "button", onclick: () => { ordering.shown = Infinity; drawTable(); } }, `show the other ${rest.toLocaleString("en-US")}`))] : []));
}

let onEnergyFront = null;
function onFrontNow(place) {
  onEnergyFront = onEnergyFront || new Set(D.fronts.energy_pj.front);
  return onEnergyFront.has(place);
}

function sortBy(key) {
  ordering.up = ordering.key === key ? !ordering.up : true;
  ordering.key = key;
  drawTable();
}

function pointsTable() {
  const keys = ["name", "regime", ...D.metrics.map((metric) => metric.key), "bits", "zeros", "format", "seeds"];
  const rows = [...Array(count()).keys()].map((place) => keys.map((key) => (key === "regime" ? regimeOf(place).name : D.points[key][place])));
  const wide = Object.keys(D.spreads);
  return [[...keys, ...wide.map((key) => `${key}_std`)], ...rows.map((row, place) => [...row, ...wide.map((key) => D.spreads[key][place])])];
}

const TABLE = { get node() { return at("table"); }, needs: ["p", "theme"], draw: drawTable };
