// Work that must not overlap with itself: each call begins when the one before it has ended, however that ended.

export function takeTurns<T>(work: () => Promise<T>): () => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return () => {
    const mine = last.then(work);
    last = mine.catch(() => {});
    return mine;
  };
}
