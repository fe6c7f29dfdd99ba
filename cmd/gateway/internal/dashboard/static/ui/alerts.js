// Alerts as every page knows them: what fires, and how it is said.
import { signal } from "../vendor/signals.js";
import { html } from "./html.js";
import { has, load, t } from "../i18n.js";
import { get } from "../api.js";
import { decimal, number, quantity, short } from "../format.js";
import { link } from "../router.js";
import { feed, now } from "../store.js";

/**
 * What the gateway says of alerts: {alerts, quiet, firing, unseen, worst, latest},
 * each alert with `received`, the moment of its ages. null before it has.
 */
export const news = signal(null);

/** Takes what the gateway says, in the stream or asked. */
export function adopt(data) {
  const received = performance.now();
  news.value = { ...data, alerts: data.alerts.map((a) => ({ ...a, received })) };
}

/** Begins to follow; returns what ends it. */
export function watch() {
  load("bell");
  const stop = feed("alerts", {}, { alerts: adopt }, () => get("alerts").then(adopt, () => {})); // that the line is down is said anyway
  return () => {
    stop();
    news.value = null;
  };
}

/** Whether a person is told that it fires. */
export const fires = (a) => a.state === "firing" || a.state === "clearing";

/** A severity by sign: never by colour alone. */
export const signs = { critical: "▲", warning: "△", info: "◇" };

/** A limit with its unit: "30 °C". */
export const amount = (x, unit) => (x === null || x === undefined ? "–" : decimal(x, 0, 3)) + (unit ? ` ${unit}` : "");

/** The value that an alert or an event is about, with its unit. */
export function valueText(a, x = a.value) {
  if (x === null || x === undefined) return "–";
  const name = quantityName(a);
  return number({ quantity: name, number: x, decimals: a.decimals ?? -1, binary: false }) + (a.unit ? ` ${a.unit}` : "");
}

const quantityName = (a) => (a.key || a.topic.split("/").pop()).split(".").pop();

/** What the value is called: "Temperature". */
export const what = (a) => quantity({ quantity: quantityName(a), title: a.title || quantityName(a) });

/** Why it fires, without the place: "31.2 °C, above 30 °C". */
export function why(a, x = a.fired_at ?? a.value) {
  switch (a.reason) {
    case "above":
    case "below":
      return t(`bell.${a.reason}`, { value: valueText(a, x), limit: amount(a.limit, a.unit) });
    case "missing":
      return t("bell.missing");
    case "fault":
      return t("bell.fault", { status: a.status ? t(`shell.state.${a.status}`) : t("shell.state.fault") });
  }
  return t("bell.ok");
}

/** A severity by sign and word. */
export function Severity({ severity }) {
  return html`<span class=${`severity ${severity}`}><span aria-hidden="true">${signs[severity]}</span> ${t(`bell.severity.${severity}`)}</span>`;
}

/** How long an alert is in its state, as time passes. */
export function Since({ alert }) {
  return html`<span class="age">${t("bell.for", { span: short((alert.age_ms + Math.max(0, now.value - alert.received)) / 1000) })}</span>`;
}

/** One alert in a line, which leads to all of them. */
export function Line({ alert }) {
  return html`<a href=${link("alerts")}>${alert.custom ? alert.message : html`${what(alert)}, ${alert.topic}`}</a>
    ${" "}${!alert.custom && html`<span>${why(alert)}</span> `}<${Severity} severity=${alert.severity} /> <${Since} alert=${alert} />`;
}

/** Says on a sensor's tile what of it fires: "△ above 1000 ppm". */
export function Marks({ path }) {
  const all = (news.value?.alerts ?? []).filter((a) => a.topic === path && fires(a));
  if (all.length === 0 || !has("bell.none")) return null;
  return html`<p class="marks">${all.map(
    (a) => html`<a key=${a.id} href=${link("alerts")} class=${`severity ${a.severity}`}><span aria-hidden="true">${signs[a.severity]}</span> ${a.reason === "above" || a.reason === "below" ? t(`bell.mark.${a.reason}`, { what: what(a), limit: amount(a.limit, a.unit) }) : why(a)}</a> `,
  )}</p>`;
}

/** What fires and nobody knows of, on top of Home. */
export function Pinned() {
  const all = (news.value?.alerts ?? []).filter((a) => fires(a) && !a.acknowledged);
  if (all.length === 0 || !has("bell.none")) return null;
  return html`<section class=${`problems firing ${news.value.worst}`} aria-label=${t("shell.page.alerts")}>
    <h2>${t("bell.firing", { n: all.length })}</h2>
    <ul>${all.slice(0, 8).map((a) => html`<li key=${a.id}><${Line} alert=${a} /></li>`)}</ul>
    ${all.length > 8 && html`<p><a href=${link("alerts")}>${t("bell.more", { n: all.length - 8 })}</a></p>`}
  </section>`;
}

