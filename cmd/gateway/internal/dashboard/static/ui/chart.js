// Charts of some series over some time, with all that goes with them: ranges,
// zoom, what the lines say, and files of exactly what is shown. Who uses it
// holds the view; lib/view.js says what that is.
import { useEffect, useMemo, useRef } from "../vendor/hooks.js";
import { useSignal } from "../vendor/signals.js";
import { html } from "./html.js";
import { Action } from "./ui.js";
import { lang, load, t } from "../i18n.js";
import { at, flip, spanOf, toggle } from "../lib/view.js";
import { axisOf, charts, rises, stats } from "../lib/series.js";
import { colourOf, dashOf } from "../lib/palette.js";
import { momentText } from "../lib/ticks.js";
import { short } from "../format.js";
import { serverNow } from "./clock.js";
import { keysOf } from "./chartkeys.js";
import { saveCSV, savePNG } from "./files.js";
import { watch } from "./history.js";
import { limitsOf, loadLimits } from "./limits.js";
import { Lines } from "./lines.js";
import { known, wholeName } from "./names.js";
import { PlotBox } from "./plotbox.js";
import { Ranges } from "./ranges.js";
import { style } from "./style.js";
import { summary } from "./summary.js";

// For pages that are called otherwise, too.
await Promise.all([load("charts"), style("vendor/uplot.css"), style("ui/chart.css")]);

let groups = 0; // of charts that share a cursor

/** What is drawn of each series of a view, by the answer that there is. */
function linesOf(view, answer) {
  const got = new Map((answer?.series ?? []).map((p) => [p.series, p]));
  return view.series.map((series, place) => {
    const raw = got.get(series);
    const info = { decimals: -1, unit: "", quantity: "", ...known.value?.get(series) };
    // The answer knows also series that are newer than the list of them.
    if (raw) for (const key of ["title", "unit", "decimals", "quantity", "binary", "counter"]) info[key] = raw[key] ??= info[key];
    const risen = Boolean(info.counter) && view.rises.includes(series);
    const points = raw && risen ? rises(raw) : raw;
    return { series, place, info, risen, points, hidden: view.hidden.includes(series), stats: points ? stats(points) : null, width: answer?.width_ms ?? 0 };
  });
}

/** How many points of each series are asked for: one for each pixel, in steps. */
const pointsFor = (width) => Math.min(1500, Math.max(250, Math.ceil(width / 250) * 250));

/**
 * @param {Object} props
 * @param {import("../lib/view.js").View} props.view
 * @param {(view: Object, options?: {replace: boolean}) => void} props.onView  wants another view
 * @param {string} props.name         what files are called
 * @param {boolean} [props.fixed]     no series may be taken away
 */
export function Chart({ view, onView, name, fixed = false }) {
  const history = useMemo(watch, []);
  const group = useMemo(() => ({ key: `charts-${groups++}`, span: { from: 0, to: 0, held: false }, room: { left: 0, right: 0 }, plots: new Set() }), []);
  const { span, plots } = group;
  const home = useRef("24h");
  const cursor = useSignal(null);
  const said = useSignal("");
  const frame = useRef(null);
  if (view.range) home.current = view.range;

  useEffect(() => {
    loadLimits();
    return () => history.end();
  }, []);
  useEffect(() => history.show(view, pointsFor(frame.current.clientWidth)), [view]);

  const answer = history.answer.value;
  const version = history.drawn.value;
  if (!span.held) [span.from, span.to] = spanOf(view, serverNow());
  useEffect(() => plots.forEach((p) => p.shift()), [view, version]);

  const lines = linesOf(view, answer);
  const drawn = lines.filter((l) => l.points);
  const stacks = charts(drawn.map((l) => l.info), view.apart);
  const show = (next, options) => {
    cursor.value = null;
    onView(next, options);
  };
  const on = {
    select: (from, to) => show(at(view, from, to, serverNow())),
    reset: () => show({ ...view, range: home.current }),
    cursor: (moment) => (cursor.value = moment),
    move: (from, to) => {
      Object.assign(span, { ...at(view, from, to, serverNow()), held: true });
      plots.forEach((p) => p.shift());
    },
    done: () => {
      span.held = false;
      show(at(view, span.from, span.to, serverNow()));
    },
  };
  const keys = keysOf({ view, show, reset: on.reset, drawn, span, plots, cursor, said });
  return html`<div class=${`chart${history.busy.value ? " busy" : ""}`} ref=${frame} data-from=${answer?.from} data-to=${answer?.to} data-width=${answer?.width_ms}>
    <${Ranges} view=${view} onView=${show} home=${home.current} />
    <div class="chart-stack" tabindex="0" role="group" aria-label=${t("charts.chart", { names: view.series.map(wholeName).join(", ") })} aria-describedby=${`${group.key}-about`} onKeyDown=${keys}>
      ${stacks.map(
        (s, i) => html`<${PlotBox} key=${s.members.map((m) => drawn[m].series).join("\n")} axes=${s.axes} version=${`${version} ${view.rises}`} group=${group} on=${on}
          height=${heightOf(i, stacks.length, s)}
          lines=${s.members.map((m) => drawn[m]).map((l) => ({ points: l.points, axis: axisOf(l.info), colour: colourOf(l.place), dash: dashOf(l.place), hidden: l.hidden }))}
          limits=${limitsIn(s.members.map((m) => drawn[m]))} />`,
      )}
      ${stacks.length === 0 && html`<div class="chart-box none"></div>`}
      <${Notes} history=${history} view=${view} lines=${lines} onView=${show} />
    </div>
    <p class="visually-hidden" id=${`${group.key}-about`}>${summary(lines)} ${t("charts.keys")}</p>
    <p class="visually-hidden" role="status">${said.value}</p>
    <${Foot} view=${view} onView=${onView} file=${{ view, lines, name, span, plots, ask: history.ask, history }} />
    ${view.series.length > 0 && html`<${Lines} lines=${lines} cursor=${cursor} span=${span.to - span.from} on=${{
      toggle: (s) => onView(flip(view, "hidden", s), { replace: true }),
      rise: (s) => onView(flip(view, "rises", s), { replace: true }),
      remove: fixed ? undefined : (s) => onView(toggle(view, s)),
    }} />`}
  </div>`;
}

/** Whether the chart goes on, how fine it is, and the files of it. */
function Foot({ view, onView, file }) {
  const answer = file.history.answer.value;
  const drawn = file.lines.filter((l) => l.points);
  const joined = drawn.some((l) => l.points.n.some((n) => n > 1));
  const fine = joined ? t("charts.width", { span: short(Math.max(1, answer.width_ms / 1000)) }) : t("charts.samples");
  return html`<div class="chart-foot">
    <span class="chart-state">
      ${view.range ? html`<span class="state live"><span aria-hidden="true">●</span> ${t("charts.live")}</span>` : html`<span class="state"><span aria-hidden="true">❚❚</span> ${t("charts.paused")}</span>`}
      ${answer && html` <span class="hint">${fine}</span>`}
    </span>
    <span class="actions">
      ${view.series.length > 1 && html`<button type="button" class="apart" aria-pressed=${view.apart} title=${t("charts.apart.why")} onClick=${() => onView({ ...view, apart: !view.apart }, { replace: true })}>${t("charts.apart")}</button>`}
      <${Action} class="csv" disabled=${!answer} run=${() => saveCSV(file, false)}>${t("charts.csv")}<//>
      <${Action} class="raw" disabled=${!answer} run=${() => saveCSV(file, true)} title=${t("charts.csv.raw.why")}>${t("charts.csv.raw")}<//>
      <${Action} class="png" disabled=${drawn.length === 0} run=${() => savePNG(file)}>${t("charts.png")}<//>
    </span>
  </div>`;
}

// Thresholds of what is seen, each once on its axis.
function limitsIn(lines) {
  const seen = lines.filter((l) => !l.hidden && !l.risen);
  const all = limitsOf(seen.map((l) => l.series)).map(({ series, value, text }) => ({ value, text, axis: axisOf(seen.find((l) => l.series === series).info) }));
  return [...new Map(all.map((l) => [JSON.stringify(l), l])).values()];
}

// What is 0 or 1 needs little room; the first chart gets the most.
function heightOf(i, n, { axes }) {
  if (axes[0] === "binary") return 130;
  if (n > 4) return 170;
  return n > 1 ? (i === 0 ? 300 : 230) : 360;
}

/** What is to be said in the place of lines, or about them. */
function Notes({ history, view, lines, onView }) {
  const { error, answer, busy } = history;
  if (error.value) return html`<div class="chart-note" role="alert"><p>${error.value}</p><p><button type="button" onClick=${history.ask}>${t("shell.again")}</button></p></div>`;
  if (view.series.length === 0) return null;
  if (!answer.value) return busy.value && html`<p class="chart-note" role="status">${t("shell.loading")}</p>`;
  const [from, to] = [answer.value.asked.from, answer.value.asked.to];
  if (lines.every((l) => !l.stats)) {
    const newest = Math.max(...lines.map((l) => l.info.last_ms ?? 0));
    return html`<div class="chart-note"><p>${t("charts.none")} ${newest > 0 && t("charts.none.newest", { at: momentText(newest, lang.value) })}</p>
      ${newest > 0 && html`<p><button type="button" onClick=${() => onView(at(view, newest - (to - from) * 0.9, newest + (to - from) * 0.1, serverNow()))}>${t("charts.none.show")}</button></p>`}</div>`;
  }
  const starts = answer.value.starts_ms ?? Math.min(...lines.map((l) => l.info.first_ms ?? Infinity));
  if (!Number.isFinite(starts) || starts < from + (to - from) * 0.02) return null;
  return html`<p class="chart-hint">${t("charts.starts", { at: momentText(starts, lang.value) })}</p>`;
}
