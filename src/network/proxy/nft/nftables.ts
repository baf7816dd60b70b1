// nftables at work: runs scripts, and tells when somebody else has thrown the table away.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { backoffMs } from '../../../base/backoff.ts';
import type { Clock } from '../../../base/clock.ts';
import { run } from '../../pod-network/commands.ts';

export interface Nftables {
  /** One transaction: all of it or, with an Error, nothing. */
  apply(script: string, signal: AbortSignal): Promise<void>;
  /** Idempotent. */
  deleteTable(table: string, signal: AbortSignal): Promise<void>;
  /** In each of its families. */
  has(table: string, signal: AbortSignal): Promise<boolean>;
  /** Calls back when the table may have been deleted by anybody; ends with the signal. */
  watchDeletions(table: string, onDeleted: () => void, signal: AbortSignal): Promise<void>;
}

/** Which tables it is about, and by what it is seen that one is there. */
export interface TableKind {
  readonly family: 'ip' | 'inet';
  /** There is one of the same name in this family too. */
  readonly second?: 'ip6' | undefined;
  /** A name in `directory`. */
  readonly file: string;
  /** Something small in the table that is listed to see whether it is there, and a word that is in it then. */
  readonly probe: { readonly list: 'map' | 'chain'; readonly name: string; readonly word: string };
}

export const serviceTables: TableKind = { family: 'ip', file: 'services.nft', probe: { list: 'map', name: 'node-ports', word: 'map' } };

/** `directory` is there; the scripts pass through it, since nft does not read what Node.js gives it as standard input. */
export function createNftables(directory: string, clock: Clock, { family, second, file: fileName, probe }: TableKind = serviceTables): Nftables {
  const file = join(directory, fileName);
  const families = [family, ...(second ? [second] : [])];
  return {
    async apply(script, signal) {
      writeFileSync(`${file}.new`, script);
      renameSync(`${file}.new`, file);
      await run('nft', ['-f', file], signal);
    },
    async deleteTable(table, signal) {
      // Then nothing was ever applied.
      if (!existsSync(file)) return;
      for (const of of families) {
        await run('nft', ['delete', 'table', of, table], signal).catch((error: unknown) => {
          if (!/No such file or directory/.test(String(error))) throw error;
        });
      }
      rmSync(file);
    },
    async has(table, signal) {
      const found = families.map((of) => run('nft', ['list', probe.list, of, table, probe.name], signal).then((listing) => listing.includes(probe.word), () => false));
      return (await Promise.all(found)).every(Boolean);
    },
    async watchDeletions(table, onDeleted, signal) {
      for (let failures = 1; !signal.aborted; failures++) {
        const beganMs = clock.monotonicMs();
        await follow(table, probe.name, onDeleted, signal);
        if (signal.aborted) return;
        // What was deleted while nobody watched was not told.
        onDeleted();
        if (clock.monotonicMs() - beganMs > restartMs.longestMs) failures = 1;
        await clock.sleep(backoffMs(failures, restartMs), signal).catch(() => {});
      }
    },
  };
}

const restartMs = { initialMs: 500, longestMs: 30_000 };

function follow(table: string, probed: string, onDeleted: () => void, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const monitor = spawn('nft', ['monitor', 'destroy'], { stdio: ['ignore', 'pipe', 'ignore'], signal, env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` } });
    monitor.on('error', () => resolve());
    monitor.on('close', () => resolve());
    createInterface({ input: monitor.stdout }).on('line', (line) => {
      const words = line.split(' ');
      // `flush table` leaves the table and takes its rules.
      if (words[0] === 'delete' && words.includes(table) && (words[1] === 'table' || words.includes(probed))) onDeleted();
    });
  });
}
