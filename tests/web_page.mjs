// node web_page.mjs ADDRESS PACKAGES ORDER: drive the page at ADDRESS in headless Chromium and print what it shows as JSON.
// PACKAGES: the package.json next to whose node_modules the browser lies. ORDER: JSON { width, height, scheme, camera,
// cameras, steps }: the window, "light" or "dark", a .y4m file that the browser's fake camera shows (or ""), cameras of
// web_page_cameras.mjs in its place (if there are any), and steps, each [name, ...] of `does`. Printed: what is shown
// after every step, and what the step itself gives.
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { fakeCameras } from "./web_page_cameras.mjs";

const [address, packages, order] = process.argv.slice(2);
const { width, height, scheme, camera, cameras, steps } = JSON.parse(order);
const find = createRequire(pathToFileURL(packages));
const { chromium } = find("playwright-core");
const { default: packed } = await import(pathToFileURL(find.resolve("@sparticuz/chromium")));

// Without its emulated graphics card, which takes more than the page does.
const plain = [...packed.args.filter((flag) => !/--use-gl|angle|swiftshader|gpu/.test(flag)), "--disable-gpu", "--disable-software-rasterizer"];
const fake = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", `--use-file-for-fake-video-capture=${camera}`];
const browser = await chromium.launch({ executablePath: await packed.executablePath(), args: [...plain, ...(camera ? fake : [])] });
const permissions = ["clipboard-read", "clipboard-write", ...(camera ? ["camera"] : [])];

/** Waits until the status matches `words`. */
async function said(page, words) {
  const matches = (source) => new RegExp(source).test(document.querySelector("#status").textContent);
  await page.waitForFunction(matches, words, { timeout: 120_000 });
}

/** Does something that ends in a status of `words`, whatever it says before. */
async function until(page, words, action) {
  await page.evaluate(() => (document.querySelector("#status").textContent = ""));
  await action();
  await said(page, words);
}

async function save(page, id) {
  const [saved] = await Promise.all([page.waitForEvent("download"), page.click(id)]);
  const chunks = [];
  for await (const chunk of await saved.createReadStream()) chunks.push(chunk);
  return Buffer.concat(chunks).toString("base64");
}

/** Places [x, y] of the canvas, as shares of it, on the page. */
async function places(page, ...shares) {
  const box = await page.locator("#canvas").boundingBox();
  return shares.map(([x, y]) => [box.x + x * box.width, box.y + y * box.height]);
}

/** The files as an event's DataTransfer has them. */
const carry = (page, paths, type) =>
  page.evaluateHandle(
    ([files, kind]) => {
      const data = new DataTransfer();
      for (const [content, name] of files) {
        const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
        data.items.add(new File([bytes], name, { type: kind }));
      }
      return data;
    },
    [paths.map((path) => [readFileSync(path).toString("base64"), path.split("/").pop()]), type],
  );

/** Processor time of the browser's worker threads so far, in milliseconds. */
function workerTime() {
  let total = 0;
  for (const id of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
    try {
      if (!readFileSync(`/proc/${id}/cmdline`, "utf8").includes("chromium")) continue;
      for (const thread of readdirSync(`/proc/${id}/task`)) {
        const folder = `/proc/${id}/task/${thread}`;
        if (!readFileSync(`${folder}/comm`, "utf8").startsWith("DedicatedWorker")) continue;
        total += Number(readFileSync(`${folder}/schedstat`, "utf8").split(" ")[0]) / 1e6;
      }
    } catch {
      // a process that ended meanwhile
    }
  return total;
}

const DONE = " ms \\(|cannot be shown"; // said of a picture

const does = {
  choose: (page, path, words = DONE) => until(page, words, () => page.setInputFiles("#file", path)),
  sample: (page, name) => until(page, " ms \\(", () => page.click(`[data-picture="samples/${name}.jpg"]`)),
  drop: async (page, paths, type, words = DONE) => {
    const dataTransfer = await carry(page, paths, type);
    await until(page, words, () => page.dispatchEvent("body", "drop", { dataTransfer }));
  },
  paste: async (page, path, type, words = DONE) => {
    const clipboardData = await carry(page, [path], type);
    const send = (data) => document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
    await until(page, words, () => page.evaluate(send, clipboardData));
  },
  box: async (page, from, to) => {
    const [start, end] = await places(page, from, to);
    await page.mouse.move(...start);
    await page.mouse.down();
    await page.mouse.move(...end, { steps: 3 });
    await until(page, "your box", () => page.mouse.up());
  },
  /** A drag by a mouse's button, which Escape may end; no face comes of it. */
  drag: async (page, from, to, button, isEscaped) => {
    const [start, end] = await places(page, from, to);
    await page.mouse.move(...start);
    await page.mouse.down({ button });
    await page.mouse.move(...end, { steps: 3 });
    if (isEscaped) await page.keyboard.press("Escape");
    await page.mouse.up({ button });
    await page.waitForTimeout(500);
  },
  /** The browser tells of a camera that is gone. */
  unplug: (page) =>
    until(page, "does not work", () =>
      page.evaluate(() => {
        const end = () => document.querySelector("#video").srcObject.getTracks()[0].dispatchEvent(new Event("ended"));
        return (window.unplug ?? end)();
      }),
    ),
  /** The system of a telephone mutes the camera, or gives it back, which makes the page say words. */
  mute: (page, isMuted, words) =>
    until(page, words, () =>
      page.evaluate((muted) => {
        const [track] = document.querySelector("#video").srcObject.getTracks();
        Object.defineProperty(track, "muted", { value: muted, configurable: true });
        track.dispatchEvent(new Event(muted ? "mute" : "unmute"));
      }, isMuted),
    ),
  /** Goes to a place in a video that rests, until that frame is drawn. */
  seek: async (page, seconds) => {
    await until(page, "Video: ", () => page.locator("#seek").fill(String(seconds)));
  },
  /** Has every frame of a video visited, and stops that as soon as the page says words. */
  stop: async (page, words) => {
    await until(page, words, () => page.click("#every"));
    await until(page, "Stopped", () => page.click("#every"));
  },
  pace: (page, value) => page.selectOption("#pace", value),
  /** The browser tells that a video cannot be played on. */
  damage: (page) =>
    until(page, "damaged", () => page.evaluate(() => document.querySelector("#video").dispatchEvent(new Event("error")))),
  /** Chooses a camera by its name; one that starts makes the page say words. */
  switch: async (page, label, words) => {
    const choose = () => page.selectOption("#cameras", { label });
    if (words) await until(page, words, choose);
    else await choose();
  },
  finger: async (page, from, to, words) => {
    const [start, end] = await places(page, from, to);
    const devtools = await page.context().newCDPSession(page);
    const touch = (type, ...points) =>
      devtools.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(([x, y]) => ({ x, y })) });
    await touch("touchStart", start);
    await touch("touchMove", end);
    if (words) await until(page, words, () => touch("touchEnd"));
    else await touch("touchEnd");
  },
  /** Numbers of the faces in every frame of a clip, pictures, as the page's tracker follows them. */
  follow: (page, paths) =>
    page.evaluate(
      async (frames) => {
        const { Client } = await import("./client.js");
        const [client, numbers] = [new Client(), []];
        for (const [i, frame] of frames.entries()) {
          const picture = await createImageBitmap(await (await fetch(`data:image/png;base64,${frame}`)).blob());
          const { result: { faces } } = await client.follow(picture, 1 / 25, i === 0);
          numbers.push(faces.map(({ number }) => number));
        }
        return numbers;
      },
      paths.map((path) => readFileSync(path).toString("base64")),
    ),
  click: (page, id) => page.click(id),
  wait: (page, milliseconds) => page.waitForTimeout(milliseconds),
  until: (page, words) => said(page, words),
  keys: async (page, keys, words) => {
    for (const key of keys.slice(0, -1)) await page.keyboard.press(key);
    if (words) await until(page, words, () => page.keyboard.press(keys.at(-1)));
    else await page.keyboard.press(keys.at(-1));
  },
  /** What Tab reaches next: ids, or names for screen readers. */
  tabs: async (page, count) => {
    const reached = [];
    for (let i = 0; i < count; i++) {
      await page.keyboard.press("Tab");
      reached.push(await page.evaluate(() => {
        const { id, ariaLabel, textContent, firstElementChild } = document.activeElement;
        return id || ariaLabel || textContent.trim() || firstElementChild?.alt || "";
      }));
    }
    return reached;
  },
  copied: async (page, id, type) => {
    await until(page, "Copied", () => page.click(id));
    return page.evaluate(async (kind) => {
      const [item] = await navigator.clipboard.read();
      const blob = await item.getType(kind);
      if (kind === "text/plain") return blob.text();
      const { width, height } = await createImageBitmap(blob);
      return [width, height];
    }, type);
  },
  save,
  /** Milliseconds of the worker's processor time per frame, and frames per second, over some seconds of the camera. */
  loop: async (page, seconds) => {
    await page.evaluate(() => {
      window.framesDrawn = 0;
      const draw = CanvasRenderingContext2D.prototype.drawImage;
      CanvasRenderingContext2D.prototype.drawImage = function (...rest) {
        window.framesDrawn += this.canvas.id === "canvas";
        return draw.apply(this, rest);
      };
    });
    const [used, start] = [workerTime(), Date.now()];
    await page.waitForTimeout(1000 * seconds);
    const frames = await page.evaluate(() => window.framesDrawn);
    return { milliseconds: (workerTime() - used) / frames, rate: (1000 * frames) / (Date.now() - start) };
  },
};

/** What the page shows. */
function state(page) {
  return page.evaluate(() => {
    const [canvas, status, points, rate] = ["canvas", "status", "points", "rate"].map((id) => document.getElementById(id));
    const choice = document.getElementById("cameras");
    const drawn = { sure: 0, doubtful: 0, left: 0 }; // left: of sure ones, in the left half
    if (canvas.width > 0) {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      for (let i = 0; i < data.length; i += 4) {
        const isSure = data[i] === 0x50 && data[i + 1] === 0xff && data[i + 2] === 0x78;
        drawn.sure += isSure;
        drawn.left += isSure && (i / 4) % canvas.width < canvas.width / 2;
        drawn.doubtful += data[i] === 0xff && data[i + 1] === 0xaa && data[i + 2] === 0x3c;
      }
    }
    return {
      status: status.textContent,
      isError: status.className === "error",
      rate: rate.textContent,
      play: document.getElementById("play").textContent,
      time: document.getElementById("player").hidden ? "" : document.getElementById("time").textContent,
      cameras: choice.hidden ? [] : [...choice.options].map(({ text, selected }) => (selected ? `> ${text}` : text)),
      points: points.value,
      faces: [...document.querySelectorAll("#faces li")].map((item) => item.textContent),
      width: canvas.width,
      label: canvas.ariaLabel,
      drawn,
      widest: document.documentElement.scrollWidth,
      background: getComputedStyle(document.body).backgroundColor,
      canExport: ["copy", "copyPicture", "json", "csv", "png"].every((id) => !document.getElementById(id).disabled),
    };
  });
}

const report = { states: [], failed: [] };
try {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme: scheme, hasTouch: true, permissions });
  if (cameras.length) await page.addInitScript(fakeCameras, cameras);
  page.on("response", (answer) => answer.status() >= 400 && report.failed.push(answer.url()));
  page.on("pageerror", (error) => report.failed.push(String(error)));
  await page.goto(address);
  await said(page, "Ready|not load");
  for (const [name, ...rest] of steps) {
    const given = await does[name](page, ...rest);
    report.states.push({ ...(await state(page)), given });
  }
  console.log(JSON.stringify(report));
} finally {
  await browser.close();
}
