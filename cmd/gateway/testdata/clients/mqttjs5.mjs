// mqtt.js against a running gateway: one case, in MQTT 3.1.1 and 5.0.
//
// usage: node mqttjs5.mjs CASE OPTION=VALUE...
//
// The options tcp, ws, wss and locked are host:port of listeners, locked that
// of one that wants the password of sam; ca is the file of the authority of
// wss. GATEWAY_NPM names a node_modules folder with mqtt. Prints "ok", or what
// it saw in place of what it wanted.
import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import net from "node:net";
import path from "node:path";
import { Duplex } from "node:stream";
import { isDeepStrictEqual } from "node:util";

const require = createRequire(path.join(process.env.GATEWAY_NPM, "x.js"));
const mqtt = require("mqtt");
const WebSocket = require("ws");

// How long a case may take, milliseconds. It is never waited for in vain when
// all is well.
const PATIENCE = 25_000;

const [name, ...args] = process.argv.slice(2);
const options = Object.fromEntries(args.map((arg) => arg.split(/=(.*)/s, 2)));
const doors = {
  tcp: { url: `mqtt://${options.tcp}` },
  ws: { url: `ws://${options.ws}/mqtt` },
  wss: { url: `wss://${options.wss}/mqtt`, ca: readFileSync(options.ca) },
};
const both = [4, 5];

// What is waited for at this moment, for who asks why nothing happens.
const awaited = new Set();

function fail(...what) {
  console.log("FAILED:", ...what);
  process.exit(1);
}

function want(what, got, wanted) {
  if (!isDeepStrictEqual(got, wanted)) fail(what, "is", got, "want", wanted);
}

/** Resolves as the promise does; the watchdog names it while it has not. */
async function until(what, promise) {
  awaited.add(what);
  try {
    return await promise;
  } finally {
    awaited.delete(what);
  }
}

/** Things that are waited for one by one. */
class Queue {
  things = [];
  takers = [];

  put(thing) {
    const taker = this.takers.shift();
    taker ? taker(thing) : this.things.push(thing);
  }

  take(what) {
    if (this.things.length > 0) return Promise.resolve(this.things.shift());
    return until(what, new Promise((resolve) => this.takers.push(resolve)));
  }
}

/** A connected mqtt.js whose messages, packets and ends are queued. */
class Client {
  static async open(door, protocolVersion, { refused, ...more } = {}) {
    const { url, ca } = typeof door === "string" ? doors[door] : door;
    const who = `${url} MQTT ${protocolVersion}`;
    const c = new Client(who, () => mqtt.connect(url, { protocolVersion, ca, reconnectPeriod: 0, ...more }));
    if (!refused) c.connack = await c.connacks.take(`CONNACK of ${who}`);
    return c;
  }

  constructor(who, connect) {
    this.who = who;
    this.messages = new Queue();
    this.connacks = new Queue();
    this.ends = new Queue();
    this.errors = new Queue();
    this.expectsErrors = false;
    this.sent = [];
    this.received = [];
    const m = (this.mqtt = connect());
    m.on("message", (topic, payload, packet) => this.messages.put({ topic, payload, packet }));
    m.on("connect", (connack) => this.connacks.put(connack));
    m.on("reconnect", () => (m.reconnects = (m.reconnects ?? 0) + 1));
    m.on("close", () => this.ends.put("close"));
    m.on("disconnect", (packet) => this.ends.put(packet));
    m.on("packetsend", (packet) => this.sent.push({ ...packet }));
    m.on("packetreceive", (packet) => {
      this.received.push(packet);
      // After a lost connection, a PUBREL may be for what is done already.
      const again = packet.cmd === "pubcomp" && packet.reasonCode === 0x92 && m.reconnects > 0;
      if (/^pub(ack|rec|rel|comp)$/.test(packet.cmd) && packet.reasonCode && !again) fail(who, "got", packet);
    });
    m.on("error", (error) => {
      this.errors.put(error);
      if (!this.expectsErrors) fail(who, "says", error);
    });
  }

  async subscribe(topic, opts) {
    const granted = await until(`SUBACK of ${this.who}`, this.mqtt.subscribeAsync(topic, opts));
    for (const g of granted) if (g.qos > 2) fail(this.who, "was refused", g);
  }

  publish(topic, payload, opts) {
    return until(
      `acknowledgement of ${topic} ${opts?.qos} to ${this.who}`,
      this.mqtt.publishAsync(topic, payload, opts),
    );
  }

  async next(what = "message") {
    return this.messages.take(`${what} to ${this.who}`);
  }

  /** Sends a message to itself and wants nothing to come before it. */
  async nothingElse(topic) {
    await this.publish(topic, "marker", { qos: 2 });
    const got = await this.next("marker");
    want("what came before the marker", got.payload.toString(), "marker");
  }

  /** Ends without a DISCONNECT, as a lost network does. */
  async lose() {
    this.mqtt.stream.destroy();
    await this.ends.take(`end of ${this.who}`);
  }

  close(opts) {
    return until(`end of ${this.who}`, this.mqtt.endAsync(false, opts));
  }
}

const count = (() => {
  let n = 0;
  return () => ++n;
})();

const topicOf = (what) => `e2e/${name}/${what}/${count()}`;

/** A payload of that size that tells where a byte of it belongs. */
function pattern(size, seed) {
  const b = Buffer.alloc(size);
  for (let i = 0; i < size; i++) b[i] = (i * 31 + (i >> 8) * 7 + seed * 13) & 0xff;
  return b;
}

/** Runs n promises, so many of them at once. */
async function pool(n, atOnce, start) {
  let next = 0;
  const worker = async () => {
    while (next < n) await start(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

const everything = {
  payloadFormatIndicator: true,
  messageExpiryInterval: 100,
  contentType: "text/plain; charset=utf-8",
  responseTopic: "e2e/answer/°",
  correlationData: Buffer.from([0, 1, 0, 255]),
  userProperties: { unit: "°C", again: ["1", "2", "1", ""], "": "nameless" },
};

/** Wants the properties of a message as they were sent. */
function wantProperties(what, got, sent, ids) {
  const { messageExpiryInterval: left, subscriptionIdentifier: id, topicAlias, ...rest } = got;
  const { messageExpiryInterval: life, willDelayInterval, ...wanted } = sent;
  if (!(left > life - 30 && left <= life)) fail(`${what}: expiry is`, left, "want little less than", life);
  // mqtt.js makes an object without a prototype of user properties.
  want(what, { ...rest, userProperties: { ...rest.userProperties } }, wanted);
  if (ids) want(`${what}: subscription identifiers`, [id].flat().sort((a, b) => a - b), ids);
}

/** Every property of PUBLISH at every QoS, live and retained. */
async function properties() {
  for (const door of Object.keys(doors)) {
    for (const version of both) {
      const topic = topicOf(door);
      const v5 = version === 5;
      const c = await Client.open(door, version);
      await c.subscribe(topic, { qos: 2, properties: v5 ? { subscriptionIdentifier: 7 } : undefined });
      await c.subscribe(`${topic}/#`, { qos: 2, properties: v5 ? { subscriptionIdentifier: 268_435_455 } : undefined });
      for (const qos of [0, 1, 2]) {
        const what = `${door} MQTT ${version} QoS ${qos}`;
        await c.publish(topic, "21.5 °C", { qos, retain: true, properties: v5 ? everything : undefined });
        const got = await c.next();
        want(`${what}: topic`, got.topic, topic);
        want(`${what}: payload`, got.payload.toString(), "21.5 °C");
        want(`${what}: flags`, [got.packet.qos, got.packet.retain, got.packet.dup], [qos, false, false]);
        if (v5) wantProperties(what, got.packet.properties, everything, [7, 268_435_455]);

        const later = await Client.open(door, version);
        await later.subscribe(topic, { qos: 2 });
        const kept = await later.next("retained message");
        want(`${what}: retained flags`, [kept.packet.qos, kept.packet.retain, kept.packet.dup], [qos, true, false]);
        if (v5) wantProperties(`${what} retained`, kept.packet.properties, everything);
        await later.close();
      }
      await c.nothingElse(topic);
      await c.publish(topic, "", { retain: true });
      await c.close();
    }
  }
}

/** Bursts of messages of many sizes come back as they went, at every QoS. */
async function sizes() {
  const sizes = [0, 1, 2, 100, 113, 114, 125, 126, 127, 128, 129, 1000, 4095, 4096, 4097, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537];
  sizes.push(100_000, 131_072, 200_000, 300 * 1024);
  for (let i = 0; i < 75; i++) sizes.splice((i * 7) % sizes.length, 0, i); // small ones between them
  await Promise.all(
    Object.keys(doors).flatMap((door) =>
      both.map(async (version) => {
        const c = await Client.open(door, version);
        const topic = topicOf(door);
        await c.subscribe(`${topic}/+`, { qos: 2 });
        // mqtt.js leaves Receive Maximum to its user.
        const atOnce = c.connack.properties?.receiveMaximum ?? sizes.length;
        const sending = [0, 1, 2].map((qos) =>
          pool(sizes.length, qos === 2 ? atOnce : sizes.length, (i) =>
            c.publish(`${topic}/${qos}`, pattern(sizes[i], i + qos), { qos }),
          ),
        );
        const came = [0, 0, 0];
        for (let n = 3 * sizes.length; n > 0; n--) {
          const got = await c.next(`${n} messages of a burst`);
          const qos = Number(got.topic.slice(-1));
          const i = came[qos]++;
          want(`${c.who}: QoS of ${got.topic} ${i}`, got.packet.qos, qos);
          if (!got.payload.equals(pattern(sizes[i], i + qos))) {
            fail(`${c.who}: ${got.topic} ${i} of ${sizes[i]} bytes is`, got.payload.length, got.payload.subarray(0, 40));
          }
        }
        await Promise.all(sending);
        await c.close();
      }),
    ),
  );
}

/** Packets in pieces and in heaps, by TCP and by WebSocket [MQTT-6.0.0-4]. */
async function split() {
  const ways = {
    "a byte in every segment": (opts) => Client.over(drip(options.tcp), opts),
    "a byte in every frame": (opts) =>
      Client.framed(opts, (send, data, sent) => {
        for (let i = 0; i < data.length - 1; i++) send(data.subarray(i, i + 1), {});
        send(data.subarray(-1), {}, sent);
      }),
    "messages in fragments": (opts) =>
      Client.framed(opts, (send, data, sent) => {
        for (let i = 0; i < data.length; i += 3) send(data.subarray(i, i + 3), { fin: false });
        send(Buffer.alloc(0), { fin: true }, sent);
      }),
    "empty messages between": (opts) =>
      Client.framed(opts, (send, data, sent) => {
        send(Buffer.alloc(0), {});
        send(data, {});
        send(Buffer.alloc(0), {}, sent);
      }),
    "many packets in a message": (opts) => {
      let heap = [];
      return Client.framed(opts, (send, data, sent) => {
        if (heap.length === 0) {
          setImmediate(() => {
            const all = Buffer.concat(heap);
            heap = [];
            send(all, {});
          });
        }
        heap.push(Buffer.from(data));
        sent();
      });
    },
  };
  await Promise.all(
    Object.entries(ways).flatMap(([way, open]) =>
      both.map(async (version) => {
        const c = open({ protocolVersion: version, reconnectPeriod: 0, clientId: `split-${version}-${count()}` });
        c.who = `${way}, MQTT ${version}`;
        await c.connacks.take(`CONNACK of ${c.who}`);
        const topic = topicOf(version);
        await c.subscribe(topic, { qos: 2 });
        const sizes = [0, 1, 130, 2000, 5, 0, 300, 17, 128, 4];
        await Promise.all(sizes.map((size, i) => c.publish(topic, pattern(size, i), { qos: i % 3 })));
        const wanted = [0, 1, 2].map((qos) => sizes.flatMap((size, i) => (i % 3 === qos ? [pattern(size, i)] : [])));
        for (let n = sizes.length; n > 0; n--) {
          const got = await c.next(`${n} messages, ${way},`);
          want(`${c.who}: payload`, got.payload, wanted[got.packet.qos].shift());
        }
        await c.close();
      }),
    ),
  );
}

/** mqtt.js over a stream of one's own. */
Client.over = (stream, opts) => new Client("", () => new mqtt.MqttClient(() => stream, opts));

/** mqtt.js over WebSocket; way decides how what it writes becomes frames. */
Client.framed = (opts, way) =>
  new Client("", () =>
    mqtt.connect(doors.ws.url, {
      ...opts,
      createWebsocket: (url, protocols) => {
        const socket = new WebSocket(url, protocols);
        const send = socket.send.bind(socket);
        socket.send = (data, sent) => way(send, data, sent);
        return socket;
      },
    }),
  );

/** A TCP connection that sends what is written byte by byte. */
function drip(address) {
  const [host, port] = address.split(":");
  const socket = net.connect(Number(port), host).setNoDelay();
  const stream = new Duplex({
    read() {},
    write(data, encoding, done) {
      const byte = (i) => (i === data.length ? done() : socket.write(data.subarray(i, i + 1), () => byte(i + 1)));
      byte(0);
    },
    final(done) {
      socket.end(done);
    },
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  socket.on("data", (data) => stream.push(data));
  socket.on("close", () => stream.destroy());
  socket.on("error", (error) => stream.destroy(error));
  return stream;
}

/** Aliases both ways, of more topics than there are aliases. */
async function aliases() {
  for (const door of Object.keys(doors)) {
    const out = await Client.open(door, 5, { autoAssignTopicAlias: true });
    const into = await Client.open(door, 5, { properties: { topicAliasMaximum: 4 } });
    const none = await Client.open(door, 5);
    const max = out.connack.properties.topicAliasMaximum;
    if (!(max > 0)) fail("CONNACK offers no topic aliases:", out.connack.properties);
    const topic = topicOf(door);
    await into.subscribe(`${topic}/#`, { qos: 2 });
    await none.subscribe(`${topic}/#`, { qos: 2 });
    // Neighbours repeat, so that an alias is used; then others need it.
    const topics = [];
    for (let i = 0; i < max + 5; i++) for (const j of [i, i, i, 0]) topics.push(`${topic}/${j}`);
    // Not QoS 2: mqtt.js 5.16 then forgets which topic an alias stands for.
    for (const [i, t] of topics.entries()) await out.publish(t, String(i), { qos: i % 2 });
    for (const c of [into, none]) {
      const got = [];
      while (got.length < topics.length) got.push(await c.next(`${topics.length - got.length} messages`));
      got.sort((a, b) => a.payload - b.payload);
      want(`topics to ${c.who}`, got.map((m) => m.topic), topics);
    }
    const named = (packets) => packets.filter((p) => p.cmd === "publish" && p.properties?.topicAlias);
    const short = (packets) => named(packets).filter((p) => p.topic === "");
    if (short(out.sent).length === 0) fail("mqtt.js sent no alias in place of a topic");
    if (short(into.received).length === 0) fail("the broker sent no alias in place of a topic");
    want("aliases to a client that takes 4", named(into.received).filter((p) => p.properties.topicAlias > 4), []);
    want("aliases to a client that takes none", named(none.received), []);
    await Promise.all([out, into, none].map((c) => c.close()));
  }
}

/** Sessions that queue, and that survive lost connections of both sides. */
async function sessions() {
  await Promise.all(
    ["tcp", "ws"].flatMap((door) =>
      both.map(async (version) => {
        const who = `${door} MQTT ${version}`;
        const persistent = (id) => ({
          clean: false,
          clientId: `js-${id}-${door}-${version}`,
          properties: version === 5 ? { sessionExpiryInterval: 300 } : undefined,
        });
        const topic = topicOf(door);
        let sub = await Client.open(door, version, persistent("away"));
        want(`${who}: session present`, sub.connack.sessionPresent, false);
        await sub.subscribe(`${topic}/+`, { qos: 2 });
        await sub.close();

        const pub = await Client.open(door, version, { ...persistent("pub"), reconnectPeriod: 1 });
        for (let i = 0; i < 200; i++) await pub.publish(`${topic}/${1 + (i % 2)}`, String(i), { qos: 1 + (i % 2) });

        sub = await Client.open(door, version, { ...persistent("away"), reconnectPeriod: 1 });
        want(`${who}: session present`, sub.connack.sessionPresent, true);
        const queued = { 1: [], 2: [] };
        for (let i = 0; i < 200; i++) {
          const got = await sub.next(`${200 - i} queued messages`);
          want(`${who}: DUP of the first sending`, got.packet.dup, false);
          queued[got.packet.qos].push(Number(got.payload));
        }
        const numbers = (n, odd) => Array.from({ length: n / 2 }, (_, i) => 2 * i + odd);
        want(`${who}: queue`, queued, { 1: numbers(200, 0), 2: numbers(200, 1) });

        // Both lose their connections in the middle, several times.
        const n = 120;
        const breaking = (c, cmd) => {
          let seen = 0;
          c.mqtt.on("packetreceive", (p) => {
            if (p.cmd === cmd && ++seen % 17 === 0 && seen < 60) setImmediate(() => c.mqtt.stream.destroy());
          });
        };
        breaking(pub, "pubrec");
        breaking(sub, "publish");
        // mqtt.js calls a message failed whose PUBREL was done already; whether it
        // has arrived is looked at below.
        const done = (error) => error.code === 0x92 || fail(who, "says", error);
        const sending = pool(n, 10, (i) =>
          pub.publish(`${topic}/${1 + (i % 2)}`, `again ${i}`, { qos: 1 + (i % 2) }).catch(done),
        );
        const seen = { 1: new Set(), 2: [] };
        while (seen[1].size + seen[2].length < n) {
          const got = await sub.next(`${n - seen[1].size - seen[2].length} messages over lost connections`);
          const i = Number(got.payload.toString().split(" ")[1]);
          if (got.packet.qos === 1) seen[1].add(i);
          else if (seen[2].includes(i)) fail(`${who}: QoS 2 message ${i} came twice`);
          else seen[2].push(i);
        }
        await sending;
        const sorted = (numbers) => [...numbers].sort((a, b) => a - b);
        want(`${who}: QoS 1`, sorted(seen[1]), numbers(n, 0));
        want(`${who}: QoS 2`, sorted(seen[2]), numbers(n, 1));
        await Promise.all([pub.close(), sub.close()]);
      }),
    ),
  );
}

/** Pings are answered; who sends none is cut off after 1.5 times the time. */
async function keep_alive() {
  const watcher = await Client.open("tcp", 5);
  await watcher.subscribe("e2e/keep_alive/will/#", { qos: 1 });
  await Promise.all(
    Object.keys(doors).flatMap((door) =>
      both.map(async (version) => {
        const c = await Client.open(door, version, { keepalive: 1 });
        const pings = new Queue();
        c.mqtt.on("packetreceive", (p) => p.cmd === "pingresp" && pings.put(p));
        const since = performance.now(); // the broker counts from its CONNECT on
        const silent = await Client.open(door, version, {
          keepalive: 1,
          will: { topic: `e2e/keep_alive/will/${door}/${version}`, payload: "gone", qos: 1 },
        });
        silent.mqtt.sendPing = () => {}; // it thinks it did
        silent.mqtt.on("error", () => {});
        silent.expectsErrors = true;
        for (let i = 0; i < 2; i++) await pings.take(`PINGRESP to ${c.who}`);
        await silent.ends.take(`end of the silent ${silent.who}`);
        const took = performance.now() - since;
        if (took < 1400) fail(silent.who, "was cut off after", took, "ms of a keep-alive of 1 s");
        if (!c.mqtt.connected) fail(c.who, "was cut off while it pinged");
        await c.close();
      }),
    ),
  );
  const gone = [];
  for (let i = 0; i < 6; i++) gone.push((await watcher.next("will of a silent client")).topic);
  want("wills", new Set(gone).size, 6);
  await watcher.close();
}

/** Wills of every QoS with their properties, and when there is none. */
async function wills() {
  const watcher = await Client.open("tcp", 5);
  await watcher.subscribe("e2e/wills/#", { qos: 2 });
  for (const door of Object.keys(doors)) {
    for (const version of both) {
      const v5 = version === 5;
      const will = (qos, more) => ({
        topic: topicOf(door),
        payload: pattern(qos === 1 ? 0 : 1000, qos),
        qos,
        retain: false,
        ...(v5 ? { properties: { ...everything, ...more } } : {}),
      });
      const wantWill = async (w, what) => {
        const got = await watcher.next(`will of ${door} MQTT ${version}, ${what},`);
        want(`will, ${what}`, [got.topic, got.payload, got.packet.qos], [w.topic, w.payload, w.qos]);
        if (v5) wantProperties(`will, ${what}`, got.packet.properties, everything);
      };
      for (const qos of [0, 1, 2]) {
        const w = will(qos);
        await (await Client.open(door, version, { will: w })).lose();
        await wantWill(w, "connection lost");
      }
      await (await Client.open(door, version, { will: will(1) })).close();
      await watcher.nothingElse("e2e/wills/marker");

      const w = will(2);
      const id = `js-wills-${door}-${version}`;
      const old = await Client.open(door, version, { clientId: id, will: w });
      const usurper = await Client.open(door, version, { clientId: id });
      await wantWill(w, "taken over");
      const end = await old.ends.take(`end of ${old.who}`);
      if (v5) want("DISCONNECT of who is taken over", end.reasonCode, 0x8e);
      await usurper.close();

      if (v5) {
        const asked = will(1);
        await (await Client.open(door, 5, { will: asked })).close({ reasonCode: 4 });
        await wantWill(asked, "asked for in DISCONNECT");
      }
    }
  }
  // Who comes back before the delay has passed has no will; the other's shows
  // that the time of both has come.
  const delayed = (id, delay, more) => ({
    clientId: `js-delay-${id}`,
    clean: false,
    properties: { sessionExpiryInterval: 100 },
    will: { topic: `e2e/wills/${id}`, payload: "late", qos: 1, properties: { ...everything, willDelayInterval: delay } },
    ...more,
  });
  await (await Client.open("ws", 5, delayed("returns", 1))).lose();
  const back = await Client.open("ws", 5, { ...delayed("returns", 1), will: undefined });
  want("session present", back.connack.sessionPresent, true);
  const stays = await Client.open("ws", 5, delayed("stays", 1));
  const since = performance.now();
  await stays.lose();
  const late = await watcher.next("delayed will");
  want("delayed will", [late.topic, late.payload.toString()], ["e2e/wills/stays", "late"]);
  wantProperties("delayed will", late.packet.properties, everything);
  if (performance.now() - since < 1000) fail("a will delayed by 1 s came after", performance.now() - since, "ms");
  await watcher.nothingElse("e2e/wills/marker");
  await Promise.all([back.close(), watcher.close()]);
}

/** SCRAM-SHA-256 as RFC 7677 has it, by AUTH packets. */
class Scram {
  static method = "SCRAM-SHA-256";

  constructor(user, password) {
    this.password = password;
    this.nonce = randomBytes(12).toString("hex");
    this.bare = `n=${user},r=${this.nonce}`;
  }

  first() {
    return Buffer.from(`n,,${this.bare}`);
  }

  final(challenge) {
    const [r, s, i] = challenge.toString().split(",");
    if (!r.startsWith(`r=${this.nonce}`) || r.length <= this.nonce.length + 2) fail("server's nonce", r);
    if (!(Number(i.slice(2)) >= 4096)) fail("iterations", i);
    const salted = pbkdf2Sync(this.password, Buffer.from(s.slice(2), "base64"), Number(i.slice(2)), 32, "sha256");
    const hmac = (key, text) => createHmac("sha256", key).update(text).digest();
    const key = hmac(salted, "Client Key");
    const message = `${this.bare},${challenge},c=biws,${r}`;
    const signature = hmac(createHash("sha256").update(key).digest(), message);
    this.verifier = `v=${hmac(hmac(salted, "Server Key"), message).toString("base64")}`;
    return Buffer.from(`c=biws,${r},p=${key.map((x, n) => x ^ signature[n]).toString("base64")}`);
  }
}

/** sam comes in with SCRAM, and not with the wrong password. */
async function scram() {
  for (const password of ["secret", "secreT"]) {
    const s = new Scram("sam", password);
    const c = await Client.open({ url: `mqtt://${options.locked}` }, 5, {
      refused: true,
      properties: { authenticationMethod: Scram.method, authenticationData: s.first() },
    });
    c.expectsErrors = true;
    let challenges = 0;
    c.mqtt.handleAuth = (packet, answer) => {
      challenges++;
      want("reason code of AUTH", packet.reasonCode, 0x18);
      answer(null, {
        cmd: "auth",
        reasonCode: 0x18,
        properties: { authenticationMethod: Scram.method, authenticationData: s.final(packet.properties.authenticationData) },
      });
    };
    if (password === "secret") {
      const connack = await Promise.race([c.connacks.take("CONNACK after SCRAM"), c.errors.take("error").then((e) => fail(e))]);
      want("method of CONNACK", connack.properties.authenticationMethod, Scram.method);
      want("server's signature", connack.properties.authenticationData?.toString(), s.verifier);
      await c.subscribe("private/sam/#", { qos: 1 });
      await c.publish("private/sam/x", "mine", { qos: 1 });
      want("message", (await c.next()).payload.toString(), "mine");
      await c.close();
    } else {
      want("reason of the refusal", (await c.errors.take("refusal")).code, 0x87);
    }
    want("challenges", challenges, 1);
  }
}

const cases = { properties, sizes, split, aliases, sessions, keep_alive, wills, scram };
setTimeout(() => fail(`after ${PATIENCE} ms waiting for`, [...awaited]), PATIENCE).unref();
process.on("unhandledRejection", (error) => fail(error));
await cases[name]();
console.log("ok");
process.exit(0);
