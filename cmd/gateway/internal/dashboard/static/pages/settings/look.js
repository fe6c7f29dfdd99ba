// How the page looks on this device: language and colours. Both are kept here,
// not on the gateway.
import { html } from "../../ui/html.js";
import { choice, choose, languages, t } from "../../i18n.js";
import { setTheme, theme, themes } from "../../theme.js";

function Choice({ legend, name, value, all, onChoose }) {
  return html`<fieldset class="choice">
    <legend>${legend}</legend>
    ${all.map(([id, label]) => html`<label key=${id}><input type="radio" name=${name} value=${id} checked=${id === value} onChange=${() => onChoose(id)} /> <span lang=${id in languages ? id : undefined}>${label}</span></label>`)}
  </fieldset>`;
}

export function Look() {
  return html`<section class="card look">
    <${Choice} legend=${t("settings.language")} name="language" value=${choice.value} onChoose=${choose} all=${[["auto", t("settings.language.auto")], ...Object.entries(languages)]} />
    <${Choice} legend=${t("settings.theme")} name="theme" value=${theme.value} onChoose=${setTheme} all=${themes.map((x) => [x, t(`settings.theme.${x}`)])} />
    <p class="hint">${t("settings.look.here")}</p>
  </section>`;
}
