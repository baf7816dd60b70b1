// Where a private containerd keeps its things. All of it lies under its directory, but for the socket when that path
// would be too long for the kernel.
import { createHash } from 'node:crypto';
import { join } from 'node:path';

export interface Places {
  readonly directory: string;
  readonly root: string;
  readonly state: string;
  /** runc's own state. */
  readonly runc: string;
  readonly config: string;
  /** Who runs: pid and start time. */
  readonly pidFile: string;
  /** There while one is being started whose pid is not written yet. */
  readonly starting: string;
  readonly log: string;
  readonly socket: string;
  /** Set when the socket is not under `directory`: the directory made for it, whose path is written to `socketRecord`. */
  readonly socketDirectory?: string;
  readonly socketRecord: string;
}

/** sun_path holds 108 bytes with its final zero; containerd also listens on the same path with `.ttrpc` added. */
const longestSocketPathBytes = 107 - '.ttrpc'.length;

export function placesOf(directory: string): Places {
  const near = join(directory, 'containerd.sock');
  const fits = Buffer.byteLength(near) <= longestSocketPathBytes;
  const far = `/run/peapod-${createHash('sha256').update(directory).digest('hex').slice(0, 12)}`;
  return {
    directory,
    root: join(directory, 'root'),
    state: join(directory, 'state'),
    runc: join(directory, 'runc'),
    config: join(directory, 'config.toml'),
    pidFile: join(directory, 'containerd.pid'),
    starting: join(directory, 'containerd.starting'),
    log: join(directory, 'containerd.log'),
    socket: fits ? near : join(far, 'containerd.sock'),
    ...(fits ? {} : { socketDirectory: far }),
    socketRecord: join(directory, 'socket-path'),
  };
}
