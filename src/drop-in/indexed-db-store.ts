import type { ModelStore } from "./surroundings.ts";

const DATABASE = "tfjs-to-onnx";
const FILES = "drop-in-files";
const USES = "drop-in-uses";
/** Another page that holds the database must let go of it within this time. */
const OPEN_MS = 5_000;

/** When a kept model was last used, and how large it is. */
interface Use {
  readonly key: string;
  readonly byteLength: number;
  readonly usedAt: number;
}

/**
 * Models kept in IndexedDB. Several pages may use it at once: each change is one transaction. Sizes and times are in a store of their own, so
 * that finding what to remove reads no model.
 */
export function openIndexedDbStore(): ModelStore {
  return {
    get: (key) =>
      withDatabase((database) =>
        transact(database, async (files, uses) => {
          const bytes = await answer<unknown>(files.get(key));
          if (!(bytes instanceof ArrayBuffer)) return null;
          uses.put(useOf(key, bytes.byteLength));
          return new Uint8Array(bytes);
        }),
      ),
    put: (key, bytes, maxBytes) =>
      withDatabase((database) =>
        transact(database, async (files, uses) => {
          files.put(bytes.slice().buffer, key);
          uses.put(useOf(key, bytes.byteLength));
          const known = (await answer<unknown[]>(uses.getAll())).filter(isUse);
          for (const old of tooMany(known, key, maxBytes)) {
            files.delete(old);
            uses.delete(old);
          }
        }),
      ),
    delete: (key) =>
      withDatabase((database) =>
        transact(database, async (files, uses) => {
          files.delete(key);
          uses.delete(key);
        }),
      ),
    clear: () =>
      withDatabase((database) =>
        transact(database, async (files, uses) => {
          files.clear();
          uses.clear();
        }),
      ),
  };
}

/** The least recently used but one, until the rest has `maxBytes` at most. */
function tooMany(uses: readonly Use[], newest: string, maxBytes: number): string[] {
  let total = uses.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const removed: string[] = [];
  for (const { key, byteLength } of uses.toSorted((a, b) => a.usedAt - b.usedAt)) {
    if (total <= maxBytes) break;
    if (key === newest) continue;
    removed.push(key);
    total -= byteLength;
  }
  return removed;
}

function useOf(key: string, byteLength: number): Use {
  return { key, byteLength, usedAt: Date.now() };
}

function isUse(value: unknown): value is Use {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof Reflect.get(value, "key") === "string" &&
    typeof Reflect.get(value, "byteLength") === "number" &&
    typeof Reflect.get(value, "usedAt") === "number"
  );
}

async function withDatabase<Result>(work: (database: IDBDatabase) => Promise<Result>): Promise<Result> {
  const database = await openDatabase();
  try {
    return await work(database);
  } finally {
    database.close();
  }
}

async function openDatabase(): Promise<IDBDatabase> {
  if (globalThis.indexedDB === undefined) throw new Error("there is no IndexedDB here");
  const request = indexedDB.open(DATABASE, 1);
  request.addEventListener("upgradeneeded", () => {
    request.result.createObjectStore(FILES);
    request.result.createObjectStore(USES, { keyPath: "key" });
  });
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error("IndexedDB did not open in time; another page may hold it")), OPEN_MS);
  });
  return Promise.race([answer(request), late]);
}

/** Run a task in one transaction over both stores. It may await the stores' own requests alone, since a transaction ends when it is idle. */
async function transact<Result>(
  database: IDBDatabase,
  task: (files: IDBObjectStore, uses: IDBObjectStore) => Promise<Result>,
): Promise<Result> {
  const transaction = database.transaction([FILES, USES], "readwrite");
  const ended = new Promise<void>((resolve, reject) => {
    transaction.addEventListener("complete", () => resolve());
    transaction.addEventListener("abort", () => reject(transaction.error ?? new Error("IndexedDB gave up")));
  });
  const [result] = await Promise.all([task(transaction.objectStore(FILES), transaction.objectStore(USES)), ended]);
  return result;
}

async function answer<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error ?? new Error("IndexedDB gave no answer")));
  });
}
