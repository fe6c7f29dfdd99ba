// The buttons that choose from when to when.
import { useState } from "../vendor/hooks.js";
import { html } from "./html.js";
import { Dialog, Field } from "./ui.js";
import { t } from "../i18n.js";
import { serverNow } from "./clock.js";
import { at, fromLocalInput, localInput, minSpan, pan, ranges, spanOf, zoom } from "../lib/view.js";

function Custom({ view, onView, onClose }) {
  const [from, to] = spanOf(view, serverNow());
  const [texts, setTexts] = useState({ from: localInput(from), to: localInput(to) });
  const [wrong, setWrong] = useState("");
  const apply = (e) => {
    e.preventDefault();
    const [a, b] = [fromLocalInput(texts.from), fromLocalInput(texts.to)];
    if (!(b - a >= minSpan)) return setWrong(t("charts.custom.wrong"));
    onView(at(view, a, b, Math.max(b, serverNow())));
    onClose();
  };
  const input = (key) => (a) => html`<input type="datetime-local" step="1" required value=${texts[key]} onInput=${(e) => setTexts({ ...texts, [key]: e.target.value })} ...${a} />`;
  return html`<${Dialog} title=${t("charts.custom")} onClose=${onClose}>
    <form onSubmit=${apply}>
      <${Field} label=${t("charts.from")} error=${wrong}>${input("from")}<//>
      <${Field} label=${t("charts.to")} hint=${t("charts.custom.hint")}>${input("to")}<//>
      <div class="actions"><button type="submit" class="primary">${t("charts.custom.show")}</button></div>
    </form>
  <//>`;
}

/**
 * @param {Object} props
 * @param {import("../lib/view.js").View} props.view
 * @param {(view: Object) => void} props.onView
 * @param {string} props.home  the range that a double click goes back to
 */
export function Ranges({ view, onView, home }) {
  const [asking, setAsking] = useState(false);
  const now = serverNow;
  const tool = (label, sign, act) => html`<button type="button" class="quiet tool" aria-label=${label} title=${label} onClick=${act}><span aria-hidden="true">${sign}</span></button>`;
  return html`<div class="chart-ranges" role="group" aria-label=${t("charts.range")}>
    ${Object.keys(ranges).map((r) => html`<button key=${r} type="button" aria-pressed=${view.range === r} onClick=${() => onView({ ...view, range: r })}>${t(`charts.range.${r}`)}</button>`)}
    <button type="button" aria-pressed=${view.range === ""} onClick=${() => setAsking(true)}>${t("charts.custom.open")}</button>
    <span class="chart-tools">
      ${tool(t("charts.back"), "↶", () => history.back())}
      ${tool(t("charts.forward"), "↷", () => history.forward())}
      ${tool(t("charts.earlier"), "←", () => onView(pan(view, -0.5, now())))}
      ${tool(t("charts.later"), "→", () => onView(pan(view, 0.5, now())))}
      ${tool(t("charts.in"), "+", () => onView(zoom(view, 2, now())))}
      ${tool(t("charts.out"), "−", () => onView(zoom(view, 0.5, now())))}
      ${view.range === "" && html`<button type="button" onClick=${() => onView({ ...view, range: home })}>${t("charts.live.again")}</button>`}
    </span>
    ${asking && html`<${Custom} view=${view} onView=${onView} onClose=${() => setAsking(false)} />`}
  </div>`;
}
