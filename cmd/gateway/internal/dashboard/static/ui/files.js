// Files of exactly what a chart shows.
import { lang, t } from "../i18n.js";
import { query } from "../api.js";
import { download } from "./ui.js";
import { fileName } from "../lib/names.js";
import { spanText } from "../lib/ticks.js";
import { localInput } from "../lib/view.js";
import { colourOf, dashOf } from "../lib/palette.js";
import { nameOf, wholeName } from "./names.js";
import { picture } from "./picture.js";
import { colours } from "./plot.js";
import { valueText } from "./lines.js";

const stamp = (ms) => localInput(ms).slice(0, 16).replace("T", "-").replaceAll(":", "");

/**
 * Saves what is shown as CSV, which the gateway writes: the rows that the chart is
 * drawn of, or every sample. A live chart is brought up to date first, so that it
 * and the file are the same.
 */
export async function saveCSV(file, raw) {
  if (file.view.range) await file.ask();
  const { from, to, points } = file.history.answer.value.asked;
  const series = file.view.series.filter((s) => !file.view.hidden.includes(s));
  const a = document.createElement("a");
  a.href = "api/v1/export" + query({ series, from, to, points: raw ? undefined : points, format: "csv" });
  a.download = fileName([file.name, stamp(from), stamp(to)], "csv");
  a.click();
}

/** Saves what is shown as a picture. */
export async function savePNG(file) {
  const lines = file.lines.filter((l) => l.points && !l.hidden);
  const text = (l) => {
    const s = l.stats;
    const name = l.risen ? `${wholeName(l.series)} Δ` : wholeName(l.series);
    if (!s) return `${name}: ${t("charts.none")}`;
    if (l.info.binary) return `${name}: ${t("charts.png.state", { last: valueText(l.points, s.last) })}`;
    return `${name}: ${t("charts.png.line", { low: valueText(l.points, s.min), mean: valueText(l.points, s.avg, 1), high: valueText(l.points, s.max), last: valueText(l.points, s.last) })}`;
  };
  const canvases = [...file.plots].map((p) => p.u.ctx.canvas).sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top);
  const blob = await picture({
    title: [...new Set(lines.map((l) => nameOf(l.series)))].join(", "),
    span: spanText(file.span.from, file.span.to, lang.value),
    canvases,
    lines: lines.map((l) => ({ colour: colourOf(l.place), dash: dashOf(l.place), text: text(l) })),
    colour: colours(),
  });
  download(fileName([file.name, stamp(file.span.from), stamp(file.span.to)], "png"), blob);
}
