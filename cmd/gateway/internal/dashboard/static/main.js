// The page: header, problems, and every sensor by site and room.
import { h, render } from "./vendor/preact.js";
import htm from "./vendor/htm.js";
import "./vendor/signals.js"; // components follow the signals they read
import { alarms, bridges, follow, gateway, lastData, line, now, sensors } from "./store.js";
import { title } from "./format.js";
import { Bridges } from "./bridges.js";
import { State, Tile, stateAt, tileId } from "./tile.js";
import { applyTheme, nextTheme, theme } from "./theme.js";

const html = htm.bind(h);
const bad = new Set(["stale", "fault", "offline"]);

function Line() {
  const at = lastData.value?.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const text = {
    connecting: "connecting…",
    live: "connected",
    lost: at ? `reconnecting, last data ${at}` : "reconnecting…",
  }[line.value];
  return html`<span class=${`line ${line.value}`} role="status"><span aria-hidden="true">${line.value === "live" ? "●" : "◌"}</span> ${text}</span>`;
}

function Header() {
  const g = gateway.value;
  return html`<header class="top">
    <h1><img src="/static/icon.svg" alt="" width="28" height="28" /> ${g?.host || "gateway"}</h1>
    ${g?.demo && html`<span class="badge" title="Values under demo/ are made up.">Demo</span>`}
    <span class="grow"></span>
    <${Line} />
    <button type="button" onClick=${nextTheme} title="Colours: auto, light or dark">${{ auto: "Auto", light: "Light", dark: "Dark" }[theme.value]}</button>
  </header>`;
}

function Problems({ all, t }) {
  const problems = all.filter((s) => bad.has(stateAt(s, t)));
  if (problems.length === 0) return null;
  return html`<section class="problems" aria-label="Problems">
    <h2>${problems.length === 1 ? "1 sensor needs a look" : `${problems.length} sensors need a look`}</h2>
    <ul>
      ${problems.map((s) => html`<li key=${s.path}><a href=${"#" + encodeURIComponent(tileId(s.path))}>${s.path}</a> <${State} state=${stateAt(s, t)} /></li>`)}
    </ul>
  </section>`;
}

function Alarms() {
  if (alarms.value.length === 0) return null;
  return html`<section class="problems alarms" role="alert">
    <h2>The gateway needs a look</h2>
    ${alarms.value.map((a) => html`<p key=${a}>${a}</p>`)}
  </section>`;
}

/** Groups sensors, which come in any order, by site and room. */
function grouped(all) {
  const sites = new Map();
  for (const s of all) {
    if (!sites.has(s.site)) sites.set(s.site, new Map());
    const rooms = sites.get(s.site);
    if (!rooms.has(s.room)) rooms.set(s.room, []);
    rooms.get(s.room).push(s);
  }
  return sites;
}

function Empty() {
  const [host, port] = (gateway.value?.mqtt[0] ?? "127.0.0.1:1883").match(/^(.*):(\d+)$/).slice(1);
  return html`<section class="empty">
    <h2>No readings yet</h2>
    <p>Whatever is published to a topic of the form <code>site/room/sensor</code> appears here. Try:</p>
    <pre>mosquitto_pub -h ${host} -p ${port} -r -t home/kitchen/climate -m '{"temperature": 21.5, "humidity": 44}'</pre>
    <p>or configure a sensor: <code>gateway drivers</code> lists what can be read.</p>
  </section>`;
}

function App() {
  const t = now.value;
  const all = [...sensors.value.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  if (gateway.value) document.title = `${gateway.value.host || "gateway"} · gateway`;
  return html`<div class=${line.value === "lost" ? "page lost" : "page"}>
    <${Header} />
    <main>
      <${Alarms} />
      <${Problems} all=${all} t=${t} />
      ${all.length === 0 && gateway.value && html`<${Empty} />`}
      ${[...grouped(all)].map(
        ([site, rooms]) => html`<section class="site" key=${site}>
          <h2>${site}</h2>
          <div class="rooms">
            ${[...rooms].map(
              ([room, list]) => html`<section class="room" key=${room}>
                <h3>${title(room)}</h3>
                <div class="tiles">${list.map((s) => html`<${Tile} key=${s.path} sensor=${s} t=${t} />`)}</div>
              </section>`,
            )}
          </div>
        </section>`,
      )}
      <${Bridges} all=${bridges.value} t=${t} />
    </main>
    <footer class="bottom">gateway ${gateway.value?.version} · MQTT ${gateway.value?.mqtt.join(", ") || "none"} · <a href="/api/v1/sensors">JSON</a></footer>
  </div>`;
}

applyTheme();
const root = document.getElementById("app");
root.textContent = "";
render(html`<${App} />`, root);
follow();
