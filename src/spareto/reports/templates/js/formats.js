// What each weight format costs: against sparsity, and for every point.
let formatMetric = "energy";

function drawFormats(names = []) {
  const box = at("formats-body");
  if (names.length && names.every((name) => name === "p") && box.childElementCount) {
    formatTable();
    return;
  }
  const made = D.curves.map(curvePanel), metrics = { energy: "energy", edp: "energy × delay" };
  box.replaceChildren(
    h("div.controls", null, Object.keys(metrics).map((name) => h("button.pill", { type: "button", "aria-pressed": String(name === formatMetric), onclick: () => { formatMetric = name; drawFormats(); } }, metrics[name])), legend(D.formats)),
    D.curves.length ? h(`div.grid${made.length >= 3 ? ".threes" : ""}`, null, made.map((each) => each.node)) : absent("Curves over sparsity need two points of the same weight width with different sparsities."),
    h("h3", null, "Energy of every point in every format"),
    h("p.note", null, `Energy per inference in ${D.study.unit[0]}. The least is marked, and all other figures use it. The last column is the best format of the chosen layer.`),
    h("div", { id: "format-table" }));
  for (const each of made) each.fill();
  formatTable();
}

function curvePanel(curve) {
  const made = panel(`${curve.bits}-bit weights`, "");
  made.fill = () => {
    const table_ = formatMetric === "energy" ? curve.energy : curve.energy.map((row, format) => row.map((each, index) => (known(each) ? each * curve.cycles[format][index] : null)));
    const unit = formatMetric === "energy" ? "pJ" : "pJ·cycles", [sign, size] = scaleOf(unit, unit === "pJ" ? Math.max(...table_.flat().filter(known), 0) : 0);
    const zeros = curve.zeros.map((share) => 100 * share);
    const shapes = ["circle", "square", "triangle-up", "diamond", "cross", "star", "x"];
    const traces = D.formats.map((name, format) => ({ x: zeros, y: table_[format].map((each) => over(each, size)), mode: "lines+markers", name: plain(name), line: { color: color(format), width: 2 }, marker: { size: 7, symbol: shapes[format % shapes.length] }, text: curve.names.map(plain), hovertemplate: `${plain(name)}, %{text}: %{y:.3g} ${sign}<extra></extra>` }));
    const crossings = formatMetric === "energy" ? curve.crossings : [];
    const apart = 0.06 * (Math.max(...zeros) - Math.min(...zeros)); // nearer ones would cover each other; the text below names all
    const marked = crossings.filter((each, index) => crossings.slice(0, index).every((other) => 100 * Math.abs(other.zeros - each.zeros) >= apart));
    const marks = crossings.length <= 4 ? marked.map((each) => ({ x: 100 * each.zeros, y: each.energy / size, text: `${(100 * each.zeros).toFixed(0)} %`, ax: 0, ay: -26, bgcolor: behind(), arrowcolor: css("--soft"), font: { size: letter(11), color: css("--soft") } })) : [];
    draw(made.plot, traces, layout(axis("zero weights (%)", {}), axis(`${formatMetric === "energy" ? "energy" : "energy × delay"} (${sign})`, {}), { annotations: marks }));
    const words = crossings.map((each) => `${each.formats[0]} and ${each.formats[1]} cost the same at ${(100 * each.zeros).toFixed(0)} % zeros (${told("pJ", each.energy)})`);
    tell(made.plot, `${formatMetric} of each format against zeros. ${words.join("; ") || "No two cheapest formats cross."}`);
    made.extra.replaceChildren(h("p.note", null, words.length ? `${words.join("; ")}.` : "The cheapest format is the same over this range."),
      numbers(`${curve.bits}-bit weights`, ["network", "zeros", ...D.formats], curve.names.map((name, index) => [name, percent(curve.zeros[index]), ...table_.map((row) => amount(over(row[index], size)))])));
  };
  return made;
}

function formatTable() {
  const places = order().filter((place) => D.formatCosts[place]).slice(0, PAGE);
  const rows = places.map((place) => {
    const energies = D.formatCosts[place].energy, least = Math.min(...energies.filter(known)), cost = costOf(place);
    return {
      attributes: { "aria-selected": String(place === state.p) },
      cells: [h("button", { type: "button", onclick: () => choose(place) }, keyOf(regimeOf(place).name), D.points.name[place]), ...energies.map((each) => amount(over(each, D.study.unit[1]))), cost ? cost.format[state.layer] || "–" : "–"],
      classes: [null, ...energies.map((each) => (each === least ? "least" : null))],
    };
  });
  at("format-table").replaceChildren(table(["network", ...D.formats.map((name) => term(name)), "stored as"], rows, { kind: "least-table", name: "Energy by format" }));
}

const FORMATS = { get node() { return at("formats"); }, needs: ["p", "layer", "theme"], draw: drawFormats };
