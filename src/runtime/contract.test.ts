import { after, before, describe } from 'node:test';
import { runtimeContract } from './testing/contract.ts';
import type { World } from './testing/contract-pods.ts';
import { cannotRun, startTestContainerd, type TestContainerd } from './testing/test-containerd.ts';

describe('containerd', { skip: cannotRun }, () => {
  let machine: TestContainerd;
  before(async () => (machine = await startTestContainerd()));
  after(() => machine.end());
  const world = (): World => ({ runtime: machine.runtime, afresh: machine.connect, image: 'localhost/busybox', logs: machine.logs, cgroupParent: machine.cgroupParent });
  runtimeContract('keeps the contract', world);
});
