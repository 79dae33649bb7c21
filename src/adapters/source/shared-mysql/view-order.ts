// Puts the final definitions of views in the order of their dependencies. The dump programs write them by name, over
// placeholders; a view WITH CHECK OPTION is then refused when the one below it still is a placeholder.

import { quoteName } from "./identifier.ts";

export interface ViewOrder {
  /** Text between statements; begins a new view when the dump says so. */
  readGap(text: string): void;
  /** Undefined when the statement is not part of a view's final definition and is to be handed on. */
  hold(statement: string, created: string | undefined): boolean;
  /** Everything held, in an order that works. */
  release(): string;
}

interface View {
  text: string;
  name: string | undefined;
}

const mark = "-- Final view structure for view ";
/** At the end of a dump: the session is put back. */
const footer = /@OLD_\w+/i;

export function createViewOrder(): ViewOrder {
  const views: View[] = [];
  let isHolding = false;
  return {
    readGap(text) {
      if (!text.includes(mark)) return;
      isHolding = true;
      views.push({ text: "", name: undefined });
    },
    hold(statement, created) {
      const view = views.at(-1);
      if (!isHolding || view === undefined) return false;
      if (footer.test(statement) && created === undefined) {
        isHolding = false;
        return false;
      }
      view.text += `${statement}\n`;
      view.name ??= created;
      return true;
    },
    release: () =>
      sortViews(views.splice(0))
        .map((view) => view.text)
        .join(""),
  };
}

function sortViews(views: readonly View[]): readonly View[] {
  const sorted: View[] = [];
  const left = new Set(views);
  const mentions = (view: View, other: View): boolean =>
    other !== view && other.name !== undefined && view.text.includes(quoteName(other.name));
  while (left.size > 0) {
    const ready = [...left].filter((view) => ![...left].some((other) => mentions(view, other)));
    // A column with the name of a view can look like a circle; then the dump's own order has to do.
    for (const view of ready.length > 0 ? ready : [...left]) {
      sorted.push(view);
      left.delete(view);
    }
  }
  return sorted;
}
