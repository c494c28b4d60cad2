import { describe, expect, test } from "vitest";

import { ToolError } from "../../src/errors.ts";
import { nameInUrl, parseModelAddress } from "../../src/node/model-address.ts";

describe("a path of this machine", () => {
  const paths: readonly (readonly [string, string])[] = [
    ["model.json", "model.json"],
    ["./a%20b/model.json", "./a%20b/model.json"],
    ["C:\\models\\model.json", "C:\\models\\model.json"],
    ["http:model.json", "http:model.json"],
    ["file:///a/my%20model/model.json", "/a/my model/model.json"],
    ["FILE:///a/model.json", "/a/model.json"],
    ["file:/a/model.json", "/a/model.json"],
    ["File:/a/b%C3%A9/", "/a/bé/"],
    ["file://localhost/a/model.json", "/a/model.json"],
    ["FILE://LOCALHOST/a/model.json?v=1#x", "/a/model.json"],
  ];
  for (const [text, path] of paths) {
    test(text, () => {
      expect(parseModelAddress(text)).toEqual({ kind: "path", path });
    });
  }
});

describe("a model on a server", () => {
  const names: readonly (readonly [string, string, string])[] = [
    ["https://example.com/models/model.json", "https://example.com/models/model.json", "model"],
    ["HTTP://Example.com/My%20Net.json?v=2", "http://example.com/My%20Net.json?v=2", "My Net"],
    ["https:/example.com/a.JSON", "https://example.com/a.JSON", "a"],
    ["https://example.com", "https://example.com/", "model"],
    ["https://example.com/a/", "https://example.com/a/", "model"],
    ["https://example.com/a/..%2F..%2Fetc%2Fpasswd", "https://example.com/a/..%2F..%2Fetc%2Fpasswd", "passwd"],
    ["https://example.com/%2E%2E%2f", "https://example.com/%2E%2E%2f", "model"],
    ["https://example.com/%zz.json", "https://example.com/%zz.json", "%zz"],
  ];
  for (const [text, href, name] of names) {
    test(text, () => {
      const address = parseModelAddress(text);
      if (address.kind === "path") throw new TypeError("an address was expected");
      expect(address.url.href).toBe(href);
      expect(nameInUrl(address.url)).toBe(name);
    });
  }
});

describe("is refused", () => {
  for (const [text, message] of [
    ["ftp://example.com/model.json", "cannot read a model over ftp"],
    ["s3://bucket/model.json", "cannot read a model over s3"],
    ["file://elsewhere/model.json", "is not the address of a file on this machine"],
    ["file:///a%2Fb/model.json", "is not the address of a file on this machine"],
    ["http://", "is not an address"],
    ["", "the name of the model is empty"],
  ] as const) {
    test(text, () => {
      expect(() => parseModelAddress(text)).toThrow(ToolError);
      expect(() => parseModelAddress(text)).toThrow(message);
    });
  }
});
