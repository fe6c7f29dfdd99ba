// What series are called, in words.
import { signal } from "../vendor/signals.js";
import { get } from "../api.js";
import { quantity, title } from "../format.js";
import { split } from "../lib/names.js";

/** What is known of each series that is recorded, by name; null until it has come. */
export const known = signal(null);

/** Asks for what is recorded; rejects with an ApiError. */
export async function loadKnown() {
  const all = await get("series");
  known.value = new Map(all.map((s) => [s.series, s]));
}

/** What a series measures: "Temperature". */
export function nameOf(series) {
  const info = known.value?.get(series);
  const [topic, key] = split(series);
  const last = (key || topic).split(/[./]/).at(-1);
  return quantity({ quantity: info?.quantity || last, title: info?.title || title(last) });
}

/** Where a series is, in words: "Kitchen · Climate"; a topic of another form as it is. */
export function placeOf(series) {
  const [topic] = split(series);
  const levels = topic.split("/");
  return levels.length === 3 && levels.every((l) => l !== "") ? `${title(levels[1])} · ${title(levels[2])}` : topic;
}

/** The site and the room of a series, by which a list of them is divided: "home / Kitchen". */
export function roomOf(series) {
  const levels = split(series)[0].split("/");
  return levels.length >= 3 ? `${levels[0]} / ${title(levels[1])}` : levels[0];
}

/** The whole name of a series: "Kitchen · Climate · Temperature". */
export const wholeName = (series) => `${placeOf(series)} · ${nameOf(series)}`;
