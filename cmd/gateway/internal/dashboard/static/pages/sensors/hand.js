// A sensor that no scan finds: the driver is chosen from the list, and its form is
// made of the driver's table.
import { html } from "../../ui/html.js";
import { Failed, Field, Loading, useLoad } from "../../ui/ui.js";
import { useState } from "../../vendor/hooks.js";
import { get } from "../../api.js";
import { link } from "../../router.js";
import { t } from "../../i18n.js";
import { Save, Saved } from "./save.js";
import { Trial } from "./trial.js";

/** An option of a driver, by its type. */
export function Option({ option, value, onValue }) {
  const set = (e) => onValue(e.target.value);
  const choices = option.allowed.length > 0 ? option.allowed : option.type === "truth" ? ["true", "false"] : null;
  const hint = option.doc + (option.default ? ` ${t("sensors.default", { value: option.default.split("\n")[0] })}` : "");
  return html`<${Field} label=${option.name + (option.required ? " *" : "")} hint=${hint}>
    ${(a) => {
      if (choices)
        return html`<select ...${a} value=${value ?? ""} onChange=${set}>
          <option value="">${option.default || "–"}</option>
          ${choices.filter((c) => c !== option.default).map((c) => html`<option key=${c} value=${c}>${c}</option>`)}
        </select>`;
      if (option.default.includes("\n")) return html`<textarea ...${a} value=${value ?? ""} placeholder=${option.default} onInput=${set}></textarea>`;
      return html`<input ...${a} value=${value ?? ""} placeholder=${option.default || option.example} onInput=${set} autocomplete="off" autocapitalize="none" />`;
    }}
  <//>`;
}

const text = (label, hint, value, set, more = {}) =>
  html`<${Field} label=${label} hint=${hint}>${(a) => html`<input ...${a} ...${more} value=${value ?? ""} onInput=${(e) => set(e.target.value.trim())} autocomplete="off" autocapitalize="none" />`}<//>`;

/** Where the chip is: what that is depends on its bus. */
function WherePart({ driver, form, set }) {
  const hex = (a) => "0x" + a.toString(16).padStart(2, "0");
  switch (driver.bus) {
    case "i2c":
      return html`${text(t("sensors.bus"), "", form.bus, (bus) => set({ bus }), { placeholder: "i2c-1" })}
        <${Field} label=${t("sensors.address")}>
          ${(a) => html`<select ...${a} value=${form.address ?? driver.addresses[0]} onChange=${(e) => set({ address: Number(e.target.value) })}>${driver.addresses.map((x) => html`<option key=${x} value=${x}>${hex(x)}</option>`)}</select>`}
        <//>`;
    case "spi":
      return text(t("sensors.chipselect"), "", form.bus, (bus) => set({ bus }), { placeholder: "spi0.0" });
    case "1-wire":
    case "sysfs":
      return text(t("sensors.id"), t("sensors.id.hint"), form.id, (id) => set({ id }));
    case "gpio":
      if (driver.pins.length === 1) return text(t("sensors.pin"), driver.pins[0].doc, form.pin, (pin) => set({ pin }), { placeholder: "GPIO17" });
      return driver.pins.map((p) => html`<div key=${p.name}>${text(p.name + (p.optional ? "" : " *"), p.doc, form.pins?.[p.name], (v) => set({ pins: { ...form.pins, [p.name]: v } }), { placeholder: "GPIO17" })}</div>`);
    case "serial":
      return text(t("sensors.port") + " *", t("sensors.port.hint"), form.port, (port) => set({ port }), { placeholder: "/dev/ttyUSB0" });
    case "modbus":
      return html`${text(t("sensors.port") + " *", t("sensors.port.modbus"), form.port, (port) => set({ port }), { placeholder: "/dev/ttyUSB0" })}
        ${text(t("sensors.unit"), "", form.unit_id, (v) => set({ unit_id: Number(v) || undefined }), { placeholder: "1", inputmode: "numeric" })}`;
  }
  return null;
}

/** The form of a driver: where it is, and its options. */
function DriverForm({ driver, form, set }) {
  const option = (name, value) => {
    const { [name]: _gone, ...rest } = form.options ?? {};
    set({ options: value === "" ? rest : { ...rest, [name]: value } });
  };
  return html`<div class="driver-form">
    <p>${driver.title}</p>
    ${driver.wiring && html`<details><summary>${t("sensors.wiring")}</summary><pre>${driver.wiring}</pre></details>`}
    ${driver.notes && html`<details><summary>${t("sensors.notes")}</summary><pre>${driver.notes}</pre></details>`}
    <${WherePart} driver=${driver} form=${form} set=${set} />
    ${driver.options.map((o) => html`<${Option} key=${o.name} option=${o} value=${form.options?.[o.name]} onValue=${(v) => option(o.name, v)} />`)}
  </div>`;
}

/** Drivers in which all words of a search are. */
function search(drivers, words) {
  const all = words.toLowerCase().split(/\s+/);
  return drivers.filter((d) => {
    const said = [d.name, ...d.aliases, d.title, d.bus, ...d.measures.map((m) => m.quantity)].join(" ").toLowerCase();
    return all.every((w) => said.includes(w));
  });
}

function Choose({ drivers, onChoose }) {
  const [words, setWords] = useState("");
  const found = search(drivers, words);
  return html`<${Field} label=${t("sensors.search")} hint=${t("sensors.search.hint")}>
      ${(a) => html`<input ...${a} type="search" value=${words} onInput=${(e) => setWords(e.target.value)} autocomplete="off" />`}
    <//>
    <p class="soft" role="status">${t("sensors.drivers", { n: found.length })}</p>
    <ul class="driver-list">
      ${found.map((d) => html`<li key=${d.name}><button type="button" disabled=${d.only_file} onClick=${() => onChoose(d)}><b>${d.name}</b> <span>${d.title}</span> <span class="badge">${d.bus}</span></button>${d.only_file && html`<p class="soft">${t("sensors.onlyfile")}</p>`}</li>`)}
    </ul>`;
}

export function ByHand() {
  const [drivers, error, again] = useLoad((signal) => get("drivers", { signal }), []);
  const [list] = useLoad((signal) => get("sensors/configured", { signal }), []);
  const [driver, setDriver] = useState(null);
  const [form, setForm] = useState({});
  const [result, setResult] = useState(null);
  const [saved, setSaved] = useState(null);
  const set = (some) => setForm((f) => ({ ...f, ...some }));
  const choose = (d) => {
    setDriver(d);
    setForm(d ? { driver: d.name, name: d.name } : {});
    setResult(null);
    setSaved(null);
  };
  const { room: _room, name: _name, interval: _interval, ...bare } = form;
  let body;
  if (error && !drivers) body = html`<${Failed} error=${error} again=${again} />`;
  else if (!drivers) body = html`<${Loading} />`;
  else if (saved) body = html`<${Saved} ...${saved} again=${() => choose(null)} />`;
  else if (!driver) body = html`<${Choose} drivers=${drivers} onChoose=${choose} />`;
  else
    body = html`<section class="steps">
      <p><button type="button" class="quiet" onClick=${() => choose(null)}>${t("sensors.otherdriver")}</button></p>
      <h2>${driver.name}</h2>
      <${DriverForm} driver=${driver} form=${form} set=${(some) => (set(some), setResult(null))} />
      <h3>${t("sensors.step.try")}</h3>
      <${Trial} form=${bare} kind=${driver.bus} result=${result} onResult=${setResult} />
      <h3>${t("sensors.step.name")}</h3>
      ${!result?.ok && html`<p class="soft">${t("sensors.untried")}</p>`}
      <${Save} form=${form} set=${set} site=${list?.site ?? "…"} onSaved=${(path, file) => setSaved({ path, file })} />
    </section>`;
  return html`<p><a href=${link("sensors")}>${t("sensors.all")}</a></p>
    <h1>${t("sensors.hand")}</h1>
    ${body}`;
}
