// The accelerator: its levels, how a layer runs on it, and the same networks on others.
function drawHardware(names = []) {
  const box = at("hardware-body");
  if (names.length && !names.includes("theme") && box.childElementCount) {
    shares();
    mapping();
    return;
  }
  if (!D.machine) {
    box.replaceChildren(absent("This study was stored without its accelerator. Run it again with this version: nothing is trained anew, and the page will draw it."));
    return;
  }
  const machine = D.machine, others = D.others ? [othersPanel()] : [];
  box.replaceChildren(
    h("p.lead", null, h("strong", null, machine.name), ` · ${machine.about}`),
    h("p.note", null, [machine.principle, machine.technology ? `${machine.technology.value} ${machine.technology.unit}` : "", machine.clock_mhz ? `${machine.clock_mhz} MHz` : ""].filter(Boolean).join(" · ") + ". The share is that of the selected point's energy. Open a level for its numbers and their sources."),
    h("ul.levels", { id: "levels" }, machine.parts.map(level)),
    h("h3", null, "How the chosen layer runs on it"), h("div", { id: "mapping" }),
    ...(others.length ? [h("h3", null, "The same networks on other accelerators"), h("p.note", null, "Costed from the stored workloads, each layer in its best format. Energies of different kinds of accelerator do not hold the same things, so compare within a kind."), h("div.grid", null, others.map((each) => each.node)), othersTable()] : []));
  for (const each of others) each.fill();
  shares();
  mapping();
}

function level(part, place) {
  const size = known(part.bytes) ? `${told("bytes", part.bytes)} each` : "";
  const fact = (name) => part.facts.find((each) => each.name === name);
  const short_ = (name, label) => { const found = fact(name); return found ? `${label} ${amount(found.value)} ${found.unit}` : ""; };
  const head = [short_("instances", "×").replace(" instances", "").replace(/\.0+$/, ""), size, part.keeps ? `holds ${part.keeps.join(", ")}` : "", short_("read energy", "read"), short_("write energy", "write"), short_("read bandwidth", "reads")].filter(Boolean);
  const index = D.components.indexOf(part.name);
  return h("li", { "data-part": part.name, style: { "--depth": Math.min(place, 7), "--c": index >= 0 ? color(index) : css("--rule") } },
    h("div.head", null, h("b", null, part.name), ...head.map((text) => h("span", null, text)), h("span.share", null, "")),
    part.about ? h("div.note", { style: { margin: "0" } }, part.about) : null,
    part.facts.length ? h("details", null, h("summary", null, "numbers and sources"), table(["what", "value", "source"], part.facts.map((each) => ({ cells: [each.name, `${each.value} ${each.unit}`, each.source] })), { name: `Numbers of ${part.name}` })) : null);
}

function shares() {
  const cost = costOf(state.p);
  if (!at("levels") || !cost) return;
  const totals = D.components.map((_, column) => sum(cost.energy.map((row) => row[column]))), whole = sum(totals) || 1;
  for (const item of at("levels").children) {
    const column = D.components.indexOf(item.dataset.part);
    item.querySelector(".share").textContent = column < 0 ? "" : `${percent(totals[column] / whole)} · ${told("pJ", totals[column])}`;
  }
}

function mapping() {
  if (!at("mapping")) return;
  const found = D.mappings[state.p], told_ = found && (found.find((each) => each.layer === D.layers[state.layer]) || found[0]);
  at("mapping").replaceChildren(...(told_ ? [h("p.note", null, `${told_.layer}: the fixed `, term("loop nest"), ". Each level lists what it holds, then its loops from the outside in; “side by side” runs on several units at once."), h("pre", { tabindex: "0" }, told_.lines.join("\n"))] : [absent(found === undefined ? LEFT_OUT : "This accelerator has no loop nest, or the workload of this point is not stored.")]));
}

// Symbol, sign and colour of each kind of accelerator.
const KINDS = [["circle", "●", "--quantize"], ["square", "■", "--prune"], ["diamond", "◆", "--cumulative"], ["triangle-up", "▲", "--joint"], ["cross", "✚", "--epitome"], ["triangle-down", "▼", "--c6"], ["star", "★", "--dense"], ["hexagon", "⬢", "--c5"]];

function othersPanel() {
  const made = panel("Energy against time", "Log axes; up and to the right is worse. Filled: the chosen network, open: dense. Colour and shape are the kind of accelerator.", { wide: true, size: "tall" });
  made.plot.before(h("ul.swatches", { id: "kinds" }));
  made.fill = () => {
    const rows = D.others.rows.filter((row) => row.costs.length && row.costs.every((cost) => known(cost.latency_us)));
    const kinds = [...new Set(D.others.rows.map((row) => row.kind))], last = D.others.networks.length - 1;
    const traces = D.others.networks.flatMap((name, network) => kinds.map((kind, index) => {
      const own = rows.filter((row) => row.kind === kind), [symbol, , paint] = KINDS[index % KINDS.length];
      return { x: own.map((row) => row.costs[network].latency_us), y: own.map((row) => row.costs[network].energy_pj / 1e6), mode: "markers", marker: { size: 10, symbol: symbol + (network === last ? "" : "-open"), color: css(paint) }, name: `${plain(kind)}, ${plain(name)}`, text: own.map((row) => `${plain(row.name)}, ${plain(name)}: ${told("pJ", row.costs[network].energy_pj)}, ${told("us", row.costs[network].latency_us)}`), hovertemplate: "%{text}<extra></extra>" };
    }));
    made.node.querySelector("#kinds").replaceChildren(...kinds.map((kind, index) => h("li", null, h("span", { "aria-hidden": "true", style: { color: `var(${KINDS[index % KINDS.length][2]})` } }, KINDS[index % KINDS.length][1]), " ", term(kind))));
    const limits = (values) => [Math.log10(Math.min(...values) / 2.2), Math.log10(Math.max(...values) * 2.2)];
    const xs = limits(traces.flatMap((trace) => trace.x)), ys = limits(traces.flatMap((trace) => trace.y));
    draw(made.plot, traces, layout(axisOf("time of one inference (µs, log scale)", { type: "log", range: xs }, true, xs, roomAcross(made.plot)), axisOf("energy (µJ, log scale)", { type: "log", range: ys }, true, ys), { margin: { l: 60, r: 20, t: 10, b: 46 } }));
    const full = made.plot._fullLayout, wanted = rows.map((row) => ({ text: row.name, x: full.xaxis.d2p(row.costs[last].latency_us), y: full.yaxis.d2p(row.costs[last].energy_pj / 1e6), bold: row.name === D.machine.name }));
    const marks = rows.flatMap((row) => row.costs.map((cost) => [full.xaxis.d2p(cost.latency_us), full.yaxis.d2p(cost.energy_pj / 1e6)]));
    const size = full._size;
    Plotly.relayout(made.plot, { annotations: placeLabels(wanted, marks, [], size.w, size.h).map((each) => ({ x: each.x / size.w, y: 1 - each.y / size.h, xref: "x domain", yref: "y domain", text: each.bold ? `<b>${plain(each.text)}</b>` : plain(each.text), showarrow: false, xanchor: each.side, yanchor: "middle", xshift: each.dx, yshift: -each.dy, bgcolor: behind(), font: { size: letter(11), color: css("--soft") } })) });
    tell(made.plot, `Energy against time on ${rows.length} accelerators; the table below has the numbers.`);
  };
  return made;
}

function othersTable() {
  const names = D.others.networks, kinds = [...new Set(D.others.rows.map((row) => row.kind))];
  const energy_ = (row) => (row.costs.length ? row.costs[row.costs.length - 1].energy_pj : Infinity);
  const sorted = [...D.others.rows].sort((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind) || energy_(a) - energy_(b) || 0);
  const rows = sorted.map((row) => ({
    cells: [row.name, row.kind, ...(row.costs.length ? row.costs.flatMap((cost) => [told("pJ", cost.energy_pj), known(cost.latency_us) ? told("us", cost.latency_us) : told("cycles", cost.latency_cycles)]) : [row.problem, ...Array(2 * names.length - 1).fill("")])],
    classes: [null, "text.minor"],
  }));
  return table(["accelerator", "kind", ...names.flatMap((name) => [`energy, ${short(name, 24)}`, "time"])], rows, { name: "Other accelerators", kind: "others", text: [1], minor: [1] });
}

const HARDWARE = { get node() { return at("hardware"); }, needs: ["p", "layer", "theme"], draw: drawHardware };
