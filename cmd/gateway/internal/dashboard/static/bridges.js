// The bridges to upstream brokers: is the line up, what waits, since when.
import { h } from "./vendor/preact.js";
import htm from "./vendor/htm.js";
import { age, count, size, span } from "./format.js";

const html = htm.bind(h);

/** Sign, word and class of a line's state: never by colour alone. */
function state(b) {
  if (!b.connected && b.paused) return ["–", `not connected by plan: ${b.paused}`, "offline"];
  if (!b.connected) return ["–", "not connected", "offline"];
  if (b.waiting > 0 && b.last_ack_ms > 30_000) return ["✕", "connected, but nothing is acknowledged", "fault"];
  return b.waiting > 100 ? ["◐", "catching up", "late"] : ["●", "connected", "live"];
}

function Bridge({ b, t }) {
  const passed = Math.max(0, t - b.received);
  const at = (ms) => (ms < 0 ? "never" : age(ms + passed));
  const [sign, word, cls] = state(b);
  const facts = [b.waiting === 0 ? "nothing waits" : `${count(b.waiting)} waiting (${size(b.bytes)}), the oldest from ${at(b.oldest_ms)}`];
  if (b.connected && b.waiting > 0 && b.rate > 0.05)
    facts.push(`${count(b.rate)}/s, ${b.drain_ms < 0 ? "no end in sight" : `${span(b.drain_ms / 1000)} to go`}`);
  facts.push(`last acknowledged ${at(b.last_ack_ms)}`);
  if (b.set_aside > 0) facts.push(`${count(b.set_aside)} set aside, see gateway bridge aside ${b.name}`);
  if (b.dropped > 0) facts.push(`${count(b.dropped)} dropped for want of room or as too old`);
  if (b.refused_filters > 0) facts.push(`${b.refused_filters} subscriptions refused`);
  return html`<li class="bridge">
    <b>${b.name}</b> <span class=${`state ${cls}`}><span aria-hidden="true">${sign}</span> ${word}</span>
    <div>${facts.join(" · ")}</div>
    ${!b.connected && b.error && html`<div class="reason">${b.error} (${at(b.error_age_ms)})${b.help && html`<br />${b.help}`}</div>`}
  </li>`;
}

export function Bridges({ all, t }) {
  if (all.length === 0) return null;
  return html`<section class="bridges" aria-label="Upstream">
    <h2>Upstream</h2>
    <ul>
      ${all.map((b) => html`<${Bridge} key=${b.name} b=${b} t=${t} />`)}
    </ul>
  </section>`;
}
