// Points side by side, each as a difference from the first.
function drawCompare() {
  const box = at("compare-body");
  const fallback = [D.marks.dense, D.marks.chosen].filter((place) => place !== null);
  const places = [...new Set([...(state.pins.length ? state.pins : fallback), state.p])].slice(0, 8);
  const add = h("select", { "aria-label": "Add a point to compare", onchange: (event) => event.target.value !== "" && change({ pins: [...new Set([...places, Number(event.target.value)])] }) },
    h("option", { value: "" }, "add a point …"), order().filter((place) => !places.includes(place)).slice(0, 1000).map((place) => h("option", { value: place }, D.points.name[place])));
  const head = h("div.controls", null, places.map((place) => h("span.pill", null, keyOf(regimeOf(place).name), D.points.name[place], places.length > 1 ? h("button", { type: "button", "aria-label": `Do not compare ${D.points.name[place]}`, onclick: () => change({ pins: places.filter((each) => each !== place), ...(state.p === place ? { p: places.find((each) => each !== place) } : {}) }) }, "\u00a0×") : null)), add);
  const rows = [...D.metrics.map((metric) => ({ name: metric.name, read: (place) => toldOf(metric.key, place), raw: (place) => value(metric.key, place), wide: (place) => ((D.sampling[metric.key] || [])[place] || spread(metric.key, place)), better: metric.better, share: metric.unit === "share" })),
    { name: "weight bits", read: (place) => String(D.points.bits[place]), raw: (place) => D.points.bits[place] }, { name: "zero weights", read: (place) => percent(D.points.zeros[place]), raw: (place) => D.points.zeros[place], share: true }];
  const [first] = places;
  const cells = rows.map((row) => ({ cells: [row.name, row.read(first), ...places.slice(1).map((place) => h("span", null, row.read(place), " ", change_(row, first, place)))] }));
  const made = places.every((place) => costOf(place)) ? comparePanel(places) : { node: absent(LEFT_OUT) };
  box.replaceChildren(head, table(["", ...places.map((place) => D.points.name[place])], cells, { name: "Compared points", kind: "compared", caption: `Differences are from ${D.points.name[first]}. A difference within the spread is told as alike; the spread is that of the seeds, or of counting samples where there is one seed.` }), h("div.grid", { style: { "margin-top": "16px" } }, made.node));
  if (D.beside) box.append(besidePanel(D.beside));
  if (made.fill) made.fill();
}

// Recipes of this study and of another one.
function besidePanel(other) {
  const [one, two] = other.titles;
  const share = ([before, now], alike) => (alike ? "alike" : `${now >= before ? "+" : "−"}${(100 * Math.abs(now - before)).toFixed(1)} points`);
  const change = ([before, now], alike) => (alike ? "alike" : before ? `${now >= before ? "+" : "−"}${amount((100 * Math.abs(now - before)) / before)} %` : "");
  const rows = other.rows.map((row) => ({ cells: [row.name, ...row.accuracy.map(percent), share(row.accuracy, row.alike[0]), ...row.energy.map((each) => told("pJ", each)), change(row.energy, row.alike[1])] }));
  const only = other.alone.flatMap((names, place) => (names.length ? [`Only in ${other.titles[place]}: ${names.join(", ")}.`] : []));
  return h("div", { style: { "margin-top": "24px" } }, h("h3", null, `This study beside ${two}`), [...other.differ, ...only].map((text) => h("p.note", null, text)),
    rows.length ? table(["", `accuracy, ${one}`, two, "difference", `energy, ${one}`, two, "change"], rows, { name: `Recipes of ${one} and ${two}`, caption: `Recipes of both studies; differences are from ${one} to ${two}. A difference within its spread is told as alike.` }) : h("p.note", null, "They have no recipe in common."));
}

function change_(row, first, place) {
  const before = row.raw(first), now = row.raw(place);
  if (!known(before) || !known(now)) return "";
  const wide = row.wide ? Math.hypot(row.wide(first), row.wide(place)) : 0;
  if (wide && Math.abs(now - before) <= wide) return h("small", null, "(alike)");
  if (row.share && Math.abs(now - before) < 0.0005) return h("small", null, now === before ? "(equal)" : "(±0.0 points)");
  const text = row.share ? `${now >= before ? "+" : "−"}${(100 * Math.abs(now - before)).toFixed(1)} points` : before ? `${now >= before ? "+" : "−"}${amount((100 * Math.abs(now - before)) / before)} %` : "";
  const better = row.better && now !== before ? ((now > before) === (row.better === "max") ? "better" : "worse") : "";
  return h(`small${better ? `.${better}` : ""}`, null, `(${text})`);
}

function comparePanel(places) {
  const made = panel("Energy by component", "One bar a point, of all layers together.", { wide: true });
  made.plot.before(legend(D.components));
  made.fill = () => {
    const totals = places.map((place) => D.components.map((_, column) => sum(costOf(place).energy.map((row) => row[column]))));
    const [sign, size] = scaleOf("pJ", Math.max(...totals.map(sum), 0)), order_ = places.map((_, index) => index);
    made.plot.style.height = `${letter(80 + 38 * places.length)}px`;
    draw(made.plot, D.components.map((name, column) => ({ type: "bar", orientation: "h", x: order_.map((row) => totals[row][column] / size), y: order_, name: plain(name), marker: { color: color(column), line: { width: 0.5, color: css("--sheet") } }, text: order_.map((row) => `${plain(name)}: ${told("pJ", totals[row][column])}`), textposition: "none", hovertemplate: "%{text}<extra></extra>" })),
      layout(axis(`energy per inference (${sign})`, { range: [0, (Math.max(...totals.map(sum)) / size) * withRoom(made.plot, 120) || 1] }), axis("", { tickvals: order_, ticktext: order_.map((row) => plain(short(D.points.name[places[row]], 24))), gridcolor: "rgba(0,0,0,0)", autorange: "reversed" }), { barmode: "stack", meta: { names: places.map((place) => D.points.name[place]) }, margin: { l: 120, r: 30, t: 6, b: 44 }, annotations: order_.map((row) => ({ x: sum(totals[row]) / size, y: row, text: told("pJ", sum(totals[row])), showarrow: false, xanchor: "left", xshift: 4, font: { size: letter(12), color: css("--soft") } })) }));
    tell(made.plot, `Energy of ${places.map((place, index) => `${D.points.name[place]} ${told("pJ", sum(totals[index]))}`).join(", ")}.`);
    made.extra.replaceChildren(numbers("energy by component", ["network", ...D.components], places.map((place, index) => [D.points.name[place], ...totals[index].map((each) => told("pJ", each))])));
  };
  return made;
}

const COMPARE = { get node() { return at("compare"); }, needs: ["p", "pins", "theme"], draw: drawCompare };
