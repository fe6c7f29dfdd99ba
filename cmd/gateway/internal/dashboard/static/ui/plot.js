// One chart on a canvas: lines with their band from the least to the greatest,
// gaps as gaps, a cursor. uPlot draws it; this says what.
import uPlot from "../vendor/uplot.js";
import { align } from "../lib/series.js";
import { axisNumber, tickLabels, timeTicks } from "../lib/ticks.js";
import { number } from "../format.js";

/** The width of a mark of the time axis with its text, px. */
const markWidth = 74;
/** With at most that many points in a chart each is drawn as a dot, too. */
const fewPoints = 80;

/** The colours of the page as they are now, for what is drawn on a canvas. */
export function colours() {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(name).trim();
}

const font = (size = 12) => `${size}px ${getComputedStyle(document.body).fontFamily}`;

// Numbers of a value axis; its words, if it is of things that are 0 or 1.
function valueLabels(lines, binary) {
  if (!binary) return (u, splits, i, space, step) => splits.map((v) => (v === null ? "" : axisNumber(v, step)));
  const quantities = new Set(lines.map((l) => l.points.quantity));
  const quantity = quantities.size === 1 ? [...quantities][0] : "";
  return (u, splits) => splits.map((v) => (v === 0 || v === 1 ? number({ binary: true, quantity, number: v }) : ""));
}

function valueAxis(axis, place, lines, room, colour) {
  const binary = axis === "binary";
  const side = place === 0 ? "left" : "right";
  return {
    scale: axis,
    side: side === "left" ? 3 : 1,
    font: font(),
    stroke: colour(lines.length === 1 ? lines[0].colour : "--soft"), // so that one sees whose it is
    grid: { show: place === 0, stroke: colour("--edge"), width: 1 },
    ticks: { show: false },
    gap: 6,
    splits: binary ? () => [0, 1] : undefined,
    values: valueLabels(lines, binary),
    size: (u, values) => {
      u.ctx.save();
      u.ctx.font = font(12 * devicePixelRatio);
      const widest = Math.max(0, ...(values ?? []).map((v) => u.ctx.measureText(v).width)) / devicePixelRatio;
      u.ctx.restore();
      return (room[side] = Math.max(room[side], 30, Math.ceil(widest) + 12));
    },
  };
}

function timeAxis(language, colour) {
  let ticks = { unit: "minute", at: [] };
  return {
    font: font(),
    stroke: colour("--soft"),
    grid: { stroke: colour("--edge"), width: 1 },
    ticks: { stroke: colour("--edge"), width: 1, size: 4 },
    gap: 4,
    size: 44,
    splits: (u, i, from, to) => (ticks = timeTicks(from, to, Math.floor(u.width / markWidth))).at,
    values: () => tickLabels(ticks, language),
  };
}

// The room above and below the lines; the same value all the time is in the middle.
function valueRange(binary, limits) {
  if (binary) return () => [-0.1, 1.1];
  return (u, low, high) => {
    if (low === null || low === undefined || !Number.isFinite(low)) return [0, 1];
    const span = high - low;
    for (const l of limits) if (l > low - span && l < high + span) [low, high] = [Math.min(low, l), Math.max(high, l)];
    return uPlot.rangeNum(low, high, 0.08, true);
  };
}

// Three uPlot series of one line: the least, the greatest, and the line.
function seriesOf(line, column, colour) {
  const stroke = colour(line.colour);
  const binary = Boolean(line.points.binary);
  const stepped = uPlot.paths.stepped({ align: 1 });
  const edge = { scale: line.axis, show: !line.hidden, stroke: stroke + "8c", width: 1, points: { show: false }, paths: binary ? stepped : undefined };
  return [
    edge,
    { ...edge },
    {
      scale: line.axis,
      show: !line.hidden,
      stroke,
      width: 2,
      dash: line.dash,
      paths: binary ? stepped : undefined,
      points: {
        size: 6,
        fill: stroke,
        show: (u, i, first, last) => line.points.t.length <= fewPoints && last - first < u.width / 8,
        filter: (u, i, all) => (all ? null : column.alone),
      },
    },
  ];
}

// A point that no line touches is a dot at its mean: its extremes are a stroke.
function drawAlone(u, lines, columns, colour) {
  const { ctx } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
  ctx.clip();
  ctx.lineWidth = devicePixelRatio;
  lines.forEach((line, i) => {
    if (line.hidden) return;
    ctx.strokeStyle = colour(line.colour);
    for (const at of columns[i].alone) {
      const x = u.valToPos(u.data[0][at], "x", true);
      ctx.beginPath();
      ctx.moveTo(x, u.valToPos(columns[i].min[at], line.axis, true));
      ctx.lineTo(x, u.valToPos(columns[i].max[at], line.axis, true));
      ctx.stroke();
    }
  });
  ctx.restore();
}

// Thresholds: a dashed line across, with its name.
function drawLimits(u, limits, colour) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour("--bad");
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.font = font(11 * devicePixelRatio);
  ctx.textAlign = "right";
  for (const { axis, value, text } of limits) {
    const y = u.valToPos(value, axis, true);
    if (!(y >= bbox.top && y <= bbox.top + bbox.height)) continue;
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    const [right, gap] = [bbox.left + bbox.width, 4 * devicePixelRatio];
    const wide = ctx.measureText(text).width + 2 * gap;
    ctx.fillStyle = colour("--card"); // lines below would make it unreadable
    ctx.fillRect(right - wide, y - 4.5 * gap, wide, 4 * gap);
    ctx.fillStyle = colour("--bad");
    ctx.fillText(text, right - gap, y - 1.5 * gap);
  }
  ctx.restore();
}

// The units above their axes.
function drawUnits(u, axes, colour) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.font = font(12 * devicePixelRatio);
  ctx.fillStyle = colour("--soft");
  axes.forEach((axis, i) => {
    if (axis === "binary") return;
    ctx.textAlign = i === 0 ? "right" : "left";
    ctx.fillText(axis, i === 0 ? bbox.left - 6 * devicePixelRatio : bbox.left + bbox.width + 6 * devicePixelRatio, bbox.top - 17 * devicePixelRatio);
  });
  ctx.restore();
}

/**
 * Charts that are looked at together.
 * @typedef {Object} Group
 * @property {string} key    of their common cursor
 * @property {{from: number, to: number}} span  what they show, changed while somebody moves it
 * @property {{left: number, right: number}} room  of the widest axes, px, so that the same time stands below the same
 * @property {Set} plots     that there are
 */

/**
 * @typedef {Object} Line
 * @property {import("../lib/series.js").Points} points
 * @property {string} axis    what it stands on
 * @property {string} colour  a variable
 * @property {number[]} dash
 * @property {boolean} hidden
 */

/**
 * Draws lines into an element.
 * @param {HTMLElement} element
 * @param {Object} o
 * @param {Line[]} o.lines
 * @param {string[]} o.axes        of the lines, the left one first
 * @param {Array<{axis: string, value: number, text: string}>} o.limits
 * @param {string} o.language
 * @param {Group} o.group
 * @param {number} o.width         px
 * @param {number} o.height
 * @param {(from: number, to: number) => void} o.onSelect  a part was chosen with the mouse
 * @param {(at: number | null) => void} o.onCursor         the moment below the cursor
 * @param {() => void} o.onReset   clicked twice
 * @returns {{u: uPlot, settle: () => void, shift: () => void, feed: (points: Array) => void, resize: (w: number, h: number) => void, cursor: (at: number | null) => void, end: () => void}}
 *   shift shows what the span of the group says by now, feed takes the points of the
 *   lines anew, settle goes by the room that the group has by now
 */
export function plot(element, o) {
  const colour = colours();
  let { x, columns } = align(o.lines.map((l) => l.points));
  const data = () => [x, ...columns.flatMap((c) => [c.min, c.max, c.mid])];
  let dragging = false;
  const roomNow = () => `${o.group.room.left} ${o.group.room.right}`;
  let roomThen = ""; // when it was drawn last
  const scales = { x: { time: false, auto: false, range: () => [o.group.span.from, o.group.span.to] } };
  for (const axis of o.axes) scales[axis] = { range: valueRange(axis === "binary", o.limits.filter((l) => l.axis === axis).map((l) => l.value)) };
  const u = new uPlot(
    {
      width: o.width,
      height: o.height,
      ms: 1,
      padding: [32, () => (o.axes.length > 1 ? 0 : Math.max(14, o.group.room.right)), 0, 0],
      legend: { show: false },
      scales,
      axes: [timeAxis(o.language, colour), ...o.axes.map((axis, i) => valueAxis(axis, i, o.lines.filter((l) => l.axis === axis), o.group.room, colour))],
      series: [{}, ...o.lines.flatMap((l, i) => seriesOf(l, { get alone() { return columns[i].alone; } }, colour))],
      bands: o.lines.map((l, i) => ({ series: [3 * i + 2, 3 * i + 1], fill: colour(l.colour) + "38" })),
      cursor: {
        y: false,
        hover: { prox: 40, skip: [undefined, null] },
        points: { show: (u, i) => i % 3 === 0 && pointOf(colour(o.lines[i / 3 - 1].colour)), size: 8 },
        drag: { x: true, y: false, setScale: false, dist: 6 },
        sync: { key: o.group.key, setSeries: false, scales: ["x", null] },
        bind: {
          dblclick: () => () => (o.onReset(), null),
          mousedown: (u, target, handle) => (e) => {
            if (e.shiftKey) return null; // that moves, see gestures.js
            dragging = true;
            return handle(e);
          },
          mouseup: (u, target, handle) => (e) => {
            handle(e);
            dragging = false;
            return null;
          },
        },
      },
      hooks: {
        setSelect: [
          (u) => {
            const { left, width } = u.select;
            if (width > 0 && dragging) o.onSelect(u.posToVal(left, "x"), u.posToVal(left + width, "x"));
            dragging = false;
            if (width > 0) u.setSelect({ left: 0, width: 0 }, false);
          },
        ],
        setCursor: [(u) => u.cursor.event && o.onCursor(u.cursor.left >= 0 ? u.posToVal(u.cursor.left, "x") : null)],
        draw: [(u) => drawAlone(u, o.lines, columns, colour), (u) => drawLimits(u, o.limits, colour), (u) => drawUnits(u, o.axes, colour), () => (roomThen = roomNow())],
      },
    },
    data(),
    element,
  );
  return {
    u,
    settle: () => roomThen !== roomNow() && u.redraw(false, true),
    shift: () => u.setScale("x", { min: o.group.span.from, max: o.group.span.to }),
    feed: (points) => {
      o.lines.forEach((l, i) => (l.points = points[i]));
      ({ x, columns } = align(o.lines.map((l) => l.points)));
      u.setData(data(), false);
      u.setScale("x", { min: o.group.span.from, max: o.group.span.to });
    },
    resize: (width, height) => u.setSize({ width, height }),
    cursor: (at) => u.setCursor(at === null ? { left: -10, top: -10 } : { left: u.valToPos(at, "x"), top: 0 }, false),
    end: () => u.destroy(),
  };
}

function pointOf(colour) {
  const point = document.createElement("div");
  point.style.background = colour;
  return point;
}
