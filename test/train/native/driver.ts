// What the tests run in a process of its own: `cli ARGS…`, `set-up JSON`, or `load`.
import { readdirSync } from "node:fs";

import { main } from "../../../src/cli/main.ts";
import { ToolError } from "../../../src/errors.ts";
import { loadTensorFlow, setUpNative } from "../../../src/train/native/index.ts";
import { makePlan, type PlanParts } from "../../../src/train/native/plan.ts";

/** A set-up to run, and the event (`stage:compile`) at which this process kills itself. */
export interface DriverJob extends Omit<PlanParts, "env"> {
  readonly killAt?: string;
}

const [mode = "", ...rest] = process.argv.slice(2);

function say(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

async function setUp(job: DriverJob): Promise<void> {
  const listener = ({ kind, stage }: { readonly kind: string; readonly stage: string }): void => {
    if (kind === "stage") say({ stage });
    if (job.killAt === `${kind}:${stage}`) process.kill(process.pid, "SIGKILL");
  };
  try {
    say({ done: await setUpNative(makePlan({ ...job, env: process.env }), { listener }) });
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    say({ error: error.message, hint: error.hint });
  }
  say({ left: readdirSync(job.root) });
}

async function load(): Promise<void> {
  const tf = await loadTensorFlow({ install: "never" });
  const square = tf.tensor2d([
    [1, 2],
    [3, 4],
  ]);
  // topk and concat use the functions that newer Nodes lack or warn of.
  const { values } = tf.topk(tf.concat([square, square], 1), 1);
  const product = await tf.matMul(square, square).array();
  say({ node: process.version, backend: tf.getBackend(), product, largest: await values.array() });
}

if (mode === "cli") {
  process.exitCode = await main(rest);
} else if (mode === "load") {
  await load();
} else {
  await setUp(JSON.parse(rest[0] ?? ""));
}
