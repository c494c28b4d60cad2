import { request } from "node:http";

import { afterAll, beforeAll, expect, test } from "vitest";

import { servePage, type PageServer } from "../../../src/node/browser/page-server.ts";

let server: PageServer;
beforeAll(async () => {
  server = await servePage({ html: "<p>secret</p>", folders: {} });
});
afterAll(() => server.close());

async function ask(host: string): Promise<{ readonly status: number | undefined; readonly body: string }> {
  const { hostname, port, pathname } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, path: pathname, headers: { Host: host } }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
      response.on("end", () => resolve({ status: response.statusCode, body }));
    });
    asked.on("error", reject).end();
  });
}

test("the page is served under its own host alone", async () => {
  const { host, port } = new URL(server.url);
  expect(await ask(host)).toEqual({ status: 200, body: "<p>secret</p>" });
  for (const foreign of ["evil.example", `evil.example:${port}`, `localhost:${port}`, "127.0.0.1"]) {
    expect(await ask(foreign)).not.toMatchObject({ status: 200 });
  }
});
