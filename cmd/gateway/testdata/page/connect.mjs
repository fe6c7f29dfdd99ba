// Connect: every snippet has the real host and port, and those for mosquitto and
// Python are run as they stand there.
import { run } from "./browser.mjs";

await run(async ({ page, open, shows, gone, gateway, check, axe, narrow, picture }) => {
  const port = await gateway("port");
  await open("#/connect");
  await shows(`tcp://127.0.0.1:${port}`);
  await shows("Devices of the network cannot connect yet");
  const shown = async (id) => (await page.locator(`[data-snippet="${id}"]`).textContent()).trim();
  const execute = async (id, name) => gateway(`run ${name} ${Buffer.from(await shown(`${id}/${name}`)).toString("base64")}`);

  await gateway(`open ${Buffer.from(await shown("open/command")).toString("base64")} ${Buffer.from(await shown("open/yaml")).toString("base64")}`);

  await page.getByRole("tab", { name: "mosquitto", exact: true }).click();
  check((await shown("mosquitto/mosquitto_pub")).includes(`-h 127.0.0.1 -p ${port}`), "the port is not in mosquitto_pub");
  check((await shown("mosquitto/mosquitto_pub")).includes("-u USER -P PASSWORD") === (process.env.LOCKED === "1"), "the login of mosquitto_pub");
  await axe("connect");
  await narrow("connect");
  await picture("connect");
  await execute("mosquitto", "mosquitto_pub");
  await execute("mosquitto", "mosquitto_sub");
  await page.getByRole("tab", { name: "Python" }).click();
  await axe("connect, Python");
  await narrow("connect, Python");
  await execute("python", "publish.py");
  await execute("python", "subscribe.py");

  // Every tab, by keyboard; what can be imported is what it says it is.
  await page.getByRole("tab", { name: "Python" }).focus();
  for (const [id, name] of [["esphome", "esphome.yaml"], ["homeassistant", "configuration.yaml"], ["nodered", "flows.json"], ["grafana", "prometheus.yml"], ["tasmota", "Console"], ["zigbee2mqtt", "configuration.yaml"], ["telegraf", "telegraf.conf"], ["websocket", "mqtt.js"]]) {
    await page.keyboard.press("ArrowRight");
    await page.waitForSelector(`[data-snippet="${id}/${name}"]`);
    const text = await shown(`${id}/${name}`);
    check(/127\.0\.0\.1/.test(text) || id === "homeassistant", `${id} has no host: ${text}`);
    check(!/undefined|NaN/.test(text), `${id} has holes: ${text}`);
    await narrow(`connect, ${id}`);
  }
  await page.getByRole("tab", { name: "Node-RED" }).click();
  check(JSON.parse(await shown("nodered/flows.json")).length === 6, "the flow of Node-RED");
  check(page.url().endsWith("#/connect/nodered"), "the address does not say which tab");

  // What was published is there, and is the example then.
  await open("#/");
  await shows("21.5", "article");

  await page.evaluate(() => import("/static/i18n.js").then((m) => m.choose("ko")));
  await open("#/connect/grafana");
  await shows("토큰 만들기");
  await axe("connect, ko");
  await narrow("connect, ko");
});
