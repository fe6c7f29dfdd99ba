// How the last connections ended, and who was refused.
import { useState } from "../../vendor/hooks.js";
import { html } from "../../ui/html.js";
import { t } from "../../i18n.js";
import { short } from "../../format.js";
import { now } from "../../store.js";
import { ago, reason } from "./words.js";

const shown = 30;

/** What needs a look, as it is not what a client wished. */
const bad = new Set(["bad_packet", "too_large", "not_reading", "no_room", "broker_fault", "not_trusted", "no_name", "too_many_tries", "not_allowed", "wrong_version", "no_client_id", "full", "unready", "bad_handshake", "unknown_method"]);

function End({ end: e, received, onOpen }) {
  const at = now.value;
  const who = e.id ? html`<button type="button" class="quiet name mono" onClick=${() => onOpen(e.id)}>${e.id}</button>` : html`<b>${t("system.nobody")}</b>`;
  const more = [e.address, e.user && t("system.asuser", { user: e.user }), e.version && `MQTT ${e.version}`, e.let_in && t("system.wasconnected", { span: short(e.connected_ms / 1000) })];
  return html`<li class=${bad.has(e.cause) ? "end bad" : "end"}>
    <div><span aria-hidden="true">${bad.has(e.cause) ? "⚠" : e.let_in ? "–" : "✕"}</span> ${who} ${!e.let_in && html`<span class="badge">${t("system.refused")}</span>`}${e.count > 1 && html` <span class="badge">${t("system.times", { n: e.count })}</span>`} <span class="age">${ago(e.age_ms, received, at)}</span></div>
    <div class="why">${reason(e)}</div>
    <div class="hint mono">${more.filter(Boolean).join(" · ")}</div>
  </li>`;
}

/** The list, the newest first. */
export function Ends({ ends, received, onOpen }) {
  const [which, setWhich] = useState("all");
  const [all, setAll] = useState(false);
  const some = ends.filter((e) => which === "all" || e.let_in === (which === "ended"));
  const list = all ? some : some.slice(0, shown);
  return html`<section class="ends" aria-labelledby="system-ends">
    <div class="section-head"><h2 id="system-ends">${t("system.ends")}</h2>
      ${ends.length > 0 && html`<select aria-label=${t("system.which")} value=${which} onChange=${(e) => setWhich(e.currentTarget.value)}>
        ${["all", "ended", "refused"].map((w) => html`<option key=${w} value=${w}>${t(`system.ends.${w}`)}</option>`)}
      </select>`}
    </div>
    ${list.length === 0 ? html`<p class="card">${t("system.ends.none")}</p>` : html`<ul class="card">${list.map((e, i) => html`<${End} key=${`${e.id} ${e.address} ${i}`} end=${e} received=${received} onOpen=${onOpen} />`)}</ul>`}
    ${some.length > list.length && html`<p><button type="button" onClick=${() => setAll(true)}>${t("system.ends.more", { n: some.length - list.length })}</button></p>`}
  </section>`;
}
