import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pod } from '../testing/pods.ts';
import { memoryBytes } from '../volumes/empty-dir.ts';
import { directoryLimits, exceededMessage } from './empty-dir-limits.ts';

test('only volumes on disk with a limit are measured', () => {
  const one = pod({ volumes: [{ name: 'a', emptyDir: {} }, { name: 'b', emptyDir: { sizeLimit: '1Mi' } }, { name: 'c', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }, { name: 'd', configMap: { name: 'x' } }, { name: 'e', emptyDir: { sizeLimit: '0' } }] });
  assert.deepEqual(directoryLimits(one), [{ volume: 'b', bytes: 1024 * 1024, text: '1Mi' }]);
  assert.equal(exceededMessage(directoryLimits(one)[0]!), 'Usage of EmptyDir volume "b" exceeds the limit "1Mi". ');
  assert.deepEqual(directoryLimits(pod()), []);
});

test('memory is bounded by the least of its limit, the Pod\'s and the node\'s', () => {
  const limited = pod({ containers: [{ name: 'app', resources: { limits: { memory: '4Ki' } } }] });
  assert.equal(memoryBytes(limited, '1Ki', 10_000), 1024);
  assert.equal(memoryBytes(limited, '9Ki', 10_000), 4096);
  assert.equal(memoryBytes(limited, undefined, 2000), 2000);
  assert.equal(memoryBytes(pod(), undefined, 10_000), 10_000);
});
