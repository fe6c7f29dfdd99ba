// Alerts: what fires, what has happened, and the rules.
import { useEffect, useState } from "../vendor/hooks.js";
import { html } from "../ui/html.js";
import { Action, Failed, Icon, Loading, confirm, toast, useLoad } from "../ui/ui.js";
import { Severity, Since, adopt, fires, news, valueText, what, why } from "../ui/alerts.js";
import { load, t } from "../i18n.js";
import { age, moment, short } from "../format.js";
import { del, get, post, put } from "../api.js";
import { link } from "../router.js";
import { isAdmin } from "../session.js";
import { gateway, now } from "../store.js";
import { Editor } from "../ui/alert-editor.js";
import { suggestions } from "../lib/alert-rules.js";
import { Says } from "../ui/alert-says.js";

/** What is left until it fires, or ends, as time passes. */
function Left({ alert }) {
  const left = Math.max(0, alert.left_ms - (now.value - alert.received));
  if (alert.state === "pending") return html`<span class="left">${t("alerts.pending", { span: short(left / 1000) })}</span>`;
  if (alert.state === "clearing") return html`<span class="left">${t("alerts.clearing", { span: short(left / 1000) })}</span>`;
  return null;
}

function Now({ alert }) {
  const silent = alert.silent_ms === null ? null : alert.silent_ms + Math.max(0, now.value - alert.received);
  return html`<p class="now"><span class="what">${t("alerts.now")}</span> <span class="number">${valueText(alert)}</span> <span class="age">${age(silent)}</span></p>`;
}

async function say(alert, on) {
  await post(`alerts/${alert.id}/${on ? "ack" : "unack"}`);
  adopt(await get("alerts"));
}

function Card({ alert }) {
  const name = `${what(alert)}, ${alert.topic}`;
  return html`<li class=${`alert card ${alert.severity} ${alert.state}${alert.acknowledged ? " known" : ""}`} aria-label=${name}>
    <div class="head">
      <${Severity} severity=${alert.severity} />
      <h3><a href=${link("charts", [], { range: "24h", series: alert.series })}>${name}</a></h3>
      ${alert.acknowledged && html`<span class="badge">✓ ${t("bell.acknowledged")}</span>`}
      ${alert.simulated && html`<span class="badge">${t("shell.tile.simulated")}</span>`}
    </div>
    ${alert.custom && html`<p class="message">${alert.message}</p>`}
    <p>${why(alert)} <${Since} alert=${alert} /> <${Left} alert=${alert} /></p>
    <${Now} alert=${alert} />
    <p class="hint">${t("alerts.by", { rule: alert.rule })}</p>
    ${isAdmin.value && fires(alert) && html`<p class="actions"><${Action} class=${alert.acknowledged ? "" : "primary"} aria-label=${`${t(alert.acknowledged ? "alerts.unack" : "alerts.ack")}: ${name}`} run=${() => say(alert, !alert.acknowledged)}>${t(alert.acknowledged ? "alerts.unack" : "alerts.ack")}<//></p>`}
  </li>`;
}

function Current({ all, rules }) {
  const firing = all.filter(fires);
  const pending = all.filter((a) => !fires(a));
  return html`<section aria-labelledby="alerts-now">
    <h2 id="alerts-now">${news.value.firing === 0 ? t("bell.none") : t("alerts.firing", { n: news.value.firing })}</h2>
    ${firing.length === 0 && html`<p class="card quiet-note">✓ ${rules === 0 ? t("alerts.norules") : t("alerts.quiet", { values: t("alerts.values", { n: news.value.quiet }) })}</p>`}
    ${firing.length > 0 && html`<ul class="alerts">${firing.map((a) => html`<${Card} key=${a.id} alert=${a} />`)}</ul>`}
    ${news.value.firing > firing.length && html`<p class="hint">${t("bell.more", { n: news.value.firing - firing.length })}</p>`}
    ${pending.length > 0 && html`<h2>${t("alerts.soon")}</h2><ul class="alerts">${pending.map((a) => html`<${Card} key=${a.id} alert=${a} />`)}</ul>`}
  </section>`;
}

function Rule({ rule, onEdit, again }) {
  const { name } = rule;
  const mine = rule.source === "page" && isAdmin.value;
  const remove = async () => {
    if (!(await confirm({ title: t("alerts.delete"), text: t("alerts.delete.sure", { name }), action: t("alerts.delete"), danger: true }))) return;
    await del(`alerts/rules/${encodeURIComponent(name)}`);
    toast(t("alerts.deleted", { name }));
    again();
  };
  const toggle = async () => {
    await put(`alerts/rules/${encodeURIComponent(name)}`, { ...formOf(rule), enabled: !rule.enabled });
    again();
  };
  return html`<li class=${`card rule${rule.enabled ? "" : " off"}`}>
    <div class="head">
      <h3>${name}</h3> <${Severity} severity=${rule.severity} />
      ${rule.source !== "page" && html`<span class="badge" title=${t(rule.source === "demo" ? "alerts.source.demo" : "alerts.source.file")}>${rule.source}</span>`}
      ${!rule.enabled && html`<span class="badge">${t("alerts.disabled")}</span>`}
    </div>
    <p class="mono">${rule.value}</p>
    <p><${Says} rule=${rule} /></p>
    <p class="hint">${t("alerts.values", { n: rule.values })}${rule.firing > 0 ? `, ${t("bell.firing", { n: rule.firing })}` : ""}${rule.left_out > 0 ? `. ${t("alerts.leftout")}` : ""}</p>
    ${mine && html`<p class="actions">
      <button type="button" onClick=${() => onEdit(rule)} aria-label=${`${t("alerts.edit")}: ${name}`}><${Icon} name="edit" /> ${t("alerts.edit")}</button>
      <${Action} run=${toggle} aria-label=${`${t(rule.enabled ? "alerts.disable" : "alerts.enable")}: ${name}`}>${t(rule.enabled ? "alerts.disable" : "alerts.enable")}<//>
      <${Action} run=${remove} aria-label=${`${t("alerts.delete")}: ${name}`}><${Icon} name="trash" /> ${t("alerts.delete")}<//>
    </p>`}
  </li>`;
}

/** What the API takes of a rule, without what it tells besides. */
function formOf(rule) {
  const { source, values, firing, left_out, unit, ...form } = rule;
  return form;
}

function Rules({ rules, onEdit, again, site }) {
  return html`<section aria-labelledby="alerts-rules">
    <h2 id="alerts-rules">${t("alerts.rules")}</h2>
    ${isAdmin.value && html`<p class="actions">
      <button type="button" class="primary" onClick=${() => onEdit(null)}><${Icon} name="plus" /> ${t("alerts.add")}</button>
      ${suggestions(site).map((s) => html`<button type="button" key=${s.id} onClick=${() => onEdit({ ...s.rule, name: t(`alerts.suggest.${s.id}`) }, true)}>${t(`alerts.suggest.${s.id}`)}</button>`)}
    </p>`}
    ${rules.length > 0 && html`<ul class="rules">${rules.map((r) => html`<${Rule} key=${r.name} rule=${r} onEdit=${onEdit} again=${again} />`)}</ul>`}
  </section>`;
}

function Recent({ events }) {
  if (events.length === 0) return null;
  return html`<section aria-labelledby="alerts-recent">
    <h2 id="alerts-recent">${t("alerts.recent")}</h2>
    <ul class="events card">
      ${events.map(
        (e, i) => html`<li key=${`${e.time_ms} ${i}`}><time datetime=${new Date(e.time_ms).toISOString()}>${moment(e.time_ms, { seconds: true })}</time>
          <span class=${`event ${e.what} ${e.severity}`}>${t(`alerts.what.${e.what}`)}</span>
          <span>${e.custom && e.what !== "cleared" ? e.message : `${what(e)}, ${e.topic}${e.what === "cleared" ? "" : `: ${why(e, e.value)}`}`}</span></li>`,
      )}
    </ul>
  </section>`;
}

/** The page. What changes comes in the stream; rules and events are asked for again when it does. */
export default function Alerts() {
  const [turn, setTurn] = useState(0);
  const latest = news.value?.latest ?? 0;
  const [all, error, again] = useLoad(async (signal) => {
    await load("bell");
    const everything = await get("alerts", { signal });
    adopt(everything);
    return everything;
  }, [turn, latest, isAdmin.value]);
  const [editing, setEditing] = useState(null); // {rule, isNew}
  useEffect(() => {
    const timer = setInterval(() => document.hidden || setTurn((n) => n + 1), 60_000); // how many values a rule has
    return () => clearInterval(timer);
  }, []);
  if (!all) return error ? html`<${Failed} error=${error} again=${again} />` : html`<${Loading} />`;
  const site = all.topic.split("/")[0];
  return html`<div class="alerts-page">
    <h1>${t("shell.page.alerts")}</h1>
    ${error && html`<p class="notice" role="status">${error.message}</p>`}
    ${!all.kept && html`<p class="notice">${t("alerts.lost")}</p>`}
    <${Current} all=${news.value?.alerts ?? all.alerts} rules=${all.rules.length} />
    <${Rules} rules=${all.rules} site=${site} again=${again} onEdit=${(rule, isNew = rule === null) => setEditing({ rule, isNew })} />
    <${Recent} events=${all.recent} />
    <p class="hint">${t("alerts.mqtt")} <code>mosquitto_sub ${broker()} -t '${all.topic}#' -v</code></p>
    ${editing && html`<${Editor} key=${editing.rule?.name} rule=${editing.rule && formOf(editing.rule)} isNew=${editing.isNew} names=${all.rules.map((r) => r.name)} onClose=${() => setEditing(null)} onSaved=${() => (setEditing(null), again())} />`}
  </div>`;
}

/** The options that lead to the broker. */
function broker() {
  const [, name, port] = (gateway.value?.mqtt[0] ?? "").match(/^(.*):(\d+)/) ?? [null, "127.0.0.1", "1883"];
  return `-h ${name}${port === "1883" ? "" : ` -p ${port}`}`;
}
