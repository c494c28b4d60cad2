import { expect, test } from "vitest";

import { executeAsync, withoutListeners } from "../../src/infer/tfjs-async.ts";

// Vitest fails on a rejection that nobody handles, as Node does.
test("a run that fails waits for what it had begun, whose failures nobody hears of", async () => {
  let isOver = false;
  const begun = async (): Promise<void> => {
    await Promise.resolve();
    await Promise.resolve();
    isOver = true;
    throw new Error("a tensor is gone");
  };
  const model = {
    executeAsync() {
      void begun();
      return Promise.reject(new Error("a kernel is missing"));
    },
  };
  await expect(executeAsync(model, {}, [])).rejects.toThrow("a kernel is missing");
  expect(isOver).toBe(true);
});

test("listeners that code brings for the process's errors are taken off, and no others", async () => {
  const own = (): void => undefined;
  const brought = (): void => undefined;
  process.on("unhandledRejection", own);
  await withoutListeners(() => Promise.resolve(process.on("unhandledRejection", brought)));
  const left = process.rawListeners("unhandledRejection");
  process.off("unhandledRejection", own);
  expect([left.includes(own), left.includes(brought)]).toEqual([true, false]);
});
