// The form of a message to publish: what is typed, what the gateway is sent, what
// is wrong with it. Pure functions.
import { base64Of, bytesOf } from "./payload.js";

/** What is in a new form. */
export const emptyForm = { topic: "", kind: "text", payload: "", qos: 0, retain: false, contentType: "", utf8: false, responseTopic: "", correlation: "", expiry: "", user: [] };

const most = 64 << 10; // of a payload that is taken over into the form, characters

/** The form for a topic whose newest message, as GET /api/v1/topic has it, is m; null if there is none. */
export function formOf(topic, m) {
  if (!m || m.cut || m.size > most) return { ...emptyForm, topic };
  const p = m.properties ?? {};
  return {
    topic,
    kind: m.text === null ? "base64" : /^\s*[{[]/.test(m.text) && isJSON(m.text) ? "json" : "text",
    payload: m.text ?? m.base64 ?? "",
    qos: m.qos,
    retain: m.retain,
    contentType: p.content_type ?? "",
    utf8: p.payload_format === 1,
    responseTopic: p.response_topic ?? "",
    correlation: p.correlation_data ? textOrBase64(p.correlation_data) : "",
    expiry: "",
    user: p.user ?? [],
  };
}

export function isJSON(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const marked = "base64:"; // in front of what is no text

function textOrBase64(base64) {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytesOf(base64));
    return text.startsWith(marked) ? marked + base64 : text;
  } catch {
    return marked + base64;
  }
}

function isBase64(text) {
  try {
    bytesOf(text);
    return true;
  } catch {
    return false;
  }
}

/** What is wrong, a word of explorer.wrong.* by field: {topic: "wildcard"}. */
export function wrong(f) {
  const w = {};
  const topic = f.topic;
  if (topic === "") w.topic = "empty";
  else if (/[+#]/.test(topic)) w.topic = "wildcard";
  else if (topic.startsWith("$")) w.topic = "dollar";
  else if (topic.includes("\0")) w.topic = "null";
  if (f.kind === "json" && f.payload.trim() !== "" && !isJSON(f.payload)) w.payload = "json";
  if (f.kind === "base64" && !isBase64(f.payload.trim())) w.payload = "base64";
  if (/[+#]/.test(f.responseTopic)) w.responseTopic = "wildcard";
  if (f.correlation.startsWith(marked) && !isBase64(f.correlation.slice(marked.length))) w.correlation = "base64";
  if (String(f.expiry).trim() !== "" && !(/^\d+$/.test(String(f.expiry).trim()) && Number(f.expiry) <= 0xffffffff)) w.expiry = "expiry";
  return w;
}

/** What POST /api/v1/publish gets. The form is right. */
export function request(f) {
  const p = {};
  if (f.utf8) p.payload_format = 1;
  if (String(f.expiry).trim() !== "") p.message_expiry = Number(f.expiry);
  if (f.contentType !== "") p.content_type = f.contentType;
  if (f.responseTopic !== "") p.response_topic = f.responseTopic;
  if (f.correlation !== "") p.correlation_data = f.correlation.startsWith(marked) ? f.correlation.slice(marked.length) : base64Of(new TextEncoder().encode(f.correlation));
  const user = f.user.filter(([name, value]) => name !== "" || value !== "");
  if (user.length > 0) p.user = user;
  return {
    topic: f.topic,
    ...(f.kind === "base64" ? { base64: f.payload.trim() } : { text: f.payload }),
    qos: f.qos,
    retain: f.retain,
    ...(Object.keys(p).length > 0 ? { properties: p } : {}),
  };
}

const fields = {
  topic: "topic", text: "payload", base64: "payload", qos: "qos", "properties.payload_format": "utf8", "properties.message_expiry": "expiry", "properties.content_type": "contentType",
  "properties.response_topic": "responseTopic", "properties.correlation_data": "correlation",
};

/** The field of the form that an error of the gateway names, "" if none: "properties.user[0]: …" is user. */
export function fieldOf(message) {
  const key = message.match(/^([a-z_.]+)(\[\d+\])?: /)?.[1] ?? "";
  return key === "properties.user" ? "user" : (fields[key] ?? "");
}
