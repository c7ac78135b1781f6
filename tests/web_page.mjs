// node web_page.mjs ADDRESS PACKAGES ORDER: drive the page at ADDRESS in headless Chromium and print what it shows as JSON.
// PACKAGES: the package.json beside whose node_modules the browser lies. ORDER: JSON { width, height, pictures, camera }:
// the window, files to choose one after another, and a .y4m file that the fake camera shows (or "").
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [address, packages, order] = process.argv.slice(2);
const { width, height, pictures, camera } = JSON.parse(order);
const find = createRequire(pathToFileURL(packages));
const { chromium } = find("playwright-core");
const { default: packed } = await import(pathToFileURL(find.resolve("@sparticuz/chromium")));

const cameraFlags = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", `--use-file-for-fake-video-capture=${camera}`];
const args = [...packed.args, ...(camera ? cameraFlags : [])];
const browser = await chromium.launch({ executablePath: await packed.executablePath(), args });
const report = { shown: [], failed: [] };
try {
  const page = await browser.newPage({ viewport: { width, height }, permissions: camera ? ["camera"] : [] });
  page.on("response", (answer) => answer.status() >= 400 && report.failed.push(answer.url()));
  page.on("pageerror", (error) => report.failed.push(String(error)));
  await page.goto(address);
  await page.waitForFunction(() => document.querySelector("#status").textContent === "Ready.", null, { timeout: 120_000 });
  await page.keyboard.press("Tab");
  report.firstFocus = await page.evaluate(() => document.activeElement.id);
  report.widest = await page.evaluate(() => document.documentElement.scrollWidth);
  for (const picture of pictures) {
    await page.evaluate(() => (document.querySelector("#status").textContent = ""));
    await page.setInputFiles("#file", picture);
    report.shown.push(await look(page, /face|does not/));
  }
  if (!camera) {
    await page.click("#samples button:nth-child(2)");
    report.sample = await look(page, /faces?, \d+ doubtful/);
    const canvas = await page.locator("#canvas").boundingBox();
    await page.mouse.move(canvas.x + 0.02 * canvas.width, canvas.y + 0.2 * canvas.height);
    await page.mouse.down();
    await page.mouse.move(canvas.x + 0.3 * canvas.width, canvas.y + 0.85 * canvas.height, { steps: 3 });
    await page.mouse.up();
    report.boxed = await look(page, /in your box/);
    const [saved] = await Promise.all([page.waitForEvent("download"), page.click("#json")]);
    const chunks = [];
    for await (const chunk of await saved.createReadStream()) chunks.push(chunk);
    report.json = JSON.parse(Buffer.concat(chunks).toString());
  } else {
    await page.click("#camera");
    await page.waitForFunction(() => /frames a second/.test(document.querySelector("#status").textContent), null, { timeout: 60_000 });
    await page.waitForTimeout(8_000);
    report.camera = await look(page, /frames a second/);
    await page.click("#camera");
    report.stopped = await look(page, /off/);
  }
  console.log(JSON.stringify(report));
} finally {
  await browser.close();
}

/** What the page shows once its status says `words`. */
async function look(page, words) {
  const isDone = (source) => new RegExp(source).test(document.querySelector("#status").textContent);
  await page.waitForFunction(isDone, words.source, { timeout: 120_000 });
  return page.evaluate(() => {
    const [canvas, status, points] = ["canvas", "status", "points"].map((id) => document.getElementById(id));
    let green = 0;
    if (canvas.width > 0) {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      for (let i = 0; i < data.length; i += 4) green += data[i] === 0x50 && data[i + 1] === 0xff && data[i + 2] === 0x78;
    }
    const label = canvas.getAttribute("aria-label");
    return { status: status.textContent, points: points.value, width: canvas.width, label, drawn: green };
  });
}
