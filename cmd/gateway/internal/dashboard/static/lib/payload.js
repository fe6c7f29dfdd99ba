// Payloads as text: JSON with its numbers as they are, hexadecimal, differences.
// Pure functions.

// What cannot be seen, or turns around what stands beside it: control characters,
// marks of direction, what is between lines or has no width.
const unseen = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\uffff]|[\u{e0000}-\u{e0fff}]/gu;
const escape = (c) => (c.codePointAt(0) > 0xffff ? `\\u{${c.codePointAt(0).toString(16)}}` : `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** A text of one line in which everything can be seen: "a\u202eb". */
export const visible = (text) => text.replace(unseen, escape);

/** The same of a payload, whose lines and tabs stay. */
export const visibleLines = (text) => text.replaceAll("\r\n", "\n").replace(unseen, (c) => (c === "\n" || c === "\t" ? c : escape(c)));

const tokens = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[{}[\],:]/g;

/**
 * JSON on lines of its own, every number and text as it was written: 2^53 + 1 stays
 * that. null if it is no object or list of JSON.
 */
export function pretty(text) {
  if (!/^\s*[{[]/.test(text)) return null;
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  const out = [];
  let depth = 0;
  let empty = false; // an opening bracket is the last
  const line = () => "\n" + "  ".repeat(Math.min(depth, 40));
  for (const [token] of text.matchAll(tokens)) {
    const closing = token === "}" || token === "]";
    if (closing) depth--;
    if (closing ? !empty : empty) out.push(line());
    empty = token === "{" || token === "[";
    if (empty) depth++;
    out.push(token === ":" ? ": " : token);
    if (token === ",") out.push(line());
  }
  return out.join("");
}

/** Bytes of base64. */
export const bytesOf = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

/** Base64 of bytes. */
export function base64Of(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

/** Bytes as lines of sixteen: "00000000  7b 22 …  {"…". */
export function hex(bytes, most = bytes.length) {
  const lines = [];
  for (let at = 0; at < Math.min(bytes.length, most); at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const digits = row.map((b) => b.toString(16).padStart(2, "0")).join(" ");
    lines.push(`${at.toString(16).padStart(8, "0")}  ${digits.padEnd(47)}  ${row.map((b) => (b >= 0x20 && b < 0x7f ? String.fromCharCode(b) : "·")).join("")}`);
  }
  return lines.join("\n");
}

const mostCells = 250_000; // of the table of a difference

/**
 * The difference between two texts by lines: [[" " | "-" | "+", line], …], or null if
 * they are too long and different to tell.
 */
export function diff(before, after) {
  const a = before.split("\n");
  const b = after.split("\n");
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const middle = change(a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  if (middle === null) return null;
  const same = (l) => [" ", l];
  return [...a.slice(0, head).map(same), ...middle, ...a.slice(a.length - tail).map(same)];
}

// The longest common subsequence, by its table.
function change(a, b) {
  if (a.length * b.length > mostCells) return null;
  const width = b.length + 1;
  const longest = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      longest[i * width + j] = a[i] === b[j] ? longest[(i + 1) * width + j + 1] + 1 : Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
    }
  }
  const out = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      out.push([" ", a[i]]);
      i++;
      j++;
    } else if (i < a.length && (j === b.length || longest[(i + 1) * width + j] >= longest[i * width + j + 1])) out.push(["-", a[i++]]);
    else out.push(["+", b[j++]]);
  }
  return out;
}

/** The numbers in a payload by their key path, "" for a plain number: Map of path to number. */
export function numbers(text, most = 50) {
  const found = new Map();
  if (text === null || text.length > 65_536) return found;
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    return found;
  }
  const walk = (v, path, depth) => {
    if (found.size >= most || depth > 8) return;
    if (typeof v === "number" && Number.isFinite(v)) found.set(path, v);
    else if (v !== null && typeof v === "object") for (const [k, child] of Object.entries(v)) walk(child, path === "" ? k : `${path}.${k}`, depth + 1);
  };
  walk(value, "", 0);
  return found;
}
