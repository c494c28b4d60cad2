import { setTimeout as sleep } from "node:timers/promises";

import { expect, test } from "vitest";

import { parallelBatches } from "../../src/node/parallel-batches.ts";

async function* count(to: number, pause = -1): AsyncGenerator<number> {
  for (let index = 0; index < to; index++) {
    if (index === pause) await sleep(120);
    yield index;
  }
}

async function gathered(batches: AsyncIterable<number[]>): Promise<number[][]> {
  const found: number[][] = [];
  for await (const batch of batches) found.push(batch);
  return found;
}

test("results in order in full batches, whatever is done first", async () => {
  const work = async (item: number): Promise<number> => {
    await sleep((item * 7) % 5);
    return item;
  };
  const batches = await gathered(parallelBatches(count(10), work, { size: 4, atOnce: 3 }));
  expect(batches).toEqual([
    [0, 1, 2, 3],
    [4, 5, 6, 7],
    [8, 9],
  ]);
});

test("never more at once than allowed, nor more than two batches ahead of the caller", async () => {
  let [running, most, started, taken, ahead] = [0, 0, 0, 0, 0];
  const work = async (item: number): Promise<number> => {
    most = Math.max(most, ++running);
    ahead = Math.max(ahead, ++started - taken);
    await sleep(1);
    running--;
    return item;
  };
  for await (const batch of parallelBatches(count(60), work, { size: 5, atOnce: 4 })) {
    await sleep(20);
    taken += batch.length;
  }
  expect(most).toBe(4);
  // One batch is with the caller, two wait.
  expect(ahead).toBeLessThanOrEqual(15);
});

test("a source that stalls gets what is ready out", async () => {
  const batches = await gathered(parallelBatches(count(5, 3), async (item) => item, { size: 4, atOnce: 4 }));
  expect(batches).toEqual([
    [0, 1, 2],
    [3, 4],
  ]);
});

test("a fault comes after the results before it", async () => {
  const work = async (item: number): Promise<number> => {
    if (item === 5) throw new Error("five");
    return item;
  };
  const found: number[] = [];
  const all = async (): Promise<void> => {
    for await (const batch of parallelBatches(count(10), work, { size: 4, atOnce: 4 })) found.push(...batch);
  };
  await expect(all()).rejects.toThrow("five");
  expect(found).toEqual([0, 1, 2, 3, 4]);
});

test("ends when interrupted, though the source would never", async () => {
  const controller = new AbortController();
  const endless = async function* (): AsyncGenerator<number> {
    yield 1;
    await new Promise<never>(() => undefined);
  };
  const batches = parallelBatches(endless(), async (item) => item, { size: 4, atOnce: 4, signal: controller.signal });
  expect(await batches.next()).toEqual({ done: false, value: [1] });
  setTimeout(() => controller.abort(), 10);
  expect(await batches.next()).toEqual({ done: true, value: undefined });
});
