// Sets of completion indexes as Jobs write them: `0,2-5,7`.

/** Sorted; throws with upstream's words. */
export function parseIndexes(text: string | undefined, completions: number): number[] {
  const indexes: number[] = [];
  if (!text) return indexes;
  let last = -1;
  for (const interval of text.split(',')) {
    const limits = interval.split('-');
    if (limits.length > 2) throw new Error(`the fragment ${JSON.stringify(interval)} violates the requirement that an index interval can have at most two parts separated by '-'`);
    const [from, to] = [limits[0]!, limits.at(-1)!].map((limit) => {
      if (!/^-?\d+$/.test(limit)) throw new Error(`cannot convert string to integer for index: ${JSON.stringify(limit)}`);
      if (Number(limit) >= completions) throw new Error(`too large index: ${JSON.stringify(limit)}`);
      return Number(limit);
    }) as [number, number];
    if (limits.length === 2 && from >= to) throw new Error(`non-increasing order, previous: ${from}, current: ${to}`);
    if (from <= last) throw new Error(`non-increasing order, previous: ${last}, current: ${from}`);
    for (let index = from; index <= to; index++) indexes.push(index);
    last = to;
  }
  return indexes;
}

/** As `parseIndexes`, of what a controller wrote itself: what no longer fits is left out. */
export function readIndexes(text: string | undefined, completions: number): ReadonlySet<number> {
  const found = new Set<number>();
  for (const interval of text ? text.split(',') : []) {
    const [from, to = from] = interval.split('-').map(Number) as [number, number?];
    for (let index = from; index <= Math.min(to!, completions - 1); index++) found.add(index);
  }
  return found;
}

export function formatIndexes(indexes: Iterable<number>): string {
  const sorted = [...new Set(indexes)].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let start = 0; start < sorted.length; ) {
    let end = start;
    while (sorted[end + 1] === sorted[end]! + 1) end++;
    const [from, to] = [sorted[start]!, sorted[end]!];
    // Two in a row are written apart, as upstream does.
    if (to === from) parts.push(String(from));
    else if (to === from + 1) parts.push(String(from), String(to));
    else parts.push(`${from}-${to}`);
    start = end + 1;
  }
  return parts.join(',');
}
