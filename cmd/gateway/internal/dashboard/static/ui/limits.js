// Thresholds of alerts, which charts draw as lines across.
import { signal } from "../vendor/signals.js";
import { get } from "../api.js";
import { limitsFor } from "../lib/limits.js";

const rules = signal([]);

/** Asks for the rules; without them charts have no such lines. */
export async function loadLimits() {
  try {
    rules.value = (await get("alerts")).rules ?? [];
  } catch {
    // the chart is no worse for it
  }
}

/** Those of some series: [{series, value, text}]. */
export const limitsOf = (series) => limitsFor(rules.value, series);
