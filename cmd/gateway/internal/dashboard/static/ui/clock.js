// The time as the gateway has it: the browser's clock may be wrong, and what is
// shown is what the gateway measured.
import { effect } from "../vendor/signals.js";
import { gateway } from "../store.js";

let ahead = 0; // of the browser's clock, ms

effect(() => {
  const at = Date.parse(gateway.value?.time ?? "");
  if (!Number.isNaN(at)) ahead = at - Date.now();
});

/** Now, ms since 1970, by the gateway's clock. */
export const serverNow = () => Math.round(Date.now() + ahead);
