import assert from "node:assert/strict";
import test from "node:test";
import { emptyForm, fieldOf, formOf, request, wrong } from "../static/lib/message.js";

test("a message becomes a form, and the form the message", () => {
  const m = { text: '{"id":9007199254740993}', size: 23, qos: 2, retain: true, properties: { payload_format: 1, content_type: "application/json", response_topic: "r", correlation_data: "AQL/", user: [["a", "1"], ["a", "2"]] } };
  const f = formOf("a/b", m);
  assert.equal(f.kind, "json");
  assert.equal(f.correlation, "base64:AQL/");
  assert.deepEqual(wrong(f), {});
  assert.deepEqual(request(f), { topic: "a/b", text: m.text, qos: 2, retain: true, properties: m.properties });
  assert.deepEqual(request(formOf("a", { text: null, base64: "AQL/", size: 3, qos: 0, retain: false })), { topic: "a", base64: "AQL/", qos: 0, retain: false });
  assert.equal(formOf("a", { text: "x", size: 1e6, cut: false, qos: 0, retain: true }).payload, "");
  assert.deepEqual(request({ ...emptyForm, topic: "a", expiry: "60", correlation: "é", user: [["", ""], ["k", ""]] }).properties, { message_expiry: 60, correlation_data: "w6k=", user: [["k", ""]] });
});

test("what is wrong is said of its field", () => {
  for (const [change, field, why] of [
    [{ topic: "" }, "topic", "empty"], [{ topic: "a/+" }, "topic", "wildcard"], [{ topic: "$SYS/x" }, "topic", "dollar"],
    [{ kind: "json", payload: "{" }, "payload", "json"], [{ kind: "base64", payload: "é" }, "payload", "base64"],
    [{ responseTopic: "a/#" }, "responseTopic", "wildcard"], [{ correlation: "base64:é" }, "correlation", "base64"], [{ expiry: "1.5" }, "expiry", "expiry"], [{ expiry: "4294967296" }, "expiry", "expiry"],
  ]) assert.deepEqual(wrong({ ...emptyForm, topic: "a", ...change }), { [field]: why });
  assert.deepEqual(["topic: x", "properties.user[0]: x", "properties.content_type: x", "text: x", "other"].map(fieldOf), ["topic", "user", "contentType", "payload", ""]);
});
