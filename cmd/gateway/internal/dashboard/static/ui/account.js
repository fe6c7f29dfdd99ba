// The password, the logins and the tokens, for the page of settings.
import { useState } from "../vendor/hooks.js";
import { html } from "./html.js";
import { Action, Copy, Dialog, Failed, Field, Loading, confirm, toast, useLoad } from "./ui.js";
import { Password, Username, Wrong, least, meaning, weakness } from "./password.js";
import { lang, t } from "../i18n.js";
import { del, get, post } from "../api.js";
import { refresh, session } from "../session.js";

const empty = { old: "", password: "", again: "" };

function ChangePassword() {
  const [said, setSaid] = useState(empty);
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
    try {
      await post("password", { old: said.old, new: said.password });
      setSaid(empty);
      toast(t("account.change.done"));
    } catch (error) {
      setWrong(meaning(error, "old"));
    } finally {
      setBusy(false);
    }
  };
  return html`<form onSubmit=${submit} noValidate>
    <${Username} />
    <${Password} label=${t("account.old")} name="current-password" value=${said.old} onInput=${set("old")} error=${wrong.old} />
    <${Password} label=${t("account.new")} name="new-password" hint=${t("account.least", { n: least })} value=${said.password} onInput=${set("password")} error=${wrong.password} />
    <${Password} label=${t("account.again")} name="new-password" value=${said.again} onInput=${set("again")} error=${wrong.again} />
    ${wrong.form && html`<${Wrong} text=${wrong.form} wait=${wrong.wait} onOver=${() => setWrong({})} />`}
    <p class="actions"><button class="primary" aria-busy=${busy ? "true" : undefined} disabled=${busy || wrong.wait > 0}>${t("account.change")}</button></p>
  </form>`;
}

async function everywhere() {
  const yes = await confirm({ title: t("account.everywhere.ask"), text: t("account.everywhere.why"), action: t("account.everywhere"), danger: true });
  if (!yes) return;
  await post("logout", { everywhere: true });
  await refresh();
}

/** The password: changed here, and all that is logged in with it ended. For who is logged in with it. */
export function Account() {
  return html`<section class="account" aria-labelledby="account-title">
    <h2 id="account-title">${t("account.title")}</h2>
    ${session.value?.kept === false && html`<p class="notice">${t("account.memory")}</p>`}
    <${ChangePassword} />
    <p class="hint">${t("account.everywhere.why")}</p>
    <p class="actions"><${Action} run=${everywhere}>${t("account.everywhere")}<//></p>
  </section>`;
}

const day = (ms) => (ms ? new Date(ms).toLocaleDateString(lang.value, { dateStyle: "medium" }) : t("shell.never"));

/** Shows a token that has been made, this once. */
function Made({ token, onClose }) {
  const link = new URL(`?token=${token.token}&kiosk=1`, document.baseURI.replace(/[?#].*$/, "")).href;
  const script = `curl -H "Authorization: Bearer ${token.token}" ${new URL("api/v1/sensors", document.baseURI)}`;
  const all = [["token", token.token], ["link", link], ["curl", script]];
  return html`<${Dialog} title=${t("account.token.title", { name: token.name })} onClose=${onClose}>
    <p>${t("account.token.once")}</p>
    ${all.map(([what, text]) => html`<div key=${what}>
      <h3>${t(`account.token.${what}`)}</h3>
      <pre>${text}</pre>
      <${Copy} text=${text} />
    </div>`)}
    <p class="actions"><button type="button" class="primary" onClick=${onClose}>${t("account.token.done")}</button></p>
  <//>`;
}

function NewToken({ onMade }) {
  const [name, setName] = useState("");
  const [role, setRole] = useState("viewer");
  const [error, setError] = useState("");
  const submit = async (e) => {
    e.preventDefault();
    try {
      setError("");
      onMade(await post("tokens", { name: name.trim(), role }));
      setName("");
    } catch (e) {
      setError(e.message);
    }
  };
  return html`<form class="new" onSubmit=${submit}>
    <${Field} label=${t("account.tokens.name")} error=${error}>
      ${(a) => html`<input ...${a} type="text" required maxlength="64" autocomplete="off" placeholder=${t("account.tokens.example")} value=${name} onInput=${(e) => setName(e.target.value)} />`}
    <//>
    <${Field} label=${t("account.tokens.role")}>
      ${(a) => html`<select ...${a} value=${role} onChange=${(e) => setRole(e.target.value)}>
        <option value="viewer">${t("account.role.viewer")}</option>
        <option value="admin">${t("account.role.admin")}</option>
      </select>`}
    <//>
    <p class="actions"><button>${t("account.tokens.make")}</button></p>
  </form>`;
}

/** The tokens of scripts and displays: listed, made and revoked. For who is logged in with the password. */
export function Tokens() {
  const [list, error, again] = useLoad((signal) => get("tokens", { signal }), []);
  const [made, setMade] = useState(null);
  const revoke = async ({ id, name }) => {
    const yes = await confirm({ title: t("account.tokens.revoke.ask", { name }), text: t("account.tokens.revoke.why"), action: t("account.tokens.revoke"), danger: true });
    if (!yes) return;
    await del(`tokens/${id}`).finally(again);
    toast(t("account.tokens.revoke.done", { name }));
  };
  return html`<section class="account" aria-labelledby="tokens-title">
    <h2 id="tokens-title">${t("account.tokens")}</h2>
    <p class="hint">${t("account.tokens.why")}</p>
    ${error ? html`<${Failed} error=${error} again=${again} />` : list === null ? html`<${Loading} />` : html`<${List} tokens=${list.tokens} revoke=${revoke} />`}
    <${NewToken} onMade=${(token) => (setMade(token), again())} />
    ${made && html`<${Made} token=${made} onClose=${() => setMade(null)} />`}
  </section>`;
}

function List({ tokens, revoke }) {
  if (tokens.length === 0) return html`<p class="none">${t("account.tokens.none")}</p>`;
  return html`<ul class="tokens">
    ${tokens.map((x) => html`<li key=${x.id}>
      <div>
        <strong>${x.name}</strong> <span class="badge">${t(`account.role.${x.role}`)}</span>
        <p class="hint">${t("account.tokens.created")} ${day(x.created_ms)} · ${t("account.tokens.used")} ${day(x.used_ms)}</p>
      </div>
      <${Action} aria-label=${t("account.tokens.revoke.one", { name: x.name })} run=${() => revoke(x)}>${t("account.tokens.revoke")}<//>
    </li>`)}
  </ul>`;
}
