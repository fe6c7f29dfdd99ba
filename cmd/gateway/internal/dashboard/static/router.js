// Which page is shown. The address holds it behind the #, so that the page works
// behind any proxy and below any path: #/charts?range=24h&s=home/kitchen/climate%23temperature
import { computed, signal } from "./vendor/signals.js";

const hash = signal(location.hash);
addEventListener("hashchange", () => (hash.value = location.hash));

/**
 * The page that the address asks for: {page, params, query, path}. page is the
 * first level, "home" if there is none; params are the levels behind it, decoded;
 * query is a URLSearchParams. They change with the address.
 */
export const route = computed(() => parse(hash.value));

/** Reads the part of an address behind the #. */
export function parse(text) {
  const [path, query = ""] = text.replace(/^#/, "").split(/\?(.*)/s);
  const levels = path.split("/").filter((l) => l !== "").map(decode);
  const [page = "home", ...params] = levels;
  return { page: /^[a-z]+$/.test(page) ? page : "nowhere", params, query: new URLSearchParams(query), path };
}

function decode(level) {
  try {
    return decodeURIComponent(level);
  } catch {
    return level; // typed by hand
  }
}

/** Writes an address: link("charts", [], { range: "24h", s: ["a", "b"] }). */
export function link(page, params = [], query = {}) {
  const q = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const v of Array.isArray(value) ? value : [value]) if (v !== undefined && v !== null && v !== "") q.append(name, v);
  }
  const tail = q.toString();
  return "#/" + (page === "home" ? "" : [page, ...params].map(encodeURIComponent).join("/")) + (tail ? "?" + tail : "");
}

/**
 * Goes to an address that link has made. replace puts it in the place of the
 * current one, for what changes while somebody types.
 */
export function go(to, { replace = false } = {}) {
  if (!replace) {
    location.hash = to;
    hash.value = location.hash;
    return;
  }
  history.replaceState(null, "", to);
  hash.value = to;
}
