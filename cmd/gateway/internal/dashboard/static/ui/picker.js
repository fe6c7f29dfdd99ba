// Chooses series out of all that are recorded: by room, by words, or those of
// last time. On a phone it is folded away once something is drawn.
import { useEffect, useRef, useState } from "../vendor/hooks.js";
import { html } from "./html.js";
import { t } from "../i18n.js";
import { maxSeries, toggle } from "../lib/view.js";
import { matches, split } from "../lib/names.js";
import { title } from "../format.js";
import { known, nameOf, placeOf, roomOf } from "./names.js";
import { recent } from "./recent.js";

/** More rows than that help nobody: words find what is wanted. */
const mostRows = 150;

function Entry({ series, view, onView, where }) {
  const chosen = view.series.includes(series);
  const full = !chosen && view.series.length >= maxSeries;
  return html`<li>
    <label title=${split(series).join(" ")}>
      <input type="checkbox" checked=${chosen} disabled=${full} onChange=${() => onView(toggle(view, series))} />
      <span>${where && html`<small>${where} · </small>`}${nameOf(series)}</span>
    </label>
  </li>`;
}

// Readings of sensors come first, then what devices and the gateway itself tell besides.
const deeper = (series) => split(series)[0].split("/").length !== 3;

// The sensor of a series, where its room is known already.
const sensorOf = (series) => {
  const levels = split(series)[0].split("/");
  return levels.length >= 3 ? title(levels.slice(2).join("/")) : "";
};

/**
 * @param {Object} props
 * @param {import("../lib/view.js").View} props.view
 * @param {(view: Object) => void} props.onView
 */
export function Picker({ view, onView }) {
  const [search, setSearch] = useState("");
  const [open, setOpen] = useState(view.series.length === 0);
  const wide = useWide();
  const all = [...known.value.keys()];
  const found = all.filter((s) => matches([s, nameOf(s), placeOf(s)], search)).sort((a, b) => deeper(a) - deeper(b) || (a < b ? -1 : 1));
  const rooms = group(found.slice(0, mostRows), roomOf);
  const last = recent.value.filter((s) => known.value.has(s));
  const body = html`<div class="picker-body">
    <label class="visually-hidden" for="charts-search">${t("charts.search")}</label>
    <input id="charts-search" type="search" placeholder=${t("charts.search")} value=${search} onInput=${(e) => setSearch(e.target.value)} />
    ${view.series.length >= maxSeries && html`<p class="hint" role="status">${t("charts.full", { n: maxSeries })}</p>`}
    ${search === "" && last.length > 0 && html`<h3>${t("charts.recent")}</h3><ul>${last.map((s) => html`<${Entry} key=${s} series=${s} view=${view} onView=${onView} where=${placeOf(s)} />`)}</ul>`}
    ${[...rooms].map(([room, list]) => html`<section key=${room}><h3>${room}</h3><ul>${list.map((s) => html`<${Entry} key=${s} series=${s} view=${view} onView=${onView} where=${sensorOf(s)} />`)}</ul></section>`)}
    ${found.length === 0 && html`<p class="hint" role="status">${t("charts.search.none", { text: search })}</p>`}
    ${found.length > mostRows && html`<p class="hint" role="status">${t("charts.search.more", { n: found.length - mostRows })}</p>`}
  </div>`;
  if (wide) return html`<section class="picker" aria-label=${t("charts.pick")}><h2>${t("charts.pick")}</h2>${body}</section>`;
  return html`<details class="picker" open=${open} onToggle=${(e) => setOpen(e.currentTarget.open)}>
    <summary>${t("charts.pick")} <small>${t("charts.chosen", { n: view.series.length })}</small></summary>
    ${body}
  </details>`;
}

function group(list, by) {
  const groups = new Map();
  for (const s of list) groups.set(by(s), [...(groups.get(by(s)) ?? []), s]);
  return groups;
}

// Whether there is room for the picker beside the charts.
function useWide() {
  const media = useRef(matchMedia("(min-width: 64rem)")).current;
  const [wide, setWide] = useState(media.matches);
  useEffect(() => {
    const look = () => setWide(media.matches);
    media.addEventListener("change", look);
    return () => media.removeEventListener("change", look);
  }, []);
  return wide;
}
