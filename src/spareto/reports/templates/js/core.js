// What the page shows: decoded once from the data that stand in it.
let D = null;
const views = [];

async function decode(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

const count = () => D.points.id.length;
const metricOf = (key) => D.metrics.find((metric) => metric.key === key) || D.metrics[0];
const regimeOf = (place) => D.regimes[D.points.regime[place]];
const value = (key, place) => (D.points[key] ? D.points[key][place] : null);
const spread = (key, place) => (D.spreads[key] ? D.spreads[key][place] || 0 : 0);

// The least and the largest known value of a column; found once.
const ends = new Map();
function extent(key) {
  if (!ends.has(key)) {
    let low = Infinity, high = -Infinity, positive = true;
    for (const each of D.points[key] || []) {
      if (!known(each)) continue;
      low = Math.min(low, each);
      high = Math.max(high, each);
      positive = positive && each > 0;
    }
    ends.set(key, { low, high, some: low <= high, positive });
  }
  return ends.get(key);
}
const sum = (values) => values.reduce((total, each) => total + (each || 0), 0);
const known = (number) => number !== null && number !== undefined && Number.isFinite(number);
