// Who looks at the page, and what they may do. The server refuses what they may
// not; here it is only not offered.
import { computed, signal } from "./vendor/signals.js";

/**
 * What the server says: {role: "admin" | "viewer" | "", setup, code, anonymous}.
 * null until it has been asked.
 */
export const session = signal(null);
/** Whether something may be changed. */
export const isAdmin = computed(() => session.value?.role === "admin");
/** Whether something may be seen. */
export const maySee = computed(() => session.value !== null && (session.value.role !== "" || session.value.anonymous));

/** Asks again, after a login for example. A failure leaves all as it was. */
export async function refresh() {
  try {
    const r = await fetch("api/v1/session", { credentials: "same-origin" });
    if (r.ok) session.value = await r.json();
  } catch {
    // the line is down, which the page says anyway
  }
  return session.value;
}

/** On a wall: no controls, large type. */
export const kiosk = /[?&]kiosk=1\b/.test(location.search + location.hash);
