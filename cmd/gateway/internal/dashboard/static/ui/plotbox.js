// A chart in the page: as wide as there is room, drawn again when the language,
// the colours or the lines change.
import { useEffect, useRef, useState } from "../vendor/hooks.js";
import { html } from "./html.js";
import { lang } from "../i18n.js";
import { dark } from "../theme.js";
import { gestures } from "./gestures.js";
import { plot } from "./plot.js";

/**
 * @param {Object} props
 * @param {import("./plot.js").Line[]} props.lines
 * @param {string[]} props.axes
 * @param {unknown} props.version  something else when points have changed
 * @param {Array} props.limits
 * @param {import("./plot.js").Group} props.group
 * @param {number} props.height
 * @param {Object} props.on        {select, reset, cursor, move, done}
 */
export function PlotBox({ lines, axes, version, limits, group, height, on }) {
  const box = useRef(null);
  const drawn = useRef(null);
  const handlers = useRef(on);
  handlers.current = on;
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const watch = new ResizeObserver(([e]) => setWidth(Math.floor(e.contentRect.width)));
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  const form = JSON.stringify([lines.map((l) => [l.points.series, l.points.unit, l.axis, l.colour, l.dash, l.hidden]), axes, limits, height, lang.value, dark.value]);
  useEffect(() => {
    if (width === 0) return;
    const p = plot(box.current, {
      lines: [...lines.map((l) => ({ ...l }))], axes, limits, group, width, height, language: lang.value,
      onSelect: (from, to) => handlers.current.select(from, to),
      onReset: () => handlers.current.reset(),
      onCursor: (at) => handlers.current.cursor(at),
    });
    const end = gestures(p.u.over, { span: () => [group.span.from, group.span.to], move: (from, to) => handlers.current.move(from, to), done: () => handlers.current.done() });
    drawn.current = p;
    group.plots.add(p);
    return () => {
      group.plots.delete(p);
      drawn.current = null;
      end();
      p.end();
    };
  }, [form, width === 0]);
  useEffect(() => drawn.current?.resize(width, height), [width, height]);
  useEffect(() => {
    drawn.current?.feed(lines.map((l) => l.points));
    // uPlot draws in a microtask; what was drawn before may have had less room.
    setTimeout(() => group.plots.forEach((p) => p.settle()));
  }, [version, form, width === 0]);
  return html`<div class="chart-box" ref=${box} aria-hidden="true"></div>`;
}
