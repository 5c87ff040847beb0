// Plotly, dressed as the page is: its colours, its letters, no frame, no buttons.
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colorOf = (regime) => css(`--${lookOf(regime)}`);
const color = (place) => css(`--c${place % 10}`);
const letter = (pixels) => Math.round((pixels * parseFloat(getComputedStyle(document.documentElement).fontSize)) / 16); // figures grow with the page's letters
const letters = () => getComputedStyle(document.body).fontFamily;
const plain = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const short = (text, most = 30) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
const CONFIG = { displayModeBar: false, responsive: true, doubleClick: "reset", scrollZoom: false, showTips: false };

function axis(title, more) {
  return {
    title: { text: title, font: { size: letter(12), color: css("--soft") }, standoff: 8 },
    gridcolor: css("--rule"), zeroline: false, linecolor: css("--soft"), showline: false, ticks: "outside", ticklen: 5, tickcolor: "rgba(0,0,0,0)",
    tickfont: { size: letter(12), color: css("--soft") }, automargin: true, fixedrange: true, tickangle: 0, ...more,
  };
}

function layout(x, y, more) {
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false,
    font: { family: letters(), size: letter(12), color: css("--ink") }, margin: { l: 52, r: 18, t: 14, b: 44 },
    hoverlabel: { bgcolor: css("--ink"), bordercolor: css("--ink"), font: { color: css("--paper"), family: letters(), size: letter(12) } },
    hovermode: "closest", dragmode: false, xaxis: x, yaxis: y, bargap: 0.35, ...more,
  };
}

// How many numbers fit below a figure of this width, and what lies behind letters that cross a line.
const roomAcross = (node) => Math.min(9, Math.max(2, Math.floor((node.clientWidth - 80) / letter(58))));
const behind = () => `${css("--sheet")}cc`;

// How far an axis goes beyond the longest bar, so that its number has room at any width.
const withRoom = (node, names) => 1 + letter(72) / Math.max(100, node.clientWidth - letter(names + 100));

function draw(node, traces, shape) {
  return Plotly.react(node, traces, shape, CONFIG);
}

// Ticks at 1, 2 and 5 of every decade; at the decades, or at some of them, where there is no room for more.
function logTicks(low, high, room = 9) {
  const made = (steps) => {
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1)
      for (const step of steps) ticks.push(step * 10 ** power);
    return ticks.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
  };
  const fine = made([1, 2, 5]);
  const decades = made([1]), every = Math.ceil(decades.length / room);
  const ticks = fine.length <= room || decades.length < 2 ? fine : decades.filter((_, index) => index % every === 0);
  return { tickvals: ticks, ticktext: ticks.map((tick) => (tick >= 1e7 || tick < 1e-4 ? tick.toExponential(0) : (+tick.toPrecision(3)).toLocaleString("en-US", { maximumFractionDigits: 6 }))) };
}

// A panel: heading, explanation, figure, its tools and its numbers.
function panel(title, about, options = {}) {
  const plot = options.plot === false ? null : h(`div.plot${options.size ? `.${options.size}` : ""}`, { role: "img" });
  const extra = h("div");
  const body = h(`div.sheet${options.wide ? ".wide" : ""}`, null,
    h("div.panel-head", null, h("div", null, h("h3", { style: { margin: "0" } }, title), about ? h("p", null, about) : null), plot ? tools(plot, title) : null),
    plot, extra);
  return { node: body, plot, extra };
}

// A panel that has nothing to draw says why, and offers no files.
function without(made, words) {
  made.node.querySelector(".tools").remove();
  made.plot.replaceWith(words);
}

// A figure tells in words what it shows; its numbers stand in the table below it.
function tell(node, text) {
  node.setAttribute("aria-label", text);
}

const legend = (names, paint = color) =>
  h("ul.swatches", null, names.map((name, place) => h("li", null, h("i", { style: { background: paint(place) } }), term(name))));
