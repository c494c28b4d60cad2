import type { Problem } from "./messages.ts";

/** What a problem is of, the most pressing first: what was given, what is on the pad, what runs or is yet to. */
const KINDS = ["refused", "unread", "broken", "slow"] as const;

/** Where the page says what is wrong, one problem at a time. */
export class Notice {
  readonly #box: HTMLElement;
  readonly #message = document.createElement("strong");
  readonly #hint = document.createElement("span");
  readonly #problems = new Map<(typeof KINDS)[number], Problem>();

  constructor(box: HTMLElement) {
    this.#box = box;
    box.replaceChildren(this.#message, "\n", this.#hint);
  }

  /** Say it, until it is taken back or something more pressing is wrong. */
  tell(kind: (typeof KINDS)[number], problem: Problem): void {
    this.#problems.set(kind, problem);
    this.#show();
  }

  takeBack(...kinds: readonly (typeof KINDS)[number][]): void {
    for (const kind of kinds) this.#problems.delete(kind);
    this.#show();
  }

  /** On a phone it may be below what is in view. */
  bringIntoView(): void {
    this.#box.scrollIntoView({ block: "nearest" });
  }

  #show(): void {
    const [problem] = KINDS.flatMap((kind) => this.#problems.get(kind) ?? []);
    const { message = "", hint = "" } = problem ?? {};
    // A screen reader tells again what is set again.
    if (this.#message.textContent === message && this.#hint.textContent === hint) return;
    this.#box.hidden = message === "";
    this.#message.textContent = message;
    this.#hint.textContent = hint;
  }
}
