// Builds dist/: the command and the library, bundled (a cluster starts in a fraction of a second, so it must not read
// hundreds of files), with what is seldom needed split off and loaded lazily.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

execFileSync(process.execPath, [`${root}/scripts/extract-schema.ts`], { stdio: 'inherit' });
rmSync(`${root}/dist`, { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: { cli: 'src/cli/main.ts', index: 'src/index.ts' },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  sourcemap: 'linked',
  // Bundled CommonJS packages still call require for Node's own modules.
  banner: { js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);" },
  logLevel: 'warning',
});
cpSync(`${root}/src/api/generated`, `${root}/dist/generated`, { recursive: true });
if (process.argv.includes('--types')) {
  mkdirSync(`${root}/dist/types`, { recursive: true });
  execFileSync(process.execPath, [`${root}/node_modules/typescript/bin/tsc`, '-p', `${root}/scripts/tsconfig.types.json`], { stdio: 'inherit' });
}
writeFileSync(`${root}/dist/.built`, '');
