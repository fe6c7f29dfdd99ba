// The first steps: a password, and then what there is to do.
import { useEffect, useLayoutEffect, useRef, useState } from "../vendor/hooks.js";
import { html } from "../ui/html.js";
import { Field } from "../ui/ui.js";
import { Password, Username, Wrong, least, meaning, weakness } from "../ui/password.js";
import { t } from "../i18n.js";
import { post } from "../api.js";
import { go, link, route } from "../router.js";
import { maySee, session } from "../session.js";
import { follow, gateway, unfollow } from "../store.js";

/** Where somebody is: the heading, which the keyboard goes to when the step begins. */
function Step({ n, title, focus }) {
  const ref = useRef(null);
  useEffect(() => {
    if (focus) ref.current.focus();
  }, []);
  return html`<header>
    <p class="hint">${t("setup.step", { n, of: 2 })}</p>
    <h1 ref=${ref} tabindex="-1">${title}</h1>
  </header>`;
}

function SetPassword({ code }) {
  const [said, setSaid] = useState({ password: "", again: "", code: "" });
  const [wrong, setWrong] = useState({});
  const [busy, setBusy] = useState(false);
  const set = (name) => (value) => setSaid((s) => ({ ...s, [name]: value }));
  const submit = async (e) => {
    e.preventDefault();
    if (busy || wrong.wait) return;
    const weak = weakness(said.password, said.again);
    setWrong(weak);
    if (Object.keys(weak).length > 0) return;
    setBusy(true);
    unfollow(); // the gateway ends the streams of all who have not logged in
    try {
      session.value = await post("setup", code ? { password: said.password, code: said.code } : { password: said.password });
    } catch (error) {
      setWrong(meaning(error));
      setBusy(false);
    }
    if (maySee.value) follow();
  };
  return html`<form class="card" onSubmit=${submit} noValidate>
    <p>${t("setup.why")}</p>
    <${Username} />
    <${Password} label=${t("setup.password")} name="new-password" hint=${t("account.least", { n: least })} value=${said.password} onInput=${set("password")} error=${wrong.password} focus />
    <${Password} label=${t("account.again")} name="new-password" value=${said.again} onInput=${set("again")} error=${wrong.again} />
    ${code && html`<${Code} value=${said.code} onInput=${set("code")} error=${wrong.code} />`}
    ${session.value?.kept === false && html`<p class="hint">${t("setup.memory")}</p>`}
    ${wrong.form && html`<${Wrong} text=${wrong.form} wait=${wrong.wait} onOver=${() => setWrong({})} />`}
    <p class="actions"><button class="primary" aria-busy=${busy ? "true" : undefined} disabled=${busy || wrong.wait > 0}>${busy ? t("setup.busy") : t("setup.do")}</button></p>
  </form>`;
}

/** Whoever is not at the machine itself shows with the code that he sees its log. */
function Code({ value, onInput, error }) {
  const ref = useRef(null);
  // At once, lest somebody types on into what is wrong.
  useLayoutEffect(() => {
    if (error) (ref.current.focus(), ref.current.select());
  }, [error]);
  return html`<div class="code">
    <${Field} label=${t("setup.code")} hint=${t("setup.code.hint")} error=${error}>
      ${(a) => html`<input ...${a} ref=${ref} class="mono" type="text" autocomplete="off" autocapitalize="characters" spellcheck=${false} placeholder="XXXX-XXXX" maxlength="16" value=${value} onInput=${(e) => onInput(e.target.value)} />`}
    <//>
    <pre>journalctl -u gateway | grep code=</pre>
  </div>`;
}

function Next() {
  const cards = [
    ["sensors", link("sensors", ["add"])],
    ["connect", link("connect")],
    ["home", "#/"],
  ];
  return html`<${Step} n=${2} title=${t("setup.next")} focus />
    <p>${t("setup.done")}</p>
    <ul class="next">
      ${cards.map(([name, to], i) => html`<li key=${name} class="card">
        <a class=${i === 0 ? "button primary" : "button"} href=${to}>${t(`setup.next.${name}`)}</a>
        <p>${t(`setup.next.${name}.why`)}</p>
      </li>`)}
    </ul>
    ${!gateway.value?.demo && html`<p class="hint">${t("setup.demo")}</p><pre>gateway --demo</pre>`}`;
}

export default function Setup() {
  const s = session.value;
  // Who is sent here from elsewhere stays for the second step, too.
  useEffect(() => {
    if (route.value.page !== "setup") go(link("setup"), { replace: true });
  }, []);
  if (s?.role === "admin") return html`<div class="narrow"><${Next} /></div>`;
  if (s && !s.setup) {
    return html`<div class="narrow"><h1>${t("shell.page.setup")}</h1>
      <div class="empty"><p>${t("setup.already")}</p><p><a class="button primary" href="#/login">${t("shell.login")}</a></p></div></div>`;
  }
  return html`<div class="narrow"><${Step} n=${1} title=${t("setup.title")} /><${SetPassword} code=${s?.code} /></div>`;
}
