// Settings: language, colours, keys of the configuration, backup and restore.
import { run } from "./browser.mjs";
import { statSync } from "node:fs";

await run(async ({ page, open, shows, gone, gateway, check, axe, narrow, picture, offline }) => {
  const press = (name, within = "main") => page.locator(within).getByRole("button", { name, exact: true }).first().click();
  const tab = (name) => page.getByRole("tab", { name }).click();

  // Language and colours, kept over a reload.
  await open("#/settings");
  await shows("Language and colours");
  await page.getByLabel("한국어").check();
  await shows("언어와 색상");
  await axe("settings, ko");
  await narrow("settings, ko");
  await page.reload();
  await shows("언어와 색상");
  await page.getByLabel("English").check();
  await shows("Language and colours");
  await page.getByLabel("Dark").check();
  await page.waitForFunction(() => document.documentElement.dataset.theme === "dark").catch(() => check(false, "the colours do not change"));
  await page.getByLabel("As this device has it").check();

  // By keyboard from tab to tab.
  await page.getByRole("tab", { name: "Language and colours" }).focus();
  await page.keyboard.press("End");
  await shows("MIT", ".libraries");
  await axe("settings, about");
  await page.keyboard.press("ArrowLeft");
  await shows("Download the backup");

  // Password and tokens.
  await tab("Password and tokens");
  await shows("token", "[role=tabpanel]");
  await axe("settings, access");
  await narrow("settings, access");

  // Retention: days and MB for people, what YAML wants in the file.
  await tab("Retention");
  await shows("Messages on disk");
  await axe("settings, retention");
  await narrow("settings, retention");
  await picture("settings");
  await page.getByLabel("Messages on disk, at most (MB)").fill("512");
  await page.getByLabel("Write what nobody waits for every").fill("30");
  offline(true);
  await press("Save");
  await shows("has no unit");
  offline(false);
  await page.getByLabel("Write what nobody waits for every").fill("30s");
  await press("Save");
  await shows("applies after a restart", ".notice");
  check((await gateway("file")).includes("interval: 30s}⏎") && (await gateway("file")).includes("max_bytes: 536870912"), "the file is " + (await gateway("file")));
  check((await gateway("file")).startsWith("# mine⏎sensors: []⏎log: {level: info} # quiet⏎"), "comments are gone: " + (await gateway("file")));

  // The log level applies at once.
  await tab("Gateway");
  await page.getByLabel("Log level").selectOption("debug");
  await press("Save");
  await shows("It applies already", ".toasts");
  check((await gateway("file")).includes("log: {level: debug} # quiet⏎"), "the level is not in the file");

  // A backup is downloaded, and restored at the next start; a broken one is refused.
  await tab("Backup");
  await axe("settings, backup");
  await narrow("settings, backup");
  const coming = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download the backup" }).click();
  const download = await coming;
  const kept = (await gateway("downloads")) + "/kept.tar.gz";
  await download.saveAs(kept);
  check(/^gateway-.*\.tar\.gz$/.test(download.suggestedFilename()) && statSync(kept).size > 500, `the download is ${download.suggestedFilename()} of ${statSync(kept).size} bytes`);
  const restore = async (file) => {
    await page.getByLabel("The backup", { exact: true }).setInputFiles(file);
    await press("Restore");
    await press("Restore", "dialog");
  };
  offline(true);
  await restore(await gateway("broken"));
  await shows("not whole");
  offline(false);
  check((await gateway("staged")) === "no", "a broken backup is staged");
  await restore(kept);
  await shows("A backup waits for the next start");
  await axe("settings, restore");
  check((await gateway("staged")) === "yes", "the backup is not staged");
  await press("Do not restore it");
  await gone("A backup waits");
  check((await gateway("staged")) === "no", "the backup is staged after all");
});
