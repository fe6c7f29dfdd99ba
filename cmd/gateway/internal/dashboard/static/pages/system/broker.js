// The broker: what comes and goes, its doors, its clients and how others went.
import { useState } from "../../vendor/hooks.js";
import { html } from "../../ui/html.js";
import { Failed, Loading } from "../../ui/ui.js";
import { t } from "../../i18n.js";
import { count, decimal, short, size } from "../../format.js";
import { get, query } from "../../api.js";
import { Detail } from "./client.js";
import { Ends } from "./ends.js";
import { Clients, perPage } from "./clients.js";
import { usePoll } from "./poll.js";

/** Messages each second. */
const rate = (x) => t("system.persecond", { n: x < 10 ? decimal(x, 1) : count(x) });

/** One figure, large, with what belongs to it below. */
export function Figure({ title, value, more, bad }) {
  return html`<div class=${`figure card${bad ? " bad" : ""}`}><dt>${title}</dt><dd><b>${value}</b>${more && html`<span class="hint">${more}</span>`}</dd></div>`;
}

function Figures({ data }) {
  const b = data.broker;
  const dropped = Object.values(b.dropped).reduce((x, y) => x + y, 0);
  const why = Object.entries(b.dropped).filter(([, n]) => n > 0).map(([name, n]) => `${t(`system.dropped.${name}`)} ${count(n)}`);
  return html`<dl class="figures">
    <${Figure} title=${t("system.connected")} value=${count(data.connected)} more=${t("system.known", { n: data.total })} />
    <${Figure} title=${t("system.in")} value=${rate(b.rates.in)} more=${t("system.bytespersecond", { size: size(Math.round(b.rates.in_bytes)) })} />
    <${Figure} title=${t("system.out")} value=${rate(b.rates.out)} more=${t("system.bytespersecond", { size: size(Math.round(b.rates.out_bytes)) })} />
    <${Figure} title=${t("system.retained")} value=${count(b.retained)} more=${size(b.retained_bytes)} />
    <${Figure} title=${t("system.queued")} value=${count(b.queued)} more=${size(b.queued_bytes)} />
    <${Figure} title=${t("system.droppedall")} value=${count(dropped)} more=${why.join(", ") || t("system.dropped.none")} />
  </dl>`;
}

/** Until a certificate expires, or since it has. */
function Certificate({ ms }) {
  if (ms === null) return null;
  const days = ms / 86400_000;
  if (days < 0) return html` <span class="state fault">✕ ${t("system.certificate.expired", { span: short(-ms / 1000) })}</span>`;
  return html` <span class=${days < 14 ? "state stale" : "hint"}>${days < 14 ? "⚠ " : ""}${t("system.certificate", { span: short(ms / 1000) })}</span>`;
}

function Listeners({ all }) {
  if (all.length === 0) return html`<p class="card">${t("system.nolisteners")}</p>`;
  return html`<ul class="listeners">
    ${all.map(
      (l) => html`<li key=${l.address + l.protocol} class="card">
        <b class="mono">${l.protocol} ${l.address}</b>${l.anonymous && html` <span class="badge" title=${t("system.anonymous.why")}>${t("system.anonymous")}</span>`}
        <div class="hint">${[t("system.listener", { n: l.clients }), t("system.listener.rates", { in: rate(l.rates.in), out: rate(l.rates.out) }), l.refused > 0 && t("system.listener.refused", { n: l.refused })].filter(Boolean).join(" · ")}<${Certificate} ms=${l.certificate_ms} /></div>
      </li>`,
    )}
  </ul>`;
}

/** What is asked for: the part of the clients that is seen. */
const first = { filter: "", state: "all", sort: "id", order: "asc", offset: 0 };

/** The tab. */
export function Broker() {
  const [ask, setAsk] = useState(first);
  const [open, setOpen] = useState(null);
  const [data, error, again] = usePoll((signal) => get("clients" + query({ ...ask, limit: perPage }), { signal }), [JSON.stringify(ask)], 3000);
  const [ends, , endsAgain] = usePoll((signal) => get("disconnections", { signal }), [], 5000);
  const changed = () => {
    again();
    endsAgain();
  };
  if (!data) return error ? html`<${Failed} error=${error} again=${again} />` : html`<${Loading} />`;
  return html`<${Figures} data=${data} />
    <section aria-labelledby="system-clients">
      <h2 id="system-clients">${t("system.clients")}</h2>
      <${Clients} data=${data} ask=${ask} onAsk=${(change) => setAsk({ ...ask, offset: 0, ...change })} onOpen=${setOpen} changed=${changed} />
    </section>
    ${ends && html`<${Ends} ends=${ends.ends} received=${ends.received} onOpen=${setOpen} />`}
    <section aria-labelledby="system-listeners"><h2 id="system-listeners">${t("system.listeners")}</h2><${Listeners} all=${data.broker.listeners} /></section>
    ${open !== null && html`<${Detail} id=${open} onClose=${() => setOpen(null)} changed=${changed} />`}`;
}
