// One client: all that the broker knows, its subscriptions, and how to end it.
import { html } from "../../ui/html.js";
import { Action, Dialog, Failed, Icon, Loading } from "../../ui/ui.js";
import { t } from "../../i18n.js";
import { count, short, size } from "../../format.js";
import { get, query } from "../../api.js";
import { isAdmin } from "../../session.js";
import { now } from "../../store.js";
import { Here } from "./clients.js";
import { disconnect, forget } from "./kick.js";
import { usePoll } from "./poll.js";
import { ago, kept, reason, since, speaks } from "./words.js";

/** What there is to say, [key, text], without what is empty. */
function facts(c, at) {
  const flow = (f) => t("system.flow", { n: f.messages, size: size(f.bytes) });
  const all = c.connected
    ? [
        ["since", since(c.since_ms, c.received, at)], ["user", c.user || t("system.nouser")], ["address", c.address], ["listener", c.listener], ["version", speaks(c)],
        ["keepalive", c.keep_alive_s > 0 ? short(c.keep_alive_s) : t("system.keepalive.none")], ["session", kept(c)], ["will", c.will],
        ["in", flow(c.in)], ["out", flow(c.out)],
      ]
    : [
        ["awayfor", since(c.since_ms, c.received, at)], ["user", c.user || t("system.nouser")], ["session", kept(c)],
        ["ends", c.ends_ms === null ? "" : t("system.in.span", { span: short(Math.max(0, c.ends_ms - (at - c.received)) / 1000) })], ["will", c.will],
      ];
  all.push(["waiting", c.waiting + c.waiting_bytes === 0 ? "0" : t("system.flow", { n: c.waiting, size: size(c.waiting_bytes) })], ["inflight", count(c.in_flight)], ["dropped", count(c.dropped)]);
  return all.filter(([, text]) => text !== "");
}

function Filters({ c }) {
  return html`<section aria-labelledby="client-filters">
    <h3 id="client-filters">${t("system.subscriptions", { n: c.subscriptions })}</h3>
    ${c.filters.length > 0 && html`<ul class="filters-list" tabindex="0" aria-labelledby="client-filters">
      ${c.filters.map((f) => html`<li key=${f.filter}><span class="mono">${f.filter}</span> <span class="hint">QoS ${f.qos}${f.no_local ? `, ${t("system.nolocal")}` : ""}${f.retain_as_published ? `, ${t("system.aspublished")}` : ""}</span></li>`)}
    </ul>`}
    ${c.subscriptions > c.filters.length && html`<p class="hint">${t("system.subscriptions.more", { n: c.subscriptions - c.filters.length })}</p>`}
  </section>`;
}

/** A dialog about the client of that id. */
export function Detail({ id, onClose, changed }) {
  const [c, error, again] = usePoll((signal) => get("clients" + query({ id }), { signal }), [id], 2000);
  const gone = error?.status === 404;
  const done = () => {
    again();
    changed();
  };
  const at = now.value;
  const body = () => html`
    <p><${Here} client=${c} /> ${c.connected ? t("system.here") : ""} ${c.bridge ? html`<span class="badge">${t("system.bridge")}</span>` : ""}</p>
    ${c.last && html`<p class="card last">${t("system.last")} ${reason(c.last)} <span class="hint">${ago(c.last.age_ms, c.received, at)}</span></p>`}
    <dl class="facts">${facts(c, at).map(([key, text]) => html`<div key=${key}><dt>${t(`system.fact.${key}`)}</dt><dd>${text}</dd></div>`)}</dl>
    <${Filters} c=${c} />
    ${isAdmin.value && !gone && html`<div class="actions">
      ${c.connected && html`<${Action} run=${() => disconnect(c, done)}><${Icon} name="leave" /> ${t("system.kick")}<//>`}
      ${(c.expiry_s !== 0 || !c.connected) && html`<${Action} run=${() => forget(c, done)}><${Icon} name="trash" /> ${t("system.forget")}<//>`}
    </div>`}`;
  return html`<${Dialog} title=${id.slice(0, 300)} onClose=${onClose} wide=${true}>
    ${gone && html`<p class="notice" role="status">${t(c ? "system.gone" : "system.gone.unknown")}</p>`}
    ${!c && !gone && (error ? html`<${Failed} error=${error} again=${again} />` : html`<${Loading} />`)}
    ${c && body()}
  <//>`;
}
