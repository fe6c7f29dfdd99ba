// Where the marks of a time axis stand, in local time and its changes to and
// from summer time, and what they say. Pure functions; times are milliseconds.

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

// Steps of an axis: [unit, how many], from short to long, and about how long.
const steps = [
  ...[1, 2, 5, 10, 15, 30].map((n) => ["second", n, n * second]),
  ...[1, 2, 5, 10, 15, 30].map((n) => ["minute", n, n * minute]),
  ...[1, 2, 3, 6, 12].map((n) => ["hour", n, n * hour]),
  ...[1, 2, 7].map((n) => ["day", n, n * day]),
  ...[1, 2, 3, 6].map((n) => ["month", n, n * 30.4 * day]),
  ...[1, 2, 5, 10].map((n) => ["year", n, n * 365 * day]),
];

/** How the language of the page is called where dates are written: day before month, 24 hours. */
export const localeOf = (language) => (language === "en" ? "en-GB" : language);

/** The step of an axis with at most that many marks. */
function stepFor(span, most) {
  return steps.find(([, , length]) => span / length <= most) ?? steps[steps.length - 1];
}

// Up to an hour, steps are as long as the clock says, whatever it shows: when
// an hour comes twice it has marks twice. Offsets of time zones are whole
// minutes, so that a mark stands at a full quarter of the local hour.
function* even(from, length) {
  const offset = -new Date(from).getTimezoneOffset() * minute;
  for (let t = Math.ceil((from + offset) / length) * length - offset; ; t += length) yield t;
}

// Longer ones are by the calendar: new Date knows how long days and months are.
function* calendar(from, unit, n) {
  const d = new Date(from);
  let [y, m, date, h] = [d.getFullYear(), d.getMonth(), d.getDate(), d.getHours()];
  if (unit === "hour") h -= h % n;
  else h = 0;
  if (unit === "day") date -= n === 7 ? (d.getDay() + 6) % 7 : dayNumber(d) % n;
  if (unit === "month") [date, m] = [1, m - (m % n)];
  if (unit === "year") [date, m, y] = [1, 0, y - (y % n)];
  for (let i = 0, before = -Infinity; ; i += n) {
    const t = +new Date(unit === "year" ? y + i : y, unit === "month" ? m + i : m, unit === "day" ? date + i : date, unit === "hour" ? h + i : h);
    if (t > before) yield t; // an hour that is left out gives the next one
    before = Math.max(before, t);
  }
}

const dayNumber = (d) => Math.round(Date.UTC(d.getFullYear(), d.getMonth(), d.getDate()) / day);

/**
 * The marks between from and to.
 * @param {number} from
 * @param {number} to
 * @param {number} most  how many there is room for
 * @returns {{unit: string, at: number[]}} unit is that of their distance
 */
export function timeTicks(from, to, most) {
  const [unit, n, length] = stepFor(to - from, Math.max(1, most));
  const marks = unit === "second" || unit === "minute" || (unit === "hour" && n === 1) ? even(from, length) : calendar(from, unit, n);
  const at = [];
  for (const t of marks) {
    if (t > to || at.length > 200) break;
    if (t >= from) at.push(t);
  }
  return { unit, at };
}

/**
 * What the marks say, in two lines where the second one, which is the day or
 * the year, is new: "06:00" and "00:00\n28 Nov".
 * @param {{unit: string, at: number[]}} ticks
 * @param {string} language "en" or "ko"
 * @returns {string[]}
 */
export function tickLabels({ unit, at }, language) {
  const write = (options) => new Intl.DateTimeFormat(localeOf(language), options);
  const forms = {
    second: [{ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }, { day: "numeric", month: "short" }],
    minute: [{ hour: "2-digit", minute: "2-digit", hourCycle: "h23" }, { day: "numeric", month: "short" }],
    day: [{ day: "numeric", month: "short" }, { year: "numeric" }],
    month: [{ month: "short" }, { year: "numeric" }],
    year: [{ year: "numeric" }, null],
  };
  const [first, second] = forms[unit === "hour" ? "minute" : unit];
  const upper = write(first);
  const lower = second && write(second);
  let before = "";
  return at.map((t) => {
    const below = lower ? lower.format(t) : "";
    const text = below === before ? upper.format(t) : `${upper.format(t)}\n${below}`;
    before = below;
    return text;
  });
}

/**
 * A moment as text, as exactly as a span of that many ms needs it.
 * @param {number} t
 * @param {string} language
 * @param {number} span of what is shown around it
 */
export function momentText(t, language, span = hour) {
  const options = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (span <= 6 * hour) options.second = "2-digit";
  if (span > 180 * day || new Date(t).getFullYear() !== new Date().getFullYear()) options.year = "numeric";
  return new Intl.DateTimeFormat(localeOf(language), options).format(t);
}

/** Two moments as one text: "28 Nov 2026, 06:00 – 18:00". */
export function spanText(from, to, language) {
  const options = { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (to - from < hour) options.second = "2-digit";
  return new Intl.DateTimeFormat(localeOf(language), options).formatRange(from, to);
}

/** A number beside an axis: as many digits after the point as the distance of its marks needs. */
export function axisNumber(v, step) {
  let decimals = 0;
  while (decimals < 9 && Math.abs(Math.round(step * 10 ** decimals) / 10 ** decimals - step) > step * 1e-6) decimals++;
  return (Math.abs(v) < step / 1e6 ? 0 : v).toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals, useGrouping: Math.abs(v) >= 10_000 });
}
