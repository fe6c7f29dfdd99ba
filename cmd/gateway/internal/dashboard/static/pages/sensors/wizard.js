// From a bus to a sensor: what is there, what it says, how it is called, saved.
import { html } from "../../ui/html.js";
import { Action, Copy, Failed, Icon, useLoad } from "../../ui/ui.js";
import { sensorLink } from "../../ui/tile.js";
import { useState } from "../../vendor/hooks.js";
import { get, post } from "../../api.js";
import { go, link } from "../../router.js";
import { gateway } from "../../store.js";
import { has, t } from "../../i18n.js";
import { Save, Saved } from "./save.js";
import { Trial } from "./trial.js";

/** Where something is, as people say it: "i2c-1, 0x76". */
function at(place) {
  return place.address ? `${place.name} 0x${place.address.toString(16).padStart(2, "0")}` : place.name;
}

/** What is off, with what turns it on. */
function Problem({ p, pi }) {
  const name = { "I²C": "i2c", SPI: "spi", "1-Wire": "onewire" }[p.about];
  const own = `sensors.off.${name}`;
  return html`<li class="card">
    <h3>${p.about}: ${p.off ? t("sensors.off") : p.what}</h3>
    ${p.off && pi && name && has(own) && html`<p>${t(own)}</p>`}
    ${p.fix && html`<div class="fix"><pre>${p.fix}</pre><${Copy} text=${p.fix} /></div>`}
  </li>`;
}

function Problems({ found, again }) {
  const all = found.problems;
  if (all.length === 0 && found.errors.length === 0) return null;
  return html`<section>
    <h2>${t("sensors.problems")}</h2>
    <p class="soft">${t("sensors.problems.why")}</p>
    <ul class="problem-list">
      ${all.map((p) => html`<${Problem} key=${p.about + p.what} p=${p} pi=${found.pi} />`)}
      ${found.errors.map((e) => html`<li class="card" key=${e}><p class="mono">${e}</p></li>`)}
    </ul>
    <p class="actions"><button type="button" onClick=${again}><${Icon} name="refresh" /> ${t("sensors.recheck")}</button></p>
  </section>`;
}

function What({ place }) {
  if (place.kernel) return t("sensors.kernel", { driver: place.kernel });
  const [first, ...rest] = place.candidates;
  if (!first) return t("sensors.unknown");
  if (place.certain) return first.model && first.model.toLowerCase() !== first.driver ? `${first.title} (${first.model})` : first.title;
  const names = [...new Set(place.candidates.map((c) => c.driver))];
  return rest.length > 0 ? t("sensors.maybe", { names: names.slice(0, 5).join(", ") + (names.length > 5 ? "…" : "") }) : t("sensors.maybe", { names: first.driver });
}

/** A place, with a button if a sensor can be made of it. */
function Place({ place, onChoose }) {
  const usable = !place.sensor && !place.kernel && place.candidates.length > 0;
  return html`<li class="card place">
    <div>
      <h3><span class="mono">${at(place)}</span></h3>
      <p><${What} place=${place} /></p>
      ${place.sensor && html`<p class="soft">${t("sensors.inuse")} <a href=${sensorLink(place.sensor)}>${place.sensor}</a></p>`}
      ${place.candidates[0]?.note && html`<p class="soft">${place.candidates[0].note}</p>`}
    </div>
    ${usable && html`<button type="button" class=${place.certain ? "primary" : ""} onClick=${() => onChoose(place)} aria-label=${t("sensors.choose.of", { where: at(place) })}>${t("sensors.choose")} <${Icon} name="right" /></button>`}
  </li>`;
}

/** Starts the simulated house, and goes to see it. */
async function demo() {
  await post("demo/start");
  go(link("home"));
}

function Nothing({ found }) {
  const board = found.board ? t("sensors.nothing.board", { board: found.board }) : t("sensors.nothing.pc");
  return html`<section class="empty">
    <h2>${t("sensors.nothing")}</h2>
    <p>${board}</p>
    ${!found.board && !gateway.value?.demo && html`<p>${t("sensors.nothing.demo")}</p>`}
    <p class="actions">
      ${!found.board && !gateway.value?.demo && html`<${Action} class="primary" run=${demo}><${Icon} name="play" /> ${t("sensors.demo")}<//>`}
      <a class="button" href=${link("sensors", ["hand"])}><${Icon} name="plus" /> ${t("sensors.hand")}</a>
      <a class="button" href=${link("connect")}><${Icon} name="link" /> ${t("sensors.connect")}</a>
    </p>
  </section>`;
}

function Found({ found, again, onChoose }) {
  const fresh = found.places.filter((p) => !p.sensor);
  const order = [...fresh.filter((p) => p.certain), ...fresh.filter((p) => !p.certain)];
  const used = found.places.filter((p) => p.sensor);
  return html`${order.length === 0 ? html`<${Nothing} found=${found} />` : html`<h2>${t("sensors.found", { n: order.length })}</h2><ul class="place-list">${order.map((p) => html`<${Place} key=${p.kind + at(p)} place=${p} onChoose=${onChoose} />`)}</ul>`}
    <${Problems} found=${found} again=${again} />
    ${used.length > 0 && html`<h2>${t("sensors.used", { n: used.length })}</h2><ul class="place-list">${used.map((p) => html`<${Place} key=${p.kind + at(p)} place=${p} />`)}</ul>`}
    <p class="actions">
      <button type="button" onClick=${again}><${Icon} name="refresh" /> ${t("sensors.again")}</button>
      <a class="button" href=${link("sensors", ["hand"])}><${Icon} name="plus" /> ${t("sensors.hand")}</a>
    </p>`;
}

/** Which of several it is. */
function Candidates({ place, driver, onDriver }) {
  if (place.candidates.length < 2) return null;
  return html`<fieldset class="candidates">
    <legend>${t("sensors.which")}</legend>
    ${place.candidates.map((c) => html`<label key=${c.driver}><input type="radio" name="driver" value=${c.driver} checked=${c.driver === driver} onChange=${() => onDriver(c)} /> <span><b>${c.driver}</b> ${c.title}</span></label>`)}
  </fieldset>`;
}

function Chosen({ place, site, onBack, onSaved }) {
  const [form, setForm] = useState({ ...place.candidates[0].form, name: place.candidates[0].driver });
  const [result, setResult] = useState(null);
  const choose = (c) => {
    setForm({ ...c.form, room: form.room, name: c.driver });
    setResult(null);
  };
  const set = (some) => setForm((f) => ({ ...f, ...some }));
  const { room: _room, name: _name, interval: _interval, ...bare } = form;
  return html`<section class="steps">
    <p><button type="button" class="quiet" onClick=${onBack}><${Icon} name="left" /> ${t("sensors.back")}</button></p>
    <h2><span class="mono">${at(place)}</span></h2>
    <p><${What} place=${place} /></p>
    <${Candidates} place=${place} driver=${form.driver} onDriver=${choose} />
    <h3>${t("sensors.step.try")}</h3>
    <${Trial} form=${bare} kind=${place.kind} result=${result} onResult=${setResult} />
    ${result?.ok && html`<h3>${t("sensors.step.name")}</h3><${Save} form=${form} set=${set} site=${site} onSaved=${onSaved} />`}
  </section>`;
}

export function Wizard() {
  const [found, error, again] = useLoad((signal) => post("scan", {}, { signal }), []);
  const [list] = useLoad((signal) => get("sensors/configured", { signal }), []);
  const [place, setPlace] = useState(null);
  const [saved, setSaved] = useState(null);
  const start = () => {
    setSaved(null);
    setPlace(null);
    again();
  };
  let body;
  if (saved) body = html`<${Saved} ...${saved} again=${start} />`;
  else if (place) body = html`<${Chosen} place=${place} site=${list?.site ?? "…"} onBack=${() => setPlace(null)} onSaved=${(path, file) => setSaved({ path, file })} />`;
  else if (error) body = html`<${Failed} error=${error} again=${again} />`;
  else if (!found) body = html`<p class="loading" role="status">${t("sensors.looking")}</p>`;
  else body = html`<${Found} found=${found} again=${again} onChoose=${setPlace} />`;
  return html`<p><a href=${link("sensors")}>${t("sensors.all")}</a></p>
    <h1>${t("sensors.add")}</h1>
    ${body}`;
}
