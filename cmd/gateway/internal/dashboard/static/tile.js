// One sensor.
import { h } from "./vendor/preact.js";
import htm from "./vendor/htm.js";
import { ageAt } from "./store.js";
import { age, parts, stateNow, states, title } from "./format.js";

const html = htm.bind(h);

/** What is to be said about a sensor at t. */
export function stateAt(sensor, t) {
  return stateNow(sensor.state, ageAt(sensor, t), sensor.stale_after_ms);
}

/** The id of a sensor's tile in the page. */
export const tileId = (path) => "s-" + encodeURIComponent(path);

export function State({ state }) {
  const [sign, text] = states[state] ?? states.unknown;
  return html`<span class=${`state ${state}`}><span aria-hidden="true">${sign}</span> ${text}</span>`;
}

const width = 200;
const height = 40;

/** The last hour as a band from low to high. */
function Sparkline({ value }) {
  const points = value.points;
  if (points.length < 2 || value.binary) return null;
  const from = points[0][0];
  const to = points[points.length - 1][0];
  let low = Math.min(...points.map((p) => p[1]));
  let high = Math.max(...points.map((p) => p[2]));
  if (high - low < 1e-9) [low, high] = [low - 1, high + 1];
  const x = (t) => (((t - from) / (to - from || 1)) * width).toFixed(1);
  const y = (v) => (height - 3 - ((v - low) / (high - low)) * (height - 6)).toFixed(1);
  const middle = points.map((p) => `${x(p[0])},${y((p[1] + p[2]) / 2)}`).join(" ");
  const band = [...points.map((p) => `${x(p[0])},${y(p[2])}`), ...points.toReversed().map((p) => `${x(p[0])},${y(p[1])}`)].join(" ");
  return html`<svg class="spark" viewBox=${`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
    <polygon points=${band} /><polyline points=${middle} />
  </svg>`;
}

function Big({ value }) {
  const [text, unit] = parts(value);
  return html`<p class="big">
    <span class="what">${value.title}</span>
    <span class="number">${text}</span>${unit && html`<span class="unit"> ${unit}</span>`}
  </p>`;
}

function Row({ value }) {
  const [text, unit] = parts(value);
  return html`<div><dt>${value.title}</dt><dd>${text}${unit && html`<span class="unit"> ${unit}</span>`}</dd></div>`;
}

export function Tile({ sensor, t }) {
  const state = stateAt(sensor, t);
  const [first, ...rest] = sensor.values;
  return html`<article class=${`tile is-${state}`} id=${tileId(sensor.path)} aria-label=${sensor.path} tabindex="-1">
    <header>
      <h4 title=${sensor.path}>${title(sensor.sensor)}</h4>
      <${State} state=${state} />
    </header>
    ${first && html`<${Big} value=${first} /><${Sparkline} value=${first} />`}
    ${rest.length > 0 && html`<dl>${rest.map((v) => html`<${Row} key=${v.quantity} value=${v} />`)}</dl>`}
    ${sensor.text && html`<p class="text">${sensor.text}</p>`}
    ${!first && !sensor.text && html`<p class="text none">no reading yet</p>`}
    ${sensor.reason && state !== "offline" && html`<p class="why">${sensor.reason}</p>`}
    <footer>
      <span class="age">${first || sensor.text ? age(ageAt(sensor, t)) : "never read"}</span>
      ${sensor.simulated && html`<span class="badge">simulated</span>`}
      ${sensor.unsynced && html`<span class="badge" title="The gateway's clock was not yet set when this was measured.">clock not set</span>`}
    </footer>
  </article>`;
}
