// What a topic said since somebody opened it, and its numbers as a line.
import { useMemo, useState } from "../../vendor/hooks.js";
import { html } from "../../ui/html.js";
import { Icon } from "../../ui/ui.js";
import { moment, size } from "../../format.js";
import { lang, t } from "../../i18n.js";
import { numbers, visible } from "../../lib/payload.js";
import { link } from "../../router.js";

const width = 300;
const height = 60;
const shown = 160; // of a payload in the list, characters

/** A line of [time, number], oldest first. */
function Line({ points, label }) {
  const times = points.map((p) => p[0]);
  const values = points.map((p) => p[1]);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (at) => ((at - times[0]) / (times.at(-1) - times[0] || 1)) * width;
  const y = (v) => height - 2 - ((v - low) / (high - low || 1)) * (height - 4);
  const text = (v) => v.toLocaleString(lang.value, { maximumSignificantDigits: 15 });
  return html`<figure class="numbers">
    <svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label=${t("explorer.numbers.line", { name: label, low: text(low), high: text(high), n: points.length })}>
      <polyline points=${points.map(([at, v]) => `${x(at).toFixed(1)},${y(v).toFixed(1)}`).join(" ")} />
    </svg>
    <figcaption>${t("explorer.numbers.range", { low: text(low), high: text(high), from: moment(times[0], { seconds: true }) })}</figcaption>
  </figure>`;
}

/** The numbers of a topic as a line, and which. */
function Numbers({ topic, all }) {
  const [chosen, setChosen] = useState(null);
  const parsed = useMemo(() => all.map((m) => [m.at, numbers(m.text)]), [all]);
  const keys = useMemo(() => [...new Set(parsed.flatMap(([, found]) => [...found.keys()]))].slice(0, 50), [parsed]);
  if (keys.length === 0) return null;
  const key = keys.includes(chosen) ? chosen : keys[0];
  const points = parsed.filter(([, found]) => found.has(key)).map(([at, found]) => [at, found.get(key)]).reverse();
  const name = key === "" ? t("explorer.value") : key;
  return html`<div class="chart-of-numbers">
    <p class="actions">
      ${keys.length > 1 && html`<label>${t("explorer.numbers.which")} <select value=${key} onChange=${(e) => setChosen(e.currentTarget.value)}>${keys.map((k) => html`<option key=${k} value=${k}>${visible(k)}</option>`)}</select></label>`}
      <a class="button" href=${link("charts", [], { range: "24h", s: key === "" ? topic : `${topic}#${key}` })}><${Icon} name="chart" /> ${t("explorer.numbers.charts")}</a>
    </p>
    ${points.length > 1 && html`<${Line} points=${points} label=${name} />`}
  </div>`;
}

/** all is newest first; current is the one that is shown; onSelect gets the place of another. */
export function History({ topic, all, current, onSelect }) {
  return html`<${Numbers} topic=${topic} all=${all} />
    <ol class="history">
      ${all.map((m, i) => html`<li key=${all.length - i}>
        <button type="button" class="quiet" aria-current=${i === current ? "true" : undefined} onClick=${() => onSelect(i)}>
          <time datetime=${new Date(m.at).toISOString()}>${moment(m.at, { seconds: true })}</time>
          <span class="soft">QoS ${m.qos} · ${size(m.size)}</span>
          <bdi class="says">${m.text === null ? t("explorer.binary", { n: m.size }) : visible(m.text.slice(0, shown))}</bdi>
        </button>
      </li>`)}
    </ol>
    <p class="hint">${t("explorer.history.since")}</p>`;
}
