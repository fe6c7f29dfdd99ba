// mosca on 127.0.0.1, with sessions and retained messages in memory.
//
// usage: node mosca.mjs PORT [forget], with GATEWAY_NPM naming a node_modules
// folder; with forget it keeps neither.

import path from "node:path";
import { createRequire } from "node:module";

const require = createRequire(path.join(process.env.GATEWAY_NPM, "x.js"));
const mosca = require("mosca");

const settings = { host: "127.0.0.1", port: Number(process.argv[2]), logger: { level: "warn" } };
if (process.argv[3] !== "forget") {
  settings.persistence = { factory: mosca.persistence.Memory };
}
const server = new mosca.Server(settings);
server.on("ready", () => console.log("listening"));
