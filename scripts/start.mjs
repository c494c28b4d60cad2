// `npm start`: from a fresh clone to one table in which every runtime agrees: set up, train, export, infer, compare. What that
// will download and how long it takes is said first.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

import { cli, ensureBuild, ensureDependencies, hasBuild, hasDependencies } from "./bootstrap.mjs";

const args = process.argv.slice(2);
if (!args.includes("--help") && !args.includes("-h")) announce();
ensureDependencies();
ensureBuild();
const { status, signal } = spawnSync(process.execPath, [cli, "pipeline", ...args], { stdio: "inherit" });
process.exit(status ?? (signal === "SIGINT" ? 130 : 1));

/** The steps, what each downloads and takes on two cores, and which are done already. */
function announce() {
  // Only a guess before anything is installed: src/node/cache-dir.ts is what decides.
  const cache =
    process.env["TFJS_TO_ONNX_CACHE"] ??
    join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "tfjs-to-onnx");
  const named = process.env["MNIST_DIR"] ?? "";
  const rows = [
    ["install the npm packages", "180 MB", "1 min", hasDependencies()],
    ["compile this package", "", "20 s", hasBuild()],
    ["set up native TensorFlow in your cache folder", "260 MB", "2 min", existsSync(join(cache, "tensorflow"))],
    ["get MNIST, or render digits in its place", "12 MB", "5 s", named !== "" || existsSync(join(cache, "mnist"))],
    ["train a digit recogniser: 3 epochs of 30,000 images", "", "1 to 2 min", false],
    ["export it to ONNX and check it against TF.js", "", "5 s", false],
    ["read test images on each runtime, and compare them", "", "40 s", false],
  ];
  const lines = rows.map(([what, download, time, done], index) => {
    const cells = done === true ? "done already" : `${String(download).padStart(8)}  ${String(time)}`;
    return `  ${index + 1}  ${String(what).padEnd(54)}${cells}`;
  });
  process.stderr.write(
    `${["npm start goes from this clone to a checked ONNX file. Download and time of each step, on two idle cores:", ...lines].join("\n")}
It writes to node_modules, dist and runs/start here, and to ${cache}.
The whole training (10 epochs of 60,000 images, about 15 min) is npm run train.

`,
  );
}
