// Numbers as people read them; the same rules as the tables of the command line.
const GLUE = "\u00a0";
const SCALES = {
  pJ: [["J", 1e12], ["mJ", 1e9], ["µJ", 1e6], ["nJ", 1e3], ["pJ", 1]],
  us: [["s", 1e6], ["ms", 1e3], ["µs", 1]],
  bytes: [["MiB", 1048576], ["KiB", 1024], ["B", 1]],
  cycles: [["million cycles", 1e6], ["thousand cycles", 1e3], ["cycles", 1]],
  operations: [["billion", 1e9], ["million", 1e6], ["thousand", 1e3], ["", 1]],
  um2: [["mm²", 1e6], ["µm²", 1]],
  share: [["%", 0.01]],
  bits: [["bits", 1]],
};

function amount(number) {
  if (!known(number)) return "–";
  const size = Math.abs(number);
  if (size === 0) return "0";
  const digits = Math.min(9, Math.max(0, 2 - Math.floor(Math.log10(Number(size.toPrecision(3))))));
  return number.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace("-", "−");
}

function scaleOf(unit, largest) {
  if (unit === "pJ·cycles") {
    const [sign, size] = D.study.unit;
    return [`${sign}·kilocycles`, size * 1e3];
  }
  if (unit === "pJ" && largest === undefined) return D.study.unit;
  const scales = SCALES[unit] || [["", 1]];
  return scales.find(([, size]) => Math.abs(largest) >= size) || scales[scales.length - 1];
}

function told(unit, number) {
  if (!known(number)) return "–";
  if (unit === "share") return percent(number);
  if (unit === "cycles" || unit === "operations") return Math.round(number).toLocaleString("en-US");
  const [sign, size] = scaleOf(unit, number);
  return `${amount(number / size)}${sign ? GLUE + sign : ""}`;
}

const percent = (share) => (known(share) ? `${(100 * share).toFixed(1)}${GLUE}%` : "–");
const energy = (picojoules) => (known(picojoules) ? `${amount(picojoules / D.study.unit[1])}${GLUE}${D.study.unit[0]}` : "–");

// A mean and its spread, with the decimals of the mean, or as many as the spread needs for one digit.
function withSpread(mean, wide) {
  const decimals = (number) => (number ? Math.max(0, -Math.floor(Math.log10(Number(Math.abs(number).toPrecision(1))))) : 0);
  const text = amount(mean), shown = text.includes(".") ? text.split(".")[1].length : 0;
  const digits = Math.min(9, Math.max(shown, decimals(wide)));
  return `${text} ± ${wide.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

// A metric of a point, with its spread where there are several seeds.
function toldOf(key, place) {
  const metric = metricOf(key), number = value(key, place), wide = spread(key, place);
  if (!known(number)) return "–";
  if (!wide || D.points.seeds[place] < 2) return told(metric.unit, number);
  if (metric.unit === "share") return `${(100 * number).toFixed(1)} ± ${(100 * wide).toFixed(1)}${GLUE}%`;
  if (metric.unit === "cycles" || metric.unit === "operations") return `${told(metric.unit, number)} ± ${Math.round(wide).toLocaleString("en-US")}`;
  const [sign, size] = scaleOf(metric.unit, number);
  return `${withSpread(number / size, wide / size)}${GLUE}${sign}`;
}
