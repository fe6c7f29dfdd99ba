// The login: one password, and words that help when it is wrong.
import { useState } from "../vendor/hooks.js";
import { html } from "../ui/html.js";
import { Password, Username, Wrong, meaning } from "../ui/password.js";
import { t } from "../i18n.js";
import { post } from "../api.js";
import { go, route } from "../router.js";
import { session } from "../session.js";

function Form() {
  const [password, setPassword] = useState("");
  const [wrong, setWrong] = useState({});
  const [busy, setBusy] = useState(false);
  const submit = async (e) => {
    e.preventDefault();
    if (busy || wrong.wait) return;
    setBusy(true);
    setWrong({});
    try {
      const who = await post("login", { password });
      const here = route.value.page === "login"; // else the page that was asked for follows
      session.value = who;
      if (here) go("#/", { replace: true });
    } catch (error) {
      setWrong(meaning(error));
      setBusy(false);
    }
  };
  return html`<form class="card" onSubmit=${submit}>
    <${Username} />
    <${Password} label=${t("login.password")} name="current-password" value=${password} onInput=${setPassword} error=${wrong.password} focus />
    ${wrong.form && html`<${Wrong} text=${wrong.form} wait=${wrong.wait} onOver=${() => setWrong({})} />`}
    <p class="actions"><button class="primary" aria-busy=${busy ? "true" : undefined} disabled=${busy || wrong.wait > 0}>${busy ? t("login.busy") : t("shell.login")}</button></p>
  </form>`;
}

export default function Login() {
  const s = session.value;
  if (s?.setup) {
    return html`<div class="narrow"><h1>${t("shell.login")}</h1>
      <div class="empty"><p>${t("login.none")}</p><p><a class="button primary" href="#/setup">${t("login.setup")}</a></p></div></div>`;
  }
  if (s?.role === "admin") {
    return html`<div class="narrow"><h1>${t("shell.login")}</h1>
      <div class="empty"><p>${t("login.already")}</p><p><a class="button primary" href="#/">${t("shell.page.home")}</a></p></div></div>`;
  }
  return html`<div class="narrow">
    <h1>${t("shell.login")}</h1>
    ${s?.problem ? html`<div class="problems" role="alert"><p>${t("login.problem")}</p><pre>gateway passwd --page</pre></div>` : html`<${Form} />`}
    ${s?.role === "viewer" && html`<p class="hint">${t("login.viewer")}</p>`}
    <details>
      <summary>${t("login.forgotten")}</summary>
      <p>${t("login.forgotten.do")}</p>
      <pre>gateway passwd --page</pre>
    </details>
  </div>`;
}
