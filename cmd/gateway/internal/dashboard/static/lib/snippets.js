// What to write where, so that a device or a program speaks with the gateway. Pure
// functions: all they know is in what they are given.

/**
 * How a browser that reached the page as `seen` reaches a listener: the host to
 * write, or "" if it cannot.
 */
export function reach(door, seen) {
  if (door.protocol === "unix") return "";
  if (door.host === "") return seen;
  const here = seen === "localhost" || seen === "::1" || /^127\./.test(seen);
  return door.loopback && !here ? "" : door.host;
}

/**
 * The door that a snippet is for: of those of a protocol the first that can be
 * reached, encrypted ones last, for they need a file on the device.
 */
export function choose(listeners, protocols, seen) {
  for (const p of protocols) {
    const door = listeners.find((l) => l.protocol === p && reach(l, seen) !== "");
    if (door) return { ...door, host: reach(door, seen) };
  }
  return null;
}

/** Writes a host into an address: IPv6 stands in brackets. */
export const inUrl = (host) => (host.includes(":") ? `[${host}]` : host);

const json = JSON.stringify;

/** A text in single quotes for a shell. */
const sh = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** A text for YAML. */
const yaml = (text) => (/^[A-Za-z][\w./-]*$/.test(text) ? text : json(text));

const ca = "ca.crt";

/**
 * All snippets for what is known:
 *
 *   mqtt     the broker's door: {host, port, tls, anonymous}
 *   ws       the one for WebSocket, or null
 *   page     the page's address, "http://pi:8080"
 *   topic    of an example, "home/kitchen/climate"
 *   quantity of it, with its unit: "temperature", "°C"
 *
 * A snippet is {id, parts: [{name, text}]}: name is a file's, or what the text is
 * typed into.
 */
export function snippets(k) {
  return [mosquitto(k), python(k), esphome(k), homeassistant(k), nodered(k), grafana(k), tasmota(k), zigbee2mqtt(k), telegraf(k), websocket(k)].filter(Boolean);
}

function mosquitto({ mqtt, topic, quantity }) {
  const login = mqtt.anonymous ? "" : " -u USER -P PASSWORD";
  const tls = mqtt.tls ? ` --cafile ${ca}` : "";
  const to = `-h ${sh(mqtt.host)} -p ${mqtt.port}${login}${tls}`;
  return {
    id: "mosquitto",
    parts: [
      { name: "mosquitto_pub", text: `mosquitto_pub ${to} -q 1 -r -t ${sh(topic)} -m '{"${quantity}": 21.5}'` },
      { name: "mosquitto_sub", text: `mosquitto_sub ${to} -v -t ${sh(topic.split("/")[0] + "/#")}` },
    ],
  };
}

/** What a client of Paho has to be told beyond host and port. */
const pahoLogin = (mqtt) => (mqtt.anonymous ? "" : `client.username_pw_set("USER", "PASSWORD")\n`) + (mqtt.tls ? `client.tls_set(ca_certs="${ca}")\n` : "");

const pahoClient = `try:  # paho-mqtt 2
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
except AttributeError:  # paho-mqtt 1
    client = mqtt.Client()
`;

function python({ mqtt, topic, quantity }) {
  return {
    id: "python",
    parts: [
      {
        name: "publish.py",
        text: `import json
import paho.mqtt.client as mqtt

${pahoClient}${pahoLogin(mqtt)}client.connect(${json(mqtt.host)}, ${mqtt.port})
client.loop_start()
message = client.publish(${json(topic)}, json.dumps({${json(quantity)}: 21.5}), qos=1, retain=True)
message.wait_for_publish(30)
client.disconnect()
client.loop_stop()
`,
      },
      {
        name: "subscribe.py",
        text: `import json
import paho.mqtt.client as mqtt


def on_connect(client, userdata, flags, reason, properties=None):
    print("connected:", reason, flush=True)
    client.subscribe(${json(topic.split("/")[0] + "/+/+")}, qos=1)


def on_message(client, userdata, message):
    try:
        print(message.topic, json.loads(message.payload), flush=True)
    except ValueError:
        print(message.topic, message.payload, flush=True)


${pahoClient}${pahoLogin(mqtt)}client.on_connect = on_connect
client.on_message = on_message
client.connect(${json(mqtt.host)}, ${mqtt.port})
client.loop_forever()
`,
      },
    ],
  };
}

function esphome({ mqtt, topic }) {
  const [site, room] = topic.split("/");
  const login = mqtt.anonymous ? "" : "  username: !secret mqtt_user\n  password: !secret mqtt_password\n";
  const tls = mqtt.tls ? "  certificate_authority: |\n    -----BEGIN CERTIFICATE-----\n    (the content of ca.crt; needs the esp-idf framework)\n    -----END CERTIFICATE-----\n" : "";
  return {
    id: "esphome",
    parts: [
      {
        name: "esphome.yaml",
        text: `mqtt:
  broker: ${yaml(mqtt.host)}
  port: ${mqtt.port}
${login}${tls}  discovery: false

sensor:
  - platform: dht
    pin: GPIO4
    update_interval: 30s
    temperature:
      name: Temperature
      state_topic: ${yaml(`${site}/${room}/temperature`)}
    humidity:
      name: Humidity
      state_topic: ${yaml(`${site}/${room}/humidity`)}
`,
      },
    ],
  };
}

/** Home Assistant's classes of what it knows. */
const classes = { temperature: "temperature", humidity: "humidity", pressure: "atmospheric_pressure", carbon_dioxide: "carbon_dioxide", illuminance: "illuminance", power: "power", energy: "energy", voltage: "voltage", current: "current" };

function homeassistant({ mqtt, topic, quantity, unit }) {
  const [, room, sensor] = topic.split("/");
  const kind = classes[quantity] ? `      device_class: ${classes[quantity]}\n` : "";
  return {
    id: "homeassistant",
    parts: [
      { name: "MQTT", text: `${mqtt.host}:${mqtt.port}` },
      {
        name: "configuration.yaml",
        text: `mqtt:
  sensor:
    - name: ${json(`${room} ${quantity}`.replaceAll("_", " "))}
      unique_id: ${json(`gateway_${room}_${sensor}_${quantity}`)}
      state_topic: ${json(topic)}
      value_template: "{{ value_json.${quantity} }}"
${unit ? `      unit_of_measurement: ${json(unit)}\n` : ""}${kind}      state_class: measurement
      expire_after: 120
      availability_topic: ${json(topic + "/status")}
      availability_template: "{{ 'online' if value == 'online' else 'offline' }}"
`,
      },
    ],
  };
}

function nodered({ mqtt, topic }) {
  const flow = [
    { id: "gateway-tab", type: "tab", label: "gateway" },
    { id: "gateway-broker", type: "mqtt-broker", name: "gateway", broker: mqtt.host, port: String(mqtt.port), clientid: "", autoConnect: true, usetls: mqtt.tls, protocolVersion: "5", keepalive: "60", cleansession: true },
    { id: "gateway-in", type: "mqtt in", z: "gateway-tab", name: "", topic: topic.split("/")[0] + "/+/+", qos: "1", datatype: "auto-detect", broker: "gateway-broker", nl: false, rap: true, rh: 0, inputs: 0, x: 160, y: 100, wires: [["gateway-debug"]] },
    { id: "gateway-debug", type: "debug", z: "gateway-tab", name: "readings", active: true, tosidebar: true, complete: "payload", targetType: "msg", x: 380, y: 100, wires: [] },
    { id: "gateway-inject", type: "inject", z: "gateway-tab", name: "21.5", props: [{ p: "payload" }], payload: "21.5", payloadType: "num", topic: "", x: 150, y: 180, wires: [["gateway-out"]] },
    { id: "gateway-out", type: "mqtt out", z: "gateway-tab", name: "", topic: topic.split("/").slice(0, 2).join("/") + "/test", qos: "1", retain: "true", broker: "gateway-broker", x: 390, y: 180, wires: [] },
  ];
  return { id: "nodered", parts: [{ name: "flows.json", text: JSON.stringify(flow, null, 2) }] };
}

function grafana({ page, topic, quantity }) {
  const series = encodeURIComponent(`${topic}#${quantity}`);
  const target = page.replace(/^https?:\/\//, "");
  return {
    id: "grafana",
    parts: [
      { name: "Infinity (CSV)", text: `${page}/api/v1/export?format=csv&points=1000&from=\${__from}&to=\${__to}&series=${series}` },
      {
        name: "prometheus.yml",
        text: `scrape_configs:
  - job_name: gateway
    scheme: ${page.split(":")[0]}
    authorization:
      credentials: TOKEN
    static_configs:
      - targets: [${json(target)}]
`,
      },
    ],
  };
}

function tasmota({ mqtt, topic }) {
  const login = mqtt.anonymous ? "" : "; MqttUser USER; MqttPassword PASSWORD";
  if (mqtt.tls) return null; // only special builds have TLS
  return { id: "tasmota", parts: [{ name: "Console", text: `Backlog MqttHost ${mqtt.host}; MqttPort ${mqtt.port}${login}; Topic ${topic.split("/")[1]}_plug; TelePeriod 60` }] };
}

function zigbee2mqtt({ mqtt }) {
  const login = mqtt.anonymous ? "" : "  user: USER\n  password: PASSWORD\n";
  const tls = mqtt.tls ? `  ca: ${ca}\n` : "";
  return {
    id: "zigbee2mqtt",
    parts: [{ name: "configuration.yaml", text: `mqtt:\n  base_topic: zigbee2mqtt\n  server: ${mqtt.tls ? "mqtts" : "mqtt"}://${inUrl(mqtt.host)}:${mqtt.port}\n${login}${tls}  version: 5\nadvanced:\n  last_seen: ISO_8601\n` }],
  };
}

function telegraf({ mqtt, topic }) {
  const login = mqtt.anonymous ? "" : '  username = "USER"\n  password = "PASSWORD"\n';
  const tls = mqtt.tls ? `  tls_ca = "${ca}"\n` : "";
  return {
    id: "telegraf",
    parts: [
      {
        name: "telegraf.conf",
        text: `[[inputs.mqtt_consumer]]
  servers = ["${mqtt.tls ? "ssl" : "tcp"}://${inUrl(mqtt.host)}:${mqtt.port}"]
  topics = [${json(topic.split("/")[0] + "/+/+")}]
  qos = 1
${login}${tls}  data_format = "json"
  json_time_key = "time"
  json_time_format = "2006-01-02T15:04:05Z07:00"
  [[inputs.mqtt_consumer.topic_parsing]]
    topic = "+/+/+"
    tags = "site/room/sensor"
`,
      },
    ],
  };
}

function websocket({ ws, topic }) {
  if (!ws) return null;
  const login = ws.anonymous ? "" : ', { username: "USER", password: "PASSWORD" }';
  return {
    id: "websocket",
    parts: [
      {
        name: "mqtt.js",
        text: `import mqtt from "mqtt"; // npm install mqtt

const client = mqtt.connect(${json(`${ws.protocol}://${inUrl(ws.host)}:${ws.port}`)}${login});
client.on("connect", () => client.subscribe(${json(topic.split("/")[0] + "/#")}));
client.on("message", (topic, payload) => console.log(topic, payload.toString()));
`,
      },
    ],
  };
}

/**
 * The lines of gateway.yaml that let devices of the network in: with passwords, as
 * it should be, in a file beside the configuration.
 */
export function openToNetwork(passwords) {
  return {
    command: `gateway passwd ${sh(passwords)} USER`,
    yaml: `broker:
  auth:
    password_file: ${/^[\w./-]+$/.test(passwords) ? passwords : json(passwords)}
  listeners:
    - protocol: tcp
      address: ":1883"
    - protocol: ws
      address: ":9001"
`,
  };
}
