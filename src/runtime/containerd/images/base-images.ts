// The images that every cluster has without any registry: `pause`, made of catatonit, which holds a Pod's namespaces and
// reaps its orphans, and `busybox`. They are made of this machine's own binaries.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../../base/clock.ts';
import type { Log } from '../../../base/log.ts';
import { RuntimeError, type Runtime } from '../../runtime.ts';
import { ociArchive, type ImageContent } from './oci-archive.ts';
import type { TarEntry } from './tar.ts';

export const pauseImage = 'localhost/pause:1';

export interface BaseImagesOptions {
  readonly runtime: Pick<Runtime, 'imageStatus'>;
  /** Brings an archive's images into the runtime. */
  readonly load: (archive: string, signal: AbortSignal) => Promise<unknown>;
  /** Where the archive and the record of it are kept. */
  readonly dataDir: string;
  readonly catatonit?: string;
  readonly busybox?: string;
  readonly clock: Clock;
  readonly log: Log;
}

interface Made {
  /** The binaries the archive was made of, as they were then. */
  readonly from: Readonly<Record<string, string>>;
  readonly ids: Readonly<Record<string, readonly string[]>>;
}

/** Makes and imports what is not there yet, or is of other binaries than the machine has now. */
export async function ensureBaseImages(options: BaseImagesOptions, signal: AbortSignal): Promise<void> {
  const { runtime, clock, log } = options;
  const startedMs = clock.monotonicMs();
  const { archive, ids } = makeArchive(options.dataDir, options.catatonit ?? '/usr/bin/catatonit', options.busybox ?? '/usr/bin/busybox');
  const lacking = async () => (await Promise.all(Object.entries(ids).map(async ([name, known]) => (known.includes((await runtime.imageStatus(name, signal))?.id ?? '') ? [] : [name])))).flat();
  if ((await lacking()).length === 0) return;
  await options.load(archive, signal);
  await untilSeen(lacking, clock, signal);
  log.info('made and imported the base images', { names: Object.keys(ids).join(','), ms: Math.round(clock.monotonicMs() - startedMs) });
}

const seenWithinMs = 10_000;

/** CRI hears of an import by an event, a moment after it is done. */
async function untilSeen(lacking: () => Promise<string[]>, clock: Clock, signal: AbortSignal): Promise<void> {
  for (const untilMs = clock.monotonicMs() + seenWithinMs; ; await clock.sleep(3, signal)) {
    const names = await lacking();
    if (names.length === 0) return;
    if (clock.monotonicMs() > untilMs) throw new RuntimeError('failed', `the runtime does not show the imported images ${names.join(', ')}`);
  }
}

/** The archive that lies there already is good as long as the binaries are the same files with the same times. */
function makeArchive(dataDir: string, catatonit: string, busybox: string): { archive: string; ids: Made['ids'] } {
  const archive = join(dataDir, 'base.tar');
  const record = join(dataDir, 'base.json');
  const from = { [catatonit]: fingerprint(catatonit), [busybox]: fingerprint(busybox) };
  const made = readRecord(record);
  if (made && JSON.stringify(made.from) === JSON.stringify(from)) return { archive, ids: made.ids };

  const { bytes, ids } = ociArchive([pauseContent(catatonit), busyboxContent(busybox)]);
  mkdirSync(dataDir, { recursive: true });
  writeFileSync(`${archive}.new`, bytes);
  renameSync(`${archive}.new`, archive);
  writeFileSync(`${record}.new`, JSON.stringify({ from, ids } satisfies Made, null, 2) + '\n');
  renameSync(`${record}.new`, record);
  return { archive, ids };
}

function pauseContent(catatonit: string): ImageContent {
  return { names: [pauseImage], files: [{ type: 'file', path: 'pause', mode: 0o755, content: readFileSync(catatonit) }], entrypoint: ['/pause', '-P'] };
}

const usualPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function busyboxContent(busybox: string): ImageContent {
  const applets = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).split('\n').filter((name) => name !== '' && name !== 'busybox');
  const folder = (path: string, mode = 0o755): TarEntry => ({ type: 'directory', path, mode });
  const text = (path: string, content: string): TarEntry => ({ type: 'file', path, mode: 0o644, content: Buffer.from(content) });
  return {
    names: ['localhost/busybox:latest', 'localhost/busybox:1'],
    files: [
      ...['bin', 'dev', 'etc', 'home', 'proc', 'sys', 'usr', 'var', 'var/spool'].map((path) => folder(path)),
      folder('root', 0o700), folder('tmp', 0o1777), folder('var/tmp', 0o1777),
      { type: 'symlink', path: 'sbin', target: 'bin' },
      { type: 'symlink', path: 'usr/bin', target: '../bin' },
      { type: 'symlink', path: 'usr/sbin', target: '../bin' },
      text('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n'),
      text('etc/group', 'root:x:0:\ndaemon:x:1:\ntty:x:5:\nnogroup:x:65534:\n'),
      text('etc/shadow', 'root:*:::::::\n'),
      text('etc/nsswitch.conf', 'hosts: files dns\n'),
      { type: 'file', path: 'bin/busybox', mode: 0o755, content: readFileSync(busybox) },
      ...applets.map((name): TarEntry => ({ type: 'symlink', path: `bin/${name}`, target: 'busybox' })),
    ],
    cmd: ['sh'],
    env: [`PATH=${usualPath}`],
  };
}

function fingerprint(path: string): string {
  const { size, mtimeMs, ino } = statSync(path);
  return `${size} ${mtimeMs} ${ino}`;
}

function readRecord(path: string): Made | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Made;
  } catch {
    return undefined;
  }
}
