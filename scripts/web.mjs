// `npm run web`: build the page of web/ and serve it; `npm run web:build` (`--build`) builds only. `--port N`, `--host`
// (seen from other machines of this network, a phone for example).
import { join } from "node:path";
import { parseArgs } from "node:util";

import { ensureDependencies, root } from "./bootstrap.mjs";

ensureDependencies();
const { build, preview } = await import("vite");
const configFile = join(root, "web", "vite.config.ts");
const { values } = parseArgs({
  options: {
    build: { type: "boolean", default: false },
    host: { type: "boolean", default: false },
    port: { type: "string", default: "4173" },
  },
});
await build({ configFile, logLevel: "warn" });
process.stderr.write("built web/dist: a static folder for any host that serves over https\n");
if (!values.build) {
  const server = await preview({ configFile, preview: { port: Number(values.port), host: values.host } });
  for (const url of [...(server.resolvedUrls?.local ?? []), ...(server.resolvedUrls?.network ?? [])]) {
    process.stdout.write(`${url}\n`);
  }
}
