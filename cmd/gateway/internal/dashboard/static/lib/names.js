// Names of series and files. Pure functions.

/** The topic of a series and the path in its JSON, "" for a plain number: ["a/b", "x.y"]. */
export function split(series) {
  const i = series.indexOf("#");
  return i < 0 ? [series, ""] : [series.slice(0, i), series.slice(i + 1)];
}

/**
 * Whether all words of a search are somewhere in what is said of a series.
 * @param {string[]} texts
 * @param {string} search
 */
export function matches(texts, search) {
  const all = texts.join("\n").toLowerCase().normalize("NFC");
  return search.toLowerCase().normalize("NFC").split(/\s+/).every((word) => all.includes(word));
}

/** A name of a file that every system takes. */
export function fileName(parts, ending) {
  const text = parts.join("-").replaceAll(/[^\p{L}\p{N}._-]+/gu, "-").replaceAll(/-{2,}/g, "-").slice(0, 100);
  return `${text.replace(/^[-.]+|-+$/g, "") || "chart"}.${ending}`;
}
