// Brings the Debian packages that are missing, saying so before it does.
import { spawn } from 'node:child_process';
import { dockerRequirements, installLine, isDebian, missing, networkRequirements, runtimeRequirements } from '../cluster/requirements.ts';
import { UserError } from '../cluster/user-error.ts';
import type { Steps } from './output.ts';

/** `runtime`: whose parts are needed; `given` when it is somebody else's and has them. */
export async function installMissing(runtime: 'own' | 'docker' | 'given', steps: Steps): Promise<void> {
  const ofRuntime = { own: runtimeRequirements, docker: dockerRequirements, given: [] }[runtime];
  const lacking = missing([...ofRuntime, ...networkRequirements]);
  if (lacking.length === 0) return;
  const packages = [...new Set(lacking.map((requirement) => requirement.debianPackage))];
  if (!isDebian()) throw new UserError(`this machine lacks ${lacking.map((requirement) => requirement.name).join(', ')}`, installLine(lacking));
  await steps.during(`installing Debian packages: ${packages.join(' ')}`, async () => {
    // A package that was fetched before installs without a new list; a machine with no lists needs one first.
    const install = ['install', '-y', '--no-install-recommends', ...packages];
    if ((await aptGet(install)) !== undefined) {
      await aptGet(['update']);
      const failure = await aptGet(install);
      if (failure !== undefined) throw new UserError(`installing ${packages.join(', ')} failed: ${failure}`, installLine(lacking));
    }
  });
  const still = missing(lacking);
  if (still.length > 0) throw new UserError(`after the installation ${still.map((requirement) => requirement.name).join(', ')} is still missing`, installLine(still));
}

/** Resolves with undefined when it succeeded, else with its last lines. */
function aptGet(args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn('apt-get', args, { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, stdio: ['ignore', 'pipe', 'pipe'] });
    let tail = '';
    const keep = (chunk: Buffer) => (tail = (tail + chunk.toString()).slice(-2000));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code) => resolve(code === 0 ? undefined : tail.trim().split('\n').slice(-3).join(' ')));
  });
}
