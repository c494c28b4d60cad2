import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

export interface StaticHost {
  readonly url: string;
  /** Serve another folder from now on, as a new deploy does. */
  deploy(folder: string): void;
  close(): Promise<void>;
}

/** A host that serves a folder below a path and sends no headers of its own choice. It sends `/index.html` on to `/`, as many do. */
export async function hostFolder(folder: string, below = "/some/page/"): Promise<StaticHost> {
  let root = folder;
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    if (pathname === `${below}index.html`) {
      response.writeHead(301, { Location: below }).end();
      return;
    }
    const name = pathname === below ? "index.html" : pathname.slice(below.length);
    readFile(pathname.startsWith(below) ? join(root, name) : "").then(
      (body) =>
        response.writeHead(200, { "Content-Type": TYPES[extname(name)] ?? "application/octet-stream" }).end(body),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the host has no port");
  return {
    url: `http://127.0.0.1:${address.port}${below}`,
    deploy(next) {
      root = next;
    },
    async close() {
      // The browser keeps its connections open for a next request.
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
