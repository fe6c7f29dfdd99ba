// aedes on 127.0.0.1, with everything in memory.
//
// usage: node aedes.mjs PORT, with GATEWAY_NPM naming a node_modules folder.

import net from "node:net";
import path from "node:path";
import { pathToFileURL } from "node:url";

// aedes is an ES module, which require cannot load.
const { Aedes } = await import(pathToFileURL(path.join(process.env.GATEWAY_NPM, "aedes", "aedes.js")));

const broker = await Aedes.createBroker();
for (const event of ["clientError", "connectionError"]) {
  broker.on(event, (client, err) => console.log(event, client?.id, err.message));
}
net.createServer(broker.handle).listen(Number(process.argv[2]), "127.0.0.1", () => console.log("listening"));
