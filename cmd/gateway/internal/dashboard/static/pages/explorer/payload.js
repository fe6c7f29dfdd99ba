// A payload: formatted, as it came, its bytes, and how it differs from the one
// before.
import { useMemo, useState } from "../../vendor/hooks.js";
import { html } from "../../ui/html.js";
import { Copy } from "../../ui/ui.js";
import { size } from "../../format.js";
import { t } from "../../i18n.js";
import { bytesOf, diff, hex, pretty, visibleLines } from "../../lib/payload.js";

const most = 64 << 10; // of a text that is shown at once, characters
const mostBytes = 4 << 10; // of the bytes
const context = 3; // lines around a change

/** The bytes of a message of the API. */
export const bytes = (m) => (m.text === null ? bytesOf(m.base64 ?? "") : new TextEncoder().encode(m.text));

/** How a message is read best: JSON on its lines, else as it came. */
function formatted(m) {
  if (m.text === null || m.cut || m.text.length > 4 * most) return null;
  return pretty(m.text);
}

/** Leaves out what is far from any change: a number in place of so many lines. */
function shorten(lines) {
  const near = lines.map(() => false);
  lines.forEach(([sign], i) => sign !== " " && near.fill(true, Math.max(0, i - context), i + context + 1));
  const out = [];
  for (let i = 0; i < lines.length; i++) {
    if (near[i]) out.push(lines[i]);
    else if (typeof out.at(-1) === "number") out[out.length - 1]++;
    else out.push(1);
  }
  return out;
}

function Difference({ message, before }) {
  const lines = useMemo(() => {
    const text = (m) => visibleLines(formatted(m) ?? m.text ?? hex(bytes(m), mostBytes));
    return diff(text(before), text(message));
  }, [message, before]);
  if (lines === null) return html`<p class="hint">${t("explorer.diff.large")}</p>`;
  if (lines.every(([sign]) => sign === " ")) return html`<p class="hint">${t("explorer.diff.same")}</p>`;
  const tag = { "-": "del", "+": "ins", " ": "span" };
  return html`<pre class="diff" tabindex="0">${shorten(lines).map((l, i) =>
    typeof l === "number" ? html`<span key=${i} class="skipped">${t("explorer.diff.skipped", { n: l })}${"\n"}</span>` : html`<${tag[l[0]]} key=${i}>${l[0]} ${l[1]}${"\n"}<//>`,
  )}</pre>`;
}

/** A message of the API; before is the one before it, null if it is not known. */
export function Payload({ message, before, mode, onMode }) {
  const [all, setAll] = useState(false);
  const json = useMemo(() => formatted(message), [message]);
  const modes = [json !== null && "json", message.text !== null && "raw", "hex", before && "diff"].filter(Boolean);
  const shown = modes.includes(mode) ? mode : modes[0];
  const text = useMemo(() => {
    if (shown === "hex") return hex(bytes(message), all ? undefined : mostBytes);
    const whole = shown === "json" ? json : (message.text ?? "");
    return visibleLines(all ? whole : whole.slice(0, most));
  }, [message, shown, all]);
  const long = shown === "hex" ? message.size > mostBytes : (shown === "json" ? json : (message.text ?? "")).length > most;
  return html`<div class="payload">
    <div class="actions" role="group" aria-label=${t("explorer.view")}>
      ${modes.map((m) => html`<button key=${m} type="button" aria-pressed=${m === shown} onClick=${() => onMode(m)}>${t(`explorer.view.${m}`)}</button>`)}
      <span class="grow"></span>
      ${message.text !== null && html`<${Copy} text=${message.text} label=${t("explorer.copy.payload")} />`}
    </div>
    ${message.size === 0
      ? html`<p class="hint">${t("explorer.payload.empty")}</p>`
      : shown === "diff"
        ? html`<${Difference} message=${message} before=${before} />`
        : html`<pre class="value" tabindex="0" aria-label=${t("explorer.payload")}>${text}</pre>`}
    ${long && shown !== "diff" && !all && html`<p class="hint">${t("explorer.payload.part")} <button type="button" onClick=${() => setAll(true)}>${t("explorer.payload.all", { size: size(message.size) })}</button></p>`}
    ${message.cut && html`<p class="hint">${t("explorer.payload.cut", { n: message.size })}</p>`}
  </div>`;
}
