// The log as a table of SQLite, in WAL mode.
//
// A commit is durable when it resolves, as with synchronous=FULL, but without holding the event loop while the disk works:
// SQLite commits with synchronous=NORMAL, which writes the WAL without syncing it, and then we sync the WAL ourselves on a
// thread of libuv. SQLite still syncs in the right order around a checkpoint. Measured on 2 shared cores, 32 rows of 2 KB a
// commit: 0.25 ms of the main thread (0.47 ms with FULL), checkpoints of 4 MB (3 to 10 ms each) among them: a worker thread
// would cost more in messages and memory than it saves. The rowid is the only index: one on the key would double the time.
// Of pages of 4 KB a row of 2 KB wastes half; with 16 KB a row costs a third.
import { closeSync, fdatasync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { CommitRefused, type Commit, type Log, type Row } from '../log.ts';
import { Locked, type Change, type Revision } from '../store.ts';

const sync = promisify(fdatasync);

/** What the file says of itself, so that a later Peapod knows how to read it. 1: values are BLOBs of UTF-8; 2: they are TEXT, but for those that were there. */
const formatVersion = 2;

export class SqliteLog implements Log {
  readonly compacted: Revision;
  readonly #database: DatabaseSync;
  readonly #wal: number;
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #read: StatementSync;
  readonly #setCompacted: StatementSync;
  #storedCompacted: Revision;

  /** `scrubs`: what is dropped is overwritten, which costs each drop a write of its page. */
  constructor(file: string, scrubs: boolean) {
    const database = open(file, scrubs);
    this.#database = database;
    this.#insert = database.prepare('INSERT INTO log (revision, key, value) VALUES (?, ?, ?)');
    this.#delete = database.prepare('DELETE FROM log WHERE revision = ?');
    this.#read = database.prepare('SELECT value FROM log WHERE revision = ?');
    this.#setCompacted = database.prepare(`UPDATE meta SET value = ? WHERE name = 'compacted'`);
    this.compacted = this.#storedCompacted = database.prepare(`SELECT value FROM meta WHERE name = 'compacted'`).get()!.value as number;
    this.#wal = openSync(`${file}-wal`, 'r+');
  }

  *rows(): Iterable<Row> {
    for (const row of this.#database.prepare('SELECT revision, key, value IS NULL AS deleted FROM log ORDER BY revision').iterate()) {
      yield { revision: row.revision as number, key: row.key as string, deleted: row.deleted === 1 };
    }
  }

  read(revision: Revision): string | null {
    return textOf(this.#read.get(revision)!.value!);
  }

  *readAfter(after: Revision): Iterable<Change> {
    for (const row of this.#database.prepare('SELECT revision, key, value FROM log WHERE revision > ? ORDER BY revision').iterate(after)) {
      yield { revision: row.revision as number, key: row.key as string, value: textOf(row.value!) };
    }
  }

  async commit({ append, forget, compacted }: Commit): Promise<void> {
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      for (const { revision, key, value } of append) this.#insert.run(revision, key, value);
      for (const revision of forget) this.#delete.run(revision);
      if (compacted !== this.#storedCompacted) this.#setCompacted.run(compacted);
      this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw new CommitRefused(`the database refused a commit: ${(error as Error).message}`, { cause: error });
    }
    this.#storedCompacted = compacted;
    // After a failed sync nobody knows what is on the disk: the error goes up as it is and ends the store.
    await sync(this.#wal);
  }

  /** The write-ahead log, in which dropped rows could still be read, begins anew. */
  async afterCompaction(): Promise<void> {
    this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  }

  async close(): Promise<void> {
    closeSync(this.#wal);
    this.#database.close();
  }
}

function textOf(value: SQLOutputValue): string | null {
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString() : (value as string | null);
}

function open(file: string, scrubs: boolean): DatabaseSync {
  const database = new DatabaseSync(file);
  try {
    database.exec(`
      PRAGMA page_size = 16384;
      PRAGMA locking_mode = EXCLUSIVE;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL;
      PRAGMA wal_autocheckpoint = 256;
      PRAGMA secure_delete = ${scrubs ? 'ON' : 'OFF'};
    `);
    const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number };
    if (version > formatVersion) throw new Error(`${file} was written by a newer version of Peapod (format ${version}; this one reads ${formatVersion})`);
    // Written at every start, so that the lock is taken and the -wal file is there.
    database.exec(`
      BEGIN IMMEDIATE;
      CREATE TABLE IF NOT EXISTS log (revision INTEGER PRIMARY KEY, key TEXT NOT NULL, value BLOB);
      CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
      INSERT INTO meta VALUES ('compacted', 0) ON CONFLICT DO NOTHING;
      INSERT INTO meta VALUES ('starts', 1) ON CONFLICT DO UPDATE SET value = value + 1;
      PRAGMA user_version = ${formatVersion};
      COMMIT;
    `);
    if (scrubs) forgetWhatWasDropped(database);
    else database.exec(`DELETE FROM meta WHERE name = 'scrubbed'`);
    syncDirectory(dirname(file));
    return database;
  } catch (error) {
    database.close();
    if (/database is locked/.test((error as Error).message)) throw new Locked(`${file} is in use by another process`, { cause: error });
    throw error;
  }
}

/** Pages that were given free before what is dropped was overwritten: once, the file is written anew without them. */
function forgetWhatWasDropped(database: DatabaseSync): void {
  if (database.prepare(`SELECT value FROM meta WHERE name = 'scrubbed'`).get()) return;
  database.exec(`
    PRAGMA temp_store = MEMORY;
    VACUUM;
    PRAGMA wal_checkpoint(TRUNCATE);
    INSERT INTO meta VALUES ('scrubbed', 1);
  `);
}

/** So that the file's name is as durable as what is in it. */
function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}
