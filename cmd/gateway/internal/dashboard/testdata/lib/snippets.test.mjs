import assert from "node:assert/strict";
import { test } from "node:test";
import { choose, openToNetwork, reach, snippets } from "../static/lib/snippets.js";

const tcp = { protocol: "tcp", host: "", port: 1883, loopback: false, anonymous: true, tls: false };
const loop = { ...tcp, host: "127.0.0.1", loopback: true };
const tls = { ...tcp, protocol: "tls", port: 8883, anonymous: false, tls: true };

test("how a listener is reached", () => {
  assert.equal(reach(tcp, "pi.local"), "pi.local");
  assert.equal(reach(tcp, "::1"), "::1");
  assert.equal(reach({ ...tcp, host: "192.168.1.20" }, "pi.local"), "192.168.1.20");
  assert.equal(reach(loop, "localhost"), "127.0.0.1");
  assert.equal(reach(loop, "127.0.0.1"), "127.0.0.1");
  assert.equal(reach(loop, "pi.local"), "");
  assert.equal(reach({ ...tcp, protocol: "unix", host: "/run/mqtt.sock" }, "localhost"), "");
});

test("which one is taken", () => {
  assert.equal(choose([loop, tls], ["tcp", "tls"], "pi.local").port, 8883);
  assert.equal(choose([loop, tls], ["tcp", "tls"], "localhost").host, "127.0.0.1");
  assert.equal(choose([loop], ["tcp", "tls"], "pi.local"), null);
});

const known = (mqtt) => ({ mqtt, ws: null, page: "http://pi:8080", topic: "home/kitchen/climate", quantity: "temperature", unit: "°C" });
const text = (all, id) => all.find((s) => s.id === id).parts.map((p) => p.text).join("\n");

test("user and TLS are in what needs them", () => {
  const open = snippets(known({ ...tcp, host: "pi" }));
  assert.equal(text(open, "mosquitto").includes("USER"), false);
  const closed = snippets(known({ ...tls, host: "pi" }));
  for (const [id, words] of Object.entries({
    mosquitto: ["-u USER -P PASSWORD", "--cafile ca.crt", "-p 8883"],
    python: ['username_pw_set("USER", "PASSWORD")', 'tls_set(ca_certs="ca.crt")', "VERSION2"],
    esphome: ["!secret mqtt_user", "certificate_authority"],
    nodered: ['"usetls": true'],
    zigbee2mqtt: ["mqtts://pi:8883", "user: USER"],
    telegraf: ["ssl://pi:8883", 'username = "USER"'],
  }))
    for (const w of words) assert.ok(text(closed, id).includes(w), `${id}: ${w} in\n${text(closed, id)}`);
});

test("a flow of Node-RED is one", () => {
  const flow = JSON.parse(text(snippets(known({ ...tcp, host: "::1" })), "nodered"));
  const ids = new Set(flow.map((n) => n.id));
  for (const n of flow) for (const w of (n.wires ?? []).flat()) assert.ok(ids.has(w), `${n.id} leads to ${w}`);
  assert.equal(flow.find((n) => n.type === "mqtt-broker").broker, "::1");
});

test("IPv6 in addresses, and odd names in a shell", () => {
  const all = snippets({ ...known({ ...tcp, host: "::1" }), topic: "집/kit chen/it's" });
  assert.ok(text(all, "telegraf").includes("tcp://[::1]:1883"));
  assert.ok(text(all, "mosquitto").includes("-t '집/kit chen/it'\\''s'"));
  assert.ok(text(all, "grafana").includes(encodeURIComponent("집/kit chen/it's#temperature")));
});

test("how the network is let in", () => assert.match(openToNetwork("/etc/gateway/passwd").yaml, /password_file: \/etc\/gateway\/passwd/));
