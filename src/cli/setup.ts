import type { Command } from "commander";

import {
  nativeStatus,
  planNative,
  setUpNative,
  type NativePlan,
  type SetupEvent,
  type SetupListener,
} from "../train/native/index.ts";

import { baseCommand, type CommonOptions } from "./base-command.ts";
import { interruptSignal } from "./interrupt.ts";
import { note, printJson, printLine } from "./output.ts";

const REFRESH_MS = 100;

interface SetupOptions extends CommonOptions {
  readonly wheel?: string;
  readonly recompile?: true;
}

export function create(summary: string): Command {
  return baseCommand("setup", summary, ["setup", "setup --wheel ~/Downloads/tensorflow_cpu-2.20.0-….whl"])
    .option("--wheel <file>", "take TensorFlow from this wheel instead of downloading it")
    .option("--recompile", "compile tfjs-node's addon again even when it is there")
    .action(async (options: SetupOptions) => setUp(options));
}

async function setUp(options: SetupOptions): Promise<void> {
  const started = performance.now();
  const plan = withWheel(planNative(), options.wheel);
  const done = await setUpNative(plan, {
    listener: setupListener(),
    signal: interruptSignal(),
    deep: true,
    recompile: options.recompile === true,
  });
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  const { detail } = nativeStatus();
  if (options.json === true) {
    printJson({ state: "ready", tensorflow: plan.pin.version, folder: plan.root, ...done, seconds });
    return;
  }
  const did = done.unpacked || done.compiled ? `set up in ${seconds} s` : "was set up already";
  printLine(`native TensorFlow ${plan.pin.version} ${did}: ${detail}`);
  printLine(`it is kept in ${plan.root}`);
}

function withWheel(plan: NativePlan, wheel: string | undefined): NativePlan {
  return wheel === undefined ? plan : { ...plan, wheel };
}

/** Show a set-up on stderr: a line for each stage and, on a terminal, the megabytes it has done. */
export function setupListener(): SetupListener {
  let stage = "";
  let shownAt = 0;
  const terminal = process.stderr.isTTY;
  return (event: SetupEvent): void => {
    if (event.kind === "progress") {
      if (!terminal || performance.now() - shownAt < REFRESH_MS) return;
      shownAt = performance.now();
      rewrite(`${stage}: ${megabytes(event.done)} of ${megabytes(event.total)} MB`);
      return;
    }
    stage = event.text;
    if (terminal) rewrite("");
    note(`${event.text} …`);
  };
}

function rewrite(text: string): void {
  process.stderr.write(`\r\u001B[K${text.slice(0, process.stderr.columns - 1)}`);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
