// The topics of the gateway, kept up to date by the stream of this tab.
import { useEffect, useRef, useState } from "../../vendor/hooks.js";
import { Topics } from "../../lib/topics.js";
import { feed } from "../../store.js";

/**
 * The Topics to show. The page is drawn again when they change. While paused they
 * stay as they are. When the stream begins again all topics come anew; until they
 * are there the old ones are shown.
 */
export function useTopics(paused) {
  const mirror = useRef(null);
  mirror.current ??= { shown: new Topics(), next: null };
  const [, draw] = useState(0);
  const held = useRef(paused); // at once, while the stream still ends
  held.current = paused;
  useEffect(() => {
    if (paused) return;
    return feed("topics", {}, {
      topics(event) {
        if (held.current) return;
        const m = mirror.current;
        if (event.reset) m.next = new Topics();
        if (m.next && m.shown.topics.size === 0) [m.shown, m.next] = [m.next, null];
        const target = m.next ?? m.shown;
        target.take(event, performance.now());
        if (m.next && !event.more) [m.shown, m.next] = [m.next, null];
        draw((n) => n + 1);
      },
    });
  }, [paused]);
  return mirror.current.shown;
}
