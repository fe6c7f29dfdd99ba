// How numbers, ages and states are written. Pure functions.

/** Words for quantities that are 0 or 1: [0, 1]. */
const words = { motion: ["clear", "motion"], door: ["closed", "open"] };

/** A value as text without its unit: "21.5", "open". */
export function number(v) {
  if (v.binary) return (words[v.quantity] ?? ["off", "on"])[v.number ? 1 : 0];
  const decimals = v.decimals < 0 ? undefined : v.decimals;
  return v.number.toLocaleString("en", {
    minimumFractionDigits: decimals ?? 0,
    maximumFractionDigits: decimals ?? 3,
    useGrouping: Math.abs(v.number) >= 10000,
  }).replaceAll(",", "\u202f");
}

/** An age in milliseconds as text: "just now", "12 s ago". null: unknown. */
export function age(ms) {
  if (ms === null) return "age unknown";
  const s = Math.floor(ms / 1000);
  if (s < 2) return "just now";
  if (s < 100) return `${s} s ago`;
  if (s < 100 * 60) return `${Math.floor(s / 60)} min ago`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)} h ago`;
  return `${Math.floor(s / 86400)} days ago`;
}

/** A number of things: "1 234". */
export function count(n) {
  return n.toLocaleString("en", { maximumFractionDigits: n < 10 ? 1 : 0 }).replaceAll(",", "\u202f");
}

/** Bytes as text: "12 kB". */
export function size(n) {
  if (n < 1000) return `${n} B`;
  return n < 1e6 ? `${Math.round(n / 1000)} kB` : `${(n / 1e6).toFixed(1)} MB`;
}

/** A span of seconds, for counters such as uptime: "3 d 4 h". */
export function span(s) {
  if (s < 60) return `${Math.floor(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

/** A value and its unit as two texts. */
export function parts(v) {
  if (v.quantity === "uptime") return [span(v.number), ""];
  return [number(v), v.binary ? "" : v.unit];
}

/** "living_room" as a title: "Living room". */
export function title(level) {
  const t = level.replaceAll("_", " ");
  return t.charAt(0).toUpperCase() + t.slice(1);
}

/** State and its sign: never by colour alone. */
export const states = {
  live: ["●", "live"],
  late: ["◐", "late"],
  unknown: ["○", "age unknown"],
  stale: ["◌", "stale"],
  fault: ["✕", "fault"],
  offline: ["–", "offline"],
};

/**
 * The state at this moment: the server said what it was, and time can only
 * make it worse.
 */
export function stateNow(state, ageMs, staleAfterMs) {
  if ((state !== "live" && state !== "late") || ageMs === null || !staleAfterMs) return state;
  if (ageMs >= staleAfterMs) return "stale";
  return ageMs >= staleAfterMs / 2 ? "late" : "live";
}
