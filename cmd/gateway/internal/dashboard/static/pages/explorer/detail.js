// What is known of the topic, or of the branch, that somebody looks at.
import { useState } from "../../vendor/hooks.js";
import { html } from "../../ui/html.js";
import { Copy, Failed, Icon, Loading, Tabs } from "../../ui/ui.js";
import { age, count, moment, size } from "../../format.js";
import { t } from "../../i18n.js";
import { visible } from "../../lib/payload.js";
import { isAdmin } from "../../session.js";
import { now } from "../../store.js";
import { serverNow } from "../../ui/clock.js";
import { History } from "./history.js";
import { Payload } from "./payload.js";
import { Properties } from "./properties.js";
import { useTopic } from "./watch.js";

/** Retained or not, QoS, size and age in a line. */
function Meta({ message }) {
  void now.value; // the age grows
  return html`<p class="meta">
    ${message.retain && html`<span class="badge">${t("explorer.retained")}</span>`}
    <span>QoS ${message.qos}</span> <span>${size(message.size)}</span>
    <span title=${moment(message.at, { seconds: true })}>${age(Math.max(0, serverNow() - message.at))}</span>
  </p>`;
}

/** What can be done with a branch, and how much is in it. */
function Branch({ node, onFilter, onClear }) {
  if (!node || node.children.size === 0) return null;
  const filter = `${node.path}/#`;
  const time = Math.max(now.value, performance.now());
  return html`<div class="branch">
    <p class="hint">${t("explorer.row", { n: node.topics, messages: node.messages })} · ${t("explorer.rate", { rate: count(Math.round(node.rateNow(time) * 10) / 10) })}</p>
    <p class="actions">
      <button type="button" onClick=${() => onFilter(filter)}><${Icon} name="search" /> ${t("explorer.branch.only")}</button>
      ${isAdmin.value && !node.path.startsWith("$") && html`<button type="button" onClick=${() => onClear(filter)}><${Icon} name="trash" /> ${t("explorer.branch.clear")}</button>`}
    </p>
  </div>`;
}

function Message({ known, node, onSelect }) {
  const [mode, setMode] = useState("json");
  const [tab, setTab] = useState("value");
  const [at, setAt] = useState(null); // which of the history, its number; null: the newest
  const all = known.history.length > 0 ? known.history : [known.last, known.before].filter(Boolean);
  // What is shown stays where newer ones come in before it.
  const first = known.count; // the number of all[0]
  const i = at === null ? 0 : Math.min(all.length - 1, Math.max(0, first - at));
  const message = all[i];
  const before = all[i + 1] ?? (i === 0 ? known.before : null);
  const value = () => html`
    ${i > 0 && html`<p class="notice"><span>${t("explorer.history.old", { at: moment(message.at, { seconds: true }) })}</span> <button type="button" onClick=${() => setAt(null)}>${t("explorer.history.newest")}</button></p>`}
    <${Payload} message=${message} before=${before} mode=${mode} onMode=${setMode} />`;
  return html`<${Meta} message=${message} />
    <${Tabs} label=${t("explorer.about")} current=${tab} onSelect=${setTab} all=${[
      { id: "value", title: t("explorer.value"), view: value },
      { id: "history", title: t("explorer.history", { n: all.length }), view: () => html`<${History} topic=${known.topic} all=${all} current=${i} onSelect=${(n) => (setAt(n === 0 ? null : first - n), setTab("value"))} />` },
      { id: "properties", title: t("explorer.properties"), view: () => html`<${Properties} message=${message} onSelect=${onSelect} />` },
    ]} />`;
}

/** Of a path; node is that of the tree, undefined if it is not there; news changes with it. */
export function Detail({ path, node, news, ready, paused, onClear, onFilter, onSelect }) {
  const [known, error] = useTopic(path, node?.message?.count ?? 0, paused);
  const here = known?.last ?? null;
  const own = !path.startsWith("$");
  return html`<section class="card detail" aria-label=${t("explorer.about")}>
    <header>
      <h2><bdi>${visible(path)}</bdi></h2>
      <${Copy} text=${path} label=${t("explorer.copy.topic")} />
    </header>
    ${error && !known && html`<${Failed} error=${error} />`}
    ${!known && !error && html`<${Loading} />`}
    ${here && html`<${Message} known=${known} node=${node} onSelect=${onSelect} />`}
    ${known && !here && html`<p class="hint">${t(node ? "explorer.nothing.here" : ready ? "explorer.nothing.known" : "shell.loading")}</p>`}
    ${here && isAdmin.value && own && here.retain && html`<p class="actions"><button type="button" onClick=${() => onClear(path)}><${Icon} name="trash" /> ${t("explorer.clear.this")}</button></p>`}
    <${Branch} node=${node} news=${news} onFilter=${onFilter} onClear=${onClear} />
  </section>`;
}
