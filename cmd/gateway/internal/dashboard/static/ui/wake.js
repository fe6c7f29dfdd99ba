// A wall display does not go to sleep while the page is shown on it, where the
// browser lets a page ask for that: over TLS, or on this machine.
export function stayAwake() {
  const ask = () => document.hidden || navigator.wakeLock?.request("screen").catch(() => {}); // low battery
  document.addEventListener("visibilitychange", ask);
  ask();
}
