// What the tests need beyond Peapod itself: its own Debian packages, Docker Engine, jq, e2fsprogs, openssl, dig, musl-gcc and python3-kubernetes, and stock kubectl 1.20 (Debian's) and 1.36,
// unpacked into .cache/stock so that a kubectl that the machine has is left alone.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram, installLine, isDebian, missing, networkRequirements, runtimeRequirements, type Requirement } from '../src/cluster/requirements.ts';
import { fetchedProgram } from '../src/cli/stock-programs.ts';

const stock = fileURLToPath(new URL('../.cache/stock', import.meta.url));
const tool = (name: string, debianPackage = name): Requirement => ({ name, debianPackage, purpose: 'tests', find: () => findProgram(name) });

const pythonClient = '/usr/lib/python3/dist-packages/kubernetes';

const lacking = missing([...runtimeRequirements, ...networkRequirements, tool('jq'), tool('mkfs.ext4', 'e2fsprogs'), tool('openssl'), tool('dig', 'bind9-dnsutils'), tool('musl-gcc', 'musl-tools'), tool('dockerd', 'docker.io'), { ...tool('python3-kubernetes'), find: () => (existsSync(pythonClient) ? pythonClient : undefined) }]);
if (lacking.length > 0) {
  if (!isDebian()) throw new Error(`the tests need ${lacking.map((item) => item.name).join(', ')}: ${installLine(lacking)}`);
  const packages = [...new Set(lacking.map((item) => item.debianPackage))];
  console.log(`installing ${packages.join(' ')}`);
  aptGet(['update', '-q']);
  aptGet(['install', '-q', '-y', '--no-install-recommends', ...packages]);
}

const old = join(stock, 'bin', 'kubectl-1.20');
if (!existsSync(old) && isDebian()) {
  mkdirSync(join(stock, 'bin'), { recursive: true });
  const folder = mkdtempSync(join(stock, 'old-'));
  try {
    aptGet(['download', '-q', '-o', 'APT::Sandbox::User=root', 'kubernetes-client'], folder);
  } catch {
    aptGet(['update', '-q']);
    aptGet(['download', '-q', '-o', 'APT::Sandbox::User=root', 'kubernetes-client'], folder);
  }
  const archive = readdirSync(folder).find((name) => name.endsWith('.deb'))!;
  execFileSync('dpkg-deb', ['-x', join(folder, archive), folder]);
  renameSync(join(folder, 'usr', 'bin', 'kubectl'), old);
  rmSync(folder, { recursive: true });
}
await fetchedProgram('kubectl');

function aptGet(args: string[], cwd?: string): void {
  execFileSync('apt-get', ['-o', 'DPkg::Lock::Timeout=300', ...args], { cwd, stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
}
