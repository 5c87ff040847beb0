// One point: its recipe, its training, its errors, and where its energy goes.
function drawPoint() {
  for (const node of document.querySelectorAll(".chosen-name")) node.replaceChildren(keyOf(regimeOf(state.p).name), D.points.name[state.p]);
  at("point-findings").replaceChildren(...(D.findings[state.p] || []).map((sentence) => h("li", null, sentence)));
  const made = [], details = D.details[state.p];
  if (costOf(state.p)) made.push(energyPanel(state.p), cyclesPanel(state.p), bytesPanel(state.p));
  else made.push({ node: absent(LEFT_OUT) });
  if (details && details.epochs.length) made.push(trainingPanel(details.epochs));
  if (details && details.confusion.length) made.push(confusionPanel(details.confusion));
  made.push(usePanel(state.p), recipePanel(state.p));
  at("point-grid").replaceChildren(...made.map((each) => each.node));
  for (const each of made) if (each.fill) each.fill();
}

function trainingPanel(epochs) {
  const validated = epochs.some((epoch) => known(epoch.accuracy));
  const made = panel("Training", `Loss of each epoch of the training by this recipe${validated ? "; dotted, the accuracy on held-out samples" : ""}.`);
  made.fill = () => {
    const x = epochs.map((epoch) => epoch.epoch);
    const traces = [{ x, y: epochs.map((epoch) => epoch.loss), name: "loss", mode: "lines+markers", line: { color: css("--accent"), width: 2 }, hovertemplate: "epoch %{x}: loss %{y:.4g}<extra></extra>" }];
    if (validated) traces.push({ x, y: epochs.map((epoch) => over(epoch.accuracy, 0.01)), yaxis: "y2", name: "accuracy", mode: "lines+markers", line: { color: css("--c2"), dash: "dot" }, hovertemplate: "epoch %{x}: %{y:.1f} %<extra></extra>" });
    draw(made.plot, traces, layout(axis("epoch", { dtick: Math.max(1, Math.ceil(epochs.length / 8)) }), axis("loss", { rangemode: "tozero" }), { yaxis2: axis("accuracy (%)", { overlaying: "y", side: "right", tickmode: "auto", nticks: 6, rangemode: "tozero", gridcolor: "rgba(0,0,0,0)" }), margin: { l: 56, r: validated ? 56 : 18, t: 10, b: 44 } }));
    tell(made.plot, `Training loss from ${amount(epochs[0].loss)} to ${amount(epochs[epochs.length - 1].loss)} in ${epochs.length} epochs.`);
    made.extra.replaceChildren(numbers("training", ["epoch", "loss", "learning rate", "held-out accuracy"], epochs.map((epoch) => [String(epoch.epoch), amount(epoch.loss), epoch.learning_rate.toPrecision(3), percent(epoch.accuracy)])));
  };
  return made;
}

function confusionPanel(rows) {
  const made = panel("Confusion", `${D.study.split[0].toUpperCase()}${D.study.split.slice(1)} samples by their class (down) and the answer (across).`);
  made.fill = () => {
    const largest = Math.max(...rows.flat(), 1), classes = rows.map((_, index) => String(index));
    const text = rows.length <= 20 ? rows.flatMap((row, y) => row.map((each, x) => (each ? { x, y, text: String(each), showarrow: false, font: { size: letter(11), color: each > 0.55 * largest ? "#fff" : css("--ink") } } : null))).filter(Boolean) : [];
    draw(made.plot, [{ type: "heatmap", z: rows, x: classes.map(Number), y: classes.map(Number), zmin: 0, zmax: largest, showscale: false, xgap: 1, ygap: 1, colorscale: [[0, css("--sheet")], [1, `rgb(${css("--cell")})`]], hovertemplate: "class %{y}, answer %{x}: %{z}<extra></extra>" }],
      layout(axis("answer", { dtick: rows.length > 20 ? 10 : 1, gridcolor: "rgba(0,0,0,0)" }), axis("class", { autorange: "reversed", dtick: rows.length > 20 ? 10 : 1, gridcolor: "rgba(0,0,0,0)" }), { annotations: text, margin: { l: 48, r: 12, t: 8, b: 42 } }));
    const all = sum(rows.flat()), right = sum(rows.map((row, index) => row[index]));
    tell(made.plot, `Confusion matrix: ${right} of ${all} samples right.`);
    made.extra.replaceChildren(numbers("confusion", ["class", ...classes], rows.map((row, index) => [String(index), ...row.map(String)])));
  };
  return made;
}

function copy(text) {
  const button = h("button.ghost", { type: "button", onclick: () => navigator.clipboard.writeText(text).then(() => { button.textContent = "copied"; setTimeout(() => (button.textContent = "copy"), 1500); }, () => select(button.parentElement.parentElement.querySelector("pre"))) }, "copy");
  return button;
}

function select(node) {
  const range = document.createRange();
  range.selectNodeContents(node);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
}

const code = (title, about, text) =>
  h("div.sheet", null, h("div.panel-head", null, h("div", null, h("h3", { style: { margin: "0" } }, title), about ? h("p", null, about) : null), h("div", null, copy(text))), h("pre", { tabindex: "0" }, text));

function usePanel(place) {
  const path = D.networks[place];
  if (path === undefined) return { node: absent(LEFT_OUT) };
  if (!path) return { node: h("div.sheet", null, h("h3", { style: { margin: "0" } }, "Use this point"), absent("The run folder holds no network of this point.")) };
  const python = `import spareto\n\nnetwork = spareto.load_network(${JSON.stringify(path)})\nspareto.bake(network)    # in place: plain torch layers with the weights as stored`;
  const workload = D.workloads[place], shell = workload && `spareto cost ${quoted(workload)} --compare`;
  const both = h("div.sheet", null, h("h3", { style: { margin: "0" } }, "Use this point"),
    h("div.panel-head", null, h("p", null, "In Python: this very network, its first seed."), copy(python)), h("pre.wrap", { tabindex: "0" }, python),
    ...(shell ? [h("div.panel-head", null, h("p", null, "In a shell: its cost on every accelerator."), copy(shell)), h("pre.wrap", { tabindex: "0" }, shell)] : []));
  return { node: both };
}

const quoted = (path) => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);

function recipePanel(place) {
  const text = D.recipes[place];
  return { node: text === undefined ? absent(LEFT_OUT) : code("Recipe", "The whole plan of this point, for a recipe file.", text) };
}

const POINT = { get node() { return at("point"); }, needs: ["p", "layer", "theme", "split"], draw: drawPoint };
