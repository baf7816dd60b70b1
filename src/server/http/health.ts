// /healthz, /livez and /readyz: whole, check by check (`?verbose`), or one check by its name.

export interface Health {
  readonly isHealthy: boolean;
  readonly text: string;
}

/** Undefined: the path is about something else. */
export function health(path: string, isVerbose: boolean, exclude: readonly string[], checks: Readonly<Record<string, () => boolean>>): Health | undefined {
  const [, name, check, more] = path.split('/');
  if ((name !== 'healthz' && name !== 'livez' && name !== 'readyz') || more !== undefined) return undefined;
  if (check !== undefined) {
    if (!Object.hasOwn(checks, check)) return undefined;
    return checks[check]!() ? { isHealthy: true, text: 'ok' } : { isHealthy: false, text: 'internal server error: failed\n' };
  }
  const results = Object.entries(checks).filter(([each]) => !exclude.includes(each)).map(([each, run]) => ({ each, isOk: run() }));
  const isHealthy = results.every(({ isOk }) => isOk);
  if (isHealthy && !isVerbose) return { isHealthy, text: 'ok' };
  const lines = results.map(({ each, isOk }) => (isOk ? `[+]${each} ok\n` : `[-]${each} failed: reason withheld\n`));
  return { isHealthy, text: `${lines.join('')}${name} check ${isHealthy ? 'passed' : 'failed'}\n` };
}
