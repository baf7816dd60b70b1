// Builds dist/: the command and the library, bundled (a cluster starts in a fraction of a second, so it must not read
// hundreds of files), with what is seldom needed split off and loaded lazily.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

if (isOlder('src/api/generated/schema.json', 'package-lock.json', 'scripts/extract-schema.ts', 'scripts/older-definitions.ts', 'data')) execFileSync(process.execPath, [`${root}/scripts/extract-schema.ts`], { stdio: 'inherit' });
// Made beside the old one and put in its place whole, so that what runs meanwhile, or a build that fails, finds the old one,
// and so that two builds at once do not disturb each other.
const fresh = mkdtempSync(`${root}/.dist-`);
try {
  await build({
    absWorkingDir: root,
    entryPoints: { cli: 'src/cli/main.ts', index: 'src/index.ts', testing: 'src/testing/index.ts' },
    outdir: fresh,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // Node.js 24 has `using`; esbuild would write it otherwise, and in a loop keep the error of an earlier round.
    supported: { using: true },
    mainFields: ['module', 'main'],
    minifySyntax: true,
    minifyWhitespace: true,
    sourcemap: 'linked',
    // Bundled CommonJS packages still call require for Node's own modules.
    banner: { js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);" },
    logLevel: 'warning',
  });
  cpSync(`${root}/src/api/generated`, `${fresh}/generated`, { recursive: true });
  if (process.argv.includes('--types')) {
    execFileSync(process.execPath, [`${root}/node_modules/typescript/bin/tsc`, '-p', `${root}/scripts/tsconfig.types.json`, '--outDir', `${fresh}/types`], { stdio: 'inherit' });
  } else if (existsSync(`${root}/dist/types`)) {
    cpSync(`${root}/dist/types`, `${fresh}/types`, { recursive: true });
  }
  writeFileSync(`${fresh}/.built`, '');
  replace(`${root}/dist`, fresh);
} finally {
  rmSync(fresh, { recursive: true, force: true });
}

/** Puts a folder in the place of another; of several that do so at once, the last one's stays. */
function replace(place: string, fresh: string): void {
  for (;;) {
    const old = `${fresh}-old`;
    try {
      if (existsSync(place)) renameSync(place, old);
      renameSync(fresh, place);
      return;
    } catch (error) {
      // Another put theirs there, or took the old one away, in between.
      if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '') || !existsSync(fresh)) throw error;
    } finally {
      rmSync(old, { recursive: true, force: true });
    }
  }
}

/** Whether what was made there is missing, or older than one of what it is made from. */
function isOlder(made: string, ...from: string[]): boolean {
  const madeMs = existsSync(`${root}/${made}`) ? statSync(`${root}/${made}`).mtimeMs : 0;
  return from.some((path) => statSync(`${root}/${path}`).mtimeMs > madeMs);
}
