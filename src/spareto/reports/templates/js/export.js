// Files of what is seen: a figure as SVG or PNG, its numbers as CSV, everything as JSON.
function save(name, content, type) {
  const address = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  const link = h("a", { href: address, download: `${D.study.title.replace(/[^\w-]+/g, "-") || "study"}-${name}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // a busy machine begins late
}

async function saveFigure(node, name, format) {
  const figure = { data: node.data, layout: { ...node.layout, paper_bgcolor: css("--sheet"), font: { ...node.layout.font, family: "Arial, Helvetica, sans-serif" } } }; // readable on any ground
  const address = await Plotly.toImage(figure, { format, width: node.offsetWidth, height: node.offsetHeight, scale: format === "png" ? 3 : 1 });
  const [head, body] = [address.slice(0, address.indexOf(",")), address.slice(address.indexOf(",") + 1)];
  const bytes = head.includes("base64") ? Uint8Array.from(atob(body), (letter) => letter.charCodeAt(0)) : decodeURIComponent(body);
  save(`${name}.${format}`, new Blob([bytes], { type: `image/${format === "svg" ? "svg+xml" : "png"}` }));
}

const cell = (value) => {
  const text = value === null || value === undefined ? "" : String(value);
  const harmless = /^[=+@\t\r-]/.test(text) && !Number.isFinite(Number(text)) ? `'${text}` : text; // no formula in a spreadsheet
  return /[",\n\r]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
};
const csv = (rows) => rows.map((row) => row.map(cell).join(",")).join("\n") + "\n";

// The numbers of a figure as they are drawn, in full precision; the axes name their units.
function drawn(node) {
  const title = (axis) => (node.layout[axis] && node.layout[axis].title.text) || "layer or network";
  const [first] = node.data;
  if (first.type === "heatmap") return [[`${title("yaxis")} \\ ${title("xaxis")}`, ...first.x], ...first.z.map((row, index) => [first.y[index], ...row])];
  const named = (axis, value) => {
    const { tickvals, type } = node.layout[axis];
    const place = tickvals && type !== "log" ? tickvals.indexOf(value) : -1;
    return place < 0 ? value : node.layout.meta.names[place];
  };
  const rows = node.data.flatMap((trace) => [...trace.x].map((x, index) => [written(trace.name || ""), named("xaxis", x), trace.yaxis === "y2" ? "" : named("yaxis", trace.y[index]), ...(node.layout.yaxis2 ? [trace.yaxis === "y2" ? trace.y[index] : ""] : [])]));
  return [["series", title("xaxis"), title("yaxis"), ...(node.layout.yaxis2 ? [title("yaxis2")] : [])], ...rows];
}
const written = (text) => String(text).replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&"); // as it was before `plain`

function tools(node, title, rows) {
  const name = title.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  const button = (text, task) => h("button", { type: "button", "aria-label": `Save ${title} as ${text}`, onclick: task }, text);
  return h("div.tools", null,
    button("SVG", () => saveFigure(node, name, "svg")), button("PNG", () => saveFigure(node, name, "png")),
    button("CSV", () => save(`${name}.csv`, csv(rows ? rows() : drawn(node)), "text/csv")),
    ...(rows ? [button("JSON", () => save("study.json", JSON.stringify(D, null, 1), "application/json"))] : []));
}

function drawTexts() {
  const texts = D.texts;
  const made = [["Methods", "For a paper; check that it says what you did.", texts.methods], ["References", "BibTeX.", texts.bibtex], ["Commands", "What makes these numbers again.", texts.commands]];
  if (texts.plan) made.push(["study.yaml", "The whole study: data, network, training and grid.", texts.plan]);
  at("texts").replaceChildren(h("div.grid.twos", { style: { "margin-top": "16px" } }, made.map(([title, about, text]) => code(title, about, text))));
  for (const node of at("texts").querySelectorAll("pre")) node.classList.add("wrap");
  at("words").replaceChildren(...Object.entries(D.terms).sort(([a], [b]) => a.localeCompare(b)).map(([word, about]) => h("div", null, h("dt", null, word), h("dd", null, about))));
}
