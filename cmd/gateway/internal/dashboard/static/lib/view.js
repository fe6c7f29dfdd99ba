// What a chart shows: which series, from when to when. A view is what the
// address of the page says, so that it can be kept, sent and gone back to.
// Pure functions; times are milliseconds since 1970.

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** The ranges that have a button, in order, and how long they are. */
export const ranges = { "1h": hour, "6h": 6 * hour, "24h": day, "7d": 7 * day, "30d": 30 * day, "1y": 365 * day };

/** The most series of one view: more lines than that nobody tells apart. */
export const maxSeries = 12;

/** The shortest and the longest span that can be looked at. */
export const minSpan = 5_000;
export const maxSpan = 20 * 366 * day;

/**
 * @typedef {Object} View
 * @property {string} range    a key of ranges: up to now, and going on; "" for from and to
 * @property {number} from     with range "": the first moment
 * @property {number} to       with range "": the first moment that is not shown any more
 * @property {string[]} series names, in the order they were chosen
 * @property {string[]} hidden of the series: their lines are off
 * @property {string[]} rises  of the series: shown as how much they grew
 * @property {boolean} apart   a chart for each series, as what is -19 and what is 21 °C are both flat on one axis
 */

/** A view of nothing, up to now. */
export function emptyView() {
  return { range: "24h", from: 0, to: 0, series: [], hidden: [], rises: [], apart: false };
}

/** A moment as a query has it: ms or RFC 3339; NaN for what is neither. */
export function moment(text) {
  if (/^-?\d+$/.test(text)) return Number(text);
  return /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : NaN;
}

/**
 * The view that a query says, with what makes no sense left out.
 * @param {URLSearchParams} query
 * @returns {View}
 */
export function parseView(query) {
  const view = emptyView();
  const names = new Set([...query.getAll("s"), ...query.getAll("series")].filter((s) => s !== ""));
  view.series = [...names].slice(0, maxSeries);
  const among = (key) => [...new Set(query.getAll(key))].map((i) => view.series[Number(i)]).filter((s) => s !== undefined);
  view.hidden = among("off");
  view.rises = among("rise");
  view.apart = query.get("apart") === "1";
  if (Object.hasOwn(ranges, query.get("range") ?? "")) view.range = query.get("range");
  const from = moment(query.get("from") ?? "");
  const to = moment(query.get("to") ?? "");
  if (from >= 0 && to - from >= minSpan && to - from <= maxSpan) Object.assign(view, { range: "", from, to });
  return view;
}

/**
 * The query of a view; parseView of it is the view again.
 * @param {View} view
 * @returns {string} without "?"
 */
export function formatView(view) {
  const query = new URLSearchParams();
  if (view.range) query.set("range", view.range);
  else {
    query.set("from", String(view.from));
    query.set("to", String(view.to));
  }
  for (const s of view.series) query.append("s", s);
  for (const s of view.hidden) query.append("off", String(view.series.indexOf(s)));
  for (const s of view.rises) query.append("rise", String(view.series.indexOf(s)));
  if (view.apart) query.set("apart", "1");
  // A topic is easier to read with its slashes, and they need no code there.
  return query.toString().replaceAll("%2F", "/");
}

/** From when to when a view is, if now is now: [from, to]. */
export function spanOf(view, now) {
  return view.range ? [now - ranges[view.range], now] : [view.from, view.to];
}

/** The view at from to to, both bounded so that it has a sensible length and does not lie in the future. */
export function at(view, from, to, now) {
  let span = Math.min(Math.max(to - from, minSpan), maxSpan, now);
  span = Math.round(span);
  let middle = (from + to) / 2;
  middle = Math.min(middle, now - span / 2);
  const start = Math.max(0, Math.round(middle - span / 2));
  return { ...view, range: "", from: start, to: start + span };
}

/**
 * Zooms by factor (2: half the time) around a place from 0, the left edge, to
 * 1, the right one.
 */
export function zoom(view, factor, now, place = 0.5) {
  const [from, to] = spanOf(view, now);
  const span = Math.min(Math.max((to - from) / factor, minSpan), maxSpan);
  const fixed = from + (to - from) * place;
  return at(view, fixed - span * place, fixed + span * (1 - place), now);
}

/** Moves by a part of the width: -0.25 is a quarter into the past. */
export function pan(view, part, now) {
  const [from, to] = spanOf(view, now);
  const by = (to - from) * part;
  return at(view, from + by, to + by, now);
}

/** A view with one series more, or less if it was there. */
export function toggle(view, series) {
  if (view.series.includes(series)) {
    const without = (list) => list.filter((s) => s !== series);
    return { ...view, series: without(view.series), hidden: without(view.hidden), rises: without(view.rises) };
  }
  return view.series.length >= maxSeries ? view : { ...view, series: [...view.series, series] };
}

/** A view with a name in or out of one of its lists, "hidden" or "rises". */
export function flip(view, list, series) {
  const has = view[list].includes(series);
  return { ...view, [list]: has ? view[list].filter((s) => s !== series) : [...view[list], series] };
}

/** The form of <input type="datetime-local">: local time to the second. */
export function localInput(ms) {
  const d = new Date(ms);
  const two = (n) => String(n).padStart(2, "0");
  return `${String(d.getFullYear()).padStart(4, "0")}-${two(d.getMonth() + 1)}-${two(d.getDate())}T${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

/** The moment that such an input says; NaN if it is not filled in. */
export function fromLocalInput(text) {
  return text ? new Date(text).getTime() : NaN;
}
