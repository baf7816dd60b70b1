import { after, before, describe } from 'node:test';
import { runtimeContract, type World } from '../testing/contract.ts';
import { cannotRunDocker, startTestDocker, type TestDocker } from '../testing/test-docker.ts';

describe('Docker Engine', { skip: cannotRunDocker }, () => {
  let machine: TestDocker;
  before(async () => (machine = await startTestDocker()));
  after(() => machine.end());
  const world = (): World => ({ runtime: machine.runtime, afresh: machine.connect, image: 'localhost/busybox', logs: machine.logs, cgroupParent: machine.cgroupParent, ownUtsNamespaces: true });
  runtimeContract('keeps the contract', world);
});
