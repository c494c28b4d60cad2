import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { defineConfig, type Plugin, type UserConfig } from "vite";

const root = import.meta.dirname;

/** Sent with every page served here; static hosts take the policy from the page, and isolation from the service worker. */
const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** Nothing from elsewhere, no eval but what compiles WebAssembly. Threads of onnxruntime-web are workers of this origin. */
const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self' blob:",
  "connect-src 'self'",
  "img-src 'self' blob: data:",
  "style-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

function contentSecurityPolicy(): Plugin {
  return {
    name: "content-security-policy",
    apply: "build",
    transformIndexHtml: () => [
      {
        tag: "meta",
        attrs: { "http-equiv": "Content-Security-Policy", content: policy },
        injectTo: "head-prepend",
      },
    ],
  };
}

/** Link the project where package.json names its page; without one, the name stands alone. */
function projectLink(): Plugin {
  return {
    name: "project-link",
    transformIndexHtml(html) {
      const manifest: unknown = JSON.parse(readFileSync(join(root, "..", "package.json"), "utf8"));
      const homepage =
        typeof manifest === "object" && manifest !== null && "homepage" in manifest ? manifest.homepage : undefined;
      const name = "tfjs-to-onnx";
      return html.replace(
        "<!-- project -->",
        typeof homepage === "string" ? `<a href="${encodeURI(homepage)}">${name}</a>` : name,
      );
    },
  };
}

/**
 * TF.js starts its threads from the text of a function. Minified, the function names a variable around it, which the text
 * has not. In a worker, where TF.js runs here, that variable is never set.
 */
function tfjsThreads(): Plugin {
  return {
    name: "tfjs-threads",
    transform(code, id) {
      if (!id.endsWith("tfjs-backend-wasm-threaded-simd.js")) return null;
      const start = code.indexOf("return (");
      const changed = code.slice(start).replaceAll("_scriptDir", "undefined");
      if (start < 0 || changed.length === code.length - start) {
        throw new Error(
          "tfjs-backend-wasm starts its threads in another way than it did: look whether this is still needed",
        );
      }
      return { code: code.slice(0, start) + changed, map: null };
    },
  };
}

/**
 * Files that the service worker keeps once they were used: WebGPU's large module, the weights of the converter's example, and
 * the network that reads lines.
 */
const LATER = /asyncify|(^|\/)(model|weights)-[^/]*\.(json|bin)$|(^|\/)line-print-[^/]*\.onnx$/u;

/** Networks that read digits and lines are both called model.onnx. */
const named = {
  assetFileNames: ({ originalFileNames }: { readonly originalFileNames: readonly string[] }): string =>
    originalFileNames.some((name) => name.includes("line-print"))
      ? "assets/line-print-[hash][extname]"
      : "assets/[name]-[hash][extname]",
};

/** Tell the service worker what to keep: all files of both pages, the large ones from when they are first used. */
function precache(): Plugin {
  return {
    name: "precache",
    apply: "build",
    enforce: "post",
    generateBundle(_, bundle) {
      const worker = bundle["service-worker.js"];
      if (worker?.type !== "chunk") throw new Error("the service worker was not built");
      const built = Object.keys(bundle).filter((name) => name !== worker.fileName);
      const later = built.filter((name) => LATER.test(name));
      const files = ["./", ...built, ...readdirSync(join(root, "public"))]
        .filter((name) => !later.includes(name))
        .toSorted((a, b) => (a < b ? -1 : 1));
      const hash = createHash("sha256").update(worker.code);
      for (const file of Object.values(bundle)) hash.update(file.type === "chunk" ? file.code : file.source);
      const version = hash.digest("hex").slice(0, 12);
      worker.code = `const PRECACHE = ${JSON.stringify({ version, files, later })};\n${worker.code}`;
    },
  };
}

/** Parts that the library imports on demand are in the converter's worker from the start, which is as meant. */
const checks = { ineffectiveDynamicImport: false, pluginTimings: false };

const config: UserConfig = defineConfig({
  root,
  base: "./",
  // What is not there is a 404, not the page.
  appType: "mpa",
  clearScreen: false,
  resolve: {
    // In a browser ort-web.ts takes /wasm and /webgpu; the plain entry, which is for Node, would add 28 MB.
    alias: [{ find: /^onnxruntime-web$/, replacement: "onnxruntime-web/wasm" }],
  },
  worker: { format: "es", plugins: () => [tfjsThreads()], rolldownOptions: { checks, output: named } },
  server: { headers: isolation },
  preview: { headers: isolation },
  build: {
    outDir: join(root, "dist"),
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0,
    // The runtime's WebAssembly is what it is.
    chunkSizeWarningLimit: 2000,
    rolldownOptions: {
      checks,
      input: {
        index: join(root, "index.html"),
        converter: join(root, "converter.html"),
        line: join(root, "line.html"),
        "service-worker": join(root, "service-worker", "service-worker.ts"),
      },
      output: {
        ...named,
        entryFileNames: ({ name }) => (name === "service-worker" ? "service-worker.js" : "assets/[name]-[hash].js"),
      },
    },
  },
  plugins: [contentSecurityPolicy(), projectLink(), precache()],
});

export default config;
