// Begin: decode the data, read the address, draw what is in sight.
async function start() {
  D = await decode(at("data").textContent.trim());
  if (D.marks.chosen !== null || D.marks.dense !== null) state.p = D.marks.chosen ?? D.marks.dense;
  readAddress();
  explain();
  selectors();
  themes();
  views.push(READOUT, FRONT, TABLE, POINT, LAYERS, ZEROS, FORMATS, HARDWARE, COMPARE);
  at("bar").hidden = false;
  views.push({ get node() { return at("bar"); }, needs: ["p", "layer"], draw: selectors });
  drawTexts();
  redraw(views, []);
  window.addEventListener("scroll", () => waiting.size && work(), { passive: true });
  window.addEventListener("hashchange", () => {
    if (location.hash === "#views") return writeAddress(); // the link that skips to the figures
    readAddress();
    redraw(views, []);
    if (state.view) go(state.view);
  });
  if (state.view && state.view !== "front") {
    settled();
    go(state.view);
  }
  follow();
  document.documentElement.dataset.ready = "yes";
}

function go(view) {
  if (!at(view)) return;
  state.view = view;
  at(view).scrollIntoView();
  writeAddress();
  for (const link of document.querySelectorAll(".views a")) link.setAttribute("aria-current", String(link.hash === `#${view}`));
}

function selectors() {
  const points = at("pick-point"), layers = at("pick-layer");
  if (!points.options.length) {
    points.append(...order().map((place) => h("option", { value: place }, D.points.name[place])));
    layers.append(...D.layers.map((name, place) => h("option", { value: place }, name)));
    points.addEventListener("change", () => choose(Number(points.value)));
    layers.addEventListener("change", () => chooseLayer(Number(layers.value)));
    for (const link of document.querySelectorAll(".views a")) link.addEventListener("click", (event) => { event.preventDefault(); settled(); go(link.hash.slice(1)); });
  }
  points.value = String(state.p);
  layers.value = String(state.layer);
}

function themes() {
  const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const again = () => redraw(views, ["theme"]);
  at("theme").addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; writeAddress(); again(); });
  dark.addEventListener("change", again);
  let before = null;
  window.addEventListener("beforeprint", () => { before = root.dataset.theme || ""; root.dataset.theme = "light"; root.classList.add("printing"); again(); settled(); });
  window.addEventListener("afterprint", () => { root.classList.remove("printing"); if (before) root.dataset.theme = before; else delete root.dataset.theme; again(); });
}

// While a study runs and its explorer serves this page, newer data are asked for.
function follow() {
  const live = at("data").dataset.live;
  if (!live) return;
  let known_ = null;
  setInterval(async () => {
    const answer = await fetch(live, { cache: "no-store" }).catch(() => null);
    const version = answer && answer.ok ? await answer.text() : null;
    if (version !== null && known_ !== null && version !== known_) location.reload();
    if (version !== null) known_ = version;
  }, 3000);
}

start().catch((error) => {
  document.documentElement.dataset.ready = "failed";
  const told_ = document.createElement("p");
  told_.className = "note";
  told_.textContent = `The figures cannot be drawn in this browser: ${error.message}`;
  document.querySelector("main").prepend(told_);
  throw error;
});
