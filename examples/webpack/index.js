// Export a TF.js model in the browser and run it there with onnxruntime-web, bundled by webpack 5. The model lies in dist/my-model/.
//
//   npm install tfjs-to-onnx onnxruntime-web webpack webpack-cli
//   npx webpack         # then serve dist/ over http
import { exportModel } from "tfjs-to-onnx";
import { getRuntime } from "tfjs-to-onnx/infer";

const { bytes, nodes, inputs } = await exportModel(new URL("my-model/model.json", document.baseURI).href);

const runtime = await getRuntime("web");
const session = await runtime.load(bytes, { provider: "wasm" });
const [{ name, dims }] = inputs;
const shape = dims.map((size) => (typeof size === "number" ? size : 1));
const zeros = new Float32Array(shape.reduce((product, size) => product * size, 1));
const results = await session.run({ [name]: { dtype: "float32", dims: shape, data: zeros } });
const [output] = Object.values(results);
document.querySelector("#result").textContent =
  `${nodes} nodes\n${Array.from(output.data, (value) => value.toFixed(3)).join(" ")}`;
