// A QR code as a picture.
import { html } from "../../ui/html.js";
import { qr } from "../../lib/qr.js";

const quiet = 4; // modules around it, as readers want

/** Shows a text as a QR code; nothing if it is too long for one. */
export function Qr({ text, label }) {
  const m = qr(text);
  if (!m) return null;
  const size = m.length + 2 * quiet;
  const path = m.flatMap((row, r) => row.map((on, c) => (on ? `M${c + quiet} ${r + quiet}h1v1h-1z` : ""))).join("");
  return html`<svg class="qr" viewBox=${`0 0 ${size} ${size}`} role="img" aria-label=${label} shape-rendering="crispEdges"><path d=${path} fill="#000" /></svg>`;
}
