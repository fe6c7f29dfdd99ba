// The page of a gateway on an emulated board: a temperature that is changed on the
// chip is on the page.
import { run } from "../../../../cmd/gateway/testdata/page/browser.mjs";

await run(async ({ open, shows, gateway }) => {
  const tile = `[id="s-${encodeURIComponent("board/kitchen/climate")}"]`;
  await open();
  await shows("20.0", tile);
  await gateway("set 27.5");
  const began = Date.now();
  await shows("27.5", tile);
  console.log(`the page shows a temperature ${Date.now() - began} ms after the chip has it`);
}, { anonymous: true });
