import { fileURLToPath } from "node:url";

export default {
  mode: "production",
  entry: fileURLToPath(new URL("index.js", import.meta.url)),
  output: { path: fileURLToPath(new URL("dist", import.meta.url)), filename: "main.js" },
  performance: { hints: false },
};
