import { basename, extname } from "node:path";
import { fileURLToPath } from "node:url";

import { ToolError, UsageError } from "../errors.ts";

/** Where a model is: on a server, or at a path of this machine. */
export type ModelAddress =
  | { readonly kind: "url"; readonly url: URL }
  | { readonly kind: "path"; readonly path: string };

/**
 * Read what a user gives for a model: a path, or an address in any spelling that RFC 3986 allows (`FILE:///`, `file:/`,
 * `file://localhost/`, `HTTP://`, `%20` for a blank).
 *
 * @throws {UsageError} for an empty text
 * @throws {ToolError} for an address of another kind, or one of no file on this machine
 */
export function parseModelAddress(text: string): ModelAddress {
  if (text.trim() === "") {
    throw new UsageError("the name of the model is empty", { hint: "give a model.json, or the folder that holds it" });
  }
  // One letter before the colon is a drive of Windows.
  const scheme = /^([a-z][a-z0-9+.-]+):[/\\]/i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return { kind: "path", path: text };
  if (scheme === "http" || scheme === "https") return { kind: "url", url: parseUrl(text) };
  if (scheme === "file") return { kind: "path", path: filePath(text) };
  throw new ToolError(`cannot read a model over ${scheme}: ${text}`, {
    hint: "give a path, a folder, or an http, https or file address",
  });
}

function parseUrl(text: string): URL {
  try {
    return new URL(text);
  } catch (cause) {
    throw new ToolError(`${text} is not an address`, { hint: "write https://example.com/model.json", cause });
  }
}

function filePath(text: string): string {
  try {
    return fileURLToPath(new URL(text));
  } catch (cause) {
    throw new ToolError(`${text} is not the address of a file on this machine`, {
      hint: "write file:///path/to/model.json",
      cause,
    });
  }
}

/** The name of a model on a server, without its extension and fit for a file: `my model` for `…/my%20model.json?v=2`. */
export function nameInUrl({ pathname }: URL): string {
  const last = basename(decoded(pathname.split("/").at(-1) ?? ""));
  const name = extname(last).toLowerCase() === ".json" ? last.slice(0, -".json".length) : last;
  return /^\.*$/.test(name) ? "model" : name.replaceAll(/[\p{Cc}\\:]/gu, "_");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
