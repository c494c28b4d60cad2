// `npm run docs:picture`: the picture at the top of the README, docs/first-look.png. Left, what the command line prints when it is run
// now; right, the page of web/ with a digit drawn on it. Needs a Chromium.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { cli, ensureBuild, ensureDependencies, root } from "./bootstrap.mjs";

ensureDependencies();
ensureBuild();
const { chromium } = await import("playwright-core");
const { build, preview } = await import("vite");
const { findBrowser } = await import("../dist/node/browser/find-browser.js");
const { renderedDigits } = await import("../dist/data/digits/rendered-digits.js");
const { encodeGreyPng } = await import("../dist/node/png.js");

const SCALE = 2;
const [WIDTH, HEIGHT] = [1240, 560];
/** A 7 on the pad, as shares of its side. */
const STROKE = [
  [0.28, 0.24],
  [0.74, 0.24],
  [0.6, 0.48],
  [0.48, 0.8],
];

const work = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-picture-"));
try {
  await draw();
} finally {
  rmSync(work, { recursive: true, force: true });
}

async function draw() {
  const executablePath = findBrowser();
  if (executablePath === undefined) throw new Error("there is no Chromium on this machine");
  const browser = await chromium.launch({ executablePath });
  const configFile = join(root, "web", "vite.config.ts");
  await build({ configFile, logLevel: "error" });
  const server = await preview({ configFile, logLevel: "error", preview: { port: 0 } });
  try {
    const shot = await pagePicture(browser, server.resolvedUrls?.local[0] ?? "");
    const page = await browser.newPage({ viewport: { width: WIDTH, height: HEIGHT }, deviceScaleFactor: SCALE });
    await page.setContent(layout(terminalText(), shot));
    await page.screenshot({ path: join(root, "docs", "first-look.png") });
  } finally {
    await browser.close();
    await server.close();
  }
}

/** The commands of the README and what they print now. */
function terminalText() {
  cpSync(join(root, "models", "crnn-mnist"), join(work, "my-model"), { recursive: true });
  rmSync(join(work, "my-model", "model.onnx"), { force: true });
  const set = renderedDigits({ split: "test", seed: 3, count: 1 });
  writeFileSync(join(work, "digit.png"), encodeGreyPng(set.pixels(0), 28, 28));
  const commands = [
    ["export", "my-model"],
    ["infer", "digit.png", "--model", "my-model/model.onnx"],
  ];
  return commands
    .map((args) => {
      const { stdout, stderr, status } = spawnSync(process.execPath, [cli, ...args], {
        cwd: work,
        encoding: "utf8",
        env: { ...process.env, npm_command: "exec" },
      });
      if (status !== 0) throw new Error(stderr);
      return `<b>$ npx tfjs-to-onnx ${args.join(" ")}</b>\n${escaped(stdout)}${escaped(stderr)}`;
    })
    .join("\n");
}

/** @param {string} text */
function escaped(text) {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(/ {2}ok$/gm, "  <i>ok</i>");
}

/**
 * The page of web/ with a digit drawn on it.
 *
 * @param {import("playwright-core").Browser} browser
 * @param {string} address
 */
async function pagePicture(browser, address) {
  const page = await browser.newPage({ viewport: { width: 860, height: 760 }, deviceScaleFactor: SCALE });
  await page.goto(address);
  const pad = page.locator("canvas").first();
  await pad.waitFor();
  const box = await pad.boundingBox();
  if (box === null) throw new Error("the page has no pad");
  const [first, ...others] = STROKE.map(([x = 0, y = 0]) => [box.x + x * box.width, box.y + y * box.height]);
  await page.mouse.move(first?.[0] ?? 0, first?.[1] ?? 0);
  await page.mouse.down();
  for (const [x = 0, y = 0] of others) await page.mouse.move(x, y, { steps: 8 });
  await page.mouse.up();
  await page.getByText("%").first().waitFor({ timeout: 60_000 });
  await page.waitForTimeout(500);
  const shot = await page.screenshot();
  await page.close();
  return `data:image/png;base64,${shot.toString("base64")}`;
}

/**
 * @param {string} terminal
 * @param {string} shot
 */
function layout(terminal, shot) {
  return `<!doctype html><style>
    body { margin: 0; background: #eef1f5; display: flex; gap: 20px; padding: 20px; height: ${HEIGHT - 40}px; font-family: system-ui, sans-serif }
    figure { margin: 0; background: #fff; border-radius: 10px; overflow: hidden; box-shadow: 0 1px 6px #0003 }
    figure::before { content: "● ● ●"; display: block; color: #b6bdc7; padding: 6px 12px; font-size: 12px; letter-spacing: 2px }
    .terminal { flex: 1; background: #12161c; color: #d5dbe3 }
    pre { margin: 0; padding: 4px 16px; font: 13.5px/1.5 "DejaVu Sans Mono", monospace; white-space: pre-wrap }
    b { color: #fff } i { color: #6cce7a; font-style: normal }
    img { height: 490px; display: block }
  </style><figure class="terminal"><pre>${terminal}</pre></figure><figure><img src="${shot}" alt=""></figure>`;
}
