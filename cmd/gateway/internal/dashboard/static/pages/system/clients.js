// The clients, a page at a time: the gateway filters and orders them, so that a
// thousand are as quick as ten.
import { useEffect, useRef, useState } from "../../vendor/hooks.js";
import { html } from "../../ui/html.js";
import { Action, Icon } from "../../ui/ui.js";
import { t } from "../../i18n.js";
import { count } from "../../format.js";
import { isAdmin } from "../../session.js";
import { now } from "../../store.js";
import { disconnect } from "./kick.js";
import { since, speaks } from "./words.js";

/** How many clients are seen at once. */
export const perPage = 50;

/** The columns: name, and the order that is asked for first. */
const columns = [
  ["id", "asc"], ["user", "asc"], ["address", "asc"], ["version", "asc"], ["since", "asc"],
  ["subscriptions", "desc"], ["in", "desc"], ["out", "desc"], ["waiting", "desc"], ["dropped", "desc"],
];
const numbers = new Set(["subscriptions", "in", "out", "waiting", "dropped"]);

function Head({ ask, onAsk }) {
  const sort = (name, order) => onAsk({ sort: name, order: ask.sort === name ? (ask.order === "asc" ? "desc" : "asc") : order });
  return html`<tr>
    ${columns.map(
      ([name, order]) => html`<th key=${name} scope="col" class=${numbers.has(name) ? "number-cell" : ""} aria-sort=${ask.sort === name ? (ask.order === "asc" ? "ascending" : "descending") : undefined}>
        <button type="button" class="quiet sort" onClick=${() => sort(name, order)}>${t(`system.col.${name}`)}<span aria-hidden="true">${ask.sort === name ? (ask.order === "asc" ? " ▲" : " ▼") : ""}</span></button>
      </th>`,
    )}
    ${isAdmin.value && html`<td></td>`}
  </tr>`;
}

/** Sign and word of whether a client is there: never by colour alone. */
export function Here({ client }) {
  return client.connected
    ? html`<span class="state live"><span aria-hidden="true">●</span><span class="visually-hidden"> ${t("system.here")}</span></span>`
    : html`<span class="state"><span aria-hidden="true">–</span> ${t("system.away")}</span>`;
}

/** How much of a client id the table shows: it may be 65 535 bytes. */
const longest = 60;
const shortened = (id) => (id.length > longest ? `${id.slice(0, longest)}…` : id);

function Row({ client: c, received, onOpen, changed }) {
  const cell = (name, body) => html`<td data-label=${t(`system.col.${name}`)} class=${numbers.has(name) ? "number-cell" : ""}>${body}</td>`;
  return html`<tr class=${c.connected ? "" : "away"}>
    <th scope="row"><${Here} client=${c} /> <button type="button" class="quiet name mono" title=${c.id.length > longest ? c.id.slice(0, 1000) : undefined} onClick=${() => onOpen(c.id)}>${shortened(c.id)}</button>${c.bridge && html` <span class="badge">${t("system.bridge")}</span>`}</th>
    ${cell("user", c.user || "–")} ${cell("address", html`<span class="mono">${c.address || "–"}</span>`)} ${cell("version", speaks(c) || "–")}
    ${cell("since", html`<${Since} ms=${c.since_ms} received=${received} />`)} ${cell("subscriptions", count(c.subscriptions))}
    ${cell("in", count(c.in.messages))} ${cell("out", count(c.out.messages))} ${cell("waiting", count(c.waiting))} ${cell("dropped", count(c.dropped))}
    ${isAdmin.value && html`<td class="do">${c.connected && html`<${Action} class="quiet" aria-label=${`${t("system.kick")}: ${shortened(c.id)}`} title=${t("system.kick")} run=${() => disconnect(c, changed)}><${Icon} name="leave" /><//>`}</td>`}
  </tr>`;
}

function Since({ ms, received }) {
  return since(ms, received, now.value);
}

function Pager({ data, onAsk }) {
  const from = data.offset + 1;
  const to = data.offset + data.clients.length;
  if (data.matched <= perPage && data.offset === 0) return null;
  return html`<nav class="pager" aria-label=${t("system.pages")}>
    <button type="button" disabled=${data.offset === 0} onClick=${() => onAsk({ offset: Math.max(0, data.offset - perPage) })}><${Icon} name="left" /> ${t("system.before")}</button>
    <span role="status">${t("system.part", { from: count(from), to: count(to), all: count(data.matched) })}</span>
    <button type="button" disabled=${to >= data.matched} onClick=${() => onAsk({ offset: data.offset + perPage })}>${t("system.after")} <${Icon} name="right" /></button>
  </nav>`;
}

/** A field whose text is taken when somebody has stopped typing. */
function Search({ value, onInput, label }) {
  const [text, setText] = useState(value);
  const told = useRef(value);
  useEffect(() => {
    if (text === told.current) return;
    const timer = setTimeout(() => {
      told.current = text;
      onInput(text);
    }, 250);
    return () => clearTimeout(timer);
  }, [text]);
  return html`<input type="search" value=${text} placeholder=${label} aria-label=${label} onInput=${(e) => setText(e.currentTarget.value)} />`;
}

export { Search };

/** The clients that were asked for. */
export function Clients({ data, ask, onAsk, onOpen, changed }) {
  const filtered = ask.filter !== "" || ask.state !== "all";
  return html`<div class="filters">
      <${Search} value=${ask.filter} label=${t("system.search")} onInput=${(filter) => onAsk({ filter })} />
      <select aria-label=${t("system.which")} value=${ask.state} onChange=${(e) => onAsk({ state: e.currentTarget.value })}>
        ${["all", "connected", "away"].map((s) => html`<option key=${s} value=${s}>${t(`system.which.${s}`)}</option>`)}
      </select>
      <label class="order">${t("system.order")}
        <select value=${`${ask.sort} ${ask.order}`} onChange=${(e) => { const [sort, order] = e.currentTarget.value.split(" "); onAsk({ sort, order }); }}>
          ${columns.flatMap(([name]) => ["asc", "desc"].map((o) => html`<option key=${name + o} value=${`${name} ${o}`}>${t(`system.col.${name}`)} ${o === "asc" ? "▲" : "▼"}</option>`))}
        </select>
      </label>
    </div>
    ${data.clients.length === 0
      ? html`<p class="card">${filtered ? t("system.nomatch") : t("system.noclients")}</p>`
      : html`<div class="scroll card"><table class="clients"><thead><${Head} ask=${ask} onAsk=${onAsk} /></thead>
          <tbody>${data.clients.map((c) => html`<${Row} key=${c.id} client=${c} received=${data.received} onOpen=${onOpen} changed=${changed} />`)}</tbody></table></div>`}
    <${Pager} data=${data} onAsk=${onAsk} />`;
}
