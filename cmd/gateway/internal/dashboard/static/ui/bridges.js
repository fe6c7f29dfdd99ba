// The bridges to upstream brokers: is the line up, what waits, since when.
import { html } from "./html.js";
import { now } from "../store.js";
import { age, count, size, span } from "../format.js";
import { said, t } from "../i18n.js";

/** Sign, words and class of a line's state: never by colour alone. */
export function bridgeState(b) {
  if (!b.connected && b.paused) return ["–", t("shell.bridge.paused", { why: said(b.paused_said ?? { error: b.paused }) }), "offline"];
  if (!b.connected) return ["–", t("shell.bridge.down"), "offline"];
  if (b.waiting > 0 && b.last_ack_ms > 30_000) return ["✕", t("shell.bridge.dead"), "fault"];
  return b.waiting > 100 ? ["◐", t("shell.bridge.behind"), "late"] : ["●", t("shell.bridge.up"), "live"];
}

/** What there is to say of a bridge, in words; t is performance.now(). */
export function bridgeFacts(b, at) {
  const passed = Math.max(0, at - b.received);
  const since = (ms) => (ms < 0 ? t("shell.never") : age(ms + passed));
  const facts = [b.waiting === 0 ? t("shell.bridge.nothing") : t("shell.bridge.waiting", { count: count(b.waiting), size: size(b.bytes), age: since(b.oldest_ms) })];
  if (b.connected && b.waiting > 0 && b.rate > 0.05)
    facts.push(b.drain_ms < 0 ? t("shell.bridge.noend", { rate: count(b.rate) }) : t("shell.bridge.togo", { rate: count(b.rate), span: span(b.drain_ms / 1000) }));
  facts.push(t("shell.bridge.acked", { age: since(b.last_ack_ms) }));
  if (b.set_aside > 0) facts.push(t("shell.bridge.aside", { count: count(b.set_aside), name: b.name }));
  if (b.dropped > 0) facts.push(t("shell.bridge.dropped", { count: count(b.dropped) }));
  if (b.refused_filters > 0) facts.push(t("shell.bridge.refused", { count: b.refused_filters }));
  return facts;
}

function Bridge({ b }) {
  const at = now.value;
  const [sign, word, cls] = bridgeState(b);
  return html`<li class="bridge">
    <b>${b.name}</b> <span class=${`state ${cls}`}><span aria-hidden="true">${sign}</span> ${word}</span>
    <div>${bridgeFacts(b, at).join(" · ")}</div>
    ${!b.connected && b.error && html`<div class="reason">${b.error} (${age(b.error_age_ms < 0 ? null : b.error_age_ms + Math.max(0, at - b.received))})${b.help && html`<br />${b.help}`}</div>`}
  </li>`;
}

export function Bridges({ all }) {
  if (all.length === 0) return null;
  return html`<section class="bridges" aria-label=${t("shell.bridges")}>
    <h2>${t("shell.bridges")}</h2>
    <ul>${all.map((b) => html`<${Bridge} key=${b.name} b=${b} />`)}</ul>
  </section>`;
}
