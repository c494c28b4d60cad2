import { createHash, timingSafeEqual } from "node:crypto";

import { RequestFault } from "./fault.ts";

/** Refuses what does not carry the key: `Authorization: Bearer KEY`, or `X-API-Key: KEY`. */
export type Guard = (authorization: string | undefined, apiKey: string | undefined) => void;

/** @param key null lets everything pass. */
export function createGuard(key: string | null): Guard {
  if (key === null) return () => undefined;
  const wanted = digest(key);
  return (authorization, apiKey) => {
    const bearer = /^Bearer +(.+)$/iu.exec(authorization ?? "")?.[1];
    const given = bearer ?? apiKey;
    // Digests are of equal length, and comparing them tells nothing of how much of a key is right.
    if (given !== undefined && timingSafeEqual(digest(given), wanted)) return;
    throw new RequestFault("unauthenticated", given === undefined ? "an API key is required" : "the API key is wrong", {
      hint: "send it as Authorization: Bearer KEY, or as X-API-Key: KEY",
    });
  };
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
