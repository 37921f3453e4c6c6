/**
 * What `read` gives for 0 to `count` - 1, in order, while the next ones are on their way: at most `ahead` of them. What was asked for and
 * is not wanted any more is waited for.
 */
export async function* readAhead<T>(
  count: number,
  ahead: number,
  read: (index: number) => Promise<T>,
): AsyncGenerator<T> {
  const coming: Promise<T>[] = [];
  let next = 0;
  const ask = (): void => {
    const asked = read(next);
    // Whoever takes it gets its failure; until then it is nobody's.
    asked.catch(() => undefined);
    coming.push(asked);
    next += 1;
  };
  try {
    while (next < count && coming.length <= ahead) ask();
    for (let first = coming.shift(); first !== undefined; first = coming.shift()) {
      const value = await first;
      if (next < count) ask();
      yield value;
    }
  } finally {
    await Promise.allSettled(coming);
  }
}
