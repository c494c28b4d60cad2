import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

import { InferenceError } from "../../errors.ts";
import { Queue } from "../../infer/queue.ts";
import { createRemoteRuntime, type Line } from "../../infer/remote/remote-runtime.ts";
import type { Runtime, RuntimeName } from "../../infer/runtime.ts";

const WORKER = fileURLToPath(new URL("./session-worker.js", import.meta.url));

/** A runtime in a process of its own, which ends with its last session or with this process. */
export function createProcessRuntime(name: RuntimeName): Runtime {
  return createRemoteRuntime(name, () => openProcess(name));
}

async function openProcess(name: RuntimeName): Promise<Line> {
  const child = fork(WORKER, [name], {
    serialization: "advanced",
    stdio: ["ignore", 2, 2, "ipc"],
    execArgv: [],
  });
  const kill = (): void => {
    child.kill("SIGKILL");
  };
  process.once("exit", kill);
  const ended = new Promise<void>((done) => child.once("exit", () => done()));
  void ended.then(() => process.off("exit", kill));
  await answerOf(child, null);
  const queue = new Queue();
  return {
    exchange: (command) => queue.run(() => answerOf(child, command)),
    close() {
      kill();
      return ended;
    },
  };
}

/** The next message of the process, after it was sent a command. @throws {InferenceError} when the process ends instead */
function answerOf(child: ChildProcess, command: Uint8Array | null): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const settle = (then: () => void): void => {
      child.off("message", onMessage).off("exit", onExit).off("error", onError);
      then();
    };
    const onMessage = (message: unknown): void => {
      if (message instanceof Uint8Array) settle(() => resolve(message));
    };
    const onExit = (code: number | null, signal: string | null): void => {
      const how = signal ?? `code ${code}`;
      settle(() => reject(new InferenceError(`the process that runs the model ended with ${how}`)));
    };
    const onError = (cause: Error): void => {
      settle(() =>
        reject(new InferenceError(`no process could be started for the model: ${cause.message}`, { cause })),
      );
    };
    child.on("message", onMessage).on("exit", onExit).on("error", onError);
    if (child.exitCode !== null || child.signalCode !== null) onExit(child.exitCode, child.signalCode);
    else if (command !== null && child.connected) child.send(command, () => undefined);
  });
}
