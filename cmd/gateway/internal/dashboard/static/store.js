// What the page knows, kept up to date by server-sent events.
import { signal } from "./vendor/signals.js";
import { open } from "./stream.js";
import { kiosk, refresh } from "./session.js";

const hour = 3600_000;
const width = 30_000; // of one point of a sparkline, ms

/** Gateway of the last snapshot, null before it. */
export const gateway = signal(null);
/** Sensors by path; each has `received`, the moment of its age. */
export const sensors = signal(new Map());
/** What of the gateway needs a person, in words. */
export const alarms = signal([]);
/** Bridges to upstream brokers, as the API has them; `received` as in sensors. */
export const bridges = signal([]);
/** "connecting", "live", "asking" (every few seconds, as other tabs have streams), "paused" (nobody looks) or "lost". */
export const line = signal("connecting");
/** When something came last, a Date; null before. */
export const lastData = signal(null);
/** performance.now(), once a second. */
export const now = signal(performance.now());

setInterval(() => (now.value = performance.now()), 1000);

/** The age of a sensor's last message at t, ms; null if nobody knows. */
export function ageAt(sensor, t) {
  return sensor.age_ms === null ? null : sensor.age_ms + Math.max(0, t - sensor.received);
}

/** Notes a number in the points [t, low, high] of the last hour, and returns them. */
function extend(points, number, t) {
  const last = points[points.length - 1];
  if (last && t - last[0] < width) {
    last[1] = Math.min(last[1], number);
    last[2] = Math.max(last[2], number);
    return points;
  }
  points.push([t, number, number]);
  let old = 0;
  while (t - points[old][0] > hour) old++;
  points.splice(0, old);
  return points;
}

function adopt(sensor, old, t) {
  sensor.received = t;
  for (const v of sensor.values) {
    if (v.history) {
      v.points = v.history.map(([age, low, high]) => [t - age * 1000, low, high]);
      delete v.history;
      continue;
    }
    v.points = old?.values.find((o) => o.quantity === v.quantity)?.points ?? [];
    if (sensor.age_ms !== null) extend(v.points, v.number, t);
  }
  return sensor;
}

/** What every event says of the gateway. */
function beat(data) {
  const t = performance.now();
  alarms.value = data.alarms_said ?? data.alarms.map((error) => ({ error }));
  if (gateway.value && gateway.value.demo !== data.demo) gateway.value = { ...gateway.value, demo: data.demo };
  bridges.value = (data.bridges ?? []).map((b) => ({ ...b, received: t }));
}

function snapshot(data) {
  const t = performance.now();
  // Nobody loads the page of a display on a wall again when there is a newer one.
  if (kiosk && gateway.value && gateway.value.version !== data.gateway.version) location.reload();
  gateway.value = data.gateway;
  beat(data.gateway);
  sensors.value = new Map(data.sensors.map((s) => [s.path, adopt(s, null, t)]));
  now.value = t;
}

function update(data) {
  const t = performance.now();
  const all = new Map(sensors.value);
  for (const s of data.sensors) all.set(s.path, adopt(s, all.get(s.path), t));
  for (const path of data.removed ?? []) all.delete(path);
  sensors.value = all;
  beat(data);
  now.value = t;
}

const stream = open({
  state: (s) => {
    const back = line.value === "lost" && (s === "live" || s === "asking");
    line.value = s;
    if (s === "lost" || back) refresh(); // the gateway is gone, or the right to look is; when it is back it may know nobody
  },
  heard: () => (lastData.value = new Date()),
  events: { snapshot, update, beat },
});

/** Begins to follow, and goes on for ever. */
export const follow = stream.follow;
/** Ends that, until it is begun again. */
export const unfollow = stream.stop;
/** Ends that, and forgets what was seen: somebody has logged out. */
export function forget() {
  stream.stop();
  line.value = "connecting";
  gateway.value = null;
  sensors.value = new Map();
  alarms.value = [];
  bridges.value = [];
}

/**
 * Adds what another part says to the stream of this tab:
 *
 *   const stop = feed("logs", { level: "warn" }, { log: (record) => … });
 *
 * handlers are by the name of the event; parameters are added to the address of the
 * stream, which begins again with them. With another call of the same name the
 * first one ends. A feed needs a stream, unless a function is given as well that
 * asks for the same in another way: a tab without a stream calls it every few
 * seconds.
 */
export const feed = stream.feed;
