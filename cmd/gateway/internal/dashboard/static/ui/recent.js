// The series that somebody has chosen last on this device.
import { signal } from "../vendor/signals.js";

const key = "charts.recent";
const most = 8;

function kept() {
  try {
    const list = JSON.parse(localStorage.getItem(key) ?? "[]");
    return Array.isArray(list) ? list.filter((s) => typeof s === "string").slice(0, most) : [];
  } catch {
    return []; // storage is blocked, or holds something else
  }
}

/** Names, the newest first. */
export const recent = signal(kept());

/** Notes series that were just chosen. */
export function remember(series) {
  if (series.length === 0) return;
  recent.value = [...new Set([...series, ...recent.value])].slice(0, most);
  try {
    localStorage.setItem(key, JSON.stringify(recent.value));
  } catch {
    // it lasts until the page is closed
  }
}
