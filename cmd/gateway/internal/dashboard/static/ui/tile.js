// One sensor in small.
import { Component } from "../vendor/preact.js";
import { html } from "./html.js";
import { Marks } from "./alerts.js";
import { ageAt, now } from "../store.js";
import { age, number, parts, quantity, signs, stateNow, title, trend, trouble } from "../format.js";
import { lang, t } from "../i18n.js";
import { link } from "../router.js";

/** What is to be said about a sensor at t. */
export function stateAt(sensor, at) {
  return stateNow(sensor.state, ageAt(sensor, at), sensor.stale_after_ms);
}

/** The id of a sensor's tile in the page. */
export const tileId = (path) => "s-" + encodeURIComponent(path);

/** The address of a sensor's own page. */
export const sensorLink = (path) => link("sensor", path.split("/"));

/** A state, by sign and word. */
export function State({ state }) {
  const known = state in signs ? state : "unknown";
  return html`<span class=${`state ${known}`}><span aria-hidden="true">${signs[known]}</span> ${t(`shell.state.${known}`)}</span>`;
}

/** The state of a sensor as time passes. */
export function StateNow({ sensor }) {
  return html`<${State} state=${stateAt(sensor, now.value)} />`;
}

/** The age of a sensor's last message as time passes. */
export function Age({ sensor }) {
  return html`<span class="age">${age(ageAt(sensor, now.value))}</span>`;
}

const width = 200;
const height = 40;

/** The last hour as a band from low to high. */
export function Sparkline({ value }) {
  const points = value.points ?? [];
  if (points.length < 2 || value.binary) return null;
  const from = points[0][0];
  const to = points[points.length - 1][0];
  let low = Math.min(...points.map((p) => p[1]));
  let high = Math.max(...points.map((p) => p[2]));
  if (high - low < 1e-9) [low, high] = [low - 1, high + 1];
  const x = (at) => (((at - from) / (to - from || 1)) * width).toFixed(1);
  const y = (v) => (height - 3 - ((v - low) / (high - low)) * (height - 6)).toFixed(1);
  const middle = points.map((p) => `${x(p[0])},${y((p[1] + p[2]) / 2)}`).join(" ");
  const band = [...points.map((p) => `${x(p[0])},${y(p[2])}`), ...points.toReversed().map((p) => `${x(p[0])},${y(p[1])}`)].join(" ");
  return html`<svg class="spark" viewBox=${`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
    <polygon points=${band} /><polyline points=${middle} />
  </svg>`;
}

const arrows = { 1: "↗", 0: "→", "-1": "↘" };

/** Where a value goes. */
function Trend({ value }) {
  if (value.binary || value.counter || (value.points ?? []).length < 4) return null;
  const to = trend(value.points, value.decimals);
  return html`<span class="trend" role="img" aria-label=${t(`shell.trend.${to > 0 ? "up" : to < 0 ? "down" : "flat"}`)}>${arrows[to]}</span>`;
}

/** Lowest, mean and highest of the last hour: the server's, or of what was seen. */
export function hour(value) {
  if (value.hour) return value.hour;
  const points = value.points ?? [];
  if (points.length < 2) return null;
  const low = Math.min(...points.map((p) => p[1]));
  const high = Math.max(...points.map((p) => p[2]));
  return { low, high, mean: points.reduce((sum, p) => sum + (p[1] + p[2]) / 2, 0) / points.length };
}

function Hour({ value }) {
  const h = value.binary || value.quantity === "uptime" ? null : hour(value);
  if (!h) return null;
  const show = (x) => number({ ...value, number: x });
  return html`<p class="hour" title=${t("shell.hour.why")}>
    <span><span class="visually-hidden">${t("shell.hour.low")} </span>${show(h.low)}</span>
    <span><span class="visually-hidden">${t("shell.hour.mean")} </span>${show(h.mean)}</span>
    <span><span class="visually-hidden">${t("shell.hour.high")} </span>${show(h.high)}</span>
  </p>`;
}

function Big({ value }) {
  const [text, unit] = parts(value);
  return html`<p class="big">
    <span class="what">${quantity(value)}</span>
    <span class="number">${text}</span>${unit && html`<span class="unit"> ${unit}</span>`} <${Trend} value=${value} />
  </p>`;
}

function Row({ value }) {
  const [text, unit] = parts(value);
  return html`<div><dt>${quantity(value)}</dt><dd>${text}${unit && html`<span class="unit"> ${unit}</span>`}</dd></div>`;
}

/** Follows the clock, so that only a tile whose state has changed is drawn again. */
function Frame({ sensor, children }) {
  const state = stateAt(sensor, now.value);
  return html`<article class=${`tile is-${state}`} id=${tileId(sensor.path)} aria-label=${sensor.path} tabindex="-1">${children}</article>`;
}

/** A sensor: its first value large, the others in a list. Drawn again when the sensor has changed. */
export class Tile extends Component {
  shouldComponentUpdate(next) {
    return next.sensor !== this.props.sensor || next.lang !== this.props.lang;
  }

  render({ sensor }) {
    const [first, ...rest] = sensor.values;
    const body = html`<header>
        <h4 title=${sensor.path}><a href=${sensorLink(sensor.path)}>${title(sensor.sensor)}</a></h4>
        <${StateNow} sensor=${sensor} />
      </header>
      ${first && html`<${Big} value=${first} /><${Sparkline} value=${first} /><${Hour} value=${first} />`}
      ${rest.length > 0 && html`<dl>${rest.map((v) => html`<${Row} key=${v.quantity} value=${v} />`)}</dl>`}
      <${Marks} path=${sensor.path} />
      ${sensor.text && html`<p class="text">${sensor.text}</p>`}
      ${!first && !sensor.text && html`<p class="text none">${t("shell.tile.none")}</p>`}
      ${sensor.reason && sensor.state !== "offline" && html`<p class="why">${trouble(sensor.reason_kind, sensor.reason)}</p>`}
      <footer>
        ${first || sensor.text ? html`<${Age} sensor=${sensor} />` : html`<span class="age">${t("shell.tile.never")}</span>`}
        ${sensor.simulated && html`<span class="badge">${t("shell.tile.simulated")}</span>`}
        ${sensor.unsynced && html`<span class="badge" title=${t("shell.tile.unsynced.why")}>${t("shell.tile.unsynced")}</span>`}
      </footer>`;
    return html`<${Frame} sensor=${sensor}>${body}<//>`;
  }
}

/** Tiles of a list of sensors. */
export function Tiles({ list }) {
  return html`<div class="tiles">${list.map((s) => html`<${Tile} key=${s.path} sensor=${s} lang=${lang.value} />`)}</div>`;
}
