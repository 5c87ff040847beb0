// Where energy and cycles of the selected point go.
const SPLITS = { component: { names: () => D.components, rows: "energy" }, purpose: { names: () => D.parts, rows: "parts" }, movement: { names: () => D.purposes, rows: "purposes" } };
let split = "component";

const costOf = (place) => D.costs[place];
const absent = (what) => h("p.missing", null, what);
const LEFT_OUT = "This page shows many points, so the parts of this one are left out to keep the file small. Write a report of fewer points to see them.";

function stackedLayers(target, place) {
  const cost = costOf(place), { names, rows } = SPLITS[split], table = cost[rows], labels = names();
  const [sign, size] = scaleOf("pJ", Math.max(...table.map(sum), 0));
  const totals = table.map(sum), whole = sum(totals) || 1;
  const order = D.layers.map((_, index) => index);
  const traces = labels.map((name, column) => ({
    type: "bar", orientation: "h", name: plain(name), x: order.map((row) => (table[row][column] || 0) / size), y: order.map((row) => row), customdata: order,
    text: order.map((row) => `${plain(name)}: ${told("pJ", table[row][column])}, ${percent((table[row][column] || 0) / whole)} of all`), hovertemplate: "%{text}<extra></extra>", textposition: "none",
    marker: { color: color(column), line: { width: 0.5, color: css("--sheet") } },
  }));
  const ends = order.map((row) => ({ x: totals[row] / size, y: row, text: told("pJ", totals[row]), showarrow: false, xanchor: "left", xshift: 4, font: { size: letter(12), color: css("--soft") } }));
  const ticks = { tickvals: order, ticktext: order.map((row) => plain(short(D.layers[row], 22))), gridcolor: "rgba(0,0,0,0)", autorange: "reversed" };
  target.style.height = `${letter(90 + 34 * D.layers.length)}px`;
  draw(target, traces, layout(axis(`energy per inference (${sign})`, { range: [0, (Math.max(...totals) / size) * withRoom(target, 90) || 1] }), axis("", ticks), { barmode: "stack", meta: { names: D.layers }, annotations: ends, margin: { l: 90, r: 30, t: 6, b: 44 } }));
  pickLayer(target);
  tell(target, `Energy of ${D.points.name[place]} by layer: ${D.layers.map((name, row) => `${name} ${told("pJ", totals[row])}`).join(", ")}.`);
  return numbers("energy by layer", ["layer", ...labels, "total"], D.layers.map((name, row) => [name, ...table[row].map((each) => told("pJ", each)), told("pJ", totals[row])]));
}

function pickLayer(target) {
  if (target.dataset.heard) return;
  target.dataset.heard = "yes";
  target.on("plotly_click", (event) => chooseLayer(event.points[0].customdata));
}

function energyPanel(place) {
  const made = panel("Energy per layer", "Choose a split; click a bar to choose its layer.", { wide: true });
  const names = { component: "by component", purpose: "by what moves", movement: "computing or moving" };
  const buttons = h("div.controls", null, Object.keys(SPLITS).map((name) => h("button.pill", { type: "button", "aria-pressed": String(name === split), onclick: () => { split = name; change({ split }); } }, names[name])));
  made.plot.before(buttons, legend(SPLITS[split].names()));
  made.fill = () => made.extra.replaceChildren(stackedLayers(made.plot, place));
  return made;
}

function bars(target, place, values, unit, title, extra) {
  const largest = Math.max(...values.filter(known), 0), [sign, size] = scaleOf(unit, largest);
  const order = D.layers.map((_, index) => index);
  const strong = order.map((row) => (row === state.layer ? 1 : 0.55));
  target.style.height = `${letter(80 + 30 * D.layers.length)}px`;
  draw(target, [{ type: "bar", orientation: "h", x: order.map((row) => over(values[row], size)), y: order, customdata: order, name: title, marker: { color: css("--accent"), opacity: strong }, hoverinfo: "skip" }, ...(extra ? extra(order, size) : [])],
    layout(axis(`${title}${sign ? ` (${sign})` : ""}`, { range: [0, (largest / size) * withRoom(target, 90) || 1] }), axis("", { tickvals: order, ticktext: order.map((row) => plain(short(D.layers[row], 22))), gridcolor: "rgba(0,0,0,0)", autorange: "reversed" }), {
      barmode: "overlay", meta: { names: D.layers }, margin: { l: 90, r: 20, t: 6, b: 44 },
      annotations: order.map((row) => ({ x: over(values[row], size) || 0, y: row, text: told(unit, values[row]), showarrow: false, xanchor: "left", xshift: 4, font: { size: letter(12), color: css("--soft") } })),
    }));
  pickLayer(target);
}

function cyclesPanel(place) {
  const made = panel("Cycles per layer", "The table says what decides them. The chosen layer is strong."), cost = costOf(place);
  made.fill = () => {
    bars(made.plot, place, cost.cycles, "cycles", "per inference");
    tell(made.plot, `Cycles by layer: ${D.layers.map((name, row) => `${name} ${told("cycles", cost.cycles[row])}`).join(", ")}.`);
    const time = D.study.clock_mhz ? (cycles) => told("us", cycles / D.study.clock_mhz) : () => "–";
    made.extra.replaceChildren(table(["layer", "cycles", "time", "bound by"], D.layers.map((name, row) => ({ cells: [name, told("cycles", cost.cycles[row]), time(cost.cycles[row]), cost.bound[row] || "–"] })), { name: "Cycles per layer" }));
  };
  return made;
}

function bytesPanel(place) {
  const made = panel("Stored weights", "With the metadata that says where the zeros are. The chosen layer is strong."), cost = costOf(place);
  made.plot.before(legend(["stored", "metadata"], (column) => css(column ? "--c2" : "--accent")));
  made.fill = () => {
    bars(made.plot, place, cost.stored, "bytes", "stored weights", (order, size) => [{ type: "bar", orientation: "h", x: order.map((row) => over(cost.metadata[row], size)), y: order, name: "metadata", marker: { color: css("--c2") }, hoverinfo: "skip" }]);
    tell(made.plot, `Stored bytes by layer: ${D.layers.map((name, row) => `${name} ${told("bytes", cost.stored[row])}`).join(", ")}.`);
    made.extra.replaceChildren(table(["layer", "stored", "of it metadata", "format"], D.layers.map((name, row) => ({ cells: [name, told("bytes", cost.stored[row]), told("bytes", cost.metadata[row]), h("span", null, term(cost.format[row]))] })), { name: "Stored weights per layer" }));
  };
  return made;
}
