// The bell in the header: how many alerts fire that nobody knows of, and which.
import { useEffect, useRef, useState } from "../vendor/hooks.js";
import { html } from "./html.js";
import { Icon } from "./ui.js";
import { Line, fires, news, watch } from "./alerts.js";
import { has, t } from "../i18n.js";
import { link, route } from "../router.js";

const most = 6; // in the list

/** What the bell says: in words, for those who do not see it. */
function words(n) {
  if (!n || n.firing === 0) return t("bell.none");
  if (n.unseen === 0) return t("bell.known", { n: n.firing });
  return t("bell.firing", { n: n.unseen });
}

function List({ close }) {
  const all = (news.value?.alerts ?? []).filter(fires);
  return html`<div class="bell-list" role="region" aria-label=${t("shell.page.alerts")}>
    ${all.length === 0 ? html`<p>${t("bell.none")}</p>` : html`<ul>${all.slice(0, most).map((a) => html`<li key=${a.id} onClick=${close}><${Line} alert=${a} />${a.acknowledged && html` <span class="badge">${t("bell.acknowledged")}</span>`}</li>`)}</ul>`}
    <p><a href=${link("alerts")} onClick=${close}>${t("bell.all")}</a></p>
  </div>`;
}

/** The bell, which follows alerts as long as it is there. */
export function Bell() {
  const [open, setOpen] = useState(false);
  const ref = useRef(null);
  useEffect(watch, []);
  useEffect(() => setOpen(false), [route.value]);
  useEffect(() => {
    if (!open) return;
    const outside = (e) => ref.current?.contains(e.target) || setOpen(false);
    const escape = (e) => {
      if (e.key !== "Escape") return;
      setOpen(false);
      ref.current?.querySelector("button").focus();
    };
    addEventListener("pointerdown", outside);
    addEventListener("focusin", outside);
    addEventListener("keydown", escape);
    return () => {
      removeEventListener("pointerdown", outside);
      removeEventListener("focusin", outside);
      removeEventListener("keydown", escape);
    };
  }, [open]);
  if (!has("bell.none")) return null; // its words are on their way
  const n = news.value;
  const unseen = n?.unseen ?? 0;
  const text = words(n);
  return html`<span class="bell" ref=${ref}>
    <button type="button" class=${`quiet${unseen > 0 ? ` rings ${n.worst}` : ""}`} aria-expanded=${open} title=${text} onClick=${() => setOpen(!open)}>
      <${Icon} name="bell" /> <span aria-hidden="true">${unseen > 0 ? unseen : ""}</span><span class="visually-hidden" role="status">${text}</span>
    </button>
    ${open && html`<${List} close=${() => setOpen(false)} />`}
  </span>`;
}
