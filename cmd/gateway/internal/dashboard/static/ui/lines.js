// The lines of a chart as a table: which there are, what they say at the cursor,
// and together. It is also what a screen reader has of the chart.
import { html } from "./html.js";
import { lang, t } from "../i18n.js";
import { count, parts, short } from "../format.js";
import { nearest } from "../lib/series.js";
import { split } from "../lib/names.js";
import { momentText } from "../lib/ticks.js";
import { nameOf, placeOf } from "./names.js";
import { colourOf, dashOf } from "../lib/palette.js";

/** A value of a series as text, with its unit. */
export function valueText(info, x, digits = 0) {
  if (x === null || x === undefined || !Number.isFinite(x)) return "–";
  const decimals = info.decimals >= 0 ? info.decimals + digits : info.decimals;
  return parts({ ...info, decimals, number: info.binary ? Math.round(x) : x }).filter((s) => s !== "").join(" ");
}

/** A piece of the line, as it is drawn. */
export function Swatch({ place }) {
  return html`<svg class="chart-swatch" viewBox="0 0 30 10" aria-hidden="true" ref=${(e) => e && (e.style.stroke = `var(${colourOf(place)})`)}>
    <line x1="0" x2="30" y1="5" y2="5" stroke-dasharray=${dashOf(place).join(" ")} />
  </svg>`;
}

function AtCursor({ line, cursor }) {
  const at = cursor.value;
  const p = line.points;
  if (at === null || !p || p.t.length === 0) return html`<td class="number-cell">–</td>`;
  const i = nearest(p.t, at, Math.max(p.gap_ms || 0, line.width * 2, 1000));
  if (i < 0) return html`<td class="number-cell">–</td>`;
  const spread = !p.binary && p.max[i] > p.min[i] && html`<br /><small>${valueText(p, p.min[i])} … ${valueText(p, p.max[i])}</small>`;
  return html`<td class="number-cell">${valueText(p, p.binary ? p.last[i] : p.avg[i], p.n[i] > 1 ? 1 : 0)}${spread}</td>`;
}

function Extreme({ line, value, at, span }) {
  return html`<td class="number-cell">${valueText(line.points, value)}<br /><small><time datetime=${new Date(at).toISOString()}>${momentText(at, lang.value, span)}</time></small></td>`;
}

function Row({ line, cursor, span, on }) {
  const s = line.stats;
  const name = nameOf(line.series);
  const mean = s && !line.points.binary;
  return html`<tr class=${line.hidden ? "hidden" : ""}>
    <th scope="row"><div>
      <button type="button" class="quiet chart-toggle" aria-pressed=${!line.hidden} onClick=${() => on.toggle(line.series)} title=${t(line.hidden ? "charts.line.show" : "charts.line.hide")}>
        <${Swatch} place=${line.place} />
        <span><span class="chart-name">${name}${line.risen && html` <em>${t("charts.rise.per", { span: short(Math.max(1, line.width / 1000)) })}</em>`}</span><br /><small>${placeOf(line.series)}</small></span>
      </button>
      ${line.info.counter && html`<button type="button" class="quiet tool" aria-pressed=${line.risen} onClick=${() => on.rise(line.series)} title=${t("charts.rise.why")} aria-label=${`${t("charts.rise.why")}: ${name}`}>Δ</button>`}
      ${on.remove && html`<button type="button" class="quiet tool" aria-label=${t("charts.line.remove", { name: `${placeOf(line.series)} ${name}` })} title=${split(line.series).join(" ")} onClick=${() => on.remove(line.series)}>✕</button>`}
    </div></th>
    <${AtCursor} line=${line} cursor=${cursor} />
    ${s ? html`<${Extreme} line=${line} value=${s.min} at=${s.minAt} span=${span} />` : html`<td class="number-cell">–</td>`}
    <td class="number-cell">${mean ? valueText(line.points, s.avg, 1) : "–"}</td>
    ${s ? html`<${Extreme} line=${line} value=${s.max} at=${s.maxAt} span=${span} />` : html`<td class="number-cell">–</td>`}
    ${s ? html`<${Extreme} line=${line} value=${s.last} at=${s.lastAt} span=${span} />` : html`<td class="number-cell">–</td>`}
    <td class="number-cell">${s ? count(s.n) : "0"}</td>
  </tr>`;
}

/**
 * @param {Object} props
 * @param {Array} props.lines   {series, place, hidden, risen, info, points, stats, width}
 * @param {import("../vendor/signals.js").Signal} props.cursor  a moment, or null
 * @param {number} props.span   how long the view is, ms
 * @param {Object} props.on     {toggle, rise, remove}; without remove lines stay
 */
export function Lines({ lines, cursor, span, on }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("charts.lines")}>
    <table class="chart-lines">
      <thead>
        <tr>
          <th scope="col">${t("charts.lines")}</th>
          <${CursorHead} cursor=${cursor} span=${span} />
          ${["min", "avg", "max", "last", "n"].map((k) => html`<th key=${k} scope="col" class="number-cell">${t(`charts.col.${k}`)}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${lines.map((l) => html`<${Row} key=${l.series} line=${l} cursor=${cursor} span=${span} on=${on} />`)}
      </tbody>
    </table>
  </div>`;
}

function CursorHead({ cursor, span }) {
  return html`<th scope="col" class="number-cell">${cursor.value === null ? t("charts.col.cursor") : momentText(cursor.value, lang.value, span)}</th>`;
}
