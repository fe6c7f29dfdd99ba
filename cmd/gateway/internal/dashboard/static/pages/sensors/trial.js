// A sensor is read before it is saved: what it says, or what to check.
import { html } from "../../ui/html.js";
import { Action, Icon } from "../../ui/ui.js";
import { parts, quantity } from "../../format.js";
import { post } from "../../api.js";
import { has, t } from "../../i18n.js";

/** What to check when a sensor could not be read. */
function advice(result, kind) {
  const own = `sensors.check.${result.class}.${kind}`;
  return t(has(own) ? own : `sensors.check.${result.class}`, { where: result.where });
}

function Values({ values }) {
  return html`<dl class="live-values">
    ${values.map((v) => {
      const [text, unit] = parts(v);
      return html`<div key=${v.quantity}><dt>${quantity(v)}</dt><dd><span class="number">${text}</span>${unit && html`<span class="unit"> ${unit}</span>`}</dd></div>`;
    })}
  </dl>`;
}

/** The result of a trial. */
function Result({ result, kind }) {
  if (!result.ok)
    return html`<div class="refused" role="alert">
      <p class="error">${t("sensors.try.failed")}</p>
      <p>${advice(result, kind)}</p>
      <p class="mono soft">${result.error}</p>
    </div>`;
  return html`<div role="status">
    <p class="good"><${Icon} name="check" /> ${t("sensors.try.good", { ms: result.took_ms })}</p>
    <${Values} values=${result.values} />
  </div>`;
}

/** A button that reads the sensor of a form, and what came of it. */
export function Trial({ form, kind, result, onResult, primary = true }) {
  const run = async () => {
    onResult(null);
    onResult(await post("scan/try", form));
  };
  return html`<div class="trial">
    <p class="actions"><${Action} class=${primary && !result?.ok ? "primary" : ""} run=${run}><${Icon} name="play" /> ${t(result ? "sensors.try.again" : "sensors.try")}<//></p>
    ${result && html`<${Result} result=${result} kind=${kind} />`}
  </div>`;
}
