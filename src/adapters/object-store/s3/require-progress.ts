// A listing that begins again, or gives one empty page after another, would keep a prune waiting for ever.

import { AppError } from "../../../domain/error.ts";

/** Markers of deleted versions may fill some pages of which nothing is left. */
const mostEmptyPages = 1000;

export interface PageWatch {
  /** Throws `storage_failed` when the listing does not get on. `next` is where the store says that it goes on. */
  turn(firstName: string | undefined, next: string): void;
}

export function watchPages(what: string): PageWatch {
  const seen = new Set<string>();
  let emptyPages = 0;
  return {
    turn(firstName, next) {
      emptyPages = firstName === undefined ? emptyPages + 1 : 0;
      const marks = [`next ${next}`, ...(firstName === undefined ? [] : [`first ${firstName}`])];
      if (emptyPages <= mostEmptyPages && !marks.some((mark) => seen.has(mark))) {
        for (const mark of marks) seen.add(mark);
        return;
      }
      throw new AppError("storage_failed", `${what} does not come to an end: the store gives the same pages again`, {
        hint: "this is a fault of the store or of a proxy before it; nothing was changed on the strength of the listing",
      });
    },
  };
}
