import type { InferenceSession } from "onnxruntime-common";

import { InferenceError } from "../errors.ts";

/** The part of an ONNX Runtime session that is used here. */
export type RunnableSession = Pick<InferenceSession, "run" | "release" | "outputMetadata">;

/** The part of a `GPUDevice` that reports its loss. */
export interface LosableDevice {
  readonly lost: Promise<{ readonly message: string }>;
}

export function isLosable(device: unknown): device is LosableDevice {
  return Reflect.get(Object(device), "lost") instanceof Promise;
}

/**
 * A session whose runs end with a typed error once its graphics device is lost, because the driver was reset or the browser's graphics
 * process ended. onnxruntime-web 1.30 itself fails the first such run with an internal message, and the next run blocks its thread
 * forever.
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

/** A run may fail shortly before the device reports the loss that caused it. */
const TOLD_WITHIN_MS = 100;

interface Loss {
  fault: InferenceError | undefined;
  readonly told: Promise<void>;
}

/** One listener for each device, since its promise keeps all listeners alive after their sessions are gone. */
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
