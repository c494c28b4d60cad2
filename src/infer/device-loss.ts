import type { InferenceSession } from "onnxruntime-common";

import { InferenceError } from "../errors.ts";

/** What is used of a session of ONNX Runtime. */
export type RunnableSession = Pick<InferenceSession, "run" | "release" | "outputMetadata">;

/** A `GPUDevice`, as far as it tells of its end. */
export interface LosableDevice {
  readonly lost: Promise<{ readonly message: string }>;
}

export function isLosable(device: unknown): device is LosableDevice {
  return Reflect.get(Object(device), "lost") instanceof Promise;
}

/**
 * A session whose runs end with a typed error once its graphics device is lost: its driver was reset, or the browser's graphics
 * process died. By itself onnxruntime-web 1.30 fails the first such run in words of its source code, and the next one blocks
 * its thread for ever.
 */
export function endOnDeviceLoss(session: RunnableSession, device: LosableDevice | undefined): RunnableSession {
  if (device === undefined) return session;
  const loss = watch(device);
  return {
    async run(feeds) {
      if (loss.fault !== undefined) throw loss.fault;
      try {
        return await session.run(feeds);
      } catch (cause) {
        await Promise.race([loss.told, new Promise((resolve) => setTimeout(resolve, TOLD_WITHIN_MS))]);
        throw loss.fault ?? cause;
      }
    },
    release: () => session.release(),
    outputMetadata: session.outputMetadata,
  };
}

/** A run may fail a moment before the loss that is its cause is told. */
const TOLD_WITHIN_MS = 100;

interface Loss {
  fault: InferenceError | undefined;
  readonly told: Promise<void>;
}

/** One listener a device: its promise holds them all, long after the sessions they were for. */
const losses = new WeakMap<LosableDevice, Loss>();

function watch(device: LosableDevice): Loss {
  const known = losses.get(device);
  if (known !== undefined) return known;
  const loss: Loss = {
    fault: undefined,
    told: device.lost.then(({ message }) => {
      loss.fault = deviceLost(message);
    }),
  };
  losses.set(device, loss);
  return loss;
}

function deviceLost(message: string): InferenceError {
  return new InferenceError(`the graphics device was lost: ${message}`, {
    hint: "dispose every session on WebGPU and load the model again, or use the provider wasm",
  });
}
