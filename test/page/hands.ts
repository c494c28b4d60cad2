import type { Page } from "playwright-core";

/** Strokes as a hand draws them, in shares of the pad's side. */
export const strokes: Readonly<Record<string, readonly (readonly (readonly [number, number])[])[]>> = {
  scribble: [
    [
      [0.2, 0.3],
      [0.8, 0.7],
      [0.2, 0.6],
      [0.8, 0.2],
      [0.5, 0.9],
      [0.4, 0.1],
      [0.7, 0.8],
    ],
  ],
  1: [
    [
      [0.5, 0.15],
      [0.5, 0.85],
    ],
  ],
  7: [
    [
      [0.25, 0.2],
      [0.75, 0.2],
      [0.45, 0.85],
    ],
  ],
  4: [
    [
      [0.35, 0.15],
      [0.28, 0.55],
      [0.75, 0.55],
    ],
    [
      [0.66, 0.2],
      [0.62, 0.9],
    ],
  ],
};

/** Moves of the mouse along one line of a stroke; what is there is read after each. */
const MOVES = 3;

/** Draw a digit with the mouse. */
export async function draw(page: Page, digit: string): Promise<void> {
  const box = await page.locator("#pad").boundingBox();
  if (box === null) throw new Error("the pad is not there");
  for (const stroke of strokes[digit] ?? []) {
    for (const [index, [x, y]] of stroke.entries()) {
      await page.mouse.move(box.x + x * box.width, box.y + y * box.height, { steps: index === 0 ? 1 : MOVES });
      if (index === 0) await page.mouse.down();
    }
    await page.mouse.up();
  }
}

/** Give a file by the page's button. */
export function choose(page: Page, name: string, bytes: Uint8Array): Promise<void> {
  const mimeType = { svg: "image/svg+xml", jpg: "image/jpeg" }[name.split(".").at(-1) ?? ""] ?? "image/png";
  return page.locator("#file").setInputFiles({ name, mimeType, buffer: Buffer.from(bytes) });
}

/** Wait for what the page says of where the network runs. */
export async function ran(page: Page, pattern: RegExp): Promise<string> {
  const text = page.locator("#ran", { hasText: pattern });
  await text.waitFor({ timeout: 60_000 });
  return (await text.textContent()) ?? "";
}

export function expectAnswer(page: Page, text: string): Promise<void> {
  return page.locator("#answer", { hasText: new RegExp(`^${text}$`) }).waitFor({ timeout: 20_000 });
}

/** Wait for what the page says is wrong; a `$` in the pattern stands before what space there is. */
export function expectAlert(page: Page, { source }: RegExp): Promise<void> {
  const hasText = new RegExp(source.replace(/\$$/, "\\s*$"));
  return page.getByRole("alert").filter({ hasText }).waitFor({ timeout: 20_000 });
}

/** Nothing is wrong any more: what is drawn is read. */
export async function expectUsable(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Clear" }).click();
  await expectAnswer(page, "\\s");
  await page.getByRole("alert").waitFor({ state: "hidden" });
  await draw(page, "7");
  await expectAnswer(page, "7");
}
