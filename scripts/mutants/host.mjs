// Keeps one vitest with its transformed sources, and runs the test files it is sent, over and over.
import { createVitest } from "vitest/node";

/** @typedef {{ id: number, stale: string[], tests: string[], name: string }} Order */
/** @typedef {{ test: string, name: string, message: string }} Failure */

const root = process.cwd();
/** What ended in the present run: vitest's own result also has modules of earlier runs, as they were then. */
/** @type {import("vitest/node").TestModule[]} */
let ended = [];
const vitest = await createVitest(
  "test",
  {
    root,
    watch: false,
    project: ["node"],
    bail: 1,
    maxWorkers: Number(process.argv[2]),
    reporters: [{ onTestModuleEnd: (module) => void ended.push(module) }],
  },
  { cacheDir: ".vite" },
);
await vitest.standalone();
const every = await vitest.globTestSpecifications();

process.on("message", (/** @type {Order} */ order) => {
  void run(order);
});
process.on("disconnect", () => process.exit(0));
process.send?.({ ready: every.length });

/** @param {Order} order */
async function run({ id, stale, tests, name }) {
  for (const file of stale) vitest.invalidateFile(`${root}/${file}`);
  const wanted = tests.map((test) => {
    const found = every.find(({ moduleId }) => moduleId === `${root}/${test}`);
    if (found === undefined) throw new Error(`vitest does not know ${test}`);
    return name === ""
      ? found
      : vitest.getProjectByName("node").createSpecification(found.moduleId, { testNamePattern: exactly(name) });
  });
  ended = [];
  const { unhandledErrors } = await vitest.runTestSpecifications(wanted);
  /** @type {Failure[]} */
  const failures = [];
  for (const module of ended) {
    const test = module.moduleId.slice(root.length + 1);
    for (const { message } of module.errors()) failures.push({ test, name: "", message });
    for (const each of module.children.allTests("failed"))
      failures.push({ test, name: each.fullName, message: each.result().errors?.[0]?.message ?? "" });
    for (const suite of module.children.allSuites())
      for (const { message } of suite.errors()) failures.push({ test, name: suite.fullName, message });
  }
  for (const error of unhandledErrors) failures.push({ test: "", name: "", message: String(error) });
  const ran = ended.reduce((sum, { children }) => sum + [...children.allTests("passed")].length, 0);
  process.send?.({ id, failures, ran });
}

/** Vitest joins the names of suites by " > ", and those it matches with a pattern by a space. @param {string} name */
function exactly(name) {
  const escaped = name.replaceAll(" > ", " ").replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped}$`);
}
