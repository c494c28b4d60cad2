import { Random } from "../../data/random.ts";

const SHUFFLE_STREAM = 0x5f1e;

/** The indices 0 .. count - 1 in an order that the seed and the epoch decide (Fisher and Yates). */
export function shuffled(count: number, seed: number, epoch: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  const random = new Random(seed, epoch, SHUFFLE_STREAM);
  for (let last = count - 1; last > 0; last--) {
    const other = random.integer(last + 1);
    const held = order[last] ?? 0;
    order[last] = order[other] ?? 0;
    order[other] = held;
  }
  return order;
}
