// All that the gateway knows of one topic, asked again when it has changed: one
// request at a time, and the longer they take the fewer.
import { useEffect, useRef, useState } from "../../vendor/hooks.js";
import { get, query } from "../../api.js";

const least = 300; // between two requests, ms

class Watch {
  constructor(path, show) {
    this.path = path;
    this.show = show;
    this.pause = 0;
    this.control = new AbortController();
  }

  /** Something has changed. */
  poke() {
    if (this.busy) this.again = true;
    else this.timer ??= setTimeout(() => this.ask(), this.pause);
  }

  async ask() {
    this.timer = null;
    if (this.held && this.asked) return;
    this.busy = this.asked = true;
    const began = performance.now();
    try {
      this.show({ value: await get("topic" + query({ topic: this.path }), { signal: this.control.signal }), error: null });
    } catch (error) {
      if (error.name !== "AbortError") this.show((was) => ({ ...was, error }));
    }
    this.busy = false;
    this.pause = Math.max(least, 5 * (performance.now() - began));
    if (!this.again || this.control.signal.aborted) return;
    this.again = false;
    this.poke();
  }

  stop() {
    clearTimeout(this.timer);
    this.control.abort();
  }
}

/**
 * [what is known of a topic, what went wrong]; changed is different when there is
 * something new. While paused it stays as it is.
 */
export function useTopic(path, changed, paused) {
  const [state, setState] = useState({ value: null, error: null });
  const watch = useRef(null);
  useEffect(() => {
    watch.current = new Watch(path, setState);
    return () => watch.current.stop();
  }, [path]);
  if (watch.current) watch.current.held = paused;
  useEffect(() => watch.current.poke(), [path, changed, paused]);
  return [state.value, state.error];
}
