// Load and run an ONNX file with bytes changed at random, many times over, then the file as it was. Arguments: the runtime, the
// file, how often.
import { readFileSync } from "node:fs";

import { getRuntime } from "../../../src/infer/runtimes.ts";
import { changedFiles, tryDamaged } from "../../helpers/damage.ts";

const [name, path = "", times] = process.argv.slice(2);
const runtime = await getRuntime(name === "web" ? "web" : "node");
const file = new Uint8Array(readFileSync(path));
const damage = await tryDamaged(runtime, file, changedFiles(file, Number(times)));
process.stdout.write(JSON.stringify(damage), () => process.exit(0));
