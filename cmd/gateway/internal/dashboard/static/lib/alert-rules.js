// Rules of alerts as the page makes them. Pure functions.

/** A rule that says nothing yet. */
export const empty = () => ({
  name: "", value: "", above: null, below: null, hysteresis: 0, for_ms: 0, clear_for_ms: 0, missing_ms: 0, status: false, severity: "warning", message: "", enabled: true,
});

const minute = 60_000;

/** Rules to begin with, for the sensors of a site: [{id, rule}]. */
export function suggestions(site) {
  return [
    { id: "freezer", rule: { ...empty(), value: `${site}/+/freezer#temperature`, above: -15, hysteresis: 2, for_ms: 10 * minute, missing_ms: 30 * minute, severity: "critical" } },
    { id: "damp", rule: { ...empty(), value: `${site}/+/+#humidity`, above: 65, hysteresis: 5, for_ms: 30 * minute } },
    { id: "air", rule: { ...empty(), value: `${site}/+/+#carbon_dioxide`, above: 1000, hysteresis: 100, for_ms: 2 * minute, severity: "info" } },
    { id: "silent", rule: { ...empty(), value: `${site}/+/+`, missing_ms: 30 * minute, status: true } },
    { id: "leak", rule: { ...empty(), value: `${site}/+/+#leak`, above: 0.5, severity: "critical" } },
  ];
}

/**
 * Reads the text of a value: "topic#key", of which the topic may have wildcards.
 * @returns {{filter: string, key: string, many: boolean}}
 */
export function parseValue(text) {
  const m = text.match(/^((?:[^#]*\/)?#)(?:#(.*))?$/s); // a # that stands alone is a wildcard
  const [filter, key] = m ? [m[1], m[2] ?? ""] : [text.split("#")[0], text.split("#").slice(1).join("#")];
  return { filter, key, many: /[+#]/.test(filter) };
}

/** What a value is called after: the end of its key, or the last level of its topic. */
export function quantityOf(text) {
  const { filter, key } = parseValue(text);
  const last = (key || filter.split("/").pop()).split(".").pop();
  return last === "+" || last === "#" ? "" : last;
}

/** Whether a topic matches a filter of MQTT. */
export function matches(filter, topic) {
  const f = filter.split("/");
  const levels = topic.split("/");
  if (topic.startsWith("$") && !filter.startsWith("$")) return false;
  for (let i = 0; i < f.length; i++) {
    if (f[i] === "#") return true;
    if (i >= levels.length || (f[i] !== "+" && f[i] !== levels[i])) return false;
  }
  return f.length === levels.length;
}

/**
 * The values that a rule would be about, of what is known: sensors as the store has
 * them, and series as the API lists them.
 * @returns {Array<{series: string, topic: string, title: string, unit: string, quantity: string, decimals: number, number: number|null, binary: boolean, points: Array}>}
 */
export function valuesOf(text, known) {
  const { filter, key } = parseValue(text);
  return known.filter((v) => (key === "" || v.key === key) && matches(filter, v.topic));
}

/** What is known: the values of sensors first, then other series, each once, by name. */
export function known(sensors, series) {
  const all = new Map();
  for (const s of sensors) {
    for (const v of s.values) {
      const name = `${s.path}#${v.quantity}`;
      all.set(name, { series: name, topic: s.path, key: v.quantity, title: v.title, unit: v.unit, quantity: v.quantity, decimals: v.decimals, number: v.number, binary: v.binary, points: v.points ?? [] });
    }
  }
  for (const x of series) {
    if (all.has(x.series)) continue;
    all.set(x.series, { series: x.series, topic: x.topic, key: x.key ?? "", title: x.title, unit: x.unit ?? "", quantity: x.quantity ?? "", decimals: x.decimals ?? -1, number: x.last ?? null, binary: x.binary ?? false, points: [] });
  }
  return [...all.values()].sort((a, b) => (a.series < b.series ? -1 : 1));
}

const units = [["h", 3600_000], ["min", 60_000], ["s", 1000]];

/** A span of ms as a number and the largest unit that it is whole in: [5, "min"]. */
export function spanOf(ms) {
  for (const [unit, size] of units) if (ms > 0 && ms % size === 0) return [ms / size, unit];
  return ms > 0 ? [ms / 1000, "s"] : ["", "min"];
}

/** The ms of a number and its unit; 0 for none. */
export function msOf(n, unit) {
  const x = Number(n);
  return Number.isFinite(x) ? Math.round(x * units.find(([u]) => u === unit)[1]) : 0;
}

/** A number that somebody has typed, null for none; a comma is a point. */
export function numberOf(text) {
  const s = String(text).trim().replace(",", ".").replace("−", "-");
  return s === "" || !Number.isFinite(Number(s)) ? null : Number(s);
}

/**
 * What a picture of points [t, low, high] with limits shows: the corners of the band,
 * and the heights of the limits, in a box of width and height. null without points.
 */
export function picture(points, { above = null, below = null } = {}, width = 300, height = 80) {
  if (points.length < 2) return null;
  const from = points[0][0];
  const to = points[points.length - 1][0];
  const limits = [above, below].filter((x) => x !== null);
  let low = Math.min(...points.map((p) => p[1]), ...limits);
  let high = Math.max(...points.map((p) => p[2]), ...limits);
  if (high - low < 1e-9) [low, high] = [low - 1, high + 1];
  const x = (at) => (((at - from) / (to - from || 1)) * width).toFixed(1);
  const y = (v) => (height - 4 - ((v - low) / (high - low)) * (height - 8)).toFixed(1);
  return {
    band: [...points.map((p) => `${x(p[0])},${y(p[2])}`), ...points.toReversed().map((p) => `${x(p[0])},${y(p[1])}`)].join(" "),
    line: points.map((p) => `${x(p[0])},${y((p[1] + p[2]) / 2)}`).join(" "),
    above: above === null ? null : y(above),
    below: below === null ? null : y(below),
    low, high, from, to,
  };
}

/** When the value would have been beyond a limit, as a share of the points. */
export function beyond(points, { above = null, below = null }) {
  if (points.length === 0) return 0;
  return points.filter((p) => (above !== null && p[2] > above) || (below !== null && p[1] < below)).length / points.length;
}
