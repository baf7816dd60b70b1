// Health, check by check, and what is counted of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HealthChecks } from './health.ts';

test('what fails is named to all, why it fails only where it is asked for, and what may be left out is', async () => {
  let left: string | undefined = '2 informers not started yet: [pods nodes]';
  const checks = new HealthChecks({ ping: { check: () => undefined }, 'informer-sync': { check: () => left, isForReadiness: true }, 'poststarthook/a/b': { check: async () => undefined } });
  const at = (path: string, isVerbose = false, ...exclude: string[]) => checks.at(path, isVerbose, exclude);
  assert.deepEqual(await at('/readyz'), { isHealthy: false, text: '[+]ping ok\n[-]informer-sync failed: reason withheld\n[+]poststarthook/a/b ok\nreadyz check failed\n' });
  assert.deepEqual(await at('/readyz/informer-sync'), { isHealthy: false, text: 'internal server error: 2 informers not started yet: [pods nodes]\n' });
  assert.deepEqual(await at('/livez'), { isHealthy: true, text: 'ok' });
  assert.equal(at('/livez/informer-sync'), undefined);
  assert.deepEqual(await at('/healthz/poststarthook/a/b'), { isHealthy: true, text: 'ok' });
  assert.deepEqual(await at('/readyz', true, 'informer-sync'), { isHealthy: true, text: '[+]ping ok\n[+]informer-sync excluded: ok\n[+]poststarthook/a/b ok\nreadyz check passed\n' });
  const counted = checks.metrics();
  assert.match(counted, /^kubernetes_healthcheck\{name="informer-sync",type="readyz"\} 0$/m);
  assert.match(counted, /^kubernetes_healthchecks_total\{name="informer-sync",status="error",type="readyz"\} 2$/m);
  assert.match(counted, /^kubernetes_healthchecks_total\{name="ping",status="success",type="livez"\} 1$/m);
  left = undefined;
  assert.deepEqual(await at('/readyz'), { isHealthy: true, text: 'ok' });
  assert.match(checks.metrics(), /^kubernetes_healthcheck\{name="informer-sync",type="readyz"\} 1$/m);
});
