// `peapod kubectl …` and `peapod helm …`: the stock program against this cluster.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { existsSync } from 'node:fs';
import { layoutOf } from '../../cluster/layout.ts';
import { runningInstance } from '../../cluster/instance.ts';
import { UserError } from '../../cluster/user-error.ts';
import { stockProgram, type StockProgram } from '../stock-programs.ts';

/** Resolves with the program's exit code. */
export async function runStock(name: StockProgram, dataDir: string, args: readonly string[]): Promise<number> {
  const layout = layoutOf(dataDir);
  const kubeconfig = runningInstance(layout.instance)?.kubeconfig ?? layout.kubeconfig;
  if (!existsSync(kubeconfig)) throw new UserError(`there is no cluster in ${dataDir}`, 'start one with: peapod up');
  const program = await stockProgram(name);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, KUBECONFIG: kubeconfig } });
    // The terminal sends Ctrl-C to both; the program decides what it means.
    process.on('SIGINT', () => {});
    process.on('SIGTERM', () => child.kill('SIGTERM'));
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}
