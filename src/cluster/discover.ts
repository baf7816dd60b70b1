// How a machine that has only an address and a token learns who the cluster is. What the server says of itself is believed once it
// is shown to know the token (it has signed it with that), and to be the authority whose hash was given, if one was.
import { request } from 'node:https';
import { connect } from 'node:net';
import { signedWith, type BootstrapToken } from '../api/certificates/bootstrap-token.ts';
import { backoffMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import type { ConfigMap } from '../api/types.ts';
import { authorityHash } from '../server/auth/certificates.ts';
import { UserError } from './user-error.ts';

export interface Discovery {
  /** `https://192.0.2.1:6443` */
  readonly server: string;
  readonly token: BootstrapToken;
  /** `sha256:…` */
  readonly caHash: string | undefined;
}

const infoPath = '/api/v1/namespaces/kube-public/configmaps/cluster-info';
const answerMs = 10_000;
const retry = { initialMs: 200, longestMs: 2_000 };
/** A server that is just being started is waited for. */
const patienceMs = 20_000;

/** The cluster's authority, PEM. Throws UserError. */
export async function discoverAuthority({ server, token, caHash }: Discovery, clock: Clock, signal: AbortSignal): Promise<string> {
  const { data = {} } = await clusterInfo(server, clock, signal);
  const kubeconfig = data['kubeconfig'] ?? '';
  const signature = data[`jws-kubeconfig-${token.id}`];
  if (signature === undefined) throw new UserError(`the cluster at ${server} does not know the token ${token.id}: it is wrong, or its time is over`, newToken);
  if (signature !== signedWith(token, kubeconfig)) throw new UserError(`the secret of the token ${token.id} is wrong, or ${server} is not the cluster that it is for`, newToken);
  const ca = Buffer.from(/certificate-authority-data: (\S+)/.exec(kubeconfig)?.[1] ?? '', 'base64').toString();
  const found = authorityHash(ca);
  if (caHash !== undefined && caHash !== found) throw new UserError(`the certificate authority of ${server} has the hash ${found}, not ${caHash}`, 'check the address and --ca-hash: somebody may stand in between');
  return ca;
}

export const newToken = 'make one on the cluster with: peapod token create';

/** The address of this machine by which it reaches the server; undefined: it does not. */
export function addressTowards(server: string, signal: AbortSignal): Promise<string | undefined> {
  const { hostname, port } = new URL(server);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 443), signal });
    socket.once('connect', () => {
      resolve(socket.localAddress);
      socket.destroy();
    });
    socket.once('error', () => resolve(undefined));
  });
}

async function clusterInfo(server: string, clock: Clock, signal: AbortSignal): Promise<ConfigMap> {
  const untilMs = clock.monotonicMs() + patienceMs;
  for (let failures = 1; ; failures++) {
    try {
      return await ask(server, clock, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof UserError) throw error;
      if (clock.monotonicMs() > untilMs) throw new UserError(`the API server at ${server} cannot be reached: ${(error as Error).message}`, 'check the address, and that the cluster listens there: peapod up --listen 0.0.0.0', { cause: error });
      await clock.sleep(backoffMs(failures, retry), signal);
    }
  }
}

function ask(server: string, clock: Clock, signal: AbortSignal): Promise<ConfigMap> {
  return new Promise((resolve, reject) => {
    // Nobody is believed yet: what comes is checked by its signature.
    const sent = request(new URL(infoPath, server), { rejectUnauthorized: false, agent: false, signal }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        try {
          const object = JSON.parse(text) as ConfigMap;
          if (answer.statusCode === 200 && object.kind === 'ConfigMap') return resolve(object);
        } catch {
          // Told below.
        }
        if (answer.statusCode! >= 500) return reject(new Error(`it answered ${answer.statusCode}`));
        reject(new UserError(`the server at ${server} takes no nodes (it answered ${answer.statusCode})`, 'give the address of a cluster that was started with: peapod up --listen 0.0.0.0'));
      });
    });
    const timer = clock.schedule(answerMs, () => sent.destroy(new Error('it does not answer')));
    sent.once('close', () => timer[Symbol.dispose]());
    sent.once('error', reject);
    sent.end();
  });
}
