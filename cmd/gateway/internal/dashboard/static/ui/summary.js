// What a chart shows, in sentences: for who does not see it.
import { lang, t } from "../i18n.js";
import { momentText } from "../lib/ticks.js";
import { valueText } from "./lines.js";
import { nameOf, placeOf, wholeName } from "./names.js";

/** What the lines say at a moment, to be read aloud. */
export function sentence(lines, moment, span) {
  const values = lines.filter((l) => !l.hidden && l.points.t.includes(moment)).map((l) => {
    const i = l.points.t.indexOf(moment);
    return `${wholeName(l.series)} ${valueText(l.points, l.points.binary ? l.points.last[i] : l.points.avg[i])}`;
  });
  return `${momentText(moment, lang.value, span)}: ${values.join(", ")}`;
}

/** What the lines say together. */
export function summary(lines) {
  return lines.map((l) => {
    const of = `${nameOf(l.series)}, ${placeOf(l.series)}`;
    if (!l.stats) return t("charts.summary.none", { of });
    const [low, high, last] = [l.stats.min, l.stats.max, l.stats.last].map((x) => valueText(l.points, x));
    return t("charts.summary", { of, low, high, last });
  }).join(" ");
}
