// The cluster's store: one file, and before it, where that is asked for, what encrypts. The configuration is followed while it runs.
import { statSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { MetricsText } from '../base/metrics-text.ts';
import { EncryptedStore } from '../store/encryption/encrypted-store.ts';
import { openSqliteStore } from '../store/sqlite/sqlite-store.ts';
import { Locked, type Store } from '../store/store.ts';
import type { Crew } from './crew.ts';
import { readEncryption } from './encryption-config.ts';
import type { Layout } from './layout.ts';
import { UserError } from './user-error.ts';

export interface OpenStoreDeps {
  readonly layout: Layout;
  readonly encryptionProviderConfig?: string;
  readonly crew: Crew;
  readonly clock: Clock;
  readonly log: Log;
}

export interface OpenedStore {
  readonly store: Store;
  readonly writeMetrics: (text: MetricsText) => void;
}

/** A file that is written in several steps is read when it has been quiet for so long. */
const settleMs = 200;

/** Throws UserError when another process has the file, or the configuration cannot be. */
export async function openStore({ layout, encryptionProviderConfig: config, crew, clock, log }: OpenStoreDeps): Promise<OpenedStore> {
  const choose = config === undefined ? undefined : await readEncryption(config);
  const file = openFile(layout, choose !== undefined);
  crew.atEnd('store', () => store.close());
  let store = file;
  const writeSize = (text: MetricsText) => text.one('apiserver_storage_size_bytes', 'gauge', '[STABLE] Size of the storage database file physically allocated in bytes.', sizeOf(layout.store), { storage_cluster_id: 'sqlite' });
  if (config === undefined || !choose) return { store, writeMetrics: writeSize };
  const encrypted = new EncryptedStore(file, choose, (error) => log.warn('what was written before could not be forgotten', { error }));
  store = encrypted;
  encrypted.forgetHistory();
  const reloads = { success: 0, failure: 0 };
  const reload = async () => {
    try {
      encrypted.choose(await readEncryption(config));
      reloads.success++;
      log.info('the encryption configuration has been read anew', { file: config });
    } catch (error) {
      reloads.failure++;
      log.error('the encryption configuration is wrong now, and stays as it was', { error });
    }
  };
  const following = followFile(config, clock, () => void reload());
  crew.atEnd('encryption configuration', async () => following[Symbol.dispose]());
  return {
    store,
    writeMetrics(text) {
      writeSize(text);
      const family = text.family('apiserver_encryption_config_controller_automatic_reloads_total', 'counter', '[ALPHA] Total number of reload successes and failures of encryption configuration.');
      for (const status of ['success', 'failure'] as const) family({ status }, reloads[status]);
    },
  };
}

/** By its folder, since editors and mounted ConfigMaps put another file in the place of the old. */
function followFile(file: string, clock: Clock, changed: () => void): Disposable {
  let waiting: Disposable | undefined;
  const watcher = watch(dirname(file), (_event, name) => {
    if (name !== null && name !== basename(file) && !name.startsWith('..')) return;
    waiting?.[Symbol.dispose]();
    waiting = clock.schedule(settleMs, changed);
  });
  watcher.on('error', () => {});
  return {
    [Symbol.dispose]() {
      waiting?.[Symbol.dispose]();
      watcher.close();
    },
  };
}

/** With what is still in its write-ahead log. */
function sizeOf(path: string): number {
  return ['', '-wal'].reduce((sum, ending) => sum + (statSync(path + ending, { throwIfNoEntry: false })?.size ?? 0), 0);
}

function openFile(layout: Layout, scrubs: boolean): Store {
  try {
    return openSqliteStore(layout.store, { scrubs });
  } catch (error) {
    if (error instanceof Locked) throw new UserError(`another process uses ${layout.dataDir}`, 'end it with: peapod down, or give another data directory', { cause: error });
    throw error;
  }
}
