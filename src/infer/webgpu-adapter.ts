/** What `navigator.gpu` has, as far as it matters here. */
export interface Gpu {
  requestAdapter(): Promise<unknown>;
}

/** WebGPU of this browser; null where it has none. */
export function gpuHere(): Gpu | null {
  const gpu: unknown = typeof navigator !== "undefined" && "gpu" in navigator ? navigator.gpu : undefined;
  return isGpu(gpu) ? gpu : null;
}

function isGpu(gpu: unknown): gpu is Gpu {
  return typeof gpu === "object" && gpu !== null && "requestAdapter" in gpu;
}

/** Adapters that compute on the CPU, slower than WebAssembly does. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|basic render/iu;

/** The name of an adapter that is software on the CPU; null for a graphics device. */
export function softwareName(adapter: unknown): string | null {
  const info: unknown = Reflect.get(Object(adapter), "info");
  const read = (key: string): unknown => Reflect.get(Object(info), key);
  const name = ["vendor", "architecture", "device", "description"].map(read).filter(Boolean).join(" ");
  return read("isFallbackAdapter") === true || SOFTWARE.test(name) ? name : null;
}
