// `npm run web`: build the page of web/ and serve it; `npm run web:build` (`--build`) builds only. `--port N`, `--host`
// (seen from other machines of this network, a phone for example).
import { join } from "node:path";
import { parseArgs } from "node:util";

import { ensureDependencies, root } from "./bootstrap.mjs";

const configFile = join(root, "web", "vite.config.ts");
const { values } = readArguments({
  options: {
    build: { type: "boolean", default: false },
    host: { type: "boolean", default: false },
    port: { type: "string", default: "4173" },
  },
});
const port = Number(values.port);
if (!/^\d+$/.test(values.port) || port < 1 || port > 65_535) {
  refuse(`--port takes a whole number from 1 to 65535; got ${JSON.stringify(values.port)}`);
}
ensureDependencies();
const { build, preview } = await import("vite");
await build({ configFile, logLevel: "warn" });
process.stderr.write("built web/dist: a static folder for any host that serves over https\n");
if (!values.build) {
  const server = await preview({ configFile, preview: { port, host: values.host } });
  for (const url of [...(server.resolvedUrls?.local ?? []), ...(server.resolvedUrls?.network ?? [])]) {
    process.stdout.write(`${url}\n`);
  }
}

/**
 * @template {import("node:util").ParseArgsConfig} Config
 * @param {Config} config
 */
function readArguments(config) {
  try {
    return parseArgs(config);
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

/**
 * @param {string} message
 * @returns {never}
 */
function refuse(message) {
  process.stderr.write(`error: ${message}\n`);
  process.exit(2);
}
