// `peapod kubeconfig`: the admin's kubeconfig on standard output.
import { existsSync, readFileSync } from 'node:fs';
import { layoutOf } from '../../cluster/layout.ts';
import { runningInstance } from '../../cluster/instance.ts';
import { UserError } from '../../cluster/user-error.ts';

export function runKubeconfig(dataDir: string): void {
  const layout = layoutOf(dataDir);
  const file = runningInstance(layout.instance)?.kubeconfig ?? layout.kubeconfig;
  if (!existsSync(file)) throw new UserError(`there is no cluster in ${dataDir}`, 'start one with: peapod up');
  process.stdout.write(readFileSync(file));
}
