// Templates in place of JSX: html`<p class=${c}>${text}</p>`. Text is never markup.
import { h } from "../vendor/preact.js";
import htm from "../vendor/htm.js";
import "../vendor/signals.js"; // components follow the signals they read

export const html = htm.bind(h);
