// A chart by the keyboard.
import { pan, zoom } from "../lib/view.js";
import { serverNow } from "./clock.js";
import { sentence } from "./summary.js";

/**
 * What a key does on the charts, as a listener.
 * @param {Object} o
 * @param {import("../lib/view.js").View} o.view
 * @param {(view: Object) => void} o.show
 * @param {() => void} o.reset
 * @param {Array} o.drawn   lines with points
 * @param {{from: number, to: number}} o.span
 * @param {Set} o.plots
 * @param {import("../vendor/signals.js").Signal} o.cursor  the moment it is at, or null
 * @param {import("../vendor/signals.js").Signal} o.said    what is read aloud
 */
export function keysOf({ view, show, reset, drawn, span, plots, cursor, said }) {
  // To the next point of any line.
  const step = (direction) => {
    const times = drawn.filter((l) => !l.hidden).flatMap((l) => l.points.t).filter((x) => x >= span.from && x <= span.to);
    const from = cursor.value ?? (direction > 0 ? span.from - 1 : span.to + 1);
    const next = direction > 0 ? Math.min(...times.filter((x) => x > from)) : Math.max(...times.filter((x) => x < from));
    if (!Number.isFinite(next)) return; // it was the last one
    put(next);
    said.value = sentence(drawn, next, span.to - span.from);
  };
  const put = (at) => {
    cursor.value = at;
    plots.forEach((p) => p.cursor(at));
  };
  const acts = {
    "+": () => show(zoom(view, 2, serverNow())),
    "=": () => show(zoom(view, 2, serverNow())), // the same key without shift
    "-": () => show(zoom(view, 0.5, serverNow())),
    ArrowLeft: (e) => (e.shiftKey ? step(-1) : show(pan(view, -0.25, serverNow()))),
    ArrowRight: (e) => (e.shiftKey ? step(1) : show(pan(view, 0.25, serverNow()))),
    Home: reset,
    Escape: () => put(null),
  };
  return (e) => {
    if (e.target !== e.currentTarget || e.ctrlKey || e.metaKey || e.altKey || !Object.hasOwn(acts, e.key)) return;
    e.preventDefault();
    acts[e.key](e);
  };
}
