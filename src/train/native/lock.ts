import { randomUUID } from "node:crypto";
import { open, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setInterval as ticks } from "node:timers/promises";

import { errorCode } from "./faults.ts";

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once when another process holds the lock. */
  readonly onWait?: () => void;
  /** Called when the other process is seen to live. */
  readonly onBeat?: () => void;
  /** How often the owner shows that it lives, in milliseconds. */
  readonly beatMs?: number;
  /** After how many milliseconds without a beat the owner counts as dead. */
  readonly staleMs?: number;
}

interface LockState {
  readonly text: string;
  readonly mtimeMs: number;
}

const POLL_MS = 100;
const BEAT_MS = 1000;
const STALE_MS = 15_000;
/** A lock this old when it is first seen is no living process's, which touches it every second. */
const ABANDONED_MS = 60_000;

/**
 * Run an action while no other process runs one under the same lock file.
 *
 * The owner touches the file every `beatMs`. A waiting process takes the lock over when
 * - its owner is a dead process of this host;
 * - the file was not touched for a minute when it is first seen, by the file system's clock;
 * - it was not touched for `staleMs` while this process watched, or for a minute if another process of this host has the
 *   owner's pid: that one may be busy.
 *
 * A host and a pid alone do not identify the owner: each container has a host name of its own, and often the same pid.
 * An owner that was suspended may run beside the new one: the lock saves double work, it does not keep the guarded
 * folder consistent.
 */
export async function withLock<T>(path: string, options: LockOptions, action: () => Promise<T>): Promise<T> {
  const mine = JSON.stringify({ pid: process.pid, host: hostname(), token: randomUUID() });
  await acquire(path, mine, options);
  const beat = setInterval(() => void touch(path, mine), options.beatMs ?? BEAT_MS);
  beat.unref();
  try {
    return await action();
  } finally {
    clearInterval(beat);
    if ((await lockState(path))?.text === mine) await rm(path, { force: true });
  }
}

async function acquire(path: string, mine: string, options: LockOptions): Promise<void> {
  if (await tryCreate(path, mine)) return;
  options.onWait?.();
  let seen: LockState | undefined;
  let seenAt = performance.now();
  const poll = options.signal === undefined ? {} : { signal: options.signal };
  for await (const _ of ticks(POLL_MS, undefined, poll)) {
    const state = await lockState(path);
    if (state === undefined) {
      if (await tryCreate(path, mine)) return;
      continue;
    }
    if (seen === undefined && (await ageOf(path, state)) > ABANDONED_MS) {
      await takeAway(path, state.text);
      continue;
    }
    if (state.text !== seen?.text || state.mtimeMs !== seen.mtimeMs) {
      if (state.text === seen?.text) options.onBeat?.();
      seen = state;
      seenAt = performance.now();
    }
    const owner = localOwner(state.text);
    const patience = owner === "alive" ? ABANDONED_MS : (options.staleMs ?? STALE_MS);
    if (owner === "dead" || performance.now() - seenAt > patience) await takeAway(path, state.text);
  }
}

async function tryCreate(path: string, mine: string): Promise<boolean> {
  try {
    const file = await open(path, "wx");
    await file.writeFile(mine);
    await file.close();
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw error;
  }
}

async function lockState(path: string): Promise<LockState | undefined> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, "utf8"), stat(path)]);
    return { text, mtimeMs };
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** How long ago the lock was touched, by the clock that set its time: another host's may differ from this one's. */
async function ageOf(path: string, { mtimeMs }: LockState): Promise<number> {
  const probe = `${path}.${randomUUID()}`;
  try {
    await writeFile(probe, "", { flag: "wx" });
    return (await stat(probe)).mtimeMs - mtimeMs;
  } catch {
    return 0;
  } finally {
    await rm(probe, { force: true });
  }
}

async function touch(path: string, mine: string): Promise<void> {
  try {
    if ((await lockState(path))?.text === mine) await utimes(path, new Date(), new Date());
  } catch {
    // A missed beat is made good by the next one.
  }
}

/** Remove a dead owner's lock; of several processes that try, one can rename it. */
async function takeAway(path: string, text: string): Promise<void> {
  if ((await lockState(path))?.text !== text) return;
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return;
    throw error;
  }
  await rm(aside, { force: true });
}

/** What this host can say about the owner. This process's own pid says nothing: a container starts with the same one. */
function localOwner(text: string): "alive" | "dead" | "unknown" {
  const owner = parseOwner(text);
  if (owner === undefined || owner.host !== hostname() || owner.pid === process.pid) return "unknown";
  try {
    process.kill(owner.pid, 0);
    return "alive";
  } catch (error) {
    return errorCode(error) === "ESRCH" ? "dead" : "alive";
  }
}

function parseOwner(text: string): { readonly pid: number; readonly host: string } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || !("pid" in value) || !("host" in value)) return undefined;
    return typeof value.pid === "number" && typeof value.host === "string"
      ? { pid: value.pid, host: value.host }
      : undefined;
  } catch {
    return undefined;
  }
}
