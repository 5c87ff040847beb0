// The layers of the selected point, one of them chosen.
function drawLayers() {
  const facts = D.layerFacts[state.p], made = [];
  if (!facts) {
    at("layers-grid").replaceChildren(absent(LEFT_OUT));
    return;
  }
  made.push(overview(facts), activityPanel(), histogramPanel());
  at("layers-grid").replaceChildren(...made.map((each) => each.node));
  for (const each of made) if (each.fill) each.fill();
  drawSamples();
}

function overview(facts) {
  const silence = Object.fromEntries(((D.details[state.p] || {}).silence || []).map((each) => [each.name, each]));
  const rows = D.layers.map((name, place) => {
    const fact = facts[place], quiet = silence[name];
    if (!fact) return { cells: [name, ...Array(7).fill("–")] };
    const cells = [h("button", { type: "button", "aria-pressed": String(place === state.layer), onclick: () => chooseLayer(place) }, name), fact.weights.toLocaleString("en-US"), String(fact.bits), percent(fact.weight_sparsity), percent(fact.firing_rate_in), percent(fact.firing_rate_out), told("operations", fact.effectual_synops), quiet ? `${quiet.silent} of ${quiet.neurons}` : "–"];
    return { cells, attributes: { "aria-selected": String(place === state.layer) } };
  });
  const heads = ["layer", "weights", term("bits"), term("zeros"), "firing in", "firing out", term("SynOps"), term("silent neurons", "silent")];
  return { node: h("div.wide", null, table(heads, rows, { name: "Layers", kind: "layers" })) };
}

function activityPanel() {
  const activity = D.activity[state.p], made = panel("Firing rate over the timesteps", `Share of a layer's outputs that spike, mean over the ${D.study.split} samples; the chosen layer is strong.`);
  const lines = (activity || []).filter((layer) => layer.rates.length);
  if (!lines.length) {
    without(made, absent(activity === undefined ? LEFT_OUT : "The run folder holds no workload of this point."));
    return made;
  }
  made.fill = () => {
    const chosen = D.layers[state.layer];
    const traces = lines.map((layer) => ({ x: layer.rates.map((_, step) => step + 1), y: layer.rates.map((rate) => 100 * rate), mode: "lines+markers", name: plain(layer.name), line: { width: layer.name === chosen ? 3 : 1.5, color: layer.name === chosen ? css("--accent") : css("--soft") }, opacity: layer.name === chosen ? 1 : 0.6, hovertemplate: `${plain(layer.name)}, timestep %{x}: %{y:.1f} %<extra></extra>` }));
    const ends = lines.map((layer) => ({ x: layer.rates.length, y: 100 * layer.rates[layer.rates.length - 1], text: plain(short(layer.name, 18)), showarrow: false, xanchor: "left", xshift: 8, font: { size: letter(11), color: layer.name === chosen ? css("--accent") : css("--soft") } }));
    draw(made.plot, traces, layout(axis("timestep", { dtick: Math.max(1, Math.ceil(lines[0].rates.length / 10)), range: [0.7, lines[0].rates.length + 0.2] }), axis("firing rate (%)", { rangemode: "tozero" }), { annotations: ends, margin: { l: 52, r: 120, t: 10, b: 44 } }));
    tell(made.plot, `Firing rate over the timesteps: ${lines.map((layer) => `${layer.name} from ${percent(layer.rates[0])} to ${percent(layer.rates[layer.rates.length - 1])}`).join("; ")}.`);
    made.extra.replaceChildren(numbers("firing rate", ["layer", ...lines[0].rates.map((_, step) => String(step + 1))], lines.map((layer) => [layer.name, ...layer.rates.map(percent)])));
  };
  return made;
}

function histogramPanel() {
  const details = D.details[state.p], name = D.layers[state.layer];
  const found = details && details.weights.find((each) => each.name === name);
  const made = panel("Weights before and after", `${name || "layer"}: grey, the dense network; blue, this point without its zeros; lines, its levels.`);
  if (!found) {
    without(made, absent(details === undefined ? LEFT_OUT : "This point was stored without its weights' distribution. Points of newer runs have it."));
    return made;
  }
  made.fill = () => {
    const step = (found.high - found.low) / found.before.length, x = found.before.map((_, index) => found.low + (index + 0.5) * step);
    const tall = Math.max(...found.before, ...found.after, 1);
    const levels = found.levels.length <= 64 ? found.levels.map((level) => ({ type: "line", x0: level, x1: level, y0: 0, y1: 1, yref: "paper", line: { width: 1, color: css("--accent") }, opacity: 0.35, layer: "below" })) : [];
    draw(made.plot, [
      { type: "bar", x, y: found.before, name: "before", width: step, marker: { color: css("--soft") }, opacity: 0.45, hovertemplate: "before, near %{x:.3g}: %{y}<extra></extra>" },
      { type: "bar", x, y: found.after, name: "after", width: step, marker: { color: css("--accent") }, opacity: 0.75, hovertemplate: "after, near %{x:.3g}: %{y}<extra></extra>" },
    ], layout(axis("weight", {}), axis("weights", { range: [0, tall * 1.08] }), { barmode: "overlay", bargap: 0, shapes: levels }));
    tell(made.plot, `Weights of ${name}: ${found.zeros} zeros of ${sum(found.before)}, ${found.levels.length || "many"} distinct values.`);
    made.extra.replaceChildren(h("p.note", null, `${found.zeros.toLocaleString("en-US")} of ${sum(found.before).toLocaleString("en-US")} weights are zero. ${found.levels.length ? `${found.levels.length} distinct values.` : "Too many distinct values to draw."}`),
      numbers("weights", ["near", "before", "after"], x.map((each, index) => [each.toPrecision(3), String(found.before[index]), String(found.after[index])])));
  };
  return made;
}

function drawZeros() {
  const places = order().filter((place) => D.layerFacts[place]).slice(0, PAGE);
  const rows = places.map((place) => {
    const facts = D.layerFacts[place];
    return { cells: [h("span", null, keyOf(regimeOf(place).name), D.points.name[place]), ...facts.map((fact) => (fact ? (100 * fact.weight_sparsity).toFixed(0) + GLUE + "%" : "–"))], place, facts };
  });
  const made = table(["network", ...D.layers], rows, { kind: "cells", name: "Zero weights by point and layer" });
  const body = made.querySelector("tbody");
  rows.forEach((row, index) => row.facts.forEach((fact, layer) => {
    const cell = body.rows[index].cells[layer + 1];
    if (!fact) return;
    cell.style.setProperty("--share", `${100 * fact.weight_sparsity}%`);
    cell.classList.toggle("picked", row.place === state.p && layer === state.layer);
    cell.replaceChildren(h("button", { type: "button", "aria-label": `${D.points.name[row.place]}, ${D.layers[layer]}: ${percent(fact.weight_sparsity)} zeros`, onclick: () => change({ p: row.place, layer }) }, cell.textContent));
  }));
  const left = count() - places.length;
  at("zeros").replaceChildren(made, left ? h("p.note", null, `${left.toLocaleString("en-US")} more points are in the table of all points.`) : "");
}

const LAYERS = { get node() { return at("layers"); }, needs: ["p", "layer", "theme"], draw: drawLayers };
const ZEROS = { get node() { return at("zeros"); }, needs: ["p", "layer"], draw: drawZeros };
