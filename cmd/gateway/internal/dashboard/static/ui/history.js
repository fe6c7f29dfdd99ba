// What a view shows, from the gateway, and going on with it while it is live.
import { effect, signal, untracked } from "../vendor/signals.js";
import { get, query } from "../api.js";
import { ageAt, line, sensors } from "../store.js";
import { ranges, spanOf } from "../lib/view.js";
import { append, forget, holdState } from "../lib/series.js";
import { serverNow } from "./clock.js";

/** The least time between two questions for what the stream does not bring, ms. */
const askAgain = 15_000;
/** All of a live view is asked for again after that time: data may have come late. */
const askAll = 300_000;
/** Two values of a stream that are nearer than that are one. */
const same = 200;

/**
 * Follows one view at a time. What it has is in its signals: answer, which is
 * that of /api/v1/history with `asked`, what was asked for; error, a text or "";
 * busy; and drawn, which grows when the points of answer have changed.
 */
export function watch() {
  const answer = signal(null);
  const error = signal("");
  const busy = signal(false);
  const drawn = signal(0);
  let asking = null; // AbortController of the question under way
  let view = null;
  let points = 0;
  let timer = 0;
  let askedAt = 0;

  async function ask() {
    asking?.abort();
    if (!view || view.series.length === 0) {
      answer.value = null;
      error.value = "";
      busy.value = false;
      return;
    }
    const mine = (asking = new AbortController());
    const [from, to] = spanOf(view, serverNow()).map(Math.round);
    const asked = { series: view.series, from, to, points };
    askedAt = performance.now();
    busy.value = true;
    try {
      const got = await get("history" + query(asked), { signal: mine.signal });
      for (const p of got.series) {
        p.newest = p.stats?.last_ms ?? 0;
        holdState(p, got.width_ms);
      }
      answer.value = { ...got, asked };
      drawn.value++;
      error.value = "";
      catchUp();
    } catch (e) {
      if (e.name === "AbortError") return;
      error.value = e.message;
    }
    if (asking === mine) busy.value = false;
  }

  const isLive = () => view?.range && answer.value && answer.value.asked.series === view.series;

  // What the sensors said since, of those whose readings the stream brings.
  function catchUp() {
    if (!isLive()) return;
    const t = performance.now();
    let news = false;
    for (const p of answer.value.series) {
      const found = liveValue(p.series);
      const age = found && ageAt(found.sensor, t);
      if (!found || age === null) continue;
      const measured = Math.round(serverNow() - age);
      if (measured - p.newest < same) continue;
      news = append(p, measured, found.value.number, answer.value.width_ms) || news;
    }
    if (news) drawn.value++;
  }

  // The window of a live view moves on; a pixel of it at a time is enough.
  function tick() {
    timer = setTimeout(tick, view?.range ? Math.max(1000, ranges[view.range] / 1500) : 1000);
    if (document.hidden || !isLive()) return;
    const [from] = spanOf(view, serverNow());
    for (const p of answer.value.series) forget(p, from - 2 * answer.value.width_ms);
    const unheard = answer.value.series.some((p) => !liveValue(p.series));
    const due = unheard ? Math.max(askAgain, answer.value.width_ms) : askAll;
    if (!busy.value && performance.now() - askedAt > due) ask();
    drawn.value++;
  }

  const seen = () => !document.hidden && view?.range && ask(); // a hidden page has missed something
  document.addEventListener("visibilitychange", seen);
  const unfollow = effect(() => {
    void sensors.value;
    untracked(catchUp);
  });
  let wasLost = false;
  const unline = effect(() => {
    const lost = line.value === "lost";
    if (wasLost && !lost) untracked(ask);
    wasLost = lost;
  });

  return {
    answer,
    error,
    busy,
    drawn,
    /** Shows a view with at most so many points of each series. */
    show(next, most) {
      const changed = !view || next.range !== view.range || next.from !== view.from || next.to !== view.to || next.series.join("\n") !== view.series.join("\n");
      if (!changed && most === points) return;
      view = changed ? next : view;
      points = most;
      if (changed) error.value = "";
      clearTimeout(timer);
      timer = setTimeout(tick, 1000);
      ask();
    },
    /** Asks again; resolves when the answer is there. */
    ask,
    end() {
      asking?.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
      unfollow();
      unline();
    },
  };
}

/** The reading of a series that the stream brings: {sensor, value}, undefined if it does not. */
export function liveValue(series) {
  const [topic, key] = series.split("#");
  const sensor = sensors.value.get(topic);
  const value = sensor?.values.find((v) => v.quantity === (key ?? topic.split("/")[2]));
  return value && { sensor, value };
}
