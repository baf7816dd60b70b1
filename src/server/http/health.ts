// /healthz, /livez and /readyz: whole, check by check (`?verbose`), or one check by its name; in upstream's text.

export interface Health {
  readonly isHealthy: boolean;
  readonly text: string;
}

export interface Check {
  /** What is wrong; undefined: nothing. */
  readonly check: () => string | undefined | Promise<string | undefined>;
  /** True: for whether requests should come here at all, not for whether the server should be started anew. */
  readonly isForReadiness?: boolean;
}

export type Checks = Readonly<Record<string, Check>>;

/** Undefined: the path is about something else. */
export function health(path: string, isVerbose: boolean, exclude: readonly string[], all: Checks): Promise<Health> | undefined {
  const [, name = '', ...rest] = path.split('/');
  if (name !== 'healthz' && name !== 'livez' && name !== 'readyz') return undefined;
  const checks = Object.entries(all).filter(([, { isForReadiness }]) => name === 'readyz' || !isForReadiness);
  if (rest.length === 0) return whole(name, isVerbose, exclude, checks);
  const found = checks.find(([each]) => each === rest.join('/'));
  return found && single(found[1]);
}

async function single({ check }: Check): Promise<Health> {
  const wrong = await check();
  return wrong === undefined ? { isHealthy: true, text: 'ok' } : { isHealthy: false, text: `internal server error: ${wrong}\n` };
}

/** What is wrong is not said here: anyone may ask. */
async function whole(name: string, isVerbose: boolean, exclude: readonly string[], checks: readonly [string, Check][]): Promise<Health> {
  let isHealthy = true;
  const lines: string[] = [];
  for (const [each, { check }] of checks) {
    const isExcluded = exclude.includes(each);
    const isOk = isExcluded || (await check()) === undefined;
    isHealthy &&= isOk;
    lines.push(isExcluded ? `[+]${each} excluded: ok\n` : isOk ? `[+]${each} ok\n` : `[-]${each} failed: reason withheld\n`);
  }
  const unknown = exclude.filter((each) => !checks.some(([known]) => known === each));
  if (unknown.length > 0) lines.push(`warn: some health checks cannot be excluded: no matches for ${[...new Set(unknown)].toSorted().map((each) => JSON.stringify(each)).join(',')}\n`);
  if (isHealthy && !isVerbose) return { isHealthy, text: 'ok' };
  return { isHealthy, text: `${lines.join('')}${name} check ${isHealthy ? 'passed' : 'failed'}\n` };
}
