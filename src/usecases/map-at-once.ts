// Many small reads from storages: some at once, for each of them waits mostly, but never all.

const readsAtOnce = 8;

/** Results in the order of the items; the first error ends it. */
export async function mapAtOnce<T, R>(items: readonly T[], read: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += readsAtOnce)
    results.push(...(await Promise.all(items.slice(start, start + readsAtOnce).map((item) => read(item)))));
  return results;
}
