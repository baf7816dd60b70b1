// The default store: one SQLite file (and its -wal), on the machine's disk.
import { LogStore } from '../log-store.ts';
import type { Store } from '../store.ts';
import { SqliteLog } from './sqlite-log.ts';

export interface SqliteStoreOptions {
  /** What is dropped leaves no trace in the file. Default false. */
  readonly scrubs?: boolean;
}

/** Opens the file, or makes it. Throws Locked when another process has it open. */
export function openSqliteStore(file: string, { scrubs = false }: SqliteStoreOptions = {}): Store {
  return new LogStore(new SqliteLog(file, scrubs));
}
