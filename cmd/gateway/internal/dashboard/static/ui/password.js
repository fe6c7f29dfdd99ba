// What the pages that take a password share: its fields, and what is said when
// one is not taken.
import { useEffect, useLayoutEffect, useRef, useState } from "../vendor/hooks.js";
import { html } from "./html.js";
import { Field } from "./ui.js";
import { load, t } from "../i18n.js";

await load("account");

/** How many characters a password has at least; the gateway holds it, too. */
export const least = 8;

/**
 * A field for a password, which can be shown. name is what a browser fills it
 * with: "current-password" or "new-password".
 */
export function Password({ label, name, value, onInput, hint, error, focus = false }) {
  const [shown, setShown] = useState(false);
  const ref = useRef(null);
  useEffect(() => {
    if (focus) ref.current.focus();
  }, []);
  // At once, lest somebody types on into what is wrong.
  useLayoutEffect(() => {
    if (error) (ref.current.focus(), ref.current.select());
  }, [error]);
  return html`<${Field} label=${label} hint=${hint} error=${error}>
    ${(a) => html`<span class="password">
      <input ...${a} ref=${ref} type=${shown ? "text" : "password"} autocomplete=${name} autocapitalize="none" spellcheck=${false} required value=${value} onInput=${(e) => onInput(e.target.value)} />
      <button type="button" aria-pressed=${shown} onClick=${() => setShown(!shown)}>${shown ? t("account.hide") : t("account.show")}</button>
    </span>`}
  <//>`;
}

/** Lets a browser remember the password by the name of the gateway. */
export function Username() {
  return html`<input class="offscreen" type="text" autocomplete="username" value=${location.host} readonly tabindex="-1" aria-hidden="true" />`;
}

/** Why a new password cannot be one, said twice; "" if it can. */
export function weakness(password, again) {
  if ([...password].length < least) return { password: t("account.short", { n: least }) };
  if (new TextEncoder().encode(password).length > 1024) return { password: t("account.long") };
  if (password !== again) return { again: t("account.differ") };
  return {};
}

/**
 * What an error of the gateway is to whoever types: the field that it is about, by
 * name, and the words for it.
 */
export function meaning(error, password = "password") {
  switch (error.why) {
    case "password":
      return { [password]: t("account.wrong") };
    case "code":
      return { code: t("account.wrong.code") };
    case "wait":
      return { form: t("account.wait"), wait: error.wait };
  }
  return { form: error.message };
}

/**
 * Says what is wrong with a form. While whoever types has to wait, it says for how
 * long, and calls onOver when that is over.
 */
export function Wrong({ text, wait = 0, onOver }) {
  const [left, setLeft] = useState(wait);
  useEffect(() => {
    setLeft(wait);
    if (!wait) return undefined;
    const until = Date.now() + wait * 1000;
    const timer = setInterval(() => {
      const s = Math.ceil((until - Date.now()) / 1000);
      setLeft(Math.max(0, s));
      if (s <= 0) (clearInterval(timer), onOver());
    }, 250);
    return () => clearInterval(timer);
  }, [text, wait]);
  return html`<div>
    <p class="error" role="alert">${text}</p>
    ${left > 0 && html`<p class="hint">${t("account.wait.left", { n: left })}</p>`}
  </div>`;
}
