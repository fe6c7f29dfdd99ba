// Light, dark, or as the system has it.
import { signal } from "./vendor/signals.js";

/** The themes there are. */
export const themes = ["auto", "light", "dark"];

function saved() {
  try {
    const t = localStorage.getItem("theme");
    return themes.includes(t) ? t : "auto";
  } catch {
    return "auto"; // storage is blocked
  }
}

/** The one that somebody has chosen. */
export const theme = signal(saved());

/** Chooses one, and remembers it. */
export function setTheme(name) {
  theme.value = name;
  try {
    localStorage.setItem("theme", name);
  } catch {
    // it lasts until the page is closed
  }
  applyTheme();
}

export function applyTheme() {
  document.documentElement.dataset.theme = theme.value;
}

export const nextTheme = () => setTheme(themes[(themes.indexOf(theme.value) + 1) % themes.length]);

/** Whether it is dark now: charts are drawn again when that changes. */
export const dark = signal(false);
const system = matchMedia("(prefers-color-scheme: dark)");
const look = () => (dark.value = theme.value === "dark" || (theme.value === "auto" && system.matches));
system.addEventListener("change", look);
theme.subscribe(look);
