/**
 * Asks for the next item while the current one is used. Ended early, it waits for the item that is under way and lets the
 * source end.
 */
export async function* oneAhead<T>(items: AsyncGenerator<T>): AsyncGenerator<T> {
  let next = ask(items);
  try {
    for (;;) {
      const { done, value } = await next;
      if (done === true) return;
      next = ask(items);
      yield value;
    }
  } finally {
    await next.catch(() => undefined);
    await items.return(undefined);
  }
}

/** Its failure is thrown to who awaits it, perhaps much later. */
function ask<T>(items: AsyncGenerator<T>): Promise<IteratorResult<T, unknown>> {
  const asked = items.next();
  asked.catch(() => undefined);
  return asked;
}
