// How the page asks the gateway. Addresses are relative: "sensors" is
// /api/v1/sensors, wherever the page is.
import { loadSaid, said, t } from "./i18n.js";
import { refresh, session } from "./session.js";

/**
 * What went wrong, in words that can be shown; status is 0 if nobody answered. why
 * is a word for a page that has words of its own, wait how many seconds to wait, answer all that was said.
 */
export class ApiError extends Error {
  constructor(status, message, { why = "", wait = 0, answer = null } = {}) {
    super(message);
    this.status = status;
    this.why = why;
    this.wait = wait;
    this.answer = answer;
  }
}

async function ask(method, path, body, { signal, headers = {}, raw = false } = {}) {
  const init = { method, signal, headers: { ...headers }, credentials: "same-origin" };
  if (body !== undefined) {
    const isJSON = !(body instanceof Blob) && !(body instanceof ArrayBuffer);
    init.headers["Content-Type"] ??= isJSON ? "application/json" : "application/octet-stream";
    init.body = isJSON ? JSON.stringify(body) : body;
  }
  let r, isJSON, answer;
  try {
    r = await fetch("api/v1/" + path, init);
    if (r.ok && raw) return r;
    isJSON = r.headers.get("Content-Type")?.startsWith("application/json");
    answer = isJSON ? await r.json() : await r.text();
  } catch (e) {
    if (e.name === "AbortError") throw e;
    throw new ApiError(0, t("shell.unreachable")); // or the line broke within the answer
  }
  if (r.ok) return answer;
  if (r.status === 401 && session.value?.role) refresh(); // it has ended: the page asks for the password
  const more = { why: answer?.why, wait: Number(r.headers.get("Retry-After") ?? 0), answer: isJSON ? answer : null };
  if (answer?.code) await loadSaid();
  throw new ApiError(r.status, (answer?.error && said(answer)) || (String(answer).slice(0, 300) || `${r.status} ${r.statusText}`), more);
}

/** get("sensors") resolves to the JSON of the answer, or rejects with an ApiError. */
export const get = (path, options) => ask("GET", path, undefined, options);
/** post("publish", {…}): the body becomes JSON, unless it is a Blob. */
export const post = (path, body = {}, options) => ask("POST", path, body, options);
export const put = (path, body = {}, options) => ask("PUT", path, body, options);
export const del = (path, options) => ask("DELETE", path, undefined, options);

/** Writes a query: query({ series: ["a#b"], from: 1 }) is "?series=a%23b&from=1". */
export function query(args) {
  const q = new URLSearchParams();
  for (const [name, value] of Object.entries(args)) {
    for (const v of Array.isArray(value) ? value : [value]) if (v !== undefined && v !== null && v !== "") q.append(name, v);
  }
  const text = q.toString();
  return text ? "?" + text : "";
}
