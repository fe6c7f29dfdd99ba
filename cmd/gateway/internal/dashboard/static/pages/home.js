// Home: what needs a look, then every sensor by site and room.
import { computed } from "../vendor/signals.js";
import { html } from "../ui/html.js";
import { State, Tiles, sensorLink, stateAt } from "../ui/tile.js";
import { Bridges, bridgeState } from "../ui/bridges.js";
import { Pinned } from "../ui/alerts.js";
import { TryDemo } from "../ui/demo.js";
import { FirstSteps } from "../ui/look-only.js";
import { said, t } from "../i18n.js";
import { count, parts, title } from "../format.js";
import { link } from "../router.js";
import { isAdmin } from "../session.js";
import { alarms, bridges, gateway, now, sensors } from "../store.js";

const bad = new Set(["stale", "fault", "offline"]);

const ordered = computed(() => [...sensors.value.values()].sort((a, b) => (a.path < b.path ? -1 : 1)));

/** Sensors that are not well, as text, so that it changes only when one of them does. */
const unwell = computed(() =>
  ordered.value
    .map((s) => [s.path, stateAt(s, now.value)])
    .filter(([, state]) => bad.has(state))
    .map((x) => x.join("\n"))
    .join("\n\n"),
);

/** Bridges whose line is down though it should be up, or where nothing is acknowledged. */
const down = computed(() => bridges.value.filter((b) => ["offline", "fault"].includes(bridgeState(b)[2]) && !(b.paused && !b.connected)));

function Problems() {
  const text = unwell.value;
  const problems = text === "" ? [] : text.split("\n\n").map((x) => x.split("\n"));
  const n = problems.length + down.value.length;
  if (n === 0) return null;
  return html`<section class="problems" aria-label=${t("home.problems")}>
    <h2>${t(down.value.length > 0 ? "home.problems.all" : "home.problems.n", { n })}</h2>
    <ul>
      ${problems.map(([path, state]) => html`<li key=${path}><a href=${sensorLink(path)}>${path}</a> <${State} state=${state} /></li>`)}
      ${down.value.map((b) => html`<li key=${`bridge ${b.name}`}><a href=${link("system", [], { tab: "bridge" })}>${t("home.bridge", { name: b.name, state: bridgeState(b)[1], count: count(b.waiting) })}</a></li>`)}
    </ul>
  </section>`;
}

function Alarms() {
  if (alarms.value.length === 0) return null;
  return html`<section class="problems alarms" role="alert">
    <h2>${t("home.alarms")}</h2>
    ${alarms.value.map((a) => html`<p key=${a.error}>${said(a)}</p>`)}
  </section>`;
}

/** Groups sensors by site and room. */
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

/** What is said of a room as a whole, in this order: the mean of its sensors. */
const ofRooms = ["temperature", "humidity", "carbon_dioxide"];

/** A room in a line: the mean of what its living sensors say, and how many are not well. */
function Sum({ list }) {
  const at = now.value;
  const well = list.filter((s) => !bad.has(stateAt(s, at)));
  const means = ofRooms.flatMap((q) => {
    const all = well.flatMap((s) => s.values.filter((v) => v.quantity === q));
    return all.length === 0 ? [] : [{ ...all[0], number: all.reduce((sum, v) => sum + v.number, 0) / all.length }];
  });
  const texts = means.map((v) => parts(v).filter(Boolean).join(" "));
  if (well.length < list.length) texts.push(t("home.room.unwell", { n: list.length - well.length }));
  if (list.length < 2 || texts.length === 0) return null;
  return html`<span class="sum">${texts.join(" · ")}</span>`;
}

function Empty() {
  const [, host, port] = (gateway.value?.mqtt[0] ?? "127.0.0.1:1883").match(/^(.*):(\d+)/) ?? [null, "127.0.0.1", "1883"];
  return html`<section class="empty">
    <h2>${t("home.empty")}</h2>
    <p>${t("home.empty.try")}</p>
    <pre>mosquitto_pub -h ${host} -p ${port} -r -t home/kitchen/climate -m '{"temperature": 21.5, "humidity": 44}'</pre>
    <p class="actions">
      ${isAdmin.value && html`<a class="button primary" href=${link("sensors", ["add"])}>${t("home.empty.scan")}</a>`}
      <${TryDemo} />
      <a class="button" href=${link("connect")}>${t("home.empty.connect")}</a>
    </p>
  </section>`;
}

export default function Home() {
  const all = ordered.value;
  return html`<h1 class="visually-hidden">${t("shell.page.home")}</h1>
    <${FirstSteps} />
    <${Alarms} />
    <${Pinned} />
    <${Problems} />
    ${all.length === 0 && gateway.value && html`<${Empty} />`}
    ${[...grouped(all)].map(
      ([site, rooms]) => html`<section class="site" key=${site}>
        <h2>${site}</h2>
        <div class="rooms">
          ${[...rooms].map(
            ([room, list]) => html`<section class="room" key=${room}>
              <header><h3>${title(room)}</h3> <${Sum} list=${list} /></header>
              <${Tiles} list=${list} />
            </section>`,
          )}
        </div>
      </section>`,
    )}
    <${Bridges} all=${bridges.value} />`;
}
