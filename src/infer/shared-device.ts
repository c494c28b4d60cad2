import type { InferenceSession, Tensor as OrtTensor, TensorConstructor } from "onnxruntime-common";

import { InferenceError } from "../errors.ts";
import type { OutputInfo } from "../onnx/header.ts";
import type { Tensor } from "../tensor.ts";

import { isOnDevice, type DeviceTensor } from "./device-tensor.ts";
import { fromOrt, toOrt } from "./ort-tensor.ts";

type GpuDevice = NonNullable<InferenceSession.WebGpuExecutionProviderOption["device"]>;

/** The execution provider WebGPU on a device of the caller's, or on one of ONNX Runtime's own. */
export function webGpuProvider(
  device: object | undefined,
  rest: Omit<InferenceSession.WebGpuExecutionProviderOption, "name" | "device"> = {},
): InferenceSession.WebGpuExecutionProviderOption {
  if (device === undefined) return { name: "webgpu", ...rest };
  if (isDevice(device)) return { name: "webgpu", ...rest, device };
  throw new InferenceError("`gpuDevice` is no GPUDevice", { hint: "give what requestDevice() of an adapter gave" });
}

function isDevice(device: object): device is GpuDevice {
  return typeof Reflect.get(device, "createBuffer") === "function";
}

function isBuffer(buffer: object): buffer is OrtTensor.GpuBufferType {
  return typeof Reflect.get(buffer, "size") === "number" && "mapState" in buffer;
}

/** Outputs that can stay on the device. */
export function keptOnDevice(outputs: readonly OutputInfo[]): Readonly<Record<string, OrtTensor.DataLocation>> {
  const names = outputs.filter(({ dtype }) => dtype === "float32" || dtype === "int32").map(({ name }) => name);
  return Object.fromEntries(names.map((name) => [name, "gpu-buffer"] as const));
}

export function mixedToOrt(constructor: TensorConstructor, tensor: Tensor | DeviceTensor): OrtTensor {
  if (!isOnDevice(tensor)) return toOrt(constructor, tensor);
  const { dtype, dims, buffer } = tensor;
  if (!isBuffer(buffer)) throw new InferenceError("a tensor on the graphics device has no GPUBuffer");
  return constructor.fromGpuBuffer(buffer, { dataType: dtype, dims });
}

export function mixedFromOrt(tensor: OrtTensor, name: string): Tensor | DeviceTensor {
  const { type, dims } = tensor;
  if (tensor.location !== "gpu-buffer" || (type !== "float32" && type !== "int32")) return fromOrt(tensor, name);
  return { dtype: type, dims, buffer: tensor.gpuBuffer, release: () => tensor.dispose() };
}

/** The elements of a tensor that may be on the device; its buffer is released. */
export async function broughtHome(tensor: OrtTensor): Promise<OrtTensor> {
  if (tensor.location === "gpu-buffer") await tensor.getData(true);
  return tensor;
}
