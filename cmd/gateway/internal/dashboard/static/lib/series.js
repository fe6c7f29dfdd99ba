// From what the gateway answers to what a chart draws. Pure functions; times
// are milliseconds since 1970.

/**
 * @typedef {Object} Points  one series of an answer of /api/v1/history
 * @property {string} series
 * @property {string} title
 * @property {string} unit
 * @property {number} decimals  -1: as they come
 * @property {boolean} [binary]
 * @property {number} gap_ms    two points further apart are not joined
 * @property {number[]} t       in order; the begin of what each is made of
 * @property {number[]} min
 * @property {number[]} avg
 * @property {number[]} max
 * @property {number[]} last
 * @property {number[]} n       samples of each
 */

/**
 * Joins series to columns over the same times, as uPlot wants them: a number,
 * null where a line breaks, undefined where only others have a point.
 * @param {Points[]} list
 * @returns {{x: number[], columns: Array<{min: Array, mid: Array, max: Array, alone: number[]}>}}
 *   alone: places of points that no line touches
 */
export function align(list) {
  const times = new Set();
  const breaks = list.map(breaksOf);
  for (const p of list) for (const t of p.t) times.add(t);
  for (const b of breaks) for (const t of b) times.add(t);
  const x = [...times].sort((a, b) => a - b);
  const place = new Map(x.map((t, i) => [t, i]));
  const columns = list.map((p, s) => {
    const empty = () => new Array(x.length).fill(undefined);
    const column = { min: empty(), mid: empty(), max: empty(), alone: [] };
    const middle = p.binary ? p.last : p.avg;
    for (const t of breaks[s]) column.min[place.get(t)] = column.mid[place.get(t)] = column.max[place.get(t)] = null;
    p.t.forEach((t, i) => {
      const at = place.get(t);
      column.min[at] = p.min[i];
      column.mid[at] = middle[i];
      column.max[at] = p.max[i];
      const joined = (a, b) => b >= 0 && b < p.t.length && Math.abs(p.t[a] - p.t[b]) <= p.gap_ms;
      if (!joined(i, i - 1) && !joined(i, i + 1)) column.alone.push(at);
    });
    return column;
  });
  return { x, columns };
}

// A break stands 1 ms behind the last point before it: the line ends there.
function breaksOf(p) {
  const at = [];
  for (let i = 1; i < p.t.length; i++) if (p.t[i] - p.t[i - 1] > p.gap_ms) at.push(p.t[i - 1] + 1);
  return at;
}

/**
 * Lets the line of what tells only changes, a door, go on from one to the next,
 * however long that takes; p is changed. What tells its state all the time has
 * gaps like others: its longer intervals are about as long as the usual one.
 * @param {Points & {interval_ms?: number}} p
 * @param {number} width  of a point, ms
 */
export function holdState(p, width) {
  if (p.binary && p.gap_ms - width > 6 * (p.interval_ms || 0)) p.gap_ms = Number.MAX_SAFE_INTEGER;
}

/**
 * The place of the point nearest to t; -1 if none is within reach ms.
 * @param {number[]} times in order
 */
export function nearest(times, t, reach = Infinity) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < t) low = middle + 1;
    else high = middle;
  }
  let best = low;
  if (low === times.length || (low > 0 && t - times[low - 1] <= times[low] - t)) best = low - 1;
  return best >= 0 && Math.abs(times[best] - t) <= reach ? best : -1;
}

/** What stands on one axis with p. Things that are 0 or 1 share one, whatever they are. */
export const axisOf = (p) => (p.binary ? "binary" : p.unit);

/**
 * Shares series out to charts: what has the same unit stands on the same axis,
 * the first two units in one chart, each further pair in a chart below. What
 * is 0 or 1 has a chart of its own.
 * @param {Points[]} list
 * @param {boolean} [apart]  each has a chart of its own
 * @returns {Array<{axes: string[], members: number[]}>} members are places in list
 */
export function charts(list, apart = false) {
  if (apart) return list.map((p, i) => ({ axes: [axisOf(p)], members: [i] }));
  const all = [];
  list.forEach((p, i) => {
    const axis = axisOf(p);
    let chart = all.find((c) => c.axes.includes(axis));
    if (!chart) {
      chart = axis === "binary" ? undefined : all.find((c) => c.axes.length < 2 && !c.axes.includes("binary"));
      if (chart) chart.axes.push(axis);
      else all.push((chart = { axes: [axis], members: [] }));
    }
    chart.members.push(i);
  });
  return all;
}

/**
 * Adds what was measured at t to a series, as the gateway would: into the last
 * point while it is not yet width ms long. What is older is left to the gateway.
 * @param {Points} p is changed
 * @param {number} width  of a point, ms; 0 for samples as they are
 * @returns {boolean} whether there is something new to draw
 */
export function append(p, t, value, width) {
  const i = p.t.length - 1;
  if (i >= 0 && (t < p.t[i] || t <= (p.newest ?? p.t[i]))) return false;
  p.newest = t;
  if (i >= 0 && t < p.t[i] + width) {
    p.avg[i] += (value - p.avg[i]) / (p.n[i] + 1);
    p.n[i]++;
    p.min[i] = Math.min(p.min[i], value);
    p.max[i] = Math.max(p.max[i], value);
    p.last[i] = value;
    return true;
  }
  const start = i >= 0 && width > 0 ? p.t[i] + Math.floor((t - p.t[i]) / width) * width : t;
  for (const [key, v] of Object.entries({ t: start, min: value, avg: value, max: value, last: value, n: 1 })) p[key].push(v);
  return true;
}

/** Takes what is older than from away; p is changed. */
export function forget(p, from) {
  let n = 0;
  while (n < p.t.length && p.t[n] < from) n++;
  if (n > 0) for (const key of ["t", "min", "avg", "max", "last", "n"]) p[key].splice(0, n);
}

/**
 * What the points say together, and when the extremes were; null if there are
 * none.
 * @param {Points} p
 */
export function stats(p) {
  if (p.t.length === 0) return null;
  const s = { n: 0, min: Infinity, minAt: 0, avg: 0, max: -Infinity, maxAt: 0, last: p.last[p.t.length - 1], lastAt: Math.max(p.newest ?? 0, p.t[p.t.length - 1]) };
  p.t.forEach((t, i) => {
    s.n += p.n[i];
    s.avg += p.avg[i] * p.n[i];
    if (p.min[i] < s.min) [s.min, s.minAt] = [p.min[i], t];
    if (p.max[i] > s.max) [s.max, s.maxAt] = [p.max[i], t];
  });
  s.avg /= s.n;
  return s;
}

/**
 * A counter as how much it grew from point to point. One that began again at 0
 * grew by what it says. What it grew by during a gap, nobody knows when.
 * @param {Points} p
 * @returns {Points} a new one
 */
export function rises(p) {
  const at = [];
  const grown = [];
  for (let i = 1; i < p.t.length; i++) {
    if (p.t[i] - p.t[i - 1] > p.gap_ms) continue;
    at.push(p.t[i]);
    grown.push(p.last[i] >= p.last[i - 1] ? p.last[i] - p.last[i - 1] : p.last[i]);
  }
  return { ...p, t: at, n: grown.map(() => 1), min: grown, avg: grown, max: grown, last: grown };
}
