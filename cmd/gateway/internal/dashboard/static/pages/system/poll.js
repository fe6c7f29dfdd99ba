// What is asked for again and again while somebody looks.
import { useEffect, useRef, useState } from "../../vendor/hooks.js";

/**
 * Loads something now and then every so many ms after the answer, while the tab is
 * seen: [value, error, again]. What came last stays while the line is down. value
 * has received, the moment of its ages, if it is an object.
 */
export function usePoll(load, deps, ms) {
  const [state, setState] = useState({ value: null, error: null });
  const now = useRef(() => {});
  useEffect(() => {
    const control = new AbortController();
    let timer;
    let turn = 0;
    const ask = async () => {
      clearTimeout(timer);
      const mine = ++turn; // an older answer says less than a newer one
      try {
        if (!document.hidden) {
          const value = await load(control.signal);
          if (control.signal.aborted || mine !== turn) return;
          if (value && typeof value === "object") value.received = performance.now();
          setState({ value, error: null });
        }
      } catch (error) {
        if (control.signal.aborted || mine !== turn) return;
        setState((s) => ({ value: s.value, error }));
        if (error.status === 404) return; // it is gone, and asking does not bring it back
      }
      timer = setTimeout(ask, ms);
    };
    now.current = ask;
    const seen = () => document.hidden || ask();
    document.addEventListener("visibilitychange", seen);
    ask();
    return () => {
      control.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, deps);
  return [state.value, state.error, () => now.current()];
}
