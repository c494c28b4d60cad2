// onnxruntime-web finds its .wasm files beside its own modules, which Vite must leave where they are while developing.
export default {
  base: "./",
  build: { target: "es2022" },
  optimizeDeps: { exclude: ["onnxruntime-web", "onnxruntime-web/wasm", "onnxruntime-web/webgpu"] },
};
