// `peapod token`: by which other machines join this cluster.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatTime, systemClock } from '../../base/clock.ts';
import { clientFor } from '../../cluster/client-for.ts';
import { runningInstance, type Instance } from '../../cluster/instance.ts';
import { createJoinToken, deleteJoinToken, listJoinTokens } from '../../cluster/join-tokens.ts';
import { layoutOf } from '../../cluster/layout.ts';
import { UserError } from '../../cluster/user-error.ts';
import { authorityHash } from '../../server/auth/certificates.ts';

const patienceMs = 30_000;

export async function createToken({ dataDir, ttl, description, output }: { dataDir: string; ttl: number; description?: string; output: 'text' | 'json' }): Promise<void> {
  const instance = running(dataDir);
  const server = instance.joinServer;
  if (!server) throw new UserError(`the cluster listens on ${instance.apiServer} only, where no other machine can reach it`, 'start it with: peapod up --listen 0.0.0.0');
  await using connection = clientFor(instance.kubeconfig);
  const token = await createJoinToken(connection.client, { ttlMs: ttl, description }, systemClock, AbortSignal.timeout(patienceMs));
  const caHash = authorityHash(readFileSync(join(layoutOf(dataDir).pki, 'ca.crt'), 'utf8'));
  const command = `peapod join ${server} --token ${token} --ca-hash ${caHash}`;
  process.stdout.write(output === 'json' ? `${JSON.stringify({ token, caHash, server, command }, null, 2)}\n` : `${command}\n`);
}

export async function listTokens({ dataDir, output }: { dataDir: string; output: 'text' | 'json' }): Promise<void> {
  await using connection = clientFor(running(dataDir).kubeconfig);
  const tokens = (await listJoinTokens(connection.client, AbortSignal.timeout(patienceMs))).map(({ id, expiresMs, usages, groups, description }) => ({
    id, expires: expiresMs === undefined ? null : formatTime(expiresMs), usages, groups: ['system:bootstrappers', ...groups], description,
  }));
  if (output === 'json') return void process.stdout.write(`${JSON.stringify(tokens, null, 2)}\n`);
  const rows = [['ID', 'EXPIRES', 'USAGES', 'DESCRIPTION'], ...tokens.map(({ id, expires, usages, description }) => [id, expires ?? 'never', usages.join(','), description])];
  for (const [id, expires, usages, description] of rows) process.stdout.write(`${id!.padEnd(8)} ${expires!.padEnd(21)} ${usages!.padEnd(23)} ${description}\n`);
}

export async function deleteTokens({ dataDir }: { dataDir: string }, ids: readonly string[]): Promise<void> {
  await using connection = clientFor(running(dataDir).kubeconfig);
  for (const id of ids) {
    // The whole token is taken too, as it stands in the line that was shown.
    if (!(await deleteJoinToken(connection.client, id.split('.')[0]!, AbortSignal.timeout(patienceMs)))) throw new UserError(`there is no token ${id.split('.')[0]}`, 'peapod token list shows those that are there');
  }
}

function running(dataDir: string): Instance {
  const instance = runningInstance(layoutOf(dataDir).instance);
  if (!instance) throw new UserError(`no cluster runs on ${dataDir}`, 'start it with: peapod up --listen 0.0.0.0');
  if (instance.joined) throw new UserError(`${dataDir} is that of a node of the cluster at ${instance.apiServer}`, 'make tokens where the cluster itself runs');
  return instance;
}
