// A rule in plain words.
import { html } from "./html.js";
import { amount } from "./alerts.js";
import { has, t } from "../i18n.js";
import { parseValue, quantityOf } from "../lib/alert-rules.js";

/** A span in the words of the page: "5 min". */
function span(ms) {
  const s = ms / 1000;
  if (s >= 3600 && s % 3600 === 0) return t("shell.span.h", { n: s / 3600 });
  if (s >= 60 && s % 60 === 0) return t("shell.span.min", { n: s / 60 });
  return t("shell.span.s", { n: s });
}

/** What a rule is about: "Temperature of home/kitchen/climate". */
export function subject(value) {
  const { filter, key, many } = parseValue(value);
  const q = quantityOf(value);
  const name = has(`units.${q}`) ? t(`units.${q}`) : q;
  if (filter === "") return t("alerts.say.nothing");
  if (key === "" && many) return t("alerts.say.each", { topic: filter });
  if (key === "") return filter;
  return t(many ? "alerts.say.of.each" : "alerts.say.of", { name, topic: filter });
}

/** Sentences that say when a rule fires and when that ends. */
export function sentences(rule, unit = rule.unit ?? "") {
  const all = [];
  const args = { what: subject(rule.value), above: amount(rule.above, unit), below: amount(rule.below, unit), span: span(rule.for_ms) };
  const lasting = rule.for_ms > 0;
  if (rule.above !== null && rule.below !== null) all.push(lasting ? t("alerts.say.band.for", args) : t("alerts.say.band", args));
  else if (rule.above !== null) all.push(lasting ? t("alerts.say.above.for", args) : t("alerts.say.above", args));
  else if (rule.below !== null) all.push(lasting ? t("alerts.say.below.for", args) : t("alerts.say.below", args));
  if (rule.missing_ms > 0) all.push(t("alerts.say.missing", { what: args.what, span: span(rule.missing_ms) }));
  if (rule.status) all.push(t("alerts.say.status"));
  const until = { above: amount(rule.above === null ? null : round(rule.above - rule.hysteresis), unit), below: amount(rule.below === null ? null : round(rule.below + rule.hysteresis), unit) };
  if (rule.hysteresis > 0 && rule.above !== null && rule.below !== null) all.push(t("alerts.say.until.band", until));
  else if (rule.hysteresis > 0 && rule.above !== null) all.push(t("alerts.say.until.above", { limit: until.above }));
  else if (rule.hysteresis > 0 && rule.below !== null) all.push(t("alerts.say.until.below", { limit: until.below }));
  if (rule.clear_for_ms > 0) all.push(t("alerts.say.clear", { span: span(rule.clear_for_ms) }));
  return all;
}

const round = (x) => Math.round(x * 1e6) / 1e6;

export function Says({ rule, unit }) {
  const all = sentences(rule, unit);
  return html`<span class="says">${all.length === 0 ? t("alerts.say.never") : all.join(" ")}</span>`;
}
