// Charts: which series, from when to when. The address says it all, so that a
// view can be kept, sent, and gone back to.
import { useEffect, useMemo, useState } from "../vendor/hooks.js";
import { html } from "../ui/html.js";
import { Failed, Loading } from "../ui/ui.js";
import { Chart } from "../ui/chart.js";
import { Picker } from "../ui/picker.js";
import { t } from "../i18n.js";
import { go, link } from "../router.js";
import { emptyView, formatView, parseView, toggle } from "../lib/view.js";
import { known, loadKnown, nameOf, placeOf } from "../ui/names.js";
import { remember } from "../ui/recent.js";

/** The address of a view. */
export const address = (view) => `#/charts?${formatView(view)}`;

// The first that a new page could draw: what people have most often.
function suggestions(all) {
  const liked = ["temperature", "humidity", "carbon_dioxide", "power", "pressure"];
  const rank = (s) => (liked.includes(s.quantity) ? liked.indexOf(s.quantity) : liked.length);
  return [...all].filter((s) => !s.binary).sort((a, b) => rank(a) - rank(b) || (a.series < b.series ? -1 : 1)).slice(0, 6);
}

function Nothing({ view, show }) {
  if (known.value.size === 0) {
    return html`<div class="empty">
      <h2>${t("charts.empty")}</h2>
      <p>${t("charts.empty.why")}</p>
      <p class="actions"><a class="button primary" href=${link("sensors")}>${t("charts.empty.sensors")}</a> <a class="button" href=${link("connect")}>${t("charts.empty.connect")}</a></p>
    </div>`;
  }
  return html`<div class="empty">
    <h2>${t("charts.choose")}</h2>
    <p>${t("charts.choose.how")}</p>
    <div class="actions">${suggestions(known.value.values()).map((s) => html`<button key=${s.series} type="button" onClick=${() => show(toggle(view, s.series))}>${placeOf(s.series)} · ${nameOf(s.series)}</button>`)}</div>
  </div>`;
}

export default function Charts({ query }) {
  const text = query.toString();
  const view = useMemo(() => parseView(new URLSearchParams(text)), [text]);
  const [error, setError] = useState(null);
  const load = () => loadKnown().then(() => setError(null), setError);
  // Of what is new one wants to know soon if there was nothing.
  const empty = !known.value?.size;
  useEffect(() => {
    load();
    const timer = setInterval(() => !document.hidden && load(), empty ? 5_000 : 60_000);
    return () => clearInterval(timer);
  }, [empty]);
  const show = (next, options) => {
    remember(next.series.filter((s) => !view.series.includes(s)));
    go(address(next), options);
  };
  if (!known.value && error) return html`<h1>${t("shell.page.charts")}</h1><${Failed} error=${error} again=${load} />`;
  if (!known.value) return html`<h1>${t("shell.page.charts")}</h1><${Loading} />`;
  return html`<h1>${t("shell.page.charts")}</h1>
    <div class="charts">
      ${known.value.size > 0 && html`<${Picker} view=${view} onView=${show} />`}
      <div class="charts-main">
        ${view.series.length === 0 ? html`<${Nothing} view=${view} show=${show} />` : html`<${Chart} view=${view} onView=${show} name="gateway" />`}
        ${view.series.length > 0 && html`<p class="actions"><button type="button" class="quiet" onClick=${() => show({ ...emptyView(), range: view.range || "24h" })}>${t("charts.clear")}</button></p>`}
      </div>
    </div>`;
}
