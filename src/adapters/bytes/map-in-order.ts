// Works on several items of a stream at once and hands the results on in the stream's order.

export async function* mapInOrder<Item, Result>(
  items: AsyncIterable<Item>,
  parallel: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const running: Promise<Result>[] = [];
  for await (const item of items) {
    const result = work(item);
    // It is awaited below; until then a failure must not count as unhandled.
    result.catch(() => {});
    running.push(result);
    if (running.length >= parallel) yield await running.shift()!;
  }
  for (const result of running) yield await result;
}
