// Subscribes and publishes over WebSocket with mqtt.js at every QoS, as
// MQTT 3.1.1 and 5.0; prints "ok" when everything came back as it was sent.
// usage: node mqttjs.mjs URL, with GATEWAY_NPM naming a node_modules folder.
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.env.GATEWAY_NPM, "x.js"));
const mqtt = require("mqtt");
const url = process.argv[2];

for (const protocolVersion of [4, 5]) {
  const client = await mqtt.connectAsync(url, {
    protocolVersion,
    connectTimeout: 10_000,
    reconnectPeriod: 0,
  });
  const topic = `e2e/mqttjs/${protocolVersion}`;
  const properties =
    protocolVersion === 5
      ? {
          contentType: "text/plain",
          responseTopic: "e2e/answer",
          correlationData: Buffer.from([0, 1, 255]),
          messageExpiryInterval: 100,
          userProperties: { unit: "°C", a: ["1", "2"] },
        }
      : undefined;
  const received = [];
  const all = new Promise((resolve) => {
    client.on("message", (t, payload, packet) => {
      received.push({ t, payload: payload.toString(), packet });
      if (received.length === 3) resolve();
    });
  });
  await client.subscribeAsync(topic, { qos: 2 });
  for (const qos of [0, 1, 2]) {
    await client.publishAsync(topic, `hello ${qos}`, { qos, properties });
  }
  await all;
  for (const qos of [0, 1, 2]) {
    const got = received.find((m) => m.payload === `hello ${qos}`);
    check(got?.t === topic, `QoS ${qos} came back`);
    check(got.packet.qos === qos, `QoS ${qos} is ${got.packet.qos}`);
    if (properties) {
      const p = got.packet.properties;
      check(p.contentType === "text/plain", "content type");
      check(p.responseTopic === "e2e/answer", "response topic");
      check(p.correlationData.equals(properties.correlationData), "correlation data");
      check(p.userProperties.unit === "°C" && p.userProperties.a.join() === "1,2", "user properties");
      check(p.messageExpiryInterval > 90 && p.messageExpiryInterval <= 100, "expiry");
    }
  }
  await client.endAsync();
}
console.log("ok");

function check(ok, what) {
  if (!ok) {
    console.error("FAILED:", what);
    process.exit(1);
  }
}
