import type { Tensor } from "../tensor.ts";

/** A tensor in a buffer of a graphics device: row-major, from the buffer's first byte on. The buffer may be longer. */
export interface DeviceTensor {
  readonly dtype: "float32" | "int32";
  readonly dims: readonly number[];
  /** A `GPUBuffer`. */
  readonly buffer: object;
  /** Gives the buffer back to who made it. Work that was submitted before still reads it. */
  release(): void;
}

/** Tensors in memory or on the device, by name. */
export type MixedTensors = Readonly<Record<string, Tensor | DeviceTensor>>;

/** Runs on a graphics device that the caller shares: tensors need not pass through memory. */
export interface DeviceRuns {
  /** The caller's `GPUDevice`. */
  readonly device: object;
  /** Results of float32 and int32 stay on the device; the caller releases them. */
  run(feeds: MixedTensors): Promise<MixedTensors>;
}

export function isOnDevice(tensor: Tensor | DeviceTensor): tensor is DeviceTensor {
  return "buffer" in tensor;
}
