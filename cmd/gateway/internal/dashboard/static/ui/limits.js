// Thresholds of alerts, as lines in a chart.
import { signal } from "../vendor/signals.js";

/** What a chart draws across itself: [{series, value, text}]. */
export const limits = signal([]);

/** Those of some series. */
export const limitsOf = (series) => limits.value.filter((l) => series.includes(l.series));
