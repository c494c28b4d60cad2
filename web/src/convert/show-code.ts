import { element, make } from "./dom.ts";
import { first } from "../../../src/require.ts";
import type { Snippet } from "./snippets.ts";

/** How long a button says that it has copied. */
const COPIED_MS = 2000;

/** Show programs behind tabs, as the ARIA pattern for tabs has them: arrow keys move between them. */
export function showCode(all: readonly Snippet[]): void {
  const tabs = all.map(({ language }, index) =>
    make("button", { type: "button", role: "tab", id: `tab-${index}`, "aria-controls": "panel" }, language),
  );
  const panel = element("panel", HTMLElement);
  const select = (index: number): void => {
    for (const [at, tab] of tabs.entries()) {
      tab.ariaSelected = String(at === index);
      tab.tabIndex = at === index ? 0 : -1;
    }
    panel.setAttribute("aria-labelledby", `tab-${index}`);
    const snippet = all[index];
    if (snippet !== undefined) panel.replaceChildren(...contents(snippet));
  };
  for (const [index, tab] of tabs.entries()) {
    tab.addEventListener("click", () => select(index));
    tab.addEventListener("keydown", ({ key }) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
      if (step === undefined) return;
      const next = (index + step + tabs.length) % tabs.length;
      select(next);
      tabs[next]?.focus();
    });
  }
  element("tabs", HTMLElement).replaceChildren(...tabs);
  select(all.indexOf(first(all)));
}

function contents({ language, install, code }: Snippet): readonly Node[] {
  return [
    block(install, `Copy the line that installs ONNX Runtime for ${language}`),
    block(code, `Copy the ${language} program`),
  ];
}

function block(text: string, label: string): HTMLElement {
  const button = make("button", { type: "button", class: "copy", "aria-label": label }, "Copy");
  button.addEventListener("click", () => void copy(text, button));
  return make("div", { class: "block" }, make("pre", { tabindex: "0" }, make("code", {}, text.trimEnd())), button);
}

async function copy(text: string, button: HTMLButtonElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Select and copy";
  }
  setTimeout(() => {
    button.textContent = "Copy";
  }, COPIED_MS);
}
