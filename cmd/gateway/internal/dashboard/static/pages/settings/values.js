// Keys of the configuration, written into the file with its comments kept.
import { html } from "../../ui/html.js";
import { Action, Failed, Field, Loading, toast, useLoad } from "../../ui/ui.js";
import { useState } from "../../vendor/hooks.js";
import { get, put } from "../../api.js";
import { load, t } from "../../i18n.js";
import { FileNotice, Refused } from "../sensors/file.js";

const day = 24;

/** The hours of a time such as 720h or 1h30m; NaN if it is none. */
export function hours(text) {
  let all = 0;
  const rest = text.replace(/([\d.]+)(h|m|s)/g, (_, n, unit) => ((all += Number(n) / { h: 1, m: 60, s: 3600 }[unit]), ""));
  return rest === "" ? all : NaN;
}

/** Whether a setting is how long something is kept, which people say in days. */
const isAge = (s) => s.key.endsWith(".age");

/** What stands in the input, and back. */
const shown = (s, value) => (isAge(s) ? String(Number((hours(value) / day).toFixed(3))) : s.kind === "bytes" ? String(Number(value) / 2 ** 20) : value);
const said = (s, text) => (isAge(s) ? `${Number((Number(text) * day).toFixed(6))}h` : s.kind === "bytes" ? String(Math.round(Number(text) * 2 ** 20)) : text);

function unit(s) {
  if (isAge(s)) return t("settings.days");
  return s.kind === "bytes" ? "MB" : "";
}

function Input({ setting: s, value, onValue }) {
  const label = t(`settings.key.${s.key}`);
  const u = unit(s);
  const hint = [t(`settings.hint.${s.key}`), t("settings.default", { value: `${shown(s, s.default)}${u && " " + u}` || "–" }), !s.at_once && t("settings.restart.later")].filter(Boolean).join(" ");
  if (s.kind === "truth")
    return html`<div class="field"><label class="check"><input type="checkbox" checked=${value === "true"} onChange=${(e) => onValue(String(e.target.checked))} /> <span>${label}</span></label><p class="hint">${hint}</p></div>`;
  return html`<${Field} label=${u ? `${label} (${u})` : label} hint=${hint}>
    ${(a) =>
      s.kind === "choice"
        ? html`<select ...${a} value=${value} onChange=${(e) => onValue(e.target.value)}>${s.choices.map((c) => html`<option key=${c} value=${c}>${c}</option>`)}</select>`
        : isAge(s) || s.kind === "bytes"
          ? html`<input ...${a} type="number" min="0" step="any" value=${shown(s, value)} onChange=${(e) => onValue(said(s, e.target.value))} />`
          : html`<input ...${a} value=${value} placeholder=${s.default} onInput=${(e) => onValue(e.target.value.trim())} autocomplete="off" autocapitalize="none" />`}
  <//>`;
}

export function Values({ groups }) {
  const [all, error, again] = useLoad((signal) => Promise.all([get("settings", { signal }), load("sensors")]).then(([s]) => s), []);
  const [changes, setChanges] = useState({});
  const [refused, setRefused] = useState(null);
  if (error && !all) return html`<${Failed} error=${error} again=${again} />`;
  if (!all) return html`<${Loading} />`;
  const save = async () => {
    setRefused(null);
    try {
      const later = all.settings.some((s) => s.key in changes && !s.at_once);
      const now = await put("settings", changes);
      setChanges({});
      toast(later && now.restart.length > 0 ? t("settings.saved.restart", { parts: now.restart.join(", ") }) : t("settings.saved"));
      again();
    } catch (e) {
      setRefused(e);
    }
  };
  const set = (s, value) =>
    setChanges((c) => {
      const { [s.key]: _was, ...rest } = c;
      return value === s.value ? rest : { ...rest, [s.key]: value };
    });
  const some = groups.map((g) => [g, all.settings.filter((s) => s.group === g)]).filter(([, list]) => list.length > 0);
  return html`<form class="values-form" onSubmit=${(e) => e.preventDefault()}>
    <${FileNotice} file=${all.file} onRead=${again} />
    ${all.restart.length > 0 && html`<p class="notice">${t("settings.restart.now", { parts: all.restart.join(", ") })}</p>`}
    ${some.map(([g, list]) => html`<section key=${g} class="card"><h2>${t(`settings.group.${g}`)}</h2><div class="fields">${list.map((s) => html`<${Input} key=${s.key} setting=${s} value=${changes[s.key] ?? s.value} onValue=${(v) => set(s, v)} />`)}</div></section>`)}
    <${Refused} error=${refused} onRead=${() => (setRefused(null), again())} />
    <p class="actions"><${Action} class="primary" type="submit" run=${save} disabled=${Object.keys(changes).length === 0}>${t("shell.save")}<//></p>
  </form>`;
}
