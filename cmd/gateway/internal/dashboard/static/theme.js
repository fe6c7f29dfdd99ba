// Light, dark, or as the system has it.
import { signal } from "./vendor/signals.js";

const order = ["auto", "light", "dark"];

function saved() {
  try {
    const t = localStorage.getItem("theme");
    return order.includes(t) ? t : "auto";
  } catch {
    return "auto"; // storage is blocked
  }
}

export const theme = signal(saved());

export function applyTheme() {
  document.documentElement.dataset.theme = theme.value;
}

export function nextTheme() {
  theme.value = order[(order.indexOf(theme.value) + 1) % order.length];
  try {
    localStorage.setItem("theme", theme.value);
  } catch {
    // it lasts until the page is closed
  }
  applyTheme();
}
