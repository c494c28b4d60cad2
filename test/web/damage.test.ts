import { expect, test } from "vitest";

import { getRuntime } from "../../src/infer/runtimes.ts";
import { changedFiles, cutFiles, tryDamaged } from "../helpers/damage.ts";
import { watchMemories } from "../helpers/wasm-memories.ts";

const memories = watchMemories();
const web = await getRuntime("web");
const response = await fetch(new URL("../../models/crnn-mnist/model.onnx", import.meta.url));
const file = new Uint8Array(await response.arrayBuffer());

function heapBytes(): number {
  return memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
}

test("a file with bytes changed at random runs in Chromium or is refused with a typed error, and the page goes on", async () => {
  const times = 150;
  await tryDamaged(web, file, []);
  const before = heapBytes();
  const { ran, refused, untyped, answer } = await tryDamaged(web, file, changedFiles(file, times));
  expect(untyped).toEqual([]);
  expect(ran + refused).toBe(times);
  expect(ran).toBeGreaterThan(0);
  expect(refused).toBeGreaterThan(times / 2);
  expect(answer).toBe(20);
  expect(before).toBeGreaterThan(file.length);
  // Of the few files that it refuses once it has taken the weights, onnxruntime-web 1.30 keeps them; onnxruntime-node does not.
  expect(heapBytes() - before).toBeLessThan((refused / 8) * file.length);
});

test("a file cut short anywhere is refused in Chromium with a typed error, the page goes on, and nothing is kept", async () => {
  const times = 60;
  await tryDamaged(web, file, cutFiles(file, 1));
  const before = heapBytes();
  const damage = await tryDamaged(web, file, cutFiles(file, times));
  expect(damage).toEqual({ ran: 0, refused: times, untyped: [], answer: 20 });
  expect(heapBytes()).toBe(before);
});
