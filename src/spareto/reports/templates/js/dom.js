// Elements are made of text, never of markup: a name may hold anything.
const SVG = "http://www.w3.org/2000/svg";
const SHAPES = {
  dense: "M0-8 1.9-2.6 7.6-2.5 3.1 1 4.7 6.5 0 3.2-4.7 6.5-3.1 1-7.6-2.5-1.9-2.6Z",
  quantize: "M5 0A5 5 0 1 1-5 0 5 5 0 1 1 5 0Z",
  prune: "M-4.6-4.6H4.6V4.6H-4.6Z",
  cumulative: "M0-5.8 5.6 4.4H-5.6Z",
  joint: "M0-6.2 6.2 0 0 6.2-6.2 0Z",
  epitome: "M-1.9-5.6H1.9V-1.9H5.6V1.9H1.9V5.6H-1.9V1.9H-5.6V-1.9H-1.9Z",
  other: "M-5.4-3.4-3.4-5.4 0-2 3.4-5.4 5.4-3.4 2 0 5.4 3.4 3.4 5.4 0 2-3.4 5.4-5.4 3.4-2 0Z",
};
// The class that colours a regime: those of steps that are not ours look alike.
const lookOf = (regime) => (Object.hasOwn(SHAPES, regime) ? regime : "other");
const at = (id) => document.getElementById(id);

function h(tag, options, ...children) {
  const [name, ...classes] = tag.split(".");
  const node = document.createElement(name);
  if (classes.length) node.className = classes.join(" ");
  for (const [key, set] of Object.entries(options || {})) {
    if (set === null || set === undefined || set === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), set);
    else if (key === "style") for (const [name, text] of Object.entries(set)) node.style.setProperty(name, text);
    else node.setAttribute(key, set === true ? "" : set);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

function keyOf(regime) {
  const picture = document.createElementNS(SVG, "svg"), path = document.createElementNS(SVG, "path");
  picture.setAttribute("class", `key ${lookOf(regime)}`);
  picture.setAttribute("viewBox", "-9 -9 18 18");
  picture.setAttribute("aria-hidden", "true");
  path.setAttribute("d", SHAPES[lookOf(regime)]);
  picture.append(path);
  return picture;
}

// A word with its explanation, shown on hover, focus or tap.
function term(word, text) {
  const about = D.terms[word] || D.terms[String(word).replace("* ", "")];
  if (!about) return text || word;
  return h("button.term", { type: "button", "data-about": about }, text || word);
}

function explain() {
  const tip = at("tip");
  let owner = null;
  const show = (word) => {
    owner = word;
    tip.textContent = word.dataset.about;
    tip.hidden = false;
    word.setAttribute("aria-describedby", "tip");
    const box = word.getBoundingClientRect(), width = tip.offsetWidth;
    const left = Math.min(Math.max(8, box.left), document.documentElement.clientWidth - width - 8);
    const above = box.top > tip.offsetHeight + 12;
    tip.style.left = `${left + window.scrollX}px`;
    tip.style.top = `${(above ? box.top - tip.offsetHeight - 8 : box.bottom + 8) + window.scrollY}px`;
  };
  const hide = () => {
    if (owner) owner.removeAttribute("aria-describedby");
    owner = null;
    tip.hidden = true;
  };
  for (const kind of ["pointerover", "focusin", "click"]) {
    document.addEventListener(kind, (event) => {
      const word = event.target.closest && event.target.closest(".term");
      if (word) show(word);
      else if (owner && kind !== "focusin") hide();
    });
  }
  document.addEventListener("focusout", hide);
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
}

// A table of plain cells; a cell is text, a node, or {text, sort}.
function table(heads, rows, options = {}) {
  const body = h("tbody", null, rows.map((row) => h("tr", row.attributes || null,
    row.cells.map((cell, place) => (place ? h(`td${row.classes && row.classes[place] ? `.${row.classes[place]}` : ""}`, null, cell) : h("th", { scope: "row" }, cell))))));
  const head = h("thead", null, h("tr", null, heads.map((name, place) => h(`th${(options.text || []).includes(place) ? ".text" : ""}${(options.minor || []).includes(place) ? ".minor" : ""}`, { scope: "col" }, name))));
  return h("div.scroll", { tabindex: "0", role: "region", "aria-label": options.name || "Table" },
    h(`table${options.kind ? `.${options.kind}` : ""}`, null, options.caption ? h("caption", null, options.caption) : null, head, body));
}

// The numbers of a figure, for those who do not see it and for those who want them.
const numbers = (name, heads, rows) =>
  h("details", null, h("summary", null, `Numbers of “${name}”`), table(heads, rows.map((cells) => ({ cells })), { name }));
