import { InferenceError } from "../errors.ts";
import { concatenate, writeOnnx } from "../onnx/write.ts";
import { float32 } from "../tensor.ts";

import type { RunnableSession } from "./device-loss.ts";
import type { Ort } from "./ort-session.ts";
import { webGpuProvider } from "./shared-device.ts";

/** Who keeps the one WebGPU device that each ONNX Runtime has. */
const users = new WeakMap<Ort, number>();

/**
 * Create a session on the device; {@link leaveOnRelease} is to be given what comes of it. A model that is refused counts for ever: ONNX
 * Runtime (1.30) takes the device before it reads the model, and does not give it back then.
 */
export function joinDevice<Result>(ort: Ort, create: () => Promise<Result>): Promise<Result> {
  users.set(ort, (users.get(ort) ?? 0) + 1);
  return create();
}

/**
 * A session of {@link joinDevice}, on a `device` of its caller's or ONNX Runtime's own, whose release frees what it left on the device. With its last user the device goes.
 * Until then ONNX Runtime keeps the weights of released sessions in a list, which it clears when a kernel has rearranged its
 * weights, as that of Conv does: so a session of one Conv is created.
 */
export function leaveOnRelease(ort: Ort, session: RunnableSession, device?: object): RunnableSession {
  return {
    run: (feeds) => session.run(feeds),
    outputMetadata: session.outputMetadata,
    async release() {
      await session.release();
      const others = (users.get(ort) ?? 0) - 1;
      users.set(ort, others);
      if (others > 0) await clearReleased(ort, device);
    },
  };
}

/** @throws {InferenceError} when that fails; the weights stay until the device goes */
async function clearReleased(ort: Ort, device: object | undefined): Promise<void> {
  try {
    const session = await ort.InferenceSession.create(oneConv(), {
      executionProviders: [webGpuProvider(device)],
      logSeverityLevel: 4,
    });
    await session.release();
  } catch (cause) {
    throw new InferenceError("the weights of a disposed session stay on the GPU: ONNX Runtime does not free them", {
      hint: "dispose all sessions on WebGPU; their device goes with the last",
      cause,
    });
  }
}

/** An ONNX file of opset 17: y = Conv(x, W), all of shape [1, 1, 1, 1]. */
export function oneConv(): Uint8Array {
  const value = { dtype: "float32", dims: [1, 1, 1, 1] } as const;
  const node = { opType: "Conv", domain: "", name: "conv", inputs: ["x", "W"], outputs: ["y"], attributes: {} };
  return concatenate(
    writeOnnx({
      irVersion: 8,
      opset: 17,
      producerName: "tfjs-to-onnx",
      producerVersion: "",
      graph: {
        name: "conv",
        nodes: [node],
        initializers: new Map([["W", float32(new Float32Array(1), value.dims)]]),
        inputs: [{ name: "x", ...value }],
        outputs: [{ name: "y", ...value }],
      },
      metadata: new Map(),
    }),
  );
}
