// The lines to other brokers: is it up, what waits, how long that takes, what to do.
import { html } from "../../ui/html.js";
import { Copy, Failed, Loading } from "../../ui/ui.js";
import { bridgeState } from "../../ui/bridges.js";
import { t } from "../../i18n.js";
import { age, count, decimal, short, size, span } from "../../format.js";
import { get } from "../../api.js";
import { now } from "../../store.js";
import { usePoll } from "./poll.js";

/** "12 430 readings wait, the oldest for 3 h, gone in about 4 min." */
export function queueWords(b, passed) {
  if (b.waiting === 0) return t("system.queue.empty");
  const oldest = b.oldest_ms < 0 ? "" : short((b.oldest_ms + passed) / 1000);
  const words = t("system.queue.waits", { n: b.waiting });
  const parts = [words];
  if (oldest) parts.push(t("system.queue.oldest", { span: oldest }));
  if (!b.connected) parts.push(t("system.queue.kept"));
  else if (b.drain_ms > 0) parts.push(t("system.queue.drains", { span: span(b.drain_ms / 1000) }));
  else if (b.drain_ms < 0 && b.waiting > 100) parts.push(t("system.queue.noend"));
  return parts.join(t("system.queue.and")) + t("system.queue.end");
}

function Card({ b, received }) {
  const passed = Math.max(0, now.value - received);
  const [sign, word, cls] = bridgeState({ ...b, received });
  const at = (ms) => (ms < 0 ? t("shell.never") : age(ms + passed));
  const facts = [
    [b.connected ? "since" : "downfor", b.since_ms < 0 ? t("shell.never") : short((b.since_ms + passed) / 1000)], ["lastack", at(b.last_ack_ms)],
    ["rate", t("system.persecond", { n: decimal(b.rate, b.rate < 10 ? 1 : 0) })], ["queuebytes", size(b.bytes)],
    ["forwarded", count(b.forwarded)], ["brought", count(b.received)], ["dropped", count(b.dropped)], ["aside", count(b.set_aside)],
  ];
  return html`<li class="card bridge-card">
    <div class="head"><h3>${b.name}</h3> <span class=${`state ${cls}`}><span aria-hidden="true">${sign}</span> ${word}</span></div>
    <p class="hint mono">${b.address}</p>
    <p class="queue" data-waiting=${b.waiting}>${queueWords(b, passed)}</p>
    ${b.error && html`<div class=${b.connected ? "error-box past" : "error-box"}>
      <p><b>${t(b.connected ? "system.lasterror" : "system.error")}</b> ${b.error} <span class="hint">${at(b.error_age_ms)}</span></p>
      ${b.help && html`<p>${t("system.whattodo")} ${b.help}</p>`}
      ${!b.connected && !b.help && html`<p class="hint">${t("system.retry")}</p>`}
    </div>`}
    <dl class="facts">${facts.map(([key, text]) => html`<div key=${key}><dt>${t(`system.fact.${key}`)}</dt><dd>${text}</dd></div>`)}</dl>
    ${b.set_aside > 0 && html`<p class="notice">${t("shell.bridge.aside", { count: count(b.set_aside), name: b.name })}</p>`}
    ${b.refused_filters > 0 && html`<p class="notice">${t("shell.bridge.refused", { count: b.refused_filters })}</p>`}
  </li>`;
}

const example = `bridges:
  - name: cloud
    address: mqtts://broker.example.org:8883
    topics: [{filter: "#"}]
`;

function None() {
  return html`<div class="empty">
    <p>${t("system.nobridge")}</p>
    <p>${t("system.nobridge.how")}</p>
    <pre><code>${example}</code></pre>
    <p class="actions"><${Copy} text=${example} /> <span class="hint">${t("system.nobridge.test")}</span></p>
  </div>`;
}

/** The tab. */
export function BridgeTab() {
  const [all, error, again] = usePoll((signal) => get("bridges", { signal }), [], 2000);
  if (!all) return error ? html`<${Failed} error=${error} again=${again} />` : html`<${Loading} />`;
  if (all.length === 0) return html`<${None} />`;
  return html`<ul class="bridge-cards">${all.map((b) => html`<${Card} key=${b.name} b=${b} received=${all.received} />`)}</ul>`;
}
