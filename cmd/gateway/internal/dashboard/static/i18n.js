// The words of the page. A catalogue is a file i18n/<language>/<name>.json; a key
// is "<catalogue>.<key>". What a language does not have is said in English.
import { signal } from "./vendor/signals.js";

/** The languages there are, by their own name. */
export const languages = { en: "English", ko: "한국어" };

const kept = "language";

function saved() {
  try {
    return localStorage.getItem(kept);
  } catch {
    return null; // storage is blocked
  }
}

function fromBrowser() {
  for (const wanted of navigator.languages ?? [navigator.language]) {
    const l = wanted.split("-")[0];
    if (l in languages) return l;
  }
  return "en";
}

/** What somebody has chosen: a language, or "auto". */
export const choice = signal(saved() in languages ? saved() : "auto");
/** The language of the page. */
export const lang = signal(choice.value === "auto" ? fromBrowser() : choice.value);

const catalogues = new Map(); // "ko/shell" to its words
const wanted = new Set(); // names of catalogues
const version = signal(0); // grows when words have come
const retryInterval = 3000; // ms, until words are asked for again

const retries = new Map(); // timers, by the catalogue that did not come

async function fetchWords(language, name) {
  const id = `${language}/${name}`;
  if (catalogues.has(id)) return;
  try {
    const r = await fetch(`static/i18n/${id}.json`);
    if (!r.ok) return;
    catalogues.set(id, await r.json());
    version.value++;
  } catch {
    // The keys show until the line is back.
    clearTimeout(retries.get(id));
    retries.set(id, setTimeout(() => fetchWords(language, name), retryInterval));
  }
}

/** Loads catalogues; a page's are loaded by the router before it is shown. */
export async function load(...names) {
  for (const n of names) wanted.add(n);
  const all = names.map((n) => fetchWords(lang.value, n));
  if (lang.value !== "en") all.push(...names.map((n) => fetchWords("en", n)));
  await Promise.all(all);
}

/** Changes the language, "auto" for the browser's, and remembers it. */
export async function choose(language) {
  choice.value = language in languages ? language : "auto";
  try {
    localStorage.setItem(kept, choice.value);
  } catch {
    // it lasts until the page is closed
  }
  const chosen = choice.value;
  const next = chosen === "auto" ? fromBrowser() : chosen;
  await Promise.all([...wanted].map((n) => fetchWords(next, n)));
  if (choice.value !== chosen) return; // another was chosen meanwhile
  lang.value = next;
  document.documentElement.lang = next;
  await load(...wanted); // those that a page has asked for meanwhile
}

function find(language, key) {
  const dot = key.indexOf(".");
  return catalogues.get(`${language}/${key.slice(0, dot)}`)?.[key.slice(dot + 1)];
}

/** Tells whether there are words for a key in the language of the page. */
export function has(key) {
  return version.value >= 0 && find(lang.value, key) !== undefined;
}

/**
 * The words for a key, with {name} replaced by args.name. Of words with several
 * forms, {"one": …, "other": …}, the one for args.n.
 */
export function t(key, args = {}) {
  void version.value; // who shows this is drawn again when words come
  let words = find(lang.value, key) ?? find("en", key);
  if (words === undefined) return key;
  if (typeof words === "object") words = words[new Intl.PluralRules(lang.value).select(args.n ?? 0)] ?? words.other;
  return words.replace(/\{(\w+)\}/g, (whole, name) => (name in args ? String(typeof args[name] === "number" ? args[name].toLocaleString(lang.value) : args[name]) : whole));
}

/** Loads what the gateway says, in a language that is not its own. */
export async function loadSaid() {
  if (lang.value !== "en") await load("said");
}

/**
 * What the gateway says, {error, code, values, before} of its API, in the language
 * of the page; its English if there are no other words.
 */
export function said(text) {
  const key = `said.${text.code}`;
  if (lang.value === "en" || !text.code) return text.error;
  if (!wanted.has("said")) loadSaid(); // and whoever shows this is drawn again
  if (!has(key)) return text.error;
  const values = Object.entries(text.values ?? {}).map(([name, v]) => [name, typeof v === "object" ? said(v) : v]);
  return (text.before ?? "") + t(key, Object.fromEntries(values));
}
