// Sensors: the wizard against a fake I²C bus (check 22), by hand, change, remove.
import { run } from "./browser.mjs";

await run(async ({ page, open, shows, gone, gateway, check, axe, narrow, picture, offline }) => {
  const press = (name, within = "main") => page.locator(within).getByRole("button", { name }).first().click();

  await open("#/sensors");
  await shows("No sensors are configured");
  await axe("sensors, empty");

  // The bus is off: what turns it on, and nothing once it is on.
  await gateway("i2c off");
  await open("#/sensors/add");
  await shows("Enable I2C in raspi-config (Interface Options), or add dtparam=i2c_arm=on to /boot/firmware/config.txt");
  await shows("sudo raspi-config nonint do_i2c 0");
  await shows("This is a Raspberry Pi 4 Model B");
  await axe("sensors, I²C off");
  await narrow("sensors, I²C off");
  await gateway("i2c on");
  await press("Look again");
  await shows("i2c-1 0x76");
  await gone("raspi-config nonint do_i2c");

  // A chip is found, and says something before anything is saved.
  await shows("BME280");
  await shows("i2c-1 0x48");
  await axe("sensors, found");
  await narrow("sensors, found");
  await picture("sensors-scan");
  await press("Read it: i2c-1 0x76");
  await press("Read it now");
  await shows("It answers");
  await shows("°C", ".live-values");
  await shows("hPa", ".live-values");
  check(!(await gateway("file")).includes("bme280"), "a trial is written to the file");
  await page.getByLabel("Room").fill("kit/chen");
  await shows("may not have /");
  await page.getByLabel("Room").fill("kitchen");
  await page.getByLabel("Name").fill("climate");
  await page.getByLabel("Interval").fill("1s");
  await shows("home/kitchen/climate", ".topic-preview");
  await axe("sensors, name");
  await narrow("sensors, name");
  await picture("sensors-add");
  await press("Save and read from now on");
  await shows("Saved, and read from now on");
  await shows("live", ".saved");
  await shows("°C", ".saved .live-values");
  const file = await gateway("file");
  check(file.includes("# my house⏎site: home # the first level⏎sensors: # none yet⏎  - driver: bme280⏎    room: kitchen⏎    name: climate⏎    bus: i2c-1⏎    address: 0x76⏎    interval: 1s⏎"), "the file is " + file);

  // In the list, with what it says; then broken, with what to check.
  await page.getByRole("link", { name: "All sensors" }).first().click();
  await shows("i2c-1 0x76", ".sensor-list");
  await shows("°C", ".sensor-list");
  await axe("sensors");
  await narrow("sensors");
  await picture("sensors");

  // Changed by hand meanwhile: refused, shown, read again.
  await gateway("by hand");
  await page.getByRole("button", { name: "Change home/kitchen/climate" }).click();
  await page.locator("dialog").getByLabel("Name").fill("weather");
  await shows("home/kitchen/weather", "dialog");
  await axe("sensors, change");
  offline(true); // the refusal is an error of the network to the console
  await press("Save", "dialog");
  await shows("changed by somebody else", "dialog");
  offline(false);
  await shows("# by hand", "dialog");
  await press("Read it again", "dialog");
  await gone("changed by somebody else");
  await page.getByRole("button", { name: "Change home/kitchen/climate" }).click();
  await page.locator("dialog").getByLabel("Name").fill("weather");
  await press("Save", "dialog");
  await shows("home/kitchen/weather", ".sensor-list");
  check((await gateway("file")).includes("    name: weather⏎"), "the new name is not in the file");
  await open("#/");
  await shows("Weather", "article");
  await gone("Climate", "main");

  // One that several drivers may be: a person chooses. Nothing answers: what to check.
  await open("#/sensors/add");
  await press("Read it: i2c-1 0x48");
  await page.getByText("tmp102", { exact: true }).click();
  await press("Read it now");
  await shows("It answers");
  await shows("°C", ".live-values");

  // By hand, by keyboard alone: a simulated one, with an option.
  await open("#/sensors/hand");
  await page.getByLabel("Search").focus();
  await page.keyboard.type("simulated");
  await shows("1 driver");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByLabel("profile").selectOption("co2");
  await page.getByRole("button", { name: "Read it now" }).focus();
  await page.keyboard.press("Enter");
  await shows("ppm", ".live-values");
  await axe("sensors, by hand");
  await narrow("sensors, by hand");
  await page.getByLabel("Room").focus();
  await page.keyboard.type("office");
  await page.keyboard.press("Tab");
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type("air");
  await page.keyboard.press("Enter");
  await shows("Saved, and read from now on");
  check((await gateway("file")).includes("- driver: sim⏎    room: office⏎    name: air⏎    options:⏎      profile: co2⏎"), "by hand: " + (await gateway("file")));

  // What cannot be read says what to check.
  await page.getByRole("link", { name: "All sensors" }).first().click();
  await page.waitForSelector(".sensor-list");
  await open("#/sensors/hand");
  await page.getByLabel("Search").fill("sht4x");
  await page.locator(".driver-list button").first().click();
  await press("Read it now");
  await shows("Check VCC to 3.3 V, GND, SDA and SCL");
  await axe("sensors, no answer");

  // Removed, with what is retained of it.
  await open("#/sensors");
  await page.getByRole("button", { name: "Remove home/office/air" }).click();
  await axe("sensors, remove");
  await press("Remove", "dialog");
  await gone("home/office/air", ".sensor-list");
  check(!(await gateway("file")).includes("office"), "it is still in the file");
  await open("#/");
  await shows("Weather", "article");
  await gone("Office", "main");

  // In Korean.
  await open("#/sensors");
  await page.evaluate(() => import("/static/i18n.js").then((m) => m.choose("ko")));
  await shows("센서 찾기", "main");
  await axe("sensors, ko");
  await narrow("sensors, ko");
  await gateway("pc");
  await gateway("i2c off");
  await open("#/sensors/add");
  await shows("라즈베리 파이가 아니어서");
  await page.getByRole("button", { name: "시뮬레이션 집 시작" }).click();
  await shows("Bathroom", "main");
});
