// How numbers, ages and states are written. Functions of their arguments and of
// the language of the page.
import { has, lang, t } from "./i18n.js";

/** A value as text without its unit: "21.5", "open". */
export function number(v) {
  if (v.binary) {
    const key = `units.${v.quantity}.${v.number ? "on" : "off"}`;
    return t(has(key) ? key : `units.${v.number ? "on" : "off"}`);
  }
  const decimals = v.decimals < 0 ? undefined : v.decimals;
  return decimal(v.number, decimals ?? 0, decimals ?? 3);
}

/** A number with so many digits behind the point; thousands apart from 10,000 on. */
export function decimal(x, least = 0, most = least) {
  return x.toLocaleString("en", { minimumFractionDigits: least, maximumFractionDigits: most, useGrouping: Math.abs(x) >= 10000 });
}

/** An age in milliseconds as text: "just now", "12 s ago". null: unknown. */
export function age(ms) {
  if (ms === null) return t("shell.age.unknown");
  const s = Math.floor(ms / 1000);
  if (s < 2) return t("shell.age.now");
  return t("shell.age.ago", { span: short(s) });
}

/** A span of seconds by its largest unit: "12 s", "3 h". */
export function short(s) {
  if (s < 100) return t("shell.span.s", { n: Math.floor(s) });
  if (s < 100 * 60) return t("shell.span.min", { n: Math.floor(s / 60) });
  if (s < 48 * 3600) return t("shell.span.h", { n: Math.floor(s / 3600) });
  return t("shell.span.days", { n: Math.floor(s / 86400) });
}

/** A span of seconds by two units, for counters such as uptime: "3 d 4 h". */
export function span(s) {
  if (s < 60) return t("shell.span.s", { n: Math.floor(s) });
  if (s < 3600) return t("shell.span.min", { n: Math.floor(s / 60) });
  if (s < 86400) return `${t("shell.span.h", { n: Math.floor(s / 3600) })} ${t("shell.span.min", { n: Math.floor((s % 3600) / 60) })}`;
  return `${t("shell.span.d", { n: Math.floor(s / 86400) })} ${t("shell.span.h", { n: Math.floor((s % 86400) / 3600) })}`;
}

/** A number of things: "1,234". */
export function count(n) {
  return n.toLocaleString("en", { maximumFractionDigits: n < 10 ? 1 : 0 });
}

/** Bytes as text: "12 kB". */
export function size(n) {
  if (n < 1000) return `${n} B`;
  if (n < 1e6) return `${Math.round(n / 1000)} kB`;
  return n < 1e9 ? `${(n / 1e6).toFixed(1)} MB` : `${(n / 1e9).toFixed(1)} GB`;
}

/** A time of day, and the day if it is not today: "14:03", "Nov 27, 14:03". */
export function moment(at, { seconds = false } = {}) {
  const d = new Date(at);
  const today = new Date().toDateString() === d.toDateString();
  const clock = { hour: "2-digit", minute: "2-digit", second: seconds ? "2-digit" : undefined, hourCycle: "h23" };
  return d.toLocaleString(lang.value, today ? clock : { month: "short", day: "numeric", ...clock });
}

/** A value and its unit as two texts. */
export function parts(v) {
  if (v.quantity === "uptime") return [span(v.number), ""];
  return [number(v), v.binary ? "" : v.unit];
}

/** What a value is called: "Temperature". Parts such as _l1 stay behind it. */
export function quantity(v) {
  if (lang.value === "en") return v.title;
  if (has(`units.${v.quantity}`)) return t(`units.${v.quantity}`);
  const [, base, part] = v.quantity.match(/^(.*)_([^_]+)$/) ?? [];
  return base && has(`units.${base}`) ? `${t(`units.${base}`)} ${part}` : v.title;
}

/** Why a sensor cannot be read. What its driver says is English; before it stands the kind of it. */
export function trouble(kind, reason) {
  const key = `shell.kind.${kind}`;
  return lang.value === "en" || !has(key) ? reason : `${t(key)}: ${reason}`;
}

/** "living_room" as a title: "Living room". */
export function title(level) {
  const text = level.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The sign of a state: never by colour alone. Its word is t("shell.state.<state>"). */
export const signs = { live: "●", late: "◐", unknown: "○", stale: "◌", fault: "✕", offline: "–" };

/**
 * The state at this moment: the server said what it was, and time can only
 * make it worse.
 */
export function stateNow(state, ageMs, staleAfterMs) {
  if ((state !== "live" && state !== "late") || ageMs === null || !staleAfterMs) return state;
  if (ageMs >= staleAfterMs) return "stale";
  return ageMs >= staleAfterMs / 2 ? "late" : "live";
}

/**
 * Where a value goes, by its points [t, low, high] of the last hour: 1 up, 0, -1
 * down. It compares the last ten minutes with the ten before; what is less than a
 * tenth of the hour's range, or of one digit, is no change.
 */
export function trend(points, decimals) {
  if (points.length < 4) return 0;
  const end = points[points.length - 1][0];
  const mean = (from, to) => {
    const some = points.filter(([at]) => at > from && at <= to);
    return some.length === 0 ? null : some.reduce((sum, p) => sum + (p[1] + p[2]) / 2, 0) / some.length;
  };
  const late = mean(end - 600_000, end);
  const early = mean(end - 1200_000, end - 600_000);
  if (early === null) return 0;
  const range = Math.max(...points.map((p) => p[2])) - Math.min(...points.map((p) => p[1]));
  const least = Math.max(range / 10, decimals >= 0 ? 10 ** -decimals : 0);
  return late - early > least ? 1 : early - late > least ? -1 : 0;
}
