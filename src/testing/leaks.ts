// Clusters that nobody stopped, told of when the process ends.
const open = new Map<object, string>();
let isListening = false;

/** `where`: a stack, whose first lines are our own. */
export function begun(cluster: object, where: string): void {
  open.set(cluster, where);
  if (isListening) return;
  isListening = true;
  process.on('exit', () => {
    for (const stack of open.values()) {
      process.stderr.write(`peapod/testing: a test cluster was never stopped (await cluster.stop(), or: await using cluster = …); it was started here:\n${stack}\n`);
    }
  });
}

export function ended(cluster: object): void {
  open.delete(cluster);
}

/** The frames of the caller's own code. */
export function callerStack(): string {
  const lines = (new Error().stack ?? '').split('\n').slice(1);
  const own = lines.filter((line) => !/[\\/](src|dist)[\\/]testing[\\/]|[\\/]dist[\\/](testing|chunk)[^\\/]*\.js|node:internal/.test(line));
  return (own.length > 0 ? own : lines).slice(0, 5).join('\n');
}
